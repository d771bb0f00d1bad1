/* trie.h - known strings, walked byte by byte
 *
 * Nodes are numbers, an edge is a slot of one hash table; the root's edges are an array. For the
 * pieces of Unigram and for added tokens.
 */
#ifndef TK_TOKEN_TRIE_H
#define TK_TOKEN_TRIE_H

#include "base/def.h"

#define TK__TRIE_NONE UINT32_MAX
#define TK__TRIE_MAX (1U << 27) /* nodes */

struct tk__edge {
    uint32_t from; /* node; TK__TRIE_NONE: free */
    uint32_t to;   /* node */
    uint32_t byte;
};

struct tk__trie {
    uint32_t root[256];     /* node behind each first byte */
    struct tk__edge *edges; /* owned */
    uint32_t mask;          /* slots - 1 */
    uint32_t n_edges;
    uint32_t *values; /* by node: what the string that ends here stands for; owned */
    uint32_t n_nodes; /* node 0 is the root */
    uint32_t cap;     /* values allocated */
};

int tk__trie_init(struct tk__trie *t); /* 0 or -ENOMEM */
void tk__trie_release(struct tk__trie *t);

/* Add a string, not empty; an earlier value of the same one is replaced. 0, TK_E_LIMIT, -ENOMEM. */
int tk__trie_add(struct tk__trie *t, struct tk_str s, uint32_t value);

/* The node behind `node` (0: the root) and `byte`, or TK__TRIE_NONE. */
static inline TK_UNUSED uint32_t tk__trie_next(const struct tk__trie *t, uint32_t node,
                                               unsigned char byte)
{
    if (node == 0)
        return t->root[byte];
    uint64_t key = (uint64_t)node << 8 | byte;
    for (uint32_t i = (uint32_t)((key * 0x9E3779B97F4A7C15U) >> 32);; i++) {
        const struct tk__edge *e = &t->edges[i & t->mask];
        if (e->from == node && e->byte == byte)
            return e->to;
        if (e->from == TK__TRIE_NONE)
            return TK__TRIE_NONE;
    }
}

#endif
