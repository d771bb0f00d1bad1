/* test_recovery.c - the time until a server recovers from a spike, on made-up latencies */
#include "metric/recovery.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/failmalloc.h"
#include "tap.h"

#define S TK_NS_PER_S
#define MS TK_NS_PER_MS

/* 10 s before, 2 s of spike, 18 s after it. */
static struct tk_stage stages[] = {
    { .from = 10, .to = 10, .duration = 10 * S, .n_due = 100 },
    { .from = 50, .to = 50, .duration = 2 * S, .n_due = 100 },
    { .from = 10, .to = 10, .duration = 18 * S, .n_due = 180 },
};
static const struct tk_shape shape = {
    .of = TK_SHAPE_RATE, .kind = TK_SHAPE_SPIKE, .stages = stages, .n = 3
};

static struct tk_recovery_data data;

/* A request each 100 ms in [from, to) that took so long. */
static void put(double from_s, double to_s, int64_t value)
{
    for (tk_ns due = (tk_ns)(from_s * 1e9); due < (tk_ns)(to_s * 1e9); due += 100 * MS) {
        if (data.n == data.cap) {
            data.cap = data.cap ? 2 * data.cap : 64;
            data.v = realloc(data.v, data.cap * sizeof(*data.v));
        }
        data.v[data.n++] = (struct tk_recovery_request){ due, value, value };
        data.n_first++;
    }
}

static struct tk_recovery find(tk_ns end)
{
    struct tk_recovery r;

    T_EQ_I(tk_recovery_find(&data, &shape, end, &r), 0, "found");
    tk_recovery_release(&data);
    return r;
}

static void put_before(void)
{
    put(0, 10, 50 * MS);
    put(10, 12, 300 * MS);
}

/* 100 requests before the spike: five windows of 2 s. */
static void test_recovered(void)
{
    put_before();
    put(12, 15, 500 * MS);
    put(15, 30, 54 * MS);
    struct tk_recovery r = find(30 * S + 54 * MS);
    T_EQ_I(r.verdict, TK_RECOVERY_RECOVERED, "recovered");
    T_EQ_I(r.metric, TK_METRIC_TTFT_DUE, "by first tokens");
    T_EQ_U(r.n_before, 100, "requests before");
    T_EQ_I(r.window, 2 * S, "windows of 2 s");
    T_NEAR(r.before, 50e6, 0, "the median before");
    T_NEAR(r.limit, 55e6, 0, "a tenth more is as before");
    T_NEAR(r.worst, 500e6, 0, "the worst window");
    T_EQ_I(r.watched, 18 * S, "all of the time after it was watched");
    /* In 14 … 16 s half of the requests are slow: the median (nearest rank) is of the other half. */
    T_EQ_I(r.time, 2 * S, "in the second window");

    put_before();
    put(12, 30, 50 * MS);
    T_EQ_I(find(30 * S).time, 0, "at once");
}

static void test_dip(void)
{
    put_before();
    put(12, 14, 500 * MS);
    put(14, 20, 50 * MS);
    put(20, 22, 60 * MS);
    put(22, 30, 50 * MS);
    struct tk_recovery r = find(30 * S);
    T_EQ_I(r.verdict, TK_RECOVERY_RECOVERED, "a dip");
    T_EQ_I(r.time, 10 * S, "is no recovery");
}

static void test_not_recovered(void)
{
    put_before();
    put(12, 30, 56 * MS);
    struct tk_recovery r = find(30 * S);
    T_EQ_I(r.verdict, TK_RECOVERY_NOT_RECOVERED, "never");
    T_EQ_I(r.watched, 18 * S, "while it was watched");
    T_EQ_S(tk_recovery_word(r.verdict), "not-recovered", "its word");

    put_before();
    put(12, 26, 500 * MS);
    put(26, 30, 50 * MS);
    T_EQ_I(find(30 * S).verdict, TK_RECOVERY_NOT_RECOVERED, "two windows are not enough");

    put_before();
    put(12, 24, 500 * MS);
    put(24, 30, 50 * MS);
    r = find(30 * S);
    T_EQ_I(r.verdict, TK_RECOVERY_RECOVERED, "three are");
    T_EQ_I(r.time, 12 * S, "from the first of them");

    put_before();
    put(12, 14, 500 * MS);
    put(14, 21, 50 * MS);
    r = find(21 * S + 50 * MS); /* ended early */
    T_EQ_I(r.verdict, TK_RECOVERY_RECOVERED, "ended early");
    T_EQ_I(r.watched, 8 * S, "only whole windows count");
}

static void test_failures(void)
{
    put_before();
    put(12, 16, INT64_MAX);
    put(16, 30, 50 * MS);
    struct tk_recovery r = find(30 * S);
    T_OK(isinf(r.worst), "failures are infinite");
    T_EQ_I(r.time, 4 * S, "until they cease");

    put(0, 8.9, 50 * MS);
    put(8.9, 10, INT64_MAX);
    put(10, 30, 50 * MS);
    T_EQ_I(find(30 * S).verdict, TK_RECOVERY_FAILED_BEFORE, "more than a tenth before it failed");
    put(0, 9, 50 * MS);
    put(9, 10, INT64_MAX);
    put(10, 30, 50 * MS);
    T_EQ_I(find(30 * S).verdict, TK_RECOVERY_RECOVERED, "a tenth is not too much");
    put(0, 10, INT64_MAX);
    put(10, 30, 50 * MS);
    T_EQ_I(find(30 * S).verdict, TK_RECOVERY_FAILED_BEFORE, "all before it failed");

    put(0, 4.9, 50 * MS);
    put(10, 30, 50 * MS);
    r = find(30 * S);
    T_EQ_I(r.verdict, TK_RECOVERY_TOO_FEW, "49 before it");
    T_OK(r.n_before == 49 && isnan(r.before), "are too few");
    put(0, 5, 50 * MS);
    put(10, 30, 50 * MS);
    T_EQ_I(find(30 * S).verdict, TK_RECOVERY_RECOVERED, "50 are enough");
    T_EQ_I(find(30 * S).verdict, TK_RECOVERY_TOO_FEW, "none at all");
}

/* A file may say that the spike began before a nanosecond was over, or that it ends in 200 years: that is
 * no reason to look for ever. */
static void test_hostile(void)
{
    struct tk_stage odd[3];
    const struct tk_shape of_file = { .kind = TK_SHAPE_SPIKE, .stages = odd, .n = 3 };
    static const tk_ns before[] = { 0, 3, 40 };
    struct tk_recovery r;

    for (size_t i = 0; i < TK_ARRAY_LEN(before); i++) {
        memcpy(odd, stages, sizeof(odd));
        odd[0].duration = before[i];
        odd[2].duration = INT64_MAX / 2;
        for (int k = 0; k < 60; k++)
            put(-0.1, -0.05, 50 * MS);
        put(10, 30, 50 * MS);
        T_EQ_I(tk_recovery_find(&data, &of_file, INT64_MAX, &r), 0, "found");
        tk_recovery_release(&data);
        T_EQ_I(r.verdict, TK_RECOVERY_TOO_FEW, "none was due before it");
    }
    memcpy(odd, stages, sizeof(odd));
    odd[2].duration = INT64_MAX / 2;
    put_before();
    put(12, 30, 50 * MS);
    T_EQ_I(tk_recovery_find(&data, &of_file, INT64_MAX, &r), 0, "found");
    tk_recovery_release(&data);
    T_EQ_I(r.verdict, TK_RECOVERY_RECOVERED, "so long after it");
    T_OK(r.watched > 100000 * S && r.watched < INT64_MAX / 2, "and not watched to the end");
}

static void test_resumed(void)
{
    struct tk_recovery r;

    tk_recovery_of_resumed(&shape, &r);
    T_EQ_I(r.verdict, TK_RECOVERY_RESUMED, "a run that was resumed");
    T_EQ_S(tk_recovery_word(r.verdict), "resumed", "its word");
    T_OK(isnan(r.before) && isnan(r.limit) && isnan(r.worst), "nothing is known");
    T_EQ_I(r.spike_begin, 10 * S, "but when the spike was to be");
    T_EQ_I(r.spike_end, 12 * S, "and to end");
}

/* What requests before the spike differ by is no deviation after it. */
static void test_spread(void)
{
    put(0, 2, 50 * MS);
    put(2, 4, 40 * MS);
    put(4, 6, 50 * MS);
    put(6, 8, 62 * MS);
    put(8, 10, 50 * MS);
    put(10, 12, 300 * MS);
    put(12, 14, 63 * MS);
    put(14, 30, 62 * MS);
    struct tk_recovery r = find(30 * S);
    T_NEAR(r.before, 50e6, 0, "the median");
    T_NEAR(r.limit, 62e6, 0, "the 90th percentile of the requests before");
    T_EQ_I(r.time, 2 * S, "what is above it is not as before");
}

/* With 3,000 before it there are no more than 30 windows. */
static void test_many(void)
{
    for (int i = 0; i < 30; i++)
        put(0, 10, 50 * MS);
    put(10, 30, 50 * MS);
    struct tk_recovery r = find(30 * S);
    T_EQ_U(r.n_before, 3000, "many");
    T_EQ_I(r.window, 10 * S / 30, "thirty windows");
}

static void test_silence(void)
{
    put_before();
    put(12, 12.35, 500 * MS); /* four */
    put(18, 30, 50 * MS);
    struct tk_recovery r = find(30 * S);
    T_EQ_I(r.time, 0, "open: a window without requests is passed over");
    stages[0].n_due = 0;
    put_before();
    put(18, 30, 50 * MS);
    r = find(30 * S);
    T_EQ_I(r.time, 6 * S, "closed: nothing came free, so nothing was as before");
    stages[0].n_due = 100;
}

/* --- what a request counts as --- */

static int64_t first_of(struct tk_sample s)
{
    s.due_at = 100 * MS;
    T_EQ_I(tk_recovery_add(&data, 60 * MS, &s), 0, "added");
    T_EQ_I(data.v[0].due, 40 * MS, "due from the start of the phase");
    int64_t first = data.v[0].first;
    tk_recovery_release(&data);
    return first;
}

static void test_values(void)
{
    T_EQ_I(first_of((struct tk_sample){
               .is_success = true, .is_streamed = true, .first_token_at = 150 * MS }),
           50 * MS, "a success: from due to its first token");
    T_EQ_I(first_of((struct tk_sample){ .is_streamed = true, .first_token_at = 150 * MS }),
           INT64_MAX, "a failure is infinite");
    T_EQ_I(first_of((struct tk_sample){ .is_cancelled = true, .end_at = 900 * MS }), 800 * MS,
           "given up: as long as it had waited");
    T_EQ_I(first_of((struct tk_sample){ .is_cancelled = true,
                                        .is_streamed = true,
                                        .first_token_at = 150 * MS,
                                        .end_at = 900 * MS }),
           50 * MS, "given up after its first token");
    T_EQ_I(first_of((struct tk_sample){ .is_success = true, .done_at = 400 * MS }), -1,
           "a reply that came whole has none");
}

static void test_whole_replies(void)
{
    put_before();
    put(12, 15, 500 * MS);
    put(15, 30, 54 * MS);
    for (size_t i = 0; i < data.n; i++)
        data.v[i].first = -1;
    data.n_first = 0;
    struct tk_recovery r = find(30 * S);
    T_EQ_I(r.metric, TK_METRIC_E2EL_DUE, "without streams by the ends");
    T_EQ_I(r.time, 2 * S, "the same");
}

static void test_memory(void)
{
    struct tk_sample s = { .is_success = true };
    struct tk_recovery r;

    tk_failmalloc_at(1);
    int rc = tk_recovery_add(&data, 0, &s);
    tk_failmalloc_off();
    T_EQ_I(rc, -ENOMEM, "no memory for a request");
    put_before();
    tk_failmalloc_at(1);
    rc = tk_recovery_find(&data, &shape, 30 * S, &r);
    tk_failmalloc_off();
    T_EQ_I(rc, -ENOMEM, "no memory for a window");
    tk_recovery_release(&data);
}

int main(void)
{
    test_recovered();
    test_dip();
    test_not_recovered();
    test_failures();
    test_hostile();
    test_resumed();
    test_spread();
    test_many();
    test_silence();
    test_values();
    test_whole_replies();
    test_memory();
    T_EQ_S(tk_recovery_word((enum tk_recovery_verdict)99), "unknown", "no such word");
    return T_DONE();
}
