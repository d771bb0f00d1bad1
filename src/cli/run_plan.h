/* run_plan.h - from the words of `tokmark run` to a plan and its bodies */
#ifndef TK_CLI_RUN_PLAN_H
#define TK_CLI_RUN_PLAN_H

#include "api/api.h"
#include "base/arena.h"
#include "cli/run_opts.h"
#include "cli/target.h"
#include "data/data.h"
#include "load/load.h"
#include "run/plan.h"

struct tk_run {
    const struct tk_run_opts *o;
    const bool *is_given;
    struct tk_arena arena; /* owns headers, schedule, bodies' table */
    struct tk_plan plan;
    const struct tk_api_ops *api;
    struct tk_target target;
    struct tk_items items;
    bool has_items, has_target;
    struct tk_load_body *bodies;
    struct tk_buf body_text; /* what the bodies point to */
    char *model;             /* found at the server; owned */
};

/* What can be decided without the server: load, data, headers. `url`: as it was given (or the
 * simulated server's). 0 or an error; all of them are mistakes of the command line or of the data. */
int tk_run_prepare(struct tk_run *r, const struct tk_run_opts *o, const bool *is_given,
                   const char *url, struct tk_err *reterr);

/* Once the model is known: encode every item. */
int tk_run_encode(struct tk_run *r, const char *model, struct tk_err *reterr);

void tk_run_release(struct tk_run *r);

/* --- pieces --- */

bool tk_run_given(const struct tk_run *r, const char *option); /* it stood on the command line */

/* How much is sent and when, and what of it is given up: run_load.c. 0 or an error of the command
 * line. */
int tk_run_make_load(struct tk_run *r, struct tk_err *reterr);

#endif
