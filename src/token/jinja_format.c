/* jinja_format.c - "%" formatting and str.format(), as far as numbers and text go
 *
 * Both end in the same three writers: text, integer, float, into a field of a width. Source of
 * truth: Python's "Format Specification Mini-Language" and "printf-style String Formatting".
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "token/jinja.h"
#include "token/jinja_str.h"
#include "token/unicode.h"

#define MAX_PRECISION 400 /* digits; Python would go on */

struct spec {
    struct tk_str fill; /* one character */
    char align;         /* '<', '>', '^', '=' or 0: by the type */
    char sign;          /* '+', ' ' or 0 */
    char group;         /* ',' or '_' or 0 */
    char type;          /* 0: by the value */
    bool alt;
    int64_t width;
    int64_t precision; /* -1: none */
};

static void fail(struct tk_jrender *r, const char *what)
{
    tk__jfail(r, TK_E_FORMAT, "format: %s", what);
}

/* ---- fields ---- */

/* `prefix` (sign, 0x) and `body` in the field; zeros go between them. */
static void add_field(struct tk_jrender *r, struct tk_buf *out, struct tk_str prefix,
                      struct tk_str body, const struct spec *s, char dflt)
{
    int64_t n = (int64_t)(tk__jcount(prefix) + tk__jcount(body));
    int64_t spare = s->width > n ? s->width - n : 0;
    char align = s->align ? s->align : dflt;
    int64_t left = align == '>' ? spare : align == '^' ? spare / 2 : 0;
    if (!tk__jstep(r, (uint64_t)TK_MIN(spare, (int64_t)r->max_bytes) / 8))
        return;
    tk__jpad(out, s->fill, left);
    tk_buf_add_str(out, prefix);
    if (align == '=')
        tk__jpad(out, s->fill, spare);
    tk_buf_add_str(out, body);
    if (align != '=')
        tk__jpad(out, s->fill, spare - left);
}

static void add_text(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                     const struct spec *s)
{
    struct tk_str text = tk__jtext(v);
    if (s->precision >= 0)
        text.n = tk__joffset(text, (size_t)s->precision);
    add_field(r, out, TK_STR(""), text, s, '<');
}

/* Digits with a separator before each third (or, of other bases, fourth) from the end. */
static void group_digits(struct tk_buf *b, struct tk_str digits, char group, unsigned each)
{
    for (size_t i = 0; i < digits.n; i++) {
        if (i && (digits.n - i) % each == 0)
            tk_buf_add_c(b, group);
        tk_buf_add_c(b, digits.p[i]);
    }
}

static struct tk_str sign_prefix(bool is_neg, const struct spec *s)
{
    if (is_neg)
        return TK_STR("-");
    return s->sign == '+' ? TK_STR("+") : s->sign == ' ' ? TK_STR(" ") : TK_STR("");
}

static size_t digits_of(uint64_t value, unsigned base, bool is_upper, char *out)
{
    char reversed[64];
    size_t n = 0;
    do {
        reversed[n++] = (is_upper ? "0123456789ABCDEF" : "0123456789abcdef")[value % base];
        value /= base;
    } while (value);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

/* An integer in the base that `type` asks for; `min_digits` is printf's precision. */
static void add_int(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                    const struct spec *s, char type, int64_t min_digits)
{
    unsigned base = type == 'b' ? 2 : type == 'o' ? 8 : (type | 0x20) == 'x' ? 16 : 10;
    bool is_neg = v.type == TK_J_BIG ? v.s[0] == '-' : v.i < 0;
    char text[72];
    struct tk_str digits = { text, 0 };
    struct tk_buf body = TK_BUF_INIT(r->max_bytes);
    char prefix[4];
    struct tk_str sign = sign_prefix(is_neg, s);
    size_t n_prefix = sign.n;
    memcpy(prefix, sign.p, sign.n);
    if (v.type == TK_J_BIG && base != 10) {
        tk__jfail(r, TK_E_UNSUPPORTED, "an integer past 64 bits is not supported here");
        return;
    }
    if (v.type == TK_J_BIG)
        digits = (struct tk_str){ v.s + is_neg, v.n - is_neg };
    else
        digits.n = digits_of(is_neg ? 0 - (uint64_t)v.i : (uint64_t)v.i, base, type == 'X', text);
    if (s->alt && base != 10) {
        prefix[n_prefix++] = '0';
        prefix[n_prefix++] = type;
    }
    tk__jpad(&body, TK_STR("0"), min_digits - (int64_t)digits.n);
    if (s->group)
        group_digits(&body, digits, s->group, base == 10 ? 3 : 4);
    else
        tk_buf_add_str(&body, digits);
    if (body.failed)
        tk__jfail_buf(r, &body);
    else
        add_field(r, out, (struct tk_str){ prefix, n_prefix }, tk_buf_str(&body), s, '>');
    tk_buf_release(&body);
}

/* The digits of |d|; `type` one of e E f F g G, or 0 for the shortest. */
static void float_text(struct tk_buf *b, double d, char type, int64_t precision, bool alt)
{
    char text[1024];
    char shortest[48];
    int n = 0;
    int digits = (int)(precision < 0 ? 6 : TK_MIN(precision, MAX_PRECISION));
    if (!isfinite(d)) {
        bool is_upper = type == 'E' || type == 'F' || type == 'G';
        tk_buf_add_z(b, isnan(d) ? (is_upper ? "NAN" : "nan") : is_upper ? "INF" : "inf");
        return;
    }
    switch (type) {
    case 'e':
        n = snprintf(text, sizeof(text), alt ? "%#.*e" : "%.*e", digits, d);
        break;
    case 'E':
        n = snprintf(text, sizeof(text), alt ? "%#.*E" : "%.*E", digits, d);
        break;
    case 'f':
    case 'F':
        n = snprintf(text, sizeof(text), alt ? "%#.*f" : "%.*f", digits, d);
        break;
    case 'g':
        n = snprintf(text, sizeof(text), alt ? "%#.*g" : "%.*g", digits, d);
        break;
    case 'G':
        n = snprintf(text, sizeof(text), alt ? "%#.*G" : "%.*G", digits, d);
        break;
    default:
        tk_buf_add(b, shortest, tk_num_shortest(d, shortest));
        return;
    }
    if (n > 0)
        tk_buf_add(b, text, (size_t)TK_MIN(n, (int)sizeof(text) - 1));
}

static void add_float(struct tk_jrender *r, struct tk_buf *out, double d, const struct spec *s,
                      char type)
{
    struct tk_buf text = TK_BUF_INIT(4096), body = TK_BUF_INIT(8192);
    bool is_neg = signbit(d) && !isnan(d);
    double value = fabs(d);
    if (type == 0 && s->precision >= 0) { /* as g, but a point stays */
        tk__jfail(r, TK_E_UNSUPPORTED, "a precision without a type is not supported for floats");
        return;
    }
    if (type == '%')
        value *= 100;
    if (type == 'n')
        type = 'g';
    float_text(&text, value, type == '%' ? 'f' : type, s->precision, s->alt);
    if (type == '%')
        tk_buf_add_c(&text, '%');
    struct tk_str whole = tk_buf_str(&text);
    size_t n = 0;
    while (s->group && n < whole.n && whole.p[n] >= '0' && whole.p[n] <= '9')
        n++;
    group_digits(&body, (struct tk_str){ whole.p, n }, s->group, 3);
    tk_buf_add(&body, whole.p + n, whole.n - n);
    if (text.failed || body.failed)
        tk__jfail_buf(r, text.failed ? &text : &body);
    else
        add_field(r, out, sign_prefix(is_neg, s), tk_buf_str(&body), s, '>');
    tk_buf_release(&text);
    tk_buf_release(&body);
}

/* ---- str.format: specifications ---- */

static int64_t parse_number(struct tk_str s, size_t *at)
{
    int64_t n = 0;
    for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; ++*at)
        n = TK_MIN(n * 10 + (s.p[*at] - '0'), INT64_C(1) << 40);
    return n;
}

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static bool take(struct tk_str s, size_t *at, const char *set, char *ret)
{
    if (*at >= s.n || !s.p[*at] || !strchr(set, s.p[*at]))
        return false;
    *ret = s.p[(*at)++];
    return true;
}

static bool parse_spec(struct tk_jrender *r, struct tk_str text, struct spec *s)
{
    size_t at = 0;
    char c = 0;
    *s = (struct spec){ .fill = TK_STR(" "), .precision = -1 };
    size_t first = text.n ? tk__utf8_len(text.p[0]) : 0;
    if (first && first < text.n && is_align(text.p[first])) {
        s->fill = (struct tk_str){ text.p, first };
        s->align = text.p[first];
        at = first + 1;
    } else {
        take(text, &at, "<>^=", &s->align);
    }
    if (take(text, &at, "+- ", &c))
        s->sign = c == '-' ? 0 : c;
    s->alt = take(text, &at, "#", &c);
    if (take(text, &at, "0", &c)) {
        if (!s->align)
            s->align = '=';
        if (tk_str_is(s->fill, " ") && !(first && first < text.n && is_align(text.p[first])))
            s->fill = TK_STR("0");
    }
    s->width = parse_number(text, &at);
    take(text, &at, ",_", &s->group);
    if (take(text, &at, ".", &c)) {
        size_t from = at;
        s->precision = parse_number(text, &at);
        if (at == from)
            fail(r, "the precision is missing");
    }
    take(text, &at, "bcdeEfFgGnosxX%", &s->type);
    if (at < text.n)
        fail(r, "an invalid specification");
    if (s->group && s->align == '=' && s->width)
        tk__jfail(r, TK_E_UNSUPPORTED, "zeros with grouping are not supported");
    return r->rc == 0;
}

static void format_number(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                          const struct spec *s)
{
    bool wants_float = s->type && strchr("eEfFgG%", s->type);
    if (s->type == 's') {
        fail(r, "type 's' is for strings");
    } else if (v.type == TK_J_FLOAT || wants_float) {
        if (s->type && !wants_float && s->type != 'n')
            fail(r, "this type is not for floats");
        else
            add_float(r, out, tk__jnumber(v), s, s->type);
    } else if (s->type == 'c') {
        char one[4];
        if (v.type == TK_J_BIG || v.i < 0 || v.i > 0x10FFFF || (v.i >= 0xD800 && v.i < 0xE000))
            fail(r, "not a character");
        else
            add_field(r, out, TK_STR(""), (struct tk_str){ one, tk__utf8_put(one, (uint32_t)v.i) },
                      s, '<');
    } else if (s->precision >= 0) {
        fail(r, "precision is not for integers");
    } else {
        add_int(r, out, v, s, s->type ? s->type : 'd', 0);
    }
}

/* format(v, spec) */
static void format_value(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                         struct tk_str text)
{
    struct spec s;
    if (text.n == 0) {
        tk__jstr_of(r, out, v);
        return;
    }
    if (v.type != TK_J_STR && (v.type < TK_J_BOOL || v.type > TK_J_FLOAT)) {
        tk__jfail(r, TK_E_FORMAT, "unsupported format string passed to %s.__format__",
                  tk__jtype_name(v));
        return;
    }
    if (!parse_spec(r, text, &s))
        return;
    if (v.type != TK_J_STR) {
        format_number(r, out, v, &s);
        return;
    }
    if ((s.type && s.type != 's') || s.sign || s.alt || s.group || s.align == '=')
        fail(r, "not a specification for strings");
    else
        add_text(r, out, v, &s);
}

/* ---- str.format: fields ---- */

struct formatter {
    struct tk_jrender *r;
    const struct tk_jargs *args;
    int64_t next; /* of {}; -1 once fields are numbered by hand */
};

static bool all_digits(struct tk_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n > 0;
}

static struct tk_jval argument(struct formatter *f, struct tk_str name)
{
    size_t at = 0;
    int64_t number = -1;
    if (name.n == 0) {
        if (f->next < 0)
            fail(f->r, "cannot switch from manual to automatic field numbering");
        number = f->next++;
    } else if (all_digits(name)) {
        if (f->next > 0)
            fail(f->r, "cannot switch from automatic to manual field numbering");
        f->next = -1;
        number = parse_number(name, &at);
    }
    if (f->r->rc)
        return TK_J_VAL(TK_J_UNDEF);
    if (number >= 0) {
        if (number < f->args->n)
            return f->args->v[number];
        return tk__jfail(f->r, TK_E_FORMAT, "replacement index %lld out of range",
                         (long long)number);
    }
    for (uint32_t i = 0; i < f->args->n_kw; i++) {
        if (tk_str_eq(f->args->kw[i].name, name))
            return f->args->kw[i].val;
    }
    return tk__jfail(f->r, TK_E_FORMAT, "format lacks the argument '%.*s'", TK_STR_ARG(name));
}

/* "name.attr[0]" */
static struct tk_jval lookup(struct formatter *f, struct tk_str path)
{
    size_t at = 0;
    while (at < path.n && path.p[at] != '.' && path.p[at] != '[')
        at++;
    struct tk_jval v = argument(f, (struct tk_str){ path.p, at });
    while (at < path.n && f->r->rc == 0) {
        bool is_attr = path.p[at++] == '.';
        size_t from = at;
        while (at < path.n &&
               (is_attr ? path.p[at] != '.' && path.p[at] != '[' : path.p[at] != ']'))
            at++;
        struct tk_str part = { path.p + from, at - from };
        size_t digit = 0;
        if (part.n == 0 || (!is_attr && at == path.n)) {
            fail(f->r, "an empty attribute, or a missing ']'");
            break;
        }
        if (is_attr)
            v = tk__jgetattr(f->r, v, part);
        else
            v = tk__jgetitem(
                f->r, v, all_digits(part) ? tk__jint(parse_number(part, &digit)) : tk__jstr(part));
        at += !is_attr;
        if (at < path.n && path.p[at] != '.' && path.p[at] != '[')
            fail(f->r, "only '.' or '[' may follow ']'");
    }
    return v;
}

static struct tk_jval convert(struct tk_jrender *r, struct tk_jval v, char how)
{
    struct tk_buf b = TK_BUF_INIT(r->max_bytes);
    if (how == 's')
        return tk__jto_str(r, v);
    if (how != 'r')
        return tk__jfail(r, TK_E_UNSUPPORTED, "the conversion '!%c' is not supported", how);
    tk__jrepr_of(r, &b, v);
    return tk__jstr_take(r, &b);
}

static void format_text(struct formatter *f, struct tk_buf *out, struct tk_str text, int level);

/* The end of the field that begins at `at` (behind its brace): its closing brace, or text.n. */
static size_t field_end(struct tk_str text, size_t at)
{
    int depth = 1;
    bool in_brackets = false;
    for (; at < text.n; at++) {
        char c = text.p[at];
        in_brackets = c == '[' ? true : c == ']' ? false : in_brackets;
        depth += (c == '{') - (c == '}' && !(in_brackets && depth == 1));
        if (depth == 0)
            break;
    }
    return at;
}

static void format_field(struct formatter *f, struct tk_buf *out, struct tk_str field, int level)
{
    size_t at = 0;
    bool in_brackets = false;
    while (at < field.n && (in_brackets || (field.p[at] != '!' && field.p[at] != ':'))) {
        in_brackets = field.p[at] == '[' ? true : field.p[at] == ']' ? false : in_brackets;
        at++;
    }
    struct tk_jval v = lookup(f, (struct tk_str){ field.p, at });
    if (at < field.n && field.p[at] == '!' && f->r->rc == 0) {
        if (at + 1 >= field.n || (at + 2 < field.n && field.p[at + 2] != ':')) {
            fail(f->r, "a conversion is one letter");
            return;
        }
        v = convert(f->r, v, field.p[at + 1]);
        at += 2;
    }
    if (f->r->rc)
        return;
    struct tk_str spec = TK_STR("");
    if (at < field.n)
        spec = (struct tk_str){ field.p + at + 1, field.n - at - 1 };
    struct tk_buf filled = TK_BUF_INIT(4096);
    if (spec.n && memchr(spec.p, '{', spec.n)) {
        format_text(f, &filled, spec, level + 1);
        spec = tk_buf_str(&filled);
        if (filled.failed)
            tk__jfail_buf(f->r, &filled);
    }
    if (f->r->rc == 0)
        format_value(f->r, out, v, spec);
    tk_buf_release(&filled);
}

static void format_text(struct formatter *f, struct tk_buf *out, struct tk_str text, int level)
{
    if (level > 1) {
        fail(f->r, "max string recursion exceeded");
        return;
    }
    for (size_t at = 0; at < text.n && f->r->rc == 0 && tk__jstep(f->r, 1); at++) {
        char c = text.p[at];
        if (c != '{' && c != '}') {
            tk_buf_add_c(out, c);
            continue;
        }
        if (at + 1 < text.n && text.p[at + 1] == c) {
            tk_buf_add_c(out, c);
            at++;
            continue;
        }
        size_t end = c == '{' ? field_end(text, at + 1) : text.n;
        if (end == text.n) {
            fail(f->r, "a single brace");
            return;
        }
        format_field(f, out, (struct tk_str){ text.p + at + 1, end - at - 1 }, level);
        at = end;
    }
}

struct tk_jval tk__jformat(struct tk_jrender *r, struct tk_jval fmt, const struct tk_jargs *args)
{
    struct formatter f = { r, args, 0 };
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    format_text(&f, &out, tk__jtext(fmt), 0);
    struct tk_jval v = tk__jstr_take(r, &out);
    v.flags = r->rc ? v.flags : fmt.flags;
    return v;
}

/* ---- "%" ---- */

struct percent {
    struct tk_jrender *r;
    struct tk_str fmt;
    size_t at;
    struct tk_jval args;
    uint32_t n_used;
    bool is_mapping;
};

static struct tk_jval next_arg(struct percent *p)
{
    uint32_t at = p->n_used++;
    if (p->args.type == TK_J_TUPLE && at < p->args.n)
        return p->args.items[at];
    if (p->args.type != TK_J_TUPLE && at == 0)
        return p->args;
    return tk__jfail(p->r, TK_E_FORMAT, "not enough arguments for format string");
}

/* "*" or digits */
static int64_t width_at(struct percent *p, char *flags_left)
{
    if (p->at < p->fmt.n && p->fmt.p[p->at] == '*') {
        p->at++;
        struct tk_jval v = next_arg(p);
        if (p->r->rc == 0 && !tk__jis_int(v))
            fail(p->r, "* wants int");
        if (p->r->rc)
            return 0;
        if (v.i < 0 && flags_left)
            *flags_left = '<';
        return v.i < 0 ? (flags_left ? (v.i == INT64_MIN ? INT64_MAX : -v.i) : 0) : v.i;
    }
    return parse_number(p->fmt, &p->at);
}

static struct tk_jval keyed_arg(struct percent *p)
{
    size_t from = p->at;
    int depth = 1;
    for (; p->at < p->fmt.n && depth > 0; p->at++)
        depth += (p->fmt.p[p->at] == '(') - (p->fmt.p[p->at] == ')');
    if (depth > 0 || p->args.type != TK_J_DICT)
        return tk__jfail(p->r, TK_E_FORMAT,
                         depth > 0 ? "incomplete format key" : "format requires a mapping");
    p->is_mapping = true;
    struct tk_str key = { p->fmt.p + from, p->at - from - 1 };
    struct tk_jval *v = tk__jdict_find(p->args.dict, key);
    return v ? *v : tk__jfail(p->r, TK_E_FORMAT, "no key '%.*s' for format", TK_STR_ARG(key));
}

static void percent_text(struct percent *p, struct tk_buf *out, struct tk_jval v, struct spec *s,
                         char type)
{
    if (type == 'c' && tk__jis_int(v)) {
        char one[4];
        if (v.i < 0 || v.i > 0x10FFFF || (v.i >= 0xD800 && v.i < 0xE000)) {
            fail(p->r, "%c arg not in range");
            return;
        }
        v = tk__jstr_dup(p->r, (struct tk_str){ one, tk__utf8_put(one, (uint32_t)v.i) });
    } else if (type == 'c' && (v.type != TK_J_STR || tk__jlen(v) != 1)) {
        fail(p->r, "%c requires int or char");
        return;
    } else {
        v = convert(p->r, v, type == 'r' ? 'r' : 's');
    }
    if (tk_str_is(s->fill, "0"))
        s->fill = TK_STR(" ");
    if (s->align != '<')
        s->align = '>';
    if (p->r->rc == 0)
        add_text(p->r, out, v, s);
}

static void percent_number(struct percent *p, struct tk_buf *out, struct tk_jval v, struct spec *s,
                           char type)
{
    bool is_number = v.type >= TK_J_BOOL && v.type <= TK_J_FLOAT;
    if (!is_number) {
        if (!tk__jfail_if_undef(p->r, v))
            tk__jfail(p->r, TK_E_FORMAT, "%%%c format: a real number is required, not %s", type,
                      tk__jtype_name(v));
        return;
    }
    if (strchr("eEfFgG", type)) {
        s->precision = s->precision < 0 ? 6 : s->precision;
        add_float(p->r, out, tk__jnumber(v), s, type);
        return;
    }
    if (v.type == TK_J_FLOAT) {
        if (strchr("oxX", type) || !(fabs(v.f) < TK_J_TWO_63)) {
            fail(p->r, "an integer is required");
            return;
        }
        v = tk__jint((int64_t)v.f);
    }
    int64_t min_digits = TK_MIN(s->precision, (int64_t)p->r->max_bytes);
    add_int(p->r, out, v, s, strchr("iu", type) ? 'd' : type, min_digits);
}

/* Flags, width and precision, as far as they are there. */
static bool percent_flags(struct percent *p, struct spec *s)
{
    char c = 0;
    while (p->r->rc == 0 && take(p->fmt, &p->at, "-+ #0", &c)) {
        s->alt |= c == '#';
        s->sign = c == '+' ? '+' : c == ' ' && s->sign != '+' ? ' ' : s->sign;
        if (c == '-')
            s->align = '<';
        if (c == '0')
            s->fill = TK_STR("0");
    }
    s->width = p->r->rc ? 0 : width_at(p, &s->align);
    if (take(p->fmt, &p->at, ".", &c))
        s->precision = width_at(p, NULL);
    take(p->fmt, &p->at, "hlL", &c);
    if (p->r->rc)
        return false;
    if (s->align == '<')
        s->fill = TK_STR(" ");
    else if (tk_str_is(s->fill, "0"))
        s->align = '=';
    return true;
}

/* One conversion, from behind its '%'. */
static void percent_one(struct percent *p, struct tk_buf *out)
{
    struct spec s = { .fill = TK_STR(" "), .precision = -1 };
    struct tk_jval v = TK_J_VAL(TK_J_MISSING);
    char c = 0;
    if (p->at < p->fmt.n && p->fmt.p[p->at] == '(') {
        p->at++;
        v = keyed_arg(p);
    }
    if (!percent_flags(p, &s))
        return;
    if (take(p->fmt, &p->at, "%", &c)) {
        tk_buf_add_c(out, '%');
        return;
    }
    if (!take(p->fmt, &p->at, "srcdiuoxXeEfFgG", &c)) {
        fail(p->r, p->at < p->fmt.n ? "unsupported format character" : "incomplete format");
        return;
    }
    if (v.type == TK_J_MISSING)
        v = next_arg(p);
    if (p->r->rc)
        return;
    if (strchr("src", c))
        percent_text(p, out, v, &s, c);
    else
        percent_number(p, out, v, &s, c);
}

struct tk_jval tk__jpercent(struct tk_jrender *r, struct tk_jval fmt, struct tk_jval args)
{
    struct percent p = { .r = r, .fmt = tk__jtext(fmt), .args = args };
    struct tk_buf out = TK_BUF_INIT(r->max_bytes);
    while (p.at < p.fmt.n && r->rc == 0 && tk__jstep(r, 1)) {
        if (p.fmt.p[p.at++] == '%')
            percent_one(&p, &out);
        else
            tk_buf_add_c(&out, p.fmt.p[p.at - 1]);
    }
    /* What is subscriptable, but no tuple and no text, may be left unused. */
    bool may_stay = args.type == TK_J_DICT || args.type == TK_J_LIST || args.type == TK_J_UNDEF ||
                    args.type == TK_J_RANGE;
    uint32_t n = args.type == TK_J_TUPLE ? args.n : 1;
    if (r->rc == 0 && p.n_used < n && !may_stay && !p.is_mapping)
        fail(r, "not all arguments converted during string formatting");
    struct tk_jval v = tk__jstr_take(r, &out);
    v.flags = r->rc ? v.flags : fmt.flags;
    return v;
}
