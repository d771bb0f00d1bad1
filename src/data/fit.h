/* fit.h - a text of so many tokens, by decoding and encoding until it is
 *
 * Ids that are decoded and encoded again are seldom the same ids: pieces join, or fall apart. vLLM's
 * way to a text of n tokens: decode, encode, cut what is too much or append random ids, ten times at
 * most. What is random is the caller's, so that work can go on while others draw.
 */
#ifndef TK_DATA_FIT_H
#define TK_DATA_FIT_H

#include "base/buf.h"
#include "base/def.h"
#include "token/tokenizer.h"

#define TK__FIT_TRIES 10

struct tk__fit {
    struct tk_tok_ids ids; /* the caller puts what it begins with here; then those of the text */
    struct tk_buf text;
    size_t target;
    unsigned n_left; /* tries */
};

void tk__fit_init(struct tk__fit *f);
void tk__fit_release(struct tk__fit *f);

/* Begin anew, with no ids. */
void tk__fit_reset(struct tk__fit *f, size_t target);

/* Go on. 0: done, text and ids are as they are (ids.n is not the target if that could not be had);
 * above 0: the caller has to append so many ids and to call again; or a code. */
int64_t tk__fit_run(struct tk__fit *f, const struct tk_tokenizer *t, struct tk_tok_scratch *s);

#endif
