/* probe.h - one request on a loop of its own, outside of any load: models, tokens */
#ifndef TK_CLI_PROBE_H
#define TK_CLI_PROBE_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "cli/target.h"

struct tk_addrs;
struct tk_plan;
struct tk_sources;
struct tk_tls;

#define TK_PROBE_MAX_BODY ((size_t)8 << 20)

/* Whom to ask, and how long to wait. Nothing is owned. */
struct tk_probe {
    const struct tk_plan *plan; /* its headers go along */
    const struct tk_addrs *addrs;
    const struct tk_sources *sources; /* where to come from; NULL: anywhere */
    struct tk_tls *tls;               /* NULL: plain */
    const char *content_type;         /* of what is posted; NULL: application/json */
    tk_ns timeout;
};

/* GET `path`; blocks. The body goes into `body` (TK_JSON_PADDING bytes follow it), which the
 * caller made with a bound of TK_PROBE_MAX_BODY or less. 0; TK_E_NOT_FOUND (a status other than
 * 200, in the message), TK_E_TIMEOUT, TK_E_CANCELLED (SIGINT or SIGTERM is pending, which the thread
 * blocks), TK_E_LIMIT, or what the connection failed with. */
int tk_probe_get(const struct tk_probe *q, const char *path, struct tk_buf *body,
                 struct tk_err *reterr);

/* The same as a POST. A status other than 200 is an error too: TK_E_NOT_FOUND for 404, 405 and
 * 501 (there is no such thing), TK_E_PROTO for others; `body` has what the server said then. */
int tk_probe_post(const struct tk_probe *q, const char *path, struct tk_str json,
                  struct tk_buf *body, struct tk_err *reterr);

/* Ask the server for its models: *ret_id gets the first one's name, owned by the caller (free),
 * *ret_n how many there are. */
int tk_probe_models(const struct tk_probe *q, const char *path, char **ret_id, int *ret_n,
                    struct tk_err *reterr);

#endif
