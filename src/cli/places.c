/* places.c - no result is written over what the command reads, or over another result
 *
 * Two names of files that are there are compared by device and inode, so that links of both kinds are
 * seen through; otherwise by the real path that the file would get. Pipes and devices take what is
 * written to them and lose nothing.
 */
#include "cli/places.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first bytes of a file; false: it is no regular file, or has less. */
static bool begins_with(const char *path, const char *bytes, size_t n)
{
    char head[32];
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || n > sizeof(head))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, head, n);
    (void)close(fd);
    return got == (ssize_t)n && memcmp(head, bytes, n) == 0;
}

bool tk_place_is_run_file(const char *path)
{
    static const char magic[16] = "SQLite format 3";

    return begins_with(path, magic, sizeof(magic));
}

/* Whether a log that a simulator wrote is there, or nothing. */
static bool takes_log(const char *path)
{
    static const char head[] = "{\"kind\":";
    struct stat st;

    return stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
           begins_with(path, head, sizeof(head) - 1);
}

/* Where a file of this name is, or would be made; false when it could not be. A link to a file that is
 * not there is followed: realpath() leaves the part that it could not find. */
static bool find_real(const char *path, char out[PATH_MAX])
{
    char folder[PATH_MAX];
    struct stat st;

    out[0] = '\0';
    if (realpath(path, out))
        return true;
    if (lstat(path, &st) == 0)
        return out[0] != '\0';
    const char *slash = strrchr(path, '/');
    int n = snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
                     slash ? path : ".");
    char real[PATH_MAX];
    if (n < 0 || (size_t)n >= sizeof(folder) || !realpath(folder, real))
        return false;
    n = snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
                 slash ? slash + 1 : path);
    return n > 0 && n < PATH_MAX;
}

static bool is_same(const char *a, const char *b)
{
    char real_a[PATH_MAX], real_b[PATH_MAX];
    struct stat x, y;

    if (stat(a, &x) == 0 && stat(b, &y) == 0)
        return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    return find_real(a, real_a) && find_real(b, real_b) && strcmp(real_a, real_b) == 0;
}

static bool matters(const struct tk_place *p)
{
    return p->path && p->path[0] != '\0' && strcmp(p->path, "-") != 0;
}

/* What is there already, in the place of something that is to be written. */
static int check_content(const struct tk_place *p, struct tk_err *reterr)
{
    struct stat st;

    if (stat(p->path, &st) == 0 && S_ISDIR(st.st_mode))
        return tk_err_set(reterr, -EISDIR, "%s: '%s' is a folder", p->option, p->path);
    if (p->kind == TK_PLACE_RUN_FILE)
        return 0;
    if (tk_place_is_run_file(p->path))
        return tk_err_set(reterr, -EEXIST, "%s: '%s' is a run file and is left alone", p->option,
                          p->path);
    if (p->kind == TK_PLACE_LOG && !takes_log(p->path))
        return tk_err_set(reterr, -EEXIST,
                          "%s: '%s' is there and is no log of a simulator; it is left alone",
                          p->option, p->path);
    return 0;
}

int tk_places_check(const struct tk_place *places, size_t n, struct tk_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct tk_place *p = &places[i];
        if (!matters(p) || p->kind == TK_PLACE_INPUT)
            continue;
        for (size_t k = 0; k < n; k++) {
            if (k != i && matters(&places[k]) && is_same(p->path, places[k].path))
                return tk_err_set(
                    reterr, -EEXIST, "'%s' is both %s and %s: one would be written over the other",
                    p->path, places[TK_MIN(i, k)].option, places[TK_MAX(i, k)].option);
        }
        rc = check_content(p, reterr);
    }
    return rc;
}
