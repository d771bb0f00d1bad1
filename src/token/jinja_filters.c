/* jinja_filters.c - filters over sequences and mappings, and the table of all filters
 *
 * The shape of each follows jinja2's filters.py. What is a generator there is lazy here.
 */
#include "base/str.h"
#include "token/jinja.h"

static bool is_given(struct tk_jval v)
{
    return v.type != TK_J_MISSING;
}

static bool flag(struct tk_jrender *r, struct tk_jval v)
{
    return is_given(v) && tk__jtruth(r, v);
}

/* For sorting and grouping without case: strings lowered, others as they are. */
static struct tk_jval ignore_case(struct tk_jrender *r, struct tk_jval v)
{
    return v.type == TK_J_STR ? tk__jcase(r, tk__jtext(v), TK_J_LOWER) : v;
}

static struct tk_jval key_of(struct tk_jrender *r, struct tk_jval item, struct tk_jval attr,
                             struct tk_jval dflt, bool with_case)
{
    struct tk_jval key = tk__jattr_path(r, item, attr, dflt);
    return r->rc || with_case ? key : ignore_case(r, key);
}

/* ---- simple ones ---- */

static struct tk_jval do_length(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    bool has;
    (void)a;
    (void)args;
    if (v.type == TK_J_LOOP)
        return tk__jloop_attr(r, v.loop, TK_STR("length"), &has);
    tk__jstep(r, v.type == TK_J_STR ? v.n / 32 : 0);
    int64_t n = tk__jlen(v);
    if (n < 0)
        return tk__jfail(r, TK_E_FORMAT, "object of type '%s' has no len()", tk__jtype_name(v));
    return tk__jint(n);
}

static struct tk_jval do_default(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                 const struct tk_jargs *args)
{
    (void)args;
    if (v.type == TK_J_UNDEF || (flag(r, a[1]) && !tk__jtruth(r, v)))
        return is_given(a[0]) ? a[0] : tk__jstr(TK_STR(""));
    return v;
}

static struct tk_jval do_list(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                              const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    return tk__jto_list(r, v);
}

static struct tk_jval do_first(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               const struct tk_jargs *args)
{
    struct tk_jiter it;
    struct tk_jval item;
    (void)a;
    (void)args;
    if (!tk__jiter_init(r, &it, v))
        return v;
    return tk__jiter_next(r, &it, &item) ? item : tk__jhint("no first item, sequence was empty");
}

static struct tk_jval do_last(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                              const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    int64_t n = tk__jlen(v);
    if (n < 0)
        return tk__jfail(r, TK_E_FORMAT, "'%s' object is not reversible", tk__jtype_name(v));
    if (n == 0)
        return tk__jhint("no last item, sequence was empty");
    struct tk_jval list = v.type == TK_J_STR || v.type == TK_J_RANGE ? v : tk__jto_list(r, v);
    return r->rc ? v : tk__jgetitem(r, list, tk__jint(n - 1));
}

static struct tk_jval do_attr(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                              const struct tk_jargs *args)
{
    (void)args;
    if (a[0].type != TK_J_STR)
        return tk__jfail(r, TK_E_FORMAT, "attribute name must be string");
    if (v.type == TK_J_DICT && !tk__jmethod(v, tk__jtext(a[0]))) /* its items are not asked */
        return tk__jundef(TK_J_UNDEF_ATTR, tk__jtext(a[0]));
    return tk__jgetattr(r, v, tk__jtext(a[0]));
}

static struct tk_jval do_sum(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                             const struct tk_jargs *args)
{
    struct tk_jiter it;
    struct tk_jval item;
    struct tk_jval sum = is_given(a[1]) ? a[1] : tk__jint(0);
    (void)args;
    if (sum.type == TK_J_STR)
        return tk__jfail(r, TK_E_FORMAT, "sum() can't sum strings [use ''.join(seq) instead]");
    if (!tk__jiter_init(r, &it, v))
        return v;
    while (r->rc == 0 && tk__jiter_next(r, &it, &item)) {
        item = tk__jattr_path(r, item, a[0], TK_J_VAL(TK_J_MISSING));
        if (r->rc == 0)
            sum = tk__jbinop(r, TK_JT_ADD, sum, item);
    }
    return sum;
}

static struct tk_jval extreme(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                              int wanted)
{
    struct tk_jiter it;
    struct tk_jval item, best, best_key;
    if (!tk__jiter_init(r, &it, v))
        return v;
    if (!tk__jiter_next(r, &it, &best))
        return tk__jhint("no aggregated item, sequence was empty");
    best_key = key_of(r, best, a[1], TK_J_VAL(TK_J_MISSING), flag(r, a[0]));
    while (r->rc == 0 && tk__jiter_next(r, &it, &item)) {
        struct tk_jval key = key_of(r, item, a[1], TK_J_VAL(TK_J_MISSING), flag(r, a[0]));
        if (r->rc == 0 && tk__jorder(r, key, best_key, wanted < 0 ? "<" : ">") == wanted) {
            best = item;
            best_key = key;
        }
    }
    return best;
}

static struct tk_jval do_min(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                             const struct tk_jargs *args)
{
    (void)args;
    return extreme(r, v, a, -1);
}

static struct tk_jval do_max(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                             const struct tk_jargs *args)
{
    (void)args;
    return extreme(r, v, a, 1);
}

static struct tk_jval do_reverse(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                 const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    struct tk_jval none = TK_J_VAL(TK_J_NONE);
    if (v.type == TK_J_STR)
        return tk__jslice(r, v, none, none, tk__jint(-1));
    bool is_lazy = tk__jlen(v) >= 0;
    struct tk_jval list = tk__jto_list(r, v);
    if (r->rc)
        return v;
    list = tk__jslice(r, list, none, none, tk__jint(-1));
    struct tk_jiter it;
    if (!is_lazy || r->rc || !tk__jiter_init(r, &it, list))
        return list;
    return tk__jgen(r, &it);
}

/* ---- sorting and grouping ---- */

/* The keys of sort: a list of what each of the comma-separated attributes is. */
static struct tk_jval sort_key(struct tk_jrender *r, struct tk_jval item, struct tk_jval attr,
                               bool with_case)
{
    struct tk_jvec vec = { 0 };
    if (attr.type != TK_J_STR) {
        tk__jvec_add(r, &vec, key_of(r, item, attr, TK_J_VAL(TK_J_MISSING), with_case));
        return tk__jlist(vec.v, vec.n);
    }
    struct tk_str rest = tk__jtext(attr), part;
    while (r->rc == 0 && tk_str_split(&rest, ',', &part))
        tk__jvec_add(r, &vec, key_of(r, item, tk__jstr(part), TK_J_VAL(TK_J_MISSING), with_case));
    return tk__jlist(vec.v, vec.n);
}

/* A copy of the items of `list`, and room for as many keys. */
static bool copy_items(struct tk_jrender *r, struct tk_jval list, struct tk_jval **ret_vals,
                       struct tk_jval **ret_keys)
{
    *ret_vals = tk__jalloc(r, list.n * sizeof(**ret_vals) + 1);
    *ret_keys = tk__jalloc(r, list.n * sizeof(**ret_keys) + 1);
    for (uint32_t i = 0; r->rc == 0 && i < list.n; i++)
        (*ret_vals)[i] = list.items[i];
    return r->rc == 0;
}

static struct tk_jval do_sort(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                              const struct tk_jargs *args)
{
    struct tk_jval list = tk__jto_list(r, v);
    struct tk_jval *vals, *keys;
    (void)args;
    if (r->rc || !copy_items(r, list, &vals, &keys))
        return v;
    for (uint32_t i = 0; i < list.n && r->rc == 0; i++)
        keys[i] = sort_key(r, vals[i], a[2], flag(r, a[1]));
    if (r->rc == 0)
        tk__jsort(r, keys, vals, list.n, flag(r, a[0]));
    return tk__jlist(vals, list.n);
}

static struct tk_jval do_dictsort(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                  const struct tk_jargs *args)
{
    bool by_value = a[1].type == TK_J_STR && tk_str_is(tk__jtext(a[1]), "value");
    struct tk_jval *keys, *vals;
    (void)args;
    if (is_given(a[1]) && !by_value &&
        !(a[1].type == TK_J_STR && tk_str_is(tk__jtext(a[1]), "key")))
        return tk__jfail(r, TK_E_FORMAT, "you can only sort by either \"key\" or \"value\"");
    if (tk__jfail_if_undef(r, v))
        return v;
    if (v.type != TK_J_DICT)
        return tk__jfail(r, TK_E_FORMAT, "'%s' object has no attribute 'items'", tk__jtype_name(v));
    struct tk_jval view = { .type = TK_J_VIEW, .flags = TK_J_VIEW_ITEMS, .dict = v.dict };
    struct tk_jval list = tk__jto_list(r, view);
    if (r->rc || !copy_items(r, list, &vals, &keys))
        return v;
    for (uint32_t i = 0; i < list.n && r->rc == 0; i++) {
        keys[i] = vals[i].items[by_value];
        if (!flag(r, a[0]))
            keys[i] = ignore_case(r, keys[i]);
    }
    if (r->rc == 0)
        tk__jsort(r, keys, vals, list.n, flag(r, a[2]));
    return tk__jlist(vals, list.n);
}

static struct tk_jval group(struct tk_jrender *r, struct tk_jval grouper,
                            const struct tk_jval *items, uint32_t n)
{
    struct tk_jval *pair = tk__jalloc(r, 2 * sizeof(*pair));
    if (!pair)
        return grouper;
    pair[0] = grouper;
    pair[1] = tk__jlist(items, n);
    struct tk_jval t = tk__jtuple(pair, 2);
    t.flags = TK_J_GROUP;
    return t;
}

static struct tk_jval do_groupby(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                 const struct tk_jargs *args)
{
    struct tk_jval list = tk__jto_list(r, v);
    struct tk_jval *vals, *keys;
    struct tk_jvec groups = { 0 };
    bool with_case = flag(r, a[2]);
    (void)args;
    if (r->rc || !copy_items(r, list, &vals, &keys))
        return v;
    for (uint32_t i = 0; i < list.n && r->rc == 0; i++)
        keys[i] = key_of(r, vals[i], a[0], a[1], with_case);
    if (r->rc == 0)
        tk__jsort(r, keys, vals, list.n, false);
    for (uint32_t from = 0, to; from < list.n && r->rc == 0; from = to) {
        for (to = from + 1; to < list.n && tk__jequal(r, keys[from], keys[to]); to++)
            continue;
        struct tk_jval name = with_case ? keys[from] : tk__jattr_path(r, vals[from], a[0], a[1]);
        tk__jvec_add(r, &groups, group(r, name, vals + from, to - from));
    }
    return tk__jlist(groups.v, groups.n);
}

/* ---- generators ---- */

/* A generator over `v` that nothing has been done to yet. */
static struct tk_jval generator(struct tk_jrender *r, struct tk_jval v, struct tk_jiter *it)
{
    it->src = v;
    return tk__jgen(r, it);
}

/* Begin to draw, at the first item that is asked for. */
static bool begin(struct tk_jrender *r, struct tk_jiter *it)
{
    if (!it->inner) {
        it->inner = tk__jalloc(r, sizeof(*it->inner));
        if (!it->inner || !tk__jiter_init(r, it->inner, it->src))
            return false;
    }
    return r->rc == 0;
}

static int next_items(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    struct tk_jval view = it->src;
    if (it->src.type == TK_J_UNDEF)
        return 0;
    if (it->src.type != TK_J_DICT) {
        tk__jfail(r, TK_E_FORMAT, "can only get item pairs from a mapping");
        return 0;
    }
    if (!it->inner) {
        it->inner = tk__jalloc(r, sizeof(*it->inner));
        view.type = TK_J_VIEW;
        view.flags = TK_J_VIEW_ITEMS;
        if (!it->inner || !tk__jiter_init(r, it->inner, view))
            return 0;
    }
    return tk__jiter_next(r, it->inner, ret);
}

static struct tk_jval do_items(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    return generator(r, v, &(struct tk_jiter){ .next = next_items });
}

static int next_unique(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    if (!begin(r, it))
        return 0;
    if (!it->seen)
        it->seen = tk__jdict_new(r, 0);
    while (r->rc == 0 && tk__jiter_next(r, it->inner, ret)) {
        struct tk_jval key = key_of(r, *ret, it->attr, TK_J_VAL(TK_J_MISSING),
                                    it->negate /* case matters */);
        if (r->rc)
            return 0;
        uint32_t n = it->seen->n;
        tk__jdict_set(r, it->seen, key, tk__jnone());
        if (r->rc == 0 && it->seen->n > n)
            return 1;
    }
    return 0;
}

static struct tk_jval do_unique(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    (void)args;
    return generator(
        r, v, &(struct tk_jiter){ .next = next_unique, .negate = flag(r, a[0]), .attr = a[1] });
}

static int next_batch(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    struct tk_jvec vec = { 0 };
    struct tk_jval item;
    int64_t n = it->attr.i;
    if (!begin(r, it))
        return 0;
    while (r->rc == 0 && vec.n < n && tk__jiter_next(r, it->inner, &item))
        tk__jvec_add(r, &vec, item);
    if (vec.n == 0)
        return 0;
    while (r->rc == 0 && it->dflt.type != TK_J_NONE && it->dflt.type != TK_J_MISSING && vec.n < n)
        tk__jvec_add(r, &vec, it->dflt);
    *ret = tk__jlist(vec.v, vec.n);
    return 1;
}

static struct tk_jval do_batch(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               const struct tk_jargs *args)
{
    (void)args;
    if (!tk__jis_int(a[0]) || a[0].i <= 0)
        return tk__jfail(r, TK_E_UNSUPPORTED, "batch takes a whole number above 0");
    return generator(r, v, &(struct tk_jiter){ .next = next_batch, .attr = a[0], .dflt = a[1] });
}

static int next_slice(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    int64_t slices = it->attr.i;
    if (it->src.type != TK_J_LIST)
        it->src = tk__jto_list(r, it->src);
    if (r->rc || (int64_t)it->at >= slices)
        return 0;
    int64_t each = it->src.n / slices;
    int64_t with_extra = it->src.n % slices;
    int64_t number = (int64_t)it->at++;
    int64_t from = number * each + TK_MIN(number, with_extra);
    int64_t to = from + each + (number < with_extra);
    struct tk_jvec vec = { 0 };
    for (int64_t i = from; i < to; i++)
        tk__jvec_add(r, &vec, it->src.items[i]);
    if (it->dflt.type != TK_J_NONE && it->dflt.type != TK_J_MISSING && number >= with_extra)
        tk__jvec_add(r, &vec, it->dflt);
    *ret = tk__jlist(vec.v, vec.n);
    return r->rc == 0;
}

static struct tk_jval do_slice(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               const struct tk_jargs *args)
{
    (void)args;
    if (!tk__jis_int(a[0]) || a[0].i <= 0)
        return tk__jfail(r, TK_E_UNSUPPORTED, "slice takes a whole number above 0");
    return generator(r, v, &(struct tk_jiter){ .next = next_slice, .attr = a[0], .dflt = a[1] });
}

/* ---- map, select, reject ---- */

static struct tk_jargs without_first(const struct tk_jargs *args, uint32_t n)
{
    struct tk_jargs rest = *args;
    rest.v += n;
    rest.n -= n;
    return rest;
}

/* The filter or test named by argument `at`; false: none of that name, or no name. */
static bool find_named(struct tk_jrender *r, struct tk_jiter *it, uint32_t at, bool is_test)
{
    struct tk_jval name = it->args.v[at];
    if (name.type == TK_J_STR)
        it->fn = is_test ? tk__jtest(tk__jtext(name)) : tk__jfilter(tk__jtext(name));
    if (!it->fn) {
        struct tk_jval text = tk__jto_str(r, name);
        tk__jfail(r, TK_E_FORMAT, "no %s named '%.*s'", is_test ? "test" : "filter",
                  TK_STR_ARG(tk__jtext(text)));
        return false;
    }
    it->args = without_first(&it->args, at + 1);
    return true;
}

/* map(attribute=…, default=…) */
static bool map_by_attribute(struct tk_jrender *r, struct tk_jiter *it)
{
    bool has = false;
    for (uint32_t i = 0; i < it->args.n_kw; i++) {
        struct tk_str name = it->args.kw[i].name;
        if (tk_str_is(name, "attribute")) {
            it->attr = it->args.kw[i].val;
            has = true;
        } else if (tk_str_is(name, "default")) {
            it->dflt = it->args.kw[i].val;
        } else {
            tk__jfail(r, TK_E_FORMAT, "unexpected keyword argument '%.*s'", TK_STR_ARG(name));
        }
    }
    return has;
}

static int next_map(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    if (!it->inner) {
        if (it->args.n == 0 && !map_by_attribute(r, it))
            tk__jfail(r, TK_E_FORMAT, "map requires a filter argument");
        if (r->rc || (it->args.n > 0 && !find_named(r, it, 0, false)) || !begin(r, it))
            return 0;
    }
    if (!tk__jiter_next(r, it->inner, ret))
        return 0;
    if (it->fn)
        *ret = tk__jcall_builtin(r, it->fn, *ret, &it->args);
    else
        *ret = tk__jattr_path(r, *ret, it->attr, it->dflt);
    return r->rc == 0;
}

static struct tk_jval lazy(struct tk_jrender *r, struct tk_jval v, const struct tk_jargs *args,
                           struct tk_jiter it)
{
    it.args = tk__jargs_keep(r, args);
    it.is_empty = !tk__jtruth(r, v);
    return generator(r, v, &it);
}

static struct tk_jval do_map(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                             const struct tk_jargs *args)
{
    (void)a;
    return lazy(r, v, args, (struct tk_jiter){ .next = next_map });
}

static int next_select(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    bool by_attr = it->dflt.type != TK_J_MISSING; /* selectattr, rejectattr */
    if (!it->inner) {
        if (by_attr && it->args.n == 0) {
            tk__jfail(r, TK_E_FORMAT, "missing parameter for attribute name");
            return 0;
        }
        if (by_attr)
            it->attr = it->args.v[0];
        if ((it->args.n > by_attr && !find_named(r, it, by_attr, true)) || !begin(r, it))
            return 0;
    }
    while (r->rc == 0 && tk__jiter_next(r, it->inner, ret)) {
        struct tk_jval v = tk__jattr_path(r, *ret, it->attr, TK_J_VAL(TK_J_MISSING));
        if (it->fn && r->rc == 0)
            v = tk__jcall_builtin(r, it->fn, v, &it->args);
        if (r->rc == 0 && tk__jtruth(r, v) != it->negate)
            return 1;
    }
    return 0;
}

static struct tk_jval do_select(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    (void)a;
    return lazy(r, v, args, (struct tk_jiter){ .next = next_select });
}

static struct tk_jval do_reject(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                const struct tk_jargs *args)
{
    (void)a;
    return lazy(r, v, args, (struct tk_jiter){ .next = next_select, .negate = true });
}

static struct tk_jval do_selectattr(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                    const struct tk_jargs *args)
{
    (void)a;
    return lazy(r, v, args, (struct tk_jiter){ .next = next_select, .dflt = tk__jnone() });
}

static struct tk_jval do_rejectattr(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                                    const struct tk_jargs *args)
{
    (void)a;
    return lazy(r, v, args,
                (struct tk_jiter){ .next = next_select, .dflt = tk__jnone(), .negate = true });
}

static struct tk_jval do_unsupported(struct tk_jrender *r, struct tk_jval v,
                                     const struct tk_jval *a, const struct tk_jargs *args)
{
    (void)v;
    (void)a;
    (void)args;
    return tk__jfail(r, TK_E_UNSUPPORTED,
                     "the filters random, pprint, urlize and wordwrap are not supported");
}

const struct tk_jbuiltin tk__jfilters_seq[] = {
    { "attr", do_attr, "name" },
    { "batch", do_batch, "linecount fill_with?" },
    { "count", do_length, "" },
    { "d", do_default, "default_value? boolean?" },
    { "default", do_default, "default_value? boolean?" },
    { "dictsort", do_dictsort, "case_sensitive? by? reverse?" },
    { "first", do_first, "" },
    { "groupby", do_groupby, "attribute default? case_sensitive?" },
    { "items", do_items, "" },
    { "last", do_last, "" },
    { "length", do_length, "" },
    { "list", do_list, "" },
    { "map", do_map, "*" },
    { "max", do_max, "case_sensitive? attribute?" },
    { "min", do_min, "case_sensitive? attribute?" },
    { "pprint", do_unsupported, "*" },
    { "random", do_unsupported, "*" },
    { "reject", do_reject, "*" },
    { "rejectattr", do_rejectattr, "*" },
    { "reverse", do_reverse, "" },
    { "select", do_select, "*" },
    { "selectattr", do_selectattr, "*" },
    { "slice", do_slice, "slices fill_with?" },
    { "sort", do_sort, "reverse? case_sensitive? attribute?" },
    { "sum", do_sum, "attribute? start?" },
    { "unique", do_unique, "case_sensitive? attribute?" },
    { "urlize", do_unsupported, "*" },
    { "wordwrap", do_unsupported, "*" },
    { 0 },
};

/* ---- the tables ---- */

const struct tk_jbuiltin *tk__jbuiltin_find(const struct tk_jbuiltin *table, struct tk_str name)
{
    for (; table->name; table++) {
        if (tk_str_is(name, table->name))
            return table;
    }
    return NULL;
}

const struct tk_jbuiltin *tk__jfilter(struct tk_str name)
{
    static const struct tk_jbuiltin *const tables[] = { tk__jfilters_seq, tk__jfilters_text,
                                                        tk__jfilters_number };
    for (unsigned i = 0; i < TK_ARRAY_LEN(tables); i++) {
        const struct tk_jbuiltin *fn = tk__jbuiltin_find(tables[i], name);
        if (fn)
            return fn;
    }
    return NULL;
}
