/* rand.c - MT19937 as NumPy and CPython seed it, and their distributions on it
 *
 * The core is the published generator (Matsumoto and Nishimura, "Mersenne Twister", 1998). What the
 * two libraries add is how a seed fills the state and how words become numbers; each step here draws
 * as many words as theirs does, in their order, since one word more or less changes all that follows.
 *
 * Doubles must come out to the last bit: the expressions keep the order of operations of
 * legacy-distributions.c, and the build must not fuse a multiplication with an addition
 * (-ffp-contract=off).
 */
#include "base/rand.h"

#include <math.h>

#define N 624
#define M 397

/* ---- the generator ---- */

static uint32_t twist(uint32_t upper, uint32_t lower)
{
    uint32_t y = (upper & 0x80000000u) | (lower & 0x7FFFFFFFu);
    return y >> 1 ^ (y & 1 ? 0x9908B0DFu : 0);
}

static void make_words(struct tk_mt *m)
{
    uint32_t *s = m->state;
    unsigned i = 0;
    for (; i < N - M; i++)
        s[i] = s[i + M] ^ twist(s[i], s[i + 1]);
    for (; i < N - 1; i++)
        s[i] = s[i + M - N] ^ twist(s[i], s[i + 1]);
    s[N - 1] = s[M - 1] ^ twist(s[N - 1], s[0]);
    m->at = 0;
}

uint32_t tk_mt_u32(struct tk_mt *m)
{
    if (m->at >= N)
        make_words(m);
    uint32_t y = m->state[m->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9D2C5680u;
    y ^= y << 15 & 0xEFC60000u;
    return y ^ y >> 18;
}

double tk_mt_double(struct tk_mt *m)
{
    uint32_t high = tk_mt_u32(m) >> 5;
    uint32_t low = tk_mt_u32(m) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

/* ---- seeds ---- */

/* init_genrand of the authors' program. */
static void fill(struct tk_mt *m, uint32_t seed)
{
    uint32_t *s = m->state;
    s[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        s[i] = 1812433253u * (s[i - 1] ^ s[i - 1] >> 30) + i;
    m->at = N;
    m->has_gauss = false;
    m->gauss = 0;
}

void tk_mt_seed_numpy(struct tk_mt *m, uint64_t seed)
{
    fill(m, (uint32_t)seed);
}

/* init_by_array of the authors' program with the seed's words, low word first, as CPython calls it. */
void tk_mt_seed_python(struct tk_mt *m, uint64_t seed)
{
    uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    uint32_t n_key = key[1] ? 2 : 1;
    uint32_t *s = m->state;
    uint32_t i = 1;
    uint32_t j = 0;
    fill(m, 19650218u);
    for (unsigned k = 0; k < N; k++) {
        s[i] = (s[i] ^ (s[i - 1] ^ s[i - 1] >> 30) * 1664525u) + key[j] + j;
        if (++i == N) {
            s[0] = s[N - 1];
            i = 1;
        }
        j = (j + 1) % n_key;
    }
    for (unsigned k = 1; k < N; k++) {
        s[i] = (s[i] ^ (s[i - 1] ^ s[i - 1] >> 30) * 1566083941u) - i;
        if (++i == N) {
            s[0] = s[N - 1];
            i = 1;
        }
    }
    s[0] = 0x80000000u;
}

/* ---- NumPy's legacy distributions ---- */

double tk_mt_exponential(struct tk_mt *m)
{
    return -log(1.0 - tk_mt_double(m));
}

double tk_mt_gauss(struct tk_mt *m)
{
    if (m->has_gauss) {
        m->has_gauss = false;
        return m->gauss;
    }
    double x1;
    double x2;
    double r2;
    do {
        x1 = 2.0 * tk_mt_double(m) - 1.0;
        x2 = 2.0 * tk_mt_double(m) - 1.0;
        r2 = x1 * x1 + x2 * x2;
    } while (r2 >= 1.0 || r2 == 0.0);
    double f = sqrt(-2.0 * log(r2) / r2);
    m->gauss = f * x1;
    m->has_gauss = true;
    return f * x2;
}

/* Ahrens and Dieter's GS, as NumPy has it. */
static double gamma_below_1(struct tk_mt *m, double shape)
{
    for (;;) {
        double u = tk_mt_double(m);
        double v = tk_mt_exponential(m);
        if (u <= 1.0 - shape) {
            double x = pow(u, 1.0 / shape);
            if (x <= v)
                return x;
        } else {
            double y = -log((1.0 - u) / shape);
            double x = pow(1.0 - shape + shape * y, 1.0 / shape);
            if (x <= v + y)
                return x;
        }
    }
}

/* Marsaglia and Tsang 2000, as NumPy has it. */
static double gamma_above_1(struct tk_mt *m, double shape)
{
    double b = shape - 1.0 / 3.0;
    double c = 1.0 / sqrt(9.0 * b);
    for (;;) {
        double x;
        double v;
        do {
            x = tk_mt_gauss(m);
            v = 1.0 + c * x;
        } while (v <= 0.0);
        v = v * v * v;
        double u = tk_mt_double(m);
        if (u < 1.0 - 0.0331 * (x * x) * (x * x))
            return b * v;
        if (log(u) < 0.5 * x * x + b * (1.0 - v + log(v)))
            return b * v;
    }
}

double tk_mt_gamma(struct tk_mt *m, double shape)
{
    if (shape == 1.0)
        return tk_mt_exponential(m);
    return shape < 1.0 ? gamma_below_1(m, shape) : gamma_above_1(m, shape);
}

static uint64_t draw_u64(struct tk_mt *m)
{
    uint64_t high = tk_mt_u32(m);
    return high << 32 | tk_mt_u32(m);
}

uint64_t tk_mt_randint(struct tk_mt *m, uint64_t n)
{
    if (n <= 1)
        return 0; /* nothing is drawn */
    uint64_t max = n - 1;
    uint64_t mask = UINT64_MAX >> __builtin_clzll(max);
    uint64_t value;
    do {
        value = (max <= UINT32_MAX ? tk_mt_u32(m) : draw_u64(m)) & mask;
    } while (value > max);
    return value;
}

/* ---- CPython ---- */

/* Random.getrandbits(k), k from 1 to 64: low word first, the last one by its upper bits. */
static uint64_t getrandbits(struct tk_mt *m, unsigned k)
{
    if (k <= 32)
        return tk_mt_u32(m) >> (32 - k);
    uint64_t low = tk_mt_u32(m);
    return (uint64_t)(tk_mt_u32(m) >> (64 - k)) << 32 | low;
}

uint64_t tk_mt_below(struct tk_mt *m, uint64_t n)
{
    if (n == 0)
        return 0;
    unsigned k = 64 - (unsigned)__builtin_clzll(n); /* n.bit_length(): a 1 draws too */
    uint64_t value;
    do {
        value = getrandbits(m, k);
    } while (value >= n);
    return value;
}

void tk_mt_shuffle(struct tk_mt *m, uint32_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i-- > 1;) {
        size_t j = (size_t)tk_mt_below(m, i + 1);
        uint32_t old = order[i];
        order[i] = order[j];
        order[j] = old;
    }
}

/* ---- splitmix64 ---- */

uint64_t tk_splitmix_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void tk_splitmix_order(uint64_t *state, unsigned char *order, unsigned n)
{
    for (unsigned i = 0; i < n; i++) { /* shuffled from the inside out */
        unsigned j = (unsigned)(tk_splitmix_next(state) % (i + 1));
        order[i] = (unsigned char)i; /* j may be i */
        order[i] = order[j];
        order[j] = (unsigned char)i;
    }
}
