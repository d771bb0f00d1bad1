/* cancel.c - the draw: which requests are given up, and after how many tokens
 *
 * Requests come in blocks of twenty. How many of a block are given up follows from the share alone:
 * floor(20 (b + 1) share) - floor(20 b share), so that the share is kept over any number of blocks.
 * Which of them is drawn: the block is shuffled by seed and block, and the first ones are taken. A
 * draw of its own for each request would be simpler, but then 200 requests at 5 % would have anything
 * from 4 to 16.
 */
#include "run/cancel.h"

#include <math.h>

#include "base/rand.h"

#define BLOCK 20

/* Place of request `index` in the shuffled order of its block. */
static unsigned place_of(uint64_t seed, uint64_t index)
{
    uint64_t rng = seed ^ (index / BLOCK + 1) * UINT64_C(0xd1342543de82ef95);
    unsigned char order[BLOCK];

    tk_splitmix_order(&rng, order, BLOCK);
    return order[index % BLOCK];
}

/* How many of the first `n` blocks are given up. */
static double n_until(const struct tk_plan_cancel *c, uint64_t n)
{
    return floor(BLOCK * c->share * (double)n + 1e-9); /* 20 * 0.35 is 7, whatever doubles say */
}

static bool is_drawn(const struct tk_plan_cancel *c, uint64_t seed, uint64_t index)
{
    uint64_t block = index / BLOCK;

    return place_of(seed, index) < n_until(c, block + 1) - n_until(c, block);
}

struct tk_cancel_point tk_cancel_point(const struct tk_plan_cancel *c, uint64_t seed,
                                       uint64_t index, int64_t asked)
{
    struct tk_cancel_point p = { .tokens = c->tokens, .after = c->after };

    if (!(c->share > 0) || !is_drawn(c, seed, index))
        return (struct tk_cancel_point){ 0 };
    if (p.tokens || p.after)
        return p;
    uint64_t rng = seed ^ (index + 1) * UINT64_C(0x9fb21c651e98df25);
    uint64_t most = asked < 0 ? TK_CANCEL_OPEN_TOKENS : (uint64_t)TK_MAX(asked - 1, INT64_C(1));
    p.tokens = (uint32_t)(1 + tk_splitmix_next(&rng) % TK_MIN(most, (uint64_t)UINT32_MAX));
    return p;
}
