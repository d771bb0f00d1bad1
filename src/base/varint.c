#include "base/varint.h"

#include "base/err.h"

size_t tk_varint_put(uint8_t *out, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

int tk_varint_get(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
    uint64_t value = 0;
    const uint8_t *at = *p;
    for (unsigned shift = 0; shift < 7 * TK_VARINT_MAX_BYTES; shift += 7) {
        if (at == end)
            return TK_E_MORE;
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1)
            return TK_E_FORMAT;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *p = at;
            *ret = value;
            return 0;
        }
    }
    return TK_E_FORMAT; /* not reached: the tenth byte is at most 1 */
}

size_t tk_varint_put_i64(uint8_t *out, int64_t value)
{
    return tk_varint_put(out, tk_zigzag(value));
}

int tk_varint_get_i64(const uint8_t **p, const uint8_t *end, int64_t *ret)
{
    uint64_t folded = 0;
    int rc = tk_varint_get(p, end, &folded);
    if (rc == 0)
        *ret = tk_unzigzag(folded);
    return rc;
}
