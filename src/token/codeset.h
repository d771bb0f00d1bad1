/* codeset.h - sets of code points, for the classes of regular expressions */
#ifndef TK_TOKEN_CODESET_H
#define TK_TOKEN_CODESET_H

#include "base/buf.h"
#include "base/def.h"
#include "token/unidata.h"

#define TK__CODESET_MAX 100000U /* ranges in one set */

/* Ranges in order, none touching another. All zero is the empty set. */
struct tk__codeset {
    struct tk__uni_range *r; /* owned */
    unsigned n;
    unsigned cap;
    int failed; /* the first failure: -ENOMEM or TK_E_LIMIT; the content is void then */
};

void tk__codeset_release(struct tk__codeset *s);

void tk__codeset_add(struct tk__codeset *s, uint32_t first, uint32_t last);
void tk__codeset_add_ranges(struct tk__codeset *s, const struct tk__uni_range *r, unsigned n);
void tk__codeset_add_categories(struct tk__codeset *s, uint32_t gc_mask);
void tk__codeset_union(struct tk__codeset *s, const struct tk__codeset *other);
void tk__codeset_intersect(struct tk__codeset *s, const struct tk__codeset *other);
void tk__codeset_invert(struct tk__codeset *s);
bool tk__codeset_has(const struct tk__codeset *s, uint32_t c);

/* Append the ranges as they stand in a class of PCRE2, without brackets; surrogates are left out. */
void tk__codeset_write(const struct tk__codeset *s, struct tk_buf *out);

#endif
