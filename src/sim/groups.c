/* groups.c - groups of bytes that have no id of their own, in the order in which they came
 *
 * Three bytes and more would spell ids past those of any vocabulary. Their id is their
 * place in this table, so that it can be turned back; the same bytes always get the same one.
 *
 *   v[place] = the group        slots: open addressing, place + 1, 0 is free
 */
#include <errno.h>
#include <stdlib.h>

#include "base/def.h"
#include "base/err.h"
#include "sim/internal.h"

#define FIRST_SLOTS 1024

static size_t slot_of(const struct tk__groups *g, uint64_t group)
{
    size_t at = (size_t)((group * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (g->n_slots - 1);

    while (g->slots[at] != 0 && g->v[g->slots[at] - 1] != group)
        at = (at + 1) & (g->n_slots - 1);
    return at;
}

/* Twice the room, or the first. */
static int grow(struct tk__groups *g)
{
    size_t n_slots = g->n_slots > 0 ? 2 * g->n_slots : FIRST_SLOTS;
    uint32_t *slots = calloc(n_slots, sizeof(*slots));
    uint64_t *v = slots ? reallocarray(g->v, n_slots / 2, sizeof(*v)) : NULL;

    if (!v) {
        free(slots);
        return -ENOMEM;
    }
    free(g->slots);
    g->v = v;
    g->slots = slots;
    g->n_slots = n_slots;
    for (size_t i = 0; i < g->n; i++)
        g->slots[slot_of(g, g->v[i])] = (uint32_t)i + 1;
    return 0;
}

int64_t tk__groups_place(struct tk__groups *g, uint64_t group)
{
    int rc = g->n_slots == 0 ? grow(g) : 0;
    size_t at = rc == 0 ? slot_of(g, group) : 0;

    if (rc == 0 && g->slots[at] != 0)
        return g->slots[at] - 1;
    if (rc == 0 && g->n == TK__GROUPS_MAX)
        rc = TK_E_LIMIT;
    if (rc == 0 && 2 * (g->n + 1) > g->n_slots) {
        rc = grow(g);
        at = rc == 0 ? slot_of(g, group) : 0;
    }
    if (rc != 0)
        return rc;
    g->v[g->n++] = group;
    g->slots[at] = (uint32_t)g->n;
    return (int64_t)g->n - 1;
}

void tk__groups_release(struct tk__groups *g)
{
    free(g->v);
    free(g->slots);
    *g = (struct tk__groups){ 0 };
}
