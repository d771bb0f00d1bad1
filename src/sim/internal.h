/* internal.h - what the files of the simulator share; nobody else includes it
 *
 *   sim.c       the server: connections, routes, errors, the pool of streams
 *   knobs.c     the knobs that ride in a request
 *   request.c   a request's body and knobs become a struct tk__call
 *   prompt.c    its text: tokens, hashes of its blocks
 *   stream.c    one answer: its stages, faults, the end
 *   event.c     the words of its events
 *   responses.c those of /v1/responses
 *   pooling.c   vectors and scores, which are no text
 *   form.c      a body of multipart/form-data
 *   wire.c      how the bytes of a reply go out: whole, cut, slow, broken off
 *   schedule.c  when the steps of an answer are due: the fixed schedule
 *   engine.c    … and an engine with continuous batching
 *   cache.c     that one's cache, in blocks
 *   faults.c    which requests get a fault at random, and what a client should find
 *   stats.c     the metrics
 *   tokenize.c  text into tokens and back
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
#include "base/rand.h"
#include "ev/loop.h"
#include "http/server.h"
#include "sim/sim.h"

#define TK__MAX_CHOICES 128              /* n x prompts of one request */
#define TK__MAX_TOKENS 10000000          /* of one answer */
#define TK__MAX_DUR (3600 * TK_NS_PER_S) /* ttft, itl */
#define TK__ENDLESS (INT64_C(1) << 50)   /* tokens of an answer that is never whole */
#define TK__MAX_BLOCKS (1 << 28)
#define TK__MAX_DRAFTS 16
/* Audio: 50 tokens a second, as Whisper has them, of 16 bits at 16 kHz. */
#define TK__AUDIO_BYTES_PER_TOKEN 640
#define TK__AUDIO_TOKENS_PER_S 50

struct tk__engine;
struct tk__stream;

/* --- a prompt --- */

/* Hashes of the whole blocks of a prompt, each with all that is before it; reused over requests. */
struct tk__hashes {
    uint64_t *v;
    size_t n, cap;
};

/* Text and token ids go by, in order. */
struct tk__prompt {
    int64_t bytes_per_token;
    int64_t block_tokens;      /* with `hashes` */
    struct tk__hashes *hashes; /* or NULL: not wanted */
    struct tk_buf *text;       /* the text itself is added there; or NULL */
    int64_t n_bytes;           /* of text */
    int64_t n_ids;
    uint64_t hash;   /* of everything so far */
    int64_t n_rest;  /* bytes of the token that has begun */
    int64_t n_block; /* tokens of the block that has begun */
    int failed;      /* -ENOMEM */
};

void tk__prompt_init(struct tk__prompt *p, int64_t bytes_per_token);
void tk__prompt_text(struct tk__prompt *p, struct tk_str text);
void tk__prompt_id(struct tk__prompt *p, int64_t id);
int64_t tk__prompt_tokens(const struct tk__prompt *p);

/* --- a request, understood --- */

/* What is asked for: by the route. */
enum tk__kind {
    TK__KIND_COMPLETIONS,
    TK__KIND_CHAT,
    TK__KIND_RESPONSES,
    TK__KIND_TRANSCRIPTION,
    TK__KIND_EMBEDDINGS, /* from here on no tokens are made */
    TK__KIND_POOLING,
    TK__KIND_RERANK,
};

/* How vectors come: as JSON; as bytes, with what else there is in a header; or without. */
enum tk__bytes { TK__BYTES_NO, TK__BYTES_WITH_META, TK__BYTES_ONLY };

struct tk__call {
    struct tk_sim_knobs knobs;
    enum tk__kind kind;
    enum tk__bytes bytes;
    int64_t n_inputs; /* of pooling: texts, documents: a vector or a score each */
    bool is_chat;     /* choices have deltas and messages */
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

/* Append the knobs that make a fault and are not as they come, "reset_at=3,head_gap=5ms". */
void tk__knobs_put_faults(struct tk_buf *b, const struct tk_sim_knobs *k);

/* Understand the body. `ret->knobs` holds the defaults and those of the head, with n_tokens -1
 * when the head has none; `ret->kind` the route. 0, TK_E_FORMAT (no JSON object), TK_E_RANGE
 * (a value is refused), -ENOMEM; always with a message. */
int tk__call_parse(struct tk_json *j, const struct tk_sim_conf *conf, struct tk_str body,
                   struct tk__prompt *prompt, struct tk__call *ret, struct tk_err *reterr);

/* The same of a form, whose Content-Type is `type`: fields, and a file that counts by its bytes. */
int tk__call_parse_form(const struct tk_sim_conf *conf, struct tk_str type, struct tk_str body,
                        struct tk__prompt *prompt, struct tk__call *ret, struct tk_err *reterr);

bool tk__is_pooling(const struct tk__call *c);

/* Add up strings and numbers of a prompt, or of a message's content. */
int tk__prompt_walk(struct tk__prompt *p, struct tk_json_val *v, unsigned depth);

/* How a request ended. */
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

/* --- when steps are due --- */

/* What comes of one step. */
enum tk__step {
    TK__STEP_NEXT, /* an event went out, or was held back: the next one is the schedule's to time */
    TK__STEP_AGAIN, /* there is more of this one: in the next round, not before `again_at` */
    TK__STEP_OVER,  /* no step is wanted any more: do not touch the stream's schedule again */
};

/* A way to time answers. */
struct tk__schedule_ops {
    const char *name;
    /* The request is whole and its head was sent: step it when its events are due. May step at
     * once. */
    void (*begin)(struct tk__stream *st);
    /* It needs no steps any more, whatever is still planned. Called once for each begin. */
    void (*end)(struct tk__stream *st);
};

extern const struct tk__schedule_ops tk__schedule_fixed;
extern const struct tk__schedule_ops tk__schedule_batching; /* of sim->engine */

double tk__rng_double(uint64_t *state); /* [0, 1) */

/* --- the batching engine --- */

struct tk__cache;

/* Blocks of the cache, in the order of the tokens. */
struct tk__table {
    uint32_t *v;
    size_t n, cap;
};

struct tk__cache *tk__cache_new(uint32_t n_blocks); /* NULL: no memory */
struct tk__cache *tk__cache_free(struct tk__cache *c);
uint32_t tk__cache_n_free(const struct tk__cache *c);
/* How many of the first `max` hashes are there; `*ret_n_idle` of them in nobody's table. */
size_t tk__cache_match(struct tk__cache *c, const struct tk__hashes *h, size_t max,
                       size_t *ret_n_idle);
/* Take the blocks of the first `n` hashes, which match, into an empty table. 0 or -ENOMEM. */
int tk__cache_share(struct tk__cache *c, struct tk__table *t, const struct tk__hashes *h, size_t n);
/* Let the table have `n` blocks. 0, TK_E_LIMIT (not so many are free) or -ENOMEM. */
int tk__cache_grow(struct tk__cache *c, struct tk__table *t, size_t n);
/* From now on the block is found by this hash, unless it has one or another block does. */
void tk__cache_name(struct tk__cache *c, uint32_t block, uint64_t hash);
void tk__cache_release(struct tk__cache *c, struct tk__table *t); /* the table is empty then */

/* A stream as the engine sees it. */
struct tk__seq {
    struct tk_link link; /* in the queue or the batch */
    int place;           /* engine.c's */
    struct tk__table table;
    struct tk__hashes hashes;
    int64_t n_computed;                /* tokens in the cache */
    int64_t n_made;                    /* tokens of each choice */
    int64_t step_prefill, step_decode; /* tokens in the step under way */
    bool is_prefilling;
    bool is_slicing;     /* the bytes of its last event are on their way: no step now */
    tk_ns scheduled_at;  /* first step with it; 0: none yet */
    int64_t n_cached;    /* tokens of the prompt that were in the cache then */
    int64_t n_preempted; /* times */
};

struct tk__engine_counts {
    size_t n_waiting, n_running;
    double used; /* share of the cache */
    uint64_t n_steps, n_preemptions;
    uint64_t n_asked, n_hit; /* tokens of prompts, of those in the cache */
    uint64_t n_drafts, n_draft_tokens, n_accepted, n_accepted_at[TK__MAX_DRAFTS];
};

/* 0, -EINVAL (a parameter makes no sense) or -ENOMEM. */
int tk__engine_new(struct tk_sim *s, const struct tk_sim_engine *conf, struct tk__engine **ret);
struct tk__engine *tk__engine_free(struct tk__engine *e); /* its streams have ended */
/* 0, or TK_E_RANGE: it could never run. */
int tk__engine_check(const struct tk__engine *e, const struct tk__call *c, struct tk_err *reterr);
void tk__engine_counts(const struct tk__engine *e, struct tk__engine_counts *ret);

/* --- faults at random --- */

struct tk__faults;

/* "status=503:5%,reset_at=3+head_gap=1ms:2%". 0, or an error with its detail. */
int tk__faults_new(const char *spec, uint64_t seed, struct tk__faults **ret, struct tk_err *reterr);
struct tk__faults *tk__faults_free(struct tk__faults *f);
/* Change the knobs of the n-th request, 0, 1, …, if it gets a fault. */
void tk__faults_apply(const struct tk__faults *f, uint64_t n, struct tk_sim_knobs *k);
/* The word for how a client should find that this request ended. */
const char *tk__faults_expect(const struct tk__stream *st);

/* --- the metrics --- */

enum tk__hist_id {
    TK__HIST_TTFT,
    TK__HIST_TPOT,
    TK__HIST_ITL,
    TK__HIST_REQUEST_TPOT,
    TK__HIST_E2E,
    TK__HIST_QUEUE,
    TK__HIST_INFERENCE,
    TK__HIST_PREFILL,
    TK__HIST_DECODE,
    TK__HIST_PROMPT,
    TK__HIST_GENERATION,
    TK__HIST_ITERATION,
    TK__HIST_N,
    TK__HIST_MAX_TOKENS,
    TK__HIST_N_,
};

#define TK__HIST_BUCKETS 32

struct tk__hist {
    uint64_t n[TK__HIST_BUCKETS]; /* at or below each bound, not cumulated; the last: above all */
    int64_t sum;                  /* ns or tokens */
};

struct tk__stats {
    struct tk__hist hists[TK__HIST_N_];
    uint64_t n_prompt_tokens, n_generated_tokens;
    uint64_t n_stop, n_length, n_abort, n_error;
    uint64_t n_scheduled; /* requests for tokens under way */
};

void tk__stats_step(struct tk_sim *s, int64_t n_tokens);      /* of the engine */
void tk__stats_event(struct tk__stream *st, tk_ns at);        /* tokens go out, of all choices */
void tk__stats_end(struct tk__stream *st, enum tk__end end);  /* of a request for tokens */
void tk__stats_put(struct tk_buf *b, const struct tk_sim *s); /* in Prometheus' text form */

/* --- one answer --- */

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
    tk_ns due_at;    /* of the next event */
    int64_t n_ready; /* tokens that the next event may take; 0: as many as its knob `chunk` says */
    struct tk__seq seq; /* the batching engine's */
    tk_ns again_at;     /* TK__STEP_AGAIN: not before */
    uint64_t rng;       /* state of its jitter */
    bool is_scheduled;  /* begin was called, end not yet */
    /* the answer */
    int status; /* 0: none yet */
    enum tk__stage stage;
    int64_t n_sent;        /* tokens of each choice that are out or held */
    uint64_t n_events;     /* events with tokens, over all choices */
    uint64_t n_named;      /* events of /v1/responses, which are numbered */
    bool is_spoiled;       /* the malformed event was sent */
    bool has_error;        /* the error object was */
    struct tk_buf prefix;  /* "data: {…"choices":[", the same in all its events */
    struct tk_buf held;    /* events that wait for more of them (events_per_write) */
    int64_t n_held;        /* so many */
    size_t n_held_tokens;  /* of them with tokens */
    struct tk_buf out;     /* framed bytes of writes that are cut (cut_every) */
    size_t out_at;         /* bytes of `out` already sent */
    bool is_raw;           /* the reply is written past the server's framing, and its last */
    bool is_unframed;      /* raw: a body with a length, no chunks */
    bool is_broken_off;    /* reset_byte, close_byte or stall_byte was reached */
    uint64_t n_wire;       /* raw: bytes of the reply that were sent */
    size_t n_head;         /* bytes of the head in `out`, while it comes byte by byte */
    uint64_t cut_rng;      /* state of the sizes of cut writes */
    struct tk_timer aside; /* the next byte of a slow head; or, between requests, the idle close */
    tk_ns head_at, role_at, ended_at;
    struct tk__instants sent; /* just before the write of each event with tokens */
    enum tk__end end;
};

/* Begin to answer: the head (or the error, or the whole reply) goes out and the schedule starts. */
void tk__stream_begin(struct tk__stream *st);
/* The connection is of no use any more, or the reply is broken off on purpose. */
void tk__stream_break(struct tk__stream *st);
/* Its slow head is out: the schedule begins, or the whole reply follows. */
void tk__stream_go_on(struct tk__stream *st);
/* Do what is due: the next event, or more of the last one's bytes, or the end. */
enum tk__step tk__stream_step(struct tk__stream *st);
/* How many steps with tokens an answer takes. */
int64_t tk__stream_n_steps(const struct tk__stream *st);
/* It is over: end its schedule, log it, count it. The stream may be used again by its connection.
 * */
void tk__stream_end(struct tk__stream *st, enum tk__end end);

/* The words of events, into the scratch buffer or `b`. */
void tk__event_prefix(struct tk__stream *st);
void tk__event_role(struct tk__stream *st, uint32_t choice);
void tk__event_tokens(struct tk__stream *st, uint32_t choice, int64_t n);
void tk__event_spoiled(struct tk__stream *st);
void tk__event_usage(struct tk__stream *st);
void tk__event_error(struct tk__stream *st);
int tk__event_whole(struct tk_buf *b, struct tk__stream *st); /* a whole body; the buffer's code */
/* Patch the instant into each event of the bytes; or into the one that they are. */
void tk__event_stamp_all(struct tk_buf *b, tk_ns at);
void tk__event_stamp(struct tk_buf *b, tk_ns at);

/* Words in turn from the so-manieth on; room for the instant at an event's end. */
void tk__event_words(struct tk_buf *b, const struct tk_sim *s, int64_t from, int64_t n);
void tk__event_stamp_room(struct tk_buf *b);

/* The events of /v1/responses, one or more, and its whole reply: 0 or the buffer's code. */
void tk__responses_begin(struct tk_buf *b, struct tk__stream *st);
void tk__responses_tokens(struct tk_buf *b, struct tk__stream *st, int64_t n);
void tk__responses_end(struct tk_buf *b, struct tk__stream *st);
void tk__responses_error(struct tk_buf *b, struct tk__stream *st);
int tk__responses_body(struct tk_buf *b, const struct tk__stream *st);

/* A reply of vectors or scores, and its lines of the head. 0; TK_E_LIMIT: the head has no room. */
int tk__pooling_body(struct tk_buf *b, const struct tk__stream *st);
int tk__pooling_headers(struct tk_buf *b, const struct tk__stream *st);

/* How bytes of a reply go out. 0, or an error: the connection is of no use any more, or
 * `is_broken_off`. */
int tk__wire_begin(struct tk__stream *st); /* the head of a stream */
int tk__wire_piece(struct tk__stream *st, struct tk_str piece);
int tk__wire_end(struct tk__stream *st); /* the last chunk; see is_raw for the connection */
/* Raw only: a whole reply. */
int tk__wire_whole(struct tk__stream *st, struct tk_str body);
/* Bytes are framed that were not sent: cut writes, a slow head. */
bool tk__wire_has_rest(const struct tk__stream *st);
int tk__wire_next(struct tk__stream *st);                   /* the next slice of them */
int tk__wire_flush(struct tk__stream *st);                  /* all of them */
const char *tk__reply_headers(const struct tk__stream *st); /* lines, besides type and framing */
/* Close the connection when it has been idle for long. */
void tk__wire_idle(struct tk__stream *st);

/* --- tokenize --- */

void tk__serve_tokenize(struct tk__stream *st, const struct tk_http_request *r);
void tk__serve_detokenize(struct tk__stream *st, const struct tk_http_request *r);

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
    struct tk_str text;  /* " token", escaped for JSON; in `word_text` */
    struct tk_str plain; /* as it is; in `word_plain` */
};

/* Groups of bytes that were tokenized, each once: groups.c. */
#define TK__GROUPS_MAX ((size_t)1 << 22)
struct tk__groups {
    uint64_t *v; /* owned */
    size_t n;
    uint32_t *slots; /* owned */
    size_t n_slots;
};
/* The place of a group, which is added where it is new. TK_E_LIMIT: there are too many; -ENOMEM. */
int64_t tk__groups_place(struct tk__groups *g, uint64_t group);
void tk__groups_release(struct tk__groups *g); /* may be called twice */

struct tk_sim {
    struct tk_sim_conf conf;   /* its strings are NULL, but for those that follow */
    char *model, *api_key;     /* owned */
    char *unix_path;           /* owned; NULL: none */
    bool is_unix_bound;        /* the socket is ours, to be removed at the end */
    struct tk__engine *engine; /* NULL: the fixed schedule */
    struct tk__faults *faults; /* NULL: none */
    struct tk__stats stats;
    uint64_t n_calls; /* requests for tokens */
    struct tk_loop *loop;
    struct tk_http_server *server;
    uint16_t port;
    struct tk_json *json;
    const struct tk__schedule_ops *schedule;
    struct tk__journal *journal;
    struct tk_wall_offset offset; /* to turn the kernel's stamps into monotonic instants */
    struct tk_buf scratch;        /* the event or the body under construction */
    struct tk_buf word_text, word_plain;
    struct tk__word *words;
    size_t n_words;
    struct tk__groups groups;
    int64_t created; /* seconds since 1970, in every reply */
    struct tk_sim_counts n;
    struct tk_link streams, spare;
    bool is_finished;
    int finish_code;
};

/* The scratch buffer as the whole reply. Returns what tk_http_reply() does. */
int tk__reply(struct tk__stream *st, int status, const char *type, const char *headers);
/* An error object as the whole reply; `headers` as in tk_http_reply(). Returns what that does. */
int tk__reply_error(struct tk__stream *st, int status, const char *message, const char *headers);

/* Append a decimal number. */
void tk__put_i64(struct tk_buf *b, int64_t i);

/* Append the bytes as a gzip member without compression. 0 or the buffer's code. */
int tk__gzip(struct tk_buf *out, struct tk_str bytes);

#endif
