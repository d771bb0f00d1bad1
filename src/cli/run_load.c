/* run_load.c - how much `tokmark run` sends, and when
 *
 *   rate   concurrency   load
 *   -      -             closed, one at a time
 *   -      c             closed, c at a time
 *   r      -             open: due at r requests/s, no bound on what is in flight
 *   r      c             open, at most c in flight; what waits for a permit stays due
 *
 * A shape (--ramp, --stages, --spike) stands in for r where its levels are rates, for c where they
 * are not. With neither -n nor -d the load ends with the last stage; else the last level is held until
 * they end it.
 *
 * A bound by time alone gives an open load the arrivals that fall into it, so that every request
 * that was due is counted, sent or not.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "cli/run_plan.h"

#define DEFAULT_REQUESTS 100
#define MAX_DUE ((uint64_t)100000000)

static bool given(const struct tk_run *r, const char *option)
{
    return tk_run_given(r, option);
}

static struct tk_plan_phase *measure_of(struct tk_run *r)
{
    return &r->plan.phase[TK_PHASE_MEASURE];
}

/* --- shapes --- */

/* One more stage at the last level, so that the load goes on to its bound. */
static int hold_last(struct tk_run *r, struct tk_shape *s, const char *option,
                     struct tk_err *reterr)
{
    const struct tk_run_opts *o = r->o;
    tk_ns sum = tk_shape_duration(s);
    double level = s->stages[s->n - 1].to;
    char long_enough[32], given_dur[32];

    if (!given(r, "duration") && !given(r, "requests"))
        return 0;
    if (given(r, "duration") && o->duration < sum)
        return tk_err_set(
            reterr, TK_E_RANGE,
            "the stages of '%s' take %s, '--duration' is %s: leave it out, or make it "
            "longer to hold the last level",
            option, tk_num_format_dur(sum, long_enough), tk_num_format_dur(o->duration, given_dur));
    if (given(r, "duration") && o->duration == sum)
        return 0;
    if (!given(r, "duration") && !(level > 0))
        return tk_err_set(reterr, TK_E_RANGE,
                          "'%s' ends at 0, so '-n' would never be reached; '--duration' says how "
                          "long it goes on",
                          option);
    s->stages[s->n++] = (struct tk_stage){ .from = level,
                                           .to = level,
                                           .duration = o->duration > 0 ? o->duration - sum : 0 };
    return 0;
}

/* --ramp, --stages */
static int read_stages(struct tk_run *r, const char *option, const char *text, struct tk_shape *s,
                       struct tk_err *reterr)
{
    const struct tk_run_opts *o = r->o;
    bool is_ramp = strcmp(option, "--ramp") == 0;
    struct tk_shape_words words = {
        .option = option,
        .text = tk_str_of(text),
        .curve = strcmp(o->ramp_curve, "linear") == 0 ? TK_CURVE_LINEAR : TK_CURVE_EXPONENTIAL,
        .duration = is_ramp ? o->duration : 0,
    };
    int rc = tk_shape_parse(&words, &r->arena, s, reterr);

    if (rc != 0)
        return rc;
    s->kind = is_ramp ? TK_SHAPE_RAMP : TK_SHAPE_STAGES;
    if (is_ramp && (s->n != 1 || s->stages[0].from == s->stages[0].to))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "option '--ramp' takes one change such as 1..50/s@60s, got '%s'; "
                          "'--stages' takes several",
                          text);
    if (s->of == TK_SHAPE_RATE && given(r, "rate"))
        return tk_err_set(reterr, TK_E_FORMAT, "'%s' has the rates: leave '--rate' out", option);
    if (s->of == TK_SHAPE_CONCURRENCY && given(r, "concurrency"))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "'%s' has the concurrency: leave '--concurrency' out", option);
    return hold_last(r, s, option, reterr);
}

/* "100/s@5s+60s" */
static int split_spike(const char *text, struct tk_stage *ret, enum tk_shape_of *ret_of,
                       tk_ns *ret_start)
{
    struct tk_str rest = tk_str_of(text), level, length;

    (void)tk_str_split(&rest, '@', &level);
    if (!rest.p || !tk_str_split(&rest, '+', &length) || !rest.p)
        return TK_E_FORMAT;
    int rc = tk_shape_parse_level(tk_str_trim(level), ret_of, &ret->from);
    if (rc == 0)
        rc = tk_num_parse_dur(tk_str_trim(length), &ret->duration);
    if (rc == 0)
        rc = tk_num_parse_dur(tk_str_trim(rest), ret_start);
    ret->to = ret->from;
    bool is_sound = ret->duration > 0 && ret->duration <= TK_SHAPE_MAX_DURATION && *ret_start > 0 &&
                    *ret_start <= TK_SHAPE_MAX_DURATION;
    return rc == 0 && !is_sound ? TK_E_RANGE : rc;
}

static int find_base(const struct tk_run *r, enum tk_shape_of of, double *ret,
                     struct tk_err *reterr)
{
    const struct tk_run_opts *o = r->o;

    if (of == TK_SHAPE_RATE && !given(r, "rate"))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "a '--spike' of a rate needs '--rate': the load before and after it");
    if (of == TK_SHAPE_CONCURRENCY && given(r, "rate") && o->concurrency == 0)
        return tk_err_set(reterr, TK_E_FORMAT,
                          "a '--spike' without a unit is one of concurrency and needs "
                          "'--concurrency', the one before and after it; one of the rate is 100/s");
    *ret = of == TK_SHAPE_RATE ? o->rate : (double)TK_MAX(o->concurrency, INT64_C(1));
    return 0;
}

static int read_spike(struct tk_run *r, struct tk_shape *s, struct tk_err *reterr)
{
    const struct tk_run_opts *o = r->o;
    struct tk_stage spike = { 0 };
    tk_ns start = 0;
    double base = 0;
    int rc = split_spike(o->spike, &spike, &s->of, &start);

    if (rc != 0)
        return tk_err_set(reterr, rc,
                          "option '--spike' takes LEVEL@LENGTH+START such as 100/s@5s+60s (100 "
                          "requests/s for 5 s, 60 s after the start), got '%s'",
                          o->spike);
    rc = find_base(r, s->of, &base, reterr);
    if (rc != 0)
        return rc;
    if (!(spike.from > base))
        return tk_err_set(reterr, TK_E_RANGE,
                          "the spike must be above the load before it, which is %g, got '%s'", base,
                          o->spike);
    if (o->duration > 0 && o->duration <= start + spike.duration)
        return tk_err_set(reterr, TK_E_RANGE,
                          "'--duration' ends before the server can recover from the spike: make it "
                          "longer than its start and its length together");
    s->stages = tk_arena_alloc(&r->arena, 3 * sizeof(*s->stages));
    if (!s->stages)
        return tk_err_set(reterr, -ENOMEM, "no memory for the stages");
    tk_ns rest = given(r, "requests") ? 0 : start;
    if (o->duration > 0)
        rest = o->duration - start - spike.duration;
    s->kind = TK_SHAPE_SPIKE;
    s->n = 3;
    s->stages[0] = (struct tk_stage){ .from = base, .to = base, .duration = start };
    s->stages[1] = spike;
    s->stages[2] = (struct tk_stage){ .from = base, .to = base, .duration = rest };
    return 0;
}

static int read_shape(struct tk_run *r, struct tk_shape *s, struct tk_err *reterr)
{
    const struct tk_run_opts *o = r->o;

    if ((o->ramp && o->stages) || (o->spike && (o->ramp || o->stages)))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "one of '--ramp', '--stages' and '--spike' is enough: '--stages' takes "
                          "ramps and levels in any order");
    if (given(r, "ramp-curve") && !o->ramp && !o->stages)
        return tk_err_set(reterr, TK_E_FORMAT, "'--ramp-curve' goes with '--ramp' or '--stages'");
    if (o->ramp)
        return read_stages(r, "--ramp", o->ramp, s, reterr);
    if (o->stages)
        return read_stages(r, "--stages", o->stages, s, reterr);
    return o->spike ? read_spike(r, s, reterr) : 0;
}

/* --- the schedule --- */

static int choose_arrival(const struct tk_run *r, struct tk_plan_phase *p, struct tk_err *reterr)
{
    static const enum tk_arrival kinds[] = { TK_ARRIVAL_CONSTANT, TK_ARRIVAL_POISSON,
                                             TK_ARRIVAL_GAMMA };
    const char *word = r->o->arrival;

    if (given(r, "burstiness") && !given(r, "arrival"))
        word = "gamma";
    for (size_t i = 0; i < TK_ARRAY_LEN(kinds); i++) {
        if (strcmp(word, tk_arrival_word(kinds[i])) == 0)
            p->arrival = kinds[i];
    }
    if (given(r, "burstiness") && p->arrival != TK_ARRIVAL_GAMMA)
        return tk_err_set(reterr, TK_E_FORMAT, "'--burstiness' goes with '--arrival gamma', not %s",
                          word);
    p->burstiness = r->o->burstiness;
    return 0;
}

static void count_stages(struct tk_plan_phase *p)
{
    for (uint64_t i = 0; i < p->n_due; i++) {
        size_t stage = tk_shape_stage_at(&p->shape, p->due_offset[i]);
        if (stage > 0)
            p->shape.stages[stage - 1].n_due++;
    }
}

static int make_schedule(struct tk_run *r, const struct tk_schedule *s, struct tk_err *reterr)
{
    struct tk_plan_phase *p = measure_of(r);
    uint64_t n = p->n_requests;

    if (p->duration > 0 && isinf(p->rate) && n == 0)
        return tk_err_set(reterr, TK_E_RANGE,
                          "'--rate inf' needs a number of requests: -n, not -d alone");
    if (p->duration > 0)
        n = tk_schedule_count(s, p->duration, n > 0 ? n : MAX_DUE);
    if (n == 0)
        return tk_err_set(reterr, TK_E_RANGE, "no request is due within %s at this rate",
                          s->shape ? "the stages" : "'--duration'");
    if (n >= MAX_DUE)
        return tk_err_set(reterr, TK_E_RANGE, "more than %llu requests in a schedule",
                          (unsigned long long)MAX_DUE);
    tk_ns *due = tk_arena_alloc(&r->arena, n * sizeof(*due));
    if (!due)
        return tk_err_set(reterr, -ENOMEM, "no memory for the schedule");
    int rc = tk_schedule_make(s, due, n);
    if (rc != 0)
        return tk_err_set(reterr, rc, "the last request would be due in 292 years");
    p->n_requests = p->n_due = n;
    p->due_offset = due;
    count_stages(p);
    return 0;
}

static int open_load(struct tk_run *r, struct tk_err *reterr)
{
    struct tk_plan_phase *p = measure_of(r);
    int rc = choose_arrival(r, p, reterr);
    struct tk_schedule s = {
        .arrival = p->arrival,
        .rate = p->rate,
        .burstiness = p->burstiness,
        .seed = (uint64_t)r->o->seed,
        .shape = p->shape.of == TK_SHAPE_RATE ? &p->shape : NULL,
    };

    return rc == 0 ? make_schedule(r, &s, reterr) : rc;
}

/* --- permits --- */

static int make_permits(struct tk_run *r, struct tk_err *reterr)
{
    struct tk_plan_phase *p = measure_of(r);
    int64_t n = tk_shape_steps(&p->shape, NULL, 0);

    if (n < 0)
        return tk_err_set(reterr, (int)n,
                          "the concurrency changes more than %zu times: take fewer or lower ramps",
                          TK_SHAPE_MAX_STEPS);
    if (n == 0)
        return 0;
    struct tk_permit_step *steps = tk_arena_alloc(&r->arena, (size_t)n * sizeof(*steps));
    if (!steps)
        return tk_err_set(reterr, -ENOMEM, "no memory for the concurrency's changes");
    (void)tk_shape_steps(&p->shape, steps, (size_t)n);
    p->permit_steps = steps;
    p->n_permit_steps = (size_t)n;
    return 0;
}

/* --- what is given up --- */

/* "20tokens", "1s" */
static int parse_point(const char *text, struct tk_plan_cancel *ret)
{
    static const char *const words[] = { "tokens", "token" };
    struct tk_str s = tk_str_trim(tk_str_of(text));
    int64_t n = 0;
    int rc;

    for (size_t i = 0; i < TK_ARRAY_LEN(words); i++) {
        if (!tk_str_ends(s, tk_str_of(words[i])))
            continue;
        s.n -= strlen(words[i]);
        rc = tk_num_parse_count(tk_str_trim(s), 1, UINT32_MAX, &n);
        ret->tokens = (uint32_t)n;
        return rc;
    }
    if (s.n > 0 && s.p[s.n - 1] >= '0' && s.p[s.n - 1] <= '9')
        return TK_E_FORMAT; /* tokens or seconds? */
    rc = tk_num_parse_dur(s, &ret->after);
    return rc == 0 && ret->after <= 0 ? TK_E_RANGE : rc;
}

static int make_cancel(struct tk_run *r, struct tk_err *reterr)
{
    const struct tk_run_opts *o = r->o;
    struct tk_plan_cancel *c = &r->plan.cancel;
    int rc = 0;

    if (!o->cancel_share)
        return o->cancel_after ? tk_err_set(reterr, TK_E_FORMAT,
                                            "'--cancel-after' goes with '--cancel-share', which "
                                            "says how many requests are given up")
                               : 0;
    rc = tk_num_parse_share(tk_str_trim(tk_str_of(o->cancel_share)), &c->share);
    if (rc != 0)
        return tk_err_set(
            reterr, rc,
            "option '--cancel-share' must be a share from 0%% to 100%%, such as 5%% or "
            "0.05, got '%s'",
            o->cancel_share);
    if (o->cancel_after)
        rc = parse_point(o->cancel_after, c);
    if (rc != 0)
        return tk_err_set(reterr, rc,
                          "option '--cancel-after' needs a unit: it must be a number of tokens "
                          "such as 20tokens, or a time such as 1s or 250ms, got '%s'",
                          o->cancel_after);
    if (!o->stream && c->after == 0)
        return tk_err_set(reterr, TK_E_FORMAT,
                          "without a stream no token is seen before the end: with '--no-stream' "
                          "'--cancel-after' must be a time, such as 1s");
    return 0;
}

/* --- all of it --- */

/* The bounds and the highest levels, once the shape is known. */
static void set_phase(struct tk_run *r, bool is_open)
{
    const struct tk_run_opts *o = r->o;
    struct tk_plan_phase *p = measure_of(r);
    bool has_shape = p->shape.of != TK_SHAPE_NONE;

    p->n_requests = (uint64_t)o->requests;
    p->duration = o->duration;
    if (!given(r, "requests") && !given(r, "duration")) {
        p->n_requests = has_shape ? 0 : DEFAULT_REQUESTS;
        p->duration = tk_shape_duration(&p->shape);
    }
    p->grace = o->grace;
    p->arrival = TK_ARRIVAL_CLOSED;
    p->rate = o->rate;
    p->concurrency = (uint32_t)o->concurrency;
    if (!is_open && o->concurrency == 0)
        p->concurrency = 1;
    if (p->shape.of == TK_SHAPE_RATE)
        p->rate = tk_shape_peak(&p->shape);
    else if (has_shape)
        p->concurrency = (uint32_t)tk_shape_peak(&p->shape);
}

static void set_warmup(struct tk_run *r)
{
    const struct tk_plan_phase *p = measure_of(r);
    struct tk_plan_phase *warmup = &r->plan.phase[TK_PHASE_WARMUP];
    uint32_t at_start = p->n_permit_steps > 0 ? p->permit_steps[0].permits : p->concurrency;

    warmup->n_requests = (uint64_t)r->o->warmup;
    warmup->concurrency = TK_MAX(at_start, 1U);
    warmup->arrival = TK_ARRIVAL_CLOSED;
}

int tk_run_make_load(struct tk_run *r, struct tk_err *reterr)
{
    struct tk_plan_phase *p = measure_of(r);
    int rc = read_shape(r, &p->shape, reterr);

    if (rc != 0)
        return rc;
    bool is_open = given(r, "rate") || p->shape.of == TK_SHAPE_RATE;
    set_phase(r, is_open);
    if (!is_open && (given(r, "arrival") || given(r, "burstiness")))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "'--arrival' and '--burstiness' are of an open load: '--rate' says how "
                          "many requests are due per second");
    rc = make_permits(r, reterr);
    if (rc == 0 && is_open)
        rc = open_load(r, reterr);
    set_warmup(r);
    return rc == 0 ? make_cancel(r, reterr) : rc;
}
