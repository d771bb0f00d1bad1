/* worker.c - one thread of the load: its loop, its releases, its clock
 *
 * A phase in a worker:
 *
 *   mail_phase: connections are opened ahead … all workers ready … mail_go: pump
 *   pump: take tickets while they are due and permits are free; set the pacing timer otherwise
 *   a stream ends: permit back, pump
 *   until: no new tickets; until + grace: what is in flight is cancelled
 *
 * Releases go in batches, so that a burst of thousands does not keep this worker from reading what
 * its streams receive.
 */
#include "load/internal.h"

#include <errno.h>
#include <sched.h>

#include "base/err.h"
#include "net/source.h"

/* Releases in one go before the loop gets its turn. */
#define BATCH 64

/* A wait for the writer to catch up, and for the next body to be made. */
#define WRITER_WAIT (10 * TK_NS_PER_MS)
#define MAKER_WAIT TK_NS_PER_MS

/* The pacing role is handed on when the next ticket leaves time for the mail to arrive, or at the
 * latest after so many releases in a row. */
#define HAND_ON_GAP (100 * TK_NS_PER_US)
#define HAND_ON_AFTER 32

/* Pauses of a closed loop after failures to connect: twice as long each time. */
#define REST_MIN (10 * TK_NS_PER_MS)
#define REST_MAX TK_NS_PER_S

/* Without a connect time-out, opening ahead takes no longer than that. */
#define PREPARE_MAX (10 * TK_NS_PER_S)

/* Offsets further apart than this, and than what the samples can be wrong by, are a step. */
#define STEP_MIN (50 * TK_NS_PER_US)

/* --- the clock --- */

static bool sample_clock(struct tk_worker *w, bool is_tick)
{
    struct tk_wall_offset now = tk_clock_offset(5);
    tk_ns moved = now.offset - w->offset.offset;
    tk_ns slack = TK_MAX(STEP_MIN, now.error + w->offset.error);
    bool is_step = moved > slack || moved < -slack;
    if (is_tick || is_step)
        tk_sink_put_clock(w->load->conf.sink, w->load->conf.first_worker + w->index, &now, is_step,
                          w->offset.at);
    w->health.clock_steps += is_step;
    w->health.clock_error_max = TK_MAX(w->health.clock_error_max, now.error);
    w->offset = now;
    return is_step;
}

bool tk__worker_check_clock(struct tk_worker *w)
{
    /* A client that is late reads thousands of old stamps: one look each millisecond is enough. */
    if (tk_clock_now() - w->offset.at < TK_NS_PER_MS)
        return false;
    return sample_clock(w, false);
}

static void on_tick(struct tk_timer *t)
{
    struct tk_worker *w = t->owner;
    sample_clock(w, true);
    if (!w->is_virtual)
        tk__cpu_sample(&w->cpu, &w->health.measured);
    (void)tk_timer_set(w->loop, t,
                       tk_clock_now() + TK_NS_PER_S); /* it has its place in the heap already */
}

/* --- releases --- */

static void check_end(struct tk_worker *w)
{
    if (w->has_begun && atomic_load(&w->load->n_starting) == 0 &&
        tk__gate_ends(&w->load->gate, tk_clock_now()))
        tk__load_ended(w->load);
}

static void on_mail_pace(struct tk_mail *m)
{
    struct tk_worker *w = m->owner;
    atomic_store(&w->is_pace_posted, false);
    tk__worker_pump(w);
}

static void hand_on(struct tk_worker *w)
{
    struct tk_load *l = w->load;
    struct tk_worker *next = &l->workers[(w->index + 1) % l->n_workers];
    w->n_paced = 0;
    atomic_store(&l->gate.pacer, (int32_t)next->index);
    if (!atomic_exchange(&next->is_pace_posted, true))
        tk_loop_post(next->loop, &next->mail_pace);
}

/* The next ticket is due at `at`: one worker waits for it. */
static void pace(struct tk_worker *w, tk_ns at, tk_ns now)
{
    struct tk_gate *g = &w->load->gate;
    if (!tk__gate_become_pacer(g, w->index))
        return;
    bool has_time = at - now > HAND_ON_GAP;
    if (w->load->n_workers > 1 && w->n_paced && (has_time || w->n_paced >= HAND_ON_AFTER))
        hand_on(w);
    else
        (void)tk_timer_set(w->loop, &w->pace, at); /* it has its place in the heap already */
}

/* --- pauses --- */

/* A server that is not there refuses thousands of connections a second. An open loop goes by its
 * schedule all the same; in a closed one nothing else would keep the client from doing nothing but
 * that, so it waits longer each time. Streams that were out together and fail together make one
 * pause. */
void tk__worker_rest(struct tk_worker *w)
{
    const struct tk_gate *g = &w->load->gate;
    tk_ns now = tk_clock_now();
    if (g->due || g->is_due_at_begin || now < w->rest_until)
        return;
    w->rest_dur = w->rest_dur ? TK_MIN(2 * w->rest_dur, REST_MAX) : REST_MIN;
    w->rest_until = now + w->rest_dur;
    w->health.rests++;
    w->health.rest_dur += w->rest_dur;
}

/* Within a pause; its end is what the timer is set to. */
static bool is_resting(struct tk_worker *w)
{
    if (!w->rest_until)
        return false;
    if (tk_clock_now() >= w->rest_until) {
        w->rest_until = 0;
        return false;
    }
    (void)tk_timer_set(w->loop, &w->pace, w->rest_until);
    return true;
}

/* --- one release --- */

/* Every permit is in use. True: look again, one came free in between. */
static bool wait_for_permit(struct tk_worker *w)
{
    struct tk_gate *g = &w->load->gate;
    tk__gate_drop_pacer(g, w->index);
    return atomic_load(&g->permits) < tk__gate_bound(g, tk_clock_now());
}

static bool is_writer_behind(const struct tk_worker *w)
{
    const struct tk_load *l = w->load;
    return tk_sink_backlog_bytes(l->conf.sink) > l->conf.plan->max_record_bytes;
}

/* Nothing is released without room for its record, nor without a body: count the waits, and how long
 * they took. */
static void note_wait(struct tk_waits *waits, bool is_over, tk_ns now)
{
    if (!is_over && !waits->from) {
        waits->n++;
        waits->from = now;
    } else if (is_over && waits->from) {
        waits->dur += now - waits->from;
        waits->from = 0;
    }
}

/* The next request's body is not made yet, or never will be. */
static void wait_for_body(struct tk_worker *w, tk_ns now)
{
    struct tk_load *l = w->load;

    if (atomic_load(&l->conf.supply->has_failed))
        tk_load_stop(l, TK_NS_NEVER / 4);
    else
        (void)tk_timer_set(w->loop, &w->pace, now + MAKER_WAIT);
}

static void use_allowance(struct tk_worker *w)
{
    if (w->quota && w->quota != UINT64_MAX)
        w->quota--;
    else if (w->n_risen)
        w->n_risen--;
}

/* Release one request if there is one to release. False: nothing more to do now. */
static bool release_one(struct tk_worker *w)
{
    struct tk_gate *g = &w->load->gate;
    struct tk_stream *s = is_writer_behind(w) ? NULL : tk__stream_take(w);
    uint64_t index = 0;
    tk_ns due_at = 0, now = tk_clock_now();
    bool is_closed = !s && tk__gate_is_closed(g, now);
    if (TK_UNLIKELY(!s || w->health.writer.from))
        note_wait(&w->health.writer, s || is_closed, now);
    if (TK_UNLIKELY(!s && !is_closed)) {
        (void)tk_timer_set(w->loop, &w->pace, now + WRITER_WAIT);
        return false;
    }
    enum tk_gate_verdict v = s ? tk__gate_take(g, now, &index, &due_at) : TK_GATE_CLOSED;
    if (TK_UNLIKELY(v == TK_GATE_UNMADE || w->health.maker.from))
        note_wait(&w->health.maker, v != TK_GATE_UNMADE, now);
    if (v == TK_GATE_TAKEN) {
        use_allowance(w);
        w->n_paced += tk__gate_is_pacer(g, w->index);
        tk__stream_start(s, index, due_at, now);
        return true;
    }
    if (s)
        tk__stream_put_back(s);
    if (v == TK_GATE_LATER) {
        pace(w, due_at, now);
        return false;
    }
    if (v == TK_GATE_FULL)
        return wait_for_permit(w);
    if (v == TK_GATE_UNMADE) {
        wait_for_body(w, now);
        return false;
    }
    tk__gate_drop_pacer(g, w->index);
    check_end(w);
    return false;
}

static bool may_release(const struct tk_worker *w, bool only_risen)
{
    return w->n_risen || (w->quota && !only_risen);
}

/* `only_risen`: as many as there are new permits of its own. A stream that ended while it was being
 * started has given its permit back, and then whatever is free is asked for. */
static void pump(struct tk_worker *w, bool only_risen)
{
    if (!w->has_begun) /* a timer or a call of the phase before */
        return;
    if (w->is_pumping) { /* a stream ended while it was being started */
        w->pumps_again = true;
        return;
    }
    if (is_resting(w)) {
        check_end(w);
        return;
    }
    w->is_pumping = true;
    unsigned n = 0;
    do {
        only_risen = only_risen && !w->pumps_again;
        w->pumps_again = false;
        while (n < BATCH && may_release(w, only_risen) && !w->rest_until && release_one(w))
            n++;
    } while (w->pumps_again && n < BATCH && may_release(w, false) && !w->rest_until);
    w->is_pumping = false;
    only_risen = only_risen && !w->pumps_again; /* of the last of a batch too */
    w->pumps_again = false;
    if (is_resting(w))
        check_end(w);
    else if (n == BATCH && may_release(w, only_risen))
        tk_loop_defer(w->loop, &w->pump);
    else if (!w->quota)
        check_end(w);
}

void tk__worker_pump(struct tk_worker *w)
{
    pump(w, false);
}

void tk__worker_freed(struct tk_worker *w)
{
    w->quota = UINT64_MAX; /* the start is over: now whoever has a permit takes the next ticket */
    pump(w, false);
}

/* --- permits that come with time --- */

/* This worker's part of `n`: the parts of all add up to n exactly. */
static uint64_t share_of(const struct tk_worker *w, uint64_t n)
{
    unsigned of = w->load->n_workers;
    return n / of + (w->index < n % of);
}

/* New permits of step `i` that are this worker's: see gate.c. */
static uint64_t own_rise(const struct tk_worker *w, size_t i)
{
    const struct tk_permit_step *steps = w->load->gate.steps;
    if (i == 0 || steps[i].permits <= steps[i - 1].permits)
        return 0;
    return share_of(w, steps[i].permits) - share_of(w, steps[i - 1].permits);
}

static void wait_for_rise(struct tk_worker *w)
{
    const struct tk_gate *g = &w->load->gate;
    while (w->next_step < g->n_steps && own_rise(w, w->next_step) == 0)
        w->next_step++;
    if (w->next_step < g->n_steps)
        (void)tk_timer_set(w->loop, &w->rise, g->begin_at + g->steps[w->next_step].at);
}

static void on_rise(struct tk_timer *t)
{
    struct tk_worker *w = t->owner;
    const struct tk_gate *g = &w->load->gate;
    tk_ns now = tk_clock_now();
    if (!w->has_begun)
        return;
    for (; w->next_step < g->n_steps && g->begin_at + g->steps[w->next_step].at <= now;
         w->next_step++)
        w->n_risen += own_rise(w, w->next_step);
    wait_for_rise(w);
    pump(w, g->due == NULL);                              /* of a schedule anything may be due */
    w->n_risen = w->quota == UINT64_MAX ? 0 : w->n_risen; /* who is free to ask needs no leave */
}

static void on_pump(struct tk_defer *d)
{
    tk__worker_pump(d->owner);
}

static void on_pace(struct tk_timer *t)
{
    tk__worker_pump(t->owner);
}

/* --- the end of the time --- */

static void cancel_all(struct tk_worker *w)
{
    struct tk_link *const lists[] = { &w->waiting, &w->active };
    for (size_t i = 0; i < TK_ARRAY_LEN(lists); i++)
        while (!tk_list_is_empty(lists[i]))
            tk__stream_cancel(TK_CONTAINER_OF(lists[i]->next, struct tk_stream, link));
}

/* Connections that were not there in time are given up; the streams will try for themselves. */
static void stop_preparing(struct tk_worker *w)
{
    w->n_ahead = 0;
    while (!tk_list_is_empty(&w->opening))
        tk__conn_free(TK_CONTAINER_OF(w->opening.next, struct tk_lconn, link));
    tk__conn_open_ahead(w);
}

static void on_until(struct tk_timer *t)
{
    struct tk_worker *w = t->owner;
    const struct tk_gate *g = &w->load->gate;
    tk_ns now = tk_clock_now();
    if (w->is_preparing) {
        stop_preparing(w);
        return;
    }
    if (!w->has_begun) /* ready, and others are not */
        return;
    if (!tk__gate_is_closed(g, now)) { /* called early */
        (void)tk_timer_set(w->loop, t, g->until_at);
        return;
    }
    if (now < w->cancel_at) {
        check_end(w);
        if (w->cancel_at != TK_NS_NEVER)
            (void)tk_timer_set(w->loop, t, w->cancel_at);
        return;
    }
    cancel_all(w);
    check_end(w);
}

static void on_mail_stop(struct tk_mail *m)
{
    struct tk_worker *w = m->owner;
    atomic_store(&w->is_stop_posted, false);
    tk_ns at = tk_clock_now() + atomic_load(&w->load->stop_grace);
    w->cancel_at = TK_MIN(w->cancel_at, at);
    on_until(&w->until); /* before the start it is kept in cancel_at: the phase begins, and ends */
}

/* --- phases --- */

/* How many requests go out at once when the phase starts; 0: the schedule says. */
static uint64_t n_at_start(const struct tk_plan_phase *p)
{
    uint64_t n = tk__load_n_tickets(p);
    if (p->due_offset)
        return 0;
    if (p->n_permit_steps)
        return TK_MIN(p->permit_steps[0].permits, n);
    return p->concurrency ? TK_MIN(p->concurrency, n) : n;
}

/* Connections to open before the phase starts. */
static uint64_t n_ahead(const struct tk_load *l)
{
    const struct tk_plan_phase *p = &l->conf.plan->phase[l->phase];
    uint64_t n = n_at_start(p);
    if (!l->conf.plan->opens_ahead || n == UINT64_MAX)
        return 0;
    if (n == 0) /* open loop: enough for the first moments */
        n = TK_MIN(TK_MIN(tk__load_n_tickets(p), 64), p->concurrency ? p->concurrency : 64);
    return TK_MIN(n, 20000);
}

static void on_mail_phase(struct tk_mail *m)
{
    struct tk_worker *w = m->owner;
    struct tk_load *l = w->load;
    uint64_t at_start = n_at_start(&l->conf.plan->phase[l->phase]);
    w->sent = w->succeeded = w->failed = w->cancelled = w->resends = 0;
    w->cancelled_by_plan = w->n_risen = 0;
    w->next_step = 0;
    w->rest_dur = w->rest_until = 0;
    w->last_end_at = 0;
    w->n_paced = 0;
    w->cancel_at = TK_NS_NEVER;
    w->quota = at_start && l->n_workers > 1 ? share_of(w, at_start) : UINT64_MAX;
    w->has_begun = false;
    w->is_preparing = true;
    unsigned idle = tk__conn_n_idle(w);
    uint64_t ahead = share_of(w, n_ahead(l));
    w->n_ahead = ahead > idle ? (unsigned)(ahead - idle) : 0;
    tk_ns max = l->conf.plan->timeouts.connect ? l->conf.plan->timeouts.connect : PREPARE_MAX;
    (void)tk_timer_set(w->loop, &w->until, tk_clock_now() + max);
    tk__conn_open_ahead(w);
}

/* The client's health is that of the measured phase: what came before it is forgotten. */
static void begin_health(struct tk_worker *w)
{
    w->health.writer = w->health.maker = (struct tk_waits){ 0 };
    w->health.rests = 0;
    w->health.rest_dur = 0;
    tk_loop_forget_stats(w->loop);
    if (!w->is_virtual)
        tk__cpu_begin(&w->cpu, &w->health.measured);
    (void)tk_timer_set(w->loop, &w->tick, tk_clock_now() + TK_NS_PER_S); /* it has its place */
}

static void on_mail_go(struct tk_mail *m)
{
    struct tk_worker *w = m->owner;
    const struct tk_load *l = w->load;
    const struct tk_plan_phase *p = &l->conf.plan->phase[l->phase];
    if (l->phase == TK_PHASE_MEASURE)
        begin_health(w);
    w->has_begun = true;
    atomic_fetch_sub(&w->load->n_starting, 1);
    tk_timer_stop(&w->until);
    if (l->gate.until_at != TK_NS_NEVER) {
        w->cancel_at = TK_MIN(w->cancel_at, l->gate.until_at + p->grace);
        (void)tk_timer_set(w->loop, &w->until, l->gate.until_at);
    } else if (w->cancel_at != TK_NS_NEVER) { /* stopped while it was preparing */
        (void)tk_timer_set(w->loop, &w->until, w->cancel_at);
    }
    tk_timer_stop(&w->rise);
    wait_for_rise(w);
    /* In an open loop the first worker to get here paces. */
    tk__worker_pump(w);
}

static void on_mail_quit(struct tk_mail *m)
{
    struct tk_worker *w = m->owner;
    tk_loop_stop(w->loop);
}

/* --- life --- */

static void *run(void *owner)
{
    struct tk_worker *w = owner;
    tk__cpu_ask_short_turns();
    tk__cpu_open(&w->cpu);
    (void)tk_loop_run(w->loop);
    tk__cpu_sample(&w->cpu, &w->health.measured);
    tk__cpu_close(&w->cpu);
    return NULL;
}

static void init_links(struct tk_worker *w)
{
    struct tk_link *const lists[] = { &w->idle,   &w->busy,    &w->opening,
                                      &w->active, &w->waiting, &w->free_streams };
    for (size_t i = 0; i < TK_ARRAY_LEN(lists); i++)
        tk_list_init(lists[i]);
}

static void init_callbacks(struct tk_worker *w)
{
    tk_timer_init(&w->pace, on_pace, w);
    tk_timer_init(&w->rise, on_rise, w);
    tk_timer_init(&w->until, on_until, w);
    tk_timer_init(&w->tick, on_tick, w);
    w->pump = (struct tk_defer){ .cb = on_pump, .owner = w };
    w->mail_phase = (struct tk_mail){ .cb = on_mail_phase, .owner = w };
    w->mail_go = (struct tk_mail){ .cb = on_mail_go, .owner = w };
    w->mail_pace = (struct tk_mail){ .cb = on_mail_pace, .owner = w };
    w->mail_stop = (struct tk_mail){ .cb = on_mail_stop, .owner = w };
    w->mail_quit = (struct tk_mail){ .cb = on_mail_quit, .owner = w };
}

/* Put the worker's timers into the heap once, so that setting them later cannot fail. */
static int reserve_timers(struct tk_worker *w)
{
    tk_ns now = tk_clock_now();
    int rc = tk_timer_set(w->loop, &w->pace, TK_NS_NEVER);
    if (rc == 0)
        rc = tk_timer_set(w->loop, &w->rise, TK_NS_NEVER);
    if (rc == 0)
        rc = tk_timer_set(w->loop, &w->until, TK_NS_NEVER);
    if (rc == 0)
        rc = tk_timer_set(w->loop, &w->tick, now + TK_NS_PER_S);
    tk_timer_stop(&w->pace);
    tk_timer_stop(&w->rise);
    tk_timer_stop(&w->until);
    return rc;
}

/* Addresses of one list are of one kind: internet, or a Unix socket. */
static const struct tk_xport_ops *xport_of(const struct tk_addrs *addrs)
{
    return tk_xport_of_family(addrs && addrs->n > 0 ? addrs->v[0].u.any.sa_family : AF_UNSPEC);
}

int tk__worker_init(struct tk_worker *w, struct tk_load *l, unsigned index, struct tk_err *reterr)
{
    const struct tk_plan *p = l->conf.plan;
    w->load = l;
    w->index = index;
    w->live = &l->live[index];
    w->max_opening = TK_MAX(TK_LOAD_MAX_CONNECTING / l->n_workers, 1);
    w->quota = UINT64_MAX;
    w->next_source = l->conf.sources && !l->conf.sources->is_spare ? index : 0;
    init_links(w);
    init_callbacks(w);
    w->is_virtual = l->conf.virt;
    tk_health_worker_init(&w->health.measured);
    int rc = 0;
    if (w->is_virtual)
        w->loop = l->conf.virt->loop;
    else
        rc = tk_loop_new(TK_LOOP_REAL, &w->loop);
    if (rc)
        return tk_err_set(reterr, rc, "cannot make an event loop: %s", tk_err_text(rc));
    struct tk_http_env_conf conf = {
        .loop = w->loop,
        .xport = xport_of(l->conf.addrs),
        .tls = l->conf.tls,
        .host = p->host,
        .limits = TK_HTTP_LIMITS_DEFAULT,
    };
    rc = tk_http_env_new(&conf, &w->env);
    if (rc == 0)
        rc = tk_blocks_new(p->max_record_bytes / l->n_workers, &w->pool);
    if (rc == 0)
        rc = reserve_timers(w);
    if (rc == 0)
        rc = tk__stream_reserve(w);
    w->json = tk_json_new(TK_LOAD_MAX_BODY);
    if (rc == 0 && !w->json)
        rc = -ENOMEM;
    if (rc)
        return tk_err_set(reterr, rc, "cannot set a worker up: %s", tk_err_text(rc));
    w->offset = tk_clock_offset(20);
    tk_sink_put_clock(l->conf.sink, l->conf.first_worker + index, &w->offset, false, w->offset.at);
    return 0;
}

int tk__worker_start(struct tk_worker *w)
{
    if (w->is_virtual)
        return 0;
    pthread_attr_t attr;
    struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_RR) };
    int rc = pthread_attr_init(&attr);
    if (rc)
        return -rc;
    if (w->load->conf.plan->is_realtime) { /* the lowest is above all that is ordinary */
        (void)pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
        (void)pthread_attr_setschedpolicy(&attr, SCHED_RR);
        (void)pthread_attr_setschedparam(&attr, &lowest);
    }
    rc = pthread_create(&w->thread, &attr, run, w);
    (void)pthread_attr_destroy(&attr);
    w->has_thread = rc == 0;
    return -rc;
}

void tk__worker_join(struct tk_worker *w)
{
    if (!w->has_thread)
        return;
    tk_loop_post(w->loop, &w->mail_quit);
    pthread_join(w->thread, NULL);
    w->has_thread = false;
}

void tk__worker_release(struct tk_worker *w)
{
    if (!w->load)
        return;
    tk__worker_join(w);
    tk__conn_free_all(w);
    tk__stream_free_all(w);
    tk_timer_stop(&w->pace);
    tk_timer_stop(&w->rise);
    tk_timer_stop(&w->until);
    tk_timer_stop(&w->tick);
    w->env = tk_http_env_free(w->env);
    w->json = tk_json_free(w->json);
    if (!w->is_virtual)
        w->loop = tk_loop_free(w->loop);
    w->pool = tk_blocks_free(w->pool);
}
