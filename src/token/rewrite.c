/* rewrite.c - Oniguruma's regular expressions in PCRE2's words
 *
 *   pattern --walk--> atoms, quantifiers, groups ------------------------> copied, renamed or refused
 *                     classes, \s, \p{L}, … --> what is in the class ----> [\p{L}\x{2ebf0}…]
 *
 * The two agree on most of what split patterns use. They differ in
 *   - Unicode: PCRE2 10.42 has 14, Oniguruma 16. A property is written as PCRE2's with the code points
 *     added that PCRE2 in use does not know (asked once, of the library itself);
 *   - \s (PCRE2 counts U+180E), \w, \h (a hexadecimal digit), \v (one character), \b by that \w;
 *   - [a[b]] and [a&&b], which PCRE2 does not have: such a class is computed and written as ranges;
 *   - X{1,3}+, which is a repeated repetition and not a possessive one; X{,3};
 *   - (?m), which lets the dot match a newline.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/str.h"
#include "token/codeset.h"
#include "token/regex.h"
#include "token/unicode.h"

#define MAX_DEPTH 64
#define NONE SIZE_MAX

struct rewrite {
    struct tk_str in;
    size_t at;
    struct tk_buf *out;
    struct tk_err *err;
    size_t groups[MAX_DEPTH]; /* where open groups begin in the output */
    unsigned depth;
    size_t atom;     /* where the last atom begins in the output; NONE: nothing to repeat */
    bool is_flagged; /* (?i) opened the whole, which nothing closes */
};

static int refuse(struct rewrite *w, const char *what)
{
    return tk_err_set(w->err, TK_E_UNSUPPORTED, "%s in the pattern '%.*s' is not supported", what,
                      (int)TK_MIN(w->in.n, 200), w->in.p);
}

static int damaged(struct rewrite *w, const char *what)
{
    return tk_err_set(w->err, TK_E_FORMAT, "%s in the pattern '%.*s'", what,
                      (int)TK_MIN(w->in.n, 200), w->in.p);
}

static bool looking_at(const struct rewrite *w, const char *z)
{
    struct tk_str rest = { w->in.p + w->at, w->in.n - w->at };
    return tk_str_starts(rest, tk_str_of(z));
}

/* ---- properties ---- */

/* Something that a class may hold: a set, and when it has one, a shorter name in PCRE2. */
struct item {
    struct tk__codeset set;
    char name[64]; /* "\\p{Lu}"; empty: only the set will do */
};

static const struct {
    const char *name;
    uint32_t mask;
} categories[] = {
    { "l", TK__GC_L },
    { "letter", TK__GC_L },
    { "m", TK__GC_M },
    { "mark", TK__GC_M },
    { "n", TK__GC_N },
    { "number", TK__GC_N },
    { "p", TK__GC_P },
    { "punctuation", TK__GC_P },
    { "s", TK__GC_S },
    { "symbol", TK__GC_S },
    { "z", TK__GC_Z },
    { "separator", TK__GC_Z },
    { "c", TK__GC_C },
    { "other", TK__GC_C },
    { "lu", 1U << TK__LU },
    { "ll", 1U << TK__LL },
    { "lt", 1U << TK__LT },
    { "lm", 1U << TK__LM },
    { "lo", 1U << TK__LO },
    { "mn", 1U << TK__MN },
    { "mc", 1U << TK__MC },
    { "me", 1U << TK__ME },
    { "nd", 1U << TK__ND },
    { "nl", 1U << TK__NL },
    { "no", 1U << TK__NO },
    { "pc", 1U << TK__PC },
    { "pd", 1U << TK__PD },
    { "ps", 1U << TK__PS },
    { "pe", 1U << TK__PE },
    { "pi", 1U << TK__PI },
    { "pf", 1U << TK__PF },
    { "po", 1U << TK__PO },
    { "sm", 1U << TK__SM },
    { "sc", 1U << TK__SC },
    { "sk", 1U << TK__SK },
    { "so", 1U << TK__SO },
    { "zs", 1U << TK__ZS },
    { "zl", 1U << TK__ZL },
    { "zp", 1U << TK__ZP },
    { "cc", 1U << TK__CC },
    { "cf", 1U << TK__CF },
    { "co", 1U << TK__CO },
    { "cn", 1U << TK__CN },
    { "uppercaseletter", 1U << TK__LU },
    { "lowercaseletter", 1U << TK__LL },
};

/* Han was extended after PCRE2 10.42's Unicode. */
static const struct tk__uni_range newer_han[] = { { 0x2EBF0, 0x2EE5D }, { 0x31350, 0x323AF } };

static pcre2_code *compile_plain(const char *pattern)
{
    int code;
    PCRE2_SIZE where;
    return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_NO_UTF_CHECK,
                         &code, &where, NULL);
}

/* Add to `out` those of `from` that `pattern`, one character, matches for PCRE2. */
static int ask_pcre2(const char *pattern, const struct tk__codeset *from, struct tk__codeset *out)
{
    pcre2_code *code = compile_plain(pattern);
    pcre2_match_data *data = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
    int rc = code ? 0 : TK_E_FORMAT;
    if (code && !data)
        rc = -ENOMEM;
    if (rc == 0)
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    for (unsigned i = 0; rc == 0 && i < from->n; i++) {
        for (uint32_t c = from->r[i].first; c <= from->r[i].last; c++) {
            char one[4];
            size_t n = tk__utf8_put(one, c);
            if (c >= 0xD800 && c <= 0xDFFF)
                continue;
            if (pcre2_match(code, (PCRE2_SPTR)one, n, 0, PCRE2_NO_UTF_CHECK, data, NULL) > 0)
                tk__codeset_add(out, c, c);
        }
    }
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return rc < 0 ? rc : out->failed;
}

/* The code points that the tables know and this PCRE2 does not; asked once. */
static int newer(const struct tk__codeset **ret)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct tk__codeset set;
    static bool is_known;
    int rc = 0;
    pthread_mutex_lock(&lock);
    if (!is_known) {
        struct tk__codeset all = { 0 };
        tk__codeset_add_categories(&all, ~(TK__GC_C));
        rc = all.failed ? all.failed : ask_pcre2("\\p{Cn}", &all, &set);
        tk__codeset_release(&all);
        is_known = rc == 0;
        if (rc < 0)
            tk__codeset_release(&set);
    }
    *ret = &set;
    pthread_mutex_unlock(&lock);
    return rc;
}

/* "Lowercase_Letter" and "lowercase letter" are one name. */
static bool plain_name(struct tk_str name, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c == ' ' || c == '_' || c == '-')
            continue;
        if (n + 1 >= cap || !((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out[n] = '\0';
    return n > 0;
}

static int script_item(struct rewrite *w, const char *name, struct item *ret)
{
    struct tk__codeset all = { 0 };
    (void)snprintf(ret->name, sizeof(ret->name), "\\p{%s}", name);
    tk__codeset_add(&all, 0, TK__CODE_MAX);
    int rc = all.failed ? all.failed : ask_pcre2(ret->name, &all, &ret->set);
    tk__codeset_release(&all);
    if (rc == TK_E_FORMAT)
        return refuse(w, ret->name);
    if (strcmp(name, "han") == 0) {
        tk__codeset_add_ranges(&ret->set, newer_han, TK_ARRAY_LEN(newer_han));
        ret->name[0] = '\0';
    }
    return rc;
}

static int property_item(struct rewrite *w, struct tk_str name, struct item *ret)
{
    char plain[40];
    if (!plain_name(name, plain, sizeof(plain)))
        return refuse(w, "a property");
    for (size_t i = 0; i < TK_ARRAY_LEN(categories); i++) {
        if (strcmp(plain, categories[i].name) != 0)
            continue;
        tk__codeset_add_categories(&ret->set, categories[i].mask);
        if (strlen(plain) <= 2 && !(categories[i].mask & TK__GC_C))
            (void)snprintf(ret->name, sizeof(ret->name), "\\p{%c%s}", plain[0] - 32, plain + 1);
        return ret->set.failed;
    }
    if (strcmp(plain, "any") == 0)
        tk__codeset_add(&ret->set, 0, TK__CODE_MAX);
    else if (strcmp(plain, "ascii") == 0)
        tk__codeset_add(&ret->set, 0, 0x7F);
    else if (strcmp(plain, "space") == 0 || strcmp(plain, "whitespace") == 0)
        tk__codeset_add_ranges(&ret->set, tk__uni_space, tk__uni_n_space);
    else if (strcmp(plain, "punct") == 0)
        tk__codeset_add_categories(&ret->set, TK__GC_P | TK__GC_S);
    else if (strcmp(plain, "word") == 0)
        tk__codeset_add_ranges(&ret->set, tk__uni_oniguruma_word, tk__uni_n_oniguruma_word);
    else if (strcmp(plain, "digit") == 0)
        tk__codeset_add_categories(&ret->set, 1U << TK__ND);
    else
        return script_item(w, plain, ret);
    return ret->set.failed;
}

/* \p{…} or \P{…}; `at` is behind the letter. */
static int property(struct rewrite *w, bool negated, struct item *ret)
{
    if (w->at >= w->in.n || w->in.p[w->at] != '{')
        return damaged(w, "a property without braces");
    w->at++;
    if (looking_at(w, "^")) {
        negated = !negated;
        w->at++;
    }
    struct tk_str rest = { w->in.p + w->at, w->in.n - w->at };
    ptrdiff_t n = tk_str_find(rest, '}');
    if (n < 0)
        return damaged(w, "an open brace");
    int rc = property_item(w, (struct tk_str){ rest.p, (size_t)n }, ret);
    w->at += (size_t)n + 1;
    if (rc == 0 && negated) {
        tk__codeset_invert(&ret->set);
        ret->name[0] = '\0';
    }
    return rc < 0 ? rc : ret->set.failed;
}

/* \s \S \w \W \d \D \h \H; false when `c` is none of them. */
static bool shorthand(char c, struct item *ret)
{
    switch (c | 32) {
    case 's':
        tk__codeset_add_ranges(&ret->set, tk__uni_space, tk__uni_n_space);
        break;
    case 'w':
        tk__codeset_add_ranges(&ret->set, tk__uni_oniguruma_word, tk__uni_n_oniguruma_word);
        break;
    case 'd':
        tk__codeset_add_categories(&ret->set, 1U << TK__ND);
        break;
    case 'h':
        tk__codeset_add(&ret->set, '0', '9');
        tk__codeset_add(&ret->set, 'A', 'F');
        tk__codeset_add(&ret->set, 'a', 'f');
        break;
    default:
        return false;
    }
    if (c < 'a')
        tk__codeset_invert(&ret->set);
    return true;
}

/* ---- single characters ---- */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to `max` hexadecimal digits; how many there were. */
static unsigned hex(struct rewrite *w, unsigned max, uint32_t *ret)
{
    unsigned n = 0;
    uint32_t c = 0;
    while (n < max && w->at < w->in.n && hex_of(w->in.p[w->at]) >= 0) {
        c = c << 4 | (uint32_t)hex_of(w->in.p[w->at++]);
        n++;
    }
    *ret = c;
    return n;
}

static int hex_escape(struct rewrite *w, bool is_u, uint32_t *ret)
{
    bool braced = !is_u && looking_at(w, "{");
    w->at += braced;
    unsigned n = hex(w, is_u ? 4 : braced ? 8 : 2, ret);
    if (n == 0 || (is_u && n != 4) || (braced && !looking_at(w, "}")))
        return damaged(w, "a broken \\x or \\u");
    w->at += braced;
    if (*ret > TK__CODE_MAX || (*ret >= 0xD800 && *ret <= 0xDFFF))
        return damaged(w, "a code point that there is not");
    return 0;
}

/* 1 when the escape at `at`, behind the backslash, is one character; 0 when it is something else. */
static int escaped_char(struct rewrite *w, bool in_class, uint32_t *ret)
{
    static const char from[] = "ntrfvae";
    static const char to[] = "\n\t\r\f\v\a\x1b";
    char c = w->in.p[w->at];
    const char *known = strchr(from, c);
    bool is_ascii = (unsigned char)c < 0x80;
    bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!is_ascii) {
        *ret = tk__utf8_next(w->in.p, &w->at);
        return 1;
    }
    if (c == 'x' || c == 'u') {
        w->at++;
        int rc = hex_escape(w, c == 'u', ret);
        return rc < 0 ? rc : 1;
    }
    if (c != '\0' && known)
        *ret = (uint32_t)to[known - from];
    else if (in_class && c == 'b')
        *ret = 8;
    else if (!is_word)
        *ret = (uint32_t)c;
    else
        return 0;
    w->at++;
    return 1;
}

static void write_char(struct tk_buf *out, uint32_t c)
{
    bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (is_plain)
        (void)tk_buf_add_c(out, (char)c);
    else
        (void)tk_buf_addf(out, "\\x{%x}", c);
}

/* ---- classes ---- */

/* Write what an item is, inside brackets: PCRE2's name and what PCRE2 does not know, or ranges. */
static int write_item(const struct item *item, struct tk_buf *out)
{
    const struct tk__codeset *unknown;
    if (item->name[0] == '\0') {
        tk__codeset_write(&item->set, out);
        return out->failed;
    }
    int rc = newer(&unknown);
    if (rc < 0)
        return rc;
    struct tk__codeset more = { 0 };
    tk__codeset_union(&more, &item->set);
    tk__codeset_intersect(&more, unknown);
    (void)tk_buf_add_z(out, item->name);
    tk__codeset_write(&more, out);
    rc = more.failed ? more.failed : out->failed;
    tk__codeset_release(&more);
    return rc;
}

/* A class under way: its set, and its words as long as PCRE2 can say it. */
struct class_walk {
    struct tk__codeset set;
    struct tk_buf words;
    bool is_sayable;
};

static void class_release(struct class_walk *c)
{
    tk__codeset_release(&c->set);
    tk_buf_release(&c->words);
}

static int add_item(struct class_walk *c, struct item *item)
{
    tk__codeset_union(&c->set, &item->set);
    int rc = write_item(item, &c->words);
    tk__codeset_release(&item->set);
    return rc < 0 ? rc : c->set.failed;
}

static int posix_bracket(struct rewrite *w, struct class_walk *c)
{
    struct tk_str rest = { w->in.p + w->at + 2, w->in.n - w->at - 2 };
    struct item item = { 0 };
    bool negated = tk_str_starts(rest, TK_STR("^"));
    if (negated) {
        rest.p++;
        rest.n--;
    }
    ptrdiff_t n = tk_str_find(rest, ':');
    static const char *const known[] = { "space", "digit", "punct", "word" };
    for (size_t i = 0; n > 0 && i < TK_ARRAY_LEN(known); i++) {
        struct tk_str name = { rest.p, (size_t)n };
        if (!tk_str_is(name, known[i]) || rest.n < (size_t)n + 2 || rest.p[n + 1] != ']')
            continue;
        int rc = property_item(w, name, &item);
        if (negated)
            tk__codeset_invert(&item.set);
        item.name[0] = '\0';
        w->at = (size_t)(rest.p - w->in.p) + (size_t)n + 2;
        return rc < 0 ? rc : add_item(c, &item);
    }
    return refuse(w, "a POSIX bracket");
}

/* The character at `at` in a class: 1 with it, 0 when it is a shorthand, which was added. */
static int class_char(struct rewrite *w, struct class_walk *c, uint32_t *ret)
{
    struct item item = { 0 };
    if (w->in.p[w->at] != '\\') {
        *ret = tk__utf8_next(w->in.p, &w->at);
        return 1;
    }
    if (++w->at >= w->in.n)
        return damaged(w, "a backslash at the end");
    int rc = escaped_char(w, true, ret);
    if (rc != 0)
        return rc;
    char letter = w->in.p[w->at++];
    if (letter == 'p' || letter == 'P')
        rc = property(w, letter == 'P', &item);
    else if (!shorthand(letter, &item))
        return refuse(w, "an escape in a class");
    if (rc < 0) {
        tk__codeset_release(&item.set);
        return rc;
    }
    return add_item(c, &item);
}

static int class_part(struct rewrite *w, struct class_walk *c)
{
    uint32_t first = 0;
    uint32_t last = 0;
    int rc = class_char(w, c, &first);
    if (rc <= 0)
        return rc;
    last = first;
    if (looking_at(w, "-") && w->at + 1 < w->in.n && w->in.p[w->at + 1] != ']' &&
        w->in.p[w->at + 1] != '[') {
        w->at++;
        rc = class_char(w, c, &last);
        if (rc == 0)
            return refuse(w, "a range that ends in a shorthand");
        if (rc < 0)
            return rc;
        if (last < first)
            return damaged(w, "an empty range");
    }
    tk__codeset_add(&c->set, first, last);
    write_char(&c->words, first);
    if (last != first) {
        (void)tk_buf_add_c(&c->words, '-');
        write_char(&c->words, last);
    }
    return c->set.failed;
}

static int class_walk(struct rewrite *w, struct class_walk *c, unsigned depth);

static int nested_class(struct rewrite *w, struct class_walk *c, unsigned depth)
{
    struct class_walk inner = { .words = TK_BUF_INIT(TK__REGEX_MAX * 4) };
    if (depth + 1 >= 8)
        return refuse(w, "a class nested so deep");
    int rc = class_walk(w, &inner, depth + 1);
    tk__codeset_union(&c->set, &inner.set);
    class_release(&inner);
    c->is_sayable = false;
    return rc < 0 ? rc : c->set.failed;
}

/* From the opening bracket to behind the closing one; the set is complete, negation included. */
static int class_walk(struct rewrite *w, struct class_walk *c, unsigned depth)
{
    struct tk__codeset left = { 0 }; /* what stands before && */
    bool has_left = false;
    int rc = 0;
    w->at++;
    bool negated = looking_at(w, "^");
    w->at += negated;
    bool is_first = true;
    c->is_sayable = true;
    while (rc == 0 && (is_first || !looking_at(w, "]"))) {
        if (w->at >= w->in.n) {
            rc = damaged(w, "an open bracket");
        } else if (looking_at(w, "[:")) {
            rc = posix_bracket(w, c);
        } else if (looking_at(w, "[")) {
            rc = nested_class(w, c, depth);
        } else if (looking_at(w, "&&")) {
            w->at += 2;
            if (has_left)
                tk__codeset_intersect(&left, &c->set);
            else
                tk__codeset_union(&left, &c->set);
            has_left = true;
            tk__codeset_release(&c->set);
            c->is_sayable = false;
        } else {
            rc = class_part(w, c);
        }
        is_first = false;
    }
    w->at++;
    if (has_left)
        tk__codeset_intersect(&c->set, &left);
    tk__codeset_release(&left);
    if (negated)
        tk__codeset_invert(&c->set);
    if (negated && rc == 0 && c->is_sayable && c->words.n > 0) {
        /* the words are of what is excluded: mark that */
        rc = tk_buf_add(&c->words, "", 1);
    }
    return rc < 0 ? rc : c->set.failed;
}

static int class_atom(struct rewrite *w)
{
    struct class_walk c = { .words = TK_BUF_INIT(TK__REGEX_MAX * 16) };
    int rc = class_walk(w, &c, 0);
    if (rc == 0 && c.words.failed)
        rc = c.words.failed;
    if (rc == 0 && c.is_sayable && c.words.n > 0) {
        bool negated = c.words.p[c.words.n - 1] == '\0';
        (void)tk_buf_add_z(w->out, negated ? "[^" : "[");
        (void)tk_buf_add(w->out, c.words.p, c.words.n - negated);
    } else if (rc == 0 && c.set.n == 0) {
        (void)tk_buf_add_z(w->out, "(?!)[a"); /* never matches; one atom by the brackets below */
    } else if (rc == 0) {
        (void)tk_buf_add_c(w->out, '[');
        tk__codeset_write(&c.set, w->out);
    }
    if (rc == 0)
        rc = tk_buf_add_c(w->out, ']');
    class_release(&c);
    return rc;
}

/* ---- the rest ---- */

/* A shorthand outside brackets. */
static int item_atom(struct rewrite *w, struct item *item)
{
    (void)tk_buf_add_c(w->out, '[');
    int rc = write_item(item, w->out);
    tk__codeset_release(&item->set);
    return rc < 0 ? rc : tk_buf_add_c(w->out, ']');
}

/* \b and \B by Oniguruma's \w. */
static int boundary(struct rewrite *w, bool negated)
{
    struct tk_buf word = TK_BUF_INIT(TK__REGEX_MAX);
    struct item item = { 0 };
    (void)shorthand('w', &item);
    tk__codeset_write(&item.set, &word);
    int rc = word.failed ? word.failed : item.set.failed;
    tk__codeset_release(&item.set);
    if (rc == 0 && negated)
        rc = tk_buf_addf(w->out, "(?:(?<=[%s])(?=[%s])|(?<![%s])(?![%s]))", word.p, word.p, word.p,
                         word.p);
    else if (rc == 0)
        rc = tk_buf_addf(w->out, "(?:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))", word.p, word.p, word.p,
                         word.p);
    tk_buf_release(&word);
    return rc;
}

static int escape_atom(struct rewrite *w)
{
    struct item item = { 0 };
    uint32_t c;
    if (++w->at >= w->in.n)
        return damaged(w, "a backslash at the end");
    int rc = escaped_char(w, false, &c);
    if (rc > 0) {
        write_char(w->out, c);
        return w->out->failed;
    }
    if (rc < 0)
        return rc;
    char letter = w->in.p[w->at++];
    if (letter == 'p' || letter == 'P') {
        rc = property(w, letter == 'P', &item);
        if (rc < 0)
            tk__codeset_release(&item.set);
        return rc < 0 ? rc : item_atom(w, &item);
    }
    if (shorthand(letter, &item))
        return item_atom(w, &item);
    if (letter == 'b' || letter == 'B')
        return boundary(w, letter == 'B');
    if (letter == 'k' && looking_at(w, "<")) {
        size_t from = w->at;
        while (w->at < w->in.n && w->in.p[w->at] != '>')
            w->at++;
        w->at += w->at < w->in.n;
        (void)tk_buf_add_z(w->out, "\\k");
        return tk_buf_add(w->out, w->in.p + from, w->at - from);
    }
    if (strchr("AzZRK123456789", letter))
        return tk_buf_addf(w->out, "\\%c", letter);
    return refuse(w, "an escape");
}

/* "(?" was seen: what follows, up to where the content of the group begins. */
static int special_group(struct rewrite *w)
{
    static const char *const same[] = { "(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!" };
    size_t from = w->at;
    for (size_t i = 0; i < TK_ARRAY_LEN(same); i++) {
        if (looking_at(w, same[i])) {
            w->at += strlen(same[i]);
            return tk_buf_add_z(w->out, same[i]);
        }
    }
    if (looking_at(w, "(?<")) { /* a name */
        while (w->at < w->in.n && w->in.p[w->at] != '>')
            w->at++;
        w->at += w->at < w->in.n;
        return tk_buf_add(w->out, w->in.p + from, w->at - from);
    }
    (void)tk_buf_add_z(w->out, "(?");
    for (w->at += 2; w->at < w->in.n && w->in.p[w->at] != ':'; w->at++) {
        char c = w->in.p[w->at];
        if (c == ')' && from == 0) { /* (?i) at the very beginning: the rest is its group */
            w->at++;
            w->depth = 0;
            w->is_flagged = true;
            return tk_buf_add_c(w->out, ':');
        }
        if (!strchr("imx-", c))
            return refuse(w, "a group of that kind");
        (void)tk_buf_add_c(w->out, c == 'm' ? 's' : c);
    }
    w->at++;
    return tk_buf_add_c(w->out, ':');
}

static int open_group(struct rewrite *w)
{
    if (looking_at(w, "(?#")) {
        while (w->at < w->in.n && w->in.p[w->at] != ')')
            w->at++;
        w->at++;
        return 0;
    }
    if (w->depth == MAX_DEPTH)
        return refuse(w, "a group nested so deep");
    w->groups[w->depth++] = w->out->n;
    w->atom = NONE;
    if (looking_at(w, "(?"))
        return special_group(w);
    w->at++;
    return tk_buf_add_c(w->out, '(');
}

/* Put "(?:" before the last atom. */
static int wrap_atom(struct rewrite *w)
{
    int rc = tk_buf_add_z(w->out, "(?:");
    if (rc < 0)
        return rc;
    memmove(w->out->p + w->atom + 3, w->out->p + w->atom, w->out->n - 3 - w->atom);
    memcpy(w->out->p + w->atom, "(?:", 3);
    return 0;
}

static size_t digits(struct rewrite *w, uint32_t *ret)
{
    size_t n = 0;
    *ret = 0;
    for (; w->at < w->in.n && w->in.p[w->at] >= '0' && w->in.p[w->at] <= '9' && n < 6; n++)
        *ret = *ret * 10 + (uint32_t)(w->in.p[w->at++] - '0');
    return n;
}

/* {n}, {n,}, {,m}, {n,m} behind an atom; 0 when the brace is none of them, and nothing was taken. */
static int interval(struct rewrite *w)
{
    size_t from = w->at++;
    uint32_t low, high;
    size_t n_low = digits(w, &low);
    bool has_comma = looking_at(w, ",");
    w->at += has_comma;
    size_t n_high = has_comma ? digits(w, &high) : 0;
    if (!looking_at(w, "}") || (n_low == 0 && n_high == 0)) {
        w->at = from;
        return 0;
    }
    w->at++;
    int rc = 0;
    bool again = looking_at(w, "+");
    if (looking_at(w, "?") && !has_comma)
        return refuse(w, "{n}?");
    if (again)
        rc = wrap_atom(w);
    (void)tk_buf_addf(w->out, "{%u%s", low, has_comma ? "," : "");
    if (n_high > 0)
        (void)tk_buf_addf(w->out, "%u", high);
    (void)tk_buf_add_c(w->out, '}');
    if (again)
        (void)tk_buf_add_c(w->out, ')'); /* and the + comes next */
    else if (looking_at(w, "?"))
        (void)tk_buf_add_c(w->out, w->in.p[w->at++]);
    return rc < 0 ? rc : w->out->failed ? w->out->failed : 1;
}

static int quantifier(struct rewrite *w, char c)
{
    if (w->atom == NONE)
        return damaged(w, "nothing to repeat");
    w->at++;
    (void)tk_buf_add_c(w->out, c);
    if (looking_at(w, "?") || looking_at(w, "+"))
        (void)tk_buf_add_c(w->out, w->in.p[w->at++]);
    return w->out->failed;
}

static int close_group(struct rewrite *w)
{
    if (w->depth == 0)
        return damaged(w, "a closing parenthesis");
    w->at++;
    w->atom = w->groups[--w->depth];
    return tk_buf_add_c(w->out, ')');
}

static int step(struct rewrite *w)
{
    char c = w->in.p[w->at];
    int rc = 0;
    if (c == '(')
        return open_group(w);
    if (c == ')')
        return close_group(w);
    if (c == '*' || c == '+' || c == '?')
        return quantifier(w, c);
    if (c == '{' && w->atom != NONE && (rc = interval(w)) != 0)
        return rc < 0 ? rc : 0;
    if (c == '|') {
        w->atom = NONE;
        w->at++;
        return tk_buf_add_c(w->out, '|');
    }
    w->atom = w->out->n;
    if (c == '[')
        return class_atom(w);
    if (c == '\\')
        return escape_atom(w);
    if (c == '.' || c == '^' || c == '$') {
        w->at++;
        return tk_buf_add_c(w->out, c);
    }
    write_char(w->out, tk__utf8_next(w->in.p, &w->at));
    return w->out->failed;
}

int tk__regex_translate(struct tk_str pattern, struct tk_buf *out, struct tk_err *reterr)
{
    struct rewrite w = { .in = pattern, .out = out, .err = reterr, .atom = NONE };
    int rc = tk__uni_init();
    if (pattern.n > TK__REGEX_MAX)
        return tk_err_set(reterr, TK_E_LIMIT, "a pattern of %zu bytes", pattern.n);
    if (rc == 0)
        rc = tk_buf_add(out, "", 0);
    while (rc == 0 && w.at < pattern.n)
        rc = step(&w);
    if (rc == 0 && w.depth > 0)
        return damaged(&w, "an open parenthesis");
    if (rc == 0 && w.is_flagged)
        rc = tk_buf_add_c(out, ')');
    if (rc == -ENOMEM || rc == TK_E_LIMIT)
        (void)tk_err_set(reterr, rc, "%s for a pattern", tk_err_text(rc));
    return rc;
}
