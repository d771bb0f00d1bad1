/* xport_tcp.c - TCP, with the kernel's receive stamp of every read
 *
 *   init: socket, options, connect() ---> handshake: connect() again says how it went ---> flow
 *
 * The stamp (SO_TIMESTAMPING, software, CLOCK_REALTIME) is that of the last segment which the read
 * took from. It is exact as long as each segment is read before the next one comes; where segments
 * waited together it is the last one's. The option is set before connect(), so that the very first
 * bytes carry one. A socket whose kernel refuses, or bytes that came before the kernel's stamping was
 * switched on (it does so in the background for the first socket of the whole machine that asks), have
 * stamp 0: the caller falls back to seen_at.
 *
 * connect() is called a second time to learn its outcome: one call says whether it is still going on
 * (EALREADY), failed or succeeded; SO_ERROR alone cannot tell the first from the last. An error that
 * connect() reports at once (no route, no free port) is kept for the handshake, so that all failures
 * to connect come the same way.
 */
#include "net/xport.h"

#include <time.h> /* before errqueue.h, which uses struct timespec without saying so */

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/xport_priv.h"

struct tcp {
    struct tk_xport base; /* must be first */
    struct tk_addr peer;  /* for the second connect(); empty for an accepted socket */
    int connect_rc;       /* outcome of connect(): 0, -EINPROGRESS or the error */
};

void tk__tcp_tune(int fd)
{
    int one = 1, stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* fails for Unix sockets */
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps));
}

/* One connect(), as an outcome for connect_rc. */
static int try_connect(struct tcp *t)
{
    if (connect(t->base.io.fd, &t->peer.u.any, t->peer.n) == 0 || errno == EISCONN)
        return 0;
    if (errno == EALREADY || errno == EINTR)
        return -EINPROGRESS;
    return -errno;
}

static void note_connected(struct tcp *t)
{
    if (t->connect_rc == 0)
        t->base.connected_at = tk_clock_now();
}

static int tcp_init(struct tk_xport *x, const struct tk_xport_conf *conf, struct tk_err *reterr)
{
    struct tcp *t = TK_CONTAINER_OF(x, struct tcp, base);

    if (conf->fd >= 0) {
        tk__tcp_tune(conf->fd);
        note_connected(t);
        return 0;
    }
    if (!conf->peer)
        return tk_err_set(reterr, -EINVAL, "a connection needs an address or a socket");
    t->peer = *conf->peer;
    x->io.fd = socket(t->peer.u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (x->io.fd < 0)
        return tk_err_set(reterr, -errno, "cannot make a socket: %s", strerrordesc_np(errno));
    tk__tcp_tune(x->io.fd);
    t->connect_rc = conf->source ? tk__bind_source(x->io.fd, conf->source) : 0;
    if (t->connect_rc == 0)
        t->connect_rc = try_connect(t);
    note_connected(t);
    return 0;
}

static int tcp_handshake(struct tk_xport *x)
{
    struct tcp *t = TK_CONTAINER_OF(x, struct tcp, base);

    if (t->connect_rc == -EINPROGRESS) {
        t->connect_rc = try_connect(t);
        note_connected(t);
    }
    return t->connect_rc == -EINPROGRESS ? TK_E_AGAIN_WRITE : t->connect_rc;
}

/* The software stamp among the control messages, 0 when there is none. */
static tk_ns kernel_stamp(struct msghdr *m)
{
    struct timespec t;

    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_TIMESTAMPING)
            continue;
        memcpy(&t, CMSG_DATA(h), sizeof(t)); /* the first of three: software */
        return t.tv_sec * TK_NS_PER_S + t.tv_nsec;
    }
    return 0;
}

static int64_t tcp_read(struct tk_xport *x, void *buf, size_t cap, struct tk_stamp *ret_stamp)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct scm_timestamping))];
    } control;
    struct iovec io = { .iov_base = buf, .iov_len = cap };
    struct msghdr m = {
        .msg_iov = &io,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    long n;

    do { /* not libc's recvmsg(): it is a point of cancellation, two locked instructions each */
        n = syscall(SYS_recvmsg, x->io.fd, &m, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? TK_E_AGAIN_READ : -errno;
    if (n == 0)
        return 0;
    ret_stamp->seen_at = tk_clock_now(); /* before anything looks at the bytes */
    ret_stamp->arrived_wall = kernel_stamp(&m);
    return n;
}

const struct tk_xport_ops tk_xport_tcp = {
    .name = "tcp",
    .size = sizeof(struct tcp),
    .init = tcp_init,
    .handshake = tcp_handshake,
    .read = tcp_read,
    .write = tk__sock_write,
};
