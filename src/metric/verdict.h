/* verdict.h - was the client the limit? One rule, in one table
 *
 * A pure function of a run's summary, of the engine's health and of what was asked. Each cause has a
 * limit and a measured value; one past its limit is enough. docs/glossary.md lists the table,
 * docs/internals/health.md gives the reasons.
 */
#ifndef TK_METRIC_VERDICT_H
#define TK_METRIC_VERDICT_H

#include "base/buf.h"
#include "base/def.h"
#include "metric/summary.h"
#include "run/health.h"

/* What is behind others comes first, so that the first one found is the one to look at. */
enum tk_cause {
    TK_CAUSE_SLOW_WRITER,   /* releases waited for the run file */
    TK_CAUSE_SLOW_MAKER,    /* releases waited for their prompts, made while the load ran */
    TK_CAUSE_OWN_FAILURES,  /* requests failed for want of memory or files */
    TK_CAUSE_NO_PROCESSOR,  /* something else had the processor */
    TK_CAUSE_BUSY,          /* a worker used all of its processor */
    TK_CAUSE_RATE_MISSED,   /* it sent fewer than were due */
    TK_CAUSE_LATE_SENDING,  /* it sent them late */
    TK_CAUSE_LATE_READING,  /* bytes waited to be read */
    TK_CAUSE_JOINED_EVENTS, /* and so events that came apart were read together */
    TK_CAUSE_JOINED_FIRSTS, /* with first tokens among them */
    TK_CAUSE_N_,
};

/* Which figures a cause makes wrong. */
enum tk_touch {
    TK_TOUCH_RATES = 1 << 0, /* throughput, goodput, concurrency: another load than asked */
    TK_TOUCH_DUE = 1 << 1,   /* latencies from due: its lateness is in them */
    TK_TOUCH_SENT = 1 << 2,  /* latencies from sent */
    TK_TOUCH_GAPS = 1 << 3,  /* between chunks and tokens */
    TK_TOUCH_FIRST = 1 << 4, /* of the first event, token and answer */
    TK_TOUCH_ALL = TK_TOUCH_RATES | TK_TOUCH_DUE | TK_TOUCH_SENT | TK_TOUCH_GAPS | TK_TOUCH_FIRST,
};

enum tk_cause_unit {
    TK_CAUSE_MS, /* kept in nanoseconds */
    TK_CAUSE_PERCENT,
    TK_CAUSE_COUNT,
};

/* The limit is the greater of `least` and `share` of what `of` names. */
struct tk_cause_def {
    const char *name;  /* "late-sending" */
    const char *label; /* "p99 of lateness of sending" */
    enum tk_cause_unit unit;
    bool is_below;       /* it is a cause below its limit, not above it */
    bool has_to_be_felt; /* only beside a cause that says what it did (late, missed), or
                             where no read has a stamp that could say it */
    double least;        /* in the kept unit */
    double share;        /* of what `of` names; 0: none */
    const char *of;
    const char *formula; /* of the measured value */
    unsigned touches;    /* enum tk_touch */
    const char *advice;  /* what to do about it: a sentence without its full stop */
};
const struct tk_cause_def *tk_cause_def(enum tk_cause c);
const char *tk_cause_unit_word(enum tk_cause_unit u); /* "ms", "%", "" */
double tk_cause_unit_scale(enum tk_cause_unit u);     /* from the kept unit to it */

struct tk_finding {
    bool is_judged;         /* there was something to measure */
    bool is_cause;          /* it made the client the limit */
    double measured, limit; /* in the kept unit; NAN when not judged */
};

struct tk_verdict {
    bool is_limit;
    enum tk_cause first; /* of the causes, when it is */
    struct tk_finding findings[TK_CAUSE_N_];
    bool is_touched[TK_METRIC_N_]; /* metrics, by enum tk_metric */
    bool are_rates_touched;        /* the figures of the run in tk_touched_figures */
};

/* `h` may be NULL: the run was cut, and what only the engine knows is not judged. */
void tk_verdict_find(const struct tk_summary *s, const struct tk_health *h,
                     const struct tk_asked *asked, struct tk_verdict *ret);

/* The cause no-processor by the health alone, felt or not. */
bool tk_verdict_is_starved(const struct tk_health *h);

/* Names of the figures of a run (def.h) that are touched with the rates; NULL at the end. */
extern const char *const tk_touched_figures[];

/* The table for docs/glossary.md. */
void tk_verdict_write(struct tk_buf *out);

#endif
