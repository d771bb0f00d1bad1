/* report.h - a summary as text and as JSON
 *
 * Pure functions from figures to bytes: the same run gives the same text, whether it has just
 * ended or is read from a file. What a figure means stands in docs/glossary.md, the JSON in
 * docs/result-json.md.
 */
#ifndef TK_REPORT_REPORT_H
#define TK_REPORT_REPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/def.h"
#include "metric/summary.h"
#include "metric/verdict.h"
#include "run/health.h"
#include "run/plan.h"
#include "run/segment.h"

#define TK_REPORT_SCHEMA "tokmark-result-1"

/* What of the plan people want to see; read from its JSON. Strings are NULL where there is none. */
struct tk_report_plan {
    const char *tool, *url, *unix_path, *target, *api, *model, *data, *arrival;
    int64_t items, seed, requests, concurrency, warmup;
    int64_t scheduled;            /* requests of an open load, each with its instant */
    double rate;                  /* 0: closed; INFINITY */
    double duration_s;            /* 0: no bound by time */
    double burstiness;            /* of gamma arrivals; 0: others */
    struct tk_shape shape;        /* how the load changes; lives in the arena */
    struct tk_plan_cancel cancel; /* what of it is given up */
    bool is_streamed, is_realtime, is_new_connection;
};

/* Fill `ret` from the plan's JSON; strings are copied into `arena`. What is not there stays 0 or
 * NULL. 0, TK_E_FORMAT, -ENOMEM. */
int tk_report_plan_read(struct tk_str json, struct tk_arena *arena, struct tk_report_plan *ret);

/* What the load was to be. `is_stopped`: it was not brought to its end. */
struct tk_asked tk_report_asked(const struct tk_report_plan *p, bool is_stopped);

struct tk_report {
    const struct tk_summary *summary;
    struct tk_report_plan plan;
    struct tk_str plan_json, host_json; /* as they are in the run file; may be empty */
    const char *program;                /* "tokmark 0.1.0"; NULL: not known */
    bool has_health;
    struct tk_health health;
    struct tk_verdict verdict;         /* by tk_report_judge() */
    tk_ns wall_begin;                  /* of the measured phase; 0: not known */
    bool is_interrupted;               /* Ctrl-C, or */
    bool is_terminated;                /* … SIGTERM */
    bool is_cut;                       /* the run did not come to its end: it was killed */
    const struct tk_segment *segments; /* stretches of the run, when it was resumed; may be NULL */
    size_t n_segments;
    const struct tk_slo *slos;
    size_t n_slos;
    const char *run_path, *json_path; /* where they are, for people; NULL: none */
    bool is_bold;                     /* headings in bold, for a terminal */
};

/* Was the client the limit? By everything else in the report; before the functions below. */
void tk_report_judge(struct tk_report *r);

/* The block for people. 0 or the buffer's failure. */
int tk_report_text(const struct tk_report *r, struct tk_buf *out);

/* Only what other tools' blocks lack: the client's health with the verdict on it, and of an open load
 * the latencies from the instants at which requests were due. 0 or the buffer's failure. */
int tk_report_client(const struct tk_report *r, struct tk_buf *out);

/* Everything, as one JSON object with a line end. 0 or the buffer's failure. */
int tk_report_json(const struct tk_report *r, struct tk_buf *out);

/* --- pieces --- */

/* Milliseconds in at most eight columns: "0.021", "52.31", "1503"; "inf", "-" for NAN. */
const char *tk_report_ms(double ms, char out[32]);

/* "50", "99.9" */
const char *tk_report_percent(double p, char out[32]);

#endif
