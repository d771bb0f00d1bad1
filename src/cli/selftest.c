/* selftest.c - a load against the simulator, and how far its figures are from the simulator's log
 *
 * The run is `tokmark run` in every respect: the options' defaults, the run file, the traces. Only the
 * request ids are its own, so that the log's lines can be told apart. The simulator gets a processor
 * for itself where there are two or more: what the client costs the server would be an error that no
 * real load has.
 */
#include "cli/selftest.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/run_opts.h"
#include "cli/run_plan.h"
#include "cli/session.h"
#include "cli/simchild.h"
#include "cli/simlog.h"
#include "metric/sample.h"
#include "metric/series.h"
#include "metric/verdict.h"
#include "run/health.h"

#define ID_PREFIX "selftest-"
#define MAX_WORDS 8
#define WORD_BYTES 64

/* A load under way. */
struct test {
    const struct tk_selftest_conf *c;
    struct tk_selftest *out;
    char log_path[512], run_path[512], cert_path[512];
    struct tk_simchild sim;
    char words[MAX_WORDS][WORD_BYTES]; /* of `tokmark run`; the options point into them */
    struct tk_run_opts o;
    struct tk_opt_result res;
    struct tk_run run;
    struct tk_session session;
    struct tk_simlog log;
    bool has_opts, has_run, has_session;
    tk_ns cpu;
};

/* Figures of both sides under way. */
struct compared {
    struct tk_series ttft_client, ttft_truth, gap_client, gap_truth, late;
    int64_t worst_ttft, worst_gap;
    tk_ns first_at, last_at; /* arrivals at the server */
    struct tk_sample sample;
};

/* --- the simulator --- */

/* The calling thread, and whoever it starts, on one processor, or on all of `set`. */
static void stay_on(const cpu_set_t *set)
{
    (void)sched_setaffinity(0, sizeof(*set), set);
}

static int start_sim(struct test *t, struct tk_err *reterr)
{
    const struct tk_selftest_conf *c = t->c;
    const char *more[8] = { "--log", t->log_path };
    char args[128];
    cpu_set_t all, one;
    bool is_pinned = c->server_cpu >= 0 && sched_getaffinity(0, sizeof(all), &all) == 0;

    if (c->is_tls) {
        more[2] = "--tls";
        more[3] = "--cert-out";
        more[4] = t->cert_path;
    }
    (void)snprintf(args, sizeof(args), "--ttft %lldns --itl %lldns", (long long)c->ttft,
                   (long long)c->gap);
    if (is_pinned) {
        CPU_ZERO(&one);
        CPU_SET(c->server_cpu, &one);
        stay_on(&one);
    }
    int rc = tk_simchild_start(&t->sim, args, more, reterr);
    if (is_pinned) {
        CPU_CLR(c->server_cpu, &all);
        stay_on(&all);
    }
    return rc;
}

/* What start_sim() took from this process. */
static void get_processor_back(const struct test *t)
{
    cpu_set_t all;

    if (t->c->server_cpu < 0 || sched_getaffinity(0, sizeof(all), &all) != 0)
        return;
    CPU_SET(t->c->server_cpu, &all);
    stay_on(&all);
}

/* --- the run --- */

/* The words of `tokmark run` for this load. */
static int parse_words(struct test *t, struct tk_err *reterr)
{
    const struct tk_selftest_conf *c = t->c;
    char *argv[MAX_WORDS + 2];
    int n = 0, argc = 0;

#define WORD(...) (void)snprintf(t->words[n++], WORD_BYTES, __VA_ARGS__)
    WORD("--requests=%llu", (unsigned long long)c->requests);
    WORD("--model=sim");
    WORD("--words=8");
    if (c->streams > 0) {
        WORD("--concurrency=%llu", (unsigned long long)c->streams);
        WORD("--output-tokens=%lld", (long long)c->tokens);
    } else {
        WORD("--rate=%.17g", c->rate);
        WORD("--arrival=constant");
        WORD("--no-stream");
        WORD("--output-tokens=1");
    }
#undef WORD
    for (; argc < n; argc++)
        argv[argc] = t->words[argc];
    if (c->is_tls) {
        static char option[] = "--ca-file";
        argv[argc++] = option;
        argv[argc++] = t->cert_path;
    }
    t->has_opts = true;
    return tk_opt_parse(&tk_run_command, argc, argv, &t->o, &t->res, reterr);
}

static tk_ns process_cpu(void)
{
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u) != 0)
        return 0;
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * TK_NS_PER_S +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * TK_NS_PER_US;
}

static int prepare(struct test *t, struct tk_err *reterr)
{
    int rc = parse_words(t, reterr);

    if (rc != 0)
        return rc;
    t->has_run = true;
    rc = tk_run_prepare(&t->run, &t->o, t->res.is_given, t->sim.url, reterr);
    if (rc != 0)
        return rc;
    t->run.plan.request_id_prefix = ID_PREFIX;
    t->has_session = true;
    rc = tk_session_init(&t->session, &t->run.plan, reterr);
    return rc == 0 ? tk_run_encode(&t->run, "sim", reterr) : rc;
}

static int load(struct test *t, struct tk_err *reterr)
{
    struct tk_session_conf conf = {
        .program = t->c->program,
        .load = { .plan = &t->run.plan,
                  .api = t->run.api,
                  .bodies = t->run.bodies,
                  .n_bodies = (uint32_t)t->run.items.n },
        .run_path = t->run_path,
        .progress = TK_PROGRESS_OFF,
    };
    tk_ns before = process_cpu();
    int rc = tk_session_run(&t->session, &conf, reterr);

    t->cpu = process_cpu() - before;
    t->out->is_interrupted = t->session.facts.is_interrupted;
    if (rc == 0 && t->session.is_file_damaged)
        return tk_err_set(reterr, TK_E_DB, "the run file in '%s' could not be written",
                          t->c->folder);
    return rc;
}

/* --- the comparison --- */

static int add_both(struct tk_series *client, struct tk_series *truth, int64_t c, int64_t t,
                    int64_t *worst)
{
    int rc = tk_series_add(client, c);

    if (llabs(c - t) > llabs(*worst))
        *worst = c - t;
    return rc == 0 ? tk_series_add(truth, t) : rc;
}

static int compare_stream(struct test *t, struct compared *k, const struct tk_simlog_request *req)
{
    const struct tk_sample *s = &k->sample;

    if (req->n_sent == 0 || s->n_gaps + 1 != req->n_sent || s->n_token_events != req->n_sent) {
        t->out->n_unmatched++;
        return 0;
    }
    int rc = add_both(&k->ttft_client, &k->ttft_truth, s->first_token_at - s->sent_at,
                      req->sent_at[0] - req->arrived_at, &k->worst_ttft);
    for (size_t i = 0; rc == 0 && i < s->n_gaps; i++)
        rc = add_both(&k->gap_client, &k->gap_truth, s->gaps[i].gap,
                      req->sent_at[i + 1] - req->sent_at[i], &k->worst_gap);
    t->out->n_events += s->n_token_events;
    return rc;
}

static int compare_arrival(struct compared *k, const struct tk_simlog_request *req, tk_ns due_at)
{
    if (k->first_at == 0 || req->arrived_at < k->first_at)
        k->first_at = req->arrived_at;
    k->last_at = TK_MAX(k->last_at, req->arrived_at);
    return tk_series_add(&k->late, req->arrived_at - due_at);
}

static int compare_request(struct test *t, struct compared *k, const struct tk_record_view *v,
                           const struct tk_clock_steps *steps)
{
    int rc = tk_sample_load(&k->sample, v, steps);

    if (rc != 0)
        return rc;
    t->out->n_requests++;
    if (!k->sample.is_success) {
        t->out->n_failed++;
        return 0;
    }
    if (v->rec.index >= t->log.n || t->log.v[v->rec.index].arrived_at == 0) {
        t->out->n_unmatched++;
        return 0;
    }
    const struct tk_simlog_request *req = &t->log.v[v->rec.index];
    return t->c->streams > 0 ? compare_stream(t, k, req) : compare_arrival(k, req, v->rec.due_at);
}

static int compare_all(struct test *t, struct compared *k, struct tk_err *reterr)
{
    struct tk_records *records = NULL;
    struct tk_record_view v;
    int rc = tk_simlog_read(t->log_path, ID_PREFIX, (size_t)t->c->requests, &t->log, reterr);

    if (rc == 0)
        rc = tk_sink_records(t->session.sink, &records, reterr);
    if (rc != 0)
        return rc;
    t->out->n_unmatched += t->log.n_unknown;
    while (rc == 0 && (rc = tk_records_next(records, &v, reterr)) > 0) {
        rc = 0;
        if (v.rec.phase == TK_PHASE_MEASURE)
            rc = compare_request(t, k, &v, tk_records_steps(records));
        if (rc != 0)
            (void)tk_err_set(reterr, rc, "request %llu cannot be compared: %s",
                             (unsigned long long)v.rec.index, tk_err_text(rc));
    }
    tk_records_free(records);
    return rc;
}

static void put_error(struct tk_selftest_error *e, struct tk_series *client,
                      struct tk_series *truth, int64_t worst)
{
    e->truth_p50 = tk_series_percentile(truth, 50);
    e->truth_p99 = tk_series_percentile(truth, 99);
    e->p50 = tk_series_percentile(client, 50) - e->truth_p50;
    e->p99 = tk_series_percentile(client, 99) - e->truth_p99;
    e->worst = (double)worst;
}

static void put_figures(struct test *t, struct compared *k)
{
    struct tk_selftest *out = t->out;
    const struct tk_health *h = &t->session.facts.health;
    uint64_t n = t->c->streams > 0 ? out->n_events : out->n_requests;

    put_error(&out->ttft, &k->ttft_client, &k->ttft_truth, k->worst_ttft);
    put_error(&out->gap, &k->gap_client, &k->gap_truth, k->worst_gap);
    out->late_p50 = tk_series_percentile(&k->late, 50);
    out->late_p99 = tk_series_percentile(&k->late, 99);
    out->late_max = k->late.n > 0 ? (double)k->late.max : NAN;
    out->sent_rate = NAN;
    if (k->late.n > 1 && k->last_at > k->first_at)
        out->sent_rate = (double)(k->late.n - 1) / ((double)(k->last_at - k->first_at) * 1e-9);
    out->cpu = n > 0 ? (double)t->cpu / (double)n : NAN;
    out->busiest_worker = h->max_worker_cpu;
    out->worst_wait = h->max_worker_starved;
    out->is_disturbed = tk_verdict_is_starved(h);
    out->n_workers = h->n_workers;
}

static int compare(struct test *t, struct tk_err *reterr)
{
    struct compared k = { 0 };
    struct tk_series *const all[] = { &k.ttft_client, &k.ttft_truth, &k.gap_client, &k.gap_truth,
                                      &k.late };

    for (size_t i = 0; i < TK_ARRAY_LEN(all); i++)
        tk_series_init(all[i], 0);
    tk_sample_init(&k.sample);
    int rc = compare_all(t, &k, reterr);
    if (rc == 0)
        put_figures(t, &k);
    for (size_t i = 0; i < TK_ARRAY_LEN(all); i++)
        tk_series_release(all[i]);
    tk_sample_release(&k.sample);
    return rc;
}

/* --- life --- */

static int name_files(struct test *t, struct tk_err *reterr)
{
    static const struct {
        const char *name;
        size_t at;
    } files[] = {
        { "sim.jsonl", offsetof(struct test, log_path) },
        { "run.tokmark", offsetof(struct test, run_path) },
        { "cert.pem", offsetof(struct test, cert_path) },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(files); i++) {
        int n = snprintf((char *)t + files[i].at, sizeof(t->log_path), "%s/%s", t->c->folder,
                         files[i].name);
        if (n < 0 || (size_t)n >= sizeof(t->log_path))
            return tk_err_set(reterr, TK_E_LIMIT,
                              "the name of the folder for temporary files is "
                              "too long");
    }
    return 0;
}

static void release(struct test *t)
{
    tk_simlog_release(&t->log);
    if (t->has_session)
        tk_session_release(&t->session);
    if (t->has_run)
        tk_run_release(&t->run);
    if (t->has_opts)
        tk_opt_release(&tk_run_command, &t->o, &t->res);
    (void)unlink(t->log_path);
    (void)unlink(t->run_path);
    (void)unlink(t->cert_path);
}

int tk_selftest_run(const struct tk_selftest_conf *c, struct tk_selftest *ret,
                    struct tk_err *reterr)
{
    struct test t = { .c = c, .out = ret };

    memset(ret, 0, sizeof(*ret));
    tk_arena_init(&t.log.arena, 0);
    int rc = name_files(&t, reterr);
    if (rc == 0)
        rc = start_sim(&t, reterr);
    if (rc == 0)
        rc = prepare(&t, reterr);
    if (rc == 0)
        rc = load(&t, reterr);
    tk_simchild_stop(&t.sim); /* its log is whole then */
    get_processor_back(&t);
    if (rc == 0 && !ret->is_interrupted)
        rc = compare(&t, reterr);
    release(&t);
    return rc;
}
