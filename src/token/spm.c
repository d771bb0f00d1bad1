/* spm.c - sentencepiece's tokenizer.model
 *
 *   file --spm_read--> pieces, flags --> t->vocab
 *                                    --> t->normal: the one step of spm_normal.c
 *                                    --> t->model: BPE without a list of merges (bpe.c), or Unigram
 *                                    --> t->decode: what transformers makes for such a model
 *
 * In BPE the neighbours with the highest score merge, so ranks are the places in the order of scores,
 * equal ones for equal scores. The user's pieces are one symbol wherever they stand; control pieces
 * never come out of text, they are added tokens.
 *
 * A model with a configuration that names a class of transformers becomes what AutoTokenizer converts it
 * to, which is something else: spm_convert.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "token/config_classes.h"
#include "token/jsonu.h"
#include "token/loaders.h"
#include "token/spm.h"

#define MAX_CONFIG ((size_t)32 << 20)

static const struct {
    const char *class; /* without "Fast" */
    enum tk__spm_family family;
} families[] = {
    { "LlamaTokenizer", TK__SPM_LLAMA }, { "CodeLlamaTokenizer", TK__SPM_LLAMA },
    { "GemmaTokenizer", TK__SPM_GEMMA }, { "T5Tokenizer", TK__SPM_T5 },
    { "MT5Tokenizer", TK__SPM_T5 },      { "XLMRobertaTokenizer", TK__SPM_XLMR },
};

struct loading {
    struct tk_tokenizer *t;
    struct tk__spm_file file;
    const char *folder; /* of the configuration; NULL: none */
    struct tk_err *err;
    struct tk__spm_class class;
    /* The class without "Fast", or what the configuration has instead of one that is known; .p is NULL
     * when it has nothing. */
    struct tk_str name;
};

/* ---- the class ---- */

static int read_class(struct loading *l, struct tk_json_val *root, const char *key)
{
    struct tk_json_val m;
    int rc = tk__ju_str(root, key, "configuration", &l->t->arena, &l->name, l->err);

    if (rc == 0)
        rc = tk__ju_bool(root, "legacy", "configuration", &l->class.is_legacy, l->err);
    if (rc == 0)
        rc = tk__ju_bool(root, "add_prefix_space", "configuration", &l->class.adds_space, l->err);
    if (rc == 0)
        rc = tk__ju_size(root, "extra_ids", "configuration", &l->class.n_extra, l->err);
    if (rc == 0 && tk__ju_member(root, "add_prefix_space", &m) > 0)
        l->class.is_told = true;
    return rc;
}

/* One of the files beside the model; it need not be there. */
static int look_at(struct loading *l, const char *name, const char *key)
{
    char path[4096];
    struct tk_str text, map;
    struct tk_json_val root;
    int n = snprintf(path, sizeof(path), "%s/%s", l->folder, name);

    if (n < 0 || (size_t)n >= sizeof(path) || access(path, F_OK) != 0)
        return 0;
    int rc = tk__map(path, MAX_CONFIG, &text, &map, l->err);
    if (rc < 0)
        return rc;
    struct tk_json *j = tk_json_new(MAX_CONFIG);
    rc = j ? tk_json_parse(j, text.p, text.n, &root) : -ENOMEM;
    if (rc == 0)
        rc = read_class(l, &root, key);
    else
        (void)tk_err_set(l->err, rc, "'%s': %s", path, tk_err_text(rc));
    tk_json_free(j);
    tk__unmap(map);
    return rc;
}

/* The class that the configuration names, if it is one of ours. */
static int look_up_family(struct loading *l)
{
    const struct tk__class *class = NULL;
    int rc = l->folder ? look_at(l, "tokenizer_config.json", "tokenizer_class") : 0;

    if (rc == 0 && l->name.p) {
        class = tk__class_find(l->name);
    } else if (rc == 0 && l->folder) {
        rc = look_at(l, "config.json", "model_type");
        class = tk__class_find_type(l->name);
    }
    if (rc < 0 || !class)
        return rc;
    l->name = tk_str_of(class->name);
    for (size_t i = 0; i < TK_ARRAY_LEN(families); i++) {
        if (tk_str_is(l->name, families[i].class))
            l->class.family = families[i].family;
    }
    return 0;
}

static int find_family(struct loading *l)
{
    int rc = look_up_family(l);

    if (rc < 0 || !l->name.p || l->class.family != TK__SPM_BARE)
        return rc;
    return tk_err_set(
        l->err, TK_E_UNSUPPORTED,
        "the class '%.*s' over a tokenizer.model is not supported; a tokenizer.json is",
        TK_STR_ARG(l->name));
}

bool tk__spm_is_converted(const char *folder, char *out, size_t size)
{
    struct tk_tokenizer *t = tk__tokenizer_new(NULL, NULL);
    struct loading l = { .t = t, .folder = folder };
    bool is = t && look_up_family(&l) == 0 && l.class.is_told;
    bool is_code = is && tk_str_is(l.name, "CodeLlamaTokenizer"); /* it does not */
    const char *name = is_code                           ? NULL
                       : l.class.family == TK__SPM_LLAMA ? "tokenizer.model"
                       : l.class.family == TK__SPM_T5    ? "spiece.model"
                                                         : NULL;

    (void)tk_tokenizer_free(t);
    int n = is && name ? snprintf(out, size, "%s/%s", folder, name) : -1;
    return n >= 0 && (size_t)n < size && access(out, R_OK) == 0;
}

/* ---- the parts ---- */

static int fill_vocab(struct loading *l)
{
    struct tk_tokenizer *t = l->t;
    int rc = 0;

    tk__vocab_init(&t->vocab, false);
    for (uint32_t i = 0; rc == 0 && i < l->file.n; i++) {
        rc = tk__vocab_add(&t->vocab, l->file.pieces[i].text, i);
        if (rc < 0)
            return tk_err_set(l->err, rc, "piece %u: %s", i, tk_err_text(rc));
    }
    return tk__vocab_index(&t->vocab, false, l->err);
}

static int by_score(const void *a, const void *b, void *arg)
{
    const struct tk__spm_piece *pieces = arg;
    float x = pieces[*(const uint32_t *)a].score;
    float y = pieces[*(const uint32_t *)b].score;

    return x > y ? -1 : x < y;
}

/* Ranks by id, owned by the caller; NULL: no memory. */
static uint32_t *make_ranks(const struct tk__spm_file *f)
{
    uint32_t *order = calloc(f->n, sizeof(*order));
    uint32_t *ranks = calloc(f->n, sizeof(*ranks));
    uint32_t rank = 0;

    if (!order || !ranks) {
        free(order);
        free(ranks);
        return NULL;
    }
    for (uint32_t i = 0; i < f->n; i++)
        order[i] = i;
    qsort_r(order, f->n, sizeof(*order), by_score, f->pieces);
    for (uint32_t i = 0; i < f->n; i++) {
        const struct tk__spm_piece *p = &f->pieces[order[i]];
        rank += i > 0 && p->score < f->pieces[order[i - 1]].score;
        ranks[order[i]] = p->type == TK__SPM_NORMAL ? rank : TK__NO_ID;
    }
    free(order);
    return ranks;
}

static int check_bpe(const struct loading *l, uint32_t *ret_unk)
{
    const struct tk__spm_file *f = &l->file;
    unsigned n_bytes = 0;

    *ret_unk = TK__NO_ID;
    for (uint32_t i = 0; i < f->n; i++) {
        n_bytes += f->pieces[i].type == TK__SPM_BYTE;
        if (f->pieces[i].type == TK__SPM_UNKNOWN)
            *ret_unk = i;
        if (f->pieces[i].type == TK__SPM_UNUSED)
            return tk_err_set(l->err, TK_E_UNSUPPORTED,
                              "a BPE model with unused pieces is not supported");
    }
    if (*ret_unk == TK__NO_ID)
        return tk_err_set(l->err, TK_E_FORMAT, "the model has no unknown piece");
    if (f->byte_fallback && n_bytes != 256)
        return tk_err_set(l->err, TK_E_FORMAT, "the model lacks pieces for some bytes");
    return 0;
}

static int make_bpe(struct loading *l)
{
    struct tk__bpe_pieces conf = { .fuses_unk = true, .byte_fallback = l->file.byte_fallback };
    int rc = check_bpe(l, &conf.unk);

    if (rc < 0)
        return rc;
    uint32_t *ranks = make_ranks(&l->file);
    rc = ranks ? tk__spm_trie(&l->file, TK__SPM_USER, &conf.frozen) : -ENOMEM;
    conf.ranks = ranks;
    rc = rc < 0 ? tk_err_set(l->err, rc, "out of memory for the model")
                : tk__bpe_of_pieces(l->t, &conf, l->err);
    free(ranks);
    return rc;
}

static int make_model(struct loading *l)
{
    if (l->file.denormalizer.n > 0)
        return tk_err_set(l->err, TK_E_UNSUPPORTED, "a model with a denormalizer is not supported");
    switch (l->file.model_type) {
    case 1:
        return tk__spm_unigram_new(l->t, &l->file, l->err);
    case 2:
        return make_bpe(l);
    default:
        return tk_err_set(l->err, TK_E_UNSUPPORTED,
                          "only BPE and Unigram models of sentencepiece are supported");
    }
}

static struct tk__decode *push(struct tk_tokenizer *t, enum tk__decode_kind kind)
{
    struct tk__decode *step = &t->decode.v[t->decode.n++];

    *step = (struct tk__decode){ .kind = kind };
    return step;
}

static void make_decoder(struct loading *l)
{
    struct tk_tokenizer *t = l->t;
    struct tk__decode *step;

    t->decode.is_set = true;
    if (l->file.escapes) {
        step = push(t, TK__DECODE_REPLACE);
        step->a = TK_STR(TK__SPM_SPACE);
        step->b = TK_STR(" ");
    }
    (void)push(t, TK__DECODE_BYTE_FALLBACK);
    (void)push(t, TK__DECODE_FUSE);
    if (l->file.adds_prefix && !l->file.is_suffix) {
        step = push(t, TK__DECODE_STRIP);
        step->a = TK_STR(" ");
        step->start = 1;
    }
}

static int add_controls(struct loading *l)
{
    int rc = 0;

    tk__added_begin(l->t);
    for (uint32_t i = 0; rc == 0 && i < l->file.n; i++) {
        struct tk__added a = { .content = l->file.pieces[i].text, .special = true };
        if (l->file.pieces[i].type == TK__SPM_CONTROL || l->file.pieces[i].type == TK__SPM_UNKNOWN)
            rc = tk__added_add(l->t, &a, l->err);
    }
    return rc;
}

/* Roles of a model that stands alone. */
static int name_roles(struct loading *l)
{
    static const char *const usual[][2] = {
        { "bos_token", "<s>" },   { "bos_token", "<bos>" }, { "eos_token", "</s>" },
        { "eos_token", "<eos>" }, { "unk_token", "<unk>" }, { "pad_token", "<pad>" },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(usual); i++) {
        struct tk_str text = tk_str_of(usual[i][1]);
        if (tk__added_find(l->t, text) &&
            tk__named_add(l->t, &l->t->specials, tk_str_of(usual[i][0]), text) < 0)
            return tk_err_set(l->err, -ENOMEM, "out of memory for a tokenizer");
    }
    return 0;
}

/* What sentencepiece itself does. */
static int make_bare(struct loading *l)
{
    int rc = fill_vocab(l);

    if (rc == 0)
        rc = tk__spm_normal_new(l->t, &l->file, l->err);
    if (rc == 0)
        rc = make_model(l);
    if (rc == 0)
        rc = add_controls(l);
    if (rc == 0)
        make_decoder(l);
    return rc == 0 ? name_roles(l) : rc;
}

static int make(struct loading *l, struct tk_str bytes)
{
    int rc = find_family(l);

    if (rc == 0)
        rc = tk__spm_read(bytes, &l->file, l->err);
    if (rc < 0 || l->class.family == TK__SPM_BARE)
        return rc < 0 ? rc : make_bare(l);
    rc = tk__spm_convert(l->t, &l->file, &l->class, l->err);
    return rc == 0 ? tk__config_load(l->t, l->folder, l->err) : rc;
}

/* The folder of a path, "." when it has none; false when it is too long. */
static bool folder_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    int n = slash ? snprintf(out, size, "%.*s", (int)TK_MAX(slash - path, 1), path)
                  : snprintf(out, size, ".");

    return n >= 0 && (size_t)n < size;
}

int tk_tokenizer_load_sentencepiece(const char *path, const struct tk_tokenizer_conf *conf,
                                    struct tk_tokenizer **ret, struct tk_err *reterr)
{
    char folder[4096];
    struct tk_err detail = { 0 };
    struct tk_str bytes = { 0 };
    struct tk_str map = { 0 };
    struct tk_tokenizer *t = tk__tokenizer_new(conf, reterr);
    struct loading l = {
        .t = t,
        .err = &detail,
        .class = { .is_legacy = true, .adds_space = true, .n_extra = 100 },
    };

    if (!t)
        return -ENOMEM;
    if (!t->conf.ignores_config && folder_of(path, folder, sizeof(folder)))
        l.folder = folder;
    int rc = tk__map(path, t->conf.max_file_bytes, &bytes, &map, reterr);
    if (rc == 0) {
        rc = make(&l, bytes);
        if (rc == 0)
            rc = tk__tokenizer_finish(t, &detail);
        if (rc < 0)
            (void)tk_err_set(reterr, rc, "'%s': %s", path,
                             detail.msg[0] ? detail.msg : tk_err_text(rc));
    }
    tk__spm_file_release(&l.file);
    tk__unmap(map);
    if (rc < 0) {
        (void)tk_tokenizer_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}
