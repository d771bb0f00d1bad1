/* The table as manual pages and scripts see it: words that would be mistaken for roff or for the shell's. */
#include <errno.h>

#include "opt/opt.h"

#include "failmalloc.h"
#include "tap.h"

static const struct tk_opt table[] = {
    { "concurrency", 'c', TK_OPT_INT, 0, .value = "N", .def = "1", .min = 1, .max = 9,
      .help = ".at most; not --more" },
    { "stream", 0, TK_OPT_FLAG, 0, .def = "true", .help = "a server's [stream]",
      .is_negatable = true },
    { "kind", 0, TK_OPT_CHOICE, 0, .value = "WORD", .choices = "one two", .help = "a:b" },
    { "data", 0, TK_OPT_STR, 0, .value = "FILE|words", .help = "C:\\path" },
    { "to", 0, TK_OPT_STR, 0, .value = "FOLDER" },
    { "header", 'H', TK_OPT_LIST, 0, .value = "'N: V'", .help = "one", .group = "more" },
    { "ghost", 0, TK_OPT_FLAG, 0, .is_hidden = true },
};

static const struct tk_opt_command commands[] = {
    { .name = "p run",
      .synopsis = "URL [options]",
      .about = "Runs, as in 'p run'.\n.Not a request.",
      .examples = ".p run\np run --to 'a\\b'\n",
      .opts = table,
      .n_opts = TK_ARRAY_LEN(table) },
    { .name = "p show", .arg_files = ".x" },
    { .name = "p pick", .arg_words = "red blue" },
};

static const struct tk_opt_entry entries[] = {
    { "run", "it's run", &commands[0] },
    { "show", "shows", &commands[1] },
    { "pick", "picks", &commands[2] },
};

static const struct tk_opt_program program = {
    .name = "p",
    .version = "1.2",
    .about = "does it",
    .exit_status = "  0    fine\n  1    not\n",
    .entries = entries,
    .n_entries = TK_ARRAY_LEN(entries),
};

static const char want_man[] = ".\\\" Made from the table of options; not to be changed by hand.\n"
                               ".TH \"P\\-RUN\" 1 \"\" \"p 1.2\" \"User Commands\"\n"
                               ".SH NAME\n"
                               "p\\-run \\- it\\(aqs run\n"
                               ".SH SYNOPSIS\n"
                               ".B p run\n"
                               "URL [options]\n"
                               ".SH DESCRIPTION\n"
                               "Runs, as in 'p run'.\n"
                               ".PP\n"
                               "\\&.Not a request.\n"
                               ".SH OPTIONS\n"
                               ".SS \"Options\"\n"
                               ".TP\n"
                               ".B \\-c, \\-\\-concurrency N\n"
                               "\\&.at most; not \\-\\-more.\n"
                               "From 1 to 9; default 1.\n"
                               ".TP\n"
                               ".B \\-\\-[no\\-]stream\n"
                               "A server's [stream].\n"
                               "Default true.\n"
                               ".TP\n"
                               ".B \\-\\-kind WORD\n"
                               "A:b.\n"
                               "One of one, two.\n"
                               ".TP\n"
                               ".B \\-\\-data FILE|words\n"
                               "C:\\epath.\n"
                               ".TP\n"
                               ".B \\-\\-to FOLDER\n"
                               ".SS \"More\"\n"
                               ".TP\n"
                               ".B \\-H, \\-\\-header \\(aqN: V\\(aq\n"
                               "One.\n"
                               "May be given several times.\n"
                               ".SS \"Help\"\n"
                               ".TP\n"
                               ".B \\-h, \\-\\-help\n"
                               "Show a short text.\n"
                               ".SH EXAMPLES\n"
                               ".EX\n"
                               "\\&.p run\n"
                               "\\&p run \\-\\-to \\(aqa\\eb\\(aq\n"
                               ".EE\n"
                               ".SH SEE ALSO\n"
                               ".BR p (1)\n";

static const char want_program[] =
    ".\\\" Made from the table of options; not to be changed by hand.\n"
    ".TH \"P\" 1 \"\" \"p 1.2\" \"User Commands\"\n"
    ".SH NAME\n"
    "p \\- does it\n"
    ".SH SYNOPSIS\n"
    ".B p\n"
    "command [options]\n"
    ".SH COMMANDS\n"
    ".TP\n.BR p\\-run (1)\nIt's run.\n"
    ".TP\n.BR p\\-show (1)\nShows.\n"
    ".TP\n.BR p\\-pick (1)\nPicks.\n"
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nfine\n"
    ".TP\n.B 1\nnot\n";

static void man(void)
{
    struct tk_buf out = TK_BUF_INIT(1 << 16);

    T_EQ_I(tk_opt_man(&program, 0, &out), 0, "a page");
    T_EQ_S(out.p, want_man, "its text");
    tk_buf_reset(&out);
    T_EQ_I(tk_opt_man_program(&program, &out), 0, "the program's page");
    T_EQ_S(out.p, want_program, "its text");
    tk_buf_reset(&out);
    T_EQ_I(tk_opt_man(&program, 1, &out), 0, "a page of little");
    T_OK(strstr(out.p, ".SH SYNOPSIS\n.B p show\n[options]\n.SH DESCRIPTION\nshows\n"), "its text");
    tk_buf_release(&out);
}

static const struct {
    const char *shell;
    int (*make)(const struct tk_opt_program *p, struct tk_buf *out);
    const char *parts[12];
} shells[] = {
    { "bash",
      tk_opt_complete_bash,
      { "_p_words 'run show pick help --help --version'\n",
        "        run:--concurrency | run:-c) return ;;\n",
        "        run:--kind) _p_words 'one two'; return ;;\n",
        "        run:--data) _p_files '' 'words'; return ;;\n",
        "        run:--to) _p_files '/' ''; return ;;\n",
        "            run) _p_words '--concurrency --stream --no-stream --kind --data --to --header --help' ;;\n",
        "        show) _p_files '.x' '' ;;\n        pick) _p_words 'red blue' ;;\n",
        "complete -F _p p\n" } },
    { "zsh",
      tk_opt_complete_zsh,
      { "        'run:it'\\''s run'\n", "'(-c --concurrency)-c+[.at most; not --more]:N: ' \\\n",
        "'(--no-stream --stream)--no-stream[a server'\\''s \\[stream\\]]' \\\n",
        "'--kind=[a:b]:WORD:(one two)' \\\n",
        "'--data=[C:\\\\path]:FILE|words:{_files; compadd words}' \\\n",
        "'--to=[]:FOLDER:_files -/' \\\n", "'*-H+[one]:'\\''N\\: V'\\'': ' \\\n",
        "'*:file:_files -g \"*.x\"'\n", "'1:word:(red blue)'\n" } },
    { "fish",
      tk_opt_complete_fish,
      { "-a run -d 'it\\'s run'\n", "from run' -l concurrency -s c -x -d '.at most; not --more'\n",
        "from run' -l kind -x -a 'one two' -d 'a:b'\n",
        "from run' -l data -r -F -a 'words' -d 'C:\\\\path'\n",
        "from run' -l to -x -a '(__fish_complete_directories)'",
        "from show' -F -a '(__fish_complete_suffix .x)'\n", "from pick' -a 'red blue'\n" } },
};

static void scripts(void)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(shells); i++) {
        struct tk_buf out = TK_BUF_INIT(1 << 16);

        T_EQ_I(shells[i].make(&program, &out), 0, "%s", shells[i].shell);
        for (size_t k = 0; shells[i].parts[k]; k++)
            T_OK(strstr(out.p, shells[i].parts[k]), "%s has %s", shells[i].shell,
                 shells[i].parts[k]);
        T_OK(!strstr(out.p, "ghost") && !strstr(out.p, "%1$s"), "%s: and nothing else",
             shells[i].shell);
        tk_buf_release(&out);
    }
}

static int man_of_run(const struct tk_opt_program *p, struct tk_buf *out)
{
    return tk_opt_man(p, 0, out);
}

static void limits(void)
{
    static int (*const makers[])(const struct tk_opt_program *p, struct tk_buf *out) = {
        man_of_run,          tk_opt_man_program,   tk_opt_complete_bash,
        tk_opt_complete_zsh, tk_opt_complete_fish,
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(makers); i++) {
        struct tk_buf out = TK_BUF_INIT(100);
        T_EQ_I(makers[i](&program, &out), TK_E_LIMIT, "text %zu without room", i);
        tk_buf_release(&out);
        for (int n = 1;; n++) {
            out = (struct tk_buf)TK_BUF_INIT(1 << 16);
            tk_failmalloc_at(n);
            int rc = makers[i](&program, &out);
            bool failed = tk_failmalloc_off();
            tk_buf_release(&out);
            if (!failed) {
                T_EQ_I(rc, 0, "text %zu with memory", i);
                break;
            }
            if (rc != -ENOMEM)
                T_EQ_I(rc, -ENOMEM, "text %zu without allocation %d", i, n);
        }
    }
}

int main(void)
{
    man();
    scripts();
    limits();
    return T_DONE();
}
