/* jsonl.c - rows with a prompt, or with the messages of a chat
 *
 *   {"prompt": "…", "output_tokens": 128}
 *   {"messages": [{"role": "user", "content": "…"}], "max_tokens": 64}
 *   {"prompt": [{"role": …}]}                  the same, as vLLM's custom data sets have it
 *
 * One a line, or all in one array. A broken row is an error with its line: a load that quietly left
 * out half of its file would be another load.
 */
#include <stdio.h>

#include "base/jsoncheck.h"
#include "base/str.h"
#include "data/inside.h"

#define MAX_OUTPUT_TOKENS INT32_MAX

struct jsonl {
    const struct tk_data_conf *conf;
    struct tk__adder adder;
};

static const char *const output_keys[] = { "output_tokens", "max_tokens", "output_len" };

/* A member that is there and not null: 1, 0, or TK_E_FORMAT. */
static int find(struct tk_json_val *root, const char *key, struct tk_json_val *ret)
{
    int rc = tk_json_find(root, key, ret);
    if (rc == TK_E_NOT_FOUND)
        return 0;
    return rc ? rc : tk_json_type(ret) != TK_JSON_NULL;
}

/* "question, answer" */
static int fail_without_prompt(const struct tk__row *row, struct tk_json_val *root,
                               struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    char keys[200] = "";
    size_t n = 0;
    if (tk_json_obj(root, &it) == 0) {
        while (tk_json_obj_next(&it, &key, &val) > 0 && n + key.n + 3 < sizeof(keys)) {
            if (n > 0)
                n += (size_t)snprintf(keys + n, sizeof(keys) - n, ", ");
            n += (size_t)snprintf(keys + n, sizeof(keys) - n, "%.*s", TK_STR_ARG(key));
        }
    }
    if (n == 0)
        return tk__row_fail(row, TK_E_FORMAT, reterr,
                            "the row has neither 'prompt' nor 'messages': it is empty");
    return tk__row_fail(row, TK_E_FORMAT, reterr,
                        "the row has neither 'prompt' nor 'messages'; its keys are: %s; rename the "
                        "one with the text to 'prompt'",
                        keys);
}

static bool is_message(struct tk_json_val *v)
{
    struct tk_json_val role;
    return tk_json_type(v) == TK_JSON_OBJECT && tk_json_find(v, "role", &role) == 0 &&
           tk_json_type(&role) == TK_JSON_STRING;
}

static int read_messages(const struct tk__row *row, const char *key, struct tk_json_val *v,
                         struct tk_item *item, struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val message;
    int n = 0;
    int rc = tk_json_is_whole(v) ? tk_json_arr(v, &it) : TK_E_FORMAT;
    while (rc == 0 && (rc = tk_json_arr_next(&it, &message)) > 0) {
        rc = is_message(&message) ? 0 : TK_E_FORMAT;
        n++;
    }
    if (rc == 0 && n > 0)
        return tk_json_get_raw(v, &item->messages);
    return tk__row_fail(row, TK_E_FORMAT, reterr,
                        "'%s' must be a text or a list of messages such as "
                        "[{\"role\": \"user\", \"content\": \"…\"}]",
                        key);
}

static int read_text(const struct tk__row *row, const char *key, struct tk_json_val *v,
                     bool may_be_empty, struct tk_item *item, struct tk_err *reterr)
{
    if (tk_json_get_str(v, &item->prompt) != 0)
        return tk__row_fail(row, TK_E_FORMAT, reterr, "the text of '%s' is damaged", key);
    if (item->prompt.n == 0 && !may_be_empty)
        return tk__row_fail(row, TK_E_FORMAT, reterr, "'%s' is empty", key);
    return 0;
}

static int read_prompt(const struct tk__row *row, struct tk_json_val *root, bool may_be_empty,
                       struct tk_item *item, struct tk_err *reterr)
{
    static const char *const keys[] = { "prompt", "messages" };
    struct tk_json_val val;
    for (size_t i = 0; i < TK_ARRAY_LEN(keys); i++) {
        int rc = find(root, keys[i], &val);
        if (rc < 0)
            return tk__row_fail(row, rc, reterr, "the row is damaged JSON");
        if (rc > 0 && tk_json_type(&val) == TK_JSON_STRING && i == 0)
            return read_text(row, keys[i], &val, may_be_empty, item, reterr);
        if (rc > 0)
            return read_messages(row, keys[i], &val, item, reterr);
    }
    return fail_without_prompt(row, root, reterr);
}

static int read_output(const struct tk__row *row, struct tk_json_val *root, struct tk_item *item,
                       struct tk_err *reterr)
{
    struct tk_json_val val;
    for (size_t i = 0; i < TK_ARRAY_LEN(output_keys); i++) {
        int64_t n = 0;
        int rc = find(root, output_keys[i], &val);
        if (rc < 0)
            return tk__row_fail(row, rc, reterr, "the row is damaged JSON");
        if (rc == 0)
            continue;
        if (tk_json_get_i64(&val, &n) != 0 || n < 1 || n > MAX_OUTPUT_TOKENS)
            return tk__row_fail(row, TK_E_FORMAT, reterr,
                                "'%s' must be a whole number from 1 to %d", output_keys[i],
                                MAX_OUTPUT_TOKENS);
        item->output_tokens = n;
        return 0;
    }
    return 0;
}

/* The item of a row; its slices are the parser's. */
static int read_row(struct jsonl *d, const struct tk__row *row, struct tk_json_val *root,
                    struct tk_item *item, struct tk_err *reterr)
{
    *item = (struct tk_item){
        .prompt_tokens = -1,
        .output_tokens = -1,
        .row = row->index,
    };
    if (tk_json_type(root) != TK_JSON_OBJECT)
        return tk__row_fail(row, TK_E_FORMAT, reterr,
                            "the row is not an object such as {\"prompt\": \"…\"}");
    int rc = read_prompt(row, root, d->conf->takes_empty, item, reterr);
    if (d->conf->output_tokens >= 0)
        item->output_tokens = d->conf->output_tokens;
    else if (rc == 0)
        rc = read_output(row, root, item, reterr);
    return rc;
}

static int jsonl_check(void *owner, const struct tk__row *row, struct tk_json_val *root,
                       struct tk_err *reterr)
{
    struct tk_item item;
    int rc = read_row(owner, row, root, &item, reterr);
    return rc ? rc : 1;
}

static int jsonl_take(void *owner, const struct tk__row *row, struct tk_json_val *root,
                      struct tk_err *reterr)
{
    struct jsonl *d = owner;
    struct tk_item item;
    int rc = read_row(d, row, root, &item, reterr);
    if (rc == 0)
        rc = tk__adder_add(&d->adder, &item, reterr);
    return rc ? rc : 1;
}

static int jsonl_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    static const struct tk__rows_ops ops = { .check = jsonl_check, .take = jsonl_take };
    struct jsonl d = { .conf = conf };
    tk__adder_init(&d.adder, ret);
    int rc = tk__rows_load(conf, &ops, &d, reterr);
    if (rc == 0 && d.adder.n == 0)
        rc = tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' has no rows", conf->path);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_jsonl = {
    .name = "jsonl",
    .help = "a file of JSON objects, one a line, with `prompt` or `messages`, and `output_tokens`",
    .needs_path = true,
    .load = jsonl_load,
};
