/* hub.h - files of the Hugging Face hub, through the cache that huggingface_hub keeps
 *
 * What Python has downloaded is found, and what is downloaded here is found by Python: the folders,
 * links and locks are the same. A path that exists on this machine is passed through, so that a caller
 * need not care whether a name is a folder or a model of the hub.
 *
 *   struct tk_hub_conf conf;
 *   struct tk_hub_repo repo = { .id = "org/name" };
 *   int rc = tk_hub_conf_init(&conf, &err);
 *   rc = tk_hub_get(&conf, &repo, "tokenizer.json", &path, &err);
 *   tk_hub_conf_release(&conf);
 *
 * Every call blocks. Calls from several threads and processes may overlap, also for the same file.
 * See docs/internals/hub.md.
 */
#ifndef TK_HUB_HUB_H
#define TK_HUB_HUB_H

#include "base/def.h"

struct tk_buf;
struct tk_err;

#define TK_HUB_MAX_FILE ((int64_t)16 << 30) /* longest file, unless the conf says otherwise */
#define TK_HUB_MAX_LIST ((size_t)32 << 20) /* longest list of a repository's files, bytes of JSON */
#define TK_HUB_MAX_NAME 1024               /* longest file name or revision, bytes */

enum tk_hub_type {
    TK_HUB_MODEL,
    TK_HUB_DATASET,
};

struct tk_hub_repo {
    const char *id;       /* "org/name", "name", or a folder or file of this machine */
    const char *revision; /* branch, tag or commit; NULL is "main" */
    enum tk_hub_type type;
};

/* Where and how. Filled by tk_hub_conf_init(); what is changed afterwards must be from malloc. */
struct tk_hub_conf {
    char *endpoint;  /* "https://huggingface.co", no slash at the end; owned */
    char *cache;     /* the folder that holds models--org--name; owned */
    char *token;     /* sent to the endpoint and its viewer alone; NULL: none. Secret; owned */
    char *ca_file;   /* certificates to trust instead of the system's; NULL: those; owned */
    bool is_offline; /* only what is in the cache */
    int64_t max_file_bytes; /* a longer file is refused */
    tk_ns ask_timeout;      /* for an answer without a file in it, and for connecting */
    tk_ns stall_timeout;    /* a download in which nothing comes for so long is begun anew */
    tk_ns backoff;          /* wait before the second try; doubles each time, up to 16 times it */

    /* May be NULL. `note` gets one line for people now and then: a cached file is used because the hub
     * could not be asked, a try failed, another process is waited for. */
    void (*note)(void *arg, const char *text);
    /* May be NULL. Called while `name` comes in, `total` is -1 when it is not known. False: stop, and
     * the call returns TK_E_CANCELLED. */
    bool (*progress)(void *arg, const char *name, int64_t done, int64_t total);
    void *arg; /* for both; not owned */
};

/* From the environment, as huggingface_hub reads it: HF_ENDPOINT, HF_HOME, XDG_CACHE_HOME,
 * HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH,
 * HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE, HF_HUB_ETAG_TIMEOUT,
 * HF_HUB_DOWNLOAD_TIMEOUT; and REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE. Proxies are
 * libcurl's matter. 0; TK_E_FORMAT (the endpoint is no URL, a time-out no number); -ENOMEM. To be
 * released in any case. */
int tk_hub_conf_init(struct tk_hub_conf *c, struct tk_err *reterr);
void tk_hub_conf_release(struct tk_hub_conf *c); /* may be called twice */

/* "org/name@revision" or a path. *ret_id is the caller's (free) and *ret_revision NULL or the
 * caller's. Text that exists as a path is never split. 0 or -ENOMEM. */
int tk_hub_split(const char *text, char **ret_id, char **ret_revision);

/* The path of one file, downloaded when it has to be; *ret_path is the caller's (free). A revision
 * that is no commit is looked up each time; where the hub cannot be asked, the cached file of that
 * revision is taken.
 *
 * 0, or
 *   -ENOENT         the repository or the folder has no such file
 *   TK_E_NOT_FOUND  there is no such repository (or it is hidden) or revision, or no such path
 *   -EACCES         gated, or the token was refused
 *   -ENETDOWN       offline, and not in the cache
 *   TK_E_RESOLVE, TK_E_TIMEOUT, TK_E_TLS, TK_E_CERT, -ECONNREFUSED, -ECONNRESET  no way to the hub
 *   -EREMOTEIO      the hub is out of order
 *   TK_E_LIMIT      asked too often (429), or the file is too long
 *   -EBADMSG        what came is not what was promised: length or digest differ
 *   TK_E_PROTO      not the answer of a hub
 *   TK_E_FORMAT     the id, the revision or the file name cannot be one
 *   TK_E_CANCELLED, -ENOMEM, other negated errnos
 * and always a message. */
int tk_hub_get(const struct tk_hub_conf *c, const struct tk_hub_repo *repo, const char *name,
               char **ret_path, struct tk_err *reterr);

/* Those of the `n` wanted files that the repository has; *ret_folder is the caller's (free). A name
 * may hold * and ?, which match slashes too. At least one must be there, or -ENOENT. Asks the hub
 * once; not at all for a commit whose named files are known. A folder of this machine is passed
 * through unseen. Codes as above. */
int tk_hub_snapshot(const struct tk_hub_conf *c, const struct tk_hub_repo *repo,
                    const char *const *wanted, size_t n, char **ret_folder, struct tk_err *reterr);

/* Whether that may be a file's name: a relative path that leads out of no folder. tk_hub_get() refuses others
 * of the hub, but takes them of a folder of this machine. */
bool tk_hub_is_name(const char *name);

/* The path of a file that is in the cache already, without asking anybody: *ret_path is the caller's.
 * 0; -ENOENT (known not to be in the repository); TK_E_NOT_FOUND (not in the cache); TK_E_FORMAT;
 * -ENOMEM. */
int tk_hub_cached(const struct tk_hub_conf *c, const struct tk_hub_repo *repo, const char *name,
                  char **ret_path);

/* --- data sets that are not fetched whole --- */

/* The names of a repository's files, in the hub's order, to `each`, which ends it by a negative code that comes
 * back without words. `ret_commit` has 129 bytes. Without a hub to ask (HF_HUB_OFFLINE) those of the cached snapshot. Codes as above. */
int tk_hub_list(const struct tk_hub_conf *c, const struct tk_hub_repo *repo,
                int (*each)(void *arg, const char *name), void *arg, char *ret_commit,
                struct tk_err *reterr);

/* A page of the data set viewer as JSON, with TK_JSON_PADDING behind it: `query` is what follows its host, "/rows?dataset=…".
 * For an endpoint "https://host" the viewer is at "https://datasets-server.host", for another one at the endpoint itself.
 * The viewer gets the token too, over https or on this machine.
 * The caller releases `out` in any case. Codes as above. */
int tk_hub_viewer(const struct tk_hub_conf *c, const struct tk_hub_repo *repo, const char *query,
                  struct tk_buf *out, struct tk_err *reterr);

/* Text as it stands in a URL's query, from malloc. */
char *tk_hub_quote(const char *text);

/* A file of a repository, read by ranges and not kept. */
struct tk_hub_remote;

/* `c` and `repo` must outlive *ret. Codes as above. */
int tk_hub_remote_open(const struct tk_hub_conf *c, const struct tk_hub_repo *repo,
                       const char *name, struct tk_hub_remote **ret, struct tk_err *reterr);
struct tk_hub_remote *tk_hub_remote_free(struct tk_hub_remote *r);
int64_t tk_hub_remote_size(const struct tk_hub_remote *r);

/* Fill out[0 … n-1] from byte `at` on; they must lie in the file. Tries again where it was cut. Codes as
 * above; TK_E_UNSUPPORTED: the server knows no ranges. */
int tk_hub_remote_read(struct tk_hub_remote *r, int64_t at, void *out, size_t n,
                       struct tk_err *reterr);

#endif
