/* load.c - the engine as its caller sees it: workers, phases, totals */
#include "load/load.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/cpus.h"
#include "base/err.h"
#include "load/internal.h"

/* One worker carries so many streams, or sends so many requests a second. */
#define STREAMS_PER_WORKER 1000
#define RATE_PER_WORKER 20000

/* Descriptors that are not streams: standard ones, loops, the run file. */
#define OTHER_FILES 64

uint64_t tk_load_max_streams(const struct tk_plan *p)
{
    uint64_t max = 0;
    for (size_t i = 0; i < TK_PHASE_N_; i++) {
        const struct tk_plan_phase *f = &p->phase[i];
        if (f->n_requests == 0 && f->duration == 0 && f->pause == 0)
            continue;
        uint64_t n = f->concurrency;
        if (n == 0 && f->due_offset == NULL)
            n = f->n_requests;
        else if (n && f->n_requests)
            n = TK_MIN(n, f->n_requests);
        max = TK_MAX(max, n);
    }
    return max;
}

static unsigned count_workers(const struct tk_load_conf *conf)
{
    const struct tk_plan *p = conf->plan;
    if (conf->virt)
        return 1;
    if (p->n_workers)
        return p->n_workers;
    uint64_t n = (tk_load_max_streams(p) + STREAMS_PER_WORKER - 1) / STREAMS_PER_WORKER;
    for (size_t i = 0; i < TK_PHASE_N_; i++) {
        double rate = p->phase[i].due_offset ? p->phase[i].rate : 0;
        if (isfinite(rate))
            n = TK_MAX(n, (uint64_t)ceil(rate / RATE_PER_WORKER));
    }
    return (unsigned)TK_MIN(TK_MAX(n, 1), tk_cpus_usable());
}

/* Room for as many descriptors as the plan's streams need; said before the start if there is not. Where
 * each request has a connection of its own, some of those before it are still closing. */
static int raise_file_limit(const struct tk_load_conf *conf, struct tk_err *reterr)
{
    struct rlimit limit;
    uint64_t streams = tk_load_max_streams(conf->plan), needed = streams + OTHER_FILES;
    if (conf->plan->is_new_connection)
        needed += (uint64_t)TK_HTTP_RETIRED_MAX * count_workers(conf);
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return tk_err_set(reterr, -errno, "cannot ask for the limit of open files");
    if (needed > limit.rlim_max)
        return tk_err_set(
            reterr, -EMFILE,
            "%llu streams at once need %llu open files, the hard limit is %llu; ask for "
            "fewer or raise it (ulimit -Hn)",
            (unsigned long long)streams, (unsigned long long)needed,
            (unsigned long long)limit.rlim_max);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE,
                    &limit); /* the soft limit may always be raised to the hard one */
    return 0;
}

static int start_workers(struct tk_load *l, struct tk_err *reterr)
{
    for (unsigned i = 0; i < l->n_workers; i++) {
        int rc = tk__worker_init(&l->workers[i], l, i, reterr);
        if (rc)
            return rc;
    }
    for (unsigned i = 0; i < l->n_workers; i++) {
        int rc = tk__worker_start(&l->workers[i]);
        if (rc == -EPERM && l->conf.plan->is_realtime)
            return tk_err_set(reterr, rc,
                              "real-time priority is not allowed here; it needs root, CAP_SYS_NICE "
                              "or a limit above 0 (ulimit -r)");
        if (rc)
            return tk_err_set(reterr, rc, "cannot start a worker thread: %s", tk_err_text(rc));
    }
    return 0;
}

int tk_load_new(const struct tk_load_conf *conf, struct tk_load **ret, struct tk_err *reterr)
{
    int rc = raise_file_limit(conf, reterr);
    if (rc)
        return rc;
    struct tk_load *l = aligned_alloc(64, (sizeof(*l) + 63) / 64 * 64);
    if (!l)
        return tk_err_set(reterr, -ENOMEM, "no memory for the load");
    *l = (struct tk_load){ .conf = *conf, .n_workers = count_workers(conf) };
    atomic_store(&l->gate.is_over, true);
    l->workers = calloc(l->n_workers, sizeof(*l->workers));
    l->live = aligned_alloc(64, l->n_workers * sizeof(*l->live));
    tk_buf_init(&l->head, 1 << 20);
    rc = l->workers && l->live ? tk__head_prefix(conf->plan, &l->head) : -ENOMEM;
    if (rc) {
        tk_load_free(l);
        return tk_err_set(reterr, rc, "cannot set the load up: %s", tk_err_text(rc));
    }
    for (unsigned i = 0; i < l->n_workers; i++)
        l->live[i] = (struct tk_live){ 0 };
    rc = start_workers(l, reterr);
    if (rc) {
        tk_load_free(l);
        return rc;
    }
    *ret = l;
    return 0;
}

struct tk_load *tk_load_free(struct tk_load *l)
{
    if (!l)
        return NULL;
    for (unsigned i = 0; l->workers && i < l->n_workers; i++)
        tk__worker_join(&l->workers[i]); /* all before one is gone: they post to each other */
    for (unsigned i = 0; l->workers && i < l->n_workers; i++)
        tk__worker_release(&l->workers[i]);
    free(l->workers);
    free(l->live);
    tk_buf_release(&l->head);
    free(l);
    return NULL;
}

/* --- phases --- */

uint64_t tk__load_n_tickets(const struct tk_plan_phase *p)
{
    uint64_t n = p->n_requests ? p->n_requests : UINT64_MAX;
    return p->due_offset ? TK_MIN(n, p->n_due) : n;
}

/* Every permit came back before the phase before was over, and a stop during the preparation stays. */
static void open_gate(struct tk_gate *g, const struct tk_plan_phase *p)
{
    bool is_closed_loop = !p->due_offset && (p->concurrency || p->arrival == TK_ARRIVAL_CLOSED);
    atomic_store(&g->ticket, 0);
    atomic_store(&g->pacer, -1);
    atomic_store(&g->step, 0);
    g->max_permits = p->concurrency;
    g->steps = p->permit_steps;
    g->n_steps = p->n_permit_steps;
    g->n = tk__load_n_tickets(p);
    g->due = p->due_offset;
    g->is_due_at_begin = !is_closed_loop;
    g->pause = p->pause;
    atomic_store(&g->not_before, 0);
    g->begin_at = tk_clock_now();
    g->until_at = p->duration ? g->begin_at + p->duration : TK_NS_NEVER;
    atomic_store(&g->is_over, false);
}

int tk_load_start(struct tk_load *l, enum tk_phase phase, void (*on_end)(void *owner), void *owner,
                  struct tk_err *reterr)
{
    const struct tk_plan_phase *p = &l->conf.plan->phase[phase];
    bool is_bounded = p->n_requests || p->n_due || (p->duration && p->concurrency) || p->pause;
    if (!is_bounded)
        return tk_err_set(reterr, -EINVAL, "a load without a bound cannot be started");
    l->phase = phase;
    l->on_end = on_end;
    l->on_end_owner = owner;
    atomic_store(&l->gate.is_stopped, false);
    atomic_store(&l->stop_grace, TK_NS_NEVER / 4);
    atomic_store(&l->n_preparing, l->n_workers);
    for (unsigned i = 0; i < l->n_workers; i++)
        tk_loop_post(l->workers[i].loop, &l->workers[i].mail_phase);
    return 0;
}

void tk__load_go(struct tk_load *l)
{
    atomic_store(&l->n_starting, l->n_workers);
    bool is_measured = l->phase == TK_PHASE_MEASURE;
    l->gate.past = is_measured ? l->conf.past : NULL;
    l->gate.supply = is_measured ? l->conf.supply : NULL;
    open_gate(&l->gate, &l->conf.plan->phase[l->phase]);
    if (is_measured) {
        struct tk_segment_span span = { .begin_at = l->gate.begin_at,
                                        .wall_begin = tk_clock_wall() };
        tk_sink_put_span(l->conf.sink, &span);
    }
    for (unsigned i = 0; i < l->n_workers; i++)
        tk_loop_post(l->workers[i].loop, &l->workers[i].mail_go);
}

void tk__load_ended(struct tk_load *l)
{
    l->on_end(l->on_end_owner);
}

/* The worker to which the mail has not come yet reads the grace when it comes: one who stops for another
 * reason must not take back what was said of Ctrl-C. */
static void shorten_grace(struct tk_load *l, tk_ns grace)
{
    int64_t old = atomic_load(&l->stop_grace);

    while (grace < old && !atomic_compare_exchange_weak(&l->stop_grace, &old, grace))
        ;
}

void tk_load_stop(struct tk_load *l, tk_ns grace)
{
    shorten_grace(l, grace);
    atomic_store(&l->gate.is_stopped, true);
    for (unsigned i = 0; i < l->n_workers; i++) {
        struct tk_worker *w = &l->workers[i];
        if (!atomic_exchange(&w->is_stop_posted, true))
            tk_loop_post(w->loop, &w->mail_stop);
    }
}

/* --- what it came to --- */

/* Requests that the plan wanted by the end of the phase. */
static uint64_t count_planned(const struct tk_load *l, uint64_t sent)
{
    const struct tk_gate *g = &l->gate;
    const struct tk_plan_phase *p = &l->conf.plan->phase[l->phase];
    if (!g->due)
        return g->n == UINT64_MAX ? sent : g->n;
    uint64_t n = g->n;
    while (n && p->duration && g->due[n - 1] >= p->duration)
        n--;
    return TK_MAX(n, sent);
}

void tk_load_totals(const struct tk_load *l, struct tk_load_totals *ret)
{
    *ret = (struct tk_load_totals){ .begin_at = l->gate.begin_at };
    for (unsigned i = 0; i < l->n_workers; i++) {
        const struct tk_worker *w = &l->workers[i];
        ret->sent += w->sent;
        ret->succeeded += w->succeeded;
        ret->failed += w->failed;
        ret->cancelled += w->cancelled;
        ret->cancelled_by_plan += w->cancelled_by_plan;
        ret->resends += w->resends;
        ret->end_at = TK_MAX(ret->end_at, w->last_end_at);
    }
    ret->planned = count_planned(l, ret->sent);
    ret->not_sent = ret->planned - ret->sent;
}

void tk_load_check(const struct tk_load *l, struct tk_record *ret)
{
    *ret = l->check;
}

void tk_load_health(struct tk_load *l, struct tk_health *ret)
{
    tk_health_init(ret);
    for (unsigned i = 0; i < l->n_workers; i++) {
        struct tk_worker *w = &l->workers[i];
        struct tk_worker_health *h = &w->health;
        struct tk_loop_stats loop;
        tk__worker_join(w);
        tk_loop_stats(w->loop, &loop);
        h->measured.loop_lag_sum = loop.lag_sum;
        h->measured.loop_lag_max = loop.lag_max;
        h->measured.n_timers = loop.n_timers;
        h->measured.n_requests = w->sent;
        tk_health_add_worker(ret, &h->measured);
        ret->conns_opened += h->conns_opened;
        ret->conns_failed += h->conns_failed;
        ret->requests_reused += h->requests_reused;
        ret->no_kernel_stamp += h->no_kernel_stamp;
        ret->clock_steps += h->clock_steps;
        ret->clock_error_max = TK_MAX(ret->clock_error_max, h->clock_error_max);
        ret->records_full += h->writer.n;
        ret->records_full_dur += h->writer.dur;
        ret->bodies_late += h->maker.n;
        ret->bodies_late_dur += h->maker.dur;
        ret->rests += h->rests;
        ret->rest_dur += h->rest_dur;
    }
}

const struct tk_live *tk_load_live(const struct tk_load *l, unsigned *ret_n)
{
    *ret_n = l->n_workers;
    return l->live;
}
