/* list.c - the names of a repository's files, and the pages of the data set viewer */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "hub/inside.h"

#define MAX_VIEWER_PAGE ((size_t)256 << 20) /* a hundred rows */
#define MAX_DEPTH 16

struct listing {
    int (*each)(void *arg, const char *name);
    void *arg;
    const struct tk_hub_repo *repo;
    struct tk_err *reterr;
};

static int damaged(const struct listing *l)
{
    return tk_err_set(l->reterr, TK_E_PROTO, "the list of files of '%s' is damaged", l->repo->id);
}

static int take_name(const struct listing *l, struct tk_json_val *sibling)
{
    struct tk_json_val v;
    struct tk_str text;

    if (tk_json_find(sibling, "rfilename", &v) != 0 || tk_json_get_str(&v, &text) != 0)
        return damaged(l);
    char *name = tk_str_dup(text);
    if (!name)
        return tk_err_set(l->reterr, -ENOMEM, "no memory for the files of '%s'", l->repo->id);
    int rc = strlen(name) == text.n && tk__hub_is_safe_path(name) ? l->each(l->arg, name) : 0;
    free(name);
    return rc;
}

static int walk(const struct listing *l, struct tk_str body, struct tk_json *j, char *ret_commit)
{
    struct tk_json_val root, v;
    struct tk_json_iter it;
    struct tk_str sha = { 0 };

    if (tk_json_parse(j, body.p, body.n, &root) != 0 || tk_json_find(&root, "sha", &v) != 0 ||
        tk_json_get_str(&v, &sha) != 0 || !tk__hub_is_safe_part(sha) ||
        tk_json_find(&root, "siblings", &v) != 0 || tk_json_arr(&v, &it) != 0)
        return damaged(l);
    memcpy(ret_commit, sha.p, sha.n);
    ret_commit[sha.n] = '\0';
    int rc;
    while ((rc = tk_json_arr_next(&it, &v)) > 0) {
        rc = take_name(l, &v);
        if (rc != 0)
            return rc;
    }
    return rc < 0 ? damaged(l) : 0;
}

/* ---- what the cache has ---- */

static int walk_folder(const struct listing *l, struct tk_buf *path, size_t base, unsigned depth)
{
    DIR *d = opendir(path->p);
    struct dirent *e;
    int rc = 0;

    if (!d && (errno == ENOTDIR || errno == ENOENT)) /* a link to a blob, or to where one was */
        return l->each(l->arg, path->p + base);
    if (!d)
        return tk_err_set(l->reterr, -errno, "the folder '%s' cannot be read: %s", path->p,
                          tk_err_text(-errno));
    while (rc == 0 && (e = readdir(d)) != NULL) {
        size_t n = path->n;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || depth == MAX_DEPTH)
            continue;
        if (tk_buf_addf(path, "/%s", e->d_name) == 0)
            rc = walk_folder(l, path, base, depth + 1);
        else
            rc = tk_err_set(l->reterr, path->failed, "the names below '%s' are too long", path->p);
        path->n = n;
        path->p[n] = '\0';
    }
    closedir(d);
    return rc;
}

static int cached(struct tk__hub_session *s, const struct listing *l, char *ret_commit)
{
    struct tk_buf path = TK_BUF_INIT(TK__HUB_MAX_PATH);
    char *folder = NULL;
    int rc = TK_E_NOT_FOUND;

    tk__hub_store_commit(&s->store, tk__hub_revision(s->repo), ret_commit);
    if (ret_commit[0])
        folder = tk__hub_store_pointer(&s->store, ret_commit, NULL);
    DIR *d = folder ? opendir(folder) : NULL;
    if (d) {
        closedir(d);
        rc = tk_buf_add_z(&path, folder);
        if (rc == 0)
            rc = walk_folder(l, &path, path.n + 1, 0);
    }
    free(folder);
    tk_buf_release(&path);
    if (rc == TK_E_NOT_FOUND)
        return tk_err_set(l->reterr, -ENETDOWN,
                          "'%s' is not in the cache '%s', and the hub must not be asked "
                          "(HF_HUB_OFFLINE)",
                          s->repo->id, s->conf->cache);
    return rc;
}

static int online(struct tk__hub_session *s, const struct listing *l, char *ret_commit)
{
    struct tk_buf body = TK_BUF_INIT(0);
    struct tk__hub_reply r = { 0 };
    struct tk_json *j = tk_json_new(TK_HUB_MAX_LIST);
    char *url = tk__hub_list_url(s->conf, s->repo);
    int rc = url && j ? tk__hub_session_connect(s, l->reterr)
                      : tk_err_set(l->reterr, -ENOMEM, "no memory for '%s'", s->repo->id);

    const struct tk__hub_page page = {
        .url = url,
        .repo = s->repo,
        .what = "list of files",
        .max = TK_HUB_MAX_LIST,
        .n_tries = 5,
    };
    if (rc == 0)
        rc = tk__hub_page(s->http, &page, &body, &r, l->reterr);
    if (rc == 0)
        rc = walk(l, tk_buf_str(&body), j, ret_commit);
    if (rc == 0)
        tk__hub_store_set_commit(&s->store, tk__hub_revision(s->repo), ret_commit);
    free(url);
    tk_json_free(j);
    tk_buf_release(&body);
    return rc;
}

int tk_hub_list(const struct tk_hub_conf *c, const struct tk_hub_repo *repo,
                int (*each)(void *arg, const char *name), void *arg, char *ret_commit,
                struct tk_err *reterr)
{
    const struct listing l = { each, arg, repo, reterr };
    struct tk__hub_session s;
    int rc = tk__hub_check(repo, NULL, reterr);

    if (rc == 0)
        rc = tk__hub_session_init(&s, c, repo, reterr);
    if (rc != 0)
        return rc;
    rc = c->is_offline ? cached(&s, &l, ret_commit) : online(&s, &l, ret_commit);
    tk__hub_session_release(&s);
    return tk__hub_mask(c, rc, reterr);
}

/* ---- the viewer ---- */

static char *viewer_url(const struct tk_hub_conf *c, const char *query)
{
    const char *host = strncmp(c->endpoint, "https://", 8) == 0 ? c->endpoint + 8 : NULL;

    return host ? tk__hub_text("https://datasets-server.%s%s", host, query)
                : tk__hub_text("%s%s", c->endpoint, query);
}

int tk_hub_viewer(const struct tk_hub_conf *c, const struct tk_hub_repo *repo, const char *query,
                  struct tk_buf *out, struct tk_err *reterr)
{
    struct tk__hub_session s;
    struct tk__hub_reply r;
    char *url = viewer_url(c, query);
    int rc = url ? tk__hub_check(repo, NULL, reterr)
                 : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", repo->id);

    if (rc == 0 && c->is_offline)
        rc = tk_err_set(reterr, -ENETDOWN, "the viewer of '%s' must not be asked (HF_HUB_OFFLINE)",
                        repo->id);
    if (rc == 0)
        rc = tk__hub_session_init(&s, c, repo, reterr);
    if (rc != 0) {
        free(url);
        return rc;
    }
    rc = tk__hub_session_connect(&s, reterr);
    const struct tk__hub_page page = {
        .url = url,
        .repo = repo,
        .what = "page of rows",
        .is_viewed = true,
        .max = MAX_VIEWER_PAGE,
        .n_tries = 5,
    };
    if (rc == 0)
        rc = tk__hub_http_settle(s.http, url, reterr);
    if (rc == 0)
        rc = tk__hub_page(s.http, &page, out, &r, reterr);
    tk__hub_session_release(&s);
    free(url);
    return tk__hub_mask(c, rc, reterr);
}
