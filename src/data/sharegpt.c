/* sharegpt.c - first question and answer of each conversation in a ShareGPT file
 *
 *   [{"id": "x", "conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}]
 *
 * As vLLM's benchmark has it: conversations of two turns or more, shuffled by the seed, the first turn
 * is the prompt whoever said it, the second gives the length to ask for. Its filter drops lengths that
 * would make odd requests. Without a tokenizer lengths are estimated at four bytes a token, and the
 * filter drops a somewhat different set than vLLM's.
 */
#include <errno.h>

#include "base/str.h"
#include "data/inside.h"
#include "data/parts.h"
#include "token/tokenizer.h"

/* vLLM's rule, is_valid_sequence(). */
enum {
    MIN_TOKENS = 4,
    MAX_PROMPT_TOKENS = 1024,
    MAX_TOKENS = 2048,
};

struct sharegpt {
    const struct tk_data_conf *conf;
    struct tk__adder adder;
    struct tk_tok_scratch *scratch; /* owned; NULL without a tokenizer */
    struct tk_buf media;
    size_t n_fit; /* conversations of two turns or more */
};

/* The text of a turn: 1, 0 (it has none), or a code. */
static int read_turn(struct tk_json_iter *turns, struct tk_str *ret)
{
    struct tk_json_val turn, value;
    int rc = tk_json_arr_next(turns, &turn);
    if (rc <= 0)
        return rc;
    if (tk_json_type(&turn) != TK_JSON_OBJECT)
        return 0;
    rc = tk_json_find(&turn, "value", &value);
    if (rc == TK_E_NOT_FOUND || (rc == 0 && tk_json_type(&value) != TK_JSON_STRING))
        return 0;
    rc = rc ? rc : tk_json_get_str(&value, ret);
    return rc ? rc : 1;
}

/* The first two turns: 1, 0 (it has no two), or a code, with words. */
static int read_turns(const struct tk__row *row, struct tk_json_val *root,
                      struct tk_str *ret_prompt, struct tk_str *ret_answer, struct tk_err *reterr)
{
    struct tk_json_val list;
    struct tk_json_iter turns;
    if (tk_json_type(root) != TK_JSON_OBJECT)
        return 0;
    int rc = tk_json_find(root, "conversations", &list);
    if (rc == TK_E_NOT_FOUND || (rc == 0 && tk_json_type(&list) != TK_JSON_ARRAY))
        return 0;
    if (rc == 0)
        rc = tk_json_arr(&list, &turns);
    if (rc == 0)
        rc = read_turn(&turns, ret_prompt);
    if (rc == 1)
        rc = read_turn(&turns, ret_answer);
    if (rc < 0)
        return tk__row_fail(row, rc, reterr, "the conversation is damaged JSON");
    return rc;
}

static bool is_sensible(const struct tk_item *item, bool is_output_given)
{
    return item->prompt_tokens >= MIN_TOKENS && item->prompt_tokens <= MAX_PROMPT_TOKENS &&
           (is_output_given || item->output_tokens >= MIN_TOKENS) &&
           item->prompt_tokens + item->output_tokens <= MAX_TOKENS;
}

static int sharegpt_check(void *owner, const struct tk__row *row, struct tk_json_val *root,
                          struct tk_err *reterr)
{
    struct sharegpt *d = owner;
    struct tk_str prompt = { NULL, 0 }, answer = { NULL, 0 };
    int rc = read_turns(row, root, &prompt, &answer, reterr);
    if (rc > 0)
        d->n_fit++;
    return rc;
}

static int64_t count(const struct sharegpt *d, struct tk_str text)
{
    if (!d->scratch)
        return tk__estimate_tokens(text);
    return tk_tokenizer_count(d->conf->tokenizer, d->scratch, text, TK_TOK_DEFAULT);
}

/* What Python takes for nothing. */
static bool is_nothing(struct tk_json_val *v)
{
    static const char *const words[] = { "null", "false", "\"\"", "0", "[]", "{}" };
    struct tk_str raw;

    if (tk_json_get_raw(v, &raw) != 0)
        return false;
    for (size_t i = 0; i < TK_ARRAY_LEN(words); i++) {
        if (tk_str_eq(raw, tk_str_of(words[i])))
            return true;
    }
    return false;
}

/* The image of the row, else its video, as a content part by its URL. 0 or a code. */
static int read_media(struct sharegpt *d, const struct tk__row *row, struct tk_json_val *root,
                      struct tk_err *reterr)
{
    static const char *const kinds[] = { "image", "video" };
    struct tk_json_val val;
    struct tk_str url;

    tk_buf_reset(&d->media);
    for (size_t i = 0; i < TK_ARRAY_LEN(kinds); i++) {
        if (tk_json_find(root, kinds[i], &val) != 0 || is_nothing(&val))
            continue;
        if (tk_json_get_str(&val, &url) != 0)
            return tk__row_fail(row, TK_E_FORMAT, reterr, "'%s' must be a path or a URL, a text",
                                kinds[i]);
        int rc = tk__add_url_part(&d->media, kinds[i], url, TK__URLS_AS_THEY_ARE, NULL);
        return rc ? tk__row_fail(row, rc, reterr, "no memory for its %s", kinds[i]) : 0;
    }
    return 0;
}

static int sharegpt_take(void *owner, const struct tk__row *row, struct tk_json_val *root,
                         struct tk_err *reterr)
{
    struct sharegpt *d = owner;
    struct tk_str prompt = { NULL, 0 }, answer = { NULL, 0 };
    int rc = read_turns(row, root, &prompt, &answer, reterr);
    if (rc <= 0)
        return rc;
    bool is_output_given = d->conf->output_tokens >= 0;
    struct tk_item item = {
        .prompt = prompt,
        .prompt_tokens = count(d, prompt),
        .output_tokens = is_output_given ? d->conf->output_tokens : count(d, answer),
        .row = row->index,
    };
    if (item.prompt_tokens < 0 || item.output_tokens < 0)
        return tk__row_fail(row, TK_E_FORMAT, reterr, "the tokenizer cannot take the text");
    if (d->conf->is_filtered && !is_sensible(&item, is_output_given))
        return 0;
    if (d->conf->takes_media && (rc = read_media(d, row, root, reterr)) != 0)
        return rc;
    item.media = tk_buf_str(&d->media);
    rc = tk__adder_add(&d->adder, &item, reterr);
    return rc ? rc : 1;
}

static int fail_empty(const struct sharegpt *d, struct tk_err *reterr)
{
    if (d->n_fit == 0)
        return tk_err_set(
            reterr, TK_E_NOT_FOUND,
            "'%s' has no row with two texts in 'conversations'; rows with 'prompt' or "
            "'messages' are the data set 'jsonl', in vLLM's words 'custom'",
            d->conf->path);
    return tk_err_set(
        reterr, TK_E_NOT_FOUND,
        "none of the %zu conversations of '%s' has sensible lengths: %d tokens each at "
        "least, the prompt at most %d, both at most %d%s",
        d->n_fit, d->conf->path, MIN_TOKENS, MAX_PROMPT_TOKENS, MAX_TOKENS,
        d->scratch ? "" : " (estimated at 4 bytes a token)");
}

static int sharegpt_load(const struct tk_data_conf *conf, struct tk_items *ret,
                         struct tk_err *reterr)
{
    static const struct tk__rows_ops ops = { .check = sharegpt_check, .take = sharegpt_take };
    struct sharegpt d = { .conf = conf, .media = TK_BUF_INIT(TK__MAX_PARTS) };
    tk__adder_init(&d.adder, ret);
    ret->is_estimated = !conf->tokenizer;
    int rc = 0;
    if (conf->tokenizer && !(d.scratch = tk_tok_scratch_new()))
        rc = tk_err_set(reterr, -ENOMEM, "no memory for the tokenizer");
    if (rc == 0)
        rc = tk__rows_load(conf, &ops, &d, reterr);
    if (rc == 0 && d.adder.n == 0)
        rc = fail_empty(&d, reterr);
    tk_tok_scratch_free(d.scratch);
    d.scratch = NULL;
    tk_buf_release(&d.media);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_sharegpt = {
    .name = "sharegpt",
    .help = "a JSON array of conversations; the first turn is the prompt, the second its length",
    .needs_path = true,
    .load = sharegpt_load,
};
