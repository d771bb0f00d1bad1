/* arrivals.c - when requests are due, by the same random numbers as the tool
 *
 * Gaps come from NumPy's legacy generator, gamma with mean 1/rate (run/schedule.h); offsets are
 * their sums, so the first request is not at 0. Without a ramp the offsets are stretched until the last one is at
 * n/rate exactly. The tool decides each of this in doubles; so does this file, in the same order,
 * so that the instants are equal to the last bit before they are rounded to nanoseconds.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/rand.h"
#include "dialect/vllm/sets.h"
#include "dialect/vllm/vllm.h"

double tk_vllm_ramp_rate(const struct tk_vllm_arrivals *a, uint64_t i, uint64_t n)
{
    double progress = (double)i / (double)TK_MAX(n - 1, (uint64_t)1);
    double start = (double)a->start_rps, end = (double)a->end_rps;

    if (strcmp(a->strategy, "linear") == 0)
        return start + (end - start) * progress;
    return start * pow(end / start, progress);
}

int tk_vllm_offsets(const struct tk_vllm_arrivals *a, double *offset_s, uint64_t n)
{
    struct tk_mt mt;
    double sum = 0;

    if (a->mt)
        mt = *a->mt;
    else
        tk_mt_seed_numpy(&mt, a->seed);
    for (uint64_t i = 0; i < n; i++) {
        double rate = a->strategy ? tk_vllm_ramp_rate(a, i, n) : a->rate;
        if (!(rate > 0))
            return TK_E_RANGE;
        sum += tk_schedule_gap(&mt, rate, a->burstiness);
        offset_s[i] = sum;
    }
    if (a->strategy || n == 0 || sum == 0)
        return 0;
    double factor = (double)n / a->rate / sum;
    for (uint64_t i = 0; i < n; i++)
        offset_s[i] *= factor;
    return 0;
}

/* One entry for each whole number that the rate passes. */
static int note_ramp(struct tk_vllm *v, const struct tk_vllm_arrivals *a)
{
    int64_t last = a->start_rps;
    size_t cap = 1 + (size_t)TK_MAX(a->end_rps - a->start_rps, 0) + 1;

    v->rps = tk_arena_alloc(&v->arena, cap * sizeof(*v->rps));
    if (!v->rps)
        return -ENOMEM;
    v->rps[v->n_rps++] = (struct tk_vllm_rps){ .rps = last, .due_offset = 0 };
    for (uint64_t i = 0; i < v->n_requests; i++) {
        int64_t now = (int64_t)tk_vllm_ramp_rate(a, i, v->n_requests);
        while (last < now && v->n_rps < cap)
            v->rps[v->n_rps++] = (struct tk_vllm_rps){ .rps = ++last, .due_offset = v->due[i] };
    }
    return 0;
}

static struct tk_vllm_arrivals arrivals_of(const struct tk_vllm *v)
{
    return (struct tk_vllm_arrivals){
        .rate = v->o->request_rate,
        .burstiness = v->o->burstiness,
        .strategy = v->o->ramp_up_strategy,
        .start_rps = v->o->ramp_up_start_rps,
        .end_rps = v->o->ramp_up_end_rps,
        .seed = (uint64_t)v->o->seed,
        .mt = &v->numpy,
    };
}

/* At the instants of the trace, one after the other: what stands behind a later one waits for it. */
static int schedule_trace(struct tk_vllm *v, struct tk_err *reterr)
{
    tk_ns latest = 0;

    v->due = tk_arena_alloc(&v->arena, v->n_requests * sizeof(*v->due));
    if (!v->due)
        return tk_err_set(reterr, -ENOMEM, "no memory for the schedule of %llu requests",
                          (unsigned long long)v->n_requests);
    for (uint64_t i = 0; i < v->n_requests; i++) {
        latest = TK_MAX(latest, v->items.v[i].due);
        v->due[i] = latest;
    }
    return 0;
}

bool tk_vllm_is_self_timed(const struct tk_vllm *v)
{
    return v->set->has_instants && !v->o->no_self_timed;
}

int tk_vllm_schedule(struct tk_vllm *v, struct tk_err *reterr)
{
    struct tk_vllm_arrivals a = arrivals_of(v);

    if (tk_vllm_is_self_timed(v) && v->has_items)
        return schedule_trace(v, reterr);
    if (!a.strategy && isinf(a.rate))
        return 0; /* all at once: no schedule */
    double *offset_s = tk_arena_alloc(&v->arena, v->n_requests * sizeof(*offset_s));
    v->due = tk_arena_alloc(&v->arena, v->n_requests * sizeof(*v->due));
    if (!offset_s || !v->due)
        return tk_err_set(reterr, -ENOMEM, "no memory for the schedule of %llu requests",
                          (unsigned long long)v->n_requests);
    int rc = tk_vllm_offsets(&a, offset_s, v->n_requests);
    if (rc != 0)
        return tk_err_set(reterr, rc, "Obtained non-positive request rate 0.0.");
    for (uint64_t i = 0; i < v->n_requests; i++) {
        if (offset_s[i] > 9e9)
            return tk_err_set(reterr, TK_E_RANGE, "the last request would be due in 292 years");
        v->due[i] = (tk_ns)llround(offset_s[i] * 1e9);
    }
    if (a.strategy && note_ramp(v, &a) != 0)
        return tk_err_set(reterr, -ENOMEM, "no memory for the ramp");
    return 0;
}
