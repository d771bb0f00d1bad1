/* runfile_name.h - where a run file goes */
#ifndef TK_CLI_RUNFILE_NAME_H
#define TK_CLI_RUNFILE_NAME_H

#include "base/buf.h"
#include "base/err.h"

#define TK_RUNFILE_END ".tokmark"

/* "tokmark-20261125-211323.tokmark", with -2, -3 … when it exists. */
int tk_runfile_name_now(struct tk_buf *out, struct tk_err *reterr);

/* Beside a result file: its name with the end .tokmark for .json, or behind it. With -2 … when that
 * exists and `is_kept`; otherwise an existing run file is removed. */
int tk_runfile_name_beside(const char *result, bool is_kept, struct tk_buf *out,
                           struct tk_err *reterr);

/* Make room for the run file `path`: an existing file is an error, or removed when `overwrite`, but
 * only if it is a run file. */
int tk_runfile_make_room(const char *path, bool overwrite, struct tk_err *reterr);

#endif
