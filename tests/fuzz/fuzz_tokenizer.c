/* fuzz_tokenizer.c - whatever tokenizer.json, and texts through what loads
 *
 * The input is the file; a NUL byte ends it, and what follows is a text. What loads must encode (or
 * refuse) the text and itself, twice the same, and decode what it made.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "token/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str text)
{
    struct tk_tok_ids ids = { 0 };
    struct tk_buf out = TK_BUF_INIT((size_t)64 << 20);
    int rc = tk_tokenizer_encode(t, s, text, TK_TOK_DEFAULT, &ids);
    int64_t n = tk_tokenizer_count(t, s, text, TK_TOK_DEFAULT);
    if (rc == 0 ? n != (int64_t)ids.n : n != rc)
        abort();
    if (rc == 0)
        (void)tk_tokenizer_decode(t, s, ids.p, ids.n, TK_TOK_SKIP_SPECIAL, &out);
    tk_tok_ids_release(&ids);
    tk_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tk_tok_scratch *s;
    static const char sample[] =
        "Hello, world! don't 123 \xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\xFF\n  x";
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    struct tk_str json = { (const char *)data, end ? (size_t)(end - data) : size };
    if (!s)
        s = tk_tok_scratch_new();
    if (!s)
        abort();
    int rc = tk_tokenizer_load_json(json, "fuzz", NULL, &t, &err);
    if (rc < 0) {
        if (err.msg[0] == '\0')
            abort();
        return 0;
    }
    run(t, s, (struct tk_str){ sample, sizeof(sample) - 1 });
    if (end)
        run(t, s, (struct tk_str){ (const char *)end + 1, size - json.n - 1 });
    (void)tk_tokenizer_free(t);
    return 0;
}
