/* check.c - the command line, held against the tool's rules in the tool's order
 *
 * What its parser refuses ends with status 2 (`usage()`), what it raises later with 1
 * (`raised()`); the words are the tool's, so that a script that looks for them finds them. What
 * tokmark cannot do yet says so and is a usage error: nothing is silently left out.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/jsondoc.h"
#include "base/num.h"
#include "base/rand.h"
#include "base/str.h"
#include "dialect/vllm/backends.h"
#include "dialect/vllm/body.h"
#include "dialect/vllm/options.h"
#include "dialect/vllm/result.h"
#include "dialect/vllm/sets.h"
#include "dialect/vllm/vllm.h"
#include "http/headers.h"

#define MAX_ID_PREFIX 128

#define usage(v, reterr, ...) ((v)->exit_status = 2, tk_err_set(reterr, TK_E_FORMAT, __VA_ARGS__))
#define raised(v, reterr, ...) ((v)->exit_status = 1, tk_err_set(reterr, TK_E_FORMAT, __VA_ARGS__))

bool tk_vllm_given(const struct tk_vllm *v, const char *option)
{
    return v->is_given[tk__vllm_find(option)];
}

/* A formatted string in the arena; NULL: no memory. */
static char *make(struct tk_vllm *v, const char *fmt, ...) TK_PRINTF(2, 3);
static char *make(struct tk_vllm *v, const char *fmt, ...)
{
    char text[16 << 10];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text))
        return NULL;
    return tk_arena_dup(&v->arena, (struct tk_str){ text, (size_t)n });
}

/* --- the file of the data set --- */

/* One of the files in a folder. */
static int check_speed_bench(struct tk_vllm *v, struct tk_err *reterr)
{
    const char *folder = v->o->dataset_path ? v->o->dataset_path : "";
    struct stat st;

    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return raised(v, reterr,
                      "dataset_path %s is not a directory. It takes the one into which the "
                      "preparation of SPEED-Bench has written its files, such as '%s.jsonl'",
                      folder, v->o->speed_bench_subset);
    v->data_path = make(v, "%s/%s.jsonl", folder, v->o->speed_bench_subset);
    return v->data_path ? 0 : raised(v, reterr, "the path is too long");
}

static int check_path(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;

    if (v->set->needs_path && !o->dataset_path)
        return raised(v, reterr, "dataset_path must be provided for loading data.");
    if (o->dataset_path && strcmp(o->dataset_name, "random") == 0)
        return usage(v, reterr,
                     "Cannot use 'random' dataset with --dataset-path. Please specify the "
                     "appropriate --dataset-name (e.g., 'sharegpt', 'custom', 'sonnet') for your "
                     "dataset file: %s",
                     o->dataset_path);
    v->data_path = o->dataset_path;
    v->trace = (struct tk_data_trace){
        .chunk = o->timed_trace_chunk,
        .multiplier = o->timed_trace_multiplier,
        .timestamp = o->timed_trace_timestamp,
        .input_length = o->timed_trace_input_length,
        .output_length = o->timed_trace_output_length,
        .hash_ids = o->timed_trace_hash_ids,
    };
    return v->set->ops == &tk_data_speed_bench ? check_speed_bench(v, reterr) : 0;
}

/* --- a data set of the hub --- */

static int check_hf(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;

    if (strcmp(o->dataset_name, "hf") != 0)
        return 0;
    int rc = tk__vllm_hf(v, reterr);
    if (rc != 0)
        return rc;
    if (tk__vllm_has_functions(v) && strcmp(o->backend, "openai-chat") != 0)
        return raised(v, reterr,
                      "BFCL dataset requires the 'openai-chat' backend because it sends "
                      "per-request tool schemas via chat completions.");
    bool takes_media = strcmp(o->backend, "openai-chat") == 0 ||
                       strcmp(o->backend, "openai-audio") == 0 || strstr(o->backend, "embeddings-");
    if (tk_hf_is_multimodal(v->hf.set) && !takes_media)
        return raised(v, reterr,
                      "Multi-modal content is only supported on 'openai-chat' and 'openai-audio' "
                      "backends.");
    bool is_audio = strcmp(o->backend, "openai-audio") == 0;
    if (tk_hf_is_multimodal(v->hf.set) && tk_hf_is_speech(v->hf.set) != is_audio)
        return raised(v, reterr, "'%s' has %s, which backend '%s' does not send",
                      o->hf_name ? o->hf_name : o->dataset_path,
                      is_audio ? "no recordings" : "recordings", o->backend);
    return 0;
}

/* --- the data set --- */

/* Whether backend and options are some that it goes with. */
static int check_fit(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;

    if (v->set->is_chat_only && strcmp(o->backend, "openai-chat") != 0)
        return raised(v, reterr,
                      "Multi-modal content (images) is only supported on 'openai-chat' backend.");
    if (v->set->sends_images && strcmp(o->backend, "openai-chat") != 0 &&
        !strstr(o->backend, "embeddings-") && strcmp(o->backend, "infinity-embeddings") != 0)
        return raised(v, reterr,
                      "Multi-modal content is not supported on backend '%s'; use openai-chat, or "
                      "one of the embeddings that take images.",
                      o->backend);
    if (v->set->sends_audio &&
        strcmp(o->backend, o->enable_multimodal_chat ? "openai-chat" : "openai-audio") != 0)
        return raised(v, reterr,
                      "custom_audio goes to backend openai-audio, or with --enable-multimodal-chat "
                      "to openai-chat, not to '%s'",
                      o->backend);
    if (v->set->has_instants && strcmp(o->backend, "vllm") != 0 &&
        strcmp(o->backend, "openai") != 0)
        return raised(v, reterr,
                      "timed_trace dataset passes pre-tokenized prompts (list[int]) and requires a "
                      "completions backend ('vllm' or 'openai').");
    if (!v->set->has_instants && (o->self_timed || o->no_self_timed))
        return raised(v, reterr,
                      "--self-timed/--no-self-timed is only supported with "
                      "--dataset-name=timed_trace");
    return 0;
}

static int check_set(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;

    v->set = tk__vllm_set(v);
    if (!v->set)
        return usage(v, reterr,
                     "data set '%s' is not supported yet: random, random-mm, random-rerank, "
                     "prefix_repetition, sonnet, burstgpt, custom, sharegpt, hf, spec_bench, "
                     "custom_image, custom_audio, speed_bench and timed_trace are",
                     o->dataset_name);
    int rc = check_fit(v, reterr);
    if (rc != 0)
        return rc;
    if (!v->set->takes_template_kwargs)
        v->template_kwargs = NULL;
    if (v->set->has_no_ids)
        v->id_prefix = NULL;
    return check_path(v, reterr);
}

/* --- pictures --- */

/* The two bounds between the colours of a timeline. */
static int check_bounds(struct tk_vllm *v, struct tk_err *reterr)
{
    struct tk_str rest = tk_str_of(v->o->timeline_itl_thresholds), part;
    size_t n = 0;

    if (rest.n == 0)
        return raised(v, reterr,
                      "Invalid --timeline-itl-thresholds format: could not convert string to "
                      "float: ''");
    for (bool has_more = true; has_more; n++) {
        has_more = memchr(rest.p, ',', rest.n) != NULL;
        (void)tk_str_split(&rest, ',', &part);
        double ms;
        part = tk_str_trim(part);
        if (tk_num_parse_double(part, &ms) != 0)
            return raised(v, reterr,
                          "Invalid --timeline-itl-thresholds format: could not convert string to "
                          "float: '%.*s'",
                          TK_STR_ARG(part));
        if (n < TK_ARRAY_LEN(v->itl_bounds_ms))
            v->itl_bounds_ms[n] = ms;
    }
    if (n != TK_ARRAY_LEN(v->itl_bounds_ms))
        return raised(v, reterr,
                      "Invalid --timeline-itl-thresholds format: Expected 2 ITL threshold values, "
                      "got %zu",
                      n);
    return 0;
}

static int check_plots(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;

    if (o->plot_dataset_stats && !o->save_result && !o->append_result && !o->plot_timeline)
        return raised(v, reterr,
                      "file_name must be set when plot_dataset_stats is enabled: give "
                      "--save-result, --append-result or --plot-timeline too");
    return o->plot_timeline ? check_bounds(v, reterr) : 0;
}

/* --- the load --- */

static int check_ramp(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;

    if (!o->ramp_up_strategy)
        return 0;
    if (!isinf(o->request_rate))
        return raised(v, reterr,
                      "When using ramp-up, do not specify --request-rate. The request rate will be "
                      "controlled by ramp-up parameters. Please remove the --request-rate "
                      "argument.");
    if (!tk_vllm_given(v, "ramp-up-start-rps") || !tk_vllm_given(v, "ramp-up-end-rps"))
        return raised(v, reterr,
                      "When using --ramp-up-strategy, both --ramp-up-start-rps and "
                      "--ramp-up-end-rps must be specified");
    if (o->ramp_up_start_rps < 0 || o->ramp_up_end_rps < 0)
        return raised(v, reterr, "Ramp-up start and end RPS must be non-negative");
    if (o->ramp_up_start_rps > o->ramp_up_end_rps)
        return raised(v, reterr, "Ramp-up start RPS must be less than end RPS");
    if (strcmp(o->ramp_up_strategy, "exponential") == 0 && o->ramp_up_start_rps == 0)
        return raised(v, reterr, "For exponential ramp-up, the start RPS cannot be 0.");
    return 0;
}

static int check_load(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;
    char rate[32];

    if (!(o->burstiness > 0)) {
        rate[tk_num_shortest(o->burstiness, rate)] = '\0';
        return raised(v, reterr, "A positive burstiness factor is expected, but given %s.", rate);
    }
    if (!(o->request_rate > 0)) {
        rate[tk_num_shortest(o->request_rate, rate)] = '\0';
        return raised(v, reterr, "Obtained non-positive request rate %s.", rate);
    }
    return check_ramp(v, reterr);
}

/* --- the backend --- */

static const char *const sampling[] = {
    "top-p",
    "top-k",
    "min-p",
    "temperature",
    "frequency-penalty",
    "presence-penalty",
    "repetition-penalty",
};

static int check_sampling(struct tk_vllm *v, struct tk_err *reterr)
{
    if (v->backend->is_compatible || v->backend->is_pooling)
        return 0; /* the pooling ones leave them out */
    for (size_t i = 0; i < TK_ARRAY_LEN(sampling); i++) {
        if (tk_vllm_given(v, sampling[i]))
            return raised(v, reterr,
                          "Sampling parameters are only supported by openai-compatible backends.");
    }
    return 0;
}

const char *tk_vllm_left_out(const struct tk_vllm *v, size_t *at)
{
    const struct tk__vllm_backend *b = v->backend;
    const struct {
        const char *option;
        bool is_left_out;
    } others[] = {
        { "logprobs", strcmp(b->api, "completions") != 0 },
        { "ignore-eos", b->has_no_extra },
        { "extra-body", b->has_no_extra },
    };

    for (size_t i; (i = (*at)++) < TK_ARRAY_LEN(sampling) + TK_ARRAY_LEN(others);) {
        bool is_other = i >= TK_ARRAY_LEN(sampling);
        size_t k = is_other ? i - TK_ARRAY_LEN(sampling) : i;
        const char *option = is_other ? others[k].option : sampling[k];
        if ((is_other ? others[k].is_left_out : b->is_pooling) && tk_vllm_given(v, option))
            return option;
    }
    return NULL;
}

/* A form's parts are told apart by a line that is in none of them: encoding checks that. */
static int choose_type(struct tk_vllm *v, struct tk_err *reterr)
{
    uint64_t state = (uint64_t)v->o->seed;
    unsigned long long high = tk_splitmix_next(&state), low = tk_splitmix_next(&state);

    v->content_type = "application/json";
    if (!v->backend->is_form)
        return 0;
    v->boundary = make(v, "%016llx%016llx", high, low);
    v->content_type = v->boundary ? make(v, "multipart/form-data; boundary=%s", v->boundary) : NULL;
    return v->content_type ? 0 : raised(v, reterr, "no memory for the headers");
}

static int check_backend(struct tk_vllm *v, struct tk_err *reterr)
{
    v->backend = tk__vllm_backend(v->o->backend);
    if (!v->backend)
        return usage(v, reterr, "there is no backend '%s'", v->o->backend);
    int rc = check_sampling(v, reterr);
    return rc == 0 ? choose_type(v, reterr) : rc;
}

/* --- where to --- */

static bool has_suffix(const struct tk__vllm_backend *b, struct tk_str url)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(b->suffix); i++) {
        if (b->suffix[i] && tk_str_ends(url, tk_str_of(b->suffix[i])))
            return true;
    }
    return tk_str_ends(url, TK_STR("profile"));
}

static int check_suffix(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk__vllm_backend *b = v->backend;
    bool has_two = b->suffix[1] != NULL, is_default = !tk_vllm_given(v, "endpoint");

    if (has_suffix(b, tk_str_of(v->url)))
        return 0;
    return raised(v, reterr, "%s URL must end with one of: {'%s'%s%s%s, 'profile'}.%s%s%s",
                  b->label, b->suffix[0], has_two ? ", '" : "", has_two ? b->suffix[1] : "",
                  has_two ? "'" : "", is_default ? " Is '--endpoint " : "",
                  is_default ? b->endpoint : "", is_default ? "' missing?" : "");
}

static int check_url(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;
    const char *host = o->host;
    bool is_v6 = strchr(host, ':') && host[0] != '[';

    if (!o->base_url && o->endpoint[0] != '/')
        return raised(v, reterr, "the endpoint has to begin with '/'");
    if (o->base_url)
        v->base = o->base_url;
    else
        v->base = make(v, "http://%s%s%s:%lld", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
                       (long long)o->port);
    v->url = v->base ? make(v, "%s%s", v->base, o->endpoint) : NULL;
    return v->url ? check_suffix(v, reterr) : raised(v, reterr, "the URL is too long");
}

/* --- headers --- */

static int put_header(struct tk_vllm *v, struct tk_str name, struct tk_str value, bool is_secret)
{
    struct tk_plan_header *h = NULL;

    for (size_t i = 0; !h && i < v->n_headers; i++) {
        if (tk_str_eq_nocase(tk_str_of(v->headers[i].name), name))
            h = &v->headers[i];
    }
    if (!h)
        h = &v->headers[v->n_headers++];
    h->name = tk_arena_dup(&v->arena, name);
    h->value = tk_arena_dup(&v->arena, value);
    h->is_secret = is_secret;
    return h->name && h->value ? 0 : -ENOMEM;
}

/* `Authorization` is always sent by the tool: "Bearer None" without a key in the environment. */
static int put_constants(struct tk_vllm *v, const char *api_key)
{
    char *bearer = make(v, "Bearer %s", api_key ? api_key : "None");
    int rc = bearer ? 0 : -ENOMEM;

    if (rc == 0)
        rc = put_header(v, TK_STR("Content-Type"), tk_str_of(v->content_type), false);
    if (rc == 0)
        rc = put_header(v, TK_STR("Authorization"), tk_str_of(bearer), api_key && *api_key);
    if (rc == 0)
        rc = put_header(v, TK_STR("Accept"), TK_STR("*/*"), false);
    if (rc == 0)
        rc = put_header(v, TK_STR("Accept-Encoding"), TK_STR("gzip, deflate"), false);
    return rc;
}

static int begin_headers(struct tk_vllm *v, const char *api_key)
{
    size_t bytes = (v->o->header.n + 8) * sizeof(*v->headers);

    v->headers = tk_arena_alloc(&v->arena, bytes);
    v->constants = tk_arena_alloc(&v->arena, bytes);
    if (!v->headers || !v->constants || put_constants(v, api_key) != 0)
        return -ENOMEM;
    v->n_constants = v->n_headers;
    memcpy(v->constants, v->headers, v->n_headers * sizeof(*v->headers));
    return 0;
}

static int check_headers(struct tk_vllm *v, const char *api_key, struct tk_err *reterr)
{
    const struct tk_opt_list *given = &v->o->header;

    if (begin_headers(v, api_key) != 0)
        return raised(v, reterr, "no memory for the headers");
    for (size_t i = 0; i < given->n; i++) {
        struct tk_str item = tk_str_of(given->v[i]);
        ptrdiff_t equals = tk_str_find(item, '=');
        if (equals < 0)
            return raised(v, reterr, "Invalid header format. Please use KEY=VALUE format.");
        struct tk_str name = tk_str_trim((struct tk_str){ item.p, (size_t)equals });
        struct tk_str value = tk_str_trim(
            (struct tk_str){ item.p + equals + 1, item.n - (size_t)equals - 1 });
        if (!tk_header_is_valid(name, value))
            return raised(v, reterr, "header '%.*s' cannot be sent", TK_STR_ARG(name));
        if (tk_str_eq_nocase(name, TK_STR("x-request-id")) && v->id_prefix)
            continue; /* the measured requests have one of their own */
        if (put_header(v, name, value, tk_plan_is_secret(name)) != 0)
            return raised(v, reterr, "no memory for the headers");
    }
    return 0;
}

/* --- what to report --- */

static int check_metrics(struct tk_vllm *v, struct tk_err *reterr)
{
    const char *usual = v->backend->is_pooling ? "e2el" : "ttft,tpot,itl";
    const char *given = v->o->percentile_metrics;
    struct tk_str rest = tk_str_of(given && *given ? given : usual);
    struct tk_str part;

    while (tk_str_split(&rest, ',', &part)) {
        for (size_t m = 0; m < TK_VLLM_METRIC_N_; m++) /* others are ignored there too */
            v->has_metric[m] = v->has_metric[m] || tk_str_is(part, tk__vllm_metric_names[m]);
    }
    v->has_metric[TK_VLLM_QUEUE] &= v->o->max_concurrency > 0;
    v->has_metric[TK_VLLM_QUEUE_E2EL] &= v->o->max_concurrency > 0 && !isinf(v->o->request_rate);
    rest = tk_str_of(v->o->metric_percentiles);
    while (tk_str_split(&rest, ',', &part)) {
        double p;
        if (v->n_percentiles == TK_VLLM_MAX_PERCENTILES)
            return raised(v, reterr, "more than %d percentiles", TK_VLLM_MAX_PERCENTILES);
        if (tk_num_parse_double(tk_str_trim(part), &p) != 0)
            return raised(v, reterr, "could not convert string to float: '%.*s'", TK_STR_ARG(part));
        if (!(p >= 0 && p <= 100)) /* the tool finds out after the run, and loses it */
            return raised(v, reterr, "Percentiles must be in the range [0, 100]");
        v->percentiles[v->n_percentiles++] = p;
    }
    return 0;
}

bool tk_vllm_idle_metric(const struct tk_vllm *v, struct tk_str *rest, struct tk_str *ret_word)
{
    while (tk_str_split(rest, ',', ret_word)) {
        size_t m = 0;
        while (m < TK_VLLM_METRIC_N_ && !tk_str_is(*ret_word, tk__vllm_metric_names[m]))
            m++;
        bool is_idle = m == TK_VLLM_METRIC_N_ || !v->has_metric[m] ||
                       (v->backend->is_pooling && m != TK_VLLM_E2EL);
        if (is_idle && ret_word->n > 0) /* of no words at all there is an empty one */
            return true;
    }
    return false;
}

static int check_objective(struct tk_vllm *v, struct tk_str item, struct tk_err *reterr)
{
    ptrdiff_t colon = tk_str_find(item, ':');
    double ms = 0;
    char text[32];
    size_t m = 0;
    struct tk_str name = { item.p, colon < 0 ? item.n : (size_t)colon };
    struct tk_str number = { item.p + name.n + 1, colon < 0 ? 0 : item.n - name.n - 1 };

    if (colon < 0 || tk_num_parse_double(tk_str_trim(number), &ms) != 0)
        return raised(v, reterr,
                      "Invalid format found for service level objectives. Specify service level "
                      "objectives for goodput as \"KEY:VALUE\" pairs, where the key is a metric "
                      "name, and the value is a number in milliseconds.");
    text[tk_num_shortest(ms, text)] = '\0';
    while (m <= TK_VLLM_E2EL && (m == TK_VLLM_ITL || !tk_str_is(name, tk__vllm_metric_names[m])))
        m++;
    if (m > TK_VLLM_E2EL)
        return raised(
            v, reterr,
            "Invalid metric name found, %.*s: %s. The service level objective name should "
            "be one of ['ttft', 'tpot', 'e2el']. ",
            TK_STR_ARG(name), text);
    if (!(ms >= 0)) /* nan too, which nothing meets */
        return raised(v, reterr,
                      "Invalid value found, %.*s: %s. The service level objective value should be "
                      "non-negative.",
                      TK_STR_ARG(name), text);
    v->goodput_ms[m] = ms;
    return 0;
}

static int check_goodput(struct tk_vllm *v, struct tk_err *reterr)
{
    int rc = 0;

    for (size_t m = 0; m < TK_VLLM_METRIC_N_; m++)
        v->goodput_ms[m] = NAN;
    v->has_goodput = v->o->goodput.n > 0;
    if (v->has_goodput && v->backend->is_pooling) /* the tool stops after the run, which is lost */
        return raised(v, reterr, "--goodput is for backends that generate text: '%s' does not",
                      v->backend->name);
    for (size_t i = 0; rc == 0 && i < v->o->goodput.n; i++)
        rc = check_objective(v, tk_str_of(v->o->goodput.v[i]), reterr);
    return rc;
}

/* The tool looks at these after the run, when an error costs the result. */
static int check_metadata(struct tk_vllm *v, struct tk_err *reterr)
{
    if (v->o->metadata.n > TK_VLLM_MAX_METADATA)
        return raised(v, reterr, "more than %d pairs of metadata", TK_VLLM_MAX_METADATA);
    for (size_t i = 0; i < v->o->metadata.n; i++) {
        if (!strchr(v->o->metadata.v[i], '='))
            return raised(v, reterr, "Invalid metadata format. Please use KEY=VALUE format.");
    }
    return 0;
}

/* "encoding_format": "bytes_only" is a reply without usage. */
static bool asks_bytes_only(const char *extra)
{
    struct tk_jsondoc d;
    struct tk_json_val v;
    struct tk_str format;
    bool is_so = tk_jsondoc_init(&d, tk_str_of(extra)) == 0 &&
                 tk_json_find(&d.root, "encoding_format", &v) == 0 &&
                 tk_json_get_str(&v, &format) == 0 && tk_str_is(format, "bytes_only");

    tk_jsondoc_release(&d);
    return is_so;
}

/* What Python takes for false, as json.dumps() writes it. */
static bool is_false(struct tk_str json)
{
    static const char *const words[] = { "null", "false", "0", "0.0", "-0.0", "\"\"", "[]" };

    for (size_t i = 0; i < TK_ARRAY_LEN(words); i++) {
        if (tk_str_is(json, words[i]))
            return true;
    }
    return false;
}

/* Whether `text` is the JSON object that `option` takes. *ret is the text; NULL: nothing is meant. */
static int check_object(struct tk_vllm *v, const char *option, const char *text, const char **ret,
                        struct tk_err *reterr)
{
    struct tk_buf json = TK_BUF_INIT((size_t)64 << 20);
    int rc = 0;

    *ret = NULL;
    if (!text)
        return 0;

    if (tk_vllm_redump(tk_str_of(text), &json) != 0)
        rc = usage(v, reterr, "argument --%s: invalid loads value: '%.200s'", option, text);
    else if (!is_false(tk_buf_str(&json)) && json.p[0] != '{')
        rc = raised(v, reterr, "--%s is no JSON object: '%.200s'", option, text);
    if (rc == 0 && json.p[0] == '{')
        *ret = text;
    tk_buf_release(&json);
    return rc;
}

static int check_objects(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;
    int rc = check_object(v, "extra-body", o->extra_body, &v->extra_body, reterr);

    v->has_no_usage = v->extra_body && asks_bytes_only(v->extra_body);
    return rc == 0 ? check_object(v, "chat-template-kwargs", o->chat_template_kwargs,
                                  &v->template_kwargs, reterr)
                   : rc;
}

static int check_rest(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;

    if (v->id_prefix && strlen(v->id_prefix) > MAX_ID_PREFIX)
        return usage(v, reterr, "the request id's prefix is longer than %d bytes", MAX_ID_PREFIX);
    if (v->id_prefix && !tk_header_is_valid(TK_STR("x-request-id"), tk_str_of(v->id_prefix)))
        return usage(v, reterr, "the request id's prefix cannot be sent");
    v->served_model = o->served_model_name && *o->served_model_name ? o->served_model_name
                                                                    : o->model;
    return 0;
}

/* For the plan: what the requests say where the command line says nothing. */
static int tell_sampling(struct tk_vllm *v, struct tk_err *reterr)
{
    struct tk_buf text = TK_BUF_INIT(1 << 16);
    int rc = tk__vllm_sampling(v, &text, reterr);

    if (rc == 0)
        v->sampling = tk_arena_dup(&v->arena, tk_buf_str(&text));
    tk_buf_release(&text);
    return rc == 0 && !v->sampling ? raised(v, reterr, "no memory for the plan") : rc;
}

void tk_vllm_set_model(struct tk_vllm *v, struct tk_vllm_opts *o, const char *name,
                       const char *model)
{
    o->model = model;
    v->served_model = name;
}

int tk_vllm_check(struct tk_vllm *v, const struct tk_vllm_opts *o, const bool *is_given,
                  const char *api_key, struct tk_err *reterr)
{
    static int (*const checks[])(struct tk_vllm *, struct tk_err *) = {
        check_objects, tk__vllm_mm,    check_set,     check_plots, check_load,
        check_backend, check_url,      check_hf,      check_rest,  check_metrics,
        check_goodput, check_metadata, tell_sampling,
    };

    memset(v, 0, sizeof(*v));
    tk_arena_init(&v->arena, 0);
    v->o = o;
    v->is_given = is_given;
    v->id_prefix = o->request_id_prefix;
    tk_mt_seed_numpy(&v->numpy, (uint64_t)o->seed);
    tk_mt_seed_python(&v->python, (uint64_t)o->seed);
    if (o->align_tokens && o->dry_run)
        return usage(v, reterr, "--align-tokens asks the server, and a dry run asks none");
    if (!o->model && o->dry_run)
        return usage(v, reterr,
                     "the following arguments are required: --model (a dry run asks no server for "
                     "its)");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < TK_ARRAY_LEN(checks); i++)
        rc = checks[i](v, reterr);
    return rc == 0 ? check_headers(v, api_key, reterr) : rc;
}
