/* Loads that change over time, requests that are given up, pauses after failures to connect: exact to
 * the nanosecond. See world.h. */
#include "lib/failmalloc.h"
#include "virt/world.h"

enum { MAX_REQUESTS = 400 };

/* Offsets at which the requests of the measured phase were released, in the order of their index. */
struct releases {
    struct tk_record r[MAX_REQUESTS];
    tk_ns at[MAX_REQUESTS];
    unsigned n;
};

static void releases_of(struct world *w, struct releases *ret)
{
    struct tk_records *rs;
    struct tk_record_view v;
    ret->n = 0;
    if (tk_sink_records(w->sink, &rs, NULL))
        abort();
    while (tk_records_next(rs, &v, NULL) == 1 && ret->n < MAX_REQUESTS) {
        ret->at[ret->n] = v.rec.released_at - w->totals.begin_at;
        ret->r[ret->n++] = v.rec;
    }
    tk_records_free(rs);
}

/* How many were released at `at` exactly. */
static unsigned n_at(const struct releases *l, tk_ns at)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->n; i++)
        n += l->at[i] == at;
    return n;
}

/* Most requests in flight at `at`, those that begin at that instant counted, those that end not. */
static unsigned n_in_flight(const struct releases *l, tk_ns begin, tk_ns at)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->n; i++)
        n += l->at[i] <= at && l->r[i].end_at - begin > at;
    return n;
}

static void set_permits(struct tk_plan_phase *p, struct tk_shape *shape, struct tk_stage *stages,
                        size_t n, struct tk_permit_step *steps, size_t cap)
{
    *shape = (struct tk_shape){ .of = TK_SHAPE_CONCURRENCY, .stages = stages, .n = n };
    int64_t n_steps = tk_shape_steps(shape, steps, cap);
    if (n_steps < 0 || (size_t)n_steps > cap)
        abort();
    p->shape = *shape;
    p->permit_steps = steps;
    p->n_permit_steps = (size_t)n_steps;
    p->concurrency = (uint32_t)tk_shape_peak(shape);
    p->duration = tk_shape_duration(shape);
}

/* --- permits over time --- */

/* 1, then 3 from 1,050 ms on, then 1 again: a request takes 100 ms. */
static void test_stages(void)
{
    struct world w;
    struct tk_shape shape;
    struct tk_permit_step steps[8];
    struct tk_sim_counts c;
    static struct releases l;
    struct tk_stage stages[] = {
        { .from = 1, .to = 1, .duration = 1050 * MS },
        { .from = 3, .to = 3, .duration = 1000 * MS },
        { .from = 1, .to = 1, .duration = 1000 * MS },
    };
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    struct tk_plan_phase *p = &w.plan.phase[TK_PHASE_MEASURE];
    *p = (struct tk_plan_phase){ .grace = TK_NS_PER_S };
    set_permits(p, &shape, stages, 3, steps, 8);
    run_world(&w);
    releases_of(&w, &l);
    tk_sim_counts(w.sim, &c);
    T_EQ_U(n_at(&l, 0), 1, "stages: one at the start");
    T_EQ_U(n_at(&l, 1000 * MS), 1, "stages: the one of the first stage goes on");
    T_EQ_U(n_at(&l, 1050 * MS), 2, "stages: two more at the very instant of the rise");
    T_EQ_U(n_at(&l, 1100 * MS), 1, "stages: each permit goes on by itself");
    T_EQ_U(n_at(&l, 1150 * MS), 2, "stages: so do the new ones");
    T_EQ_U(c.peak_open, 3, "stages: three at once, by the server's count");
    T_EQ_U(n_in_flight(&l, w.totals.begin_at, 2049 * MS), 3, "stages: three to the end of it");
    T_EQ_U(n_at(&l, 2050 * MS), 0, "stages: a fall: what ends at that instant has no successor");
    T_EQ_U(n_in_flight(&l, w.totals.begin_at, 2060 * MS), 1, "stages: one is still in flight");
    T_EQ_U(n_at(&l, 2100 * MS), 1, "stages: its end lets the next one go");
    T_EQ_U(w.totals.cancelled, 0, "stages: a fall cancels nothing");
    T_EQ_U(w.totals.succeeded, w.totals.sent, "stages: all succeed");
    /* 11 until the rise, 3 every 100 ms in the second stage but for those in flight, then 10. */
    unsigned wrong = 0, per_stage[4] = { 0 };
    for (unsigned i = 0; i < l.n; i++) {
        tk_ns due = l.r[i].due_at - w.totals.begin_at;
        unsigned stage = due < 1050 * MS ? 1 : due < 2050 * MS ? 2 : 3;
        wrong += l.r[i].stage != stage;
        per_stage[stage]++;
    }
    T_EQ_U(wrong, 0, "stages: each record says its stage");
    T_EQ_U(per_stage[1], 11, "stages: in the first");
    T_EQ_U(per_stage[2], 30, "stages: in the second");
    T_EQ_U(per_stage[3], 10, "stages: in the third");
    close_world(&w);
}

/* 1 to 4 in 3 s: one more at 0.5, 1.5 and 2.5 s, where the line passes the middle; and down again. */
static void test_ramp(void)
{
    struct world w;
    struct tk_shape shape;
    struct tk_permit_step steps[16];
    static struct releases l;
    struct tk_stage stages[] = {
        { .from = 1, .to = 4, .duration = 3000 * MS },
        { .from = 4, .to = 1, .duration = 3000 * MS },
    };
    open_world(&w, knobs_of(60 * MS, 10 * MS, 2)); /* 70 ms a request */
    struct tk_plan_phase *p = &w.plan.phase[TK_PHASE_MEASURE];
    *p = (struct tk_plan_phase){ .grace = TK_NS_PER_S };
    set_permits(p, &shape, stages, 2, steps, 16);
    run_world(&w);
    releases_of(&w, &l);
    for (unsigned i = 0; i < 3; i++)
        T_EQ_U(n_at(&l, (500 + 1000 * i) * MS), 1, "ramp: a release at the rise at %u ms",
               500 + 1000 * i);
    unsigned wrong = 0;
    for (unsigned ms = 1; ms < 6000; ms += 7) {
        double level = ms < 3000 ? 1 + ms / 1000.0 : 4 - (ms - 3000) / 1000.0;
        unsigned want = (unsigned)(level + 0.5);
        unsigned is = n_in_flight(&l, w.totals.begin_at, ms * MS);
        /* A fall takes until one of them ends. */
        wrong += is != want &&
                 !(ms > 3000 && is == want + 1 && ms % 1000 >= 500 && ms % 1000 < 570);
    }
    T_EQ_U(wrong, 0, "ramp: in flight are as many as the line says");
    close_world(&w);
}

/* Nothing is released while the level is 0, and it goes on afterwards without anybody's end. */
static void test_pause(void)
{
    struct world w;
    struct tk_shape shape;
    struct tk_permit_step steps[8];
    static struct releases l;
    struct tk_stage stages[] = {
        { .from = 2, .to = 2, .duration = 150 * MS },
        { .from = 0, .to = 0, .duration = 500 * MS },
        { .from = 2, .to = 2 }, /* to the end, which is that of the requests */
    };
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    struct tk_plan_phase *p = &w.plan.phase[TK_PHASE_MEASURE];
    *p = (struct tk_plan_phase){ .n_requests = 10 };
    set_permits(p, &shape, stages, 3, steps, 8);
    run_world(&w);
    releases_of(&w, &l);
    T_EQ_U(w.totals.succeeded, 10, "pause: all succeed");
    T_EQ_U(n_at(&l, 100 * MS), 2, "pause: before it");
    T_EQ_U(n_at(&l, 650 * MS), 2, "pause: at its end");
    T_EQ_I(l.at[4], 650 * MS, "pause: nothing in it");
    T_EQ_U(l.r[9].stage, 3, "pause: the last stage has no end");
    close_world(&w);
}

/* As many new permits as are released in one go, and each request ends while it is started: the last one's
 * permit is asked for too. */
static void test_rise_of_a_batch(void)
{
    enum { BATCH = 64 };
    static char too_long[300];
    struct world w;
    struct tk_shape shape;
    struct tk_permit_step steps[4];
    struct tk_stage stages[] = {
        { .from = 0, .to = 0, .duration = 100 * MS },
        { .from = BATCH, .to = BATCH, .duration = 900 * MS },
    };
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    memset(too_long, 'x', sizeof(too_long) - 1);
    w.plan.request_id_prefix = too_long; /* for the head */
    struct tk_plan_phase *p = &w.plan.phase[TK_PHASE_MEASURE];
    *p = (struct tk_plan_phase){ .n_requests = 200 };
    set_permits(p, &shape, stages, 2, steps, 4);
    run_world(&w);
    T_EQ_U(w.totals.failed, 200, "batch: none is left behind");
    T_EQ_I(w.totals.end_at - w.totals.begin_at, 100 * MS, "batch: nor waits for anything");
    close_world(&w);
}

/* A schedule and a bound that changes: what is due waits for the rise. */
static void test_permits_of_a_schedule(void)
{
    struct world w;
    struct tk_shape shape;
    struct tk_permit_step steps[8];
    static struct releases l;
    static tk_ns due[20];
    const struct tk_schedule even = { .arrival = TK_ARRIVAL_CONSTANT, .rate = 40 }; /* 25 ms */
    struct tk_stage stages[] = {
        { .from = 0, .to = 0, .duration = 110 * MS },
        { .from = 2, .to = 2, .duration = 2000 * MS },
        { .from = 8, .to = 8 },
    };
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    struct tk_plan_phase *p = &w.plan.phase[TK_PHASE_MEASURE];
    T_EQ_I(tk_schedule_make(&even, due, 20), 0, "schedule");
    *p = (struct tk_plan_phase){
        .n_requests = 20, .arrival = TK_ARRIVAL_CONSTANT, .rate = 40, .due_offset = due, .n_due = 20
    };
    set_permits(p, &shape, stages, 3, steps, 8);
    p->duration = 0;
    run_world(&w);
    releases_of(&w, &l);
    T_EQ_U(w.totals.succeeded, 20, "both: all succeed");
    T_EQ_I(l.at[0], 110 * MS, "both: the first waits for a permit to be there");
    T_EQ_I(l.at[1], 110 * MS, "both: so does the second");
    T_EQ_I(l.at[2], 210 * MS, "both: the third for the end of one");
    T_EQ_I(l.r[2].due_at - w.totals.begin_at, 50 * MS, "both: and stays due");
    T_EQ_U(l.r[2].stage, 1, "both: in the stage in which it was due");
    close_world(&w);
}

/* --- rates over time --- */

static void test_rates(void)
{
    struct world w;
    static struct releases l;
    static tk_ns due[MAX_REQUESTS];
    struct tk_stage stages[] = {
        { .from = 10, .to = 10, .duration = 1000 * MS },
        { .from = 10, .to = 50, .duration = 2000 * MS },
        { .from = 5, .to = 5, .duration = 2000 * MS },
    };
    struct tk_shape shape = { .of = TK_SHAPE_RATE, .stages = stages, .n = 3 };
    const struct tk_schedule s = { .arrival = TK_ARRIVAL_POISSON, .seed = 5, .shape = &shape };
    uint64_t n = tk_schedule_count(&s, 0, MAX_REQUESTS);
    open_world(&w, knobs_of(30 * MS, 0, 1));
    T_EQ_I(tk_schedule_make(&s, due, n), 0, "rates: schedule");
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = n,
                                                             .duration = 5000 * MS,
                                                             .grace = TK_NS_PER_S,
                                                             .arrival = TK_ARRIVAL_POISSON,
                                                             .rate = 50,
                                                             .shape = shape,
                                                             .due_offset = due,
                                                             .n_due = n };
    run_world(&w);
    releases_of(&w, &l);
    T_OK(n > 60 && w.totals.succeeded == n, "rates: all of %d succeed", (int)n);
    unsigned wrong = 0;
    for (unsigned i = 0; i < l.n; i++)
        wrong += l.at[i] != due[i] || l.r[i].stage != tk_shape_stage_at(&shape, due[i]);
    T_EQ_U(wrong, 0, "rates: each is sent at its instant, and knows its stage");
    close_world(&w);
}

/* --- given up by the plan --- */

static void test_cancel_after_tokens(void)
{
    struct world w;
    struct tk_sim_counts c;
    static struct releases l;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.cancel = (struct tk_plan_cancel){ .share = 0.25, .tokens = 3 };
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 40, .concurrency = 4 };
    run_world(&w);
    releases_of(&w, &l);
    tk_sim_counts(w.sim, &c);
    T_EQ_U(w.totals.cancelled, 10, "tokens: a quarter");
    T_EQ_U(w.totals.cancelled_by_plan, 10, "tokens: all of them by the plan");
    T_EQ_U(w.totals.succeeded, 30, "tokens: the others succeed");
    T_EQ_U(w.totals.failed, 0, "tokens: none failed");
    T_EQ_U(c.n_broken, 10, "tokens: the server saw as many leave");
    T_EQ_U(c.n_finished, 30, "tokens: and finished the others");
    unsigned wrong = 0;
    for (unsigned i = 0; i < l.n; i++) {
        const struct tk_record *r = &l.r[i];
        bool is_planned = tk_cancel_point(&w.plan.cancel, w.plan.seed, r->index, -1).tokens > 0;
        wrong += is_planned != (r->end == TK_END_CANCELLED_BY_PLAN);
        wrong += is_planned != ((r->flags & TK_REC_CANCEL_DUE) != 0);
        if (is_planned)
            wrong += r->n_token_events != 3 || r->end_at - r->sent_first_at != 70 * MS ||
                     r->first_token_at - r->sent_first_at != 50 * MS;
    }
    T_EQ_U(wrong, 0, "tokens: the planned ones, at the instant of their third token");
    close_world(&w);
}

static void test_cancel_after_time(void)
{
    struct world w;
    static struct releases l;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.cancel = (struct tk_plan_cancel){ .share = 1, .after = 65 * MS };
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 6, .concurrency = 1 };
    run_world(&w);
    releases_of(&w, &l);
    T_EQ_U(w.totals.cancelled_by_plan, 6, "time: all");
    for (unsigned i = 0; i < l.n; i++) {
        T_EQ_I(l.r[i].end_at - l.r[i].sent_first_at, 65 * MS, "time: to the nanosecond");
        T_EQ_U(l.r[i].n_token_events, 2, "time: two tokens by then");
        T_OK(l.r[i].flags & TK_REC_CANCEL_BY_TIME, "time: the record says that it was the time");
        T_EQ_I(l.at[i], i * 65 * MS, "time: its permit is free at once");
    }
    close_world(&w);
}

/* What ends before its point succeeds, and what ends with it too. */
static void test_cancel_too_late(void)
{
    struct world w;
    static struct releases l;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.cancel = (struct tk_plan_cancel){ .share = 1, .tokens = 6 };
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 5, .concurrency = 1 };
    run_world(&w);
    releases_of(&w, &l);
    T_EQ_U(w.totals.succeeded, 5, "too late: the sixth token has the finish reason");
    T_OK(l.r[0].flags & TK_REC_CANCEL_DUE, "too late: the record says what was planned");
    close_world(&w);

    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.cancel = (struct tk_plan_cancel){ .share = 1, .after = 101 * MS };
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 5, .concurrency = 1 };
    run_world(&w);
    T_EQ_U(w.totals.succeeded, 5, "too late: done before the time");
    close_world(&w);
}

/* With chunks of four tokens, and the server saying so, the fifth token comes with the second. */
static void test_cancel_counts_tokens(void)
{
    struct world w;
    struct tk_sim_knobs k = knobs_of(50 * MS, 10 * MS, 40);
    static struct releases l;
    k.chunk = 4;
    k.usage = TK_SIM_USAGE_CONTINUOUS;
    open_world(&w, k);
    w.plan.cancel = (struct tk_plan_cancel){ .share = 1, .tokens = 5 };
    run_world(&w);
    releases_of(&w, &l);
    T_EQ_I(l.r[0].end, TK_END_CANCELLED_BY_PLAN, "counted: given up");
    T_EQ_U(l.r[0].n_token_events, 2, "counted: after two chunks");
    T_EQ_I(l.r[0].output_tokens, 8, "counted: of eight tokens, as the server said");
    close_world(&w);
}

/* An error in the stream stays what it is. */
static void test_failure_stays(void)
{
    struct world w;
    static struct releases l;
    struct tk_sim_knobs k = knobs_of(50 * MS, 10 * MS, 6);
    k.error_at = 3;
    k.events_per_write = 8;
    open_world(&w, k);
    w.plan.cancel = (struct tk_plan_cancel){ .share = 1, .tokens = 2 };
    run_world(&w);
    releases_of(&w, &l);
    T_EQ_I(l.r[0].end, TK_END_API_ERROR, "failed: in the read with the token that was the point");
    close_world(&w);
}

/* Warm-ups are whole. */
static void test_no_cancel_in_warmup(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.cancel = (struct tk_plan_cancel){ .share = 1, .tokens = 1 };
    w.plan.phase[TK_PHASE_WARMUP] = (struct tk_plan_phase){ .n_requests = 3, .concurrency = 1 };
    start_world(&w);
    run_phase(&w, TK_PHASE_WARMUP);
    T_EQ_U(w.totals.succeeded, 3, "warm-up: none is given up");
    T_EQ_I(tk_sink_finish(w.sink, NULL), 0, "warm-up: the sink finishes");
    close_world(&w);
}

/* --- pauses --- */

static void test_rest(void)
{
    static const int want_ms[] = { 0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270 };
    struct world w;
    static struct releases l;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE].n_requests = 12;
    w.refuse = 9;
    run_world(&w);
    releases_of(&w, &l);
    T_EQ_U(w.totals.failed, 9, "rest: nine are refused");
    for (unsigned i = 0; i < 10; i++)
        T_EQ_I(l.at[i], want_ms[i] * MS, "rest: request %u", i);
    T_EQ_I(l.at[10], 3370 * MS, "rest: none after a success");
    T_EQ_I(l.r[5].due_at, l.r[5].released_at, "rest: it is no lateness");
    struct tk_health h;
    tk_load_health(w.load, &h);
    T_EQ_U(h.rests, 9, "rest: pauses are counted");
    T_EQ_I(h.rest_dur, 3270 * MS, "rest: and summed up");
    close_world(&w);
}

/* Many that fail together make one pause; a schedule makes none. */
static void test_rest_of_many(void)
{
    struct world w;
    static struct releases l;
    static const tk_ns due[4] = { 0, 1, 2, 3 };
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 20, .concurrency = 4 };
    w.plan.timeouts.connect = 25 * MS;
    w.hang = 8;
    run_world(&w);
    releases_of(&w, &l);
    T_EQ_U(w.totals.failed, 8, "many: two rounds of four");
    T_EQ_I(l.at[4], 25 * MS, "many: a time-out is pause enough");
    struct tk_worker *worker = &w.load->workers[0];
    T_EQ_U(worker->health.rests, 0, "many: and none is counted");
    tk__worker_rest(worker);
    tk__worker_rest(worker);
    T_EQ_U(worker->health.rests, 1, "many: two refusals at once");
    T_EQ_I(worker->health.rest_dur, 10 * MS, "many: of one length");
    close_world(&w);

    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){
        .n_requests = 4, .arrival = TK_ARRIVAL_GIVEN, .due_offset = due, .n_due = 4
    };
    w.refuse = 3;
    run_world(&w);
    releases_of(&w, &l);
    T_EQ_I(l.at[3], 3, "schedule: goes on as planned");
    close_world(&w);
}

/* The last request fails: the phase ends then, not with the pause. */
static void test_rest_at_the_end(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE].n_requests = 5;
    w.refuse = 99;
    start_world(&w);
    run_phase(&w, TK_PHASE_MEASURE);
    T_EQ_I(tk_clock_now() - w.totals.begin_at, 150 * MS, "end: at once");
    T_EQ_I(tk_sink_finish(w.sink, NULL), 0, "end: the sink finishes");
    close_world(&w);
}

int main(void)
{
    test_stages();
    test_ramp();
    test_pause();
    test_rise_of_a_batch();
    test_permits_of_a_schedule();
    test_rates();
    test_cancel_after_tokens();
    test_cancel_after_time();
    test_cancel_too_late();
    test_cancel_counts_tokens();
    test_failure_stays();
    test_no_cancel_in_warmup();
    test_rest();
    test_rest_of_many();
    test_rest_at_the_end();
    return T_DONE();
}
