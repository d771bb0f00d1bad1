/* openai_completions.c - /v1/completions */
#include <inttypes.h>

#include "api/openai.h"

static int completions_encode(const struct tk_api_opts *o, const struct tk_item *item,
                              struct tk_buf *out, struct tk_err *reterr)
{
    struct tk__body b;
    if (item->messages.n > 0)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "row %" PRIu32 " is a list of messages, which completions cannot send; "
                          "use the chat API",
                          item->row);
    int rc = tk__body_begin(&b, o, out, reterr);
    if (rc)
        return rc;
    tk__body_model(&b);
    if (tk__body_key(&b, "prompt"))
        tk_jsonw_str(&b.w, item->prompt);
    tk__body_temperature(&b);
    tk__body_limit(&b, "max_tokens", item->output_tokens);
    tk__body_stream(&b);
    return tk__body_end(&b, reterr);
}

const struct tk_api_ops tk_api_completions = {
    .name = "completions",
    .help = "OpenAI's text completions",
    .path = "/v1/completions",
    .encode = completions_encode,
    .decode_event = tk__openai_event,
    .decode_body = tk__openai_body,
};
