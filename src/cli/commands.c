/* commands.c - the table of commands, and the program as help, manual and completion see it */
#include <string.h>

#include "cli/cli.h"
#include "cli/exit.h"

const struct tk_command *const tk_commands[] = {
    &tk_cmd_run,      &tk_cmd_vllm,     &tk_cmd_sim,        &tk_cmd_report,
    &tk_cmd_selftest, &tk_cmd_tokenize, &tk_cmd_completion, NULL,
};

static struct tk_opt_entry entries[TK_ARRAY_LEN(tk_commands) - 1];

const struct tk_opt_program *tk_program(void)
{
    static const struct tk_opt_program program = {
        .name = "tokmark",
        .version = TK_VERSION,
        .about = "measure servers of large language models",
        .exit_status = TK_EXIT_LIST,
        .entries = entries,
        .n_entries = TK_ARRAY_LEN(entries),
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(entries); i++)
        entries[i] = (struct tk_opt_entry){
            .word = tk_commands[i]->name,
            .about = tk_commands[i]->about,
            .command = tk_commands[i]->opts,
        };
    return &program;
}

const struct tk_command *tk_command_find(const char *word)
{
    for (size_t i = 0; tk_commands[i]; i++) {
        if (strcmp(tk_commands[i]->name, word) == 0)
            return tk_commands[i];
    }
    return NULL;
}
