/* xport_mem.c - two ends of a pipe in memory, for tests in virtual time and for servers in process
 *
 *   a: [ring of what b wrote] <-- write -- b          Each end owns the ring that it reads from; the
 *   a -- write --> [ring of what a wrote] :b          other end, while it lives, writes into it.
 *
 * It behaves as TCP does, as far as a user can tell: writes may be partial, a full ring asks for
 * another time, what was written before the peer went is still read, a peer that went with bytes
 * unread is a reset. Readiness is level-triggered (tk_io_set_level()): IN while there is something
 * to read or the end to be told, OUT while the peer's ring has room or the peer is gone, HUP after a
 * reset.
 *
 * The stamp is the wall clock of the last write: TCP's of the last segment. It is exact when each write
 * is read before the clock moves on, which a virtual loop guarantees to a reader that always wants IN.
 */
#include "net/xport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/xport_priv.h"

struct mem {
    struct tk_xport base; /* must be first */
    struct mem *peer;     /* NULL when it was freed */
    char *ring;           /* of what the peer wrote; owned */
    size_t cap;           /* bytes of the ring */
    size_t head;          /* index of the oldest byte */
    size_t n;             /* bytes to read */
    tk_ns written_wall;   /* of the peer's last write */
    bool was_reset;       /* the peer went with bytes unread, and it was not told yet */
};

static struct mem *mem_of(struct tk_xport *x)
{
    return TK_CONTAINER_OF(x, struct mem, base);
}

/* Say what is ready at this end. */
static void tell(struct mem *m)
{
    unsigned level = 0;

    if (m->n > 0 || !m->peer)
        level |= TK_IO_IN;
    if (!m->peer || m->peer->n < m->peer->cap)
        level |= TK_IO_OUT;
    if (m->was_reset)
        level |= TK_IO_HUP;
    if (level != m->base.io.level)
        tk_io_set_level(&m->base.io, level);
}

static int mem_init(struct tk_xport *x, const struct tk_xport_conf *conf, struct tk_err *reterr)
{
    (void)x;
    (void)conf;
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "transports in memory are made in pairs");
}

static int mem_handshake(struct tk_xport *x)
{
    (void)x;
    return 0;
}

/* Copy `n` bytes out of the ring. */
static void take(struct mem *m, char *buf, size_t n)
{
    size_t first = TK_MIN(n, m->cap - m->head);

    memcpy(buf, m->ring + m->head, first);
    memcpy(buf + first, m->ring, n - first);
    m->n -= n;
    m->head = m->n ? (m->head + n) % m->cap : 0;
}

/* Copy into the ring as much of [p, p+n) as it holds; how much that was. */
static size_t put(struct mem *m, const char *p, size_t n)
{
    size_t tail = (m->head + m->n) % m->cap, first;

    n = TK_MIN(n, m->cap - m->n);
    first = TK_MIN(n, m->cap - tail);
    if (n > 0) {
        memcpy(m->ring + tail, p, first);
        memcpy(m->ring, p + first, n - first);
        m->n += n;
    }
    return n;
}

static int64_t mem_read(struct tk_xport *x, void *buf, size_t cap, struct tk_stamp *ret_stamp)
{
    struct mem *m = mem_of(x);
    size_t n = TK_MIN(cap, m->n);

    if (n > 0) {
        take(m, buf, n);
        ret_stamp->seen_at = tk_clock_now();
        ret_stamp->arrived_wall = m->written_wall;
        tell(m);
        if (m->peer)
            tell(m->peer);
        return (int64_t)n;
    }
    if (m->peer)
        return TK_E_AGAIN_READ;
    if (!m->was_reset)
        return 0;
    m->was_reset = false;
    tell(m);
    return -ECONNRESET;
}

static int64_t mem_write(struct tk_xport *x, const struct iovec *iov, int n_iov)
{
    struct mem *m = mem_of(x), *peer = m->peer;
    size_t total = 0;

    if (!peer)
        return -EPIPE;
    if (peer->n == peer->cap)
        return TK_E_AGAIN_WRITE;
    for (int i = 0; i < n_iov; i++)
        total += put(peer, iov[i].iov_base, iov[i].iov_len);
    peer->written_wall = tk_clock_wall();
    tell(peer);
    tell(m);
    return (int64_t)total;
}

static void mem_release(struct tk_xport *x)
{
    struct mem *m = mem_of(x);

    if (m->peer) {
        m->peer->peer = NULL;
        m->peer->was_reset = x->is_reset || m->n > 0;
        tell(m->peer);
    }
    free(m->ring);
}

static struct mem *new_end(struct tk_loop *loop, size_t capacity)
{
    struct tk_xport *x = tk__xport_alloc(&tk_xport_mem, loop);
    struct mem *m;

    if (!x)
        return NULL;
    m = mem_of(x);
    x->connected_at = tk_clock_now();
    m->cap = capacity;
    m->ring = malloc(capacity);
    if (!m->ring) {
        tk_xport_free(x);
        return NULL;
    }
    return m;
}

int tk_mem_pair(struct tk_loop *loop, size_t capacity, struct tk_xport **ret_a,
                struct tk_xport **ret_b)
{
    struct mem *a, *b;

    if (capacity == 0)
        return -EINVAL;
    a = new_end(loop, capacity);
    if (!a)
        return -ENOMEM;
    b = new_end(loop, capacity);
    if (!b) {
        tk_xport_free(&a->base);
        return -ENOMEM;
    }
    a->peer = b;
    b->peer = a;
    tell(a);
    tell(b);
    *ret_a = &a->base;
    *ret_b = &b->base;
    return 0;
}

const struct tk_xport_ops tk_xport_mem = {
    .name = "mem",
    .size = sizeof(struct mem),
    .init = mem_init,
    .handshake = mem_handshake,
    .read = mem_read,
    .write = mem_write,
    .release = mem_release,
};
