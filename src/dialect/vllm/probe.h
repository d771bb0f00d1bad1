/* probe.h - the probe beside the load, as the files of the dialect share it */
#ifndef TK_DIALECT_VLLM_PROBE_H
#define TK_DIALECT_VLLM_PROBE_H

#include "dialect/vllm/vllm.h"

/* Make its body, where one is asked for. 0 or an error. */
int tk__vllm_make_probe(struct tk_vllm *v, struct tk_err *reterr);

/* Empty where none is asked for. */
struct tk_plan_phase tk__vllm_probe_phase(const struct tk_vllm *v);

/* Fill all but `failed` from the latencies of those that succeeded, which are sorted. */
void tk__vllm_probe_stats(struct tk_vllm_probes *p, double *latency_s, size_t n);

#endif
