/* scan.c - the split patterns of well-known models, by hand
 *
 * The patterns are of one family; in the order of their alternatives:
 *
 *   contraction    's 't 're … (GPT-2: small letters; o200k has it at the end of words instead)
 *   word           letters, with one character before them
 *   number         digits, one, up to three, or any
 *   punctuation    what is no space, letter or digit; a space before, line ends after
 *   line ends      spaces up to the last line end
 *   spaces         all but the last when something follows
 *
 * Each function takes the place of one alternative and returns where its match ends, or `at` when it
 * does not match. ASCII goes by a table of its own, the rest by the tables of unicode.h.
 *
 * (?i:'s) also matches U+017F, the long s: simple case folding, in Oniguruma as in PCRE2.
 */
#include "token/scan.h"

#include <string.h>

#include "base/str.h"
#include "token/unicode.h"

/* Classes of a character, for these patterns. */
#define L 1U    /* letter */
#define N 2U    /* number */
#define W 4U    /* white space */
#define NL 8U   /* CR or LF */
#define UP 16U  /* Lu Lt Lm Lo M: may begin a word of o200k */
#define LOW 32U /* Ll Lm Lo M: may end one */
#define M 64U   /* mark */
#define PS 128U /* punctuation or symbol */

#define GPT2_PATTERN \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CL100K(number) \
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" number "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" SPACES
#define O200K(contraction, number)                                                                           \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+" contraction  \
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*" contraction \
    "|" number "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" SPACES

/* DeepSeek's has the line ends as they are, not as escapes. */
#define DEEPSEEK_PATTERN                                                               \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?" \
    "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"

const struct tk_str tk__gpt2_pattern = TK_STR_INIT(GPT2_PATTERN);

static const struct {
    enum tk__scan_kind kind;
    struct tk_str pattern;
} patterns[] = {
    { TK__SCAN_GPT2, TK_STR_INIT(GPT2_PATTERN) },
    { TK__SCAN_CL100K, TK_STR_INIT(CL100K("\\p{N}{1,3}")) },
    { TK__SCAN_QWEN, TK_STR_INIT(CL100K("\\p{N}")) },
    { TK__SCAN_O200K, TK_STR_INIT(O200K(CONTRACTION "?", "\\p{N}{1,3}")) },
    { TK__SCAN_TEKKEN, TK_STR_INIT(O200K("", "\\p{N}")) },
    { TK__SCAN_DEEPSEEK_MAIN, TK_STR_INIT(DEEPSEEK_PATTERN) },
    { TK__SCAN_DIGITS3, TK_STR_INIT("\\p{N}{1,3}") },
    { TK__SCAN_CJK, TK_STR_INIT("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+") },
};

enum tk__scan_kind tk__scan_of(struct tk_str pattern)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(patterns); i++) {
        if (tk_str_eq(pattern, patterns[i].pattern))
            return patterns[i].kind;
    }
    return TK__SCAN_NONE;
}

struct tk_str tk__scan_pattern(enum tk__scan_kind kind)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(patterns); i++) {
        if (patterns[i].kind == kind)
            return patterns[i].pattern;
    }
    return (struct tk_str){ 0 };
}

/* What the categories mean here. */
static const uint8_t by_category[32] = {
    [TK__LU] = L | UP,
    [TK__LL] = L | LOW,
    [TK__LT] = L | UP,
    [TK__LM] = L | UP | LOW,
    [TK__LO] = L | UP | LOW,
    [TK__MN] = M | UP | LOW,
    [TK__MC] = M | UP | LOW,
    [TK__ME] = M | UP | LOW,
    [TK__ND] = N,
    [TK__NL] = N,
    [TK__NO] = N,
    [TK__PC] = PS,
    [TK__PD] = PS,
    [TK__PS] = PS,
    [TK__PE] = PS,
    [TK__PI] = PS,
    [TK__PF] = PS,
    [TK__PO] = PS,
    [TK__SM] = PS,
    [TK__SC] = PS,
    [TK__SK] = PS,
    [TK__SO] = PS,
};

/* clang-format off */
#define U (L | UP)
#define D (L | LOW)
static const uint8_t ascii[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, W, W | NL, W, W, W | NL, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    W, PS, PS, PS, PS, PS, PS, PS, PS, PS, PS, PS, PS, PS, PS, PS,
    N, N, N, N, N, N, N, N, N, N, PS, PS, PS, PS, PS, PS,
    PS, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U,
    U, U, U, U, U, U, U, U, U, U, U, PS, PS, PS, PS, PS,
    PS, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D,
    D, D, D, D, D, D, D, D, D, D, D, PS, PS, PS, PS, 0,
};
#undef U
#undef D
/* clang-format on */

/* The text of one call. */
struct scan {
    const char *p;
    size_t n;
};

/* The class of the character at *at, which is moved behind it. */
static inline unsigned class_next(const struct scan *s, size_t *at)
{
    unsigned char u = (unsigned char)s->p[*at];
    if (TK_LIKELY(u < 0x80)) {
        *at += 1;
        return ascii[u];
    }
    unsigned flags = tk__uni_flags(tk__utf8_next(s->p, at));
    return by_category[flags & 31] | (flags & TK__U_SPACE ? W : 0);
}

static inline unsigned class_at(const struct scan *s, size_t at)
{
    return at < s->n ? class_next(s, &at) : 0;
}

/* The end of the run, from `at` on, of characters with a class in `in`. */
static inline size_t run(const struct scan *s, size_t at, unsigned in)
{
    while (at < s->n) {
        size_t next = at;
        if (!(class_next(s, &next) & in))
            break;
        at = next;
    }
    return at;
}

/* The same of characters with no class in `out`. */
static inline size_t run_without(const struct scan *s, size_t at, unsigned out)
{
    while (at < s->n) {
        size_t next = at;
        if (class_next(s, &next) & out)
            break;
        at = next;
    }
    return at;
}

static unsigned char folded(unsigned char u, bool any_case)
{
    return any_case && u >= 'A' && u <= 'Z' ? u | 32 : u;
}

/* 's 't 'm 'd 're 've 'll; the apostrophe is at `at`. */
static size_t contraction(const struct scan *s, size_t at, bool any_case)
{
    size_t left = s->n - at - 1;
    const unsigned char *u = (const unsigned char *)s->p + at + 1;
    if (left == 0)
        return at;
    unsigned char a = folded(u[0], any_case);
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return at + 2;
    if (left < 2)
        return at;
    if (any_case && u[0] == 0xC5 && u[1] == 0xBF)
        return at + 3;
    unsigned char b = folded(u[1], any_case);
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? at + 3 : at;
}

/* Line ends, then spaces: the last three alternatives; or no line ends at all for GPT-2. */
static size_t spaces(const struct scan *s, size_t at, bool has_line_ends)
{
    size_t end = at;
    size_t last = at;
    size_t line_end = at;
    while (end < s->n) {
        size_t next = end;
        unsigned c = class_next(s, &next);
        if (!(c & W))
            break;
        last = end;
        end = next;
        if (c & NL)
            line_end = end;
    }
    if (has_line_ends && line_end > at)
        return line_end;
    return end < s->n && last > at ? last : end;
}

static size_t scan_gpt2(const struct scan *s, size_t at)
{
    if (s->p[at] == '\'') {
        size_t end = contraction(s, at, false);
        if (end > at)
            return end;
    }
    size_t next = at + (s->p[at] == ' ');
    unsigned c = class_at(s, next);
    if (next < s->n && !(c & W))
        return c & L ? run(s, next, L) : c & N ? run(s, next, N) : run_without(s, next, W | L | N);
    return spaces(s, at, false);
}

static size_t number(const struct scan *s, size_t at, unsigned max)
{
    size_t end = at;
    for (unsigned i = 0; i < max && end < s->n; i++) {
        size_t next = end;
        if (!(class_next(s, &next) & N))
            break;
        end = next;
    }
    return end;
}

/* " ?[^\s\p{L}\p{N}]+[\r\n]*", with the slash for o200k. */
static size_t punctuation(const struct scan *s, size_t at, bool has_slash)
{
    size_t next = at + (s->p[at] == ' ');
    size_t end = run_without(s, next, W | L | N);
    if (end == next)
        return at;
    while (end < s->n &&
           (s->p[end] == '\r' || s->p[end] == '\n' || (has_slash && s->p[end] == '/')))
        end++;
    return end;
}

static size_t scan_cl100k(const struct scan *s, size_t at, unsigned max_digits)
{
    size_t next = at;
    size_t end;
    unsigned c = class_next(s, &next);
    if (c & L)
        return run(s, next, L);
    if (s->p[at] == '\'') {
        end = contraction(s, at, true);
        if (end > at)
            return end;
    }
    if (c & N)
        return number(s, at, max_digits);
    if (!(c & NL)) {
        end = run(s, next, L);
        if (end > next)
            return end;
    }
    end = punctuation(s, at, false);
    return end > at ? end : spaces(s, at, true);
}

/* "[UP]*[LOW]+" from `at`, else `at`. */
static size_t low_word(const struct scan *s, size_t at)
{
    size_t end = at;
    size_t both_end = at; /* behind the last character so far that is of both */
    while (end < s->n) {
        size_t next = end;
        unsigned c = class_next(s, &next);
        if (!(c & UP))
            return c & LOW ? run(s, next, LOW) : both_end;
        end = next;
        if (c & LOW)
            both_end = end;
    }
    return both_end;
}

/* "[UP]+[LOW]*" from `at`, where low_word() did not match. */
static size_t up_word(const struct scan *s, size_t at)
{
    return run(s, at, UP);
}

/* Either, with or without the character before it. */
static size_t scan_o200k_word(const struct scan *s, size_t at)
{
    size_t next = at;
    unsigned c = class_next(s, &next);
    bool is_prefix = !(c & (NL | L | N));
    size_t end;
    if (is_prefix && (end = low_word(s, next)) > next)
        return end;
    if ((end = low_word(s, at)) > at)
        return end;
    if (is_prefix && (end = up_word(s, next)) > next)
        return end;
    return up_word(s, at);
}

static size_t scan_o200k(const struct scan *s, size_t at, bool contracts, unsigned max_digits)
{
    size_t end = scan_o200k_word(s, at);
    if (end > at) {
        if (contracts && end < s->n && s->p[end] == '\'')
            end = contraction(s, end, true);
        return end;
    }
    end = number(s, at, max_digits);
    if (end > at)
        return end;
    end = punctuation(s, at, true);
    return end > at ? end : spaces(s, at, true);
}

static bool is_ascii_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Where nothing matches (a digit, a control character without letters behind it) it returns `at`. */
static size_t scan_deepseek(const struct scan *s, size_t at)
{
    size_t next = at;
    size_t end;
    unsigned c = class_next(s, &next);
    if (c & PS && (unsigned char)s->p[at] < 0x80 && next < s->n && is_ascii_letter(s->p[next])) {
        for (end = next; end < s->n && is_ascii_letter(s->p[end]); end++)
            ;
        return end;
    }
    if (c & (L | M)) { /* a mark may also be the character before; it makes no difference */
        return run(s, next, L | M);
    }
    if (!(c & (NL | PS))) {
        end = run(s, next, L | M);
        if (end > next)
            return end;
    }
    size_t mark = at + (s->p[at] == ' ');
    end = run(s, mark, PS);
    if (end > mark) {
        while (end < s->n && (s->p[end] == '\r' || s->p[end] == '\n'))
            end++;
        return end;
    }
    return c & W ? spaces(s, at, true) : at;
}

static size_t scan_cjk(const struct scan *s, size_t at)
{
    while (at < s->n && (unsigned char)s->p[at] >= 0xE3) {
        size_t next = at;
        uint32_t c = tk__utf8_next(s->p, &next);
        if (!((c >= 0x4E00 && c <= 0x9FA5) || (c >= 0x3040 && c <= 0x30FF)))
            break;
        at = next;
    }
    return at;
}

static inline size_t match(enum tk__scan_kind kind, const struct scan *s, size_t at)
{
    switch (kind) {
    case TK__SCAN_GPT2:
        return scan_gpt2(s, at);
    case TK__SCAN_CL100K:
        return scan_cl100k(s, at, 3);
    case TK__SCAN_QWEN:
        return scan_cl100k(s, at, 1);
    case TK__SCAN_O200K:
        return scan_o200k(s, at, true, 3);
    case TK__SCAN_TEKKEN:
        return scan_o200k(s, at, false, 1);
    case TK__SCAN_DEEPSEEK_MAIN:
        return scan_deepseek(s, at);
    case TK__SCAN_DIGITS3:
        return number(s, at, 3);
    case TK__SCAN_CJK:
        return scan_cjk(s, at);
    case TK__SCAN_NONE:
        break;
    }
    return at;
}

size_t tk__scan(enum tk__scan_kind kind, const char *p, size_t at, size_t n, bool *ret_match)
{
    const struct scan s = { p, n };
    size_t end = match(kind, &s, at);
    *ret_match = end > at;
    if (end > at)
        return end;
    for (end = at + tk__utf8_len(p[at]); end < n; end += tk__utf8_len(p[end])) {
        if (match(kind, &s, end) > end)
            break;
    }
    return end;
}
