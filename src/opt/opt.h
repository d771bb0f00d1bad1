/* opt.h - the option table: parsing, ranges, help, errors with a suggestion, all from one table
 *
 * A command is a const array of struct tk_opt and a struct that the values go into. Help, the manual,
 * completion and the echo of the configuration are made from the same table, so an option cannot exist
 * without its default and its words.
 */
#ifndef TK_OPT_OPT_H
#define TK_OPT_OPT_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"

struct tk_jsonw;

enum tk_opt_type {
    TK_OPT_FLAG,   /* bool; `--x`, and `--no-x` where `is_negatable` */
    TK_OPT_STR,    /* const char *; points into argv, the environment, or to the default */
    TK_OPT_INT,    /* int64_t; suffixes k, M, G unless is_plain */
    TK_OPT_DOUBLE, /* double; inf allowed when max is INFINITY */
    TK_OPT_DUR,    /* tk_ns */
    TK_OPT_RATE,   /* double, per second; inf allowed without a range, or when max is INFINITY */
    TK_OPT_CHOICE, /* const char *, one of `choices` */
    TK_OPT_LIST,   /* struct tk_opt_list: may be given several times, which adds; is_many: takes
                      words until the next option. Its default and its environment variable are
                      words with spaces between */
};

struct tk_opt_list {
    const char **v; /* owned: freed by tk_opt_release() */
    size_t n;
};

struct tk_opt {
    const char *name; /* without dashes: "max-concurrency" */
    char letter;      /* 'c', or 0 */
    enum tk_opt_type type;
    size_t at;           /* offsetof() in the values' struct */
    const char *value;   /* name of the value in help: "N"; NULL for flags. One that says FILE or
                            FOLDER is completed so; what is small in "FILE|words" is a word */
    const char *unit;    /* "requests/s", or NULL */
    const char *def;     /* default as one would type it; NULL: none (pointer NULL, number 0) */
    double min, max;     /* numbers and durations (seconds); both 0: no range */
    const char *choices; /* "a b c" */
    const char *env;     /* environment variable that gives the default, or NULL */
    const char *group;   /* heading in help */
    const char *help;    /* one or two sentences, lower case, no full stop at the end */
    bool is_negatable, is_many, is_plain, is_hidden, is_secret;
    bool may_be_none; /* of many: no word at all is an empty list */
    /* append the text without the secrets that may be in it: what outputs show; NULL: there are none */
    int (*mask)(const char *text, struct tk_buf *out);
};

/* What to say of a name that is not in the table but that people try. */
struct tk_opt_hint {
    const char *name; /* without dashes */
    const char *text; /* follows "unknown option '--name': " */
};

struct tk_opt_command {
    const char *name;      /* "tokmark run" */
    const char *synopsis;  /* "URL [options]" */
    const char *about;     /* a paragraph */
    const char *examples;  /* lines, or NULL */
    const char *arg_words; /* what its arguments may be: "bash zsh"; NULL: anything */
    const char *arg_files; /* … are files whose names end so: ".tokmark", "" for all; NULL: no */
    const struct tk_opt *opts;
    size_t n_opts;
    const struct tk_opt_hint *hints; /* may be NULL */
    size_t n_hints;
    bool allows_abbreviation; /* an unambiguous prefix of a name is accepted (argparse does) */
    size_t
        n_first; /* a prefix means one of the first so many options when it can; 0: all are alike */
    bool treats_underscore_as_dash;
    bool speaks_argparse; /* complains in the words of Python's argparse, takes no arguments */
};

/* A program of several commands: what completion and manual are made from. */
struct tk_opt_entry {
    const char *word;  /* as it is typed: "run" */
    const char *about; /* one line */
    const struct tk_opt_command *command;
};

struct tk_opt_program {
    const char *name, *version;
    const char *about;       /* a paragraph */
    const char *exit_status; /* lines of a number and what it means */
    const struct tk_opt_entry *entries;
    size_t n_entries;
};

struct tk_opt_result {
    struct tk_opt_list args; /* what is no option; points into argv */
    bool wants_help;         /* --help or -h stood there */
    bool *is_given;          /* per option of the table: stood in argv; owned */
};

/* Parse into `values`, which the caller zeroed: argv (without the program's name), else the
 * environment, else the default. `--x value`, `--x=value`, `-x value`, `-xvalue`, flags together as
 * in `-ab`; `--` ends the options; a word is a value unless it names an option. At --help or -h it
 * stops and values are not complete.
 * 0, or TK_E_FORMAT / TK_E_RANGE / TK_E_NOT_FOUND with a message for people, a suggestion for a
 * mistyped name included, or -ENOMEM; nothing is to be released then. Secrets are not repeated in
 * messages. */
int tk_opt_parse(const struct tk_opt_command *c, int argc, char **argv, void *values,
                 struct tk_opt_result *ret, struct tk_err *reterr);

/* Free lists and the result; may be called twice. */
void tk_opt_release(const struct tk_opt_command *c, void *values, struct tk_opt_result *r);

/* Text for `--help`, `width` columns (at least 40). 0 or the buffer's code, here and below. */
int tk_opt_help(const struct tk_opt_command *c, unsigned width, struct tk_buf *out);

/* One page of the manual, Markdown. */
int tk_opt_markdown(const struct tk_opt_command *c, struct tk_buf *out);

/* A page of the manual in roff's man macros: of the program's command `i`, or of all together. */
int tk_opt_man(const struct tk_opt_program *p, size_t i, struct tk_buf *out);
int tk_opt_man_program(const struct tk_opt_program *p, struct tk_buf *out);

/* Scripts that complete the program's words in a shell: commands, options, their choices, files. */
int tk_opt_complete_bash(const struct tk_opt_program *p, struct tk_buf *out);
int tk_opt_complete_zsh(const struct tk_opt_program *p, struct tk_buf *out);
int tk_opt_complete_fish(const struct tk_opt_program *p, struct tk_buf *out);

/* The values as one JSON object by option names, in the table's order, hidden ones too, each with where
 * it comes from: {"rate":{"value":5.0,"from":"command line"},…}. Durations are in seconds, infinity is
 * "inf", secrets that are set "***"; from is "command line", "environment", "default", or null, and then
 * the value is null too: not set. Each has a line of its own where the writer is pretty. 0 or -ENOMEM;
 * the writer's buffer fails by itself. */
int tk_opt_put_config(const struct tk_opt_command *c, const void *values,
                      const struct tk_opt_result *r, struct tk_jsonw *w);

/* Call `each` with a word for each option that was given, "--name=value", in the table's order; of a list
 * with one for each element. Parsed again they give the same values. `word` lives during the call. 0, or
 * the code of the first call that is not 0, or of memory. */
int tk_opt_words(const struct tk_opt_command *c, const void *values, const bool *is_given,
                 int (*each)(void *owner, const struct tk_opt *o, const char *word), void *owner);

/* The option that a word's name, without dashes, stands for where it is parsed: its own or an
 * abbreviation. NULL: none, or several. */
const struct tk_opt *tk_opt_find(const struct tk_opt_command *c, struct tk_str name);

/* The closest of the names, or NULL when none is close: for "did you mean". */
const char *tk_opt_closest(const char *word, const char *const *names, size_t n);

#endif
