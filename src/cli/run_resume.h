/* run_resume.h - `--resume FILE` of the commands that load: the words, the plan and the rest of a run that was cut
 *
 *   words in the file + words given now ─► the plan once more ─► the same? ─► what is left of it
 */
#ifndef TK_CLI_RUN_RESUME_H
#define TK_CLI_RUN_RESUME_H

#include "base/arena.h"
#include "base/buf.h"
#include "load/load.h"
#include "opt/opt.h"
#include "run/resume.h"

/* What is different from command to command. */
struct tk_resumable {
    const struct tk_opt_command *command;
    const char *tool;       /* as plans name it: also the words that start it */
    const char *const *own; /* options about one process, not about the run; NULL at the end */
    const char *instead;    /* option that stands for the argument that is the URL; NULL: none */
    char mark;              /* between name and value of a header */
};
extern const struct tk_resumable tk_run_resumable; /* `tokmark run` */

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
int tk_resumable_words(const struct tk_resumable *of, const void *values, const bool *is_given,
                       const struct tk_opt_list *args, struct tk_buf *out);

#define TK_RUN_HASH_BYTES 17

/* What is sent (bodies and their order), in hexadecimal digits: the file's "load_hash". Where bodies are made beside
 * the load, of the first one, which is there. */
void tk_resumable_hash(const struct tk_load_conf *sent, char ret[TK_RUN_HASH_BYTES]);

/* The value of an option in these words, of a list all of them with commas between: copied into `arena`;
 * NULL: it was not given, or there are no words. 0 or a negative code. */
int tk_run_words_find(struct tk_str words, const char *option, struct tk_arena *arena,
                      const char **ret);

/* Read the file and put its words and those of `argv` together: an option that stands in `argv` replaces
 * those of its name, a URL likewise. 0 or an error. Release it in any case. */
int tk_resuming_open(struct tk_resuming *r, const struct tk_resumable *of, const char *path,
                     const struct tk_opt_result *given, int argc, char **argv,
                     struct tk_err *reterr);

/* Whether what is sent, by its plan and its bodies, all of which are made, is what the file's run sent. 0, or
 * TK_E_FORMAT with what differs; the server's address may by `leaves_server_out`. */
int tk_resuming_compare(const struct tk_resuming *r, const struct tk_load_conf *sent,
                        bool leaves_server_out, struct tk_err *reterr);

/* After that: make the plan that of the rest. 0, or TK_E_FORMAT. */
int tk_resuming_apply(struct tk_resuming *r, struct tk_plan *plan, struct tk_err *reterr);

void tk_resuming_release(struct tk_resuming *r); /* may be called twice, and on zeros */

#endif
