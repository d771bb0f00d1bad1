/* failmalloc.c - count allocations, and let the n-th one fail
 *
 * The linker sends each malloc() of our objects to __wrap_malloc() and calls the true one __real_malloc().
 * Unlike a second malloc in the program this leaves a sanitizer's own in place.
 */
#include "lib/failmalloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int64_t n_calls;
static _Atomic int64_t fail_first =
    INT64_MAX; /* number of the first call to fail, as n_calls counts */
static _Atomic int64_t fail_last = INT64_MAX; /* and of the last */
static _Atomic bool has_failed;
static _Thread_local int64_t n_calls_here;

static void arm(int64_t n, bool once)
{
    int64_t first = atomic_load(&n_calls) + n;

    atomic_store(&has_failed, false);
    atomic_store(&fail_last, once ? first : INT64_MAX);
    atomic_store(&fail_first, first);
}

void tk_failmalloc_at(int64_t n)
{
    arm(n, true);
}

void tk_failmalloc_from(int64_t n)
{
    arm(n, false);
}

bool tk_failmalloc_off(void)
{
    atomic_store(&fail_first, INT64_MAX);
    return atomic_load(&has_failed);
}

int64_t tk_failmalloc_count(void)
{
    return atomic_load(&n_calls);
}

int64_t tk_failmalloc_count_here(void)
{
    return n_calls_here;
}

static bool must_fail(void)
{
    int64_t call = atomic_fetch_add(&n_calls, 1) + 1;

    n_calls_here++;

    if (call < atomic_load(&fail_first) || call > atomic_load(&fail_last))
        return false;
    atomic_store(&has_failed, true);
    errno = ENOMEM;
    return true;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker chooses these names */
#define WRAP(type, name, params, args)                  \
    type __real_##name params;                          \
    type __wrap_##name params;                          \
    type __wrap_##name params                           \
    {                                                   \
        return must_fail() ? NULL : __real_##name args; \
    }

WRAP(void *, malloc, (size_t n), (n))
WRAP(void *, calloc, (size_t count, size_t n), (count, n))
WRAP(void *, realloc, (void *p, size_t n), (p, n))
WRAP(void *, reallocarray, (void *p, size_t count, size_t n), (p, count, n))
WRAP(void *, aligned_alloc, (size_t align, size_t n), (align, n))
WRAP(char *, strdup, (const char *s), (s))
WRAP(char *, strndup, (const char *s, size_t n), (s, n))

int __real_posix_memalign(void **ret_p, size_t align, size_t n);
int __wrap_posix_memalign(void **ret_p, size_t align, size_t n);
int __wrap_posix_memalign(void **ret_p, size_t align, size_t n)
{
    return must_fail() ? ENOMEM : __real_posix_memalign(ret_p, align, n);
}
/* NOLINTEND(bugprone-reserved-identifier) */
