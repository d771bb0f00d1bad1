/* test_buf.c - base/buf.h */
#include "lib/tap.h"

#include <errno.h>

#include "base/buf.h"
#include "base/err.h"
#include "lib/failmalloc.h"

static void appends(void)
{
    struct tk_buf b;
    tk_buf_init(&b, 1000);
    T_EQ_I(tk_buf_str(&b).n, 0, "empty at first");
    T_EQ_I(tk_buf_add(&b, NULL, 0), 0, "add nothing");
    T_EQ_S(b.p, "", "a NUL is there all the same");
    T_EQ_I(tk_buf_add_z(&b, "ab"), 0, "add_z");
    T_EQ_I(tk_buf_add_c(&b, 'c'), 0, "add_c");
    T_EQ_I(tk_buf_add_str(&b, TK_STR("de")), 0, "add_str");
    T_EQ_I(tk_buf_addf(&b, "%d-%s", 42, "x"), 0, "addf");
    T_EQ_S(b.p, "abcde42-x", "all of it, with a NUL");
    tk_buf_consume(&b, 3);
    T_EQ_S(b.p, "de42-x", "consume");
    tk_buf_consume(&b, 0);
    T_EQ_S(b.p, "de42-x", "consume nothing");
    tk_buf_consume(&b, 99);
    T_EQ_S(b.p, "", "consume more than there is");
    size_t cap = b.cap;
    tk_buf_reset(&b);
    T_EQ_I(b.cap, cap, "reset keeps the capacity");
    tk_buf_release(&b);
    tk_buf_release(&b);
    T_OK(!b.p, "released twice");
    tk_buf_reset(&b);
    tk_buf_consume(&b, 1);
    T_EQ_I(b.n, 0, "nothing happens to a released one");
}

static void limits(void)
{
    struct tk_buf b = TK_BUF_INIT(8);
    T_EQ_I(tk_buf_add(&b, "12345678", 8), 0, "up to the maximum");
    T_EQ_I(b.cap, 9, "no more is allocated than the maximum and a NUL");
    T_EQ_I(tk_buf_add_c(&b, '9'), TK_E_LIMIT, "past it");
    T_EQ_S(b.p, "12345678", "which changed nothing");
    T_EQ_I(b.failed, TK_E_LIMIT, "and is remembered");
    T_EQ_I(tk_buf_addf(&b, "%d", 1), TK_E_LIMIT, "addf past it");
    T_EQ_I(tk_buf_reserve(&b, SIZE_MAX), TK_E_LIMIT, "a size that overflows");
    tk_buf_reset(&b);
    T_EQ_I(b.failed, 0, "reset forgets the failure");
    T_EQ_I(tk_buf_reserve(&b, 8), 0, "reserve all");
    tk_buf_release(&b);

    tk_buf_init(&b, SIZE_MAX);
    T_EQ_I(tk_buf_add_z(&b, "x"), 0, "no maximum");
    T_EQ_I(tk_buf_reserve(&b, SIZE_MAX - 1), TK_E_LIMIT, "more than any memory");
    tk_buf_release(&b);
}

static void no_memory(void)
{
    struct tk_buf b = TK_BUF_INIT(1000);
    T_EQ_I(tk_buf_add_z(&b, "first"), 0, "fits");
    tk_failmalloc_at(1);
    T_EQ_I(tk_buf_reserve(&b, 500), -ENOMEM, "no memory");
    T_OK(tk_failmalloc_off(), "an allocation was asked for");
    T_EQ_S(b.p, "first", "nothing changed");
    T_EQ_I(b.failed, -ENOMEM, "remembered");
    T_EQ_I(tk_buf_reserve(&b, 2000), TK_E_LIMIT, "a later failure");
    T_EQ_I(b.failed, -ENOMEM, "does not replace the first");
    tk_buf_release(&b);
}

int main(void)
{
    appends();
    limits();
    no_memory();
    return T_DONE();
}
