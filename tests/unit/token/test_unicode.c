/* test_unicode.c - token/unicode.h and token/codeset.h */
#include "lib/tap.h"

#include <errno.h>

#include "lib/failmalloc.h"

#include "token/codeset.h"
#include "token/unicode.h"

static void check_utf8(void)
{
    unsigned bad = 0;
    for (uint32_t c = 0; c <= TK__CODE_MAX; c++) {
        char out[4];
        size_t at = 0;
        size_t n = tk__utf8_put(out, c);
        if (c >= 0xD800 && c < 0xE000) {
            bad += tk__utf8_valid(out, n) != 0;
            continue;
        }
        bad += tk__utf8_valid(out, n) != n || tk__utf8_len(out[0]) != n ||
               tk__utf8_next(out, &at) != c || at != n || tk__utf8_last(out, n) != 0;
    }
    T_EQ_U(bad, 0, "every code point there and back; surrogates are none");
    T_EQ_U(tk__utf8_valid("abcdefghijk\xC3", 12), 11, "up to the damage");
    T_EQ_U(tk__utf8_count(TK_STR("a\xC3\xA9\xF0\x9F\x98\x80")), 3, "characters");
    bool is_cut = false;
    T_EQ_U(tk__utf8_bad("\xF0\x9F\x98", 3, &is_cut), 3, "a cut one is one");
    T_OK(is_cut, "and may go on");
    T_EQ_U(tk__utf8_bad("\xF0\x9F\x41", 3, &is_cut), 2, "a broken one");
    T_OK(!is_cut, "may not");
}

static void check_classes(void)
{
    T_EQ_I(tk__uni_category('A'), TK__LU, "A");
    T_EQ_I(tk__uni_category(0x1C89), TK__LU, "of Unicode 16");
    T_EQ_I(tk__uni_category(0x10FFFF), TK__CN, "the last");
    T_EQ_I(tk__uni_category(0xD800), TK__CS, "a surrogate");
    T_OK(tk__uni_flags(0x85) & TK__U_SPACE, "U+0085 is white space");
    T_OK(!(tk__uni_flags(0x180E) & TK__U_SPACE), "U+180E is not");
    T_OK(tk__uni_flags(0xBD) & TK__U_NUMERIC, "a half is numeric");
    T_EQ_U(tk__uni_to_lower('Z'), 'z', "Z");
    T_EQ_U(tk__uni_to_lower(0x178), 0xFF, "U+0178");
    T_EQ_U(tk__uni_to_lower(0x10D50), 0x10D70, "of Unicode 16");
    T_EQ_U(tk__uni_to_lower(0x1E9E), 0xDF, "capital sharp s");
    T_EQ_U(tk__uni_to_lower('1'), '1', "no letter");
    T_EQ_U(tk__uni_script_of(0x3042), tk__uni_script_of(0x4E00), "kana is Han here");
    T_EQ_U(tk__uni_script_of(' '), 0, "a space has none");
}

static void check_sets(void)
{
    struct tk__codeset a = { 0 };
    struct tk__codeset b = { 0 };
    struct tk_buf out = TK_BUF_INIT(1000);
    tk__codeset_add(&a, 'a', 'f');
    tk__codeset_add(&a, '0', '9');
    tk__codeset_add(&a, 'g', 'h');
    tk__codeset_add(&b, 'c', 0xDFFF);
    tk__codeset_intersect(&b, &a);
    tk__codeset_write(&a, &out);
    T_EQ_S(out.p, "\\x{30}-\\x{39}\\x{61}-\\x{68}", "in order and joined");
    T_OK(tk__codeset_has(&b, 'h') && !tk__codeset_has(&b, 'b'), "of both");
    tk__codeset_invert(&a);
    T_OK(tk__codeset_has(&a, 'i') && !tk__codeset_has(&a, '5') && tk__codeset_has(&a, 0),
         "the others");
    tk_buf_reset(&out);
    tk__codeset_write(&a, &out);
    T_OK(strstr(out.p, "-\\x{d7ff}\\x{e000}-\\x{10ffff}") != NULL, "without surrogates");
    tk_failmalloc_at(1);
    tk__codeset_release(&b);
    tk__codeset_add(&b, 1, 2);
    tk_failmalloc_off();
    T_EQ_I(b.failed, -ENOMEM, "no memory is remembered");
    tk__codeset_release(&a);
    tk__codeset_release(&b);
    tk_buf_release(&out);
}

int main(void)
{
    for (int n = 1;; n++) { /* before anybody filled them */
        tk_failmalloc_at(n);
        int rc = tk__uni_init();
        if (!tk_failmalloc_off())
            break;
        if (rc != -ENOMEM)
            T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
    }
    T_EQ_I(tk__uni_init(), 0, "tables");
    check_utf8();
    check_classes();
    check_sets();
    return T_DONE();
}
