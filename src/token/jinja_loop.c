/* jinja_loop.c - `for`, and the variable `loop` */
#include "base/str.h"
#include "token/jinja.h"

/* The next item that the loop's own `if` lets pass. */
static int draw(struct tk_jrender *r, struct tk_jloop *l, struct tk_jval *ret)
{
    while (r->rc == 0 && tk__jiter_next(r, &l->it, ret)) {
        if (!l->has_test)
            return 1;
        struct tk_jact *act = r->act;
        r->act = l->act; /* `loop` may be asked from a macro */
        tk__jassign(r, l->node->test_target, *ret);
        struct tk_jval test = r->rc ? *ret : tk__jeval(r, l->node->c);
        r->act = act;
        if (r->rc == 0 && tk__jtruth(r, test))
            return 1;
    }
    return 0;
}

int tk__jloop_next(struct tk_jrender *r, struct tk_jloop *l, struct tk_jval *ret)
{
    if (l->after.type != TK_J_MISSING) {
        *ret = l->after;
        l->after = TK_J_VAL(TK_J_MISSING);
    } else if (!draw(r, l, ret)) {
        return 0;
    }
    l->index0++;
    l->before = l->current;
    l->current = *ret;
    return 1;
}

static void peek(struct tk_jrender *r, struct tk_jloop *l)
{
    struct tk_jval v;
    if (l->after.type == TK_J_MISSING && draw(r, l, &v))
        l->after = v;
}

static int64_t length(struct tk_jrender *r, struct tk_jloop *l)
{
    if (l->length >= 0)
        return l->length;
    int64_t n = l->has_test ? -1 : tk__jlen(l->iterable);
    if (n < 0) { /* draw all that is left */
        struct tk_jvec vec = { 0 };
        struct tk_jval v;
        while (r->rc == 0 && draw(r, l, &v))
            tk__jvec_add(r, &vec, v);
        n = vec.n + l->index0 + 1 + (l->after.type != TK_J_MISSING);
        if (r->rc == 0)
            tk__jiter_init(r, &l->it, tk__jlist(vec.v, vec.n));
        l->has_test = false;
    }
    l->length = n;
    return n;
}

/* ---- attributes ---- */

static struct tk_jval loop_cycle(struct tk_jrender *r, struct tk_jval self, const struct tk_jval *a,
                                 const struct tk_jargs *args)
{
    (void)a;
    if (args->n == 0 || args->n_kw)
        return tk__jfail(r, TK_E_FORMAT, "no items for cycling given");
    return args->v[self.loop->index0 % args->n];
}

static struct tk_jval loop_changed(struct tk_jrender *r, struct tk_jval self,
                                   const struct tk_jval *a, const struct tk_jargs *args)
{
    struct tk_jargs kept = tk__jargs_keep(r, args);
    struct tk_jval now = tk__jtuple(kept.v, kept.n);
    (void)a;
    if (args->n_kw)
        return tk__jfail(r, TK_E_FORMAT, "changed() takes no keyword arguments");
    bool is_same = self.loop->changed.type == TK_J_TUPLE && tk__jequal(r, self.loop->changed, now);
    if (!is_same)
        self.loop->changed = now;
    return tk__jbool(!is_same);
}

static const struct tk_jbuiltin methods[] = {
    { "cycle", loop_cycle, "*" },
    { "changed", loop_changed, "*" },
    { 0 },
};

static struct tk_jval method_of(struct tk_jrender *r, struct tk_jloop *l,
                                const struct tk_jbuiltin *fn)
{
    struct tk_jbound *b = tk__jalloc(r, sizeof(*b));
    if (b)
        *b = (struct tk_jbound){ { .type = TK_J_LOOP, .loop = l }, fn };
    return (struct tk_jval){ .type = TK_J_METHOD, .bound = b };
}

static struct tk_jval next_item(struct tk_jrender *r, struct tk_jloop *l)
{
    peek(r, l);
    return l->after.type == TK_J_MISSING ? tk__jhint("there is no next item") : l->after;
}

enum attr {
    INDEX,
    INDEX0,
    FIRST,
    LAST,
    LENGTH,
    REVINDEX,
    REVINDEX0,
    DEPTH,
    DEPTH0,
    PREVITEM,
    NEXTITEM,
    N_ATTRS
};

static const char *const attrs[N_ATTRS] = {
    [INDEX] = "index",   [INDEX0] = "index0",     [FIRST] = "first",         [LAST] = "last",
    [LENGTH] = "length", [REVINDEX] = "revindex", [REVINDEX0] = "revindex0", [DEPTH] = "depth",
    [DEPTH0] = "depth0", [PREVITEM] = "previtem", [NEXTITEM] = "nextitem",
};

static struct tk_jval attr_value(struct tk_jrender *r, struct tk_jloop *l, enum attr which)
{
    switch (which) {
    case INDEX:
        return tk__jint(l->index0 + 1);
    case INDEX0:
        return tk__jint(l->index0);
    case FIRST:
        return tk__jbool(l->index0 == 0);
    case LAST:
        peek(r, l);
        return tk__jbool(l->after.type == TK_J_MISSING);
    case LENGTH:
        return tk__jint(length(r, l));
    case REVINDEX:
        return tk__jint(length(r, l) - l->index0);
    case REVINDEX0:
        return tk__jint(length(r, l) - l->index0 - 1);
    case DEPTH:
        return tk__jint(l->depth0 + 1);
    case DEPTH0:
        return tk__jint(l->depth0);
    case PREVITEM:
        return l->index0 == 0 ? tk__jhint("there is no previous item") : l->before;
    default:
        return next_item(r, l);
    }
}

struct tk_jval tk__jloop_attr(struct tk_jrender *r, struct tk_jloop *l, struct tk_str name,
                              bool *ret_has)
{
    *ret_has = true;
    for (unsigned i = 0; i < N_ATTRS; i++) {
        if (tk_str_is(name, attrs[i]))
            return attr_value(r, l, (enum attr)i);
    }
    const struct tk_jbuiltin *fn = tk__jbuiltin_find(methods, name);
    if (fn)
        return method_of(r, l, fn);
    *ret_has = false;
    return TK_J_VAL(TK_J_MISSING);
}

/* ---- the statement ---- */

static enum tk_jflow run_body(struct tk_jrender *r, const struct tk_jnode *n, struct tk_jloop *l)
{
    struct tk_jval item;
    bool is_else_due = true;
    if (n->flags & TK_JN_EXTENDED)
        r->act->slots[n->loop.slot] = (struct tk_jval){ .type = TK_J_LOOP, .loop = l };
    while (r->rc == 0 && tk__jloop_next(r, l, &item)) {
        tk__jassign(r, n->a, item);
        tk__jframe_enter(r, n->scope);
        enum tk_jflow flow = tk__jexec(r, n->body);
        if (flow == TK_J_BREAK)
            break;
        if (flow == TK_J_NEXT) /* as in jinja2, `continue` leaves the else due */
            is_else_due = false;
    }
    tk__jframe_leave(r, n->scope);
    if (r->rc || !is_else_due || !n->els)
        return TK_J_NEXT;
    tk__jframe_enter(r, n->els_scope);
    enum tk_jflow flow = tk__jexec(r, n->els);
    tk__jframe_leave(r, n->els_scope);
    return flow;
}

static enum tk_jflow run(struct tk_jrender *r, const struct tk_jnode *n, struct tk_jval iterable,
                         struct tk_jact *recurse, uint32_t depth0)
{
    struct tk_jloop local;
    struct tk_jloop *l = &local;
    if (n->flags & TK_JN_EXTENDED) { /* may be kept by somebody */
        l = tk__jalloc(r, sizeof(*l));
        if (!l)
            return TK_J_NEXT;
    }
    *l = (struct tk_jloop){
        .node = n,
        .act = r->act,
        .recurse = recurse,
        .iterable = iterable,
        .index0 = -1,
        .length = -1,
        .depth0 = depth0,
        .has_test = n->c != NULL,
    };
    if (!tk__jiter_init(r, &l->it, iterable))
        return TK_J_NEXT;
    if (n->c)
        tk__jframe_enter(r, n->test_scope);
    return run_body(r, n, l);
}

/* The body of a recursive loop is a function: one more call of it. */
static struct tk_jval call_loop(struct tk_jrender *r, const struct tk_jnode *n, struct tk_jact *env,
                                struct tk_jval iterable, uint32_t depth0)
{
    struct tk_jact *outer_act = r->act;
    struct tk_buf mine;
    struct tk_buf *outer = tk__jcapture(r, &mine);
    r->act = tk__jact_new(r, n->func, env);
    if (r->act)
        run(r, n, iterable, env, depth0);
    r->act = outer_act;
    return tk__jcapture_end(r, &mine, outer);
}

struct tk_jval tk__jloop_recurse(struct tk_jrender *r, struct tk_jloop *l, struct tk_jval iterable)
{
    if (!(l->node->flags & TK_JN_RECURSIVE))
        return tk__jfail(r, TK_E_FORMAT,
                         "the loop must have the 'recursive' marker to be called recursively");
    return call_loop(r, l->node, l->recurse, iterable, l->depth0 + 1);
}

enum tk_jflow tk__jexec_for(struct tk_jrender *r, const struct tk_jnode *n)
{
    struct tk_jval iterable = tk__jeval(r, n->b);
    if (r->rc)
        return TK_J_NEXT;
    if (!(n->flags & TK_JN_RECURSIVE))
        return run(r, n, iterable, NULL, 0);
    struct tk_jval text = call_loop(r, n, r->act, iterable, 0);
    if (r->rc == 0)
        tk__jwrite(r, tk__jtext(text));
    return TK_J_NEXT;
}
