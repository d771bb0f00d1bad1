/* jinja_value.c - values: making, comparing, hashing them as Python does
 *
 * A value is 16 bytes, passed by copy; what it points to is never changed once it is made, but for
 * the dict of a namespace. Lists, tuples and strings are slices of storage that may be shared.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/str.h"
#include "token/hash.h"
#include "token/jinja.h"

static const char *const type_names[TK_J_TYPE_N_] = {
    [TK_J_MISSING] = "MissingType",
    [TK_J_UNDEF] = "Undefined",
    [TK_J_NONE] = "NoneType",
    [TK_J_BOOL] = "bool",
    [TK_J_INT] = "int",
    [TK_J_BIG] = "int",
    [TK_J_FLOAT] = "float",
    [TK_J_STR] = "str",
    [TK_J_LIST] = "list",
    [TK_J_TUPLE] = "tuple",
    [TK_J_DICT] = "dict",
    [TK_J_RANGE] = "range",
    [TK_J_VIEW] = "dict_keys",
    [TK_J_GEN] = "generator",
    [TK_J_NAMESPACE] = "Namespace",
    [TK_J_MACRO] = "Macro",
    [TK_J_FUNC] = "function",
    [TK_J_METHOD] = "builtin_function_or_method",
    [TK_J_LOOP] = "LoopContext",
    [TK_J_CYCLER] = "Cycler",
    [TK_J_JOINER] = "Joiner",
};

const char *tk__jtype_name_of(enum tk_jtype type)
{
    return type_names[type];
}

const char *tk__jtype_name(struct tk_jval v)
{
    if (v.type == TK_J_STR && v.flags & TK_J_MARKUP)
        return "Markup";
    if (v.type == TK_J_VIEW && v.flags != TK_J_VIEW_KEYS)
        return v.flags == TK_J_VIEW_ITEMS ? "dict_items" : "dict_values";
    return type_names[v.type];
}

/* ---- strings and undefined ---- */

struct tk_jval tk__jhint(const char *message)
{
    return tk__jundef(TK_J_UNDEF_HINT, tk_str_of(message));
}

struct tk_jval tk__jstr_z(const char *z)
{
    return tk__jstr(tk_str_of(z));
}

struct tk_jval tk__jstr_dup(struct tk_jrender *r, struct tk_str s)
{
    if (s.n > r->max_bytes)
        return tk__jfail(r, TK_E_LIMIT, "a text of more than %zu bytes", r->max_bytes);
    char *p = tk__jalloc(r, s.n + 1);
    if (!p)
        return TK_J_VAL(TK_J_UNDEF);
    if (s.n)
        memcpy(p, s.p, s.n);
    return tk__jstr((struct tk_str){ p, s.n });
}

struct tk_jval tk__jstr_take(struct tk_jrender *r, struct tk_buf *b)
{
    struct tk_jval v = TK_J_VAL(TK_J_UNDEF);
    if (b->failed)
        tk__jfail_buf(r, b);
    if (r->rc == 0)
        v = tk__jstr_dup(r, tk_buf_str(b));
    tk_buf_release(b);
    return v;
}

struct tk_jval tk__jfail_undef(struct tk_jrender *r, struct tk_jval v)
{
    const char *type = type_names[v.flags >> 3 < TK_J_TYPE_N_ ? v.flags >> 3 : 0];
    struct tk_str name = tk__jtext(v);
    switch ((enum tk_jundef)(v.flags & 7)) {
    case TK_J_UNDEF_HINT:
        return tk__jfail(r, TK_E_FORMAT, "%.*s", TK_STR_ARG(name));
    case TK_J_UNDEF_ATTR:
        return tk__jfail(r, TK_E_FORMAT, "'%s object' has no attribute '%.*s'", type,
                         TK_STR_ARG(name));
    case TK_J_UNDEF_UNSAFE:
        return tk__jfail(r, TK_E_FORMAT, "access to attribute '%.*s' of '%s' object is unsafe",
                         TK_STR_ARG(name), type);
    case TK_J_UNDEF_PARAM:
        return tk__jfail(r, TK_E_FORMAT, "parameter '%.*s' was not provided", TK_STR_ARG(name));
    case TK_J_UNDEF_ITEM:
        return tk__jfail(r, TK_E_FORMAT, "%s object has no such element", type);
    case TK_J_UNDEF_NAME:
    default:
        return tk__jfail(r, TK_E_FORMAT, "'%.*s' is undefined", TK_STR_ARG(name));
    }
}

bool tk__jfail_if_undef(struct tk_jrender *r, struct tk_jval v)
{
    if (v.type != TK_J_UNDEF)
        return false;
    tk__jfail_undef(r, v);
    return true;
}

/* ---- truth, length, numbers ---- */

int64_t tk__jlen(struct tk_jval v)
{
    switch (v.type) {
    case TK_J_UNDEF:
        return 0;
    case TK_J_STR:
        return (int64_t)tk__jcount(tk__jtext(v));
    case TK_J_LIST:
    case TK_J_TUPLE:
        return v.n;
    case TK_J_DICT:
    case TK_J_VIEW:
        return v.dict->n;
    case TK_J_RANGE:
        return v.range->n;
    default:
        return -1;
    }
}

bool tk__jtruth(struct tk_jrender *r, struct tk_jval v)
{
    (void)r;
    switch (v.type) {
    case TK_J_MISSING:
    case TK_J_UNDEF:
    case TK_J_NONE:
        return false;
    case TK_J_BOOL:
    case TK_J_INT:
        return v.i != 0;
    case TK_J_FLOAT:
        return v.f != 0;
    case TK_J_STR:
        return v.n != 0;
    default:
        return tk__jlen(v) != 0;
    }
}

double tk__jnumber(struct tk_jval v)
{
    double d = 0;
    if (v.type == TK_J_FLOAT)
        return v.f;
    if (v.type != TK_J_BIG)
        return (double)v.i;
    if (tk_num_parse_double(tk__jtext(v), &d) == TK_E_RANGE)
        return v.s[0] == '-' ? -INFINITY : INFINITY;
    return d;
}

static bool is_number(struct tk_jval v)
{
    return v.type >= TK_J_BOOL && v.type <= TK_J_FLOAT;
}

static int sign_of(struct tk_jval v)
{
    return v.s[0] == '-' ? -1 : 1;
}

/* Two integers, one of them at least past 64 bits. */
static int order_big(struct tk_jval a, struct tk_jval b)
{
    if (a.type != TK_J_BIG)
        return -sign_of(b);
    if (b.type != TK_J_BIG || sign_of(a) != sign_of(b))
        return sign_of(a);
    if (a.n != b.n)
        return (a.n < b.n ? -1 : 1) * sign_of(a);
    int c = memcmp(a.s, b.s, a.n);
    return ((c > 0) - (c < 0)) * sign_of(a);
}

/* An integer and a finite or infinite double, exactly. */
static int order_int_double(int64_t i, double f)
{
    if (f >= TK_J_TWO_63)
        return -1;
    if (f < -TK_J_TWO_63)
        return 1;
    int64_t whole = (int64_t)f;
    if (i != whole)
        return i < whole ? -1 : 1;
    double rest = f - (double)whole;
    return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

/* -1, 0, 1; 2 when a NaN has no place. */
static int order_numbers(struct tk_jval a, struct tk_jval b)
{
    bool a_float = a.type == TK_J_FLOAT;
    bool b_float = b.type == TK_J_FLOAT;
    if ((a_float && isnan(a.f)) || (b_float && isnan(b.f)))
        return 2;
    if (!a_float && !b_float) {
        if (a.type == TK_J_BIG || b.type == TK_J_BIG)
            return order_big(a, b);
        return (a.i > b.i) - (a.i < b.i);
    }
    if (a_float && tk__jis_int(b))
        return -order_int_double(b.i, a.f);
    if (b_float && tk__jis_int(a))
        return order_int_double(a.i, b.f);
    double x = tk__jnumber(a);
    double y = tk__jnumber(b);
    return (x > y) - (x < y);
}

/* ---- equality ---- */

static bool equal_seqs(struct tk_jrender *r, struct tk_jval a, struct tk_jval b)
{
    bool is_equal = a.n == b.n;
    if (!tk__jdeeper(r))
        is_equal = false;
    for (uint32_t i = 0; is_equal && i < a.n; i++)
        is_equal = tk__jsame(a.items[i], b.items[i]) || tk__jequal(r, a.items[i], b.items[i]);
    tk__jback(r);
    return is_equal;
}

static bool equal_dicts(struct tk_jrender *r, const struct tk_jdict *a, const struct tk_jdict *b)
{
    bool is_equal = a->n == b->n;
    if (!tk__jdeeper(r))
        is_equal = false;
    for (uint32_t i = 0; is_equal && i < a->n; i++) {
        const struct tk_jval *other = tk__jdict_get(r, b, a->e[i].key);
        is_equal = other && tk__jequal(r, a->e[i].val, *other);
    }
    tk__jback(r);
    return is_equal;
}

static bool equal_ranges(const struct tk_jrange *a, const struct tk_jrange *b)
{
    return a->n == b->n &&
           (a->n == 0 || (a->start == b->start && (a->n == 1 || a->step == b->step)));
}

bool tk__jequal(struct tk_jrender *r, struct tk_jval a, struct tk_jval b)
{
    if (!tk__jstep(r, 1))
        return false;
    if (is_number(a) && is_number(b))
        return order_numbers(a, b) == 0;
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case TK_J_UNDEF:
    case TK_J_NONE:
        return true;
    case TK_J_STR:
        tk__jstep(r, a.n == b.n ? a.n / 64 : 0);
        return tk_str_eq(tk__jtext(a), tk__jtext(b));
    case TK_J_LIST:
    case TK_J_TUPLE:
        return equal_seqs(r, a, b);
    case TK_J_DICT:
        return equal_dicts(r, a.dict, b.dict);
    case TK_J_RANGE:
        return equal_ranges(a.range, b.range);
    default:
        return tk__jsame(a, b);
    }
}

bool tk__jsame(struct tk_jval a, struct tk_jval b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case TK_J_NONE:
        return true;
    case TK_J_BOOL:
    case TK_J_INT:
        return a.i == b.i;
    case TK_J_FLOAT:
        return false;
    case TK_J_STR:
        return a.n == b.n && (a.s == b.s || a.n == 0);
    case TK_J_LIST:
    case TK_J_TUPLE:
        return a.n == b.n && a.items == b.items;
    case TK_J_METHOD:
        return false;
    default:
        return a.items == b.items;
    }
}

/* ---- order ---- */

static int order_seqs(struct tk_jrender *r, struct tk_jval a, struct tk_jval b, const char *op)
{
    uint32_t n = TK_MIN(a.n, b.n);
    int order = a.n < b.n ? -1 : a.n > b.n;
    if (tk__jdeeper(r)) {
        for (uint32_t i = 0; i < n; i++) {
            if (tk__jsame(a.items[i], b.items[i]) || tk__jequal(r, a.items[i], b.items[i]))
                continue;
            order = tk__jorder(r, a.items[i], b.items[i], op);
            break;
        }
    }
    tk__jback(r);
    return order;
}

int tk__jorder(struct tk_jrender *r, struct tk_jval a, struct tk_jval b, const char *op)
{
    if (!tk__jstep(r, 1))
        return 2;
    if (is_number(a) && is_number(b))
        return order_numbers(a, b);
    if (tk__jfail_if_undef(r, a) || tk__jfail_if_undef(r, b))
        return 2;
    if (a.type == b.type && a.type == TK_J_STR) {
        uint32_t n = TK_MIN(a.n, b.n);
        tk__jstep(r, n / 64);
        int c = n ? memcmp(a.s, b.s, n) : 0;
        return c ? (c > 0) - (c < 0) : (a.n > b.n) - (a.n < b.n);
    }
    if (a.type == b.type && tk__jis_seq(a))
        return order_seqs(r, a, b, op);
    tk__jfail(r, TK_E_FORMAT, "'%s' not supported between instances of '%s' and '%s'", op,
              tk__jtype_name(a), tk__jtype_name(b));
    return 2;
}

/* ---- hashes and dicts ---- */

static uint64_t hash_double(double f)
{
    if (f == floor(f) && f >= -TK_J_TWO_63 && f < TK_J_TWO_63)
        return tk__mix((uint64_t)(int64_t)f ^ TK__HASH_A, TK__HASH_B);
    uint64_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return tk__mix(bits ^ TK__HASH_B, TK__HASH_A);
}

bool tk__jhash(struct tk_jrender *r, struct tk_jval v, uint64_t *ret)
{
    switch (v.type) {
    case TK_J_BOOL:
    case TK_J_INT:
        *ret = tk__mix((uint64_t)v.i ^ TK__HASH_A, TK__HASH_B);
        return true;
    case TK_J_FLOAT:
    case TK_J_BIG:
        *ret = hash_double(tk__jnumber(v));
        return true;
    case TK_J_STR:
        *ret = tk__hash(v.s, v.n, 1);
        return true;
    case TK_J_TUPLE:
        *ret = v.n;
        if (!tk__jdeeper(r))
            v.n = 0;
        for (uint32_t i = 0; i < v.n; i++) {
            uint64_t h;
            if (!tk__jhash(r, v.items[i], &h)) {
                tk__jback(r);
                return false;
            }
            *ret = tk__mix(*ret ^ h, TK__HASH_A);
        }
        tk__jback(r);
        return true;
    case TK_J_VIEW:
        if (v.flags == TK_J_VIEW_VALUES) {
            *ret = v.type;
            return true;
        }
        /* fall through */
    case TK_J_LIST:
    case TK_J_DICT:
        tk__jfail(r, TK_E_FORMAT, "unhashable type: '%s'", tk__jtype_name(v));
        return false;
    default:
        *ret = v.type;
        return true;
    }
}

struct tk_jdict *tk__jdict_new(struct tk_jrender *r, uint32_t cap)
{
    struct tk_jdict *d = tk__jalloc(r, sizeof(*d));
    if (d && cap) {
        d->e = tk__jalloc(r, cap * sizeof(*d->e));
        d->cap = d->e ? cap : 0;
    }
    return d;
}

struct tk_jval tk__jdict(struct tk_jdict *d)
{
    return (struct tk_jval){ .type = TK_J_DICT, .dict = d };
}

#define INDEX_FROM 8 /* entries from which on a dict has an index */

static bool is_key(struct tk_jrender *r, const struct tk_jentry *e, struct tk_jval key,
                   uint64_t hash)
{
    if (e->hash != hash)
        return false;
    if (e->key.type == TK_J_STR && key.type == TK_J_STR)
        return tk_str_eq(tk__jtext(e->key), tk__jtext(key));
    return r && (tk__jsame(e->key, key) || tk__jequal(r, e->key, key));
}

static struct tk_jentry *lookup(struct tk_jrender *r, const struct tk_jdict *d, struct tk_jval key,
                                uint64_t hash)
{
    if (!d->index_cap) {
        for (uint32_t i = 0; i < d->n; i++) {
            if (is_key(r, &d->e[i], key, hash))
                return &d->e[i];
        }
        return NULL;
    }
    for (uint32_t at = (uint32_t)hash;; at++) {
        uint32_t number = d->index[at & (d->index_cap - 1)];
        if (!number)
            return NULL;
        if (is_key(r, &d->e[number - 1], key, hash))
            return &d->e[number - 1];
        if (r && !tk__jstep(r, 1))
            return NULL;
    }
}

static void index_add(struct tk_jdict *d, uint32_t number)
{
    uint32_t at = (uint32_t)d->e[number].hash;
    while (d->index[at & (d->index_cap - 1)])
        at++;
    d->index[at & (d->index_cap - 1)] = number + 1;
}

static bool make_room(struct tk_jrender *r, struct tk_jdict *d)
{
    if (d->n == d->cap) {
        uint32_t cap = d->cap ? d->cap * 2 : 4;
        struct tk_jentry *e = cap > UINT32_MAX / 4 ? NULL : tk__jalloc(r, cap * sizeof(*e));
        if (!e)
            return false;
        if (d->n)
            memcpy(e, d->e, d->n * sizeof(*e));
        d->e = e;
        d->cap = cap;
    }
    if (d->n + 1 > INDEX_FROM && d->index_cap < 2 * (d->n + 1)) {
        uint32_t cap = d->index_cap ? d->index_cap * 2 : 4 * INDEX_FROM;
        uint32_t *index = tk__jalloc(r, cap * sizeof(*index));
        if (!index)
            return false;
        d->index = index;
        d->index_cap = cap;
        for (uint32_t i = 0; i < d->n; i++)
            index_add(d, i);
    }
    return true;
}

void tk__jdict_set(struct tk_jrender *r, struct tk_jdict *d, struct tk_jval key, struct tk_jval val)
{
    uint64_t hash;
    if (!d || !tk__jstep(r, 1) || !tk__jhash(r, key, &hash))
        return;
    struct tk_jentry *e = lookup(r, d, key, hash);
    if (e) {
        e->val = val;
        return;
    }
    if (r->rc || !make_room(r, d))
        return;
    d->e[d->n] = (struct tk_jentry){ key, val, hash };
    if (d->index_cap)
        index_add(d, d->n);
    d->n++;
}

struct tk_jval *tk__jdict_get(struct tk_jrender *r, const struct tk_jdict *d, struct tk_jval key)
{
    uint64_t hash;
    if (!tk__jhash(r, key, &hash))
        return NULL;
    struct tk_jentry *e = lookup(r, d, key, hash);
    return e ? &e->val : NULL;
}

struct tk_jval *tk__jdict_find(const struct tk_jdict *d, struct tk_str key)
{
    struct tk_jentry *e = lookup(NULL, d, tk__jstr(key), tk__hash(key.p, key.n, 1));
    return e ? &e->val : NULL;
}

void tk__jvec_add(struct tk_jrender *r, struct tk_jvec *vec, struct tk_jval v)
{
    if (!tk__jstep(r, 1))
        return;
    if (vec->n == vec->cap) {
        uint32_t cap = vec->cap ? vec->cap * 2 : 8;
        struct tk_jval *grown = cap > UINT32_MAX / 4 ? NULL : tk__jalloc(r, cap * sizeof(*grown));
        if (!grown)
            return;
        if (vec->n)
            memcpy(grown, vec->v, vec->n * sizeof(*grown));
        vec->v = grown;
        vec->cap = cap;
    }
    vec->v[vec->n++] = v;
}
