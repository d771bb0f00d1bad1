/* resume_plan.c - whether two plans load the same
 *
 * Both are taken apart into members with their paths ("phases.measure.concurrency") and compared as text:
 * the same program wrote both, in one way. A member that only one of them has, because another version
 * wrote it, counts as the value that it has where it is not used.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/jsondoc.h"
#include "base/str.h"
#include "run/resume.h"

#define MAX_MEMBERS 256
#define MAX_DEPTH 4

struct member {
    struct tk_str path, value;
};

struct members {
    struct tk_arena arena;
    struct member v[MAX_MEMBERS];
    size_t n;
};

/* What does not change what is loaded. */
static const char *const ours[] = { "workers",     "max_trace_bytes", "max_record_bytes",
                                    "opens_ahead", "realtime",        "source_addresses" };
static const char *const server[] = { "url", "host", "port", "unix", "authority" };

/* … and how the server is waited for before the load. */
static const struct tk_str check = TK_STR_INIT("phases.check");

static bool is_among(struct tk_str path, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tk_str_is(path, list[i]))
            return true;
    }
    return false;
}

static int add(struct members *m, struct tk_str path, struct tk_json_val *v)
{
    struct tk_str value;
    int rc = tk_json_get_raw(v, &value);

    if (rc < 0)
        return rc;
    if (m->n == MAX_MEMBERS)
        return TK_E_LIMIT;
    m->v[m->n] = (struct member){
        .path = tk_arena_dup_str(&m->arena, path),
        .value = tk_arena_dup_str(&m->arena, tk_str_trim(value)),
    };
    return m->v[m->n].path.p && m->v[m->n++].value.p ? 0 : -ENOMEM;
}

static int take_apart(struct members *m, struct tk_buf *path, struct tk_json_val *obj, int depth)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str key;
    int rc = depth > MAX_DEPTH ? TK_E_LIMIT : tk_json_obj(obj, &it);

    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0) {
        size_t n = path->n;
        if (n > 0)
            tk_buf_add_c(path, '.');
        tk_buf_add_str(path, key);
        rc = path->failed;
        if (rc == 0)
            rc = tk_json_type(&v) == TK_JSON_OBJECT ? take_apart(m, path, &v, depth + 1)
                                                    : add(m, tk_buf_str(path), &v);
        path->n = n;
    }
    return rc;
}

static int read_members(struct members *m, struct tk_str json)
{
    struct tk_buf path = TK_BUF_INIT(4096);
    struct tk_jsondoc d;
    int rc = tk_jsondoc_init(&d, json);

    if (rc == 0)
        rc = take_apart(m, &path, &d.root, 0);
    tk_jsondoc_release(&d);
    tk_buf_release(&path);
    return rc;
}

static const struct member *find(const struct members *m, struct tk_str path)
{
    for (size_t i = 0; i < m->n; i++) {
        if (tk_str_eq(m->v[i].path, path))
            return &m->v[i];
    }
    return NULL;
}

/* As good as not there. */
static bool is_nothing(struct tk_str value)
{
    static const char *const words[] = { "null", "false", "0", "\"\"", "[]", "\"none\"" };

    return is_among(value, words, TK_ARRAY_LEN(words));
}

static bool is_same(const struct member *a, const struct member *b)
{
    if (!a || !b)
        return is_nothing(a ? a->value : b->value);
    return tk_str_eq(a->value, b->value);
}

static int say(const struct member *before, const struct member *now, struct tk_err *reterr)
{
    const struct member *one = before ? before : now;
    struct tk_str was = before ? before->value : TK_STR("not there");
    struct tk_str is = now ? now->value : TK_STR("not there");

    return tk_err_set(reterr, TK_E_FORMAT, "'%.*s' was %.*s and is %.*s now",
                      (int)TK_MIN(one->path.n, (size_t)60), one->path.p,
                      (int)TK_MIN(was.n, (size_t)60), was.p, (int)TK_MIN(is.n, (size_t)60), is.p);
}

/* The members of `a` against those of `b`. */
static int compare(const struct members *a, const struct members *b, bool is_swapped,
                   bool leaves_server_out, struct tk_err *reterr)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct member *one = &a->v[i];
        const struct member *other = find(b, one->path);
        if (is_among(one->path, ours, TK_ARRAY_LEN(ours)) || tk_str_starts(one->path, check) ||
            is_same(one, other))
            continue;
        if (leaves_server_out && is_among(one->path, server, TK_ARRAY_LEN(server)))
            continue;
        return is_swapped ? say(other, one, reterr) : say(one, other, reterr);
    }
    return 0;
}

int tk_resume_compare(struct tk_str before, struct tk_str now, bool leaves_server_out,
                      struct tk_err *reterr)
{
    struct members *m = calloc(2, sizeof(*m));
    int rc = m ? 0 : -ENOMEM;

    for (int i = 0; m && i < 2; i++)
        tk_arena_init(&m[i].arena, 0);
    if (rc == 0)
        rc = read_members(&m[0], before);
    if (rc == 0)
        rc = read_members(&m[1], now);
    if (rc < 0)
        (void)tk_err_set(reterr, rc, "the plan of the run cannot be read: %s", tk_err_text(rc));
    if (rc == 0)
        rc = compare(&m[0], &m[1], false, leaves_server_out, reterr);
    if (rc == 0)
        rc = compare(&m[1], &m[0], true, leaves_server_out, reterr);
    for (int i = 0; m && i < 2; i++)
        tk_arena_release(&m[i].arena);
    free(m);
    return rc;
}
