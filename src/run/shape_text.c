/* shape_text.c - shapes as people write them
 *
 *   10/s@60s,10..50/s@30s,50/s@2m
 *   |    |   |
 *   |    |   from one level to another
 *   |    for so long
 *   level: a rate with its unit, or a concurrency without one
 *
 * The unit decides what the levels are, so that no list can be taken for the other kind; a list has
 * one kind only.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "base/num.h"
#include "base/str.h"
#include "run/shape.h"

#define MAX_RATE 1e9
#define LEVEL_BYTES 64

static bool has_unit(struct tk_str s)
{
    return tk_str_find(s, '/') >= 0;
}

int tk_shape_parse_level(struct tk_str s, enum tk_shape_of *ret_of, double *ret)
{
    int64_t permits = 0;
    int rc;

    if (has_unit(s)) {
        *ret_of = TK_SHAPE_RATE;
        rc = tk_num_parse_rate(s, ret);
        return rc == 0 && !(*ret <= MAX_RATE) ? TK_E_RANGE : rc;
    }
    *ret_of = TK_SHAPE_CONCURRENCY;
    rc = tk_num_parse_count(s, 0, TK_SHAPE_MAX_PERMITS, &permits);
    *ret = (double)permits;
    return rc;
}

/* The two levels of "1..50/s"; the first one may lack the unit. */
static int parse_both(struct tk_str from, struct tk_str to, enum tk_shape_of *ret_of,
                      struct tk_stage *ret)
{
    enum tk_shape_of of_from;
    char with_unit[LEVEL_BYTES];
    int rc = tk_shape_parse_level(to, ret_of, &ret->to);

    if (rc != 0)
        return rc;
    if (*ret_of == TK_SHAPE_RATE && !has_unit(from)) {
        ptrdiff_t slash = tk_str_find(to, '/');
        int n = snprintf(with_unit, sizeof(with_unit), "%.*s%.*s", TK_STR_ARG(from),
                         (int)(to.n - (size_t)slash), to.p + slash);
        if (n < 0 || (size_t)n >= sizeof(with_unit))
            return TK_E_FORMAT;
        from = (struct tk_str){ with_unit, (size_t)n };
    }
    rc = tk_shape_parse_level(from, &of_from, &ret->from);
    return rc == 0 && of_from != *ret_of ? TK_E_FORMAT : rc;
}

static int parse_levels(struct tk_str s, enum tk_shape_of *ret_of, struct tk_stage *ret)
{
    for (size_t i = 0; i + 2 < s.n; i++) {
        if (s.p[i] != '.' || s.p[i + 1] != '.')
            continue;
        struct tk_str from = { s.p, i };
        struct tk_str to = { s.p + i + 2, s.n - i - 2 };
        return parse_both(tk_str_trim(from), tk_str_trim(to), ret_of, ret);
    }
    int rc = tk_shape_parse_level(s, ret_of, &ret->from);
    ret->to = ret->from;
    return rc;
}

static int complain(const struct tk_shape_words *w, struct tk_str part, int code,
                    struct tk_err *reterr)
{
    if (code == TK_E_RANGE)
        return tk_err_set(reterr, code,
                          "option '%s': a rate is at most 1e9/s, a concurrency at most %d, got "
                          "'%.*s'",
                          w->option, TK_SHAPE_MAX_PERMITS, TK_STR_ARG(part));
    return tk_err_set(reterr, code,
                      "option '%s' takes LEVEL@TIME or FROM..TO@TIME, where a level is a rate such "
                      "as 10/s or a concurrency such as 8, got '%.*s'",
                      w->option, TK_STR_ARG(part));
}

/* "@60s" at the end, which is taken off. */
static int take_time(const struct tk_shape_words *w, struct tk_str *part, tk_ns *ret,
                     struct tk_err *reterr)
{
    ptrdiff_t at = tk_str_find(*part, '@');

    *ret = w->duration;
    if (at < 0 && w->duration > 0)
        return 0;
    if (at < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "option '%s': for how long is '%.*s'? '%.*s@60s'",
                          w->option, TK_STR_ARG(*part), TK_STR_ARG(*part));
    struct tk_str time = { part->p + at + 1, part->n - (size_t)at - 1 };
    part->n = (size_t)at;
    int rc = tk_num_parse_dur(time, ret);
    if (rc == 0 && (*ret <= 0 || *ret > TK_SHAPE_MAX_DURATION))
        rc = TK_E_RANGE;
    if (rc != 0)
        return tk_err_set(reterr, rc,
                          "option '%s': a stage lasts for a time such as 250ms, 30s or 1m30s, got "
                          "'%.*s'",
                          w->option, TK_STR_ARG(time));
    return 0;
}

static int parse_stage(const struct tk_shape_words *w, struct tk_str part, enum tk_shape_of *ret_of,
                       struct tk_stage *ret, struct tk_err *reterr)
{
    struct tk_str whole = part;

    *ret = (struct tk_stage){ .curve = w->curve };
    int rc = take_time(w, &part, &ret->duration, reterr);
    if (rc != 0)
        return rc;
    rc = parse_levels(tk_str_trim(part), ret_of, ret);
    if (rc != 0)
        return complain(w, whole, rc, reterr);
    if (w->curve == TK_CURVE_EXPONENTIAL && ret->from != ret->to &&
        (ret->from <= 0 || ret->to <= 0))
        return tk_err_set(reterr, TK_E_RANGE,
                          "option '%s': an exponential ramp cannot begin or end at 0, got '%.*s'",
                          w->option, TK_STR_ARG(whole));
    return 0;
}

static size_t count_parts(struct tk_str s)
{
    struct tk_str part;
    size_t n = 0;

    while (tk_str_split(&s, ',', &part))
        n++;
    return n;
}

int tk_shape_parse(const struct tk_shape_words *w, struct tk_arena *arena, struct tk_shape *ret,
                   struct tk_err *reterr)
{
    struct tk_str rest = w->text;
    struct tk_str part;
    size_t n = count_parts(rest);
    tk_ns sum = 0;

    *ret = (struct tk_shape){ 0 };
    if (n > TK_SHAPE_MAX_STAGES)
        return tk_err_set(reterr, TK_E_LIMIT, "option '%s' has %zu stages, at most %d are allowed",
                          w->option, n, TK_SHAPE_MAX_STAGES);
    ret->stages = tk_arena_alloc(arena, (n + 1) * sizeof(*ret->stages)); /* one may be added */
    if (!ret->stages)
        return tk_err_set(reterr, -ENOMEM, "no memory for the stages");
    while (tk_str_split(&rest, ',', &part)) {
        enum tk_shape_of of = TK_SHAPE_NONE;
        int rc = parse_stage(w, tk_str_trim(part), &of, &ret->stages[ret->n], reterr);
        if (rc != 0)
            return rc;
        if (ret->n > 0 && of != ret->of)
            return tk_err_set(reterr, TK_E_FORMAT,
                              "option '%s': '%.*s' is a %s, the stages before it are of a %s",
                              w->option, TK_STR_ARG(part), tk_shape_of_word(of),
                              tk_shape_of_word(ret->of));
        ret->of = of;
        sum += ret->stages[ret->n++].duration;
        if (sum > TK_SHAPE_MAX_DURATION)
            return tk_err_set(reterr, TK_E_RANGE, "option '%s': the stages take more than %lld s",
                              w->option, (long long)(TK_SHAPE_MAX_DURATION / TK_NS_PER_S));
    }
    if (!(tk_shape_peak(ret) > 0))
        return tk_err_set(reterr, TK_E_RANGE, "option '%s': every stage is at 0", w->option);
    return 0;
}

const char *tk_stage_text(const struct tk_stage *s, enum tk_shape_of of, char *out)
{
    const char *unit = of == TK_SHAPE_RATE ? "/s" : "";

    if (s->from == s->to)
        (void)snprintf(out, LEVEL_BYTES, "%.6g%s", s->from, unit);
    else
        (void)snprintf(out, LEVEL_BYTES, "%.6g to %.6g%s%s", s->from, s->to, unit,
                       s->curve == TK_CURVE_EXPONENTIAL ? ", exponential" : "");
    return out;
}
