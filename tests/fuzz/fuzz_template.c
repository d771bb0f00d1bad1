/* fuzz_template.c - any template, with any messages, ends in time and within its bounds
 *
 * The input is the template, a NUL, and the messages as JSON (without a NUL: a small conversation). Whatever
 * it is: no bad memory access, an error has a message, nothing is added on failure, the same text comes out
 * twice, and it is UTF-8 of no more than the bound.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "token/template.h"
#include "token/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* libFuzzer's name */

#define MAX_BYTES ((size_t)1 << 20)

static void require(bool ok)
{
    if (!ok)
        abort();
}

static struct tk_template_opts options(void)
{
    return (struct tk_template_opts){
        .tools = TK_STR(
            "[{\"function\": {\"name\": \"f\", \"parameters\": {\"a\": [1, 2.5, null]}}}]"),
        .documents = TK_STR("[]"),
        .special_tokens = TK_STR("{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}"),
        .kwargs = TK_STR(
            "{\"s\": \"a \xC3\x89,b\", \"l\": [3, 1, 2], \"d\": {\"b\": 1, \"a\": [\"x\"]}, \"f\": -0.5}"),
        .add_generation_prompt = true,
        .now_wall = INT64_C(1700000000) * TK_NS_PER_S,
        .max_steps = 200000,
        .max_bytes = MAX_BYTES,
        .max_memory_bytes = (size_t)32 << 20,
        .max_depth = 400,
    };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tk_template_scratch *scratch;
    static const char chat[] =
        "[{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": "
        "[{\"type\": \"text\", \"text\": \"hi\"}]}, {\"role\": \"assistant\", "
        "\"content\": null, \"tool_calls\": [{\"function\": {\"arguments\": {}}}]}]";
    struct tk_template_opts o = options();
    struct tk_template *t = NULL;
    struct tk_err err = { 0 };
    struct tk_str text = { (const char *)data, size };
    struct tk_str messages = { chat, sizeof(chat) - 1 };
    const char *nul = size ? memchr(data, 0, size) : NULL;

    if (!scratch)
        scratch = tk_template_scratch_new();
    require(scratch);
    if (nul) {
        text.n = (size_t)(nul - text.p);
        messages = (struct tk_str){ nul + 1, size - text.n - 1 };
    }
    if (tk_template_new(text, &t, &err)) {
        require(!t && err.msg[0]);
        return 0;
    }
    struct tk_buf a = TK_BUF_INIT(MAX_BYTES), b = TK_BUF_INIT(MAX_BYTES);
    int rc = tk_template_render(t, messages, &o, scratch, &a, &err);
    require(rc == 0 || (a.n == 0 && err.msg[0]));
    require(tk__utf8_valid(a.p ? a.p : "", a.n) == a.n);
    require(tk_template_render(t, messages, &o, scratch, &b, &err) == rc);
    require(a.n == b.n && (!a.p || !b.p || memcmp(a.p, b.p, a.n) == 0));
    /* The same, up to the end of the last message. */
    o.add_generation_prompt = false;
    o.continues_final = true;
    tk_buf_reset(&a);
    rc = tk_template_render(t, messages, &o, scratch, &a, &err);
    require(rc == 0 || (a.n == 0 && err.msg[0]));
    require(tk__utf8_valid(a.p ? a.p : "", a.n) == a.n);
    tk_buf_release(&a);
    tk_buf_release(&b);
    tk_template_free(t);
    return 0;
}
