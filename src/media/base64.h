/* base64.h - bytes as text (RFC 4648, with padding), for data URLs */
#ifndef TK_MEDIA_BASE64_H
#define TK_MEDIA_BASE64_H

#include "base/buf.h"

/* Append the text of the bytes, four letters for three of them. 0, TK_E_LIMIT, -ENOMEM. `in` must not lie
 * in the buffer. */
int tk_base64_add(struct tk_buf *out, struct tk_str in);

#endif
