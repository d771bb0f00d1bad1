/* fuzz_rows.c - data sets of JSON rows take any file, or say what is wrong with it
 *
 * The first byte is which set, and whether it is shuffled; the rest is the file. What was loaded has to be
 * whole: every row's request has a prompt, media or a sound, and a failure has words.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "data/data.h"
#include "token/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tk_data_ops *const sets[] = {
    &tk_data_jsonl,        &tk_data_sharegpt,     &tk_data_spec_bench,  &tk_data_speed_bench,
    &tk_data_custom_image, &tk_data_custom_audio, &tk_data_timed_trace,
};

static const char vocabulary[] =
    "{\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"?\", \"vocab\": {\"?\": 0, \"a\": 1, \"b\": 2}}, "
    "\"pre_tokenizer\": {\"type\": \"Whitespace\"}}";

static char path[] = "/tmp/fuzz-rows-XXXXXX.jsonl";
static int fd = -1;
static struct tk_tokenizer *tokenizer;

static void end(void)
{
    (void)unlink(path);
    tk_tokenizer_free(tokenizer);
}

static void begin(void)
{
    fd = mkstemps(path, 6);
    if (fd < 0 ||
        tk_tokenizer_load_json(tk_str_of(vocabulary), "fuzz", NULL, &tokenizer, NULL) != 0)
        abort();
    atexit(end);
}

static void look(const struct tk_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        const struct tk_item *item = &items->v[i];
        if (item->is_whole_content && item->media.n == 0)
            abort();
        if (item->prompt_json.n > 0 && item->prompt_json.p[0] != '[')
            abort();
        if (item->due < -9000000000 * TK_NS_PER_S || item->due > 9000000000 * TK_NS_PER_S)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tk_data_trace trace = { 2, 0.5, "t", "i", "o", "h" };
    struct tk_items items;
    struct tk_err err = { .msg = "" };

    if (fd < 0)
        begin();
    if (size == 0)
        return 0;
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data + 1, size - 1, 0) != (ssize_t)size - 1)
        abort();
    const struct tk_data_conf conf = {
        .path = path,
        .n_wanted = 100,
        .do_shuffle = data[0] & 0x80,
        .output_tokens = data[0] & 0x40 ? -1 : 1,
        .takes_media = true,
        .makes_message = data[0] & 0x20,
        .category = data[0] & 0x10 ? "a" : NULL,
        .tokenizer = tokenizer,
        .trace = &trace,
    };
    int rc = sets[(data[0] & 0xF) % TK_ARRAY_LEN(sets)]->load(&conf, &items, &err);
    if (rc == 0) {
        look(&items);
        tk_items_release(&items);
    } else if (err.msg[0] == '\0') {
        abort();
    }
    return 0;
}
