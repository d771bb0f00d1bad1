/* jsoncheck.c - is a value JSON down to its leaves? */
#include "base/jsoncheck.h"

static bool is_scalar_whole(struct tk_json_val *v, enum tk_json_type type)
{
    struct tk_str s;
    double d;
    if (type == TK_JSON_STRING)
        return tk_json_get_str(v, &s) == 0;
    if (type == TK_JSON_NUMBER)
        return tk_json_get_double(v, &d) == 0;
    return type != TK_JSON_INVALID;
}

static bool is_object_whole(struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    int rc = tk_json_obj(v, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        if (!tk_json_is_whole(&val))
            return false;
        rc = 0;
    }
    return rc == 0;
}

static bool is_array_whole(struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    int rc = tk_json_arr(v, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &val)) > 0) {
        if (!tk_json_is_whole(&val))
            return false;
        rc = 0;
    }
    return rc == 0;
}

bool tk_json_is_whole(struct tk_json_val *v)
{
    enum tk_json_type type = tk_json_type(v);
    if (type == TK_JSON_OBJECT)
        return is_object_whole(v);
    if (type == TK_JSON_ARRAY)
        return is_array_whole(v);
    return is_scalar_whole(v, type);
}
