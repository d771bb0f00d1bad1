/* test_heap.c - base/heap.h */
#include "lib/tap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/rand.h"
#include "lib/failmalloc.h"

#define N 2000

static void simple(void)
{
    struct tk_heap h;
    struct tk_heap_node a;
    struct tk_heap_node b = TK_HEAP_NODE_INIT;
    struct tk_heap_node c = TK_HEAP_NODE_INIT;
    tk_heap_init(&h);
    tk_heap_node_init(&a);
    T_OK(!tk_heap_peek(&h) && !tk_heap_pop(&h), "empty");
    tk_heap_remove(&h, &a);
    T_OK(!tk_heap_has(&a), "removing what is in no heap");
    T_EQ_I(tk_heap_push(&h, &a, 10), 0, "push");
    tk_heap_push(&h, &b, 5);
    tk_heap_push(&h, &c, 10);
    T_OK(tk_heap_has(&a), "is in it");
    T_OK(tk_heap_peek(&h) == &b, "the earliest");
    T_OK(tk_heap_pop(&h) == &b && !tk_heap_has(&b), "popped");
    T_OK(tk_heap_peek(&h) == &a, "ties leave in the order of the pushes");
    tk_heap_update(&h, &a, 10);
    T_OK(tk_heap_peek(&h) == &c, "an update is a new place in that order");
    tk_heap_update(&h, &c, 20);
    T_OK(tk_heap_peek(&h) == &a, "later");
    tk_heap_update(&h, &c, 1);
    T_OK(tk_heap_peek(&h) == &c, "earlier");
    tk_heap_remove(&h, &c);
    T_OK(tk_heap_peek(&h) == &a && !tk_heap_has(&c), "removed");
    tk_heap_release(&h);
    T_OK(!tk_heap_has(&a), "release leaves no node in it");
    tk_heap_release(&h);
    T_EQ_I(h.n, 0, "released twice");
}

/* Random pushes, updates and removals, then the order of the pops against a sort's rule. */
static void many(void)
{
    static struct tk_heap_node nodes[N];
    struct tk_heap h;
    struct tk_mt m;
    size_t in_heap = 0;
    bool ordered = true;
    tk_heap_init(&h);
    tk_mt_seed_python(&m, 1);
    for (size_t i = 0; i < N; i++)
        tk_heap_node_init(&nodes[i]);
    for (int i = 0; i < 20000; i++) {
        struct tk_heap_node *node = &nodes[tk_mt_below(&m, N)];
        tk_ns at = (tk_ns)tk_mt_below(&m, 500);
        if (!tk_heap_has(node))
            tk_heap_push(&h, node, at);
        else if (tk_mt_below(&m, 2))
            tk_heap_update(&h, node, at);
        else
            tk_heap_remove(&h, node);
    }
    for (size_t i = 0; i < N; i++)
        in_heap += tk_heap_has(&nodes[i]);
    T_EQ_U(h.n, in_heap, "the heap holds what says that it is in it");
    struct tk_heap_node *last = NULL;
    for (struct tk_heap_node *node; (node = tk_heap_pop(&h)); last = node) {
        ordered = ordered &&
                  (!last || last->at < node->at || (last->at == node->at && last->seq < node->seq));
        in_heap--;
    }
    T_OK(ordered, "they come out in order");
    T_EQ_U(in_heap, 0, "all of them");
    tk_heap_release(&h);
}

static void memory(void)
{
    static struct tk_heap_node nodes[200];
    struct tk_heap h;
    tk_heap_init(&h);
    for (size_t i = 0; i < 200; i++)
        tk_heap_node_init(&nodes[i]);
    tk_failmalloc_at(1);
    T_EQ_I(tk_heap_push(&h, &nodes[0], 1), -ENOMEM, "no memory");
    T_OK(!tk_heap_has(&nodes[0]) && h.n == 0, "the node is in no heap");
    tk_failmalloc_at(1);
    T_EQ_I(tk_heap_reserve(&h, 200), -ENOMEM, "reserve without memory");
    tk_failmalloc_off();
    T_EQ_I(tk_heap_reserve(&h, SIZE_MAX / 2), -ENOMEM, "reserve more than any memory");
    T_EQ_I(tk_heap_reserve(&h, 200), 0, "reserve");
    T_EQ_I(tk_heap_reserve(&h, 10), 0, "reserve less");
    tk_failmalloc_from(1);
    int failed = 0;
    for (size_t i = 0; i < 200; i++)
        failed += tk_heap_push(&h, &nodes[i], 1) != 0;
    T_OK(!tk_failmalloc_off(), "no push allocates after that");
    T_EQ_I(failed, 0, "and none fails");
    tk_heap_release(&h);
}

int main(void)
{
    simple();
    many();
    memory();
    return T_DONE();
}
