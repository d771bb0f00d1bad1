/* picture_png.c - a PNG file as pixels, by libpng
 *
 * Palettes and grey become colours, 16 bits of colour their upper 8, and with an alpha channel beside colours the picture
 * stands on white. What says by tRNS which colour cannot be seen is seen, as PIL's modes P, L and RGB forget
 * it. Errors leave the library by longjmp().
 */
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "media/picture.h"

struct job {
    png_structp png;
    png_infop info;
    struct tk_str rest; /* of the file */
    struct tk_picture *picture;
    struct tk_err *reterr;
    int code;        /* why it failed */
    uint8_t *whole;  /* an interlaced picture, or one with alpha, before it is RGB; owned */
    png_bytep *rows; /* its rows; owned */
};

static void fail(struct job *j, int code, const char *words)
{
    if (j->code == 0)
        j->code = tk_err_set(j->reterr, code, "%s", words);
    png_longjmp(j->png, 1);
}

static void on_error(png_structp png, png_const_charp words)
{
    (void)words;
    fail(png_get_error_ptr(png), TK_E_FORMAT, "a damaged PNG");
}

/* Nothing below cli/ prints. */
static void on_warning(png_structp png, png_const_charp words)
{
    (void)png;
    (void)words;
}

static void on_read(png_structp png, png_bytep out, size_t n)
{
    struct job *j = png_get_io_ptr(png);

    if (n > j->rest.n)
        fail(j, TK_E_FORMAT, "a PNG that is cut");
    memcpy(out, j->rest.p, n);
    j->rest = (struct tk_str){ j->rest.p + n, j->rest.n - n };
}

/* PIL's paste() with the alpha channel as its mask. */
static uint8_t on_white(uint8_t colour, uint8_t alpha)
{
    unsigned v = colour * alpha + 255U * (255U - alpha) + 128;

    return (uint8_t)((v + (v >> 8)) >> 8);
}

static void put_row(struct job *j, const uint8_t *from, unsigned channels)
{
    uint8_t *to = tk__picture_row(j->picture);

    if (!to)
        fail(j, -ENOMEM, "no memory for a picture");
    if (channels == 3) {
        memcpy(to, from, (size_t)j->picture->width * 3);
        return;
    }
    for (uint32_t x = 0; x < j->picture->width; x++, from += 4, to += 3) {
        for (int i = 0; i < 3; i++)
            to[i] = on_white(from[i], from[3]);
    }
}

/* What the file is, and what becomes of it. */
static void begin(struct job *j)
{
    png_read_info(j->png, j->info);
    unsigned type = png_get_color_type(j->png, j->info), depth = png_get_bit_depth(j->png, j->info);
    int rc = tk__picture_size(j->picture, png_get_image_width(j->png, j->info),
                              png_get_image_height(j->png, j->info), j->reterr);

    if (rc != 0) {
        j->code = rc;
        png_longjmp(j->png, 1);
    }
    png_bytep exif = NULL;
    png_uint_32 n_exif = 0;
    if (png_get_eXIf_1(j->png, j->info, &n_exif, &exif) != 0)
        j->picture->orientation = tk__picture_orientation((struct tk_str){ (char *)exif, n_exif });
    if (depth == 16 && type == PNG_COLOR_TYPE_GRAY)
        fail(j, TK_E_UNSUPPORTED, "a PNG with 16 bits of grey");
    if (depth == 16)
        png_set_strip_16(j->png);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(j->png);
    if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(j->png);
    if (type == PNG_COLOR_TYPE_GRAY_ALPHA || type == PNG_COLOR_TYPE_PALETTE)
        png_set_strip_alpha(j->png);
    if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA)
        png_set_gray_to_rgb(j->png);
}

/* All at once, as the passes of an interlaced picture want it. */
static void read_whole(struct job *j, unsigned channels)
{
    size_t stride = (size_t)j->picture->width * channels;

    j->whole = calloc(j->picture->height, stride);
    j->rows = calloc(j->picture->height, sizeof(*j->rows));
    if (!j->whole || !j->rows)
        fail(j, -ENOMEM, "no memory for a picture");
    for (uint32_t y = 0; y < j->picture->height; y++)
        j->rows[y] = j->whole + y * stride;
    png_read_image(j->png, j->rows);
    for (uint32_t y = 0; y < j->picture->height; y++)
        put_row(j, j->rows[y], channels);
}

static void read_rows(struct job *j, unsigned channels)
{
    j->whole = malloc((size_t)j->picture->width * channels);
    if (!j->whole)
        fail(j, -ENOMEM, "no memory for a picture");
    for (uint32_t y = 0; y < j->picture->height; y++) {
        png_read_row(j->png, j->whole, NULL);
        put_row(j, j->whole, channels);
    }
}

/* In a function of its own, as what is local to it may change between setjmp() and longjmp(). */
static void decode(struct job *j)
{
    if (setjmp(png_jmpbuf(j->png)) != 0)
        return;
    png_set_read_fn(j->png, j, on_read);
    begin(j);
    bool is_interlaced = png_set_interlace_handling(j->png) > 1;
    png_read_update_info(j->png, j->info);
    unsigned channels = png_get_channels(j->png, j->info);
    if ((channels != 3 && channels != 4) ||
        png_get_rowbytes(j->png, j->info) != (size_t)j->picture->width * channels)
        fail(j, TK_E_UNSUPPORTED, "a PNG of a kind that is not known");
    if (is_interlaced)
        read_whole(j, channels);
    else
        read_rows(j, channels);
    png_read_end(j->png, NULL);
}

int tk__picture_png(struct tk_str file, struct tk_picture *p, struct tk_err *reterr)
{
    struct job j = { .rest = file, .picture = p, .reterr = reterr };

    j.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning);
    j.info = j.png ? png_create_info_struct(j.png) : NULL;
    if (j.info)
        decode(&j);
    else
        j.code = tk_err_set(reterr, -ENOMEM, "no memory for a picture");
    png_destroy_read_struct(&j.png, &j.info, NULL);
    free(j.whole);
    free(j.rows);
    return j.code;
}
