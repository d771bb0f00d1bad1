/* blocks.c - fixed-size blocks from one reserved range
 *
 *   range   |block|block|block|  never touched …                          |
 *                              ^ fresh
 *   local   owner's list of free blocks
 *   back    stack of blocks that were given back, by any thread
 *
 * The owner takes from `local`, then from `back` (all of it at once), then from the range, so that
 * memory that was touched is used again first. Pushing onto `back` is a compare-and-swap of its top;
 * since the only way to take is an exchange of the whole stack, a block cannot come back under the
 * nose of a pusher and be mistaken (no ABA).
 *
 * An append takes all blocks that it needs before it changes the chain, so that a pool that runs dry
 * leaves the chain as it was.
 */
#include "base/blocks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert(sizeof(struct tk_block) == TK_BLOCK_BYTES, "a block has no padding");

struct tk_blocks {
    struct tk_block *range; /* the reserved memory */
    size_t n_range;         /* blocks in it */
    size_t n_fresh;         /* blocks of it that were handed out at least once; owner */
    struct tk_block *local; /* free blocks; owner */
    _Atomic(size_t) taken;  /* blocks handed out since the start; written by the owner */
    _Atomic(size_t) peak;   /* most blocks that were out at once; written by the owner */

    /* Written by other threads: on a cache line of their own. */
    _Alignas(64) _Atomic(struct tk_block *) back;
    _Atomic(size_t) returned; /* blocks given back since the start */
};

int tk_blocks_new(size_t max_bytes, struct tk_blocks **ret_pool)
{
    size_t n = max_bytes / TK_BLOCK_BYTES;
    struct tk_blocks *pool = aligned_alloc(_Alignof(struct tk_blocks), sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    memset(pool, 0, sizeof(*pool));
    if (n > 0) {
        void *range = mmap(NULL, n * TK_BLOCK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (range == MAP_FAILED) {
            free(pool);
            return -ENOMEM;
        }
        /* A fault for each 2 MiB instead of each 4 KiB, where the system has such pages to give. */
        (void)madvise(range, n * TK_BLOCK_BYTES, MADV_HUGEPAGE);
        pool->range = range;
        pool->n_range = n;
    }
    *ret_pool = pool;
    return 0;
}

struct tk_blocks *tk_blocks_free(struct tk_blocks *pool)
{
    if (!pool)
        return NULL;
    if (pool->range)
        munmap(pool->range, pool->n_range * TK_BLOCK_BYTES);
    free(pool);
    return NULL;
}

size_t tk_blocks_used_bytes(const struct tk_blocks *pool)
{
    /* In this order, so that the difference is not negative on another thread. */
    size_t returned = atomic_load_explicit(&pool->returned, memory_order_acquire);
    size_t taken = atomic_load_explicit(&pool->taken, memory_order_relaxed);
    return taken > returned ? (taken - returned) * TK_BLOCK_BYTES : 0;
}

size_t tk_blocks_max_bytes(const struct tk_blocks *pool)
{
    return atomic_load_explicit(&pool->peak, memory_order_relaxed) * TK_BLOCK_BYTES;
}

/* Push the list from `first` to `last`, of `n` blocks. */
static void give_back(struct tk_blocks *pool, struct tk_block *first, struct tk_block *last,
                      size_t n)
{
    /* Counted first: the owner must not see a block again that still counts as out. */
    atomic_fetch_add_explicit(&pool->returned, n, memory_order_release);
    struct tk_block *top = atomic_load_explicit(&pool->back, memory_order_relaxed);
    do {
        last->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&pool->back, &top, first, memory_order_release,
                                                    memory_order_relaxed));
}

static struct tk_block *take(struct tk_blocks *pool)
{
    if (!pool->local)
        pool->local = atomic_exchange_explicit(&pool->back, NULL, memory_order_acquire);
    struct tk_block *b = pool->local;
    if (b)
        pool->local = b->next;
    else if (pool->n_fresh < pool->n_range)
        b = &pool->range[pool->n_fresh++];
    return b;
}

static void count_taken(struct tk_blocks *pool, size_t n)
{
    size_t taken = atomic_load_explicit(&pool->taken, memory_order_relaxed) + n;
    atomic_store_explicit(&pool->taken, taken, memory_order_relaxed);
    size_t used = taken - atomic_load_explicit(&pool->returned, memory_order_relaxed);
    if (used > atomic_load_explicit(&pool->peak, memory_order_relaxed))
        atomic_store_explicit(&pool->peak, used, memory_order_relaxed);
}

/* A list of `n` blocks, its last one in *ret_last; NULL when there are not so many. */
static struct tk_block *take_list(struct tk_blocks *pool, size_t n, struct tk_block **ret_last)
{
    struct tk_block *first = NULL;
    struct tk_block *last = NULL;
    for (size_t i = 0; i < n; i++) {
        struct tk_block *b = take(pool);
        if (!b)
            break;
        b->next = first;
        first = b;
        last = last ? last : b;
        if (i + 1 == n) {
            count_taken(pool, n);
            *ret_last = last;
            return first;
        }
    }
    if (last) { /* back onto the owner's list: they were not counted yet */
        last->next = pool->local;
        pool->local = first;
    }
    return NULL;
}

struct tk_block *tk_blocks_take(struct tk_blocks *pool)
{
    struct tk_block *b = take(pool);
    if (b)
        count_taken(pool, 1);
    return b;
}

void tk_blocks_give(struct tk_blocks *pool, struct tk_block *b)
{
    give_back(pool, b, b, 1);
}

/* Copy `n` bytes into the blocks of the list `b`, which are just enough. */
static void fill_list(struct tk_block *b, const char *from, size_t n, uint32_t *ret_last_used)
{
    for (; b; b = b->next) {
        size_t part = TK_MIN(n, TK_BLOCK_DATA_BYTES);
        memcpy(b->data, from, part);
        from += part;
        n -= part;
        *ret_last_used = (uint32_t)part;
    }
}

bool tk_chain_add(struct tk_chain *c, struct tk_blocks *pool, const void *p, size_t n)
{
    const char *from = p;
    size_t room = c->last ? TK_BLOCK_DATA_BYTES - c->last_used : 0;
    struct tk_block *more = NULL;
    struct tk_block *more_last = NULL;
    if (n == 0)
        return true;
    if (n > UINT32_MAX - c->n_bytes)
        return false;
    if (n > room) {
        size_t n_blocks = (n - room + TK_BLOCK_DATA_BYTES - 1) / TK_BLOCK_DATA_BYTES;
        more = take_list(pool, n_blocks, &more_last);
        if (!more)
            return false;
    }
    size_t part = TK_MIN(n, room);
    if (part > 0) {
        memcpy(c->last->data + c->last_used, from, part);
        c->last_used += (uint32_t)part;
    }
    if (more) {
        if (c->last)
            c->last->next = more;
        else
            c->first = more;
        c->last = more_last;
    }
    fill_list(more, from + part, n - part, &c->last_used);
    c->n_bytes += (uint32_t)n;
    return true;
}

void tk_chain_release(struct tk_chain *c, struct tk_blocks *pool)
{
    if (c->first) {
        size_t n = (c->n_bytes + TK_BLOCK_DATA_BYTES - 1) / TK_BLOCK_DATA_BYTES;
        give_back(pool, c->first, c->last, n);
    }
    *c = (struct tk_chain){ 0 };
}

void tk_chain_copy(const struct tk_chain *c, void *out)
{
    char *to = out;
    for (const struct tk_block *b = c->first; b; b = b == c->last ? NULL : b->next) {
        size_t n = b == c->last ? c->last_used : TK_BLOCK_DATA_BYTES;
        memcpy(to, b->data, n);
        to += n;
    }
}
