/* fuzz_tokens.c - whatever text through a sound tokenizer, there and back
 *
 * Byte-level with all 256 bytes: decoding gives the text again, or its repaired form, and so does the
 * stream, one id at a time. The first byte of the input chooses the split pattern.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "token/scan.h"
#include "token/unicode.h"
#include "token/vocab.h"

#define N_KINDS 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All bytes, and a few merges. */
static void write_model(struct tk_jsonw *w)
{
    static const char *const merges[] = { "e r", "t h", "a n", "1 2", "\xC4\xA0 t", "\xC4\xA0t h" };
    static const char *const made[] = { "er", "th", "an", "12", "\xC4\xA0t", "\xC4\xA0th" };
    tk_jsonw_obj(w);
    tk_jsonw_key(w, "type");
    tk_jsonw_z(w, "BPE");
    tk_jsonw_key(w, "vocab");
    tk_jsonw_obj(w);
    for (unsigned b = 0; b < 256; b++) {
        struct tk_buf text = TK_BUF_INIT(16);
        char byte = (char)b;
        tk__text_of_bytes(&text, (struct tk_str){ &byte, 1 });
        tk_jsonw_key_str(w, tk_buf_str(&text));
        tk_jsonw_i64(w, b);
        tk_buf_release(&text);
    }
    for (unsigned i = 0; i < TK_ARRAY_LEN(made); i++) {
        tk_jsonw_key(w, made[i]);
        tk_jsonw_i64(w, 256 + i);
    }
    tk_jsonw_obj_end(w);
    tk_jsonw_key(w, "merges");
    tk_jsonw_arr(w);
    for (unsigned i = 0; i < TK_ARRAY_LEN(merges); i++)
        tk_jsonw_z(w, merges[i]);
    tk_jsonw_arr_end(w);
    tk_jsonw_obj_end(w);
}

static void write_pre(struct tk_jsonw *w, unsigned kind)
{
    struct tk_str pattern = tk__scan_pattern((enum tk__scan_kind)(TK__SCAN_GPT2 + kind));
    tk_jsonw_raw(w,
                 TK_STR("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
                        "{\"Regex\":"));
    tk_jsonw_str(w, pattern);
    tk_jsonw_raw(w, TK_STR("},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\","
                           "\"add_prefix_space\":false,\"use_regex\":false}]}"));
}

static struct tk_tokenizer *make(unsigned kind)
{
    struct tk_buf json = TK_BUF_INIT(1 << 20);
    struct tk_jsonw w;
    struct tk_tokenizer *t = NULL;
    (void)tk_buf_add_z(&json, "{\"model\":");
    tk_jsonw_init(&w, &json, TK_JSONW_COMPACT);
    write_model(&w);
    (void)tk_buf_add_z(&json, ",\"pre_tokenizer\":");
    write_pre(&w, kind);
    (void)tk_buf_add_z(&json, ",\"decoder\":{\"type\":\"ByteLevel\"}}");
    if (tk_tokenizer_load_json(tk_buf_str(&json), "fuzz", NULL, &t, NULL) < 0)
        abort();
    tk_buf_release(&json);
    return t;
}

static void same(const struct tk_buf *a, const struct tk_buf *b)
{
    if (a->n != b->n || (a->n > 0 && memcmp(a->p, b->p, a->n) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tk_tokenizer *made[N_KINDS];
    static struct tk_tok_scratch *s;
    struct tk_tok_ids ids = { 0 };
    struct tk_tok_stream st;
    struct tk_buf want = TK_BUF_INIT((size_t)64 << 20);
    struct tk_buf got = TK_BUF_INIT((size_t)64 << 20);
    struct tk_buf parts = TK_BUF_INIT((size_t)64 << 20);
    unsigned kind = size ? data[0] % N_KINDS : 0;
    struct tk_str text = { size ? (const char *)data + 1 : NULL, size ? size - 1 : 0 };
    if (!s)
        s = tk_tok_scratch_new();
    if (!made[kind])
        made[kind] = make(kind);
    if (!s || tk_tokenizer_encode(made[kind], s, text, 0, &ids) < 0 ||
        tk__utf8_repair(&want, text) < 0 ||
        tk_tokenizer_decode(made[kind], s, ids.p, ids.n, 0, &got) < 0)
        abort();
    same(&got, &want);
    tk_tok_stream_init(&st, made[kind], s, 0);
    for (size_t i = 0; i < ids.n; i++) {
        if (tk_tok_stream_push(&st, ids.p[i], &parts) < 0)
            abort();
        if (tk__utf8_valid(parts.p, parts.n) != parts.n)
            abort();
    }
    (void)tk_tok_stream_finish(&st, &parts);
    same(&parts, &want);
    tk_tok_stream_release(&st);
    tk_tok_ids_release(&ids);
    tk_buf_release(&want);
    tk_buf_release(&got);
    tk_buf_release(&parts);
    return 0;
}
