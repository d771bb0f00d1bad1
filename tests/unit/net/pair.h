/* pair.h - two connected transports on one loop, and waiting for them; for the tests of net/ */
#ifndef TK_TESTS_UNIT_NET_PAIR_H
#define TK_TESTS_UNIT_NET_PAIR_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/xport.h"

struct pair {
    struct tk_loop *loop;
    struct tk_xport *client, *server;
};

static TK_UNUSED void pair_stop_loop(struct tk_io *io, unsigned ready)
{
    struct pair *p = io->owner;

    (void)ready;
    tk_loop_stop(p->loop);
}

/* Run the loop until one of the two is ready for what is waited for; a virtual loop also returns when
 * that cannot be. */
static TK_UNUSED void pair_wait(struct pair *p, unsigned client_want, unsigned server_want)
{
    if ((p->client && tk_xport_watch(p->client, client_want, pair_stop_loop, p)) ||
        (p->server && tk_xport_watch(p->server, server_want, pair_stop_loop, p)))
        abort();
    if (tk_loop_run(p->loop))
        abort();
    if (p->client)
        tk_io_want(tk_xport_io(p->client), 0);
    if (p->server)
        tk_io_want(tk_xport_io(p->server), 0);
}

static TK_UNUSED unsigned pair_want_of(int rc)
{
    return rc == TK_E_AGAIN_READ ? TK_IO_IN : rc == TK_E_AGAIN_WRITE ? TK_IO_OUT : 0;
}

/* Both handshakes until both are done or one failed. */
static TK_UNUSED void pair_handshake(struct pair *p, int *ret_client, int *ret_server)
{
    for (;;) {
        unsigned client_want, server_want;

        *ret_client = tk_xport_handshake(p->client);
        *ret_server = tk_xport_handshake(p->server);
        client_want = pair_want_of(*ret_client);
        server_want = pair_want_of(*ret_server);
        if ((!client_want && !server_want) || (*ret_client && !client_want) ||
            (*ret_server && !server_want))
            return;
        pair_wait(p, client_want, server_want);
    }
}

/* The server's end of a connection that is under way to `listener`. */
static TK_UNUSED int pair_accept(struct pair *p, int listener)
{
    struct tk_xport_conf conf = { 0 };
    struct tk_io io;
    int rc;

    tk_io_init(&io, listener, pair_stop_loop, p);
    rc = tk_io_start(p->loop, &io, TK_IO_IN);
    if (rc)
        return rc;
    rc = tk_loop_run(p->loop);
    tk_io_stop(&io);
    if (rc)
        return rc;
    conf.fd = tk_accept(listener);
    return conf.fd < 0
               ? conf.fd
               : tk_xport_new(tk_xport_of_socket(listener), p->loop, &conf, &p->server, NULL);
}

/* The same over a Unix socket in the abstract namespace, which leaves no file. */
static TK_UNUSED int pair_unix(struct pair *p)
{
    struct tk_xport_conf conf = { .fd = -1 };
    struct tk_addr addr;
    char name[64];
    int listener, rc;

    (void)snprintf(name, sizeof(name), "@tk-pair-%d", (int)getpid());
    rc = tk_addr_unix(name, &addr, NULL);
    listener = rc ? rc : tk_listen_unix(name, NULL);
    if (listener < 0)
        return listener;
    conf.peer = &addr;
    rc = tk_xport_new(&tk_xport_unix, p->loop, &conf, &p->client, NULL);
    if (rc == 0)
        rc = pair_accept(p, listener);
    close(listener);
    return rc;
}

/* A TCP pair on a real loop; the connection is made over a listener of its own. */
static TK_UNUSED int pair_tcp(struct pair *p)
{
    struct tk_xport_conf conf = { .fd = -1 };
    struct tk_addr bound;
    int listener = tk_listen("127.0.0.1", 0, &bound, NULL), rc;

    if (listener < 0)
        return listener;
    conf.peer = &bound;
    rc = tk_xport_new(&tk_xport_tcp, p->loop, &conf, &p->client, NULL);
    if (rc == 0)
        rc = pair_accept(p, listener);
    close(listener);
    return rc;
}

/* Put TLS over both ends. */
static TK_UNUSED int pair_add_tls(struct pair *p, struct tk_tls *client, struct tk_tls *server,
                                  const char *host, struct tk_err *reterr)
{
    struct tk_xport_conf conf = { .fd = -1, .tls = client, .host = host, .below = p->client };
    int rc;

    p->client = NULL;
    rc = tk_xport_new(&tk_xport_tls, p->loop, &conf, &p->client, reterr);
    if (rc)
        return rc;
    conf = (struct tk_xport_conf){ .fd = -1, .tls = server, .below = p->server };
    p->server = NULL;
    return tk_xport_new(&tk_xport_tls, p->loop, &conf, &p->server, reterr);
}

static TK_UNUSED void pair_release(struct pair *p)
{
    p->client = tk_xport_free(p->client);
    p->server = tk_xport_free(p->server);
}

#endif
