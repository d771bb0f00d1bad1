/* pipe.h - things made by several threads, taken by one in their order
 *
 * Prompts cost time to make and have to stand in an order, some draw random numbers in it: what does
 * not depend on the order is done by all threads, the rest by the caller's, which takes one after the
 * other. No more things wait than there are slots.
 */
#ifndef TK_DATA_PIPE_H
#define TK_DATA_PIPE_H

#include <stdatomic.h>

#include "base/def.h"
#include "token/tokenizer.h"

struct tk__pipe {
    size_t n;           /* things */
    unsigned n_threads; /* 0: as many as there are processors for the process */
    bool is_long;       /* work for many seconds: threads get large scratches */
    const _Atomic bool
        *is_beside;    /* once set, all threads, the caller's too, take idle processor time
                                      alone from then on; NULL: never */
    size_t slot_bytes; /* of a thing under way; zero at first, used for one thing after the other */
    void *owner;
    /* Begin thing `i`: any thread, in any order. What fails is noted in the slot. */
    void (*make)(void *owner, struct tk_tok_scratch *s, size_t i, void *slot);
    /* Finish it: the caller's thread, in order. 0, or a code, which ends all. */
    int (*take)(void *owner, struct tk_tok_scratch *s, size_t i, void *slot);
    void (*release)(void *slot); /* at the end, of each slot */
};

/* 0, -ENOMEM, or what `take` returned. */
int tk__pipe_run(const struct tk__pipe *p);

#endif
