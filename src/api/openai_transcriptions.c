/* openai_transcriptions.c - /v1/audio/transcriptions: a form goes there, text comes back
 *
 * vLLM streams the chunks of a chat: choices with a delta.
 */
#include "api/openai.h"

const struct tk_api_ops tk_api_transcriptions = {
    .name = "transcriptions",
    .help = "OpenAI's transcriptions",
    .path = "/v1/audio/transcriptions",
    .decode_event = tk__openai_event,
    .decode_body = tk__openai_body,
};
