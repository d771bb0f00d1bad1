/* Damage anywhere in a value is seen. */
#include "base/jsoncheck.h"

#include "tap.h"

static struct tk_json *json;

static bool is_whole(const char *text)
{
    char padded[256 + TK_JSON_PADDING] = { 0 };
    struct tk_json_val root;
    snprintf(padded, 256, "%s", text);
    return tk_json_parse(json, padded, strlen(padded), &root) == 0 && tk_json_is_whole(&root);
}

int main(void)
{
    static const char *const whole[] = {
        "{}",
        "[]",
        "1",
        "-0.5e3",
        "\"a\\n\"",
        "null",
        "true",
        "false",
        "{\"a\":[1,{\"b\":[]},\"c\"],\"d\":null}",
        "[[[[1]]]]",
        "[\"\\ud800\"]",
    };
    static const char *const damaged[] = {
        "",           "[1,]",         "[1 2]", "[1:2]",   "{\"a\"}", "{\"a\":}",
        "{\"a\":1,}", "{\"a\" 1}",    "[tru]", "[nulll]", "[01]",    "[1.]",
        "[\"\\x\"]",  "{\"a\":[{]}}", "[[1}",  "{1:2}",   "[,1]",    "[.5]",
    };
    json = tk_json_new(1 << 16);
    for (size_t i = 0; i < TK_ARRAY_LEN(whole); i++)
        T_OK(is_whole(whole[i]), "whole: %s", whole[i]);
    for (size_t i = 0; i < TK_ARRAY_LEN(damaged); i++)
        T_OK(!is_whole(damaged[i]), "damaged: %s", damaged[i]);
    tk_json_free(json);
    return T_DONE();
}
