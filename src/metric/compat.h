/* compat.h - what other clients make of a request, by name, from the one record
 *
 * Each entry of the table computes the figures of a request as that program does: what it takes for the
 * first token, which gaps it lists, when it stops its clock, what it calls a failure. Checked against
 * the programs themselves (tests/golden/one-stream.md). Their mistakes in timing are not copied: the
 * instants are tokmark's.
 */
#ifndef TK_METRIC_COMPAT_H
#define TK_METRIC_COMPAT_H

#include "base/def.h"
#include "metric/sample.h"

/* One request as another program sees it. Seconds, as those programs keep them. */
struct tk_compat {
    bool is_success;
    const char *error;     /* of a failure: what it says, static; NULL: what the record says */
    tk_ns start_at;        /* where its clock starts */
    double ttft;           /* 0: none */
    double latency;        /* 0: none */
    double tpot;           /* NAN: none, left out of its statistics */
    int64_t output_tokens; /* as it counts; -1: unknown */
    uint32_t n_chunks;     /* with text */
    double *itl;           /* owned, reused by the next call */
    size_t n_itl, cap_itl;
    double *step; /* max: itl / tokens of the chunk; owned, reused */
    size_t n_step, cap_step;
};

struct tk_compat_tool {
    const char *name; /* "vllm-0.13-chat" */
    const char *help; /* what is particular to it */
    int (*apply)(const struct tk_sample *s, int64_t own_tokens, struct tk_compat *ret);
};

extern const struct tk_compat_tool *const tk_compat_tools[]; /* NULL-terminated */

const struct tk_compat_tool *tk_compat_find(struct tk_str name); /* NULL: there is none */

void tk_compat_init(struct tk_compat *c);
void tk_compat_release(struct tk_compat *c); /* may be called twice */

/* The request as `tool` sees it. `own_tokens`: what the client's tokenizer counts in the whole answer,
 * for tools that count themselves where the server does not say (max: always); -1: not known. 0;
 * -ENOMEM; TK_E_NOT_FOUND: the events were not kept, though the reply had some. */
int tk_compat_apply(const struct tk_compat_tool *tool, const struct tk_sample *s,
                    int64_t own_tokens, struct tk_compat *ret);

#endif
