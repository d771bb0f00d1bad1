/* test_jsonw.c - base/jsonw.h */
#include "lib/tap.h"

#include <errno.h>
#include <math.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "lib/failmalloc.h"

static void write_all(struct tk_jsonw *w)
{
    tk_jsonw_obj(w);
    tk_jsonw_key(w, "a");
    tk_jsonw_i64(w, INT64_MIN);
    tk_jsonw_key(w, "b");
    tk_jsonw_arr(w);
    tk_jsonw_arr(w);
    tk_jsonw_arr_end(w);
    tk_jsonw_obj(w);
    tk_jsonw_obj_end(w);
    tk_jsonw_obj(w);
    tk_jsonw_key_str(w, TK_STR("k\"1"));
    tk_jsonw_double(w, 1);
    tk_jsonw_obj_end(w);
    tk_jsonw_bool(w, true);
    tk_jsonw_bool(w, false);
    tk_jsonw_null(w);
    tk_jsonw_arr_end(w);
    tk_jsonw_key(w, "c");
    tk_jsonw_z(w, NULL);
    tk_jsonw_key(w, "d");
    tk_jsonw_raw(w, TK_STR("[1,2]"));
    tk_jsonw_key(w, "e");
    tk_jsonw_str(w, TK_STR("\xC3\xA9"));
    tk_jsonw_obj_end(w);
}

static void style(enum tk_jsonw_style style, const char *want)
{
    struct tk_buf b = TK_BUF_INIT(10000);
    struct tk_jsonw w;
    tk_jsonw_init(&w, &b, style);
    write_all(&w);
    T_EQ_S(b.p, want, "style %d", style);
    T_EQ_I(b.failed, 0, "without failure");
    T_EQ_I(w.depth, 0, "all closed");
    tk_buf_release(&b);
}

static void test_members(void)
{
    struct tk_buf b = TK_BUF_INIT(1000);
    struct tk_jsonw w;
    tk_jsonw_init(&w, &b, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_put_z(&w, "z", "text");
    tk_jsonw_put_z(&w, "none", NULL);
    tk_jsonw_put_i64(&w, "i", -7);
    tk_jsonw_put_double(&w, "d", 0.5);
    tk_jsonw_put_bool(&w, "b", true);
    tk_jsonw_obj_end(&w);
    T_EQ_S(b.p, "{\"z\":\"text\",\"none\":null,\"i\":-7,\"d\":0.5,\"b\":true}", "members");
    tk_buf_release(&b);
}

static void escape(enum tk_jsonw_style style, struct tk_str in, const char *want)
{
    struct tk_buf b = TK_BUF_INIT(10000);
    T_EQ_I(tk_json_escape(&b, in, style), 0, "escape: %s", want);
    T_EQ_S(b.p, want, "escape: as wanted");
    tk_buf_release(&b);
}

static void number(enum tk_jsonw_style style, double d, const char *want)
{
    struct tk_buf b = TK_BUF_INIT(100);
    struct tk_jsonw w;
    tk_jsonw_init(&w, &b, style);
    tk_jsonw_double(&w, d);
    T_EQ_S(b.p, want, "double in style %d", style);
    tk_buf_release(&b);
}

static void escapes(void)
{
    enum tk_jsonw_style c = TK_JSONW_COMPACT;
    enum tk_jsonw_style py = TK_JSONW_PYTHON;
    escape(c, TK_STR("plain"), "plain");
    escape(c, (struct tk_str){ NULL, 0 }, "");
    escape(c, TK_STR("\"\\/\b\f\n\r\t\x01\x1f\0\x7f"),
           "\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u0000\x7f");
    escape(py, TK_STR("a\"\x1f\x7f~"), "a\\\"\\u001f\\u007f~");
    escape(c, TK_STR("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"),
           "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
    escape(py, TK_STR("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"), "a\\u00e9\\u20ac\\ud83d\\ude00z");
    escape(py, TK_STR("\xF4\x8F\xBF\xBF"), "\\udbff\\udfff");

    /* Damaged UTF-8: one U+FFFD for each maximal part, the counts are Python's. */
    escape(py, TK_STR("x\xFFy"), "x\\ufffdy");
    escape(py, TK_STR("\xC0\x80"), "\\ufffd\\ufffd");
    escape(py, TK_STR("\xE2\x82"), "\\ufffd");
    escape(py, TK_STR("\xE2\x82z"), "\\ufffdz");
    escape(py, TK_STR("\xE0\x80\x80"), "\\ufffd\\ufffd\\ufffd");
    escape(py, TK_STR("\xED\xA0\x80"), "\\ufffd\\ufffd\\ufffd");
    escape(py, TK_STR("\xF0\x9F\x98"), "\\ufffd");
    escape(py, TK_STR("\xF0\x8F\xBF\xBF"), "\\ufffd\\ufffd\\ufffd\\ufffd");
    escape(py, TK_STR("\xF4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");
    escape(py, TK_STR("\xF5\x80"), "\\ufffd\\ufffd");
    escape(py, TK_STR("\x80"), "\\ufffd");
    escape(py, TK_STR("\xC3\xC3\xA9"), "\\ufffd\\u00e9");
    escape(c, TK_STR("a\xFF"), "a\xEF\xBF\xBD");
    escape(c, TK_STR("\xEF\xBF\xBD"), "\xEF\xBF\xBD");
}

static void failures(void)
{
    struct tk_buf b = TK_BUF_INIT(4);
    struct tk_jsonw w;
    T_EQ_I(tk_json_escape(&b, TK_STR("12345"), TK_JSONW_COMPACT), TK_E_LIMIT, "escape: limit");
    T_EQ_I(tk_json_escape(&b, TK_STR("123\n"), TK_JSONW_COMPACT), TK_E_LIMIT,
           "escape: limit in it");
    T_EQ_I(tk_json_escape(&b, TK_STR("\xF0\x9F\x98\x80"), TK_JSONW_PYTHON), TK_E_LIMIT,
           "escape: limit in a pair");
    tk_buf_release(&b);
    tk_buf_init(&b, 100);
    tk_failmalloc_at(1);
    T_EQ_I(tk_json_escape(&b, TK_STR("1"), TK_JSONW_COMPACT), -ENOMEM, "escape: no memory");
    tk_failmalloc_off();

    tk_buf_init(&b, 10000);
    tk_jsonw_init(&w, &b, TK_JSONW_COMPACT);
    for (int i = 0; i < TK_JSONW_MAX_DEPTH; i++)
        tk_jsonw_arr(&w);
    T_EQ_I(b.failed, 0, "as deep as allowed");
    tk_jsonw_i64(&w, 1);
    tk_jsonw_i64(&w, 2);
    T_OK(strstr(b.p, "[1,2") != NULL, "with commas at the bottom");
    tk_jsonw_arr(&w);
    T_EQ_I(b.failed, TK_E_LIMIT, "deeper");
    for (int i = 0; i <= TK_JSONW_MAX_DEPTH; i++)
        tk_jsonw_arr_end(&w);
    T_EQ_I(w.depth, 0, "the depth is counted on");
    tk_buf_release(&b);
}

int main(void)
{
    style(TK_JSONW_COMPACT,
          "{\"a\":-9223372036854775808,\"b\":[[],{},{\"k\\\"1\":1.0},true,false,null],"
          "\"c\":null,\"d\":[1,2],\"e\":\"\xC3\xA9\"}");
    style(TK_JSONW_PYTHON,
          "{\"a\": -9223372036854775808, \"b\": [[], {}, {\"k\\\"1\": 1.0}, true, false, null], "
          "\"c\": null, \"d\": [1,2], \"e\": \"\\u00e9\"}");
    style(TK_JSONW_PRETTY, "{\n"
                           "  \"a\": -9223372036854775808,\n"
                           "  \"b\": [\n"
                           "    [],\n"
                           "    {},\n"
                           "    {\n"
                           "      \"k\\\"1\": 1.0\n"
                           "    },\n"
                           "    true,\n"
                           "    false,\n"
                           "    null\n"
                           "  ],\n"
                           "  \"c\": null,\n"
                           "  \"d\": [1,2],\n"
                           "  \"e\": \"\xC3\xA9\"\n"
                           "}");
    test_members();
    number(TK_JSONW_COMPACT, 0.1, "0.1");
    number(TK_JSONW_COMPACT, NAN, "null");
    number(TK_JSONW_PRETTY, -HUGE_VAL, "null");
    number(TK_JSONW_PYTHON, NAN, "NaN");
    number(TK_JSONW_PYTHON, HUGE_VAL, "Infinity");
    number(TK_JSONW_PYTHON, -HUGE_VAL, "-Infinity");
    escapes();
    failures();
    return T_DONE();
}
