/* file.c - one file: in the cache, or into it
 *
 *   a commit, and its link is there ────────────────────────────────► the path
 *   offline ─── link of the revision's last known commit ───────────► the path, or -ENETDOWN
 *   HEAD  ─── failed, but a link is there ──────────────────────────► the path, and a note
 *     │ commit, etag, size
 *     ├── link is there ────────────────────────────────────────────► the path
 *     └── lock(etag) ── blob is there ── link ──────────────────────► the path
 *                    └─ GET into etag.incomplete, from where it ends
 *                       length, digest; rename to etag; link ───────► the path
 *
 * The GET names the commit, not the place that the HEAD was sent to: each try gets a fresh signature
 * of the CDN's. A download that is cut goes on from the byte where it was cut; as long as bytes come,
 * the count of tries begins anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "hub/inside.h"

#define TRIES 5
#define TRIES_CACHED 2   /* where there is a cached file to fall back on */
#define TRIES_TOTAL 1000 /* of one download, however many bytes each brought */

/* ---- notes and secrets ---- */

/* Both strings end in NUL; `text` has room for itself only, the mask is never longer than a token. */
static void mask(const struct tk_hub_conf *c, char *text)
{
    size_t n = c->token ? strlen(c->token) : 0;

    for (char *p = n >= 3 ? strstr(text, c->token) : NULL; p; p = strstr(p, c->token)) {
        memmove(p + 3, p + n, strlen(p + n) + 1);
        memcpy(p, "***", 3);
    }
}

void tk__hub_note(const struct tk_hub_conf *c, const char *fmt, ...)
{
    char text[700];
    va_list ap;

    if (!c->note)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    mask(c, text);
    c->note(c->arg, text);
}

int tk__hub_mask(const struct tk_hub_conf *c, int rc, struct tk_err *e)
{
    if (rc != 0 && e)
        mask(c, e->msg);
    return rc;
}

/* ---- the session ---- */

int tk__hub_session_init(struct tk__hub_session *s, const struct tk_hub_conf *c,
                         const struct tk_hub_repo *repo, struct tk_err *reterr)
{
    *s = (struct tk__hub_session){ .conf = c, .repo = repo };
    int rc = tk__hub_store_init(&s->store, c, repo);
    return rc == 0 ? 0 : tk_err_set(reterr, rc, "no memory for '%s'", repo->id);
}

void tk__hub_session_release(struct tk__hub_session *s)
{
    tk__hub_store_release(&s->store);
    s->http = tk__hub_http_free(s->http);
}

int tk__hub_session_connect(struct tk__hub_session *s, struct tk_err *reterr)
{
    return s->http ? 0 : tk__hub_http_new(s->conf, &s->http, reterr);
}

/* ---- the download ---- */

struct download {
    struct tk__hub_sink sink; /* first: the sink's functions get the whole by it */
    const struct tk_hub_conf *conf;
    const char *name;
    int fd;
    int64_t at;   /* bytes in the file */
    int64_t size; /* bytes that it should have, -1: not known */
};

static int cut_to(struct download *d, int64_t at)
{
    if (ftruncate(d->fd, at) != 0)
        return -errno;
    d->at = at;
    return 0;
}

static int on_begin(struct tk__hub_sink *k, const struct tk__hub_reply *r)
{
    struct download *d = (struct download *)(void *)k;
    int64_t total = r->status == 206 ? r->range_total : r->length;

    if (r->status == 206 && r->range_start != d->at)
        return -EBADMSG;
    if (d->size < 0)
        d->size = total;
    if (total >= 0 && total != d->size)
        return -EBADMSG;
    return r->status == 206 ? 0 : cut_to(d, 0); /* the server did not care for the range */
}

static int on_bytes(struct tk__hub_sink *k, const char *p, size_t n)
{
    struct download *d = (struct download *)(void *)k;

    if (d->size >= 0 && (int64_t)n > d->size - d->at)
        return -EBADMSG;
    if ((int64_t)n > d->conf->max_file_bytes - d->at)
        return TK_E_LIMIT;
    while (n > 0) {
        ssize_t done = pwrite(d->fd, p, n, d->at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        p += done;
        n -= (size_t)done;
        d->at += done;
    }
    return 0;
}

static bool on_going(struct tk__hub_sink *k)
{
    struct download *d = (struct download *)(void *)k;

    return !d->conf->progress || d->conf->progress(d->conf->arg, d->name, d->at, d->size);
}

/* What one try came to: 0 the file is whole, 1 try again, or a negative code. */
static int judge(struct tk__hub_session *s, struct download *d, int rc,
                 const struct tk__hub_reply *r, struct tk_err *reterr)
{
    if (rc == -EBADMSG || (rc == 0 && r->status == 416)) {
        rc = cut_to(d, 0); /* what is there belongs to another file */
        return rc == 0 ? 1 : rc;
    }
    if (rc == 0 && (r->status < 200 || r->status >= 300))
        return tk__hub_http_may_pass(0, r)
                   ? 1
                   : tk__hub_http_refused(s->http, s->repo, d->name, r, reterr);
    if (rc == 0)
        return d->size < 0 || d->at == d->size ? 0 : 1;
    if (tk__hub_http_may_pass(rc, r))
        return 1;
    return rc;
}

static int give_up(struct tk__hub_session *s, const struct download *d, int rc,
                   const struct tk__hub_reply *r, struct tk_err *reterr)
{
    if (rc == 0 && r->status != 416 && (r->status < 200 || r->status >= 300))
        return tk__hub_http_refused(s->http, s->repo, d->name, r, reterr);
    if (rc == 0 || rc == -EBADMSG)
        return tk_err_set(reterr, -EBADMSG, "'%s' of '%s' does not come as long as was promised",
                          d->name, s->repo->id);
    return tk_err_set(reterr, rc, "'%s' of '%s' does not come whole: %s", d->name, s->repo->id,
                      reterr ? reterr->msg : tk_err_text(rc));
}

/* GET until the file is whole. */
static int receive(struct tk__hub_session *s, struct download *d, const char *url,
                   struct tk_err *reterr)
{
    struct tk__hub_reply r;
    struct tk_err err = { 0 };

    for (unsigned n = 0, i = 1; d->size < 0 || d->at != d->size; i++, n++) {
        int64_t before = d->at;
        int rc = tk__hub_http_ask(s->http, url, d->at, &d->sink, &r, &err);
        int verdict = judge(s, d, rc, &r, &err);
        if (verdict <= 0) {
            if (verdict < 0 && reterr)
                *reterr = err;
            return verdict;
        }
        if (d->at > before)
            i = 0; /* it came some way */
        if (i == TRIES || n == TRIES_TOTAL) {
            if (reterr)
                *reterr = err;
            return give_up(s, d, rc, &r, reterr);
        }
        tk__hub_note(s->conf, "'%s' of '%s': trying again from byte %lld", d->name, s->repo->id,
                     (long long)d->at);
        tk__hub_http_wait(s->conf, i ? i : 1, &r);
    }
    return 0;
}

/* Receive and check; once more from the start when the digest is wrong. */
static int receive_right(struct tk__hub_session *s, struct download *d, const char *url,
                         const char *etag, struct tk_err *reterr)
{
    for (int i = 0;; i++) {
        int rc = receive(s, d, url, reterr);
        if (rc == TK_E_LIMIT && d->at > 0)
            (void)tk_err_set(reterr, rc, "'%s' of '%s' is longer than %lld bytes", d->name,
                             s->repo->id, (long long)s->conf->max_file_bytes);
        if (rc == 0)
            rc = tk__hub_verify(d->fd, d->at, etag);
        else
            return rc;
        if (rc == 0 || (rc == -EBADMSG && i > 0))
            return rc == 0 ? 0
                           : tk_err_set(reterr, rc,
                                        "'%s' of '%s' came damaged: its digest is not its etag",
                                        d->name, s->repo->id);
        if (rc == -EBADMSG)
            rc = cut_to(d, 0);
        if (rc != 0)
            return tk_err_set(reterr, rc, "'%s' cannot be kept: %s", d->name, tk_err_text(rc));
        tk__hub_note(s->conf, "'%s' of '%s' came damaged: downloading it again", d->name,
                     s->repo->id);
    }
}

/* Into etag.incomplete, then to its name. The lock is held. */
static int make_blob(struct tk__hub_session *s, const struct tk__hub_reply *meta, int64_t size,
                     const char *name, const char *blob, struct tk_err *reterr)
{
    char *draft = tk__hub_text("%s.incomplete", blob);
    char *url = tk__hub_file_url(s->conf, s->repo, meta->commit, name);
    struct download d = {
        .sink = { on_begin, on_bytes, on_going },
        .conf = s->conf,
        .name = name,
        .fd = draft ? open(draft, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1,
        .size = size,
    };
    int rc = draft && url ? 0 : -ENOMEM;

    if (rc == 0 && (d.fd < 0 || (d.at = lseek(d.fd, 0, SEEK_END)) < 0))
        rc = -errno;
    if (rc == 0 && size >= 0 && d.at > size)
        rc = cut_to(&d, 0);
    if (rc != 0)
        (void)tk_err_set(reterr, rc, "'%s' cannot be kept in '%s': %s", name, s->conf->cache,
                         tk_err_text(rc));
    else
        rc = receive_right(s, &d, url, meta->etag, reterr);
    if (rc == 0 && (fdatasync(d.fd) != 0 || rename(draft, blob) != 0))
        rc = tk_err_set(reterr, -errno, "'%s' cannot be kept in '%s': %s", name, s->conf->cache,
                        tk_err_text(-errno));
    if (rc == -EBADMSG)
        (void)unlink(draft);
    if (d.fd >= 0)
        close(d.fd);
    free(url);
    free(draft);
    return rc;
}

/* Blob and link, under the blob's lock. */
static int download(struct tk__hub_session *s, const struct tk__hub_reply *meta, int64_t size,
                    const char *name, struct tk_err *reterr)
{
    char *blob = tk__hub_text("%s/blobs/%s", s->store.folder, meta->etag);
    int lock = -1, rc = blob ? tk__hub_make_parents(blob) : -ENOMEM;
    bool has_message = false;

    if (rc == 0)
        rc = tk__hub_store_lock(&s->store, s->conf, meta->etag, &lock);
    if (rc == 0 && access(blob, F_OK) != 0) {
        rc = make_blob(s, meta, size, name, blob, reterr);
        has_message = rc != 0;
    }
    if (rc == 0)
        rc = tk__hub_store_link(&s->store, meta->etag, meta->commit, name);
    if (lock >= 0)
        close(lock);
    free(blob);
    if (rc != 0 && !has_message)
        (void)tk_err_set(reterr, rc, "'%s' cannot be kept in the cache '%s': %s", name,
                         s->conf->cache, tk_err_text(rc));
    return rc;
}

/* ---- deciding ---- */

/* The link of the last commit that the cache knows for the revision, or NULL. */
static char *cached(const struct tk__hub_session *s, const char *revision, const char *name)
{
    char commit[129], *pointer;

    tk__hub_store_commit(&s->store, revision, commit);
    pointer = commit[0] ? tk__hub_store_pointer(&s->store, commit, name) : NULL;
    if (pointer && access(pointer, F_OK) != 0) {
        free(pointer);
        return NULL;
    }
    return pointer;
}

/* Must the failure be told although there is a cached file? */
static bool is_final(int rc, const struct tk__hub_reply *r)
{
    return rc == TK_E_CERT || rc == TK_E_TLS || rc == TK_E_CANCELLED || rc == -ENOMEM ||
           rc == -ENOENT || strcmp(r->error_code, "RevisionNotFound") == 0;
}

/* The reply of the HEAD has what is needed, and it may be used in paths. */
static int check_meta(const struct tk__hub_session *s, const struct tk__hub_reply *r, int64_t size,
                      struct tk_err *reterr)
{
    if (!tk__hub_is_safe_part(tk_str_of(r->commit)) || !tk__hub_is_safe_part(tk_str_of(r->etag)))
        return tk_err_set(reterr, TK_E_PROTO,
                          "'%s' does not answer as a hub does (no commit or etag); see HF_ENDPOINT",
                          tk__hub_http_where(s->http));
    if (size > s->conf->max_file_bytes)
        return tk_err_set(reterr, TK_E_LIMIT, "the file has %lld bytes, more than %lld",
                          (long long)size, (long long)s->conf->max_file_bytes);
    return 0;
}

static int64_t size_of(const struct tk__hub_reply *r)
{
    if (r->linked_size >= 0)
        return r->linked_size;
    return r->status < 300 ? r->length : -1; /* that of a redirect is its own */
}

/* Commit, etag and size, from the hub. */
static int ask(struct tk__hub_session *s, const char *revision, const char *name, bool is_cached,
               struct tk__hub_reply *r, struct tk_err *reterr)
{
    char *url = tk__hub_file_url(s->conf, s->repo, revision, name);
    int rc = url ? tk__hub_session_connect(s, reterr)
                 : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", name);

    if (rc == 0)
        rc = tk__hub_http_try(s->http, url, NULL, is_cached ? TRIES_CACHED : TRIES, r, reterr);
    if (rc == 0 && r->status >= 400)
        rc = tk__hub_http_refused(s->http, s->repo, name, r, reterr);
    if (rc == 0)
        rc = check_meta(s, r, size_of(r), reterr);
    if ((rc == 0 || rc == -ENOENT) && tk__hub_is_safe_part(tk_str_of(r->commit))) {
        tk__hub_store_set_commit(&s->store, revision, r->commit);
        if (rc == -ENOENT)
            tk__hub_store_set_lacks(&s->store, r->commit, name);
    }
    free(url);
    return rc;
}

static int not_cached(const struct tk__hub_session *s, const char *name, struct tk_err *reterr)
{
    return tk_err_set(reterr, -ENETDOWN,
                      "'%s' of '%s' is not in the cache '%s', and the hub must not be asked "
                      "(HF_HUB_OFFLINE)",
                      name, s->repo->id, s->conf->cache);
}

static int online(struct tk__hub_session *s, const char *revision, const char *name, char *known,
                  char **ret_path, struct tk_err *reterr)
{
    struct tk__hub_reply r = { 0 };
    struct tk_err err = { 0 };
    int rc = ask(s, revision, name, known != NULL, &r, &err);

    if (rc != 0 && known && !is_final(rc, &r)) {
        tk__hub_note(s->conf, "'%s' of '%s' is taken from the cache: %s", name, s->repo->id,
                     err.msg);
        *ret_path = strdup(known);
        return *ret_path ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", name);
    }
    if (rc != 0)
        return tk_err_set(reterr, rc, "%s", err.msg);
    char *pointer = tk__hub_store_pointer(&s->store, r.commit, name);
    if (!pointer)
        return tk_err_set(reterr, -ENOMEM, "no memory for '%s'", name);
    if (access(pointer, F_OK) != 0)
        rc = download(s, &r, size_of(&r), name, reterr);
    if (rc == 0)
        *ret_path = pointer;
    else
        free(pointer);
    return rc;
}

int tk__hub_file(struct tk__hub_session *s, const char *revision, const char *name, char **ret_path,
                 struct tk_err *reterr)
{
    const char *r = revision ? revision : tk__hub_revision(s->repo);
    char *known = cached(s, r, name);
    int rc;

    if (known && (tk__hub_is_commit(r) || s->conf->is_offline)) {
        *ret_path = known;
        return 0;
    }
    rc = s->conf->is_offline ? not_cached(s, name, reterr)
                             : online(s, r, name, known, ret_path, reterr);
    free(known);
    return rc;
}

/* A folder or file of this machine. 0 with *ret_path, 1 when there is none of that name, or a code. */
static int local(const struct tk_hub_repo *repo, const char *name, char **ret_path,
                 struct tk_err *reterr)
{
    struct stat st;

    if (stat(repo->id, &st) != 0)
        return 1;
    bool is_folder = S_ISDIR(st.st_mode);
    char *path = is_folder ? tk__hub_text("%s/%s", repo->id, name) : strdup(repo->id);
    if (!path)
        return tk_err_set(reterr, -ENOMEM, "no memory for '%s'", repo->id);
    if (is_folder && access(path, F_OK) != 0) {
        free(path);
        return tk_err_set(reterr, -ENOENT, "the folder '%s' has no file '%s'", repo->id, name);
    }
    *ret_path = path;
    return 0;
}

int tk_hub_get(const struct tk_hub_conf *c, const struct tk_hub_repo *repo, const char *name,
               char **ret_path, struct tk_err *reterr)
{
    struct tk__hub_session s;
    int rc = local(repo, name, ret_path, reterr);

    if (rc <= 0)
        return rc;
    rc = tk__hub_check(repo, name, reterr);
    if (rc == 0)
        rc = tk__hub_session_init(&s, c, repo, reterr);
    if (rc != 0)
        return rc;
    rc = tk__hub_mask(c, tk__hub_file(&s, NULL, name, ret_path, reterr), reterr);
    tk__hub_session_release(&s);
    return rc;
}

int tk_hub_cached(const struct tk_hub_conf *c, const struct tk_hub_repo *repo, const char *name,
                  char **ret_path)
{
    struct tk__hub_session s;
    char commit[129];
    int rc = tk__hub_check(repo, name, NULL);

    if (rc == 0)
        rc = tk__hub_session_init(&s, c, repo, NULL);
    if (rc != 0)
        return rc;
    char *path = cached(&s, tk__hub_revision(repo), name);
    tk__hub_store_commit(&s.store, tk__hub_revision(repo), commit);
    if (path)
        *ret_path = path;
    else
        rc = commit[0] && tk__hub_store_lacks(&s.store, commit, name) ? -ENOENT : TK_E_NOT_FOUND;
    tk__hub_session_release(&s);
    return rc;
}
