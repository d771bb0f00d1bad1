/* The counters of a server, from whatever it says at /metrics. */
#include <string.h>

#include "dialect/vllm/vllm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct tk_vllm_counters none = { .has_drafts = true, .has_diffusion = true };
    struct tk_vllm_counters c;
    struct tk_vllm_decoding d;

    tk_vllm_counters_read((struct tk_str){ (const char *)data, n }, &c);
    tk_vllm_decoding_of(&none, &c, 1.5, &d);
    tk_vllm_decoding_of(&c, &none, 1.5, &d);
    return 0;
}
