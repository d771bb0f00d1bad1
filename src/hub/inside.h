/* inside.h - what the files of the hub share; for src/hub alone */
#ifndef TK_HUB_INSIDE_H
#define TK_HUB_INSIDE_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "hub/hub.h"

#define TK__HUB_MAX_PATH 8192 /* longest path or URL made here, bytes */

/* ---- names.c: what may be a name ---- */

/* "main" where none was given. */
const char *tk__hub_revision(const struct tk_hub_repo *repo);

/* "model" or "dataset". */
const char *tk__hub_type_name(enum tk_hub_type type);

bool tk__hub_is_commit(const char *revision); /* 40 hexadecimal digits, lower case */

/* One component of a path from elsewhere: an etag, a commit. Nothing that leads out of a folder. */
bool tk__hub_is_safe_part(struct tk_str s);

/* A relative path of such parts, with slashes between; hidden files are allowed here. */
bool tk__hub_is_safe_path(const char *path);

/* Id, revision and, when not NULL, file name. 0 or TK_E_FORMAT. */
int tk__hub_check(const struct tk_hub_repo *repo, const char *name, struct tk_err *reterr);

/* Text by printf as a string from malloc, or NULL (too long, or no memory). */
char *tk__hub_text(const char *fmt, ...) TK_PRINTF(1, 2);

/* "ENDPOINT/[datasets/]org/name/resolve/REVISION/FILE"; NULL: no memory. */
char *tk__hub_file_url(const struct tk_hub_conf *c, const struct tk_hub_repo *repo,
                       const char *revision, const char *name);

/* "ENDPOINT/api/models/org/name/revision/REVISION"; NULL: no memory. */
char *tk__hub_list_url(const struct tk_hub_conf *c, const struct tk_hub_repo *repo);

/* ---- cache.c: the folders ---- */

struct tk__hub_store {
    char *folder; /* CACHE/models--org--name */
    char *locks;  /* CACHE/.locks/models--org--name */
};

int tk__hub_store_init(struct tk__hub_store *s, const struct tk_hub_conf *c,
                       const struct tk_hub_repo *repo); /* 0 or -ENOMEM */
void tk__hub_store_release(struct tk__hub_store *s);

/* The commit of a revision as the cache knows it, "" when it does not. `out` has 129 bytes. */
void tk__hub_store_commit(const struct tk__hub_store *s, const char *revision, char *out);

/* Remember the commit of a branch or tag. Failures do not matter. */
void tk__hub_store_set_commit(const struct tk__hub_store *s, const char *revision,
                              const char *commit);

/* snapshots/COMMIT[/name] as a string from malloc, whether it is there or not; NULL: no memory. */
char *tk__hub_store_pointer(const struct tk__hub_store *s, const char *commit, const char *name);

/* Is it known that the commit has no such file? */
bool tk__hub_store_lacks(const struct tk__hub_store *s, const char *commit, const char *name);
void tk__hub_store_set_lacks(const struct tk__hub_store *s, const char *commit, const char *name);

/* Make the folders above `path`. 0 or a negated errno. */
int tk__hub_make_parents(const char *path);

/* Make the snapshot's link to the blob. A blob moves there where links cannot be had. 0 or a negated
 * errno, -ENAMETOOLONG included. */
int tk__hub_store_link(const struct tk__hub_store *s, const char *etag, const char *commit,
                       const char *name);

/* Lock an etag against other processes: a descriptor to close, -1 where the file system has no locks,
 * or a negated errno. Waits; says so after a second. */
int tk__hub_store_lock(const struct tk__hub_store *s, const struct tk_hub_conf *c, const char *etag,
                       int *ret_fd);

/* ---- digest.c ---- */

/* Is the file what its etag says: SHA-256 of 64 digits, git's SHA-1 of 40? 0 also for an etag of
 * another form, -EBADMSG, or a negated errno. */
int tk__hub_verify(int fd, int64_t size, const char *etag);

/* ---- http.c: one exchange, redirects followed ---- */

struct tk__hub_reply {
    int status;            /* 0: none came */
    bool is_elsewhere;     /* it came from another origin than that which gets the token */
    int64_t length;        /* Content-Length, -1 */
    int64_t linked_size;   /* X-Linked-Size, -1 */
    int64_t range_start;   /* first byte of Content-Range, -1 */
    int64_t range_total;   /* length behind its slash, -1 */
    int64_t retry_after_s; /* Retry-After in seconds, -1 */
    char commit[129];      /* X-Repo-Commit, of the first reply that had it */
    char etag[256];        /* X-Linked-Etag or ETag, without W/ and quotes */
    bool is_etag_linked;   /* it was the former */
    char error_code[64];   /* X-Error-Code */
    char error_text[256];  /* X-Error-Message, printable bytes */
    char location[4096];   /* Location */
};

/* Where the body goes. `begin` is called when a status of 2xx came, before the first byte. Both give 0
 * or a negative code, which ends the exchange and is what the call returns. */
struct tk__hub_sink {
    int (*begin)(struct tk__hub_sink *k, const struct tk__hub_reply *r);
    int (*bytes)(struct tk__hub_sink *k, const char *p, size_t n);
    bool (*goes_on)(struct tk__hub_sink *k); /* may be NULL; false: stop */
};

struct tk__hub_http;

int tk__hub_http_new(const struct tk_hub_conf *c, struct tk__hub_http **ret, struct tk_err *reterr);
struct tk__hub_http *tk__hub_http_free(struct tk__hub_http *h);

/* From now on the origin of `url` gets the token, and no other one; none does where that is neither https
 * nor this machine. 0 or TK_E_FORMAT. */
int tk__hub_http_settle(struct tk__hub_http *h, const char *url, struct tk_err *reterr);

/* Ask until there is a reply that is no redirect; of a HEAD (`sink` NULL) also a redirect to another
 * origin when it says commit and etag. `from`: the first byte wanted. 0 with any status, or a code as
 * in hub.h with a message. */
int tk__hub_http_ask(struct tk__hub_http *h, const char *url, int64_t from,
                     struct tk__hub_sink *sink, struct tk__hub_reply *ret, struct tk_err *reterr);

/* The same for `n` bytes from `from`; a server that knows no ranges answers 200 with all of them. */
int tk__hub_http_ask_range(struct tk__hub_http *h, const char *url, int64_t from, int64_t n,
                           struct tk__hub_sink *sink, struct tk__hub_reply *ret,
                           struct tk_err *reterr);

/* As tk__hub_http_ask(), tried again after a failure that may pass: no reply, 429, 5xx. At most `n_tries`. */
int tk__hub_http_try(struct tk__hub_http *h, const char *url, struct tk__hub_sink *sink,
                     unsigned n_tries, struct tk__hub_reply *ret, struct tk_err *reterr);

/* Wait before the try number `i` (from 1), as long as the reply asks (at most 30 s). */
void tk__hub_http_wait(const struct tk_hub_conf *c, unsigned i, const struct tk__hub_reply *r);

bool tk__hub_http_may_pass(int rc, const struct tk__hub_reply *r);

/* "huggingface.co", "127.0.0.1:8080". Lives as long as `h`. */
const char *tk__hub_http_where(const struct tk__hub_http *h);

/* A status that is no 2xx as code and message; `name` NULL for the list of files. */
int tk__hub_http_refused(const struct tk__hub_http *h, const struct tk_hub_repo *repo,
                         const char *name, const struct tk__hub_reply *r, struct tk_err *reterr);

/* The same of the viewer's pages. 401, 403 and what is meant so: -EACCES. */
int tk__hub_http_not_shown(const struct tk__hub_http *h, const struct tk_hub_repo *repo,
                           const struct tk__hub_reply *r, struct tk_err *reterr);

/* ---- page.c: answers that are read whole ---- */

struct tk__hub_page {
    const char *url;
    const struct tk_hub_repo *repo;
    const char *what; /* for messages: "list of files" */
    bool is_viewed;   /* the viewer's */
    size_t max;       /* bytes */
    unsigned n_tries;
};

/* The body of a reply of 200, padded for simdjson; `out` is released or empty. 0, or a code with words;
 * *ret holds the last reply in any case. */
int tk__hub_page(struct tk__hub_http *h, const struct tk__hub_page *page, struct tk_buf *out,
                 struct tk__hub_reply *ret, struct tk_err *reterr);

/* ---- file.c ---- */

struct tk__hub_session {
    const struct tk_hub_conf *conf;
    const struct tk_hub_repo *repo;
    struct tk__hub_store store;
    struct tk__hub_http *http; /* NULL until the hub is asked */
};

int tk__hub_session_init(struct tk__hub_session *s, const struct tk_hub_conf *c,
                         const struct tk_hub_repo *repo, struct tk_err *reterr);
void tk__hub_session_release(struct tk__hub_session *s);
int tk__hub_session_connect(struct tk__hub_session *s, struct tk_err *reterr);

/* tk_hub_get() for a revision other than the repository's own (NULL: that one). */
int tk__hub_file(struct tk__hub_session *s, const char *revision, const char *name, char **ret_path,
                 struct tk_err *reterr);

/* Say a line, by printf, to the conf's `note`; the token is masked. */
void tk__hub_note(const struct tk_hub_conf *c, const char *fmt, ...) TK_PRINTF(2, 3);

/* Mask the token where a message holds it. Returns `rc`. */
int tk__hub_mask(const struct tk_hub_conf *c, int rc, struct tk_err *e);

#endif
