/* jinja_methods_split.c - methods of str that take text apart and put it together */
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

static bool is_line_end(uint32_t c)
{
    return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

bool tk__jnext_line(struct tk_str *rest, bool keep_ends, struct tk_str *ret)
{
    if (rest->n == 0)
        return false;
    size_t at = 0;
    size_t end = 0;
    while (at < rest->n) {
        uint32_t c = tk__utf8_next(rest->p, &at);
        if (is_line_end(c)) {
            if (c == '\r' && at < rest->n && rest->p[at] == '\n')
                at++;
            break;
        }
        end = at;
    }
    *ret = (struct tk_str){ rest->p, keep_ends ? at : end };
    rest->p += at;
    rest->n -= at;
    return true;
}

bool tk__jnext_word(struct tk_str *rest, struct tk_str *ret)
{
    *rest = tk__jstrip(*rest, true, false);
    if (rest->n == 0)
        return false;
    size_t at = 0;
    while (at < rest->n) {
        size_t next = at;
        if (tk__jis_space(tk__utf8_next(rest->p, &next)))
            break;
        at = next;
    }
    *ret = (struct tk_str){ rest->p, at };
    rest->p += at;
    rest->n -= at;
    return true;
}

void tk__jpad(struct tk_buf *out, struct tk_str fill, int64_t n)
{
    if (n <= 0 || fill.n == 0)
        return;
    if ((uint64_t)n > SIZE_MAX / 8 / fill.n || tk_buf_reserve(out, (size_t)n * fill.n)) {
        if (!out->failed)
            out->failed = TK_E_LIMIT;
        return;
    }
    for (; n > 0; n--)
        tk_buf_add_str(out, fill);
}

/* A part of `v`, marked as it is. */
static struct tk_jval part_of(struct tk_jval v, struct tk_str part)
{
    struct tk_jval s = tk__jstr(part);
    s.flags = v.flags;
    return s;
}

/* ---- split ---- */

static bool count_of(struct tk_jrender *r, struct tk_jval v, int64_t *ret)
{
    *ret = INT64_MAX;
    if (!is_given(v))
        return true;
    if (!tk__jis_int(v)) {
        tk__jfail(r, TK_E_FORMAT, "'%s' object cannot be interpreted as an integer",
                  tk__jtype_name(v));
        return false;
    }
    if (v.i >= 0)
        *ret = v.i;
    return true;
}

static bool separator_of(struct tk_jrender *r, struct tk_jval v, bool *ret_is_words)
{
    *ret_is_words = !is_given(v) || v.type == TK_J_NONE;
    if (*ret_is_words)
        return true;
    if (v.type != TK_J_STR)
        tk__jfail(r, TK_E_FORMAT, "must be str or None, not %s", tk__jtype_name(v));
    else if (v.n == 0)
        tk__jfail(r, TK_E_FORMAT, "empty separator");
    return r->rc == 0;
}

METHOD(do_split)
{
    struct tk_jvec vec = { 0 };
    struct tk_str rest = tk__jtext(v), word;
    int64_t max;
    bool is_words;
    (void)args;
    if (!separator_of(r, a[0], &is_words) || !count_of(r, a[1], &max))
        return v;
    if (is_words) {
        while (r->rc == 0 && vec.n < max && tk__jnext_word(&rest, &word))
            tk__jvec_add(r, &vec, part_of(v, word));
        rest = tk__jstrip(rest, true, false);
        if (rest.n)
            tk__jvec_add(r, &vec, part_of(v, rest));
        return tk__jlist(vec.v, vec.n);
    }
    tk__jstep(r, v.n / 32);
    while (r->rc == 0 && vec.n < max) {
        ptrdiff_t at = tk__jfind(rest, tk__jtext(a[0]), 0);
        if (at < 0)
            break;
        tk__jvec_add(r, &vec, part_of(v, (struct tk_str){ rest.p, (size_t)at }));
        rest.p += (size_t)at + a[0].n;
        rest.n -= (size_t)at + a[0].n;
    }
    tk__jvec_add(r, &vec, part_of(v, rest));
    return tk__jlist(vec.v, vec.n);
}

static void turn_around(struct tk_jvec *vec)
{
    for (uint32_t i = 0; i < vec->n / 2; i++) {
        struct tk_jval t = vec->v[i];
        vec->v[i] = vec->v[vec->n - 1 - i];
        vec->v[vec->n - 1 - i] = t;
    }
}

/* The last run without white space, taken off. */
static bool last_word(struct tk_str *rest, struct tk_str *ret)
{
    *rest = tk__jstrip(*rest, false, true);
    size_t from = rest->n;
    while (from > 0) {
        size_t last = tk__utf8_last(rest->p, from);
        size_t at = last;
        if (tk__jis_space(tk__utf8_next(rest->p, &at)))
            break;
        from = last;
    }
    *ret = (struct tk_str){ rest->p + from, rest->n - from };
    rest->n = from;
    return ret->n > 0;
}

METHOD(do_rsplit)
{
    struct tk_jvec vec = { 0 };
    struct tk_str rest = tk__jtext(v), word;
    int64_t max;
    bool is_words;
    (void)args;
    if (!separator_of(r, a[0], &is_words) || !count_of(r, a[1], &max))
        return v;
    while (r->rc == 0 && vec.n < max) {
        if (is_words) {
            if (!last_word(&rest, &word))
                break;
            tk__jvec_add(r, &vec, part_of(v, word));
            continue;
        }
        ptrdiff_t at = tk__jrfind(r, rest, tk__jtext(a[0]));
        if (at < 0)
            break;
        size_t from = (size_t)at + a[0].n;
        tk__jvec_add(r, &vec, part_of(v, (struct tk_str){ rest.p + from, rest.n - from }));
        rest.n = (size_t)at;
    }
    if (is_words)
        rest = tk__jstrip(rest, false, true);
    if (!is_words || rest.n)
        tk__jvec_add(r, &vec, part_of(v, rest));
    turn_around(&vec);
    return tk__jlist(vec.v, vec.n);
}

METHOD(do_splitlines)
{
    struct tk_jvec vec = { 0 };
    struct tk_str rest = tk__jtext(v), line;
    bool keep = is_given(a[0]) && tk__jtruth(r, a[0]);
    (void)args;
    tk__jstep(r, v.n / 16);
    while (r->rc == 0 && tk__jnext_line(&rest, keep, &line))
        tk__jvec_add(r, &vec, part_of(v, line));
    return tk__jlist(vec.v, vec.n);
}

static struct tk_jval partition(struct tk_jrender *r, struct tk_jval v, struct tk_jval sep,
                                bool is_last)
{
    struct tk_jval *three = tk__jalloc(r, 3 * sizeof(*three));
    if (!three)
        return v;
    if (sep.type != TK_J_STR)
        return tk__jfail(r, TK_E_FORMAT, "must be str, not %s", tk__jtype_name(sep));
    if (sep.n == 0)
        return tk__jfail(r, TK_E_FORMAT, "empty separator");
    struct tk_str s = tk__jtext(v);
    ptrdiff_t at = is_last ? tk__jrfind(r, s, tk__jtext(sep)) : tk__jfind(s, tk__jtext(sep), 0);
    struct tk_str empty = TK_STR("");
    if (at < 0) {
        three[is_last ? 2 : 0] = v;
        three[1] = three[is_last ? 0 : 2] = part_of(v, empty);
        return tk__jtuple(three, 3);
    }
    size_t end = (size_t)at + sep.n;
    three[0] = part_of(v, (struct tk_str){ s.p, (size_t)at });
    three[1] = sep;
    three[2] = part_of(v, (struct tk_str){ s.p + end, s.n - end });
    return tk__jtuple(three, 3);
}

METHOD(do_partition)
{
    (void)args;
    return partition(r, v, a[0], false);
}

METHOD(do_rpartition)
{
    (void)args;
    return partition(r, v, a[0], true);
}

/* ---- join ---- */

METHOD(do_join)
{
    struct tk_jiter it;
    struct tk_jval item;
    bool is_first = true;
    (void)args;
    if (!tk__jis_iterable(a[0])) {
        if (!tk__jfail_if_undef(r, a[0]))
            tk__jfail(r, TK_E_FORMAT, "can only join an iterable");
        return v;
    }
    if (!tk__jiter_init(r, &it, a[0]))
        return v;
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    for (int64_t at = 0; r->rc == 0 && tk__jiter_next(r, &it, &item); at++) {
        if (item.type != TK_J_STR) {
            tk__jfail(r, TK_E_FORMAT, "sequence item %lld: expected str instance, %s found",
                      (long long)at, tk__jtype_name(item));
            break;
        }
        if (!is_first)
            tk__jstr_of(r, &out, v);
        is_first = false;
        if (v.flags & TK_J_MARKUP)
            item = tk__jto_escaped(r, item);
        if (r->rc == 0)
            tk__jstr_of(r, &out, item);
    }
    struct tk_jval text = tk__jstr_take(r, &out);
    text.flags = v.flags;
    return text;
}

METHOD(do_format)
{
    (void)a;
    return tk__jformat(r, v, args);
}

METHOD(do_format_map)
{
    struct tk_jvec names = { 0 };
    (void)args;
    (void)names;
    if (a[0].type != TK_J_DICT)
        return tk__jfail(r, TK_E_FORMAT, "format_map() takes a mapping");
    const struct tk_jdict *d = a[0].dict;
    struct tk_jkw *kw = tk__jalloc(r, d->n * sizeof(*kw) + 1);
    struct tk_jargs by_name = { .kw = kw };
    for (uint32_t i = 0; kw && i < d->n; i++) {
        if (d->e[i].key.type == TK_J_STR)
            kw[by_name.n_kw++] = (struct tk_jkw){ tk__jtext(d->e[i].key), d->e[i].val };
    }
    return r->rc ? v : tk__jformat(r, v, &by_name);
}

const struct tk_jbuiltin tk__jmethods_split[] = {
    { "format", do_format, "*" },
    { "format_map", do_format_map, "/mapping" },
    { "join", do_join, "/iterable" },
    { "partition", do_partition, "/sep" },
    { "rpartition", do_rpartition, "/sep" },
    { "rsplit", do_rsplit, "sep? maxsplit?" },
    { "split", do_split, "sep? maxsplit?" },
    { "splitlines", do_splitlines, "keepends?" },
    { 0 },
};
