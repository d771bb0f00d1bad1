/* openai_body.c - request bodies in OpenAI's formats, with the user's own members in them
 *
 * The user's object is cut into members once per body; each known member asks on its turn whether
 * the user has one of that name, which then stands in its place:
 *
 *   body   model  messages  stream  stream_options
 *   extra                   stream: false   top_k: 5
 *   sent   model  messages  stream: false   stream_options  top_k: 5
 *
 * That is what a shallow merge of Python dictionaries gives, so a body that was written down from
 * another tool can be compared byte for byte. A name that stands twice in the user's object keeps
 * its first place and its last value, as there.
 *
 * The bound on the answer is sent under one name only. `max_completion_tokens` in chat is what vLLM's
 * client sends and what OpenAI, vLLM, SGLang, TensorRT-LLM, MAX 26 and llama.cpp since February 2026
 * (its issue 13700) read. Sending `max_tokens` beside it would serve older llama.cpp and MAX, but
 * OpenAI and others answer 400 when both are there ("Setting 'max_tokens' and
 * 'max_completion_tokens' at the same time is not supported"): hence the option limit_key.
 *
 * Known cost: one parser is made per body when `extra` is given, some microseconds. Bodies are made
 * before the load starts; keep the cut members in tk_api_opts if that ever shows.
 */
#include <errno.h>

#include "api/openai.h"
#include "base/jsoncheck.h"
#include "base/jsondoc.h"
#include "base/str.h"

static struct tk__extra *find_extra(struct tk__body *b, struct tk_str key)
{
    for (size_t i = 0; i < b->n_extra; i++) {
        if (tk_str_eq(b->extra[i].key, key))
            return &b->extra[i];
    }
    return NULL;
}

/* The members' slices, which are of the parsed copy, as slices of the user's text. */
static struct tk_str rebase(struct tk_str s, const char *copy, const char *text)
{
    return (struct tk_str){ text + (s.p - copy), s.n };
}

static int cut_members(struct tk__body *b, struct tk_jsondoc *d, const char *text)
{
    struct tk_json_val val;
    struct tk_json_iter it;
    struct tk_str key, raw;
    int rc = tk_json_obj(&d->root, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        if (!tk_json_is_whole(&val) || tk_json_get_raw(&val, &raw) != 0)
            return TK_E_FORMAT;
        key = rebase(key, d->text, text);
        struct tk__extra *e = find_extra(b, key);
        if (!e && b->n_extra == TK__EXTRA_MAX)
            return TK_E_LIMIT;
        if (!e)
            e = &b->extra[b->n_extra++];
        *e = (struct tk__extra){ .key = key, .value = rebase(raw, d->text, text) };
        rc = 0;
    }
    return rc == 0 && !tk_json_at_end(d->json) ? TK_E_FORMAT : rc;
}

static int parse_extra(struct tk__body *b, struct tk_str text, struct tk_err *reterr)
{
    struct tk_jsondoc d;
    int rc = tk_jsondoc_init(&d, text);
    if (rc == 0)
        rc = cut_members(b, &d, text.p);
    tk_jsondoc_release(&d);
    if (rc == TK_E_LIMIT)
        return tk_err_set(reterr, rc, "the extra body has more than %d members", TK__EXTRA_MAX);
    if (rc == -ENOMEM)
        return tk_err_set(reterr, rc, "no memory for the extra body");
    if (rc)
        return tk_err_set(reterr, rc, "the extra body is not a JSON object: '%.*s'",
                          (int)TK_MIN(text.n, 100), text.p);
    return 0;
}

int tk__body_begin(struct tk__body *b, const struct tk_api_opts *opts, struct tk_buf *out,
                   struct tk_err *reterr)
{
    b->opts = opts;
    b->begin = out->n;
    b->n_extra = 0;
    struct tk_str extra = tk_str_trim(opts->extra);
    int rc = extra.n > 0 ? parse_extra(b, extra, reterr) : 0;
    if (rc)
        return rc;
    tk_jsonw_init(&b->w, out, TK_JSONW_COMPACT);
    tk_jsonw_obj(&b->w);
    return 0;
}

bool tk__body_key(struct tk__body *b, const char *key)
{
    struct tk__extra *e = find_extra(b, tk_str_of(key));
    tk_jsonw_key(&b->w, key);
    if (!e)
        return true;
    tk_jsonw_raw(&b->w, e->value);
    e->is_written = true;
    return false;
}

void tk__body_model(struct tk__body *b)
{
    if (b->opts->model && tk__body_key(b, "model"))
        tk_jsonw_z(&b->w, b->opts->model);
}

void tk__body_temperature(struct tk__body *b)
{
    if (b->opts->has_temperature && tk__body_key(b, "temperature"))
        tk_jsonw_double(&b->w, b->opts->temperature);
}

void tk__body_limit(struct tk__body *b, const char *default_key, int64_t output_tokens)
{
    const char *key = b->opts->limit_key ? b->opts->limit_key : default_key;
    if (output_tokens >= 0 && tk__body_key(b, key))
        tk_jsonw_i64(&b->w, output_tokens);
}

void tk__body_stream(struct tk__body *b)
{
    const struct tk_api_opts *o = b->opts;
    if (tk__body_key(b, "stream"))
        tk_jsonw_bool(&b->w, o->is_streamed);
    if (o->is_streamed && tk__body_key(b, "stream_options")) {
        tk_jsonw_obj(&b->w);
        tk_jsonw_key(&b->w, "include_usage");
        tk_jsonw_bool(&b->w, true);
        if (o->wants_continuous_usage) {
            tk_jsonw_key(&b->w, "continuous_usage_stats");
            tk_jsonw_bool(&b->w, true);
        }
        tk_jsonw_obj_end(&b->w);
    }
    if (o->ignores_eos && tk__body_key(b, "ignore_eos"))
        tk_jsonw_bool(&b->w, true);
}

/* A member of the user's that no known one took; the key has its escapes already. */
static void write_extra(struct tk__body *b, struct tk__extra *e)
{
    struct tk_buf *out = b->w.out;
    if (out->n > 0 && out->p[out->n - 1] != '{')
        tk_buf_add_c(out, ',');
    tk_buf_add_c(out, '"');
    tk_buf_add_str(out, e->key);
    tk_buf_add_z(out, "\":");
    tk_buf_add_str(out, e->value);
}

int tk__body_end(struct tk__body *b, struct tk_err *reterr)
{
    struct tk_buf *out = b->w.out;
    for (size_t i = 0; i < b->n_extra; i++) {
        if (!b->extra[i].is_written)
            write_extra(b, &b->extra[i]);
    }
    tk_jsonw_obj_end(&b->w);
    int rc = out->failed;
    if (rc) {
        out->n = b->begin;
        if (out->p)
            out->p[out->n] = '\0';
        return tk_err_set(reterr, rc, "the request body could not be made: %s", tk_err_text(rc));
    }
    return 0;
}
