/* value.c - what of a body depends on the item, as JSON
 *
 * A prompt is a string, or JSON in its place (token ids, several texts). Chat content is an array
 * of parts, always. What a backend cannot send is an error with the item's row, where the tool
 * stops in an assertion.
 */
#include <errno.h>
#include <string.h>

#include "base/jsondoc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "dialect/vllm/body.h"
#include "dialect/vllm/python.h"

#define MAX_QUESTION ((size_t)4 << 30) /* a message with its media, in Python's words */
#define IMAGE_ONLY "Represent the given image."
#define IMAGE_AND_TEXT "Represent the given image with the following question: "

static int refuse(const struct tk_item *item, struct tk_err *reterr, const char *why)
{
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "row %u of the data set cannot be sent: %s",
                      item->row + 1, why);
}

static void write_string(struct tk_buf *out, struct tk_str s)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_PYTHON);
    tk_jsonw_str(&w, s);
}

/* --- the prompt, and messages --- */

/* Whether the backend is given media beside the prompt. */
static bool has_media(const struct tk_vllm_template *t, const struct tk_item *item)
{
    return item->media.n > 0 && !item->is_whole_content && !t->is_media_inside;
}

/* Whether media stand for the text. */
static bool is_dropped(const struct tk_vllm_template *t, const struct tk_item *item)
{
    return t->is_clip && has_media(t, item);
}

static void write_text(const struct tk_item *item, struct tk_buf *out)
{
    if (item->prompt_json.n > 0)
        tk_buf_add_str(out, item->prompt_json);
    else
        write_string(out, item->prompt);
}

/* The data set has the text before the type, the backends behind it. */
static void write_text_part(const struct tk_vllm_template *t, const struct tk_item *item,
                            struct tk_buf *out)
{
    bool is_first = t->is_message && !is_dropped(t, item);

    tk_buf_add_z(out, is_first ? "{\"text\": " : "{\"type\": \"text\", \"text\": ");
    if (is_dropped(t, item))
        tk_buf_add_z(out, "\"\"");
    else
        write_text(item, out);
    tk_buf_add_z(out, is_first ? ", \"type\": \"text\"}" : "}");
}

static void write_content(const struct tk_vllm_template *t, const struct tk_item *item,
                          struct tk_buf *out)
{
    tk_buf_add_c(out, '[');
    if (!item->is_whole_content)
        write_text_part(t, item, out);
    if (!item->is_whole_content && item->media.n > 0)
        tk_buf_add_z(out, ", ");
    tk_buf_add_str(out, item->media);
    tk_buf_add_c(out, ']');
}

static void write_chat(const struct tk_vllm_template *t, const struct tk_item *item,
                       struct tk_buf *out)
{
    if (item->messages.n > 0) { /* a row of messages is sent as it is */
        tk_buf_add_str(out, item->messages);
        return;
    }
    tk_buf_add_z(out, "[{\"role\": \"user\", \"content\": ");
    write_content(t, item, out);
    tk_buf_add_z(out, "}]");
}

static void write_prompt(const struct tk_vllm_template *t, const struct tk_item *item,
                         struct tk_buf *out)
{
    if (is_dropped(t, item))
        tk_buf_add_z(out, "\"\"");
    else if (t->is_message)
        write_chat(t, item, out);
    else if (item->is_whole_content)
        write_content(t, item, out);
    else
        write_text(item, out);
}

/* The prompt in Python's words, for it is put into a sentence. */
static int add_question(const struct tk_vllm_template *t, const struct tk_item *item,
                        struct tk_buf *out)
{
    struct tk_buf json = TK_BUF_INIT(MAX_QUESTION), words = TK_BUF_INIT(MAX_QUESTION);

    if (!t->is_message)
        return tk_json_escape(out, item->prompt, TK_JSONW_PYTHON);
    write_chat(t, item, &json);
    int rc = json.failed ? json.failed : tk__vllm_repr_json(tk_buf_str(&json), &words);
    if (rc == 0)
        rc = tk_json_escape(out, tk_buf_str(&words), TK_JSONW_PYTHON);
    tk_buf_release(&json);
    tk_buf_release(&words);
    return rc;
}

/* Requests of an even number, or of none, are the image alone. */
static int write_vlm2vec(const struct tk_vllm_template *t, const struct tk_vllm_send *s,
                         struct tk_buf *out, struct tk_err *reterr)
{
    const struct tk_item *item = s->item;
    bool is_alone = s->number < 0 || s->number % 2 == 0;
    int rc = 0;

    if (!has_media(t, item)) {
        write_chat(t, item, out);
        return 0;
    }
    if (!is_alone && item->prompt_json.n > 0)
        return refuse(item, reterr, "a question about an image is one text");
    tk_buf_add_z(out, "[{\"role\": \"user\", \"content\": [");
    tk_buf_add_str(out, item->media);
    tk_buf_add_z(out, ", {\"type\": \"text\", \"text\": \"");
    tk_buf_add_z(out, is_alone ? IMAGE_ONLY : IMAGE_AND_TEXT);
    if (!is_alone)
        rc = add_question(t, item, out);
    tk_buf_add_z(out, "\"}]}]");
    return rc == 0 ? 0 : tk_err_set(reterr, rc, "no memory for the requests");
}

/* --- several texts --- */

/* Bytes of the first element of an array, which begins at `p`; 0: there is no second. */
static size_t first_element(struct tk_str array)
{
    bool in_string = false;
    int depth = 0;

    for (size_t i = 1; i < array.n; i++) {
        char c = array.p[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (depth == 0 && c == ',') {
            return i - 1;
        } else {
            depth += (c == '[' || c == '{') - (c == ']' || c == '}');
        }
    }
    return 0;
}

static int write_texts(const struct tk_item *item, bool is_query, struct tk_buf *out,
                       struct tk_err *reterr)
{
    struct tk_str a = item->prompt_json;
    size_t n = a.n > 2 && a.p[0] == '[' ? first_element(a) : 0;

    if (n == 0)
        return refuse(item, reterr,
                      "a reranker takes a query and documents, as random-rerank makes them, and "
                      "random with --random-batch-size above 1");
    if (is_query) {
        tk_buf_add(out, a.p + 1, n);
        return 0;
    }
    struct tk_str rest = tk_str_trim((struct tk_str){ a.p + n + 2, a.n - n - 2 });
    tk_buf_add_c(out, '[');
    tk_buf_add_str(out, rest);
    return 0;
}

/* --- infinity --- */

static bool has_prompt(const struct tk_vllm_template *t, const struct tk_item *item)
{
    return !is_dropped(t, item) && (t->is_message || item->is_whole_content || item->prompt.n > 0 ||
                                    item->prompt_json.n > 0);
}

/* {"type": KIND, KIND: {"url": …}}: the kind and the URL. TK_E_FORMAT, TK_E_NOT_FOUND: it is not. */
static int read_medium(struct tk_json_val *medium, struct tk_str *ret_kind, struct tk_str *ret_url)
{
    struct tk_json_val v, url;
    char kind[64];
    int rc = tk_json_find(medium, "type", &v);

    if (rc == 0)
        rc = tk_json_get_str(&v, ret_kind);
    if (rc == 0 && ret_kind->n >= sizeof(kind))
        rc = TK_E_FORMAT;
    if (rc != 0)
        return rc;
    memcpy(kind, ret_kind->p, ret_kind->n);
    kind[ret_kind->n] = '\0';
    rc = tk_json_find(medium, kind, &v);
    if (rc == 0)
        rc = tk_json_find(&v, "url", &url);
    return rc == 0 ? tk_json_get_str(&url, ret_url) : rc;
}

/* The same of an array that has one. */
static int read_only_medium(struct tk_json_val *media, struct tk_str *ret_kind,
                            struct tk_str *ret_url)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    int rc = tk_json_arr(media, &it);

    if (rc == 0)
        rc = tk_json_arr_next(&it, &v);
    if (rc != 1)
        return rc < 0 ? rc : TK_E_FORMAT;
    rc = read_medium(&v, ret_kind, ret_url);
    if (rc == 0)
        rc = tk_json_arr_next(&it, &v);
    return rc > 0 ? TK_E_FORMAT : rc;
}

/* The modality is the kind up to its first '_': image_url is an image. */
static int write_medium(const struct tk_item *item, bool is_modality, struct tk_buf *out,
                        struct tk_err *reterr)
{
    struct tk_buf array = TK_BUF_INIT(item->media.n + 2);
    struct tk_jsondoc d = { 0 };
    struct tk_str kind, url;

    tk_buf_add_c(&array, '[');
    tk_buf_add_str(&array, item->media);
    tk_buf_add_c(&array, ']');
    int rc = array.failed ? array.failed : tk_jsondoc_init(&d, tk_buf_str(&array));
    if (rc == 0)
        rc = read_only_medium(&d.root, &kind, &url);
    if (rc == 0 && is_modality) {
        ptrdiff_t end = tk_str_find(kind, '_');
        write_string(out, (struct tk_str){ kind.p, end < 0 ? kind.n : (size_t)end });
    } else if (rc == 0) {
        write_string(out, url);
    }
    tk_jsondoc_release(&d);
    tk_buf_release(&array);
    if (rc == -ENOMEM)
        return tk_err_set(reterr, rc, "no memory for the requests");
    return rc == 0 ? 0
                   : refuse(item, reterr,
                            "the infinity server takes a prompt, or one image, video or audio by "
                            "its URL");
}

/* --- all of them --- */

bool tk__value_is_there(const struct tk_vllm_template *t, const struct tk__member *m,
                        const struct tk_item *item)
{
    if (m->kind == TK__VALUE_TOOLS || m->kind == TK__VALUE_CHOICE)
        return item->tools.n > 0;
    return m->kind != TK__VALUE_MODALITY || !has_prompt(t, item);
}

int tk__value_write(const struct tk_vllm_template *t, const struct tk__member *m,
                    const struct tk_vllm_send *s, struct tk_buf *out, struct tk_err *reterr)
{
    const struct tk_item *item = s->item;

    switch (m->kind) {
    case TK__VALUE_TEXT:
        tk_buf_add_str(out, m->text);
        break;
    case TK__VALUE_MODEL:
        write_string(out, tk_str_of(s->model ? s->model : t->model));
        break;
    case TK__VALUE_PROMPT:
        write_prompt(t, item, out);
        break;
    case TK__VALUE_CHAT:
        write_chat(t, item, out);
        break;
    case TK__VALUE_VLM2VEC:
        return write_vlm2vec(t, s, out, reterr);
    case TK__VALUE_LIMIT:
        tk_buf_addf(out, "%lld", (long long)item->output_tokens);
        break;
    case TK__VALUE_TOOLS:
        tk_buf_add_str(out, item->tools);
        break;
    case TK__VALUE_CHOICE:
        tk_buf_add_z(out, "\"auto\"");
        break;
    case TK__VALUE_QUERY:
    case TK__VALUE_DOCUMENTS:
        return write_texts(item, m->kind == TK__VALUE_QUERY, out, reterr);
    case TK__VALUE_INFINITY:
        if (!has_prompt(t, item))
            return write_medium(item, false, out, reterr);
        write_prompt(t, item, out);
        break;
    case TK__VALUE_MODALITY:
        return write_medium(item, true, out, reterr);
    }
    return 0;
}
