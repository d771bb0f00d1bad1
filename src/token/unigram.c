/* unigram.c - the most probable pieces
 *
 *   best[i]: the best way to reach byte i: {score so far, where its last piece begins, its id}
 *
 * Scores are doubles added from the left, and of two equal ones the earlier found stays, as in
 * `tokenizers`: the sums must round the same. A character without a piece of its own costs the lowest
 * score less ten. Neighbouring unknown ones are one token, or the bytes' stand-ins.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "token/internal.h"
#include "token/jsonu.h"
#include "token/trie.h"
#include "token/unicode.h"

#define WHERE "Unigram model"
#define UNKNOWN_PENALTY 10.0
#define NOWHERE UINT32_MAX

struct unigram {
    struct tk__model base; /* must be first */
    struct tk__trie trie;  /* values are ids */
    double *scores;        /* by id; owned */
    size_t n;              /* pieces */
    double unknown_score;
    uint32_t unk; /* TK__NO_ID: none */
    bool byte_fallback;
    uint32_t fallback[256]; /* "<0x…>" */
};

struct best {
    double score;
    uint32_t from; /* NOWHERE: not reached */
    uint32_t id;
};

static const struct unigram *unigram_of(const struct tk_tokenizer *t)
{
    return (const struct unigram *)t->model;
}

static void reach(struct best *to, double score, uint32_t from, uint32_t id)
{
    if (to->from == NOWHERE || score > to->score)
        *to = (struct best){ score, from, id };
}

/* Fill best[0, n]; TK_E_FORMAT when an unknown character meets a model without an unknown piece. */
static int search(const struct unigram *m, struct tk_str split, struct best *best)
{
    for (size_t i = 0; i <= split.n; i++)
        best[i] = (struct best){ .from = NOWHERE };
    for (size_t at = 0; at < split.n;) {
        size_t n_char = tk__utf8_len(split.p[at]);
        double so_far = best[at].score;
        bool has_single = false;
        uint32_t node = 0;
        for (size_t i = at; i < split.n; i++) {
            node = tk__trie_next(&m->trie, node, (unsigned char)split.p[i]);
            if (node == TK__TRIE_NONE)
                break;
            uint32_t id = m->trie.values[node];
            if (id == TK__TRIE_NONE)
                continue;
            reach(&best[i + 1], m->scores[id] + so_far, (uint32_t)at, id);
            has_single |= i + 1 - at == n_char;
        }
        if (!has_single) {
            struct best *to = &best[at + n_char];
            double score = m->unknown_score + so_far;
            if (to->from == NOWHERE || score > to->score) {
                if (m->unk == TK__NO_ID)
                    return TK_E_FORMAT;
                *to = (struct best){ score, (uint32_t)at, m->unk };
            }
        }
        at += n_char;
    }
    return 0;
}

/* The ids of a text that is no piece, or looks like none: bytes, or the unknown piece. */
static int add_unknown(const struct tk_tokenizer *t, struct tk_str text, struct tk_tok_ids *ids)
{
    const struct unigram *m = unigram_of(t);
    uint32_t id = tk__vocab_find(&t->vocab, text, TK__FORM_TEXT);
    int rc = 0;
    if (id != TK__NO_ID) /* several unknown ones may spell the name of a piece */
        return tk_tok_ids_add(ids, id);
    bool falls = m->byte_fallback;
    for (size_t i = 0; falls && i < text.n; i++)
        falls = m->fallback[(unsigned char)text.p[i]] != TK__NO_ID;
    for (size_t i = 0; falls && rc == 0 && i < text.n; i++)
        rc = tk_tok_ids_add(ids, m->fallback[(unsigned char)text.p[i]]);
    return falls ? rc : tk_tok_ids_add(ids, m->unk);
}

/* Turn the path around: best[i].from becomes where the piece that begins at i ends. */
static void turn(struct best *best, size_t n)
{
    uint32_t to = (uint32_t)n;
    struct best piece = best[n];
    while (to > 0) {
        struct best before = best[piece.from];
        best[piece.from] = (struct best){ .from = to, .id = piece.id };
        to = piece.from;
        piece = before;
    }
}

static int encode(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str split,
                  struct tk_tok_ids *ids)
{
    const struct unigram *m = unigram_of(t);
    struct best *best = tk__work(s, (split.n + 1) * sizeof(*best));
    if (!best)
        return -ENOMEM;
    int rc = search(m, split, best);
    if (rc < 0)
        return rc;
    turn(best, split.n);
    for (size_t at = 0; rc == 0 && at < split.n;) {
        size_t end = best[at].from;
        if (best[at].id != m->unk) {
            rc = tk_tok_ids_add(ids, best[at].id);
        } else {
            while (end < split.n && best[end].id == m->unk)
                end = best[end].from;
            rc = add_unknown(t, (struct tk_str){ split.p + at, end - at }, ids);
        }
        at = end;
    }
    return rc;
}

static void unigram_free(struct tk__model *base)
{
    struct unigram *m = (struct unigram *)base;
    tk__trie_release(&m->trie);
    free(m->scores);
    free(m);
}

static const struct tk__model_ops ops = {
    .name = "Unigram",
    .encode = encode,
    .free = unigram_free,
};

/* ---- reading ---- */

static int add_piece(struct tk_tokenizer *t, struct unigram *m, struct tk_json_val *v, size_t *cap,
                     struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str piece;
    double score = 0;
    if (tk_json_arr(v, &it) < 0 || tk_json_arr_next(&it, &item) <= 0 ||
        tk_json_get_str(&item, &piece) < 0 || tk_json_arr_next(&it, &item) <= 0 ||
        tk_json_get_double(&item, &score) < 0 || tk_json_arr_next(&it, &item) != 0)
        return tk_err_set(reterr, TK_E_FORMAT, "piece %zu is not a text and a score", m->n);
    if (m->n == *cap) {
        *cap = *cap ? *cap * 2 : 1024;
        double *grown = realloc(m->scores, *cap * sizeof(*grown));
        if (!grown)
            return tk_err_set(reterr, -ENOMEM, "out of memory for the pieces");
        m->scores = grown;
    }
    m->scores[m->n] = score;
    if (m->n == 0 || score < m->unknown_score)
        m->unknown_score = score;
    int rc = tk__vocab_add(&t->vocab, piece, (uint32_t)m->n);
    if (rc == 0 && piece.n > 0)
        rc = tk__trie_add(&m->trie, piece, (uint32_t)m->n);
    m->n++;
    return rc < 0 ? tk_err_set(reterr, rc, "piece %zu: %s", m->n - 1, tk_err_text(rc)) : 0;
}

static int read_pieces(struct tk_tokenizer *t, struct unigram *m, struct tk_json_val *v,
                       struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val vocab, item;
    size_t cap = 0;
    if (tk__ju_member(v, "vocab", &vocab) <= 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the Unigram model has no vocabulary");
    int rc = tk_json_arr(&vocab, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        rc = add_piece(t, m, &item, &cap, reterr);
        if (rc < 0)
            return rc;
    }
    if (rc < 0)
        return tk_err_set(reterr, rc, "the vocabulary of the Unigram model is damaged");
    return tk__vocab_index(&t->vocab, true, reterr);
}

static void find_fallback(const struct tk_tokenizer *t, struct unigram *m)
{
    for (unsigned b = 0; b < 256; b++) {
        char name[8] = "<0x00>";
        name[3] = "0123456789ABCDEF"[b >> 4];
        name[4] = "0123456789ABCDEF"[b & 15];
        m->fallback[b] = tk__vocab_find_text(&t->vocab, (struct tk_str){ name, 6 });
    }
}

int tk__unigram_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    static const char *const known[] = { "type", "unk_id", "vocab", "byte_fallback", NULL };
    struct unigram *m = calloc(1, sizeof(*m));
    size_t unk = SIZE_MAX;
    if (!m)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the model");
    m->base.ops = &ops;
    t->model = &m->base;
    tk__vocab_init(&t->vocab, false);
    int rc = tk__trie_init(&m->trie);
    if (rc == 0)
        rc = tk__ju_only(v, WHERE, known, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "byte_fallback", WHERE, &m->byte_fallback, reterr);
    if (rc == 0)
        rc = tk__ju_size(v, "unk_id", WHERE, &unk, reterr);
    if (rc == 0)
        rc = read_pieces(t, m, v, reterr);
    if (rc < 0)
        return rc;
    if (unk != SIZE_MAX && unk >= m->n)
        return tk_err_set(reterr, TK_E_FORMAT, "the 'unk_id' is no piece of the vocabulary");
    m->unk = unk == SIZE_MAX ? TK__NO_ID : (uint32_t)unk;
    m->unknown_score -= UNKNOWN_PENALTY;
    find_fallback(t, m);
    return 0;
}
