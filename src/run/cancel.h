/* cancel.h - which requests the client gives up in mid-reply because the plan says so, and where
 *
 * A function of the plan and of the request's index, so it is the same whatever the number of workers.
 */
#ifndef TK_RUN_CANCEL_H
#define TK_RUN_CANCEL_H

#include "base/def.h"

/* Share of the requests of the measured phase, and the point. Neither `tokens` nor `after`: a number
 * of tokens is drawn for each request, from 1 to what it asks for, less one. */
struct tk_plan_cancel {
    double share;    /* 0 … 1; 0: none is given up */
    uint32_t tokens; /* after so many tokens; 0: not by tokens */
    tk_ns after;     /* so long after it was sent; 0: not by time */
};

/* Where a request is given up; both 0: it is not. Tokens are counted as the server says with every chunk,
 * where it does; else each chunk is one. */
struct tk_cancel_point {
    uint32_t tokens;
    tk_ns after;
};

/* A request that does not say how many tokens it asks for gets its draw from 1 to this. */
#define TK_CANCEL_OPEN_TOKENS 128

/* The point of request `index`, of `asked` tokens (-1: open). Of every twenty requests, in the order
 * of the plan, there is the share, up to rounding: which ones is drawn by the seed. */
struct tk_cancel_point tk_cancel_point(const struct tk_plan_cancel *c, uint64_t seed,
                                       uint64_t index, int64_t asked);

#endif
