/* test_cancel.c - which requests are given up: shares that hold, draws that depend on the seed alone */
#include "run/cancel.h"

#include <math.h>

#include "tap.h"

static uint64_t count(const struct tk_plan_cancel *c, uint64_t seed, uint64_t from, uint64_t n)
{
    uint64_t n_given_up = 0;

    for (uint64_t i = from; i < from + n; i++) {
        struct tk_cancel_point p = tk_cancel_point(c, seed, i, 100);
        n_given_up += p.tokens > 0 || p.after > 0;
    }
    return n_given_up;
}

static void test_shares(void)
{
    static const double shares[] = { 0, 0.001, 0.01, 0.05, 0.1, 1 / 3.0, 0.35, 0.5, 0.9, 1 };

    for (size_t i = 0; i < TK_ARRAY_LEN(shares); i++) {
        struct tk_plan_cancel c = { .share = shares[i] };
        for (uint64_t seed = 0; seed < 3; seed++) {
            T_EQ_U(count(&c, seed, 0, 20000), (uint64_t)floor(20000 * shares[i] + 1e-6),
                   "share %g, seed %d: exact", shares[i], (int)seed);
            uint64_t n = count(&c, seed, 0, 200);
            T_OK(fabs((double)n - 200 * shares[i]) < 1 + 1e-6, "share %g: %d of 200", shares[i],
                 (int)n);
        }
    }
    struct tk_plan_cancel five = { .share = 0.05 };
    for (uint64_t at = 0; at < 2000; at += 20)
        T_EQ_U(count(&five, 1, at, 20), 1, "one of each twenty, from %d", (int)at);
}

/* Which of the twenty it is must not be the same in every block, nor under every seed. */
static void test_spread(void)
{
    struct tk_plan_cancel c = { .share = 0.05 };
    unsigned at[20] = { 0 }, n_same = 0, n_empty = 0;

    for (uint64_t i = 0; i < 8000; i++) {
        bool a = tk_cancel_point(&c, 1, i, 100).tokens > 0;
        at[i % 20] += a;
        n_same += a && tk_cancel_point(&c, 2, i, 100).tokens > 0;
    }
    for (unsigned i = 0; i < 20; i++)
        n_empty += at[i] < 5; /* 20 expected */
    T_EQ_U(n_empty, 0, "every place of a block comes up");
    T_OK(n_same < 60, "another seed takes others: %u of 400 are the same", n_same);
}

static void test_points(void)
{
    struct tk_plan_cancel c = { .share = 1, .tokens = 20 };
    struct tk_cancel_point p = tk_cancel_point(&c, 0, 7, 5);
    double sum = 0;
    unsigned n_wrong = 0;

    T_OK(p.tokens == 20 && p.after == 0, "after twenty tokens, whatever was asked for");
    c = (struct tk_plan_cancel){ .share = 1, .after = 5 };
    p = tk_cancel_point(&c, 0, 7, 5);
    T_OK(p.tokens == 0 && p.after == 5, "after a time");
    c = (struct tk_plan_cancel){ .share = 1 };
    for (uint64_t i = 0; i < 2000; i++) {
        p = tk_cancel_point(&c, 3, i, 11);
        n_wrong += p.tokens < 1 || p.tokens > 10 || p.after != 0;
        sum += p.tokens;
    }
    T_EQ_U(n_wrong, 0, "drawn from the first token to the last but one");
    T_NEAR(sum / 2000, 5.5, 0.3, "evenly");
    T_EQ_U(tk_cancel_point(&c, 3, 9, 1).tokens, 1, "of one token there is no other point");
    T_EQ_U(tk_cancel_point(&c, 3, 9, 0).tokens, 1, "nor of none");
    p = tk_cancel_point(&c, 3, 9, -1);
    T_OK(p.tokens >= 1 && p.tokens <= TK_CANCEL_OPEN_TOKENS, "open: %u", p.tokens);
}

int main(void)
{
    test_shares();
    test_spread();
    test_points();
    return T_DONE();
}
