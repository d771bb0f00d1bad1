/* cache.c - the folders of huggingface_hub's cache
 *
 *   CACHE/models--org--name/refs/main                    the commit that "main" was, 40 digits
 *                          /blobs/ETAG                   the bytes, once
 *                          /blobs/ETAG.incomplete        a download under way, or cut
 *                          /snapshots/COMMIT/a/b.json    a link: ../../../blobs/ETAG
 *                          /.no_exist/COMMIT/c.json      empty: the commit has no such file
 *   CACHE/.locks/models--org--name/ETAG.lock             flock()ed while that blob is made
 *
 * The cache may be read-only, on a file system without links or without locks. What is only there to
 * save a question next time (refs, .no_exist) may fail in silence.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "hub/inside.h"

#define LOCK_LOOK_NS (20 * 1000 * 1000)
#define LOCK_SAY_AFTER 50 /* looks */

int tk__hub_store_init(struct tk__hub_store *s, const struct tk_hub_conf *c,
                       const struct tk_hub_repo *repo)
{
    const char *slash = strchr(repo->id, '/');
    int n_org = slash ? (int)(slash - repo->id) : 0;
    char *name = tk__hub_text("%ss--%.*s%s%s", tk__hub_type_name(repo->type), n_org, repo->id,
                              slash ? "--" : "", slash ? slash + 1 : repo->id);

    s->folder = name ? tk__hub_text("%s/%s", c->cache, name) : NULL;
    s->locks = name ? tk__hub_text("%s/.locks/%s", c->cache, name) : NULL;
    free(name);
    if (s->folder && s->locks)
        return 0;
    tk__hub_store_release(s);
    return -ENOMEM;
}

void tk__hub_store_release(struct tk__hub_store *s)
{
    free(s->folder);
    free(s->locks);
    s->folder = s->locks = NULL;
}

void tk__hub_store_commit(const struct tk__hub_store *s, const char *revision, char *out)
{
    char text[130];
    ssize_t n = -1;

    out[0] = '\0';
    if (tk__hub_is_commit(revision)) {
        memcpy(out, revision, 41);
        return;
    }
    char *path = tk__hub_text("%s/refs/%s", s->folder, revision);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        n = read(fd, text, sizeof(text));
        close(fd);
    }
    free(path);
    struct tk_str commit = tk_str_trim((struct tk_str){ text, n > 0 ? (size_t)n : 0 });
    if (commit.n > 0 && tk__hub_is_safe_part(commit)) {
        memcpy(out, commit.p, commit.n);
        out[commit.n] = '\0';
    }
}

int tk__hub_make_parents(const char *path)
{
    char *copy = strdup(path);
    int rc = copy ? 0 : -ENOMEM;

    for (char *p = copy ? strchr(copy + 1, '/') : NULL; rc == 0 && p; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST && access(copy, F_OK) != 0)
            rc = -errno;
        *p = '/';
    }
    free(copy);
    return rc;
}

/* A small file as a whole, or nothing. Written beside it first: a reader never sees half of it. */
static void write_small(const char *path, const char *text)
{
    char *draft = tk__hub_text("%s.%ld", path, (long)getpid());
    int fd = -1;

    if (draft && tk__hub_make_parents(path) == 0)
        fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd >= 0) {
        bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
        ok = close(fd) == 0 && ok;
        if (!ok || rename(draft, path) != 0)
            (void)unlink(draft);
    }
    free(draft);
}

void tk__hub_store_set_commit(const struct tk__hub_store *s, const char *revision,
                              const char *commit)
{
    char known[129], *path;

    if (strcmp(revision, commit) == 0)
        return;
    tk__hub_store_commit(s, revision, known);
    if (strcmp(known, commit) == 0)
        return;
    path = tk__hub_text("%s/refs/%s", s->folder, revision);
    if (path)
        write_small(path, commit);
    free(path);
}

char *tk__hub_store_pointer(const struct tk__hub_store *s, const char *commit, const char *name)
{
    return tk__hub_text("%s/snapshots/%s%s%s", s->folder, commit, name ? "/" : "",
                        name ? name : "");
}

bool tk__hub_store_lacks(const struct tk__hub_store *s, const char *commit, const char *name)
{
    char *path = tk__hub_text("%s/.no_exist/%s/%s", s->folder, commit, name);
    bool is_there = path && access(path, F_OK) == 0;

    free(path);
    return is_there;
}

void tk__hub_store_set_lacks(const struct tk__hub_store *s, const char *commit, const char *name)
{
    char *path = tk__hub_text("%s/.no_exist/%s/%s", s->folder, commit, name);

    if (path && access(path, F_OK) != 0 && tk__hub_make_parents(path) == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0)
            close(fd);
    }
    free(path);
}

/* Where the link is to lead: as many "../" as the name has folders, and two more. */
static char *link_target(const char *etag, const char *name)
{
    struct tk_buf b = TK_BUF_INIT(TK__HUB_MAX_PATH);

    tk_buf_add_z(&b, "../../");
    for (; *name; name++) {
        if (*name == '/')
            tk_buf_add_z(&b, "../");
    }
    tk_buf_addf(&b, "blobs/%s", etag);
    if (b.failed)
        tk_buf_release(&b);
    return b.p;
}

/* A link that leads nowhere, or elsewhere, gives way. */
static int make_link(const char *target, const char *pointer, const char *blob)
{
    for (int i = 0; i < 2; i++) {
        if (symlink(target, pointer) == 0)
            return 0;
        if (errno == EEXIST && access(pointer, F_OK) == 0)
            return 0; /* another process was faster */
        if (errno == EEXIST && unlink(pointer) != 0)
            return -errno;
        if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)
            return rename(blob, pointer) == 0 ? 0 : -errno; /* no links on this file system */
    }
    return -EEXIST;
}

int tk__hub_store_link(const struct tk__hub_store *s, const char *etag, const char *commit,
                       const char *name)
{
    char *pointer = tk__hub_store_pointer(s, commit, name);
    char *blob = tk__hub_text("%s/blobs/%s", s->folder, etag);
    char *target = link_target(etag, name);
    int rc = pointer && blob && target ? tk__hub_make_parents(pointer) : -ENOMEM;

    if (rc == 0)
        rc = make_link(target, pointer, blob);
    free(target);
    free(blob);
    free(pointer);
    return rc;
}

/* Is the file of the descriptor still the one of that path? Whoever unlocks may remove it. */
static bool is_current(int fd, const char *path)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

static int lock_path(const char *path, const struct tk_hub_conf *c, int *ret_fd)
{
    const struct timespec look = { .tv_nsec = LOCK_LOOK_NS };

    for (unsigned i = 0;; i++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return -errno;
        int rc = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
        if (rc == 0 && is_current(fd, path)) {
            *ret_fd = fd;
            return 0;
        }
        close(fd);
        if (rc != 0 && rc != -EWOULDBLOCK && rc != -EINTR) {
            *ret_fd = -1; /* a file system without locks: digests guard what is made */
            return 0;
        }
        if (i == LOCK_SAY_AFTER)
            tk__hub_note(c, "another process is downloading the same file: waiting for it");
        if (rc != 0)
            (void)nanosleep(&look, NULL);
    }
}

int tk__hub_store_lock(const struct tk__hub_store *s, const struct tk_hub_conf *c, const char *etag,
                       int *ret_fd)
{
    char *path = tk__hub_text("%s/%s.lock", s->locks, etag);
    int rc = path ? tk__hub_make_parents(path) : -ENOMEM;

    if (rc == 0)
        rc = lock_path(path, c, ret_fd);
    free(path);
    return rc;
}
