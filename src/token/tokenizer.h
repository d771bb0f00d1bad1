/* tokenizer.h - text into the tokens of a model, and back
 *
 * A tokenizer is read once from what the model's authors ship (Hugging Face's tokenizer.json with its
 * configuration files) and is immutable then: any number of threads may use it, each with a scratch
 * of its own. Ids, counts and decoded texts equal those of `tokenizers` and of `transformers` on top
 * of it; what a file holds that is not supported is an error that names it, never a guess.
 *
 *   struct tk_tokenizer *t;
 *   int rc = tk_tokenizer_load("models/llama", NULL, &t, &err);
 *   struct tk_tok_scratch *s = tk_tok_scratch_new();
 *   struct tk_tok_ids ids = { 0 };
 *   rc = tk_tokenizer_encode(t, s, text, TK_TOK_DEFAULT, &ids);
 *   int64_t n = tk_tokenizer_count(t, s, text, TK_TOK_DEFAULT);
 *
 * Text that is no UTF-8 counts as Python's decode(errors="replace") makes it: one U+FFFD for each
 * maximal subpart. Truncation and padding that a tokenizer.json asks for are ignored, as
 * `transformers` does. See docs/internals/tokenizers.md.
 */
#ifndef TK_TOKEN_TOKENIZER_H
#define TK_TOKEN_TOKENIZER_H

#include "base/buf.h"
#include "base/def.h"

struct tk_err;
struct tk_tokenizer;
struct tk_tok_scratch;

#define TK_TOKENIZER_MAX_FILE ((size_t)256 << 20) /* longest file, unless the conf says otherwise */
#define TK_TOKENIZER_MAX_TEXT ((size_t)256 << 20) /* longest text to encode, bytes */
#define TK_TOKENIZER_MAX_ID ((1U << 24) - 1)      /* highest id that a file may give */
#define TK_TOKENIZER_NO_ID UINT32_MAX             /* "there is none" */

/* What becomes of clean_up_tokenization_spaces when decoding. */
enum tk_tok_cleanup {
    TK_TOK_CLEANUP_4,     /* as transformers 4: when the configuration asks for it */
    TK_TOK_CLEANUP_5,     /* as transformers 5: the same, but never with a BPE model */
    TK_TOK_CLEANUP_NEVER, /* as `tokenizers` alone */
};

/* How to load; all zero is the default. */
struct tk_tokenizer_conf {
    enum tk_tok_cleanup cleanup;
    size_t max_file_bytes; /* 0: TK_TOKENIZER_MAX_FILE */
    bool ignores_config;   /* tokenizer.json alone, also from a folder */
};

enum tk_tok_flag {
    TK_TOK_ADD_SPECIAL = 1 << 0,   /* encode: with what the post-processor adds, as BOS */
    TK_TOK_PARSE_SPECIAL = 1 << 1, /* encode: special tokens in the text are those tokens */
    TK_TOK_SKIP_SPECIAL = 1 << 2,  /* decode: without special tokens */
};

/* What `tokenizer(text)` and `tokenizer.decode(ids)` do in Python. */
#define TK_TOK_DEFAULT (TK_TOK_ADD_SPECIAL | TK_TOK_PARSE_SPECIAL)

/* Ids in a growing array; all zero is an empty one. */
struct tk_tok_ids {
    uint32_t *p; /* owned */
    size_t n;    /* ids in use */
    size_t cap;  /* ids allocated */
};

void tk_tok_ids_release(struct tk_tok_ids *ids); /* may be called twice */

/* Append one; 0 or -ENOMEM. */
int tk_tok_ids_add(struct tk_tok_ids *ids, uint32_t id);

/* Load from a folder that holds tokenizer.json, or from such a file. From a folder the configuration
 * beside it counts too (tokenizer_config.json, special_tokens_map.json, added_tokens.json, chat
 * templates, the model_type of config.json), as AutoTokenizer.from_pretrained() has it; a file is
 * taken alone, as Tokenizer.from_file() does. `conf` may be NULL. On success *ret is the caller's,
 * to be freed. 0; -ENOENT and other negated errnos; TK_E_FORMAT (damaged); TK_E_UNSUPPORTED (names
 * what); TK_E_LIMIT (a bound); -ENOMEM. */
int tk_tokenizer_load(const char *path, const struct tk_tokenizer_conf *conf,
                      struct tk_tokenizer **ret, struct tk_err *reterr);

/* The same from a tokenizer.json in memory; the bytes may go afterwards. `name` is for messages. */
int tk_tokenizer_load_json(struct tk_str json, const char *name,
                           const struct tk_tokenizer_conf *conf, struct tk_tokenizer **ret,
                           struct tk_err *reterr);

struct tk_tokenizer *tk_tokenizer_free(struct tk_tokenizer *t);

/* The working memory of one thread: buffers that stay, and a cache of words (2 MiB). May be used with
 * one tokenizer after another; keeping to one is faster. NULL when memory is out. */
struct tk_tok_scratch *tk_tok_scratch_new(void);
struct tk_tok_scratch *tk_tok_scratch_free(struct tk_tok_scratch *s);

/* The same with a cache of 24 MiB, for long work on texts that use a vocabulary up. */
struct tk_tok_scratch *tk_tok_scratch_new_large(void);

/* Append the ids of `text`. 0; TK_E_LIMIT (text too long, or a split pattern gave up); TK_E_FORMAT (a
 * piece without an unknown token to stand for it: Hugging Face raises too); -ENOMEM. After a failure
 * `ids` holds what it held before. */
int tk_tokenizer_encode(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str text,
                        unsigned flags, struct tk_tok_ids *ids);

/* The number of ids that encode would append, or its negative code. */
int64_t tk_tokenizer_count(const struct tk_tokenizer *t, struct tk_tok_scratch *s,
                           struct tk_str text, unsigned flags);

/* Append the text of the ids. An id that there is not has no text, as in Hugging Face. 0, TK_E_LIMIT,
 * -ENOMEM. `flags`: TK_TOK_SKIP_SPECIAL. */
int tk_tokenizer_decode(const struct tk_tokenizer *t, struct tk_tok_scratch *s, const uint32_t *ids,
                        size_t n, unsigned flags, struct tk_buf *out);

/* Many texts at once, on `n_threads` threads (0: as many as there are processors for the process).
 * counts[i] and ids[i] are of texts[i]. 0, or the code of a text that failed: the rest is void then,
 * the ids have to be released all the same. */
int tk_tokenizer_count_batch(const struct tk_tokenizer *t, const struct tk_str *texts, size_t n,
                             unsigned flags, unsigned n_threads, int64_t *counts);
int tk_tokenizer_encode_batch(const struct tk_tokenizer *t, const struct tk_str *texts, size_t n,
                              unsigned flags, unsigned n_threads, struct tk_tok_ids *ids);

/* ---- decoding a stream: ids come one at a time, text leaves as soon as it is sure ---- */

/* Private: read by stream.c only. */
struct tk_tok_stream {
    const struct tk_tokenizer *t;
    struct tk_tok_scratch *s;
    unsigned flags;
    struct tk_tok_ids window; /* ids whose text may still change */
    size_t n_prefix;          /* of those, how many gave text before */
    struct tk_buf prefix; /* the text of these; of a byte-level tokenizer: the bytes held back */
    struct tk_buf text;   /* working space */
};

/* `s` is used by each call and stays the caller's. */
void tk_tok_stream_init(struct tk_tok_stream *st, const struct tk_tokenizer *t,
                        struct tk_tok_scratch *s, unsigned flags);
void tk_tok_stream_release(struct tk_tok_stream *st); /* may be called twice */
void tk_tok_stream_reset(struct tk_tok_stream *st);   /* begin another text */

/* Append to `out` what is now sure: whole characters only. The parts together are the text that
 * decode gives, but that clean-up of spaces is not done, and that byte-fallback ids which are no UTF-8
 * together may have given some characters before that showed. 0, TK_E_LIMIT, -ENOMEM. */
int tk_tok_stream_push(struct tk_tok_stream *st, uint32_t id, struct tk_buf *out);

/* The rest; bytes that never became a character come out as U+FFFD. Then as after _reset. */
int tk_tok_stream_finish(struct tk_tok_stream *st, struct tk_buf *out);

/* ---- what it is ---- */

/* Number of ids of the model, without and with the added tokens. */
uint32_t tk_tokenizer_vocab_size(const struct tk_tokenizer *t, bool with_added);

/* One more than the highest id. */
uint32_t tk_tokenizer_id_end(const struct tk_tokenizer *t);

/* The id of a piece as Hugging Face spells it ("Ġthe"), or TK_TOKENIZER_NO_ID. */
uint32_t tk_tokenizer_id(const struct tk_tokenizer *t, struct tk_str piece);

/* Append the piece of an id, so spelt. 0, TK_E_NOT_FOUND, TK_E_LIMIT, -ENOMEM. */
int tk_tokenizer_piece(const struct tk_tokenizer *t, uint32_t id, struct tk_buf *out);

bool tk_tokenizer_is_special(const struct tk_tokenizer *t, uint32_t id);
bool tk_tokenizer_is_added(const struct tk_tokenizer *t, uint32_t id);

/* Whether it is in the all_special_ids of `transformers`: a role's token, or an additional special one
 * of the configuration. Other special tokens of tokenizer.json are not. */
bool tk_tokenizer_has_role(const struct tk_tokenizer *t, uint32_t id);

/* "BPE", "Unigram", "WordPiece", "WordLevel". Static. */
const char *tk_tokenizer_model(const struct tk_tokenizer *t);

/* The special token of that role in the configuration ("bos_token", "eos_token", "unk_token",
 * "pad_token", "cls_token", "sep_token", "mask_token", or a key of extra_special_tokens): its text
 * lives as long as the tokenizer, .p is NULL when there is none. */
struct tk_str tk_tokenizer_special(const struct tk_tokenizer *t, const char *role);

/* Roles one after the other, for a template's variables: false when `i` is past the last. */
bool tk_tokenizer_special_at(const struct tk_tokenizer *t, size_t i, struct tk_str *ret_role,
                             struct tk_str *ret_text);

/* Their ids, TK_TOKENIZER_NO_ID when there is none. */
uint32_t tk_tokenizer_bos(const struct tk_tokenizer *t);
uint32_t tk_tokenizer_eos(const struct tk_tokenizer *t);

/* model_max_length, INT64_MAX when it is not given or beyond all models. */
int64_t tk_tokenizer_max_length(const struct tk_tokenizer *t);

/* Chat templates, in the order of the configuration; the nameless one is "default". False when `i` is
 * past the last. They live as long as the tokenizer. */
bool tk_tokenizer_chat_template(const struct tk_tokenizer *t, size_t i, struct tk_str *ret_name,
                                struct tk_str *ret_text);

#endif
