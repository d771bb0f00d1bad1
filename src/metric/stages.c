/* stages.c - one set of figures per stage
 *
 * The record says which stage a request was due in (the engine decided by the same table that it
 * paced by). Throughput is the server's work while the stage went on, so it goes by the instants of
 * ends: under a rate that the server cannot follow, counting by due instants would give the rate that
 * was asked for.
 */
#include "metric/stages.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "metric/certify.h"
#include "metric/def.h"

enum { TTFT, E2EL, TTFT_DUE, E2EL_DUE, N_SERIES };

static const enum tk_metric metrics[N_SERIES] = {
    [TTFT] = TK_METRIC_TTFT,
    [E2EL] = TK_METRIC_E2EL,
    [TTFT_DUE] = TK_METRIC_TTFT_DUE,
    [E2EL_DUE] = TK_METRIC_E2EL_DUE,
};

struct one {
    struct tk_series series[N_SERIES];
};

struct tk_stages {
    struct tk_shape shape; /* its stages are those of the figures */
    tk_ns begin_at;
    struct tk_stage *plan;            /* n of them; owned */
    struct one *v;                    /* n of them; owned */
    struct tk_stage_figures *figures; /* n of them; owned */
};

struct tk_stages *tk_stages_new(const struct tk_shape *shape, tk_ns begin_at)
{
    struct tk_stages *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->shape = *shape;
    s->begin_at = begin_at;
    s->plan = calloc(shape->n + 1, sizeof(*s->plan));
    s->v = calloc(shape->n + 1, sizeof(*s->v));
    s->figures = calloc(shape->n + 1, sizeof(*s->figures));
    if (!s->plan || !s->v || !s->figures)
        return tk_stages_free(s);
    s->shape.stages = s->plan;
    for (size_t i = 0; i < shape->n; i++) {
        s->plan[i] = shape->stages[i];
        s->figures[i].plan = shape->stages[i];
        s->figures[i].begin = tk_shape_begin_of(shape, i + 1);
        for (size_t k = 0; k < N_SERIES; k++)
            tk_series_init(&s->v[i].series[k], 0);
    }
    return s;
}

struct tk_stages *tk_stages_free(struct tk_stages *s)
{
    if (!s)
        return NULL;
    for (size_t i = 0; s->v && i < s->shape.n; i++) {
        for (size_t k = 0; k < N_SERIES; k++)
            tk_series_release(&s->v[i].series[k]);
    }
    free(s->plan);
    free(s->v);
    free(s->figures);
    free(s);
    return NULL;
}

/* The stage of a record: its own word, or, of a version that did not write it, by its due instant. */
static size_t stage_of(const struct tk_stages *s, const struct tk_record *r)
{
    if (r->stage > 0)
        return TK_MIN(r->stage, s->shape.n) - 1;
    return tk_shape_stage_at(&s->shape, r->due_at - s->begin_at) - 1;
}

static void count_end(struct tk_stages *s, const struct tk_sample *sample)
{
    tk_ns offset = sample->end_at - s->begin_at;

    s->figures[tk_shape_stage_at(&s->shape, offset) - 1].n_ended +=
        offset < tk_shape_duration(&s->shape) || tk_shape_duration(&s->shape) == 0;
}

int tk_stages_add(struct tk_stages *s, const struct tk_sample *sample)
{
    const struct tk_record *r = sample->rec;
    int rc = 0;

    if (s->begin_at == 0)
        s->begin_at = r->due_at;
    size_t i = stage_of(s, r);
    struct tk_stage_figures *f = &s->figures[i];
    f->sent++;
    f->succeeded += sample->is_success;
    f->cancelled += sample->is_cancelled;
    f->failed += !sample->is_success && !sample->is_cancelled;
    if (sample->is_success)
        count_end(s, sample);
    for (size_t k = 0; k < N_SERIES && rc == 0; k++) {
        int64_t value;
        if (tk_metric_counts(metrics[k], sample, &value))
            rc = tk_series_add(&s->v[i].series[k], value);
    }
    return rc;
}

static void fill(struct tk_series *s, struct tk_stage_latency *ret)
{
    *ret = (struct tk_stage_latency){
        .n = s->n,
        .p50 = tk_series_percentile(s, 50),
        .p99 = tk_series_percentile(s, 99),
        .is_p50_certified = s->n >= tk_certify_floor(50),
        .is_p99_certified = s->n >= tk_certify_floor(99),
    };
}

/* As planned, unless the load ended before: then until the end of the last request. */
static double seconds_of(const struct tk_stage_figures *f, tk_ns end)
{
    bool is_whole = f->plan.n_due > 0 && f->sent == f->plan.n_due;
    tk_ns dur = TK_MAX(end - f->begin, 0);

    if (f->plan.duration > 0 && (is_whole || dur > f->plan.duration))
        dur = f->plan.duration;
    return (double)dur / 1e9;
}

const struct tk_stage_figures *tk_stages_figures(struct tk_stages *s, tk_ns end_at, bool is_resumed,
                                                 size_t *ret_n)
{
    for (size_t i = 0; i < s->shape.n; i++) {
        struct tk_stage_figures *f = &s->figures[i];
        struct tk_series *series = s->v[i].series;
        f->seconds = seconds_of(f, s->begin_at ? end_at - s->begin_at : 0);
        if (f->seconds > 0) {
            f->asked = tk_stage_area(&f->plan, f->seconds) / f->seconds;
            f->rate = (double)f->sent / f->seconds;
            f->throughput = (double)f->n_ended / f->seconds;
        } else {
            f->asked = f->plan.from;
        }
        if (is_resumed)
            f->throughput = (double)NAN;
        fill(&series[TTFT], &f->ttft);
        fill(&series[E2EL], &f->e2el);
        fill(&series[TTFT_DUE], &f->ttft_due);
        fill(&series[E2EL_DUE], &f->e2el_due);
    }
    *ret_n = s->shape.n;
    return s->figures;
}
