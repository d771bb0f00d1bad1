/* test_varint.c - base/varint.h */
#include "lib/tap.h"

#include "base/err.h"
#include "base/varint.h"

static void round_trip(uint64_t value)
{
    uint8_t bytes[TK_VARINT_MAX_BYTES];
    uint64_t got = ~value;
    size_t n = tk_varint_put(bytes, value);
    size_t want = 1;
    for (uint64_t v = value; v >= 128; v >>= 7)
        want++;
    T_EQ_U(n, want, "%" PRIu64 " takes %zu bytes", value, want);
    const uint8_t *p = bytes;
    T_EQ_I(tk_varint_get(&p, bytes + n, &got), 0, "and is read");
    T_EQ_U(got, value, "as it was");
    T_OK(p == bytes + n, "whole");
    for (size_t cut = 0; cut < n; cut++) {
        p = bytes;
        T_EQ_I(tk_varint_get(&p, bytes + cut, &got), TK_E_MORE, "cut after %zu", cut);
        T_OK(p == bytes, "and nothing was taken");
    }
}

static void signed_round_trip(int64_t value, size_t want_bytes)
{
    uint8_t bytes[TK_VARINT_MAX_BYTES];
    const uint8_t *p = bytes;
    int64_t got = 0;
    size_t n = tk_varint_put_i64(bytes, value);
    T_EQ_U(n, want_bytes, "%" PRId64 " takes %zu bytes", value, want_bytes);
    T_EQ_I(tk_varint_get_i64(&p, bytes + n, &got), 0, "and is read");
    T_EQ_I(got, value, "as it was");
}

int main(void)
{
    static const uint8_t too_long[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                        0x80, 0x80, 0x80, 0x80, 0x01 };
    static const uint8_t too_large[] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2 };
    static const uint8_t wasteful[] = { 0x81, 0x00 };
    const uint8_t *p;
    uint64_t got = 0;
    int64_t got_signed = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        round_trip(UINT64_C(1) << shift);
        round_trip((UINT64_C(1) << shift) - 1);
    }
    round_trip(UINT64_MAX);
    signed_round_trip(0, 1);
    signed_round_trip(-1, 1);
    signed_round_trip(63, 1);
    signed_round_trip(-64, 1);
    signed_round_trip(64, 2);
    signed_round_trip(INT64_MIN, 10);
    signed_round_trip(INT64_MAX, 10);
    T_EQ_U(tk_zigzag(-2), 3, "zigzag");
    T_EQ_I(tk_unzigzag(4), 2, "unzigzag");

    p = too_long;
    T_EQ_I(tk_varint_get(&p, too_long + sizeof(too_long), &got), TK_E_FORMAT, "eleven bytes");
    T_EQ_I(tk_varint_get_i64(&p, too_long + sizeof(too_long), &got_signed), TK_E_FORMAT,
           "signed, too");
    p = too_large;
    T_EQ_I(tk_varint_get(&p, too_large + sizeof(too_large), &got), TK_E_FORMAT, "65 bits");
    T_OK(p == too_large, "nothing was taken");
    p = wasteful;
    T_EQ_I(tk_varint_get(&p, wasteful + sizeof(wasteful), &got), 0, "a longer form than needed");
    T_EQ_U(got, 1, "is read");
    return T_DONE();
}
