/* data.h - data sets: from a file or a recipe to the items of a workload
 *
 * One file per data set, each a const table. Everything that a file controls has a bound; a broken
 * row is an error with its line.
 */
#ifndef TK_DATA_DATA_H
#define TK_DATA_DATA_H

#include "base/arena.h"
#include "base/def.h"
#include "base/err.h"
#include "base/item.h"
#include "base/rand.h"

#define TK_DATA_MAX_BYTES ((size_t)16 << 30) /* prompts of one data set in memory, at most */
#define TK_DATA_MAX_WORDS 10000000           /* words of a made-up prompt, at most */

struct tk_items {
    struct tk_arena arena; /* owns what the items point to */
    struct tk_item *v;     /* in the arena */
    size_t n;
    bool is_estimated; /* lengths in tokens were estimated from bytes, no tokenizer was at hand */
};

struct tk_data_conf {
    const char *path; /* file; NULL for recipes */
    size_t n_wanted;  /* how many items; 0: all that the file has */
    uint64_t seed;
    bool do_shuffle;       /* another order than the file's, by the seed: that of CPython's
                              random.seed(seed); random.shuffle(rows) */
    int64_t output_tokens; /* overrides the rows' own; -1: the rows' own */
    int64_t words;         /* words: prompt length in words */
    /* ShareGPT: keep a conversation only if the lengths are sensible (vLLM's rule: at least 4 tokens
     * each, prompt at most 1,024, both at most 2,048). */
    bool is_filtered;
};

struct tk_data_ops {
    const char *name; /* "jsonl" */
    const char *help;
    bool needs_path;
    /* Fill `ret` (initialized by the callee). Fewer items than wanted is not an error: the caller
     * repeats them. An empty data set is. 0; TK_E_FORMAT (a broken row; reterr->line and the message
     * say which), TK_E_NOT_FOUND (no row that fits), TK_E_LIMIT, TK_E_UNSUPPORTED, TK_E_RANGE,
     * -ENOMEM, or the file's errno: nothing to release then. */
    int (*load)(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr);
};

extern const struct tk_data_ops tk_data_jsonl;     /* rows with `prompt` or `messages` */
extern const struct tk_data_ops tk_data_sharegpt;  /* a JSON array of conversations */
extern const struct tk_data_ops tk_data_words;     /* made-up prompts of plain words */
extern const struct tk_data_ops *const tk_datas[]; /* NULL-terminated, in help order */

/* By name; NULL when there is none. */
const struct tk_data_ops *tk_data_find(const char *name);

/* Guess which data set a file is from its name and its first bytes; NULL when it is none of them or
 * cannot be read: reterr says what it seems to be and what to do. */
const struct tk_data_ops *tk_data_guess(const char *path, struct tk_err *reterr);

void tk_items_release(struct tk_items *items); /* may be called twice */

#endif
