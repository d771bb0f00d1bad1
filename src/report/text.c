/* text.c - the result as people read it
 *
 *   what was loaded        one or two lines
 *   Requests               totals that add up, then failures by class with the first of each
 *   Latency                a table: over the successes; where some failed, over all as well
 *   Throughput …           a line each
 *   Client                 was it the limit, and its health: client.c
 *   Run file, JSON         where they are
 *
 * An open load leads with the latency from the instant at which a request was due. A percentile
 * whose sample is too small to know it carries a '~'; the last line of the table says so.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "report/inside.h"
#include "report/text.h"

#define NAME_COLUMNS 38 /* of the table */

const char *tk_report_ms(double ms, char out[32])
{
    /* By what is left after rounding: 9.9996 is 10.00, as 10.01 is. */
    int decimals = ms < 9.9995 ? 3 : ms < 99.995 ? 2 : ms < 999.95 ? 1 : 0;

    if (isnan(ms))
        (void)snprintf(out, 32, "-");
    else if (isinf(ms))
        (void)snprintf(out, 32, "inf");
    else
        (void)snprintf(out, 32, "%.*f", decimals, ms);
    return out;
}

const char *tk_report_percent(double p, char out[32])
{
    (void)snprintf(out, 32, "%.6g", p);
    return out;
}

const char *tk__text_ms(double ns, char out[32])
{
    return tk_report_ms(ns * 1e-6, out);
}

void tk__text_bold(struct tk__text *t, const char *words, int columns)
{
    const char *on = t->r->is_bold ? "\033[1m" : "";
    const char *off = t->r->is_bold ? "\033[0m" : "";

    tk_buf_addf(t->out, "%s%-*s%s", on, columns, words, off);
}

void tk__text_heading(struct tk__text *t, const char *word)
{
    tk__text_bold(t, word, TK__TEXT_LABEL_COLUMNS);
}

void tk__text_indent(struct tk__text *t)
{
    tk_buf_addf(t->out, "%-*s", TK__TEXT_LABEL_COLUMNS, "");
}

/* --- what was loaded --- */

static void put_head(struct tk__text *t)
{
    const struct tk_report_plan *p = &t->r->plan;

    tk__text_heading(t, "Server");
    tk_buf_addf(t->out, "%s", p->url ? p->url : "unknown");
    if (p->unix_path)
        tk_buf_addf(t->out, " over the Unix socket '%s'", p->unix_path);
    if (p->model)
        tk_buf_addf(t->out, ", model '%s'", p->model);
    if (p->api)
        tk_buf_addf(t->out, ", %s%s", p->api, p->is_streamed ? ", streamed" : ", not streamed");
    tk_buf_add_c(t->out, '\n');
    tk__text_heading(t, "Load");
    tk__report_load(p, t->out);
    tk_buf_add_c(t->out, '\n');
    tk__text_heading(t, "Data");
    tk_buf_addf(t->out, "%s, %" PRId64 " prompt%s, seed %" PRId64 "\n", p->data ? p->data : "?",
                p->items, p->items == 1 ? "" : "s", p->seed);
}

/* --- what became of the requests --- */

static void put_end(struct tk__text *t, enum tk_end e)
{
    const struct tk_summary_end *end = &t->r->summary->ends[e];
    char detail[TK_DETAIL_BYTES];

    if (end->n == 0)
        return;
    memcpy(detail, end->first_detail, sizeof(detail));
    detail[sizeof(detail) - 1] = '\0';
    tk__report_plain(detail);
    tk__text_indent(t);
    tk_buf_addf(t->out, "%8" PRIu64 " %s: %s; first: request %" PRIu64, end->n, tk_end_word(e),
                tk_end_text(e), end->first_index);
    if (end->first_status != 0 && end->first_status != 200)
        tk_buf_addf(t->out, ", status %d", (int)end->first_status);
    if (detail[0])
        tk_buf_addf(t->out, ", '%s'", detail);
    tk_buf_add_c(t->out, '\n');
}

static void put_given_up(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;

    if (s->cancelled_by_plan + s->outlived_plan == 0)
        return;
    tk__text_indent(t);
    tk_buf_addf(t->out, "%8" PRIu64 " cancelled by the plan, in mid-reply", s->cancelled_by_plan);
    if (s->outlived_plan > 0)
        tk_buf_addf(t->out, "; %" PRIu64 " more had ended before their point", s->outlived_plan);
    tk_buf_add_c(t->out, '\n');
}

static void put_cancelled(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;
    uint64_t n = s->cancelled - s->cancelled_by_plan;
    char low[32], high[32];

    put_given_up(t);
    if (n == 0)
        return;
    tk__text_indent(t);
    tk_buf_addf(t->out, "%8" PRIu64 " cancelled by the client", n);
    if (s->cancelled_age.n > 0) {
        (void)tk_num_format_dur((tk_ns)s->cancelled_age.min, low);
        (void)tk_num_format_dur((tk_ns)s->cancelled_age.max, high);
        tk_buf_addf(t->out, ", in flight for %s", low);
        if (strcmp(low, high) != 0)
            tk_buf_addf(t->out, " to %s", high);
    }
    tk_buf_add_c(t->out, '\n');
}

/* Of a run that was resumed: how long its parts took. */
static void put_segments(struct tk__text *t)
{
    size_t n = tk_segments_begun(t->r->segments, t->r->n_segments);
    const char *plus = "";
    char dur[32];

    if (n < 2)
        return;
    tk__text_indent(t);
    tk_buf_addf(t->out, "resumed: %zu segments, ", n);
    for (size_t i = 0; i < t->r->n_segments; i++) {
        const struct tk_segment *s = &t->r->segments[i];
        if (s->begin_at == 0)
            continue;
        tk_buf_addf(t->out, "%s%s", plus, tk_num_format_dur(s->end_at - s->begin_at, dur));
        plus = " + ";
    }
    tk_buf_add_z(t->out, "; the time in between is not counted\n");
}

/* Of a damaged file nobody knows which of the others were sent. */
static void put_planned(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;

    if (s->is_damaged)
        tk_buf_addf(t->out,
                    "%" PRIu64 " planned = %" PRIu64 " read + %" PRIu64
                    " lost in the file or not sent\n",
                    s->planned, s->sent, s->not_sent);
    else
        tk_buf_addf(t->out, "%" PRIu64 " planned = %" PRIu64 " sent + %" PRIu64 " not sent\n",
                    s->planned, s->sent, s->not_sent);
}

/* Why there is less than was planned; NULL: there is not. */
static const char *why_stopped(const struct tk_report *r)
{
    if (r->is_cut)
        return "the run did not come to its end: what is here was on disk";
    if (!r->is_interrupted)
        return NULL;
    return r->is_terminated ? "stopped by SIGTERM" : "stopped by Ctrl-C";
}

static void put_counts(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;

    tk__text_heading(t, "Requests");
    put_planned(t);
    tk__text_indent(t);
    tk_buf_addf(t->out,
                "%" PRIu64 " %s = %" PRIu64 " succeeded + %" PRIu64 " failed + %" PRIu64
                " cancelled\n",
                s->sent, s->is_damaged ? "read" : "sent", s->succeeded, s->failed, s->cancelled);
}

static void put_why_stopped(struct tk__text *t)
{
    const char *why = why_stopped(t->r);

    if (!why)
        return;
    tk__text_indent(t);
    tk_buf_addf(t->out, "%s\n", why);
}

static void put_requests(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;

    put_counts(t);
    for (int e = 0; e < TK_END_N_; e++) {
        if (tk_end_is_failure((enum tk_end)e))
            put_end(t, (enum tk_end)e);
    }
    put_cancelled(t);
    if (s->resends > 0) {
        tk__text_indent(t);
        tk_buf_addf(t->out, "%8" PRIu64 " sent again: a kept connection had died\n", s->resends);
    }
    put_why_stopped(t);
    put_segments(t);
    if (s->is_damaged) {
        tk__text_indent(t);
        tk_buf_add_z(t->out, "the run file is damaged: what could be read of it is here; rates are "
                             "too low by what is lost\n");
    }
}

/* --- the table --- */

/* In the order of the table; an open load has those from due in front. */
static const enum tk_metric from_due[] = { TK_METRIC_TTFT_DUE, TK_METRIC_TTAT_DUE,
                                           TK_METRIC_E2EL_DUE };
static const enum tk_metric from_sent[] = { TK_METRIC_TTFT,      TK_METRIC_TTAT,
                                            TK_METRIC_TPOT,      TK_METRIC_TOKEN_GAP,
                                            TK_METRIC_CHUNK_GAP, TK_METRIC_E2EL };
/* In front of them where each request has a connection of its own: what comes before it is sent. */
static const enum tk_metric before_sent[] = { TK_METRIC_CONNECT, TK_METRIC_TLS };

/* Answers differ from first tokens where a model reasons; gaps between chunks stand in where those
 * between tokens are not known for all. */
static bool is_shown(const struct tk_summary *s, enum tk_metric m)
{
    const struct tk_stats *ok = &s->metrics[m].ok;

    if (ok->n == 0)
        return false;
    if (m == TK_METRIC_TTAT || m == TK_METRIC_TTAT_DUE)
        return s->metrics[TK_METRIC_REASONING_TOKENS].ok.max > 0 || s->n_answer_later > 0;
    if (m == TK_METRIC_CHUNK_GAP)
        return s->metrics[TK_METRIC_TOKEN_GAP].ok.n != ok->n;
    return true;
}

static void put_cell(struct tk__text *t, double value, bool is_marked)
{
    char text[32];

    tk_buf_addf(t->out, " %9s%c", tk_report_ms(value, text), is_marked ? '~' : ' ');
}

static void put_row(struct tk__text *t, enum tk_metric m, const struct tk_stats *st)
{
    const struct tk_metric_def *def = tk_metric_def(m);
    double scale = tk_unit_scale(def->unit);

    bool is_touched = t->r->verdict.is_touched[m];

    t->has_star = t->has_star || is_touched;
    tk_buf_addf(t->out, "%c %-*s %8zu", is_touched ? '*' : ' ', NAME_COLUMNS, def->label, st->n);
    put_cell(t, st->n_infinite > 0 ? NAN : st->mean * scale, false);
    for (size_t i = 0; i < st->n_percentiles; i++) {
        const struct tk_stats_percentile *p = &st->percentiles[i];
        put_cell(t, p->value * scale, !p->is_certified);
        t->is_marked[i] = t->is_marked[i] || !p->is_certified;
        t->has_mark = t->has_mark || !p->is_certified;
    }
    put_cell(t, st->max * scale, false);
    while (t->out->n > 0 && t->out->p[t->out->n - 1] == ' ')
        t->out->n--;
    tk_buf_add_c(t->out, '\n');
}

static void put_columns(struct tk__text *t, const char *title)
{
    const struct tk_stats *st = &t->r->summary->metrics[TK_METRIC_E2EL].ok;
    char percent[32], name[40];

    tk__text_bold(t, title, NAME_COLUMNS + 2);
    tk_buf_addf(t->out, " %8s %9s ", "n", "mean");
    for (size_t i = 0; i < st->n_percentiles; i++) {
        (void)snprintf(name, sizeof(name), "p%s", tk_report_percent(st->percentiles[i].p, percent));
        tk_buf_addf(t->out, " %9s ", name);
    }
    tk_buf_addf(t->out, " %9s\n", "max");
}

static void put_rows(struct tk__text *t, const enum tk_metric *list, size_t n, bool is_all)
{
    const struct tk_summary *s = t->r->summary;

    for (size_t i = 0; i < n; i++) {
        if (is_shown(s, list[i]))
            put_row(t, list[i], is_all ? &s->metrics[list[i]].all : &s->metrics[list[i]].ok);
    }
}

static void put_all(struct tk__text *t, bool is_open)
{
    static const enum tk_metric closed[] = { TK_METRIC_TTFT, TK_METRIC_E2EL };
    static const enum tk_metric open[] = { TK_METRIC_TTFT_DUE, TK_METRIC_E2EL_DUE, TK_METRIC_TTFT,
                                           TK_METRIC_E2EL };

    put_columns(t, "Failures as infinite, ms");
    if (is_open)
        put_rows(t, open, TK_ARRAY_LEN(open), true);
    else
        put_rows(t, closed, TK_ARRAY_LEN(closed), true);
}

/* "p99 needs 662, p99.9 needs 6636" */
static void put_mark(struct tk__text *t)
{
    const struct tk_stats *st = &t->r->summary->metrics[TK_METRIC_E2EL].ok;
    const char *comma = "";
    char percent[32];

    tk_buf_add_z(t->out, "  ~ too few samples to know it with 99 % confidence: ");
    for (size_t i = 0; i < st->n_percentiles; i++) {
        if (!t->is_marked[i] || st->percentiles[i].floor == SIZE_MAX)
            continue;
        tk_buf_addf(t->out, "%sp%s needs %zu", comma,
                    tk_report_percent(st->percentiles[i].p, percent), st->percentiles[i].floor);
        comma = ", ";
    }
    tk_buf_add_c(t->out, '\n');
}

/* The client was the limit: these are not the server's alone. */
static void put_star(struct tk__text *t)
{
    if (t->has_star)
        tk_buf_add_z(t->out, "  * the client was the limit and is in this figure: see Client\n");
}

static void put_table(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;
    bool is_open = t->r->plan.rate > 0;

    tk_buf_add_c(t->out, '\n');
    if (s->succeeded == 0) {
        tk_buf_add_z(t->out, "No request succeeded: there are no latencies.\n\n");
        return;
    }
    put_columns(t, s->failed > 0 ? "Latency of the successes, ms" : "Latency, ms");
    if (is_open)
        put_rows(t, from_due, TK_ARRAY_LEN(from_due), false);
    if (t->r->plan.is_new_connection)
        put_rows(t, before_sent, TK_ARRAY_LEN(before_sent), false);
    put_rows(t, from_sent, TK_ARRAY_LEN(from_sent), false);
    if (s->failed > 0)
        put_all(t, is_open);
    if (t->has_mark)
        put_mark(t);
    put_star(t);
    tk_buf_add_c(t->out, '\n');
}

/* --- a line each --- */

/* With the mark of the table where the client was the limit. */
static void put_rate_heading(struct tk__text *t, const char *word)
{
    tk__text_heading(t, word);
    if (t->r->verdict.are_rates_touched)
        tk_buf_add_z(t->out, "* ");
    if (t->r->summary->is_damaged)
        tk_buf_add_z(t->out, "at least ");
}

static void put_token_rate(struct tk__text *t, const char *what, double rate)
{
    if (isnan(rate))
        tk_buf_addf(t->out, "%s tokens/s not known, ", what);
    else
        tk_buf_addf(t->out, "%.1f %s tokens/s, ", rate, what);
}

static void put_throughput(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;

    put_rate_heading(t, "Throughput");
    tk_buf_addf(t->out, "%.2f requests/s, ", s->request_throughput);
    put_token_rate(t, "prompt", s->input_throughput);
    put_token_rate(t, "output", s->output_throughput);
    tk_buf_addf(t->out, "over %.3f s\n", s->duration);
}

static void put_goodput(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;
    char ms[32];

    if (!s->has_goodput)
        return;
    if (s->no_figure != TK_METRIC_N_) {
        tk__text_heading(t, "Goodput");
        tk_buf_addf(t->out, "not known: no reply has a value of %s\n",
                    tk_metric_def(s->no_figure)->name);
        return;
    }
    put_rate_heading(t, "Goodput");
    tk_buf_addf(t->out, "%.2f requests/s: %.1f %% had", s->goodput, 100 * s->good_share);
    for (size_t i = 0; i < t->r->n_slos; i++) {
        const struct tk_metric_def *def = tk_metric_def(t->r->slos[i].metric);
        tk_buf_addf(t->out, "%s %s <= %s ms", i > 0 ? "," : "", def->name,
                    tk_report_ms((double)t->r->slos[i].limit * tk_unit_scale(def->unit), ms));
    }
    tk_buf_add_c(t->out, '\n');
}

static void put_token_sum(struct tk__text *t, int64_t n, const char *what)
{
    if (n < 0)
        tk_buf_addf(t->out, "not known of the %s", what);
    else
        tk_buf_addf(t->out, "%" PRId64 " %s", n, what);
}

static void put_tokens(struct tk__text *t)
{
    const struct tk_summary *s = t->r->summary;

    put_rate_heading(t, "Concurrency");
    tk_buf_addf(t->out, "mean %.1f, peak %" PRIu64 "\n", s->mean_concurrency, s->peak_concurrency);
    tk__text_heading(t, "Tokens");
    put_token_sum(t, s->prompt_tokens, "prompt, ");
    put_token_sum(t, s->output_tokens, "output; ");
    tk_buf_addf(t->out, "counted by the server in %" PRIu64 " of %" PRIu64 " replies",
                s->n_tokens_usage, s->succeeded);
    if (s->n_tokens_events > 0)
        tk_buf_addf(t->out, ", as events in %" PRIu64, s->n_tokens_events);
    if (s->n_tokens_unknown > 0)
        tk_buf_addf(t->out, ", unknown in %" PRIu64, s->n_tokens_unknown);
    if (s->n_prompt_unknown > 0 && s->prompt_tokens >= 0)
        tk_buf_addf(t->out, "; those of the prompt are unknown in %" PRIu64, s->n_prompt_unknown);
    tk_buf_add_c(t->out, '\n');
    if (s->n_gap_method[TK_GAP_UNKNOWN] > 0) {
        tk__text_indent(t);
        tk_buf_addf(t->out, "%s (%" PRIu64 " replies)\n", tk_gap_method_text(TK_GAP_UNKNOWN),
                    s->n_gap_method[TK_GAP_UNKNOWN]);
    }
}

static void put_places(struct tk__text *t)
{
    if (t->r->run_path) {
        tk__text_heading(t, "Run file");
        tk_buf_addf(t->out, "%s\n", t->r->run_path);
    }
    if (t->r->json_path) {
        tk__text_heading(t, "JSON");
        tk_buf_addf(t->out, "%s\n", t->r->json_path);
    }
}

int tk_report_text(const struct tk_report *r, struct tk_buf *out)
{
    struct tk__text t = { .r = r, .out = out };

    put_head(&t);
    put_requests(&t);
    put_table(&t);
    tk__report_stages(&t);
    put_throughput(&t);
    tk__report_recovery(&t);
    put_goodput(&t);
    put_tokens(&t);
    tk__text_client(&t, false);
    put_places(&t);
    return out->failed;
}

int tk_report_client(const struct tk_report *r, struct tk_buf *out)
{
    struct tk__text t = { .r = r, .out = out };

    if (why_stopped(r)) {
        put_counts(&t);
        put_why_stopped(&t);
    }
    if (r->plan.rate > 0 && r->summary->succeeded > 0) {
        put_columns(&t, "Latency from due, ms");
        put_rows(&t, from_due, TK_ARRAY_LEN(from_due), false);
        if (t.has_mark)
            put_mark(&t);
        put_star(&t);
    }
    tk__text_client(&t, true);
    put_places(&t);
    return out->failed;
}
