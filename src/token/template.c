/* template.c - chat templates: JSON in, the engine, text out
 *
 * A message that is to be continued gets a tag at its end; what the template made is cut there. This is
 * transformers' own way, with its tag, so that what a template does to the end of a message (most strip
 * it) shows in the same places.
 */
#include "token/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "token/jinja.h"

#define MAX_JSON_BYTES ((size_t)64 << 20)
#define TAG "CONTINUE_FINAL_MESSAGE_TAG "
#define TAG_WORD (sizeof(TAG) - 2) /* bytes without the space */

struct tk_template {
    struct tk_jinja *jinja; /* owned */
};

struct tk_template_scratch {
    struct tk_json *json; /* owned */
};

int tk_template_new(struct tk_str text, struct tk_template **ret_t, struct tk_err *reterr)
{
    struct tk_template *t = calloc(1, sizeof(*t));
    if (!t)
        return tk_err_set(reterr, -ENOMEM, "out of memory");
    int rc = tk__jinja_new(text, &t->jinja, reterr);
    if (rc) {
        free(t);
        return rc;
    }
    *ret_t = t;
    return 0;
}

struct tk_template *tk_template_free(struct tk_template *t)
{
    if (t) {
        tk__jinja_free(t->jinja);
        free(t);
    }
    return NULL;
}

struct tk_template_scratch *tk_template_scratch_new(void)
{
    struct tk_template_scratch *s = calloc(1, sizeof(*s));
    if (s)
        s->json = tk_json_new(MAX_JSON_BYTES);
    return s && s->json ? s : tk_template_scratch_free(s);
}

struct tk_template_scratch *tk_template_scratch_free(struct tk_template_scratch *s)
{
    if (s) {
        tk_json_free(s->json);
        free(s);
    }
    return NULL;
}

/* ---- variables ---- */

static void set(struct tk_jrender *r, const char *name, struct tk_jval v)
{
    if (r->rc == 0)
        tk__jdict_set(r, r->context.dict, tk__jstr_z(name), v);
}

static void set_json(struct tk_jrender *r, struct tk_json *j, const char *name, struct tk_str text)
{
    if (r->rc == 0)
        set(r, name, text.n ? tk__jfrom_json(r, j, text, name) : tk__jnone());
}

/* The members of a JSON object become variables of their own. */
static void set_all(struct tk_jrender *r, struct tk_json *j, const char *what, struct tk_str text)
{
    if (r->rc || !text.n)
        return;
    struct tk_jval v = tk__jfrom_json(r, j, text, what);
    if (r->rc)
        return;
    if (v.type != TK_J_DICT) {
        tk__jfail(r, TK_E_FORMAT, "%s: not an object", what);
        return;
    }
    for (uint32_t i = 0; i < v.dict->n; i++)
        tk__jdict_set(r, r->context.dict, v.dict->e[i].key, v.dict->e[i].val);
}

static void set_variables(struct tk_jrender *r, struct tk_json *j, struct tk_str messages,
                          const struct tk_template_opts *o)
{
    struct tk_jdict *d = tk__jdict_new(r, 16);
    if (!d)
        return;
    r->context = tk__jdict(d);
    set_json(r, j, "messages", messages);
    set_json(r, j, "tools", o->tools);
    set_json(r, j, "documents", o->documents);
    set(r, "add_generation_prompt", tk__jbool(o->add_generation_prompt));
    set_all(r, j, "special tokens", o->special_tokens);
    set_all(r, j, "kwargs", o->kwargs);
}

/* ---- a message to be continued ---- */

/* Does Python's `"text" in block` hold, and can the text be had then? */
static struct tk_jval *text_of_block(struct tk_jrender *r, struct tk_jval block)
{
    if (block.type == TK_J_DICT)
        return tk__jdict_find(block.dict, TK_STR("text"));
    if ((block.type != TK_J_STR && block.type != TK_J_LIST) ||
        tk__jcontains(r, block, tk__jstr_z("text")))
        tk__jfail(r, TK_E_FORMAT, "a part of the last message is no object");
    return NULL;
}

/* The last text of the last message, or NULL after a failure. */
static struct tk_jval *final_text(struct tk_jrender *r)
{
    struct tk_jval *messages = tk__jdict_find(r->context.dict, TK_STR("messages"));
    struct tk_jval last = { 0 };
    struct tk_jval *text = NULL;
    if (messages && messages->type == TK_J_LIST && messages->n > 0)
        last = messages->items[messages->n - 1];
    struct tk_jval *content = last.type == TK_J_DICT ? tk__jdict_find(last.dict, TK_STR("content"))
                                                     : NULL;
    if (!content || content->type != TK_J_LIST)
        text = content;
    else
        for (uint32_t i = content->n; r->rc == 0 && !text && i > 0; i--)
            text = text_of_block(r, content->items[i - 1]);
    if (!text)
        tk__jfail(r, TK_E_FORMAT, "the last message has no text that could be continued");
    return text;
}

/* Put the tag behind the last text; *ret gets the text as it was. */
static void tag_final(struct tk_jrender *r, struct tk_str *ret)
{
    struct tk_jval *text = r->rc ? NULL : final_text(r);
    if (r->rc || !text)
        return;
    struct tk_jval tagged = tk__jbinop(r, TK_JT_ADD, *text, tk__jstr_z(TAG));
    if (r->rc)
        return;
    *ret = tk__jtext(*text);
    *text = tagged;
}

/* End the text before the tag; without the spaces there if the template took the tag's. */
static void cut_at_tag(struct tk_jrender *r, struct tk_str final, struct tk_buf *text)
{
    struct tk_str all = tk_buf_str(text);
    ptrdiff_t at = tk__jrfind(r, all, (struct tk_str){ TAG, TAG_WORD });
    final = tk__jstrip(final, true, true);
    r->line = 0;
    if (at < 0 || (final.n > 0 && !memmem(all.p, all.n, final.p, final.n))) {
        tk__jfail(
            r, TK_E_FORMAT,
            "the template does not show the last message as it stands: it cannot be continued");
        return;
    }
    struct tk_str cut = { all.p, (size_t)at };
    if (all.n - cut.n == TAG_WORD || all.p[cut.n + TAG_WORD] != ' ')
        cut = tk__jstrip(cut, false, true);
    text->n = cut.n;
}

int tk_template_render(const struct tk_template *t, struct tk_str messages,
                       const struct tk_template_opts *opts, struct tk_template_scratch *scratch,
                       struct tk_buf *out, struct tk_err *reterr)
{
    static const struct tk_template_opts no_opts;
    const struct tk_template_opts *o = opts ? opts : &no_opts;
    struct tk_buf text;
    struct tk_jrender r = {
        .t = t->jinja,
        .out = &text,
        .max_bytes = TK_MIN(o->max_bytes ? o->max_bytes : TK_TEMPLATE_MAX_BYTES, UINT32_MAX / 2),
        .max_steps = o->max_steps ? o->max_steps : TK_TEMPLATE_MAX_STEPS,
        .max_depth = o->max_depth ? o->max_depth : TK_TEMPLATE_MAX_DEPTH,
        .now_wall = o->now_wall,
        .err = reterr,
    };
    struct tk_str final = { 0 };
    if (o->continues_final && o->add_generation_prompt)
        return tk_err_set(
            reterr, -EINVAL,
            "a message that is continued and a prompt for a new one exclude each other");
    tk_buf_init(&text, r.max_bytes);
    tk_arena_init(&r.arena,
                  o->max_memory_bytes ? o->max_memory_bytes : TK_TEMPLATE_MAX_MEMORY_BYTES);
    set_variables(&r, scratch->json, messages, o);
    if (o->continues_final)
        tag_final(&r, &final);
    if (r.rc == 0)
        tk__jinja_render(&r);
    if (r.rc == 0 && o->continues_final)
        cut_at_tag(&r, final, &text);
    if (r.rc == 0) {
        int rc = tk_buf_add_str(out, tk_buf_str(&text));
        if (rc)
            tk__jfail(&r, rc, "the text does not fit its buffer");
    }
    tk_arena_release(&r.arena);
    tk_buf_release(&text);
    return r.rc;
}

int tk_template_choose(const struct tk_str *names, size_t n, struct tk_str wanted, bool has_tools,
                       struct tk_err *reterr)
{
    const struct tk_str order[] = { has_tools ? TK_STR("tool_use") : TK_STR("default"),
                                    TK_STR("default") };
    const struct tk_str *wishes = wanted.n ? &wanted : order;
    size_t n_wishes = wanted.n ? 1 : TK_ARRAY_LEN(order);
    for (size_t w = 0; w < n_wishes; w++) {
        for (size_t i = 0; i < n; i++) {
            if (tk_str_eq(names[i], wishes[w]))
                return (int)i;
        }
    }
    return tk_err_set(reterr, TK_E_NOT_FOUND, "no chat template named '%.*s'%s",
                      TK_STR_ARG(wishes[n_wishes - 1]), wanted.n ? "" : ": say which one");
}
