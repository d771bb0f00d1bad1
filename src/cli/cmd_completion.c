/* cmd_completion.c - `tokmark completion SHELL`: a script that completes the words of all commands */
#include <string.h>

#include "cli/cli.h"
#include "cli/exit.h"

#define PROGRAM "tokmark completion"
#define MAX_TEXT ((size_t)4 << 20)

static const struct {
    const char *name;
    int (*make)(const struct tk_opt_program *p, struct tk_buf *out);
} shells[] = {
    { "bash", tk_opt_complete_bash },
    { "zsh", tk_opt_complete_zsh },
    { "fish", tk_opt_complete_fish },
};

static const struct tk_opt_command command = {
    .name = PROGRAM,
    .synopsis = "bash|zsh|fish",
    .about =
        "Print a script that completes commands, options and their values in a shell. For the "
        "shell that runs: in bash and zsh eval \"$(tokmark completion bash)\" (or zsh), in fish "
        "tokmark completion fish | source. An installed package has the scripts in their places.",
    .arg_words = "bash zsh fish",
};

static int print(size_t i)
{
    struct tk_buf out = TK_BUF_INIT(MAX_TEXT);
    int rc = shells[i].make(tk_program(), &out);
    bool is_put = false;

    if (rc == 0)
        is_put = tk_put(PROGRAM, tk_buf_str(&out));
    else
        tk_say(PROGRAM, "the script could not be made: %s", tk_err_text(rc));
    tk_buf_release(&out);
    return is_put ? TK_EXIT_OK : TK_EXIT_FAILED;
}

static int print_for(const struct tk_opt_list *args)
{
    if (args->n != 1) {
        tk_say(PROGRAM, "for which shell? bash, zsh or fish");
        return TK_EXIT_USAGE;
    }
    for (size_t i = 0; i < TK_ARRAY_LEN(shells); i++) {
        if (strcmp(args->v[0], shells[i].name) == 0)
            return print(i);
    }
    tk_say(PROGRAM, "there is no script for '%s'; bash, zsh and fish have one", args->v[0]);
    return TK_EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    struct tk_opt_result res = { 0 };
    int status = tk_parse(&command, argc, argv, NULL, &res);

    if (status < 0)
        status = print_for(&res.args);
    tk_opt_release(&command, NULL, &res);
    return status;
}

const struct tk_command tk_cmd_completion = {
    .name = "completion",
    .about = "print a script that completes words in bash, zsh or fish",
    .opts = &command,
    .run = run,
};
