/* cli.h - the commands, and what all of them use to talk to people
 *
 * One file per command, each with one const entry; commands.c holds the table. Standard output carries
 * the result alone, standard error the rest. Only this layer prints.
 */
#ifndef TK_CLI_CLI_H
#define TK_CLI_CLI_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "opt/opt.h"

#ifndef TK_VERSION
#define TK_VERSION "0.1.0" /* as in meson.build */
#endif

struct tk_command {
    const char *name;                  /* "run" */
    const char *about;                 /* one line for `tokmark --help` */
    const struct tk_opt_command *opts; /* its words */
    int (*run)(int argc, char **argv); /* argv[0] is the command's word; returns enum tk_exit */
    bool tells_version;                /* --version is the tool's that it stands for */
};

extern const struct tk_command tk_cmd_run;
extern const struct tk_command tk_cmd_vllm;
extern const struct tk_command tk_cmd_report;
extern const struct tk_command tk_cmd_sim;
extern const struct tk_command tk_cmd_selftest;
extern const struct tk_command tk_cmd_tokenize;
extern const struct tk_command tk_cmd_completion;
extern const struct tk_command *const tk_commands[]; /* NULL-terminated, in help order */

const struct tk_command *tk_command_find(const char *word); /* NULL: there is none */

/* All of them as help, manual and completion want them. */
const struct tk_opt_program *tk_program(void);

/* `tokmark help …`; argv[0] is "help". Returns enum tk_exit. */
int tk_help(int argc, char **argv);
int tk_unknown_command(const char *word); /* says so, with the closest one; returns enum tk_exit */

/* `program: message` on standard error, one line. `program` is "tokmark run". */
void tk_say(const char *program, const char *fmt, ...) TK_PRINTF(2, 3);

/* The same for an error; returns `status`, so that a failure is one line. */
int tk_fail(int status, const char *program, const struct tk_err *e);

/* Write to standard output and flush. False when it cannot be written (said on standard error). */
bool tk_put(const char *program, struct tk_str text);

/* Write a file as a whole, replacing it, unless it is a run file; "-" is standard output. Half a file is
 * not left behind. */
int tk_put_file(const char *program, const char *path, struct tk_str text, struct tk_err *reterr);

/* Whether a file could be written there, before hours are spent on what goes into it. What is there
 * stays as it is; "-" can always be written. 0 or an error with its words. */
int tk_check_place(const char *path, struct tk_err *reterr);

struct tk_load_conf;

/* Requests 0 … n-1 of the plan as JSON lines on standard output. Returns enum tk_exit. */
int tk_put_dry_run(const char *program, const struct tk_load_conf *conf, uint64_t n);

struct tk_plan;

/* What --print-config prints: program, arguments, options and where each comes from, and the plan (NULL:
 * none) as JSON on standard output, without secrets. Returns enum tk_exit. */
int tk_put_config(const struct tk_opt_command *c, const void *values, const struct tk_opt_result *r,
                  const struct tk_plan *plan);

/* Parse the words of a command. -1: go on; otherwise the command's exit status: help was printed,
 * or an error. `values` and `res` are released by the caller in any case. */
int tk_parse(const struct tk_opt_command *c, int argc, char **argv, void *values,
             struct tk_opt_result *res);

/* Columns of the terminal on standard output; 80 where it is none. */
unsigned tk_columns(void);

#endif
