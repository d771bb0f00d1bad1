/* jinja_unidata.h - the tables behind jinja_unicode.c, made by tests/data/token/templates/unidata.py */
#ifndef TK_TOKEN_JINJA_UNIDATA_H
#define TK_TOKEN_JINJA_UNIDATA_H

#include "base/def.h"

/* Code points first to last, both in it. */
struct tk__jrange32 {
    uint32_t first, last;
};

/* What one character becomes when that is several; 0 ends it. */
struct tk__jfullcase {
    uint32_t from;
    uint32_t to[3];
};

/* Lower case, upper case, digits, numbers beyond the categories Ll, Lu, Nd, N*. In order. */
extern const struct tk__jrange32 tk__jother_lower[], tk__jother_upper[], tk__jother_digit[],
    tk__jother_numeric[];
extern const unsigned tk__jn_other_lower, tk__jn_other_upper, tk__jn_other_digit,
    tk__jn_other_numeric;
extern const struct tk__jfullcase tk__jfull_upper[], tk__jfull_title[];
extern const unsigned tk__jn_full_upper, tk__jn_full_title;

#endif
