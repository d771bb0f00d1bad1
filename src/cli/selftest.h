/* selftest.h - one load of `tokmark selftest`: the client's figures beside the simulator's truth
 *
 *   simulator (its own processor) <── a real run, all records kept ──► records
 *        └── log ───────────────────────── joined by request ────────────┘
 *
 * An error is the client's figure less the server's of the same request, so that nothing of the
 * server is in it: the way over loopback and what the client adds.
 */
#ifndef TK_CLI_SELFTEST_H
#define TK_CLI_SELFTEST_H

#include "base/def.h"
#include "base/err.h"

struct tk_selftest_conf {
    const char *program; /* for messages */
    const char *folder;  /* the load's files are made there, and removed at its end */
    uint64_t requests;
    uint64_t streams; /* a closed load of so many; 0: an open one */
    double rate;      /* requests/s of the open one, constant, short replies, not streamed */
    int64_t tokens;   /* of a streamed answer */
    tk_ns ttft, gap;  /* of the server */
    bool is_tls;
    int server_cpu; /* the simulator's processor, the client gets the others; -1: all share */
};

/* Of a figure, ns. `worst` has the sign of the largest error. */
struct tk_selftest_error {
    double truth_p50, truth_p99; /* the server's */
    double p50, p99;             /* the client's percentile less the server's */
    double worst;                /* of a single request, or gap */
};

struct tk_selftest {
    uint64_t n_requests, n_failed;
    uint64_t n_events;             /* with tokens, as the client read them */
    uint64_t n_unmatched;          /* requests or events that the two do not agree on: a fault */
    struct tk_selftest_error ttft; /* streams */
    struct tk_selftest_error gap;  /* streams */
    double late_p50, late_p99, late_max; /* open load: from due to arrived at the server, ns */
    double sent_rate;                    /* open load: as arrived, requests/s */
    double cpu;            /* of the whole process while it ran, ns per event, or per request */
    double busiest_worker; /* share of a core in its busiest second */
    double worst_wait;     /* share of the worst second that a worker waited for a processor; NAN */
    bool is_disturbed;     /* that was so much that the errors are not the client's alone */
    uint64_t n_workers;
    bool is_interrupted; /* Ctrl-C: the rest says nothing */
};

/* Run the load and compare. 0 or an error. */
int tk_selftest_run(const struct tk_selftest_conf *c, struct tk_selftest *ret,
                    struct tk_err *reterr);

#endif
