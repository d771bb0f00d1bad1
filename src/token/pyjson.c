/* pyjson.c - JSON as Python reads and writes it
 *
 * Integers keep their digits, whatever their size; other numbers are written as repr() of the double
 * that they are.
 */
#include "token/pyjson.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "token/jsonu.h"

static int read_value(struct tk_arena *a, struct tk_json_val *v, struct tk__py *ret);

static int keep(struct tk_arena *a, struct tk_str s, struct tk_str *ret)
{
    *ret = tk_arena_dup_str(a, s);
    return ret->p ? 0 : -ENOMEM;
}

/* Room for one more item of `to`, whose array has *cap. */
static struct tk__py *push(struct tk_arena *a, struct tk__py *to, size_t *cap)
{
    if (to->n == *cap) {
        size_t more = *cap ? *cap * 2 : 4;
        struct tk__py *grown = tk_arena_alloc(a, more * sizeof(*grown));
        if (!grown)
            return NULL;
        if (to->n > 0)
            memcpy(grown, to->v, to->n * sizeof(*grown));
        to->v = grown;
        *cap = more;
    }
    to->v[to->n] = (struct tk__py){ 0 };
    return &to->v[to->n++];
}

static int read_array(struct tk_arena *a, struct tk_json_val *v, struct tk__py *ret)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    size_t cap = 0;
    int rc = tk_json_arr(v, &it);

    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        struct tk__py *to = push(a, ret, &cap);
        rc = to ? read_value(a, &item, to) : -ENOMEM;
    }
    return rc;
}

static struct tk__py *member(struct tk__py *v, struct tk_str key)
{
    for (size_t i = 0; i < v->n; i++) {
        if (tk_str_eq(v->v[i].key, key))
            return &v->v[i];
    }
    return NULL;
}

static int read_object(struct tk_arena *a, struct tk_json_val *v, struct tk__py *ret)
{
    struct tk_buf work = TK_BUF_INIT((size_t)1 << 20);
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str raw, key;
    size_t cap = 0;
    int rc = tk_json_obj(v, &it);

    while (rc == 0 && (rc = tk_json_obj_next(&it, &raw, &item)) > 0) {
        rc = tk__ju_key(raw, &work, &key);
        if (rc < 0)
            break;
        struct tk__py *to = member(ret, key);
        if (!to)
            to = push(a, ret, &cap);
        rc = to ? keep(a, key, &key) : -ENOMEM;
        if (rc == 0) {
            *to = (struct tk__py){ .key = key };
            rc = read_value(a, &item, to);
        }
    }
    tk_buf_release(&work);
    return rc;
}

static int read_value(struct tk_arena *a, struct tk_json_val *v, struct tk__py *ret)
{
    struct tk_str text;
    int rc;

    ret->type = tk_json_type(v);
    switch (ret->type) {
    case TK_JSON_NULL:
        return 0;
    case TK_JSON_BOOL:
        return tk_json_get_bool(v, &ret->truth);
    case TK_JSON_NUMBER:
        rc = tk_json_get_raw(v, &text);
        return rc == 0 ? keep(a, text, &ret->text) : rc;
    case TK_JSON_STRING:
        rc = tk_json_get_str(v, &text);
        return rc == 0 ? keep(a, text, &ret->text) : rc;
    case TK_JSON_ARRAY:
        return read_array(a, v, ret);
    case TK_JSON_OBJECT:
        return read_object(a, v, ret);
    default:
        return TK_E_FORMAT;
    }
}

int tk__py_parse(struct tk_arena *a, struct tk_str text, struct tk__py *ret)
{
    struct tk_json_val root;
    struct tk_json *j = tk_json_new(text.n);
    char *padded = j ? calloc(1, text.n + TK_JSON_PADDING) : NULL;
    int rc = padded ? 0 : -ENOMEM;

    *ret = (struct tk__py){ 0 };
    if (rc == 0) {
        if (text.n > 0)
            memcpy(padded, text.p, text.n);
        rc = tk_json_parse(j, padded, text.n, &root);
    }
    if (rc == 0)
        rc = read_value(a, &root, ret);
    if (rc == 0 && !tk_json_at_end(j))
        rc = TK_E_FORMAT;
    tk_json_free(j);
    free(padded);
    return rc;
}

/* ---- writing ---- */

static void dump_number(struct tk_buf *out, struct tk_str text)
{
    char digits[40];
    double d;

    if (!memchr(text.p, '.', text.n) && !memchr(text.p, 'e', text.n) &&
        !memchr(text.p, 'E', text.n)) {
        (void)tk_buf_add_str(out, tk_str_is(text, "-0") ? TK_STR("0") : text);
        return;
    }
    if (tk_num_parse_double(text, &d) != 0)
        d = text.p[0] == '-' ? -INFINITY : INFINITY;
    if (isinf(d))
        (void)tk_buf_add_z(out, d < 0 ? "-Infinity" : "Infinity");
    else
        (void)tk_buf_add(out, digits, tk_num_shortest(d, digits));
}

static void dump_string(struct tk_buf *out, struct tk_str s)
{
    (void)tk_buf_add_c(out, '"');
    int rc = tk_json_escape(out, s, TK_JSONW_COMPACT);
    if (rc < 0 && out->failed == 0)
        out->failed = rc;
    (void)tk_buf_add_c(out, '"');
}

static void dump(struct tk_buf *out, const struct tk__py *v)
{
    bool is_object = v->type == TK_JSON_OBJECT;

    switch (v->type) {
    case TK_JSON_BOOL:
        (void)tk_buf_add_z(out, v->truth ? "true" : "false");
        break;
    case TK_JSON_NUMBER:
        dump_number(out, v->text);
        break;
    case TK_JSON_STRING:
        dump_string(out, v->text);
        break;
    case TK_JSON_ARRAY:
    case TK_JSON_OBJECT:
        (void)tk_buf_add_c(out, is_object ? '{' : '[');
        for (size_t i = 0; i < v->n; i++) {
            (void)tk_buf_add_z(out, i > 0 ? ", " : "");
            if (is_object) {
                dump_string(out, v->v[i].key);
                (void)tk_buf_add_z(out, ": ");
            }
            dump(out, &v->v[i]);
        }
        (void)tk_buf_add_c(out, is_object ? '}' : ']');
        break;
    default:
        (void)tk_buf_add_z(out, "null");
    }
}

int tk__py_dump(struct tk_buf *out, const struct tk__py *v)
{
    dump(out, v);
    return out->failed;
}

/* ---- asking ---- */

const struct tk__py *tk__py_get(const struct tk__py *v, const char *key)
{
    for (size_t i = 0; v && v->type == TK_JSON_OBJECT && i < v->n; i++) {
        if (tk_str_is(v->v[i].key, key))
            return &v->v[i];
    }
    return NULL;
}

const struct tk__py *tk__py_some(const struct tk__py *v, const char *key)
{
    const struct tk__py *m = tk__py_get(v, key);

    return m && m->type != TK_JSON_NULL ? m : NULL;
}

struct tk_str tk__py_str(const struct tk__py *v, const char *key)
{
    const struct tk__py *m = tk__py_get(v, key);

    return m && m->type == TK_JSON_STRING ? m->text : (struct tk_str){ "", 0 };
}

bool tk__py_is_true(const struct tk__py *v)
{
    double d;

    if (!v)
        return false;
    switch (v->type) {
    case TK_JSON_BOOL:
        return v->truth;
    case TK_JSON_NUMBER:
        return tk_num_parse_double(v->text, &d) != 0 || d != 0;
    case TK_JSON_STRING:
        return v->text.n > 0;
    case TK_JSON_ARRAY:
    case TK_JSON_OBJECT:
        return v->n > 0;
    default:
        return false;
    }
}
