/* event.c - the words of an answer: events of a stream, a whole body
 *
 * An event is put together from pieces that are ready: the prefix with id and model (made once per
 * request), the text, the numbers. It ends with its instant, patched in just before the write:
 *
 *   data: {"id":…,"choices":[ {"index":0,"delta":{"content":" token"},…}] ,"sent_at_ns":   1234567}
 *   '-------- prefix -------' '------------------ choice ---------------' '-------- stamp --------'
 *
 * The number is right-aligned in room for 19 digits; white space before it is JSON.
 */
#include <string.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "sim/internal.h"

#define STAMP_KEY ",\"sent_at_ns\":"
#define STAMP_DIGITS 19
#define STAMP_END "}\n\n"

#define ADD(b, literal) tk_buf_add((b), literal, sizeof(literal) - 1)

void tk__event_words(struct tk_buf *b, const struct tk_sim *s, int64_t from, int64_t n)
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
    if (st->seq.n_cached > 0) {
        ADD(b, ",\"prompt_tokens_details\":{\"cached_tokens\":");
        tk__put_i64(b, st->seq.n_cached);
        ADD(b, "}");
    }
    if (c->knobs.n_reasoning > 0) {
        ADD(b, ",\"completion_tokens_details\":{\"reasoning_tokens\":");
        tk__put_i64(b, TK_MIN(n_completion, c->knobs.n_reasoning * c->n_choices));
        ADD(b, "}");
    }
    ADD(b, "}");
}

void tk__event_stamp_room(struct tk_buf *b)
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
    tk__event_words(b, st->sim, from, n);
    if (from + n == st->call.n_tokens)
        ADD(b, "\\\"}");
    ADD(b, "\"}}]");
}

static void put_delta(struct tk_buf *b, const struct tk__stream *st, int64_t n)
{
    const struct tk_sim_knobs *k = &st->call.knobs;

    if (st->call.is_chat || st->call.kind == TK__KIND_TRANSCRIPTION) {
        ADD(b, "\"delta\":{");
        if (st->n_sent < k->n_reasoning) {
            ADD(b, "\"reasoning_content\":\"");
            tk__event_words(b, st->sim, st->n_sent, n);
            ADD(b, "\"");
        } else if (k->is_tool) {
            put_tool_delta(b, st, n);
        } else {
            ADD(b, "\"content\":\"");
            tk__event_words(b, st->sim, st->n_sent, n);
            ADD(b, "\"");
        }
        ADD(b, "}");
    } else {
        ADD(b, "\"text\":\"");
        tk__event_words(b, st->sim, st->n_sent, n);
        ADD(b, "\"");
    }
}

void tk__event_prefix(struct tk__stream *st)
{
    struct tk_buf *b = &st->prefix;
    bool is_chat = st->call.is_chat, is_audio = st->call.kind == TK__KIND_TRANSCRIPTION;

    tk_buf_reset(b);
    ADD(b, "data: {\"id\":\"");
    tk_buf_add_z(b, is_chat ? "chatcmpl-" : is_audio ? "trsc-" : "cmpl-");
    if (st->id[0])
        tk_json_escape(b, tk_str_of(st->id), TK_JSONW_COMPACT);
    else
        tk__put_i64(b, (int64_t)st->serial);
    ADD(b, "\",\"object\":\"");
    if (is_chat)
        tk_buf_add_z(b, st->call.is_streamed ? "chat.completion.chunk" : "chat.completion");
    else if (is_audio)
        ADD(b, "transcription.chunk");
    else
        ADD(b, "text_completion");
    ADD(b, "\",\"created\":");
    tk__put_i64(b, st->sim->created);
    ADD(b, ",\"model\":\"");
    tk_json_escape(b, tk_str_of(st->sim->conf.model), TK_JSONW_COMPACT);
    ADD(b, "\",\"choices\":[");
}

/* --- stamps --- */

static void stamp_at(char *end, tk_ns at)
{
    char *p = end;

    for (uint64_t v = (uint64_t)at; v > 0; v /= 10)
        *--p = (char)('0' + v % 10);
}

void tk__event_stamp_all(struct tk_buf *b, tk_ns at)
{
    char *p = b->p, *end = b->p + b->n;

    while ((p = memmem(p, (size_t)(end - p), STAMP_KEY, sizeof(STAMP_KEY) - 1))) {
        p += sizeof(STAMP_KEY) - 1 + STAMP_DIGITS;
        stamp_at(p, at);
    }
}

void tk__event_stamp(struct tk_buf *b, tk_ns at)
{
    stamp_at(b->p + b->n - (sizeof(STAMP_END) - 1), at);
}

/* --- events --- */

void tk__event_role(struct tk__stream *st, uint32_t choice)
{
    struct tk_buf *b = &st->sim->scratch;

    tk_buf_reset(b);
    tk_buf_add_str(b, tk_buf_str(&st->prefix));
    ADD(b, "{\"index\":");
    tk__put_i64(b, choice);
    ADD(b, ",\"delta\":{\"role\":\"assistant\",\"content\":\"\"}");
    put_finish(b, st, false);
    ADD(b, "]");
    if (st->call.wants_continuous)
        put_usage(b, st, 0);
    tk__event_stamp_room(b);
}

/* One event whose object breaks off. */
void tk__event_spoiled(struct tk__stream *st)
{
    struct tk_buf *b = &st->sim->scratch;

    tk_buf_reset(b);
    tk_buf_add_str(b, tk_buf_str(&st->prefix));
    ADD(b, "{\"index\":0,\"delta\":{\"content\":\n\n");
}

void tk__event_tokens(struct tk__stream *st, uint32_t choice, int64_t n)
{
    struct tk_buf *b = &st->sim->scratch;

    if (st->call.kind == TK__KIND_RESPONSES) {
        tk__responses_tokens(b, st, n);
        return;
    }
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
    tk__event_stamp_room(b);
}

void tk__event_usage(struct tk__stream *st)
{
    struct tk_buf *b = &st->sim->scratch;

    tk_buf_reset(b);
    tk_buf_add_str(b, tk_buf_str(&st->prefix));
    ADD(b, "]");
    put_usage(b, st, st->n_sent * st->call.n_choices);
    tk__event_stamp_room(b);
}

void tk__event_error(struct tk__stream *st)
{
    struct tk_buf *b = &st->sim->scratch;

    if (st->call.kind == TK__KIND_RESPONSES) {
        tk__responses_error(b, st);
        return;
    }
    tk_buf_reset(b);
    ADD(b, "data: {\"error\":{\"object\":\"error\",\"message\":\"simulated error\","
           "\"type\":\"InternalServerError\",\"param\":null,\"code\":500}");
    tk__event_stamp_room(b);
}

/* --- whole bodies --- */

static void put_whole_choice(struct tk_buf *b, const struct tk__stream *st, uint32_t index)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    int64_t n_rest = st->call.n_tokens - k->n_reasoning;

    tk_buf_addf(b, "%s{\"index\":%u,", index ? "," : "", index);
    if (!st->call.is_chat) {
        ADD(b, "\"text\":\"");
        tk__event_words(b, st->sim, 0, st->call.n_tokens);
        ADD(b, "\"");
        put_finish(b, st, true);
        return;
    }
    ADD(b, "\"message\":{\"role\":\"assistant\",");
    if (k->n_reasoning > 0) {
        ADD(b, "\"reasoning_content\":\"");
        tk__event_words(b, st->sim, 0, k->n_reasoning);
        ADD(b, "\",");
    }
    if (k->is_tool) {
        tk_buf_addf(b, "\"content\":null,\"tool_calls\":[{\"id\":\"call-%llu\",",
                    (unsigned long long)st->serial);
        ADD(b, "\"type\":\"function\",\"function\":{\"name\":\"lookup\","
               "\"arguments\":\"{\\\"q\\\":\\\"");
        tk__event_words(b, st->sim, k->n_reasoning, n_rest);
        ADD(b, "\\\"}\"}}]}");
    } else {
        ADD(b, "\"content\":\"");
        tk__event_words(b, st->sim, k->n_reasoning, n_rest);
        ADD(b, "\"}");
    }
    put_finish(b, st, true);
}

/* {"text": …}, with the seconds that its bytes last. */
static int put_transcription(struct tk_buf *b, const struct tk__stream *st)
{
    tk_buf_reset(b);
    ADD(b, "{\"text\":\"");
    tk__event_words(b, st->sim, 0, st->call.n_tokens);
    ADD(b, "\",\"usage\":{\"type\":\"duration\",\"seconds\":");
    tk__put_i64(b, st->call.prompt_tokens / TK__AUDIO_TOKENS_PER_S + 1);
    ADD(b, "}}");
    return b->failed;
}

int tk__event_whole(struct tk_buf *b, struct tk__stream *st)
{
    struct tk_str prefix;

    if (tk__is_pooling(&st->call))
        return tk__pooling_body(b, st);
    if (st->call.kind == TK__KIND_RESPONSES)
        return tk__responses_body(b, st);
    if (st->call.kind == TK__KIND_TRANSCRIPTION)
        return put_transcription(b, st);

    tk__event_prefix(st);
    prefix = tk_buf_str(&st->prefix);
    tk_buf_reset(b);
    if (!st->prefix.failed)
        tk_buf_add(b, prefix.p + 6, prefix.n - 6); /* without "data: " */
    for (uint32_t i = 0; i < st->call.n_choices && !b->failed; i++)
        put_whole_choice(b, st, i);
    ADD(b, "]");
    if (st->call.wants_usage)
        put_usage(b, st, st->call.n_tokens * st->call.n_choices);
    tk__event_stamp_room(b);
    return st->prefix.failed ? st->prefix.failed : b->failed;
}
