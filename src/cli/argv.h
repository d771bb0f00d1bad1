/* argv.h - secrets on the command line, out of everybody's sight */
#ifndef TK_CLI_ARGV_H
#define TK_CLI_ARGV_H

/* A copy of the words, for the rest of the program's life; in `argv` itself, which every user of the
 * machine can read (/proc/PID/cmdline), values of secret headers become asterisks. NULL: no memory. */
char **tk_argv_take(int argc, char **argv);

#endif
