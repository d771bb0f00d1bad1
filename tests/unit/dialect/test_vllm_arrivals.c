/* test_vllm_arrivals.c - the instants at which vLLM would send
 *
 * The vectors are NumPy's (2.3.5): np.random.seed(s), np.random.gamma(b, 1/(rate*b)), summed,
 * stretched to n/rate. Those of ramps follow from the same generator and the tool's formulas.
 */
#include "dialect/vllm/vllm.h"

#include "tap.h"

static void expect(const char *name, const struct tk_vllm_arrivals *a, const double *want)
{
    double got[6];

    T_EQ_I(tk_vllm_offsets(a, got, 6), 0, "%s", name);
    for (size_t i = 0; i < 6; i++)
        T_NEAR(got[i], want[i], 0, "%s: %zu, to the last bit", name, i);
}

static void test_vectors(void)
{
    static const double poisson[] = { 0.08923298044886528, 0.23004719684526587, 0.33355843143627334,
                                      0.421818960343244,   0.4836021921567499,  0.6 };
    static const double bursty[] = { 0.08066061196975162, 0.1810271868470916, 0.22864939079711866,
                                     0.27945532850057747, 0.512841256332648,  0.6 };
    static const double smooth[] = { 0.17829857297758042, 0.2559656655092624, 0.44426728662957293,
                                     0.4684362860436624,  0.5217621834041843, 0.6 };
    static const double other[] = { 0.15517357702122397, 1.1505349060362662, 1.585945162260625,
                                    1.8878292338822256,  1.9439193419965488, 2.0 };

    expect("seed 0, rate 10", &(struct tk_vllm_arrivals){ .rate = 10, .burstiness = 1 }, poisson);
    expect("burstiness 0.5", &(struct tk_vllm_arrivals){ .rate = 10, .burstiness = 0.5 }, bursty);
    expect("burstiness 2", &(struct tk_vllm_arrivals){ .rate = 10, .burstiness = 2 }, smooth);
    expect("seed 42, rate 3", &(struct tk_vllm_arrivals){ .rate = 3, .burstiness = 1, .seed = 42 },
           other);
}

static void test_edges(void)
{
    struct tk_vllm_arrivals a = { .rate = INFINITY, .burstiness = 1 };
    double got[4];

    T_EQ_I(tk_vllm_offsets(&a, got, 4), 0, "infinite rate");
    T_NEAR(got[3], 0, 0, "all at 0");
    a = (struct tk_vllm_arrivals){ .rate = 4, .burstiness = INFINITY };
    T_EQ_I(tk_vllm_offsets(&a, got, 4), 0, "infinite burstiness");
    T_NEAR(got[0], 0.25, 0, "even gaps, the first one too");
    T_NEAR(got[3], 1, 0, "the last at n/rate");
    a.rate = 0;
    T_EQ_I(tk_vllm_offsets(&a, got, 4), TK_E_RANGE, "rate 0");
    T_EQ_I(tk_vllm_offsets(&a, got, 0), 0, "no requests");
}

static void test_ramp(void)
{
    struct tk_vllm_arrivals a = {
        .rate = INFINITY, .burstiness = 1, .strategy = "linear", .start_rps = 5, .end_rps = 20
    };
    double got[2];

    T_NEAR(tk_vllm_ramp_rate(&a, 0, 4), 5, 0, "linear: start");
    T_NEAR(tk_vllm_ramp_rate(&a, 1, 4), 10, 1e-12, "linear: a third");
    T_NEAR(tk_vllm_ramp_rate(&a, 3, 4), 20, 0, "linear: end");
    T_NEAR(tk_vllm_ramp_rate(&a, 0, 1), 5, 0, "one request: start");
    T_EQ_I(tk_vllm_offsets(&a, got, 2), 0, "linear offsets");
    T_NEAR(got[0], 0.7958745081631101 / 5, 1e-15, "not stretched");
    T_NEAR(got[1], 0.7958745081631101 / 5 + 1.2559307629658379 / 20, 1e-15, "by its own rate");
    a.strategy = "exponential";
    a.end_rps = 45;
    T_NEAR(tk_vllm_ramp_rate(&a, 1, 3), 15, 1e-12, "exponential: the geometric middle");
    a.strategy = "linear";
    a.start_rps = 0;
    T_EQ_I(tk_vllm_offsets(&a, got, 2), TK_E_RANGE, "a linear ramp from 0 has a rate of 0");
}

int main(void)
{
    test_vectors();
    test_edges();
    test_ramp();
    return T_DONE();
}
