/* Conversations: which are kept, in which order, and in how little memory. */
#include "data/data.h"

#include <errno.h>
#include <sys/resource.h>

#include "failmalloc.h"
#include "files.h"
#include "tap.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define HAS_SANITIZER true
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER false
#endif

static struct tk_err err;

/* Rows 0, 2, 4, 5, 6 have two texts; of these 4 is too short a prompt, 5 too short an answer. */
static const char text[] =
    "[\n"
    "{\"id\":\"a\",\"conversations\":[{\"from\":\"human\",\"value\":\"prompt number zero\"},"
    "{\"from\":\"gpt\",\"value\":\"the answer to number zero\"}]},\n"
    "{\"id\":\"one turn\",\"conversations\":[{\"from\":\"human\",\"value\":\"prompt number one\"}]},\n"
    "{\"conversations\":[{\"value\":\"prompt num\\u0062er two\",\"from\":\"gpt\"},{\"value\":\"sixteen "
    "bytes...\"},{\"value\":\"more\"}],\"id\":\"c\"},\n"
    "{\"id\":\"none\"}, {\"conversations\":[{\"value\":\"short\"},{\"value\":\"sixteen bytes...\"}]},\n"
    "{\"conversations\":[{\"value\":\"prompt number five\"},{\"value\":\"no\"}]},\n"
    "{\"conversations\":[{\"value\":\"prompt number six\"},{\"value\":\"sixteen bytes...\"}]},\n"
    "7, {\"conversations\":{}}, {\"conversations\":[{\"value\":1},{\"value\":\"x\"}]},\n"
    "{\"conversations\":[\"a\",\"b\"]}, {\"conversations\":[{},{}]}\n"
    "]\n";

static void in_order(void)
{
    struct tk_items items;
    struct tk_data_conf conf = { .path = test_text("s.json", text), .output_tokens = -1 };
    T_EQ_I(tk_data_sharegpt.load(&conf, &items, &err), 0, "in order: %s", err.msg);
    T_OK(items.n == 5 && items.is_estimated, "rows with two texts");
    const struct tk_item *two = &items.v[1];
    T_EQ_N(two->prompt.p, two->prompt.n, "prompt number two", 17, "the first turn is the prompt");
    T_EQ_I(two->prompt_tokens, 4, "its length is estimated");
    T_EQ_I(two->output_tokens, 4, "the second turn's too");
    T_EQ_U(two->row, 2, "the row of the file");
    T_EQ_I(items.v[3].output_tokens, 1, "no text is shorter than a token");
    tk_items_release(&items);

    conf.n_wanted = 2;
    conf.output_tokens = 100;
    T_EQ_I(tk_data_sharegpt.load(&conf, &items, &err), 0, "two of them");
    T_OK(items.n == 2 && items.v[1].output_tokens == 100, "with a length of ours");
    tk_items_release(&items);
}

static void filtered(void)
{
    struct tk_items items;
    struct tk_data_conf conf = {
        .path = test_text("s.json", text),
        .output_tokens = -1,
        .is_filtered = true,
    };
    T_EQ_I(tk_data_sharegpt.load(&conf, &items, &err), 0, "filtered: %s", err.msg);
    T_EQ_U(items.n, 3, "too short ones are left out");
    T_EQ_U(items.v[2].row, 6, "the last one kept");
    tk_items_release(&items);
    conf.output_tokens = 1;
    T_EQ_I(tk_data_sharegpt.load(&conf, &items, &err), 0, "with a length of ours");
    T_EQ_U(items.n, 4, "short answers do not matter");
    tk_items_release(&items);
    conf.output_tokens = 2048;
    T_EQ_I(tk_data_sharegpt.load(&conf, &items, &err), TK_E_NOT_FOUND, "too long in all");
    T_OK(strstr(err.msg, "none of the 5 conversations"), "words: %s", err.msg);
}

/* random.seed(3); rows = [0, 2, 4, 5, 6]; random.shuffle(rows) */
static void shuffled(void)
{
    static const uint32_t want[] = { 0, 4, 5, 6, 2 };
    struct tk_items items;
    struct tk_data_conf conf = {
        .path = test_text("s.json", text),
        .seed = 3,
        .do_shuffle = true,
        .output_tokens = -1,
    };
    T_EQ_I(tk_data_sharegpt.load(&conf, &items, &err), 0, "shuffled: %s", err.msg);
    if (T_EQ_U(items.n, 5, "all that have two texts")) {
        for (size_t i = 0; i < 5; i++)
            T_EQ_U(items.v[i].row, want[i], "row at %zu", i);
    }
    tk_items_release(&items);
}

static void broken(void)
{
    static const struct {
        const char *text;
        int rc;
        const char *words;
    } files[] = {
        { "", TK_E_NOT_FOUND, "has no row with two texts" },
        { "[]", TK_E_NOT_FOUND, "has no row with two texts" },
        { "[{\"prompt\":\"a\"}]", TK_E_NOT_FOUND, "'jsonl'" },
        { "[{},\n{\"conversations\":[{\"value\":\"a\"]}]", TK_E_FORMAT, "line 2: " },
        { "[{},\n{\"conversations\":[{\"value\":\"a\"},{\"value\":\"\\x\"}]}]", TK_E_FORMAT,
          "line 2: the conversation is damaged JSON" },
        { "[{}", TK_E_FORMAT, "line 1: " },
        { "[{},{}]]", TK_E_FORMAT, "line 1: " },
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(files); i++) {
        struct tk_items items;
        struct tk_data_conf conf = {
            .path = test_text("broken.json", files[i].text),
            .output_tokens = -1,
        };
        T_EQ_I(tk_data_sharegpt.load(&conf, &items, &err), files[i].rc, "'%s': code",
               files[i].text);
        T_OK(strstr(err.msg, files[i].words), "words: %s", err.msg);
        T_OK(!items.v, "nothing to release");
    }
}

static void no_memory(void)
{
    struct tk_items items;
    struct tk_data_conf conf = {
        .path = test_text("s.json", text),
        .do_shuffle = true,
        .output_tokens = -1,
    };
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = tk_data_sharegpt.load(&conf, &items, &err);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "with enough memory");
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails: %s", n, err.msg);
    }
    tk_items_release(&items);
}

/* --- a large file --- */

#define BIG_ROWS 5000

static void write_big(FILE *f)
{
    fputs("[", f);
    for (int row = 0; row < BIG_ROWS; row++) {
        fprintf(f, "%s{\"id\":\"%d\",\"conversations\":[", row > 0 ? ",\n" : "", row);
        for (int turn = 0; turn < 8; turn++) {
            fprintf(f, "%s{\"from\":\"%s\",\"value\":\"row %d turn %d ", turn > 0 ? "," : "",
                    turn % 2 ? "gpt" : "human", row, turn);
            for (int i = 0; i < 35; i++)
                fputs("twenty bytes of text ", f);
            fputs("\"}", f);
        }
        fputs("]}", f);
    }
    fputs("]\n", f);
}

static int64_t max_rss_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * INT64_C(1024);
}

static void big(void)
{
    const char *path = test_path("big.json");
    FILE *f = fopen(path, "wb");
    if (!f) {
        T_SKIP("no room for a large file");
        return;
    }
    write_big(f);
    int64_t file_bytes = ftell(f);
    fclose(f);

    struct tk_items items;
    struct tk_data_conf conf = {
        .path = path,
        .n_wanted = 1000,
        .do_shuffle = true,
        .is_filtered = true,
        .output_tokens = -1,
    };
    int64_t before = max_rss_bytes();
    T_EQ_I(tk_data_sharegpt.load(&conf, &items, &err), 0, "a large file: %s", err.msg);
    int64_t grown = max_rss_bytes() - before;
    T_EQ_U(items.n, 1000, "as many as wanted");
    char begin[40];
    snprintf(begin, sizeof(begin), "row %u turn 0 twenty", items.v[999].row);
    T_OK(strncmp(items.v[999].prompt.p, begin, strlen(begin)) == 0, "the text is that of its row");
    T_OK(file_bytes > 25000000, "the file has %lld bytes", (long long)file_bytes);
    if (HAS_SANITIZER)
        T_SKIP("a sanitizer's memory is not ours");
    else
        T_OK(grown < 8 << 20, "%lld bytes of memory for it", (long long)grown);
    tk_items_release(&items);
}

int main(void)
{
    make_test_dir();
    in_order();
    filtered();
    shuffled();
    broken();
    no_memory();
    big();
    return T_DONE();
}
