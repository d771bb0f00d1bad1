/* words.c - the two models that look whole words up: WordPiece and WordLevel; reading a vocabulary
 *
 * WordPiece takes the longest known beginning, again and again, the later ones behind a prefix ("##").
 * One part that is not known makes the whole word unknown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "token/internal.h"
#include "token/jsonu.h"
#include "token/unicode.h"

struct words {
    struct tk__model base;  /* must be first */
    struct tk_str unk_text; /* for messages */
    uint32_t unk;           /* TK__NO_ID: it is not in the vocabulary */
    struct tk_str prefix;   /* of WordPiece */
    size_t max_chars;       /* of WordPiece: longer words are unknown */
    size_t max_piece_bytes; /* longest piece of the vocabulary: no use to try more */
};

static const struct words *words_of(const struct tk_tokenizer *t)
{
    return (const struct words *)t->model;
}

static int read_piece(struct tk_tokenizer *t, struct tk_str raw, struct tk_json_val *v,
                      struct tk_buf *buf, struct tk_err *reterr)
{
    struct tk_str piece;
    int64_t id = 0;
    int rc = tk__ju_key(raw, buf, &piece);
    if (rc == 0 && (tk_json_get_i64(v, &id) < 0 || id < 0 || id > TK_TOKENIZER_MAX_ID))
        return tk_err_set(reterr, TK_E_FORMAT, "the id of the piece '%.*s' is no id",
                          (int)TK_MIN(raw.n, 100), raw.p);
    if (rc == 0)
        rc = tk__vocab_add(&t->vocab, piece, (uint32_t)id);
    if (rc < 0)
        return tk_err_set(reterr, rc, "the piece '%.*s' with id %d: %s", (int)TK_MIN(raw.n, 100),
                          raw.p, (int)id, rc == TK_E_FORMAT ? "the id is taken" : tk_err_text(rc));
    return 0;
}

int tk__vocab_read(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    struct tk_buf buf = TK_BUF_INIT(TK__MAX_STRING);
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str key;
    int rc = tk_json_obj(v, &it);
    int bad = 0; /* of a piece: it has its message */
    while (rc == 0 && bad == 0 && (rc = tk_json_obj_next(&it, &key, &item)) > 0) {
        bad = read_piece(t, key, &item, &buf, reterr);
        rc = 0;
    }
    tk_buf_release(&buf);
    if (bad < 0)
        return bad;
    return rc < 0 ? tk_err_set(reterr, TK_E_FORMAT, "the vocabulary is damaged") : 0;
}

static int unknown(const struct tk_tokenizer *t, struct tk_tok_ids *ids)
{
    uint32_t unk = words_of(t)->unk;
    return unk == TK__NO_ID ? TK_E_FORMAT : tk_tok_ids_add(ids, unk);
}

static int wordlevel_encode(const struct tk_tokenizer *t, struct tk_tok_scratch *s,
                            struct tk_str split, struct tk_tok_ids *ids)
{
    (void)s;
    uint32_t id = tk__vocab_find(&t->vocab, split, TK__FORM_TEXT);
    return id == TK__NO_ID ? unknown(t, ids) : tk_tok_ids_add(ids, id);
}

/* The longest known piece at `at`: its id and end, or TK__NO_ID. `text` has room for prefix and word. */
static uint32_t longest(const struct tk_tokenizer *t, struct tk_str split, size_t at, char *text,
                        size_t *ret_end)
{
    const struct words *m = words_of(t);
    size_t n_prefix = at > 0 ? m->prefix.n : 0;
    size_t end = split.n;
    if (n_prefix > 0)
        memcpy(text, m->prefix.p, n_prefix);
    memcpy(text + n_prefix, split.p + at, split.n - at);
    if (end - at + n_prefix > m->max_piece_bytes) {
        end = at + (m->max_piece_bytes > n_prefix ? m->max_piece_bytes - n_prefix : 0);
        while (end > at && ((unsigned char)split.p[end] & 0xC0) == 0x80)
            end--;
    }
    while (end > at) {
        struct tk_str piece = { text, n_prefix + end - at };
        uint32_t id = tk__vocab_find(&t->vocab, piece, TK__FORM_TEXT);
        if (id != TK__NO_ID) {
            *ret_end = end;
            return id;
        }
        end = at + tk__utf8_last(split.p + at, end - at);
    }
    return TK__NO_ID;
}

static int wordpiece_encode(const struct tk_tokenizer *t, struct tk_tok_scratch *s,
                            struct tk_str split, struct tk_tok_ids *ids)
{
    const struct words *m = words_of(t);
    size_t from = ids->n;
    int rc = 0;
    if (tk__utf8_count(split) > m->max_chars)
        return unknown(t, ids);
    char *text = tk__work(s, split.n + m->prefix.n + 1);
    if (!text)
        return -ENOMEM;
    for (size_t at = 0; rc == 0 && at < split.n;) {
        uint32_t id = longest(t, split, at, text, &at);
        if (id == TK__NO_ID) {
            ids->n = from;
            return unknown(t, ids);
        }
        rc = tk_tok_ids_add(ids, id);
    }
    return rc;
}

static void words_free(struct tk__model *m)
{
    free(m);
}

static const struct tk__model_ops wordpiece = {
    .name = "WordPiece",
    .encode = wordpiece_encode,
    .free = words_free,
};
static const struct tk__model_ops wordlevel = {
    .name = "WordLevel",
    .encode = wordlevel_encode,
    .free = words_free,
};

/* The vocabulary, and what both models share. */
static int finish(struct tk_tokenizer *t, struct words *m, struct tk_json_val *v,
                  struct tk_err *reterr)
{
    struct tk_json_val vocab;
    enum tk__form form;
    if (tk__ju_member(v, "vocab", &vocab) <= 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the model has no vocabulary");
    tk__vocab_init(&t->vocab, false);
    int rc = tk__vocab_read(t, &vocab, reterr);
    if (rc == 0)
        rc = tk__vocab_index(&t->vocab, false, reterr);
    if (rc < 0)
        return rc;
    m->unk = tk__vocab_find_text(&t->vocab, m->unk_text);
    for (uint32_t id = 0; id < t->vocab.n_ids; id++)
        m->max_piece_bytes = TK_MAX(m->max_piece_bytes, tk__vocab_piece(&t->vocab, id, &form).n);
    return 0;
}

static struct words *words_new(struct tk_tokenizer *t, const struct tk__model_ops *ops)
{
    struct words *m = calloc(1, sizeof(*m));
    if (m) {
        m->base.ops = ops;
        t->model = &m->base;
    }
    return m;
}

int tk__wordpiece_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    static const char *const known[] = {
        "type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab", NULL
    };
    static const char where[] = "WordPiece model";
    struct words *m = words_new(t, &wordpiece);
    if (!m)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the model");
    m->max_chars = 100;
    int rc = tk__ju_only(v, where, known, reterr);
    if (rc == 0)
        rc = tk__ju_need_str(v, "unk_token", where, &t->arena, &m->unk_text, reterr);
    if (rc == 0)
        rc = tk__ju_need_str(v, "continuing_subword_prefix", where, &t->arena, &m->prefix, reterr);
    if (rc == 0)
        rc = tk__ju_size(v, "max_input_chars_per_word", where, &m->max_chars, reterr);
    return rc == 0 ? finish(t, m, v, reterr) : rc;
}

int tk__wordlevel_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    static const char *const known[] = { "type", "unk_token", "vocab", NULL };
    static const char where[] = "WordLevel model";
    struct words *m = words_new(t, &wordlevel);
    if (!m)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the model");
    int rc = tk__ju_only(v, where, known, reterr);
    if (rc == 0)
        rc = tk__ju_need_str(v, "unk_token", where, &t->arena, &m->unk_text, reterr);
    return rc == 0 ? finish(t, m, v, reterr) : rc;
}
