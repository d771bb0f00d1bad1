/* certify.h - how many samples a percentile needs before it may be called known
 *
 * A percentile of n samples is an estimate. The value at rank k from above is an upper bound of the
 * true percentile p with 99 % confidence when so few exceedances would be a rare accident: when the
 * chance that at most k of n samples lie above the true percentile is 1 % or less (binomial; the
 * early-stopping rule of MLPerf's LoadGen with tolerance 0). Below the floor no rank gives a bound, and
 * a percentile is shown as not certified.
 *
 * Samples are taken as independent, which latencies of one run are not quite: the bound is the least
 * that can be asked for.
 */
#ifndef TK_METRIC_CERTIFY_H
#define TK_METRIC_CERTIFY_H

#include "base/def.h"

/* The smallest n for which the percentile p (0 … 100) is certified with one exceedance to spare:
 * 662 for 99, 6,636 for 99.9. 1 for 0 and below; SIZE_MAX for 100 and above. */
size_t tk_certify_floor(double p);

/* Rank from above, 1 being the largest, of the value that bounds percentile p among n samples; 0 when
 * n is below the floor. */
size_t tk_certify_rank(size_t n, double p);

#endif
