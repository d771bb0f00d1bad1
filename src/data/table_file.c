/* table_file.c - the rows of one file: Parquet, JSON, JSON Lines or CSV; or of the data set viewer
 *
 * Each kind is a small table of functions over one struct. A Parquet file of the hub is read where it lies,
 * by ranges; the others have no order in them that would allow it, and are fetched through the cache.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsondoc.h"
#include "base/jsonscan.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "data/csv.h"
#include "data/table.h"
#include "hub/hub.h"
#include "parquet/parquet.h"

#define MAX_FEATURES 4  /* lists in lists */
#define VIEWER_ROWS 100 /* a page; the viewer gives no more */

struct kind {
    int (*open)(struct tk__table_file *f, struct tk_err *reterr);
    int (*next)(struct tk__table_file *f, struct tk_buf *out, struct tk_err *reterr);
    void (*release)(struct tk__table_file *f);
};

struct tk__table_file {
    const struct kind *kind;
    const struct tk__table_conf *conf;
    char *path; /* of this machine; owned */
    const struct tk_hub_repo *repo;
    char *name; /* owned */
    /* Parquet */
    struct tk_parquet *parquet;
    struct tk_hub_remote *remote;
    bool has_no_ranges; /* its server gives files whole */
    /* JSON */
    int fd;
    struct tk_jsonscan scan;
    /* CSV */
    struct tk__csv csv;
    char *columns[TK__CSV_MAX_FIELDS];
    size_t n_columns;
    /* the viewer */
    char *query;
    int64_t n_seen;  /* rows */
    int64_t n_total; /* -1: not known yet */
    struct tk_buf page;
    struct tk_json *json;
    struct tk_json_iter it;
    bool has_page;
};

/* ---- Parquet ---- */

static int read_remote(void *arg, int64_t at, void *out, size_t n, struct tk_err *reterr)
{
    struct tk__table_file *f = arg;
    int rc = tk_hub_remote_read(f->remote, at, out, n, reterr);

    f->has_no_ranges = rc == TK_E_UNSUPPORTED;
    return rc;
}

/* Fetch the file of the hub through its cache. */
static int fetch(struct tk__table_file *f, struct tk_err *reterr)
{
    return tk_hub_get(f->conf->hub, f->repo, f->name, &f->path, reterr);
}

static int open_remote(struct tk__table_file *f, struct tk_err *reterr)
{
    if (tk_hub_cached(f->conf->hub, f->repo, f->name, &f->path) == 0)
        return tk_parquet_open_file(f->path, &f->parquet, reterr);
    if (f->conf->hub->is_offline || !f->conf->is_streamed)
        return fetch(f, reterr);
    int rc = tk_hub_remote_open(f->conf->hub, f->repo, f->name, &f->remote, reterr);
    if (rc != 0)
        return rc;
    const struct tk_parquet_source source = {
        .name = f->name,
        .size = tk_hub_remote_size(f->remote),
        .read = read_remote,
        .arg = f,
    };
    rc = tk_parquet_open(&source, &f->parquet, reterr);
    return f->has_no_ranges ? fetch(f, reterr) : rc;
}

/* Rows of no columns would not say which ones there are. */
static int select_columns(struct tk__table_file *f, struct tk_err *reterr)
{
    struct tk_buf names = TK_BUF_INIT(600);

    if (tk_parquet_select(f->parquet, f->conf->columns, f->conf->n_columns) > 0)
        return 0;
    tk_parquet_names(f->parquet, &names);
    (void)tk_err_set(reterr, TK_E_FORMAT, "'%s' has no column '%s'; its columns are: %s",
                     f->path ? f->path : f->name, f->conf->columns[0], names.p ? names.p : "");
    tk_buf_release(&names);
    return TK_E_FORMAT;
}

static int open_parquet(struct tk__table_file *f, struct tk_err *reterr)
{
    int rc = f->path ? 0 : open_remote(f, reterr);

    if (rc == 0 && !f->parquet)
        rc = tk_parquet_open_file(f->path, &f->parquet, reterr);
    return rc == 0 ? select_columns(f, reterr) : rc;
}

static int next_parquet(struct tk__table_file *f, struct tk_buf *out, struct tk_err *reterr)
{
    return tk_parquet_next(f->parquet, out, reterr);
}

static void release_parquet(struct tk__table_file *f)
{
    f->parquet = tk_parquet_free(f->parquet);
    f->remote = tk_hub_remote_free(f->remote);
}

/* {"_type": "Image"}, or a list of those, of which there are several forms. */
static bool is_picture(struct tk_json_val *feature, unsigned depth)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str type;

    if (depth == 0)
        return false;
    if (tk_json_type(feature) == TK_JSON_ARRAY)
        return tk_json_arr(feature, &it) == 0 && tk_json_arr_next(&it, &v) > 0 &&
               is_picture(&v, depth - 1);
    if (tk_json_type(feature) != TK_JSON_OBJECT)
        return false;
    if (tk_json_find(feature, "_type", &v) == 0 && tk_json_get_str(&v, &type) == 0 &&
        tk_str_is(type, "Image"))
        return true;
    return tk_json_find(feature, "feature", &v) == 0 && is_picture(&v, depth - 1);
}

/* The features of the document, which is `datasets`' own. */
static bool has_picture(struct tk_jsondoc *d, const struct tk__table_conf *conf)
{
    struct tk_json_val info, features, v;
    bool has = false;

    if (tk_json_find(&d->root, "info", &info) != 0 ||
        tk_json_find(&info, "features", &features) != 0)
        return false;
    for (size_t i = 0; !has && i < conf->n_columns; i++)
        has = tk_json_find(&features, conf->columns[i], &v) == 0 && is_picture(&v, MAX_FEATURES);
    return has;
}

int tk__table_file_has_pictures(const struct tk__table_file *f)
{
    struct tk_str text = f->parquet ? tk_parquet_features(f->parquet) : (struct tk_str){ NULL, 0 };
    struct tk_jsondoc d;

    if (text.n == 0)
        return 0;
    int rc = tk_jsondoc_init(&d, text);
    if (rc == 0)
        rc = has_picture(&d, f->conf);
    tk_jsondoc_release(&d);
    return rc == TK_E_FORMAT ? 0 : rc; /* nobody needs it but for this */
}

/* ---- JSON and JSON Lines ---- */

static int open_json(struct tk__table_file *f, struct tk_err *reterr)
{
    int rc = f->path ? 0 : fetch(f, reterr);

    if (rc != 0)
        return rc;
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0)
        return tk_err_set(reterr, -errno, "'%s' cannot be opened: %s", f->path,
                          tk_err_text(-errno));
    rc = tk_jsonscan_init_fd(&f->scan, f->fd, TK_JSONSCAN_AUTO, 0);
    return rc ? tk_err_set(reterr, rc, "no memory to read '%s'", f->path) : 0;
}

static int next_json(struct tk__table_file *f, struct tk_buf *out, struct tk_err *reterr)
{
    struct tk_err err = { 0 };
    struct tk_str text;
    int rc = tk_jsonscan_next(&f->scan, &text, &err);

    if (rc < 0)
        return tk_err_set(reterr, rc, "'%s', line %u: %s", f->path, err.line, err.msg);
    if (rc > 0 && text.p[0] != '{')
        return tk_err_set(reterr, TK_E_FORMAT,
                          "'%s', line %" PRIu64 ": the row is no object: '%.*s'", f->path,
                          tk_jsonscan_line(&f->scan), (int)TK_MIN(text.n, 60), text.p);
    if (rc > 0 && tk_buf_add_str(out, text) != 0)
        return tk_err_set(reterr, out->failed, "'%s': no memory for a row", f->path);
    return rc;
}

static void release_json(struct tk__table_file *f)
{
    tk_jsonscan_release(&f->scan);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

/* ---- CSV ---- */

static int open_csv(struct tk__table_file *f, struct tk_err *reterr)
{
    int rc = f->path ? 0 : fetch(f, reterr);

    if (rc == 0)
        rc = tk__csv_open(&f->csv, f->path, reterr);
    if (rc == 0)
        rc = tk__csv_next(&f->csv, reterr);
    if (rc == 0)
        return tk_err_set(reterr, TK_E_FORMAT, "'%s' is empty", f->path);
    for (size_t i = 0; rc > 0 && i < f->csv.n; i++) {
        f->columns[i] = tk_str_dup(f->csv.v[i]);
        if (!f->columns[i])
            rc = tk_err_set(reterr, -ENOMEM, "no memory to read '%s'", f->path);
        f->n_columns += rc > 0;
    }
    return TK_MIN(rc, 0);
}

/* Fields stay texts, an empty one is null; who wants a number reads one. */
static int next_csv(struct tk__table_file *f, struct tk_buf *out, struct tk_err *reterr)
{
    struct tk_jsonw w;
    int rc = tk__csv_next(&f->csv, reterr);

    if (rc <= 0)
        return rc;
    if (f->csv.n > f->n_columns)
        return tk_err_set(reterr, TK_E_FORMAT, "'%s', line %" PRIu64 ": %zu fields, %zu columns",
                          f->path, f->csv.line, f->csv.n, f->n_columns);
    tk_jsonw_init(&w, out, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    for (size_t i = 0; i < f->csv.n; i++) {
        tk_jsonw_key(&w, f->columns[i]);
        if (f->csv.v[i].n > 0)
            tk_jsonw_str(&w, f->csv.v[i]);
        else
            tk_jsonw_null(&w);
    }
    tk_jsonw_obj_end(&w);
    return out->failed ? tk_err_set(reterr, out->failed, "'%s': no memory for a row", f->path) : 1;
}

static void release_csv(struct tk__table_file *f)
{
    tk__csv_close(&f->csv);
    for (size_t i = 0; i < f->n_columns; i++)
        free(f->columns[i]);
    f->n_columns = 0;
}

/* ---- the viewer ---- */

static int damaged_page(const struct tk__table_file *f, struct tk_err *reterr)
{
    return tk_err_set(reterr, TK_E_PROTO, "the viewer's rows of '%s' are damaged", f->repo->id);
}

static int next_page(struct tk__table_file *f, struct tk_err *reterr)
{
    struct tk_buf query = TK_BUF_INIT(8192);
    struct tk_json_val root, v;

    (void)tk_buf_addf(&query, "/rows?%s&offset=%" PRId64 "&length=%d", f->query, f->n_seen,
                      VIEWER_ROWS);
    int rc = query.failed
                 ? tk_err_set(reterr, query.failed, "the names of '%s' are too long", f->repo->id)
                 : tk_hub_viewer(f->conf->hub, f->repo, query.p, &f->page, reterr);
    tk_buf_release(&query);
    if (rc != 0)
        return rc;
    if (tk_json_parse(f->json, f->page.p, f->page.n, &root) != 0 ||
        tk_json_find(&root, "num_rows_total", &v) != 0 || tk_json_get_i64(&v, &f->n_total) != 0 ||
        tk_json_find(&root, "rows", &v) != 0 || tk_json_arr(&v, &f->it) != 0)
        return damaged_page(f, reterr);
    f->has_page = true;
    return 0;
}

/* A cell that the viewer has cut makes another prompt of the row. */
static int check_cells(const struct tk__table_file *f, struct tk_json_val *v, struct tk_err *reterr)
{
    struct tk_json_val cells, cell;
    struct tk_json_iter it;
    struct tk_str name;

    if (tk_json_find(v, "truncated_cells", &cells) != 0 || tk_json_arr(&cells, &it) != 0)
        return 0;
    while (tk_json_arr_next(&it, &cell) > 0) {
        if (tk_json_get_str(&cell, &name) != 0)
            return damaged_page(f, reterr);
        for (size_t i = 0; i < f->conf->n_columns; i++) {
            if (tk_str_is(name, f->conf->columns[i]))
                return tk_err_set(reterr, TK_E_UNSUPPORTED,
                                  "the viewer has cut '%s' of row %" PRId64
                                  " of '%s': download the "
                                  "data set and name its folder",
                                  f->conf->columns[i], f->n_seen, f->repo->id);
        }
    }
    return 0;
}

static int next_viewed(struct tk__table_file *f, struct tk_buf *out, struct tk_err *reterr)
{
    struct tk_json_val v, row;
    struct tk_str text;

    for (int n_pages = 0;; n_pages++) {
        int rc = f->has_page ? tk_json_arr_next(&f->it, &v) : 0;
        if (rc < 0)
            return damaged_page(f, reterr);
        if (rc > 0)
            break;
        if (f->n_total >= 0 && f->n_seen >= f->n_total)
            return 0;
        if (n_pages > 0) /* an empty page before the end */
            return damaged_page(f, reterr);
        rc = next_page(f, reterr);
        if (rc != 0)
            return rc;
    }
    int rc = check_cells(f, &v, reterr);
    if (rc != 0)
        return rc;
    if (tk_json_find(&v, "row", &row) != 0 || tk_json_type(&row) != TK_JSON_OBJECT ||
        tk_json_get_raw(&row, &text) != 0)
        return damaged_page(f, reterr);
    f->n_seen++;
    return tk_buf_add_str(out, text) == 0
               ? 1
               : tk_err_set(reterr, out->failed, "no memory for a row of '%s'", f->repo->id);
}

static void release_viewer(struct tk__table_file *f)
{
    tk_buf_release(&f->page);
    f->json = tk_json_free(f->json);
    free(f->query);
    f->query = NULL;
}

/* The splits of a data set as the viewer lists them, each as config and split. */
struct splits {
    struct tk__table_file *f;
    const char *subset, *split;
    char names[300];       /* for messages */
    char *config, *chosen; /* owned */
    size_t n_found;
};

static bool add_split(struct splits *s, struct tk_str config, struct tk_str split)
{
    size_t n = strlen(s->names);

    if ((s->subset && !tk_str_is(config, s->subset)) || (s->split && !tk_str_is(split, s->split))) {
        (void)snprintf(s->names + n, sizeof(s->names) - n, "%s%.*s/%.*s", n ? ", " : "",
                       TK_STR_ARG(config), TK_STR_ARG(split));
        return true;
    }
    if (s->n_found++ > 0)
        return true;
    s->config = tk_str_dup(config);
    s->chosen = tk_str_dup(split);
    return s->config && s->chosen;
}

static int choose_split(struct splits *s, struct tk_json_val *root, struct tk_err *reterr)
{
    struct tk_json_val v, item;
    struct tk_json_iter it;
    struct tk_str config, split;
    int rc;

    if (tk_json_find(root, "splits", &v) != 0 || tk_json_arr(&v, &it) != 0)
        return damaged_page(s->f, reterr);
    while ((rc = tk_json_arr_next(&it, &item)) > 0) {
        if (tk_json_find(&item, "config", &v) != 0 || tk_json_get_str(&v, &config) != 0 ||
            tk_json_find(&item, "split", &v) != 0 || tk_json_get_str(&v, &split) != 0)
            return damaged_page(s->f, reterr);
        if (!add_split(s, config, split))
            return tk_err_set(reterr, -ENOMEM, "no memory for '%s'", s->f->repo->id);
    }
    if (rc < 0)
        return damaged_page(s->f, reterr);
    if (s->n_found == 1)
        return 0;
    return tk_err_set(reterr, TK_E_NOT_FOUND,
                      s->n_found == 0
                          ? "'%s' has no such subset and split; there are %s"
                          : "'%s' has more than one: choose with --hf-subset and --hf-split%.0s",
                      s->f->repo->id, s->names);
}

static int make_query(struct splits *s, struct tk_err *reterr)
{
    char *set = tk_hub_quote(s->f->repo->id), *config = tk_hub_quote(s->config);
    char *split = tk_hub_quote(s->chosen);
    int rc = set && config && split &&
                     asprintf(&s->f->query, "dataset=%s&config=%s&split=%s", set, config, split) >=
                         0
                 ? 0
                 : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", s->f->repo->id);
    if (rc != 0)
        s->f->query = NULL;
    free(set);
    free(config);
    free(split);
    return rc;
}

static int open_viewer(struct tk__table_file *f, struct tk_err *reterr)
{
    struct splits s = { .f = f, .subset = f->conf->subset, .split = f->conf->split };
    struct tk_buf query = TK_BUF_INIT(4096);
    struct tk_json_val root;
    char *set = tk_hub_quote(f->repo->id);

    f->json = tk_json_new((size_t)256 << 20);
    (void)tk_buf_addf(&query, "/splits?dataset=%s", set ? set : "");
    int rc = f->json && set && !query.failed
                 ? 0
                 : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", f->repo->id);
    free(set);
    if (rc == 0)
        rc = tk_hub_viewer(f->conf->hub, f->repo, query.p, &f->page, reterr);
    tk_buf_release(&query);
    if (rc == 0 && tk_json_parse(f->json, f->page.p, f->page.n, &root) != 0)
        rc = damaged_page(f, reterr);
    if (rc == 0)
        rc = choose_split(&s, &root, reterr);
    if (rc == 0)
        rc = make_query(&s, reterr);
    free(s.config);
    free(s.chosen);
    return rc;
}

/* ---- all of them ---- */

static const struct kind parquet = { open_parquet, next_parquet, release_parquet };
static const struct kind json = { open_json, next_json, release_json };
static const struct kind csv = { open_csv, next_csv, release_csv };
static const struct kind viewer = { open_viewer, next_viewed, release_viewer };

static const struct kind *kind_of(const char *name)
{
    if (tk_str_ends(tk_str_of(name), TK_STR(".parquet")))
        return &parquet;
    return tk_str_ends(tk_str_of(name), TK_STR(".csv")) ? &csv : &json;
}

static int open_kind(const struct kind *kind, const struct tk__table_conf *conf,
                     const struct tk__table_place *place, struct tk__table_file **ret,
                     struct tk_err *reterr)
{
    struct tk__table_file *f = calloc(1, sizeof(*f));

    if (!f)
        return tk_err_set(reterr, -ENOMEM, "no memory for '%s'", conf->path);
    *f = (struct tk__table_file){
        .kind = kind,
        .conf = conf,
        .repo = place->repo,
        .path = place->path ? strdup(place->path) : NULL,
        .name = place->name ? strdup(place->name) : NULL,
        .fd = -1,
        .n_total = -1,
    };
    bool has_names = (!place->path || f->path) && (!place->name || f->name);
    int rc = has_names ? kind->open(f, reterr)
                       : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", conf->path);
    if (rc == 0)
        *ret = f;
    else
        tk__table_file_free(f);
    return rc;
}

int tk__table_file_open(const struct tk__table_conf *conf, const struct tk__table_place *place,
                        struct tk__table_file **ret, struct tk_err *reterr)
{
    return open_kind(kind_of(place->path ? place->path : place->name), conf, place, ret, reterr);
}

int tk__table_viewer_open(const struct tk__table_conf *conf, const struct tk_hub_repo *repo,
                          struct tk__table_file **ret, struct tk_err *reterr)
{
    const struct tk__table_place place = { .repo = repo };

    return open_kind(&viewer, conf, &place, ret, reterr);
}

struct tk__table_file *tk__table_file_free(struct tk__table_file *f)
{
    if (f) {
        f->kind->release(f);
        free(f->path);
        free(f->name);
        free(f);
    }
    return NULL;
}

int tk__table_file_next(struct tk__table_file *f, struct tk_buf *out, struct tk_err *reterr)
{
    return f->kind->next(f, out, reterr);
}
