/* Which files are which split: what `datasets` finds in 160 trees (tests/data/hf_files/make.py). */
#include "data/hf_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonscan.h"
#include "base/str.h"
#include "tap.h"

static struct tk_err err;

static void add_all(struct tk_json_val *list, struct tk__names *ret)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str s;

    if (tk_json_arr(list, &it) != 0)
        return;
    while (tk_json_arr_next(&it, &v) > 0) {
        if (tk_json_get_str(&v, &s) == 0)
            (void)tk__names_add(ret, s);
    }
}

/* Hidden files are not listed to begin with (tk__hf_list). */
static void drop_hidden(struct tk__names *names)
{
    size_t kept = 0;

    for (size_t i = 0; i < names->n; i++) {
        bool is_hidden = names->v[i][0] == '.' || strncmp(names->v[i], "__", 2) == 0;
        if (is_hidden)
            free(names->v[i]);
        else
            names->v[kept++] = names->v[i];
    }
    names->n = kept;
}

static bool same(struct tk__names *a, struct tk__names *b)
{
    bool is_same = a->n == b->n;

    tk__names_sort(a);
    tk__names_sort(b);
    for (size_t i = 0; is_same && i < a->n; i++)
        is_same = strcmp(a->v[i], b->v[i]) == 0;
    return is_same;
}

static void check_split(const struct tk__hf_folder *folder, const char *subset, const char *split,
                        struct tk__names *want, unsigned line)
{
    struct tk__names got = { .v = NULL };
    int rc = tk__hf_choose(folder, subset, split, &got, &err);

    T_OK(want->n > 0 ? rc == 0 : rc == TK_E_NOT_FOUND || rc == -ENOENT, "line %u, %s: %d", line,
         split, rc);
    T_OK(same(&got, want), "line %u, %s: %zu files, first %s", line, split, got.n,
         got.n ? got.v[0] : "-");
    tk__names_release(&got);
}

/* Every split of one tree; and one that it does not have. */
static void check_tree(struct tk_json_val *root, unsigned line)
{
    static const char *const defaults[] = { "train", "validation", "test", "nope" };
    struct tk__hf_folder folder = { .what = "x" };
    struct tk_json_val v, splits, files;
    struct tk_json_iter it;
    struct tk_str key, text = { NULL, 0 }, subset = { NULL, 0 };
    char *name = NULL;

    T_OK(tk_json_find(root, "files", &v) == 0, "line %u", line);
    add_all(&v, &folder.all);
    drop_hidden(&folder.all);
    tk__names_sort(&folder.all);
    if (tk_json_find(root, "readme", &v) == 0 && tk_json_get_str(&v, &text) == 0)
        folder.readme = text;
    if (tk_json_find(root, "subset", &v) == 0 && tk_json_get_str(&v, &subset) == 0)
        name = tk_str_dup(subset);
    if (tk_json_find(root, "splits", &splits) != 0 || tk_json_obj(&splits, &it) != 0)
        return;
    bool is_there[4] = { false };
    while (tk_json_obj_next(&it, &key, &files) > 0) {
        struct tk__names want = { .v = NULL };
        char *split = tk_str_dup(key);
        add_all(&files, &want);
        for (size_t i = 0; i < 4; i++)
            is_there[i] = is_there[i] || strcmp(defaults[i], split) == 0;
        check_split(&folder, name, split, &want, line);
        tk__names_release(&want);
        free(split);
    }
    for (size_t i = 0; i < 4; i++) {
        struct tk__names none = { .v = NULL };
        if (!is_there[i])
            check_split(&folder, name, defaults[i], &none, line);
    }
    free(name);
    tk__names_release(&folder.all);
}

static void check_vectors(void)
{
    char path[600];
    struct tk_jsonscan scan;
    struct tk_json *json = tk_json_new(1 << 20);
    struct tk_json_val root;
    struct tk_str text;
    unsigned line = 0;

    snprintf(path, sizeof(path), "%s/data/hf_files/vectors.jsonl", getenv("TK_TESTS_DIR"));
    FILE *f = fopen(path, "rbe");
    T_OK(f && tk_jsonscan_init_fd(&scan, fileno(f), TK_JSONSCAN_LINES, 0) == 0,
         "vectors are there");
    while (f && tk_jsonscan_next(&scan, &text, &err) > 0) {
        if (tk_json_parse(json, text.p, text.n, &root) == 0)
            check_tree(&root, ++line);
    }
    T_OK(line > 100, "%u trees", line);
    tk_jsonscan_release(&scan);
    tk_json_free(json);
    if (f)
        fclose(f);
}

int main(void)
{
    check_vectors();
    return T_DONE();
}
