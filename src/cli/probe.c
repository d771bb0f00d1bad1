/* probe.c - one request on a loop of its own, outside of any load
 *
 * The request goes over the same client as the load, so that TLS options, name look-up and headers
 * mean the same. The loop ends when the reply is whole, when it failed, when the time is up, or when a
 * signal waits: within a run those that end it are blocked, for the run's own loop to take.
 */
#include "cli/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "ev/loop.h"
#include "http/client.h"
#include "net/addr.h"
#include "net/source.h"
#include "net/xport.h"
#include "run/plan.h"

#define MAX_MODELS 64
#define LOOK_DUR (100 * TK_NS_PER_MS) /* from one look for signals to the next */

struct asking {
    struct tk_loop *loop;
    struct tk_http_env *env;
    struct tk_http_conn *conn;
    struct tk_timer timer;
    struct tk_timer look;  /* for a signal */
    struct tk_buf head;    /* the request */
    struct tk_str json;    /* what is posted; .p is NULL for a GET; the caller's */
    struct iovec piece[2]; /* head and json; must stay until they are sent */
    struct tk_buf *body;   /* of the reply; the caller's */
    const char *where;     /* for messages: authority, or the Unix socket */
    int status;
    bool is_done;
    int rc;
    struct tk_err *reterr;
};

static void finish(struct asking *p, int rc)
{
    p->is_done = true;
    p->rc = rc;
    tk_loop_stop(p->loop);
}

static void on_timer(struct tk_timer *t)
{
    struct asking *p = t->owner;

    finish(p, tk_err_set(p->reterr, TK_E_TIMEOUT, "'%s' did not answer in time", p->where));
}

static bool is_signalled(void)
{
    sigset_t waiting;

    return sigpending(&waiting) == 0 &&
           (sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1);
}

static void on_look(struct tk_timer *t)
{
    struct asking *p = t->owner;

    if (is_signalled())
        finish(p, tk_err_set(p->reterr, TK_E_CANCELLED, "stopped before '%s' answered", p->where));
    else
        (void)tk_timer_set(p->loop, &p->look, tk_clock_now() + LOOK_DUR);
}

static const char *hint(int status)
{
    return status == 401 || status == 403 ? " (is the API key in OPENAI_API_KEY?)" : "";
}

static int refused(const struct asking *p)
{
    bool is_missing = p->status == 404 || p->status == 405 || p->status == 501;

    return is_missing || !p->json.p ? TK_E_NOT_FOUND : TK_E_PROTO;
}

static void on_end(struct asking *p)
{
    if (p->status == 200)
        finish(p, 0);
    else
        finish(p, tk_err_set(p->reterr, refused(p), "'%s' answered with status %d%s", p->where,
                             p->status, hint(p->status)));
}

/* What to do about a failure; the server's words when it wants a certificate are those of TLS 1.3. */
static const char *hint_of(int code, const char *detail)
{
    if (code == TK_E_CERT)
        return " (the certificate; --insecure takes any)";
    return code == TK_E_TLS && strstr(detail, "certificate required")
               ? " (--cert FILE shows a certificate)"
               : "";
}

static void on_error(struct asking *p, const struct tk_http_event *ev)
{
    const char *detail = ev->detail ? ev->detail : tk_err_text(ev->code);

    finish(p, tk_err_set(p->reterr, ev->code, "'%s' could not be asked: %s%s", p->where, detail,
                         hint_of(ev->code, detail)));
}

static void on_http(struct tk_http_conn *c, const struct tk_http_event *ev)
{
    struct asking *p = tk_http_conn_owner(c);
    int rc;

    if (p->is_done)
        return;
    switch (ev->kind) {
    case TK_HTTP_OPENED:
        rc = tk_http_send(c, p->piece, p->json.p ? 2 : 1);
        if (rc != 0)
            finish(p, tk_err_set(p->reterr, rc, "'%s' could not be asked: %s", p->where,
                                 tk_err_text(rc)));
        break;
    case TK_HTTP_HEAD:
        p->status = ev->status;
        break;
    case TK_HTTP_DATA:
        if (tk_buf_add_str(p->body, ev->data) != 0)
            finish(p, tk_err_set(p->reterr, TK_E_LIMIT, "the reply of '%s' is too long", p->where));
        break;
    case TK_HTTP_END:
        on_end(p);
        break;
    case TK_HTTP_ERROR:
        on_error(p, ev);
        break;
    case TK_HTTP_SENT:
    case TK_HTTP_READ:
        break;
    }
}

/* Content-Type and x-request-id are for requests with a body; a GET takes the rest. */
static void make_head(const struct tk_probe *q, const char *path, struct tk_str body,
                      struct tk_buf *out)
{
    const struct tk_plan *plan = q->plan;
    bool has_host = false, has_accept = false;

    tk_buf_addf(out, "%s %s HTTP/1.1\r\n", body.p ? "POST" : "GET", path);
    for (size_t i = 0; i < plan->n_headers; i++) {
        const struct tk_plan_header *h = &plan->headers[i];
        struct tk_str name = tk_str_of(h->name);
        has_host = has_host || tk_str_eq_nocase(name, TK_STR("Host"));
        has_accept = has_accept || tk_str_eq_nocase(name, TK_STR("Accept"));
        if (!tk_str_eq_nocase(name, TK_STR("Content-Type")))
            tk_buf_addf(out, "%s: %s\r\n", h->name, h->value);
    }
    if (!has_host)
        tk_buf_addf(out, "Host: %s\r\n", plan->authority);
    if (!has_accept)
        tk_buf_add_z(out, "Accept: application/json\r\n");
    if (body.p)
        tk_buf_addf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                    q->content_type ? q->content_type : "application/json", body.n);
    tk_buf_add_z(out, "Connection: close\r\n\r\n");
}

static int start(struct asking *p, const struct tk_probe *q, const char *path,
                 const struct tk_addr *peer)
{
    struct tk_http_env_conf env = {
        .loop = p->loop,
        .xport = tk_xport_of_family(peer->u.any.sa_family),
        .tls = q->tls,
        .host = q->plan->host,
        .limits = TK_HTTP_LIMITS_DEFAULT,
    };
    unsigned at = 0;
    struct tk_http_conn_conf conn = {
        .peer = peer,
        .source = tk_sources_pick(q->sources, peer, &at),
        .cb = on_http,
        .owner = p,
    };

    make_head(q, path, p->json, &p->head);
    if (p->head.failed)
        return tk_err_set(p->reterr, p->head.failed, "the request is too long");
    p->piece[0] = (struct iovec){ p->head.p, p->head.n };
    p->piece[1] = (struct iovec){ (void *)(uintptr_t)p->json.p, p->json.n };
    int rc = tk_http_env_new(&env, &p->env);
    if (rc != 0)
        return tk_err_set(p->reterr, rc, "no client could be made: %s", tk_err_text(rc));
    return tk_http_conn_new(p->env, &conn, &p->conn, p->reterr);
}

static int one_address(struct asking *p, const struct tk_probe *q, const char *path,
                       const struct tk_addr *peer, tk_ns until)
{
    int rc = tk_loop_new(TK_LOOP_REAL, &p->loop);

    if (rc != 0)
        return tk_err_set(p->reterr, rc, "no event loop: %s", tk_err_text(rc));
    tk_timer_init(&p->timer, on_timer, p);
    tk_timer_init(&p->look, on_look, p);
    rc = start(p, q, path, peer);
    if (rc == 0)
        rc = tk_timer_set(p->loop, &p->timer, until);
    if (rc == 0)
        rc = tk_timer_set(p->loop, &p->look, tk_clock_now() + LOOK_DUR);
    if (rc == 0)
        rc = tk_loop_run(p->loop);
    if (rc == 0)
        rc = p->rc;
    tk_timer_stop(&p->timer);
    tk_timer_stop(&p->look);
    tk_http_conn_free(p->conn);
    tk_http_env_free(p->env);
    tk_loop_free(p->loop);
    tk_buf_release(&p->head);
    return rc;
}

static int ask(const struct tk_probe *q, const char *path, struct tk_str json, struct tk_buf *body,
               struct tk_err *reterr)
{
    tk_ns until = tk_clock_now() + q->timeout;
    int rc = TK_E_RESOLVE;

    for (unsigned i = 0; i < q->addrs->n; i++) {
        struct asking p = { .body = body,
                            .where = q->plan->unix_path ? q->plan->unix_path : q->plan->authority,
                            .json = json,
                            .reterr = reterr };
        tk_buf_init(&p.head, 256 << 10);
        tk_buf_reset(body);
        rc = one_address(&p, q, path, &q->addrs->v[i], until);
        if (rc == 0 || rc == TK_E_CANCELLED || p.status != 0 || tk_clock_now() >= until)
            break; /* it answered, or there is no time to ask at the next address */
    }
    if (rc == 0 && tk_buf_reserve(body, TK_JSON_PADDING) != 0)
        rc = tk_err_set(reterr, -ENOMEM, "no memory for the reply");
    return rc;
}

int tk_probe_get(const struct tk_probe *q, const char *path, struct tk_buf *body,
                 struct tk_err *reterr)
{
    return ask(q, path, (struct tk_str){ 0 }, body, reterr);
}

int tk_probe_post(const struct tk_probe *q, const char *path, struct tk_str json,
                  struct tk_buf *body, struct tk_err *reterr)
{
    return ask(q, path, json, body, reterr);
}

static int read_models(struct tk_str body, char **ret_id, int *ret_n)
{
    char *ids[MAX_MODELS];
    struct tk_json *j = tk_json_new(TK_PROBE_MAX_BODY);
    int n = j ? tk_api_models(j, body, ids, NULL, MAX_MODELS) : -ENOMEM;

    for (int i = 1; i < n; i++)
        free(ids[i]);
    tk_json_free(j);
    *ret_n = n;
    if (n > 0)
        *ret_id = ids[0];
    return n < 0 ? n : 0;
}

int tk_probe_models(const struct tk_probe *q, const char *path, char **ret_id, int *ret_n,
                    struct tk_err *reterr)
{
    struct tk_buf body = TK_BUF_INIT(TK_PROBE_MAX_BODY + TK_JSON_PADDING);

    *ret_id = NULL;
    int rc = tk_probe_get(q, path, &body, reterr);
    if (rc == 0) {
        rc = read_models(tk_buf_str(&body), ret_id, ret_n);
        if (rc < 0)
            rc = tk_err_set(reterr, rc, "the reply of '%s%s' is no list of models",
                            q->plan->authority, path);
        else if (!*ret_id)
            rc = tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' has no model loaded", q->plan->authority);
    }
    tk_buf_release(&body);
    return rc;
}
