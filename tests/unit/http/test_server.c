/* test_server.c - the server against a scripted client, in memory, in virtual time
 *
 * What the server was asked is kept as text, "[1 POST /x body]" with the request's number on its
 * connection; "{c}" for a peer that is gone, "{m}" in the middle of a reply. Requests are answered by
 * their target: /echo the body, /wait not at all (the test does), /pieces in three pieces, …
 */
#include "http/server.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "cuts.h"
#include "failmalloc.h"
#include "tap.h"

struct rig {
    struct tk_loop *loop;
    struct tk_http_server *server;
    struct tk_xport *client; /* the script's end */
    struct tk_http_peer *peer;
    char log[4096];
    size_t n_log;
    char got[120000]; /* what the client read */
    size_t n_got;
    tk_ns piece_at;
    struct tk_stamp stamp;
    tk_ns accepted_at;
    uint64_t conn_id;
};

static void note(struct rig *r, const char *p, size_t n)
{
    n = TK_MIN(n, sizeof(r->log) - 1 - r->n_log);
    if (n)
        memcpy(r->log + r->n_log, p, n);
    r->n_log += n;
    r->log[r->n_log] = '\0';
}

static void answer_pieces(struct rig *r, struct tk_http_peer *p)
{
    T_EQ_I(tk_http_reply_begin(p, 200, "text/event-stream", "X-A: 1\r\n"), 0, "begin");
    T_EQ_I(tk_http_reply_piece(p, TK_STR("data: a\n\n"), &r->piece_at), 0, "piece");
    T_EQ_I(tk_http_reply_piece(p, TK_STR(""), NULL), 0, "an empty piece");
    T_EQ_I(tk_http_reply_piece(p, TK_STR("data: [DONE] 17 b"), NULL), 0, "piece");
    T_EQ_I(tk_http_reply_end(p), 0, "end");
}

static void on_request(void *owner, struct tk_http_peer *p, const struct tk_http_request *q)
{
    struct rig *r = owner;
    char number[32];
    volatile char sum = 0;

    for (size_t i = 0; i < TK_JSON_PADDING; i++)
        sum = (char)(sum + q->body.p[q->body.n + i]);
    snprintf(number, sizeof(number), "[%u ", (unsigned)q->n_on_conn);
    note(r, number, strlen(number));
    note(r, q->method.p, q->method.n);
    note(r, " ", 1);
    note(r, q->target.p, q->target.n);
    note(r, " ", 1);
    note(r, q->body.p, TK_MIN(q->body.n, 100));
    note(r, "]", 1);
    r->peer = p;
    r->stamp = q->stamp;
    r->accepted_at = q->accepted_at;
    r->conn_id = q->conn_id;
    const struct tk_str *x = tk_headers_get(&q->headers, "x-note");
    if (x)
        note(r, x->p, x->n);
    if (tk_str_is(q->target, "/echo"))
        (void)tk_http_reply(p, 200, "text/plain", NULL, q->body);
    else if (tk_str_is(q->target, "/pieces"))
        answer_pieces(r, p);
    else if (tk_str_is(q->target, "/none"))
        (void)tk_http_reply(p, 204, NULL, NULL, TK_STR("left out"));
    else if (tk_str_is(q->target, "/close"))
        tk_http_peer_close(p, false);
    else if (tk_str_is(q->target, "/reset"))
        tk_http_peer_close(p, true);
}

static void on_closed(void *owner, struct tk_http_peer *p, bool is_mid_reply)
{
    struct rig *r = owner;

    if (p == r->peer)
        r->peer = NULL;
    note(r, is_mid_reply ? "{m}" : "{c}", 3);
}

static void rig_init(struct rig *r, const struct tk_http_server_conf *limits, size_t capacity)
{
    struct tk_http_server_conf conf = *limits;
    struct tk_xport *end;

    *r = (struct rig){ 0 };
    if (tk_loop_new(TK_LOOP_VIRTUAL, &r->loop) || tk_mem_pair(r->loop, capacity, &end, &r->client))
        abort();
    conf.loop = r->loop;
    conf.listener = -1;
    conf.owner = r;
    conf.on_request = on_request;
    conf.on_closed = on_closed;
    if (tk_http_server_new(&conf, &r->server) || tk_http_server_adopt(r->server, end))
        abort();
}

static const struct tk_http_server_conf defaults;
static const struct tk_http_server_conf small = { .max_head_bytes = 100, .max_body_bytes = 20 };

static void rig_release(struct rig *r)
{
    tk_http_server_free(r->server);
    tk_xport_free(r->client);
    tk_loop_free(r->loop);
}

/* Run, and read all that comes. */
static void run(struct rig *r)
{
    struct tk_stamp stamp;
    int64_t n;

    do {
        if (tk_loop_run(r->loop))
            abort();
        n = r->client
                ? tk_xport_read(r->client, r->got + r->n_got, sizeof(r->got) - r->n_got, &stamp)
                : 0;
        r->n_got += n > 0 ? (size_t)n : 0;
    } while (n > 0);
}

static void say(struct rig *r, struct tk_str s, struct cuts *c)
{
    for (size_t n; s.n > 0; s.p += n, s.n -= n) {
        n = c ? cuts_next(c, s.n) : s.n;
        struct iovec iov = { (void *)(uintptr_t)s.p, n };
        if (tk_xport_write(r->client, &iov, 1) != (int64_t)n)
            return;
        run(r);
    }
}

static void client_close(struct rig *r)
{
    r->client = tk_xport_free(r->client);
    run(r);
}

/* --- requests --- */

#define REPLY_OF(n, text) \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " n "\r\n\r\n" text
#define REFUSED(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#define PIECES                                                                             \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n" \
    "X-A: 1\r\n\r\n9\r\ndata: a\n\n\r\n11\r\ndata: [DONE] 17 b\r\n0\r\n\r\n"

static const struct {
    const char *name;
    struct tk_str input;
    const char *log;
    const char *replies;
} cases[] = {
    { "no body", TK_STR_INIT("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n"), "[1 GET /echo ]",
      REPLY_OF("0", "") },
    { "length", TK_STR_INIT("POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
      "[1 POST /echo hello]", REPLY_OF("5", "hello") },
    { "chunked",
      TK_STR_INIT("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: 1\r\n\r\n"),
      "[1 POST /echo hello]", REPLY_OF("5", "hello") },
    { "fields", TK_STR_INIT("GET /echo?a=b HTTP/1.1\r\nX-Note:  n o \r\nEmpty:\r\n\r\n"),
      "[1 GET /echo?a=b ]n o", "" },
    { "pieces", TK_STR_INIT("GET /pieces HTTP/1.1\r\n\r\n"), "[1 GET /pieces ]", PIECES },
    { "two, one behind the other",
      TK_STR_INIT("POST /echo HTTP/1.1\r\nContent-Length: 1\r\n\r\naGET /pieces HTTP/1.1\r\n\r\n"),
      "[1 POST /echo a][2 GET /pieces ]", REPLY_OF("1", "a") PIECES },
    { "close is wanted",
      TK_STR_INIT("GET /echo HTTP/1.1\r\nConnection: close\r\n\r\nGET /b HTTP/1.1"),
      "[1 GET /echo ]{c}",
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
    { "1.0", TK_STR_INIT("GET /pieces HTTP/1.0\r\n\r\n"), "[1 GET /pieces ]{c}",
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nX-A: 1\r\n\r\n"
      "data: a\n\ndata: [DONE] 17 b" },
    { "1.0 kept", TK_STR_INIT("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
      "[1 GET /echo ]",
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
      "Connection: keep-alive\r\n\r\n" },
    { "HEAD", TK_STR_INIT("HEAD /pieces HTTP/1.1\r\n\r\n"), "[1 HEAD /pieces ]",
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
      "X-A: 1\r\n\r\n" },
    { "204", TK_STR_INIT("GET /none HTTP/1.1\r\n\r\n"), "[1 GET /none ]",
      "HTTP/1.1 204 No Content\r\n\r\n" },
    { "100-continue",
      TK_STR_INIT("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"),
      "[1 POST /echo hi]", "HTTP/1.1 100 Continue\r\n\r\n" REPLY_OF("2", "hi") },
    { "upgrade is ignored",
      TK_STR_INIT("GET /echo HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
                  "GET /none HTTP/1.1\r\n\r\n"),
      "[1 GET /echo ][2 GET /none ]", REPLY_OF("0", "") "HTTP/1.1 204 No Content\r\n\r\n" },
    { "closes in the request", TK_STR_INIT("GET /close HTTP/1.1\r\n\r\n"), "[1 GET /close ]{m}",
      "" },
    { "resets in the request", TK_STR_INIT("GET /reset HTTP/1.1\r\n\r\n"), "[1 GET /reset ]{m}",
      "" },
    { "no HTTP", TK_STR_INIT("hello?\r\n\r\n"), "{c}", REFUSED("400 Bad Request") },
    { "both lengths",
      TK_STR_INIT("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
      "{c}", REFUSED("400 Bad Request") },
    { "bad chunk", TK_STR_INIT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"), "{c}",
      REFUSED("400 Bad Request") },
    { "bad second", TK_STR_INIT("POST /echo HTTP/1.1\r\nContent-Length: 1\r\n\r\na???"),
      "[1 POST /echo a]{c}", REPLY_OF("1", "a") REFUSED("400 Bad Request") },
    { "long head",
      TK_STR_INIT(
          "GET / HTTP/1.1\r\nX: 0123456789012345678901234567890123456789012345678901234567890123"
          "4567890123456789\r\n\r\n"),
      "{c}", REFUSED("431 Request Header Fields Too Large") },
    { "long body", TK_STR_INIT("POST / HTTP/1.1\r\nContent-Length: 21\r\n\r\n"), "{c}",
      REFUSED("413 Content Too Large") },
    { "long chunks",
      TK_STR_INIT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "f\r\n012345678901234\r\n6\r\n012345\r\n0\r\n\r\n"),
      "{c}", REFUSED("413 Content Too Large") },
    { "body at the bound",
      TK_STR_INIT("POST /echo HTTP/1.1\r\nContent-Length: 20\r\n\r\n01234567890123456789"),
      "[1 POST /echo 01234567890123456789]", REPLY_OF("20", "01234567890123456789") },
};

static void test_requests(void)
{
    static struct rig r;

    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        bool is_good = true;
        for (unsigned way = 0; way < CUTS_WAYS; way++) {
            struct cuts c;
            cuts_init(&c, way);
            rig_init(&r, &small, 4096);
            say(&r, cases[i].input, &c);
            bool is_same = strcmp(r.log, cases[i].log) == 0 &&
                           r.n_got == strlen(cases[i].replies) &&
                           memcmp(r.got, cases[i].replies, r.n_got) == 0;
            if (!is_same) {
                T_EQ_S(r.log, cases[i].log, "%s, way %u: log", cases[i].name, way);
                T_EQ_N(r.got, r.n_got, cases[i].replies, strlen(cases[i].replies),
                       "%s, way %u: replies", cases[i].name, way);
            }
            is_good &= is_same;
            rig_release(&r);
        }
        T_OK(is_good, "%s: right in all ways to cut", cases[i].name);
    }
}

/* Requests that come while a reply is open wait for their turn. */
static void test_pipelining(void)
{
    static struct rig r;

    rig_init(&r, &defaults, 4096);
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\nPOST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nh"),
        NULL);
    say(&r, TK_STR("iGET /none HTTP/1.1\r\n\r\n"), NULL);
    T_EQ_S(r.log, "[1 GET /wait ]", "the second one waits");
    T_EQ_I(tk_http_reply(r.peer, 200, NULL, NULL, TK_STR("w")), 0, "reply");
    T_EQ_S(r.log, "[1 GET /wait ]", "nothing is called back during the reply");
    T_EQ_I(tk_http_reply(r.peer, 200, NULL, NULL, TK_STR("w")), -EINVAL, "no request is open");
    T_EQ_I(tk_http_reply_begin(r.peer, 200, NULL, NULL), -EINVAL, "nor for this");
    T_EQ_I(tk_http_reply_piece(r.peer, TK_STR("x"), NULL), -EINVAL, "nor for this");
    T_EQ_I(tk_http_reply_end(r.peer), -EINVAL, "nor for this");
    run(&r);
    T_EQ_S(r.log, "[1 GET /wait ][2 POST /echo hi][3 GET /none ]", "then all of them");
    static const char want[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nw" REPLY_OF(
        "2", "hi") "HTTP/1.1 204 No Content\r\n\r\n";
    T_EQ_N(r.got, r.n_got, want, strlen(want), "in order");
    rig_release(&r);

    /* more than is kept: the rest stays where it is */
    rig_init(&r, &defaults, 1 << 20);
    static char many[300000];
    size_t n = 0;
    n += (size_t)snprintf(many, sizeof(many), "GET /wait HTTP/1.1\r\n\r\n");
    while (n < sizeof(many) - 100)
        n += (size_t)snprintf(many + n, sizeof(many) - n, "GET /none HTTP/1.1\r\nX: %050d\r\n\r\n",
                              0);
    say(&r, (struct tk_str){ many, n }, NULL);
    T_EQ_S(r.log, "[1 GET /wait ]", "many wait");
    T_EQ_I(tk_http_reply(r.peer, 204, NULL, NULL, TK_STR("")), 0, "reply");
    run(&r);
    size_t n_requests = (n - 22) / 77 + 1;
    T_EQ_I(r.n_got, n_requests * strlen("HTTP/1.1 204 No Content\r\n\r\n"), "all %zu were answered",
           n_requests);
    rig_release(&r);
}

static void test_what_a_request_says(void)
{
    static struct rig r;

    rig_init(&r, &defaults, 4096);
    tk_ns begin = tk_clock_now();
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\n"), NULL);
    T_EQ_I(r.conn_id, 1, "the first connection");
    T_EQ_I(r.accepted_at, begin, "when it was accepted");
    T_EQ_I(r.stamp.seen_at, tk_clock_now(), "when it was read");
    int mark = 0;
    T_OK(!tk_http_peer_data(r.peer), "no data at first");
    tk_http_peer_set_data(r.peer, &mark);
    T_OK(tk_http_peer_data(r.peer) == &mark, "the owner's data");
    struct tk_xport *a, *b;
    if (tk_mem_pair(r.loop, 4096, &a, &b))
        abort();
    T_EQ_I(tk_http_server_adopt(r.server, a), 0, "another connection");
    struct iovec iov = { (void *)(uintptr_t) "GET /pieces HTTP/1.1\r\n\r\n", 24 };
    T_EQ_I(tk_xport_write(b, &iov, 1), 24, "asks");
    run(&r);
    T_EQ_I(r.conn_id, 2, "is the second");
    T_EQ_I(r.piece_at, tk_clock_now(), "the instant of a piece");
    tk_xport_free(b);
    rig_release(&r);
}

/* The client goes away. */
static void test_gone(void)
{
    static struct rig r;

    rig_init(&r, &defaults, 4096);
    client_close(&r);
    T_EQ_S(r.log, "{c}", "before it asked");
    rig_release(&r);

    rig_init(&r, &defaults, 4096);
    say(&r, TK_STR("GET /echo HTTP/1.1\r\n\r\nGET /e"), NULL);
    client_close(&r);
    T_EQ_S(r.log, "[1 GET /echo ]{c}", "in a request");
    rig_release(&r);

    rig_init(&r, &defaults, 4096);
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\n"), NULL);
    T_EQ_I(tk_http_reply_begin(r.peer, 200, NULL, NULL), 0, "begin");
    run(&r);
    client_close(&r);
    T_EQ_S(r.log, "[1 GET /wait ]{m}", "in a reply");
    T_OK(!r.peer, "the owner was told");
    rig_release(&r);

    rig_init(&r, &defaults, 4096);
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\n"), NULL);
    r.client = tk_xport_free(r.client);
    T_EQ_I(tk_http_reply_begin(r.peer, 200, NULL, NULL), -EPIPE, "found by a write");
    T_EQ_I(tk_http_reply_piece(r.peer, TK_STR("x"), NULL), -EPIPE, "of no use then");
    T_EQ_I(tk_http_reply(r.peer, 200, NULL, NULL, TK_STR("x")), -EPIPE, "of no use then");
    T_EQ_I(tk_http_peer_raw(r.peer, TK_STR("x")), -EPIPE, "of no use then");
    T_EQ_I(tk_http_reply_end(r.peer), -EPIPE, "of no use then");
    tk_http_peer_close(r.peer, true);
    T_EQ_S(r.log, "[1 GET /wait ]", "not told during the call");
    run(&r);
    T_EQ_S(r.log, "[1 GET /wait ]{m}", "but then, once");
    rig_release(&r);

    rig_init(&r, &defaults, 4096);
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\n"), NULL);
    r.server = tk_http_server_free(r.server);
    T_EQ_S(r.log, "[1 GET /wait ]{m}", "the server goes");
    rig_release(&r);
}

/* A client that reads slowly: what is not taken is kept, in order, up to a bound. */
static void test_slow_client(void)
{
    static struct rig r;
    struct tk_http_server_conf conf = { .max_unsent_bytes = 1000 };
    char piece[100];
    int rc = 0;

    memset(piece, 'p', sizeof(piece));
    rig_init(&r, &conf, 50);
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\n"), NULL);
    T_EQ_I(tk_http_reply_begin(r.peer, 200, NULL, NULL), 0, "begin");
    for (int i = 0; i < 5; i++)
        rc |= tk_http_reply_piece(r.peer, (struct tk_str){ piece, 97 }, NULL);
    rc |= tk_http_reply_end(r.peer);
    T_EQ_I(rc, 0, "more than the socket takes");
    T_OK(tk_http_peer_unsent(r.peer) > 450, "is kept");
    run(&r);
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    T_EQ_I(r.n_got, strlen(head) + 5 * (97 + 6) + 5, "and comes whole");
    T_EQ_N(r.got, strlen(head), head, strlen(head), "its head");
    T_EQ_N(r.got + r.n_got - 9, 9, "pp\r\n0\r\n\r\n", 9, "its end");
    T_EQ_I(tk_http_peer_unsent(r.peer), 0, "nothing is left");
    say(&r, TK_STR("GET /none HTTP/1.1\r\n\r\n"), NULL);
    T_EQ_S(r.log, "[1 GET /wait ][2 GET /none ]", "the connection goes on");
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\n"), NULL);
    rc = tk_http_reply_begin(r.peer, 200, NULL, NULL);
    for (int i = 0; rc == 0 && i < 20; i++)
        rc = tk_http_reply_piece(r.peer, (struct tk_str){ piece, 100 }, NULL);
    T_EQ_I(rc, TK_E_LIMIT, "past the bound the peer is cut");
    run(&r);
    T_EQ_S(r.log, "[1 GET /wait ][2 GET /none ][3 GET /wait ]{m}", "and gone");
    rig_release(&r);
}

/* More is kept while some of it goes out. */
static void test_kept_in_order(void)
{
    static struct rig r;
    struct tk_stamp stamp;
    char text[8];
    int rc = 0;

    rig_init(&r, &defaults, 64);
    say(&r, TK_STR("GET /wait HTTP/1.0\r\n\r\n"), NULL);
    rc |= tk_http_reply_begin(r.peer, 200, NULL, NULL);
    run(&r);
    r.n_got = 0;
    for (int i = 0; i < 300; i++) {
        int n = snprintf(text, sizeof(text), "%06d,", i);
        rc |= tk_http_reply_piece(r.peer, (struct tk_str){ text, (size_t)n }, NULL);
        if (i % 10 == 9) { /* the client takes 64 bytes for 70 */
            int64_t got = tk_xport_read(r.client, r.got + r.n_got, 64, &stamp);
            r.n_got += got > 0 ? (size_t)got : 0;
            if (tk_loop_run(r.loop))
                abort();
        }
    }
    run(&r);
    T_EQ_I(rc, 0, "all pieces were taken");
    T_EQ_I(r.n_got, 300 * 7, "all came");
    size_t n_wrong = 0;
    for (size_t i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "%06u,", (unsigned)i);
        n_wrong += memcmp(r.got + i * 7, text, 7) != 0;
    }
    T_EQ_I(n_wrong, 0, "in order");
    rig_release(&r);
}

static void test_close(void)
{
    static struct rig r;
    static char long_text[300];

    memset(long_text, 'x', sizeof(long_text));
    rig_init(&r, &defaults, 50);
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\n"), NULL);
    T_EQ_I(tk_http_reply(r.peer, 200, NULL, NULL, (struct tk_str){ long_text, 300 }), 0, "reply");
    tk_http_peer_close(r.peer, false);
    run(&r);
    T_EQ_I(r.n_got, 300 + strlen("HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"),
           "an orderly close waits for the peer");
    T_EQ_S(r.log, "[1 GET /wait ]{c}", "and then comes");
    rig_release(&r);

    rig_init(&r, &defaults, 50);
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\n"), NULL);
    T_EQ_I(tk_http_reply_begin(r.peer, 200, NULL, NULL), 0, "begin");
    T_EQ_I(tk_http_peer_raw(r.peer, TK_STR("zz\r\n")), 0, "raw bytes");
    tk_http_peer_close(r.peer, true);
    run(&r);
    T_OK(r.n_got <= 50, "a reset does not");
    T_EQ_S(r.log, "[1 GET /wait ]{m}", "the reply was not finished");
    rig_release(&r);

    rig_init(&r, &defaults, 4096);
    say(&r, TK_STR("GET /wait HTTP/1.1\r\n\r\n"), NULL);
    T_EQ_I(tk_http_reply_begin(r.peer, 200, NULL, NULL), 0, "begin");
    T_EQ_I(tk_http_peer_raw(r.peer, TK_STR("zz\r\n")), 0, "raw bytes");
    run(&r);
    T_EQ_N(r.got + r.n_got - 4, 4, "zz\r\n", 4, "come as they are");
    rig_release(&r);
}

/* After an error the server waits for the client to close, and not for ever. */
static void test_linger(void)
{
    static struct rig r;
    tk_ns begin;

    rig_init(&r, &small, 4096);
    begin = tk_clock_now();
    say(&r, TK_STR("nonsense\r\n"), NULL);
    T_EQ_S(r.log, "{c}", "gone");
    T_EQ_I(tk_clock_now() - begin, TK_NS_PER_S, "after a second");
    rig_release(&r);

    rig_init(&r, &small, 4096);
    begin = tk_clock_now();
    struct iovec iov = { (void *)(uintptr_t) "nonsense\r\n", 10 };
    T_EQ_I(tk_xport_write(r.client, &iov, 1), 10, "nonsense");
    client_close(&r);
    T_EQ_S(r.log, "{c}", "gone");
    T_EQ_I(tk_clock_now(), begin, "at once when the client closes");
    rig_release(&r);

    static char nonsense[2000000];
    rig_init(&r, &small, sizeof(nonsense));
    begin = tk_clock_now();
    say(&r, (struct tk_str){ nonsense, sizeof(nonsense) }, NULL);
    T_EQ_S(r.log, "{c}", "gone");
    T_EQ_I(tk_clock_now(), begin, "at once when the client goes on and on");
    rig_release(&r);
}

/* One failed allocation after another, from a connection to its reply. */
static void test_memory(void)
{
    for (int n = 1;; n++) {
        struct tk_http_server_conf conf = { .listener = -1, .on_request = on_request };
        struct tk_http_server *s = NULL;
        struct tk_xport *a, *b;
        static struct rig r;
        r = (struct rig){ 0 };
        if (tk_loop_new(TK_LOOP_VIRTUAL, &r.loop) || tk_mem_pair(r.loop, 50, &a, &b))
            abort();
        conf.loop = r.loop;
        conf.owner = &r;
        tk_failmalloc_at(n);
        int rc = tk_http_server_new(&conf, &s);
        if (rc)
            tk_xport_free(a);
        else
            rc = tk_http_server_adopt(s, a);
        if (rc == 0) {
            r.client = b;
            say(&r, TK_STR("POST /echo HTTP/1.1\r\nContent-Length: 2\r\n"), NULL);
            say(&r, TK_STR("\r\nh"), NULL);
            say(&r, TK_STR("iGET /none HTTP/1.1\r\n\r\n"), NULL);
        }
        bool failed = tk_failmalloc_off();
        if (rc)
            T_EQ_I(rc, -ENOMEM, "allocation %d", n);
        else
            T_OK(failed || strcmp(r.log, "[1 POST /echo hi][2 GET /none ]") == 0,
                 "allocation %d: %s", n, r.log);
        tk_http_server_free(s);
        tk_xport_free(b);
        tk_loop_free(r.loop);
        if (!failed)
            break;
    }
}

int main(void)
{
    test_requests();
    test_pipelining();
    test_what_a_request_says();
    test_gone();
    test_slow_client();
    test_kept_in_order();
    test_close();
    test_linger();
    test_memory();
    T_OK(!tk_http_server_free(NULL), "NULL is allowed");
    return T_DONE();
}
