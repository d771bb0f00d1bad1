/* Values written again, as json.dumps(json.loads(…)) of CPython 3.11 gave them. */
#include "base/jsoncopy.h"

#include <string.h>

#include "base/err.h"
#include "base/jsondoc.h"
#include "base/str.h"
#include "tap.h"

static int copy(const char *text, struct tk_buf *out)
{
    struct tk_jsondoc d;
    struct tk_jsonw w;
    int rc = tk_jsondoc_init(&d, tk_str_of(text));

    tk_buf_reset(out);
    tk_jsonw_init(&w, out, TK_JSONW_PYTHON);
    if (rc == 0)
        rc = tk_jsonw_copy(&w, &d.root);
    tk_jsondoc_release(&d);
    return rc;
}

int main(void)
{
    static const char *const pairs[][2] = {
        { "{\"a\":[1,2.50,1e3,-0]}", "{\"a\": [1, 2.5, 1000.0, 0]}" },
        { "[123456789012345678901234567890]", "[123456789012345678901234567890]" },
        { "[true,false,null,{},[]]", "[true, false, null, {}, []]" },
        { "\"\xc3\xa4 \\u00e4 \\ud83d\\ude00 \\n\"", "\"\\u00e4 \\u00e4 \\ud83d\\ude00 \\n\"" },
        { "[1e999]", "[Infinity]" },
        { "{\"gr\\u00f6\\u00dfe \\\"x\\\" \\\\\":{\"\\/\":1}}",
          "{\"gr\\u00f6\\u00dfe \\\"x\\\" \\\\\": {\"/\": 1}}" },
    };
    struct tk_buf out = TK_BUF_INIT(1000);
    char deep[2 * TK_JSONW_MAX_DEPTH + 20];

    for (size_t i = 0; i < TK_ARRAY_LEN(pairs); i++) {
        T_EQ_I(copy(pairs[i][0], &out), 0, "%s", pairs[i][0]);
        T_EQ_S(out.p, pairs[i][1], "%s: again", pairs[i][0]);
    }
    T_EQ_I(copy("[01x]", &out), TK_E_FORMAT, "a damaged number");
    T_EQ_I(copy("{\"\\x\":1}", &out), TK_E_FORMAT, "a damaged key");
    memset(deep, '[', TK_JSONW_MAX_DEPTH + 1);
    memset(deep + TK_JSONW_MAX_DEPTH + 1, ']', TK_JSONW_MAX_DEPTH + 1);
    deep[2 * (TK_JSONW_MAX_DEPTH + 1)] = '\0';
    T_EQ_I(copy(deep, &out), TK_E_LIMIT, "too deep");
    tk_buf_release(&out);
    return T_DONE();
}
