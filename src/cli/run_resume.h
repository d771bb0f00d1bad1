/* run_resume.h - `tokmark run --resume FILE`: the words, the plan and the rest of a run that was cut
 *
 *   words in the file + words given now ─► the plan once more ─► the same? ─► what is left of it
 */
#ifndef TK_CLI_RUN_RESUME_H
#define TK_CLI_RUN_RESUME_H

#include "base/arena.h"
#include "base/buf.h"
#include "cli/run_plan.h"
#include "load/load.h"
#include "opt/opt.h"
#include "run/resume.h"

struct tk_resuming {
    struct tk_resume from; /* as the file has it */
    struct tk_arena arena; /* of what is below */
    char **argv;           /* the words of the whole command line, argc of them and NULL */
    int argc;
    struct tk_load_past past; /* for the engine */
    uint64_t planned;         /* requests of the whole run; 0: no bound by count */
    bool is_whole;            /* nothing is to be done: the run came to its end */
    bool has_rest;            /* requests are left */
};

/* What the run file keeps of the command line, as a JSON array of words, so that the run can go on without
 * them: not what is about this one process, nor secrets. `args`: the URL. 0 or a negative code. */
int tk_run_words(const struct tk_run_opts *o, const struct tk_opt_result *res, struct tk_buf *out);

#define TK_RUN_HASH_BYTES 17

/* What a run, whose bodies are made, sends, in hexadecimal digits: the file's "load_hash". */
void tk_run_hash(const struct tk_run *run, char ret[TK_RUN_HASH_BYTES]);

/* The value of an option in these words, of a list all of them with commas between: copied into `arena`;
 * NULL: it was not given, or there are no words. 0 or a negative code. */
int tk_run_words_find(struct tk_str words, const char *option, struct tk_arena *arena,
                      const char **ret);

/* Read the file and put its words and those of `argv` together: an option that stands in `argv` replaces
 * those of its name, a URL likewise. 0 or an error. Release it in any case. */
int tk_resuming_open(struct tk_resuming *r, const char *path, const struct tk_opt_result *given,
                     int argc, char **argv, struct tk_err *reterr);

/* Whether the run, whose bodies are made, is the one in the file. 0, or TK_E_FORMAT with what differs. */
int tk_resuming_compare(const struct tk_resuming *r, const struct tk_run *run,
                        struct tk_err *reterr);

/* Compare the run, whose bodies are made, with the file, and make its plan that of the rest. 0, or
 * TK_E_FORMAT with what differs. */
int tk_resuming_apply(struct tk_resuming *r, struct tk_run *run, struct tk_err *reterr);

void tk_resuming_release(struct tk_resuming *r); /* may be called twice, and on zeros */

#endif
