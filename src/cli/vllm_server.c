/* vllm_server.c - what `tokmark vllm` asks a server beside its load */
#include "cli/vllm_server.h"

#include "cli/probe.h"
#include "cli/session.h"
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
    struct tk_url url;
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
