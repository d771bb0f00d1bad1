/* test_pcg.c - base/pcg.h against what NumPy 2.4.6's default_rng gave */
#include "lib/tap.h"

#include "base/pcg.h"

struct vector {
    uint64_t seed;
    int64_t first[6];  /* integers(512, 1537, 6) */
    int64_t second[5]; /* integers(0, 128256, 5) */
    double reals[2];   /* random(2) */
    uint8_t bytes[12]; /* integers(0, 256, 12, dtype=uint8) */
    int64_t small;     /* integers(1, 4) */
    int64_t wide[4];   /* integers of (0, 2**32), (-5, 2**50), (0, 2**63 - 1), (3, 4) */
    uint8_t uneven[5]; /* integers(0, 256, 5, dtype=uint8) */
    int64_t last;      /* integers(0, 100) */
};

static const struct vector vectors[] = {
    { 0,
      { 1383, 1164, 1035, 788, 827, 553 },
      { 9649, 2119, 22479, 104306, 83291 },
      { 0.6066357757671799, 0.7294965609839984 },
      { 121, 89, 170, 233, 191, 127, 220, 161, 231, 1, 43, 139 },
      2,
      { 4016105479, 918569440582655, 25258205892266071, 3 },
      { 240, 245, 230, 100, 191 },
      55 },
    { 42,
      { 603, 1305, 1182, 961, 955, 1392 },
      { 11023, 89441, 25839, 12078, 67524 },
      { 0.761139701990353, 0.7860643052769538 },
      { 237, 98, 194, 249, 19, 209, 98, 131, 22, 14, 204, 32 },
      3,
      { 1934392873, 417481460940889, 8547898282882222422, 3 },
      { 6, 206, 20, 200, 49 },
      40 },
    { UINT64_C(1099511627783), /* 2**40 + 7 */
      { 723, 1362, 1136, 773, 529, 669 },
      { 64732, 86509, 113530, 94760, 12119 },
      { 0.015398871776174494, 0.037272006656797085 },
      { 241, 86, 112, 125, 123, 24, 74, 178, 114, 66, 57, 34 },
      1,
      { 3870717010, 380966917725969, 321834749657811868, 3 },
      { 222, 124, 130, 114, 23 },
      52 },
};

static void check(const struct vector *v)
{
    struct tk_pcg g;
    uint8_t bytes[12];
    tk_pcg_seed(&g, v->seed);
    for (int i = 0; i < 6; i++)
        T_EQ_I(tk_pcg_integers(&g, 512, 1537), v->first[i], "integers(512, 1537), draw %d", i);
    for (int i = 0; i < 5; i++)
        T_EQ_I(tk_pcg_integers(&g, 0, 128256), v->second[i], "integers(0, 128256), draw %d", i);
    for (int i = 0; i < 2; i++)
        T_NEAR(tk_pcg_double(&g), v->reals[i], 0, "random(), draw %d", i);
    tk_pcg_bytes(&g, bytes, 12);
    T_OK(memcmp(bytes, v->bytes, 12) == 0, "twelve bytes");
    T_EQ_I(tk_pcg_integers(&g, 1, 4), v->small, "integers(1, 4)");
    T_EQ_I(tk_pcg_integers(&g, 0, INT64_C(1) << 32), v->wide[0], "32 bits whole");
    T_EQ_I(tk_pcg_integers(&g, -5, INT64_C(1) << 50), v->wide[1], "more than 32 bits");
    T_EQ_I(tk_pcg_integers(&g, 0, INT64_MAX), v->wide[2], "63 bits");
    T_EQ_I(tk_pcg_integers(&g, 3, 4), v->wide[3], "one value draws nothing");
    tk_pcg_bytes(&g, bytes, 5);
    T_OK(memcmp(bytes, v->uneven, 5) == 0, "five bytes");
    T_EQ_I(tk_pcg_integers(&g, 0, 100), v->last, "the rest of a word was dropped");
    T_EQ_I(tk_pcg_integers(&g, 5, 5), 5, "an empty range");
}

/* Bytes that are passed over leave the generator as drawing them does, from either half of a word. */
static void skips(void)
{
    static const size_t sizes[] = { 0, 1, 3, 4, 5, 8, 12, 105, 196608 };
    static uint8_t bytes[196608];

    for (unsigned i = 0; i < 2 * TK_ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i / 2];
        struct tk_pcg drawn, skipped;
        tk_pcg_seed(&drawn, 7);
        if (i % 2)
            (void)tk_pcg_u32(&drawn);
        skipped = drawn;
        tk_pcg_bytes(&drawn, bytes, n);
        tk_pcg_skip_bytes(&skipped, n);
        T_EQ_U(tk_pcg_u32(&skipped), tk_pcg_u32(&drawn), "%zu bytes: the next half", n);
        T_EQ_U(tk_pcg_u64(&skipped), tk_pcg_u64(&drawn), "%zu bytes: the next word", n);
        T_EQ_U(tk_pcg_u32(&skipped), tk_pcg_u32(&drawn), "%zu bytes: the half after it", n);
    }
}

static void shuffle(void)
{
    /* np.random.default_rng(7).permutation(12); the end of default_rng(3).permutation(2700) */
    static const uint32_t twelve[] = { 4, 6, 10, 0, 1, 3, 8, 7, 2, 5, 9, 11 };
    static const uint32_t many[] = { 391, 1772, 2278, 1337, 360, 1553, 1184, 1398 };
    static uint32_t order[2700];
    struct tk_pcg g;

    for (uint32_t i = 0; i < 2700; i++)
        order[i] = i;
    tk_pcg_seed(&g, 3);
    tk_pcg_shuffle(&g, order, 2700);
    for (size_t i = 0; i < TK_ARRAY_LEN(many); i++)
        T_EQ_U(order[i], many[i], "permutation of 2,700: %zu", i);
    for (uint32_t i = 0; i < 12; i++)
        order[i] = i;
    tk_pcg_seed(&g, 7);
    tk_pcg_shuffle(&g, order, 12);
    for (size_t i = 0; i < TK_ARRAY_LEN(twelve); i++)
        T_EQ_U(order[i], twelve[i], "permutation of 12: %zu", i);
    tk_pcg_shuffle(&g, order, 0);
    tk_pcg_shuffle(&g, order, 1);
    T_EQ_U(order[0], 4, "none and one stay");
}

int main(void)
{
    struct tk_pcg g;
    tk_pcg_seed(&g, 0);
    T_EQ_U(tk_pcg_u64(&g), UINT64_C(0xa30febcfd9c2825f), "default_rng(0): first word");
    T_EQ_U(tk_pcg_u64(&g), UINT64_C(0x4510bdf882d9d721), "second word");
    T_EQ_U(tk_pcg_u64(&g), UINT64_C(0x0a7d3da94ecde8b8), "third word");
    for (size_t i = 0; i < TK_ARRAY_LEN(vectors); i++)
        check(&vectors[i]);
    skips();
    shuffle();
    return T_DONE();
}
