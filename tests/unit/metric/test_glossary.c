/* test_glossary.c - docs/glossary.md is what the tables say; TK_GOLDEN_UPDATE=1 writes it anew */
#include <stdlib.h>

#include "base/str.h"
#include "lib/tap.h"
#include "metric/def.h"

static void test_table(void)
{
    for (int i = 0; i < TK_METRIC_N_; i++) {
        const struct tk_metric_def *d = tk_metric_def((enum tk_metric)i);
        T_OK(d->name && d->label && d->formula && d->source && d->note && d->from && d->channel,
             "metric %d is described", i);
        T_EQ_I(tk_metric_find(tk_str_of(d->name)), i, "%s is found by name", d->name);
        T_OK(d->is_per_gap == !d->value, "%s has a value per request or gaps", d->name);
    }
    T_EQ_I(tk_metric_find(TK_STR("nothing")), TK_METRIC_N_, "no such metric");
    T_OK(tk_unit_scale(TK_UNIT_NS) < tk_unit_scale(TK_UNIT_TOKENS), "ns are shown as ms");
    T_EQ_S(tk_unit_word(TK_UNIT_NS), "ms", "word of a unit");
}

static void test_fresh(void)
{
    const char *tests = getenv("TK_TESTS_DIR");
    struct tk_buf b = TK_BUF_INIT(1 << 20);
    static char text[1 << 18];
    char path[1000];

    T_EQ_I(tk_glossary_write(&b), 0, "write the glossary");
    snprintf(path, sizeof(path), "%s/../docs/glossary.md", tests ? tests : "tests");
    if (getenv("TK_GOLDEN_UPDATE")) {
        FILE *f = fopen(path, "w");
        T_OK(f && fwrite(b.p, 1, b.n, f) == b.n, "update %s", path);
        if (f)
            fclose(f);
    }
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof(text), f) : 0;
    if (f)
        fclose(f);
    T_OK(n == b.n && memcmp(text, b.p, n) == 0, "docs/glossary.md is fresh (make golden)");
    tk_buf_release(&b);
}

int main(void)
{
    test_table();
    test_fresh();
    return T_DONE();
}
