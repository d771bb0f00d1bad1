/* jinja_str.h - pieces of text that methods and filters share */
#ifndef TK_TOKEN_JINJA_STR_H
#define TK_TOKEN_JINJA_STR_H

#include "token/jinja.h"

/* The next line of *rest as str.splitlines() cuts; false at the end. */
bool tk__jnext_line(struct tk_str *rest, bool keep_ends, struct tk_str *ret);

/* The next run without white space. */
bool tk__jnext_word(struct tk_str *rest, struct tk_str *ret);

/* `fill` so many times; nothing below 1. The buffer remembers a failure. */
void tk__jpad(struct tk_buf *out, struct tk_str fill, int64_t n);

/* Python's int() of text: white space, sign, digits of `base` (0: by its prefix), underscores.
 * False: not a number. A value past 64 bits fails. */
bool tk__jparse_int(struct tk_jrender *r, struct tk_str s, int64_t base, struct tk_jval *ret);
bool tk__jparse_float(struct tk_str s, double *ret);

/* A fixed number of decimals, correctly rounded: "%.*f". */
void tk__jadd_fixed(struct tk_buf *out, double d, int decimals);

#endif
