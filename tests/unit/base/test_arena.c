/* test_arena.c - base/arena.h */
#include "lib/tap.h"

#include <stdalign.h>

#include "base/arena.h"
#include "base/str.h"
#include "lib/failmalloc.h"

static void pieces(void)
{
    struct tk_arena a;
    bool aligned = true;
    bool zeroed = true;
    tk_arena_init(&a, 0);
    for (size_t i = 0; i < 2000; i++) {
        unsigned char *p = tk_arena_alloc(&a, i % 300);
        aligned = aligned && (uintptr_t)p % alignof(max_align_t) == 0;
        for (size_t k = 0; k < i % 300; k++) {
            zeroed = zeroed && p[k] == 0;
            p[k] = 0xAA; /* a neighbour that overlaps would show it */
        }
    }
    T_OK(aligned, "aligned for any type");
    T_OK(zeroed, "zeroed");
    T_OK(a.used_bytes >= 2000 * 149, "counted");
    T_EQ_S(tk_arena_dup(&a, TK_STR("abc")), "abc", "dup");
    T_EQ_S(tk_arena_dup(&a, (struct tk_str){ NULL, 0 }), "", "dup of nothing");
    T_OK(tk_str_is(tk_arena_dup_str(&a, TK_STR("x\0y")), "x") == false, "dup_str keeps the length");
    T_OK(!tk_arena_alloc(&a, SIZE_MAX), "a size that cannot be");
    T_OK(!tk_arena_dup(&a, (struct tk_str){ "", SIZE_MAX }), "a length that cannot be");
    tk_arena_release(&a);
    tk_arena_release(&a);
    T_EQ_I(a.used_bytes, 0, "released twice");
}

/* A big piece must neither waste the block under way nor the rest of its own. */
static void big_pieces(void)
{
    struct tk_arena a;
    tk_arena_init(&a, 0);
    char *small = tk_arena_alloc(&a, 16);
    int64_t before = tk_failmalloc_count();
    for (int i = 0; i < 10; i++) {
        char *big = tk_arena_alloc(&a, 20000);
        memset(big, 1, 20000);
    }
    T_EQ_I(tk_failmalloc_count() - before, 7,
           "three fit the first block, the others have their own");
    char *next = tk_arena_alloc(&a, 16);
    T_OK(next > small && next - small < 65536, "the first block goes on being filled");
    T_OK(tk_arena_alloc(&a, 5000000) != NULL, "larger than a block");
    tk_arena_release(&a);
}

static void limits(void)
{
    struct tk_arena a;
    tk_arena_init(&a, 100);
    T_OK(tk_arena_alloc(&a, 90) != NULL, "below the maximum");
    T_OK(!tk_arena_alloc(&a, 16), "past it");
    T_OK(!tk_arena_alloc(&a, 200), "far past it");
    T_OK(!tk_arena_dup_str(&a, TK_STR("0123456789012345")).p, "dup_str past it");
    tk_arena_release(&a);
    T_OK(tk_arena_alloc(&a, 90) != NULL, "usable again");
    tk_arena_release(&a);
    tk_failmalloc_at(1);
    T_OK(!tk_arena_alloc(&a, 1), "no memory");
    tk_failmalloc_off();
}

int main(void)
{
    pieces();
    big_pieces();
    limits();
    return T_DONE();
}
