/* result.h - the members of the result file, as the files of the dialect share them */
#ifndef TK_DIALECT_VLLM_RESULT_H
#define TK_DIALECT_VLLM_RESULT_H

#include "dialect/vllm/object.h"
#include "dialect/vllm/vllm.h"

/* The words of --percentile-metrics, which the keys are made of. */
extern const char *const tk__vllm_metric_names[TK_VLLM_METRIC_N_];

void tk__vllm_result_fill(struct tk__vllm_object *o, const struct tk_vllm_form *form,
                          const struct tk_vllm_figures *f);

#endif
