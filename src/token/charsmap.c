/* charsmap.c - sentencepiece's precompiled map of characters
 *
 *   base64 -> | bytes of the trie, u32 | trie: u32 units | replacements, each ended by NUL |
 *
 * The trie is a darts double array. A grapheme of less than six bytes is replaced whole by what its
 * *shortest* known beginning maps to; failing that, its characters one by one. That is what
 * `tokenizers` does, and models were checked against it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "token/internal.h"
#include "token/unicode.h"

#define MAX_BLOB ((size_t)16 << 20)
#define MAX_WHOLE 6 /* a grapheme as long as this is not looked up whole */

struct tk__charsmap {
    char *blob;         /* owned */
    const char *trie;   /* in it; not aligned */
    uint32_t n_units;   /* of the trie */
    const char *texts;  /* in it */
    size_t n_texts;     /* bytes */
    bool is_ascii_same; /* no printable ASCII character alone has an entry */
};

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decode to `out`, which has room; the number of bytes or SIZE_MAX. */
static size_t decode64(struct tk_str in, unsigned char *out)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    while (in.n > 0 && in.p[in.n - 1] == '=')
        in.n--;
    for (size_t i = 0; i < in.n; i++) {
        int v = value_of(in.p[i]);
        if (v < 0)
            return SIZE_MAX;
        bits = bits << 6 | (uint32_t)v;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (unsigned char)(bits >> n_bits);
        }
    }
    return n;
}

static uint32_t unit_at(const struct tk__charsmap *m, size_t at)
{
    const unsigned char *u = (const unsigned char *)m->trie + at * 4;
    return u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & (1U << 9)) >> 6);
}

/* What the shortest known beginning of `s` becomes; .p is NULL when none is known. */
static struct tk_str transform(const struct tk__charsmap *m, struct tk_str s)
{
    struct tk_str none = { 0 };
    size_t at = 0;
    uint32_t unit = unit_at(m, 0);
    at ^= offset_of(unit);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == 0)
            break;
        at ^= c;
        if (at >= m->n_units)
            return none;
        unit = unit_at(m, at);
        if ((unit & (1U << 31 | 0xFFU)) != c)
            return none;
        at ^= offset_of(unit);
        if (at >= m->n_units)
            return none;
        if (unit >> 8 & 1) {
            size_t text = unit_at(m, at) & 0x7FFFFFFFU;
            if (text > m->n_texts)
                return none;
            return (struct tk_str){ m->texts + text, strnlen(m->texts + text, m->n_texts - text) };
        }
    }
    return none;
}

static int damaged(struct tk__charsmap *m, struct tk_err *reterr)
{
    (void)tk__charsmap_free(m);
    return tk_err_set(reterr, TK_E_FORMAT, "the 'precompiled_charsmap' is damaged");
}

int tk__charsmap_new(struct tk_str base64, struct tk__charsmap **ret, struct tk_err *reterr)
{
    struct tk__charsmap *m = calloc(1, sizeof(*m));
    if (base64.n > MAX_BLOB) {
        free(m);
        return tk_err_set(reterr, TK_E_LIMIT, "the 'precompiled_charsmap' is too long");
    }
    if (m)
        m->blob = malloc(base64.n + 4);
    if (!m || !m->blob) {
        free(m);
        return tk_err_set(reterr, -ENOMEM, "out of memory for the 'precompiled_charsmap'");
    }
    size_t n = decode64(base64, (unsigned char *)m->blob);
    if (n == SIZE_MAX || n < 4)
        return damaged(m, reterr);
    m->trie = m->blob;
    uint32_t trie_bytes = unit_at(m, 0);
    m->trie = m->blob + 4;
    m->n_units = trie_bytes / 4;
    if (trie_bytes > n - 4 || m->n_units == 0)
        return damaged(m, reterr);
    m->texts = m->trie + (size_t)m->n_units * 4;
    m->n_texts = n - 4 - (size_t)m->n_units * 4;
    if (tk__utf8_valid(m->texts, m->n_texts) != m->n_texts)
        return damaged(m, reterr);
    m->is_ascii_same = true;
    for (char c = ' '; c < 0x7F; c++)
        m->is_ascii_same &= transform(m, (struct tk_str){ &c, 1 }).p == NULL;
    *ret = m;
    return 0;
}

struct tk__charsmap *tk__charsmap_free(struct tk__charsmap *m)
{
    if (m)
        free(m->blob);
    free(m);
    return NULL;
}

/* Where the grapheme that begins at `at` ends. */
static size_t grapheme_end(struct tk_str in, size_t at)
{
    utf8proc_int32_t state = 0;
    size_t next = at;
    uint32_t c = tk__utf8_next(in.p, &next);
    while (next < in.n) {
        size_t after = next;
        uint32_t d = tk__utf8_next(in.p, &after);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)c, (utf8proc_int32_t)d, &state))
            break;
        c = d;
        next = after;
    }
    return next;
}

/* Printable ASCII before ASCII is a grapheme of its own. */
static bool is_plain(const struct tk__charsmap *m, struct tk_str in, size_t at)
{
    return m->is_ascii_same && in.p[at] >= ' ' && in.p[at] < 0x7F &&
           (at + 1 == in.n || (unsigned char)in.p[at + 1] < 0x80);
}

/* Characters that vanish before the first one that stays leave it their place: `tokenizers` forgets
 * what it removes before there is a character to note it with. */
static size_t origin_of(const struct tk__step *x, size_t at)
{
    return x->out->n == 0 ? 0 : at;
}

static void add_characters(struct tk__step *x, size_t at, size_t end, bool *modified)
{
    while (at < end) {
        size_t from = at;
        (void)tk__utf8_next(x->in.p, &at);
        struct tk_str as = transform(x->step->charsmap,
                                     (struct tk_str){ x->in.p + from, at - from });
        *modified |= as.p != NULL;
        if (as.p)
            tk__step_add(x, as.p, as.n, origin_of(x, from));
        else
            tk__step_add(x, x->in.p + from, at - from, origin_of(x, from));
    }
}

int tk__charsmap_step(struct tk__step *x)
{
    const struct tk__charsmap *m = x->step->charsmap;
    bool modified = false;
    size_t at = 0;
    while (at < x->in.n) {
        size_t from = at;
        while (at < x->in.n && is_plain(m, x->in, at))
            at++;
        if (at > from) {
            bool is_first = x->out->n == 0 && x->origin_in > 0;
            (void)tk_buf_add(x->out, x->in.p + from, at - from);
            if (is_first)
                x->origin_out = 1;
            if (from < x->origin_in)
                x->origin_out = (uint32_t)(x->out->n - (at - from) +
                                           TK_MIN(at - from, x->origin_in - from));
            continue;
        }
        size_t end = grapheme_end(x->in, at);
        struct tk_str as = { 0 };
        if (end - at < MAX_WHOLE)
            as = transform(m, (struct tk_str){ x->in.p + at, end - at });
        if (as.p) {
            modified = true;
            tk__step_add(x, as.p, as.n, origin_of(x, at));
        } else {
            add_characters(x, at, end, &modified);
        }
        at = end;
    }
    if (!modified) {
        x->is_same = true;
        x->origin_out = x->origin_in;
    }
    return x->out->failed;
}
