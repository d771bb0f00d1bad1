/* gnuplot.h - pictures by the program of that name, which is needed for nothing else */
#ifndef TK_CLI_GNUPLOT_H
#define TK_CLI_GNUPLOT_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"

/* Whether it is in PATH: 0, or TK_E_NOT_FOUND with what to do about it. */
int tk_gnuplot_find(struct tk_err *reterr);

/* Have it do what `script` says and wait for it: the picture is what it writes to its standard output, and
 * is appended to `out`. 0, TK_E_NOT_FOUND, or an error with its first words. */
int tk_gnuplot_run(struct tk_str script, struct tk_buf *out, struct tk_err *reterr);

#endif
