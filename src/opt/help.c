/* help.c - the option table as people read it: --help, and a page of the manual
 *
 *   Load:
 *     -c, --concurrency N  at most so many requests at once (from 1 to 100000;
 *                          default 1; TOKMARK_CONCURRENCY)
 *         --[no-]stream    ...
 *   |___ column of names ___|____ words, wrapped ____|
 *
 * Groups come in the order in which the table first names them.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "opt/inside.h"

#define MAX_COLUMN 30 /* longer names have a line of their own */
#define MIN_WIDTH 40
#define MAX_TEXT ((size_t)64 << 10) /* of one option's words */

const char *tk__opt_group_of(const struct tk_opt *o)
{
    return o->group ? o->group : "Options";
}

/* Whether option `i` is the first visible one of its group. */
bool tk__opt_begins_group(const struct tk_opt_command *c, size_t i)
{
    if (c->opts[i].is_hidden)
        return false;
    for (size_t k = 0; k < i; k++) {
        if (!c->opts[k].is_hidden &&
            strcmp(tk__opt_group_of(&c->opts[k]), tk__opt_group_of(&c->opts[i])) == 0)
            return false;
    }
    return true;
}

bool tk__opt_is_shown_in(const struct tk_opt *o, const char *group)
{
    return !o->is_hidden && strcmp(tk__opt_group_of(o), group) == 0;
}

/* "--concurrency N" */
void tk__opt_add_name(const struct tk_opt *o, struct tk_buf *out)
{
    tk_buf_addf(out, "--%s%s", o->is_negatable ? "[no-]" : "", o->name);
    if (o->type != TK_OPT_FLAG)
        tk_buf_addf(out, " %s%s", o->value ? o->value : "VALUE", o->is_many ? "..." : "");
}

/* "  -c, --concurrency N" */
static void add_left(const struct tk_opt *o, struct tk_buf *out)
{
    if (o->letter)
        tk_buf_addf(out, "  -%c, ", o->letter);
    else
        tk_buf_add_z(out, "      ");
    tk__opt_add_name(o, out);
}

/* Whether the default is worth a word: that a flag is off goes without saying. */
static bool shows_default(const struct tk_opt *o)
{
    if (!o->def || o->def[0] == '\0' || o->is_secret)
        return false;
    return o->type != TK_OPT_FLAG || strcmp(o->def, "false") != 0;
}

static void add_separator(struct tk_buf *out, size_t begin)
{
    if (out->n > begin)
        tk_buf_add_z(out, "; ");
}

/* A bound that nobody comes near is not worth a word; a complaint has it all the same. */
static void add_near_range(const struct tk_opt *o, size_t begin, struct tk_buf *out)
{
    double far = o->type == TK_OPT_DUR ? 1e7 : 1e9; /* a duration's bounds are seconds */
    struct tk_opt near = *o;
    if (o->max >= far)
        near.max = INFINITY;
    if (isinf(near.max) && (o->min <= -far || (o->min >= 0 && o->min < 1e-6)))
        return;
    add_separator(out, begin);
    tk__opt_add_range(&near, out);
}

/* "from 1 to 100; default 1; TOKMARK_X"; `code` surrounds what is to be typed. */
void tk__opt_add_facts(const struct tk_opt *o, const char *code, struct tk_buf *out)
{
    size_t begin = out->n;
    if (o->choices) {
        tk_buf_add_z(out, "one of ");
        tk__opt_add_choices(o->choices, out);
    }
    if (o->unit) {
        add_separator(out, begin);
        tk_buf_addf(out, "in %s", o->unit);
    }
    if (tk__opt_has_range(o))
        add_near_range(o, begin, out);
    if (o->type == TK_OPT_LIST) {
        add_separator(out, begin);
        tk_buf_add_z(out, o->may_be_none ? "any number"
                          : o->is_many   ? "one or more"
                                         : "may be given several times");
    }
    if (shows_default(o)) {
        add_separator(out, begin);
        tk_buf_addf(out, "default %s%s%s", code, o->def, code);
    }
    if (o->env) {
        add_separator(out, begin);
        tk_buf_addf(out, "environment %s%s%s", code, o->env, code);
    }
}

/* --- wrapping --- */

static void pad_to(struct tk_buf *out, size_t *column, size_t to)
{
    for (; *column < to; (*column)++)
        tk_buf_add_c(out, ' ');
}

/* Columns that the UTF-8 text takes; the table has no wide characters. */
static size_t columns_of(struct tk_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* Write the words of `text` from column `at` on, further lines indented to `indent`; ends the line. */
static void wrap(struct tk_buf *out, struct tk_str text, size_t at, size_t indent, size_t width)
{
    struct tk_str word;
    bool begins_line = true;
    while (tk_str_split(&text, ' ', &word)) {
        size_t n = columns_of(word);
        if (n == 0)
            continue;
        if (!begins_line && at + 1 + n > width) {
            tk_buf_add_c(out, '\n');
            at = 0;
            begins_line = true;
        }
        if (begins_line)
            pad_to(out, &at, indent);
        else
            tk_buf_add_c(out, ' ');
        at += n + !begins_line;
        tk_buf_add_str(out, word);
        begins_line = false;
    }
    tk_buf_add_c(out, '\n');
}

/* The next line; false at the end, so that a line end at the very end begins no line. */
static bool next_line(struct tk_str *rest, struct tk_str *ret)
{
    return rest->n > 0 && tk_str_split(rest, '\n', ret);
}

/* Each line is a paragraph; empty lines stay. */
static void add_paragraphs(struct tk_buf *out, const char *text, size_t width)
{
    struct tk_str rest = tk_str_of(text), line;
    while (next_line(&rest, &line))
        wrap(out, line, 0, 0, width);
}

/* Lines to be copied: as they are. */
static void add_examples(struct tk_buf *out, const char *text)
{
    struct tk_str rest = tk_str_of(text), line;
    while (next_line(&rest, &line))
        tk_buf_addf(out, "%s%.*s\n", line.n > 0 ? "  " : "", TK_STR_ARG(line));
}

/* --- help --- */

static size_t left_column(const struct tk_opt_command *c)
{
    size_t column = sizeof("  -h, --help") - 1;
    for (size_t i = 0; i < c->n_opts; i++) {
        struct tk_buf left = TK_BUF_INIT(MAX_TEXT);
        if (!c->opts[i].is_hidden)
            add_left(&c->opts[i], &left);
        if (left.n <= MAX_COLUMN - 2)
            column = TK_MAX(column, left.n);
        tk_buf_release(&left);
    }
    return column + 2;
}

static void add_option(const struct tk_opt *o, size_t column, size_t width, struct tk_buf *out)
{
    struct tk_buf words = TK_BUF_INIT(MAX_TEXT);
    struct tk_buf facts = TK_BUF_INIT(MAX_TEXT);
    size_t begin = out->n;
    add_left(o, out);
    size_t at = out->n - begin;
    if (at + 2 > column) {
        tk_buf_add_c(out, '\n');
        at = 0;
    }
    tk__opt_add_facts(o, "", &facts);
    tk_buf_add_z(&words, o->help ? o->help : "");
    if (facts.n > 0)
        tk_buf_addf(&words, " (%s)", facts.p);
    wrap(out, tk_buf_str(&words), at, column, width);
    if (!out->failed)
        out->failed = words.failed ? words.failed : facts.failed;
    tk_buf_release(&words);
    tk_buf_release(&facts);
}

bool tk__opt_has_help(const struct tk_opt_command *c)
{
    for (size_t i = 0; i < c->n_opts; i++) {
        if (strcmp(c->opts[i].name, "help") == 0)
            return true;
    }
    return false;
}

int tk_opt_help(const struct tk_opt_command *c, unsigned width, struct tk_buf *out)
{
    size_t column = left_column(c), w = TK_MAX(width, MIN_WIDTH);
    tk_buf_addf(out, "Usage: %s %s\n", c->name, c->synopsis ? c->synopsis : "[options]");
    if (c->about) {
        tk_buf_add_c(out, '\n');
        add_paragraphs(out, c->about, w);
    }
    for (size_t i = 0; i < c->n_opts; i++) {
        if (!tk__opt_begins_group(c, i))
            continue;
        const char *group = tk__opt_group_of(&c->opts[i]);
        tk_buf_addf(out, "\n%c%s:\n", toupper((unsigned char)group[0]), group + 1);
        for (size_t k = i; k < c->n_opts; k++) {
            if (tk__opt_is_shown_in(&c->opts[k], group))
                add_option(&c->opts[k], column, w, out);
        }
    }
    if (!tk__opt_has_help(c)) {
        struct tk_opt help = { .name = "help", .letter = 'h', .help = "show this text" };
        tk_buf_add_c(out, '\n');
        add_option(&help, column, w, out);
    }
    if (c->examples) {
        tk_buf_add_z(out, "\nExamples:\n");
        add_examples(out, c->examples);
    }
    return out->failed;
}

/* --- manual --- */

static bool is_choice(const struct tk_opt *o, struct tk_str word)
{
    struct tk_str rest = tk_str_of(o && o->choices ? o->choices : ""), choice;

    while (rest.n > 0 && tk_str_split(&rest, ' ', &choice)) {
        if (tk_str_eq(choice, word))
            return true;
    }
    return false;
}

/* A capital, but for a word that is to be typed: one of the option's choices, or before a colon. */
static char first_letter(const struct tk_opt *o, const char *text)
{
    struct tk_str word = { text, strcspn(text, " ,:;") };

    if (strncmp(text + word.n, ": ", 2) == 0 || is_choice(o, word))
        return text[0];
    return (char)toupper((unsigned char)text[0]);
}

void tk__opt_add_sentence(const struct tk_opt *o, const char *text, struct tk_buf *out)
{
    size_t n = strlen(text);
    if (n == 0)
        return;
    tk_buf_add_c(out, first_letter(o, text));
    tk_buf_add(out, text + 1, n - 1);
    if (!strchr(".!?", text[n - 1]))
        tk_buf_add_c(out, '.');
}

static void add_section(const struct tk_opt *o, struct tk_buf *out)
{
    size_t begin;
    tk_buf_add_z(out, "\n### `");
    tk__opt_add_name(o, out);
    tk_buf_add_c(out, '`');
    if (o->letter)
        tk_buf_addf(out, ", `-%c`", o->letter);
    tk_buf_add_z(out, "\n\n");
    tk__opt_add_sentence(o, o->help ? o->help : "", out);
    tk_buf_add_z(out, "\n\n");
    begin = out->n;
    tk__opt_add_facts(o, "`", out);
    if (out->n > begin) {
        out->p[begin] = (char)toupper((unsigned char)out->p[begin]);
        tk_buf_add_z(out, ".\n");
    } else if (!out->failed) {
        out->n--; /* no empty line where nothing follows */
        out->p[out->n] = '\0';
    }
}

int tk_opt_markdown(const struct tk_opt_command *c, struct tk_buf *out)
{
    tk_buf_addf(out, "# %s\n\n", c->name);
    if (c->about)
        tk_buf_addf(out, "%s\n\n", c->about);
    tk_buf_addf(out, "```\n%s %s\n```\n", c->name, c->synopsis ? c->synopsis : "[options]");
    for (size_t i = 0; i < c->n_opts; i++) {
        if (!tk__opt_begins_group(c, i))
            continue;
        tk_buf_addf(out, "\n## %s\n", tk__opt_group_of(&c->opts[i]));
        for (size_t k = i; k < c->n_opts; k++) {
            if (tk__opt_is_shown_in(&c->opts[k], tk__opt_group_of(&c->opts[i])))
                add_section(&c->opts[k], out);
        }
    }
    if (c->examples)
        tk_buf_addf(out, "\n## Examples\n\n```\n%s%s```\n", c->examples,
                    tk_str_ends(tk_str_of(c->examples), TK_STR("\n")) ? "" : "\n");
    return out->failed;
}
