/* Base64: the vectors of RFC 4648, section 10, and what is no such text. */
#include "base/base64.h"

#include "base/err.h"
#include "base/str.h"
#include "tap.h"

int main(void)
{
    static const char *const vectors[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "\x66\x6f", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        { "\xff\xfe\xfb\xf0", "//778A==" },
    };
    static const char *const wrong[] = {
        "Zg=", "Zg", "Z===", "====", "Zm9v!m9v", "Zg==Zg==", "Zm 9"
    };
    struct tk_buf out = TK_BUF_INIT(64);

    for (size_t i = 0; i < TK_ARRAY_LEN(vectors); i++) {
        tk_buf_reset(&out);
        T_EQ_I(tk_base64(tk_str_of(vectors[i][0]), &out), 0, "vector %zu", i);
        T_OK(tk_str_is(tk_buf_str(&out), vectors[i][1]), "vector %zu is '%s'", i, vectors[i][1]);
        tk_buf_reset(&out);
        T_EQ_I(tk_base64_decode(tk_str_of(vectors[i][1]), &out), 0, "back %zu", i);
        T_OK(tk_str_is(tk_buf_str(&out), vectors[i][0]), "back %zu", i);
    }
    tk_buf_reset(&out);
    (void)tk_buf_add_z(&out, "a");
    T_EQ_I(tk_base64_decode(TK_STR("Zm9v"), &out), 0, "behind what is there");
    T_OK(tk_str_is(tk_buf_str(&out), "afoo"), "appended");
    for (size_t i = 0; i < TK_ARRAY_LEN(wrong); i++) {
        T_EQ_I(tk_base64_decode(tk_str_of(wrong[i]), &out), TK_E_FORMAT, "'%s'", wrong[i]);
        T_OK(tk_str_is(tk_buf_str(&out), "afoo"), "'%s' changes nothing", wrong[i]);
    }
    struct tk_buf small = TK_BUF_INIT(6);
    T_EQ_I(tk_base64(TK_STR("foobar"), &small), TK_E_LIMIT, "too long");
    tk_buf_release(&small);
    tk_buf_release(&out);
    return T_DONE();
}
