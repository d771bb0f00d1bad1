/* options.c - the option table of `vllm bench serve`
 *
 * The first TK_VLLM_N_PAGE entries stand in the order in which the tool defines its options, which
 * is the order of its first line of output (namespace.c). A range that the tool does not check by
 * argparse is not checked here either.
 */
#include "dialect/vllm/options.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "dialect/vllm/vllm.h"

#define AT(field) offsetof(struct tk_vllm_opts, field)
#define LATER "of later versions of vLLM" /* than that of the page */
#define BIG 9e15                          /* counts that a double holds exactly */

/* clang-format off */
#define FLAG(n, f, g, h) \
    { .name = (n), .type = TK_OPT_FLAG, .at = AT(f), .group = (g), .help = (h) }
#define STR(n, f, v, d, g, h) \
    { .name = (n), .type = TK_OPT_STR, .at = AT(f), .value = (v), .def = (d), .group = (g), \
      .help = (h) }
#define URL(n, f, v, d, g, h) \
    { .name = (n), .type = TK_OPT_STR, .at = AT(f), .value = (v), .def = (d), .group = (g), \
      .help = (h), .mask = tk_plan_mask_url }
#define INT(n, f, d, lo, hi, g, h) \
    { .name = (n), .type = TK_OPT_INT, .at = AT(f), .value = "N", .def = (d), .min = (lo), \
      .max = (hi), .group = (g), .help = (h), .is_plain = true }
#define REAL(n, f, d, lo, hi, g, h) \
    { .name = (n), .type = TK_OPT_DOUBLE, .at = AT(f), .value = "X", .def = (d), .min = (lo), \
      .max = (hi), .group = (g), .help = (h) }
#define CHOICE(n, f, c, d, g, h) \
    { .name = (n), .type = TK_OPT_CHOICE, .at = AT(f), .value = "WORD", .def = (d), \
      .choices = (c), .group = (g), .help = (h) }
#define WORDS(n, f, v, g, h) \
    { .name = (n), .type = TK_OPT_LIST, .at = AT(f), .value = (v), .group = (g), .help = (h), \
      .is_many = true }
/* clang-format on */

static const struct tk_opt options[] = {
    INT("seed", seed, "0", 0, UINT32_MAX, "general",
        "seeds everything random: order of the prompts, arrivals"),
    INT("num-prompts", num_prompts, "1000", 0, 0, "general",
        "requests to send; 0 or less: one per row of a custom data set"),
    CHOICE("dataset-name", dataset_name,
           "sharegpt burstgpt sonnet random random-mm random-rerank hf custom "
           "prefix_repetition spec_bench custom_image custom_audio speed_bench timed_trace",
           "random", "general", "data set"),
    FLAG("no-stream", no_stream, "general",
         "hf: fetch files whole, and shuffle all rows instead of a stream's"),
    STR("dataset-path", dataset_path, "FILE", NULL, "general",
        "file of the data set; speed_bench: folder of its files; hf: a name of the hub, or a folder "
        "and --hf-name"),
    FLAG("no-oversample", no_oversample, "general",
         "do not repeat rows when the data set has fewer than --num-prompts"),
    FLAG("skip-chat-template", skip_chat_template, "general",
         "send prompts as they are, without the chat template of the tokenizer"),
    FLAG("disable-shuffle", disable_shuffle, "general", "keep the file's order"),
    INT("custom-output-len", custom_output_len, "256", -1, BIG, "custom data set",
        "tokens to ask for; -1: the output_tokens of each row"),
    INT("spec-bench-output-len", spec_bench_output_len, "256", 0, 0, "spec_bench data set",
        "spec_bench: tokens to ask for"),
    STR("spec-bench-category", spec_bench_category, "TEXT", NULL, "spec_bench data set",
        "spec_bench: questions of this category alone, such as writing, coding, math, rag"),
    INT("sonnet-input-len", sonnet_input_len, "550", 0, 0, "sonnet data set",
        "sonnet: tokens of a prompt"),
    INT("sonnet-output-len", sonnet_output_len, "150", 0, 0, "sonnet data set",
        "sonnet: tokens to ask for"),
    INT("sonnet-prefix-len", sonnet_prefix_len, "200", 0, 0, "sonnet data set",
        "sonnet: tokens of the shared prefix"),
    INT("sharegpt-output-len", sharegpt_output_len, NULL, 0, 0, "sharegpt data set",
        "tokens to ask for, instead of the length of the answer in the file"),
    REAL("blazedit-min-distance", blazedit_min_distance, "0.0", 0, 1, "hf data set",
         "hf, blazedit: least norm_distance of a row"),
    REAL("blazedit-max-distance", blazedit_max_distance, "1.0", 0, 1, "hf data set",
         "hf, blazedit: largest norm_distance of a row"),
    INT("random-input-len", random_input_len, "1024", 0, 0, "random data set",
        "random: tokens of a prompt"),
    INT("random-output-len", random_output_len, "128", 0, 0, "random data set",
        "random: tokens to ask for"),
    REAL("random-range-ratio", random_range_ratio, "0.0", -BIG, BIG, "random data set",
         "random: spread of both lengths"),
    INT("random-prefix-len", random_prefix_len, "0", 0, 0, "random data set",
        "random: tokens of the shared prefix"),
    INT("random-batch-size", random_batch_size, "1", 0, 0, "random data set",
        "random, random-rerank: texts of one request"),
    FLAG("no-reranker", no_reranker, "random data set",
         "random-rerank: the model takes texts, not pairs of query and document"),
    INT("random-mm-base-items-per-request", mm_base_items, "1", 0, 0, "random data set",
        "random-mm: images of a request"),
    REAL("random-mm-num-mm-items-range-ratio", mm_items_range_ratio, "0.0", -BIG, BIG,
         "random data set", "random-mm: spread of their number, from 0 to 1"),
    STR("random-mm-limit-mm-per-prompt", mm_limit, "JSON", "{'image': 255, 'video': 1}",
        "random data set", "random-mm: most items of each kind in a request"),
    STR("random-mm-bucket-config", mm_buckets, "DICT",
        "{(256, 256, 1): 0.5, (720, 1280, 1): 0.5, (720, 1280, 16): 0.0}", "random data set",
        "random-mm: height, width and 1 of each size, and its share of the images; above 1 it would be "
        "a video, which cannot be made yet"),
    STR("hf-subset", hf_subset, "TEXT", NULL, "hf data set",
        "hf: subset; not needed where there is one, or a default"),
    STR("hf-split", hf_split, "TEXT", NULL, "hf data set",
        "hf: split; most of the sets have one of their own"),
    STR("hf-name", hf_name, "TEXT", NULL, "hf data set",
        "hf: which data set a local folder is, by its name on the hub"),
    INT("hf-output-len", hf_output_len, NULL, 0, 0, "hf data set",
        "hf: tokens to ask for, instead of the set's own or the answer's length"),
    INT("prefix-repetition-prefix-len", prefix_len, "256", 0, 0, "prefix_repetition data set",
        "prefix_repetition: tokens of a prefix"),
    INT("prefix-repetition-suffix-len", suffix_len, "256", 0, 0, "prefix_repetition data set",
        "prefix_repetition: tokens of a suffix"),
    INT("prefix-repetition-num-prefixes", num_prefixes, "10", 0, 0, "prefix_repetition data set",
        "prefix_repetition: number of prefixes"),
    INT("prefix-repetition-output-len", prefix_output_len, "128", 0, 0,
        "prefix_repetition data set", "prefix_repetition: tokens to ask for"),
    STR("label", label, "TEXT", NULL, "results",
        "prefix of the result file; the backend when not given"),
    CHOICE("backend", backend,
           "vllm openai openai-chat openai-audio openai-embeddings openai-embeddings-chat "
           "openai-embeddings-clip openai-embeddings-vlm2vec infinity-embeddings "
           "infinity-embeddings-clip vllm-rerank vllm-pooling openai-responses",
           "openai", "server and model",
           "how requests look, and how replies; the last two are of later versions of vLLM"),
    URL("base-url", base_url, "URL", NULL, "server and model",
        "URL of the server, instead of --host and --port"),
    STR("host", host, "NAME", "127.0.0.1", "server and model", "name or address of the server"),
    INT("port", port, "8000", 1, 65535, "server and model", "port of the server"),
    URL("endpoint", endpoint, "PATH", "/v1/completions", "server and model",
        "path of the requests, which each backend has its own of: openai-chat "
        "/v1/chat/completions, openai-embeddings /v1/embeddings"),
    { .name = "header",
      .type = TK_OPT_LIST,
      .at = AT(header),
      .value = "KEY=VALUE",
      .group = "server and model",
      .is_many = true,
      .may_be_none = true,
      .is_secret = true,
      .help = "headers of every request; they replace those of the backend and the environment" },
    INT("max-concurrency", max_concurrency, NULL, 0, 1e6, "load", "most requests at once"),
    STR("model", model, "NAME", NULL, "server and model",
        "name of the model; the first that the server has, when not given"),
    STR("tokenizer", tokenizer, "NAME", NULL, "server and model",
        "a folder, a file, or a model of the Hugging Face hub; the model's when not given"),
    STR("tokenizer-mode", tokenizer_mode, "WORD", "auto", "server and model",
        "how to read the tokenizer: auto, hf, slow, mistral, deepseek_v32"),
    FLAG("use-beam-search", use_beam_search, "server and model", "no effect, as in the tool"),
    INT("logprobs", logprobs, NULL, -1, 1e6, "sampling",
        "log probabilities per token to ask for, -1: of every token there is; completions only"),
    REAL("request-rate", request_rate, "inf", -INFINITY, INFINITY, "load",
         "requests per second; inf: all at once"),
    REAL("burstiness", burstiness, "1.0", -INFINITY, INFINITY, "load",
         "shape of the gamma gaps: 1 is Poisson, less is burstier, inf is even"),
    FLAG("trust-remote-code", trust_remote_code, "server and model",
         "no effect: tokmark runs no code of a model"),
    FLAG("disable-tqdm", disable_tqdm, "results", "no progress line"),
    INT("num-warmups", num_warmups, "0", 0, BIG, "load",
        "requests before the measured ones, all like the first"),
    FLAG("profile", profile, "load",
         "have the server profile the measured load: POST to /start_profile and /stop_profile"),
    FLAG("save-result", save_result, "results", "write the result to a JSON file"),
    FLAG("save-detailed", save_detailed, "results", "with the figures and texts of every request"),
    FLAG("append-result", append_result, "results", "append to the file instead of replacing it"),
    { .name = "metadata",
      .type = TK_OPT_LIST,
      .at = AT(metadata),
      .value = "KEY=VALUE",
      .group = "results",
      .is_many = true,
      .may_be_none = true,
      .help = "further keys of the result" },
    STR("result-dir", result_dir, "FOLDER", NULL, "results", "folder of the result file"),
    STR("result-filename", result_filename, "FILE", NULL, "results", "name of the result file"),
    FLAG("ignore-eos", ignore_eos, "sampling", "have the server go on past the end mark"),
    STR("percentile-metrics", percentile_metrics, "LIST", NULL, "results",
        "which of ttft, tpot, itl, e2el to report, and of the newer client_queue_time and "
        "e2el_including_client_queue; default ttft,tpot,itl, with pooling e2el"),
    STR("metric-percentiles", metric_percentiles, "LIST", "99", "results", "percentiles to report"),
    WORDS("goodput", goodput, "NAME:MS", "results",
          "objectives in milliseconds: ttft, tpot, e2el; not with pooling"),
    STR("request-id-prefix", request_id_prefix, "TEXT", NULL, "server and model",
        "x-request-id is this and the index; default bench-, eight random digits, -"),
    REAL("top-p", top_p, NULL, 0, INFINITY, "sampling", "passed on to the server"),
    INT("top-k", top_k, NULL, 0, 0, "sampling", "passed on to the server"),
    REAL("min-p", min_p, NULL, 0, INFINITY, "sampling", "passed on to the server"),
    REAL("temperature", temperature, NULL, 0, INFINITY, "sampling", "0 when not given"),
    REAL("frequency-penalty", frequency_penalty, NULL, -1e9, 1e9, "sampling",
         "passed on to the server"),
    REAL("presence-penalty", presence_penalty, NULL, -1e9, 1e9, "sampling",
         "passed on to the server"),
    REAL("repetition-penalty", repetition_penalty, NULL, -1e9, 1e9, "sampling",
         "passed on to the server"),
    INT("common-prefix-len", common_prefix_len, NULL, 0, 0, "random data set",
        "no effect, as in the tool"),
    STR("served-model-name", served_model_name, "NAME", NULL, "server and model",
        "name of the model in requests, when it is another one"),
    WORDS("lora-modules", lora_modules, "NAME", "server and model",
          "adapters that stand for the model in the measured requests, one each at random"),
    CHOICE("ramp-up-strategy", ramp_up_strategy, "linear exponential", NULL, "load",
           "have the rate grow from --ramp-up-start-rps to --ramp-up-end-rps"),
    INT("ramp-up-start-rps", ramp_up_start_rps, NULL, 0, 0, "load",
        "requests per second at the start of the ramp"),
    INT("ramp-up-end-rps", ramp_up_end_rps, NULL, 0, 0, "load", "requests per second at its end"),
    INT("ready-check-timeout-sec", ready_check_timeout_sec, "600", 0, 9e9, "load",
        "how long to try whether the server is ready; 0: not at all"),
    STR("extra-body", extra_body, "JSON", NULL, "sampling",
        "JSON object whose members are put into every body; also --extra-body.KEY VALUE"),
    /* newer than the page */
    FLAG("skip-tokenizer-init", skip_tokenizer_init, LATER,
         "no tokenizer: custom prompts go out as they are, lengths of sharegpt are estimated"),
    FLAG("insecure", insecure, LATER, "accept any certificate"),
    INT("input-len", input_len, NULL, 0, 0, LATER,
        "tokens of a prompt of random and sonnet; no effect on the others"),
    INT("output-len", output_len, NULL, 0, 0, LATER,
        "tokens to ask for, whatever the data set; no effect on burstgpt"),
    FLAG(
        "enable-multimodal-chat", enable_multimodal_chat, LATER,
        "the data set makes the whole message: sharegpt, custom_image, random-mm, custom_audio, and "
        "of hf those with images or videos and Vicuna's"),
    REAL("probe-request-rate", probe_request_rate, "0.0", 0, INFINITY, LATER,
         "tiny requests a second beside the load, one after the other, for a figure of their own"),
    FLAG("self-timed", self_timed, LATER,
         "timed_trace: send at the instants of the trace, as it does anyway"),
    FLAG("no-self-timed", no_self_timed, LATER, "timed_trace: send at --request-rate instead"),
    FLAG("plot-timeline", plot_timeline, LATER,
         "a page beside the result that shows when each request waited and when its chunks came"),
    FLAG("plot-dataset-stats", plot_dataset_stats, LATER,
         "a picture of the lengths of prompts and answers beside the result; needs gnuplot"),
    STR("timeline-itl-thresholds", timeline_itl_thresholds, "LIST", "25,50", LATER,
        "bounds in milliseconds between the colours of the timeline's gaps"),
    CHOICE("lora-assignment", lora_assignment, "random round-robin", "random", LATER,
           "how the --lora-modules are handed out"),
    STR("chat-template-kwargs", chat_template_kwargs, "JSON", NULL, LATER,
        "custom, speed_bench: variables of the chat template; also --chat-template-kwargs.KEY VALUE"),
    FLAG("custom-ensure-client-side-data", custom_client_side_data, LATER,
         "custom_image: files of images are sent as data, not as paths for the server"),
    STR("bfcl-categories", bfcl_categories, "LIST", NULL, LATER,
        "hf, the Berkeley function calling leaderboard: categories, simple,live_simple,multiple "
        "when not given"),
    CHOICE("speed-bench-dataset-subset", speed_bench_subset,
           "qualitative throughput_1k throughput_2k throughput_8k throughput_16k throughput_32k",
           "qualitative", LATER, "speed_bench: which of its files"),
    INT("speed-bench-output-len", speed_bench_output_len, "4096", 0, 0, LATER,
        "speed_bench: tokens to ask for"),
    STR("speed-bench-category", speed_bench_category, "TEXT", NULL, LATER,
        "speed_bench: conversations of this category alone"),
    REAL("asr-max-audio-len-sec", asr_max_audio_len, "inf", 0, INFINITY, LATER,
         "hf, speech: longest clip that is kept; 30 when not given, as in 0.13"),
    REAL("asr-min-audio-len-sec", asr_min_audio_len, "0.0", 0, INFINITY, LATER,
         "hf, speech: shortest clip that is kept"),
    INT("timed-trace-chunk-hash-size", timed_trace_chunk, "16", 0, 0, LATER,
        "timed_trace: tokens of a hash"),
    REAL("timed-trace-sec-multiplier", timed_trace_multiplier, "1.0", 0, INFINITY, LATER,
         "timed_trace: seconds of a unit of its timestamps"),
    STR("timed-trace-label-timestamp", timed_trace_timestamp, "TEXT", "timestamp", LATER,
        "timed_trace: field of the instant"),
    STR("timed-trace-label-input-length", timed_trace_input_length, "TEXT", "input_length", LATER,
        "timed_trace: field of the prompt's length"),
    STR("timed-trace-label-output-length", timed_trace_output_length, "TEXT", "output_length",
        LATER, "timed_trace: field of the answer's length"),
    STR("timed-trace-label-hash-ids", timed_trace_hash_ids, "TEXT", "hash_ids", LATER,
        "timed_trace: field of the hashes"),
    /* tokmark's own */
    FLAG("plain", plain, "tokmark's own", "only what vLLM prints"),
    FLAG(
        "align-tokens", align_tokens, "tokmark's own",
        "random and prefix_repetition: have the server tokenize the prompts, and cut those that it "
        "counts longer, as newer versions of the tool always do"),
    FLAG(
        "server-counters", server_counters, "tokmark's own",
        "read the server's /metrics before and after the load, and report speculative decoding and "
        "diffusion, as newer versions of the tool always do"),
    STR("unix", unix_path, "FILE", NULL, "tokmark's own",
        "connect to this Unix socket, whatever host the URL names"),
    STR("ca-file", ca_file, "FILE", NULL, "tokmark's own",
        "authorities to trust instead of the system's (PEM)"),
    STR("cert", cert_file, "FILE", NULL, "tokmark's own",
        "certificate to show to a server that asks for one, with its chain (PEM)"),
    STR("cert-key", cert_key_file, "FILE", NULL, "tokmark's own",
        "its private key (PEM); in --cert when not given"),
    STR("cert-passphrase-file", cert_passphrase_file, "FILE", NULL, "tokmark's own",
        "a file whose first line is the passphrase of that key"),
    FLAG("print-config", print_config, "tokmark's own",
         "print the options, where each comes from, and the plan as JSON, send nothing"),
    FLAG("dry-run", dry_run, "tokmark's own", "print the requests as JSON lines, send nothing"),
    STR("resume", resume, "FILE", NULL, "tokmark's own",
        "go on with the run of this run file, which was cut: killed, stopped by Ctrl-C, or out of "
        "disk; what has ended stays, the rest is sent. Its other options are in the file; a key is "
        "not"),
    FLAG("strict", strict, "tokmark's own",
         "end with status 4 when the client itself was the limit, so that the figures do not hold"),
    STR("source-address", source_addresses, "LIST", NULL, "tokmark's own",
        "addresses of this machine to connect from, in turn"),
    INT("workers", workers, NULL, 0, 1024, "tokmark's own",
        "threads that load; by the load when not given"),
    FLAG(
        "prepare-all", prepare_all, "tokmark's own",
        "make all prompts before the first request; else a load may begin when enough of them are made"),
    FLAG("realtime", realtime, "tokmark's own",
         "workers get their processors before any program of ordinary priority; needs root, "
         "CAP_SYS_NICE or `ulimit -r`"),
};

const struct tk_opt_command tk_vllm_command = {
    .name = "vllm bench serve",
    .synopsis = "[--model NAME] [options]",
    .about =
        "Benchmark a server as `vllm bench serve` of vLLM 0.13 does: the same options, the same "
        "requests at the same instants, the same figures and files, measured by tokmark.",
    .examples =
        "vllm bench serve --model m --dataset-name custom --dataset-path prompts.jsonl "
        "--num-prompts 100 --request-rate 10\n"
        "vllm bench serve --backend openai-chat --endpoint /v1/chat/completions --model m "
        "--dataset-name sharegpt --dataset-path sharegpt.json --max-concurrency 16 --save-result",
    .opts = options,
    .n_opts = TK_ARRAY_LEN(options),
    .allows_abbreviation = true,
    .n_first = TK_VLLM_N_PAGE, /* abbreviations mean what they meant */
    .speaks_argparse = true,
    .treats_underscore_as_dash = true,
};

size_t tk__vllm_find(const char *name)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(options); i++) {
        if (strcmp(options[i].name, name) == 0)
            return i;
    }
    return TK_ARRAY_LEN(options);
}
