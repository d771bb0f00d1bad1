/* plan.h - what to load, how, how long: resolved and checked once, const from then on
 *
 * The command line of each dialect ends in this. Nothing here is looked at twice: a value that made
 * it into the plan is valid.
 */
#ifndef TK_RUN_PLAN_H
#define TK_RUN_PLAN_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "run/cancel.h"
#include "run/schedule.h"
#include "run/shape.h"

struct tk_plan_header {
    const char *name, *value;
    bool is_secret; /* never shown: masked in every output */
};

/* Headers, and parameters of a URL's query, whose value is a secret: authorization, cookies, and
 * whatever ends in auth, key, token, secret, password, credential(s), signature. */
bool tk_plan_is_secret(struct tk_str name);

/* Append the URL, or its part from the path on, with the secrets of its query as "***"; 0 or the
 * buffer's error. */
int tk_plan_mask_url(const char *url, struct tk_buf *out);

struct tk_plan;
/* How many bytes at the start of `text` are a secret of the plan's headers or query, or the beginning of one
 * that the end of `text` cuts off; 0: none. Servers repeat what they were sent in their errors. */
size_t tk_plan_secret_at(const struct tk_plan *p, struct tk_str text);

struct tk_plan_timeouts {
    tk_ns connect; /* until connected, TLS included; 0: none */
    tk_ns first;   /* from sent to the first event with tokens; 0: none */
    tk_ns idle;    /* between reads of one reply; 0: none */
    tk_ns total;   /* from sent to the end; 0: none */
};

/* What is kept in the run file. */
enum tk_record_level {
    TK_RECORD_REQUESTS, /* one row per request, no trace */
    TK_RECORD_ALL,      /* with every read and event */
};

/* One stretch of load: the check, the warm-up, the measured one. */
struct tk_plan_phase {
    uint64_t n_requests;  /* 0: no bound by count */
    tk_ns duration;       /* no new request after that; 0: no bound by time */
    tk_ns grace;          /* what is in flight then may end within this; then it is cancelled */
    uint32_t concurrency; /* permits: at most this many in flight; 0: no bound; of a shape the
                             highest */
    enum tk_arrival arrival;
    double rate;           /* requests per second; INFINITY: all due at 0; of a shape the highest */
    double burstiness;     /* of GAMMA */
    struct tk_shape shape; /* how rate or concurrency change; without stages: they do not */
    const struct tk_permit_step
        *permit_steps; /* n_permit_steps, the first at 0; NULL: concurrency */
    size_t n_permit_steps;
    const tk_ns
        *due_offset; /* n_due instants from the phase's start, ascending; NULL when closed */
    uint64_t n_due;
    tk_ns pause;             /* of a load of one at a time: from the end of a request to the next */
    bool is_first_item_only; /* every request is one item (vLLM's check and warm-ups) */
};

struct tk_plan {
    const char *tool; /* "tokmark run", "tokmark vllm": which words made it */
    const char *url;  /* as it was given, without secrets */
    const char *host;
    uint16_t port;
    const char *unix_path; /* this Unix socket instead of host and port; NULL: none */
    const char
        *source_addresses; /* where connections come from, as net/source.h has it; NULL: anywhere */
    bool is_tls;
    const char *target;    /* path and query of the request line */
    const char *authority; /* value of the Host header */
    const char *ca_file;   /* NULL: the system's authorities */
    bool is_insecure;
    const char *cert_file, *cert_key_file; /* certificate to show, PEM; NULL: none, in cert_file */
    const char *cert_passphrase;           /* secret: it is in no output; NULL: none */
    const char *api;                       /* name of the wire format */
    const char *model;
    const char *const *adapters; /* n_adapters that stand in the model's place in the measured
                                     requests, one in each */
    size_t n_adapters;
    const char *adapter_choice; /* how, in a word; NULL without adapters */
    const char *sampling; /* members of the bodies that say how to sample, a JSON object; NULL:
                                     not told here */
    bool is_streamed;
    const struct tk_plan_header *headers; /* the user's own and the key's; Host, Content-Type and
                                             Content-Length are the engine's unless given here */
    size_t n_headers;
    const char *request_id_prefix; /* x-request-id: prefix and index; NULL: none */

    struct tk_plan_phase phase[4]; /* by enum tk_phase; n_requests and duration 0: left out; the
                                      probe has neither and is there with a pause */
    struct tk_plan_cancel cancel;  /* of the measured phase */
    struct tk_plan_timeouts timeouts;
    uint64_t seed;
    uint32_t n_workers; /* 0: by the load */
    enum tk_record_level level;
    bool is_realtime; /* workers run before everything of ordinary priority on their processors */
    bool keeps_text;  /* the generated text of every request */
    bool accepts_no_end; /* a stream that ends in order is whole, though nothing in it said so */
    uint32_t max_trace_bytes; /* per request; past it the record says truncated */
    uint64_t
        max_record_bytes;   /* memory of records not written yet; past it nothing new is released */
    bool is_new_connection; /* each request has one of its own, closed after the reply */
    bool opens_ahead;       /* connections are opened before the phase starts */

    const char *data; /* what the items come from, for people: "sharegpt file.json" */
    uint64_t n_items;
};

/* The plan as JSON, secrets masked as "***"; for the run file and the results. */
int tk_plan_to_json(const struct tk_plan *p, struct tk_buf *out);

#endif
