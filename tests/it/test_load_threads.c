/* The engine with several workers against the simulator over real sockets: every request is sent once,
 * however the workers race for tickets, permits and the pacing role. The simulator runs on a thread of
 * its own and counts for itself. */
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/err.h"
#include "ev/loop.h"
#include "lib/tap.h"
#include "load/load.h"
#include "sim/sim.h"

struct server {
    struct tk_loop *loop;
    struct tk_sim *sim;
    struct tk_mail quit;
    pthread_t thread;
};

static void on_quit(struct tk_mail *m)
{
    struct server *s = m->owner;
    tk_loop_stop(s->loop);
}

static void *serve(void *owner)
{
    struct server *s = owner;
    (void)tk_loop_run(s->loop);
    return NULL;
}

static void start_server(struct server *s, tk_ns ttft, tk_ns itl, int64_t tokens)
{
    struct tk_sim_knobs knobs = TK_SIM_KNOBS_DEFAULT;
    knobs.ttft_dur = ttft;
    knobs.itl_dur = itl;
    knobs.n_tokens = tokens;
    if (tk_loop_new(TK_LOOP_REAL, &s->loop))
        abort();
    struct tk_sim_conf conf = { .loop = s->loop, .host = "127.0.0.1", .knobs = knobs };
    if (tk_sim_new(&conf, &s->sim, NULL))
        abort();
    s->quit = (struct tk_mail){ .cb = on_quit, .owner = s };
    pthread_create(&s->thread, NULL, serve, s);
}

static void stop_server(struct server *s, struct tk_sim_counts *ret)
{
    tk_loop_post(s->loop, &s->quit);
    pthread_join(s->thread, NULL);
    tk_sim_counts(s->sim, ret);
    s->sim = tk_sim_free(s->sim);
    s->loop = tk_loop_free(s->loop);
}

static void on_end(void *owner)
{
    sem_post(owner);
}

struct outcome {
    struct tk_load_totals totals;
    struct tk_sim_counts counts;
    unsigned doubled; /* requests with more than one record */
    unsigned missing; /* … with none */
    unsigned peak;    /* most in flight at once, by the client's own records */
};

static int by_instant(const void *a, const void *b)
{
    const tk_ns *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Where one ends at the instant at which another begins, the end comes first. */
static unsigned find_peak(tk_ns *begins, tk_ns *ends, size_t n)
{
    unsigned peak = 0;
    qsort(begins, n, sizeof(*begins), by_instant);
    qsort(ends, n, sizeof(*ends), by_instant);
    for (size_t b = 0, e = 0; b < n; b++) {
        while (e < n && ends[e] <= begins[b])
            e++;
        peak = TK_MAX(peak, (unsigned)(b + 1 - e));
    }
    return peak;
}

/* Run `phase` with so many workers; stop after `stop_after` unless it is 0. */
static void run(const struct tk_plan_phase *phase, unsigned n_workers, tk_ns stop_after,
                struct outcome *ret)
{
    struct server server;
    start_server(&server, 2 * TK_NS_PER_MS, TK_NS_PER_MS / 2, 5);
    struct tk_addrs addrs = { .n = 1 };
    addrs.v[0].u.v4 = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(tk_sim_port(server.sim)),
        .sin_addr = { htonl(INADDR_LOOPBACK) },
    };
    addrs.v[0].n = sizeof(struct sockaddr_in);
    struct tk_plan plan = {
        .tool = "test",
        .url = "http://127.0.0.1",
        .host = "127.0.0.1",
        .target = "/v1/completions",
        .authority = "127.0.0.1",
        .api = "completions",
        .is_streamed = true,
        .level = TK_RECORD_ALL,
        .max_trace_bytes = 1 << 20,
        .max_record_bytes = 256 << 20,
        .n_workers = n_workers,
        .opens_ahead = true,
    };
    plan.phase[TK_PHASE_MEASURE] = *phase;
    struct tk_load_body body = { TK_STR_INIT("{\"prompt\":\"x\",\"stream\":true,"
                                             "\"stream_options\":{\"include_usage\":true}}"),
                                 -1, -1 };
    struct tk_sink_conf sink_conf = { .max_memory_bytes = 256 << 20, .keeps_in_memory = true };
    struct tk_load_conf conf = {
        .plan = &plan, .addrs = &addrs, .api = &tk_api_completions, .bodies = &body, .n_bodies = 1
    };
    struct tk_load *load;
    sem_t ended;
    sem_init(&ended, 0, 0);
    if (tk_sink_new(&sink_conf, &conf.sink, NULL) || tk_load_new(&conf, &load, NULL) ||
        tk_load_start(load, TK_PHASE_MEASURE, on_end, &ended, NULL))
        abort();
    if (stop_after) {
        struct timespec t = { 0, stop_after };
        nanosleep(&t, NULL);
        tk_load_stop(load, TK_NS_PER_S);
        tk_load_stop(load, 0); /* a second one shortens the grace */
    }
    sem_wait(&ended);
    tk_load_totals(load, &ret->totals);
    struct tk_health health;
    tk_load_health(load, &health);
    (void)tk_sink_finish(conf.sink, NULL);
    load = tk_load_free(load);

    static unsigned char seen[100000];
    memset(seen, 0, sizeof(seen));
    struct tk_records *rs;
    struct tk_record_view v;
    if (tk_sink_records(conf.sink, &rs, NULL))
        abort();
    ret->doubled = ret->missing = 0;
    static tk_ns begins[sizeof(seen)], ends[sizeof(seen)];
    size_t n = 0;
    while (tk_records_next(rs, &v, NULL) == 1) {
        ret->doubled += v.rec.index < sizeof(seen) && seen[v.rec.index]++;
        if (n < sizeof(seen)) {
            begins[n] = v.rec.released_at;
            ends[n++] = v.rec.end_at;
        }
    }
    ret->peak = find_peak(begins, ends, n);
    for (uint64_t i = 0; i < ret->totals.sent && i < sizeof(seen); i++)
        ret->missing += !seen[i];
    tk_records_free(rs);
    tk_sink_free(conf.sink);
    stop_server(&server, &ret->counts);
}

static void check(const struct outcome *o, const char *name)
{
    const struct tk_load_totals *t = &o->totals;
    T_EQ_U(t->planned, t->sent + t->not_sent, "%s: planned = sent + not sent", name);
    T_EQ_U(t->sent, t->succeeded + t->failed + t->cancelled,
           "%s: sent = succeeded + failed + cancelled", name);
    T_EQ_U(t->failed, 0, "%s: none fails", name);
    T_EQ_U(o->doubled, 0, "%s: no request has two records", name);
    T_EQ_U(o->missing, 0, "%s: no request has none", name);
    T_OK(o->counts.n_finished >= t->succeeded, "%s: the server finished what succeeded", name);
}

static void test_closed(unsigned workers)
{
    struct outcome o;
    const struct tk_plan_phase phase = { .n_requests = 2000, .concurrency = 37 };
    run(&phase, workers, 0, &o);
    check(&o, "closed");
    T_EQ_U(o.totals.succeeded, 2000, "closed, %u workers: all succeed", workers);
    T_EQ_U(o.counts.n_finished, 2000, "closed, %u workers: the server saw each once", workers);
    T_OK(o.counts.peak_open <= 37, "closed, %u workers: never more than 37 at once (%u)", workers,
         (unsigned)o.counts.peak_open);
}

static void test_open(unsigned workers, uint32_t concurrency)
{
    enum { N = 1500 };
    static tk_ns due[N];
    struct outcome o;
    const struct tk_schedule poisson = { .arrival = TK_ARRIVAL_POISSON, .rate = 3000, .seed = 7 };
    tk_schedule_make(&poisson, due, N);
    const struct tk_plan_phase phase = {
        .n_requests = N,
        .concurrency = concurrency,
        .arrival = TK_ARRIVAL_POISSON,
        .rate = 3000,
        .due_offset = due,
        .n_due = N,
    };
    run(&phase, workers, 0, &o);
    check(&o, "open");
    T_EQ_U(o.totals.succeeded, N, "open, %u workers, %u permits: all succeed", workers,
           concurrency);
    T_OK(concurrency == 0 || o.counts.peak_open <= concurrency, "open: permits hold");
}

/* Permits that come and go. The last stage has no end, so that every rise is met however slow this
 * machine is: a rise that is lost would leave the peak too low, or hang. */
static void test_permits(unsigned workers)
{
    static const struct tk_permit_step steps[] = { { 0, 2 },
                                                   { 30 * TK_NS_PER_MS, 9 },
                                                   { 60 * TK_NS_PER_MS, 0 },
                                                   { 90 * TK_NS_PER_MS, 1 },
                                                   { 120 * TK_NS_PER_MS, 150 },
                                                   { 150 * TK_NS_PER_MS, 5 },
                                                   { 180 * TK_NS_PER_MS, 160 } };
    struct outcome o;
    struct tk_plan_phase phase = { .n_requests = 6000,
                                   .concurrency = 160,
                                   .permit_steps = steps,
                                   .n_permit_steps = TK_ARRAY_LEN(steps) };
    run(&phase, workers, 0, &o);
    check(&o, "permits");
    T_EQ_U(o.totals.succeeded, 6000, "permits, %u workers: all succeed", workers);
    T_OK(o.peak >= 160, "permits, %u workers: all of the last rise: %u", workers, o.peak);
    T_OK(o.counts.peak_open <= 160, "permits, %u workers: and no more: %u", workers,
         (unsigned)o.counts.peak_open);

    static const struct tk_permit_step pause[] = { { 0, 0 }, { 50 * TK_NS_PER_MS, 7 } };
    phase = (struct tk_plan_phase){ .n_requests = 200,
                                    .concurrency = 7,
                                    .permit_steps = pause,
                                    .n_permit_steps = TK_ARRAY_LEN(pause) };
    run(&phase, workers, 0, &o);
    check(&o, "pause");
    T_EQ_U(o.totals.succeeded, 200, "pause, %u workers: it begins without anybody's end", workers);
    T_OK(o.peak >= 7 && o.counts.peak_open <= 7, "pause, %u workers: with all of its permits: %u",
         workers, o.peak);
}

static void test_stop(unsigned workers)
{
    struct outcome o;
    const struct tk_plan_phase phase = { .n_requests = 90000, .concurrency = 16 };
    run(&phase, workers, 100 * TK_NS_PER_MS, &o);
    check(&o, "stop");
    T_OK(o.totals.not_sent > 0, "stop, %u workers: the rest is not sent", workers);
}

int main(void)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        test_closed(workers);
        test_open(workers, 0);
        test_open(workers, 3);
        test_permits(workers);
        test_stop(workers);
    }
    return T_DONE();
}
