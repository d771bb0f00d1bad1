/* hf_files.c - which files of a data set's folder hold a split
 *
 *   1. README.md, whose head (YAML) may list files by configuration (the "subset") and split
 *   2. data/SPLIT-00000-of-00012.parquet
 *   3. a folder on the way that is called train, validation, test, or so
 *   4. a file that is
 *   5. everything, which is the split train then
 *
 * The first rule that finds files counts. The hub's Parquet conversion has a shape of its own.
 */
#include "data/hf_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/str.h"
#include "data/hf_readme.h"

#define MAX_DEPTH 16

/* ---- lists of names ---- */

int tk__names_add(struct tk__names *names, struct tk_str name)
{
    if (names->n == TK__HF_MAX_FILES)
        return TK_E_LIMIT;
    if (names->n == names->cap) {
        size_t cap = names->cap ? names->cap * 2 : 64;
        char **v = reallocarray(names->v, cap, sizeof(*v));
        if (!v)
            return -ENOMEM;
        names->v = v;
        names->cap = cap;
    }
    names->v[names->n] = tk_str_dup(name);
    return names->v[names->n] ? (names->n++, 0) : -ENOMEM;
}

void tk__names_release(struct tk__names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    free(names->v);
    *names = (struct tk__names){ .v = NULL };
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void tk__names_sort(struct tk__names *names)
{
    if (names->n > 1)
        qsort(names->v, names->n, sizeof(*names->v), compare);
}

/* Add a name that is not there yet. */
static int add_once(struct tk__names *names, struct tk_str name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (tk_str_is(name, names->v[i]))
            return 0;
    }
    return tk__names_add(names, name);
}

/* ---- patterns ---- */

/* One character of the pattern against `c`; *p moves behind it. A set that does not end is a bracket. */
static bool one_matches(const char **p, char c)
{
    const char *end = **p == '[' && (*p)[1] ? strchr(*p + 2, ']') : NULL;
    bool is_not = end && ((*p)[1] == '!' || (*p)[1] == '^'), found = false;

    if (!end) {
        bool ok = **p == '?' ? c != '/' : **p == c;
        (*p)++;
        return ok;
    }
    for (const char *s = *p + 1 + is_not; s < end; s++) {
        if (s[1] == '-' && s + 2 < end) {
            found = found || (s[0] <= c && c <= s[2]);
            s += 2;
        } else {
            found = found || *s == c;
        }
    }
    *p = end + 1;
    return found != is_not && c != '/';
}

/* Where to go on when what is behind a star does not match: the star takes more of the path then. */
struct star {
    const char *pattern; /* behind it; NULL: there was none */
    const char *path;    /* what it has not taken */
};

/* One character more, or a folder more; false: there is none that it may take. */
static bool take_more(struct star *s, bool is_deep, bool by_folder)
{
    const char *slash = s->pattern && by_folder ? strchr(s->path, '/') : NULL;

    if (!s->pattern || !*s->path || (by_folder && !slash) || (!is_deep && *s->path == '/'))
        return false;
    s->path = by_folder ? slash + 1 : s->path + 1;
    return true;
}

/* The last star of each kind is enough to come back to: one before it matched as early as it could, and what a star that
 * stays in its folder could take more is up to a slash that has to match anyhow. So hostile patterns do not
 * take exponential time. */
static bool match(const char *p, const char *path)
{
    struct star one = { NULL, NULL }, deep = { NULL, NULL };
    bool by_folder = false; /* "**" with a slash behind it: any folders, or none */

    while (*p || *path) {
        const char *next = p;
        if (p[0] == '*' && p[1] == '*') {
            by_folder = p[2] == '/';
            p += by_folder ? 3 : 2;
            deep = (struct star){ p, path };
            one.pattern = NULL;
        } else if (p[0] == '*') {
            one = (struct star){ ++p, path };
        } else if (*p && *path && one_matches(&next, *path)) {
            p = next;
            path++;
        } else if (take_more(&one, false, false)) {
            p = one.pattern;
            path = one.path;
        } else if (take_more(&deep, true, by_folder)) {
            p = deep.pattern;
            path = deep.path;
            one.pattern = NULL;
        } else {
            return false;
        }
    }
    return true;
}

bool tk__hf_matches(const char *pattern, const char *path)
{
    if (strncmp(pattern, "./", 2) == 0)
        pattern += 2;
    return match(pattern, path);
}

/* ---- splits by their names ---- */

static const char *const default_splits[] = { "train", "validation", "test" };
static const char *const keywords[][4] = {
    { "train", "training" },
    { "validation", "valid", "dev", "val" },
    { "test", "testing", "eval", "evaluation" },
};

static bool is_between(char c)
{
    return strchr("-._ 0123456789", c) != NULL; /* the end too */
}

/* Does the word stand in `part` with nothing but signs and digits beside it? */
static bool has_word(struct tk_str part, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= part.n; i++) {
        if (memcmp(part.p + i, word, n) == 0 && (i == 0 || is_between(part.p[i - 1])) &&
            (i + n == part.n || is_between(part.p[i + n])))
            return true;
    }
    return false;
}

static bool is_of_split(struct tk_str part, size_t split)
{
    for (size_t k = 0; k < TK_ARRAY_LEN(keywords[split]) && keywords[split][k]; k++) {
        if (has_word(part, keywords[split][k]))
            return true;
    }
    return false;
}

enum rule {
    RULE_SHARDED,
    RULE_FOLDER,
    RULE_FILE,
    RULE_ALL,
    RULE_N_,
};

/* "data/train-00000-of-00002…": the split, or nothing. */
static struct tk_str sharded_split(const char *name)
{
    const struct tk_str none = { NULL, 0 };
    const char *of = strstr(name, "-of-");

    if (strncmp(name, "data/", 5) != 0 || strchr(name + 5, '/') || !of || of - (name + 5) < 7 ||
        of[-6] != '-' || strspn(of - 5, "0123456789") != 5 || strspn(of + 4, "0123456789") < 5 ||
        !strchr(of, '.'))
        return none;
    return (struct tk_str){ name + 5, (size_t)(of - 6 - (name + 5)) };
}

/* Call `add` with each split that the rule finds in the name. */
static int splits_of(const char *name, enum rule rule, struct tk__names *splits, const char *wanted,
                     bool *ret_is_wanted)
{
    struct tk_str rest = tk_str_of(name), part;
    bool is_of[3] = { false, false, false };
    int rc = 0;

    *ret_is_wanted = false;
    if (rule == RULE_SHARDED) {
        struct tk_str split = sharded_split(name);
        *ret_is_wanted = split.n > 0 && wanted && tk_str_is(split, wanted);
        return split.n > 0 ? add_once(splits, split) : 0;
    }
    while (tk_str_split(&rest, '/', &part)) {
        bool is_file = !rest.p;
        for (size_t i = 0; i < 3; i++)
            is_of[i] = is_of[i] || (is_file == (rule == RULE_FILE) && is_of_split(part, i));
    }
    is_of[0] = is_of[0] || rule == RULE_ALL;
    for (size_t i = 0; rc == 0 && i < 3; i++) {
        if (is_of[i])
            rc = add_once(splits, tk_str_of(default_splits[i]));
        *ret_is_wanted = *ret_is_wanted ||
                         (is_of[i] && wanted && strcmp(wanted, default_splits[i]) == 0);
    }
    return rc;
}

/* ---- kinds of files ---- */

enum kind {
    KIND_PARQUET,
    KIND_JSON,
    KIND_CSV,
    KIND_N_, /* another one */
};

static enum kind kind_of(const char *name)
{
    static const struct {
        const char *end;
        enum kind kind;
    } ends[] = {
        { ".parquet", KIND_PARQUET }, { ".json", KIND_JSON }, { ".jsonl", KIND_JSON },
        { ".ndjson", KIND_JSON },     { ".csv", KIND_CSV },
    };
    const char *file = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;

    if (strcmp(file, "config.json") == 0 || strcmp(file, "dataset_info.json") == 0 ||
        strcmp(file, "dataset_infos.json") == 0 || strcmp(file, "dataset_dict.json") == 0)
        return KIND_N_; /* about the data, not of them */
    for (size_t i = 0; i < TK_ARRAY_LEN(ends); i++) {
        if (tk_str_ends(tk_str_of(file), tk_str_of(ends[i].end)))
            return ends[i].kind;
    }
    return KIND_N_;
}

/* Of the files those of the kind that most are of; the others lie beside them by accident. */
static void keep_one_kind(struct tk__names *names)
{
    size_t n[KIND_N_ + 1] = { 0 }, kept = 0;
    enum kind most = KIND_PARQUET;

    for (size_t i = 0; i < names->n; i++)
        n[kind_of(names->v[i])]++;
    for (enum kind k = KIND_PARQUET; k < KIND_N_; k++)
        most = n[k] > n[most] ? k : most;
    for (size_t i = 0; i < names->n; i++) {
        if (kind_of(names->v[i]) == most)
            names->v[kept++] = names->v[i];
        else
            free(names->v[i]);
    }
    names->n = kept;
}

/* ---- choosing ---- */

/* "'a', 'b'", train, validation and test first, as people think of them. */
static void list_names(const struct tk__names *there, struct tk_buf *out)
{
    for (size_t k = 0; k <= TK_ARRAY_LEN(default_splits); k++) {
        for (size_t i = 0; i < there->n; i++) {
            size_t at = 0;
            while (at < TK_ARRAY_LEN(default_splits) &&
                   strcmp(default_splits[at], there->v[i]) != 0)
                at++;
            if (at == k)
                (void)tk_buf_addf(out, "%s'%s'", out->n ? ", " : "", there->v[i]);
        }
    }
}

static int not_there(const struct tk__hf_folder *f, const char *kind, const char *wanted,
                     const struct tk__names *there, struct tk_err *reterr)
{
    struct tk_buf list = TK_BUF_INIT(300);

    if (there->n == 0)
        return tk_err_set(reterr, -ENOENT,
                          "'%s' has no Parquet, JSON or CSV files that tokmark could read",
                          f->what);
    list_names(there, &list);
    const char *names = list.p ? list.p : "";
    if (!wanted)
        (void)tk_err_set(reterr, TK_E_NOT_FOUND,
                         "'%s' has more than one %s: choose one with --hf-%s; there are [%s]",
                         f->what, kind, kind, names);
    else if (strcmp(kind, "split") == 0)
        (void)tk_err_set(reterr, TK_E_NOT_FOUND, "'%s': Bad split: %s. Available splits: [%s]",
                         f->what, wanted, names);
    else
        (void)tk_err_set(reterr, TK_E_NOT_FOUND,
                         "'%s': BuilderConfig '%s' not found. Available: [%s]", f->what, wanted,
                         names);
    tk_buf_release(&list);
    return TK_E_NOT_FOUND;
}

static int no_memory(const struct tk__hf_folder *f, int rc, struct tk_err *reterr)
{
    if (rc == TK_E_LIMIT)
        return tk_err_set(reterr, rc, "'%s' has more than %d files", f->what, TK__HF_MAX_FILES);
    return tk_err_set(reterr, rc, "no memory for the files of '%s'", f->what);
}

/* A subset without a configuration is a folder. Its name with a slash, or "" for all. */
static bool is_below(const char *name, const char *subset)
{
    size_t n = subset ? strlen(subset) : 0;

    return n == 0 || (strncmp(name, subset, n) == 0 && name[n] == '/');
}

static int choose_by_names(const struct tk__hf_folder *f, const char *subset, const char *split,
                           struct tk__names *ret, struct tk_err *reterr)
{
    struct tk__names splits = { .v = NULL };
    size_t skip = subset ? strlen(subset) + 1 : 0;
    int rc = 0;

    for (enum rule rule = RULE_SHARDED; rc == 0 && rule < RULE_N_ && splits.n == 0; rule++) {
        for (size_t i = 0; rc == 0 && i < f->all.n; i++) {
            const char *name = f->all.v[i];
            bool is_wanted = false;
            if (!is_below(name, subset) || kind_of(name) == KIND_N_)
                continue;
            rc = splits_of(name + skip, rule, &splits, split, &is_wanted);
            if (rc == 0 && is_wanted)
                rc = tk__names_add(ret, tk_str_of(name));
        }
    }
    if (rc == 0 && ret->n == 0 && !split && splits.n == 1)
        rc = choose_by_names(f, subset, splits.v[0], ret, reterr);
    else if (rc != 0)
        rc = no_memory(f, rc, reterr);
    else if (ret->n == 0)
        rc = not_there(f, "split", split, &splits, reterr);
    tk__names_release(&splits);
    return rc;
}

/* ---- by the README ---- */

/* The configuration to take: the one that was asked for, the only one, or the one that is the default.
 * Nothing: `configs` says which there are. */
static struct tk_str pick_config(const struct tk__readme *r, const char *subset,
                                 struct tk__names *configs, int *rc)
{
    struct tk_str by_default = { NULL, 0 };

    for (size_t i = 0; *rc == 0 && i < r->n; i++) {
        *rc = add_once(configs, r->v[i].config);
        if (subset ? tk_str_is(r->v[i].config, subset)
                   : r->v[i].is_default || tk_str_is(r->v[i].config, "default"))
            by_default = r->v[i].config;
    }
    return !subset && configs->n == 1 ? r->v[0].config : by_default;
}

/* Those that match and are not there yet; is_added[i] says which of all are. */
static int add_matches(const struct tk__hf_folder *f, const char *pattern, bool *is_added,
                       struct tk__names *ret)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < f->all.n; i++) {
        if (is_added[i] || kind_of(f->all.v[i]) == KIND_N_ || !tk__hf_matches(pattern, f->all.v[i]))
            continue;
        is_added[i] = true;
        rc = tk__names_add(ret, tk_str_of(f->all.v[i]));
    }
    return rc;
}

/* The files of all entries of the split, in the entries' order. */
static int add_split(const struct tk__hf_folder *f, const struct tk__readme *r,
                     struct tk_str config, const char *split, struct tk__names *ret)
{
    bool *is_added = calloc(f->all.n + 1, sizeof(*is_added));
    int rc = is_added ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < r->n; i++) {
        if (tk_str_eq(r->v[i].config, config) && tk_str_is(r->v[i].split, split))
            rc = add_matches(f, r->v[i].pattern, is_added, ret);
    }
    free(is_added);
    return rc;
}

static int choose_by_readme(const struct tk__hf_folder *f, const struct tk__readme *r,
                            const char *subset, const char *split, struct tk__names *ret,
                            struct tk_err *reterr)
{
    struct tk__names configs = { .v = NULL }, splits = { .v = NULL };
    int rc = 0;
    struct tk_str config = pick_config(r, subset, &configs, &rc);

    for (size_t i = 0; rc == 0 && config.p && i < r->n; i++) {
        if (tk_str_eq(r->v[i].config, config))
            rc = add_once(&splits, r->v[i].split);
    }
    if (!split && splits.n == 1)
        split = splits.v[0];
    if (rc == 0 && config.p && split)
        rc = add_split(f, r, config, split, ret);
    if (rc != 0)
        rc = no_memory(f, rc, reterr);
    else if (!config.p)
        rc = not_there(f, "subset", subset, &configs, reterr);
    else if (ret->n == 0)
        rc = not_there(f, "split", split, &splits, reterr);
    tk__names_release(&configs);
    tk__names_release(&splits);
    return rc;
}

/* ---- the hub's conversion ---- */

/* SUBSET/SPLIT/0000.parquet; SPLIT is "partial-train" where only a part was converted. */
static bool cut_converted(const char *name, struct tk_str *subset, struct tk_str *split)
{
    struct tk_str rest = tk_str_of(name);

    if (!tk_str_ends(rest, TK_STR(".parquet")) || !tk_str_split(&rest, '/', subset) || !rest.p ||
        !tk_str_split(&rest, '/', split) || !rest.p)
        return false;
    if (tk_str_starts(*split, TK_STR("partial-")))
        *split = (struct tk_str){ split->p + 8, split->n - 8 };
    return true;
}

/* The subsets, or the splits of one. */
static int list_converted(const struct tk__hf_folder *f, const char *subset, struct tk__names *ret)
{
    struct tk_str a, b;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < f->all.n; i++) {
        if (cut_converted(f->all.v[i], &a, &b) && (!subset || tk_str_is(a, subset)))
            rc = add_once(ret, subset ? b : a);
    }
    return rc;
}

static int add_converted(const struct tk__hf_folder *f, const char *subset, const char *split,
                         struct tk__names *ret)
{
    struct tk_str a, b;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < f->all.n; i++) {
        if (cut_converted(f->all.v[i], &a, &b) && tk_str_is(a, subset) && tk_str_is(b, split))
            rc = tk__names_add(ret, tk_str_of(f->all.v[i]));
    }
    return rc;
}

static int choose_converted(const struct tk__hf_folder *f, const char *subset, const char *split,
                            struct tk__names *ret, struct tk_err *reterr)
{
    struct tk__names subsets = { .v = NULL }, splits = { .v = NULL };
    int rc = list_converted(f, NULL, &subsets);

    for (size_t i = 0; !subset && i < subsets.n; i++) {
        if (subsets.n == 1 || strcmp(subsets.v[i], "default") == 0)
            subset = subsets.v[i];
    }
    if (rc == 0 && subset)
        rc = list_converted(f, subset, &splits);
    if (!split && splits.n == 1)
        split = splits.v[0];
    if (rc == 0 && subset && split)
        rc = add_converted(f, subset, split, ret);
    if (rc != 0)
        rc = no_memory(f, rc, reterr);
    else if (splits.n == 0)
        rc = not_there(f, "subset", subset, &subsets, reterr);
    else if (ret->n == 0)
        rc = not_there(f, "split", split, &splits, reterr);
    tk__names_release(&subsets);
    tk__names_release(&splits);
    return rc;
}

static bool has_folder(const struct tk__hf_folder *f, const char *subset)
{
    for (size_t i = 0; i < f->all.n; i++) {
        if (is_below(f->all.v[i], subset))
            return true;
    }
    return false;
}

int tk__hf_choose(const struct tk__hf_folder *f, const char *subset, const char *split,
                  struct tk__names *ret, struct tk_err *reterr)
{
    struct tk__readme readme = { .v = NULL };
    struct tk__names only_default = { .v = (char *[]){ (char[]){ "default" } }, .n = 1 };

    *ret = (struct tk__names){ .v = NULL };
    int rc = tk__readme_read(f->readme, &readme);
    if (rc == TK_E_LIMIT)
        (void)tk_err_set(reterr, rc,
                         "the README.md of '%s' has more than %d patterns of files, or a name of "
                         "more than %d bytes",
                         f->what, TK__README_MAX_ENTRIES, TK__README_MAX_NAME);
    else if (rc != 0)
        rc = no_memory(f, rc, reterr);
    else if (f->is_converted)
        rc = choose_converted(f, subset, split, ret, reterr);
    else if (readme.n > 0)
        rc = choose_by_readme(f, &readme, subset, split, ret, reterr);
    else if (subset && strcmp(subset, "default") == 0)
        rc = choose_by_names(f, NULL, split, ret, reterr);
    else if (subset && !has_folder(f, subset))
        rc = not_there(f, "subset", subset, &only_default, reterr);
    else
        rc = choose_by_names(f, subset, split, ret, reterr);
    tk__readme_release(&readme);
    keep_one_kind(ret);
    if (rc != 0)
        tk__names_release(ret);
    return rc;
}

/* ---- a folder of this machine ---- */

static int list(struct tk_buf *path, size_t base, unsigned depth, struct tk__names *ret);

static int list_entry(struct tk_buf *path, size_t base, const char *name, unsigned depth,
                      struct tk__names *ret)
{
    struct stat st;
    size_t n = path->n;
    int rc = tk_buf_addf(path, "/%s", name);

    if (rc == 0 && stat(path->p, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            rc = depth < MAX_DEPTH && strncmp(name, "__", 2) != 0 ? list(path, base, depth + 1, ret)
                                                                  : 0;
        else if (S_ISREG(st.st_mode))
            rc = tk__names_add(ret, tk_str_of(path->p + base));
    }
    path->n = n;
    path->p[n] = '\0';
    return rc;
}

static int list(struct tk_buf *path, size_t base, unsigned depth, struct tk__names *ret)
{
    DIR *d = opendir(path->p ? path->p : "");
    struct dirent *e;
    int rc = 0;

    if (!d)
        return -errno;
    while (rc == 0 && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.')
            rc = list_entry(path, base, e->d_name, depth, ret);
    }
    closedir(d);
    return rc;
}

int tk__hf_list(const char *path, struct tk__names *ret, struct tk_err *reterr)
{
    struct tk_buf at = TK_BUF_INIT(16 << 10);
    int rc = tk_buf_add_z(&at, path);

    *ret = (struct tk__names){ .v = NULL };
    if (rc == 0)
        rc = list(&at, at.n + 1, 0, ret);
    if (rc != 0) {
        tk__names_release(ret);
        (void)tk_err_set(reterr, rc, "the folder '%s' cannot be read: %s", path,
                         rc == TK_E_LIMIT ? "it has too many files, or too long names"
                                          : tk_err_text(rc));
    }
    tk__names_sort(ret);
    tk_buf_release(&at);
    return rc;
}
