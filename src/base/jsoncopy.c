#include "base/jsoncopy.h"

#include <math.h>

#include "base/err.h"
#include "base/jsondoc.h"
#include "base/str.h"

/* Escapes are few: such a key is read by a parser of its own. */
int tk_json_key(struct tk_str key, struct tk_buf *out)
{
    struct tk_buf text = TK_BUF_INIT(key.n + 3);
    struct tk_jsondoc d = { 0 };
    struct tk_str s = key;
    int rc = 0;

    if (tk_str_find(key, '\\') >= 0) {
        (void)tk_buf_add_c(&text, '"');
        (void)tk_buf_add_str(&text, key);
        (void)tk_buf_add_c(&text, '"');
        rc = text.failed ? text.failed : tk_jsondoc_init(&d, tk_buf_str(&text));
        if (rc == 0)
            rc = tk_json_get_str(&d.root, &s);
    }
    if (rc == 0)
        rc = tk_buf_add_str(out, s);
    tk_jsondoc_release(&d);
    tk_buf_release(&text);
    return rc;
}

int tk_jsonw_copy_key(struct tk_jsonw *w, struct tk_str key)
{
    struct tk_buf plain = TK_BUF_INIT(key.n + 1);
    int rc = 0;

    if (tk_str_find(key, '\\') >= 0) {
        rc = tk_json_key(key, &plain);
        key = tk_buf_str(&plain);
    }
    if (rc == 0)
        tk_jsonw_key_str(w, key);
    tk_buf_release(&plain);
    return rc;
}

static int copy_object(struct tk_json_val *v, struct tk_jsonw *w)
{
    struct tk_json_iter it;
    struct tk_json_val member;
    struct tk_str key;
    int rc = tk_json_obj(v, &it);

    tk_jsonw_obj(w);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &member)) > 0) {
        rc = tk_jsonw_copy_key(w, key);
        if (rc == 0)
            rc = tk_jsonw_copy(w, &member);
    }
    tk_jsonw_obj_end(w);
    return rc;
}

static int copy_array(struct tk_json_val *v, struct tk_jsonw *w)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    int rc = tk_json_arr(v, &it);

    tk_jsonw_arr(w);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0)
        rc = tk_jsonw_copy(w, &item);
    tk_jsonw_arr_end(w);
    return rc;
}

/* An int of Python has no end, so it stays text; what has a point or an exponent is a float. */
static int copy_number(struct tk_json_val *v, struct tk_jsonw *w)
{
    struct tk_str raw;
    double d;
    int rc = tk_json_get_raw(v, &raw);

    if (rc == 0)
        rc = tk_json_get_double(v, &d); /* checks every byte; the value is for floats */
    if (rc != 0 && rc != TK_E_RANGE)
        return rc;
    if (tk_str_find(raw, '.') < 0 && tk_str_find(raw, 'e') < 0 && tk_str_find(raw, 'E') < 0) {
        tk_jsonw_raw(w, tk_str_is(raw, "-0") ? TK_STR("0") : raw); /* an int has no such zero */
        return 0;
    }
    tk_jsonw_double(w, rc == 0 ? d : raw.p[0] == '-' ? -INFINITY : INFINITY);
    return 0;
}

int tk_jsonw_copy(struct tk_jsonw *w, struct tk_json_val *v)
{
    struct tk_str s;
    bool b;
    int rc = 0;

    if (w->depth == TK_JSONW_MAX_DEPTH)
        return TK_E_LIMIT;
    switch (tk_json_type(v)) {
    case TK_JSON_NULL:
        tk_jsonw_null(w);
        return 0;
    case TK_JSON_BOOL:
        rc = tk_json_get_bool(v, &b);
        if (rc == 0)
            tk_jsonw_bool(w, b);
        return rc;
    case TK_JSON_NUMBER:
        return copy_number(v, w);
    case TK_JSON_STRING:
        rc = tk_json_get_str(v, &s);
        if (rc == 0)
            tk_jsonw_str(w, s);
        return rc;
    case TK_JSON_ARRAY:
        return copy_array(v, w);
    case TK_JSON_OBJECT:
        return copy_object(v, w);
    case TK_JSON_INVALID:
        break;
    }
    return TK_E_FORMAT;
}
