/* test_health.c - sums over workers; JSON there and back, whole, old and odd */
#include "run/health.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "tap.h"

static struct tk_health_worker worker(double cpu, double starved)
{
    return (struct tk_health_worker){
        .span = 10 * TK_NS_PER_S,
        .cpu = 3 * TK_NS_PER_S,
        .starved = 40,
        .max_cpu = cpu,
        .max_starved = starved,
        .cpu_when_starved = cpu / 4,
        .loop_lag_sum = 600,
        .loop_lag_max = (tk_ns)(cpu * 1000),
        .n_timers = 3,
        .n_requests = 77,
    };
}

static void test_sums(void)
{
    static struct tk_health h;

    tk_health_init(&h);
    T_OK(isnan(h.max_worker_cpu) && isnan(h.max_worker_starved), "nothing is known at first");
    T_OK(isnan(tk_health_lag_mean(&h)), "nor how late timers are");
    struct tk_health_worker a = worker(0.25, (double)NAN), b = worker(0.5, 0.125);
    tk_health_add_worker(&h, &a);
    T_NEAR(h.max_worker_cpu, 0.25, 0, "the first is the busiest");
    T_OK(isnan(h.max_worker_starved), "and does not know how long it waited");
    tk_health_add_worker(&h, &b);
    T_EQ_U(h.n_workers, 2, "two workers");
    T_NEAR(h.max_worker_cpu, 0.5, 0, "the second is busier");
    T_NEAR(h.max_worker_starved, 0.125, 0, "and knows");
    T_NEAR(h.cpu_when_starved, 0.125, 0, "with what it had then");
    T_EQ_I(h.cpu, 6 * TK_NS_PER_S, "CPU times sum up");
    T_EQ_I(h.starved, 80, "waits too");
    T_EQ_I(h.loop_lag_max, 500, "the latest timer of all");
    T_NEAR(tk_health_lag_mean(&h), 200, 0, "mean over all timers");
    for (unsigned i = 0; i < TK_HEALTH_MAX_WORKERS; i++)
        tk_health_add_worker(&h, &a);
    T_EQ_U(h.n_workers, TK_HEALTH_MAX_WORKERS, "there is a bound");
}

/* Parse `text` into `ret`; the parser's copy is padded as it wants. */
static bool read_back(const char *text, struct tk_health *ret)
{
    static char copy[1 << 20];
    struct tk_json_val root;
    struct tk_json *j = tk_json_new(sizeof(copy));
    size_t n = strlen(text);

    memset(copy, 0, n + TK_JSON_PADDING);
    memcpy(copy, text, n);
    bool ok = tk_json_parse(j, copy, n, &root) == 0 && tk_health_read(&root, ret);
    tk_json_free(j);
    return ok;
}

static void test_json(void)
{
    static struct tk_health in, out;
    struct tk_buf text = TK_BUF_INIT(1 << 20);
    struct tk_jsonw w;
    struct tk_health_worker a = worker(0.25, (double)NAN), b = worker(0.5, 0.125);

    tk_health_init(&in);
    tk_health_add_worker(&in, &a);
    tk_health_add_worker(&in, &b);
    in.conns_opened = 1;
    in.conns_failed = 2;
    in.requests_reused = 3;
    in.no_kernel_stamp = 4;
    in.clock_steps = 5;
    in.clock_error_max = 6;
    in.records_full = 7;
    in.records_full_dur = 8;
    in.bodies_late = 9;
    in.bodies_late_dur = 10;
    tk_jsonw_init(&w, &text, TK_JSONW_COMPACT);
    tk_health_write(&in, &w);
    T_EQ_I(text.failed, 0, "written");
    T_OK(read_back(text.p, &out), "read");
    T_OK(isnan(out.workers[0].max_starved), "what was not known is not known");
    in.workers[0].max_starved = out.workers[0].max_starved = 0; /* NAN is not equal to itself */
    /* Both were zeroed, padding too. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    T_OK(memcmp(&in, &out, sizeof(in)) == 0, "everything else is the same");
    tk_buf_release(&text);
}

static void test_odd(void)
{
    static struct tk_health h;

    T_OK(read_back("{\"workers\":2,\"cpu_ns\":5}", &h), "of an older version");
    T_OK(h.n_workers == 2 && h.cpu == 5 && isnan(h.max_worker_cpu), "what is there is taken");
    T_OK(!read_back("[1]", &h), "no object");
    T_OK(h.n_workers == 0 && isnan(h.max_worker_cpu), "says nothing");
    T_OK(read_back("{\"workers\":4000000,\"cpu_ns\":\"x\",\"per_worker\":[1,2],\"new\":{}}", &h),
         "odd members");
    T_EQ_U(h.n_workers, TK_HEALTH_MAX_WORKERS, "the number of workers is bounded");
    T_EQ_I(h.cpu, 0, "what is no number is not taken");
}

int main(void)
{
    test_sums();
    test_json();
    test_odd();
    return T_DONE();
}
