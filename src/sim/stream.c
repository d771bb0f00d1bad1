/* stream.c - one answer: its stages, the faults, the end
 *
 *               the schedule says when
 *                        |
 *   begin --> head --> step --> step --> … --> conclude --> finish
 *                        |  events with tokens    usage,       last chunk
 *                        |                        [DONE]
 *                        +--> fault: error object, reset, close, stall, malformed
 *
 * An event goes to the server's chunk as one write, or waits with others (events_per_write), or is
 * cut over writes (wire.c), which are steps too: more of this event before the next one.
 *
 * What is logged is what was patched into the event: the clock just before the write. Where the
 * peer does not take the bytes, the server keeps them; the instant stays that of the attempt.
 *
 * A stream is ended before the last call of its reply, and not touched after it: the connection
 * may be gone by then, or be at its next request.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sim/internal.h"

/* Tokens of the next event: `chunk`, or what the schedule has; but never of two channels. */
static int64_t next_count(const struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    int64_t end = st->n_sent < k->n_reasoning ? k->n_reasoning : st->call.n_tokens;

    return TK_MIN(st->n_ready > 0 ? st->n_ready : k->chunk, end - st->n_sent);
}

int64_t tk__stream_n_steps(const struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    int64_t n_rest = st->call.n_tokens - k->n_reasoning;

    return (k->n_reasoning + k->chunk - 1) / k->chunk + (n_rest + k->chunk - 1) / k->chunk;
}

/* --- writes --- */

static int note_sent(struct tk__stream *st, tk_ns at)
{
    struct tk__instants *a = &st->sent;

    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 128;
        tk_ns *v = realloc(a->v, cap * sizeof(*v));
        if (!v)
            return -ENOMEM;
        a->v = v;
        a->cap = cap;
    }
    a->v[a->n++] = at;
    if (st->n_events++ % st->call.n_choices == 0)
        tk__stats_event(st, at);
    st->sim->n.n_events++;
    st->sim->n.late_max = TK_MAX(st->sim->n.late_max, at - st->due_at);
    return 0;
}

/* One write of whole events, `n_tokens` of them with tokens, stamped with the clock just before. */
static int send_stamped(struct tk__stream *st, struct tk_buf *b, bool is_one, size_t n_tokens)
{
    struct tk_str piece = { b->p, b->n };
    tk_ns at;
    int rc;

    if (b->failed)
        return b->failed;
    at = tk_clock_now();
    if (is_one)
        tk__event_stamp(b, at);
    else
        tk__event_stamp_all(b, at);
    rc = tk__wire_piece(st, piece);
    for (size_t i = 0; i < n_tokens && rc == 0; i++)
        rc = note_sent(st, at);
    return rc;
}

static int flush_held(struct tk__stream *st)
{
    int rc = st->n_held > 0 ? send_stamped(st, &st->held, false, st->n_held_tokens) : 0;

    tk_buf_reset(&st->held);
    st->n_held = 0;
    st->n_held_tokens = 0;
    return rc;
}

/* The event in the scratch buffer goes out, or waits for others. Stamped: it ends in room for it.
 * */
static int emit(struct tk__stream *st, bool is_stamped, bool has_tokens)
{
    struct tk_buf *b = &st->sim->scratch;

    if (st->call.knobs.events_per_write <= 1) {
        if (is_stamped)
            return send_stamped(st, b, true, has_tokens);
        return send_stamped(st, b, false, 0);
    }
    tk_buf_add(&st->held, b->p, b->n);
    st->n_held++;
    st->n_held_tokens += has_tokens;
    if (b->failed || st->held.failed)
        return b->failed ? b->failed : st->held.failed;
    return st->n_held >= st->call.knobs.events_per_write ? flush_held(st) : 0;
}

/* --- events --- */

static int emit_role(struct tk__stream *st)
{
    int rc = 0;

    for (uint32_t i = 0; i < st->call.n_choices && rc == 0; i++) {
        tk__event_role(st, i);
        st->role_at = tk_clock_now();
        rc = emit(st, true, false);
    }
    return rc;
}

static int emit_spoiled(struct tk__stream *st)
{
    st->is_spoiled = true;
    tk__event_spoiled(st);
    return emit(st, false, false);
}

static int emit_tokens(struct tk__stream *st, uint32_t choice, int64_t n)
{
    tk__event_tokens(st, choice, n);
    return emit(st, true, n > 0);
}

/* The events of one step: one for each choice. */
static int emit_step(struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    int64_t n = next_count(st);
    int rc = 0;

    if (k->role == TK_SIM_ROLE_FIRST && st->call.is_chat && st->n_sent == 0)
        rc = emit_role(st);
    if (k->malformed == TK_SIM_MALFORMED_JSON && !st->is_spoiled && st->n_sent >= k->malformed_at) {
        rc = emit_spoiled(st);
    } else {
        for (uint32_t i = 0; i < st->call.n_choices && rc == 0; i++)
            rc = emit_tokens(st, i, n);
        st->sim->n.n_tokens += (uint64_t)n * st->call.n_choices;
    }
    st->sim->stats.n_generated_tokens += (uint64_t)n * st->call.n_choices;
    st->n_sent += n;
    return rc;
}

/* What /v1/responses has before its tokens: no one waits for it. */
static int emit_created(struct tk__stream *st)
{
    tk__responses_begin(&st->sim->scratch, st);
    return emit(st, false, false);
}

/* The end mark. */
static int emit_done(struct tk__stream *st)
{
    struct tk_buf *b = &st->sim->scratch;

    if (st->call.knobs.has_no_done || (st->call.kind == TK__KIND_RESPONSES && st->has_error))
        return 0;
    if (st->call.kind == TK__KIND_RESPONSES) {
        tk__responses_end(b, st);
        return emit(st, true, false);
    }
    tk_buf_reset(b);
    tk_buf_add_z(b, "data: [DONE]\n\n");
    return emit(st, false, false);
}

/* Usage, [DONE], and everything that was held. */
static int emit_tail(struct tk__stream *st)
{
    int rc = 0;

    if (st->call.wants_usage && st->call.kind != TK__KIND_RESPONSES) {
        tk__event_usage(st);
        rc = emit(st, true, false);
    }
    if (rc == 0)
        rc = emit_done(st);
    return rc < 0 ? rc : flush_held(st);
}

static int emit_error(struct tk__stream *st)
{
    int rc;

    st->has_error = true;
    tk__event_error(st);
    rc = emit(st, true, false);
    if (rc == 0)
        rc = emit_done(st);
    return rc < 0 ? rc : flush_held(st);
}

/* --- the end --- */

void tk__stream_end(struct tk__stream *st, enum tk__end end)
{
    struct tk_sim_counts *n = &st->sim->n;

    if (!st->is_open)
        return;
    st->is_open = false;
    if (st->is_scheduled) {
        st->is_scheduled = false;
        st->sim->stats.n_scheduled--;
        st->sim->schedule->end(st);
    }
    st->end = end;
    st->ended_at = tk_clock_now();
    tk_timer_stop(&st->aside);
    n->n_open--;
    n->n_finished += end == TK__END_FINISHED;
    n->n_refused += end == TK__END_FINISHED && st->status >= 400;
    n->n_broken += end == TK__END_BROKEN;
    n->n_abandoned += end == TK__END_ABANDONED;
    n->n_faults += end == TK__END_ERROR || end == TK__END_RESET || end == TK__END_CLOSED ||
                   end == TK__END_MALFORMED;
    if (st->call.n_choices > 0)
        tk__stats_end(st, end);
    tk__journal_add(st->sim->journal, st);
    if (end == TK__END_FINISHED)
        tk__wire_idle(st);
}

/* Its reply was to break off after so many bytes, which were sent. */
static enum tk__step break_off(struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    struct tk_http_peer *peer = st->peer;
    bool is_reset = k->reset_byte >= 0 && st->n_wire == (uint64_t)k->reset_byte;

    if (!is_reset && (k->close_byte < 0 || st->n_wire != (uint64_t)k->close_byte))
        return TK__STEP_OVER; /* stalled */
    tk__stream_end(st, is_reset ? TK__END_RESET : TK__END_CLOSED);
    tk_http_peer_close(peer, is_reset);
    return TK__STEP_OVER;
}

/* The transport failed: the server calls on_closed, which ends the stream. */
static enum tk__step broken(struct tk__stream *st)
{
    if (st->is_broken_off)
        return break_off(st);
    tk_http_peer_close(st->peer, true);
    return TK__STEP_OVER;
}

/* The reply ends, and its connection where it is to be the last. */
static enum tk__step finish(struct tk__stream *st)
{
    struct tk_http_peer *peer = st->peer;
    bool is_raw = st->is_raw, is_close = st->call.knobs.is_close || is_raw;

    if (is_raw && tk__wire_end(st) < 0)
        return broken(st);
    tk__stream_end(st, st->end);
    if (!is_raw)
        tk_http_reply_end(peer); /* when it fails, the connection closes and nothing is under way */
    if (is_close)
        tk_http_peer_close(peer, false);
    return TK__STEP_OVER;
}

/* --- faults --- */

static bool is_due(int64_t at, const struct tk__stream *st)
{
    return at >= 0 && st->n_sent >= at;
}

/* Everything that was held or cut goes out, then the connection ends this way. */
static enum tk__step leave(struct tk__stream *st, enum tk__end end, struct tk_str last_words)
{
    struct tk_http_peer *peer = st->peer;

    if (flush_held(st) < 0 || tk__wire_flush(st) < 0)
        return broken(st);
    if (last_words.n > 0)
        tk_http_peer_raw(peer, last_words);
    tk__stream_end(st, end);
    tk_http_peer_close(peer, end == TK__END_RESET);
    return TK__STEP_OVER;
}

/* Half of the next event, in a chunk that says that all of it comes. Of a whole reply, that. */
static enum tk__step leave_inside(struct tk__stream *st)
{
    struct tk_buf *b = &st->sim->scratch;
    char head[24] = "";

    if (st->call.is_streamed) {
        tk__event_tokens(st, 0, next_count(st));
        if (!b->failed && !st->is_unframed)
            snprintf(head, sizeof(head), "%zx\r\n", b->n);
        if (b->failed || flush_held(st) < 0 || tk__wire_flush(st) < 0)
            return broken(st);
        tk_http_peer_raw(st->peer, tk_str_of(head));
        return leave(st, TK__END_CLOSED, (struct tk_str){ b->p, b->n / 2 });
    }
    if (tk__event_whole(b, st) < 0)
        return broken(st);
    tk_buf_reset(&st->out);
    st->out_at = 0;
    tk_buf_addf(&st->out,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                "Content-Length: %zu\r\n\r\n",
                b->n);
    tk_buf_add(&st->out, b->p, b->n / 2);
    st->status = 200;
    st->head_at = tk_clock_now();
    return leave(st, TK__END_CLOSED, (struct tk_str){ NULL, 0 });
}

/* Do the fault that is due now, if one is. */
static bool do_fault(struct tk__stream *st, enum tk__step *ret_step)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    const struct tk_str no_words = { NULL, 0 };

    if (is_due(k->reset_at, st)) {
        *ret_step = leave(st, TK__END_RESET, no_words);
    } else if (is_due(k->close_at, st)) {
        *ret_step = leave(st, TK__END_CLOSED, no_words);
    } else if (is_due(k->cut_at, st)) {
        *ret_step = leave_inside(st);
    } else if (k->malformed == TK_SIM_MALFORMED_CHUNK && is_due(k->malformed_at, st)) {
        *ret_step = leave(st, TK__END_MALFORMED, TK_STR("chunk\r\n"));
    } else if (is_due(k->stall_at, st)) {
        *ret_step = flush_held(st) < 0 ? broken(st) : TK__STEP_OVER;
    } else {
        return false;
    }
    return true;
}

/* --- whole replies --- */

/* The body of a whole reply, in the scratch buffer or in `held`. 0 or a code. */
static int make_body(struct tk__stream *st, struct tk_str *ret)
{
    struct tk_buf *b = &st->sim->scratch;
    int rc = tk__event_whole(b, st);

    if (rc < 0)
        return rc;
    if (st->call.knobs.malformed == TK_SIM_MALFORMED_JSON) {
        b->n /= 2;
        st->is_spoiled = true;
    } else {
        tk__event_stamp_all(b, tk_clock_now());
    }
    *ret = tk_buf_str(b);
    if (!st->call.knobs.is_gzip)
        return 0;
    tk_buf_reset(&st->held);
    rc = tk__gzip(&st->held, *ret);
    *ret = tk_buf_str(&st->held); /* its bytes stay where they are until the next answer */
    st->held.n = 0;
    return rc;
}

static enum tk__step send_whole(struct tk__stream *st, struct tk_str body)
{
    const struct tk_sim_knobs k = st->call.knobs;
    struct tk_http_peer *peer = st->peer;
    const char *headers = tk__reply_headers(st), *type = "application/json";

    if (st->is_raw) {
        if (tk__wire_whole(st, body) < 0)
            return broken(st);
        return tk__wire_has_rest(st) ? TK__STEP_OVER : finish(st);
    }
    if (st->call.bytes != TK__BYTES_NO) { /* its JSON, if any, is in the head */
        if (tk__pooling_headers(&st->prefix, st) < 0)
            return broken(st);
        headers = st->prefix.p; /* its bytes stay where they are until the next answer */
        type = "application/octet-stream";
    }
    tk__stream_end(st, TK__END_FINISHED);
    tk_http_reply(peer, 200, type, headers, body);
    if (k.is_close)
        tk_http_peer_close(peer, false);
    return TK__STEP_OVER;
}

static enum tk__step reply_whole(struct tk__stream *st)
{
    uint64_t n_tokens = (uint64_t)st->call.n_tokens * st->call.n_choices;
    enum tk__step step;
    struct tk_str body;

    st->n_sent = st->call.n_tokens;
    if (do_fault(st, &step))
        return step;
    if (st->call.knobs.error_at >= 0 || make_body(st, &body) < 0) {
        tk__reply_error(st, 500, "simulated error", NULL);
        return TK__STEP_OVER;
    }
    st->status = 200;
    st->head_at = tk_clock_now();
    if (note_sent(st, st->head_at) < 0)
        return broken(st);
    st->sim->n.n_tokens += n_tokens;
    st->sim->stats.n_generated_tokens += n_tokens;
    return send_whole(st, body);
}

/* --- steps --- */

/* What follows the last event with tokens. */
static enum tk__step conclude(struct tk__stream *st)
{
    enum tk__step step;
    int rc;

    if (do_fault(st, &step))
        return step;
    st->stage = TK__STAGE_FINISH;
    if (is_due(st->call.knobs.error_at, st)) {
        st->end = TK__END_ERROR;
        rc = emit_error(st);
    } else {
        rc = emit_tail(st);
    }
    if (rc < 0)
        return broken(st);
    return tk__wire_has_rest(st) ? TK__STEP_AGAIN : finish(st);
}

static enum tk__step step_tokens(struct tk__stream *st)
{
    enum tk__step step;

    if (do_fault(st, &step))
        return step;
    if (is_due(st->call.knobs.error_at, st))
        return conclude(st);
    if (emit_step(st) < 0)
        return broken(st);
    if (st->n_sent == st->call.n_tokens)
        st->stage = TK__STAGE_CONCLUDE;
    if (tk__wire_has_rest(st))
        return TK__STEP_AGAIN;
    return st->stage == TK__STAGE_TOKENS ? TK__STEP_NEXT : conclude(st);
}

enum tk__step tk__stream_step(struct tk__stream *st)
{
    if (!st->call.is_streamed)
        return reply_whole(st);
    if (!tk__wire_has_rest(st))
        return step_tokens(st);
    if (tk__wire_next(st) < 0)
        return broken(st);
    if (tk__wire_has_rest(st))
        return TK__STEP_AGAIN;
    switch (st->stage) {
    case TK__STAGE_CONCLUDE:
        return conclude(st);
    case TK__STAGE_FINISH:
        return finish(st);
    case TK__STAGE_TOKENS:
        break;
    }
    return TK__STEP_NEXT;
}

/* --- the beginning --- */

static void begin_schedule(struct tk__stream *st)
{
    st->is_scheduled = true;
    st->sim->stats.n_scheduled++;
    st->sim->schedule->begin(st);
}

void tk__stream_break(struct tk__stream *st)
{
    broken(st);
}

void tk__stream_go_on(struct tk__stream *st)
{
    if (!st->call.is_streamed) {
        if (tk__wire_flush(st) < 0)
            broken(st);
        else
            finish(st);
        return;
    }
    if (st->call.knobs.role == TK_SIM_ROLE_AT_ONCE && st->call.is_chat && emit_role(st) < 0) {
        broken(st);
        return;
    }
    if (st->call.kind == TK__KIND_RESPONSES && emit_created(st) < 0) {
        broken(st);
        return;
    }
    while (tk__wire_has_rest(st)) { /* the schedule has not begun: nothing else would send them */
        if (tk__wire_next(st) < 0) {
            broken(st);
            return;
        }
    }
    begin_schedule(st);
}

static void begin_stream(struct tk__stream *st)
{
    int rc;

    tk__event_prefix(st);
    st->status = 200;
    st->head_at = tk_clock_now();
    rc = st->prefix.failed;
    if (rc == 0)
        rc = tk__wire_begin(st);
    if (rc < 0)
        broken(st);
    else if (!tk__wire_has_rest(st))
        tk__stream_go_on(st);
}

void tk__stream_begin(struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    char headers[96] = "";

    if (k->malformed == TK_SIM_MALFORMED_HEAD) {
        leave(st, TK__END_MALFORMED, TK_STR("HTTP/1.1 two hundred\r\n\r\n"));
        return;
    }
    if (k->status > 0) {
        if (k->retry_after >= 0)
            snprintf(headers, sizeof(headers), "retry-after: %d\r\n", (int)k->retry_after);
        tk__reply_error(st, (int)k->status, "simulated error", headers);
        return;
    }
    st->stage = TK__STAGE_TOKENS;
    st->end = TK__END_FINISHED;
    st->is_raw = k->head_gap > 0 || k->reset_byte >= 0 || k->close_byte >= 0 ||
                 k->stall_byte >= 0 || k->length != TK_SIM_LENGTH_TRUE;
    if (st->call.is_streamed)
        begin_stream(st);
    else
        begin_schedule(st);
}
