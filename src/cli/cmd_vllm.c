/* cmd_vllm.c - `tokmark vllm`, and the program under the name `vllm`
 *
 *   vllm bench serve …        tokmark vllm …        tokmark vllm bench serve …
 *
 * The words, the load and the forms are the dialect's (dialect/vllm); here is what is done with
 * them, in the order in which the tool prints it. Exit status as there: 2 for the command line, 1
 * for what it raises, 0 also when every request failed; 130 after Ctrl-C; 4 by --strict.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/hub.h"
#include "cli/result.h"
#include "cli/session.h"
#include "cli/target.h"
#include "cli/tokens.h"
#include "cli/vllm_align.h"
#include "cli/vllm_files.h"
#include "cli/vllm_profiler.h"
#include "cli/vllm_ready.h"
#include "cli/vllm_resume.h"
#include "cli/vllm_server.h"
#include "dialect/vllm/vllm.h"

#define PROGRAM "vllm bench serve"
#define STOP_GRACE (30 * TK_NS_PER_S)
#define MAX_FORM_BYTES ((size_t)256 << 20)

struct command {
    struct tk_arena arena; /* of the words */
    struct tk_vllm_opts o;
    struct tk_opt_result res;
    struct tk_vllm v;
    struct tk_tokens tokens; /* its tokenizer is NULL without one */
    struct tk_chat *chat;
    struct tk_cli_hub hub;
    struct tk_plan plan;
    struct tk_target target;
    struct tk_session session;
    struct tk_vllm_files files;
    struct tk_vllm_form form;              /* of the result; there from the run on */
    struct tk_vllm_counters before, after; /* of the server */
    struct tk_vllm_decoding decoding;
    bool has_counters;
    struct tk_plan server; /* how to get to it, and its headers, before the plan is there */
    struct tk_vllm_align align;
    struct tk_vllm_ready ready;
    bool has_asked; /* the server for its model */
    bool has_begun; /* the measured load, of a run that goes on: once more */
    struct tk_resuming resuming;
    bool has_resuming; /* a run goes on */
    bool has_v, has_target, has_session, has_hub;
    bool has_output; /* standard output still takes something */
};

/* --- words --- */

/* How many words in front name the command: 0 … 3; -1: another command of the tool. */
static int skip_name(int argc, char **argv)
{
    int n = 1;

    if (argc > n && strcmp(argv[n], "bench") == 0)
        n++;
    else if (argc > n && argv[n][0] != '-')
        return -1;
    if (n == 2 && (argc == n || strcmp(argv[n], "serve") != 0))
        return -1;
    return n == 2 ? 2 : 0;
}

static bool asks_version(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0);
}

/* Scripts look for vLLM's on standard output. */
static int put_version(void)
{
    tk_say("vllm", "this is tokmark " TK_VERSION
                   ", which stands in for 'vllm bench serve' of vLLM " TK_VLLM_VERSION " alone");
    return tk_put("vllm", TK_STR(TK_VLLM_VERSION "\n")) ? TK_EXIT_OK : TK_EXIT_FAILED;
}

static int other_command(int argc, char **argv)
{
    const char *second = argc > 2 ? argv[2] : "";
    bool is_bench = argc > 1 && strcmp(argv[1], "bench") == 0;

    if (argc == 1)
        tk_say("tokmark vllm", "which load? 'tokmark vllm --help' lists the options");
    else if (is_bench && argc == 2)
        tk_say("tokmark vllm", "'vllm bench' what? tokmark does 'vllm bench serve'");
    else if (is_bench)
        tk_say("tokmark vllm", "of 'vllm bench' tokmark does 'serve', not '%s'", second);
    else
        tk_say("tokmark vllm",
               "'vllm %s' is vLLM's own; tokmark stands in for 'vllm bench serve' alone. If vLLM "
               "itself was meant, a link named 'vllm' that points to tokmark is in its way",
               argv[1]);
    return TK_EXIT_USAGE;
}

static int fail_resume(const char *path, const struct tk_err *err)
{
    tk_say(PROGRAM, "cannot go on with '%s': %s", path, err->msg);
    return TK_EXIT_USAGE;
}

/* Take the words of the file and those given now for the command line. -1: go on. */
static int recall(struct command *c, int argc, char **argv)
{
    struct tk_err err = { 0 };
    const char *path = c->o.resume;

    if (c->o.dry_run) {
        tk_say(PROGRAM, "'--resume' goes on in its file: leave '--dry-run' out");
        return TK_EXIT_USAGE;
    }
    c->has_resuming = true;
    if (tk_vllm_recall(&c->resuming, path, &c->res, argc, argv, &err) != 0)
        return fail_resume(path, &err);
    tk_opt_release(&tk_vllm_command, &c->o, &c->res);
    c->o = (struct tk_vllm_opts){ 0 };
    int status = tk_parse(&tk_vllm_command, c->resuming.argc, c->resuming.argv, &c->o, &c->res);
    c->o.prepare_all = true; /* what is left may begin anywhere */
    return status;
}

static int parse_words(struct command *c, int argc, char **argv)
{
    struct tk_err err = { 0 };
    char **joined;
    int n = skip_name(argc, argv);

    if (n < 0 || argc == 1)
        return other_command(argc, argv);
    if (tk_vllm_join(argc - n, argv + n, &c->arena, &argc, &joined, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    int status = tk_parse(&tk_vllm_command, argc, joined, &c->o, &c->res);
    return status < 0 && c->o.resume ? recall(c, argc, joined) : status;
}

/* "bench-" and eight random digits, anew at each start. */
static int make_id_prefix(struct command *c)
{
    uint32_t number;
    char text[32];

    if (c->o.request_id_prefix)
        return TK_EXIT_OK;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        number = (uint32_t)tk_clock_wall();
    (void)snprintf(text, sizeof(text), "bench-%08x-", number);
    c->o.request_id_prefix = tk_arena_dup(&c->arena, tk_str_of(text));
    return c->o.request_id_prefix ? TK_EXIT_OK : TK_EXIT_FAILED;
}

/* --- before the run --- */

static void put(struct command *c, struct tk_str text)
{
    if (c->has_output)
        c->has_output = tk_put(PROGRAM, text);
}

static void put_line(struct command *c, const char *fmt, ...) TK_PRINTF(2, 3);
static void put_line(struct command *c, const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    size_t len = TK_MIN((size_t)n, sizeof(line) - 2);
    line[len++] = '\n';
    put(c, (struct tk_str){ line, len });
}

static void put_namespace(struct command *c)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    if (tk_vllm_namespace(&c->o, c->res.is_given, &out) == 0)
        put(c, tk_buf_str(&out));
    tk_buf_release(&out);
}

static void put_alignment(struct command *c)
{
    const struct tk_vllm_align *a = &c->align;

    if (tk_vllm_aligns(&c->v) && !a->was_asked)
        tk_say(PROGRAM, "--align-tokens has no effect: a prompt is several texts");
    if (a->is_unavailable)
        put_line(c, "WARNING: /tokenize unavailable, skipping alignment.");
    if (a->is_mismatch)
        put_line(c,
                 "WARNING: tokenizer mismatch (server=%llu, expected=%llu), re-aligning prompts.",
                 (unsigned long long)a->n_server, (unsigned long long)a->n_expected);
    if (a->n_failed > 0)
        tk_say(PROGRAM, "%llu prompts could not be aligned, and stay as they are",
               (unsigned long long)a->n_failed);
}

static void put_surplus(const struct command *c)
{
    if (c->v.n_surplus != 0)
        tk_say(PROGRAM,
               "Across all generated prompts, there were %lld %s tokens than expected after "
               "decoding and re-encoding. This is expected due to the imperfect nature of the "
               "sampling procedure.",
               llabs((long long)c->v.n_surplus), c->v.n_surplus > 0 ? "more" : "fewer");
}

/* Options that do nothing, and why; each is said once. */
static void put_idle_options(const struct command *c)
{
    const struct {
        bool is_given;
        const char *option, *why;
    } idle[] = {
        { c->o.trust_remote_code, "trust-remote-code", "tokmark runs no code of a model" },
        { c->o.use_beam_search, "use-beam-search", "vLLM does not read it" },
        { tk_vllm_given(&c->v, "common-prefix-len"), "common-prefix-len", "vLLM does not read it" },
        { !c->o.plot_timeline && tk_vllm_given(&c->v, "timeline-itl-thresholds"),
          "timeline-itl-thresholds", "there is no --plot-timeline" },
        { c->o.align_tokens && !tk_vllm_aligns(&c->v), "align-tokens",
          "it is for random and prefix_repetition" },
        { !c->o.ramp_up_strategy && tk_vllm_given(&c->v, "ramp-up-start-rps"), "ramp-up-start-rps",
          "there is no --ramp-up-strategy" },
        { !c->o.ramp_up_strategy && tk_vllm_given(&c->v, "ramp-up-end-rps"), "ramp-up-end-rps",
          "there is no --ramp-up-strategy" },
        { c->o.save_detailed && !c->o.save_result && !c->o.append_result, "save-detailed",
          "there is no --save-result" },
        { tk_vllm_ignores_chat(&c->v), "enable-multimodal-chat",
          "the data set does not make messages" },
        { c->o.server_counters && c->has_resuming, "server-counters",
          "those of the part before are not known" },
        { c->o.lora_modules.n == 0 && tk_vllm_given(&c->v, "lora-assignment"), "lora-assignment",
          "there are no --lora-modules" },
    };
    const char *option;
    size_t at = 0;

    for (size_t i = 0; i < TK_ARRAY_LEN(idle); i++) {
        if (idle[i].is_given)
            tk_say(PROGRAM, "--%s has no effect: %s", idle[i].option, idle[i].why);
    }
    while ((option = tk_vllm_left_out(&c->v, &at)) != NULL)
        tk_say(PROGRAM, "--%s has no effect: %s does not send it", option, c->o.backend);
}

/* Also of those that only a bound or a rate gives a meaning to. */
static void put_idle_metrics(const struct command *c)
{
    struct tk_str rest = tk_str_of(c->o.percentile_metrics ? c->o.percentile_metrics : ""), word;

    while (tk_vllm_idle_metric(&c->v, &rest, &word))
        tk_say(PROGRAM, "--percentile-metrics: this run has no '%.*s'", TK_STR_ARG(word));
}

/* Whether the environment names this host, or one that it ends with, as one without a proxy. */
static bool is_without_proxy(const char *host)
{
    const char *list = getenv("no_proxy");
    struct tk_str rest = tk_str_of(list ? list : getenv("NO_PROXY")), name;
    bool is_named = false;

    while (!is_named && tk_str_split(&rest, ',', &name)) {
        name = tk_str_trim(name);
        is_named = name.n > 0 && (tk_str_is(name, "*") || tk_str_ends(tk_str_of(host), name));
    }
    return is_named;
}

/* The tool goes through it; here connections are the client's own. */
static void put_proxy_note(const struct command *c)
{
    const char *name = c->plan.is_tls ? "https_proxy" : "http_proxy";
    const char *upper = c->plan.is_tls ? "HTTPS_PROXY" : "HTTP_PROXY";
    const char *proxy = getenv(name);

    proxy = proxy && *proxy ? proxy : getenv(upper);
    if (proxy && *proxy && !c->o.unix_path && !is_without_proxy(c->plan.host))
        tk_say(PROGRAM, "%s has no effect: connections go to the server itself", name);
}

static void put_notes(const struct command *c)
{
    put_proxy_note(c);
    if (tk_vllm_supply(&c->v))
        tk_say(PROGRAM,
               "%llu of %llu prompts are made; the load begins, and the others are made beside it "
               "(--prepare-all makes them first)",
               (unsigned long long)tk_vllm_n_made(&c->v), (unsigned long long)c->v.n_requests);
    else
        put_surplus(c);
    if (c->v.n_repeated > 0)
        tk_say(
            PROGRAM,
            "the data set has %llu rows that can be used for %llu requests: %llu of them repeat one "
            "(--no-oversample sends each row once)",
            (unsigned long long)(c->v.n_requests - c->v.n_repeated),
            (unsigned long long)c->v.n_requests, (unsigned long long)c->v.n_repeated);
    if (c->v.n_short > 0)
        tk_say(
            PROGRAM,
            "prompts that are shorter than the trace says, because their hash ids run out: %lld; "
            "--timed-trace-chunk-hash-size says how many tokens each id stands for, now %lld",
            (long long)c->v.n_short, (long long)c->o.timed_trace_chunk);
    if (c->v.n_plain > 0)
        tk_say(
            PROGRAM,
            "input lengths that are those of the messages' texts alone, because the tokenizer has no chat "
            "template for them or it refuses them: %lld",
            (long long)c->v.n_plain);
    put_idle_options(c);
    put_idle_metrics(c);
}

/* Which way of reading a tokenizer the word means; false: none that tokmark has. */
static bool find_mode(const char *word, enum tk_tokens_mode *ret)
{
    static const struct {
        const char *word;
        enum tk_tokens_mode mode;
    } modes[] = {
        { "auto", TK_TOKENS_AUTO },       { "hf", TK_TOKENS_AUTO },
        { "slow", TK_TOKENS_AUTO }, /* the same tokens, in Python */
        { "mistral", TK_TOKENS_MISTRAL }, { "deepseek_v32", TK_TOKENS_DEEPSEEK_V32 },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(modes); i++) {
        *ret = modes[i].mode;
        if (strcmp(modes[i].word, word) == 0)
            return true;
    }
    return false;
}

/* A set that needs no tokenizer does without the model's own where it cannot be had; one that was
 * asked for must be there. */
static int without_tokenizer(struct command *c, enum tk_vllm_need need, const struct tk_err *err)
{
    bool is_needed = c->o.tokenizer || need == TK_VLLM_NEEDS_TOKENIZER ||
                     need == TK_VLLM_NEEDS_CHAT || need == TK_VLLM_NEEDS_ANY_CHAT;
    struct tk_err named = { 0 };

    if (is_needed && c->o.tokenizer) {
        (void)tk_err_set(&named, err->code, "--tokenizer: %s", err->msg);
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &named);
    }
    if (is_needed) {
        (void)tk_err_set(&named, err->code,
                         "%s needs the model's tokenizer, which --tokenizer can name: %s",
                         c->o.dataset_name, err->msg);
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &named);
    }
    tk_say(PROGRAM,
           "no tokenizer (%s): prompts are sent as they are, input tokens are the server's count "
           "where it gives one; --tokenizer names one, --skip-tokenizer-init does without",
           err->msg);
    return TK_EXIT_OK;
}

static int open_chat(struct command *c, enum tk_vllm_need need)
{
    struct tk_err err = { 0 };
    int rc = tk_tokens_chat(&c->tokens, NULL, &c->chat, &err);

    if (rc == TK_E_NOT_FOUND && (need == TK_VLLM_WANTS_ANY_CHAT || need == TK_VLLM_NEEDS_ANY_CHAT))
        return TK_EXIT_OK;
    if (rc == TK_E_NOT_FOUND)
        return tk_fail(TK_EXIT_FAILED, PROGRAM,
                       &(struct tk_err){ .code = rc,
                                         .msg = "Cannot use chat template functions because "
                                                "tokenizer.chat_template is not set; custom does "
                                                "without by --skip-chat-template" });
    if (rc != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    c->v.chat = c->chat;
    return TK_EXIT_OK;
}

static int open_tokens(struct command *c)
{
    struct tk_err err = { 0 };
    enum tk_vllm_need need = tk_vllm_needs(&c->v);
    struct tk_tokens_conf conf = {
        .program = PROGRAM,
        .name = c->o.tokenizer ? c->o.tokenizer : c->o.model,
        .cleanup = TK_TOK_CLEANUP_4, /* 0.13 runs on transformers 4 */
    };

    if (need == TK_VLLM_NEEDS_NOTHING)
        return TK_EXIT_OK;
    if (!find_mode(c->o.tokenizer_mode, &conf.mode)) {
        (void)tk_err_set(
            &err, TK_E_UNSUPPORTED,
            "no tokenizer is registered for tokenizer_mode='%s': tokmark has auto, hf, "
            "slow, mistral and deepseek_v32, and runs no Python",
            c->o.tokenizer_mode);
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    }
    if (tk_tokens_open(&conf, &c->tokens, &err) != 0)
        return without_tokenizer(c, need, &err);
    c->v.tokenizer = c->tokens.tokenizer;
    return need >= TK_VLLM_WANTS_CHAT ? open_chat(c, need) : TK_EXIT_OK;
}

/* Where the data set may lie. */
static int open_hub(struct command *c)
{
    struct tk_err err = { 0 };

    c->has_hub = true;
    c->v.hub = &c->hub.conf;
    return tk_cli_hub_init(&c->hub, PROGRAM, &err) == 0 ? TK_EXIT_OK
                                                        : tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
}

static int on_items(void *owner, struct tk_items *items, struct tk_err *reterr)
{
    struct command *c = owner;

    return tk_vllm_align_items(&c->align, items, reterr);
}

/* To print what would be done no tokenizer is opened, which may be far away: where one is needed, as many
 * requests stand in the plan as were asked for. */
static int make_requests(struct command *c)
{
    struct tk_err err = { 0 };

    if (c->o.print_config && tk_vllm_needs(&c->v) != TK_VLLM_NEEDS_NOTHING) {
        tk_vllm_suppose(&c->v);
        return TK_EXIT_OK;
    }
    if (tk_vllm_aligns(&c->v)) {
        c->align = (struct tk_vllm_align){ .v = &c->v, .plan = &c->server, .arena = &c->arena };
        c->v.on_items = on_items;
        c->v.on_items_owner = c;
    }
    int status = open_tokens(c);
    if (status == TK_EXIT_OK && c->v.hf.set)
        status = open_hub(c);
    if (status == TK_EXIT_OK && tk_vllm_load(&c->v, &err) != 0)
        status = tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    if (status == TK_EXIT_OK && c->v.items.is_estimated)
        tk_say(
            PROGRAM,
            "without a tokenizer lengths are estimated, four bytes a token: by them conversations are "
            "left out, and so many tokens are asked for as the answer is thought to have");
    return status;
}

static int ask_model(struct command *c)
{
    const char *name, *model;
    struct tk_err err = { 0 };

    if (tk_vllm_server_model(&c->v, &c->server, &c->arena, &name, &model, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    tk_vllm_set_model(&c->v, &c->o, name, model);
    c->has_asked = true;
    return TK_EXIT_OK;
}

static int prepare(struct command *c)
{
    struct tk_err err = { 0 };

    c->has_v = true;
    if (tk_vllm_check(&c->v, &c->o, c->res.is_given, getenv("OPENAI_API_KEY"), &err) != 0)
        return tk_fail(c->v.exit_status, PROGRAM ": error", &err);
    if (tk_target_exact(c->v.url, c->v.base, &c->target, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    c->has_target = true;
    c->server = (struct tk_plan){ .headers = c->v.headers, .n_headers = c->v.n_headers };
    if (tk_vllm_server_plan(&c->v, &c->target, &c->arena, &c->server, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    int status = c->o.model || c->o.print_config ? TK_EXIT_OK : ask_model(c);
    if (status == TK_EXIT_OK)
        status = make_requests(c);
    if (status != TK_EXIT_OK)
        return status;
    if (tk_vllm_schedule(&c->v, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    if (tk_vllm_await(&c->v, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    tk_vllm_plan(&c->v, &c->plan);
    if (tk_vllm_server_plan(&c->v, &c->target, &c->arena, &c->plan, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err); /* it could a moment ago */
    return TK_EXIT_OK;
}

/* --- the run, as the tool tells it --- */

static void begin_check(struct command *c)
{
    put_line(c, "Starting initial single prompt test run...");
    if (c->o.ready_check_timeout_sec == 0)
        put_line(c, "Skipping endpoint ready check.");
    else
        put_line(c, "Waiting for endpoint to become up in %lld seconds",
                 (long long)c->o.ready_check_timeout_sec);
}

/* The run goes on whatever the server says to it. */
static void tell_profiler(struct command *c, bool is_start)
{
    struct tk_vllm_profiler p = { .v = &c->v, .plan = &c->plan, .session = &c->session };
    struct tk_err err = { 0 };

    put_line(c, is_start ? "Starting profiler..." : "Stopping profiler...");
    if (tk_vllm_profiler_tell(&p, is_start, &err) == 0)
        put_line(c, is_start ? "Profiler started" : "Profiler stopped");
    else
        tk_say(PROGRAM, "the profiler did not %s: %s", is_start ? "start" : "stop", err.msg);
}

/* Once they could not be had there is nothing to compare with. */
static void read_counters(struct command *c, struct tk_vllm_counters *ret)
{
    struct tk_err err = { 0 };

    c->has_counters = tk_vllm_server_counters(c->v.base, &c->plan, &c->session, ret, &err) == 0;
    if (!c->has_counters)
        tk_say(PROGRAM, "there are no counters of the server: %s", err.msg);
}

/* Those of the run's end, and both into the run file. */
static void end_counters(struct command *c)
{
    struct tk_buf json = TK_BUF_INIT(1 << 20);

    read_counters(c, &c->after);
    int rc = c->has_counters ? tk_vllm_counters_write(&c->before, &c->after, &json) : 0;
    if (rc == 0 && c->has_counters)
        rc = tk_sink_put_fact(c->session.sink, TK_VLLM_FACT_COUNTERS, tk_buf_str(&json));
    if (rc != 0)
        tk_say(PROGRAM, "the run file lacks the counters of the server");
    tk_buf_release(&json);
}

/* How the load arrives. */
static void say_traffic(struct command *c)
{
    struct tk_buf rate = TK_BUF_INIT(64), burstiness = TK_BUF_INIT(64);

    tk_vllm_float(c->o.request_rate, &rate);
    tk_vllm_float(c->o.burstiness, &burstiness);
    if (c->o.ramp_up_strategy) {
        put_line(c, "Traffic ramp-up strategy: %s.", c->o.ramp_up_strategy);
        put_line(c, "Will increase RPS from %lld to %lld RPS over the duration of the benchmark.",
                 (long long)c->o.ramp_up_start_rps, (long long)c->o.ramp_up_end_rps);
    } else {
        put_line(c, "Traffic request rate: %s", rate.p);
    }
    put_line(c, "Burstiness factor: %s (%s)", burstiness.p,
             c->o.burstiness == 1.0 ? "Poisson process" : "Gamma distribution");
    if (tk_vllm_given(&c->v, "max-concurrency"))
        put_line(c, "Maximum request concurrency: %lld", (long long)c->o.max_concurrency);
    else
        put_line(c, "Maximum request concurrency: None");
    tk_buf_release(&rate);
    tk_buf_release(&burstiness);
}

static void begin_measure(struct command *c)
{
    struct tk_buf rate = TK_BUF_INIT(64);

    c->has_begun = true;
    put_line(c, "Starting main benchmark run...");
    if (c->o.profile)
        tell_profiler(c, true);
    if (tk_vllm_is_self_timed(&c->v))
        put_line(c, "Self timing is set, using the timestamps from the trace file.");
    else
        say_traffic(c);
    tk_vllm_float(c->o.probe_request_rate, &rate);
    if (c->o.probe_request_rate > 0)
        put_line(c, "Probe request rate: %s req/s", rate.p);
    tk_buf_release(&rate);
    if (c->o.server_counters && !c->has_resuming)
        read_counters(c, &c->before);
}

static void on_phase(void *owner, enum tk_phase phase, bool is_begin)
{
    struct command *c = owner;

    if (phase == TK_PHASE_CHECK && is_begin)
        begin_check(c);
    else if (phase == TK_PHASE_CHECK)
        put_line(c, "Initial test run completed.");
    else if (phase == TK_PHASE_MEASURE && is_begin)
        begin_measure(c);
    else if (phase == TK_PHASE_MEASURE && c->has_counters)
        end_counters(c);
    else if (phase == TK_PHASE_WARMUP && c->o.num_warmups > 0 && is_begin)
        put_line(c, "Warming up with %lld requests...", (long long)c->o.num_warmups);
    else if (phase == TK_PHASE_WARMUP && c->o.num_warmups > 0)
        put_line(c, "Warmup run completed.");
}

static void on_not_ready(void *owner, const struct tk_record *why, tk_ns dur)
{
    struct command *c = owner;

    tk_vllm_ready_tell(&c->ready, why, dur);
}

static struct tk_load_conf sent_of(const struct command *c)
{
    return (struct tk_load_conf){
        .plan = &c->plan,
        .api = tk_api_find(c->plan.api),
        .bodies = c->v.bodies,
        .n_bodies = (uint32_t)c->v.n_bodies,
        .order = c->v.order,
        .n_order = (uint32_t)c->v.n_requests,
        .first = c->v.check_body,
        .supply = tk_vllm_supply(&c->v),
    };
}

static struct tk_session_conf session_conf(struct command *c)
{
    return (struct tk_session_conf){
        .program = PROGRAM,
        .load = sent_of(c),
        .run_path = c->files.run_path.p,
        .progress = c->o.disable_tqdm ? TK_PROGRESS_OFF : TK_PROGRESS_AUTO,
        .check_timeout = c->o.ready_check_timeout_sec * TK_NS_PER_S,
        .stop_grace = STOP_GRACE,
        .probe = c->v.probe.json.p ? &c->v.probe : NULL,
        .resume = c->has_resuming ? &c->resuming.from : NULL,
        .past = c->has_resuming ? &c->resuming.past : NULL,
        .planned = c->resuming.planned,
        .on_not_ready = on_not_ready,
        .on_phase = on_phase,
        .owner = c,
    };
}

/* --- the result --- */

/* What tokmark has to add; --plain leaves it out. Of a strict run the verdict is in the status. */
static int put_own(struct command *c, struct tk_records *records, int status)
{
    static const struct tk_result_opts opts = { .percentiles = { 50, 90, 99 },
                                                .n_percentiles = 3,
                                                .leaves_gaps_out = true };
    struct tk_result result = {
        .program = PROGRAM,
        .opts = &opts,
        .facts = &c->session.facts,
        .run_path = c->files.run_path.n > 0 ? c->files.run_path.p : NULL,
        .json_path = c->files.result_path.n > 0 ? c->files.result_path.p : NULL,
        .is_strict = c->o.strict,
    };
    struct tk_err err = { 0 };
    struct tk_verdict verdict;
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    int rc = tk_result_add_own(&result, records, &out, &verdict, &err);
    if (rc == 0 && !c->o.plain)
        put(c, tk_buf_str(&out));
    tk_buf_release(&out);
    return rc == 0 ? tk_result_strict(&result, &verdict, status)
                   : tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
}

static void warn(const struct command *c, const struct tk_vllm_form *form,
                 const struct tk_vllm_figures *f)
{
    const struct tk_load_totals *t = &c->session.facts.totals[TK_PHASE_MEASURE];

    if (c->session.facts.is_interrupted)
        tk_say(PROGRAM, "stopped by %s: %llu of %llu requests were sent, the figures are theirs",
               c->session.facts.is_terminated ? "SIGTERM" : "Ctrl-C", (unsigned long long)t->sent,
               (unsigned long long)t->planned);
    if (f->completed == 0)
        tk_say(PROGRAM,
               "UserWarning: All requests failed. This is likely due to a misconfiguration on "
               "the benchmark arguments.");
    if (f->n_cancelled > 0)
        tk_say(PROGRAM, "%llu of the failed requests were given up by tokmark itself",
               (unsigned long long)f->n_cancelled);
    if (f->n_uncounted > 0)
        tk_say(PROGRAM, "the server did not count the tokens of %llu replies: %s",
               (unsigned long long)f->n_uncounted, tk_vllm_instead_of_counts(form));
}

/* What the form lacks until the run is over. */
static void end_form(struct command *c)
{
    const struct tk_facts *f = &c->session.facts;

    tk_vllm_form_span(&c->form, &f->totals[TK_PHASE_MEASURE], f->wall_begin);
    if (c->has_counters) {
        tk_vllm_decoding_of(&c->before, &c->after, c->form.duration_s, &c->decoding);
        c->form.decoding = &c->decoding;
    }
}

static int put_result(struct command *c, struct tk_records *records)
{
    struct tk_err err = { 0 };
    struct tk_vllm_figures figures;
    const struct tk_vllm_form *form = &c->form;
    struct tk_buf block = TK_BUF_INIT(1 << 20);
    int status = TK_EXIT_OK;

    if (tk_vllm_figures(records, form, &figures, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    warn(c, form, &figures);
    if (tk_vllm_block(form, &figures, &block) == 0)
        put(c, tk_buf_str(&block));
    tk_buf_reset(&block);
    if (tk_vllm_files_save(&c->files, &c->v, form, &figures, &block, &err) != 0)
        status = tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    put(c, tk_buf_str(&block));
    if (c->o.profile && c->has_session) /* the result is safe by now */
        tell_profiler(c, false);
    if (!c->o.plain || c->o.strict)
        status = put_own(c, records, status);
    tk_buf_release(&block);
    tk_vllm_figures_release(&figures);
    return status;
}

static int report(struct command *c)
{
    struct tk_err err = { 0 };
    struct tk_records *records = NULL;

    end_form(c);
    if (tk_sink_records(c->session.sink, &records, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    int status = put_result(c, records);
    tk_records_free(records);
    return status;
}

/* --- all together --- */

/* Why the check failed, from the records. */
static void say_check(struct command *c)
{
    struct tk_records *records = NULL;
    struct tk_record_view view;
    struct tk_buf why = TK_BUF_INIT(4096);

    if (!c->session.sink || tk_sink_records(c->session.sink, &records, NULL) != 0)
        return;
    while (tk_records_next(records, &view, NULL) > 0) {
        if (view.rec.phase != TK_PHASE_CHECK)
            continue;
        tk_buf_reset(&why);
        tk_vllm_put_error(&view.rec, &why);
    }
    tk_records_free(records);
    tk_say(
        PROGRAM,
        "ValueError: Initial test run failed - Please make sure benchmark arguments are correctly "
        "specified. Error: %s",
        why.p ? why.p : "");
    tk_buf_release(&why);
}

/* The run, with what a report of it is to say in its file, and what a later --resume needs. */
static int run_with_facts(struct command *c, struct tk_err *reterr)
{
    struct tk_session_conf conf = session_conf(c);
    struct tk_buf form = TK_BUF_INIT(MAX_FORM_BYTES), words = TK_BUF_INIT(MAX_FORM_BYTES);
    char hash[TK_RUN_HASH_BYTES] = "";

    tk_vllm_form(&c->v, &c->form);
    int rc = tk_vllm_form_write(&c->form, &form);
    if (rc == 0)
        rc = tk_vllm_words(&c->o, c->res.is_given, &words);
    if (c->files.run_path.n > 0 && !c->has_resuming)
        tk_resumable_hash(&conf.load, hash);
    struct tk_sink_fact facts[] = {
        { TK_VLLM_FACT_FORM, tk_buf_str(&form) },
        { "words", tk_buf_str(&words) },
        { "load_hash", tk_str_of(hash) },
    };
    conf.facts = facts;
    conf.n_facts = TK_ARRAY_LEN(facts);
    rc = rc < 0 ? tk_err_set(reterr, rc, "what the run file says could not be written down: %s",
                             tk_err_text(rc))
                : tk_session_run(&c->session, &conf, reterr);
    tk_buf_release(&form);
    tk_buf_release(&words);
    return rc;
}

/* The run, and the end of making prompts beside it. 0, or the first thing that went wrong. */
static int run_session(struct command *c, struct tk_err *reterr)
{
    struct tk_err err = { 0 };
    bool was_beside = tk_vllm_supply(&c->v);
    int rc = run_with_facts(c, reterr);
    int made = tk_vllm_end_making(&c->v, &err);

    if (was_beside)
        put_surplus(c);
    if (rc == 0 && made != 0)
        *reterr = err;
    return rc ? rc : made;
}

static int load(struct command *c)
{
    struct tk_err err = { 0 };
    int status = TK_EXIT_OK;

    if (tk_vllm_files_choose(&c->files, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    c->has_session = true;
    c->ready = (struct tk_vllm_ready){ .program = PROGRAM, .v = &c->v };
    int rc = tk_session_init(&c->session, &c->plan, &err);
    if (rc != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    rc = run_session(c, &err);
    if (c->has_begun && c->session.facts.wall_begin != 0 && c->session.sink)
        status = report(c);
    else if (c->files.run_path.n > 0 && !c->has_resuming)
        (void)unlink(c->files.run_path.p); /* nothing was measured */
    if (c->session.facts.is_interrupted)
        return TK_EXIT_INTERRUPTED;
    if (rc == 0)
        return c->has_output ? status : TK_EXIT_FAILED;
    if (!c->has_begun && rc == TK_E_NOT_FOUND)
        say_check(c);
    else
        (void)tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    return TK_EXIT_FAILED;
}

static int dry_run(struct command *c)
{
    struct tk_load_conf conf = sent_of(c);

    return tk_put_dry_run(PROGRAM, &conf, c->v.n_requests);
}

/* --- going on with a run that was cut --- */

/* What the form needs of a run that came to its end. */
static int read_whole(struct command *c, struct tk_records *records, struct tk_err *reterr)
{
    tk_facts_get(records, &c->session.facts);
    if (!c->session.facts.has_totals)
        return tk_err_set(reterr, TK_E_FORMAT, "it lacks the totals of the run");
    tk_vllm_form(&c->v, &c->form);
    end_form(c);
    int rc = tk_vllm_decoding_read(records, c->form.duration_s, &c->decoding);
    c->form.decoding = rc > 0 ? &c->decoding : NULL;
    return rc < 0 ? tk_err_set(reterr, rc, "the server's counters in it cannot be read: %s",
                               tk_err_text(rc))
                  : 0;
}

/* Nothing is left: the result, as the run printed it. */
static int report_whole(struct command *c)
{
    struct tk_err err = { 0 };
    struct tk_records *records = NULL;

    if (c->o.append_result) /* it has it already, behind those of other runs */
        c->o.append_result = c->o.save_result = false;
    if (tk_vllm_files_choose(&c->files, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    if (tk_runfile_open(c->o.resume, &records, &err) != 0)
        return fail_resume(c->o.resume, &err);
    int status = TK_EXIT_USAGE;
    if (read_whole(c, records, &err) != 0) {
        (void)fail_resume(c->o.resume, &err);
    } else {
        tk_say(PROGRAM, "the run in '%s' came to its end: nothing was left to send", c->o.resume);
        status = put_result(c, records);
    }
    tk_records_free(records);
    return status;
}

static int go_on(struct command *c)
{
    struct tk_load_conf sent = sent_of(c);
    struct tk_err err = { 0 };

    if (tk_vllm_rest(&c->resuming, &sent, &c->plan, &err) != 0)
        return fail_resume(c->o.resume, &err);
    if (c->resuming.is_whole)
        return report_whole(c);
    tk_say(PROGRAM, "going on with '%s': %llu requests have ended, %llu are left", c->o.resume,
           (unsigned long long)c->resuming.from.n_ended,
           (unsigned long long)c->plan.phase[TK_PHASE_MEASURE].n_requests);
    return load(c);
}

static int run_command(struct command *c)
{
    struct tk_err err = { 0 };
    int status = make_id_prefix(c);

    int rc = status == TK_EXIT_OK ? tk_vllm_files_check(&c->files, &err) : 0;
    if (rc != 0)
        status = tk_fail(rc == TK_E_NOT_FOUND ? TK_EXIT_FAILED : TK_EXIT_USAGE, PROGRAM, &err);
    if (status == TK_EXIT_OK)
        status = prepare(c);
    if (status == TK_EXIT_OK && c->o.print_config)
        return tk_put_config(&tk_vllm_command, &c->o, &c->res, &c->plan);
    if (status != TK_EXIT_OK || c->o.dry_run)
        return status == TK_EXIT_OK ? dry_run(c) : status;
    put_namespace(c);
    if (c->has_asked) {
        put_line(c, "Model not specified, fetching first model from server...");
        put_line(c, "First model name: %s, first model id: %s", c->v.served_model, c->o.model);
    }
    put_alignment(c);
    put_notes(c);
    return c->has_resuming ? go_on(c) : load(c);
}

static void release(struct command *c)
{
    if (c->has_session)
        tk_session_release(&c->session);
    if (c->has_target)
        tk_target_release(&c->target);
    if (c->has_v)
        tk_vllm_release(&c->v);
    if (c->has_hub)
        tk_cli_hub_release(&c->hub);
    tk_chat_free(c->chat);
    tk_tokens_release(&c->tokens);
    tk_vllm_files_release(&c->files);
    tk_opt_release(&tk_vllm_command, &c->o, &c->res);
    if (c->has_resuming) /* its words were the values' */
        tk_resuming_release(&c->resuming);
    tk_arena_release(&c->arena);
}

static int run(int argc, char **argv)
{
    struct command c = { .has_output = true };

    tk_arena_init(&c.arena, 0);
    tk_vllm_files_init(&c.files, PROGRAM, &c.o);
    int status = asks_version(argc, argv) ? put_version() : parse_words(&c, argc, argv);
    if (status < 0)
        status = run_command(&c);
    release(&c);
    return status;
}

const struct tk_command tk_cmd_vllm = {
    .name = "vllm",
    .about = "the words of `vllm bench serve`",
    .opts = &tk_vllm_command,
    .run = run,
    .tells_version = true,
};
