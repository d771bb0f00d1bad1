/* jinja_text.c - values as text: str(), repr(), HTML, JSON, as Python writes them */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "token/jinja.h"
#include "token/template.h"
#include "token/unicode.h"

static const char hex[] = "0123456789abcdef";

static void add_number(struct tk_buf *out, struct tk_jval v)
{
    char text[48];
    size_t n;
    switch (v.type) {
    case TK_J_BOOL:
        tk_buf_add_z(out, v.i ? "True" : "False");
        return;
    case TK_J_FLOAT:
        n = tk_num_shortest(v.f, text);
        tk_buf_add(out, text, n);
        return;
    case TK_J_BIG:
        tk_buf_add(out, v.s, v.n);
        return;
    default:
        tk_buf_addf(out, "%lld", (long long)v.i);
    }
}

/* ---- repr ---- */

static void add_hex(struct tk_buf *out, char letter, uint32_t code, unsigned n_digits)
{
    tk_buf_add_c(out, '\\');
    tk_buf_add_c(out, letter);
    for (unsigned i = n_digits; i-- > 0;)
        tk_buf_add_c(out, hex[code >> (4 * i) & 15]);
}

/* One character that does not stand for itself, or might not. */
static void repr_char(struct tk_buf *out, struct tk_str s, size_t from, size_t to, uint32_t c)
{
    static const char named[] = "\nn\rr\tt";
    const char *e = named;
    while (*e && (uint32_t)*e != c)
        e += 2;
    if (c && *e) {
        tk_buf_add_c(out, '\\');
        tk_buf_add_c(out, e[1]);
    } else if (tk__jis_printable(c)) {
        tk_buf_add(out, s.p + from, to - from);
    } else if (c < 0x100) {
        add_hex(out, 'x', c, 2);
    } else if (c < 0x10000) {
        add_hex(out, 'u', c, 4);
    } else {
        add_hex(out, 'U', c, 8);
    }
}

static void repr_str(struct tk_buf *out, struct tk_str s)
{
    bool has_single = s.n && memchr(s.p, '\'', s.n);
    char quote = has_single && !memchr(s.p, '"', s.n) ? '"' : '\'';
    tk_buf_add_c(out, quote);
    for (size_t at = 0; at < s.n;) {
        size_t from = at;
        while (at < s.n && s.p[at] >= ' ' && s.p[at] < 0x7F && s.p[at] != quote && s.p[at] != '\\')
            at++;
        tk_buf_add(out, s.p + from, at - from);
        if (at == s.n)
            break;
        from = at;
        uint32_t c = tk__utf8_next(s.p, &at);
        if (c == (uint32_t)quote || c == '\\')
            tk_buf_add_c(out, '\\');
        repr_char(out, s, from, at, c);
    }
    tk_buf_add_c(out, quote);
}

void tk_template_repr(struct tk_buf *out, struct tk_str s)
{
    struct tk_buf repaired = TK_BUF_INIT(3 * s.n + 1);

    if (tk__utf8_valid(s.p, s.n) == s.n) {
        repr_str(out, s);
    } else {
        out->failed = tk__utf8_repair(&repaired, s) != 0 ? -ENOMEM : out->failed;
        repr_str(out, tk_buf_str(&repaired));
    }
    tk_buf_release(&repaired);
}

static void repr_items(struct tk_jrender *r, struct tk_buf *out, const struct tk_jval *items,
                       uint32_t n)
{
    for (uint32_t i = 0; i < n && r->rc == 0; i++) {
        if (i)
            tk_buf_add_z(out, ", ");
        tk__jrepr_of(r, out, items[i]);
    }
}

static void repr_dict(struct tk_jrender *r, struct tk_buf *out, const struct tk_jdict *d)
{
    tk_buf_add_c(out, '{');
    for (uint32_t i = 0; i < d->n && r->rc == 0; i++) {
        if (i)
            tk_buf_add_z(out, ", ");
        tk__jrepr_of(r, out, d->e[i].key);
        tk_buf_add_z(out, ": ");
        tk__jrepr_of(r, out, d->e[i].val);
    }
    tk_buf_add_c(out, '}');
}

static void repr_view(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v)
{
    tk_buf_addf(out, "%s([", tk__jtype_name(v));
    for (uint32_t i = 0; i < v.dict->n && r->rc == 0; i++) {
        const struct tk_jentry *e = &v.dict->e[i];
        const struct tk_jval pair[2] = { e->key, e->val };
        if (i)
            tk_buf_add_z(out, ", ");
        if (v.flags == TK_J_VIEW_ITEMS)
            tk__jrepr_of(r, out, tk__jtuple(pair, 2));
        else
            tk__jrepr_of(r, out, v.flags == TK_J_VIEW_KEYS ? e->key : e->val);
    }
    tk_buf_add_z(out, "])");
}

static void repr_range(struct tk_buf *out, const struct tk_jrange *g)
{
    if (g->step == 1)
        tk_buf_addf(out, "range(%lld, %lld)", (long long)g->start, (long long)g->stop);
    else
        tk_buf_addf(out, "range(%lld, %lld, %lld)", (long long)g->start, (long long)g->stop,
                    (long long)g->step);
}

static void repr_other(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v)
{
    switch (v.type) {
    case TK_J_NAMESPACE:
        tk_buf_add_z(out, "<Namespace ");
        repr_dict(r, out, v.dict);
        tk_buf_add_c(out, '>');
        break;
    case TK_J_MACRO:
        tk_buf_add_z(out, "<Macro ");
        if (v.macro->node->name.n)
            repr_str(out, v.macro->node->name);
        else
            tk_buf_add_z(out, "anonymous");
        tk_buf_add_c(out, '>');
        break;
    case TK_J_LOOP: {
        bool has;
        struct tk_jval index = tk__jloop_attr(r, v.loop, TK_STR("index"), &has);
        struct tk_jval length = tk__jloop_attr(r, v.loop, TK_STR("length"), &has);
        tk_buf_addf(out, "<LoopContext %lld/%lld>", (long long)index.i, (long long)length.i);
        break;
    }
    default: /* Python shows an address */
        tk_buf_addf(out, "<%s>", tk__jtype_name(v));
    }
}

static void repr_container(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v)
{
    switch (v.type) {
    case TK_J_LIST:
        tk_buf_add_c(out, '[');
        repr_items(r, out, v.items, v.n);
        tk_buf_add_c(out, ']');
        break;
    case TK_J_TUPLE:
        tk_buf_add_c(out, '(');
        repr_items(r, out, v.items, v.n);
        tk_buf_add_z(out, v.n == 1 ? ",)" : ")");
        break;
    case TK_J_DICT:
        repr_dict(r, out, v.dict);
        break;
    case TK_J_VIEW:
        repr_view(r, out, v);
        break;
    case TK_J_RANGE:
        repr_range(out, v.range);
        break;
    default:
        repr_other(r, out, v);
    }
}

static void check_out(struct tk_jrender *r, const struct tk_buf *out)
{
    if (out->failed)
        tk__jfail_buf(r, out);
}

void tk__jrepr_of(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v)
{
    if (!tk__jstep(r, 1 + (v.type == TK_J_STR ? v.n / 4 : 0)))
        return;
    switch (v.type) {
    case TK_J_UNDEF:
    case TK_J_MISSING:
        tk_buf_add_z(out, "Undefined");
        break;
    case TK_J_NONE:
        tk_buf_add_z(out, "None");
        break;
    case TK_J_BOOL:
    case TK_J_INT:
    case TK_J_BIG:
    case TK_J_FLOAT:
        add_number(out, v);
        break;
    case TK_J_STR:
        if (v.flags & TK_J_MARKUP)
            tk_buf_add_z(out, "Markup(");
        repr_str(out, tk__jtext(v));
        if (v.flags & TK_J_MARKUP)
            tk_buf_add_c(out, ')');
        break;
    default:
        if (tk__jdeeper(r))
            repr_container(r, out, v);
        tk__jback(r);
    }
    check_out(r, out);
}

/* ---- str ---- */

void tk__jstr_of(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v)
{
    if (v.type == TK_J_STR) {
        tk__jstep(r, v.n / 64);
        tk_buf_add(out, v.s, v.n);
        check_out(r, out);
    } else if (v.type != TK_J_UNDEF) {
        tk__jrepr_of(r, out, v);
    }
}

struct tk_jval tk__jto_str(struct tk_jrender *r, struct tk_jval v)
{
    if (v.type == TK_J_STR) {
        v.flags = 0;
        return v;
    }
    if (v.type == TK_J_UNDEF)
        return tk__jstr(TK_STR(""));
    struct tk_buf b = TK_BUF_INIT(r->max_bytes);
    tk__jstr_of(r, &b, v);
    return tk__jstr_take(r, &b);
}

struct tk_jval tk__jsoft_str(struct tk_jrender *r, struct tk_jval v)
{
    return v.type == TK_J_STR ? v : tk__jto_str(r, v);
}

/* ---- HTML ---- */

void tk__jescape(struct tk_jrender *r, struct tk_buf *out, struct tk_str s)
{
    tk__jstep(r, s.n / 4);
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&':
            tk_buf_add_z(out, "&amp;");
            break;
        case '<':
            tk_buf_add_z(out, "&lt;");
            break;
        case '>':
            tk_buf_add_z(out, "&gt;");
            break;
        case '"':
            tk_buf_add_z(out, "&#34;");
            break;
        case '\'':
            tk_buf_add_z(out, "&#39;");
            break;
        default:
            tk_buf_add_c(out, s.p[i]);
        }
    }
    check_out(r, out);
}

struct tk_jval tk__jmarkup(struct tk_jval s)
{
    if (s.type == TK_J_STR)
        s.flags = TK_J_MARKUP;
    return s;
}

struct tk_jval tk__jto_escaped(struct tk_jrender *r, struct tk_jval v)
{
    if (v.type == TK_J_STR && v.flags & TK_J_MARKUP)
        return v;
    v = tk__jto_str(r, v);
    if (r->rc)
        return v;
    struct tk_buf b = TK_BUF_INIT(r->max_bytes);
    tk__jescape(r, &b, tk__jtext(v));
    return tk__jmarkup(tk__jstr_take(r, &b));
}

/* ---- JSON, as json.dumps writes it ---- */

static void json_str(struct tk_buf *out, struct tk_str s, bool ensure_ascii)
{
    static const char escapes[] = "\"\"\\\\\nn\rr\tt\bb\ff";
    tk_buf_add_c(out, '"');
    for (size_t at = 0; at < s.n;) {
        size_t from = at;
        while (at < s.n && (unsigned char)s.p[at] >= ' ' && s.p[at] != '"' && s.p[at] != '\\' &&
               !(ensure_ascii && (unsigned char)s.p[at] >= 0x7F))
            at++;
        tk_buf_add(out, s.p + from, at - from);
        if (at == s.n)
            break;
        from = at;
        uint32_t c = tk__utf8_next(s.p, &at);
        const char *e = escapes;
        while (*e && (uint32_t)(unsigned char)*e != c)
            e += 2;
        if (c && *e) {
            tk_buf_add_c(out, '\\');
            tk_buf_add_c(out, e[1]);
        } else if (c < 0x20 || (ensure_ascii && c >= 0x7F && c < 0x10000)) {
            add_hex(out, 'u', c, 4);
        } else if (ensure_ascii && c >= 0x10000) {
            add_hex(out, 'u', 0xD800 + ((c - 0x10000) >> 10), 4);
            add_hex(out, 'u', 0xDC00 + ((c - 0x10000) & 0x3FF), 4);
        } else {
            tk_buf_add(out, s.p + from, at - from);
        }
    }
    tk_buf_add_c(out, '"');
}

static void json_value(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                       const struct tk_jjson *how, unsigned level);

static void json_number(struct tk_buf *out, struct tk_jval v)
{
    if (v.type == TK_J_BOOL)
        tk_buf_add_z(out, v.i ? "true" : "false");
    else if (v.type == TK_J_FLOAT && isnan(v.f))
        tk_buf_add_z(out, "NaN");
    else if (v.type == TK_J_FLOAT && isinf(v.f))
        tk_buf_add_z(out, v.f < 0 ? "-Infinity" : "Infinity");
    else
        add_number(out, v);
}

static void json_line(struct tk_jrender *r, struct tk_buf *out, const struct tk_jjson *how,
                      unsigned level)
{
    if (how->indent.type == TK_J_NONE)
        return;
    tk_buf_add_c(out, '\n');
    for (unsigned i = 0; i < level && r->rc == 0 && !out->failed; i++) {
        tk__jstep(r, 1);
        if (how->indent.type == TK_J_STR) {
            tk_buf_add(out, how->indent.s, how->indent.n);
            continue;
        }
        for (int64_t k = 0; k < how->indent.i && !out->failed; k++)
            tk_buf_add_c(out, ' ');
    }
}

static void json_list(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                      const struct tk_jjson *how, unsigned level)
{
    if (v.n == 0) {
        tk_buf_add_z(out, "[]");
        return;
    }
    tk_buf_add_c(out, '[');
    for (uint32_t i = 0; i < v.n && r->rc == 0; i++) {
        if (i)
            tk_buf_add_str(out, how->item_sep);
        json_line(r, out, how, level + 1);
        json_value(r, out, v.items[i], how, level + 1);
    }
    json_line(r, out, how, level);
    tk_buf_add_c(out, ']');
}

static void json_key(struct tk_jrender *r, struct tk_buf *out, struct tk_jval key,
                     const struct tk_jjson *how)
{
    struct tk_buf b = TK_BUF_INIT(4096);
    switch (key.type) {
    case TK_J_STR:
        json_str(out, tk__jtext(key), how->ensure_ascii);
        return;
    case TK_J_NONE:
        tk_buf_add_z(out, "\"null\"");
        return;
    case TK_J_BOOL:
    case TK_J_INT:
    case TK_J_BIG:
    case TK_J_FLOAT:
        json_number(&b, key);
        tk_buf_add_c(out, '"');
        tk_buf_add(out, b.p, b.n);
        tk_buf_add_c(out, '"');
        if (b.failed)
            tk__jfail_buf(r, &b);
        tk_buf_release(&b);
        return;
    default:
        tk__jfail(r, TK_E_FORMAT, "keys must be str, int, float, bool or None, not %s",
                  tk__jtype_name(key));
    }
}

static void json_dict(struct tk_jrender *r, struct tk_buf *out, const struct tk_jdict *d,
                      const struct tk_jjson *how, unsigned level)
{
    if (d->n == 0) {
        tk_buf_add_z(out, "{}");
        return;
    }
    struct tk_jval *keys = NULL, *vals = NULL;
    if (how->sort_keys) {
        keys = tk__jalloc(r, d->n * sizeof(*keys));
        vals = tk__jalloc(r, d->n * sizeof(*vals));
        if (!keys || !vals)
            return;
        for (uint32_t i = 0; i < d->n; i++) {
            keys[i] = d->e[i].key;
            vals[i] = tk__jint(i);
        }
        tk__jsort(r, keys, vals, d->n, false);
    }
    tk_buf_add_c(out, '{');
    for (uint32_t i = 0; i < d->n && r->rc == 0; i++) {
        const struct tk_jentry *e = &d->e[vals ? (uint32_t)vals[i].i : i];
        if (i)
            tk_buf_add_str(out, how->item_sep);
        json_line(r, out, how, level + 1);
        json_key(r, out, e->key, how);
        tk_buf_add_str(out, how->key_sep);
        json_value(r, out, e->val, how, level + 1);
    }
    json_line(r, out, how, level);
    tk_buf_add_c(out, '}');
}

static void json_any(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                     const struct tk_jjson *how, unsigned level)
{
    switch (v.type) {
    case TK_J_NONE:
        tk_buf_add_z(out, "null");
        break;
    case TK_J_BOOL:
    case TK_J_INT:
    case TK_J_BIG:
    case TK_J_FLOAT:
        json_number(out, v);
        break;
    case TK_J_STR:
        json_str(out, tk__jtext(v), how->ensure_ascii);
        break;
    case TK_J_LIST:
    case TK_J_TUPLE:
        json_list(r, out, v, how, level);
        break;
    case TK_J_DICT:
        json_dict(r, out, v.dict, how, level);
        break;
    default:
        tk__jfail(r, TK_E_FORMAT, "object of type %s is not JSON serializable", tk__jtype_name(v));
    }
}

static void json_value(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                       const struct tk_jjson *how, unsigned level)
{
    if (!tk__jstep(r, 1 + (v.type == TK_J_STR ? v.n / 4 : 0)))
        return;
    if (tk__jdeeper(r))
        json_any(r, out, v, how, level);
    tk__jback(r);
    check_out(r, out);
}

void tk__jjson_of(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                  const struct tk_jjson *how)
{
    json_value(r, out, v, how, 0);
}
