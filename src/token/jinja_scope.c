/* jinja_scope.c - which variable a name means: jinja2's idtracking, ahead of the rendering
 *
 * jinja2 compiles a template to Python functions. A frame (template, loop body, with, macro …) has
 * symbols; each symbol is a local variable of the function around it, and says what it is when the
 * frame is entered: a parameter, a copy of an outer variable (because the frame assigns to it), a
 * look-up in the context, or nothing yet. Whether an assignment is seen outside, after an `if`, or
 * in a macro follows from that alone, oddities included, so the same analysis is done here:
 *
 *   analyze_*   what a frame's own statements load and store; stops at inner frames
 *   resolve_*   with the frame's symbols final: names get slots, inner frames are made
 *
 * What jinja2 finds while generating code is found here too: unknown filters and tests (an error,
 * except below an `if`, where only reaching one is), assignments to `loop`, a stray break.
 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "token/jinja.h"

struct pass {
    struct tk_jcompile *c;
    struct tk_jinja *t;
};

/* What surrounds the statements being resolved. */
struct where {
    struct tk_jscope *scope;
    bool is_soft;     /* below an if: unknown filters fail when reached */
    bool in_loop;     /* break and continue are allowed */
    bool is_toplevel; /* assignments are exported */
};

/* ---- symbols ---- */

static struct tk_jscope *new_scope(struct pass *p, struct tk_jscope *parent, struct tk_jfunc *func)
{
    struct tk_jscope *s = tk__jcompile_alloc(p->c, sizeof(*s));
    if (s) {
        s->parent = parent;
        s->func = func;
    }
    return s;
}

static struct tk_jfunc *new_func(struct pass *p, struct tk_jfunc *up)
{
    struct tk_jfunc *f = tk__jcompile_alloc(p->c, sizeof(*f));
    if (f) {
        f->up = up;
        f->depth = up ? up->depth + 1 : 0;
    }
    return f;
}

static struct tk_jsym *find(struct tk_jsym *syms, uint32_t n, struct tk_str name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (tk_str_eq(syms[i].name, name))
            return &syms[i];
    }
    return NULL;
}

static struct tk_jsym *grow(struct pass *p, struct tk_jsym **syms, uint32_t n, uint32_t *cap)
{
    if (n == *cap) {
        uint32_t more = *cap ? *cap * 2 : 8;
        struct tk_jsym *s = n < TK_J_MAX_NAMES ? tk_arena_alloc(p->c->tmp, more * sizeof(*s))
                                               : NULL;
        if (!s) {
            tk__jcompile_fail(p->c, TK_E_LIMIT, 0, "more than %d names in a block", TK_J_MAX_NAMES);
            return NULL;
        }
        if (n)
            memcpy(s, *syms, n * sizeof(*s));
        *syms = s;
        *cap = more;
    }
    return &(*syms)[n];
}

/* The slot of `name` in the scope, the same in all branches. */
static uint32_t ident(struct pass *p, struct tk_jscope *s, struct tk_str name)
{
    struct tk_jsym *id = find(s->idents, s->n_idents, name);
    if (id)
        return id->slot;
    id = grow(p, &s->idents, s->n_idents, &s->cap_idents);
    if (!id)
        return 0;
    s->n_idents++;
    id->name = name;
    id->slot = s->func->n_slots++;
    return id->slot;
}

/* The symbol `name` of scope `s` itself, made when it is not there. */
static struct tk_jsym *define(struct pass *p, struct tk_jscope *s, struct tk_str name,
                              enum tk_jload load)
{
    struct tk_jsym *sym = find(s->syms, s->n, name);
    if (!sym) {
        uint32_t slot = ident(p, s, name);
        sym = grow(p, &s->syms, s->n, &s->cap);
        if (!sym)
            return NULL;
        s->n++;
        *sym = (struct tk_jsym){ .name = name, .slot = slot };
    }
    sym->load = (uint8_t)load;
    return sym;
}

/* Is `name` known to `s` or around it? *ret says where, seen from the function `from`. */
static bool find_ref(struct tk_jscope *s, struct tk_str name, const struct tk_jfunc *from,
                     struct tk_jref *ret)
{
    for (; s; s = s->parent) {
        const struct tk_jsym *sym = find(s->syms, s->n, name);
        if (sym) {
            *ret = (struct tk_jref){ from->depth - s->func->depth, sym->slot };
            return true;
        }
    }
    return false;
}

static void declare_param(struct pass *p, struct tk_jscope *s, struct tk_str name)
{
    struct tk_jsym *sym = define(p, s, name, TK_JL_PARAM);
    if (sym)
        sym->stored = true;
}

static void load(struct pass *p, struct tk_jscope *s, struct tk_str name)
{
    struct tk_jref ref;
    if (!find_ref(s, name, s->func, &ref))
        define(p, s, name, TK_JL_RESOLVE);
}

static void set_alias(struct tk_jscope *s, struct tk_jsym *sym, enum tk_jload otherwise)
{
    bool has_outer = find_ref(s->parent, sym->name, s->func, &sym->alias);
    sym->load = (uint8_t)(has_outer ? TK_JL_ALIAS : otherwise);
}

static void store(struct pass *p, struct tk_jscope *s, struct tk_str name)
{
    struct tk_jsym *sym = find(s->syms, s->n, name);
    if (!sym) {
        sym = define(p, s, name, TK_JL_UNDEF);
        if (!sym)
            return;
        set_alias(s, sym, TK_JL_UNDEF);
    }
    sym->stored = true;
}

/* The scope's symbols are final: keep them as long as the template. */
static void seal(struct pass *p, struct tk_jscope *s)
{
    struct tk_jsym *syms = tk__jcompile_alloc(p->c, s->n * sizeof(*syms) + 1);
    if (syms && s->n)
        memcpy(syms, s->syms, s->n * sizeof(*syms));
    if (!syms)
        s->n = 0;
    s->syms = syms;
    s->cap = s->n;
    s->idents = NULL;
    s->n_idents = s->cap_idents = 0;
}

/* ---- what a frame loads and stores ---- */

static void analyze_list(struct pass *p, struct tk_jscope *s, const struct tk_jnode *n);

static void analyze_expr(struct pass *p, struct tk_jscope *s, const struct tk_jnode *n,
                         bool as_param)
{
    for (; n && p->c->rc == 0; n = n->next) {
        if (n->kind == TK_JN_NSREF || (n->kind == TK_JN_NAME && n->op == TK_J_LOAD && !as_param))
            load(p, s, n->name);
        else if (n->kind == TK_JN_NAME && (as_param || n->op == TK_J_PARAM))
            declare_param(p, s, n->name);
        else if (n->kind == TK_JN_NAME)
            store(p, s, n->name);
        analyze_expr(p, s, n->a, as_param);
        analyze_expr(p, s, n->b, as_param);
        analyze_expr(p, s, n->c, as_param);
        analyze_expr(p, s, n->args, as_param);
        analyze_expr(p, s, n->kwargs, as_param);
        analyze_expr(p, s, n->dyn_args, as_param);
        analyze_expr(p, s, n->dyn_kwargs, as_param);
    }
}

/* The symbols of a branch, begun as a copy of what was there before the `if`. */
struct branch {
    struct tk_jsym *syms;
    uint32_t n, cap;
};

static bool branch_begin(struct pass *p, struct tk_jscope *s, const struct branch *before)
{
    struct tk_jsym *copy = NULL;
    if (before->n) {
        copy = tk_arena_alloc(p->c->tmp, before->n * sizeof(*copy));
        if (!copy) {
            tk__jcompile_fail(p->c, -ENOMEM, 0, "out of memory");
            return false;
        }
        memcpy(copy, before->syms, before->n * sizeof(*copy));
    }
    s->syms = copy;
    s->n = s->cap = before->n;
    return true;
}

static struct branch branch_end(struct tk_jscope *s)
{
    return (struct branch){ s->syms, s->n, s->cap };
}

/* Names stored in a branch but not before: outside of it they are what they were outside. */
static void branch_update(struct pass *p, struct tk_jscope *s, const struct branch *before,
                          const struct branch *branches, unsigned n_branches)
{
    for (unsigned b = 0; b < n_branches; b++) {
        for (uint32_t i = 0; i < branches[b].n && p->c->rc == 0; i++) {
            const struct tk_jsym *sym = &branches[b].syms[i];
            struct tk_jsym *mine = find(s->syms, s->n, sym->name);
            bool was_stored = mine && mine->stored;
            mine = define(p, s, sym->name, sym->load);
            if (!mine)
                return;
            mine->alias = sym->alias;
            mine->stored = was_stored || sym->stored;
        }
    }
    for (uint32_t i = 0; i < s->n; i++) {
        struct tk_jsym *sym = &s->syms[i];
        const struct tk_jsym *old = find(before->syms, before->n, sym->name);
        if (sym->stored && !(old && old->stored))
            set_alias(s, sym, TK_JL_RESOLVE);
    }
}

static void analyze_if(struct pass *p, struct tk_jscope *s, const struct tk_jnode *n)
{
    analyze_expr(p, s, n->a, false);
    struct branch before = branch_end(s); /* not changed any more: each branch has a copy */
    struct branch branches[3];
    const struct tk_jnode *const bodies[3] = { n->body, n->args, n->els };

    for (unsigned b = 0; b < 3; b++) {
        if (!branch_begin(p, s, &before))
            return;
        analyze_list(p, s, bodies[b]);
        branches[b] = branch_end(s);
    }
    if (branch_begin(p, s, &before))
        branch_update(p, s, &before, branches, 3);
}

static void analyze_statement(struct pass *p, struct tk_jscope *s, const struct tk_jnode *n)
{
    switch (n->kind) {
    case TK_JN_OUTPUT:
    case TK_JN_CALLBLOCK:
    case TK_JN_FILTERBLOCK:
        analyze_expr(p, s, n->a, false);
        break;
    case TK_JN_FOR:
    case TK_JN_WITH:
        analyze_expr(p, s, n->b, false);
        break;
    case TK_JN_IF:
        analyze_if(p, s, n);
        break;
    case TK_JN_ASSIGN:
        analyze_expr(p, s, n->b, false);
        analyze_expr(p, s, n->a, false);
        break;
    case TK_JN_CAPTURE:
        analyze_expr(p, s, n->a, false);
        break;
    case TK_JN_MACRO:
        store(p, s, n->name);
        break;
    default: /* those that stop at once, and those without names */
        break;
    }
}

static void analyze_list(struct pass *p, struct tk_jscope *s, const struct tk_jnode *n)
{
    for (; n && p->c->rc == 0; n = n->next)
        analyze_statement(p, s, n);
}

/* ---- questions about a whole subtree, inner frames included ---- */

#define MAX_ASKED 3

struct question {
    const char *names[MAX_ASKED]; /* NULL: not asked any more */
    bool found[MAX_ASKED];        /* loaded before anything else was done to it */
    const char *stored;           /* is there a store of this name anywhere? */
    bool has_store;
};

static void ask_name(struct question *q, const struct tk_jnode *n)
{
    for (unsigned i = 0; i < MAX_ASKED; i++) {
        if (!q->names[i] || !tk_str_is(n->name, q->names[i]))
            continue;
        if (n->op == TK_J_LOAD)
            q->found[i] = true;
        else
            q->names[i] = NULL;
    }
    if (q->stored && n->op == TK_J_STORE && tk_str_is(n->name, q->stored))
        q->has_store = true;
}

/* Walks in the order of jinja2's nodes. */
static void ask(struct question *q, const struct tk_jnode *n)
{
    for (; n; n = n->next) {
        switch (n->kind) {
        case TK_JN_NAME:
            ask_name(q, n);
            break;
        case TK_JN_FOR:
            ask(q, n->a);
            ask(q, n->b);
            ask(q, n->body);
            ask(q, n->els);
            ask(q, n->c);
            break;
        case TK_JN_IF:
            ask(q, n->a);
            ask(q, n->body);
            ask(q, n->args);
            ask(q, n->els);
            break;
        case TK_JN_FILTERBLOCK:
            ask(q, n->body);
            ask(q, n->a);
            break;
        case TK_JN_MACRO:
        case TK_JN_WITH:
        case TK_JN_CALLBLOCK:
            ask(q, n->a);
            ask(q, n->args);
            ask(q, n->b);
            ask(q, n->body);
            break;
        default:
            ask(q, n->a);
            ask(q, n->b);
            ask(q, n->c);
            ask(q, n->args);
            ask(q, n->kwargs);
            ask(q, n->dyn_args);
            ask(q, n->dyn_kwargs);
            ask(q, n->body);
            break;
        case TK_JN_BLOCK:
            break;
        }
    }
}

/* ---- slots ---- */

static void resolve_list(struct pass *p, struct where w, struct tk_jnode *n);

static void resolve_name(struct pass *p, struct where w, struct tk_jnode *n)
{
    if (!find_ref(w.scope, n->name, w.scope->func, &n->ref))
        tk__jcompile_fail(p->c, TK_E_FORMAT, n->line, "the name '%.*s' is not known here",
                          TK_STR_ARG(n->name));
}

static void resolve_call(struct pass *p, struct where w, struct tk_jnode *n)
{
    if (n->kind == TK_JN_CALL)
        return;
    bool is_filter = n->kind == TK_JN_FILTER;
    n->fn = is_filter ? tk__jfilter(n->name) : tk__jtest(n->name);
    if (!n->fn && !w.is_soft)
        tk__jcompile_fail(p->c, TK_E_FORMAT, n->line, "no %s named '%.*s'",
                          is_filter ? "filter" : "test", TK_STR_ARG(n->name));
}

static void resolve_expr(struct pass *p, struct where w, struct tk_jnode *n)
{
    for (; n && p->c->rc == 0; n = n->next) {
        struct where in = w;
        switch (n->kind) {
        case TK_JN_NAME:
        case TK_JN_NSREF:
            resolve_name(p, w, n);
            break;
        case TK_JN_COND:
            in.is_soft = true;
            break;
        case TK_JN_FILTER:
        case TK_JN_TEST:
            resolve_call(p, w, n);
            break;
        default:
            break;
        }
        resolve_expr(p, in, n->a);
        resolve_expr(p, in, n->b);
        resolve_expr(p, in, n->c);
        resolve_expr(p, in, n->args);
        resolve_expr(p, in, n->kwargs);
        resolve_expr(p, in, n->dyn_args);
        resolve_expr(p, in, n->dyn_kwargs);
    }
}

static struct where inside(struct where w, struct tk_jscope *scope)
{
    return (struct where){ .scope = scope, .in_loop = w.in_loop };
}

/* A copy of a target, so that it can have other slots. */
static struct tk_jnode *copy_target(struct pass *p, const struct tk_jnode *n)
{
    struct tk_jnode *first = NULL, **last = &first;
    for (; n; n = n->next) {
        struct tk_jnode *copy = tk__jcompile_alloc(p->c, sizeof(*copy));
        if (!copy)
            return NULL;
        *copy = *n;
        copy->next = NULL;
        copy->a = copy_target(p, n->a);
        *last = copy;
        last = &copy->next;
    }
    return first;
}

/* The frame in which the loop's own `if` is evaluated. */
static void resolve_for_test(struct pass *p, struct where w, struct tk_jnode *n,
                             struct tk_jfunc *func)
{
    struct tk_jscope *scope = new_scope(p, w.scope, func);
    struct tk_jnode *target = copy_target(p, n->a);
    if (!scope || !target)
        return;
    analyze_expr(p, scope, target, true);
    analyze_expr(p, scope, n->c, false);
    seal(p, scope);
    struct where in = inside(w, scope);
    resolve_expr(p, in, target);
    resolve_expr(p, in, n->c);
    n->test_scope = scope;
    n->test_target = target;
}

static void resolve_for(struct pass *p, struct where w, struct tk_jnode *n)
{
    struct question q = { .names = { "loop" } };
    struct question assigned = { .stored = "loop" };
    struct tk_jfunc *func = w.scope->func;
    ask(&q, n->body);
    if (q.found[0] || n->flags & TK_JN_RECURSIVE)
        n->flags |= TK_JN_EXTENDED;
    ask(&assigned, n->a);
    ask(&assigned, n->body);
    ask(&assigned, n->els);
    if (assigned.has_store)
        tk__jcompile_fail(p->c, TK_E_FORMAT, n->line,
                          "can't assign to special loop variable in for-loop target");
    resolve_expr(p, w, n->b);
    if (n->flags & TK_JN_RECURSIVE)
        func = n->func = new_func(p, func);
    if (!func)
        return;
    if (n->c)
        resolve_for_test(p, w, n, func);

    struct tk_jscope *scope = new_scope(p, w.scope, func);
    struct tk_jscope *els = new_scope(p, w.scope, func);
    if (!scope || !els)
        return;
    if (n->flags & TK_JN_EXTENDED) {
        declare_param(p, scope, TK_STR("loop"));
        find_ref(scope, TK_STR("loop"), func, &n->loop);
    }
    analyze_expr(p, scope, n->a, true);
    analyze_list(p, scope, n->body);
    analyze_list(p, els, n->els);
    seal(p, scope);
    seal(p, els);
    struct where in = inside(w, scope);
    resolve_expr(p, in, n->a);
    in.in_loop = true;
    resolve_list(p, in, n->body);
    in = inside(w, els);
    in.in_loop = w.in_loop && !(n->flags & TK_JN_RECURSIVE);
    resolve_list(p, in, n->els);
    n->scope = scope;
    n->els_scope = els;
}

/* Macro, call block, generation block: a function. */
static void resolve_function(struct pass *p, struct where w, struct tk_jnode *n)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } special[] = {
        { "caller", TK_JN_CALLER },
        { "kwargs", TK_JN_KWARGS },
        { "varargs", TK_JN_VARARGS },
    };
    struct question q = { .names = { "caller", "kwargs", "varargs" } };
    struct tk_jfunc *func = new_func(p, w.scope->func);
    struct tk_jscope *scope = func ? new_scope(p, w.scope, func) : NULL;
    if (!scope)
        return;
    analyze_expr(p, scope, n->args, false);
    analyze_expr(p, scope, n->b, false);
    analyze_list(p, scope, n->body);
    ask(&q, n->body);
    uint32_t n_args = 0, n_defaults = 0;
    for (const struct tk_jnode *d = n->b; d; d = d->next)
        n_defaults++;
    for (const struct tk_jnode *a = n->args; a; a = a->next)
        n_args++;
    for (unsigned i = 0; i < TK_ARRAY_LEN(special); i++) {
        uint32_t at = 0;
        const struct tk_jnode *a = n->args;
        while (a && !tk_str_is(a->name, special[i].name)) {
            a = a->next;
            at++;
        }
        if (!q.found[i])
            continue;
        if (!a) {
            declare_param(p, scope, tk_str_of(special[i].name));
            find_ref(scope, tk_str_of(special[i].name), func, &n->special[i]);
            n->flags |= special[i].flag;
        } else if (i == 0 && at < n_args - n_defaults) {
            tk__jcompile_fail(p->c, TK_E_FORMAT, n->line,
                              "the special 'caller' argument must be omitted or have a default");
        }
    }
    seal(p, scope);
    struct where in = { .scope = scope };
    resolve_expr(p, in, n->args);
    resolve_expr(p, in, n->b);
    resolve_list(p, in, n->body);
    n->scope = scope;
    n->func = func;
}

/* with, set block, filter block, autoescape: a frame in the same function. */
static void resolve_inner(struct pass *p, struct where w, struct tk_jnode *n)
{
    struct tk_jscope *scope = new_scope(p, w.scope, w.scope->func);
    if (!scope)
        return;
    struct where in = inside(w, scope);
    struct tk_jnode *filter = n->kind == TK_JN_CAPTURE       ? n->b
                              : n->kind == TK_JN_FILTERBLOCK ? n->a
                                                             : NULL;
    if (n->kind == TK_JN_WITH)
        analyze_expr(p, scope, n->args, true);
    analyze_list(p, scope, n->body);
    analyze_expr(p, scope, filter, false);
    seal(p, scope);
    if (n->kind == TK_JN_WITH) {
        resolve_expr(p, w, n->b);
        resolve_expr(p, in, n->args);
    } else if (n->kind == TK_JN_CAPTURE) {
        resolve_expr(p, w, n->a);
    }
    resolve_expr(p, in, filter);
    resolve_list(p, in, n->body);
    n->scope = scope;
}

/* A block is a function that sees the context alone. */
static void resolve_block(struct pass *p, struct tk_jnode *n)
{
    struct tk_jfunc *func = new_func(p, NULL);
    struct tk_jscope *scope = func ? new_scope(p, NULL, func) : NULL;
    if (!scope)
        return;
    p->t->has_blocks = true;
    analyze_list(p, scope, n->body);
    seal(p, scope);
    resolve_list(p, (struct where){ .scope = scope }, n->body);
    n->scope = scope;
    n->func = func;
}

static void resolve_if(struct pass *p, struct where w, struct tk_jnode *n)
{
    w.is_soft = true;
    resolve_expr(p, w, n->a);
    resolve_list(p, w, n->body);
    resolve_list(p, w, n->args);
    resolve_list(p, w, n->els);
}

static void resolve_statement(struct pass *p, struct where w, struct tk_jnode *n)
{
    switch (n->kind) {
    case TK_JN_OUTPUT:
        resolve_expr(p, w, n->a);
        break;
    case TK_JN_FOR:
        resolve_for(p, w, n);
        break;
    case TK_JN_IF:
        resolve_if(p, w, n);
        break;
    case TK_JN_ASSIGN:
        n->flags |= w.is_toplevel ? TK_JN_EXPORT : 0;
        resolve_expr(p, w, n->b);
        resolve_expr(p, w, n->a);
        break;
    case TK_JN_MACRO:
        n->flags |= w.is_toplevel ? TK_JN_EXPORT : 0;
        resolve_name(p, w, n);
        resolve_function(p, w, n);
        break;
    case TK_JN_CALLBLOCK:
        resolve_expr(p, w, n->a);
        resolve_function(p, w, n);
        break;
    case TK_JN_GENERATION:
        resolve_function(p, w, n);
        break;
    case TK_JN_CAPTURE:
        n->flags |= w.is_toplevel ? TK_JN_EXPORT : 0;
        resolve_inner(p, w, n);
        break;
    case TK_JN_WITH:
    case TK_JN_FILTERBLOCK:
    case TK_JN_SCOPE:
        resolve_inner(p, w, n);
        break;
    case TK_JN_BLOCK:
        resolve_block(p, n);
        break;
    case TK_JN_BREAK:
    case TK_JN_CONTINUE:
        if (!w.in_loop)
            tk__jcompile_fail(p->c, TK_E_FORMAT, n->line, "break or continue outside of a loop");
        break;
    default:
        break;
    }
}

static void resolve_list(struct pass *p, struct where w, struct tk_jnode *n)
{
    for (; n && p->c->rc == 0; n = n->next)
        resolve_statement(p, w, n);
}

int tk__jscope(struct tk_jcompile *c, struct tk_jinja *t)
{
    struct pass p = { .c = c, .t = t };
    t->func = new_func(&p, NULL);
    t->scope = t->func ? new_scope(&p, NULL, t->func) : NULL;
    if (!t->scope)
        return c->rc;
    analyze_list(&p, t->scope, t->body);
    seal(&p, t->scope);
    resolve_list(&p, (struct where){ .scope = t->scope, .is_toplevel = true }, t->body);
    return c->rc;
}
