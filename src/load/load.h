/* load.h - the engine: releases requests as the plan says and writes down what became of them
 *
 *   due ──► released (has a permit) ──► sent ──► reads, events … ──► ended ──► sink
 *
 * One loop per worker thread. Workers share two numbers, the next ticket and the permits in use; a
 * worker that frees a permit takes the next due ticket itself, one worker holds the pacing timer and
 * hands it on. See docs/internals/pacing.md.
 */
#ifndef TK_LOAD_LOAD_H
#define TK_LOAD_LOAD_H

#include <stdatomic.h>

#include "api/api.h"
#include "base/def.h"
#include "base/err.h"
#include "net/addr.h"
#include "run/health.h"
#include "run/live.h"
#include "run/plan.h"
#include "run/record.h"
#include "run/sink.h"

struct tk_load;
struct tk_loop;
struct tk_sources;
struct tk_tls;
struct tk_xport;

/* A request body, made before the load starts. */
struct tk_load_body {
    struct tk_str json;
    int64_t asked_prompt_tokens; /* -1: not known */
    int64_t asked_output_tokens; /* -1: open */
};

/* Bodies of the measured phase that are made while it runs. A request that is due and has no body yet
 * waits, and the health counts it; when no more will come, the phase ends after what it has sent. */
struct tk_load_supply {
    _Atomic uint64_t n_made; /* requests 0 … n_made-1 have a body, and what it points to stays */
    _Atomic bool has_failed; /* it will not grow any more, and not all are there */
};

/* For tests in virtual time: one worker without a thread, on a loop of the test's, whose connections
 * are transports that the test makes. */
struct tk_load_virtual {
    struct tk_loop *loop;
    int (*connect)(void *owner, struct tk_xport **ret); /* 0 or a negative code */
    void *owner;
};

/* Of a run that goes on: what of the measured phase is past. The plan has the rest: so many requests, due
 * from the new start on. */
struct tk_load_past {
    const uint64_t *todo; /* request i of the rest is todo[i] of the whole, for i below n_todo … */
    size_t n_todo;
    uint64_t next;    /* … and next + i - n_todo from there on */
    tk_ns at;         /* the rest begins at this offset of the whole */
    const tk_ns *due; /* schedule of the whole; NULL: there is none */
};

struct tk_load_conf {
    const struct tk_plan *plan;   /* not owned, const while the load lives */
    const struct tk_addrs *addrs; /* of the plan's host, tried in order */
    const struct tk_sources
        *sources;       /* where connections come from; NULL: the system chooses; not owned */
    struct tk_tls *tls; /* NULL: plain; not owned */
    const struct tk_api_ops *api;
    const struct tk_load_body *bodies; /* request i of a phase sends bodies[item_of(i)] */
    uint32_t n_bodies;
    const uint32_t
        *order; /* n_order entries: item of request i is order[i % n_order]; NULL: i % n */
    uint32_t n_order;
    uint32_t first; /* item of every request of a phase that repeats one (is_first_item_only) */
    const struct tk_load_supply *supply; /* bodies that are made while the load runs; NULL: all are
                                            there; not owned */
    struct tk_sink *sink;                /* not owned */
    unsigned first_worker; /* number of its first worker in the records: those of another load of
                              the run come before it */
    const struct tk_load_past *past;    /* NULL: the run begins; not owned */
    const struct tk_load_virtual *virt; /* NULL: threads and sockets */
};

/* What became of a phase. planned = sent + not_sent; sent = succeeded + failed + cancelled. */
struct tk_load_totals {
    uint64_t
        planned;   /* by count; without a bound by count: what was sent or due when time was up */
    uint64_t sent; /* taken up: each has a record */
    uint64_t not_sent; /* due or planned, never taken up */
    uint64_t succeeded, failed, cancelled;
    uint64_t cancelled_by_plan; /* of the cancelled: the plan wanted them given up in mid-reply */
    uint64_t resends;
    tk_ns begin_at, end_at; /* start of the phase, end of its last request */
};

/* 0, or an error: threads, memory, files (raises the limit of open files by itself; asks for more
 * streams than the hard limit allows: -EMFILE with both numbers). */
int tk_load_new(const struct tk_load_conf *conf, struct tk_load **ret, struct tk_err *reterr);

/* The most streams that the plan can have in flight at once; 0: not known. */
uint64_t tk_load_max_streams(const struct tk_plan *p);

/* After tk_sink_finish(): the records that still wait for the writer live in the load's memory. */
struct tk_load *tk_load_free(struct tk_load *l);

/* Start a phase; it runs in the workers. `on_end` is called once on a worker's thread when the last
 * request has ended: it must only wake the caller up (an eventfd, a mail). */
int tk_load_start(struct tk_load *l, enum tk_phase phase, void (*on_end)(void *owner), void *owner,
                  struct tk_err *reterr);

/* A phase with a pause has no bound but this.
 *
 * No new requests; what is in flight may end within `grace`, then it is cancelled. A further call may
 * shorten it, never lengthen it: 0 ends at once. Any thread. */
void tk_load_stop(struct tk_load *l, tk_ns grace);

/* What became of the latest check, after its on_end: why the server is not ready. */
void tk_load_check(const struct tk_load *l, struct tk_record *ret);

/* Of the latest phase, after its on_end. */
void tk_load_totals(const struct tk_load *l, struct tk_load_totals *ret);

/* The client's own health; ends the workers' threads: no phase may be started after it. */
void tk_load_health(struct tk_load *l, struct tk_health *ret);

/* The live counters, n of them, one per worker; valid while the load lives. */
const struct tk_live *tk_load_live(const struct tk_load *l, unsigned *ret_n);

/* A number for what would be sent: bodies and their order. Of two runs with one plan it tells whether their
 * data is the same. */
uint64_t tk_load_hash(const struct tk_load_conf *conf);

/* One line per request, as JSON, for --dry-run: what would be sent and when, in order. */
int tk_load_describe(const struct tk_load_conf *conf, uint64_t index, struct tk_buf *out);

#endif
