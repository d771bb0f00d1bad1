/* runs.h - prompts of runs of ids, as the random data sets of `vllm bench serve` have them
 *
 *   tk__runs_init ─► _draw, once or more ─► _allow ─► _draw_prefix ─► _make
 *
 * The order of the draws is part of the load: a set calls these in the order in which the tool draws.
 * All of it is from NumPy's default_rng(seed), and what a set draws itself goes between, from the same
 * generator (`pcg`).
 */
#ifndef TK_DATA_RUNS_H
#define TK_DATA_RUNS_H

#include "base/pcg.h"
#include "data/fit.h"
#include "data/inside.h"

struct tk__shape {
    int64_t length, output, offset;
};

struct tk__runs {
    const struct tk_data_conf *conf;
    struct tk_err *reterr;
    struct tk_pcg pcg;
    int64_t n_special; /* ids that the tokenizer adds to a text */
    int64_t vocab;
    uint32_t *allowed; /* owned; n_allowed ids */
    size_t n_allowed;
    uint32_t *prefix; /* owned; n_prefix ids */
    size_t n_prefix;
    struct tk__shape *shapes; /* owned; of each prompt, n_shapes */
    size_t n_shapes;
    int64_t n_surplus; /* tokens that the prompts have too many, or (below 0) too few */
    /* Called for prompt after prompt, in order, by the caller's thread; `fit` is the text with its ids.
     * 0, or a code with words, which ends all. */
    int (*on_text)(struct tk__runs *r, size_t i, const struct tk__fit *fit);
};

/* All return 0 or a code with words. */
int tk__runs_init(struct tk__runs *r, const struct tk_data_conf *conf, struct tk_err *reterr);
void tk__runs_release(struct tk__runs *r);

/* Draw `n` lengths, outputs and offsets, behind those that there are: lengths around `input` less what
 * the tokenizer adds, outputs around `output`, 1 at least. */
int tk__runs_draw(struct tk__runs *r, size_t n, int64_t input, int64_t output);

/* Which ids a run may have: not those that have a role in the tokenizer's configuration; or
 * (`is_every_special`) none that is marked as special. */
int tk__runs_allow(struct tk__runs *r, bool is_every_special);

/* Whether transformers' all_special_ids come from a configuration; where none says which they are, they
 * are the special ones. */
bool tk__has_roles(const struct tk_tokenizer *t);

/* The ids before each run, as many as the conf says. */
int tk__runs_draw_prefix(struct tk__runs *r);

/* Make all prompts and give each to `on_text`. */
int tk__runs_make(struct tk__runs *r);

#endif
