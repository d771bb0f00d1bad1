/* base64.h - bytes as text (RFC 4648, with padding), for data URLs and JSON */
#ifndef TK_BASE_BASE64_H
#define TK_BASE_BASE64_H

#include "base/buf.h"

/* Append the text of the bytes, four letters for three of them. 0, TK_E_LIMIT, -ENOMEM. `in` must not lie
 * in the buffer. */
int tk_base64_add(struct tk_buf *out, struct tk_str in);

/* Append the bytes of the text. 0; TK_E_FORMAT (length, letters or padding are not those of such a text),
 * TK_E_LIMIT, -ENOMEM: `out` is as before then. */
int tk_base64_decode(struct tk_buf *out, struct tk_str text);

#endif
