/* stream.c - one request, from its release to its record
 *
 *   start --> connection --> send --> READ, HEAD, DATA … --> END  --> record to the sink
 *               \--> no_conn            \--> ERROR, time-out, cancel --/
 *
 * A request ends exactly once, in finish(): it decides the class, hands the record to the sink,
 * gives the permit back and lets the worker take the next ticket. The connection is dealt with
 * before, so that the next request finds it idle.
 *
 * A kept connection may die under a request before a byte of the reply came: the server closed it
 * while the request was on its way. That is the protocol's doing, not the server's failure, so the
 * request is sent again, once, on a fresh connection; its latency still counts from the first send.
 */
#include "load/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"

static void on_timer(struct tk_timer *t);

static struct tk_record *rec(struct tk_stream *s)
{
    return &s->rec;
}

static const struct tk_plan *plan(const struct tk_stream *s)
{
    return s->w->load->conf.plan;
}

static struct tk_stream *take_stream(struct tk_worker *w)
{
    struct tk_link *l = tk_list_pop_last(&w->free_streams);
    if (l)
        return TK_CONTAINER_OF(l, struct tk_stream, link);
    struct tk_stream *s = calloc(1, sizeof(*s)); /* a new peak of streams in flight */
    if (!s)
        return NULL;
    s->w = w;
    tk_sse_init(&s->sse, TK_SSE_LIMITS_DEFAULT);
    tk_buf_init(&s->body, TK_LOAD_MAX_BODY);
    tk_timer_init(&s->timer, on_timer, s);
    return s;
}

int tk__stream_reserve(struct tk_worker *w)
{
    struct tk_stream *s = take_stream(w);
    if (!s)
        return -ENOMEM;
    tk_list_push(&w->free_streams, &s->link);
    return 0;
}

void tk__stream_free_all(struct tk_worker *w)
{
    struct tk_link *next;
    for (struct tk_link *l = w->free_streams.next; l != &w->free_streams; l = next) {
        struct tk_stream *s = TK_CONTAINER_OF(l, struct tk_stream, link);
        next = l->next;
        tk_sse_release(&s->sse);
        tk_buf_release(&s->body);
        free(s);
    }
    tk_list_init(&w->free_streams);
}

/* --- the end --- */

/* One line, whatever the peer sent, and without the keys that it was sent. */
static void set_detail(struct tk_stream *s, struct tk_str words)
{
    struct tk_record *r = rec(s);
    size_t n = 0;
    for (size_t i = 0; i < words.n && n < sizeof(r->detail) - 1;) {
        struct tk_str rest = { words.p + i, words.n - i };
        size_t secret = tk_plan_secret_at(plan(s), rest);
        if (secret) {
            for (int k = 0; k < 3 && n < sizeof(r->detail) - 1; k++)
                r->detail[n++] = '*';
            i += secret;
        } else {
            r->detail[n++] = (unsigned char)words.p[i] < ' ' ? ' ' : words.p[i];
            i++;
        }
    }
    r->detail[n] = '\0';
}

static void count_end(struct tk_worker *w, const struct tk_record *r)
{
    struct tk_live *live = w->live;
    w->resends += r->resends;
    w->last_end_at = r->end_at;
    bool is_cancelled = tk_end_is_cancelled((enum tk_end)r->end);
    if (r->end == TK_END_OK)
        w->succeeded++;
    else if (is_cancelled)
        w->cancelled++;
    else
        w->failed++;
    w->cancelled_by_plan += r->end == TK_END_CANCELLED_BY_PLAN;
    tk_live_add(&live->in_flight, -1);
    tk_live_add(r->end == TK_END_OK ? &live->succeeded
                : is_cancelled      ? &live->cancelled
                                    : &live->failed,
                1);
    if (r->output_tokens > 0)
        tk_live_add(&live->output_tokens, r->output_tokens);
}

/* The record is whole: away with it. The connection must be settled before. */
static void finish(struct tk_stream *s, enum tk_end end, int code)
{
    struct tk_worker *w = s->w;
    struct tk_done *d = s->done;
    struct tk_record *r = rec(s);
    r->end = (uint8_t)end;
    r->code = code;
    r->end_at = tk_clock_now();
    /* Events of a stream are a fair guess; a reply that comes whole is one event of any length. */
    if (r->output_tokens < 0 && s->is_sse && end == TK_END_OK) {
        r->count_source = TK_COUNT_EVENTS;
        r->output_tokens = r->n_token_events;
    }
    if (s->trace.is_truncated)
        r->flags |= TK_REC_TRACE_TRUNCATED;
    if (TK_UNLIKELY(r->phase == TK_PHASE_CHECK))
        w->load->check = *r;
    d->rec = *r;
    d->trace = s->trace.bytes;
    d->text = s->text;
    d->reasoning = s->reasoning;
    count_end(w, r);
    tk_timer_stop(&s->timer);
    tk_list_remove(&s->link);
    tk_list_push(&w->free_streams, &s->link);
    s->done = NULL;
    tk_sink_put(w->load->conf.sink, d);
    tk__gate_pause(&w->load->gate); /* before the next one can be taken */
    tk__gate_give_permit(&w->load->gate);
    tk__worker_freed(w);
}

static void drop_conn(struct tk_stream *s)
{
    struct tk_lconn *c = s->conn;
    s->conn = NULL;
    if (c)
        tk__conn_done(c, false);
}

/* Fail, unless a failure was found earlier in the reply: the first one tells more. */
static void fail(struct tk_stream *s, enum tk_end end, int code, const char *detail)
{
    if (s->failed)
        end = (enum tk_end)s->failed;
    else if (detail)
        set_detail(s, tk_str_of(detail));
    drop_conn(s);
    finish(s, end, code);
}

void tk__stream_cancel(struct tk_stream *s)
{
    fail(s, TK_END_CANCELLED, TK_E_CANCELLED, NULL);
}

void tk__stream_no_conn(struct tk_stream *s, int code, const char *detail)
{
    enum tk_end end = code == TK_E_TLS || code == TK_E_CERT ? TK_END_TLS : TK_END_CONNECT;
    if (code == -ENOMEM || code == -EMFILE || code == -ENFILE)
        end = TK_END_CLIENT;
    tk__worker_rest(s->w);
    fail(s, end, code, detail && *detail ? detail : tk_err_text(code));
}

/* --- given up by the plan --- */

static void cancel_by_plan(struct tk_stream *s)
{
    fail(s, TK_END_CANCELLED_BY_PLAN, TK_E_CANCELLED, NULL);
}

/* Whether, and where. */
static void set_cancel_point(struct tk_stream *s)
{
    const struct tk_plan *p = plan(s);
    struct tk_record *r = rec(s);
    struct tk_cancel_point at = { 0 };
    if (s->w->load->phase == TK_PHASE_MEASURE)
        at = tk_cancel_point(&p->cancel, p->seed, r->index, r->asked_output_tokens);
    s->cancel_tokens = at.tokens ? at.tokens : UINT32_MAX;
    s->cancel_after = at.after;
    if (at.tokens || at.after)
        r->flags |= TK_REC_CANCEL_DUE;
    if (at.after)
        r->flags |= TK_REC_CANCEL_BY_TIME;
}

/* Has the point come? What has ended but for its last bytes, or failed, is left to its end. */
static bool is_past_cancel(const struct tk_stream *s)
{
    const struct tk_record *r = &s->rec;
    int64_t tokens = TK_MAX((int64_t)r->n_token_events, r->output_tokens);
    return tokens >= s->cancel_tokens && !r->finish_at && !s->has_done && !s->failed;
}

/* --- time-outs --- */

/* The nearest deadline now, and which class it would be. */
static tk_ns next_deadline(const struct tk_stream *s, enum tk_end *ret_end)
{
    const struct tk_plan_timeouts *t = &plan(s)->timeouts;
    const struct tk_record *r = &s->rec;
    tk_ns from = r->sent_first_at ? r->sent_first_at : r->released_at;
    tk_ns at = TK_NS_NEVER;
    *ret_end = TK_END_TIMEOUT_TOTAL;
    if (t->total)
        at = from + t->total;
    bool is_sent = s->conn && s->conn->state == TK_LCONN_BUSY;
    if (!is_sent && t->connect && s->connect_from + t->connect < at) {
        at = s->connect_from + t->connect;
        *ret_end = TK_END_TIMEOUT_CONNECT;
    }
    if (is_sent && !r->n_token_events && t->first && from + t->first < at) {
        at = from + t->first;
        *ret_end = TK_END_TIMEOUT_FIRST;
    }
    if (is_sent && t->idle && s->last_seen_at && s->last_seen_at + t->idle < at) {
        at = s->last_seen_at + t->idle;
        *ret_end = TK_END_TIMEOUT_IDLE;
    }
    if (is_sent && s->cancel_after && !r->finish_at && from + s->cancel_after < at) {
        at = from + s->cancel_after;
        *ret_end = TK_END_CANCELLED_BY_PLAN;
    }
    return at;
}

/* The timer is not moved with every read: when it fires, it looks whether the deadline has moved.
 * False when there was no memory for it. */
static bool arm(struct tk_stream *s)
{
    const struct tk_plan_timeouts *t = &plan(s)->timeouts;
    enum tk_end end;
    tk_ns at = next_deadline(s, &end);
    if (t->idle && !s->last_seen_at) /* the first read starts this one: look again then */
        at = TK_MIN(at, tk_clock_now() + t->idle);
    if (at == TK_NS_NEVER)
        return true;
    return tk_timer_set(s->w->loop, &s->timer, at) == 0;
}

static void on_timer(struct tk_timer *t)
{
    struct tk_stream *s = t->owner;
    enum tk_end end;
    if (next_deadline(s, &end) > tk_clock_now()) {
        if (!arm(s))
            fail(s, TK_END_CLIENT, -ENOMEM, "no memory for a timer");
        return;
    }
    if (end == TK_END_CANCELLED_BY_PLAN)
        cancel_by_plan(s);
    else
        fail(s, end, TK_E_TIMEOUT, NULL);
}

/* --- the start --- */

static void reset_stream(struct tk_stream *s, tk_ns now)
{
    tk_sse_reset(&s->sse);
    tk_buf_reset(&s->body);
    s->conn = NULL;
    s->connect_from = now;
    s->last_seen_at = 0;
    s->text = s->reasoning = (struct tk_chain){ 0 };
    s->failed = 0;
    s->usage_before = 0;
    s->is_sse = s->is_opaque = s->has_choice = s->has_done = s->is_complete = false;
    s->was_resent = false;
}

/* The stage of the load's shape in which a request is due; one that was due before the run was cut keeps
 * its own. */
static uint16_t stage_of(const struct tk_load *l, uint64_t index, tk_ns due_at)
{
    const struct tk_load_past *past = l->gate.past;
    tk_ns offset = due_at - l->gate.begin_at;

    if (past)
        offset = past->due ? past->due[index] : past->at + offset;
    return (uint16_t)tk_shape_stage_at(&l->conf.plan->phase[l->phase].shape, offset);
}

static void init_record(struct tk_stream *s, uint64_t index, uint32_t item, tk_ns due_at, tk_ns now)
{
    const struct tk_load *l = s->w->load;
    const struct tk_load_body *body = &l->conf.bodies[item];
    s->rec = (struct tk_record){
        .index = index,
        .item = item,
        .worker = (uint16_t)(s->w->load->conf.first_worker + s->w->index),
        .phase = (uint8_t)s->w->load->phase,
        .stage = stage_of(l, index, due_at),
        .due_at = due_at,
        .released_at = now,
        .trace_base_at = now,
        .prompt_tokens = -1,
        .output_tokens = -1,
        .reasoning_tokens = -1,
        .cached_tokens = -1,
        .asked_prompt_tokens = body->asked_prompt_tokens,
        .asked_output_tokens = body->asked_output_tokens,
    };
}

struct tk_stream *tk__stream_take(struct tk_worker *w)
{
    struct tk_stream *s = take_stream(w);
    if (!s)
        return NULL;
    s->done = tk_done_new(w->pool);
    if (s->done)
        return s;
    tk_list_push(&w->free_streams, &s->link);
    return NULL;
}

void tk__stream_put_back(struct tk_stream *s)
{
    s->done = tk_done_free(s->done);
    tk_list_push(&s->w->free_streams, &s->link);
}

void tk__stream_start(struct tk_stream *s, uint64_t index, tk_ns due_at, tk_ns now)
{
    struct tk_worker *w = s->w;
    struct tk_load *l = w->load;
    uint32_t item = tk__load_item(&l->conf, l->phase, index);
    reset_stream(s, now);
    init_record(s, index, item, due_at, now);
    set_cancel_point(s);
    s->json = l->conf.bodies[item].json;
    tk_trace_begin(&s->trace, w->pool, now,
                   plan(s)->level == TK_RECORD_ALL ? plan(s)->max_trace_bytes : 0);
    w->sent++;
    tk_live_add(&w->live->sent, 1);
    tk_live_add(&w->live->in_flight, 1);
    tk_list_push(&w->active, &s->link);
    int n = tk__head_lines(plan(s), l->phase, index, s->json.n, s->head);
    s->head_bytes = n > 0 ? (unsigned)n : 0;
    if (n < 0)
        fail(s, TK_END_CLIENT, n, "the head of the request is too long");
    else if (!arm(s))
        fail(s, TK_END_CLIENT, -ENOMEM, "no memory for a timer");
    else
        tk__conn_assign(s, false);
}

/* --- sending --- */

static void note_connection(struct tk_stream *s, const struct tk_lconn *c)
{
    const struct tk_http_times *t = tk_http_conn_times(c->http);
    struct tk_record *r = rec(s);
    r->conn_id = c->id;
    if (c->had_reply) {
        r->flags |= TK_REC_REUSED;
        s->w->health.requests_reused++;
    } else if (!c->is_ahead && !s->was_resent) {
        r->connect_begin_at = t->connect_begin_at;
        r->connected_at = t->connected_at;
        r->tls_done_at = t->tls_done_at;
    }
}

/* The kept connection had died: once more, on a fresh one. */
static void resend(struct tk_stream *s)
{
    struct tk_record *r = rec(s);
    drop_conn(s);
    s->was_resent = true;
    s->connect_from = tk_clock_now();
    r->resends++;
    r->flags &= (uint16_t)~TK_REC_REUSED;
    if (!arm(s))
        fail(s, TK_END_CLIENT, -ENOMEM, "no memory for a timer");
    else
        tk__conn_assign(s, true);
}

static void note_sent(struct tk_stream *s)
{
    const struct tk_http_times *t = tk_http_conn_times(s->conn->http);
    struct tk_record *r = rec(s);
    if (!r->sent_first_at)
        r->sent_first_at = t->sent_first_at;
    r->sent_last_at = t->sent_last_at;
}

void tk__stream_send(struct tk_stream *s, struct tk_lconn *c)
{
    struct tk_load *l = s->w->load;
    struct iovec pieces[] = {
        { l->head.p, l->head.n },
        { s->head, s->head_bytes },
        { (void *)(uintptr_t)s->json.p, s->json.n }, /* writev takes no const */
    };
    struct tk_record *r = rec(s);
    note_connection(s, c);
    tk_http_conn_set_warm(c->http, s, offsetof(struct tk_stream, done));
    r->bytes_out += pieces[0].iov_len + pieces[1].iov_len + pieces[2].iov_len;
    int rc = tk_http_send(c->http, pieces, TK_ARRAY_LEN(pieces));
    note_sent(s);
    if (rc)
        fail(s, TK_END_RESET, rc, tk_err_text(rc));
    else if (!arm(s))
        fail(s, TK_END_CLIENT, -ENOMEM, "no memory for a timer");
    else if (s->w->load->phase == TK_PHASE_MEASURE &&
             r->sent_first_at - r->released_at > TK_NS_PER_MS)
        tk_live_add(&s->w->live->late_sends, 1);
}

/* --- what comes back --- */

static void on_read(struct tk_stream *s, const struct tk_http_event *ev)
{
    struct tk_worker *w = s->w;
    tk_ns wall = ev->stamp.arrived_wall, seen_at = ev->stamp.seen_at;
    bool is_off = false;
    if (TK_UNLIKELY(wall == 0))
        w->health.no_kernel_stamp++;
    else {
        /* A stamp from the future, or one that waited for long: did the wall clock step? */
        tk_ns waited = seen_at - (wall - w->offset.offset);
        if (TK_UNLIKELY(waited < -2 * TK_NS_PER_US || waited > 50 * TK_NS_PER_MS))
            is_off = tk__worker_check_clock(w);
    }
    tk_ns at = tk_trace_read(&s->trace, wall, seen_at, w->offset.offset, (uint32_t)ev->n_bytes);
    if (is_off)
        at = seen_at; /* readers of the trace do the same: they know the step */
    s->last_seen_at = seen_at;
    struct tk_record *r = rec(s);
    r->n_reads++;
    r->bytes_in += ev->n_bytes;
    if (!r->first_byte_at)
        r->first_byte_at = at;
    r->last_byte_at = at;
    tk_live_add(&w->live->reads, 1);
    tk_live_add(&w->live->bytes_in, (int64_t)ev->n_bytes);
}

static bool is_success(const struct tk_record *r)
{
    return r->status >= 200 && r->status < 300;
}

static bool is_of_type(const struct tk_str *type, struct tk_str want)
{
    return type && type->n >= want.n && tk_str_eq_nocase((struct tk_str){ type->p, want.n }, want);
}

/* A reply that is bytes, for a format that knows such: what can be read of it stands in a header, or
 * nowhere, and that it came is all. */
static int take_opaque(struct tk_stream *s, const struct tk_http_event *ev)
{
    const struct tk_str *meta = tk_headers_get(ev->headers, s->w->load->conf.api->meta_header);

    s->is_opaque = true;
    s->has_choice = !meta;
    return meta ? tk_buf_add_str(&s->body, *meta) : 0;
}

static void on_head(struct tk_stream *s, const struct tk_http_event *ev)
{
    struct tk_record *r = rec(s);
    r->status = ev->status;
    r->head_at = r->last_byte_at;
    const struct tk_str *type = tk_headers_get(ev->headers, "content-type");
    s->is_sse = is_success(r) && is_of_type(type, TK_STR("text/event-stream"));
    if (s->is_sse)
        r->flags |= TK_REC_STREAMED;
    if (TK_UNLIKELY(s->w->load->conf.api->meta_header != NULL) && is_success(r) &&
        is_of_type(type, TK_STR("application/octet-stream")) && take_opaque(s, ev) != 0)
        fail(s, TK_END_LIMIT, TK_E_LIMIT, "the header with the usage is too large");
}

static void keep_text(struct tk_stream *s, const struct tk_api_event *e)
{
    if (e->text.n)
        (void)tk_chain_add(&s->text, s->w->pool, e->text.p, e->text.n);
    if (e->reasoning.n)
        (void)tk_chain_add(&s->reasoning, s->w->pool, e->reasoning.p, e->reasoning.n);
}

static void note_usage(struct tk_record *r, const struct tk_api_event *e)
{
    if (e->prompt_tokens >= 0)
        r->prompt_tokens = e->prompt_tokens;
    if (e->output_tokens >= 0) {
        r->output_tokens = e->output_tokens;
        r->count_source = TK_COUNT_USAGE;
    }
    if (e->reasoning_tokens >= 0)
        r->reasoning_tokens = e->reasoning_tokens;
    if (e->cached_tokens >= 0)
        r->cached_tokens = e->cached_tokens;
}

/* An event was understood: into the trace, and what it says into the record. */
static void note_event(struct tk_stream *s, const struct tk_api_event *e, unsigned more_channels)
{
    struct tk_record *r = rec(s);
    unsigned channels = e->channels | more_channels;
    int64_t tokens = -1;
    if ((channels & TK_CH_USAGE) && (channels & TK_CH_CHOICES) && e->output_tokens >= 0) {
        tokens = TK_MAX(e->output_tokens - s->usage_before, 0); /* continuous usage: it sums up */
        s->usage_before = e->output_tokens;
    }
    tk_trace_event(&s->trace, channels, tokens, e->text_bytes);
    tk_record_event(r, r->last_byte_at, channels);
    if (channels & TK_CH_TOKENS) {
        tk_live_add(&s->w->live->events, 1);
    }
    if (channels & TK_CH_USAGE)
        note_usage(r, e);
    if (channels & TK_CH_FINISH)
        r->finish = (uint8_t)e->finish;
    if (channels & TK_CH_CHOICES)
        s->has_choice = true;
    if (channels & (TK_CH_USAGE | TK_CH_FINISH | TK_CH_DONE))
        s->is_complete = true;
    if (channels & TK_CH_DONE)
        s->has_done = true;
    if ((channels & TK_CH_ERROR) && !s->failed) {
        s->failed = TK_END_API_ERROR;
        set_detail(s, e->error.n ? e->error : TK_STR("an error object without a message"));
    }
    if (TK_UNLIKELY(plan(s)->keeps_text))
        keep_text(s, e);
}

static int on_event(void *owner, const struct tk_sse_event *ev)
{
    struct tk_stream *s = owner;
    struct tk_api_event e;
    int rc = s->w->load->conf.api->decode_event(s->w->json, ev->type, ev->data, &e);
    if (rc)
        return rc == TK_E_FORMAT && ev->is_cut ? TK_E_EOF_EARLY : rc;
    if (TK_UNLIKELY(ev->is_cut))
        rec(s)->flags |= TK_REC_CUT_EVENT;
    note_event(s, &e, 0);
    return 0;
}

static void fail_feed(struct tk_stream *s, int rc)
{
    if (rc == TK_E_LIMIT)
        fail(s, TK_END_LIMIT, rc, "a line or an event is longer than its bound");
    else if (rc == -ENOMEM)
        fail(s, TK_END_CLIENT, rc, "no memory");
    else if (rc == TK_E_EOF_EARLY)
        fail(s, TK_END_TRUNCATED, rc, "the stream ended within an event");
    else
        fail(s, TK_END_PROTOCOL, rc, "an event is not the JSON that it should be");
}

/* The body of a reply that was not a stream. 0 or an error of the feed. */
static int decode_body(struct tk_stream *s)
{
    struct tk_api_event e;
    int rc = tk_buf_reserve(&s->body, TK_JSON_PADDING);
    if (rc)
        return rc;
    e.error.n = 0;
    rc = s->w->load->conf.api->decode_body(s->w->json, tk_buf_str(&s->body), &e);
    if (!is_success(rec(s))) { /* its words, also where they are plain text */
        set_detail(s, e.error);
        return 0;
    }
    if (rc == 0)
        note_event(s, &e, TK_CH_BODY);
    return rc;
}

/* Of an error's body the beginning says enough: what is longer is not waited for. */
static void on_error_data(struct tk_stream *s, struct tk_str data)
{
    size_t room = TK_LOAD_MAX_ERROR_BODY - s->body.n;
    int rc = tk_buf_add(&s->body, data.p, TK_MIN(data.n, room));
    if (rc == 0 && data.n <= room)
        return;
    if (rc == 0)
        rc = decode_body(s);
    fail(s, rc ? TK_END_CLIENT : TK_END_HTTP_STATUS, rc, rc ? tk_err_text(rc) : NULL);
}

static void on_data(struct tk_stream *s, const struct tk_http_event *ev)
{
    int rc;
    if (s->is_sse) {
        rc = tk_sse_feed(&s->sse, ev->data.p, ev->data.n, on_event, s);
        if (TK_UNLIKELY(rc))
            fail_feed(s, rc);
        else if (TK_UNLIKELY(s->cancel_tokens != UINT32_MAX) && is_past_cancel(s))
            cancel_by_plan(s);
        return;
    }
    if (!is_success(rec(s))) {
        on_error_data(s, ev->data);
        return;
    }
    rc = s->is_opaque ? 0 : tk_buf_add(&s->body, ev->data.p, ev->data.n);
    if (rc)
        fail(s, rc == TK_E_LIMIT ? TK_END_LIMIT : TK_END_CLIENT, rc, "the reply is too large");
}

/* The reply is whole: how did the request end? */
static enum tk_end judge(struct tk_stream *s)
{
    struct tk_record *r = rec(s);
    if (s->failed)
        return (enum tk_end)s->failed;
    if (!is_success(r))
        return TK_END_HTTP_STATUS;
    if (!s->has_choice)
        return TK_END_EMPTY;
    if (!s->is_sse)
        return TK_END_OK;
    if (!s->has_done)
        r->flags |= TK_REC_NO_DONE;
    if (s->is_complete || plan(s)->accepts_no_end)
        return TK_END_OK;
    set_detail(s, TK_STR("the stream ended without [DONE], finish reason or usage"));
    return TK_END_TRUNCATED;
}

static void on_end(struct tk_stream *s, const struct tk_http_event *ev)
{
    struct tk_record *r = rec(s);
    int rc = 0;
    if (s->is_sse)
        rc = tk_sse_end(&s->sse, on_event, s);
    else if (s->body.n)
        rc = decode_body(s);
    if (rc && is_success(r)) {
        fail_feed(s, rc);
        return;
    }
    enum tk_end end = judge(s);
    struct tk_lconn *c = s->conn;
    s->conn = NULL;
    if (ev->is_reusable && !plan(s)->is_new_connection)
        tk__conn_done(c, true);
    else
        tk__conn_retire(c);
    finish(s, end, 0);
}

static enum tk_end classify(const struct tk_stream *s, int code)
{
    switch (code) {
    case TK_E_EOF_EARLY:
        return s->rec.first_byte_at ? TK_END_TRUNCATED : TK_END_RESET;
    case TK_E_PROTO:
        return TK_END_PROTOCOL;
    case TK_E_LIMIT:
        return TK_END_LIMIT;
    case TK_E_TLS:
    case TK_E_CERT:
        return TK_END_TLS;
    case -ENOMEM:
        return TK_END_CLIENT;
    default:
        return TK_END_RESET;
    }
}

void tk__stream_on_http(struct tk_stream *s, const struct tk_http_event *ev)
{
    switch (ev->kind) {
    case TK_HTTP_READ:
        on_read(s, ev);
        break;
    case TK_HTTP_DATA:
        on_data(s, ev);
        break;
    case TK_HTTP_HEAD:
        on_head(s, ev);
        break;
    case TK_HTTP_END:
        on_end(s, ev);
        break;
    case TK_HTTP_SENT:
        note_sent(s);
        break;
    case TK_HTTP_ERROR:
        if (ev->is_unanswered && !s->was_resent)
            resend(s);
        else
            fail(s, classify(s, ev->code), ev->code,
                 ev->detail ? ev->detail : tk_err_text(ev->code));
        break;
    case TK_HTTP_OPENED: /* conn.c's */
        break;
    }
}
