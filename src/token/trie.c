/* trie.c - known strings, walked byte by byte */
#include "token/trie.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static int node_new(struct tk__trie *t, uint32_t *ret)
{
    if (t->n_nodes == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 256;
        uint32_t *grown = realloc(t->values, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        t->values = grown;
        t->cap = cap;
    }
    if (t->n_nodes >= TK__TRIE_MAX)
        return TK_E_LIMIT;
    t->values[t->n_nodes] = TK__TRIE_NONE;
    *ret = t->n_nodes++;
    return 0;
}

static void put(struct tk__edge *edges, uint32_t mask, struct tk__edge e)
{
    uint64_t key = (uint64_t)e.from << 8 | e.byte;
    uint32_t i = (uint32_t)((key * 0x9E3779B97F4A7C15U) >> 32);
    while (edges[i & mask].from != TK__TRIE_NONE)
        i++;
    edges[i & mask] = e;
}

/* Twice as many slots. */
static int grow(struct tk__trie *t, uint32_t n_slots)
{
    struct tk__edge *edges = malloc(n_slots * sizeof(*edges));
    if (!edges)
        return -ENOMEM;
    memset(edges, 0xFF, n_slots * sizeof(*edges));
    for (uint32_t i = 0; t->edges && i <= t->mask; i++) {
        if (t->edges[i].from != TK__TRIE_NONE)
            put(edges, n_slots - 1, t->edges[i]);
    }
    free(t->edges);
    t->edges = edges;
    t->mask = n_slots - 1;
    return 0;
}

int tk__trie_init(struct tk__trie *t)
{
    uint32_t root;
    memset(t, 0, sizeof(*t));
    memset(t->root, 0xFF, sizeof(t->root));
    int rc = grow(t, 256);
    return rc < 0 ? rc : node_new(t, &root);
}

void tk__trie_release(struct tk__trie *t)
{
    free(t->edges);
    free(t->values);
    t->edges = NULL;
    t->values = NULL;
}

static int step(struct tk__trie *t, uint32_t node, unsigned char byte, uint32_t *ret)
{
    uint32_t next = tk__trie_next(t, node, byte);
    int rc = 0;
    if (next == TK__TRIE_NONE) {
        rc = node_new(t, &next);
        if (rc == 0 && node != 0 && (t->n_edges + 1) * 2 > t->mask)
            rc = grow(t, (t->mask + 1) * 2);
        if (rc < 0)
            return rc;
        if (node == 0) {
            t->root[byte] = next;
        } else {
            put(t->edges, t->mask, (struct tk__edge){ node, next, byte });
            t->n_edges++;
        }
    }
    *ret = next;
    return 0;
}

int tk__trie_add(struct tk__trie *t, struct tk_str s, uint32_t value)
{
    uint32_t node = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s.n; i++)
        rc = step(t, node, (unsigned char)s.p[i], &node);
    if (rc == 0)
        t->values[node] = value;
    return rc;
}
