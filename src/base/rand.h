/* rand.h - the random generators of NumPy and CPython, bit for bit
 *
 * The same seed must give the same load as the tool that tokmark replaces, so the generators and
 * the distributions on them are exactly those of NumPy's legacy RandomState and of CPython's
 * `random`. Sources: Matsumoto and Nishimura 1998 (MT19937); NumPy's legacy-distributions.c and
 * CPython's random.py for the meaning. Vectors in tests/unit/base/test_rand.c.
 */
#ifndef TK_BASE_RAND_H
#define TK_BASE_RAND_H

#include "base/def.h"

struct tk_mt {
    uint32_t state[624];
    unsigned at;    /* next word of the state to hand out */
    bool has_gauss; /* NumPy's gauss makes two at a time: the other one waits here */
    double gauss;
};

void tk_mt_seed_numpy(struct tk_mt *m, uint64_t seed);  /* np.random.seed(seed mod 2**32) */
void tk_mt_seed_python(struct tk_mt *m, uint64_t seed); /* random.seed(seed) */

uint32_t tk_mt_u32(struct tk_mt *m);
double tk_mt_double(struct tk_mt *m); /* [0, 1), 53 bits */

/* NumPy legacy */
double tk_mt_exponential(struct tk_mt *m);           /* mean 1 */
double tk_mt_gauss(struct tk_mt *m);                 /* polar method */
double tk_mt_gamma(struct tk_mt *m, double shape);   /* scale 1; shape above 0 */
uint64_t tk_mt_randint(struct tk_mt *m, uint64_t n); /* RandomState.randint(0, n), 64-bit type */

/* CPython */
uint64_t tk_mt_below(struct tk_mt *m, uint64_t n); /* Random._randbelow(n), n up to 2**32 */

/* The permutation that random.shuffle gives a list of n: order[i] is the old index. */
void tk_mt_shuffle(struct tk_mt *m, uint32_t *order, size_t n);

/* --- neither's: one word after the other from 64 bits of state --- */

/* splitmix64 (Steele, Lea, Flood 2014): for draws of a request's own, by seed and index. */
uint64_t tk_splitmix_next(uint64_t *state);
/* 0 … n-1 into order[n], n up to 256, in an order drawn from it. */
void tk_splitmix_order(uint64_t *state, unsigned char *order, unsigned n);

#endif
