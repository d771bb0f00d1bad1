#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

#define MIN_CAP 64

void tk_heap_init(struct tk_heap *h)
{
    *h = (struct tk_heap){ 0 };
}

void tk_heap_release(struct tk_heap *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->nodes[i]->index = SIZE_MAX;
    free(h->nodes);
    *h = (struct tk_heap){ 0 };
}

void tk_heap_node_init(struct tk_heap_node *node)
{
    *node = (struct tk_heap_node)TK_HEAP_NODE_INIT;
}

static bool is_before(const struct tk_heap_node *a, const struct tk_heap_node *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void place(struct tk_heap *h, struct tk_heap_node *node, size_t index)
{
    h->nodes[index] = node;
    node->index = index;
}

/* `node` belongs at `index` or nearer to the root. */
static void sift_up(struct tk_heap *h, struct tk_heap_node *node, size_t index)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!is_before(node, h->nodes[parent]))
            break;
        place(h, h->nodes[parent], index);
        index = parent;
    }
    place(h, node, index);
}

/* `node` belongs at `index` or nearer to the leaves. */
static void sift_down(struct tk_heap *h, struct tk_heap_node *node, size_t index)
{
    for (size_t child; (child = 2 * index + 1) < h->n; index = child) {
        if (child + 1 < h->n && is_before(h->nodes[child + 1], h->nodes[child]))
            child++;
        if (!is_before(h->nodes[child], node))
            break;
        place(h, h->nodes[child], index);
    }
    place(h, node, index);
}

/* `node` belongs at `index` or somewhere above or below it. */
static void sift(struct tk_heap *h, struct tk_heap_node *node, size_t index)
{
    if (index > 0 && is_before(node, h->nodes[(index - 1) / 2]))
        sift_up(h, node, index);
    else
        sift_down(h, node, index);
}

int tk_heap_reserve(struct tk_heap *h, size_t n)
{
    if (n <= h->cap)
        return 0;
    if (n > SIZE_MAX / 2 / sizeof(void *))
        return -ENOMEM;
    struct tk_heap_node **nodes = realloc(h->nodes, n * sizeof(void *));
    if (!nodes)
        return -ENOMEM;
    h->nodes = nodes;
    h->cap = n;
    return 0;
}

int tk_heap_push(struct tk_heap *h, struct tk_heap_node *node, tk_ns at)
{
    if (h->n == h->cap) {
        int rc = tk_heap_reserve(h, h->cap ? h->cap * 2 : MIN_CAP);
        if (rc)
            return rc;
    }
    node->at = at;
    node->seq = h->next_seq++;
    sift_up(h, node, h->n++);
    return 0;
}

struct tk_heap_node *tk_heap_peek(const struct tk_heap *h)
{
    return h->n > 0 ? h->nodes[0] : NULL;
}

struct tk_heap_node *tk_heap_pop(struct tk_heap *h)
{
    struct tk_heap_node *node = tk_heap_peek(h);
    if (node)
        tk_heap_remove(h, node);
    return node;
}

void tk_heap_remove(struct tk_heap *h, struct tk_heap_node *node)
{
    size_t index = node->index;
    if (index == SIZE_MAX)
        return;
    struct tk_heap_node *last = h->nodes[--h->n];
    if (last != node)
        sift(h, last, index);
    node->index = SIZE_MAX;
}

void tk_heap_update(struct tk_heap *h, struct tk_heap_node *node, tk_ns at)
{
    node->at = at;
    node->seq = h->next_seq++;
    sift(h, node, node->index);
}
