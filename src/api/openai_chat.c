/* openai_chat.c - /v1/chat/completions */
#include "api/openai.h"

static void write_messages(struct tk__body *b, const struct tk_item *item)
{
    if (item->messages.n > 0) {
        tk_jsonw_raw(&b->w, item->messages);
        return;
    }
    tk_jsonw_arr(&b->w);
    tk_jsonw_obj(&b->w);
    tk_jsonw_key(&b->w, "role");
    tk_jsonw_z(&b->w, "user");
    tk_jsonw_key(&b->w, "content");
    tk_jsonw_str(&b->w, item->prompt);
    tk_jsonw_obj_end(&b->w);
    tk_jsonw_arr_end(&b->w);
}

static int chat_encode(const struct tk_api_opts *o, const struct tk_item *item, struct tk_buf *out,
                       struct tk_err *reterr)
{
    struct tk__body b;
    int rc = tk__body_begin(&b, o, out, reterr);
    if (rc)
        return rc;
    tk__body_model(&b);
    if (tk__body_key(&b, "messages"))
        write_messages(&b, item);
    tk__body_temperature(&b);
    tk__body_limit(&b, "max_completion_tokens", item->output_tokens);
    tk__body_stream(&b);
    return tk__body_end(&b, reterr);
}

const struct tk_api_ops tk_api_chat = {
    .name = "chat",
    .help = "OpenAI's chat completions",
    .path = "/v1/chat/completions",
    .encode = chat_encode,
    .decode_event = tk__openai_event,
    .decode_body = tk__openai_body,
};
