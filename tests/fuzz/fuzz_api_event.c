/* fuzz_api_event.c - one event, and one whole reply, of every format
 *
 * Whatever the bytes: nothing is read behind the padding, every slice has its bytes, the bounds on
 * counts hold, and what has text has its channel.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* libFuzzer's name */

static void require(bool ok)
{
    if (!ok)
        abort();
}

/* Touch every byte, so that a sanitizer sees a slice of what is gone. */
static void touch(struct tk_str s)
{
    static volatile char sink;
    for (size_t i = 0; i < s.n; i++)
        sink = s.p[i];
    (void)sink;
}

static void check(const struct tk_api_event *ev, int rc, size_t size)
{
    require(rc == 0 || rc == TK_E_FORMAT);
    touch(ev->text);
    touch(ev->reasoning);
    touch(ev->error);
    require(ev->text.n + ev->reasoning.n <= ev->text_bytes);
    require(ev->text_bytes <= size * 3); /* a lone surrogate of 6 bytes becomes one of 3 */
    require(ev->text.n == 0 || ev->channels & TK_CH_CONTENT);
    require(ev->reasoning.n == 0 || ev->channels & TK_CH_REASONING);
    require(ev->error.n == 0 || ev->channels & TK_CH_ERROR);
    require(!(ev->channels & TK_CH_OTHER_CHOICE) || ev->text.n == 0);
    require(ev->is_done == !!(ev->channels & TK_CH_DONE));
    require(ev->prompt_tokens >= -1 && ev->output_tokens >= -1 && ev->reasoning_tokens >= -1 &&
            ev->cached_tokens >= -1);
    require(ev->finish <= TK_FINISH_OTHER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tk_json *json;
    struct tk_api_event ev;
    char *ids[4], *roots[4];
    char *copy = malloc(size + TK_JSON_PADDING);
    if (!json)
        json = tk_json_new(16 << 20);
    require(json && copy);
    if (size > 0)
        memcpy(copy, data, size);
    memset(copy + size, 0xA5, TK_JSON_PADDING);
    struct tk_str text = { copy, size };

    check(&ev, tk_api_chat.decode_event(json, TK_STR(""), text, &ev), size);
    check(&ev, tk_api_chat.decode_event(json, TK_STR("error"), text, &ev), size);
    check(&ev, tk_api_completions.decode_body(json, text, &ev), size);
    check(&ev, tk_api_responses.decode_event(json, TK_STR("response.completed"), text, &ev), size);
    check(&ev, tk_api_responses.decode_event(json, TK_STR(""), text, &ev), size);
    check(&ev, tk_api_responses.decode_body(json, text, &ev), size);
    check(&ev, tk_api_embeddings.decode_body(json, text, &ev), size);
    check(&ev, tk_api_rerank.decode_body(json, text, &ev), size);
    int n = tk_api_models(json, text, ids, roots, 4);
    for (int i = 0; i < n; i++) {
        free(ids[i]);
        free(roots[i]);
    }
    free(copy);
    return 0;
}
