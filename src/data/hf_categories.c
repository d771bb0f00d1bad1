/* hf_categories.c - a file of JSON Lines for each category, their rows in turn
 *
 *   simple:    a b c          in turn    a x b y c z w    shuffled by the seed as CPython does it,
 *   multiple:  x y z w   ───────────►                     unless that is not wanted
 *
 * The files are some megabytes, so their rows lie in memory, and each is checked before any is used.
 */
#include "data/hf_categories.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsoncheck.h"
#include "base/jsonscan.h"
#include "base/str.h"
#include "data/hf.h"
#include "hub/hub.h"

#define DEFAULTS "simple,live_simple,multiple"
#define DEFAULTS_SHOWN "simple, live_simple, multiple"

struct entry {
    size_t at; /* in the text */
    uint32_t n, file, index;
    uint64_t line;
};

struct tk__categories {
    const struct tk_data_conf *conf;
    char *paths[TK__CATEGORIES_MAX]; /* owned, each */
    size_t n_files;
    size_t first[TK__CATEGORIES_MAX + 1]; /* the first row of each file, and where the last ends */
    struct tk_buf text;
    struct entry *v; /* owned; in the files' order */
    size_t n, cap;
    uint32_t *order; /* owned; of the rows */
    size_t next;
    struct tk_json *json;
};

/* --- one file --- */

static int fetch(struct tk__categories *c, struct tk_str category, struct tk_err *reterr)
{
    const struct tk_hub_repo repo = { .id = c->conf->path, .type = TK_HUB_DATASET };
    struct tk_buf name = TK_BUF_INIT(TK_HUB_MAX_NAME);

    (void)tk_buf_addf(&name, "BFCL_v3_%.*s.json", TK_STR_ARG(category));
    int rc = name.failed;
    if (rc == TK_E_LIMIT)
        (void)tk_err_set(reterr, rc, "BFCL category '%.*s…' is too long",
                         (int)TK_MIN(category.n, 100), category.p);
    else if (rc != 0)
        (void)tk_err_set(reterr, rc, "no memory for BFCL category '%.*s'", TK_STR_ARG(category));
    else
        rc = tk_hub_get(c->conf->hf->hub, &repo, name.p, &c->paths[c->n_files], reterr);
    if (rc == -ENOENT)
        rc = tk_err_set(reterr, TK_E_NOT_FOUND,
                        "BFCL category '%.*s' not found: file '%s' does not exist in %s. Check "
                        "--bfcl-categories (defaults: " DEFAULTS_SHOWN ").",
                        TK_STR_ARG(category), name.p, c->conf->path);
    tk_buf_release(&name);
    return rc;
}

static int add_entry(struct tk__categories *c, const struct tk__row *row, struct tk_str text,
                     struct tk_err *reterr)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 1024;
        struct entry *v = reallocarray(c->v, cap, sizeof(*v));
        if (!v)
            return tk__row_fail(row, -ENOMEM, reterr, "no memory for the rows");
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = (struct entry){
        .at = c->text.n,
        .n = (uint32_t)text.n,
        .file = (uint32_t)c->n_files,
        .index = row->index,
        .line = row->line,
    };
    int rc = tk_buf_add_str(&c->text, text);
    if (rc == TK_E_LIMIT)
        return tk__row_fail(row, rc, reterr, "the rows of all categories have more than %zu MiB",
                            TK__CATEGORIES_MAX_BYTES >> 20);
    return rc ? tk__row_fail(row, rc, reterr, "no memory for the rows") : 0;
}

static int add_row(struct tk__categories *c, const struct tk__row *row, struct tk_str text,
                   struct tk_err *reterr)
{
    struct tk_json_val root;
    int rc = tk_json_parse(c->json, text.p, text.n, &root);

    if (rc == 0 && !(tk_json_is_whole(&root) && tk_json_at_end(c->json)))
        rc = TK_E_FORMAT;
    if (rc != 0 && rc != TK_E_FORMAT)
        return tk__row_fail(row, rc, reterr, "%s", tk_err_text(rc));
    if (rc != 0)
        return tk__row_fail(row, rc, reterr, "this is not JSON: '%.*s'", (int)TK_MIN(text.n, 60),
                            text.p);
    if (tk_json_type(&root) != TK_JSON_OBJECT)
        return tk__row_fail(row, TK_E_FORMAT, reterr, "the row is no object: '%.*s'",
                            (int)TK_MIN(text.n, 60), text.p);
    return add_entry(c, row, text, reterr);
}

static int scan(struct tk__categories *c, int fd, struct tk_err *reterr)
{
    const char *path = c->paths[c->n_files];
    struct tk_jsonscan s;
    struct tk_err e = { .msg = "" };
    struct tk_str text;
    uint32_t n = 0;
    int rc = tk_jsonscan_init_fd(&s, fd, TK_JSONSCAN_LINES, 0);

    if (rc != 0)
        return tk_err_set(reterr, rc, "no memory to read '%s'", path);
    while ((rc = tk_jsonscan_next(&s, &text, &e)) > 0) {
        const struct tk__row row = { .path = path, .line = tk_jsonscan_line(&s), .index = n++ };
        rc = add_row(c, &row, text, reterr);
        if (rc != 0)
            break;
    }
    if (rc < 0 && e.msg[0])
        (void)tk__row_fail(&(struct tk__row){ .path = path, .line = e.line }, rc, reterr, "%s",
                           e.msg);
    tk_jsonscan_release(&s);
    return rc;
}

static int add_file(struct tk__categories *c, struct tk_str category, struct tk_err *reterr)
{
    if (c->n_files == TK__CATEGORIES_MAX)
        return tk_err_set(reterr, TK_E_LIMIT, "--bfcl-categories names more than %d categories",
                          TK__CATEGORIES_MAX);
    int rc = fetch(c, category, reterr);
    if (rc != 0)
        return rc;
    const char *path = c->paths[c->n_files];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tk_err_set(reterr, -errno, "'%s' cannot be opened: %s", path, tk_err_text(-errno));
    c->first[c->n_files] = c->n;
    rc = scan(c, fd, reterr);
    close(fd);
    c->first[++c->n_files] = c->n;
    return rc;
}

/* --- all of them --- */

/* Those that are named; the defaults where none is. */
static int add_files(struct tk__categories *c, const char *names, struct tk_err *reterr)
{
    struct tk_str rest = tk_str_of(names ? names : ""), part;
    int rc = 0;

    while (rc == 0 && tk_str_split(&rest, ',', &part)) {
        part = tk_str_trim(part);
        if (part.n > 0)
            rc = add_file(c, part, reterr);
    }
    return rc == 0 && c->n_files == 0 ? add_files(c, DEFAULTS, reterr) : rc;
}

/* The first row of each file, the second of each that has one, and so on. */
static void take_in_turn(const struct tk__categories *c, uint32_t *ret)
{
    size_t n = 0;

    for (size_t i = 0; n < c->n; i++) {
        for (size_t f = 0; f < c->n_files; f++) {
            if (c->first[f] + i < c->first[f + 1])
                ret[n++] = (uint32_t)(c->first[f] + i);
        }
    }
}

static int order_rows(struct tk__categories *c)
{
    uint32_t *turns = reallocarray(NULL, c->n + 1, sizeof(*turns));
    struct tk_mt mt;

    c->order = reallocarray(NULL, c->n + 1, sizeof(*c->order)); /* released with `c` */
    if (!turns || !c->order) {
        free(turns);
        return -ENOMEM;
    }
    take_in_turn(c, turns);
    for (size_t i = 0; i < c->n; i++)
        c->order[i] = (uint32_t)i;
    if (c->conf->do_shuffle) {
        tk_mt_seed_python(&mt, c->conf->seed);
        tk_mt_shuffle(&mt, c->order, c->n);
    }
    for (size_t i = 0; i < c->n; i++)
        c->order[i] = turns[c->order[i]];
    free(turns);
    return 0;
}

int tk__categories_open(const struct tk_data_conf *conf, struct tk__categories **ret,
                        struct tk_err *reterr)
{
    struct tk__categories *c = calloc(1, sizeof(*c));
    int rc = 0;

    if (!c)
        return tk_err_set(reterr, -ENOMEM, "no memory for '%s'", conf->path);
    c->conf = conf;
    tk_buf_init(&c->text, TK__CATEGORIES_MAX_BYTES);
    c->json = tk_json_new(TK_JSONSCAN_MAX_ELEMENT);
    if (!c->json)
        rc = tk_err_set(reterr, -ENOMEM, "no memory for '%s'", conf->path);
    if (rc == 0)
        rc = add_files(c, conf->hf->categories, reterr);
    c->text.max += TK_JSON_PADDING;
    if (rc == 0 && (tk_buf_reserve(&c->text, TK_JSON_PADDING) != 0 || order_rows(c) != 0))
        rc = tk_err_set(reterr, -ENOMEM, "no memory for the rows of '%s'", conf->path);
    if (rc == 0)
        *ret = c;
    else
        tk__categories_free(c);
    return rc;
}

struct tk__categories *tk__categories_free(struct tk__categories *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < TK_ARRAY_LEN(c->paths); i++)
        free(c->paths[i]);
    tk_buf_release(&c->text);
    tk_json_free(c->json);
    free(c->v);
    free(c->order);
    free(c);
    return NULL;
}

int tk__categories_next(struct tk__categories *c, struct tk_json_val *ret_root,
                        struct tk__row *ret_row, struct tk_err *reterr)
{
    if (c->next == c->n)
        return 0;
    const struct entry *e = &c->v[c->order[c->next++]];
    *ret_row = (struct tk__row){ .path = c->paths[e->file], .line = e->line, .index = e->index };
    int rc = tk_json_parse(c->json, c->text.p + e->at, e->n, ret_root);
    return rc ? tk__row_fail(ret_row, rc, reterr, "%s", tk_err_text(rc)) : 1;
}
