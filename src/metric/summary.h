/* summary.h - all figures of a run, in one pass over its records
 *
 * Works the same over a run that has just ended and over a file of last year.
 */
#ifndef TK_METRIC_SUMMARY_H
#define TK_METRIC_SUMMARY_H

#include "base/def.h"
#include "base/err.h"
#include "metric/def.h"
#include "metric/late.h"
#include "metric/recovery.h"
#include "metric/series.h"
#include "metric/stages.h"
#include "run/record.h"
#include "run/sink.h"

#define TK_SUMMARY_MAX_PERCENTILES 16
#define TK_SUMMARY_MAX_CANCELLED 1000 /* that are listed; all are counted */

/* An objective: the metric is at most `limit` (in its kept unit: ns, tokens). */
struct tk_slo {
    enum tk_metric metric;
    int64_t limit;
};

struct tk_summary_conf {
    const double *percentiles; /* 0 … 100, ascending; NULL: 50, 90, 95, 99, 99.9 */
    size_t n_percentiles;      /* at most TK_SUMMARY_MAX_PERCENTILES */
    const struct tk_slo *slos; /* may be NULL */
    size_t n_slos;
    enum tk_phase phase;    /* whose records count; usually TK_PHASE_MEASURE */
    int64_t planned;        /* requests; -1: as many as were sent, or, of a run that was cut: */
    int64_t plan_requests;  /* as many as the plan has, if these are more */
    tk_ns begin_at, end_at; /* of the phase, when known; 0: by the records */
    struct tk_asked asked;  /* what the load was to be: how late it was sent depends on it */
    const struct tk_shape *shape; /* how the load changed; NULL or without stages: it did not */
    /* The metrics per gap stay empty, and delays in reading are counted in a histogram: of a long run
     * these two are most of the work, and who shows the client's health alone needs no more. */
    bool leaves_gaps_out;
};

/* A set of values in their kept unit (ns or tokens). Of no values: n 0 and NAN. */
struct tk_stats {
    size_t n;          /* values, infinite ones included */
    size_t n_infinite; /* failures */
    bool is_exact;     /* false: from a histogram, within 0.05 % */
    double mean, std, min, max;
    struct tk_stats_percentile {
        double p;
        double value;
        bool is_certified; /* n is at or above the floor of p */
        double bound;      /* the true percentile is at most this, with 99 % confidence; else NAN */
        size_t floor;      /* samples that p needs */
    } percentiles[TK_SUMMARY_MAX_PERCENTILES];
    size_t n_percentiles;
};

struct tk_summary_metric {
    struct tk_stats ok;  /* over the successes */
    struct tk_stats all; /* over all that were not cancelled, failures as infinite */
};

/* Failures of one class. */
struct tk_summary_end {
    uint64_t n;
    uint64_t first_index; /* request with the lowest number */
    int32_t first_status, first_code;
    char first_detail[TK_DETAIL_BYTES];
};

struct tk_summary_cancelled {
    uint64_t index;
    tk_ns age; /* from sent to when it was given up; 0: it had not been sent */
    uint32_t n_token_events;
};

/* A delay of the client's own, ns. Of none: n 0 and NAN. */
struct tk_delay {
    size_t n;
    double mean, p50, p99, max;
};

/* What the records say of the client itself; the rest of its health is in run/health.h. */
struct tk_summary_own {
    struct tk_delay lateness; /* of sending: late.h */
    struct tk_delay reading;  /* from arrival to read, of the reads with a kernel stamp */
    struct tk_pace pace;      /* asked and sent by the end of the schedule */
    uint64_t n_event_reads;   /* reads that completed an event */
    uint64_t n_events;        /* that they completed */
    uint32_t max_events;      /* by one read */
    uint64_t n_events_late;   /* in late reads of several */
    uint64_t n_firsts;        /* requests with a first token, traced */
    uint64_t n_firsts_late;   /* whose first token came in a late read and others after it: TTFT is
                                 that of the last one */
    double median_gap;        /* between chunks that came apart, ns; NAN: there are none */
    double median_first;      /* time to the first token; of replies that come whole, to the end */
};

struct tk_summary {
    /* planned = sent + not_sent; sent = succeeded + failed + cancelled. Of a damaged file `sent` are
     * those that could be read, `not_sent` those that could not and those that were not sent. */
    uint64_t planned, sent, not_sent;
    uint64_t succeeded, failed, cancelled;
    bool is_damaged;            /* there are records that could not be read */
    uint64_t cancelled_by_plan; /* of the cancelled: given up in mid-reply as the plan says */
    uint64_t outlived_plan; /* of the succeeded: they ended before the point of being given up */
    struct tk_summary_end ends[TK_END_N_];       /* by enum tk_end; OK and CANCELLED too */
    struct tk_summary_cancelled *cancelled_list; /* by index; owned */
    size_t n_cancelled_list;
    struct tk_stats cancelled_age;
    uint64_t resends; /* of all requests */
    uint64_t reused;  /* requests that went out on a kept connection */

    tk_ns begin_at, end_at; /* monotonic */
    double duration;        /* seconds; 0 when nothing was sent */
    /* NAN: a count of tokens that it needs is not known */
    double request_throughput, input_throughput, output_throughput, total_throughput;
    int64_t prompt_tokens, output_tokens; /* of the successes; -1: no success has a count */
    uint64_t n_prompt_unknown;            /* successes without a count of prompt tokens */

    bool has_goodput; /* objectives were given */
    enum tk_metric
        no_figure; /* an objective's, that no success has: goodput is not known; or TK_METRIC_N_ */
    uint64_t n_good;
    double goodput;    /* per second; NAN: not known */
    double good_share; /* of succeeded + failed, 0 … 1; NAN: not known */

    uint64_t peak_concurrency;
    double mean_concurrency;

    struct tk_summary_metric metrics[TK_METRIC_N_];

    const struct tk_stage_figures *stages; /* n_stages of them */
    size_t n_stages;
    struct tk_recovery recovery;

    /* where the counts of tokens of the successes come from */
    uint64_t n_tokens_usage, n_tokens_events, n_tokens_unknown;
    uint64_t n_answer_later; /* streamed successes whose answer began after their first token */
    uint64_t n_gap_method[TK_GAP_N_]; /* streamed successes by enum tk_gap_method */

    /* the client's own */
    struct tk_summary_own own;
    struct tk_stats wait, send_delay, send_late, read_delay;
    uint64_t n_reads, n_reads_kernel;
    uint64_t n_reads_several;      /* that completed more than one event */
    uint64_t n_reads_several_late; /* and were seen more than 1 ms after they had arrived */
    uint64_t n_late_sends;         /* sent more than 1 ms after they had a permit */
    uint64_t n_no_trace, n_truncated, n_damaged; /* records without, with a cut, with a bad trace */
};

/* Go over all records of the phase. 0; -ENOMEM; -EINVAL (conf); TK_E_RANGE: the totals do not add up;
 * what tk_records_next() returns. */
int tk_summary_new(struct tk_records *r, const struct tk_summary_conf *conf,
                   struct tk_summary **ret, struct tk_err *reterr);
struct tk_summary *tk_summary_free(struct tk_summary *s); /* NULL is allowed; returns NULL */

/* The values of the successes behind a metric, for plots and comparisons; of the summary. */
struct tk_series *tk_summary_series(struct tk_summary *s, enum tk_metric m);

/* Do the totals add up? 0, or TK_E_RANGE with the sum that does not. */
int tk_summary_check(const struct tk_summary *s, struct tk_err *reterr);

#endif
