/* object.c - a JSON object under construction, as a Python dict takes it */
#include "dialect/vllm/object.h"

#include <errno.h>

#include "base/str.h"

#define MAX_BYTES ((size_t)64 << 30)

int tk__vllm_object_init(struct tk__vllm_object *o, struct tk_arena *arena)
{
    *o = (struct tk__vllm_object){ .text = TK_BUF_INIT(MAX_BYTES), .arena = arena };
    o->v = tk_arena_alloc(arena, TK__VLLM_MAX_MEMBERS * sizeof(*o->v));
    return o->v ? 0 : -ENOMEM;
}

void tk__vllm_object_release(struct tk__vllm_object *o)
{
    tk_buf_release(&o->text);
}

struct tk_jsonw *tk__vllm_object_begin(struct tk__vllm_object *o, size_t *ret_at)
{
    *ret_at = o->text.n;
    tk_jsonw_init(&o->w, &o->text, TK_JSONW_PYTHON);
    return &o->w;
}

static size_t find(const struct tk__vllm_object *o, struct tk_str key)
{
    size_t i = 0;

    while (i < o->n && !tk_str_eq(o->v[i].key, key))
        i++;
    return i;
}

void tk__vllm_object_set(struct tk__vllm_object *o, struct tk_str key, size_t at)
{
    size_t i = find(o, key);

    if (i == TK__VLLM_MAX_MEMBERS)
        return;
    o->n = TK_MAX(o->n, i + 1);
    o->v[i] = (struct tk__vllm_member){ .key = key, .at = at, .n = o->text.n - at };
}

void tk__vllm_object_text(struct tk__vllm_object *o, const char *key, const char *value)
{
    size_t at;

    tk_jsonw_z(tk__vllm_object_begin(o, &at), value);
    tk__vllm_object_set(o, tk_str_of(key), at);
}

void tk__vllm_object_int(struct tk__vllm_object *o, const char *key, int64_t value)
{
    size_t at;

    tk_jsonw_i64(tk__vllm_object_begin(o, &at), value);
    tk__vllm_object_set(o, tk_str_of(key), at);
}

void tk__vllm_object_double(struct tk__vllm_object *o, const char *key, double value)
{
    size_t at;

    tk_jsonw_double(tk__vllm_object_begin(o, &at), value);
    tk__vllm_object_set(o, tk_str_of(key), at);
}

struct tk_str tk__vllm_object_get(const struct tk__vllm_object *o, const char *key)
{
    size_t i = find(o, tk_str_of(key));

    return i == o->n || o->text.failed ? (struct tk_str){ NULL, 0 }
                                       : (struct tk_str){ o->text.p + o->v[i].at, o->v[i].n };
}

void tk__vllm_object_write(const struct tk__vllm_object *o, struct tk_jsonw *w)
{
    tk_jsonw_obj(w);
    for (size_t i = 0; o->text.failed == 0 && i < o->n; i++) {
        tk_jsonw_key_str(w, o->v[i].key);
        tk_jsonw_raw(w, (struct tk_str){ o->text.p + o->v[i].at, o->v[i].n });
    }
    tk_jsonw_obj_end(w);
}
