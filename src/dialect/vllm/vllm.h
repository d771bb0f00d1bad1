/* vllm.h - the words, the load and the results of `vllm bench serve`
 *
 *   argv ─ join ─► parse ─► tk_vllm_check ─► tk_vllm_load ─► tk_vllm_plan ─► (the engine)
 *                                                                               │
 *          block, result file ◄── tk_vllm_report, tk_vllm_result ◄── metric/compat.h
 *
 * The page of vLLM 0.13.0 is the contract; docs/dialects/vllm.md lists where tokmark does
 * otherwise. This layer prints nothing: it makes text, the command (cli/cmd_vllm.c) puts it where
 * it belongs.
 */
#ifndef TK_DIALECT_VLLM_VLLM_H
#define TK_DIALECT_VLLM_VLLM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "data/data.h"
#include "data/hf.h"
#include "load/load.h"
#include "opt/opt.h"
#include "run/plan.h"

#define TK_VLLM_VERSION "0.13.0" /* that of the page */

/* The values of the command line, by the option's name. Those without a default (None there) count
 * only where they were given: tk_vllm_given(). */
struct tk_vllm_opts {
    /* general and data sets */
    int64_t seed, num_prompts;
    const char *dataset_name, *dataset_path;
    bool no_stream, no_oversample, skip_chat_template, disable_shuffle;
    int64_t custom_output_len, spec_bench_output_len;
    const char *spec_bench_category;
    int64_t sonnet_input_len, sonnet_output_len, sonnet_prefix_len, sharegpt_output_len;
    double blazedit_min_distance, blazedit_max_distance;
    int64_t random_input_len, random_output_len;
    double random_range_ratio;
    int64_t random_prefix_len, random_batch_size;
    bool no_reranker;
    int64_t mm_base_items;
    double mm_items_range_ratio;
    const char *mm_limit, *mm_buckets;
    const char *hf_subset, *hf_split, *hf_name;
    int64_t hf_output_len, prefix_len, suffix_len, num_prefixes, prefix_output_len;
    int64_t input_len, output_len; /* newer than the page */
    /* server, model, load */
    const char *label, *backend, *base_url, *host;
    int64_t port;
    const char *endpoint;
    struct tk_opt_list header;
    int64_t max_concurrency;
    const char *model, *tokenizer, *tokenizer_mode;
    bool use_beam_search;
    int64_t logprobs;
    double request_rate, burstiness;
    bool trust_remote_code, disable_tqdm;
    int64_t num_warmups;
    bool profile, save_result, save_detailed, append_result;
    struct tk_opt_list metadata;
    const char *result_dir, *result_filename;
    bool ignore_eos;
    const char *percentile_metrics, *metric_percentiles;
    struct tk_opt_list goodput;
    const char *request_id_prefix;
    double top_p;
    int64_t top_k;
    double min_p, temperature, frequency_penalty, presence_penalty, repetition_penalty;
    int64_t common_prefix_len;
    const char *served_model_name;
    struct tk_opt_list lora_modules;
    const char *ramp_up_strategy;
    int64_t ramp_up_start_rps, ramp_up_end_rps, ready_check_timeout_sec;
    const char *extra_body;
    /* newer than the page */
    bool skip_tokenizer_init, insecure, enable_multimodal_chat;
    double probe_request_rate;
    bool self_timed, no_self_timed, plot_timeline, plot_dataset_stats;
    const char *timeline_itl_thresholds, *lora_assignment, *chat_template_kwargs;
    bool custom_client_side_data;
    const char *bfcl_categories, *speed_bench_subset, *speed_bench_category;
    int64_t speed_bench_output_len, timed_trace_chunk;
    double asr_max_audio_len, asr_min_audio_len, timed_trace_multiplier;
    const char *timed_trace_timestamp, *timed_trace_input_length, *timed_trace_output_length,
        *timed_trace_hash_ids;
    /* tokmark's own */
    bool server_counters, align_tokens;
    const char *unix_path, *ca_file, *cert_file, *cert_key_file, *cert_passphrase_file;
    bool plain, dry_run, print_config, strict;
    const char *resume;
    const char *source_addresses;
    int64_t workers;
    bool realtime, prepare_all;
};

extern const struct tk_opt_command tk_vllm_command;

/* The words of the command line as the option table takes them: `--a.b.c v` is put together to
 * `--a JSON` at the end, and of list options given twice only the last one stays. The words live in
 * `arena`; argv[0] is kept. 0, TK_E_FORMAT (a dotted option without a value), -ENOMEM. */
int tk_vllm_join(int argc, char **argv, struct tk_arena *arena, int *ret_argc, char ***ret_argv,
                 struct tk_err *reterr);

/* The kinds of figures that it knows. */
enum tk_vllm_metric {
    TK_VLLM_TTFT,
    TK_VLLM_TPOT,
    TK_VLLM_ITL,
    TK_VLLM_E2EL,
    TK_VLLM_QUEUE,      /* newer: from due to sent, under a bound of concurrency */
    TK_VLLM_QUEUE_E2EL, /* newer: from due to the end, with a rate too */
    TK_VLLM_METRIC_N_,
};

#define TK_VLLM_MAX_PERCENTILES 64
#define TK_VLLM_MAX_METADATA 1024 /* the result's object has room for them and for all figures */

/* One entry of rps_change_events: the rate's whole part grew when request `index` went out. */
struct tk_vllm_rps {
    int64_t rps;
    tk_ns due_offset;
};

struct tk__vllm_backend;
struct tk__vllm_set;
struct tk__vllm_maker;
struct tk_chat;
struct tk_tokenizer;

/* A command line, understood. */
struct tk_vllm {
    const struct tk_vllm_opts *o;
    const bool *is_given;  /* per option of the table; not owned */
    struct tk_arena arena; /* owns what follows */
    int exit_status;       /* what a failed check means: 2 usage, 1 what Python would raise */
    const struct tk__vllm_backend *backend; /* private: backends.h */
    const struct tk__vllm_set *set;         /* the data set; private: sets.h */
    const char *url;                        /* of the measured requests */
    const char *base;                       /* its server */
    const char *served_model;               /* goes into the bodies */
    struct tk_plan_header *headers;
    size_t n_headers;
    struct tk_plan_header *constants; /* the headers without those of --header */
    size_t n_constants;
    const char *content_type;
    const char *boundary; /* between the parts of a form; NULL: bodies are JSON */
    bool has_metric[TK_VLLM_METRIC_N_];
    double percentiles[TK_VLLM_MAX_PERCENTILES];
    size_t n_percentiles;
    bool has_goodput;
    double goodput_ms[TK_VLLM_METRIC_N_]; /* NaN: no objective */
    const char *id_prefix;
    const char
        *extra_body;      /* --extra-body, an object; NULL: none, or what Python takes for false */
    const char *sampling; /* members of the bodies that say how to sample, as JSON */
    bool has_no_usage;    /* the extra body asks for bytes alone: the server counts nothing */
    double itl_bounds_ms[2];     /* of the timeline's colours */
    const char *data_path;       /* file of the data set; NULL: none */
    const char *template_kwargs; /* for the chat template, where the set takes them; NULL: none */
    struct tk_data_trace trace;  /* what timed_trace's options say */
    struct tk_data_mm mm;        /* random-mm's pictures */
    struct tk_data_hf hf;        /* the data set of the hub */
    /* set by the caller between check and load; not owned, NULL: there is none */
    const struct tk_tokenizer *tokenizer;
    const struct tk_chat *chat; /* its chat template */
    const struct tk_hub_conf *hub;
    /* set as well, or NULL: items that were read may be changed before requests are made of them */
    int (*on_items)(void *owner, struct tk_items *items, struct tk_err *reterr);
    void *on_items_owner;
    /* the load */
    struct tk_items items;
    bool has_items;
    struct tk_load_body *bodies; /* one per sample, in their order; where requests of a sample
                                    differ one per request, and behind them that of the check */
    uint64_t n_bodies;
    uint32_t first_item;       /* of the items, the first request's */
    uint32_t check_body;       /* index of what check, warm-ups and profiler send */
    struct tk_buf body_text;   /* what they point to */
    uint32_t *order;           /* n_requests entries: index into bodies */
    struct tk_load_body probe; /* of the probe; empty: none */
    uint64_t n_requests;
    uint64_t n_repeated;     /* of them; the data set has too few rows */
    tk_ns *due;              /* NULL: all at once */
    struct tk_vllm_rps *rps; /* with a ramp */
    size_t n_rps;
    struct tk_mt numpy;  /* NumPy's global generator, as the data set leaves it to the arrivals */
    struct tk_mt python; /* CPython's, as the data set leaves it to the choice of adapters */
    struct tk__vllm_maker *maker; /* makes the bodies; NULL: they are all there. Private: make.c */
    int64_t n_short;              /* prompts of a trace that are shorter than it says */
    int64_t n_plain;              /* prompts with functions that are counted without a template */
    int64_t n_surplus; /* tokens that prompts of exact length have too many, or too few (below 0) */
};

/* Whether --align-tokens is about its data set: made-up prompts of a length. */
bool tk_vllm_aligns(const struct tk_vllm *v);

/* Whether --enable-multimodal-chat was given, and the data set does not heed it. */
bool tk_vllm_ignores_chat(const struct tk_vllm *v);

bool tk_vllm_given(const struct tk_vllm *v, const char *option);

/* Check everything that can be checked without the data set, in the order of the tool. 0, or a code
 * with the tool's own message; exit_status is set. */
int tk_vllm_check(struct tk_vllm *v, const struct tk_vllm_opts *o, const bool *is_given,
                  const char *api_key, struct tk_err *reterr);

/* Without --model: the server's. `name` goes into requests, whatever --served-model-name says, `model` is
 * the one for all else; both outlive `v`. To be called between check and load. */
void tk_vllm_set_model(struct tk_vllm *v, struct tk_vllm_opts *o, const char *name,
                       const char *model);

/* The next option, from *at on (0 at first), that was given and is in no body of the backend; NULL:
 * none is left. */
const char *tk_vllm_left_out(const struct tk_vllm *v, size_t *at);

/* The next word of --percentile-metrics, from *rest on, that adds nothing to the result: it is no metric's, or
 * not one of this run. False: none is left. */
bool tk_vllm_idle_metric(const struct tk_vllm *v, struct tk_str *rest, struct tk_str *ret_word);

/* What a data set needs beside its file. */
enum tk_vllm_need {
    TK_VLLM_NEEDS_NOTHING,
    TK_VLLM_WANTS_TOKENIZER, /* lengths are estimated without one */
    TK_VLLM_NEEDS_TOKENIZER,
    TK_VLLM_WANTS_CHAT, /* and its chat template */
    TK_VLLM_NEEDS_CHAT,
    TK_VLLM_WANTS_ANY_CHAT, /* a tokenizer, and its chat template where it has one */
    TK_VLLM_NEEDS_ANY_CHAT, /* the same, but not without a tokenizer */
};
enum tk_vllm_need tk_vllm_needs(const struct tk_vllm *v);

/* Without a data set: as many requests as were asked for, of which nothing else is known. */
void tk_vllm_suppose(struct tk_vllm *v);

/* Load the data set, order it, encode the bodies; or begin to, where they can be made beside the load. */
int tk_vllm_load(struct tk_vllm *v, struct tk_err *reterr);

/* The same with items that are there already, for tests: v->items, which stay the caller's. */
int tk_vllm_load_items(struct tk_vllm *v, struct tk_err *reterr);
/* Behind tk_vllm_schedule(): wait until all requests are made, or enough for the load to begin. 0, or
 * what became of the data set. */
int tk_vllm_await(struct tk_vllm *v, struct tk_err *reterr);

/* What is there of them, for the load; NULL: all. */
const struct tk_load_supply *tk_vllm_supply(const struct tk_vllm *v);
uint64_t tk_vllm_n_made(const struct tk_vllm *v);

/* After the load: nobody wants the rest. 0, or why prompts could not be made. */
int tk_vllm_end_making(struct tk_vllm *v, struct tk_err *reterr);

/* Whether they are due when the data set says, not by a rate. */
bool tk_vllm_is_self_timed(const struct tk_vllm *v);

/* Compute when requests are due, from the seed (spec 4.1, 4.3). */
int tk_vllm_schedule(struct tk_vllm *v, struct tk_err *reterr);

/* Fill everything of the plan but what a URL gives. */
void tk_vllm_plan(const struct tk_vllm *v, struct tk_plan *p);

/* What is posted to BASE/stop_profile: the body of the check without what the options add to it.
 * That of start_profile is the check's. Codes of tk_vllm_template_write(). */
int tk_vllm_stop_body(const struct tk_vllm *v, struct tk_buf *out, struct tk_err *reterr);

void tk_vllm_release(struct tk_vllm *v);

/* --- counters of the server (newer than the page) --- */

#define TK_VLLM_MAX_POSITIONS 256 /* of a draft; further ones are passed over */

struct tk_vllm_counters {
    bool has_drafts, has_diffusion; /* it has counters of that kind */
    int64_t drafts, draft_tokens, accepted;
    int64_t accepted_at[TK_VLLM_MAX_POSITIONS];
    bool has_position[TK_VLLM_MAX_POSITIONS];
    size_t n_positions; /* the last one that is there, and 1 */
    int64_t steps, canvas_positions, committed;
};

/* From the text of /metrics, in the form of Prometheus; lines that make no sense are passed over. */
void tk_vllm_counters_read(struct tk_str text, struct tk_vllm_counters *ret);

/* Both readings into the run file and out of it again, as JSON under the name TK_VLLM_FACT_COUNTERS. Write: 0 or
 * the buffer's failure. Read: 0, TK_E_FORMAT, -ENOMEM. */
#define TK_VLLM_FACT_COUNTERS "vllm_counters"
int tk_vllm_counters_write(const struct tk_vllm_counters *before,
                           const struct tk_vllm_counters *after, struct tk_buf *out);
int tk_vllm_counters_of(struct tk_str json, struct tk_vllm_counters *ret_before,
                        struct tk_vllm_counters *ret_after);

/* What they moved by while the load went on. */
struct tk_vllm_decoding {
    bool has_drafts, has_diffusion;
    int64_t drafts, draft_tokens, accepted;
    double acceptance_rate; /* percent */
    double acceptance_length;
    double rates[TK_VLLM_MAX_POSITIONS]; /* accepted at each position, of all drafts */
    size_t n_rates;
    int64_t committed, steps, canvas_positions;
    double committed_throughput, steps_per_canvas, committed_per_step;
};
void tk_vllm_decoding_of(const struct tk_vllm_counters *before,
                         const struct tk_vllm_counters *after, double duration_s,
                         struct tk_vllm_decoding *ret);

/* The same from the run's fact. 1; 0: there is none, or one of a part of the run alone, because it was resumed;
 * TK_E_FORMAT, -ENOMEM. */
struct tk_records;
int tk_vllm_decoding_read(struct tk_records *r, double duration_s, struct tk_vllm_decoding *ret);

/* --- results --- */

struct tk_record;
struct tk_report_plan;

/* What the result says about the run beside its figures, and which figures. */
struct tk_vllm_form {
    const char *backend, *label, *model, *tokenizer; /* label, tokenizer: NULL is null */
    int64_t num_prompts;
    double request_rate, burstiness;
    int64_t max_concurrency;      /* -1: none was given; 0 is one that bounds nothing */
    const char *ramp_up_strategy; /* NULL: none */
    int64_t ramp_up_start_rps, ramp_up_end_rps;
    const struct tk_vllm_rps *rps;
    size_t n_rps;
    struct tk_opt_list metadata; /* not owned */
    bool has_metric[TK_VLLM_METRIC_N_];
    const double *percentiles;
    size_t n_percentiles;
    bool has_goodput;
    double goodput_ms[TK_VLLM_METRIC_N_]; /* NaN: no objective */
    const char *tool; /* whose definitions of a request's figures: metric/compat.h */
    bool is_pooling; /* a vector or scores came back, no text: no figures of tokens that are made */
    bool has_no_usage; /* pooling: the server was asked to send none */
    bool is_detailed;
    bool has_prompt_len;  /* prompts were counted by the tokenizer: not by what the server says */
    bool is_due_at_once;  /* every request was, when the load began */
    int64_t utc_offset_s; /* of the clocks where the run was made: for date and file name */
    const struct tk_vllm_decoding *decoding; /* NULL: not asked for */
    /* by tk_vllm_form_span() */
    double duration_s; /* of the measured load: from its start to the end of its last request */
    tk_ns all_due_at;  /* when every request was due at once; 0: each has its instant */
    tk_ns wall_begin;  /* its start */
    tk_ns wall_end;    /* its end, for date and file name */
};

/* Of a command line. What it points to is that of `v` and its options. */
void tk_vllm_form(const struct tk_vllm *v, struct tk_vllm_form *ret);

/* The same into the run file and out of it again, as JSON under the name TK_VLLM_FACT_FORM, so that a
 * report says what the run said. Write: 0 or the buffer's failure. Read: what it points to lives in `arena`;
 * TK_E_FORMAT, TK_E_RANGE or TK_E_LIMIT (it is damaged), TK_E_UNSUPPORTED (of a newer version), -ENOMEM. */
#define TK_VLLM_FACT_FORM "vllm"
int tk_vllm_form_write(const struct tk_vllm_form *form, struct tk_buf *out);
int tk_vllm_form_read(struct tk_str json, struct tk_arena *arena, struct tk_vllm_form *ret);

/* Of any run's plan, with the tool's defaults; `wall` is an instant of the run. */
void tk_vllm_form_of_plan(const struct tk_report_plan *p, tk_ns wall, struct tk_vllm_form *ret);

/* When the measured load was: the last thing that a form needs. */
void tk_vllm_form_span(struct tk_vllm_form *form, const struct tk_load_totals *t, tk_ns wall_begin);

/* Whether the form has a section of this kind. */
bool tk_vllm_reports(const struct tk_vllm_form *form, enum tk_vllm_metric m);

struct tk_vllm_stats {
    double mean, median, std; /* ms */
    double percentiles[TK_VLLM_MAX_PERCENTILES];
};

/* The requests of the probe (newer). */
struct tk_vllm_probes {
    uint64_t completed, failed;
    double median_ms, p99_ms, max_ms; /* of the completed */
};

/* One request, in the order of their indices. */
struct tk_vllm_request {
    bool is_success;
    int64_t input_len, output_len;
    double start;         /* s from the first one's */
    double ttft, latency; /* s */
    double queue;         /* s from due to sent */
    double tpot;          /* s; NaN: none */
    size_t itl_at, n_itl; /* slice of itls */
    size_t text_at, n_text;
    size_t error_at, n_error; /* slices of texts */
};

struct tk_vllm_figures {
    uint64_t completed, failed;
    int64_t total_input, total_output;
    double request_throughput, request_goodput, output_throughput, total_throughput;
    double max_output_tokens_per_s;
    int64_t max_concurrent_requests;
    struct tk_vllm_stats stats[TK_VLLM_METRIC_N_];
    struct tk_vllm_probes probes;
    uint64_t n_uncounted; /* successes whose tokens the server did not count */
    uint64_t
        n_cancelled; /* given up by the client, part of `failed`, as the tool has no such thing */
    struct tk_vllm_request *requests; /* owned, all of them */
    size_t n_requests;
    double *itls; /* owned */
    size_t n_itls;
    struct tk_buf texts; /* answers (where kept) and errors */
};

/* All figures, as vLLM 0.13 defines them, from the records of the measured phase. 0, -ENOMEM, or
 * what reading the records returns. */
int tk_vllm_figures(struct tk_records *r, const struct tk_vllm_form *form,
                    struct tk_vllm_figures *ret, struct tk_err *reterr);
/* What became of a request that failed, as the result file has it: "http-status 503: overloaded". */
void tk_vllm_put_error(const struct tk_record *rec, struct tk_buf *out);

void tk_vllm_figures_release(struct tk_vllm_figures *f);

/* In words what stands in the place of the counts that are missing (n_uncounted). */
const char *tk_vllm_instead_of_counts(const struct tk_vllm_form *form);

/* The result block, ended by its line of '='. */
int tk_vllm_block(const struct tk_vllm_form *form, const struct tk_vllm_figures *f,
                  struct tk_buf *out);

/* The result file's object, without a line end. */
int tk_vllm_result(const struct tk_vllm_form *form, const struct tk_vllm_figures *f,
                   struct tk_buf *out);

/* The same in the form of PyTorch's benchmark database: a record for each of its twelve statistics that
 * the result has; nothing where it has none. */
int tk_vllm_pytorch(const struct tk_vllm *v, const struct tk_vllm_form *form,
                    const struct tk_vllm_figures *f, struct tk_buf *out);

/* A page of its own that shows when each request waited and when its chunks came; gaps get a colour by two
 * bounds. */
int tk_vllm_timeline(const struct tk_vllm_figures *f, const double bounds_ms[2],
                     struct tk_buf *out);

/* What gnuplot is to do to draw the lengths of prompts and answers: a PNG file on its standard output. */
int tk_vllm_stats_plot(const struct tk_vllm_figures *f, struct tk_buf *out);

/* The name that the tool gives the file when it is not told one, without folder. */
int tk_vllm_file_name(const struct tk_vllm_form *form, struct tk_buf *out);

/* --- pieces, for tests --- */

/* The arrival offsets in seconds of n requests; `strategy` NULL, "linear" or "exponential". Seeded
 * as np.random.seed(seed). 0 or TK_E_RANGE (a rate that is not above 0). */
struct tk_vllm_arrivals {
    const struct tk_mt *mt; /* the generator; NULL: one fresh from the seed */
    double rate, burstiness;
    const char *strategy;
    int64_t start_rps, end_rps;
    uint64_t seed;
};
int tk_vllm_offsets(const struct tk_vllm_arrivals *a, double *offset_s, uint64_t n);

/* Rate of request i of n in a ramp. */
double tk_vllm_ramp_rate(const struct tk_vllm_arrivals *a, uint64_t i, uint64_t n);

/* Request bodies: what is the same in all of them, made once. */
enum tk_vllm_body {
    TK_VLLM_BODY_REQUEST,
    TK_VLLM_BODY_STOP, /* of /stop_profile: nothing but the backend's own members */
    TK_VLLM_BODY_TOLD, /* a request's, as JSON whatever the backend sends */
};
struct tk_vllm_template;
int tk_vllm_template_new(const struct tk_vllm *v, enum tk_vllm_body kind,
                         struct tk_vllm_template **ret, struct tk_err *reterr);
struct tk_vllm_template *tk_vllm_template_free(struct tk_vllm_template *t);

/* One request's own part. */
struct tk_vllm_send {
    const struct tk_item *item;
    const char *model; /* an adapter in the model's place; NULL: the model */
    int64_t number;    /* at the end of its id; -1: it has none */
};

/* Append the body. 0; TK_E_UNSUPPORTED (the backend cannot send this item; its row and why are in the
 * message), TK_E_LIMIT, -ENOMEM. */
int tk_vllm_template_write(const struct tk_vllm_template *t, const struct tk_vllm_send *s,
                           struct tk_buf *out, struct tk_err *reterr);

/* The text of `json` as Python's json.dumps(json.loads()) gives it. 0, TK_E_FORMAT, -ENOMEM. */
int tk_vllm_redump(struct tk_str json, struct tk_buf *out);

/* "Namespace(seed=0, …)": the parsed words as the tool prints them, header values masked. */
int tk_vllm_namespace(const struct tk_vllm_opts *o, const bool *is_given, struct tk_buf *out);

/* Python's text of a float: "inf", "10.0". */
void tk_vllm_float(double d, struct tk_buf *out);

#endif
