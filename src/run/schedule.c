/* schedule.c - arrivals of an open load
 *
 * A schedule knows nothing of the run: an arrival does not wait for the reply to the one before.
 * Offsets come from the index (constant) or from a running sum in seconds and are rounded to
 * nanoseconds once, so that an hour at 10,000 requests/s ends where it should.
 *
 * Where the rate changes, time is changed: arrivals of a process with one request a second are put
 * where the integral of the rate reaches their instants. That is exact for every kind. Of a Poisson
 * process it makes the Poisson process with that rate, of constant gaps exactly one request per unit
 * of the integral, of gamma gaps the same burstiness at every rate. Each stage has as many requests
 * as its integral says, up to one that falls over its end.
 */
#include "run/schedule.h"

#include <math.h>

/* 64 bits of nanoseconds end after 292 years. */
#define MAX_OFFSET_S 9e9

/* An arrival that close to the end of a stage is at its end, which is the next one's begin. */
#define AREA_SLACK 1e-9

static const char *const arrival_words[] = {
    [TK_ARRIVAL_CLOSED] = "closed",   [TK_ARRIVAL_CONSTANT] = "constant",
    [TK_ARRIVAL_POISSON] = "poisson", [TK_ARRIVAL_GIVEN] = "given",
    [TK_ARRIVAL_GAMMA] = "gamma",
};

const char *tk_arrival_word(enum tk_arrival a)
{
    return (size_t)a < TK_ARRAY_LEN(arrival_words) ? arrival_words[a] : "unknown";
}

double tk_schedule_gap(struct tk_mt *mt, double rate, double burstiness)
{
    if (isinf(rate))
        return 0;
    if (isinf(burstiness))
        return 1 / rate;
    double scale = 1 / (rate * burstiness);
    return scale * tk_mt_gamma(mt, burstiness);
}

/* What comes out of an arrival process, one offset after the other. */
struct arrivals {
    const struct tk_schedule *s;
    uint64_t i;   /* arrivals given so far */
    double sum_s; /* of the gaps so far; with a shape: of gaps of mean 1 */
    struct tk_mt mt;

    size_t stage; /* of the shape, the one that is looked at */
    double area;  /* of the stages before it */
    tk_ns begin;  /* its offset */
};

static bool is_sound(const struct tk_schedule *s)
{
    bool is_gamma = s->arrival == TK_ARRIVAL_GAMMA;

    if (s->arrival != TK_ARRIVAL_CONSTANT && s->arrival != TK_ARRIVAL_POISSON && !is_gamma)
        return false;
    if (is_gamma && !(s->burstiness > 0))
        return false;
    return s->shape ? s->shape->of == TK_SHAPE_RATE : s->rate > 0;
}

static int begin(struct arrivals *a, const struct tk_schedule *s)
{
    if (!is_sound(s))
        return TK_E_RANGE;
    a->s = s;
    a->i = 0;
    a->sum_s = a->area = 0;
    a->stage = 0;
    a->begin = 0;
    tk_mt_seed_numpy(&a->mt, s->seed);
    return 0;
}

/* The next instant of the process at a level rate. */
static double next_s(struct arrivals *a, double rate)
{
    const struct tk_schedule *s = a->s;

    if (isinf(rate))
        return 0;
    if (s->arrival == TK_ARRIVAL_CONSTANT)
        return (double)a->i / rate;
    if (s->arrival == TK_ARRIVAL_GAMMA)
        return a->sum_s += tk_schedule_gap(&a->mt, rate, s->burstiness);
    return a->sum_s += tk_mt_exponential(&a->mt) / rate;
}

/* The instant at which the integral of the shape's rate reaches `x`, which never falls. */
static int time_of(struct arrivals *a, double x, tk_ns *ret)
{
    const struct tk_shape *shape = a->s->shape;

    for (; a->stage < shape->n; a->stage++) {
        const struct tk_stage *stage = &shape->stages[a->stage];
        double whole = tk_stage_whole_area(stage);
        double slack = AREA_SLACK * fmax(1, isinf(whole) ? 1 : whole);
        if (x - a->area < whole - slack) {
            double at_s = tk_stage_area_at(stage, x - a->area);
            if ((double)a->begin / 1e9 + at_s > MAX_OFFSET_S)
                return TK_E_RANGE;
            *ret = a->begin + (tk_ns)llround(at_s * 1e9);
            return 0;
        }
        a->area += whole;
        a->begin += stage->duration;
    }
    return TK_E_RANGE;
}

static int next(struct arrivals *a, tk_ns *ret)
{
    double at_s = next_s(a, a->s->shape ? 1 : a->s->rate);

    a->i++;
    if (a->s->shape)
        return time_of(a, at_s, ret);
    if (at_s > MAX_OFFSET_S)
        return TK_E_RANGE;
    *ret = (tk_ns)llround(at_s * 1e9);
    return 0;
}

int tk_schedule_make(const struct tk_schedule *s, tk_ns *due, uint64_t n)
{
    struct arrivals a;
    int rc = begin(&a, s);

    for (uint64_t i = 0; rc == 0 && i < n; i++)
        rc = next(&a, &due[i]);
    return rc;
}

uint64_t tk_schedule_count(const struct tk_schedule *s, tk_ns duration, uint64_t max)
{
    struct arrivals a;
    uint64_t n = 0;
    tk_ns at = 0;

    if (begin(&a, s) != 0)
        return 0;
    while (n < max && next(&a, &at) == 0 && (duration == 0 || at < duration))
        n++;
    return n;
}
