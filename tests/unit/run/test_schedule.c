/* test_schedule.c - when requests are due: level rates and shapes
 *
 * The vectors are NumPy's (2.4.6): np.random.seed(s), cumulated gaps, and for shapes the inverse of
 * the integral written out there with its own formulas (the quadratic with the square root in front,
 * logarithms without log1p).
 */
#include "run/schedule.h"

#include <math.h>

#include "tap.h"

#define S TK_NS_PER_S

static int make(struct tk_schedule s, tk_ns *due, uint64_t n)
{
    return tk_schedule_make(&s, due, n);
}

static uint64_t count(struct tk_schedule s, tk_ns duration, uint64_t max)
{
    return tk_schedule_count(&s, duration, max);
}

static struct tk_schedule level(enum tk_arrival arrival, double rate, uint64_t seed)
{
    return (struct tk_schedule){ .arrival = arrival, .rate = rate, .burstiness = 1, .seed = seed };
}

/* --- level rates --- */

static void test_constant(void)
{
    tk_ns due[4];

    T_EQ_I(make(level(TK_ARRIVAL_CONSTANT, 8, 0), due, 4), 0, "constant");
    T_EQ_I(due[0], 0, "the first at 0");
    T_EQ_I(due[3], 375000000, "the fourth at 3/8 s");
    T_EQ_I(make(level(TK_ARRIVAL_CONSTANT, 3, 0), due, 4), 0, "a third of a second");
    T_EQ_I(due[1], 333333333, "rounded");
    T_EQ_I(due[2], 666666667, "not summed up from rounded gaps");
    T_EQ_I(due[3], 1000000000, "exact again");
}

/* NumPy's np.random.seed(0); np.cumsum(np.random.exponential(0.1, 6)) */
static void test_poisson(void)
{
    static const tk_ns want[] = { 79587451, 205180527, 297502842, 376222957, 431327806, 535143736 };
    tk_ns due[6], same[6];

    T_EQ_I(make(level(TK_ARRIVAL_POISSON, 10, 0), due, 6), 0, "poisson");
    T_EQ_I(make(level(TK_ARRIVAL_GAMMA, 10, 0), same, 6), 0, "gamma of burstiness 1");
    for (size_t i = 0; i < 6; i++) {
        T_EQ_I(due[i], want[i], "poisson %zu", i);
        T_EQ_I(same[i], want[i], "gamma of burstiness 1 is poisson, %zu", i);
    }
}

/* np.random.seed(7); np.cumsum(np.random.gamma(b, 1 / (10 * b), 8)) */
static void test_gamma(void)
{
    static const struct {
        double burstiness;
        tk_ns want[8];
    } t[] = {
        { 0.5,
          { 1164591, 39605122, 54017019, 158257030, 174862608, 183969270, 258941338, 269549221 } },
        { 2,
          { 56730400, 98807951, 182274688, 350069803, 478485734, 598876526, 666452220,
            790954214 } },
        { 0.25,
          { 13563, 14790307, 40015154, 42092182, 127230961, 135654440, 138411891, 139241204 } },
    };
    tk_ns due[8];

    for (size_t i = 0; i < TK_ARRAY_LEN(t); i++) {
        struct tk_schedule s = level(TK_ARRIVAL_GAMMA, 10, 7);
        s.burstiness = t[i].burstiness;
        T_EQ_I(make(s, due, 8), 0, "gamma");
        for (size_t k = 0; k < 8; k++)
            T_EQ_I(due[k], t[i].want[k], "burstiness %g: %zu", t[i].burstiness, k);
    }
    struct tk_schedule even = level(TK_ARRIVAL_GAMMA, 10, 7);
    even.burstiness = INFINITY;
    T_EQ_I(make(even, due, 8), 0, "infinite burstiness");
    T_EQ_I(due[7], 800000000, "is even gaps, the first one too");
}

/* Mean 1/rate, variance 1 / (burstiness rate^2); and the last instant is NumPy's to the nanosecond. */
static void test_moments(void)
{
    enum { N = 100000 };
    static const struct {
        double burstiness, mean, variance;
        tk_ns last;
    } t[] = {
        { 0.25, 0.10032064070700213, 0.04066335910474974, 10032064070700 },
        { 0.5, 0.10024106237183857, 0.02031351479196466, 10024106237184 },
        { 4, 0.09984163618016025, 0.002480354497725793, 9984163618016 },
    };
    static tk_ns due[N];

    for (size_t i = 0; i < TK_ARRAY_LEN(t); i++) {
        struct tk_schedule s = level(TK_ARRIVAL_GAMMA, 10, 3);
        double sum = 0, square = 0;
        s.burstiness = t[i].burstiness;
        T_EQ_I(make(s, due, N), 0, "many");
        for (size_t k = 0; k < N; k++) {
            double gap = (double)(due[k] - (k ? due[k - 1] : 0)) / 1e9;
            sum += gap;
            square += gap * gap;
        }
        double mean = sum / N, variance = square / N - mean * mean;
        T_NEAR(mean, t[i].mean, 1e-12, "burstiness %g: NumPy's mean", t[i].burstiness);
        T_NEAR(variance, t[i].variance, 1e-9, "burstiness %g: NumPy's variance", t[i].burstiness);
        T_NEAR(mean, 0.1, 0.1 * 4 / sqrt(N * t[i].burstiness), "the mean is 1/rate");
        T_NEAR(variance, 0.01 / t[i].burstiness, 0.03 * 0.01 / t[i].burstiness,
               "the variance is 1 / (burstiness rate^2)");
        T_OK(due[N - 1] >= t[i].last - 1 && due[N - 1] <= t[i].last + 1, "the last one: %lld",
             (long long)due[N - 1]);
    }
}

static void test_edges(void)
{
    tk_ns due[2] = { 7, 7 };

    T_EQ_I(make(level(TK_ARRIVAL_POISSON, INFINITY, 0), due, 2), 0, "infinite rate");
    T_EQ_I(due[0] | due[1], 0, "all at 0");
    T_EQ_I(make(level(TK_ARRIVAL_CONSTANT, 0, 0), due, 2), TK_E_RANGE, "rate 0");
    T_EQ_I(make(level(TK_ARRIVAL_CONSTANT, NAN, 0), due, 2), TK_E_RANGE, "not a number");
    T_EQ_I(make(level(TK_ARRIVAL_CONSTANT, 1e-10, 0), due, 2), TK_E_RANGE, "too far away");
    T_EQ_I(make(level(TK_ARRIVAL_CLOSED, 1, 0), due, 2), TK_E_RANGE, "closed has none");
    struct tk_schedule s = level(TK_ARRIVAL_GAMMA, 1, 0);
    s.burstiness = 0;
    T_EQ_I(make(s, due, 2), TK_E_RANGE, "burstiness 0");
    struct tk_stage eight = { .from = 8, .to = 8, .duration = S };
    struct tk_shape permits = { .of = TK_SHAPE_CONCURRENCY, .stages = &eight, .n = 1 };
    s = level(TK_ARRIVAL_CONSTANT, 1, 0);
    s.shape = &permits;
    T_EQ_I(make(s, due, 2), TK_E_RANGE, "a shape of a concurrency is no rate");
}

static void test_count(void)
{
    struct tk_schedule constant = level(TK_ARRIVAL_CONSTANT, 10, 0);
    struct tk_schedule poisson = level(TK_ARRIVAL_POISSON, 10, 0);

    T_EQ_I(count(constant, S, 1000), 10, "constant: 0 … 0.9 s");
    T_EQ_I(count(constant, S + 1, 1000), 11, "constant: just past a second");
    T_EQ_I(count(poisson, 400000000, 1000), 4, "poisson");
    T_EQ_I(count(poisson, 400000000, 3), 3, "at most max");
    T_EQ_I(count(level(TK_ARRIVAL_CONSTANT, INFINITY, 0), 1, 9), 9, "infinite: max");
    T_EQ_I(count(level(TK_ARRIVAL_CONSTANT, -1, 0), 1, 9), 0, "bad rate");
}

/* --- shapes --- */

/* 10/s for 2 s, up to 50/s in 4 s, down to 5/s by the same factor in 3 s, a pause, 5/s for 2 s. */
static struct tk_stage five[] = {
    { .from = 10, .to = 10, .duration = 2 * S },
    { .from = 10, .to = 50, .duration = 4 * S },
    { .from = 50, .to = 5, .duration = 3 * S, .curve = TK_CURVE_EXPONENTIAL },
    { .from = 0, .to = 0, .duration = 1 * S },
    { .from = 5, .to = 5, .duration = 2 * S },
};
static const struct tk_shape shape = {
    .of = TK_SHAPE_RATE, .kind = TK_SHAPE_STAGES, .stages = five, .n = TK_ARRAY_LEN(five)
};

struct vector {
    enum tk_arrival arrival;
    double burstiness;
    uint64_t seed, n, per_stage[5];
    struct {
        unsigned i;
        tk_ns at;
    } some[13];
};

static const struct vector vectors[] = {
    { TK_ARRIVAL_CONSTANT,
      1,
      0,
      209,
      { 20, 120, 59, 0, 10 },
      { { 0, 0 },
        { 19, 1900000000 },
        { 20, 2000000000 },
        { 21, 2095445115 },
        { 100, 5123105626 },
        { 139, 5979959839 },
        { 140, 6000000000 },
        { 141, 6020155095 },
        { 190, 7900890086 },
        { 198, 8879770953 },
        { 199, 10074048989 },
        { 200, 10274048989 },
        { 205, 11274048989 } } },
    { TK_ARRIVAL_POISSON,
      1,
      11,
      201,
      { 23, 116, 48, 0, 14 },
      { { 0, 19877988 },
        { 1, 21844726 },
        { 2, 84061147 },
        { 50, 3526016033 },
        { 120, 5456933762 },
        { 150, 6324633422 } } },
    { TK_ARRIVAL_GAMMA,
      0.5,
      11,
      211,
      { 23, 117, 64, 0, 7 },
      { { 0, 42914281 },
        { 1, 78228495 },
        { 2, 78261164 },
        { 50, 3505823871 },
        { 120, 5748707328 },
        { 150, 6136742865 } } },
};

static void test_vector(const struct vector *v)
{
    const char *name = tk_arrival_word(v->arrival);
    struct tk_schedule s = {
        .arrival = v->arrival, .burstiness = v->burstiness, .seed = v->seed, .shape = &shape
    };
    uint64_t per_stage[5] = { 0 }, n_descents = 0;
    tk_ns due[400];
    uint64_t n = tk_schedule_count(&s, 0, 400);

    T_EQ_U(n, v->n, "%s: as many as fall into the stages", name);
    T_EQ_U(tk_schedule_count(&s, 2 * S, 400), v->per_stage[0], "%s: and into the first", name);
    T_EQ_I(tk_schedule_make(&s, due, n), 0, "%s: made", name);
    T_EQ_I(tk_schedule_make(&s, due, n + 1), TK_E_RANGE, "%s: there are no more", name);
    for (uint64_t i = 0; i < n; i++) {
        n_descents += i > 0 && due[i] < due[i - 1];
        per_stage[tk_shape_stage_at(&shape, due[i]) - 1]++;
    }
    T_EQ_U(n_descents, 0, "%s: ascending", name);
    for (size_t i = 0; i < 5; i++)
        T_EQ_U(per_stage[i], v->per_stage[i], "%s: requests in stage %zu", name, i + 1);
    for (size_t i = 0; i < 13 && (i == 0 || v->some[i].i > 0); i++)
        T_EQ_I(due[v->some[i].i], v->some[i].at, "%s: request %u", name, v->some[i].i);
}

/* sqrt(2 x / slope): where the first one of a stage would be at 0/0. */
static void test_from_nothing(void)
{
    struct tk_stage ramp = { .from = 0, .to = 10, .duration = 10 * S };
    struct tk_shape up = { .of = TK_SHAPE_RATE, .stages = &ramp, .n = 1 };
    struct tk_schedule s = { .arrival = TK_ARRIVAL_CONSTANT, .shape = &up };
    tk_ns due[50];

    T_EQ_U(tk_schedule_count(&s, 0, 400), 50, "a ramp from 0: half of the rectangle");
    T_EQ_I(tk_schedule_make(&s, due, 50), 0, "made");
    T_EQ_I(due[0], 0, "the first at 0");
    T_EQ_I(due[1], 1414213562, "the square root of 2");
    T_EQ_I(due[49], 9899494937, "the last");
    ramp = (struct tk_stage){ .from = 10, .to = 0, .duration = 10 * S };
    T_EQ_U(tk_schedule_count(&s, 0, 400), 50, "down to 0: as many");
    T_EQ_I(tk_schedule_make(&s, due, 50), 0, "made");
    T_EQ_I(due[1], 10 * S - 9899494937, "the mirror image");
}

/* A last stage without an end goes on. */
static void test_open_end(void)
{
    struct tk_stage stages[] = { { .from = 10, .to = 10, .duration = S }, { .from = 2, .to = 2 } };
    struct tk_shape s = { .of = TK_SHAPE_RATE, .stages = stages, .n = 2 };
    struct tk_schedule schedule = { .arrival = TK_ARRIVAL_CONSTANT, .shape = &s };
    tk_ns due[14];

    T_EQ_I(tk_schedule_make(&schedule, due, 14), 0, "open end");
    T_EQ_I(due[10], 1 * S, "the next stage begins where the one before ends");
    T_EQ_I(due[13], 2500000000, "and goes on");
    stages[1].from = stages[1].to = 0;
    T_EQ_I(tk_schedule_make(&schedule, due, 11), TK_E_RANGE, "at 0 nothing comes any more");
}

int main(void)
{
    T_EQ_S(tk_arrival_word(TK_ARRIVAL_GIVEN), "given", "word");
    T_EQ_S(tk_arrival_word((enum tk_arrival)99), "unknown", "no such word");
    test_constant();
    test_poisson();
    test_gamma();
    test_moments();
    test_edges();
    test_count();
    for (size_t i = 0; i < TK_ARRAY_LEN(vectors); i++)
        test_vector(&vectors[i]);
    test_from_nothing();
    test_open_end();
    return T_DONE();
}
