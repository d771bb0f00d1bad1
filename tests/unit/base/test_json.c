/* test_json.c - base/json.h
 *
 * Every text stands with no more than its padding before an unmapped page, so that a read past it is
 * a crash.
 */
#include "lib/tap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "lib/failmalloc.h"
#include "lib/guard.h"

static struct tk_json *j;
static struct tk_guard guard;

/* Make `s` the live document, the padding behind it filled with `padding`. */
static int parse_padded(struct tk_str s, char padding, struct tk_json_val *ret)
{
    if (guard.p)
        tk_guard_release(&guard);
    char *p = tk_guard_init(&guard, NULL, s.n + TK_JSON_PADDING);
    if (s.n)
        memcpy(p, s.p, s.n);
    memset(p + s.n, padding, TK_JSON_PADDING);
    return tk_json_parse(j, p, s.n, ret);
}

static int parse(const char *z, struct tk_json_val *ret)
{
    return parse_padded(tk_str_of(z), '"', ret);
}

/* Walk all of `v`; 0 or the first error. `out` (may be NULL) gets what was seen, in short. */
static int walk(struct tk_json_val *v, struct tk_buf *out);

static int walk_object(struct tk_json_val *v, struct tk_buf *out)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str key;
    int rc = tk_json_obj(v, &it);
    tk_buf_add_c(out, '{');
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &item)) > 0) {
        tk_buf_addf(out, "%.*s=", TK_STR_ARG(key));
        rc = walk(&item, out);
        tk_buf_add_c(out, ';');
    }
    tk_buf_add_c(out, '}');
    return rc;
}

static int walk_array(struct tk_json_val *v, struct tk_buf *out)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    int rc = tk_json_arr(v, &it);
    tk_buf_add_c(out, '[');
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        rc = walk(&item, out);
        tk_buf_add_c(out, ';');
    }
    tk_buf_add_c(out, ']');
    return rc;
}

static int walk(struct tk_json_val *v, struct tk_buf *out)
{
    struct tk_str s = { 0 };
    double d = 0;
    bool b = false;
    int rc = 0;
    switch (tk_json_type(v)) {
    case TK_JSON_OBJECT:
        return walk_object(v, out);
    case TK_JSON_ARRAY:
        return walk_array(v, out);
    case TK_JSON_STRING:
        rc = tk_json_get_str(v, &s);
        tk_buf_add_str(out, s);
        return rc;
    case TK_JSON_NUMBER:
        rc = tk_json_get_double(v, &d);
        tk_buf_addf(out, "%g", d);
        return rc;
    case TK_JSON_BOOL:
        rc = tk_json_get_bool(v, &b);
        tk_buf_add_z(out, b ? "yes" : "no");
        return rc;
    case TK_JSON_NULL:
        return tk_buf_add_z(out, "nil");
    default:
        return TK_E_FORMAT;
    }
}

/* Parse and walk whole: 0 and the short form, or the first error. */
static int walk_text(struct tk_str s, char padding, struct tk_buf *out)
{
    struct tk_json_val root;
    tk_buf_reset(out);
    int rc = parse_padded(s, padding, &root);
    if (rc == 0)
        rc = walk(&root, out);
    return rc == 0 && !tk_json_at_end(j) ? TK_E_FORMAT : rc;
}

static void good(const char *in, const char *want)
{
    struct tk_buf out = TK_BUF_INIT(100000);
    T_EQ_I(walk_text(tk_str_of(in), '"', &out), 0, "good: %s", in);
    T_EQ_S(out.p, want, "reads as %s", want);
    tk_buf_release(&out);
}

static void bad_str(struct tk_str in)
{
    struct tk_buf out = TK_BUF_INIT(100000);
    const char paddings[] = { '"', ' ', '}', ']', '1', 0 };
    for (size_t i = 0; i < sizeof(paddings); i++)
        T_EQ_I(walk_text(in, paddings[i], &out), TK_E_FORMAT, "bad, padded with 0x%02x: %.*s",
               (unsigned)paddings[i], TK_STR_ARG(in));
    tk_buf_release(&out);
}

static void bad(const char *in)
{
    bad_str(tk_str_of(in));
}

static void documents(void)
{
    good("{}", "{}");
    good(" [ ] ", "[]");
    good("{\"a\":1,\"b\":[true,false,null,\"x\"],\"c\":{\"d\":{}}}",
         "{a=1;b=[yes;no;nil;x;];c={d={};};}");
    good("\r\n\t{ \"a\" : 1 , \"b\" : \"y\" }\n", "{a=1;b=y;}");
    good("{\"a\":1,\"a\":2}", "{a=1;a=2;}");
    good("{\"\":\"\"}", "{=;}");
    good("{\"a\\\"b\":1}", "{a\\\"b=1;}");
    good("\"root\"", "root");
    good(" 12.5e1 ", "125");
    good("true", "yes");
    good("null", "nil");
    good("[-0,0.5,-1E+2,1e-2]", "[-0;0.5;-100;0.01;]");
    good("[\"\\\\\",\"]\",\"}{\",\"\\\"\"]", "[\\;];}{;\";]");
    good("[[[[1]]],[],2]", "[[[[1;];];];[];2;]");

    bad("");
    bad("  ");
    bad("{");
    bad("[");
    bad("}");
    bad("]");
    bad(",");
    bad(":");
    bad("{]");
    bad("[}");
    bad("{}{}");
    bad("{} x");
    bad("1 2");
    bad("\"a\" \"b\"");
    bad("\"a\"b");
    bad("[1,]");
    bad("[,1]");
    bad("[1 2]");
    bad("[1,,2]");
    bad("[1]]");
    bad("[[1]");
    bad("{\"a\"}");
    bad("{\"a\":}");
    bad("{\"a\":1,}");
    bad("{\"a\" 1}");
    bad("{\"a\"::1}");
    bad("{\"a\":1 \"b\":2}");
    bad("{a:1}");
    bad("{1:1}");
    bad("{\"a\":[1}");
    bad("{\"a\":{\"b\":1]}");
    bad("[\"a]");
    bad("[\"a\\\"]");
    bad("[\"a\x01\"]");
    bad("[\"\\x\"]");
    bad("[\"\\u12\"]");
    bad("[\"\\u123g\"]");
    bad("[\"a\"b]");
    bad("['a']");
    bad("[tru]");
    bad("[truex]");
    bad("[nul]");
    bad("[NaN]");
    bad("[01]");
    bad("[1.]");
    bad("[.5]");
    bad("[+1]");
    bad("[-]");
    bad("[1e]");
    bad("[1e+]");
    bad("[1x]");
    bad("[1\"a\"]");
    bad("[0x10]");
    bad("\xEF\xBB\xBF[]");
    bad("[\x0C]");
    bad("[1\x1A 2]");
    bad_str(TK_STR("[1\0]"));
    bad_str(TK_STR("[\"a\0\"]"));
}

static void utf8(void)
{
    good("[\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"]", "[\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80;]");
    bad("[\"\xC3\"]");
    bad("[\"\xC0\x80\"]");
    bad("[\"\xED\xA0\x80\"]");
    bad("[\"\xF4\x90\x80\x80\"]");
    bad("[\"\xFF\"]");
    good("[\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"]", "[A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80;]");
    good("[\"\\b\\f\\n\\r\\t\\/\"]", "[\b\f\n\r\t/;]");
    /* Lone surrogates, one at a time. */
    good("[\"a\\ud83d\"]", "[a\xEF\xBF\xBD;]");
    good("[\"\\ude00z\"]", "[\xEF\xBF\xBDz;]");
    good("[\"\\ud83dx\"]", "[\xEF\xBF\xBDx;]");
    good("[\"\\ud83d\\n\"]", "[\xEF\xBF\xBD\n;]");
    good("[\"\\ud83d\\u0041\"]", "[\xEF\xBF\xBD"
                                 "A;]");
    good("[\"\\ud83d\\ud83d\\ude00\"]", "[\xEF\xBF\xBD\xF0\x9F\x98\x80;]");
    good("[\"\\ude00\\ud83d\"]", "[\xEF\xBF\xBD\xEF\xBF\xBD;]");
    bad("[\"\\ud83d\\u12\"]");
    bad("[\"\\ud83d\\\"]");
}

static void strings(void)
{
    struct tk_json_val root, again;
    struct tk_str s, t;
    T_EQ_I(parse("\"a\\u0000b\"", &root), 0, "a NUL in a string");
    again = root;
    T_EQ_I(tk_json_get_str(&root, &s), 0, "is read");
    T_EQ_N(s.p, s.n, "a\0b", 3, "whole");
    T_EQ_I(tk_json_get_str(&again, &t), 0, "and again");
    T_OK(t.p == s.p && t.n == s.n, "to the same place");
    T_EQ_I(parse("\"plain\"", &root), 0, "a string without escapes");
    T_EQ_I(tk_json_get_str(&root, &s), 0, "is read");
    T_OK(s.p == guard.p + 1, "where it stands");
    T_EQ_I(parse("12", &root), 0, "a number");
    T_EQ_I(tk_json_get_str(&root, &s), TK_E_FORMAT, "is no string");
}

static void i64(const char *in, int want_rc, int64_t want)
{
    struct tk_json_val root;
    int64_t got = 77;
    T_EQ_I(parse(in, &root), 0, "i64 %s parses", in);
    T_EQ_I(tk_json_get_i64(&root, &got), want_rc, "i64 %s", in);
    T_EQ_I(got, want_rc ? 77 : want, "i64 %s: value", in);
}

static void real(const char *in, int want_rc, double want)
{
    struct tk_json_val root;
    double got = 77;
    T_EQ_I(parse(in, &root), 0, "double %s parses", in);
    T_EQ_I(tk_json_get_double(&root, &got), want_rc, "double %s", in);
    T_NEAR(got, want_rc ? 77 : want, 0, "double %s: value", in);
}

static void scalars(void)
{
    struct tk_json_val root;
    bool b = false;
    i64("0", 0, 0);
    i64("-12", 0, -12);
    i64("9223372036854775807", 0, INT64_MAX);
    i64("-9223372036854775808", 0, INT64_MIN);
    i64("9223372036854775808", TK_E_RANGE, 0);
    i64("3.0", 0, 3);
    i64("1e3", 0, 1000);
    i64("-0.0", 0, 0);
    i64("1e30", TK_E_RANGE, 0);
    i64("1e400", TK_E_RANGE, 0);
    i64("3.5", TK_E_FORMAT, 0);
    i64("\"3\"", TK_E_FORMAT, 0);
    i64("01", TK_E_FORMAT, 0);
    i64("1-", TK_E_FORMAT, 0);
    i64("{}", TK_E_FORMAT, 0);
    real("0.1", 0, 0.1);
    real("123", 0, 123);
    real("1e-400", 0, 0);
    real("-1e-400", 0, -0.0);
    real("1e400", TK_E_RANGE, 0);
    real("1.e4", TK_E_FORMAT, 0);
    real("true", TK_E_FORMAT, 0);
    real("[1]", TK_E_FORMAT, 0);
    T_EQ_I(parse("true", &root), 0, "true");
    T_EQ_I(tk_json_get_bool(&root, &b), 0, "is a bool");
    T_OK(b, "and true");
    T_EQ_I(parse("falser", &root), 0, "a word that begins like false");
    T_EQ_I(tk_json_get_bool(&root, &b), TK_E_FORMAT, "is none");
    T_EQ_I(tk_json_type(&root), TK_JSON_INVALID, "nor anything");
    T_EQ_I(parse("1", &root), 0, "a number");
    T_EQ_I(tk_json_get_bool(&root, &b), TK_E_FORMAT, "is no bool");
}

static void find(const char *text, const char *key, int want_rc, const char *want)
{
    struct tk_json_val root, val;
    struct tk_str raw;
    T_EQ_I(parse(text, &root), 0, "find '%s' in %s", key, text);
    if (!T_EQ_I(tk_json_find(&root, key, &val), want_rc, "find: code") || want_rc)
        return;
    T_EQ_I(tk_json_get_raw(&val, &raw), 0, "find: raw");
    T_EQ_N(raw.p, raw.n, want, strlen(want), "find: value");
}

static void finding(void)
{
    struct tk_json_val root, val;
    struct tk_str raw;
    find("{\"a\":1,\"b\": [ 1 , {} ] ,\"c\":3}", "b", 0, "[ 1 , {} ]");
    find("{\"a\":1,\"a\":2}", "a", 0, "1");
    find("{\"\\u0061\\n\":1}", "a\n", 0, "1");
    find("{\"a\":{\"b\":1},\"b\":\"x y\"  }", "b", 0, "\"x y\"");
    find("{\"a\":1}", "b", TK_E_NOT_FOUND, NULL);
    find("{}", "b", TK_E_NOT_FOUND, NULL);
    find("[1]", "b", TK_E_FORMAT, NULL);
    find("{\"a\":1 \"b\":2}", "b", TK_E_FORMAT, NULL);
    find("{\"\\x\":1,\"b\":2}", "b", TK_E_FORMAT, NULL);
    T_EQ_I(parse(" {\"a\": {\"b\":[1,2]} , \"c\":-1.5 } ", &root), 0, "out of order");
    T_EQ_I(tk_json_find(&root, "c", &val), 0, "the last first");
    T_EQ_I(tk_json_find(&root, "a", &val), 0, "then the first");
    T_EQ_I(tk_json_get_raw(&val, &raw), 0, "raw");
    T_EQ_N(raw.p, raw.n, "{\"b\":[1,2]}", 11, "its text");
    T_EQ_I(tk_json_get_raw(&root, &raw), 0, "raw of the root");
    T_EQ_I(raw.n, 30, "without the white space around");
    T_EQ_I(parse("[[1]", &root), 0, "a text cut in an array");
    T_EQ_I(tk_json_get_raw(&root, &raw), TK_E_FORMAT, "has no raw text");
}

/* What is passed over, what comes after the end, and a walk that is left early. */
static void iterations(void)
{
    struct tk_json_val root, v;
    struct tk_json_iter it, inner;
    struct tk_str key;
    int64_t n = 0;
    T_EQ_I(parse("{\"a\":[[1,2],{\"x\":[3]}],\"b\":{},\"c\":7}", &root), 0, "parses");
    T_EQ_I(tk_json_arr(&root, &it), TK_E_FORMAT, "an object is no array");
    T_EQ_I(tk_json_obj(&root, &it), 0, "it is an object");
    T_EQ_I(tk_json_obj_next(&it, &key, &v), 1, "first member");
    T_EQ_I(tk_json_obj(&v, &inner), TK_E_FORMAT, "an array is no object");
    T_EQ_I(tk_json_arr(&v, &inner), 0, "enter it");
    T_EQ_I(tk_json_arr_next(&inner, &v), 1, "read one element, leave");
    T_EQ_I(tk_json_at_end(j), 0, "not at the end");
    T_EQ_I(tk_json_obj_next(&it, &key, &v), 1, "second member");
    T_OK(tk_str_is(key, "b"), "is b");
    T_EQ_I(tk_json_obj_next(&it, &key, &v), 1, "third member");
    T_EQ_I(tk_json_get_i64(&v, &n), 0, "a number");
    T_EQ_I(n, 7, "is 7");
    T_EQ_I(tk_json_obj_next(&it, &key, &v), 0, "the end");
    T_EQ_I(tk_json_obj_next(&it, &key, &v), 0, "and again");
    T_EQ_I(tk_json_at_end(j), 1, "at the end");
    T_EQ_I(tk_json_arr_next(&inner, &v), 1, "an iteration left early goes on");

    T_EQ_I(parse("[1,{\"a\" 2},3]", &root), 0, "damaged inside");
    T_EQ_I(tk_json_arr(&root, &it), 0, "an array");
    T_EQ_I(tk_json_arr_next(&it, &v), 1, "first");
    T_EQ_I(tk_json_arr_next(&it, &v), 1, "second");
    T_EQ_I(tk_json_obj(&v, &inner), 0, "the damaged one");
    T_EQ_I(tk_json_obj_next(&inner, &key, &v), TK_E_FORMAT, "is found");
    T_EQ_I(tk_json_obj_next(&inner, &key, &v), TK_E_FORMAT, "and stays");
    T_EQ_I(tk_json_arr_next(&it, &v), 1, "what is not read is passed over");
}

/* A chunk cut after each byte must never walk to its end, whatever stands behind it. */
static void cuts(void)
{
    static const char text[] =
        "{\"id\":\"c-1\",\"created\":17,\"choices\":[{\"index\":0,\"delta\":{\"content\":"
        "\"a\\u00e9\\\"}]\"},\"x\":[[],{}],\"finish_reason\":null}],\"usage\":null}";
    struct tk_buf out = TK_BUF_INIT(100000);
    const char paddings[] = { '"', '}', ']', ' ', 'l', '0', 0 };
    int wrong = 0;
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        for (size_t i = 0; i < sizeof(paddings); i++)
            wrong += walk_text((struct tk_str){ text, n }, paddings[i], &out) != TK_E_FORMAT;
    }
    T_EQ_I(wrong, 0, "no cut text passes");
    T_EQ_I(walk_text((struct tk_str){ text, sizeof(text) - 1 }, '}', &out), 0,
           "the whole one does");
    tk_buf_release(&out);
}

/* `depth` containers of one kind, around a number, closed or not. */
static struct tk_str nested(struct tk_buf *b, int depth, bool is_object, bool is_closed)
{
    tk_buf_reset(b);
    for (int i = 0; i < depth; i++)
        tk_buf_add_z(b, is_object ? "{\"k\":" : "[");
    tk_buf_add_z(b, "1");
    for (int i = 0; is_closed && i < depth; i++)
        tk_buf_add_c(b, is_object ? '}' : ']');
    return tk_buf_str(b);
}

static void depth(void)
{
    struct tk_buf b = TK_BUF_INIT(10000000);
    struct tk_buf out = TK_BUF_INIT(100000);
    struct tk_json_val root, v;
    struct tk_json_iter it;
    struct tk_str raw;
    for (int is_object = 0; is_object < 2; is_object++) {
        struct tk_str s = nested(&b, TK_JSON_MAX_DEPTH, is_object, true);
        T_EQ_I(walk_text(s, ' ', &out), 0, "as deep as allowed");
        s = nested(&b, TK_JSON_MAX_DEPTH + 1, is_object, true);
        T_EQ_I(walk_text(s, ' ', &out), TK_E_FORMAT, "one deeper");
        s = nested(&b, 1000000, is_object, true);
        T_EQ_I(walk_text(s, ' ', &out), TK_E_FORMAT, "a million deep");
        s = nested(&b, 1000000, is_object, false);
        T_EQ_I(walk_text(s, ' ', &out), TK_E_FORMAT, "a million deep and open");
    }
    struct tk_str s = nested(&b, TK_JSON_MAX_DEPTH, false, true);
    T_EQ_I(parse_padded(s, ' ', &root), 0, "as deep as allowed");
    T_EQ_I(tk_json_arr(&root, &it), 0, "entered");
    T_EQ_I(tk_json_arr_next(&it, &v), 1, "its element");
    T_EQ_I(tk_json_arr_next(&it, &v), 0, "is passed over");
    s = nested(&b, TK_JSON_MAX_DEPTH + 1, false, true);
    T_EQ_I(parse_padded(s, ' ', &root), 0, "one deeper");
    T_EQ_I(tk_json_get_raw(&root, &raw), TK_E_FORMAT, "has no raw text");
    T_EQ_I(tk_json_arr(&root, &it), 0, "entered");
    T_EQ_I(tk_json_arr_next(&it, &v), 1, "its element");
    T_EQ_I(tk_json_arr_next(&it, &v), TK_E_FORMAT, "is refused when it is passed over, too");
    tk_buf_release(&b);
    tk_buf_release(&out);
}

static void memory(void)
{
    static const char text[] = "[\"0123456789\"]";
    struct tk_json_val root;
    char padded[sizeof(text) + TK_JSON_PADDING] = { 0 };
    struct tk_str s;
    memcpy(padded, text, sizeof(text) - 1);
    T_OK(!tk_json_free(NULL), "free takes NULL");

    struct tk_json *own = tk_json_new(sizeof(text) - 2);
    T_EQ_I(tk_json_parse(own, padded, sizeof(text) - 1, &root), TK_E_LIMIT, "longer than allowed");
    T_EQ_I(tk_json_at_end(own), 0, "no document");
    tk_json_free(own);
    own = tk_json_new(0);
    T_EQ_I(tk_json_parse(own, padded, 1, &root), TK_E_LIMIT, "nothing is allowed");
    tk_json_free(own);
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        own = tk_json_new(1000);
        if (!tk_failmalloc_off())
            break;
        T_OK(!own, "allocation %d fails", n);
    }
    tk_json_free(own);

    struct tk_buf big = TK_BUF_INIT(1000000);
    tk_buf_add_z(&big, "[\"\\n");
    for (int i = 0; i < 100000; i++)
        tk_buf_add_c(&big, 'x');
    tk_buf_add_z(&big, "\"]");
    tk_buf_reserve(&big, TK_JSON_PADDING);
    own = tk_json_new(1000000);
    tk_failmalloc_at(1);
    T_EQ_I(tk_json_parse(own, big.p, big.n, &root), -ENOMEM, "no memory to grow");
    tk_failmalloc_off();
    T_EQ_I(tk_json_parse(own, big.p, big.n, &root), 0, "grows when there is");
    tk_failmalloc_from(1);
    T_EQ_I(tk_json_parse(own, big.p, big.n, &root), 0, "and keeps what it has");
    struct tk_json_iter it;
    struct tk_json_val v;
    T_EQ_I(tk_json_arr(&root, &it), 0, "an array");
    T_EQ_I(tk_json_arr_next(&it, &v), 1, "of one");
    T_EQ_I(tk_json_get_str(&v, &s), 0, "long string");
    T_EQ_I(s.n, 100001, "whole");
    T_OK(!tk_failmalloc_off(), "without an allocation");
    tk_json_free(own);
    tk_buf_release(&big);
}

int main(void)
{
    j = tk_json_new(16 << 20);
    documents();
    utf8();
    strings();
    scalars();
    finding();
    iterations();
    cuts();
    depth();
    memory();
    tk_json_free(j);
    tk_guard_release(&guard);
    return T_DONE();
}
