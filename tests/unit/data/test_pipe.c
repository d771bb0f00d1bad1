/* Things made by threads and taken in their order. */
#include "data/pipe.h"

#include <errno.h>
#include <stdatomic.h>

#include "failmalloc.h"
#include "tap.h"

struct maker {
    atomic_int n_made;
    size_t n_taken;
    size_t stop_at; /* SIZE_MAX: never */
    bool is_ordered;
};

struct slot {
    size_t i;
    int n_uses;
};

static void make(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    struct maker *m = owner;
    struct slot *slot = at;

    (void)s;
    slot->i = i;
    slot->n_uses++;
    atomic_fetch_add(&m->n_made, 1);
}

static int take(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    struct maker *m = owner;
    struct slot *slot = at;

    m->is_ordered = m->is_ordered && s && i == m->n_taken && slot->i == i && slot->n_uses > 0;
    m->n_taken++;
    return i == m->stop_at ? -EBADMSG : 0;
}

static void release(void *at)
{
    (void)at;
}

static int run(struct maker *m, size_t n, unsigned n_threads, size_t stop_at)
{
    const struct tk__pipe pipe = {
        .n = n,
        .n_threads = n_threads,
        .slot_bytes = sizeof(struct slot),
        .owner = m,
        .make = make,
        .take = take,
        .release = release,
    };

    *m = (struct maker){ .is_ordered = true, .stop_at = stop_at };
    return tk__pipe_run(&pipe);
}

static void in_order(void)
{
    static const unsigned threads[] = { 0, 1, 2, 3, 8, 100000 };
    static const size_t sizes[] = { 0, 1, 2, 5000 };
    struct maker m;

    for (size_t i = 0; i < TK_ARRAY_LEN(threads); i++) {
        for (size_t k = 0; k < TK_ARRAY_LEN(sizes); k++) {
            T_EQ_I(run(&m, sizes[k], threads[i], SIZE_MAX), 0, "%zu things, %u threads", sizes[k],
                   threads[i]);
            T_OK(m.is_ordered, "taken in order, each from its slot");
            T_EQ_U(m.n_taken, sizes[k], "all taken");
            T_EQ_I(atomic_load(&m.n_made), (int)sizes[k], "each made once");
        }
    }
}

static void stopped(void)
{
    struct maker m;

    for (unsigned n_threads = 1; n_threads <= 4; n_threads++) {
        T_EQ_I(run(&m, 100000, n_threads, 50), -EBADMSG, "the code ends all, %u threads",
               n_threads);
        T_EQ_U(m.n_taken, 51, "nothing is taken behind it");
        T_OK(atomic_load(&m.n_made) < 100000, "the rest is not made");
    }
}

/* A thread that cannot be had is done without; so the only failures are those before anything begins. */
static void without_memory(void)
{
    struct maker m;

    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = run(&m, 40, 1, SIZE_MAX);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "with enough memory");
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
        T_EQ_U(m.n_taken, 0, "nothing was taken");
    }
}

int main(void)
{
    in_order();
    stopped();
    without_memory();
    return T_DONE();
}
