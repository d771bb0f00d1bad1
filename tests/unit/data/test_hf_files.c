/* Which files of a data set hold a split: patterns, the README's head, names. What `datasets` makes of real ones is
 * compared in it/test_vllm_hf.py; here are the corners, hostile words, and no memory. */
#include "data/hf_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "data/hf_readme.h"
#include "failmalloc.h"
#include "tap.h"

static struct tk_err err;

static void test_patterns(void)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } cases[] = {
        { "a.json", "a.json", true },
        { "./a.json", "a.json", true },
        { "a.json", "b/a.json", false },
        { "*.json", "a.json", true },
        { "*.json", "b/a.json", false },
        { "*/a*", "b/ab", true },
        { "*/a*", "b/c/ab", false },
        { "**", "b/c/ab", true },
        { "**/a*", "ab", true },
        { "**/a*", "b/c/ab", true },
        { "**/a*", "b/c/ba", false },
        { "b/**/a*/*.json", "b/c/d/ab/x.json", true },
        { "b/**/a*/*.json", "b/ab/x.json", true },
        { "b/**/a*/*.json", "b/ab/c/x.json", false },
        { "**/a/**/b", "a/c/a/b", true },
        { "**/*a/b", "xa/ya/b", true },
        { "train-?.csv", "train-1.csv", true },
        { "train-?.csv", "train-.csv", false },
        { "a?b", "a/b", false },
        { "train-[0-3].csv", "train-2.csv", true },
        { "train-[0-3].csv", "train-4.csv", false },
        { "train-[!0-3].csv", "train-4.csv", true },
        { "a[!x]b", "a/b", false },
        { "a[", "a[", true },
        { "", "", true },
        { "", "a", false },
        { "*", "", true },
        { "a*", "a", true },
        { "a", "", false },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++)
        T_EQ_I(tk__hf_matches(cases[i].pattern, cases[i].path), cases[i].matches, "'%s' and '%s'",
               cases[i].pattern, cases[i].path);
}

/* What would take longer than the universe has, were every way to match tried. */
static void test_hostile_pattern(void)
{
    char path[251], pattern[101];

    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    for (size_t i = 0; i + 1 < sizeof(pattern); i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof(pattern) - 1] = '\0';
    T_OK(tk__hf_matches(pattern, path), "stars that match");
    pattern[sizeof(pattern) - 2] = 'b';
    T_OK(!tk__hf_matches(pattern, path), "stars that do not");
    for (size_t i = 1; i < sizeof(path) - 1; i += 2)
        path[i] = '/';
    T_OK(!tk__hf_matches("**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b", path),
         "folders that do not");
}

/* ---- choosing ---- */

static const char *const files[] = { "README.md",    "config.json",    "a/dev.json",  "b/test.json",
                                     "b/train.json", "b/train-2.json", "b/notes.txt", "c/x.bin" };

static int choose(const char *readme, const char *subset, const char *split, struct tk_buf *out)
{
    struct tk__hf_folder f = { .what = "set", .readme = tk_str_of(readme) };
    struct tk__names chosen = { .v = NULL };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < TK_ARRAY_LEN(files); i++)
        rc = tk__names_add(&f.all, tk_str_of(files[i]));
    tk__names_sort(&f.all);
    if (rc == 0)
        rc = tk__hf_choose(&f, subset, split, &chosen, &err);
    tk_buf_reset(out);
    for (size_t i = 0; rc == 0 && i < chosen.n; i++)
        rc = tk_buf_addf(out, "%s ", chosen.v[i]);
    tk__names_release(&chosen);
    tk__names_release(&f.all);
    return rc;
}

static const char two_configs[] = "---\n"
                                  "license: mit\n"
                                  "configs:\n"
                                  "- config_name: one\n"
                                  "  data_files:\n"
                                  "  - split: train\n"
                                  "    path: [b/train-2.json, \"b/*.json\", 'b/train.json']\n"
                                  "  - split: test\n"
                                  "    path:\n"
                                  "    - b/test.json\n"
                                  "    - a/**\n"
                                  "- data_files: c/*\n"
                                  "  config_name: two\n"
                                  "  default: true\n"
                                  "---\n"
                                  "configs:\n"
                                  "- config_name: three\n";

static void test_readme(void)
{
    struct tk_buf out = TK_BUF_INIT(1000);

    T_EQ_I(choose(two_configs, "one", "train", &out), 0, "by the README: %s", err.msg);
    T_EQ_S(out.p, "b/train-2.json b/test.json b/train.json ", "in the entries' order, each once");
    T_EQ_I(choose(two_configs, "one", "test", &out), 0, "a list on lines: %s", err.msg);
    T_EQ_S(out.p, "b/test.json a/dev.json ", "its files");
    T_EQ_I(choose(two_configs, "one", NULL, &out), TK_E_NOT_FOUND, "several splits");
    T_OK(strstr(err.msg, "there are ['train', 'test']"), "words: %s", err.msg);
    T_EQ_I(choose(two_configs, "three", "train", &out), TK_E_NOT_FOUND, "no such subset");
    T_OK(strstr(err.msg, "Available: ['one', 'two']"), "words: %s", err.msg);
    T_EQ_I(choose(two_configs, NULL, "train", &out), TK_E_NOT_FOUND,
           "the default, whose files are of no kind");
    T_EQ_I(choose("# no head", NULL, "train", &out), 0, "by the names: %s", err.msg);
    T_EQ_S(out.p, "b/train-2.json b/train.json ", "their files");
    T_EQ_I(choose("", "c", NULL, &out), -ENOENT, "nothing to choose from: %s", err.msg);
    tk_buf_release(&out);
}

static void add_times(struct tk_buf *out, int n, const char *text)
{
    for (int i = 0; i < n; i++)
        (void)tk_buf_add_z(out, text);
}

/* Four megabytes of names for ten thousand files: to write each name into each would take minutes. */
static void test_renamed(void)
{
    struct tk_buf text = TK_BUF_INIT(TK__HF_MAX_README);
    struct tk__readme readme;

    (void)tk_buf_add_z(&text, "---\nconfigs:\n- data_files:\n");
    add_times(&text, TK__README_MAX_ENTRIES, "  - a\n");
    add_times(&text, 125000, "  config_name: a\n  default: true\n");
    add_times(&text, 1, "  config_name: last\n- path: x\n");
    T_EQ_I(tk__readme_read(tk_buf_str(&text), &readme), TK_E_LIMIT, "one file more");
    tk__readme_release(&readme);
    text.n -= strlen("- path: x\n");
    T_EQ_I(text.failed, 0, "%zu bytes", text.n);
    T_EQ_I(tk__readme_read(tk_buf_str(&text), &readme), 0, "many names of one configuration");
    T_EQ_I(readme.n, TK__README_MAX_ENTRIES, "its files");
    bool is_last = true;
    for (size_t i = 0; i < readme.n; i++)
        is_last = is_last && tk_str_is(readme.v[i].config, "last") && readme.v[i].is_default;
    T_OK(is_last, "the last name counts for all of them");
    tk__readme_release(&readme);
    tk_buf_release(&text);
}

static void test_long_name(void)
{
    struct tk_buf text = TK_BUF_INIT(TK__HF_MAX_README), out = TK_BUF_INIT(1000);

    (void)tk_buf_add_z(&text, "---\nconfigs:\n- data_files: '**'\n  config_name: ");
    add_times(&text, TK__README_MAX_NAME, "n");
    T_EQ_I(choose(text.p, NULL, "train", &out), 0, "the longest name: %s", err.msg);
    add_times(&text, 1, "n");
    T_EQ_I(choose(text.p, NULL, "train", &out), TK_E_LIMIT, "a longer one");
    T_OK(strstr(err.msg, "README.md of 'set' has more than 10000 patterns"), "words: %s", err.msg);
    tk_buf_release(&text);
    tk_buf_release(&out);
}

static void test_no_memory(void)
{
    static const char *const readmes[] = { two_configs, "" };

    for (size_t i = 0; i < TK_ARRAY_LEN(readmes); i++) {
        for (int n = 1;; n++) {
            struct tk_buf out = TK_BUF_INIT(1000);
            tk_failmalloc_at(n);
            int rc = choose(readmes[i], i == 0 ? "one" : NULL, "train", &out);
            bool was_hit = tk_failmalloc_off();
            tk_buf_release(&out);
            if (!was_hit)
                break;
            T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
        }
    }
}

int main(void)
{
    test_patterns();
    test_hostile_pattern();
    test_readme();
    test_renamed();
    test_long_name();
    test_no_memory();
    return T_DONE();
}
