#include "data/fit.h"

void tk__fit_init(struct tk__fit *f)
{
    *f = (struct tk__fit){ .text = TK_BUF_INIT(TK_TOKENIZER_MAX_TEXT) };
}

void tk__fit_release(struct tk__fit *f)
{
    tk_tok_ids_release(&f->ids);
    tk_buf_release(&f->text);
}

void tk__fit_reset(struct tk__fit *f, size_t target)
{
    f->ids.n = 0;
    f->target = target;
    f->n_left = TK__FIT_TRIES;
}

int64_t tk__fit_run(struct tk__fit *f, const struct tk_tokenizer *t, struct tk_tok_scratch *s)
{
    for (;;) {
        tk_buf_reset(&f->text);
        int rc = tk_tokenizer_decode(t, s, f->ids.p, f->ids.n, 0, &f->text);
        f->ids.n = 0;
        if (rc == 0)
            rc = tk_tokenizer_encode(t, s, tk_buf_str(&f->text), TK_TOK_PARSE_SPECIAL, &f->ids);
        if (rc != 0)
            return rc;
        if (f->n_left == 0 || f->ids.n == f->target)
            return 0;
        f->n_left--;
        if (f->ids.n < f->target)
            return (int64_t)(f->target - f->ids.n);
        f->ids.n = f->target;
    }
}
