/* json.c - the result as JSON: every figure, in an order that never changes
 *
 * Times are milliseconds, instants seconds since 1970 where they are of the wall clock. What is not
 * known is null; an infinite percentile (a failure) is the string "inf", since JSON has no such
 * number. Documented in docs/result-json.md.
 */
#include <math.h>

#include "base/jsoncheck.h"
#include "base/jsondoc.h"
#include "base/jsonw.h"
#include "report/inside.h"

/* Below 0: not known. */
static void put_count(struct tk_jsonw *w, const char *key, int64_t i)
{
    tk_jsonw_key(w, key);
    if (i < 0)
        tk_jsonw_null(w);
    else
        tk_jsonw_i64(w, i);
}

void tk__report_number(struct tk_jsonw *w, const char *key, double d)
{
    tk_jsonw_key(w, key);
    if (isinf(d))
        tk_jsonw_z(w, "inf");
    else
        tk_jsonw_double(w, d); /* NaN: null */
}

static bool is_json(struct tk_str text)
{
    struct tk_jsondoc d;
    bool is_whole = tk_jsondoc_init(&d, text) == 0 && tk_json_is_whole(&d.root) &&
                    tk_json_at_end(d.json);

    tk_jsondoc_release(&d);
    return is_whole;
}

/* What a file has in place of JSON would make the result none either. */
static void put_json(struct tk_jsonw *w, const char *key, struct tk_str json)
{
    tk_jsonw_key(w, key);
    if (is_json(json))
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
    tk__report_number(w, "value", p->value * scale);
    tk_jsonw_put_bool(w, "certified", p->is_certified);
    tk__report_number(w, "at_most", p->bound * scale);
    tk_jsonw_put_i64(w, "samples_needed", p->floor > INT32_MAX ? -1 : (int64_t)p->floor);
    tk_jsonw_obj_end(w);
}

static void put_stats(struct tk_jsonw *w, const char *key, const struct tk_stats *s, double scale)
{
    tk_jsonw_key(w, key);
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "n", (int64_t)s->n);
    tk_jsonw_put_i64(w, "infinite", (int64_t)s->n_infinite);
    tk_jsonw_put_bool(w, "exact", s->is_exact);
    tk__report_number(w, "mean", s->mean * scale);
    tk__report_number(w, "std", s->std * scale);
    tk__report_number(w, "min", s->min * scale);
    tk__report_number(w, "max", s->max * scale);
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
        tk_jsonw_put_z(w, "label", def->label);
        tk_jsonw_put_z(w, "unit", tk_unit_word(def->unit));
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
    tk_jsonw_put_i64(w, "planned", (int64_t)s->planned);
    tk_jsonw_put_i64(w, "sent", (int64_t)s->sent);
    put_count(w, "not_sent", s->is_damaged ? -1 : (int64_t)s->not_sent);
    put_count(w, "lost_or_not_sent", s->is_damaged ? (int64_t)s->not_sent : -1);
    tk_jsonw_put_i64(w, "succeeded", (int64_t)s->succeeded);
    tk_jsonw_put_i64(w, "failed", (int64_t)s->failed);
    tk_jsonw_put_i64(w, "cancelled", (int64_t)s->cancelled);
    tk_jsonw_put_i64(w, "cancelled_by_plan", (int64_t)s->cancelled_by_plan);
    tk_jsonw_put_i64(w, "ended_before_cancel", (int64_t)s->outlived_plan);
    tk_jsonw_put_i64(w, "resends", (int64_t)s->resends);
    tk_jsonw_put_i64(w, "on_kept_connection", (int64_t)s->reused);
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
        tk_jsonw_put_z(w, "class", tk_end_word((enum tk_end)e));
        tk_jsonw_put_i64(w, "n", (int64_t)end->n);
        tk_jsonw_put_i64(w, "first_index", (int64_t)end->first_index);
        tk_jsonw_put_i64(w, "first_status", end->first_status);
        tk_jsonw_put_z(w, "first_detail", end->first_detail);
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
        tk_jsonw_put_i64(w, "index", (int64_t)c->index);
        tk__report_number(w, "age_ms", (double)c->age * 1e-6);
        tk_jsonw_put_i64(w, "token_events", c->n_token_events);
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
    tk__report_number(w, "duration_s", s->duration);
    tk__report_number(w, "requests_per_s", s->request_throughput);
    tk__report_number(w, "prompt_tokens_per_s", s->input_throughput);
    tk__report_number(w, "output_tokens_per_s", s->output_throughput);
    tk__report_number(w, "tokens_per_s", s->total_throughput);
    tk_jsonw_obj_end(w);
    tk_jsonw_key(w, "concurrency");
    tk_jsonw_obj(w);
    tk__report_number(w, "mean", s->mean_concurrency);
    tk_jsonw_put_i64(w, "peak", (int64_t)s->peak_concurrency);
    tk_jsonw_obj_end(w);
}

static void put_tokens(struct tk_jsonw *w, const struct tk_summary *s)
{
    tk_jsonw_key(w, "tokens");
    tk_jsonw_obj(w);
    put_count(w, "prompt", s->prompt_tokens);
    put_count(w, "output", s->output_tokens);
    tk_jsonw_put_i64(w, "replies_prompt_unknown", (int64_t)s->n_prompt_unknown);
    tk_jsonw_put_i64(w, "replies_counted_by_server", (int64_t)s->n_tokens_usage);
    tk_jsonw_put_i64(w, "replies_counted_as_events", (int64_t)s->n_tokens_events);
    tk_jsonw_put_i64(w, "replies_unknown", (int64_t)s->n_tokens_unknown);
    tk_jsonw_key(w, "tokens_per_chunk");
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "unknown", (int64_t)s->n_gap_method[TK_GAP_UNKNOWN]);
    tk_jsonw_put_i64(w, "by_server", (int64_t)s->n_gap_method[TK_GAP_SERVER]);
    tk_jsonw_put_i64(w, "one_each", (int64_t)s->n_gap_method[TK_GAP_SINGLE]);
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
        tk__report_number(w, def->name, (double)r->slos[i].limit * tk_unit_scale(def->unit));
    }
    tk_jsonw_obj_end(w);
    put_count(w, "good", s->no_figure == TK_METRIC_N_ ? (int64_t)s->n_good : -1);
    tk__report_number(w, "requests_per_s", s->goodput);
    tk__report_number(w, "share", s->good_share);
    tk_jsonw_obj_end(w);
}

/* --- the client --- */

static double seconds(tk_ns ns)
{
    return (double)ns * 1e-9;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : (double)NAN;
}

static void put_delay(struct tk_jsonw *w, const char *key, const struct tk_delay *d)
{
    tk_jsonw_key(w, key);
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "n", (int64_t)d->n);
    tk__report_number(w, "mean", d->mean * 1e-6);
    tk__report_number(w, "p50", d->p50 * 1e-6);
    tk__report_number(w, "p99", d->p99 * 1e-6);
    tk__report_number(w, "max", d->max * 1e-6);
    tk_jsonw_obj_end(w);
}

static void put_worker(struct tk_jsonw *w, const struct tk_health_worker *h)
{
    tk_jsonw_obj(w);
    tk__report_number(w, "cpu_s", seconds(h->cpu));
    tk__report_number(w, "mean_share", share((double)h->cpu, (double)h->span));
    tk__report_number(w, "busiest_share", h->max_cpu);
    tk__report_number(w, "worst_wait_share", h->max_starved);
    tk__report_number(w, "loop_lag_mean_ms",
                      share((double)h->loop_lag_sum * 1e-6, (double)h->n_timers));
    tk__report_number(w, "loop_lag_max_ms", (double)h->loop_lag_max * 1e-6);
    tk_jsonw_put_i64(w, "requests", (int64_t)h->n_requests);
    tk_jsonw_obj_end(w);
}

static void put_health(struct tk_jsonw *w, const struct tk_report *r)
{
    const struct tk_health *h = &r->health;

    tk_jsonw_key(w, "engine");
    if (!r->has_health) {
        tk_jsonw_null(w);
        return;
    }
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "workers", h->n_workers);
    tk__report_number(w, "cpu_s", (double)h->cpu * 1e-9);
    tk__report_number(w, "busiest_worker_share", h->max_worker_cpu);
    tk__report_number(w, "worst_wait_share", h->max_worker_starved);
    tk__report_number(w, "loop_lag_mean_ms", tk_health_lag_mean(h) * 1e-6);
    tk__report_number(w, "loop_lag_max_ms", (double)h->loop_lag_max * 1e-6);
    tk_jsonw_put_i64(w, "connections_opened", (int64_t)h->conns_opened);
    tk_jsonw_put_i64(w, "connections_failed", (int64_t)h->conns_failed);
    tk_jsonw_put_i64(w, "pauses", (int64_t)h->rests);
    tk__report_number(w, "paused_s", seconds(h->rest_dur));
    tk_jsonw_put_i64(w, "waits_for_writer", (int64_t)h->records_full);
    tk__report_number(w, "waited_for_writer_s", seconds(h->records_full_dur));
    tk_jsonw_put_i64(w, "waits_for_prompts", (int64_t)h->bodies_late);
    tk__report_number(w, "waited_for_prompts_s", seconds(h->bodies_late_dur));
    tk_jsonw_put_i64(w, "clock_steps", (int64_t)h->clock_steps);
    tk__report_number(w, "clock_error_max_ms", (double)h->clock_error_max * 1e-6);
    tk_jsonw_key(w, "per_worker");
    tk_jsonw_arr(w);
    for (uint32_t i = 0; i < h->n_workers; i++)
        put_worker(w, &h->workers[i]);
    tk_jsonw_arr_end(w);
    tk_jsonw_obj_end(w);
}

static void put_pace(struct tk_jsonw *w, const struct tk_pace *p)
{
    tk_jsonw_key(w, "pace");
    if (p->ready == 0) {
        tk_jsonw_null(w);
        return;
    }
    tk_jsonw_obj(w);
    tk__report_number(w, "due_per_s", p->due_per_s);
    tk_jsonw_put_i64(w, "ready", (int64_t)p->ready);
    tk__report_number(w, "ready_per_s", p->ready_per_s);
    tk_jsonw_put_i64(w, "sent", (int64_t)p->sent);
    tk__report_number(w, "sent_per_s", p->sent_per_s);
    tk__report_number(w, "sent_share", share((double)p->sent, (double)p->ready));
    tk_jsonw_obj_end(w);
}

static void put_own(struct tk_jsonw *w, const struct tk_summary_own *own)
{
    put_delay(w, "lateness_ms", &own->lateness);
    put_delay(w, "reading_ms", &own->reading);
    put_pace(w, &own->pace);
    tk_jsonw_put_i64(w, "events", (int64_t)own->n_events);
    tk__report_number(w, "events_per_read",
                      share((double)own->n_events, (double)own->n_event_reads));
    tk_jsonw_put_i64(w, "events_per_read_max", own->max_events);
    tk_jsonw_put_i64(w, "events_in_late_reads", (int64_t)own->n_events_late);
    tk__report_number(w, "events_in_late_reads_share",
                      share((double)own->n_events_late, (double)own->n_events));
    tk_jsonw_put_i64(w, "first_tokens", (int64_t)own->n_firsts);
    tk_jsonw_put_i64(w, "first_tokens_in_late_reads", (int64_t)own->n_firsts_late);
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
    tk_jsonw_put_i64(w, "reads", (int64_t)s->n_reads);
    tk_jsonw_put_i64(w, "reads_stamped_by_kernel", (int64_t)s->n_reads_kernel);
    tk_jsonw_put_i64(w, "reads_of_several_events", (int64_t)s->n_reads_several);
    tk_jsonw_put_i64(w, "reads_of_several_events_late", (int64_t)s->n_reads_several_late);
    tk_jsonw_put_i64(w, "sends_late", (int64_t)s->n_late_sends);
    tk_jsonw_put_i64(w, "records_without_trace", (int64_t)s->n_no_trace);
    tk_jsonw_put_i64(w, "records_truncated", (int64_t)s->n_truncated);
    tk_jsonw_put_i64(w, "records_damaged", (int64_t)s->n_damaged);
    put_own(w, &s->own);
    put_health(w, r);
    tk_jsonw_obj_end(w);
}

/* --- the verdict --- */

static void put_finding(struct tk_jsonw *w, const struct tk_verdict *v, enum tk_cause c)
{
    const struct tk_cause_def *def = tk_cause_def(c);
    const struct tk_finding *f = &v->findings[c];
    double scale = tk_cause_unit_scale(def->unit);

    tk_jsonw_obj(w);
    tk_jsonw_put_z(w, "cause", def->name);
    tk_jsonw_put_z(w, "label", def->label);
    tk_jsonw_put_z(w, "unit", tk_cause_unit_word(def->unit));
    tk_jsonw_put_bool(w, "judged", f->is_judged);
    tk__report_number(w, "measured", f->measured * scale);
    tk__report_number(w, "limit", f->limit * scale);
    tk_jsonw_put_bool(w, "is_cause", f->is_cause);
    tk_jsonw_put_z(w, "advice", def->advice);
    tk_jsonw_obj_end(w);
}

static void put_touched(struct tk_jsonw *w, const struct tk_verdict *v)
{
    tk_jsonw_key(w, "touched");
    tk_jsonw_arr(w);
    for (int m = 0; m < TK_METRIC_N_; m++) {
        if (v->is_touched[m])
            tk_jsonw_z(w, tk_metric_def((enum tk_metric)m)->name);
    }
    for (size_t i = 0; v->are_rates_touched && tk_touched_figures[i]; i++)
        tk_jsonw_z(w, tk_touched_figures[i]);
    tk_jsonw_arr_end(w);
}

static void put_verdict(struct tk_jsonw *w, const struct tk_verdict *v)
{
    tk_jsonw_key(w, "verdict");
    tk_jsonw_obj(w);
    tk_jsonw_put_bool(w, "is_limit", v->is_limit);
    tk_jsonw_key(w, "causes");
    tk_jsonw_arr(w);
    for (int c = 0; c < TK_CAUSE_N_; c++) {
        if (v->findings[c].is_cause)
            tk_jsonw_z(w, tk_cause_def((enum tk_cause)c)->name);
    }
    tk_jsonw_arr_end(w);
    put_touched(w, v);
    tk_jsonw_key(w, "findings");
    tk_jsonw_arr(w);
    for (int c = 0; c < TK_CAUSE_N_; c++)
        put_finding(w, v, (enum tk_cause)c);
    tk_jsonw_arr_end(w);
    tk_jsonw_obj_end(w);
}

/* By the wall clock; 0: not known. */
static void put_began(struct tk_jsonw *w, tk_ns wall)
{
    tk_jsonw_put_double(w, "began_s", wall != 0 ? seconds(wall) : (double)NAN);
}

/* Of a run that was never resumed there are none. */
static void put_segments(struct tk_jsonw *w, const struct tk_report *r)
{
    tk_jsonw_key(w, "segments");
    tk_jsonw_arr(w);
    for (size_t i = 0; r->n_segments > 1 && i < r->n_segments; i++) {
        const struct tk_segment *s = &r->segments[i];
        tk_jsonw_obj(w);
        put_began(w, s->wall_begin);
        tk__report_number(w, "duration_s", (double)(s->end_at - s->begin_at) * 1e-9);
        tk_jsonw_put_i64(w, "ended", (int64_t)s->n_requests);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_arr_end(w);
}

static void put_run(struct tk_jsonw *w, const struct tk_report *r)
{
    tk_jsonw_key(w, "run");
    tk_jsonw_obj(w);
    put_began(w, r->wall_begin);
    tk_jsonw_put_bool(w, "interrupted", r->is_interrupted);
    tk_jsonw_put_bool(w, "complete", !r->is_cut);
    tk_jsonw_put_bool(w, "damaged", r->summary->is_damaged);
    tk_jsonw_put_z(w, "file", r->run_path);
    put_segments(w, r);
    tk_jsonw_obj_end(w);
}

int tk_report_json(const struct tk_report *r, struct tk_buf *out)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_PRETTY);
    tk_jsonw_obj(&w);
    tk_jsonw_put_z(&w, "schema", TK_REPORT_SCHEMA);
    tk_jsonw_put_z(&w, "program", r->program);
    put_run(&w, r);
    put_json(&w, "plan", r->plan_json);
    put_json(&w, "host", r->host_json);
    put_requests(&w, r->summary);
    put_failures(&w, r->summary);
    put_cancelled(&w, r->summary);
    put_throughput(&w, r->summary);
    put_goodput(&w, r);
    tk__report_loads_json(r, &w);
    put_tokens(&w, r->summary);
    put_metrics(&w, r->summary);
    put_client(&w, r);
    put_verdict(&w, &r->verdict);
    tk_jsonw_obj_end(&w);
    tk_buf_add_c(out, '\n');
    return out->failed;
}
