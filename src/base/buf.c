#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void tk_buf_init(struct tk_buf *b, size_t max_bytes)
{
    *b = (struct tk_buf)TK_BUF_INIT(max_bytes);
}

void tk_buf_release(struct tk_buf *b)
{
    free(b->p);
    b->p = NULL;
    b->n = b->cap = 0;
}

void tk_buf_reset(struct tk_buf *b)
{
    b->n = 0;
    b->failed = 0;
    if (b->p)
        b->p[0] = '\0';
}

static int fail(struct tk_buf *b, int code)
{
    if (!b->failed)
        b->failed = code;
    return code;
}

int tk_buf_reserve(struct tk_buf *b, size_t more)
{
    size_t max = TK_MIN(b->max, SIZE_MAX / 2 - 1); /* so that no sum below overflows */
    if (more > max || b->n > max - more)
        return fail(b, TK_E_LIMIT);
    size_t need = b->n + more + 1; /* one for the NUL */
    if (need <= b->cap)
        return 0;
    size_t cap = TK_MAX(b->cap, (size_t)64);
    while (cap < need)
        cap *= 2;
    cap = TK_MIN(cap, max + 1);
    char *p = realloc(b->p, cap);
    if (!p)
        return fail(b, -ENOMEM);
    b->p = p;
    b->cap = cap;
    return 0;
}

int tk_buf_add(struct tk_buf *b, const void *p, size_t n)
{
    int rc = tk_buf_reserve(b, n);
    if (rc)
        return rc;
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
    return 0;
}

int tk_buf_add_str(struct tk_buf *b, struct tk_str s)
{
    return tk_buf_add(b, s.p, s.n);
}

int tk_buf_add_z(struct tk_buf *b, const char *z)
{
    return tk_buf_add(b, z, strlen(z));
}

int tk_buf_add_c(struct tk_buf *b, char c)
{
    return tk_buf_add(b, &c, 1);
}

int tk_buf_addf(struct tk_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    int rc = n < 0 ? fail(b, -EINVAL) : tk_buf_reserve(b, (size_t)n);
    if (rc == 0) {
        (void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    return rc;
}

void tk_buf_consume(struct tk_buf *b, size_t n)
{
    n = TK_MIN(n, b->n);
    if (n == 0)
        return;
    b->n -= n;
    memmove(b->p, b->p + n, b->n + 1);
}

struct tk_str tk_buf_str(const struct tk_buf *b)
{
    return (struct tk_str){ b->p, b->n };
}
