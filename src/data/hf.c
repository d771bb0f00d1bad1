/* hf.c - rows of a data set of the hub as requests
 *
 *   table.c, hf_categories.c rows ─► hf_sets.c prompt, answer ─► template and lengths ─► kept or not ─► item
 *
 * Row after row until there are enough: a stream is left when its rows suffice.
 */
#include "data/hf.h"

#include <errno.h>
#include <string.h>

#include "data/hf_categories.h"
#include "data/hf_sets.h"
#include "data/table.h"
#include "token/tokenizer.h"

#define MAX_PROMPT ((size_t)256 << 20)
#define MAX_MEDIA ((size_t)512 << 20)

/* The tool's rules for lengths: of the prompt, and of both. */
enum {
    LEAST_TOKENS = 4,
    SENSIBLE_PROMPT = 1024,
    SENSIBLE_BOTH = 2048,
    LONG_PROMPT = 2048,
    LONG_BOTH = 32000,
};

struct hf {
    const struct tk_data_conf *conf;
    struct tk_data_conf measured; /* the conf, without the template where the set has none */
    const struct tk_hf_set *set;
    struct tk__adder adder;
    struct tk_tok_scratch *scratch;
    struct tk__measured text;
    struct tk_buf media;
    struct tk__hf_row row;
    size_t n_seen;
    int64_t n_plain;
};

static bool is_sensible(const struct hf *d, int64_t prompt, int64_t output)
{
    bool is_long = d->set->lengths == TK__HF_LONG;

    return prompt >= LEAST_TOKENS && output >= LEAST_TOKENS &&
           prompt <= (is_long ? LONG_PROMPT : SENSIBLE_PROMPT) &&
           prompt + output <= (is_long ? LONG_BOTH : SENSIBLE_BOTH);
}

static bool is_kept(const struct hf *d, const struct tk_item *item, bool is_given)
{
    if (d->set->lengths == TK__HF_ANY || (is_given && d->set->lengths != TK__HF_ALWAYS))
        return true;
    return is_sensible(d, item->prompt_tokens, item->output_tokens);
}

static int fail_count(struct hf *d, int64_t code, struct tk_err *reterr)
{
    const char *words = d->text.err.msg[0] ? d->text.err.msg : tk_err_text((int)code);

    return tk__row_fail(&d->row.at, (int)code, reterr, "its tokens cannot be counted: %s", words);
}

/* How many tokens to ask for. A code below 0. */
static int64_t output_of(struct hf *d, bool is_given, struct tk_err *reterr)
{
    unsigned flags = d->set->has_plain_answer ? TK_TOK_PARSE_SPECIAL : TK_TOK_DEFAULT;

    if (is_given)
        return d->conf->output_tokens;
    if (d->set->output_tokens > 0)
        return d->set->output_tokens;
    int64_t n = tk_tokenizer_count(d->conf->tokenizer, d->scratch, d->row.answer, flags);
    return n < 0 ? fail_count(d, n, reterr) : n;
}

/* What the tool asserts of sets whose answers give the length. */
static int check_output(struct hf *d, int64_t n, struct tk_err *reterr)
{
    bool is_asserted = d->set->lengths == TK__HF_SENSIBLE || d->set->lengths == TK__HF_LONG;

    if (n > 0 || !is_asserted)
        return 0;
    return tk__row_fail(
        &d->row.at, TK_E_RANGE, reterr,
        "there are no tokens to ask for: its answer is empty, or --hf-output-len is 0");
}

/* What stands beside the text: 1, 0 (a recording that is not kept), or a code. */
static int add_media(struct hf *d, struct tk_item *item)
{
    bool is_speech = tk_hf_is_speech(d->set);
    int rc = is_speech ? tk__hf_add_speech(&d->row, &d->media)
                       : tk__hf_add_media(&d->row, &d->media);

    *(is_speech ? &item->audio : &item->media) = tk_buf_str(&d->media);
    return is_speech || rc < 0 ? rc : 1;
}

/* The length of the item's prompt, or a code. Where there is no template for functions, or it refuses them,
 * the tool counts the texts alone. */
static int64_t measure(struct hf *d, const struct tk_item *item)
{
    bool has_functions = tk_hf_has_functions(d->set);
    int64_t n = -EINVAL;

    d->text.err.msg[0] = '\0';
    d->text.tools = item->tools;
    if (!has_functions || d->measured.chat)
        n = tk__measure_prompt(&d->text, &d->measured, d->scratch, item);
    if (!has_functions || n >= 0 || n == -ENOMEM)
        return n;
    d->text.err.msg[0] = '\0';
    d->n_plain++;
    return tk_tokenizer_count(d->conf->tokenizer, d->scratch, tk_buf_str(&d->row.plain),
                              TK_TOK_DEFAULT);
}

/* The item of the row that was made: 1 added, 0 not kept, or a code. */
static int take(struct hf *d, struct tk_err *reterr)
{
    bool is_given = d->conf->output_tokens >= 0 && !d->set->ignores_output;
    struct tk_item item = {
        .prompt = tk_buf_str(&d->row.prompt),
        .messages = tk_buf_str(&d->row.messages),
        .tools = tk_buf_str(&d->row.tools),
        .row = d->row.at.index,
    };

    item.prompt_tokens = measure(d, &item);
    if (item.prompt_tokens < 0)
        return fail_count(d, item.prompt_tokens, reterr);
    item.output_tokens = output_of(d, is_given, reterr);
    if (item.output_tokens < 0)
        return (int)item.output_tokens;
    int rc = check_output(d, item.output_tokens, reterr);
    if (rc != 0 || !is_kept(d, &item, is_given))
        return rc;
    if (!tk_hf_has_functions(d->set)) {
        if (d->measured.chat)
            item.prompt = tk_buf_str(&d->text.text);
        item.messages = (struct tk_str){ NULL, 0 };
    }
    rc = d->row.media_kind ? add_media(d, &item) : 1;
    if (rc <= 0)
        return rc;
    rc = tk__adder_add(&d->adder, &item, reterr);
    return rc ? rc : 1;
}

static int take_row(struct hf *d, struct tk_json_val *root, struct tk_err *reterr)
{
    tk_buf_reset(&d->row.prompt);
    tk_buf_reset(&d->row.messages);
    tk_buf_reset(&d->row.tools);
    tk_buf_reset(&d->row.plain);
    d->row.answer = (struct tk_str){ NULL, 0 };
    d->row.media_kind = NULL;
    int rc = d->set->make(&d->row, root);
    return rc > 0 ? take(d, reterr) : rc;
}

/* Rows of the table, or of the categories where that is NULL. */
static int take_rows(struct hf *d, struct tk__table *table, struct tk__categories *categories,
                     struct tk_err *reterr)
{
    struct tk_json_val root;
    int rc = 0;

    d->row.reterr = reterr;
    while (d->adder.n < d->conf->n_wanted) {
        rc = table ? tk__table_next(table, &root, &d->row.at, reterr)
                   : tk__categories_next(categories, &root, &d->row.at, reterr);
        if (rc <= 0)
            break;
        d->n_seen++;
        d->row.is_turned = table && tk__table_has_pictures(table);
        rc = take_row(d, &root, reterr);
        if (rc < 0)
            return rc;
    }
    return TK_MIN(rc, 0);
}

static int fail_empty(const struct hf *d, struct tk_err *reterr)
{
    if (d->n_seen == 0)
        return tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' has no rows", d->conf->path);
    return tk_err_set(reterr, TK_E_NOT_FOUND,
                      "none of the %zu rows of '%s' is of a kind that is kept", d->n_seen,
                      d->conf->path);
}

/* The set's own split or subset where it has one that counts. */
static struct tk__table_conf table_conf(const struct hf *d)
{
    const struct tk_data_hf *hf = d->conf->hf;
    struct tk__table_conf t = {
        .path = d->conf->path,
        .subset = d->set->has_no_subset ? NULL
                  : hf->subset          ? hf->subset
                                        : d->set->subset,
        .split = hf->split,
        .columns = d->set->columns,
        .hub = hf->hub,
        .is_streamed = hf->is_streamed && !d->set->is_read_whole,
        .do_shuffle = d->conf->do_shuffle,
        .seed = d->conf->seed,
    };

    if (d->set->is_split_fixed || !t.split)
        t.split = d->set->split;
    while (t.n_columns < TK_ARRAY_LEN(d->set->columns) && d->set->columns[t.n_columns])
        t.n_columns++;
    return t;
}

static int load_rows(struct hf *d, struct tk_err *reterr)
{
    const struct tk__table_conf conf = table_conf(d);
    struct tk__table *table = NULL;
    struct tk__categories *categories = NULL;
    int rc = tk_hf_has_functions(d->set) ? tk__categories_open(d->conf, &categories, reterr)
                                         : tk__table_open(&conf, &table, reterr);

    if (rc == 0)
        rc = take_rows(d, table, categories, reterr);
    tk__table_free(table);
    tk__categories_free(categories);
    return rc == 0 && d->adder.n == 0 ? fail_empty(d, reterr) : rc;
}

static int hf_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    struct hf d = {
        .conf = conf,
        .measured = *conf,
        .set = conf->hf->set,
        .scratch = tk_tok_scratch_new(),
        .row = { .hf = conf->hf, .path = conf->path },
    };
    int rc = d.scratch ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for the tokenizer");

    if (!d.set->has_template && !tk_hf_has_functions(d.set))
        d.measured.chat = NULL;
    tk_buf_init(&d.row.prompt, MAX_PROMPT);
    tk_buf_init(&d.row.messages, MAX_PROMPT);
    tk_buf_init(&d.row.tools, MAX_PROMPT);
    tk_buf_init(&d.row.plain, MAX_PROMPT);
    tk_buf_init(&d.media, MAX_MEDIA);
    tk__adder_init(&d.adder, ret);
    if (rc == 0 && conf->n_wanted == 0)
        rc = tk_err_set(reterr, TK_E_RANGE, "No requests provided.");
    if (rc == 0)
        rc = load_rows(&d, reterr);
    tk_buf_release(&d.row.prompt);
    tk_buf_release(&d.row.messages);
    tk_buf_release(&d.row.tools);
    tk_buf_release(&d.row.plain);
    tk_buf_release(&d.media);
    tk__measured_release(&d.text);
    tk_tok_scratch_free(d.scratch);
    d.scratch = NULL;
    if (conf->ret_n_plain)
        *conf->ret_n_plain = d.n_plain;
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_hf = {
    .name = "hf",
    .help = "data sets of the Hugging Face hub that vllm bench serve knows",
    .needs_path = true,
    .load = hf_load,
};
