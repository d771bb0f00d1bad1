/* test_verdict.c - the rule: each cause just within its limit and just past it
 *
 * The numbers are those of the design, written here once more by hand: a change of the table has to
 * be made in both.
 */
#include "metric/verdict.h"

#include <math.h>
#include <string.h>

#include "lib/tap.h"

#define MS (1e6)

struct world {
    struct tk_summary s;
    struct tk_health h;
    struct tk_asked asked;
    struct tk_verdict v;
};

static struct world w;

/* A run of an open load in which all is well: TTFT 50 ms, gaps of 10 ms. */
static void begin(void)
{
    memset(&w, 0, sizeof(w));
    tk_health_init(&w.h);
    w.h.max_worker_cpu = 0.2;
    w.h.max_worker_starved = 0.01;
    w.h.cpu_when_starved = 0.15;
    w.asked.is_scheduled = true;
    w.s.sent = w.s.succeeded = 1000;
    w.s.own = (struct tk_summary_own){
        .lateness = { .n = 1000, .mean = 1e4, .p50 = 1e4, .p99 = 1e5, .max = 1e6 },
        .reading = { .n = 9000, .mean = 1e4, .p50 = 1e4, .p99 = 1e5, .max = 1e6 },
        .pace = { .ready = 1000, .sent = 1000 },
        .n_event_reads = 9000,
        .n_events = 10000,
        .max_events = 2,
        .n_firsts = 1000,
        .median_gap = 10 * MS,
        .median_first = 50 * MS,
    };
}

static void judge(void)
{
    tk_verdict_find(&w.s, &w.h, &w.asked, &w.v);
}

/* With the value in place now the client is not the limit. */
static void is_within(const char *name)
{
    judge();
    T_OK(!w.v.is_limit, "%s: within its limit", name);
}

/* Now it is, for this cause alone. */
static void is_past(enum tk_cause cause)
{
    const char *name = tk_cause_def(cause)->name;

    judge();
    T_OK(w.v.is_limit && w.v.first == cause, "%s: past its limit", name);
    for (int c = 0; c < TK_CAUSE_N_; c++)
        T_EQ_I(w.v.findings[c].is_cause, c == (int)cause, "%s: and %s", name,
               tk_cause_def((enum tk_cause)c)->name);
}

static void test_well(void)
{
    begin();
    is_within("all");
    for (int c = 0; c < TK_CAUSE_N_; c++)
        T_OK(w.v.findings[c].is_judged, "%s is judged", tk_cause_def((enum tk_cause)c)->name);
    for (int m = 0; m < TK_METRIC_N_; m++)
        T_OK(!w.v.is_touched[m], "%s is not touched", tk_metric_def((enum tk_metric)m)->name);
    T_OK(!w.v.are_rates_touched, "nor are rates");
}

static void test_late_sending(void)
{
    begin();
    w.s.own.lateness.p99 = 1.0 * MS;
    is_within("1 ms of lateness");
    w.s.own.lateness.p99 = 1.001 * MS;
    is_past(TK_CAUSE_LATE_SENDING);
    T_OK(w.v.is_touched[TK_METRIC_TTFT_DUE] && w.v.is_touched[TK_METRIC_E2EL_DUE], "from due");
    T_OK(!w.v.is_touched[TK_METRIC_TTFT] && !w.v.is_touched[TK_METRIC_CHUNK_GAP], "not from sent");
    T_OK(w.v.are_rates_touched, "and rates");
    w.asked.is_scheduled = false;
    is_past(TK_CAUSE_LATE_SENDING);
    T_OK(!w.v.is_touched[TK_METRIC_TTFT_DUE], "in a closed load due holds no lateness");

    begin();
    w.s.own.median_first = 500 * MS;
    w.s.own.lateness.p99 = 5.0 * MS;
    is_within("1 % of the median TTFT, where that is more");
    w.s.own.lateness.p99 = 5.001 * MS;
    is_past(TK_CAUSE_LATE_SENDING);
    w.s.own.median_first = (double)NAN;
    judge();
    T_NEAR(w.v.findings[TK_CAUSE_LATE_SENDING].limit, 1 * MS, 0, "no success: 1 ms");
}

static void test_late_reading(void)
{
    begin();
    w.s.own.reading.p99 = 1.0 * MS;
    is_within("10 % of the median gap");
    w.s.own.reading.p99 = 1.001 * MS;
    is_past(TK_CAUSE_LATE_READING);
    T_OK(w.v.is_touched[TK_METRIC_CHUNK_GAP] && w.v.is_touched[TK_METRIC_TOKEN_GAP], "gaps");
    T_OK(!w.v.is_touched[TK_METRIC_TTFT] && !w.v.are_rates_touched, "and nothing else");
    w.s.own.median_gap = (double)NAN;
    is_within("without gaps");
    T_OK(!w.v.findings[TK_CAUSE_LATE_READING].is_judged, "because it is not judged");
}

static void test_joined(void)
{
    begin();
    w.s.own.n_events_late = 100;
    is_within("1 % of the events");
    w.s.own.n_events_late = 101;
    is_past(TK_CAUSE_JOINED_EVENTS);
    T_OK(w.v.is_touched[TK_METRIC_CHUNK_GAP] && !w.v.is_touched[TK_METRIC_TTFT], "gaps again");

    begin();
    w.s.own.n_firsts_late = 10;
    is_within("1 % of the first tokens");
    w.s.own.n_firsts_late = 11;
    is_past(TK_CAUSE_JOINED_FIRSTS);
    T_OK(w.v.is_touched[TK_METRIC_TTFT] && w.v.is_touched[TK_METRIC_TTFT_DUE], "first tokens");
    T_OK(!w.v.is_touched[TK_METRIC_E2EL] && !w.v.is_touched[TK_METRIC_CHUNK_GAP], "and no others");
    w.s.own.reading.n = 0;
    is_within("without a kernel stamp nobody knows");
    T_OK(!w.v.findings[TK_CAUSE_JOINED_FIRSTS].is_judged, "so it is not judged");
}

static void test_processor(void)
{
    begin();
    w.h.max_worker_cpu = 0.90;
    is_within("90 % of a core");
    w.h.max_worker_cpu = 0.901;
    is_past(TK_CAUSE_BUSY);
    T_OK(w.v.is_touched[TK_METRIC_TTFT_DUE] && !w.v.is_touched[TK_METRIC_TTFT], "what it delays");
    w.h.max_worker_cpu = (double)NAN;
    is_within("a phase that is too short to tell");

    begin();
    w.h.max_worker_starved = 0.9;
    is_within("a wait for a processor that was not felt");
    w.s.own.lateness.p99 = 2 * MS;
    judge();
    T_OK(w.v.findings[TK_CAUSE_NO_PROCESSOR].is_cause, "felt, it is a cause");
    T_EQ_I(w.v.first, TK_CAUSE_NO_PROCESSOR, "and the one behind the other");
    w.h.max_worker_starved = 0.075;
    is_past(TK_CAUSE_LATE_SENDING); /* alone: half of the CPU in that second is the limit */
    w.h.max_worker_starved = 0.076;
    judge();
    T_OK(w.v.findings[TK_CAUSE_NO_PROCESSOR].is_cause, "more than half of it");
    w.h.cpu_when_starved = 0.001;
    w.h.max_worker_starved = 0.02;
    is_past(TK_CAUSE_LATE_SENDING); /* alone: at least 2 % */
    w.h.max_worker_starved = 0.021;
    judge();
    T_OK(w.v.findings[TK_CAUSE_NO_PROCESSOR].is_cause, "more than 2 %%");
}

/* By the health alone: half of the CPU that it had, and 2 % at least. */
static void test_starved(void)
{
    begin();
    w.h.max_worker_starved = 0.075;
    T_OK(!tk_verdict_is_starved(&w.h), "at the limit the machine is free");
    w.h.max_worker_starved = 0.076;
    T_OK(tk_verdict_is_starved(&w.h), "past it, it is not");
    w.h.max_worker_starved = (double)NAN;
    T_OK(!tk_verdict_is_starved(&w.h), "where the kernel does not say nothing is said");
}

static void test_rate(void)
{
    begin();
    w.s.own.pace.sent = 990;
    is_within("99 % sent");
    w.s.own.pace.sent = 989;
    is_past(TK_CAUSE_RATE_MISSED);
    T_OK(w.v.is_touched[TK_METRIC_TTFT] && w.v.is_touched[TK_METRIC_CHUNK_GAP], "another load");
    w.s.own.pace = (struct tk_pace){ .ready = 99, .sent = 1 };
    is_within("of 99 requests one is more than 1 %");
    w.s.own.pace = (struct tk_pace){ .ready = 100, .sent = 98 };
    is_past(TK_CAUSE_RATE_MISSED);
    w.s.own.pace = (struct tk_pace){ 0 };
    is_within("no schedule");
}

static void test_own(void)
{
    begin();
    w.h.records_full = 1;
    is_past(TK_CAUSE_SLOW_WRITER);
    T_OK(w.v.is_touched[TK_METRIC_E2EL] && w.v.are_rates_touched, "everything");
    w.h.records_full = 0;
    w.h.bodies_late = 1;
    is_past(TK_CAUSE_SLOW_MAKER);
    T_OK(w.v.is_touched[TK_METRIC_E2EL] && w.v.are_rates_touched, "everything");
    w.h.bodies_late = 0;
    is_within("no wait");
    w.s.ends[TK_END_CLIENT].n = 1;
    is_past(TK_CAUSE_OWN_FAILURES);
    w.s.ends[TK_END_CLIENT].n = 0;
    w.s.ends[TK_END_CONNECT].n = 500;
    is_within("failures that are the server's");
    T_OK(!w.v.is_touched[TK_METRIC_PROMPT_TOKENS], "counts of tokens are nobody's fault");
}

/* Without stamps every delay is in every figure, and none can be measured. */
static void test_blind(void)
{
    begin();
    w.s.n_reads = 9000;
    w.s.own.reading = (struct tk_delay){ .p99 = (double)NAN };
    is_within("no stamps");
    T_OK(!w.v.findings[TK_CAUSE_LATE_READING].is_judged, "reading is not judged");
    w.h.max_worker_starved = 0.10;
    is_within("a tenth of a second of waiting for a processor");
    w.h.max_worker_starved = 0.101;
    is_past(TK_CAUSE_NO_PROCESSOR);
    T_OK(w.v.is_touched[TK_METRIC_TTFT] && w.v.is_touched[TK_METRIC_TTFB], "it touches everything");
}

/* A run that was killed: what the engine alone knows is not judged, the rest is. */
static void test_cut(void)
{
    begin();
    w.h.max_worker_cpu = 1;
    w.h.records_full = 5;
    tk_verdict_find(&w.s, NULL, &w.asked, &w.v);
    T_OK(!w.v.is_limit, "without the engine's counts");
    T_OK(!w.v.findings[TK_CAUSE_BUSY].is_judged && !w.v.findings[TK_CAUSE_SLOW_WRITER].is_judged,
         "they are not judged");
    T_OK(isnan(w.v.findings[TK_CAUSE_BUSY].measured), "and have no value");
    w.s.own.lateness.p99 = 2 * MS;
    tk_verdict_find(&w.s, NULL, &w.asked, &w.v);
    T_OK(w.v.is_limit && w.v.first == TK_CAUSE_LATE_SENDING, "lateness is");
}

static void test_table(void)
{
    for (int c = 0; c < TK_CAUSE_N_; c++) {
        const struct tk_cause_def *d = tk_cause_def((enum tk_cause)c);
        bool is_whole = d->name && d->label && d->formula && d->advice && d->of;
        T_OK(is_whole, "cause %d is described", c);
        if (!is_whole)
            continue;
        T_OK(d->touches != 0, "%s touches something", d->name);
        T_OK((d->share > 0) == (d->of[0] != '\0'), "%s: a share is of something", d->name);
        T_OK(d->advice[strlen(d->advice) - 1] != '.', "%s: no full stop", d->name);
        for (int k = 0; k < c; k++)
            T_OK(strcmp(d->name, tk_cause_def((enum tk_cause)k)->name) != 0, "%s: one name",
                 d->name);
    }
    for (size_t i = 0; tk_touched_figures[i]; i++) {
        bool is_there = false;
        for (size_t k = 0; k < tk_n_figures; k++)
            is_there = is_there || strcmp(tk_figures[k].name, tk_touched_figures[i]) == 0;
        T_OK(is_there, "%s is a figure of the glossary", tk_touched_figures[i]);
    }
}

int main(void)
{
    test_well();
    test_late_sending();
    test_late_reading();
    test_joined();
    test_processor();
    test_starved();
    test_rate();
    test_own();
    test_blind();
    test_cut();
    test_table();
    return T_DONE();
}
