/* inflate.c - zlib's streaming inflater, for the bodies of replies
 *
 * Each piece of a body is decoded as far as it goes at once, so an event that the server flushed is
 * handed on with the read that brought it. The answer is the same however the body is cut.
 *
 * gzip: several members may follow one another (RFC 1952, 2.2). deflate: RFC 9110 means zlib's format,
 * but some servers send the bare one. The first byte tells: of a zlib stream its low four bits are 8;
 * a bare one that begins so would be a stored block with a bit of the padding set, which no encoder
 * writes.
 */
#include "http/inflate.h"

#include <errno.h>
#include <stdlib.h>

#include <zlib.h>

#include "base/err.h"
#include "base/str.h"

#define BITS_ZLIB 15 /* windowBits, see inflateInit2() */
#define BITS_GZIP (15 + 16)
#define BITS_BARE (-15)

struct tk__inflate {
    z_stream z;
    enum tk__coding coding;
    bool is_started; /* a byte came */
    bool is_at_end;  /* a stream or member has just ended */
};

enum tk__coding tk__coding_of(struct tk_str value)
{
    static const struct {
        struct tk_str name;
        enum tk__coding coding;
    } known[] = {
        { TK_STR_INIT(""), TK__CODING_IDENTITY },
        { TK_STR_INIT("identity"), TK__CODING_IDENTITY },
        { TK_STR_INIT("gzip"), TK__CODING_GZIP },
        { TK_STR_INIT("x-gzip"), TK__CODING_GZIP },
        { TK_STR_INIT("deflate"), TK__CODING_DEFLATE },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(known); i++) {
        if (tk_str_eq_nocase(value, known[i].name))
            return known[i].coding;
    }
    return TK__CODING_UNKNOWN;
}

int tk__inflate_new(struct tk__inflate **ret)
{
    struct tk__inflate *z = calloc(1, sizeof(*z));

    if (!z)
        return -ENOMEM;
    if (inflateInit2(&z->z, BITS_GZIP) != Z_OK) {
        free(z);
        return -ENOMEM;
    }
    *ret = z;
    return 0;
}

struct tk__inflate *tk__inflate_free(struct tk__inflate *z)
{
    if (z)
        (void)inflateEnd(&z->z);
    free(z);
    return NULL;
}

void tk__inflate_begin(struct tk__inflate *z, enum tk__coding coding)
{
    z->coding = coding;
    z->is_started = z->is_at_end = false;
    (void)inflateReset2(&z->z, BITS_GZIP);
}

/* Before the first byte of the body and of each further gzip member. */
static int start(struct tk__inflate *z, char first)
{
    if (z->coding == TK__CODING_DEFLATE && z->is_started)
        return TK_E_PROTO; /* something behind the end */
    int bits = BITS_GZIP;
    if (z->coding == TK__CODING_DEFLATE)
        bits = (first & 0x0f) == Z_DEFLATED ? BITS_ZLIB : BITS_BARE;
    z->is_started = true;
    z->is_at_end = false;
    return inflateReset2(&z->z, bits) == Z_OK ? 0 : TK_E_PROTO;
}

/* One call of inflate() and its output. 1: what is left of the input cannot be used now. */
static int step(struct tk__inflate *z, struct tk_str out, tk__inflate_cb cb, void *owner)
{
    z->z.next_out = (Bytef *)(uintptr_t)out.p;
    z->z.avail_out = (uInt)out.n;
    int rc = inflate(&z->z, Z_SYNC_FLUSH);
    z->is_at_end = rc == Z_STREAM_END;
    size_t n = out.n - z->z.avail_out; /* what came before a damage is handed on */
    int stop = n ? cb(owner, (struct tk_str){ out.p, n }) : 0;
    if (stop)
        return stop;
    if (rc == Z_MEM_ERROR)
        return -ENOMEM;
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return TK_E_PROTO;
    return rc == Z_BUF_ERROR;
}

int tk__inflate_feed(struct tk__inflate *z, struct tk_str in, struct tk_str out, tk__inflate_cb cb,
                     void *owner)
{
    int rc = 0;

    z->z.next_in = (Bytef *)(uintptr_t)in.p;
    z->z.avail_in = (uInt)in.n;
    z->z.avail_out = 1; /* anything but 0 */
    while (rc == 0 && (z->z.avail_in > 0 || z->z.avail_out == 0)) {
        if (z->is_at_end && z->z.avail_in == 0)
            break;
        if (!z->is_started || z->is_at_end)
            rc = start(z, (char)*z->z.next_in);
        if (rc == 0)
            rc = step(z, out, cb, owner);
    }
    return rc == 1 ? 0 : rc;
}

bool tk__inflate_is_whole(const struct tk__inflate *z)
{
    return z->is_at_end || !z->is_started;
}
