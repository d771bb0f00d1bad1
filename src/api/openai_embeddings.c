/* openai_embeddings.c - /v1/embeddings and what is shaped like it: a list of vectors with usage
 *
 * With `encoding_format` "bytes" vLLM sends the vectors as they are in memory, and what would be the
 * JSON beside them in a header.
 */
#include "api/openai.h"

static int decode_event(struct tk_json *j, struct tk_str type, struct tk_str data,
                        struct tk_api_event *ret)
{
    (void)type; /* such replies are not streamed: one that is says what it says */
    return tk__openai_list(j, data, "data", ret);
}

static int decode_body(struct tk_json *j, struct tk_str body, struct tk_api_event *ret)
{
    return tk__openai_list(j, body, "data", ret);
}

const struct tk_api_ops tk_api_embeddings = {
    .name = "embeddings",
    .help = "OpenAI's embeddings",
    .path = "/v1/embeddings",
    .decode_event = decode_event,
    .decode_body = decode_body,
    .meta_header = "metadata",
};

const struct tk_api_ops tk_api_pooling = {
    .name = "pooling",
    .help = "vLLM's pooling",
    .path = "/pooling",
    .decode_event = decode_event,
    .decode_body = decode_body,
    .meta_header = "metadata",
};
