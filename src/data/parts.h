/* parts.h - content parts of a chat beside the text, in the form in which they are sent */
#ifndef TK_DATA_PARTS_H
#define TK_DATA_PARTS_H

#include "base/buf.h"

#define TK__MAX_URL_PART \
    ((size_t)256 << 20) /* bytes of a part with a URL, which may hold the data */

/* Append {"type": "image_url", "image_url": {"url": "…"}}; `kind` is image or video. What is no URL is a path
 * on the server's machine, and becomes one. 0, TK_E_LIMIT, -ENOMEM. */
int tk__add_url_part(struct tk_buf *out, const char *kind, struct tk_str url);

#endif
