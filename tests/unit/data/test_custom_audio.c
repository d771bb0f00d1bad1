/* Rows of sounds and texts: files and samples, what is refused, and without memory. The bytes that are sent
 * are compared with vLLM's in it/test_vllm_load.py and media/test_wav.c. */
#include <errno.h>

#include "base/str.h"
#include "data/data.h"
#include "failmalloc.h"
#include "files.h"
#include "media/wav.h"
#include "tap.h"

static struct tk_err err;

static int load(struct tk_data_conf *conf, const char *text, struct tk_items *ret)
{
    conf->path = test_text("rows.jsonl", text);
    err.msg[0] = '\0';
    return tk_data_custom_audio.load(conf, ret, &err);
}

/* A row with a file, and the same samples as numbers. */
static const char *two_rows(void)
{
    static const double samples[] = { 0, 0.5, -0.5 };
    static char text[900];
    struct tk_buf wav = TK_BUF_INIT(1000);

    (void)tk_wav_of_samples(&wav, samples, 3, 8000, NULL);
    snprintf(text, sizeof(text),
             "{\"audio\": \"%s\", \"prompt\": \"a\"}\n"
             "{\"audio\": {\"array\": [0, 0.5, -0.5], \"sampling_rate\": 8000}}\n",
             test_file("a.wav", wav.p, wav.n));
    tk_buf_release(&wav);
    return text;
}

static void sounds(void)
{
    struct tk_data_conf conf = { .output_tokens = 3 };
    struct tk_items items;
    static const char begin[] = "{\"type\": \"input_audio\", \"input_audio\": {\"data\": \"UklGRi";

    T_EQ_I(load(&conf, two_rows(), &items), 0, "a file, and numbers: %s", err.msg);
    T_OK(items.n == 2 && items.v[0].audio.n == 50, "a file of 50 bytes each");
    T_EQ_I(items.v[0].prompt_tokens, -1, "not counted here");
    T_OK(items.v[0].output_tokens == 3 && items.v[0].media.n == 0, "a file alone");
    T_OK(tk_str_eq(items.v[0].prompt, TK_STR("a")) && items.v[1].prompt.n == 0, "prompt, or none");
    tk_items_release(&items);
    conf.makes_message = true;
    T_EQ_I(load(&conf, two_rows(), &items), 0, "in a message: %s", err.msg);
    T_OK(items.v[0].audio.n == 0 && tk_str_starts(items.v[0].media, tk_str_of(begin)),
         "a content part");
    tk_items_release(&items);
    conf.output_tokens = -1;
    T_EQ_I(load(&conf,
                "{\"audio\": {\"array\": [], \"sampling_rate\": 1}, \"prompt\": null, "
                "\"output_tokens\": 8}",
                &items),
           0, "no samples: %s", err.msg);
    T_EQ_I(items.v[0].output_tokens, 8, "a length of its own");
    tk_items_release(&items);
}

static void refused(void)
{
#define SOUND "\"audio\": {\"array\": [0], \"sampling_rate\": 8000}"
    static const struct {
        const char *row;
        int rc;
        const char *words;
    } rows[] = {
        { "[1]", TK_E_FORMAT, "line 1: the row is not an object" },
        { "{\"prompt\": \"a\"}", TK_E_FORMAT, "the row has no 'audio'" },
        { "{\"prompt\": 1, " SOUND "}", TK_E_FORMAT, "'prompt' must be a string." },
        { "{\"prompt\": \"a\", \"audio\": 7}", TK_E_FORMAT, "Invalid audio input" },
        { "{\"prompt\": \"a\", \"audio\": {\"array\": [1]}}", TK_E_FORMAT, "Invalid audio input" },
        { "{\"prompt\": \"a\", \"audio\": {\"array\": [[1]], \"sampling_rate\": 9}}", TK_E_FORMAT,
          "Invalid audio input" },
        { "{\"prompt\": \"a\", \"audio\": {\"array\": [1], \"sampling_rate\": 0}}", TK_E_RANGE,
          "a sampling rate is from 1" },
        { "{\"prompt\": \"a\", \"audio\": \"/nowhere/a.wav\"}", -ENOENT,
          "'/nowhere/a.wav' cannot be" },
        { "{\"prompt\": \"a\", \"audio\": \"/dev/null\"}", TK_E_UNSUPPORTED,
          "the sound cannot be used" },
        { "{" SOUND "}", TK_E_FORMAT, "JSONL file must contain a 'prompt' column." },
        { "\n", TK_E_NOT_FOUND, "has no rows" },
    };
    struct tk_data_conf conf = { .output_tokens = 1 };
    struct tk_items items;

    for (size_t i = 0; i < TK_ARRAY_LEN(rows); i++) {
        T_EQ_I(load(&conf, rows[i].row, &items), rows[i].rc, "%s", rows[i].row);
        T_OK(strstr(err.msg, rows[i].words) != NULL, "%s: %s", rows[i].row, err.msg);
    }
    conf.output_tokens = -1;
    T_EQ_I(load(&conf, "{\"prompt\": \"a\", " SOUND "}", &items), TK_E_FORMAT, "%s", err.msg);
    T_EQ_I(load(&conf, "{\"output_tokens\": 1.5, \"prompt\": \"a\", " SOUND "}", &items),
           TK_E_FORMAT, "%s", err.msg);
    conf.path = test_text("rows.json", "");
    T_EQ_I(tk_data_custom_audio.load(&conf, &items, &err), TK_E_UNSUPPORTED, "%s", err.msg);
#undef SOUND
}

static void without_memory(bool makes_message)
{
    struct tk_data_conf conf = { .do_shuffle = true, .makes_message = makes_message };
    struct tk_items items;
    const char *text = two_rows();

    for (int n = 1;; n++) {
        conf.path = test_text("rows.jsonl", text);
        tk_failmalloc_at(n);
        int rc = tk_data_custom_audio.load(&conf, &items, &err);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "with enough memory: %s", err.msg);
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails: %s", n, err.msg);
    }
    tk_items_release(&items);
}

int main(void)
{
    make_test_dir();
    sounds();
    refused();
    without_memory(false);
    without_memory(true);
    return T_DONE();
}
