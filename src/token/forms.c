/* forms.c - NFC, NFD, NFKC and NFKD, with the Unicode that Hugging Face's normalizers know
 *
 *   text  |ascii ascii e|́ á 漢|ascii …
 *                      └region┘  one ASCII character and what is not ASCII after it
 *
 * No ASCII character joins the one before it, so regions are independent. For NFC a region without
 * an "active" character is copied. Decomposition, classes and composition are utf8proc's; what that
 * knows and the unicode-normalization crate (Unicode 12) does not yet is "inert": it stays, and
 * nothing crosses it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "token/internal.h"
#include "token/unicode.h"

#define MAX_DECOMPOSED 32 /* the longest is 18 */

struct form {
    bool composes;
    bool is_compat;
};

static struct form form_of(enum tk__normal_kind kind)
{
    return (struct form){
        .composes = kind == TK__NORMAL_NFC || kind == TK__NORMAL_NFKC,
        .is_compat = kind == TK__NORMAL_NFKC || kind == TK__NORMAL_NFKD,
    };
}

static bool is_inert(uint32_t c)
{
    return (tk__uni_flags(c) & TK__U_INERT) != 0;
}

static unsigned class_of(int32_t c)
{
    if (c < 0x300 || is_inert((uint32_t)c))
        return 0;
    return (unsigned)utf8proc_get_property(c)->combining_class;
}

/* Does the region hold something that NFC may change? */
static bool is_active(const char *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        if (tk__uni_flags(tk__utf8_next(p, &at)) & TK__U_NFC_ACTIVE)
            return true;
    }
    return false;
}

/* Decompose the region into working memory: how many code points, or -ENOMEM. */
static int64_t decompose(struct tk_tok_scratch *s, struct tk_str in, struct form form,
                         size_t *ret_first)
{
    utf8proc_option_t options = UTF8PROC_DECOMPOSE | (form.is_compat ? UTF8PROC_COMPAT : 0);
    size_t cap = in.n + MAX_DECOMPOSED;
    size_t n = 0;
    size_t at = 0;
    int32_t *codes = tk__work(s, cap * sizeof(*codes));
    while (codes && at < in.n) {
        uint32_t c = tk__utf8_next(in.p, &at);
        int unused = 0;
        if (n + MAX_DECOMPOSED > cap) {
            cap += cap / 2 + MAX_DECOMPOSED;
            codes = tk__work(s, cap * sizeof(*codes));
            if (!codes)
                break;
        }
        utf8proc_ssize_t got = 0;
        if (!is_inert(c))
            got = utf8proc_decompose_char((utf8proc_int32_t)c, codes + n, MAX_DECOMPOSED, options,
                                          &unused);
        if (got <= 0 || got > MAX_DECOMPOSED) {
            codes[n] = (int32_t)c;
            got = 1;
        }
        n += (size_t)got;
        if (*ret_first == 0)
            *ret_first = n;
    }
    return codes ? (int64_t)n : -ENOMEM;
}

static int by_class(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Put codes[from, to), all of a class above 0, in order of class, equal ones as they stood. */
static int order_run(struct tk_tok_scratch *s, int32_t *codes, size_t from, size_t to)
{
    if (to - from < 32) {
        for (size_t i = from + 1; i < to; i++) {
            int32_t c = codes[i];
            size_t k = i;
            for (; k > from && class_of(codes[k - 1]) > class_of(c); k--)
                codes[k] = codes[k - 1];
            codes[k] = c;
        }
        return 0;
    }
    /* class, place and code point in one number */
    uint64_t *keys = tk__more(s, (to - from) * sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    for (size_t i = from; i < to; i++)
        keys[i - from] = (uint64_t)class_of(codes[i]) << 56 | (uint64_t)(i - from) << 21 |
                         (uint64_t)(uint32_t)codes[i];
    qsort(keys, to - from, sizeof(*keys), by_class);
    for (size_t i = from; i < to; i++)
        codes[i] = (int32_t)(keys[i - from] & 0x1FFFFF);
    return 0;
}

static int order(struct tk_tok_scratch *s, int32_t *codes, size_t n)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n;) {
        size_t from = i;
        while (i < n && class_of(codes[i]) > 0)
            i++;
        if (i - from > 1)
            rc = order_run(s, codes, from, i);
        i += i < n;
    }
    return rc;
}

/* Compose between inert characters, which nothing crosses; the new length. */
static size_t compose(int32_t *codes, size_t n)
{
    size_t out = 0;
    size_t i = 0;
    while (i < n) {
        size_t from = i;
        while (i < n && !is_inert((uint32_t)codes[i]))
            i++;
        if (i > from) {
            utf8proc_ssize_t got = utf8proc_normalize_utf32(
                codes + from, (utf8proc_ssize_t)(i - from), UTF8PROC_COMPOSE | UTF8PROC_STABLE);
            size_t kept = got > 0 ? (size_t)got : 0;
            memmove(codes + out, codes + from, kept * sizeof(*codes));
            out += kept;
        }
        if (i < n)
            codes[out++] = codes[i++];
    }
    return out;
}

static int region(struct tk__step *x, size_t from, size_t to, struct form form)
{
    struct tk_str in = { x->in.p + from, to - from };
    size_t first = 0;
    if (form.composes && !form.is_compat && !is_active(in.p, in.n)) {
        (void)tk_buf_add_str(x->out, in);
        if (from < x->origin_in)
            x->origin_out = (uint32_t)(x->out->n - in.n + TK_MIN(in.n, x->origin_in - from));
        return 0;
    }
    int64_t got = decompose(x->s, in, form, &first);
    if (got < 0)
        return (int)got;
    size_t n = (size_t)got;
    int32_t *codes = x->s->work;
    int rc = order(x->s, codes, n);
    if (rc < 0)
        return rc;
    if (form.composes) {
        n = compose(codes, n);
        first = 1;
    }
    for (size_t i = 0; i < n; i++) {
        tk__utf8_add(x->out, (uint32_t)codes[i]);
        if (from < x->origin_in && i < first)
            x->origin_out = (uint32_t)x->out->n;
    }
    return 0;
}

/* Where text that the form may change begins. */
static size_t first_change(const struct tk__step *x, struct form form)
{
    size_t at = tk__ascii_length(x->in.p, x->in.n);
    if (!form.composes || form.is_compat)
        return at;
    while (at < x->in.n) {
        size_t from = at;
        if (tk__uni_flags(tk__utf8_next(x->in.p, &at)) & TK__U_NFC_ACTIVE)
            return from;
    }
    return x->in.n;
}

int tk__normal_form(struct tk__step *x)
{
    struct form form = form_of(x->step->kind);
    const char *p = x->in.p;
    size_t n = x->in.n;
    size_t at = 0;
    int rc = 0;
    if (first_change(x, form) == n) {
        x->is_same = true;
        x->origin_out = x->origin_in;
        return 0;
    }
    while (rc == 0 && at < n) {
        size_t plain = tk__ascii_length(p + at, n - at);
        size_t start = at + plain; /* of what is not ASCII */
        size_t from = plain > 0 && start < n ? start - 1 : start;
        if (from > at) {
            (void)tk_buf_add(x->out, p + at, from - at);
            if (at < x->origin_in)
                x->origin_out = (uint32_t)(x->out->n - (from - at) +
                                           TK_MIN(from - at, (size_t)x->origin_in - at));
        }
        size_t to = start;
        while (to < n && (unsigned char)p[to] >= 0x80)
            to++;
        if (to > from)
            rc = region(x, from, to, form);
        at = to;
    }
    return rc < 0 ? rc : x->out->failed;
}
