/* test_blocks.c - base/blocks.h */
#include "lib/tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/blocks.h"
#include "lib/failmalloc.h"

#define DATA TK_BLOCK_DATA_BYTES

static char pattern[5 * TK_BLOCK_BYTES];

static bool holds(const struct tk_chain *c, size_t n)
{
    static char out[sizeof(pattern)];
    if (c->n_bytes != n)
        return false;
    tk_chain_copy(c, out);
    return n == 0 || memcmp(out, pattern, n) == 0;
}

static void chains(void)
{
    struct tk_blocks *pool = NULL;
    struct tk_chain c = { 0 };
    size_t n = 0;
    bool ok = true;
    T_EQ_I(tk_blocks_new(8 * TK_BLOCK_BYTES + 5, &pool), 0, "a pool of eight");
    T_OK(holds(&c, 0), "an empty chain");
    T_OK(tk_chain_add(&c, pool, NULL, 0) && !c.first, "nothing takes no block");
    for (size_t step = 1; n + step < sizeof(pattern); n += step, step = step * 2 % 701) {
        ok = ok && tk_chain_add(&c, pool, pattern + n, step);
        ok = ok && holds(&c, n + step);
    }
    T_OK(ok, "pieces of many sizes");
    T_EQ_U(tk_blocks_used_bytes(pool), (n + DATA - 1) / DATA * TK_BLOCK_BYTES, "used");
    tk_chain_release(&c, pool);
    T_OK(!c.first && c.n_bytes == 0, "released");
    T_EQ_U(tk_blocks_used_bytes(pool), 0, "nothing used");

    T_OK(tk_chain_add(&c, pool, pattern, DATA), "a block to the brim");
    T_EQ_U(tk_blocks_used_bytes(pool), TK_BLOCK_BYTES, "is one block");
    T_OK(tk_chain_add(&c, pool, pattern + DATA, 1) && holds(&c, DATA + 1), "and one byte more");
    T_OK(tk_chain_add(&c, pool, pattern + DATA + 1, 2 * DATA), "over three blocks");
    T_OK(holds(&c, 3 * DATA + 1), "as it was");
    tk_chain_release(&c, pool);
    tk_chain_release(&c, pool);
    T_EQ_U(tk_blocks_used_bytes(pool), 0, "releasing an empty chain");
    T_EQ_U(tk_blocks_max_bytes(pool), 5 * TK_BLOCK_BYTES, "the most that there were");
    pool = tk_blocks_free(pool);
    T_OK(!tk_blocks_free(pool), "free takes NULL");
}

static void exhausted(void)
{
    struct tk_blocks *pool = NULL;
    struct tk_chain c = { 0 };
    struct tk_chain rest = { 0 };
    T_EQ_I(tk_blocks_new(4 * TK_BLOCK_BYTES, &pool), 0, "a pool of four");
    T_OK(tk_chain_add(&c, pool, pattern, 2 * DATA - 7), "two are taken");
    T_OK(!tk_chain_add(&c, pool, pattern, 2 * DATA + 8), "three more are not there");
    T_OK(holds(&c, 2 * DATA - 7), "the chain is as before");
    T_EQ_U(tk_blocks_used_bytes(pool), 2 * TK_BLOCK_BYTES, "so is the pool");
    T_OK(tk_chain_add(&c, pool, pattern + 2 * DATA - 7, 2 * DATA + 7), "two are");
    T_OK(holds(&c, 4 * DATA), "all four");
    T_OK(!tk_chain_add(&rest, pool, pattern, 1), "and no more");
    tk_chain_release(&c, pool);
    T_OK(tk_chain_add(&rest, pool, pattern, 4 * DATA) && holds(&rest, 4 * DATA), "used again");
    tk_chain_release(&rest, pool);

    struct tk_block *b = tk_blocks_take(pool);
    T_OK(b != NULL, "a block alone");
    T_EQ_U(tk_blocks_used_bytes(pool), TK_BLOCK_BYTES, "is counted");
    tk_blocks_give(pool, b);
    T_EQ_U(tk_blocks_used_bytes(pool), 0, "and given back");
    tk_blocks_free(pool);

    struct tk_chain full = { .n_bytes = UINT32_MAX - 10 };
    T_OK(!tk_chain_add(&full, NULL, pattern, 11 + 1), "more than 4 GiB in a chain");

    T_EQ_I(tk_blocks_new(0, &pool), 0, "an empty pool");
    T_OK(!tk_blocks_take(pool), "has nothing");
    tk_blocks_free(pool);
    T_EQ_I(tk_blocks_new(SIZE_MAX / 2, &pool), -ENOMEM, "more than the address space");
    tk_failmalloc_at(1);
    T_EQ_I(tk_blocks_new(TK_BLOCK_BYTES, &pool), -ENOMEM, "no memory");
    tk_failmalloc_off();
}

/* ---- an owner that fills chains, and a thread that checks and releases them ---- */

#define N_CHAINS 20000
#define N_SLOTS 16

static struct tk_blocks *shared;
static struct tk_chain slots[N_SLOTS];
static _Atomic(int) is_full[N_SLOTS];
static bool others_were_whole = true;

static void *release_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < N_CHAINS; i++) {
        while (!is_full[i % N_SLOTS])
            ;
        others_were_whole = others_were_whole && holds(&slots[i % N_SLOTS], 1 + i % 3000);
        tk_chain_release(&slots[i % N_SLOTS], shared);
        is_full[i % N_SLOTS] = 0;
    }
    return NULL;
}

static void threads(void)
{
    pthread_t thread;
    bool ok = true;
    T_EQ_I(tk_blocks_new((N_SLOTS + 1) * 4 * TK_BLOCK_BYTES, &shared), 0, "a shared pool");
    T_EQ_I(pthread_create(&thread, NULL, release_all, NULL), 0, "a thread");
    for (int i = 0; i < N_CHAINS; i++) {
        while (is_full[i % N_SLOTS])
            ;
        ok = ok && tk_chain_add(&slots[i % N_SLOTS], shared, pattern, 1 + (size_t)i % 3000);
        is_full[i % N_SLOTS] = 1;
    }
    pthread_join(thread, NULL);
    T_OK(ok, "the pool never runs dry");
    T_OK(others_were_whole, "what another thread sees is whole");
    T_EQ_U(tk_blocks_used_bytes(shared), 0, "all came back");
    tk_blocks_free(shared);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (char)(i * 7 + i / 251);
    chains();
    exhausted();
    threads();
    return T_DONE();
}
