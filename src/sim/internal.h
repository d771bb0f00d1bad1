/* internal.h - what the files of the simulator share; nobody else includes it
 *
 *   sim.c       the server: connections, routes, errors, the pool of streams
 *   knobs.c     the knobs that ride in a request
 *   request.c   a request's body and knobs become a struct tk__call
 *   stream.c    one answer: the words of its events, faults, the end
 *   schedule.c  when the steps of an answer are due
 *   journal.c   the log of what was really done
 *   gzip.c      bytes as a gzip member
 */
#ifndef TK_SIM_INTERNAL_H
#define TK_SIM_INTERNAL_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/def.h"
#include "base/json.h"
#include "base/list.h"
#include "ev/loop.h"
#include "http/server.h"
#include "sim/sim.h"

#define TK__MAX_CHOICES 128              /* n x prompts of one request */
#define TK__MAX_TOKENS 10000000          /* of one answer */
#define TK__MAX_DUR (3600 * TK_NS_PER_S) /* ttft, itl */

struct tk__stream;

/* --- a request, understood --- */

struct tk__call {
    struct tk_sim_knobs knobs;
    bool is_chat;
    bool is_streamed;
    bool wants_usage;      /* an event with usage at the end */
    bool wants_continuous; /* usage in each event */
    uint32_t n_choices;    /* answers at once: n x prompts */
    int64_t prompt_bytes;  /* of text, in all prompts or messages */
    int64_t prompt_tokens; /* by the rule of the configuration */
    int64_t tokens_asked;  /* max_tokens of the request; -1: it asked for none */
    int64_t n_tokens;      /* to answer with, per choice */
    bool is_cut_short;     /* the answer ends because of max_tokens: finish_reason "length" */
};

/* Take the knobs of `text` ("ttft=50ms,tokens=3"). 0, or TK_E_FORMAT, TK_E_RANGE, TK_E_NOT_FOUND
 * with a message. */
int tk__knobs_parse(struct tk_sim_knobs *k, struct tk_str text, struct tk_err *reterr);
int tk__knobs_set(struct tk_sim_knobs *k, struct tk_str name, struct tk_str value,
                  struct tk_err *reterr);

/* The knobs in the target's query (?sim=, percent-decoded) and the header x-sim. */
int tk__knobs_of_head(struct tk_sim_knobs *k, const struct tk_http_request *r,
                      struct tk_err *reterr);

/* Understand the body. `ret->knobs` holds the defaults and those of the head, with n_tokens -1
 * when the head has none; `ret->is_chat` the route. 0, TK_E_FORMAT (no JSON object), TK_E_RANGE
 * (a value is refused), -ENOMEM; always with a message. */
int tk__call_parse(struct tk_json *j, const struct tk_sim_conf *conf, struct tk_str body,
                   struct tk__call *ret, struct tk_err *reterr);

/* --- when steps are due --- */

/* What comes of one step. */
enum tk__step {
    TK__STEP_NEXT, /* an event went out, or was held back: the next one is the schedule's to time */
    TK__STEP_AGAIN, /* there is more of this one: in the next round, not before `again_at` */
    TK__STEP_OVER,  /* no step is wanted any more: do not touch the stream's schedule again */
};

/* A way to time answers. A batching engine that steps many streams at once fits behind the same
 * three calls: `begin` queues the stream, one timer of its own calls tk__stream_step() for each.
 * */
struct tk__schedule_ops {
    const char *name;
    /* The request is whole and its head was sent: step it when its events are due. May step at
     * once. */
    void (*begin)(struct tk__stream *st);
    /* It needs no steps any more, whatever is still planned. Called once for each begin. */
    void (*end)(struct tk__stream *st);
};

extern const struct tk__schedule_ops tk__schedule_fixed;

/* --- one answer --- */

enum tk__end {
    TK__END_FINISHED,
    TK__END_ERROR,     /* an error object in the stream, on purpose */
    TK__END_RESET,     /* on purpose */
    TK__END_CLOSED,    /* on purpose */
    TK__END_MALFORMED, /* on purpose, a chunk or a head; malformed JSON goes on to the end */
    TK__END_BROKEN,    /* the client left */
    TK__END_ABANDONED, /* the simulator ended */
    TK__END_N_,
};

/* How far an answer is. */
enum tk__stage {
    TK__STAGE_TOKENS,   /* events with tokens follow */
    TK__STAGE_CONCLUDE, /* all were sent: usage and [DONE] follow, or a fault */
    TK__STAGE_FINISH,   /* only the reply's end follows */
};

/* A growing array of instants, reused over requests. */
struct tk__instants {
    tk_ns *v;
    size_t n, cap;
};

/* One per connection, from its first request on; reused by later ones. Instants are monotonic, 0
 * when it did not happen. */
struct tk__stream {
    struct tk_link link; /* in the simulator's list of streams, live or spare */
    struct tk_sim *sim;
    struct tk_http_peer *peer; /* NULL when the connection is gone */
    bool is_open;              /* a request is under way */
    /* the request */
    uint64_t serial; /* 1, 2, … over all requests */
    uint64_t conn_id, n_on_conn;
    char method[16], path[256], id[128]; /* cut to fit; id: x-request-id, else empty */
    tk_ns accepted_at, arrived_at, seen_at;
    bool is_kernel_stamp; /* arrived_at is the kernel's */
    uint64_t body_hash;   /* FNV-1a, 64 bits */
    size_t body_bytes;
    struct tk_buf body; /* a copy, when bodies are logged */
    struct tk__call call;
    /* the schedule's */
    struct tk_timer timer;
    tk_ns due_at;      /* of the next event */
    tk_ns again_at;    /* TK__STEP_AGAIN: not before */
    uint64_t rng;      /* state of its jitter */
    bool is_scheduled; /* begin was called, end not yet */
    /* the answer */
    int status; /* 0: none yet */
    enum tk__stage stage;
    int64_t n_sent;       /* tokens of each choice that are out or held */
    uint64_t n_events;    /* events with tokens, over all choices */
    bool is_spoiled;      /* the malformed event was sent */
    struct tk_buf prefix; /* "data: {…"choices":[", the same in all its events */
    struct tk_buf held;   /* events that wait for more of them (events_per_write) */
    int64_t n_held;       /* so many */
    size_t n_held_tokens; /* of them with tokens */
    struct tk_buf out;    /* framed bytes of writes that are cut (cut_every) */
    size_t out_at;        /* bytes of `out` already sent */
    tk_ns head_at, role_at, ended_at;
    struct tk__instants sent; /* just before the write of each event with tokens */
    enum tk__end end;
};

/* Begin to answer: the head (or the error, or the whole reply) goes out and the schedule starts. */
void tk__stream_begin(struct tk__stream *st);
/* Do what is due: the next event, or more of the last one's bytes, or the end. */
enum tk__step tk__stream_step(struct tk__stream *st);
/* How many steps with tokens an answer takes. */
int64_t tk__stream_n_steps(const struct tk__stream *st);
/* It is over: end its schedule, log it, count it. The stream may be used again by its connection.
 * */
void tk__stream_end(struct tk__stream *st, enum tk__end end);

/* --- the log --- */

struct tk__journal;

int tk__journal_new(const struct tk_sim_conf *conf, struct tk__journal **ret,
                    struct tk_err *reterr);
void tk__journal_add(struct tk__journal *j, const struct tk__stream *st);
void tk__journal_sum(struct tk__journal *j, const struct tk_sim_counts *n);
/* Write what waits. 0 or the code of the first write that failed, ever. */
int tk__journal_flush(struct tk__journal *j);
struct tk__journal *tk__journal_free(struct tk__journal *j); /* flushes */

/* --- the whole --- */

struct tk__word {
    struct tk_str text; /* " token", escaped for JSON; in `word_text` */
};

struct tk_sim {
    struct tk_sim_conf conf; /* its strings are NULL, but for the two that follow */
    char *model, *api_key;   /* owned */
    struct tk_loop *loop;
    struct tk_http_server *server;
    uint16_t port;
    struct tk_json *json;
    const struct tk__schedule_ops *schedule;
    struct tk__journal *journal;
    struct tk_wall_offset offset; /* to turn the kernel's stamps into monotonic instants */
    struct tk_buf scratch;        /* the event or the body under construction */
    struct tk_buf word_text;
    struct tk__word *words;
    size_t n_words;
    int64_t created; /* seconds since 1970, in every reply */
    struct tk_sim_counts n;
    struct tk_link streams, spare;
    bool is_finished;
    int finish_code;
};

/* An error object as the whole reply; `headers` as in tk_http_reply(). Returns what that does. */
int tk__reply_error(struct tk__stream *st, int status, const char *message, const char *headers);

/* Append a decimal number. */
void tk__put_i64(struct tk_buf *b, int64_t i);

/* Append the bytes as a gzip member without compression. 0 or the buffer's code. */
int tk__gzip(struct tk_buf *out, struct tk_str bytes);

#endif
