/* sim.c - the simulated server: connections, routes, errors
 *
 *   tk_http_server --on_request--> route --> models, health, errors: answered here, at once
 *                                    \-----> tokens: parsed (request.c), then a stream of its own
 *                  --on_closed---> the stream ends as broken, and waits for the next connection
 *
 * A connection gets a struct tk__stream with its first request and keeps it: one request at a
 * time. Its buffers stay with it when the connection goes and another takes it, so a warm
 * simulator does not allocate.
 *
 * The instant of arrival is the kernel's stamp of the request's last byte, turned monotonic by an
 * offset that is measured anew when it is older than a second. A stamp that says the impossible
 * (after it was seen, or long before: the wall clock was set) gives way to the instant it was
 * seen.
 */
#include "sim/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "net/addr.h"
#include "net/xport.h"
#include "sim/internal.h"

#define MAX_BODY_BYTES ((size_t)64 << 20)
#define MAX_EVENT_BYTES ((size_t)1 << 30) /* an event, a body, a cut write */
#define OFFSET_SAMPLES 5
#define OFFSET_AGE_DUR TK_NS_PER_S
#define STAMP_SLACK_DUR (10 * TK_NS_PER_S) /* a stamp older than this is no stamp */

void tk__put_i64(struct tk_buf *b, int64_t i)
{
    char digits[20];
    char *end = digits + sizeof(digits), *p = end;
    uint64_t v = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;

    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    if (i < 0)
        *--p = '-';
    tk_buf_add(b, p, (size_t)(end - p));
}

/* --- streams --- */

static void free_stream(struct tk__stream *st)
{
    tk_buf_release(&st->body);
    tk_buf_release(&st->prefix);
    tk_buf_release(&st->held);
    tk_buf_release(&st->out);
    free(st->sent.v);
    free(st->seq.table.v);
    free(st->seq.hashes.v);
    free(st);
}

static struct tk__stream *take_stream(struct tk_sim *s, struct tk_http_peer *peer)
{
    struct tk_link *l = tk_list_pop_last(&s->spare);
    struct tk__stream *st = l ? TK_CONTAINER_OF(l, struct tk__stream, link) : NULL;

    if (!st) {
        st = calloc(1, sizeof(*st));
        if (!st)
            return NULL;
        st->sim = s;
        tk_timer_init(&st->aside, NULL, st);
        tk_buf_init(&st->body, MAX_BODY_BYTES);
        tk_buf_init(&st->prefix, MAX_EVENT_BYTES);
        tk_buf_init(&st->held, MAX_EVENT_BYTES);
        tk_buf_init(&st->out, MAX_EVENT_BYTES);
    }
    st->peer = peer;
    tk_list_push(&s->streams, &st->link);
    tk_http_peer_set_data(peer, st);
    return st;
}

static void on_closed(void *owner, struct tk_http_peer *peer, bool is_mid_reply)
{
    struct tk_sim *s = owner;
    struct tk__stream *st = tk_http_peer_data(peer);

    (void)is_mid_reply; /* the stream knows */
    if (!st)
        return;
    tk__stream_end(st, TK__END_BROKEN);
    tk_timer_stop(&st->aside);
    st->peer = NULL;
    tk_list_remove(&st->link);
    tk_list_push(&s->spare, &st->link);
}

/* --- a request --- */

static uint64_t fnv1a(struct tk_str s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void copy_cut(char *out, size_t cap, struct tk_str s)
{
    size_t n = TK_MIN(s.n, cap - 1);

    if (n > 0)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

static void note_arrival(struct tk__stream *st, const struct tk_stamp *stamp)
{
    struct tk_sim *s = st->sim;
    tk_ns at;

    st->seen_at = stamp->seen_at;
    st->arrived_at = stamp->seen_at;
    st->is_kernel_stamp = false;
    if (stamp->arrived_wall == 0)
        return;
    if (stamp->seen_at - s->offset.at > OFFSET_AGE_DUR)
        s->offset = tk_clock_offset(OFFSET_SAMPLES);
    at = stamp->arrived_wall - s->offset.offset;
    if (at > stamp->seen_at || at < stamp->seen_at - STAMP_SLACK_DUR)
        return;
    st->arrived_at = at;
    st->is_kernel_stamp = true;
}

/* Fill the stream for a new request; everything of the last one is forgotten, capacities aside. */
static void open_stream(struct tk__stream *st, const struct tk_http_request *r)
{
    struct tk_sim *s = st->sim;
    const struct tk_str *id = tk_headers_get(&r->headers, "x-request-id");

    tk_timer_stop(&st->aside);
    note_arrival(st, &r->stamp);
    st->is_open = true;
    st->serial = ++s->n.n_requests;
    st->conn_id = r->conn_id;
    st->n_on_conn = r->n_on_conn;
    st->accepted_at = r->accepted_at;
    copy_cut(st->method, sizeof(st->method), r->method);
    copy_cut(st->path, sizeof(st->path), r->target);
    copy_cut(st->id, sizeof(st->id), id ? *id : (struct tk_str){ NULL, 0 });
    st->body_hash = fnv1a(r->body);
    st->body_bytes = r->body.n;
    tk_buf_reset(&st->body);
    if (s->conf.logs_bodies)
        tk_buf_add_str(&st->body, r->body);
    st->call = (struct tk__call){ .knobs = s->conf.knobs };
    st->rng = s->conf.seed ^ st->serial * UINT64_C(0xd1342543de82ef95);
    st->cut_rng = st->rng + 1;
    st->due_at = st->again_at = 0;
    st->n_ready = 0;
    st->status = 0;
    st->stage = TK__STAGE_TOKENS;
    st->end = TK__END_FINISHED;
    st->n_sent = st->n_held = 0;
    st->n_events = st->n_named = st->n_held_tokens = 0;
    st->is_spoiled = st->has_error = false;
    st->is_raw = st->is_unframed = st->is_broken_off = false;
    st->n_wire = st->n_head = 0;
    st->seq.n_cached = st->seq.n_preempted = 0;
    st->seq.scheduled_at = 0;
    st->seq.hashes.n = 0;
    tk_buf_reset(&st->held);
    tk_buf_reset(&st->out);
    st->out_at = 0;
    st->head_at = st->role_at = st->ended_at = 0;
    st->sent.n = 0;
    s->n.n_open++;
    s->n.peak_open = TK_MAX(s->n.peak_open, s->n.n_open);
}

/* --- replies without a schedule --- */

int tk__reply(struct tk__stream *st, int status, const char *type, const char *headers)
{
    struct tk_buf *b = &st->sim->scratch;
    struct tk_http_peer *peer = st->peer;
    bool is_close = st->call.knobs.is_close;
    char both[256];
    int rc;

    if (b->failed)
        tk_buf_reset(b);
    snprintf(both, sizeof(both), "%s%s", headers ? headers : "",
             is_close ? "connection: close\r\n" : "");
    st->status = status;
    st->head_at = tk_clock_now();
    tk__stream_end(st, TK__END_FINISHED);
    rc = tk_http_reply(peer, status, type, both, tk_buf_str(b));
    if (is_close)
        tk_http_peer_close(peer, false);
    return rc;
}

static const char *error_type(int status)
{
    switch (status) {
    case 401:
        return "AuthenticationError";
    case 404:
        return "NotFoundError";
    case 429:
        return "RateLimitError";
    default:
        return status >= 500 ? "InternalServerError" : "BadRequestError";
    }
}

int tk__reply_error(struct tk__stream *st, int status, const char *message, const char *headers)
{
    struct tk_buf *b = &st->sim->scratch;
    struct tk_jsonw w;

    tk_buf_reset(b);
    tk_jsonw_init(&w, b, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_key(&w, "error");
    tk_jsonw_obj(&w);
    tk_jsonw_key(&w, "message");
    tk_jsonw_z(&w, message);
    tk_jsonw_key(&w, "type");
    tk_jsonw_z(&w, error_type(status));
    tk_jsonw_key(&w, "param");
    tk_jsonw_null(&w);
    tk_jsonw_key(&w, "code");
    tk_jsonw_i64(&w, status);
    tk_jsonw_obj_end(&w);
    tk_jsonw_obj_end(&w);
    return tk__reply(st, status, "application/json", headers);
}

static void serve_models(struct tk__stream *st, const struct tk_http_request *r)
{
    struct tk_sim *s = st->sim;
    struct tk_jsonw w;

    (void)r;
    tk_buf_reset(&s->scratch);
    tk_jsonw_init(&w, &s->scratch, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_key(&w, "object");
    tk_jsonw_z(&w, "list");
    tk_jsonw_key(&w, "data");
    tk_jsonw_arr(&w);
    tk_jsonw_obj(&w);
    tk_jsonw_key(&w, "id");
    tk_jsonw_z(&w, s->conf.model);
    tk_jsonw_key(&w, "object");
    tk_jsonw_z(&w, "model");
    tk_jsonw_key(&w, "created");
    tk_jsonw_i64(&w, s->created);
    tk_jsonw_key(&w, "owned_by");
    tk_jsonw_z(&w, "tokmark");
    tk_jsonw_key(&w, "root");
    tk_jsonw_z(&w, s->conf.model);
    tk_jsonw_key(&w, "parent");
    tk_jsonw_null(&w);
    tk_jsonw_key(&w, "max_model_len");
    tk_jsonw_i64(&w, s->conf.max_model_len);
    tk_jsonw_obj_end(&w);
    tk_jsonw_arr_end(&w);
    tk_jsonw_obj_end(&w);
    tk__reply(st, 200, "application/json", NULL);
}

static void serve_metrics(struct tk__stream *st, const struct tk_http_request *r)
{
    (void)r;
    tk_buf_reset(&st->sim->scratch);
    tk__stats_put(&st->sim->scratch, st->sim);
    tk__reply(st, 200, "text/plain; version=0.0.4; charset=utf-8", NULL);
}

static void serve_nothing(struct tk__stream *st, const struct tk_http_request *r)
{
    (void)r;
    tk_buf_reset(&st->sim->scratch);
    tk__reply(st, 200, "application/json", NULL);
}

/* --- routes --- */

/* Put the call together from options, chance, head and body. */
static int make_call(struct tk__stream *st, const struct tk_http_request *r, struct tk_err *err)
{
    struct tk_sim *s = st->sim;
    struct tk__call *c = &st->call;
    struct tk__prompt prompt;
    int rc;

    tk__prompt_init(&prompt, s->conf.bytes_per_token);
    if (s->engine && !s->conf.engine.has_no_prefix_cache) {
        prompt.hashes = &st->seq.hashes;
        prompt.block_tokens = s->conf.engine.block_tokens;
    }
    c->knobs.n_tokens = -1;
    if (s->faults)
        tk__faults_apply(s->faults, s->n_calls++, &c->knobs);
    rc = tk__knobs_of_head(&c->knobs, r, err);
    if (rc == 0 && c->kind == TK__KIND_TRANSCRIPTION) {
        const struct tk_str *type = tk_headers_get(&r->headers, "content-type");
        rc = tk__call_parse_form(&s->conf, type ? *type : TK_STR(""), r->body, &prompt, c, err);
    } else if (rc == 0) {
        rc = tk__call_parse(s->json, &s->conf, r->body, &prompt, c, err);
    }
    if (rc == 0 && s->engine)
        rc = tk__engine_check(s->engine, c, err);
    return rc;
}

static void serve_call(struct tk__stream *st, const struct tk_http_request *r)
{
    struct tk_err err = { 0 };

    st->call.is_chat = st->call.kind == TK__KIND_CHAT;
    if (make_call(st, r, &err) < 0) {
        st->call.n_choices = 0; /* it is no call */
        tk__reply_error(st, 400, err.msg, NULL);
        return;
    }
    tk__stream_begin(st);
}

#define GET "GET", "allow: GET\r\n"
#define POST "POST", "allow: POST\r\n"

static const struct route {
    const char *path, *method;
    const char *allow;  /* the header that a 405 carries */
    bool is_open;       /* needs no key */
    enum tk__kind kind; /* of a call */
    void (*serve)(struct tk__stream *st, const struct tk_http_request *r);
} routes[] = {
    { "/v1/chat/completions", POST, false, TK__KIND_CHAT, serve_call },
    { "/v1/completions", POST, false, TK__KIND_COMPLETIONS, serve_call },
    { "/v1/responses", POST, false, TK__KIND_RESPONSES, serve_call },
    { "/v1/audio/transcriptions", POST, false, TK__KIND_TRANSCRIPTION, serve_call },
    { "/v1/embeddings", POST, false, TK__KIND_EMBEDDINGS, serve_call },
    { "/embeddings", POST, false, TK__KIND_EMBEDDINGS, serve_call },
    { "/pooling", POST, false, TK__KIND_POOLING, serve_call },
    { "/rerank", POST, false, TK__KIND_RERANK, serve_call },
    { "/v1/rerank", POST, false, TK__KIND_RERANK, serve_call },
    { "/v1/models", GET, false, 0, serve_models },
    { "/metrics", GET, true, 0, serve_metrics },
    { "/tokenize", POST, true, 0, tk__serve_tokenize },
    { "/detokenize", POST, true, 0, tk__serve_detokenize },
    { "/start_profile", POST, true, 0, serve_nothing },
    { "/stop_profile", POST, true, 0, serve_nothing },
    { "/health", GET, true, 0, serve_nothing },
};

static const struct route *find_route(struct tk_str target)
{
    ptrdiff_t query_at = tk_str_find(target, '?');

    if (query_at >= 0)
        target.n = (size_t)query_at;
    for (size_t i = 0; i < TK_ARRAY_LEN(routes); i++) {
        if (tk_str_is(target, routes[i].path))
            return &routes[i];
    }
    return NULL;
}

static bool has_key(const struct tk_sim *s, const struct tk_http_request *r)
{
    static const char scheme[] = "Bearer ";
    const struct tk_str *field = tk_headers_get(&r->headers, "authorization");
    size_t n = sizeof(scheme) - 1;

    if (!s->conf.api_key)
        return true;
    return field && field->n > n &&
           tk_str_eq_nocase((struct tk_str){ field->p, n }, TK_STR(scheme)) &&
           tk_str_is((struct tk_str){ field->p + n, field->n - n }, s->conf.api_key);
}

static void serve(const struct route *route, struct tk__stream *st, const struct tk_http_request *r)
{
    st->call.kind = route->kind;
    route->serve(st, r);
}

static void on_request(void *owner, struct tk_http_peer *peer, const struct tk_http_request *r)
{
    struct tk_sim *s = owner;
    struct tk__stream *st = tk_http_peer_data(peer);
    const struct route *route = find_route(r->target);

    if (!st)
        st = take_stream(s, peer);
    if (!st) {
        tk_http_peer_close(peer, true);
        return;
    }
    open_stream(st, r);
    if (!route)
        tk__reply_error(st, 404, "not found", NULL);
    else if (!tk_str_is(r->method, route->method))
        tk__reply_error(st, 405, "method not allowed", route->allow);
    else if (!route->is_open && !has_key(s, r))
        tk__reply_error(st, 401, "a valid API key is needed", "www-authenticate: Bearer\r\n");
    else
        serve(route, st, r);
}

/* --- making and ending --- */

/* Copy the strings of the configuration, so that the caller's may go. */
static int own_conf(struct tk_sim *s, const struct tk_sim_conf *conf)
{
    struct tk_sim_conf *c = &s->conf;

    *c = *conf;
    c->host = c->unix_path = c->log_path = c->words = c->api_key = c->faults =
        NULL; /* the caller's, who may free them */
    c->model = s->model = tk_str_dup(tk_str_of(conf->model ? conf->model : "sim"));
    if (!s->model)
        return -ENOMEM;
    if (conf->unix_path) {
        c->unix_path = s->unix_path = tk_str_dup(tk_str_of(conf->unix_path));
        if (!s->unix_path)
            return -ENOMEM;
    }
    if (conf->api_key) {
        c->api_key = s->api_key = tk_str_dup(tk_str_of(conf->api_key));
        if (!s->api_key)
            return -ENOMEM;
    }
    if (c->max_model_len <= 0)
        c->max_model_len = 131072;
    if (c->bytes_per_token <= 0)
        c->bytes_per_token = 4;
    return 0;
}

/* Every word with a space before it, escaped, one behind the other. */
static int make_words(struct tk_sim *s, const char *words)
{
    struct tk_str rest = tk_str_of(words && words[0] ? words : "token"), word, counted = rest;
    struct tk_buf *b = &s->word_text, *plain = &s->word_plain;
    size_t n = 1;

    for (; tk_str_split(&counted, ' ', &word); n++)
        continue;
    s->words = calloc(n, sizeof(*s->words));
    if (!s->words)
        return -ENOMEM;
    /* Six bytes for each at most, so the slices do not move. */
    if (tk_buf_reserve(b, 6 * rest.n + n) < 0 || tk_buf_reserve(plain, rest.n + n) < 0)
        return -ENOMEM;
    while (tk_str_split(&rest, ' ', &word)) {
        size_t at = b->n, plain_at = plain->n;

        if (word.n == 0)
            continue;
        tk_buf_add_c(plain, ' ');
        tk_buf_add_str(plain, word);
        s->words[s->n_words].plain = (struct tk_str){ plain->p + plain_at, plain->n - plain_at };
        tk_buf_add_c(b, ' ');
        tk_json_escape(b, word, TK_JSONW_COMPACT);
        s->words[s->n_words++].text = (struct tk_str){ b->p + at, b->n - at };
    }
    return s->n_words > 0 ? b->failed : -EINVAL;
}

static uint16_t port_of(const struct tk_addr *a)
{
    return ntohs(a->u.any.sa_family == AF_INET6 ? a->u.v6.sin6_port : a->u.v4.sin_port);
}

/* A listening socket where the configuration says; -1 for nowhere goes to *ret too. */
static int listen_at(struct tk_sim *s, const struct tk_sim_conf *conf, int *ret,
                     struct tk_err *reterr)
{
    struct tk_addr bound;
    int fd;

    *ret = -1;
    if (conf->unix_path) {
        fd = tk_listen_unix(conf->unix_path, reterr);
        s->is_unix_bound = fd >= 0;
    } else if (conf->host) {
        fd = tk_listen(conf->host, conf->port, &bound, reterr);
        if (fd >= 0)
            s->port = port_of(&bound);
    } else {
        return 0;
    }
    if (fd < 0)
        return fd;
    *ret = fd;
    return 0;
}

static int start_server(struct tk_sim *s, const struct tk_sim_conf *conf, struct tk_err *reterr)
{
    struct tk_http_server_conf server = {
        .loop = conf->loop,
        .tls = conf->tls,
        .owner = s,
        .max_body_bytes = MAX_BODY_BYTES,
        .on_request = on_request,
        .on_closed = on_closed,
    };
    int rc = listen_at(s, conf, &server.listener, reterr);

    if (rc < 0)
        return rc;
    rc = tk_http_server_new(&server, &s->server);
    if (rc < 0)
        return tk_err_set(reterr, rc, "cannot start the server: %s", tk_err_text(rc));
    return 0;
}

static int make_engine(struct tk_sim *s, const struct tk_sim_conf *conf, struct tk_err *reterr)
{
    int rc = 0;

    if (conf->is_batching) {
        s->schedule = &tk__schedule_batching;
        rc = tk__engine_new(s, &conf->engine, &s->engine);
    }
    if (rc < 0)
        return tk_err_set(reterr, rc, "cannot make the engine: %s", tk_err_text(rc));
    return conf->faults ? tk__faults_new(conf->faults, conf->seed, &s->faults, reterr) : 0;
}

static int init(struct tk_sim *s, const struct tk_sim_conf *conf, struct tk_err *reterr)
{
    int rc = own_conf(s, conf);

    if (rc == 0)
        rc = make_words(s, conf->words);
    s->json = tk_json_new(MAX_BODY_BYTES);
    if (rc == 0 && !s->json)
        rc = -ENOMEM;
    if (rc < 0)
        return tk_err_set(reterr, rc, "cannot set the simulator up: %s", tk_err_text(rc));
    rc = make_engine(s, conf, reterr);
    if (rc == 0)
        rc = tk__journal_new(conf, &s->journal, reterr);
    if (rc < 0)
        return rc;
    return start_server(s, conf, reterr);
}

int tk_sim_new(const struct tk_sim_conf *conf, struct tk_sim **ret, struct tk_err *reterr)
{
    struct tk_sim *s = calloc(1, sizeof(*s));
    int rc;

    if (!s)
        return tk_err_set(reterr, -ENOMEM, "no memory for the simulator");
    s->loop = conf->loop;
    s->schedule = &tk__schedule_fixed;
    s->offset = tk_clock_offset(OFFSET_SAMPLES);
    s->created = tk_clock_wall() / TK_NS_PER_S;
    tk_list_init(&s->streams);
    tk_list_init(&s->spare);
    tk_buf_init(&s->scratch, MAX_EVENT_BYTES);
    tk_buf_init(&s->word_text, MAX_EVENT_BYTES);
    tk_buf_init(&s->word_plain, MAX_EVENT_BYTES);
    rc = init(s, conf, reterr);
    if (rc < 0) {
        s->is_finished = true; /* nothing to sum up */
        tk_sim_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

int tk_sim_finish(struct tk_sim *s)
{
    if (s->is_finished)
        return s->finish_code;
    s->is_finished = true;
    for (struct tk_link *l = s->streams.next; l != &s->streams; l = l->next)
        tk__stream_end(TK_CONTAINER_OF(l, struct tk__stream, link), TK__END_ABANDONED);
    tk__journal_sum(s->journal, &s->n);
    s->finish_code = tk__journal_flush(s->journal);
    return s->finish_code;
}

static void free_list(struct tk_link *head)
{
    struct tk_link *next;

    for (struct tk_link *l = head->next; l != head; l = next) {
        next = l->next;
        free_stream(TK_CONTAINER_OF(l, struct tk__stream, link));
    }
    tk_list_init(head);
}

struct tk_sim *tk_sim_free(struct tk_sim *s)
{
    if (!s)
        return NULL;
    tk_sim_finish(s);
    tk_http_server_free(s->server);
    if (s->is_unix_bound)
        tk_unlisten_unix(s->unix_path);
    tk__engine_free(s->engine);
    tk__faults_free(s->faults);
    free_list(&s->streams);
    free_list(&s->spare);
    tk__journal_free(s->journal);
    tk_json_free(s->json);
    tk_buf_release(&s->scratch);
    tk_buf_release(&s->word_text);
    tk_buf_release(&s->word_plain);
    free(s->words);
    tk__groups_release(&s->groups);
    free(s->model);
    free(s->api_key);
    free(s->unix_path);
    free(s);
    return NULL;
}

uint16_t tk_sim_port(const struct tk_sim *s)
{
    return s->port;
}

int tk_sim_adopt(struct tk_sim *s, struct tk_xport *x)
{
    return tk_http_server_adopt(s->server, x);
}

void tk_sim_counts(const struct tk_sim *s, struct tk_sim_counts *ret)
{
    *ret = s->n;
}
