/* store.c - records in memory, packed into an arena
 *
 * For runs without a file, for the rest of a run whose file failed, and so that the figures at the end
 * need not read the file again. A record is cut behind its detail, which is mostly empty; the slices
 * stand behind it.
 */
#include <string.h>

#include "run/runfile.h"

struct tk__stored {
    struct tk__stored *next;
    uint32_t rec_bytes; /* of the record, cut behind its detail */
    uint32_t trace_bytes, text_bytes, reasoning_bytes;
    char bytes[]; /* record, trace, text, reasoning */
};

void tk__store_init(struct tk__store *s)
{
    *s = (struct tk__store){ 0 };
    tk_arena_init(&s->arena, 0);
}

void tk__store_release(struct tk__store *s)
{
    tk_arena_release(&s->arena);
    s->first = s->last = NULL;
    s->n = 0;
}

static size_t record_bytes(const struct tk_record *r)
{
    return offsetof(struct tk_record, detail) + strnlen(r->detail, sizeof(r->detail));
}

size_t tk__store_bytes(const struct tk_record_view *v, bool is_bare)
{
    size_t slices = is_bare ? 0 : v->trace.n + v->text.n + v->reasoning.n;
    return sizeof(struct tk__stored) + record_bytes(&v->rec) + slices;
}

static char *add_bytes(char *to, struct tk_str s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

bool tk__store_add(struct tk__store *s, const struct tk_record_view *v, bool is_bare)
{
    struct tk__stored *p = tk_arena_alloc(&s->arena, tk__store_bytes(v, is_bare));
    if (!p)
        return false;
    p->rec_bytes = (uint32_t)record_bytes(&v->rec);
    memcpy(p->bytes, &v->rec, p->rec_bytes);
    if (is_bare) {
        uint16_t flags = v->rec.flags | TK_REC_TRACE_TRUNCATED;
        memcpy(p->bytes + offsetof(struct tk_record, flags), &flags, sizeof(flags));
    } else {
        char *to = add_bytes(p->bytes + p->rec_bytes, v->trace);
        to = add_bytes(to, v->text);
        add_bytes(to, v->reasoning);
        p->trace_bytes = (uint32_t)v->trace.n;
        p->text_bytes = (uint32_t)v->text.n;
        p->reasoning_bytes = (uint32_t)v->reasoning.n;
    }
    if (s->last)
        s->last->next = p;
    else
        s->first = p;
    s->last = p;
    s->n++;
    return true;
}

const struct tk__stored *tk__stored_next(const struct tk__stored *p)
{
    return p->next;
}

void tk__stored_read(const struct tk__stored *p, struct tk_record_view *ret)
{
    const char *at = p->bytes + p->rec_bytes;

    *ret = (struct tk_record_view){ 0 };
    memcpy(&ret->rec, p->bytes, p->rec_bytes);
    ret->trace = (struct tk_str){ at, p->trace_bytes };
    ret->text = (struct tk_str){ at + p->trace_bytes, p->text_bytes };
    ret->reasoning = (struct tk_str){ at + p->trace_bytes + p->text_bytes, p->reasoning_bytes };
}
