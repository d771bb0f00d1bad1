/* values.c - the values of a page, in each of the encodings
 *
 *   PLAIN                     one behind the other, texts with their length in front
 *   RLE_DICTIONARY            indices into the page of the dictionary
 *   RLE                       booleans
 *   DELTA_BINARY_PACKED       differences of integers
 *   DELTA_LENGTH_BYTE_ARRAY   all lengths as differences, then all bytes
 *   DELTA_BYTE_ARRAY          how much of the value before is kept, then the rest of each as above
 *   BYTE_STREAM_SPLIT         the first bytes of all values, then the second ones, …
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parquet/inside.h"

const char *tk__pq_encoding_name(int64_t encoding)
{
    static const char *const names[] = {
        [TK__PQ_PLAIN] = "PLAIN",
        [TK__PQ_PLAIN_DICTIONARY] = "PLAIN_DICTIONARY",
        [TK__PQ_RLE] = "RLE",
        [TK__PQ_BIT_PACKED] = "BIT_PACKED",
        [TK__PQ_DELTA_BINARY_PACKED] = "DELTA_BINARY_PACKED",
        [TK__PQ_DELTA_LENGTH_BYTE_ARRAY] = "DELTA_LENGTH_BYTE_ARRAY",
        [TK__PQ_DELTA_BYTE_ARRAY] = "DELTA_BYTE_ARRAY",
        [TK__PQ_RLE_DICTIONARY] = "RLE_DICTIONARY",
        [TK__PQ_BYTE_STREAM_SPLIT] = "BYTE_STREAM_SPLIT",
    };

    if (encoding < 0 || (size_t)encoding >= TK_ARRAY_LEN(names) || !names[encoding])
        return "unknown";
    return names[encoding];
}

/* Bytes of a value; 0 for texts, whose length varies, and for booleans. */
static size_t width_of(const struct tk__pq_node *leaf)
{
    static const size_t widths[TK__PQ_TYPE_N_] = {
        [TK__PQ_INT32] = 4, [TK__PQ_INT64] = 8,  [TK__PQ_INT96] = 12,
        [TK__PQ_FLOAT] = 4, [TK__PQ_DOUBLE] = 8,
    };

    return leaf->type == TK__PQ_FIXED ? leaf->type_bytes : widths[leaf->type];
}

static uint64_t little_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* A value of fixed length from its bytes. */
static void from_bytes(enum tk__pq_type type, const uint8_t *p, size_t width,
                       struct tk__pq_value *ret)
{
    uint64_t bits = width <= 8 ? little_endian(p, width) : 0;
    uint32_t low = (uint32_t)bits;
    float f;

    if (type == TK__PQ_INT32) {
        ret->i = (int32_t)low;
    } else if (type == TK__PQ_INT64) {
        ret->i = (int64_t)bits;
    } else if (type == TK__PQ_FLOAT) {
        memcpy(&f, &low, sizeof(f));
        ret->d = (double)f;
    } else if (type == TK__PQ_DOUBLE) {
        memcpy(&ret->d, &bits, sizeof(bits));
    } else {
        ret->s = (struct tk_str){ (const char *)p, width };
    }
}

/* A text with its length in front. */
static int take_text(const uint8_t **p, const uint8_t *end, struct tk_str *ret)
{
    if (end - *p < 4)
        return TK_E_FORMAT;
    uint64_t n = little_endian(*p, 4);
    if (n > (uint64_t)(end - *p - 4))
        return TK_E_FORMAT;
    *ret = (struct tk_str){ (const char *)*p + 4, n };
    *p += 4 + n;
    return 0;
}

/* ---- dictionary ---- */

int tk__pq_dictionary_index(struct tk__pq_dictionary *d, const struct tk__pq_node *leaf, size_t n)
{
    const uint8_t *p = (const uint8_t *)d->bytes.p, *end = p + d->bytes.n;
    size_t width = width_of(leaf), least = leaf->type == TK__PQ_BYTES ? 4 : width;
    int rc = 0;

    free(d->texts);
    d->texts = NULL;
    d->n = n;
    if (least == 0 || n > d->bytes.n / least) /* booleans have no dictionary */
        return n == 0 ? 0 : TK_E_FORMAT;
    if (leaf->type != TK__PQ_BYTES)
        return 0;
    d->texts = reallocarray(NULL, n + 1, sizeof(*d->texts));
    if (!d->texts)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = take_text(&p, end, &d->texts[i]);
    return rc;
}

void tk__pq_dictionary_release(struct tk__pq_dictionary *d)
{
    tk_buf_release(&d->bytes);
    free(d->texts);
    d->texts = NULL;
    d->n = 0;
}

static int next_index(struct tk__pq_decoder *d, struct tk__pq_value *ret)
{
    uint32_t i = 0;
    int rc = tk__pq_runs_next(&d->runs, &i);

    if (rc != 0 || i >= d->dictionary->n)
        return TK_E_FORMAT;
    if (d->type == TK__PQ_BYTES)
        ret->s = d->dictionary->texts[i];
    else
        from_bytes(d->type, (const uint8_t *)d->dictionary->bytes.p + i * d->width, d->width, ret);
    return 0;
}

/* ---- the others ---- */

static int next_plain(struct tk__pq_decoder *d, struct tk__pq_value *ret)
{
    if (d->type == TK__PQ_BYTES)
        return take_text(&d->p, d->end, &ret->s);
    if (d->type == TK__PQ_BOOLEAN) {
        if (d->at == d->n)
            return TK_E_FORMAT;
        ret->i = (int64_t)tk__pq_bits(d->p, d->at++, 1);
        return 0;
    }
    if ((size_t)(d->end - d->p) < d->width)
        return TK_E_FORMAT;
    from_bytes(d->type, d->p, d->width, ret);
    d->p += d->width;
    return 0;
}

static int next_boolean(struct tk__pq_decoder *d, struct tk__pq_value *ret)
{
    uint32_t v = 0;
    int rc = tk__pq_runs_next(&d->runs, &v);

    ret->i = v;
    return rc;
}

static int next_delta(struct tk__pq_decoder *d, struct tk__pq_value *ret)
{
    int rc = tk__pq_delta_next(&d->delta, &ret->i);

    if (d->type == TK__PQ_INT32)
        ret->i = (int32_t)(uint32_t)ret->i; /* differences of 32 bits wrap there */
    return rc;
}

/* The next bytes of those behind the lengths. */
static int next_tail(struct tk__pq_decoder *d, struct tk_str *ret)
{
    int64_t n = 0;
    int rc = tk__pq_delta_next(&d->delta, &n);

    if (rc != 0 || n < 0 || n > d->end - d->p)
        return TK_E_FORMAT;
    *ret = (struct tk_str){ (const char *)d->p, (size_t)n };
    d->p += n;
    return 0;
}

static int next_joined(struct tk__pq_decoder *d, struct tk__pq_value *ret)
{
    struct tk_str tail = { NULL, 0 };
    int64_t keeps = 0;
    int rc = tk__pq_delta_next(&d->prefix, &keeps);

    if (rc == 0)
        rc = next_tail(d, &tail);
    if (rc != 0 || keeps < 0 || (uint64_t)keeps > d->joined.n)
        return TK_E_FORMAT;
    d->joined.n = (size_t)keeps;
    rc = tk_buf_add_str(&d->joined, tail);
    ret->s = tk_buf_str(&d->joined);
    if (rc == 0 && d->width > 0 && ret->s.n != d->width)
        rc = TK_E_FORMAT;
    return rc;
}

static int next_split(struct tk__pq_decoder *d, struct tk__pq_value *ret)
{
    if (d->at == d->n)
        return TK_E_FORMAT;
    tk_buf_reset(&d->joined);
    for (size_t i = 0; i < d->width; i++) {
        int rc = tk_buf_add_c(&d->joined, (char)d->p[i * d->n + d->at]);
        if (rc != 0)
            return rc;
    }
    d->at++;
    from_bytes(d->type, (const uint8_t *)d->joined.p, d->width, ret);
    return 0;
}

/* ---- begin ---- */

/* A page of nulls may lack even the length. */
static int begin_booleans(struct tk__pq_decoder *d)
{
    struct tk_str runs = { (const char *)d->p, 0 }; /* with their length in front */

    if (d->p < d->end && take_text(&d->p, d->end, &runs) != 0)
        return TK_E_FORMAT;
    tk__pq_runs_init(&d->runs, (const uint8_t *)runs.p, runs.n, 1);
    return 0;
}

static int begin_indices(struct tk__pq_decoder *d)
{
    if (!d->dictionary)
        return TK_E_FORMAT;
    if (d->p == d->end) { /* no values */
        tk__pq_runs_init(&d->runs, d->p, 0, 0);
        return 0;
    }
    if (*d->p > 32)
        return TK_E_FORMAT;
    tk__pq_runs_init(&d->runs, d->p + 1, (size_t)(d->end - d->p - 1), *d->p);
    return 0;
}

/* Lengths first; what they measure lies behind them. A page without values may have no head. */
static int begin_lengths(struct tk__pq_decoder *d, const uint8_t *at)
{
    int rc = at < d->end ? tk__pq_delta_init(&d->delta, at, d->end) : 0;

    d->p = rc == 0 && at < d->end ? tk__pq_delta_end(&d->delta) : d->end;
    return rc == 0 && !d->p ? TK_E_FORMAT : rc;
}

static int begin_joined(struct tk__pq_decoder *d)
{
    int rc = d->p < d->end ? tk__pq_delta_init(&d->prefix, d->p, d->end) : 0;
    const uint8_t *tails = rc == 0 && d->p < d->end ? tk__pq_delta_end(&d->prefix) : d->end;

    tk_buf_reset(&d->joined);
    if (rc != 0 || !tails)
        return TK_E_FORMAT;
    return begin_lengths(d, tails);
}

static int begin_split(struct tk__pq_decoder *d)
{
    size_t bytes = (size_t)(d->end - d->p);

    d->n = bytes / d->width;
    return bytes % d->width == 0 ? 0 : TK_E_FORMAT;
}

static bool is_integer(enum tk__pq_type type)
{
    return type == TK__PQ_INT32 || type == TK__PQ_INT64;
}

/* Which encoding goes with which type; what does not is no file of this format. */
static bool fits(const struct tk__pq_decoder *d)
{
    switch (d->encoding) {
    case TK__PQ_PLAIN:
        return true;
    case TK__PQ_PLAIN_DICTIONARY:
    case TK__PQ_RLE_DICTIONARY:
        return d->type != TK__PQ_BOOLEAN;
    case TK__PQ_RLE:
        return d->type == TK__PQ_BOOLEAN;
    case TK__PQ_DELTA_BINARY_PACKED:
        return is_integer(d->type);
    case TK__PQ_DELTA_LENGTH_BYTE_ARRAY:
        return d->type == TK__PQ_BYTES;
    case TK__PQ_DELTA_BYTE_ARRAY:
        return d->type == TK__PQ_BYTES || d->type == TK__PQ_FIXED;
    case TK__PQ_BYTE_STREAM_SPLIT:
        return d->width > 0;
    default:
        return false;
    }
}

static int begin(struct tk__pq_decoder *d)
{
    switch (d->encoding) {
    case TK__PQ_PLAIN:
        d->n = (uint64_t)(d->end - d->p) * 8;
        return 0;
    case TK__PQ_RLE:
        return begin_booleans(d);
    case TK__PQ_DELTA_BINARY_PACKED:
        d->delta = (struct tk__pq_delta){ 0 };
        return d->p < d->end ? tk__pq_delta_init(&d->delta, d->p, d->end) : 0;
    case TK__PQ_DELTA_LENGTH_BYTE_ARRAY:
        return begin_lengths(d, d->p);
    case TK__PQ_DELTA_BYTE_ARRAY:
        return begin_joined(d);
    case TK__PQ_BYTE_STREAM_SPLIT:
        return begin_split(d);
    default:
        return begin_indices(d);
    }
}

int tk__pq_decoder_init(struct tk__pq_decoder *d, const struct tk__pq_node *leaf,
                        enum tk__pq_encoding encoding, struct tk_str bytes,
                        const struct tk__pq_dictionary *dictionary)
{
    struct tk_buf joined = d->joined; /* its memory is kept from page to page */
    static const uint8_t nothing[1] = { 0 };

    if (joined.max == 0)
        tk_buf_init(&joined, TK_PARQUET_MAX_PAGE);
    *d = (struct tk__pq_decoder){
        .encoding = encoding,
        .type = leaf->type,
        .width = width_of(leaf),
        .p = bytes.p ? (const uint8_t *)bytes.p : nothing,
        .joined = joined,
        .dictionary = dictionary,
    };
    d->end = d->p + bytes.n;
    return fits(d) ? begin(d) : TK_E_UNSUPPORTED;
}

int tk__pq_decoder_next(struct tk__pq_decoder *d, struct tk__pq_value *ret)
{
    switch (d->encoding) {
    case TK__PQ_PLAIN:
        return next_plain(d, ret);
    case TK__PQ_RLE:
        return next_boolean(d, ret);
    case TK__PQ_DELTA_BINARY_PACKED:
        return next_delta(d, ret);
    case TK__PQ_DELTA_LENGTH_BYTE_ARRAY:
        return next_tail(d, &ret->s);
    case TK__PQ_DELTA_BYTE_ARRAY:
        return next_joined(d, ret);
    case TK__PQ_BYTE_STREAM_SPLIT:
        return next_split(d, ret);
    default:
        return next_index(d, ret);
    }
}

void tk__pq_decoder_release(struct tk__pq_decoder *d)
{
    tk_buf_release(&d->joined);
}
