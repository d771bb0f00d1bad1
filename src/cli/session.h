/* session.h - from a plan and its bodies to a finished run: what all commands that load share
 *
 *   init: name, TLS ──► (models) ──► run: sink, workers, phases, signals, finish ──► release
 *
 * Everything that can be wrong is found before the first request: name, certificates, the run
 * file's place, the number of open files. The first Ctrl-C ends the run in order (what is in
 * flight may end), the second at once; either way the records are kept and can be reported.
 */
#ifndef TK_CLI_SESSION_H
#define TK_CLI_SESSION_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "cli/facts.h"
#include "cli/progress.h"
#include "load/load.h"
#include "net/addr.h"
#include "net/source.h"
#include "run/plan.h"
#include "run/resume.h"
#include "run/sink.h"

struct tk_tls;

struct tk_session_conf {
    const char *program; /* for messages: "tokmark run" */
    /* What is sent: plan, format, bodies, order. Addresses, TLS, sink and past are filled in by the session. */
    struct tk_load_conf load;
    const char *run_path;             /* run file; NULL: none */
    const struct tk_sink_fact *facts; /* to be in a new one from its beginning */
    size_t n_facts;
    const struct tk_resume
        *resume; /* `run_path` goes on, and the plan is that of its rest; NULL: it begins */
    const struct tk_load_past *past; /* with it */
    uint64_t planned;                /* with it: requests of the whole run; 0: no bound by count */
    enum tk_progress_mode progress;
    tk_ns check_timeout; /* how long the check is tried again, each 5 s at most; 0: once */
    tk_ns stop_grace;    /* after the first Ctrl-C */
    const struct tk_load_body *probe; /* what the plan's probe sends; NULL: there is none */
    /* The check failed and is tried again for `dur`; without a record it has no reply yet, so long after
     * its begin. May be NULL. */
    void (*on_not_ready)(void *owner, const struct tk_record *why, tk_ns dur);
    /* A phase is about to start, or has ended; for commands that say so. May be NULL. */
    void (*on_phase)(void *owner, enum tk_phase phase, bool is_begin);
    void *owner;
};

struct tk_session {
    struct tk_addrs addrs;
    struct tk_sources sources; /* where connections come from */
    struct tk_tls *tls;        /* NULL: plain */
    struct tk_sink *sink;      /* finished after tk_session_run() */
    struct tk_facts facts;
    bool is_file_damaged; /* the run file is incomplete: memory has the rest, or lacks some */
    bool has_file_failed; /* … because it could not be written */
};

/* Look the plan's host up and make the TLS context. */
int tk_session_init(struct tk_session *s, const struct tk_plan *plan, struct tk_err *reterr);

/* Run the plan's phases. 0 when the measured phase was run, to its end or until Ctrl-C;
 * TK_E_CANCELLED when it was stopped before; another code when the run could not be done. The sink
 * is finished and readable in any case in which it was made. */
int tk_session_run(struct tk_session *s, const struct tk_session_conf *conf, struct tk_err *reterr);

void tk_session_release(struct tk_session *s); /* may be called twice */

/* The machine and the program as JSON, for run file and results. */
int tk_session_host_json(struct tk_buf *out);

#endif
