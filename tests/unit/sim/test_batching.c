/* test_batching.c - the batching engine against schedules computed by hand, in virtual time
 *
 * Costs are chosen so that they can be read off an instant: a step takes 10 ms, each token of
 * prefill 1 ms, each sequence that decodes 1 ms, each token in the cache that it reads 1 us, a draft
 * 1 ms. Prompts are token ids, so their length is exact. */
#include <errno.h>

#include "lib/failmalloc.h"
#include "world.h"

#define US TK_NS_PER_US
#define MAX_CLIENTS 256

static struct tk_sim_conf conf_of(void)
{
    return (struct tk_sim_conf){
        .knobs = TK_SIM_KNOBS_DEFAULT,
        .is_batching = true,
        .engine = { .base_dur = 10 * MS,
                    .seq_dur = 1 * MS,
                    .token_dur = 1 * US,
                    .prefill_rate = 1000,
                    .max_batch = 8,
                    .step_tokens = 1000,
                    .n_blocks = 1000,
                    .block_tokens = 4,
                    .draft_dur = 1 * MS },
    };
}

/* A completion for the ids first, first+1, … */
static struct client *complete(int first, int n_prompt, int n_tokens, const char *more)
{
    struct client *c = new_client();
    char body[4096];
    size_t n = (size_t)snprintf(body, sizeof(body), "{\"prompt\":[");

    for (int i = 0; i < n_prompt; i++)
        n += (size_t)snprintf(body + n, sizeof(body) - n, "%s%d", i ? "," : "", first + i);
    snprintf(body + n, sizeof(body) - n, "],\"max_tokens\":%d,\"stream\":true%s}", n_tokens, more);
    ask(c, "POST /v1/completions", "", body);
    return c;
}

/* Its events came at these instants, in us after `t0`; the end mark with the last. */
static void check_events(struct client *c, tk_ns t0, const int64_t *us, size_t n, const char *name)
{
    parse(c);
    T_EQ_I(c->n_events, n + 1, "%s: events", name);
    for (size_t i = 0; i < n && i < c->n_events; i++)
        T_EQ_I((c->events[i].at - t0) / US, us[i], "%s: event %zu", name, i);
    T_OK(c->has_last_chunk, "%s: whole", name);
    free_client(c);
}

#define CHECK(c, t0, name, ...)                           \
    check_events(c, t0, (const int64_t[]){ __VA_ARGS__ }, \
                 sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), name)

static void test_one(void)
{
    struct client *c;
    tk_ns t0;

    open_world(conf_of());
    t0 = tk_clock_now();
    c = complete(1, 5, 3, "");
    run();
    CHECK(c, t0, "alone", 15000, 26006, 37013);
    T_EQ_I(line_number(0, "scheduled_at", 0), t0, "it did not wait");
    T_EQ_I(line_number(0, "sent_at", 2), t0 + 37013 * US, "logged");

    t0 = tk_clock_now();
    c = complete(100, 4, 2, ",\"n\":2");
    run();
    CHECK(c, t0, "two choices: one prompt, two sequences", 14000, 14000, 26006, 26006);
    close_world();
}

static void test_queue(void)
{
    struct tk_sim_conf conf = conf_of();
    struct client *a, *b;
    tk_ns t0;

    conf.engine.max_batch = 1;
    open_world(conf);
    t0 = tk_clock_now();
    a = complete(1, 5, 2, "");
    b = complete(50, 3, 2, "");
    run();
    CHECK(a, t0, "the first", 15000, 26006);
    CHECK(b, t0, "the second waits for the first", 39006, 50010);
    T_EQ_I(line_number(1, "scheduled_at", 0), t0 + 26006 * US, "and the log says until when");
    close_world();
}

static void test_batch(void)
{
    struct client *a, *b;
    tk_ns t0;

    open_world(conf_of());
    t0 = tk_clock_now();
    a = complete(1, 5, 3, "");
    b = complete(50, 3, 2, "");
    run();
    CHECK(a, t0, "decodes while the other prefills", 15000, 29006, 41017);
    CHECK(b, t0, "joins at the next step", 29006, 41017);
    close_world();
}

static void test_chunked_prefill(void)
{
    struct tk_sim_conf conf = conf_of();
    struct client *a, *b;
    tk_ns t0;

    conf.engine.step_tokens = 8;
    conf.engine.has_no_prefix_cache = true;
    open_world(conf);
    t0 = tk_clock_now();
    a = complete(1, 20, 2, "");
    run();
    CHECK(a, t0, "a prompt of 20 in pieces of 8", 50000, 61021);

    t0 = tk_clock_now();
    b = complete(1, 2, 4, "");
    a = complete(1, 20, 1, "");
    run();
    CHECK(b, t0, "goes on meanwhile", 12000, 30003, 48007, 65012);
    CHECK(a, t0, "in pieces of what is left", 65012);
    close_world();
}

static void test_cache_limit(void)
{
    struct tk_sim_conf conf = conf_of();
    struct client *a, *b;
    tk_ns t0;

    conf.engine.n_blocks = 4;
    conf.engine.has_no_prefix_cache = true;
    open_world(conf);
    t0 = tk_clock_now();
    a = complete(1, 8, 4, "");
    b = complete(1, 8, 2, "");
    run();
    CHECK(a, t0, "has three blocks of four", 18000, 29009, 40019, 51030);
    CHECK(b, t0, "waits for two", 69030, 80039);

    a = complete(1, 8, 9, "");
    run();
    T_EQ_I(status_of(a), 400, "what could never run is refused");
    T_OK(strstr(a->p, "17 tokens of cache, and there are 16") != NULL, "with both numbers");
    free_client(a);
    a = complete(1, 1, 1, ",\"n\":9");
    run();
    T_EQ_I(status_of(a), 400, "so are more choices than a batch takes");
    free_client(a);
    close_world();
}

static void test_preemption(void)
{
    struct tk_sim_conf conf = conf_of();
    struct client *a, *b, *page;
    tk_ns t0;

    conf.engine.n_blocks = 4;
    conf.engine.has_no_prefix_cache = true;
    open_world(conf);
    t0 = tk_clock_now();
    a = complete(1, 7, 6, "");
    b = complete(1, 7, 6, "");
    run();
    CHECK(a, t0, "the oldest goes on", 17000, 35008, 46017, 57027, 68038, 79050);
    CHECK(b, t0, "the youngest is computed again", 35008, 97050, 108059, 119069, 130080, 141092);
    T_EQ_I(line_number(0, "n_preempted", 0), 0, "the log says so of the one");
    T_EQ_I(line_number(1, "n_preempted", 0), 1, "and of the other");
    page = get("GET /metrics");
    T_OK(metric(page, "vllm:num_preemptions_total{engine=\"0\",model_name=\"sim\"} ") == 1,
         "counted");
    free_client(page);
    close_world();
}

/* One after the other: how long until the first token, in ms. */
static int64_t first_after(int first, int n_prompt, const char *more)
{
    tk_ns t0 = tk_clock_now();
    struct client *c = complete(first, n_prompt, 1, more);
    int64_t ms;

    run();
    parse(c);
    ms = c->n_events > 0 ? (c->events[0].at - t0) / MS : -1;
    free_client(c);
    return ms;
}

static void test_prefix_cache(void)
{
    struct tk_sim_conf conf = conf_of();
    struct client *c;

    conf.engine.n_blocks = 4;
    open_world(conf);
    T_EQ_I(first_after(1, 10, ""), 20, "all of ten");
    T_EQ_I(first_after(1, 10, ""), 12, "two blocks of four are there");
    T_EQ_I(line_number(1, "cached_tokens", 0), 8, "logged");
    T_EQ_I(first_after(1, 8, ""), 14, "the last token is always computed");
    T_EQ_I(first_after(2, 8, ""), 18, "another beginning, another prefix");
    c = get("GET /metrics");
    T_OK(metric(c, "prefix_cache_queries_total{engine=\"0\",model_name=\"sim\"} ") == 36, "asked");
    T_OK(metric(c, "prefix_cache_hits_total{engine=\"0\",model_name=\"sim\"} ") == 12, "found");
    free_client(c);
    T_EQ_I(first_after(50, 15, ""), 25, "all four blocks for another");
    T_EQ_I(first_after(1, 10, ""), 20, "so that nothing is left");

    c = complete(1, 10, 1, ",\"stream_options\":{\"include_usage\":true}");
    run();
    parse(c);
    T_EQ_I(n_with(c, "\"prompt_tokens_details\":{\"cached_tokens\":8}"), 1, "usage tells");
    free_client(c);
    close_world();

    open_world(conf);
    T_EQ_I(first_after(1, 8, ""), 18, "1 … 8");
    T_EQ_I(first_after(101, 8, ""), 18, "101 … 108");
    T_EQ_I(first_after(1, 8, ""), 14, "both fit; now the second is the one not used for longer");
    T_EQ_I(first_after(201, 6, ""), 16, "two blocks are taken for a third");
    T_EQ_I(first_after(1, 8, ""), 14, "not from the one just used");
    T_EQ_I(first_after(101, 5, ""), 15, "but from the other");
    close_world();
}

static void test_text_prefix(void)
{
    static const char body[] = "{\"messages\":[{\"role\":\"system\",\"content\":\"0123456789abcdef"
                               "0123456789abcdef\"},{\"role\":\"user\",\"content\":\"hello\"}],"
                               "\"max_tokens\":1,\"stream\":true}";
    struct client *c;

    open_world(conf_of());
    for (int i = 0; i < 2; i++) {
        c = new_client();
        ask(c, CHAT, "", body);
        run();
        free_client(c);
    }
    T_EQ_I(line_number(1, "prompt_tokens", 0), 10, "37 bytes are ten tokens");
    T_EQ_I(line_number(1, "cached_tokens", 0), 8, "32 bytes are two blocks");
    close_world();
}

static void test_drafts(void)
{
    struct tk_sim_conf conf = conf_of();
    struct client *c;
    tk_ns t0;

    conf.engine.n_drafts = 2;
    conf.engine.acceptance = 1;
    open_world(conf);
    t0 = tk_clock_now();
    c = complete(1, 4, 8, "");
    run();
    parse(c);
    T_EQ_I(n_with(c, "\"text\":\" token token token\""), 2, "three tokens in an event");
    CHECK(c, t0, "all right", 14000, 27005, 40013, 51024);
    c = get("GET /metrics");
    T_OK(metric(c, "spec_decode_num_drafts_total{engine=\"0\",model_name=\"sim\"} ") == 2,
         "no draft past the end");
    T_OK(metric(c, "num_draft_tokens_total{engine=\"0\",model_name=\"sim\"} ") == 4, "drafted");
    T_OK(metric(c, "num_accepted_tokens_total{engine=\"0\",model_name=\"sim\"} ") == 4, "right");
    T_OK(metric(c, "per_pos_total{engine=\"0\",position=\"1\",model_name=\"sim\"} ") == 2,
         "in the second place");
    free_client(c);
    close_world();

    conf.engine.acceptance = 0;
    open_world(conf);
    t0 = tk_clock_now();
    c = complete(1, 4, 3, "");
    run();
    CHECK(c, t0, "none right; one draft, then none, for what is left", 14000, 26005, 37011);
    close_world();

    conf.engine.acceptance = 0.5;
    open_world(conf);
    free_client(complete(1, 1, 1, ""));
    run();
    c = complete(1, 4, 1500, "");
    run();
    parse(c);
    c->n_events = 0;
    free_client(c);
    c = get("GET /metrics");
    T_NEAR(metric(c, "num_accepted_tokens_total{engine=\"0\",model_name=\"sim\"} ") /
               metric(c, "spec_decode_num_drafts_total{engine=\"0\",model_name=\"sim\"} "),
           0.75, 0.06, "half the first, half of these the second");
    free_client(c);
    close_world();
}

static void test_deliveries(void)
{
    struct client *a, *b;
    tk_ns t0;

    open_world(conf_of());
    t0 = tk_clock_now();
    a = complete(1, 4, 6, ",\"sim\":\"chunk=3\"");
    run();
    CHECK(a, t0, "the first token at once, then three by three", 14000, 47018, 69035);

    t0 = tk_clock_now();
    a = complete(20, 4, 3, ",\"sim\":\"cut_every=50,cut_gap=30ms\"");
    b = complete(40, 4, 3, "");
    run();
    parse(a);
    T_EQ_I(a->n_events, 3, "cut writes are slower than the engine: two tokens in one event");
    T_OK(a->events[0].at - t0 > 60 * MS, "and hold up their own tokens");
    T_EQ_I((stamp_of(&a->events[0]) - t0) / US, 14000, "from their instants on");
    free_client(a);
    CHECK(b, t0, "nobody else's", 29005, 41016, 52022);

    t0 = tk_clock_now();
    a = new_client();
    ask(a, "POST /v1/completions", "", "{\"prompt\":[7,7,7,7,7],\"max_tokens\":3}");
    run();
    parse(a);
    T_EQ_I(status_of(a), 200, "a whole reply");
    T_EQ_I((a->reads[0].at - t0) / US, 37013, "with its last token");
    free_client(a);

    a = new_client();
    ask(a, CHAT, "x-sim: tokens=0\r\n", CHAT_BODY);
    run();
    parse(a);
    T_EQ_I(a->n_events, 2, "no tokens: an empty event and the end");
    free_client(a);

    a = new_client();
    ask(a, CHAT, "x-sim: tokens=5,reasoning=2,role=first\r\n", CHAT_BODY);
    run();
    parse(a);
    T_EQ_I(n_with(a, "reasoning_content"), 2, "channels");
    T_EQ_I(a->n_events, 7, "and the role");
    free_client(a);
    close_world();
}

static void test_leaving(void)
{
    struct tk_sim_conf conf = conf_of();
    struct tk_sim_counts n;
    struct client *a, *b, *c;
    tk_ns t0;

    conf.engine.max_batch = 1;
    open_world(conf);
    t0 = tk_clock_now();
    a = complete(1, 4, 5, ",\"sim\":\"stall_at=2\"");
    b = complete(20, 4, 5, "");
    c = complete(40, 4, 5, ",\"sim\":\"reset_at=1\"");
    free_client(b);
    b = complete(60, 4, 1, "");
    run();
    parse(a);
    T_EQ_I(a->n_events, 2, "it stalls");
    T_EQ_I((c->closed_at - t0) / US, 61016, "and does not keep the batch: the next resets");
    free_client(c);
    CHECK(b, t0, "one left the queue", 75016);
    free_client(a);
    run();
    tk_sim_counts(world.sim, &n);
    T_EQ_U(n.n_broken, 2, "two left");
    T_EQ_U(n.n_faults, 1, "one was reset");
    T_EQ_U(n.n_finished, 1, "one was answered");
    T_EQ_U(n.n_open, 0, "nobody is left");
    a = get("GET /metrics");
    T_OK(metric(a, "num_requests_running{engine=\"0\",model_name=\"sim\"} ") == 0, "none runs");
    T_OK(metric(a, "kv_cache_usage_perc{engine=\"0\",model_name=\"sim\"} ") == 0,
         "no block is used");
    free_client(a);
    close_world();
}

/* --- a load, twice --- */

static char *last_log;

/* 120 requests of many kinds through little room; the log as one text. */
static char *log_of_load(uint64_t seed)
{
    struct tk_sim_conf conf = conf_of();
    struct client *c[120];
    size_t n = 0;
    char *text;

    conf.engine.n_blocks = 60;
    conf.engine.step_tokens = 40;
    conf.engine.n_drafts = 3;
    conf.engine.acceptance = 0.6;
    conf.seed = seed;
    conf.faults = "stall_at=2:5%,reset_at=1:5%,status=503:10%";
    open_world(conf);
    for (int i = 0; i < 120; i++)
        c[i] = complete(i % 7, 5 + i * 7 % 90, 1 + i * 5 % 60, i % 10 ? "" : ",\"n\":3");
    run();
    for (int i = 0; i < 120; i++)
        free_client(c[i]);
    run();
    tk_sim_finish(world.sim);
    for (size_t i = 0; i < world.n_lines; i++)
        n += strlen(world.lines[i]) + 1;
    text = calloc(1, n + 1);
    for (size_t i = 0, at = 0; i < world.n_lines; i++)
        at += (size_t)snprintf(text + at, n + 1 - at, "%s\n", world.lines[i]);
    T_EQ_I(world.n_lines, 121, "a line for each, and the summary");
    T_OK(strstr(text, "\"n_preempted\":1") || strstr(text, "\"n_preempted\":2"),
         "some were preempted");
    close_world();
    return text;
}

static void test_determinism(void)
{
    char *again, *other;

    last_log = log_of_load(7);
    again = log_of_load(7);
    other = log_of_load(8);
    T_OK(strcmp(last_log, again) == 0, "the same seed gives the same log, to the byte");
    T_OK(strcmp(last_log, other) != 0, "another, another");
    free(last_log);
    free(again);
    free(other);
}

/* Tokens per second and mean time to the first of `n` at once. */
static void saturate(int n, double *ret_rate, double *ret_ttft)
{
    struct tk_sim_conf conf = { .knobs = TK_SIM_KNOBS_DEFAULT,
                                .is_batching = true,
                                .engine = TK_SIM_ENGINE_DEFAULT };
    struct client *c[MAX_CLIENTS];
    tk_ns t0, end_at = 0, sum = 0;

    open_world(conf);
    t0 = tk_clock_now();
    for (int i = 0; i < n; i++)
        c[i] = complete(i * 1000, 300, 100, "");
    run();
    for (int i = 0; i < n; i++) {
        parse(c[i]);
        sum += c[i]->events[0].at - t0;
        end_at = TK_MAX(end_at, c[i]->events[c[i]->n_events - 1].at);
        free_client(c[i]);
    }
    *ret_rate = 100.0 * n / ((double)(end_at - t0) / 1e9);
    *ret_ttft = (double)sum / n / 1e6;
    close_world();
}

static void test_saturation(void)
{
    double rate[4], ttft[4];
    static const int n[4] = { 1, 16, 64, 256 };

    for (int i = 0; i < 4; i++)
        saturate(n[i], &rate[i], &ttft[i]);
    for (int i = 1; i < 4; i++) {
        T_OK(rate[i] > rate[i - 1], "%d at once: more tokens a second, %.0f", n[i], rate[i]);
        T_OK(rate[i] / rate[i - 1] < (double)n[i] / n[i - 1], "but not in proportion");
        T_OK(ttft[i] > ttft[i - 1], "and a later first one, %.0f ms", ttft[i]);
    }
    T_OK(rate[3] / rate[2] < 1.8, "throughput flattens");
    T_OK(ttft[3] / ttft[0] > 20, "the first token's time climbs");
}

static bool ask_without_memory(int n)
{
    struct tk_sim_conf conf = conf_of();
    struct client *c[3];
    bool was_reached;
    int rc;

    conf.engine.n_blocks = 9;
    conf.faults = "nodone:50%";
    open_world(conf);
    for (int i = 0; i < 3; i++)
        c[i] = new_client();
    tk_failmalloc_at(n);
    for (int i = 0; i < 3; i++)
        ask(c[i], "POST /v1/completions", "",
            "{\"prompt\":\"0123456789abcdef0123\",\"max_tokens\":12,\"stream\":true}");
    rc = tk_loop_run(world.loop);
    was_reached = tk_failmalloc_off();
    if (rc != 0)
        T_OK(false, "allocation %d: loop %d", n, rc);
    for (int i = 0; i < 3; i++)
        free_client(c[i]);
    close_world();
    return was_reached;
}

static void test_no_memory(void)
{
    struct tk_sim_conf conf = conf_of();
    int n = 1;

    conf.faults = "status=503:5%,reset_at=1:5%";
    tk_loop_new(TK_LOOP_VIRTUAL, &conf.loop);
    for (bool was_reached = true; was_reached; n++) {
        struct tk_sim *sim = NULL;
        int rc;

        tk_failmalloc_at(n);
        rc = tk_sim_new(&conf, &sim, NULL);
        was_reached = tk_failmalloc_off();
        T_EQ_I(rc, was_reached ? -ENOMEM : 0, "made without allocation %d", n);
        tk_sim_free(sim);
    }
    tk_loop_free(conf.loop);
    for (n = 1; n < 1000 && ask_without_memory(n); n++)
        continue;
    T_OK(n > 3 && n < 1000, "three requests survive each of %d allocations that fail", n - 1);
}

static void test_refusals(void)
{
    struct tk_sim_conf conf = conf_of();
    struct tk_sim *sim = NULL;

    conf.engine.prefill_rate = 0;
    tk_loop_new(TK_LOOP_VIRTUAL, &conf.loop);
    T_EQ_I(tk_sim_new(&conf, &sim, NULL), -EINVAL, "an engine that never prefills");
    conf = (struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT,
                                 .loop = conf.loop,
                                 .is_batching = true };
    T_EQ_I(tk_sim_new(&conf, &sim, NULL), -EINVAL, "an engine of nothing");
    tk_loop_free(conf.loop);
}

int main(void)
{
    test_one();
    test_queue();
    test_batch();
    test_chunked_prefill();
    test_cache_limit();
    test_preemption();
    test_prefix_cache();
    test_text_prefix();
    test_drafts();
    test_deliveries();
    test_leaving();
    test_determinism();
    test_saturation();
    test_refusals();
    test_no_memory();
    return T_DONE();
}
