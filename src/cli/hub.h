/* hub.h - the hub as the environment has it, its notes said under the program's name */
#ifndef TK_CLI_HUB_H
#define TK_CLI_HUB_H

#include "base/err.h"
#include "hub/hub.h"

/* Must not move while `conf` is in use. */
struct tk_cli_hub {
    struct tk_hub_conf conf;
    const char *program;
    char last[256]; /* the file that was announced last; private: read by hub.c only */
};

/* As tk_hub_conf_init(). `program` NULL: nothing is said. */
int tk_cli_hub_init(struct tk_cli_hub *h, const char *program, struct tk_err *reterr);
void tk_cli_hub_release(struct tk_cli_hub *h); /* may be called twice */

#endif
