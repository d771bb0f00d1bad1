/* headers.h - the headers of every request: the user's, and the key's */
#ifndef TK_CLI_HEADERS_H
#define TK_CLI_HEADERS_H

#include "base/arena.h"
#include "base/err.h"
#include "opt/opt.h"
#include "run/plan.h"

/* The API key: the first line of `key_file`, else the environment's OPENAI_API_KEY, else NULL; in
 * the arena. 0 or an error whose message does not hold it. */
int tk_key_read(const char *key_file, struct tk_arena *arena, const char **ret,
                struct tk_err *reterr);

/* The first line of `path`, its line end aside, in the arena: a passphrase. NULL where `path` is. */
int tk_passphrase_read(const char *path, struct tk_arena *arena, const char **ret,
                       struct tk_err *reterr);

/* The list of "Name: value" words, with an Authorization header for `key` (NULL: none) in front
 * unless one was given. 0 or an error; secrets are not repeated in it. */
int tk_headers_make(const struct tk_opt_list *given, const char *key, struct tk_arena *arena,
                    struct tk_plan_header **ret, size_t *ret_n, struct tk_err *reterr);

#endif
