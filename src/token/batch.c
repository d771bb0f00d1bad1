/* batch.c - many texts, on several threads
 *
 * Threads take the next run of texts by an atomic counter. Each brings a scratch of its own, so that
 * they share nothing that is written but the counter and the results of their own texts.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/cpus.h"
#include "token/internal.h"

#define MAX_THREADS 256U
#define RUN 16U /* texts taken at a time: short ones should not fight over the counter */

struct batch {
    const struct tk_tokenizer *t;
    const struct tk_str *texts;
    size_t n;
    unsigned flags;
    int64_t *counts;        /* NULL: encode */
    struct tk_tok_ids *ids; /* NULL: count */
    size_t run;             /* texts taken at a time */
    atomic_size_t next;     /* first text that nobody took */
    atomic_int failed;      /* the first code */
};

static int one(const struct batch *b, struct tk_tok_scratch *s, size_t i)
{
    if (b->ids)
        return tk_tokenizer_encode(b->t, s, b->texts[i], b->flags, &b->ids[i]);
    b->counts[i] = tk_tokenizer_count(b->t, s, b->texts[i], b->flags);
    return b->counts[i] < 0 ? (int)b->counts[i] : 0;
}

static void fail(struct batch *b, int code)
{
    int none = 0;
    (void)atomic_compare_exchange_strong(&b->failed, &none, code);
}

static void *work(void *arg)
{
    struct batch *b = arg;
    struct tk_tok_scratch *s = tk_tok_scratch_new();
    if (!s)
        fail(b, -ENOMEM);
    while (s && atomic_load(&b->failed) == 0) {
        size_t from = atomic_fetch_add(&b->next, b->run);
        if (from >= b->n)
            break;
        for (size_t i = from; i < from + b->run && i < b->n; i++) {
            int rc = one(b, s, i);
            if (rc < 0) {
                fail(b, rc);
                break;
            }
        }
    }
    (void)tk_tok_scratch_free(s);
    return NULL;
}

static int run(struct batch *b, unsigned n_threads)
{
    pthread_t threads[MAX_THREADS];
    unsigned n = 0;
    if (n_threads == 0)
        n_threads = tk_cpus_usable();
    n_threads = TK_MIN(n_threads, MAX_THREADS);
    b->run = TK_MAX(1, TK_MIN(RUN, b->n / ((size_t)n_threads * 4)));
    /* One fewer: this thread works too. A thread that cannot be had is done without. */
    while (n + 1 < n_threads && (size_t)(n + 1) * b->run < b->n &&
           pthread_create(&threads[n], NULL, work, b) == 0)
        n++;
    (void)work(b);
    for (unsigned i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    return atomic_load(&b->failed);
}

int tk_tokenizer_count_batch(const struct tk_tokenizer *t, const struct tk_str *texts, size_t n,
                             unsigned flags, unsigned n_threads, int64_t *counts)
{
    struct batch b = { .t = t, .texts = texts, .n = n, .flags = flags, .counts = counts };
    return run(&b, n_threads);
}

int tk_tokenizer_encode_batch(const struct tk_tokenizer *t, const struct tk_str *texts, size_t n,
                              unsigned flags, unsigned n_threads, struct tk_tok_ids *ids)
{
    struct batch b = { .t = t, .texts = texts, .n = n, .flags = flags, .ids = ids };
    for (size_t i = 0; i < n; i++)
        ids[i] = (struct tk_tok_ids){ 0 };
    return run(&b, n_threads);
}
