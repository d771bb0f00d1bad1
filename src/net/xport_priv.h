/* xport_priv.h - what the files of net/ share beyond the public headers */
#ifndef TK_NET_XPORT_PRIV_H
#define TK_NET_XPORT_PRIV_H

#include "net/xport.h"

/* A zeroed transport of this kind with its base filled; NULL when memory is out. */
struct tk_xport *tk__xport_alloc(const struct tk_xport_ops *ops, struct tk_loop *loop);

/* What every TCP socket of ours gets before bytes flow: no delay, receive stamps. A kernel that
 * refuses the stamps gives none. */
void tk__tcp_tune(int fd);

/* What transports over sockets have in common: their write. */
int64_t tk__sock_write(struct tk_xport *x, const struct iovec *iov, int n_iov);

/* Have a socket come from that address. Its port is chosen by connect(), by which one is free towards the
 * peer: chosen here it would have to be free towards everybody. 0 or a negated errno. */
int tk__bind_source(int fd, const struct tk_addr *source);

#endif
