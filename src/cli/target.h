/* target.h - from the URL that was given to where requests go */
#ifndef TK_CLI_TARGET_H
#define TK_CLI_TARGET_H

#include "http/url.h"

struct tk_plan;

struct tk_target {
    struct tk_url url;   /* owned */
    char *target;        /* path and query of the measured requests; owned */
    char *models;        /* path and query of the list of models; owned */
    char authority[300]; /* value of the Host header */
};

/* `text` names the server, or a folder of it: `path` ("/v1/chat/completions") is put behind. A
 * folder that ends in /v1 gets what follows /v1; one that ends as `path` does is taken as it is. A
 * query string stays at the end. 0, TK_E_FORMAT, -ENOMEM. */
int tk_target_from_base(const char *text, const char *path, struct tk_target *ret,
                        struct tk_err *reterr);

/* `text` is the whole URL of the measured requests; `base` that of the list's parent ("…/v1/models"
 * is put behind), or NULL: the server's root. */
int tk_target_exact(const char *text, const char *base, struct tk_target *ret,
                    struct tk_err *reterr);

void tk_target_release(struct tk_target *t);

/* Fill the plan's fields that come from the URL; they live as long as `t`. */
void tk_target_to_plan(const struct tk_target *t, struct tk_plan *p);

#endif
