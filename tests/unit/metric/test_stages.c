/* test_stages.c - figures of each stage */
#include "metric/stages.h"

#include <errno.h>
#include <math.h>

#include "lib/failmalloc.h"
#include "tap.h"

#define S TK_NS_PER_S
#define MS TK_NS_PER_MS
#define BEGIN (1000 * S)

static struct tk_stage plan[] = {
    { .from = 10, .to = 10, .duration = 2 * S, .n_due = 20 },
    { .from = 10, .to = 50, .duration = 2 * S, .n_due = 60 },
    { .from = 5, .to = 5 },
};
static const struct tk_shape shape = { .of = TK_SHAPE_RATE, .stages = plan, .n = 3 };

/* Due at `due` from the start, first token after `ttft`, done after `e2el`; sent 1 ms late. */
static int put(struct tk_stages *s, unsigned stage, enum tk_end end, tk_ns due, tk_ns ttft,
               tk_ns e2el)
{
    struct tk_record r = { .due_at = BEGIN + due, .stage = (uint16_t)stage, .end = (uint8_t)end };
    struct tk_sample sample = {
        .rec = &r,
        .is_success = end == TK_END_OK,
        .is_cancelled = tk_end_is_cancelled(end),
        .has_start = end == TK_END_CANCELLED_BY_PLAN,
        .is_streamed = true,
        .due_at = BEGIN + due,
        .sent_at = BEGIN + due + MS,
        .first_token_at = BEGIN + due + ttft,
        .done_at = BEGIN + due + e2el,
        .end_at = BEGIN + due + e2el,
    };

    return tk_stages_add(s, &sample);
}

static void test_figures(void)
{
    struct tk_stages *s = tk_stages_new(&shape, BEGIN);
    const struct tk_stage_figures *f;
    size_t n = 0;

    for (int i = 0; i < 20; i++)
        put(s, 1, TK_END_OK, i * 100 * MS, (50 + i) * MS, 150 * MS);
    for (int i = 0; i < 30; i++)
        put(s, 2, i % 3 ? TK_END_OK : TK_END_RESET, 2 * S + i * 40 * MS, 60 * MS, 900 * MS);
    put(s, 2, TK_END_CANCELLED_BY_PLAN, 3 * S, 70 * MS, 80 * MS);
    put(s, 2, TK_END_CANCELLED, 3 * S, 70 * MS, 80 * MS);
    put(s, 3, TK_END_OK, 4 * S, 50 * MS, 150 * MS);
    f = tk_stages_figures(s, BEGIN + 6 * S, false, &n);
    T_EQ_U(n, 3, "three stages");
    T_EQ_U(f[0].sent, 20, "sent in the first");
    T_EQ_U(f[0].succeeded, 20, "all succeeded");
    T_NEAR(f[0].seconds, 2, 0, "as long as planned");
    T_NEAR(f[0].asked, 10, 0, "asked");
    T_NEAR(f[0].rate, 10, 0, "sent a second");
    T_EQ_U(f[0].n_ended, 19, "one ended after it");
    T_NEAR(f[0].throughput, 9.5, 0, "throughput goes by ends");
    T_EQ_U(f[0].ttft_due.n, 20, "first tokens");
    T_NEAR(f[0].ttft_due.p50, 59.5e6, 1, "from due");
    T_NEAR(f[0].ttft.p50, 58.5e6, 1, "from sent");
    T_NEAR(f[0].e2el_due.p99, 150e6, 1, "to the end, from due");
    T_NEAR(f[0].e2el.p99, 149e6, 1, "and from sent");
    T_OK(f[0].ttft.is_p50_certified && !f[0].ttft.is_p99_certified, "20 are enough for a median");

    T_EQ_U(f[1].sent, 32, "sent in the second");
    T_EQ_U(f[1].failed, 10, "failed");
    T_EQ_U(f[1].cancelled, 2, "given up");
    T_EQ_U(f[1].succeeded, 20, "the others");
    T_EQ_I(f[1].begin, 2 * S, "where it begins");
    T_NEAR(f[1].asked, 30, 1e-9, "the mean of the ramp");
    T_EQ_U(f[1].ttft.n, 21, "what the plan gave up had a first token");
    T_EQ_U(f[1].e2el.n, 20, "and no end");
    T_EQ_U(f[1].n_ended, 19, "18 of its own, and one of the first; two end after it");

    T_NEAR(f[2].seconds, 2, 0, "a stage without an end: until the last request's");
    T_NEAR(f[2].rate, 0.5, 0, "its rate");
    tk_stages_free(s);
}

/* A run that was stopped in its second stage. */
static void test_cut(void)
{
    struct tk_stages *s = tk_stages_new(&shape, 0); /* nobody knows when it began */
    const struct tk_stage_figures *f;
    size_t n = 0;

    for (int i = 0; i < 20; i++)
        put(s, 1, TK_END_OK, i * 100 * MS, 50 * MS, 150 * MS);
    put(s, 0, TK_END_OK, 2500 * MS, 50 * MS, 500 * MS); /* of a version without stages */
    f = tk_stages_figures(s, BEGIN + 3 * S, false, &n);
    T_NEAR(f[0].seconds, 2, 0, "the first one is whole");
    T_EQ_U(f[1].sent, 1, "the second by the due instant");
    T_NEAR(f[1].seconds, 1, 0, "until the end");
    T_NEAR(f[1].asked, 20, 1e-9, "what was asked until then");
    T_EQ_U(f[2].sent, 0, "the third never came");
    T_NEAR(f[2].seconds, 0, 0, "no time");
    T_NEAR(f[2].asked, 5, 0, "its level all the same");
    T_OK(isnan(f[2].ttft.p50) && f[2].rate <= 0, "no figures");
    tk_stages_free(s);
}

/* An end counts from another clock's zero, and with a pause in between. */
static void test_resumed(void)
{
    struct tk_stages *s = tk_stages_new(&shape, BEGIN);
    const struct tk_stage_figures *f;
    size_t n = 0;

    for (int i = 0; i < 20; i++)
        put(s, 1, TK_END_OK, i * 100 * MS, 50 * MS, 150 * MS);
    f = tk_stages_figures(s, BEGIN + 6 * S, true, &n);
    T_OK(isnan(f[0].throughput) && isnan(f[2].throughput), "resumed: no throughput");
    T_NEAR(f[0].rate, 10, 0, "resumed: the stage has a rate all the same");
    tk_stages_free(s);
}

static void test_memory(void)
{
    for (int i = 1; i <= 4; i++) {
        tk_failmalloc_at(i);
        struct tk_stages *s = tk_stages_new(&shape, BEGIN);
        tk_failmalloc_off();
        T_OK(!s, "allocation %d fails", i);
        tk_stages_free(s);
    }
    struct tk_stages *s = tk_stages_new(&shape, BEGIN);
    tk_failmalloc_at(1);
    int rc = put(s, 1, TK_END_OK, 0, 1, 2);
    tk_failmalloc_off();
    T_EQ_I(rc, -ENOMEM, "no memory for a value");
    tk_stages_free(s);
}

int main(void)
{
    test_figures();
    test_cut();
    test_resumed();
    test_memory();
    return T_DONE();
}
