/* The whole engine against the simulator: see world.h. */
#include "lib/failmalloc.h"
#include "virt/world.h"

static void test_one_request(void)
{
    struct world w;
    tk_ns at[16] = { 0 };
    open_world(&w, knobs_of(50 * MS, 10 * MS, 5));
    run_world(&w);
    struct tk_record r = record_of(&w, 0);
    T_EQ_I(r.end, TK_END_OK, "one: succeeds");
    T_EQ_I(r.output_tokens, 5, "one: tokens by usage");
    T_EQ_I(r.count_source, TK_COUNT_USAGE, "one: says where the count is from");
    T_EQ_I(r.finish, TK_FINISH_STOP, "one: finish reason");
    T_EQ_U(token_instants(&w, at, 16), 5, "one: five events with tokens");
    T_EQ_I(at[0] - r.sent_first_at, 50 * MS, "one: TTFT to the nanosecond");
    for (unsigned i = 1; i < 5; i++)
        T_EQ_I(at[i] - at[i - 1], 10 * MS, "one: gap %u to the nanosecond", i);
    T_EQ_I(r.last_byte_at - r.sent_first_at, 90 * MS, "one: to the last byte");
    T_EQ_I(r.due_at, r.released_at, "closed loop: due when released");
    close_world(&w);
}

static void test_closed_loop(void)
{
    struct world w;
    struct tk_sim_counts c;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6)); /* 100 ms a request */
    w.plan.phase[TK_PHASE_MEASURE].n_requests = 100;
    w.plan.phase[TK_PHASE_MEASURE].concurrency = 8;
    w.plan.opens_ahead = true;
    run_world(&w);
    tk_sim_counts(w.sim, &c);
    T_EQ_U(w.totals.succeeded, 100, "closed: all succeed");
    T_EQ_U(c.n_finished, 100, "closed: by the server's own count too");
    T_EQ_U(c.peak_open, 8, "closed: eight at once, by the server's count");
    T_EQ_I(w.totals.end_at - w.totals.begin_at, 1300 * MS, "closed: 13 rounds of 100 ms");
    struct tk_record r = record_of(&w, 99);
    T_OK(r.flags & TK_REC_REUSED, "closed: connections are kept");
    T_EQ_I(r.due_at - w.totals.begin_at, 1200 * MS, "closed: the last round's due instant");
    struct tk_health h;
    tk_load_health(w.load, &h);
    T_EQ_U(h.conns_opened, 8, "closed: eight connections in all");
    close_world(&w);
}

static void test_open_loop(void)
{
    struct world w;
    enum { N = 1000 };
    static tk_ns due[N];
    const struct tk_schedule poisson = { .arrival = TK_ARRIVAL_POISSON, .rate = 200, .seed = 42 };
    open_world(&w, knobs_of(30 * MS, 0, 1));
    T_EQ_I(tk_schedule_make(&poisson, due, N), 0, "open: schedule");
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){
        .n_requests = N,
        .arrival = TK_ARRIVAL_POISSON,
        .rate = 200,
        .due_offset = due,
        .n_due = N,
    };
    run_world(&w);
    T_EQ_U(w.totals.succeeded, N, "open: all succeed");
    unsigned late = 0, wrong = 0;
    for (unsigned i = 0; i < N; i += 37) {
        struct tk_record r = record_of(&w, i);
        wrong += r.due_at != w.totals.begin_at + due[i];
        late += r.sent_first_at != r.due_at;
    }
    T_EQ_U(wrong, 0, "open: due instants are the plan's");
    T_EQ_U(late, 0, "open: sent at the very instant");
    close_world(&w);
}

/* Both: what has to wait for a permit keeps its due instant. */
static void test_no_omission(void)
{
    struct world w;
    static tk_ns due[10];
    open_world(&w, knobs_of(500 * MS, 0, 1));
    const struct tk_schedule even = { .arrival = TK_ARRIVAL_CONSTANT, .rate = 10 };
    tk_schedule_make(&even, due, 10);
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){
        .n_requests = 10,
        .concurrency = 1,
        .arrival = TK_ARRIVAL_CONSTANT,
        .rate = 10,
        .due_offset = due,
        .n_due = 10,
    };
    run_world(&w);
    for (unsigned i = 0; i < 10; i++) {
        struct tk_record r = record_of(&w, i);
        tk_ns queued = i * 400 * MS; /* each takes 500 ms, one arrives each 100 ms */
        T_EQ_I(r.due_at - w.totals.begin_at, due[i], "both: request %u is due on schedule", i);
        T_EQ_I(r.released_at - r.due_at, queued, "both: request %u waits for its permit", i);
        T_EQ_I(r.last_byte_at - r.due_at, queued + 500 * MS, "both: its latency from due is whole");
    }
    close_world(&w);
}

static void test_duration(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .duration = 1050 * MS,
                                                             .grace = 20 * MS,
                                                             .concurrency = 4 };
    run_world(&w);
    T_EQ_U(w.totals.sent, 44, "time: 11 rounds of 4");
    T_EQ_U(w.totals.succeeded, 40, "time: ten rounds end");
    T_EQ_U(w.totals.cancelled, 4, "time: what outlasts the grace is cancelled");
    struct tk_record r = record_of(&w, 43);
    T_EQ_I(r.end_at - w.totals.begin_at, 1070 * MS, "time: at the end of the grace");
    T_EQ_I(r.end, TK_END_CANCELLED, "time: and says so");
    close_world(&w);
}

static void on_stop(struct tk_timer *t)
{
    struct world *w = t->owner;
    tk_load_stop(w->load, w->stop_grace);
}

static void test_stop(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 1000,
                                                             .concurrency = 4,
                                                             .grace = 0 };
    w.stop_grace = 60 * MS;
    tk_timer_init(&w.timer, on_stop, &w);
    tk_timer_set(w.loop, &w.timer, tk_clock_now() + 250 * MS);
    run_world(&w);
    T_EQ_U(w.totals.sent, 12, "stop: no new request");
    T_EQ_U(w.totals.succeeded, 12, "stop: what ends within the grace counts");
    T_EQ_U(w.totals.not_sent, 988, "stop: the rest is accounted for");
    close_world(&w);
}

/* What follows Ctrl-C before a worker has heard of it: a maker that has failed, say. */
static void on_stop_twice(struct tk_timer *t)
{
    struct world *w = t->owner;
    tk_load_stop(w->load, w->stop_grace);
    tk_load_stop(w->load, TK_NS_NEVER / 4);
}

static void test_stop_twice(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 1000, .concurrency = 4 };
    w.stop_grace = 20 * MS;
    tk_timer_init(&w.timer, on_stop_twice, &w);
    tk_timer_set(w.loop, &w.timer, tk_clock_now() + 210 * MS);
    run_world(&w);
    T_EQ_U(w.totals.succeeded, 8, "stop, and again with more time: two rounds end");
    T_EQ_U(w.totals.cancelled, 4, "stop, and again with more time: the shorter grace stays");
    T_EQ_I(record_of(&w, 8).end_at - w.totals.begin_at, 230 * MS,
           "stop, and again with more time: at its end");
    close_world(&w);
}

/* Requests of 100 ms with rests of 20 between them, until somebody stops it. */
static void test_pause(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_PROBE] = (struct tk_plan_phase){ .concurrency = 1,
                                                           .arrival = TK_ARRIVAL_CLOSED,
                                                           .pause = 20 * MS };
    w.stop_grace = 60 * MS;
    tk_timer_init(&w.timer, on_stop, &w);
    tk_timer_set(w.loop, &w.timer, tk_clock_now() + 410 * MS);
    start_world(&w);
    run_phase(&w, TK_PHASE_PROBE);
    T_EQ_I(tk_sink_finish(w.sink, NULL), 0, "pause: the sink finishes");
    T_EQ_U(w.totals.succeeded, 4, "pause: four in 410 ms, the last within the grace");
    struct tk_record second = record_of_phase(&w, TK_PHASE_PROBE, 1);
    struct tk_record last = record_of_phase(&w, TK_PHASE_PROBE, 3);
    T_EQ_U(second.index, 1, "pause: records of their own phase");
    T_EQ_I(second.sent_first_at - w.totals.begin_at, 120 * MS,
           "pause: 20 ms after the first's end");
    T_EQ_I(last.sent_first_at - w.totals.begin_at, 360 * MS, "pause: each after the one before");
    close_world(&w);
}

/* A stop while it rests ends it at once. */
static void test_stop_in_pause(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_PROBE] = (struct tk_plan_phase){ .concurrency = 1,
                                                           .arrival = TK_ARRIVAL_CLOSED,
                                                           .pause = 3600 * TK_NS_PER_S };
    tk_timer_init(&w.timer, on_stop, &w);
    tk_timer_set(w.loop, &w.timer, tk_clock_now() + 500 * MS);
    start_world(&w);
    tk_ns begin = tk_clock_now();
    run_phase(&w, TK_PHASE_PROBE);
    T_EQ_I(tk_clock_now() - begin, 500 * MS, "stop in a pause: ends at once");
    T_EQ_I(tk_sink_finish(w.sink, NULL), 0, "stop in a pause: the sink finishes");
    T_EQ_U(w.totals.sent, 1, "stop in a pause: no new one");
    close_world(&w);
}

/* What is left of a run: other numbers than tickets, and the stages of the whole. */
static void test_past(void)
{
    static const uint64_t todo[] = { 3, 5 };
    static const tk_ns whole[] = { 0,       10 * MS, 20 * MS, 30 * MS, 40 * MS,
                                   50 * MS, 60 * MS, 70 * MS, 80 * MS };
    static const tk_ns rest[] = { 0, 0, 5 * MS, 15 * MS };
    struct tk_stage stages[] = { { .from = 100, .to = 100, .duration = 45 * MS },
                                 { .from = 100, .to = 100, .duration = 45 * MS } };
    struct tk_load_past past = {
        .todo = todo, .n_todo = 2, .next = 7, .at = 65 * MS, .due = whole
    };
    static const struct {
        uint64_t index;
        tk_ns due;
        unsigned stage;
    } want[] = { { 3, 0, 1 }, { 5, 0, 2 }, { 7, 5 * MS, 2 }, { 8, 15 * MS, 2 } };
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.past = &past;
    w.plan.phase[TK_PHASE_WARMUP] = (struct tk_plan_phase){ .n_requests = 2, .concurrency = 1 };
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){
        .n_requests = 4,
        .arrival = TK_ARRIVAL_CONSTANT,
        .rate = 100,
        .due_offset = rest,
        .n_due = 4,
        .shape = { .of = TK_SHAPE_RATE, .stages = stages, .n = 2 },
    };
    start_world(&w);
    run_phase(&w, TK_PHASE_WARMUP);
    run_phase(&w, TK_PHASE_MEASURE);
    T_EQ_I(tk_sink_finish(w.sink, NULL), 0, "past: the sink finishes");
    T_EQ_U(w.totals.sent, 4, "past: four are left");
    for (unsigned i = 0; i < 4; i++) {
        struct tk_record r = record_of(&w, want[i].index);
        T_EQ_U(r.index, want[i].index, "past: request %u", (unsigned)want[i].index);
        T_EQ_I(r.due_at - w.totals.begin_at, want[i].due, "past: it is due");
        T_EQ_U(r.item, want[i].index % MAX_ITEMS, "past: it sends its own item");
        T_EQ_U(r.stage, want[i].stage, "past: it is of its own stage");
    }
    close_world(&w);
}

/* A closed load without a bound by count goes on behind the last. */
static void test_past_closed(void)
{
    static const uint64_t todo[] = { 4 };
    struct tk_load_past past = { .todo = todo, .n_todo = 1, .next = 10, .at = 500 * MS };
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6)); /* 100 ms a request */
    w.past = &past;
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .duration = 250 * MS,
                                                             .grace = 1000 * MS,
                                                             .concurrency = 1 };
    run_world(&w);
    T_EQ_U(w.totals.sent, 3, "past, closed: as many as the time allows");
    T_EQ_U(record_of(&w, 4).index, 4, "past, closed: what was left out");
    T_EQ_U(record_of(&w, 10).index, 10, "past, closed: then the next ones");
    T_EQ_U(record_of(&w, 11).index, 11, "past, closed: in order");
    close_world(&w);
}

/* --- the start --- */

/* A wait for the writer, or for a due instant, may outlive its phase. */
static void test_nothing_before_the_start(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_WARMUP] = (struct tk_plan_phase){ .n_requests = 1, .concurrency = 1 };
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 8, .concurrency = 4 };
    w.plan.opens_ahead = true;
    w.plan.timeouts.connect = 200 * MS;
    start_world(&w);
    run_phase(&w, TK_PHASE_WARMUP);
    w.hang = 1; /* the preparation takes 200 ms */
    tk_timer_set(w.loop, &w.load->workers[0].pace, tk_clock_now() + 20 * MS);
    run_phase(&w, TK_PHASE_MEASURE);
    T_EQ_I(tk_sink_finish(w.sink, NULL), 0, "start: the sink finishes");
    T_EQ_U(w.totals.succeeded, 8, "start: all succeed");
    for (unsigned i = 0; i < 8; i++)
        T_OK(record_of(&w, i).released_at >= w.totals.begin_at,
             "start: request %u is not released before it", i);
    close_world(&w);
}

static void on_other_ready(struct tk_timer *t)
{
    struct world *w = t->owner;
    T_OK(!w->has_ended, "stopped before the start: does not end before it began");
    if (atomic_fetch_sub(&w->load->n_preparing, 1) == 1)
        tk__load_go(w->load);
}

static void on_stop_early(struct tk_timer *t)
{
    struct world *w = t->owner;
    tk_load_stop(w->load, 0);
    tk_timer_init(&w->timer, on_other_ready, w);
    tk_timer_set(w->loop, &w->timer, tk_clock_now() + 10 * MS);
}

/* Ctrl-C when one worker is ready and another still opens its connections. */
static void test_stop_before_the_start(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 8, .concurrency = 4 };
    start_world(&w);
    tk_ns now = tk_clock_now();
    tk_timer_init(&w.timer, on_stop_early, &w);
    tk_timer_set(w.loop, &w.timer, now + 10 * MS);
    if (tk_load_start(w.load, TK_PHASE_MEASURE, on_end, &w, NULL))
        abort();
    atomic_store(&w.load->n_preparing, 2); /* as if there were another worker */
    (void)tk_loop_run(w.loop);
    tk_load_totals(w.load, &w.totals);
    T_OK(w.has_ended, "stopped before the start: ends");
    T_EQ_I(w.totals.begin_at - now, 20 * MS, "stopped before the start: it has an instant");
    T_EQ_U(w.totals.sent, 0, "stopped before the start: nothing is sent");
    T_EQ_U(w.totals.not_sent, 8, "stopped before the start: all is accounted for");
    close_world(&w);
}

/* --- failures: each has its class --- */

static enum tk_end end_with(struct tk_sim_knobs k, struct tk_plan_timeouts timeouts,
                            struct tk_record *ret)
{
    struct world w;
    open_world(&w, k);
    w.plan.timeouts = timeouts;
    run_world(&w);
    *ret = record_of(&w, 0);
    T_EQ_U(w.totals.failed + w.totals.succeeded, 1, "one request, one end");
    close_world(&w);
    return (enum tk_end)ret->end;
}

static void test_failures(void)
{
    const struct tk_plan_timeouts none = { 0 };
    struct tk_record r;
    struct tk_sim_knobs k = knobs_of(50 * MS, 10 * MS, 6);
    k.status = 503;
    T_EQ_I(end_with(k, none, &r), TK_END_HTTP_STATUS, "status");
    T_EQ_I(r.status, 503, "status is kept");
    T_OK(r.detail[0], "the server's words are kept: '%s'", r.detail);

    k = knobs_of(50 * MS, 10 * MS, 6);
    k.error_at = 3;
    T_EQ_I(end_with(k, none, &r), TK_END_API_ERROR, "an error object in a 200 stream is a failure");
    T_OK(r.detail[0], "with its words: '%s'", r.detail);

    k = knobs_of(50 * MS, 10 * MS, 6);
    k.close_at = 3;
    T_EQ_I(end_with(k, none, &r), TK_END_TRUNCATED, "closed in mid-stream");

    k = knobs_of(50 * MS, 10 * MS, 6);
    k.malformed = TK_SIM_MALFORMED_JSON;
    T_EQ_I(end_with(k, none, &r), TK_END_PROTOCOL, "broken JSON");

    k = knobs_of(50 * MS, 10 * MS, 6);
    k.has_no_done = true;
    T_EQ_I(end_with(k, none, &r), TK_END_OK, "no [DONE], but all else");
    T_OK(r.flags & TK_REC_NO_DONE, "is noted");

    k = knobs_of(50 * MS, 10 * MS, 6);
    k.stall_at = 3;
    T_EQ_I(end_with(k, (struct tk_plan_timeouts){ .idle = 200 * MS }, &r), TK_END_TIMEOUT_IDLE,
           "a stall");
    T_EQ_I(r.end_at - r.last_byte_at, 200 * MS, "a stall ends after the time-out");

    k = knobs_of(500 * MS, 10 * MS, 6);
    T_EQ_I(end_with(k, (struct tk_plan_timeouts){ .first = 200 * MS }, &r), TK_END_TIMEOUT_FIRST,
           "no first token");
    T_EQ_I(r.end_at - r.sent_first_at, 200 * MS, "no first token: after the time-out");
    T_EQ_I(end_with(k, (struct tk_plan_timeouts){ .total = 520 * MS }, &r), TK_END_TIMEOUT_TOTAL,
           "too long in all");
    T_EQ_I(r.end_at - r.sent_first_at, 520 * MS, "too long: after the time-out");
}

static void test_cut_anywhere(void)
{
    for (int64_t n = 1; n < 40; n++) {
        struct tk_record r;
        struct tk_sim_knobs k = knobs_of(50 * MS, 10 * MS, 20);
        k.cut_every = n;
        enum tk_end end = end_with(k, (struct tk_plan_timeouts){ 0 }, &r);
        T_OK(end == TK_END_OK && r.output_tokens == 20, "cut every %d bytes", (int)n);
    }
}

static void test_no_connection(void)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE].n_requests = 3;
    w.refuse = 2;
    run_world(&w);
    T_EQ_U(w.totals.failed, 2, "refused: two fail");
    T_EQ_U(w.totals.succeeded, 1, "refused: the third succeeds");
    struct tk_record r = record_of(&w, 0);
    T_EQ_I(r.end, TK_END_CONNECT, "refused: class");
    T_EQ_I(r.code, -ECONNREFUSED, "refused: code");
    close_world(&w);
}

/* What waits for its turn to connect gets it when a time-out ends another's attempt. */
static void test_turn_to_connect(void)
{
    struct world w;
    static const tk_ns due[3] = { 0, 0, 50 * MS };
    open_world(&w, knobs_of(50 * MS, 10 * MS, 6));
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){
        .n_requests = 3,
        .arrival = TK_ARRIVAL_GIVEN,
        .rate = 10,
        .due_offset = due,
        .n_due = 3,
    };
    w.plan.timeouts.connect = 100 * MS;
    w.hang = 2;
    start_world(&w);
    w.load->workers[0].max_opening = 2;
    run_phase(&w, TK_PHASE_MEASURE);
    T_EQ_I(tk_sink_finish(w.sink, NULL), 0, "turn: the sink finishes");
    T_EQ_I(record_of(&w, 1).end, TK_END_TIMEOUT_CONNECT, "turn: two never connect");
    struct tk_record r = record_of(&w, 2);
    T_EQ_I(r.end, TK_END_OK, "turn: the third waited for them, then connects");
    T_EQ_I(r.sent_first_at - w.totals.begin_at, 100 * MS, "turn: as soon as one has given up");
    close_world(&w);
}

/* Allocations of the worker (the writer thread has its own) in a measured phase whose requests have so
 * many events, after a warm-up that made what is kept: the peak of streams, connections, the simulator's own arrays. */
static int64_t count_allocations(int64_t n_tokens)
{
    struct world w;
    open_world(&w, knobs_of(50 * MS, 10 * MS, n_tokens));
    w.plan.phase[TK_PHASE_WARMUP] = (struct tk_plan_phase){ .n_requests = 40, .concurrency = 4 };
    w.plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 40, .concurrency = 4 };
    start_world(&w);
    run_phase(&w, TK_PHASE_WARMUP);
    int64_t before = tk_failmalloc_count_here();
    run_phase(&w, TK_PHASE_MEASURE);
    int64_t n = tk_failmalloc_count_here() - before;
    T_EQ_U(w.totals.succeeded, 40, "allocations: all succeed");
    T_EQ_I(tk_sink_finish(w.sink, NULL), 0, "allocations: the sink finishes");
    close_world(&w);
    return n;
}

static void test_no_allocation_per_event(void)
{
    int64_t few = count_allocations(10), many = count_allocations(1000);
    T_EQ_I(many, few, "1,000 events a request allocate as much as 10");
    T_OK(few <= 40, "and no more than once a request (%d for 40)", (int)few);
}

int main(void)
{
    test_one_request();
    test_closed_loop();
    test_open_loop();
    test_no_omission();
    test_duration();
    test_stop();
    test_stop_twice();
    test_pause();
    test_stop_in_pause();
    test_past();
    test_past_closed();
    test_nothing_before_the_start();
    test_stop_before_the_start();
    test_failures();
    test_cut_anywhere();
    test_no_connection();
    test_turn_to_connect();
    test_no_allocation_per_event();
    return T_DONE();
}
