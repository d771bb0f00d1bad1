/* codeset.c - sets of code points, for the classes of regular expressions */
#include "token/codeset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "token/unicode.h"

void tk__codeset_release(struct tk__codeset *s)
{
    free(s->r);
    *s = (struct tk__codeset){ 0 };
}

/* Append a range that begins no earlier than the last one; joined with that when they touch. */
static void push(struct tk__codeset *s, uint32_t first, uint32_t last)
{
    if (s->failed)
        return;
    if (s->n > 0 && first <= s->r[s->n - 1].last + 1) {
        s->r[s->n - 1].last = TK_MAX(s->r[s->n - 1].last, last);
        return;
    }
    if (s->n == s->cap) {
        unsigned cap = s->cap ? s->cap * 2 : 16;
        struct tk__uni_range *grown = s->n < TK__CODESET_MAX ? realloc(s->r, cap * sizeof(*grown))
                                                             : NULL;
        if (!grown) {
            s->failed = s->n < TK__CODESET_MAX ? -ENOMEM : TK_E_LIMIT;
            return;
        }
        s->r = grown;
        s->cap = cap;
    }
    s->r[s->n++] = (struct tk__uni_range){ first, last };
}

void tk__codeset_union(struct tk__codeset *s, const struct tk__codeset *other)
{
    struct tk__codeset out = { .failed = s->failed ? s->failed : other->failed };
    unsigned i = 0;
    unsigned k = 0;
    while (i < s->n || k < other->n) {
        bool mine = k == other->n || (i < s->n && s->r[i].first <= other->r[k].first);
        const struct tk__uni_range *r = mine ? &s->r[i++] : &other->r[k++];
        push(&out, r->first, r->last);
    }
    tk__codeset_release(s);
    *s = out;
}

void tk__codeset_add(struct tk__codeset *s, uint32_t first, uint32_t last)
{
    struct tk__uni_range r = { first, last };
    struct tk__codeset one = { .r = &r, .n = 1 };
    if (s->n == 0 || s->r[s->n - 1].first <= first)
        push(s, first, last);
    else
        tk__codeset_union(s, &one);
}

void tk__codeset_add_ranges(struct tk__codeset *s, const struct tk__uni_range *r, unsigned n)
{
    struct tk__codeset more = { 0 };
    for (unsigned i = 0; i < n; i++)
        push(&more, r[i].first, r[i].last);
    tk__codeset_union(s, &more);
    tk__codeset_release(&more);
}

void tk__codeset_add_categories(struct tk__codeset *s, uint32_t gc_mask)
{
    struct tk__codeset more = { 0 };
    for (unsigned i = 0; i < tk__uni_n_gc; i++) {
        uint32_t end = i + 1 < tk__uni_n_gc ? tk__uni_gc[i + 1] >> 5 : TK__CODE_MAX + 1;
        if (gc_mask >> (tk__uni_gc[i] & 31) & 1)
            push(&more, tk__uni_gc[i] >> 5, end - 1);
    }
    tk__codeset_union(s, &more);
    tk__codeset_release(&more);
}

void tk__codeset_intersect(struct tk__codeset *s, const struct tk__codeset *other)
{
    struct tk__codeset out = { .failed = s->failed ? s->failed : other->failed };
    unsigned i = 0;
    unsigned k = 0;
    while (i < s->n && k < other->n) {
        uint32_t first = TK_MAX(s->r[i].first, other->r[k].first);
        uint32_t last = TK_MIN(s->r[i].last, other->r[k].last);
        if (first <= last)
            push(&out, first, last);
        if (s->r[i].last < other->r[k].last)
            i++;
        else
            k++;
    }
    tk__codeset_release(s);
    *s = out;
}

void tk__codeset_invert(struct tk__codeset *s)
{
    struct tk__codeset out = { .failed = s->failed };
    uint32_t next = 0;
    for (unsigned i = 0; i < s->n; i++) {
        if (s->r[i].first > next)
            push(&out, next, s->r[i].first - 1);
        next = s->r[i].last + 1;
    }
    if (next <= TK__CODE_MAX)
        push(&out, next, TK__CODE_MAX);
    tk__codeset_release(s);
    *s = out;
}

bool tk__codeset_has(const struct tk__codeset *s, uint32_t c)
{
    unsigned low = 0;
    unsigned high = s->n;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (s->r[mid].last < c)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->n && s->r[low].first <= c;
}

static void write_range(struct tk_buf *out, uint32_t first, uint32_t last)
{
    if (first == last)
        (void)tk_buf_addf(out, "\\x{%x}", first);
    else
        (void)tk_buf_addf(out, "\\x{%x}-\\x{%x}", first, last);
}

void tk__codeset_write(const struct tk__codeset *s, struct tk_buf *out)
{
    for (unsigned i = 0; i < s->n; i++) {
        uint32_t first = s->r[i].first;
        uint32_t last = s->r[i].last;
        if (first < 0xD800 && last >= 0xD800)
            write_range(out, first, 0xD7FF);
        if (last > 0xDFFF && first <= 0xDFFF)
            write_range(out, 0xE000, last);
        else if (last < 0xD800 || first > 0xDFFF)
            write_range(out, first, last);
    }
}
