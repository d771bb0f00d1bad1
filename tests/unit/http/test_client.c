/* test_client.c - the client against a scripted peer, in memory, in virtual time
 *
 * What a connection told is kept as text: "O" opened, "S" sent, "H200" head, "D…" body (joined), "E+"
 * or "E-" the end (reusable or not), "XPROTO" an error, with "i" when idle and "u" when unanswered.
 */
#include "http/client.h"

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
    struct tk_http_env *env;
    struct tk_http_conn *c;
    struct tk_xport *peer; /* the script's end */
    char log[4096];
    size_t n_log;
    bool is_data;       /* the last event was DATA */
    int free_at;        /* free the connection in the callback of this kind; -1: never */
    const char *resend; /* a request to send at END, once */
    unsigned n_reads, n_ends;
    size_t n_read_bytes;
    char probe[256]; /* value of X-Probe in the last head */
    struct tk_stamp stamp;
    char detail[256];
};

static const struct tk_http_limits small = {
    .max_head_bytes = 200,
    .max_body_bytes = 40,
    .max_decoded_bytes = 60,
};

static void note(struct rig *r, const char *p, size_t n)
{
    if (n > sizeof(r->log) - 1 - r->n_log)
        n = sizeof(r->log) - 1 - r->n_log;
    memcpy(r->log + r->n_log, p, n);
    r->n_log += n;
    r->log[r->n_log] = '\0';
}

static void note_kind(struct rig *r, const struct tk_http_event *ev)
{
    char text[64] = "";

    switch (ev->kind) {
    case TK_HTTP_OPENED:
        snprintf(text, sizeof(text), "O ");
        break;
    case TK_HTTP_SENT:
        snprintf(text, sizeof(text), "S ");
        break;
    case TK_HTTP_READ:
        r->n_reads++;
        r->n_read_bytes += ev->n_bytes;
        break;
    case TK_HTTP_HEAD:
        snprintf(text, sizeof(text), "H%d ", ev->status);
        break;
    case TK_HTTP_DATA:
        break;
    case TK_HTTP_END:
        snprintf(text, sizeof(text), " E%c ", ev->is_reusable ? '+' : '-');
        break;
    case TK_HTTP_ERROR:
        snprintf(text, sizeof(text), " X%s%s%s ", tk_err_name(ev->code), ev->is_idle ? "i" : "",
                 ev->is_unanswered ? "u" : "");
        break;
    }
    note(r, text, strlen(text));
}

static void send_text(struct rig *r, const char *text)
{
    struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
    int rc = tk_http_send(r->c, &iov, 1);

    if (rc)
        T_EQ_I(rc, 0, "send");
}

static void on_event(struct tk_http_conn *c, const struct tk_http_event *ev)
{
    struct rig *r = tk_http_conn_owner(c);

    r->stamp = ev->stamp;
    if (ev->kind == TK_HTTP_DATA) {
        volatile char sum = 0;
        for (size_t i = 0; i < TK_JSON_PADDING; i++)
            sum = (char)(sum + ev->data.p[ev->data.n + i]);
        if (!r->is_data)
            note(r, "D", 1);
        note(r, ev->data.p, ev->data.n);
    } else {
        note_kind(r, ev);
    }
    if (ev->kind != TK_HTTP_READ)
        r->is_data = ev->kind == TK_HTTP_DATA;
    if (ev->kind == TK_HTTP_HEAD) {
        const struct tk_str *v = tk_headers_get(ev->headers, "x-probe");
        snprintf(r->probe, sizeof(r->probe), "%.*s", v ? (int)v->n : 4, v ? v->p : "none");
    }
    if (ev->detail)
        snprintf(r->detail, sizeof(r->detail), "%s", ev->detail);
    r->n_ends += ev->kind == TK_HTTP_END || ev->kind == TK_HTTP_ERROR;
    if (ev->kind == TK_HTTP_END && r->resend) {
        const char *text = r->resend;
        r->resend = NULL;
        send_text(r, text);
    }
    if ((int)ev->kind == r->free_at)
        r->c = tk_http_conn_free(c);
}

/* A connection over memory, opened. */
static void rig_init(struct rig *r, struct tk_http_limits limits, size_t capacity)
{
    struct tk_http_env_conf conf = { .xport = &tk_xport_mem, .limits = limits };
    struct tk_http_conn_conf cc = { .cb = on_event, .owner = r };

    *r = (struct rig){ .free_at = -1 };
    if (tk_loop_new(TK_LOOP_VIRTUAL, &r->loop))
        abort();
    conf.loop = r->loop;
    if (tk_http_env_new(&conf, &r->env) || tk_mem_pair(r->loop, capacity, &cc.xport, &r->peer))
        abort();
    if (tk_http_conn_new(r->env, &cc, &r->c, NULL))
        abort();
}

static void rig_release(struct rig *r)
{
    tk_http_conn_free(r->c);
    tk_xport_free(r->peer);
    tk_http_env_free(r->env);
    tk_loop_free(r->loop);
}

static void run(struct rig *r)
{
    if (tk_loop_run(r->loop))
        abort();
}

static void forget(struct rig *r)
{
    r->n_log = 0;
    r->log[0] = '\0';
    r->is_data = false;
    r->n_ends = r->n_reads = 0;
    r->n_read_bytes = 0;
}

/* The peer writes; the client reads each piece by itself. */
static void peer_say(struct rig *r, struct tk_str s, struct cuts *c)
{
    for (size_t n; s.n > 0 && r->peer; s.p += n, s.n -= n) {
        n = c ? cuts_next(c, s.n) : s.n;
        struct iovec iov = { (void *)(uintptr_t)s.p, n };
        if (tk_xport_write(r->peer, &iov, 1) != (int64_t)n)
            return; /* the client has closed */
        run(r);
    }
}

/* What the client wrote; the peer reads it. */
static size_t peer_hear(struct rig *r, char *buf, size_t cap)
{
    struct tk_stamp stamp;
    size_t n = 0;
    int64_t got;

    while (n < cap && (got = tk_xport_read(r->peer, buf + n, cap - n, &stamp)) > 0)
        n += (size_t)got;
    return n;
}

static void peer_close(struct rig *r)
{
    char buf[4096];

    (void)peer_hear(r, buf, sizeof(buf));
    r->peer = tk_xport_free(r->peer);
    run(r);
}

#define REQUEST "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static void open_and_ask(struct rig *r)
{
    char buf[256];

    run(r);
    send_text(r, REQUEST);
    run(r);
    (void)peer_hear(r, buf, sizeof(buf));
    forget(r);
}

/* --- replies --- */

struct reply {
    const char *name;
    struct tk_str bytes;
    const char *log;
    bool is_closed; /* the peer closes behind the bytes */
};

#define REPLY(name, bytes, log)              \
    {                                        \
        name, TK_STR_INIT(bytes), log, false \
    }
#define REPLY_CLOSED(name, bytes, log)      \
    {                                       \
        name, TK_STR_INIT(bytes), log, true \
    }
#define OK "HTTP/1.1 200 OK\r\n"
#define D50 "01234567890123456789012345678901234567890123456789"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static const struct reply replies[] = {
    REPLY("length", OK "Content-Length: 5\r\n\r\nhello", "H200 Dhello E+ "),
    REPLY("no bytes", OK "Content-Length: 0\r\n\r\n", "H200  E+ "),
    REPLY("chunked", CHUNKED "5\r\nhello\r\n3\r\n yo\r\n0\r\n\r\n", "H200 Dhello yo E+ "),
    REPLY("chunks none", CHUNKED "0\r\n\r\n", "H200  E+ "),
    REPLY("chunk extension, trailer", CHUNKED "1;a=b\r\nx\r\n0\r\nT: v\r\nU: w\r\n\r\n",
          "H200 Dx E+ "),
    REPLY("CR and LF in a chunk", CHUNKED "4\r\n\r\n\r\n\r\n0\r\n\r\n", "H200 D\r\n\r\n E+ "),
    REPLY("keeps not", OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi", "H200 Dhi E- "),
    REPLY("1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "H200 Dhi E- "),
    REPLY("1.0 kept", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi",
          "H200 Dhi E+ "),
    REPLY("no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", "H200 Dhi E+ "),
    REPLY("204", "HTTP/1.1 204 No Content\r\n\r\n", "H204  E+ "),
    REPLY("204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "H204  E+ "),
    REPLY("304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
          "H304  E+ "),
    REPLY("302", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "H302  E+ "),
    REPLY("500", "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", "H500 Dno E+ "),
    REPLY("100, then 200", "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 2\r\n\r\nhi",
          "H200 Dhi E+ "),
    REPLY("103 with fields, 102, 200",
          "HTTP/1.1 103 Early\r\nX-Probe: no\r\nContent-Length: 9\r\n\r\n"
          "HTTP/1.1 102 P\r\n\r\n" OK "Content-Length: 2\r\n\r\nhi",
          "H200 Dhi E+ "),
    REPLY("101", "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", " XPROTO "),
    REPLY("identity coding", OK "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
          "H200 Dhi E+ "),
    REPLY("unknown coding", OK "Content-Encoding: br\r\nContent-Length: 2\r\n\r\nhi",
          "H200  XUNSUPPORTED "),
    REPLY("unknown coding of nothing", OK "Content-Encoding: br\r\nContent-Length: 0\r\n\r\n",
          "H200  E+ "),
    REPLY("body at the bound",
          OK "Content-Length: 40\r\n\r\n0123456789012345678901234567890123456789",
          "H200 D0123456789012345678901234567890123456789 E+ "),
    REPLY("body past the bound",
          OK "Content-Length: 41\r\n\r\n01234567890123456789012345678901234567890",
          "H200 D0123456789012345678901234567890123456789 XLIMIT "),
    REPLY("chunks past the bound",
          CHUNKED "20\r\n01234567890123456789012345678901\r\n9\r\n234567890\r\n0\r\n\r\n",
          "H200 D0123456789012345678901234567890123456789 XLIMIT "),
    REPLY("framing past the bound", CHUNKED "1;" D50 D50 D50 D50 D50, "H200  XLIMIT "),
    REPLY("closed ends it", OK "\r\nhello", "H200 Dhello"),
    REPLY_CLOSED("closed ended it", OK "\r\nhello", "H200 Dhello E- "),
    REPLY_CLOSED("closed ended nothing", OK "\r\n", "H200  E- "),
    REPLY_CLOSED("cut in the head", OK "Content-Le", " XEOF_EARLY "),
    REPLY_CLOSED("cut behind 100", "HTTP/1.1 100 Continue\r\n\r\n", " XEOF_EARLY "),
    REPLY_CLOSED("cut in the body", OK "Content-Length: 5\r\n\r\nhell", "H200 Dhell XEOF_EARLY "),
    REPLY_CLOSED("cut in a chunk", CHUNKED "5\r\nhell", "H200 Dhell XEOF_EARLY "),
    REPLY_CLOSED("cut before the last chunk", CHUNKED "5\r\nhello\r\n", "H200 Dhello XEOF_EARLY "),
    REPLY_CLOSED("cut in the last chunk", CHUNKED "5\r\nhello\r\n0\r\n", "H200 Dhello XEOF_EARLY "),
    REPLY("bad chunk size", CHUNKED "1\r\nx\r\nzz\r\n", "H200 Dx XPROTO "),
    REPLY("chunk longer than said", CHUNKED "1\r\nxy\r\n0\r\n\r\n", "H200 Dx XPROTO "),
    REPLY("chunk size too large", CHUNKED "fffffffffffffffff\r\n", "H200  XPROTO "),
    REPLY("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", " XPROTO "),
    REPLY("bad version", "HTTP/3.7 200 OK\r\n\r\n", " XPROTO "),
    REPLY("bad status", "HTTP/1.1 2x0 OK\r\n\r\n", " XPROTO "),
    REPLY("bad length", OK "Content-Length: 5x\r\n\r\n", " XPROTO "),
    REPLY("two lengths", OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", " XPROTO "),
    REPLY("length and chunked", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
          " XPROTO "),
    REPLY("NUL in a field", OK "X: a\0b\r\n\r\n", " XPROTO "),
    REPLY("space in a name", OK "X y: a\r\n\r\n", " XPROTO "),
    REPLY("no line end behind a chunk", CHUNKED "1\r\nx0\r\n\r\n", "H200 Dx XPROTO "),
    /* 200 bytes are allowed, of which 43 are not the value */
    REPLY("head at the bound", OK "X: " D50 D50 D50 "0123456\r\nContent-Length: 2\r\n\r\nhi",
          "H200 Dhi E+ "),
    REPLY("head past the bound", OK "X: " D50 D50 D50 "01234567\r\nContent-Length: 2\r\n\r\nhi",
          " XLIMIT "),
    REPLY("blanks past the bound",
          OK
          "X:                                                                                "
          "                                                                                  \r\n"
          "Content-Length: 2\r\n\r\nhi",
          " XLIMIT "),
};

/* Feed one reply in this way; what the client told. */
static void play(struct rig *r, const struct reply *reply, struct cuts *c)
{
    rig_init(r, small, 4096);
    open_and_ask(r);
    peer_say(r, reply->bytes, c);
    if (reply->is_closed)
        peer_close(r);
}

static bool reply_holds(const struct reply *reply, struct cuts *c, const char *how, size_t at)
{
    static struct rig r;

    play(&r, reply, c);
    bool is_good = strcmp(r.log, reply->log) == 0 && r.n_ends <= 1;
    if (!is_good) {
        T_EQ_S(r.log, reply->log, "%s, %s %zu", reply->name, how, at);
        T_OK(r.n_ends <= 1, "one end");
    }
    rig_release(&r);
    return is_good;
}

/* Cut once, behind byte `at`. */
static bool reply_holds_cut_at(const struct reply *reply, size_t at)
{
    static struct rig r;
    struct tk_str head = { reply->bytes.p, at };
    struct tk_str tail = { reply->bytes.p + at, reply->bytes.n - at };

    rig_init(&r, small, 4096);
    open_and_ask(&r);
    peer_say(&r, head, NULL);
    peer_say(&r, tail, NULL);
    if (reply->is_closed)
        peer_close(&r);
    bool is_good = strcmp(r.log, reply->log) == 0;
    if (!is_good)
        T_EQ_S(r.log, reply->log, "%s, cut at %zu", reply->name, at);
    rig_release(&r);
    return is_good;
}

static void test_replies(void)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(replies); i++) {
        bool is_good = true;
        for (unsigned way = 0; way < CUTS_WAYS; way++) {
            struct cuts c;
            cuts_init(&c, way);
            is_good &= reply_holds(&replies[i], &c, "way", way);
        }
        for (size_t at = 1; at < replies[i].bytes.n; at++)
            is_good &= reply_holds_cut_at(&replies[i], at);
        T_OK(is_good, "%s: right in all ways to cut", replies[i].name);
    }
}

/* The peer closes behind every byte: one end, whatever it is, and nothing behind it. */
static void test_cut_short(void)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(replies); i++) {
        size_t n_bad = 0;
        for (size_t at = 0; at < replies[i].bytes.n; at++) {
            static struct rig r;
            rig_init(&r, small, 4096);
            open_and_ask(&r);
            peer_say(&r, (struct tk_str){ replies[i].bytes.p, at }, NULL);
            if (r.peer)
                peer_close(&r);
            n_bad += r.n_ends != 1 || (at == 0 && strcmp(r.log, " XEOF_EARLY ") != 0);
            rig_release(&r);
        }
        T_EQ_I(n_bad, 0, "%s: ends once wherever it is cut short", replies[i].name);
    }
}

static void test_head(void)
{
    static struct rig r;
    char text[8192];
    size_t n;

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 16384);
    open_and_ask(&r);
    peer_say(&r,
             TK_STR(OK "x-probe:  \t a b \t \r\nX-PROBE: c\r\nEmpty:\r\nContent-Length: 0\r\n\r\n"),
             NULL);
    T_EQ_S(r.probe, "a b", "blanks are taken off, the first of two is given");
    send_text(&r, REQUEST);
    peer_say(&r, TK_STR(OK "X-Probe:\r\nContent-Length: 0\r\n\r\n"), NULL);
    T_EQ_S(r.probe, "", "an empty value");
    for (unsigned n_fields = TK_HTTP_MAX_HEADERS; n_fields <= TK_HTTP_MAX_HEADERS + 1; n_fields++) {
        send_text(&r, REQUEST);
        forget(&r);
        n = (size_t)snprintf(text, sizeof(text), OK "Content-Length: 0\r\n");
        for (unsigned i = 2; i <= n_fields; i++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "F%u: v\r\n", i);
        n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n");
        peer_say(&r, (struct tk_str){ text, n }, NULL);
        T_EQ_S(r.log, n_fields > TK_HTTP_MAX_HEADERS ? " XLIMIT " : "H200  E+ ", "%u fields",
               n_fields);
    }
    T_EQ_S(r.detail, "the reply's head is too large", "the detail");
    rig_release(&r);
}

/* --- the connection's life --- */

static void test_open_and_times(void)
{
    static struct rig r;

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
    const struct tk_http_times *t = tk_http_conn_times(r.c);
    T_EQ_S(r.log, "", "nothing is told during tk_http_conn_new()");
    struct iovec iov = { (void *)(uintptr_t) "x", 1 };
    T_EQ_I(tk_http_send(r.c, &iov, 1), -EINVAL, "not open yet");
    run(&r);
    T_EQ_S(r.log, "O ", "opened");
    T_OK(t->connect_begin_at > 0 && t->connected_at > 0, "instants of the connection");
    T_EQ_I(t->tls_done_at, 0, "no TLS");
    T_EQ_I(t->sent_first_at, 0, "nothing sent");
    T_EQ_I(tk_http_send(r.c, &iov, 0), -EINVAL, "no pieces");
    T_EQ_I(tk_http_send(r.c, &iov, TK_HTTP_MAX_PIECES + 1), -EINVAL, "too many pieces");

    struct iovec pieces[] = { { (void *)(uintptr_t) "GET / HTTP/1.1\r\n", 16 },
                              { NULL, 0 },
                              { (void *)(uintptr_t) "\r\n", 2 },
                              { NULL, 0 } };
    T_EQ_I(tk_http_send(r.c, pieces, 4), 0, "send, with empty pieces");
    T_OK(t->sent_first_at > 0 && t->sent_last_at >= t->sent_first_at, "instants of the request");
    T_EQ_I(tk_http_send(r.c, pieces, 4), -EINVAL, "busy");
    run(&r);
    char buf[64];
    size_t n = peer_hear(&r, buf, sizeof(buf));
    T_EQ_N(buf, n, "GET / HTTP/1.1\r\n\r\n", 18, "the request arrived");
    forget(&r);
    peer_say(&r, TK_STR(OK "Content-Length: 2\r\n\r\nhi"), NULL);
    T_EQ_S(r.log, "H200 Dhi E+ ", "answered");
    T_EQ_I(r.n_reads, 1, "in one read");
    T_EQ_I(r.n_read_bytes, 40, "of all bytes");
    T_EQ_I(tk_http_conn_bytes_in(r.c), 40, "counted for the request");
    T_EQ_I(tk_http_conn_n_requests(r.c), 1, "one request");
    tk_http_conn_set_owner(r.c, NULL);
    T_OK(!tk_http_conn_owner(r.c), "another owner");
    T_EQ_I(r.stamp.seen_at, tk_clock_now(), "its stamp");
    rig_release(&r);
}

static void test_reuse(void)
{
    static struct rig r;

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
    open_and_ask(&r);
    r.resend = REQUEST;
    peer_say(&r, TK_STR(OK "Content-Length: 2\r\n\r\nhi"), NULL);
    peer_say(&r, TK_STR(CHUNKED "2\r\nho\r\n0\r\n\r\n"), NULL);
    T_EQ_S(r.log, "H200 Dhi E+ H200 Dho E+ ", "the second request was sent at the first one's end");
    T_EQ_I(tk_http_conn_n_requests(r.c), 2, "two requests");
    forget(&r);
    peer_close(&r);
    T_EQ_S(r.log, " XEOF_EARLYi ", "an idle connection that is closed says so");
    struct iovec iov = { (void *)(uintptr_t) "x", 1 };
    T_EQ_I(tk_http_send(r.c, &iov, 1), -EINVAL, "it is of no use then");
    rig_release(&r);

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
    run(&r);
    peer_close(&r);
    T_EQ_S(r.log, "O  XEOF_EARLYi ", "closed before the first request");
    rig_release(&r);
}

static void test_unasked_bytes(void)
{
    static struct rig r;

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
    open_and_ask(&r);
    peer_say(&r, TK_STR(OK "Content-Length: 2\r\n\r\nhi"), NULL);
    peer_say(&r, TK_STR("H"), NULL);
    T_EQ_S(r.log, "H200 Dhi E+  XPROTOi ", "bytes on an idle connection");
    rig_release(&r);

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
    open_and_ask(&r);
    peer_say(&r, TK_STR(OK "Content-Length: 2\r\n\r\nhi!"), NULL);
    T_EQ_S(r.log, "H200 Dhi E- ", "bytes in the same read: not to be used again");
    peer_say(&r, TK_STR("!"), NULL);
    T_EQ_S(r.log, "H200 Dhi E- ", "nothing behind that");
    rig_release(&r);

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
    peer_say(&r, TK_STR("220 smtp\r\n"), NULL);
    T_EQ_S(r.log, "O  XPROTOi ", "a server that speaks first");
    rig_release(&r);
}

/* The peer is gone in mid-request: by a close, by a reset; on a fresh connection and a used one. */
static void test_gone(void)
{
    static const struct {
        bool is_used, is_reset, is_begun;
        const char *log;
    } cases[] = {
        { false, false, false, " XEOF_EARLY " }, { false, true, false, " XECONNRESET " },
        { true, false, false, " XEOF_EARLYu " }, { true, true, false, " XECONNRESETu " },
        { true, false, true, " XEOF_EARLY " },   { true, true, true, " XECONNRESET " },
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        static struct rig r;
        char buf[256];
        rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
        open_and_ask(&r);
        if (cases[i].is_used) {
            peer_say(&r, TK_STR(OK "Content-Length: 0\r\n\r\n"), NULL);
            send_text(&r, REQUEST);
        }
        if (!cases[i].is_reset)
            (void)peer_hear(&r, buf, sizeof(buf));
        else if (!cases[i].is_used)
            peer_say(&r, TK_STR(""), NULL);
        forget(&r);
        if (cases[i].is_begun)
            peer_say(&r, TK_STR("HTTP"), NULL);
        if (cases[i].is_reset && !cases[i].is_used) {
            /* the peer must leave something unread */
            rig_release(&r);
            rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
            run(&r);
            send_text(&r, REQUEST);
            forget(&r);
        }
        r.peer = tk_xport_free(r.peer);
        run(&r);
        T_EQ_S(r.log, cases[i].log, "gone, case %zu", i);
        rig_release(&r);
    }
}

/* The peer was gone before the request, and the client had not looked yet. */
static void test_dead_at_send(void)
{
    static struct rig r;
    struct iovec iov = { (void *)(uintptr_t)REQUEST, strlen(REQUEST) };

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
    open_and_ask(&r);
    peer_say(&r, TK_STR(OK "Content-Length: 0\r\n\r\n"), NULL);
    r.peer = tk_xport_free(r.peer);
    forget(&r);
    T_EQ_I(tk_http_send(r.c, &iov, 1), 0, "the error to write waits for what is to be read");
    T_EQ_I(tk_http_conn_times(r.c)->sent_last_at, 0, "not sent");
    run(&r);
    T_EQ_S(r.log, " XEPIPEu ", "then it is told, once, and that the request may be sent again");
    T_EQ_I(tk_http_send(r.c, &iov, 1), -EINVAL, "of no use");
    rig_release(&r);

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096); /* it had said why before it went */
    run(&r);
    forget(&r);
    struct iovec say = { (void *)(uintptr_t)OK, strlen(OK) };
    struct iovec rest = { (void *)(uintptr_t) "Content-Length: 0\r\n\r\n", 21 };
    (void)tk_xport_write(r.peer, &say, 1);
    (void)tk_xport_write(r.peer, &rest, 1);
    r.peer = tk_xport_free(r.peer);
    T_EQ_I(tk_http_send(r.c, &iov, 1), 0, "nobody is there");
    run(&r);
    T_EQ_S(r.log, "H200  E- ", "but an answer is");
    rig_release(&r);
}

/* A socket that takes 10 bytes at a time. */
static void test_partial_writes(void)
{
    static struct rig r;
    char got[256];
    size_t n = 0;
    struct iovec pieces[] = { { (void *)(uintptr_t) "POST / HTTP/1.1\r\nContent-Length: 23\r\n\r\n",
                                39 },
                              { (void *)(uintptr_t) "abcdefghijklm", 13 },
                              { (void *)(uintptr_t) "nopqrstuvw", 10 } };

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 10);
    run(&r);
    forget(&r);
    T_EQ_I(tk_http_send(r.c, pieces, 3), 0, "send");
    T_EQ_I(tk_http_conn_times(r.c)->sent_last_at, 0, "not all was taken");
    for (int i = 0; i < 10; i++) {
        n += peer_hear(&r, got + n, sizeof(got) - n);
        run(&r);
    }
    T_EQ_N(got, n, "POST / HTTP/1.1\r\nContent-Length: 23\r\n\r\nabcdefghijklmnopqrstuvw", 62,
           "whole");
    T_EQ_S(r.log, "S ", "SENT is told, once");
    T_OK(tk_http_conn_times(r.c)->sent_last_at > 0, "with its instant");
    rig_release(&r);
}

/* The server answers before it has read all. */
static void test_early_reply(void)
{
    static struct rig r;
    struct cuts c;
    struct iovec iov = { (void *)(uintptr_t) "POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n", 39 };

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 16);
    run(&r);
    forget(&r);
    T_EQ_I(tk_http_send(r.c, &iov, 1), 0, "send");
    cuts_init(&c, 1);
    peer_say(&r, TK_STR("HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"), &c);
    T_EQ_S(r.log, "H413  E- ", "the reply counts, the connection is not used again");
    rig_release(&r);

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 16);
    run(&r);
    forget(&r);
    T_EQ_I(tk_http_send(r.c, &iov, 1), 0, "send");
    struct iovec say = { (void *)(uintptr_t) "HTTP/1.1 413 N\r\n", 16 };
    T_EQ_I(tk_xport_write(r.peer, &say, 1), 16, "a begin of a reply");
    char buf[64];
    (void)peer_hear(&r, buf, sizeof(buf));
    r.peer = tk_xport_free(r.peer);
    run(&r);
    T_EQ_S(r.log, " XEPIPE ", "then gone: what the write said");
    T_EQ_I(tk_http_conn_bytes_in(r.c), 16, "what came was read");
    rig_release(&r);
}

/* Freed in each of its callbacks. */
static void test_free_in_callback(void)
{
    for (int kind = TK_HTTP_OPENED; kind <= TK_HTTP_ERROR; kind++) {
        static struct rig r;
        rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 64);
        r.free_at = kind;
        run(&r);
        if (kind != TK_HTTP_OPENED) {
            static const char request[100] = "GET / HTTP/1.1\r\nX: ";
            struct iovec iov = { (void *)(uintptr_t)request, sizeof(request) };
            char buf[256];
            T_EQ_I(tk_http_send(r.c, &iov, 1), 0, "send");
            (void)peer_hear(&r, buf, sizeof(buf));
            run(&r);
            (void)peer_hear(&r, buf, sizeof(buf));
        }
        if (kind != TK_HTTP_OPENED && kind != TK_HTTP_SENT) {
            peer_say(&r, TK_STR(CHUNKED "2\r\nhi"), NULL);
            peer_say(&r, kind == TK_HTTP_ERROR ? TK_STR("!") : TK_STR("\r\n1\r\nx\r\n0\r\n\r\n"),
                     NULL);
        }
        T_OK(!r.c, "freed in callback of kind %d", kind);
        forget(&r);
        struct iovec more = { (void *)(uintptr_t) "x", 1 };
        T_EQ_I(tk_xport_write(r.peer, &more, 1), -EPIPE, "closed at once");
        run(&r);
        T_EQ_S(r.log, "", "nothing is told behind it");
        rig_release(&r);
    }
}

/* A body that fills the read buffer: read again at once; many streams' worth of data in one go. */
static void test_long_body(void)
{
    static struct rig r;
    static char body[300000];
    size_t at = 0;

    memset(body, 'x', sizeof(body));
    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 200000);
    open_and_ask(&r);
    peer_say(&r, TK_STR(OK "Content-Length: 300000\r\n\r\n"), NULL);
    forget(&r);
    for (size_t n; at < sizeof(body); at += n) {
        n = TK_MIN(sizeof(body) - at, 150000);
        peer_say(&r, (struct tk_str){ body + at, n }, NULL);
    }
    T_EQ_I(r.n_read_bytes, 300000, "all bytes came");
    T_EQ_I(r.n_reads, 6, "in full reads");
    T_EQ_I(r.n_ends, 1, "and ended");
    rig_release(&r);

    /* more than others are kept waiting for */
    static char much[3000000];
    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, sizeof(much));
    open_and_ask(&r);
    peer_say(&r, TK_STR(OK "Content-Length: 3000000\r\n\r\n"), NULL);
    peer_say(&r, (struct tk_str){ much, sizeof(much) }, NULL);
    T_EQ_I(tk_http_conn_bytes_in(r.c), 3000000 + 44, "much at once");
    T_EQ_I(r.n_ends, 1, "and ended");
    rig_release(&r);
}

/* Chunk framing may outweigh the body, but not without end. */
static void test_framing(void)
{
    static struct rig r;
    static char text[66000];

    for (int tail = 0; tail < 2; tail++) {
        rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 200000);
        open_and_ask(&r);
        peer_say(&r, tail ? TK_STR(CHUNKED "1\r\nx\r\n0\r\nT: ") : TK_STR(CHUNKED "1;"), NULL);
        memset(text, 'x', sizeof(text));
        peer_say(&r, (struct tk_str){ text, sizeof(text) }, NULL);
        T_EQ_S(r.log, tail ? "H200 Dx XLIMIT " : "H200  XLIMIT ", "framing without end, %d", tail);
        rig_release(&r);
    }
    for (size_t i = 0; i < sizeof(text); i += 6)
        memcpy(text + i, "1\r\nx\r\n", 6);
    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 200000);
    open_and_ask(&r);
    peer_say(&r, TK_STR(CHUNKED), NULL);
    for (int i = 0; i < 4; i++)
        peer_say(&r, (struct tk_str){ text, sizeof(text) }, NULL);
    peer_say(&r, TK_STR("0\r\n\r\n"), NULL);
    T_EQ_I(r.n_ends, 1, "chunks of a byte");
    T_OK(strstr(r.log, "XLIMIT") == NULL, "which are allowed");
    rig_release(&r);
}

static void test_memory(void)
{
    for (int n = 1;; n++) {
        struct tk_loop *loop;
        struct tk_http_env *env = NULL;
        struct tk_http_conn *c = NULL;
        struct tk_xport *peer;
        struct tk_http_conn_conf cc = { .cb = on_event };
        if (tk_loop_new(TK_LOOP_VIRTUAL, &loop) || tk_mem_pair(loop, 64, &cc.xport, &peer))
            abort();
        struct tk_http_env_conf conf = { .loop = loop, .limits = TK_HTTP_LIMITS_DEFAULT };
        tk_failmalloc_at(n);
        int rc = tk_http_env_new(&conf, &env);
        bool is_made = rc == 0;
        rc = rc ? rc : tk_http_conn_new(env, &cc, &c, NULL);
        bool failed = tk_failmalloc_off();
        T_EQ_I(rc, failed ? -ENOMEM : 0, "allocation %d", n);
        if (!is_made)
            tk_xport_free(cc.xport);
        tk_http_conn_free(c);
        tk_http_env_free(env);
        tk_xport_free(peer);
        tk_loop_free(loop);
        if (!failed)
            break;
    }
    /* While a reply is read: the head's collector, its buffer. */
    for (int n = 1;; n++) {
        static struct rig r;
        rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
        open_and_ask(&r);
        tk_failmalloc_at(n);
        peer_say(&r, TK_STR(OK "Content-Length: 2\r\n\r\nhi"), NULL);
        bool failed = tk_failmalloc_off();
        T_EQ_S(r.log, failed ? " XENOMEM " : "H200 Dhi E+ ", "allocation %d of a reply", n);
        rig_release(&r);
        if (!failed)
            break;
    }
}

/* No allocation once warm. */
static void test_no_allocation(void)
{
    static struct rig r;
    int64_t before = 0;

    rig_init(&r, TK_HTTP_LIMITS_DEFAULT, 4096);
    open_and_ask(&r);
    for (int i = 0; i < 10; i++) {
        before = i == 1 ? tk_failmalloc_count() : before;
        r.resend = REQUEST;
        peer_say(&r, TK_STR(OK "Transfer-Encoding: chunked\r\nX"), NULL);
        peer_say(&r, TK_STR("-Probe: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), NULL);
        char buf[256];
        (void)peer_hear(&r, buf, sizeof(buf));
    }
    T_EQ_I(tk_failmalloc_count() - before, 0, "nine more replies allocate nothing");
    rig_release(&r);
}

int main(void)
{
    test_replies();
    test_cut_short();
    test_head();
    test_open_and_times();
    test_reuse();
    test_unasked_bytes();
    test_gone();
    test_dead_at_send();
    test_partial_writes();
    test_early_reply();
    test_free_in_callback();
    test_long_body();
    test_framing();
    test_memory();
    test_no_allocation();
    T_OK(!tk_http_conn_free(NULL) && !tk_http_env_free(NULL), "NULL is allowed");
    return T_DONE();
}
