/* body.c - request bodies, key by key as vLLM 0.13 writes them
 *
 *   members of the backend (backends.c)
 *   [ignore_eos] top_p top_k min_p [temperature] frequency_penalty presence_penalty
 *   [repetition_penalty]: sampling, where the backend takes it
 *   those of --extra-body, over which stand
 *   [tools tool_choice] of the item
 *
 * A member that is there already is replaced in its place, as the update of a Python dict does. The
 * text is json.dumps output (", ", ": ", ASCII), so the number of bytes is the tool's too.
 */
#include "dialect/vllm/body.h"

#include <errno.h>
#include <stdlib.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "dialect/vllm/backends.h"
#include "dialect/vllm/sets.h"

#define MAX_EXTRA_BYTES ((size_t)64 << 20)
#define MAX_TOLD 256 /* of a sampling parameter, in the plan */

/* --- members --- */

static struct tk__member *set(struct tk_vllm_template *t, struct tk_str key)
{
    for (size_t i = 0; i < t->n; i++) {
        if (tk_str_eq(t->v[i].key, key))
            return &t->v[i];
    }
    if (t->n == TK__MAX_MEMBERS) {
        t->is_full = true;
        return NULL;
    }
    t->v[t->n].key = key;
    return &t->v[t->n++];
}

static void set_text(struct tk_vllm_template *t, struct tk_str key, struct tk_str text)
{
    struct tk__member *m = set(t, key);

    if (m)
        *m = (struct tk__member){ .key = key, .kind = TK__VALUE_TEXT, .text = text };
}

void tk__template_kind(struct tk_vllm_template *t, const char *key, enum tk__value kind)
{
    struct tk__member *m = set(t, tk_str_of(key));

    if (m)
        m->kind = kind;
}

void tk__template_json(struct tk_vllm_template *t, const char *key, const char *json)
{
    set_text(t, tk_str_of(key), tk_str_of(json));
}

/* A short text that is made here; it is the arena's. */
static void set_made(struct tk_vllm_template *t, const char *key, struct tk_buf *text)
{
    struct tk_str kept = tk_arena_dup_str(&t->arena, tk_buf_str(text));

    if (kept.p)
        set_text(t, tk_str_of(key), kept);
    else
        t->is_full = true;
    tk_buf_release(text);
}

void tk__template_int(struct tk_vllm_template *t, const char *key, int64_t i)
{
    struct tk_buf text = TK_BUF_INIT(64);

    tk_buf_addf(&text, "%lld", (long long)i);
    set_made(t, key, &text);
}

static void set_double(struct tk_vllm_template *t, const char *key, double d)
{
    struct tk_buf text = TK_BUF_INIT(64);

    tk_vllm_float(d, &text);
    set_made(t, key, &text);
}

static void add_sampling(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    const struct tk_vllm_opts *o = v->o;

    if (tk_vllm_given(v, "top-p"))
        set_double(t, "top_p", o->top_p);
    if (tk_vllm_given(v, "top-k"))
        tk__template_int(t, "top_k", o->top_k);
    if (tk_vllm_given(v, "min-p"))
        set_double(t, "min_p", o->min_p);
    if (tk_vllm_given(v, "temperature"))
        set_double(t, "temperature", o->temperature);
    if (tk_vllm_given(v, "frequency-penalty"))
        set_double(t, "frequency_penalty", o->frequency_penalty);
    if (tk_vllm_given(v, "presence-penalty"))
        set_double(t, "presence_penalty", o->presence_penalty);
    if (tk_vllm_given(v, "repetition-penalty"))
        set_double(t, "repetition_penalty", o->repetition_penalty);
}

/* The members of t->extra; their slices are of its text. */
static int add_members(struct tk_vllm_template *t)
{
    struct tk_json_val root, val;
    struct tk_json_iter it;
    struct tk_str key, raw;
    int rc = tk_json_parse(t->j, t->extra.p, t->extra.n, &root);

    if (rc == 0)
        rc = tk_json_obj(&root, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        rc = tk_json_get_raw(&val, &raw);
        if (rc == 0)
            set_text(t, key, raw);
    }
    return rc;
}

static int add_extra(struct tk_vllm_template *t, const char *extra)
{
    int rc = tk_vllm_redump(tk_str_of(extra), &t->extra);

    if (rc == 0)
        rc = tk_buf_reserve(&t->extra, TK_JSON_PADDING);
    if (rc != 0)
        return rc;
    t->j = tk_json_new(t->extra.n + 1);
    return t->j ? add_members(t) : -ENOMEM;
}

/* What the options ask for behind the backend's own members. */
static int add_options(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    const struct tk__vllm_backend *b = v->backend;

    if (b->has_no_extra)
        return 0;
    if (v->o->ignore_eos || (v->set->ignores_eos && b->is_compatible))
        tk__template_json(t, "ignore_eos", "true");
    if (b->is_compatible)
        add_sampling(t, v);
    int rc = v->extra_body ? add_extra(t, v->extra_body) : 0;
    if (rc == 0 && tk__vllm_has_functions(v)) {
        tk__template_kind(t, "tools", TK__VALUE_TOOLS);
        tk__template_kind(t, "tool_choice", TK__VALUE_CHOICE);
    }
    return rc;
}

static int fill(struct tk_vllm_template *t, const struct tk_vllm *v, enum tk_vllm_body kind)
{
    const struct tk__vllm_backend *b = v->backend;
    int rc = 0;

    tk_arena_init(&t->arena, 0);
    tk_buf_init(&t->extra, MAX_EXTRA_BYTES);
    t->model = kind == TK_VLLM_BODY_STOP ? v->o->model : v->served_model;
    t->is_clip = b->is_clip;
    t->is_message = tk__vllm_makes_message(v);
    t->is_media_inside = t->is_message &&
                         (kind == TK_VLLM_BODY_STOP || tk__vllm_has_media_inside(v));
    b->fill(t, v);
    if (kind != TK_VLLM_BODY_STOP)
        rc = add_options(t, v);
    if (rc == 0 && t->is_full)
        rc = TK_E_LIMIT;
    if (rc == 0 && b->is_form && kind != TK_VLLM_BODY_TOLD) {
        t->boundary = v->boundary;
        rc = tk__form_words(t);
    }
    return rc;
}

static bool is_sampling(struct tk_str key)
{
    static const char *const keys[] = {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "frequency_penalty",
        "presence_penalty",
        "repetition_penalty",
        "ignore_eos",
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(keys); i++) {
        if (tk_str_is(key, keys[i]))
            return true;
    }
    return false;
}

int tk__vllm_sampling(const struct tk_vllm *v, struct tk_buf *out, struct tk_err *reterr)
{
    struct tk_vllm_template *t = NULL;
    bool is_first = true;
    int rc = tk_vllm_template_new(v, TK_VLLM_BODY_TOLD, &t, reterr);

    for (size_t i = 0; t && i < t->n; i++) {
        const struct tk__member *m = &t->v[i];
        if (m->kind != TK__VALUE_TEXT || m->text.n > MAX_TOLD || !is_sampling(m->key))
            continue;
        tk_buf_addf(out, "%s\"%.*s\": %.*s", is_first ? "{" : ", ", TK_STR_ARG(m->key),
                    TK_STR_ARG(m->text));
        is_first = false;
    }
    tk_buf_add_z(out, is_first ? "{}" : "}");
    tk_vllm_template_free(t);
    return rc ? rc : out->failed;
}

int tk_vllm_template_new(const struct tk_vllm *v, enum tk_vllm_body kind,
                         struct tk_vllm_template **ret, struct tk_err *reterr)
{
    struct tk_vllm_template *t = calloc(1, sizeof(*t));
    int rc = t ? fill(t, v, kind) : -ENOMEM;

    if (rc != 0) {
        tk_vllm_template_free(t);
        return tk_err_set(reterr, rc, "the request body could not be made: %s", tk_err_text(rc));
    }
    *ret = t;
    return 0;
}

struct tk_vllm_template *tk_vllm_template_free(struct tk_vllm_template *t)
{
    if (!t)
        return NULL;
    tk_json_free(t->j);
    tk_buf_release(&t->extra);
    tk_arena_release(&t->arena);
    free(t);
    return NULL;
}

int tk_vllm_template_write(const struct tk_vllm_template *t, const struct tk_vllm_send *s,
                           struct tk_buf *out, struct tk_err *reterr)
{
    bool is_first = true;
    int rc = 0;

    if (t->boundary)
        return tk__form_write(t, s, out, reterr);
    for (size_t i = 0; rc == 0 && i < t->n; i++) {
        const struct tk__member *m = &t->v[i];
        if (!tk__value_is_there(t, m, s->item))
            continue;
        tk_buf_add_z(out, is_first ? "{\"" : ", \"");
        tk_buf_add_str(out, m->key);
        tk_buf_add_z(out, "\": ");
        rc = tk__value_write(t, m, s, out, reterr);
        is_first = false;
    }
    tk_buf_add_c(out, '}');
    if (rc == 0 && out->failed)
        rc = tk_err_set(reterr, out->failed, "no memory for the requests");
    return rc;
}
