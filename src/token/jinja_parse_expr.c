/* jinja_parse_expr.c - tokens into a tree: expressions
 *
 * One function a level of binding, weakest first: if-else, or, and, not, comparison, + and -, ~,
 * * / // %, **, unary, postfix, filters and tests. Chains lean to the left, so a long one makes a
 * deep tree: `depth` counts, and TK_J_MAX_TREE_DEPTH keeps the evaluator's stack small.
 */
#include <string.h>

#include "base/str.h"
#include "token/jinja.h"

static struct tk_jnode *parse_unary(struct tk_jcompile *c, bool with_filter);

static uint16_t depth_of(const struct tk_jnode *n)
{
    uint16_t depth = 0;
    for (; n; n = n->next)
        depth = TK_MAX(depth, n->depth);
    return depth;
}

/* `n` with its parts in place: its depth is known now. */
static struct tk_jnode *grown(struct tk_jcompile *c, struct tk_jnode *n)
{
    if (!n || c->rc)
        return n;
    uint16_t depth = depth_of(n->a);
    depth = TK_MAX(depth, depth_of(n->b));
    depth = TK_MAX(depth, depth_of(n->c));
    depth = TK_MAX(depth, depth_of(n->args));
    depth = TK_MAX(depth, depth_of(n->kwargs));
    depth = TK_MAX(depth, depth_of(n->dyn_args));
    depth = TK_MAX(depth, depth_of(n->dyn_kwargs));
    n->depth = (uint16_t)(depth + 1);
    if (n->depth > TK_J_MAX_TREE_DEPTH)
        tk__jcompile_fail(c, TK_E_LIMIT, n->line, "an expression deeper than %d",
                          TK_J_MAX_TREE_DEPTH);
    return n;
}

static struct tk_jnode *make(struct tk_jcompile *c, enum tk_jkind kind, uint32_t line,
                             struct tk_jnode *a, struct tk_jnode *b)
{
    struct tk_jnode *n = tk__jnode(c, kind, line);
    if (n) {
        n->a = a;
        n->b = b;
    }
    return grown(c, n);
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

/* ---- calls and subscripts ---- */

static void parse_argument(struct tk_jcompile *c, struct tk_jnode *n, struct list *args,
                           struct list *kwargs)
{
    struct tk_jtoken *t = tk__jtok(c);
    bool ok = true;
    if (t->type == TK_JT_MUL) {
        ok = !n->dyn_args && !n->dyn_kwargs;
        tk__jtok_take(c);
        n->dyn_args = tk__jparse_expr(c, true);
    } else if (t->type == TK_JT_POW) {
        ok = !n->dyn_kwargs;
        tk__jtok_take(c);
        n->dyn_kwargs = tk__jparse_expr(c, true);
    } else if (t->type == TK_JT_NAME && t[1].type == TK_JT_ASSIGN) {
        ok = !n->dyn_kwargs;
        int n_kwargs = 0;
        for (const struct tk_jnode *k = kwargs->first; k; k = k->next, n_kwargs++)
            ok = ok && !tk_str_eq(k->name, tk__jtext(t->val));
        if (n_kwargs == TK_J_MAX_PARAMS)
            tk__jcompile_fail(c, TK_E_LIMIT, t->line, "more than %d keyword arguments", n_kwargs);
        tk__jtok_take(c);
        tk__jtok_take(c);
        struct tk_jnode *k = make(c, TK_JN_KEYWORD, t->line, tk__jparse_expr(c, true), NULL);
        if (k)
            k->name = tk__jtext(t->val);
        add(kwargs, k);
    } else {
        ok = !n->dyn_args && !n->dyn_kwargs && !kwargs->first;
        add(args, tk__jparse_expr(c, true));
    }
    if (!ok)
        tk__jcompile_fail(c, TK_E_FORMAT, t->line, "invalid syntax for function call expression");
}

static void parse_call_args(struct tk_jcompile *c, struct tk_jnode *n)
{
    struct list args = { 0 };
    struct list kwargs = { 0 };
    bool needs_comma = false;
    tk__jtok_expect(c, TK_JT_LPAREN);
    while (c->rc == 0 && tk__jtok(c)->type != TK_JT_RPAREN) {
        if (needs_comma) {
            tk__jtok_expect(c, TK_JT_COMMA);
            if (tk__jtok(c)->type == TK_JT_RPAREN)
                break;
        }
        parse_argument(c, n, &args, &kwargs);
        needs_comma = true;
    }
    tk__jtok_expect(c, TK_JT_RPAREN);
    n->args = args.first;
    n->kwargs = kwargs.first;
}

static struct tk_jnode *parse_call(struct tk_jcompile *c, struct tk_jnode *of)
{
    struct tk_jnode *n = tk__jnode(c, TK_JN_CALL, tk__jtok(c)->line);
    if (!n)
        return NULL;
    n->a = of;
    parse_call_args(c, n);
    return grown(c, n);
}

/* An index, or a slice. */
static struct tk_jnode *parse_subscribed(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct tk_jnode *start = NULL;
    if (tk__jtok(c)->type != TK_JT_COLON) {
        start = tk__jparse_expr(c, true);
        if (tk__jtok(c)->type != TK_JT_COLON)
            return start;
    }
    tk__jtok_take(c);
    struct tk_jnode *n = tk__jnode(c, TK_JN_SLICE, line);
    if (!n)
        return NULL;
    n->a = start;
    enum tk_jtok type = tk__jtok(c)->type;
    if (type != TK_JT_COLON && type != TK_JT_RBRACKET && type != TK_JT_COMMA)
        n->b = tk__jparse_expr(c, true);
    if (tk__jtok_skip(c, TK_JT_COLON)) {
        type = tk__jtok(c)->type;
        if (type != TK_JT_RBRACKET && type != TK_JT_COMMA)
            n->c = tk__jparse_expr(c, true);
    }
    return grown(c, n);
}

static struct tk_jnode *parse_dot(struct tk_jcompile *c, struct tk_jnode *of, uint32_t line)
{
    struct tk_jtoken *t = tk__jtok_take(c);
    if (t->type == TK_JT_NAME) {
        struct tk_jnode *n = make(c, TK_JN_GETATTR, line, of, NULL);
        if (n)
            n->name = tk__jtext(t->val);
        return n;
    }
    if (t->type != TK_JT_NUMBER) {
        tk__jcompile_fail(c, TK_E_FORMAT, t->line, "expected name or number");
        return of;
    }
    struct tk_jnode *key = make(c, TK_JN_CONST, t->line, NULL, NULL);
    if (key)
        key->val = t->val;
    return make(c, TK_JN_GETITEM, line, of, key);
}

static struct tk_jnode *parse_subscript(struct tk_jcompile *c, struct tk_jnode *of)
{
    struct tk_jtoken *t = tk__jtok_take(c);
    if (t->type == TK_JT_DOT)
        return parse_dot(c, of, t->line);
    struct list l = { 0 };
    while (c->rc == 0 && tk__jtok(c)->type != TK_JT_RBRACKET) {
        if (l.first)
            tk__jtok_expect(c, TK_JT_COMMA);
        add(&l, parse_subscribed(c));
    }
    tk__jtok_expect(c, TK_JT_RBRACKET);
    struct tk_jnode *key = l.first;
    if (!key || key->next) {
        for (const struct tk_jnode *i = key; i; i = i->next) {
            if (i->kind == TK_JN_SLICE)
                tk__jcompile_fail(c, TK_E_UNSUPPORTED, t->line,
                                  "a slice among several subscripts is not supported");
        }
        key = make(c, TK_JN_TUPLE, t->line, key, NULL);
    }
    return make(c, TK_JN_GETITEM, t->line, of, key);
}

static struct tk_jnode *parse_postfix(struct tk_jcompile *c, struct tk_jnode *n)
{
    while (c->rc == 0) {
        enum tk_jtok type = tk__jtok(c)->type;
        if (type == TK_JT_DOT || type == TK_JT_LBRACKET)
            n = parse_subscript(c, n);
        else if (type == TK_JT_LPAREN)
            n = parse_call(c, n);
        else
            break;
    }
    return n;
}

/* ---- filters and tests ---- */

/* The name of a filter or a test; dotted ones do not exist here, but must not pass for others. */
static struct tk_str parse_dotted(struct tk_jcompile *c)
{
    struct tk_jtoken *t = tk__jtok_expect(c, TK_JT_NAME);
    struct tk_str name = c->rc ? TK_STR("") : tk__jtext(t->val);
    while (c->rc == 0 && tk__jtok_skip(c, TK_JT_DOT)) {
        struct tk_jtoken *more = tk__jtok_expect(c, TK_JT_NAME);
        if (c->rc)
            break;
        size_t n = name.n + 1 + more->val.n;
        char *z = tk__jcompile_alloc(c, n + 1);
        if (!z)
            break;
        memcpy(z, name.p, name.n);
        z[name.n] = '.';
        memcpy(z + name.n + 1, more->val.s, more->val.n);
        name = (struct tk_str){ z, n };
    }
    return name;
}

struct tk_jnode *tk__jparse_filters(struct tk_jcompile *c, struct tk_jnode *of, bool is_inline)
{
    while (c->rc == 0 && (is_inline || tk__jtok(c)->type == TK_JT_PIPE)) {
        if (!is_inline)
            tk__jtok_take(c);
        is_inline = false;
        struct tk_jnode *n = tk__jnode(c, TK_JN_FILTER, tk__jtok(c)->line);
        if (!n)
            return NULL;
        n->name = parse_dotted(c);
        n->a = of;
        if (tk__jtok(c)->type == TK_JT_LPAREN)
            parse_call_args(c, n);
        of = grown(c, n);
    }
    return of;
}

static bool begins_argument(struct tk_jcompile *c)
{
    const struct tk_jtoken *t = tk__jtok(c);
    switch (t->type) {
    case TK_JT_STRING:
    case TK_JT_NUMBER:
    case TK_JT_FLOAT:
    case TK_JT_LBRACKET:
    case TK_JT_LBRACE:
        return true;
    case TK_JT_NAME:
        if (tk__jtok_is_name(t, "is"))
            tk__jcompile_fail(c, TK_E_FORMAT, t->line, "you cannot chain multiple tests with is");
        return !tk__jtok_is_name(t, "else") && !tk__jtok_is_name(t, "or") &&
               !tk__jtok_is_name(t, "and");
    default:
        return false;
    }
}

static struct tk_jnode *parse_primary(struct tk_jcompile *c, bool with_ns);

static struct tk_jnode *parse_test(struct tk_jcompile *c, struct tk_jnode *of)
{
    uint32_t line = tk__jtok_take(c)->line;
    bool is_negated = tk__jtok_skip_name(c, "not");
    struct tk_jnode *n = tk__jnode(c, TK_JN_TEST, line);
    if (!n)
        return NULL;
    n->name = parse_dotted(c);
    n->a = of;
    if (tk__jtok(c)->type == TK_JT_LPAREN)
        parse_call_args(c, n);
    else if (begins_argument(c))
        n->args = parse_postfix(c, parse_primary(c, false));
    n = grown(c, n);
    return is_negated ? make(c, TK_JN_NOT, line, n, NULL) : n;
}

static struct tk_jnode *parse_filter_expr(struct tk_jcompile *c, struct tk_jnode *n)
{
    while (c->rc == 0) {
        struct tk_jtoken *t = tk__jtok(c);
        if (t->type == TK_JT_PIPE)
            n = tk__jparse_filters(c, n, false);
        else if (tk__jtok_is_name(t, "is"))
            n = parse_test(c, n);
        else if (t->type == TK_JT_LPAREN)
            n = parse_call(c, n);
        else
            break;
    }
    return n;
}

/* ---- literals and names ---- */

static struct tk_jnode *make_const(struct tk_jcompile *c, uint32_t line, struct tk_jval v)
{
    struct tk_jnode *n = make(c, TK_JN_CONST, line, NULL, NULL);
    if (n)
        n->val = v;
    return n;
}

static struct tk_jnode *parse_name(struct tk_jcompile *c, bool with_ns)
{
    struct tk_jtoken *t = tk__jtok_take(c);
    struct tk_str name = tk__jtext(t->val);
    if (tk_str_is(name, "true") || tk_str_is(name, "True"))
        return make_const(c, t->line, tk__jbool(true));
    if (tk_str_is(name, "false") || tk_str_is(name, "False"))
        return make_const(c, t->line, tk__jbool(false));
    if (tk_str_is(name, "none") || tk_str_is(name, "None"))
        return make_const(c, t->line, tk__jnone());
    bool is_ns = with_ns && tk__jtok_skip(c, TK_JT_DOT);
    struct tk_jnode *n = make(c, is_ns ? TK_JN_NSREF : TK_JN_NAME, t->line, NULL, NULL);
    if (!n)
        return NULL;
    n->name = name;
    if (is_ns) {
        struct tk_jtoken *attr = tk__jtok_expect(c, TK_JT_NAME);
        n->attr = c->rc ? name : tk__jtext(attr->val);
    }
    return n;
}

/* Strings side by side are one. */
static struct tk_jnode *parse_string(struct tk_jcompile *c)
{
    struct tk_jtoken *t = tk__jtok_take(c);
    if (tk__jtok(c)->type != TK_JT_STRING)
        return make_const(c, t->line, t->val);
    size_t n = t->val.n;
    for (const struct tk_jtoken *more = t + 1; more->type == TK_JT_STRING; more++)
        n += more->val.n;
    char *z = tk__jcompile_alloc(c, n + 1);
    if (!z)
        return NULL;
    size_t at = t->val.n;
    memcpy(z, t->val.s, at);
    while (tk__jtok(c)->type == TK_JT_STRING) {
        struct tk_jval more = tk__jtok_take(c)->val;
        memcpy(z + at, more.s, more.n);
        at += more.n;
    }
    return make_const(c, t->line, tk__jstr((struct tk_str){ z, n }));
}

static struct tk_jnode *parse_list(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok_take(c)->line;
    struct list l = { 0 };
    while (c->rc == 0 && tk__jtok(c)->type != TK_JT_RBRACKET) {
        if (l.first)
            tk__jtok_expect(c, TK_JT_COMMA);
        if (tk__jtok(c)->type == TK_JT_RBRACKET)
            break;
        add(&l, tk__jparse_expr(c, true));
    }
    tk__jtok_expect(c, TK_JT_RBRACKET);
    return make(c, TK_JN_LIST, line, l.first, NULL);
}

static struct tk_jnode *parse_dict(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok_take(c)->line;
    struct list l = { 0 };
    while (c->rc == 0 && tk__jtok(c)->type != TK_JT_RBRACE) {
        if (l.first)
            tk__jtok_expect(c, TK_JT_COMMA);
        if (tk__jtok(c)->type == TK_JT_RBRACE)
            break;
        struct tk_jnode *key = tk__jparse_expr(c, true);
        tk__jtok_expect(c, TK_JT_COLON);
        struct tk_jnode *value = tk__jparse_expr(c, true);
        add(&l, make(c, TK_JN_PAIR, line, key, value));
    }
    tk__jtok_expect(c, TK_JT_RBRACE);
    return make(c, TK_JN_DICT, line, l.first, NULL);
}

static struct tk_jnode *parse_items(struct tk_jcompile *c, bool simplified, bool with_cond,
                                    const char *end_name, bool in_parens, bool with_ns);

static struct tk_jnode *parse_bracketed(struct tk_jcompile *c, bool with_ns)
{
    struct tk_jtoken *t = tk__jtok(c);
    struct tk_jnode *n = NULL;
    switch (t->type) {
    case TK_JT_LPAREN:
        tk__jtok_take(c);
        n = parse_items(c, false, true, NULL, true, false);
        tk__jtok_expect(c, TK_JT_RPAREN);
        return n;
    case TK_JT_LBRACKET:
        return parse_list(c);
    case TK_JT_LBRACE:
        return parse_dict(c);
    case TK_JT_NAME:
        return parse_name(c, with_ns);
    case TK_JT_STRING:
        return parse_string(c);
    case TK_JT_NUMBER:
    case TK_JT_FLOAT:
        tk__jtok_take(c);
        return make_const(c, t->line, t->val);
    default:
        tk__jcompile_fail(c, TK_E_FORMAT, t->line, "unexpected '%s'", tk__jtok_describe(t->type));
        return NULL;
    }
}

static struct tk_jnode *parse_primary(struct tk_jcompile *c, bool with_ns)
{
    struct tk_jnode *n = NULL;
    if (tk__jenter(c))
        n = parse_bracketed(c, with_ns);
    tk__jleave(c);
    return n;
}

/* ---- tuples and targets ---- */

static bool is_tuple_end(struct tk_jcompile *c, const char *end_name)
{
    const struct tk_jtoken *t = tk__jtok(c);
    return t->type == TK_JT_VAR_END || t->type == TK_JT_BLOCK_END || t->type == TK_JT_RPAREN ||
           (end_name && tk__jtok_is_name(t, end_name));
}

static struct tk_jnode *parse_items(struct tk_jcompile *c, bool simplified, bool with_cond,
                                    const char *end_name, bool in_parens, bool with_ns)
{
    uint32_t line = tk__jtok(c)->line;
    struct list l = { 0 };
    bool is_tuple = false;
    while (c->rc == 0) {
        if (l.first)
            tk__jtok_expect(c, TK_JT_COMMA);
        if (is_tuple_end(c, end_name))
            break;
        add(&l, simplified ? parse_primary(c, with_ns) : tk__jparse_expr(c, with_cond));
        if (tk__jtok(c)->type != TK_JT_COMMA)
            break;
        is_tuple = true;
    }
    if (!is_tuple && l.first)
        return l.first;
    if (!is_tuple && !in_parens)
        tk__jcompile_fail(c, TK_E_FORMAT, line, "expected an expression, got '%s'",
                          tk__jtok_describe(tk__jtok(c)->type));
    return make(c, TK_JN_TUPLE, line, l.first, NULL);
}

struct tk_jnode *tk__jparse_tuple(struct tk_jcompile *c, bool with_cond, const char *end_name)
{
    return parse_items(c, false, with_cond, end_name, false, false);
}

static void set_context(struct tk_jcompile *c, struct tk_jnode *n, enum tk_jctx ctx)
{
    if (!n || c->rc)
        return;
    if (n->kind == TK_JN_NAME) {
        n->op = (uint8_t)ctx;
    } else if (n->kind == TK_JN_TUPLE) {
        for (struct tk_jnode *i = n->a; i; i = i->next)
            set_context(c, i, ctx);
    } else if (n->kind != TK_JN_NSREF) {
        tk__jcompile_fail(c, TK_E_FORMAT, n->line, "can't assign to this");
    }
}

struct tk_jnode *tk__jparse_target(struct tk_jcompile *c, const char *end_name, bool with_ns,
                                   enum tk_jctx ctx)
{
    struct tk_jnode *n = parse_items(c, true, true, end_name, false, with_ns);
    set_context(c, n, ctx);
    return n;
}

struct tk_jnode *tk__jparse_name_target(struct tk_jcompile *c, enum tk_jctx ctx)
{
    static const char *const reserved[] = { "true", "false", "none", "True", "False", "None" };
    struct tk_jtoken *t = tk__jtok_expect(c, TK_JT_NAME);
    struct tk_jnode *n = make(c, TK_JN_NAME, t->line, NULL, NULL);
    if (!n || c->rc)
        return NULL;
    n->name = tk__jtext(t->val);
    n->op = (uint8_t)ctx;
    for (unsigned i = 0; i < TK_ARRAY_LEN(reserved); i++) {
        if (tk_str_is(n->name, reserved[i]))
            tk__jcompile_fail(c, TK_E_FORMAT, t->line, "can't assign to '%s'", reserved[i]);
    }
    return n;
}

/* ---- operators ---- */

static struct tk_jnode *parse_unary(struct tk_jcompile *c, bool with_filter)
{
    struct tk_jtoken *t = tk__jtok(c);
    struct tk_jnode *n = NULL;
    if (t->type == TK_JT_SUB || t->type == TK_JT_ADD) {
        tk__jtok_take(c);
        if (tk__jenter(c))
            n = make(c, t->type == TK_JT_SUB ? TK_JN_NEG : TK_JN_POS, t->line,
                     parse_unary(c, false), NULL);
        tk__jleave(c);
    } else {
        n = parse_primary(c, false);
    }
    n = parse_postfix(c, n);
    return with_filter ? parse_filter_expr(c, n) : n;
}

static struct tk_jnode *parse_pow(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct tk_jnode *left = parse_unary(c, true);
    while (c->rc == 0 && tk__jtok_skip(c, TK_JT_POW)) {
        left = make(c, TK_JN_BINOP, line, left, parse_unary(c, true));
        if (left)
            left->op = TK_JT_POW;
    }
    return left;
}

static struct tk_jnode *parse_product(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct tk_jnode *left = parse_pow(c);
    while (c->rc == 0) {
        enum tk_jtok op = tk__jtok(c)->type;
        if (op != TK_JT_MUL && op != TK_JT_DIV && op != TK_JT_FLOORDIV && op != TK_JT_MOD)
            break;
        tk__jtok_take(c);
        left = make(c, TK_JN_BINOP, line, left, parse_pow(c));
        if (left)
            left->op = (uint8_t)op;
    }
    return left;
}

static struct tk_jnode *parse_concat(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct list l = { 0 };
    add(&l, parse_product(c));
    while (c->rc == 0 && tk__jtok_skip(c, TK_JT_TILDE))
        add(&l, parse_product(c));
    return l.first && l.first->next ? make(c, TK_JN_CONCAT, line, l.first, NULL) : l.first;
}

static struct tk_jnode *parse_sum(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct tk_jnode *left = parse_concat(c);
    while (c->rc == 0) {
        enum tk_jtok op = tk__jtok(c)->type;
        if (op != TK_JT_ADD && op != TK_JT_SUB)
            break;
        tk__jtok_take(c);
        left = make(c, TK_JN_BINOP, line, left, parse_concat(c));
        if (left)
            left->op = (uint8_t)op;
    }
    return left;
}

/* The operator of a comparison at the current token, taken; TK_JT_EOF when there is none. */
static enum tk_jtok take_comparison(struct tk_jcompile *c)
{
    const struct tk_jtoken *t = tk__jtok(c);
    enum tk_jtok type = t->type;
    if (type >= TK_JT_EQ && type <= TK_JT_LE) {
        tk__jtok_take(c);
        return type;
    }
    if (tk__jtok_skip_name(c, "in"))
        return TK_JT_IN;
    if (tk__jtok_is_name(t, "not") && tk__jtok_is_name(t + 1, "in")) {
        tk__jtok_take(c);
        tk__jtok_take(c);
        return TK_JT_NOT_IN;
    }
    return TK_JT_EOF;
}

static struct tk_jnode *parse_comparison(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct tk_jnode *first = parse_sum(c);
    struct list ops = { 0 };
    while (c->rc == 0) {
        enum tk_jtok op = take_comparison(c);
        if (op == TK_JT_EOF)
            break;
        struct tk_jnode *n = make(c, TK_JN_OPERAND, line, parse_sum(c), NULL);
        if (n)
            n->op = (uint8_t)op;
        add(&ops, n);
    }
    return ops.first ? make(c, TK_JN_COMPARE, line, first, ops.first) : first;
}

static struct tk_jnode *parse_not(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct tk_jnode *n = NULL;
    if (!tk__jtok_skip_name(c, "not"))
        return parse_comparison(c);
    if (tk__jenter(c))
        n = make(c, TK_JN_NOT, line, parse_not(c), NULL);
    tk__jleave(c);
    return n;
}

static struct tk_jnode *parse_and(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct tk_jnode *left = parse_not(c);
    while (c->rc == 0 && tk__jtok_skip_name(c, "and"))
        left = make(c, TK_JN_AND, line, left, parse_not(c));
    return left;
}

static struct tk_jnode *parse_or(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct tk_jnode *left = parse_and(c);
    while (c->rc == 0 && tk__jtok_skip_name(c, "or"))
        left = make(c, TK_JN_OR, line, left, parse_and(c));
    return left;
}

static struct tk_jnode *parse_conditional(struct tk_jcompile *c)
{
    uint32_t line = tk__jtok(c)->line;
    struct tk_jnode *n = parse_or(c);
    while (c->rc == 0 && tk__jtok_skip_name(c, "if")) {
        struct tk_jnode *cond = tk__jnode(c, TK_JN_COND, line);
        if (!cond)
            return NULL;
        cond->b = n;
        cond->a = parse_or(c);
        if (tk__jtok_skip_name(c, "else")) {
            if (tk__jenter(c))
                cond->c = parse_conditional(c);
            tk__jleave(c);
        }
        n = grown(c, cond);
    }
    return n;
}

struct tk_jnode *tk__jparse_expr(struct tk_jcompile *c, bool with_cond)
{
    struct tk_jnode *n = NULL;
    if (tk__jenter(c))
        n = with_cond ? parse_conditional(c) : parse_or(c);
    tk__jleave(c);
    return n;
}
