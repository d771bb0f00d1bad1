/* random.c - prompts of runs of ids, as the `random` of `vllm bench serve`
 *
 *   lengths, outputs, offsets, prefix    drawn at first, N each, from NumPy's default_rng(seed)
 *   prompt i                             prefix + allowed[(offset + i + k) mod n], k = 0 … length-1
 *   its text                             fitted to its length (fit.h); what is appended is drawn from
 *                                        the same generator, prompt after prompt
 *
 * So most of the work does not wait for a draw and is done by all threads; the few prompts that come
 * out too short are finished in their order (pipe.h).
 *
 * The ids allowed are those of the model without the special ones of the configuration. Draws and
 * roundings are those of the tool; so are the words of its errors.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/pcg.h"
#include "data/fit.h"
#include "data/inside.h"
#include "data/pipe.h"

#define LONG_FROM 500 /* prompts: below it a larger cache costs more than it gains */

struct shape {
    int64_t length, output, offset;
};

struct random {
    const struct tk_data_conf *conf;
    struct tk_err *reterr;
    struct tk__adder adder;
    struct tk_pcg pcg;
    int64_t vocab;
    uint32_t *allowed; /* owned; n_allowed ids */
    size_t n_allowed;
    uint32_t *prefix; /* owned; n_prefix ids */
    size_t n_prefix;
    struct shape *shapes; /* owned; of each prompt */
    int64_t n_surplus;
};

struct slot {
    struct tk__fit fit;
    int64_t wants; /* what the fit said last */
};

/* --- lengths --- */

static int64_t n_added(const struct tk_data_conf *conf)
{
    struct tk_tok_scratch *s = tk_tok_scratch_new();
    int64_t n = s ? tk_tokenizer_count(conf->tokenizer, s, (struct tk_str){ "", 0 },
                                       TK_TOK_ADD_SPECIAL)
                  : -ENOMEM;
    tk_tok_scratch_free(s);
    return n;
}

static int fail_small(const struct random *r, int64_t n_special, double least)
{
    char ratio[32];

    ratio[tk_num_shortest(r->conf->range_ratio, ratio)] = '\0';
    return tk_err_set(
        r->reterr, TK_E_RANGE,
        "--random-input-len is too small: with tokenizer special tokens %" PRId64
        " and --random-range-ratio %s, the minimum possible total input tokens (prefix + sampled) "
        "is %.0f. Increase --random-input-len and/or --random-prefix-len, or decrease "
        "--random-range-ratio so that prefix_len + floor(max(0, random_input_len - num_special)) * "
        "(1 - range_ratio) >= 1.",
        n_special, ratio, least);
}

/* From [floor(n (1 - ratio)), ceil(n (1 + ratio))], at least `least`. */
struct range {
    int64_t low, high;
};

static int range_of(const struct random *r, int64_t n, int64_t least, struct range *ret)
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

static int check(const struct random *r, struct range *ret_input, struct range *ret_output)
{
    const struct tk_data_conf *conf = r->conf;
    int64_t n_special = n_added(conf);

    if (n_special < 0)
        return tk_err_set(r->reterr, (int)n_special, "the tokenizer could not be used");
    int64_t length = TK_MAX(conf->input_tokens - n_special, 0);
    if (isfinite(conf->range_ratio)) {
        double least = (double)conf->prefix_tokens +
                       floor((double)length * (1.0 - conf->range_ratio));
        if (least < 1)
            return fail_small(r, n_special, least);
    }
    if (!(conf->range_ratio >= 0 && conf->range_ratio < 1))
        return tk_err_set(r->reterr, TK_E_RANGE, "range_ratio must be in [0, 1).");
    if (conf->prefix_tokens > TK_DATA_MAX_WORDS)
        return tk_err_set(r->reterr, TK_E_RANGE, "a prefix has at most %d tokens",
                          TK_DATA_MAX_WORDS);
    int rc = range_of(r, length, 0, ret_input);
    return rc == 0 ? range_of(r, conf->output_tokens, 1, ret_output) : rc;
}

/* --- what is drawn at first --- */

/* transformers' all_special_ids; where no configuration says which they are, the special ones. */
static int allow_ids(struct random *r)
{
    const struct tk_tokenizer *t = r->conf->tokenizer;
    bool has_roles = false;

    r->vocab = tk_tokenizer_vocab_size(t, false);
    r->allowed = malloc(((size_t)r->vocab + 1) * sizeof(*r->allowed));
    if (!r->allowed)
        return tk_err_set(r->reterr, -ENOMEM, "no memory for the vocabulary");
    for (uint32_t id = 0; id < tk_tokenizer_id_end(t) && !has_roles; id++)
        has_roles = tk_tokenizer_has_role(t, id);
    for (uint32_t id = 0; id < r->vocab; id++) {
        if (!(has_roles ? tk_tokenizer_has_role(t, id) : tk_tokenizer_is_special(t, id)))
            r->allowed[r->n_allowed++] = id;
    }
    return r->n_allowed > 0 ? 0
                            : tk_err_set(r->reterr, TK_E_UNSUPPORTED,
                                         "the tokenizer has no token that is not special");
}

static int draw_shapes(struct random *r, struct range input, struct range output)
{
    size_t n = r->conf->n_wanted;

    r->shapes = reallocarray(NULL, n + 1, sizeof(*r->shapes));
    if (!r->shapes)
        return tk_err_set(r->reterr, -ENOMEM, "no memory for %zu prompts", n);
    for (size_t i = 0; i < n; i++)
        r->shapes[i].length = tk_pcg_integers(&r->pcg, input.low, input.high + 1);
    for (size_t i = 0; i < n; i++)
        r->shapes[i].output = tk_pcg_integers(&r->pcg, output.low, output.high + 1);
    for (size_t i = 0; i < n; i++)
        r->shapes[i].offset = tk_pcg_integers(&r->pcg, 0, r->vocab);
    return 0;
}

static int draw_prefix(struct random *r)
{
    size_t n = (size_t)TK_MAX(r->conf->prefix_tokens, 0);

    r->prefix = reallocarray(NULL, n + 1, sizeof(*r->prefix));
    if (!r->prefix)
        return tk_err_set(r->reterr, -ENOMEM, "no memory for the prefix");
    for (; r->n_prefix < n; r->n_prefix++)
        r->prefix[r->n_prefix] = r->allowed[tk_pcg_integers(&r->pcg, 0, (int64_t)r->n_allowed)];
    return 0;
}

/* --- prompts --- */

static int add_ids(struct random *r, const struct shape *shape, size_t i, struct tk_tok_ids *ids)
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
    struct random *r = owner;
    struct slot *slot = at;
    const struct shape *shape = &r->shapes[i];

    if (slot->fit.text.max == 0)
        tk__fit_init(&slot->fit);
    tk__fit_reset(&slot->fit, (size_t)(r->conf->prefix_tokens + shape->length));
    slot->wants = add_ids(r, shape, i, &slot->fit.ids);
    if (slot->wants == 0)
        slot->wants = tk__fit_run(&slot->fit, r->conf->tokenizer, s);
}

static int take(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    struct random *r = owner;
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
    struct tk_item item = {
        .prompt = tk_buf_str(&fit->text),
        .prompt_tokens = (int64_t)fit->ids.n,
        .output_tokens = r->shapes[i].output,
        .row = (uint32_t)i,
    };
    if (r->conf->each)
        return r->conf->each(r->conf->each_owner, &item);
    return tk__adder_add(&r->adder, &item, r->reterr);
}

static void release(void *at)
{
    struct slot *slot = at;
    tk__fit_release(&slot->fit);
}

static int make_prompts(struct random *r)
{
    const struct tk__pipe pipe = {
        .n = r->conf->n_wanted,
        .n_threads = r->conf->n_threads,
        .is_long = r->conf->n_wanted > LONG_FROM,
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
    return rc;
}

static int random_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    struct random r = { .conf = conf, .reterr = reterr };
    struct range input = { 0 }, output = { 0 };

    tk__adder_init(&r.adder, ret);
    tk_pcg_seed(&r.pcg, conf->seed);
    int rc = check(&r, &input, &output);
    if (rc == 0 && (conf->n_wanted == 0 || conf->n_wanted > UINT32_MAX))
        rc = tk_err_set(reterr, TK_E_RANGE, "No requests provided.");
    if (rc == 0)
        rc = allow_ids(&r);
    if (rc == 0)
        rc = draw_shapes(&r, input, output);
    if (rc == 0)
        rc = draw_prefix(&r);
    if (rc == 0)
        rc = make_prompts(&r);
    if (rc == 0 && conf->ret_n_surplus)
        *conf->ret_n_surplus = r.n_surplus;
    free(r.shapes);
    free(r.prefix);
    free(r.allowed);
    return tk__adder_finish(&r.adder, rc, reterr);
}

const struct tk_data_ops tk_data_random = {
    .name = "random",
    .help = "runs of the vocabulary, of an exact number of tokens",
    .needs_path = false,
    .load = random_load,
};
