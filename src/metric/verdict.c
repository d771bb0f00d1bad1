/* verdict.c - was the client the limit?
 *
 *   summary, health, asked ─► a value per cause ─► past its limit? ─► causes ─► figures they touch
 *
 * What cannot be measured (no gaps, no traces, no kernel stamps, a run that was killed) is not judged,
 * and the report says which. A verdict of "not the limit" holds for what was judged.
 */
#include "metric/verdict.h"

#include <math.h>
#include <string.h>

/* With fewer requests one alone is more than 1 %. */
#define RATE_LEAST_REQUESTS 100

/* Without stamps a wait for a processor is a cause by itself, so it has to be a long one. */
#define BLIND_LEAST_WAIT 0.10

/* clang-format off */
static const struct tk_cause_def defs[TK_CAUSE_N_] = {
    [TK_CAUSE_SLOW_WRITER] = {
        "slow-writer", "releases that waited for the run file", TK_CAUSE_COUNT, false, false,
        0, 0, "",
        "times that a worker stopped releasing because records not written yet filled their memory",
        TK_TOUCH_ALL,
        "write the run file to a faster disk, keep less (--record requests) or none of it (--no-file)",
    },
    [TK_CAUSE_SLOW_MAKER] = {
        "slow-maker", "releases that waited for their prompts", TK_CAUSE_COUNT, false, false,
        0, 0, "",
        "times that a worker stopped releasing because the next prompt was not made yet",
        TK_TOUCH_ALL,
        "the load asks for prompts faster than they are made beside it: make them all before it starts "
        "(--prepare-all), or ask for shorter ones",
    },
    [TK_CAUSE_OWN_FAILURES] = {
        "own-failures", "requests that failed for want of memory or files", TK_CAUSE_COUNT, false, false,
        0, 0, "",
        "requests that ended as `client`",
        TK_TOUCH_ALL,
        "raise the limits that the failures name (ulimit -n, memory), or ask for fewer at a time",
    },
    [TK_CAUSE_NO_PROCESSOR] = {
        "no-processor", "wait for a processor in the worst second", TK_CAUSE_PERCENT, false, true,
        0.02, 0.5, "the CPU that it had in that second",
        "time in which a worker was ready to run and had no processor / 1 s; the worker and the second "
        "with the most",
        TK_TOUCH_RATES | TK_TOUCH_DUE | TK_TOUCH_GAPS,
        "something else runs on the client's processors: stop it, give the client some of its own, or let it go "
        "first (--realtime)",
    },
    [TK_CAUSE_BUSY] = {
        "busy", "CPU of the busiest worker in its busiest second", TK_CAUSE_PERCENT, false, false,
        0.90, 0, "",
        "CPU time of a worker / 1 s; the worker and the second with the most",
        TK_TOUCH_RATES | TK_TOUCH_DUE | TK_TOUCH_GAPS,
        "give it more workers (--workers) and processors, or load from more machines",
    },
    [TK_CAUSE_RATE_MISSED] = {
        "rate-missed", "requests sent, of those that could be", TK_CAUSE_PERCENT, true, false,
        0.99, 0, "",
        "100 * requests sent by the end of the schedule (and 1 ms) / requests that were due by then and "
        "had a permit; of 100 and more",
        TK_TOUCH_ALL,
        "the server got a lower load than asked: ask for a lower rate, or give the client more "
        "processors (--workers)",
    },
    [TK_CAUSE_LATE_SENDING] = {
        "late-sending", "p99 of lateness of sending", TK_CAUSE_MS, false, false,
        1.0 * TK_NS_PER_MS, 0.01, "the median time to first token (end-to-end latency, where replies come whole)",
        "sent - ready - connecting; ready: the later of due and the instant at which a permit was free",
        TK_TOUCH_RATES | TK_TOUCH_DUE,
        "the load is not quite the one asked for, and latencies from due hold the lateness: give the client "
        "more processors (--workers), or ask for less",
    },
    [TK_CAUSE_LATE_READING] = {
        "late-reading", "p99 of the delay from arrival to reading", TK_CAUSE_MS, false, false,
        0, 0.10, "the median gap between chunks that came apart",
        "seen - arrived, of each read with a kernel stamp",
        TK_TOUCH_GAPS,
        "the kernel's stamps keep it out of latencies as long as events are not joined: give the client "
        "more processors (--workers), or less to read",
    },
    [TK_CAUSE_JOINED_EVENTS] = {
        "joined-events", "events that came in late reads of several", TK_CAUSE_PERCENT, false, false,
        0.01, 0, "",
        "100 * events in reads of several that were seen more than 1 ms after they had arrived / events",
        TK_TOUCH_GAPS,
        "they share the last one's instant: gaps between them are lost, the one before is too long; give "
        "the client more processors (--workers), or less to read",
    },
    [TK_CAUSE_JOINED_FIRSTS] = {
        "joined-firsts", "first tokens that came in late reads, others behind them", TK_CAUSE_PERCENT,
        false, false,
        0.01, 0, "",
        "100 * requests whose first token shares a read, seen more than 1 ms late, with later events / "
        "requests with a first token",
        TK_TOUCH_FIRST,
        "their time to first token is that of a later one: give the client more processors (--workers), "
        "or less to read",
    },
};

/* Which figures belong to a touch. */
static const unsigned groups[TK_METRIC_N_] = {
    [TK_METRIC_TTFB] = TK_TOUCH_SENT,
    [TK_METRIC_TTFE] = TK_TOUCH_SENT | TK_TOUCH_FIRST,
    [TK_METRIC_TTFT] = TK_TOUCH_SENT | TK_TOUCH_FIRST,
    [TK_METRIC_TTAT] = TK_TOUCH_SENT | TK_TOUCH_FIRST,
    [TK_METRIC_TPOT] = TK_TOUCH_SENT | TK_TOUCH_FIRST | TK_TOUCH_GAPS,
    [TK_METRIC_CHUNK_GAP] = TK_TOUCH_GAPS,
    [TK_METRIC_TOKEN_GAP] = TK_TOUCH_GAPS,
    [TK_METRIC_E2EL] = TK_TOUCH_SENT,
    [TK_METRIC_TOTAL] = TK_TOUCH_SENT,
    [TK_METRIC_TTFB_DUE] = TK_TOUCH_DUE,
    [TK_METRIC_TTFE_DUE] = TK_TOUCH_DUE | TK_TOUCH_FIRST,
    [TK_METRIC_TTFT_DUE] = TK_TOUCH_DUE | TK_TOUCH_FIRST,
    [TK_METRIC_TTAT_DUE] = TK_TOUCH_DUE | TK_TOUCH_FIRST,
    [TK_METRIC_E2EL_DUE] = TK_TOUCH_DUE,
    [TK_METRIC_TOTAL_DUE] = TK_TOUCH_DUE,
};
/* clang-format on */

const char *const tk_touched_figures[] = {
    "request_throughput",
    "input_throughput",
    "output_throughput",
    "total_throughput",
    "goodput",
    "peak_concurrency",
    "mean_concurrency",
    NULL,
};

const struct tk_cause_def *tk_cause_def(enum tk_cause c)
{
    return &defs[c];
}

const char *tk_cause_unit_word(enum tk_cause_unit u)
{
    return u == TK_CAUSE_MS ? "ms" : u == TK_CAUSE_PERCENT ? "%" : "";
}

double tk_cause_unit_scale(enum tk_cause_unit u)
{
    return u == TK_CAUSE_MS ? 1e-6 : u == TK_CAUSE_PERCENT ? 100 : 1;
}

/* --- what was measured: NAN where nothing was --- */

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

static double measure_own(const struct tk_summary *s, enum tk_cause c)
{
    const struct tk_summary_own *own = &s->own;

    switch (c) {
    case TK_CAUSE_OWN_FAILURES:
        return (double)s->ends[TK_END_CLIENT].n;
    case TK_CAUSE_RATE_MISSED:
        return own->pace.ready >= RATE_LEAST_REQUESTS ? share(own->pace.sent, own->pace.ready)
                                                      : (double)NAN;
    case TK_CAUSE_LATE_SENDING:
        return own->lateness.p99;
    case TK_CAUSE_LATE_READING:
        return own->reading.p99;
    case TK_CAUSE_JOINED_EVENTS:
        return own->reading.n > 0 ? share(own->n_events_late, own->n_events) : (double)NAN;
    case TK_CAUSE_JOINED_FIRSTS:
        return own->reading.n > 0 ? share(own->n_firsts_late, own->n_firsts) : (double)NAN;
    default:
        return (double)NAN;
    }
}

static double measure(const struct tk_summary *s, const struct tk_health *h, enum tk_cause c)
{
    switch (c) {
    case TK_CAUSE_SLOW_WRITER:
        return h ? (double)h->records_full : (double)NAN;
    case TK_CAUSE_SLOW_MAKER:
        return h ? (double)h->bodies_late : (double)NAN;
    case TK_CAUSE_NO_PROCESSOR:
        return h ? h->max_worker_starved : (double)NAN;
    case TK_CAUSE_BUSY:
        return h ? h->max_worker_cpu : (double)NAN;
    default:
        return measure_own(s, c);
    }
}

/* What a cause's limit is a share of. */
static double reference(const struct tk_summary *s, const struct tk_health *h, enum tk_cause c)
{
    if (c == TK_CAUSE_NO_PROCESSOR)
        return h ? h->cpu_when_starved : (double)NAN;
    if (c == TK_CAUSE_LATE_SENDING)
        return s->own.median_first;
    return c == TK_CAUSE_LATE_READING ? s->own.median_gap : 0;
}

/* Without a median to compare with, the fixed part alone is the limit; without that either there is
 * none. */
static double limit_of(const struct tk_cause_def *def, double of)
{
    if (def->share == 0)
        return def->least;
    if (isnan(of))
        return def->least > 0 ? def->least : (double)NAN;
    return fmax(def->least, def->share * of);
}

/* No read has the kernel's stamp: whatever delays the client is in every latency, and cannot be
 * measured apart. */
static bool is_blind(const struct tk_summary *s)
{
    return s->n_reads > 0 && s->own.reading.n == 0;
}

static struct tk_finding find(const struct tk_summary *s, const struct tk_health *h,
                              enum tk_cause c)
{
    const struct tk_cause_def *def = &defs[c];
    struct tk_finding f = { .measured = measure(s, h, c),
                            .limit = limit_of(def, reference(s, h, c)) };

    if (c == TK_CAUSE_NO_PROCESSOR && is_blind(s))
        f.limit = fmax(f.limit, BLIND_LEAST_WAIT);
    f.is_judged = !isnan(f.measured) && !isnan(f.limit);
    if (!f.is_judged)
        f.measured = f.limit = (double)NAN;
    else
        f.is_cause = def->is_below ? f.measured < f.limit : f.measured > f.limit;
    return f;
}

bool tk_verdict_is_starved(const struct tk_health *h)
{
    /* A comparison with NAN, where the kernel does not say, is false. */
    return h->max_worker_starved > limit_of(&defs[TK_CAUSE_NO_PROCESSOR], h->cpu_when_starved);
}

/* --- the verdict --- */

static void touch(struct tk_verdict *v, unsigned touches, const struct tk_asked *asked)
{
    if (!asked->is_scheduled) /* due is when it was released: nothing of the client's is in it */
        touches &= ~(unsigned)TK_TOUCH_DUE;
    v->are_rates_touched = v->are_rates_touched || (touches & TK_TOUCH_RATES);
    for (int m = 0; m < TK_METRIC_N_; m++)
        v->is_touched[m] = v->is_touched[m] || (groups[m] & touches);
}

void tk_verdict_find(const struct tk_summary *s, const struct tk_health *h,
                     const struct tk_asked *asked, struct tk_verdict *ret)
{
    bool is_felt = is_blind(s);

    memset(ret, 0, sizeof(*ret));
    for (int c = 0; c < TK_CAUSE_N_; c++) {
        ret->findings[c] = find(s, h, (enum tk_cause)c);
        is_felt = is_felt || (ret->findings[c].is_cause && !defs[c].has_to_be_felt);
    }
    for (int c = TK_CAUSE_N_ - 1; c >= 0; c--) {
        struct tk_finding *f = &ret->findings[c];
        f->is_cause = f->is_cause && (is_felt || !defs[c].has_to_be_felt);
        if (!f->is_cause)
            continue;
        ret->is_limit = true;
        ret->first = (enum tk_cause)c;
        touch(ret, is_blind(s) ? TK_TOUCH_ALL : defs[c].touches, asked);
    }
}

/* --- the glossary --- */

static void put_limit(struct tk_buf *out, const struct tk_cause_def *d)
{
    const char *unit = tk_cause_unit_word(d->unit);
    const char *word = d->is_below ? "below" : "above";
    double least = d->least * tk_cause_unit_scale(d->unit);

    if (d->share > 0 && d->least > 0)
        tk_buf_addf(out, "%s the greater of %g %s and %g %% of %s", word, least, unit,
                    100 * d->share, d->of);
    else if (d->share > 0)
        tk_buf_addf(out, "%s %g %% of %s", word, 100 * d->share, d->of);
    else
        tk_buf_addf(out, "%s %g%s%s", word, least, unit[0] ? " " : "", unit);
}

static void put_touches(struct tk_buf *out, unsigned touches)
{
    static const char *const words[] = { "rates", "latencies from due", "latencies from sent",
                                         "gaps", "first tokens" };
    const char *comma = "";

    if (touches == TK_TOUCH_ALL) {
        tk_buf_add_z(out, "all");
        return;
    }
    for (size_t i = 0; i < TK_ARRAY_LEN(words); i++) {
        if (!(touches & 1U << i))
            continue;
        tk_buf_addf(out, "%s%s", comma, words[i]);
        comma = ", ";
    }
}

void tk_verdict_write(struct tk_buf *out)
{
    tk_buf_add_z(out, "| cause | the client was the limit, with | touches |\n|---|---|---|\n");
    for (int c = 0; c < TK_CAUSE_N_; c++) {
        const struct tk_cause_def *d = &defs[c];
        tk_buf_addf(out, "| %s | %s: ", d->name, d->label);
        put_limit(out, d);
        tk_buf_add_z(out, d->has_to_be_felt ? ", beside another cause | " : " | ");
        put_touches(out, d->touches);
        tk_buf_add_z(out, " |\n");
    }
    tk_buf_add_c(out, '\n');
    for (int c = 0; c < TK_CAUSE_N_; c++)
        tk_buf_addf(out, "- **%s**: %s. What to do: %s.\n", defs[c].name, defs[c].formula,
                    defs[c].advice);
}
