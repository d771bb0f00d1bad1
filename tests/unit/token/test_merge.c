/* test_merge.c - token/merge.h: windows and the small array against the one heap */
#include "lib/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "lib/failmalloc.h"

#include "base/num.h"
#include "base/rand.h"
#include "base/str.h"
#include "token/internal.h"
#include "token/merge.h"

static struct tk_mt mt;
static struct tk_tok_scratch *scratch;

static uint32_t below(uint32_t n)
{
    return (uint32_t)tk_mt_below(&mt, n);
}

/* Merges of random pairs among `n_symbols`, each making a new id; ranks in any order. */
static void make(struct tk__merges *m, uint32_t n_symbols, uint32_t n)
{
    T_EQ_I(tk__merges_init(m, n, NULL), 0, "room");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t known = n_symbols + i;
        tk__merges_add(m, below(known), below(known), below(2) ? i : below(n), n_symbols + i);
    }
    tk__merges_done(m);
}

static void compare(const struct tk__merges *m, size_t n, uint32_t n_symbols, unsigned style)
{
    uint32_t *a = malloc(n * sizeof(*a));
    uint32_t *b = malloc(n * sizeof(*b));
    for (size_t i = 0; i < n; i++)
        a[i] = style == 0 ? 0 : style == 1 ? (uint32_t)(i % 3) % n_symbols : below(n_symbols);
    memcpy(b, a, n * sizeof(*a));
    int64_t got = tk__merge_all(m, scratch, a, n);
    int64_t want = tk__merge_by_heap(m, scratch, b, n);
    bool same = got == want && memcmp(a, b, (size_t)want * sizeof(*a)) == 0;
    T_OK(same, "%zu symbols of %u, style %u: %" PRId64 " left", n, n_symbols, style, got);
    free(a);
    free(b);
}

static void run_out(const struct tk__merges *m, size_t n)
{
    uint32_t *a = malloc(n * sizeof(*a));
    for (int k = 1;; k++) {
        struct tk_tok_scratch *s = tk_tok_scratch_new();
        memset(a, 0, n * sizeof(*a));
        tk_failmalloc_at(k);
        int64_t rc = tk__merge_all(m, s, a, n);
        bool reached = tk_failmalloc_off();
        tk_tok_scratch_free(s);
        if (!reached)
            break;
        T_EQ_I(rc, -ENOMEM, "allocation %d fails", k);
    }
    free(a);
}

int main(void)
{
    const char *given = getenv("TK_SEED");
    int64_t seed = time(NULL);
    if (given)
        (void)tk_num_parse_i64(tk_str_of(given), 0, INT64_MAX, &seed);
    printf("# TK_SEED=%" PRId64 "\n", seed);
    tk_mt_seed_python(&mt, (uint64_t)seed);
    scratch = tk_tok_scratch_new();
    for (unsigned i = 0; i < 12; i++) {
        struct tk__merges m = { 0 };
        uint32_t n_symbols = 1 + below(12);
        make(&m, n_symbols, 20 + below(300));
        for (unsigned style = 0; style < 3; style++) {
            compare(&m, 1 + below(48), n_symbols, style);
            compare(&m, 17000 + below(9000), n_symbols, style);
        }
        if (i == 0)
            run_out(&m, 20000);
        tk__merges_release(&m);
    }
    struct tk__merges twice = { 0 };
    T_EQ_I(tk__merges_init(&twice, 2, NULL), 0, "room for two");
    tk__merges_add(&twice, 1, 2, 5, 7);
    tk__merges_add(&twice, 1, 2, 6, 8);
    tk__merges_done(&twice);
    const struct tk__merge *found = tk__merges_find(&twice, 1, 2);
    T_OK(found && found->id == 8, "of two equal pairs the later counts");
    T_OK(tk__merges_find(&twice, 2, 1) == NULL, "and no other is there");
    tk__merges_release(&twice);
    T_EQ_I(tk__merges_init(&twice, (size_t)1 << 40, NULL), TK_E_LIMIT, "too many");
    tk_tok_scratch_free(scratch);
    return T_DONE();
}
