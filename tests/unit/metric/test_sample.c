/* test_sample.c - what a request's instants and gaps are, with a trace, without, with a part of one */
#include "metric/sample.h"

#include <errno.h>

#include "base/err.h"
#include "lib/failmalloc.h"
#include "lib/tap.h"
#include "made.h"
#include "metric/def.h"

#define TEXT (TK_CH_CHOICES | TK_CH_CONTENT)
#define THINK (TK_CH_CHOICES | TK_CH_REASONING)

/* Role, two reasoning chunks, two answer chunks of which the second in the same read, finish, usage. */
static const struct made_event events[] = {
    { .at_ms = 100, .channels = TK_CH_CHOICES | TK_CH_ROLE },
    { .at_ms = 200, .channels = THINK },
    { .at_ms = 300, .channels = THINK },
    { .at_ms = 450, .channels = TEXT },
    { .at_ms = 450, .channels = TEXT, .is_joined = true },
    { .at_ms = 600, .channels = TK_CH_CHOICES | TK_CH_FINISH },
    { .at_ms = 900, .channels = TK_CH_USAGE },
    { .at_ms = 900, .channels = TK_CH_DONE, .is_joined = true },
};
static const struct made base = {
    .events = events,
    .n_events = TK_ARRAY_LEN(events),
    .output_tokens = 8,
    .last_ms = 950,
    .due_before = 50 * MS,
    .has_trace = true,
};

static void value_is(const struct tk_sample *s, enum tk_metric m, double want_ms, const char *why)
{
    const struct tk_metric_def *d = tk_metric_def(m);
    int64_t value = -1;
    if (want_ms < 0)
        T_OK(!d->value(s, &value), "%s: no %s", why, d->name);
    else if (T_OK(d->value(s, &value), "%s: has %s", why, d->name))
        T_NEAR((double)value * tk_unit_scale(d->unit), want_ms, 1e-5, "%s: %s", why, d->name);
}

static void check_instants(const struct tk_sample *s, const char *why)
{
    value_is(s, TK_METRIC_TTFB, 100, why);
    value_is(s, TK_METRIC_TTFE, 100, why);
    value_is(s, TK_METRIC_TTFT, 200, why);
    value_is(s, TK_METRIC_TTAT, 450, why);
    value_is(s, TK_METRIC_TPOT, 250.0 / 7, why);
    value_is(s, TK_METRIC_E2EL, 600, why);
    value_is(s, TK_METRIC_TOTAL, 950, why);
    value_is(s, TK_METRIC_TTFB_DUE, 150, why);
    value_is(s, TK_METRIC_TTFE_DUE, 150, why);
    value_is(s, TK_METRIC_TTFT_DUE, 250, why);
    value_is(s, TK_METRIC_TTAT_DUE, 500, why);
    value_is(s, TK_METRIC_E2EL_DUE, 650, why);
    value_is(s, TK_METRIC_TOTAL_DUE, 1000, why);
    value_is(s, TK_METRIC_CONNECT, -1, why);
    value_is(s, TK_METRIC_PROMPT_TOKENS, 5, why);
    value_is(s, TK_METRIC_OUTPUT_TOKENS, 8, why);
    value_is(s, TK_METRIC_REASONING_TOKENS, -1, why);
}

static void test_whole(struct tk_sample *s)
{
    struct tk_record_view v = made_view(&base);
    T_EQ_I(tk_sample_load(s, &v, NULL), 0, "load");
    check_instants(s, "a trace");
    T_OK(s->has_events && s->is_success && s->is_streamed && !s->is_truncated, "what it is");
    T_EQ_I(s->n_reads, 7, "reads");
    T_EQ_I(s->n_events, 8, "events");
    T_EQ_I(s->reads[3].n_events, 2, "two events in one read");
    T_EQ_I(s->n_gaps, 3, "gaps");
    T_EQ_I(s->gaps[0].gap, 100 * MS, "a gap");
    T_EQ_I(s->gaps[2].gap, 0, "chunks of one read have none between them");
    T_EQ_I(s->gap_method, TK_GAP_UNKNOWN, "8 tokens in 4 chunks: who knows which");
    T_EQ_I(s->end_at, v.rec.last_byte_at, "over with the last byte");
    made_release(&v);

    /* The instants that the engine noted do without. */
    struct made m = base;
    m.has_trace = false;
    v = made_view(&m);
    T_EQ_I(tk_sample_load(s, &v, NULL), 0, "load without a trace");
    check_instants(s, "no trace");
    T_OK(!s->has_events && s->n_gaps == 0, "no events, no gaps");
    made_release(&v);

    /* A trace that was cut gives the first ones, the noted ones the rest. */
    v = made_view(&base);
    v.rec.flags |= TK_REC_TRACE_TRUNCATED;
    v.trace.n = v.trace.n * 2 / 5;
    int rc = tk_sample_load(s, &v, NULL);
    T_OK(rc == 0 || rc == TK_E_FORMAT, "load a part of a trace");
    T_OK(s->n_events > 1 && s->n_events < 8, "%zu events are left", s->n_events);
    check_instants(s, "a part of a trace");
    made_release(&v);
}

/* The wall clock stepped while the reply came: the noted instants are wrong, the trace knows better. */
static void test_step(struct tk_sample *s)
{
    struct tk_clock_steps steps = { .n = 1,
                                    .v = { { MADE_SENT + 150 * MS, MADE_SENT + 250 * MS } } };
    struct tk_record_view v = made_view(&base);
    v.rec.first_token_at -= 3600 * TK_NS_PER_S;
    tk_sample_load(s, &v, &steps);
    value_is(s, TK_METRIC_TTFT, 200.02, "a step: by the clock after the read");
    value_is(s, TK_METRIC_TTAT, 450, "a step: past it the stamps count again");
    T_OK(!s->reads[1].is_kernel && s->reads[2].is_kernel, "a step: which stamps count");
    made_release(&v);
}

static void test_tokens(struct tk_sample *s)
{
    static const struct made_event said[] = {
        { .at_ms = 100, .channels = TEXT, .tokens = 2 },
        { .at_ms = 200, .channels = TEXT, .tokens = 4 },
        { .at_ms = 300, .channels = TEXT | TK_CH_FINISH, .tokens = 2 },
    };
    struct made m = { .events = said, .n_events = 3, .output_tokens = 8, .has_trace = true };
    struct tk_record_view v = made_view(&m);
    tk_sample_load(s, &v, NULL);
    T_EQ_I(s->gap_method, TK_GAP_SERVER, "the server says it with every chunk");
    T_EQ_I(s->gaps[0].tokens, 4, "tokens of the second chunk");
    value_is(s, TK_METRIC_TPOT, 200.0 / 6, "the first chunk carried two");
    made_release(&v);

    static const struct made_event single[] = {
        { .at_ms = 100, .channels = TEXT },
        { .at_ms = 150, .channels = TEXT | TK_CH_OTHER_CHOICE },
        { .at_ms = 200, .channels = TEXT },
    };
    m = (struct made){ .events = single, .n_events = 3, .output_tokens = 2, .has_trace = true };
    v = made_view(&m);
    tk_sample_load(s, &v, NULL);
    T_EQ_I(s->gap_method, TK_GAP_SINGLE, "as many tokens as chunks of the first choice");
    T_EQ_I(s->n_gaps, 1, "another choice makes no gap");
    T_EQ_I(s->gaps[0].gap, 100 * MS, "between those of the first");
    made_release(&v);

    m = (struct made){ .events = single, .n_events = 1, .output_tokens = 8, .has_trace = true };
    v = made_view(&m);
    tk_sample_load(s, &v, NULL);
    value_is(s, TK_METRIC_TPOT, -1, "one chunk");
    made_release(&v);

    m = (struct made){ .events = single, .n_events = 3, .has_trace = true };
    v = made_view(&m);
    tk_sample_load(s, &v, NULL);
    value_is(s, TK_METRIC_OUTPUT_TOKENS, 3, "no usage: events are counted");
    T_EQ_I(s->gap_method, TK_GAP_UNKNOWN, "a count of events says nothing of chunks");
    made_release(&v);
}

static void test_kinds(struct tk_sample *s)
{
    static const struct made_event body[] = {
        { .at_ms = 700, .channels = TEXT | TK_CH_BODY | TK_CH_FINISH | TK_CH_USAGE },
    };
    struct made m = { .events = body,
                      .n_events = 1,
                      .output_tokens = 8,
                      .last_ms = 710,
                      .is_whole = true,
                      .has_trace = true };
    struct tk_record_view v = made_view(&m);
    tk_sample_load(s, &v, NULL);
    value_is(s, TK_METRIC_TTFT, -1, "not streamed");
    value_is(s, TK_METRIC_TPOT, -1, "not streamed");
    value_is(s, TK_METRIC_TTFB, 700, "not streamed");
    value_is(s, TK_METRIC_E2EL, 710, "not streamed");
    made_release(&v);

    m = (struct made){ .end = TK_END_CONNECT };
    v = made_view(&m);
    v.rec.sent_first_at = 0;
    tk_sample_load(s, &v, NULL);
    T_OK(!s->is_success && !s->is_cancelled, "a failure");
    value_is(s, TK_METRIC_TTFB, -1, "never sent");
    value_is(s, TK_METRIC_E2EL_DUE, -1, "never sent");
    made_release(&v);

    m = (struct made){ .end = TK_END_CANCELLED_BY_PLAN };
    v = made_view(&m);
    tk_sample_load(s, &v, NULL);
    T_OK(!s->is_success && s->is_cancelled && s->has_start, "given up by the plan");
    v.rec.flags |= TK_REC_CANCEL_BY_TIME;
    tk_sample_load(s, &v, NULL);
    T_OK(s->is_cancelled && !s->has_start, "and after a time: only the fast ones had a token");
    made_release(&v);

    v = made_view(&base);
    v.rec.connect_begin_at = MADE_SENT - 9 * MS;
    v.rec.connected_at = MADE_SENT - 6 * MS;
    v.rec.tls_done_at = MADE_SENT - 1 * MS;
    tk_sample_load(s, &v, NULL);
    value_is(s, TK_METRIC_CONNECT, 3, "a connection of its own");
    value_is(s, TK_METRIC_TLS, 5, "a connection of its own");
    made_release(&v);

    v = made_view(&base);
    ((char *)(uintptr_t)v.trace.p)[0] = 99;
    T_EQ_I(tk_sample_load(s, &v, NULL), TK_E_UNSUPPORTED, "a trace of a newer version");
    check_instants(s, "a newer trace");
    T_OK(s->is_truncated, "counts as cut");
    made_release(&v);
}

static void test_no_memory(void)
{
    struct tk_record_view v = made_view(&base);
    int n_failed = 0;
    for (;; n_failed++) {
        struct tk_sample s;
        tk_sample_init(&s);
        tk_failmalloc_at(n_failed + 1);
        int rc = tk_sample_load(&s, &v, NULL);
        bool has_failed = tk_failmalloc_off();
        tk_sample_release(&s);
        if (!has_failed) {
            T_EQ_I(rc, 0, "with memory");
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails", n_failed + 1);
    }
    T_EQ_I(n_failed, 3, "reads, events, gaps");
    made_release(&v);
}

int main(void)
{
    struct tk_sample s;
    tk_sample_init(&s);
    test_whole(&s);
    test_step(&s);
    test_tokens(&s);
    test_kinds(&s);
    tk_sample_release(&s);
    test_no_memory();
    return T_DONE();
}
