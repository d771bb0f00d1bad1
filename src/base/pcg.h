/* pcg.h - NumPy's newer generator, default_rng(seed), bit for bit
 *
 * PCG64 (O'Neill 2014, XSL-RR, 128 bits of state) seeded through NumPy's SeedSequence, and those of
 * numpy.random.Generator's methods that the data sets need.
 */
#ifndef TK_BASE_PCG_H
#define TK_BASE_PCG_H

#include "base/def.h"

__extension__ typedef unsigned __int128 tk_u128;

struct tk_pcg {
    tk_u128 state, inc; /* private: read by pcg.c only */
    bool has_u32;       /* the upper half of the last 64 bits waits for the next tk_pcg_u32() … */
    uint32_t u32;       /* … here */
};

void tk_pcg_seed(struct tk_pcg *g, uint64_t seed); /* default_rng(seed) */

uint64_t tk_pcg_u64(struct tk_pcg *g);
uint32_t tk_pcg_u32(struct tk_pcg *g);  /* halves of one u64, low first */
double tk_pcg_double(struct tk_pcg *g); /* Generator.random(): [0, 1), 53 bits */

/* Generator.integers(lo, hi): lo <= x < hi, 64-bit type. lo when hi <= lo + 1, drawing nothing. */
int64_t tk_pcg_integers(struct tk_pcg *g, int64_t lo, int64_t hi);

/* Generator.integers(0, 256, size=n, dtype=uint8). */
void tk_pcg_bytes(struct tk_pcg *g, uint8_t *out, size_t n);

/* Go on as if `n` bytes had been drawn, in no time: a copy of the generator can draw them elsewhere. */
void tk_pcg_skip_bytes(struct tk_pcg *g, size_t n);

/* Generator.shuffle(), in place; Generator.permutation(n) where order[i] is i. `n` up to 2**32. */
void tk_pcg_shuffle(struct tk_pcg *g, uint32_t *order, size_t n);

#endif
