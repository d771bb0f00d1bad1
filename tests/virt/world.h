/* world.h - the engine and the simulator in one thread and in virtual time: transports in memory, a
 * clock that jumps from deadline to deadline. What takes no time takes none, so figures are exact to
 * the nanosecond, and hours pass in milliseconds. */
#ifndef TK_TESTS_VIRT_WORLD_H
#define TK_TESTS_VIRT_WORLD_H

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"
#include "ev/loop.h"
#include "lib/tap.h"
#include "load/internal.h"
#include "net/xport.h"
#include "sim/sim.h"

#define MS TK_NS_PER_MS

enum { MAX_ITEMS = 8 };

struct world {
    struct tk_loop *loop;
    struct tk_sim *sim;
    struct tk_sink *sink;
    struct tk_load *load;
    struct tk_plan plan;
    struct tk_load_virtual virt;
    struct tk_load_body bodies[MAX_ITEMS];
    struct tk_load_totals totals;
    unsigned refuse;                     /* connections to refuse before one is accepted */
    unsigned hang;                       /* connections that never open, after those */
    const struct tk_load_past *past;     /* NULL: the run begins */
    const struct tk_load_supply *supply; /* NULL: every body is there */
    bool has_ended;
    struct tk_timer timer; /* a test's own */
    tk_ns stop_grace;
};

/* --- a transport whose handshake never ends --- */

static int hang_init(struct tk_xport *x, const struct tk_xport_conf *conf, struct tk_err *reterr)
{
    (void)x;
    (void)conf;
    (void)reterr;
    return 0;
}

static int hang_handshake(struct tk_xport *x)
{
    (void)x;
    return TK_E_AGAIN_READ;
}

static const struct tk_xport_ops hanging = {
    .name = "hanging",
    .size = sizeof(struct tk_xport),
    .init = hang_init,
    .handshake = hang_handshake,
};

/* --- the world --- */

static int connect_mem(void *owner, struct tk_xport **ret)
{
    struct world *w = owner;
    struct tk_xport *client, *server;
    if (w->refuse) {
        w->refuse--;
        return -ECONNREFUSED;
    }
    if (w->hang) {
        static const struct tk_xport_conf conf = { .fd = -1 };
        w->hang--;
        return tk_xport_new(&hanging, w->loop, &conf, ret, NULL);
    }
    int rc = tk_mem_pair(w->loop, 1 << 20, &client, &server);
    if (rc)
        return rc;
    rc = tk_sim_adopt(w->sim, server);
    *ret = rc ? tk_xport_free(client) : client;
    return rc;
}

static void on_end(void *owner)
{
    struct world *w = owner;
    w->has_ended = true;
    tk_loop_stop(w->loop);
}

/* A world with a simulator that answers as `knobs` say, and a closed loop of one request. */
static TK_UNUSED void open_world(struct world *w, struct tk_sim_knobs knobs)
{
    *w = (struct world){ 0 };
    if (tk_loop_new(TK_LOOP_VIRTUAL, &w->loop))
        abort();
    struct tk_sim_conf sim = { .loop = w->loop, .knobs = knobs };
    if (tk_sim_new(&sim, &w->sim, NULL))
        abort();
    w->virt = (struct tk_load_virtual){ .loop = w->loop, .connect = connect_mem, .owner = w };
    w->plan = (struct tk_plan){
        .tool = "test",
        .url = "http://sim",
        .host = "sim",
        .target = "/v1/chat/completions",
        .authority = "sim",
        .api = "chat",
        .is_streamed = true,
        .level = TK_RECORD_ALL,
        .max_trace_bytes = 1 << 20,
        .max_record_bytes = 64 << 20,
        .request_id_prefix = "r",
    };
    w->plan.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .n_requests = 1,
                                                              .concurrency = 1,
                                                              .rate = 0 };
    static const struct tk_str body = TK_STR_INIT(
        "{\"model\":\"sim\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true}}");
    for (size_t i = 0; i < MAX_ITEMS; i++)
        w->bodies[i] = (struct tk_load_body){ body, -1, -1 };
}

static TK_UNUSED void run_phase(struct world *w, enum tk_phase phase)
{
    w->has_ended = false;
    if (tk_load_start(w->load, phase, on_end, w, NULL))
        abort();
    (void)tk_loop_run(w->loop);
    tk_load_totals(w->load, &w->totals);
    T_OK(w->has_ended, "the phase ends");
    T_EQ_U(w->totals.planned, w->totals.sent + w->totals.not_sent, "planned = sent + not sent");
    T_EQ_U(w->totals.sent, w->totals.succeeded + w->totals.failed + w->totals.cancelled,
           "sent = succeeded + failed + cancelled");
}

static TK_UNUSED void start_world(struct world *w)
{
    struct tk_sink_conf sink = { .max_memory_bytes = 64 << 20, .keeps_in_memory = true };
    struct tk_load_conf conf = {
        .plan = &w->plan,
        .api = &tk_api_chat,
        .bodies = w->bodies,
        .n_bodies = MAX_ITEMS,
        .virt = &w->virt,
        .past = w->past,
        .supply = w->supply,
    };
    if (tk_sink_new(&sink, &w->sink, NULL))
        abort();
    conf.sink = w->sink;
    if (tk_load_new(&conf, &w->load, NULL))
        abort();
}

static TK_UNUSED void run_world(struct world *w)
{
    start_world(w);
    run_phase(w, TK_PHASE_MEASURE);
    T_EQ_I(tk_sink_finish(w->sink, NULL), 0, "the sink finishes");
}

static TK_UNUSED void close_world(struct world *w)
{
    tk_timer_stop(&w->timer);
    w->load = tk_load_free(w->load);
    w->sink = tk_sink_free(w->sink);
    w->sim = tk_sim_free(w->sim);
    w->loop = tk_loop_free(w->loop);
}

/* The record of request `index`; the first one that there is must be asked for first. */
static TK_UNUSED struct tk_record record_of_phase(struct world *w, enum tk_phase phase,
                                                  uint64_t index)
{
    struct tk_records *rs;
    struct tk_record_view v;
    struct tk_record found = { .index = UINT64_MAX };
    if (tk_sink_records(w->sink, &rs, NULL))
        abort();
    while (tk_records_next(rs, &v, NULL) == 1)
        if (v.rec.index == index && v.rec.phase == phase)
            found = v.rec;
    tk_records_free(rs);
    return found;
}

static TK_UNUSED struct tk_record record_of(struct world *w, uint64_t index)
{
    return record_of_phase(w, TK_PHASE_MEASURE, index);
}

/* Instants of the events with tokens of request 0. */
static TK_UNUSED unsigned token_instants(struct world *w, tk_ns *out, unsigned cap)
{
    struct tk_records *rs;
    struct tk_record_view v;
    struct tk_trace_reader r;
    struct tk_trace_entry e;
    unsigned n = 0;
    if (tk_sink_records(w->sink, &rs, NULL) || tk_records_next(rs, &v, NULL) != 1)
        abort();
    tk_trace_open(&r, v.trace, v.rec.trace_base_at, NULL);
    while (tk_trace_next(&r, &e) == 1)
        if (e.kind == TK_TRACE_EVENT && (e.channels & TK_CH_TOKENS) && n < cap)
            out[n++] = e.arrived_at;
    tk_records_free(rs);
    return n;
}

static TK_UNUSED struct tk_sim_knobs knobs_of(tk_ns ttft, tk_ns itl, int64_t tokens)
{
    struct tk_sim_knobs k = TK_SIM_KNOBS_DEFAULT;
    k.ttft_dur = ttft;
    k.itl_dur = itl;
    k.n_tokens = tokens;
    return k;
}

#endif
