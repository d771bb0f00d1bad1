/* fuzz_rows.c - data sets of JSON rows take any file, or say what is wrong with it
 *
 * The first byte is which set, and whether it is shuffled; the rest is the file. What was loaded has to be
 * whole: every row's request has a prompt, media, a sound or functions, and a failure has words.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "data/data.h"
#include "data/hf.h"
#include "hub/hub.h"
#include "token/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tk_data_ops *const sets[] = {
    &tk_data_jsonl,       &tk_data_sharegpt,     &tk_data_spec_bench,
    &tk_data_speed_bench, &tk_data_custom_image, &tk_data_custom_audio,
    &tk_data_timed_trace, &tk_data_hf, /* the one with functions */
};

static const char vocabulary[] =
    "{\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"?\", \"vocab\": {\"?\": 0, \"a\": 1, \"b\": 2}}, "
    "\"pre_tokenizer\": {\"type\": \"Whitespace\"}}";

static char folder[] = "/tmp/fuzz-rows-XXXXXX";
static char path[64], category[64]; /* of the file, by two names */
static int fd = -1;
static struct tk_tokenizer *tokenizer;
static struct tk_hub_conf hub;
static struct tk_data_hf functions = { .hub = &hub, .categories = "a" };

static void end(void)
{
    (void)unlink(path);
    (void)unlink(category);
    (void)rmdir(folder);
    tk_tokenizer_free(tokenizer);
    tk_hub_conf_release(&hub);
}

static void begin(void)
{
    functions.set = tk_hf_find("gorilla-llm/Berkeley-Function-Calling-Leaderboard", NULL);
    if (!mkdtemp(folder) || tk_hub_conf_init(&hub, NULL) != 0)
        abort();
    (void)snprintf(path, sizeof(path), "%s/rows.jsonl", folder);
    (void)snprintf(category, sizeof(category), "%s/BFCL_v3_a.json", folder);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || link(path, category) != 0 ||
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
        if (item->tools.n > 0 && (item->tools.p[0] != '[' || item->messages.n == 0))
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
    const struct tk_data_ops *set = sets[(data[0] & 0xF) % TK_ARRAY_LEN(sets)];
    const struct tk_data_conf conf = {
        .path = set == &tk_data_hf ? folder : path,
        .n_wanted = 100,
        .do_shuffle = data[0] & 0x80,
        .output_tokens = data[0] & 0x40 ? -1 : 1,
        .takes_media = true,
        .makes_message = data[0] & 0x20,
        .category = data[0] & 0x10 ? "a" : NULL,
        .tokenizer = tokenizer,
        .trace = &trace,
        .hf = &functions,
    };
    int rc = set->load(&conf, &items, &err);
    if (rc == 0) {
        look(&items);
        tk_items_release(&items);
    } else if (err.msg[0] == '\0') {
        abort();
    }
    return 0;
}
