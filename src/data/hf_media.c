/* hf_media.c - the image or video of a row as a content part of a chat
 *
 * What `datasets` gives is pixels, whatever the file was, and the tool saves them as JPEG: so is done here,
 * through the same library with the same settings. A text is a URL, or a path on the server's machine.
 */
#include <errno.h>
#include <string.h>

#include "base/base64.h"
#include "data/hf_sets.h"
#include "data/parts.h"
#include "media/picture.h"

#define MAX_BYTES ((size_t)256 << 20) /* of an image or a video, as it is in the row */

static int add_image(struct tk__hf_row *r, struct tk_str bytes, struct tk_buf *out)
{
    struct tk_buf jpeg = TK_BUF_INIT(MAX_BYTES);
    struct tk_picture picture;
    struct tk_err err = { .msg = "no memory for it" };
    int rc = tk_picture_read(bytes, &picture, &err);

    if (rc == 0)
        rc = tk_picture_to_jpeg(&picture, &jpeg);
    if (rc == 0)
        rc = tk__add_data_part(out, "image", "image/jpeg", tk_buf_str(&jpeg));
    tk_picture_release(&picture);
    tk_buf_release(&jpeg);
    return rc == 0 ? 0
                   : tk__row_fail(&r->at, rc, r->reterr, "its image cannot be sent: %s", err.msg);
}

/* Bytes that Parquet has as base64. */
static int add_bytes(struct tk__hf_row *r, struct tk_str text, struct tk_buf *out)
{
    struct tk_buf bytes = TK_BUF_INIT(MAX_BYTES);
    int rc = tk_base64_decode(&bytes, text);

    if (rc != 0)
        rc = tk__row_fail(&r->at, rc, r->reterr,
                          "its %s is too long, or is not what was in the file", r->media_kind);
    else if (strcmp(r->media_kind, "image") == 0)
        rc = add_image(r, tk_buf_str(&bytes), out);
    else if ((rc = tk__add_data_part(out, "video", "video/mp4", tk_buf_str(&bytes))) != 0)
        rc = tk__row_fail(&r->at, rc, r->reterr, "no memory for its video");
    tk_buf_release(&bytes);
    return rc;
}

int tk__hf_add_media(struct tk__hf_row *r, struct tk_buf *out)
{
    struct tk_json_val v;
    struct tk_str s;
    bool is_object = tk_json_type(&r->media) == TK_JSON_OBJECT;

    tk_buf_reset(out);
    if (!is_object && tk_json_get_str(&r->media, &s) == 0) {
        struct tk_err err = { 0 };
        int rc = tk__add_url_part(out, r->media_kind, s, TK__URLS_AS_THEY_ARE, &err);
        return rc == 0 ? 0 : tk__row_fail(&r->at, rc, r->reterr, "%s", err.msg);
    }
    if (is_object && tk_json_find(&r->media, "bytes", &v) == 0 && tk_json_get_str(&v, &s) == 0)
        return add_bytes(r, s, out);
    if (is_object && tk_json_find(&r->media, "src", &v) == 0)
        return tk__row_fail(
            &r->at, TK_E_UNSUPPORTED, r->reterr,
            "the viewer gives its %s as a link alone: download the data set and name "
            "its folder",
            r->media_kind);
    return tk__row_fail(&r->at, TK_E_FORMAT, r->reterr, "its %s is neither bytes nor a path or URL",
                        r->media_kind);
}
