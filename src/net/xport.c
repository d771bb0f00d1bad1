/* xport.c - what all transports share, and listening sockets */
#include "net/xport.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/xport_priv.h"

#define DRAINS_MAX 16 /* reads before others get their turn */
#define IOV_MOST 1024 /* the kernel's limit for one call (UIO_MAXIOV) */

const struct tk_xport_ops *const tk_xports[] = {
    &tk_xport_tcp, &tk_xport_unix, &tk_xport_tls, &tk_xport_mem, NULL,
};

struct tk_xport *tk__xport_alloc(const struct tk_xport_ops *ops, struct tk_loop *loop)
{
    struct tk_xport *x = calloc(1, ops->size);

    if (!x)
        return NULL;
    x->ops = ops;
    x->loop = loop;
    tk_io_init(&x->io, -1, NULL, NULL);
    return x;
}

int tk_xport_new(const struct tk_xport_ops *ops, struct tk_loop *loop,
                 const struct tk_xport_conf *conf, struct tk_xport **ret, struct tk_err *reterr)
{
    struct tk_xport *x = tk__xport_alloc(ops, loop);
    int rc;

    if (!x) {
        tk_xport_free(conf->below);
        if (conf->fd >= 0)
            close(conf->fd);
        return tk_err_set(reterr, -ENOMEM, "no memory for a connection");
    }
    /* Owned from here on, so that release() finds them whatever init() does. */
    x->below = conf->below;
    x->io.fd = conf->fd;
    rc = ops->init(x, conf, reterr);
    if (rc) {
        tk_xport_free(x);
        return rc;
    }
    *ret = x;
    return 0;
}

struct tk_xport *tk_xport_free(struct tk_xport *x)
{
    if (!x)
        return NULL;
    if (x->ops->release)
        x->ops->release(x);
    tk_xport_free(x->below);
    tk_io_stop(&x->io);
    if (x->io.fd >= 0)
        close(x->io.fd);
    free(x);
    return NULL;
}

void tk_xport_reset(struct tk_xport *x)
{
    const struct linger at_once = { .l_onoff = 1 };

    for (; x; x = x->below) {
        x->is_reset = true;
        if (x->io.fd >= 0) /* fails for Unix sockets, which cannot be reset */
            (void)setsockopt(x->io.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
}

static struct tk_xport *bottom_of(struct tk_xport *x)
{
    while (x->below)
        x = x->below;
    return x;
}

void tk_xport_goodbye(struct tk_xport *x)
{
    for (; x; x = x->below)
        if (x->ops->goodbye)
            x->ops->goodbye(x);
}

int tk_xport_drain(struct tk_xport *x, void *scratch, size_t n)
{
    struct tk_stamp stamp;
    int64_t rc = 1;

    x = bottom_of(x);
    for (int i = 0; rc > 0; i++)
        rc = i < DRAINS_MAX ? tk_xport_read(x, scratch, n, &stamp) : TK_E_AGAIN_READ;
    return (int)rc;
}

struct tk_io *tk_xport_io(struct tk_xport *x)
{
    return &bottom_of(x)->io;
}

int tk_xport_watch(struct tk_xport *x, unsigned want, tk_io_cb cb, void *owner)
{
    struct tk_io *io = tk_xport_io(x);

    io->cb = cb;
    io->owner = owner;
    if (!io->loop)
        return tk_io_start(x->loop, io, want);
    tk_io_want(io, want);
    return 0;
}

tk_ns tk_xport_connected_at(const struct tk_xport *x)
{
    while (x->below)
        x = x->below;
    return x->connected_at;
}

const char *tk_xport_detail(const struct tk_xport *x, int code)
{
    const char *text = x->ops->detail ? x->ops->detail(x) : NULL;

    return text ? text : tk_err_text(code);
}

const struct tk_xport_ops *tk_xport_of_family(int family)
{
    return family == AF_UNIX ? &tk_xport_unix : &tk_xport_tcp;
}

const struct tk_xport_ops *tk_xport_of_socket(int fd)
{
    struct sockaddr_storage a = { 0 };
    socklen_t n = sizeof(a);

    (void)getsockname(fd, (struct sockaddr *)&a, &n); /* what fails here is no Unix socket */
    return tk_xport_of_family(a.ss_family);
}

int64_t tk__sock_write(struct tk_xport *x, const struct iovec *iov, int n_iov)
{
    struct msghdr m = {
        .msg_iov = (struct iovec *)(uintptr_t)iov, /* sendmsg() does not write to it */
        .msg_iovlen = (size_t)TK_MIN(n_iov, IOV_MOST),
    };
    ssize_t n;

    do {
        n = sendmsg(x->io.fd, &m, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? TK_E_AGAIN_WRITE : -errno;
    return n;
}

/* --- listening --- */

static int listen_on(const struct tk_addr *a, struct tk_addr *ret_bound)
{
    int fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1, rc;

    if (fd < 0)
        return -errno;
    if (a->u.any.sa_family != AF_UNIX) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)); /* convenience only */
        tk__tcp_tune(fd); /* inherited: bytes that come before the accept are stamped too */
    }
    if (bind(fd, &a->u.any, a->n) < 0 || listen(fd, INT_MAX) < 0) { /* the kernel lowers it */
        rc = -errno;
        close(fd);
        return rc;
    }
    if (ret_bound) {
        *ret_bound = (struct tk_addr){ .n = sizeof(ret_bound->u) };
        (void)getsockname(fd, &ret_bound->u.any, &ret_bound->n); /* cannot fail here */
    }
    return fd;
}

int tk_listen(const char *host, uint16_t port, struct tk_addr *ret_bound, struct tk_err *reterr)
{
    struct tk_addrs addrs;
    char text[64];
    int rc = tk_addr_resolve(host, port, &addrs, reterr);

    if (rc)
        return rc;
    for (unsigned i = 0; i < addrs.n; i++) {
        rc = listen_on(&addrs.v[i], ret_bound);
        if (rc >= 0)
            return rc;
    }
    return tk_err_set(reterr, rc, "cannot listen on %s: %s",
                      tk_addr_format(&addrs.v[addrs.n - 1], text), tk_err_text(rc));
}

/* What is there when the name is taken: a socket that a server has left behind may go. */
static int remove_stale(const struct tk_addr *a)
{
    const char *path = a->u.un.sun_path;
    struct stat st;
    int fd, rc;

    if (path[0] == '\0' || lstat(path, &st) < 0)
        return -EADDRINUSE;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    rc = connect(fd, &a->u.any, a->n) < 0 ? -errno : 0;
    close(fd);
    if (rc != -ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(path) < 0 ? -errno : 0;
}

int tk_listen_unix(const char *path, struct tk_err *reterr)
{
    struct tk_addr a;
    int rc = tk_addr_unix(path, &a, reterr);

    if (rc)
        return rc;
    rc = listen_on(&a, NULL);
    if (rc == -EADDRINUSE) {
        rc = remove_stale(&a);
        if (rc == 0)
            rc = listen_on(&a, NULL);
    }
    if (rc >= 0)
        return rc;
    return tk_err_set(reterr, rc, "cannot listen on the Unix socket '%s': %s", path,
                      rc == -EEXIST ? "there is a file of another kind" : tk_err_text(rc));
}

void tk_unlisten_unix(const char *path)
{
    if (path[0] != '@')
        (void)unlink(path); /* gone is what it should be */
}

int tk_accept(int listener)
{
    int fd;

    do {
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED)); /* that one went; the next */
    if (fd >= 0)
        return fd;
    return errno == EAGAIN ? TK_E_AGAIN_READ : -errno;
}
