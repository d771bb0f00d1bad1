/* sim.h - the simulated inference server
 *
 * Speaks the OpenAI words (completions, chat completions, models, health) and some of vLLM's
 * (metrics, tokenize, detokenize), on a schedule that is known to the nanosecond or as an engine
 * with continuous batching would, and writes down what it really did. It is the oracle of the
 * client's tests, so it shares no measuring code with the client. On real sockets, or over transports in
 * memory on a virtual loop. See docs/internals/simulator.md.
 *
 * Everything on the loop's thread.
 */
#ifndef TK_SIM_SIM_H
#define TK_SIM_SIM_H

#include "base/def.h"
#include "base/err.h"

struct tk_loop;
struct tk_sim;
struct tk_tls;
struct tk_xport;

enum tk_sim_jitter {
    TK_SIM_JITTER_NONE,        /* every gap is itl_dur */
    TK_SIM_JITTER_EXPONENTIAL, /* exponential gaps with the mean itl_dur */
    TK_SIM_JITTER_UNIFORM,     /* between 0 and twice itl_dur */
};

enum tk_sim_role {
    TK_SIM_ROLE_NONE,    /* no event with the role alone */
    TK_SIM_ROLE_AT_ONCE, /* as soon as the request is whole */
    TK_SIM_ROLE_FIRST,   /* in a write of its own just before the first token */
};

enum tk_sim_usage {
    TK_SIM_USAGE_ASKED,      /* as stream_options of the request asks */
    TK_SIM_USAGE_FINAL,      /* always an event with usage at the end */
    TK_SIM_USAGE_CONTINUOUS, /* always in each event, and at the end */
    TK_SIM_USAGE_NONE,       /* never, in whole replies neither */
};

enum tk_sim_malformed {
    TK_SIM_MALFORMED_NO,
    TK_SIM_MALFORMED_JSON,  /* the data of an event (or the whole body) stops in mid-object */
    TK_SIM_MALFORMED_CHUNK, /* a chunk whose length is no number, then the connection is closed */
    TK_SIM_MALFORMED_HEAD,  /* a status line that is none, then the connection is closed */
};

enum tk_sim_length {
    TK_SIM_LENGTH_TRUE,
    TK_SIM_LENGTH_SHORT, /* content-length says less than comes */
    TK_SIM_LENGTH_LONG,  /* … more than comes before the connection is closed */
};

/* How one request is answered. A request may change each of them by the name in brackets: in its
 * header x-sim, its query (?sim=), or the key "sim" of its body. Counts of tokens are per choice.
 * */
struct tk_sim_knobs {
    tk_ns ttft_dur;           /* from the request's last byte to the first token [ttft] */
    tk_ns itl_dur;            /* from each event to the next [itl] */
    int64_t jitter;           /* enum tk_sim_jitter [jitter] */
    int64_t n_tokens;         /* answer's length when the request asks for none [tokens] */
    int64_t chunk;            /* tokens in an event [chunk] */
    int64_t role;             /* enum tk_sim_role; chat only [role] */
    int64_t n_reasoning;      /* so many of the tokens are reasoning; chat only [reasoning] */
    bool is_tool;             /* the answer is a tool call; chat only [tool] */
    int64_t usage;            /* enum tk_sim_usage [usage] */
    int64_t events_per_write; /* events are held back until there are so many [events_per_write] */
    int64_t cut_every;    /* bytes of a write, one write per round of the loop; 0: a write per event
                                 [cut_every] */
    tk_ns cut_gap;        /* at least so long between such writes [cut_gap] */
    bool is_cut_random;   /* the writes have 1 to twice cut_every less 1 bytes [cut_random] */
    int64_t status;       /* answer with this status and an error object; 0: no [status] */
    int64_t retry_after;  /* seconds in a retry-after header with it; -1: none [retry_after] */
    int64_t error_at;     /* an error object in the stream after so many tokens; -1 [error_at] */
    int64_t reset_at;     /* the connection is reset after so many; -1: never [reset_at] */
    int64_t close_at;     /* … closed without the last chunk [close_at] */
    int64_t stall_at;     /* … nothing more is sent [stall_at] */
    int64_t malformed;    /* enum tk_sim_malformed [malformed] */
    int64_t malformed_at; /* after so many tokens [malformed_at] */
    bool has_no_done;     /* the stream ends without [DONE] [nodone] */
    int64_t cut_at;       /* closed in the middle of the event after so many tokens [cut_at] */
    int64_t reset_byte; /* reset after so many bytes of the reply, its head included [reset_byte] */
    int64_t close_byte; /* … closed [close_byte] */
    int64_t stall_byte; /* … nothing more is sent [stall_byte] */
    tk_ns head_gap;     /* the head comes byte by byte, so long apart; 0: whole [head_gap] */
    int64_t length;     /* enum tk_sim_length; the reply has a wrong content-length [length] */
    bool is_endless;    /* tokens without end, until the client leaves [endless] */
    bool is_gzip;       /* a whole reply comes with content-encoding gzip [gzip] */
    bool is_gzip_garbage; /* says gzip, and is none [gzip_garbage] */
    tk_ns idle_close;     /* an idle connection is closed after so long; 0: never [idle_close] */
    bool is_close;        /* connection: close, and it is closed after the reply [close] */
};
#define TK_SIM_KNOBS_DEFAULT                                                                      \
    (struct tk_sim_knobs)                                                                         \
    {                                                                                             \
        .ttft_dur = 50 * TK_NS_PER_MS, .itl_dur = 10 * TK_NS_PER_MS, .n_tokens = 100, .chunk = 1, \
        .events_per_write = 1, .retry_after = -1, .error_at = -1, .reset_at = -1, .close_at = -1, \
        .stall_at = -1, .malformed_at = 1, .cut_at = -1, .reset_byte = -1, .close_byte = -1,      \
        .stall_byte = -1                                                                          \
    }

/* An engine with continuous batching, on paper: what its steps cost and what it has room for. A step
 * takes base_dur, and token_dur for each token in the cache that its decoding sequences read, and
 * seq_dur for each of these, and the time of its prefill. See simulator.md. */
struct tk_sim_engine {
    tk_ns base_dur, seq_dur, token_dur;
    double prefill_rate; /* tokens per second */
    int64_t max_batch;   /* sequences at once */
    int64_t step_tokens; /* most tokens of a step, prefill and decode */
    int64_t n_blocks;    /* of the cache */
    int64_t block_tokens;
    bool has_no_prefix_cache;
    int64_t n_drafts;  /* speculative tokens a sequence and step; 0: none */
    double acceptance; /* probability that a draft is accepted, when those before it were */
    tk_ns draft_dur;   /* for each draft, once a step */
};
/* Resembles an 8B model in 16 bits on a GPU with 40 GB at 1.5 TB/s. */
#define TK_SIM_ENGINE_DEFAULT                                                           \
    (struct tk_sim_engine)                                                              \
    {                                                                                   \
        .base_dur = 11 * TK_NS_PER_MS, .seq_dur = 30 * TK_NS_PER_US, .token_dur = 90,   \
        .prefill_rate = 10000, .max_batch = 256, .step_tokens = 2048, .n_blocks = 8192, \
        .block_tokens = 16, .acceptance = 0.7, .draft_dur = TK_NS_PER_MS                \
    }

/* One line of the log, without its line end; valid during the call. */
typedef void (*tk_sim_line_cb)(void *owner, struct tk_str line);

struct tk_sim_conf {
    struct tk_loop *loop;
    const char *host;          /* where to listen; NULL: nowhere, peers come by tk_sim_adopt() */
    uint16_t port;             /* 0: any free one */
    const char *unix_path;     /* instead: a Unix socket, see tk_addr_unix(); NULL: none */
    struct tk_tls *tls;        /* NULL: plain; not owned */
    struct tk_sim_knobs knobs; /* of requests that say nothing else */
    bool is_batching;          /* by `engine`; else on the schedule of the knobs */
    struct tk_sim_engine engine;
    const char *faults;      /* which shares of the requests get knobs besides, in simulator.md's
                                  words: "status=503:5%,reset_at=3:2%"; NULL: none */
    const char *model;       /* its name; NULL: "sim" */
    int64_t max_model_len;   /* told by /v1/models, not enforced; 0: 131072 */
    const char *words;       /* what tokens say, in turn, separated by spaces; NULL: "token" */
    int64_t bytes_per_token; /* prompt tokens are its bytes divided by this, rounded up; 0: 4.
                                   A prompt of token ids counts exactly. */
    const char *api_key;     /* asked for as bearer, else 401; NULL: no key is needed */
    uint64_t seed; /* of jitter, drafts and faults: those of the n-th request depend on it and n */
    const char *log_path;   /* JSON lines are written there, see simulator.md; NULL: nowhere */
    tk_sim_line_cb on_line; /* called with each line as it is made; NULL: not */
    void *owner;            /* of on_line */
    bool logs_bodies;       /* lines hold the request's body */
};

/* Copies what it keeps of the configuration, tls aside. 0, or an error with its detail. */
int tk_sim_new(const struct tk_sim_conf *conf, struct tk_sim **ret, struct tk_err *reterr);

/* Take the last word: requests under way are logged as abandoned, then the summary; the log is
 * written and closed. Returns 0 or the code of the first write to the log that failed. A second
 * call returns the same. */
int tk_sim_finish(struct tk_sim *s);
struct tk_sim *tk_sim_free(struct tk_sim *s); /* finishes; closes its peers; NULL is allowed */

uint16_t tk_sim_port(const struct tk_sim *s); /* where it listens; 0: nowhere */

/* A connection made elsewhere, the server's end; owned from then on, on failure too. */
int tk_sim_adopt(struct tk_sim *s, struct tk_xport *x);

struct tk_sim_counts {
    uint64_t n_requests;  /* read whole, of any kind */
    uint64_t n_finished;  /* answered to the end as they should */
    uint64_t n_refused;   /* of those: with a status from 400 up */
    uint64_t n_faults;    /* ended by a fault on purpose */
    uint64_t n_broken;    /* the client left before the end */
    uint64_t n_abandoned; /* under way at tk_sim_finish() */
    uint64_t n_open;      /* under way now */
    uint64_t peak_open;   /* most at once */
    uint64_t n_events;    /* events with tokens that were sent */
    uint64_t n_tokens;    /* tokens in them, and in whole replies */
    tk_ns late_max;       /* longest that an event came after its due instant */
};
void tk_sim_counts(const struct tk_sim *s, struct tk_sim_counts *ret);

#endif
