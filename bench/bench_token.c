/* bench_token.c - how fast texts become tokens
 *
 *   bench_token [TOKENIZER [FILE]]
 *
 * TOKENIZER is a folder or a tokenizer.json, FILE a text of which each line is one text; without them
 * what $TOKMARK_BENCH_TOKENIZER names, else nothing is measured but the loading of nothing. Prints
 * lines "name value unit", which bench/token_vs_hf reads: load, encode and count on one thread, count
 * in a batch, decode, and a word without spaces of 1 MB against one of 10 kB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "token/tokenizer.h"

#define ROUNDS 5

static const struct tk_tokenizer *tok;
static struct tk_tok_scratch *scratch;

struct lines {
    struct tk_str *v;
    size_t n;
    size_t n_bytes;
};

static char *read_file(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    char *p = NULL;
    size_t n = 0;
    if (!f)
        return NULL;
    for (;;) {
        p = realloc(p, n + (1 << 20));
        size_t got = p ? fread(p + n, 1, 1 << 20, f) : 0;
        n += got;
        if (got == 0)
            break;
    }
    fclose(f);
    *ret_n = n;
    return p;
}

static struct lines cut(char *p, size_t n)
{
    struct lines l = { .v = malloc((n + 1) * sizeof(*l.v)), .n_bytes = n };
    for (size_t at = 0; l.v && at < n;) {
        char *end = memchr(p + at, '\n', n - at);
        size_t len = end ? (size_t)(end - p) - at : n - at;
        l.v[l.n++] = (struct tk_str){ p + at, len };
        at += len + 1;
    }
    return l;
}

static void encode(const struct lines *l)
{
    struct tk_tok_ids ids = { 0 };
    tk_ns best = INT64_MAX;
    size_t n = 0;
    for (int round = 0; round < ROUNDS; round++) {
        tk_ns begin = tk_clock_now();
        n = 0;
        for (size_t i = 0; i < l->n; i++) {
            ids.n = 0;
            (void)tk_tokenizer_encode(tok, scratch, l->v[i], TK_TOK_DEFAULT, &ids);
            n += ids.n;
        }
        best = TK_MIN(best, tk_clock_now() - begin);
    }
    printf("tokens %zu\n", n);
    printf("encode %.2f MB/s\n", (double)l->n_bytes * 1e3 / (double)best);
    printf("encode_tokens %.0f tokens/s\n", (double)n * 1e9 / (double)best);
    tk_tok_ids_release(&ids);
}

static void batch(const struct lines *l)
{
    int64_t *counts = malloc(l->n * sizeof(*counts));
    tk_ns best = INT64_MAX;
    int64_t n = 0;
    for (int round = 0; counts && round < ROUNDS; round++) {
        tk_ns begin = tk_clock_now();
        (void)tk_tokenizer_count_batch(tok, l->v, l->n, TK_TOK_DEFAULT, 0, counts);
        best = TK_MIN(best, tk_clock_now() - begin);
    }
    for (size_t i = 0; counts && i < l->n; i++)
        n += counts[i];
    printf("count_batch %.0f tokens/s\n", (double)n * 1e9 / (double)best);
    free(counts);
}

static void decode(const struct lines *l)
{
    struct tk_tok_ids ids = { 0 };
    struct tk_buf out = TK_BUF_INIT((size_t)1 << 30);
    for (size_t i = 0; i < l->n; i++)
        (void)tk_tokenizer_encode(tok, scratch, l->v[i], 0, &ids);
    tk_ns begin = tk_clock_now();
    (void)tk_tokenizer_decode(tok, scratch, ids.p, ids.n, 0, &out);
    printf("decode %.0f tokens/s\n", (double)ids.n * 1e9 / (double)(tk_clock_now() - begin));
    tk_tok_ids_release(&ids);
    tk_buf_release(&out);
}

/* CPU of this thread: what else the machine does must not show in a ratio. */
static tk_ns cpu_now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * TK_NS_PER_S + ts.tv_nsec;
}

static double word(size_t n, bool is_random)
{
    char *p = malloc(n);
    tk_ns best = INT64_MAX;
    for (size_t i = 0; p && i < n; i++)
        p[i] = is_random ? (char)('a' + (i * 7919 + i / 3 * 104729 + i / 7) % 26) : 'x';
    for (int round = 0; p && round < 3; round++) {
        tk_ns begin = cpu_now();
        (void)tk_tokenizer_count(tok, scratch, (struct tk_str){ p, n }, 0);
        best = TK_MIN(best, cpu_now() - begin);
    }
    free(p);
    return (double)best / 1e6;
}

static void words(void)
{
    for (int is_random = 0; is_random < 2; is_random++) {
        double small = word(10000, is_random);
        double large = word(1000000, is_random);
        printf("word_%s %.1f times (1 MB: %.1f ms, 10 kB: %.3f ms)\n", is_random ? "mixed" : "same",
               large / small, large, small);
    }
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : getenv("TOKMARK_BENCH_TOKENIZER");
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    size_t n = 0;
    if (!path) {
        printf("no tokenizer: name one, or set TOKMARK_BENCH_TOKENIZER\n");
        return 0;
    }
    tk_ns best = INT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        t = tk_tokenizer_free(t);
        tk_ns begin = tk_clock_now();
        if (tk_tokenizer_load(path, NULL, &t, &err) < 0) {
            printf("%s\n", err.msg);
            return 1;
        }
        best = TK_MIN(best, tk_clock_now() - begin);
    }
    printf("load %.4f s\n", (double)best / 1e9);
    tok = t;
    scratch = tk_tok_scratch_new();
    char *text = argc > 2 ? read_file(argv[2], &n) : NULL;
    struct lines l = cut(text, n);
    if (text && scratch) {
        encode(&l);
        batch(&l);
        decode(&l);
    }
    words();
    free(l.v);
    free(text);
    (void)tk_tok_scratch_free(scratch);
    (void)tk_tokenizer_free(t);
    return 0;
}
