/* session.c - from a plan and its bodies to a finished run
 *
 * The workers have threads of their own; this one waits on a loop for signals, for the end of a
 * phase (a mail from a worker), and for the timer that draws the progress line. Signals are
 * blocked before any thread starts, so they come here and nowhere else.
 *
 *   SIGINT/SIGTERM ──1st──► tk_load_stop(grace)      ──2nd──► tk_load_stop(0)
 *   worker: on_end ──mail──► the phase's loop returns
 */
#include "cli/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/num.h"
#include "cli/cli.h"
#include "ev/loop.h"
#include "ev/signals.h"
#include "net/tls.h"

#define REDRAW_DUR (250 * TK_NS_PER_MS)
#define PLAIN_LINE_DUR (10 * TK_NS_PER_S)
#define CHECK_PAUSE_DUR (5 * TK_NS_PER_S)
#define CHECK_SILENCE_DUR (5 * TK_NS_PER_S)   /* of the server, before it is said … */
#define CHECK_SILENCE_EACH (60 * TK_NS_PER_S) /* … and said again */
#define MAX_MEMORY_BYTES ((size_t)1 << 30)

/* The run while it goes on. */
struct running {
    struct tk_session *s;
    const struct tk_session_conf *conf;
    struct tk_loop *loop;
    struct tk_signals *signals;
    struct tk_load *load;
    struct tk_load *probe;     /* single requests beside the measured phase; NULL: none */
    struct tk_plan probe_plan; /* it alone, for one worker */
    struct tk_mail probe_mail; /* posted when it has ended */
    bool is_probing;
    struct tk_mail end_mail;     /* posted by the worker that ends a phase */
    struct tk_mail failure_mail; /* posted by the writer when the run file takes no more */
    struct tk_timer draw;        /* progress */
    struct tk_timer pause;       /* between two tries of the check */
    struct tk_timer silence;     /* a try of the check has no reply */
    tk_ns check_at;              /* its begin */
    struct tk_progress progress;
    bool is_loading; /* a phase is under way */
    bool has_drawn;  /* a progress line stands on the terminal */
    bool is_terminal;
    unsigned n_signals;
    tk_ns stop_at; /* the first signal, or an error that ended the run; 0: none */
};

static int find_server(struct tk_session *s, const struct tk_plan *plan, struct tk_err *reterr)
{
    if (!plan->unix_path)
        return tk_addr_resolve(plan->host, plan->port, &s->addrs, reterr);
    int rc = tk_addr_unix(plan->unix_path, &s->addrs.v[0], reterr);
    s->addrs.n = rc == 0;
    return rc;
}

/* What is known to need more ports than there are is said before the start. */
static int check_ports(const struct tk_session *s, const struct tk_plan *plan,
                       struct tk_err *reterr)
{
    struct tk_port_range range = tk_port_range();
    uint64_t n_streams = tk_load_max_streams(plan), n_sources = TK_MAX(s->sources.n, 1U);
    uint64_t n_ports = range.last - range.first + 1;

    if (n_streams <= n_ports * n_sources)
        return 0;
    return tk_err_set(
        reterr, TK_E_RANGE,
        "%llu requests at once need as many local ports; %llu address%s to come from "
        "ha%s %llu each (%u-%u): ask for fewer, give more by --source-address, or widen "
        "net.ipv4.ip_local_port_range",
        (unsigned long long)n_streams, (unsigned long long)n_sources, n_sources == 1 ? "" : "es",
        n_sources == 1 ? "s" : "ve", (unsigned long long)n_ports, range.first, range.last);
}

static int find_sources(struct tk_session *s, const struct tk_plan *plan, struct tk_err *reterr)
{
    if (plan->unix_path)
        return plan->source_addresses
                   ? tk_err_set(reterr, TK_E_FORMAT,
                                "a Unix socket has no source address: leave --source-address out")
                   : 0;
    int rc = plan->source_addresses ? tk_sources_parse(plan->source_addresses, &s->sources, reterr)
                                    : tk_sources_spare(&s->addrs, &s->sources);
    if (rc == 0)
        rc = tk_sources_fit(&s->sources, &s->addrs, reterr);
    return rc == 0 ? check_ports(s, plan, reterr) : rc;
}

int tk_session_init(struct tk_session *s, const struct tk_plan *plan, struct tk_err *reterr)
{
    struct tk_tls_conf tls = {
        .ca_file = plan->ca_file,
        .is_insecure = plan->is_insecure,
        .cert_file = plan->cert_file,
        .key_file = plan->cert_key_file,
        .passphrase = plan->cert_passphrase,
    };

    memset(s, 0, sizeof(*s));
    int rc = find_server(s, plan, reterr);
    if (rc == 0)
        rc = find_sources(s, plan, reterr);
    if (rc != 0 || !plan->is_tls)
        return rc;
    return tk_tls_new_client(&tls, &s->tls, reterr);
}

void tk_session_release(struct tk_session *s)
{
    s->sink = tk_sink_free(s->sink);
    s->tls = tk_tls_free(s->tls);
    tk_sources_release(&s->sources);
}

/* --- the machine --- */

int tk_session_host_json(struct tk_buf *out)
{
    struct tk_jsonw w;
    struct utsname u;

    tk_jsonw_init(&w, out, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_put_z(&w, "program", "tokmark " TK_VERSION);
    if (uname(&u) == 0) {
        tk_jsonw_put_z(&w, "system", u.sysname);
        tk_jsonw_put_z(&w, "release", u.release);
        tk_jsonw_put_z(&w, "machine", u.machine);
        tk_jsonw_put_z(&w, "name", u.nodename);
    }
    tk_jsonw_key(&w, "processors");
    tk_jsonw_i64(&w, sysconf(_SC_NPROCESSORS_ONLN));
    tk_jsonw_obj_end(&w);
    return out->failed;
}

/* --- signals --- */

static void erase_line(struct running *r)
{
    if (r->has_drawn)
        (void)fputs("\r\033[K", stderr);
    r->has_drawn = false;
}

static void say_stopping(struct running *r)
{
    struct tk_progress_sums sums;
    unsigned n;
    const struct tk_live *live = tk_load_live(r->load, &n);
    char text[32];

    tk_progress_sum(live, n, &sums);
    if (r->conf->stop_grace > 0)
        tk_say(r->conf->program,
               "stopping: %llu request%s in flight may end within %s (Ctrl-C again: at once)",
               (unsigned long long)sums.in_flight, sums.in_flight == 1 ? "" : "s",
               tk_num_format_dur(r->conf->stop_grace, text));
    else
        tk_say(r->conf->program, "stopping");
}

static void on_signal(void *owner, int signo)
{
    struct running *r = owner;

    r->n_signals++;
    if (!r->s->facts.is_interrupted)
        r->s->facts.is_terminated = signo == SIGTERM;
    r->s->facts.is_interrupted = true;
    r->stop_at = r->stop_at ? r->stop_at : tk_clock_now();
    erase_line(r);
    if (r->is_probing)
        tk_load_stop(r->probe, r->is_loading && r->n_signals == 1 ? r->conf->stop_grace : 0);
    if (!r->is_loading) {
        if (!r->is_probing)
            tk_loop_stop(r->loop);
        return;
    }
    if (r->n_signals == 1)
        say_stopping(r);
    tk_load_stop(r->load, r->n_signals == 1 ? r->conf->stop_grace : 0);
}

/* --- progress --- */

static bool is_drawn(const struct running *r)
{
    enum tk_progress_mode mode = r->conf->progress;
    return mode == TK_PROGRESS_ON || (mode == TK_PROGRESS_AUTO && r->is_terminal);
}

static void draw(struct running *r)
{
    struct tk_buf line = TK_BUF_INIT(1024);
    struct tk_progress_sums sums;
    unsigned n;
    const struct tk_live *live = tk_load_live(r->load, &n);

    tk_progress_sum(live, n, &sums);
    tk_progress_line(&r->progress, &sums, tk_clock_now(), &line);
    if (line.p && r->is_terminal)
        (void)fprintf(stderr, "\r\033[K%s", line.p);
    else if (line.p)
        (void)fprintf(stderr, "%s\n", line.p);
    r->has_drawn = r->is_terminal;
    tk_buf_release(&line);
}

static tk_ns draw_gap(const struct running *r)
{
    return r->is_terminal ? REDRAW_DUR : PLAIN_LINE_DUR;
}

static void on_draw(struct tk_timer *t)
{
    struct running *r = t->owner;

    draw(r);
    (void)tk_timer_set(r->loop, t, tk_clock_now() + draw_gap(r));
}

/* --- phases --- */

/* On a worker's thread. */
static void on_end(void *owner)
{
    struct running *r = owner;
    tk_loop_post(r->loop, &r->end_mail);
}

static void on_end_mail(struct tk_mail *m)
{
    struct running *r = m->owner;
    tk_loop_stop(r->loop);
}

static void on_pause(struct tk_timer *t)
{
    struct running *r = t->owner;
    tk_loop_stop(r->loop);
}

/* On the probe's worker's thread. */
static void on_probe_end(void *owner)
{
    struct running *r = owner;
    tk_loop_post(r->loop, &r->probe_mail);
}

static void on_probe_mail(struct tk_mail *m)
{
    struct running *r = m->owner;

    r->is_probing = false;
    if (!r->is_loading)
        tk_loop_stop(r->loop);
}

static int start_probe(struct running *r, struct tk_err *reterr)
{
    int rc = tk_load_start(r->probe, TK_PHASE_PROBE, on_probe_end, r, reterr);

    r->is_probing = rc == 0;
    return rc;
}

/* The one under way may end; its thread ends with it, before the run file is closed. */
static int stop_probe(struct running *r)
{
    struct tk_health unused;
    int rc = 0;

    if (r->is_probing)
        tk_load_stop(r->probe, r->s->facts.is_interrupted ? 0 : r->conf->stop_grace);
    while (rc == 0 && r->is_probing)
        rc = tk_loop_run(r->loop);
    tk_load_totals(r->probe, &r->s->facts.totals[TK_PHASE_PROBE]);
    tk_load_health(r->probe, &unused);
    return rc;
}

static int run_phase(struct running *r, enum tk_phase phase, struct tk_err *reterr)
{
    const struct tk_plan_phase *p = &r->conf->load.plan->phase[phase];
    tk_ns now = tk_clock_now();
    bool is_probed = r->probe && phase == TK_PHASE_MEASURE;

    tk_progress_begin(&r->progress, p->n_requests, p->duration, now);
    if (phase == TK_PHASE_MEASURE) {
        r->s->facts.wall_begin = tk_clock_wall();
        if (is_drawn(r))
            (void)tk_timer_set(r->loop, &r->draw, now + draw_gap(r));
    }
    r->is_loading = true;
    int rc = is_probed ? start_probe(r, reterr) : 0;
    if (rc == 0)
        rc = tk_load_start(r->load, phase, on_end, r, reterr);
    if (rc == 0)
        rc = tk_loop_run(r->loop);
    r->is_loading = false;
    tk_timer_stop(&r->draw);
    erase_line(r);
    tk_load_totals(r->load, &r->s->facts.totals[phase]);
    int rc_probe = is_probed ? stop_probe(r) : 0;
    return rc ? rc : rc_probe;
}

static bool has_phase(const struct tk_plan *plan, enum tk_phase phase)
{
    return plan->phase[phase].n_requests > 0 || plan->phase[phase].duration > 0;
}

static void tell_phase(const struct running *r, enum tk_phase phase, bool is_begin)
{
    if (r->conf->on_phase)
        r->conf->on_phase(r->conf->owner, phase, is_begin);
}

/* Who is told may wait for the server then, so that a signal that came meanwhile is taken here. */
static int announce(struct running *r, enum tk_phase phase, struct tk_err *reterr)
{
    if (!r->s->facts.is_interrupted) {
        tell_phase(r, phase, true);
        tk_signals_take(r->signals);
    }
    return r->s->facts.is_interrupted
               ? tk_err_set(reterr, TK_E_CANCELLED, "stopped before the measured load began")
               : 0;
}

static void tell_not_ready(const struct running *r, const struct tk_record *why, tk_ns dur)
{
    if (r->conf->on_not_ready)
        r->conf->on_not_ready(r->conf->owner, why, dur);
}

static void on_silence(struct tk_timer *t)
{
    struct running *r = t->owner;
    tk_ns now = tk_clock_now();

    tell_not_ready(r, NULL, now - r->check_at);
    (void)tk_timer_set(r->loop, t, now + CHECK_SILENCE_EACH);
}

/* One try. 1: the server is ready. */
static int try_check(struct running *r, struct tk_err *reterr)
{
    r->check_at = tk_clock_now();
    (void)tk_timer_set(r->loop, &r->silence, r->check_at + CHECK_SILENCE_DUR);
    int rc = run_phase(r, TK_PHASE_CHECK, reterr);
    tk_timer_stop(&r->silence);
    return rc ? rc : r->s->facts.totals[TK_PHASE_CHECK].succeeded > 0;
}

/* Try until it succeeds or the time is up. */
static int run_check(struct running *r, struct tk_err *reterr)
{
    tk_ns until = tk_clock_now() + r->conf->check_timeout;

    for (;;) {
        struct tk_record why;
        int rc = try_check(r, reterr);
        if (rc != 0)
            return TK_MIN(rc, 0);
        tk_ns left = until - tk_clock_now();
        if (r->s->facts.is_interrupted || left <= 0)
            break;
        tk_load_check(r->load, &why);
        tell_not_ready(r, &why, left);
        (void)tk_timer_set(r->loop, &r->pause, tk_clock_now() + TK_MIN(left, CHECK_PAUSE_DUR));
        rc = tk_loop_run(r->loop); /* ended by the pause, or by a signal */
        if (rc != 0 || r->s->facts.is_interrupted)
            break;
    }
    return tk_err_set(reterr, TK_E_NOT_FOUND, "the server does not answer as it should");
}

static int run_phases(struct running *r, struct tk_err *reterr)
{
    const struct tk_plan *plan = r->conf->load.plan;
    int rc = 0;

    for (enum tk_phase phase = TK_PHASE_CHECK; rc == 0 && phase <= TK_PHASE_MEASURE; phase++) {
        rc = announce(r, phase, reterr);
        if (rc != 0 || !has_phase(plan, phase))
            continue;
        if (phase == TK_PHASE_CHECK)
            rc = run_check(r, reterr);
        else
            rc = run_phase(r, phase, reterr);
        if (rc == 0)
            tell_phase(r, phase, false);
    }
    return r->s->facts.is_interrupted && r->s->facts.wall_begin == 0 ? TK_E_CANCELLED : rc;
}

/* --- around the phases --- */

/* On the writer's thread. */
static void on_failure(void *owner)
{
    struct running *r = owner;
    tk_loop_post(r->loop, &r->failure_mail);
}

/* Loud and at once: there may be an hour left in which somebody can make room. */
static void on_failure_mail(struct tk_mail *m)
{
    struct running *r = m->owner;
    struct tk_err err;

    erase_line(r);
    if (tk_sink_failure(r->s->sink, &err))
        tk_say(r->conf->program,
               "%s; the run goes on, and what is missing is tried again at its end", err.msg);
}

static uint16_t last_segment_of(const struct tk_resume *from)
{
    return from ? (uint16_t)from->segments[from->n_segments - 1].number : 0;
}

static int new_sink(struct running *r, struct tk_err *reterr)
{
    const struct tk_session_conf *conf = r->conf;
    struct tk_buf plan = TK_BUF_INIT(16 << 20);
    struct tk_buf host = TK_BUF_INIT(64 << 10);
    int rc = tk_plan_to_json(conf->load.plan, &plan);

    if (rc == 0)
        rc = tk_session_host_json(&host);
    if (rc != 0)
        (void)tk_err_set(reterr, rc, "the plan could not be written down: %s", tk_err_text(rc));
    struct tk_sink_conf sink = {
        .path = conf->run_path,
        .plan = tk_buf_str(&plan),
        .host = tk_buf_str(&host),
        .facts = conf->facts,
        .n_facts = conf->n_facts,
        .last_segment = last_segment_of(conf->resume),
        .max_memory_bytes = MAX_MEMORY_BYTES,
        .keeps_in_memory = true,
        .on_failure = on_failure,
        .owner = r,
    };
    if (rc == 0)
        rc = tk_sink_new(&sink, &r->s->sink, reterr);
    tk_buf_release(&plan);
    tk_buf_release(&host);
    return rc;
}

static int new_load(struct running *r, struct tk_err *reterr)
{
    const struct tk_session_conf *c = r->conf;
    struct tk_load_conf load = c->load;

    load.addrs = &r->s->addrs;
    load.sources = &r->s->sources;
    load.tls = r->s->tls;
    load.sink = r->s->sink;
    load.past = c->past;
    return tk_load_new(&load, &r->load, reterr);
}

/* A load of its own, so that neither waits for the other's connections or permits. */
static int new_probe(struct running *r, struct tk_err *reterr)
{
    const struct tk_session_conf *c = r->conf;
    struct tk_plan *p = &r->probe_plan;

    *p = *c->load.plan;
    for (enum tk_phase i = TK_PHASE_CHECK; i < TK_PHASE_PROBE; i++)
        p->phase[i] = (struct tk_plan_phase){ 0 };
    p->n_workers = 1;
    p->keeps_text = false;
    struct tk_load_conf load = {
        .plan = p,
        .addrs = &r->s->addrs,
        .sources = &r->s->sources,
        .tls = r->s->tls,
        .api = c->load.api,
        .bodies = c->probe,
        .n_bodies = 1,
        .sink = r->s->sink,
    };
    (void)tk_load_live(r->load, &load.first_worker);
    return tk_load_new(&load, &r->probe, reterr);
}

static int start(struct running *r, struct tk_err *reterr)
{
    static const int signos[] = { SIGINT, SIGTERM, 0 };
    int rc = tk_loop_new(TK_LOOP_REAL, &r->loop);

    if (rc == 0)
        rc = tk_signals_new(r->loop, signos, on_signal, r, &r->signals);
    if (rc != 0)
        return tk_err_set(reterr, rc, "no event loop: %s", tk_err_text(rc));
    tk_timer_init(&r->draw, on_draw, r);
    tk_timer_init(&r->pause, on_pause, r);
    tk_timer_init(&r->silence, on_silence, r);
    r->end_mail = (struct tk_mail){ .cb = on_end_mail, .owner = r };
    r->failure_mail = (struct tk_mail){ .cb = on_failure_mail, .owner = r };
    r->is_terminal = isatty(STDERR_FILENO) == 1;
    r->probe_mail = (struct tk_mail){ .cb = on_probe_mail, .owner = r };
    rc = new_sink(r, reterr);
    if (rc == 0)
        rc = new_load(r, reterr);
    return rc == 0 && r->conf->probe ? new_probe(r, reterr) : rc;
}

/* Counts of the segments before, and instants on the line that all of them share. */
static void add_past(struct running *r)
{
    const struct tk_resume *from = r->conf->resume;
    struct tk_facts *f = &r->s->facts;
    struct tk_load_totals *t = &f->totals[TK_PHASE_MEASURE];
    const struct tk_segment *first = NULL, *last = NULL;

    t->sent += from->n_ended;
    t->succeeded += from->n_succeeded;
    t->cancelled += from->n_cancelled_by_plan;
    t->cancelled_by_plan += from->n_cancelled_by_plan;
    t->failed += from->n_ended - from->n_succeeded - from->n_cancelled_by_plan;
    t->resends += from->n_resends;
    t->planned = TK_MAX(t->sent, r->conf->planned);
    t->not_sent = t->planned - t->sent;
    for (size_t i = 0; i < from->n_segments; i++) {
        if (from->segments[i].begin_at == 0)
            continue;
        first = first ? first : &from->segments[i];
        last = &from->segments[i];
    }
    if (!first)
        return;
    t->end_at = last->end_at + (t->begin_at ? TK_MAX(t->end_at - t->begin_at, 0) : 0);
    t->begin_at = first->begin_at;
    f->wall_begin = first->wall_begin ? first->wall_begin : f->wall_begin;
}

/* The run is over: what is known beside the records. A run that never began leaves no totals. */
static void put_facts(struct running *r)
{
    struct tk_facts *f = &r->s->facts;
    const struct tk_load_totals *t = &f->totals[TK_PHASE_MEASURE];
    struct tk_segment_span span = { .begin_at = t->begin_at,
                                    .stop_at = r->stop_at,
                                    .end_at = t->end_at };

    f->has_health = f->wall_begin != 0;
    tk_sink_put_span(r->s->sink, &span);
    if (r->conf->resume && !(f->is_interrupted && f->wall_begin == 0))
        add_past(r);
    f->has_totals = f->wall_begin != 0;
    if (f->has_health)
        tk_load_health(r->load, &f->health);
    if (tk_facts_put(f, r->s->sink) != 0)
        tk_say(r->conf->program, "the run file lacks totals and health");
}

/* The run is over, or never began: then its file is of no use. */
static void end_sink(struct running *r, int rc)
{
    const struct tk_session_conf *conf = r->conf;
    struct tk_session *s = r->s;
    struct tk_err err = { 0 };

    if (rc != 0 && r->stop_at == 0)
        r->stop_at = tk_clock_now();
    if (r->load)
        put_facts(r);
    else
        tk_sink_put_span(s->sink, &(struct tk_segment_span){ .stop_at = r->stop_at });
    int rc_sink = tk_sink_finish(s->sink, &err);
    if (rc_sink != 0) {
        s->is_file_damaged = true;
        s->has_file_failed = rc_sink == TK_E_DB;
        tk_say(conf->program, "%s", err.msg);
    }
    if (!r->load && !conf->resume && conf->run_path)
        (void)unlink(conf->run_path);
}

int tk_session_run(struct tk_session *s, const struct tk_session_conf *conf, struct tk_err *reterr)
{
    struct running r = { .s = s, .conf = conf };
    int rc = start(&r, reterr);

    if (rc == 0)
        rc = run_phases(&r, reterr);
    if (s->sink)
        end_sink(&r, rc);
    r.probe = tk_load_free(r.probe);
    r.load = tk_load_free(r.load); /* after the sink: the records' blocks are of its pools */
    tk_signals_free(r.signals);
    tk_loop_free(r.loop);
    return rc;
}
