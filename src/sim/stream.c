/* stream.c - one answer: the words of its events, the faults, the end
 *
 *               the schedule says when
 *                        |
 *   begin --> head --> step --> step --> … --> conclude --> finish
 *                        |  events with tokens    usage,       last chunk
 *                        |                        [DONE]
 *                        +--> fault: error object, reset, close, stall, malformed
 *
 * An event is put together from pieces that are ready: the prefix with id and model (made once per
 * request), the text, the numbers. It ends with its instant, patched in just before the write:
 *
 *   data: {"id":…,"choices":[ {"index":0,"delta":{"content":" token"},…}] ,"sent_at_ns":   1234567}
 *   '-------- prefix -------' '------------------ choice ---------------' '-------- stamp --------'
 *
 * The number is right-aligned in room for 19 digits; white space before it is JSON. An event goes
 * to the server's chunk as one write, or waits with others (events_per_write), or is cut over
 * writes, one per round of the loop (cut_every), framing and all.
 *
 * What is logged is what was patched in: the clock just before the write. Where the peer does not
 * take the bytes, the server keeps them; the instant stays that of the attempt.
 *
 * A stream is ended before the last call of its reply, and not touched after it: the connection
 * may be gone by then, or be at its next request.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "sim/internal.h"

#define STAMP_KEY ",\"sent_at_ns\":"
#define STAMP_DIGITS 19
#define STAMP_END "}\n\n"

#define ADD(b, literal) tk_buf_add((b), literal, sizeof(literal) - 1)

/* --- words --- */

static void put_words(struct tk_buf *b, const struct tk_sim *s, int64_t from, int64_t n)
{
    for (int64_t i = from; i < from + n; i++)
        tk_buf_add_str(b, s->words[(size_t)i % s->n_words].text);
}

static void put_usage(struct tk_buf *b, const struct tk__stream *st, int64_t n_completion)
{
    const struct tk__call *c = &st->call;

    ADD(b, ",\"usage\":{\"prompt_tokens\":");
    tk__put_i64(b, c->prompt_tokens);
    ADD(b, ",\"completion_tokens\":");
    tk__put_i64(b, n_completion);
    ADD(b, ",\"total_tokens\":");
    tk__put_i64(b, c->prompt_tokens + n_completion);
    if (c->knobs.n_reasoning > 0) {
        ADD(b, ",\"completion_tokens_details\":{\"reasoning_tokens\":");
        tk__put_i64(b, TK_MIN(n_completion, c->knobs.n_reasoning * c->n_choices));
        ADD(b, "}");
    }
    ADD(b, "}");
}

static void put_stamp_room(struct tk_buf *b)
{
    ADD(b, STAMP_KEY "                   " STAMP_END);
}

static const char *finish_reason(const struct tk__stream *st)
{
    if (st->call.knobs.is_tool && st->call.is_chat)
        return "tool_calls";
    return st->call.is_cut_short ? "length" : "stop";
}

static void put_finish(struct tk_buf *b, const struct tk__stream *st, bool is_last)
{
    ADD(b, ",\"logprobs\":null,\"finish_reason\":");
    if (is_last) {
        ADD(b, "\"");
        tk_buf_add_z(b, finish_reason(st));
        ADD(b, "\"}");
    } else {
        ADD(b, "null}");
    }
}

/* The arguments of the one call are {"q":" token token…"}; escaped, since they are a string. */
static void put_tool_delta(struct tk_buf *b, const struct tk__stream *st, int64_t n)
{
    int64_t from = st->n_sent;

    ADD(b, "\"tool_calls\":[{\"index\":0,");
    if (from == st->call.knobs.n_reasoning) {
        tk_buf_addf(b, "\"id\":\"call-%llu\",\"type\":\"function\",",
                    (unsigned long long)st->serial);
        ADD(b, "\"function\":{\"name\":\"lookup\",\"arguments\":\"{\\\"q\\\":\\\"");
    } else {
        ADD(b, "\"function\":{\"arguments\":\"");
    }
    put_words(b, st->sim, from, n);
    if (from + n == st->call.n_tokens)
        ADD(b, "\\\"}");
    ADD(b, "\"}}]");
}

static void put_delta(struct tk_buf *b, const struct tk__stream *st, int64_t n)
{
    const struct tk_sim_knobs *k = &st->call.knobs;

    if (st->call.is_chat) {
        ADD(b, "\"delta\":{");
        if (st->n_sent < k->n_reasoning) {
            ADD(b, "\"reasoning_content\":\"");
            put_words(b, st->sim, st->n_sent, n);
            ADD(b, "\"");
        } else if (k->is_tool) {
            put_tool_delta(b, st, n);
        } else {
            ADD(b, "\"content\":\"");
            put_words(b, st->sim, st->n_sent, n);
            ADD(b, "\"");
        }
        ADD(b, "}");
    } else {
        ADD(b, "\"text\":\"");
        put_words(b, st->sim, st->n_sent, n);
        ADD(b, "\"");
    }
}

/* Tokens of the next event: `chunk`, but never of two channels. */
static int64_t next_count(const struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    int64_t end = st->n_sent < k->n_reasoning ? k->n_reasoning : st->call.n_tokens;

    return TK_MIN(k->chunk, end - st->n_sent);
}

int64_t tk__stream_n_steps(const struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    int64_t n_rest = st->call.n_tokens - k->n_reasoning;

    return (k->n_reasoning + k->chunk - 1) / k->chunk + (n_rest + k->chunk - 1) / k->chunk;
}

static void make_prefix(struct tk__stream *st)
{
    struct tk_buf *b = &st->prefix;
    bool is_chat = st->call.is_chat;

    tk_buf_reset(b);
    ADD(b, "data: {\"id\":\"");
    tk_buf_add_z(b, is_chat ? "chatcmpl-" : "cmpl-");
    if (st->id[0])
        tk_json_escape(b, tk_str_of(st->id), TK_JSONW_COMPACT);
    else
        tk__put_i64(b, (int64_t)st->serial);
    ADD(b, "\",\"object\":\"");
    if (is_chat)
        tk_buf_add_z(b, st->call.is_streamed ? "chat.completion.chunk" : "chat.completion");
    else
        ADD(b, "text_completion");
    ADD(b, "\",\"created\":");
    tk__put_i64(b, st->sim->created);
    ADD(b, ",\"model\":\"");
    tk_json_escape(b, tk_str_of(st->sim->conf.model), TK_JSONW_COMPACT);
    ADD(b, "\",\"choices\":[");
}

/* --- writes --- */

static bool has_rest(const struct tk__stream *st)
{
    return st->out_at < st->out.n;
}

/* The next `cut_every` bytes of what is framed. */
static int send_slice(struct tk__stream *st)
{
    size_t n = TK_MIN(st->out.n - st->out_at, (size_t)st->call.knobs.cut_every);
    struct tk_str slice = { st->out.p + st->out_at, n };

    st->out_at += n;
    st->again_at = tk_clock_now() + st->call.knobs.cut_gap;
    return tk_http_peer_raw(st->peer, slice);
}

/* Frame a chunk for cut writes, and send the first of them unless others wait. */
static int send_cut(struct tk__stream *st, struct tk_str piece)
{
    bool is_first = !has_rest(st);

    if (is_first) {
        tk_buf_reset(&st->out);
        st->out_at = 0;
    }
    tk_buf_addf(&st->out, "%zx\r\n", piece.n);
    tk_buf_add_str(&st->out, piece);
    tk_buf_add(&st->out, "\r\n", 2);
    if (st->out.failed)
        return st->out.failed;
    return is_first ? send_slice(st) : 0;
}

static void stamp_at(char *end, tk_ns at)
{
    char *p = end;

    for (uint64_t v = (uint64_t)at; v > 0; v /= 10)
        *--p = (char)('0' + v % 10);
}

/* Patch the instant into each event of the bytes. */
static void stamp_all(struct tk_buf *b, tk_ns at)
{
    char *p = b->p, *end = b->p + b->n;

    while ((p = memmem(p, (size_t)(end - p), STAMP_KEY, sizeof(STAMP_KEY) - 1))) {
        p += sizeof(STAMP_KEY) - 1 + STAMP_DIGITS;
        stamp_at(p, at);
    }
}

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
    st->n_events++;
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
        stamp_at(b->p + b->n - (sizeof(STAMP_END) - 1), at);
    else
        stamp_all(b, at);
    rc = st->call.knobs.cut_every > 0 ? send_cut(st, piece)
                                      : tk_http_reply_piece(st->peer, piece, NULL);
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
    struct tk_buf *b = &st->sim->scratch;
    int rc = 0;

    for (uint32_t i = 0; i < st->call.n_choices && rc == 0; i++) {
        tk_buf_reset(b);
        tk_buf_add_str(b, tk_buf_str(&st->prefix));
        ADD(b, "{\"index\":");
        tk__put_i64(b, i);
        ADD(b, ",\"delta\":{\"role\":\"assistant\",\"content\":\"\"}");
        put_finish(b, st, false);
        ADD(b, "]");
        if (st->call.wants_continuous)
            put_usage(b, st, 0);
        put_stamp_room(b);
        st->role_at = tk_clock_now();
        rc = emit(st, true, false);
    }
    return rc;
}

/* One event whose object breaks off. */
static int emit_spoiled(struct tk__stream *st)
{
    struct tk_buf *b = &st->sim->scratch;

    st->is_spoiled = true;
    tk_buf_reset(b);
    tk_buf_add_str(b, tk_buf_str(&st->prefix));
    ADD(b, "{\"index\":0,\"delta\":{\"content\":\n\n");
    return emit(st, false, false);
}

static int emit_tokens(struct tk__stream *st, uint32_t choice, int64_t n)
{
    struct tk_buf *b = &st->sim->scratch;

    tk_buf_reset(b);
    tk_buf_add(b, st->prefix.p, st->prefix.n);
    ADD(b, "{\"index\":");
    tk__put_i64(b, choice);
    ADD(b, ",");
    put_delta(b, st, n);
    put_finish(b, st, st->n_sent + n == st->call.n_tokens);
    ADD(b, "]");
    if (st->call.wants_continuous)
        put_usage(b, st, st->n_sent + n);
    put_stamp_room(b);
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
    st->n_sent += n;
    return rc;
}

static int emit_done(struct tk__stream *st)
{
    struct tk_buf *b = &st->sim->scratch;

    if (st->call.knobs.has_no_done)
        return 0;
    tk_buf_reset(b);
    ADD(b, "data: [DONE]\n\n");
    return emit(st, false, false);
}

/* Usage, [DONE], and everything that was held. */
static int emit_tail(struct tk__stream *st)
{
    struct tk_buf *b = &st->sim->scratch;
    int rc = 0;

    if (st->call.wants_usage) {
        tk_buf_reset(b);
        tk_buf_add_str(b, tk_buf_str(&st->prefix));
        ADD(b, "]");
        put_usage(b, st, st->n_sent * st->call.n_choices);
        put_stamp_room(b);
        rc = emit(st, true, false);
    }
    if (rc == 0)
        rc = emit_done(st);
    return rc < 0 ? rc : flush_held(st);
}

static int emit_error(struct tk__stream *st)
{
    struct tk_buf *b = &st->sim->scratch;
    int rc;

    tk_buf_reset(b);
    ADD(b, "data: {\"error\":{\"object\":\"error\",\"message\":\"simulated error\","
           "\"type\":\"InternalServerError\",\"param\":null,\"code\":500}");
    put_stamp_room(b);
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
        st->sim->schedule->end(st);
    }
    st->end = end;
    st->ended_at = tk_clock_now();
    n->n_open--;
    n->n_finished += end == TK__END_FINISHED;
    n->n_refused += end == TK__END_FINISHED && st->status >= 400;
    n->n_broken += end == TK__END_BROKEN;
    n->n_abandoned += end == TK__END_ABANDONED;
    n->n_faults += end == TK__END_ERROR || end == TK__END_RESET || end == TK__END_CLOSED ||
                   end == TK__END_MALFORMED;
    tk__journal_add(st->sim->journal, st);
}

/* The transport failed: the server calls on_closed, which ends the stream. */
static enum tk__step broken(struct tk__stream *st)
{
    tk_http_peer_close(st->peer, true);
    return TK__STEP_OVER;
}

static enum tk__step finish(struct tk__stream *st)
{
    struct tk_http_peer *peer = st->peer;
    bool is_close = st->call.knobs.is_close;

    tk__stream_end(st, st->end);
    tk_http_reply_end(peer); /* when it fails, the connection closes and nothing is under way */
    if (is_close)
        tk_http_peer_close(peer, false);
    return TK__STEP_OVER;
}

static const char *reply_headers(const struct tk__stream *st)
{
    if (st->call.knobs.is_close)
        return "cache-control: no-cache\r\nconnection: close\r\n";
    return "cache-control: no-cache\r\n";
}

/* --- faults --- */

static bool is_due(int64_t at, const struct tk__stream *st)
{
    return at >= 0 && st->n_sent >= at;
}

/* Everything that was held or cut goes out, then the connection ends this way. */
static enum tk__step leave(struct tk__stream *st, enum tk__end end, const char *last_words)
{
    struct tk_http_peer *peer = st->peer;

    flush_held(st);
    if (has_rest(st))
        tk_http_peer_raw(peer, (struct tk_str){ st->out.p + st->out_at, st->out.n - st->out_at });
    if (last_words)
        tk_http_peer_raw(peer, tk_str_of(last_words));
    tk__stream_end(st, end);
    tk_http_peer_close(peer, end == TK__END_RESET);
    return TK__STEP_OVER;
}

/* Do the fault that is due now, if one is. */
static bool do_fault(struct tk__stream *st, enum tk__step *ret_step)
{
    const struct tk_sim_knobs *k = &st->call.knobs;

    if (is_due(k->reset_at, st)) {
        *ret_step = leave(st, TK__END_RESET, NULL);
    } else if (is_due(k->close_at, st)) {
        *ret_step = leave(st, TK__END_CLOSED, NULL);
    } else if (k->malformed == TK_SIM_MALFORMED_CHUNK && is_due(k->malformed_at, st)) {
        *ret_step = leave(st, TK__END_MALFORMED, "chunk\r\n");
    } else if (is_due(k->stall_at, st)) {
        *ret_step = flush_held(st) < 0 ? broken(st) : TK__STEP_OVER;
    } else {
        return false;
    }
    return true;
}

/* --- whole replies --- */

static void put_whole_choice(struct tk_buf *b, const struct tk__stream *st, uint32_t index)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    int64_t n_rest = st->call.n_tokens - k->n_reasoning;

    tk_buf_addf(b, "%s{\"index\":%u,", index ? "," : "", index);
    if (!st->call.is_chat) {
        ADD(b, "\"text\":\"");
        put_words(b, st->sim, 0, st->call.n_tokens);
        ADD(b, "\"");
        put_finish(b, st, true);
        return;
    }
    ADD(b, "\"message\":{\"role\":\"assistant\",");
    if (k->n_reasoning > 0) {
        ADD(b, "\"reasoning_content\":\"");
        put_words(b, st->sim, 0, k->n_reasoning);
        ADD(b, "\",");
    }
    if (k->is_tool) {
        tk_buf_addf(b, "\"content\":null,\"tool_calls\":[{\"id\":\"call-%llu\",",
                    (unsigned long long)st->serial);
        ADD(b, "\"type\":\"function\",\"function\":{\"name\":\"lookup\","
               "\"arguments\":\"{\\\"q\\\":\\\"");
        put_words(b, st->sim, k->n_reasoning, n_rest);
        ADD(b, "\\\"}\"}}]}");
    } else {
        ADD(b, "\"content\":\"");
        put_words(b, st->sim, k->n_reasoning, n_rest);
        ADD(b, "\"}");
    }
    put_finish(b, st, true);
}

static int put_whole(struct tk_buf *b, struct tk__stream *st)
{
    struct tk_str prefix;

    make_prefix(st);
    prefix = tk_buf_str(&st->prefix);
    tk_buf_reset(b);
    if (!st->prefix.failed)
        tk_buf_add(b, prefix.p + 6, prefix.n - 6); /* without "data: " */
    for (uint32_t i = 0; i < st->call.n_choices && !b->failed; i++)
        put_whole_choice(b, st, i);
    ADD(b, "]");
    if (st->call.wants_usage)
        put_usage(b, st, st->call.n_tokens * st->call.n_choices);
    put_stamp_room(b);
    return st->prefix.failed ? st->prefix.failed : b->failed;
}

static enum tk__step reply_whole(struct tk__stream *st)
{
    const struct tk_sim_knobs k = st->call.knobs;
    struct tk_http_peer *peer = st->peer;
    struct tk_buf *b = &st->sim->scratch;
    char headers[160];
    struct tk_str body;
    enum tk__step step;

    st->n_sent = st->call.n_tokens;
    if (do_fault(st, &step))
        return step;
    if (k.error_at >= 0 || put_whole(b, st) < 0) {
        tk__reply_error(st, 500, "simulated error", NULL);
        return TK__STEP_OVER;
    }
    if (k.malformed == TK_SIM_MALFORMED_JSON)
        b->n /= 2;
    else
        stamp_all(b, tk_clock_now());
    body = tk_buf_str(b);
    if (k.is_gzip) {
        tk_buf_reset(&st->out);
        if (tk__gzip(&st->out, body) < 0)
            return broken(st);
        body = tk_buf_str(&st->out);
    }
    snprintf(headers, sizeof(headers), "%s%s", reply_headers(st),
             k.is_gzip ? "content-encoding: gzip\r\n" : "");
    st->status = 200;
    st->head_at = tk_clock_now();
    if (note_sent(st, st->head_at) < 0)
        return broken(st);
    st->sim->n.n_tokens += (uint64_t)st->call.n_tokens * st->call.n_choices;
    st->out_at = st->out.n = 0; /* its bytes stay where they are until the next answer */
    tk__stream_end(st, TK__END_FINISHED);
    tk_http_reply(peer, 200, "application/json", headers, body);
    if (k.is_close)
        tk_http_peer_close(peer, false);
    return TK__STEP_OVER;
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
    return has_rest(st) ? TK__STEP_AGAIN : finish(st);
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
    if (has_rest(st))
        return TK__STEP_AGAIN;
    return st->stage == TK__STAGE_TOKENS ? TK__STEP_NEXT : conclude(st);
}

enum tk__step tk__stream_step(struct tk__stream *st)
{
    if (!st->call.is_streamed)
        return reply_whole(st);
    if (!has_rest(st))
        return step_tokens(st);
    if (send_slice(st) < 0)
        return broken(st);
    if (has_rest(st))
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

static void begin_stream(struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    int rc;

    make_prefix(st);
    st->status = 200;
    st->head_at = tk_clock_now();
    rc = tk_http_reply_begin(st->peer, 200, "text/event-stream; charset=utf-8", reply_headers(st));
    if (rc == 0)
        rc = st->prefix.failed;
    if (rc == 0 && k->role == TK_SIM_ROLE_AT_ONCE && st->call.is_chat)
        rc = emit_role(st);
    while (rc == 0 && has_rest(st))
        rc = send_slice(st); /* the schedule has not begun: nothing else would send them */
    if (rc < 0) {
        broken(st);
        return;
    }
    st->is_scheduled = true;
    st->sim->schedule->begin(st);
}

void tk__stream_begin(struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    char headers[96] = "";

    if (k->malformed == TK_SIM_MALFORMED_HEAD) {
        leave(st, TK__END_MALFORMED, "HTTP/1.1 two hundred\r\n\r\n");
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
    if (st->call.is_streamed) {
        begin_stream(st);
        return;
    }
    st->is_scheduled = true;
    st->sim->schedule->begin(st);
}
