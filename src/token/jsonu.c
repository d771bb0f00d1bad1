/* jsonu.c - members of small JSON objects, with messages that name them */
#include "token/jsonu.h"

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "token/internal.h"
#include "token/unicode.h"

int tk__ju_member(struct tk_json_val *v, const char *key, struct tk_json_val *ret)
{
    int rc = tk_json_find(v, key, ret);
    if (rc == TK_E_NOT_FOUND || (rc == 0 && tk_json_type(ret) == TK_JSON_NULL))
        return 0;
    return rc == 0 ? 1 : rc;
}

static int not_a(struct tk_err *reterr, const char *key, const char *where, const char *what)
{
    return tk_err_set(reterr, TK_E_FORMAT, "'%s' of the %s is not %s", key, where, what);
}

int tk__ju_bool(struct tk_json_val *v, const char *key, const char *where, bool *ret,
                struct tk_err *reterr)
{
    struct tk_json_val m;
    int rc = tk__ju_member(v, key, &m);
    if (rc > 0)
        rc = tk_json_get_bool(&m, ret);
    return rc < 0 ? not_a(reterr, key, where, "true or false") : 0;
}

int tk__ju_size(struct tk_json_val *v, const char *key, const char *where, size_t *ret,
                struct tk_err *reterr)
{
    struct tk_json_val m;
    int64_t i = 0;
    int rc = tk__ju_member(v, key, &m);
    if (rc > 0) {
        rc = tk_json_get_i64(&m, &i);
        if (rc == 0 && i < 0)
            rc = TK_E_FORMAT;
        if (rc == 0)
            *ret = (size_t)i;
    }
    return rc < 0 ? not_a(reterr, key, where, "a count") : 0;
}

int tk__ju_copy(struct tk_json_val *v, const char *where, struct tk_arena *a, struct tk_str *ret,
                struct tk_err *reterr)
{
    struct tk_str s;
    if (tk_json_get_str(v, &s) < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "%s: not a string", where);
    if (s.n > TK__MAX_STRING)
        return tk_err_set(reterr, TK_E_LIMIT, "%s: a string of %zu bytes", where, s.n);
    s = tk_arena_dup_str(a, s);
    if (!s.p)
        return tk_err_set(reterr, -ENOMEM, "%s: out of memory", where);
    *ret = s;
    return 0;
}

int tk__ju_str(struct tk_json_val *v, const char *key, const char *where, struct tk_arena *a,
               struct tk_str *ret, struct tk_err *reterr)
{
    struct tk_json_val m;
    int rc = tk__ju_member(v, key, &m);
    if (rc <= 0)
        return rc < 0 ? not_a(reterr, key, where, "readable") : 0;
    if (tk_json_type(&m) != TK_JSON_STRING)
        return not_a(reterr, key, where, "a string");
    return tk__ju_copy(&m, where, a, ret, reterr);
}

int tk__ju_need_str(struct tk_json_val *v, const char *key, const char *where, struct tk_arena *a,
                    struct tk_str *ret, struct tk_err *reterr)
{
    struct tk_str s = { 0 };
    int rc = tk__ju_str(v, key, where, a, &s, reterr);
    if (rc == 0 && !s.p)
        return tk_err_set(reterr, TK_E_FORMAT, "the %s has no '%s'", where, key);
    if (rc == 0)
        *ret = s;
    return rc;
}

int tk__ju_type(struct tk_json_val *v, const char *where, char *out, size_t cap,
                struct tk_err *reterr)
{
    struct tk_json_val m;
    struct tk_str s = { 0 };
    out[0] = '\0';
    if (tk_json_type(v) != TK_JSON_OBJECT)
        return tk_err_set(reterr, TK_E_FORMAT, "the %s is not an object", where);
    int rc = tk__ju_member(v, "type", &m);
    if (rc > 0)
        rc = tk_json_get_str(&m, &s);
    if (rc < 0)
        return not_a(reterr, "type", where, "a string");
    if (s.n >= cap || (s.n > 0 && memchr(s.p, '\0', s.n)))
        return tk_err_set(reterr, TK_E_UNSUPPORTED, "the %s of type '%.*s' is not supported", where,
                          (int)TK_MIN(s.n, 80), s.p);
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return 0;
}

static int hex4(struct tk_str s, size_t at, uint32_t *ret)
{
    uint64_t u;
    if (s.n < at + 4 || tk_num_parse_hex((struct tk_str){ s.p + at, 4 }, &u) < 0)
        return TK_E_FORMAT;
    *ret = (uint32_t)u;
    return 0;
}

/* \uXXXX at `at`, of which s.p[at] is the u; *ret_n is how much of s it took. */
static int add_unicode(struct tk_str s, size_t at, struct tk_buf *buf, size_t *ret_n)
{
    uint32_t c;
    uint32_t low;
    if (hex4(s, at + 1, &c) < 0)
        return TK_E_FORMAT;
    *ret_n = 5;
    if (c >= 0xD800 && c < 0xDC00 && s.n > at + 6 && s.p[at + 5] == '\\' && s.p[at + 6] == 'u' &&
        hex4(s, at + 7, &low) == 0 && low >= 0xDC00 && low < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        *ret_n = 11;
    } else if (c >= 0xD800 && c < 0xE000) {
        c = 0xFFFD;
    }
    tk__utf8_add(buf, c);
    return buf->failed;
}

int tk__ju_key(struct tk_str raw, struct tk_buf *buf, struct tk_str *ret)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    int rc = 0;
    *ret = raw;
    if (raw.n == 0 || !memchr(raw.p, '\\', raw.n))
        return 0;
    tk_buf_reset(buf);
    for (size_t at = 0, n; rc == 0 && at < raw.n; at += n) {
        n = 1;
        if (raw.p[at] != '\\') {
            rc = tk_buf_add_c(buf, raw.p[at]);
            continue;
        }
        const char *known = ++at < raw.n && raw.p[at] ? strchr(from, raw.p[at]) : NULL;
        if (known)
            rc = tk_buf_add_c(buf, to[known - from]);
        else
            rc = at < raw.n && raw.p[at] == 'u' ? add_unicode(raw, at, buf, &n) : TK_E_FORMAT;
    }
    *ret = tk_buf_str(buf);
    return rc;
}

int tk__ju_only(struct tk_json_val *v, const char *where, const char *const *known,
                struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val m;
    struct tk_str key;
    int rc = tk_json_obj(v, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &m)) > 0) {
        const char *const *k = known;
        while (*k && !tk_str_is(key, *k))
            k++;
        if (!*k)
            return tk_err_set(reterr, TK_E_UNSUPPORTED, "'%.*s' of the %s is not supported",
                              TK_STR_ARG(key), where);
        rc = 0;
    }
    return rc < 0 ? tk_err_set(reterr, rc, "the %s is damaged", where) : 0;
}
