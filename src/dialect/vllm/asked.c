/* asked.c - what a result says beside its figures, and which figures: the form
 *
 *   command line ──► form ──► block, result file            of the run itself
 *                     │
 *                     ▼  the fact "vllm", in the run file from its beginning
 *                    JSON ──► form ──► block, result file   tokmark report, a year later
 *   any plan ──────────────► form
 *
 * The fact holds what was asked for, by the names of the form; what came out is in the records and in the
 * facts of the run's end. Names are only ever added: one that a file lacks is as if it was not asked for.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/jsondoc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "dialect/vllm/backends.h"
#include "dialect/vllm/options.h"
#include "dialect/vllm/result.h"
#include "report/report.h"
#include "run/segment.h"

#define MAX_UTC_OFFSET_S 86400
#define MAX_RPS ((size_t)1 << 24)

const char *const tk__vllm_metric_names[TK_VLLM_METRIC_N_] = {
    [TK_VLLM_TTFT] = "ttft",
    [TK_VLLM_TPOT] = "tpot",
    [TK_VLLM_ITL] = "itl",
    [TK_VLLM_E2EL] = "e2el",
    [TK_VLLM_QUEUE] = "client_queue_time",
    [TK_VLLM_QUEUE_E2EL] = "e2el_including_client_queue",
};

/* --- of a command line, of a plan --- */

static int64_t utc_offset_at(tk_ns wall)
{
    time_t t = (time_t)(wall / TK_NS_PER_S);
    struct tm tm = { 0 };

    return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

static void set_backend(struct tk_vllm_form *form, const struct tk__vllm_backend *b)
{
    form->backend = b->name;
    form->tool = b->tool;
    form->is_pooling = b->is_pooling;
}

void tk_vllm_form(const struct tk_vllm *v, struct tk_vllm_form *ret)
{
    const struct tk_vllm_opts *o = v->o;

    *ret = (struct tk_vllm_form){
        .label = o->label,
        .model = o->model,
        .tokenizer = o->skip_tokenizer_init ? NULL
                     : o->tokenizer         ? o->tokenizer
                                            : o->model,
        .num_prompts = o->num_prompts,
        .request_rate = o->request_rate,
        .burstiness = o->burstiness,
        .max_concurrency = tk_vllm_given(v, "max-concurrency") ? o->max_concurrency : -1,
        .ramp_up_strategy = o->ramp_up_strategy,
        .ramp_up_start_rps = o->ramp_up_start_rps,
        .ramp_up_end_rps = o->ramp_up_end_rps,
        .rps = v->rps,
        .n_rps = v->n_rps,
        .metadata = o->metadata,
        .percentiles = v->percentiles,
        .n_percentiles = v->n_percentiles,
        .has_goodput = v->has_goodput,
        .has_no_usage = v->has_no_usage,
        .has_prompt_len = v->tokenizer != NULL,
        .is_detailed = o->save_detailed,
        .is_due_at_once = v->due == NULL,
        .utc_offset_s = utc_offset_at(tk_clock_wall()),
    };
    set_backend(ret, v->backend);
    memcpy(ret->has_metric, v->has_metric, sizeof(ret->has_metric));
    memcpy(ret->goodput_ms, v->goodput_ms, sizeof(ret->goodput_ms));
}

void tk_vllm_form_of_plan(const struct tk_report_plan *p, tk_ns wall, struct tk_vllm_form *ret)
{
    static const double p99[] = { 99 };
    const struct tk__vllm_backend *b = tk__vllm_backend_of_api(p->api ? p->api : "completions");

    if (!b)
        b = tk__vllm_backend("openai");

    *ret = (struct tk_vllm_form){
        .model = p->model ? p->model : "unknown",
        .num_prompts = p->requests,
        /* A load that changes has no one rate. That tool has "inf" beside its own ramp, too. */
        .request_rate = p->rate > 0 && p->shape.of == TK_SHAPE_NONE ? p->rate : INFINITY,
        .burstiness = 1,
        .max_concurrency = p->concurrency > 0 ? p->concurrency : -1,
        .has_metric = { [TK_VLLM_TTFT] = !b->is_pooling,
                        [TK_VLLM_TPOT] = !b->is_pooling,
                        [TK_VLLM_ITL] = !b->is_pooling,
                        [TK_VLLM_E2EL] = b->is_pooling },
        .percentiles = p99,
        .n_percentiles = 1,
        .goodput_ms = { NAN, NAN, NAN, NAN, NAN, NAN },
        .utc_offset_s = utc_offset_at(wall),
    };
    set_backend(ret, b);
}

void tk_vllm_form_span(struct tk_vllm_form *form, const struct tk_load_totals *t, tk_ns wall_begin)
{
    tk_ns dur = TK_MAX(t->end_at - t->begin_at, 0);

    form->duration_s = (double)dur / 1e9;
    form->all_due_at = form->is_due_at_once ? t->begin_at : 0;
    form->wall_begin = wall_begin;
    form->wall_end = wall_begin + dur;
}

/* --- the members of the fact that are one value --- */

enum kind {
    TEXT,   /* const char *: null is NULL */
    COUNT,  /* int64_t */
    NUMBER, /* double: what is no number of JSON is a string, "inf" or "nan" */
    FLAG,   /* bool */
};

#define MEMBER(member, kind)                                   \
    {                                                          \
#member, offsetof(struct tk_vllm_form, member), (kind) \
    }
static const struct {
    const char *name;
    size_t at;
    enum kind kind;
} members[] = {
    MEMBER(label, TEXT),
    MEMBER(model, TEXT),
    MEMBER(tokenizer, TEXT),
    MEMBER(num_prompts, COUNT),
    MEMBER(request_rate, NUMBER),
    MEMBER(burstiness, NUMBER),
    MEMBER(max_concurrency, COUNT),
    MEMBER(ramp_up_strategy, TEXT),
    MEMBER(ramp_up_start_rps, COUNT),
    MEMBER(ramp_up_end_rps, COUNT),
    MEMBER(has_goodput, FLAG),
    MEMBER(has_no_usage, FLAG),
    MEMBER(has_prompt_len, FLAG),
    MEMBER(is_detailed, FLAG),
    MEMBER(is_due_at_once, FLAG),
    MEMBER(utc_offset_s, COUNT),
};

/* --- writing --- */

static void write_number(struct tk_jsonw *w, double d)
{
    char text[32];

    if (isfinite(d))
        tk_jsonw_double(w, d);
    else
        tk_jsonw_str(w, (struct tk_str){ text, tk_num_shortest(d, text) });
}

static void write_members(struct tk_jsonw *w, const struct tk_vllm_form *form)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(members); i++) {
        const void *at = (const char *)form + members[i].at;
        tk_jsonw_key(w, members[i].name);
        if (members[i].kind == TEXT)
            tk_jsonw_z(w, *(const char *const *)at);
        else if (members[i].kind == COUNT)
            tk_jsonw_i64(w, *(const int64_t *)at);
        else if (members[i].kind == NUMBER)
            write_number(w, *(const double *)at);
        else
            tk_jsonw_bool(w, *(const bool *)at);
    }
}

static void write_metrics(struct tk_jsonw *w, const struct tk_vllm_form *form)
{
    tk_jsonw_key(w, "metrics");
    tk_jsonw_arr(w);
    for (size_t m = 0; m < TK_VLLM_METRIC_N_; m++) {
        if (form->has_metric[m])
            tk_jsonw_z(w, tk__vllm_metric_names[m]);
    }
    tk_jsonw_arr_end(w);
    tk_jsonw_key(w, "percentiles");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < form->n_percentiles; i++)
        tk_jsonw_double(w, form->percentiles[i]);
    tk_jsonw_arr_end(w);
    tk_jsonw_key(w, "goodput_ms");
    tk_jsonw_obj(w);
    for (size_t m = 0; m < TK_VLLM_METRIC_N_; m++) {
        if (isnan(form->goodput_ms[m]))
            continue;
        tk_jsonw_key(w, tk__vllm_metric_names[m]);
        write_number(w, form->goodput_ms[m]);
    }
    tk_jsonw_obj_end(w);
}

static void write_metadata(struct tk_jsonw *w, const struct tk_vllm_form *form)
{
    tk_jsonw_key(w, "metadata");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < form->metadata.n; i++)
        tk_jsonw_z(w, form->metadata.v[i]);
    tk_jsonw_arr_end(w);
}

/* [[rps, nanoseconds from the begin], …] */
static void write_rps(struct tk_jsonw *w, const struct tk_vllm_form *form)
{
    tk_jsonw_key(w, "rps");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < form->n_rps; i++) {
        tk_jsonw_arr(w);
        tk_jsonw_i64(w, form->rps[i].rps);
        tk_jsonw_i64(w, form->rps[i].due_offset);
        tk_jsonw_arr_end(w);
    }
    tk_jsonw_arr_end(w);
}

int tk_vllm_form_write(const struct tk_vllm_form *form, struct tk_buf *out)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_put_z(&w, "backend", form->backend);
    write_members(&w, form);
    write_metrics(&w, form);
    write_metadata(&w, form);
    write_rps(&w, form);
    tk_jsonw_obj_end(&w);
    return out->failed;
}

/* --- reading --- */

struct reading {
    struct tk_vllm_form *form;
    struct tk_arena *arena;
};

static int read_text(const struct reading *r, struct tk_json_val *v, const char **ret)
{
    struct tk_str s;
    int rc = 0;

    if (tk_json_type(v) == TK_JSON_NULL)
        return 0;
    rc = tk_json_get_str(v, &s);
    if (rc == 0)
        *ret = tk_arena_dup(r->arena, s);
    return rc == 0 && !*ret ? -ENOMEM : rc;
}

static int read_number(struct tk_json_val *v, double *ret)
{
    struct tk_str s;

    if (tk_json_type(v) != TK_JSON_STRING)
        return tk_json_get_double(v, ret);
    int rc = tk_json_get_str(v, &s);
    return rc == 0 ? tk_num_parse_double(s, ret) : rc;
}

static int read_member(const struct reading *r, size_t i, struct tk_json_val *v)
{
    void *at = (char *)r->form + members[i].at;

    if (members[i].kind == TEXT)
        return read_text(r, v, at);
    if (members[i].kind == COUNT)
        return tk_json_get_i64(v, at);
    if (members[i].kind == NUMBER)
        return read_number(v, at);
    return tk_json_get_bool(v, at);
}

static int read_backend(const struct reading *r, struct tk_json_val *v)
{
    const struct tk__vllm_backend *b = NULL;
    const char *name = NULL;
    int rc = read_text(r, v, &name);

    if (rc == 0 && name)
        b = tk__vllm_backend(name);
    if (b)
        set_backend(r->form, b);
    return rc == 0 && !b ? TK_E_UNSUPPORTED : rc;
}

static size_t find_metric(struct tk_str name)
{
    size_t m = 0;

    while (m < TK_VLLM_METRIC_N_ && !tk_str_is(name, tk__vllm_metric_names[m]))
        m++;
    return m;
}

static int read_metric(const struct reading *r, struct tk_json_val *v, void *unused)
{
    struct tk_str name;
    int rc = tk_json_get_str(v, &name);
    size_t m = rc == 0 ? find_metric(name) : TK_VLLM_METRIC_N_;

    (void)unused;
    if (m < TK_VLLM_METRIC_N_)
        r->form->has_metric[m] = true;
    return rc == 0 && m == TK_VLLM_METRIC_N_ ? TK_E_UNSUPPORTED : rc;
}

static int read_percentile(const struct reading *r, struct tk_json_val *v, void *item)
{
    double *p = item;
    int rc = tk_json_get_double(v, p);

    (void)r;
    return rc == 0 && !(*p >= 0 && *p <= 100) ? TK_E_RANGE : rc;
}

static int read_pair(const struct reading *r, struct tk_json_val *v, void *item)
{
    const char **word = item;
    int rc = read_text(r, v, word);

    return rc == 0 && !*word ? TK_E_FORMAT : rc;
}

static int read_rps(const struct reading *r, struct tk_json_val *v, void *item)
{
    struct tk_vllm_rps *rps = item;
    struct tk_json_iter it;
    struct tk_json_val x;
    int64_t at = 0;
    int rc = tk_json_arr(v, &it);

    (void)r;
    if (rc == 0)
        rc = tk_json_arr_next(&it, &x) > 0 ? tk_json_get_i64(&x, &rps->rps) : TK_E_FORMAT;
    if (rc == 0)
        rc = tk_json_arr_next(&it, &x) > 0 ? tk_json_get_i64(&x, &at) : TK_E_FORMAT;
    rps->due_offset = tk_instant_of(at);
    return rc == 0 && tk_json_arr_next(&it, &x) != 0 ? TK_E_FORMAT : rc;
}

struct array {
    const char *name;
    int (*read)(const struct reading *r, struct tk_json_val *v, void *item);
    size_t item_bytes; /* 0: items are kept elsewhere */
    size_t max;
    size_t at, at_n; /* where the form has the array and the number of its items */
};

#define ARRAY(name, read, type, max, at, at_n)                                  \
    {                                                                           \
        (name), (read), sizeof(type), (max), offsetof(struct tk_vllm_form, at), \
            offsetof(struct tk_vllm_form, at_n)                                 \
    }
static const struct array arrays[] = {
    { .name = "metrics", .read = read_metric, .max = TK_VLLM_METRIC_N_ },
    ARRAY("percentiles", read_percentile, double, TK_VLLM_MAX_PERCENTILES, percentiles,
          n_percentiles),
    ARRAY("metadata", read_pair, const char *, TK_VLLM_MAX_METADATA, metadata.v, metadata.n),
    ARRAY("rps", read_rps, struct tk_vllm_rps, MAX_RPS, rps, n_rps),
};

static int count_items(struct tk_json_val *v, size_t max, size_t *ret)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    int rc = tk_json_arr(v, &it);

    *ret = 0;
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0)
        rc = ++*ret > max ? TK_E_LIMIT : 0;
    return rc;
}

static int read_array(const struct reading *r, const struct array *a, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val x;
    size_t n;
    int rc = count_items(v, a->max, &n);

    char *items = rc == 0 ? tk_arena_alloc(r->arena, n * a->item_bytes + 1) : NULL;
    if (!items)
        return rc ? rc : -ENOMEM;
    rc = tk_json_arr(v, &it);
    for (size_t i = 0; rc == 0 && (rc = tk_json_arr_next(&it, &x)) > 0; i++)
        rc = a->read(r, &x, items + i * a->item_bytes);
    if (rc == 0 && a->item_bytes > 0) {
        memcpy((char *)r->form + a->at, &items, sizeof(items));
        memcpy((char *)r->form + a->at_n, &n, sizeof(n));
    }
    return rc;
}

static int read_goodput(const struct reading *r, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val limit;
    struct tk_str name;
    int rc = tk_json_obj(v, &it);

    while (rc == 0 && (rc = tk_json_obj_next(&it, &name, &limit)) > 0) {
        size_t m = find_metric(name);
        rc = m == TK_VLLM_METRIC_N_ ? TK_E_UNSUPPORTED
                                    : read_number(&limit, &r->form->goodput_ms[m]);
    }
    return rc;
}

static int read_any(const struct reading *r, struct tk_str name, struct tk_json_val *v)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(members); i++) {
        if (tk_str_is(name, members[i].name))
            return read_member(r, i, v);
    }
    for (size_t i = 0; i < TK_ARRAY_LEN(arrays); i++) {
        if (tk_str_is(name, arrays[i].name))
            return read_array(r, &arrays[i], v);
    }
    if (tk_str_is(name, "backend"))
        return read_backend(r, v);
    return tk_str_is(name, "goodput_ms") ? read_goodput(r, v) : 0;
}

/* What the other files take for granted. */
static bool is_whole(const struct tk_vllm_form *f)
{
    return f->backend && f->model && f->utc_offset_s >= -MAX_UTC_OFFSET_S &&
           f->utc_offset_s <= MAX_UTC_OFFSET_S;
}

int tk_vllm_form_read(struct tk_str json, struct tk_arena *arena, struct tk_vllm_form *ret)
{
    struct tk_vllm_form form = { .goodput_ms = { NAN, NAN, NAN, NAN, NAN, NAN } };
    struct reading r = { &form, arena };
    struct tk_jsondoc d;
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str name;
    int rc = tk_jsondoc_init(&d, json);

    if (rc == 0)
        rc = tk_json_obj(&d.root, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &name, &v)) > 0)
        rc = read_any(&r, name, &v);
    if (rc == 0 && !is_whole(&form))
        rc = TK_E_FORMAT;
    tk_jsondoc_release(&d);
    if (rc == 0)
        *ret = form;
    return rc;
}
