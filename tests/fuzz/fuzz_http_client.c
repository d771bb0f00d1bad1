/* fuzz_http_client.c - whatever a server sends, the client survives it, and tells the same however it is cut
 *
 * The first two bytes seed the cuts, the third says whether the server closes at the end; the rest is
 * what the server sends. It is sent whole and in pieces over a pair in memory; the head, the body
 * (joined) and the outcome must agree. Where the reply ends before the bytes do, whole and cut differ
 * by design: bytes in the same read make END not reusable, later ones are an error of their own. So
 * what follows the first END is left out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "http/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 8192

struct digest {
    uint64_t head, body;
    uint64_t n_body;
    int outcome; /* 1: END; a code; 0: still open */
    unsigned n_outcomes;
};

static uint64_t add(uint64_t hash, struct tk_str s)
{
    for (size_t i = 0; i < s.n; i++)
        hash = (hash ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void on_event(struct tk_http_conn *c, const struct tk_http_event *ev)
{
    struct digest *d = tk_http_conn_owner(c);
    volatile char last;

    switch (ev->kind) {
    case TK_HTTP_HEAD:
        d->head = d->head * 31 + (uint64_t)ev->status + 1;
        for (unsigned i = 0; i < ev->headers->n; i++) {
            d->head = add(add(d->head, ev->headers->v[i].name), TK_STR(":"));
            d->head = add(add(d->head, ev->headers->v[i].value), TK_STR("\n"));
        }
        break;
    case TK_HTTP_DATA:
        last = ev->data.p[ev->data.n + TK_JSON_PADDING - 1];
        (void)last;
        d->body = add(d->body, ev->data);
        d->n_body += ev->data.n;
        break;
    case TK_HTTP_END:
    case TK_HTTP_ERROR:
        if (!ev->is_idle) {
            d->outcome = ev->kind == TK_HTTP_END ? 1 : ev->code;
            d->n_outcomes++;
        }
        break;
    default:
        break;
    }
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void say(struct tk_loop *loop, struct tk_xport *peer, const uint8_t *data, size_t size,
                uint32_t random)
{
    for (size_t at = 0, n; at < size; at += n) {
        n = size - at;
        if (random) {
            random = random * 1664525 + 1013904223;
            size_t most = random & 0x10000 ? 4 : 200;
            n = n < most ? n : 1 + (random >> 20) % most;
        }
        struct iovec iov = { (void *)(uintptr_t)(data + at), n };
        if (tk_xport_write(peer, &iov, 1) < 0)
            return;
        must(tk_loop_run(loop) == 0);
    }
}

/* `random` 0: whole. */
static struct digest run(const uint8_t *data, size_t size, uint32_t random, bool is_closed)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    struct digest d = { 0 };
    struct tk_http_env_conf conf = {
        .limits = { .max_head_bytes = 2000, .max_body_bytes = 10000, .max_decoded_bytes = 20000 },
    };
    struct tk_http_conn_conf cc = { .cb = on_event, .owner = &d };
    struct tk_http_env *env;
    struct tk_http_conn *c;
    struct tk_xport *peer;
    struct iovec iov = { (void *)(uintptr_t)request, sizeof(request) - 1 };
    char heard[sizeof(request)];
    struct tk_stamp stamp;

    must(tk_loop_new(TK_LOOP_VIRTUAL, &conf.loop) == 0);
    must(tk_http_env_new(&conf, &env) == 0);
    must(tk_mem_pair(conf.loop, 2 * INPUT_MAX, &cc.xport, &peer) == 0);
    must(tk_http_conn_new(env, &cc, &c, NULL) == 0);
    must(tk_loop_run(conf.loop) == 0);
    must(tk_http_send(c, &iov, 1) == 0);
    must(tk_xport_read(peer, heard, sizeof(heard), &stamp) == sizeof(request) - 1);
    say(conf.loop, peer, data, size, random);
    if (is_closed) {
        peer = tk_xport_free(peer);
        must(tk_loop_run(conf.loop) == 0);
        must(d.n_outcomes == 1); /* nothing is left open */
    }
    must(d.n_outcomes <= 1);
    tk_http_conn_free(c);
    tk_xport_free(peer);
    tk_http_env_free(env);
    tk_loop_free(conf.loop);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > INPUT_MAX)
        return 0;
    uint32_t random = ((uint32_t)data[0] << 8 | data[1]) + 1;
    bool is_closed = data[2] & 1;
    struct digest whole = run(data + 3, size - 3, 0, is_closed);
    struct digest cut = run(data + 3, size - 3, random, is_closed);
    must(whole.head == cut.head && whole.outcome == cut.outcome);
    must(whole.body == cut.body && whole.n_body == cut.n_body);
    return 0;
}
