/* responses.c - the words of /v1/responses: named events, each with its number
 *
 *   created, in_progress   as soon as the request is whole
 *   …delta                 one for each event with tokens, answer or reasoning
 *   completed              with usage; the stream's end mark
 *
 *   event: response.output_text.delta
 *   data: {"type":"response.output_text.delta","sequence_number":3,…,"delta":" token","sent_at_ns":…}
 */
#include "base/jsonw.h"
#include "base/str.h"
#include "sim/internal.h"

static void put_head(struct tk_buf *b, struct tk__stream *st, const char *type)
{
    tk_buf_addf(b, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%llu", type, type,
                (unsigned long long)st->n_named++);
}

static void put_usage(struct tk_buf *b, const struct tk__call *c)
{
    tk_buf_add_z(b, ",\"usage\":{\"input_tokens\":");
    tk__put_i64(b, c->prompt_tokens);
    tk_buf_add_z(b, ",\"output_tokens\":");
    tk__put_i64(b, c->n_tokens);
    tk_buf_add_z(b, ",\"total_tokens\":");
    tk__put_i64(b, c->prompt_tokens + c->n_tokens);
    tk_buf_add_z(b, ",\"output_tokens_details\":{\"reasoning_tokens\":");
    tk__put_i64(b, c->knobs.n_reasoning);
    tk_buf_add_z(b, "}}");
}

/* The response object, as far as it is known. */
static void put_response(struct tk_buf *b, const struct tk__stream *st, const char *status,
                         bool has_text)
{
    const struct tk__call *c = &st->call;

    tk_buf_addf(b, "{\"id\":\"resp_%llu\",\"object\":\"response\",\"created_at\":%lld,\"status\":",
                (unsigned long long)st->serial, (long long)st->sim->created);
    tk_buf_addf(b, "\"%s\",\"error\":null,\"model\":\"", status);
    tk_json_escape(b, tk_str_of(st->sim->conf.model), TK_JSONW_COMPACT);
    tk_buf_add_z(b, "\",\"output\":[");
    if (has_text) {
        tk_buf_add_z(b, "{\"type\":\"message\",\"role\":\"assistant\",\"content\":["
                        "{\"type\":\"output_text\",\"annotations\":[],\"text\":\"");
        tk__event_words(b, st->sim, c->knobs.n_reasoning, c->n_tokens - c->knobs.n_reasoning);
        tk_buf_add_z(b, "\"}]}");
    }
    tk_buf_add_c(b, ']');
    if (c->wants_usage && has_text)
        put_usage(b, c);
    tk_buf_add_c(b, '}');
}

static const char *end_status(const struct tk__stream *st)
{
    return st->call.is_cut_short ? "incomplete" : "completed";
}

void tk__responses_begin(struct tk_buf *b, struct tk__stream *st)
{
    static const char *const types[] = { "response.created", "response.in_progress" };

    tk_buf_reset(b);
    for (size_t i = 0; i < TK_ARRAY_LEN(types); i++) {
        put_head(b, st, types[i]);
        tk_buf_add_z(b, ",\"response\":");
        put_response(b, st, "in_progress", false);
        tk__event_stamp_room(b);
    }
}

void tk__responses_tokens(struct tk_buf *b, struct tk__stream *st, int64_t n)
{
    bool is_reasoning = st->n_sent < st->call.knobs.n_reasoning;

    tk_buf_reset(b);
    put_head(b, st, is_reasoning ? "response.reasoning_text.delta" : "response.output_text.delta");
    tk_buf_addf(b, ",\"item_id\":\"msg_%llu\",\"output_index\":0,\"content_index\":0,\"delta\":\"",
                (unsigned long long)st->serial);
    tk__event_words(b, st->sim, st->n_sent, n);
    tk_buf_add_c(b, '"');
    tk__event_stamp_room(b);
}

void tk__responses_end(struct tk_buf *b, struct tk__stream *st)
{
    tk_buf_reset(b);
    put_head(b, st, "response.completed"); /* vLLM says in the status alone that it was cut short */
    tk_buf_add_z(b, ",\"response\":");
    put_response(b, st, end_status(st), true);
    tk__event_stamp_room(b);
}

void tk__responses_error(struct tk_buf *b, struct tk__stream *st)
{
    tk_buf_reset(b);
    put_head(b, st, "error");
    tk_buf_add_z(b, ",\"code\":\"server_error\",\"message\":\"simulated error\"");
    tk__event_stamp_room(b);
}

int tk__responses_body(struct tk_buf *b, const struct tk__stream *st)
{
    tk_buf_reset(b);
    put_response(b, st, end_status(st), true);
    return b->failed;
}
