/* picture_jpeg.c - a JPEG file as pixels, by libjpeg
 *
 * Errors leave the library by longjmp(), as in jpeg.c. A file that ends too early is only worth a warning
 * to it; here it is damaged, as it is to PIL. Each scan of a progressive file goes over all of the picture,
 * however few bytes it has, so that their number has a bound.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h wants FILE */
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/err.h"
#include "base/str.h"
#include "media/picture.h"

#define SHOWN(n) SHOWN_(n)
#define SHOWN_(n) #n

struct job {
    struct jpeg_decompress_struct c;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr from;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    struct tk_str file;
    struct tk_picture *picture;
    struct tk_err *reterr;
    int code; /* why it failed */
};

static void fail(struct job *j, int code, const char *words)
{
    j->code = tk_err_set(j->reterr, code, "%s", words);
    longjmp(j->failed, 1);
}

static void on_error(j_common_ptr c)
{
    struct job *j = c->client_data;

    if (j->errors.msg_code == JERR_OUT_OF_MEMORY)
        fail(j, -ENOMEM, "no memory for a picture");
    fail(j, TK_E_FORMAT, "a damaged JPEG");
}

/* Nothing below cli/ prints. */
static void on_message(j_common_ptr c, int level)
{
    (void)c;
    (void)level;
}

static void on_progress(j_common_ptr c)
{
    struct job *j = c->client_data;

    if (j->c.input_scan_number > TK_PICTURE_MAX_SCANS)
        fail(j, TK_E_LIMIT, "a JPEG of more than " SHOWN(TK_PICTURE_MAX_SCANS) " scans");
}

static void on_nothing(j_decompress_ptr c)
{
    (void)c;
}

/* All of the file was given at the start. */
static boolean on_end(j_decompress_ptr c)
{
    fail(c->client_data, TK_E_FORMAT, "a JPEG that is cut");
    return FALSE;
}

static void on_skip(j_decompress_ptr c, long n)
{
    struct job *j = c->client_data;

    if (n < 0 || (size_t)n > j->from.bytes_in_buffer)
        fail(j, TK_E_FORMAT, "a JPEG that is cut");
    j->from.next_input_byte += n;
    j->from.bytes_in_buffer -= (size_t)n;
}

#define EXIF TK_STR("Exif\0\0")
#define XMP TK_STR("http://ns.adobe.com/xap/1.0/")

/* "tiff:Orientation" with a digit as the attribute's or the element's value. */
static uint8_t xmp_orientation(struct tk_str s)
{
    static const char name[] = "tiff:Orientation";
    const char *end = s.p + s.n, *at = s.p;

    while ((at = memmem(at, (size_t)(end - at), name, sizeof(name) - 1)) != NULL) {
        at += sizeof(name) - 1;
        size_t n = end - at > 1 && at[0] == '=' && at[1] == '"' ? 2 : end - at > 0 && *at == '>';
        if (n > 0 && (size_t)(end - at) > n && at[n] >= '0' && at[n] <= '9')
            return (uint8_t)(at[n] - '0');
    }
    return 0;
}

/* EXIF says which way is up; where it does not, XMP does. The first of each counts. */
static void keep_orientation(struct job *j)
{
    uint8_t exif = 0, xmp = 0;

    for (jpeg_saved_marker_ptr m = j->c.marker_list; m; m = m->next) {
        struct tk_str s = { (const char *)m->data, m->data_length };
        if (m->marker != JPEG_APP0 + 1)
            continue;
        if (exif == 0 && tk_str_starts(s, EXIF))
            exif = tk__picture_orientation((struct tk_str){ s.p + 6, s.n - 6 });
        else if (xmp == 0 && tk_str_starts(s, XMP))
            xmp = xmp_orientation(s);
    }
    j->picture->orientation = exif ? exif : xmp;
}

static void keep_comment(struct job *j)
{
    for (jpeg_saved_marker_ptr m = j->c.marker_list; m; m = m->next) { /* the last one counts */
        if (m->marker != JPEG_COM)
            continue;
        tk_buf_reset(&j->picture->comment);
        if (tk_buf_add(&j->picture->comment, m->data, m->data_length) != 0)
            fail(j, -ENOMEM, "no memory for a picture");
    }
}

static void begin(struct job *j)
{
    jpeg_create_decompress(&j->c);
    j->c.src = &j->from;
    j->c.progress = &j->progress;
    j->from.next_input_byte = (const JOCTET *)j->file.p;
    j->from.bytes_in_buffer = j->file.n;
    jpeg_save_markers(&j->c, JPEG_COM, 0xFFFF);
    jpeg_save_markers(&j->c, JPEG_APP0 + 1, 0xFFFF);
    (void)jpeg_read_header(&j->c, TRUE);
    if (j->c.num_components != 1 && j->c.num_components != 3)
        fail(j, TK_E_UNSUPPORTED, "a JPEG in CMYK");
    int rc = tk__picture_size(j->picture, j->c.image_width, j->c.image_height, j->reterr);
    if (rc != 0) {
        j->code = rc;
        longjmp(j->failed, 1);
    }
    keep_comment(j);
    keep_orientation(j);
}

/* In a function of its own, as what is local to it may change between setjmp() and longjmp(). */
static void decompress(struct job *j)
{
    if (setjmp(j->failed) != 0)
        return;
    begin(j);
    j->c.out_color_space = JCS_RGB;
    (void)jpeg_start_decompress(&j->c);
    while (j->c.output_scanline < j->c.output_height) {
        JSAMPROW row = tk__picture_row(j->picture);
        if (!row)
            fail(j, -ENOMEM, "no memory for a picture");
        (void)jpeg_read_scanlines(&j->c, &row, 1);
    }
    (void)jpeg_finish_decompress(&j->c);
}

int tk__picture_jpeg(struct tk_str file, struct tk_picture *p, struct tk_err *reterr)
{
    struct job j = {
        .from = { .init_source = on_nothing,
                  .fill_input_buffer = on_end,
                  .skip_input_data = on_skip,
                  .resync_to_restart = jpeg_resync_to_restart,
                  .term_source = on_nothing },
        .progress = { .progress_monitor = on_progress },
        .file = file,
        .picture = p,
        .reterr = reterr,
    };

    j.c.err = jpeg_std_error(&j.errors);
    j.errors.error_exit = on_error;
    j.errors.emit_message = on_message;
    j.c.client_data = &j;
    decompress(&j);
    jpeg_destroy_decompress(&j.c);
    return j.code;
}
