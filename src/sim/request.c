/* request.c - what a request for tokens, vectors or scores asks for
 *
 * The body is walked once, in the order of its text. Unknown members are left alone, as real
 * servers do; a wrong type of a known one is refused with the words that they use.
 */
#include <errno.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "sim/form.h"
#include "sim/internal.h"

#define TEXT_DEPTH 8 /* of arrays and objects around the text of a prompt */

/* What the members of the body say, before it is put together. */
struct found {
    bool has_prompt, has_messages, has_query;
    int64_t max_tokens, max_completion_tokens; /* -1: absent */
    int64_t n;
    int64_t n_prompts;
    struct tk__prompt *prompt; /* strings and token ids go there */
    bool is_streamed, include_usage, continuous_usage;
};

static int refuse(struct tk_err *reterr, const char *what)
{
    return tk_err_set(reterr, TK_E_RANGE, "%s", what);
}

/* Of objects only the members `content` and `text` count. */
int tk__prompt_walk(struct tk__prompt *p, struct tk_json_val *v, unsigned depth)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str s;
    int64_t id = 0;
    int rc;

    if (depth > TEXT_DEPTH)
        return TK_E_FORMAT;
    switch (tk_json_type(v)) {
    case TK_JSON_STRING:
        rc = tk_json_get_str(v, &s);
        if (rc == 0)
            tk__prompt_text(p, s);
        return rc;
    case TK_JSON_NUMBER:
        (void)tk_json_get_i64(v, &id);
        tk__prompt_id(p, id);
        return 0;
    case TK_JSON_ARRAY:
        rc = tk_json_arr(v, &it);
        while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0)
            rc = tk__prompt_walk(p, &item, depth + 1);
        return rc;
    case TK_JSON_OBJECT:
        rc = tk_json_obj(v, &it);
        while (rc == 0 && (rc = tk_json_obj_next(&it, &s, &item)) > 0)
            rc = tk_str_is(s, "content") || tk_str_is(s, "text")
                     ? tk__prompt_walk(p, &item, depth + 1)
                     : 0;
        return rc;
    case TK_JSON_NULL:
    case TK_JSON_BOOL:
        return 0;
    default:
        return TK_E_FORMAT;
    }
}

/* One prompt is a string or an array of ids; several are an array of those. */
static int count_prompt(struct tk_json_val *v, struct found *f)
{
    enum tk_json_type type = tk_json_type(v);
    struct tk_json_iter it;
    struct tk_json_val item;
    int rc;

    f->has_prompt = true;
    f->n_prompts = 1;
    if (type != TK_JSON_ARRAY)
        return tk__prompt_walk(f->prompt, v, 0);
    f->n_prompts = 0;
    rc = tk_json_arr(v, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        f->n_prompts += tk_json_type(&item) != TK_JSON_NUMBER;
        rc = tk__prompt_walk(f->prompt, &item, 1);
    }
    f->n_prompts = TK_MAX(f->n_prompts, 1);
    return rc;
}

static int read_stream_options(struct tk_json_val *v, struct found *f)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str key;
    int rc;

    if (tk_json_type(v) == TK_JSON_NULL)
        return 0;
    rc = tk_json_obj(v, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &item)) > 0) {
        rc = 0;
        if (tk_str_is(key, "include_usage"))
            rc = tk_json_get_bool(&item, &f->include_usage);
        else if (tk_str_is(key, "continuous_usage_stats"))
            rc = tk_json_get_bool(&item, &f->continuous_usage);
    }
    return rc;
}

/* "sim": an object of knobs, or a string as in the header. */
static int read_knobs(struct tk_json_val *v, struct tk_sim_knobs *k, struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str key, value;
    int rc;

    if (tk_json_type(v) == TK_JSON_STRING) {
        rc = tk_json_get_str(v, &value);
        return rc < 0 ? rc : tk__knobs_parse(k, value, reterr);
    }
    rc = tk_json_obj(v, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &item)) > 0) {
        rc = tk_json_type(&item) == TK_JSON_STRING ? tk_json_get_str(&item, &value)
                                                   : tk_json_get_raw(&item, &value);
        if (rc == 0)
            rc = tk__knobs_set(k, key, value, reterr);
    }
    return rc;
}

static int read_count(struct tk_json_val *v, int64_t *ret)
{
    return tk_json_type(v) == TK_JSON_NULL ? 0 : tk_json_get_i64(v, ret);
}

static int read_flag(struct tk_json_val *v, bool *ret)
{
    return tk_json_type(v) == TK_JSON_NULL ? 0 : tk_json_get_bool(v, ret);
}

/* The name of the prompt's member. */
static const char *prompt_key(enum tk__kind kind)
{
    switch (kind) {
    case TK__KIND_COMPLETIONS:
        return "prompt";
    case TK__KIND_RERANK:
        return "documents";
    case TK__KIND_CHAT:
    case TK__KIND_TRANSCRIPTION:
        return NULL;
    case TK__KIND_RESPONSES:
    case TK__KIND_EMBEDDINGS:
    case TK__KIND_POOLING:
        break;
    }
    return "input";
}

static bool takes_messages(enum tk__kind kind)
{
    return kind == TK__KIND_CHAT || kind == TK__KIND_EMBEDDINGS || kind == TK__KIND_POOLING;
}

/* A response's input is one prompt, however many messages it has. */
static int read_prompt(struct tk_json_val *v, const struct tk__call *c, struct found *f)
{
    int rc;

    if (c->kind != TK__KIND_RESPONSES)
        return count_prompt(v, f);
    rc = tk__prompt_walk(f->prompt, v, 0);
    f->has_prompt = true;
    f->n_prompts = 1;
    return rc;
}

static int read_format(struct tk_json_val *v, struct tk__call *c)
{
    struct tk_str s;
    int rc = tk_json_type(v) == TK_JSON_NULL ? TK_E_NOT_FOUND : tk_json_get_str(v, &s);

    if (rc == 0 && tk_str_is(s, "bytes"))
        c->bytes = TK__BYTES_WITH_META;
    else if (rc == 0 && tk_str_is(s, "bytes_only"))
        c->bytes = TK__BYTES_ONLY;
    return rc == TK_E_NOT_FOUND ? 0 : rc;
}

/* What pools has members of its own. */
static int read_pooling(struct tk_str key, struct tk_json_val *v, struct tk__call *c,
                        struct found *f)
{
    if (tk_str_is(key, "query") && c->kind == TK__KIND_RERANK) {
        f->has_query = true;
        return tk__prompt_walk(f->prompt, v, 0);
    }
    if (tk_str_is(key, "encoding_format") && c->kind != TK__KIND_RERANK)
        return read_format(v, c);
    return 0;
}

static int read_member(struct tk_str key, struct tk_json_val *v, struct tk__call *c,
                       struct found *f, struct tk_err *reterr)
{
    const char *prompt = prompt_key(c->kind);

    if (prompt && tk_str_is(key, prompt))
        return read_prompt(v, c, f);
    if (tk_str_is(key, "messages") && takes_messages(c->kind)) {
        f->has_messages = tk_json_type(v) == TK_JSON_ARRAY;
        f->n_prompts = 1;
        return tk__prompt_walk(f->prompt, v, 0);
    }
    if (tk_str_is(key, "sim"))
        return read_knobs(v, &c->knobs, reterr);
    if (tk__is_pooling(c))
        return read_pooling(key, v, c, f);
    if (tk_str_is(key, "max_tokens"))
        return read_count(v, &f->max_tokens);
    if (tk_str_is(key, "max_completion_tokens") || tk_str_is(key, "max_output_tokens"))
        return read_count(v, &f->max_completion_tokens);
    if (tk_str_is(key, "n") && c->kind != TK__KIND_RESPONSES)
        return read_count(v, &f->n);
    if (tk_str_is(key, "stream"))
        return read_flag(v, &f->is_streamed);
    if (tk_str_is(key, "stream_options"))
        return read_stream_options(v, f);
    return 0;
}

/* Walk the whole body. TK_E_FORMAT: it is no JSON object, `reterr` is untouched unless a member
 * or a knob was to blame. */
static int read_body(struct tk_json *j, struct tk_str body, struct tk__call *c, struct found *f,
                     struct tk_err *reterr)
{
    struct tk_json_val root, v;
    struct tk_json_iter it;
    struct tk_str key;
    int rc = tk_json_parse(j, body.p, body.n, &root);

    if (rc == 0)
        rc = tk_json_obj(&root, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0) {
        struct tk_json_val whole = v;
        struct tk_str raw;

        rc = tk_json_get_raw(&whole, &raw);
        if (rc < 0)
            break;
        rc = read_member(key, &v, c, f, reterr);
        if (rc < 0 && reterr && reterr->code == 0)
            return tk_err_set(reterr, TK_E_RANGE, "'%.*s' cannot be '%.*s'", TK_STR_ARG(key),
                              (int)TK_MIN(raw.n, (size_t)80), raw.p);
    }
    return rc == 0 && !tk_json_at_end(j) ? TK_E_FORMAT : rc;
}

/* How long the answer gets and what it says about it. */
static void decide_tokens(struct tk__call *c, int64_t n_default)
{
    struct tk_sim_knobs *k = &c->knobs;
    bool has_knob = k->n_tokens >= 0;

    if (tk__is_pooling(c)) {
        k->n_tokens = k->n_reasoning = 0;
        return;
    }
    if (!has_knob)
        k->n_tokens = n_default;
    c->n_tokens = k->n_tokens;
    if (c->tokens_asked >= 0 && (!has_knob || c->tokens_asked <= k->n_tokens)) {
        c->n_tokens = c->tokens_asked;
        c->is_cut_short = true;
    }
    if (k->is_endless) {
        c->n_tokens = TK__ENDLESS;
        c->is_cut_short = false;
    }
    if (!c->is_chat && c->kind != TK__KIND_RESPONSES)
        k->n_reasoning = 0;
    k->n_reasoning = TK_MIN(k->n_reasoning, c->n_tokens);
}

static void decide_usage(struct tk__call *c, const struct found *f)
{
    switch ((enum tk_sim_usage)c->knobs.usage) {
    case TK_SIM_USAGE_ASKED:
        c->wants_continuous = f->include_usage && f->continuous_usage;
        c->wants_usage = f->include_usage || !f->is_streamed || c->kind == TK__KIND_RESPONSES;
        break;
    case TK_SIM_USAGE_FINAL:
        c->wants_usage = true;
        break;
    case TK_SIM_USAGE_CONTINUOUS:
        c->wants_usage = c->wants_continuous = true;
        break;
    case TK_SIM_USAGE_NONE:
        break;
    }
}

static int check(const struct tk__call *c, const struct found *f, struct tk_err *reterr)
{
    const char *prompt = prompt_key(c->kind);

    if (c->kind == TK__KIND_CHAT && !f->has_messages)
        return refuse(reterr, "field required: 'messages'");
    if (prompt && !f->has_prompt && !f->has_messages)
        return tk_err_set(reterr, TK_E_RANGE, "field required: '%s'", prompt);
    if (c->kind == TK__KIND_RERANK && !f->has_query)
        return refuse(reterr, "field required: 'query'");
    if (c->kind == TK__KIND_TRANSCRIPTION && !f->has_prompt)
        return refuse(reterr, "field required: 'file'");
    if (tk__is_pooling(c))
        return 0;
    if (c->tokens_asked == 0 || c->tokens_asked < -1)
        return refuse(reterr, "max_tokens must be at least 1");
    if (c->tokens_asked > TK__MAX_TOKENS)
        return refuse(reterr, "max_tokens is too large for this simulator");
    if (f->n < 1 || f->n > TK__MAX_CHOICES || f->n_prompts > TK__MAX_CHOICES ||
        f->n * f->n_prompts > TK__MAX_CHOICES)
        return refuse(reterr, "n must be at least 1, and n times the prompts at most 128");
    return 0;
}

bool tk__is_pooling(const struct tk__call *c)
{
    return c->kind >= TK__KIND_EMBEDDINGS;
}

/* All members are read. */
static int conclude(const struct tk_sim_conf *conf, struct tk__call *c, const struct found *f,
                    struct tk_err *reterr)
{
    const struct tk__prompt *prompt = f->prompt;

    if (prompt->failed)
        return tk_err_set(reterr, prompt->failed, "no memory for the prompt");
    c->tokens_asked = f->max_completion_tokens != -1 ? f->max_completion_tokens : f->max_tokens;
    int rc = check(c, f, reterr);
    if (rc < 0)
        return rc;
    c->is_streamed = f->is_streamed && !tk__is_pooling(c);
    c->n_inputs = f->n_prompts;
    c->n_choices = tk__is_pooling(c) ? 1 : (uint32_t)(f->n * f->n_prompts);
    c->prompt_bytes = prompt->n_bytes;
    c->prompt_tokens = tk__prompt_tokens(prompt);
    decide_tokens(c, conf->knobs.n_tokens);
    decide_usage(c, f);
    return 0;
}

int tk__call_parse(struct tk_json *j, const struct tk_sim_conf *conf, struct tk_str body,
                   struct tk__prompt *prompt, struct tk__call *ret, struct tk_err *reterr)
{
    struct found f = { .max_tokens = -1, .max_completion_tokens = -1, .n = 1, .prompt = prompt };
    struct tk_err err = { 0 };
    int rc = read_body(j, body, ret, &f, &err);

    if (rc < 0 && err.code == 0)
        return tk_err_set(reterr, rc == -ENOMEM ? rc : TK_E_FORMAT, "the body is no JSON object");
    if (rc < 0)
        return tk_err_set(reterr, TK_E_RANGE, "%s", err.msg);
    return conclude(conf, ret, &f, reterr);
}

/* --- a form --- */

static bool is_true(struct tk_str value)
{
    return tk_str_eq_nocase(value, TK_STR("true")) || tk_str_is(value, "1");
}

/* What is heard in the file counts as so many tokens a second, however loud. */
static int read_field(struct tk_str name, struct tk_str value, struct tk__call *c, struct found *f,
                      struct tk_err *reterr)
{
    if (tk_str_is(name, "file")) {
        f->has_prompt = true;
        f->n_prompts = 1;
        for (size_t i = 0; i < value.n; i += TK__AUDIO_BYTES_PER_TOKEN)
            tk__prompt_id(f->prompt, (unsigned char)value.p[i]);
    } else if (tk_str_is(name, "max_completion_tokens")) {
        if (tk_num_parse_i64(value, -1, TK__MAX_TOKENS, &f->max_completion_tokens) != 0)
            return tk_err_set(reterr, TK_E_RANGE, "'max_completion_tokens' cannot be '%.*s'",
                              (int)TK_MIN(value.n, (size_t)80), value.p);
    } else if (tk_str_is(name, "stream")) {
        f->is_streamed = is_true(value);
    } else if (tk_str_is(name, "stream_include_usage")) {
        f->include_usage = is_true(value);
    } else if (tk_str_is(name, "stream_continuous_usage_stats")) {
        f->continuous_usage = is_true(value);
    } else if (tk_str_is(name, "sim")) {
        return tk__knobs_parse(&c->knobs, value, reterr);
    }
    return 0;
}

int tk__call_parse_form(const struct tk_sim_conf *conf, struct tk_str type, struct tk_str body,
                        struct tk__prompt *prompt, struct tk__call *ret, struct tk_err *reterr)
{
    struct found f = { .max_tokens = -1, .max_completion_tokens = -1, .n = 1, .prompt = prompt };
    struct tk__form form;
    struct tk_str name, value;
    int rc = tk__form_open(&form, type, body);

    if (rc < 0)
        return tk_err_set(reterr, rc, "a multipart/form-data body with its boundary is needed");
    while ((rc = tk__form_next(&form, &name, &value)) > 0) {
        rc = read_field(name, value, ret, &f, reterr);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? tk_err_set(reterr, rc, "the form is damaged") : conclude(conf, ret, &f, reterr);
}
