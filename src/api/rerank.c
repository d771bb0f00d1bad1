/* rerank.c - /rerank, as Jina, Cohere and vLLM have it: a list of scores with usage */
#include "api/openai.h"

static int decode_event(struct tk_json *j, struct tk_str type, struct tk_str data,
                        struct tk_api_event *ret)
{
    (void)type; /* such replies are not streamed: one that is says what it says */
    return tk__openai_list(j, data, "results", ret);
}

static int decode_body(struct tk_json *j, struct tk_str body, struct tk_api_event *ret)
{
    return tk__openai_list(j, body, "results", ret);
}

const struct tk_api_ops tk_api_rerank = {
    .name = "rerank",
    .help = "documents scored by a query",
    .path = "/v1/rerank",
    .decode_event = decode_event,
    .decode_body = decode_body,
};
