/* vllm_ready.h - why the endpoint is not ready, for people who wait */
#ifndef TK_CLI_VLLM_READY_H
#define TK_CLI_VLLM_READY_H

#include <stdint.h>

#include "base/def.h"
#include "dialect/vllm/vllm.h"

struct tk_record;

struct tk_vllm_ready {
    const char *program; /* for messages */
    const struct tk_vllm *v;
    /* private: what was said last */
    tk_ns said_at; /* 0: nothing */
    uint8_t said_end;
    int32_t said_status;
};

/* A check has failed, and it is tried again for `dur`; or, `why` being NULL, its reply did not come for so
 * long. The same again is said once a minute. */
void tk_vllm_ready_tell(struct tk_vllm_ready *r, const struct tk_record *why, tk_ns dur);

#endif
