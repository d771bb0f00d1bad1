/* facts.c - totals, health and times of a run as JSON, both ways
 *
 * One table per object names the members, so that what is written is what is read.
 */
#include "cli/facts.h"

#include <string.h>

#include "base/buf.h"
#include "base/jsondoc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "run/segment.h"

#define MAX_WALL (INT64_C(1) << 62) /* in the year 2116; with a run behind it it fits 64 bits */

struct field {
    const char *name;
    size_t at; /* an int64_t or uint64_t */
};

#define TOTAL(name, member)                           \
    {                                                 \
        name, offsetof(struct tk_load_totals, member) \
    }
static const struct field totals_fields[] = {
    TOTAL("planned", planned),   TOTAL("sent", sent),
    TOTAL("not_sent", not_sent), TOTAL("succeeded", succeeded),
    TOTAL("failed", failed),     TOTAL("cancelled", cancelled),
    TOTAL("resends", resends),   TOTAL("begin_at_ns", begin_at),
    TOTAL("end_at_ns", end_at),  TOTAL("cancelled_by_plan", cancelled_by_plan),
};

static const char *const phase_words[TK_PHASE_N_] = { "check", "warmup", "measure", "probe" };

/* --- writing --- */

static void put_total(struct tk_jsonw *w, const struct tk_load_totals *t)
{
    tk_jsonw_obj(w);
    for (size_t i = 0; i < TK_ARRAY_LEN(totals_fields); i++) {
        tk_jsonw_key(w, totals_fields[i].name);
        tk_jsonw_i64(w, *(const int64_t *)(const void *)((const char *)t + totals_fields[i].at));
    }
    tk_jsonw_obj_end(w);
}

static void put_totals(struct tk_jsonw *w, const struct tk_facts *f)
{
    tk_jsonw_obj(w);
    for (size_t i = 0; i < TK_PHASE_N_; i++) {
        if (i == TK_PHASE_PROBE && f->totals[i].begin_at == 0)
            continue; /* few runs have one */
        tk_jsonw_key(w, phase_words[i]);
        if (f->totals[i].begin_at == 0)
            tk_jsonw_null(w);
        else
            put_total(w, &f->totals[i]);
    }
    tk_jsonw_obj_end(w);
}

static void put_run(struct tk_jsonw *w, const struct tk_facts *f)
{
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "wall_begin_ns", f->wall_begin);
    tk_jsonw_put_bool(w, "interrupted", f->is_interrupted);
    tk_jsonw_put_bool(w, "terminated", f->is_terminated);
    tk_jsonw_obj_end(w);
}

static void put_health(struct tk_jsonw *w, const struct tk_facts *f)
{
    tk_health_write(&f->health, w);
}

static int put_fact(struct tk_sink *sink, const char *name, const struct tk_facts *f,
                    void (*put)(struct tk_jsonw *w, const struct tk_facts *f))
{
    struct tk_buf text = TK_BUF_INIT(1 << 20);
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

static bool get_total(struct tk_json_val *obj, struct tk_load_totals *t)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str key;

    if (tk_json_obj(obj, &it) != 0)
        return false;
    while (tk_json_obj_next(&it, &key, &v) > 0) {
        for (size_t i = 0; i < TK_ARRAY_LEN(totals_fields); i++) {
            if (tk_str_is(key, totals_fields[i].name))
                (void)tk_json_get_i64(&v, (void *)((char *)t + totals_fields[i].at));
        }
    }
    return true;
}

static void get_totals(struct tk_json_val *root, struct tk_facts *f)
{
    for (size_t i = 0; i < TK_PHASE_N_; i++) {
        struct tk_json_val v;
        if (tk_json_find(root, phase_words[i], &v) == 0)
            f->has_totals |= get_total(&v, &f->totals[i]);
        f->totals[i].begin_at = tk_instant_of(f->totals[i].begin_at);
        f->totals[i].end_at = tk_instant_of(f->totals[i].end_at);
    }
}

static void get_health(struct tk_json_val *root, struct tk_facts *f)
{
    f->has_health = tk_health_read(root, &f->health);
}

static void get_run(struct tk_json_val *root, struct tk_facts *f)
{
    struct tk_json_val v;

    if (tk_json_find(root, "wall_begin_ns", &v) == 0)
        (void)tk_json_get_i64(&v, &f->wall_begin);
    if (f->wall_begin < 0 || f->wall_begin > MAX_WALL)
        f->wall_begin = 0;
    if (tk_json_find(root, "interrupted", &v) == 0)
        (void)tk_json_get_bool(&v, &f->is_interrupted);
    if (tk_json_find(root, "terminated", &v) == 0)
        (void)tk_json_get_bool(&v, &f->is_terminated);
}

static void get_fact(struct tk_records *r, const char *name, struct tk_facts *f,
                     void (*get)(struct tk_json_val *root, struct tk_facts *f))
{
    struct tk_jsondoc d;

    if (tk_jsondoc_init(&d, tk_records_fact(r, name)) == 0)
        get(&d.root, f);
    tk_jsondoc_release(&d);
}

void tk_facts_get(struct tk_records *r, struct tk_facts *ret)
{
    memset(ret, 0, sizeof(*ret));
    tk_health_init(&ret->health);
    get_fact(r, "run", ret, get_run);
    get_fact(r, "totals", ret, get_totals);
    get_fact(r, "health", ret, get_health);
}
