/* object.h - a JSON object under construction, as a Python dict takes it
 *
 * A member is set by its key: one that comes again keeps its place and gets the new value. So metadata may
 * stand over what was before it, and is stood over by what comes after.
 */
#ifndef TK_DIALECT_VLLM_OBJECT_H
#define TK_DIALECT_VLLM_OBJECT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/def.h"
#include "base/jsonw.h"

/* Further members are dropped: there are none, for metadata is bounded below it (check.c). */
#define TK__VLLM_MAX_MEMBERS 4096

struct tk__vllm_member {
    struct tk_str key;
    size_t at, n; /* slice of the text */
};

struct tk__vllm_object {
    struct tk__vllm_member *v; /* TK__VLLM_MAX_MEMBERS, of the arena */
    size_t n;
    struct tk_buf text;     /* the values; `failed` says what went wrong with any of them */
    struct tk_jsonw w;      /* writes one value at a time into text */
    struct tk_arena *arena; /* not owned */
};

/* 0, -ENOMEM. Keys are not copied: they outlive the object, in its arena where they are made. */
int tk__vllm_object_init(struct tk__vllm_object *o, struct tk_arena *arena);
void tk__vllm_object_release(struct tk__vllm_object *o);

/* A value of any form: begin, write one value, set with the begin's `*ret_at`. */
struct tk_jsonw *tk__vllm_object_begin(struct tk__vllm_object *o, size_t *ret_at);
void tk__vllm_object_set(struct tk__vllm_object *o, struct tk_str key, size_t at);

void tk__vllm_object_text(struct tk__vllm_object *o, const char *key, const char *value);
void tk__vllm_object_int(struct tk__vllm_object *o, const char *key, int64_t value);
void tk__vllm_object_double(struct tk__vllm_object *o, const char *key, double value);

/* The value of a key as JSON; .p is NULL when it is not there. */
struct tk_str tk__vllm_object_get(const struct tk__vllm_object *o, const char *key);

/* All members, as one value. */
void tk__vllm_object_write(const struct tk__vllm_object *o, struct tk_jsonw *w);

#endif
