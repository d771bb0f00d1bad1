/* jinja_ops.c - operators, attributes, items, slices, calls: as Python and jinja2's sandbox do them
 *
 * `a.b` asks for an attribute first and then for the item, `a["b"]` the other way round. What a
 * template may not touch (names with an underscore first, methods that change a list or a dict) is
 * an undefined value that fails when used.
 */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "token/jinja.h"
#include "token/unicode.h"

/* ---- arithmetic ---- */

static struct tk_jval fail_types(struct tk_jrender *r, const char *op, struct tk_jval a,
                                 struct tk_jval b)
{
    if (tk__jfail_if_undef(r, a) || tk__jfail_if_undef(r, b))
        return a;
    if (a.type == TK_J_VIEW || b.type == TK_J_VIEW)
        return tk__jfail(r, TK_E_UNSUPPORTED, "set operations on dict views are not supported");
    return tk__jfail(r, TK_E_FORMAT, "unsupported operand type(s) for %s: '%s' and '%s'", op,
                     tk__jtype_name(a), tk__jtype_name(b));
}

static struct tk_jval fail_overflow(struct tk_jrender *r)
{
    return tk__jfail(r, TK_E_UNSUPPORTED, "an integer past 64 bits is not supported here");
}

static struct tk_jval fail_zero(struct tk_jrender *r)
{
    return tk__jfail(r, TK_E_FORMAT, "division by zero");
}

static bool is_number(struct tk_jval v)
{
    return v.type >= TK_J_BOOL && v.type <= TK_J_FLOAT;
}

static struct tk_jval int_pow(struct tk_jrender *r, int64_t base, int64_t exp)
{
    int64_t result = 1;
    if (exp < 0) {
        if (base == 0)
            return fail_zero(r);
        return tk__jfloat(pow((double)base, (double)exp));
    }
    while (exp > 0) {
        if (exp & 1 && __builtin_mul_overflow(result, base, &result))
            return fail_overflow(r);
        exp >>= 1;
        if (exp && __builtin_mul_overflow(base, base, &base))
            return fail_overflow(r);
    }
    return tk__jint(result);
}

static struct tk_jval int_op(struct tk_jrender *r, enum tk_jtok op, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool overflows = false;
    switch (op) {
    case TK_JT_ADD:
        overflows = __builtin_add_overflow(a, b, &result);
        break;
    case TK_JT_SUB:
        overflows = __builtin_sub_overflow(a, b, &result);
        break;
    case TK_JT_MUL:
        overflows = __builtin_mul_overflow(a, b, &result);
        break;
    case TK_JT_DIV:
        if (b == 0)
            return fail_zero(r);
        return tk__jfloat((double)((long double)a / (long double)b));
    case TK_JT_FLOORDIV:
    case TK_JT_MOD:
        if (b == 0)
            return fail_zero(r);
        if (b == -1) {
            overflows = op == TK_JT_FLOORDIV && __builtin_sub_overflow(0, a, &result);
            break;
        }
        result = a % b;
        if (result && (result < 0) != (b < 0))
            result += b;
        if (op == TK_JT_FLOORDIV)
            result = (a - result) / b;
        break;
    default:
        return int_pow(r, a, b);
    }
    return overflows ? fail_overflow(r) : tk__jint(result);
}

/* CPython's float_divmod. */
static double float_mod(double a, double b, double *ret_floor)
{
    double mod = fmod(a, b);
    double div = (a - mod) / b;
    if (mod != 0) {
        if ((b < 0) != (mod < 0)) {
            mod += b;
            div -= 1;
        }
    } else {
        mod = copysign(0, b);
    }
    if (div != 0) {
        *ret_floor = floor(div);
        if (div - *ret_floor > 0.5)
            *ret_floor += 1;
    } else {
        *ret_floor = copysign(0, a / b);
    }
    return mod;
}

static struct tk_jval float_pow(struct tk_jrender *r, double a, double b)
{
    if (a == 0 && b < 0)
        return tk__jfail(r, TK_E_FORMAT, "0.0 cannot be raised to a negative power");
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
        return tk__jfail(r, TK_E_UNSUPPORTED, "complex numbers are not supported");
    double result = pow(a, b);
    if (isinf(result) && isfinite(a) && isfinite(b))
        return tk__jfail(r, TK_E_FORMAT, "numerical result out of range");
    return tk__jfloat(result);
}

static struct tk_jval float_op(struct tk_jrender *r, enum tk_jtok op, double a, double b)
{
    double quotient;
    double mod;
    switch (op) {
    case TK_JT_ADD:
        return tk__jfloat(a + b);
    case TK_JT_SUB:
        return tk__jfloat(a - b);
    case TK_JT_MUL:
        return tk__jfloat(a * b);
    case TK_JT_DIV:
        return b == 0 ? fail_zero(r) : tk__jfloat(a / b);
    case TK_JT_FLOORDIV:
    case TK_JT_MOD:
        if (b == 0)
            return fail_zero(r);
        mod = float_mod(a, b, &quotient);
        return tk__jfloat(op == TK_JT_MOD ? mod : quotient);
    default:
        return float_pow(r, a, b);
    }
}

static struct tk_jval add_strings(struct tk_jrender *r, struct tk_jval a, struct tk_jval b)
{
    bool is_markup = (a.flags | b.flags) & TK_J_MARKUP;
    if (is_markup) {
        a = tk__jto_escaped(r, a);
        b = tk__jto_escaped(r, b);
    }
    size_t n = (size_t)a.n + b.n;
    if (r->rc || n > r->max_bytes)
        return tk__jfail(r, TK_E_LIMIT, "a text of more than %zu bytes", r->max_bytes);
    char *p = tk__jalloc(r, n + 1);
    if (!p)
        return a;
    memcpy(p, a.s, a.n);
    memcpy(p + a.n, b.s, b.n);
    struct tk_jval v = tk__jstr((struct tk_str){ p, n });
    return is_markup ? tk__jmarkup(v) : v;
}

static struct tk_jval add_seqs(struct tk_jrender *r, struct tk_jval a, struct tk_jval b)
{
    size_t n = (size_t)a.n + b.n;
    if (n > UINT32_MAX / 2)
        return tk__jfail(r, TK_E_LIMIT, "a list of more than %u items", UINT32_MAX / 2);
    struct tk_jval *items = tk__jalloc(r, n * sizeof(*items) + 1);
    if (!items || !tk__jstep(r, n / 4))
        return a;
    if (a.n)
        memcpy(items, a.items, a.n * sizeof(*items));
    if (b.n)
        memcpy(items + a.n, b.items, b.n * sizeof(*items));
    a.items = items;
    a.n = (uint32_t)n;
    a.flags = 0;
    return a;
}

static struct tk_jval repeat(struct tk_jrender *r, struct tk_jval v, int64_t times)
{
    size_t each = v.type == TK_J_STR ? 1 : sizeof(struct tk_jval);
    if (times <= 0 || v.n == 0) {
        v.n = 0;
        return v;
    }
    if ((uint64_t)times > r->max_bytes / v.n / each)
        return tk__jfail(r, TK_E_LIMIT, "a value of more than %zu bytes", r->max_bytes);
    size_t n = (size_t)times * v.n;
    char *p = tk__jalloc(r, n * each + 1);
    if (!p)
        return v;
    for (int64_t i = 0; i < times; i++)
        memcpy(p + (size_t)i * v.n * each, v.type == TK_J_STR ? (const void *)v.s : v.items,
               v.n * each);
    if (v.type == TK_J_STR)
        v.s = p;
    else
        v.items = (const struct tk_jval *)(const void *)p;
    v.n = (uint32_t)n;
    return v;
}

static const char *op_name(enum tk_jtok op)
{
    return op == TK_JT_POW ? "** or pow()" : tk__jtok_describe(op);
}

static struct tk_jval number_op(struct tk_jrender *r, enum tk_jtok op, struct tk_jval a,
                                struct tk_jval b)
{
    if (tk__jis_int(a) && tk__jis_int(b))
        return int_op(r, op, a.i, b.i);
    if (a.type != TK_J_FLOAT && b.type != TK_J_FLOAT)
        return fail_overflow(r);
    return float_op(r, op, tk__jnumber(a), tk__jnumber(b));
}

struct tk_jval tk__jbinop(struct tk_jrender *r, enum tk_jtok op, struct tk_jval a, struct tk_jval b)
{
    if (is_number(a) && is_number(b))
        return number_op(r, op, a, b);
    if (op == TK_JT_ADD && a.type == b.type && a.type == TK_J_STR)
        return add_strings(r, a, b);
    if (op == TK_JT_ADD && a.type == b.type && tk__jis_seq(a))
        return add_seqs(r, a, b);
    if (op == TK_JT_MUL && tk__jis_int(b) && (a.type == TK_J_STR || tk__jis_seq(a)))
        return repeat(r, a, b.i);
    if (op == TK_JT_MUL && tk__jis_int(a) && (b.type == TK_J_STR || tk__jis_seq(b)))
        return repeat(r, b, a.i);
    if (op == TK_JT_MOD && a.type == TK_J_STR)
        return tk__jpercent(r, a, b);
    return fail_types(r, op_name(op), a, b);
}

/* ---- attributes ---- */

static struct tk_jval no_attr(struct tk_jval v, struct tk_str name, enum tk_jundef why)
{
    struct tk_jval u = tk__jundef(why, name);
    u.flags |= (uint8_t)(v.type << 3);
    return u;
}

/* Attributes that every Python object has; templates may not touch them. */
static bool is_dunder(struct tk_str name)
{
    static const char *const names[] = {
        "class",        "delattr",       "dir",  "doc",          "eq",      "format", "ge",
        "gt",           "hash",          "init", "getattribute", "le",      "lt",     "ne",
        "new",          "reduce",        "repr", "reduce_ex",    "setattr", "sizeof", "str",
        "subclasshook", "init_subclass",
    };
    if (name.n < 5 || memcmp(name.p, "__", 2) != 0 || memcmp(name.p + name.n - 2, "__", 2) != 0)
        return false;
    for (unsigned i = 0; i < TK_ARRAY_LEN(names); i++) {
        if (tk_str_is((struct tk_str){ name.p + 2, name.n - 4 }, names[i]))
            return true;
    }
    return false;
}

/* Fields of objects of our own; MISSING when there is none of that name. */
static struct tk_jval field(struct tk_jrender *r, struct tk_jval v, struct tk_str name)
{
    struct tk_jval *item;
    struct tk_jval found = TK_J_VAL(TK_J_MISSING);
    bool has = false;
    switch (v.type) {
    case TK_J_NAMESPACE:
        item = tk__jdict_find(v.dict, name);
        return item ? *item : found;
    case TK_J_LOOP:
        found = tk__jloop_attr(r, v.loop, name, &has);
        return has ? found : TK_J_VAL(TK_J_MISSING);
    case TK_J_TUPLE:
        if (v.flags & TK_J_GROUP && tk_str_is(name, "grouper"))
            return v.items[0];
        if (v.flags & TK_J_GROUP && tk_str_is(name, "list"))
            return v.items[1];
        return found;
    case TK_J_MACRO:
        if (tk_str_is(name, "name"))
            return v.macro->node->name.n ? tk__jstr(v.macro->node->name) : tk__jnone();
        return found;
    case TK_J_CYCLER:
        if (tk_str_is(name, "current"))
            return v.cycler->items.items[v.cycler->at];
        if (tk_str_is(name, "pos"))
            return tk__jint(v.cycler->at);
        return found;
    default:
        return found;
    }
}

/* Python's attribute `name`, through the sandbox; MISSING when there is none. */
static struct tk_jval attribute(struct tk_jrender *r, struct tk_jval v, struct tk_str name)
{
    struct tk_jval found = field(r, v, name);
    const struct tk_jbuiltin *method = found.type == TK_J_MISSING && r->rc == 0
                                           ? tk__jmethod(v, name)
                                           : NULL;
    if (method && method->fn) {
        struct tk_jbound *bound = tk__jalloc(r, sizeof(*bound));
        if (!bound)
            return TK_J_VAL(TK_J_UNDEF);
        *bound = (struct tk_jbound){ v, method };
        return (struct tk_jval){ .type = TK_J_METHOD, .bound = bound };
    }
    if (method || (found.type == TK_J_MISSING && v.type != TK_J_NAMESPACE && is_dunder(name)) ||
        (found.type != TK_J_MISSING && name.n && name.p[0] == '_'))
        return no_attr(v, name, TK_J_UNDEF_UNSAFE);
    return found;
}

struct tk_jval tk__jgetattr(struct tk_jrender *r, struct tk_jval v, struct tk_str name)
{
    if (tk__jfail_if_undef(r, v))
        return v;
    struct tk_jval found = attribute(r, v, name);
    if (found.type != TK_J_MISSING)
        return found;
    struct tk_jval *item = v.type == TK_J_DICT ? tk__jdict_find(v.dict, name) : NULL;
    return item ? *item : no_attr(v, name, TK_J_UNDEF_ATTR);
}

/* ---- items ---- */

/* Could `v` be the key of a dict? */
static bool is_hashable(struct tk_jval v)
{
    if (v.type == TK_J_TUPLE) {
        for (uint32_t i = 0; i < v.n; i++) {
            if (v.items[i].type == TK_J_TUPLE || !is_hashable(v.items[i]))
                return false; /* a tuple in a tuple is no key that a chat has */
        }
    }
    return v.type != TK_J_LIST && v.type != TK_J_DICT &&
           (v.type != TK_J_VIEW || v.flags == TK_J_VIEW_VALUES);
}

static struct tk_jval str_at(struct tk_jval v, int64_t i)
{
    struct tk_str s = tk__jtext(v);
    bool is_ascii = tk__jis_ascii(s);
    int64_t n = is_ascii ? v.n : (int64_t)tk__jcount(s);
    i += i < 0 ? n : 0;
    if (i < 0 || i >= n)
        return TK_J_VAL(TK_J_MISSING);
    size_t at = is_ascii ? (size_t)i : tk__joffset(s, (size_t)i);
    struct tk_jval one = tk__jstr((struct tk_str){ s.p + at, tk__utf8_len(s.p[at]) });
    one.flags = v.flags;
    return one;
}

/* v[key] as Python has it; MISSING where it raises. */
static struct tk_jval item(struct tk_jrender *r, struct tk_jval v, struct tk_jval key)
{
    struct tk_jval none = TK_J_VAL(TK_J_MISSING);
    if (v.type == TK_J_DICT) {
        struct tk_jval *found = is_hashable(key) ? tk__jdict_get(r, v.dict, key) : NULL;
        return found ? *found : none;
    }
    if (!tk__jis_int(key))
        return none;
    int64_t i = key.i;
    switch (v.type) {
    case TK_J_STR:
        tk__jstep(r, v.n / 32);
        return str_at(v, i);
    case TK_J_LIST:
    case TK_J_TUPLE:
        i += i < 0 ? (int64_t)v.n : 0;
        return i >= 0 && i < (int64_t)v.n ? v.items[i] : none;
    case TK_J_RANGE:
        i += i < 0 ? v.range->n : 0;
        return i >= 0 && i < v.range->n ? tk__jint(v.range->start + i * v.range->step) : none;
    default:
        return none;
    }
}

struct tk_jval tk__jgetitem(struct tk_jrender *r, struct tk_jval v, struct tk_jval key)
{
    if (tk__jfail_if_undef(r, v))
        return v;
    struct tk_jval found = item(r, v, key);
    if (found.type != TK_J_MISSING || r->rc)
        return found;
    if (key.type != TK_J_STR)
        return no_attr(v, TK_STR(""), TK_J_UNDEF_ITEM);
    found = attribute(r, v, tk__jtext(key));
    return found.type != TK_J_MISSING ? found : no_attr(v, tk__jtext(key), TK_J_UNDEF_ATTR);
}

/* ---- slices ---- */

static bool slice_index(struct tk_jrender *r, struct tk_jval v, int64_t otherwise, int64_t *ret)
{
    if (v.type == TK_J_NONE || v.type == TK_J_MISSING) {
        *ret = otherwise;
        return true;
    }
    if (tk__jis_int(v)) {
        *ret = v.i;
        return true;
    }
    tk__jfail(r, TK_E_FORMAT, "slice indices must be integers or None");
    return false;
}

static int64_t clamp(int64_t i, int64_t n, bool is_back)
{
    if (i < 0)
        i = i < -n ? -1 : i + n;
    if (i < 0)
        return is_back ? -1 : 0;
    if (i >= n)
        return is_back ? n - 1 : n;
    return i;
}

static struct tk_jval slice_str(struct tk_jrender *r, struct tk_jval v, int64_t start, int64_t step,
                                int64_t count)
{
    struct tk_str s = tk__jtext(v);
    bool is_ascii = tk__jis_ascii(s);
    if (step == 1) {
        size_t from = is_ascii ? (size_t)start : tk__joffset(s, (size_t)start);
        struct tk_str rest = { s.p + from, s.n - from };
        rest.n = is_ascii ? (size_t)count : tk__joffset(rest, (size_t)count);
        struct tk_jval part = tk__jstr(rest);
        part.flags = v.flags;
        return part;
    }
    /* Each code point's place, so that steps backwards are cheap. */
    size_t n = tk__jcount(s);
    uint32_t *at = tk__jalloc(r, n * sizeof(*at) + 1);
    char *p = tk__jalloc(r, s.n + 1);
    size_t used = 0;
    if (!at || !p)
        return v;
    for (size_t i = 0, byte = 0; i < n; i++) {
        at[i] = (uint32_t)byte;
        byte += tk__utf8_len(s.p[byte]);
    }
    for (int64_t i = start; count > 0; i += step, count--) {
        size_t len = tk__utf8_len(s.p[at[i]]);
        memcpy(p + used, s.p + at[i], len);
        used += len;
    }
    struct tk_jval part = tk__jstr((struct tk_str){ p, used });
    part.flags = v.flags;
    return part;
}

static struct tk_jval slice_seq(struct tk_jrender *r, struct tk_jval v, int64_t start, int64_t step,
                                int64_t count)
{
    v.flags = 0;
    if (step == 1) {
        v.items = v.items ? v.items + start : NULL;
        v.n = (uint32_t)count;
        return v;
    }
    struct tk_jval *items = tk__jalloc(r, (size_t)count * sizeof(*items) + 1);
    if (!items)
        return v;
    for (int64_t i = 0; i < count; i++)
        items[i] = v.items[start + i * step];
    v.items = items;
    v.n = (uint32_t)count;
    return v;
}

static struct tk_jval slice_range(struct tk_jrender *r, const struct tk_jrange *g, int64_t start,
                                  int64_t stop, int64_t step, int64_t count)
{
    struct tk_jrange *part = tk__jalloc(r, sizeof(*part));
    if (part)
        *part = (struct tk_jrange){ g->start + start * g->step, g->start + stop * g->step,
                                    g->step * step, count };
    return (struct tk_jval){ .type = TK_J_RANGE, .range = part };
}

static int64_t slice_count(int64_t start, int64_t stop, int64_t step)
{
    if (step < 0)
        return stop < start ? (start - stop - 1) / -step + 1 : 0;
    return step > 0 && start < stop ? (stop - start - 1) / step + 1 : 0;
}

static struct tk_jval take_slice(struct tk_jrender *r, struct tk_jval v, int64_t start,
                                 int64_t stop, int64_t step)
{
    int64_t count = slice_count(start, stop, step);
    if (v.type == TK_J_RANGE)
        return slice_range(r, v.range, start, stop, step, count);
    if (v.type == TK_J_STR)
        tk__jstep(r, v.n / (step == 1 ? 32 : 2));
    if (r->rc || count == 0) {
        v.n = 0;
        v.flags = v.type == TK_J_STR ? v.flags : 0;
        return v;
    }
    return v.type == TK_J_STR ? slice_str(r, v, start, step, count)
                              : slice_seq(r, v, start, step, count);
}

struct tk_jval tk__jslice(struct tk_jrender *r, struct tk_jval v, struct tk_jval start,
                          struct tk_jval stop, struct tk_jval step)
{
    int64_t from, to, by;
    if (tk__jfail_if_undef(r, v))
        return v;
    if (v.type != TK_J_STR && !tk__jis_seq(v) && v.type != TK_J_RANGE)
        return tk__jfail(r, TK_E_FORMAT, "'%s' object cannot be sliced", tk__jtype_name(v));
    int64_t n = tk__jlen(v);
    if (!slice_index(r, step, 1, &by))
        return v;
    if (by == 0)
        return tk__jfail(r, TK_E_FORMAT, "slice step cannot be zero");
    if (by < -n - 1 || by > n + 1) /* one item at most: the same, without overflow */
        by = by < 0 ? -n - 1 : n + 1;
    bool is_back = by < 0;
    if (!slice_index(r, start, is_back ? n - 1 : 0, &from) ||
        !slice_index(r, stop, is_back ? -n - 1 : n, &to))
        return v;
    return take_slice(r, v, clamp(from, n, is_back), clamp(to, n, is_back), by);
}

/* ---- calls ---- */

#define MAX_BOUND 8

static struct tk_jval fail_args(struct tk_jrender *r, const struct tk_jbuiltin *fn,
                                const char *what, struct tk_str name)
{
    return tk__jfail(r, TK_E_FORMAT, "%s() %s '%.*s'", fn->name, what, TK_STR_ARG(name));
}

struct tk_jval tk__jcall_builtin(struct tk_jrender *r, const struct tk_jbuiltin *fn,
                                 struct tk_jval self, const struct tk_jargs *args)
{
    struct tk_jval a[MAX_BOUND] = { { 0 } };
    const char *p = fn->params;
    bool by_position = *p == '/';
    uint32_t n = 0, n_kw = 0;
    bool is_open = false;
    for (p += by_position; *p; p++) {
        if (*p == ' ')
            continue;
        if (*p == '*') {
            is_open = true;
            continue;
        }
        struct tk_str name = { p, strcspn(p, " ?") };
        bool is_optional = name.p[name.n] == '?';
        if (n < args->n)
            a[n] = args->v[n];
        for (uint32_t k = 0; !by_position && k < args->n_kw; k++) {
            if (!tk_str_eq(args->kw[k].name, name))
                continue;
            if (n < args->n)
                return fail_args(r, fn, "got multiple values for argument", name);
            a[n] = args->kw[k].val;
            n_kw++;
        }
        if (a[n].type == TK_J_MISSING && !is_optional)
            return fail_args(r, fn, "lacks the argument", name);
        n++;
        p += name.n - !is_optional;
    }
    if (!is_open && args->n > n)
        return tk__jfail(r, TK_E_FORMAT, "%s() takes %u arguments, %u were given", fn->name, n,
                         args->n);
    if (!is_open && n_kw < args->n_kw)
        return fail_args(r, fn, "got an unexpected keyword argument, of",
                         args->kw[args->n_kw - 1].name);
    return fn->fn(r, self, a, args);
}

struct tk_jval tk__jcall(struct tk_jrender *r, struct tk_jval fn, const struct tk_jargs *args)
{
    struct tk_jval result;
    if (!tk__jdeeper(r)) {
        tk__jback(r);
        return fn;
    }
    switch (fn.type) {
    case TK_J_UNDEF:
        result = tk__jfail_undef(r, fn);
        break;
    case TK_J_MACRO:
        result = tk__jmacro_call(r, fn, args);
        break;
    case TK_J_FUNC:
        result = tk__jcall_builtin(r, fn.fn, TK_J_VAL(TK_J_MISSING), args);
        break;
    case TK_J_METHOD:
        result = tk__jcall_builtin(r, fn.bound->fn, fn.bound->self, args);
        break;
    case TK_J_LOOP:
        result = args->n == 1 && args->n_kw == 0
                     ? tk__jloop_recurse(r, fn.loop, args->v[0])
                     : tk__jfail(r, TK_E_FORMAT, "loop() takes one argument");
        break;
    case TK_J_JOINER:
        result = fn.cycler->at ? fn.cycler->items : tk__jstr(TK_STR(""));
        fn.cycler->at = 1;
        break;
    default:
        result = tk__jfail(r, TK_E_FORMAT, "'%s' object is not callable", tk__jtype_name(fn));
    }
    tk__jback(r);
    return result;
}
