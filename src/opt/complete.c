/* complete.c - scripts that complete the words of a program in bash, zsh and fish
 *
 * One script holds all commands. It knows of each option whether it takes a value, and of the value
 * whether it is one of some words, a file, a folder, or something that cannot be guessed: then nothing
 * is offered, rather than the files of the folder.
 */
#include <string.h>

#include "base/str.h"
#include "opt/inside.h"

#define BRIEF_BYTES 72   /* of an option's help, for shells that show it beside the option */
#define THOUGHT_BYTES 16 /* a first thought that is shorter says too little by itself */

/* --- what a value is --- */

/* "a b c" of a choice, and the small parts of "FILE|words". */
static void add_words(const struct tk_opt *o, struct tk_buf *out)
{
    struct tk_str rest = tk_str_of(o->value ? o->value : ""), part;

    if (o->type == TK_OPT_CHOICE) {
        tk_buf_add_z(out, o->choices);
        return;
    }
    if (!memchr(rest.p, '|', rest.n))
        return;
    while (tk_str_split(&rest, '|', &part)) {
        if (part.n > 0 && part.p[0] >= 'a' && part.p[0] <= 'z')
            tk_buf_addf(out, "%.*s", TK_STR_ARG(part));
    }
}

static bool says(const struct tk_opt *o, const char *word)
{
    return o->value && strstr(o->value, word);
}

static bool is_file(const struct tk_opt *o)
{
    return says(o, "FILE");
}

static bool is_folder(const struct tk_opt *o)
{
    return says(o, "FOLDER") || says(o, "DIR");
}

static bool takes_value(const struct tk_opt *o)
{
    return o->type != TK_OPT_FLAG;
}

/* The first thought of the help, cut where it gets long. */
static struct tk_str brief_of(const struct tk_opt *o)
{
    struct tk_str s = tk_str_of(o->help ? o->help : "");

    for (size_t i = THOUGHT_BYTES; i + 1 < s.n; i++) {
        if (strchr(";:(", s.p[i])) {
            s.n = i;
            break;
        }
    }
    if (s.n > BRIEF_BYTES) {
        s.n = BRIEF_BYTES;
        while (s.n > 0 && s.p[s.n] != ' ')
            s.n--;
    }
    while (s.n > 0 && strchr(" ,", s.p[s.n - 1]))
        s.n--;
    return s;
}

/* In single quotes of a shell; `escaped` get a backslash. */
static void add_quoted(struct tk_str s, const char *quote, const char *escaped, struct tk_buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'') {
            tk_buf_add_z(out, quote);
            continue;
        }
        if (strchr(escaped, s.p[i]))
            tk_buf_add_c(out, '\\');
        tk_buf_add_c(out, s.p[i]);
    }
}

static void add_commands(const struct tk_opt_program *p, struct tk_buf *out)
{
    for (size_t i = 0; i < p->n_entries; i++)
        tk_buf_addf(out, "%s%s", i ? " " : "", p->entries[i].word);
}

/* --- bash --- */

static const char bash_begin[] =
    "# bash completion for %1$s, made by `%1$s completion bash`\n"
    "\n"
    "# Names of files that end in $1, folders, and the words of $2.\n"
    "_%1$s_files()\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(\n"
    "        compgen -W \"$2\" -- \"$cur\"\n"
    "        if [[ $1 == / ]]; then\n"
    "            compgen -d -- \"$cur\"\n"
    "        elif [[ $1 ]]; then\n"
    "            compgen -f -X \"!*$1\" -- \"$cur\"\n"
    "            compgen -d -- \"$cur\"\n"
    "        else\n"
    "            compgen -f -- \"$cur\"\n"
    "        fi\n"
    "    )\n"
    "}\n"
    "\n"
    "_%1$s_words()\n"
    "{\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "_%1$s()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=\n"
    "    COMPREPLY=()\n"
    "    ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    if [[ $cur == '=' ]]; then # --option=\n"
    "        cur=\n"
    "    elif [[ $prev == '=' ]] && ((COMP_CWORD > 1)); then # --option=value\n"
    "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    if ((COMP_CWORD == 1)); then\n"
    "        _%1$s_words '";

/* "run:--output | run:-o" */
static void add_patterns(const struct tk_opt_entry *e, const struct tk_opt *o, struct tk_buf *out)
{
    tk_buf_addf(out, "        %s:--%s", e->word, o->name);
    if (o->letter)
        tk_buf_addf(out, " | %s:-%c", e->word, o->letter);
    tk_buf_add_z(out, ") ");
}

static void bash_value(const struct tk_opt_program *p, const struct tk_opt_entry *e,
                       const struct tk_opt *o, struct tk_buf *out)
{
    struct tk_buf words = TK_BUF_INIT(4096);

    add_words(o, &words);
    add_patterns(e, o, out);
    if (is_file(o) || is_folder(o))
        tk_buf_addf(out, "_%s_files '%s' '%s'; return ;;\n", p->name, is_folder(o) ? "/" : "",
                    words.p ? words.p : "");
    else if (words.n > 0)
        tk_buf_addf(out, "_%s_words '%s'; return ;;\n", p->name, words.p);
    else
        tk_buf_add_z(out, "return ;;\n");
    tk__opt_end_piece(&words, out);
}

static void bash_values(const struct tk_opt_program *p, struct tk_buf *out)
{
    tk_buf_add_z(out, "    case ${COMP_WORDS[1]}:$prev in\n");
    for (size_t i = 0; i < p->n_entries; i++) {
        const struct tk_opt_command *c = p->entries[i].command;
        for (size_t k = 0; k < c->n_opts; k++) {
            if (takes_value(&c->opts[k]) && !c->opts[k].is_hidden)
                bash_value(p, &p->entries[i], &c->opts[k], out);
        }
    }
    tk_buf_add_z(out, "    esac\n");
}

static void bash_options(const struct tk_opt_program *p, struct tk_buf *out)
{
    tk_buf_add_z(out, "    if [[ $cur == -* ]]; then\n        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < p->n_entries; i++) {
        const struct tk_opt_command *c = p->entries[i].command;
        tk_buf_addf(out, "            %s) _%s_words '", p->entries[i].word, p->name);
        for (size_t k = 0; k < c->n_opts; k++) {
            if (c->opts[k].is_hidden)
                continue;
            tk_buf_addf(out, "--%s ", c->opts[k].name);
            if (c->opts[k].is_negatable)
                tk_buf_addf(out, "--no-%s ", c->opts[k].name);
        }
        tk_buf_addf(out, "%s' ;;\n", tk__opt_has_help(c) ? "" : "--help");
    }
    tk_buf_add_z(out, "        esac\n        return\n    fi\n");
}

static void bash_arguments(const struct tk_opt_program *p, struct tk_buf *out)
{
    tk_buf_add_z(out, "    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < p->n_entries; i++) {
        const struct tk_opt_command *c = p->entries[i].command;
        if (c->arg_files)
            tk_buf_addf(out, "        %s) _%s_files '%s' '' ;;\n", p->entries[i].word, p->name,
                        c->arg_files);
        else if (c->arg_words)
            tk_buf_addf(out, "        %s) _%s_words '%s' ;;\n", p->entries[i].word, p->name,
                        c->arg_words);
    }
    tk_buf_addf(out, "        help) _%s_words '", p->name);
    add_commands(p, out);
    tk_buf_add_z(out, "' ;;\n    esac\n");
}

/* The name stands wherever the script's `from` has "%1$s": formats must be literals here. */
static void add_with_name(const char *from, const char *name, struct tk_buf *out)
{
    static const char mark[] = "%1$s";

    for (const char *at; (at = strstr(from, mark)) != NULL; from = at + sizeof(mark) - 1) {
        tk_buf_add(out, from, (size_t)(at - from));
        tk_buf_add_z(out, name);
    }
    tk_buf_add_z(out, from);
}

int tk_opt_complete_bash(const struct tk_opt_program *p, struct tk_buf *out)
{
    add_with_name(bash_begin, p->name, out);
    add_commands(p, out);
    tk_buf_add_z(out, " help --help --version'\n        return\n    fi\n");
    bash_values(p, out);
    bash_options(p, out);
    bash_arguments(p, out);
    tk_buf_addf(out, "}\n\ncomplete -F _%s %s\n", p->name, p->name);
    return out->failed;
}

/* --- zsh --- */

#define ZSH_QUOTE "'\\''"

/* ":N: ", ":WORD:(a b)", ":FILE:_files" */
static void zsh_value(const struct tk_opt *o, struct tk_buf *out)
{
    struct tk_buf words = TK_BUF_INIT(4096);

    add_words(o, &words);
    tk_buf_add_c(out, ':');
    add_quoted(tk_str_of(o->value ? o->value : "VALUE"), ZSH_QUOTE, ":\\", out);
    tk_buf_add_c(out, ':');
    if (is_folder(o))
        tk_buf_add_z(out, "_files -/");
    else if (is_file(o) && words.n > 0)
        tk_buf_addf(out, "{_files; compadd %s}", words.p);
    else if (is_file(o))
        tk_buf_add_z(out, "_files");
    else if (words.n > 0)
        tk_buf_addf(out, "(%s)", words.p);
    else
        tk_buf_add_c(out, ' ');
    tk__opt_end_piece(&words, out);
}

/* One form of an option: `dashes` and `name`, and what stands between it and its value. */
static void zsh_form(const struct tk_opt *o, const char *dashes, const char *name, const char *sign,
                     struct tk_buf *out)
{
    tk_buf_add_z(out, "            '");
    if (o->type == TK_OPT_LIST)
        tk_buf_add_c(out, '*');
    else if (o->letter || o->is_negatable) {
        tk_buf_add_z(out, "(");
        if (o->letter)
            tk_buf_addf(out, "-%c ", o->letter);
        if (o->is_negatable)
            tk_buf_addf(out, "--no-%s ", o->name);
        tk_buf_addf(out, "--%s)", o->name);
    }
    tk_buf_addf(out, "%s%s%s[", dashes, name, takes_value(o) ? sign : "");
    add_quoted(brief_of(o), ZSH_QUOTE, "[]\\", out);
    tk_buf_add_c(out, ']');
    if (takes_value(o))
        zsh_value(o, out);
    tk_buf_add_z(out, "' \\\n");
}

static void zsh_option(const struct tk_opt *o, struct tk_buf *out)
{
    char letter[2] = { o->letter, '\0' };
    struct tk_buf no = TK_BUF_INIT(200);

    zsh_form(o, "--", o->name, "=", out);
    if (o->letter)
        zsh_form(o, "-", letter, "+", out);
    if (o->is_negatable) {
        tk_buf_addf(&no, "no-%s", o->name);
        zsh_form(o, "--", no.p ? no.p : "", "", out);
    }
    tk__opt_end_piece(&no, out);
}

static void zsh_command(const struct tk_opt_entry *e, struct tk_buf *out)
{
    const struct tk_opt_command *c = e->command;

    tk_buf_addf(out, "    %s)\n        _arguments -s \\\n", e->word);
    for (size_t k = 0; k < c->n_opts; k++) {
        if (!c->opts[k].is_hidden)
            zsh_option(&c->opts[k], out);
    }
    if (!tk__opt_has_help(c))
        tk_buf_add_z(out, "            '(-h --help)'{-h,--help}'[show a short text]' \\\n");
    if (c->arg_files && c->arg_files[0])
        tk_buf_addf(out, "            '*:file:_files -g \"*%s\"'\n", c->arg_files);
    else if (c->arg_files)
        tk_buf_add_z(out, "            '*:file:_files'\n");
    else if (c->arg_words)
        tk_buf_addf(out, "            '1:word:(%s)'\n", c->arg_words);
    else /* not ' ': its message beside an option would count as another match */
        tk_buf_add_z(out, "            '*:argument:()'\n");
    tk_buf_add_z(out, "        ;;\n");
}

int tk_opt_complete_zsh(const struct tk_opt_program *p, struct tk_buf *out)
{
    tk_buf_addf(out,
                "#compdef %s\n# zsh completion for %s, made by `%s completion zsh`\n\n_%s() {\n",
                p->name, p->name, p->name, p->name);
    tk_buf_add_z(out, "    local -a commands\n    commands=(\n");
    for (size_t i = 0; i < p->n_entries; i++) {
        tk_buf_addf(out, "        '%s:", p->entries[i].word);
        add_quoted(tk_str_of(p->entries[i].about), ZSH_QUOTE, "\\:", out);
        tk_buf_add_z(out, "'\n");
    }
    tk_buf_add_z(out, "        'help:show what a command takes'\n    )\n"
                      "    if (( CURRENT == 2 )); then\n"
                      "        _describe -t commands command commands\n        return\n    fi\n"
                      "    shift words\n    (( CURRENT-- ))\n    case $words[1] in\n");
    for (size_t i = 0; i < p->n_entries; i++)
        zsh_command(&p->entries[i], out);
    tk_buf_addf(
        out,
        "    help) _describe -t commands command commands ;;\n    esac\n}\n\n"
        "if [[ $funcstack[1] == _%s ]]; then\n    _%s \"$@\"\nelse\n    compdef _%s %s\nfi\n",
        p->name, p->name, p->name, p->name);
    return out->failed;
}

/* --- fish --- */

#define FISH_QUOTE "\\'"

static void fish_begin(const struct tk_opt_program *p, const char *word, struct tk_buf *out)
{
    tk_buf_addf(out, "complete -c %s -n '__fish_seen_subcommand_from %s'", p->name, word);
}

static void fish_value(const struct tk_opt *o, struct tk_buf *out)
{
    struct tk_buf words = TK_BUF_INIT(4096);

    add_words(o, &words);
    if (is_folder(o))
        tk_buf_add_z(out, " -x -a '(__fish_complete_directories)'");
    else if (is_file(o))
        tk_buf_add_z(out, " -r -F");
    else
        tk_buf_add_z(out, " -x");
    if (words.n > 0)
        tk_buf_addf(out, " -a '%s'", words.p);
    tk__opt_end_piece(&words, out);
}

static void fish_option(const struct tk_opt_program *p, const char *word, const struct tk_opt *o,
                        struct tk_buf *out)
{
    fish_begin(p, word, out);
    tk_buf_addf(out, " -l %s", o->name);
    if (o->letter)
        tk_buf_addf(out, " -s %c", o->letter);
    if (takes_value(o))
        fish_value(o, out);
    tk_buf_add_z(out, " -d '");
    add_quoted(brief_of(o), FISH_QUOTE, "\\", out);
    tk_buf_add_z(out, "'\n");
    if (!o->is_negatable)
        return;
    fish_begin(p, word, out);
    tk_buf_addf(out, " -l no-%s\n", o->name);
}

static void fish_command(const struct tk_opt_program *p, const struct tk_opt_entry *e,
                         struct tk_buf *out)
{
    const struct tk_opt_command *c = e->command;

    tk_buf_addf(out, "\ncomplete -c %s -n __fish_use_subcommand -a %s -d '", p->name, e->word);
    add_quoted(tk_str_of(e->about), FISH_QUOTE, "\\", out);
    tk_buf_add_z(out, "'\n");
    for (size_t k = 0; k < c->n_opts; k++) {
        if (!c->opts[k].is_hidden)
            fish_option(p, e->word, &c->opts[k], out);
    }
    if (!tk__opt_has_help(c)) {
        fish_begin(p, e->word, out);
        tk_buf_add_z(out, " -l help -s h -d 'show a short text'\n");
    }
    if (c->arg_files || c->arg_words) {
        fish_begin(p, e->word, out);
        if (c->arg_files && c->arg_files[0])
            tk_buf_addf(out, " -F -a '(__fish_complete_suffix %s)'\n", c->arg_files);
        else if (c->arg_files)
            tk_buf_add_z(out, " -F\n");
        else
            tk_buf_addf(out, " -a '%s'\n", c->arg_words);
    }
}

int tk_opt_complete_fish(const struct tk_opt_program *p, struct tk_buf *out)
{
    tk_buf_addf(out, "# fish completion for %s, made by `%s completion fish`\ncomplete -c %s -f\n",
                p->name, p->name, p->name);
    for (size_t i = 0; i < p->n_entries; i++)
        fish_command(p, &p->entries[i], out);
    tk_buf_addf(
        out, "\ncomplete -c %s -n __fish_use_subcommand -a help -d 'show what a command takes'\n",
        p->name);
    fish_begin(p, "help", out);
    tk_buf_add_z(out, " -a '");
    add_commands(p, out);
    tk_buf_add_z(out, "'\n");
    return out->failed;
}
