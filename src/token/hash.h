/* hash.h - a fast hash of short byte strings, for the tables of this layer
 *
 * Not keyed: what fills these tables (a vocabulary) or the word cache (bounded, two entries a set)
 * cannot make them slow by collisions beyond a probe limit of their own size.
 */
#ifndef TK_TOKEN_HASH_H
#define TK_TOKEN_HASH_H

#include <string.h>

#include "base/def.h"

static inline TK_UNUSED uint64_t tk__mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Up to eight bytes as a number, the rest zero. */
static inline TK_UNUSED uint64_t tk__load(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;
    uint64_t all;
    uint32_t low, high;
    if (n >= 8) {
        memcpy(&all, p, 8);
        return all;
    }
    if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        return low | (uint64_t)high << (8 * (n - 4));
    }
    if (n == 0)
        return 0;
    return u[0] | (uint64_t)u[n >> 1] << (8 * (n >> 1)) | (uint64_t)u[n - 1] << (8 * (n - 1));
}

#define TK__HASH_A 0x9E3779B97F4A7C15U
#define TK__HASH_B 0xD6E8FEB86659FD93U

static inline TK_UNUSED uint64_t tk__hash(const char *p, size_t n, uint64_t seed)
{
    uint64_t h = seed ^ TK__HASH_A ^ n;
    while (n > 8) {
        h = tk__mix(h ^ tk__load(p, 8), TK__HASH_B);
        p += 8;
        n -= 8;
    }
    return tk__mix(h ^ tk__load(p, n), TK__HASH_A);
}

#endif
