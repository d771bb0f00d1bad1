/* plan.c - what is secret in a plan, and the plan as JSON
 *
 * The JSON has every field that decides what is loaded, in a fixed order; instants computed from the
 * seed are left out, since the same seed gives them again.
 */
#include "run/plan.h"

#include <math.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/str.h"

#define MAX_URL_BYTES ((size_t)64 << 10)

bool tk_plan_is_secret(struct tk_str name)
{
    static const struct tk_str ends[] = {
        TK_STR_INIT("authorization"), TK_STR_INIT("auth"),       TK_STR_INIT("key"),
        TK_STR_INIT("token"),         TK_STR_INIT("cookie"),     TK_STR_INIT("secret"),
        TK_STR_INIT("password"),      TK_STR_INIT("credential"), TK_STR_INIT("credentials"),
        TK_STR_INIT("signature"),
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(ends); i++) {
        if (name.n < ends[i].n)
            continue;
        struct tk_str end = { name.p + name.n - ends[i].n, ends[i].n };
        if (tk_str_eq_nocase(end, ends[i]))
            return true;
    }
    return false;
}

/* The parameters behind the '?' of a URL or a target. */
static struct tk_str query_of(const char *url)
{
    const char *mark = url ? strchr(url, '?') : NULL;
    return mark ? tk_str_of(mark + 1) : (struct tk_str){ NULL, 0 };
}

/* The value of the next parameter in `rest` that is a secret by its name. */
static bool next_query_secret(struct tk_str *rest, struct tk_str *ret)
{
    struct tk_str name;

    while (tk_str_split(rest, '&', ret)) {
        (void)tk_str_split(ret, '=', &name);
        if (ret->p && ret->n > 0 && tk_plan_is_secret(name))
            return true;
    }
    return false;
}

int tk_plan_mask_url(const char *url, struct tk_buf *out)
{
    struct tk_str rest = query_of(url);
    struct tk_str secret;
    const char *at = url;

    while (next_query_secret(&rest, &secret)) {
        tk_buf_add(out, at, (size_t)(secret.p - at));
        tk_buf_add_z(out, "***");
        at = secret.p + secret.n;
    }
    return tk_buf_add_z(out, at);
}

#define MIN_SECRET_BYTES 4 /* shorter ones are no secret, and would mask all and sundry */

/* How much of `secret` is at the start of `text`: all of it, or, `may_be_cut`, what `text` has room for. */
static size_t begins_with(struct tk_str text, struct tk_str secret, bool may_be_cut)
{
    size_t n = may_be_cut ? TK_MIN(text.n, secret.n) : secret.n;

    return n >= MIN_SECRET_BYTES && n <= text.n && memcmp(text.p, secret.p, n) == 0 ? n : 0;
}

static size_t query_secret_at(const char *target, struct tk_str text)
{
    struct tk_str rest = query_of(target);
    struct tk_str secret;
    size_t n = 0;

    while (n == 0 && next_query_secret(&rest, &secret))
        n = begins_with(text, secret, true);
    return n;
}

size_t tk_plan_secret_at(const struct tk_plan *p, struct tk_str text)
{
    for (size_t i = 0; i < p->n_headers; i++) {
        if (!p->headers[i].is_secret)
            continue;
        const char *value = p->headers[i].value;
        const char *space = strrchr(value, ' '); /* "Bearer KEY": the key alone too */
        size_t n = begins_with(text, tk_str_of(value), !space);
        if (n == 0 && space)
            n = begins_with(text, tk_str_of(space + 1), true);
        if (n > 0)
            return n;
    }
    return query_secret_at(p->target, text);
}

/* --- the plan as JSON --- */

/* Of both, 0 is written as null. */
static void put_seconds(struct tk_jsonw *w, const char *key, tk_ns dur)
{
    tk_jsonw_put_double(w, key, dur ? (double)dur / 1e9 : (double)NAN);
}

static void put_number(struct tk_jsonw *w, const char *key, uint64_t n)
{
    if (n > 0) {
        tk_jsonw_put_i64(w, key, (int64_t)n);
        return;
    }
    tk_jsonw_key(w, key);
    tk_jsonw_null(w);
}

static void put_url(struct tk_jsonw *w, const char *key, const char *url)
{
    struct tk_buf masked = TK_BUF_INIT(MAX_URL_BYTES);

    tk_jsonw_put_z(w, key, !url || tk_plan_mask_url(url, &masked) == 0 ? masked.p : "***");
    tk_buf_release(&masked);
}

static void put_rate(struct tk_jsonw *w, const struct tk_plan_phase *p)
{
    tk_jsonw_key(w, "rate");
    if (p->arrival == TK_ARRIVAL_CLOSED)
        tk_jsonw_null(w);
    else if (isinf(p->rate))
        tk_jsonw_z(w, "inf");
    else
        tk_jsonw_double(w, p->rate);
}

static void put_phase(struct tk_jsonw *w, const char *name, const struct tk_plan_phase *p)
{
    tk_jsonw_key(w, name);
    if (p->n_requests == 0 && p->duration == 0) {
        tk_jsonw_null(w);
        return;
    }
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "requests", (int64_t)p->n_requests);
    put_seconds(w, "duration_s", p->duration);
    put_seconds(w, "grace_s", p->grace);
    tk_jsonw_put_i64(w, "concurrency", p->concurrency);
    tk_jsonw_put_z(w, "arrival", tk_arrival_word(p->arrival));
    put_rate(w, p);
    tk_jsonw_put_double(w, "burstiness",
                        p->arrival == TK_ARRIVAL_GAMMA ? p->burstiness : (double)NAN);
    tk_jsonw_key(w, "shape");
    tk_shape_put_json(&p->shape, w);
    tk_jsonw_put_i64(w, "scheduled", (int64_t)p->n_due);
    tk_jsonw_put_bool(w, "first_item_only", p->is_first_item_only);
    tk_jsonw_obj_end(w);
}

/* As long as the measured phase: it has no bound of its own. */
static void put_probe(struct tk_jsonw *w, const struct tk_plan_phase *p)
{
    if (p->pause == 0)
        return;
    tk_jsonw_key(w, "probe");
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "concurrency", p->concurrency);
    put_seconds(w, "pause_s", p->pause);
    tk_jsonw_obj_end(w);
}

static void put_headers(struct tk_jsonw *w, const struct tk_plan *p)
{
    tk_jsonw_key(w, "headers");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < p->n_headers; i++) {
        const struct tk_plan_header *h = &p->headers[i];
        tk_jsonw_obj(w);
        tk_jsonw_put_z(w, "name", h->name);
        tk_jsonw_put_z(w, "value", h->is_secret ? "***" : h->value);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_arr_end(w);
}

/* What only some tools tell of their bodies. */
static void put_body(struct tk_jsonw *w, const struct tk_plan *p)
{
    if (p->n_adapters > 0) {
        tk_jsonw_key(w, "adapters");
        tk_jsonw_arr(w);
        for (size_t i = 0; i < p->n_adapters; i++)
            tk_jsonw_z(w, p->adapters[i]);
        tk_jsonw_arr_end(w);
        tk_jsonw_put_z(w, "adapter_choice", p->adapter_choice);
    }
    if (p->sampling) {
        tk_jsonw_key(w, "sampling");
        tk_jsonw_raw(w, tk_str_of(p->sampling));
    }
}

static void put_target(struct tk_jsonw *w, const struct tk_plan *p)
{
    tk_jsonw_put_z(w, "tool", p->tool);
    put_url(w, "url", p->url);
    tk_jsonw_put_z(w, "host", p->host);
    tk_jsonw_put_i64(w, "port", p->port);
    tk_jsonw_put_z(w, "unix", p->unix_path);
    tk_jsonw_put_z(w, "source_addresses", p->source_addresses);
    tk_jsonw_put_bool(w, "tls", p->is_tls);
    put_url(w, "target", p->target);
    tk_jsonw_put_z(w, "authority", p->authority);
    tk_jsonw_put_z(w, "ca_file", p->ca_file);
    tk_jsonw_put_bool(w, "insecure", p->is_insecure);
    tk_jsonw_put_z(w, "cert_file", p->cert_file);
    tk_jsonw_put_z(w, "cert_key_file", p->cert_key_file);
    tk_jsonw_put_z(w, "api", p->api);
    tk_jsonw_put_z(w, "model", p->model);
    put_body(w, p);
    tk_jsonw_put_bool(w, "streamed", p->is_streamed);
    put_headers(w, p);
    tk_jsonw_put_z(w, "request_id_prefix", p->request_id_prefix);
}

/* Without a number of tokens and a time the point is drawn. */
static void put_cancel(struct tk_jsonw *w, const struct tk_plan_cancel *c)
{
    tk_jsonw_key(w, "cancel");
    if (!(c->share > 0)) {
        tk_jsonw_null(w);
        return;
    }
    tk_jsonw_obj(w);
    tk_jsonw_put_double(w, "share", c->share);
    put_number(w, "after_tokens", c->tokens);
    put_seconds(w, "after_s", c->after);
    tk_jsonw_obj_end(w);
}

static void put_load(struct tk_jsonw *w, const struct tk_plan *p)
{
    tk_jsonw_put_z(w, "data", p->data);
    put_number(w, "items", p->n_items); /* 0: they were not made */
    tk_jsonw_put_i64(w, "seed", (int64_t)p->seed);
    tk_jsonw_key(w, "phases");
    tk_jsonw_obj(w);
    put_phase(w, "check", &p->phase[0]);
    put_phase(w, "warmup", &p->phase[1]);
    put_phase(w, "measure", &p->phase[2]);
    put_probe(w, &p->phase[3]);
    tk_jsonw_obj_end(w);
    put_cancel(w, &p->cancel);
    tk_jsonw_key(w, "timeouts_s");
    tk_jsonw_obj(w);
    put_seconds(w, "connect", p->timeouts.connect);
    put_seconds(w, "first", p->timeouts.first);
    put_seconds(w, "idle", p->timeouts.idle);
    put_seconds(w, "total", p->timeouts.total);
    tk_jsonw_obj_end(w);
}

int tk_plan_to_json(const struct tk_plan *p, struct tk_buf *out)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    put_target(&w, p);
    put_load(&w, p);
    tk_jsonw_put_i64(&w, "workers", p->n_workers);
    tk_jsonw_put_z(&w, "record", p->level == TK_RECORD_ALL ? "all" : "requests");
    tk_jsonw_put_bool(&w, "realtime", p->is_realtime);
    tk_jsonw_put_bool(&w, "keeps_text", p->keeps_text);
    tk_jsonw_put_bool(&w, "accepts_no_end", p->accepts_no_end);
    tk_jsonw_put_i64(&w, "max_trace_bytes", p->max_trace_bytes);
    tk_jsonw_put_i64(&w, "max_record_bytes", p->max_record_bytes);
    tk_jsonw_put_bool(&w, "new_connection", p->is_new_connection);
    tk_jsonw_put_bool(&w, "opens_ahead", p->opens_ahead);
    tk_jsonw_obj_end(&w);
    return out->failed;
}
