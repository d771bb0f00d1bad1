/* test_rand.c - base/rand.h against what NumPy 2.4.6 and CPython 3.11 gave */
#include "lib/tap.h"

#include "base/rand.h"

static void u32s(struct tk_mt *m, uint32_t a, uint32_t b, uint32_t c, const char *what)
{
    T_EQ_U(tk_mt_u32(m), a, "%s: first word", what);
    T_EQ_U(tk_mt_u32(m), b, "%s: second word", what);
    T_EQ_U(tk_mt_u32(m), c, "%s: third word", what);
}

static void seeds(void)
{
    struct tk_mt m;
    tk_mt_seed_python(&m, 0);
    u32s(&m, 3626764237, 1654615998, 3255389356, "random.seed(0)");
    T_NEAR(tk_mt_double(&m), 0.890243920837131, 0, "random()");
    tk_mt_seed_python(&m, 42);
    u32s(&m, 2746317213, 478163327, 107420369, "random.seed(42)");
    T_NEAR(tk_mt_double(&m), 0.7415504997598329, 0, "random()");
    tk_mt_seed_python(&m, UINT64_C(4294967301));
    u32s(&m, 675479763, 2085189291, 1213270837, "random.seed(2**32 + 5)");
    tk_mt_seed_python(&m, UINT64_MAX);
    u32s(&m, 93740670, 1068495656, 1452108352, "random.seed(2**64 - 1)");
    tk_mt_seed_numpy(&m, 0);
    u32s(&m, 2357136044, 2546248239, 3071714933, "RandomState(0)");
    tk_mt_seed_numpy(&m, UINT64_C(0x10000002A)); /* 2**32 + 42 */
    u32s(&m, 1608637542, 3421126067, 4083286876, "RandomState(42), modulo 2**32");
    tk_mt_seed_numpy(&m, 4294967295);
    u32s(&m, 419326371, 479346978, 3918654476, "RandomState(2**32 - 1)");
}

static void distributions(void)
{
    static const double want[] = { 0.2510199773226526,    2.0458698788498744,  0.23157796536609507,
                                   -0.023303746449855414, 0.8417776670118138,  1.3675855241672734,
                                   0.26911793209174556,   0.03523925969008992, 0.6789311159472603,
                                   3.127485971975886,     1.6802416366386173,  3.18187528861078,
                                   0.9909817055388455,    0.867114476032337 };
    struct tk_mt m;
    tk_mt_seed_numpy(&m, 5);
    for (size_t i = 0; i < TK_ARRAY_LEN(want); i++) {
        double got = i < 3   ? tk_mt_exponential(&m)
                     : i < 6 ? tk_mt_gauss(&m)
                             : tk_mt_gamma(&m, i < 9    ? 0.5
                                               : i < 12 ? 2.5
                                                        : 1.0);
        T_NEAR(got, want[i], 0, "RandomState(5): draw %zu, to the last bit", i);
    }
    m.has_gauss = true;
    tk_mt_seed_numpy(&m, 5);
    T_OK(!m.has_gauss, "a seed forgets the gauss that waits");
}

static void integers(void)
{
    static const uint64_t bounds[] = { 1,
                                       2,
                                       10,
                                       32000,
                                       UINT64_C(1) << 32,
                                       (UINT64_C(1) << 32) + 1,
                                       UINT64_C(1) << 40,
                                       UINT64_C(1) << 62 };
    static const uint64_t numpy[] = {
        0, 0, 5, 22584, 574793467, 610362493, 280111576598, 2346817084914358843
    };
    static const uint64_t below[] = {
        1, 2, 3, 1000, UINT64_C(1) << 31, UINT32_MAX, UINT64_C(1) << 32
    };
    static const uint64_t python[] = { 0, 0, 1, 666, 207388624, 311111475, 404285457 };
    static const uint32_t randint[] = { 2732, 10799, 9845, 19648, 13123, 21243, 30403, 9225 };
    struct tk_mt m;
    tk_mt_seed_numpy(&m, 9);
    for (size_t i = 0; i < TK_ARRAY_LEN(bounds); i++)
        T_EQ_U(tk_mt_randint(&m, bounds[i]), numpy[i], "randint(0, %" PRIu64 ")", bounds[i]);
    tk_mt_seed_numpy(&m, 0);
    for (size_t i = 0; i < TK_ARRAY_LEN(randint); i++)
        T_EQ_U(tk_mt_randint(&m, 32000), randint[i], "randint(0, 32000), draw %zu", i);
    T_EQ_U(tk_mt_randint(&m, 0), 0, "randint below 0 draws nothing");

    tk_mt_seed_python(&m, 7);
    for (size_t i = 0; i < TK_ARRAY_LEN(below); i++)
        T_EQ_U(tk_mt_below(&m, below[i]), python[i], "_randbelow(%" PRIu64 ")", below[i]);
    T_EQ_U(tk_mt_below(&m, 0), 0, "_randbelow(0)");
}

static void shuffles(void)
{
    static const uint32_t want[] = { 1, 7, 10, 0, 6, 11, 4, 5, 2, 8, 9, 3 };
    uint32_t order[12];
    struct tk_mt m;
    tk_mt_seed_python(&m, 3);
    tk_mt_shuffle(&m, order, 12);
    T_OK(memcmp(order, want, sizeof(want)) == 0, "random.shuffle");
    tk_mt_shuffle(&m, order, 1);
    T_EQ_U(order[0], 0, "shuffle of one");
    tk_mt_shuffle(&m, order, 0);
    T_EQ_U(order[0], 0, "shuffle of none");
}

static void splitmix(void)
{
    static const uint64_t want[] = { UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f4),
                                     UINT64_C(0x06c45d188009454f) };
    static const unsigned char twelve[] = { 2, 6, 9, 11, 10, 8, 7, 5, 4, 0, 1, 3 };
    unsigned char order[12];
    uint64_t state = 0;
    for (size_t i = 0; i < TK_ARRAY_LEN(want); i++)
        T_EQ_U(tk_splitmix_next(&state), want[i], "splitmix64 of 0, word %zu", i);
    state = 3;
    tk_splitmix_order(&state, order, 12);
    T_OK(memcmp(order, twelve, sizeof(twelve)) == 0, "an order of twelve");
    tk_splitmix_order(&state, order, 1);
    T_EQ_U(order[0], 0, "of one");
}

int main(void)
{
    seeds();
    distributions();
    integers();
    shuffles();
    splitmix();
    return T_DONE();
}
