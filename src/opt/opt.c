/* opt.c - the words of a command line, walked once
 *
 *   words --> [what is it?] --> --name, --name=value, --no-name --> tk__opt_set() --> values
 *                          \--> -x, -xvalue, -abc (flags)     ----/
 *                          \--> argument
 *
 * then each option that was not given gets its environment variable, else its default. So a broken
 * variable does no harm when the command line overrides it.
 *
 * What is a value and what the next option? argparse refuses every value with a dash in front,
 * getopt takes every word. Here a word is a value unless it names an option of the table, so that
 * `--model --rate 5` is a missing value and `--min -5` a number.
 */
#include "opt/opt.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "opt/inside.h"

#define MAX_NAME 64
#define NONE SIZE_MAX

struct walk {
    const struct tk_opt_command *c;
    int argc, at; /* the next word */
    char **argv;
    void *values;
    struct tk_opt_result *ret;
    struct tk_err *reterr;
};

/* A name as it was found. */
struct match {
    size_t i; /* of the table; NONE: not found */
    bool is_negated;
};

/* --- names --- */

/* The name in the table's form; false when it is too long to be one. */
static bool normalize(const struct tk_opt_command *c, struct tk_str name, char *out)
{
    if (name.n > MAX_NAME)
        return false;
    for (size_t i = 0; i < name.n; i++)
        out[i] = c->treats_underscore_as_dash && name.p[i] == '_' ? '-' : name.p[i];
    out[name.n] = '\0';
    return true;
}

/* What follows "no-", or NULL. */
static const char *without_no(const char *name)
{
    return strncmp(name, "no-", 3) == 0 ? name + 3 : NULL;
}

static struct match find_exact(const struct tk_opt_command *c, const char *name)
{
    const char *positive = without_no(name);
    struct match m = { .i = NONE };
    for (size_t i = 0; i < c->n_opts; i++) {
        if (strcmp(c->opts[i].name, name) == 0)
            return (struct match){ .i = i };
        if (positive && c->opts[i].is_negatable && strcmp(c->opts[i].name, positive) == 0)
            m = (struct match){ .i = i, .is_negated = true };
    }
    return m;
}

/* How many names of the first `n_opts` begin with `prefix`; *ret is one of them. */
static size_t find_prefix_of(const struct tk_opt_command *c, size_t n_opts, const char *prefix,
                             struct match *ret)
{
    size_t n = 0, len = strlen(prefix);
    const char *positive = without_no(prefix);
    for (size_t i = 0; i < n_opts; i++) {
        const struct tk_opt *o = &c->opts[i];
        if (strncmp(o->name, prefix, len) == 0) {
            *ret = (struct match){ .i = i };
            n++;
        }
        if (positive && o->is_negatable && strncmp(o->name, positive, len - 3) == 0) {
            *ret = (struct match){ .i = i, .is_negated = true };
            n++;
        }
    }
    return n;
}

static size_t find_prefix(const struct tk_opt_command *c, const char *prefix, struct match *ret)
{
    size_t n = find_prefix_of(c, c->n_first, prefix, ret);
    return n > 0 ? n : find_prefix_of(c, c->n_opts, prefix, ret);
}

static int ambiguous(const struct walk *w, const char *prefix)
{
    struct tk_buf names = TK_BUF_INIT(400);
    struct match m;
    size_t n = find_prefix_of(w->c, w->c->n_first, prefix, &m) > 0 ? w->c->n_first : w->c->n_opts;
    for (size_t i = 0; i < n; i++) {
        if (strncmp(w->c->opts[i].name, prefix, strlen(prefix)) == 0)
            tk_buf_addf(&names, "%s--%s", names.n > 0 ? ", " : "", w->c->opts[i].name);
    }
    int rc = tk_err_set(w->reterr, TK_E_NOT_FOUND,
                        w->c->speaks_argparse ? "ambiguous option: --%s could match %s"
                                              : "option '--%s' could be %s",
                        prefix, names.p ? names.p : "several");
    tk_buf_release(&names);
    return rc;
}

static const char *hint_of(const struct tk_opt_command *c, struct tk_str name)
{
    for (size_t i = 0; i < c->n_hints; i++) {
        if (tk_str_is(name, c->hints[i].name))
            return c->hints[i].text;
    }
    return NULL;
}

/* The name that was meant, or NULL. */
static const char *closest_to(const struct walk *w, struct tk_str name)
{
    const char *closest = NULL;
    char word[MAX_NAME + 1];
    const char **names = calloc(w->c->n_opts + 1, sizeof(*names));
    size_t n = 0;
    if (names && normalize(w->c, name, word)) {
        for (size_t i = 0; i < w->c->n_opts; i++) {
            if (!w->c->opts[i].is_hidden)
                names[n++] = w->c->opts[i].name;
        }
        names[n++] = "help";
        closest = tk_opt_closest(word, names, n);
    }
    free(names);
    return closest;
}

/* Argparse shows what it could not place: the word, and those behind it that are no options. */
static int unrecognized(const struct walk *w, int from, const char *closest)
{
    struct tk_buf words = TK_BUF_INIT(200);
    int i = from;
    do {
        tk_buf_addf(&words, " %.100s", w->argv[i++]);
    } while (i < w->argc && w->argv[i][0] != '-');
    int rc = tk_err_set(w->reterr, TK_E_NOT_FOUND, "unrecognized arguments:%s%s%s%s",
                        words.p ? words.p : "", closest ? "; did you mean '--" : "",
                        closest ? closest : "", closest ? "'?" : "");
    tk_buf_release(&words);
    return rc;
}

static int unknown(const struct walk *w, struct tk_str name)
{
    const char *closest = closest_to(w, name);
    if (w->c->speaks_argparse)
        return unrecognized(w, w->at - 1, closest);
    int shown = (int)TK_MIN(name.n, 100);
    const char *hint = hint_of(w->c, name);
    if (hint)
        return tk_err_set(w->reterr, TK_E_NOT_FOUND, "unknown option '--%.*s': %s", shown, name.p,
                          hint);
    if (closest)
        return tk_err_set(w->reterr, TK_E_NOT_FOUND,
                          "unknown option '--%.*s'; did you mean '--%s'?", shown, name.p, closest);
    return tk_err_set(w->reterr, TK_E_NOT_FOUND, "unknown option '--%.*s'", shown, name.p);
}

/* The option of that name. 0 or TK_E_NOT_FOUND. */
static int find_name(const struct walk *w, struct tk_str name, struct match *ret)
{
    char word[MAX_NAME + 1];
    *ret = (struct match){ .i = NONE };
    if (!normalize(w->c, name, word))
        return unknown(w, name);
    *ret = find_exact(w->c, word);
    if (ret->i != NONE)
        return 0;
    if (w->c->allows_abbreviation && name.n > 0) {
        size_t n = find_prefix(w->c, word, ret);
        if (n == 1)
            return 0;
        if (n > 1)
            return ambiguous(w, word);
    }
    return unknown(w, name);
}

const struct tk_opt *tk_opt_find(const struct tk_opt_command *c, struct tk_str name)
{
    char word[MAX_NAME + 1];

    if (!normalize(c, name, word))
        return NULL;
    struct match m = find_exact(c, word);
    if (m.i == NONE && (!c->allows_abbreviation || name.n == 0 || find_prefix(c, word, &m) != 1))
        return NULL;
    return m.is_negated ? NULL : &c->opts[m.i];
}

static size_t find_letter(const struct tk_opt_command *c, char letter)
{
    for (size_t i = 0; i < c->n_opts; i++) {
        if (c->opts[i].letter != 0 && c->opts[i].letter == letter)
            return i;
    }
    return NONE;
}

/* Whether the word would be read as an option of the table. */
static bool names_option(const struct walk *w, const char *word)
{
    char name[MAX_NAME + 1];
    struct match m;
    if (word[0] != '-' || word[1] == '\0')
        return false;
    if (word[1] != '-')
        return find_letter(w->c, word[1]) != NONE;
    size_t n = strcspn(word + 2, "=");
    if (n == 0 || !normalize(w->c, (struct tk_str){ word + 2, n }, name))
        return true; /* `--` ends everything */
    return find_exact(w->c, name).i != NONE || strcmp(name, "help") == 0 ||
           (w->c->allows_abbreviation && find_prefix(w->c, name, &m) > 0);
}

/* A word that ends a list of many: an option, or what looks like a mistyped one. */
static bool ends_list(const struct walk *w, const char *word)
{
    return names_option(w, word) || (word[0] == '-' && word[1] == '-');
}

/* --- values --- */

static int set_flag(struct walk *w, const struct match *m, const char *value)
{
    const struct tk_opt *o = &w->c->opts[m->i];
    if (value)
        return tk_err_set(w->reterr, TK_E_FORMAT, "option '--%s%s' takes no value",
                          m->is_negated ? "no-" : "", o->name);
    *(bool *)tk__opt_at(o, w->values) = !m->is_negated;
    w->ret->is_given[m->i] = true;
    return 0;
}

/* A value of the wrong type, as argparse says it, with what is wanted. */
static int invalid(const struct walk *w, const struct tk_opt *o, const char *value)
{
    struct tk_buf choices = TK_BUF_INIT(600);
    struct tk_str rest = tk_str_of(o->choices), choice;
    int rc;
    while (o->type == TK_OPT_CHOICE && tk_str_split(&rest, ' ', &choice))
        tk_buf_addf(&choices, "%s'%.*s'", choices.n > 0 ? ", " : "", TK_STR_ARG(choice));
    if (o->type == TK_OPT_CHOICE)
        rc = tk_err_set(w->reterr, TK_E_FORMAT,
                        "argument --%s: invalid choice: '%.60s' (choose from %s)", o->name, value,
                        choices.p ? choices.p : "");
    else
        rc = tk_err_set(w->reterr, TK_E_FORMAT, "argument --%s: invalid %s value: '%.100s'",
                        o->name, o->type == TK_OPT_INT ? "int" : "float", value);
    tk_buf_release(&choices);
    return rc;
}

/* `value`: what stood in the same word, or NULL. */
static int take_value(struct walk *w, const struct match *m, const char *value)
{
    const struct tk_opt *o = &w->c->opts[m->i];
    if (m->is_negated || o->type == TK_OPT_FLAG)
        return set_flag(w, m, value);
    bool is_apart = !value;
    bool has_none = is_apart && (w->at == w->argc || names_option(w, w->argv[w->at]));
    if (has_none && o->may_be_none) {
        w->ret->is_given[m->i] = true;
        return 0;
    }
    if (has_none && w->c->speaks_argparse)
        return tk_err_set(w->reterr, TK_E_FORMAT, "argument --%s: expected %s argument", o->name,
                          o->is_many ? "at least one" : "one");
    if (has_none)
        return tk_err_set(w->reterr, TK_E_FORMAT, "option '--%s' needs a value: --%s %s", o->name,
                          o->name, o->value ? o->value : "VALUE");
    if (is_apart)
        value = w->argv[w->at++];
    w->ret->is_given[m->i] = true;
    int rc = tk__opt_set(o, TK__OPT_ARGV, value, w->values, w->reterr);
    if (rc == TK_E_FORMAT && w->c->speaks_argparse)
        return invalid(w, o, value);
    while (rc == 0 && is_apart && o->is_many && w->at < w->argc && !ends_list(w, w->argv[w->at]))
        rc = tk__opt_set(o, TK__OPT_ARGV, w->argv[w->at++], w->values, w->reterr);
    return rc;
}

/* --- words --- */

static int take_long(struct walk *w, const char *word)
{
    struct match m;
    const char *equals = strchr(word, '=');
    struct tk_str name = { word, equals ? (size_t)(equals - word) : strlen(word) };
    if (tk_str_is(name, "help") && find_exact(w->c, "help").i == NONE) {
        w->ret->wants_help = true;
        return 0;
    }
    int rc = find_name(w, name, &m);
    return rc ? rc : take_value(w, &m, equals ? equals + 1 : NULL);
}

/* The letters behind one dash: flags, up to one that takes the rest as its value. */
static int take_letters(struct walk *w, const char *p)
{
    int rc = 0;
    while (rc == 0 && *p != '\0') {
        struct match m = { .i = find_letter(w->c, *p) };
        if (m.i == NONE && *p == 'h') {
            w->ret->wants_help = true;
            return 0;
        }
        if (m.i == NONE)
            return tk_err_set(w->reterr, TK_E_NOT_FOUND, "unknown option '-%c'", *p);
        p++;
        if (w->c->opts[m.i].type != TK_OPT_FLAG) {
            p += *p == '=';
            return take_value(w, &m, *p != '\0' ? p : NULL);
        }
        rc = take_value(w, &m, NULL);
    }
    return rc;
}

/* "-5", "-.5": an argument, unless the table has such a letter. */
static bool is_negative_number(const struct walk *w, const char *word)
{
    bool looks = (word[1] >= '0' && word[1] <= '9') || word[1] == '.';
    return looks && find_letter(w->c, word[1]) == NONE;
}

static int take_argument(struct walk *w, const char *word)
{
    if (w->c->speaks_argparse)
        return unrecognized(w, w->at - 1, NULL);
    if (tk__opt_list_add(&w->ret->args, word) != 0)
        return tk_err_set(w->reterr, -ENOMEM, "no memory for the arguments");
    return 0;
}

static int take_words(struct walk *w)
{
    bool is_over = false; /* `--` was there */
    int rc = 0;
    while (rc == 0 && w->at < w->argc && !w->ret->wants_help) {
        const char *word = w->argv[w->at++];
        if (is_over || word[0] != '-' || word[1] == '\0' || is_negative_number(w, word))
            rc = take_argument(w, word);
        else if (strcmp(word, "--") == 0)
            is_over = true;
        else
            rc = word[1] == '-' ? take_long(w, word + 2) : take_letters(w, word + 1);
    }
    return rc;
}

/* --- what was not given --- */

static int set_default(struct walk *w, const struct tk_opt *o)
{
    const char *text = o->env ? getenv(o->env) : NULL;
    enum tk__opt_source source = TK__OPT_ENV;
    if (!text || text[0] == '\0') {
        text = o->def;
        source = TK__OPT_DEFAULT;
    }
    if (!text)
        return 0;
    if (o->type == TK_OPT_LIST)
        return tk__opt_set_words(o, text, w->values, w->reterr);
    return tk__opt_set(o, source, text, w->values, w->reterr);
}

static int set_defaults(struct walk *w)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->c->n_opts; i++) {
        if (!w->ret->is_given[i])
            rc = set_default(w, &w->c->opts[i]);
    }
    return rc;
}

int tk_opt_parse(const struct tk_opt_command *c, int argc, char **argv, void *values,
                 struct tk_opt_result *ret, struct tk_err *reterr)
{
    struct walk w = {
        .c = c,
        .argc = argc,
        .argv = argv,
        .values = values,
        .ret = ret,
        .reterr = reterr,
    };
    *ret = (struct tk_opt_result){ .is_given = calloc(c->n_opts + 1, sizeof(bool)) };
    if (!ret->is_given)
        return tk_err_set(reterr, -ENOMEM, "no memory for the options");
    int rc = take_words(&w);
    if (rc == 0 && !ret->wants_help)
        rc = set_defaults(&w);
    if (rc)
        tk_opt_release(c, values, ret);
    return rc;
}

void tk_opt_release(const struct tk_opt_command *c, void *values, struct tk_opt_result *r)
{
    for (size_t i = 0; i < c->n_opts; i++) {
        if (c->opts[i].type == TK_OPT_LIST) {
            struct tk_opt_list *list = tk__opt_at(&c->opts[i], values);
            free(list->v);
            *list = (struct tk_opt_list){ NULL, 0 };
        }
    }
    free(r->args.v);
    free(r->is_given);
    *r = (struct tk_opt_result){ .is_given = NULL };
}
