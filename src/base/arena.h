/* arena.h - memory that is freed all at once
 *
 * For what lives as long as its owner: a configuration, a data set, a plan. Not thread-safe.
 */
#ifndef TK_BASE_ARENA_H
#define TK_BASE_ARENA_H

#include "base/def.h"

struct tk_arena_block;

struct tk_arena {
    struct tk_arena_block *block; /* newest block; private: read by arena.c only */
    size_t used_bytes;            /* sum of what was handed out */
    size_t max_bytes;             /* never hands out more than this; 0 is no limit */
};

void tk_arena_init(struct tk_arena *a, size_t max_bytes);
void tk_arena_release(struct tk_arena *a); /* frees everything; may be called twice */

/* `n` bytes, zeroed, aligned for any type; NULL when memory is out or the maximum was reached. */
void *tk_arena_alloc(struct tk_arena *a, size_t n);

/* A NUL-terminated copy of `s`; NULL as above. */
char *tk_arena_dup(struct tk_arena *a, struct tk_str s);

/* The same as a slice; .p is NULL when memory is out. */
struct tk_str tk_arena_dup_str(struct tk_arena *a, struct tk_str s);

#endif
