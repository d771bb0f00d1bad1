/* server_tokens.c - tokens as the server counts them
 *
 *                vLLM                                         llama.cpp
 *   text         POST /tokenize {"prompt", "add_special_…"}   POST /tokenize {"content", "add_special"}
 *                {"count", "tokens", "max_model_len"}         {"tokens"}
 *   ids          POST /detokenize {"tokens"} {"prompt"}       POST /detokenize {"tokens"} {"content"}
 *   chat         POST /tokenize {"messages", …}               POST /apply-template, then as a text
 *
 * Both pass over members that they do not know, so one body serves both, and the reply tells which it
 * is.
 */
#include "cli/server_tokens.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "cli/probe.h"
#include "cli/target.h"
#include "net/addr.h"
#include "net/tls.h"

#define MAX_REQUEST ((size_t)256 << 20)

struct tk_server_tokens {
    const struct tk_server_tokens_conf *conf;
    struct tk_plan plan; /* host, headers: what a probe looks at */
    struct tk_target target;
    struct tk_addrs addrs;
    struct tk_tls *tls;
    struct tk_json *json;
    struct tk_buf body;  /* of the request */
    struct tk_buf reply; /* of the server */
};

int tk_server_tokens_new(const struct tk_server_tokens_conf *conf, struct tk_server_tokens **ret,
                         struct tk_err *reterr)
{
    const struct tk_tls_conf tls = { 0 };
    struct tk_server_tokens *s = calloc(1, sizeof(*s));

    if (!s)
        return tk_err_set(reterr, -ENOMEM, "no memory to ask a server");
    s->conf = conf;
    tk_buf_init(&s->body, MAX_REQUEST);
    tk_buf_init(&s->reply, TK_PROBE_MAX_BODY);
    int rc = tk_target_from_base(conf->url, "/tokenize", &s->target, reterr);
    if (rc == 0) {
        tk_target_to_plan(&s->target, &s->plan);
        s->plan.headers = conf->headers;
        s->plan.n_headers = conf->n_headers;
        rc = tk_addr_resolve(s->plan.host, s->plan.port, &s->addrs, reterr);
    }
    if (rc == 0 && s->plan.is_tls)
        rc = tk_tls_new_client(&tls, &s->tls, reterr);
    if (rc == 0 && !(s->json = tk_json_new(TK_PROBE_MAX_BODY)))
        rc = tk_err_set(reterr, -ENOMEM, "no memory to ask a server");
    if (rc == 0)
        *ret = s;
    else
        tk_server_tokens_free(s);
    return rc;
}

struct tk_server_tokens *tk_server_tokens_free(struct tk_server_tokens *s)
{
    if (s) {
        tk_target_release(&s->target);
        tk_tls_free(s->tls);
        tk_json_free(s->json);
        tk_buf_release(&s->body);
        tk_buf_release(&s->reply);
        free(s);
    }
    return NULL;
}

/* ---- asking ---- */

/* The path of another call beside /tokenize: the URL's folder and query stay. */
static int path_of(const struct tk_server_tokens *s, const char *call, struct tk_buf *out)
{
    const char *target = s->target.target;
    const char *found = strstr(target, "/tokenize");
    size_t n = found ? (size_t)(found - target) : 0;

    (void)tk_buf_add(out, target, n);
    (void)tk_buf_add_z(out, call);
    return tk_buf_add_z(out, found ? found + strlen("/tokenize") : "");
}

/* Send the body, parse the reply. */
static int ask(struct tk_server_tokens *s, const char *call, struct tk_json_val *ret,
               struct tk_err *reterr)
{
    const struct tk_probe probe = {
        .plan = &s->plan, .addrs = &s->addrs, .tls = s->tls, .timeout = s->conf->timeout
    };
    struct tk_buf path = TK_BUF_INIT(2 * TK_URL_MAX_BYTES);
    int rc = path_of(s, call, &path);

    if (s->body.failed || rc != 0)
        rc = tk_err_set(reterr, TK_E_LIMIT, "the text is too long to ask the server about");
    if (rc == 0)
        rc = tk_probe_post(&probe, path.p, tk_buf_str(&s->body), &s->reply, reterr);
    if (rc == TK_E_NOT_FOUND)
        (void)tk_err_set(reterr, rc, "'%s' has no %s: it is neither vLLM nor llama.cpp",
                         s->plan.authority, call);
    else if (rc == TK_E_PROTO && s->reply.n > 0)
        (void)tk_err_set(reterr, rc, "%s: %.*s", reterr ? reterr->msg : "",
                         (int)TK_MIN(s->reply.n, 200), s->reply.p);
    if (rc == 0 && tk_json_parse(s->json, s->reply.p, s->reply.n, ret) != 0)
        rc = tk_err_set(reterr, TK_E_FORMAT, "the reply of '%s%s' is no JSON", s->plan.authority,
                        call);
    tk_buf_release(&path);
    return rc;
}

static int odd(const struct tk_server_tokens *s, const char *call, struct tk_err *reterr)
{
    return tk_err_set(reterr, TK_E_FORMAT, "the reply of '%s%s' is not understood",
                      s->plan.authority, call);
}

static void begin(struct tk_server_tokens *s, struct tk_jsonw *w)
{
    tk_buf_reset(&s->body);
    tk_jsonw_init(w, &s->body, TK_JSONW_COMPACT);
    tk_jsonw_obj(w);
    if (s->conf->model) {
        tk_jsonw_key(w, "model");
        tk_jsonw_z(w, s->conf->model);
    }
}

/* An id, or llama.cpp's {"id", "piece"}; *ret is the id, out of range or not. */
static int read_id(struct tk_json_val *v, struct tk_tok_ids *ids, int64_t *ret)
{
    struct tk_json_val m;
    int64_t id = -1;
    int rc = 0;

    if (tk_json_type(v) == TK_JSON_OBJECT) {
        rc = tk_json_find(v, "id", &m);
        v = &m;
    }
    if (rc == 0)
        rc = tk_json_get_i64(v, &id);
    *ret = id;
    if (rc == 0 && (id < 0 || id > TK_TOKENIZER_MAX_ID))
        rc = TK_E_RANGE;
    return rc == 0 ? tk_tok_ids_add(ids, (uint32_t)id) : rc;
}

static int read_ids(struct tk_server_tokens *s, struct tk_json_val *root, struct tk_tok_ids *ids,
                    struct tk_err *reterr)
{
    struct tk_json_val list, v;
    struct tk_json_iter it;
    size_t had = ids->n;
    int64_t id = -1;
    int rc = tk_json_find(root, "tokens", &list);

    if (rc == 0)
        rc = tk_json_arr(&list, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &v)) > 0)
        rc = read_id(&v, ids, &id);
    if (rc == 0)
        return 0;
    ids->n = had;
    if (rc == TK_E_RANGE)
        return tk_err_set(reterr, rc, "'%s' has the id %" PRId64 "; ids are from 0 to %lld",
                          s->conf->url, id, (long long)TK_TOKENIZER_MAX_ID);
    return rc == -ENOMEM ? tk_err_set(reterr, rc, "no memory for the ids")
                         : odd(s, "/tokenize", reterr);
}

static bool is_vllm(struct tk_json_val *root)
{
    struct tk_json_val v;

    return tk_json_find(root, "count", &v) == 0;
}

int tk_server_tokenize(struct tk_server_tokens *s, struct tk_str text, bool adds_special,
                       struct tk_tok_ids *ids, struct tk_err *reterr)
{
    static const char *const keys[2] = { "prompt", "content" };
    static const char *const adds[2] = { "add_special_tokens", "add_special" };
    struct tk_json_val root;
    struct tk_jsonw w;

    begin(s, &w);
    for (int i = 0; i < 2; i++) {
        tk_jsonw_key(&w, keys[i]);
        tk_jsonw_str(&w, text);
        tk_jsonw_key(&w, adds[i]);
        tk_jsonw_bool(&w, adds_special);
    }
    tk_jsonw_key(&w, "parse_special");
    tk_jsonw_bool(&w, true);
    tk_jsonw_obj_end(&w);
    int rc = ask(s, "/tokenize", &root, reterr);
    return rc == 0 ? read_ids(s, &root, ids, reterr) : rc;
}

/* A member that is JSON already, when there is any. */
static void put_raw(struct tk_jsonw *w, const char *key, struct tk_str json)
{
    if (json.n > 0) {
        tk_jsonw_key(w, key);
        tk_jsonw_raw(w, json);
    }
}

/* llama.cpp: the template's text first, then its tokens. */
static int by_text(struct tk_server_tokens *s, struct tk_tok_ids *ids, struct tk_err *reterr)
{
    struct tk_json_val root, v;
    struct tk_str text;
    int rc = ask(s, "/apply-template", &root, reterr); /* the body is the same */

    if (rc != 0)
        return rc;
    if (tk_json_find(&root, "prompt", &v) != 0 || tk_json_get_str(&v, &text) != 0)
        return odd(s, "/apply-template", reterr);
    char *copy = tk_str_dup(text);
    if (!copy)
        return tk_err_set(reterr, -ENOMEM, "no memory for the conversation");
    rc = tk_server_tokenize(s, (struct tk_str){ copy, text.n }, true, ids, reterr);
    free(copy);
    return rc;
}

int tk_server_tokenize_chat(struct tk_server_tokens *s, const struct tk_chat_input *in,
                            struct tk_tok_ids *ids, struct tk_err *reterr)
{
    struct tk_json_val root;
    struct tk_jsonw w;

    begin(s, &w);
    put_raw(&w, "messages", in->messages);
    put_raw(&w, "tools", in->tools);
    put_raw(&w, "chat_template_kwargs", in->kwargs);
    tk_jsonw_key(&w, "add_generation_prompt");
    tk_jsonw_bool(&w, in->add_generation_prompt);
    tk_jsonw_key(&w, "continue_final_message");
    tk_jsonw_bool(&w, in->continues_final);
    tk_jsonw_obj_end(&w);
    int rc = ask(s, "/tokenize", &root, reterr);
    if (rc != 0)
        return rc;
    return is_vllm(&root) ? read_ids(s, &root, ids, reterr) : by_text(s, ids, reterr);
}

int tk_server_detokenize(struct tk_server_tokens *s, const uint32_t *ids, size_t n,
                         struct tk_buf *out, struct tk_err *reterr)
{
    struct tk_json_val root, v;
    struct tk_jsonw w;
    struct tk_str text;

    begin(s, &w);
    tk_jsonw_key(&w, "tokens");
    tk_jsonw_arr(&w);
    for (size_t i = 0; i < n; i++)
        tk_jsonw_i64(&w, ids[i]);
    tk_jsonw_arr_end(&w);
    tk_jsonw_obj_end(&w);
    int rc = ask(s, "/detokenize", &root, reterr);
    if (rc != 0)
        return rc;
    if ((tk_json_find(&root, "prompt", &v) != 0 && tk_json_find(&root, "content", &v) != 0) ||
        tk_json_get_str(&v, &text) != 0)
        return odd(s, "/detokenize", reterr);
    rc = tk_buf_add_str(out, text);
    return rc == 0 ? 0 : tk_err_set(reterr, rc, "no memory for the text");
}
