/* shape.c - levels over time: their integrals, and the permits that come of them
 *
 *   level
 *     50 |        ____
 *        |       /    \__        stage 1: 10 for 60 s
 *     10 |______/                stage 2: 10 .. 50 in 30 s, and so on
 *        '---------------- time
 *
 * The integral of a rate counts requests, so its inverse says when the x-th one is due. Both are in
 * closed form, with none of the cancellations that would cost digits: a linear stage from a with
 * slope k reaches the area x at 2x / (a + sqrt(a^2 + 2kx)), also for k = 0, where that is x / a; an
 * exponential one with a e^(ct) reaches it at log1p(cx / a) / c.
 *
 * Permits are the whole number nearest to the level, so a ramp of concurrency has steps where the
 * level passes k + 1/2. The area under the steps is that under the line.
 */
#include "run/shape.h"

#include <errno.h>
#include <math.h>

static const char *const of_words[] = {
    [TK_SHAPE_NONE] = "none",
    [TK_SHAPE_RATE] = "rate",
    [TK_SHAPE_CONCURRENCY] = "concurrency",
};
static const char *const kind_words[] = {
    [TK_SHAPE_STAGES] = "stages",
    [TK_SHAPE_RAMP] = "ramp",
    [TK_SHAPE_SPIKE] = "spike",
};
static const char *const curve_words[] = {
    [TK_CURVE_LINEAR] = "linear",
    [TK_CURVE_EXPONENTIAL] = "exponential",
};

const char *tk_shape_of_word(enum tk_shape_of of)
{
    return (size_t)of < TK_ARRAY_LEN(of_words) ? of_words[of] : "unknown";
}

const char *tk_shape_kind_word(enum tk_shape_kind k)
{
    return (size_t)k < TK_ARRAY_LEN(kind_words) ? kind_words[k] : "unknown";
}

const char *tk_curve_word(enum tk_curve c)
{
    return (size_t)c < TK_ARRAY_LEN(curve_words) ? curve_words[c] : "unknown";
}

/* --- one stage --- */

static double seconds(tk_ns dur)
{
    return (double)dur / 1e9;
}

static bool is_level(const struct tk_stage *s)
{
    return s->from == s->to || s->duration == 0;
}

static bool is_exponential(const struct tk_stage *s)
{
    return s->curve == TK_CURVE_EXPONENTIAL && !is_level(s);
}

/* Of an exponential stage: the c of a e^(ct). */
static double growth(const struct tk_stage *s)
{
    return log(s->to / s->from) / seconds(s->duration);
}

static double slope(const struct tk_stage *s)
{
    return is_level(s) ? 0 : (s->to - s->from) / seconds(s->duration);
}

double tk_stage_area(const struct tk_stage *s, double at_s)
{
    if (is_exponential(s))
        return s->from * expm1(growth(s) * at_s) / growth(s);
    return s->from * at_s + slope(s) * at_s * at_s / 2;
}

double tk_stage_area_at(const struct tk_stage *s, double area)
{
    if (!(area > 0))
        return 0;
    if (is_exponential(s))
        return log1p(growth(s) * area / s->from) / growth(s);
    double square = s->from * s->from + 2 * slope(s) * area;
    return 2 * area / (s->from + sqrt(fmax(square, 0)));
}

double tk_stage_whole_area(const struct tk_stage *s)
{
    if (s->duration == 0)
        return s->from > 0 ? INFINITY : 0;
    return tk_stage_area(s, seconds(s->duration));
}

/* --- the whole --- */

tk_ns tk_shape_duration(const struct tk_shape *s)
{
    tk_ns sum = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (s->stages[i].duration == 0)
            return 0;
        sum += s->stages[i].duration;
    }
    return sum;
}

double tk_shape_peak(const struct tk_shape *s)
{
    double peak = 0;

    for (size_t i = 0; i < s->n; i++)
        peak = fmax(peak, fmax(s->stages[i].from, s->stages[i].to));
    return peak;
}

size_t tk_shape_stage_at(const struct tk_shape *s, tk_ns offset)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct tk_stage *stage = &s->stages[i];
        if (stage->duration == 0 || offset < stage->duration)
            return i + 1;
        offset -= stage->duration;
    }
    return s->n;
}

tk_ns tk_shape_begin_of(const struct tk_shape *s, size_t stage)
{
    tk_ns at = 0;

    for (size_t i = 0; i + 1 < stage && i < s->n; i++)
        at += s->stages[i].duration;
    return at;
}

/* --- permits over time --- */

struct steps {
    struct tk_permit_step *out;
    size_t cap, n;
    uint32_t permits; /* of the latest step */
};

static void add_step(struct steps *t, tk_ns at, double level)
{
    uint32_t permits = (uint32_t)llround(level);

    if (t->n > 0 && permits == t->permits)
        return;
    t->permits = permits;
    if (t->n < t->cap)
        t->out[t->n] = (struct tk_permit_step){ .at = at, .permits = permits };
    t->n++;
}

/* The instant at which the level is `level`, which is between those of begin and end. */
static double time_of_level(const struct tk_stage *s, double level)
{
    if (is_exponential(s))
        return log(level / s->from) / growth(s);
    return (level - s->from) / slope(s);
}

/* Where the level passes the middle between two whole numbers. */
static void add_ramp(struct steps *t, const struct tk_stage *s, tk_ns begin)
{
    int64_t step = s->to > s->from ? 1 : -1;
    int64_t end = llround(s->to);

    for (int64_t level = llround(s->from); level != end; level += step) {
        double middle = (double)level + 0.5 * (double)step;
        tk_ns at = begin + (tk_ns)llround(time_of_level(s, middle) * 1e9);
        add_step(t, at, (double)(level + step));
    }
}

int64_t tk_shape_steps(const struct tk_shape *s, struct tk_permit_step *out, size_t cap)
{
    struct steps t = { .out = out, .cap = cap };
    double changes = 0;
    tk_ns begin = 0;

    if (s->of != TK_SHAPE_CONCURRENCY)
        return 0;
    for (size_t i = 0; i < s->n; i++)
        changes += 1 + fabs(s->stages[i].to - s->stages[i].from);
    if (changes > (double)TK_SHAPE_MAX_STEPS)
        return TK_E_LIMIT;
    for (size_t i = 0; i < s->n; i++) {
        add_step(&t, begin, s->stages[i].from);
        if (!is_level(&s->stages[i]))
            add_ramp(&t, &s->stages[i], begin);
        begin += s->stages[i].duration;
    }
    return (int64_t)t.n;
}
