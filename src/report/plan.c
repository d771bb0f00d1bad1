/* plan.c - what of a plan's JSON people want to see, and what the verdict needs of it */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/jsondoc.h"
#include "base/str.h"
#include "report/inside.h"
#include "run/shape.h"

struct reading {
    struct tk_arena *arena;
    struct tk_report_plan *p;
    int rc;
};

/* Below the space, DEL, and the second set of controls (two bytes, from C2 80 to C2 9F). */
void tk__report_plain(char *z)
{
    for (unsigned char *p = (unsigned char *)z; *p; p++) {
        if (*p < ' ' || *p == 0x7F)
            *p = ' ';
        else if (p[0] == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0)
            p[0] = p[1] = ' ';
    }
}

static void take_text(struct reading *r, struct tk_json_val *v, const char **ret)
{
    struct tk_str s;
    char *z;

    if (tk_json_get_str(v, &s) != 0)
        return;
    z = tk_arena_dup(r->arena, s);
    if (z)
        tk__report_plain(z);
    else
        r->rc = -ENOMEM;
    *ret = z;
}

static void take_rate(struct tk_json_val *v, double *ret)
{
    struct tk_str s;

    if (tk_json_type(v) == TK_JSON_STRING && tk_json_get_str(v, &s) == 0 && tk_str_is(s, "inf"))
        *ret = INFINITY;
    else
        (void)tk_json_get_double(v, ret);
}

static void take_shape(struct reading *r, struct tk_json_val *v)
{
    if (tk_shape_get_json(v, r->arena, &r->p->shape) == -ENOMEM)
        r->rc = -ENOMEM;
}

static void take_cancel(struct tk_json_val *v, struct tk_plan_cancel *ret)
{
    struct tk_json_val share, tokens, after;
    int64_t n = 0;
    double s = 0;

    if (tk_json_type(v) == TK_JSON_NULL)
        return;
    if (tk_json_find(v, "share", &share) == 0)
        (void)tk_json_get_double(&share, &ret->share);
    if (tk_json_find(v, "after_tokens", &tokens) == 0 && tk_json_get_i64(&tokens, &n) == 0 && n > 0)
        ret->tokens = (uint32_t)TK_MIN(n, (int64_t)UINT32_MAX);
    if (tk_json_find(v, "after_s", &after) == 0 && tk_json_get_double(&after, &s) == 0 && s > 0 &&
        s < 9e9)
        ret->after = (tk_ns)llround(s * 1e9);
}

static void take_measure(struct reading *r, struct tk_json_val *phase)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str key;

    if (tk_json_obj(phase, &it) != 0)
        return;
    while (tk_json_obj_next(&it, &key, &v) > 0) {
        if (tk_str_is(key, "requests"))
            (void)tk_json_get_i64(&v, &r->p->requests);
        else if (tk_str_is(key, "scheduled"))
            (void)tk_json_get_i64(&v, &r->p->scheduled);
        else if (tk_str_is(key, "duration_s"))
            (void)tk_json_get_double(&v, &r->p->duration_s);
        else if (tk_str_is(key, "concurrency"))
            (void)tk_json_get_i64(&v, &r->p->concurrency);
        else if (tk_str_is(key, "arrival"))
            take_text(r, &v, &r->p->arrival);
        else if (tk_str_is(key, "rate"))
            take_rate(&v, &r->p->rate);
        else if (tk_str_is(key, "burstiness"))
            (void)tk_json_get_double(&v, &r->p->burstiness);
        else if (tk_str_is(key, "shape"))
            take_shape(r, &v);
    }
}

static void take_phases(struct reading *r, struct tk_json_val *phases)
{
    struct tk_json_iter it;
    struct tk_json_val v, n;
    struct tk_str key;

    if (tk_json_obj(phases, &it) != 0)
        return;
    while (tk_json_obj_next(&it, &key, &v) > 0) {
        if (tk_str_is(key, "measure"))
            take_measure(r, &v);
        else if (tk_str_is(key, "warmup") && tk_json_find(&v, "requests", &n) == 0)
            (void)tk_json_get_i64(&n, &r->p->warmup);
    }
}

static void take_member(struct reading *r, struct tk_str key, struct tk_json_val *v)
{
    const struct {
        const char *name;
        const char **at;
    } texts[] = {
        { "tool", &r->p->tool },     { "url", &r->p->url },     { "unix", &r->p->unix_path },
        { "api", &r->p->api },       { "model", &r->p->model }, { "data", &r->p->data },
        { "target", &r->p->target },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(texts); i++) {
        if (tk_str_is(key, texts[i].name))
            take_text(r, v, texts[i].at);
    }
    if (tk_str_is(key, "items"))
        (void)tk_json_get_i64(v, &r->p->items);
    else if (tk_str_is(key, "seed"))
        (void)tk_json_get_i64(v, &r->p->seed);
    else if (tk_str_is(key, "streamed"))
        (void)tk_json_get_bool(v, &r->p->is_streamed);
    else if (tk_str_is(key, "realtime"))
        (void)tk_json_get_bool(v, &r->p->is_realtime);
    else if (tk_str_is(key, "new_connection"))
        (void)tk_json_get_bool(v, &r->p->is_new_connection);
    else if (tk_str_is(key, "phases"))
        take_phases(r, v);
    else if (tk_str_is(key, "cancel"))
        take_cancel(v, &r->p->cancel);
}

static int read_members(struct reading *r, struct tk_json_val *root)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str key;
    int rc = tk_json_obj(root, &it);

    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0) {
        take_member(r, key, &v);
        rc = r->rc;
    }
    return rc;
}

int tk_report_plan_read(struct tk_str json, struct tk_arena *arena, struct tk_report_plan *ret)
{
    struct reading r = { .arena = arena, .p = ret };
    struct tk_jsondoc d;
    int rc = tk_jsondoc_init(&d, json);

    memset(ret, 0, sizeof(*ret));
    if (rc == 0)
        rc = read_members(&r, &d.root);
    tk_jsondoc_release(&d);
    return rc;
}

struct tk_asked tk_report_asked(const struct tk_report_plan *p, bool is_stopped)
{
    return (struct tk_asked){
        .is_scheduled = p->arrival && strcmp(p->arrival, "closed") != 0,
        .permits = p->shape.of == TK_SHAPE_CONCURRENCY
                       ? 0
                       : (uint32_t)TK_MIN(TK_MAX(p->concurrency, 0), UINT32_MAX),
        .duration = (tk_ns)(TK_MIN(TK_MAX(p->duration_s, 0), 1e9) * 1e9),
        .is_stopped = is_stopped,
    };
}

void tk_report_judge(struct tk_report *r)
{
    struct tk_asked asked = tk_report_asked(&r->plan, r->is_interrupted || r->is_cut);

    tk_verdict_find(r->summary, r->has_health ? &r->health : NULL, &asked, &r->verdict);
}
