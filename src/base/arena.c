#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 * 1024)
#define ALIGN _Alignof(max_align_t)

struct tk_arena_block {
    struct tk_arena_block *next; /* older block */
    size_t used, cap;            /* bytes of data[] */
    max_align_t data[];
};

void tk_arena_init(struct tk_arena *a, size_t max_bytes)
{
    *a = (struct tk_arena){ .max_bytes = max_bytes };
}

void tk_arena_release(struct tk_arena *a)
{
    for (struct tk_arena_block *b = a->block, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->block = NULL;
    a->used_bytes = 0;
}

static struct tk_arena_block *add_block(struct tk_arena *a, size_t n)
{
    bool is_big = n > BLOCK_BYTES / 4;
    size_t cap = is_big ? n : BLOCK_BYTES;
    struct tk_arena_block *b = malloc(sizeof(*b) + cap);
    if (!b)
        return NULL;
    b->used = 0;
    b->cap = cap;
    /* A big piece gets a block of its own size, behind the one that still has room. */
    if (a->block && is_big) {
        b->next = a->block->next;
        a->block->next = b;
    } else {
        b->next = a->block;
        a->block = b;
    }
    return b;
}

void *tk_arena_alloc(struct tk_arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (a->max_bytes && (n > a->max_bytes || a->used_bytes > a->max_bytes - n))
        return NULL;
    struct tk_arena_block *b = a->block;
    if (!b || b->cap - b->used < n)
        b = add_block(a, n);
    if (!b)
        return NULL;
    void *p = (char *)b->data + b->used;
    b->used += n;
    a->used_bytes += n;
    memset(p, 0, n);
    return p;
}

char *tk_arena_dup(struct tk_arena *a, struct tk_str s)
{
    char *z = s.n < SIZE_MAX ? tk_arena_alloc(a, s.n + 1) : NULL;
    if (z && s.n)
        memcpy(z, s.p, s.n);
    return z;
}

struct tk_str tk_arena_dup_str(struct tk_arena *a, struct tk_str s)
{
    return (struct tk_str){ tk_arena_dup(a, s), s.n };
}
