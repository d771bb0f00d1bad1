/* items.c - items under construction
 *
 * Nobody knows how many rows will be kept, so the items grow in an array of their own and move into
 * the arena when they are complete; their texts are in the arena from the start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/inside.h"

void tk__adder_init(struct tk__adder *a, struct tk_items *items)
{
    *items = (struct tk_items){ .v = NULL };
    tk_arena_init(&items->arena, TK_DATA_MAX_BYTES);
    *a = (struct tk__adder){ .items = items };
}

static int no_room(const struct tk__adder *a, size_t more, struct tk_err *reterr)
{
    if (more > TK_DATA_MAX_BYTES - a->items->arena.used_bytes - a->media_bytes)
        return tk_err_set(
            reterr, TK_E_LIMIT,
            "the prompts need more than %zu GiB of memory; ask for fewer or shorter ones",
            TK_DATA_MAX_BYTES >> 30);
    return tk_err_set(reterr, -ENOMEM, "no memory for the prompts; ask for fewer or shorter ones");
}

/* Copy `s` into the arena, in place. */
static int keep(struct tk__adder *a, struct tk_str *s, struct tk_err *reterr)
{
    if (s->n == 0)
        return 0;
    struct tk_str copy = tk_arena_dup_str(&a->items->arena, *s);
    if (!copy.p)
        return no_room(a, s->n, reterr);
    *s = copy;
    return 0;
}

static bool has_room(const struct tk__adder *a, size_t more)
{
    size_t used = a->items->arena.used_bytes + a->media_bytes;
    return used <= TK_DATA_MAX_BYTES && more <= TK_DATA_MAX_BYTES - used;
}

/* The same beside the arena. */
static int keep_apart(struct tk__adder *a, struct tk_str *s, struct tk_err *reterr)
{
    if (s->n == 0) {
        *s = (struct tk_str){ NULL, 0 };
        return 0;
    }
    char *copy = has_room(a, s->n) ? malloc(s->n) : NULL;
    if (!copy)
        return no_room(a, s->n, reterr);
    memcpy(copy, s->p, s->n);
    *s = (struct tk_str){ copy, s->n };
    a->media_bytes += s->n;
    return 0;
}

static void drop(struct tk_str *s)
{
    free((char *)(uintptr_t)s->p); /* ours: only readers see it as const */
    *s = (struct tk_str){ NULL, 0 };
}

static void drop_media(struct tk_item *item)
{
    drop(&item->media);
    drop(&item->audio);
}

int tk__adder_add(struct tk__adder *a, const struct tk_item *item, struct tk_err *reterr)
{
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 256;
        struct tk_item *v = reallocarray(a->v, cap, sizeof(*v));
        if (!v)
            return no_room(a, 0, reterr);
        a->v = v;
        a->cap = cap;
    }
    struct tk_item kept = *item;
    struct tk_str *const texts[] = { &kept.prompt, &kept.messages, &kept.tools, &kept.prompt_json };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < TK_ARRAY_LEN(texts); i++)
        rc = keep(a, texts[i], reterr);
    if (rc == 0)
        rc = keep_apart(a, &kept.media, reterr);
    if (rc != 0)
        return rc;
    rc = keep_apart(a, &kept.audio, reterr);
    if (rc != 0) {
        drop(&kept.media);
        return rc;
    }
    a->v[a->n++] = kept;
    return 0;
}

int tk__adder_give_media(struct tk__adder *a, size_t i, struct tk_buf *media, struct tk_err *reterr)
{
    if (!has_room(a, media->n))
        return no_room(a, media->n, reterr);
    a->media_bytes += media->n;
    a->v[i].media = tk_buf_str(media);
    tk_buf_init(media, media->max);
    return 0;
}

int tk__adder_finish(struct tk__adder *a, int rc, struct tk_err *reterr)
{
    size_t bytes = a->n * sizeof(*a->v);
    struct tk_item *v = rc == 0 ? tk_arena_alloc(&a->items->arena, bytes) : NULL;
    if (rc == 0 && !v)
        rc = no_room(a, bytes, reterr);
    if (rc == 0) {
        if (v && bytes > 0)
            memcpy(v, a->v, bytes);
        a->items->v = v;
        a->items->n = a->n;
    } else {
        for (size_t i = 0; i < a->n; i++)
            drop_media(&a->v[i]);
        tk_items_release(a->items);
    }
    free(a->v);
    *a = (struct tk__adder){ .items = NULL };
    return rc;
}

void tk_items_drop_media(struct tk_items *items, size_t i)
{
    drop_media(&items->v[i]);
}

void tk_items_release(struct tk_items *items)
{
    for (size_t i = 0; i < items->n; i++)
        drop_media(&items->v[i]);
    tk_arena_release(&items->arena);
    items->v = NULL;
    items->n = 0;
}

int64_t tk__estimate_tokens(struct tk_str text)
{
    return TK_MAX((int64_t)(text.n / 4), 1);
}
