/* bits.c - integers in few bits: runs, packed groups, differences
 *
 * All of them are read one value at a time and nothing is unpacked ahead, so that a head that promises
 * billions of values costs nothing until somebody asks for them.
 */
#include <string.h>

#include "base/varint.h"
#include "parquet/inside.h"
#include "parquet/thrift.h"

#define MAX_BLOCK ((uint64_t)1 << 20) /* values in a block of differences */

uint64_t tk__pq_bits(const uint8_t *p, uint64_t at, unsigned width)
{
    uint64_t v = 0;
    unsigned got = 0;

    p += at / 8;
    if (width == 0)
        return 0;
    for (unsigned skip = at % 8; got < width; skip = 0, p++) {
        v |= (uint64_t)(*p >> skip) << got;
        got += 8 - skip;
    }
    return width == 64 ? v : v & ((UINT64_C(1) << width) - 1);
}

void tk__pq_runs_init(struct tk__pq_runs *r, const uint8_t *p, size_t n, unsigned width)
{
    *r = (struct tk__pq_runs){ .p = p, .end = p + n, .width = width };
}

/* The next part: its head, then a value or the packed ones. */
static int next_part(struct tk__pq_runs *r)
{
    struct tk__thrift t = { .p = r->p, .end = r->end };
    uint64_t head = tk__thrift_varint(&t);
    uint64_t n_bytes = (r->width + 7) / 8;

    if (t.failed || head >> 1 > UINT32_MAX)
        return TK_E_FORMAT;
    r->is_run = !(head & 1);
    r->n_left = r->is_run ? head >> 1 : (head >> 1) * 8;
    r->packed = t.p;
    r->bit = 0;
    if (!r->is_run) {
        n_bytes = (head >> 1) * r->width;
        if (n_bytes >
            (uint64_t)(t.end - t.p)) { /* a last group that was cut short is seen in files */
            n_bytes = (uint64_t)(t.end - t.p);
            r->n_left = n_bytes * 8 / r->width;
        }
    } else if (n_bytes > (uint64_t)(t.end - t.p)) {
        return TK_E_FORMAT;
    } else {
        r->value = (uint32_t)tk__pq_bits(t.p, 0, r->width);
    }
    r->p = t.p + n_bytes;
    return 0;
}

/* High bits first, as only files of old writers have them. */
static int next_old(struct tk__pq_runs *r, uint32_t *ret)
{
    uint32_t v = 0;

    if (r->bit + r->width > (uint64_t)(r->end - r->p) * 8)
        return TK_E_FORMAT;
    for (unsigned i = 0; i < r->width; i++, r->bit++)
        v = v << 1 | (r->p[r->bit / 8] >> (7 - r->bit % 8) & 1U);
    *ret = v;
    return 0;
}

int tk__pq_runs_next(struct tk__pq_runs *r, uint32_t *ret)
{
    if (r->is_old)
        return next_old(r, ret);
    while (r->n_left == 0) {
        int rc = r->p < r->end ? next_part(r) : TK_E_FORMAT;
        if (rc != 0)
            return rc;
    }
    r->n_left--;
    if (r->is_run) {
        *ret = r->value;
        return 0;
    }
    *ret = (uint32_t)tk__pq_bits(r->packed, r->bit, r->width);
    r->bit += r->width;
    return 0;
}

/* ---- differences ---- */

int tk__pq_delta_init(struct tk__pq_delta *d, const uint8_t *p, const uint8_t *end)
{
    struct tk__thrift t = { .p = p, .end = end };
    uint64_t block = tk__thrift_varint(&t), n_minis = tk__thrift_varint(&t);
    uint64_t total = tk__thrift_varint(&t), first = tk__thrift_varint(&t);

    *d = (struct tk__pq_delta){ .end = end };
    if (t.failed || block == 0 || block > MAX_BLOCK || n_minis == 0 || block % n_minis != 0 ||
        block / n_minis % 8 != 0 || total > INT32_MAX)
        return TK_E_FORMAT;
    d->p = t.p;
    d->n_left = total;
    d->is_first = true;
    d->value = (uint64_t)tk_unzigzag(first);
    d->n_minis = n_minis;
    d->mini = n_minis;
    d->mini_values = block / n_minis;
    d->at = d->mini_values;
    return 0;
}

/* Step into the next miniblock. */
static int next_mini(struct tk__pq_delta *d)
{
    if (d->mini == d->n_minis) {
        struct tk__thrift t = { .p = d->p, .end = d->end };
        d->min = (uint64_t)tk_unzigzag(tk__thrift_varint(&t));
        if (t.failed || d->n_minis > (uint64_t)(t.end - t.p))
            return TK_E_FORMAT;
        d->widths = t.p;
        d->p = t.p + d->n_minis;
        d->mini = 0;
    }
    d->width = d->widths[d->mini++];
    uint64_t bytes = d->mini_values * d->width / 8;
    if (d->width > 64 || bytes > (uint64_t)(d->end - d->p))
        return TK_E_FORMAT;
    d->packed = d->p;
    d->p += bytes;
    d->at = 0;
    return 0;
}

int tk__pq_delta_next(struct tk__pq_delta *d, int64_t *ret)
{
    if (d->n_left == 0)
        return TK_E_FORMAT;
    if (!d->is_first) {
        int rc = d->at == d->mini_values ? next_mini(d) : 0;
        if (rc != 0)
            return rc;
        d->value += d->min + tk__pq_bits(d->packed, d->at * d->width, d->width);
        d->at++;
    }
    d->is_first = false;
    d->n_left--;
    *ret = (int64_t)d->value;
    return 0;
}

const uint8_t *tk__pq_delta_end(const struct tk__pq_delta *d)
{
    struct tk__pq_delta at = *d;

    while (at.n_left > at.is_first) {
        uint64_t left = at.n_left - at.is_first;
        if (next_mini(&at) != 0)
            return NULL;
        at.n_left = at.is_first + left - TK_MIN(left, at.mini_values);
    }
    return at.p;
}
