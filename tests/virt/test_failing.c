/* The n-th allocation of a whole run fails, for every n until none is reached: engine, run file or memory,
 * figures and reports, in one process and in virtual time. No crash, no hang; requests that suffer from it
 * are the client's failures, and the totals add up. The simulator runs in the same process: where its
 * allocation fails, its requests break off, which is a failure too. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/failmalloc.h"
#include "metric/summary.h"
#include "report/report.h"
#include "world.h"

enum { N_REQUESTS = 6 };

static char folder[] = "/tmp/tokmark-failing-XXXXXX";
static char path[300];

/* What became of a world whose allocations fail. */
struct outcome {
    int rc;        /* of the setting up */
    bool has_run;  /* the phase was started */
    bool has_hung; /* and never ended */
    int rc_sink;   /* of the end of the sink */
    unsigned n_by_end[TK_END_N_];
    unsigned n_records;
    struct tk_err err;
};

static int set_up(struct world *w, bool has_file, struct tk_err *reterr)
{
    struct tk_sink_conf sink = {
        .path = has_file ? path : NULL,
        .plan = TK_STR("{}"),
        .host = TK_STR("{}"),
        .max_memory_bytes = 64 << 20,
        .keeps_in_memory = true,
    };
    struct tk_load_conf conf = {
        .plan = &w->plan,
        .api = &tk_api_chat,
        .bodies = w->bodies,
        .n_bodies = MAX_ITEMS,
        .virt = &w->virt,
    };
    int rc = tk_sink_new(&sink, &w->sink, reterr);
    conf.sink = w->sink;
    return rc == 0 ? tk_load_new(&conf, &w->load, reterr) : rc;
}

static void count_records(struct world *w, struct outcome *o)
{
    struct tk_records *rs = NULL;
    struct tk_record_view v;

    if (tk_sink_records(w->sink, &rs, NULL) < 0)
        return;
    while (tk_records_next(rs, &v, NULL) == 1) {
        o->n_records++;
        o->n_by_end[v.rec.end]++;
    }
    tk_records_free(rs);
}

/* A run of some requests, two at a time, streams and traces and all. */
static void run_once(struct world *w, bool has_file, int64_t n, struct outcome *o)
{
    *o = (struct outcome){ .rc_sink = -1 };
    open_world(w, knobs_of(5 * MS, MS, 8));
    w->plan.phase[TK_PHASE_MEASURE].n_requests = N_REQUESTS;
    w->plan.phase[TK_PHASE_MEASURE].concurrency = 2;
    w->plan.opens_ahead = true;
    w->plan.keeps_text = true;
    /* Nobody waits for a simulator that could not allocate. */
    w->plan.timeouts = (struct tk_plan_timeouts){ .connect = 1000 * MS, .total = 2000 * MS };
    tk_failmalloc_at(n);
    o->rc = set_up(w, has_file, &o->err);
    if (o->rc == 0)
        o->rc = tk_load_start(w->load, TK_PHASE_MEASURE, on_end, w, &o->err);
    o->has_run = o->rc == 0;
    if (o->has_run) {
        (void)tk_loop_run(w->loop);
        o->has_hung = !w->has_ended;
        tk_load_totals(w->load, &w->totals);
    }
    if (w->sink)
        o->rc_sink = tk_sink_finish(w->sink, &o->err);
}

static bool adds_up(const struct world *w, const struct outcome *o)
{
    const struct tk_load_totals *t = &w->totals;
    unsigned n_ok = o->n_by_end[TK_END_OK];

    if (t->planned != N_REQUESTS || t->sent != N_REQUESTS ||
        t->sent != t->succeeded + t->failed + t->cancelled)
        return false;
    /* What memory did not hold is said to be lost. */
    return o->rc_sink == TK_E_LIMIT ? o->n_records <= t->sent
                                    : o->n_records == t->sent && n_ok == t->succeeded;
}

static void test_run(bool has_file)
{
    const char *name = has_file ? "with a file" : "in memory";
    int64_t n = 1, n_bad = 0, n_refused = 0, n_client = 0, n_ok = 0;

    for (;; n++) {
        struct world w;
        struct outcome o;
        (void)unlink(path);
        run_once(&w, has_file, n, &o);
        bool is_reached = tk_failmalloc_off();
        if (o.has_run && o.rc_sink != -1)
            count_records(&w, &o);
        bool is_bad = o.has_hung || (o.rc != 0 && (o.rc != -ENOMEM && o.rc != TK_E_DB)) ||
                      (o.rc != 0 && !o.err.msg[0]) || (o.has_run && !adds_up(&w, &o));
        if (is_bad)
            printf("# %s, allocation %d: rc %d, %s, sink %d, %u records, %u sent, '%s'\n", name,
                   (int)n, o.rc, o.has_hung ? "hung" : "ended", o.rc_sink, o.n_records,
                   (unsigned)w.totals.sent, o.err.msg);
        n_bad += is_bad;
        n_refused += o.rc != 0;
        n_client += o.n_by_end[TK_END_CLIENT] > 0;
        n_ok += o.n_by_end[TK_END_OK] == N_REQUESTS;
        close_world(&w);
        if (!is_reached || n_bad > 5)
            break;
    }
    T_EQ_I(n_bad, 0, "%s: %d allocations fail", name, (int)n - 1);
    T_OK(n > 30 && n_refused > 5, "%s: %d runs are refused with a word", name, (int)n_refused);
    T_OK(n_client > 0, "%s: %d have failures of the client's own", name, (int)n_client);
    T_OK(n_ok > 1, "%s: %d do not suffer", name, (int)n_ok);
}

/* Every allocation from the n-th on. */
static void test_run_out(void)
{
    int64_t n_hung = 0, n_left = 0;

    for (int64_t n = 1; n < 100; n++) {
        struct world w;
        struct outcome o;
        open_world(&w, knobs_of(5 * MS, MS, 8));
        w.plan.phase[TK_PHASE_MEASURE].n_requests = N_REQUESTS;
        w.plan.phase[TK_PHASE_MEASURE].concurrency = 2;
        w.plan.timeouts = (struct tk_plan_timeouts){ .connect = 1000 * MS, .total = 2000 * MS };
        o = (struct outcome){ .rc_sink = -1 };
        tk_failmalloc_from(n);
        o.rc = set_up(&w, false, &o.err);
        if (o.rc == 0 && tk_load_start(w.load, TK_PHASE_MEASURE, on_end, &w, NULL) == 0) {
            (void)tk_loop_run(w.loop);
            tk_load_totals(w.load, &w.totals);
            n_hung += !w.has_ended;
            n_left += w.totals.sent != N_REQUESTS;
        }
        if (w.sink)
            (void)tk_sink_finish(w.sink, NULL);
        (void)tk_failmalloc_off();
        close_world(&w);
    }
    T_EQ_I(n_hung, 0, "memory that is gone for good: no hang");
    T_EQ_I(n_left, 0, "memory that is gone for good: every request has an end");
}

/* --- figures and reports of a run --- */

static int make_report(struct tk_records *records, bool is_json, struct tk_buf *out)
{
    static const struct tk_slo slos[] = { { TK_METRIC_TTFT, 100 * MS } };
    struct tk_summary_conf conf = {
        .slos = slos,
        .n_slos = 1,
        .phase = TK_PHASE_MEASURE,
        .planned = N_REQUESTS,
    };
    struct tk_summary *summary = NULL;
    struct tk_arena arena;
    struct tk_report report = { .slos = slos, .n_slos = 1 };

    tk_records_rewind(records);
    tk_arena_init(&arena, 0);
    int rc = tk_summary_new(records, &conf, &summary, NULL);
    if (rc == 0)
        rc = tk_report_plan_read(TK_STR("{\"tool\":\"t\",\"url\":\"http://a\"}"), &arena,
                                 &report.plan);
    report.summary = summary;
    if (rc == 0)
        rc = is_json ? tk_report_json(&report, out) : tk_report_text(&report, out);
    tk_summary_free(summary);
    tk_arena_release(&arena);
    return rc;
}

static void test_report(struct tk_records *records, bool is_json)
{
    struct tk_buf whole = TK_BUF_INIT(1 << 20);
    int n = 1, n_bad = 0;

    T_EQ_I(make_report(records, is_json, &whole), 0, "a report");
    for (;; n++) {
        struct tk_buf out = TK_BUF_INIT(1 << 20);
        tk_failmalloc_at(n);
        int rc = make_report(records, is_json, &out);
        bool is_reached = tk_failmalloc_off();
        /* What can do without memory (sorting) may; then the report is the same. */
        n_bad += rc != 0 ? rc != -ENOMEM : out.n != whole.n || memcmp(out.p, whole.p, whole.n) != 0;
        tk_buf_release(&out);
        if (!is_reached)
            break;
    }
    T_OK(n > 10 && n_bad == 0, "%s: %d allocations fail", is_json ? "JSON" : "text", n - 1);
    tk_buf_release(&whole);
}

static void test_reports(void)
{
    struct world w;
    struct tk_records *records = NULL;
    open_world(&w, knobs_of(5 * MS, MS, 8));
    w.plan.phase[TK_PHASE_MEASURE].n_requests = N_REQUESTS;
    run_world(&w);
    T_EQ_I(tk_sink_records(w.sink, &records, NULL), 0, "records");
    test_report(records, false);
    test_report(records, true);
    tk_records_free(records);
    close_world(&w);
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof(path), "%s/run.tokmark", folder);
    test_run(false);
    test_run(true);
    test_run_out();
    test_reports();
    (void)unlink(path);
    (void)rmdir(folder);
    return T_DONE();
}
