/* server.h - the server's half of HTTP/1.1, for the simulator
 *
 * Accepts on a listening socket, reads requests whole (a bound on everything), and lets the owner
 * answer at leisure: whole, or piece by piece. What the peer does not take is buffered, up to a
 * bound.
 */
#ifndef TK_HTTP_SERVER_H
#define TK_HTTP_SERVER_H

#include "base/def.h"
#include "base/err.h"
#include "ev/loop.h"
#include "http/headers.h"
#include "net/xport.h"

struct tk_tls;
struct tk_http_server;
struct tk_http_peer; /* a connection, seen from the server */

struct tk_http_request {
    struct tk_str method, target; /* valid during on_request */
    struct tk_headers headers;
    struct tk_str body; /* whole; valid during on_request; TK_JSON_PADDING readable bytes follow */
    struct tk_stamp stamp; /* of the read that brought its last byte */
    tk_ns accepted_at;     /* when the connection was accepted */
    uint64_t conn_id;      /* 1, 2, … in the order of acceptance */
    uint64_t n_on_conn;    /* 1 for the first request on its connection */
};

struct tk_http_server_conf {
    struct tk_loop *loop;
    int listener;       /* owned; -1: none, peers come by tk_http_server_adopt() */
    struct tk_tls *tls; /* NULL: plain; not owned */
    void *owner;
    size_t max_head_bytes, max_body_bytes; /* past them 431 and 413; 0: 64 KiB and 64 MiB */
    size_t max_unsent_bytes;               /* a peer that lets more pile up is cut; 0: 64 MiB */
    /* A request is whole. `peer` is alive until on_closed; owner data by tk_http_peer_set_data(). */
    void (*on_request)(void *owner, struct tk_http_peer *peer, const struct tk_http_request *r);
    /* The connection is gone (once for each peer, one that never asked too): closed by either side,
     * failed, or tk_http_server_free(). `is_mid_reply`: a request was handed on and its reply was not
     * finished. */
    void (*on_closed)(void *owner, struct tk_http_peer *peer, bool is_mid_reply);
};

/* 0, -ENOMEM or a negated errno; the listener is closed on failure. */
int tk_http_server_new(const struct tk_http_server_conf *conf, struct tk_http_server **ret);
/* Closes its peers, calling on_closed for each. Not in a callback of the server. NULL is allowed;
 * returns NULL. */
struct tk_http_server *tk_http_server_free(struct tk_http_server *s);
int tk_http_server_adopt(struct tk_http_server *s, struct tk_xport *x); /* for tests; owns x */

/* Bytes written by tk_http_reply* and tk_http_peer_raw that the peer has not taken yet. */
size_t tk_http_peer_unsent(const struct tk_http_peer *p);

void tk_http_peer_set_data(struct tk_http_peer *p, void *data);
void *tk_http_peer_data(const struct tk_http_peer *p);

/* Replies. Each call returns 0, or -EINVAL when it does not fit (no request is open, a piece outside
 * of a reply in pieces), or what makes the peer gone: -EPIPE and other errors of the transport,
 * TK_E_LIMIT (max_unsent_bytes), -ENOMEM. on_closed never comes during a call, always later. A request
 * that the peer sent meanwhile is handed on later too. A reply to HEAD and of status 204 or 304 has no
 * body: what is given as one is left out.
 * `headers`: extra lines, each ended by CRLF, or NULL. */

/* A whole reply with a length. */
int tk_http_reply(struct tk_http_peer *p, int status, const char *content_type, const char *headers,
                  struct tk_str body);

/* A reply in pieces, chunked. Each piece is one chunk and one write (TCP_NODELAY), so its instant is
 * known: the clock just before the write is returned in *ret_at (may be NULL). An empty piece is
 * nothing. To a peer of HTTP/1.0 the pieces go without chunks, and the end is a close. */
int tk_http_reply_begin(struct tk_http_peer *p, int status, const char *content_type,
                        const char *headers);
int tk_http_reply_piece(struct tk_http_peer *p, struct tk_str piece, tk_ns *ret_at);
int tk_http_reply_end(struct tk_http_peer *p); /* the last chunk; the peer may ask again */

/* Bytes straight to the transport, past all framing: for faults on purpose. In order with the rest. */
int tk_http_peer_raw(struct tk_http_peer *p, struct tk_str bytes);
/* Close: orderly once everything was sent, or with a reset at once (what is unsent is dropped).
 * on_closed follows later. */
void tk_http_peer_close(struct tk_http_peer *p, bool is_reset);

#endif
