/* resume.h - what of a run has ended, and what is left of it
 *
 * A request has ended when its record says anything but that the client gave it up (time was up, Ctrl-C).
 * What had no record when the run was cut is left, too: it was in flight, or never sent.
 */
#ifndef TK_RUN_RESUME_H
#define TK_RUN_RESUME_H

#include "base/arena.h"
#include "base/def.h"
#include "base/err.h"
#include "run/segment.h"

#define TK_RESUME_MAX_TODO ((uint64_t)100000000)

struct tk_resume {
    struct tk_arena arena;   /* of what is below */
    struct tk_str plan;      /* JSON, as it is in the file */
    struct tk_str words;     /* the fact "words"; empty: an older program's */
    struct tk_str load_hash; /* the fact "load_hash"; empty likewise */
    bool is_finished;        /* its last segment came to its end, or was stopped */
    bool was_stopped;        /* the last segment was told to stop (Ctrl-C) */
    uint64_t *todo;          /* n_todo requests below `next` that have not ended, ascending */
    size_t n_todo;
    uint64_t next;    /* from here on none has ended */
    uint64_t n_ended; /* of the measured load; and of these: */
    uint64_t n_succeeded, n_cancelled_by_plan, n_resends;
    tk_ns past;                  /* so long the load went on, until it was stopped or cut */
    struct tk_segment *segments; /* on the line */
    size_t n_segments;
};

/* Look at a run file. -ENOENT and other errnos, TK_E_FORMAT (no run file, or damaged), TK_E_UNSUPPORTED
 * (newer), -EBUSY (a process still writes it), TK_E_LIMIT, TK_E_DB, -ENOMEM. Released in any case. */
int tk_resume_read(const char *path, struct tk_resume *ret, struct tk_err *reterr);
void tk_resume_release(struct tk_resume *r); /* may be called twice */

/* Whether the two plans (JSON) load the same: what the client does for itself (workers, bounds of memory)
 * may differ, and `leaves_server_out` the server's address. 0; TK_E_FORMAT with the first member that
 * differs; -ENOMEM. */
int tk_resume_compare(struct tk_str before, struct tk_str now, bool leaves_server_out,
                      struct tk_err *reterr);

#endif
