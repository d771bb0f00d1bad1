/* test_gzip.c - compressed bodies, by the reply parser alone */
#include <errno.h>
#include <stdlib.h>

#include <zlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cuts.h"
#include "http/h1.h"
#include "tap.h"

#define TEXT_BYTES 200000 /* more than one piece of output */

static char text[TEXT_BYTES];

struct reader {
    struct tk__h1 h1;
    char *body; /* TEXT_BYTES */
    size_t n;
    unsigned n_heads;
    bool is_wrong; /* what came differs from `text` */
};

static int on_head(struct tk__h1 *h, int status, const struct tk_headers *headers)
{
    struct reader *r = TK_CONTAINER_OF(h, struct reader, h1);

    r->n_heads += status == 200 && headers->n > 0;
    return 0;
}

static int on_data(struct tk__h1 *h, struct tk_str data)
{
    struct reader *r = TK_CONTAINER_OF(h, struct reader, h1);
    volatile char sum = 0;

    for (size_t i = 0; i < TK_JSON_PADDING; i++)
        sum = (char)(sum + data.p[data.n + i]);
    if (r->n + data.n > TEXT_BYTES || memcmp(text + r->n, data.p, data.n) != 0)
        r->is_wrong = true;
    r->n += data.n;
    return 0;
}

static const struct tk__h1_calls calls = { on_head, on_data };

/* Compress with zlib; `bits` as in deflateInit2(); flushed in the middle. Returns its length. */
static size_t pack(int bits, const char *p, size_t n, char *out, size_t cap)
{
    z_stream z = { 0 };

    if (deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap;
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)(n / 2);
    if (deflate(&z, Z_SYNC_FLUSH) != Z_OK)
        abort();
    z.avail_in = (uInt)(n - n / 2);
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    n = cap - z.avail_out;
    deflateEnd(&z);
    return n;
}

/* Feed a reply of this body in this way; the code, or 0 when it is done. */
static int feed(struct reader *r, const char *coding, struct tk_str body, unsigned way)
{
    static char buf[400000];
    struct cuts c;
    size_t n = (size_t)snprintf(
        buf, sizeof(buf), "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
        coding, body.n);

    if (n + body.n > sizeof(buf))
        abort();
    if (body.n)
        memcpy(buf + n, body.p, body.n);
    n += body.n;
    r->n = 0;
    r->n_heads = 0;
    r->is_wrong = false;
    tk__h1_begin(&r->h1);
    cuts_init(&c, way);
    for (size_t at = 0, piece; at < n && !r->h1.is_done; at += piece) {
        piece = cuts_next(&c, n - at);
        char *copy = calloc(1, piece + TK_JSON_PADDING);
        if (!copy)
            abort();
        memcpy(copy, buf + at, piece);
        int64_t used = tk__h1_feed(&r->h1, copy, piece);
        free(copy);
        if (used < 0)
            return (int)used;
    }
    return r->h1.is_done ? 0 : TK_E_MORE;
}

static void check(struct reader *r, const char *name, const char *coding, struct tk_str body,
                  int rc, size_t n)
{
    bool is_good = true;

    for (unsigned way = 0; way < CUTS_WAYS; way++) {
        int got = feed(r, coding, body, way);
        bool is_same = got == rc && r->n == n && !r->is_wrong && r->n_heads == 1;
        if (!is_same) {
            T_EQ_I(got, rc, "%s, way %u: code", name, way);
            T_EQ_I(r->n, n, "%s, way %u: bytes", name, way);
        }
        is_good &= is_same;
    }
    T_OK(is_good, "%s: right in all ways to cut", name);
}

static void test_codings(struct reader *r)
{
    static char packed[300000];
    size_t n = pack(15 + 16, text, TEXT_BYTES, packed, sizeof(packed));

    T_OK(n < TEXT_BYTES, "packed to %zu bytes", n);
    check(r, "gzip", "gzip", (struct tk_str){ packed, n }, 0, TEXT_BYTES);
    check(r, "x-gzip", "X-GZip", (struct tk_str){ packed, n }, 0, TEXT_BYTES);
    check(r, "cut", "gzip", (struct tk_str){ packed, n - 1 }, TK_E_PROTO, TEXT_BYTES);
    check(r, "identity behind it", "identity", (struct tk_str){ text, TEXT_BYTES }, 0, TEXT_BYTES);
    check(r, "nothing", "gzip", (struct tk_str){ NULL, 0 }, 0, 0);
    check(r, "not gzip", "gzip", TK_STR("hello, this is not gzip"), TK_E_PROTO, 0);
    check(r, "two codings", "gzip, gzip", (struct tk_str){ packed, n }, TK_E_UNSUPPORTED, 0);
    packed[n - 5] = (char)(packed[n - 5] + 1); /* of the checksum */
    check(r, "checksum", "gzip", (struct tk_str){ packed, n }, TK_E_PROTO, TEXT_BYTES);
    n = pack(15, text, 5000, packed, sizeof(packed));
    check(r, "deflate with zlib's head", "deflate", (struct tk_str){ packed, n }, 0, 5000);
    packed[n] = 'x';
    check(r, "something behind it", "deflate", (struct tk_str){ packed, n + 1 }, TK_E_PROTO, 5000);
    n = pack(-15, text, 5000, packed, sizeof(packed));
    check(r, "deflate without", "deflate", (struct tk_str){ packed, n }, 0, 5000);
    n = pack(15 + 16, text, 3000, packed, sizeof(packed));
    n += pack(15 + 16, text + 3000, 2000, packed + n, sizeof(packed) - n);
    check(r, "two members", "gzip", (struct tk_str){ packed, n }, 0, 5000);
    packed[n] = 'x';
    check(r, "and something else", "gzip", (struct tk_str){ packed, n + 1 }, TK_E_PROTO, 5000);
}

/* What the server flushed comes at once. */
static void test_flush(struct reader *r)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
    char packed[4096 + TK_JSON_PADDING] = { 0 };
    z_stream z = { .next_out = (Bytef *)packed, .avail_out = 4096 };

    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    tk__h1_begin(&r->h1);
    r->n = r->n_heads = 0;
    char copy[sizeof(head) + TK_JSON_PADDING];
    memcpy(copy, head, sizeof(head));
    T_EQ_I(tk__h1_feed(&r->h1, copy, strlen(head)), strlen(head), "head");
    for (size_t i = 0; i < 10; i++) {
        z.next_in = (Bytef *)text + i * 100;
        z.avail_in = 100;
        Bytef *from = z.next_out;
        if (deflate(&z, Z_SYNC_FLUSH) != Z_OK)
            abort();
        size_t n = (size_t)(z.next_out - from);
        T_EQ_I(tk__h1_feed(&r->h1, (char *)from, n), n, "piece %zu", i);
        T_EQ_I(r->n, (i + 1) * 100, "its bytes came");
    }
    deflateEnd(&z);
    T_EQ_I(tk__h1_eof(&r->h1), TK_E_EOF_EARLY, "closed before the stream's end");
}

/* Few bytes that become many. */
static void test_bound(void)
{
    static struct reader r;
    struct tk__h1_env env;
    static char packed[300000];
    struct tk_http_limits limits = TK_HTTP_LIMITS_DEFAULT;
    size_t n = pack(15 + 16, text, TEXT_BYTES, packed, sizeof(packed));

    limits.max_decoded_bytes = TEXT_BYTES - 1;
    T_EQ_I(tk__h1_env_init(&env, limits, &calls), 0, "an environment");
    tk__h1_init(&r.h1, &env);
    check(&r, "one byte past the bound", "gzip", (struct tk_str){ packed, n }, TK_E_LIMIT,
          TEXT_BYTES - 1);
    env.limits.max_decoded_bytes++;
    check(&r, "at the bound", "gzip", (struct tk_str){ packed, n }, 0, TEXT_BYTES);
    tk__h1_release(&r.h1);
    tk__h1_env_release(&env);
}

int main(void)
{
    static struct reader r;
    struct tk__h1_env env;
    uint64_t random = 1;

    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + cuts_random(&random) % (i % 5000 < 2500 ? 2 : 20));
    T_EQ_I(tk__h1_env_init(&env, TK_HTTP_LIMITS_DEFAULT, &calls), 0, "an environment");
    tk__h1_init(&r.h1, &env);
    test_codings(&r);
    test_flush(&r);
    tk__h1_release(&r.h1);
    tk__h1_env_release(&env);
    test_bound();
    return T_DONE();
}
