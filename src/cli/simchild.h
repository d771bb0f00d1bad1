/* simchild.h - the simulated server as a child process, for --sim */
#ifndef TK_CLI_SIMCHILD_H
#define TK_CLI_SIMCHILD_H

#include <sys/types.h>

#include "base/def.h"
#include "base/err.h"

struct tk_simchild {
    pid_t pid;     /* 0: none */
    char url[128]; /* where it listens */
    bool has_said; /* it did not start, and has said by itself what is wrong with its words */
};

/* Start `tokmark sim` on a free port; `args` are further words for it, separated by spaces ("" or
 * NULL: none), `more` such as may hold spaces, up to a NULL (or NULL: none). It ends by itself when
 * this process does. Waits until it listens. */
int tk_simchild_start(struct tk_simchild *s, const char *args, const char *const *more,
                      struct tk_err *reterr);

/* Have it end and wait for that; nothing when none was started. */
void tk_simchild_stop(struct tk_simchild *s);

#endif
