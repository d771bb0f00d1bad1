/* schedule.h - when the requests of an open load are due: computed before the start, from the plan
 *
 * Gaps come from NumPy's legacy generator, so that the same seed gives the same instants as there.
 */
#ifndef TK_RUN_SCHEDULE_H
#define TK_RUN_SCHEDULE_H

#include "base/def.h"
#include "base/err.h"
#include "base/rand.h"
#include "run/shape.h"

enum tk_arrival {
    TK_ARRIVAL_CLOSED,   /* no schedule: a request is due when a permit is free */
    TK_ARRIVAL_CONSTANT, /* every 1/rate seconds, the first at 0 */
    TK_ARRIVAL_POISSON,  /* exponential gaps, by the seed */
    TK_ARRIVAL_GIVEN,    /* the dialect computed the instants itself */
    TK_ARRIVAL_GAMMA,    /* gaps of a gamma distribution, by the seed; burstiness is its shape */
};
const char *tk_arrival_word(enum tk_arrival a); /* "closed" */

struct tk_schedule {
    enum tk_arrival arrival;      /* CONSTANT, POISSON or GAMMA */
    double rate;                  /* per second; INFINITY: all are due at 0 */
    double burstiness;            /* GAMMA: above 0; 1 is POISSON, below it comes in bursts */
    uint64_t seed;                /* of POISSON and GAMMA */
    const struct tk_shape *shape; /* of a rate: stands in for `rate`; NULL: level */
};

/* One gap in seconds of mean 1/rate: gamma with this shape, as np.random.gamma(burstiness,
 * 1 / (rate * burstiness)). An infinite burstiness gives even gaps, an infinite rate none. */
double tk_schedule_gap(struct tk_mt *mt, double rate, double burstiness);

/* Compute the offsets (ascending, ns from the start) of n requests into due[n]. CONSTANT: i/rate;
 * else sums of gaps, the first gap included. With a shape the integral of its rate stands in for
 * rate * time: request x of a process of one a second is due where the integral reaches its instant.
 * 0; TK_E_RANGE: a rate or burstiness that makes no sense, an offset past 285 years, or a shape that
 * ends before n requests are due. */
int tk_schedule_make(const struct tk_schedule *s, tk_ns *due, uint64_t n);

/* How many are due within `duration` (0: as long as the shape goes on), at most `max`. */
uint64_t tk_schedule_count(const struct tk_schedule *s, tk_ns duration, uint64_t max);

#endif
