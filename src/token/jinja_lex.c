/* jinja_lex.c - a template's text into tokens, cut exactly as jinja2's lexer cuts it
 *
 *   text --(newlines become LF, one at the end goes)--> data {{ … }} data {% … %} data {# … #} data
 *
 * With trim_blocks a newline right after a block or a comment goes; with lstrip_blocks the white
 * space between the start of a line and a block or a comment does. A `-` takes all white space on
 * its side, a `+` keeps it. Source of truth: jinja2 3.1's lexer.py, whose order of rules is kept:
 * the end of a tag before an operator, a float before an integer.
 */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "token/jinja.h"
#include "token/unicode.h"

#define MAX_BALANCE 1024

struct lexer {
    struct tk_jcompile *c;
    const char *p; /* the text with LF only */
    size_t n;
    size_t at;
    uint32_t line;
    size_t line_at;     /* `line` is that of this place */
    bool line_starting; /* what was matched last ended a line */
    uint32_t cap_tok;
    char balance[MAX_BALANCE]; /* closing brackets that are due */
    unsigned n_balance;
};

/* ---- small helpers ---- */

static void line_to(struct lexer *l, size_t at)
{
    for (; l->line_at < at; l->line_at++)
        l->line += l->p[l->line_at] == '\n';
}

static bool fail(struct lexer *l, const char *what)
{
    tk__jcompile_fail(l->c, TK_E_FORMAT, l->line, "%s", what);
    return false;
}

static struct tk_jtoken *push(struct lexer *l, enum tk_jtok type)
{
    struct tk_jcompile *c = l->c;
    if (c->n_tok == l->cap_tok) {
        uint32_t cap = l->cap_tok ? l->cap_tok * 2 : 256;
        struct tk_jtoken *grown = cap > UINT32_MAX / 64
                                      ? NULL
                                      : tk_arena_alloc(c->tmp, cap * sizeof(*grown));
        if (!grown) {
            tk__jcompile_fail(c, -ENOMEM, 0, "out of memory");
            return NULL;
        }
        if (c->n_tok)
            memcpy(grown, c->tok, c->n_tok * sizeof(*grown));
        c->tok = grown;
        l->cap_tok = cap;
    }
    struct tk_jtoken *t = &c->tok[c->n_tok++];
    *t = (struct tk_jtoken){ .type = (uint8_t)type, .line = l->line };
    return t;
}

static bool push_text(struct lexer *l, enum tk_jtok type, struct tk_str text)
{
    struct tk_jtoken *t = push(l, type);
    if (t)
        t->val = tk__jstr(text);
    return t;
}

static bool starts(const struct lexer *l, size_t at, const char *z)
{
    size_t n = strlen(z);
    return l->n - at >= n && memcmp(l->p + at, z, n) == 0;
}

static size_t skip_space(const struct lexer *l, size_t at)
{
    while (at < l->n) {
        size_t next = at;
        if (!tk__jis_space(tk__utf8_next(l->p, &next)))
            break;
        at = next;
    }
    return at;
}

/* ---- the ends of tags ---- */

/* Length of what ends a tag at `at`, 0 when nothing does: "-%}" with the white space behind it,
 * "%}" with a newline when `trims`, "+%}" when `has_plus`. */
static size_t tag_end(const struct lexer *l, size_t at, const char *end, bool has_plus, bool trims)
{
    if (at < l->n && l->p[at] == '-' && starts(l, at + 1, end))
        return skip_space(l, at + 3) - at;
    if (has_plus && at < l->n && l->p[at] == '+' && starts(l, at + 1, end))
        return 3;
    if (starts(l, at, end))
        return trims && at + 2 < l->n && l->p[at + 2] == '\n' ? 3 : 2;
    return 0;
}

static void move_to(struct lexer *l, size_t at)
{
    l->line_starting = at > 0 && l->p[at - 1] == '\n';
    l->at = at;
}

/* ---- numbers, strings, names ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_digit_of(char c, int base)
{
    if (base == 16)
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    return c >= '0' && c < '0' + base;
}

/* Digits with single underscores between them; the first must be a digit unless `may_lead`. */
static size_t digits(const struct lexer *l, size_t at, int base, bool may_lead)
{
    size_t end = at;
    for (;;) {
        size_t next = end + (end < l->n && l->p[end] == '_' && (end > at || may_lead));
        if (next >= l->n || !is_digit_of(l->p[next], base))
            return end;
        end = next + 1;
    }
}

static struct tk_str without_underscores(struct lexer *l, size_t from, size_t to)
{
    char *z = tk__jcompile_alloc(l->c, to - from + 1);
    size_t n = 0;
    for (size_t i = from; z && i < to; i++) {
        if (l->p[i] != '_')
            z[n++] = l->p[i];
    }
    return (struct tk_str){ z, n };
}

/* The end of a float at `at`, or `at` when there is none. */
static size_t float_end(const struct lexer *l, size_t at)
{
    if (at > 0 && l->p[at - 1] == '.')
        return at;
    size_t end = digits(l, at, 10, false);
    bool has_fraction = false;
    if (end == at)
        return at;
    if (end < l->n && l->p[end] == '.') {
        size_t fraction = digits(l, end + 1, 10, false);
        if (fraction > end + 1) {
            has_fraction = true;
            end = fraction;
        }
    }
    if (end < l->n && (l->p[end] == 'e' || l->p[end] == 'E')) {
        size_t exp = end + 1;
        exp += exp < l->n && (l->p[exp] == '+' || l->p[exp] == '-');
        size_t exp_end = digits(l, exp, 10, false);
        if (exp_end > exp)
            return exp_end;
    }
    return has_fraction ? end : at;
}

static bool lex_float(struct lexer *l, size_t end)
{
    struct tk_str s = without_underscores(l, l->at, end);
    struct tk_jtoken *t = push(l, TK_JT_FLOAT);
    double d = 0;
    if (!t || !s.p)
        return false;
    if (tk_num_parse_double(s, &d) == TK_E_RANGE)
        d = __builtin_inf();
    t->val = tk__jfloat(d);
    move_to(l, end);
    return true;
}

static bool lex_integer(struct lexer *l)
{
    static const struct {
        char letter;
        int base;
    } prefixes[] = { { 'b', 2 }, { 'o', 8 }, { 'x', 16 } };
    size_t at = l->at;
    size_t from = at;
    size_t end = at;
    int base = 10;

    if (l->p[at] == '0' && at + 1 < l->n) {
        for (unsigned i = 0; i < TK_ARRAY_LEN(prefixes); i++) {
            if ((l->p[at + 1] | 0x20) != prefixes[i].letter)
                continue;
            end = digits(l, at + 2, prefixes[i].base, true);
            if (end > at + 2) {
                base = prefixes[i].base;
                from = at + 2;
            } else {
                end = at;
            }
        }
    }
    if (end == at && l->p[at] == '0') { /* zeros only, as in Python */
        end = at + 1;
        while (end < l->n && (l->p[end] == '0' || (l->p[end] == '_' && starts(l, end + 1, "0"))))
            end++;
    } else if (end == at) {
        end = digits(l, at, 10, false);
    }
    struct tk_str s = without_underscores(l, from, end);
    struct tk_jtoken *t = push(l, TK_JT_NUMBER);
    if (!t || !s.p)
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = is_digit(s.p[i]) ? s.p[i] - '0' : (s.p[i] | 0x20) - 'a' + 10;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            if (base != 10)
                return fail(l, "an integer past 64 bits is not supported");
            t->val = (struct tk_jval){ .type = TK_J_BIG, .n = (uint32_t)s.n, .s = s.p };
            move_to(l, end);
            return true;
        }
    }
    t->val = tk__jint(value);
    move_to(l, end);
    return true;
}

/* Hexadecimal digits of an escape: their value, or -1. */
static int64_t hex_at(const char *p, size_t n, size_t at, unsigned n_digits)
{
    int64_t value = 0;
    for (unsigned i = 0; i < n_digits; i++) {
        if (at + i >= n || !is_digit_of(p[at + i], 16))
            return -1;
        char ch = p[at + i];
        value = value * 16 + (is_digit(ch) ? ch - '0' : (ch | 0x20) - 'a' + 10);
    }
    return value;
}

/* A backslash before a character that is not ASCII: Python writes the character's own escape. */
static size_t put_foreign(char *out, uint32_t code)
{
    static const char hex[] = "0123456789abcdef";
    unsigned n_digits = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
    size_t n = 0;
    out[n++] = '\\';
    out[n++] = code < 0x100 ? 'x' : code < 0x10000 ? 'u' : 'U';
    for (unsigned i = n_digits; i-- > 0;)
        out[n++] = hex[code >> (4 * i) & 15];
    return n;
}

/* \x41, \u0041, \U00000041 */
static size_t unescape_code(struct lexer *l, struct tk_str s, size_t at, char *out, size_t *n)
{
    unsigned n_digits = s.p[at] == 'x' ? 2 : s.p[at] == 'u' ? 4 : 8;
    int64_t code = hex_at(s.p, s.n, at + 1, n_digits);
    if (code < 0 || code > 0x10FFFF) {
        fail(l, "a truncated or wrong \\x, \\u or \\U escape");
        return 0;
    }
    if (code >= 0xD800 && code < 0xE000) {
        fail(l, "an escaped surrogate is not supported");
        return 0;
    }
    *n += tk__utf8_put(out + *n, (uint32_t)code);
    return at + 1 + n_digits;
}

/* The escape at p[at] (behind the backslash): writes it, returns where to go on; 0: refused. */
static size_t unescape_one(struct lexer *l, struct tk_str s, size_t at, char *out, size_t *n)
{
    static const char simple[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
    char ch = s.p[at];
    for (const char *f = simple; *f; f += 2) {
        if (ch == *f) {
            out[(*n)++] = f[1];
            return at + 1;
        }
    }
    if (ch == '\n')
        return at + 1;
    if (ch >= '0' && ch <= '7') {
        uint32_t code = 0;
        size_t end = at;
        while (end < s.n && end < at + 3 && s.p[end] >= '0' && s.p[end] <= '7')
            code = code * 8 + (uint32_t)(s.p[end++] - '0');
        *n += tk__utf8_put(out + *n, code);
        return end;
    }
    if (ch == 'x' || ch == 'u' || ch == 'U')
        return unescape_code(l, s, at, out, n);
    if (ch == 'N') {
        fail(l, "a \\N escape is not supported");
        return 0;
    }
    if ((unsigned char)ch < 0x80) {
        out[(*n)++] = '\\';
        out[(*n)++] = ch;
        return at + 1;
    }
    uint32_t code = tk__utf8_next(s.p, &at);
    *n += put_foreign(out + *n, code);
    return at;
}

static bool lex_string(struct lexer *l)
{
    char quote = l->p[l->at];
    size_t end = l->at + 1;
    bool has_escape = false;
    while (end < l->n && l->p[end] != quote) {
        has_escape |= l->p[end] == '\\';
        end += 1 + (l->p[end] == '\\');
    }
    if (end >= l->n)
        return fail(l, "unexpected character, or a string that is not closed");
    struct tk_str s = { l->p + l->at + 1, end - l->at - 1 };
    if (has_escape) {
        char *out = tk__jcompile_alloc(l->c, s.n * 5 + 16); /* \é becomes \xe9 at most five times */
        size_t n = 0;
        if (!out)
            return false;
        for (size_t i = 0; i < s.n;) {
            if (s.p[i] != '\\') {
                out[n++] = s.p[i++];
                continue;
            }
            i = unescape_one(l, s, i + 1, out, &n);
            if (i == 0)
                return false;
        }
        s = (struct tk_str){ out, n };
    }
    if (!push_text(l, TK_JT_STRING, s))
        return false;
    move_to(l, end + 1);
    return true;
}

static bool is_name_code(uint32_t c)
{
    if (c < 0x80)
        return c == '_' || is_digit((char)c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return tk__jis_alnum(c) || c == 0xB7 || !(tk__jis_space(c) || tk__jis_printable(c)) ||
           (c >= 0x300 && c < 0x370);
}

static bool lex_name(struct lexer *l)
{
    size_t end = l->at;
    while (end < l->n) {
        size_t next = end;
        if (!is_name_code(tk__utf8_next(l->p, &next)))
            break;
        end = next;
    }
    if (end == l->at)
        return false;
    size_t first = l->at;
    uint32_t code = tk__utf8_next(l->p, &first);
    if (code >= 0x80 && !tk__jis_alpha(code))
        return fail(l, "invalid character in identifier");
    if (!push_text(l, TK_JT_NAME, (struct tk_str){ l->p + l->at, end - l->at }))
        return false;
    move_to(l, end);
    return true;
}

/* ---- operators ---- */

static const struct {
    const char *text;
    enum tk_jtok type;
} operators[] = {
    { "//", TK_JT_FLOORDIV }, { "**", TK_JT_POW },      { "==", TK_JT_EQ },
    { "!=", TK_JT_NE },       { ">=", TK_JT_GE },       { "<=", TK_JT_LE },
    { "+", TK_JT_ADD },       { "-", TK_JT_SUB },       { "/", TK_JT_DIV },
    { "*", TK_JT_MUL },       { "%", TK_JT_MOD },       { "~", TK_JT_TILDE },
    { "[", TK_JT_LBRACKET },  { "]", TK_JT_RBRACKET },  { "(", TK_JT_LPAREN },
    { ")", TK_JT_RPAREN },    { "{", TK_JT_LBRACE },    { "}", TK_JT_RBRACE },
    { ">", TK_JT_GT },        { "<", TK_JT_LT },        { "=", TK_JT_ASSIGN },
    { ".", TK_JT_DOT },       { ":", TK_JT_COLON },     { "|", TK_JT_PIPE },
    { ",", TK_JT_COMMA },     { ";", TK_JT_SEMICOLON },
};

const char *tk__jtok_describe(enum tk_jtok type)
{
    static const char *const words[] = {
        [TK_JT_EOF] = "end of template",
        [TK_JT_DATA] = "template data / text",
        [TK_JT_VAR_BEGIN] = "begin of print statement",
        [TK_JT_VAR_END] = "end of print statement",
        [TK_JT_BLOCK_BEGIN] = "begin of statement block",
        [TK_JT_BLOCK_END] = "end of statement block",
        [TK_JT_NAME] = "name",
        [TK_JT_STRING] = "string",
        [TK_JT_NUMBER] = "integer",
        [TK_JT_FLOAT] = "float",
    };
    for (unsigned i = 0; i < TK_ARRAY_LEN(operators); i++) {
        if (operators[i].type == type)
            return operators[i].text;
    }
    return type < TK_ARRAY_LEN(words) && words[type] ? words[type] : "operator";
}

static bool balance(struct lexer *l, char ch)
{
    char close = ch == '{' ? '}' : ch == '(' ? ')' : ch == '[' ? ']' : '\0';
    if (close) {
        if (l->n_balance == MAX_BALANCE) {
            tk__jcompile_fail(l->c, TK_E_LIMIT, l->line, "more than %d open brackets", MAX_BALANCE);
            return false;
        }
        l->balance[l->n_balance++] = close;
        return true;
    }
    if (ch != '}' && ch != ')' && ch != ']')
        return true;
    if (l->n_balance == 0 || l->balance[l->n_balance - 1] != ch) {
        tk__jcompile_fail(l->c, TK_E_FORMAT, l->line, "unexpected '%c'", ch);
        return false;
    }
    l->n_balance--;
    return true;
}

static bool lex_operator(struct lexer *l)
{
    for (unsigned i = 0; i < TK_ARRAY_LEN(operators); i++) {
        if (!starts(l, l->at, operators[i].text))
            continue;
        if (!balance(l, operators[i].text[0]) || !push(l, operators[i].type))
            return false;
        move_to(l, l->at + strlen(operators[i].text));
        return true;
    }
    return fail(l, "unexpected character in a tag");
}

/* ---- the tags ---- */

/* Tokens up to and with the end of the tag, or to the end of the text. */
static bool lex_tag(struct lexer *l, bool is_block)
{
    l->n_balance = 0;
    while (l->at < l->n) {
        line_to(l, l->at);
        size_t end = l->n_balance ? 0
                                  : tag_end(l, l->at, is_block ? "%}" : "}}", is_block, is_block);
        if (end) {
            if (!push(l, is_block ? TK_JT_BLOCK_END : TK_JT_VAR_END))
                return false;
            move_to(l, l->at + end);
            return true;
        }
        size_t space = skip_space(l, l->at);
        if (space > l->at) {
            move_to(l, space);
            continue;
        }
        char ch = l->p[l->at];
        bool ok;
        if (is_digit(ch)) {
            size_t f = float_end(l, l->at);
            ok = f > l->at ? lex_float(l, f) : lex_integer(l);
        } else if (ch == '\'' || ch == '"') {
            ok = lex_string(l);
        } else {
            ok = lex_name(l) || (l->c->rc == 0 && lex_operator(l));
        }
        if (!ok)
            return false;
    }
    return true;
}

/* Is `{% raw %}` at `at`?  Its length, 0 when not. */
static size_t raw_begin(const struct lexer *l, size_t at)
{
    size_t in = at + 2;
    in += in < l->n && (l->p[in] == '-' || l->p[in] == '+');
    in = skip_space(l, in);
    if (!starts(l, in, "raw"))
        return 0;
    in = skip_space(l, in + 3);
    size_t end = tag_end(l, in, "%}", false, false);
    return end ? in + end - at : 0;
}

/* The text between *ret_end and the tag that follows it, without what the tag's sign takes off. */
static struct tk_str strip_before(const struct lexer *l, size_t from, size_t to, char sign,
                                  bool is_var)
{
    struct tk_str s = { l->p + from, to - from };
    if (sign == '-')
        return tk__jstrip(s, false, true);
    if (sign == '+' || is_var)
        return s;
    size_t line = s.n;
    while (line > 0 && s.p[line - 1] != '\n')
        line--;
    if (line == 0 && !l->line_starting)
        return s;
    struct tk_str rest = { s.p + line, s.n - line };
    if (rest.n && tk__jstrip(rest, false, true).n == 0)
        s.n = line;
    return s;
}

static bool push_data(struct lexer *l, struct tk_str s)
{
    return s.n == 0 || push_text(l, TK_JT_DATA, s);
}

/* From behind `{% raw %}`: all as text up to `{% endraw %}`. */
static bool lex_raw(struct lexer *l)
{
    for (size_t at = l->at; at < l->n; at++) {
        if (!starts(l, at, "{%"))
            continue;
        size_t in = at + 2;
        char sign = in < l->n && (l->p[in] == '-' || l->p[in] == '+') ? l->p[in] : '\0';
        in = skip_space(l, in + (sign != '\0'));
        if (!starts(l, in, "endraw"))
            continue;
        in = skip_space(l, in + 6);
        size_t end = tag_end(l, in, "%}", true, true);
        if (!end)
            continue;
        if (!push_data(l, strip_before(l, l->at, at, sign, false)))
            return false;
        move_to(l, in + end);
        return true;
    }
    return fail(l, "missing end of raw directive");
}

static bool lex_comment(struct lexer *l)
{
    for (size_t at = l->at; at < l->n; at++) {
        size_t end = tag_end(l, at, "#}", true, true);
        if (end) {
            move_to(l, at + end);
            return true;
        }
    }
    return l->at < l->n ? fail(l, "missing end of comment tag") : true;
}

/* Where the next tag begins, or the end of the text. */
static size_t next_tag(const struct lexer *l)
{
    size_t at = l->at;
    while (at < l->n) {
        const char *p = memchr(l->p + at, '{', l->n - at);
        if (!p)
            break;
        at = (size_t)(p - l->p);
        if (at + 1 < l->n && (p[1] == '{' || p[1] == '%' || p[1] == '#'))
            return at;
        at++;
    }
    return l->n;
}

static bool lex_one(struct lexer *l)
{
    size_t tag = next_tag(l);
    line_to(l, l->at);
    if (tag == l->n) {
        bool ok = push_data(l, (struct tk_str){ l->p + l->at, l->n - l->at });
        l->at = l->n;
        return ok;
    }
    char kind = l->p[tag + 1];
    char sign = tag + 2 < l->n && (l->p[tag + 2] == '-' || l->p[tag + 2] == '+') ? l->p[tag + 2]
                                                                                 : '\0';
    if (!push_data(l, strip_before(l, l->at, tag, sign, kind == '{')))
        return false;
    line_to(l, tag);
    size_t raw = kind == '%' ? raw_begin(l, tag) : 0;
    if (raw) {
        move_to(l, tag + raw);
        return lex_raw(l);
    }
    move_to(l, tag + 2 + (sign != '\0'));
    if (kind == '#')
        return lex_comment(l);
    return push(l, kind == '%' ? TK_JT_BLOCK_BEGIN : TK_JT_VAR_BEGIN) && lex_tag(l, kind == '%');
}

int tk__jlex(struct tk_jcompile *c, struct tk_str text)
{
    char *p = tk__jcompile_alloc(c, text.n + 1);
    struct lexer *l = tk__jcompile_alloc(c, sizeof(*l));
    if (!p || !l)
        return c->rc;
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool is_crlf = text.p[i] == '\r' && i + 1 < text.n && text.p[i + 1] == '\n';
        if (!is_crlf)
            p[n++] = text.p[i] == '\r' ? '\n' : text.p[i];
    }
    n -= n > 0 && p[n - 1] == '\n';
    *l = (struct lexer){ .c = c, .p = p, .n = n, .line = 1, .line_starting = true };
    if (tk__utf8_valid(p, n) != n)
        fail(l, "the template is not UTF-8");
    while (c->rc == 0 && l->at < l->n)
        lex_one(l);
    line_to(l, l->at);
    push(l, TK_JT_EOF);
    return c->rc;
}
