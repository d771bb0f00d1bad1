/* result.c - the result file: the tool's keys in the tool's order, as json.dumps writes them
 *
 * A member is set by its key, as in a Python dict: one that comes again keeps its place and gets
 * the new value. So metadata may stand over what was before it, and is stood over by what comes
 * after.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "dialect/vllm/vllm.h"
#include "report/report.h"

#define MAX_MEMBERS 4096
#define MAX_BYTES ((size_t)64 << 30)

struct member {
    struct tk_str key;
    size_t at, n; /* slice of the text */
};

struct object {
    struct member *v; /* MAX_MEMBERS */
    size_t n;
    struct tk_buf text;
    struct tk_jsonw w; /* writes one value at a time into text */
};

/* --- members --- */

static struct tk_jsonw *begin(struct object *o)
{
    tk_jsonw_init(&o->w, &o->text, TK_JSONW_PYTHON);
    return &o->w;
}

/* The text from `at` on is the value of `key`. */
static void set(struct object *o, struct tk_str key, size_t at)
{
    size_t i = 0;

    while (i < o->n && !tk_str_eq(o->v[i].key, key))
        i++;
    if (i == MAX_MEMBERS)
        return;
    o->n = TK_MAX(o->n, i + 1);
    o->v[i] = (struct member){ .key = key, .at = at, .n = o->text.n - at };
}

static void set_text(struct object *o, const char *key, const char *value)
{
    size_t at = o->text.n;
    tk_jsonw_z(begin(o), value);
    set(o, tk_str_of(key), at);
}

static void set_int(struct object *o, const char *key, int64_t value)
{
    size_t at = o->text.n;
    tk_jsonw_i64(begin(o), value);
    set(o, tk_str_of(key), at);
}

static void set_double(struct object *o, const char *key, double value)
{
    size_t at = o->text.n;
    tk_jsonw_double(begin(o), value);
    set(o, tk_str_of(key), at);
}

/* A count where `is_there`, else null. */
static void set_int_or_null(struct object *o, const char *key, bool is_there, int64_t value)
{
    if (is_there)
        set_int(o, key, value);
    else
        set_text(o, key, NULL);
}

/* --- the parts --- */

static struct tm local_time(tk_ns wall)
{
    time_t t = (time_t)(wall / TK_NS_PER_S);
    struct tm tm = { 0 };

    (void)localtime_r(&t, &tm);
    return tm;
}

/* "20251124-160002"; `out` has 32 bytes. */
static const char *date_of(tk_ns wall, char *out)
{
    struct tm tm = local_time(wall);

    if (strftime(out, 32, "%Y%m%d-%H%M%S", &tm) == 0)
        out[0] = '\0';
    return out;
}

static void put_metadata(struct object *o, const struct tk_opt_list *list)
{
    for (size_t i = 0; list && i < list->n; i++) {
        struct tk_str item = tk_str_of(list->v[i]);
        ptrdiff_t equals = tk_str_find(item, '=');
        if (equals < 0)
            continue; /* refused before the run */
        size_t at = o->text.n;
        struct tk_str value = { item.p + equals + 1, item.n - (size_t)equals - 1 };
        tk_jsonw_str(begin(o), tk_str_trim(value));
        set(o, tk_str_trim((struct tk_str){ item.p, (size_t)equals }), at);
    }
}

static void put_head(struct object *o, const struct tk_vllm_form *form)
{
    char date[32];

    set_text(o, "date", date_of(form->wall_end, date));
    set_text(o, "endpoint_type", form->backend);
    set_text(o, "backend", form->backend);
    set_text(o, "label", form->label);
    set_text(o, "model_id", form->model);
    set_text(o, "tokenizer_id", form->tokenizer);
    set_int(o, "num_prompts", form->num_prompts);
    put_metadata(o, form->metadata);
    if (isinf(form->request_rate))
        set_text(o, "request_rate", "inf");
    else
        set_double(o, "request_rate", form->request_rate);
    set_double(o, "burstiness", form->burstiness);
    set_int_or_null(o, "max_concurrency", form->max_concurrency > 0, form->max_concurrency);
    if (!form->ramp_up_strategy)
        return;
    set_text(o, "ramp_up_strategy", form->ramp_up_strategy);
    set_int(o, "ramp_up_start_rps", form->ramp_up_start_rps);
    set_int(o, "ramp_up_end_rps", form->ramp_up_end_rps);
}

static void put_sums(struct object *o, const struct tk_vllm_form *form,
                     const struct tk_vllm_figures *f)
{
    set_double(o, "duration", form->duration_s);
    set_int(o, "completed", (int64_t)f->completed);
    set_int(o, "failed", (int64_t)f->failed);
    set_int(o, "total_input_tokens", f->total_input);
    set_int(o, "total_output_tokens", f->total_output);
    set_double(o, "request_throughput", f->request_throughput);
    if (form->has_goodput)
        set_double(o, "request_goodput", f->request_goodput);
    else
        set_text(o, "request_goodput", NULL);
    set_double(o, "output_throughput", f->output_throughput);
    set_double(o, "total_token_throughput", f->total_throughput);
}

/* --- arrays with an entry per request --- */

typedef void (*put_cb)(struct tk_jsonw *w, const struct tk_vllm_figures *f,
                       const struct tk_vllm_request *q);

static void put_input_len(struct tk_jsonw *w, const struct tk_vllm_figures *f,
                          const struct tk_vllm_request *q)
{
    (void)f;
    tk_jsonw_i64(w, q->input_len);
}

static void put_output_len(struct tk_jsonw *w, const struct tk_vllm_figures *f,
                           const struct tk_vllm_request *q)
{
    (void)f;
    tk_jsonw_i64(w, q->output_len);
}

static void put_ttft(struct tk_jsonw *w, const struct tk_vllm_figures *f,
                     const struct tk_vllm_request *q)
{
    (void)f;
    tk_jsonw_double(w, q->ttft);
}

static void put_itls(struct tk_jsonw *w, const struct tk_vllm_figures *f,
                     const struct tk_vllm_request *q)
{
    tk_jsonw_arr(w);
    for (size_t i = 0; i < q->n_itl; i++)
        tk_jsonw_double(w, f->itls[q->itl_at + i]);
    tk_jsonw_arr_end(w);
}

static void put_answer(struct tk_jsonw *w, const struct tk_vllm_figures *f,
                       const struct tk_vllm_request *q)
{
    tk_jsonw_str(w, (struct tk_str){ q->n_text ? f->texts.p + q->text_at : NULL, q->n_text });
}

static void put_error(struct tk_jsonw *w, const struct tk_vllm_figures *f,
                      const struct tk_vllm_request *q)
{
    tk_jsonw_str(w, (struct tk_str){ q->n_error ? f->texts.p + q->error_at : NULL, q->n_error });
}

static void put_array(struct object *o, const char *key, const struct tk_vllm_figures *f, put_cb cb)
{
    size_t at = o->text.n;
    struct tk_jsonw *w = begin(o);

    tk_jsonw_arr(w);
    for (size_t i = 0; i < f->n_requests; i++)
        cb(w, f, &f->requests[i]);
    tk_jsonw_arr_end(w);
    set(o, tk_str_of(key), at);
}

static void put_details(struct object *o, const struct tk_vllm_figures *f)
{
    put_array(o, "input_lens", f, put_input_len);
    put_array(o, "output_lens", f, put_output_len);
    put_array(o, "ttfts", f, put_ttft);
    put_array(o, "itls", f, put_itls);
    put_array(o, "generated_texts", f, put_answer);
    put_array(o, "errors", f, put_error);
}

/* --- ramps and statistics --- */

static void put_ramp(struct object *o, const struct tk_vllm_form *form)
{
    size_t at = o->text.n;
    struct tk_jsonw *w = begin(o);

    tk_jsonw_arr(w);
    for (size_t i = 0; i < form->n_rps; i++) {
        tk_ns wall = form->wall_begin + form->rps[i].due_offset;
        struct tm tm = local_time(wall);
        char second[32] = "", text[64];
        (void)strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &tm);
        (void)snprintf(text, sizeof(text), "%s.%06lld", second,
                       (long long)(wall % TK_NS_PER_S / TK_NS_PER_US));
        tk_jsonw_obj(w);
        tk_jsonw_key(w, "rps");
        tk_jsonw_i64(w, form->rps[i].rps);
        tk_jsonw_key(w, "timestamp");
        tk_jsonw_z(w, text);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_arr_end(w);
    set(o, TK_STR("rps_change_events"), at);
}

/* Keys are made here, so they live in `names` until the object is written. */
static void put_stat(struct object *o, struct tk_arena *names, const char *what, const char *metric,
                     double value)
{
    char key[128];

    (void)snprintf(key, sizeof(key), "%s_%s_ms", what, metric);
    const char *kept = tk_arena_dup(names, tk_str_of(key));
    if (kept)
        set_double(o, kept, value);
}

static void put_stats(struct object *o, struct tk_arena *names, const struct tk_vllm_form *form,
                      const char *metric, const struct tk_vllm_stats *s)
{
    put_stat(o, names, "mean", metric, s->mean);
    put_stat(o, names, "median", metric, s->median);
    put_stat(o, names, "std", metric, s->std);
    for (size_t i = 0; i < form->n_percentiles; i++) {
        struct tk_buf word = TK_BUF_INIT(64);
        double p = form->percentiles[i];
        tk_buf_add_c(&word, 'p');
        if (p == floor(p))
            tk_buf_addf(&word, "%.0f", p);
        else
            tk_vllm_float(p, &word);
        if (word.p)
            put_stat(o, names, word.p, metric, s->percentiles[i]);
        tk_buf_release(&word);
    }
}

/* --- the whole --- */

static void fill(struct object *o, struct tk_arena *names, const struct tk_vllm_form *form,
                 const struct tk_vllm_figures *f)
{
    static const char *const metrics[TK_VLLM_METRIC_N_] = { "ttft", "tpot", "itl", "e2el" };

    put_head(o, form);
    put_sums(o, form, f);
    if (form->is_detailed)
        put_details(o, f);
    set_double(o, "max_output_tokens_per_s", f->max_output_tokens_per_s);
    set_int(o, "max_concurrent_requests", f->max_concurrent_requests);
    if (form->ramp_up_strategy)
        put_ramp(o, form);
    for (int m = 0; m < TK_VLLM_METRIC_N_; m++) {
        if (form->has_metric[m])
            put_stats(o, names, form, metrics[m], &f->stats[m]);
    }
}

static void write_object(const struct object *o, struct tk_buf *out)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_PYTHON);
    tk_jsonw_obj(&w);
    for (size_t i = 0; i < o->n; i++) {
        tk_jsonw_key_str(&w, o->v[i].key);
        tk_jsonw_raw(&w, (struct tk_str){ o->text.p + o->v[i].at, o->v[i].n });
    }
    tk_jsonw_obj_end(&w);
}

int tk_vllm_result(const struct tk_vllm_form *form, const struct tk_vllm_figures *f,
                   struct tk_buf *out)
{
    struct tk_arena names;
    struct object o = { .text = TK_BUF_INIT(MAX_BYTES) };

    tk_arena_init(&names, 0);
    o.v = tk_arena_alloc(&names, MAX_MEMBERS * sizeof(*o.v));
    if (o.v) {
        fill(&o, &names, form, f);
        if (o.text.failed == 0)
            write_object(&o, out);
    }
    int rc = !o.v ? -ENOMEM : o.text.failed ? o.text.failed : out->failed;
    tk_buf_release(&o.text);
    tk_arena_release(&names);
    return rc;
}

int tk_vllm_file_name(const struct tk_vllm_form *form, struct tk_buf *out)
{
    char date[32];
    const char *slash = strrchr(form->model, '/');
    const char *label = form->label ? form->label : form->backend;

    if (form->ramp_up_strategy) {
        tk_buf_addf(out, "%s-ramp-up-%s-%lldqps-%lldqps", label, form->ramp_up_strategy,
                    (long long)form->ramp_up_start_rps, (long long)form->ramp_up_end_rps);
    } else {
        tk_buf_addf(out, "%s-", label);
        tk_vllm_float(form->request_rate, out);
        tk_buf_add_z(out, "qps");
    }
    if (form->max_concurrency > 0)
        tk_buf_addf(out, "-concurrency%lld", (long long)form->max_concurrency);
    tk_buf_addf(out, "-%s-%s.json", slash ? slash + 1 : form->model, date_of(form->wall_end, date));
    return out->failed;
}

void tk_vllm_form(const struct tk_vllm *v, struct tk_vllm_form *ret)
{
    const struct tk_vllm_opts *o = v->o;

    *ret = (struct tk_vllm_form){
        .backend = o->backend,
        .label = o->label,
        .model = o->model,
        .tokenizer = o->skip_tokenizer_init ? NULL
                     : o->tokenizer         ? o->tokenizer
                                            : o->model,
        .num_prompts = o->num_prompts,
        .request_rate = o->request_rate,
        .burstiness = o->burstiness,
        .max_concurrency = o->max_concurrency,
        .ramp_up_strategy = o->ramp_up_strategy,
        .ramp_up_start_rps = o->ramp_up_start_rps,
        .ramp_up_end_rps = o->ramp_up_end_rps,
        .rps = v->rps,
        .n_rps = v->n_rps,
        .metadata = &o->metadata,
        .percentiles = v->percentiles,
        .n_percentiles = v->n_percentiles,
        .has_goodput = v->has_goodput,
        .is_chat = v->is_chat,
        .has_prompt_len = v->tokenizer != NULL,
        .is_detailed = o->save_detailed,
    };
    memcpy(ret->has_metric, v->has_metric, sizeof(ret->has_metric));
    memcpy(ret->goodput_ms, v->goodput_ms, sizeof(ret->goodput_ms));
}

void tk_vllm_form_of_plan(const struct tk_report_plan *p, struct tk_vllm_form *ret)
{
    static const double p99[] = { 99 };
    bool is_chat = p->api && strcmp(p->api, "chat") == 0;

    *ret = (struct tk_vllm_form){
        .backend = is_chat ? "openai-chat" : "openai",
        .model = p->model ? p->model : "unknown",
        .num_prompts = p->requests,
        /* A load that changes has no one rate. That tool has "inf" beside its own ramp, too. */
        .request_rate = p->rate > 0 && p->shape.of == TK_SHAPE_NONE ? p->rate : INFINITY,
        .burstiness = 1,
        .max_concurrency = p->concurrency,
        .has_metric = { [TK_VLLM_TTFT] = true, [TK_VLLM_TPOT] = true, [TK_VLLM_ITL] = true },
        .percentiles = p99,
        .n_percentiles = 1,
        .goodput_ms = { NAN, NAN, NAN, NAN },
        .is_chat = is_chat,
    };
}
