/* recovery.h - how long a server takes to recover from a spike of the load
 *
 * The formula is in docs/glossary.md, under "Recovery"; recovery.c says why it is that one.
 */
#ifndef TK_METRIC_RECOVERY_H
#define TK_METRIC_RECOVERY_H

#include "base/def.h"
#include "metric/def.h"
#include "metric/sample.h"
#include "run/shape.h"

enum tk_recovery_verdict {
    TK_RECOVERY_NONE,          /* the load has no spike */
    TK_RECOVERY_RECOVERED,     /* `time` holds */
    TK_RECOVERY_NOT_RECOVERED, /* not while it was watched */
    TK_RECOVERY_TOO_FEW,       /* too few requests before the spike to know what is usual */
    TK_RECOVERY_FAILED_BEFORE, /* more than a tenth of the requests before the spike failed */
    TK_RECOVERY_RESUMED,       /* the run was cut: the load did not go on through the spike */
    TK_RECOVERY_N_,
};
const char *tk_recovery_word(enum tk_recovery_verdict v); /* "not-recovered" */

#define TK_RECOVERY_MIN_BEFORE 50 /* requests due before the spike */
#define TK_RECOVERY_MIN_WINDOWS 3 /* at the end, in a row, that are as usual */

struct tk_recovery {
    enum tk_recovery_verdict verdict;
    enum tk_metric metric;        /* that is looked at: TTFT_DUE, or E2EL_DUE without streams */
    tk_ns spike_begin, spike_end; /* offsets from the start of the phase */
    uint64_t n_before;            /* requests due before the spike */
    tk_ns window;                 /* width of a window: the resolution; 0 when not known */
    double before;                /* median before the spike, ns; NAN when not known */
    double limit;                 /* windows up to this are as usual, ns */
    double worst;  /* highest median of a window from the spike on; may be infinite */
    tk_ns time;    /* from the end of the spike; of RECOVERED */
    tk_ns watched; /* whole windows after the spike's end */
};

/* What is collected. Zeroed is empty. */
struct tk_recovery_data {
    struct tk_recovery_request {
        tk_ns due;     /* offset from the start */
        int64_t first; /* ns from due to the first token, or what it is at least; INT64_MAX: failed;
                          -1: the reply was no stream */
        int64_t whole; /* the same to the end of the answer */
    } * v;             /* owned */
    size_t n, cap;
    size_t n_first; /* that had a first token */
};

/* Note a request of a phase that began at `begin_at`. 0 or -ENOMEM. */
int tk_recovery_add(struct tk_recovery_data *d, tk_ns begin_at, const struct tk_sample *s);
void tk_recovery_release(struct tk_recovery_data *d); /* may be called twice */

/* `shape`: of kind SPIKE. `end`: offset of the end of the last request. Sorts the data. 0 or
 * -ENOMEM. */
int tk_recovery_find(struct tk_recovery_data *d, const struct tk_shape *shape, tk_ns end,
                     struct tk_recovery *ret);

/* The same of a run that was cut and resumed: nothing is known but when the spike was to be. */
void tk_recovery_of_resumed(const struct tk_shape *shape, struct tk_recovery *ret);

#endif
