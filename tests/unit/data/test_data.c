/* The table of data sets, guesses about files, and the recipe of words. */
#include "data/data.h"

#include <errno.h>

#include "failmalloc.h"
#include "files.h"
#include "tap.h"

static void table(void)
{
    T_OK(tk_data_find("jsonl") == &tk_data_jsonl && tk_data_find("sharegpt") == &tk_data_sharegpt &&
             tk_data_find("words") == &tk_data_words,
         "all are found by name");
    T_OK(!tk_data_find("csv"), "another name is not");
    for (size_t i = 0; tk_datas[i]; i++)
        T_OK(tk_datas[i]->help && tk_datas[i]->load, "%s is whole", tk_datas[i]->name);
}

static void guess(const char *name, const char *text, size_t n, const char *want, const char *words)
{
    struct tk_err err = { .msg = "" };
    const char *path = test_file(name, text, n);
    const struct tk_data_ops *ops = tk_data_guess(path, &err);
    T_EQ_S(ops ? ops->name : NULL, want, "%s '%.20s' is %s", name, text, want ? want : "none");
    if (words)
        T_OK(strstr(err.msg, words) && strstr(err.msg, name), "it says so: %s", err.msg);
}

#define GUESS(name, text, want, words) guess(name, text, sizeof(text) - 1, want, words)

static void guesses(void)
{
    struct tk_err err = { .msg = "" };
    GUESS("a.jsonl", "{\"x\": 1}\n", "jsonl", NULL);
    GUESS("a.NDJSON", "{\"x\": 1}\n", "jsonl", NULL);
    GUESS("a.txt", "{\"prompt\": \"x\"}\n", "jsonl", NULL);
    GUESS("a.json", "\xef\xbb\xbf [ {\"id\": 1", "sharegpt", NULL);
    GUESS("b.json", "[{\"conversations\": []}]", "sharegpt", NULL);
    GUESS("c.json", "[{\"prompt\": \"x\"}]", "jsonl", NULL);
    GUESS("d.jsonl", "{\"conversations\": []}", "sharegpt", NULL);
    GUESS("a.csv", "prompt,output\n", NULL, "one {\"prompt\"");
    GUESS("b.tsv", "[\tx\n", NULL, "is a table");
    GUESS("a.parquet", "PAR1\0\0", NULL, "is Parquet");
    GUESS("a", "PAR1\0\0", NULL, "is Parquet");
    GUESS("a.jsonl.gz", "\x1f\x8b\x08\0", NULL, "is compressed");
    GUESS("a.zst", "\x28\xb5\x2f\xfd", NULL, "is compressed");
    GUESS("b.jsonl", " \n", NULL, "is empty");
    GUESS("b.txt", "Once upon a time", NULL, "is neither");
    T_OK(!tk_data_guess(test_path("missing"), &err), "no file");
    T_OK(err.code == -ENOENT && strstr(err.msg, "missing"), "it says so: %s", err.msg);
    T_OK(!tk_data_guess(test_dir, &err), "a folder");
    T_EQ_I(err.code, -EISDIR, "it says so: %s", err.msg);
    T_OK(!tk_data_guess(test_dir, NULL), "nobody listens");
}

static size_t count_words(struct tk_str s)
{
    size_t n = s.n > 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == ' ';
    return n;
}

static void words(void)
{
    struct tk_data_conf conf = { .n_wanted = 50, .seed = 7, .output_tokens = 20, .words = 33 };
    struct tk_items a, b;
    struct tk_err err;
    T_EQ_I(tk_data_words.load(&conf, &a, &err), 0, "made-up prompts");
    T_OK(a.n == 50 && a.is_estimated, "as many as asked, their lengths an estimate");
    int n_wrong = 0, n_same = 0;
    for (size_t i = 0; i < a.n; i++) {
        n_wrong += count_words(a.v[i].prompt) != 33 || a.v[i].prompt_tokens != 33 ||
                   a.v[i].output_tokens != 20 || a.v[i].row != i || a.v[i].messages.n != 0;
        for (size_t k = 0; k < i; k++)
            n_same += memcmp(a.v[i].prompt.p, a.v[k].prompt.p, 30) == 0;
    }
    T_EQ_I(n_wrong, 0, "each has its words and lengths");
    T_EQ_I(n_same, 0, "no two begin alike");
    T_EQ_I(tk_data_words.load(&conf, &b, &err), 0, "again");
    T_EQ_N(a.v[49].prompt.p, a.v[49].prompt.n, b.v[49].prompt.p, b.v[49].prompt.n,
           "the same seed makes the same prompts");
    tk_items_release(&b);
    conf.seed = 8;
    T_EQ_I(tk_data_words.load(&conf, &b, &err), 0, "with another seed");
    T_OK(memcmp(a.v[0].prompt.p, b.v[0].prompt.p, 30) != 0, "there are others");
    tk_items_release(&b);
    tk_items_release(&a);
    tk_items_release(&a);
}

static void wrong_words(void)
{
    struct tk_items items;
    struct tk_err err;
    struct tk_data_conf conf = { .n_wanted = 1, .words = 0 };
    T_EQ_I(tk_data_words.load(&conf, &items, &err), TK_E_RANGE, "no words: %s", err.msg);
    conf.words = TK_DATA_MAX_WORDS + 1;
    T_EQ_I(tk_data_words.load(&conf, &items, &err), TK_E_RANGE, "too many: %s", err.msg);
    conf = (struct tk_data_conf){ .words = 5 };
    T_EQ_I(tk_data_words.load(&conf, &items, &err), TK_E_RANGE, "how many: %s", err.msg);
    conf = (struct tk_data_conf){ .n_wanted = 300, .words = 1000 };
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = tk_data_words.load(&conf, &items, NULL);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "with enough memory");
            break;
        }
        if (rc != -ENOMEM || items.v)
            T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
    }
    tk_items_release(&items);
}

int main(void)
{
    make_test_dir();
    table();
    guesses();
    words();
    wrong_words();
    return T_DONE();
}
