/* spm.h - sentencepiece's models: what their files share */
#ifndef TK_TOKEN_SPM_H
#define TK_TOKEN_SPM_H

#include "base/def.h"
#include "base/err.h"
#include "token/internal.h"

#define TK__SPM_MAX_PIECES (1U << 22)

enum tk__spm_type {
    TK__SPM_NORMAL = 1,
    TK__SPM_UNKNOWN = 2,
    TK__SPM_CONTROL = 3,
    TK__SPM_USER = 4,
    TK__SPM_UNUSED = 5,
    TK__SPM_BYTE = 6,
};

struct tk__spm_piece {
    struct tk_str text; /* in the file */
    float score;
    uint8_t type; /* enum tk__spm_type */
};

/* A model file as it was read; slices point into its bytes. */
struct tk__spm_file {
    struct tk__spm_piece *pieces; /* owned */
    uint32_t n, cap;
    uint32_t model_type; /* 1 Unigram, 2 BPE, 3 word, 4 char */
    bool byte_fallback, is_suffix;
    struct tk_str charsmap; /* precompiled; empty: none */
    struct tk_str denormalizer;
    bool adds_prefix, removes_extra, escapes;
};

#define TK__SPM_SPACE "\xE2\x96\x81" /* U+2581, which stands for a space in pieces */

/* The classes of transformers that read such models. */
enum tk__spm_family { TK__SPM_BARE, TK__SPM_LLAMA, TK__SPM_GEMMA, TK__SPM_T5, TK__SPM_XLMR };

struct tk__spm_class {
    enum tk__spm_family family;
    bool is_legacy;  /* "legacy": the space before goes to every part of a text */
    bool adds_space; /* add_prefix_space */
    bool is_told;    /* the configuration has add_prefix_space */
    size_t n_extra;  /* T5: sentinels */
};

/* Read the protocol buffer. Unknown fields are passed over. 0, TK_E_FORMAT, TK_E_LIMIT, -ENOMEM. */
int tk__spm_read(struct tk_str bytes, struct tk__spm_file *ret, struct tk_err *reterr);
void tk__spm_file_release(struct tk__spm_file *f);

/* The normalizer as the one step of t->normal. */
int tk__spm_normal_new(struct tk_tokenizer *t, const struct tk__spm_file *f, struct tk_err *reterr);

/* A trie of the pieces that `type` has; *ret is NULL where there are none. Values are ids. */
int tk__spm_trie(const struct tk__spm_file *f, enum tk__spm_type type, struct tk__trie **ret);

/* Does transformers convert the folder's model although there is a tokenizer.json? Llama's and T5's
 * classes do when the configuration has add_prefix_space. The path of the model is written to `out`. */
bool tk__spm_is_converted(const char *folder, char *out, size_t size);

/* All parts of `t` as transformers converts the model for a class that is not BARE. 0; TK_E_UNSUPPORTED;
 * what tk__json_load() returns. */
int tk__spm_convert(struct tk_tokenizer *t, const struct tk__spm_file *f,
                    const struct tk__spm_class *class, struct tk_err *reterr);

/* The Unigram model; t->vocab is filled. */
int tk__spm_unigram_new(struct tk_tokenizer *t, const struct tk__spm_file *f,
                        struct tk_err *reterr);

#endif
