/* fuzz_trace.c - any bytes are read without harm, and what was read can be written and read again */
#include <stdlib.h>
#include <string.h>

#include "run/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        __builtin_trap();
}

static void write_again(struct tk_trace *t, const struct tk_trace_entry *e)
{
    if (e->kind == TK_TRACE_READ)
        tk_trace_read(t, e->arrived_wall, e->seen_at, e->offset, e->n_bytes);
    else
        tk_trace_event(t, e->channels, e->tokens, e->text_bytes);
}

static bool same(const struct tk_trace_entry *a, const struct tk_trace_entry *b)
{
    if (a->kind != b->kind || a->read != b->read || a->seen_at != b->seen_at)
        return false;
    if (a->kind == TK_TRACE_EVENT)
        return a->channels == b->channels && a->tokens == b->tokens &&
               a->text_bytes == b->text_bytes;
    /* A stamp of 0 is how the writer hears that there is none. */
    return a->arrived_wall == b->arrived_wall && a->n_bytes == b->n_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tk_blocks *pool;
    struct tk_trace t;
    struct tk_trace_reader r;
    struct tk_trace_reader again;
    struct tk_trace_entry e;
    struct tk_trace_entry f;
    struct tk_str in = { (const char *)data, size };

    if (size > 1 << 16 || tk_blocks_new(1 << 22, &pool) < 0)
        return 0;
    tk_trace_begin(&t, pool, 1000, UINT32_MAX);
    tk_trace_open(&r, in, 1000, NULL);
    while (tk_trace_next(&r, &e) > 0)
        write_again(&t, &e);
    check(!t.is_truncated);

    char *copy = malloc(t.bytes.n_bytes + 1);
    check(copy);
    tk_chain_copy(&t.bytes, copy);
    tk_trace_open(&r, in, 1000, NULL);
    tk_trace_open(&again, (struct tk_str){ copy, t.bytes.n_bytes }, 1000, NULL);
    while (tk_trace_next(&r, &e) > 0)
        check(tk_trace_next(&again, &f) == 1 && same(&e, &f));
    check(tk_trace_next(&again, &f) == 0);
    free(copy);
    tk_chain_release(&t.bytes, pool);
    tk_blocks_free(pool);
    return 0;
}
