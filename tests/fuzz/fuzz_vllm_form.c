/* What a run file says of a form and of a server's counters, and the block and the file that they ask for. */
#include "dialect/vllm/vllm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void use(struct tk_vllm_form *form, struct tk_vllm_decoding *decoding)
{
    static const struct tk_load_totals totals = { .begin_at = 1, .end_at = 2 };
    static const struct tk_vllm_figures none;
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    tk_vllm_form_span(form, &totals, INT64_C(1) << 62);
    form->decoding = decoding;
    (void)tk_vllm_block(form, &none, &out);
    (void)tk_vllm_result(form, &none, &out);
    tk_buf_reset(&out);
    (void)tk_vllm_form_write(form, &out);
    tk_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct tk_str text = { (const char *)data, n };
    struct tk_vllm_counters before, after;
    struct tk_vllm_decoding decoding = { 0 };
    struct tk_vllm_form form;
    struct tk_arena arena;

    tk_arena_init(&arena, 0);
    if (tk_vllm_counters_of(text, &before, &after) == 0)
        tk_vllm_decoding_of(&before, &after, 1.5, &decoding);
    if (tk_vllm_form_read(text, &arena, &form) == 0)
        use(&form, &decoding);
    tk_arena_release(&arena);
    return 0;
}
