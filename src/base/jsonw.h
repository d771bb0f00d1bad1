/* jsonw.h - writing JSON, streaming, into a tk_buf
 *
 * Commas and colons come by themselves. Two styles: compact, and Python's (", " and ": ", ASCII
 * with \uXXXX), because the files of the tools that tokmark stands in for are json.dumps output.
 * Errors are the buffer's (`failed`), looked at once at the end: TK_E_LIMIT or -ENOMEM as tk_buf has
 * them, TK_E_LIMIT also for nesting deeper than TK_JSONW_MAX_DEPTH.
 */
#ifndef TK_BASE_JSONW_H
#define TK_BASE_JSONW_H

#include "base/buf.h"
#include "base/def.h"

#define TK_JSONW_MAX_DEPTH 64

enum tk_jsonw_style {
    TK_JSONW_COMPACT, /* {"a":1}, UTF-8 as it is */
    TK_JSONW_PYTHON,  /* {"a": 1}, ASCII: everything else as \uXXXX, surrogate pairs above U+FFFF */
    TK_JSONW_PRETTY,  /* two spaces of indent, UTF-8 as it is */
};

struct tk_jsonw {
    struct tk_buf *out; /* not owned */
    enum tk_jsonw_style style;
    unsigned depth;     /* open objects and arrays */
    uint64_t has_items; /* bit d-1: the one open at depth d has an item, so that a comma is due */
    bool after_key;     /* a key was written: a value is due */
};

/* Several values at depth 0 follow each other without anything between. */
void tk_jsonw_init(struct tk_jsonw *w, struct tk_buf *out, enum tk_jsonw_style style);

void tk_jsonw_obj(struct tk_jsonw *w);     /* { */
void tk_jsonw_obj_end(struct tk_jsonw *w); /* } */
void tk_jsonw_arr(struct tk_jsonw *w);
void tk_jsonw_arr_end(struct tk_jsonw *w);
void tk_jsonw_key(struct tk_jsonw *w, const char *key);
void tk_jsonw_key_str(struct tk_jsonw *w, struct tk_str key);

void tk_jsonw_str(struct tk_jsonw *w, struct tk_str s); /* invalid UTF-8 becomes U+FFFD */
void tk_jsonw_z(struct tk_jsonw *w, const char *z);     /* NULL writes null */
void tk_jsonw_i64(struct tk_jsonw *w, int64_t i);
void tk_jsonw_double(struct tk_jsonw *w, double d); /* shortest; integral keeps ".0"; non-finite:
                                                       null, in Python's style NaN and Infinity */
void tk_jsonw_bool(struct tk_jsonw *w, bool b);
void tk_jsonw_null(struct tk_jsonw *w);
void tk_jsonw_raw(struct tk_jsonw *w, struct tk_str json); /* text that is JSON already */

/* A member of an object: its key, and its value as above. */
void tk_jsonw_put_z(struct tk_jsonw *w, const char *key, const char *z);
void tk_jsonw_put_i64(struct tk_jsonw *w, const char *key, int64_t i);
void tk_jsonw_put_double(struct tk_jsonw *w, const char *key, double d);
void tk_jsonw_put_bool(struct tk_jsonw *w, const char *key, bool b);

/* Only the escaped content of a string, without quotes, in the style's alphabet. 0, TK_E_LIMIT,
 * -ENOMEM. */
int tk_json_escape(struct tk_buf *out, struct tk_str s, enum tk_jsonw_style style);

#endif
