/* jpeg.h - pixels as a JPEG file, by libjpeg */
#ifndef TK_MEDIA_JPEG_H
#define TK_MEDIA_JPEG_H

#include "base/buf.h"

#define TK_JPEG_MAX_SIDE 65500 /* pixels; libjpeg's bound */

/* Append a JPEG of height x width pixels, three bytes each (red, green, blue), row after row, with the
 * library's own settings: quality 75, colours at half the resolution, which is what PIL's save() writes,
 * byte for byte. 0; TK_E_RANGE (a side is 0 or above the bound); TK_E_LIMIT, -ENOMEM; TK_E_FORMAT (the
 * library gave up): `out` is as before then. Any thread. */
int tk_jpeg_add(struct tk_buf *out, const uint8_t *rgb, uint32_t width, uint32_t height);

#endif
