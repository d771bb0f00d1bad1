/* sets.c - which data set is made how, and of which options
 *
 * One line per --dataset-name. The sets themselves are in src/data; here is what the tool hands each
 * of them.
 */
#include "dialect/vllm/sets.h"

#include <math.h>
#include <string.h>

#include "data/hf.h"
#include "dialect/vllm/backends.h"

#define WHISPER_SECONDS 30.0 /* longer clips are left out, as in 0.13 */

static size_t n_wanted(const struct tk_vllm *v)
{
    return v->o->num_prompts > 0 ? (size_t)v->o->num_prompts : 0;
}

/* --output-len and --input-len are newer than the page and stand over a set's own options. */
static int64_t output_len(const struct tk_vllm *v, int64_t own)
{
    return tk_vllm_given(v, "output-len") ? v->o->output_len : own;
}

static int64_t input_len(const struct tk_vllm *v, int64_t own)
{
    return tk_vllm_given(v, "input-len") ? v->o->input_len : own;
}

static void fill_custom(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    conf->output_tokens = output_len(v, v->o->custom_output_len);
    conf->takes_empty = true;
}

/* The tool hands neither --seed nor --skip-chat-template to this one. */
static void fill_spec_bench(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    conf->output_tokens = output_len(v, v->o->spec_bench_output_len);
    conf->n_wanted = n_wanted(v);
    conf->seed = 0;
    conf->do_shuffle = !v->o->disable_shuffle;
    conf->category = v->o->spec_bench_category;
}

static void fill_speed_bench(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    fill_spec_bench(v, conf);
    conf->output_tokens = v->o->speed_bench_output_len;
    conf->category = v->o->speed_bench_category;
}

static void fill_custom_image(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    conf->output_tokens = output_len(v, v->o->custom_output_len);
    conf->n_wanted = n_wanted(v);
    conf->do_shuffle = !v->o->disable_shuffle;
    conf->is_client_side = v->o->custom_client_side_data;
}

static void fill_custom_audio(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    conf->output_tokens = output_len(v, v->o->custom_output_len);
    conf->n_wanted = n_wanted(v);
    conf->do_shuffle = !v->o->disable_shuffle;
    conf->makes_message = v->o->enable_multimodal_chat;
}

static void fill_sharegpt(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    bool is_given = tk_vllm_given(v, "sharegpt-output-len");

    conf->output_tokens = output_len(v, is_given ? v->o->sharegpt_output_len : -1);
    conf->n_wanted = n_wanted(v);
    conf->do_shuffle = !v->o->disable_shuffle;
    conf->is_filtered = true;
    conf->takes_media = true;
}

static void fill_random(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    conf->n_wanted = n_wanted(v);
    conf->input_tokens = input_len(v, v->o->random_input_len);
    conf->output_tokens = output_len(v, v->o->random_output_len);
    conf->prefix_tokens = v->o->random_prefix_len;
    conf->range_ratio = v->o->random_range_ratio;
    conf->batch = v->o->random_batch_size;
}

static void fill_mm(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    fill_random(v, conf);
    conf->mm = &v->mm;
}

static void fill_rerank(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    fill_random(v, conf);
    conf->prefix_tokens = 0;
    conf->is_reranker = !v->o->no_reranker;
}

static void fill_repetition(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    conf->n_wanted = n_wanted(v);
    conf->do_shuffle = !v->o->disable_shuffle;
    conf->output_tokens = output_len(v, v->o->prefix_output_len);
    conf->prefix_tokens = v->o->prefix_len;
    conf->suffix_tokens = v->o->suffix_len;
    conf->n_prefixes = v->o->num_prefixes;
}

static void fill_sonnet(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    conf->n_wanted = n_wanted(v);
    conf->input_tokens = input_len(v, v->o->sonnet_input_len);
    conf->output_tokens = output_len(v, v->o->sonnet_output_len);
    conf->prefix_tokens = v->o->sonnet_prefix_len;
    conf->keeps_plain = v->backend->is_chat; /* the server puts its template around it */
}

static void fill_trace(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    conf->n_wanted = n_wanted(v);
    conf->trace = &v->trace;
}

static void fill_burstgpt(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    conf->n_wanted = n_wanted(v);
}

/* MLPerf's prompts stand in the template whatever is said. */
static enum tk_vllm_need need_of_hf(const struct tk_vllm *v)
{
    const struct tk_hf_set *set = tk_hf_find(v->o->dataset_path, v->o->hf_name);

    if (tk_hf_has_functions(set))
        return TK_VLLM_NEEDS_ANY_CHAT;
    bool is_plain = v->o->skip_chat_template && !tk_hf_needs_template(set);

    return tk_hf_has_template(set) && !is_plain ? TK_VLLM_NEEDS_CHAT : TK_VLLM_NEEDS_TOKENIZER;
}

bool tk__vllm_has_functions(const struct tk_vllm *v)
{
    return v->hf.set && tk_hf_has_functions(v->hf.set);
}

bool tk__vllm_makes_message(const struct tk_vllm *v)
{
    bool heeds = v->hf.set ? tk_hf_makes_message(v->hf.set) : v->set->wraps_text;

    return v->o->enable_multimodal_chat && heeds;
}

bool tk_vllm_ignores_chat(const struct tk_vllm *v)
{
    return v->o->enable_multimodal_chat && !tk__vllm_makes_message(v) && !v->set->sends_audio;
}

bool tk__vllm_has_media_inside(const struct tk_vllm *v)
{
    return v->hf.set ? tk_hf_has_media_inside(v->hf.set) : v->set->is_media_inside;
}

static void fill_hf(const struct tk_vllm *v, struct tk_data_conf *conf)
{
    bool is_given = tk_vllm_given(v, "hf-output-len");

    conf->n_wanted = n_wanted(v);
    conf->do_shuffle = !v->o->disable_shuffle;
    conf->output_tokens = output_len(v, is_given ? v->o->hf_output_len : -1);
    conf->hf = &v->hf;
}

/* Newer, as is the option, of which 0 is no bound; 0.13 has that of Whisper. */
static double longest_clip(const struct tk_vllm *v, const struct tk_hf_set *set)
{
    if (tk_vllm_given(v, "asr-max-audio-len-sec"))
        return v->o->asr_max_audio_len > 0 ? v->o->asr_max_audio_len : INFINITY;
    return tk_hf_has_long_speech(set) ? INFINITY : WHISPER_SECONDS;
}

/* What a model of the family that the tokenizer's name tells is begun with. */
static const char *speech_prompt(const struct tk_vllm *v)
{
    const char *name = v->o->tokenizer ? v->o->tokenizer : v->o->model ? v->o->model : "";

    if (strstr(name, "openai"))
        return TK_HF_WHISPER;
    if (strcasestr(name, "cohere"))
        return "<|startofcontext|><|startoftranscript|><|emo:undefined|><|en|><|en|><|pnc|>"
               "<|noitn|><|notimestamp|><|nodiarize|>";
    return NULL;
}

int tk__vllm_hf(struct tk_vllm *v, struct tk_err *reterr)
{
    const struct tk_vllm_opts *o = v->o;
    const struct tk_hf_set *set = tk_hf_find(o->dataset_path, o->hf_name);
    struct tk_buf names = TK_BUF_INIT(4096);

    if (!set) {
        (void)tk_hf_names(&names);
        v->exit_status = 1;
        int rc = tk_err_set(reterr, TK_E_FORMAT,
                            "Unsupported dataset path: %s. Huggingface dataset only supports "
                            "dataset_path from one of following: %s. Please consider contributing "
                            "if you would like to add support for additional dataset formats. A "
                            "folder or file here is one of them by --hf-name%s%s%s",
                            o->dataset_path ? o->dataset_path : "None", names.p ? names.p : "",
                            o->hf_name ? "; '" : "", o->hf_name ? o->hf_name : "",
                            o->hf_name ? "' is none" : "");
        tk_buf_release(&names);
        return rc;
    }
    v->hf = (struct tk_data_hf){
        .set = set,
        .subset = o->hf_subset,
        .split = o->hf_split,
        .is_streamed = !o->no_stream,
        .min_distance = o->blazedit_min_distance,
        .max_distance = o->blazedit_max_distance,
        .categories = o->bfcl_categories,
        .min_seconds = o->asr_min_audio_len,
        .max_seconds = longest_clip(v, set),
        .speech_prompt = speech_prompt(v),
    };
    return 0;
}

static const struct tk__vllm_set sets[] = {
    {
        .name = "custom",
        .ops = &tk_data_jsonl,
        .needs_path = true,
        .is_sampled = true,
        .has_fixed_seed = true,
        .is_measured = true,
        .is_shuffled = true,
        .takes_template_kwargs = true,
        .need = TK_VLLM_WANTS_CHAT,
        .fill = fill_custom,
    },
    {
        .name = "custom_image",
        .ops = &tk_data_custom_image,
        .needs_path = true,
        .is_sampled = true,
        .wraps_text = true,
        .sends_images = true,
        .need = TK_VLLM_WANTS_TOKENIZER,
        .fill = fill_custom_image,
    },
    {
        .name = "custom_audio",
        .ops = &tk_data_custom_audio,
        .needs_path = true,
        .is_sampled = true,
        .is_measured = true,
        .sends_audio = true,
        .need = TK_VLLM_WANTS_ANY_CHAT,
        .fill = fill_custom_audio,
    },
    {
        .name = "spec_bench",
        .ops = &tk_data_spec_bench,
        .needs_path = true,
        .is_sampled = true,
        .has_fixed_seed = true,
        .is_measured = true,
        .need = TK_VLLM_NEEDS_CHAT,
        .fill = fill_spec_bench,
    },
    {
        .name = "speed_bench",
        .ops = &tk_data_speed_bench,
        .needs_path = true,
        .is_sampled = true,
        .has_fixed_seed = true,
        .is_measured = true,
        .takes_template_kwargs = true,
        .may_skip_template = true,
        .need = TK_VLLM_NEEDS_CHAT,
        .fill = fill_speed_bench,
    },
    {
        .name = "sharegpt",
        .ops = &tk_data_sharegpt,
        .wraps_text = true,
        .needs_path = true,
        .is_sampled = true,
        .need = TK_VLLM_WANTS_TOKENIZER,
        .fill = fill_sharegpt,
    },
    {
        .name = "random",
        .ops = &tk_data_random,
        .ignores_eos = true,
        .is_made_in_order = true,
        .need = TK_VLLM_NEEDS_TOKENIZER,
        .fill = fill_random,
    },
    {
        .name = "random-mm",
        .ops = &tk_data_random_mm,
        .wraps_text = true,
        .is_media_inside = true,
        .is_chat_only = true,
        .ignores_eos = true,
        .is_made_in_order = true,
        .need = TK_VLLM_NEEDS_TOKENIZER,
        .fill = fill_mm,
    },
    {
        .name = "random-rerank",
        .ops = &tk_data_random_rerank,
        .need = TK_VLLM_NEEDS_TOKENIZER,
        .fill = fill_rerank,
    },
    {
        .name = "prefix_repetition",
        .ops = &tk_data_prefix_repetition,
        .has_no_ids = true,
        .need = TK_VLLM_NEEDS_TOKENIZER,
        .fill = fill_repetition,
    },
    {
        .name = "sonnet",
        .ops = &tk_data_sonnet,
        .need = TK_VLLM_NEEDS_CHAT,
        .fill = fill_sonnet,
    },
    {
        .name = "burstgpt",
        .ops = &tk_data_burstgpt,
        .needs_path = true,
        .need = TK_VLLM_NEEDS_TOKENIZER,
        .fill = fill_burstgpt,
    },
    {
        .name = "timed_trace",
        .ops = &tk_data_timed_trace,
        .needs_path = true,
        .ignores_eos = true,
        .has_instants = true,
        .need = TK_VLLM_NEEDS_TOKENIZER,
        .fill = fill_trace,
    },
    {
        .name = "hf",
        .ops = &tk_data_hf,
        .needs_path = true,
        .is_sampled = true,
        .need_of = need_of_hf,
        .fill = fill_hf,
    },
};

const struct tk__vllm_set *tk__vllm_set(const struct tk_vllm *v)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(sets); i++) {
        if (strcmp(sets[i].name, v->o->dataset_name) == 0)
            return &sets[i];
    }
    return NULL;
}

enum tk_vllm_need tk_vllm_needs(const struct tk_vllm *v)
{
    const struct tk__vllm_set *set = tk__vllm_set(v);

    if (!set)
        return TK_VLLM_NEEDS_NOTHING;
    if (set->need_of)
        return set->need_of(v);
    if (v->o->skip_tokenizer_init && set->need != TK_VLLM_NEEDS_TOKENIZER &&
        set->need != TK_VLLM_NEEDS_CHAT)
        return TK_VLLM_NEEDS_NOTHING;
    if (set->sends_audio && v->o->enable_multimodal_chat)
        return TK_VLLM_WANTS_TOKENIZER;
    if (set->need == TK_VLLM_WANTS_CHAT && v->o->skip_chat_template)
        return TK_VLLM_WANTS_TOKENIZER;
    if (set->may_skip_template && v->o->skip_chat_template)
        return TK_VLLM_NEEDS_TOKENIZER;
    return set->need;
}
