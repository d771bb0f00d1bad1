/* buf.h - growing bytes with a maximum
 *
 * An append that would pass the maximum, or for which there is no memory, changes nothing and
 * returns the code; the buffer also remembers it (`failed`), so that a writer of many pieces may
 * look once at the end.
 */
#ifndef TK_BASE_BUF_H
#define TK_BASE_BUF_H

#include "base/def.h"

struct tk_buf {
    char *p;    /* the bytes, followed by at least one NUL when not NULL; owned */
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* never holds more than this */
    int failed; /* code of the first append that failed, 0 when none did */
};

#define TK_BUF_INIT(max_bytes) \
    {                          \
        .max = (max_bytes)     \
    }

void tk_buf_init(struct tk_buf *b, size_t max_bytes);
void tk_buf_release(struct tk_buf *b); /* free the content; may be called twice */
void tk_buf_reset(struct tk_buf *b);   /* forget the content and `failed`, keep the capacity */

/* 0, TK_E_LIMIT or -ENOMEM; _addf also -EINVAL when printf refuses. What is added must not lie in the
 * buffer itself. _add of no bytes makes room for the NUL all the same. */
int tk_buf_reserve(struct tk_buf *b, size_t more); /* make room for `more` bytes behind n */
int tk_buf_add(struct tk_buf *b, const void *p, size_t n);
int tk_buf_add_str(struct tk_buf *b, struct tk_str s);
int tk_buf_add_z(struct tk_buf *b, const char *z);
int tk_buf_add_c(struct tk_buf *b, char c);
int tk_buf_addf(struct tk_buf *b, const char *fmt, ...) TK_PRINTF(2, 3);

/* Take the first `n` bytes off, all of them when there are fewer. Moves the rest. */
void tk_buf_consume(struct tk_buf *b, size_t n);

/* The content as a slice, valid until the next change. */
struct tk_str tk_buf_str(const struct tk_buf *b);

#endif
