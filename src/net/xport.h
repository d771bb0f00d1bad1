/* xport.h - a stream of bytes to a peer, and when the bytes of each read came
 *
 * Transports are const tables of functions and stack: tls holds the transport below it. All calls
 * on the owning loop's thread; nothing here blocks.
 *
 *   http  -->  [tls] --> tcp | unix | mem
 */
#ifndef TK_NET_XPORT_H
#define TK_NET_XPORT_H

#include <sys/uio.h>

#include "base/def.h"
#include "base/err.h"
#include "ev/loop.h"
#include "net/addr.h"

struct tk_tls;
struct tk_xport;

/* When the bytes of a read came. */
struct tk_stamp {
    tk_ns arrived_wall; /* the kernel's receive stamp, CLOCK_REALTIME; 0 when the socket has none */
    tk_ns seen_at;      /* the clock right after recvmsg() returned */
};

struct tk_xport_conf {
    const struct tk_addr *peer; /* where to connect; NULL when `fd` is an accepted socket */
    const struct tk_addr
        *source;            /* tcp: where to come from, see source.h; NULL: the system chooses */
    int fd;                 /* an accepted socket, owned from then on; -1 otherwise */
    struct tk_tls *tls;     /* tls: the context; not owned, outlives the transport */
    const char *host;       /* tls client: the name for SNI and the certificate's check */
    struct tk_xport *below; /* tls: the transport under it, owned from then on */
};

struct tk_xport_ops {
    const char *name;
    size_t size; /* bytes of the variant's struct */
    /* Start: make the socket and begin to connect. The base is filled and zeroed behind. */
    int (*init)(struct tk_xport *x, const struct tk_xport_conf *conf, struct tk_err *reterr);
    /* 0 when bytes can flow, TK_E_AGAIN_READ or _WRITE to be called again then, or an error:
     * a negated errno of connect(), TK_E_TLS, TK_E_CERT. */
    int (*handshake)(struct tk_xport *x);
    /* Bytes read (> 0), 0 for an orderly close, TK_E_AGAIN_READ, or an error. Reads once: what a
     * single recvmsg() gives; more may wait, and the io tells (it is level-triggered). `ret_stamp` is
     * written when bytes were read. */
    int64_t (*read)(struct tk_xport *x, void *buf, size_t cap, struct tk_stamp *ret_stamp);
    /* Bytes taken (> 0), TK_E_AGAIN_WRITE, or an error. After TK_E_AGAIN_WRITE the same bytes must be
     * offered again, with or without more behind them: TLS may have encrypted them. */
    int64_t (*write)(struct tk_xport *x, const struct iovec *iov, int n_iov);
    /* True when a read could give something without the descriptor being readable (TLS holds some).
     * To be asked after each handshake that is done and after each read. May be NULL: nothing is ever
     * held back. */
    bool (*pending)(const struct tk_xport *x);
    /* Say goodbye to the peer in this layer; the connection below stays. Nothing is written or read through
     * the layer after it. May be NULL: there is no such word. */
    void (*goodbye)(struct tk_xport *x);
    /* Say what went wrong in the last failed call, for people (TLS: OpenSSL's words). May be NULL: the
     * code says it all. */
    const char *(*detail)(const struct tk_xport *x);
    /* Free what the variant added to the base, of a half-built one too. The io, its descriptor and
     * `below` go after it. May be NULL: nothing was added. */
    void (*release)(struct tk_xport *x);
    bool cannot_reset; /* tk_xport_reset() is a plain close to the peer */
};

struct tk_xport {
    const struct tk_xport_ops *ops;
    struct tk_loop *loop;
    struct tk_xport *below;  /* owned; NULL at the bottom */
    struct tk_io io;         /* at the bottom only; see tk_xport_io() */
    tk_ns connected_at;      /* bottom: connect() was found done; 0 before */
    tk_ns handshake_done_at; /* tls: the handshake was found done; 0 before */
    bool is_reset;           /* it goes without a word, see tk_xport_reset() */
};

extern const struct tk_xport_ops tk_xport_tcp;
extern const struct tk_xport_ops tk_xport_unix;
extern const struct tk_xport_ops tk_xport_tls;
extern const struct tk_xport_ops tk_xport_mem;       /* made in pairs by tk_mem_pair() */
extern const struct tk_xport_ops *const tk_xports[]; /* all of them, NULL-terminated */

/* A transport of this kind. Its io is not started: the owner sets a callback by tk_xport_watch().
 * 0 or an error with its detail; `conf->fd` is closed and `conf->below` freed on failure. */
int tk_xport_new(const struct tk_xport_ops *ops, struct tk_loop *loop,
                 const struct tk_xport_conf *conf, struct tk_xport **ret, struct tk_err *reterr);
struct tk_xport *tk_xport_free(struct tk_xport *x); /* NULL is allowed; returns NULL */

/* The transport for addresses of this family (AF_…), and the one of a socket that is there. */
const struct tk_xport_ops *tk_xport_of_family(int family);
const struct tk_xport_ops *tk_xport_of_socket(int fd);

/* Have tk_xport_free() break the connection off: it is reset, and no layer says goodbye. A Unix socket
 * cannot be reset: its peer sees an end, unless what it had sent was not read. */
void tk_xport_reset(struct tk_xport *x);

/* An end without hurry, for a connection that nothing more is wanted of. Goodbye: the layers say so (TLS:
 * close_notify), TCP does not, so that the peer closes first. Drain: take what came at the bottom into
 * `scratch`, unseen; 0 when the peer has closed, TK_E_AGAIN_READ when it has not, or an error. */
void tk_xport_goodbye(struct tk_xport *x);
int tk_xport_drain(struct tk_xport *x, void *scratch, size_t n);

/* Two ends of a pipe in memory on one loop (virtual or not): what one writes the other reads, at
 * once, with `capacity` bytes of buffer each way. The stamp is tk_clock_wall() at the write. */
int tk_mem_pair(struct tk_loop *loop, size_t capacity, struct tk_xport **ret_a,
                struct tk_xport **ret_b);

/* The io at the bottom of the stack, started with this callback; 0 or a negated errno. A second call
 * replaces callback, owner and want. */
int tk_xport_watch(struct tk_xport *x, unsigned want, tk_io_cb cb, void *owner);
struct tk_io *tk_xport_io(struct tk_xport *x);

/* When the connection below all layers was found established, 0 before. */
tk_ns tk_xport_connected_at(const struct tk_xport *x);

/* What went wrong in the last failed call, which returned `code`: never NULL, valid until the next. */
const char *tk_xport_detail(const struct tk_xport *x, int code);

static inline TK_UNUSED int tk_xport_handshake(struct tk_xport *x)
{
    return x->ops->handshake(x);
}

static inline TK_UNUSED int64_t tk_xport_read(struct tk_xport *x, void *buf, size_t cap,
                                              struct tk_stamp *ret_stamp)
{
    return x->ops->read(x, buf, cap, ret_stamp);
}

static inline TK_UNUSED int64_t tk_xport_write(struct tk_xport *x, const struct iovec *iov,
                                               int n_iov)
{
    return x->ops->write(x, iov, n_iov);
}

static inline TK_UNUSED bool tk_xport_pending(const struct tk_xport *x)
{
    return x->ops->pending && x->ops->pending(x);
}

/* A listening socket on `host`:`port` (0: any free one), backlog as large as the system allows,
 * non-blocking. The descriptor, or a negative code with detail; `ret_bound` (may be NULL) gets the real
 * address. */
int tk_listen(const char *host, uint16_t port, struct tk_addr *ret_bound, struct tk_err *reterr);

/* The same on a Unix socket (see tk_addr_unix()). What a server that is gone has left there is replaced;
 * who listens removes the file at the end, by tk_unlisten_unix(). -EADDRINUSE: somebody listens there;
 * -EEXIST: the file is no socket. */
int tk_listen_unix(const char *path, struct tk_err *reterr);
void tk_unlisten_unix(const char *path);

/* The next waiting connection (non-blocking, CLOEXEC), or TK_E_AGAIN_READ, or a negated errno. */
int tk_accept(int listener);

#endif
