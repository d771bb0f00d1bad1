/* sample.h - one request, taken apart: its reads and events, and the instants that figures come from
 *
 * The trace is decoded once; every definition, tokmark's own and those of other tools, works on this.
 * Instants are monotonic; 0: did not happen.
 */
#ifndef TK_METRIC_SAMPLE_H
#define TK_METRIC_SAMPLE_H

#include "base/def.h"
#include "run/record.h"

struct tk_sample_read {
    tk_ns arrived_at, seen_at;
    uint32_t n_bytes;
    uint32_t n_events; /* that this read completed */
    bool is_kernel;    /* arrived_at is the kernel's stamp */
};

struct tk_sample_event {
    tk_ns arrived_at;
    uint32_t read;     /* index into reads */
    unsigned channels; /* enum tk_channel */
    int64_t tokens;    /* that the server says it carried; -1: it does not say */
    uint32_t text_bytes;
};

/* Between an event with tokens and the one before it, of the first choice. */
struct tk_sample_gap {
    tk_ns gap;
    uint32_t tokens; /* that the later event carried; 0: not known */
};

/* How it is known what a chunk carried. */
enum tk_gap_method {
    TK_GAP_UNKNOWN, /* it is not: there are gaps between chunks only */
    TK_GAP_SERVER,  /* the server says it with every chunk (continuous usage) */
    TK_GAP_SINGLE,  /* one token each: the server's total equals the number of chunks */
    TK_GAP_N_,
};

struct tk_sample {
    const struct tk_record *rec; /* not owned: of the view it was loaded from */
    bool is_success;             /* ended well */
    bool is_cancelled;           /* by the client: neither success nor failure */
    bool has_start; /* given up by the plan after a number of tokens: its start counts */
    bool is_streamed;
    bool has_events;   /* the trace was kept: reads and events below are filled */
    bool is_truncated; /* and is not whole */

    tk_ns sent_at; /* the first write of the first try */
    tk_ns due_at;
    tk_ns first_byte_at;   /* of the reply */
    tk_ns first_event_at;  /* of any kind */
    tk_ns first_token_at;  /* event with tokens of any channel */
    tk_ns first_answer_at; /* event with answer text */
    tk_ns last_token_at;
    tk_ns done_at; /* the reply was complete for its user; see e2el in the glossary */
    tk_ns last_byte_at;
    tk_ns end_at; /* the request was over: for concurrency and ages */

    int64_t output_tokens;   /* -1 unknown */
    uint32_t n_token_events; /* events with tokens */
    int64_t first_tokens;    /* tokens in the first of them; 1 when the server does not say */
    enum tk_gap_method gap_method;

    struct tk_sample_read *reads; /* owned, reused by the next load */
    size_t n_reads, cap_reads;
    struct tk_sample_event *events; /* owned, reused */
    size_t n_events, cap_events;
    struct tk_sample_gap *gaps; /* owned, reused; empty for replies that were not streamed */
    size_t n_gaps, cap_gaps;
};

void tk_sample_init(struct tk_sample *s);
void tk_sample_release(struct tk_sample *s); /* may be called twice */

/* Take `v` apart; it must live as long as the sample is looked at. 0; -ENOMEM; TK_E_FORMAT or
 * TK_E_UNSUPPORTED: the trace is damaged or of a newer version, what came before is there and the
 * sample is marked as truncated. */
int tk_sample_load(struct tk_sample *s, const struct tk_record_view *v,
                   const struct tk_clock_steps *steps);

#endif
