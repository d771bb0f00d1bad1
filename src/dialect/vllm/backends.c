/* backends.c - the table of backends, and the members of their bodies in the tool's order
 *
 *   completions  model prompt temperature repetition_penalty max_tokens logprobs stream
 *                stream_options
 *   chat         model messages temperature max_completion_tokens stream stream_options
 *   responses    model input max_output_tokens stream store
 *   audio        (file) model temperature max_completion_tokens stream language
 *                stream_include_usage stream_continuous_usage_stats
 *   embeddings   model input|messages truncate_prompt_tokens
 *   infinity     model input [modality]
 *   rerank       model query documents truncate_prompt_tokens
 *   pooling      model truncate_prompt_tokens input
 *
 * What the options add behind them is body.c's.
 */
#include "dialect/vllm/backends.h"

#include <string.h>

#include "dialect/vllm/body.h"

static void fill_completions(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    tk__template_kind(t, "model", TK__VALUE_MODEL);
    tk__template_kind(t, "prompt", TK__VALUE_PROMPT);
    tk__template_json(t, "temperature", "0.0");
    tk__template_json(t, "repetition_penalty", "1.0");
    tk__template_kind(t, "max_tokens", TK__VALUE_LIMIT);
    if (tk_vllm_given(v, "logprobs"))
        tk__template_int(t, "logprobs", v->o->logprobs);
    else
        tk__template_json(t, "logprobs", "null");
    tk__template_json(t, "stream", "true");
    tk__template_json(t, "stream_options", "{\"include_usage\": true}");
}

static void fill_chat(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    (void)v;
    tk__template_kind(t, "model", TK__VALUE_MODEL);
    tk__template_kind(t, "messages", TK__VALUE_CHAT);
    tk__template_json(t, "temperature", "0.0");
    tk__template_kind(t, "max_completion_tokens", TK__VALUE_LIMIT);
    tk__template_json(t, "stream", "true");
    tk__template_json(t, "stream_options", "{\"include_usage\": true}");
}

/* Newer than the page, and as 0.32 has it: the temperature is the server's unless it is given. */
static void fill_responses(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    (void)v;
    tk__template_kind(t, "model", TK__VALUE_MODEL);
    tk__template_kind(t, "input", TK__VALUE_PROMPT);
    tk__template_kind(t, "max_output_tokens", TK__VALUE_LIMIT);
    tk__template_json(t, "stream", "true");
    tk__template_json(t, "store", "false");
}

static void fill_audio(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    (void)v;
    tk__template_kind(t, "model", TK__VALUE_MODEL);
    tk__template_json(t, "temperature", "0.0");
    tk__template_kind(t, "max_completion_tokens", TK__VALUE_LIMIT);
    tk__template_json(t, "stream", "true");
    tk__template_json(t, "language", "\"en\"");
    tk__template_json(t, "stream_include_usage", "true");
    tk__template_json(t, "stream_continuous_usage_stats", "true");
}

static void fill_embeddings_of(struct tk_vllm_template *t, const char *key, enum tk__value kind)
{
    tk__template_kind(t, "model", TK__VALUE_MODEL);
    tk__template_kind(t, key, kind);
    tk__template_json(t, "truncate_prompt_tokens", "-1");
}

static void fill_embeddings(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    (void)v;
    fill_embeddings_of(t, "input", TK__VALUE_PROMPT);
}

static void fill_embeddings_chat(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    (void)v;
    fill_embeddings_of(t, "messages", TK__VALUE_CHAT);
}

static void fill_vlm2vec(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    (void)v;
    fill_embeddings_of(t, "messages", TK__VALUE_VLM2VEC);
}

static void fill_infinity(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    (void)v;
    tk__template_kind(t, "model", TK__VALUE_MODEL);
    tk__template_kind(t, "input", TK__VALUE_INFINITY);
    tk__template_kind(t, "modality", TK__VALUE_MODALITY);
}

static void fill_rerank(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    (void)v;
    tk__template_kind(t, "model", TK__VALUE_MODEL);
    tk__template_kind(t, "query", TK__VALUE_QUERY);
    tk__template_kind(t, "documents", TK__VALUE_DOCUMENTS);
    tk__template_json(t, "truncate_prompt_tokens", "-1");
}

static void fill_pooling(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    (void)v;
    tk__template_kind(t, "model", TK__VALUE_MODEL);
    tk__template_json(t, "truncate_prompt_tokens", "-1");
    tk__template_kind(t, "input", TK__VALUE_PROMPT);
}

/* clang-format off */
#define COMPLETIONS(n) \
    .name = (n), .api = "completions", .tool = "vllm-0.13-completions", \
    .label = "OpenAI Completions API", .suffix = { "completions" }, \
    .endpoint = "/v1/completions", .is_compatible = true, .fill = fill_completions
#define EMBEDDINGS(n, f) \
    .name = (n), .api = "embeddings", .tool = "vllm-0.13-pooling", \
    .label = "OpenAI Embeddings API", .suffix = { "embeddings" }, \
    .endpoint = "/v1/embeddings", .is_pooling = true, .fill = (f)
#define INFINITY_EMBEDDINGS(n) \
    .name = (n), .api = "embeddings", .tool = "vllm-0.13-pooling", \
    .label = "Infinity Embeddings API", .suffix = { "embeddings" }, \
    .endpoint = "/embeddings", .is_pooling = true, .fill = fill_infinity
/* clang-format on */

static const struct tk__vllm_backend backends[] = {
    { COMPLETIONS("openai") }, /* before vllm: a run file's completions are its */
    { COMPLETIONS("vllm") },
    {
        .name = "openai-chat",
        .api = "chat",
        .tool = "vllm-0.13-chat",
        .label = "OpenAI Chat Completions API",
        .suffix = { "chat/completions" },
        .endpoint = "/v1/chat/completions",
        .is_compatible = true,
        .is_chat = true,
        .fill = fill_chat,
    },
    {
        .name = "openai-responses",
        .api = "responses",
        .tool = "vllm-0.32",
        .label = "OpenAI Responses API",
        .suffix = { "responses" },
        .endpoint = "/v1/responses",
        .is_compatible = true,
        .fill = fill_responses,
    },
    {
        .name = "openai-audio",
        .api = "transcriptions",
        .tool = "vllm-0.13-chat",
        .label = "OpenAI Audio API",
        .suffix = { "transcriptions", "translations" },
        .endpoint = "/v1/audio/transcriptions",
        .is_form = true,
        .fill = fill_audio,
    },
    { EMBEDDINGS("openai-embeddings", fill_embeddings) },
    { EMBEDDINGS("openai-embeddings-chat", fill_embeddings_chat) },
    { EMBEDDINGS("openai-embeddings-clip", fill_embeddings_chat), .is_clip = true },
    { EMBEDDINGS("openai-embeddings-vlm2vec", fill_vlm2vec), .counts_requests = true },
    { INFINITY_EMBEDDINGS("infinity-embeddings") },
    { INFINITY_EMBEDDINGS("infinity-embeddings-clip"), .is_clip = true },
    {
        .name = "vllm-pooling",
        .api = "pooling",
        .tool = "vllm-0.13-pooling",
        .label = "vLLM Pooling API",
        .suffix = { "pooling" },
        .endpoint = "/pooling",
        .is_pooling = true,
        .fill = fill_pooling,
    },
    {
        .name = "vllm-rerank",
        .api = "rerank",
        .tool = "vllm-0.13-pooling",
        .label = "vLLM score API",
        .suffix = { "rerank" },
        .endpoint = "/v1/rerank",
        .is_pooling = true,
        .has_no_extra = true,
        .fill = fill_rerank,
    },
};

const struct tk__vllm_backend *tk__vllm_backend(const char *name)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(backends); i++) {
        if (strcmp(backends[i].name, name) == 0)
            return &backends[i];
    }
    return NULL;
}

const struct tk__vllm_backend *tk__vllm_backend_of_api(const char *api)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(backends); i++) {
        if (strcmp(backends[i].api, api) == 0)
            return &backends[i];
    }
    return NULL;
}
