/* target.c - from the URL that was given to where requests go
 *
 *   http://h:8000                    /v1/chat/completions
 *   http://h:8000/v1                 /v1/chat/completions
 *   http://h/some/v1?key=1           /some/v1/chat/completions?key=1
 *   http://h/some                    /some/v1/chat/completions
 *   http://h/x/v1/chat/completions   as it is
 */
#include "cli/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "run/plan.h"

static const struct tk_str v1 = TK_STR_INIT("/v1");
static const char models_path[] = "/v1/models";

/* base + path + query as an owned string. */
static char *join(struct tk_str base, struct tk_str path, struct tk_str query)
{
    struct tk_buf b = TK_BUF_INIT(2 * TK_URL_MAX_BYTES);

    tk_buf_add_str(&b, base);
    tk_buf_add_str(&b, path);
    tk_buf_add_str(&b, query);
    if (b.failed)
        tk_buf_release(&b);
    return b.p;
}

static struct tk_str without_end(struct tk_str s, size_t n)
{
    return (struct tk_str){ s.p, s.n - n };
}

static struct tk_str without_slashes(struct tk_str s)
{
    while (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    return s;
}

/* The folder that `path` is put behind. */
static struct tk_str folder_of(struct tk_str given, struct tk_str path)
{
    struct tk_str tail = { path.p + v1.n, path.n - v1.n }; /* "/chat/completions" */

    if (tk_str_ends(given, path))
        return without_end(given, path.n);
    if (tk_str_ends(given, tail))
        return without_end(given, tail.n);
    given = without_slashes(given);
    return tk_str_ends(given, v1) ? without_end(given, v1.n) : given;
}

int tk_target_from_base(const char *text, const char *path, struct tk_target *ret,
                        struct tk_err *reterr)
{
    memset(ret, 0, sizeof(*ret));
    int rc = tk_url_parse(text, &ret->url, reterr);
    if (rc != 0)
        return rc;
    struct tk_str given = tk_str_of(ret->url.path);
    struct tk_str query = { NULL, 0 };
    ptrdiff_t mark = tk_str_find(given, '?');
    if (mark >= 0) {
        query = (struct tk_str){ given.p + mark, given.n - (size_t)mark };
        given.n = (size_t)mark;
    }
    struct tk_str end = tk_str_of(path);
    struct tk_str folder = folder_of(given, end);
    struct tk_str tail = { end.p + v1.n, end.n - v1.n };
    bool is_whole = tk_str_ends(given, tail);
    ret->target = is_whole ? join(given, (struct tk_str){ NULL, 0 }, query)
                           : join(folder, end, query);
    ret->models = join(folder, tk_str_of(models_path), query);
    (void)tk_url_authority(&ret->url, ret->authority);
    if (ret->target && ret->models)
        return 0;
    tk_target_release(ret);
    return tk_err_set(reterr, -ENOMEM, "no memory for the URL");
}

int tk_target_exact(const char *text, const char *base, struct tk_target *ret,
                    struct tk_err *reterr)
{
    struct tk_url parent;

    memset(ret, 0, sizeof(*ret));
    int rc = tk_url_parse(text, &ret->url, reterr);
    if (rc != 0)
        return rc;
    ret->target = tk_str_dup(tk_str_of(ret->url.path));
    struct tk_str folder = { NULL, 0 };
    bool has_parent = base && tk_url_parse(base, &parent, NULL) == 0;
    if (has_parent)
        folder = without_slashes(tk_str_of(parent.path));
    ret->models = join(folder, tk_str_of(models_path), (struct tk_str){ NULL, 0 });
    if (has_parent)
        tk_url_release(&parent);
    (void)tk_url_authority(&ret->url, ret->authority);
    if (ret->target && ret->models)
        return 0;
    tk_target_release(ret);
    return tk_err_set(reterr, -ENOMEM, "no memory for the URL");
}

void tk_target_release(struct tk_target *t)
{
    tk_url_release(&t->url);
    free(t->target);
    free(t->models);
    t->target = t->models = NULL;
}

void tk_target_to_plan(const struct tk_target *t, struct tk_plan *p)
{
    p->host = t->url.host;
    p->port = t->url.port;
    p->is_tls = t->url.is_tls;
    p->target = t->target;
    p->authority = t->authority;
}
