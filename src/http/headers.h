/* headers.h - header fields as a list of slices */
#ifndef TK_HTTP_HEADERS_H
#define TK_HTTP_HEADERS_H

#include "base/def.h"

#define TK_HTTP_MAX_HEADERS 128 /* fields in one head */

struct tk_header {
    struct tk_str name;
    struct tk_str value; /* without white space at the ends */
};

struct tk_headers {
    struct tk_header v[TK_HTTP_MAX_HEADERS];
    unsigned n;
};

/* The first field of that name (any case); NULL when there is none. */
const struct tk_str *tk_headers_get(const struct tk_headers *h, const char *name);

/* May stand in a request: the name is a token, the value has no CR, LF or NUL. */
bool tk_header_is_valid(struct tk_str name, struct tk_str value);

/* `token` (any case) is one of the items of the comma-separated list `value`. */
bool tk_header_has_token(struct tk_str value, const char *token);

#endif
