/* pytorch.c - the result once more, in the form of PyTorch's benchmark database
 *
 *   [{"benchmark": {… "args": {every option}}, "model": {…}, "metric": {"name": …, "extra_info": {…}}}, …]
 *
 * A record for each of twelve statistics that the result has; each repeats the options and what else the
 * result says. Values of headers and keys in URLs are masked, as everywhere.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "dialect/vllm/options.h"
#include "dialect/vllm/python.h"
#include "dialect/vllm/result.h"
#include "dialect/vllm/sets.h"

#define MAX_TEXT ((size_t)16 << 20)

static const char *const metrics[] = {
    "median_ttft_ms", "mean_ttft_ms",   "std_ttft_ms", "p99_ttft_ms",
    "mean_tpot_ms",   "median_tpot_ms", "std_tpot_ms", "p99_tpot_ms",
    "median_itl_ms",  "mean_itl_ms",    "std_itl_ms",  "p99_itl_ms",
};

static const char *const too_big[] = { "ttfts", "itls", "generated_texts", "errors" };

static bool is_in(struct tk_str key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tk_str_is(key, list[i]))
            return true;
    }
    return false;
}

/* --- the options --- */

static void put_masked(struct tk_jsonw *w, const char *text, bool is_header)
{
    struct tk_buf masked = TK_BUF_INIT(MAX_TEXT);
    const char *equals = strchr(text, '=');

    if (is_header && equals)
        tk_buf_addf(&masked, "%.*s=***", (int)(equals - text), text);
    else
        (void)tk_plan_mask_url(text, &masked);
    tk_jsonw_str(w, tk_buf_str(&masked));
    tk_buf_release(&masked);
}

static void put_words(struct tk_jsonw *w, const struct tk_opt_list *list, bool is_header)
{
    tk_jsonw_arr(w);
    for (size_t i = 0; i < list->n; i++) {
        if (is_header)
            put_masked(w, list->v[i], true);
        else
            tk_jsonw_z(w, list->v[i]);
    }
    tk_jsonw_arr_end(w);
}

static void put_string(struct tk_jsonw *w, const struct tk_opt *opt, const char *text,
                       bool is_given)
{
    bool is_buckets = strcmp(opt->name, "random-mm-bucket-config") == 0;
    bool is_limit = strcmp(opt->name, "random-mm-limit-mm-per-prompt") == 0;
    struct tk_buf json = TK_BUF_INIT(MAX_TEXT);

    if (is_buckets || (is_limit && !is_given))
        tk__vllm_dict(text, is_buckets, TK__VLLM_JSON, &json);
    else if (is_limit || strcmp(opt->name, "extra-body") == 0)
        (void)tk_vllm_redump(tk_str_of(text), &json); /* checked before the run */
    if (json.n > 0)
        tk_jsonw_raw(w, tk_buf_str(&json));
    else
        put_masked(w, text, false);
    tk_buf_release(&json);
}

static void put_float(struct tk_jsonw *w, double d)
{
    if (isinf(d))
        tk_jsonw_z(w, "inf");
    else
        tk_jsonw_double(w, d);
}

static void put_option(struct tk_jsonw *w, const struct tk_vllm *v, size_t i)
{
    const struct tk_opt *opt = &tk_vllm_command.opts[i];
    const void *at = (const char *)v->o + opt->at;
    bool is_prefix = strcmp(opt->name, "request-id-prefix") == 0; /* random, but there */

    if (opt->type != TK_OPT_FLAG && !opt->def && !v->is_given[i] && !is_prefix)
        tk_jsonw_null(w);
    else if (strcmp(opt->name, "ignore-eos") == 0)
        tk_jsonw_bool(w, v->o->ignore_eos || v->set->ignores_eos); /* set by the data set */
    else if (opt->type == TK_OPT_FLAG)
        tk_jsonw_bool(w, *(const bool *)at);
    else if (opt->type == TK_OPT_INT)
        tk_jsonw_i64(w, *(const int64_t *)at);
    else if (opt->type == TK_OPT_DOUBLE)
        put_float(w, *(const double *)at);
    else if (opt->type == TK_OPT_LIST)
        put_words(w, at, strcmp(opt->name, "header") == 0);
    else
        put_string(w, opt, *(const char *const *)at, v->is_given[i]);
}

/* Of the page; a metadata key tensor_parallel_size is one more. */
static void put_args(struct tk_jsonw *w, const struct tk_vllm *v, const struct tk__vllm_object *o)
{
    struct tk_str parallel = tk__vllm_object_get(o, "tensor_parallel_size");

    tk_jsonw_obj(w);
    for (size_t i = 0; i < TK_VLLM_N_PAGE; i++) {
        struct tk_buf key = TK_BUF_INIT(256);
        for (const char *p = tk_vllm_command.opts[i].name; *p; p++)
            tk_buf_add_c(&key, *p == '-' ? '_' : *p);
        tk_jsonw_key_str(w, tk_buf_str(&key));
        put_option(w, v, i);
        tk_buf_release(&key);
    }
    if (parallel.p) {
        tk_jsonw_key(w, "tensor_parallel_size");
        tk_jsonw_raw(w, parallel);
    }
    tk_jsonw_obj_end(w);
}

/* --- the records --- */

static void put_value(struct tk_jsonw *w, struct tk_str json)
{
    bool is_infinite = tk_str_is(json, "Infinity") || tk_str_is(json, "-Infinity");

    tk_jsonw_raw(w, is_infinite ? TK_STR("\"inf\"") : json);
}

/* What the result says beside the twelve, once for all records. */
static void put_extra(struct tk_jsonw *w, const struct tk__vllm_object *o)
{
    tk_jsonw_obj(w);
    for (size_t i = 0; i < o->n; i++) {
        struct tk_str key = o->v[i].key;
        if (is_in(key, metrics, TK_ARRAY_LEN(metrics)) ||
            is_in(key, too_big, TK_ARRAY_LEN(too_big)))
            continue;
        tk_jsonw_key_str(w, key);
        put_value(w, (struct tk_str){ o->text.p + o->v[i].at, o->v[i].n });
    }
    tk_jsonw_obj_end(w);
}

static void put_record(struct tk_jsonw *w, const char *model, const char *metric,
                       struct tk_str value, struct tk_str args, struct tk_str extra)
{
    tk_jsonw_obj(w);
    tk_jsonw_key(w, "benchmark");
    tk_jsonw_obj(w);
    tk_jsonw_put_z(w, "name", "vLLM benchmark");
    tk_jsonw_key(w, "extra_info");
    tk_jsonw_obj(w);
    tk_jsonw_key(w, "args");
    tk_jsonw_raw(w, args);
    tk_jsonw_obj_end(w);
    tk_jsonw_obj_end(w);
    tk_jsonw_key(w, "model");
    tk_jsonw_obj(w);
    tk_jsonw_put_z(w, "name", model);
    tk_jsonw_obj_end(w);
    tk_jsonw_key(w, "metric");
    tk_jsonw_obj(w);
    tk_jsonw_put_z(w, "name", metric);
    tk_jsonw_key(w, "benchmark_values");
    tk_jsonw_arr(w);
    put_value(w, value);
    tk_jsonw_arr_end(w);
    tk_jsonw_key(w, "extra_info");
    tk_jsonw_raw(w, extra);
    tk_jsonw_obj_end(w);
    tk_jsonw_obj_end(w);
}

static int put_records(const struct tk_vllm *v, const struct tk__vllm_object *o, struct tk_buf *out)
{
    struct tk_buf args = TK_BUF_INIT(MAX_TEXT), extra = TK_BUF_INIT(SIZE_MAX);
    struct tk_jsonw w;
    size_t begin = out->n;

    tk_jsonw_init(&w, &args, TK_JSONW_PYTHON);
    put_args(&w, v, o);
    tk_jsonw_init(&w, &extra, TK_JSONW_PYTHON);
    put_extra(&w, o);
    tk_jsonw_init(&w, out, TK_JSONW_PYTHON);
    tk_jsonw_arr(&w);
    size_t empty = out->n;
    for (size_t i = 0; !args.failed && !extra.failed && i < TK_ARRAY_LEN(metrics); i++) {
        struct tk_str value = tk__vllm_object_get(o, metrics[i]);
        if (value.p)
            put_record(&w, v->o->model, metrics[i], value, tk_buf_str(&args), tk_buf_str(&extra));
    }
    bool is_empty = out->n == empty;
    tk_jsonw_arr_end(&w);
    if (is_empty)
        out->n = begin;
    int rc = args.failed ? args.failed : extra.failed ? extra.failed : out->failed;
    tk_buf_release(&args);
    tk_buf_release(&extra);
    return rc;
}

int tk_vllm_pytorch(const struct tk_vllm *v, const struct tk_vllm_form *form,
                    const struct tk_vllm_figures *f, struct tk_buf *out)
{
    struct tk_arena arena;
    struct tk__vllm_object o;

    tk_arena_init(&arena, 0);
    int rc = tk__vllm_object_init(&o, &arena);
    if (rc == 0) {
        tk__vllm_result_fill(&o, form, f);
        rc = o.text.failed ? o.text.failed : put_records(v, &o, out);
    }
    tk__vllm_object_release(&o);
    tk_arena_release(&arena);
    return rc;
}
