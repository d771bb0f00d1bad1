/* def.h - the few words that every file of the project uses
 *
 * Slices, the unit of time, and the macros for cleanup and embedding. Nothing here allocates.
 */
#ifndef TK_BASE_DEF_H
#define TK_BASE_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TK_UNUSED __attribute__((unused))
#define TK_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#define TK_LIKELY(x) __builtin_expect(!!(x), 1)
#define TK_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Lines of memory that are needed soon: fetched while something else goes on. Never faults. */
static inline void tk_prefetch(const void *p, size_t n)
{
    for (size_t at = 0; at < n; at += 64)
        __builtin_prefetch((const char *)p + at);
}

/* Run `fn` on the address of the variable when it leaves its scope. */
#define TK_CLEANUP(fn) __attribute__((cleanup(fn)))

/* Define fn##p for TK_CLEANUP: `fn` is a _free that takes NULL and returns NULL. */
#define TK_DEFINE_CLEANUP(type, fn)                                                                \
    static inline TK_UNUSED void fn##p(type **pp) /* NOLINT(bugprone-macro-parentheses): a type */ \
    {                                                                                              \
        *pp = fn(*pp);                                                                             \
    }

/* The structure that holds `ptr` as its member `member`. */
#define TK_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define TK_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define TK_MIN(a, b) ((a) < (b) ? (a) : (b))
#define TK_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Nanoseconds. CLOCK_MONOTONIC unless the name says `wall`. */
typedef int64_t tk_ns;

#define TK_NS_PER_US INT64_C(1000)
#define TK_NS_PER_MS INT64_C(1000000)
#define TK_NS_PER_S INT64_C(1000000000)
#define TK_NS_NEVER INT64_MAX

/* Bytes that somebody else owns; not NUL-terminated; p may be NULL when n is 0. */
struct tk_str {
    const char *p; /* first byte */
    size_t n;      /* number of bytes */
};

/* A slice of a string literal, as an expression and as an initializer of static data. */
#define TK_STR(literal) ((struct tk_str){ literal, sizeof(literal) - 1 })
#define TK_STR_INIT(literal)         \
    {                                \
        literal, sizeof(literal) - 1 \
    }

/* For printf's "%.*s". */
#define TK_STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

#endif
