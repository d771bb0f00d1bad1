/* test_vllm_words.c - the command line: joined, parsed, checked, printed; and bodies
 *
 * What the real program (0.13.0) prints, sends and complains about; the bodies of whole runs are
 * compared in tests/it/test_vllm_parity.py.
 */
#include "dialect/vllm/vllm.h"

#include "base/str.h"
#include "tap.h"

#define MAX_WORDS 40

/* A command line on its way through join, parse and check. */
struct line {
    struct tk_arena arena;
    struct tk_vllm_opts o;
    struct tk_opt_result res;
    struct tk_vllm v;
    struct tk_err err;
    int rc;       /* of the parser */
    int check_rc; /* of the check */
};

static void begin(struct line *l, const char *words, const char *key)
{
    static char copy[4096];
    char *argv[MAX_WORDS];
    char **joined;
    int argc = 1;
    char name[] = "serve";

    memset(l, 0, sizeof(*l));
    tk_arena_init(&l->arena, 0);
    snprintf(copy, sizeof(copy), "%s", words);
    argv[0] = name;
    for (char *p = copy; *p && argc < MAX_WORDS - 1;) {
        argv[argc++] = p;
        p += strcspn(p, "|");
        if (*p)
            *p++ = '\0';
    }
    l->rc = tk_vllm_join(argc, argv, &l->arena, &argc, &joined, &l->err);
    if (l->rc == 0)
        l->rc = tk_opt_parse(&tk_vllm_command, argc - 1, joined + 1, &l->o, &l->res, &l->err);
    l->check_rc = l->rc == 0 ? tk_vllm_check(&l->v, &l->o, l->res.is_given, key, &l->err) : -1;
}

static void end(struct line *l)
{
    if (l->rc == 0)
        tk_vllm_release(&l->v);
    tk_opt_release(&tk_vllm_command, &l->o, &l->res);
    tk_arena_release(&l->arena);
}

#define BASE "--model|m|--dataset-name|custom|--dataset-path|p.jsonl"

static void test_join(void)
{
    struct line l;

    begin(&l,
          BASE "|--extra-body.a.b|1|--extra_body.c+|x,y|--extra-body.d=1k|--extra-body.c+=z|"
               "--extra-body.e|{\"f\":2.50}",
          NULL);
    T_EQ_I(l.rc, 0, "dotted options: %s", l.err.msg);
    T_EQ_S(l.o.extra_body,
           "{\"a\": {\"b\": 1}, \"c\": [\"x\", \"y\", \"z\"], \"d\": \"1k\", \"e\": {\"f\": 2.5}}",
           "put together");
    end(&l);
    begin(&l, BASE "|--extra-body|{\"q\":1}|--extra-body.a|2", NULL);
    T_EQ_S(l.o.extra_body, "{\"a\": 2}", "dotted ones replace a plain one");
    end(&l);
    begin(&l, BASE "|--header|A=1|B=2|--header|C=3|--presence-penalty|-0.5", NULL);
    T_EQ_I(l.rc, 0, "a number with a dash and a point: %s", l.err.msg);
    T_EQ_U(l.o.header.n, 1, "the last list counts");
    T_NEAR(l.o.presence_penalty, -0.5, 0, "is no dotted option");
    end(&l);
    begin(&l,
          BASE "|--head|A=1|--header|C=3|--metad|a=b|--metadata|--goodp|e2el:1|--goodput|ttft:2",
          NULL);
    T_EQ_I(l.check_rc, 0, "lists by short names: %s", l.err.msg);
    T_OK(l.o.header.n == 1 && strcmp(l.o.header.v[0], "C=3") == 0, "the last one counts");
    T_EQ_U(l.o.metadata.n, 0, "an empty list counts");
    T_EQ_U(l.o.goodput.n, 1, "one objective");
    end(&l);
    begin(&l, BASE "|--extra.a|1", NULL);
    T_EQ_I(l.rc, 0, "a dotted option by a short name: %s", l.err.msg);
    T_EQ_S(l.o.extra_body, "{\"a\": 1}", "put together");
    end(&l);
    begin(&l, BASE "|--extra-body.a", NULL);
    T_EQ_I(l.rc, TK_E_FORMAT, "a dotted option without a value");
    end(&l);
}

static void test_parse(void)
{
    struct line l;

    begin(&l, BASE "|--num_prompts=7|--save-det|--max-conc|3", NULL);
    T_EQ_I(l.check_rc, 0, "underscores and abbreviations: %s", l.err.msg);
    T_EQ_I(l.o.num_prompts, 7, "--num_prompts");
    T_OK(l.o.save_detailed, "--save-det");
    T_OK(tk_vllm_given(&l.v, "max-concurrency"), "given");
    T_OK(!tk_vllm_given(&l.v, "top-k"), "not given");
    T_EQ_S(l.v.url, "http://127.0.0.1:8000/v1/completions", "URL");
    end(&l);
    begin(&l, BASE "|--percentile-metrics||--served-model-name||--extra-body|null", NULL);
    T_EQ_I(l.check_rc, 0, "empty words: %s", l.err.msg);
    T_OK(l.v.has_metric[TK_VLLM_TTFT] && !l.v.has_metric[TK_VLLM_E2EL], "the usual metrics");
    T_EQ_S(l.v.served_model, "m", "the model");
    T_OK(!l.v.extra_body, "no extra body");
    end(&l);
    begin(&l, BASE "|--host|::1|--port|9", NULL);
    T_EQ_S(l.v.url, "http://[::1]:9/v1/completions", "an IPv6 literal is bracketed");
    end(&l);
    begin(&l, BASE "|--base-url|https://h/x|--endpoint|/completions", NULL);
    T_EQ_S(l.v.url, "https://h/x/completions", "put together as they are");
    end(&l);
}

/* The message, the exit status, whether the parser or the check says it. */
static void test_refusals(void)
{
    static const struct {
        const char *words, *message;
        int status; /* 0: by the parser */
    } cases[] = {
        { "--dataset-name|custom|--dry-run", "the following arguments are required: --model", 2 },
        { "--model|m|--dataset-name|custom", "dataset_path must be provided", 1 },
        { "--model|m|--dataset-path|f", "Cannot use 'random' dataset with --dataset-path.", 2 },
        { BASE "|--backend|openai-audio|--top-k|3",
          "Sampling parameters are only supported by openai-compatible backends.", 1 },
        { BASE "|--backend|openai-audio",
          "OpenAI Audio API URL must end with one of: {'transcriptions', 'translations', "
          "'profile'}. Is '--endpoint /v1/audio/transcriptions' missing?",
          1 },
        { BASE "|--backend|vllm-rerank|--endpoint|/score",
          "vLLM score API URL must end with one of: {'rerank', 'profile'}.", 1 },
        { BASE "|--backend|infinity-embeddings|--endpoint|/x",
          "Infinity Embeddings API URL must end with one of: {'embeddings', 'profile'}.", 1 },
        { BASE "|--backend|openai-embeddings|--endpoint|/v1/embeddings|--goodput|e2el:5",
          "--goodput is for backends that generate text: 'openai-embeddings' does not", 1 },
        { BASE "|--backend|nope", "backend", 0 },
        { BASE "|--num-prompts|abc", "num-prompts", 0 },
        { BASE "|--nosuch|3", "nosuch", 0 },
        { BASE "|--extra-body|{a:1}", "argument --extra-body: invalid loads value: '{a:1}'", 2 },
        { BASE "|--backend|openai-chat", "OpenAI Chat Completions API URL must end with one of",
          1 },
        { BASE "|--endpoint|/x", "OpenAI Completions API URL must end with one of", 1 },
        { BASE "|--goodput|foo:3",
          "Invalid metric name found, foo: 3.0. The service level objective name should be one of "
          "['ttft', 'tpot', 'e2el']. ",
          1 },
        { BASE "|--goodput|ttft", "Invalid format found for service level objectives.", 1 },
        { BASE "|--seed|4294967296", "seed", 0 },
        { BASE "|--seed|-1", "seed", 0 },
        { BASE "|--extra-body|[1]", "--extra-body is no JSON object: '[1]'", 1 },
        { BASE "|--goodput|ttft:nan", "Invalid value found, ttft: nan.", 1 },
        { BASE "|--goodput|ttft:-1", "Invalid value found, ttft: -1.0.", 1 },
        { BASE "|--header|x", "Invalid header format. Please use KEY=VALUE format.", 1 },
        { BASE "|--metadata|x", "Invalid metadata format. Please use KEY=VALUE format.", 1 },
        { BASE "|--metric-percentiles|99,a", "could not convert string to float: 'a'", 1 },
        { BASE "|--metric-percentiles|101", "Percentiles must be in the range [0, 100]", 1 },
        { BASE "|--burstiness|0", "A positive burstiness factor is expected, but given 0.0.", 1 },
        { BASE "|--request-rate|0", "Obtained non-positive request rate 0.0.", 1 },
        { BASE "|--ramp-up-strategy|linear|--request-rate|3", "When using ramp-up, do not specify",
          1 },
        { BASE "|--ramp-up-strategy|linear", "both --ramp-up-start-rps and", 1 },
        { BASE "|--ramp-up-strategy|linear|--ramp-up-start-rps|5|--ramp-up-end-rps|4",
          "Ramp-up start RPS must be less than end RPS", 1 },
        { BASE "|--ramp-up-strategy|exponential|--ramp-up-start-rps|0|--ramp-up-end-rps|4",
          "For exponential ramp-up, the start RPS cannot be 0.", 1 },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct line l;
        begin(&l, cases[i].words, NULL);
        int status = l.rc != 0 ? 0 : l.check_rc != 0 ? l.v.exit_status : -1;
        T_EQ_I(status, cases[i].status, "%s", cases[i].words);
        T_OK(strstr(l.err.msg, cases[i].message) != NULL, "says: %s", l.err.msg);
        end(&l);
    }
}

static const struct tk_plan_header *header(const struct line *l, const char *name)
{
    for (size_t i = 0; i < l->v.n_headers; i++) {
        if (strcmp(l->v.headers[i].name, name) == 0)
            return &l->v.headers[i];
    }
    return NULL;
}

static void test_headers(void)
{
    struct line l;

    begin(&l, BASE, NULL);
    T_EQ_S(header(&l, "Authorization")->value, "Bearer None", "without a key");
    T_OK(!header(&l, "Authorization")->is_secret, "which is no secret");
    end(&l);
    begin(&l, BASE, "");
    T_EQ_S(header(&l, "Authorization")->value, "Bearer ", "an empty key");
    end(&l);
    begin(&l, BASE "|--header| X-A = b=c |x-api-key=z", "sesame");
    T_EQ_S(header(&l, "Authorization")->value, "Bearer sesame", "with a key");
    T_OK(header(&l, "Authorization")->is_secret, "which is one");
    T_EQ_S(header(&l, "X-A")->value, "b=c", "cut at the first '=', trimmed");
    T_OK(header(&l, "x-api-key")->is_secret, "a key is a secret");
    end(&l);
    begin(&l, BASE "|--header|Authorization=Basic q", "sesame");
    T_EQ_S(header(&l, "Authorization")->value, "Basic q", "given ones replace the environment's");
    end(&l);
}

static void body_is(const char *words, const char *want)
{
    struct line l;
    struct tk_vllm_template *t = NULL;
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    struct tk_item item = { .prompt = TK_STR("h\xc3\xbc \"q\" \xf0\x9f\x98\x80"),
                            .output_tokens = 5 };

    begin(&l, words, NULL);
    T_EQ_I(l.check_rc, 0, "%s: %s", words, l.err.msg);
    struct tk_vllm_send s = { .item = &item, .number = -1 };
    T_EQ_I(tk_vllm_template_new(&l.v, TK_VLLM_BODY_REQUEST, &t, &l.err), 0, "template");
    T_EQ_I(tk_vllm_template_write(t, &s, &out, &l.err), 0, "body");
    T_EQ_S(out.p, want, "body of %s", words);
    tk_vllm_template_free(t);
    tk_buf_release(&out);
    end(&l);
}

#define PROMPT "\"h\\u00fc \\\"q\\\" \\ud83d\\ude00\""

static void test_bodies(void)
{
    body_is(BASE, "{\"model\": \"m\", \"prompt\": " PROMPT
                  ", \"temperature\": 0.0, \"repetition_penalty\": 1.0, \"max_tokens\": 5, "
                  "\"logprobs\": null, \"stream\": true, \"stream_options\": {\"include_usage\": "
                  "true}}");
    body_is(BASE "|--backend|openai-chat|--endpoint|/v1/chat/completions|--ignore-eos|--top-k|5|"
                 "--repetition-penalty|1.5|--presence-penalty|1|--served-model-name|s",
            "{\"model\": \"s\", \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": "
            "\"text\", \"text\": " PROMPT
            "}]}], \"temperature\": 0.0, \"max_completion_tokens\": 5, \"stream\": true, "
            "\"stream_options\": {\"include_usage\": true}, \"ignore_eos\": true, \"top_k\": 5, "
            "\"presence_penalty\": 1.0, \"repetition_penalty\": 1.5}");
    body_is(BASE "|--logprobs|-1",
            "{\"model\": \"m\", \"prompt\": " PROMPT
            ", \"temperature\": 0.0, \"repetition_penalty\": 1.0, \"max_tokens\": 5, "
            "\"logprobs\": -1, \"stream\": true, \"stream_options\": {\"include_usage\": "
            "true}}");
    body_is(BASE "|--temperature|0.5|--repetition-penalty|2|--logprobs|3|--top-p|0.9|--extra-body|"
                 "{\"max_tokens\":7,\"prompt\":\"x\",\"foo\":{\"a\":[1,2.0,1E2,\"\xc3\xbc\"]}}",
            "{\"model\": \"m\", \"prompt\": \"x\", \"temperature\": 0.5, \"repetition_penalty\": "
            "2.0, \"max_tokens\": 7, \"logprobs\": 3, \"stream\": true, \"stream_options\": "
            "{\"include_usage\": true}, \"top_p\": 0.9, \"foo\": {\"a\": [1, 2.0, 100.0, "
            "\"\\u00fc\"]}}");
}

static void test_namespace(void)
{
    struct line l;
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    begin(&l,
          BASE "|--header|Authorization=Bearer tell-no-one|--goodput|ttft:5|--top-p|0.5|"
               "--label|it's|--base-url|http://h/x?api_key=tell-no-one&v=1",
          NULL);
    T_EQ_I(tk_vllm_namespace(&l.o, l.res.is_given, &out), 0, "namespace");
    T_OK(tk_str_starts(tk_buf_str(&out),
                       TK_STR("Namespace(seed=0, num_prompts=1000, dataset_name='custom', "
                              "no_stream=False, dataset_path='p.jsonl', ")),
         "in the order of the tool");
    T_OK(strstr(out.p, ", header=['Authorization=***'], max_concurrency=None, "), "masked");
    T_OK(strstr(out.p, ", label=\"it's\", "), "quotes as Python chooses them");
    T_OK(strstr(out.p, ", base_url='http://h/x?api_key=***&v=1', "), "a query is masked");
    T_OK(strstr(out.p, ", request_rate=inf, burstiness=1.0, "), "floats");
    T_OK(strstr(out.p, ", goodput=['ttft:5'], "), "lists");
    T_OK(strstr(out.p, "random_mm_limit_mm_per_prompt={'image': 255, 'video': 1}, "), "dicts");
    T_OK(!strstr(out.p, "tell-no-one"), "no secret");
    T_OK(tk_str_ends(tk_buf_str(&out), TK_STR("ready_check_timeout_sec=600, extra_body=None)\n")),
         "to its last option");
    end(&l);

    begin(&l, BASE "|--extra-body|{\"\": 1, \"\\u00e9\\\"\\n'\": {\"x\\ty\": []}}", NULL);
    tk_buf_reset(&out);
    T_EQ_I(tk_vllm_namespace(&l.o, l.res.is_given, &out), 0, "namespace, keys with escapes");
    T_OK(tk_str_ends(tk_buf_str(&out),
                     TK_STR("extra_body={'': 1, '\xc3\xa9\"\\n\\'': {'x\\ty': []}})\n")),
         "as Python reads them: %s", strstr(out.p, "extra_body="));
    tk_buf_release(&out);
    end(&l);
}

int main(void)
{
    test_join();
    test_parse();
    test_refusals();
    test_headers();
    test_bodies();
    test_namespace();
    return T_DONE();
}
