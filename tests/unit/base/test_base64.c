/* The vectors of RFC 4648, every byte, and the ends of a buffer. */
#include "base/base64.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "failmalloc.h"
#include "tap.h"

static void vectors(void)
{
    static const char *const texts[] = { "",         "Zg==",     "Zm8=",    "Zm9v",
                                         "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };

    for (size_t n = 0; n < TK_ARRAY_LEN(texts); n++) {
        struct tk_buf out = TK_BUF_INIT(100);
        tk_buf_add_z(&out, "a:");
        T_EQ_I(tk_base64_add(&out, (struct tk_str){ "foobar", n }), 0, "%zu bytes: added", n);
        T_EQ_S(out.p + 2, texts[n], "%zu bytes: the text", n);
        T_EQ_U(out.n, 2 + strlen(texts[n]), "%zu bytes: its length", n);
        tk_buf_release(&out);
    }
}

/* Every letter, in their order. */
static void alphabet(void)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char bytes[48];
    struct tk_buf out = TK_BUF_INIT(100);

    for (unsigned i = 0; i < 64; i += 4) {
        unsigned word = i << 18 | (i + 1) << 12 | (i + 2) << 6 | (i + 3);
        bytes[i / 4 * 3] = (char)(word >> 16);
        bytes[i / 4 * 3 + 1] = (char)(word >> 8);
        bytes[i / 4 * 3 + 2] = (char)word;
    }
    T_EQ_I(tk_base64_add(&out, (struct tk_str){ bytes, 48 }), 0, "64 letters: added");
    T_EQ_S(out.p, letters, "64 letters");
    tk_buf_release(&out);
}

static void bounds(void)
{
    struct tk_buf out = TK_BUF_INIT(7);

    T_EQ_I(tk_base64_add(&out, (struct tk_str){ "foobar", 4 }), TK_E_LIMIT, "no room for eight");
    T_EQ_U(out.n, 0, "nothing was added");
    tk_failmalloc_at(1);
    T_EQ_I(tk_base64_add(&out, (struct tk_str){ "foobar", 3 }), -ENOMEM, "no memory");
    tk_failmalloc_off();
    tk_buf_reset(&out);
    T_EQ_I(tk_base64_add(&out, (struct tk_str){ "foobar", 3 }), 0, "room for four");
    tk_buf_release(&out);
}

static void back(void)
{
    static const char *const texts[] = { "",         "Zg==",     "Zm8=",    "Zm9v",
                                         "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };
    static const char *const wrong[] = {
        "Zg=", "Zg", "Z===", "====", "Zm9v!m9v", "Zg==Zg==", "Zm 9"
    };
    struct tk_buf out = TK_BUF_INIT(20);

    for (size_t n = 0; n < TK_ARRAY_LEN(texts); n++) {
        tk_buf_reset(&out);
        (void)tk_buf_add_z(&out, "a");
        T_EQ_I(tk_base64_decode(&out, tk_str_of(texts[n])), 0, "back, %zu bytes", n);
        T_OK(out.n == n + 1 && memcmp(out.p, "afoobar", n + 1) == 0, "back, %zu bytes: they are it",
             n);
    }
    for (size_t i = 0; i < TK_ARRAY_LEN(wrong); i++) {
        T_EQ_I(tk_base64_decode(&out, tk_str_of(wrong[i])), TK_E_FORMAT, "'%s'", wrong[i]);
        T_OK(tk_str_is(tk_buf_str(&out), "afoobar"), "'%s' changes nothing", wrong[i]);
    }
    T_EQ_I(tk_base64_decode(&out, TK_STR("Zm9vYmFyZm9vYmFyZm9vYmFy")), TK_E_LIMIT, "back: no room");
    T_OK(tk_str_is(tk_buf_str(&out), "afoobar"), "which changes nothing");
    tk_buf_release(&out);
}

int main(void)
{
    vectors();
    alphabet();
    bounds();
    back();
    return T_DONE();
}
