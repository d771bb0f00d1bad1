/* vocab.h - the pieces of a model, by id and by text
 *
 * Byte-level models spell each byte as a printable character ("Ġthe"). In a raw vocabulary pieces
 * that are so spelt are kept as the bytes they mean, so that text need not be spelt to be looked up;
 * pieces with any other character in them are kept as they are, and never meet bytes.
 */
#ifndef TK_TOKEN_VOCAB_H
#define TK_TOKEN_VOCAB_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"

#define TK__NO_ID UINT32_MAX

enum tk__form {
    TK__FORM_TEXT,  /* as spelt in the file */
    TK__FORM_BYTES, /* the bytes that the spelling means */
};

struct tk__piece {
    uint32_t at;       /* in the blob; UINT32_MAX: there is no such id */
    uint32_t n : 31;   /* bytes */
    uint32_t form : 1; /* enum tk__form */
};

struct tk__slot {
    uint32_t tag; /* upper half of the hash */
    uint32_t id;  /* TK__NO_ID: free */
};

struct tk__vocab {
    bool is_raw;
    struct tk_buf blob;       /* the pieces, one after the other */
    struct tk__piece *pieces; /* by id; owned */
    uint32_t n_ids;           /* highest id + 1 */
    uint32_t cap;             /* pieces allocated */
    uint32_t n_pieces;        /* pieces that there are, two of one text counted twice */
    struct tk__slot *slots;   /* owned */
    uint32_t mask;            /* slots - 1 */
};

void tk__vocab_init(struct tk__vocab *v, bool is_raw);
void tk__vocab_release(struct tk__vocab *v);

/* Add a piece as it is spelt. 0; TK_E_RANGE (id too high); TK_E_FORMAT (the id is taken); TK_E_LIMIT;
 * -ENOMEM. */
int tk__vocab_add(struct tk__vocab *v, struct tk_str text, uint32_t id);

/* Make look-ups work; nothing may be added afterwards. Of two pieces with one text the later id
 * counts if `allows_twins`, else it is TK_E_FORMAT. */
int tk__vocab_index(struct tk__vocab *v, bool allows_twins, struct tk_err *reterr);

/* The id of these bytes in this form, or TK__NO_ID. */
uint32_t tk__vocab_find(const struct tk__vocab *v, struct tk_str bytes, enum tk__form form);

/* The same, looking at the piece of the id `guess` first, which may be any number. */
uint32_t tk__vocab_find_near(const struct tk__vocab *v, struct tk_str bytes, enum tk__form form,
                             uint32_t guess);

/* The id of a piece as it is spelt. */
uint32_t tk__vocab_find_text(const struct tk__vocab *v, struct tk_str text);

/* The piece of an id; .p is NULL when there is none. */
static inline TK_UNUSED struct tk_str tk__vocab_piece(const struct tk__vocab *v, uint32_t id,
                                                      enum tk__form *ret_form)
{
    if (id >= v->n_ids || v->pieces[id].at == UINT32_MAX)
        return (struct tk_str){ 0 };
    *ret_form = (enum tk__form)v->pieces[id].form;
    return (struct tk_str){ v->blob.p + v->pieces[id].at, v->pieces[id].n };
}

/* What spelt text means: the bytes go to `out`, as long as the text; their number, or SIZE_MAX when a
 * character of it spells no byte. */
size_t tk__bytes_of_text(struct tk_str text, char *out);

/* Append the spelling of `bytes`. */
void tk__text_of_bytes(struct tk_buf *out, struct tk_str bytes);

#endif
