/* pyjson.h - JSON as Python reads and writes it, for encodings of chats that are made with json.dumps
 *
 * A tree in an arena. Of members with one name the last counts, in the place of the first.
 */
#ifndef TK_TOKEN_PYJSON_H
#define TK_TOKEN_PYJSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/def.h"
#include "base/json.h"

struct tk__py {
    enum tk_json_type type;
    struct tk_str text; /* STRING: its content; NUMBER: as written; of an object's member too */
    struct tk_str key;  /* of a member: its name */
    bool truth;         /* BOOL */
    struct tk__py *v;   /* ARRAY, OBJECT: the items */
    size_t n;
};

/* Read `text` whole. 0, TK_E_FORMAT (not JSON), TK_E_LIMIT, -ENOMEM. */
int tk__py_parse(struct tk_arena *a, struct tk_str text, struct tk__py *ret);

/* json.dumps(v, ensure_ascii=False) */
int tk__py_dump(struct tk_buf *out, const struct tk__py *v);

/* The member, or NULL: no such member, or `v` is no object. None counts as a member. */
const struct tk__py *tk__py_get(const struct tk__py *v, const char *key);

/* The same, but NULL also for a null. */
const struct tk__py *tk__py_some(const struct tk__py *v, const char *key);

/* The string of a member, empty when it is none. */
struct tk_str tk__py_str(const struct tk__py *v, const char *key);

bool tk__py_is_true(const struct tk__py *v); /* Python's bool(); NULL is false */

#endif
