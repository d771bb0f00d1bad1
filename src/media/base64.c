#include "media/base64.h"

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
