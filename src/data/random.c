/* random.c - prompts of runs of ids, as the `random` of `vllm bench serve`
 *
 *   lengths, outputs, offsets, prefix    drawn at first, N each, from NumPy's default_rng(seed)
 *   the prompts                          runs.c
 *   with `batch` above 1                 so many prompts are one request, which asks for no tokens
 */
#include <inttypes.h>
#include <math.h>

#include "base/num.h"
#include "data/batch.h"
#include "data/runs.h"

struct random {
    struct tk__runs runs; /* must be first */
    struct tk__adder adder;
    struct tk__batch batch;
};

static int fail_small(const struct tk__runs *r, double least)
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
        r->n_special, ratio, least);
}

static int check(const struct tk__runs *r)
{
    const struct tk_data_conf *conf = r->conf;
    int64_t length = TK_MAX(conf->input_tokens - r->n_special, 0);

    if (!isfinite(conf->range_ratio)) /* the draw says what is wrong with it */
        return 0;
    double least = (double)conf->prefix_tokens + floor((double)length * (1.0 - conf->range_ratio));
    return least < 1 ? fail_small(r, least) : 0;
}

static int add_single(struct random *d, size_t i, const struct tk__fit *fit)
{
    const struct tk_item item = {
        .prompt = tk_buf_str(&fit->text),
        .prompt_tokens = (int64_t)fit->ids.n,
        .output_tokens = d->runs.shapes[i].output,
        .row = (uint32_t)i,
    };
    const struct tk_data_conf *conf = d->runs.conf;
    if (conf->each)
        return conf->each(conf->each_owner, &item);
    return tk__adder_add(&d->adder, &item, d->runs.reterr);
}

static int on_text(struct tk__runs *r, size_t i, const struct tk__fit *fit)
{
    struct random *d = TK_CONTAINER_OF(r, struct random, runs);
    int64_t n_each = r->conf->batch;

    if (n_each <= 1)
        return add_single(d, i, fit);
    tk__batch_add(&d->batch, tk_buf_str(&fit->text), (int64_t)fit->ids.n);
    bool is_last = i + 1 == r->n_shapes || (int64_t)d->batch.n == n_each;
    return is_last ? tk__batch_finish(&d->batch, &d->adder, r->reterr) : 0;
}

static int make_all(struct random *d)
{
    struct tk__runs *r = &d->runs;
    const struct tk_data_conf *conf = r->conf;
    int rc = check(r);

    if (rc == 0 && (conf->n_wanted == 0 || conf->n_wanted > UINT32_MAX))
        rc = tk_err_set(r->reterr, TK_E_RANGE, "No requests provided.");
    if (rc == 0)
        rc = tk__runs_draw(r, conf->n_wanted, conf->input_tokens, conf->output_tokens);
    if (rc == 0)
        rc = tk__runs_allow(r, false);
    if (rc == 0)
        rc = tk__runs_draw_prefix(r);
    return rc ? rc : tk__runs_make(r);
}

static int random_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    struct random d;

    tk__adder_init(&d.adder, ret);
    tk__batch_init(&d.batch);
    int rc = tk__runs_init(&d.runs, conf, reterr);
    d.runs.on_text = on_text;
    if (rc == 0)
        rc = make_all(&d);
    tk__runs_release(&d.runs);
    tk__batch_release(&d.batch);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_random = {
    .name = "random",
    .help = "runs of the vocabulary, of an exact number of tokens",
    .needs_path = false,
    .load = random_load,
};
