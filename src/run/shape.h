/* shape.h - a load that changes over time: stages of a rate or of a concurrency
 *
 * A shape is a list of stages, each with a level at its begin and at its end. The level is a rate
 * (requests per second) or a concurrency (permits). All of it is known before the start: when the
 * requests are due is computed from it (schedule.h), and so are the instants at which permits come
 * and go.
 */
#ifndef TK_RUN_SHAPE_H
#define TK_RUN_SHAPE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"

#define TK_SHAPE_MAX_STAGES 1000
#define TK_SHAPE_MAX_STEPS ((size_t)4000000) /* changes of the number of permits */
#define TK_SHAPE_MAX_PERMITS 1000000
#define TK_SHAPE_MAX_DURATION (10000000 * TK_NS_PER_S) /* of all stages, as of --duration */

enum tk_shape_of {
    TK_SHAPE_NONE,        /* the load does not change */
    TK_SHAPE_RATE,        /* levels are requests per second */
    TK_SHAPE_CONCURRENCY, /* levels are whole numbers of permits */
    TK_SHAPE_OF_N_,
};
const char *tk_shape_of_word(enum tk_shape_of of); /* "rate" */

/* Which words made it; figures differ. */
enum tk_shape_kind {
    TK_SHAPE_STAGES,
    TK_SHAPE_RAMP,
    TK_SHAPE_SPIKE, /* three stages: before, the spike, after */
    TK_SHAPE_KIND_N_,
};
const char *tk_shape_kind_word(enum tk_shape_kind k); /* "stages" */

enum tk_curve {
    TK_CURVE_LINEAR,      /* the level grows by the same amount each second */
    TK_CURVE_EXPONENTIAL, /* by the same factor; neither end is 0 */
    TK_CURVE_N_,
};
const char *tk_curve_word(enum tk_curve c); /* "linear" */

struct tk_stage {
    double from, to;     /* level at its begin and at its end */
    tk_ns duration;      /* 0: the last one, which goes on until the load ends */
    enum tk_curve curve; /* between two levels that differ */
    uint64_t n_due;      /* requests that are due in it; 0 in a closed loop */
};

struct tk_shape {
    enum tk_shape_of of;
    enum tk_shape_kind kind;
    struct tk_stage *stages; /* not owned: of the arena that it was made in */
    size_t n;
};

/* --- one stage; `at_s` counts from its begin --- */

/* Integral of the level over the first `at_s` seconds: of a rate, the requests expected in them. */
double tk_stage_area(const struct tk_stage *s, double at_s);
/* The instant at which the integral reaches `area`, which is below that of the stage. */
double tk_stage_area_at(const struct tk_stage *s, double area);
/* The same over the whole stage; INFINITY where it has no end and a level. */
double tk_stage_whole_area(const struct tk_stage *s);

/* --- the whole --- */

/* Of all stages; 0 when the last one has no end. */
tk_ns tk_shape_duration(const struct tk_shape *s);
double tk_shape_peak(const struct tk_shape *s); /* the highest level */
/* The stage at `offset` from the start, counted from 1; past the last one it is the last one. 0: the
 * load has no stages. */
size_t tk_shape_stage_at(const struct tk_shape *s, tk_ns offset);
tk_ns tk_shape_begin_of(const struct tk_shape *s, size_t stage); /* offset; `stage` from 1 */

/* --- permits over time --- */

/* From `at` (an offset from the start) on so many requests may be in flight. */
struct tk_permit_step {
    tk_ns at;
    uint32_t permits;
};

/* The changes of a shape of concurrency, the first at 0: the number of permits is the whole number
 * nearest to the level. Fills at most `cap` of them and returns how many there are, or TK_E_LIMIT
 * (more than TK_SHAPE_MAX_STEPS). */
int64_t tk_shape_steps(const struct tk_shape *s, struct tk_permit_step *out, size_t cap);

/* --- as words, shape_text.c --- */

/* "8", "50/s", "600/m": a rate has its unit, a whole number alone is a concurrency. */
int tk_shape_parse_level(struct tk_str s, enum tk_shape_of *ret_of, double *ret);

/* "10/s@60s,10..50/s@30s": LEVEL@TIME or FROM..TO@TIME, one after the other; the unit of a rate may
 * stand behind TO alone. A stage without a time has `duration`, unless that is 0. `option` is named
 * in errors. Stages live in `arena`. 0, TK_E_FORMAT, TK_E_RANGE, TK_E_LIMIT, -ENOMEM. */
struct tk_shape_words {
    const char *option; /* "--stages" */
    struct tk_str text;
    enum tk_curve curve;
    tk_ns duration;
};
int tk_shape_parse(const struct tk_shape_words *w, struct tk_arena *arena, struct tk_shape *ret,
                   struct tk_err *reterr);

/* "10/s", "1 to 50/s", "8": the level of a stage, for people. `out` has 64 bytes. */
const char *tk_stage_text(const struct tk_stage *s, enum tk_shape_of of, char *out);

/* --- as JSON, shape_json.c --- */

struct tk_jsonw;
struct tk_json_val;

/* {"of":"rate","kind":"stages","stages":[{"from":…,"to":…,"duration_s":…,"curve":…,"due":…}]}, or
 * null where there is none. */
void tk_shape_put_json(const struct tk_shape *s, struct tk_jsonw *w);

/* The reverse. 0; TK_E_FORMAT; -ENOMEM. Null gives no shape. */
int tk_shape_get_json(struct tk_json_val *v, struct tk_arena *arena, struct tk_shape *ret);

#endif
