/* jinja_eval.c - statements: frames, assignment, macros, blocks that capture
 *
 * An activation (tk_jact) holds the variables of one call of a function: of the template, of a
 * macro, of a recursive loop. Frames inside a function share it; entering one sets its symbols to
 * what jinja_scope.c found out. Macros keep the activation that they were made in, so that they see
 * the variables as they are when called.
 */
#include <string.h>

#include "base/str.h"
#include "token/jinja.h"

/* ---- frames ---- */

struct tk_jact *tk__jact_new(struct tk_jrender *r, const struct tk_jfunc *f, struct tk_jact *up)
{
    struct tk_jact *act = tk__jalloc(r, sizeof(*act) + f->n_slots * sizeof(act->slots[0]));
    if (act)
        act->up = up;
    return act;
}

static struct tk_jval *slot_of(struct tk_jact *act, struct tk_jref ref)
{
    for (uint32_t i = ref.hops; i > 0; i--)
        act = act->up;
    return &act->slots[ref.slot];
}

/* A variable of the context; MISSING when there is none. */
static struct tk_jval resolve(struct tk_jrender *r, struct tk_str name)
{
    struct tk_jval *v = r->exported ? tk__jdict_find(r->exported, name) : NULL;
    if (!v)
        v = tk__jdict_find(r->context.dict, name);
    if (v)
        return *v;
    const struct tk_jbuiltin *fn = tk__jglobal(name);
    return fn ? (struct tk_jval){ .type = TK_J_FUNC, .fn = fn } : TK_J_VAL(TK_J_MISSING);
}

void tk__jframe_enter(struct tk_jrender *r, const struct tk_jscope *s)
{
    tk__jstep(r, s->n / 4);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct tk_jsym *sym = &s->syms[i];
        struct tk_jval *slot = &r->act->slots[sym->slot];
        switch (sym->load) {
        case TK_JL_RESOLVE:
            *slot = resolve(r, sym->name);
            break;
        case TK_JL_ALIAS:
            *slot = *slot_of(r->act, sym->alias);
            break;
        case TK_JL_UNDEF:
            *slot = TK_J_VAL(TK_J_MISSING);
            break;
        default: /* parameters were set before */
            break;
        }
    }
}

void tk__jframe_leave(struct tk_jrender *r, const struct tk_jscope *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        r->act->slots[s->syms[i].slot] = TK_J_VAL(TK_J_MISSING);
}

/* ---- writing and capturing ---- */

void tk__jwrite(struct tk_jrender *r, struct tk_str s)
{
    if (tk__jstep(r, s.n / 64) && tk_buf_add_str(r->out, s))
        tk__jfail_buf(r, r->out);
}

struct tk_buf *tk__jcapture(struct tk_jrender *r, struct tk_buf *mine)
{
    struct tk_buf *outer = r->out;
    tk_buf_init(mine, r->max_bytes);
    r->out = mine;
    return outer;
}

struct tk_jval tk__jcapture_end(struct tk_jrender *r, struct tk_buf *mine, struct tk_buf *outer)
{
    r->out = outer;
    return tk__jstr_take(r, mine);
}

static void write_value(struct tk_jrender *r, struct tk_jval v)
{
    if (r->rc)
        return;
    if (v.type == TK_J_STR)
        tk__jwrite(r, tk__jtext(v));
    else
        tk__jstr_of(r, r->out, v);
}

/* What a block gives must be text: jinja2 joins it as it is. */
static void write_block(struct tk_jrender *r, struct tk_jval v)
{
    if (r->rc == 0 && v.type != TK_J_STR)
        tk__jfail(r, TK_E_FORMAT, "expected str instance, %s found", tk__jtype_name(v));
    write_value(r, v);
}

/* ---- assignment ---- */

static void assign_tuple(struct tk_jrender *r, const struct tk_jnode *target, struct tk_jval v)
{
    struct tk_jiter it;
    struct tk_jval item;
    if (!tk__jiter_init(r, &it, v))
        return;
    for (const struct tk_jnode *t = target->a; t; t = t->next) {
        if (!tk__jiter_next(r, &it, &item)) {
            tk__jfail(r, TK_E_FORMAT, "not enough values to unpack");
            return;
        }
        tk__jassign(r, t, item);
    }
    if (r->rc == 0 && tk__jiter_next(r, &it, &item))
        tk__jfail(r, TK_E_FORMAT, "too many values to unpack");
}

void tk__jassign(struct tk_jrender *r, const struct tk_jnode *target, struct tk_jval v)
{
    if (r->rc)
        return;
    if (target->kind == TK_JN_TUPLE)
        assign_tuple(r, target, v);
    else if (target->kind == TK_JN_NSREF)
        tk__jdict_set(r, slot_of(r->act, target->ref)->dict, tk__jstr(target->attr), v);
    else
        *slot_of(r->act, target->ref) = v;
}

/* `a.b` may be assigned to where `a` is a namespace: looked at before the value is. */
static bool check_namespaces(struct tk_jrender *r, const struct tk_jnode *target)
{
    for (; target && r->rc == 0; target = target->next) {
        if (target->kind == TK_JN_NSREF && slot_of(r->act, target->ref)->type != TK_J_NAMESPACE)
            tk__jfail(r, TK_E_FORMAT, "cannot assign attribute on non-namespace object");
        if (target->kind == TK_JN_TUPLE)
            check_namespaces(r, target->a);
    }
    return r->rc == 0;
}

static void export_names(struct tk_jrender *r, const struct tk_jnode *target)
{
    for (; target && r->rc == 0; target = target->next) {
        if (target->kind == TK_JN_NAME)
            tk__jdict_set(r, r->exported, tk__jstr(target->name), *slot_of(r->act, target->ref));
        else if (target->kind == TK_JN_TUPLE)
            export_names(r, target->a);
    }
}

static void exec_assign(struct tk_jrender *r, const struct tk_jnode *n)
{
    if (!check_namespaces(r, n->a))
        return;
    tk__jassign(r, n->a, tk__jeval(r, n->b));
    if (r->exported && n->flags & TK_JN_EXPORT)
        export_names(r, n->a);
}

/* ---- blocks ---- */

/* Run a body into a text; what it does to the flow of the loop around it comes back. */
static enum tk_jflow run_captured(struct tk_jrender *r, const struct tk_jnode *n,
                                  struct tk_jval *ret)
{
    struct tk_buf mine;
    tk__jframe_enter(r, n->scope);
    struct tk_buf *outer = tk__jcapture(r, &mine);
    enum tk_jflow flow = tk__jexec(r, n->body);
    *ret = tk__jcapture_end(r, &mine, outer);
    return flow;
}

static enum tk_jflow exec_capture(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval text;
    enum tk_jflow flow = run_captured(r, n, &text);
    if (r->rc || flow != TK_J_NEXT)
        return flow;
    if (n->b) {
        r->captured = text;
        text = tk__jeval(r, n->b);
    }
    if (r->rc == 0 && check_namespaces(r, n->a))
        tk__jassign(r, n->a, text);
    tk__jframe_leave(r, n->scope);
    if (r->exported && n->flags & TK_JN_EXPORT)
        export_names(r, n->a);
    return flow;
}

static enum tk_jflow exec_filter_block(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval text;
    enum tk_jflow flow = run_captured(r, n, &text);
    if (r->rc || flow != TK_J_NEXT)
        return flow;
    r->captured = text;
    write_block(r, tk__jeval(r, n->a));
    tk__jframe_leave(r, n->scope);
    return flow;
}

static enum tk_jflow exec_with(struct tk_jrender *r, const struct tk_jnode *n)
{
    tk__jframe_enter(r, n->scope);
    const struct tk_jnode *value = n->b;
    for (const struct tk_jnode *t = n->args; t && r->rc == 0; t = t->next, value = value->next)
        tk__jassign(r, t, tk__jeval(r, value));
    enum tk_jflow flow = tk__jexec(r, n->body);
    tk__jframe_leave(r, n->scope);
    return flow;
}

static void exec_block(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jact *outer = r->act;
    r->act = tk__jact_new(r, n->func, NULL);
    if (r->act) {
        tk__jframe_enter(r, n->scope);
        tk__jexec(r, n->body);
    }
    r->act = outer;
}

/* ---- macros ---- */

static struct tk_jval new_macro(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jmacro *m = tk__jalloc(r, sizeof(*m));
    if (m)
        *m = (struct tk_jmacro){ n, r->act };
    return (struct tk_jval){ .type = TK_J_MACRO, .macro = m };
}

/* Which keyword arguments were taken: a macro takes each once. */
struct taken {
    uint64_t bits[(TK_J_MAX_PARAMS + 63) / 64];
    uint32_t n;
};

static struct tk_jval take_keyword(const struct tk_jargs *args, struct taken *t, struct tk_str name)
{
    for (uint32_t i = 0; i < args->n_kw; i++) {
        if (!tk_str_eq(args->kw[i].name, name))
            continue;
        t->bits[i / 64] |= UINT64_C(1) << (i % 64);
        t->n++;
        return args->kw[i].val;
    }
    return TK_J_VAL(TK_J_MISSING);
}

static bool is_taken(const struct taken *t, uint32_t i)
{
    return t->bits[i / 64] >> (i % 64) & 1;
}

static void bind_rest(struct tk_jrender *r, const struct tk_jnode *n, const struct tk_jargs *args,
                      const struct taken *t, uint32_t n_params)
{
    struct tk_jval *slots = r->act->slots;
    if (n->flags & TK_JN_KWARGS) {
        struct tk_jdict *d = tk__jdict_new(r, 0);
        for (uint32_t i = 0; i < args->n_kw && r->rc == 0; i++) {
            if (!is_taken(t, i))
                tk__jdict_set(r, d, tk__jstr(args->kw[i].name), args->kw[i].val);
        }
        slots[n->special[1].slot] = tk__jdict(d);
    } else if (t->n < args->n_kw) {
        uint32_t i = 0;
        while (is_taken(t, i))
            i++;
        tk__jfail(r, TK_E_FORMAT, "macro '%.*s' takes no keyword argument '%.*s'",
                  TK_STR_ARG(n->name), TK_STR_ARG(args->kw[i].name));
    }
    if (n->flags & TK_JN_VARARGS) {
        struct tk_jargs rest = { .v = args->v, .n = 0 };
        if (args->n > n_params)
            rest = (struct tk_jargs){ .v = args->v + n_params, .n = args->n - n_params };
        rest = tk__jargs_keep(r, &rest);
        slots[n->special[2].slot] = tk__jtuple(rest.v, rest.n);
    } else if (args->n > n_params) {
        tk__jfail(r, TK_E_FORMAT, "macro '%.*s' takes not more than %u argument(s)",
                  TK_STR_ARG(n->name), n_params);
    }
}

/* Put the arguments of a call into the slots of r->act. */
static void bind(struct tk_jrender *r, const struct tk_jnode *n, const struct tk_jargs *args)
{
    struct taken t = { 0 };
    uint32_t n_params = 0;
    for (const struct tk_jnode *p = n->args; p; p = p->next, n_params++) {
        r->act->slots[p->ref.slot] = n_params < args->n ? args->v[n_params]
                                                        : take_keyword(args, &t, p->name);
    }
    if (n->flags & TK_JN_CALLER) {
        struct tk_jval caller = take_keyword(args, &t, TK_STR("caller"));
        if (caller.type == TK_J_MISSING || caller.type == TK_J_NONE)
            caller = tk__jhint("no caller defined");
        r->act->slots[n->special[0].slot] = caller;
    }
    bind_rest(r, n, args, &t, n_params);
}

static void bind_defaults(struct tk_jrender *r, const struct tk_jnode *n)
{
    uint32_t n_params = 0, n_defaults = 0, at = 0;
    const struct tk_jnode *dflt = n->b;
    for (const struct tk_jnode *p = n->args; p; p = p->next)
        n_params++;
    for (const struct tk_jnode *d = n->b; d; d = d->next)
        n_defaults++;
    for (const struct tk_jnode *p = n->args; p && r->rc == 0; p = p->next, at++) {
        bool has_default = at >= n_params - n_defaults;
        if (r->act->slots[p->ref.slot].type == TK_J_MISSING) {
            struct tk_jval v = has_default ? tk__jeval(r, dflt)
                                           : tk__jundef(TK_J_UNDEF_PARAM, p->name);
            r->act->slots[p->ref.slot] = v;
        }
        dflt = has_default ? dflt->next : dflt;
    }
}

struct tk_jval tk__jmacro_call(struct tk_jrender *r, struct tk_jval macro,
                               const struct tk_jargs *args)
{
    const struct tk_jnode *n = macro.macro->node;
    struct tk_jact *outer_act = r->act;
    uint32_t line = r->line;
    struct tk_buf mine;
    r->act = tk__jact_new(r, n->func, macro.macro->env);
    if (!r->act) {
        r->act = outer_act;
        return macro;
    }
    struct tk_buf *outer = tk__jcapture(r, &mine);
    bind(r, n, args);
    if (r->rc == 0) {
        tk__jframe_enter(r, n->scope);
        bind_defaults(r, n);
        tk__jexec(r, n->body);
    }
    r->act = outer_act;
    if (r->rc == 0)
        r->line = line;
    return tk__jcapture_end(r, &mine, outer);
}

static void exec_macro(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval m = new_macro(r, n);
    if (r->rc)
        return;
    *slot_of(r->act, n->ref) = m;
    if (r->exported && n->flags & TK_JN_EXPORT)
        tk__jdict_set(r, r->exported, tk__jstr(n->name), m);
}

static void exec_call_block(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jargroom room;
    struct tk_jargs args;
    struct tk_jval caller = new_macro(r, n);
    struct tk_jval callee = r->rc ? caller : tk__jeval(r, n->a->a);
    if (r->rc || !tk__jargs_of(r, n->a, &room, &args))
        return;
    struct tk_jkw *kw = tk__jalloc(r, (args.n_kw + 1) * sizeof(*kw));
    if (!kw)
        return;
    if (args.n_kw)
        memcpy(kw, args.kw, args.n_kw * sizeof(*kw));
    kw[args.n_kw++] = (struct tk_jkw){ TK_STR("caller"), caller };
    args.kw = kw;
    write_block(r, tk__jcall(r, callee, &args));
}

static void exec_generation(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jargs none = { 0 };
    struct tk_jval m = new_macro(r, n);
    if (r->rc == 0)
        write_value(r, tk__jmacro_call(r, m, &none));
}

/* ---- statements ---- */

static enum tk_jflow exec_if(struct tk_jrender *r, const struct tk_jnode *n)
{
    const struct tk_jnode *els = n->els;
    for (const struct tk_jnode *branch = n; branch; branch = branch == n ? n->args : branch->next) {
        r->line = branch->line;
        struct tk_jval test = tk__jeval(r, branch->a);
        if (r->rc)
            return TK_J_NEXT;
        if (tk__jtruth(r, test))
            return tk__jexec(r, branch->body);
    }
    return tk__jexec(r, els);
}

static void exec_output(struct tk_jrender *r, const struct tk_jnode *n)
{
    for (const struct tk_jnode *i = n->a; i && r->rc == 0; i = i->next)
        write_value(r, tk__jeval(r, i));
}

static enum tk_jflow exec_one(struct tk_jrender *r, const struct tk_jnode *n)
{
    enum tk_jflow flow = TK_J_NEXT;
    switch (n->kind) {
    case TK_JN_DATA:
        tk__jwrite(r, tk__jtext(n->val));
        break;
    case TK_JN_OUTPUT:
        exec_output(r, n);
        break;
    case TK_JN_FOR:
        return tk__jexec_for(r, n);
    case TK_JN_IF:
        return exec_if(r, n);
    case TK_JN_ASSIGN:
        exec_assign(r, n);
        break;
    case TK_JN_CAPTURE:
        return exec_capture(r, n);
    case TK_JN_MACRO:
        exec_macro(r, n);
        break;
    case TK_JN_CALLBLOCK:
        exec_call_block(r, n);
        break;
    case TK_JN_GENERATION:
        exec_generation(r, n);
        break;
    case TK_JN_FILTERBLOCK:
        return exec_filter_block(r, n);
    case TK_JN_WITH:
        return exec_with(r, n);
    case TK_JN_SCOPE:
        tk__jframe_enter(r, n->scope);
        flow = tk__jexec(r, n->body);
        tk__jframe_leave(r, n->scope);
        break;
    case TK_JN_BLOCK:
        exec_block(r, n);
        break;
    case TK_JN_BREAK:
        return TK_J_BREAK;
    case TK_JN_CONTINUE:
        return TK_J_CONTINUE;
    default:
        tk__jfail(r, TK_E_UNSUPPORTED, "'%.*s' is not supported: a chat template stands alone",
                  TK_STR_ARG(n->name));
    }
    return flow;
}

enum tk_jflow tk__jexec(struct tk_jrender *r, const struct tk_jnode *list)
{
    enum tk_jflow flow = TK_J_NEXT;
    if (tk__jdeeper(r)) {
        for (; list && r->rc == 0 && flow == TK_J_NEXT; list = list->next) {
            r->line = list->line;
            if (tk__jstep(r, 1))
                flow = exec_one(r, list);
        }
    }
    tk__jback(r);
    return flow;
}

int tk__jinja_render(struct tk_jrender *r)
{
    r->exported = r->t->has_blocks ? tk__jdict_new(r, 0) : NULL;
    r->act = tk__jact_new(r, r->t->func, NULL);
    if (r->act && r->rc == 0) {
        tk__jframe_enter(r, r->t->scope);
        tk__jexec(r, r->t->body);
    }
    return r->rc;
}
