/* head.h - the fields of one head as a parser finds them; shared inside http only
 *
 * A parser gives names and values in pieces, cut where reads were cut. They are collected in a buffer
 * with a bound, and become slices when the head is whole. Collectors are pooled: only a head under way
 * needs one, so a thousand connections share a few.
 */
#ifndef TK_HTTP_HEAD_H
#define TK_HTTP_HEAD_H

#include "base/buf.h"
#include "base/def.h"
#include "http/headers.h"

struct tk__head {
    struct tk__head *next;     /* in the pool's free list */
    struct tk_headers headers; /* after tk__head_finish() */
    struct tk_buf text;        /* target, names and values, one behind the other */
    size_t target_n;           /* bytes of the request's target, at the start of text */
    struct {
        uint32_t name_at, value_at, end; /* offsets in text */
    } field[TK_HTTP_MAX_HEADERS];
    unsigned n;    /* fields, the open one not counted */
    bool is_open;  /* a name has begun */
    bool is_value; /* of the open field: its value has begun */
};

struct tk__heads {
    struct tk__head *free;
    size_t max_bytes; /* of one head's text */
};

/* An empty collector; NULL when memory is out. */
struct tk__head *tk__head_take(struct tk__heads *pool);
struct tk__head *tk__head_give(struct tk__heads *pool, struct tk__head *h); /* NULL is allowed */
void tk__heads_release(struct tk__heads *pool); /* frees those in the pool */

void tk__head_reset(struct tk__head *h); /* forget what was collected */

/* Pieces in the order of the text. 0, TK_E_LIMIT, -ENOMEM. */
int tk__head_add_target(struct tk__head *h, const char *p, size_t n);
int tk__head_add_name(struct tk__head *h, const char *p, size_t n);
int tk__head_add_value(struct tk__head *h, const char *p, size_t n);
void tk__head_end_field(struct tk__head *h); /* also for a field without a value */

/* Make the slices; they live until the head is given back or reset. */
const struct tk_headers *tk__head_finish(struct tk__head *h);

#endif
