/* main.c - which command the words name
 *
 *   tokmark COMMAND …        the table below
 *   vllm bench serve …       called under that name (a link): the words of that tool
 *
 * A name that the program is called by is looked up in `aliases`; everything else about a command
 * is in its own file.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/argv.h"
#include "cli/cli.h"
#include "cli/exit.h"

static const struct tk_command *const commands[] = {
    &tk_cmd_run, &tk_cmd_vllm, &tk_cmd_sim, &tk_cmd_report, &tk_cmd_selftest, &tk_cmd_tokenize,
};

/* Called under one of these names, the program is that command. */
static const struct {
    const char *name;
    const struct tk_command *command;
} aliases[] = {
    { "vllm", &tk_cmd_vllm },
};

static int help(void)
{
    printf(
        "Usage: tokmark COMMAND [options]\n\n"
        "Measure servers of large language models: a known load, figures that can be trusted.\n\n"
        "Commands:\n");
    for (size_t i = 0; i < TK_ARRAY_LEN(commands); i++)
        printf("  %-8s %s\n", commands[i]->name, commands[i]->about);
    printf("\n`tokmark COMMAND --help` lists the options of a command.\n\n" TK_EXIT_HELP);
    return fflush(stdout) == 0 ? TK_EXIT_OK : TK_EXIT_FAILED;
}

static int version(void)
{
    printf("tokmark " TK_VERSION "\n");
    return fflush(stdout) == 0 ? TK_EXIT_OK : TK_EXIT_FAILED;
}

static int unknown(const char *word)
{
    const char *names[TK_ARRAY_LEN(commands) + 2] = { "--help", "--version" };

    for (size_t i = 0; i < TK_ARRAY_LEN(commands); i++)
        names[i + 2] = commands[i]->name;
    const char *close = tk_opt_closest(word, names, TK_ARRAY_LEN(names));
    if (word[0] == '-') {
        if (close)
            tk_say("tokmark", "unknown option '%s'; did you mean '%s'?", word, close);
        else
            tk_say("tokmark", "the command comes before its options; tokmark --help lists them");
        return TK_EXIT_USAGE;
    }
    if (close)
        tk_say("tokmark", "there is no command '%s'; did you mean '%s'?", word, close);
    else
        tk_say("tokmark", "there is no command '%s'; tokmark --help lists them", word);
    return TK_EXIT_USAGE;
}

static const struct tk_command *find_command(const char *word)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i]->name, word) == 0)
            return commands[i];
    }
    return NULL;
}

/* `tokmark help run` */
static int help_of(const char *word)
{
    const struct tk_command *c = find_command(word);
    char name[32], option[] = "--help";

    if (!c)
        return unknown(word);
    (void)snprintf(name, sizeof(name), "%s", word);
    return c->run(2, (char *[]){ name, option, NULL });
}

/* Whether the word is one of these; NULL is none. */
static bool is_any(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || (c && strcmp(word, c) == 0);
}

static const struct tk_command *by_program_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    for (size_t i = 0; i < TK_ARRAY_LEN(aliases); i++) {
        if (strcmp(aliases[i].name, name) == 0)
            return aliases[i].command;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that left is an error of a write, not our end */
    tk_log_init(getenv("TK_LOG"));
    argv = tk_argv_take(argc, argv);
    if (!argv) {
        tk_say("tokmark", "no memory");
        return TK_EXIT_FAILED;
    }
    const struct tk_command *self = argc > 0 ? by_program_name(argv[0]) : NULL;
    if (self)
        return self->run(argc, argv);
    if (argc < 2) {
        tk_say("tokmark", "which command? tokmark --help lists them");
        return TK_EXIT_USAGE;
    }
    const char *word = argv[1];
    bool is_help = is_any(word, "--help", "-h", "help");
    if (is_help && argc > 2)
        return help_of(argv[2]);
    if (is_help)
        return help();
    bool is_version = argc == 3 && is_any(argv[2], "--version", "-V", NULL); /* after a command */
    if (is_version || is_any(word, "--version", "-V", "version"))
        return version();
    const struct tk_command *c = find_command(word);
    return c ? c->run(argc - 1, argv + 1) : unknown(word);
}
