/* What is the client's own doing, in virtual time, where the client takes none: its lateness is 0 to the
 * nanosecond, however long requests wait for permits, and whatever is not 0 was counted wrongly. */
#include "metric/verdict.h"
#include "world.h"

static struct tk_summary *summary_of(struct world *w, struct tk_asked asked)
{
    struct tk_summary *s = NULL;
    struct tk_records *rs;
    struct tk_summary_conf conf = {
        .phase = TK_PHASE_MEASURE,
        .planned = (int64_t)w->totals.planned,
        .begin_at = w->totals.begin_at,
        .end_at = w->totals.end_at,
        .asked = asked,
    };
    if (tk_sink_records(w->sink, &rs, NULL) || tk_summary_new(rs, &conf, &s, NULL))
        abort();
    tk_records_free(rs);
    return s;
}

/* 100 requests in a Poisson schedule at 200/s, 500 ms each, `permits` at a time: most of them wait. */
static void test_open(uint32_t permits, tk_ns duration)
{
    struct world w;
    static tk_ns due[100];
    const struct tk_schedule s = { .arrival = TK_ARRIVAL_POISSON, .rate = 200, .seed = 7 };
    struct tk_asked asked = { .is_scheduled = true, .permits = permits, .duration = duration };

    open_world(&w, knobs_of(300 * MS, 20 * MS, 11));
    tk_schedule_make(&s, due, 100);
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){
        .n_requests = 100,
        .duration = duration,
        .grace = 10 * TK_NS_PER_S,
        .concurrency = permits,
        .arrival = TK_ARRIVAL_POISSON,
        .rate = 200,
        .due_offset = due,
        .n_due = 100,
    };
    run_world(&w);
    struct tk_summary *sum = summary_of(&w, asked);
    T_EQ_U(sum->own.lateness.n, sum->sent, "%u permits: each has a lateness", permits);
    T_NEAR(sum->own.lateness.max, 0, 0, "%u permits: no wait for one is lateness", permits);
    T_EQ_U(sum->own.pace.sent, sum->own.pace.ready, "%u permits: what could go out did", permits);
    T_OK(permits == 0 || sum->wait.max > 100.0 * MS, "%u permits: requests did wait", permits);
    if (!duration)
        T_EQ_U(sum->own.pace.ready, 100, "%u permits: in the end all could", permits);
    else if (permits)
        T_OK(sum->not_sent > 0, "%u permits: some never got one", permits);
    tk_summary_free(sum);
    close_world(&w);
}

static void test_closed(void)
{
    struct world w;
    struct tk_verdict v;
    struct tk_asked asked = { .permits = 7 };

    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE].n_requests = 100;
    w.plan.phase[TK_PHASE_MEASURE].concurrency = 7;
    run_world(&w);
    struct tk_summary *sum = summary_of(&w, asked);
    T_EQ_U(sum->own.lateness.n, 100, "closed: each has a lateness");
    T_NEAR(sum->own.lateness.max, 0, 0, "closed: each goes out when there is room");
    T_NEAR(sum->own.reading.max, 0, 0, "closed: and is read when it arrives");
    T_NEAR(sum->own.median_gap, 10.0 * MS, 0, "closed: gaps");
    T_NEAR(sum->own.median_first, 50.0 * MS, 0, "closed: first tokens");
    T_EQ_U(sum->own.n_firsts, 100, "closed: all had one");
    T_EQ_U(sum->own.n_firsts_late, 0, "closed: none was read late");
    tk_verdict_find(sum, NULL, &asked, &v);
    T_OK(!v.is_limit, "closed: not the limit");
    tk_summary_free(sum);
    close_world(&w);
}

/* Memory for eight blocks: after a few requests the next one has to wait until the writer has put the
 * others away. Nothing is lost, and each wait is counted once, with its length. */
static void test_writer(void)
{
    struct world w;
    struct tk_health h;
    struct tk_verdict v;
    struct tk_asked asked = { .permits = 1 };

    open_world(&w, knobs_of(5 * MS, 0, 1));
    w.plan.phase[TK_PHASE_MEASURE].n_requests = 40;
    w.plan.max_record_bytes = 8 << 10;
    run_world(&w);
    tk_load_health(w.load, &h);
    T_EQ_U(w.totals.succeeded, 40, "writer: all are sent in the end");
    T_OK(h.records_full >= 1 && h.records_full < 40, "writer: waits are counted, %u",
         (unsigned)h.records_full);
    T_OK(h.records_full_dur >= 10 * MS * (tk_ns)h.records_full, "writer: each took a while");
    struct tk_summary *sum = summary_of(&w, asked);
    tk_verdict_find(sum, &h, &asked, &v);
    T_OK(v.is_limit && v.first == TK_CAUSE_SLOW_WRITER, "writer: the verdict names it");
    T_OK(sum->own.lateness.max >= 10.0 * MS, "writer: what it held back was late");
    tk_summary_free(sum);
    close_world(&w);
}

/* --- bodies that are made while the load runs --- */

#define MADE_FIRST 10
#define MADE_EACH (20 * MS)

static struct tk_load_supply supply;
static uint64_t n_makeable; /* then it fails */

static void make_one(struct tk_timer *t)
{
    struct world *w = t->owner;

    if (atomic_fetch_add(&supply.n_made, 1) + 1 == n_makeable) {
        atomic_store(&supply.has_failed, true);
        return;
    }
    (void)tk_timer_set(w->loop, t, tk_clock_now() + MADE_EACH);
}

static void begin_making(struct world *w, tk_ns ttft, unsigned permits)
{
    open_world(w, knobs_of(ttft, 0, 1));
    atomic_store(&supply.n_made, MADE_FIRST);
    atomic_store(&supply.has_failed, false);
    n_makeable = UINT64_MAX;
    w->supply = &supply;
    w->plan.phase[TK_PHASE_MEASURE].n_requests = 30;
    w->plan.phase[TK_PHASE_MEASURE].concurrency = permits;
    tk_timer_init(&w->timer, make_one, w);
    (void)tk_timer_set(w->loop, &w->timer, tk_clock_now() + MADE_EACH);
}

/* A server that takes longer than the maker never waits for it; with a faster one no request goes out
 * before its body is there, and the verdict says so. A maker that fails ends the load. */
static void test_maker(void)
{
    struct world w;
    struct tk_health h;
    struct tk_verdict v;
    struct tk_asked asked = { .permits = 1 };

    begin_making(&w, 25 * MS, 1);
    run_world(&w);
    tk_load_health(w.load, &h);
    T_EQ_U(w.totals.succeeded, 30, "maker: all are sent");
    T_EQ_U(h.bodies_late, 0, "maker: none waited for its body");
    close_world(&w);

    begin_making(&w, 25 * MS, 1);
    atomic_store(&supply.n_made, 1);
    run_world(&w);
    tk_load_health(w.load, &h);
    T_EQ_U(w.totals.succeeded, 30, "maker just in time: all are sent");
    T_EQ_U(h.bodies_late, 0, "maker just in time: a permit was what they waited for");
    close_world(&w);

    begin_making(&w, 1 * MS, 1);
    run_world(&w);
    tk_load_health(w.load, &h);
    T_EQ_U(w.totals.succeeded, 30, "slow maker: all are sent in the end");
    T_EQ_U(h.bodies_late, 20, "slow maker: each of the late ones is counted once");
    for (uint64_t i = 0; i < 30; i++) {
        tk_ns made_at = i < MADE_FIRST ? 0 : (tk_ns)(i - MADE_FIRST + 1) * MADE_EACH;
        tk_ns sent = record_of(&w, i).sent_first_at - w.totals.begin_at;
        T_OK(sent + MS >= made_at && sent <= made_at + 20 * MS,
             "slow maker: request %u goes out then", (unsigned)i);
    }
    struct tk_summary *sum = summary_of(&w, asked);
    tk_verdict_find(sum, &h, &asked, &v);
    T_OK(v.is_limit && v.first == TK_CAUSE_SLOW_MAKER, "slow maker: the verdict names it");
    tk_summary_free(sum);
    close_world(&w);

    begin_making(&w, 1 * MS, 3);
    n_makeable = 15;
    run_world(&w);
    T_EQ_U(w.totals.succeeded, 15, "maker that fails: what it made is sent, and then it ends");
    T_EQ_U(w.totals.not_sent, 15, "maker that fails: the rest is accounted for");
    close_world(&w);
}

int main(void)
{
    test_open(0, 0);
    test_open(3, 0);
    test_open(20, 0);
    test_open(3, 1200 * MS);
    test_open(0, 400 * MS);
    test_closed();
    test_writer();
    test_maker();
    return T_DONE();
}
