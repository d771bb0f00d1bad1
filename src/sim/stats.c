/* stats.c - the metrics, in Prometheus' text form and with vLLM's names
 *
 * Counted where things happen, in whole nanoseconds and tokens, so that they equal what the log
 * says: instants are those of the log, prompts count with their first token. Names, help and bounds
 * are those of vLLM 0.13 (vllm/v1/metrics/loggers.py); gpu_cache_usage_perc is what older ones have.
 */
#include <stdio.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "sim/internal.h"

#define US 1000LL
#define MS (1000 * US)
#define S (1000 * MS)

static const int64_t first_bounds[] = {
    1 * MS,   5 * MS,   10 * MS,  20 * MS, 40 * MS,   60 * MS,  80 * MS,   100 * MS,
    250 * MS, 500 * MS, 750 * MS, 1 * S,   2500 * MS, 5 * S,    7500 * MS, 10 * S,
    20 * S,   40 * S,   80 * S,   160 * S, 640 * S,   2560 * S,
};
static const int64_t token_bounds[] = {
    10 * MS,   25 * MS,  50 * MS,  75 * MS,  100 * MS, 150 * MS,  200 * MS,
    300 * MS,  400 * MS, 500 * MS, 750 * MS, 1 * S,    2500 * MS, 5 * S,
    7500 * MS, 10 * S,   20 * S,   40 * S,   80 * S,
};
static const int64_t request_bounds[] = {
    300 * MS, 500 * MS, 800 * MS, 1 * S,   1500 * MS, 2 * S,    2500 * MS,
    5 * S,    10 * S,   15 * S,   20 * S,  30 * S,    40 * S,   50 * S,
    60 * S,   120 * S,  240 * S,  480 * S, 960 * S,   1920 * S, 7680 * S,
};
static const int64_t step_bounds[] = { 1,   8,    16,   32,   64,   128,  256,
                                       512, 1024, 2048, 4096, 8192, 16384 };
static const int64_t n_bounds[] = { 1, 2, 5, 10, 20 };
/* As many as the model's length allows. */
static const int64_t size_bounds[] = {
    1,        2,        5,        10,        20,        50,        100,
    200,      500,      1000,     2000,      5000,      10000,     20000,
    50000,    100000,   200000,   500000,    1000000,   2000000,   5000000,
    10000000, 20000000, 50000000, 100000000, 200000000, 500000000, 1000000000,
};

#define BOUNDS(v) v, TK_ARRAY_LEN(v)

static const struct {
    const char *name, *help;
    bool is_time; /* in ns; else tokens */
    const int64_t *bounds;
    size_t n_bounds;
} hists[TK__HIST_N_] = {
    [TK__HIST_TTFT] = { "time_to_first_token_seconds",
                        "Histogram of time to first token in seconds.", true,
                        BOUNDS(first_bounds) },
    [TK__HIST_TPOT] = { "time_per_output_token_seconds",
                        "Histogram of time per output token in seconds. DEPRECATED: Use "
                        "vllm:inter_token_latency_seconds instead.",
                        true, BOUNDS(token_bounds) },
    [TK__HIST_ITL] = { "inter_token_latency_seconds",
                       "Histogram of inter-token latency in seconds.", true, BOUNDS(token_bounds) },
    [TK__HIST_REQUEST_TPOT] = { "request_time_per_output_token_seconds",
                                "Histogram of time_per_output_token_seconds per request.", true,
                                BOUNDS(token_bounds) },
    [TK__HIST_E2E] = { "e2e_request_latency_seconds",
                       "Histogram of e2e request latency in seconds.", true,
                       BOUNDS(request_bounds) },
    [TK__HIST_QUEUE] = { "request_queue_time_seconds",
                         "Histogram of time spent in WAITING phase for request.", true,
                         BOUNDS(request_bounds) },
    [TK__HIST_INFERENCE] = { "request_inference_time_seconds",
                             "Histogram of time spent in RUNNING phase for request.", true,
                             BOUNDS(request_bounds) },
    [TK__HIST_PREFILL] = { "request_prefill_time_seconds",
                           "Histogram of time spent in PREFILL phase for request.", true,
                           BOUNDS(request_bounds) },
    [TK__HIST_DECODE] = { "request_decode_time_seconds",
                          "Histogram of time spent in DECODE phase for request.", true,
                          BOUNDS(request_bounds) },
    [TK__HIST_PROMPT] = { "request_prompt_tokens", "Number of prefill tokens processed.", false,
                          BOUNDS(size_bounds) },
    [TK__HIST_GENERATION] = { "request_generation_tokens", "Number of generation tokens processed.",
                              false, BOUNDS(size_bounds) },
    [TK__HIST_ITERATION] = { "iteration_tokens_total",
                             "Histogram of number of tokens per engine_step.", false,
                             BOUNDS(step_bounds) },
    [TK__HIST_N] = { "request_params_n", "Histogram of the n request parameter.", false,
                     BOUNDS(n_bounds) },
    [TK__HIST_MAX_TOKENS] = { "request_params_max_tokens",
                              "Histogram of the max_tokens request parameter.", false,
                              BOUNDS(size_bounds) },
};

/* --- counting --- */

static void observe(struct tk_sim *s, enum tk__hist_id id, int64_t value)
{
    struct tk__hist *h = &s->stats.hists[id];
    size_t i = 0;

    while (i < hists[id].n_bounds && value > hists[id].bounds[i])
        i++;
    h->n[i]++;
    h->sum += value;
}

void tk__stats_step(struct tk_sim *s, int64_t n_tokens)
{
    observe(s, TK__HIST_ITERATION, n_tokens);
}

void tk__stats_event(struct tk__stream *st, tk_ns at)
{
    const struct tk__instants *a = &st->sent;
    size_t n = st->call.n_choices;

    if (a->n <= 1) { /* `at` is in it already */
        observe(st->sim, TK__HIST_TTFT, at - st->arrived_at);
        st->sim->stats.n_prompt_tokens += (uint64_t)st->call.prompt_tokens;
    } else {
        tk_ns gap = at - a->v[a->n - 1 - n];

        observe(st->sim, TK__HIST_ITL, gap);
        observe(st->sim, TK__HIST_TPOT, gap);
    }
}

/* Of a request that was answered to its end. */
static void observe_request(struct tk__stream *st)
{
    struct tk_sim *s = st->sim;
    const struct tk__call *c = &st->call;
    int64_t n_made = c->n_tokens * c->n_choices;
    tk_ns first_at = st->sent.n > 0 ? st->sent.v[0] : st->ended_at;
    tk_ns begin_at = s->engine && st->seq.scheduled_at > 0 ? st->seq.scheduled_at : st->arrived_at;

    observe(s, TK__HIST_E2E, st->ended_at - st->arrived_at);
    observe(s, TK__HIST_QUEUE, begin_at - st->arrived_at);
    observe(s, TK__HIST_INFERENCE, st->ended_at - begin_at);
    observe(s, TK__HIST_PREFILL, first_at - begin_at);
    observe(s, TK__HIST_DECODE, st->ended_at - first_at);
    observe(s, TK__HIST_PROMPT, c->prompt_tokens);
    observe(s, TK__HIST_GENERATION, n_made);
    observe(s, TK__HIST_N, c->n_choices);
    if (c->n_tokens > 1)
        observe(s, TK__HIST_REQUEST_TPOT, (st->ended_at - first_at) / (c->n_tokens - 1));
    if (c->tokens_asked >= 0)
        observe(s, TK__HIST_MAX_TOKENS, c->tokens_asked);
}

void tk__stats_end(struct tk__stream *st, enum tk__end end)
{
    struct tk__stats *n = &st->sim->stats;

    if (st->status != 200) {
        n->n_abort += st->status == 0;
        return; /* refused: the engine never saw it */
    }
    n->n_error += end == TK__END_ERROR;
    n->n_abort += end != TK__END_ERROR && end != TK__END_FINISHED;
    if (end != TK__END_FINISHED)
        return;
    *(st->call.is_cut_short ? &n->n_length : &n->n_stop) += 1;
    observe_request(st);
}

/* --- the text --- */

struct page {
    struct tk_buf *b;
    const struct tk_sim *s;
};

static void put_number(struct tk_buf *b, double d)
{
    char text[32];

    tk_buf_add(b, text, tk_num_shortest(d, text));
}

static void put_label(struct tk_buf *b, const char *z)
{
    for (; *z; z++) {
        if (*z == '\\' || *z == '"')
            tk_buf_add_c(b, '\\');
        if (*z == '\n')
            tk_buf_add_z(b, "\\n");
        else
            tk_buf_add_c(b, *z);
    }
}

static void put_kind(struct page *p, const char *name, const char *kind, const char *help)
{
    tk_buf_addf(p->b, "# HELP vllm:%s %s\n# TYPE vllm:%s %s\n", name, help, name, kind);
}

/* One line; `more`: further labels, each with its comma before it. */
static void put_line(struct page *p, const char *name, const char *suffix, const char *more,
                     double value)
{
    tk_buf_addf(p->b, "vllm:%s%s{engine=\"0\"", name, suffix);
    tk_buf_add_z(p->b, more);
    tk_buf_add_z(p->b, ",model_name=\"");
    put_label(p->b, p->s->conf.model);
    tk_buf_add_z(p->b, "\"} ");
    put_number(p->b, value);
    tk_buf_add_c(p->b, '\n');
}

static void put_gauge(struct page *p, const char *name, const char *help, double value)
{
    put_kind(p, name, "gauge", help);
    put_line(p, name, "", "", value);
}

static void put_counter(struct page *p, const char *name, const char *help, uint64_t value)
{
    put_kind(p, name, "counter", help);
    put_line(p, name, "", "", (double)value);
}

static void put_hist(struct page *p, enum tk__hist_id id)
{
    const struct tk__hist *h = &p->s->stats.hists[id];
    const char *name = hists[id].name;
    double unit = hists[id].is_time ? 1e9 : 1;
    uint64_t n = 0;
    size_t i = 0;

    put_kind(p, name, "histogram", hists[id].help);
    for (; i < hists[id].n_bounds; i++) {
        char number[32], label[64];

        if (hists[id].bounds == size_bounds && size_bounds[i] > p->s->conf.max_model_len)
            break;
        n += h->n[i];
        number[tk_num_shortest((double)hists[id].bounds[i] / unit, number)] = '\0';
        snprintf(label, sizeof(label), ",le=\"%s\"", number);
        put_line(p, name, "_bucket", label, (double)n);
    }
    for (; i <= hists[id].n_bounds; i++)
        n += h->n[i];
    put_line(p, name, "_bucket", ",le=\"+Inf\"", (double)n);
    put_line(p, name, "_count", "", (double)n);
    put_line(p, name, "_sum", "", (double)h->sum / unit);
}

static void put_gauges(struct page *p, const struct tk__engine_counts *n)
{
    put_gauge(p, "num_requests_running", "Number of requests in model execution batches.",
              (double)n->n_running);
    put_gauge(p, "num_requests_waiting", "Number of requests waiting to be processed.",
              (double)n->n_waiting);
    put_gauge(p, "kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", n->used);
    put_gauge(p, "gpu_cache_usage_perc", "GPU KV-cache usage. 1 means 100 percent usage.", n->used);
}

static void put_success(struct page *p)
{
    const struct tk__stats *n = &p->s->stats;

    put_kind(p, "request_success_total", "counter", "Count of successfully processed requests.");
    put_line(p, "request_success_total", "", ",finished_reason=\"stop\"", (double)n->n_stop);
    put_line(p, "request_success_total", "", ",finished_reason=\"length\"", (double)n->n_length);
    put_line(p, "request_success_total", "", ",finished_reason=\"abort\"", (double)n->n_abort);
    put_line(p, "request_success_total", "", ",finished_reason=\"error\"", (double)n->n_error);
}

static void put_drafts(struct page *p, const struct tk__engine_counts *n)
{
    static const char name[] = "spec_decode_num_accepted_tokens_per_pos_total";

    put_counter(p, "spec_decode_num_drafts_total", "Number of spec decoding drafts.", n->n_drafts);
    put_counter(p, "spec_decode_num_draft_tokens_total", "Number of draft tokens.",
                n->n_draft_tokens);
    put_counter(p, "spec_decode_num_accepted_tokens_total", "Number of accepted tokens.",
                n->n_accepted);
    put_kind(p, name, "counter", "Accepted tokens per draft position.");
    for (int64_t i = 0; i < p->s->conf.engine.n_drafts; i++) {
        char label[48];

        snprintf(label, sizeof(label), ",position=\"%d\"", (int)i);
        put_line(p, name, "", label, (double)n->n_accepted_at[i]);
    }
}

void tk__stats_put(struct tk_buf *b, const struct tk_sim *s)
{
    struct page p = { .b = b, .s = s };
    struct tk__engine_counts n = { .n_running = s->stats.n_scheduled };

    if (s->engine)
        tk__engine_counts(s->engine, &n);
    put_gauges(&p, &n);
    put_counter(&p, "prefix_cache_queries_total",
                "Prefix cache queries, in terms of number of queried tokens.", n.n_asked);
    put_counter(&p, "prefix_cache_hits_total",
                "Prefix cache hits, in terms of number of cached tokens.", n.n_hit);
    put_counter(&p, "num_preemptions_total", "Cumulative number of preemption from the engine.",
                n.n_preemptions);
    put_counter(&p, "prompt_tokens_total", "Number of prefill tokens processed.",
                s->stats.n_prompt_tokens);
    put_counter(&p, "generation_tokens_total", "Number of generation tokens processed.",
                s->stats.n_generated_tokens);
    put_success(&p);
    for (int i = 0; i < TK__HIST_N_; i++)
        put_hist(&p, (enum tk__hist_id)i);
    if (s->conf.is_batching && s->conf.engine.n_drafts > 0)
        put_drafts(&p, &n);
}
