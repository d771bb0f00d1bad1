/* jinja.c - compiling and rendering as a whole, and the bounds on a rendering */
#include "token/jinja.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_TEMPLATE_BYTES ((size_t)4 << 20)
#define MAX_COMPILE_BYTES ((size_t)512 << 20)

int tk__jinja_new(struct tk_str text, struct tk_jinja **ret_t, struct tk_err *reterr)
{
    struct tk_arena tmp;
    if (text.n > MAX_TEMPLATE_BYTES)
        return tk_err_set(reterr, TK_E_LIMIT, "a template of more than %zu bytes",
                          MAX_TEMPLATE_BYTES);
    struct tk_jinja *t = calloc(1, sizeof(*t));
    if (!t)
        return tk_err_set(reterr, -ENOMEM, "out of memory");
    tk_arena_init(&t->arena, MAX_COMPILE_BYTES);
    tk_arena_init(&tmp, MAX_COMPILE_BYTES);
    struct tk_jcompile c = { .arena = &t->arena, .tmp = &tmp, .err = reterr };
    int rc = tk__jlex(&c, text);
    if (rc == 0) {
        t->body = tk__jparse(&c);
        rc = c.rc;
    }
    if (rc == 0)
        rc = tk__jscope(&c, t);
    tk_arena_release(&tmp);
    if (rc) {
        tk__jinja_free(t);
        return rc;
    }
    *ret_t = t;
    return 0;
}

struct tk_jinja *tk__jinja_free(struct tk_jinja *t)
{
    if (t) {
        tk_arena_release(&t->arena);
        free(t);
    }
    return NULL;
}

struct tk_jval tk__jfail(struct tk_jrender *r, int code, const char *fmt, ...)
{
    char what[480];
    va_list ap;
    if (r->rc == 0) {
        r->rc = code;
        va_start(ap, fmt);
        vsnprintf(what, sizeof(what), fmt, ap);
        va_end(ap);
        tk_err_set(r->err, code, "template line %u: %s", r->line, what);
        if (r->err)
            r->err->line = r->line;
    }
    return TK_J_VAL(TK_J_UNDEF);
}

bool tk__jstep(struct tk_jrender *r, uint64_t n)
{
    r->steps += n;
    if (r->steps > r->max_steps)
        tk__jfail(r, TK_E_LIMIT, "more than %llu steps", (unsigned long long)r->max_steps);
    return r->rc == 0;
}

bool tk__jdeeper(struct tk_jrender *r)
{
    if (++r->depth > r->max_depth)
        tk__jfail(r, TK_E_LIMIT, "calls or values nested deeper than %u", r->max_depth);
    return r->rc == 0;
}

void tk__jback(struct tk_jrender *r)
{
    r->depth--;
}

void *tk__jalloc(struct tk_jrender *r, size_t n)
{
    tk__jstep(r, n / 64);
    void *p = tk_arena_alloc(&r->arena, n);
    size_t max = r->arena.max_bytes;
    if (!p && (n > max || r->arena.used_bytes + sizeof(max_align_t) > max - n))
        tk__jfail(r, TK_E_LIMIT, "more than %zu bytes of memory", max);
    else if (!p)
        tk__jfail(r, -ENOMEM, "out of memory");
    return p;
}

void tk__jfail_buf(struct tk_jrender *r, const struct tk_buf *b)
{
    if (b->failed == -ENOMEM)
        tk__jfail(r, b->failed, "out of memory");
    else
        tk__jfail(r, b->failed, "a text of more than %zu bytes", b->max);
}
