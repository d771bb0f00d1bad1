/* server.c - the server's half of HTTP/1.1
 *
 *   accept --> OPENING --handshake--> OPEN --tk_http_peer_close(), end of a last reply--> DRAIN --+
 *                 |                    | \--bad request: answered, then--> LINGER ---------------+-> GONE
 *                 +--------------------+------- closed by the peer, failed ----------------------+
 *
 *   read --> [ahead, while a reply is open] --> h1_request.c --> on_request --> reply --> write
 *                                                                                          |
 *                                                        what the socket does not take: [out]
 *
 * Invariants
 *   - A peer has one request open at a time. What it sends meanwhile (pipelining) is kept in `ahead`
 *     and handled when the reply is finished: at once when that happens in on_request, otherwise from
 *     a deferred call, so that no reply function calls on_request.
 *   - Interest IN while less than AHEAD_MAX is kept, so that a peer that goes away in the middle of a
 *     reply is noticed; OUT only with bytes in `out`.
 *   - All reads go into one buffer of the server; a peer has one of its own only while a request
 *     spans reads. An open stream costs its struct (see test_server) and its transport.
 *   - GONE: the transport is freed at once, on_closed and free() come from a deferred call. So the
 *     structure outlives every frame that may use it, and calls on a peer that is gone fail with -EPIPE.
 *
 * A peer that closes its half is taken for gone: no client that streams does so.
 *
 * LINGER. After 400, 413 and 431 there may be bytes on their way to us. Closing then would make the
 * kernel reset the connection, and the peer might lose the reply. So it is read on, up to
 * LINGER_BYTES and LINGER_DUR, for the peer to close first.
 *
 * When accept() finds no descriptor free the listener stays readable, and a loop would spin on it: it
 * pauses for ACCEPT_PAUSE_DUR.
 */
#include "http/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/list.h"
#include "base/str.h"
#include "http/h1_request.h"

#define IN_BYTES ((size_t)64 << 10)  /* of one read */
#define READS_MAX 16                 /* reads before others get their turn */
#define ACCEPTS_MAX 256              /* connections taken before others get their turn */
#define AHEAD_MAX ((size_t)64 << 10) /* kept of what a peer sends before its turn */
#define HEAD_BYTES_DEFAULT ((size_t)64 << 10)
#define BODY_BYTES_DEFAULT ((size_t)64 << 20)
#define UNSENT_BYTES_DEFAULT ((size_t)64 << 20)
#define OUT_KEEP_BYTES ((size_t)64 << 10) /* a larger buffer is given back once it is empty */
#define LINGER_BYTES ((size_t)1 << 20)
#define LINGER_DUR TK_NS_PER_S
#define ACCEPT_PAUSE_DUR (50 * TK_NS_PER_MS)
#define IOV_MOST 4

enum state {
    OPENING, /* the handshake of TLS */
    OPEN,
    DRAIN,  /* to be closed when `out` is empty */
    LINGER, /* answered with an error, waits for the peer to close */
    GONE,
};

enum reply {
    NONE,   /* no request is open */
    ASKED,  /* a request was handed on */
    PIECES, /* its reply has begun */
};

struct tk_http_peer {
    struct tk_http_server *server;
    struct tk_link link;   /* in server->peers */
    struct tk_xport *x;    /* NULL once it is gone */
    void *data;            /* the owner's */
    uint8_t state;         /* enum state */
    uint8_t reply;         /* enum reply */
    bool is_feeding;       /* in feed(): it goes on by itself after a reply */
    bool is_close_after;   /* the reply is the connection's last */
    bool is_chunked;       /* PIECES: framed as chunks */
    bool is_bodiless;      /* the reply has no body, whatever is given */
    bool is_head;          /* the request is a HEAD */
    bool is_http10;        /* the request is of HTTP/1.0 */
    struct tk_stamp stamp; /* of the last read */
    tk_ns accepted_at;
    uint64_t id, n_requests;
    size_t out_at;         /* bytes of `out` that were written */
    struct tk_buf out;     /* what the transport did not take */
    struct tk_buf ahead;   /* what came before its turn */
    size_t n_lingered;     /* bytes thrown away in LINGER */
    struct tk_timer timer; /* LINGER's end */
    struct tk_defer later; /* GONE: on_closed; otherwise: go on with `ahead` */
    struct tk__h1req request;
};

struct tk_http_server {
    struct tk_http_server_conf conf;
    struct tk__h1req_env env;
    struct tk_link peers;
    struct tk_io listener;            /* fd -1: there is none; owned */
    const struct tk_xport_ops *xport; /* of what it accepts */
    struct tk_timer accept_pause;
    uint64_t n_accepted;
    char *in;                       /* IN_BYTES and TK_JSON_PADDING zeros */
    struct tk_http_request request; /* the view that is being handed on */
};

static void on_later(struct tk_defer *d);
static void on_linger_end(struct tk_timer *t);

/* --- the end of a peer --- */

static void gone(struct tk_http_peer *p)
{
    if (p->state == GONE)
        return;
    p->state = GONE;
    p->x = tk_xport_free(p->x);
    tk_timer_stop(&p->timer);
    tk_loop_defer(p->server->conf.loop, &p->later);
}

/* Tell, and free; the transport is gone already or goes now. */
static void finish(struct tk_http_peer *p)
{
    struct tk_http_server *s = p->server;

    tk_list_remove(&p->link);
    tk_defer_stop(&p->later);
    tk_timer_stop(&p->timer);
    p->state = GONE;
    p->x = tk_xport_free(p->x);
    if (s->conf.on_closed)
        s->conf.on_closed(s->conf.owner, p, p->reply != NONE);
    tk__h1req_release(&p->request);
    tk_buf_release(&p->out);
    tk_buf_release(&p->ahead);
    free(p);
}

static void want(struct tk_http_peer *p)
{
    unsigned flags = p->out.n > p->out_at ? TK_IO_OUT : 0U;

    if (p->ahead.n < AHEAD_MAX)
        flags |= TK_IO_IN;
    tk_io_want(tk_xport_io(p->x), flags);
}

/* --- writing --- */

size_t tk_http_peer_unsent(const struct tk_http_peer *p)
{
    return p->out.n - p->out_at;
}

/* Everything was written: what waited for that? */
static void drained(struct tk_http_peer *p)
{
    p->out_at = 0;
    if (p->out.cap > OUT_KEEP_BYTES)
        tk_buf_release(&p->out);
    tk_buf_reset(&p->out);
    if (p->state == DRAIN)
        gone(p);
}

static void write_out(struct tk_http_peer *p)
{
    while (p->out.n > p->out_at) {
        struct iovec iov = { p->out.p + p->out_at, p->out.n - p->out_at };
        int64_t n = tk_xport_write(p->x, &iov, 1);
        if (n == TK_E_AGAIN_WRITE) {
            want(p);
            return;
        }
        if (n < 0) {
            gone(p);
            return;
        }
        p->out_at += (size_t)n;
    }
    drained(p);
    if (p->state != GONE)
        want(p);
}

/* Keep [iov] less its first `skip` bytes. */
static int keep_out(struct tk_http_peer *p, const struct iovec *iov, int n_iov, size_t skip)
{
    int rc = 0;

    if (p->out_at > p->out.n / 2) { /* each byte is moved once at most for each byte written */
        tk_buf_consume(&p->out, p->out_at);
        p->out_at = 0;
    }
    for (int i = 0; i < n_iov && rc == 0; i++) {
        size_t n = TK_MIN(skip, iov[i].iov_len);
        skip -= n;
        rc = tk_buf_add(&p->out, (const char *)iov[i].iov_base + n, iov[i].iov_len - n);
    }
    if (rc)
        gone(p);
    else
        want(p);
    return rc;
}

/* Write, or keep what cannot be written now. */
static int put(struct tk_http_peer *p, const struct iovec *pieces, int n_pieces)
{
    struct iovec iov[IOV_MOST];
    size_t total = 0;
    int n_iov = 0;

    if (p->state == GONE)
        return -EPIPE;
    for (int i = 0; i < n_pieces; i++) {
        if (pieces[i].iov_len > 0)
            iov[n_iov++] = pieces[i];
        total += pieces[i].iov_len;
    }
    if (total == 0)
        return 0;
    if (p->out.n > p->out_at)
        return keep_out(p, iov, n_iov, 0);
    int64_t n = tk_xport_write(p->x, iov, n_iov);
    if (n < 0 && n != TK_E_AGAIN_WRITE) {
        gone(p);
        return (int)n;
    }
    n = TK_MAX(n, 0);
    return (size_t)n == total ? 0 : keep_out(p, iov, n_iov, (size_t)n);
}

static struct iovec iov_of(const char *p, size_t n)
{
    return (struct iovec){ (void *)(uintptr_t)p, n };
}

/* --- replies --- */

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {
        { 200, "OK" },
        { 204, "No Content" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 413, "Content Too Large" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(known); i++) {
        if (known[i].status == status)
            return known[i].text;
    }
    return "Status";
}

/* What the head of a reply says of the connection. */
static const char *connection_line(const struct tk_http_peer *p)
{
    if (p->is_close_after)
        return "Connection: close\r\n";
    return p->is_http10 ? "Connection: keep-alive\r\n" : "";
}

/* The head but for the owner's lines and the empty one, into `out`; its length, or -EINVAL. */
static int64_t make_head(const struct tk_http_peer *p, int status, const char *content_type,
                         const char *framing, struct iovec out)
{
    int n = snprintf(out.iov_base, out.iov_len, "HTTP/1.1 %d %s\r\n%s%s%s%s%s", status,
                     reason(status), content_type ? "Content-Type: " : "",
                     content_type ? content_type : "", content_type ? "\r\n" : "", framing,
                     connection_line(p));

    return n < 0 || (size_t)n >= out.iov_len ? -EINVAL : n;
}

static bool has_no_body(const struct tk_http_peer *p, int status)
{
    return p->is_head || status == 204 || status == 304;
}

/* The reply is finished: the connection's end, or the next request's turn. */
static void reply_done(struct tk_http_peer *p)
{
    if (p->state == GONE)
        return;
    p->reply = NONE;
    if (p->is_close_after)
        tk_http_peer_close(p, false);
    else if (!p->is_feeding && p->state == OPEN && (p->ahead.n > 0 || tk_xport_pending(p->x)))
        tk_loop_defer(p->server->conf.loop, &p->later);
}

int tk_http_reply(struct tk_http_peer *p, int status, const char *content_type, const char *headers,
                  struct tk_str body)
{
    char head[512];
    char framing[48] = "";

    if (p->state == GONE)
        return -EPIPE;
    if (p->reply != ASKED)
        return -EINVAL;
    if (status != 204)
        (void)snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", body.n);
    int64_t n = make_head(p, status, content_type, framing, (struct iovec){ head, sizeof(head) });
    if (n < 0)
        return (int)n;
    const struct iovec iov[IOV_MOST] = {
        iov_of(head, (size_t)n),
        iov_of(headers, headers ? strlen(headers) : 0),
        iov_of("\r\n", 2),
        iov_of(body.p, has_no_body(p, status) ? 0 : body.n),
    };
    int rc = put(p, iov, IOV_MOST);
    if (rc == 0)
        reply_done(p);
    return rc;
}

int tk_http_reply_begin(struct tk_http_peer *p, int status, const char *content_type,
                        const char *headers)
{
    char head[512];

    if (p->state == GONE)
        return -EPIPE;
    if (p->reply != ASKED)
        return -EINVAL;
    p->is_bodiless = has_no_body(p, status);
    p->is_chunked = !p->is_http10;
    p->is_close_after |= !p->is_chunked && !p->is_bodiless;
    bool says_chunked = p->is_chunked && status != 204 && status != 304;
    int64_t n = make_head(p, status, content_type,
                          says_chunked ? "Transfer-Encoding: chunked\r\n" : "",
                          (struct iovec){ head, sizeof(head) });
    if (n < 0)
        return (int)n;
    const struct iovec iov[] = {
        iov_of(head, (size_t)n),
        iov_of(headers, headers ? strlen(headers) : 0),
        iov_of("\r\n", 2),
    };
    p->reply = PIECES;
    return put(p, iov, TK_ARRAY_LEN(iov));
}

/* "1a2b\r\n" at the end of `out`; where it begins. For each event, so no snprintf(). */
static char *chunk_head(size_t n, char out[static 18])
{
    char *at = out + 16;

    at[0] = '\r';
    at[1] = '\n';
    do {
        *--at = "0123456789abcdef"[n % 16];
        n /= 16;
    } while (n > 0);
    return at;
}

int tk_http_reply_piece(struct tk_http_peer *p, struct tk_str piece, tk_ns *ret_at)
{
    char text[18];

    if (p->state == GONE)
        return -EPIPE;
    if (p->reply != PIECES)
        return -EINVAL;
    tk_ns at = tk_clock_now();
    int rc = 0;
    if (p->is_chunked && !p->is_bodiless && piece.n > 0) {
        const char *head = chunk_head(piece.n, text);
        const struct iovec iov[] = {
            iov_of(head, (size_t)(text + sizeof(text) - head)),
            iov_of(piece.p, piece.n),
            iov_of("\r\n", 2),
        };
        rc = put(p, iov, TK_ARRAY_LEN(iov));
    } else if (!p->is_bodiless) {
        const struct iovec iov = iov_of(piece.p, piece.n);
        rc = put(p, &iov, 1);
    }
    if (rc == 0 && ret_at)
        *ret_at = at;
    return rc;
}

int tk_http_reply_end(struct tk_http_peer *p)
{
    const struct iovec iov = iov_of("0\r\n\r\n", 5);

    if (p->state == GONE)
        return -EPIPE;
    if (p->reply != PIECES)
        return -EINVAL;
    int rc = p->is_chunked && !p->is_bodiless ? put(p, &iov, 1) : 0;
    if (rc == 0)
        reply_done(p);
    return rc;
}

int tk_http_peer_raw(struct tk_http_peer *p, struct tk_str bytes)
{
    const struct iovec iov = iov_of(bytes.p, bytes.n);

    return put(p, &iov, 1);
}

void tk_http_peer_close(struct tk_http_peer *p, bool is_reset)
{
    if (p->state == GONE)
        return;
    if (!is_reset && p->out.n > p->out_at) {
        p->state = DRAIN;
        return;
    }
    if (is_reset)
        tk_xport_reset(p->x);
    gone(p);
}

/* Answer what was no request, or one too many bytes long. */
static void refuse(struct tk_http_peer *p, int status)
{
    p->is_close_after = true;
    p->is_head = false;
    char head[256];
    int64_t n = make_head(p, status, NULL, "Content-Length: 0\r\n",
                          (struct iovec){ head, sizeof(head) });
    const struct iovec iov[] = { iov_of(head, (size_t)n), iov_of("\r\n", 2) };
    p->state = LINGER;
    tk_buf_release(&p->ahead);
    if (put(p, iov, TK_ARRAY_LEN(iov)) == 0 &&
        tk_timer_set(p->server->conf.loop, &p->timer, tk_clock_now() + LINGER_DUR))
        gone(p);
}

static void on_linger_end(struct tk_timer *t)
{
    gone(t->owner);
}

/* --- reading --- */

static void hand_on_request(struct tk_http_peer *p)
{
    struct tk_http_server *s = p->server;
    struct tk_http_request *r = &s->request;

    tk__h1req_view(&p->request, r);
    r->stamp = p->stamp;
    r->accepted_at = p->accepted_at;
    r->conn_id = p->id;
    r->n_on_conn = ++p->n_requests;
    p->reply = ASKED;
    p->is_head = tk_str_is(r->method, "HEAD");
    p->is_http10 = p->request.is_http10;
    p->is_close_after = !p->request.is_keep_alive;
    s->conf.on_request(s->conf.owner, p, r);
    tk__h1req_begin(&p->request);
}

/* Keep what came before its turn. */
static void keep_ahead(struct tk_http_peer *p, const char *bytes, size_t n)
{
    int rc = tk_buf_reserve(&p->ahead, n + TK_JSON_PADDING);

    if (rc) {
        gone(p);
        return;
    }
    (void)tk_buf_add(&p->ahead, bytes, n); /* cannot fail: reserved */
    memset(p->ahead.p + p->ahead.n, 0, TK_JSON_PADDING);
    want(p);
}

static void feed(struct tk_http_peer *p, const char *bytes, size_t n)
{
    while (n > 0 && p->state == OPEN) {
        if (p->reply != NONE) {
            keep_ahead(p, bytes, n);
            return;
        }
        int64_t used = tk__h1req_feed(&p->request, bytes, n);
        if (used < 0) {
            refuse(p, p->request.status);
            return;
        }
        bytes += used;
        n -= (size_t)used;
        if (p->request.wants_continue) {
            (void)tk_http_peer_raw(p, TK_STR("HTTP/1.1 100 Continue\r\n\r\n"));
        } else if (p->request.is_whole) {
            p->is_feeding = true;
            hand_on_request(p);
            p->is_feeding = false;
        }
    }
}

/* Bytes of a peer that is not listened to any more. */
static void throw_away(struct tk_http_peer *p, size_t n)
{
    p->n_lingered += n;
    if (p->n_lingered > LINGER_BYTES)
        gone(p);
}

static void read_on(struct tk_http_peer *p)
{
    struct tk_http_server *s = p->server;

    for (int i = 0; i < READS_MAX; i++) {
        int64_t n = tk_xport_read(p->x, s->in, IN_BYTES, &p->stamp);
        if (n == TK_E_AGAIN_READ || n == TK_E_AGAIN_WRITE)
            return;
        if (n <= 0) {
            gone(p);
            return;
        }
        if (p->state == OPEN)
            feed(p, s->in, (size_t)n);
        else
            throw_away(p, (size_t)n);
        if (p->state == GONE || p->ahead.n >= AHEAD_MAX)
            return;
        if ((size_t)n < IN_BYTES && !tk_xport_pending(p->x))
            return;
    }
    tk_loop_defer(s->conf.loop, &p->later); /* what TLS holds makes no descriptor ready */
}

/* The end of a peer that is gone; otherwise what waited for a reply to be finished. */
static void on_later(struct tk_defer *d)
{
    struct tk_http_peer *p = d->owner;

    if (p->state == GONE) {
        finish(p);
        return;
    }
    if (p->ahead.n > 0 && p->reply == NONE) {
        struct tk_buf ahead = p->ahead;
        tk_buf_init(&p->ahead, ahead.max);
        feed(p, ahead.p, ahead.n);
        tk_buf_release(&ahead);
    }
    if (p->state == GONE)
        return;
    want(p);
    if (tk_xport_pending(p->x) && p->ahead.n < AHEAD_MAX)
        read_on(p);
}

/* --- peers --- */

static void open_on(struct tk_http_peer *p)
{
    int rc = tk_xport_handshake(p->x);

    if (rc == TK_E_AGAIN_READ || rc == TK_E_AGAIN_WRITE) {
        tk_io_want(tk_xport_io(p->x), rc == TK_E_AGAIN_READ ? TK_IO_IN : TK_IO_OUT);
        return;
    }
    if (rc) {
        gone(p);
        return;
    }
    p->state = OPEN;
    want(p);
    if (tk_xport_pending(p->x))
        read_on(p);
}

static void on_io(struct tk_io *io, unsigned ready)
{
    struct tk_http_peer *p = io->owner;

    if (p->state == OPENING) {
        open_on(p);
        return;
    }
    if (p->out.n > p->out_at)
        write_out(p);
    if (p->state != GONE && (ready & TK_IO_IN))
        read_on(p);
}

/* TLS on top when the server has it. 0 or an error; `x` is owned. */
static int wrap(struct tk_http_server *s, struct tk_xport *x, struct tk_xport **ret)
{
    const struct tk_xport_conf conf = { .fd = -1, .tls = s->conf.tls, .below = x };

    if (s->conf.tls)
        return tk_xport_new(&tk_xport_tls, s->conf.loop, &conf, ret, NULL);
    *ret = x;
    return 0;
}

int tk_http_server_adopt(struct tk_http_server *s, struct tk_xport *x)
{
    struct tk_http_peer *p = calloc(1, sizeof(*p));

    if (!p) {
        (void)tk_xport_free(x);
        return -ENOMEM;
    }
    p->server = s;
    p->accepted_at = tk_clock_now();
    p->later = (struct tk_defer){ .cb = on_later, .owner = p };
    tk_timer_init(&p->timer, on_linger_end, p);
    tk_buf_init(&p->out, s->conf.max_unsent_bytes);
    tk_buf_init(&p->ahead, AHEAD_MAX + IN_BYTES + TK_JSON_PADDING);
    int rc = wrap(s, x, &p->x);
    if (rc == 0)
        rc = tk_xport_watch(p->x, TK_IO_IN, on_io, p);
    if (rc) {
        (void)tk_xport_free(p->x);
        free(p);
        return rc;
    }
    p->id = ++s->n_accepted;
    tk__h1req_init(&p->request, &s->env);
    tk_list_push(&s->peers, &p->link);
    if (!s->conf.tls)
        open_on(p); /* accepted, so it is done at once */
    return 0;
}

static void on_accept_again(struct tk_timer *t)
{
    struct tk_http_server *s = t->owner;

    tk_io_want(&s->listener, TK_IO_IN);
}

static void on_listener(struct tk_io *io, unsigned ready)
{
    struct tk_http_server *s = io->owner;

    (void)ready;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct tk_xport_conf conf = { .fd = tk_accept(io->fd) };
        struct tk_xport *x;
        if (conf.fd == TK_E_AGAIN_READ)
            return;
        if (conf.fd < 0) { /* -EMFILE above all */
            tk_io_want(io, 0);
            if (tk_timer_set(s->conf.loop, &s->accept_pause, tk_clock_now() + ACCEPT_PAUSE_DUR))
                tk_io_want(io, TK_IO_IN);
            return;
        }
        if (tk_xport_new(s->xport, s->conf.loop, &conf, &x, NULL) == 0)
            (void)tk_http_server_adopt(s, x); /* when memory is out the client sees a close */
    }
}

/* --- the server --- */

static void set_defaults(struct tk_http_server_conf *conf)
{
    if (conf->max_head_bytes == 0)
        conf->max_head_bytes = HEAD_BYTES_DEFAULT;
    if (conf->max_body_bytes == 0)
        conf->max_body_bytes = BODY_BYTES_DEFAULT;
    if (conf->max_unsent_bytes == 0)
        conf->max_unsent_bytes = UNSENT_BYTES_DEFAULT;
}

int tk_http_server_new(const struct tk_http_server_conf *conf, struct tk_http_server **ret)
{
    struct tk_http_server *s = calloc(1, sizeof(*s));
    int rc = -ENOMEM;

    if (!s) {
        if (conf->listener >= 0)
            close(conf->listener);
        return -ENOMEM;
    }
    s->conf = *conf;
    set_defaults(&s->conf);
    s->env = (struct tk__h1req_env){
        .max_head_bytes = s->conf.max_head_bytes,
        .max_body_bytes = s->conf.max_body_bytes,
        .heads = { .max_bytes = s->conf.max_head_bytes },
    };
    tk_list_init(&s->peers);
    tk_io_init(&s->listener, conf->listener, on_listener, s);
    s->xport = tk_xport_of_socket(conf->listener);
    tk_timer_init(&s->accept_pause, on_accept_again, s);
    s->in = calloc(1, IN_BYTES + TK_JSON_PADDING);
    if (s->in)
        rc = conf->listener < 0 ? 0 : tk_io_start(conf->loop, &s->listener, TK_IO_IN);
    if (rc) {
        (void)tk_http_server_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

struct tk_http_server *tk_http_server_free(struct tk_http_server *s)
{
    if (!s)
        return NULL;
    for (struct tk_link *l = s->peers.next, *next; l != &s->peers; l = next) {
        next = l->next; /* outlives on_closed: other peers are freed here and from the loop only */
        finish(TK_CONTAINER_OF(l, struct tk_http_peer, link));
    }
    tk_timer_stop(&s->accept_pause);
    tk_io_stop(&s->listener);
    if (s->listener.fd >= 0)
        close(s->listener.fd);
    tk__heads_release(&s->env.heads);
    free(s->in);
    free(s);
    return NULL;
}

void tk_http_peer_set_data(struct tk_http_peer *p, void *data)
{
    p->data = data;
}

void *tk_http_peer_data(const struct tk_http_peer *p)
{
    return p->data;
}
