/* codec.c - pages unpacked
 *
 * How long a page is when it is unpacked stands in its head, and a head may lie. Where the packed form
 * says it too, or can grow only so far (snappy, LZ4), the numbers are held against each other before
 * memory is taken; the others are unpacked in steps into a buffer that grows with what comes out.
 */
#include <brotli/decode.h>
#include <errno.h>
#include <lz4.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "parquet/inside.h"

#define STEP ((size_t)256 << 10)
#define LZ4_MOST 255 /* bytes out of one byte in, at most */

const char *tk__pq_codec_name(enum tk__pq_codec codec)
{
    static const char *const names[] = { "none",   "snappy", "gzip", "lzo",
                                         "brotli", "lz4",    "zstd", "lz4_raw" };

    return names[codec];
}

/* Room for the next step, never for more than `n` in all. False: no memory. */
static bool more_room(struct tk_buf *out, size_t n)
{
    size_t step = TK_MIN(TK_MAX(STEP, out->n), n - out->n);

    return tk_buf_reserve(out, step) == 0;
}

static int unpack_snappy(struct tk_str in, size_t n, struct tk_buf *out)
{
    size_t length = 0;

    if (snappy_uncompressed_length(in.p, in.n, &length) != SNAPPY_OK || length != n ||
        n / 64 > in.n) /* a copy of up to 64 bytes takes two */
        return TK_E_FORMAT;
    if (tk_buf_reserve(out, n) != 0)
        return -ENOMEM;
    if (snappy_uncompress(in.p, in.n, out->p, &length) != SNAPPY_OK || length != n)
        return TK_E_FORMAT;
    out->n = n;
    return 0;
}

/* gzip and zlib; members may follow each other. */
static int unpack_gzip(struct tk_str in, size_t n, struct tk_buf *out)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };
    int zrc = inflateInit2(&z, 15 + 32), rc = zrc == Z_OK ? 0 : -ENOMEM;

    while (rc == 0 && (out->n < n || zrc != Z_STREAM_END)) {
        if (zrc == Z_STREAM_END && (z.avail_in == 0 || inflateReset(&z) != Z_OK))
            rc = TK_E_FORMAT; /* it ends too early */
        else if (out->n < n && !more_room(out, n))
            rc = -ENOMEM;
        if (rc != 0)
            break;
        size_t room = TK_MIN(out->cap, n) - out->n;
        char nothing = 0;
        z.next_out = (Bytef *)(room ? out->p + out->n : &nothing);
        z.avail_out = room ? (uInt)TK_MIN(room, STEP * 64)
                           : 1; /* the end may still have to be read */
        size_t before = z.avail_out;
        zrc = inflate(&z, Z_NO_FLUSH);
        size_t got = before - z.avail_out;
        if ((zrc != Z_OK && zrc != Z_STREAM_END) || (got > 0 && !room))
            rc = zrc == Z_MEM_ERROR ? -ENOMEM : TK_E_FORMAT;
        else
            out->n += got;
    }
    (void)inflateEnd(&z);
    return rc;
}

static int unpack_zstd(struct tk_str in, size_t n, struct tk_buf *out)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer from = { in.p, in.n, 0 };
    int rc = z ? 0 : -ENOMEM;

    while (rc == 0 && (from.pos < from.size || out->n < n)) {
        size_t had = from.pos, before = out->n;
        if (out->n < n && !more_room(out, n)) {
            rc = -ENOMEM;
            break;
        }
        ZSTD_outBuffer to = { out->p, TK_MIN(out->cap, n), out->n };
        size_t zrc = ZSTD_decompressStream(z, &to, &from);
        out->n = to.pos;
        if (ZSTD_isError(zrc) || (from.pos == had && out->n == before))
            rc = TK_E_FORMAT; /* damaged, or it goes on although all is here */
    }
    (void)ZSTD_freeDCtx(z);
    return rc;
}

static int unpack_brotli(struct tk_str in, size_t n, struct tk_buf *out)
{
    BrotliDecoderState *b = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    const uint8_t *next = (const uint8_t *)in.p;
    size_t left = in.n;
    int rc = b ? 0 : -ENOMEM;
    BrotliDecoderResult brc = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;

    while (rc == 0 && brc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
        if (out->n < n && !more_room(out, n)) {
            rc = -ENOMEM;
            break;
        }
        size_t room = TK_MIN(out->cap, n) - out->n, before = room;
        uint8_t *to = (uint8_t *)out->p + out->n;
        brc = BrotliDecoderDecompressStream(b, &left, &next, &room, &to, NULL);
        out->n += before - room;
        if (brc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT && out->n == n)
            rc = TK_E_FORMAT; /* longer than was said */
    }
    if (rc == 0 && (brc != BROTLI_DECODER_RESULT_SUCCESS || out->n != n))
        rc = TK_E_FORMAT;
    BrotliDecoderDestroyInstance(b);
    return rc;
}

/* One block to the place behind what is there, `n` bytes long. */
static int unpack_lz4_block(struct tk_str in, size_t n, struct tk_buf *out)
{
    if (n / LZ4_MOST > in.n || in.n > INT32_MAX || n > INT32_MAX)
        return TK_E_FORMAT;
    if (tk_buf_reserve(out, n) != 0)
        return -ENOMEM;
    int got = LZ4_decompress_safe(in.p, out->p + out->n, (int)in.n, (int)n);
    if (got < 0 || (size_t)got != n)
        return TK_E_FORMAT;
    out->n += n;
    return 0;
}

static uint32_t big_endian(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Hadoop's blocks: length unpacked, length packed (both 32 bits, high bytes first), bytes. */
static int unpack_hadoop(struct tk_str in, size_t n, struct tk_buf *out)
{
    int rc = 0;

    while (rc == 0 && in.n > 0) {
        uint32_t length = in.n >= 8 ? big_endian(in.p) : 0;
        uint32_t packed = in.n >= 8 ? big_endian(in.p + 4) : UINT32_MAX;
        if (packed > in.n - TK_MIN(in.n, 8) || length > n - out->n)
            return TK_E_FORMAT;
        rc = unpack_lz4_block((struct tk_str){ in.p + 8, packed }, length, out);
        in = (struct tk_str){ in.p + 8 + packed, in.n - 8 - packed };
    }
    return rc == 0 && out->n != n ? TK_E_FORMAT : rc;
}

/* Both forms stand under this name in files, and none says which it is. */
static int unpack_lz4(struct tk_str in, size_t n, struct tk_buf *out)
{
    int rc = unpack_hadoop(in, n, out);

    if (rc != TK_E_FORMAT)
        return rc;
    tk_buf_reset(out);
    return unpack_lz4_block(in, n, out);
}

static int unpack_none(struct tk_str in, size_t n, struct tk_buf *out)
{
    if (in.n != n)
        return TK_E_FORMAT;
    return tk_buf_add(out, in.p, in.n);
}

int tk__pq_unpack(enum tk__pq_codec codec, struct tk_str in, size_t n, struct tk_buf *out)
{
    static int (*const unpackers[])(struct tk_str, size_t, struct tk_buf *) = {
        [TK__PQ_UNCOMPRESSED] = unpack_none, [TK__PQ_SNAPPY] = unpack_snappy,
        [TK__PQ_GZIP] = unpack_gzip,         [TK__PQ_BROTLI] = unpack_brotli,
        [TK__PQ_LZ4] = unpack_lz4,           [TK__PQ_ZSTD] = unpack_zstd,
        [TK__PQ_LZ4_RAW] = unpack_lz4_block,
    };

    tk_buf_reset(out);
    if (!unpackers[codec])
        return TK_E_UNSUPPORTED;
    if (tk_buf_add(out, "", 0) != 0) /* so that a page without bytes is somewhere too */
        return -ENOMEM;
    if (in.n == 0 && n == 0)
        return 0;
    return unpackers[codec](in, n, out);
}
