/* addr.h - where a peer is: resolved before the load starts, so that no look-up is measured */
#ifndef TK_NET_ADDR_H
#define TK_NET_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/def.h"
#include "base/err.h"

#define TK_ADDR_MAX 16 /* addresses kept for a name */

struct tk_addr {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } u;
    socklen_t n; /* bytes of u in use */
};

struct tk_addrs {
    struct tk_addr v[TK_ADDR_MAX];
    unsigned n;
};

/* Look `host` (a name, or a literal of IPv4 or IPv6 without brackets) up; blocks. In the order in
 * which the system prefers them. 0, TK_E_RESOLVE with the resolver's words, -ENOMEM. */
int tk_addr_resolve(const char *host, uint16_t port, struct tk_addrs *ret, struct tk_err *reterr);

/* A Unix socket: a path, or "@name" for one in the abstract namespace, which has no file. 0 or TK_E_RANGE
 * (empty, or longer than the 107 bytes that an address holds). */
int tk_addr_unix(const char *path, struct tk_addr *ret, struct tk_err *reterr);

/* "127.0.0.1:80", "[::1]:80", "unix:/run/x" (of a long path its end); `out` has 64 bytes. */
const char *tk_addr_format(const struct tk_addr *a, char *out);

#endif
