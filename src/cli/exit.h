/* exit.h - what the program's exit status means; the manual's list is made from this one
 *
 * Where several hold, in this order: 130, 1 (and 2), 4, 3. Whoever asks for --strict wants to know first
 * whether the figures count at all; failures may be the client's doing too.
 *
 * `tokmark vllm` keeps its tool's habits: 0 also when requests failed, 1 for what was wrong after
 * the command line had been read, 2 for the command line.
 */
#ifndef TK_CLI_EXIT_H
#define TK_CLI_EXIT_H

enum tk_exit {
    TK_EXIT_OK = 0,           /* done; of a run: every request succeeded */
    TK_EXIT_FAILED = 1,       /* it could not be done: server, files, memory */
    TK_EXIT_USAGE = 2,        /* the command line, or a file that it names, makes no sense */
    TK_EXIT_SOME_FAILED = 3,  /* the run was done, and at least one request failed */
    TK_EXIT_CLIENT_LIMIT = 4, /* --strict: the client was the limit, its figures do not hold */
    TK_EXIT_INTERRUPTED =
        130, /* Ctrl-C, or SIGTERM; of a run: what was done until then is reported */
};

#define TK_EXIT_HELP "Exit status:\n" TK_EXIT_LIST

#define TK_EXIT_LIST                                                               \
    "  0    done, every request succeeded\n"                                       \
    "  1    it could not be done\n"                                                \
    "  2    the command line, or a file that it names, makes no sense\n"           \
    "  3    the run was done and at least one request failed\n"                    \
    "  4    with --strict: the client was the limit, so the figures do not hold\n" \
    "  130  stopped by Ctrl-C or SIGTERM; what was done is reported\n"

#endif
