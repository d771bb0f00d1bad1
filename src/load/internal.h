/* internal.h - what the files of the load engine share
 *
 *   load.c     threads, phases, totals           gate.c    tickets, permits, the pacing role
 *   worker.c   one thread: loop, connections     stream.c  one request from release to record
 *   conn.c     opening, keeping, losing          head.c    request lines and headers; --dry-run
 *   cpu.c      what a thread had of its processor
 */
#ifndef TK_LOAD_INTERNAL_H
#define TK_LOAD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/blocks.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/list.h"
#include "ev/loop.h"
#include "http/client.h"
#include "http/sse.h"
#include "load/load.h"

/* Handshakes under way at once, over all workers: a listener's queue holds 4,096 at most, and what
 * does not fit is lost and sent again after a second (design, section 5). */
#define TK_LOAD_MAX_CONNECTING 1000

/* Bytes kept of a reply that is not a stream; of an error status, as much as a message needs. */
#define TK_LOAD_MAX_BODY ((size_t)64 << 20)
#define TK_LOAD_MAX_ERROR_BODY ((size_t)64 << 10)

/* Room for the lines of a head that differ from request to request. */
#define TK_LOAD_HEAD_BYTES 256

/* --- gate: the one rule of release, shared by all workers --- */

enum tk_gate_verdict {
    TK_GATE_TAKEN,  /* a ticket and a permit */
    TK_GATE_LATER,  /* the next ticket is due at *ret_due_at */
    TK_GATE_FULL,   /* the next ticket is due, every permit is in use */
    TK_GATE_UNMADE, /* the next ticket is due, its body is not made yet */
    TK_GATE_CLOSED, /* no ticket is left, or no more are wanted */
};

struct tk_gate {
    _Alignas(64) _Atomic uint64_t ticket;  /* index of the next request */
    _Alignas(64) _Atomic uint32_t permits; /* in use = requests released and not ended */
    _Alignas(64) _Atomic int32_t pacer;    /* worker that holds the pacing timer; -1: none */
    _Atomic bool is_stopped;               /* no new tickets */
    _Atomic bool is_over;                  /* the phase's end was announced, no other has begun */
    _Atomic tk_ns not_before;              /* with a pause: when the next ticket may go out */
    _Atomic size_t step;                   /* where the bound was found latest: a hint, no more */
    /* const while a phase runs; set when every worker has done with the phase before */
    uint32_t max_permits;                /* 0: no bound */
    const struct tk_permit_step *steps;  /* n_steps: the bound over time, in place of max_permits */
    size_t n_steps;                      /* 0: it does not change */
    uint64_t n;                          /* tickets in all; UINT64_MAX: no bound */
    const tk_ns *due;                    /* offsets; NULL: due when a permit is free, or at once */
    const struct tk_load_past *past;     /* NULL: ticket t is request t */
    const struct tk_load_supply *supply; /* which requests have a body; NULL: all */
    tk_ns pause;          /* of one request at a time: from its end to the next; 0: none */
    bool is_due_at_begin; /* without `due`: all are due at the start (infinite rate, no permits) */
    tk_ns begin_at;
    tk_ns until_at; /* no ticket after that; TK_NS_NEVER: no bound */
};

/* Take the next ticket if it is due and a permit is free. `now` is a fresh clock. */
enum tk_gate_verdict tk__gate_take(struct tk_gate *g, tk_ns now, uint64_t *ret_index,
                                   tk_ns *ret_due_at);
void tk__gate_give_permit(struct tk_gate *g);
void tk__gate_pause(struct tk_gate *g); /* a request has ended; before its permit is given back */
/* How many requests may be in flight at `now`; UINT32_MAX: no bound. */
uint32_t tk__gate_bound(struct tk_gate *g, tk_ns now);
bool tk__gate_is_closed(const struct tk_gate *g, tk_ns now);
/* True once: all tickets are gone and nothing is in flight. */
bool tk__gate_ends(struct tk_gate *g, tk_ns now);
bool tk__gate_become_pacer(struct tk_gate *g, unsigned worker);
bool tk__gate_is_pacer(const struct tk_gate *g, unsigned worker);
void tk__gate_drop_pacer(struct tk_gate *g, unsigned worker);

/* --- connections --- */

struct tk_worker;
struct tk_stream;

enum tk_lconn_state { TK_LCONN_OPENING, TK_LCONN_IDLE, TK_LCONN_BUSY };

struct tk_lconn {
    struct tk_worker *w;
    struct tk_http_conn *http; /* owned */
    struct tk_stream *stream;  /* that it carries or is opened for; NULL otherwise */
    enum tk_lconn_state state;
    unsigned addr;            /* index of the address that it goes to */
    unsigned n_tried;         /* addresses that did not answer */
    unsigned source;          /* index of the source address that it comes from */
    unsigned n_sources_tried; /* that had no port left, towards this address */
    uint64_t id;              /* from 1, within the worker */
    bool had_reply;           /* carried a whole reply before */
    bool is_ahead;            /* opened before a request needed it */
    struct tk_link link;      /* in the worker's list of its state */
};

/* --- streams: a request under way --- */

struct tk_stream {
    /* what each read and event touches, side by side */
    struct tk_worker *w;
    struct tk_lconn *conn; /* NULL while none is assigned */
    struct tk_trace trace;
    struct tk_chain text, reasoning; /* of the reply, when they are kept */
    struct tk_record rec;            /* in the making */
    tk_ns last_seen_at;              /* the clock at the latest read, 0: none yet */
    int64_t usage_before;            /* output tokens by the latest continuous usage */
    uint32_t cancel_tokens;          /* the plan gives it up after so many; UINT32_MAX: not so */
    int failed;                      /* enum tk_end decided in mid-reply, 0: none */
    bool is_sse;
    bool is_opaque;   /* the body is bytes of another kind: `body` has what its header says of it */
    bool has_choice;  /* an event with a choice came, whatever was in it */
    bool has_done;    /* [DONE] came */
    bool is_complete; /* [DONE], a finish reason or usage came */
    bool was_resent;
    struct tk_sse sse;

    struct tk_done *done;          /* where the record goes at the end; owned */
    struct tk_str json;            /* the body; the load's */
    struct tk_timer timer;         /* the nearest deadline, looked at lazily */
    struct tk_buf body;            /* of a reply that is not a stream */
    tk_ns connect_from;            /* from when the connect time-out counts */
    tk_ns cancel_after;            /* the plan gives it up so long after it was sent; 0: not so */
    unsigned head_bytes;           /* in use of head[] */
    char head[TK_LOAD_HEAD_BYTES]; /* the lines of the head that are its own */
    struct tk_link link; /* in the worker's list: active, waiting for a connection, or free */
};

/* A stream with room for its record, before a ticket is taken for it; NULL: memory for records is
 * used up until the writer has caught up. */
struct tk_stream *tk__stream_take(struct tk_worker *w);
void tk__stream_put_back(struct tk_stream *s); /* no ticket was to be had */
/* Release request `index`: everything from here to the record. */
void tk__stream_start(struct tk_stream *s, uint64_t index, tk_ns due_at, tk_ns now);
/* A connection is open for it: send. */
void tk__stream_send(struct tk_stream *s, struct tk_lconn *c);
/* No connection could be had. */
void tk__stream_no_conn(struct tk_stream *s, int code, const char *detail);
void tk__stream_on_http(struct tk_stream *s, const struct tk_http_event *ev);
void tk__stream_cancel(struct tk_stream *s);
void tk__stream_free_all(struct tk_worker *w);
/* Have one stream whatever comes, so that a worker without memory fails requests instead of waiting for
 * what never comes. 0 or -ENOMEM. */
int tk__stream_reserve(struct tk_worker *w);

/* --- what a thread has of its processor, cpu.c; on the thread itself --- */

struct tk_cpu {
    int fd;              /* the kernel's count of its waiting; -1: there is none */
    tk_ns at;            /* of the last look */
    tk_ns used, starved; /* until then; starved -1: not known */
};

void tk__cpu_ask_short_turns(void);
void tk__cpu_open(struct tk_cpu *c);
void tk__cpu_close(struct tk_cpu *c);
/* The measured phase begins: `h` starts anew. */
void tk__cpu_begin(struct tk_cpu *c, struct tk_health_worker *h);
/* Since the last look; each second, and at the end. */
void tk__cpu_sample(struct tk_cpu *c, struct tk_health_worker *h);

/* --- workers --- */

/* Times that a release had to wait for something of the client's own. */
struct tk_waits {
    uint64_t n;
    tk_ns dur;
    tk_ns from; /* one waits since then; 0: none does */
};

/* What a worker counts of itself; see struct tk_health. */
struct tk_worker_health {
    /* of all phases */
    uint64_t conns_opened, conns_failed, requests_reused, no_kernel_stamp, clock_steps;
    tk_ns clock_error_max;
    /* of the measured one */
    struct tk_waits writer, maker;
    uint64_t rests;
    tk_ns rest_dur;
    struct tk_health_worker measured;
};

struct tk_worker {
    struct tk_load *load;
    unsigned index;
    pthread_t thread;
    bool has_thread;
    bool is_virtual; /* no thread, and the loop is the test's */
    struct tk_loop *loop;
    struct tk_http_env *env;
    struct tk_json *json;
    struct tk_blocks *pool;
    struct tk_live *live;

    struct tk_wall_offset offset; /* in force for stamps */
    struct tk_cpu cpu;            /* as of the last tick */
    unsigned good_addr;           /* index of the address that answered last */
    unsigned next_source;         /* index of the source address to come from next */

    struct tk_link idle;    /* connections, the last used at the end */
    struct tk_link busy;    /* connections that carry a request */
    struct tk_link opening; /* connections on their way */
    struct tk_link active;  /* streams with a connection, or one on its way */
    struct tk_link waiting; /* streams that wait for their turn to connect */
    struct tk_link free_streams;
    unsigned n_opening, max_opening;
    uint64_t n_conns; /* opened so far: ids */
    unsigned n_ahead; /* still to open before the phase can start */
    bool is_preparing;
    bool has_begun; /* the phase's start came to this worker: before it nothing is released, nothing
                       ends, and the gate is not to be looked at */

    uint64_t quota; /* requests that it may release before its first one ended: the start is
                              dealt out over the workers; UINT64_MAX afterwards */
    bool is_pumping, pumps_again; /* the pump does not call itself */
    uint64_t n_risen;             /* new permits of its own that it has not asked for yet */
    size_t next_step;             /* of the gate's: the next rise with a permit of its own */
    tk_ns rest_dur;               /* pause after the latest failure to connect; 0: none failed */
    tk_ns rest_until;             /* nothing is released before it; 0: no pause */
    unsigned n_paced;             /* released in a row while holding the pacing role */
    struct tk_timer
        pace; /* the next due instant, while it is the pacer; or a wait for writer or maker */
    struct tk_timer rise;  /* the instant of next_step */
    struct tk_timer until; /* end of the phase's time, then of the grace */
    struct tk_timer tick;  /* each second: clock offset, CPU */
    struct tk_defer pump;  /* releases go on after a bounded batch */
    tk_ns cancel_at;       /* what is in flight then is cancelled; TK_NS_NEVER: not yet known */
    struct tk_mail mail_phase, mail_go, mail_pace, mail_stop, mail_quit;
    _Atomic bool is_pace_posted, is_stop_posted; /* the mail is under way */

    /* totals of the phase */
    uint64_t sent, succeeded, failed, cancelled, resends;
    uint64_t cancelled_by_plan; /* of the cancelled */
    tk_ns last_end_at;
    struct tk_worker_health health;
};

int tk__worker_init(struct tk_worker *w, struct tk_load *l, unsigned index, struct tk_err *reterr);
int tk__worker_start(struct tk_worker *w);
void tk__worker_join(struct tk_worker *w); /* end its thread */
void tk__worker_release(struct tk_worker *w);
/* Release what is due, up to a bounded batch; sees to the pacing timer and the phase's end. */
void tk__worker_pump(struct tk_worker *w);
/* A request of its ended and gave its permit back: take the next one. */
void tk__worker_freed(struct tk_worker *w);
/* A connection could not be made: in a closed loop, pause before the next release. */
void tk__worker_rest(struct tk_worker *w);
/* A stamp looks wrong: measure the clock's offset anew, note a step. True when it stepped. */
bool tk__worker_check_clock(struct tk_worker *w);

/* --- connections, conn.c --- */

/* Give the stream a connection: an idle one at once, or one that is opened. */
void tk__conn_assign(struct tk_stream *s, bool wants_fresh);
/* The stream is done with it. */
void tk__conn_done(struct tk_lconn *c, bool is_reusable);
/* The same after a whole reply, when it is not to be used again: the peer closes it. */
void tk__conn_retire(struct tk_lconn *c);
void tk__conn_free(struct tk_lconn *c);
void tk__conn_open_ahead(struct tk_worker *w);
void tk__conn_free_all(struct tk_worker *w);
unsigned tk__conn_n_idle(const struct tk_worker *w);

/* --- heads, head.c --- */

/* The bytes of a request's head that are the same for all, into `out`. `masks`: secrets as "***". */
int tk__head_prefix(const struct tk_plan *p, struct tk_buf *out);
/* The lines that differ, with the blank line at the end, into out[TK_LOAD_HEAD_BYTES]; the number of
 * bytes, or TK_E_LIMIT. */
int tk__head_lines(const struct tk_plan *p, enum tk_phase phase, uint64_t index, size_t body_bytes,
                   char *out);

/* --- the load --- */

struct tk_load {
    struct tk_load_conf conf;
    struct tk_worker *workers;
    struct tk_live *live; /* n_workers of them */
    unsigned n_workers;
    struct tk_buf head; /* the common bytes of every head */
    struct tk_gate gate;
    enum tk_phase phase;
    _Atomic unsigned n_preparing; /* workers that still open connections */
    _Atomic unsigned n_starting;  /* workers to which the start has not come: no end before it */
    _Atomic int64_t stop_grace;   /* the shortest of the phase's stops */
    void (*on_end)(void *owner);
    void *on_end_owner;
    tk_ns end_at;
    struct tk_record check; /* the latest of that phase, which has one request at a time */
};

/* Tickets of a phase; UINT64_MAX: no bound. */
uint64_t tk__load_n_tickets(const struct tk_plan_phase *p);
/* All workers are ready: set the start and let them go. */
void tk__load_go(struct tk_load *l);
void tk__load_ended(struct tk_load *l);
uint32_t tk__load_item(const struct tk_load_conf *conf, enum tk_phase phase, uint64_t index);

#endif
