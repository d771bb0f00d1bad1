/* facts.h - what a run knows at its end beside its records, as JSON in the run file
 *
 *   totals  {"check":null,"warmup":{…},"measure":{"planned":100,…,"begin_at_ns":…,"end_at_ns":…}}
 *   health  {"workers":1,"conns_opened":16,…,"per_worker":[{…}]}
 *   run     {"wall_begin_ns":…,"interrupted":false,"terminated":false}
 *
 * Written by the session, read back by `tokmark report`, so that both see the same.
 */
#ifndef TK_CLI_FACTS_H
#define TK_CLI_FACTS_H

#include "base/def.h"
#include "load/load.h"
#include "run/health.h"
#include "run/record.h"
#include "run/sink.h"

struct tk_facts {
    struct tk_load_totals totals[TK_PHASE_N_];
    bool has_totals; /* false: the run was cut before its end */
    struct tk_health health;
    bool has_health;
    tk_ns wall_begin; /* wall clock at the start of the measured phase; 0: unknown */
    bool is_interrupted;
    bool is_terminated; /* by SIGTERM; else by Ctrl-C */
};

/* Into the sink, before it is finished. 0 or a negative code. */
int tk_facts_put(const struct tk_facts *f, struct tk_sink *sink);

/* From a run file or a finished sink; what is not there stays zero, or not known. */
void tk_facts_get(struct tk_records *r, struct tk_facts *ret);

#endif
