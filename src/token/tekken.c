/* tekken.c - Mistral's tekken.json
 *
 *   {"config": {"pattern", "default_vocab_size", "default_num_special_tokens", "version"},
 *    "vocab": [{"rank", "token_bytes", "token_str"}, …],
 *    "special_tokens": [{"rank", "token_str", "is_control"}, …] or nothing (up to v7)}
 *
 * Special tokens have the first ids, the others their rank and the number of special tokens. Of the
 * vocabulary only as much counts as the configured size has room for. Special tokens that the file
 * does not name are called <SPECIAL_n>. Text never makes a special token.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "token/jsonu.h"
#include "token/loaders.h"
#include "token/scan.h"
#include "token/tiktoken.h"

#define WHERE "tekken.json"
#define MAX_TOKEN 4096
#define MAX_SPECIAL 100000

/* Up to v7 the file does not say which they are. */
static const char *const old_specials[] = {
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
};

struct tekken {
    struct tk_tokenizer *t;
    struct tk_str pattern, version;
    size_t n_vocab; /* special tokens included */
    size_t n_special;
    struct tk_err *err;
};

static int damaged(const struct tekken *k, const char *what)
{
    return tk_err_set(k->err, TK_E_FORMAT, "%s", what);
}

static int read_config(struct tekken *k, struct tk_json_val *root)
{
    struct tk_json_val config;
    struct tk_arena *a = &k->t->arena;
    int64_t version = 0;

    if (tk__ju_member(root, "config", &config) <= 0)
        return damaged(k, "there is no 'config' in it");
    int rc = tk__ju_need_str(&config, "pattern", WHERE, a, &k->pattern, k->err);
    if (rc == 0)
        rc = tk__ju_need_str(&config, "version", WHERE, a, &k->version, k->err);
    if (rc == 0)
        rc = tk__ju_size(&config, "default_vocab_size", WHERE, &k->n_vocab, k->err);
    if (rc == 0)
        rc = tk__ju_size(&config, "default_num_special_tokens", WHERE, &k->n_special, k->err);
    if (rc < 0)
        return rc;
    if (k->n_special > MAX_SPECIAL || k->n_vocab > TK_TOKENIZER_MAX_ID || k->n_vocab < k->n_special)
        return damaged(k, "the sizes in 'config' make no sense");
    if (k->version.n < 2 || k->version.p[0] != 'v' ||
        tk_num_parse_i64((struct tk_str){ k->version.p + 1, k->version.n - 1 }, 1, 1000,
                         &version) != 0)
        return tk_err_set(k->err, TK_E_UNSUPPORTED, "the version '%.*s' is not known",
                          TK_STR_ARG(k->version));
    k->t->mistral_version = (unsigned)version;
    return 0;
}

static int read_token(const struct tekken *k, struct tk_json_val *v, size_t i, struct tk_buf *work)
{
    char bytes[MAX_TOKEN];
    struct tk_json_val m;
    struct tk_str base64;
    int64_t rank;

    if (tk_json_find(v, "rank", &m) != 0 || tk_json_get_i64(&m, &rank) != 0 || rank != (int64_t)i)
        return damaged(k, "the ranks of 'vocab' are not in order");
    if (tk_json_find(v, "token_bytes", &m) != 0 || tk_json_get_str(&m, &base64) != 0)
        return damaged(k, "a token of 'vocab' has no bytes");
    size_t n = tk__base64(base64, bytes, sizeof(bytes));
    if (n == SIZE_MAX || n == 0)
        return damaged(k, "the bytes of a token are no base64");
    int rc = tk__ranks_add(k->t, (struct tk_str){ bytes, n }, (uint32_t)(i + k->n_special), work);
    return rc < 0 ? tk_err_set(k->err, rc, "token %zu: %s", i, tk_err_text(rc)) : 0;
}

static int read_vocab(struct tekken *k, struct tk_json_val *root)
{
    struct tk_buf work = TK_BUF_INIT(4 * MAX_TOKEN);
    struct tk_json_val vocab, item;
    struct tk_json_iter it;
    size_t i = 0;
    size_t n = k->n_vocab - k->n_special;

    if (tk__ju_member(root, "vocab", &vocab) <= 0 || tk_json_arr(&vocab, &it) < 0)
        return damaged(k, "there is no 'vocab' in it");
    tk__vocab_init(&k->t->vocab, true);
    int rc = 0;
    while (rc == 0 && i < n && (rc = tk_json_arr_next(&it, &item)) > 0)
        rc = read_token(k, &item, i++, &work);
    tk_buf_release(&work);
    if (rc < 0)
        return k->err->msg[0] ? rc : damaged(k, "'vocab' is damaged");
    if (i < n)
        return damaged(k, "'vocab' has fewer tokens than 'config' says");
    return tk__vocab_index(&k->t->vocab, false, k->err);
}

/* The token gets this id, also where the vocabulary has the same text. */
static int add_special(const struct tekken *k, struct tk_str text, uint32_t id)
{
    struct tk__added a = { .content = text, .special = true };
    uint32_t had = k->t->n_added;
    int rc = tk__added_add(k->t, &a, k->err);

    if (rc == 0 && k->t->n_added != had + 1)
        return damaged(k, "two special tokens have one text");
    if (rc == 0)
        k->t->added[had].id = id;
    return rc;
}

static int read_special(const struct tekken *k, struct tk_json_val *v, uint32_t id)
{
    struct tk_json_val m;
    struct tk_str text;
    int64_t rank = id;

    if (tk_json_find(v, "rank", &m) != 0 || tk_json_get_i64(&m, &rank) != 0 || rank < 0 ||
        rank >= (int64_t)k->n_special || tk_json_find(v, "token_str", &m) != 0 ||
        tk_json_get_str(&m, &text) != 0)
        return damaged(k, "'special_tokens' is damaged");
    return add_special(k, text, (uint32_t)rank);
}

static int read_specials(struct tekken *k, struct tk_json_val *root)
{
    struct tk_json_val list, item;
    struct tk_json_iter it;
    char text[32];
    uint32_t n = 0;
    int rc = 0;

    tk__added_begin(k->t);
    if (tk__ju_member(root, "special_tokens", &list) <= 0) {
        if (k->t->mistral_version > 7)
            return damaged(k, "there are no 'special_tokens' in it");
        for (; rc == 0 && n < TK_ARRAY_LEN(old_specials) && n < k->n_special; n++)
            rc = add_special(k, tk_str_of(old_specials[n]), n);
    } else {
        rc = tk_json_arr(&list, &it);
        while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0)
            rc = read_special(k, &item, n++);
    }
    for (; rc == 0 && n < k->n_special; n++) {
        int len = snprintf(text, sizeof(text), "<SPECIAL_%u>", n);
        rc = add_special(k, (struct tk_str){ text, (size_t)len }, n);
    }
    return rc < 0 && !k->err->msg[0] ? damaged(k, "'special_tokens' is damaged") : rc;
}

static int name_roles(const struct tekken *k)
{
    static const char *const roles[][2] = {
        { "bos_token", "<s>" },
        { "eos_token", "</s>" },
        { "unk_token", "<unk>" },
        { "pad_token", "<pad>" },
    };
    struct tk_tokenizer *t = k->t;

    for (size_t i = 0; i < TK_ARRAY_LEN(roles); i++) {
        struct tk_str text = tk_str_of(roles[i][1]);
        const struct tk__added *a = tk__added_find(t, text);
        if (a && tk__named_add(t, &t->specials, tk_str_of(roles[i][0]), text) < 0)
            return tk_err_set(k->err, -ENOMEM, "out of memory for a tokenizer");
        if (a && i == 0) {
            t->post.before[0] = a->id;
            t->post.n_before = 1;
        }
    }
    return t->post.n_before == 1 ? 0 : damaged(k, "there is no '<s>' among the special tokens");
}

static int make(struct tekken *k, struct tk_json_val *root)
{
    int rc = read_config(k, root);

    if (rc == 0)
        rc = read_vocab(k, root);
    if (rc == 0)
        rc = tk__ranks_finish(k->t, tk__scan_of(k->pattern), k->pattern, k->err);
    if (rc == 0)
        rc = read_specials(k, root);
    if (rc == 0)
        rc = name_roles(k);
    k->t->splits_special = true;
    return rc == 0 ? tk__tokenizer_finish(k->t, k->err) : rc;
}

int tk_tokenizer_load_tekken(const char *path, const struct tk_tokenizer_conf *conf,
                             struct tk_tokenizer **ret, struct tk_err *reterr)
{
    struct tk_err detail = { 0 };
    struct tk_str text, map;
    struct tk_json_val root;
    struct tekken k = { .t = tk__tokenizer_new(conf, reterr), .err = &detail };

    if (!k.t)
        return -ENOMEM;
    int rc = tk__map(path, k.t->conf.max_file_bytes, &text, &map, reterr);
    if (rc == 0) {
        struct tk_json *j = tk_json_new(text.n);
        rc = j ? tk_json_parse(j, text.p, text.n, &root) : -ENOMEM;
        if (rc == 0)
            rc = make(&k, &root);
        if (rc < 0)
            (void)tk_err_set(reterr, rc, "'%s': %s", path,
                             detail.msg[0] ? detail.msg : tk_err_text(rc));
        tk_json_free(j);
        tk__unmap(map);
    }
    if (rc < 0) {
        (void)tk_tokenizer_free(k.t);
        return rc;
    }
    *ret = k.t;
    return 0;
}
