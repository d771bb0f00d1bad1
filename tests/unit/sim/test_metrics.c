/* test_metrics.c - /metrics against the log, and the tokenizer's round trips */
#include "world.h"

#define LABELS "{engine=\"0\",model_name=\"a \\\"b\\\"\"} "
#define N 60

/* Of all lines of requests for tokens that ended well: the sum of instants' differences and so on. */
struct sums {
    int64_t n, prompt, tokens, ttft, gaps, n_gaps, e2e, early, n_events;
};

static struct sums sum_of_log(int64_t early)
{
    struct sums s = { 0 };

    for (size_t i = 0; i < world.n_lines; i++) {
        int64_t arrived_at = line_number(i, "arrived_at", 0), at, before = INT64_MIN;

        if (line_number(i, "prompt_tokens", 0) == INT64_MIN || line_number(i, "status", 0) != 200)
            continue;
        s.tokens += line_number(i, "tokens_sent", 0);
        for (size_t k = 0; (at = line_number(i, "sent_at", k)) != INT64_MIN; k++) {
            if (k == 0)
                s.prompt += line_number(i, "prompt_tokens", 0);
            *(k == 0 ? &s.ttft : &s.gaps) += at - (k == 0 ? arrived_at : before);
            s.n_gaps += k > 0;
            s.early += k == 0 && at - arrived_at <= early;
            s.n_events++;
            before = at;
        }
        if (!line_has(i, "\"end\":\"finished\""))
            continue;
        s.n++;
        s.e2e += line_number(i, "ended_at", 0) - arrived_at;
    }
    return s;
}

/* Each line is a comment or a sample, whose kind was declared, and buckets do not fall. */
static void check_form(const struct client *page)
{
    struct tk_str rest = { page->body, page->body_n }, line;
    double before = 0;
    size_t n = 0;
    char declared[128] = "";

    while (tk_str_split(&rest, '\n', &line)) {
        struct tk_str name = line;
        double value;
        ptrdiff_t space;

        if (line.n == 0 || tk_str_starts(line, TK_STR("# HELP vllm:")))
            continue;
        if (tk_str_starts(line, TK_STR("# TYPE "))) {
            snprintf(declared, sizeof(declared), "%.*s", (int)strcspn(line.p + 7, " "), line.p + 7);
            before = 0;
            continue;
        }
        name.n = strcspn(line.p, "{");
        if (!tk_str_starts(name, tk_str_of(declared)))
            T_OK(false, "a sample of '%s': %.*s", declared, TK_STR_ARG(line));
        space = (ptrdiff_t)line.n - 1;
        while (space > 0 && line.p[space] != ' ')
            space--;
        if (tk_num_parse_double((struct tk_str){ line.p + space + 1, line.n - (size_t)space - 1 },
                                &value) < 0)
            T_OK(false, "no number: %.*s", TK_STR_ARG(line));
        if (tk_str_ends(name, TK_STR("_bucket")) && value < before)
            T_OK(false, "falls: %.*s", TK_STR_ARG(line));
        before = value;
        n++;
    }
    T_OK(n > 200, "%zu samples", n);
}

#define EQ(name, value, words) \
    T_NEAR(metric(page, "\nvllm:" name LABELS), (double)(value), 1e-6, words)

static void check_against_log(void)
{
    struct client *page = get("GET /metrics");
    struct sums s = sum_of_log(100 * MS);

    T_OK(strstr(page->p, "Content-Type: text/plain; version=0.0.4") != NULL, "the type");
    check_form(page);
    EQ("prompt_tokens_total", s.prompt, "tokens of prompts");
    EQ("generation_tokens_total", s.tokens, "tokens of answers");
    EQ("time_to_first_token_seconds_sum", (double)s.ttft / 1e9, "time to the first");
    EQ("inter_token_latency_seconds_sum", (double)s.gaps / 1e9, "gaps");
    EQ("inter_token_latency_seconds_count", s.n_gaps, "how many");
    EQ("time_per_output_token_seconds_count", s.n_gaps, "by the old name too");
    EQ("e2e_request_latency_seconds_sum", (double)s.e2e / 1e9, "whole times");
    EQ("e2e_request_latency_seconds_count", s.n, "of those that ended well");
    EQ("request_generation_tokens_count", s.n, "in each histogram");
    EQ("num_requests_running", 0, "none runs");
    EQ("num_requests_waiting", 0, "none waits");
    T_NEAR(metric(page, "vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.1\","
                        "model_name=\"a \\\"b\\\"\"} "),
           (double)s.early, 0, "a bucket");
    T_NEAR(metric(page, "finished_reason=\"length\",model_name=\"a \\\"b\\\"\"} "), (double)s.n, 0,
           "finished");
    T_NEAR(metric(page, "finished_reason=\"abort\",model_name=\"a \\\"b\\\"\"} "), 8, 0, "aborted");
    T_NEAR(metric(page, "finished_reason=\"error\",model_name=\"a \\\"b\\\"\"} "), 8, 0, "failed");
    free_client(page);
}

static void load(struct tk_sim_conf conf)
{
    struct client *c[N];

    open_world(conf);
    for (int i = 0; i < N; i++) {
        char body[256];
        const char *sim = i % 8 == 1   ? ",\"sim\":\"reset_at=2\""
                          : i % 8 == 2 ? ",\"sim\":\"error_at=3\""
                          : i % 8 == 3 ? ",\"sim\":\"status=503\""
                                       : "";

        snprintf(body, sizeof(body),
                 "{\"prompt\":\"%d is a number\",\"max_tokens\":%d,\"stream\":%s%s}", i * i,
                 5 + i % 9, i % 16 == 5 ? "false" : "true", sim);
        c[i] = new_client();
        ask(c[i], "POST /v1/completions", "", body);
    }
    run();
    for (int i = 0; i < N; i++)
        free_client(c[i]);
    run();
}

static void test_counts(void)
{
    struct tk_sim_conf conf = { .knobs = TK_SIM_KNOBS_DEFAULT, .model = "a \"b\"", .seed = 1 };

    conf.knobs.jitter = TK_SIM_JITTER_EXPONENTIAL;
    load(conf);
    check_against_log();
    close_world();

    conf.is_batching = true;
    conf.engine = TK_SIM_ENGINE_DEFAULT;
    conf.engine.max_batch = 8;
    load(conf);
    check_against_log();
    close_world();
}

/* In the middle of it. */
static void test_gauges(void)
{
    struct tk_sim_conf conf = { .knobs = TK_SIM_KNOBS_DEFAULT,
                                .is_batching = true,
                                .engine = TK_SIM_ENGINE_DEFAULT,
                                .model = "a \"b\"" };
    struct client *c[5], *page = NULL;

    conf.engine.max_batch = 3;
    conf.engine.n_blocks = 10;
    open_world(conf);
    for (int i = 0; i < 5; i++) {
        c[i] = new_client();
        ask(c[i], "POST /v1/completions", "",
            "{\"prompt\":[1,2,3],\"max_tokens\":8,\"stream\":true}");
    }
    run_for(60 * MS);
    page = new_client();
    ask(page, "GET /metrics", "", "");
    run_for(1 * MS);
    parse(page);
    EQ("num_requests_running", 3, "three run");
    EQ("num_requests_waiting", 2, "two wait");
    EQ("kv_cache_usage_perc", 0.3, "a block each of ten");
    EQ("gpu_cache_usage_perc", 0.3, "by the old name too");
    free_client(page);
    run();
    for (int i = 0; i < 5; i++)
        free_client(c[i]);
    close_world();
}

static struct client *post(const char *what, const char *body)
{
    struct client *c = new_client();

    ask(c, what, "", body);
    run();
    parse(c);
    return c;
}

static void test_tokenize(void)
{
    static const struct {
        const char *what, *body;
        int status;
        const char *text;
    } cases[] = {
        { "POST /tokenize", "{\"model\":\"x\",\"prompt\":\"hello world\"}", 200,
          "\"count\":3,\"max_model_len\":131072,\"token_strs\":null}" },
        { "POST /tokenize", "{\"prompt\":\"abc\",\"return_token_strs\":true}", 200,
          "{\"tokens\":[131078],\"count\":1,\"max_model_len\":131072,\"token_strs\":[\"abc\"]}" },
        { "POST /tokenize", "{\"prompt\":\"\"}", 200, "{\"tokens\":[],\"count\":0," },
        { "POST /tokenize", "{\"prompt\":\" one two three one\"}", 200, "{\"tokens\":[0,1,2,0]," },
        { "POST /tokenize", "{\"prompt\":\" one two!\"}", 200, "\"count\":3," },
        { "POST /tokenize", "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}", 200,
          "\"count\":2," },
        { "POST /tokenize", "{\"prompt\":[1,2]}", 400, "'prompt'" },
        { "POST /tokenize", "{}", 400, "'prompt'" },
        { "POST /tokenize", "x", 400, "'prompt'" },
        { "GET /tokenize", "", 405, "allow: POST" },
        { "POST /detokenize", "{\"tokens\":[131078,0,2]}", 200, "{\"prompt\":\"abc one three\"}" },
        { "POST /detokenize", "{\"tokens\":[]}", 200, "{\"prompt\":\"\"}" },
        { "POST /tokenize", "{\"prompt\":\"abcdefghabcd\"}", 200,
          "{\"tokens\":[131081,131082,131081]," },
        { "POST /detokenize", "{\"tokens\":[131082,131081]}", 200, "{\"prompt\":\"efghabcd\"}" },
        { "POST /detokenize", "{\"tokens\":[131999]}", 400, "'tokens'" },
        { "POST /detokenize", "{\"tokens\":[3]}", 400, "'tokens'" },
        { "POST /detokenize", "{\"tokens\":[-1]}", 400, "'tokens'" },
        { "POST /detokenize", "{\"tokens\":[9007199254740993]}", 400, "'tokens'" },
        { "POST /detokenize", "{\"tokens\":\"a\"}", 400, "'tokens'" },
        { "POST /detokenize", "{}", 400, "'tokens'" },
    };

    open_world((struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT, .words = "one two three" });
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct client *c = post(cases[i].what, cases[i].body);

        T_EQ_I(status_of(c), cases[i].status, "%s %s", cases[i].what, cases[i].body);
        T_OK(strstr(c->p, cases[i].text) != NULL, "says %s, not %s", cases[i].text,
             c->body ? c->body : "");
        free_client(c);
    }
    close_world();
}

static long long largest_id(const char *body)
{
    long long most = 0, id = 0;

    for (const char *at = strchr(body, '['); at && *at != ']'; at++) {
        id = *at >= '0' && *at <= '9' ? 10 * id + (*at - '0') : 0;
        most = TK_MAX(most, id);
    }
    return most;
}

/* Text with characters of several bytes, cut anywhere, comes back; the count is that of usage. */
static void test_round_trip(void)
{
    static const char text[] = "Grüße, 世界 🌍! plain words and a tail";

    for (int bytes = 1; bytes <= 7; bytes++) {
        struct client *c, *back;
        char body[2048], count[64];
        const char *end;

        open_world((struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT, .bytes_per_token = bytes });
        snprintf(body, sizeof(body), "{\"prompt\":\"%s\",\"max_tokens\":1}", text);
        c = post("POST /tokenize", body);
        T_EQ_I(status_of(c), bytes <= 6 ? 200 : 400, "%d bytes in a token", bytes);
        if (bytes <= 6) {
            free_client(post("POST /v1/completions", body));
            snprintf(count, sizeof(count), "\"count\":%d,",
                     (int)line_number(1, "prompt_tokens", 0));
            T_OK(strstr(c->body, count) != NULL, "as many as usage says: %s", count);
            T_OK(largest_id(c->body) < 1 << 24, "ids as small as those of a vocabulary");
            end = strchr(c->body, ']');
            snprintf(body, sizeof(body), "%.*s}", (int)(end + 1 - c->body), c->body);
            back = post("POST /detokenize", body);
            snprintf(body, sizeof(body), "{\"prompt\":\"%s\"}", text);
            T_EQ_S(back->body, body, "back again");
            free_client(back);
        }
        free_client(c);
        close_world();
    }
}

int main(void)
{
    test_counts();
    test_gauges();
    test_tokenize();
    test_round_trip();
    return T_DONE();
}
