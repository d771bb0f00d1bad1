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

/* --- which way is up --- */

static uint32_t number_at(struct tk_str s, size_t at, size_t n, bool is_little)
{
    uint32_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v << 8 | (uint8_t)s.p[at + (is_little ? n - 1 - i : i)];
    return v;
}

/* One number of 8, 16 or 32 bits, as entries of a directory have it; 0: of another form. */
static uint32_t entry_value(struct tk_str s, size_t at, bool is_little)
{
    uint32_t type = number_at(s, at + 2, 2, is_little);

    if (number_at(s, at + 4, 4, is_little) != 1 || (type != 1 && type != 3 && type != 4))
        return 0;
    return number_at(s, at + 8, type == 1 ? 1 : type == 3 ? 2 : 4, is_little);
}

uint8_t tk__picture_orientation(struct tk_str tiff)
{
    bool is_little = tk_str_starts(tiff, TK_STR("II*\0"));
    uint32_t found = 0;

    if (tiff.n < 8 || (!is_little && !tk_str_starts(tiff, TK_STR("MM\0*"))))
        return 0;
    size_t at = number_at(tiff, 4, 4, is_little);
    if (at + 2 > tiff.n)
        return 0;
    size_t n = number_at(tiff, at, 2, is_little);
    for (at += 2; n > 0 && at + 12 <= tiff.n; n--, at += 12) {
        if (number_at(tiff, at, 2, is_little) == 0x0112)
            found = entry_value(tiff, at, is_little);
    }
    return found <= 8 ? (uint8_t)found : 0;
}

int tk_picture_turn(struct tk_picture *p)
{
    unsigned o = p->orientation;
    bool swaps = o >= 5, from_right = o == 2 || o == 3 || o == 7 || o == 8;
    bool from_below = o == 3 || o == 4 || o == 6 || o == 7;
    uint32_t w = swaps ? p->height : p->width, h = swaps ? p->width : p->height;
    struct tk_buf turned = TK_BUF_INIT(TK_PICTURE_MAX_PIXELS * 3);

    if (o < 2 || o > 8)
        return 0;
    if (tk_buf_reserve(&turned, p->rgb.n) != 0)
        return -ENOMEM;
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            size_t from_x = swaps ? y : x, from_y = swaps ? x : y;
            from_x = from_right ? p->width - 1 - from_x : from_x;
            from_y = from_below ? p->height - 1 - from_y : from_y;
            memcpy(turned.p + turned.n, p->rgb.p + (from_y * p->width + from_x) * 3, 3);
            turned.n += 3;
        }
    }
    tk_buf_release(&p->rgb);
    p->rgb = turned;
    p->width = w;
    p->height = h;
    p->orientation = 0;
    return 0;
}

/* --- files --- */

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
