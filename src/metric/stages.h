/* stages.h - the figures of each stage of a load that changes over time
 *
 * A request belongs to the stage in which it was due, whenever it was sent or ended: what the load was
 * when its user came is what it is a figure of. Only the throughput goes by ends.
 */
#ifndef TK_METRIC_STAGES_H
#define TK_METRIC_STAGES_H

#include "base/def.h"
#include "metric/sample.h"
#include "metric/series.h"
#include "run/shape.h"

/* Over the successes, in nanoseconds; of none NAN. */
struct tk_stage_latency {
    size_t n;
    double p50, p99;
    bool is_p50_certified, is_p99_certified; /* enough samples: see certify.h */
};

struct tk_stage_figures {
    struct tk_stage plan;
    tk_ns begin;    /* offset from the start of the phase */
    double seconds; /* how long it went on; shorter than planned where the load ended in it */
    double asked;   /* mean level over that time: requests/s, or requests at a time */
    uint64_t sent, succeeded, failed, cancelled;
    uint64_t n_ended;  /* successes, of any stage, that ended in it */
    double rate;       /* sent / seconds */
    double throughput; /* n_ended / seconds; NAN: not known */
    struct tk_stage_latency ttft, e2el, ttft_due, e2el_due;
};

struct tk_stages;

/* For the stages of `shape`, whose phase began at `begin_at` (0: at the due instant of the first
 * request that comes). NULL: no memory. */
struct tk_stages *tk_stages_new(const struct tk_shape *shape, tk_ns begin_at);
struct tk_stages *tk_stages_free(struct tk_stages *s); /* NULL is allowed; returns NULL */

/* Count a request in. 0 or -ENOMEM. */
int tk_stages_add(struct tk_stages *s, const struct tk_sample *sample);

/* When all are in: n of them. `end_at`: end of the phase's last request. `is_resumed`: the run was cut and
 * went on later, so that the instant of an end does not tell the stage: there is no throughput. The
 * figures are the stages'. */
const struct tk_stage_figures *tk_stages_figures(struct tk_stages *s, tk_ns end_at, bool is_resumed,
                                                 size_t *ret_n);

#endif
