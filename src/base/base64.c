/* base64.c - three bytes as four letters, and back */
#include "base/base64.h"

#include "base/err.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *put(char *at, unsigned b0, unsigned b1, unsigned b2)
{
    at[0] = letters[b0 >> 2];
    at[1] = letters[(b0 & 3) << 4 | b1 >> 4];
    at[2] = letters[(b1 & 15) << 2 | b2 >> 6];
    at[3] = letters[b2 & 63];
    return at + 4;
}

int tk_base64_add(struct tk_buf *out, struct tk_str in)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t rest = in.n % 3, n = in.n - rest;
    int rc = tk_buf_reserve(out, (in.n / 3 + (rest > 0)) * 4);

    if (rc != 0 || in.n == 0)
        return rc;
    char *at = out->p + out->n;
    for (size_t i = 0; i < n; i += 3)
        at = put(at, p[i], p[i + 1], p[i + 2]);
    if (rest > 0) {
        at = put(at, p[n], rest == 2 ? p[n + 1] : 0, 0);
        at[-1] = '=';
        at[-2] = rest == 2 ? at[-2] : '=';
    }
    *at = '\0';
    out->n = (size_t)(at - out->p);
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

int tk_base64_decode(struct tk_buf *out, struct tk_str text)
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
