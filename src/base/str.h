/* str.h - questions about slices; nothing here copies or allocates */
#ifndef TK_BASE_STR_H
#define TK_BASE_STR_H

#include "base/def.h"

/* The slice of a NUL-terminated string; NULL gives an empty slice. */
struct tk_str tk_str_of(const char *z);

bool tk_str_eq(struct tk_str a, struct tk_str b);
bool tk_str_eq_nocase(struct tk_str a, struct tk_str b); /* ASCII letters only */
bool tk_str_is(struct tk_str s, const char *z);
bool tk_str_starts(struct tk_str s, struct tk_str prefix);
bool tk_str_ends(struct tk_str s, struct tk_str suffix);

/* Without spaces, tabs, CR and LF at both ends. */
struct tk_str tk_str_trim(struct tk_str s);

/* Index of the first `c`, or -1. */
ptrdiff_t tk_str_find(struct tk_str s, char c);

/* The bytes up to the next `sep`, which is taken off `rest` with them; all of it when there is no
 * `sep`. False when `rest` was exhausted before (rest->p is NULL): "a," gives "a", "". */
bool tk_str_split(struct tk_str *rest, char sep, struct tk_str *ret_part);

/* The slice as a NUL-terminated copy from malloc; NULL when memory is out. */
char *tk_str_dup(struct tk_str s);

#endif
