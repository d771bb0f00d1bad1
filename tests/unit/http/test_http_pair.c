/* test_http_pair.c - our client against our server: in memory, over loopback TCP, over TLS */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "http/client.h"
#include "http/server.h"
#include "http/sse.h"
#include "net/tls.h"
#include "tap.h"

#define BIG_BYTES 300000
#define N_ROUNDS 20 /* each a big echo and a stream */
#define N_EVENTS 50
#define DEADLINE_DUR (20 * TK_NS_PER_S)

static char big[BIG_BYTES];

enum kind {
    MEM,
    TCP,
    TLS,
};
static const char *const kind_names[] = { "mem", "tcp", "tls" };

struct rig {
    enum kind kind;
    struct tk_loop *loop;
    struct tk_timer deadline;
    struct tk_tls *client_tls, *server_tls;
    struct tk_http_server *server;
    struct tk_addr addr;
    struct tk_http_env *env;
    struct tk_http_conn *c;
    /* the client's view */
    struct tk_sse sse;
    char head[256];
    size_t n_body;
    bool is_body_wrong;
    unsigned n_opened, n_sent, n_streams, n_echoes, n_conns;
    int status;
    int code; /* of the last ERROR */
    bool is_unanswered, is_idle;
    char detail[256];
    unsigned round;
    bool stops_at_end; /* one request, then stop */
    /* the server's view */
    unsigned n_requests, n_closed, n_mid_reply;
    struct tk_timer piece_timer;
    struct tk_http_peer *streaming;
    unsigned piece;
    unsigned abort_at; /* reset in mid-reply behind that many pieces; 0: never */
};

/* --- the server's side --- */

static void on_piece(struct tk_timer *t)
{
    struct rig *r = t->owner;
    char text[64];
    int n = snprintf(text, sizeof(text), "data: {\"n\":%u}\n\n", r->piece);

    if (!r->streaming)
        return;
    if (r->abort_at && r->piece == r->abort_at) {
        tk_http_peer_close(r->streaming, true);
        return;
    }
    if (r->piece++ == N_EVENTS) {
        (void)tk_http_reply_piece(r->streaming, TK_STR("data: [DONE]\n\n"), NULL);
        (void)tk_http_reply_end(r->streaming);
        return;
    }
    (void)tk_http_reply_piece(r->streaming, (struct tk_str){ text, (size_t)n }, NULL);
    (void)tk_timer_set(r->loop, t, tk_clock_now() + 20 * TK_NS_PER_US);
}

static void on_request(void *owner, struct tk_http_peer *p, const struct tk_http_request *q)
{
    struct rig *r = owner;

    r->n_requests++;
    if (tk_str_is(q->target, "/echo")) {
        (void)tk_http_reply(p, 200, "text/plain", NULL, q->body);
    } else if (tk_str_is(q->target, "/stream")) {
        (void)tk_http_reply_begin(p, 200, "text/event-stream", NULL);
        r->streaming = p;
        r->piece = 0;
        (void)tk_timer_set(r->loop, &r->piece_timer, tk_clock_now());
    } else {
        tk_http_peer_close(p, false);
    }
}

static void on_closed(void *owner, struct tk_http_peer *p, bool is_mid_reply)
{
    struct rig *r = owner;

    if (p == r->streaming)
        r->streaming = NULL;
    r->n_closed++;
    r->n_mid_reply += is_mid_reply;
}

/* --- the client's side --- */

static void send_request(struct rig *r, const char *method, const char *target, struct tk_str body)
{
    int n = snprintf(r->head, sizeof(r->head),
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", method,
                     target, body.n);
    const struct iovec pieces[] = { { r->head, (size_t)n }, { (void *)(uintptr_t)body.p, body.n } };
    int rc = tk_http_send(r->c, pieces, 2);

    if (rc)
        T_EQ_I(rc, 0, "%s: send", kind_names[r->kind]);
}

static int on_sse(void *owner, const struct tk_sse_event *ev)
{
    struct rig *r = owner;
    char text[64];

    snprintf(text, sizeof(text), "{\"n\":%u}", (unsigned)r->sse.n_events - 1);
    if (!tk_str_is(ev->data, r->sse.n_events > N_EVENTS ? "[DONE]" : text))
        r->is_body_wrong = true;
    return 0;
}

static void on_data(struct rig *r, struct tk_str data)
{
    if (r->round % 2 == 1) {
        r->is_body_wrong |= tk_sse_feed(&r->sse, data.p, data.n, on_sse, r) != 0;
    } else if (r->n_body + data.n > BIG_BYTES || memcmp(big + r->n_body, data.p, data.n) != 0) {
        r->is_body_wrong = true;
    }
    r->n_body += data.n;
}

/* The next request: echoes and streams in turn. */
static void go_on(struct rig *r)
{
    r->n_body = 0;
    tk_sse_reset(&r->sse);
    if (r->round == 2 * N_ROUNDS)
        tk_loop_stop(r->loop);
    else if (r->round % 2 == 0)
        send_request(r, "POST", "/echo", (struct tk_str){ big, BIG_BYTES });
    else
        send_request(r, "GET", "/stream", TK_STR(""));
}

static void on_end(struct rig *r)
{
    if (r->stops_at_end) {
        tk_loop_stop(r->loop);
        return;
    }
    r->n_echoes += r->round % 2 == 0 && r->n_body == BIG_BYTES;
    r->n_streams += r->round % 2 == 1 && r->sse.n_events == N_EVENTS + 1;
    r->round++;
    go_on(r);
}

static void on_event(struct tk_http_conn *c, const struct tk_http_event *ev)
{
    struct rig *r = tk_http_conn_owner(c);

    switch (ev->kind) {
    case TK_HTTP_OPENED:
        r->n_opened++;
        if (!r->stops_at_end)
            go_on(r);
        else
            tk_loop_stop(r->loop);
        break;
    case TK_HTTP_SENT:
        r->n_sent++;
        break;
    case TK_HTTP_READ:
        break;
    case TK_HTTP_HEAD:
        r->status = ev->status;
        break;
    case TK_HTTP_DATA:
        on_data(r, ev->data);
        break;
    case TK_HTTP_END:
        on_end(r);
        break;
    case TK_HTTP_ERROR:
        r->code = ev->code;
        r->is_unanswered = ev->is_unanswered;
        r->is_idle = ev->is_idle;
        snprintf(r->detail, sizeof(r->detail), "%s", ev->detail ? ev->detail : "");
        tk_loop_stop(r->loop);
        break;
    }
}

/* --- the rig --- */

static void on_deadline(struct tk_timer *t)
{
    struct rig *r = t->owner;

    T_OK(false, "%s: done in time", kind_names[r->kind]);
    tk_loop_stop(r->loop);
}

static void start_server(struct rig *r)
{
    struct tk_http_server_conf conf = {
        .loop = r->loop,
        .listener = -1,
        .tls = r->server_tls,
        .owner = r,
        .on_request = on_request,
        .on_closed = on_closed,
    };

    if (r->kind != MEM) {
        conf.listener = tk_listen("127.0.0.1", 0, &r->addr, NULL);
        T_OK(conf.listener >= 0, "%s: listens", kind_names[r->kind]);
    }
    T_EQ_I(tk_http_server_new(&conf, &r->server), 0, "%s: a server", kind_names[r->kind]);
}

static void rig_init(struct rig *r, enum kind kind, const struct tk_tls_conf *trust)
{
    const struct tk_tls_conf own = { 0 };
    struct tk_err err = { .msg = "" };

    *r = (struct rig){ .kind = kind };
    if (tk_loop_new(TK_LOOP_REAL, &r->loop))
        abort();
    tk_timer_init(&r->deadline, on_deadline, r);
    tk_timer_init(&r->piece_timer, on_piece, r);
    (void)tk_timer_set(r->loop, &r->deadline, tk_clock_now() + DEADLINE_DUR);
    if (kind == TLS) {
        T_EQ_I(tk_tls_new_server(&own, &r->server_tls, &err), 0, "a server's context %s", err.msg);
        T_EQ_I(tk_tls_new_client(trust, &r->client_tls, &err), 0, "a client's context %s", err.msg);
    }
    start_server(r);
    const struct tk_http_env_conf env = {
        .loop = r->loop,
        .xport = &tk_xport_tcp,
        .tls = r->client_tls,
        .host = "localhost",
        .limits = TK_HTTP_LIMITS_DEFAULT,
    };
    T_EQ_I(tk_http_env_new(&env, &r->env), 0, "%s: an environment", kind_names[kind]);
    tk_sse_init(&r->sse, TK_SSE_LIMITS_DEFAULT);
}

static void connect_client(struct rig *r)
{
    struct tk_http_conn_conf conf = { .peer = &r->addr, .cb = on_event, .owner = r };
    struct tk_xport *end = NULL;
    struct tk_err err = { .msg = "" };

    r->c = tk_http_conn_free(r->c);
    if (r->kind == MEM &&
        (tk_mem_pair(r->loop, 10000, &conf.xport, &end) || tk_http_server_adopt(r->server, end)))
        abort();
    unsigned before = r->n_opened;
    T_EQ_I(tk_http_conn_new(r->env, &conf, &r->c, &err), 0, "%s: connects %s", kind_names[r->kind],
           err.msg);
    T_EQ_I(r->n_opened, before, "%s: not opened during the call", kind_names[r->kind]);
    r->n_conns++;
}

static void rig_release(struct rig *r)
{
    tk_http_conn_free(r->c);
    tk_http_env_free(r->env);
    tk_http_server_free(r->server);
    tk_sse_release(&r->sse);
    tk_timer_stop(&r->deadline);
    tk_timer_stop(&r->piece_timer);
    tk_loop_free(r->loop);
    tk_tls_free(r->client_tls);
    tk_tls_free(r->server_tls);
}

static const struct tk_tls_conf insecure = { .is_insecure = true };

static void test_rounds(enum kind kind)
{
    static struct rig r;
    const char *name = kind_names[kind];

    rig_init(&r, kind, &insecure);
    connect_client(&r);
    T_EQ_I(tk_loop_run(r.loop), 0, "%s: runs", name);
    T_EQ_I(r.n_echoes, N_ROUNDS, "%s: all echoes", name);
    T_EQ_I(r.n_streams, N_ROUNDS, "%s: all streams", name);
    T_OK(!r.is_body_wrong, "%s: every byte is right", name);
    T_EQ_I(r.code, 0, "%s: no error", name);
    T_EQ_I(r.n_requests, 2 * N_ROUNDS, "%s: the server counts the same", name);
    T_EQ_I(tk_http_conn_n_requests(r.c), 2 * N_ROUNDS, "%s: all on one connection", name);
    const struct tk_http_times *t = tk_http_conn_times(r.c);
    T_OK(t->connect_begin_at <= t->connected_at && t->connected_at > 0, "%s: connected", name);
    T_OK(kind == TLS ? t->tls_done_at >= t->connected_at : t->tls_done_at == 0, "%s: TLS", name);
    T_OK(t->sent_first_at >= t->connected_at && t->sent_last_at >= t->sent_first_at, "%s: sent",
         name);
    r.c = tk_http_conn_free(r.c);
    rig_release(&r);
    T_EQ_I(r.n_closed, 1, "%s: the server was told of the close", name);
    T_EQ_I(r.n_mid_reply, 0, "%s: not in a reply", name);
}

/* The server resets in the middle of a stream; the client closes in the middle of another. */
static void test_breaks(enum kind kind)
{
    static struct rig r;
    const char *name = kind_names[kind];

    rig_init(&r, kind, &insecure);
    r.abort_at = 5;
    r.round = 1;
    connect_client(&r);
    T_EQ_I(tk_loop_run(r.loop), 0, "%s: runs", name);
    T_OK(r.code == -ECONNRESET || r.code == TK_E_EOF_EARLY, "%s: a reset in mid-reply: %s", name,
         tk_err_name(r.code));
    T_OK(!r.is_idle && !r.is_unanswered, "%s: with a request under way, answered in part", name);

    r.code = 0;
    r.stops_at_end = true;
    connect_client(&r);
    (void)tk_loop_run(r.loop);
    send_request(&r, "GET", "/close", TK_STR(""));
    (void)tk_loop_run(r.loop);
    T_EQ_I(r.code, TK_E_EOF_EARLY, "%s: closed instead of a reply", name);
    T_OK(!r.is_unanswered, "%s: on a fresh connection", name);

    r.code = 0;
    connect_client(&r);
    (void)tk_loop_run(r.loop);
    send_request(&r, "POST", "/echo", TK_STR("x"));
    (void)tk_loop_run(r.loop);
    T_EQ_I(r.status, 200, "%s: a reply", name);
    send_request(&r, "GET", "/close", TK_STR(""));
    (void)tk_loop_run(r.loop);
    T_EQ_I(r.code, TK_E_EOF_EARLY, "%s: closed instead of the next one", name);
    T_OK(r.is_unanswered, "%s: to be sent again", name);

    r.code = 0;
    connect_client(&r);
    (void)tk_loop_run(r.loop);
    send_request(&r, "POST", "/echo",
                 TK_STR("x")); /* so that the server has read all of a handshake */
    (void)tk_loop_run(r.loop);
    r.server = tk_http_server_free(r.server);
    (void)tk_loop_run(r.loop);
    T_EQ_I(r.code, TK_E_EOF_EARLY, "%s: an idle connection is closed", name);
    T_OK(r.is_idle, "%s: and seen at once", name);
    rig_release(&r);
}

/* Nobody listens; plain against TLS; a certificate that nobody vouches for. */
static void test_not_opened(void)
{
    static struct rig r;

    rig_init(&r, TCP, NULL);
    r.server = tk_http_server_free(r.server);
    connect_client(&r);
    (void)tk_loop_run(r.loop);
    T_EQ_I(r.code, -ECONNREFUSED, "nobody listens");
    T_OK(!r.is_idle, "not an idle connection");
    T_EQ_I(tk_http_conn_times(r.c)->connected_at, 0, "never connected");
    rig_release(&r);

    rig_init(&r, TLS, &insecure);
    struct tk_http_server *tls_server = r.server;
    r.server_tls = (r.kind = TCP, tk_tls_free(r.server_tls));
    start_server(&r);
    connect_client(&r);
    (void)tk_loop_run(r.loop);
    T_OK(r.code == TK_E_TLS || r.code == TK_E_EOF_EARLY, "TLS to a plain server: %s", r.detail);
    tk_http_server_free(tls_server);
    rig_release(&r);

    const struct tk_tls_conf system = { 0 };
    rig_init(&r, TLS, &system);
    connect_client(&r);
    (void)tk_loop_run(r.loop);
    T_EQ_I(r.code, TK_E_CERT, "a certificate that nobody vouches for: %s", r.detail);
    T_OK(r.detail[0], "with words");
    T_OK(tk_http_conn_times(r.c)->connected_at > 0, "TCP was connected");
    T_EQ_I(tk_http_conn_times(r.c)->tls_done_at, 0, "TLS was not");
    rig_release(&r);
}

static void on_stop(struct tk_timer *t)
{
    struct rig *r = t->owner;

    tk_loop_stop(r->loop);
}

/* No descriptor is left for accept(): the loop must not spin, and it goes on when there is one. */
static void test_no_descriptors(void)
{
    static struct rig r;
    struct rlimit limit, tight;
    struct tk_loop_stats stats;
    struct tk_timer stop;

    rig_init(&r, TCP, NULL);
    r.stops_at_end = true;
    connect_client(&r);
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    tight = limit;
    tight.rlim_cur = (rlim_t)next;
    T_EQ_I(setrlimit(RLIMIT_NOFILE, &tight), 0, "a limit");
    tk_timer_init(&stop, on_stop, &r);
    (void)tk_loop_run(r.loop); /* until the client is open: the kernel has done the handshake */
    (void)tk_timer_set(r.loop, &stop, tk_clock_now() + 120 * TK_NS_PER_MS);
    (void)tk_loop_run(r.loop);
    tk_loop_stats(r.loop, &stats);
    T_OK(stats.rounds < 30, "%u rounds in 120 ms", (unsigned)stats.rounds);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (r.code) {
        T_SKIP("accept() took the connection and closed it: valgrind keeps the limit that way");
    } else {
        send_request(&r, "POST", "/echo", TK_STR("x"));
        (void)tk_loop_run(r.loop);
        T_EQ_I(r.status, 200, "served when there is one");
    }
    tk_timer_stop(&stop);
    rig_release(&r);
}

int main(void)
{
    for (size_t i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 7 + i / 251);
    for (enum kind kind = MEM; kind <= TLS; kind++) {
        test_rounds(kind);
        test_breaks(kind);
    }
    test_not_opened();
    test_no_descriptors();
    return T_DONE();
}
