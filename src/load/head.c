#include "load/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/str.h"

static const struct tk_plan_header *find(const struct tk_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_headers; i++)
        if (tk_str_eq_nocase(tk_str_of(p->headers[i].name), tk_str_of(name)))
            return &p->headers[i];
    return NULL;
}

/* What the engine sends by itself, unless the plan has a header of that name. */
static const struct standard {
    const char *name, *value;
    bool is_of_new; /* only where each request has a connection of its own */
} standard[] = {
    { "Content-Type", "application/json", false },
    { "Accept", "*/*", false },
    { "User-Agent", "tokmark", false },
    { "Connection", "close", true },
};

static bool is_sent(const struct tk_plan *p, const struct standard *s)
{
    return (p->is_new_connection || !s->is_of_new) && !find(p, s->name);
}

int tk__head_prefix(const struct tk_plan *p, struct tk_buf *out)
{
    tk_buf_addf(out, "POST %s HTTP/1.1\r\n", p->target);
    if (!find(p, "Host"))
        tk_buf_addf(out, "Host: %s\r\n", p->authority);
    for (size_t i = 0; i < TK_ARRAY_LEN(standard); i++)
        if (is_sent(p, &standard[i]))
            tk_buf_addf(out, "%s: %s\r\n", standard[i].name, standard[i].value);
    for (size_t i = 0; i < p->n_headers; i++)
        tk_buf_addf(out, "%s: %s\r\n", p->headers[i].name, p->headers[i].value);
    return out->failed;
}

static bool has_id(const struct tk_plan *p, enum tk_phase phase)
{
    return p->request_id_prefix && phase == TK_PHASE_MEASURE;
}

int tk__head_lines(const struct tk_plan *p, enum tk_phase phase, uint64_t index, size_t body_bytes,
                   char *out)
{
    int n;
    if (has_id(p, phase))
        n = snprintf(out, TK_LOAD_HEAD_BYTES, "Content-Length: %zu\r\nx-request-id: %s%llu\r\n\r\n",
                     body_bytes, p->request_id_prefix, (unsigned long long)index);
    else
        n = snprintf(out, TK_LOAD_HEAD_BYTES, "Content-Length: %zu\r\n\r\n", body_bytes);
    return n > 0 && n < TK_LOAD_HEAD_BYTES ? n : TK_E_LIMIT;
}

uint32_t tk__load_item(const struct tk_load_conf *conf, enum tk_phase phase, uint64_t index)
{
    if (conf->plan->phase[phase].is_first_item_only)
        return conf->first;
    if (conf->order)
        return conf->order[index % conf->n_order];
    return (uint32_t)(index % conf->n_bodies);
}

/* Eight bytes a step: 100,000 prompts of 2,000 tokens are a gigabyte. */
static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
    const char *at = p;

    while (n > 0) {
        size_t k = TK_MIN(n, sizeof(uint64_t));
        uint64_t word = 0;
        memcpy(&word, at, k);
        __extension__ unsigned __int128 m = (unsigned __int128)(h ^ word) *
                                            UINT64_C(0x9E3779B97F4A7C15);
        h = (uint64_t)m ^ (uint64_t)(m >> 64) ^ UINT64_C(0xD6E8FEB86659FD93);
        at += k;
        n -= k;
    }
    return h;
}

uint64_t tk_load_hash(const struct tk_load_conf *conf)
{
    uint64_t h = hash_bytes(0, &conf->n_bodies, sizeof(conf->n_bodies));

    for (uint32_t i = 0; i < conf->n_bodies; i++) {
        const struct tk_load_body *b = &conf->bodies[i];
        h = hash_bytes(h, &b->json.n, sizeof(b->json.n));
        h = hash_bytes(h, b->json.p, b->json.n);
    }
    if (!conf->order)
        return h;
    return hash_bytes(h, conf->order, conf->n_order * sizeof(*conf->order));
}

/* The headers as the peer would see them, secrets masked, as members of the open object. */
static void describe_headers(const struct tk_plan *p, uint64_t index, size_t body_bytes,
                             struct tk_jsonw *w)
{
    if (!find(p, "Host")) {
        tk_jsonw_key(w, "Host");
        tk_jsonw_z(w, p->authority);
    }
    for (size_t i = 0; i < TK_ARRAY_LEN(standard); i++) {
        if (!is_sent(p, &standard[i]))
            continue;
        tk_jsonw_key(w, standard[i].name);
        tk_jsonw_z(w, standard[i].value);
    }
    for (size_t i = 0; i < p->n_headers; i++) {
        tk_jsonw_key(w, p->headers[i].name);
        tk_jsonw_z(w, p->headers[i].is_secret ? "***" : p->headers[i].value);
    }
    char number[24];
    (void)snprintf(number, sizeof(number), "%zu", body_bytes);
    tk_jsonw_key(w, "Content-Length");
    tk_jsonw_z(w, number);
    if (has_id(p, TK_PHASE_MEASURE)) {
        char id[TK_LOAD_HEAD_BYTES];
        (void)snprintf(id, sizeof(id), "%s%llu", p->request_id_prefix, (unsigned long long)index);
        tk_jsonw_key(w, "x-request-id");
        tk_jsonw_z(w, id);
    }
}

static void describe_count(struct tk_jsonw *w, const char *key, int64_t count)
{
    tk_jsonw_key(w, key);
    if (count < 0)
        tk_jsonw_null(w);
    else
        tk_jsonw_i64(w, count);
}

static void describe_target(const char *target, struct tk_jsonw *w)
{
    struct tk_buf masked = TK_BUF_INIT(64 << 10);
    tk_jsonw_z(w, tk_plan_mask_url(target, &masked) == 0 ? masked.p : "***");
    tk_buf_release(&masked);
}

/* Where the plan gives it up; null: it does not. */
static void describe_cancel(const struct tk_plan *p, uint64_t index, int64_t asked,
                            struct tk_jsonw *w)
{
    struct tk_cancel_point at = tk_cancel_point(&p->cancel, p->seed, index, asked);
    tk_jsonw_key(w, "cancel");
    if (!at.tokens && !at.after) {
        tk_jsonw_null(w);
        return;
    }
    tk_jsonw_obj(w);
    if (at.tokens)
        tk_jsonw_put_i64(w, "after_tokens", at.tokens);
    else
        tk_jsonw_put_double(w, "after_s", (double)at.after / (double)TK_NS_PER_S);
    tk_jsonw_obj_end(w);
}

/* A form is not JSON: its bytes as a string of Latin-1. */
static void describe_body(const struct tk_plan *p, const struct tk_load_body *body,
                          struct tk_jsonw *w)
{
    const struct tk_plan_header *type = find(p, "Content-Type");
    struct tk_buf text = TK_BUF_INIT(2 * body->json.n + 1);

    tk_jsonw_key(w, "body");
    if (!type || !tk_str_starts(tk_str_of(type->value), TK_STR("multipart/"))) {
        tk_jsonw_raw(w, body->json);
        return;
    }
    for (size_t i = 0; i < body->json.n; i++) {
        unsigned char c = (unsigned char)body->json.p[i];
        if (c >= 0x80)
            tk_buf_add_c(&text, (char)(0xC0 | c >> 6));
        tk_buf_add_c(&text, (char)(c >= 0x80 ? 0x80 | (c & 0x3F) : c));
    }
    tk_jsonw_str(w, tk_buf_str(&text));
    tk_buf_release(&text);
}

int tk_load_describe(const struct tk_load_conf *conf, uint64_t index, struct tk_buf *out)
{
    const struct tk_plan *p = conf->plan;
    const struct tk_plan_phase *phase = &p->phase[TK_PHASE_MEASURE];
    const struct tk_load_body *body = &conf->bodies[tk__load_item(conf, TK_PHASE_MEASURE, index)];
    struct tk_jsonw w;
    tk_jsonw_init(&w, out, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_key(&w, "index");
    tk_jsonw_i64(&w, (int64_t)index);
    tk_jsonw_key(&w, "due_s");
    if (phase->due_offset)
        tk_jsonw_double(&w, (double)phase->due_offset[index] / (double)TK_NS_PER_S);
    else if (phase->concurrency == 0)
        tk_jsonw_double(&w, 0);
    else
        tk_jsonw_null(&w); /* closed loop: when a permit is free */
    tk_jsonw_key(&w, "method");
    tk_jsonw_z(&w, "POST");
    tk_jsonw_key(&w, "path");
    describe_target(p->target, &w);
    tk_jsonw_key(&w, "headers");
    tk_jsonw_obj(&w);
    describe_headers(p, index, body->json.n, &w);
    tk_jsonw_obj_end(&w);
    describe_body(p, body, &w);
    describe_count(&w, "prompt_tokens", body->asked_prompt_tokens);
    describe_count(&w, "output_tokens", body->asked_output_tokens);
    describe_cancel(p, index, body->asked_output_tokens, &w);
    tk_jsonw_obj_end(&w);
    return out->failed;
}
