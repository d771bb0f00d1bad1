/* cuts.h - feed the same bytes whole, byte by byte, and cut at random
 *
 * "However the bytes are cut, the answer is the same" is the contract of every parser here. A caller
 * walks the pieces of one way to cut; the seed of the random ones is printed, and TK_SEED sets it.
 */
#ifndef TK_TESTS_UNIT_HTTP_CUTS_H
#define TK_TESTS_UNIT_HTTP_CUTS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/def.h"

#define CUTS_RANDOM 20              /* random ways */
#define CUTS_WAYS (2 + CUTS_RANDOM) /* whole, byte by byte, random */

struct cuts {
    uint64_t random; /* state of xorshift64 */
    unsigned way;    /* 0: whole; 1: bytes; 2…: random */
};

static uint64_t cuts_seed;

static TK_UNUSED uint64_t cuts_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static TK_UNUSED void cuts_init(struct cuts *c, unsigned way)
{
    if (cuts_seed == 0) {
        const char *given = getenv("TK_SEED");
        for (; given && *given >= '0' && *given <= '9'; given++)
            cuts_seed = cuts_seed * 10 + (uint64_t)(*given - '0');
        if (cuts_seed == 0)
            cuts_seed = (uint64_t)time(NULL);
        printf("# TK_SEED=%llu\n", (unsigned long long)cuts_seed);
    }
    *c = (struct cuts){ .random = cuts_seed * 2654435761u + way + 1, .way = way };
}

/* Bytes of the next piece when `left` are left; at least 1. */
static TK_UNUSED size_t cuts_next(struct cuts *c, size_t left)
{
    if (c->way == 0)
        return left;
    if (c->way == 1)
        return 1;
    size_t most = c->way % 2 ? 8 : left; /* half of them cut fine */
    size_t n = 1 + (size_t)(cuts_random(&c->random) % most);
    return TK_MIN(n, left);
}

#endif
