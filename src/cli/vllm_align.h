/* vllm_align.h - `--align-tokens` of `tokmark vllm`: prompts as long as the server counts them */
#ifndef TK_CLI_VLLM_ALIGN_H
#define TK_CLI_VLLM_ALIGN_H

#include "base/arena.h"
#include "base/def.h"
#include "base/err.h"
#include "dialect/vllm/vllm.h"

struct tk_plan;

struct tk_vllm_align {
    const struct tk_vllm *v;
    const struct tk_plan *plan; /* how to get to the server */
    struct tk_arena *arena;     /* gets new prompts */
    /* what came of it */
    bool was_asked, is_unavailable, is_mismatch;
    uint64_t n_server, n_expected; /* tokens of the first prompt */
    uint64_t n_failed;             /* prompts */
};

/* Have the server tokenize the first prompt; when it counts another number of tokens, all of them: of
 * those that it counts longer the first tokens are turned into text again, by the server. A server that
 * cannot do that, or fails for a prompt, leaves prompts as they are; it is not asked (was_asked) where they are
 * not single texts. 0, or -ENOMEM and what a session
 * cannot begin with. */
int tk_vllm_align_items(struct tk_vllm_align *a, struct tk_items *items, struct tk_err *reterr);

#endif
