/* certify.c - the binomial behind "certified"
 *
 * P(at most t of n above) with each above by chance 1 - p is a regularised incomplete beta function,
 * I_p(n - t, t + 1), evaluated as a continued fraction (modified Lentz), which takes a few hundred steps
 * for fifty million samples. For one exceedance the closed form p^n + n (1 - p) p^(n-1) is used.
 *
 * With t exceedances allowed the (t + 1)-th largest value would do; like LoadGen, and to print what it
 * prints, the t-th is taken: of 10,000 samples the 77th largest bounds the 99th percentile.
 */
#include "metric/certify.h"

#include <math.h>

#define RISK 0.01 /* 1 - confidence */

/* P(at most one of n lies above), p in (0, 1). */
static double at_most_one(double n, double p)
{
    return exp(n * log(p)) + n * (1 - p) * exp((n - 1) * log(p));
}

size_t tk_certify_floor(double p)
{
    double share = p / 100;
    size_t low = 1; /* not enough, or the answer is below */
    size_t high = 2;

    if (!(share > 0))
        return 1;
    if (share >= 1)
        return SIZE_MAX;
    while (at_most_one((double)high, share) > RISK && high < SIZE_MAX / 4) {
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (at_most_one((double)middle, share) > RISK)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* The continued fraction of the incomplete beta function; for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;

    for (int m = 1; m < 100000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-14)
            break;
    }
    return h;
}

/* I_x(a, b), x in (0, 1). */
static double beta(double a, double b, double x)
{
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

size_t tk_certify_rank(size_t n, double p)
{
    double share = p / 100;
    size_t low = 1; /* exceedances: rare enough */
    size_t high;    /* not rare any more */

    if (p >= 100 || n < tk_certify_floor(p))
        return 0;
    if (!(share > 0))
        return n;
    high = n;
    while (high - low > 1) {
        size_t t = low + (high - low) / 2;
        if (beta((double)(n - t), (double)t + 1, share) <= RISK)
            low = t;
        else
            high = t;
    }
    return low;
}
