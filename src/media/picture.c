/* picture.c - JPEG and PNG files as pixels, and back to JPEG */
#include "media/picture.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "media/jpeg.h"

#define JFIF_BYTES 20 /* of what stands before a comment: the beginning and the segment APP0 */
#define MAX_COMMENT 65533

int tk__picture_size(struct tk_picture *p, uint32_t width, uint32_t height, struct tk_err *reterr)
{
    if (width == 0 || height == 0)
        return tk_err_set(reterr, TK_E_FORMAT, "a picture without pixels");
    if ((uint64_t)width * height > TK_PICTURE_MAX_PIXELS)
        return tk_err_set(reterr, TK_E_LIMIT, "a picture of %u x %u pixels, more than %llu", width,
                          height, (unsigned long long)TK_PICTURE_MAX_PIXELS);
    p->width = width;
    p->height = height;
    return 0;
}

uint8_t *tk__picture_row(struct tk_picture *p)
{
    size_t n = (size_t)p->width * 3, whole = n * p->height;

    if (p->rgb.cap - p->rgb.n < n + 1 &&
        tk_buf_reserve(&p->rgb, TK_MIN(TK_MAX(p->rgb.n, n), whole - p->rgb.n)) != 0)
        return NULL;
    p->rgb.n += n;
    return (uint8_t *)p->rgb.p + p->rgb.n - n;
}

int tk_picture_read(struct tk_str file, struct tk_picture *ret, struct tk_err *reterr)
{
    *ret = (struct tk_picture){
        .rgb = TK_BUF_INIT(TK_PICTURE_MAX_PIXELS * 3),
        .comment = TK_BUF_INIT(MAX_COMMENT),
    };
    if (tk_str_starts(file, TK_STR("\xff\xd8\xff")))
        return tk__picture_jpeg(file, ret, reterr);
    if (tk_str_starts(file, TK_STR("\x89PNG\r\n\x1a\n")))
        return tk__picture_png(file, ret, reterr);
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "a picture that is neither JPEG nor PNG");
}

void tk_picture_release(struct tk_picture *p)
{
    tk_buf_release(&p->rgb);
    tk_buf_release(&p->comment);
}

int tk_picture_to_jpeg(const struct tk_picture *p, struct tk_buf *out)
{
    size_t begin = out->n, n = p->comment.n;
    int rc = tk_jpeg_add(out, (const uint8_t *)p->rgb.p, p->width, p->height);

    if (rc != 0 || n == 0)
        return rc;
    rc = tk_buf_reserve(out, n + 4);
    if (rc != 0) {
        out->n = begin;
        out->p[begin] = '\0';
        return rc;
    }
    char *at = out->p + begin + JFIF_BYTES;
    memmove(at + n + 4, at, out->n - begin - JFIF_BYTES);
    const unsigned char head[] = { 0xFF, 0xFE, (unsigned char)((n + 2) >> 8),
                                   (unsigned char)(n + 2) };
    memcpy(at, head, sizeof(head));
    memcpy(at + 4, p->comment.p, n);
    out->n += n + 4;
    out->p[out->n] = '\0';
    return 0;
}
