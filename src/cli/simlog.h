/* simlog.h - what the simulated server says that it really did
 *
 * The other half of a comparison: the client's record of a request and the simulator's line about it
 * are of one machine and one clock (CLOCK_MONOTONIC). docs/internals/simulator.md has the keys.
 */
#ifndef TK_CLI_SIMLOG_H
#define TK_CLI_SIMLOG_H

#include "base/arena.h"
#include "base/def.h"
#include "base/err.h"

struct tk_simlog_request {
    tk_ns arrived_at;     /* its last byte; 0: the log has no such request */
    const tk_ns *sent_at; /* before the write of each event with tokens */
    size_t n_sent;
};

struct tk_simlog {
    struct tk_simlog_request *v; /* by the number behind the prefix of the request's id */
    size_t n;
    uint64_t n_unknown;    /* requests for tokens with another id, or one that came twice */
    struct tk_arena arena; /* owns what is above */
};

/* Read a whole log. Requests 0 … n-1 have the ids PREFIX0, PREFIX1, …; others are counted. 0 or an
 * error; released by the caller in any case. */
int tk_simlog_read(const char *path, const char *prefix, size_t n, struct tk_simlog *ret,
                   struct tk_err *reterr);
void tk_simlog_release(struct tk_simlog *log);

#endif
