/* result.h - from records to the result on standard output and in files */
#ifndef TK_CLI_RESULT_H
#define TK_CLI_RESULT_H

#include "base/def.h"
#include "base/err.h"
#include "cli/facts.h"
#include "metric/summary.h"
#include "opt/opt.h"
#include "report/report.h"
#include "run/sink.h"

#define TK_RESULT_MAX_SLOS 16

/* Which figures. */
struct tk_result_opts {
    double percentiles[TK_SUMMARY_MAX_PERCENTILES];
    size_t n_percentiles;
    struct tk_slo slos[TK_RESULT_MAX_SLOS];
    size_t n_slos;
    bool leaves_gaps_out; /* see metric/summary.h */
};

/* "ttft=500ms,tpot=50ms" (each word of the list may have several) and "50,90,99". `itl` is the gap
 * between chunks; the word "none" takes the objectives before it away. 0, or TK_E_FORMAT, TK_E_RANGE or
 * TK_E_NOT_FOUND with a message. */
int tk_result_opts_parse(const struct tk_opt_list *slo, const char *percentiles,
                         struct tk_result_opts *ret, struct tk_err *reterr);

/* Of a run whose replies come whole: 0, or TK_E_UNSUPPORTED where an objective can say nothing of them. */
int tk_result_check_whole(const struct tk_result_opts *o, struct tk_err *reterr);

struct tk_result {
    const char *program;
    const struct tk_result_opts *opts;
    const struct tk_facts *facts;
    const char *run_path; /* for people; NULL: there is none */
    const char
        *json_path; /* also write JSON there; "-": to standard output instead of the text; NULL */
    bool is_plain;  /* no bold, whatever standard output is */
    bool is_strict; /* a client that was the limit is an exit status of its own */
};

/* The figures of the measured phase. `*ret` is the caller's; 0 or an error. */
int tk_result_summary(const struct tk_result *r, struct tk_records *records,
                      struct tk_summary **ret, struct tk_err *reterr);

/* The report's view of a summary; strings live in `arena`. */
int tk_result_view(const struct tk_result *r, struct tk_records *records,
                   const struct tk_summary *summary, struct tk_arena *arena, struct tk_report *ret,
                   struct tk_err *reterr);

/* Make the figures, print the text, write the JSON. Returns enum tk_exit: 3 when requests failed, 4
 * when it is strict and the client was the limit. */
int tk_result_put(const struct tk_result *r, struct tk_records *records);

/* What tokmark has to add to another tool's block, behind a line that says so: into `out`. The verdict
 * is copied to `*ret_verdict`. 0 or an error. */
int tk_result_add_own(const struct tk_result *r, struct tk_records *records, struct tk_buf *out,
                      struct tk_verdict *ret_verdict, struct tk_err *reterr);

/* The exit status `status` (OK or SOME_FAILED) in the light of the verdict: where it is strict and
 * the client was the limit, that, with a line on standard error. */
int tk_result_strict(const struct tk_result *r, const struct tk_verdict *v, int status);

#endif
