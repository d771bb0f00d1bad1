/* bpe.c - byte-pair encoding
 *
 *   split --> symbols (a byte or a character each) --merge the pair of lowest rank, leftmost first--> ids
 *
 * The merging itself is in merge.c.
 *
 * Raw vocabularies take bytes as symbols, and ByteLevel's spelling is never written out.
 *
 * Models in the manner of sentencepiece see the whole text as one split, "▁so▁to▁speak". If no token
 * has a ▁ after a byte x, no merge crosses an "x▁", and the text falls into words that the cache
 * knows: first_part().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "token/internal.h"
#include "token/jsonu.h"
#include "token/merge.h"
#include "token/unicode.h"

#define WHERE "BPE model"
#define META "\xE2\x96\x81" /* U+2581 */

struct bpe {
    struct tk__model base; /* must be first */
    struct tk__merges merges;
    uint32_t n_merges; /* as given in the file */
    bool is_raw;       /* symbols are bytes */
    bool fuses_unk, byte_fallback, ignores_merges;
    bool has_parts;          /* the text may be cut before a META */
    uint32_t unk;            /* TK__NO_ID: unknown symbols vanish */
    struct tk__trie *frozen; /* texts that are one symbol each; owned, may be NULL */
    struct tk_str prefix;    /* continuing_subword_prefix */
    struct tk_str suffix;    /* end_of_word_suffix */
    uint32_t by_byte[256];   /* raw: the id of each byte; else of each ASCII character */
    uint32_t fallback[256];  /* "<0x…>" */
    uint8_t is_joined[256];  /* by the byte before: some token goes on over a META there */
};

static const struct bpe *bpe_of(const struct tk_tokenizer *t)
{
    return (const struct bpe *)t->model;
}

/* ---- symbols ---- */

/* A symbol that the vocabulary lacks: bytes, or the unknown token, or nothing. */
struct unknown {
    bool is_open; /* an unknown token waits to be added, or to grow */
};

static int flush(const struct bpe *m, struct unknown *u, struct tk_tok_ids *ids)
{
    bool was = u->is_open;
    u->is_open = false;
    return was ? tk_tok_ids_add(ids, m->unk) : 0;
}

static int missing(const struct bpe *m, struct tk_str symbol, struct unknown *u,
                   struct tk_tok_ids *ids)
{
    bool falls = m->byte_fallback;
    int rc = 0;
    for (size_t i = 0; falls && i < symbol.n; i++)
        falls = m->fallback[(unsigned char)symbol.p[i]] != TK__NO_ID;
    for (size_t i = 0; falls && rc == 0 && i < symbol.n; i++)
        rc = tk_tok_ids_add(ids, m->fallback[(unsigned char)symbol.p[i]]);
    if (falls || m->unk == TK__NO_ID)
        return rc;
    if (u->is_open && !m->fuses_unk)
        rc = flush(m, u, ids);
    u->is_open = true;
    return rc;
}

/* The character at split.p[at, end) with prefix and suffix where they belong. */
static uint32_t decorated(const struct tk_tokenizer *t, struct tk_str split, size_t at, size_t end,
                          struct tk_buf *text)
{
    const struct bpe *m = bpe_of(t);
    tk_buf_reset(text);
    if (at > 0)
        (void)tk_buf_add_str(text, m->prefix);
    (void)tk_buf_add(text, split.p + at, end - at);
    if (end == split.n)
        (void)tk_buf_add_str(text, m->suffix);
    return tk__vocab_find(&t->vocab, tk_buf_str(text), TK__FORM_TEXT);
}

/* The longest frozen text at `at`: its id and *ret_end, or TK__NO_ID. */
static uint32_t find_frozen(const struct tk__trie *trie, struct tk_str split, size_t at,
                            size_t *ret_end)
{
    uint32_t node = 0;
    uint32_t id = TK__NO_ID;
    for (size_t i = at; i < split.n; i++) {
        node = tk__trie_next(trie, node, (unsigned char)split.p[i]);
        if (node == TK__TRIE_NONE)
            break;
        if (trie->values[node] != TK__TRIE_NONE) {
            id = trie->values[node];
            *ret_end = i + 1;
        }
    }
    return id;
}

static int characters(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str split,
                      struct tk_tok_ids *ids)
{
    const struct bpe *m = bpe_of(t);
    bool is_plain = m->prefix.n == 0 && m->suffix.n == 0;
    struct unknown u = { 0 };
    int rc = 0;
    for (size_t at = 0, end; rc == 0 && at < split.n; at = end) {
        uint32_t id;
        struct tk_str symbol;
        end = at + tk__utf8_len(split.p[at]);
        symbol = (struct tk_str){ split.p + at, end - at };
        if (m->frozen && (id = find_frozen(m->frozen, split, at, &end)) != TK__NO_ID) {
            ; /* the merges know nothing of it */
        } else if (!is_plain) {
            id = decorated(t, split, at, end, &s->decode[0]);
            symbol = tk_buf_str(&s->decode[0]);
            rc = s->decode[0].failed;
        } else if (end == at + 1) {
            id = m->by_byte[(unsigned char)split.p[at]];
        } else {
            id = tk__vocab_find(&t->vocab, symbol, TK__FORM_TEXT);
        }
        if (id == TK__NO_ID) {
            rc = rc < 0 ? rc : missing(m, symbol, &u, ids);
            continue;
        }
        rc = rc < 0 ? rc : flush(m, &u, ids);
        rc = rc < 0 ? rc : tk_tok_ids_add(ids, id);
    }
    return rc < 0 ? rc : flush(m, &u, ids);
}

static int bytes(const struct bpe *m, struct tk_str split, struct tk_tok_ids *ids)
{
    struct unknown u = { 0 };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < split.n; i++) {
        uint32_t id = m->by_byte[(unsigned char)split.p[i]];
        if (id == TK__NO_ID) {
            rc = missing(m, (struct tk_str){ split.p + i, 1 }, &u, ids);
            continue;
        }
        rc = flush(m, &u, ids);
        rc = rc < 0 ? rc : tk_tok_ids_add(ids, id);
    }
    return rc < 0 ? rc : flush(m, &u, ids);
}

static int encode(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str split,
                  struct tk_tok_ids *ids)
{
    const struct bpe *m = bpe_of(t);
    size_t from = ids->n;
    if (m->ignores_merges) {
        uint32_t id = tk__vocab_find(&t->vocab, split, m->is_raw ? TK__FORM_BYTES : TK__FORM_TEXT);
        if (id != TK__NO_ID)
            return tk_tok_ids_add(ids, id);
    }
    int rc = m->is_raw ? bytes(m, split, ids) : characters(t, s, split, ids);
    if (rc < 0)
        return rc;
    if (ids->n - from < 2)
        return 0;
    int64_t left = tk__merge_all(&m->merges, s, ids->p + from, ids->n - from);
    if (left < 0)
        return (int)left;
    ids->n = from + (size_t)left;
    return 0;
}

static size_t first_part(const struct tk_tokenizer *t, struct tk_str split)
{
    const struct bpe *m = bpe_of(t);
    size_t at = 0;
    if (!m->has_parts)
        return split.n;
    for (;;) {
        const char *found = memmem(split.p + at, split.n - at, META, 3);
        if (!found)
            return split.n;
        at = (size_t)(found - split.p);
        if (at > 0 && !m->is_joined[(unsigned char)split.p[at - 1]] &&
            !(at >= 3 && memcmp(found - 3, META, 3) == 0))
            return at;
        at += 3;
    }
}

static void bpe_free(struct tk__model *base)
{
    struct bpe *m = (struct bpe *)base;
    if (m->frozen)
        tk__trie_release(m->frozen);
    free(m->frozen);
    tk__merges_release(&m->merges);
    free(m);
}

static const struct tk__model_ops ops = {
    .name = "BPE",
    .encode = encode,
    .first_part = first_part,
    .free = bpe_free,
};

/* ---- reading ---- */

/* The two parts of a merge, as the file spells them. */
struct parts {
    struct tk_str left, right;
};

/* The ids of the parts and of the whole, looked up as bytes; false when some character is none. */
static bool raw_ids(const struct tk_tokenizer *t, const struct parts *p, char *work, uint32_t guess,
                    uint32_t *ret_ids)
{
    size_t n_left = tk__bytes_of_text(p->left, work);
    if (n_left == SIZE_MAX)
        return false;
    size_t n_right = tk__bytes_of_text(p->right, work + n_left);
    if (n_right == SIZE_MAX)
        return false;
    ret_ids[0] = tk__vocab_find(&t->vocab, (struct tk_str){ work, n_left }, TK__FORM_BYTES);
    ret_ids[1] = tk__vocab_find(&t->vocab, (struct tk_str){ work + n_left, n_right },
                                TK__FORM_BYTES);
    ret_ids[2] = tk__vocab_find_near(&t->vocab, (struct tk_str){ work, n_left + n_right },
                                     TK__FORM_BYTES, guess);
    return true;
}

static void text_ids(const struct tk_tokenizer *t, const struct parts *p, size_t n_prefix,
                     char *work, uint32_t *ret_ids)
{
    size_t skip = TK_MIN(n_prefix, p->right.n);
    if (p->left.n > 0)
        memcpy(work, p->left.p, p->left.n);
    if (p->right.n > skip)
        memcpy(work + p->left.n, p->right.p + skip, p->right.n - skip);
    ret_ids[0] = tk__vocab_find_text(&t->vocab, p->left);
    ret_ids[1] = tk__vocab_find_text(&t->vocab, p->right);
    ret_ids[2] = tk__vocab_find_text(&t->vocab,
                                     (struct tk_str){ work, p->left.n + p->right.n - skip });
}

/* *last is the id of what the merge before made: mostly this one makes the next. */
static int read_merge(const struct tk_tokenizer *t, struct bpe *m, const struct parts *p,
                      uint32_t *last, struct tk_err *reterr)
{
    char work[4096];
    uint32_t ids[3];
    if (p->left.n + p->right.n > sizeof(work))
        return tk_err_set(reterr, TK_E_LIMIT, "a merge of more than %zu bytes", sizeof(work));
    if (!m->is_raw || !raw_ids(t, p, work, *last + 1, ids))
        text_ids(t, p, m->prefix.n, work, ids);
    for (int i = 0; i < 3; i++) {
        if (ids[i] == TK__NO_ID)
            return tk_err_set(
                reterr, TK_E_FORMAT,
                "the merge '%.*s' + '%.*s' needs a token that is not in the vocabulary",
                (int)TK_MIN(p->left.n, 60), p->left.p, (int)TK_MIN(p->right.n, 60), p->right.p);
    }
    tk__merges_add(&m->merges, ids[0], ids[1], m->n_merges++, ids[2]);
    *last = ids[2];
    return 0;
}

/* "a b" or ["a", "b"]: 1 with the parts, 0 for a line to skip. */
static int parts_of(struct tk_json_val *v, bool is_legacy, struct parts *ret)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str whole;
    int rc;
    if (is_legacy) {
        rc = tk_json_get_str(v, &whole);
        if (rc < 0 || tk_str_starts(whole, TK_STR("#version")))
            return rc;
        ptrdiff_t space = tk_str_find(whole, ' ');
        if (space < 0)
            return TK_E_FORMAT;
        ret->left = (struct tk_str){ whole.p, (size_t)space };
        ret->right = (struct tk_str){ whole.p + space + 1, whole.n - (size_t)space - 1 };
        return tk_str_find(ret->right, ' ') >= 0 ? TK_E_FORMAT : 1;
    }
    rc = tk_json_arr(v, &it);
    if (rc == 0 && (tk_json_arr_next(&it, &item) <= 0 || tk_json_get_str(&item, &ret->left) < 0 ||
                    tk_json_arr_next(&it, &item) <= 0 || tk_json_get_str(&item, &ret->right) < 0 ||
                    tk_json_arr_next(&it, &item) != 0))
        rc = TK_E_FORMAT;
    return rc < 0 ? rc : 1;
}

static int count_items(struct tk_json_val *v, size_t *ret)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    int rc = tk_json_arr(v, &it);
    *ret = 0;
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        ++*ret;
        rc = 0;
    }
    return rc;
}

static int read_merges(struct tk_tokenizer *t, struct bpe *m, struct tk_json_val *v,
                       struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct parts parts = { 0 };
    uint32_t last = 0;
    size_t n = 0;
    int rc = count_items(v, &n);
    bool is_known = false;
    bool is_legacy = false;
    if (rc == 0)
        rc = tk_json_arr(v, &it);
    if (rc < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the merges are no list");
    rc = tk__merges_init(&m->merges, n, reterr);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        if (!is_known)
            is_legacy = tk_json_type(&item) == TK_JSON_STRING;
        is_known = true;
        rc = parts_of(&item, is_legacy, &parts);
        if (rc < 0)
            return tk_err_set(reterr, TK_E_FORMAT, "merge %u is not two tokens", m->n_merges + 1);
        if (rc > 0)
            rc = read_merge(t, m, &parts, &last, reterr);
    }
    tk__merges_done(&m->merges);
    return rc;
}

static int read_options(struct tk_tokenizer *t, struct bpe *m, struct tk_json_val *v,
                        struct tk_err *reterr)
{
    struct tk_json_val dropout;
    double d = 0;
    int rc = tk__ju_bool(v, "fuse_unk", WHERE, &m->fuses_unk, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "byte_fallback", WHERE, &m->byte_fallback, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "ignore_merges", WHERE, &m->ignores_merges, reterr);
    if (rc == 0)
        rc = tk__ju_str(v, "continuing_subword_prefix", WHERE, &t->arena, &m->prefix, reterr);
    if (rc == 0)
        rc = tk__ju_str(v, "end_of_word_suffix", WHERE, &t->arena, &m->suffix, reterr);
    if (rc == 0 && tk__ju_member(v, "dropout", &dropout) > 0 &&
        (tk_json_get_double(&dropout, &d) < 0 || d != 0))
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "a BPE model with 'dropout' counts by chance: not supported");
    return rc;
}

static int read_unk(struct tk_tokenizer *t, struct bpe *m, struct tk_json_val *v,
                    struct tk_err *reterr)
{
    struct tk_str unk = { 0 };
    int rc = tk__ju_str(v, "unk_token", WHERE, &t->arena, &unk, reterr);
    m->unk = TK__NO_ID;
    if (rc < 0 || !unk.p)
        return rc;
    m->unk = tk__vocab_find_text(&t->vocab, unk);
    if (m->unk == TK__NO_ID)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "the unknown token '%.*s' is not in the vocabulary", TK_STR_ARG(unk));
    return 0;
}

static void find_symbols(const struct tk_tokenizer *t, struct bpe *m)
{
    for (unsigned b = 0; b < 256; b++) {
        char one = (char)b;
        char name[8] = "<0x00>";
        name[3] = "0123456789ABCDEF"[b >> 4];
        name[4] = "0123456789ABCDEF"[b & 15];
        m->by_byte[b] = TK__NO_ID;
        if (m->is_raw || b < 0x80)
            m->by_byte[b] = tk__vocab_find(&t->vocab, (struct tk_str){ &one, 1 },
                                           m->is_raw ? TK__FORM_BYTES : TK__FORM_TEXT);
        m->fallback[b] = tk__vocab_find_text(&t->vocab, (struct tk_str){ name, 6 });
    }
}

static bool is_stand_in(const struct bpe *m, uint32_t id)
{
    bool is = id == m->unk;
    for (unsigned b = 0; b < 256; b++)
        is |= m->fallback[b] == id;
    return is && id != TK__NO_ID;
}

/* Note after which bytes a token goes on over a META. */
static void find_joins(struct bpe *m, struct tk_str piece)
{
    for (size_t at = 1; at + 3 <= piece.n; at++) {
        if (memcmp(piece.p + at, META, 3) == 0 &&
            !(at >= 3 && memcmp(piece.p + at - 3, META, 3) == 0))
            m->is_joined[(unsigned char)piece.p[at - 1]] = 1;
    }
}

/* Where may the text be cut before a META? Tokens must spell what they stand for: no merge may take a
 * byte's stand-in or the unknown token. */
static void find_parts(const struct tk_tokenizer *t, struct bpe *m)
{
    enum tk__form form;
    m->has_parts = !m->is_raw && !m->ignores_merges && m->prefix.n == 0 && m->suffix.n == 0 &&
                   tk__vocab_find_text(&t->vocab, TK_STR(META)) != TK__NO_ID;
    uint32_t last = 0; /* of the stand-ins: mostly they come first */
    for (unsigned b = 0; b < 256; b++)
        last = m->fallback[b] != TK__NO_ID ? TK_MAX(last, m->fallback[b]) : last;
    last = m->unk != TK__NO_ID ? TK_MAX(last, m->unk) : last;
    for (uint32_t i = 0; m->has_parts && i <= m->merges.mask; i++) {
        const struct tk__merge *merge = &m->merges.v[i];
        uint32_t left = (uint32_t)(merge->pair >> 32);
        uint32_t right = (uint32_t)merge->pair;
        if (merge->pair == UINT64_MAX)
            continue;
        if ((left <= last && is_stand_in(m, left)) || (right <= last && is_stand_in(m, right)))
            m->has_parts = false;
        find_joins(m, tk__vocab_piece(&t->vocab, merge->id, &form));
    }
}

int tk__bpe_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    static const char *const known[] = { "type",
                                         "dropout",
                                         "unk_token",
                                         "continuing_subword_prefix",
                                         "end_of_word_suffix",
                                         "fuse_unk",
                                         "byte_fallback",
                                         "ignore_merges",
                                         "vocab",
                                         "merges",
                                         NULL };
    struct tk_json_val vocab, merges;
    struct bpe *m = calloc(1, sizeof(*m));
    if (!m)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the model");
    m->base.ops = &ops;
    t->model = &m->base;
    int rc = tk__ju_only(v, WHERE, known, reterr);
    if (rc == 0)
        rc = read_options(t, m, v, reterr);
    if (rc < 0)
        return rc;
    if (tk__ju_member(v, "vocab", &vocab) <= 0 || tk__ju_member(v, "merges", &merges) <= 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the BPE model has no vocabulary or no merges");
    m->is_raw = tk__pre_is_raw(&t->pre) && m->prefix.n == 0 && m->suffix.n == 0 &&
                !m->byte_fallback;
    tk__vocab_init(&t->vocab, m->is_raw);
    rc = tk__vocab_read(t, &vocab, reterr);
    if (rc == 0)
        rc = tk__vocab_index(&t->vocab, false, reterr);
    if (rc == 0)
        rc = read_unk(t, m, v, reterr);
    if (rc == 0)
        rc = read_merges(t, m, &merges, reterr);
    if (rc < 0)
        return rc;
    find_symbols(t, m);
    find_parts(t, m);
    return 0;
}

/* ---- without a list of merges ---- */

struct pairs {
    struct tk__merge *v; /* owned */
    size_t n, cap;
};

static int add_pair(struct pairs *pairs, const struct tk__merge *one)
{
    if (pairs->n == pairs->cap) {
        size_t cap = pairs->cap ? pairs->cap * 2 : 4096;
        struct tk__merge *grown = realloc(pairs->v, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        pairs->v = grown;
        pairs->cap = cap;
    }
    pairs->v[pairs->n++] = *one;
    return 0;
}

static uint32_t rank_of_piece(const struct tk__bpe_pieces *conf, uint32_t id)
{
    return conf->ranks ? conf->ranks[id] : id;
}

/* The part as a symbol that may merge, or TK__NO_ID. */
static uint32_t part_id(const struct tk_tokenizer *t, const struct tk__bpe_pieces *conf,
                        struct tk_str part, enum tk__form form)
{
    uint32_t id = tk__vocab_find(&t->vocab, part, form);
    return id != TK__NO_ID && rank_of_piece(conf, id) != TK__NO_ID ? id : TK__NO_ID;
}

/* A character that no piece stands for would merge all the same, by its text. */
static int refuse_part(struct tk_str part, struct tk_str piece, struct tk_err *reterr)
{
    return tk_err_set(reterr, TK_E_UNSUPPORTED,
                      "the piece '%.*s' has the character '%.*s', which is no piece: not supported",
                      (int)TK_MIN(piece.n, 60), piece.p, TK_STR_ARG(part));
}

static bool is_character(const struct bpe *m, struct tk_str part)
{
    return !m->is_raw && tk__utf8_len(part.p[0]) == part.n;
}

/* Every way to make the piece of two. */
static int pairs_of(const struct tk_tokenizer *t, const struct bpe *m,
                    const struct tk__bpe_pieces *conf, uint32_t id, struct pairs *pairs,
                    struct tk_err *reterr)
{
    enum tk__form form = TK__FORM_TEXT;
    struct tk_str piece = tk__vocab_piece(&t->vocab, id, &form);
    uint32_t rank = piece.p ? rank_of_piece(conf, id) : TK__NO_ID;
    int rc = 0;
    if (rank == TK__NO_ID || (m->is_raw && form != TK__FORM_BYTES))
        return 0;
    for (size_t at = 1; rc == 0 && at < piece.n; at++) {
        struct tk_str left = { piece.p, at };
        struct tk_str right = { piece.p + at, piece.n - at };
        if (!m->is_raw && ((unsigned char)piece.p[at] & 0xC0) == 0x80)
            continue;
        uint32_t l = part_id(t, conf, left, form);
        uint32_t r = part_id(t, conf, right, form);
        if (l != TK__NO_ID && r != TK__NO_ID)
            rc = add_pair(pairs, &(struct tk__merge){ (uint64_t)l << 32 | r, rank, id });
        else if (l == TK__NO_ID && r != TK__NO_ID && is_character(m, left))
            return refuse_part(left, piece, reterr);
        else if (r == TK__NO_ID && l != TK__NO_ID && is_character(m, right))
            return refuse_part(right, piece, reterr);
    }
    return rc;
}

static int merges_of_pieces(const struct tk_tokenizer *t, struct bpe *m,
                            const struct tk__bpe_pieces *conf, struct tk_err *reterr)
{
    struct pairs pairs = { 0 };
    int rc = 0;
    for (uint32_t id = 0; rc == 0 && id < t->vocab.n_ids; id++)
        rc = pairs_of(t, m, conf, id, &pairs, reterr);
    if (rc == -ENOMEM)
        (void)tk_err_set(reterr, rc, "out of memory for the merges");
    if (rc == 0)
        rc = tk__merges_init(&m->merges, pairs.n, reterr);
    for (size_t i = 0; rc == 0 && i < pairs.n; i++)
        tk__merges_add(&m->merges, (uint32_t)(pairs.v[i].pair >> 32), (uint32_t)pairs.v[i].pair,
                       pairs.v[i].rank, pairs.v[i].id);
    if (rc == 0)
        tk__merges_done(&m->merges);
    m->n_merges = (uint32_t)pairs.n;
    free(pairs.v);
    return rc;
}

int tk__bpe_of_pieces(struct tk_tokenizer *t, const struct tk__bpe_pieces *conf,
                      struct tk_err *reterr)
{
    enum tk__form form;
    struct bpe *m = calloc(1, sizeof(*m));
    if (!m) {
        if (conf->frozen)
            tk__trie_release(conf->frozen);
        free(conf->frozen);
        return tk_err_set(reterr, -ENOMEM, "out of memory for the model");
    }
    m->base.ops = &ops;
    t->model = &m->base;
    m->is_raw = t->vocab.is_raw;
    m->frozen = conf->frozen;
    m->unk = conf->unk;
    m->ignores_merges = conf->ignores_merges;
    m->byte_fallback = conf->byte_fallback;
    m->fuses_unk = conf->fuses_unk;
    int rc = merges_of_pieces(t, m, conf, reterr);
    if (rc < 0)
        return rc;
    find_symbols(t, m);
    find_parts(t, m);
    for (uint32_t id = 0; m->frozen && id < t->vocab.n_ids; id++)
        find_joins(m, tk__vocab_piece(&t->vocab, id, &form));
    return 0;
}
