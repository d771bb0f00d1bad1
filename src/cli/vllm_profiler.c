#include "cli/vllm_profiler.h"

#include "cli/probe.h"
#include "cli/session.h"
#include "dialect/vllm/vllm.h"
#include "http/url.h"
#include "run/plan.h"

#define TIMEOUT (300 * TK_NS_PER_S)
#define MAX_BODY_BYTES ((size_t)1 << 30)

static int post(const struct tk_vllm_profiler *p, const struct tk_plan *plan, const char *path,
                struct tk_str body, struct tk_err *reterr)
{
    struct tk_buf reply = TK_BUF_INIT(TK_PROBE_MAX_BODY);
    const struct tk_probe q = {
        .plan = plan,
        .addrs = &p->session->addrs,
        .sources = &p->session->sources,
        .tls = p->session->tls,
        .content_type = p->v->content_type,
        .timeout = TIMEOUT,
    };
    int rc = tk_probe_post(&q, path, body, &reply, reterr);

    tk_buf_release(&reply);
    return rc;
}

static int make_path(const char *base, bool is_start, struct tk_url *ret, struct tk_err *reterr)
{
    struct tk_buf url = TK_BUF_INIT(TK_URL_MAX_BYTES);

    tk_buf_addf(&url, "%s/%s_profile", base, is_start ? "start" : "stop");
    int rc = url.failed ? tk_err_set(reterr, TK_E_LIMIT, "the profiler's URL is too long")
                        : tk_url_parse(url.p, ret, reterr);
    tk_buf_release(&url);
    return rc;
}

int tk_vllm_profiler_tell(const struct tk_vllm_profiler *p, bool is_start, struct tk_err *reterr)
{
    struct tk_buf made = TK_BUF_INIT(MAX_BODY_BYTES);
    struct tk_plan plan = *p->plan;
    struct tk_str body = p->v->bodies[p->v->check_body].json;
    struct tk_url url;
    int rc = make_path(p->v->base, is_start, &url, reterr);

    if (rc != 0)
        return rc;
    if (!is_start) {
        rc = tk_vllm_stop_body(p->v, &made, reterr);
        body = tk_buf_str(&made);
        plan.headers = p->v->constants;
        plan.n_headers = p->v->n_constants;
    }
    if (rc == 0)
        rc = post(p, &plan, url.path, body, reterr);
    tk_url_release(&url);
    tk_buf_release(&made);
    return rc;
}
