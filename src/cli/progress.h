/* progress.h - one line about a run that goes on, from the live counters */
#ifndef TK_CLI_PROGRESS_H
#define TK_CLI_PROGRESS_H

#include "base/buf.h"
#include "base/def.h"
#include "run/live.h"

enum tk_progress_mode {
    TK_PROGRESS_AUTO, /* a line that is redrawn, where standard error is a terminal */
    TK_PROGRESS_ON,   /* the same; where it is none, a plain line every 10 s */
    TK_PROGRESS_OFF,
};

/* What the workers have done so far, added up. */
struct tk_progress_sums {
    uint64_t sent, succeeded, failed, cancelled, in_flight, events, output_tokens;
};

struct tk_progress {
    uint64_t n_planned; /* requests of the phase; 0: no bound by count */
    tk_ns begin_at;     /* of the phase */
    tk_ns duration;     /* 0: no bound by time */
    tk_ns prev_at;      /* when the line was made last */
    struct tk_progress_sums prev;
    double done_per_s, events_per_s; /* smoothed over the last seconds */
};

void tk_progress_begin(struct tk_progress *p, uint64_t n_planned, tk_ns duration, tk_ns now);

void tk_progress_sum(const struct tk_live *live, unsigned n, struct tk_progress_sums *ret);

/* The line for `s` at `now`, without a line end: done/total, rate, in flight, token events/s, time
 * left. A pure function of its arguments but for the smoothing in `p`. */
void tk_progress_line(struct tk_progress *p, const struct tk_progress_sums *s, tk_ns now,
                      struct tk_buf *out);

#endif
