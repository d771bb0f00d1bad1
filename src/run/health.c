/* health.c - the client's own health: sums over workers, and JSON both ways
 *
 * One table per object names the members, so that what is written is what is read.
 */
#include "run/health.h"

#include <math.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "base/str.h"

enum kind { KIND_I64, KIND_U32, KIND_DOUBLE };

struct field {
    const char *name;
    size_t at;
    enum kind kind;
};

/* clang-format off */
#define OF(type, name, member, kind) { name, offsetof(struct type, member), kind }

static const struct field fields[] = {
    OF(tk_health, "workers", n_workers, KIND_U32),
    OF(tk_health, "conns_opened", conns_opened, KIND_I64),
    OF(tk_health, "conns_failed", conns_failed, KIND_I64),
    OF(tk_health, "requests_reused", requests_reused, KIND_I64),
    OF(tk_health, "no_kernel_stamp", no_kernel_stamp, KIND_I64),
    OF(tk_health, "clock_steps", clock_steps, KIND_I64),
    OF(tk_health, "clock_error_max_ns", clock_error_max, KIND_I64),
    OF(tk_health, "cpu_ns", cpu, KIND_I64),
    OF(tk_health, "starved_ns", starved, KIND_I64),
    OF(tk_health, "max_worker_cpu", max_worker_cpu, KIND_DOUBLE),
    OF(tk_health, "max_worker_starved", max_worker_starved, KIND_DOUBLE),
    OF(tk_health, "cpu_when_starved", cpu_when_starved, KIND_DOUBLE),
    OF(tk_health, "loop_lag_sum_ns", loop_lag_sum, KIND_I64),
    OF(tk_health, "loop_lag_max_ns", loop_lag_max, KIND_I64),
    OF(tk_health, "timers", n_timers, KIND_I64),
    OF(tk_health, "records_full", records_full, KIND_I64),
    OF(tk_health, "records_full_ns", records_full_dur, KIND_I64),
    OF(tk_health, "bodies_late", bodies_late, KIND_I64),
    OF(tk_health, "bodies_late_ns", bodies_late_dur, KIND_I64),
    OF(tk_health, "rests", rests, KIND_I64),
    OF(tk_health, "rest_ns", rest_dur, KIND_I64),
};
static const struct field worker_fields[] = {
    OF(tk_health_worker, "span_ns", span, KIND_I64),
    OF(tk_health_worker, "cpu_ns", cpu, KIND_I64),
    OF(tk_health_worker, "starved_ns", starved, KIND_I64),
    OF(tk_health_worker, "max_cpu", max_cpu, KIND_DOUBLE),
    OF(tk_health_worker, "max_starved", max_starved, KIND_DOUBLE),
    OF(tk_health_worker, "cpu_when_starved", cpu_when_starved, KIND_DOUBLE),
    OF(tk_health_worker, "loop_lag_sum_ns", loop_lag_sum, KIND_I64),
    OF(tk_health_worker, "loop_lag_max_ns", loop_lag_max, KIND_I64),
    OF(tk_health_worker, "timers", n_timers, KIND_I64),
    OF(tk_health_worker, "requests", n_requests, KIND_I64),
};
/* clang-format on */

void tk_health_worker_init(struct tk_health_worker *w)
{
    *w = (struct tk_health_worker){ .max_cpu = (double)NAN,
                                    .max_starved = (double)NAN,
                                    .cpu_when_starved = (double)NAN };
}

void tk_health_init(struct tk_health *h)
{
    *h = (struct tk_health){ .max_worker_cpu = (double)NAN,
                             .max_worker_starved = (double)NAN,
                             .cpu_when_starved = (double)NAN };
}

void tk_health_add_worker(struct tk_health *h, const struct tk_health_worker *w)
{
    if (h->n_workers == TK_HEALTH_MAX_WORKERS)
        return;
    h->workers[h->n_workers++] = *w;
    h->cpu += w->cpu;
    h->starved += w->starved;
    h->max_worker_cpu = fmax(h->max_worker_cpu, w->max_cpu); /* of a NAN and a number: the number */
    if (!isnan(w->max_starved) && !(w->max_starved <= h->max_worker_starved)) {
        h->max_worker_starved = w->max_starved;
        h->cpu_when_starved = w->cpu_when_starved;
    }
    h->loop_lag_sum += w->loop_lag_sum;
    h->loop_lag_max = TK_MAX(h->loop_lag_max, w->loop_lag_max);
    h->n_timers += w->n_timers;
}

double tk_health_lag_mean(const struct tk_health *h)
{
    return h->n_timers > 0 ? (double)h->loop_lag_sum / (double)h->n_timers : (double)NAN;
}

/* --- writing --- */

static void put_fields(struct tk_jsonw *w, const struct field *f, size_t n, const void *from)
{
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
}

void tk_health_write(const struct tk_health *h, struct tk_jsonw *w)
{
    tk_jsonw_obj(w);
    put_fields(w, fields, TK_ARRAY_LEN(fields), h);
    tk_jsonw_key(w, "per_worker");
    tk_jsonw_arr(w);
    for (uint32_t i = 0; i < h->n_workers; i++) {
        tk_jsonw_obj(w);
        put_fields(w, worker_fields, TK_ARRAY_LEN(worker_fields), &h->workers[i]);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_arr_end(w);
    tk_jsonw_obj_end(w);
}

/* --- reading --- */

static void get_field(const struct field *f, struct tk_json_val *v, void *into)
{
    void *at = (char *)into + f->at;
    int64_t i;

    if (f->kind == KIND_DOUBLE)
        (void)tk_json_get_double(v, at); /* null: stays NAN */
    else if (tk_json_get_i64(v, &i) != 0)
        return;
    else if (f->kind == KIND_U32)
        *(uint32_t *)at = (uint32_t)i;
    else
        *(int64_t *)at = i;
}

static void get_member(const struct field *f, size_t n, struct tk_str key, struct tk_json_val *v,
                       void *into)
{
    for (size_t i = 0; i < n; i++) {
        if (tk_str_is(key, f[i].name))
            get_field(&f[i], v, into);
    }
}

static void get_workers(struct tk_json_val *array, struct tk_health *h)
{
    struct tk_json_iter it, members;
    struct tk_json_val v, member;
    struct tk_str key;

    if (tk_json_arr(array, &it) != 0)
        return;
    for (size_t i = 0; i < TK_HEALTH_MAX_WORKERS && tk_json_arr_next(&it, &v) > 0; i++) {
        tk_health_worker_init(&h->workers[i]);
        if (tk_json_obj(&v, &members) != 0)
            return;
        while (tk_json_obj_next(&members, &key, &member) > 0)
            get_member(worker_fields, TK_ARRAY_LEN(worker_fields), key, &member, &h->workers[i]);
    }
}

bool tk_health_read(struct tk_json_val *v, struct tk_health *ret)
{
    struct tk_json_iter it;
    struct tk_json_val member;
    struct tk_str key;

    tk_health_init(ret);
    if (tk_json_obj(v, &it) != 0)
        return false;
    while (tk_json_obj_next(&it, &key, &member) > 0) {
        if (tk_str_is(key, "per_worker"))
            get_workers(&member, ret);
        else
            get_member(fields, TK_ARRAY_LEN(fields), key, &member, ret);
    }
    ret->n_workers = TK_MIN(ret->n_workers, (uint32_t)TK_HEALTH_MAX_WORKERS);
    return true;
}
