#include "cli/vllm_profiler.h"

#include "cli/probe.h"
#include "cli/session.h"
#include "cli/vllm_server.h"
#include "dialect/vllm/vllm.h"
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

int tk_vllm_profiler_tell(const struct tk_vllm_profiler *p, bool is_start, struct tk_err *reterr)
{
    struct tk_buf made = TK_BUF_INIT(MAX_BODY_BYTES);
    struct tk_plan plan = *p->plan;
    struct tk_str body = p->v->bodies[p->v->check_body].json;
    struct tk_url url;
    int rc = tk_vllm_server_url(p->v->base, is_start ? "/start_profile" : "/stop_profile", &url,
                                reterr);

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
