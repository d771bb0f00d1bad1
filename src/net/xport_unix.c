/* xport_unix.c - Unix sockets: a server on the same machine, without the network
 *
 *   init: socket, connect() --> connected, or failed --> handshake says which --> flow
 *                 \--> the server's queue is full --> again in a while
 *
 * The kernel stamps no bytes of a Unix socket, so `arrived_wall` is always 0: the instant of a read is
 * the clock right after it, and records and results say so.
 *
 * connect() does not wait here: it is done at once, or has failed. A listener whose queue is full
 * gives EAGAIN, and nothing tells when there is room (TCP would lose the SYN and send it again). So
 * the socket is kept aside, out of the poll, where it would be reported as hung up all the time, and a
 * timer tries again, after pauses that grow. The owner's time-out ends that.
 */
#include "net/xport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/xport_priv.h"

#define PAUSE_MIN TK_NS_PER_MS
#define PAUSE_MAX (50 * TK_NS_PER_MS)

struct un {
    struct tk_xport base;  /* must be first */
    struct tk_addr peer;   /* for further connect()s; empty for an accepted socket */
    struct tk_timer again; /* the next connect() */
    tk_ns pause_dur;       /* before it */
    int fd;                /* owned; the socket while it waits for room, -1 otherwise */
    int connect_rc;        /* outcome of connect(): 0, -EAGAIN or the error */
};

static struct un *un_of(struct tk_xport *x)
{
    return TK_CONTAINER_OF(x, struct un, base);
}

static void try_connect(struct un *u, int fd)
{
    int rc;

    do {
        rc = connect(fd, &u->peer.u.any, u->peer.n) < 0 ? -errno : 0;
    } while (rc == -EINTR);
    u->connect_rc = rc;
    if (rc == 0)
        u->base.connected_at = tk_clock_now();
}

/* The outcome is known: the socket goes into the poll, which calls the owner. */
static void settle(struct un *u)
{
    struct tk_io *io = &u->base.io;
    unsigned want = io->want;
    bool was_started = io->loop != NULL;
    int rc;

    tk_io_stop(io);
    io->fd = u->fd;
    u->fd = -1;
    if (!was_started)
        return;
    rc = tk_io_start(u->base.loop, io, want);
    if (rc == 0)
        return;
    u->connect_rc = rc; /* it cannot be watched: told by hand */
    (void)close(io->fd);
    io->fd = -1;
    (void)tk_io_start(u->base.loop, io, want); /* cannot fail without a descriptor */
    tk_io_raise(io, TK_IO_IN | TK_IO_OUT);
}

static void wait_for_room(struct un *u)
{
    int rc = tk_timer_set(u->base.loop, &u->again, tk_clock_now() + u->pause_dur);

    u->pause_dur = TK_MIN(2 * u->pause_dur, PAUSE_MAX);
    if (rc == 0)
        return;
    u->connect_rc = rc;
    settle(u);
}

static void on_again(struct tk_timer *t)
{
    struct un *u = t->owner;

    try_connect(u, u->fd);
    if (u->connect_rc == -EAGAIN)
        wait_for_room(u);
    else
        settle(u);
}

static int un_init(struct tk_xport *x, const struct tk_xport_conf *conf, struct tk_err *reterr)
{
    struct un *u = un_of(x);

    u->fd = -1;
    tk_timer_init(&u->again, on_again, u);
    if (conf->fd >= 0) {
        x->connected_at = tk_clock_now();
        return 0;
    }
    if (!conf->peer || conf->peer->u.any.sa_family != AF_UNIX)
        return tk_err_set(reterr, -EINVAL, "a connection needs the address of a Unix socket");
    u->peer = *conf->peer;
    u->pause_dur = PAUSE_MIN;
    x->io.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (x->io.fd < 0)
        return tk_err_set(reterr, -errno, "cannot make a socket: %s", strerrordesc_np(errno));
    try_connect(u, x->io.fd);
    if (u->connect_rc == -EAGAIN) {
        u->fd = x->io.fd;
        x->io.fd = -1;
        wait_for_room(u);
    }
    return 0;
}

static int un_handshake(struct tk_xport *x)
{
    const struct un *u = un_of(x);

    return u->connect_rc == -EAGAIN ? TK_E_AGAIN_WRITE : u->connect_rc;
}

static int64_t un_read(struct tk_xport *x, void *buf, size_t cap, struct tk_stamp *ret_stamp)
{
    long n;

    do { /* not libc's recv(): it is a point of cancellation, two locked instructions each */
        n = syscall(SYS_recvfrom, x->io.fd, buf, cap, 0, NULL, NULL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? TK_E_AGAIN_READ : -errno;
    if (n == 0)
        return 0;
    ret_stamp->seen_at = tk_clock_now(); /* before anything looks at the bytes */
    ret_stamp->arrived_wall = 0;
    return n;
}

static void un_release(struct tk_xport *x)
{
    struct un *u = un_of(x);

    tk_timer_stop(&u->again);
    if (u->fd >= 0)
        (void)close(u->fd);
}

const struct tk_xport_ops tk_xport_unix = {
    .name = "unix",
    .size = sizeof(struct un),
    .init = un_init,
    .handshake = un_handshake,
    .read = un_read,
    .write = tk__sock_write,
    .release = un_release,
    .cannot_reset = true,
};
