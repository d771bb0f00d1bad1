/* heap.h - what is due next: an intrusive binary heap of instants
 *
 * The node is embedded in what waits (a timer, a request); the heap holds pointers to nodes and
 * allocates only its array. Nodes of one instant leave in the order in which they were pushed. Not
 * thread-safe.
 */
#ifndef TK_BASE_HEAP_H
#define TK_BASE_HEAP_H

#include "base/def.h"

/* Private: read by heap.c only, except `at`. Must stay where it is while it is in a heap. */
struct tk_heap_node {
    tk_ns at;     /* when it is due; change it by tk_heap_update() only */
    uint64_t seq; /* order among those of one instant */
    size_t index; /* place in the heap, SIZE_MAX when it is in none */
};

#define TK_HEAP_NODE_INIT \
    {                     \
        .index = SIZE_MAX \
    }

struct tk_heap {
    struct tk_heap_node **nodes; /* owned; the nodes are not */
    size_t n;                    /* nodes in the heap */
    size_t cap;                  /* pointers allocated */
    uint64_t next_seq;           /* of the next push */
};

void tk_heap_init(struct tk_heap *h);
void tk_heap_release(struct tk_heap *h); /* its nodes are in no heap then; may be called twice */

void tk_heap_node_init(struct tk_heap_node *node);

static inline TK_UNUSED bool tk_heap_has(const struct tk_heap_node *node)
{
    return node->index != SIZE_MAX;
}

/* Make room for `n` nodes in all, so that as many pushes cannot fail. 0 or -ENOMEM. */
int tk_heap_reserve(struct tk_heap *h, size_t n);

/* Add `node`, which is in no heap, due at `at`. 0; -ENOMEM, and the node is in no heap still. */
int tk_heap_push(struct tk_heap *h, struct tk_heap_node *node, tk_ns at);

/* The earliest node, or NULL; pop takes it out. */
struct tk_heap_node *tk_heap_peek(const struct tk_heap *h);
struct tk_heap_node *tk_heap_pop(struct tk_heap *h);

/* Take `node` out; nothing happens when it is in no heap. */
void tk_heap_remove(struct tk_heap *h, struct tk_heap_node *node);

/* Make `node`, which is in the heap, due at `at` instead, last among those of that instant. */
void tk_heap_update(struct tk_heap *h, struct tk_heap_node *node, tk_ns at);

#endif
