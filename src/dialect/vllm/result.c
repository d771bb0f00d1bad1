/* result.c - the result file: the tool's keys in the tool's order, as json.dumps writes them */
#include "dialect/vllm/result.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

/* A count where `is_there`, else null. */
static void set_int_or_null(struct tk__vllm_object *o, const char *key, bool is_there,
                            int64_t value)
{
    if (is_there)
        tk__vllm_object_int(o, key, value);
    else
        tk__vllm_object_text(o, key, NULL);
}

/* --- the parts --- */

/* On the clocks where the run was made. */
static struct tm local_time(const struct tk_vllm_form *form, tk_ns wall)
{
    time_t t = (time_t)(wall / TK_NS_PER_S + form->utc_offset_s);
    struct tm tm = { 0 };

    (void)gmtime_r(&t, &tm);
    return tm;
}

/* "20251124-160002"; `out` has 32 bytes. */
static const char *date_of(const struct tk_vllm_form *form, char *out)
{
    struct tm tm = local_time(form, form->wall_end);

    if (strftime(out, 32, "%Y%m%d-%H%M%S", &tm) == 0)
        out[0] = '\0';
    return out;
}

/* Whether the key is one of the arrays, which are taken out where they are not wanted, whoever put them in. */
static bool is_left_out(const struct tk_vllm_form *form, struct tk_str key)
{
    static const char *const arrays[] = { "input_lens", "output_lens",     "ttfts",
                                          "itls",       "generated_texts", "errors" };

    for (size_t i = 0; !form->is_detailed && i < TK_ARRAY_LEN(arrays); i++) {
        if (tk_str_is(key, arrays[i]))
            return true;
    }
    return false;
}

static void put_metadata(struct tk__vllm_object *o, const struct tk_vllm_form *form)
{
    const struct tk_opt_list *list = &form->metadata;

    for (size_t i = 0; i < list->n; i++) {
        struct tk_str item = tk_str_of(list->v[i]);
        ptrdiff_t equals = tk_str_find(item, '=');
        if (equals < 0)
            continue; /* refused before the run */
        struct tk_str value = { item.p + equals + 1, item.n - (size_t)equals - 1 };
        struct tk_str key = tk_str_trim((struct tk_str){ item.p, (size_t)equals });
        size_t at;
        if (is_left_out(form, key))
            continue;
        tk_jsonw_str(tk__vllm_object_begin(o, &at), tk_str_trim(value));
        tk__vllm_object_set(o, key, at);
    }
}

static void put_head(struct tk__vllm_object *o, const struct tk_vllm_form *form)
{
    char date[32];

    tk__vllm_object_text(o, "date", date_of(form, date));
    tk__vllm_object_text(o, "endpoint_type", form->backend);
    tk__vllm_object_text(o, "backend", form->backend);
    tk__vllm_object_text(o, "label", form->label);
    tk__vllm_object_text(o, "model_id", form->model);
    tk__vllm_object_text(o, "tokenizer_id", form->tokenizer);
    tk__vllm_object_int(o, "num_prompts", form->num_prompts);
    put_metadata(o, form);
    if (isinf(form->request_rate))
        tk__vllm_object_text(o, "request_rate", "inf");
    else
        tk__vllm_object_double(o, "request_rate", form->request_rate);
    tk__vllm_object_double(o, "burstiness", form->burstiness);
    set_int_or_null(o, "max_concurrency", form->max_concurrency >= 0, form->max_concurrency);
    if (!form->ramp_up_strategy)
        return;
    tk__vllm_object_text(o, "ramp_up_strategy", form->ramp_up_strategy);
    tk__vllm_object_int(o, "ramp_up_start_rps", form->ramp_up_start_rps);
    tk__vllm_object_int(o, "ramp_up_end_rps", form->ramp_up_end_rps);
}

static void put_sums(struct tk__vllm_object *o, const struct tk_vllm_form *form,
                     const struct tk_vllm_figures *f)
{
    tk__vllm_object_double(o, "duration", form->duration_s);
    tk__vllm_object_int(o, "completed", (int64_t)f->completed);
    if (form->is_pooling) {
        tk__vllm_object_int(o, "total_input_tokens", f->total_input);
        tk__vllm_object_double(o, "request_throughput", f->request_throughput);
        tk__vllm_object_double(o, "total_token_throughput", f->total_throughput);
        return;
    }
    tk__vllm_object_int(o, "failed", (int64_t)f->failed);
    tk__vllm_object_int(o, "total_input_tokens", f->total_input);
    tk__vllm_object_int(o, "total_output_tokens", f->total_output);
    tk__vllm_object_double(o, "request_throughput", f->request_throughput);
    if (form->has_goodput)
        tk__vllm_object_double(o, "request_goodput", f->request_goodput);
    else
        tk__vllm_object_text(o, "request_goodput", NULL);
    tk__vllm_object_double(o, "output_throughput", f->output_throughput);
    tk__vllm_object_double(o, "total_token_throughput", f->total_throughput);
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

static void put_queue(struct tk_jsonw *w, const struct tk_vllm_figures *f,
                      const struct tk_vllm_request *q)
{
    (void)f;
    tk_jsonw_double(w, q->queue);
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

static void put_array(struct tk__vllm_object *o, const char *key, const struct tk_vllm_figures *f,
                      put_cb cb)
{
    size_t at;
    struct tk_jsonw *w = tk__vllm_object_begin(o, &at);

    tk_jsonw_arr(w);
    for (size_t i = 0; i < f->n_requests; i++)
        cb(w, f, &f->requests[i]);
    tk_jsonw_arr_end(w);
    tk__vllm_object_set(o, tk_str_of(key), at);
}

static void put_details(struct tk__vllm_object *o, const struct tk_vllm_form *form,
                        const struct tk_vllm_figures *f)
{
    put_array(o, "input_lens", f, put_input_len);
    if (form->is_pooling) {
        put_array(o, "errors", f, put_error);
        return;
    }
    put_array(o, "output_lens", f, put_output_len);
    put_array(o, "ttfts", f, put_ttft);
    put_array(o, "itls", f, put_itls);
    if (form->has_metric[TK_VLLM_QUEUE] || form->has_metric[TK_VLLM_QUEUE_E2EL])
        put_array(o, "queue_times", f, put_queue);
    put_array(o, "generated_texts", f, put_answer);
    put_array(o, "errors", f, put_error);
}

/* --- ramps and statistics --- */

static void put_ramp(struct tk__vllm_object *o, const struct tk_vllm_form *form)
{
    size_t at;
    struct tk_jsonw *w = tk__vllm_object_begin(o, &at);

    tk_jsonw_arr(w);
    for (size_t i = 0; i < form->n_rps; i++) {
        tk_ns wall = form->wall_begin + form->rps[i].due_offset;
        struct tm tm = local_time(form, wall);
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
    tk__vllm_object_set(o, TK_STR("rps_change_events"), at);
}

static void put_stat(struct tk__vllm_object *o, const char *what, const char *metric, double value)
{
    char key[128];

    (void)snprintf(key, sizeof(key), "%s_%s_ms", what, metric);
    const char *kept = tk_arena_dup(o->arena, tk_str_of(key));
    if (kept)
        tk__vllm_object_double(o, kept, value);
}

static void put_stats(struct tk__vllm_object *o, const struct tk_vllm_form *form,
                      const char *metric, const struct tk_vllm_stats *s)
{
    put_stat(o, "mean", metric, s->mean);
    put_stat(o, "median", metric, s->median);
    put_stat(o, "std", metric, s->std);
    for (size_t i = 0; i < form->n_percentiles; i++) {
        struct tk_buf word = TK_BUF_INIT(64);
        double p = form->percentiles[i];
        tk_buf_add_c(&word, 'p');
        if (p == floor(p))
            tk_buf_addf(&word, "%.0f", p);
        else
            tk_vllm_float(p, &word);
        if (word.p)
            put_stat(o, word.p, metric, s->percentiles[i]);
        tk_buf_release(&word);
    }
}

/* --- the whole --- */

static void put_probes(struct tk__vllm_object *o, const struct tk_vllm_probes *p)
{
    if (p->completed == 0)
        return;
    tk__vllm_object_int(o, "probe_completed", (int64_t)p->completed);
    tk__vllm_object_int(o, "probe_failed", (int64_t)p->failed);
    tk__vllm_object_double(o, "probe_median_e2el_ms", p->median_ms);
    tk__vllm_object_double(o, "probe_p99_e2el_ms", p->p99_ms);
    tk__vllm_object_double(o, "probe_max_e2el_ms", p->max_ms);
}

static void put_speculation(struct tk__vllm_object *o, const struct tk_vllm_decoding *d)
{
    size_t at;

    tk__vllm_object_double(o, "spec_decode_acceptance_rate", d->acceptance_rate);
    tk__vllm_object_double(o, "spec_decode_acceptance_length", d->acceptance_length);
    tk__vllm_object_int(o, "spec_decode_num_drafts", d->drafts);
    tk__vllm_object_int(o, "spec_decode_draft_tokens", d->draft_tokens);
    tk__vllm_object_int(o, "spec_decode_accepted_tokens", d->accepted);
    struct tk_jsonw *w = tk__vllm_object_begin(o, &at);
    tk_jsonw_arr(w);
    for (size_t i = 0; i < d->n_rates; i++)
        tk_jsonw_double(w, d->rates[i]);
    tk_jsonw_arr_end(w);
    tk__vllm_object_set(o, TK_STR("spec_decode_per_position_acceptance_rates"), at);
}

static void put_diffusion(struct tk__vllm_object *o, const struct tk_vllm_decoding *d)
{
    tk__vllm_object_double(o, "diffusion_committed_throughput", d->committed_throughput);
    tk__vllm_object_double(o, "diffusion_steps_per_canvas", d->steps_per_canvas);
    tk__vllm_object_double(o, "diffusion_committed_per_step", d->committed_per_step);
    tk__vllm_object_int(o, "diffusion_committed_tokens", d->committed);
    tk__vllm_object_int(o, "diffusion_denoising_steps", d->steps);
    tk__vllm_object_int(o, "diffusion_canvas_positions", d->canvas_positions);
}

void tk__vllm_result_fill(struct tk__vllm_object *o, const struct tk_vllm_form *form,
                          const struct tk_vllm_figures *f)
{
    put_head(o, form);
    put_sums(o, form, f);
    if (form->is_detailed)
        put_details(o, form, f);
    if (!form->is_pooling) {
        tk__vllm_object_double(o, "max_output_tokens_per_s", f->max_output_tokens_per_s);
        tk__vllm_object_int(o, "max_concurrent_requests", f->max_concurrent_requests);
    }
    put_probes(o, &f->probes);
    if (form->ramp_up_strategy)
        put_ramp(o, form);
    if (form->decoding && form->decoding->has_drafts)
        put_speculation(o, form->decoding);
    if (form->decoding && form->decoding->has_diffusion)
        put_diffusion(o, form->decoding);
    for (int m = 0; m < TK_VLLM_METRIC_N_; m++) {
        if (tk_vllm_reports(form, (enum tk_vllm_metric)m))
            put_stats(o, form, tk__vllm_metric_names[m], &f->stats[m]);
    }
}

int tk_vllm_result(const struct tk_vllm_form *form, const struct tk_vllm_figures *f,
                   struct tk_buf *out)
{
    struct tk_arena arena;
    struct tk__vllm_object o;
    struct tk_jsonw w;

    tk_arena_init(&arena, 0);
    int rc = tk__vllm_object_init(&o, &arena);
    if (rc == 0) {
        tk__vllm_result_fill(&o, form, f);
        tk_jsonw_init(&w, out, TK_JSONW_PYTHON);
        tk__vllm_object_write(&o, &w);
        rc = o.text.failed ? o.text.failed : out->failed;
    }
    tk__vllm_object_release(&o);
    tk_arena_release(&arena);
    return rc;
}

bool tk_vllm_reports(const struct tk_vllm_form *form, enum tk_vllm_metric m)
{
    return form->has_metric[m] && (!form->is_pooling || m == TK_VLLM_E2EL);
}

int tk_vllm_file_name(const struct tk_vllm_form *form, struct tk_buf *out)
{
    char date[32];
    const char *slash = strrchr(form->model, '/');
    const char *label = form->label && *form->label ? form->label : form->backend;

    if (form->ramp_up_strategy) {
        tk_buf_addf(out, "%s-ramp-up-%s-%lldqps-%lldqps", label, form->ramp_up_strategy,
                    (long long)form->ramp_up_start_rps, (long long)form->ramp_up_end_rps);
    } else {
        tk_buf_addf(out, "%s-", label);
        tk_vllm_float(form->request_rate, out);
        tk_buf_add_z(out, "qps");
    }
    if (form->max_concurrency >= 0)
        tk_buf_addf(out, "-concurrency%lld", (long long)form->max_concurrency);
    tk_buf_addf(out, "-%s-%s.json", slash ? slash + 1 : form->model, date_of(form, date));
    return out->failed;
}
