/* cmd_help.c - `tokmark help`: the commands, or one of them
 *
 *   tokmark help [COMMAND]               as --help
 *   tokmark help --man [COMMAND]         a page of the manual in roff; the build installs them
 *   tokmark help --markdown COMMAND      the same as Markdown; docs/options has them
 *   tokmark help --list                  the commands, for scripts that want the pages
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/exit.h"

#define PROGRAM "tokmark help"
#define MAX_TEXT ((size_t)4 << 20)

static int help(void)
{
    printf(
        "Usage: tokmark COMMAND [options]\n\n"
        "Measure servers of large language models: a known load, figures that can be trusted.\n\n"
        "Commands:\n");
    for (size_t i = 0; tk_commands[i]; i++)
        printf("  %-10s %s\n", tk_commands[i]->name, tk_commands[i]->about);
    printf("\n`tokmark COMMAND --help` lists the options of a command.\n\n" TK_EXIT_HELP);
    return fflush(stdout) == 0 ? TK_EXIT_OK : TK_EXIT_FAILED;
}

static int list(void)
{
    for (size_t i = 0; tk_commands[i]; i++)
        printf("%s\n", tk_commands[i]->name);
    return fflush(stdout) == 0 ? TK_EXIT_OK : TK_EXIT_FAILED;
}

int tk_unknown_command(const char *word)
{
    const char *names[64] = { "--help", "--version" };
    size_t n = 2;

    for (size_t i = 0; tk_commands[i] && n < TK_ARRAY_LEN(names); i++)
        names[n++] = tk_commands[i]->name;
    const char *close = tk_opt_closest(word, names, n);
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

/* `tokmark help run` */
static int help_of(const char *word)
{
    const struct tk_command *c = tk_command_find(word);
    char name[32], option[] = "--help";

    if (!c)
        return tk_unknown_command(word);
    (void)snprintf(name, sizeof(name), "%s", word);
    return c->run(2, (char *[]){ name, option, NULL });
}

/* A page that was made, with this outcome. */
static int put_page(int rc, struct tk_buf *page)
{
    bool is_put = rc == 0 && tk_put(PROGRAM, tk_buf_str(page));

    if (rc != 0)
        tk_say(PROGRAM, "the page could not be made: %s", tk_err_text(rc));
    tk_buf_release(page);
    return is_put ? TK_EXIT_OK : TK_EXIT_FAILED;
}

static int page_of(bool is_man, const char *word)
{
    const struct tk_opt_program *p = tk_program();
    struct tk_buf out = TK_BUF_INIT(MAX_TEXT);
    size_t i = 0;

    while (i < p->n_entries && strcmp(p->entries[i].word, word) != 0)
        i++;
    if (i == p->n_entries)
        return tk_unknown_command(word);
    int rc = is_man ? tk_opt_man(p, i, &out) : tk_opt_markdown(p->entries[i].command, &out);
    return put_page(rc, &out);
}

static int program_page(void)
{
    struct tk_buf out = TK_BUF_INIT(MAX_TEXT);
    int rc = tk_opt_man_program(tk_program(), &out);

    return put_page(rc, &out);
}

int tk_help(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : NULL, *second = argc > 2 ? argv[2] : NULL;

    if (!first)
        return help();
    if (strcmp(first, "--list") == 0)
        return list();
    if (strcmp(first, "--man") == 0)
        return second ? page_of(true, second) : program_page();
    if (strcmp(first, "--markdown") == 0 && second)
        return page_of(false, second);
    return help_of(first);
}
