/* run_plan.c - from the words of `tokmark run` to a plan and its bodies
 *
 * What is loaded and from where; how much and when is run_load.c's.
 */
#include "cli/run_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/headers.h"
#include "http/headers.h"

#define DEFAULT_OUTPUT_TOKENS 128
#define MAX_BODY_BYTES ((size_t)64 << 30)
#define MAX_ID_PREFIX_BYTES 128
#define MAX_WORD_ITEMS 10000 /* made-up prompts; further requests repeat them */

bool tk_run_given(const struct tk_run *r, const char *option)
{
    return r->is_given[tk_run_opt(option)];
}

/* --- the data --- */

/* As many prompts as there are requests: a large file is not kept for a short run. 0: all of it. */
static size_t n_wanted(const struct tk_run *r, bool is_words)
{
    const struct tk_plan_phase *phase = r->plan.phase;
    uint64_t n = phase[TK_PHASE_MEASURE].n_requests;

    if (n > 0)
        n = TK_MAX(n, phase[TK_PHASE_WARMUP].n_requests);
    if (is_words)
        return n == 0 ? MAX_WORD_ITEMS : (size_t)TK_MIN(n, (uint64_t)MAX_WORD_ITEMS);
    return n;
}

static int load_data(struct tk_run *r, struct tk_err *reterr)
{
    const struct tk_run_opts *o = r->o;
    bool is_words = strcmp(o->data, "words") == 0;
    const struct tk_data_ops *ops = &tk_data_words;
    struct tk_data_conf conf = {
        .path = is_words ? NULL : o->data,
        .n_wanted = n_wanted(r, is_words),
        .seed = (uint64_t)o->seed,
        .do_shuffle = o->shuffle,
        .output_tokens = tk_run_given(r, "output-tokens") ? o->output_tokens : -1,
        .words = o->words,
    };

    if (!is_words && tk_run_given(r, "words"))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "'--words' is the length of made-up prompts, and '--data' has prompts");
    if (is_words && o->data_format)
        return tk_err_set(reterr, TK_E_FORMAT, "'--data-format' goes with a file: '--data'");
    if (is_words && conf.output_tokens < 0)
        conf.output_tokens = DEFAULT_OUTPUT_TOKENS;
    if (!is_words && o->data_format)
        ops = tk_data_find(o->data_format);
    else if (!is_words)
        ops = tk_data_guess(o->data, reterr);
    if (!ops)
        return TK_E_FORMAT;
    int rc = ops->load(&conf, &r->items, reterr);
    if (rc != 0)
        return rc;
    r->has_items = true;
    if (r->items.n > UINT32_MAX)
        return tk_err_set(reterr, TK_E_LIMIT, "'%s' has more than 4294967295 prompts", o->data);
    r->plan.data = o->data;
    r->plan.n_items = r->items.n;
    return 0;
}

/* --- the server --- */

static bool url_ends(const char *url, const char *end)
{
    struct tk_str s = { url, strcspn(url, "?") };
    return tk_str_ends(s, tk_str_of(end));
}

static int choose_api(struct tk_run *r, const char *url, struct tk_err *reterr)
{
    const char *by_url = NULL;

    if (url_ends(url, "/chat/completions"))
        by_url = "chat";
    else if (url_ends(url, "/completions"))
        by_url = "completions";
    const char *name = r->o->api ? r->o->api : by_url ? by_url : "chat";
    if (by_url && strcmp(by_url, name) != 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the URL is one of '%s', '--api' says '%s'", by_url,
                          name);
    r->api = tk_api_find(name);
    r->plan.api = name;
    return r->api ? 0 : tk_err_set(reterr, TK_E_NOT_FOUND, "there is no API '%s'", name);
}

/* `unix:FILE` is a Unix socket, and http://localhost over it. */
static int take_unix(struct tk_run *r, const char **url, struct tk_err *reterr)
{
    static const char scheme[] = "unix:";
    size_t n = sizeof(scheme) - 1;

    r->plan.unix_path = r->o->unix_path;
    if (strncmp(*url, scheme, n) != 0)
        return 0;
    if (r->o->unix_path)
        return tk_err_set(reterr, TK_E_FORMAT, "'%s' and '--unix' are two sockets", *url);
    r->plan.unix_path = tk_arena_dup(&r->arena, tk_str_of(*url + n));
    *url = "http://localhost";
    return r->plan.unix_path ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for the URL");
}

static int make_target(struct tk_run *r, const char *url, struct tk_err *reterr)
{
    const struct tk_run_opts *o = r->o;
    int rc = take_unix(r, &url, reterr);

    if (rc == 0)
        rc = choose_api(r, url, reterr);

    if (rc == 0)
        rc = tk_target_from_base(url, r->api->path, &r->target, reterr);
    if (rc != 0)
        return rc;
    r->has_target = true;
    tk_target_to_plan(&r->target, &r->plan);
    r->plan.url = tk_arena_dup(&r->arena, tk_str_of(url));
    r->plan.source_addresses = o->source_addresses;
    r->plan.ca_file = o->ca_file;
    r->plan.is_insecure = o->insecure;
    r->plan.is_streamed = o->stream;
    r->plan.timeouts = (struct tk_plan_timeouts){
        .connect = o->timeout_connect,
        .first = o->timeout_first,
        .idle = o->timeout_idle,
        .total = o->timeout_total,
    };
    return r->plan.url ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for the URL");
}

/* The certificate to show; its files are read when the context for TLS is made. */
static int make_certificate(struct tk_run *r, struct tk_err *reterr)
{
    const struct tk_run_opts *o = r->o;

    if (!o->cert_file && (o->cert_key_file || o->cert_passphrase_file))
        return tk_err_set(reterr, TK_E_FORMAT, "'--%s' goes with '--cert'",
                          o->cert_key_file ? "cert-key" : "cert-passphrase-file");
    const char *tls = o->cert_file ? "cert" : o->ca_file ? "ca-file" : "insecure";
    if ((o->cert_file || o->ca_file || o->insecure) && !r->plan.is_tls)
        return tk_err_set(reterr, TK_E_FORMAT, "'--%s' is for a server that is asked by https",
                          tls);
    r->plan.cert_file = o->cert_file;
    r->plan.cert_key_file = o->cert_key_file;
    return tk_passphrase_read(o->cert_passphrase_file, &r->arena, &r->plan.cert_passphrase, reterr);
}

static int make_headers(struct tk_run *r, struct tk_err *reterr)
{
    struct tk_plan_header *h = NULL;
    const char *key;
    int rc = tk_key_read(r->o->key_file, &r->arena, &key, reterr);

    if (rc == 0)
        rc = tk_headers_make(&r->o->header, key, &r->arena, &h, &r->plan.n_headers, reterr);
    r->plan.headers = h;
    return rc;
}

/* It goes into a head of bounded length, in front of the request's number. */
static int make_id(struct tk_run *r, struct tk_err *reterr)
{
    struct tk_str prefix = tk_str_of(r->o->request_id_prefix);

    if (prefix.n > MAX_ID_PREFIX_BYTES)
        return tk_err_set(reterr, TK_E_RANGE, "'--request-id-prefix' has more than %d bytes",
                          MAX_ID_PREFIX_BYTES);
    if (prefix.n > 0 && !tk_header_is_valid(TK_STR("x-request-id"), prefix))
        return tk_err_set(reterr, TK_E_FORMAT, "'--request-id-prefix' cannot be sent as it is");
    r->plan.request_id_prefix = r->o->request_id_prefix;
    return 0;
}

static void make_client(struct tk_run *r)
{
    const struct tk_run_opts *o = r->o;

    r->plan.tool = "tokmark run";
    r->plan.seed = (uint64_t)o->seed;
    r->plan.n_workers = (uint32_t)o->workers;
    r->plan.level = strcmp(o->record, "requests") == 0 ? TK_RECORD_REQUESTS : TK_RECORD_ALL;
    r->plan.is_realtime = o->realtime;
    r->plan.keeps_text = o->keep_text;
    r->plan.max_trace_bytes = 16 << 20;
    r->plan.max_record_bytes = (uint64_t)o->record_memory;
    r->plan.is_new_connection = o->new_connection;
    r->plan.opens_ahead = !o->new_connection;
}

int tk_run_prepare(struct tk_run *r, const struct tk_run_opts *o, const bool *is_given,
                   const char *url, struct tk_err *reterr)
{
    memset(r, 0, sizeof(*r));
    tk_arena_init(&r->arena, 0);
    tk_buf_init(&r->body_text, MAX_BODY_BYTES);
    r->o = o;
    r->is_given = is_given;
    make_client(r);
    int rc = make_target(r, url, reterr);
    if (rc == 0)
        rc = make_certificate(r, reterr);
    if (rc == 0)
        rc = tk_run_make_load(r, reterr);
    if (rc == 0)
        rc = make_headers(r, reterr);
    if (rc == 0)
        rc = make_id(r, reterr);
    if (rc == 0)
        rc = load_data(r, reterr);
    return rc;
}

/* --- bodies --- */

static struct tk_api_opts api_opts(const struct tk_run *r, const char *model)
{
    return (struct tk_api_opts){
        .model = model,
        .is_streamed = r->o->stream,
        .ignores_eos = r->o->ignore_eos,
        .has_temperature = tk_run_given(r, "temperature"),
        .temperature = r->o->temperature,
        .extra = tk_str_of(r->o->extra),
    };
}

int tk_run_encode(struct tk_run *r, const char *model, struct tk_err *reterr)
{
    struct tk_api_opts opts = api_opts(r, model);
    int rc = 0;

    r->plan.model = model;
    r->bodies = tk_arena_alloc(&r->arena, r->items.n * sizeof(*r->bodies));
    if (!r->bodies)
        return tk_err_set(reterr, -ENOMEM, "no memory for the requests");
    for (size_t i = 0; rc == 0 && i < r->items.n; i++) {
        size_t begin = r->body_text.n;
        rc = r->api->encode(&opts, &r->items.v[i], &r->body_text, reterr);
        r->bodies[i].json.n = r->body_text.n - begin;
        r->bodies[i].asked_prompt_tokens = r->items.v[i].prompt_tokens;
        r->bodies[i].asked_output_tokens = r->items.v[i].output_tokens;
    }
    const char *at = r->body_text.p; /* it moved while it grew */
    for (size_t i = 0; rc == 0 && i < r->items.n; at += r->bodies[i++].json.n)
        r->bodies[i].json.p = at;
    return rc;
}

void tk_run_release(struct tk_run *r)
{
    if (r->has_items)
        tk_items_release(&r->items);
    if (r->has_target)
        tk_target_release(&r->target);
    r->has_items = r->has_target = false;
    tk_buf_release(&r->body_text);
    tk_arena_release(&r->arena);
    free(r->model);
    r->model = NULL;
}
