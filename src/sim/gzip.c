/* gzip.c - bytes as a gzip member (RFC 1952) of stored blocks (RFC 1951, 3.2.4)
 *
 * The client's decoder must find its way through a real member; that nothing gets smaller does not
 * matter to it, and the simulator needs no library for it.
 */
#include <string.h>

#include "sim/internal.h"

#define STORED_MAX 65535 /* bytes of a stored block */

static uint32_t crc32_of(struct tk_str s)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (UINT32_C(0xedb88320) & (0U - (crc & 1)));
    }
    return ~crc;
}

static void put_le(struct tk_buf *out, uint32_t v, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        tk_buf_add_c(out, (char)(unsigned char)(v >> 8 * i));
}

int tk__gzip(struct tk_buf *out, struct tk_str bytes)
{
    static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff"; /* deflate, no name, no time */
    size_t at = 0;

    tk_buf_add(out, head, 10);
    do {
        size_t n = TK_MIN(bytes.n - at, (size_t)STORED_MAX);
        bool is_last = at + n == bytes.n;

        tk_buf_add_c(out, is_last ? 1 : 0);
        put_le(out, (uint32_t)n, 2);
        put_le(out, ~(uint32_t)n, 2);
        if (n > 0)
            tk_buf_add(out, bytes.p + at, n);
        at += n;
    } while (at < bytes.n);
    put_le(out, crc32_of(bytes), 4);
    put_le(out, (uint32_t)bytes.n, 4);
    return out->failed;
}
