/* facts.c - totals, health and times of a run as JSON, both ways
 *
 * One table per object names the members, so that what is written is what is read.
 */
#include "cli/facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/str.h"

enum kind { KIND_I64, KIND_U32, KIND_DOUBLE };

struct field {
    const char *name;
    size_t at;
    enum kind kind;
};

#define TOTAL(name, member)                                     \
    {                                                           \
        name, offsetof(struct tk_load_totals, member), KIND_I64 \
    }
static const struct field totals_fields[] = {
    TOTAL("planned", planned),   TOTAL("sent", sent),
    TOTAL("not_sent", not_sent), TOTAL("succeeded", succeeded),
    TOTAL("failed", failed),     TOTAL("cancelled", cancelled),
    TOTAL("resends", resends),   TOTAL("begin_at_ns", begin_at),
    TOTAL("end_at_ns", end_at),
};

#define HEALTH(name, member, kind)                          \
    {                                                       \
        name, offsetof(struct tk_load_health, member), kind \
    }
static const struct field health_fields[] = {
    HEALTH("workers", n_workers, KIND_U32),
    HEALTH("conns_opened", conns_opened, KIND_I64),
    HEALTH("conns_failed", conns_failed, KIND_I64),
    HEALTH("requests_reused", requests_reused, KIND_I64),
    HEALTH("cpu_ns", cpu, KIND_I64),
    HEALTH("max_worker_cpu", max_worker_cpu, KIND_DOUBLE),
    HEALTH("loop_lag_max_ns", loop_lag_max, KIND_I64),
    HEALTH("records_full", records_full, KIND_I64),
    HEALTH("no_kernel_stamp", no_kernel_stamp, KIND_I64),
    HEALTH("clock_steps", clock_steps, KIND_I64),
};

static const char *const phase_words[TK_PHASE_N_] = { "check", "warmup", "measure" };

/* --- writing --- */

static void put_fields(struct tk_jsonw *w, const struct field *f, size_t n, const void *from)
{
    tk_jsonw_obj(w);
    for (size_t i = 0; i < n; i++) {
        const void *at = (const char *)from + f[i].at;
        tk_jsonw_key(w, f[i].name);
        if (f[i].kind == KIND_DOUBLE)
            tk_jsonw_double(w, *(const double *)at);
        else if (f[i].kind == KIND_U32)
            tk_jsonw_i64(w, *(const uint32_t *)at);
        else
            tk_jsonw_i64(w, *(const int64_t *)at);
    }
    tk_jsonw_obj_end(w);
}

static void put_totals(struct tk_jsonw *w, const struct tk_facts *f)
{
    tk_jsonw_obj(w);
    for (size_t i = 0; i < TK_PHASE_N_; i++) {
        tk_jsonw_key(w, phase_words[i]);
        if (f->totals[i].begin_at == 0)
            tk_jsonw_null(w);
        else
            put_fields(w, totals_fields, TK_ARRAY_LEN(totals_fields), &f->totals[i]);
    }
    tk_jsonw_obj_end(w);
}

static void put_run(struct tk_jsonw *w, const struct tk_facts *f)
{
    tk_jsonw_obj(w);
    tk_jsonw_key(w, "wall_begin_ns");
    tk_jsonw_i64(w, f->wall_begin);
    tk_jsonw_key(w, "interrupted");
    tk_jsonw_bool(w, f->is_interrupted);
    tk_jsonw_obj_end(w);
}

static void put_health(struct tk_jsonw *w, const struct tk_facts *f)
{
    put_fields(w, health_fields, TK_ARRAY_LEN(health_fields), &f->health);
}

static int put_fact(struct tk_sink *sink, const char *name, const struct tk_facts *f,
                    void (*put)(struct tk_jsonw *w, const struct tk_facts *f))
{
    struct tk_buf text = TK_BUF_INIT(64 << 10);
    struct tk_jsonw w;

    tk_jsonw_init(&w, &text, TK_JSONW_COMPACT);
    put(&w, f);
    int rc = text.failed;
    if (rc == 0)
        rc = tk_sink_put_fact(sink, name, tk_buf_str(&text));
    tk_buf_release(&text);
    return rc;
}

int tk_facts_put(const struct tk_facts *f, struct tk_sink *sink)
{
    int rc = put_fact(sink, "run", f, put_run);

    if (rc == 0 && f->has_totals)
        rc = put_fact(sink, "totals", f, put_totals);
    if (rc == 0 && f->has_health)
        rc = put_fact(sink, "health", f, put_health);
    return rc;
}

/* --- reading --- */

static void get_field(const struct field *f, struct tk_json_val *v, void *into)
{
    void *at = (char *)into + f->at;
    int64_t i = 0;

    if (f->kind == KIND_DOUBLE)
        (void)tk_json_get_double(v, at);
    else if (tk_json_get_i64(v, &i) == 0 && f->kind == KIND_U32)
        *(uint32_t *)at = (uint32_t)i;
    else
        *(int64_t *)at = i;
}

static bool get_fields(struct tk_json_val *obj, const struct field *f, size_t n, void *into)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str key;

    if (tk_json_obj(obj, &it) != 0)
        return false;
    while (tk_json_obj_next(&it, &key, &v) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (tk_str_is(key, f[i].name))
                get_field(&f[i], &v, into);
        }
    }
    return true;
}

static void get_totals(struct tk_json_val *root, struct tk_facts *f)
{
    for (size_t i = 0; i < TK_PHASE_N_; i++) {
        struct tk_json_val v;
        if (tk_json_find(root, phase_words[i], &v) == 0)
            f->has_totals |= get_fields(&v, totals_fields, TK_ARRAY_LEN(totals_fields),
                                        &f->totals[i]);
    }
}

static void get_health(struct tk_json_val *root, struct tk_facts *f)
{
    f->has_health = get_fields(root, health_fields, TK_ARRAY_LEN(health_fields), &f->health);
}

static void get_run(struct tk_json_val *root, struct tk_facts *f)
{
    struct tk_json_val v;

    if (tk_json_find(root, "wall_begin_ns", &v) == 0)
        (void)tk_json_get_i64(&v, &f->wall_begin);
    if (tk_json_find(root, "interrupted", &v) == 0)
        (void)tk_json_get_bool(&v, &f->is_interrupted);
}

static void get_fact(struct tk_records *r, const char *name, struct tk_facts *f,
                     void (*get)(struct tk_json_val *root, struct tk_facts *f))
{
    struct tk_str text = tk_records_fact(r, name);
    struct tk_json_val root;
    char *copy = text.n > 0 ? calloc(1, text.n + TK_JSON_PADDING) : NULL;
    struct tk_json *j = copy ? tk_json_new(text.n) : NULL;

    if (j) {
        memcpy(copy, text.p, text.n);
        if (tk_json_parse(j, copy, text.n, &root) == 0)
            get(&root, f);
    }
    tk_json_free(j);
    free(copy);
}

void tk_facts_get(struct tk_records *r, struct tk_facts *ret)
{
    memset(ret, 0, sizeof(*ret));
    get_fact(r, "run", ret, get_run);
    get_fact(r, "totals", ret, get_totals);
    get_fact(r, "health", ret, get_health);
}
