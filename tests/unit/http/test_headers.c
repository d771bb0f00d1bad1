#include "http/headers.h"

#include "base/str.h"
#include "tap.h"

int main(void)
{
    static const struct tk_headers h = {
        .v = { { TK_STR_INIT("Content-Type"), TK_STR_INIT("text/event-stream") },
               { TK_STR_INIT("x-a"), TK_STR_INIT("1") },
               { TK_STR_INIT("X-A"), TK_STR_INIT("2") } },
        .n = 3,
    };
    T_OK(tk_headers_get(&h, "content-type") == &h.v[0].value, "any case");
    T_OK(tk_headers_get(&h, "X-a") == &h.v[1].value, "the first of the name");
    T_OK(!tk_headers_get(&h, "content-typ"), "not a prefix");
    T_OK(!tk_headers_get(&h, ""), "not the empty name");

    static const struct {
        struct tk_str name, value;
        bool is_valid;
    } fields[] = {
        { TK_STR_INIT("Authorization"), TK_STR_INIT("Bearer x y"), true },
        { TK_STR_INIT("x!#$%&'*+-.^_`|~9"), TK_STR_INIT(""), true },
        { TK_STR_INIT("x"), TK_STR_INIT("tab\tand \xC3\xA4"), true },
        { TK_STR_INIT(""), TK_STR_INIT("v"), false },
        { TK_STR_INIT("a b"), TK_STR_INIT("v"), false },
        { TK_STR_INIT("a:"), TK_STR_INIT("v"), false },
        { TK_STR_INIT("a\0"), TK_STR_INIT("v"), false },
        { TK_STR_INIT("\xC3\xA4"), TK_STR_INIT("v"), false },
        { TK_STR_INIT("a"), TK_STR_INIT("v\r\nb: c"), false },
        { TK_STR_INIT("a"), TK_STR_INIT("v\n"), false },
        { TK_STR_INIT("a"), TK_STR_INIT("\r"), false },
        { TK_STR_INIT("a"), TK_STR_INIT("v\0"), false },
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(fields); i++)
        T_EQ_I(tk_header_is_valid(fields[i].name, fields[i].value), fields[i].is_valid, "field %zu",
               i);

    T_OK(tk_header_has_token(TK_STR("close"), "close"), "the only token");
    T_OK(tk_header_has_token(TK_STR("a , CLOSE,b"), "close"), "one of three");
    T_OK(!tk_header_has_token(TK_STR("closed, close-d"), "close"), "not a part of one");
    T_OK(!tk_header_has_token((struct tk_str){ NULL, 0 }, "close"), "an empty list");
    return T_DONE();
}
