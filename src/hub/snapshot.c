/* snapshot.c - several files of one repository, all of the same commit
 *
 * The list of the repository's files says which of the wanted ones there are: one question, and no
 * further one where all of them are cached. What is named without * or ? and is not on the list is
 * written down (.no_exist), so that a commit is not asked about twice.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "hub/inside.h"

#define MAX_FILES 1000 /* that one snapshot downloads */

struct wanted {
    const char *const *v;
    size_t n;
};

static bool is_pattern(const char *name)
{
    return strpbrk(name, "*?") != NULL;
}

static bool is_wanted(const struct wanted *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++) {
        if (fnmatch(w->v[i], name, 0) == 0)
            return true;
    }
    return false;
}

/* Is each named file of the commit there, or known not to be? Also which there are. */
static bool is_known(const struct tk__hub_session *s, const char *commit, const struct wanted *w,
                     size_t *ret_n)
{
    bool all = true;

    *ret_n = 0;
    for (size_t i = 0; i < w->n; i++) {
        char *path = tk__hub_store_pointer(&s->store, commit, w->v[i]);
        bool is_there = path && access(path, F_OK) == 0;
        free(path);
        *ret_n += is_there;
        all = all && !is_pattern(w->v[i]) &&
              (is_there || tk__hub_store_lacks(&s->store, commit, w->v[i]));
    }
    return all;
}

/* ---- the list ---- */

/* One file of the list: fetch it when it is wanted. */
static int take(struct tk__hub_session *s, const char *commit, const struct wanted *w,
                struct tk_json_val *sibling, size_t *n, struct tk_err *reterr)
{
    struct tk_json_val v;
    struct tk_str text;
    char *name, *path = NULL;
    int rc = tk_json_find(sibling, "rfilename", &v);

    if (rc == 0)
        rc = tk_json_get_str(&v, &text);
    if (rc != 0)
        return tk_err_set(reterr, TK_E_PROTO, "the list of files of '%s' is damaged", s->repo->id);
    name = tk_str_dup(text);
    if (!name)
        return tk_err_set(reterr, -ENOMEM, "no memory for the files of '%s'", s->repo->id);
    if (strlen(name) == text.n && tk__hub_is_safe_path(name) && is_wanted(w, name)) {
        rc = ++*n > MAX_FILES ? tk_err_set(reterr, TK_E_LIMIT, "'%s' has more than %d such files",
                                           s->repo->id, MAX_FILES)
                              : tk__hub_file(s, commit, name, &path, reterr);
        free(path);
    }
    free(name);
    return rc;
}

static int walk(struct tk__hub_session *s, const char *commit, const struct wanted *w,
                struct tk_json_val *siblings, size_t *ret_n, struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    int rc = tk_json_arr(siblings, &it);

    *ret_n = 0;
    while (rc == 0 && (rc = tk_json_arr_next(&it, &v)) > 0)
        rc = take(s, commit, w, &v, ret_n, reterr);
    if (rc == TK_E_FORMAT)
        rc = tk_err_set(reterr, TK_E_PROTO, "the list of files of '%s' is damaged", s->repo->id);
    return rc;
}

/* What was named and did not come is not there. */
static void note_missing(const struct tk__hub_session *s, const char *commit,
                         const struct wanted *w)
{
    for (size_t i = 0; i < w->n; i++) {
        char *path = tk__hub_store_pointer(&s->store, commit, w->v[i]);
        if (path && access(path, F_OK) != 0 && !is_pattern(w->v[i]))
            tk__hub_store_set_lacks(&s->store, commit, w->v[i]);
        free(path);
    }
}

static int none_there(const struct tk__hub_session *s, const struct wanted *w,
                      struct tk_err *reterr)
{
    struct tk_buf names = TK_BUF_INIT(200);

    for (size_t i = 0; i < w->n; i++)
        (void)tk_buf_addf(&names, "%s%s", i ? ", " : "", w->v[i]);
    int rc = tk_err_set(reterr, -ENOENT, "'%s' has none of these files: %.*s", s->repo->id,
                        TK_STR_ARG(tk_buf_str(&names)));
    tk_buf_release(&names);
    return rc;
}

/* Read the list, fetch what is wanted of it; `commit` has 129 bytes. */
static int read_list(struct tk__hub_session *s, struct tk_str body, struct tk_json *j,
                     const struct wanted *w, char *commit, struct tk_err *reterr)
{
    struct tk_json_val root, v;
    struct tk_str sha = { 0 };
    size_t n = 0;
    int rc = j ? tk_json_parse(j, body.p, body.n, &root) : -ENOMEM;

    if (rc == 0)
        rc = tk_json_find(&root, "sha", &v);
    if (rc == 0)
        rc = tk_json_get_str(&v, &sha);
    if (rc == 0)
        rc = tk__hub_is_safe_part(sha) ? tk_json_find(&root, "siblings", &v) : TK_E_FORMAT;
    if (rc != 0)
        return tk_err_set(reterr, rc == -ENOMEM ? rc : TK_E_PROTO,
                          "'%s' does not answer as a hub does (no list of files); see HF_ENDPOINT",
                          tk__hub_http_where(s->http));
    memcpy(commit, sha.p, sha.n);
    commit[sha.n] = '\0';
    tk__hub_store_set_commit(&s->store, tk__hub_revision(s->repo), commit);
    rc = walk(s, commit, w, &v, &n, reterr);
    if (rc == 0)
        note_missing(s, commit, w);
    return rc == 0 && n == 0 ? none_there(s, w, reterr) : rc;
}

/* Ask the hub for the list; a status that is no good is an error, in *ret too. */
static int ask(struct tk__hub_session *s, bool is_cached, struct tk_buf *body,
               struct tk__hub_reply *ret, struct tk_err *reterr)
{
    char *url = tk__hub_list_url(s->conf, s->repo);
    int rc = url ? tk__hub_session_connect(s, reterr)
                 : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", s->repo->id);

    const struct tk__hub_page page = {
        .url = url,
        .repo = s->repo,
        .what = "list of files",
        .max = TK_HUB_MAX_LIST,
        .n_tries = is_cached ? 2 : 5,
    };
    if (rc == 0)
        rc = tk__hub_page(s->http, &page, body, ret, reterr);
    free(url);
    return rc;
}

/* ---- without a list ---- */

/* A mirror that has files but no list of them: ask for each. */
static int one_by_one(struct tk__hub_session *s, const struct wanted *w, char *commit,
                      struct tk_err *reterr)
{
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < w->n; i++) {
        char *path = NULL;
        if (is_pattern(w->v[i]))
            continue;
        rc = tk__hub_file(s, NULL, w->v[i], &path, reterr);
        n += rc == 0;
        free(path);
        if (rc == -ENOENT)
            rc = 0;
    }
    tk__hub_store_commit(&s->store, tk__hub_revision(s->repo), commit);
    return rc == 0 && n == 0 ? none_there(s, w, reterr) : rc;
}

/* The hub cannot be asked, or must not: what is cached, when any of it is. */
static int from_cache(struct tk__hub_session *s, const char *commit, const struct wanted *w,
                      int why, const struct tk_err *err, struct tk_err *reterr)
{
    size_t n = 0;
    char *folder = commit[0] ? tk__hub_store_pointer(&s->store, commit, NULL) : NULL;
    bool is_there = folder && access(folder, F_OK) == 0;

    free(folder);
    (void)is_known(s, commit[0] ? commit : "none", w, &n);
    if (is_there && n > 0) {
        if (why != -ENETDOWN)
            tk__hub_note(s->conf, "'%s' is taken from the cache: %s", s->repo->id, err->msg);
        return 0;
    }
    if (why != -ENETDOWN)
        return tk_err_set(reterr, why, "%s", err->msg);
    return tk_err_set(reterr, why,
                      "'%s' is not in the cache '%s', and the hub must not be asked "
                      "(HF_HUB_OFFLINE)",
                      s->repo->id, s->conf->cache);
}

static bool is_final(int rc, const struct tk__hub_reply *r)
{
    return rc == TK_E_CERT || rc == TK_E_TLS || rc == TK_E_CANCELLED || rc == -ENOMEM ||
           strcmp(r->error_code, "RevisionNotFound") == 0;
}

static int online(struct tk__hub_session *s, const struct wanted *w, char *commit,
                  struct tk_err *reterr)
{
    struct tk_buf body = TK_BUF_INIT(0);
    struct tk__hub_reply r = { 0 };
    struct tk_err err = { 0 };
    struct tk_json *j = tk_json_new(TK_HUB_MAX_LIST);
    int rc = ask(s, commit[0] != '\0', &body, &r, &err);

    if (rc == 0)
        rc = read_list(s, tk_buf_str(&body), j, w, commit, reterr);
    else if (rc == TK_E_NOT_FOUND && r.status == 404 && !r.error_code[0])
        rc = one_by_one(s, w, commit, reterr);
    else if (is_final(rc, &r))
        rc = tk_err_set(reterr, rc, "%s", err.msg);
    else
        rc = from_cache(s, commit, w, rc, &err, reterr);
    tk_json_free(j);
    tk_buf_release(&body);
    return rc;
}

static int snapshot(struct tk__hub_session *s, const struct wanted *w, char **ret_folder,
                    struct tk_err *reterr)
{
    char commit[129];
    size_t n = 0;
    int rc = 0;

    tk__hub_store_commit(&s->store, tk__hub_revision(s->repo), commit);
    if (s->conf->is_offline)
        rc = from_cache(s, commit, w, -ENETDOWN, NULL, reterr);
    else if (!tk__hub_is_commit(tk__hub_revision(s->repo)) || !is_known(s, commit, w, &n) || n == 0)
        rc = online(s, w, commit, reterr);
    if (rc != 0)
        return rc;
    *ret_folder = tk__hub_store_pointer(&s->store, commit, NULL);
    return *ret_folder ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", s->repo->id);
}

int tk_hub_snapshot(const struct tk_hub_conf *c, const struct tk_hub_repo *repo,
                    const char *const *wanted, size_t n, char **ret_folder, struct tk_err *reterr)
{
    const struct wanted w = { wanted, n };
    struct tk__hub_session s;
    struct stat st;
    int rc = 0;

    if (stat(repo->id, &st) == 0) {
        *ret_folder = strdup(repo->id);
        return *ret_folder ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", repo->id);
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = tk__hub_check(repo, wanted[i], reterr);
    if (rc == 0)
        rc = tk__hub_session_init(&s, c, repo, reterr);
    if (rc != 0)
        return rc;
    rc = tk__hub_mask(c, snapshot(&s, &w, ret_folder, reterr), reterr);
    tk__hub_session_release(&s);
    return rc;
}
