/* test_series.c - sorting, statistics and percentiles against NumPy's, certification against LoadGen's */
#include "metric/series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "lib/failmalloc.h"
#include "lib/tap.h"
#include "metric/certify.h"

static uint64_t lcg_state = 1;

static int64_t next_random(void)
{
    lcg_state = lcg_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(lcg_state >> 20);
}

static void fill(struct tk_series *s, const int64_t *v, size_t n)
{
    tk_series_init(s, 0);
    for (size_t i = 0; i < n; i++)
        tk_series_add(s, v[i]);
}

/* Many of one value are as many of them, whether kept one by one or counted. */
static void test_many(void)
{
    for (size_t exact_max = 10; exact_max <= 1000; exact_max *= 10) {
        struct tk_series one, many;
        tk_series_init(&one, exact_max);
        tk_series_init(&many, exact_max);
        for (int64_t value = 5; value < 50000; value = value * 7 + 1) {
            uint64_t n = (uint64_t)value % 50;
            T_EQ_I(tk_series_add_n(&many, value, n), 0, "%d times", (int)n);
            for (uint64_t i = 0; i < n; i++)
                tk_series_add(&one, value);
        }
        T_OK(one.n == many.n && one.sum == many.sum && one.sum_sq == many.sum_sq, "sums");
        T_OK(one.min == many.min && one.max == many.max, "smallest and largest");
        T_OK(tk_series_is_exact(&one) == tk_series_is_exact(&many), "kept alike");
        for (int p = 0; p <= 100; p += 10)
            T_NEAR(tk_series_percentile(&many, p), tk_series_percentile(&one, p), 0, "p%d", p);
        tk_series_release(&one);
        tk_series_release(&many);
    }
    struct tk_series s;
    tk_series_init(&s, 10);
    T_EQ_I(tk_series_add_n(&s, 3, UINT64_C(1) << 40), 0, "more than could be added one by one");
    T_OK(s.n == UINT64_C(1) << 40 && s.sum == (tk_i128)3 << 40, "at once");
    T_NEAR(tk_series_percentile(&s, 50), 3, 0, "its median");
    tk_series_release(&s);
}

/* The spec's vectors: numpy.percentile and numpy.std. */
static void test_vectors(void)
{
    static const int64_t four[] = { 3, 1, 4, 2 };
    static const int64_t tenths[] = { 16, 1, 8, 2, 4 };
    struct tk_series s;

    fill(&s, four, 4);
    T_NEAR(tk_series_percentile(&s, 99), 3.97, 1e-15, "p99 of 1 to 4");
    T_NEAR(tk_series_std(&s), 1.118033988749895, 1e-15, "std of 1 to 4");
    T_NEAR(tk_series_mean(&s), 2.5, 0, "mean of 1 to 4");
    T_OK(s.min == 1 && s.max == 4, "smallest and largest");
    T_EQ_I(tk_series_count_up_to(&s, 2), 2, "up to 2");
    T_EQ_I(tk_series_count_up_to(&s, 0), 0, "up to 0");
    T_EQ_I(tk_series_count_up_to(&s, 9), 4, "up to 9");
    tk_series_release(&s);
    fill(&s, tenths, 5);
    T_NEAR(tk_series_percentile(&s, 25), 2, 0, "p25");
    T_NEAR(tk_series_percentile(&s, 50), 4, 0, "p50");
    T_NEAR(tk_series_percentile(&s, 90), 12.8, 1e-14, "p90");
    T_NEAR(tk_series_percentile(&s, 99), 15.68, 1e-14, "p99");
    T_NEAR(tk_series_percentile(&s, 0), 1, 0, "p0");
    T_NEAR(tk_series_percentile(&s, 100), 16, 0, "p100");
    tk_series_release(&s);

    tk_series_init(&s, 0);
    T_OK(isnan(tk_series_mean(&s)) && isnan(tk_series_std(&s)), "nothing has no mean");
    T_OK(isnan(tk_series_percentile(&s, 50)), "nothing has no median");
    T_OK(isnan(tk_series_percentile_all(&s, 50, 0)), "nor over all");
    T_EQ_I(tk_series_add(&s, 7), 0, "one value");
    T_NEAR(tk_series_percentile(&s, 99), 7, 0, "p99 of one");
    T_NEAR(tk_series_std(&s), 0, 0, "std of one");
    tk_series_release(&s);
}

static void test_infinite(void)
{
    static const int64_t v[] = { 10, 20, 30, 40, 50, 60, 70, 80, 90 };
    struct tk_series s;

    fill(&s, v, 9);
    T_NEAR(tk_series_percentile_all(&s, 90, 1), 90, 0, "nine of ten are at most 90");
    T_OK(isinf(tk_series_percentile_all(&s, 91, 1)), "past them it is infinite");
    T_NEAR(tk_series_percentile_all(&s, 50, 1), 50, 0, "the median");
    T_NEAR(tk_series_percentile_all(&s, 0, 1), 10, 0, "p0 is the smallest");
    T_OK(isinf(tk_series_percentile_all(&s, 50, 11)), "most failed: the median is infinite");
    T_OK(isinf(tk_series_largest(&s, 1, 1)), "the largest of them");
    T_NEAR(tk_series_largest(&s, 2, 1), 90, 0, "the second largest");
    T_NEAR(tk_series_largest(&s, 10, 1), 10, 0, "the smallest");
    T_OK(isnan(tk_series_largest(&s, 11, 1)) && isnan(tk_series_largest(&s, 0, 1)), "no such rank");
    tk_series_release(&s);

    /* 99.9 % of 1,000 are 999 of them, whatever the doubles say. */
    tk_series_init(&s, 0);
    for (int64_t i = 1; i <= 1000; i++)
        tk_series_add(&s, i);
    T_NEAR(tk_series_percentile_all(&s, 99.9, 0), 999, 0, "nearest rank of p99.9");
    tk_series_release(&s);
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static void test_sort(void)
{
    enum { N = 100000 };
    static int64_t v[N];
    struct tk_series s;
    struct tk_series backward;
    size_t n_bad = 0;

    for (size_t i = 0; i < N; i++) {
        v[i] = next_random() >> (i % 40);
        if (i % 3 == 0)
            v[i] = -v[i];
    }
    fill(&s, v, N);
    tk_series_init(&backward, 0);
    for (size_t i = N; i > 0; i--)
        tk_series_add(&backward, v[i - 1]);
    T_NEAR(tk_series_mean(&s), tk_series_mean(&backward), 0,
           "the mean does not depend on the order");
    T_NEAR(tk_series_std(&s), tk_series_std(&backward), 0, "nor does the deviation");
    tk_series_sort(&s);
    tk_failmalloc_from(1);
    tk_series_sort(&backward);
    tk_failmalloc_off();
    qsort(v, N, sizeof(v[0]), compare);
    for (size_t i = 0; i < N; i++)
        n_bad += s.v[i] != v[i] || backward.v[i] != v[i];
    T_EQ_I(n_bad, 0, "sorted, with and without memory");
    T_OK(s.is_sorted, "and known to be");
    tk_series_release(&s);
    tk_series_release(&backward);

    tk_series_init(&s, 0);
    T_EQ_I(tk_series_add(&s, INT64_MAX), 0, "a value past the bound");
    T_EQ_I(tk_series_add(&s, INT64_MIN), 0, "and one below it");
    T_OK(s.max == TK_SERIES_VALUE_MAX && s.min == -TK_SERIES_VALUE_MAX, "are held to it");
    tk_series_release(&s);
    tk_series_init(&s, 0);
    tk_failmalloc_at(1);
    T_EQ_I(tk_series_add(&s, 1), -ENOMEM, "no memory");
    tk_failmalloc_off();
    T_EQ_I(s.n, 0, "nothing was added");
    tk_series_release(&s);
}

/* Past the bound: counted in buckets, and within 0.05 % of the exact. */
static void test_histogram(void)
{
    enum { N = 200000 };
    static const double ps[] = { 0, 1, 10, 50, 90, 99, 99.9, 100 };
    struct tk_series exact;
    struct tk_series counted;
    struct tk_series both;

    tk_series_init(&exact, 0);
    tk_series_init(&counted, 1000);
    tk_series_init(&both, 1000);
    for (size_t i = 0; i < N; i++) {
        int64_t value = next_random() >> (i % 36);
        tk_series_add(&exact, value);
        tk_series_add(&counted, value);
    }
    tk_series_add_all(&both, &counted);
    T_OK(tk_series_is_exact(&exact) && !tk_series_is_exact(&counted), "one is exact");
    T_EQ_I(both.n, N, "merged whole");
    T_NEAR(tk_series_mean(&counted), tk_series_mean(&exact), 0, "the mean stays exact");
    T_NEAR(tk_series_std(&both), tk_series_std(&exact), 0, "so does the deviation");
    for (size_t i = 0; i < TK_ARRAY_LEN(ps); i++) {
        double want = tk_series_percentile(&exact, ps[i]);
        T_NEAR(tk_series_percentile(&counted, ps[i]), want, want * 0.0005 + 0.5, "p%g", ps[i]);
        T_NEAR(tk_series_percentile(&both, ps[i]), want, want * 0.0005 + 0.5, "p%g merged", ps[i]);
    }
    tk_series_release(&exact);
    tk_series_release(&counted);
    tk_series_release(&both);
}

/* From numpy 2.3.5: v = [((i * 7919) % 1009) / 7.0 for i in range(n)]; mean, std, percentile(v, 90). */
static void test_numpy(void)
{
    static const struct {
        size_t n;
        double mean, std, p90, p999;
    } want[] = {
        { 1, 0.0, 0.0, 0.0, 0.0 },
        { 5, 71.6, 41.94490068980437, 113.54285714285714, 122.19828571428573 },
        { 7, 57.97959183673469, 41.888052150379785, 109.17142857142858, 122.15457142857144 },
        { 8, 67.64285714285714, 46.78604143833274, 126.18571428571428, 135.19471428571427 },
        { 127, 72.37345331833521, 41.97234402104118, 129.65714285714284, 143.49942857142858 },
        { 128, 72.64397321428572, 41.91907137178437, 129.6, 143.49885714285716 },
        { 129, 72.7408637873754, 41.77066445787389, 129.54285714285714, 143.49828571428574 },
        { 1000, 72.09685714285715, 41.62272444377529, 129.5857142857143, 143.85728571428572 },
        { 5000, 72.01542857142857, 41.61873948409416, 129.71428571428572, 143.85728571428575 },
    };
    static double v[5000];

    for (size_t k = 0; k < TK_ARRAY_LEN(want); k++) {
        size_t n = want[k].n;
        for (size_t i = 0; i < n; i++)
            v[i] = (double)((i * 7919) % 1009) / 7.0;
        T_NEAR(tk_numpy_mean(v, n), want[k].mean, 0, "mean of %zu, to the bit", n);
        T_NEAR(tk_numpy_std(v, n), want[k].std, 0, "std of %zu, to the bit", n);
        tk_numpy_sort(v, n);
        T_NEAR(tk_numpy_percentile(v, n, 90), want[k].p90, 0, "p90 of %zu, to the bit", n);
        T_NEAR(tk_numpy_percentile(v, n, 99.9), want[k].p999, 0, "p99.9 of %zu, to the bit", n);
    }
    static const double sorted[] = { -1.5, -0.25, 0.0, 0.25, 3.0 };
    double shuffled[] = { 3.0, -0.25, 0.25, -1.5, 0.0 };
    tk_numpy_sort(shuffled, 5);
    for (size_t i = 0; i < TK_ARRAY_LEN(sorted); i++)
        T_NEAR(shuffled[i], sorted[i], 0, "doubles on both sides of 0");
}

static void test_certify(void)
{
    static const struct {
        double p;
        size_t floor;
    } want[] = { { 50, 11 },  { 75, 24 },     { 90, 64 },       { 95, 130 }, { 97, 219 },
                 { 99, 662 }, { 99.9, 6636 }, { 99.99, 66381 }, { 0, 1 },    { 100, SIZE_MAX } };

    for (size_t i = 0; i < TK_ARRAY_LEN(want); i++)
        T_EQ_U(tk_certify_floor(want[i].p), want[i].floor, "floor of p%g", want[i].p);
    T_EQ_U(tk_certify_rank(10000, 99), 77, "of 10,000 the 77th largest");
    T_EQ_U(tk_certify_rank(662, 99), 1, "at the floor the largest");
    T_EQ_U(tk_certify_rank(661, 99), 0, "below it none");
    T_EQ_U(tk_certify_rank(1000000, 100), 0, "p100 is never certified");
    size_t before = 0;
    bool grows = true;
    for (size_t n = 700; n < 60000000; n = n * 3 / 2) {
        size_t rank = tk_certify_rank(n, 99);
        double mean = (double)n / 100;
        double sigmas = (mean - (double)rank) / sqrt(mean);
        grows = grows && rank >= before && sigmas > 1.8 && sigmas < 2.8;
        if (n > 1000000)
            grows = grows && fabs(sigmas - 2.326) < 0.05;
        before = rank;
    }
    T_OK(grows, "ranks tend to 2.33 deviations above the percentile");
}

int main(void)
{
    test_vectors();
    test_many();
    test_infinite();
    test_sort();
    test_histogram();
    test_numpy();
    test_certify();
    return T_DONE();
}
