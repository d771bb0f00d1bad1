/* inside.h - what the data sets share: items under construction, and files of rows */
#ifndef TK_DATA_INSIDE_H
#define TK_DATA_INSIDE_H

#include "base/buf.h"
#include "base/json.h"
#include "data/data.h"

/* --- items under construction --- */

struct tk__adder {
    struct tk_items *items; /* whose arena takes the prompts; not owned */
    struct tk_item *v;      /* owned until tk__adder_finish() */
    size_t n, cap;
    size_t media_bytes; /* of all items, beside the arena */
};

void tk__adder_init(struct tk__adder *a, struct tk_items *items);

/* Add an item; its slices are copied. 0, TK_E_LIMIT or -ENOMEM, with words. */
int tk__adder_add(struct tk__adder *a, const struct tk_item *item, struct tk_err *reterr);

/* The buffer's content becomes the media of item `i`, which has none yet; the buffer is empty then. 0 or
 * TK_E_LIMIT, with words: the buffer is as before. */
int tk__adder_give_media(struct tk__adder *a, size_t i, struct tk_buf *media,
                         struct tk_err *reterr);

/* Move the items into the arena, or throw everything away when `rc` is not 0. Returns rc, or -ENOMEM
 * when there is no room for them. */
int tk__adder_finish(struct tk__adder *a, int rc, struct tk_err *reterr);

/* A text's length in tokens when nothing knows better. */
int64_t tk__estimate_tokens(struct tk_str text);

/* --- lengths --- */

struct tk_template_scratch;
struct tk_tok_scratch;

/* Working space of one thread that measures prompts; all zero at first. */
struct tk__measured {
    int64_t n_tokens;
    struct tk_buf text; /* with the chat template, where the conf has one */
    struct tk_buf messages;
    struct tk_str tools; /* functions that the template shows, a JSON array; empty: none */
    struct tk_template_scratch *ts;
    struct tk_err err;
};

/* The length of the item's prompt with its template, or a code. */
int64_t tk__measure_prompt(struct tk__measured *m, const struct tk_data_conf *conf,
                           struct tk_tok_scratch *s, const struct tk_item *item);
void tk__measured_release(struct tk__measured *m);

/* --- files of rows: an array of JSON values, or JSONL --- */

struct tk__row {
    const char *path;
    uint64_t line;  /* where it begins, from 1; 0 when it is read again, out of order */
    uint32_t index; /* which row of the file, from 0 */
};

/* Fill `reterr` with "'path', line N: …" and return `code`. */
int tk__row_fail(const struct tk__row *row, int code, struct tk_err *reterr, const char *fmt, ...)
    TK_PRINTF(4, 5);

struct tk__rows_ops {
    /* Whether the row belongs to the set: 1, 0, or a code. Called for each row in the file's order. */
    int (*check)(void *owner, const struct tk__row *row, struct tk_json_val *root,
                 struct tk_err *reterr);
    /* Add it to the items, 1, or pass over it, 0, or a code. Called for rows that belong, in the order
     * of the set. */
    int (*take)(void *owner, const struct tk__row *row, struct tk_json_val *root,
                struct tk_err *reterr);
};

/* Go through the file as `conf` says (order, how many). 0 or a code, with words. */
int tk__rows_load(const struct tk_data_conf *conf, const struct tk__rows_ops *ops, void *owner,
                  struct tk_err *reterr);

#endif
