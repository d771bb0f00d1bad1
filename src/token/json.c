/* json.c - tokenizer.json, Hugging Face's own form
 *
 * The parts are read in the order in which they need each other, whatever order they stand in: the
 * pre-tokenizer before the model (it decides whether the vocabulary is raw), the added tokens after
 * both and the normalizer. An unknown member or type is an error that names it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "token/internal.h"
#include "token/jsonu.h"
#include "token/unicode.h"

enum part { NORMALIZER, PRE_TOKENIZER, MODEL, POST_PROCESSOR, DECODER, ADDED_TOKENS, N_PARTS };

static const char *const part_names[N_PARTS] = {
    "normalizer", "pre_tokenizer", "model", "post_processor", "decoder", "added_tokens",
};

struct parts {
    struct tk_json_val v[N_PARTS];
    bool is_there[N_PARTS];
};

int tk__parse_sequence(struct tk_tokenizer *t, struct tk_json_val *v, const char *what,
                       const char *key, unsigned depth, tk__part_cb parse, struct tk_err *reterr)
{
    struct tk_json_val list, item;
    struct tk_json_iter it;
    if (depth >= TK__MAX_NESTING)
        return tk_err_set(reterr, TK_E_LIMIT, "%ss nested too deep", what);
    if (tk__ju_member(v, key, &list) <= 0 || tk_json_arr(&list, &it) < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the %s 'Sequence' has no '%s'", what, key);
    int rc = 0;
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0)
        rc = parse(t, &item, depth + 1, reterr);
    return rc;
}

/* "version", and what is ignored: see the header. */
static int other_member(struct tk_str key, struct tk_json_val *v, struct tk_err *reterr)
{
    struct tk_str version;
    if (tk_str_is(key, "truncation") || tk_str_is(key, "padding"))
        return 0;
    if (!tk_str_is(key, "version"))
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "a tokenizer.json has no '%.*s', or none that is supported here",
                          TK_STR_ARG(key));
    if (tk_json_get_str(v, &version) < 0 || !tk_str_is(version, "1.0"))
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "this version of tokenizer.json is not supported");
    return 0;
}

static int find_parts(struct tk_json_val *root, struct parts *parts, struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str key;
    int rc = tk_json_obj(root, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0) {
        unsigned i = 0;
        while (i < N_PARTS && !tk_str_is(key, part_names[i]))
            i++;
        rc = 0;
        if (i == N_PARTS) {
            rc = other_member(key, &v, reterr);
            if (rc < 0)
                return rc;
            continue;
        }
        parts->v[i] = v;
        parts->is_there[i] = tk_json_type(&v) != TK_JSON_NULL;
    }
    return rc < 0 ? tk_err_set(reterr, TK_E_FORMAT, "this is no tokenizer.json") : 0;
}

/* Before there was "type", the members said which model it is. */
static void guess_model(struct tk_json_val *v, char *type, size_t cap)
{
    static const char *const guesses[][2] = {
        { "merges", "BPE" },
        { "max_input_chars_per_word", "WordPiece" },
        { "unk_id", "Unigram" },
        { "unk_token", "WordLevel" },
    };
    struct tk_json_val m;
    for (size_t i = 0; type[0] == '\0' && i < TK_ARRAY_LEN(guesses); i++) {
        if (tk_json_find(v, guesses[i][0], &m) == 0)
            memcpy(type, guesses[i][1], TK_MIN(strlen(guesses[i][1]) + 1, cap));
    }
}

static int parse_model(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    char type[32];
    int rc = tk__ju_type(v, "model", type, sizeof(type), reterr);
    if (rc < 0)
        return rc;
    guess_model(v, type, sizeof(type));
    if (strcmp(type, "BPE") == 0)
        return tk__bpe_parse(t, v, reterr);
    if (strcmp(type, "Unigram") == 0)
        return tk__unigram_parse(t, v, reterr);
    if (strcmp(type, "WordPiece") == 0)
        return tk__wordpiece_parse(t, v, reterr);
    if (strcmp(type, "WordLevel") == 0)
        return tk__wordlevel_parse(t, v, reterr);
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "the model '%s' is not supported", type);
}

int tk__added_read(struct tk_tokenizer *t, struct tk_json_val *v, struct tk__added *ret,
                   struct tk_err *reterr)
{
    static const char *const known[] = { "id",         "content", "single_word", "lstrip", "rstrip",
                                         "normalized", "special", "__type",      NULL };
    static const char where[] = "added token";
    struct tk__added a = { .normalized = true };
    int rc = tk_json_type(v) == TK_JSON_OBJECT
                 ? tk__ju_only(v, where, known, reterr)
                 : tk_err_set(reterr, TK_E_FORMAT, "an added token is not an object");
    if (rc == 0)
        rc = tk__ju_need_str(v, "content", where, &t->arena, &a.content, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "single_word", where, &a.single_word, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "lstrip", where, &a.lstrip, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "rstrip", where, &a.rstrip, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "special", where, &a.special, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "normalized", where, &a.normalized, reterr);
    if (rc == 0)
        *ret = a;
    return rc;
}

static int parse_added(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk__added token;
    int rc = tk_json_arr(v, &it);
    if (rc < 0)
        return tk_err_set(reterr, rc, "'added_tokens' is no list");
    tk__added_begin(t);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        rc = tk__added_read(t, &item, &token, reterr);
        rc = rc < 0 ? rc : tk__added_add(t, &token, reterr);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? tk_err_set(reterr, rc, "'added_tokens' is damaged") : 0;
}

static int parse_part(struct tk_tokenizer *t, enum part part, struct tk_json_val *v,
                      struct tk_err *reterr)
{
    switch (part) {
    case NORMALIZER:
        return tk__normal_parse(t, v, reterr);
    case PRE_TOKENIZER:
        return tk__pre_parse(t, v, reterr);
    case MODEL:
        return parse_model(t, v, reterr);
    case POST_PROCESSOR:
        return tk__post_parse(t, v, reterr);
    case DECODER:
        return tk__decode_parse(t, v, reterr);
    default:
        return parse_added(t, v, reterr);
    }
}

static int parse_parts(struct tk_tokenizer *t, struct parts *parts, struct tk_err *reterr)
{
    int rc = 0;
    if (!parts->is_there[MODEL])
        return tk_err_set(reterr, TK_E_FORMAT, "this is no tokenizer.json, which has a 'model'");
    for (unsigned i = 0; rc == 0 && i < N_PARTS; i++) {
        if (!parts->is_there[i])
            continue;
        rc = parse_part(t, (enum part)i, &parts->v[i], reterr);
        if (rc < 0 && reterr && reterr->msg[0] == '\0')
            (void)tk_err_set(reterr, rc, "the %s is damaged", part_names[i]);
    }
    return rc;
}

int tk__json_load(struct tk_tokenizer *t, struct tk_str json, const char *name,
                  struct tk_err *reterr)
{
    struct tk_err detail = { 0 };
    struct tk_json_val root;
    struct parts parts = { 0 };
    struct tk_json *j = tk_json_new(json.n);
    int rc = j ? tk_json_parse(j, json.p, json.n, &root) : -ENOMEM;
    if (rc < 0) {
        (void)tk_json_free(j);
        return tk_err_set(reterr, rc, "'%s': %s", name,
                          rc == TK_E_FORMAT ? "this is not JSON" : tk_err_text(rc));
    }
    rc = find_parts(&root, &parts, &detail);
    if (rc == 0)
        rc = parse_parts(t, &parts, &detail);
    (void)tk_json_free(j);
    return rc < 0 ? tk_err_set(reterr, rc, "'%s': %s", name, detail.msg) : 0;
}
