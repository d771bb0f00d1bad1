/* jinja_parse.c - tokens into a tree: statements
 *
 * Recursive descent in the shape of jinja2's parser.py, so that what it takes and what it refuses
 * is the same. Lists are linked by `next`. Expressions are in jinja_parse_expr.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "token/jinja.h"

/* ---- tokens and nodes ---- */

void tk__jcompile_fail(struct tk_jcompile *c, int code, uint32_t line, const char *fmt, ...)
{
    char what[400];
    va_list ap;
    if (c->rc)
        return;
    c->rc = code;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    if (line)
        tk_err_set(c->err, code, "template line %u: %s", line, what);
    else
        tk_err_set(c->err, code, "template: %s", what);
    if (c->err)
        c->err->line = line;
}

void *tk__jcompile_alloc(struct tk_jcompile *c, size_t n)
{
    void *p = tk_arena_alloc(c->arena, n);
    if (!p)
        tk__jcompile_fail(c, -ENOMEM, 0, "out of memory");
    return p;
}

struct tk_jnode *tk__jnode(struct tk_jcompile *c, enum tk_jkind kind, uint32_t line)
{
    struct tk_jnode *n = tk__jcompile_alloc(c, sizeof(*n));
    if (n) {
        n->kind = (uint8_t)kind;
        n->line = line;
    }
    return n;
}

struct tk_jtoken *tk__jtok(struct tk_jcompile *c)
{
    return &c->tok[c->at];
}

struct tk_jtoken *tk__jtok_take(struct tk_jcompile *c)
{
    struct tk_jtoken *t = &c->tok[c->at];
    c->at += c->at + 1 < c->n_tok;
    return t;
}

bool tk__jtok_skip(struct tk_jcompile *c, enum tk_jtok type)
{
    if (tk__jtok(c)->type != type)
        return false;
    tk__jtok_take(c);
    return true;
}

bool tk__jtok_is_name(const struct tk_jtoken *t, const char *name)
{
    return t->type == TK_JT_NAME && tk_str_is(tk__jtext(t->val), name);
}

bool tk__jtok_skip_name(struct tk_jcompile *c, const char *name)
{
    if (!tk__jtok_is_name(tk__jtok(c), name))
        return false;
    tk__jtok_take(c);
    return true;
}

struct tk_jtoken *tk__jtok_expect(struct tk_jcompile *c, enum tk_jtok type)
{
    struct tk_jtoken *t = tk__jtok(c);
    if (t->type == type)
        return tk__jtok_take(c);
    if (t->type == TK_JT_NAME)
        tk__jcompile_fail(c, TK_E_FORMAT, t->line, "expected '%s', got '%.*s'",
                          tk__jtok_describe(type), TK_STR_ARG(tk__jtext(t->val)));
    else
        tk__jcompile_fail(c, TK_E_FORMAT, t->line, "expected '%s', got '%s'",
                          tk__jtok_describe(type), tk__jtok_describe(t->type));
    return t;
}

bool tk__jenter(struct tk_jcompile *c)
{
    if (++c->nesting > TK_J_MAX_NESTING)
        tk__jcompile_fail(c, TK_E_LIMIT, tk__jtok(c)->line, "nested deeper than %d",
                          TK_J_MAX_NESTING);
    return c->rc == 0;
}

void tk__jleave(struct tk_jcompile *c)
{
    c->nesting--;
}

/* ---- bodies ---- */

static struct tk_jnode *parse_statement(struct tk_jcompile *c);

static bool is_any_name(const struct tk_jtoken *t, const char *const *names)
{
    for (; names && *names; names++) {
        if (tk__jtok_is_name(t, *names))
            return true;
    }
    return false;
}

struct list {
    struct tk_jnode *first, **last;
};

static void add(struct list *l, struct tk_jnode *n)
{
    if (!l->last)
        l->last = &l->first;
    *l->last = n;
    if (n)
        l->last = &n->next;
}

/* Statements until `{% name` of one of `ends` (the current token is the name then) or the end. */
static struct tk_jnode *subparse(struct tk_jcompile *c, const char *const *ends)
{
    struct list l = { 0 };
    while (c->rc == 0) {
        struct tk_jtoken *t = tk__jtok(c);
        if (t->type == TK_JT_DATA) {
            struct tk_jnode *n = tk__jnode(c, TK_JN_DATA, t->line);
            if (n)
                n->val = t->val;
            add(&l, n);
            tk__jtok_take(c);
        } else if (t->type == TK_JT_VAR_BEGIN) {
            struct tk_jnode *n = tk__jnode(c, TK_JN_OUTPUT, t->line);
            tk__jtok_take(c);
            if (n)
                n->a = tk__jparse_tuple(c, true, NULL);
            add(&l, n);
            tk__jtok_expect(c, TK_JT_VAR_END);
        } else if (t->type == TK_JT_BLOCK_BEGIN) {
            tk__jtok_take(c);
            if (is_any_name(tk__jtok(c), ends))
                return l.first;
            add(&l, parse_statement(c));
            tk__jtok_expect(c, TK_JT_BLOCK_END);
        } else if (t->type == TK_JT_EOF) {
            if (ends)
                tk__jcompile_fail(c, TK_E_FORMAT, t->line,
                                  "unexpected end of template, looking for '%s'", ends[0]);
            return l.first;
        } else {
            tk__jcompile_fail(c, TK_E_FORMAT, t->line, "unexpected '%s'",
                              tk__jtok_describe(t->type));
        }
    }
    return l.first;
}

/* The rest of a tag, then statements up to `{% name` of one of `ends`, which stays. */
static struct tk_jnode *parse_body(struct tk_jcompile *c, const char *const *ends)
{
    struct tk_jnode *body = NULL;
    tk__jtok_skip(c, TK_JT_COLON);
    tk__jtok_expect(c, TK_JT_BLOCK_END);
    if (tk__jenter(c))
        body = subparse(c, ends);
    tk__jleave(c);
    return body;
}

static struct tk_jnode *parse_body_to(struct tk_jcompile *c, const char *end)
{
    const char *const ends[] = { end, NULL };
    struct tk_jnode *body = parse_body(c, ends);
    tk__jtok_take(c);
    return body;
}

/* ---- statements ---- */

static struct tk_jnode *parse_for(struct tk_jcompile *c, uint32_t line)
{
    static const char *const ends[] = { "endfor", "else", NULL };
    struct tk_jnode *n = tk__jnode(c, TK_JN_FOR, line);
    if (!n)
        return NULL;
    n->a = tk__jparse_target(c, "in", false, TK_J_STORE);
    if (!tk__jtok_skip_name(c, "in"))
        tk__jcompile_fail(c, TK_E_FORMAT, tk__jtok(c)->line, "expected 'in'");
    n->b = tk__jparse_tuple(c, false, "recursive");
    if (tk__jtok_skip_name(c, "if"))
        n->c = tk__jparse_expr(c, true);
    if (tk__jtok_skip_name(c, "recursive"))
        n->flags |= TK_JN_RECURSIVE;
    n->body = parse_body(c, ends);
    if (c->rc == 0 && tk__jtok_is_name(tk__jtok_take(c), "else"))
        n->els = parse_body_to(c, "endfor");
    return n;
}

static struct tk_jnode *parse_if(struct tk_jcompile *c, uint32_t line)
{
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    struct tk_jnode *result = tk__jnode(c, TK_JN_IF, line);
    struct list elifs = { 0 };
    struct tk_jnode *n = result;
    while (n && c->rc == 0) {
        n->a = tk__jparse_tuple(c, false, NULL);
        n->body = parse_body(c, ends);
        if (c->rc)
            break;
        struct tk_jtoken *t = tk__jtok_take(c);
        if (tk__jtok_is_name(t, "elif")) {
            n = tk__jnode(c, TK_JN_IF, t->line);
            add(&elifs, n);
            continue;
        }
        if (tk__jtok_is_name(t, "else"))
            result->els = parse_body_to(c, "endif");
        break;
    }
    if (result)
        result->args = elifs.first;
    return result;
}

static struct tk_jnode *parse_set(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_ASSIGN, line);
    if (!n)
        return NULL;
    n->a = tk__jparse_target(c, NULL, true, TK_J_STORE);
    if (tk__jtok_skip(c, TK_JT_ASSIGN)) {
        n->b = tk__jparse_tuple(c, true, NULL);
        return n;
    }
    n->kind = TK_JN_CAPTURE;
    n->b = tk__jparse_filters(c, NULL, false);
    n->body = parse_body_to(c, "endset");
    return n;
}

/* "(a, b=1)": the parameters in .args, the defaults of the last of them in .b. */
static void parse_signature(struct tk_jcompile *c, struct tk_jnode *n)
{
    struct list params = { 0 };
    struct list defaults = { 0 };
    int n_params = 0;
    tk__jtok_expect(c, TK_JT_LPAREN);
    while (c->rc == 0 && tk__jtok(c)->type != TK_JT_RPAREN) {
        if (params.first)
            tk__jtok_expect(c, TK_JT_COMMA);
        struct tk_jnode *p = tk__jparse_name_target(c, TK_J_PARAM);
        if (++n_params > TK_J_MAX_PARAMS)
            tk__jcompile_fail(c, TK_E_LIMIT, n->line, "more than %d parameters", TK_J_MAX_PARAMS);
        for (const struct tk_jnode *o = params.first; o && p; o = o->next) {
            if (tk_str_eq(o->name, p->name))
                tk__jcompile_fail(c, TK_E_FORMAT, n->line, "parameter '%.*s' appears twice",
                                  TK_STR_ARG(p->name));
        }
        if (tk__jtok_skip(c, TK_JT_ASSIGN))
            add(&defaults, tk__jparse_expr(c, true));
        else if (defaults.first)
            tk__jcompile_fail(c, TK_E_FORMAT, n->line,
                              "non-default argument follows default argument");
        add(&params, p);
    }
    tk__jtok_expect(c, TK_JT_RPAREN);
    n->args = params.first;
    n->b = defaults.first;
}

static struct tk_jnode *parse_macro(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_MACRO, line);
    if (!n)
        return NULL;
    struct tk_jnode *name = tk__jparse_name_target(c, TK_J_STORE);
    if (name)
        n->name = name->name;
    parse_signature(c, n);
    n->body = parse_body_to(c, "endmacro");
    return n;
}

static struct tk_jnode *parse_call_block(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_CALLBLOCK, line);
    if (!n)
        return NULL;
    if (tk__jtok(c)->type == TK_JT_LPAREN)
        parse_signature(c, n);
    n->a = tk__jparse_expr(c, true);
    if (c->rc == 0 && n->a->kind != TK_JN_CALL)
        tk__jcompile_fail(c, TK_E_FORMAT, line, "expected call");
    n->body = parse_body_to(c, "endcall");
    return n;
}

static struct tk_jnode *parse_filter_block(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_FILTERBLOCK, line);
    if (!n)
        return NULL;
    n->a = tk__jparse_filters(c, NULL, true);
    n->body = parse_body_to(c, "endfilter");
    return n;
}

static struct tk_jnode *parse_with(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_WITH, line);
    struct list targets = { 0 };
    struct list values = { 0 };
    while (n && c->rc == 0 && tk__jtok(c)->type != TK_JT_BLOCK_END) {
        if (targets.first)
            tk__jtok_expect(c, TK_JT_COMMA);
        add(&targets, tk__jparse_target(c, NULL, false, TK_J_PARAM));
        tk__jtok_expect(c, TK_JT_ASSIGN);
        add(&values, tk__jparse_expr(c, true));
    }
    if (!n)
        return NULL;
    n->args = targets.first;
    n->b = values.first;
    n->body = parse_body_to(c, "endwith");
    return n;
}

static struct tk_jnode *parse_print(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_OUTPUT, line);
    struct list l = { 0 };
    while (c->rc == 0 && tk__jtok(c)->type != TK_JT_BLOCK_END) {
        if (l.first)
            tk__jtok_expect(c, TK_JT_COMMA);
        add(&l, tk__jparse_expr(c, true));
    }
    if (n)
        n->a = l.first;
    return n;
}

static struct tk_jnode *parse_generation(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_GENERATION, line);
    if (n)
        n->body = parse_body_to(c, "endgeneration");
    return n;
}

static struct tk_jnode *parse_block(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_BLOCK, line);
    struct tk_jtoken *name = tk__jtok_expect(c, TK_JT_NAME);
    if (!n || c->rc)
        return NULL;
    n->name = tk__jtext(name->val);
    if (tk__jtok_skip_name(c, "scoped") || tk__jtok_skip_name(c, "required"))
        tk__jcompile_fail(c, TK_E_UNSUPPORTED, line, "'scoped' and 'required' are not supported");
    n->body = parse_body_to(c, "endblock");
    if (tk__jtok(c)->type == TK_JT_NAME && tk_str_eq(tk__jtext(tk__jtok(c)->val), n->name))
        tk__jtok_take(c);
    return n;
}

static struct tk_jnode *parse_autoescape(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_SCOPE, line);
    struct tk_jnode *on = tk__jparse_expr(c, true);
    if (!n || c->rc)
        return NULL;
    if (on->kind != TK_JN_CONST || on->val.type != TK_J_BOOL || on->val.i)
        tk__jcompile_fail(c, TK_E_UNSUPPORTED, line, "autoescape is not supported");
    n->body = parse_body_to(c, "endautoescape");
    return n;
}

static struct tk_jnode *parse_break(struct tk_jcompile *c, uint32_t line)
{
    return tk__jnode(c, TK_JN_BREAK, line);
}

static struct tk_jnode *parse_continue(struct tk_jcompile *c, uint32_t line)
{
    return tk__jnode(c, TK_JN_CONTINUE, line);
}

/* What needs other templates is an error when it is reached, as it is without a loader. */
static struct tk_jnode *parse_load(struct tk_jcompile *c, uint32_t line)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_LOAD, line);
    if (n)
        n->name = tk__jtext(c->tok[c->at - 1].val);
    while (c->rc == 0 && tk__jtok(c)->type != TK_JT_BLOCK_END && tk__jtok(c)->type != TK_JT_EOF)
        tk__jtok_take(c);
    return n;
}

static const struct {
    const char *name;
    struct tk_jnode *(*parse)(struct tk_jcompile *c, uint32_t line);
} statements[] = {
    { "for", parse_for },
    { "if", parse_if },
    { "set", parse_set },
    { "macro", parse_macro },
    { "call", parse_call_block },
    { "filter", parse_filter_block },
    { "with", parse_with },
    { "print", parse_print },
    { "generation", parse_generation },
    { "break", parse_break },
    { "continue", parse_continue },
    { "block", parse_block },
    { "autoescape", parse_autoescape },
    { "include", parse_load },
    { "import", parse_load },
    { "from", parse_load },
    { "extends", parse_load },
};

static struct tk_jnode *parse_statement(struct tk_jcompile *c)
{
    struct tk_jtoken *t = tk__jtok(c);
    if (t->type != TK_JT_NAME) {
        tk__jcompile_fail(c, TK_E_FORMAT, t->line, "tag name expected");
        return NULL;
    }
    for (unsigned i = 0; i < TK_ARRAY_LEN(statements); i++) {
        if (tk__jtok_is_name(t, statements[i].name)) {
            tk__jtok_take(c);
            return statements[i].parse(c, t->line);
        }
    }
    tk__jcompile_fail(c, TK_E_FORMAT, t->line, "unknown tag '%.*s'", TK_STR_ARG(tk__jtext(t->val)));
    return NULL;
}

struct tk_jnode *tk__jparse(struct tk_jcompile *c)
{
    return subparse(c, NULL);
}
