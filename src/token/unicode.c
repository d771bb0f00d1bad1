/* unicode.c - code points and UTF-8, as Hugging Face's `tokenizers` sees them
 *
 *   runs and ranges (unidata_*.c) --> one 16-bit word per code point, in blocks of 256
 *
 * Of 4,352 blocks some 400 differ; equal uniform ones (unassigned, Han, Hangul) are shared. They are
 * filled once, in a millisecond or so, and never freed: every tokenizer of the process needs them.
 */
#include "token/unicode.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "token/unidata.h"

#define BLOCK 256U
#define N_BLOCKS 0x1100U
#define UNIFORM_MAX 64 /* values of uniform blocks that are remembered */

const uint16_t *tk__uni_blocks[N_BLOCKS];

static const uint16_t *uniform[UNIFORM_MAX];
static unsigned n_uniform;

static const struct {
    const struct tk__uni_range *ranges;
    const unsigned *n;
    unsigned flag;
} sets[] = {
    { tk__uni_space, &tk__uni_n_space, TK__U_SPACE },
    { tk__uni_word, &tk__uni_n_word, TK__U_WORD },
    { tk__uni_oniguruma_word, &tk__uni_n_oniguruma_word, TK__U_ONIG_WORD },
    { tk__uni_numeric, &tk__uni_n_numeric, TK__U_NUMERIC },
    { tk__uni_punctuation, &tk__uni_n_punctuation, TK__U_PUNCT },
    { tk__uni_bert_removed, &tk__uni_n_bert_removed, TK__U_BERT_REMOVED },
    { tk__uni_bert_mark, &tk__uni_n_bert_mark, TK__U_BERT_MARK },
    { tk__uni_combining, &tk__uni_n_combining, TK__U_COMBINING },
    { tk__uni_nfc_active, &tk__uni_n_nfc_active, TK__U_NFC_ACTIVE },
    { tk__uni_normal_inert, &tk__uni_n_normal_inert, TK__U_INERT },
};

/* The words of the block that begins at `from`; `at` has for each table where to go on. */
static void fill(uint16_t *words, uint32_t from, unsigned *gc_at, unsigned *at)
{
    for (uint32_t c = from; c < from + BLOCK; c++) {
        while (*gc_at + 1 < tk__uni_n_gc && tk__uni_gc[*gc_at + 1] >> 5 <= c)
            ++*gc_at;
        words[c - from] = (uint16_t)(tk__uni_gc[*gc_at] & 31);
    }
    for (unsigned s = 0; s < TK_ARRAY_LEN(sets); s++) {
        const struct tk__uni_range *r = sets[s].ranges;
        unsigned i = at[s];
        for (; i < *sets[s].n && r[i].first < from + BLOCK; i++) {
            uint32_t last = TK_MIN(r[i].last, from + BLOCK - 1);
            for (uint32_t c = TK_MAX(r[i].first, from); c <= last; c++)
                words[c - from] |= (uint16_t)sets[s].flag;
            if (r[i].last >= from + BLOCK)
                break;
        }
        at[s] = i;
    }
}

/* A block with these words: a known uniform one, or a copy; NULL when memory is out. */
static const uint16_t *block_of(const uint16_t *words)
{
    bool same = memcmp(words, words + 1, (BLOCK - 1) * sizeof(*words)) == 0;
    for (unsigned i = 0; same && i < n_uniform; i++) {
        if (uniform[i][0] == words[0])
            return uniform[i];
    }
    uint16_t *copy = malloc(BLOCK * sizeof(*copy));
    if (!copy)
        return NULL;
    memcpy(copy, words, BLOCK * sizeof(*copy));
    if (same && n_uniform < UNIFORM_MAX)
        uniform[n_uniform++] = copy;
    return copy;
}

int tk__uni_init(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool is_done;
    uint16_t words[BLOCK];
    unsigned gc_at = 0;
    unsigned at[TK_ARRAY_LEN(sets)] = { 0 };
    int rc = 0;

    pthread_mutex_lock(&lock);
    for (uint32_t b = 0; !is_done && rc == 0 && b < N_BLOCKS; b++) {
        fill(words, b * BLOCK, &gc_at, at);
        if (!tk__uni_blocks[b]) /* an earlier attempt may have ended half-way */
            tk__uni_blocks[b] = block_of(words);
        rc = tk__uni_blocks[b] ? 0 : -ENOMEM;
    }
    is_done |= rc == 0;
    pthread_mutex_unlock(&lock);
    return rc;
}

uint32_t tk__uni_to_lower(uint32_t c)
{
    unsigned low = 0;
    unsigned high = tk__uni_n_lower;
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (tk__uni_lower[mid].last < c)
            low = mid + 1;
        else
            high = mid;
    }
    const struct tk__uni_lower *l = &tk__uni_lower[low];
    if (low == tk__uni_n_lower || c < l->first || (c - l->first) % l->step != 0)
        return c;
    return (uint32_t)((int32_t)c + l->difference);
}

unsigned tk__uni_script_of(uint32_t c)
{
    unsigned low = 0;
    unsigned high = tk__uni_n_script;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (tk__uni_script[mid] >> 8 <= c)
            low = mid + 1;
        else
            high = mid;
    }
    return low == 0 ? 0 : tk__uni_script[low - 1] & 255;
}

size_t tk__utf8_put(char *out, uint32_t c)
{
    unsigned char *u = (unsigned char *)out;
    if (c < 0x80) {
        u[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        u[0] = (unsigned char)(0xC0 | c >> 6);
        u[1] = (unsigned char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        u[0] = (unsigned char)(0xE0 | c >> 12);
        u[1] = (unsigned char)(0x80 | (c >> 6 & 0x3F));
        u[2] = (unsigned char)(0x80 | (c & 0x3F));
        return 3;
    }
    u[0] = (unsigned char)(0xF0 | c >> 18);
    u[1] = (unsigned char)(0x80 | (c >> 12 & 0x3F));
    u[2] = (unsigned char)(0x80 | (c >> 6 & 0x3F));
    u[3] = (unsigned char)(0x80 | (c & 0x3F));
    return 4;
}

void tk__utf8_add(struct tk_buf *b, uint32_t c)
{
    char out[4];
    (void)tk_buf_add(b, out, tk__utf8_put(out, c));
}

/* What the second byte may be after `lead`, which starts a character of several. */
static bool is_second(unsigned char lead, unsigned char u)
{
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return u >= low && u <= high;
}

/* How many bytes the character that `lead` starts has; 0 when it starts none. */
static size_t length_by(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* How many bytes at `p` are the beginning of a character; all of it when that is *ret_whole. */
static size_t beginning(const unsigned char *p, size_t n, size_t *ret_whole)
{
    size_t whole = length_by(p[0]);
    size_t i = 1;
    *ret_whole = whole;
    if (whole == 0)
        return 0;
    while (i < whole && i < n && (i == 1 ? is_second(p[0], p[1]) : (p[i] & 0xC0) == 0x80))
        i++;
    return i;
}

size_t tk__utf8_valid(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t i = 0;
    while (i < n) {
        uint64_t eight;
        size_t whole;
        if (i + 8 <= n && (memcpy(&eight, u + i, 8), (eight & 0x8080808080808080U) == 0)) {
            i += 8;
            continue;
        }
        if (u[i] < 0x80) {
            i++;
            continue;
        }
        size_t got = beginning(u + i, n - i, &whole);
        if (got == 0 || got != whole)
            return i;
        i += got;
    }
    return n;
}

size_t tk__utf8_bad(const char *p, size_t n, bool *ret_cut)
{
    size_t whole;
    size_t got = beginning((const unsigned char *)p, n, &whole);
    if (ret_cut)
        *ret_cut = got > 0 && got < whole && got == n;
    return got > 0 ? got : 1;
}

int tk__utf8_repair(struct tk_buf *out, struct tk_str s)
{
    int rc = 0;
    while (s.n > 0 && rc == 0) {
        size_t good = tk__utf8_valid(s.p, s.n);
        size_t bad = 0;
        rc = tk_buf_add(out, s.p, good);
        if (rc == 0 && good < s.n) {
            bad = tk__utf8_bad(s.p + good, s.n - good, NULL);
            rc = tk_buf_add(out, "\xEF\xBF\xBD", 3);
        }
        s.p += good + bad;
        s.n -= good + bad;
    }
    return rc;
}

size_t tk__utf8_count(struct tk_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}
