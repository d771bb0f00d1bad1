/* probe.c - the probe: a tiny request beside the load, again and again (newer than the page)
 *
 * "Hi", one token, the model and extra body of the others, functions of the first one where there are some,
 * no request id; one at a time, 1/rate of rest between. The engine sends it on a connection of its own
 * (run/plan.h: pause).
 */
#include <errno.h>
#include <math.h>

#include "dialect/vllm/probe.h"
#include "metric/series.h"

#define MAX_BODY ((size_t)64 << 20)
#define MAX_PAUSE_S 1e9

int tk__vllm_make_probe(struct tk_vllm *v, struct tk_err *reterr)
{
    struct tk_item item = { .prompt = TK_STR("Hi"), .prompt_tokens = 1, .output_tokens = 1 };
    struct tk_buf text = TK_BUF_INIT(MAX_BODY);
    struct tk_vllm_template *t = NULL;

    if (!(v->o->probe_request_rate > 0))
        return 0;
    if (v->has_items && v->items.n > 0)
        item.tools = v->items.v[0].tools;
    int rc = tk_vllm_template_new(v, TK_VLLM_BODY_REQUEST, &t, reterr);
    if (rc == 0)
        rc = tk_vllm_template_write(t, &(struct tk_vllm_send){ .item = &item, .number = -1 }, &text,
                                    reterr);
    if (rc == 0) {
        v->probe.json = tk_arena_dup_str(&v->arena, tk_buf_str(&text));
        v->probe.asked_prompt_tokens = 1;
        v->probe.asked_output_tokens = 1;
        rc = v->probe.json.p ? 0 : -ENOMEM;
    }
    if (rc == TK_E_UNSUPPORTED)
        (void)tk_err_set(reterr, rc,
                         "--probe-request-rate sends the text 'Hi', which '%s' takes no request of",
                         v->o->backend);
    else if (rc != 0 && reterr && reterr->code == 0)
        (void)tk_err_set(reterr, rc, "the probe could not be made: %s", tk_err_text(rc));
    tk_vllm_template_free(t);
    tk_buf_release(&text);
    return rc;
}

struct tk_plan_phase tk__vllm_probe_phase(const struct tk_vllm *v)
{
    double rate = v->o->probe_request_rate;

    if (!(rate > 0))
        return (struct tk_plan_phase){ 0 };
    return (struct tk_plan_phase){
        .concurrency = 1,
        .arrival = TK_ARRIVAL_CLOSED,
        .rate = INFINITY,
        .pause = TK_MAX((tk_ns)(TK_MIN(1 / rate, MAX_PAUSE_S) * 1e9), 1), /* 0 would be none */
    };
}

void tk__vllm_probe_stats(struct tk_vllm_probes *p, double *latency_s, size_t n)
{
    p->completed = n;
    if (n == 0)
        return;
    tk_numpy_sort(latency_s, n);
    p->median_ms = tk_numpy_percentile(latency_s, n, 50) * 1000;
    p->p99_ms = tk_numpy_percentile(latency_s, n, 99) * 1000;
    p->max_ms = latency_s[n - 1] * 1000;
}
