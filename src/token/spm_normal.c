/* spm_normal.c - what sentencepiece does to a text before its model sees it
 *
 *   text --user's pieces as they are | longest entry of the map | a character as it is-->
 *        --spaces: runs become one, those at the ends go (where the model says so)-->
 *        --" " is written as U+2581, one more stands before (or behind) the text-->
 *
 * The map is a darts double array over bytes, as in tokenizer.json's Precompiled, but here the longest
 * entry counts, at every place of the text: charsmap.c has the other reading.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "token/spm.h"
#include "token/unicode.h"

#define MAX_MAP ((size_t)16 << 20)

struct tk__spm_normal {
    char *map;            /* trie and texts; owned, NULL: none */
    uint32_t n_units;     /* of the trie */
    const char *texts;    /* in map: what it maps to, each ended by NUL */
    size_t n_texts;       /* bytes */
    struct tk__trie *own; /* the user's pieces; owned, NULL: none */
    bool adds_prefix, is_suffix, removes_extra, escapes;
};

struct tk__spm_normal *tk__spm_normal_free(struct tk__spm_normal *n)
{
    if (n && n->own)
        tk__trie_release(n->own);
    if (n) {
        free(n->own);
        free(n->map);
    }
    free(n);
    return NULL;
}

/* ---- one piece of input ---- */

static uint32_t unit(const struct tk__spm_normal *n, uint32_t at)
{
    const unsigned char *u = (const unsigned char *)n->map + 4 * (size_t)at;

    return (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

static uint32_t offset(uint32_t u)
{
    return (u >> 10) << ((u & (1U << 9)) >> 6);
}

/* The longest entry that `in` begins with: its length, 0 when there is none; *ret gets its text. */
static size_t longest(const struct tk__spm_normal *n, struct tk_str in, struct tk_str *ret)
{
    size_t found = 0;
    uint32_t value = 0;
    uint32_t at = offset(unit(n, 0));

    for (size_t i = 0; i < in.n; i++) {
        unsigned char byte = (unsigned char)in.p[i];
        at ^= byte;
        if (at >= n->n_units)
            break;
        uint32_t u = unit(n, at);
        if ((u & (1U << 31 | 0xFF)) != byte)
            break;
        at ^= offset(u);
        if (at >= n->n_units)
            break;
        if (u >> 8 & 1) {
            found = i + 1;
            value = unit(n, at) & 0x7FFFFFFF;
        }
    }
    if (found == 0 || value >= n->n_texts)
        return 0;
    *ret = (struct tk_str){ n->texts + value, strlen(n->texts + value) };
    return found;
}

static size_t own_piece(const struct tk__trie *trie, struct tk_str in)
{
    size_t found = 0;
    uint32_t node = 0;

    for (size_t i = 0; i < in.n; i++) {
        node = tk__trie_next(trie, node, (unsigned char)in.p[i]);
        if (node == TK__TRIE_NONE)
            break;
        if (trie->values[node] != TK__TRIE_NONE)
            found = i + 1;
    }
    return found;
}

/* What `in` begins with and what it becomes; how many bytes it is. */
static size_t prefix(const struct tk__spm_normal *n, struct tk_str in, struct tk_str *ret)
{
    size_t used = n->own ? own_piece(n->own, in) : 0;

    if (used == 0 && n->map && (used = longest(n, in, ret)) > 0)
        return used;
    if (used == 0)
        used = tk__utf8_len(in.p[0]);
    *ret = (struct tk_str){ in.p, used };
    return used;
}

/* ---- the text ---- */

static struct tk_str space_of(const struct tk__spm_normal *n)
{
    return n->escapes ? TK_STR(TK__SPM_SPACE) : TK_STR(" ");
}

/* Without the spaces at the front; how many bytes went. */
static size_t skip_spaces(const struct tk__spm_normal *n, struct tk_str in)
{
    size_t at = 0;
    struct tk_str text;

    while (at < in.n) {
        size_t used = prefix(n, (struct tk_str){ in.p + at, in.n - at }, &text);
        if (!tk_str_is(text, " "))
            break;
        at += used;
    }
    return at;
}

static void add(struct tk__step *x, const struct tk__spm_normal *n, struct tk_str text)
{
    while (n->escapes && text.n > 0) {
        const char *space = memchr(text.p, ' ', text.n);
        size_t before = space ? (size_t)(space - text.p) : text.n;
        (void)tk_buf_add(x->out, text.p, before);
        if (space)
            (void)tk_buf_add_str(x->out, TK_STR(TK__SPM_SPACE));
        before += space != NULL;
        text.p += before;
        text.n -= before;
    }
    (void)tk_buf_add_str(x->out, text);
}

static void add_all(struct tk__step *x, const struct tk__spm_normal *n, struct tk_str in)
{
    bool was_space = n->removes_extra;

    if (!n->removes_extra && !n->map && !n->own) {
        add(x, n, in);
        return;
    }
    while (in.n > 0) {
        struct tk_str text;
        size_t used = prefix(n, in, &text);
        while (was_space && text.n > 0 && text.p[0] == ' ') {
            text.p++;
            text.n--;
        }
        if (text.n > 0) {
            add(x, n, text);
            was_space = n->removes_extra && text.p[text.n - 1] == ' ';
        }
        in.p += used;
        in.n -= used;
    }
}

int tk__spm_normal_step(struct tk__step *x)
{
    const struct tk__spm_normal *n = x->step->spm;
    struct tk_str in = x->in;
    struct tk_str space = space_of(n);

    if (n->removes_extra) {
        size_t skipped = skip_spaces(n, in);
        in.p += skipped;
        in.n -= skipped;
    }
    x->origin_out = 0; /* nothing behind this step looks at it */
    if (in.n == 0)
        return 0;
    if (n->adds_prefix && !n->is_suffix)
        (void)tk_buf_add_str(x->out, space);
    add_all(x, n, in);
    while (n->removes_extra && x->out->failed == 0 && tk_str_ends(tk_buf_str(x->out), space))
        x->out->n -= space.n;
    if (n->adds_prefix && n->is_suffix)
        (void)tk_buf_add_str(x->out, space);
    return x->out->failed;
}

/* ---- making ---- */

/* | bytes of the trie, u32 | trie | texts | */
static int take_map(struct tk__spm_normal *n, struct tk_str blob, struct tk_err *reterr)
{
    uint32_t n_trie = 0;

    if (blob.n == 0)
        return 0;
    for (unsigned i = 0; i < 4 && i < blob.n; i++)
        n_trie |= (uint32_t)(unsigned char)blob.p[i] << (8 * i);
    if (blob.n > MAX_MAP || blob.n < 8 || n_trie > blob.n - 4 || n_trie < 4 || n_trie % 4 != 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the map of characters is damaged");
    n->map = malloc(blob.n - 4 + 1);
    if (!n->map)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the map of characters");
    memcpy(n->map, blob.p + 4, blob.n - 4);
    n->map[blob.n - 4] = '\0';
    n->n_units = n_trie / 4;
    n->texts = n->map + n_trie;
    n->n_texts = blob.n - 4 - n_trie;
    if (tk__utf8_valid(n->texts, n->n_texts) != n->n_texts) /* models walk by whole characters */
        return tk_err_set(reterr, TK_E_FORMAT, "the map of characters is damaged");
    return 0;
}

int tk__spm_normal_new(struct tk_tokenizer *t, const struct tk__spm_file *f, struct tk_err *reterr)
{
    struct tk__spm_normal *n = calloc(1, sizeof(*n));

    if (!n)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the normalizer");
    t->normal.v[0] = (struct tk__normal){ .kind = TK__NORMAL_SPM, .spm = n };
    t->normal.n = 1;
    n->adds_prefix = f->adds_prefix;
    n->is_suffix = f->is_suffix;
    n->removes_extra = f->removes_extra;
    n->escapes = f->escapes;
    if (tk__spm_trie(f, TK__SPM_USER, &n->own) < 0)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the normalizer");
    return take_map(n, f->charsmap, reterr);
}
