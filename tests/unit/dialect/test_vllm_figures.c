/* test_vllm_figures.c - the tool's figures, block and result file from made-up records
 *
 * The figures were worked out by hand (comments); block and file are compared with
 * tests/golden/vllm-forms. The form of the real ones is held by tests/it/test_vllm_parity.py.
 */
#include "dialect/vllm/vllm.h"

#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "tap.h"

#include "golden.h"
#include "unit/metric/made.h"

#define CONTENT (TK_CH_CHOICES | TK_CH_CONTENT)

/* First choice at 50 ms, gaps of 10, 20 and 0 ms, usage at 90 ms. */
static const struct made_event four[] = {
    { 50, TK_CH_CHOICES | TK_CH_ROLE, 0, false },
    { 60, CONTENT, 0, false },
    { 80, CONTENT, 0, false },
    { 80, CONTENT | TK_CH_FINISH, 0, true },
    { 90, TK_CH_USAGE, 0, false },
    { 90, TK_CH_DONE, 0, true },
};

static struct tk_sink *sink;
static struct tk_blocks *pool;

static void put(uint64_t index, enum tk_end end, tk_ns at)
{
    struct made m = {
        .index = index,
        .end = end,
        .sent_at = MADE_SENT + at,
        .has_trace = true,
    };

    if (end == TK_END_OK) {
        m.events = four;
        m.n_events = TK_ARRAY_LEN(four);
        m.output_tokens = index == 0 ? 5 : 3;
        m.last_ms = 90;
    }
    made_put(sink, pool, &m);
}

static const double percentiles[] = { 99, 99.9 };
static const struct tk_vllm_rps rps[] = { { 5, 0 }, { 6, 1500 * MS } };
static const char *arrays[] = { "errors=none", " ttfts=1" }; /* taken out with those of that name */
static const char *metadata[] = { " b = 2=3 ", "label=x", "duration=y" };

static struct tk_vllm_form form(bool is_chat)
{
    return (struct tk_vllm_form){
        .backend = is_chat ? "openai-chat" : "vllm",
        .model = "org/m",
        .tokenizer = "org/m",
        .num_prompts = 4,
        .request_rate = 10,
        .burstiness = 1,
        .max_concurrency = 3,
        .metadata = { metadata, TK_ARRAY_LEN(metadata) },
        .has_metric = { true, true, true, true },
        .percentiles = percentiles,
        .n_percentiles = 2,
        .has_goodput = true,
        .goodput_ms = { 50, NAN, NAN, 85 },
        .tool = is_chat ? "vllm-0.13-chat" : "vllm-0.13-completions",
        .is_detailed = true,
        .duration_s = 2,
        .wall_begin = INT64_C(1764000000) * TK_NS_PER_S + 250 * MS,
        .wall_end = INT64_C(1764000002) * TK_NS_PER_S,
    };
}

static void test_figures(struct tk_records *records)
{
    struct tk_vllm_form f = form(false);
    struct tk_vllm_figures g;
    struct tk_err err = { 0 };

    T_EQ_I(tk_vllm_figures(records, &f, &g, &err), 0, "figures: %s", err.msg);
    T_EQ_U(g.completed, 2, "two succeeded");
    T_EQ_U(g.failed, 2, "two failed");
    T_EQ_U(g.n_cancelled, 1, "one of them was given up");
    T_EQ_I(g.total_input, 10, "input by the server's count");
    T_EQ_I(g.total_output, 8, "output by the server's count");
    T_NEAR(g.request_throughput, 1, 0, "2 in 2 s");
    T_NEAR(g.output_throughput, 4, 0, "8 in 2 s");
    T_NEAR(g.total_throughput, 9, 0, "18 in 2 s");
    T_NEAR(g.request_goodput, 1, 0, "both are within 50 and 85 ms, inclusive");
    T_NEAR(g.stats[TK_VLLM_TTFT].mean, 50, 1e-9, "from sent to the first choice");
    T_NEAR(g.stats[TK_VLLM_E2EL].mean, 80, 1e-9, "completions: to the last choice");
    T_NEAR(g.stats[TK_VLLM_TPOT].mean, (7.5 + 15) / 2, 1e-9, "30 ms by 4 and by 2");
    T_NEAR(g.stats[TK_VLLM_TPOT].std, 3.75, 1e-9, "of the population");
    T_NEAR(g.stats[TK_VLLM_ITL].mean, 10, 1e-9, "gaps between choices");
    T_NEAR(g.stats[TK_VLLM_ITL].percentiles[0], 20, 1e-9, "p99 of 0 0 10 10 20 20");
    T_NEAR(g.max_output_tokens_per_s, 4, 0, "four choices in each of two seconds");
    T_EQ_I(g.max_concurrent_requests, 1, "one in each second");
    T_EQ_U(g.n_requests, 4, "all are listed");
    T_OK(!g.requests[1].is_success && g.requests[1].n_error > 0, "with what went wrong");
    tk_vllm_figures_release(&g);
    f = form(true);
    T_EQ_I(tk_vllm_figures(records, &f, &g, &err), 0, "chat");
    T_NEAR(g.stats[TK_VLLM_E2EL].mean, 90, 1e-9, "chat: to the usage event");
    T_NEAR(g.request_goodput, 0, 0, "which is past 85 ms");
    tk_vllm_figures_release(&g);
}

static void test_forms(struct tk_records *records)
{
    struct tk_vllm_form f = form(true);
    struct tk_vllm_figures g;
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    T_EQ_I(tk_vllm_figures(records, &f, &g, NULL), 0, "figures");
    T_EQ_I(tk_vllm_block(&f, &g, &out), 0, "block");
    T_GOLDEN(out.p, "vllm-forms/block.txt");
    tk_buf_reset(&out);
    T_EQ_I(tk_vllm_result(&f, &g, &out), 0, "result");
    T_GOLDEN(out.p, "vllm-forms/result.json");
    tk_buf_reset(&out);
    f.is_detailed = false;
    f.has_goodput = false;
    f.metadata = (struct tk_opt_list){ arrays, TK_ARRAY_LEN(arrays) };
    f.request_rate = INFINITY;
    f.max_concurrency = -1;
    f.label = "lab";
    f.ramp_up_strategy = "linear";
    f.ramp_up_start_rps = 5;
    f.ramp_up_end_rps = 6;
    f.rps = rps;
    f.n_rps = 2;
    memset(f.has_metric, 0, sizeof(f.has_metric));
    T_EQ_I(tk_vllm_result(&f, &g, &out), 0, "result of a ramp");
    T_GOLDEN(out.p, "vllm-forms/ramp.json");
    tk_vllm_figures_release(&g);
    tk_buf_release(&out);
}

/* --- what pools --- */

/* The head at 20 ms and the body at 25 ms: to the head, as it is read there. */
static void put_pooled(struct tk_sink *s, uint64_t index, enum tk_end end, double head_ms)
{
    const struct made_event body[] = {
        { head_ms, 0, 0, false },
        { head_ms + 5, TK_CH_CHOICES | TK_CH_USAGE | TK_CH_BODY, 0, false },
    };
    struct made m = { .index = index, .end = end, .is_whole = true, .has_trace = true };

    if (end == TK_END_OK) {
        m.events = body;
        m.n_events = TK_ARRAY_LEN(body);
        m.last_ms = head_ms + 5;
    }
    made_put(s, pool, &m);
}

static void test_pooling(void)
{
    struct tk_sink_conf conf = { .max_memory_bytes = 1 << 24 };
    struct tk_vllm_form f = form(false);
    struct tk_records *records = NULL;
    struct tk_vllm_figures g;
    struct tk_sink *s;
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    f.backend = "openai-embeddings";
    f.tool = "vllm-0.13-pooling";
    f.is_pooling = true;
    f.has_goodput = false;
    T_EQ_I(tk_sink_new(&conf, &s, NULL), 0, "sink");
    put_pooled(s, 0, TK_END_OK, 20);
    put_pooled(s, 1, TK_END_CONNECT, 0);
    put_pooled(s, 2, TK_END_OK, 40);
    T_EQ_I(tk_sink_finish(s, NULL), 0, "finish");
    T_EQ_I(tk_sink_records(s, &records, NULL), 0, "records");
    T_EQ_I(tk_vllm_figures(records, &f, &g, NULL), 0, "figures");
    T_EQ_U(g.completed, 2, "two succeeded");
    T_EQ_I(g.total_input, 10, "input by the server's count, of the successes");
    T_NEAR(g.request_throughput, 1, 0, "2 in 2 s");
    T_NEAR(g.total_throughput, 5, 0, "10 in 2 s");
    T_NEAR(g.stats[TK_VLLM_E2EL].mean, 30, 1e-9, "20 and 40 ms");
    T_NEAR(g.stats[TK_VLLM_E2EL].std, 10, 1e-9, "of the population");
    T_NEAR(g.stats[TK_VLLM_E2EL].percentiles[0], 39.8, 1e-9, "p99 of 20 and 40");
    T_EQ_U(g.n_uncounted, 0, "no tokens are missed");
    T_EQ_I(tk_vllm_block(&f, &g, &out), 0, "block");
    T_GOLDEN(out.p, "vllm-forms/pooling.txt");
    tk_buf_reset(&out);
    T_EQ_I(tk_vllm_result(&f, &g, &out), 0, "result");
    T_GOLDEN(out.p, "vllm-forms/pooling.json");
    tk_buf_release(&out);
    tk_vllm_figures_release(&g);
    tk_records_free(records);
    tk_sink_free(s);
}

static void name_is(const struct tk_vllm_form *f, const char *want)
{
    struct tk_buf out = TK_BUF_INIT(4096);

    T_EQ_I(tk_vllm_file_name(f, &out), 0, "name");
    T_EQ_S(out.p, want, "name");
    tk_buf_release(&out);
}

static void test_names(void)
{
    struct tk_vllm_form f = form(false);

    name_is(&f, "vllm-10.0qps-concurrency3-m-20251124-160002.json");
    f.max_concurrency = 0;
    f.label = "";
    name_is(&f, "vllm-10.0qps-concurrency0-m-20251124-160002.json");
    f.max_concurrency = -1;
    f.request_rate = INFINITY;
    f.label = "lab";
    f.model = "plain";
    name_is(&f, "lab-infqps-plain-20251124-160002.json");
    f.ramp_up_strategy = "exponential";
    f.ramp_up_start_rps = 1;
    f.ramp_up_end_rps = 9;
    name_is(&f, "lab-ramp-up-exponential-1qps-9qps-plain-20251124-160002.json");
}

int main(void)
{
    struct tk_sink_conf conf = { .max_memory_bytes = 1 << 24 };
    struct tk_records *records = NULL;

    setenv("TZ", "UTC", 1);
    tzset();
    T_EQ_I(tk_blocks_new(1 << 24, &pool), 0, "blocks");
    T_EQ_I(tk_sink_new(&conf, &sink, NULL), 0, "sink");
    put(0, TK_END_OK, 0);
    put(1, TK_END_CONNECT, 100 * MS);
    put(2, TK_END_OK, 1200 * MS);
    put(3, TK_END_CANCELLED, 1300 * MS);
    T_EQ_I(tk_sink_finish(sink, NULL), 0, "finish");
    T_EQ_I(tk_sink_records(sink, &records, NULL), 0, "records");
    test_figures(records);
    test_forms(records);
    test_pooling();
    test_names();
    tk_records_free(records);
    tk_sink_free(sink);
    tk_blocks_free(pool);
    return T_DONE();
}
