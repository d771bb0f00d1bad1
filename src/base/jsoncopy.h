/* jsoncopy.h - a JSON value that was read, written again in the style of a writer */
#ifndef TK_BASE_JSONCOPY_H
#define TK_BASE_JSONCOPY_H

#include "base/json.h"
#include "base/jsonw.h"

/* Write the value as Python's json.dumps() writes what json.loads() made of it: whole numbers as they
 * are, however long; others shortest. 0, TK_E_FORMAT (damaged), TK_E_LIMIT (deeper than
 * TK_JSONW_MAX_DEPTH); that the buffer was full is in its `failed`. */
int tk_jsonw_copy(struct tk_jsonw *w, struct tk_json_val *v);

/* Append a key as tk_json_obj_next() gives it, its escapes resolved. 0, TK_E_FORMAT, TK_E_LIMIT, -ENOMEM. */
int tk_json_key(struct tk_str key, struct tk_buf *out);

/* Write a key as tk_json_obj_next() gives it, its escapes not resolved. 0, TK_E_FORMAT, -ENOMEM. */
int tk_jsonw_copy_key(struct tk_jsonw *w, struct tk_str key);

#endif
