/* echo.c - the values of a command as JSON: what was really meant, for the run file and for scripts */
#include <math.h>
#include <stdlib.h>

#include "base/jsonw.h"
#include "opt/inside.h"

#define MAX_VALUE ((size_t)4 << 20)

static const char mask[] = "***";

static void write_text(struct tk_jsonw *w, const struct tk_opt *o, const char *text)
{
    struct tk_buf shown = TK_BUF_INIT(MAX_VALUE);
    bool is_masked = text && (o->is_secret || (o->mask && o->mask(text, &shown) != 0));

    tk_jsonw_z(w, is_masked ? mask : shown.p ? shown.p : text);
    tk_buf_release(&shown);
}

static void write_list(struct tk_jsonw *w, const struct tk_opt *o, const struct tk_opt_list *list)
{
    tk_jsonw_arr(w);
    for (size_t i = 0; i < list->n; i++)
        write_text(w, o, list->v[i]);
    tk_jsonw_arr_end(w);
}

static void write_double(struct tk_jsonw *w, double d)
{
    if (isinf(d))
        tk_jsonw_z(w, d > 0 ? "inf" : "-inf");
    else
        tk_jsonw_double(w, d);
}

static void write_value(struct tk_jsonw *w, const struct tk_opt *o, const void *at)
{
    switch (o->type) {
    case TK_OPT_FLAG:
        tk_jsonw_bool(w, *(const bool *)at);
        break;
    case TK_OPT_STR:
    case TK_OPT_CHOICE:
        write_text(w, o, *(const char *const *)at);
        break;
    case TK_OPT_INT:
        tk_jsonw_i64(w, *(const int64_t *)at);
        break;
    case TK_OPT_DOUBLE:
    case TK_OPT_RATE:
        write_double(w, *(const double *)at);
        break;
    case TK_OPT_DUR:
        tk_jsonw_double(w, (double)*(const tk_ns *)at / 1e9);
        break;
    case TK_OPT_LIST:
        write_list(w, o, at);
        break;
    }
}

/* NULL: it has no value. A flag that nobody spoke of is off. */
static const char *source_of(const struct tk_opt *o, bool is_given)
{
    const char *text = o->env ? getenv(o->env) : NULL;

    if (is_given)
        return "command line";
    if (text && text[0] != '\0')
        return "environment";
    return o->def || o->type == TK_OPT_FLAG ? "default" : NULL;
}

static int put_one(const struct tk_opt *o, const void *values, const char *from, struct tk_jsonw *w)
{
    struct tk_buf text = TK_BUF_INIT(MAX_VALUE);
    struct tk_jsonw one;
    int rc;

    tk_jsonw_init(&one, &text, TK_JSONW_COMPACT);
    tk_jsonw_obj(&one);
    tk_jsonw_key(&one, "value");
    if (from)
        write_value(&one, o, tk__opt_at_const(o, values));
    else
        tk_jsonw_null(&one);
    tk_jsonw_key(&one, "from");
    tk_jsonw_z(&one, from);
    tk_jsonw_obj_end(&one);
    rc = text.failed;
    tk_jsonw_key(w, o->name);
    if (rc)
        tk_jsonw_null(w);
    else
        tk_jsonw_raw(w, tk_buf_str(&text));
    tk_buf_release(&text);
    return rc;
}

int tk_opt_put_config(const struct tk_opt_command *c, const void *values,
                      const struct tk_opt_result *r, struct tk_jsonw *w)
{
    int rc = 0;

    tk_jsonw_obj(w);
    for (size_t i = 0; rc == 0 && i < c->n_opts; i++)
        rc = put_one(&c->opts[i], values, source_of(&c->opts[i], r->is_given[i]), w);
    tk_jsonw_obj_end(w);
    return rc;
}
