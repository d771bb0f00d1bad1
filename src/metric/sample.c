/* sample.c - one request, taken apart
 *
 * Instants come from the trace where there is one, because a step of the wall clock that was noticed
 * later is put right there; else from the record's own fields. A trace that is not whole gives the
 * first instants and the gaps that are in it, the record's fields the last ones.
 */
#include "metric/sample.h"

#include <errno.h>
#include <stdlib.h>

/* Past this a chunk's count of tokens is not believed: it is spread over so many gaps. */
#define MAX_CHUNK_TOKENS 100000

void tk_sample_init(struct tk_sample *s)
{
    *s = (struct tk_sample){ 0 };
}

void tk_sample_release(struct tk_sample *s)
{
    free(s->reads);
    free(s->events);
    free(s->gaps);
    tk_sample_init(s);
}

/* Room for one more element behind n. */
static int make_room(void **array, size_t n, size_t *cap, size_t element_bytes)
{
    if (n < *cap)
        return 0;
    size_t more = *cap ? 2 * *cap : 64;
    void *p = reallocarray(*array, more, element_bytes);
    if (!p)
        return -ENOMEM;
    *array = p;
    *cap = more;
    return 0;
}

static int add_read(struct tk_sample *s, const struct tk_trace_entry *e)
{
    void *array = s->reads;
    int rc = make_room(&array, s->n_reads, &s->cap_reads, sizeof(*s->reads));
    s->reads = array;
    if (rc < 0)
        return rc;
    s->reads[s->n_reads++] = (struct tk_sample_read){
        .arrived_at = e->arrived_at,
        .seen_at = e->seen_at,
        .n_bytes = e->n_bytes,
        .is_kernel = e->is_kernel,
    };
    return 0;
}

static int add_event(struct tk_sample *s, const struct tk_trace_entry *e)
{
    void *array = s->events;
    int rc = make_room(&array, s->n_events, &s->cap_events, sizeof(*s->events));
    s->events = array;
    if (rc < 0)
        return rc;
    s->events[s->n_events++] = (struct tk_sample_event){
        .arrived_at = e->arrived_at,
        .read = e->read,
        .channels = e->channels,
        .tokens = e->tokens,
        .text_bytes = e->text_bytes,
    };
    s->reads[s->n_reads - 1].n_events++;
    return 0;
}

static int decode(struct tk_sample *s, const struct tk_record_view *v,
                  const struct tk_clock_steps *steps)
{
    struct tk_trace_reader r;
    struct tk_trace_entry e;
    int rc;

    tk_trace_open_view(&r, v, steps);
    while ((rc = tk_trace_next(&r, &e)) > 0) {
        int rc_add = e.kind == TK_TRACE_READ ? add_read(s, &e) : add_event(s, &e);
        if (rc_add < 0)
            return rc_add;
    }
    return rc;
}

/* Whether the event counts for gaps: tokens, and not only those of another choice. */
static bool is_chunk(const struct tk_sample_event *e)
{
    return (e->channels & TK_CH_TOKENS) && !(e->channels & TK_CH_OTHER_CHOICE);
}

static int find_gaps(struct tk_sample *s)
{
    const struct tk_sample_event *before = NULL;
    bool says_all = true;
    size_t n_chunks = 0;

    for (size_t i = 0; i < s->n_events; i++) {
        const struct tk_sample_event *e = &s->events[i];
        if (!is_chunk(e))
            continue;
        bool says = e->tokens > 0 && e->tokens <= MAX_CHUNK_TOKENS;
        says_all = says_all && says;
        n_chunks++;
        if (before) {
            void *array = s->gaps;
            int rc = make_room(&array, s->n_gaps, &s->cap_gaps, sizeof(*s->gaps));
            s->gaps = array;
            if (rc < 0)
                return rc;
            s->gaps[s->n_gaps++] = (struct tk_sample_gap){
                .gap = e->arrived_at - before->arrived_at,
                .tokens = says ? (uint32_t)e->tokens : 0,
            };
        }
        before = e;
    }
    if (n_chunks > 0 && says_all)
        s->gap_method = TK_GAP_SERVER;
    else if (n_chunks > 0 && !s->is_truncated && s->rec->count_source == TK_COUNT_USAGE &&
             s->rec->output_tokens == (int64_t)n_chunks)
        s->gap_method = TK_GAP_SINGLE;
    return 0;
}

/* The record's own instants, as the engine noted them. */
static void take_noted(struct tk_sample *s, const struct tk_record *r)
{
    s->first_byte_at = r->first_byte_at;
    s->first_event_at = r->first_event_at;
    s->first_token_at = r->first_token_at;
    s->first_answer_at = r->first_answer_at;
    s->last_token_at = r->last_token_at;
    s->last_byte_at = r->last_byte_at;
    s->n_token_events = r->n_token_events;
    s->done_at = TK_MAX(r->last_token_at, r->finish_at);
}

/* The same from the events, where all of them are there; the first ones also where they are not. */
static void take_seen(struct tk_sample *s)
{
    tk_ns finish_at = 0;
    tk_ns last_token_at = 0;
    uint32_t n_token_events = 0;

    s->first_byte_at = s->reads[0].arrived_at;
    s->first_event_at = s->n_events > 0 ? s->events[0].arrived_at : s->first_event_at;
    s->first_token_at = s->is_truncated ? s->first_token_at : 0;
    s->first_answer_at = s->is_truncated ? s->first_answer_at : 0;
    for (size_t i = 0; i < s->n_events; i++) {
        const struct tk_sample_event *e = &s->events[i];
        if (e->channels & TK_CH_FINISH)
            finish_at = e->arrived_at;
        if (!(e->channels & TK_CH_TOKENS))
            continue;
        if (n_token_events++ == 0) {
            s->first_token_at = e->arrived_at;
            s->first_tokens = e->tokens > 0 && e->tokens <= MAX_CHUNK_TOKENS ? e->tokens : 1;
        }
        if ((e->channels & TK_CH_CONTENT) &&
            (s->first_answer_at == 0 || s->first_answer_at > e->arrived_at))
            s->first_answer_at = e->arrived_at;
        last_token_at = e->arrived_at;
    }
    if (s->is_truncated) {
        s->last_token_at = TK_MAX(s->last_token_at, last_token_at);
        s->n_token_events = TK_MAX(s->n_token_events, n_token_events);
        s->done_at = TK_MAX(s->done_at, TK_MAX(last_token_at, finish_at));
        return;
    }
    s->last_token_at = last_token_at;
    s->last_byte_at = s->reads[s->n_reads - 1].arrived_at;
    s->n_token_events = n_token_events;
    s->done_at = TK_MAX(last_token_at, finish_at);
}

static void reset(struct tk_sample *s, const struct tk_record_view *v)
{
    struct tk_sample kept = *s;
    const struct tk_record *r = &v->rec;

    *s = (struct tk_sample){
        .rec = r,
        .is_success = r->end == TK_END_OK,
        .is_cancelled = tk_end_is_cancelled((enum tk_end)r->end),
        .has_start = r->end == TK_END_CANCELLED_BY_PLAN && !(r->flags & TK_REC_CANCEL_BY_TIME),
        .is_streamed = r->flags & TK_REC_STREAMED,
        .is_truncated = r->flags & TK_REC_TRACE_TRUNCATED,
        .sent_at = r->sent_first_at,
        .due_at = r->due_at,
        .output_tokens = r->count_source == TK_COUNT_NONE ? -1 : r->output_tokens,
        .first_tokens = 1,
        .reads = kept.reads,
        .cap_reads = kept.cap_reads,
        .events = kept.events,
        .cap_events = kept.cap_events,
        .gaps = kept.gaps,
        .cap_gaps = kept.cap_gaps,
    };
    take_noted(s, r);
}

int tk_sample_load(struct tk_sample *s, const struct tk_record_view *v,
                   const struct tk_clock_steps *steps)
{
    reset(s, v);
    int rc = decode(s, v, steps);
    if (rc == -ENOMEM)
        return rc;
    s->is_truncated = s->is_truncated || rc < 0;
    s->has_events = s->n_reads > 0;
    if (s->has_events)
        take_seen(s);
    if (s->is_streamed && find_gaps(s) < 0)
        return -ENOMEM;
    if (!s->is_streamed || s->done_at == 0)
        s->done_at = s->last_byte_at;
    s->end_at = s->is_success && s->last_byte_at ? s->last_byte_at : s->rec->end_at;
    return rc;
}
