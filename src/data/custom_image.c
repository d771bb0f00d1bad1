/* custom_image.c - rows of a text and images, as the newer `vllm bench serve` has them
 *
 *   {"prompt": "…", "image_files": ["a.png", …]}         the text, then the images
 *   {"content": [{"type": "text", "text": "…"},          text and images in the row's order, which are the
 *                {"type": "image", "image": "a.png"},    whole content of the message
 *                {"type": "image_url", "image_url": {"url": "…", "detail": "low"}}]}
 *
 * Images go out as URLs, files as file://, which the server opens; or, where that is asked for, as data
 * URLs of the files' own bytes. The length of a prompt is that of its text.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/jsoncopy.h"
#include "base/str.h"
#include "data/inside.h"
#include "data/parts.h"
#include "token/tokenizer.h"

#define MAX_TEXT ((size_t)64 << 20) /* bytes of a row's texts */

struct custom_image {
    const struct tk_data_conf *conf;
    struct tk__adder adder;
    struct tk_tok_scratch *scratch; /* owned; NULL without a tokenizer */
    struct tk_buf media;            /* of the row under way */
    struct tk_buf text;             /* what its parts say, joined */
    enum tk__urls urls;
};

static bool has(struct tk_json_val *root, const char *key, struct tk_json_val *ret)
{
    return tk_json_find(root, key, ret) == 0;
}

static int fail(const struct tk__row *row, struct tk_err *reterr, const char *why)
{
    return tk__row_fail(row, TK_E_FORMAT, reterr, "%s", why);
}

/* A failure of a part is told with its row. */
static int with_row(const struct tk__row *row, int rc, const struct tk_err *e,
                    struct tk_err *reterr)
{
    return rc == 0 ? 0 : tk__row_fail(row, rc, reterr, "%s", e->msg);
}

/* --- content --- */

static void add_text_part(struct custom_image *d, struct tk_str text)
{
    tk_buf_add_z(&d->media, "{\"type\": \"text\", \"text\": \"");
    (void)tk_json_escape(&d->media, text, TK_JSONW_PYTHON);
    tk_buf_add_z(&d->media, "\"}");
    tk_buf_add_str(&d->text, text);
}

/* {"url": "…"} with what else the row has there, behind it. */
static int add_url_object(struct custom_image *d, struct tk_json_val *object, struct tk_str url,
                          struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    struct tk_jsonw w;

    tk_buf_add_z(&d->media, "{\"type\": \"image_url\", \"image_url\": {\"url\": ");
    int rc = tk__add_url(&d->media, url, d->urls, reterr);
    if (rc != 0)
        return rc;
    rc = tk_json_obj(object, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        rc = 0;
        if (tk_str_eq(key, TK_STR("url")))
            continue;
        tk_buf_addf(&d->media, ", \"%.*s\": ", TK_STR_ARG(key));
        tk_jsonw_init(&w, &d->media, TK_JSONW_PYTHON);
        rc = tk_jsonw_copy(&w, &val);
    }
    if (rc != 0)
        return tk_err_set(reterr, rc, "'image_url' is damaged, or too deep");
    tk_buf_add_z(&d->media, "}}");
    return 0;
}

static int add_image_url(struct custom_image *d, const struct tk__row *row,
                         struct tk_json_val *part, struct tk_err *reterr)
{
    struct tk_json_val image, val;
    struct tk_err e = { .msg = "" };
    struct tk_str url;

    if (has(part, "image_url", &image) && tk_json_get_str(&image, &url) == 0)
        return with_row(row, tk__add_url_part(&d->media, "image", url, d->urls, &e), &e, reterr);
    if (!has(part, "image_url", &image) || tk_json_type(&image) != TK_JSON_OBJECT)
        return fail(row, reterr,
                    "Image URL content parts must contain an 'image_url' string or dictionary.");
    if (!has(&image, "url", &val) || tk_json_get_str(&val, &url) != 0)
        return fail(row, reterr, "Image URL content parts must contain a string 'image_url.url'.");
    return with_row(row, add_url_object(d, &image, url, &e), &e, reterr);
}

static int add_part(struct custom_image *d, const struct tk__row *row, struct tk_json_val *part,
                    struct tk_err *reterr)
{
    struct tk_json_val val;
    struct tk_err e = { .msg = "" };
    struct tk_str type = { "", 0 }, text;

    if (tk_json_type(part) != TK_JSON_OBJECT)
        return fail(row, reterr, "Each item in 'content' must be a dictionary.");
    if (has(part, "type", &val))
        (void)tk_json_get_str(&val, &type);
    if (tk_str_eq(type, TK_STR("text"))) {
        if (!has(part, "text", &val) || tk_json_get_str(&val, &text) != 0)
            return fail(row, reterr, "Text content parts must contain a string 'text'.");
        add_text_part(d, text);
        return 0;
    }
    if (tk_str_eq(type, TK_STR("image"))) {
        if (!has(part, "image", &val))
            return fail(row, reterr, "Image content parts must contain an 'image' field.");
        if (tk_json_get_str(&val, &text) != 0)
            return fail(row, reterr, "Invalid image input: 'image' must be a path or a URL");
        return with_row(row, tk__add_url_part(&d->media, "image", text, d->urls, &e), &e, reterr);
    }
    if (tk_str_eq(type, TK_STR("image_url")))
        return add_image_url(d, row, part, reterr);
    return fail(row, reterr, "Content parts must have type 'text', 'image', or 'image_url'.");
}

static int read_content(struct custom_image *d, const struct tk__row *row,
                        struct tk_json_val *content, struct tk_item *item, struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val part;
    size_t n = 0;
    int rc;

    if (tk_json_arr(content, &it) != 0)
        return fail(row, reterr,
                    "'content' must be a list of text and image content dictionaries.");
    while ((rc = tk_json_arr_next(&it, &part)) > 0) {
        if (n++ > 0)
            tk_buf_add_z(&d->media, ", ");
        rc = add_part(d, row, &part, reterr);
        if (rc != 0)
            return rc;
    }
    if (rc < 0)
        return fail(row, reterr, "'content' is damaged");
    if (n == 0)
        return fail(row, reterr, "'content' must contain at least one item.");
    item->is_whole_content = true;
    return 0;
}

/* --- a prompt with its files --- */

static int read_files(struct custom_image *d, const struct tk__row *row, struct tk_json_val *root,
                      struct tk_err *reterr)
{
    struct tk_json_val prompt, files, file;
    struct tk_json_iter it;
    struct tk_err e = { .msg = "" };
    struct tk_str text;
    int rc = 0;

    if (!has(root, "prompt", &prompt) || tk_json_get_str(&prompt, &text) != 0)
        return fail(row, reterr, "'prompt' must be a string.");
    tk_buf_add_str(&d->text, text);
    bool is_list = has(root, "image_files", &files) && tk_json_arr(&files, &it) == 0;
    while (is_list && (rc = tk_json_arr_next(&it, &file)) > 0) {
        if (d->media.n > 0)
            tk_buf_add_z(&d->media, ", ");
        if (tk_json_get_str(&file, &text) != 0)
            return fail(row, reterr, "Invalid image input: a file must be a path or a URL");
        rc = with_row(row, tk__add_url_part(&d->media, "image", text, d->urls, &e), &e, reterr);
        if (rc != 0)
            return rc;
    }
    if (rc < 0)
        return fail(row, reterr, "'image_files' is damaged");
    return d->media.n > 0 ? 0 : fail(row, reterr, "'image_files' must be a non-empty list.");
}

/* --- rows --- */

static int image_check(void *owner, const struct tk__row *row, struct tk_json_val *root,
                       struct tk_err *reterr)
{
    struct tk_json_val val;

    (void)owner;
    if (tk_json_type(root) != TK_JSON_OBJECT)
        return fail(row, reterr, "Each custom image dataset line must contain a JSON object.");
    if (has(root, "content", &val) || (has(root, "prompt", &val) && has(root, "image_files", &val)))
        return 1;
    return fail(row, reterr,
                "Each custom image dataset line must contain either 'prompt' and 'image_files' "
                "fields, or a 'content' field.");
}

static int64_t count(const struct custom_image *d)
{
    return d->scratch ? tk_tokenizer_count(d->conf->tokenizer, d->scratch, tk_buf_str(&d->text),
                                           TK_TOK_DEFAULT)
                      : -1;
}

/* The parts of what was added, which is most of it, go to the item as they are. */
static int add_item(struct custom_image *d, const struct tk__row *row, struct tk_item *item,
                    struct tk_err *reterr)
{
    if (d->media.failed || d->text.failed)
        return tk__row_fail(row, d->media.failed ? d->media.failed : d->text.failed, reterr,
                            "no memory for its parts");
    item->prompt_tokens = count(d);
    if (d->scratch && item->prompt_tokens < 0)
        return tk__row_fail(row, TK_E_FORMAT, reterr, "the tokenizer cannot take the text");
    if (!item->is_whole_content)
        item->prompt = tk_buf_str(&d->text);
    int rc = tk__adder_add(&d->adder, item, reterr);
    return rc ? rc : tk__adder_give_media(&d->adder, d->adder.n - 1, &d->media, reterr);
}

static int image_take(void *owner, const struct tk__row *row, struct tk_json_val *root,
                      struct tk_err *reterr)
{
    struct custom_image *d = owner;
    struct tk_json_val content;
    struct tk_item item = { .output_tokens = d->conf->output_tokens, .row = row->index };

    tk_buf_reset(&d->media);
    tk_buf_reset(&d->text);
    int rc = has(root, "content", &content) ? read_content(d, row, &content, &item, reterr)
                                            : read_files(d, row, root, reterr);
    if (rc == 0)
        rc = add_item(d, row, &item, reterr);
    return rc ? rc : 1;
}

static int image_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    static const struct tk__rows_ops ops = { .check = image_check, .take = image_take };
    struct custom_image d = {
        .conf = conf,
        .media = TK_BUF_INIT(TK__MAX_PARTS),
        .text = TK_BUF_INIT(MAX_TEXT),
        .urls = conf->is_client_side ? TK__URLS_AS_DATA : TK__URLS_AS_THEY_ARE,
    };
    int rc = 0;

    tk__adder_init(&d.adder, ret);
    if (!tk_str_ends(tk_str_of(conf->path), TK_STR(".jsonl")))
        rc = tk_err_set(reterr, TK_E_UNSUPPORTED,
                        "Only JSONL format is supported for CustomImageDataset.");
    if (rc == 0 && conf->tokenizer && !(d.scratch = tk_tok_scratch_new()))
        rc = tk_err_set(reterr, -ENOMEM, "no memory for the tokenizer");
    if (rc == 0)
        rc = tk__rows_load(conf, &ops, &d, reterr);
    if (rc == 0 && d.adder.n == 0)
        rc = tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' has no rows", conf->path);
    tk_tok_scratch_free(d.scratch);
    tk_buf_release(&d.media);
    tk_buf_release(&d.text);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_custom_image = {
    .name = "custom_image",
    .help = "rows of a text and images",
    .needs_path = true,
    .load = image_load,
};
