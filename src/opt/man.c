/* man.c - the option table as pages of the manual, in roff's man macros
 *
 *   .TH TOKMARK-RUN 1 … NAME, SYNOPSIS, DESCRIPTION, OPTIONS (a part per group), EXAMPLES, SEE ALSO
 *
 * Text is escaped twice over: a backslash is roff's, a dot or a quote in front of a line would be a
 * request, and a hyphen that is to be typed must not become a dash. Hidden options are left out.
 */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "opt/inside.h"

#define MAX_TEXT ((size_t)64 << 10)

/* --- text --- */

static void add_char(char c, bool is_code, struct tk_buf *out)
{
    if (c == '\\')
        tk_buf_add_z(out, "\\e");
    else if (c == '-' && is_code)
        tk_buf_add_z(out, "\\-");
    else if (c == '\'' && is_code)
        tk_buf_add_z(out, "\\(aq");
    else if (c == '`')
        tk_buf_add_z(out, "\\(ga");
    else if (c == '^')
        tk_buf_add_z(out, "\\(ha");
    else if (c == '~')
        tk_buf_add_z(out, "\\(ti");
    else
        tk_buf_add_c(out, c);
}

/* In the middle of a line. */
static void add_text(const char *text, bool is_code, struct tk_buf *out)
{
    for (; *text; text++)
        add_char(*text, is_code, out);
}

/* Prose on lines of its own. An option in it is to be typed: its hyphens stay. */
static void add_prose(const char *text, struct tk_buf *out)
{
    bool is_start = true, is_word_start = true, is_code = false;

    for (; *text; text++) {
        if (is_start && (*text == '.' || *text == '\''))
            tk_buf_add_z(out, "\\&");
        is_start = *text == '\n';
        if (is_word_start)
            is_code = *text == '-';
        is_word_start = strchr(" \n('`\"", *text) != NULL;
        if (is_start) {
            tk_buf_add_z(out, "\n.PP\n"); /* each line is a paragraph */
            continue;
        }
        add_char(*text, is_code || *text == '-', out);
    }
    tk_buf_add_c(out, '\n');
}

/* Lines to be copied. */
static void add_code_lines(const char *text, struct tk_buf *out)
{
    struct tk_str rest = tk_str_of(text), line;

    tk_buf_add_z(out, ".EX\n");
    while (rest.n > 0 && tk_str_split(&rest, '\n', &line)) {
        tk_buf_add_z(out, "\\&");
        for (size_t i = 0; i < line.n; i++)
            add_char(line.p[i], true, out);
        tk_buf_add_c(out, '\n');
    }
    tk_buf_add_z(out, ".EE\n");
}

static void add_sentence(const struct tk_opt *o, const char *text, struct tk_buf *out)
{
    struct tk_buf b = TK_BUF_INIT(MAX_TEXT);

    tk__opt_add_sentence(o, text, &b);
    if (b.n > 0)
        add_prose(b.p, out);
    tk__opt_end_piece(&b, out);
}

/* --- pages --- */

static void add_upper(const char *text, struct tk_buf *out)
{
    for (; *text; text++)
        add_char((char)toupper((unsigned char)*text), true, out);
}

/* The title and NAME; `word` is NULL for the program's own page. */
static void begin_page(const struct tk_opt_program *p, const char *word, const char *about,
                       struct tk_buf *out)
{
    tk_buf_add_z(out, ".\\\" Made from the table of options; not to be changed by hand.\n.TH \"");
    add_upper(p->name, out);
    if (word) {
        tk_buf_add_z(out, "\\-");
        add_upper(word, out);
    }
    tk_buf_addf(out, "\" 1 \"\" \"%s %s\" \"User Commands\"\n.SH NAME\n", p->name, p->version);
    add_text(p->name, true, out);
    if (word) {
        tk_buf_add_z(out, "\\-");
        add_text(word, true, out);
    }
    tk_buf_add_z(out, " \\- ");
    add_text(about, true, out);
    tk_buf_add_c(out, '\n');
}

static void add_option(const struct tk_opt *o, struct tk_buf *out)
{
    struct tk_buf name = TK_BUF_INIT(MAX_TEXT), facts = TK_BUF_INIT(MAX_TEXT);

    tk_buf_add_z(out, ".TP\n.B ");
    if (o->letter)
        tk_buf_addf(out, "\\-%c, ", o->letter);
    tk__opt_add_name(o, &name);
    add_text(name.p ? name.p : "", true, out);
    tk_buf_add_c(out, '\n');
    add_sentence(o, o->help ? o->help : "", out);
    tk__opt_add_facts(o, "", &facts);
    if (facts.n > 0)
        add_sentence(NULL, facts.p, out);
    tk__opt_end_piece(&name, out);
    tk__opt_end_piece(&facts, out);
}

static void add_options(const struct tk_opt_command *c, struct tk_buf *out)
{
    static const struct tk_opt help = { .name = "help",
                                        .letter = 'h',
                                        .help = "show a short text" };

    tk_buf_add_z(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < c->n_opts; i++) {
        if (!tk__opt_begins_group(c, i))
            continue;
        const char *group = tk__opt_group_of(&c->opts[i]);
        tk_buf_addf(out, ".SS \"%c%s\"\n", toupper((unsigned char)group[0]), group + 1);
        for (size_t k = i; k < c->n_opts; k++) {
            if (tk__opt_is_shown_in(&c->opts[k], group))
                add_option(&c->opts[k], out);
        }
    }
    if (!tk__opt_has_help(c)) {
        tk_buf_add_z(out, ".SS \"Help\"\n");
        add_option(&help, out);
    }
}

int tk_opt_man(const struct tk_opt_program *p, size_t i, struct tk_buf *out)
{
    const struct tk_opt_entry *e = &p->entries[i];
    const struct tk_opt_command *c = e->command;

    begin_page(p, e->word, e->about, out);
    tk_buf_add_z(out, ".SH SYNOPSIS\n.B ");
    add_text(c->name, true, out);
    tk_buf_add_z(out, "\n");
    add_text(c->synopsis ? c->synopsis : "[options]", true, out);
    tk_buf_add_z(out, "\n.SH DESCRIPTION\n");
    add_prose(c->about ? c->about : e->about, out);
    add_options(c, out);
    if (c->examples) {
        tk_buf_add_z(out, ".SH EXAMPLES\n");
        add_code_lines(c->examples, out);
    }
    tk_buf_addf(out, ".SH SEE ALSO\n.BR %s (1)\n", p->name);
    return out->failed;
}

/* "  3    the run was done …" as a list. */
static void add_status(const char *text, struct tk_buf *out)
{
    struct tk_str rest = tk_str_of(text), line, number;

    tk_buf_add_z(out, ".SH EXIT STATUS\n");
    while (rest.n > 0 && tk_str_split(&rest, '\n', &line)) {
        line = tk_str_trim(line);
        (void)tk_str_split(&line, ' ', &number);
        line = tk_str_trim(line);
        tk_buf_addf(out, ".TP\n.B %.*s\n", TK_STR_ARG(number));
        for (size_t i = 0; i < line.n; i++)
            add_char(line.p[i], false, out);
        tk_buf_add_c(out, '\n');
    }
}

int tk_opt_man_program(const struct tk_opt_program *p, struct tk_buf *out)
{
    begin_page(p, NULL, p->about, out);
    tk_buf_addf(out, ".SH SYNOPSIS\n.B %s\ncommand [options]\n.SH COMMANDS\n", p->name);
    for (size_t i = 0; i < p->n_entries; i++) {
        tk_buf_addf(out, ".TP\n.BR %s\\-%s (1)\n", p->name, p->entries[i].word);
        add_sentence(NULL, p->entries[i].about, out);
    }
    if (p->exit_status)
        add_status(p->exit_status, out);
    return out->failed;
}
