/* vllm_profiler.h - `--profile` of `tokmark vllm`: the server's profiler, told to start and to stop */
#ifndef TK_CLI_VLLM_PROFILER_H
#define TK_CLI_VLLM_PROFILER_H

#include "base/def.h"
#include "base/err.h"

struct tk_plan;
struct tk_session;
struct tk_vllm;

/* Nothing is owned. */
struct tk_vllm_profiler {
    const struct tk_vllm *v; /* its bodies are made */
    const struct tk_plan *plan;
    const struct tk_session *session; /* where the server is, and how it is talked to */
};

/* POST to BASE/start_profile or BASE/stop_profile what the tool does, a request of its load: the first
 * one's body and headers; to stop without what options add to them. Blocks until the server has
 * answered, five minutes at most: to write its trace takes it long. 0 when the status was 200, else a
 * code with what it said. */
int tk_vllm_profiler_tell(const struct tk_vllm_profiler *p, bool is_start, struct tk_err *reterr);

#endif
