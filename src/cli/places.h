/* places.h - no result is written over what the command reads, or over another result
 *
 * Asked before anything is done: a typing mistake must cost neither the data nor the run file.
 */
#ifndef TK_CLI_PLACES_H
#define TK_CLI_PLACES_H

#include <stddef.h>

#include "base/def.h"
#include "base/err.h"

enum tk_place_kind {
    TK_PLACE_INPUT,    /* is read */
    TK_PLACE_RUN_FILE, /* is written; may replace a run file (runfile_name.h) */
    TK_PLACE_RESULT,   /* is written; may replace anything but a run file */
    TK_PLACE_LOG,      /* the simulator's; may replace a log alone */
};

struct tk_place {
    enum tk_place_kind kind;
    const char *option; /* "--json"; of an argument what it is: "the run file" */
    const char *path;   /* NULL, "-", and what is no regular file: does not matter */
};

/* 0, or -EEXIST with a message: one that is written is another one of them, by whatever name, or has
 * something in it that it may not replace; -EISDIR: it is a folder. Nothing is written. */
int tk_places_check(const struct tk_place *places, size_t n, struct tk_err *reterr);

/* Whether SQLite made this file, as it makes run files; false when it cannot be read. */
bool tk_place_is_run_file(const char *path);

#endif
