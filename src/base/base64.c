/* base64.c - three bytes as four letters, and back */
#include "base/base64.h"

#include "base/err.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int tk_base64(struct tk_str bytes, struct tk_buf *out)
{
    const unsigned char *b = (const unsigned char *)bytes.p;
    int rc = bytes.n / 3 > (SIZE_MAX / 4) - 1 ? TK_E_LIMIT : 0;

    if (rc == 0)
        rc = tk_buf_reserve(out, (bytes.n / 3 + 1) * 4);
    if (rc != 0)
        return rc;
    char *to = out->p + out->n;
    for (size_t n = bytes.n; n > 0; b += 3) {
        size_t k = TK_MIN(n, 3);
        uint32_t v = (uint32_t)b[0] << 16 | (k > 1 ? (uint32_t)b[1] << 8 : 0) | (k > 2 ? b[2] : 0);
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        *to++ = k > 1 ? alphabet[v >> 6 & 63] : '=';
        *to++ = k > 2 ? alphabet[v & 63] : '=';
        n -= k;
    }
    *to = '\0';
    out->n = (size_t)(to - out->p);
    return 0;
}

/* 0 … 63, or 64 for what is no letter. */
static unsigned letter(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

int tk_base64_decode(struct tk_str text, struct tk_buf *out)
{
    size_t begin = out->n, n_pad = 0;
    int rc = text.n % 4 == 0 ? 0 : TK_E_FORMAT;

    while (rc == 0 && n_pad < 2 && text.n > 0 && text.p[text.n - 1] == '=') {
        text.n--;
        n_pad++;
    }
    uint32_t v = 0;
    for (size_t i = 0; rc == 0 && i < text.n + n_pad; i++) {
        unsigned k = i < text.n ? letter(text.p[i]) : 0;
        if (k > 63) {
            rc = TK_E_FORMAT;
            break;
        }
        v = v << 6 | k;
        const char three[] = { (char)(v >> 16), (char)(v >> 8), (char)v };
        if (i % 4 == 3)
            rc = tk_buf_add(out, three, i < text.n ? 3 : 3 - n_pad);
    }
    if (rc != 0 && out->p) {
        out->n = begin;
        out->p[begin] = '\0';
    }
    return rc;
}
