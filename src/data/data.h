/* data.h - data sets: from a file or a recipe to the items of a workload
 *
 * One file per data set, each a const table. Everything that a file controls has a bound; a broken
 * row is an error with its line.
 */
#ifndef TK_DATA_DATA_H
#define TK_DATA_DATA_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/def.h"
#include "base/err.h"
#include "base/item.h"
#include "base/rand.h"

struct tk_chat;
struct tk_tokenizer;

#define TK_DATA_MAX_BYTES ((size_t)16 << 30) /* prompts of one data set in memory, at most */
#define TK_DATA_MAX_WORDS 10000000           /* words of a made-up prompt, at most */

struct tk_items {
    struct tk_arena arena; /* owns what the items point to */
    struct tk_item *v;     /* in the arena */
    size_t n;
    bool is_estimated; /* lengths in tokens were estimated from bytes, no tokenizer was at hand */
};

/* random-mm: pictures of noise. */
struct tk_data_bucket {
    int64_t height, width, frames; /* pixels; one frame: an image, more: a video */
    double share;                  /* of all items, relative to those of the other buckets */
};
struct tk_data_mm {
    const struct tk_data_bucket *buckets; /* not owned */
    size_t n_buckets;
    int64_t n_base;     /* items of a request … */
    double ratio;       /* … from 1 - this to 1 + this of it */
    int64_t max_images; /* of a request */
};

/* timed_trace */
struct tk_data_trace {
    int64_t chunk;     /* tokens that a hash stands for */
    double multiplier; /* seconds of a unit of the timestamps */
    const char *timestamp, *input_length, *output_length, *hash_ids; /* names of the fields */
};
struct tk_data_hf; /* data/hf.h */

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
    /* Sets that count or make tokens: */
    const struct tk_tokenizer *tokenizer; /* not owned; NULL: lengths are estimated */
    const struct tk_chat *chat;           /* its template stands around each prompt; NULL: none */
    struct tk_str template_kwargs; /* variables of the template, a JSON object; empty: none */
    bool takes_empty;              /* jsonl: a prompt without a character is one */
    const char *category; /* spec_bench, speed_bench: rows of this one; NULL or empty: all */
    bool is_client_side;  /* custom_image: files are sent as data, not as paths for the server */
    bool makes_message;   /* custom_audio: the sound is a part of a chat's message, not a file */
    bool takes_media;     /* ShareGPT: an image or a video of a row goes with it, by its URL */
    bool keeps_plain; /* sonnet: the prompt goes out without the template that it is measured in */
    int64_t input_tokens;  /* of a prompt, BOS and the like included */
    int64_t prefix_tokens; /* of them, or beside them, those that prompts share */
    int64_t suffix_tokens; /* prefix_repetition: behind a prefix */
    int64_t n_prefixes;    /* prefix_repetition */
    int64_t batch;         /* random, random-rerank: texts of one request; 1 or less: one text */
    bool is_reranker;      /* random-rerank: each document goes with the query, not beside it */
    double range_ratio;    /* lengths are drawn from 1 - this to 1 + this of what was asked for */
    const struct tk_data_mm *mm; /* random-mm; not owned */
    const struct tk_data_hf *hf; /* data sets of the hub; not owned */
    unsigned n_threads;          /* 0: as many as there are processors for the process */
    struct tk_mt *numpy;  /* prefix_repetition: NumPy's global generator, seeded by the callee; its
                               state afterwards is the caller's. NULL: one of its own */
    struct tk_mt *python; /* CPython's global generator, likewise: a set that draws from it leaves
                               its state there, the others leave it alone. NULL: nobody asks */
    /* random, random-mm: hand each item over, in order, as it is made, instead of keeping it; its
     * slices live for the call. 0, or a code, which ends all. NULL: they are kept. */
    int (*each)(void *owner, const struct tk_item *item);
    void *each_owner;
    const _Atomic bool
        *is_beside; /* once set, threads take idle processor time alone; NULL: never */
    const struct tk_data_trace *trace; /* timed_trace; not owned */
    int64_t *ret_n_short;   /* timed_trace: prompts that are shorter than their rows say, as their
                             hashes run out; NULL: not wanted */
    int64_t *ret_n_plain;   /* hf: prompts with functions no template counted; NULL: not wanted */
    int64_t *ret_n_surplus; /* tokens by which the prompts together are longer or (below 0) shorter
                               than asked for; NULL: not wanted */
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

/* As `vllm bench serve` makes them, by its random numbers; they need a tokenizer and are not in the
 * table. */
extern const struct tk_data_ops tk_data_random;            /* runs of ids, of exact length */
extern const struct tk_data_ops tk_data_random_rerank;     /* the same: a query and documents */
extern const struct tk_data_ops tk_data_random_mm;         /* the same, with images */
extern const struct tk_data_ops tk_data_prefix_repetition; /* random ids behind some prefixes */
extern const struct tk_data_ops tk_data_sonnet;       /* lines of a poem; needs a chat, no path:
                                                               lines that tokmark brings along */
extern const struct tk_data_ops tk_data_spec_bench;   /* questions of Spec-Bench (JSONL) */
extern const struct tk_data_ops tk_data_speed_bench;  /* conversations of SPEED-Bench (JSONL) */
extern const struct tk_data_ops tk_data_timed_trace;  /* lengths, hashes, instants (JSONL) */
extern const struct tk_data_ops tk_data_custom_audio; /* sounds and texts (JSONL) */
extern const struct tk_data_ops tk_data_custom_image; /* texts and images (JSONL) */
extern const struct tk_data_ops tk_data_burstgpt;     /* lengths of a trace (CSV) */

/* By name; NULL when there is none. */
const struct tk_data_ops *tk_data_find(const char *name);

/* Guess which data set a file is from its name and its first bytes; NULL when it is none of them or
 * cannot be read: reterr says what it seems to be and what to do. */
const struct tk_data_ops *tk_data_guess(const char *path, struct tk_err *reterr);

/* Put the conf's chat template around the prompts of items[which[0 … n-1]] and count their tokens, as
 * `len(tokenizer(prompt).input_ids)` does. `which` names each item once. 0, or a code with words: the
 * items are to be released then. */
int tk_items_measure(struct tk_items *items, const uint32_t *which, size_t n,
                     const struct tk_data_conf *conf, struct tk_err *reterr);

/* Free the media of item `i`, when its request has been written: it is most of the memory. */
void tk_items_drop_media(struct tk_items *items, size_t i);

void tk_items_release(struct tk_items *items); /* may be called twice */

#endif
