/* hf_sets.c - how a row of each known data set becomes a prompt
 *
 * One entry per class of the tool, in the order in which it looks for them; the names, splits, lengths and
 * templates are facts about it (spec, 8.15). A row without what its set needs is an error that says which
 * columns it has: it is another data set under that name.
 */
#include "data/hf_sets.h"

#include <stdio.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/str.h"

/* --- what rows have --- */

static int lacks(struct tk__hf_row *r, struct tk_json_val *root, const char *what, const char *key)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str name;
    char keys[200] = "";
    size_t n = 0;

    if (tk_json_obj(root, &it) == 0) {
        while (tk_json_obj_next(&it, &name, &v) > 0 && n + name.n + 3 < sizeof(keys))
            n += (size_t)snprintf(keys + n, sizeof(keys) - n, "%s%.*s", n ? ", " : "",
                                  TK_STR_ARG(name));
    }
    return tk__row_fail(&r->at, TK_E_FORMAT, r->reterr, "it has no %s '%s'; its columns are: %s",
                        what, key, keys);
}

static bool find(struct tk_json_val *v, const char *key, struct tk_json_val *ret)
{
    return tk_json_type(v) == TK_JSON_OBJECT && tk_json_find(v, key, ret) == 0 &&
           tk_json_type(ret) != TK_JSON_NULL;
}

/* A column that must be a text. 0 or a code. */
static int text(struct tk__hf_row *r, struct tk_json_val *root, const char *key, struct tk_str *ret)
{
    struct tk_json_val v;

    if (!find(root, key, &v) || tk_json_get_str(&v, ret) != 0)
        return lacks(r, root, "text", key);
    return 0;
}

/* Element `i` of a list. */
static bool element(struct tk_json_val *list, size_t i, struct tk_json_val *ret)
{
    struct tk_json_iter it;

    if (tk_json_type(list) != TK_JSON_ARRAY || tk_json_arr(list, &it) != 0)
        return false;
    do {
        if (tk_json_arr_next(&it, ret) <= 0)
            return false;
    } while (i-- > 0);
    return true;
}

/* The value as Python's format writes it: null is None. */
static int add_formatted(struct tk__hf_row *r, struct tk_json_val *root, const char *key)
{
    struct tk_json_val v;
    struct tk_str s;

    if (tk_json_type(root) != TK_JSON_OBJECT || tk_json_find(root, key, &v) != 0)
        return lacks(r, root, "column", key);
    if (tk_json_type(&v) == TK_JSON_NULL)
        return tk_buf_add_z(&r->prompt, "None");
    if (tk_json_type(&v) == TK_JSON_STRING
            ? tk_json_get_str(&v, &s) != 0
            : tk_json_type(&v) != TK_JSON_NUMBER || tk_json_get_raw(&v, &s) != 0)
        return lacks(r, root, "text", key);
    return tk_buf_add_str(&r->prompt, s);
}

static int done(struct tk__hf_row *r, int rc)
{
    if (rc == 0)
        rc = r->prompt.failed ? r->prompt.failed : r->messages.failed;
    else
        return rc;
    return rc ? tk__row_fail(&r->at, rc, r->reterr, "no memory for its prompt") : 1;
}

/* The one text that is the prompt. */
static int prompt_is(struct tk__hf_row *r, struct tk_json_val *root, const char *key)
{
    struct tk_str s = { NULL, 0 };
    int rc = text(r, root, key, &s);

    if (rc == 0)
        (void)tk_buf_add_str(&r->prompt, s);
    return rc;
}

/* --- the sets --- */

static int make_instruct_coder(struct tk__hf_row *r, struct tk_json_val *root)
{
    int rc = add_formatted(r, root, "input");

    (void)tk_buf_add_z(&r->prompt, "\n\n");
    if (rc == 0)
        rc = add_formatted(r, root, "instruction");
    (void)tk_buf_add_z(&r->prompt, " Just output the code, do not include any explanation.");
    return done(r, rc);
}

static int make_mt_bench(struct tk__hf_row *r, struct tk_json_val *root)
{
    struct tk_json_val turns, first;
    struct tk_str s;

    if (!find(root, "turns", &turns) || !element(&turns, 0, &first) ||
        tk_json_get_str(&first, &s) != 0)
        return lacks(r, root, "list of texts", "turns");
    return done(r, tk_buf_add_str(&r->prompt, s));
}

static int make_human_eval(struct tk__hf_row *r, struct tk_json_val *root)
{
    return done(r, prompt_is(r, root, "prompt"));
}

static int make_gsm8k(struct tk__hf_row *r, struct tk_json_val *root)
{
    return done(r, prompt_is(r, root, "question"));
}

static int make_aimo(struct tk__hf_row *r, struct tk_json_val *root)
{
    int rc = prompt_is(r, root, "problem");

    return done(r, rc ? rc : text(r, root, "solution", &r->answer));
}

/* Two turns at least, else the row is passed over; the first is the prompt, the second the answer. */
static int make_conversation(struct tk__hf_row *r, struct tk_json_val *root)
{
    struct tk_json_val list, turn, value;
    struct tk_str prompt = { NULL, 0 };

    if (!find(root, "conversations", &list) || tk_json_type(&list) != TK_JSON_ARRAY)
        return lacks(r, root, "list", "conversations");
    if (!element(&list, 1, &turn))
        return 0;
    if (!find(&turn, "value", &value) || tk_json_get_str(&value, &r->answer) != 0 ||
        !element(&list, 0, &turn) || !find(&turn, "value", &value) ||
        tk_json_get_str(&value, &prompt) != 0)
        return tk__row_fail(&r->at, TK_E_FORMAT, r->reterr,
                            "a turn of its 'conversations' has no text 'value'");
    if (find(root, "image", &r->media))
        r->media_kind = "image";
    return done(r, tk_buf_add_str(&r->prompt, prompt));
}

static int make_zeta(struct tk__hf_row *r, struct tk_json_val *root)
{
    static const char marker[] = "<|editable_region_start|>";
    struct tk_str output = { NULL, 0 };

    (void)tk_buf_add_z(
        &r->prompt,
        "### Instruction:\nYou are a code completion assistant and your task is to analyze user edits "
        "and then rewrite an excerpt that the user provides, suggesting the appropriate edits within "
        "the excerpt, taking into account the cursor location.\n\n### User Edits:\n\n");
    int rc = add_formatted(r, root, "events");
    (void)tk_buf_add_z(&r->prompt, "\n\n### User Excerpt:\n\n");
    if (rc == 0)
        rc = add_formatted(r, root, "input");
    (void)tk_buf_add_z(&r->prompt, "\n\n### Response:\n\n");
    if (rc == 0)
        rc = text(r, root, "output", &output);
    if (rc != 0)
        return rc;
    const char *at = output.n ? memmem(output.p, output.n, marker, sizeof(marker) - 1) : NULL;
    if (!at &&
        output.n > 0) { /* Python's find() says -1 then, and what begins there is the last letter */
        at = output.p + output.n - 1;
        while (at > output.p && ((unsigned char)*at & 0xC0) == 0x80)
            at--;
    }
    r->answer = at ? (struct tk_str){ at, output.n - (size_t)(at - output.p) } : output;
    return done(r, 0);
}

/* A number, also one that a CSV file has as text. */
static int number(struct tk__hf_row *r, struct tk_json_val *root, const char *key, double *ret)
{
    struct tk_json_val v;
    struct tk_str s;

    if (!find(root, key, &v) ||
        (tk_json_get_double(&v, ret) != 0 &&
         (tk_json_get_str(&v, &s) != 0 || tk_num_parse_double(s, ret) != 0)))
        return lacks(r, root, "number", key);
    return 0;
}

static int make_blazedit(struct tk__hf_row *r, struct tk_json_val *root)
{
    double distance = 0;
    int rc = number(r, root, "norm_distance", &distance);

    if (rc == 0 && (distance < r->hf->min_distance || distance > r->hf->max_distance))
        return 0;
    (void)tk_buf_add_z(&r->prompt,
                       "Given a code file, please apply the change requests and generate the new "
                       "file.\n\nOriginal file:\n```python\n");
    if (rc == 0)
        rc = add_formatted(r, root, "code");
    (void)tk_buf_add_z(&r->prompt, "\n```\n\nChange request:\n");
    if (rc == 0)
        rc = add_formatted(r, root, "change_request");
    (void)tk_buf_add_z(&r->prompt,
                       "\n\nPlease generate the new code file in the \"New file\" section below.");
    return done(r, rc);
}

static int make_mlperf(struct tk__hf_row *r, struct tk_json_val *root)
{
    struct tk_str system = { NULL, 0 }, question = { NULL, 0 };
    struct tk_jsonw w;
    int rc = text(r, root, "system_prompt", &system);

    if (rc == 0)
        rc = text(r, root, "question", &question);
    if (rc == 0)
        rc = text(r, root, "output", &r->answer);
    tk_jsonw_init(&w, &r->messages, TK_JSONW_COMPACT);
    tk_jsonw_arr(&w);
    for (int i = 0; i < 2; i++) {
        tk_jsonw_obj(&w);
        tk_jsonw_put_z(&w, "role", i == 0 ? "system" : "user");
        tk_jsonw_key(&w, "content");
        tk_jsonw_str(&w, i == 0 ? system : question);
        tk_jsonw_obj_end(&w);
    }
    tk_jsonw_arr_end(&w);
    return done(r, rc);
}

/* --- with images and videos --- */

static int media_is(struct tk__hf_row *r, struct tk_json_val *root, const char *kind)
{
    if (!find(root, kind, &r->media))
        return lacks(r, root, kind, kind);
    r->media_kind = kind;
    return 0;
}

/* `turns`[0][0].content, images[0] */
static int make_arena(struct tk__hf_row *r, struct tk_json_val *root, const char *turns)
{
    struct tk_json_val list, turn, first;
    struct tk_str s;

    if (!find(root, turns, &list) || !element(&list, 0, &turn) || !element(&turn, 0, &first) ||
        !find(&first, "content", &first) || tk_json_get_str(&first, &s) != 0)
        return lacks(r, root, "list of lists of messages", turns);
    (void)tk_buf_add_str(&r->prompt, s);
    if (!find(root, "images", &list) || !element(&list, 0, &r->media))
        return lacks(r, root, "image in", "images");
    r->media_kind = "image";
    return done(r, 0);
}

static int make_arena_chat(struct tk__hf_row *r, struct tk_json_val *root)
{
    return make_arena(r, root, "conversation");
}

static int make_arena_bench(struct tk__hf_row *r, struct tk_json_val *root)
{
    return make_arena(r, root, "turns");
}

/* Question, then "A.one B.two" of all choices. */
static int make_mmvu(struct tk__hf_row *r, struct tk_json_val *root)
{
    struct tk_json_val choices, v;
    struct tk_json_iter it;
    struct tk_str key, s;
    int rc = prompt_is(r, root, "question");

    if (rc == 0 && (!find(root, "choices", &choices) || tk_json_obj(&choices, &it) != 0))
        rc = lacks(r, root, "choices in", "choices");
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0) {
        bool is_null = tk_json_type(&v) == TK_JSON_NULL;
        if (!is_null && tk_json_get_str(&v, &s) != 0)
            return lacks(r, root, "texts in", "choices");
        (void)tk_buf_addf(&r->prompt, " %.*s.", TK_STR_ARG(key));
        (void)tk_buf_add_str(&r->prompt, is_null ? TK_STR("None") : s);
        rc = 0;
    }
    return done(r, rc ? rc : media_is(r, root, "video"));
}

/* What stands before "Options:", without white space around it. */
static int make_mmstar(struct tk__hf_row *r, struct tk_json_val *root)
{
    static const char options[] = "Options:", space[] = " \t\n\r\v\f\x1c\x1d\x1e\x1f";
    struct tk_str s = { NULL, 0 };
    int rc = text(r, root, "question", &s);
    const char *at = rc == 0 && s.n > 0 ? memmem(s.p, s.n, options, sizeof(options) - 1) : NULL;

    if (at)
        s.n = (size_t)(at - s.p);
    while (s.n > 0 && memchr(space, s.p[0], sizeof(space) - 1))
        s = (struct tk_str){ s.p + 1, s.n - 1 };
    while (s.n > 0 && memchr(space, s.p[s.n - 1], sizeof(space) - 1))
        s.n--;
    (void)tk_buf_add_str(&r->prompt, s);
    return done(r, rc ? rc : media_is(r, root, "image"));
}

/* Words of control are the prompt of each clip; what is sent is the recording. */
static int make_clip(struct tk__hf_row *r, struct tk_json_val *root, const char *column)
{
    const char *words = r->hf->set->is_newer ? r->hf->speech_prompt : TK_HF_WHISPER;
    int rc = media_is(r, root, column);

    r->media_kind = "audio";
    (void)tk_buf_add_z(&r->prompt, words ? words : "");
    return done(r, rc);
}

static int make_speech(struct tk__hf_row *r, struct tk_json_val *root)
{
    return make_clip(r, root, "audio");
}

static int make_recording(struct tk__hf_row *r, struct tk_json_val *root)
{
    return make_clip(r, root, "url");
}

static const struct tk_hf_set sets[] = {
    {
        .ids = { "lmarena-ai/VisionArena-Chat" },
        .split = "train",
        .is_split_fixed = true,
        .has_no_subset = true,
        .is_multimodal = true,
        .makes_message = true,
        .output_tokens = 128,
        .columns = { "conversation", "images" },
        .make = make_arena_chat,
    },
    {
        .ids = { "lmarena-ai/vision-arena-bench-v0.1" },
        .split = "train",
        .is_split_fixed = true,
        .has_no_subset = true,
        .is_multimodal = true,
        .makes_message = true,
        .output_tokens = 128,
        .columns = { "turns", "images" },
        .make = make_arena_bench,
    },
    {
        .ids = { "yale-nlp/MMVU" },
        .split = "validation",
        .is_split_fixed = true,
        .has_no_subset = true,
        .is_multimodal = true,
        .makes_message = true,
        .output_tokens = 128,
        .columns = { "question", "choices", "video" },
        .make = make_mmvu,
    },
    {
        .ids = { "likaixin/InstructCoder" },
        .split = "train",
        .is_split_fixed = true,
        .has_template = true,
        .output_tokens = 200,
        .columns = { "input", "instruction" },
        .make = make_instruct_coder,
    },
    {
        .ids = { "philschmid/mt-bench" },
        .split = "train",
        .is_split_fixed = true,
        .has_template = true,
        .output_tokens = 256,
        .columns = { "turns" },
        .make = make_mt_bench,
    },
    {
        .ids = { "openai/openai_humaneval" },
        .split = "test",
        .has_template = true,
        .output_tokens = 256,
        .columns = { "prompt" },
        .make = make_human_eval,
    },
    {
        .ids = { "openai/gsm8k" },
        .subset = "main",
        .split = "test",
        .has_template = true,
        .output_tokens = 256,
        .columns = { "question" },
        .make = make_gsm8k,
    },
    {
        .ids = { "lmms-lab/LLaVA-OneVision-Data" },
        .is_multimodal = true,
        .makes_message = true,
        .lengths = TK__HF_SENSIBLE,
        .columns = { "conversations", "image" },
        .make = make_conversation,
    },
    {
        .ids = { "Aeala/ShareGPT_Vicuna_unfiltered" },
        .makes_message = true,
        .lengths = TK__HF_SENSIBLE,
        .columns = { "conversations", "image" },
        .make = make_conversation,
    },
    {
        .ids = { "AI-MO/aimo-validation-aime", "AI-MO/NuminaMath-1.5", "AI-MO/NuminaMath-CoT" },
        .split = "train",
        .is_split_fixed = true,
        .lengths = TK__HF_LONG,
        .columns = { "problem", "solution" },
        .make = make_aimo,
    },
    {
        .ids = { "zed-industries/zeta" },
        .split = "train",
        .is_split_fixed = true,
        .ignores_output = true,
        .columns = { "events", "input", "output" },
        .make = make_zeta,
    },
    {
        .ids = { "openslr/librispeech_asr", "facebook/voxpopuli", "LIUM/tedlium",
                 "edinburghcstr/ami", "speechcolab/gigaspeech", "kensho/spgispeech" },
        .split = "train",
        .is_split_fixed = true,
        .is_multimodal = true,
        .is_speech = true,
        .output_tokens = 128,
        .columns = { "audio" },
        .make = make_speech,
    },
    {
        .ids = { "ArtificialAnalysis/Earnings22-Cleaned-AA" },
        .split = "train",
        .is_read_whole = true,
        .is_multimodal = true,
        .is_speech = true,
        .is_newer = true,
        .has_files = true,
        .output_tokens = 1024,
        .columns = { "url" },
        .make = make_recording,
    },
    {
        .ids = { "D4nt3/esb-datasets-earnings22-validation-tiny-filtered" },
        .split = "train",
        .is_multimodal = true,
        .is_speech = true,
        .is_newer = true,
        .keeps_channels = true,
        .output_tokens = 1024,
        .columns = { "audio" },
        .make = make_speech,
    },
    {
        .ids = { "vdaita/edit_5k_char", "vdaita/edit_10k_char" },
        .split = "train",
        .is_split_fixed = true,
        .is_path_only = true,
        .has_template = true,
        .output_tokens = 4000,
        .columns = { "code", "change_request", "norm_distance" },
        .make = make_blazedit,
    },
    {
        .ids = { "mgoin/mlperf-inference-llama2-data", "mgoin/mlperf-inference-llama3.1-data" },
        .split = "train",
        .is_split_fixed = true,
        .has_template = true,
        .has_plain_answer = true,
        .lengths = TK__HF_ALWAYS,
        .columns = { "system_prompt", "question", "output" },
        .make = make_mlperf,
    },
    {
        .ids = { "Lin-Chen/MMStar" },
        .split = "val",
        .is_split_fixed = true,
        .has_no_subset = true,
        .is_multimodal = true,
        .makes_message = true,
        .has_media_inside = true,
        .output_tokens = 128,
        .columns = { "question", "image" },
        .make = make_mmstar,
    },
    {
        .ids = { "gorilla-llm/Berkeley-Function-Calling-Leaderboard" },
        .output_tokens = 512,
        .make = tk__hf_make_functions,
    },
};

static bool has_id(const struct tk_hf_set *set, const char *name)
{
    for (size_t i = 0; name && i < TK_ARRAY_LEN(set->ids) && set->ids[i]; i++) {
        if (strcmp(set->ids[i], name) == 0)
            return true;
    }
    return false;
}

const struct tk_hf_set *tk_hf_find(const char *path, const char *name)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(sets); i++) {
        if (has_id(&sets[i], path) || (!sets[i].is_path_only && has_id(&sets[i], name)))
            return &sets[i];
    }
    return NULL;
}

int tk_hf_names(struct tk_buf *out)
{
    (void)tk_buf_add_c(out, '{');
    for (size_t i = 0; i < TK_ARRAY_LEN(sets); i++) {
        for (size_t k = 0; k < TK_ARRAY_LEN(sets[i].ids) && sets[i].ids[k]; k++)
            (void)tk_buf_addf(out, "%s'%s'", i + k ? ", " : "", sets[i].ids[k]);
    }
    (void)tk_buf_add_c(out, '}');
    return out->failed;
}

bool tk_hf_has_template(const struct tk_hf_set *set)
{
    return set->has_template;
}

bool tk_hf_needs_template(const struct tk_hf_set *set)
{
    return set->make == make_mlperf;
}

bool tk_hf_is_speech(const struct tk_hf_set *set)
{
    return set->is_speech;
}

bool tk_hf_has_long_speech(const struct tk_hf_set *set)
{
    return set->is_newer;
}

bool tk_hf_has_functions(const struct tk_hf_set *set)
{
    return set->make == tk__hf_make_functions;
}

bool tk_hf_makes_message(const struct tk_hf_set *set)
{
    return set->makes_message;
}

bool tk_hf_has_media_inside(const struct tk_hf_set *set)
{
    return set->has_media_inside;
}

bool tk_hf_is_multimodal(const struct tk_hf_set *set)
{
    return set->is_multimodal;
}
