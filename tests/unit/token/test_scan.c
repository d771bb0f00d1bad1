/* test_scan.c - the scanners by hand against their patterns on PCRE2, on random text */
#include "lib/tap.h"

#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/num.h"
#include "base/rand.h"
#include "base/str.h"
#include "token/internal.h"
#include "token/regex.h"
#include "token/scan.h"
#include "token/unicode.h"

#define N_TEXTS 4000

static struct tk_mt mt;
static struct tk_tok_scratch *scratch;

static uint32_t below(uint32_t n)
{
    return (uint32_t)tk_mt_below(&mt, n);
}

/* A code point of one of some kinds, so that all alternatives of the patterns meet. */
static uint32_t code(void)
{
    static const char few[] = "  \n\r\t'sStTrReElLvVmMdD/aA1.,!";
    static const uint32_t odd[] = { 0x17F,  0x212A, 0xA0,   0x85,    0x2028,  0x3000,
                                    0x180E, 0x200B, 0x301,  0x1C5,   0x2B0,   0x4E2D,
                                    0x3042, 0x30FB, 0x3099, 0xFF11,  0x0967,  0xBD,
                                    0x2167, 0x20AC, 0xAD,   0x1F600, 0x10FFFF };
    switch (below(8)) {
    case 0:
    case 1:
    case 2:
        return (uint32_t)few[below(sizeof(few) - 1)];
    case 3:
        return odd[below(TK_ARRAY_LEN(odd))];
    case 4:
        return 0x20 + below(0x5F);
    case 5:
        return below(0x800);
    case 6:
        return below(0xD800);
    default:
        return below(2) ? 0x10000 + below(0x20000) : 0xE000 + below(0x2000);
    }
}

static void make_text(struct tk_buf *out)
{
    tk_buf_reset(out);
    unsigned n = 1 + below(40);
    for (unsigned i = 0; i < n; i++) {
        uint32_t c = code();
        for (unsigned k = 1 + (below(6) == 0 ? below(5) : 0); k > 0; k--)
            tk__utf8_add(out, c);
    }
}

/* Both ways over one text; where they part, or SIZE_MAX. */
static size_t compare(enum tk__scan_kind kind, const struct tk__regex *re, struct tk_str text)
{
    struct tk__regex_iter it = TK__REGEX_ITER_INIT;
    size_t at = 0;
    while (at < text.n) {
        size_t want_at, want_end;
        bool is_match;
        size_t end = tk__scan(kind, text.p, at, text.n, &is_match);
        int rc = tk__regex_next(re, scratch, text, &it, &want_at, &want_end);
        if (rc < 0)
            return at;
        if (rc == 0)
            return !is_match && end == text.n ? SIZE_MAX : at;
        if (!is_match) { /* a gap: the match comes after it */
            if (end != want_at)
                return at;
            at = end;
            end = tk__scan(kind, text.p, at, text.n, &is_match);
        }
        if (!is_match || at != want_at || end != want_end)
            return at;
        at = end;
    }
    return SIZE_MAX;
}

static void check(enum tk__scan_kind kind)
{
    struct tk__regex *re = NULL;
    struct tk_err err = { 0 };
    struct tk_buf text = TK_BUF_INIT(1 << 20);
    unsigned bad = 0;
    struct tk_str pattern = tk__scan_pattern(kind);
    T_EQ_I(tk__scan_of(pattern), kind, "pattern %d is known by its text", (int)kind);
    if (!T_EQ_I(tk__regex_new(pattern, &re, &err), 0, "and PCRE2 has it %s", err.msg))
        return;
    for (int i = 0; i < N_TEXTS; i++) {
        make_text(&text);
        size_t at = compare(kind, re, tk_buf_str(&text));
        if (at != SIZE_MAX && bad++ < 3) {
            fprintf(stderr, "    at %zu of\n", at);
            t_bytes("text", text.p, text.n);
        }
    }
    T_EQ_U(bad, 0, "scanner %d and PCRE2 agree on %d texts", (int)kind, N_TEXTS);
    tk_buf_release(&text);
    tk__regex_free(re);
}

/* Every code point between letters and between spaces. */
static void check_all_codes(enum tk__scan_kind kind)
{
    struct tk__regex *re = NULL;
    struct tk_buf text = TK_BUF_INIT(1 << 24);
    unsigned bad = 0;
    T_EQ_I(tk__regex_new(tk__scan_pattern(kind), &re, NULL), 0, "pattern %d", (int)kind);
    for (uint32_t from = 0; from < 0x32000; from += 64) {
        tk_buf_reset(&text);
        for (uint32_t c = from; c < from + 64; c++) {
            if (c >= 0xD800 && c < 0xE000)
                continue;
            tk__utf8_add(&text, c);
            tk_buf_add_z(&text, "a ");
            tk__utf8_add(&text, c);
            tk_buf_add_z(&text, " 1.");
        }
        size_t at = compare(kind, re, tk_buf_str(&text));
        if (text.n > 0 && at != SIZE_MAX && bad++ < 3)
            fprintf(stderr, "    between U+%04X and 64 on, at %zu\n", from, at);
    }
    T_EQ_U(bad, 0, "scanner %d and PCRE2 agree on every code point", (int)kind);
    tk_buf_release(&text);
    tk__regex_free(re);
}

int main(void)
{
    const char *given = getenv("TK_SEED");
    int64_t seed = time(NULL);
    if (given)
        (void)tk_num_parse_i64(tk_str_of(given), 0, INT64_MAX, &seed);
    printf("# TK_SEED=%" PRId64 "\n", seed);
    tk_mt_seed_python(&mt, (uint64_t)seed);
    scratch = tk_tok_scratch_new();
    T_EQ_I(tk__uni_init(), 0, "tables");
    for (int kind = TK__SCAN_GPT2; kind <= TK__SCAN_CJK; kind++)
        check((enum tk__scan_kind)kind);
    check_all_codes(TK__SCAN_GPT2);
    check_all_codes(TK__SCAN_O200K);
    check_all_codes(TK__SCAN_DEEPSEEK_MAIN);
    T_EQ_I(tk__scan_of(TK_STR("\\p{N}{1,4}")), TK__SCAN_NONE, "another pattern is not known");
    T_OK(tk__scan_pattern(TK__SCAN_NONE).p == NULL, "nothing has no pattern");
    tk_tok_scratch_free(scratch);
    return T_DONE();
}
