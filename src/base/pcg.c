#include "base/pcg.h"

#define POOL 4 /* SeedSequence's default pool, in words */

static uint32_t hashmix(uint32_t value, uint32_t *hash)
{
    value ^= *hash;
    *hash *= 0x931E8875u;
    value *= *hash;
    return value ^ value >> 16;
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    uint32_t r = x * 0xCA01F9DDu - y * 0x4973F715u;
    return r ^ r >> 16;
}

/* SeedSequence(seed).generate_state(4, uint64). */
static void seed_sequence(uint64_t seed, uint64_t out[4])
{
    uint32_t entropy[POOL] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    uint32_t pool[POOL];
    uint32_t hash = 0x43B0D7E5u;
    for (unsigned i = 0; i < POOL; i++)
        pool[i] = hashmix(entropy[i], &hash);
    for (unsigned from = 0; from < POOL; from++) {
        for (unsigned to = 0; to < POOL; to++) {
            if (to != from)
                pool[to] = mix(pool[to], hashmix(pool[from], &hash));
        }
    }
    uint32_t words[8];
    hash = 0x8B51F9DDu;
    for (unsigned i = 0; i < 8; i++) {
        uint32_t value = pool[i % POOL] ^ hash;
        hash *= 0x58F38DEDu;
        value *= hash;
        words[i] = value ^ value >> 16;
    }
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint64_t)words[2 * i + 1] << 32 | words[2 * i];
}

#define FACTOR ((tk_u128)UINT64_C(0x2360ED051FC65DA4) << 64 | UINT64_C(0x4385DF649FCCF645))

static void step(struct tk_pcg *g)
{
    g->state = g->state * FACTOR + g->inc;
}

/* `n` steps at once: x -> factor x + add, squared for each bit of n (Brown 1994). */
static void step_many(struct tk_pcg *g, uint64_t n)
{
    tk_u128 factor = FACTOR, add = g->inc;

    for (; n > 0; n >>= 1) {
        if (n & 1)
            g->state = g->state * factor + add;
        add *= factor + 1;
        factor *= factor;
    }
}

void tk_pcg_seed(struct tk_pcg *g, uint64_t seed)
{
    uint64_t q[4];
    seed_sequence(seed, q);
    tk_u128 start = (tk_u128)q[0] << 64 | q[1];
    tk_u128 stream = (tk_u128)q[2] << 64 | q[3];
    *g = (struct tk_pcg){ .inc = stream << 1 | 1 };
    step(g);
    g->state += start;
    step(g);
}

uint64_t tk_pcg_u64(struct tk_pcg *g)
{
    step(g);
    uint64_t folded = (uint64_t)(g->state >> 64) ^ (uint64_t)g->state;
    unsigned turn = (unsigned)(g->state >> 122);
    return folded >> turn | folded << (-turn & 63);
}

uint32_t tk_pcg_u32(struct tk_pcg *g)
{
    if (g->has_u32) {
        g->has_u32 = false;
        return g->u32;
    }
    uint64_t both = tk_pcg_u64(g);
    g->has_u32 = true;
    g->u32 = (uint32_t)(both >> 32);
    return (uint32_t)both;
}

double tk_pcg_double(struct tk_pcg *g)
{
    return (double)(tk_pcg_u64(g) >> 11) * (1.0 / 9007199254740992.0);
}

/* Lemire 2019 on 32 bits: 0 .. max, max below 2**32 - 1. */
static uint32_t below_32(struct tk_pcg *g, uint32_t max)
{
    uint32_t n = max + 1;
    uint64_t product = (uint64_t)tk_pcg_u32(g) * n;
    if ((uint32_t)product < n) {
        uint32_t threshold = (UINT32_MAX - max) % n;
        while ((uint32_t)product < threshold)
            product = (uint64_t)tk_pcg_u32(g) * n;
    }
    return (uint32_t)(product >> 32);
}

/* The same on 64 bits: max below 2**64 - 1. */
static uint64_t below_64(struct tk_pcg *g, uint64_t max)
{
    uint64_t n = max + 1;
    tk_u128 product = (tk_u128)tk_pcg_u64(g) * n;
    if ((uint64_t)product < n) {
        uint64_t threshold = (UINT64_MAX - max) % n;
        while ((uint64_t)product < threshold)
            product = (tk_u128)tk_pcg_u64(g) * n;
    }
    return (uint64_t)(product >> 64);
}

int64_t tk_pcg_integers(struct tk_pcg *g, int64_t lo, int64_t hi)
{
    if (hi <= lo)
        return lo;
    uint64_t max = (uint64_t)hi - (uint64_t)lo - 1;
    uint64_t offset = 0;
    if (max == UINT32_MAX)
        offset = tk_pcg_u32(g); /* NumPy's short cut for a whole word */
    else if (max > UINT32_MAX)
        offset = below_64(g, max);
    else if (max > 0)
        offset = below_32(g, (uint32_t)max);
    return (int64_t)((uint64_t)lo + offset);
}

void tk_pcg_bytes(struct tk_pcg *g, uint8_t *out, size_t n)
{
    uint32_t word = 0;
    for (size_t i = 0; i < n; i++) {
        word = i % 4 == 0 ? tk_pcg_u32(g) : word >> 8;
        out[i] = (uint8_t)word;
    }
}

void tk_pcg_skip_bytes(struct tk_pcg *g, size_t n)
{
    uint64_t n_words = n / 4 + (n % 4 != 0);

    if (n_words > 0 && g->has_u32) {
        g->has_u32 = false;
        n_words--;
    }
    step_many(g, n_words / 2);
    if (n_words % 2 != 0)
        (void)tk_pcg_u32(g);
}

/* NumPy draws for exchanges by masking: words until one is not above `max`. */
static uint32_t masked(struct tk_pcg *g, uint32_t max)
{
    uint32_t mask = UINT32_MAX >> __builtin_clz(max), v;

    do {
        v = tk_pcg_u32(g) & mask;
    } while (v > max);
    return v;
}

void tk_pcg_shuffle(struct tk_pcg *g, uint32_t *order, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        size_t j = masked(g, (uint32_t)i);
        uint32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}
