/* late.h - how late requests were sent, by the client's own doing
 *
 * A request can go out when it is due and a permit is free. That instant is not in its record: it is
 * found from the ends of the others. What comes after it, up to the first write, is the client's
 * lateness, less the time to connect. docs/internals/health.md says why each part counts as it does.
 */
#ifndef TK_METRIC_LATE_H
#define TK_METRIC_LATE_H

#include "base/def.h"
#include "metric/series.h"
#include "run/record.h"

/* What the load was to be; of the plan. */
struct tk_asked {
    bool is_scheduled; /* requests were due by a schedule; false: whenever a permit was free */
    uint32_t permits;  /* at most so many in flight; 0: no bound, or one that changes */
    tk_ns duration;    /* no request is released after it; 0: no bound by time */
    bool is_stopped;   /* Ctrl-C, or a kill: what was not sent was not meant to be */
    bool is_resumed;   /* it was cut and went on later: lateness counts from release alone */
};

/* Requests that could be sent by the end of the schedule, and those that were. All 0: there was no
 * schedule, or it has no length (all due at once). */
struct tk_pace {
    uint64_t ready;     /* due by then, and there was a permit */
    uint64_t sent;      /* of these, by then or less than TK_PACE_SLACK after it */
    double due_per_s;   /* what the schedule asked for, permits or not */
    double ready_per_s; /* what could go out */
    double sent_per_s;  /* what did */
};
#define TK_PACE_SLACK TK_NS_PER_MS

/* What is needed of each request until the ends of all are known. */
struct tk_late_item {
    uint64_t index;
    tk_ns due_at, released_at;
    tk_ns sent_at; /* less the time to connect; of one that was never sent: released_at */
    bool is_sent;
};

struct tk_late {
    struct tk_late_item *v; /* owned */
    size_t n, cap;
};

void tk_late_init(struct tk_late *l);
void tk_late_release(struct tk_late *l); /* may be called twice */

/* Between release and first write, 0 where its connection was there: not the client's doing alone. */
tk_ns tk_late_connecting(const struct tk_record *r);

/* Note a request of the phase. 0 or -ENOMEM. */
int tk_late_add(struct tk_late *l, const struct tk_record *r);

struct tk_late_conf {
    struct tk_asked asked;
    const int64_t *ends; /* instants at which requests ended, from base_at on, ascending */
    size_t n_ends;
    tk_ns base_at;
    tk_ns begin_at;    /* of the phase */
    uint64_t not_sent; /* planned and without a record */
};

/* The lateness of every request that was sent, into `ret` (ns, never below 0), and how many could
 * be sent and were. 0 or -ENOMEM. */
int tk_late_find(const struct tk_late *l, const struct tk_late_conf *conf, struct tk_series *ret,
                 struct tk_pace *ret_pace);

#endif
