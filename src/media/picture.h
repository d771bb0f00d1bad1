/* picture.h - JPEG and PNG files as pixels, as PIL opens them */
#ifndef TK_MEDIA_PICTURE_H
#define TK_MEDIA_PICTURE_H

#include "base/buf.h"

struct tk_err;

#define TK_PICTURE_MAX_PIXELS ((uint64_t)178956970) /* where PIL calls it a bomb */
#define TK_PICTURE_MAX_SCANS 500 /* of a progressive JPEG; real ones have ten or so */

struct tk_picture {
    struct tk_buf rgb; /* height x width x 3 bytes, row after row */
    uint32_t width, height;
    struct tk_buf comment; /* of a JPEG, which PIL takes over into what it saves */
    uint8_t
        orientation; /* as EXIF numbers them, 2 to 8: the pixels are turned; else they are not */
};

/* The pixels of a file, colours as Image.open(file).convert("RGB") has them; what can be seen through stands
 * on white, as vLLM has it. `ret` is initialized by the callee and to be released in any case. 0; TK_E_FORMAT (damaged, cut);
 * TK_E_UNSUPPORTED (neither JPEG nor PNG, CMYK, 16 bits of grey); TK_E_LIMIT; -ENOMEM; with words. Any thread. */
int tk_picture_read(struct tk_str file, struct tk_picture *ret, struct tk_err *reterr);
void tk_picture_release(struct tk_picture *p); /* may be called twice */

/* Turn the pixels as the file says that they are to be seen, as `datasets` does; those that are right stay. 0 or
 * -ENOMEM: the picture is as before. */
int tk_picture_turn(struct tk_picture *p);

/* Append the picture as the JPEG file that PIL's save() writes. 0 or as tk_jpeg_add(). */
int tk_picture_to_jpeg(const struct tk_picture *p, struct tk_buf *out);

/* ---- for picture.c alone ---- */

int tk__picture_jpeg(struct tk_str file, struct tk_picture *p, struct tk_err *reterr);
int tk__picture_png(struct tk_str file, struct tk_picture *p, struct tk_err *reterr);

/* The orientation in the TIFF structure that an EXIF block is; 0: none that counts. */
uint8_t tk__picture_orientation(struct tk_str tiff);

/* Set the size: 0, TK_E_LIMIT or TK_E_FORMAT. */
int tk__picture_size(struct tk_picture *p, uint32_t width, uint32_t height, struct tk_err *reterr);

/* Room for the next row of pixels; NULL: no memory. Memory grows with the rows that came, as a head may
 * promise more of them than follow. */
uint8_t *tk__picture_row(struct tk_picture *p);

#endif
