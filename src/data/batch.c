#include "data/batch.h"

#define MAX_BATCH ((size_t)1 << 30) /* bytes of one request's texts */

void tk__batch_init(struct tk__batch *b)
{
    *b = (struct tk__batch){ .json = TK_BUF_INIT(MAX_BATCH) };
}

void tk__batch_release(struct tk__batch *b)
{
    tk_buf_release(&b->json);
}

void tk__batch_add(struct tk__batch *b, struct tk_str text, int64_t n_tokens)
{
    if (b->n++ == 0) {
        tk_jsonw_init(&b->w, &b->json, TK_JSONW_PYTHON);
        tk_jsonw_arr(&b->w);
    }
    tk_jsonw_str(&b->w, text);
    b->n_tokens += n_tokens;
}

int tk__batch_finish(struct tk__batch *b, struct tk__adder *adder, struct tk_err *reterr)
{
    tk_jsonw_arr_end(&b->w);
    const struct tk_item item = {
        .prompt_json = tk_buf_str(&b->json),
        .prompt_tokens = b->n_tokens,
        .row = (uint32_t)adder->n,
    };
    int rc = b->json.failed;
    if (rc != 0)
        (void)tk_err_set(reterr, rc, "a request of %zu texts could not be made: %s", b->n,
                         tk_err_text(rc));
    else
        rc = tk__adder_add(adder, &item, reterr);
    tk_buf_reset(&b->json);
    b->n = 0;
    b->n_tokens = 0;
    return rc;
}
