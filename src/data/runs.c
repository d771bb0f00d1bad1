/* runs.c - prompts of runs of ids, as the random data sets of `vllm bench serve` have them
 *
 *   prompt i     prefix + allowed[(offset + i + k) mod n], k = 0 … length-1
 *   its text     fitted to its length (fit.h); what is appended is drawn, prompt after prompt
 *
 * So most of the work does not wait for a draw and is done by all threads; the few prompts that come
 * out too short are finished in their order (pipe.h).
 *
 * Draws and roundings are those of the tool; so are the words of its errors.
 */
#include "data/runs.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "data/pipe.h"

#define LONG_FROM 500 /* prompts: below it a larger cache costs more than it gains */

struct slot {
    struct tk__fit fit;
    int64_t wants; /* what the fit said last */
};

static int64_t n_added(const struct tk_data_conf *conf)
{
    struct tk_tok_scratch *s = tk_tok_scratch_new();
    int64_t n = s ? tk_tokenizer_count(conf->tokenizer, s, (struct tk_str){ "", 0 },
                                       TK_TOK_ADD_SPECIAL)
                  : -ENOMEM;
    tk_tok_scratch_free(s);
    return n;
}

int tk__runs_init(struct tk__runs *r, const struct tk_data_conf *conf, struct tk_err *reterr)
{
    *r = (struct tk__runs){ .conf = conf, .reterr = reterr };
    tk_pcg_seed(&r->pcg, conf->seed);
    r->vocab = tk_tokenizer_vocab_size(conf->tokenizer, false);
    r->n_special = n_added(conf);
    if (r->n_special < 0)
        return tk_err_set(reterr, (int)r->n_special, "the tokenizer could not be used");
    return 0;
}

void tk__runs_release(struct tk__runs *r)
{
    free(r->shapes);
    free(r->prefix);
    free(r->allowed);
    r->shapes = NULL;
    r->prefix = NULL;
    r->allowed = NULL;
}

/* --- what is drawn at first --- */

/* From [floor(n (1 - ratio)), ceil(n (1 + ratio))], at least `least`. */
struct range {
    int64_t low, high;
};

static int range_of(const struct tk__runs *r, int64_t n, int64_t least, struct range *ret)
{
    double low = floor((double)n * (1 - r->conf->range_ratio));
    double high = ceil((double)n * (1 + r->conf->range_ratio));

    if (high > TK_DATA_MAX_WORDS)
        return tk_err_set(r->reterr, TK_E_RANGE, "%" PRId64 " tokens are more than %d", n,
                          TK_DATA_MAX_WORDS);
    ret->low = TK_MAX((int64_t)low, least);
    ret->high = TK_MAX((int64_t)high, least);
    return 0;
}

int tk__runs_draw(struct tk__runs *r, size_t n, int64_t input, int64_t output)
{
    struct range lengths = { 0 }, outputs = { 0 };

    if (!(r->conf->range_ratio >= 0 && r->conf->range_ratio < 1))
        return tk_err_set(r->reterr, TK_E_RANGE, "range_ratio must be in [0, 1).");
    int rc = range_of(r, TK_MAX(input - r->n_special, 0), 0, &lengths);
    if (rc == 0)
        rc = range_of(r, output, 1, &outputs);
    if (rc != 0)
        return rc;
    struct tk__shape *all = reallocarray(r->shapes, r->n_shapes + n + 1, sizeof(*all));
    if (!all)
        return tk_err_set(r->reterr, -ENOMEM, "no memory for %zu prompts", n);
    r->shapes = all;
    struct tk__shape *v = all + r->n_shapes;
    r->n_shapes += n;
    for (size_t i = 0; i < n; i++)
        v[i].length = tk_pcg_integers(&r->pcg, lengths.low, lengths.high + 1);
    for (size_t i = 0; i < n; i++)
        v[i].output = tk_pcg_integers(&r->pcg, outputs.low, outputs.high + 1);
    for (size_t i = 0; i < n; i++)
        v[i].offset = tk_pcg_integers(&r->pcg, 0, r->vocab);
    return 0;
}

bool tk__has_roles(const struct tk_tokenizer *t)
{
    bool has = false;

    for (uint32_t id = 0; id < tk_tokenizer_id_end(t) && !has; id++)
        has = tk_tokenizer_has_role(t, id);
    return has;
}

int tk__runs_allow(struct tk__runs *r, bool is_every_special)
{
    const struct tk_tokenizer *t = r->conf->tokenizer;
    bool goes_by_role = !is_every_special && tk__has_roles(t);

    r->allowed = malloc(((size_t)r->vocab + 1) * sizeof(*r->allowed));
    if (!r->allowed)
        return tk_err_set(r->reterr, -ENOMEM, "no memory for the vocabulary");
    for (uint32_t id = 0; id < r->vocab; id++) {
        if (!(goes_by_role ? tk_tokenizer_has_role(t, id) : tk_tokenizer_is_special(t, id)))
            r->allowed[r->n_allowed++] = id;
    }
    return r->n_allowed > 0 ? 0
                            : tk_err_set(r->reterr, TK_E_UNSUPPORTED,
                                         "the tokenizer has no token that is not special");
}

int tk__runs_draw_prefix(struct tk__runs *r)
{
    size_t n = (size_t)TK_MAX(r->conf->prefix_tokens, 0);

    if (n > TK_DATA_MAX_WORDS)
        return tk_err_set(r->reterr, TK_E_RANGE, "a prefix has at most %d tokens",
                          TK_DATA_MAX_WORDS);
    r->prefix = reallocarray(NULL, n + 1, sizeof(*r->prefix));
    if (!r->prefix)
        return tk_err_set(r->reterr, -ENOMEM, "no memory for the prefix");
    for (; r->n_prefix < n; r->n_prefix++)
        r->prefix[r->n_prefix] = r->allowed[tk_pcg_integers(&r->pcg, 0, (int64_t)r->n_allowed)];
    return 0;
}

/* --- prompts --- */

static int add_ids(struct tk__runs *r, const struct tk__shape *shape, size_t i,
                   struct tk_tok_ids *ids)
{
    size_t at = ((size_t)shape->offset + i) % r->n_allowed;
    int rc = 0;

    for (size_t k = 0; rc == 0 && k < r->n_prefix; k++)
        rc = tk_tok_ids_add(ids, r->prefix[k]);
    for (int64_t k = 0; rc == 0 && k < shape->length; k++) {
        rc = tk_tok_ids_add(ids, r->allowed[at]);
        at = at + 1 == r->n_allowed ? 0 : at + 1;
    }
    return rc;
}

static void make(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    struct tk__runs *r = owner;
    struct slot *slot = at;
    const struct tk__shape *shape = &r->shapes[i];

    if (slot->fit.text.max == 0)
        tk__fit_init(&slot->fit);
    /* A prefix of fewer than no tokens makes the prompt so much shorter, as there. */
    tk__fit_reset(&slot->fit, (size_t)TK_MAX(r->conf->prefix_tokens + shape->length, 0));
    slot->wants = add_ids(r, shape, i, &slot->fit.ids);
    if (slot->wants == 0)
        slot->wants = tk__fit_run(&slot->fit, r->conf->tokenizer, s);
}

static int take(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    struct tk__runs *r = owner;
    struct slot *slot = at;
    struct tk__fit *fit = &slot->fit;

    while (slot->wants > 0) {
        int rc = 0;
        for (int64_t k = 0; rc == 0 && k < slot->wants; k++)
            rc = tk_tok_ids_add(&fit->ids, (uint32_t)tk_pcg_integers(&r->pcg, 0, r->vocab));
        slot->wants = rc ? rc : tk__fit_run(fit, r->conf->tokenizer, s);
    }
    if (slot->wants < 0)
        return tk_err_set(r->reterr, (int)slot->wants, "prompt %zu could not be made: %s", i,
                          tk_err_text((int)slot->wants));
    r->n_surplus += (int64_t)fit->ids.n - (int64_t)fit->target;
    return r->on_text(r, i, fit);
}

static void release(void *at)
{
    struct slot *slot = at;
    tk__fit_release(&slot->fit);
}

int tk__runs_make(struct tk__runs *r)
{
    const struct tk__pipe pipe = {
        .n = r->n_shapes,
        .n_threads = r->conf->n_threads,
        .is_long = r->n_shapes > LONG_FROM,
        .is_beside = r->conf->is_beside,
        .slot_bytes = sizeof(struct slot),
        .owner = r,
        .make = make,
        .take = take,
        .release = release,
    };
    int rc = tk__pipe_run(&pipe);
    if (rc == -ENOMEM)
        (void)tk_err_set(r->reterr, rc, "no memory for the prompts; ask for fewer or shorter ones");
    if (rc == 0 && r->conf->ret_n_surplus)
        *r->conf->ret_n_surplus = r->n_surplus;
    return rc;
}
