/* cmd_selftest.c - `tokmark selftest`: the client's own error and cost on this machine
 *
 * Loads of rising size against the simulator on this machine, whose log is the truth. What comes out is
 * what this client, on these processors, under this kernel, adds to a figure: read it before a result
 * whose differences are smaller than that.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/num.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/places.h"
#include "cli/selftest.h"
#include "cli/session.h"
#include "report/report.h"

#define PROGRAM "tokmark selftest"
#define MAX_LOADS 16
#define MAX_TEXT ((size_t)1 << 20)

struct values {
    const char *streams, *rates, *json;
    int64_t tokens, rounds;
    tk_ns ttft, gap, time;
    bool is_tls;
};

#define AT(member) offsetof(struct values, member)

static const struct tk_opt opts[] = {
    { .name = "streams",
      .letter = 'c',
      .type = TK_OPT_STR,
      .at = AT(streams),
      .value = "LIST",
      .def = "1,10,100,1000",
      .help = "loads of so many streams at once; none: leave them out" },
    { .name = "rounds",
      .type = TK_OPT_INT,
      .at = AT(rounds),
      .value = "N",
      .def = "4",
      .min = 1,
      .max = 1e6,
      .help = "requests on each stream, one after the other" },
    { .name = "tokens",
      .type = TK_OPT_INT,
      .at = AT(tokens),
      .value = "N",
      .def = "100",
      .min = 2,
      .max = 1e6,
      .help = "tokens of an answer" },
    { .name = "ttft",
      .type = TK_OPT_DUR,
      .at = AT(ttft),
      .value = "TIME",
      .def = "50ms",
      .min = 0,
      .max = 60,
      .help = "the server's time to the first token" },
    { .name = "gap",
      .type = TK_OPT_DUR,
      .at = AT(gap),
      .value = "TIME",
      .def = "10ms",
      .min = 0,
      .max = 60,
      .help = "the server's time from one token to the next" },
    { .name = "rates",
      .type = TK_OPT_STR,
      .at = AT(rates),
      .value = "LIST",
      .def = "100,1000,5000",
      .help = "loads of so many short requests a second; none: leave them out" },
    { .name = "time",
      .type = TK_OPT_DUR,
      .at = AT(time),
      .value = "TIME",
      .def = "4s",
      .min = 0.1,
      .max = 3600,
      .help = "how long each rate is held" },
    { .name = "tls", .type = TK_OPT_FLAG, .at = AT(is_tls), .help = "over TLS" },
    { .name = "json",
      .type = TK_OPT_STR,
      .at = AT(json),
      .value = "FILE",
      .help = "write the figures as JSON; -: to standard output, instead of the table" },
};

static const struct tk_opt_command command = {
    .name = PROGRAM,
    .synopsis = "[options]",
    .about =
        "Measure the client itself on this machine: real runs against the simulated server, "
        "compared request by request with what the server wrote down. With two processors or "
        "more the server has one for itself. Exit status 3 when a request failed or the two "
        "disagree about what was sent. A line that ends in MACHINE NOT FREE holds for this machine as it "
        "was: something else had the client's processor.",
    .examples = "tokmark selftest\n"
                "tokmark selftest --streams 2000 --rates none\n"
                "tokmark selftest --tls --json selftest.json",
    .opts = opts,
    .n_opts = TK_ARRAY_LEN(opts),
};

struct loads {
    double v[MAX_LOADS];
    size_t n;
};

struct tests {
    const struct values *v;
    struct loads streams, rates;
    struct tk_selftest by_streams[MAX_LOADS], by_rate[MAX_LOADS];
    int server_cpu, n_cpus;
    char folder[400];
};

/* --- the words --- */

static int parse_loads(const char *list, const char *option, double min, struct loads *ret,
                       struct tk_err *reterr)
{
    struct tk_str rest = tk_str_of(list), part;

    ret->n = 0;
    if (strcmp(list, "none") == 0)
        return 0;
    while (tk_str_split(&rest, ',', &part)) {
        part = tk_str_trim(part);
        double d;
        int rc = tk_num_parse_rate(part, &d);

        if (rc != 0 || !(d >= min && d <= 1e6) || (min >= 1 && d != floor(d)))
            return tk_err_set(reterr, TK_E_RANGE,
                              "--%s: '%.*s' is no load; numbers from %g to 1000000, with commas",
                              option, TK_STR_ARG(part), min);
        if (ret->n == MAX_LOADS)
            return tk_err_set(reterr, TK_E_LIMIT, "--%s: at most %d loads", option, MAX_LOADS);
        ret->v[ret->n++] = d;
    }
    return 0;
}

/* The first processor that this process may use is the server's, if there are others. */
static void choose_processors(struct tests *t)
{
    cpu_set_t set;

    t->server_cpu = -1;
    t->n_cpus = 1;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return;
    t->n_cpus = CPU_COUNT(&set);
    for (int i = 0; t->n_cpus > 1 && t->server_cpu < 0 && i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &set))
            t->server_cpu = i;
    }
}

static int make_folder(struct tests *t, struct tk_err *reterr)
{
    const char *parent = getenv("TMPDIR");
    int n = snprintf(t->folder, sizeof(t->folder), "%s/tokmark-selftest-XXXXXX",
                     parent && *parent ? parent : "/tmp");

    if (n < 0 || (size_t)n >= sizeof(t->folder))
        return tk_err_set(reterr, TK_E_LIMIT, "TMPDIR is too long");
    if (!mkdtemp(t->folder))
        return tk_err_set(reterr, -errno, "no folder '%s' can be made: %s; TMPDIR names another",
                          t->folder, strerror(errno));
    return 0;
}

/* --- running --- */

static struct tk_selftest_conf conf_of(const struct tests *t)
{
    return (struct tk_selftest_conf){
        .program = PROGRAM,
        .folder = t->folder,
        .tokens = t->v->tokens,
        .ttft = t->v->ttft,
        .gap = t->v->gap,
        .is_tls = t->v->is_tls,
        .server_cpu = t->server_cpu,
    };
}

static int run_streams(struct tests *t, size_t i, struct tk_err *reterr)
{
    struct tk_selftest_conf c = conf_of(t);

    c.streams = (uint64_t)t->streams.v[i];
    c.requests = c.streams * (uint64_t)t->v->rounds;
    tk_say(PROGRAM, "%llu stream%s, %llu request%s", (unsigned long long)c.streams,
           c.streams == 1 ? "" : "s", (unsigned long long)c.requests, c.requests == 1 ? "" : "s");
    return tk_selftest_run(&c, &t->by_streams[i], reterr);
}

static int run_rate(struct tests *t, size_t i, struct tk_err *reterr)
{
    struct tk_selftest_conf c = conf_of(t);

    c.rate = t->rates.v[i];
    c.requests = (uint64_t)ceil(c.rate * (double)t->v->time * 1e-9);
    c.requests = TK_MAX(c.requests, 2U);
    c.ttft = TK_NS_PER_MS;
    tk_say(PROGRAM, "%g requests/s, %llu requests", c.rate, (unsigned long long)c.requests);
    return tk_selftest_run(&c, &t->by_rate[i], reterr);
}

/* Ctrl-C between two loads waits for the next one's session, which ends at once then: nothing is left
 * behind, neither server nor files. */
static void hold_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* Has it ended well? Else *ret_status is why not. */
static bool is_done(int rc, const struct tk_selftest *s, const struct tk_err *e, int *ret_status)
{
    if (rc != 0 && !s->is_interrupted)
        *ret_status = tk_fail(TK_EXIT_FAILED, PROGRAM, e);
    else if (s->is_interrupted)
        *ret_status = TK_EXIT_INTERRUPTED;
    else if (s->n_failed > 0 || s->n_unmatched > 0)
        *ret_status = TK_EXIT_SOME_FAILED; /* the other loads are of use all the same */
    return rc == 0 && !s->is_interrupted;
}

static int run_all(struct tests *t)
{
    struct tk_err err = { 0 };
    int status = TK_EXIT_OK;
    bool goes_on = true;

    for (size_t i = 0; goes_on && i < t->streams.n; i++) {
        int rc = run_streams(t, i, &err);
        goes_on = is_done(rc, &t->by_streams[i], &err, &status);
    }
    for (size_t i = 0; goes_on && i < t->rates.n; i++) {
        int rc = run_rate(t, i, &err);
        goes_on = is_done(rc, &t->by_rate[i], &err, &status);
    }
    return status;
}

/* --- the table --- */

static void put_ms(struct tk_buf *out, double ns, int width)
{
    if (isnan(ns))
        tk_buf_addf(out, " %*s", width, "-");
    else
        tk_buf_addf(out, " %*.3f", width, fabs(ns) < 500 ? 0 : ns * 1e-6); /* no "-0.000" */
}

static void put_bad(struct tk_buf *out, const struct tk_selftest *s)
{
    if (s->n_failed > 0)
        tk_buf_addf(out, "  %llu FAILED", (unsigned long long)s->n_failed);
    if (s->n_unmatched > 0)
        tk_buf_addf(out, "  %llu DIFFER FROM THE LOG", (unsigned long long)s->n_unmatched);
    if (s->is_disturbed)
        tk_buf_addf(out, "  MACHINE NOT FREE: %.0f %% of a second without a processor",
                    100 * s->worst_wait);
    tk_buf_add_c(out, '\n');
}

static void put_streams(const struct tests *t, struct tk_buf *out)
{
    char ttft[32], gap[32];

    if (t->streams.n == 0)
        return;
    tk_buf_addf(
        out,
        "Streams of %lld tokens, the first after %s, then one each %s%s; error of a figure "
        "in ms: the client's\nless the server's; worst: of a single request or gap; CPU: of "
        "the whole process, run file included\n\n",
        (long long)t->v->tokens, tk_num_format_dur(t->v->ttft, ttft),
        tk_num_format_dur(t->v->gap, gap), t->v->is_tls ? ", over TLS" : "");
    tk_buf_add_z(out, "streams   events   TTFT: p50     p99    worst    gap: p50     p99    worst"
                      "   us/event  busiest worker\n");
    for (size_t i = 0; i < t->streams.n; i++) {
        const struct tk_selftest *s = &t->by_streams[i];

        tk_buf_addf(out, "%7.0f %8llu  ", t->streams.v[i], (unsigned long long)s->n_events);
        put_ms(out, s->ttft.p50, 9);
        put_ms(out, s->ttft.p99, 7);
        put_ms(out, s->ttft.worst, 8);
        tk_buf_add_c(out, ' ');
        put_ms(out, s->gap.p50, 9);
        put_ms(out, s->gap.p99, 7);
        put_ms(out, s->gap.worst, 8);
        tk_buf_addf(out, " %10.2f", s->cpu * 1e-3);
        if (isnan(s->busiest_worker)) /* the load was too short */
            tk_buf_addf(out, " %7s", "-");
        else
            tk_buf_addf(out, " %7.0f %% of a core", 100 * s->busiest_worker);
        put_bad(out, s);
    }
    tk_buf_add_c(out, '\n');
}

static void put_rates(const struct tests *t, struct tk_buf *out)
{
    if (t->rates.n == 0)
        return;
    tk_buf_addf(out,
                "Short requests at a constant rate%s; lateness in ms: from due to arrived at "
                "the server\n\n",
                t->v->is_tls ? ", over TLS" : "");
    tk_buf_add_z(out, "requests/s     sent   late: p50     p99    worst   us/request\n");
    for (size_t i = 0; i < t->rates.n; i++) {
        const struct tk_selftest *s = &t->by_rate[i];

        tk_buf_addf(out, "%10g %8.1f  ", t->rates.v[i], s->sent_rate);
        put_ms(out, s->late_p50, 9);
        put_ms(out, s->late_p99, 7);
        put_ms(out, s->late_max, 8);
        tk_buf_addf(out, " %12.2f", s->cpu * 1e-3);
        put_bad(out, s);
    }
    tk_buf_add_c(out, '\n');
}

static void put_machine(const struct tests *t, struct tk_buf *out)
{
    time_t now = (time_t)(tk_clock_wall() / TK_NS_PER_S);
    char date[32] = "?";
    struct tm tm;

    if (gmtime_r(&now, &tm))
        (void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    tk_buf_addf(out, "tokmark " TK_VERSION ", %s, ", date);
    if (t->server_cpu >= 0)
        tk_buf_addf(out, "%d processors, of which the server has one for itself\n\n", t->n_cpus);
    else
        tk_buf_add_z(out, "one processor, which client and server share: the errors are larger "
                          "than against a\nserver elsewhere\n\n");
}

/* --- JSON --- */

static void key_ms(struct tk_jsonw *w, const char *key, double ns)
{
    tk_jsonw_put_double(w, key, ns * 1e-6);
}

static void put_error_json(struct tk_jsonw *w, const char *key, const struct tk_selftest_error *e)
{
    tk_jsonw_key(w, key);
    tk_jsonw_obj(w);
    key_ms(w, "truth_p50_ms", e->truth_p50);
    key_ms(w, "truth_p99_ms", e->truth_p99);
    key_ms(w, "error_p50_ms", e->p50);
    key_ms(w, "error_p99_ms", e->p99);
    key_ms(w, "error_worst_ms", e->worst);
    tk_jsonw_obj_end(w);
}

static void put_counts_json(struct tk_jsonw *w, const struct tk_selftest *s)
{
    tk_jsonw_put_i64(w, "requests", (int64_t)s->n_requests);
    tk_jsonw_put_i64(w, "failed", (int64_t)s->n_failed);
    tk_jsonw_put_i64(w, "unmatched", (int64_t)s->n_unmatched);
    tk_jsonw_put_i64(w, "workers", (int64_t)s->n_workers);
    tk_jsonw_put_double(w, "busiest_worker", s->busiest_worker);
    tk_jsonw_put_double(w, "worst_wait", s->worst_wait);
    tk_jsonw_put_bool(w, "machine_free", !s->is_disturbed);
}

static void put_loads_json(const struct tests *t, struct tk_jsonw *w)
{
    tk_jsonw_key(w, "streams");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < t->streams.n; i++) {
        const struct tk_selftest *s = &t->by_streams[i];

        tk_jsonw_obj(w);
        tk_jsonw_put_i64(w, "streams", (int64_t)t->streams.v[i]);
        put_counts_json(w, s);
        tk_jsonw_put_i64(w, "events", (int64_t)s->n_events);
        put_error_json(w, "ttft", &s->ttft);
        put_error_json(w, "gap", &s->gap);
        tk_jsonw_put_double(w, "cpu_us_per_event", s->cpu * 1e-3);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_arr_end(w);
    tk_jsonw_key(w, "rates");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < t->rates.n; i++) {
        const struct tk_selftest *s = &t->by_rate[i];

        tk_jsonw_obj(w);
        tk_jsonw_put_double(w, "rate", t->rates.v[i]);
        tk_jsonw_put_double(w, "sent_rate", s->sent_rate);
        put_counts_json(w, s);
        key_ms(w, "late_p50_ms", s->late_p50);
        key_ms(w, "late_p99_ms", s->late_p99);
        key_ms(w, "late_max_ms", s->late_max);
        tk_jsonw_put_double(w, "cpu_us_per_request", s->cpu * 1e-3);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_arr_end(w);
}

static void put_json(const struct tests *t, struct tk_buf *out)
{
    struct tk_buf host = TK_BUF_INIT(64 << 10);
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_PRETTY);
    tk_jsonw_obj(&w);
    tk_jsonw_key(&w, "host");
    if (tk_session_host_json(&host) == 0)
        tk_jsonw_raw(&w, tk_buf_str(&host));
    else
        tk_jsonw_null(&w);
    tk_jsonw_put_bool(&w, "server_has_processor", t->server_cpu >= 0);
    tk_jsonw_put_bool(&w, "tls", t->v->is_tls);
    put_loads_json(t, &w);
    tk_jsonw_obj_end(&w);
    tk_buf_add_c(out, '\n');
    tk_buf_release(&host);
}

/* --- the command --- */

static int put_result(const struct tests *t, int status)
{
    struct tk_buf text = TK_BUF_INIT(MAX_TEXT), json = TK_BUF_INIT(MAX_TEXT);
    struct tk_err err = { 0 };
    bool is_json_alone = t->v->json && strcmp(t->v->json, "-") == 0;

    put_machine(t, &text);
    put_streams(t, &text);
    put_rates(t, &text);
    put_json(t, &json);
    if (text.failed || json.failed)
        status = TK_EXIT_FAILED;
    if (!is_json_alone && !tk_put(PROGRAM, tk_buf_str(&text)))
        status = TK_EXIT_FAILED;
    if (t->v->json && tk_put_file(PROGRAM, t->v->json, tk_buf_str(&json), &err) != 0)
        status = tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    tk_buf_release(&text);
    tk_buf_release(&json);
    return status;
}

static int selftest(const struct values *v, const struct tk_opt_result *res)
{
    struct tests t = { .v = v };
    struct tk_err err = { 0 };

    if (res->args.n > 0) {
        tk_say(PROGRAM, "what is '%s' for? selftest brings its own server", res->args.v[0]);
        return TK_EXIT_USAGE;
    }
    const struct tk_place place = { TK_PLACE_RESULT, "--json", v->json };
    int rc = tk_places_check(&place, 1, &err);
    if (rc == 0 && v->json)
        rc = tk_check_place(v->json, &err);
    if (rc == 0)
        rc = parse_loads(v->streams, "streams", 1, &t.streams, &err);
    if (rc == 0)
        rc = parse_loads(v->rates, "rates", 0.01, &t.rates, &err);
    if (rc != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    choose_processors(&t);
    hold_signals();
    if (make_folder(&t, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    int status = run_all(&t);
    (void)rmdir(t.folder);
    if (status == TK_EXIT_FAILED || status == TK_EXIT_INTERRUPTED)
        return status;
    return put_result(&t, status);
}

static int run(int argc, char **argv)
{
    struct values v = { 0 };
    struct tk_opt_result res = { 0 };
    int status = tk_parse(&command, argc, argv, &v, &res);

    if (status < 0)
        status = selftest(&v, &res);
    tk_opt_release(&command, &v, &res);
    return status;
}

const struct tk_command tk_cmd_selftest = {
    .name = "selftest",
    .about = "measure the client's own error and cost on this machine",
    .opts = &command,
    .run = run,
};
