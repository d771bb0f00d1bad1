/* client.c - the client's part of the text: the verdict, then what it rests on
 *
 *   Client      not the limit: …            or     THE LIMIT: …, a cause and what to do about it each
 *               how late it sent and read, processors, connections, stamps, the run file's writer
 *               what is missing from the figures
 */
#include <inttypes.h>
#include <math.h>

#include "report/text.h"

#define MAX_WORKER_LINES 8 /* the JSON has them all */

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* --- the verdict --- */

static void put_value(struct tk__text *t, const struct tk_cause_def *def, double value)
{
    char text[32];
    double shown = value * tk_cause_unit_scale(def->unit);

    if (def->unit == TK_CAUSE_MS)
        tk_buf_addf(t->out, "%s ms", tk_report_ms(shown, text));
    else if (def->unit == TK_CAUSE_PERCENT)
        tk_buf_addf(t->out, "%.1f %%", shown);
    else
        tk_buf_addf(t->out, "%.0f", shown);
}

static void put_cause(struct tk__text *t, enum tk_cause c)
{
    const struct tk_cause_def *def = tk_cause_def(c);
    const struct tk_finding *f = &t->r->verdict.findings[c];

    tk__text_indent(t);
    tk_buf_addf(t->out, "  %s: %s ", def->name, def->label);
    put_value(t, def, f->measured);
    tk_buf_add_z(t->out, ", limit ");
    put_value(t, def, f->limit);
    tk_buf_add_c(t->out, '\n');
    tk__text_indent(t);
    tk_buf_addf(t->out, "    %s\n", def->advice);
}

/* How a metric is called in the result; NULL: it is not there. Where the summary leaves gaps out the tool's own
 * form has them, by the name that all the tools give them. */
static const char *name_in_result(const struct tk_summary *s, enum tk_metric m)
{
    if (s->metrics[m].ok.n > 0)
        return tk_metric_def(m)->name;
    return m == TK_METRIC_CHUNK_GAP && !isnan(s->own.median_gap) ? "itl" : NULL;
}

static void put_touched(struct tk__text *t)
{
    const struct tk_verdict *v = &t->r->verdict;
    const char *comma = "";

    tk__text_indent(t);
    tk_buf_add_z(t->out, "touched: ");
    for (int m = 0; m < TK_METRIC_N_; m++) {
        const char *name = name_in_result(t->r->summary, (enum tk_metric)m);
        if (!v->is_touched[m] || !name)
            continue;
        tk_buf_addf(t->out, "%s%s", comma, name);
        comma = ", ";
    }
    if (v->are_rates_touched)
        tk_buf_addf(t->out, "%sthroughput, goodput, concurrency", comma);
    tk_buf_add_c(t->out, '\n');
}

/* One line: the values that people look at, beside their limits. */
static void put_not_limit(struct tk__text *t)
{
    static const struct {
        enum tk_cause cause;
        const char *words;
    } shown[] = {
        { TK_CAUSE_LATE_SENDING, "p99 of sending late" },
        { TK_CAUSE_LATE_READING, "p99 of reading late" },
        { TK_CAUSE_BUSY, "busiest second" },
    };
    const char *comma = "not the limit: ";

    for (size_t i = 0; i < TK_ARRAY_LEN(shown); i++) {
        const struct tk_finding *f = &t->r->verdict.findings[shown[i].cause];
        if (!f->is_judged)
            continue;
        tk_buf_addf(t->out, "%s%s ", comma, shown[i].words);
        put_value(t, tk_cause_def(shown[i].cause), f->measured);
        tk_buf_add_z(t->out, " (limit ");
        put_value(t, tk_cause_def(shown[i].cause), f->limit);
        tk_buf_add_c(t->out, ')');
        comma = ", ";
    }
    if (comma[0] == 'n')
        tk_buf_add_z(t->out, "not known whether it was the limit: no request was sent");
    tk_buf_add_c(t->out, '\n');
}

/* A verdict holds for what could be judged. */
static void put_unjudged(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;

    /* What the engine says of a run that was resumed is of its last segment. */
    if (t->r->has_health && tk_segments_begun(t->r->segments, t->r->n_segments) > 1) {
        tk__text_indent(t);
        tk_buf_add_z(t->out,
                     "not judged: processors, the run file's writer before the run was resumed\n");
    }
    if (!t->r->has_health) {
        tk__text_indent(t);
        tk_buf_add_z(t->out,
                     "not judged: processors, the run file's writer (the run did not come to "
                     "its end)\n");
    }
    if (s->is_damaged) {
        tk__text_indent(t);
        tk_buf_addf(t->out,
                    "not judged: whether all was sent in time (the run file is damaged: %" PRIu64
                    " of %" PRIu64 " requests could be read)\n",
                    s->sent, s->planned);
    }
    if (s->own.reading.n == 0 && s->sent > 0) {
        tk__text_indent(t);
        tk_buf_addf(t->out, "not judged: late reading (%s)\n",
                    s->n_reads == 0        ? "no reads were recorded"
                    : t->r->plan.unix_path ? "a Unix socket has no stamps"
                                           : "no read has the kernel's stamp");
    }
}

static void put_verdict(struct tk__text *t, bool names_touched)
{
    const struct tk_verdict *v = &t->r->verdict;

    tk__text_heading(t, "Client");
    if (!v->is_limit) {
        put_not_limit(t);
    } else {
        tk_buf_addf(t->out, "THE LIMIT%s:\n",
                    names_touched ? "" : ", so the figures marked * are not the server's alone");
        for (int c = 0; c < TK_CAUSE_N_; c++) {
            if (v->findings[c].is_cause)
                put_cause(t, (enum tk_cause)c);
        }
        if (names_touched)
            put_touched(t);
    }
    put_unjudged(t);
}

/* --- what it rests on --- */

static void put_delay(struct tk__text *t, const char *words, const struct tk_delay *d)
{
    char p50[32], p99[32], max[32];

    tk_buf_addf(t->out, "%s by p50 %s, p99 %s, max %s ms", words, tk__text_ms(d->p50, p50),
                tk__text_ms(d->p99, p99), tk__text_ms(d->max, max));
}

/* Where permits held requests back, that is no lateness: they could go out at another rate. */
static void put_pace(struct tk__text *t, const struct tk_pace *p)
{
    tk_buf_addf(t->out, "; due %.2f requests/s", p->due_per_s);
    if (t->r->plan.concurrency > 0 && p->ready_per_s < 0.995 * p->due_per_s)
        tk_buf_addf(t->out, ", %.2f had a permit", p->ready_per_s);
    tk_buf_addf(t->out, ", sent %.2f", p->sent_per_s);
}

static void put_sending(struct tk__text *t)
{
    const struct tk_summary_own *own = &t->r->summary->own;

    if (own->lateness.n == 0)
        return;
    tk__text_indent(t);
    put_delay(t, "sent late", &own->lateness);
    if (own->pace.ready > 0)
        put_pace(t, &own->pace);
    tk_buf_add_c(t->out, '\n');
}

static void put_reading(struct tk__text *t)
{
    const struct tk_summary_own *own = &t->r->summary->own;

    if (own->reading.n == 0)
        return;
    tk__text_indent(t);
    put_delay(t, "read late", &own->reading);
    if (own->n_event_reads > 0)
        tk_buf_addf(t->out,
                    "; %.2f events a read, at most %" PRIu32 "; %.1f %% in late reads of several",
                    (double)own->n_events / (double)own->n_event_reads, own->max_events,
                    100 * (double)own->n_events_late / (double)own->n_events);
    tk_buf_add_c(t->out, '\n');
    if (own->n_firsts_late == 0)
        return;
    tk__text_indent(t);
    tk_buf_addf(t->out,
                "%" PRIu64
                " first token%s came in late reads with others behind: the time to first "
                "token there is a later one's\n",
                own->n_firsts_late, plural(own->n_firsts_late));
}

static double share_of(tk_ns part, tk_ns span)
{
    return span > 0 ? 100 * (double)part / (double)span : (double)NAN;
}

static void put_shares(struct tk__text *t, double mean, double max, double starved)
{
    tk_buf_addf(t->out, "%.1f %% of a core", mean);
    if (!isnan(max))
        tk_buf_addf(t->out, ", %.1f %% in the busiest second", 100 * max);
    if (!isnan(starved))
        tk_buf_addf(t->out, ", %.1f %% of the worst waiting for one", 100 * starved);
}

static void put_workers(struct tk__text *t)
{
    const struct tk_health *h = &t->r->health;
    char mean[32], max[32];
    tk_ns span = 0;

    for (uint32_t i = 0; i < h->n_workers; i++)
        span = TK_MAX(span, h->workers[i].span);
    tk__text_indent(t);
    tk_buf_addf(t->out, "%" PRIu32 " worker%s", h->n_workers, plural(h->n_workers));
    if (t->r->plan.is_realtime)
        tk_buf_add_z(t->out, " of real-time priority");
    if (span > 0) {
        tk_buf_add_z(t->out, ": ");
        put_shares(t, share_of(h->cpu, span), h->max_worker_cpu, h->max_worker_starved);
    }
    if (h->n_timers > 0)
        tk_buf_addf(t->out, "; timers late by %s, at most %s ms",
                    tk__text_ms(tk_health_lag_mean(h), mean),
                    tk__text_ms((double)h->loop_lag_max, max));
    tk_buf_add_c(t->out, '\n');
    for (uint32_t i = 0; h->n_workers > 1 && i < TK_MIN(h->n_workers, MAX_WORKER_LINES); i++) {
        const struct tk_health_worker *w = &h->workers[i];
        tk__text_indent(t);
        tk_buf_addf(t->out, "  worker %" PRIu32 ": ", i);
        put_shares(t, share_of(w->cpu, w->span), w->max_cpu, w->max_starved);
        tk_buf_add_c(t->out, '\n');
    }
}

static void put_connections(struct tk__text *t)
{
    const struct tk_health *h = &t->r->health;
    const struct tk_summary *s = t->r->summary;
    char ms[32];

    tk__text_indent(t);
    tk_buf_addf(t->out,
                "connections: %" PRIu64 " opened, %" PRIu64 " failed; %" PRIu64 " of %" PRIu64
                " requests on a kept one",
                h->conns_opened, h->conns_failed, s->reused, s->sent);
    if (h->rests > 0)
        tk_buf_addf(t->out, "; %" PRIu64 " pause%s after failures, %s ms in all", h->rests,
                    plural(h->rests), tk__text_ms((double)h->rest_dur, ms));
    tk_buf_add_c(t->out, '\n');
}

static void put_stamps(struct tk__text *t)
{
    const struct tk_health *h = &t->r->health;
    const struct tk_summary *s = t->r->summary;

    if (s->n_reads == 0)
        return;
    tk__text_indent(t);
    tk_buf_addf(t->out, "stamps: %.1f %% of reads by the kernel",
                100.0 * (double)s->n_reads_kernel / (double)s->n_reads);
    if (t->r->plan.unix_path)
        tk_buf_add_z(t->out, " (a Unix socket has no stamps)");
    if (s->n_reads_kernel < s->n_reads)
        tk_buf_add_z(t->out, ", the others by the clock after them");
    if (t->r->has_health)
        tk_buf_addf(t->out, "; conversion within %.2f us, %" PRIu64 " step%s of the wall clock",
                    (double)h->clock_error_max * 1e-3, h->clock_steps, plural(h->clock_steps));
    tk_buf_add_c(t->out, '\n');
}

static void put_writer(struct tk__text *t)
{
    const struct tk_health *h = &t->r->health;
    char ms[32];

    tk__text_indent(t);
    if (h->records_full == 0)
        tk_buf_add_z(t->out, "run file: no release waited for its writer\n");
    else
        tk_buf_addf(
            t->out, "run file: releases waited %" PRIu64 " time%s for its writer, %s ms in all\n",
            h->records_full, plural(h->records_full), tk__text_ms((double)h->records_full_dur, ms));
}

static void put_maker(struct tk__text *t)
{
    const struct tk_health *h = &t->r->health;
    char ms[32];

    if (h->bodies_late == 0) /* as a rule all prompts are there before the start */
        return;
    tk__text_indent(t);
    tk_buf_addf(
        t->out, "prompts: releases waited %" PRIu64 " time%s for the next one, %s ms in all\n",
        h->bodies_late, plural(h->bodies_late), tk__text_ms((double)h->bodies_late_dur, ms));
}

/* Figures over gaps that are not all there must not look as if they were. */
static void put_missing(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;

    if (s->n_truncated > 0) {
        tk__text_indent(t);
        tk_buf_addf(t->out,
                    "%" PRIu64
                    " repl%s events past a bound: some of the gaps are not in the table\n",
                    s->n_truncated, s->n_truncated == 1 ? "y lacks" : "ies lack");
    }
    if (s->n_damaged > 0) {
        tk__text_indent(t);
        tk_buf_addf(t->out, "%" PRIu64 " record%s damaged: the events are left out\n", s->n_damaged,
                    s->n_damaged == 1 ? " is" : "s are");
    }
}

void tk__text_client(struct tk__text *t, bool names_touched)
{
    put_verdict(t, names_touched);
    put_sending(t);
    put_reading(t);
    if (t->r->has_health) {
        put_workers(t);
        put_connections(t);
    }
    put_stamps(t);
    if (t->r->has_health) {
        put_writer(t);
        put_maker(t);
    }
    put_missing(t);
}
