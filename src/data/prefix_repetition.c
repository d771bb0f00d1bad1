/* prefix_repetition.c - random prompts behind some prefixes, as `vllm bench serve` makes them
 *
 *   for each prefix:             prefix_tokens random ids, fitted to their number (fit.h)
 *     for each of its prompts:   suffix_tokens random ids likewise; the prompt is the text of both,
 *                                which is not fitted again
 *   then all are shuffled, by CPython's random.seed(seed)
 *
 * The ids are drawn from NumPy's global generator, with which the arrivals go on. What a prompt draws
 * depends on how the one before it came out, so all is done in order, by one thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/fit.h"
#include "data/inside.h"

struct repetition {
    const struct tk_data_conf *conf;
    struct tk_err *reterr;
    struct tk__adder adder;
    struct tk_mt *mt;
    struct tk_tok_scratch *scratch; /* owned */
    uint64_t vocab;
    struct tk__fit prefix, suffix;
    struct tk_buf text;
    int64_t n_surplus;
};

static int check(const struct tk_data_conf *conf, struct tk_err *reterr)
{
    const struct {
        const char *name;
        int64_t n;
    } lengths[] = { { "prefix", conf->prefix_tokens }, { "suffix", conf->suffix_tokens } };

    for (size_t i = 0; i < TK_ARRAY_LEN(lengths); i++) {
        if (lengths[i].n < 0 || lengths[i].n > TK_DATA_MAX_WORDS)
            return tk_err_set(reterr, TK_E_RANGE, "a %s has from 0 to %d tokens, not %" PRId64,
                              lengths[i].name, TK_DATA_MAX_WORDS, lengths[i].n);
    }
    if (conf->n_prefixes < 1)
        return tk_err_set(reterr, TK_E_RANGE, "there must be a prefix at least, not %" PRId64,
                          conf->n_prefixes);
    if (conf->n_wanted / (uint64_t)conf->n_prefixes == 0)
        return tk_err_set(reterr, TK_E_RANGE,
                          "num_requests (%zu) must be greater than or equal to num_prefixes "
                          "(%" PRId64 ")",
                          conf->n_wanted, conf->n_prefixes);
    if (conf->n_wanted > UINT32_MAX)
        return tk_err_set(reterr, TK_E_RANGE, "at most %" PRIu32 " prompts", UINT32_MAX);
    return 0;
}

static int add_random(struct repetition *r, struct tk__fit *fit, int64_t n)
{
    int rc = 0;

    for (int64_t k = 0; rc == 0 && k < n; k++)
        rc = tk_tok_ids_add(&fit->ids, (uint32_t)tk_mt_randint(r->mt, r->vocab));
    return rc;
}

/* Random ids that stay `n` ids when they are decoded and encoded. */
static int draw(struct repetition *r, struct tk__fit *fit, int64_t n)
{
    tk__fit_reset(fit, (size_t)n);
    int64_t wants = n;
    do {
        int rc = add_random(r, fit, wants);
        wants = rc ? rc : tk__fit_run(fit, r->conf->tokenizer, r->scratch);
    } while (wants > 0);
    r->n_surplus += (int64_t)fit->ids.n - n;
    return (int)wants;
}

static int add_prompt(struct repetition *r, uint32_t row)
{
    int rc = draw(r, &r->suffix, r->conf->suffix_tokens);

    /* the suffix goes behind the prefix for a moment */
    size_t n = r->prefix.ids.n;
    for (size_t i = 0; rc == 0 && i < r->suffix.ids.n; i++)
        rc = tk_tok_ids_add(&r->prefix.ids, r->suffix.ids.p[i]);
    tk_buf_reset(&r->text);
    if (rc == 0)
        rc = tk_tokenizer_decode(r->conf->tokenizer, r->scratch, r->prefix.ids.p, r->prefix.ids.n,
                                 0, &r->text);
    if (rc != 0)
        return tk_err_set(r->reterr, rc, "prompt %u could not be made: %s", row, tk_err_text(rc));
    struct tk_item item = {
        .prompt = tk_buf_str(&r->text),
        .prompt_tokens = (int64_t)r->prefix.ids.n,
        .output_tokens = r->conf->output_tokens,
        .row = row,
    };
    r->prefix.ids.n = n;
    return tk__adder_add(&r->adder, &item, r->reterr);
}

static int make_prompts(struct repetition *r)
{
    uint64_t n_each = r->conf->n_wanted / (uint64_t)r->conf->n_prefixes;
    uint32_t row = 0;
    int rc = 0;

    for (int64_t p = 0; rc == 0 && p < r->conf->n_prefixes; p++) {
        rc = draw(r, &r->prefix, r->conf->prefix_tokens);
        if (rc != 0)
            (void)tk_err_set(r->reterr, rc, "a prefix could not be made: %s", tk_err_text(rc));
        for (uint64_t i = 0; rc == 0 && i < n_each; i++)
            rc = add_prompt(r, row++);
    }
    return rc;
}

static int shuffle(struct tk__adder *a, const struct tk_data_conf *conf, struct tk_err *reterr)
{
    struct tk_mt mt;
    uint32_t *order = reallocarray(NULL, a->n + 1, sizeof(*order));
    struct tk_item *old = reallocarray(NULL, a->n + 1, sizeof(*old));
    int rc = order && old ? 0 : -ENOMEM;

    if (rc == 0) {
        memcpy(old, a->v, a->n * sizeof(*old));
        tk_mt_seed_python(&mt, conf->seed);
        tk_mt_shuffle(&mt, order, a->n);
        if (conf->python)
            *conf->python = mt;
        for (size_t i = 0; i < a->n; i++)
            a->v[i] = old[order[i]];
    }
    free(order);
    free(old);
    return rc ? tk_err_set(reterr, rc, "no memory to shuffle %zu prompts", a->n) : 0;
}

static int prefix_repetition_load(const struct tk_data_conf *conf, struct tk_items *ret,
                                  struct tk_err *reterr)
{
    struct tk_mt own = { 0 };
    struct repetition r = {
        .conf = conf,
        .reterr = reterr,
        .mt = conf->numpy ? conf->numpy : &own,
        .vocab = tk_tokenizer_vocab_size(conf->tokenizer, false),
        .text = TK_BUF_INIT(TK_TOKENIZER_MAX_TEXT),
        .scratch = tk_tok_scratch_new(),
    };

    tk__adder_init(&r.adder, ret);
    tk__fit_init(&r.prefix);
    tk__fit_init(&r.suffix);
    tk_mt_seed_numpy(r.mt, conf->seed);
    int rc = check(conf, reterr);
    if (rc == 0 && !r.scratch)
        rc = tk_err_set(reterr, -ENOMEM, "no memory for the tokenizer");
    if (rc == 0)
        rc = make_prompts(&r);
    if (rc == 0 && conf->do_shuffle)
        rc = shuffle(&r.adder, conf, reterr);
    if (rc == 0 && conf->ret_n_surplus)
        *conf->ret_n_surplus = r.n_surplus;
    tk_tok_scratch_free(r.scratch);
    tk__fit_release(&r.prefix);
    tk__fit_release(&r.suffix);
    tk_buf_release(&r.text);
    return tk__adder_finish(&r.adder, rc, reterr);
}

const struct tk_data_ops tk_data_prefix_repetition = {
    .name = "prefix_repetition",
    .help = "random tokens behind some prefixes that prompts share",
    .needs_path = false,
    .load = prefix_repetition_load,
};
