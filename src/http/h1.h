/* h1.h - the reply of an HTTP/1 server, parsed from bytes; shared inside http only
 *
 * A function over state and bytes: no I/O, no clock. Gives the head, then decoded pieces of the body,
 * then is done; stands still at the reply's last byte. However the bytes are cut, head, body (joined)
 * and outcome are the same.
 */
#ifndef TK_HTTP_H1_H
#define TK_HTTP_H1_H

#include <llhttp.h>

#include "base/def.h"
#include "http/client.h"
#include "http/head.h"
#include "http/inflate.h"

struct tk__h1;

/* Either may return a negative code to stop: feed() returns it. */
struct tk__h1_calls {
    int (*on_head)(struct tk__h1 *h, int status, const struct tk_headers *headers);
    int (*on_data)(struct tk__h1 *h, struct tk_str data);
};

/* What the parsers of one thread share. */
struct tk__h1_env {
    struct tk_http_limits limits;
    const struct tk__h1_calls *calls;
    struct tk__heads heads;
    struct tk_str out; /* room for decompressed bytes, TK_JSON_PADDING readable behind; owned */
};

/* 0 or -ENOMEM. */
int tk__h1_env_init(struct tk__h1_env *env, struct tk_http_limits limits,
                    const struct tk__h1_calls *calls);
void tk__h1_env_release(struct tk__h1_env *env); /* after its parsers */

struct tk__h1 {
    struct tk__h1_env *env;
    const char *detail; /* after a failure: words for people, static; NULL when there are none */
    int failed;         /* the code that stopped it; sticks until the next begin */
    bool is_done;       /* the reply is whole */
    bool is_keep_alive; /* when done: the server keeps the connection */
    /* private: read by h1.c only */
    bool is_head_due;            /* the head is whole, to be handed on */
    bool is_body;                /* the head was handed on */
    bool is_interim;             /* this head is a 1xx */
    uint8_t coding;              /* enum tk__coding of the body */
    struct tk__head *head;       /* while a head is collected */
    struct tk__inflate *inflate; /* from the first compressed reply on */
    size_t head_bytes;           /* of all heads of this reply, 1xx included, as sent */
    size_t frame_bytes;          /* as sent, behind the head */
    size_t body_bytes;           /* without chunk framing */
    const char *fed;             /* what llhttp is given in this call */
    size_t decoded_bytes;        /* handed on */
    llhttp_t parser;
};

void tk__h1_init(struct tk__h1 *h, struct tk__h1_env *env);
void tk__h1_release(struct tk__h1 *h);

/* Before each reply. */
void tk__h1_begin(struct tk__h1 *h);

/* Take bytes up to the reply's end: the number taken (all, unless the reply was whole before), or
 * TK_E_PROTO, TK_E_LIMIT, TK_E_UNSUPPORTED (a content coding), -ENOMEM, a code of a callback. `n` is
 * above 0 and the reply is not done. */
int64_t tk__h1_feed(struct tk__h1 *h, const char *p, size_t n);

/* The peer closed: 0 when that ends the reply (is_done), otherwise TK_E_EOF_EARLY. */
int tk__h1_eof(struct tk__h1 *h);

#endif
