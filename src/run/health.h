/* health.h - the client's own health over the measured phase, as the engine saw it
 *
 * Counted by the workers for themselves, once a second or where something is done anyway, and summed
 * when they have ended. What the records say of the client (lateness, delays in reading) is not here:
 * metric/summary.h finds it. docs/internals/health.md.
 */
#ifndef TK_RUN_HEALTH_H
#define TK_RUN_HEALTH_H

#include "base/buf.h"
#include "base/def.h"

struct tk_json_val;
struct tk_jsonw;

#define TK_HEALTH_MAX_WORKERS 1024 /* as many as --workers allows */

/* One worker's thread. Shares are of one processor, 0 … 1; NAN: not known (the phase was too short,
 * or the system does not say). */
struct tk_health_worker {
    tk_ns span;         /* of the measured phase: what the shares and times below are taken over */
    tk_ns cpu;          /* CPU time in it */
    tk_ns starved;      /* it was ready to run and had no processor; 0 when not known */
    double max_cpu;     /* share in its busiest second */
    double max_starved; /* the same of waiting for a processor, in the worst second */
    double cpu_when_starved; /* its CPU share in that second */
    tk_ns loop_lag_sum;      /* how late its timers were called, summed */
    tk_ns loop_lag_max;      /* and at most */
    uint64_t n_timers;       /* timers called */
    uint64_t n_requests;     /* that it released */
};

struct tk_health {
    uint32_t n_workers;
    /* of all phases: connections are kept from one to the next */
    uint64_t conns_opened, conns_failed;
    uint64_t requests_reused; /* requests on a kept connection */
    uint64_t no_kernel_stamp; /* reads without one */
    uint64_t clock_steps;     /* of the wall clock */
    tk_ns clock_error_max;    /* how far a stamp's conversion can be off, by the widest sample */
    /* of the measured phase, over all workers */
    tk_ns cpu, starved;
    double max_worker_cpu;     /* the busiest worker in its busiest second; NAN: not known */
    double max_worker_starved; /* the same of waiting for a processor */
    double cpu_when_starved;   /* its CPU share in that second */
    tk_ns loop_lag_sum, loop_lag_max;
    uint64_t n_timers;
    uint64_t
        records_full; /* times that releases had to stop, until the run file's writer caught up */
    tk_ns records_full_dur; /* for so long in all; of several workers the sum */
    uint64_t bodies_late;   /* times that they had to stop until the next body was made */
    tk_ns bodies_late_dur;  /* for so long in all; of several workers the sum */
    uint64_t rests;         /* pauses of a closed loop after a failure to connect */
    tk_ns rest_dur;         /* for so long in all; of several workers the sum */
    struct tk_health_worker workers[TK_HEALTH_MAX_WORKERS]; /* n_workers of them */
};

/* Nothing is known yet. */
void tk_health_init(struct tk_health *h);
void tk_health_worker_init(struct tk_health_worker *w);

/* Count worker `w` in; at most TK_HEALTH_MAX_WORKERS. The phase's sums follow. */
void tk_health_add_worker(struct tk_health *h, const struct tk_health_worker *w);

/* How late timers were called on average; NAN when none was. */
double tk_health_lag_mean(const struct tk_health *h);

/* As one JSON object, for the run file, and back: what is not there stays as after init, so files
 * of older versions can be read. False: `v` is no object. */
void tk_health_write(const struct tk_health *h, struct tk_jsonw *w);
bool tk_health_read(struct tk_json_val *v, struct tk_health *ret);

#endif
