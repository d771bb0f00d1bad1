/* blocks.h - fixed-size blocks from one reserved range, and byte chains made of them
 *
 * The record of a request grows while its answer streams in, and nothing on that path may call
 * malloc. So a worker reserves address space for its records once (mmap without commitment: memory
 * is used when it is touched), and hands out blocks from it. A chain is a sequence of bytes over
 * such blocks.
 *
 *   chain: [next|bytes........] -> [next|bytes........] -> [next|bytes....      ]
 *
 * Blocks are taken by one thread (the pool's owner) and may be given back by another: what comes
 * back is collected on a lock-free stack, which the owner takes over whole when its own list is
 * empty.
 */
#ifndef TK_BASE_BLOCKS_H
#define TK_BASE_BLOCKS_H

#include "base/def.h"

#define TK_BLOCK_BYTES 1024 /* with its link */

struct tk_block {
    struct tk_block *next; /* next in chain or free list */
    char data[TK_BLOCK_BYTES - sizeof(struct tk_block *)];
};

#define TK_BLOCK_DATA_BYTES (TK_BLOCK_BYTES - sizeof(struct tk_block *))

struct tk_blocks; /* the pool */

/* Reserve room for `max_bytes` of blocks. 0, or -ENOMEM when the range cannot be had. */
int tk_blocks_new(size_t max_bytes, struct tk_blocks **ret_pool);
struct tk_blocks *tk_blocks_free(struct tk_blocks *pool); /* all chains are gone with it */

/* Bytes now handed out, and the most that there were; any thread, approximate elsewhere than on
 * the owner's. */
size_t tk_blocks_used_bytes(const struct tk_blocks *pool);
size_t tk_blocks_max_bytes(const struct tk_blocks *pool);

/* One block; owner's thread. NULL when the pool is exhausted. Its `next` is the taker's to use. */
struct tk_block *tk_blocks_take(struct tk_blocks *pool);

/* Give one block back; any thread. */
void tk_blocks_give(struct tk_blocks *pool, struct tk_block *b);

struct tk_chain {
    struct tk_block *first, *last; /* NULL when empty */
    uint32_t last_used;            /* bytes used in the last block's data */
    uint32_t n_bytes;              /* bytes in all */
};

/* Append; owner's thread. False when the pool is exhausted: the chain is as before. */
bool tk_chain_add(struct tk_chain *c, struct tk_blocks *pool, const void *p, size_t n);

/* The same for at most TK_CHAIN_SHORT bytes, of which as many can be read at `p`: a copy of a fixed size,
 * without a call, where the last block has room. */
#define TK_CHAIN_SHORT 32
static inline TK_UNUSED bool tk_chain_add_short(struct tk_chain *c, struct tk_blocks *pool,
                                                const void *p, size_t n)
{
    if (TK_UNLIKELY(!c->last || TK_BLOCK_DATA_BYTES - c->last_used < TK_CHAIN_SHORT))
        return tk_chain_add(c, pool, p, n);
    __builtin_memcpy(c->last->data + c->last_used, p, TK_CHAIN_SHORT);
    c->last_used += (uint32_t)n;
    c->n_bytes += (uint32_t)n;
    return true;
}

/* Give the blocks back to the pool that they came from; any thread. The chain is empty then. */
void tk_chain_release(struct tk_chain *c, struct tk_blocks *pool);

/* Copy the bytes to `out`, which has room for n_bytes. */
void tk_chain_copy(const struct tk_chain *c, void *out);

#endif
