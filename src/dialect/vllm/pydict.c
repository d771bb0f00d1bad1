/* pydict.c - dicts of the command line, in Python's words and in JSON's */
#include <string.h>

#include "base/json.h"
#include "base/jsoncopy.h"
#include "base/jsondoc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "dialect/vllm/python.h"
#include "dialect/vllm/vllm.h"
#include "token/template.h"

/* --- a literal --- */

/* Returns what is left of the text. */
static const char *put_tuple(const char *p, enum tk__vllm_form_of_dict form, struct tk_buf *out)
{
    const char *quote = form == TK__VLLM_JSON ? "\"" : "";

    tk_buf_add_z(out, quote);
    for (; *p && *p != ')'; p++) {
        if (*p == ',')
            tk_buf_add_z(out, ", ");
        else if (*p != ' ')
            tk_buf_add_c(out, *p);
    }
    tk_buf_addf(out, ")%s", quote);
    return *p ? p + 1 : p;
}

static void put_text(struct tk_str s, enum tk__vllm_form_of_dict form, struct tk_buf *out)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_PYTHON);
    if (form == TK__VLLM_JSON)
        tk_jsonw_str(&w, s);
    else
        tk_template_repr(out, s);
}

static const char *put_string(const char *p, enum tk__vllm_form_of_dict form, struct tk_buf *out)
{
    size_t n = strcspn(p + 1, (char[]){ *p, '\0' });

    put_text((struct tk_str){ p + 1, n }, form, out);
    return p + 1 + n + (p[1 + n] != '\0');
}

static const char *put_number(const char *p, bool is_float, struct tk_buf *out)
{
    struct tk_str word = { p, strspn(p, "0123456789.eE+-_") };
    double d;

    if (is_float && tk_num_parse_double(word, &d) == 0)
        tk_vllm_float(d, out);
    else
        tk_buf_add_str(out, word);
    return p + TK_MAX(word.n, 1);
}

void tk__vllm_dict(const char *text, bool is_float, enum tk__vllm_form_of_dict form,
                   struct tk_buf *out)
{
    const char *p = text;

    while (*p) {
        bool is_quote = *p == '\'' || *p == '"';
        if (*p == '(') {
            p = put_tuple(p, form, out);
        } else if (is_quote && p[1] != '(' && !(p > text && p[-1] == ')')) {
            p = put_string(p, form, out);
        } else if (*p == ',' || *p == ':') {
            tk_buf_addf(out, "%c ", *p++);
        } else if (*p == '{' || *p == '}') {
            tk_buf_add_c(out, *p++);
        } else if (is_quote || *p == ' ') {
            p++;
        } else {
            p = put_number(p, is_float, out);
        }
    }
}

/* --- JSON --- */

static int repr_value(struct tk_json_val *v, struct tk_buf *out);

static int repr_key(struct tk_str key, struct tk_buf *out)
{
    struct tk_buf plain = TK_BUF_INIT(key.n + 1);
    int rc = tk_json_key(key, &plain);

    if (rc == 0)
        tk_template_repr(out, tk_buf_str(&plain));
    tk_buf_release(&plain);
    return rc;
}

static int repr_object(struct tk_json_val *v, struct tk_buf *out)
{
    struct tk_json_iter it;
    struct tk_json_val member;
    struct tk_str key;
    size_t begin = out->n;
    int rc = tk_json_obj(v, &it);

    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &member)) > 0) {
        tk_buf_add_z(out, out->n == begin ? "{" : ", ");
        rc = repr_key(key, out);
        tk_buf_add_z(out, ": ");
        if (rc == 0)
            rc = repr_value(&member, out);
    }
    tk_buf_add_z(out, out->n == begin ? "{}" : "}");
    return rc;
}

static int repr_array(struct tk_json_val *v, struct tk_buf *out)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    size_t begin = out->n;
    int rc = tk_json_arr(v, &it);

    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        tk_buf_add_z(out, out->n == begin ? "[" : ", ");
        rc = repr_value(&item, out);
    }
    tk_buf_add_z(out, out->n == begin ? "[]" : "]");
    return rc;
}

/* What has a point or an exponent is a float. */
static int repr_number(struct tk_json_val *v, struct tk_buf *out)
{
    struct tk_str raw;
    double d;
    int rc = tk_json_get_raw(v, &raw);

    if (rc != 0)
        return rc;
    raw = tk_str_trim(raw);
    bool is_int = memchr(raw.p, '.', raw.n) == NULL && memchr(raw.p, 'e', raw.n) == NULL &&
                  memchr(raw.p, 'E', raw.n) == NULL;
    if (!is_int && tk_num_parse_double(raw, &d) == 0)
        tk_vllm_float(d, out);
    else
        tk_buf_add_str(out, raw);
    return 0;
}

static int repr_value(struct tk_json_val *v, struct tk_buf *out)
{
    struct tk_str s;
    bool b;
    int rc = 0;

    switch (tk_json_type(v)) {
    case TK_JSON_NULL:
        tk_buf_add_z(out, "None");
        return 0;
    case TK_JSON_BOOL:
        rc = tk_json_get_bool(v, &b);
        if (rc == 0)
            tk_buf_add_z(out, b ? "True" : "False");
        return rc;
    case TK_JSON_NUMBER:
        return repr_number(v, out);
    case TK_JSON_STRING:
        rc = tk_json_get_str(v, &s);
        if (rc == 0)
            tk_template_repr(out, s);
        return rc;
    case TK_JSON_ARRAY:
        return repr_array(v, out);
    case TK_JSON_OBJECT:
        return repr_object(v, out);
    case TK_JSON_INVALID:
        break;
    }
    return TK_E_FORMAT;
}

int tk__vllm_repr_json(struct tk_str json, struct tk_buf *out)
{
    struct tk_jsondoc d;

    int rc = tk_jsondoc_init(&d, json);
    if (rc == 0)
        rc = repr_value(&d.root, out);
    tk_jsondoc_release(&d);
    return rc == 0 ? out->failed : rc;
}
