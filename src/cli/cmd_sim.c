/* cmd_sim.c - `tokmark sim`: the simulated server alone
 *
 * The first line on standard output says where it listens, so that whoever started it can wait for
 * that. It ends on SIGTERM and SIGINT, with 0 and a summary on standard error.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/places.h"
#include "ev/loop.h"
#include "ev/signals.h"
#include "net/tls.h"
#include "opt/opt.h"
#include "sim/sim.h"

#define PROGRAM "tokmark sim"

struct values {
    const char *host, *unix_path;
    int64_t port;
    tk_ns ttft, itl;
    int64_t tokens, chunk, reasoning, seed, max_model_len, bytes_per_token;
    const char *jitter, *usage, *model, *words;
    bool has_role_chunk, is_tool;
    const char *engine, *faults;
    tk_ns idle_close;
    struct tk_sim_engine costs;
    bool has_no_prefix_cache;
    const char *log, *api_key_env, *cert, *key, *cert_out, *client_ca;
    bool logs_bodies, is_tls, is_quiet, is_with_parent, prints_config;
};

#define AT(member) offsetof(struct values, member)

/* clang-format off */
static const struct tk_opt opts[] = {
    { .name = "host", .type = TK_OPT_STR, .at = AT(host), .value = "HOST", .def = "127.0.0.1",
      .group = "Server", .help = "address to listen on" },
    { .name = "port", .letter = 'p', .type = TK_OPT_INT, .at = AT(port), .value = "PORT",
      .def = "8000", .min = 0, .max = 65535, .is_plain = true, .group = "Server",
      .help = "port to listen on; 0 takes a free one, which the first line of output tells" },
    { .name = "unix", .type = TK_OPT_STR, .at = AT(unix_path), .value = "FILE", .group = "Server",
      .help = "listen on this Unix socket instead, @name for an abstract one" },
    { .name = "tls", .type = TK_OPT_FLAG, .at = AT(is_tls), .group = "Server",
      .help = "serve https, with a certificate made for the occasion unless --cert gives one" },
    { .name = "cert", .type = TK_OPT_STR, .at = AT(cert), .value = "FILE", .group = "Server",
      .help = "certificate chain to serve https with, PEM" },
    { .name = "key", .type = TK_OPT_STR, .at = AT(key), .value = "FILE", .group = "Server",
      .help = "private key of --cert, PEM" },
    { .name = "cert-out", .type = TK_OPT_STR, .at = AT(cert_out), .value = "FILE",
      .group = "Server", .help = "write the certificate in use there, for clients to trust" },
    { .name = "tls-client-ca", .type = TK_OPT_STR, .at = AT(client_ca), .value = "FILE",
      .group = "Server",
      .help = "serve only clients that show a certificate of the authorities in this file, PEM" },
    { .name = "api-key-env", .type = TK_OPT_STR, .at = AT(api_key_env), .value = "NAME",
      .group = "Server",
      .help = "ask clients for the API key in this environment variable; 401 without it" },
    { .name = "with-parent", .type = TK_OPT_FLAG, .at = AT(is_with_parent), .group = "Server",
      .help = "end when the process that started it does" },

    { .name = "ttft", .type = TK_OPT_DUR, .at = AT(ttft), .value = "DUR", .def = "50ms", .min = 0,
      .max = 3600, .group = "Answers",
      .help = "time from a request's last byte to the first token" },
    { .name = "itl", .type = TK_OPT_DUR, .at = AT(itl), .value = "DUR", .def = "10ms", .min = 0,
      .max = 3600, .group = "Answers", .help = "time from each event to the next" },
    { .name = "jitter", .type = TK_OPT_CHOICE, .at = AT(jitter), .value = "KIND", .def = "none",
      .choices = "none exponential uniform", .group = "Answers",
      .help = "distribution of the gaps around their mean --itl" },
    { .name = "seed", .type = TK_OPT_INT, .at = AT(seed), .value = "N", .def = "0", .min = 0,
      .max = 9e15, .group = "Answers", .help = "seed of --jitter, of drafts and of --fault: the same gives the same again" },
    { .name = "tokens", .letter = 'n', .type = TK_OPT_INT, .at = AT(tokens), .value = "N",
      .def = "100", .min = 0, .max = 1e7, .group = "Answers",
      .help = "length of an answer to a request that has no max_tokens" },
    { .name = "chunk", .type = TK_OPT_INT, .at = AT(chunk), .value = "N", .def = "1", .min = 1,
      .max = 4096, .group = "Answers", .help = "tokens in each event" },
    { .name = "role-chunk", .type = TK_OPT_FLAG, .at = AT(has_role_chunk), .group = "Answers",
      .help = "open a chat's stream with an event that has the role alone, at once" },
    { .name = "reasoning", .type = TK_OPT_INT, .at = AT(reasoning), .value = "N", .def = "0",
      .min = 0, .max = 1e7, .group = "Answers",
      .help = "so many of a chat's tokens come first, as reasoning" },
    { .name = "tool-call", .type = TK_OPT_FLAG, .at = AT(is_tool), .group = "Answers",
      .help = "answer chats with a tool call" },
    { .name = "usage", .type = TK_OPT_CHOICE, .at = AT(usage), .value = "WHEN", .def = "asked",
      .choices = "asked final continuous none", .group = "Answers",
      .help = "when to tell the usage: as asked, always at the end, in every event, never" },
    { .name = "words", .type = TK_OPT_STR, .at = AT(words), .value = "WORDS", .def = "token",
      .group = "Answers", .help = "what tokens say, in turn; words separated by spaces" },
    { .name = "model", .type = TK_OPT_STR, .at = AT(model), .value = "NAME", .def = "sim",
      .group = "Answers", .help = "name of the model" },
    { .name = "max-model-len", .type = TK_OPT_INT, .at = AT(max_model_len), .value = "N",
      .def = "131072", .min = 1, .max = 1e9, .group = "Answers",
      .help = "context length that /v1/models tells" },
    { .name = "bytes-per-token", .type = TK_OPT_INT, .at = AT(bytes_per_token), .value = "N",
      .def = "4", .min = 1, .max = 1e6, .group = "Answers",
      .help = "how many bytes of a prompt count as one token" },

    { .name = "engine", .type = TK_OPT_CHOICE, .at = AT(engine), .value = "KIND", .def = "fixed",
      .choices = "fixed batching", .group = "Engine",
      .help = "how answers are timed: fixed, each by --ttft and --itl alone; batching, by an engine "
              "that steps many together, as below; its defaults resemble an 8B model on a GPU with "
              "40 GB at 1.5 TB/s" },
    { .name = "max-batch", .type = TK_OPT_INT, .at = AT(costs.max_batch), .value = "N",
      .unit = "sequences", .def = "256", .min = 1, .max = 1e6, .group = "Engine",
      .help = "most sequences that run at once; others wait in the order of their arrival" },
    { .name = "step-tokens", .type = TK_OPT_INT, .at = AT(costs.step_tokens), .value = "N",
      .unit = "tokens", .def = "2048", .min = 1, .max = 1e9, .group = "Engine",
      .help = "most tokens of a step: one for each sequence that decodes, the rest for prefill, "
              "which is cut to fit" },
    { .name = "step-base", .type = TK_OPT_DUR, .at = AT(costs.base_dur), .value = "DUR",
      .def = "11ms", .min = 1e-6, .max = 3600, .group = "Engine", .help = "cost of any step" },
    { .name = "step-per-sequence", .type = TK_OPT_DUR, .at = AT(costs.seq_dur), .value = "DUR",
      .def = "30us", .min = 0, .max = 3600, .group = "Engine",
      .help = "cost of each sequence that decodes in a step" },
    { .name = "step-per-token", .type = TK_OPT_DUR, .at = AT(costs.token_dur), .value = "DUR",
      .def = "90ns", .min = 0, .max = 1, .group = "Engine",
      .help = "cost of each token in the cache that these sequences read" },
    { .name = "prefill-rate", .type = TK_OPT_DOUBLE, .at = AT(costs.prefill_rate), .value = "RATE",
      .unit = "tokens/s", .def = "10000", .min = 1e-3, .max = 1e12, .group = "Engine",
      .help = "how fast prompts are computed, besides the cost of the step" },
    { .name = "cache-blocks", .type = TK_OPT_INT, .at = AT(costs.n_blocks), .value = "N",
      .unit = "blocks", .def = "8192", .min = 1, .max = 268435456, .group = "Engine",
      .help = "size of the cache; a request waits until its prompt has room, and the youngest "
              "starts anew when a token finds none" },
    { .name = "block-tokens", .type = TK_OPT_INT, .at = AT(costs.block_tokens), .value = "N",
      .unit = "tokens", .def = "16", .min = 1, .max = 1e6, .group = "Engine",
      .help = "tokens in a block of the cache" },
    { .name = "no-prefix-cache", .type = TK_OPT_FLAG, .at = AT(has_no_prefix_cache),
      .group = "Engine", .help = "compute each prompt anew, whatever prefix it shares" },
    { .name = "drafts", .type = TK_OPT_INT, .at = AT(costs.n_drafts), .value = "N",
      .unit = "tokens", .def = "0", .min = 0, .max = 16, .group = "Engine",
      .help = "speculative decoding: tokens drafted for each sequence in each step" },
    { .name = "acceptance", .type = TK_OPT_DOUBLE, .at = AT(costs.acceptance), .value = "P",
      .def = "0.7", .min = 0, .max = 1, .group = "Engine",
      .help = "probability that a draft is right when those before it were" },
    { .name = "draft-cost", .type = TK_OPT_DUR, .at = AT(costs.draft_dur), .value = "DUR",
      .def = "1ms", .min = 0, .max = 3600, .group = "Engine",
      .help = "cost of each draft, once a step" },

    { .name = "fault", .type = TK_OPT_STR, .at = AT(faults), .value = "MIX", .group = "Faults",
      .help = "shares of the requests that get knobs besides, as in "
              "'status=503:5%,reset_at=3+head_gap=1ms:2%'; exact in every hundred requests, in an "
              "order that depends on --seed" },
    { .name = "idle-close", .type = TK_OPT_DUR, .at = AT(idle_close), .value = "DUR", .def = "0",
      .min = 0, .max = 3600, .group = "Faults",
      .help = "close a connection that is idle for so long; 0: never" },

    { .name = "log", .type = TK_OPT_STR, .at = AT(log), .value = "FILE", .group = "Log",
      .help = "write there, as JSON lines, what was really done and when" },
    { .name = "log-bodies", .type = TK_OPT_FLAG, .at = AT(logs_bodies), .group = "Log",
      .help = "with the bodies of the requests" },
    { .name = "print-config", .type = TK_OPT_FLAG, .at = AT(prints_config), .group = "Log",
      .help = "print the options and where each comes from as JSON; serve nothing" },
    { .name = "quiet", .letter = 'q', .type = TK_OPT_FLAG, .at = AT(is_quiet), .group = "Log",
      .help = "no summary at the end" },
};
/* clang-format on */

static const struct tk_opt_command command = {
    .name = PROGRAM,
    .synopsis = "[options]",
    .about = "A server that speaks the OpenAI words and answers on a known schedule. Each request "
             "may change how it is answered, in its header x-sim, its query (?sim=) or the key "
             "\"sim\" of its body: ttft, itl, jitter, tokens, chunk, role, reasoning, tool, usage, "
             "events_per_write, cut_every, cut_gap, cut_random, status, retry_after, error_at, "
             "reset_at, close_at, stall_at, cut_at, reset_byte, close_byte, stall_byte, malformed, "
             "malformed_at, head_gap, length, endless, nodone, gzip, gzip_garbage, idle_close, "
             "close. It has /metrics, /tokenize and /detokenize in vLLM's form.",
    .examples = "tokmark sim --port 0 --ttft 30ms --itl 5ms --log sim.jsonl\n"
                "tokmark sim --engine batching --max-batch 64 --drafts 3\n"
                "curl -H 'x-sim: ttft=1s,tokens=3' -d '{\"prompt\":\"hi\",\"stream\":true}' "
                "localhost:8000/v1/completions",
    .opts = opts,
    .n_opts = TK_ARRAY_LEN(opts),
};

struct server {
    struct tk_loop *loop;
    struct tk_signals *signals;
    struct tk_tls *tls;
    struct tk_sim *sim;
};

/* Index of the word in "a b c"; the parser has checked that it is there. */
static int64_t choice_of(const char *choices, const char *word)
{
    struct tk_str rest = tk_str_of(choices), part;
    int64_t i = 0;

    while (tk_str_split(&rest, ' ', &part) && !tk_str_is(part, word))
        i++;
    return i;
}

static const char *choices_of(const char *name)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(opts); i++) {
        if (strcmp(opts[i].name, name) == 0)
            return opts[i].choices;
    }
    return "";
}

static void on_signal(void *owner, int signo)
{
    (void)signo;
    tk_loop_stop(owner);
}

/* Every stream is a descriptor: take what the system allows. */
static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Ask for SIGTERM when `parent` ends; false when it has ended already. */
static bool tie_to_parent(pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent;
}

static int make_tls(const struct values *v, struct tk_tls **ret, struct tk_err *reterr)
{
    struct tk_tls_conf conf = { .cert_file = v->cert,
                                .key_file = v->key,
                                .client_ca_file = v->client_ca };
    int rc;

    if (!v->is_tls && !v->cert)
        return 0;
    rc = tk_tls_new_server(&conf, ret, reterr);
    if (rc == 0 && v->cert_out)
        rc = tk_tls_write_cert(*ret, v->cert_out, reterr);
    return rc;
}

static int make_sim(const struct values *v, struct server *s, struct tk_err *reterr)
{
    struct tk_sim_conf conf = {
        .loop = s->loop,
        .host = v->host,
        .port = (uint16_t)v->port,
        .unix_path = v->unix_path,
        .tls = s->tls,
        .knobs = TK_SIM_KNOBS_DEFAULT,
        .is_batching = strcmp(v->engine, "batching") == 0,
        .engine = v->costs,
        .faults = v->faults,
        .model = v->model,
        .max_model_len = v->max_model_len,
        .words = v->words,
        .bytes_per_token = v->bytes_per_token,
        .seed = (uint64_t)v->seed,
        .log_path = v->log,
        .logs_bodies = v->logs_bodies,
    };

    if (v->api_key_env) {
        conf.api_key = getenv(v->api_key_env);
        if (!conf.api_key || !conf.api_key[0])
            return tk_err_set(reterr, TK_E_NOT_FOUND, "the environment has no key in '%s'",
                              v->api_key_env);
    }
    conf.engine.has_no_prefix_cache = v->has_no_prefix_cache;
    conf.knobs.idle_close = v->idle_close;
    conf.knobs.ttft_dur = v->ttft;
    conf.knobs.itl_dur = v->itl;
    conf.knobs.jitter = choice_of(choices_of("jitter"), v->jitter);
    conf.knobs.n_tokens = v->tokens;
    conf.knobs.chunk = v->chunk;
    conf.knobs.role = v->has_role_chunk ? TK_SIM_ROLE_AT_ONCE : TK_SIM_ROLE_NONE;
    conf.knobs.n_reasoning = v->reasoning;
    conf.knobs.is_tool = v->is_tool;
    conf.knobs.usage = choice_of(choices_of("usage"), v->usage);
    return tk_sim_new(&conf, &s->sim, reterr);
}

static int start(const struct values *v, struct server *s, struct tk_err *reterr)
{
    static const int stops[] = { SIGTERM, SIGINT, 0 };
    int rc = tk_loop_new(TK_LOOP_REAL, &s->loop);

    if (rc == 0)
        rc = tk_signals_new(s->loop, stops, on_signal, s->loop, &s->signals);
    if (rc < 0)
        return tk_err_set(reterr, rc, "cannot set the event loop up: %s", tk_err_text(rc));
    rc = make_tls(v, &s->tls, reterr);
    return rc < 0 ? rc : make_sim(v, s, reterr);
}

static bool say_where(const struct values *v, const struct server *s)
{
    struct tk_buf line = TK_BUF_INIT(1024);
    bool is_literal6 = strchr(v->host, ':') != NULL;
    bool ok;

    if (v->unix_path)
        tk_buf_addf(&line, "listening on unix:%s%s\n", v->unix_path, s->tls ? " with TLS" : "");
    else
        tk_buf_addf(&line, "listening on %s://%s%s%s:%u\n", s->tls ? "https" : "http",
                    is_literal6 ? "[" : "", v->host, is_literal6 ? "]" : "", tk_sim_port(s->sim));
    ok = !line.failed && tk_put(PROGRAM, tk_buf_str(&line));
    tk_buf_release(&line);
    return ok;
}

static void say_summary(const struct server *s)
{
    struct tk_sim_counts n;
    char late[32];

    tk_sim_counts(s->sim, &n);
    tk_say(
        PROGRAM,
        "%llu request%s: %llu finished (%llu refused), %llu faults, %llu broken, %llu abandoned; "
        "%llu at once; %llu events, at most %s late",
        (unsigned long long)n.n_requests, n.n_requests == 1 ? "" : "s",
        (unsigned long long)n.n_finished, (unsigned long long)n.n_refused,
        (unsigned long long)n.n_faults, (unsigned long long)n.n_broken,
        (unsigned long long)n.n_abandoned, (unsigned long long)n.peak_open,
        (unsigned long long)n.n_events, tk_num_format_dur(n.late_max, late));
}

/* Serve until a signal comes. */
static int serve(const struct values *v, struct server *s)
{
    struct tk_err err = { 0 };
    int rc;

    if (!say_where(v, s))
        return TK_EXIT_FAILED;
    rc = tk_loop_run(s->loop);
    if (rc < 0) {
        tk_say(PROGRAM, "the event loop failed: %s", tk_err_text(rc));
        return TK_EXIT_FAILED;
    }
    rc = tk_sim_finish(s->sim);
    if (!v->is_quiet)
        say_summary(s);
    if (rc < 0) {
        tk_err_set(&err, rc, "the log '%s' is not whole: %s", v->log, tk_err_text(rc));
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    }
    return TK_EXIT_OK;
}

static int run_with(const struct values *v)
{
    struct server s = { 0 };
    struct tk_err err = { 0 };
    int status;

    raise_file_limit();
    int rc = start(v, &s, &err);
    bool is_nonsense = rc == TK_E_FORMAT || rc == TK_E_RANGE || rc == TK_E_NOT_FOUND;
    if (rc < 0)
        status = tk_fail(is_nonsense ? TK_EXIT_USAGE : TK_EXIT_FAILED, PROGRAM, &err);
    else
        status = serve(v, &s);
    tk_sim_free(s.sim);
    tk_signals_free(s.signals);
    tk_loop_free(s.loop);
    tk_tls_free(s.tls);
    return status;
}

/* What is wrong with the words together; TK_EXIT_OK: nothing. */
static int check_words(const struct values *v, const struct tk_opt_result *res)
{
    const struct tk_place places[] = {
        { TK_PLACE_INPUT, "--cert", v->cert },
        { TK_PLACE_INPUT, "--key", v->key },
        { TK_PLACE_INPUT, "--tls-client-ca", v->client_ca },
        { TK_PLACE_RESULT, "--cert-out", v->cert_out },
        { TK_PLACE_LOG, "--log", v->log },
    };
    struct tk_err err = { 0 };

    if (res->args.n > 0) {
        tk_say(PROGRAM, "'%s' is one word too many", res->args.v[0]);
        return TK_EXIT_USAGE;
    }
    if ((v->key != NULL) != (v->cert != NULL)) {
        tk_say(PROGRAM, "--cert and --key go together");
        return TK_EXIT_USAGE;
    }
    if ((v->cert_out || v->client_ca) && !v->is_tls && !v->cert) {
        tk_say(PROGRAM, "%s needs --tls", v->cert_out ? "--cert-out" : "--tls-client-ca");
        return TK_EXIT_USAGE;
    }
    if (tk_places_check(places, TK_ARRAY_LEN(places), &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    return TK_EXIT_OK;
}

static int run(int argc, char **argv)
{
    pid_t parent = getppid();
    struct values v = { 0 };
    struct tk_opt_result res = { 0 };
    int status = tk_parse(&command, argc, argv, &v, &res);

    if (status < 0 && check_words(&v, &res) != TK_EXIT_OK)
        status = TK_EXIT_USAGE;
    if (status < 0 && v.prints_config)
        status = tk_put_config(&command, &v, &res, NULL);
    if (status < 0 && v.is_with_parent && !tie_to_parent(parent))
        status = TK_EXIT_OK; /* nobody is left to serve */
    if (status < 0)
        status = run_with(&v);
    tk_opt_release(&command, &v, &res);
    return status;
}

const struct tk_command tk_cmd_sim = {
    .name = "sim",
    .about = "a simulated server on a known schedule",
    .opts = &command,
    .run = run,
};
