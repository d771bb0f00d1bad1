/* vllm_server.c - what `tokmark vllm` asks a server beside its load */
#include "cli/vllm_server.h"

#include "base/jsondoc.h"
#include "base/str.h"
#include "cli/headers.h"
#include "cli/probe.h"
#include "cli/session.h"
#include "cli/target.h"
#include "run/plan.h"

#define TIMEOUT (10 * TK_NS_PER_S)

int tk_vllm_server_url(const char *base, const char *path, struct tk_url *ret,
                       struct tk_err *reterr)
{
    struct tk_buf url = TK_BUF_INIT(TK_URL_MAX_BYTES);

    tk_buf_addf(&url, "%s%s", base, path);
    int rc = url.failed ? tk_err_set(reterr, TK_E_LIMIT, "the URL of '%s' is too long", path)
                        : tk_url_parse(url.p, ret, reterr);
    tk_buf_release(&url);
    return rc;
}

int tk_vllm_server_plan(const struct tk_vllm *v, const struct tk_target *target,
                        struct tk_arena *arena, struct tk_plan *p, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;

    tk_target_to_plan(target, p);
    p->unix_path = o->unix_path;
    p->source_addresses = o->source_addresses;
    p->ca_file = o->ca_file;
    p->is_insecure = o->insecure;
    p->cert_file = o->cert_file;
    p->cert_key_file = o->cert_key_file;
    if (!o->cert_file && (o->cert_key_file || o->cert_passphrase_file))
        return tk_err_set(reterr, TK_E_FORMAT, "'--%s' goes with '--cert'",
                          o->cert_key_file ? "cert-key" : "cert-passphrase-file");
    return tk_passphrase_read(o->cert_passphrase_file, arena, &p->cert_passphrase, reterr);
}

/* --- the model --- */

/* Names go to the terminal and into names of files: line ends and escapes are no part of one. */
static bool is_name(struct tk_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    }
    return true;
}

/* Of the first entry of "data"; NULL where there is none. TK_E_PROTO: it is not printable. */
static int read_model(struct tk_str body, struct tk_arena *arena, const char **ret_name,
                      const char **ret_model)
{
    struct tk_jsondoc d;
    struct tk_json_val list, first, value;
    struct tk_json_iter it;
    struct tk_str key, text;
    int rc = tk_jsondoc_init(&d, body);

    if (rc == 0)
        rc = tk_json_find(&d.root, "data", &list);
    if (rc == 0)
        rc = tk_json_arr(&list, &it);
    if (rc == 0)
        rc = tk_json_arr_next(&it, &first) > 0 ? tk_json_obj(&first, &it) : TK_E_NOT_FOUND;
    while (rc == 0 && tk_json_obj_next(&it, &key, &value) > 0) {
        bool is_id = tk_str_is(key, "id"), is_root = tk_str_is(key, "root");
        if ((!is_id && !is_root) || tk_json_get_str(&value, &text) != 0)
            continue;
        *(is_id ? ret_name : ret_model) = tk_arena_dup(arena, text);
        rc = is_name(text) ? 0 : TK_E_PROTO;
    }
    tk_jsondoc_release(&d);
    return rc;
}

static int ask_models(const struct tk_vllm *v, const struct tk_plan *p, struct tk_buf *body,
                      struct tk_err *reterr)
{
    struct tk_session session;
    struct tk_url url = { 0 };
    int rc = tk_session_init(&session, p, reterr);

    if (rc == 0)
        rc = tk_vllm_server_url(v->base, "/v1/models", &url, reterr);
    const struct tk_probe q = {
        .plan = p,
        .addrs = &session.addrs,
        .sources = &session.sources,
        .tls = session.tls,
        .timeout = TIMEOUT,
    };
    if (rc == 0)
        rc = tk_probe_get(&q, url.path, body, reterr);
    tk_url_release(&url);
    tk_session_release(&session);
    return rc;
}

/* In the tool's words; without `why` the list was empty. A base may have a key in it. */
static int no_model(const struct tk_vllm *v, int rc, const char *why, struct tk_err *reterr)
{
    struct tk_buf base = TK_BUF_INIT(TK_URL_MAX_BYTES);

    (void)tk_plan_mask_url(v->base, &base);
    if (!why)
        (void)tk_err_set(reterr, rc,
                         "No models found on the server at %s. Make sure the server is running and "
                         "has models loaded.",
                         base.p ? base.p : "");
    else
        (void)tk_err_set(reterr, rc,
                         "Failed to fetch models from server at %s/v1/models. Check that: 1. The "
                         "server is running 2. The server URL is correct. Error: %s",
                         base.p ? base.p : "", why);
    tk_buf_release(&base);
    return rc;
}

int tk_vllm_server_model(const struct tk_vllm *v, const struct tk_plan *p, struct tk_arena *arena,
                         const char **ret_name, const char **ret_model, struct tk_err *reterr)
{
    struct tk_buf body = TK_BUF_INIT(TK_PROBE_MAX_BODY);
    struct tk_err err = { 0 };

    *ret_name = *ret_model = NULL;
    int rc = ask_models(v, p, &body, &err);
    int rc_read = rc == 0 ? read_model(tk_buf_str(&body), arena, ret_name, ret_model) : 0;
    tk_buf_release(&body);
    if (rc == 0 && rc_read != TK_E_PROTO && *ret_name) {
        *ret_model = *ret_model ? *ret_model : *ret_name;
        return 0;
    }
    if (rc == 0 && (rc_read == 0 || rc_read == TK_E_NOT_FOUND))
        return no_model(v, TK_E_NOT_FOUND, NULL, reterr);
    return no_model(v, rc ? rc : rc_read,
                    rc                      ? err.msg
                    : rc_read == TK_E_PROTO ? "the model's name has control characters in it"
                                            : "the reply is no list of models",
                    reterr);
}

/* --- counters --- */

int tk_vllm_server_counters(const char *base, const struct tk_plan *plan,
                            const struct tk_session *session, struct tk_vllm_counters *ret,
                            struct tk_err *reterr)
{
    struct tk_buf text = TK_BUF_INIT(TK_PROBE_MAX_BODY);
    const struct tk_probe q = {
        .plan = plan,
        .addrs = &session->addrs,
        .sources = &session->sources,
        .tls = session->tls,
        .timeout = TIMEOUT,
    };
    struct tk_url url = { 0 };
    int rc = tk_vllm_server_url(base, "/metrics", &url, reterr);

    if (rc != 0)
        return rc;
    rc = tk_probe_get(&q, url.path, &text, reterr);
    if (rc == 0)
        tk_vllm_counters_read(tk_buf_str(&text), ret);
    tk_url_release(&url);
    tk_buf_release(&text);
    return rc;
}
