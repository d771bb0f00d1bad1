/* series.h - many values of one kind: exact percentiles, mean, deviation
 *
 * Values are integers (nanoseconds, tokens). Up to a bound all are kept and every figure is exact; past
 * it they are counted in a histogram, whose figures are within 0.05 %, and `is_exact` says so. Nothing
 * is ever dropped. Sums are exact integers, so the figures do not depend on the order in which the
 * values came, nor on how many workers made them.
 */
#ifndef TK_METRIC_SERIES_H
#define TK_METRIC_SERIES_H

#include "base/def.h"

#define TK_SERIES_EXACT_MAX ((size_t)50000000) /* values that are kept one by one */

/* Values are held to +- 2**50 (13 days in ns), so that no sum can overflow. */
#define TK_SERIES_VALUE_MAX (INT64_C(1) << 50)

__extension__ typedef __int128 tk_i128; /* ISO C has no such type; gcc and clang do */

struct tk_series {
    int64_t *v;       /* the values; owned; NULL in a histogram */
    size_t n, cap;    /* values added, and places in v */
    size_t exact_max; /* values kept one by one; past it a histogram takes over */
    uint64_t *counts; /* the histogram; NULL while exact; private */
    tk_i128 sum;      /* of all values */
    tk_i128 sum_sq;   /* of their squares */
    int64_t min, max; /* 0 when there are none */
    bool is_sorted;   /* v is in ascending order */
};

/* `exact_max`: 0 is TK_SERIES_EXACT_MAX. */
void tk_series_init(struct tk_series *s, size_t exact_max);
void tk_series_release(struct tk_series *s); /* may be called twice */

int tk_series_add(struct tk_series *s, int64_t value);               /* 0 or -ENOMEM */
int tk_series_add_n(struct tk_series *s, int64_t value, uint64_t n); /* n times; 0 or -ENOMEM */
int tk_series_add_all(struct tk_series *s, const struct tk_series *from); /* 0 or -ENOMEM */

bool tk_series_is_exact(const struct tk_series *s);

/* Bring the values into ascending order; the functions below do so where they need it. Works without
 * memory too, only slower. */
void tk_series_sort(struct tk_series *s);

/* Of no values: NAN. */
double tk_series_mean(const struct tk_series *s);
double tk_series_std(const struct tk_series *s); /* of the population (ddof 0) */

/* The percentile p, 0 … 100, by linear interpolation between neighbours, as NumPy's default and the
 * tools built on it. */
double tk_series_percentile(struct tk_series *s, double p);

/* The same over these values and n_infinite infinite ones: the smallest value that at least p % of all
 * do not exceed (nearest rank), so that nothing is interpolated with infinity. */
double tk_series_percentile_all(struct tk_series *s, double p, size_t n_infinite);

/* The k-th largest, 1 being the largest, among these and n_infinite infinite ones; NAN when there are
 * not so many. */
double tk_series_largest(struct tk_series *s, size_t k, size_t n_infinite);

/* How many values are at most `limit`. */
size_t tk_series_count_up_to(struct tk_series *s, int64_t limit);

/* --- doubles, bit for bit as NumPy computes them: for the forms of other tools --- */

void tk_numpy_sort(double *v, size_t n);                              /* ascending; no NaN */
double tk_numpy_percentile(const double *sorted, size_t n, double p); /* n above 0 */
double tk_numpy_mean(const double *v, size_t n);                      /* pairwise sum; n above 0 */
double tk_numpy_std(const double *v, size_t n);                       /* ddof 0; n above 0 */

#endif
