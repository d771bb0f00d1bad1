/* jsonu.h - members of small JSON objects, with messages that name them */
#ifndef TK_TOKEN_JSONU_H
#define TK_TOKEN_JSONU_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "base/json.h"

/* Where a value is, for messages: "normalizer". All return 0 or fill *reterr. */

/* A missing or null member leaves *ret as it is. */
int tk__ju_bool(struct tk_json_val *v, const char *key, const char *where, bool *ret,
                struct tk_err *reterr);
int tk__ju_size(struct tk_json_val *v, const char *key, const char *where, size_t *ret,
                struct tk_err *reterr);

/* The same; the string is copied to `a`, and is not longer than TK__MAX_STRING. */
int tk__ju_str(struct tk_json_val *v, const char *key, const char *where, struct tk_arena *a,
               struct tk_str *ret, struct tk_err *reterr);

/* The same, but it must be there. */
int tk__ju_need_str(struct tk_json_val *v, const char *key, const char *where, struct tk_arena *a,
                    struct tk_str *ret, struct tk_err *reterr);

/* 1 with the member, 0 when it is missing or null, TK_E_FORMAT when `v` is no sound object. */
int tk__ju_member(struct tk_json_val *v, const char *key, struct tk_json_val *ret);

/* The object's "type" into `out`, which has `cap` bytes; empty when there is none. */
int tk__ju_type(struct tk_json_val *v, const char *where, char *out, size_t cap,
                struct tk_err *reterr);

/* Copy a string value. */
int tk__ju_copy(struct tk_json_val *v, const char *where, struct tk_arena *a, struct tk_str *ret,
                struct tk_err *reterr);

/* Resolve the escapes of a key as tk_json_obj_next() gives it: into `buf` when there are any, else the
 * key itself. 0, TK_E_FORMAT, TK_E_LIMIT, -ENOMEM. */
int tk__ju_key(struct tk_str raw, struct tk_buf *buf, struct tk_str *ret);

/* Refuse members other than those in `known`, a list that NULL ends: TK_E_UNSUPPORTED. */
int tk__ju_only(struct tk_json_val *v, const char *where, const char *const *known,
                struct tk_err *reterr);

#endif
