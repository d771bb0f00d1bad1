/* json.c - the result as JSON: every figure, in an order that never changes
 *
 * Times are milliseconds, instants seconds since 1970 where they are of the wall clock. What is not
 * known is null; an infinite percentile (a failure) is the string "inf", since JSON has no such
 * number. Documented in docs/result-json.md.
 */
#include <math.h>
#include <string.h>

#include "base/jsonw.h"
#include "report/report.h"

static void put_text(struct tk_jsonw *w, const char *key, const char *z)
{
    tk_jsonw_key(w, key);
    tk_jsonw_z(w, z);
}

static void put_i64(struct tk_jsonw *w, const char *key, int64_t i)
{
    tk_jsonw_key(w, key);
    tk_jsonw_i64(w, i);
}

static void put_bool(struct tk_jsonw *w, const char *key, bool b)
{
    tk_jsonw_key(w, key);
    tk_jsonw_bool(w, b);
}

static void put_double(struct tk_jsonw *w, const char *key, double d)
{
    tk_jsonw_key(w, key);
    if (isinf(d))
        tk_jsonw_z(w, "inf");
    else
        tk_jsonw_double(w, d); /* NaN: null */
}

static void put_json(struct tk_jsonw *w, const char *key, struct tk_str json)
{
    tk_jsonw_key(w, key);
    if (json.n > 0)
        tk_jsonw_raw(w, json);
    else
        tk_jsonw_null(w);
}

/* --- statistics --- */

static void put_percentile(struct tk_jsonw *w, const struct tk_stats_percentile *p, double scale)
{
    char name[32];

    tk_jsonw_key(w, tk_report_percent(p->p, name));
    tk_jsonw_obj(w);
    put_double(w, "value", p->value * scale);
    put_bool(w, "certified", p->is_certified);
    put_double(w, "at_most", p->bound * scale);
    put_i64(w, "samples_needed", p->floor > INT32_MAX ? -1 : (int64_t)p->floor);
    tk_jsonw_obj_end(w);
}

static void put_stats(struct tk_jsonw *w, const char *key, const struct tk_stats *s, double scale)
{
    tk_jsonw_key(w, key);
    tk_jsonw_obj(w);
    put_i64(w, "n", (int64_t)s->n);
    put_i64(w, "infinite", (int64_t)s->n_infinite);
    put_bool(w, "exact", s->is_exact);
    put_double(w, "mean", s->mean * scale);
    put_double(w, "std", s->std * scale);
    put_double(w, "min", s->min * scale);
    put_double(w, "max", s->max * scale);
    tk_jsonw_key(w, "percentiles");
    tk_jsonw_obj(w);
    for (size_t i = 0; i < s->n_percentiles; i++)
        put_percentile(w, &s->percentiles[i], scale);
    tk_jsonw_obj_end(w);
    tk_jsonw_obj_end(w);
}

static void put_metrics(struct tk_jsonw *w, const struct tk_summary *s)
{
    tk_jsonw_key(w, "metrics");
    tk_jsonw_obj(w);
    for (int m = 0; m < TK_METRIC_N_; m++) {
        const struct tk_metric_def *def = tk_metric_def((enum tk_metric)m);
        double scale = tk_unit_scale(def->unit);
        tk_jsonw_key(w, def->name);
        tk_jsonw_obj(w);
        put_text(w, "label", def->label);
        put_text(w, "unit", tk_unit_word(def->unit));
        put_stats(w, "successes", &s->metrics[m].ok, scale);
        put_stats(w, "all", &s->metrics[m].all, scale);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_obj_end(w);
}

/* --- requests --- */

static void put_requests(struct tk_jsonw *w, const struct tk_summary *s)
{
    tk_jsonw_key(w, "requests");
    tk_jsonw_obj(w);
    put_i64(w, "planned", (int64_t)s->planned);
    put_i64(w, "sent", (int64_t)s->sent);
    put_i64(w, "not_sent", (int64_t)s->not_sent);
    put_i64(w, "succeeded", (int64_t)s->succeeded);
    put_i64(w, "failed", (int64_t)s->failed);
    put_i64(w, "cancelled", (int64_t)s->cancelled);
    put_i64(w, "resends", (int64_t)s->resends);
    put_i64(w, "on_kept_connection", (int64_t)s->reused);
    tk_jsonw_obj_end(w);
}

static void put_failures(struct tk_jsonw *w, const struct tk_summary *s)
{
    tk_jsonw_key(w, "failures");
    tk_jsonw_arr(w);
    for (int e = 0; e < TK_END_N_; e++) {
        const struct tk_summary_end *end = &s->ends[e];
        if (!tk_end_is_failure((enum tk_end)e) || end->n == 0)
            continue;
        tk_jsonw_obj(w);
        put_text(w, "class", tk_end_word((enum tk_end)e));
        put_i64(w, "n", (int64_t)end->n);
        put_i64(w, "first_index", (int64_t)end->first_index);
        put_i64(w, "first_status", end->first_status);
        put_text(w, "first_detail", end->first_detail);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_arr_end(w);
}

static void put_cancelled(struct tk_jsonw *w, const struct tk_summary *s)
{
    tk_jsonw_key(w, "cancelled");
    tk_jsonw_obj(w);
    put_stats(w, "age_ms", &s->cancelled_age, 1e-6);
    tk_jsonw_key(w, "list");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < s->n_cancelled_list; i++) {
        const struct tk_summary_cancelled *c = &s->cancelled_list[i];
        tk_jsonw_obj(w);
        put_i64(w, "index", (int64_t)c->index);
        put_double(w, "age_ms", (double)c->age * 1e-6);
        put_i64(w, "token_events", c->n_token_events);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_arr_end(w);
    tk_jsonw_obj_end(w);
}

/* --- rates, tokens, objectives --- */

static void put_throughput(struct tk_jsonw *w, const struct tk_summary *s)
{
    tk_jsonw_key(w, "throughput");
    tk_jsonw_obj(w);
    put_double(w, "duration_s", s->duration);
    put_double(w, "requests_per_s", s->request_throughput);
    put_double(w, "prompt_tokens_per_s", s->input_throughput);
    put_double(w, "output_tokens_per_s", s->output_throughput);
    put_double(w, "tokens_per_s", s->total_throughput);
    tk_jsonw_obj_end(w);
    tk_jsonw_key(w, "concurrency");
    tk_jsonw_obj(w);
    put_double(w, "mean", s->mean_concurrency);
    put_i64(w, "peak", (int64_t)s->peak_concurrency);
    tk_jsonw_obj_end(w);
}

static void put_tokens(struct tk_jsonw *w, const struct tk_summary *s)
{
    tk_jsonw_key(w, "tokens");
    tk_jsonw_obj(w);
    put_i64(w, "prompt", s->prompt_tokens);
    put_i64(w, "output", s->output_tokens);
    put_i64(w, "replies_prompt_unknown", (int64_t)s->n_prompt_unknown);
    put_i64(w, "replies_counted_by_server", (int64_t)s->n_tokens_usage);
    put_i64(w, "replies_counted_as_events", (int64_t)s->n_tokens_events);
    put_i64(w, "replies_unknown", (int64_t)s->n_tokens_unknown);
    tk_jsonw_key(w, "tokens_per_chunk");
    tk_jsonw_obj(w);
    put_i64(w, "unknown", (int64_t)s->n_gap_method[TK_GAP_UNKNOWN]);
    put_i64(w, "by_server", (int64_t)s->n_gap_method[TK_GAP_SERVER]);
    put_i64(w, "one_each", (int64_t)s->n_gap_method[TK_GAP_SINGLE]);
    tk_jsonw_obj_end(w);
    tk_jsonw_obj_end(w);
}

static void put_goodput(struct tk_jsonw *w, const struct tk_report *r)
{
    const struct tk_summary *s = r->summary;

    tk_jsonw_key(w, "goodput");
    if (!s->has_goodput) {
        tk_jsonw_null(w);
        return;
    }
    tk_jsonw_obj(w);
    tk_jsonw_key(w, "objectives");
    tk_jsonw_obj(w);
    for (size_t i = 0; i < r->n_slos; i++) {
        const struct tk_metric_def *def = tk_metric_def(r->slos[i].metric);
        put_double(w, def->name, (double)r->slos[i].limit * tk_unit_scale(def->unit));
    }
    tk_jsonw_obj_end(w);
    put_i64(w, "good", (int64_t)s->n_good);
    put_double(w, "requests_per_s", s->goodput);
    put_double(w, "share", s->good_share);
    tk_jsonw_obj_end(w);
}

/* --- the client --- */

static void put_health(struct tk_jsonw *w, const struct tk_report *r)
{
    const struct tk_health *h = &r->health;

    tk_jsonw_key(w, "engine");
    if (!r->has_health) {
        tk_jsonw_null(w);
        return;
    }
    tk_jsonw_obj(w);
    put_i64(w, "workers", h->n_workers);
    put_double(w, "cpu_s", (double)h->cpu * 1e-9);
    put_double(w, "busiest_worker_share", h->max_worker_cpu);
    put_double(w, "loop_lag_max_ms", (double)h->loop_lag_max * 1e-6);
    put_i64(w, "connections_opened", (int64_t)h->conns_opened);
    put_i64(w, "connections_failed", (int64_t)h->conns_failed);
    put_i64(w, "waits_for_writer", (int64_t)h->records_full);
    put_i64(w, "clock_steps", (int64_t)h->clock_steps);
    tk_jsonw_obj_end(w);
}

static void put_client(struct tk_jsonw *w, const struct tk_report *r)
{
    const struct tk_summary *s = r->summary;

    tk_jsonw_key(w, "client");
    tk_jsonw_obj(w);
    put_stats(w, "wait_ms", &s->wait, 1e-6);
    put_stats(w, "send_delay_ms", &s->send_delay, 1e-6);
    put_stats(w, "send_late_ms", &s->send_late, 1e-6);
    put_stats(w, "read_delay_ms", &s->read_delay, 1e-6);
    put_i64(w, "reads", (int64_t)s->n_reads);
    put_i64(w, "reads_stamped_by_kernel", (int64_t)s->n_reads_kernel);
    put_i64(w, "reads_of_several_events", (int64_t)s->n_reads_several);
    put_i64(w, "reads_of_several_events_late", (int64_t)s->n_reads_several_late);
    put_i64(w, "sends_late", (int64_t)s->n_late_sends);
    put_i64(w, "records_without_trace", (int64_t)s->n_no_trace);
    put_i64(w, "records_truncated", (int64_t)s->n_truncated);
    put_i64(w, "records_damaged", (int64_t)s->n_damaged);
    put_health(w, r);
    tk_jsonw_obj_end(w);
}

static void put_run(struct tk_jsonw *w, const struct tk_report *r)
{
    tk_jsonw_key(w, "run");
    tk_jsonw_obj(w);
    tk_jsonw_key(w, "began_s");
    if (r->wall_begin != 0)
        tk_jsonw_double(w, (double)r->wall_begin * 1e-9);
    else
        tk_jsonw_null(w);
    put_bool(w, "interrupted", r->is_interrupted);
    put_bool(w, "complete", !r->is_cut);
    put_bool(w, "damaged", r->is_damaged);
    put_text(w, "file", r->run_path);
    tk_jsonw_obj_end(w);
}

int tk_report_json(const struct tk_report *r, struct tk_buf *out)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_PRETTY);
    tk_jsonw_obj(&w);
    put_text(&w, "schema", TK_REPORT_SCHEMA);
    put_text(&w, "program", r->program);
    put_run(&w, r);
    put_json(&w, "plan", r->plan_json);
    put_json(&w, "host", r->host_json);
    put_requests(&w, r->summary);
    put_failures(&w, r->summary);
    put_cancelled(&w, r->summary);
    put_throughput(&w, r->summary);
    put_goodput(&w, r);
    put_tokens(&w, r->summary);
    put_metrics(&w, r->summary);
    put_client(&w, r);
    tk_jsonw_obj_end(&w);
    tk_buf_add_c(out, '\n');
    return out->failed;
}
