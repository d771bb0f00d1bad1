/* h1_request.h - the requests of an HTTP/1 client, parsed from bytes; shared inside http only
 *
 * The server's counterpart of h1.h: collects one request whole, head and body, then stands still at
 * its last byte.
 */
#ifndef TK_HTTP_H1_REQUEST_H
#define TK_HTTP_H1_REQUEST_H

#include <llhttp.h>

#include "base/buf.h"
#include "base/def.h"
#include "http/head.h"
#include "http/server.h"

/* What the peers of a server share. */
struct tk__h1req_env {
    size_t max_head_bytes, max_body_bytes;
    struct tk__heads heads;
};

struct tk__h1req {
    struct tk__h1req_env *env;
    int failed;          /* the code that stopped it; sticks */
    int status;          /* after a failure: what to answer, 400, 413, 431 or 500 */
    bool is_begun;       /* a byte of the request came */
    bool is_whole;       /* the request is complete */
    bool wants_continue; /* the head is complete and the client waits for 100 (Continue) */
    bool is_keep_alive;  /* when whole: the client keeps the connection */
    bool is_http10;      /* when whole: it knows no chunks */
    /* private: read by h1_request.c only */
    bool is_body;          /* the head is complete */
    bool is_slice;         /* the body so far is `slice`, not in `body` */
    size_t head_bytes;     /* as sent */
    size_t frame_bytes;    /* as sent, behind the head */
    size_t body_bytes;     /* without chunk framing */
    struct tk_str slice;   /* into the bytes that are being fed */
    struct tk_buf body;    /* when it spans feeds or chunks */
    struct tk__head *head; /* from the first byte on */
    llhttp_t parser;
};

void tk__h1req_init(struct tk__h1req *r, struct tk__h1req_env *env);
void tk__h1req_release(struct tk__h1req *r);

/* Before each request but the first; what the last view gave is invalid then. */
void tk__h1req_begin(struct tk__h1req *r);

/* Take bytes: all, or up to the request's last one (is_whole), or up to the head's when
 * wants_continue turned true. TK_JSON_PADDING readable bytes must follow. The number taken, or
 * TK_E_PROTO, TK_E_LIMIT, -ENOMEM with `status`. */
int64_t tk__h1req_feed(struct tk__h1req *r, const char *p, size_t n);

/* Fill method, target, headers and body of a whole request. They live as long as the bytes of the
 * last feed, and until the next begin. */
void tk__h1req_view(struct tk__h1req *r, struct tk_http_request *ret);

#endif
