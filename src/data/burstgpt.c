/* burstgpt.c - prompts as long as those of a trace, as `vllm bench serve` makes them
 *
 *   Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
 *   5,ChatGPT,472,18,490,Conversation log
 *
 * Of the rows of GPT-4 that were answered, some are drawn as pandas draws them, DataFrame.sample()
 * with a RandomState of the seed: without putting back, unless there are too few. The lengths are in
 * the third and the fourth column, whatever they are called. Prompt i is the text of the ids i, i + 1, …
 * of the vocabulary; that it may be another number of tokens is the tool's way.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "data/csv.h"
#include "data/inside.h"
#include "data/pipe.h"

#define INPUT_COLUMN 2 /* by position, as the tool takes them */
#define OUTPUT_COLUMN 3

struct lengths {
    int64_t input, output; /* INT64_MIN: none that is a number */
    uint64_t line;
};

struct burst {
    const struct tk_data_conf *conf;
    struct tk_err *reterr;
    struct tk__adder adder;
    struct lengths *v; /* owned; rows that may be drawn */
    size_t n, cap;
    uint32_t *order; /* owned; n_wanted of them */
    int64_t vocab;
    size_t model, response; /* columns by name */
};

/* --- the trace --- */

static int find_column(const struct burst *d, const struct tk__csv *c, const char *name,
                       size_t *ret)
{
    for (size_t i = 0; i < c->n; i++) {
        *ret = i;
        if (tk_str_is(c->v[i], name))
            return 0;
    }
    return tk_err_set(d->reterr, TK_E_FORMAT, "Unknown dataset: burstgpt: '%s' has no column '%s'",
                      d->conf->path, name);
}

static int read_head(struct burst *d, struct tk__csv *c)
{
    int rc = tk__csv_next(c, d->reterr);

    if (rc == 0)
        return tk_err_set(d->reterr, TK_E_NOT_FOUND, "'%s' is empty", d->conf->path);
    if (rc > 0)
        rc = find_column(d, c, "Model", &d->model);
    if (rc == 0)
        rc = find_column(d, c, "Response tokens", &d->response);
    if (rc == 0 && c->n <= OUTPUT_COLUMN)
        rc = tk_err_set(d->reterr, TK_E_FORMAT,
                        "'%s' has %zu columns; lengths are in the third and "
                        "the fourth",
                        d->conf->path, c->n);
    return rc;
}

/* The number of a field: 0, or a code when it is none, or too large. Without one INT64_MIN. */
static int read_number(const struct tk__csv *c, size_t column, double *ret)
{
    struct tk_str field = column < c->n ? tk_str_trim(c->v[column]) : (struct tk_str){ NULL, 0 };

    *ret = (double)INT64_MIN;
    int rc = field.n == 0 ? 0 : tk_num_parse_double(field, ret);
    if (rc == 0 && !(fabs(*ret) <= TK_DATA_MAX_WORDS))
        rc = isnan(*ret) || *ret == (double)INT64_MIN ? 0 : TK_E_RANGE;
    if (rc == 0 && isnan(*ret))
        *ret = (double)INT64_MIN;
    return rc;
}

static int bad_number(const struct burst *d, const struct tk__csv *c, size_t column)
{
    (void)tk_err_set(d->reterr, TK_E_FORMAT,
                     "'%s', line %" PRIu64 ": '%.*s' is no number of tokens", d->conf->path,
                     c->line, TK_STR_ARG(c->v[column]));
    if (d->reterr)
        d->reterr->line = (unsigned)TK_MIN(c->line, UINT32_MAX);
    return TK_E_FORMAT;
}

static int keep_row(struct burst *d, const struct lengths *row)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 4096;
        struct lengths *v = reallocarray(d->v, cap, sizeof(*v));
        if (!v || d->n >= UINT32_MAX / 2)
            return tk_err_set(d->reterr, -ENOMEM, "no memory for the rows of '%s'", d->conf->path);
        d->v = v;
        d->cap = cap;
    }
    d->v[d->n++] = *row;
    return 0;
}

static int see_row(struct burst *d, const struct tk__csv *c)
{
    double answered, input, output;

    if (d->model >= c->n || !tk_str_is(c->v[d->model], "GPT-4"))
        return 0;
    if (read_number(c, d->response, &answered) != 0)
        return bad_number(d, c, d->response);
    if (!(answered > 0))
        return 0;
    if (read_number(c, INPUT_COLUMN, &input) != 0)
        return bad_number(d, c, INPUT_COLUMN);
    if (read_number(c, OUTPUT_COLUMN, &output) != 0)
        return bad_number(d, c, OUTPUT_COLUMN);
    struct lengths row = { .input = (int64_t)input, .output = (int64_t)output, .line = c->line };
    return keep_row(d, &row);
}

static int read_trace(struct burst *d)
{
    struct tk__csv csv;
    int rc = tk__csv_open(&csv, d->conf->path, d->reterr);

    if (rc == 0)
        rc = read_head(d, &csv);
    while (rc == 0 && (rc = tk__csv_next(&csv, d->reterr)) > 0)
        rc = see_row(d, &csv);
    tk__csv_close(&csv);
    if (rc == 0 && d->n == 0)
        rc = tk_err_set(d->reterr, TK_E_NOT_FOUND,
                        "'%s' has no row of the model 'GPT-4' that was answered", d->conf->path);
    return rc;
}

/* --- which rows --- */

/* RandomState(seed).choice(n, size, replace): a permutation's first, or each drawn by itself. */
static int draw_rows(struct burst *d)
{
    size_t n_wanted = d->conf->n_wanted;
    struct tk_mt mt;

    d->order = reallocarray(NULL, TK_MAX(d->n, n_wanted) + 1, sizeof(*d->order));
    if (!d->order)
        return tk_err_set(d->reterr, -ENOMEM, "no memory for %zu prompts", n_wanted);
    tk_mt_seed_numpy(&mt, d->conf->seed);
    for (size_t i = 0; n_wanted > d->n && i < n_wanted; i++)
        d->order[i] = (uint32_t)tk_mt_randint(&mt, d->n);
    if (n_wanted > d->n)
        return 0;
    for (size_t i = 0; i < d->n; i++)
        d->order[i] = (uint32_t)i;
    for (size_t i = d->n; i-- > 1;) {
        size_t j = (size_t)tk_mt_randint(&mt, i + 1);
        uint32_t old = d->order[i];
        d->order[i] = d->order[j];
        d->order[j] = old;
    }
    return 0;
}

/* --- prompts --- */

struct slot {
    struct tk_tok_ids ids;
    struct tk_buf text;
    int rc;
};

static void make(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    struct burst *d = owner;
    struct slot *slot = at;
    const struct lengths *row = &d->v[d->order[i]];

    if (slot->text.max == 0)
        tk_buf_init(&slot->text, TK_TOKENIZER_MAX_TEXT);
    tk_buf_reset(&slot->text);
    slot->ids.n = 0;
    slot->rc = 0;
    for (int64_t j = 0; slot->rc == 0 && j < row->input; j++)
        slot->rc = tk_tok_ids_add(&slot->ids, (uint32_t)(((int64_t)i + j) % d->vocab));
    if (slot->rc == 0)
        slot->rc = tk_tokenizer_decode(d->conf->tokenizer, s, slot->ids.p, slot->ids.n, 0,
                                       &slot->text);
}

static int take(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    struct burst *d = owner;
    const struct slot *slot = at;
    const struct lengths *row = &d->v[d->order[i]];

    (void)s;
    if (row->input == INT64_MIN || row->output == INT64_MIN)
        return tk_err_set(d->reterr, TK_E_FORMAT, "'%s', line %" PRIu64 ": a length is missing",
                          d->conf->path, row->line);
    if (slot->rc != 0)
        return tk_err_set(d->reterr, slot->rc, "prompt %zu could not be made: %s", i,
                          tk_err_text(slot->rc));
    struct tk_item item = {
        .prompt = tk_buf_str(&slot->text),
        .prompt_tokens = row->input,
        .output_tokens = row->output,
        .row = (uint32_t)i,
    };
    return tk__adder_add(&d->adder, &item, d->reterr);
}

static void release(void *at)
{
    struct slot *slot = at;

    tk_tok_ids_release(&slot->ids);
    tk_buf_release(&slot->text);
}

static int make_prompts(struct burst *d)
{
    const struct tk__pipe pipe = {
        .n = d->conf->n_wanted,
        .n_threads = d->conf->n_threads,
        .slot_bytes = sizeof(struct slot),
        .owner = d,
        .make = make,
        .take = take,
        .release = release,
    };
    int rc = tk__pipe_run(&pipe);
    if (rc == -ENOMEM)
        (void)tk_err_set(d->reterr, rc, "no memory for the prompts");
    return rc;
}

static int burstgpt_load(const struct tk_data_conf *conf, struct tk_items *ret,
                         struct tk_err *reterr)
{
    struct burst d = {
        .conf = conf,
        .reterr = reterr,
        .vocab = TK_MAX((int64_t)tk_tokenizer_vocab_size(conf->tokenizer, false), 1),
    };

    tk__adder_init(&d.adder, ret);
    int rc = 0;
    if (conf->n_wanted == 0 || conf->n_wanted > UINT32_MAX)
        rc = tk_err_set(reterr, TK_E_RANGE, "No requests provided.");
    if (rc == 0)
        rc = read_trace(&d);
    if (rc == 0)
        rc = draw_rows(&d);
    if (rc == 0)
        rc = make_prompts(&d);
    free(d.v);
    free(d.order);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_burstgpt = {
    .name = "burstgpt",
    .help = "prompts as long as those of a trace (CSV), of GPT-4",
    .needs_path = true,
    .load = burstgpt_load,
};
