/* jinja_filters_text.c - filters over text */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "token/jinja.h"
#include "token/jinja_str.h"
#include "token/unicode.h"

static bool is_given(struct tk_jval v)
{
    return v.type != TK_J_MISSING;
}

static bool flag(struct tk_jrender *r, struct tk_jval v)
{
    return is_given(v) && tk__jtruth(r, v);
}

/* Apply a method of str to soft_str(v). */
static struct tk_jval by_method(struct tk_jrender *r, struct tk_jval v, const char *name,
                                const struct tk_jval *a, uint32_t n)
{
    struct tk_jval s = tk__jsoft_str(r, v);
    struct tk_jargs args = { .v = a, .n = n };
    return r->rc ? s : tk__jcall_builtin(r, tk__jmethod(s, tk_str_of(name)), s, &args);
}

static struct tk_jval do_upper(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               const struct tk_jargs *args)
{
    (void)args;
    return by_method(r, v, "upper", a, 0);
}

static struct tk_jval do_lower(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               const struct tk_jargs *args)
{
    (void)args;
    return by_method(r, v, "lower", a, 0);
}

static struct tk_jval do_capitalize(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                    const struct tk_jargs *args)
{
    (void)args;
    return by_method(r, v, "capitalize", a, 0);
}

static struct tk_jval do_trim(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                              const struct tk_jargs *args)
{
    (void)args;
    return by_method(r, v, "strip", a, is_given(a[0]));
}

static struct tk_jval do_center(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    struct tk_jval width = is_given(a[0]) ? a[0] : tk__jint(80);
    (void)args;
    return by_method(r, v, "center", &width, 1);
}

static struct tk_jval do_replace(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                 const struct tk_jargs *args)
{
    (void)args;
    struct tk_jval b[3] = { tk__jto_str(r, a[0]), tk__jto_str(r, a[1]), a[2] };
    v = tk__jto_str(r, v);
    bool has_count = is_given(a[2]) && a[2].type != TK_J_NONE;
    return r->rc ? v : by_method(r, v, "replace", b, has_count ? 3 : 2);
}

/* Words begin where jinja2's pattern [-\s({\[<]+ ends. */
static struct tk_jval do_title(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    v = tk__jsoft_str(r, v);
    if (r->rc)
        return v;
    struct tk_str s = tk__jtext(v);
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    for (size_t at = 0; at < s.n;) {
        size_t from = at;
        size_t first = at;
        bool is_gap = false;
        while (at < s.n) {
            size_t next = at;
            uint32_t c = tk__utf8_next(s.p, &next);
            bool gap = (c < 0x80 && c && strchr("-({[<", (int)c)) || tk__jis_space(c);
            if (at == from) {
                is_gap = gap;
                first = next;
            } else if (gap != is_gap) {
                break;
            }
            at = next;
        }
        /* upper() of the first character alone, lower() of the others without it */
        tk__jcase_add(r, &out, (struct tk_str){ s.p + from, first - from }, TK_J_UPPER);
        tk__jcase_add(r, &out, (struct tk_str){ s.p + first, at - first }, TK_J_LOWER);
    }
    return tk__jstr_take(r, &out);
}

static struct tk_jval do_string(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    return tk__jsoft_str(r, v);
}

static struct tk_jval do_safe(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                              const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    return tk__jmarkup(tk__jto_str(r, v));
}

static struct tk_jval do_escape(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    return tk__jto_escaped(r, v);
}

static struct tk_jval do_forceescape(struct tk_jrender *r, struct tk_jval v,
                                     const struct tk_jval *a, const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    return tk__jto_escaped(r, tk__jto_str(r, v));
}

static struct tk_jval do_join(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                              const struct tk_jargs *args)
{
    struct tk_jiter it;
    struct tk_jval item;
    struct tk_jval sep = is_given(a[0]) ? tk__jto_str(r, a[0]) : tk__jstr(TK_STR(""));
    bool is_first = true;
    (void)args;
    if (r->rc || !tk__jiter_init(r, &it, v))
        return v;
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    while (r->rc == 0 && tk__jiter_next(r, &it, &item)) {
        if (!is_first)
            tk__jstr_of(r, &out, sep);
        is_first = false;
        item = tk__jattr_path(r, item, a[1], TK_J_VAL(TK_J_MISSING));
        if (r->rc == 0)
            tk__jstr_of(r, &out, item);
    }
    return tk__jstr_take(r, &out);
}

static void add_spaces(struct tk_jrender *r, struct tk_buf *out, struct tk_jval width)
{
    if (width.type == TK_J_STR) {
        tk__jstr_of(r, out, width);
        return;
    }
    if (tk__jstep(r, width.i > 0 ? (uint64_t)width.i / 16 : 0))
        tk__jpad(out, TK_STR(" "), width.i);
}

static struct tk_jval do_indent(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    struct tk_jval width = is_given(a[0]) ? a[0] : tk__jint(4);
    bool with_blank = flag(r, a[2]);
    bool is_first = true;
    struct tk_str rest, line;
    (void)args;
    if (tk__jfail_if_undef(r, v))
        return v;
    if (v.type != TK_J_STR || (width.type != TK_J_STR && !tk__jis_int(width)))
        return tk__jfail(r, TK_E_FORMAT, "indent takes text and a width, not '%s'",
                         tk__jtype_name(v));
    v = tk__jbinop(r, TK_JT_ADD, v, tk__jstr(TK_STR("\n")));
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    if (flag(r, a[1]))
        add_spaces(r, &out, width);
    rest = tk__jtext(v);
    while (r->rc == 0 && tk__jnext_line(&rest, false, &line)) {
        if (!is_first) {
            tk_buf_add_c(&out, '\n');
            if (line.n || with_blank)
                add_spaces(r, &out, width);
        }
        is_first = false;
        tk_buf_add_str(&out, line);
    }
    struct tk_jval text = tk__jstr_take(r, &out);
    text.flags = v.flags;
    return text;
}

static struct tk_jval do_truncate(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                  const struct tk_jargs *args)
{
    int64_t length = is_given(a[0]) ? a[0].i : 255;
    struct tk_jval end = is_given(a[2]) ? a[2] : tk__jstr(TK_STR("..."));
    bool has_leeway = is_given(a[3]) && a[3].type != TK_J_NONE;
    int64_t leeway = has_leeway ? a[3].i : 5;
    int64_t n = tk__jlen(v);
    (void)args;
    if (n < 0 || end.type != TK_J_STR || (is_given(a[0]) && !tk__jis_int(a[0])) ||
        (has_leeway && !tk__jis_int(a[3])))
        return tk__jfail(r, TK_E_FORMAT, "truncate takes text, a length, a flag, an end, a leeway");
    int64_t end_n = tk__jlen(end);
    if (length < end_n || leeway < 0)
        return tk__jfail(r, TK_E_FORMAT, "expected length >= %lld, got %lld", (long long)end_n,
                         (long long)length);
    if (n - leeway <= length)
        return v;
    if (v.type != TK_J_STR)
        return tk__jfail(r, TK_E_FORMAT, "'%s' cannot be truncated", tk__jtype_name(v));
    v = tk__jslice(r, v, tk__jnone(), tk__jint(length - end_n), tk__jnone());
    if (!flag(r, a[1])) {
        ptrdiff_t space = tk__jrfind(r, tk__jtext(v), TK_STR(" "));
        if (space >= 0)
            v.n = (uint32_t)space;
    }
    return r->rc ? v : tk__jbinop(r, TK_JT_ADD, v, end);
}

static struct tk_jval do_wordcount(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                   const struct tk_jargs *args)
{
    int64_t n = 0;
    bool in_word = false;
    (void)a;
    (void)args;
    v = tk__jsoft_str(r, v);
    if (r->rc || !tk__jstep(r, v.n / 2))
        return v;
    for (size_t at = 0; at < v.n;) {
        uint32_t c = tk__utf8_next(v.s, &at);
        bool is_word = c == '_' || tk__jis_alnum(c);
        n += is_word && !in_word;
        in_word = is_word;
    }
    return tk__jint(n);
}

/* ---- HTML and URLs ---- */

/* "#65" or "#x41" at `s`: its code, and where it ends; 0: no such thing, or no character. */
static uint32_t numeric_entity(struct tk_str s, size_t *ret_end)
{
    bool is_hex = s.n > 1 && (s.p[1] == 'x' || s.p[1] == 'X');
    size_t from = 1 + is_hex;
    size_t at = from;
    uint32_t code = 0;
    for (; at < s.n && code < 0x110000; at++) {
        char ch = s.p[at];
        if (ch >= '0' && ch <= '9')
            code = code * (is_hex ? 16 : 10) + (uint32_t)(ch - '0');
        else if (is_hex && (ch | 0x20) >= 'a' && (ch | 0x20) <= 'f')
            code = code * 16 + (uint32_t)((ch | 0x20) - 'a' + 10);
        else
            break;
    }
    *ret_end = at;
    bool is_control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    bool is_code = code < 0x110000 && !(code >= 0xD800 && code < 0xE000);
    return at > from && is_code && !is_control ? code : 0;
}

/* A character reference at `s` (behind the '&'): its code, and how long it is with the ';'. */
static uint32_t entity(struct tk_jrender *r, struct tk_str s, size_t *ret_n)
{
    static const struct {
        const char *name;
        uint32_t code;
    } names[] = { { "amp;", '&' },  { "lt;", '<' },    { "gt;", '>' },
                  { "quot;", '"' }, { "apos;", '\'' }, { "nbsp;", 0xA0 } };
    *ret_n = 0;
    for (unsigned i = 0; i < TK_ARRAY_LEN(names); i++) {
        if (tk_str_starts(s, tk_str_of(names[i].name))) {
            *ret_n = strlen(names[i].name);
            return names[i].code;
        }
    }
    bool is_numeric = s.n && s.p[0] == '#';
    uint32_t code = is_numeric ? numeric_entity(s, ret_n) : 0;
    if (code) {
        *ret_n += *ret_n < s.n && s.p[*ret_n] == ';';
        return code;
    }
    *ret_n = 0;
    if (is_numeric || (s.n && (unsigned char)s.p[0] < 0x80 && tk__jis_alpha((uint32_t)s.p[0])))
        tk__jfail(r, TK_E_UNSUPPORTED, "a character reference in striptags is not supported");
    return 0;
}

static void drop_between(struct tk_buf *b, const char *from, const char *to)
{
    struct tk_str s = tk_buf_str(b);
    size_t out = 0, at = 0;
    while (at < s.n) {
        ptrdiff_t start = tk__jfind(s, tk_str_of(from), at);
        ptrdiff_t end = start < 0 ? -1 : tk__jfind(s, tk_str_of(to), (size_t)start + strlen(from));
        size_t keep = end < 0 ? s.n : (size_t)start;
        memmove(b->p + out, b->p + at, keep - at);
        out += keep - at;
        at = end < 0 ? s.n : (size_t)end + strlen(to);
    }
    b->n = out;
}

static struct tk_jval do_striptags(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                   const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    v = tk__jto_str(r, v);
    if (r->rc || !tk__jstep(r, v.n))
        return v;
    struct tk_buf text = TK_BUF_INIT(r->max_bytes);
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    tk_buf_add(&text, v.s, v.n);
    drop_between(&text, "<!--", "-->");
    drop_between(&text, "<", ">");
    struct tk_str rest = tk_buf_str(&text), word;
    struct tk_buf flat = TK_BUF_INIT(r->max_bytes); /* white space joined first, references after */
    while (tk__jnext_word(&rest, &word)) {
        if (flat.n)
            tk_buf_add_c(&flat, ' ');
        tk_buf_add_str(&flat, word);
    }
    if (text.failed || flat.failed)
        tk__jfail_buf(r, text.failed ? &text : &flat);
    for (size_t i = 0; i < flat.n && r->rc == 0;) {
        size_t n = 0;
        uint32_t code = 0;
        if (flat.p[i] == '&')
            code = entity(r, (struct tk_str){ flat.p + i + 1, flat.n - i - 1 }, &n);
        if (n)
            tk__utf8_add(&out, code);
        else
            tk_buf_add_c(&out, flat.p[i]);
        i += 1 + n;
    }
    tk_buf_release(&text);
    tk_buf_release(&flat);
    return tk__jstr_take(r, &out);
}

static void add_quoted(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v, bool is_query)
{
    static const char hex[] = "0123456789ABCDEF";
    v = tk__jto_str(r, v);
    if (r->rc || !tk__jstep(r, v.n))
        return;
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.s[i];
        if ((c < 0x80 && tk__jis_alnum(c)) || (c && strchr("_.-~", c)) || (c == '/' && !is_query)) {
            tk_buf_add_c(out, (char)c);
        } else if (c == ' ' && is_query) {
            tk_buf_add_c(out, '+');
        } else {
            const char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };
            tk_buf_add(out, escaped, 3);
        }
    }
}

static struct tk_jval do_urlencode(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                   const struct tk_jargs *args)
{
    struct tk_jiter it;
    struct tk_jval item;
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    (void)a;
    (void)args;
    if (v.type == TK_J_STR || !tk__jis_iterable(v)) {
        add_quoted(r, &out, v, false);
        return tk__jstr_take(r, &out);
    }
    if (v.type == TK_J_DICT) {
        v.type = TK_J_VIEW;
        v.flags = TK_J_VIEW_ITEMS;
    }
    if (!tk__jiter_init(r, &it, v))
        return v;
    while (r->rc == 0 && tk__jiter_next(r, &it, &item)) {
        struct tk_jval pair = tk__jto_list(r, item);
        if (r->rc == 0 && pair.n != 2)
            tk__jfail(r, TK_E_FORMAT, "urlencode takes pairs");
        if (r->rc)
            break;
        if (out.n)
            tk_buf_add_c(&out, '&');
        add_quoted(r, &out, pair.items[0], true);
        tk_buf_add_c(&out, '=');
        add_quoted(r, &out, pair.items[1], true);
    }
    return tk__jstr_take(r, &out);
}

static struct tk_jval do_xmlattr(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                 const struct tk_jargs *args)
{
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    bool with_space = !is_given(a[0]) || tk__jtruth(r, a[0]);
    (void)args;
    if (v.type != TK_J_DICT)
        return tk__jfail(r, TK_E_FORMAT, "xmlattr takes a mapping");
    for (uint32_t i = 0; i < v.dict->n && r->rc == 0; i++) {
        const struct tk_jentry *e = &v.dict->e[i];
        if (e->val.type == TK_J_NONE || e->val.type == TK_J_UNDEF)
            continue;
        if (e->key.type != TK_J_STR || strcspn(e->key.s, " \t\n\r\v\f/>=") < e->key.n) {
            tk__jfail(r, TK_E_FORMAT, "invalid character in attribute name");
            break;
        }
        if (with_space || out.n)
            tk_buf_add_c(&out, ' ');
        tk__jstr_of(r, &out, tk__jto_escaped(r, e->key));
        tk_buf_add_z(&out, "=\"");
        tk__jstr_of(r, &out, tk__jto_escaped(r, e->val));
        tk_buf_add_c(&out, '"');
    }
    return tk__jstr_take(r, &out);
}

/* ---- formatting ---- */

static struct tk_jval do_format(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    (void)a;
    v = tk__jsoft_str(r, v);
    if (r->rc)
        return v;
    if (args->n && args->n_kw)
        return tk__jfail(r, TK_E_FORMAT,
                         "can't handle positional and keyword arguments at the same time");
    if (!args->n_kw)
        return tk__jpercent(r, v, tk__jtuple(args->v, args->n));
    struct tk_jdict *d = tk__jdict_new(r, args->n_kw);
    for (uint32_t i = 0; i < args->n_kw; i++)
        tk__jdict_set(r, d, tk__jstr(args->kw[i].name), args->kw[i].val);
    return r->rc ? v : tk__jpercent(r, v, tk__jdict(d));
}

static bool separators(struct tk_jrender *r, struct tk_jval v, struct tk_jjson *how)
{
    if (v.type == TK_J_MISSING || v.type == TK_J_NONE)
        return true;
    struct tk_jval pair = tk__jto_list(r, v);
    if (r->rc)
        return false;
    if (pair.n != 2 || pair.items[0].type != TK_J_STR || pair.items[1].type != TK_J_STR) {
        tk__jfail(r, TK_E_FORMAT, "separators are two strings");
        return false;
    }
    how->item_sep = tk__jtext(pair.items[0]);
    how->key_sep = tk__jtext(pair.items[1]);
    return true;
}

static struct tk_jval do_tojson(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    struct tk_jjson how = { .indent = is_given(a[1]) ? a[1] : tk__jnone(),
                            .item_sep = TK_STR(", "),
                            .key_sep = TK_STR(": "),
                            .ensure_ascii = flag(r, a[0]),
                            .sort_keys = flag(r, a[3]) };
    (void)args;
    if (how.indent.type != TK_J_NONE)
        how.item_sep.n = 1;
    if (how.indent.type != TK_J_NONE && how.indent.type != TK_J_STR && !tk__jis_int(how.indent))
        return tk__jfail(r, TK_E_FORMAT, "can't indent by '%s'", tk__jtype_name(how.indent));
    if (!separators(r, a[2], &how))
        return v;
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    tk__jjson_of(r, &out, v, &how);
    return tk__jstr_take(r, &out);
}

const struct tk_jbuiltin tk__jfilters_text[] = {
    { "capitalize", do_capitalize, "" },
    { "center", do_center, "width?" },
    { "e", do_escape, "" },
    { "escape", do_escape, "" },
    { "forceescape", do_forceescape, "" },
    { "format", do_format, "*" },
    { "indent", do_indent, "width? first? blank?" },
    { "join", do_join, "d? attribute?" },
    { "lower", do_lower, "" },
    { "replace", do_replace, "old new count?" },
    { "safe", do_safe, "" },
    { "string", do_string, "" },
    { "striptags", do_striptags, "" },
    { "title", do_title, "" },
    { "tojson", do_tojson, "ensure_ascii? indent? separators? sort_keys?" },
    { "trim", do_trim, "chars?" },
    { "truncate", do_truncate, "length? killwords? end? leeway?" },
    { "upper", do_upper, "" },
    { "urlencode", do_urlencode, "" },
    { "wordcount", do_wordcount, "" },
    { "xmlattr", do_xmlattr, "autospace?" },
    { 0 },
};
