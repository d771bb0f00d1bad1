#include "http/head.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"

struct tk__head *tk__head_take(struct tk__heads *pool)
{
    struct tk__head *h = pool->free;

    if (h) {
        pool->free = h->next;
        tk__head_reset(h);
        return h;
    }
    h = calloc(1, sizeof(*h));
    if (h)
        tk_buf_init(&h->text, pool->max_bytes);
    return h;
}

struct tk__head *tk__head_give(struct tk__heads *pool, struct tk__head *h)
{
    if (h) {
        h->next = pool->free;
        pool->free = h;
    }
    return NULL;
}

void tk__heads_release(struct tk__heads *pool)
{
    while (pool->free) {
        struct tk__head *h = pool->free;
        pool->free = h->next;
        tk_buf_release(&h->text);
        free(h);
    }
}

void tk__head_reset(struct tk__head *h)
{
    tk_buf_reset(&h->text);
    h->target_n = 0;
    h->n = 0;
    h->is_open = h->is_value = false;
}

int tk__head_add_target(struct tk__head *h, const char *p, size_t n)
{
    h->target_n += n;
    return tk_buf_add(&h->text, p, n);
}

int tk__head_add_name(struct tk__head *h, const char *p, size_t n)
{
    if (!h->is_open) {
        if (h->n == TK_HTTP_MAX_HEADERS)
            return TK_E_LIMIT;
        h->is_open = true;
        h->is_value = false;
        h->field[h->n].name_at = (uint32_t)h->text.n;
    }
    return tk_buf_add(&h->text, p, n);
}

int tk__head_add_value(struct tk__head *h, const char *p, size_t n)
{
    if (!h->is_value) {
        h->is_value = true;
        h->field[h->n].value_at = (uint32_t)h->text.n;
    }
    return tk_buf_add(&h->text, p, n);
}

void tk__head_end_field(struct tk__head *h)
{
    if (!h->is_open)
        return;
    if (!h->is_value)
        h->field[h->n].value_at = (uint32_t)h->text.n;
    h->field[h->n++].end = (uint32_t)h->text.n;
    h->is_open = h->is_value = false;
}

const struct tk_headers *tk__head_finish(struct tk__head *h)
{
    const char *text = h->text.p;

    for (unsigned i = 0; i < h->n; i++) {
        size_t name_at = h->field[i].name_at;
        size_t value_at = h->field[i].value_at;
        h->headers.v[i].name = (struct tk_str){ text + name_at, value_at - name_at };
        h->headers.v[i].value = tk_str_trim(
            (struct tk_str){ text + value_at, h->field[i].end - value_at });
    }
    h->headers.n = h->n;
    return &h->headers;
}
