/* recovery.c - when the latency after a spike is as it was before it
 *
 *   before the spike         spike      after
 *   |w1|w2|w3|w4|w5|...|#####################|w1|w2|w3|w4|w5|w6|...
 *    requests: median, p90                     x  x  x  ok ok ok ... to the end
 *                                            '---------' recovery
 *
 * Three things make such a figure lie, and the formula is what it is because of them.
 *   - Chance. Medians of windows differ from each other on a server that is quite at rest, and one that
 *     lies a little above the median before the spike says nothing. So a window is as before when its
 *     median is at most the 90th percentile of the requests before. Whatever the distribution, chance
 *     puts the median of ten requests above that once in 7,000 windows, that of twenty once in a
 *     million. (Tried and dropped: the largest deviation of a window before the spike, doubled. Of five
 *     windows it is too little to go by, and one in eight runs recovered late or never.) Where the
 *     requests before hardly differ at all, a tenth more than their median is no difference.
 *   - Dips. A queue that is drained by waves is as before for a moment. So it has to stay.
 *   - Who is not there. What failed counts as infinite, what was given up as at least the time that it
 *     had waited; and in a closed load, where nothing is due while the permits are stuck, silence is no
 *     recovery.
 */
#include "metric/recovery.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PER_WINDOW 20 /* requests that a window before the spike should have */
#define MIN_BEFORE 5  /* windows before the spike */
#define MAX_BEFORE 30
#define MIN_SHARE 0.1 /* of the median: differences up to it are none */
#define USUAL 90      /* the percentile before the spike that a window's median may have after it */
#define MIN_IN_WINDOW 5     /* requests; of fewer the median is chance */
#define MAX_WINDOWS 1000000 /* looked at from the spike on: a file may say what it likes */

static const char *const words[TK_RECOVERY_N_] = {
    [TK_RECOVERY_NONE] = "none",
    [TK_RECOVERY_RECOVERED] = "recovered",
    [TK_RECOVERY_NOT_RECOVERED] = "not-recovered",
    [TK_RECOVERY_TOO_FEW] = "too-few-before",
    [TK_RECOVERY_FAILED_BEFORE] = "failed-before",
    [TK_RECOVERY_RESUMED] = "resumed",
};

const char *tk_recovery_word(enum tk_recovery_verdict v)
{
    return (unsigned)v < TK_RECOVERY_N_ ? words[v] : "unknown";
}

/* --- collecting --- */

/* Until `at`, or, of what was given up before that, as long as it had waited by then. */
static int64_t waited(const struct tk_sample *s, tk_ns at, int64_t otherwise)
{
    if (!s->is_success && !s->is_cancelled)
        return INT64_MAX;
    if (at)
        return at - s->due_at;
    return s->is_cancelled ? s->end_at - s->due_at : otherwise;
}

int tk_recovery_add(struct tk_recovery_data *d, tk_ns begin_at, const struct tk_sample *s)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 256;
        void *v = reallocarray(d->v, cap, sizeof(*d->v));
        if (!v)
            return -ENOMEM;
        d->v = v;
        d->cap = cap;
    }
    tk_ns first_at = s->is_streamed ? s->first_token_at : 0;
    d->n_first += first_at != 0;
    d->v[d->n++] = (struct tk_recovery_request){
        .due = s->due_at - begin_at,
        .first = waited(s, first_at, -1),
        .whole = waited(s, s->is_success ? s->done_at : 0, -1),
    };
    return 0;
}

void tk_recovery_release(struct tk_recovery_data *d)
{
    free(d->v);
    *d = (struct tk_recovery_data){ 0 };
}

/* --- windows --- */

struct finding {
    const struct tk_recovery_data *d;
    bool is_first;  /* looks at first tokens */
    int64_t *space; /* d->n places for the values of a window */
};

static int64_t value_of(const struct finding *f, size_t i)
{
    return f->is_first ? f->d->v[i].first : f->d->v[i].whole;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int by_due(const void *a, const void *b)
{
    const struct tk_recovery_request *x = a, *y = b;
    return x->due < y->due ? -1 : x->due > y->due;
}

/* Index of the first request that is due at `at` or later. */
static size_t first_from(const struct tk_recovery_data *d, tk_ns at)
{
    size_t low = 0;
    size_t high = d->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->v[middle].due < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The values of the requests due in [from, to) into the space, in order; how many. */
static size_t values_in(const struct finding *f, tk_ns from, tk_ns to)
{
    size_t n = 0;
    size_t end = first_from(f->d, to);

    for (size_t i = first_from(f->d, from); i < end; i++) {
        if (value_of(f, i) >= 0)
            f->space[n++] = value_of(f, i);
    }
    if (n > 0)
        qsort(f->space, n, sizeof(*f->space), by_value);
    return n;
}

/* By the nearest rank, of n values in the space. */
static double percentile(const struct finding *f, size_t n, unsigned p)
{
    size_t rank = (n * p + 99) / 100;
    int64_t value = f->space[rank > 0 ? rank - 1 : 0];

    return value == INT64_MAX ? (double)INFINITY : (double)value;
}

/* Median of a window; NAN where too few requests are due in it. */
static double median(const struct finding *f, tk_ns from, tk_ns to)
{
    size_t n = values_in(f, from, to);

    return n >= MIN_IN_WINDOW ? percentile(f, n, 50) : (double)NAN;
}

/* --- what is usual, and when it is so again --- */

static void find_usual(const struct finding *f, struct tk_recovery *r)
{
    uint64_t n_windows = TK_MIN(TK_MAX(r->n_before / PER_WINDOW, (uint64_t)MIN_BEFORE),
                                (uint64_t)MAX_BEFORE);
    size_t n = values_in(f, 0, r->spike_begin);

    r->window = r->spike_begin / (tk_ns)n_windows;
    /* Replies of which nothing is known are no requests. */
    if (n < TK_RECOVERY_MIN_BEFORE || r->window == 0) {
        r->verdict = TK_RECOVERY_TOO_FEW;
        return;
    }
    r->before = percentile(f, n, 50);
    r->limit = fmax(r->before + MIN_SHARE * r->before, percentile(f, n, USUAL));
    if (isinf(r->limit))
        r->verdict = TK_RECOVERY_FAILED_BEFORE;
}

static void find_worst(const struct finding *f, tk_ns until, struct tk_recovery *r)
{
    for (tk_ns at = r->spike_begin; at < until; at += r->window) {
        double m = median(f, at, at + r->window);
        if (!isnan(m))
            r->worst = fmax(r->worst, m);
    }
}

static void find_time(const struct finding *f, tk_ns until, bool is_open, struct tk_recovery *r)
{
    tk_ns n = TK_MAX(until - r->spike_end, 0) / r->window;
    tk_ns since = n; /* windows from this one on are as usual */

    while (since > 0) {
        tk_ns at = r->spike_end + (since - 1) * r->window;
        double m = median(f, at, at + r->window);
        if (isnan(m) ? !is_open : !(m <= r->limit))
            break;
        since--;
    }
    r->watched = n * r->window;
    r->time = since * r->window;
    r->verdict = n - since >= TK_RECOVERY_MIN_WINDOWS ? TK_RECOVERY_RECOVERED
                                                      : TK_RECOVERY_NOT_RECOVERED;
}

/* The end of the last stage; of a load that ended early, or whose end is a number of requests, the last
 * due instant. */
static tk_ns watched_until(const struct tk_recovery_data *d, const struct tk_shape *shape,
                           tk_ns end)
{
    tk_ns whole = tk_shape_duration(shape);
    uint64_t n_due = 0;

    for (size_t i = 0; i < shape->n; i++)
        n_due += shape->stages[i].n_due;
    bool is_whole = end >= whole || (n_due > 0 && d->n >= n_due);
    return whole > 0 && is_whole ? whole : d->v[d->n - 1].due;
}

static void begin(const struct tk_shape *shape, struct tk_recovery *ret)
{
    *ret = (struct tk_recovery){
        .verdict = TK_RECOVERY_NONE,
        .metric = TK_METRIC_TTFT_DUE,
        .spike_begin = tk_shape_begin_of(shape, 2),
        .spike_end = tk_shape_begin_of(shape, 3),
        .before = (double)NAN,
        .limit = (double)NAN,
        .worst = (double)NAN,
    };
}

void tk_recovery_of_resumed(const struct tk_shape *shape, struct tk_recovery *ret)
{
    begin(shape, ret);
    ret->verdict = TK_RECOVERY_RESUMED;
}

int tk_recovery_find(struct tk_recovery_data *d, const struct tk_shape *shape, tk_ns end,
                     struct tk_recovery *ret)
{
    struct finding f = { .d = d, .is_first = d->n_first > 0 };

    begin(shape, ret);
    ret->verdict = TK_RECOVERY_TOO_FEW;
    ret->metric = f.is_first ? TK_METRIC_TTFT_DUE : TK_METRIC_E2EL_DUE;
    if (d->n > 0)
        qsort(d->v, d->n, sizeof(*d->v), by_due);
    ret->n_before = first_from(d, ret->spike_begin);
    if (ret->n_before < TK_RECOVERY_MIN_BEFORE)
        return 0;
    f.space = calloc(d->n, sizeof(*f.space));
    if (!f.space)
        return -ENOMEM;
    ret->verdict = TK_RECOVERY_NONE;
    find_usual(&f, ret);
    if (ret->window > 0) {
        tk_ns until = watched_until(d, shape, end);
        if ((until - ret->spike_begin) / ret->window > MAX_WINDOWS)
            until = ret->spike_begin + MAX_WINDOWS * ret->window;
        find_worst(&f, until, ret);
        if (ret->verdict == TK_RECOVERY_NONE)
            find_time(&f, until, shape->stages[0].n_due > 0, ret);
    }
    free(f.space);
    return 0;
}
