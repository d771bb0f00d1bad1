/* custom_audio.c - rows of a sound and a prompt, as the newer `vllm bench serve` has them
 *
 *   {"audio": "/path/a.flac", "prompt": "…", "output_tokens": 40}
 *   {"audio": {"array": [0.0, 0.1, …], "sampling_rate": 16000}}
 *
 * Each sound becomes a WAV file of 16-bit samples: the file that openai-audio sends, or, where the message
 * is made here, a content part of a chat in base64.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/str.h"
#include "data/inside.h"
#include "data/parts.h"
#include "media/wav.h"

#define PART_BEGIN "{\"type\": \"input_audio\", \"input_audio\": {\"data\": \""
#define PART_END "\", \"format\": \"wav\"}}"

struct custom_audio {
    const struct tk_data_conf *conf;
    struct tk__adder adder;
    struct tk_buf file, wav, media; /* of the row under way */
    double *samples;                /* owned; likewise */
    size_t n_samples, cap;
    bool has_prompts; /* a row has one, were it null */
};

static int fail(const struct tk__row *row, struct tk_err *reterr, const char *why)
{
    return tk__row_fail(row, TK_E_FORMAT, reterr, "%s", why);
}

/* --- the sound --- */

static int add_sample(struct custom_audio *d, double sample)
{
    if (d->n_samples == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 4096;
        double *v = reallocarray(d->samples, cap, sizeof(*v));
        if (!v)
            return -ENOMEM;
        d->samples = v;
        d->cap = cap;
    }
    d->samples[d->n_samples++] = sample;
    return 0;
}

static int read_samples(struct custom_audio *d, struct tk_json_val *audio, int64_t *ret_rate)
{
    struct tk_json_val list, rate, val;
    struct tk_json_iter it;
    double sample;

    d->n_samples = 0;
    if (tk_json_type(audio) != TK_JSON_OBJECT || tk_json_find(audio, "array", &list) != 0 ||
        tk_json_find(audio, "sampling_rate", &rate) != 0 || tk_json_get_i64(&rate, ret_rate) != 0)
        return TK_E_FORMAT;
    int rc = tk_json_arr(&list, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &val)) > 0) {
        rc = tk_json_get_double(&val, &sample);
        if (rc == 0)
            rc = add_sample(d, sample);
    }
    return rc;
}

static int make_wav(struct custom_audio *d, struct tk_json_val *audio, struct tk_err *reterr)
{
    struct tk_str path;
    int64_t rate = 0;

    if (tk_json_get_str(audio, &path) == 0) {
        tk_buf_reset(&d->file);
        int rc = tk__add_file(&d->file, path, reterr);
        return rc ? rc : tk_wav_of_file(&d->wav, tk_buf_str(&d->file), reterr);
    }
    int rc = read_samples(d, audio, &rate);
    if (rc != 0)
        return tk_err_set(reterr, rc,
                          "Invalid audio input: 'audio' must be a file path string, or a dict with "
                          "'array', a list of numbers, and 'sampling_rate'");
    return tk_wav_of_samples(&d->wav, d->samples, d->n_samples, rate, reterr);
}

static int read_audio(struct custom_audio *d, const struct tk__row *row, struct tk_json_val *root,
                      struct tk_err *reterr)
{
    struct tk_json_val audio;
    struct tk_err e = { .msg = "" };

    tk_buf_reset(&d->wav);
    tk_buf_reset(&d->media);
    if (tk_json_find(root, "audio", &audio) != 0)
        return fail(row, reterr, "the row has no 'audio'");
    int rc = make_wav(d, &audio, &e);
    if (rc != 0)
        return tk__row_fail(row, rc, reterr, "%s", e.msg);
    if (!d->conf->makes_message)
        return 0;
    tk_buf_add_z(&d->media, PART_BEGIN);
    (void)tk_base64_add(&d->media, tk_buf_str(&d->wav));
    tk_buf_add_z(&d->media, PART_END);
    return d->media.failed ? tk__row_fail(row, d->media.failed, reterr, "no memory for its audio")
                           : 0;
}

/* --- rows --- */

/* A text that is there; "" where there is none. */
static int read_prompt(const struct tk__row *row, struct tk_json_val *root, struct tk_str *ret,
                       struct tk_err *reterr)
{
    struct tk_json_val val;

    *ret = (struct tk_str){ "", 0 };
    if (tk_json_find(root, "prompt", &val) != 0 || tk_json_type(&val) == TK_JSON_NULL)
        return 0;
    return tk_json_get_str(&val, ret) == 0 ? 0 : fail(row, reterr, "'prompt' must be a string.");
}

static int read_output(const struct tk_data_conf *conf, const struct tk__row *row,
                       struct tk_json_val *root, int64_t *ret, struct tk_err *reterr)
{
    struct tk_json_val val;

    *ret = conf->output_tokens;
    if (*ret >= 0)
        return 0;
    if (tk_json_find(root, "output_tokens", &val) != 0)
        return fail(row, reterr,
                    "If no output length is provided the custom dataset must contain an "
                    "'output_tokens' field.");
    if (tk_json_get_i64(&val, ret) != 0 || *ret < 0 || *ret > INT32_MAX)
        return fail(row, reterr, "'output_tokens' must be a whole number, and not below 0");
    return 0;
}

static int audio_check(void *owner, const struct tk__row *row, struct tk_json_val *root,
                       struct tk_err *reterr)
{
    struct custom_audio *d = owner;
    struct tk_json_val val;
    struct tk_str prompt;

    if (tk_json_type(root) != TK_JSON_OBJECT)
        return fail(row, reterr, "the row is not an object such as {\"audio\": \"…\"}");
    d->has_prompts = d->has_prompts || tk_json_find(root, "prompt", &val) == 0;
    int rc = read_prompt(row, root, &prompt, reterr);
    return rc ? rc : 1;
}

static int audio_take(void *owner, const struct tk__row *row, struct tk_json_val *root,
                      struct tk_err *reterr)
{
    struct custom_audio *d = owner;
    struct tk_item item = { .prompt_tokens = -1, .row = row->index };
    int rc = read_prompt(row, root, &item.prompt, reterr);

    if (rc == 0)
        rc = read_output(d->conf, row, root, &item.output_tokens, reterr);
    if (rc == 0)
        rc = read_audio(d, row, root, reterr);
    if (rc != 0)
        return rc;
    if (!d->conf->makes_message)
        item.audio = tk_buf_str(&d->wav);
    rc = tk__adder_add(&d->adder, &item, reterr);
    if (rc == 0)
        rc = tk__adder_give_media(&d->adder, d->adder.n - 1, &d->media, reterr);
    return rc ? rc : 1;
}

static int load_all(struct custom_audio *d, struct tk_err *reterr)
{
    static const struct tk__rows_ops ops = { .check = audio_check, .take = audio_take };
    const char *path = d->conf->path;

    if (!tk_str_ends(tk_str_of(path), TK_STR(".jsonl")))
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "Only JSONL format is supported for CustomDataset.");
    int rc = tk__rows_load(d->conf, &ops, d, reterr);
    if (rc == 0 && d->adder.n == 0)
        rc = tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' has no rows", path);
    if (rc == 0 && !d->has_prompts)
        rc = tk_err_set(reterr, TK_E_FORMAT, "'%s': JSONL file must contain a 'prompt' column.",
                        path);
    return rc;
}

static int audio_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    struct custom_audio d = {
        .conf = conf,
        .file = TK_BUF_INIT(TK__MAX_PART_FILE),
        .wav = TK_BUF_INIT(TK__MAX_PART_FILE),
        .media = TK_BUF_INIT(2 * TK__MAX_PART_FILE),
    };

    tk__adder_init(&d.adder, ret);
    int rc = load_all(&d, reterr);
    tk_buf_release(&d.file);
    tk_buf_release(&d.wav);
    tk_buf_release(&d.media);
    free(d.samples);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_custom_audio = {
    .name = "custom_audio",
    .help = "rows of a sound and a prompt",
    .needs_path = true,
    .load = audio_load,
};
