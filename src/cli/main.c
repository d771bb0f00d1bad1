/* main.c - which command the words name
 *
 *   tokmark COMMAND …        the table in commands.c
 *   vllm bench serve …       called under that name (a link): the words of that tool
 *
 * A name that the program is called by is looked up in `aliases`; everything else about a command
 * is in its own file.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/argv.h"
#include "cli/cli.h"
#include "cli/exit.h"

/* Called under one of these names, the program is that command. */
static const struct {
    const char *name;
    const struct tk_command *command;
} aliases[] = {
    { "vllm", &tk_cmd_vllm },
};

static int version(void)
{
    printf("tokmark " TK_VERSION "\n");
    return fflush(stdout) == 0 ? TK_EXIT_OK : TK_EXIT_FAILED;
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

/* Without a buffer of standard error, which may need memory too. */
static void on_no_memory(void)
{
    static const char words[] = "tokmark: no memory\n";

    (void)!write(STDERR_FILENO, words, sizeof(words) - 1);
    _exit(TK_EXIT_FAILED);
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that left is an error of a write, not our end */
    tk_json_on_no_memory(on_no_memory);
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
    if (is_any(word, "--help", "-h", "help"))
        return tk_help(argc - 1, argv + 1);
    const struct tk_command *c = tk_command_find(word);
    bool is_version = argc == 3 && is_any(argv[2], "--version", "-V", NULL) &&
                      !(c && c->tells_version); /* after a command */
    if (is_version || is_any(word, "--version", "-V", "version"))
        return version();
    return c ? c->run(argc - 1, argv + 1) : tk_unknown_command(word);
}
