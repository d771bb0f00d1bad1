/* parts.h - content parts of a chat beside the text, in the form in which they are sent */
#ifndef TK_DATA_PARTS_H
#define TK_DATA_PARTS_H

#include "base/buf.h"
#include "base/err.h"

#define TK__MAX_PART_FILE ((size_t)256 << 20) /* bytes of an image's or a sound's file */
#define TK__MAX_PARTS ((size_t)4 << 30)       /* bytes of the parts of one request */

/* How URLs of images are sent. */
enum tk__urls {
    TK__URLS_AS_THEY_ARE, /* what is no URL is a path on the server's machine, and becomes one */
    TK__URLS_AS_DATA,     /* files are read here and become data URLs, of the bytes as they are */
};

/* Append the URL as a JSON string, quotes and all. 0; TK_E_UNSUPPORTED (what would have to be fetched, or
 * is no image), the file's errno, TK_E_LIMIT, -ENOMEM, with words. */
int tk__add_url(struct tk_buf *out, struct tk_str url, enum tk__urls how, struct tk_err *reterr);

/* Append {"type": "image_url", "image_url": {"url": "…"}}; `kind` is image or video. Codes as above. */
int tk__add_url_part(struct tk_buf *out, const char *kind, struct tk_str url, enum tk__urls how,
                     struct tk_err *reterr);

/* The same with bytes in a data URL; `type` is theirs: "image/jpeg". 0, TK_E_LIMIT, -ENOMEM. */
int tk__add_data_part(struct tk_buf *out, const char *kind, const char *type, struct tk_str bytes);

/* Append the file's bytes, at most TK__MAX_PART_FILE. 0 or a code with words. */
int tk__add_file(struct tk_buf *out, struct tk_str path, struct tk_err *reterr);

#endif
