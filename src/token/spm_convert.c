/* spm_convert.c - a tokenizer.model as the tokenizer.json that transformers makes of it
 *
 *   pieces, scores, map --> {"model": …, "normalizer": …, …} --> tk__json_load
 *
 * A folder without tokenizer.json, with a class of transformers: AutoTokenizer converts the model for its fast
 * class, and that is what everybody who loads the folder counts by. It is not what sentencepiece would do: added
 * tokens are looked for first, spaces are not the same at the ends, merges of one score have an order of their own.
 * So the conversion is done the same way (convert_slow_tokenizer.py of 4.57), into the same JSON, and read by the
 * same reader. It costs a second for the largest models, once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "token/internal.h"
#include "token/spm.h"

#define MAX_JSON ((size_t)512 << 20)

/* A token of the new file. */
struct token {
    struct tk_str text;
    double score;
};

struct convert {
    const struct tk__spm_file *f;
    const struct tk__spm_class *class;
    struct token *tokens; /* by id; owned */
    uint32_t n;
    uint32_t unk;
    struct tk_jsonw w;
    struct tk_err *err;
};

struct cut {
    double score;
    uint32_t left, right;     /* ids */
    uint32_t n_left, n_right; /* characters */
    uint32_t order;           /* in which they were found */
};

/* ---- tokens ---- */

static void add_token(struct convert *c, struct tk_str text, double score)
{
    c->tokens[c->n++] = (struct token){ text, score };
}

/* XLM-R's file begins with other tokens than the model, and has one more at its end. */
static void take_xlmr(struct convert *c)
{
    static const char *const first[] = { "<s>", "<pad>", "</s>", "<unk>" };

    for (size_t i = 0; i < TK_ARRAY_LEN(first); i++)
        add_token(c, tk_str_of(first[i]), 0);
    for (uint32_t i = 3; i < c->f->n; i++)
        add_token(c, c->f->pieces[i].text, (double)c->f->pieces[i].score);
    add_token(c, TK_STR("<mask>"), 0);
    c->unk = 3;
}

/* Gemma's first models have no piece for the tab: the stand-in of its byte becomes it. */
static void fix_tab(struct convert *c)
{
    struct token *stand_in = NULL;

    for (uint32_t i = 0; i < c->n; i++) {
        if (tk_str_is(c->tokens[i].text, "\t"))
            return;
        if (!stand_in && tk_str_is(c->tokens[i].text, "<0x09>"))
            stand_in = &c->tokens[i];
    }
    if (stand_in)
        *stand_in = (struct token){ TK_STR("\t"), 0 };
}

static int take_extra(struct convert *c, struct tk_arena *arena)
{
    char text[32];

    for (size_t i = c->class->n_extra; i-- > 0;) {
        int n = snprintf(text, sizeof(text), "<extra_id_%zu>", i);
        struct tk_str copy = tk_arena_dup_str(arena, (struct tk_str){ text, (size_t)n });
        if (!copy.p)
            return -ENOMEM;
        add_token(c, copy, 0);
    }
    return 0;
}

static int take_tokens(struct convert *c, struct tk_arena *arena)
{
    enum tk__spm_family family = c->class->family;
    bool is_t5 = family == TK__SPM_T5;
    int rc = 0;

    if (is_t5 && c->class->n_extra > TK__MAX_EXTRA)
        return tk_err_set(c->err, TK_E_LIMIT, "more than %d 'extra_ids'", TK__MAX_EXTRA);
    c->tokens = calloc((size_t)c->f->n + 8 + (is_t5 ? c->class->n_extra : 0), sizeof(*c->tokens));
    if (!c->tokens)
        return -ENOMEM;
    c->unk = family == TK__SPM_GEMMA ? 3 : 0;
    if (family == TK__SPM_XLMR) {
        take_xlmr(c);
        return 0;
    }
    for (uint32_t i = 0; i < c->f->n; i++) {
        const struct tk__spm_piece *p = &c->f->pieces[i];
        bool is_zero = !is_t5 && i < 3;
        add_token(c, p->text, is_zero ? 0 : (double)p->score);
        if (is_t5 && p->type == TK__SPM_UNKNOWN)
            c->unk = i;
    }
    if (family == TK__SPM_GEMMA)
        fix_tab(c);
    if (is_t5)
        rc = take_extra(c, arena);
    return rc;
}

/* ---- merges ---- */

struct cuts {
    struct cut *v; /* owned */
    size_t n, cap;
};

static int add_cut(struct cuts *cuts, const struct cut *one)
{
    if (cuts->n == cuts->cap) {
        size_t cap = cuts->cap ? cuts->cap * 2 : 4096;
        struct cut *grown = realloc(cuts->v, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        cuts->v = grown;
        cuts->cap = cap;
    }
    cuts->v[cuts->n] = *one;
    cuts->v[cuts->n].order = (uint32_t)cuts->n;
    cuts->n++;
    return 0;
}

static uint32_t characters(struct tk_str s)
{
    uint32_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* Every way to make the token of two others. */
static int cuts_of(const struct tk__vocab *vocab, const struct token *token, struct cuts *cuts)
{
    uint32_t n = characters(token->text);
    uint32_t n_left = 0;
    int rc = 0;

    for (size_t at = 1; rc == 0 && at < token->text.n; at++) {
        struct tk_str left = { token->text.p, at };
        struct tk_str right = { token->text.p + at, token->text.n - at };
        if (((unsigned char)right.p[0] & 0xC0) == 0x80)
            continue;
        n_left++;
        uint32_t l = tk__vocab_find_text(vocab, left);
        uint32_t r = l != TK__NO_ID ? tk__vocab_find_text(vocab, right) : TK__NO_ID;
        if (r != TK__NO_ID)
            rc = add_cut(cuts, &(struct cut){ token->score, l, r, n_left, n - n_left, 0 });
    }
    return rc;
}

static int falling(double a, double b)
{
    return a > b ? -1 : a < b;
}

/* The highest score first, then the longer left part, the longer right part, the earlier found. */
static int by_rank(const void *a, const void *b)
{
    const struct cut *x = a;
    const struct cut *y = b;
    int d = falling(x->score, y->score);

    if (d == 0)
        d = falling(x->n_left, y->n_left);
    if (d == 0)
        d = falling(x->n_right, y->n_right);
    return d ? d : -falling(x->order, y->order);
}

static int find_cuts(const struct convert *c, struct cuts *cuts)
{
    struct tk__vocab vocab;
    int rc = 0;

    tk__vocab_init(&vocab, false);
    for (uint32_t i = 0; rc == 0 && i < c->n; i++)
        rc = tk__vocab_add(&vocab, c->tokens[i].text, i);
    if (rc == 0)
        rc = tk__vocab_index(&vocab, false, c->err);
    for (uint32_t i = 0; rc == 0 && i < c->n; i++)
        rc = cuts_of(&vocab, &c->tokens[i], cuts);
    tk__vocab_release(&vocab);
    if (rc == 0 && cuts->n > 0)
        qsort(cuts->v, cuts->n, sizeof(*cuts->v), by_rank);
    return rc;
}

static int put_merges(struct convert *c)
{
    struct cuts cuts = { 0 };
    int rc = find_cuts(c, &cuts);

    tk_jsonw_key(&c->w, "merges");
    tk_jsonw_arr(&c->w);
    for (size_t i = 0; rc == 0 && i < cuts.n; i++) {
        tk_jsonw_arr(&c->w);
        tk_jsonw_str(&c->w, c->tokens[cuts.v[i].left].text);
        tk_jsonw_str(&c->w, c->tokens[cuts.v[i].right].text);
        tk_jsonw_arr_end(&c->w);
    }
    tk_jsonw_arr_end(&c->w);
    free(cuts.v);
    return rc;
}

/* ---- the model ---- */

static void put_str(struct tk_jsonw *w, const char *key, struct tk_str text)
{
    tk_jsonw_key(w, key);
    tk_jsonw_str(w, text);
}

static bool falls_back(const struct convert *c)
{
    return c->class->family == TK__SPM_LLAMA || c->class->family == TK__SPM_GEMMA;
}

static int put_bpe(struct convert *c)
{
    struct tk_jsonw *w = &c->w;

    put_str(w, "type", TK_STR("BPE"));
    tk_jsonw_put_bool(w, "fuse_unk", true);
    for (uint32_t i = 0; i < c->f->n; i++) {
        if (c->f->pieces[i].type == TK__SPM_UNKNOWN) {
            put_str(w, "unk_token", c->f->pieces[i].text);
            break;
        }
    }
    tk_jsonw_key(w, "vocab");
    tk_jsonw_obj(w);
    for (uint32_t i = 0; i < c->n; i++) {
        tk_jsonw_key_str(w, c->tokens[i].text);
        tk_jsonw_i64(w, i);
    }
    tk_jsonw_obj_end(w);
    return put_merges(c);
}

static void put_unigram(struct convert *c)
{
    struct tk_jsonw *w = &c->w;

    put_str(w, "type", TK_STR("Unigram"));
    tk_jsonw_key(w, "unk_id");
    tk_jsonw_i64(w, c->unk);
    tk_jsonw_key(w, "vocab");
    tk_jsonw_arr(w);
    for (uint32_t i = 0; i < c->n; i++) {
        tk_jsonw_arr(w);
        tk_jsonw_str(w, c->tokens[i].text);
        tk_jsonw_double(w, c->tokens[i].score);
        tk_jsonw_arr_end(w);
    }
    tk_jsonw_arr_end(w);
}

static int put_model(struct convert *c)
{
    int rc = 0;

    tk_jsonw_key(&c->w, "model");
    tk_jsonw_obj(&c->w);
    tk_jsonw_put_bool(&c->w, "byte_fallback", falls_back(c));
    if (c->f->model_type == 2)
        rc = put_bpe(c);
    else
        put_unigram(c);
    tk_jsonw_obj_end(&c->w);
    return rc;
}

/* ---- the other parts ---- */

static void put_added(struct convert *c, struct tk_str text, bool is_special)
{
    tk_jsonw_obj(&c->w);
    put_str(&c->w, "content", text);
    tk_jsonw_put_bool(&c->w, "normalized", false);
    tk_jsonw_put_bool(&c->w, "special", is_special);
    tk_jsonw_obj_end(&c->w);
}

/* Control pieces and the user's. */
static void put_all_added(struct convert *c)
{
    bool is_gemma = c->class->family == TK__SPM_GEMMA;

    tk_jsonw_key(&c->w, "added_tokens");
    tk_jsonw_arr(&c->w);
    for (uint32_t i = 0; i < c->f->n; i++) {
        const struct tk__spm_piece *p = &c->f->pieces[i];
        bool is_turn = is_gemma && (tk_str_is(p->text, "<start_of_turn>") ||
                                    tk_str_is(p->text, "<end_of_turn>"));
        if (p->type == TK__SPM_CONTROL || p->type == TK__SPM_USER)
            put_added(c, p->text, p->type == TK__SPM_CONTROL || is_turn);
    }
    for (uint32_t i = c->n; c->class->family == TK__SPM_T5 && i-- > c->f->n;)
        put_added(c, c->tokens[i].text, true);
    tk_jsonw_arr_end(&c->w);
}

static int put_base64(struct convert *c, struct tk_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct tk_buf text = TK_BUF_INIT(MAX_JSON);

    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = TK_MIN(bytes.n - i, 3);
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)bytes.p[i + k] : 0U);
        for (size_t k = 0; k < 4; k++)
            (void)tk_buf_add_c(&text, k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
    tk_jsonw_str(&c->w, tk_buf_str(&text));
    int rc = text.failed;
    tk_buf_release(&text);
    return rc;
}

static int put_normalizer(struct convert *c)
{
    static const char replace[] =
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" TK__SPM_SPACE "\"}";
    enum tk__spm_family family = c->class->family;
    struct tk_jsonw *w = &c->w;
    int rc = 0;

    if (family == TK__SPM_LLAMA && !c->class->is_legacy)
        return 0;
    tk_jsonw_key(w, "normalizer");
    tk_jsonw_obj(w);
    put_str(w, "type", TK_STR("Sequence"));
    tk_jsonw_key(w, "normalizers");
    tk_jsonw_arr(w);
    if (family == TK__SPM_LLAMA && c->class->adds_space)
        tk_jsonw_raw(w, TK_STR("{\"type\":\"Prepend\",\"prepend\":\"" TK__SPM_SPACE "\"}"));
    if (falls_back(c)) {
        tk_jsonw_raw(w, tk_str_of(replace));
    } else {
        if (c->f->charsmap.n > 0) {
            tk_jsonw_obj(w);
            put_str(w, "type", TK_STR("Precompiled"));
            tk_jsonw_key(w, "precompiled_charsmap");
            rc = put_base64(c, c->f->charsmap);
            tk_jsonw_obj_end(w);
        }
        tk_jsonw_raw(w, TK_STR("{\"type\":\"Strip\",\"strip_left\":false,\"strip_right\":true}"));
        tk_jsonw_raw(w, TK_STR("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},"
                               "\"content\":\"" TK__SPM_SPACE "\"}"));
    }
    tk_jsonw_arr_end(w);
    tk_jsonw_obj_end(w);
    return rc;
}

static void put_metaspace(struct convert *c, const char *key)
{
    const char *scheme = !c->class->adds_space ? "never" : c->class->is_legacy ? "always" : "first";

    tk_jsonw_key(&c->w, key);
    tk_jsonw_obj(&c->w);
    put_str(&c->w, "type", TK_STR("Metaspace"));
    put_str(&c->w, "replacement", TK_STR(TK__SPM_SPACE));
    put_str(&c->w, "prepend_scheme", tk_str_of(scheme));
    tk_jsonw_put_bool(&c->w, "split", c->class->family != TK__SPM_LLAMA);
    tk_jsonw_obj_end(&c->w);
}

static void put_pre_tokenizer(struct convert *c)
{
    if (c->class->family == TK__SPM_GEMMA) {
        tk_jsonw_key(&c->w, "pre_tokenizer");
        tk_jsonw_raw(&c->w, TK_STR("{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},"
                                   "\"behavior\":\"MergedWithPrevious\",\"invert\":false}"));
    } else if (c->class->family != TK__SPM_LLAMA || !c->class->is_legacy) {
        put_metaspace(c, "pre_tokenizer");
    }
}

static void put_decoder(struct convert *c)
{
    struct tk_jsonw *w = &c->w;

    if (!falls_back(c)) {
        put_metaspace(c, "decoder");
        return;
    }
    tk_jsonw_key(w, "decoder");
    tk_jsonw_obj(w);
    put_str(w, "type", TK_STR("Sequence"));
    tk_jsonw_key(w, "decoders");
    tk_jsonw_arr(w);
    tk_jsonw_raw(w, TK_STR("{\"type\":\"Replace\",\"pattern\":{\"String\":\"" TK__SPM_SPACE "\"},"
                           "\"content\":\" \"}"));
    tk_jsonw_raw(w, TK_STR("{\"type\":\"ByteFallback\"}"));
    tk_jsonw_raw(w, TK_STR("{\"type\":\"Fuse\"}"));
    if (c->class->family == TK__SPM_LLAMA && c->class->adds_space)
        tk_jsonw_raw(w, TK_STR("{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}"));
    tk_jsonw_arr_end(w);
    tk_jsonw_obj_end(w);
}

static int put_special(struct convert *c, const char *text)
{
    uint32_t id = 0;

    while (id < c->n && !tk_str_is(c->tokens[id].text, text))
        id++;
    if (id == c->n)
        return tk_err_set(c->err, TK_E_FORMAT, "the model has no '%s'", text);
    tk_jsonw_key(&c->w, text);
    tk_jsonw_obj(&c->w);
    put_str(&c->w, "id", tk_str_of(text));
    tk_jsonw_key(&c->w, "ids");
    tk_jsonw_arr(&c->w);
    tk_jsonw_i64(&c->w, id);
    tk_jsonw_arr_end(&c->w);
    tk_jsonw_obj_end(&c->w);
    return 0;
}

/* T5 and XLM-R; Llama's and Gemma's is the class's matter. */
static int put_post_processor(struct convert *c)
{
    bool is_xlmr = c->class->family == TK__SPM_XLMR;
    struct tk_jsonw *w = &c->w;
    int rc = 0;

    if (falls_back(c))
        return 0;
    tk_jsonw_key(w, "post_processor");
    tk_jsonw_obj(w);
    put_str(w, "type", TK_STR("TemplateProcessing"));
    tk_jsonw_key(w, "single");
    tk_jsonw_arr(w);
    if (is_xlmr)
        tk_jsonw_raw(w, TK_STR("{\"SpecialToken\":{\"id\":\"<s>\"}}"));
    tk_jsonw_raw(w, TK_STR("{\"Sequence\":{\"id\":\"A\"}}"));
    tk_jsonw_raw(w, TK_STR("{\"SpecialToken\":{\"id\":\"</s>\"}}"));
    tk_jsonw_arr_end(w);
    tk_jsonw_key(w, "special_tokens");
    tk_jsonw_obj(w);
    if (is_xlmr)
        rc = put_special(c, "<s>");
    if (rc == 0)
        rc = put_special(c, "</s>");
    tk_jsonw_obj_end(w);
    tk_jsonw_obj_end(w);
    return rc;
}

static int put_all(struct convert *c)
{
    tk_jsonw_obj(&c->w);
    int rc = put_model(c);
    if (rc == 0)
        rc = put_normalizer(c);
    if (rc == 0)
        rc = put_post_processor(c);
    put_all_added(c);
    put_pre_tokenizer(c);
    put_decoder(c);
    tk_jsonw_obj_end(&c->w);
    return rc == 0 ? c->w.out->failed : rc;
}

int tk__spm_convert(struct tk_tokenizer *t, const struct tk__spm_file *f,
                    const struct tk__spm_class *class, struct tk_err *reterr)
{
    struct tk_buf json = TK_BUF_INIT(MAX_JSON);
    struct convert c = { .f = f, .class = class, .err = reterr };
    int rc;

    if (f->model_type != 1 && f->model_type != 2)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "only BPE and Unigram models of sentencepiece are supported");
    rc = take_tokens(&c, &t->arena);
    tk_jsonw_init(&c.w, &json, TK_JSONW_COMPACT);
    if (rc == 0)
        rc = put_all(&c);
    free(c.tokens);
    if (rc == -ENOMEM || (rc != 0 && rc == json.failed))
        (void)tk_err_set(reterr, rc, "the model: %s", tk_err_text(rc));
    if (rc == 0 && tk_buf_reserve(&json, TK_JSON_PADDING) != 0)
        rc = tk_err_set(reterr, -ENOMEM, "out of memory for the model");
    if (rc == 0)
        rc = tk__json_load(t, tk_buf_str(&json), "converted", reterr);
    tk_buf_release(&json);
    return rc;
}
