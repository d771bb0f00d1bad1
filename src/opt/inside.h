/* inside.h - what the files of the option engine share */
#ifndef TK_OPT_INSIDE_H
#define TK_OPT_INSIDE_H

#include "opt/opt.h"

/* Where a value comes from, for messages. */
enum tk__opt_source {
    TK__OPT_ARGV,
    TK__OPT_ENV,
    TK__OPT_DEFAULT,
};

/* Put the value that `text` spells into `values`; a list gets it added. `text` must outlive the
 * values. Codes and messages as tk_opt_parse(). */
int tk__opt_set(const struct tk_opt *o, enum tk__opt_source source, const char *text, void *values,
                struct tk_err *reterr);

/* The list whose words stand in `text` with spaces between, in place of what it held. */
int tk__opt_set_words(const struct tk_opt *o, const char *text, void *values,
                      struct tk_err *reterr);

/* Add a word, which must outlive the list. 0 or -ENOMEM. */
int tk__opt_list_add(struct tk_opt_list *list, const char *word);

bool tk__opt_has_range(const struct tk_opt *o);

/* "from 1 to 100", "at least 1", "at most 5"; numbers in the form of the option's type. */
int tk__opt_add_range(const struct tk_opt *o, struct tk_buf *out);

/* "a, b, c" for "a b c". */
int tk__opt_add_choices(const char *choices, struct tk_buf *out);

/* --- what help, manual and completion share --- */

const char *tk__opt_group_of(const struct tk_opt *o);
/* Whether option `i` is the first visible one of its group. */
bool tk__opt_begins_group(const struct tk_opt_command *c, size_t i);
bool tk__opt_is_shown_in(const struct tk_opt *o, const char *group);
bool tk__opt_has_help(const struct tk_opt_command *c); /* an option of its own of that name */
/* "--concurrency N" */
void tk__opt_add_name(const struct tk_opt *o, struct tk_buf *out);
/* "from 1 to 100; default 1; environment TK_X"; `code` surrounds what is to be typed. */
void tk__opt_add_facts(const struct tk_opt *o, const char *code, struct tk_buf *out);

/* `text` as a sentence about `o` (or NULL): a capital letter in front unless the first word is to be typed
 * (one of the option's choices, or before a colon), a full stop behind. "" adds nothing. */
void tk__opt_add_sentence(const struct tk_opt *o, const char *text, struct tk_buf *out);

/* How far two words are from each other: insertions, deletions, replacements, and swaps of two
 * neighbours; UINT_MAX when one is too long to be a name. */
unsigned tk__opt_distance(struct tk_str a, struct tk_str b);

/* Whether a word at that distance is close enough to be meant. */
bool tk__opt_is_close(struct tk_str word, unsigned distance);

static inline TK_UNUSED void *tk__opt_at(const struct tk_opt *o, void *values)
{
    return (char *)values + o->at;
}

static inline TK_UNUSED const void *tk__opt_at_const(const struct tk_opt *o, const void *values)
{
    return (const char *)values + o->at;
}

/* Free a piece that went into `out`, which fails as it did. */
static inline TK_UNUSED void tk__opt_end_piece(struct tk_buf *piece, struct tk_buf *out)
{
    if (piece->failed && !out->failed)
        out->failed = piece->failed;
    tk_buf_release(piece);
}

#endif
