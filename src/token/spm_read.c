/* spm_read.c - sentencepiece's model file, a protocol buffer
 *
 *   ModelProto      1 pieces*   2 trainer_spec   3 normalizer_spec   5 denormalizer_spec
 *   SentencePiece   1 piece     2 score (float)  3 type
 *   TrainerSpec     3 model_type   24 treat_whitespace_as_suffix   35 byte_fallback
 *   NormalizerSpec  2 precompiled_charsmap   3 add_dummy_prefix   4 remove_extra_whitespaces
 *                   5 escape_whitespaces
 *
 * A message is a run of fields: a key (number << 3 | kind) and a value by kind, 0 a varint, 1 eight
 * bytes, 2 a length and bytes, 5 four bytes. The wire form is all that is needed, so there is no
 * library for it.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "token/spm.h"
#include "token/unicode.h"

enum kind { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

struct field {
    uint32_t number;
    uint32_t kind;       /* enum kind */
    uint64_t value;      /* of a number */
    struct tk_str bytes; /* of BYTES */
};

/* False at a damaged or cut one. */
static bool varint(struct tk_str *s, uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && s->n > 0; shift += 7) {
        unsigned char u = (unsigned char)*s->p++;
        s->n--;
        v |= (uint64_t)(u & 0x7F) << shift;
        if (u < 0x80) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool fixed(struct tk_str *s, unsigned n, uint64_t *ret)
{
    *ret = 0;
    if (s->n < n)
        return false;
    for (unsigned i = 0; i < n; i++)
        *ret |= (uint64_t)(unsigned char)s->p[i] << (8 * i);
    s->p += n;
    s->n -= n;
    return true;
}

/* 1 with the next field, 0 at the end, TK_E_FORMAT. */
static int next(struct tk_str *s, struct field *f)
{
    uint64_t key, n;

    if (s->n == 0)
        return 0;
    if (!varint(s, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX)
        return TK_E_FORMAT;
    *f = (struct field){ .number = (uint32_t)(key >> 3), .kind = (uint32_t)(key & 7) };
    switch (f->kind) {
    case VARINT:
        return varint(s, &f->value) ? 1 : TK_E_FORMAT;
    case FIXED64:
        return fixed(s, 8, &f->value) ? 1 : TK_E_FORMAT;
    case FIXED32:
        return fixed(s, 4, &f->value) ? 1 : TK_E_FORMAT;
    case BYTES:
        if (!varint(s, &n) || n > s->n)
            return TK_E_FORMAT;
        f->bytes = (struct tk_str){ s->p, (size_t)n };
        s->p += n;
        s->n -= (size_t)n;
        return 1;
    default:
        return TK_E_FORMAT; /* groups: long gone */
    }
}

static bool is(const struct field *f, uint32_t number, enum kind kind)
{
    return f->number == number && f->kind == (uint32_t)kind;
}

static int read_piece(struct tk_str s, struct tk__spm_file *file)
{
    struct tk__spm_piece piece = { .type = TK__SPM_NORMAL };
    struct field f;
    int rc;

    while ((rc = next(&s, &f)) > 0) {
        uint32_t bits = (uint32_t)f.value;
        if (is(&f, 1, BYTES))
            piece.text = f.bytes;
        else if (is(&f, 2, FIXED32))
            memcpy(&piece.score, &bits, sizeof(bits));
        else if (is(&f, 3, VARINT))
            piece.type = f.value >= TK__SPM_NORMAL && f.value <= TK__SPM_BYTE ? (uint8_t)f.value
                                                                              : 0;
    }
    if (rc < 0 || piece.type == 0 || piece.text.n == 0 || !isfinite(piece.score) ||
        tk__utf8_valid(piece.text.p, piece.text.n) != piece.text.n)
        return TK_E_FORMAT;
    if (file->n == TK__SPM_MAX_PIECES)
        return TK_E_LIMIT;
    if (file->n == file->cap) {
        uint32_t cap = file->cap ? file->cap * 2 : 4096;
        struct tk__spm_piece *grown = realloc(file->pieces, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        file->pieces = grown;
        file->cap = cap;
    }
    file->pieces[file->n++] = piece;
    return 0;
}

static int read_trainer(struct tk_str s, struct tk__spm_file *file)
{
    struct field f;
    int rc;

    while ((rc = next(&s, &f)) > 0) {
        if (is(&f, 3, VARINT))
            file->model_type = f.value < 100 ? (uint32_t)f.value : 100;
        else if (is(&f, 24, VARINT))
            file->is_suffix = f.value != 0;
        else if (is(&f, 35, VARINT))
            file->byte_fallback = f.value != 0;
    }
    return rc;
}

static int read_normalizer(struct tk_str s, struct tk__spm_file *file)
{
    struct field f;
    int rc;

    while ((rc = next(&s, &f)) > 0) {
        if (is(&f, 2, BYTES))
            file->charsmap = f.bytes;
        else if (is(&f, 3, VARINT))
            file->adds_prefix = f.value != 0;
        else if (is(&f, 4, VARINT))
            file->removes_extra = f.value != 0;
        else if (is(&f, 5, VARINT))
            file->escapes = f.value != 0;
    }
    return rc;
}

static int read_denormalizer(struct tk_str s, struct tk__spm_file *file)
{
    struct field f;
    int rc;

    while ((rc = next(&s, &f)) > 0) {
        if (is(&f, 2, BYTES))
            file->denormalizer = f.bytes;
    }
    return rc;
}

static int read_field(const struct field *f, struct tk__spm_file *file)
{
    if (is(f, 1, BYTES))
        return read_piece(f->bytes, file);
    if (is(f, 2, BYTES))
        return read_trainer(f->bytes, file);
    if (is(f, 3, BYTES))
        return read_normalizer(f->bytes, file);
    return is(f, 5, BYTES) ? read_denormalizer(f->bytes, file) : 0;
}

int tk__spm_read(struct tk_str bytes, struct tk__spm_file *ret, struct tk_err *reterr)
{
    struct field f;
    int rc;

    *ret = (struct tk__spm_file){
        .model_type = 1,
        .adds_prefix = true,
        .removes_extra = true,
        .escapes = true,
    };
    while ((rc = next(&bytes, &f)) > 0) {
        rc = read_field(&f, ret);
        if (rc < 0)
            break;
    }
    if (rc == 0 && ret->n == 0)
        rc = TK_E_FORMAT;
    if (rc == 0)
        return 0;
    tk__spm_file_release(ret);
    return tk_err_set(reterr, rc, rc == TK_E_FORMAT ? "this is no model of sentencepiece" : "%s",
                      tk_err_text(rc));
}

void tk__spm_file_release(struct tk__spm_file *f)
{
    free(f->pieces);
    f->pieces = NULL;
    f->n = f->cap = 0;
}

int tk__spm_trie(const struct tk__spm_file *f, enum tk__spm_type type, struct tk__trie **ret)
{
    struct tk__trie *trie = NULL;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < f->n; i++) {
        if (f->pieces[i].type != type)
            continue;
        if (!trie) {
            trie = calloc(1, sizeof(*trie));
            rc = trie ? tk__trie_init(trie) : -ENOMEM;
        }
        if (rc == 0)
            rc = tk__trie_add(trie, f->pieces[i].text, i);
    }
    if (rc < 0 && trie) {
        tk__trie_release(trie);
        free(trie);
        trie = NULL;
    }
    *ret = trie;
    return rc;
}
