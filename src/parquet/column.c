/* column.c - one column of a row group: its pages, and in them its entries
 *
 *   chunk: [dictionary page] page page …      page: head (Thrift), levels, values
 *
 * An entry is a pair of levels, and a value where the definition level is the largest. The chunk is read
 * through a window that is no longer than its largest page needs, at least WINDOW bytes at a time, since
 * the file may be at the other end of a network.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "parquet/inside.h"
#include "parquet/thrift.h"

#define WINDOW ((size_t)1 << 20)
#define FIRST_HEAD ((size_t)256)
#define MAX_HEAD ((size_t)16 << 20) /* of a page: it may hold the smallest and the largest value */

enum {
    PAGE_DATA = 0,
    PAGE_INDEX = 1,
    PAGE_DICTIONARY = 2,
    PAGE_DATA_V2 = 3,
};

struct head {
    int64_t type, unpacked, packed; /* kind of page; bytes of it */
    int64_t n_values, encoding, def_encoding, rep_encoding;
    int64_t def_bytes, rep_bytes; /* V2 */
    bool is_packed;               /* V2 */
    bool has_crc;
    uint32_t crc;
};

int tk__pq_column_fail(const struct tk__pq_column *c, int code, struct tk_err *reterr,
                       const char *fmt, ...)
{
    char words[300];
    struct tk_str name = c->leaf->name;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    for (uint32_t i = 1; i < c->file->n_nodes; i = c->file->nodes[i].end) {
        if (c->index >= c->file->nodes[i].first_leaf)
            name = c->file->nodes[i].name; /* the one at the top, as people know it */
    }
    return tk_err_set(reterr, code, "'%s', row group %zu, column '%.*s': %s", c->file->source.name,
                      c->file->group, (int)TK_MIN(name.n, 100), name.p ? name.p : "", words);
}

void tk__pq_column_begin(struct tk__pq_column *c, size_t group)
{
    c->chunk = &c->file->groups[group].chunks[c->index];
    c->at = c->chunk->at;
    c->end = c->chunk->at + c->chunk->bytes;
    c->n_left = c->chunk->n_values;
    c->window_at = c->window_n = 0;
    c->has_dictionary = false;
    c->page_left = 0;
    c->has_entry = false;
}

void tk__pq_column_release(struct tk__pq_column *c)
{
    free(c->window);
    c->window = NULL;
    tk_buf_release(&c->page);
    tk__pq_dictionary_release(&c->dictionary);
    tk__pq_decoder_release(&c->decoder);
}

/* ---- the window ---- */

/* Have `n` bytes of the chunk in the window, or all that are left of it when they are fewer. 0 or a
 * code. */
static int need(struct tk__pq_column *c, size_t n, struct tk_err *reterr)
{
    size_t have = c->window_n - c->window_at;
    size_t left = (size_t)(c->end - c->at);

    n = TK_MIN(n, have + left);
    if (n <= have)
        return 0;
    if (have > 0)
        memmove(c->window, c->window + c->window_at, have);
    c->window_at = 0;
    c->window_n = have;
    size_t want = have + TK_MIN(left, TK_MAX(n - have, WINDOW));
    if (want > c->window_cap) {
        uint8_t *p = realloc(c->window, want);
        if (!p)
            return tk__pq_column_fail(c, -ENOMEM, reterr, "no memory for a page");
        c->window = p;
        c->window_cap = want;
    }
    int rc = c->file->source.read(c->file->source.arg, c->at, c->window + have, want - have,
                                  reterr);
    if (rc != 0)
        return rc;
    c->at += (int64_t)(want - have);
    c->window_n = want;
    return 0;
}

static struct tk_str in_window(const struct tk__pq_column *c)
{
    return (struct tk_str){ (const char *)c->window + c->window_at, c->window_n - c->window_at };
}

/* ---- heads ---- */

static void read_data_head(struct tk__thrift *t, struct head *h, bool is_v2)
{
    struct tk__thrift_field f = { 0, 0 };

    h->is_packed = true;
    while (tk__thrift_field(t, &f)) {
        if (f.id == 1)
            h->n_values = tk__thrift_int(t, &f);
        else if (f.id == (is_v2 ? 4 : 2))
            h->encoding = tk__thrift_int(t, &f);
        else if (f.id == 3 && !is_v2)
            h->def_encoding = tk__thrift_int(t, &f);
        else if (f.id == 4)
            h->rep_encoding = tk__thrift_int(t, &f);
        else if (f.id == 5 && is_v2)
            h->def_bytes = tk__thrift_int(t, &f);
        else if (f.id == 6 && is_v2)
            h->rep_bytes = tk__thrift_int(t, &f);
        else if (f.id == 7 && is_v2)
            h->is_packed = tk__thrift_bool(t, &f);
        else
            tk__thrift_skip(t, &f);
    }
}

static struct head read_head(struct tk__thrift *t)
{
    struct head h = { .type = -1, .n_values = -1, .is_packed = true };
    struct tk__thrift_field f = { 0, 0 };

    while (tk__thrift_field(t, &f)) {
        if (f.id == 1) {
            h.type = tk__thrift_int(t, &f);
        } else if (f.id == 2) {
            h.unpacked = tk__thrift_int(t, &f);
        } else if (f.id == 3) {
            h.packed = tk__thrift_int(t, &f);
        } else if (f.id == 4) {
            h.crc = (uint32_t)tk__thrift_int(t, &f);
            h.has_crc = true;
        } else if (f.id == 5 || f.id == 7 || f.id == 8) {
            if (tk__thrift_is_struct(t, &f))
                read_data_head(t, &h, f.id == 8);
        } else {
            tk__thrift_skip(t, &f);
        }
    }
    return h;
}

/* The head of the next page, and the window moved behind it. */
static int next_head(struct tk__pq_column *c, struct head *ret, struct tk_err *reterr)
{
    struct tk__thrift t;
    size_t n = FIRST_HEAD;

    for (;; n *= 4) {
        int rc = need(c, n, reterr);
        if (rc != 0)
            return rc;
        struct tk_str bytes = in_window(c);
        t = (struct tk__thrift){ .p = (const uint8_t *)bytes.p,
                                 .end = (const uint8_t *)bytes.p + bytes.n };
        *ret = read_head(&t);
        if (!t.failed)
            break;
        if (!t.is_short || n >= MAX_HEAD || (bytes.n < n && c->at == c->end))
            return tk__pq_column_fail(c, TK_E_FORMAT, reterr, "the head of a page is damaged");
    }
    c->window_at = (size_t)(t.p - c->window);
    if (ret->packed < 0 || ret->unpacked < 0 ||
        ret->packed > (int64_t)in_window(c).n + (c->end - c->at))
        return tk__pq_column_fail(c, TK_E_FORMAT, reterr,
                                  "a page is longer than its column, or the file is cut");
    if (ret->unpacked > (int64_t)TK_PARQUET_MAX_PAGE || ret->packed > (int64_t)TK_PARQUET_MAX_PAGE)
        return tk__pq_column_fail(c, TK_E_LIMIT, reterr, "a page has more than %zu bytes",
                                  TK_PARQUET_MAX_PAGE);
    return 0;
}

/* ---- pages ---- */

static int unpack(struct tk__pq_column *c, struct tk_str in, int64_t n, bool is_packed,
                  struct tk_buf *out, struct tk_err *reterr)
{
    enum tk__pq_codec codec = is_packed ? c->chunk->codec : TK__PQ_UNCOMPRESSED;

    if (out->max == 0)
        tk_buf_init(out, TK_PARQUET_MAX_PAGE + 1);
    int rc = tk__pq_unpack(codec, in, (size_t)n, out);
    if (rc == TK_E_FORMAT)
        return tk__pq_column_fail(c, rc, reterr, "a page is damaged (%s, %zu bytes)",
                                  tk__pq_codec_name(codec), in.n);
    if (rc != 0)
        return tk__pq_column_fail(c, rc, reterr, "a page of %" PRId64 " bytes: %s", n,
                                  tk_err_text(rc));
    return 0;
}

static int take_dictionary(struct tk__pq_column *c, const struct head *h, struct tk_str in,
                           struct tk_err *reterr)
{
    if (h->encoding != TK__PQ_PLAIN && h->encoding != TK__PQ_PLAIN_DICTIONARY)
        return tk__pq_column_fail(c, TK_E_UNSUPPORTED, reterr, "a dictionary in encoding %s",
                                  tk__pq_encoding_name(h->encoding));
    c->has_dictionary = false; /* whatever becomes of this one, the one before is gone */
    int rc = unpack(c, in, h->unpacked, true, &c->dictionary.bytes, reterr);
    if (rc != 0)
        return rc;
    if (h->n_values < 0 ||
        (rc = tk__pq_dictionary_index(&c->dictionary, c->leaf, (size_t)h->n_values)) != 0)
        return tk__pq_column_fail(c, rc ? rc : TK_E_FORMAT, reterr, "the dictionary is damaged");
    c->has_dictionary = true;
    return 0;
}

static unsigned bits_for(unsigned max)
{
    return max == 0 ? 0 : 32 - (unsigned)__builtin_clz(max);
}

/* The levels that stand in front of the values, `bytes` moved behind them. `n_bytes` < 0: their length
 * stands before them, or follows from their number (BIT_PACKED). */
static int begin_levels(struct tk__pq_runs *r, unsigned max, int64_t n_bytes, const struct head *h,
                        int64_t encoding, struct tk_str *bytes)
{
    size_t head = 0;
    unsigned width = bits_for(max);

    tk__pq_runs_init(r, (const uint8_t *)"", 0, 0);
    if (max == 0 && n_bytes <= 0)
        return 0;
    if (n_bytes < 0 && encoding == TK__PQ_BIT_PACKED) {
        n_bytes = (h->n_values * width + 7) / 8;
    } else if (n_bytes < 0) {
        if (bytes->n < 4 || encoding != TK__PQ_RLE)
            return TK_E_FORMAT;
        n_bytes = (int64_t)tk__pq_bits((const uint8_t *)bytes->p, 0, 32);
        head = 4;
    }
    if ((uint64_t)n_bytes > bytes->n - head)
        return TK_E_FORMAT;
    tk__pq_runs_init(r, (const uint8_t *)bytes->p + head, (size_t)n_bytes, width);
    r->is_old = encoding == TK__PQ_BIT_PACKED;
    *bytes = (struct tk_str){ bytes->p + head + n_bytes, bytes->n - head - (size_t)n_bytes };
    return 0;
}

static int begin_values(struct tk__pq_column *c, const struct head *h, struct tk_str bytes,
                        struct tk_err *reterr)
{
    int rc = TK_E_UNSUPPORTED;

    if (h->encoding >= 0 && h->encoding <= TK__PQ_BYTE_STREAM_SPLIT)
        rc = tk__pq_decoder_init(&c->decoder, c->leaf, (enum tk__pq_encoding)h->encoding, bytes,
                                 c->has_dictionary ? &c->dictionary : NULL);
    if (rc == TK_E_UNSUPPORTED)
        return tk__pq_column_fail(c, rc, reterr, "values of this type in encoding %s (%" PRId64 ")",
                                  tk__pq_encoding_name(h->encoding), h->encoding);
    if (rc != 0)
        return tk__pq_column_fail(c, rc, reterr, "the values of a page are damaged (%s)",
                                  tk__pq_encoding_name(h->encoding));
    c->page_left = h->n_values;
    c->n_left -= h->n_values;
    return 0;
}

static int damaged_levels(const struct tk__pq_column *c, struct tk_err *reterr)
{
    return tk__pq_column_fail(c, TK_E_FORMAT, reterr, "the levels of a page are damaged");
}

static int take_page(struct tk__pq_column *c, const struct head *h, struct tk_str in,
                     struct tk_err *reterr)
{
    int rc = unpack(c, in, h->unpacked, true, &c->page, reterr);
    struct tk_str bytes = tk_buf_str(&c->page);

    if (rc != 0)
        return rc;
    rc = begin_levels(&c->reps, c->leaf->max_rep, -1, h, h->rep_encoding, &bytes);
    if (rc == 0)
        rc = begin_levels(&c->defs, c->leaf->max_def, -1, h, h->def_encoding, &bytes);
    return rc == 0 ? begin_values(c, h, bytes, reterr) : damaged_levels(c, reterr);
}

/* Levels stand before the packed values, never packed themselves, and stay in the window. */
static int take_page_v2(struct tk__pq_column *c, const struct head *h, struct tk_str in,
                        struct tk_err *reterr)
{
    int64_t most = TK_MIN((int64_t)in.n, h->unpacked);
    struct tk_str bytes = in;

    if (h->rep_bytes < 0 || h->rep_bytes > most || h->def_bytes < 0 ||
        h->def_bytes > most - h->rep_bytes)
        return damaged_levels(c, reterr);
    int rc = begin_levels(&c->reps, c->leaf->max_rep, h->rep_bytes, h, TK__PQ_RLE, &bytes);
    if (rc == 0)
        rc = begin_levels(&c->defs, c->leaf->max_def, h->def_bytes, h, TK__PQ_RLE, &bytes);
    if (rc != 0)
        return damaged_levels(c, reterr);
    rc = unpack(c, bytes, h->unpacked - h->rep_bytes - h->def_bytes, h->is_packed, &c->page,
                reterr);
    return rc == 0 ? begin_values(c, h, tk_buf_str(&c->page), reterr) : rc;
}

static int take_any(struct tk__pq_column *c, const struct head *h, struct tk_str in,
                    struct tk_err *reterr)
{
    if (h->has_crc && (uint32_t)crc32(0, (const Bytef *)in.p, (uInt)in.n) != h->crc)
        return tk__pq_column_fail(c, TK_E_FORMAT, reterr,
                                  "a page is damaged: its checksum is another one");
    if (h->type == PAGE_DICTIONARY)
        return take_dictionary(c, h, in, reterr);
    if (h->type != PAGE_DATA && h->type != PAGE_DATA_V2)
        return 0; /* an index, or what a later version may add */
    if (h->n_values < 0 || h->n_values > TK_MIN(c->n_left, INT32_MAX))
        return tk__pq_column_fail(c, TK_E_FORMAT, reterr, "a page has more values than its column");
    return h->type == PAGE_DATA ? take_page(c, h, in, reterr) : take_page_v2(c, h, in, reterr);
}

static int next_page(struct tk__pq_column *c, struct tk_err *reterr)
{
    struct head h;
    int rc = next_head(c, &h, reterr);

    if (rc == 0)
        rc = need(c, (size_t)h.packed, reterr);
    if (rc != 0)
        return rc;
    struct tk_str in = { (const char *)c->window + c->window_at, (size_t)h.packed };
    c->window_at += in.n; /* the bytes stay until the next page is asked for */
    return take_any(c, &h, in, reterr);
}

/* ---- entries ---- */

int tk__pq_column_peek(struct tk__pq_column *c, struct tk_err *reterr)
{
    int rc = 0;

    if (c->has_entry)
        return 1;
    while (rc == 0 && c->page_left == 0) {
        if (c->n_left == 0)
            return 0;
        if (c->at == c->end && c->window_at == c->window_n)
            return tk__pq_column_fail(c, TK_E_FORMAT, reterr,
                                      "%" PRId64 " values are missing: the file is damaged or cut",
                                      c->n_left);
        rc = next_page(c, reterr);
    }
    if (rc != 0)
        return rc;
    c->page_left--;
    c->rep = c->def = 0;
    if (c->leaf->max_rep > 0)
        rc = tk__pq_runs_next(&c->reps, &c->rep);
    if (rc == 0 && c->leaf->max_def > 0)
        rc = tk__pq_runs_next(&c->defs, &c->def);
    if (rc != 0 || c->rep > c->leaf->max_rep || c->def > c->leaf->max_def)
        return damaged_levels(c, reterr);
    c->has_entry = true;
    return 1;
}

int tk__pq_column_take(struct tk__pq_column *c, struct tk__pq_value *ret, struct tk_err *reterr)
{
    c->has_entry = false;
    if (c->def < c->leaf->max_def)
        return 0;
    int rc = tk__pq_decoder_next(&c->decoder, ret);
    if (rc != 0)
        return tk__pq_column_fail(c, rc, reterr, "the values of a page are damaged or too few (%s)",
                                  tk__pq_encoding_name(c->decoder.encoding));
    return 0;
}
