/* xport.c - what all transports share, and listening sockets */
#include "net/xport.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/xport_priv.h"

const struct tk_xport_ops *const tk_xports[] = {
    &tk_xport_tcp,
    &tk_xport_tls,
    &tk_xport_mem,
    NULL,
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

/* --- listening --- */

static int listen_on(const struct tk_addr *a, struct tk_addr *ret_bound)
{
    int fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1, rc;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)); /* convenience only */
    tk__tcp_tune(fd); /* inherited: bytes that come before the accept are stamped too */
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
