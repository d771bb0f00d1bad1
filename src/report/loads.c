/* loads.c - what was loaded, and what came of each stage of it */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/num.h"
#include "metric/certify.h"
#include "report/inside.h"

#define STAGE_COLUMNS 30 /* number, level and length */
#define TEXT_BYTES 64    /* of a level */

/* --- the line about the load --- */

static void add_dur(struct tk_buf *out, const char *before, tk_ns dur)
{
    char text[32];

    tk_buf_addf(out, "%s%s", before, tk_num_format_dur(dur, text));
}

static const char *unit_of(const struct tk_shape *s)
{
    return s->of == TK_SHAPE_RATE ? "requests/s" : "at a time";
}

static void put_ramp(const struct tk_shape *s, struct tk_buf *out)
{
    const struct tk_stage *stage = &s->stages[0];

    tk_buf_addf(out, ", %g to %g %s", stage->from, stage->to, unit_of(s));
    add_dur(out, " in ", stage->duration);
    if (stage->curve == TK_CURVE_EXPONENTIAL)
        tk_buf_add_z(out, " by the same factor each second");
    if (s->n > 1)
        tk_buf_addf(out, ", then %g", stage->to);
}

static void put_spike(const struct tk_shape *s, struct tk_buf *out)
{
    tk_buf_addf(out, ", %g %s with a spike of %g", s->stages[0].from, unit_of(s),
                s->stages[1].from);
    add_dur(out, " for ", s->stages[1].duration);
    add_dur(out, " after ", s->stages[0].duration);
}

static void put_shape(const struct tk_shape *s, struct tk_buf *out)
{
    if (s->kind == TK_SHAPE_SPIKE && s->n == 3)
        put_spike(s, out);
    else if (s->kind == TK_SHAPE_RAMP)
        put_ramp(s, out);
    else
        tk_buf_addf(out, ", %zu stage%s of %s", s->n, s->n == 1 ? "" : "s",
                    s->of == TK_SHAPE_RATE ? "requests/s" : "requests at a time");
}

static void put_open(const struct tk_report_plan *p, struct tk_buf *out)
{
    tk_buf_add_z(out, "open load");
    if (isinf(p->rate)) {
        tk_buf_add_z(out, ", all due at once");
        return;
    }
    if (p->shape.of == TK_SHAPE_RATE)
        put_shape(&p->shape, out);
    else
        tk_buf_addf(out, ", %g requests/s", p->rate);
    tk_buf_addf(out, ", %s", p->arrival ? p->arrival : "");
    if (p->burstiness > 0)
        tk_buf_addf(out, " with burstiness %g", p->burstiness);
}

static void put_given_up(const struct tk_report_plan *p, struct tk_buf *out)
{
    if (!(p->cancel.share > 0))
        return;
    tk_buf_addf(out, ", %g %% given up", 100 * p->cancel.share);
    if (p->cancel.tokens > 0)
        tk_buf_addf(out, " after %" PRIu32 " token%s", p->cancel.tokens,
                    p->cancel.tokens == 1 ? "" : "s");
    else if (p->cancel.after > 0)
        add_dur(out, " after ", p->cancel.after);
    else
        tk_buf_add_z(out, " in mid-reply");
}

void tk__report_load(const struct tk_report_plan *p, struct tk_buf *out)
{
    if (p->rate > 0)
        put_open(p, out);
    else
        tk_buf_add_z(out, "closed load");
    if (p->shape.of == TK_SHAPE_CONCURRENCY)
        put_shape(&p->shape, out);
    else if (p->concurrency > 0)
        tk_buf_addf(out, ", %s%" PRId64 " at a time", p->rate > 0 ? "at most " : "",
                    p->concurrency);
    if (p->requests > 0)
        tk_buf_addf(out, ", %" PRId64 " request%s", p->requests, p->requests == 1 ? "" : "s");
    if (p->duration_s > 0)
        tk_buf_addf(out, ", for %g s", p->duration_s);
    if (p->is_new_connection)
        tk_buf_add_z(out, ", a new connection for each");
    if (p->warmup > 0)
        tk_buf_addf(out, ", after %" PRId64 " to warm up", p->warmup);
    put_given_up(p, out);
}

/* --- the table of stages --- */

static void put_level(struct tk_buf *out, double value, const char *unit)
{
    char text[32];

    if (isnan(value))
        (void)snprintf(text, sizeof(text), "-");
    else
        (void)snprintf(text, sizeof(text), "%.*f%s", value < 100 ? 2 : 1, value, unit);
    tk_buf_addf(out, " %10s", text);
}

static void put_ms(struct tk_buf *out, double ns, bool is_certified, bool *has_mark)
{
    char text[32];

    tk_buf_addf(out, " %9s%c", tk__text_ms(ns, text), is_certified || isnan(ns) ? ' ' : '~');
    *has_mark = *has_mark || (!is_certified && !isnan(ns));
}

static void put_latency(struct tk_buf *out, const struct tk_stage_latency *l, bool *has_mark)
{
    put_ms(out, l->p50, l->is_p50_certified, has_mark);
    put_ms(out, l->p99, l->is_p99_certified, has_mark);
}

/* The client was the limit, and that is in a figure of the table. */
static bool is_touched(const struct tk_report *r, bool is_open)
{
    const struct tk_verdict *v = &r->verdict;

    return v->are_rates_touched || v->is_touched[is_open ? TK_METRIC_TTFT_DUE : TK_METRIC_TTFT] ||
           v->is_touched[is_open ? TK_METRIC_E2EL_DUE : TK_METRIC_E2EL];
}

static void put_stage(const struct tk_report *r, size_t i, bool is_open, bool *has_mark,
                      struct tk_buf *out)
{
    const struct tk_stage_figures *f = &r->summary->stages[i];
    const struct tk_shape *shape = &r->plan.shape;
    char level[TEXT_BYTES], dur[32], name[2 * TEXT_BYTES];

    tk_stage_text(&f->plan, shape->of, level);
    if (f->seconds > 0)
        (void)snprintf(name, sizeof(name), "%zu  %s for %s", i + 1, level,
                       tk_num_format_dur((tk_ns)llround(f->seconds * 1e9), dur));
    else
        (void)snprintf(name, sizeof(name), "%zu  %s", i + 1, level);
    tk_buf_addf(out, "%c %-*s %7" PRIu64, is_touched(r, is_open) ? '*' : ' ', STAGE_COLUMNS, name,
                f->sent);
    put_level(out, f->asked, shape->of == TK_SHAPE_RATE ? "/s" : "");
    put_level(out, f->rate, "/s");
    put_level(out, f->throughput, "/s");
    put_latency(out, is_open ? &f->ttft_due : &f->ttft, has_mark);
    put_latency(out, is_open ? &f->e2el_due : &f->e2el, has_mark);
    tk_buf_addf(out, " %7" PRIu64 " %7" PRIu64 "\n", f->failed, f->cancelled);
}

void tk__report_stages(struct tk__text *t)
{
    const struct tk_report *r = t->r;
    const struct tk_summary *s = r->summary;
    struct tk_buf *out = t->out;
    bool is_open = r->plan.rate > 0;
    bool has_mark = false;

    if (s->n_stages == 0)
        return;
    tk__text_bold(t, is_open ? "Stages, latency from due, ms" : "Stages, latency in ms",
                  STAGE_COLUMNS + 2);
    tk_buf_addf(out, " %7s %10s %10s %10s %9s  %9s  %9s  %9s  %7s %7s\n", "n", "asked", "sent",
                "done", "TTFT p50", "p99", "E2EL p50", "p99", "failed", "given up");
    for (size_t i = 0; i < s->n_stages; i++)
        put_stage(r, i, is_open, &has_mark, out);
    if (has_mark)
        tk_buf_addf(out,
                    "  ~ too few samples to know it with 99 %% confidence: p50 needs %zu, p99 "
                    "needs %zu\n",
                    tk_certify_floor(50), tk_certify_floor(99));
    tk_buf_add_c(out, '\n');
}

/* --- the recovery from a spike --- */

static void put_found(const struct tk_recovery *v, const char *mark, struct tk_buf *out)
{
    char a[32], b[32];

    tk_buf_add_z(out, mark);
    if (v->verdict == TK_RECOVERY_RECOVERED)
        tk_buf_addf(out, "%s after the spike's end, to within %s\n", tk_num_format_dur(v->time, a),
                    tk_num_format_dur(v->window, b));
    else
        tk_buf_addf(out, "not recovered within the %s after the spike's end that were watched\n",
                    tk_num_format_dur(v->watched, a));
    tk_buf_addf(out, "%-*s%s: p50 %s ms before the spike,", TK__TEXT_LABEL_COLUMNS, "",
                tk_metric_def(v->metric)->name, tk__text_ms(v->before, a));
    tk_buf_addf(out, " %s ms at worst; up to %s ms is as before\n", tk__text_ms(v->worst, a),
                tk__text_ms(v->limit, b));
}

void tk__report_recovery(struct tk__text *t)
{
    const struct tk_recovery *v = &t->r->summary->recovery;
    struct tk_buf *out = t->out;

    if (v->verdict == TK_RECOVERY_NONE)
        return;
    tk__text_heading(t, "Recovery");
    if (v->verdict == TK_RECOVERY_TOO_FEW)
        tk_buf_addf(out,
                    "not known: %" PRIu64 " requests were due before the spike, %d are needed\n",
                    v->n_before, TK_RECOVERY_MIN_BEFORE);
    else if (v->verdict == TK_RECOVERY_FAILED_BEFORE)
        tk_buf_add_z(out, "not known: too many requests failed before the spike\n");
    else if (v->verdict == TK_RECOVERY_RESUMED)
        tk_buf_add_z(out, "not known: the run was cut and resumed, so the load had a pause\n");
    else
        put_found(v, t->r->verdict.is_touched[v->metric] ? "* " : "", out);
}

/* --- as JSON --- */

static void put_percentile(struct tk_jsonw *w, const char *key, double ns, bool is_certified)
{
    tk_jsonw_key(w, key);
    tk_jsonw_obj(w);
    tk__report_number(w, "value", ns * 1e-6);
    tk_jsonw_put_bool(w, "certified", is_certified);
    tk_jsonw_obj_end(w);
}

static void put_latency_json(struct tk_jsonw *w, const char *key, const struct tk_stage_latency *l)
{
    tk_jsonw_key(w, key);
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "n", (int64_t)l->n);
    put_percentile(w, "50", l->p50, l->is_p50_certified);
    put_percentile(w, "99", l->p99, l->is_p99_certified);
    tk_jsonw_obj_end(w);
}

static void put_stage_json(struct tk_jsonw *w, const struct tk_stage_figures *f,
                           const struct tk_shape *shape)
{
    tk_jsonw_obj(w);
    tk_jsonw_put_z(w, "of", tk_shape_of_word(shape->of));
    tk__report_number(w, "from", f->plan.from);
    tk__report_number(w, "to", f->plan.to);
    tk__report_number(w, "begin_s", (double)f->begin / 1e9);
    tk__report_number(w, "duration_s", f->seconds);
    tk_jsonw_put_i64(w, "due", (int64_t)f->plan.n_due);
    tk_jsonw_put_i64(w, "sent", (int64_t)f->sent);
    tk_jsonw_put_i64(w, "succeeded", (int64_t)f->succeeded);
    tk_jsonw_put_i64(w, "failed", (int64_t)f->failed);
    tk_jsonw_put_i64(w, "cancelled", (int64_t)f->cancelled);
    tk__report_number(w, "asked", f->asked);
    tk__report_number(w, "sent_per_s", f->rate);
    tk__report_number(w, "requests_per_s", f->throughput);
    put_latency_json(w, "ttft_ms", &f->ttft);
    put_latency_json(w, "e2el_ms", &f->e2el);
    put_latency_json(w, "ttft_due_ms", &f->ttft_due);
    put_latency_json(w, "e2el_due_ms", &f->e2el_due);
    tk_jsonw_obj_end(w);
}

static void put_recovery_json(struct tk_jsonw *w, const struct tk_recovery *v)
{
    bool is_found = v->verdict == TK_RECOVERY_RECOVERED || v->verdict == TK_RECOVERY_NOT_RECOVERED;

    tk_jsonw_key(w, "recovery");
    if (v->verdict == TK_RECOVERY_NONE) {
        tk_jsonw_null(w);
        return;
    }
    tk_jsonw_obj(w);
    tk_jsonw_put_z(w, "verdict", tk_recovery_word(v->verdict));
    tk__report_number(w, "time_s",
                      v->verdict == TK_RECOVERY_RECOVERED ? (double)v->time / 1e9 : (double)NAN);
    tk__report_number(w, "resolution_s", v->window > 0 ? (double)v->window / 1e9 : (double)NAN);
    tk__report_number(w, "watched_s", is_found ? (double)v->watched / 1e9 : (double)NAN);
    tk_jsonw_put_z(w, "metric", tk_metric_def(v->metric)->name);
    tk_jsonw_put_i64(w, "n_before", (int64_t)v->n_before);
    tk__report_number(w, "before_ms", v->before * 1e-6);
    tk__report_number(w, "worst_ms", v->worst * 1e-6);
    tk__report_number(w, "as_before_up_to_ms", v->limit * 1e-6);
    tk__report_number(w, "spike_begin_s", (double)v->spike_begin / 1e9);
    tk__report_number(w, "spike_end_s", (double)v->spike_end / 1e9);
    tk_jsonw_obj_end(w);
}

void tk__report_loads_json(const struct tk_report *r, struct tk_jsonw *w)
{
    const struct tk_summary *s = r->summary;

    tk_jsonw_key(w, "stages");
    if (s->n_stages == 0) {
        tk_jsonw_null(w);
    } else {
        tk_jsonw_arr(w);
        for (size_t i = 0; i < s->n_stages; i++)
            put_stage_json(w, &s->stages[i], &r->plan.shape);
        tk_jsonw_arr_end(w);
    }
    put_recovery_json(w, &s->recovery);
}
