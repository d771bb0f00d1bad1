/* cache.c - the batching engine's cache: blocks of tokens, shared by equal prefixes
 *
 *   table of a request:  [3][7][1][9]          a block is in use while refs > 0
 *                         |  |
 *   hash of the prefix --'--'                  found by later prompts that begin alike
 *
 *   free queue:  blocks without a hash | blocks with one, least recently used first --> taken here
 *
 * A block whose hash is known keeps its content when the last request lets go of it: it waits in
 * the free queue and may be found again until it is taken for something else. Releasing a table
 * goes from its end, so that of a chain the far end is forgotten first.
 *
 * Nothing here allocates after tk__cache_new() but the tables.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "sim/internal.h"

#define NONE UINT32_MAX

struct block {
    uint64_t hash; /* of all tokens up to its end, when is_hashed */
    bool is_hashed;
    uint32_t refs;
    uint32_t prev, next; /* in the free queue, when refs is 0 */
    uint32_t chain;      /* next block of the same bucket */
};

struct tk__cache {
    struct block *blocks;
    uint32_t *buckets; /* first block, or NONE */
    uint32_t n_blocks, n_buckets, n_free;
    uint32_t first, last; /* of the free queue */
};

/* --- the free queue --- */

static void queue_remove(struct tk__cache *c, uint32_t i)
{
    struct block *b = &c->blocks[i];

    *(b->prev == NONE ? &c->first : &c->blocks[b->prev].next) = b->next;
    *(b->next == NONE ? &c->last : &c->blocks[b->next].prev) = b->prev;
    c->n_free--;
}

static void queue_add(struct tk__cache *c, uint32_t i, bool is_last)
{
    struct block *b = &c->blocks[i];

    b->prev = is_last ? c->last : NONE;
    b->next = is_last ? NONE : c->first;
    *(b->prev == NONE ? &c->first : &c->blocks[b->prev].next) = i;
    *(b->next == NONE ? &c->last : &c->blocks[b->next].prev) = i;
    c->n_free++;
}

/* --- the index by hash --- */

static uint32_t *bucket_of(struct tk__cache *c, uint64_t hash)
{
    return &c->buckets[(hash ^ hash >> 32) & (c->n_buckets - 1)];
}

static uint32_t find(struct tk__cache *c, uint64_t hash)
{
    uint32_t i = *bucket_of(c, hash);

    while (i != NONE && c->blocks[i].hash != hash)
        i = c->blocks[i].chain;
    return i;
}

static void forget(struct tk__cache *c, uint32_t i)
{
    uint32_t *at = bucket_of(c, c->blocks[i].hash);

    while (*at != i)
        at = &c->blocks[*at].chain;
    *at = c->blocks[i].chain;
    c->blocks[i].is_hashed = false;
}

/* --- tables --- */

static int table_reserve(struct tk__table *t, size_t n)
{
    size_t cap = TK_MAX(n, t->cap * 2);
    uint32_t *v;

    if (n <= t->cap)
        return 0;
    v = realloc(t->v, cap * sizeof(*v));
    if (!v)
        return -ENOMEM;
    t->v = v;
    t->cap = cap;
    return 0;
}

size_t tk__cache_match(struct tk__cache *c, const struct tk__hashes *h, size_t max,
                       size_t *ret_n_idle)
{
    size_t n = 0, n_idle = 0;

    for (uint32_t i; n < TK_MIN(max, h->n) && (i = find(c, h->v[n])) != NONE; n++)
        n_idle += c->blocks[i].refs == 0;
    *ret_n_idle = n_idle;
    return n;
}

int tk__cache_share(struct tk__cache *c, struct tk__table *t, const struct tk__hashes *h, size_t n)
{
    if (table_reserve(t, n) < 0)
        return -ENOMEM;
    for (size_t k = 0; k < n; k++) {
        uint32_t i = find(c, h->v[k]);

        if (c->blocks[i].refs++ == 0)
            queue_remove(c, i);
        t->v[t->n++] = i;
    }
    return 0;
}

int tk__cache_grow(struct tk__cache *c, struct tk__table *t, size_t n)
{
    if (n <= t->n)
        return 0;
    if (n - t->n > c->n_free)
        return TK_E_LIMIT;
    if (table_reserve(t, n) < 0)
        return -ENOMEM;
    while (t->n < n) {
        uint32_t i = c->first;

        queue_remove(c, i);
        if (c->blocks[i].is_hashed)
            forget(c, i);
        c->blocks[i].refs = 1;
        t->v[t->n++] = i;
    }
    return 0;
}

void tk__cache_name(struct tk__cache *c, uint32_t block, uint64_t hash)
{
    struct block *b = &c->blocks[block];

    if (b->is_hashed || find(c, hash) != NONE)
        return;
    b->hash = hash;
    b->is_hashed = true;
    b->chain = *bucket_of(c, hash);
    *bucket_of(c, hash) = block;
}

void tk__cache_release(struct tk__cache *c, struct tk__table *t)
{
    while (t->n > 0) {
        uint32_t i = t->v[--t->n];

        if (--c->blocks[i].refs == 0)
            queue_add(c, i, c->blocks[i].is_hashed);
    }
}

/* --- the whole --- */

uint32_t tk__cache_n_free(const struct tk__cache *c)
{
    return c->n_free;
}

struct tk__cache *tk__cache_new(uint32_t n_blocks)
{
    struct tk__cache *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->n_blocks = n_blocks;
    c->n_buckets = 1;
    while (c->n_buckets < n_blocks)
        c->n_buckets *= 2;
    c->blocks = calloc(n_blocks, sizeof(*c->blocks));
    c->buckets = calloc(c->n_buckets, sizeof(*c->buckets));
    if (!c->blocks || !c->buckets)
        return tk__cache_free(c);
    for (uint32_t i = 0; i < c->n_buckets; i++)
        c->buckets[i] = NONE;
    c->first = c->last = NONE;
    for (uint32_t i = 0; i < n_blocks; i++)
        queue_add(c, i, true);
    return c;
}

struct tk__cache *tk__cache_free(struct tk__cache *c)
{
    if (!c)
        return NULL;
    free(c->blocks);
    free(c->buckets);
    free(c);
    return NULL;
}
