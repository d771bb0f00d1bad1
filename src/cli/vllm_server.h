/* vllm_server.h - what `tokmark vllm` asks a server beside its load */
#ifndef TK_CLI_VLLM_SERVER_H
#define TK_CLI_VLLM_SERVER_H

#include "base/def.h"
#include "base/err.h"
#include "dialect/vllm/vllm.h"
#include "http/url.h"

struct tk_plan;
struct tk_session;
struct tk_target;

/* The URL of BASE and what is put behind it; release it. 0, TK_E_LIMIT, TK_E_FORMAT. */
int tk_vllm_server_url(const char *base, const char *path, struct tk_url *ret,
                       struct tk_err *reterr);

/* The part of a plan that says how to get to the server; a passphrase lives in the arena. 0,
 * TK_E_FORMAT, or why a file could not be read. */
int tk_vllm_server_plan(const struct tk_vllm *v, const struct tk_target *target,
                        struct tk_arena *arena, struct tk_plan *p, struct tk_err *reterr);

/* The first model of BASE/v1/models: the name that requests carry, and the model that it is (its root,
 * where the server says one), in the arena. `p` is that of tk_vllm_server_plan(). 0, or the tool's words. */
int tk_vllm_server_model(const struct tk_vllm *v, const struct tk_plan *p, struct tk_arena *arena,
                         const char **ret_name, const char **ret_model, struct tk_err *reterr);

/* Its counters, from BASE/metrics. 0, or why there are none. */
int tk_vllm_server_counters(const char *base, const struct tk_plan *plan,
                            const struct tk_session *session, struct tk_vllm_counters *ret,
                            struct tk_err *reterr);

#endif
