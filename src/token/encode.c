/* encode.c - text into ids: the way of a text through the parts, and the cache of words
 *
 *   text --as_is--> | token | rest | token | …          added tokens in the text as it came
 *                            rest --normalizer--> --normalized--> | token | rest | …
 *                                                              rest --pre-tokenizer--> splits --> ids
 *
 * Each rest is done with before the next is looked for, so that nothing of the size of the text is
 * kept but its ids. Most byte-level models split by one known pattern and take the bytes as they are:
 * for them (t->direct) the scanner's words go straight to the model.
 *
 * The cache of words has two entries a set, of one line of memory each: the word (up to 24 bytes)
 * and its ids (up to eight). In prose 95 of 100 words are in it, and a hit costs less than the hash
 * look-up of one merge. It belongs to the thread and to one tokenizer. A large one also takes words of
 * up to 64 bytes: texts that run through the vocabulary have many, and the same ones again and again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "token/hash.h"
#include "token/internal.h"
#include "token/regex.h"
#include "token/scan.h"
#include "token/unicode.h"

#define N_SETS 16384U        /* of two words: 2 MiB */
#define N_LARGE_SETS 131072U /* of a large scratch: 16 MiB */
#define N_LONG 65536U        /* long words of a large scratch: 8 MiB */
#define MAX_CACHED 8         /* ids */
#define MAX_LONG_CACHED 14   /* of a long word */
#define N_AHEAD 8            /* words that are cut before the first of them is encoded */

/* ---- arrays and working memory ---- */

void tk_tok_ids_release(struct tk_tok_ids *ids)
{
    free(ids->p);
    *ids = (struct tk_tok_ids){ 0 };
}

/* Room for `more` ids. */
static int ids_reserve(struct tk_tok_ids *ids, size_t more)
{
    if (TK_LIKELY(ids->cap - ids->n >= more))
        return 0;
    size_t cap = TK_MAX(ids->cap * 2, ids->n + more);
    cap = TK_MAX(cap, 64);
    uint32_t *grown = realloc(ids->p, cap * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    ids->p = grown;
    ids->cap = cap;
    return 0;
}

int tk_tok_ids_add(struct tk_tok_ids *ids, uint32_t id)
{
    int rc = ids_reserve(ids, 1);
    if (rc == 0)
        ids->p[ids->n++] = id;
    return rc;
}

int tk__spans_add(struct tk__spans *spans, uint32_t at, uint32_t n, uint32_t n_origin)
{
    if (spans->n == spans->cap) {
        size_t cap = spans->cap ? spans->cap * 2 : 64;
        struct tk__span *grown = realloc(spans->p, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        spans->p = grown;
        spans->cap = cap;
    }
    spans->p[spans->n++] = (struct tk__span){ at, n, n_origin };
    return 0;
}

void *tk__large_alloc(size_t bytes)
{
    const size_t large = (size_t)2 << 20;
    if (bytes < large)
        return malloc(bytes);
    bytes = (bytes + large - 1) / large * large;
    void *p = aligned_alloc(large, bytes);
    if (p)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

/* Content survives growing. */
static void *grow(void **p, size_t *have, size_t want)
{
    if (!*p || want > *have) {
        want = TK_MAX(want, 1024);
        void *grown = want > TK__MAX_WORK * 8 ? NULL : realloc(*p, want);
        if (!grown)
            return NULL;
        *p = grown;
        *have = want;
    }
    return *p;
}

void *tk__work(struct tk_tok_scratch *s, size_t bytes)
{
    return grow(&s->work, &s->work_bytes, bytes);
}

void *tk__more(struct tk_tok_scratch *s, size_t bytes)
{
    return grow(&s->more, &s->more_bytes, bytes);
}

void *tk__third(struct tk_tok_scratch *s, size_t bytes)
{
    return grow(&s->third, &s->third_bytes, bytes);
}

/* A word of more bytes than the cache takes. */
struct tk__long_word {
    char key[TK__LONG_KEY];
    uint32_t ids[MAX_LONG_CACHED];
    uint16_t n_key; /* bytes; 0: free */
    uint16_t n_ids;
    uint32_t unused;
};

struct tk_tok_scratch *tk_tok_scratch_new_large(void)
{
    struct tk_tok_scratch *s = tk_tok_scratch_new();
    if (s)
        s->is_large = true;
    return s;
}

struct tk_tok_scratch *tk_tok_scratch_new(void)
{
    struct tk_tok_scratch *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    tk_buf_init(&s->repaired, TK__MAX_WORK);
    for (unsigned i = 0; i < 2; i++) {
        tk_buf_init(&s->normal[i], TK__MAX_WORK);
        tk_buf_init(&s->text[i], TK__MAX_WORK);
        tk_buf_init(&s->decode[i], TK__MAX_WORK);
    }
    return s;
}

struct tk_tok_scratch *tk_tok_scratch_free(struct tk_tok_scratch *s)
{
    if (!s)
        return NULL;
    free(s->words);
    free(s->longs);
    tk_buf_release(&s->repaired);
    for (unsigned i = 0; i < 2; i++) {
        tk_buf_release(&s->normal[i]);
        tk_buf_release(&s->text[i]);
        tk_buf_release(&s->decode[i]);
        free(s->spans[i].p);
        free(s->tokens[i].p);
    }
    free(s->matches.p);
    tk_tok_ids_release(&s->ids);
    free(s->work);
    free(s->more);
    free(s->third);
    tk__regex_scratch_release(s);
    free(s);
    return NULL;
}

/* ---- words ---- */

static inline bool is_word(const struct tk__word *w, const uint64_t *key, size_t n)
{
    return w->key[0] == key[0] && w->key[1] == key[1] && w->key[2] == key[2] && w->n_key == n;
}

static int encode_new(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str word,
                      const uint64_t *key, struct tk__word *set, struct tk_tok_ids *ids)
{
    size_t from = ids->n;
    int rc = t->model->ops->encode(t, s, word, ids);
    size_t n = ids->n - from;
    if (rc < 0 || n > MAX_CACHED)
        return rc;
    set[1] = set[0];
    memcpy(set[0].key, key, sizeof(set[0].key));
    if (n > 0)
        memcpy(set[0].ids, ids->p + from, n * sizeof(*ids->p));
    set[0].n_key = (uint8_t)word.n;
    set[0].n_ids = (uint8_t)n;
    return 0;
}

/* A word on its way through the cache: where it may be. */
struct look {
    struct tk_str word;
    uint64_t key[3];
    struct tk__word *set;       /* NULL: too long a word for it … */
    struct tk__long_word *slot; /* … and here then, or nowhere: NULL */
};

/* Where the word would be; the memory is on its way afterwards. */
static inline void look_up(const struct tk_tok_scratch *s, struct tk_str word, struct look *l)
{
    l->word = word;
    if (TK_UNLIKELY(word.n > TK__WORD_KEY)) {
        l->set = NULL;
        l->slot = NULL;
        if (s->longs && word.n <= TK__LONG_KEY) {
            uint64_t h = tk__hash(word.p, word.n, 0);
            l->slot = &s->longs[(h ^ h >> 32) & (N_LONG - 1)];
            __builtin_prefetch(l->slot);
            __builtin_prefetch((char *)l->slot + 64);
        }
        return;
    }
    l->key[0] = tk__load(word.p, word.n);
    l->key[1] = word.n > 8 ? tk__load(word.p + 8, word.n - 8) : 0;
    l->key[2] = word.n > 16 ? tk__load(word.p + 16, word.n - 16) : 0;
    uint64_t h = tk__mix(l->key[0] ^ TK__HASH_A, l->key[1] ^ word.n ^ TK__HASH_B) ^
                 l->key[2] * TK__HASH_A;
    l->set = &s->words[((h ^ h >> 32) & s->set_mask) * 2];
    __builtin_prefetch(l->set);
}

/* A long word: from the cache of a large scratch, which has one entry for each, or anew. */
static int encode_long(const struct tk_tokenizer *t, struct tk_tok_scratch *s, const struct look *l,
                       struct tk_tok_ids *ids)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): look_up() sets it where set is NULL */
    struct tk__long_word *w = l->slot;
    if (w && w->n_key == l->word.n && memcmp(w->key, l->word.p, l->word.n) == 0) {
        int rc = ids_reserve(ids, MAX_LONG_CACHED);
        if (rc < 0)
            return rc;
        memcpy(ids->p + ids->n, w->ids, sizeof(w->ids));
        ids->n += w->n_ids;
        return 0;
    }
    size_t from = ids->n;
    int rc = t->model->ops->encode(t, s, l->word, ids);
    size_t n = ids->n - from;
    if (rc < 0 || n > MAX_LONG_CACHED || !w)
        return rc;
    memcpy(w->key, l->word.p, l->word.n);
    if (n > 0)
        memcpy(w->ids, ids->p + from, n * sizeof(*ids->p));
    w->n_key = (uint16_t)l->word.n;
    w->n_ids = (uint16_t)n;
    return 0;
}

static inline int encode_looked_up(const struct tk_tokenizer *t, struct tk_tok_scratch *s,
                                   const struct look *l, struct tk_tok_ids *ids)
{
    if (TK_UNLIKELY(!l->set))
        return encode_long(t, s, l, ids);
    struct tk__word *set = l->set;
    const struct tk__word *w = is_word(&set[0], l->key, l->word.n) ? &set[0] : &set[1];
    if (TK_UNLIKELY(!is_word(w, l->key, l->word.n)))
        return encode_new(t, s, l->word, l->key, set, ids);
    int rc = ids_reserve(ids, MAX_CACHED);
    if (rc < 0)
        return rc;
    memcpy(ids->p + ids->n, w->ids, sizeof(w->ids));
    ids->n += w->n_ids;
    return 0;
}

/* One word through the cache. */
static inline int encode_word(const struct tk_tokenizer *t, struct tk_tok_scratch *s,
                              struct tk_str word, struct tk_tok_ids *ids)
{
    struct look l;
    look_up(s, word, &l);
    return encode_looked_up(t, s, &l, ids);
}

int tk__encode_split(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str split,
                     struct tk_tok_ids *ids)
{
    int rc = 0;
    if (!t->model->ops->first_part)
        return encode_word(t, s, split, ids);
    while (rc == 0 && split.n > 0) {
        size_t n = t->model->ops->first_part(t, split);
        rc = encode_word(t, s, (struct tk_str){ split.p, n }, ids);
        split.p += n;
        split.n -= n;
    }
    return rc;
}

/* Make the cache this tokenizer's. */
static int take_cache(const struct tk_tokenizer *t, struct tk_tok_scratch *s)
{
    const size_t n_sets = s->is_large ? N_LARGE_SETS : N_SETS;
    const size_t bytes = n_sets * 2 * sizeof(*s->words);
    if (s->words && s->serial == t->serial)
        return 0;
    if (!s->words)
        s->words = tk__large_alloc(bytes);
    if (s->is_large && !s->longs)
        s->longs = tk__large_alloc(N_LONG * sizeof(*s->longs));
    if (!s->words || (s->is_large && !s->longs))
        return -ENOMEM;
    memset(s->words, 0, bytes);
    if (s->longs)
        memset(s->longs, 0, N_LONG * sizeof(*s->longs));
    s->set_mask = n_sets - 1;
    s->serial = t->serial;
    return 0;
}

/* ---- the way of a text ---- */

struct way {
    const struct tk_tokenizer *t;
    struct tk_tok_scratch *s;
    unsigned flags;
    struct tk_tok_ids *ids;
};

/* What becomes of the text between added tokens. */
typedef int (*rest_fn)(struct way *w, struct tk_str rest, uint32_t n_origin);

/* Words are cut some ahead of where they are encoded, so that the cache's memory comes meanwhile. */
static int encode_direct(struct way *w, struct tk_str rest)
{
    enum tk__scan_kind kind = w->t->direct;
    struct look ahead[N_AHEAD];
    size_t n_cut = 0, n_done = 0, at = 0;
    bool is_match;
    int rc = 0;
    while (rc == 0 && (at < rest.n || n_done < n_cut)) {
        if (at < rest.n) {
            size_t end = tk__scan(kind, rest.p, at, rest.n, &is_match);
            look_up(w->s, (struct tk_str){ rest.p + at, end - at }, &ahead[n_cut++ % N_AHEAD]);
            at = end;
            if (n_cut - n_done < N_AHEAD && at < rest.n)
                continue;
        }
        rc = encode_looked_up(w->t, w->s, &ahead[n_done++ % N_AHEAD], w->ids);
    }
    return rc;
}

static int encode_rest(struct way *w, struct tk_str rest, uint32_t n_origin)
{
    const struct tk__spans *spans;
    const char *text;
    if (w->t->direct != TK__SCAN_NONE)
        return encode_direct(w, rest);
    if (w->t->pre.n == 0)
        return tk__encode_split(w->t, w->s, rest, w->ids);
    int rc = tk__pre_tokenize(w->t, w->s, rest, n_origin, &text, &spans);
    for (size_t i = 0; rc == 0 && i < spans->n; i++) {
        struct tk_str split = { text + spans->p[i].at, spans->p[i].n };
        rc = tk__encode_split(w->t, w->s, split, w->ids);
    }
    return rc;
}

static bool ends_with_word(struct tk_str s)
{
    if (s.n == 0)
        return false;
    size_t at = tk__utf8_last(s.p, s.n);
    return tk__uni_flags(tk__utf8_next(s.p, &at)) & TK__U_WORD;
}

static bool starts_with_word(struct tk_str s)
{
    size_t at = 0;
    return s.n > 0 && tk__uni_flags(tk__utf8_next(s.p, &at)) & TK__U_WORD;
}

/* Where the white space at the end of s begins. */
static size_t space_at_end(struct tk_str s)
{
    while (s.n > 0) {
        size_t at = tk__utf8_last(s.p, s.n);
        size_t next = at;
        if (!(tk__uni_flags(tk__utf8_next(s.p, &next)) & TK__U_SPACE))
            break;
        s.n = at;
    }
    return s.n;
}

/* Where the white space at the beginning of s ends. */
static size_t space_at_start(struct tk_str s)
{
    size_t at = 0;
    while (at < s.n) {
        size_t next = at;
        if (!(tk__uni_flags(tk__utf8_next(s.p, &next)) & TK__U_SPACE))
            break;
        at = next;
    }
    return at;
}

/* Does the added token found at [at, end) count? */
static bool counts(const struct way *w, const struct tk__added *a, struct tk_str text, size_t at,
                   size_t end)
{
    if (a->was_special && !(w->flags & TK_TOK_PARSE_SPECIAL))
        return false;
    return !a->single_word || (!ends_with_word((struct tk_str){ text.p, at }) &&
                               !starts_with_word((struct tk_str){ text.p + end, text.n - end }));
}

static uint32_t origin_at(uint32_t n_origin, size_t at)
{
    return n_origin > at ? (uint32_t)(n_origin - at) : 0;
}

/* Take the added tokens out of `text`; `rest` gets what is between them. */
static int extract(struct way *w, const struct tk__matcher *m, struct tk_str text,
                   uint32_t n_origin, rest_fn rest)
{
    size_t done = 0;
    size_t from = 0;
    size_t at, end;
    uint32_t index;
    int rc = 0;
    while (rc == 0 && m && tk__matcher_find(m, text, from, &index, &at, &end)) {
        const struct tk__added *a = &w->t->added[index];
        from = end; /* also of a match that does not count */
        if (!counts(w, a, text, at, end))
            continue;
        if (a->lstrip)
            at = TK_MAX(space_at_end((struct tk_str){ text.p, at }), done);
        if (a->rstrip)
            end += space_at_start((struct tk_str){ text.p + end, text.n - end });
        if (done < at)
            rc = rest(w, (struct tk_str){ text.p + done, at - done }, origin_at(n_origin, done));
        rc = rc < 0 ? rc : tk_tok_ids_add(w->ids, a->id);
        done = end;
    }
    if (rc == 0 && done < text.n)
        rc = rest(w, (struct tk_str){ text.p + done, text.n - done }, origin_at(n_origin, done));
    return rc;
}

static int normalize_rest(struct way *w, struct tk_str rest, uint32_t n_origin)
{
    struct tk_str text;
    uint32_t origin;
    int rc = tk__normalize(w->t, w->s, rest, n_origin, &text, &origin);
    if (rc < 0 || text.n == 0)
        return rc;
    return extract(w, w->t->normalized, text, origin, encode_rest);
}

/* Valid text: as it is, or repaired. */
static int make_valid(struct tk_tok_scratch *s, struct tk_str *text)
{
    if (text->n > TK_TOKENIZER_MAX_TEXT)
        return TK_E_LIMIT;
    if (tk__utf8_valid(text->p, text->n) == text->n)
        return 0;
    tk_buf_reset(&s->repaired);
    int rc = tk__utf8_repair(&s->repaired, *text);
    *text = tk_buf_str(&s->repaired);
    return rc;
}

static int add_all(struct tk_tok_ids *ids, const uint32_t *p, unsigned n)
{
    int rc = ids_reserve(ids, n);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        ids->p[ids->n++] = p[i];
    return rc;
}

int tk_tokenizer_encode(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str text,
                        unsigned flags, struct tk_tok_ids *ids)
{
    struct way w = { t, s, t->splits_special ? flags & ~(unsigned)TK_TOK_PARSE_SPECIAL : flags,
                     ids };
    size_t had = ids->n;
    bool adds = flags & TK_TOK_ADD_SPECIAL;
    int rc = take_cache(t, s);
    if (rc == 0)
        rc = make_valid(s, &text);
    if (rc == 0 && adds)
        rc = add_all(ids, t->post.before, t->post.n_before);
    if (rc == 0 && text.n > 0)
        rc = extract(&w, t->as_is, text, (uint32_t)tk__utf8_len(text.p[0]), normalize_rest);
    if (rc == 0 && adds)
        rc = add_all(ids, t->post.after, t->post.n_after);
    if (rc < 0)
        ids->n = had;
    return rc;
}

int64_t tk_tokenizer_count(const struct tk_tokenizer *t, struct tk_tok_scratch *s,
                           struct tk_str text, unsigned flags)
{
    s->ids.n = 0;
    int rc = tk_tokenizer_encode(t, s, text, flags, &s->ids);
    return rc < 0 ? rc : (int64_t)s->ids.n;
}
