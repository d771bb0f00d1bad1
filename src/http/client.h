/* client.h - a connection to a server that carries one request at a time
 *
 * HTTP/1.1 over any transport; HTTP/2 will stand behind the same calls. The load engine owns the
 * connection, sends a request on it and is called back with what comes, each event with the stamp of
 * the read that completed it. Everything a peer sends has a bound (struct tk_http_limits).
 *
 *   new -> OPENED -> send -> READ HEAD READ DATA* … END -> send -> … -> free
 *              \-> ERROR            \-> ERROR (once; the connection is of no use then)
 */
#ifndef TK_HTTP_CLIENT_H
#define TK_HTTP_CLIENT_H

#include <sys/uio.h>

#include "base/def.h"
#include "base/err.h"
#include "ev/loop.h"
#include "http/headers.h"
#include "net/addr.h"
#include "net/xport.h"

struct tk_tls;
struct tk_http_conn;

struct tk_http_limits {
    size_t max_head_bytes;    /* status line and headers */
    size_t max_body_bytes;    /* as sent */
    size_t max_decoded_bytes; /* after decompression */
};
#define TK_HTTP_LIMITS_DEFAULT                                         \
    (struct tk_http_limits)                                            \
    {                                                                  \
        .max_head_bytes = 64 << 10, .max_body_bytes = (size_t)1 << 32, \
        .max_decoded_bytes = (size_t)1 << 32                           \
    }

/* What the connections of one worker share: the read buffer above all, so that an open stream
 * costs no buffer of its own. */
struct tk_http_env;

struct tk_http_env_conf {
    struct tk_loop *loop;
    const struct tk_xport_ops *xport; /* bottom transport: tcp, or mem in tests */
    struct tk_tls *tls;               /* NULL: plain; not owned */
    const char *host;                 /* for SNI and the certificate; not owned */
    struct tk_http_limits limits;
};

/* 0 or -ENOMEM. To be freed after its connections and outside of their callbacks. */
int tk_http_env_new(const struct tk_http_env_conf *conf, struct tk_http_env **ret);
struct tk_http_env *tk_http_env_free(struct tk_http_env *env); /* NULL is allowed; returns NULL */

enum tk_http_ev {
    TK_HTTP_OPENED, /* connected, TLS done: a request may be sent */
    TK_HTTP_SENT,  /* the rest of a request that tk_http_send() could not write at once was taken by
                       the transport; sent_last_at is set */
    TK_HTTP_READ,  /* `n_bytes` came in one read of the transport (TLS: decrypted bytes); the events
                       that follow until the next READ were in them */
    TK_HTTP_HEAD,  /* status and headers, whole; not for 1xx */
    TK_HTTP_DATA,  /* decoded body bytes */
    TK_HTTP_END,   /* the reply is whole; may be answered by tk_http_send() at once when reusable,
                       otherwise the connection is of no use and nothing follows */
    TK_HTTP_ERROR, /* it failed; `code` says how; also an idle connection that the peer closed, or on
                       which it sent something. Nothing follows */
};

struct tk_http_event {
    enum tk_http_ev kind;
    struct tk_stamp stamp;            /* READ, HEAD, DATA, END: of the read that brought it */
    size_t n_bytes;                   /* READ */
    int status;                       /* HEAD */
    const struct tk_headers *headers; /* HEAD; valid during the call */
    struct tk_str data;               /* DATA; valid during the call, TK_JSON_PADDING readable bytes
                                         follow */
    bool is_reusable;                 /* END: the connection stays open: the peer keeps it, took the
                                         whole request, and sent nothing behind the reply */
    int code;           /* ERROR: EOF_EARLY, PROTO, LIMIT, UNSUPPORTED (content coding),
                                         TLS, CERT, a negated errno */
    bool is_idle;       /* ERROR: it was open and no request was under way */
    bool is_unanswered; /* ERROR: a request was under way, no byte of its reply came, and
                                         the peer closed or reset a connection that had carried a
                                         reply before: it may be sent again on a fresh one */
    const char *detail; /* ERROR: words for people, or NULL; valid during the call */
};

typedef void (*tk_http_cb)(struct tk_http_conn *c, const struct tk_http_event *ev);

/* Instants of the connection, monotonic; 0: did not happen. */
struct tk_http_times {
    tk_ns connect_begin_at, connected_at, tls_done_at;
    tk_ns sent_first_at; /* of the request under way: the clock just before its first write */
    tk_ns sent_last_at;  /* just after its last write was taken */
};

struct tk_http_conn_conf {
    const struct tk_addr *peer;   /* where to connect; not owned, used during the call only */
    const struct tk_addr *source; /* where to come from; the same; NULL: the system chooses */
    struct tk_xport *xport; /* instead: a transport that is there already (mem in tests); owned */
    tk_http_cb cb;
    void *owner;
};

/* Begin to connect. OPENED or ERROR follows, never during this call. 0, or an error whose detail is
 * in reterr when nothing could be begun (-EMFILE …): `conf->xport` is freed then too. */
int tk_http_conn_new(struct tk_http_env *env, const struct tk_http_conn_conf *conf,
                     struct tk_http_conn **ret, struct tk_err *reterr);

/* Close it, whatever its state; no callback comes after this. Allowed in its own callback.
 * NULL is allowed; returns NULL. */
struct tk_http_conn *tk_http_conn_free(struct tk_http_conn *c);

/* The same for a connection whose reply is whole, and which the peer is expected to close: it is the
 * environment's from now on, which leaves the peer TK_HTTP_RETIRE_DUR to do so and resets it then. Who
 * closes first has the port in TIME_WAIT for a minute: that is not to be us, who need another port for
 * each connection. Allowed in its own END. At most TK_HTTP_RETIRED_MAX wait, the oldest goes first. */
#define TK_HTTP_RETIRE_DUR TK_NS_PER_S
#define TK_HTTP_RETIRED_MAX 256
void tk_http_conn_retire(struct tk_http_conn *c);

void *tk_http_conn_owner(const struct tk_http_conn *c);
void tk_http_conn_set_owner(struct tk_http_conn *c, void *owner);
/* Memory of the owner's that the callback works on with every read (NULL: none any more): it is brought into
 * the cache while the kernel copies the bytes. With a thousand streams it is always cold. */
void tk_http_conn_set_warm(struct tk_http_conn *c, const void *p, size_t n);
const struct tk_http_times *tk_http_conn_times(const struct tk_http_conn *c);
uint64_t tk_http_conn_n_requests(
    const struct tk_http_conn *c);                            /* sent on it, the current one too */
uint64_t tk_http_conn_bytes_in(const struct tk_http_conn *c); /* of the current request, raw */

/* Send a request (any but HEAD): head and body are pieces that must stay unchanged until SENT, END or
 * ERROR; at most TK_HTTP_MAX_PIECES. Writes at once what the socket takes; when that was all (look at
 * sent_last_at) SENT does not come. Nothing is called back during this call. 0; -EINVAL when the
 * connection is not open and idle or the pieces are none or too many; any other code is an error to
 * write, after which the connection is of no use and no ERROR follows. That the peer is gone is no such
 * error: the reads tell what it said before, and then ERROR comes. */
#define TK_HTTP_MAX_PIECES 6
int tk_http_send(struct tk_http_conn *c, const struct iovec *pieces, int n_pieces);

#endif
