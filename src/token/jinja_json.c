/* jinja_json.c - JSON text into values, as Python's json.loads makes them */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "token/jinja.h"
#include "token/unicode.h"

static struct tk_jval value_of(struct tk_jrender *r, struct tk_json_val *v);

static struct tk_jval damaged(struct tk_jrender *r)
{
    return tk__jfail(r, TK_E_FORMAT, "damaged JSON");
}

/* ---- keys: raw text with escapes ---- */

static int64_t hex4(const char *p)
{
    int64_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        char c = p[i];
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* The escape at raw[at], a backslash: writes it, returns its length; 0: wrong. */
static size_t put_escape(struct tk_str raw, size_t at, char *out, size_t *n)
{
    static const char pairs[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    if (at + 1 >= raw.n)
        return 0;
    for (const char *p = pairs; *p; p += 2) {
        if (raw.p[at + 1] == *p) {
            out[(*n)++] = p[1];
            return 2;
        }
    }
    int64_t code = raw.p[at + 1] == 'u' && raw.n - at >= 6 ? hex4(raw.p + at + 2) : -1;
    size_t used = 6;
    if (code < 0)
        return 0;
    if (code >= 0xD800 && code < 0xDC00 && raw.n - at >= 12 && raw.p[at + 6] == '\\' &&
        raw.p[at + 7] == 'u') {
        int64_t low = hex4(raw.p + at + 8);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            used = 12;
        }
    }
    if (code >= 0xD800 && code < 0xE000)
        code = 0xFFFD;
    *n += tk__utf8_put(out + *n, (uint32_t)code);
    return used;
}

static struct tk_jval key_of(struct tk_jrender *r, struct tk_str raw)
{
    if (!raw.n || !memchr(raw.p, '\\', raw.n))
        return tk__jstr_dup(r, raw);
    char *out = tk__jalloc(r, raw.n + 1);
    size_t n = 0;
    for (size_t at = 0; out && at < raw.n;) {
        if (raw.p[at] != '\\') {
            out[n++] = raw.p[at++];
            continue;
        }
        size_t used = put_escape(raw, at, out, &n);
        if (!used)
            return damaged(r);
        at += used;
    }
    return r->rc ? TK_J_VAL(TK_J_UNDEF) : tk__jstr((struct tk_str){ out, n });
}

/* ---- values ---- */

static struct tk_jval number_of(struct tk_jrender *r, struct tk_json_val *v)
{
    struct tk_str raw;
    int64_t i;
    double d;
    if (tk_json_get_raw(v, &raw) || raw.n == 0)
        return damaged(r);
    bool is_whole = true;
    for (size_t k = 0; k < raw.n; k++)
        is_whole = is_whole && (raw.p[k] == '-' || (raw.p[k] >= '0' && raw.p[k] <= '9'));
    if (!is_whole) {
        int rc = tk_json_get_double(v, &d);
        if (rc == TK_E_RANGE)
            return tk__jfloat(raw.p[0] == '-' ? -INFINITY : INFINITY);
        return rc ? damaged(r) : tk__jfloat(d);
    }
    if (tk_num_parse_i64(raw, INT64_MIN, INT64_MAX, &i) == 0)
        return tk__jint(i);
    if (tk_json_get_double(v, &d) == TK_E_FORMAT)
        return damaged(r);
    struct tk_jval big = tk__jstr_dup(r, raw);
    big.type = r->rc ? big.type : TK_J_BIG;
    return big;
}

static struct tk_jval list_of(struct tk_jrender *r, struct tk_json_val *v)
{
    struct tk_jvec vec = { 0 };
    struct tk_json_iter it;
    struct tk_json_val item;
    int got = tk_json_arr(v, &it) ? -1 : 1;
    while (got > 0 && r->rc == 0 && (got = tk_json_arr_next(&it, &item)) > 0)
        tk__jvec_add(r, &vec, value_of(r, &item));
    return got < 0 ? damaged(r) : tk__jlist(vec.v, vec.n);
}

static struct tk_jval dict_of(struct tk_jrender *r, struct tk_json_val *v)
{
    struct tk_jdict *d = tk__jdict_new(r, 4);
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str key;
    int got = tk_json_obj(v, &it) ? -1 : 1;
    while (got > 0 && r->rc == 0 && (got = tk_json_obj_next(&it, &key, &item)) > 0) {
        struct tk_jval k = key_of(r, key);
        struct tk_jval val = value_of(r, &item);
        if (r->rc == 0)
            tk__jdict_set(r, d, k, val);
    }
    return got < 0 || !d ? damaged(r) : tk__jdict(d);
}

static struct tk_jval value_of(struct tk_jrender *r, struct tk_json_val *v)
{
    struct tk_str s;
    bool b;
    if (!tk__jstep(r, 1))
        return TK_J_VAL(TK_J_UNDEF);
    switch (tk_json_type(v)) {
    case TK_JSON_NULL:
        return tk__jnone();
    case TK_JSON_BOOL:
        return tk_json_get_bool(v, &b) ? damaged(r) : tk__jbool(b);
    case TK_JSON_NUMBER:
        return number_of(r, v);
    case TK_JSON_STRING:
        return tk_json_get_str(v, &s) ? damaged(r) : tk__jstr_dup(r, s);
    case TK_JSON_ARRAY:
        return list_of(r, v);
    case TK_JSON_OBJECT:
        return dict_of(r, v);
    default:
        return damaged(r);
    }
}

struct tk_jval tk__jfrom_json(struct tk_jrender *r, struct tk_json *j, struct tk_str text,
                              const char *what)
{
    struct tk_json_val root;
    char *copy = tk__jalloc(r, text.n + TK_JSON_PADDING);
    if (!copy)
        return TK_J_VAL(TK_J_UNDEF);
    if (text.n)
        memcpy(copy, text.p, text.n);
    int rc = tk_json_parse(j, copy, text.n, &root);
    struct tk_jval v = rc ? TK_J_VAL(TK_J_UNDEF) : value_of(r, &root);
    if (rc == 0 && r->rc == 0 && !tk_json_at_end(j))
        damaged(r);
    if (rc == -ENOMEM || rc == TK_E_LIMIT)
        return tk__jfail(r, rc, "%s: %s", what, tk_err_text(rc));
    if (rc)
        return tk__jfail(r, TK_E_FORMAT, "%s: not JSON", what);
    return v;
}
