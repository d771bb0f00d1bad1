/* test_str.c - base/str.h */
#include "lib/tap.h"

#include <stdlib.h>

#include "base/str.h"
#include "lib/failmalloc.h"

static void comparisons(void)
{
    T_EQ_I(tk_str_of(NULL).n, 0, "NULL is an empty slice");
    T_OK(tk_str_eq(TK_STR("ab"), TK_STR("ab")), "equal");
    T_OK(!tk_str_eq(TK_STR("ab"), TK_STR("ac")), "another byte");
    T_OK(!tk_str_eq(TK_STR("ab"), TK_STR("abc")), "another length");
    T_OK(tk_str_eq((struct tk_str){ NULL, 0 }, TK_STR("")), "empty slices are equal");
    T_OK(tk_str_is(TK_STR("ab"), "ab"), "is");
    T_OK(!tk_str_is(TK_STR("ab"), NULL), "is not NULL");
    T_OK(tk_str_eq_nocase(TK_STR("Content-Type"), TK_STR("cONTENT-tYPE")), "case of letters");
    T_OK(!tk_str_eq_nocase(TK_STR("a["), TK_STR("a{")), "case of letters only");
    T_OK(!tk_str_eq_nocase(TK_STR("\0a"), TK_STR("\0b")), "a NUL does not end the comparison");
    T_OK(!tk_str_eq_nocase(TK_STR("a"), TK_STR("ab")), "another length without case");
    T_OK(tk_str_starts(TK_STR("abc"), TK_STR("ab")), "starts");
    T_OK(tk_str_starts(TK_STR("abc"), TK_STR("")), "starts with nothing");
    T_OK(!tk_str_starts(TK_STR("a"), TK_STR("ab")), "prefix longer than the text");
    T_OK(tk_str_ends(TK_STR("abc"), TK_STR("bc")), "ends");
    T_OK(!tk_str_ends(TK_STR("abc"), TK_STR("ab")), "does not end");
    T_OK(!tk_str_ends(TK_STR("c"), TK_STR("bc")), "suffix longer than the text");
}

static void trim(const char *in, const char *want)
{
    struct tk_str s = tk_str_trim(tk_str_of(in));
    T_EQ_N(s.n ? s.p : "", s.n, want, strlen(want), "trim '%s'", want);
}

/* The parts of `in` at commas, joined by '|'. */
static void split(const char *in, const char *want)
{
    char got[64] = "";
    struct tk_str rest = tk_str_of(in);
    struct tk_str part;
    int n = 0;
    while (tk_str_split(&rest, ',', &part))
        n += snprintf(got + n, sizeof(got) - (size_t)n, "%.*s|", TK_STR_ARG(part));
    T_EQ_S(got, want, "split '%s'", in ? in : "NULL");
    T_OK(!tk_str_split(&rest, ',', &part), "and no more");
}

int main(void)
{
    comparisons();
    trim(" \t\r\n ab c \n", "ab c");
    trim("  ", "");
    trim("", "");
    trim("x", "x");
    T_EQ_I(tk_str_find(TK_STR("abcb"), 'b'), 1, "the first one is found");
    T_EQ_I(tk_str_find(TK_STR("abc"), 'x'), -1, "not found");
    T_EQ_I(tk_str_find((struct tk_str){ NULL, 0 }, 'x'), -1, "not in nothing");
    split("a,b", "a|b|");
    split("a,", "a||");
    split(",", "||");
    split("", "|");
    split(NULL, "");

    char *z = tk_str_dup(TK_STR("ab"));
    T_EQ_S(z, "ab", "dup");
    free(z);
    z = tk_str_dup((struct tk_str){ NULL, 0 });
    T_EQ_S(z, "", "dup of nothing");
    free(z);
    T_OK(!tk_str_dup((struct tk_str){ "", SIZE_MAX }), "dup of a length that cannot be");
    tk_failmalloc_at(1);
    T_OK(!tk_str_dup(TK_STR("ab")), "dup without memory");
    tk_failmalloc_off();
    return T_DONE();
}
