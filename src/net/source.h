/* source.h - the local addresses that connections go out from
 *
 * A connection is told from others by both addresses and both ports, so to one server there are as many
 * from one address as there are local ports; a second address has as many again.
 */
#ifndef TK_NET_SOURCE_H
#define TK_NET_SOURCE_H

#include "net/addr.h"

#define TK_SOURCES_MAX 1024

struct tk_sources {
    struct tk_addr *v; /* owned; of no family: the system chooses */
    unsigned n;        /* 0: the system chooses */
    bool is_spare;     /* the first as long as it has ports, then the next; else each in turn */
};

/* "10.0.0.1,10.0.0.2", "10.0.0.1-10.0.0.9", "fe80::1-fe80::4": literal addresses of this machine and
 * ranges of them. 0, TK_E_FORMAT, TK_E_LIMIT (more than TK_SOURCES_MAX), -EADDRNOTAVAIL (one is not of
 * this machine), -ENOMEM. */
int tk_sources_parse(const char *list, struct tk_sources *ret, struct tk_err *reterr);

/* For a server on this machine's 127.0.0.1 and the like: what the system chooses, and when that is out
 * of ports 127.0.0.2 … 127.0.0.17, which every Linux has. Nothing for another server. 0 or -ENOMEM. */
int tk_sources_spare(const struct tk_addrs *server, struct tk_sources *ret);

/* Keep of the server's addresses those for which there is a source of their kind. 0 or TK_E_NOT_FOUND. */
int tk_sources_fit(const struct tk_sources *s, struct tk_addrs *server, struct tk_err *reterr);

/* The source to go to `peer` from: the one at index *at or the next that fits, whose index is put there.
 * NULL: the system chooses. */
const struct tk_addr *tk_sources_pick(const struct tk_sources *s, const struct tk_addr *peer,
                                      unsigned *at);

void tk_sources_release(struct tk_sources *s);

/* The range of ports that the system gives out, from /proc/sys; 32768-60999 where that cannot be read. */
struct tk_port_range {
    unsigned first, last;
};
struct tk_port_range tk_port_range(void);

#endif
