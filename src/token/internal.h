/* internal.h - the parts of a tokenizer, and the working memory of a thread
 *
 *   text --added--> segments --normalizer--> --added--> --pre-tokenizer--> splits --model--> ids
 *                                                                          --post-processor--> ids
 *
 * Loaders (json.c, and whatever else a model may ship) fill a struct tk_tokenizer and say at the end
 * tk__tokenizer_finish(); after that nothing writes to it.
 */
#ifndef TK_TOKEN_INTERNAL_H
#define TK_TOKEN_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "base/json.h"
#include "token/tokenizer.h"
#include "token/trie.h"
#include "token/vocab.h"

#define TK__MAX_STEPS 64                  /* parts of one sequence, nested ones flattened */
#define TK__MAX_NESTING 16                /* sequences in sequences */
#define TK__MAX_WORK ((size_t)1 << 30)    /* one buffer of a scratch, bytes */
#define TK__MAX_ARENA ((size_t)512 << 20) /* what a file may make a tokenizer keep */
#define TK__MAX_STRING ((size_t)16 << 20) /* one string of a file that is kept */
#define TK__MAX_ADDED 1000000U            /* added tokens */
#define TK__MAX_EXTRA 10000               /* sentinels of T5 */
#define TK__MAX_POST 64U                  /* ids that a post-processor adds */
#define TK__WORD_KEY 24                   /* longest word that is cached, bytes */
#define TK__LONG_KEY 64                   /* the same in a large scratch */

struct tk__regex;
struct tk__charsmap;
struct tk__matcher;
struct tk__model;

/* ---- working memory ---- */

/* malloc for a table that is looked up at random: in large pages, where the system has them. */
void *tk__large_alloc(size_t bytes);

/* A part of the text under way. */
struct tk__span {
    uint32_t at; /* in the text */
    uint32_t n;  /* bytes */
    /* How many bytes from `at` on stem from the first character of the original; 0 also when the
     * part does not begin the original. Metaspace's "first" looks at it. */
    uint32_t n_origin;
};

struct tk__spans {
    struct tk__span *p; /* owned */
    size_t n;
    size_t cap;
};

/* The ids of a word that was met before. */
struct tk__word {
    uint64_t key[TK__WORD_KEY / 8]; /* its bytes, the rest zero */
    uint32_t ids[8];
    uint8_t n_key; /* bytes; 0: free */
    uint8_t n_ids;
    uint16_t unused;
    uint32_t unused2;
};

struct tk_tok_scratch {
    uint64_t serial;             /* of the tokenizer that the cache belongs to */
    struct tk__word *words;      /* sets of two; owned, NULL until used */
    size_t set_mask;             /* number of sets less one */
    struct tk__long_word *longs; /* of a large one: owned, NULL until used; encode.c */
    bool is_large;
    struct tk_buf repaired; /* the text as valid UTF-8 */
    struct tk_buf normal[2];
    struct tk_buf text[2]; /* pre-tokenizers that rewrite go from one to the other */
    struct tk__spans spans[2];
    struct tk__spans matches; /* of a splitting step: n_origin is 1 for a match */
    struct tk_tok_ids ids;    /* of a count */
    void *work;               /* of a model: owned */
    size_t work_bytes;
    void *more; /* the same, for a second array, and a third */
    size_t more_bytes;
    void *third;
    size_t third_bytes;
    struct tk_buf decode[2];
    struct tk__spans tokens[2];
    void *match_data; /* of PCRE2: pcre2_match_data, context and JIT stack */
    void *match_context;
    void *jit_stack;
};

/* `bytes` of working memory, content undefined; NULL when memory is out. */
void *tk__work(struct tk_tok_scratch *s, size_t bytes);
void *tk__more(struct tk_tok_scratch *s, size_t bytes);
void *tk__third(struct tk_tok_scratch *s, size_t bytes);

/* 0 or -ENOMEM. */
int tk__spans_add(struct tk__spans *spans, uint32_t at, uint32_t n, uint32_t n_origin);

/* ---- models ---- */

struct tk__model_ops {
    const char *name;
    /* Append the ids of a split, n > 0. 0, TK_E_FORMAT, TK_E_LIMIT, -ENOMEM. */
    int (*encode)(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str split,
                  struct tk_tok_ids *ids);
    /* May be NULL. The length of the first part of `split` that no token leaves: it may be encoded
     * alone. */
    size_t (*first_part)(const struct tk_tokenizer *t, struct tk_str split);
    void (*free)(struct tk__model *m);
};

/* Read {"piece": id, …} into the vocabulary. */
int tk__vocab_read(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr);

/* Variants embed it as first member. */
struct tk__model {
    const struct tk__model_ops *ops;
};

/* A part inside a 'Sequence' `depth` deep; it may be a 'Sequence' itself. */
typedef int (*tk__part_cb)(struct tk_tokenizer *t, struct tk_json_val *v, unsigned depth,
                           struct tk_err *reterr);

/* Parse each part in the array `key` of a 'Sequence' of `what` ("decoder"). 0, TK_E_FORMAT, TK_E_LIMIT
 * (deeper than TK__MAX_NESTING), or what `parse` returned. */
int tk__parse_sequence(struct tk_tokenizer *t, struct tk_json_val *v, const char *what,
                       const char *key, unsigned depth, tk__part_cb parse, struct tk_err *reterr);

int tk__bpe_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr);

/* A BPE model without a list of merges (tiktoken, sentencepiece): two neighbours merge when their
 * bytes together are a piece. */
struct tk__bpe_pieces {
    const uint32_t *ranks; /* by id: the lowest merges first; TK__NO_ID: neither merged nor made by
                                merging; NULL: each id is its rank */
    struct tk__trie *frozen; /* texts that are one symbol wherever they stand, longest first, values
                                are ids; taken over, also on failure; NULL: none */
    uint32_t unk;            /* TK__NO_ID: unknown symbols vanish */
    bool ignores_merges, byte_fallback, fuses_unk;
};

/* t->vocab is filled and indexed already. */
int tk__bpe_of_pieces(struct tk_tokenizer *t, const struct tk__bpe_pieces *conf,
                      struct tk_err *reterr);
int tk__unigram_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr);
int tk__wordpiece_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr);
int tk__wordlevel_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr);

/* ---- normalizers ---- */

enum tk__normal_kind {
    TK__NORMAL_NFC,
    TK__NORMAL_NFD,
    TK__NORMAL_NFKC,
    TK__NORMAL_NFKD,
    TK__NORMAL_LOWERCASE,
    TK__NORMAL_STRIP,
    TK__NORMAL_STRIP_ACCENTS,
    TK__NORMAL_REPLACE,
    TK__NORMAL_PREPEND,
    TK__NORMAL_APPEND,
    TK__NORMAL_BERT_CLEAN,
    TK__NORMAL_BERT_CHINESE,
    TK__NORMAL_BERT_MARKS,
    TK__NORMAL_PRECOMPILED,
    TK__NORMAL_NMT,
    TK__NORMAL_BYTE_LEVEL,
    TK__NORMAL_SPM,
};

struct tk__normal {
    enum tk__normal_kind kind;
    bool left, right;              /* STRIP */
    struct tk_str pattern;         /* REPLACE by a string: what is looked for */
    struct tk__regex *regex;       /* REPLACE by a regular expression; owned */
    struct tk_str content;         /* REPLACE, PREPEND, APPEND */
    struct tk__charsmap *charsmap; /* PRECOMPILED; owned */
    struct tk__spm_normal *spm;    /* SPM; owned */
};

/* What a BertNormalizer does; transformers' configuration may change it. */
struct tk__bert {
    bool is_top; /* it is the whole normalizer */
    bool cleans, chinese, lowercase;
    bool strips_set, strips; /* strip_accents: unless set, as lowercase */
};

struct tk__normals {
    struct tk__normal v[TK__MAX_STEPS];
    unsigned n;
    struct tk__bert bert; /* the last one */
};

int tk__normal_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr);
void tk__normal_release(struct tk__normals *ns);

/* Append the steps of a BertNormalizer. */
int tk__normal_bert(struct tk__normals *ns, const struct tk__bert *bert, struct tk_err *reterr);

/* Normalize `text`; n_origin as in struct tk__span, before and after. The result stands in the text
 * itself or in s->normal. */
int tk__normalize(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str text,
                  uint32_t n_origin, struct tk_str *ret, uint32_t *ret_origin);

/* One step into `out`; a step that changes nothing may set *ret_same and write nothing. */
struct tk__step {
    const struct tk__normal *step;
    struct tk_tok_scratch *s;
    struct tk_str in;
    uint32_t origin_in;
    struct tk_buf *out;
    uint32_t origin_out; /* set by the step */
    bool is_same;        /* set by the step: the result is `in`, which it may have narrowed */
};

/* Add a character to the output that stems from the one at `at`. */
static inline TK_UNUSED void tk__step_add(struct tk__step *x, const char *p, size_t n, size_t at)
{
    (void)tk_buf_add(x->out, p, n);
    if (at < x->origin_in)
        x->origin_out = (uint32_t)x->out->n;
}

/* Length of the ASCII beginning. */
size_t tk__ascii_length(const char *p, size_t n);

/* NFC, NFD, NFKC, NFKD. 0 or -ENOMEM. */
int tk__normal_form(struct tk__step *x);

/* Precompiled: `base64` is what the file has. */
int tk__charsmap_new(struct tk_str base64, struct tk__charsmap **ret, struct tk_err *reterr);
struct tk__charsmap *tk__charsmap_free(struct tk__charsmap *m);
int tk__charsmap_step(struct tk__step *x);

/* All that sentencepiece does to a text before its model: see spm_normal.c. */
struct tk__spm_normal *tk__spm_normal_free(struct tk__spm_normal *n);
int tk__spm_normal_step(struct tk__step *x);

/* ---- pre-tokenizers ---- */

enum tk__behavior {
    TK__REMOVED,
    TK__ISOLATED,
    TK__MERGED_WITH_PREVIOUS,
    TK__MERGED_WITH_NEXT,
    TK__CONTIGUOUS,
};

enum tk__pre_kind {
    TK__PRE_SPLIT_STRING,
    TK__PRE_SPLIT_REGEX,
    TK__PRE_SPLIT_SCAN, /* a known pattern, by hand */
    TK__PRE_BYTES,      /* ByteLevel's spelling of bytes */
    TK__PRE_SPACE,      /* ByteLevel's add_prefix_space */
    TK__PRE_METASPACE,
    TK__PRE_WHITESPACE,
    TK__PRE_WHITESPACE_SPLIT,
    TK__PRE_DIGITS,
    TK__PRE_PUNCTUATION,
    TK__PRE_DELIMITER,
    TK__PRE_SCRIPTS,
    TK__PRE_FIXED_LENGTH,
};

enum tk__prepend { TK__PREPEND_ALWAYS, TK__PREPEND_FIRST, TK__PREPEND_NEVER };

/* Patterns with a scanner by hand: see scan.h. */
enum tk__scan_kind {
    TK__SCAN_NONE,
    TK__SCAN_GPT2,
    TK__SCAN_CL100K,
    TK__SCAN_QWEN,
    TK__SCAN_O200K,
    TK__SCAN_TEKKEN,
    TK__SCAN_DEEPSEEK_MAIN,
    TK__SCAN_DIGITS3,
    TK__SCAN_CJK,
};

struct tk__pre {
    enum tk__pre_kind kind;
    enum tk__behavior behavior;
    bool is_inverted;
    bool splits;              /* METASPACE */
    enum tk__scan_kind scan;  /* SPLIT_SCAN */
    struct tk__regex *regex;  /* SPLIT_REGEX; owned */
    struct tk_str pattern;    /* SPLIT_STRING; METASPACE: the replacement */
    uint32_t character;       /* DELIMITER */
    enum tk__prepend prepend; /* METASPACE */
    size_t length;            /* FIXED_LENGTH */
};

struct tk__pres {
    struct tk__pre v[TK__MAX_STEPS];
    unsigned n;
    bool
        top_is_byte_level; /* the one at the top is ByteLevel: a configuration may set its prefix */
};

/* Is ByteLevel's spelling the last thing that happens to a split? Then it can be left undone: a raw
 * vocabulary takes the bytes. */
bool tk__pre_is_raw(const struct tk__pres *pres);

int tk__pre_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr);
void tk__pre_release(struct tk__pres *pres);

/* Cut `span` of `text` into splits: *ret_spans lie in *ret_text, both valid until the next call. */
int tk__pre_tokenize(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str text,
                     uint32_t n_origin, const char **ret_text, const struct tk__spans **ret_spans);

/* Cut by s->matches, which cover [at, at + n), into `out`. */
int tk__split(struct tk_tok_scratch *s, struct tk__span span, enum tk__behavior behavior,
              bool is_inverted, struct tk__spans *out);

/* ---- added tokens ---- */

struct tk__added {
    struct tk_str content;
    uint32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
    bool was_special; /* it is, or was before its flags were changed */
    /* Where it is looked for: `tokenizers` keeps a place that a token once had, and the first one of a
     * special token for good. */
    bool as_is;     /* in the text as it came */
    bool in_normal; /* in normalized text */
    bool has_role;  /* a special token of the configuration: BOS, padding, an additional one */
};

/* Build the two matchers. */
int tk__added_finish(struct tk_tokenizer *t, struct tk_err *reterr);

struct tk__matcher *tk__matcher_free(struct tk__matcher *m);

/* The leftmost longest added token in `text` from `from` on: true with its index and place. */
bool tk__matcher_find(const struct tk__matcher *m, struct tk_str text, size_t from,
                      uint32_t *ret_index, size_t *ret_at, size_t *ret_end);

/* ---- post-processors: what stands before and after the text ---- */

struct tk__post {
    uint32_t before[TK__MAX_POST];
    uint32_t after[TK__MAX_POST];
    unsigned n_before, n_after;
    bool is_set; /* one that adds ids was there: a second one is not supported */
};

int tk__post_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr);

/* ---- decoders ---- */

enum tk__decode_kind {
    TK__DECODE_BYTE_LEVEL,
    TK__DECODE_METASPACE,
    TK__DECODE_WORDPIECE,
    TK__DECODE_BPE,
    TK__DECODE_BYTE_FALLBACK,
    TK__DECODE_FUSE,
    TK__DECODE_STRIP,
    TK__DECODE_REPLACE,
    TK__DECODE_CTC,
};

struct tk__decode {
    enum tk__decode_kind kind;
    struct tk_str a; /* REPLACE: pattern; METASPACE: replacement; WORDPIECE: prefix; BPE: suffix;
                                STRIP: content; CTC: pad token */
    struct tk_str b; /* REPLACE: content; CTC: word delimiter */
    struct tk__regex *regex; /* REPLACE; owned, may be NULL */
    bool flag;               /* METASPACE: strips the first; WORDPIECE, CTC: cleans up */
    size_t start, stop;      /* STRIP */
};

struct tk__decodes {
    struct tk__decode v[TK__MAX_STEPS];
    unsigned n;
    bool is_set; /* false: pieces are joined by spaces */
};

int tk__decode_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr);
void tk__decode_release(struct tk__decodes *ds);

/* Is a byte-level decoder all there is? */
bool tk__decode_is_bytes(const struct tk_tokenizer *t);

/* Append the bytes of an id, for such a decoder. */
int tk__decode_bytes(const struct tk_tokenizer *t, uint32_t id, unsigned flags, struct tk_buf *out);

/* Decode without clean-up of spaces. */
int tk__decode_raw(const struct tk_tokenizer *t, struct tk_tok_scratch *s, const uint32_t *ids,
                   size_t n, unsigned flags, struct tk_buf *out);

/* ---- the whole ---- */

struct tk__named {
    struct tk_str name;
    struct tk_str text;
};

struct tk__nameds {
    struct tk__named *v; /* in the arena */
    size_t n;
    size_t cap;
};

struct tk_tokenizer {
    uint64_t serial; /* of this process: no two have the same */
    struct tk_tokenizer_conf conf;
    struct tk_arena arena; /* strings, small arrays */
    struct tk__vocab vocab;
    struct tk__model *model;
    struct tk__normals normal;
    struct tk__pres pre;
    struct tk__post post;
    struct tk__decodes decode;

    struct tk__added *added; /* owned; by order of adding */
    uint32_t n_added, cap_added;
    struct tk__trie names;     /* their texts -> index; set up with `added` */
    uint32_t next_id;          /* of the next added token that is new */
    struct tk__matcher *as_is; /* added tokens that are looked for in the text as it is; owned */
    struct tk__matcher *normalized; /* and in the normalized text; either may be NULL */
    uint8_t *id_flags;              /* by id: TK__ID_… bits; owned */
    uint32_t *id_added;             /* by id: index in added, or TK__NO_ID; owned */
    uint32_t id_end;

    enum tk__scan_kind direct; /* splits by this scanner go straight to a raw BPE model */
    bool splits_special;       /* split_special_tokens of the configuration */
    unsigned mistral_version;  /* of the chat encoding of mistral-common, 0: none */
    bool cleans_up;            /* decoding cleans up spaces */
    int64_t max_length;
    struct tk__nameds specials;  /* roles and texts */
    struct tk__nameds templates; /* chat templates */
};

#define TK__ID_SPECIAL 1U
#define TK__ID_ADDED 2U
#define TK__ID_ROLE 4U

/* An empty one; NULL when memory is out. */
struct tk_tokenizer *tk__tokenizer_new(const struct tk_tokenizer_conf *conf, struct tk_err *reterr);

/* Before a batch of tokens is added: which id the first new one gets. */
void tk__added_begin(struct tk_tokenizer *t);

/* Add a token as `tokenizers` does: one whose text is known gets new flags, one that the model knows
 * keeps the model's id, others get the next id. The text is copied. 0 or an error. */
int tk__added_add(struct tk_tokenizer *t, const struct tk__added *token, struct tk_err *reterr);

/* Read an added token, but for its id. */
int tk__added_read(struct tk_tokenizer *t, struct tk_json_val *v, struct tk__added *ret,
                   struct tk_err *reterr);

/* The added token of this text, or NULL. */
const struct tk__added *tk__added_find(const struct tk_tokenizer *t, struct tk_str text);

/* Everything was read: build what is derived. */
int tk__tokenizer_finish(struct tk_tokenizer *t, struct tk_err *reterr);

/* Read tokenizer.json, without finishing. */
int tk__json_load(struct tk_tokenizer *t, struct tk_str json, const char *name,
                  struct tk_err *reterr);

/* Read the configuration in `folder`, after the tokenizer.json. */
int tk__config_load(struct tk_tokenizer *t, const char *folder, struct tk_err *reterr);

/* Map a file so that TK_JSON_PADDING bytes can be read behind it. *ret_map is for tk__unmap(). */
int tk__map(const char *path, size_t max_bytes, struct tk_str *ret, struct tk_str *ret_map,
            struct tk_err *reterr);
void tk__unmap(struct tk_str map);

/* Add to a list; the strings are copied to the arena. */
int tk__named_add(struct tk_tokenizer *t, struct tk__nameds *list, struct tk_str name,
                  struct tk_str text);

/* Encode one split by the model, through the cache of words. */
int tk__encode_split(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str split,
                     struct tk_tok_ids *ids);

#endif
