/* base64.h - bytes as text, in the alphabet of RFC 4648 with padding */
#ifndef TK_BASE_BASE64_H
#define TK_BASE_BASE64_H

#include "base/buf.h"
#include "base/def.h"

/* Append the text of the bytes. 0, TK_E_LIMIT, -ENOMEM. */
int tk_base64(struct tk_str bytes, struct tk_buf *out);

/* Append the bytes of a text. 0, TK_E_FORMAT (not such a text: length, alphabet or padding), TK_E_LIMIT,
 * -ENOMEM. */
int tk_base64_decode(struct tk_str text, struct tk_buf *out);

#endif
