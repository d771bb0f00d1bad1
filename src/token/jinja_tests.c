/* jinja_tests.c - what may stand after `is` */
#include "base/str.h"
#include "token/jinja.h"

#define TEST(name)                                                                              \
    static struct tk_jval name(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a, \
                               const struct tk_jargs *args)

#define TEST_OF(name, expr)     \
    TEST(name)                  \
    {                           \
        (void)r;                \
        (void)a;                \
        (void)args;             \
        return tk__jbool(expr); \
    }

static bool is_hashable(struct tk_jrender *r, struct tk_jval v)
{
    uint64_t hash;
    return tk__jhash(r, v, &hash);
}

TEST_OF(is_defined, v.type != TK_J_UNDEF)
TEST_OF(is_undefined, v.type == TK_J_UNDEF)
TEST_OF(is_none, v.type == TK_J_NONE)
TEST_OF(is_boolean, v.type == TK_J_BOOL)
TEST_OF(is_true, v.type == TK_J_BOOL && v.i)
TEST_OF(is_false, v.type == TK_J_BOOL && !v.i)
TEST_OF(is_integer, v.type == TK_J_INT || v.type == TK_J_BIG)
TEST_OF(is_float, v.type == TK_J_FLOAT)
TEST_OF(is_number, v.type >= TK_J_BOOL && v.type <= TK_J_FLOAT)
TEST_OF(is_string, v.type == TK_J_STR)
TEST_OF(is_mapping, v.type == TK_J_DICT)
TEST_OF(is_iterable, tk__jis_iterable(v))
TEST_OF(is_escaped, v.type == TK_J_STR && v.flags & TK_J_MARKUP)
TEST_OF(is_sequence, v.type == TK_J_UNDEF || v.type == TK_J_STR || tk__jis_seq(v) ||
                         v.type == TK_J_DICT || v.type == TK_J_RANGE)
TEST_OF(is_callable, v.type == TK_J_UNDEF || v.type == TK_J_MACRO || v.type == TK_J_FUNC ||
                         v.type == TK_J_METHOD || v.type == TK_J_LOOP || v.type == TK_J_JOINER)
TEST_OF(is_filter, is_hashable(r, v) && v.type == TK_J_STR && tk__jfilter(tk__jtext(v)))
TEST_OF(is_test, is_hashable(r, v) && v.type == TK_J_STR && tk__jtest(tk__jtext(v)))
TEST_OF(is_sameas, tk__jsame(v, a[0]))
TEST_OF(is_eq, tk__jequal(r, v, a[0]))
TEST_OF(is_ne, !tk__jequal(r, v, a[0]))
TEST_OF(is_in, tk__jcontains(r, a[0], v))
TEST_OF(is_lt, tk__jorder(r, v, a[0], "<") == -1)
TEST_OF(is_gt, tk__jorder(r, v, a[0], ">") == 1)

TEST(is_le)
{
    int order = tk__jorder(r, v, a[0], "<=");
    (void)args;
    return tk__jbool(order == -1 || order == 0);
}

TEST(is_ge)
{
    int order = tk__jorder(r, v, a[0], ">=");
    (void)args;
    return tk__jbool(order == 1 || order == 0);
}

static struct tk_jval rest_is(struct tk_jrender *r, struct tk_jval v, struct tk_jval by,
                              int64_t wanted)
{
    struct tk_jval rest = tk__jbinop(r, TK_JT_MOD, v, by);
    return r->rc ? rest : tk__jbool(tk__jequal(r, rest, tk__jint(wanted)));
}

TEST(is_odd)
{
    (void)a;
    (void)args;
    return rest_is(r, v, tk__jint(2), 1);
}

TEST(is_even)
{
    (void)a;
    (void)args;
    return rest_is(r, v, tk__jint(2), 0);
}

TEST(is_divisibleby)
{
    (void)args;
    return rest_is(r, v, a[0], 0);
}

static struct tk_jval by_method(struct tk_jrender *r, struct tk_jval v, const char *name)
{
    struct tk_jargs none = { 0 };
    v = tk__jto_str(r, v);
    return r->rc ? v : tk__jcall_builtin(r, tk__jmethod(v, tk_str_of(name)), v, &none);
}

TEST(is_lower)
{
    (void)a;
    (void)args;
    return by_method(r, v, "islower");
}

TEST(is_upper)
{
    (void)a;
    (void)args;
    return by_method(r, v, "isupper");
}

static const struct tk_jbuiltin tests[] = {
    { "!=", is_ne, "other" },
    { "<", is_lt, "other" },
    { "<=", is_le, "other" },
    { "==", is_eq, "other" },
    { ">", is_gt, "other" },
    { ">=", is_ge, "other" },
    { "boolean", is_boolean, "" },
    { "callable", is_callable, "" },
    { "defined", is_defined, "" },
    { "divisibleby", is_divisibleby, "num" },
    { "eq", is_eq, "other" },
    { "equalto", is_eq, "other" },
    { "escaped", is_escaped, "" },
    { "even", is_even, "" },
    { "false", is_false, "" },
    { "filter", is_filter, "" },
    { "float", is_float, "" },
    { "ge", is_ge, "other" },
    { "greaterthan", is_gt, "other" },
    { "gt", is_gt, "other" },
    { "in", is_in, "seq" },
    { "integer", is_integer, "" },
    { "iterable", is_iterable, "" },
    { "le", is_le, "other" },
    { "lessthan", is_lt, "other" },
    { "lower", is_lower, "" },
    { "lt", is_lt, "other" },
    { "mapping", is_mapping, "" },
    { "ne", is_ne, "other" },
    { "none", is_none, "" },
    { "number", is_number, "" },
    { "odd", is_odd, "" },
    { "sameas", is_sameas, "other" },
    { "sequence", is_sequence, "" },
    { "string", is_string, "" },
    { "test", is_test, "" },
    { "true", is_true, "" },
    { "undefined", is_undefined, "" },
    { "upper", is_upper, "" },
    { 0 },
};

const struct tk_jbuiltin *tk__jtest(struct tk_str name)
{
    return tk__jbuiltin_find(tests, name);
}
