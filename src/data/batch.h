/* batch.h - several texts as the prompt of one request */
#ifndef TK_DATA_BATCH_H
#define TK_DATA_BATCH_H

#include "base/jsonw.h"
#include "data/inside.h"

struct tk__batch {
    struct tk_buf json; /* ["…", "…" as Python writes it, not ended */
    struct tk_jsonw w;
    size_t n; /* texts in it */
    int64_t n_tokens;
};

void tk__batch_init(struct tk__batch *b);
void tk__batch_release(struct tk__batch *b);

/* Append a text; what fails is told by tk__batch_finish(). */
void tk__batch_add(struct tk__batch *b, struct tk_str text, int64_t n_tokens);

/* The request of the texts so far, which asks for no tokens; then the batch is empty. 0 or a code, with
 * words. */
int tk__batch_finish(struct tk__batch *b, struct tk__adder *adder, struct tk_err *reterr);

#endif
