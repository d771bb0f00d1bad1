/* varint.h - integers in as few bytes as they need
 *
 * Seven bits a byte, low ones first, the high bit set in all bytes but the last (LEB128). Signed
 * numbers are folded first, so that small negative ones are short too: 0, -1, 1, -2 … is 0, 1, 2, 3 …
 */
#ifndef TK_BASE_VARINT_H
#define TK_BASE_VARINT_H

#include "base/def.h"

#define TK_VARINT_MAX_BYTES 10

/* Write `value` to `out`, which has room for TK_VARINT_MAX_BYTES; returns the bytes used. */
size_t tk_varint_put(uint8_t *out, uint64_t value);

/* Read from [*p, end) and move *p past it. 0; TK_E_MORE when it is cut; TK_E_FORMAT when it does not
 * fit 64 bits. *p is moved on success only. Longer forms than needed are accepted. */
int tk_varint_get(const uint8_t **p, const uint8_t *end, uint64_t *ret);

static inline TK_UNUSED uint64_t tk_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline TK_UNUSED int64_t tk_unzigzag(uint64_t folded)
{
    return (int64_t)(folded >> 1 ^ (0 - (folded & 1)));
}

/* The same for signed numbers. */
size_t tk_varint_put_i64(uint8_t *out, int64_t value);
int tk_varint_get_i64(const uint8_t **p, const uint8_t *end, int64_t *ret);

#endif
