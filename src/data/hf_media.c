/* hf_media.c - the image or video of a row as a content part of a chat, its recording as WAV
 *
 * What `datasets` gives is pixels and samples, whatever the files were, and the tool saves them as JPEG and
 * WAV: so is done here, through the same libraries with the same settings. A text is a URL, or a path on
 * the server's machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/str.h"
#include "data/hf_sets.h"
#include "data/parts.h"
#include "hub/hub.h"
#include "media/picture.h"
#include "media/wav.h"

#define MAX_BYTES ((size_t)256 << 20) /* of an image and so on, as it is in the row */

/* The bytes of the row's media, which Parquet has as base64. */
static int decode(struct tk__hf_row *r, struct tk_buf *bytes)
{
    struct tk_json_val v;
    struct tk_str s;

    if (tk_json_type(&r->media) == TK_JSON_OBJECT && tk_json_find(&r->media, "bytes", &v) == 0 &&
        tk_json_get_str(&v, &s) == 0) {
        int rc = tk_base64_decode(bytes, s);
        return rc == 0 ? 0
                       : tk__row_fail(&r->at, rc, r->reterr,
                                      "its %s is too long, or is not what was in the file",
                                      r->media_kind);
    }
    bool is_viewed = tk_json_type(&r->media) == TK_JSON_ARRAY ||
                     (tk_json_type(&r->media) == TK_JSON_OBJECT &&
                      tk_json_find(&r->media, "src", &v) == 0);
    if (is_viewed)
        return tk__row_fail(&r->at, TK_E_UNSUPPORTED, r->reterr,
                            "the viewer gives its %s as a link alone: download the data set and "
                            "name its folder",
                            r->media_kind);
    return tk__row_fail(&r->at, TK_E_FORMAT, r->reterr, "its %s has no bytes", r->media_kind);
}

static int add_image(struct tk__hf_row *r, struct tk_str bytes, struct tk_buf *out)
{
    struct tk_buf jpeg = TK_BUF_INIT(MAX_BYTES);
    struct tk_picture picture;
    struct tk_err err = { .msg = "no memory for it" };
    int rc = tk_picture_read(bytes, &picture, &err);

    if (rc == 0 && r->is_turned)
        rc = tk_picture_turn(&picture);
    if (rc == 0)
        rc = tk_picture_to_jpeg(&picture, &jpeg);
    if (rc == 0)
        rc = tk__add_data_part(out, "image", "image/jpeg", tk_buf_str(&jpeg));
    tk_picture_release(&picture);
    tk_buf_release(&jpeg);
    return rc == 0 ? 0
                   : tk__row_fail(&r->at, rc, r->reterr, "its image cannot be sent: %s", err.msg);
}

static int add_video(struct tk__hf_row *r, struct tk_str bytes, struct tk_buf *out)
{
    int rc = tk__add_data_part(out, "video", "video/mp4", bytes);

    return rc == 0 ? 0 : tk__row_fail(&r->at, rc, r->reterr, "no memory for its video");
}

int tk__hf_add_media(struct tk__hf_row *r, struct tk_buf *out)
{
    struct tk_buf bytes = TK_BUF_INIT(MAX_BYTES);
    struct tk_err err = { 0 };
    struct tk_str url;
    int rc;

    tk_buf_reset(out);
    if (tk_json_type(&r->media) == TK_JSON_STRING && tk_json_get_str(&r->media, &url) == 0) {
        rc = tk__add_url_part(out, r->media_kind, url, TK__URLS_AS_THEY_ARE, &err);
        return rc == 0 ? 0 : tk__row_fail(&r->at, rc, r->reterr, "%s", err.msg);
    }
    rc = decode(r, &bytes);
    if (rc == 0)
        rc = strcmp(r->media_kind, "image") == 0 ? add_image(r, tk_buf_str(&bytes), out)
                                                 : add_video(r, tk_buf_str(&bytes), out);
    tk_buf_release(&bytes);
    return rc;
}

/* A recording of the row, as WAV. What is wrong with the row is said already, with the sound in `err`. */
static int add_clip(struct tk__hf_row *r, struct tk_buf *out, double *ret_seconds,
                    struct tk_err *err)
{
    struct tk_buf bytes = TK_BUF_INIT(MAX_BYTES);
    int rc = decode(r, &bytes);

    if (rc == 0)
        rc = tk_wav_of_clip(out, tk_buf_str(&bytes), r->hf->set->keeps_channels, r->hf->max_seconds,
                            ret_seconds, err);
    tk_buf_release(&bytes);
    return rc;
}

/* Where the files beside the rows are: in the data set, or in the folder of the file that it is. */
static char *home_of_files(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct stat st;

    if (stat(path, &st) != 0 || S_ISDIR(st.st_mode))
        return strdup(path);
    return slash ? strndup(path, (size_t)TK_MAX(slash - path, 1)) : strdup(".");
}

/* A file beside the rows, as it is. */
static int add_recording(struct tk__hf_row *r, struct tk_str name, struct tk_buf *out,
                         double *ret_seconds, struct tk_err *err)
{
    char *home = home_of_files(r->path), *z = tk_str_dup(name), *path = NULL;
    const struct tk_hub_repo repo = { .id = home, .type = TK_HUB_DATASET };
    int rc = 0;

    if (!home || !z)
        rc = tk_err_set(err, -ENOMEM, "no memory for it");
    else if (strlen(z) != name.n || !tk_hub_is_name(z))
        rc = tk_err_set(err, TK_E_FORMAT, "'%.100s' is no file of the data set", z);
    if (rc == 0)
        rc = tk_hub_get(r->hf->hub, &repo, z, &path, err);
    if (rc == 0)
        rc = tk__add_file(out, tk_str_of(path), err);
    if (rc == 0)
        rc = tk_wav_seconds(tk_buf_str(out), ret_seconds, err);
    free(home);
    free(z);
    free(path);
    return rc;
}

int tk__hf_add_speech(struct tk__hf_row *r, struct tk_buf *out)
{
    struct tk_err err = { 0 };
    struct tk_str name;
    double seconds = 0;
    bool is_file = r->hf->set->has_files && tk_json_type(&r->media) == TK_JSON_STRING &&
                   tk_json_get_str(&r->media, &name) == 0;

    tk_buf_reset(out);
    r->reterr->msg[0] = '\0';
    int rc = is_file ? add_recording(r, name, out, &seconds, &err)
                     : add_clip(r, out, &seconds, &err);
    if (rc != 0)
        return r->reterr->msg[0]
                   ? rc
                   : tk__row_fail(&r->at, rc, r->reterr, "its audio cannot be sent: %s", err.msg);
    return seconds >= r->hf->min_seconds && seconds <= r->hf->max_seconds;
}
