/* post.c - post-processors: what stands before and after the ids of a text
 *
 * A template may name the text where it likes, once: what is before it and after it is kept as ids.
 * ByteLevel's changes offsets only, which nobody here asks for. Templates for pairs are not read.
 */
#include <string.h>

#include "base/str.h"
#include "token/internal.h"
#include "token/jsonu.h"

#define WHERE "post-processor"

static int add(struct tk__post *post, bool is_after, uint32_t id, struct tk_err *reterr)
{
    unsigned *n = is_after ? &post->n_after : &post->n_before;
    if (*n == TK__MAX_POST)
        return tk_err_set(reterr, TK_E_LIMIT, "a post-processor with more than %u tokens",
                          TK__MAX_POST);
    (is_after ? post->after : post->before)[(*n)++] = id;
    return 0;
}

static int id_of(struct tk_json_val *v, uint32_t *ret, struct tk_err *reterr)
{
    int64_t id = 0;
    if (tk_json_get_i64(v, &id) < 0 || id < 0 || id > TK_TOKENIZER_MAX_ID)
        return tk_err_set(reterr, TK_E_FORMAT, "an id of the post-processor is no id");
    *ret = (uint32_t)id;
    return 0;
}

/* A second one would work on several encodings, which `tokenizers` does not do either. */
static int claim(struct tk_tokenizer *t, struct tk_err *reterr)
{
    if (t->post.is_set)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "two post-processors that add tokens are not supported");
    t->post.is_set = true;
    return 0;
}

/* ["[SEP]", 102] */
static int pair(struct tk_json_val *v, const char *key, uint32_t *ret, struct tk_err *reterr)
{
    struct tk_json_val m, item;
    struct tk_json_iter it;
    struct tk_str text;
    if (tk__ju_member(v, key, &m) <= 0 || tk_json_arr(&m, &it) < 0 ||
        tk_json_arr_next(&it, &item) <= 0 || tk_json_get_str(&item, &text) < 0 ||
        tk_json_arr_next(&it, &item) <= 0)
        return tk_err_set(reterr, TK_E_FORMAT, "'%s' of the post-processor is no pair", key);
    return id_of(&item, ret, reterr);
}

static int parse_bert(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    uint32_t cls = 0;
    uint32_t sep = 0;
    int rc = claim(t, reterr);
    if (rc == 0)
        rc = pair(v, "cls", &cls, reterr);
    if (rc == 0)
        rc = pair(v, "sep", &sep, reterr);
    if (rc == 0)
        rc = add(&t->post, false, cls, reterr);
    return rc == 0 ? add(&t->post, true, sep, reterr) : rc;
}

/* The ids that special_tokens gives the name. */
static int add_named(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_str name,
                     bool is_after, struct tk_err *reterr)
{
    struct tk_json_val specials, one, ids, item;
    struct tk_json_iter it;
    struct tk_str key, id_text;
    uint32_t id = 0;
    int rc = tk__ju_member(v, "special_tokens", &specials);
    rc = rc > 0 ? tk_json_obj(&specials, &it) : TK_E_FORMAT;
    while (rc == 0 && tk_json_obj_next(&it, &key, &one) > 0) {
        /* the key may be escaped: the member "id" repeats it */
        if (tk__ju_member(&one, "id", &item) <= 0 || tk_json_get_str(&item, &id_text) < 0 ||
            !tk_str_eq(id_text, name))
            continue;
        if (tk__ju_member(&one, "ids", &ids) <= 0 || tk_json_arr(&ids, &it) < 0)
            break;
        while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
            rc = id_of(&item, &id, reterr);
            rc = rc < 0 ? rc : add(&t->post, is_after, id, reterr);
        }
        return rc;
    }
    return tk_err_set(reterr, TK_E_FORMAT, "the post-processor does not explain '%.*s'",
                      TK_STR_ARG(name));
}

/* One piece of a template: {"Sequence": …} or {"SpecialToken": …}. */
static int parse_piece(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_json_val *piece,
                       bool *is_after, struct tk_err *reterr)
{
    struct tk_json_val m, id;
    struct tk_str name = { 0 };
    bool is_sequence = tk__ju_member(piece, "Sequence", &m) > 0;
    if (!is_sequence && tk__ju_member(piece, "SpecialToken", &m) <= 0)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "a template of the post-processor has a piece that is not supported");
    if (tk__ju_member(&m, "id", &id) <= 0 || tk_json_get_str(&id, &name) < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "a piece of a template has no 'id'");
    if (!is_sequence)
        return add_named(t, v, name, *is_after, reterr);
    if (*is_after || !tk_str_is(name, "A"))
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "a template that does not have the text exactly once is not supported");
    *is_after = true;
    return 0;
}

static int parse_template(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    struct tk_json_val single, piece;
    struct tk_json_iter it;
    bool is_after = false;
    int rc = claim(t, reterr);
    if (rc < 0)
        return rc;
    if (tk__ju_member(v, "single", &single) <= 0 || tk_json_arr(&single, &it) < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the post-processor has no template 'single'");
    while (rc == 0 && (rc = tk_json_arr_next(&it, &piece)) > 0)
        rc = parse_piece(t, v, &piece, &is_after, reterr);
    if (rc == 0 && !is_after)
        return tk_err_set(reterr, TK_E_UNSUPPORTED, "a template without the text is not supported");
    return rc;
}

static int parse(struct tk_tokenizer *t, struct tk_json_val *v, unsigned depth,
                 struct tk_err *reterr)
{
    static const char *const known[] = {
        "type",         "processors",       "single",    "pair", "special_tokens", "sep", "cls",
        "trim_offsets", "add_prefix_space", "use_regex", NULL
    };
    char type[32];
    int rc = tk__ju_type(v, WHERE, type, sizeof(type), reterr);
    if (rc == 0)
        rc = tk__ju_only(v, WHERE, known, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(type, "Sequence") == 0)
        return tk__parse_sequence(t, v, "post-processor", "processors", depth, parse, reterr);
    if (strcmp(type, "ByteLevel") == 0)
        return 0;
    if (strcmp(type, "TemplateProcessing") == 0)
        return parse_template(t, v, reterr);
    if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
        return parse_bert(t, v, reterr);
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "the post-processor '%s' is not supported", type);
}

int tk__post_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    return parse(t, v, 0, reterr);
}
