/* guard.h - a buffer that ends where an unmapped page begins
 *
 * Reading or writing one byte past the end, or before the page it starts in, kills the test on the spot.
 */
#ifndef TK_TESTS_GUARD_H
#define TK_TESTS_GUARD_H

#include <stddef.h>

struct tk_guard {
    char *p;          /* the buffer; p + n is unmapped */
    size_t n;         /* its bytes */
    void *map;        /* private: the mapping with both guard pages */
    size_t map_bytes; /* private */
};

/* Map `n` writable bytes, copied from `bytes` unless that is NULL. Returns the buffer, also as g->p; ends the
 * test program when there is no memory. An earlier buffer of the same `g` must have been released. */
char *tk_guard_init(struct tk_guard *g, const void *bytes, size_t n);

void tk_guard_release(struct tk_guard *g);

#endif
