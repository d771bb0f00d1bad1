/* body.c - request bodies, key by key as vLLM 0.13 writes them
 *
 *   completions  model prompt temperature repetition_penalty max_tokens logprobs stream
 *                stream_options
 *   chat         model messages temperature max_completion_tokens stream stream_options
 *   both         [ignore_eos] top_p top_k min_p frequency_penalty presence_penalty
 *                [repetition_penalty in chat]
 *
 * and then --extra-body. A member that is there already is replaced in its place, as the update of
 * a Python dict does; chat content is an array of parts, always. The text is json.dumps output (",
 * ", ": ", ASCII), so the number of bytes is the tool's too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "dialect/vllm/sets.h"
#include "dialect/vllm/vllm.h"

#define MAX_MEMBERS 128

enum member_kind {
    MEMBER_JSON,   /* text */
    MEMBER_PROMPT, /* the item's prompt, a string or what stands in its place */
    MEMBER_CHAT,   /* the item's prompt as messages, its media behind it */
    MEMBER_LIMIT,  /* the number of tokens to ask for */
};

struct member {
    struct tk_str key; /* as it stands in JSON, escapes not resolved */
    enum member_kind kind;
    struct tk_str json; /* MEMBER_JSON */
};

struct tk_vllm_template {
    struct member v[MAX_MEMBERS];
    size_t n;
    struct tk_buf text; /* what members made of options point to: reserved whole, so it stays put */
    struct tk_buf extra; /* what members of the extra body point to */
    struct tk_json *j;   /* its parser */
};

static struct member *set(struct tk_vllm_template *t, struct tk_str key)
{
    for (size_t i = 0; i < t->n; i++) {
        if (tk_str_eq(t->v[i].key, key))
            return &t->v[i];
    }
    if (t->n == MAX_MEMBERS)
        return NULL;
    t->v[t->n].key = key;
    return &t->v[t->n++];
}

static void set_kind(struct tk_vllm_template *t, const char *key, enum member_kind kind)
{
    struct member *m = set(t, tk_str_of(key));
    if (m)
        m->kind = kind;
}

static void set_json(struct tk_vllm_template *t, const char *key, const char *json)
{
    struct member *m = set(t, tk_str_of(key));

    if (m) {
        m->kind = MEMBER_JSON;
        m->json = tk_str_of(json);
    }
}

/* The text from `begin` on in t->text is the value of `key`. */
static void set_text(struct tk_vllm_template *t, const char *key, size_t begin)
{
    struct member *m = set(t, tk_str_of(key));

    if (m && t->text.failed == 0) {
        m->kind = MEMBER_JSON;
        m->json = (struct tk_str){ t->text.p + begin, t->text.n - begin };
    }
}

static void set_double(struct tk_vllm_template *t, const char *key, double d)
{
    size_t begin = t->text.n;
    tk_vllm_float(d, &t->text);
    set_text(t, key, begin);
}

static void set_int(struct tk_vllm_template *t, const char *key, int64_t i)
{
    size_t begin = t->text.n;
    tk_buf_addf(&t->text, "%lld", (long long)i);
    set_text(t, key, begin);
}

static void set_string(struct tk_vllm_template *t, const char *key, const char *z)
{
    struct tk_jsonw w;
    size_t begin = t->text.n;

    tk_jsonw_init(&w, &t->text, TK_JSONW_PYTHON);
    tk_jsonw_z(&w, z);
    set_text(t, key, begin);
}

static void add_sampling(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    const struct tk_vllm_opts *o = v->o;

    if (tk_vllm_given(v, "top-p"))
        set_double(t, "top_p", o->top_p);
    if (tk_vllm_given(v, "top-k"))
        set_int(t, "top_k", o->top_k);
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

static void add_base(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    set_string(t, "model", v->served_model);
    if (v->is_chat) {
        set_kind(t, "messages", MEMBER_CHAT);
        set_json(t, "temperature", "0.0");
        set_kind(t, "max_completion_tokens", MEMBER_LIMIT);
    } else {
        set_kind(t, "prompt", MEMBER_PROMPT);
        set_json(t, "temperature", "0.0");
        set_json(t, "repetition_penalty", "1.0");
        set_kind(t, "max_tokens", MEMBER_LIMIT);
        if (tk_vllm_given(v, "logprobs"))
            set_int(t, "logprobs", v->o->logprobs);
        else
            set_json(t, "logprobs", "null");
    }
    set_json(t, "stream", "true");
    set_json(t, "stream_options", "{\"include_usage\": true}");
    if (v->o->ignore_eos || v->set->ignores_eos)
        set_json(t, "ignore_eos", "true");
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
        struct member *m = set(t, key);
        rc = m ? tk_json_get_raw(&val, &raw) : TK_E_LIMIT;
        if (rc == 0) {
            m->kind = MEMBER_JSON;
            m->json = raw;
        }
    }
    return rc;
}

static void write_prompt(struct tk_buf *out, const struct tk_item *item)
{
    struct tk_jsonw w;

    if (item->prompt_json.n > 0) {
        tk_buf_add_str(out, item->prompt_json);
        return;
    }
    tk_jsonw_init(&w, out, TK_JSONW_PYTHON);
    tk_jsonw_str(&w, item->prompt);
}

static void write_chat(struct tk_buf *out, const struct tk_item *item)
{
    if (item->messages.n > 0) { /* not of this tool: a row of messages is sent as it is */
        tk_buf_add_str(out, item->messages);
        return;
    }
    tk_buf_add_z(out, "[{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": ");
    write_prompt(out, item);
    tk_buf_add_c(out, '}');
    if (item->media.n > 0) {
        tk_buf_add_z(out, ", ");
        tk_buf_add_str(out, item->media);
    }
    tk_buf_add_z(out, "]}]");
}

static void write_member(struct tk_buf *out, const struct member *m, const struct tk_item *item,
                         int64_t output_len)
{
    tk_buf_add_c(out, '"');
    tk_buf_add_str(out, m->key);
    tk_buf_add_z(out, "\": ");
    switch (m->kind) {
    case MEMBER_JSON:
        tk_buf_add_str(out, m->json);
        break;
    case MEMBER_PROMPT:
        write_prompt(out, item);
        break;
    case MEMBER_CHAT:
        write_chat(out, item);
        break;
    case MEMBER_LIMIT:
        tk_buf_addf(out, "%lld", (long long)output_len);
        break;
    }
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

static int fill(struct tk_vllm_template *t, const struct tk_vllm *v)
{
    size_t room = 4096 + 6 * strlen(v->served_model);

    tk_buf_init(&t->text, room);
    tk_buf_init(&t->extra, (size_t)64 << 20);
    int rc = tk_buf_reserve(&t->text, room);
    if (rc != 0)
        return rc;
    add_base(t, v);
    add_sampling(t, v);
    if (v->o->extra_body)
        rc = add_extra(t, v->o->extra_body);
    return rc == 0 ? t->text.failed : rc;
}

int tk_vllm_template_new(const struct tk_vllm *v, struct tk_vllm_template **ret,
                         struct tk_err *reterr)
{
    struct tk_vllm_template *t = calloc(1, sizeof(*t));
    int rc = t ? fill(t, v) : -ENOMEM;

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
    tk_buf_release(&t->text);
    free(t);
    return NULL;
}

int tk_vllm_template_write(const struct tk_vllm_template *t, const struct tk_item *item,
                           int64_t output_len, struct tk_buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        tk_buf_add_z(out, i == 0 ? "{" : ", ");
        write_member(out, &t->v[i], item, output_len);
    }
    tk_buf_add_c(out, '}');
    return out->failed;
}
