/* words.c - the options that were given, as words that give them again: for a run that goes on later */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "opt/inside.h"

struct saying {
    int (*each)(void *owner, const struct tk_opt *o, const char *word);
    void *owner;
    struct tk_buf word;
};

static int say(struct saying *s, const struct tk_opt *o, const char *value)
{
    tk_buf_reset(&s->word);
    tk_buf_addf(&s->word, "--%s=", o->name);
    tk_buf_add_z(&s->word, value ? value : "");
    return s->word.failed ? s->word.failed : s->each(s->owner, o, s->word.p);
}

static int say_flag(struct saying *s, const struct tk_opt *o, bool is_on)
{
    tk_buf_reset(&s->word);
    tk_buf_addf(&s->word, "--%s%s", is_on ? "" : "no-", o->name);
    return s->word.failed ? s->word.failed : s->each(s->owner, o, s->word.p);
}

static int say_list(struct saying *s, const struct tk_opt *o, const struct tk_opt_list *list)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < list->n; i++)
        rc = say(s, o, list->v[i]);
    return rc;
}

static int say_number(struct saying *s, const struct tk_opt *o, const void *at)
{
    char text[64];

    if (o->type == TK_OPT_INT)
        (void)snprintf(text, sizeof(text), "%" PRId64, *(const int64_t *)at);
    else if (o->type == TK_OPT_DUR)
        (void)snprintf(text, sizeof(text), "%" PRId64 "ns", *(const tk_ns *)at);
    else
        text[tk_num_shortest(*(const double *)at, text)] = '\0';
    return say(s, o, text);
}

static int say_option(struct saying *s, const struct tk_opt *o, const void *at)
{
    switch (o->type) {
    case TK_OPT_FLAG:
        return say_flag(s, o, *(const bool *)at);
    case TK_OPT_STR:
    case TK_OPT_CHOICE:
        return say(s, o, *(const char *const *)at);
    case TK_OPT_LIST:
        return say_list(s, o, at);
    case TK_OPT_INT:
    case TK_OPT_DOUBLE:
    case TK_OPT_DUR:
    case TK_OPT_RATE:
        break;
    }
    return say_number(s, o, at);
}

int tk_opt_words(const struct tk_opt_command *c, const void *values, const bool *is_given,
                 int (*each)(void *owner, const struct tk_opt *o, const char *word), void *owner)
{
    struct saying s = { .each = each, .owner = owner, .word = TK_BUF_INIT((size_t)64 << 20) };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < c->n_opts; i++) {
        if (is_given[i])
            rc = say_option(&s, &c->opts[i], tk__opt_at_const(&c->opts[i], values));
    }
    tk_buf_release(&s.word);
    return rc;
}
