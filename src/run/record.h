/* record.h - what is kept of every request: instants, reads, events, how it ended
 *
 * The load engine writes records and knows no metric; metrics read them and know no engine. A record
 * is a struct of plain values plus a trace: a packed sequence of the reads (stamps, bytes) and, after
 * each, the events that were in it (channels, tokens). A chunk is not a token, and a read is not a
 * chunk: the three stay apart. docs/internals/record.md has the layout and worked examples.
 */
#ifndef TK_RUN_RECORD_H
#define TK_RUN_RECORD_H

#include "base/blocks.h"
#include "base/channel.h"
#include "base/clock.h"
#include "base/def.h"

/* How a request ended. One list; docs/glossary.md and the manual are made from it. */
/* clang-format off */
#define TK_END_MAP(X)                                                                                  \
    X(OK,             "ok",              "the reply came whole and without an error")                   \
    X(CONNECT,        "connect",         "no connection: refused, unreachable, out of ports or files")  \
    X(TLS,            "tls",             "the TLS handshake failed, or the certificate was refused")    \
    X(TIMEOUT_CONNECT,"timeout-connect", "no connection within the connect time-out")                   \
    X(TIMEOUT_FIRST,  "timeout-first",   "no first token within the first-token time-out")              \
    X(TIMEOUT_IDLE,   "timeout-idle",    "nothing came for the idle time-out in mid-reply")             \
    X(TIMEOUT_TOTAL,  "timeout-total",   "not finished within the time-out for the whole request")      \
    X(RESET,          "reset",           "the peer reset the connection, or closed it before the reply")    \
    X(TRUNCATED,      "truncated",       "the reply ended before it was whole")                         \
    X(PROTOCOL,       "protocol",        "the peer broke HTTP, SSE or JSON")                            \
    X(LIMIT,          "limit",           "the reply went past a bound of the client")                   \
    X(HTTP_STATUS,    "http-status",     "a status other than 200")                                     \
    X(API_ERROR,      "api-error",       "an error object in the reply or in the stream")               \
    X(EMPTY,          "empty",           "a reply with no choice in it")                                \
    X(CANCELLED,      "cancelled",       "given up by the client itself: time was up, or Ctrl-C")       \
    X(CLIENT,         "client",          "the client failed: memory, files")                            \
    X(CANCELLED_BY_PLAN, "cancelled-by-plan", "given up by the client in mid-reply, as the plan says")
/* clang-format on */

enum tk_end {
#define X(name, word, text) TK_END_##name,
    TK_END_MAP(X)
#undef X
        TK_END_N_
};

const char *tk_end_word(enum tk_end e); /* "timeout-first" */
const char *tk_end_text(enum tk_end e);

/* Neither success nor failure: the client gave it up. */
bool tk_end_is_cancelled(enum tk_end e);
bool tk_end_is_failure(enum tk_end e);

enum tk_phase {
    TK_PHASE_CHECK,   /* the request that tries whether the server is ready; never counted */
    TK_PHASE_WARMUP,  /* never counted */
    TK_PHASE_MEASURE, /* the measured load */
    TK_PHASE_PROBE,   /* single requests beside it, by a load of their own; never counted in it */
    TK_PHASE_N_
};

const char *tk_finish_word(enum tk_finish f); /* "stop", "" for NONE */

/* Where output_tokens comes from. */
enum tk_count_source {
    TK_COUNT_NONE,   /* not known */
    TK_COUNT_USAGE,  /* the server's usage object */
    TK_COUNT_EVENTS, /* counted as events with tokens: the server gave no usage */
};

enum tk_record_flags {
    TK_REC_REUSED = 1 << 0, /* went out on a connection that had carried a request before */
    TK_REC_TRACE_TRUNCATED = 1 << 1, /* the trace reached its cap: reads and events are missing */
    TK_REC_STREAMED = 1 << 2,        /* the reply was a stream of events */
    TK_REC_NO_DONE = 1 << 3,         /* a stream without its end mark, accepted */
    TK_REC_CUT_EVENT = 1 << 4,       /* the last event's blank line was missing, accepted */
    TK_REC_LATE_ENCODE = 1 << 5,
    TK_REC_CANCEL_DUE = 1 << 6, /* the plan wants it given up in mid-reply, if it lasts so long */
    TK_REC_CANCEL_BY_TIME = 1 << 7, /* and that after a time, not after a number of tokens */
};

#define TK_DETAIL_BYTES 160

/* Instants are CLOCK_MONOTONIC; 0: did not happen. All `_at` of bytes received are the kernel's
 * stamp taken off its wall-clock offset, or the user-space stamp where there was none. */
struct tk_record {
    uint64_t index;       /* ticket: 0, 1, … in the order of the plan, within its phase */
    uint32_t item;        /* which item of the workload was sent */
    uint16_t worker;      /* which worker sent it */
    uint8_t phase;        /* enum tk_phase */
    uint8_t end;          /* enum tk_end */
    uint8_t finish;       /* enum tk_finish */
    uint8_t count_source; /* enum tk_count_source */
    uint16_t flags;       /* enum tk_record_flags */
    int32_t status;       /* HTTP status, 0 when none came */
    int32_t code;         /* the error code behind `end`, 0 when none */
    uint16_t stage;       /* of the load's shape, in which it was due, from 1; 0: there are none */
    uint16_t segment;     /* stretch of the run that it ended in, from 1; the sink's to set */

    tk_ns due_at;      /* when the plan wanted it sent; closed loop: when its permit was free */
    tk_ns released_at; /* it had a permit and was taken up */
    tk_ns connect_begin_at, connected_at, tls_done_at; /* of its connection, when made for it */
    tk_ns sent_first_at; /* the clock just before the first write; of the first try */
    tk_ns sent_last_at;  /* the transport had taken the last byte; of the last try */
    tk_ns first_byte_at; /* arrival of the first byte of the reply */
    tk_ns head_at;       /* arrival of the read that completed the head */
    tk_ns last_byte_at;  /* arrival of the last byte of the reply that came */
    tk_ns end_at;        /* the engine was done with it (the clock, not a stamp) */

    /* Of events, by tk_record_event(): what is left of them where no trace is kept. */
    tk_ns first_event_at;  /* arrival of the first event of any kind */
    tk_ns first_token_at;  /* arrival of the first event with tokens, of any channel */
    tk_ns first_answer_at; /* arrival of the first event with answer text */
    tk_ns last_token_at;   /* arrival of the last event with tokens */
    tk_ns finish_at;       /* arrival of the last event with a finish reason */

    uint64_t conn_id; /* connection that carried it, numbered within the worker from 1 */
    uint32_t resends; /* times it was sent again because a kept connection had died */
    uint32_t n_reads;
    uint32_t n_events;
    uint32_t n_token_events; /* events with tokens */
    uint64_t bytes_out;      /* head and body */
    uint64_t bytes_in;       /* raw */

    int64_t prompt_tokens;       /* as the server counts; -1 unknown */
    int64_t output_tokens;       /* see count_source; -1 unknown */
    int64_t reasoning_tokens;    /* part of output_tokens; -1 unknown */
    int64_t cached_tokens;       /* part of prompt_tokens; -1 unknown */
    int64_t asked_prompt_tokens; /* what the workload says; -1 unknown */
    int64_t asked_output_tokens; /* what was asked for; -1 when open */

    tk_ns trace_base_at;          /* the trace's first delta counts from here */
    char detail[TK_DETAIL_BYTES]; /* words about a failure, NUL-terminated, no secret in it */
};

/* Count an event of the reply and note its instant; beside tk_trace_event(), for every event, also
 * where no trace is kept. Leaves the fields that the channels say nothing of. */
static inline TK_UNUSED void tk_record_event(struct tk_record *r, tk_ns arrived_at,
                                             unsigned channels)
{
    if (r->n_events++ == 0)
        r->first_event_at = arrived_at;
    if (channels & TK_CH_TOKENS) {
        if (r->n_token_events++ == 0)
            r->first_token_at = arrived_at;
        if ((channels & TK_CH_CONTENT) && r->first_answer_at == 0)
            r->first_answer_at = arrived_at;
        r->last_token_at = arrived_at;
    }
    if (channels & TK_CH_FINISH)
        r->finish_at = arrived_at;
}

/* --- writing a trace: hot path, owner's thread, no allocation --- */

#define TK_TRACE_VERSION 1 /* first byte of every trace */

struct tk_trace {
    struct tk_chain bytes;
    struct tk_blocks *pool; /* not owned */
    tk_ns prev_seen_at;     /* of the previous read */
    tk_ns prev_offset;      /* wall - monotonic that the previous read was converted with */
    uint32_t max_bytes;     /* cap; past it the trace is truncated */
    unsigned prev_channels; /* of the previous event */
    bool is_truncated;      /* an entry did not fit, or the pool was dry: nothing was added since */
};

/* Start an empty trace; takes no block yet. A chain that was in it is the caller's to release. */
void tk_trace_begin(struct tk_trace *t, struct tk_blocks *pool, tk_ns base_at, uint32_t max_bytes);

/* A read: the kernel's stamp (0: none), the clock after it, the offset that holds now. Returns the
 * instant of arrival: arrived_wall - offset, but never after seen_at, or seen_at when there is no
 * stamp. Does so also when the trace is truncated. */
tk_ns tk_trace_read(struct tk_trace *t, tk_ns arrived_wall, tk_ns seen_at, tk_ns offset,
                    uint32_t n_bytes);

/* An event of the latest read. `channels`: enum tk_channel; `tokens`: tokens that the server says it
 * carried (continuous usage), -1 when it does not say; `text_bytes`: bytes of generated text in it. */
void tk_trace_event(struct tk_trace *t, unsigned channels, int64_t tokens, uint32_t text_bytes);

/* --- reading a trace --- */

enum tk_trace_kind { TK_TRACE_READ, TK_TRACE_EVENT };

struct tk_trace_entry {
    enum tk_trace_kind kind;
    uint32_t read;       /* which read, from 0; of an event: the one that completed it */
    tk_ns arrived_at;    /* monotonic: by the kernel's stamp where it counts, else seen_at */
    tk_ns seen_at;       /* READ; of an event: of its read */
    tk_ns arrived_wall;  /* READ: the raw stamp; 0: none */
    tk_ns offset;        /* READ: wall - monotonic that was held against it */
    bool is_kernel;      /* arrived_at comes from the kernel's stamp */
    uint32_t n_bytes;    /* READ */
    unsigned channels;   /* EVENT */
    int64_t tokens;      /* EVENT: -1 unknown */
    uint32_t text_bytes; /* EVENT */
};

/* Stretches in which the wall clock stepped: stamps in them do not count, seen_at does. */
struct tk_clock_steps {
    struct {
        tk_ns from_at, to_at;
    } v[64];
    unsigned n;
};

struct tk_trace_reader {
    const uint8_t *p, *end;
    const struct tk_clock_steps *steps; /* may be NULL; not owned */
    tk_ns prev_seen_at, prev_offset;    /* private */
    unsigned prev_channels;             /* private */
    struct tk_trace_entry read;         /* private: the latest read */
    uint32_t n_reads;                   /* private */
    int rc;                             /* private: an error sticks */
};

/* Read the packed `bytes`, which must outlive the reader. No bytes are an empty trace. */
void tk_trace_open(struct tk_trace_reader *r, struct tk_str bytes, tk_ns base_at,
                   const struct tk_clock_steps *steps);

struct tk_record_view;
/* The trace of a record that was read back, on the same line of time as the record's instants. */
void tk_trace_open_view(struct tk_trace_reader *r, const struct tk_record_view *v,
                        const struct tk_clock_steps *steps);

/* 1 with an entry, 0 at the end, TK_E_FORMAT (damaged), TK_E_UNSUPPORTED (a newer version). Errors
 * stick. */
int tk_trace_next(struct tk_trace_reader *r, struct tk_trace_entry *ret);

/* A record as it is read back: plain values and slices that live until the next one is asked for. The
 * instants of a run that was resumed lie on one line, without the time between its segments. */
struct tk_record_view {
    struct tk_record rec;
    tk_ns shift;             /* that its instants were moved by; its trace was not */
    struct tk_str trace;     /* packed; empty when it was not kept */
    struct tk_str text;      /* answer text of the first choice; empty when not kept */
    struct tk_str reasoning; /* reasoning text; empty when not kept */
};

#endif
