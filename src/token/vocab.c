/* vocab.c - the pieces of a model, by id and by text
 *
 *   blob    |the|Ġa|n|…          every piece once
 *   pieces  [id] -> {at, n, form}
 *   slots   hash -> {tag, id}    open addressing, at most half full
 *
 * A look-up costs a slot and, when the tag fits, the piece: two misses of the cache at worst.
 */
#include "token/vocab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "token/hash.h"
#include "token/internal.h"
#include "token/tokenizer.h"
#include "token/unicode.h"

#define BLOB_MAX ((size_t)1 << 30)

/* GPT-2's alphabet: printable Latin-1 spells itself, the other 68 bytes are U+0100 and on. */
static bool spells_itself(unsigned byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

static uint32_t spelling_of(unsigned byte)
{
    if (spells_itself(byte))
        return byte;
    if (byte <= ' ')
        return 0x100 + byte;
    return byte <= 0xA0 ? 0x121 + (byte - 0x7F) : 0x143;
}

/* The byte that `c` spells, or -1. */
static int byte_of(uint32_t c)
{
    if (c < 0x100)
        return spells_itself(c) ? (int)c : -1;
    if (c <= 0x120)
        return (int)(c - 0x100);
    if (c <= 0x142)
        return (int)(c - 0x121 + 0x7F);
    return c == 0x143 ? 0xAD : -1;
}

size_t tk__bytes_of_text(struct tk_str text, char *out)
{
    size_t n = 0;
    size_t at = 0;
    while (at < text.n) {
        unsigned char u = (unsigned char)text.p[at];
        if (u < 0x80) {
            if (u <= ' ' || u == 0x7F)
                return SIZE_MAX;
            out[n++] = (char)u;
            at++;
            continue;
        }
        int byte = byte_of(tk__utf8_next(text.p, &at));
        if (byte < 0)
            return SIZE_MAX;
        out[n++] = (char)byte;
    }
    return n;
}

void tk__text_of_bytes(struct tk_buf *out, struct tk_str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        tk__utf8_add(out, spelling_of((unsigned char)bytes.p[i]));
}

void tk__vocab_init(struct tk__vocab *v, bool is_raw)
{
    *v = (struct tk__vocab){ .is_raw = is_raw, .blob = TK_BUF_INIT(BLOB_MAX) };
}

void tk__vocab_release(struct tk__vocab *v)
{
    tk_buf_release(&v->blob);
    free(v->pieces);
    free(v->slots);
    v->pieces = NULL;
    v->slots = NULL;
    v->n_ids = v->cap = 0;
}

/* Make room for `id`. */
static int grow(struct tk__vocab *v, uint32_t id)
{
    uint32_t cap = v->cap ? v->cap : 1024;
    if (id > TK_TOKENIZER_MAX_ID)
        return TK_E_RANGE;
    while (cap <= id)
        cap *= 2;
    if (cap > v->cap) {
        struct tk__piece *grown = realloc(v->pieces, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        v->pieces = grown;
        v->cap = cap;
    }
    for (; v->n_ids <= id; v->n_ids++)
        v->pieces[v->n_ids] = (struct tk__piece){ .at = UINT32_MAX };
    return 0;
}

int tk__vocab_add(struct tk__vocab *v, struct tk_str text, uint32_t id)
{
    int rc = grow(v, id);
    if (rc < 0)
        return rc;
    if (v->pieces[id].at != UINT32_MAX)
        return TK_E_FORMAT;
    rc = tk_buf_reserve(&v->blob, text.n + 1);
    if (rc < 0)
        return rc;
    size_t n = v->is_raw ? tk__bytes_of_text(text, v->blob.p + v->blob.n) : SIZE_MAX;
    struct tk__piece piece = { .at = (uint32_t)v->blob.n };
    piece.form = n != SIZE_MAX;
    if (n == SIZE_MAX) {
        n = text.n;
        if (n > 0)
            memcpy(v->blob.p + v->blob.n, text.p, n);
    }
    piece.n = (uint32_t)n & 0x7FFFFFFF;
    v->blob.n += n;
    v->pieces[id] = piece;
    v->n_pieces++;
    return 0;
}

static uint64_t hash_of(const char *p, size_t n, enum tk__form form)
{
    return tk__hash(p, n, form);
}

/* Is the piece of `id` these bytes in this form? */
static bool is_piece(const struct tk__vocab *v, uint32_t id, struct tk_str bytes,
                     enum tk__form form)
{
    const struct tk__piece *piece = &v->pieces[id];
    return piece->n == bytes.n && piece->form == (unsigned)form &&
           memcmp(v->blob.p + piece->at, bytes.p, bytes.n) == 0;
}

/* The slot of these bytes, or the free one where they would go. */
static struct tk__slot *slot_of(const struct tk__vocab *v, struct tk_str bytes, enum tk__form form)
{
    uint64_t h = hash_of(bytes.p, bytes.n, form);
    uint32_t tag = (uint32_t)(h >> 32);
    for (uint32_t i = (uint32_t)h;; i++) {
        struct tk__slot *slot = &v->slots[i & v->mask];
        if (slot->id == TK__NO_ID || (slot->tag == tag && is_piece(v, slot->id, bytes, form)))
            return slot;
    }
}

int tk__vocab_index(struct tk__vocab *v, bool allows_twins, struct tk_err *reterr)
{
    size_t n_slots = 16;
    while (n_slots < (size_t)v->n_pieces * 2)
        n_slots *= 2;
    v->slots = tk__large_alloc(n_slots * sizeof(*v->slots));
    if (!v->slots)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the vocabulary");
    memset(v->slots, 0xFF, n_slots * sizeof(*v->slots));
    v->mask = (uint32_t)n_slots - 1;
    for (uint32_t id = 0; id < v->n_ids; id++) {
        enum tk__form form;
        struct tk_str piece = tk__vocab_piece(v, id, &form);
        if (!piece.p)
            continue;
        struct tk__slot *slot = slot_of(v, piece, form);
        if (slot->id != TK__NO_ID && !allows_twins)
            return tk_err_set(reterr, TK_E_FORMAT, "the vocabulary has the piece '%.*s' twice",
                              TK_STR_ARG(piece));
        slot->tag = (uint32_t)(hash_of(piece.p, piece.n, form) >> 32);
        slot->id = id;
    }
    return 0;
}

uint32_t tk__vocab_find(const struct tk__vocab *v, struct tk_str bytes, enum tk__form form)
{
    return v->slots ? slot_of(v, bytes, form)->id : TK__NO_ID;
}

uint32_t tk__vocab_find_near(const struct tk__vocab *v, struct tk_str bytes, enum tk__form form,
                             uint32_t guess)
{
    if (guess < v->n_ids && v->pieces[guess].at != UINT32_MAX && is_piece(v, guess, bytes, form))
        return guess;
    return tk__vocab_find(v, bytes, form);
}

uint32_t tk__vocab_find_text(const struct tk__vocab *v, struct tk_str text)
{
    char few[256];
    char *bytes = few;
    uint32_t id;
    if (!v->is_raw)
        return tk__vocab_find(v, text, TK__FORM_TEXT);
    if (text.n > sizeof(few))
        bytes = malloc(text.n);
    if (!bytes)
        return TK__NO_ID;
    size_t n = tk__bytes_of_text(text, bytes);
    if (n == SIZE_MAX)
        id = tk__vocab_find(v, text, TK__FORM_TEXT);
    else
        id = tk__vocab_find(v, (struct tk_str){ bytes, n }, TK__FORM_BYTES);
    if (bytes != few)
        free(bytes);
    return id;
}
