/* hf_functions.c - a row of the Berkeley function calling leaderboard: messages, and functions to call
 *
 *   {"question": [[{"role": "user", "content": "…"}], …], "function": [{"name": …, "parameters": {"type": "dict", …}}]}
 *
 * The messages of the first turn go out as they are; each function becomes a tool, its types those of JSON
 * Schema. A row without either, or whose first turn is no list, is passed over, as in the tool.
 */
#include "base/jsoncopy.h"
#include "base/str.h"
#include "data/hf_sets.h"

static const struct {
    const char *from, *to;
} types[] = {
    { "dict", "object" },
    { "float", "number" },
    { "tuple", "array" },
    { "any", "string" },
};

/* --- a schema --- */

static int translate(struct tk_jsonw *w, struct tk_json_val *v);

static bool is_renamed(struct tk_json_val *v, const char **ret)
{
    struct tk_str s;

    if (tk_json_type(v) != TK_JSON_STRING || tk_json_get_str(v, &s) != 0)
        return false;
    for (size_t i = 0; i < TK_ARRAY_LEN(types); i++) {
        *ret = types[i].to;
        if (tk_str_is(s, types[i].from))
            return true;
    }
    return false;
}

static int translate_object(struct tk_jsonw *w, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val member;
    struct tk_str key;
    const char *to;
    int rc = tk_json_obj(v, &it);

    tk_jsonw_obj(w);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &member)) > 0) {
        rc = tk_jsonw_copy_key(w, key);
        if (rc == 0 && tk_str_is(key, "type") && is_renamed(&member, &to))
            tk_jsonw_z(w, to);
        else if (rc == 0)
            rc = translate(w, &member);
    }
    tk_jsonw_obj_end(w);
    return rc;
}

static int translate_array(struct tk_jsonw *w, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    int rc = tk_json_arr(v, &it);

    tk_jsonw_arr(w);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0)
        rc = translate(w, &item);
    tk_jsonw_arr_end(w);
    return rc;
}

/* The value with the names of types that JSON Schema has, whatever object they are in. */
static int translate(struct tk_jsonw *w, struct tk_json_val *v)
{
    enum tk_json_type type = tk_json_type(v);

    if (type != TK_JSON_OBJECT && type != TK_JSON_ARRAY)
        return tk_jsonw_copy(w, v);
    if (w->depth >= TK_JSONW_MAX_DEPTH)
        return TK_E_LIMIT;
    return type == TK_JSON_OBJECT ? translate_object(w, v) : translate_array(w, v);
}

static int add_tool(struct tk_jsonw *w, struct tk_json_val *function)
{
    tk_jsonw_obj(w);
    tk_jsonw_put_z(w, "type", "function");
    tk_jsonw_key(w, "function");
    int rc = translate(w, function);
    tk_jsonw_obj_end(w);
    return rc;
}

/* One function need not be in a list. */
static int add_tools(struct tk__hf_row *r, struct tk_json_val *functions)
{
    struct tk_json_iter it;
    struct tk_json_val function;
    struct tk_jsonw w;
    int rc = 0;

    tk_jsonw_init(&w, &r->tools, TK_JSONW_PYTHON);
    tk_jsonw_arr(&w);
    if (tk_json_type(functions) == TK_JSON_ARRAY) {
        rc = tk_json_arr(functions, &it);
        while (rc == 0 && (rc = tk_json_arr_next(&it, &function)) > 0)
            rc = add_tool(&w, &function);
    } else {
        rc = add_tool(&w, functions);
    }
    tk_jsonw_arr_end(&w);
    return rc == 0 ? r->tools.failed : rc;
}

/* --- messages --- */

/* The texts of the messages with line ends between them, for lengths. */
static int add_texts(struct tk__hf_row *r, struct tk_json_val *turn)
{
    struct tk_json_iter it;
    struct tk_json_val message, content;
    struct tk_str s;
    size_t n = 0;
    int rc = tk_json_arr(turn, &it);

    while (rc == 0 && (rc = tk_json_arr_next(&it, &message)) > 0) {
        if (tk_json_type(&message) != TK_JSON_OBJECT)
            return tk__row_fail(&r->at, TK_E_FORMAT, r->reterr,
                                "a message of its 'question' is no object");
        if (tk_json_find(&message, "content", &content) != 0 ||
            tk_json_type(&content) != TK_JSON_STRING || tk_json_get_str(&content, &s) != 0)
            s = (struct tk_str){ NULL, 0 };
        if (n++ > 0)
            (void)tk_buf_add_c(&r->plain, '\n');
        (void)tk_buf_add_str(&r->plain, s);
        rc = 0;
    }
    return rc == 0 && r->plain.failed ? r->plain.failed : rc;
}

static int add_messages(struct tk__hf_row *r, struct tk_json_val *turn)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, &r->messages, TK_JSONW_PYTHON);
    int rc = tk_jsonw_copy(&w, turn);
    return rc == 0 ? r->messages.failed : rc;
}

/* --- the row --- */

/* What Python takes for false: null, false, 0, and what is empty. */
static bool is_nothing(struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str s;
    double d;
    bool b;

    switch (tk_json_type(v)) {
    case TK_JSON_BOOL:
        return tk_json_get_bool(v, &b) == 0 && !b;
    case TK_JSON_NUMBER:
        return tk_json_get_double(v, &d) == 0 && d == 0;
    case TK_JSON_STRING:
        return tk_json_get_str(v, &s) == 0 && s.n == 0;
    case TK_JSON_ARRAY:
        return tk_json_arr(v, &it) == 0 && tk_json_arr_next(&it, &item) == 0;
    case TK_JSON_OBJECT:
        return tk_json_obj(v, &it) == 0 && tk_json_obj_next(&it, &s, &item) == 0;
    case TK_JSON_NULL:
    case TK_JSON_INVALID:
        break;
    }
    return true;
}

/* The first element of a list, itself a list with something in it. */
static bool has_turn(struct tk_json_val *question, struct tk_json_val *ret)
{
    struct tk_json_iter it;

    return tk_json_type(question) == TK_JSON_ARRAY && tk_json_arr(question, &it) == 0 &&
           tk_json_arr_next(&it, ret) > 0 && tk_json_type(ret) == TK_JSON_ARRAY && !is_nothing(ret);
}

int tk__hf_make_functions(struct tk__hf_row *r, struct tk_json_val *root)
{
    struct tk_json_val question, functions, turn;

    if (tk_json_find(root, "question", &question) != 0 || !has_turn(&question, &turn) ||
        tk_json_find(root, "function", &functions) != 0 || is_nothing(&functions))
        return 0;
    r->reterr->msg[0] = '\0';
    int rc = add_texts(r, &turn);
    if (rc == 0)
        rc = add_messages(r, &turn);
    if (rc == 0)
        rc = add_tools(r, &functions);
    if (rc == 0)
        return 1;
    return r->reterr->msg[0]
               ? rc
               : tk__row_fail(&r->at, rc, r->reterr, "it cannot be sent: %s", tk_err_text(rc));
}
