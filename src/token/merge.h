/* merge.h - the merges of byte-pair encoding, and merging by them */
#ifndef TK_TOKEN_MERGE_H
#define TK_TOKEN_MERGE_H

#include "base/def.h"
#include "base/err.h"
#include "token/hash.h"

struct tk_tok_scratch;

struct tk__merge {
    uint64_t pair; /* left id << 32 | right id; UINT64_MAX: a free slot */
    uint32_t rank; /* the lowest merges first */
    uint32_t id;   /* what the two become */
};

#define TK__MERGES_WAITING 16U

/* By pair: open addressing, at most 5/8 full. */
struct tk__merges {
    struct tk__merge *v; /* owned */
    uint32_t mask;       /* slots - 1 */
    uint32_t n_added;    /* so far; the last few wait while their slots come from memory */
    struct tk__merge waiting[TK__MERGES_WAITING];
};

/* Room for `n` merges. 0, TK_E_LIMIT, -ENOMEM. */
int tk__merges_init(struct tk__merges *m, size_t n, struct tk_err *reterr);
void tk__merges_release(struct tk__merges *m);

/* Add one; of two with the same pair the later counts. No more than there is room for. */
void tk__merges_add(struct tk__merges *m, uint32_t left, uint32_t right, uint32_t rank,
                    uint32_t id);

/* All were added: now they can be found. */
void tk__merges_done(struct tk__merges *m);

static inline TK_UNUSED uint32_t tk__merges_slot(uint64_t pair, uint32_t mask)
{
    return (uint32_t)((pair ^ pair >> 29) * TK__HASH_A >> 32) & mask;
}

static inline TK_UNUSED const struct tk__merge *tk__merges_find(const struct tk__merges *m,
                                                                uint32_t left, uint32_t right)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    for (uint32_t i = tk__merges_slot(pair, m->mask);; i = (i + 1) & m->mask) {
        if (m->v[i].pair == pair)
            return &m->v[i];
        if (m->v[i].pair == UINT64_MAX)
            return NULL;
    }
}

/* Merge the symbols ids[0, n) in place, the pair of lowest rank first, of equal ones the leftmost.
 * How many are left, or -ENOMEM. */
int64_t tk__merge_all(const struct tk__merges *m, struct tk_tok_scratch *s, uint32_t *ids,
                      size_t n);

/* The same by one heap, whatever the length: the test's other way to the same ids. */
int64_t tk__merge_by_heap(const struct tk__merges *m, struct tk_tok_scratch *s, uint32_t *ids,
                          size_t n);

#endif
