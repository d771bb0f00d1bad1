/* first_turn.c - the first turn of each row, as Spec-Bench and SPEED-Bench have them
 *
 *   spec_bench    {"question_id": 81, "category": "writing", "turns": ["…", "…"]}
 *   speed_bench   {"category": "coding", "messages": [{"role": "user", "content": "…"}, …]}
 *
 * All rows, or those of a category, shuffled as CPython does it, until there are as many as wanted. What
 * follows the first turn is left out, as in the tool.
 */
#include <string.h>

#include "base/str.h"
#include "data/inside.h"

struct first_turn {
    const struct tk_data_conf *conf;
    const char *column;  /* the array of turns */
    const char *content; /* the turn's text in an object; NULL: the turn is the text */
    struct tk__adder adder;
};

/* 1, 0 (another category), or a code with words. */
static int is_wanted(const struct first_turn *d, const struct tk__row *row,
                     struct tk_json_val *root, struct tk_err *reterr)
{
    struct tk_json_val val;
    struct tk_str category;

    if (!d->conf->category || d->conf->category[0] == '\0')
        return 1;
    if (tk_json_find(root, "category", &val) != 0 || tk_json_get_str(&val, &category) != 0)
        return tk__row_fail(row, TK_E_FORMAT, reterr, "the row has no 'category', a text");
    return tk_str_eq(category, tk_str_of(d->conf->category));
}

static int read_text(const struct first_turn *d, const struct tk__row *row,
                     struct tk_json_val *root, struct tk_str *ret, struct tk_err *reterr)
{
    struct tk_json_val list, turn, text;
    struct tk_json_iter it;

    if (tk_json_type(root) != TK_JSON_OBJECT || tk_json_find(root, d->column, &list) != 0)
        return tk__row_fail(row, TK_E_FORMAT, reterr, "JSONL file must contain a '%s' column.",
                            d->column);
    bool has_text = tk_json_arr(&list, &it) == 0 && tk_json_arr_next(&it, &turn) > 0 &&
                    (!d->content || tk_json_find(&turn, d->content, &text) == 0) &&
                    tk_json_get_str(d->content ? &text : &turn, ret) == 0;
    return has_text
               ? 0
               : tk__row_fail(row, TK_E_FORMAT, reterr, "'%s' must be a list that begins with a %s",
                              d->column, d->content ? "message whose content is a text" : "text");
}

static int turn_check(void *owner, const struct tk__row *row, struct tk_json_val *root,
                      struct tk_err *reterr)
{
    struct first_turn *d = owner;
    struct tk_str text;
    int rc = read_text(d, row, root, &text, reterr);

    return rc ? rc : is_wanted(d, row, root, reterr);
}

static int turn_take(void *owner, const struct tk__row *row, struct tk_json_val *root,
                     struct tk_err *reterr)
{
    struct first_turn *d = owner;
    struct tk_item item = {
        .prompt_tokens = -1,
        .output_tokens = d->conf->output_tokens,
        .row = row->index,
    };
    int rc = read_text(d, row, root, &item.prompt, reterr);

    if (rc == 0)
        rc = tk__adder_add(&d->adder, &item, reterr);
    return rc ? rc : 1;
}

static int load(struct first_turn *d, struct tk_items *ret, struct tk_err *reterr)
{
    static const struct tk__rows_ops ops = { .check = turn_check, .take = turn_take };
    const struct tk_data_conf *conf = d->conf;

    tk__adder_init(&d->adder, ret);
    int rc = tk__rows_load(conf, &ops, d, reterr);
    if (rc == 0 && d->adder.n == 0)
        rc = conf->category
                 ? tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' has no row of the category '%s'",
                              conf->path, conf->category)
                 : tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' has no rows", conf->path);
    return tk__adder_finish(&d->adder, rc, reterr);
}

static int spec_bench_load(const struct tk_data_conf *conf, struct tk_items *ret,
                           struct tk_err *reterr)
{
    struct first_turn d = { .conf = conf, .column = "turns" };
    return load(&d, ret, reterr);
}

static int speed_bench_load(const struct tk_data_conf *conf, struct tk_items *ret,
                            struct tk_err *reterr)
{
    struct first_turn d = { .conf = conf, .column = "messages", .content = "content" };
    return load(&d, ret, reterr);
}

const struct tk_data_ops tk_data_spec_bench = {
    .name = "spec_bench",
    .help = "the first turn of each question of Spec-Bench",
    .needs_path = true,
    .load = spec_bench_load,
};

const struct tk_data_ops tk_data_speed_bench = {
    .name = "speed_bench",
    .help = "the first message of each conversation of SPEED-Bench",
    .needs_path = true,
    .load = speed_bench_load,
};
