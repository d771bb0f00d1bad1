/* hf_readme.c - which files a data set says that it has
 *
 *   ---
 *   configs:
 *   - config_name: main
 *     data_files:
 *     - split: train
 *       path: main/train-*
 *     - split: test
 *       path: [a.jsonl, "b.jsonl"]
 *     default: true
 *   ---
 *
 * Not YAML, but the forms of it that these heads have: block lists and mappings, one key a line, texts
 * plain or in quotes, lists in brackets. `data_files` may be a text or a list of texts too, which is the
 * split train. What is of another form is passed over; then the names of the files speak.
 *
 * A configuration's name and whether it is the default may stand behind its files, and be said again and
 * again: they are set when it ends, once.
 */
#include "data/hf_readme.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

struct reader {
    struct tk__readme *out;
    struct tk_str config, split; /* those under way */
    bool in_configs, is_default;
    int configs_indent;
    struct tk_str list_key; /* whose list of texts may follow: "path" or "data_files" */
    size_t first_of_config; /* the first entry of the configuration under way */
};

static struct tk_str unquote(struct tk_str s)
{
    s = tk_str_trim(s);
    bool is_quoted = s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0];

    return is_quoted ? (struct tk_str){ s.p + 1, s.n - 2 } : s;
}

static int add(struct reader *r, struct tk_str pattern)
{
    struct tk__readme *out = r->out;

    if (out->n == TK__README_MAX_ENTRIES)
        return TK_E_LIMIT;
    if (out->n == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 16;
        struct tk__readme_entry *v = reallocarray(out->v, cap, sizeof(*v));
        if (!v)
            return -ENOMEM;
        out->v = v;
        out->cap = cap;
    }
    struct tk__readme_entry *e = &out->v[out->n++];
    *e = (struct tk__readme_entry){
        .split = r->split.n ? r->split : TK_STR("train"),
        .pattern = tk_str_dup(pattern),
    };
    return e->pattern ? 0 : -ENOMEM;
}

/* A text, or texts in brackets. */
static int add_value(struct reader *r, struct tk_str value)
{
    struct tk_str part;
    int rc = 0;

    if (value.n < 2 || value.p[0] != '[' || value.p[value.n - 1] != ']')
        return add(r, unquote(value));
    struct tk_str rest = { value.p + 1, value.n - 2 };
    while (rc == 0 && tk_str_split(&rest, ',', &part)) {
        part = unquote(part);
        rc = part.n > 0 ? add(r, part) : 0;
    }
    return rc;
}

/* What was said of the configuration counts for all of its entries. */
static void end_config(struct reader *r)
{
    for (size_t i = r->first_of_config; i < r->out->n; i++) {
        r->out->v[i].config = r->config.n ? r->config : TK_STR("default");
        r->out->v[i].is_default = r->is_default;
    }
    r->first_of_config = r->out->n;
    r->config = r->split = (struct tk_str){ NULL, 0 };
    r->is_default = false;
}

static int take_name(struct tk_str value, struct tk_str *ret)
{
    *ret = unquote(value);
    return ret->n <= TK__README_MAX_NAME ? 0 : TK_E_LIMIT;
}

static int take_key(struct reader *r, struct tk_str key, struct tk_str value)
{
    r->list_key = (struct tk_str){ NULL, 0 };
    if (tk_str_is(key, "config_name")) {
        r->split = (struct tk_str){ NULL, 0 };
        return take_name(value, &r->config);
    } else if (tk_str_is(key, "split")) {
        return take_name(value, &r->split);
    } else if (tk_str_is(key, "path") || tk_str_is(key, "data_files")) {
        if (tk_str_is(key, "data_files"))
            r->split = (struct tk_str){ NULL, 0 };
        r->list_key = key;
        return value.n > 0 ? add_value(r, value) : 0;
    } else if (tk_str_is(key, "default") && tk_str_is(value, "true")) {
        r->is_default = true;
    }
    return 0;
}

/* One line of the head, its indent taken off. */
static int take_line(struct reader *r, struct tk_str line, int indent)
{
    bool is_item = false;

    while (line.n > 0 && line.p[0] == '-' && (line.n == 1 || line.p[1] == ' ')) {
        is_item = true;
        line = tk_str_trim((struct tk_str){ line.p + 1, line.n - 1 });
    }
    if (is_item && indent == r->configs_indent)
        end_config(r); /* the next one begins */
    ptrdiff_t colon = tk_str_find(line, ':');
    bool is_key = colon > 0 && ((size_t)colon + 1 == line.n || line.p[colon + 1] == ' ') &&
                  line.p[0] != '"' && line.p[0] != '\'';
    if (is_key)
        return take_key(
            r, (struct tk_str){ line.p, (size_t)colon },
            tk_str_trim((struct tk_str){ line.p + colon + 1, line.n - (size_t)colon - 1 }));
    return is_item && r->list_key.n > 0 && line.n > 0 ? add(r, unquote(line)) : 0;
}

static int indent_of(struct tk_str line)
{
    int n = 0;

    while ((size_t)n < line.n && line.p[n] == ' ')
        n++;
    return n;
}

int tk__readme_read(struct tk_str text, struct tk__readme *ret)
{
    struct reader r = { .out = ret, .configs_indent = -1 };
    struct tk_str line;
    int rc = 0;

    *ret = (struct tk__readme){ .v = NULL };
    if (!tk_str_split(&text, '\n', &line) || !tk_str_is(tk_str_trim(line), "---"))
        return 0;
    while (rc == 0 && tk_str_split(&text, '\n', &line) && !tk_str_is(tk_str_trim(line), "---")) {
        int indent = indent_of(line);
        struct tk_str words = tk_str_trim(line);
        if (words.n == 0 || words.p[0] == '#')
            continue;
        if (indent == 0 && words.p[0] != '-') {
            r.in_configs = tk_str_is(words, "configs:");
        } else if (r.in_configs) {
            if (r.configs_indent < 0)
                r.configs_indent = indent;
            rc = take_line(&r, words, indent);
        }
    }
    end_config(&r);
    return rc;
}

void tk__readme_release(struct tk__readme *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->v[i].pattern);
    free(r->v);
    *r = (struct tk__readme){ .v = NULL };
}
