/* jinja_methods_str.c - methods of str that ask about text or change it */
#include <string.h>

#include "base/str.h"
#include "token/jinja.h"
#include "token/jinja_str.h"
#include "token/unicode.h"

#define METHOD(name)                                                                            \
    static struct tk_jval name(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a, \
                               const struct tk_jargs *args)

static bool is_given(struct tk_jval v)
{
    return v.type != TK_J_MISSING;
}

static struct tk_jval marked_as(struct tk_jval like, struct tk_jval v)
{
    if (v.type == TK_J_STR)
        v.flags = like.flags;
    return v;
}

static bool need_str(struct tk_jrender *r, struct tk_jval v)
{
    if (v.type == TK_J_STR)
        return true;
    tk__jfail(r, TK_E_FORMAT, "must be str, not %s", tk__jtype_name(v));
    return false;
}

static bool need_int(struct tk_jrender *r, struct tk_jval v)
{
    if (tk__jis_int(v))
        return true;
    tk__jfail(r, TK_E_FORMAT, "'%s' object cannot be interpreted as an integer", tk__jtype_name(v));
    return false;
}

/* ---- case ---- */

METHOD(do_upper)
{
    (void)a;
    (void)args;
    return marked_as(v, tk__jcase(r, tk__jtext(v), TK_J_UPPER));
}

METHOD(do_lower)
{
    (void)a;
    (void)args;
    return marked_as(v, tk__jcase(r, tk__jtext(v), TK_J_LOWER));
}

METHOD(do_title)
{
    (void)a;
    (void)args;
    return marked_as(v, tk__jcase(r, tk__jtext(v), TK_J_TITLE_EACH));
}

METHOD(do_capitalize)
{
    (void)a;
    (void)args;
    return marked_as(v, tk__jcase(r, tk__jtext(v), TK_J_CAPITALIZE));
}

METHOD(do_swapcase)
{
    (void)a;
    (void)args;
    return marked_as(v, tk__jcase(r, tk__jtext(v), TK_J_SWAP));
}

METHOD(do_casefold)
{
    (void)a;
    (void)args;
    return marked_as(v, tk__jcase(r, tk__jtext(v), TK_J_FOLD));
}

/* ---- questions about every character ---- */

static struct tk_jval all_are(struct tk_jrender *r, struct tk_jval v, bool (*is)(uint32_t),
                              bool when_empty)
{
    if (v.n == 0)
        return tk__jbool(when_empty);
    tk__jstep(r, v.n / 2);
    for (size_t at = 0; at < v.n;) {
        if (!is(tk__utf8_next(v.s, &at)))
            return tk__jbool(false);
    }
    return tk__jbool(true);
}

static bool is_ascii(uint32_t c)
{
    return c < 0x80;
}

#define ALL(name, is, when_empty)             \
    METHOD(name)                              \
    {                                         \
        (void)a;                              \
        (void)args;                           \
        return all_are(r, v, is, when_empty); \
    }

ALL(do_isalnum, tk__jis_alnum, false)
ALL(do_isalpha, tk__jis_alpha, false)
ALL(do_isascii, is_ascii, true)
ALL(do_isdecimal, tk__jis_decimal, false)
ALL(do_isdigit, tk__jis_digit, false)
ALL(do_isnumeric, tk__jis_numeric, false)
ALL(do_isprintable, tk__jis_printable, true)
ALL(do_isspace, tk__jis_space, false)

/* Cased, and none is of the other case. */
static struct tk_jval is_case(struct tk_jrender *r, struct tk_jval v, bool (*is)(uint32_t),
                              bool (*is_other)(uint32_t))
{
    bool has = false;
    tk__jstep(r, v.n / 2);
    for (size_t at = 0; at < v.n;) {
        uint32_t c = tk__utf8_next(v.s, &at);
        if (is_other(c) || tk__jis_title(c))
            return tk__jbool(false);
        has |= is(c);
    }
    return tk__jbool(has);
}

METHOD(do_islower)
{
    (void)a;
    (void)args;
    return is_case(r, v, tk__jis_lower, tk__jis_upper);
}

METHOD(do_isupper)
{
    (void)a;
    (void)args;
    return is_case(r, v, tk__jis_upper, tk__jis_lower);
}

METHOD(do_istitle)
{
    bool has = false;
    bool after_cased = false;
    (void)a;
    (void)args;
    tk__jstep(r, v.n / 2);
    for (size_t at = 0; at < v.n;) {
        uint32_t c = tk__utf8_next(v.s, &at);
        bool is_upper = tk__jis_upper(c) || tk__jis_title(c);
        if (is_upper ? after_cased : tk__jis_lower(c) && !after_cased)
            return tk__jbool(false);
        after_cased = is_upper || tk__jis_lower(c);
        has |= after_cased;
    }
    return tk__jbool(has);
}

/* ---- strip ---- */

static bool has_char(struct tk_str set, uint32_t c)
{
    for (size_t at = 0; at < set.n;) {
        if (tk__utf8_next(set.p, &at) == c)
            return true;
    }
    return false;
}

static struct tk_jval strip(struct tk_jrender *r, struct tk_jval v, struct tk_jval chars, bool left,
                            bool right)
{
    struct tk_str s = tk__jtext(v);
    if (!is_given(chars) || chars.type == TK_J_NONE)
        return marked_as(v, tk__jstr(tk__jstrip(s, left, right)));
    if (!need_str(r, chars))
        return v;
    struct tk_str set = tk__jtext(chars);
    while (left && s.n && tk__jstep(r, 1 + set.n / 16)) {
        size_t at = 0;
        if (!has_char(set, tk__utf8_next(s.p, &at)))
            break;
        s.p += at;
        s.n -= at;
    }
    while (right && s.n && tk__jstep(r, 1 + set.n / 16)) {
        size_t last = tk__utf8_last(s.p, s.n);
        size_t at = last;
        if (!has_char(set, tk__utf8_next(s.p, &at)))
            break;
        s.n = last;
    }
    return marked_as(v, tk__jstr(s));
}

METHOD(do_strip)
{
    (void)args;
    return strip(r, v, a[0], true, true);
}

METHOD(do_lstrip)
{
    (void)args;
    return strip(r, v, a[0], true, false);
}

METHOD(do_rstrip)
{
    (void)args;
    return strip(r, v, a[0], false, true);
}

METHOD(do_removeprefix)
{
    (void)args;
    if (!need_str(r, a[0]))
        return v;
    struct tk_str s = tk__jtext(v);
    if (tk_str_starts(s, tk__jtext(a[0]))) {
        s.p += a[0].n;
        s.n -= a[0].n;
    }
    return marked_as(v, tk__jstr(s));
}

METHOD(do_removesuffix)
{
    (void)args;
    if (!need_str(r, a[0]))
        return v;
    struct tk_str s = tk__jtext(v);
    if (a[0].n && tk_str_ends(s, tk__jtext(a[0])))
        s.n -= a[0].n;
    return marked_as(v, tk__jstr(s));
}

/* ---- places ---- */

/* v[start:end], and how many code points lie before it; false: past the end, or failed. */
static bool window(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *bounds,
                   struct tk_str *ret, int64_t *ret_before)
{
    struct tk_str s = tk__jtext(v);
    *ret = s;
    *ret_before = 0;
    bool has_start = is_given(bounds[0]) && bounds[0].type != TK_J_NONE;
    bool has_end = is_given(bounds[1]) && bounds[1].type != TK_J_NONE;
    if (!has_start && !has_end)
        return true;
    if ((has_start && !need_int(r, bounds[0])) || (has_end && !need_int(r, bounds[1])))
        return false;
    tk__jstep(r, v.n / 16);
    int64_t n = (int64_t)tk__jcount(s);
    int64_t start = has_start ? bounds[0].i : 0;
    int64_t end = has_end ? TK_MIN(bounds[1].i, n) : n;
    if (start < 0)
        start = start < -n ? 0 : start + n;
    if (end < 0)
        end = end < -n ? 0 : end + n;
    if (start > end)
        return false;
    size_t from = tk__joffset(s, (size_t)start);
    struct tk_str rest = { s.p + from, s.n - from };
    *ret = (struct tk_str){ rest.p, tk__joffset(rest, (size_t)(end - start)) };
    *ret_before = start;
    return true;
}

static int64_t find(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a, bool is_last)
{
    struct tk_str in;
    int64_t before;
    if (!need_str(r, a[0]) || !window(r, v, a + 1, &in, &before))
        return -1;
    tk__jstep(r, in.n / 32);
    ptrdiff_t at = is_last ? tk__jrfind(r, in, tk__jtext(a[0])) : tk__jfind(in, tk__jtext(a[0]), 0);
    if (at < 0)
        return -1;
    return before + (int64_t)tk__jcount((struct tk_str){ in.p, (size_t)at });
}

METHOD(do_find)
{
    (void)args;
    return tk__jint(find(r, v, a, false));
}

METHOD(do_rfind)
{
    (void)args;
    return tk__jint(find(r, v, a, true));
}

static struct tk_jval index_of(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               bool is_last)
{
    int64_t at = find(r, v, a, is_last);
    return at < 0 ? tk__jfail(r, TK_E_FORMAT, "substring not found") : tk__jint(at);
}

METHOD(do_index)
{
    (void)args;
    return index_of(r, v, a, false);
}

METHOD(do_rindex)
{
    (void)args;
    return index_of(r, v, a, true);
}

METHOD(do_count)
{
    struct tk_str in;
    int64_t before, n = 0;
    (void)args;
    if (!need_str(r, a[0]) || !window(r, v, a + 1, &in, &before))
        return tk__jint(0);
    tk__jstep(r, in.n / 16);
    if (a[0].n == 0)
        return tk__jint((int64_t)tk__jcount(in) + 1);
    for (size_t at = 0; tk__jstep(r, 1);) {
        ptrdiff_t found = tk__jfind(in, tk__jtext(a[0]), at);
        if (found < 0)
            break;
        at = (size_t)found + a[0].n;
        n++;
    }
    return tk__jint(n);
}

static struct tk_jval at_edge(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                              bool (*is)(struct tk_str, struct tk_str))
{
    struct tk_str in;
    int64_t before;
    const struct tk_jval *edges = a[0].type == TK_J_TUPLE ? a[0].items : a;
    uint32_t n = a[0].type == TK_J_TUPLE ? a[0].n : 1;
    bool has_window = window(r, v, a + 1, &in, &before);
    for (uint32_t i = 0; i < n && r->rc == 0; i++) {
        if (edges[i].type != TK_J_STR)
            return tk__jfail(r, TK_E_FORMAT, "must be str or a tuple of str, not %s",
                             tk__jtype_name(edges[i]));
        if (has_window && is(in, tk__jtext(edges[i])))
            return tk__jbool(true);
    }
    return tk__jbool(false);
}

METHOD(do_startswith)
{
    (void)args;
    return at_edge(r, v, a, tk_str_starts);
}

METHOD(do_endswith)
{
    (void)args;
    return at_edge(r, v, a, tk_str_ends);
}

/* ---- replace ---- */

METHOD(do_replace)
{
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    struct tk_str s = tk__jtext(v);
    int64_t left = INT64_MAX;
    size_t at = 0;
    (void)args;
    if (!need_str(r, a[0]) || !need_str(r, a[1]) || (is_given(a[2]) && !need_int(r, a[2])))
        return v;
    if (is_given(a[2]) && a[2].i >= 0)
        left = a[2].i;
    struct tk_str old = tk__jtext(a[0]), new = tk__jtext(a[1]);
    tk__jstep(r, v.n / 32);
    for (; left > 0 && r->rc == 0 && !out.failed; left--) {
        ptrdiff_t found = tk__jfind(s, old, at);
        if (found < 0 || !tk__jstep(r, 1))
            break;
        tk_buf_add(&out, s.p + at, (size_t)found - at);
        tk_buf_add_str(&out, new);
        at = (size_t)found + old.n;
        if (old.n == 0) { /* between all characters, and at both ends */
            if (at == s.n)
                break;
            size_t n = tk__utf8_len(s.p[at]);
            tk_buf_add(&out, s.p + at, n);
            at += n;
        }
    }
    tk_buf_add(&out, s.p + at, s.n - at);
    return marked_as(v, tk__jstr_take(r, &out));
}

/* ---- padding ---- */

static struct tk_jval pad(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                          int where /* -1: text to the left, 1: to the right, 0: centred */)
{
    struct tk_str fill = TK_STR(" ");
    if (!need_int(r, a[0]) || (is_given(a[1]) && !need_str(r, a[1])))
        return v;
    if (is_given(a[1]))
        fill = tk__jtext(a[1]);
    if (tk__jcount(fill) != 1)
        return tk__jfail(r, TK_E_FORMAT, "the fill character must be exactly one character long");
    int64_t n = tk__jlen(v);
    if (a[0].i <= n)
        return v;
    int64_t spare = a[0].i - n;
    int64_t left = where < 0 ? 0 : where > 0 ? spare : spare / 2 + (spare & a[0].i & 1);
    if (!tk__jstep(r, (uint64_t)TK_MIN(spare, (int64_t)r->max_bytes) / 8))
        return v;
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    tk__jpad(&out, fill, left);
    tk_buf_add(&out, v.s, v.n);
    tk__jpad(&out, fill, spare - left);
    return marked_as(v, tk__jstr_take(r, &out));
}

METHOD(do_ljust)
{
    (void)args;
    return pad(r, v, a, -1);
}

METHOD(do_rjust)
{
    (void)args;
    return pad(r, v, a, 1);
}

METHOD(do_center)
{
    (void)args;
    return pad(r, v, a, 0);
}

METHOD(do_zfill)
{
    (void)args;
    if (!need_int(r, a[0]))
        return v;
    int64_t spare = a[0].i - tk__jlen(v);
    if (spare <= 0)
        return v;
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    bool has_sign = v.n && (v.s[0] == '-' || v.s[0] == '+');
    if (has_sign)
        tk_buf_add_c(&out, v.s[0]);
    tk__jpad(&out, TK_STR("0"), spare);
    tk_buf_add(&out, v.s + has_sign, v.n - has_sign);
    return marked_as(v, tk__jstr_take(r, &out));
}

METHOD(do_expandtabs)
{
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    int64_t size = is_given(a[0]) ? a[0].i : 8;
    int64_t column = 0;
    (void)args;
    if (is_given(a[0]) && !need_int(r, a[0]))
        return v;
    for (size_t at = 0; at < v.n && !out.failed && tk__jstep(r, 1);) {
        size_t from = at;
        uint32_t c = tk__utf8_next(v.s, &at);
        if (c == '\t') {
            int64_t n = size > 0 ? size - column % size : 0;
            tk__jpad(&out, TK_STR(" "), n);
            column += n;
            continue;
        }
        column = c == '\n' || c == '\r' ? 0 : column + 1;
        tk_buf_add(&out, v.s + from, at - from);
    }
    return marked_as(v, tk__jstr_take(r, &out));
}

METHOD(do_unsupported)
{
    (void)v;
    (void)a;
    (void)args;
    return tk__jfail(r, TK_E_UNSUPPORTED, "this method of str is not supported");
}

const struct tk_jbuiltin tk__jmethods_str[] = {
    { "capitalize", do_capitalize, "" },
    { "casefold", do_casefold, "" },
    { "center", do_center, "/width fillchar?" },
    { "count", do_count, "/sub start? end?" },
    { "encode", do_unsupported, "*" },
    { "endswith", do_endswith, "/suffix start? end?" },
    { "expandtabs", do_expandtabs, "tabsize?" },
    { "find", do_find, "/sub start? end?" },
    { "index", do_index, "/sub start? end?" },
    { "isalnum", do_isalnum, "" },
    { "isalpha", do_isalpha, "" },
    { "isascii", do_isascii, "" },
    { "isdecimal", do_isdecimal, "" },
    { "isdigit", do_isdigit, "" },
    { "isidentifier", do_unsupported, "*" },
    { "islower", do_islower, "" },
    { "isnumeric", do_isnumeric, "" },
    { "isprintable", do_isprintable, "" },
    { "isspace", do_isspace, "" },
    { "istitle", do_istitle, "" },
    { "isupper", do_isupper, "" },
    { "ljust", do_ljust, "/width fillchar?" },
    { "lower", do_lower, "" },
    { "lstrip", do_lstrip, "/chars?" },
    { "maketrans", do_unsupported, "*" },
    { "removeprefix", do_removeprefix, "/prefix" },
    { "removesuffix", do_removesuffix, "/suffix" },
    { "replace", do_replace, "/old new count?" },
    { "rfind", do_rfind, "/sub start? end?" },
    { "rindex", do_rindex, "/sub start? end?" },
    { "rjust", do_rjust, "/width fillchar?" },
    { "rstrip", do_rstrip, "/chars?" },
    { "startswith", do_startswith, "/prefix start? end?" },
    { "strip", do_strip, "/chars?" },
    { "swapcase", do_swapcase, "" },
    { "title", do_title, "" },
    { "translate", do_unsupported, "*" },
    { "upper", do_upper, "" },
    { "zfill", do_zfill, "/width" },
    { 0 },
};
