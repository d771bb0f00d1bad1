/* spm_unigram.c - sentencepiece's Unigram: the most probable pieces, in its arithmetic
 *
 *   best[i]: the best way to reach byte i: {score so far, where its last piece begins, its id}
 *
 * unigram.c is the same search as `tokenizers` does it, over doubles. sentencepiece keeps sums as
 * floats, gives the user's pieces a bonus by length, and expands unknown characters one by one. Where
 * two ways are nearly as good, that decides. This is 0.2.3: it lets sums begin anew in a long text, and
 * before 0.2.2 a new sum was compared as a double.
 */
#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "token/spm.h"
#include "token/unicode.h"

#define UNKNOWN_PENALTY 10.0F
#define MAX_SCORE 100000.0F /* from this size on, sums lose too many bits: they begin anew */

struct model {
    struct tk__model base; /* must be first */
    struct tk__trie trie;  /* values are ids */
    float *scores;         /* by id; owned */
    uint8_t *types;        /* by id: enum tk__spm_type; owned */
    float min, max;        /* of the normal pieces */
    uint32_t unk;
    bool byte_fallback;
    uint32_t fallback[256]; /* "<0x…>" */
};

struct best {
    float score;
    int32_t from; /* -1: not reached */
    uint32_t id;
};

static const struct model *model_of(const struct tk_tokenizer *t)
{
    return (const struct model *)t->model;
}

static void reach(struct best *to, float score, size_t from, uint32_t id)
{
    if (to->from < 0 || score > to->score)
        *to = (struct best){ score, (int32_t)from, id };
}

/* The sum at best[at]; the sums from there on are lessened by it when it is large. `last` is the last
 * one that was reached. */
static float begin_sum(struct best *best, size_t at, size_t last)
{
    float offset = best[at].score;

    if (offset >= -MAX_SCORE && offset <= MAX_SCORE)
        return offset;
    for (size_t i = at; i <= last; i++) {
        if (best[i].from >= 0)
            best[i].score -= offset;
    }
    return 0;
}

static float score_of(const struct model *m, uint32_t id, size_t length)
{
    if (m->types[id] == TK__SPM_USER)
        return (float)((double)((float)length * m->max) - 0.1);
    return m->scores[id];
}

static void search(const struct model *m, struct tk_str split, struct best *best)
{
    size_t last = 0;

    for (size_t i = 0; i <= split.n; i++)
        best[i] = (struct best){ .from = -1 };
    for (size_t at = 0, n_char; at < split.n; at += n_char) {
        float so_far = begin_sum(best, at, last);
        bool has_single = false;
        uint32_t node = 0;
        n_char = tk__utf8_len(split.p[at]);
        for (size_t i = at; i < split.n; i++) {
            node = tk__trie_next(&m->trie, node, (unsigned char)split.p[i]);
            if (node == TK__TRIE_NONE)
                break;
            uint32_t id = m->trie.values[node];
            if (id == TK__TRIE_NONE)
                continue;
            reach(&best[i + 1], score_of(m, id, i + 1 - at) + so_far, at, id);
            has_single |= i + 1 - at == n_char;
            last = TK_MAX(last, i + 1);
        }
        if (!has_single) {
            reach(&best[at + n_char], m->min - UNKNOWN_PENALTY + so_far, at, m->unk);
            last = TK_MAX(last, at + n_char);
        }
    }
}

static int add_unknown(const struct model *m, struct tk_str text, bool is_first,
                       struct tk_tok_ids *ids)
{
    int rc = 0;

    if (!m->byte_fallback)
        return is_first ? tk_tok_ids_add(ids, m->unk) : 0;
    for (size_t i = 0; rc == 0 && i < text.n; i++)
        rc = tk_tok_ids_add(ids, m->fallback[(unsigned char)text.p[i]]);
    return rc;
}

/* Turn the path around: best[i].from becomes where the piece that begins at i ends. */
static void turn(struct best *best, size_t n)
{
    size_t to = n;
    struct best piece = best[n];

    while (to > 0) {
        size_t from = (size_t)piece.from;
        struct best before = best[from];
        best[from] = (struct best){ .from = (int32_t)to, .id = piece.id };
        to = from;
        piece = before;
    }
}

static int encode(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str split,
                  struct tk_tok_ids *ids)
{
    const struct model *m = model_of(t);
    struct best *best = tk__work(s, (split.n + 1) * sizeof(*best));
    bool was_unknown = false;
    int rc = 0;

    if (!best)
        return -ENOMEM;
    search(m, split, best);
    turn(best, split.n);
    for (size_t at = 0, end; rc == 0 && at < split.n; at = end) {
        bool is_unknown = best[at].id == m->unk;
        end = (size_t)best[at].from;
        if (is_unknown)
            rc = add_unknown(m, (struct tk_str){ split.p + at, end - at }, !was_unknown, ids);
        else
            rc = tk_tok_ids_add(ids, best[at].id);
        was_unknown = is_unknown;
    }
    return rc;
}

static void model_free(struct tk__model *base)
{
    struct model *m = (struct model *)base;

    tk__trie_release(&m->trie);
    free(m->scores);
    free(m->types);
    free(m);
}

static const struct tk__model_ops ops = {
    .name = "Unigram",
    .encode = encode,
    .free = model_free,
};

/* ---- making ---- */

static int take_pieces(struct model *m, const struct tk__spm_file *f)
{
    int rc = 0;

    m->unk = TK__NO_ID;
    m->min = FLT_MAX;
    m->max = FLT_MIN; /* as sentencepiece has it: the smallest number above zero */
    for (uint32_t i = 0; rc == 0 && i < f->n; i++) {
        const struct tk__spm_piece *p = &f->pieces[i];
        m->scores[i] = p->score;
        m->types[i] = p->type;
        if (p->type == TK__SPM_UNKNOWN)
            m->unk = i;
        if (p->type == TK__SPM_NORMAL) {
            m->min = TK_MIN(m->min, p->score);
            m->max = TK_MAX(m->max, p->score);
        }
        if (p->type == TK__SPM_NORMAL || p->type == TK__SPM_USER)
            rc = tk__trie_add(&m->trie, p->text, i);
    }
    return rc;
}

static bool find_fallback(const struct tk_tokenizer *t, struct model *m)
{
    bool all = true;

    for (unsigned b = 0; b < 256; b++) {
        char name[8] = "<0x00>";
        name[3] = "0123456789ABCDEF"[b >> 4];
        name[4] = "0123456789ABCDEF"[b & 15];
        m->fallback[b] = tk__vocab_find_text(&t->vocab, (struct tk_str){ name, 6 });
        all = all && m->fallback[b] != TK__NO_ID;
    }
    return all;
}

int tk__spm_unigram_new(struct tk_tokenizer *t, const struct tk__spm_file *f, struct tk_err *reterr)
{
    struct model *m = calloc(1, sizeof(*m));

    if (!m)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the model");
    m->base.ops = &ops;
    t->model = &m->base;
    m->scores = calloc(f->n, sizeof(*m->scores));
    m->types = calloc(f->n, sizeof(*m->types));
    int rc = m->scores && m->types ? tk__trie_init(&m->trie) : -ENOMEM;
    if (rc == 0)
        rc = take_pieces(m, f);
    if (rc < 0)
        return tk_err_set(reterr, rc, "the pieces: %s", tk_err_text(rc));
    m->byte_fallback = f->byte_fallback;
    if (m->unk == TK__NO_ID)
        return tk_err_set(reterr, TK_E_FORMAT, "the model has no unknown piece");
    if (!find_fallback(t, m) && m->byte_fallback)
        return tk_err_set(reterr, TK_E_FORMAT, "the model lacks pieces for some bytes");
    return 0;
}
