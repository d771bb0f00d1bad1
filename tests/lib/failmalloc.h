/* failmalloc.h - count allocations, and let the n-th one fail
 *
 * Covers malloc, calloc, realloc, reallocarray, aligned_alloc, posix_memalign, strdup and strndup as called
 * by tokmark's own objects and llhttp (the linker's --wrap does it, sanitizer builds included). Calls made
 * inside shared libraries, `operator new` among them, pass by.
 *
 * The loop that every module with allocations has in its test:
 *
 *   for (int n = 1; ; n++) {
 *       tk_failmalloc_at(n);
 *       rc = tk_thing_init(&t);
 *       if (!tk_failmalloc_off())
 *           break; // it got through with fewer than n allocations: done (rc is 0, t is live)
 *       T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
 *   }
 */
#ifndef TK_TESTS_FAILMALLOC_H
#define TK_TESTS_FAILMALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* From now on the n-th allocation (1 is the next one) fails with ENOMEM, once. All threads count. */
void tk_failmalloc_at(int64_t n);

/* The same, and all those after it. */
void tk_failmalloc_from(int64_t n);

/* No more failures. Returns whether one was reached since _at() or _from(). */
bool tk_failmalloc_off(void);

/* Allocations asked for since the program began, failed ones included. */
int64_t tk_failmalloc_count(void);

/* Those of the calling thread. */
int64_t tk_failmalloc_count_here(void);

#endif
