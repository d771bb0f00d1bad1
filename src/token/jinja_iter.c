/* jinja_iter.c - walking over values, lazily where jinja2 does
 *
 * What map, select, reject, unique, batch, slice and items give in jinja2 are generators: nothing
 * is done until somebody draws, and they can be walked once. So they are here: TK_J_GEN points to
 * an iterator, which draws from an inner one.
 */
#include <string.h>

#include "base/str.h"
#include "token/jinja.h"
#include "token/unicode.h"

static int next_none(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    (void)r;
    (void)it;
    (void)ret;
    return 0;
}

static int next_seq(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    if (it->at >= it->src.n || !tk__jstep(r, 1))
        return 0;
    *ret = it->src.items[it->at++];
    return 1;
}

static int next_str(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    if (it->at >= it->src.n || !tk__jstep(r, 1))
        return 0;
    size_t n = tk__utf8_len(it->src.s[it->at]);
    *ret = tk__jstr((struct tk_str){ it->src.s + it->at, n });
    it->at += n;
    return 1;
}

static int next_dict(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    if (it->at >= it->src.dict->n || !tk__jstep(r, 1))
        return 0;
    const struct tk_jentry *e = &it->src.dict->e[it->at++];
    if (it->src.type == TK_J_DICT || it->src.flags == TK_J_VIEW_KEYS) {
        *ret = e->key;
        return 1;
    }
    if (it->src.flags == TK_J_VIEW_VALUES) {
        *ret = e->val;
        return 1;
    }
    struct tk_jval *pair = tk__jalloc(r, 2 * sizeof(*pair));
    if (!pair)
        return 0;
    pair[0] = e->key;
    pair[1] = e->val;
    *ret = tk__jtuple(pair, 2);
    return 1;
}

static int next_range(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    const struct tk_jrange *g = it->src.range;
    if ((int64_t)it->at >= g->n || !tk__jstep(r, 1))
        return 0;
    *ret = tk__jint(g->start + (int64_t)it->at++ * g->step);
    return 1;
}

static int next_gen(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret)
{
    struct tk_jiter *gen = it->src.iter;
    if (gen->is_empty || !tk__jstep(r, 1))
        return 0;
    if (!tk__jdeeper(r)) {
        tk__jback(r);
        return 0;
    }
    int got = gen->next(r, gen, ret);
    tk__jback(r);
    return r->rc ? 0 : got;
}

bool tk__jis_iterable(struct tk_jval v)
{
    switch (v.type) {
    case TK_J_UNDEF:
    case TK_J_STR:
    case TK_J_LIST:
    case TK_J_TUPLE:
    case TK_J_DICT:
    case TK_J_VIEW:
    case TK_J_RANGE:
    case TK_J_GEN:
    case TK_J_LOOP:
        return true;
    default:
        return false;
    }
}

bool tk__jiter_init(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval v)
{
    *it = (struct tk_jiter){ .src = v, .next = next_none };
    switch (v.type) {
    case TK_J_UNDEF:
        return true;
    case TK_J_STR:
        it->next = next_str;
        return true;
    case TK_J_LIST:
    case TK_J_TUPLE:
        it->next = next_seq;
        return true;
    case TK_J_DICT:
    case TK_J_VIEW:
        it->next = next_dict;
        return true;
    case TK_J_RANGE:
        it->next = next_range;
        return true;
    case TK_J_GEN:
        it->next = next_gen;
        return true;
    case TK_J_LOOP:
        tk__jfail(r, TK_E_UNSUPPORTED, "walking over 'loop' is not supported");
        return false;
    default:
        tk__jfail(r, TK_E_FORMAT, "'%s' object is not iterable", tk__jtype_name(v));
        return false;
    }
}

struct tk_jval tk__jgen(struct tk_jrender *r, struct tk_jiter *it)
{
    struct tk_jiter *gen = tk__jalloc(r, sizeof(*gen));
    if (!gen)
        return TK_J_VAL(TK_J_UNDEF);
    *gen = *it;
    return (struct tk_jval){ .type = TK_J_GEN, .iter = gen };
}

struct tk_jval tk__jto_list(struct tk_jrender *r, struct tk_jval v)
{
    if (tk__jis_seq(v))
        return tk__jlist(v.items, v.n);
    struct tk_jiter it;
    struct tk_jvec vec = { 0 };
    struct tk_jval item;
    if (!tk__jiter_init(r, &it, v))
        return TK_J_VAL(TK_J_UNDEF);
    while (r->rc == 0 && tk__jiter_next(r, &it, &item))
        tk__jvec_add(r, &vec, item);
    return tk__jlist(vec.v, vec.n);
}

bool tk__jcontains(struct tk_jrender *r, struct tk_jval in, struct tk_jval what)
{
    struct tk_jiter it;
    struct tk_jval item;
    switch (in.type) {
    case TK_J_STR:
        if (what.type != TK_J_STR) {
            tk__jfail(r, TK_E_FORMAT, "'in <string>' requires string as left operand, not %s",
                      tk__jtype_name(what));
            return false;
        }
        tk__jstep(r, in.n / 32);
        return tk__jfind(tk__jtext(in), tk__jtext(what), 0) >= 0;
    case TK_J_DICT:
        return tk__jdict_get(r, in.dict, what) != NULL;
    case TK_J_VIEW:
        if (in.flags == TK_J_VIEW_KEYS)
            return tk__jdict_get(r, in.dict, what) != NULL;
        break;
    default:
        if (!tk__jis_iterable(in)) {
            tk__jfail(r, TK_E_FORMAT, "argument of type '%s' is not iterable", tk__jtype_name(in));
            return false;
        }
    }
    if (!tk__jiter_init(r, &it, in))
        return false;
    while (r->rc == 0 && tk__jiter_next(r, &it, &item)) {
        if (tk__jsame(item, what) || tk__jequal(r, item, what))
            return r->rc == 0;
    }
    return false;
}

/* ---- attributes by path: "a.b.0" ---- */

static bool is_index(struct tk_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n > 0 && s.n < 18;
}

struct tk_jval tk__jattr_path(struct tk_jrender *r, struct tk_jval v, struct tk_jval attr,
                              struct tk_jval dflt)
{
    bool has_default = dflt.type != TK_J_MISSING && dflt.type != TK_J_NONE;
    if (attr.type == TK_J_MISSING || attr.type == TK_J_NONE)
        return v;
    if (attr.type != TK_J_STR) {
        v = tk__jgetitem(r, v, attr);
        return has_default && v.type == TK_J_UNDEF ? dflt : v;
    }
    struct tk_str rest = tk__jtext(attr);
    struct tk_str part;
    while (r->rc == 0 && tk_str_split(&rest, '.', &part)) {
        struct tk_jval key = tk__jstr(part);
        if (is_index(part)) {
            key = tk__jint(0);
            for (size_t i = 0; i < part.n; i++)
                key.i = key.i * 10 + (part.p[i] - '0');
        }
        v = tk__jgetitem(r, v, key);
        if (has_default && v.type == TK_J_UNDEF)
            v = dflt;
    }
    return v;
}

/* ---- sorting: stable, by keys ---- */

struct sorter {
    struct tk_jrender *r;
    struct tk_jval *keys, *vals, *tmp_keys, *tmp_vals;
    bool is_reverse;
};

/* Python's sort asks `<` alone; reversed it keeps equal ones in order too. */
static bool goes_before(struct sorter *s, struct tk_jval a, struct tk_jval b)
{
    if (s->r->rc)
        return false;
    return tk__jorder(s->r, s->is_reverse ? b : a, s->is_reverse ? a : b, "<") == -1;
}

static void merge(struct sorter *s, uint32_t from, uint32_t mid, uint32_t to)
{
    uint32_t i = from, j = mid;
    for (uint32_t k = from; k < to; k++) {
        bool right = i >= mid || (j < to && goes_before(s, s->keys[j], s->keys[i]));
        uint32_t at = right ? j++ : i++;
        s->tmp_keys[k] = s->keys[at];
        s->tmp_vals[k] = s->vals[at];
    }
    memcpy(s->keys + from, s->tmp_keys + from, (to - from) * sizeof(*s->keys));
    memcpy(s->vals + from, s->tmp_vals + from, (to - from) * sizeof(*s->vals));
}

void tk__jsort(struct tk_jrender *r, struct tk_jval *keys, struct tk_jval *vals, uint32_t n,
               bool is_reverse)
{
    struct sorter s = { r, keys, vals, NULL, NULL, is_reverse };
    if (n < 2)
        return;
    s.tmp_keys = tk__jalloc(r, n * sizeof(*keys));
    s.tmp_vals = tk__jalloc(r, n * sizeof(*vals));
    if (!s.tmp_keys || !s.tmp_vals)
        return;
    for (uint64_t width = 1; width < n && r->rc == 0; width *= 2) {
        for (uint64_t from = 0; from + width < n; from += 2 * width)
            merge(&s, (uint32_t)from, (uint32_t)(from + width),
                  (uint32_t)TK_MIN(from + 2 * width, (uint64_t)n));
    }
}
