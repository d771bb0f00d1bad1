/* chat.c - a conversation into tokens, by the model's own way
 *
 * Templates are compiled once, all that the tokenizer names: which one is used depends on whether there
 * are tools. The text of a template is encoded as transformers and vLLM do it: special tokens in it
 * are those tokens, and none is added.
 */
#include "token/chat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "token/encodings.h"
#include "token/internal.h"

#define MAX_TEXT ((size_t)256 << 20)
#define MAX_TEMPLATES 64 /* of one tokenizer */

struct named {
    struct tk_str name; /* the tokenizer's */
    struct tk_template *compiled;
};

struct tk_chat {
    enum tk_chat_kind kind; /* never AUTO */
    const struct tk_tokenizer *t;
    struct named *v; /* owned */
    size_t n;
    struct tk_buf special_tokens; /* {"bos_token": "<s>", …} */
};

/* ---- making ---- */

static int add_template(struct tk_chat *c, struct tk_str name, struct tk_str text,
                        struct tk_err *reterr)
{
    struct tk_err detail = { 0 };
    struct named *grown = reallocarray(c->v, c->n + 1, sizeof(*grown));

    if (!grown)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the chat template");
    c->v = grown;
    if (c->n == MAX_TEMPLATES)
        return tk_err_set(reterr, TK_E_LIMIT, "more than %d chat templates", MAX_TEMPLATES);
    c->v[c->n].name = name;
    int rc = tk_template_new(text, &c->v[c->n].compiled, &detail);
    if (rc < 0)
        return tk_err_set(reterr, rc, "the chat template '%.*s', line %u: %s", TK_STR_ARG(name),
                          detail.line, detail.msg);
    c->n++;
    return 0;
}

static int name_specials(struct tk_chat *c)
{
    struct tk_jsonw w;
    struct tk_str role, text;

    tk_jsonw_init(&w, &c->special_tokens, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    for (size_t i = 0; tk_tokenizer_special_at(c->t, i, &role, &text); i++) {
        tk_jsonw_key_str(&w, role);
        tk_jsonw_str(&w, text);
    }
    tk_jsonw_obj_end(&w);
    return c->special_tokens.failed;
}

static int add_templates(struct tk_chat *c, struct tk_str given, struct tk_err *reterr)
{
    struct tk_str name, text;
    int rc = 0;

    if (given.p)
        rc = add_template(c, TK_STR("default"), given, reterr);
    for (size_t i = 0; rc == 0 && !given.p && tk_tokenizer_chat_template(c->t, i, &name, &text);
         i++)
        rc = add_template(c, name, text, reterr);
    if (rc == 0 && c->n == 0)
        return tk_err_set(reterr, TK_E_NOT_FOUND, "the tokenizer has no chat template");
    return rc == 0 ? name_specials(c) : rc;
}

int tk_chat_new(const struct tk_chat_conf *conf, struct tk_chat **ret, struct tk_err *reterr)
{
    struct tk_chat *c = calloc(1, sizeof(*c));
    int rc = 0;

    if (!c)
        return tk_err_set(reterr, -ENOMEM, "out of memory for a chat");
    tk_buf_init(&c->special_tokens, (size_t)16 << 20);
    c->t = conf->tokenizer;
    c->kind = conf->kind;
    if (c->kind == TK_CHAT_AUTO)
        c->kind = c->t->mistral_version && !conf->template_text.p ? TK_CHAT_MISTRAL
                                                                  : TK_CHAT_TEMPLATE;
    if (c->kind == TK_CHAT_MISTRAL)
        rc = tk__mistral_check(c->t, reterr);
    else if (c->kind == TK_CHAT_TEMPLATE)
        rc = add_templates(c, conf->template_text, reterr);
    if (rc < 0) {
        (void)tk_chat_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

struct tk_chat *tk_chat_free(struct tk_chat *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n; i++)
        (void)tk_template_free(c->v[i].compiled);
    free(c->v);
    tk_buf_release(&c->special_tokens);
    free(c);
    return NULL;
}

const char *tk_chat_name(const struct tk_chat *c)
{
    switch (c->kind) {
    case TK_CHAT_MISTRAL:
        return "mistral";
    case TK_CHAT_DEEPSEEK_V32:
        return "deepseek_v32";
    default:
        return "template";
    }
}

/* ---- using ---- */

static bool has_tools(struct tk_str tools)
{
    tools = tk_str_trim(tools);
    return tools.n > 0 && !tk_str_is(tools, "[]") && !tk_str_is(tools, "null");
}

static int render_template(const struct tk_chat *c, const struct tk_chat_input *in,
                           struct tk_template_scratch *ts, struct tk_buf *out,
                           struct tk_err *reterr)
{
    const struct tk_template_opts opts = {
        .tools = in->tools,
        .documents = in->documents,
        .special_tokens = tk_buf_str(&c->special_tokens),
        .kwargs = in->kwargs,
        .add_generation_prompt = in->add_generation_prompt,
        .continues_final = in->continues_final,
    };
    struct tk_str names[MAX_TEMPLATES];

    for (size_t i = 0; i < c->n; i++)
        names[i] = c->v[i].name;
    int i = tk_template_choose(names, c->n, in->template_name, has_tools(in->tools), reterr);
    return i < 0 ? i : tk_template_render(c->v[i].compiled, in->messages, &opts, ts, out, reterr);
}

static int mistral(const struct tk_chat *c, const struct tk_chat_input *in,
                   struct tk_tok_scratch *s, struct tk_buf *text, struct tk_tok_ids *ids,
                   struct tk_err *reterr)
{
    struct tk_tok_ids own = { 0 };
    struct tk_tok_ids *to = ids ? ids : &own;
    size_t had = to->n;
    int rc = tk__mistral_encode(c->t, in, s, to, reterr);

    if (rc == 0 && text) {
        rc = tk_tokenizer_decode(c->t, s, to->p + had, to->n - had, 0, text);
        if (rc < 0)
            (void)tk_err_set(reterr, rc, "the conversation as text: %s", tk_err_text(rc));
    }
    tk_tok_ids_release(&own);
    return rc;
}

int tk_chat_encode(const struct tk_chat *c, const struct tk_chat_input *in,
                   struct tk_template_scratch *ts, struct tk_tok_scratch *s, struct tk_buf *text,
                   struct tk_tok_ids *ids, struct tk_err *reterr)
{
    struct tk_buf own = TK_BUF_INIT(MAX_TEXT);
    struct tk_buf *out = text ? text : &own;
    size_t had = out->n;
    int rc;

    if (c->kind == TK_CHAT_MISTRAL)
        return mistral(c, in, s, text, ids, reterr);
    if (c->kind == TK_CHAT_DEEPSEEK_V32 && in->continues_final)
        rc = tk_err_set(reterr, TK_E_UNSUPPORTED,
                        "DeepSeek V3.2's encoding does not continue a message");
    else if (c->kind == TK_CHAT_DEEPSEEK_V32)
        rc = tk__dsv32_render(in, out, reterr);
    else
        rc = render_template(c, in, ts, out, reterr);
    if (rc == 0 && ids) {
        struct tk_str made = { out->p ? out->p + had : "", out->n - had };
        rc = tk_tokenizer_encode(c->t, s, made, TK_TOK_PARSE_SPECIAL, ids);
        if (rc < 0)
            (void)tk_err_set(reterr, rc, "the conversation cannot be encoded: %s", tk_err_text(rc));
    }
    tk_buf_release(&own);
    return rc;
}
