/* jinja_globals.c - the functions that every template knows */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "token/jinja.h"

#define GLOBAL(name)                                                                            \
    static struct tk_jval name(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a, \
                               const struct tk_jargs *args)

#define MAX_RANGE 100000 /* the sandbox's */

static bool is_given(struct tk_jval v)
{
    return v.type != TK_J_MISSING;
}

/* ---- range ---- */

static int64_t range_length(int64_t start, int64_t stop, int64_t step)
{
    __extension__ typedef __int128 wide;
    wide span = step > 0 ? (wide)stop - start : (wide)start - stop;
    wide each = step > 0 ? (wide)step : -(wide)step;
    wide n = span <= 0 ? 0 : (span - 1) / each + 1;
    return n > MAX_RANGE ? MAX_RANGE + 1 : (int64_t)n;
}

GLOBAL(do_range)
{
    (void)v;
    (void)args;
    for (unsigned i = 0; i < 3; i++) {
        if (is_given(a[i]) && !tk__jis_int(a[i]))
            return tk__jfail(r, TK_E_FORMAT, "'%s' object cannot be interpreted as an integer",
                             tk__jtype_name(a[i]));
    }
    struct tk_jrange *g = tk__jalloc(r, sizeof(*g));
    if (!g)
        return v;
    g->start = is_given(a[1]) ? a[0].i : 0;
    g->stop = is_given(a[1]) ? a[1].i : a[0].i;
    g->step = is_given(a[2]) ? a[2].i : 1;
    if (g->step == 0)
        return tk__jfail(r, TK_E_FORMAT, "range() arg 3 must not be zero");
    g->n = range_length(g->start, g->stop, g->step);
    if (g->n > MAX_RANGE)
        return tk__jfail(r, TK_E_LIMIT, "range too big: more than %d", MAX_RANGE);
    return (struct tk_jval){ .type = TK_J_RANGE, .range = g };
}

/* ---- dict, namespace ---- */

static void add_pairs(struct tk_jrender *r, struct tk_jdict *d, struct tk_jval from)
{
    struct tk_jiter it;
    struct tk_jval item;
    if (from.type == TK_J_DICT)
        from = (struct tk_jval){ .type = TK_J_VIEW, .flags = TK_J_VIEW_ITEMS, .dict = from.dict };
    if (!tk__jiter_init(r, &it, from))
        return;
    while (r->rc == 0 && tk__jiter_next(r, &it, &item)) {
        struct tk_jval pair = tk__jto_list(r, item);
        if (r->rc == 0 && pair.n != 2)
            tk__jfail(r, TK_E_FORMAT, "a dict is made of pairs");
        if (r->rc == 0)
            tk__jdict_set(r, d, pair.items[0], pair.items[1]);
    }
}

GLOBAL(do_dict)
{
    struct tk_jdict *d = tk__jdict_new(r, args->n_kw);
    (void)v;
    (void)a;
    if (args->n > 1)
        return tk__jfail(r, TK_E_FORMAT, "dict expected at most 1 argument, got %u", args->n);
    if (d && args->n)
        add_pairs(r, d, args->v[0]);
    for (uint32_t i = 0; d && i < args->n_kw && r->rc == 0; i++)
        tk__jdict_set(r, d, tk__jstr(args->kw[i].name), args->kw[i].val);
    return d ? tk__jdict(d) : v;
}

GLOBAL(do_namespace)
{
    struct tk_jval ns = do_dict(r, v, a, args);
    if (r->rc == 0)
        ns.type = TK_J_NAMESPACE;
    return ns;
}

/* ---- cycler, joiner ---- */

GLOBAL(do_cycler)
{
    struct tk_jcycler *c = tk__jalloc(r, sizeof(*c));
    (void)v;
    (void)a;
    if (args->n == 0 || args->n_kw)
        return tk__jfail(r, TK_E_FORMAT, "at least one item has to be provided");
    if (c) {
        struct tk_jargs kept = tk__jargs_keep(r, args);
        c->items = tk__jtuple(kept.v, kept.n);
    }
    return (struct tk_jval){ .type = TK_J_CYCLER, .cycler = c };
}

GLOBAL(do_joiner)
{
    struct tk_jcycler *c = tk__jalloc(r, sizeof(*c));
    (void)v;
    (void)args;
    if (c)
        c->items = is_given(a[0]) ? a[0] : tk__jstr(TK_STR(", "));
    return (struct tk_jval){ .type = TK_J_JOINER, .cycler = c };
}

/* ---- of transformers ---- */

GLOBAL(do_raise_exception)
{
    (void)v;
    (void)args;
    struct tk_jval text = tk__jto_str(r, a[0]);
    return r->rc ? text : tk__jfail(r, -EINVAL, "%.*s", TK_STR_ARG(tk__jtext(text)));
}

/* The format is the template's by design; strftime reads no arguments by it. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* The C library's strftime, but for what Python adds or a time without zone has not. */
static void add_time(struct tk_buf *out, const struct tm *tm, long nanoseconds,
                     struct tk_str format)
{
    for (size_t i = 0; i < format.n && !out->failed; i++) {
        char spec[8] = "%";
        char text[128];
        size_t n = 1;
        if (format.p[i] != '%' || i + 1 == format.n) {
            tk_buf_add_c(out, format.p[i]);
            continue;
        }
        i++;
        while (i + 1 < format.n && n < sizeof(spec) - 2 && format.p[i] &&
               strchr("-_0^#EO", format.p[i]))
            spec[n++] = format.p[i++];
        spec[n++] = format.p[i];
        if (format.p[i] == 'f') {
            tk_buf_addf(out, "%06ld", nanoseconds / 1000);
        } else if (format.p[i] != 'z' && format.p[i] != 'Z' && (unsigned char)format.p[i] < 0x80) {
            n = strftime(text, sizeof(text), spec, tm);
            tk_buf_add(out, text, n);
        } else if ((unsigned char)format.p[i] >= 0x80) {
            tk_buf_add_z(out, spec);
        }
    }
}

GLOBAL(do_strftime_now)
{
    struct tm tm;
    tk_ns now = r->now_wall ? r->now_wall : tk_clock_wall();
    time_t seconds = (time_t)(now / TK_NS_PER_S);
    struct tk_buf out = TK_BUF_INIT(1 << 16);
    (void)v;
    (void)args;
    if (a[0].type != TK_J_STR)
        return tk__jfail(r, TK_E_FORMAT, "strftime() argument must be str, not %s",
                         tk__jtype_name(a[0]));
    if (!localtime_r(&seconds, &tm))
        return tk__jfail(r, TK_E_FORMAT, "the time has no date");
    add_time(&out, &tm, (long)(now % TK_NS_PER_S), tk__jtext(a[0]));
    return tk__jstr_take(r, &out);
}

GLOBAL(do_lipsum)
{
    (void)v;
    (void)a;
    (void)args;
    return tk__jfail(r, TK_E_UNSUPPORTED, "lipsum() is not supported");
}

static const struct tk_jbuiltin globals[] = {
    { "cycler", do_cycler, "*" },
    { "dict", do_dict, "*" },
    { "joiner", do_joiner, "sep?" },
    { "lipsum", do_lipsum, "*" },
    { "namespace", do_namespace, "*" },
    { "raise_exception", do_raise_exception, "message" },
    { "range", do_range, "/start stop? step?" },
    { "strftime_now", do_strftime_now, "format" },
    { 0 },
};

const struct tk_jbuiltin *tk__jglobal(struct tk_str name)
{
    return tk__jbuiltin_find(globals, name);
}
