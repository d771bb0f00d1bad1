/* made.h - records of requests as they would have been, for the tests of metrics
 *
 * Instants are milliseconds from `sent`. Every event comes in a read of its own, seen 20 us after it
 * arrived, unless it says `joined`: then it is in the read of the one before.
 */
#ifndef TK_TESTS_UNIT_METRIC_MADE_H
#define TK_TESTS_UNIT_METRIC_MADE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/sink.h"

#define MS TK_NS_PER_MS
#define MADE_SENT (INT64_C(86400) * TK_NS_PER_S)
#define MADE_OFFSET INT64_C(1764000000123456789)

struct made_event {
    double at_ms;
    unsigned channels;
    int64_t tokens; /* that the server says; 0: it does not */
    bool is_joined;
};

struct made {
    uint64_t index;
    enum tk_end end;
    tk_ns sent_at;         /* 0: MADE_SENT */
    tk_ns due_before;      /* so long before sent it was due */
    int64_t output_tokens; /* by usage; 0: none */
    const struct made_event *events;
    size_t n_events;
    const double *late_ms; /* so late the read of each came to it; 0, or NULL: 20 us */
    double last_ms;        /* end of the reply */
    bool is_whole;         /* not a stream */
    bool has_trace;
    uint16_t stage, more_flags; /* of the record */
};

/* The record and its trace; the trace's bytes are the caller's to free(). */
static TK_UNUSED struct tk_record_view made_view(const struct made *m)
{
    struct tk_record_view v = { 0 };
    struct tk_record *r = &v.rec;
    tk_ns sent = m->sent_at ? m->sent_at : MADE_SENT;
    struct tk_blocks *pool;
    struct tk_trace t;

    tk_blocks_new(1 << 20, &pool);
    tk_trace_begin(&t, pool, sent, UINT32_MAX);
    *r = (struct tk_record){
        .index = m->index,
        .phase = TK_PHASE_MEASURE,
        .end = (uint8_t)m->end,
        .flags = (uint16_t)((m->is_whole ? 0 : TK_REC_STREAMED) | m->more_flags),
        .stage = m->stage,
        .status = 200,
        .due_at = sent - m->due_before,
        .released_at = sent - 10000,
        .sent_first_at = sent,
        .sent_last_at = sent + 1000,
        .trace_base_at = sent,
        .prompt_tokens = 5,
        .output_tokens = -1,
        .reasoning_tokens = -1,
        .cached_tokens = -1,
        .asked_prompt_tokens = 5,
        .asked_output_tokens = 8,
    };
    for (size_t i = 0; i < m->n_events; i++) {
        const struct made_event *e = &m->events[i];
        tk_ns at = sent + (tk_ns)(e->at_ms * 1e6 + 0.5);
        if (!e->is_joined) {
            tk_ns late = m->late_ms && m->late_ms[i] > 0 ? (tk_ns)(m->late_ms[i] * 1e6) : 20000;
            tk_trace_read(&t, at + MADE_OFFSET, at + late, MADE_OFFSET, 200);
            r->n_reads++;
        }
        tk_trace_event(&t, e->channels, e->tokens > 0 ? e->tokens : -1, 5);
        tk_record_event(r, at, e->channels);
        r->first_byte_at = r->first_byte_at ? r->first_byte_at : at;
        r->last_byte_at = at;
    }
    if (m->last_ms > 0 && (r->last_byte_at < sent + (tk_ns)(m->last_ms * 1e6))) {
        tk_ns at = sent + (tk_ns)(m->last_ms * 1e6);
        tk_trace_read(&t, at + MADE_OFFSET, at + 20000, MADE_OFFSET, 5);
        r->first_byte_at = r->first_byte_at ? r->first_byte_at : at;
        r->last_byte_at = at;
        r->n_reads++;
    }
    r->head_at = r->first_byte_at;
    r->end_at = (r->last_byte_at ? r->last_byte_at : sent + 30 * MS) + 30000;
    if (m->output_tokens > 0) {
        r->output_tokens = m->output_tokens;
        r->count_source = TK_COUNT_USAGE;
    } else if (r->n_token_events > 0) {
        r->output_tokens = r->n_token_events;
        r->count_source = TK_COUNT_EVENTS;
    }
    if (m->end != TK_END_OK)
        snprintf(r->detail, sizeof(r->detail), "detail of %d", (int)m->index);
    if (m->has_trace && t.bytes.n_bytes > 0) {
        char *p = malloc(t.bytes.n_bytes);
        tk_chain_copy(&t.bytes, p);
        v.trace = (struct tk_str){ p, t.bytes.n_bytes };
    }
    tk_blocks_free(pool);
    return v;
}

static TK_UNUSED void made_release(struct tk_record_view *v)
{
    free((void *)(uintptr_t)v->trace.p);
    v->trace = (struct tk_str){ NULL, 0 };
}

/* The same into a sink. */
static TK_UNUSED void made_put(struct tk_sink *s, struct tk_blocks *pool, const struct made *m)
{
    struct tk_record_view v = made_view(m);
    struct tk_done *d = tk_done_new(pool);

    d->rec = v.rec;
    tk_chain_add(&d->trace, pool, v.trace.p, v.trace.n);
    made_release(&v);
    tk_sink_put(s, d);
}

#endif
