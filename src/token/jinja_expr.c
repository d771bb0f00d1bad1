/* jinja_expr.c - evaluating the tree of an expression */
#include <string.h>

#include "base/str.h"
#include "token/jinja.h"

/* ---- names and literals ---- */

static struct tk_jval eval_name(struct tk_jrender *r, const struct tk_jnode *n)
{
    const struct tk_jact *act = r->act;
    for (uint32_t i = n->ref.hops; i > 0; i--)
        act = act->up;
    struct tk_jval v = act->slots[n->ref.slot];
    return v.type == TK_J_MISSING ? tk__jundef(TK_J_UNDEF_NAME, n->name) : v;
}

static struct tk_jval eval_items(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jvec vec = { 0 };
    for (const struct tk_jnode *i = n->a; i && r->rc == 0; i = i->next)
        tk__jvec_add(r, &vec, tk__jeval(r, i));
    return n->kind == TK_JN_LIST ? tk__jlist(vec.v, vec.n) : tk__jtuple(vec.v, vec.n);
}

static struct tk_jval eval_dict(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jdict *d = tk__jdict_new(r, 0);
    for (const struct tk_jnode *i = n->a; i && r->rc == 0; i = i->next) {
        struct tk_jval key = tk__jeval(r, i->a);
        struct tk_jval val = tk__jeval(r, i->b);
        if (r->rc == 0)
            tk__jdict_set(r, d, key, val);
    }
    return d ? tk__jdict(d) : TK_J_VAL(TK_J_UNDEF);
}

/* ---- operators ---- */

static struct tk_jval eval_sign(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval v = tk__jeval(r, n->a);
    bool is_neg = n->kind == TK_JN_NEG;
    if (r->rc || tk__jfail_if_undef(r, v))
        return v;
    if (v.type == TK_J_FLOAT)
        return tk__jfloat(is_neg ? -v.f : v.f);
    if (v.type == TK_J_BIG && !is_neg)
        return v;
    if (tk__jis_int(v))
        return is_neg ? tk__jbinop(r, TK_JT_SUB, tk__jint(0), tk__jint(v.i)) : tk__jint(v.i);
    if (v.type == TK_J_BIG && v.s[0] != '-') {
        char *p = tk__jalloc(r, (size_t)v.n + 2);
        if (!p)
            return v;
        p[0] = '-';
        memcpy(p + 1, v.s, v.n);
        v.s = p;
        v.n++;
        return v;
    }
    return tk__jfail(r, TK_E_FORMAT, "bad operand type for unary %c: '%s'", is_neg ? '-' : '+',
                     tk__jtype_name(v));
}

static bool compare(struct tk_jrender *r, enum tk_jtok op, struct tk_jval a, struct tk_jval b)
{
    int order;
    switch (op) {
    case TK_JT_EQ:
        return tk__jequal(r, a, b);
    case TK_JT_NE:
        return !tk__jequal(r, a, b);
    case TK_JT_IN:
        return tk__jcontains(r, b, a);
    case TK_JT_NOT_IN:
        return !tk__jcontains(r, b, a);
    default:
        order = tk__jorder(r, a, b, tk__jtok_describe(op));
    }
    switch (op) {
    case TK_JT_LT:
        return order == -1;
    case TK_JT_LE:
        return order == -1 || order == 0;
    case TK_JT_GT:
        return order == 1;
    default:
        return order == 1 || order == 0;
    }
}

static struct tk_jval eval_compare(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval left = tk__jeval(r, n->a);
    for (const struct tk_jnode *op = n->b; op && r->rc == 0; op = op->next) {
        struct tk_jval right = tk__jeval(r, op->a);
        if (r->rc || !compare(r, op->op, left, right))
            return tk__jbool(false);
        left = right;
    }
    return tk__jbool(true);
}

static struct tk_jval eval_concat(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_buf b = TK_BUF_INIT(r->max_bytes);
    for (const struct tk_jnode *i = n->a; i && r->rc == 0; i = i->next) {
        struct tk_jval v = tk__jeval(r, i);
        if (r->rc == 0)
            tk__jstr_of(r, &b, v);
    }
    return tk__jstr_take(r, &b);
}

static struct tk_jval eval_logic(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval v = tk__jeval(r, n->a);
    if (r->rc || tk__jtruth(r, v) == (n->kind == TK_JN_OR))
        return v;
    return tk__jeval(r, n->b);
}

static struct tk_jval eval_cond(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval test = tk__jeval(r, n->a);
    if (r->rc)
        return test;
    if (tk__jtruth(r, test))
        return tk__jeval(r, n->b);
    if (n->c)
        return tk__jeval(r, n->c);
    return tk__jhint("the inline if-expression evaluated to false and no else section was defined");
}

static struct tk_jval eval_binop(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval a = tk__jeval(r, n->a);
    struct tk_jval b = r->rc ? a : tk__jeval(r, n->b);
    return r->rc ? b : tk__jbinop(r, n->op, a, b);
}

static struct tk_jval eval_part(struct tk_jrender *r, const struct tk_jnode *n)
{
    return n && r->rc == 0 ? tk__jeval(r, n) : TK_J_VAL(TK_J_MISSING);
}

static struct tk_jval eval_getitem(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval v = tk__jeval(r, n->a);
    if (r->rc)
        return v;
    if (n->b->kind == TK_JN_SLICE) {
        struct tk_jval start = eval_part(r, n->b->a);
        struct tk_jval stop = eval_part(r, n->b->b);
        struct tk_jval step = eval_part(r, n->b->c);
        return r->rc ? v : tk__jslice(r, v, start, stop, step);
    }
    struct tk_jval key = tk__jeval(r, n->b);
    return r->rc ? v : tk__jgetitem(r, v, key);
}

/* ---- arguments and calls ---- */

static void add_dyn_args(struct tk_jrender *r, const struct tk_jnode *n, struct tk_jvec *vec)
{
    struct tk_jiter it;
    struct tk_jval v = tk__jeval(r, n);
    if (r->rc || !tk__jiter_init(r, &it, v))
        return;
    while (r->rc == 0 && tk__jiter_next(r, &it, &v))
        tk__jvec_add(r, vec, v);
}

static bool add_keyword(struct tk_jrender *r, struct tk_jargs *ret, struct tk_jkw *kw,
                        struct tk_str name, struct tk_jval v)
{
    for (uint32_t i = 0; i < ret->n_kw; i++) {
        if (tk_str_eq(kw[i].name, name))
            tk__jfail(r, TK_E_FORMAT, "got multiple values for keyword argument '%.*s'",
                      TK_STR_ARG(name));
    }
    kw[ret->n_kw++] = (struct tk_jkw){ name, v };
    return r->rc == 0;
}

static bool keywords_of(struct tk_jrender *r, const struct tk_jnode *n, struct tk_jargroom *room,
                        struct tk_jargs *ret)
{
    struct tk_jkw *kw = room->kw;
    uint32_t count = 0;
    for (const struct tk_jnode *k = n->kwargs; k; k = k->next)
        count++;
    struct tk_jval dyn = TK_J_VAL(TK_J_NONE);
    if (n->dyn_kwargs) {
        dyn = tk__jeval(r, n->dyn_kwargs);
        if (r->rc || tk__jfail_if_undef(r, dyn))
            return false;
        if (dyn.type != TK_J_DICT)
            tk__jfail(r, TK_E_FORMAT, "argument after ** must be a mapping, not %s",
                      tk__jtype_name(dyn));
        else if (dyn.dict->n > TK_J_MAX_PARAMS)
            tk__jfail(r, TK_E_LIMIT, "more than %d keyword arguments", TK_J_MAX_PARAMS);
        else
            count += dyn.dict->n;
    }
    if (r->rc == 0 && count > TK_ARRAY_LEN(room->kw))
        kw = tk__jalloc(r, count * sizeof(*kw));
    if (r->rc)
        return false;
    ret->kw = kw;
    for (const struct tk_jnode *k = n->kwargs; k; k = k->next) {
        struct tk_jval v = tk__jeval(r, k->a);
        if (r->rc || !add_keyword(r, ret, kw, k->name, v))
            return false;
    }
    for (uint32_t i = 0; dyn.type == TK_J_DICT && i < dyn.dict->n; i++) {
        const struct tk_jentry *e = &dyn.dict->e[i];
        if (e->key.type != TK_J_STR)
            tk__jfail(r, TK_E_FORMAT, "keywords must be strings");
        if (r->rc || !add_keyword(r, ret, kw, tk__jtext(e->key), e->val))
            return false;
    }
    return true;
}

bool tk__jargs_of(struct tk_jrender *r, const struct tk_jnode *n, struct tk_jargroom *room,
                  struct tk_jargs *ret)
{
    struct tk_jvec vec = { room->v, 0, TK_ARRAY_LEN(room->v) };
    *ret = (struct tk_jargs){ 0 };
    for (const struct tk_jnode *i = n->args; i && r->rc == 0; i = i->next) {
        struct tk_jval v = tk__jeval(r, i);
        if (r->rc == 0)
            tk__jvec_add(r, &vec, v);
    }
    if (n->dyn_args && r->rc == 0)
        add_dyn_args(r, n->dyn_args, &vec);
    ret->v = vec.v;
    ret->n = vec.n;
    if ((n->kwargs || n->dyn_kwargs) && r->rc == 0)
        return keywords_of(r, n, room, ret);
    return r->rc == 0;
}

struct tk_jargs tk__jargs_keep(struct tk_jrender *r, const struct tk_jargs *args)
{
    struct tk_jval *v = tk__jalloc(r, args->n * sizeof(*v) + 1);
    struct tk_jkw *kw = tk__jalloc(r, args->n_kw * sizeof(*kw) + 1);
    if (!v || !kw)
        return (struct tk_jargs){ 0 };
    if (args->n)
        memcpy(v, args->v, args->n * sizeof(*v));
    if (args->n_kw)
        memcpy(kw, args->kw, args->n_kw * sizeof(*kw));
    return (struct tk_jargs){ v, kw, args->n, args->n_kw };
}

static struct tk_jval eval_call(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jargroom room;
    struct tk_jargs args;
    const struct tk_jnode *callee = n->a;
    struct tk_jval v = tk__jeval(r, callee->kind == TK_JN_GETATTR ? callee->a : callee);
    if (r->rc)
        return v;
    if (callee->kind == TK_JN_GETATTR) {
        /* A method that is called at once needs no value of its own. */
        const struct tk_jbuiltin *method = v.type == TK_J_STR || v.type == TK_J_DICT
                                               ? tk__jmethod(v, callee->name)
                                               : NULL;
        if (method && method->fn)
            return tk__jargs_of(r, n, &room, &args) ? tk__jcall_builtin(r, method, v, &args) : v;
        v = tk__jgetattr(r, v, callee->name);
    }
    if (r->rc || tk__jfail_if_undef(r, v))
        return v;
    return tk__jargs_of(r, n, &room, &args) ? tk__jcall(r, v, &args) : v;
}

static struct tk_jval eval_filter(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jargroom room;
    struct tk_jargs args;
    struct tk_jval v = n->a ? tk__jeval(r, n->a) : r->captured;
    if (r->rc || !tk__jargs_of(r, n, &room, &args))
        return v;
    if (!n->fn)
        return tk__jfail(r, TK_E_FORMAT, "no %s named '%.*s'",
                         n->kind == TK_JN_FILTER ? "filter" : "test", TK_STR_ARG(n->name));
    return tk__jcall_builtin(r, n->fn, v, &args);
}

static struct tk_jval eval_getattr(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval v = tk__jeval(r, n->a);
    return r->rc ? v : tk__jgetattr(r, v, n->name);
}

static struct tk_jval eval_any(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval v;
    switch (n->kind) {
    case TK_JN_TUPLE:
    case TK_JN_LIST:
        return eval_items(r, n);
    case TK_JN_DICT:
        return eval_dict(r, n);
    case TK_JN_BINOP:
        return eval_binop(r, n);
    case TK_JN_AND:
    case TK_JN_OR:
        return eval_logic(r, n);
    case TK_JN_NOT:
        v = tk__jeval(r, n->a);
        return r->rc ? v : tk__jbool(!tk__jtruth(r, v));
    case TK_JN_NEG:
    case TK_JN_POS:
        return eval_sign(r, n);
    case TK_JN_COMPARE:
        return eval_compare(r, n);
    case TK_JN_CONCAT:
        return eval_concat(r, n);
    case TK_JN_COND:
        return eval_cond(r, n);
    case TK_JN_GETATTR:
        return eval_getattr(r, n);
    case TK_JN_GETITEM:
        return eval_getitem(r, n);
    case TK_JN_CALL:
        return eval_call(r, n);
    case TK_JN_FILTER:
    case TK_JN_TEST:
        return eval_filter(r, n);
    default:
        return tk__jfail(r, TK_E_FORMAT, "a slice outside of a subscript");
    }
}

struct tk_jval tk__jeval(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval v = TK_J_VAL(TK_J_UNDEF);
    if (!tk__jstep(r, 1))
        return v;
    if (n->kind == TK_JN_CONST)
        return n->val;
    if (n->kind == TK_JN_NAME)
        return eval_name(r, n);
    if (tk__jdeeper(r))
        v = eval_any(r, n);
    tk__jback(r);
    return v;
}
