/* form.c - a body as multipart/form-data, part by part as aiohttp writes it
 *
 *   --BOUNDARY  Content-Type: audio/wav                    name="file"; filename="file"
 *   --BOUNDARY  Content-Type: text/plain; charset=utf-8    name="model"          for each member
 *   --BOUNDARY--
 *
 * A field's value is what Python's str() makes of it: True, None, {'a': 1.0}.
 */
#include <errno.h>
#include <string.h>

#include "base/jsondoc.h"
#include "base/str.h"
#include "dialect/vllm/body.h"
#include "dialect/vllm/python.h"

#define MAX_FIELD_BYTES ((size_t)64 << 20)

/* str() of what the JSON is: a string as it is, else its repr(). */
static int add_words(struct tk_str json, struct tk_buf *out)
{
    struct tk_jsondoc d;
    struct tk_str s;
    int rc = tk_jsondoc_init(&d, json);

    bool is_text = rc == 0 && tk_json_type(&d.root) == TK_JSON_STRING;
    if (is_text)
        rc = tk_json_get_str(&d.root, &s);
    if (is_text && rc == 0)
        rc = tk_buf_add_str(out, s);
    else if (rc == 0)
        rc = tk__vllm_repr_json(json, out);
    tk_jsondoc_release(&d);
    return rc;
}

int tk__form_words(struct tk_vllm_template *t)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < t->n; i++) {
        struct tk__member *m = &t->v[i];
        struct tk_buf words = TK_BUF_INIT(MAX_FIELD_BYTES);
        if (m->kind != TK__VALUE_TEXT)
            continue;
        rc = add_words(m->text, &words);
        if (rc == 0)
            m->text = tk_arena_dup_str(&t->arena, tk_buf_str(&words));
        if (rc == 0 && !m->text.p)
            rc = -ENOMEM;
        tk_buf_release(&words);
    }
    return rc;
}

static void begin_part(const struct tk_vllm_template *t, const char *type, struct tk_str name,
                       struct tk_buf *out)
{
    tk_buf_addf(out, "--%s\r\nContent-Type: %s\r\nContent-Disposition: form-data; name=\"",
                t->boundary, type);
    tk_buf_add_str(out, name);
    tk_buf_add_c(out, '"');
}

static void write_file(const struct tk_vllm_template *t, struct tk_str bytes, struct tk_buf *out)
{
    begin_part(t, "audio/wav", TK_STR("file"), out);
    tk_buf_add_z(out, "; filename=\"file\"\r\n\r\n");
    tk_buf_add_str(out, bytes);
    tk_buf_add_z(out, "\r\n");
}

static int write_field(const struct tk_vllm_template *t, const struct tk__member *m,
                       const struct tk_vllm_send *s, struct tk_buf *out, struct tk_err *reterr)
{
    int rc = 0;

    begin_part(t, "text/plain; charset=utf-8", m->key, out);
    tk_buf_add_z(out, "\r\n\r\n");
    if (m->kind == TK__VALUE_MODEL)
        tk_buf_add_z(out, s->model ? s->model : t->model);
    else
        rc = tk__value_write(t, m, s, out, reterr);
    tk_buf_add_z(out, "\r\n");
    return rc;
}

int tk__form_write(const struct tk_vllm_template *t, const struct tk_vllm_send *s,
                   struct tk_buf *out, struct tk_err *reterr)
{
    struct tk_str audio = s->item->audio;
    int rc = 0;

    if (audio.n == 0)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "row %u of the data set has no audio, which openai-audio sends",
                          s->item->row + 1);
    if (memmem(audio.p, audio.n, t->boundary, strlen(t->boundary)))
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "the audio of row %u has the boundary of the parts in it",
                          s->item->row + 1);
    write_file(t, audio, out);
    for (size_t i = 0; rc == 0 && i < t->n; i++)
        rc = write_field(t, &t->v[i], s, out, reterr);
    tk_buf_addf(out, "--%s--\r\n", t->boundary);
    if (rc == 0 && out->failed)
        rc = tk_err_set(reterr, out->failed, "no memory for the requests");
    return rc;
}
