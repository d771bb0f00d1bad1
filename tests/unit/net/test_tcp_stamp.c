/* test_tcp_stamp.c - the kernel's receive stamp, listening, and connections that fail */
#include "net/xport.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/clock.h"

#include "lib/tap.h"
#include "pair.h"

/* How far the wall clock may have been pushed between a stamp and the measurement of its offset. */
#define SANE_DUR (10 * TK_NS_PER_MS)
#define ROUNDS 500

static struct tk_loop *loop;

/* Send a byte and read it; true when the read had a kernel's stamp. */
static bool round_trip(struct pair *p, tk_ns *ret_sent_at, struct tk_stamp *ret_stamp)
{
    struct iovec iov = { (void *)(uintptr_t) "x", 1 };
    char c;
    int64_t rc;

    *ret_sent_at = tk_clock_now();
    if (tk_xport_write(p->client, &iov, 1) != 1)
        abort();
    while ((rc = tk_xport_read(p->server, &c, 1, ret_stamp)) == TK_E_AGAIN_READ)
        pair_wait(p, 0, TK_IO_IN);
    if (rc != 1)
        abort();
    return ret_stamp->arrived_wall != 0;
}

static void test_stamp(void)
{
    int n_stamped = 0, n_before_send = 0, n_after_seen = 0, n_backwards = 0;
    struct pair p = { .loop = loop };
    tk_ns last = 0;
    int rc = pair_tcp(&p);

    T_EQ_I(rc, 0, "a pair");
    if (rc)
        return;
    for (int i = 0; i < ROUNDS; i++) {
        struct tk_wall_offset offset;
        struct tk_stamp stamp;
        tk_ns sent_at, arrived_at;

        if (!round_trip(&p, &sent_at, &stamp))
            continue; /* the kernel switches its stamping on in the background */
        offset = tk_clock_offset(10);
        arrived_at = stamp.arrived_wall - offset.offset;
        n_stamped++;
        n_before_send += arrived_at < sent_at - offset.error - SANE_DUR;
        n_after_seen += arrived_at > stamp.seen_at + offset.error + SANE_DUR;
        n_backwards += stamp.seen_at < last;
        last = stamp.seen_at;
    }
    pair_release(&p);
    if (n_stamped == 0) {
        T_SKIP("the kernel gives no receive stamps here");
        return;
    }
    T_EQ_I(n_before_send, 0, "no byte of %d arrived before it was sent", n_stamped);
    T_EQ_I(n_after_seen, 0, "none after it was read");
    T_EQ_I(n_backwards, 0, "reads go forward in time");
}

static int connect_to(const struct tk_addr *peer)
{
    struct tk_xport_conf conf = { .peer = peer, .fd = -1 };
    struct pair p = { .loop = loop };
    int rc;

    T_EQ_I(tk_xport_new(&tk_xport_tcp, loop, &conf, &p.client, NULL), 0, "begins to connect");
    while ((rc = tk_xport_handshake(p.client)) == TK_E_AGAIN_WRITE)
        pair_wait(&p, TK_IO_OUT, 0);
    T_EQ_I(tk_xport_handshake(p.client), rc, "the outcome stays");
    T_OK(rc == 0 || tk_xport_connected_at(p.client) == 0, "not connected, no instant");
    pair_release(&p);
    return rc;
}

static void test_refused(void)
{
    struct tk_addr bound;
    int listener = tk_listen("127.0.0.1", 0, &bound, NULL);

    T_OK(listener >= 0, "listens");
    T_EQ_I(tk_accept(listener), TK_E_AGAIN_READ, "nobody came");
    T_EQ_I(connect_to(&bound), 0, "connects");
    close(listener);
    T_EQ_I(connect_to(&bound), -ECONNREFUSED, "nobody listens any more");
    bound.u.v4.sin_addr.s_addr = htonl(INADDR_BROADCAST);
    T_OK(connect_to(&bound) < 0, "an address that cannot be connected to");
    T_EQ_I(tk_accept(-1), -EBADF, "no listener");
}

static void test_listen_fails(void)
{
    struct tk_addr bound;
    struct tk_err err = { 0 };
    int listener = tk_listen("127.0.0.1", 0, &bound, &err);

    T_OK(listener >= 0 && bound.u.v4.sin_port != 0, "a free port was found");
    T_EQ_I(tk_listen("127.0.0.1", ntohs(bound.u.v4.sin_port), NULL, &err), -EADDRINUSE, "%s",
           err.msg);
    T_OK(strstr(err.msg, "cannot listen on 127.0.0.1:") != NULL, "says where");
    T_EQ_I(tk_listen("[::1]", 0, NULL, &err), TK_E_RESOLVE, "%s", err.msg);
    close(listener);
}

static void test_no_descriptors(void)
{
    struct tk_xport_conf conf = { .fd = -1 };
    struct rlimit old, none;
    struct tk_addr bound;
    struct tk_xport *x = NULL;
    struct tk_err err = { 0 };
    int listener = tk_listen("127.0.0.1", 0, &bound, NULL);

    getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
    setrlimit(RLIMIT_NOFILE, &none);
    conf.peer = &bound;
    T_EQ_I(tk_xport_new(&tk_xport_tcp, loop, &conf, &x, &err), -EMFILE, "%s", err.msg);
    T_EQ_I(tk_listen("127.0.0.1", 0, NULL, &err), -EMFILE, "%s", err.msg);
    setrlimit(RLIMIT_NOFILE, &old);
    close(listener);
}

int main(void)
{
    T_EQ_I(tk_loop_new(TK_LOOP_REAL, &loop), 0, "a loop");
    test_stamp();
    test_refused();
    test_listen_fails();
    test_no_descriptors();
    loop = tk_loop_free(loop);
    return T_DONE();
}
