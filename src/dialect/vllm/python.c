/* python.c - values as Python writes them: floats, strings, JSON, the Namespace line */
#include <math.h>
#include <string.h>

#include "base/jsoncopy.h"
#include "base/jsondoc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "dialect/vllm/options.h"
#include "dialect/vllm/python.h"
#include "dialect/vllm/vllm.h"
#include "token/template.h"

void tk_vllm_float(double d, struct tk_buf *out)
{
    char text[32];

    tk_buf_add(out, text, tk_num_shortest(d, text));
}

/* --- JSON, read and written again --- */

int tk_vllm_redump(struct tk_str json, struct tk_buf *out)
{
    struct tk_jsondoc d;
    struct tk_jsonw w;
    int rc = tk_jsondoc_init(&d, json);

    tk_jsonw_init(&w, out, TK_JSONW_PYTHON);
    if (rc == 0)
        rc = tk_jsonw_copy(&w, &d.root);
    if (rc == 0 && !tk_json_at_end(d.json))
        rc = TK_E_FORMAT;
    if (rc == 0)
        rc = out->failed;
    tk_jsondoc_release(&d);
    return rc;
}

/* --- Namespace(…) --- */

/* What is behind the '=' of a header may be a key: never shown. */
static void put_masked(const char *item, struct tk_buf *out)
{
    const char *equals = strchr(item, '=');
    struct tk_buf text = TK_BUF_INIT(64 << 10);

    tk_buf_add(&text, item, equals ? (size_t)(equals - item) : strlen(item));
    if (equals)
        tk_buf_add_z(&text, "=***");
    tk_template_repr(out, tk_buf_str(&text));
    tk_buf_release(&text);
}

/* A URL may have a key in its query. */
static void put_string(const char *s, struct tk_buf *out)
{
    struct tk_buf text = TK_BUF_INIT(1 << 20);

    if (tk_plan_mask_url(s, &text) == 0)
        tk_template_repr(out, tk_buf_str(&text));
    tk_buf_release(&text);
}

static void put_list(const struct tk_opt_list *l, bool is_masked, struct tk_buf *out)
{
    tk_buf_add_c(out, '[');
    for (size_t i = 0; i < l->n; i++) {
        if (i > 0)
            tk_buf_add_z(out, ", ");
        if (is_masked)
            put_masked(l->v[i], out);
        else
            tk_template_repr(out, tk_str_of(l->v[i]));
    }
    tk_buf_add_c(out, ']');
}

/* A dict, as Python has read it; false when the option is none. */
static bool put_dict(const char *name, const char *text, bool is_given, struct tk_buf *out)
{
    bool is_buckets = strcmp(name, "random-mm-bucket-config") == 0;
    bool is_limit = strcmp(name, "random-mm-limit-mm-per-prompt") == 0;

    if (is_buckets || (is_limit && !is_given))
        tk__vllm_dict(text, is_buckets, TK__VLLM_REPR, out);
    else if (is_limit || strcmp(name, "extra-body") == 0)
        (void)tk__vllm_repr_json(tk_str_of(text), out); /* checked before */
    else
        return false;
    return true;
}

static void put_value(const struct tk_opt *opt, const void *at, bool is_none, bool is_given,
                      struct tk_buf *out)
{
    const struct tk_opt_list *list = at;

    if (is_none) {
        tk_buf_add_z(out, "None");
        return;
    }
    switch (opt->type) {
    case TK_OPT_FLAG:
        tk_buf_add_z(out, *(const bool *)at ? "True" : "False");
        break;
    case TK_OPT_INT:
        tk_buf_addf(out, "%lld", (long long)*(const int64_t *)at);
        break;
    case TK_OPT_DOUBLE:
        tk_vllm_float(*(const double *)at, out);
        break;
    case TK_OPT_LIST:
        put_list(list, strcmp(opt->name, "header") == 0, out);
        break;
    default:
        if (!put_dict(opt->name, *(const char *const *)at, is_given, out))
            put_string(*(const char *const *)at, out);
    }
}

int tk_vllm_namespace(const struct tk_vllm_opts *o, const bool *is_given, struct tk_buf *out)
{
    tk_buf_add_z(out, "Namespace(");
    for (size_t i = 0; i < TK_VLLM_N_PAGE; i++) {
        const struct tk_opt *opt = &tk_vllm_command.opts[i];
        const void *at = (const char *)o + opt->at;
        bool is_none = opt->type != TK_OPT_FLAG && !opt->def && !is_given[i];
        if (i > 0)
            tk_buf_add_z(out, ", ");
        for (const char *p = opt->name; *p; p++)
            tk_buf_add_c(out, *p == '-' ? '_' : *p);
        tk_buf_add_c(out, '=');
        /* the tool makes a random prefix at each start and has it as the default */
        if (opt->at == offsetof(struct tk_vllm_opts, request_id_prefix) && o->request_id_prefix)
            is_none = false;
        put_value(opt, at, is_none, is_given[i], out);
    }
    tk_buf_add_z(out, ")\n");
    return out->failed;
}
