/* rows.c - files of JSON rows, in their order or shuffled, in little memory
 *
 *   in order    scan --> check --> take, until there are enough
 *
 *   shuffled    scan --> check --> index: offset, length            one pass over the whole file
 *               shuffle the index                                   as CPython shuffles the list
 *               for each, until there are enough:  pread --> take
 *
 * The files that people have are larger than what they use of them: ShareGPT is 700 MB, of which a
 * run takes some thousand rows. Only the index (16 bytes a row) and the rows that were taken are ever
 * in memory, where json.load() takes several times the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsonscan.h"
#include "data/inside.h"

#define MAX_ROW TK_JSONSCAN_MAX_ELEMENT /* bytes of one row */

struct entry {
    uint64_t offset;
    uint32_t n;     /* bytes */
    uint32_t index; /* row of the file */
};

struct rows {
    const struct tk_data_conf *conf;
    const struct tk__rows_ops *ops;
    void *owner;
    struct tk_err *reterr;
    int fd;
    struct tk_jsonscan scan;
    struct tk_json *json;
    uint32_t n_rows; /* seen so far */
    size_t n_taken;
    struct entry *v; /* the index; owned */
    size_t n, cap;
    char *text; /* a row that is read again, with padding; owned */
    size_t text_cap;
};

int tk__row_fail(const struct tk__row *row, int code, struct tk_err *reterr, const char *fmt, ...)
{
    char words[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    if (row->line)
        (void)tk_err_set(reterr, code, "'%s', line %" PRIu64 ": %s", row->path, row->line, words);
    else
        (void)tk_err_set(reterr, code, "'%s', row %" PRIu32 " from 0: %s", row->path, row->index,
                         words);
    if (reterr)
        reterr->line = (unsigned)TK_MIN(row->line, UINT32_MAX);
    return code;
}

static int parse(struct rows *r, const struct tk__row *row, struct tk_str text,
                 struct tk_json_val *ret)
{
    int rc = tk_json_parse(r->json, text.p, text.n, ret);
    if (rc == 0 && tk_json_type(ret) == TK_JSON_INVALID)
        rc = TK_E_FORMAT;
    if (rc == TK_E_FORMAT)
        return tk__row_fail(row, rc, r->reterr, "this is not JSON: '%.*s'", (int)TK_MIN(text.n, 60),
                            text.p);
    if (rc)
        return tk__row_fail(row, rc, r->reterr, "%s", tk_err_text(rc));
    return 0;
}

static bool has_enough(const struct rows *r)
{
    return r->conf->n_wanted > 0 && r->n_taken >= r->conf->n_wanted;
}

static int take(struct rows *r, const struct tk__row *row, struct tk_json_val *root)
{
    int rc = r->ops->take(r->owner, row, root, r->reterr);
    if (rc > 0)
        r->n_taken++;
    return TK_MIN(rc, 0);
}

static int add_entry(struct rows *r, const struct tk__row *row, struct tk_str text)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 4096;
        struct entry *v = reallocarray(r->v, cap, sizeof(*v));
        if (!v)
            return tk__row_fail(row, -ENOMEM, r->reterr, "no memory for the index of rows");
        r->v = v;
        r->cap = cap;
    }
    r->v[r->n++] = (struct entry){
        .offset = tk_jsonscan_offset(&r->scan),
        .n = (uint32_t)text.n,
        .index = row->index,
    };
    return 0;
}

/* One row in the file's order. */
static int see_row(struct rows *r, struct tk_str text)
{
    struct tk_json_val root;
    struct tk__row row = {
        .path = r->conf->path,
        .line = tk_jsonscan_line(&r->scan),
        .index = r->n_rows,
    };
    if (r->n_rows++ == UINT32_MAX - 1)
        return tk__row_fail(&row, TK_E_LIMIT, r->reterr, "too many rows");
    int rc = parse(r, &row, text, &root);
    if (rc == 0)
        rc = r->ops->check(r->owner, &row, &root, r->reterr);
    if (rc <= 0)
        return rc;
    return r->conf->do_shuffle ? add_entry(r, &row, text) : take(r, &row, &root);
}

static int scan_failed(const struct rows *r, int code, const struct tk_err *e)
{
    const struct tk__row row = { .path = r->conf->path, .line = e->line };
    if (row.line == 0)
        return tk_err_set(r->reterr, code, "'%s' cannot be read: %s", row.path, e->msg);
    return tk__row_fail(&row, code, r->reterr, "%s", e->msg);
}

static int scan_rows(struct rows *r)
{
    struct tk_err e = { .msg = "" };
    struct tk_str text;
    int rc = 0;
    while (!has_enough(r) && (rc = tk_jsonscan_next(&r->scan, &text, &e)) > 0) {
        rc = see_row(r, text);
        if (rc)
            return rc;
    }
    return rc < 0 ? scan_failed(r, rc, &e) : 0;
}

/* --- out of order --- */

static int read_again(struct rows *r, const struct entry *e)
{
    size_t need = (size_t)e->n + TK_JSON_PADDING;
    if (need > r->text_cap) {
        char *p = realloc(r->text, need);
        if (!p)
            return -ENOMEM;
        r->text = p;
        r->text_cap = need;
    }
    memset(r->text + e->n, 0, TK_JSON_PADDING);
    for (size_t at = 0; at < e->n;) {
        ssize_t n = pread(r->fd, r->text + at, e->n - at, (off_t)(e->offset + at));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO; /* the file was shortened meanwhile */
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int take_again(struct rows *r, const struct entry *e)
{
    struct tk_json_val root;
    struct tk__row row = { .path = r->conf->path, .index = e->index };
    int rc = read_again(r, e);
    if (rc)
        return tk__row_fail(&row, rc, r->reterr, "%s", tk_err_text(rc));
    rc = parse(r, &row, (struct tk_str){ r->text, e->n }, &root);
    return rc ? rc : take(r, &row, &root);
}

static int take_shuffled(struct rows *r)
{
    struct tk_mt mt;
    uint32_t *order = reallocarray(NULL, r->n + 1, sizeof(*order));
    int rc = 0;
    if (!order)
        return tk_err_set(r->reterr, -ENOMEM, "no memory to shuffle %zu rows", r->n);
    tk_mt_seed_python(&mt, r->conf->seed);
    tk_mt_shuffle(&mt, order, r->n);
    if (r->conf->python)
        *r->conf->python = mt;
    for (size_t i = 0; rc == 0 && i < r->n && !has_enough(r); i++)
        rc = take_again(r, &r->v[order[i]]);
    free(order);
    return rc;
}

/* --- the file --- */

static int open_file(struct rows *r)
{
    struct stat st;
    const char *path = r->conf->path;
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0 || fstat(r->fd, &st) != 0) {
        int rc = -errno;
        return tk_err_set(r->reterr, rc, "'%s' cannot be opened: %s", path, tk_err_text(rc));
    }
    if (S_ISDIR(st.st_mode))
        return tk_err_set(r->reterr, -EISDIR, "'%s' is a directory, not a file", path);
    if (r->conf->do_shuffle && !S_ISREG(st.st_mode))
        return tk_err_set(r->reterr, TK_E_UNSUPPORTED,
                          "'%s' cannot be shuffled, because it is no regular file; save it to one",
                          path);
    return 0;
}

static int open_all(struct rows *r)
{
    int rc = open_file(r);
    if (rc == 0)
        rc = tk_jsonscan_init_fd(&r->scan, r->fd, TK_JSONSCAN_AUTO, MAX_ROW);
    else
        return rc;
    if (rc == 0) {
        r->json = tk_json_new(MAX_ROW);
        rc = r->json ? 0 : -ENOMEM;
    }
    return rc ? tk_err_set(r->reterr, rc, "no memory to read '%s'", r->conf->path) : 0;
}

static void close_all(struct rows *r)
{
    tk_jsonscan_release(&r->scan);
    tk_json_free(r->json);
    free(r->v);
    free(r->text);
    if (r->fd >= 0)
        close(r->fd);
}

int tk__rows_load(const struct tk_data_conf *conf, const struct tk__rows_ops *ops, void *owner,
                  struct tk_err *reterr)
{
    struct rows r = { .conf = conf, .ops = ops, .owner = owner, .reterr = reterr, .fd = -1 };
    int rc = open_all(&r);
    if (rc == 0)
        rc = scan_rows(&r);
    if (rc == 0 && conf->do_shuffle)
        rc = take_shuffled(&r);
    close_all(&r);
    return rc;
}
