/* fuzz_http_server.c - whatever a client sends, the server survives it, and hears the same however it is cut
 *
 * The first two bytes seed the cuts, the third says whether the client closes at the end; the rest is
 * what the client sends. It is sent whole and in pieces over a pair in memory. The requests (method,
 * target, fields, body) and the replies must agree, and whether the server refused to go on; which of
 * two faults it found first may differ. Half of the requests are answered at once, the others from a
 * deferred call, so that what was sent ahead waits for its turn.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "http/server.h"
#include "net/xport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 8192

struct digest {
    uint64_t requests, replies;
    uint64_t n_requests, n_replies, n_body;
    bool is_refused;
};

struct rig {
    struct digest d;
    struct tk_loop *loop;
    struct tk_http_peer *peer; /* that waits for its answer; NULL: none */
    struct tk_defer answer;
    char body[32]; /* of the answer that waits */
    char heard[4 * INPUT_MAX + 64];
    size_t n_heard;
};

static uint64_t add(uint64_t hash, struct tk_str s)
{
    for (size_t i = 0; i < s.n; i++)
        hash = (hash ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
    return (hash ^ s.n) * UINT64_C(0x100000001b3);
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void answer(struct tk_http_peer *p, bool is_whole, const char *body)
{
    struct tk_str s = { body, strlen(body) };

    if (is_whole) {
        (void)tk_http_reply(p, 200, "text/plain", NULL, s);
        return;
    }
    if (tk_http_reply_begin(p, 200, NULL, "X-Own: 1\r\n") == 0 &&
        tk_http_reply_piece(p, s, NULL) == 0)
        (void)tk_http_reply_end(p);
}

static void on_answer(struct tk_defer *d)
{
    struct rig *r = d->owner;
    struct tk_http_peer *p = r->peer;

    r->peer = NULL;
    if (p)
        answer(p, false, r->body);
}

static void on_request(void *owner, struct tk_http_peer *p, const struct tk_http_request *q)
{
    struct rig *r = owner;
    uint64_t h = add(add(r->d.requests, q->method), q->target);
    volatile char last = q->body.p[q->body.n + TK_JSON_PADDING - 1];

    (void)last;
    must(!r->peer); /* one at a time */
    for (unsigned i = 0; i < q->headers.n; i++)
        h = add(add(h, q->headers.v[i].name), q->headers.v[i].value);
    r->d.requests = add(h, q->body);
    r->d.n_requests++;
    r->d.n_body += q->body.n;
    must(q->n_on_conn == r->d.n_requests);
    (void)snprintf(r->body, sizeof(r->body), "%zu", q->body.n);
    if (q->target.n % 2) {
        answer(p, true, r->body);
    } else {
        r->peer = p;
        tk_loop_defer(r->loop, &r->answer);
    }
}

static void on_closed(void *owner, struct tk_http_peer *p, bool is_mid_reply)
{
    struct rig *r = owner;

    (void)p;
    (void)is_mid_reply;
    r->peer = NULL;
}

/* What has come so far; false: the server has closed. */
static bool hear(struct rig *r, struct tk_xport *peer)
{
    struct tk_stamp stamp;
    int64_t n;

    must(tk_loop_run(r->loop) == 0);
    while (r->n_heard < sizeof(r->heard) - 1 &&
           (n = tk_xport_read(peer, r->heard + r->n_heard, sizeof(r->heard) - 1 - r->n_heard,
                              &stamp)) != TK_E_AGAIN_READ) {
        if (n <= 0)
            return false;
        r->n_heard += (size_t)n;
    }
    return true;
}

static void say(struct rig *r, struct tk_xport *peer, const uint8_t *data, size_t size,
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
        if (tk_xport_write(peer, &iov, 1) < 0 || !hear(r, peer))
            return;
    }
}

/* The replies, up to the one by which the server refused. */
static void digest_replies(struct rig *r)
{
    struct tk_str s = { r->heard, r->n_heard };

    r->heard[r->n_heard] = '\0';
    const char *refusal = strstr(r->heard, "HTTP/1.1 4");
    r->d.is_refused = refusal;
    if (refusal)
        s.n = (size_t)(refusal - r->heard);
    r->d.replies = add(0, s);
    r->d.n_replies = s.n;
}

/* `random` 0: whole. */
static struct digest run(const uint8_t *data, size_t size, uint32_t random, bool is_closed)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct tk_http_server_conf conf = {
        .listener = -1,
        .max_head_bytes = 2000,
        .max_body_bytes = 3000,
        .on_request = on_request,
        .on_closed = on_closed,
        .owner = r,
    };
    struct tk_http_server *server;
    struct tk_xport *end, *peer;

    must(r != NULL);
    r->answer = (struct tk_defer){ .cb = on_answer, .owner = r };
    must(tk_loop_new(TK_LOOP_VIRTUAL, &r->loop) == 0);
    conf.loop = r->loop;
    must(tk_http_server_new(&conf, &server) == 0);
    must(tk_mem_pair(r->loop, sizeof(r->heard), &end, &peer) == 0);
    must(tk_http_server_adopt(server, end) == 0);
    say(r, peer, data, size, random);
    (void)hear(r, peer);
    if (is_closed) {
        peer = tk_xport_free(peer);
        must(tk_loop_run(r->loop) == 0);
    }
    digest_replies(r);
    struct digest d = r->d;
    tk_defer_stop(&r->answer);
    tk_http_server_free(server);
    tk_xport_free(peer);
    tk_loop_free(r->loop);
    free(r);
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
    must(whole.n_requests == cut.n_requests && whole.requests == cut.requests);
    must(whole.n_body == cut.n_body);
    must(whole.n_replies == cut.n_replies && whole.replies == cut.replies);
    must(whole.is_refused == cut.is_refused);
    return 0;
}
