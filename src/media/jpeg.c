/* jpeg.c - pixels as a JPEG file, by libjpeg
 *
 * The library reports errors by a function that must not come back, so a longjmp() leaves it; what it
 * writes goes straight into the buffer.
 */
#include "media/jpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h wants FILE */

#include <jerror.h>
#include <jpeglib.h>

#include "base/err.h"

#define CHUNK ((size_t)64 << 10) /* the buffer grows by at least this */

struct job {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr to;
    jmp_buf failed;
    struct tk_buf *out;
    int code; /* why it failed */
};

static void on_error(j_common_ptr c)
{
    struct job *j = c->client_data;

    if (j->code == 0)
        j->code = j->errors.msg_code == JERR_OUT_OF_MEMORY ? -ENOMEM : TK_E_FORMAT;
    longjmp(j->failed, 1);
}

/* Nothing below cli/ prints. */
static void on_message(j_common_ptr c)
{
    (void)c;
}

static void offer_room(struct job *j)
{
    j->code = tk_buf_reserve(j->out, CHUNK);
    if (j->code != 0)
        longjmp(j->failed, 1);
    j->to.next_output_byte = (JOCTET *)j->out->p + j->out->n;
    j->to.free_in_buffer = j->out->cap - j->out->n - 1; /* a NUL follows */
}

static void begin_output(j_compress_ptr c)
{
    offer_room(c->client_data);
}

/* All of the room is used, whatever free_in_buffer says. */
static boolean go_on(j_compress_ptr c)
{
    struct job *j = c->client_data;

    j->out->n = j->out->cap - 1;
    offer_room(j);
    return TRUE;
}

static void end_output(j_compress_ptr c)
{
    struct job *j = c->client_data;

    j->out->n = (size_t)((char *)j->to.next_output_byte - j->out->p);
    j->out->p[j->out->n] = '\0';
}

/* In a function of its own, as what is local to it may change between setjmp() and longjmp(). */
static void compress(struct job *j, const uint8_t *rgb, uint32_t width, uint32_t height)
{
    if (setjmp(j->failed) != 0)
        return;
    jpeg_create_compress(&j->c);
    j->c.dest = &j->to;
    j->c.image_width = width;
    j->c.image_height = height;
    j->c.input_components = 3;
    j->c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&j->c);
    jpeg_start_compress(&j->c, TRUE);
    for (uint32_t y = 0; y < height; y++) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(rgb + (size_t)y * width * 3); /* it is only read */
        (void)jpeg_write_scanlines(&j->c, &row, 1);
    }
    jpeg_finish_compress(&j->c);
}

int tk_jpeg_add(struct tk_buf *out, const uint8_t *rgb, uint32_t width, uint32_t height)
{
    struct job j = {
        .to = { .init_destination = begin_output,
                .empty_output_buffer = go_on,
                .term_destination = end_output },
        .out = out,
    };
    size_t before = out->n;

    if (width == 0 || height == 0 || width > TK_JPEG_MAX_SIDE || height > TK_JPEG_MAX_SIDE)
        return TK_E_RANGE;
    j.c.err = jpeg_std_error(&j.errors);
    j.errors.error_exit = on_error;
    j.errors.output_message = on_message;
    j.c.client_data = &j;
    compress(&j, rgb, width, height);
    jpeg_destroy_compress(&j.c);
    if (j.code != 0) {
        out->n = before;
        if (out->p)
            out->p[before] = '\0';
    }
    return j.code;
}
