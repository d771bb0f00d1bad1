/* jinja_methods.c - methods of lists, dicts and the like, and which type has which
 *
 * The sandbox forbids what changes a list or a dict: such a name is there (so it hides an item of
 * the same name, as in Python) but has no function.
 */
#include "base/str.h"
#include "token/jinja.h"

#define METHOD(name)                                                                            \
    static struct tk_jval name(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a, \
                               const struct tk_jargs *args)

static bool is_given(struct tk_jval v)
{
    return v.type != TK_J_MISSING;
}

/* ---- dict ---- */

static struct tk_jval view(struct tk_jval v, uint8_t kind)
{
    v.type = TK_J_VIEW;
    v.flags = kind;
    return v;
}

METHOD(do_items)
{
    (void)r;
    (void)a;
    (void)args;
    return view(v, TK_J_VIEW_ITEMS);
}

METHOD(do_keys)
{
    (void)r;
    (void)a;
    (void)args;
    return view(v, TK_J_VIEW_KEYS);
}

METHOD(do_values)
{
    (void)r;
    (void)a;
    (void)args;
    return view(v, TK_J_VIEW_VALUES);
}

METHOD(do_get)
{
    (void)args;
    struct tk_jval *found = tk__jdict_get(r, v.dict, a[0]);
    if (found)
        return *found;
    return is_given(a[1]) ? a[1] : tk__jnone();
}

METHOD(do_copy)
{
    (void)r;
    (void)a;
    (void)args;
    return v; /* nothing can change either */
}

METHOD(do_unsupported)
{
    (void)a;
    (void)args;
    return tk__jfail(r, TK_E_UNSUPPORTED, "this method of %s is not supported", tk__jtype_name(v));
}

static const struct tk_jbuiltin dict_methods[] = {
    { "clear", NULL, "" },
    { "copy", do_copy, "" },
    { "fromkeys", do_unsupported, "*" },
    { "get", do_get, "/key default?" },
    { "items", do_items, "" },
    { "keys", do_keys, "" },
    { "pop", NULL, "" },
    { "popitem", NULL, "" },
    { "setdefault", NULL, "" },
    { "update", NULL, "" },
    { "values", do_values, "" },
    { 0 },
};

/* ---- lists, tuples, ranges ---- */

METHOD(do_count)
{
    struct tk_jiter it;
    struct tk_jval item;
    int64_t n = 0;
    (void)args;
    if (!tk__jiter_init(r, &it, v))
        return v;
    while (r->rc == 0 && tk__jiter_next(r, &it, &item))
        n += tk__jsame(item, a[0]) || tk__jequal(r, item, a[0]);
    return tk__jint(n);
}

METHOD(do_index)
{
    struct tk_jiter it;
    struct tk_jval item;
    int64_t from = is_given(a[1]) && tk__jis_int(a[1]) ? a[1].i : 0;
    int64_t to = is_given(a[2]) && tk__jis_int(a[2]) ? a[2].i : INT64_MAX;
    int64_t n = tk__jlen(v);
    (void)args;
    from = from < 0 ? TK_MAX(from + n, 0) : from;
    to = to < 0 ? TK_MAX(to + n, 0) : to;
    if (!tk__jiter_init(r, &it, v))
        return v;
    for (int64_t at = 0; at < to && r->rc == 0 && tk__jiter_next(r, &it, &item); at++) {
        if (at >= from && (tk__jsame(item, a[0]) || tk__jequal(r, item, a[0])))
            return tk__jint(at);
    }
    return tk__jfail(r, TK_E_FORMAT, "value is not in list");
}

static const struct tk_jbuiltin list_methods[] = {
    { "append", NULL, "" },  { "clear", NULL, "" },
    { "copy", do_copy, "" }, { "count", do_count, "/value" },
    { "extend", NULL, "" },  { "index", do_index, "/value start? stop?" },
    { "insert", NULL, "" },  { "pop", NULL, "" },
    { "remove", NULL, "" },  { "reverse", NULL, "" },
    { "sort", NULL, "" },    { 0 },
};

static const struct tk_jbuiltin seq_methods[] = {
    { "count", do_count, "/value" },
    { "index", do_index, "/value start? stop?" },
    { 0 },
};

static const struct tk_jbuiltin view_methods[] = {
    { "isdisjoint", do_unsupported, "*" },
    { "mapping", do_unsupported, "*" },
    { 0 },
};

/* ---- numbers ---- */

METHOD(do_is_integer)
{
    (void)r;
    (void)a;
    (void)args;
    return tk__jbool(v.f == __builtin_trunc(v.f) && v.f - v.f == 0);
}

static const struct tk_jbuiltin int_methods[] = {
    { "as_integer_ratio", do_unsupported, "*" },
    { "bit_count", do_unsupported, "*" },
    { "bit_length", do_unsupported, "*" },
    { "conjugate", do_copy, "" },
    { "from_bytes", do_unsupported, "*" },
    { "to_bytes", do_unsupported, "*" },
    { 0 },
};

static const struct tk_jbuiltin float_methods[] = {
    { "as_integer_ratio", do_unsupported, "*" }, { "conjugate", do_copy, "" },
    { "fromhex", do_unsupported, "*" },          { "hex", do_unsupported, "*" },
    { "is_integer", do_is_integer, "" },         { 0 },
};

/* ---- cycler ---- */

METHOD(do_next)
{
    struct tk_jcycler *c = v.cycler;
    struct tk_jval now = c->items.items[c->at];
    (void)r;
    (void)a;
    (void)args;
    c->at = (c->at + 1) % c->items.n;
    return now;
}

METHOD(do_reset)
{
    (void)r;
    (void)a;
    (void)args;
    v.cycler->at = 0;
    return tk__jnone();
}

static const struct tk_jbuiltin cycler_methods[] = {
    { "next", do_next, "" },
    { "reset", do_reset, "" },
    { 0 },
};

/* ---- by type ---- */

static const struct tk_jbuiltin *const by_type[TK_J_TYPE_N_] = {
    [TK_J_BOOL] = int_methods,      [TK_J_INT] = int_methods,   [TK_J_BIG] = int_methods,
    [TK_J_FLOAT] = float_methods,   [TK_J_LIST] = list_methods, [TK_J_TUPLE] = seq_methods,
    [TK_J_DICT] = dict_methods,     [TK_J_RANGE] = seq_methods, [TK_J_VIEW] = view_methods,
    [TK_J_CYCLER] = cycler_methods,
};

const struct tk_jbuiltin *tk__jmethod(struct tk_jval v, struct tk_str name)
{
    if (v.type == TK_J_STR) {
        const struct tk_jbuiltin *fn = tk__jbuiltin_find(tk__jmethods_str, name);
        return fn ? fn : tk__jbuiltin_find(tk__jmethods_split, name);
    }
    return by_type[v.type] ? tk__jbuiltin_find(by_type[v.type], name) : NULL;
}
