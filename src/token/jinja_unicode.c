/* jinja_unicode.c - characters as Python's str sees them
 *
 * Categories and one-to-one case mappings are utf8proc's; what Python adds to them (ß becomes SS, ª
 * is a lower-case letter) is in jinja_unidata.c.
 */
#include <string.h>
#include <utf8proc.h>

#include "token/jinja.h"
#include "token/jinja_unidata.h"
#include "token/unicode.h"

static int category(uint32_t c)
{
    return (int)utf8proc_category((utf8proc_int32_t)c);
}

static bool in_ranges(const struct tk__jrange32 *t, unsigned n, uint32_t c)
{
    unsigned low = 0;
    while (low < n) {
        unsigned mid = low + (n - low) / 2;
        if (t[mid].last < c)
            low = mid + 1;
        else
            n = mid;
    }
    return t[low].first <= c && c <= t[low].last;
}

/* The tables end before the last code point: a place past the end is never looked at. */
static bool is_other(const struct tk__jrange32 *t, unsigned n, uint32_t c)
{
    return c >= t[0].first && c <= t[n - 1].last && in_ranges(t, n, c);
}

bool tk__jis_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool tk__jis_alpha(uint32_t c)
{
    if (c < 0x80)
        return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    int cat = category(c);
    return cat >= UTF8PROC_CATEGORY_LU && cat <= UTF8PROC_CATEGORY_LO;
}

bool tk__jis_decimal(uint32_t c)
{
    return c < 0x80 ? c >= '0' && c <= '9' : category(c) == UTF8PROC_CATEGORY_ND;
}

bool tk__jis_digit(uint32_t c)
{
    return tk__jis_decimal(c) || is_other(tk__jother_digit, tk__jn_other_digit, c);
}

bool tk__jis_numeric(uint32_t c)
{
    int cat = category(c);
    return (cat >= UTF8PROC_CATEGORY_ND && cat <= UTF8PROC_CATEGORY_NO) ||
           is_other(tk__jother_numeric, tk__jn_other_numeric, c);
}

bool tk__jis_alnum(uint32_t c)
{
    return tk__jis_alpha(c) || tk__jis_decimal(c) || (c >= 0x80 && tk__jis_numeric(c));
}

bool tk__jis_printable(uint32_t c)
{
    if (c < 0x7F)
        return c >= ' ';
    switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

bool tk__jis_lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'a' && c <= 'z';
    return category(c) == UTF8PROC_CATEGORY_LL || is_other(tk__jother_lower, tk__jn_other_lower, c);
}

bool tk__jis_upper(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z';
    return category(c) == UTF8PROC_CATEGORY_LU || is_other(tk__jother_upper, tk__jn_other_upper, c);
}

bool tk__jis_title(uint32_t c)
{
    return c >= 0x80 && category(c) == UTF8PROC_CATEGORY_LT;
}

bool tk__jis_cased(uint32_t c)
{
    return tk__jis_lower(c) || tk__jis_upper(c) || tk__jis_title(c);
}

/* ---- case mappings ---- */

static const struct tk__jfullcase *full(const struct tk__jfullcase *t, unsigned n, uint32_t c)
{
    unsigned low = 0;
    while (low < n) {
        unsigned mid = low + (n - low) / 2;
        if (t[mid].from == c)
            return &t[mid];
        if (t[mid].from < c)
            low = mid + 1;
        else
            n = mid;
    }
    return NULL;
}

static void add_full(struct tk_buf *out, const struct tk__jfullcase *f)
{
    for (unsigned i = 0; i < TK_ARRAY_LEN(f->to) && f->to[i]; i++)
        tk__utf8_add(out, f->to[i]);
}

static void add_upper(struct tk_buf *out, uint32_t c)
{
    const struct tk__jfullcase *f = c < 0x80 ? NULL : full(tk__jfull_upper, tk__jn_full_upper, c);
    if (f)
        add_full(out, f);
    else
        tk__utf8_add(out, (uint32_t)utf8proc_toupper((utf8proc_int32_t)c));
}

static void add_title(struct tk_buf *out, uint32_t c)
{
    const struct tk__jfullcase *f = c < 0x80 ? NULL : full(tk__jfull_title, tk__jn_full_title, c);
    if (f)
        add_full(out, f);
    else
        tk__utf8_add(out, (uint32_t)utf8proc_totitle((utf8proc_int32_t)c));
}

static bool is_case_ignorable(uint32_t c)
{
    static const uint32_t others[] = { 0x27,   0x2E,   0x3A,   0x5E,   0x60,   0xA8,
                                       0xAF,   0xB4,   0xB7,   0xB8,   0x387,  0x55F,
                                       0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                       0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A };
    for (unsigned i = 0; i < TK_ARRAY_LEN(others); i++) {
        if (c == others[i])
            return true;
    }
    switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return false;
    }
}

/* Is the capital sigma at [at, end) of `s` the last letter of its word? */
static bool is_final_sigma(struct tk_str s, size_t at, size_t end)
{
    bool has_before = false;
    while (at > 0) {
        at = tk__utf8_last(s.p, at);
        size_t next = at;
        uint32_t c = tk__utf8_next(s.p, &next);
        if (!is_case_ignorable(c)) {
            has_before = tk__jis_cased(c);
            break;
        }
    }
    if (!has_before)
        return false;
    while (end < s.n) {
        uint32_t c = tk__utf8_next(s.p, &end);
        if (!is_case_ignorable(c))
            return !tk__jis_cased(c);
    }
    return true;
}

static void add_lower(struct tk_buf *out, struct tk_str s, uint32_t c, size_t at, size_t end)
{
    if (c == 0x130) {
        tk__utf8_add(out, 'i');
        tk__utf8_add(out, 0x307);
    } else if (c == 0x3A3) {
        tk__utf8_add(out, is_final_sigma(s, at, end) ? 0x3C2 : 0x3C3);
    } else {
        tk__utf8_add(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
    }
}

static void add_folded(struct tk_buf *out, uint32_t c)
{
    utf8proc_int32_t to[8];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, to, TK_ARRAY_LEN(to),
                                                 UTF8PROC_CASEFOLD, &boundary);
    for (utf8proc_ssize_t i = 0; i < n && i < (utf8proc_ssize_t)TK_ARRAY_LEN(to); i++)
        tk__utf8_add(out, (uint32_t)to[i]);
}

/* Letters from `first` on change case. */
static void add_ascii_case(struct tk_buf *out, struct tk_str s, char first)
{
    if (tk_buf_reserve(out, s.n))
        return;
    char *p = out->p + out->n;
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= first && s.p[i] < first + 26 ? s.p[i] ^ 0x20 : s.p[i]);
    out->n += s.n;
    out->p[out->n] = '\0';
}

void tk__jcase_add(struct tk_jrender *r, struct tk_buf *out, struct tk_str s, enum tk_jcase how)
{
    bool after_cased = false;
    tk__jstep(r, s.n / 4);
    if ((how == TK_J_UPPER || how == TK_J_LOWER) && tk__jis_ascii(s)) {
        add_ascii_case(out, s, how == TK_J_UPPER ? 'a' : 'A');
        return;
    }
    tk__jstep(r, s.n);
    for (size_t at = 0; at < s.n && !out->failed;) {
        size_t from = at;
        uint32_t c = tk__utf8_next(s.p, &at);
        switch (how) {
        case TK_J_UPPER:
            add_upper(out, c);
            break;
        case TK_J_LOWER:
            add_lower(out, s, c, from, at);
            break;
        case TK_J_CAPITALIZE:
        case TK_J_TITLE_EACH:
            if (how == TK_J_CAPITALIZE ? from == 0 : !after_cased)
                add_title(out, c);
            else
                add_lower(out, s, c, from, at);
            after_cased = tk__jis_cased(c);
            break;
        case TK_J_SWAP:
            if (tk__jis_upper(c))
                add_lower(out, s, c, from, at);
            else if (tk__jis_lower(c))
                add_upper(out, c);
            else
                tk__utf8_add(out, c);
            break;
        case TK_J_FOLD:
            add_folded(out, c);
            break;
        }
    }
}

struct tk_jval tk__jcase(struct tk_jrender *r, struct tk_str s, enum tk_jcase how)
{
    struct tk_buf b = TK_BUF_INIT(r->max_bytes);
    tk__jcase_add(r, &b, s, how);
    return tk__jstr_take(r, &b);
}

/* ---- places in text ---- */

bool tk__jis_ascii(struct tk_str s)
{
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t word;
        memcpy(&word, s.p + i, 8);
        if (word & UINT64_C(0x8080808080808080))
            return false;
    }
    for (; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    }
    return true;
}

size_t tk__jcount(struct tk_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

size_t tk__joffset(struct tk_str s, size_t n)
{
    size_t at = 0;
    for (; n > 0 && at < s.n; n--)
        at += tk__utf8_len(s.p[at]);
    return at;
}

ptrdiff_t tk__jfind(struct tk_str s, struct tk_str what, size_t from)
{
    if (from > s.n || what.n > s.n - from)
        return -1;
    if (what.n == 0)
        return (ptrdiff_t)from;
    const char *p = memmem(s.p + from, s.n - from, what.p, what.n);
    return p ? p - s.p : -1;
}

ptrdiff_t tk__jrfind(struct tk_jrender *r, struct tk_str s, struct tk_str what)
{
    if (what.n > s.n || !tk__jstep(r, s.n / 8))
        return -1;
    for (size_t at = s.n - what.n + 1; at-- > 0;) {
        if (what.n == 0)
            return (ptrdiff_t)at;
        if (s.p[at] != what.p[0] || !tk__jstep(r, 1 + what.n / 64))
            continue;
        if (memcmp(s.p + at, what.p, what.n) == 0)
            return (ptrdiff_t)at;
    }
    return -1;
}

struct tk_str tk__jstrip(struct tk_str s, bool left, bool right)
{
    while (left && s.n) {
        size_t at = 0;
        if (!tk__jis_space(tk__utf8_next(s.p, &at)))
            break;
        s.p += at;
        s.n -= at;
    }
    while (right && s.n) {
        size_t last = tk__utf8_last(s.p, s.n);
        size_t at = last;
        if (!tk__jis_space(tk__utf8_next(s.p, &at)))
            break;
        s.n = last;
    }
    return s;
}
