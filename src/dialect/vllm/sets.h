/* sets.h - the data sets of the tool, as the files of the dialect share them */
#ifndef TK_DIALECT_VLLM_SETS_H
#define TK_DIALECT_VLLM_SETS_H

#include "dialect/vllm/vllm.h"

struct tk__vllm_set {
    const char *name;
    const struct tk_data_ops *ops;
    bool needs_path;
    bool is_sampled;  /* rows are drawn and repeated (samples), else there are as many as wanted */
    bool has_no_ids;  /* requests go out without x-request-id */
    bool ignores_eos; /* the server is asked to go on past the end mark, always */
    bool has_fixed_seed; /* 0 whatever --seed says, as in 0.13 */
    enum tk_vllm_need need;
    void (*fill)(const struct tk_vllm *v, struct tk_data_conf *conf);
};

/* NULL when tokmark has no such set yet. */
const struct tk__vllm_set *tk__vllm_set(const struct tk_vllm *v);

#endif
