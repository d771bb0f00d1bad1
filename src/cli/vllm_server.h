/* vllm_server.h - what `tokmark vllm` asks a server beside its load */
#ifndef TK_CLI_VLLM_SERVER_H
#define TK_CLI_VLLM_SERVER_H

#include "base/def.h"
#include "base/err.h"
#include "dialect/vllm/vllm.h"
#include "http/url.h"

struct tk_plan;
struct tk_session;

/* The URL of BASE and what is put behind it; release it. 0, TK_E_LIMIT, TK_E_FORMAT. */
int tk_vllm_server_url(const char *base, const char *path, struct tk_url *ret,
                       struct tk_err *reterr);

/* Its counters, from BASE/metrics. 0, or why there are none. */
int tk_vllm_server_counters(const char *base, const struct tk_plan *plan,
                            const struct tk_session *session, struct tk_vllm_counters *ret,
                            struct tk_err *reterr);

#endif
