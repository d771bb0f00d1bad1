/* test_summary.c - the figures of small runs that can be worked out by hand */
#include "metric/summary.h"

#include <errno.h>
#include <math.h>

#include "lib/failmalloc.h"
#include "lib/tap.h"
#include "made.h"

#define TEXT (TK_CH_CHOICES | TK_CH_CONTENT)

static struct tk_blocks *pool;

static struct tk_sink *new_sink(void)
{
    struct tk_sink_conf conf = { .plan = TK_STR("{}"), .host = TK_STR("{}") };
    struct tk_sink *s = NULL;
    tk_sink_new(&conf, &s, NULL);
    return s;
}

static struct tk_summary *summary_of(struct tk_sink *s, const struct tk_summary_conf *conf)
{
    struct tk_summary *sum = NULL;
    struct tk_records *r = NULL;
    struct tk_err err = { 0 };

    T_EQ_I(tk_sink_finish(s, &err), 0, "finish");
    T_EQ_I(tk_sink_records(s, &r, &err), 0, "records");
    if (!T_EQ_I(tk_summary_new(r, conf, &sum, &err), 0, "summary"))
        printf("# %s\n", err.msg);
    tk_records_free(r);
    return sum;
}

/* Stream i: first token after 100 + i ms, three more 10 ms apart, usage of 4, the end 20 ms later. */
static void put_stream(struct tk_sink *s, uint64_t i, tk_ns sent_at, enum tk_end end)
{
    struct made_event e[6];
    for (unsigned k = 0; k < 4; k++)
        e[k] = (struct made_event){ .at_ms = 100 + (double)i + 10 * k, .channels = TEXT };
    e[3].channels |= TK_CH_FINISH;
    e[4] = (struct made_event){ .at_ms = 150 + (double)i, .channels = TK_CH_USAGE };
    e[5] = (struct made_event){ .at_ms = 150 + (double)i,
                                .channels = TK_CH_DONE,
                                .is_joined = true };
    struct made m = { .index = i,
                      .end = end,
                      .sent_at = sent_at,
                      .due_before = 2 * MS,
                      .output_tokens = 4,
                      .events = e,
                      .n_events = 6,
                      .has_trace = true };
    if (end == TK_END_CONNECT || end == TK_END_CANCELLED)
        m.n_events = m.output_tokens = 0;
    made_put(s, pool, &m);
}

/* Ten requests, one each 100 ms: seven succeed, 7 and 8 fail, 9 is cancelled. */
static void test_small(void)
{
    static const double ps[] = { 50, 90 };
    static const struct tk_slo slos[] = { { TK_METRIC_TTFT, 104 * MS },
                                          { TK_METRIC_CHUNK_GAP, 10 * MS } };
    struct tk_summary_conf conf = {
        .percentiles = ps,
        .n_percentiles = 2,
        .slos = slos,
        .n_slos = 2,
        .phase = TK_PHASE_MEASURE,
        .planned = 12,
    };
    struct tk_sink *s = new_sink();
    for (uint64_t i = 10; i-- > 0;) /* the last one first */
        put_stream(s, i, MADE_SENT + (tk_ns)i * 100 * MS,
                   i < 7    ? TK_END_OK
                   : i == 7 ? TK_END_RESET
                   : i == 8 ? TK_END_CONNECT
                            : TK_END_CANCELLED);
    struct tk_summary *sum = summary_of(s, &conf);

    T_EQ_U(sum->planned, 12, "planned");
    T_EQ_U(sum->sent, 10, "sent");
    T_EQ_U(sum->not_sent, 2, "not sent");
    T_EQ_U(sum->succeeded, 7, "succeeded");
    T_EQ_U(sum->failed, 2, "failed");
    T_EQ_U(sum->cancelled, 1, "cancelled");
    T_EQ_U(sum->ends[TK_END_RESET].n, 1, "one was reset");
    T_EQ_U(sum->ends[TK_END_CONNECT].first_index, 8, "the first that had no connection");
    T_EQ_S(sum->ends[TK_END_RESET].first_detail, "detail of 7", "its words");
    T_EQ_U(sum->n_cancelled_list, 1, "cancelled are listed");
    T_OK(sum->cancelled_list[0].index == 9 && sum->cancelled_list[0].age == 30 * MS + 30000,
         "with their age");
    T_NEAR(sum->cancelled_age.max, 30030000, 0, "and the oldest");

    /* From due of the first (2 ms before sent) to the end of the one that was cut last. */
    double duration = (900 + 30 + 0.03 + 2) / 1e3;
    T_NEAR(sum->duration, duration, 1e-9, "duration");
    T_NEAR(sum->request_throughput, 7 / duration, 1e-9, "request throughput");
    T_NEAR(sum->output_throughput, 28 / duration, 1e-9, "output throughput");
    T_NEAR(sum->input_throughput, 35 / duration, 1e-9, "input throughput");
    T_NEAR(sum->total_throughput, 63 / duration, 1e-9, "token throughput");
    T_EQ_U(sum->n_good, 5, "five of seven had their first token by 104 ms");
    T_NEAR(sum->goodput, 5 / duration, 1e-9, "goodput");
    T_NEAR(sum->good_share, 5.0 / 9, 1e-12, "share, failures miss");
    T_EQ_U(sum->peak_concurrency, 2, "peak concurrency");

    const struct tk_summary_metric *ttft = &sum->metrics[TK_METRIC_TTFT];
    T_EQ_U(ttft->ok.n, 7, "successes");
    T_NEAR(ttft->ok.mean, 103e6, 0, "mean over successes");
    T_NEAR(ttft->ok.std, 2e6, 1e-6, "deviation over successes");
    T_NEAR(ttft->ok.min, 100e6, 0, "smallest");
    T_NEAR(ttft->ok.max, 106e6, 0, "largest");
    T_NEAR(ttft->ok.percentiles[0].value, 103e6, 0, "median over successes");
    T_NEAR(ttft->ok.percentiles[1].value, 105.4e6, 1e-6, "p90 over successes, interpolated");
    T_EQ_U(ttft->all.n, 9, "all but the cancelled one");
    T_EQ_U(ttft->all.n_infinite, 2, "failures are infinite");
    T_NEAR(ttft->all.percentiles[0].value, 104e6, 0, "median over all, nearest rank");
    T_OK(isinf(ttft->all.percentiles[1].value), "p90 over all is infinite");
    T_OK(isinf(ttft->all.mean) && isinf(ttft->all.max), "so are mean and largest");
    T_OK(!ttft->ok.percentiles[0].is_certified, "7 samples do not certify a median");
    T_EQ_U(ttft->ok.percentiles[0].floor, 11, "11 do");
    T_OK(isnan(ttft->ok.percentiles[0].bound), "no bound");

    T_NEAR(sum->metrics[TK_METRIC_E2EL].ok.mean, 133e6, 0, "e2el");
    T_NEAR(sum->metrics[TK_METRIC_TOTAL].ok.mean, 153e6, 0, "total");
    T_NEAR(sum->metrics[TK_METRIC_TTFT_DUE].ok.mean, 105e6, 0, "ttft from due");
    T_NEAR(sum->metrics[TK_METRIC_TPOT].ok.mean, 10e6, 0, "tpot");
    T_EQ_U(sum->metrics[TK_METRIC_CHUNK_GAP].ok.n, 21, "gaps");
    T_EQ_U(sum->metrics[TK_METRIC_CHUNK_GAP].all.n, 23, "and one of each failure");
    T_EQ_U(sum->metrics[TK_METRIC_TOKEN_GAP].ok.n, 21, "one token each");
    T_EQ_U(sum->n_gap_method[TK_GAP_SINGLE], 7, "as usage says");
    T_EQ_U(sum->n_tokens_usage, 7, "tokens by usage");
    T_EQ_U(sum->metrics[TK_METRIC_CONNECT].ok.n, 0, "no connection was made for a request");
    T_OK(isnan(sum->metrics[TK_METRIC_CONNECT].ok.mean), "of nothing there is no mean");

    T_EQ_U(sum->n_reads, 8 * 5, "reads");
    T_EQ_U(sum->n_reads_kernel, 40, "all with a kernel stamp");
    T_EQ_U(sum->n_reads_several, 8, "usage and end mark came together");
    T_EQ_U(sum->n_reads_several_late, 0, "and were read in time");
    T_NEAR(sum->read_delay.max, 20000, 0, "delay in reading");
    T_NEAR(sum->send_delay.mean, 10000, 0, "delay in sending");
    T_NEAR(sum->send_late.mean, 2e6, 0, "lateness of sending");
    T_NEAR(sum->wait.mean, 2e6 - 10000, 0, "wait for a permit");
    T_EQ_U(sum->n_late_sends, 0, "no late sends");
    tk_summary_free(sum);
    tk_sink_free(s);
}

/* What the plan gave up has a first token, and no end; it is no failure, and is not judged. */
static void test_given_up(void)
{
    static const struct tk_slo slos[] = { { TK_METRIC_TTFT, 1 * MS } };
    struct tk_summary_conf conf = {
        .phase = TK_PHASE_MEASURE, .planned = -1, .slos = slos, .n_slos = 1
    };
    static const struct made_event one[] = { { .at_ms = 300, .channels = TEXT } };
    struct tk_sink *s = new_sink();
    struct made m = { .index = 1,
                      .end = TK_END_CANCELLED_BY_PLAN,
                      .events = one,
                      .n_events = 1,
                      .has_trace = true,
                      .more_flags = TK_REC_CANCEL_DUE };
    put_stream(s, 0, MADE_SENT, TK_END_OK);
    made_put(s, pool, &m);
    m.index = 2;
    m.more_flags |= TK_REC_CANCEL_BY_TIME;
    made_put(s, pool, &m);
    m.index = 3;
    m.end = TK_END_OK;
    made_put(s, pool, &m);
    struct tk_summary *sum = summary_of(s, &conf);

    T_EQ_U(sum->cancelled, 2, "given up: counted as cancelled");
    T_EQ_U(sum->cancelled_by_plan, 2, "given up: by the plan");
    T_EQ_U(sum->outlived_plan, 1, "given up: one had ended before");
    T_EQ_U(sum->failed, 0, "given up: none failed");
    T_EQ_U(sum->n_cancelled_list, 0, "given up: not listed among those that time cut off");
    T_EQ_U(sum->metrics[TK_METRIC_TTFT].ok.n, 3, "given up: after tokens, the first one counts");
    T_EQ_U(sum->metrics[TK_METRIC_TTFT_DUE].ok.n, 3, "given up: from due, too");
    T_EQ_U(sum->metrics[TK_METRIC_TTFT].all.n_infinite, 0, "given up: nothing is infinite");
    T_EQ_U(sum->metrics[TK_METRIC_E2EL].ok.n, 2, "given up: no end");
    T_EQ_U(sum->metrics[TK_METRIC_OUTPUT_TOKENS].ok.n, 2, "given up: no tokens");
    T_NEAR(sum->good_share, 0, 0, "given up: not judged");
    tk_summary_free(sum);
    tk_sink_free(s);
}

/* Spread gaps, mixed with requests whose server does not say. */
static void test_token_gaps(void)
{
    static const struct made_event said[] = {
        { .at_ms = 10, .channels = TEXT, .tokens = 1 },
        { .at_ms = 20, .channels = TEXT, .tokens = 1 },
        { .at_ms = 51, .channels = TEXT | TK_CH_FINISH, .tokens = 3 },
    };
    static const struct made_event single[] = {
        { .at_ms = 10, .channels = TEXT },
        { .at_ms = 40, .channels = TEXT },
    };
    struct tk_summary_conf conf = { .phase = TK_PHASE_MEASURE, .planned = -1 };
    struct tk_sink *s = new_sink();
    struct made m = { .events = single, .n_events = 2, .output_tokens = 2, .has_trace = true };
    made_put(s, pool, &m); /* one token each: 30 */
    m = (struct made){
        .index = 1, .events = said, .n_events = 3, .output_tokens = 5, .has_trace = true
    };
    made_put(s, pool, &m); /* 10, and 31 as three */
    m = (struct made){
        .index = 2, .events = single, .n_events = 2, .output_tokens = 9, .has_trace = true
    };
    made_put(s, pool, &m); /* nobody knows */
    struct tk_summary *sum = summary_of(s, &conf);

    const struct tk_stats *chunk = &sum->metrics[TK_METRIC_CHUNK_GAP].ok;
    const struct tk_stats *token = &sum->metrics[TK_METRIC_TOKEN_GAP].ok;
    T_EQ_U(sum->planned, 3, "as many planned as sent");
    T_EQ_U(chunk->n, 4, "gaps between chunks");
    T_NEAR(chunk->mean, (30 + 10 + 31 + 30) * 1e6 / 4, 0, "their mean");
    T_EQ_U(token->n, 5, "gaps between tokens: 30, 10, three of 31 / 3");
    T_NEAR(token->mean, (30 + 10 + 31) * 1e6 / 5, 0, "their mean: nothing was lost to rounding");
    T_NEAR(token->min, 10e6, 0, "the smallest");
    T_EQ_U(sum->n_gap_method[TK_GAP_SERVER], 1, "one server said it");
    T_EQ_U(sum->n_gap_method[TK_GAP_UNKNOWN], 1, "one did not");
    T_EQ_U(chunk->n_percentiles, 5, "percentiles by default");
    T_EQ_U(tk_summary_series(sum, TK_METRIC_TOKEN_GAP)->n, 5, "the values");
    tk_summary_free(sum);
    tk_sink_free(s);
}

/* What the records say of the client: two replies with reads that were late, and some of several. */
static void check_own(bool leaves_gaps_out)
{
    static const struct made_event first_joined[] = {
        { .at_ms = 10, .channels = TEXT }, /* the first token, and one behind it */
        { .at_ms = 10, .channels = TEXT, .is_joined = true },
        { .at_ms = 20, .channels = TEXT }, /* late, but alone */
        { .at_ms = 30, .channels = TEXT }, /* in time, and three */
        { .at_ms = 30, .channels = TEXT, .is_joined = true },
        { .at_ms = 30, .channels = TEXT, .is_joined = true },
    };
    static const struct made_event first_last[] = {
        { .at_ms = 9, .channels = TK_CH_CHOICES | TK_CH_ROLE },
        { .at_ms = 9, .channels = TEXT, .is_joined = true }, /* the last one: its stamp is right */
        { .at_ms = 21, .channels = TEXT },
    };
    static const double late[] = { 5, 0, 3, 0, 0, 0 };
    static const double first_late[] = { 5, 0, 0 };
    struct tk_summary_conf conf = { .phase = TK_PHASE_MEASURE,
                                    .planned = -1,
                                    .leaves_gaps_out = leaves_gaps_out };
    struct tk_sink *s = new_sink();
    struct made m = { .events = first_joined, .n_events = 6, .late_ms = late, .has_trace = true };
    made_put(s, pool, &m);
    m = (struct made){ .index = 1,
                       .sent_at = MADE_SENT + MS,
                       .events = first_last,
                       .n_events = 3,
                       .late_ms = first_late,
                       .has_trace = true };
    made_put(s, pool, &m);
    struct tk_summary *sum = summary_of(s, &conf);
    const struct tk_summary_own *own = &sum->own;

    T_EQ_U(own->n_events, 9, "events");
    T_EQ_U(own->n_event_reads, 5, "in reads");
    T_EQ_U(own->max_events, 3, "at most so many in one");
    T_EQ_U(own->n_events_late, 4, "in late reads of several");
    T_EQ_U(own->n_firsts, 2, "first tokens");
    T_EQ_U(own->n_firsts_late, 1, "with others behind them in a late read");
    T_EQ_U(own->reading.n, 5, "reads with a stamp");
    T_NEAR(own->reading.max, 5e6, 0, "the latest read");
    T_NEAR(own->reading.p50, 3e6, leaves_gaps_out ? 3e6 * 0.0005 : 0, "the middle one");
    T_NEAR(own->median_gap, 10e6, 10e6 * 0.0005, "gaps of 10, 10, 12; those of 0 do not count");
    T_NEAR(own->median_first, 9.5e6, 0, "first tokens after 10 and 9 ms");
    T_EQ_U(own->lateness.n, 2, "sent");
    T_NEAR(own->lateness.p99, 10000, 0, "10 us after their release");
    T_EQ_U(own->pace.ready, 0, "no schedule");
    tk_summary_free(sum);
    tk_sink_free(s);
}

static void test_own(void)
{
    check_own(false);
    check_own(true);
}

/* Gaps are left out where nobody shows them; all else stays. */
static void test_without_gaps(void)
{
    const struct tk_summary_conf conf = { .phase = TK_PHASE_MEASURE,
                                          .planned = -1,
                                          .leaves_gaps_out = true };
    struct tk_sink *s = new_sink();
    put_stream(s, 0, 1000 * MS, TK_END_OK);
    struct tk_summary *sum = summary_of(s, &conf);
    T_EQ_U(sum->metrics[TK_METRIC_CHUNK_GAP].ok.n, 0, "no gaps between chunks");
    T_EQ_U(sum->metrics[TK_METRIC_TOKEN_GAP].ok.n, 0, "nor between tokens");
    T_NEAR(sum->metrics[TK_METRIC_TTFT].ok.mean, 100e6, 0, "the rest is there");
    T_EQ_U(sum->read_delay.n, 5, "the client's own delays too");
    tk_summary_free(sum);
    tk_sink_free(s);
}

/* Enough samples: certified, with a bound; the same whoever came first. */
static void test_certified(void)
{
    static const double ps[] = { 50, 99 };
    struct tk_summary_conf conf = {
        .percentiles = ps, .n_percentiles = 2, .phase = TK_PHASE_MEASURE, .planned = 700
    };
    struct tk_sink *s = new_sink();
    for (uint64_t i = 0; i < 700; i++)
        put_stream(s, i, MADE_SENT + (tk_ns)i * MS, TK_END_OK);
    struct tk_summary *sum = summary_of(s, &conf);
    const struct tk_stats *t = &sum->metrics[TK_METRIC_TTFT].ok;
    T_OK(t->percentiles[1].is_certified, "700 samples certify p99");
    T_NEAR(t->percentiles[1].bound, 799e6, 0, "by the largest of them");
    T_NEAR(t->percentiles[1].value, (100 + 699 * 0.99) * 1e6, 1, "the estimate");
    T_OK(t->percentiles[0].bound > t->percentiles[0].value, "a bound is above the estimate");
    /* Request i is out from i to 150 + 2i ms: at 699 ms all that began and have not ended. */
    T_EQ_U(sum->peak_concurrency, 425, "peak concurrency");
    double out_ms = 700 * 150 + 699 * 700 / 2.0;
    T_NEAR(sum->mean_concurrency, out_ms / 1e3 / sum->duration, 1e-9, "mean concurrency");
    tk_summary_free(sum);
    tk_sink_free(s);
}

static void test_refusals(void)
{
    static const double bad[] = { 101 };
    static const struct tk_slo no_metric = { TK_METRIC_N_, 1 };
    struct tk_summary_conf conf = { .phase = TK_PHASE_MEASURE, .planned = 1 };
    struct tk_sink *s = new_sink();
    struct tk_summary *sum = NULL;
    struct tk_records *r = NULL;
    struct tk_err err = { 0 };

    put_stream(s, 0, MADE_SENT, TK_END_OK);
    put_stream(s, 1, MADE_SENT, TK_END_OK);
    tk_sink_finish(s, &err);
    tk_sink_records(s, &r, &err);
    T_EQ_I(tk_summary_new(r, &conf, &sum, &err), TK_E_RANGE, "more sent than planned: %s", err.msg);
    conf = (struct tk_summary_conf){ .percentiles = bad, .n_percentiles = 1, .planned = -1 };
    T_EQ_I(tk_summary_new(r, &conf, &sum, &err), -EINVAL, "a percentile past 100: %s", err.msg);
    conf = (struct tk_summary_conf){ .slos = &no_metric, .n_slos = 1, .planned = -1 };
    T_EQ_I(tk_summary_new(r, &conf, &sum, &err), -EINVAL, "an objective on nothing: %s", err.msg);

    /* Of a phase without records there is a summary of nothing. */
    conf = (struct tk_summary_conf){ .phase = TK_PHASE_WARMUP, .planned = 5 };
    tk_records_rewind(r);
    T_EQ_I(tk_summary_new(r, &conf, &sum, &err), 0, "no records");
    T_OK(sum->sent == 0 && sum->not_sent == 5 && sum->duration <= 0 &&
             sum->request_throughput <= 0 && sum->peak_concurrency == 0,
         "nothing came of nothing");
    sum->sent = 1;
    T_EQ_I(tk_summary_check(sum, &err), TK_E_RANGE, "totals that do not add up: %s", err.msg);
    tk_summary_free(sum);

    conf = (struct tk_summary_conf){ .phase = TK_PHASE_MEASURE, .planned = -1 };
    int n_failed = 0;
    int n_bad = 0;
    int rc;
    for (;; n_failed++) {
        tk_records_rewind(r);
        tk_failmalloc_at(n_failed + 1);
        rc = tk_summary_new(r, &conf, &sum, &err);
        if (!tk_failmalloc_off())
            break;
        /* Sorting goes on without its scratch memory. */
        n_bad += rc != -ENOMEM && rc != 0;
        if (rc == 0)
            tk_summary_free(sum);
    }
    T_OK(rc == 0 && n_bad == 0 && n_failed > 10, "%d allocations fail", n_failed);
    tk_summary_free(sum);
    tk_records_free(r);
    tk_sink_free(s);
}

int main(void)
{
    if (tk_blocks_new(64 << 20, &pool) < 0)
        return 1;
    test_small();
    test_given_up();
    test_token_gaps();
    test_own();
    test_without_gaps();
    test_certified();
    test_refusals();
    tk_blocks_free(pool);
    return T_DONE();
}
