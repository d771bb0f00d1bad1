/* table.c - rows of a data set, in the order of its files or shuffled
 *
 * Where they come from, the first that is there:
 *
 *   path      a folder or a file of this machine
 *   hub       the Parquet conversion (branch refs/convert/parquet)
 *             the files of the data set itself (branch main)
 *             the rows that the data set viewer shows
 *
 * How they are shuffled is how `datasets` does it, by PCG64 from the seed: a stream's files change places, and a
 * buffer of 1,000 rows gives one away for each that comes in; rows that are all there (--no-stream) are
 * permuted. They lie in a file without a name meanwhile, not in memory.
 */
#include "data/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsoncheck.h"
#include "base/pcg.h"
#include "base/str.h"
#include "data/hf_files.h"
#include "hub/hub.h"

#define BUFFER_ROWS 1000
#define DRAWS 1000 /* that `datasets` makes at a time */
#define CONVERSION "refs/convert/parquet"

struct stored {
    char *text; /* owned; NULL: in the spool */
    uint64_t at;
    size_t n;
    uint32_t index;
};

struct tk__table {
    const struct tk__table_conf *conf;
    struct tk_hub_repo repo;
    char commit[129]; /* that all files are of */
    bool is_local, is_viewed, has_pictures;
    struct tk__names files;
    uint32_t *order; /* of the files */
    size_t n_opened;
    struct tk__table_file *file;
    uint32_t n_rows; /* read so far */
    struct tk_buf raw;
    struct tk_json *json;
    /* shuffled: those that wait */
    struct tk_pcg pcg;
    struct stored *waiting;
    size_t n_waiting, cap_waiting;
    bool has_ended; /* nothing more comes in: `waiting` goes out from its end, or by `next` */
    int64_t draws[DRAWS];
    size_t n_drawn; /* used of them */
    size_t next;    /* not streamed: how many went out */
    uint32_t *permutation;
    int spool;
    uint64_t spool_bytes;
};

/* ---- which files ---- */

static int add_name(void *arg, const char *name)
{
    return tk__names_add(arg, tk_str_of(name));
}

static int no_memory(const struct tk__table *t, int rc, struct tk_err *reterr)
{
    return tk_err_set(reterr, rc, "'%s': %s", t->conf->path,
                      rc == TK_E_LIMIT ? "too many files or rows" : "no memory for its rows");
}

static bool has_readme(const struct tk__names *all)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->v[i], "README.md") == 0)
            return true;
    }
    return false;
}

static int slurp(const char *path, struct tk_buf *out, struct tk_err *reterr)
{
    char bytes[4096];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = fd < 0 ? -errno : 0;

    while (rc == 0 && (n = read(fd, bytes, sizeof(bytes))) != 0) {
        if (n > 0)
            rc = tk_buf_add(out, bytes, (size_t)n);
        else if (errno != EINTR)
            rc = -errno;
    }
    if (fd >= 0)
        close(fd);
    if (rc == TK_E_LIMIT)
        return tk_err_set(reterr, rc, "'%s' has more than %zu bytes", path, out->max);
    return rc ? tk_err_set(reterr, rc, "'%s' cannot be read: %s", path, tk_err_text(rc)) : 0;
}

/* README.md of the folder or the repository; empty where there is none. One that is there and cannot be had is an error:
 * without it other files might be taken. */
static int read_readme(struct tk__table *t, const struct tk__names *all, struct tk_buf *out,
                       struct tk_err *reterr)
{
    char *path = NULL;
    int rc = 0;

    if (!has_readme(all))
        return 0;
    if (!t->is_local)
        rc = tk_hub_get(t->conf->hub, &t->repo, "README.md", &path, reterr);
    else if (asprintf(&path, "%s/README.md", t->conf->path) < 0)
        return no_memory(t, -ENOMEM, reterr);
    if (rc == 0)
        rc = slurp(path, out, reterr);
    free(path);
    return rc;
}

static int choose(struct tk__table *t, struct tk__names *all, bool is_converted,
                  struct tk_err *reterr)
{
    struct tk_buf readme = TK_BUF_INIT(TK__HF_MAX_README);
    int rc = is_converted ? 0 : read_readme(t, all, &readme, reterr);

    tk__names_sort(all);
    const struct tk__hf_folder folder = {
        .what = t->conf->path,
        .all = *all,
        .readme = tk_buf_str(&readme),
        .is_converted = is_converted,
    };
    if (rc == 0)
        rc = tk__hf_choose(&folder, t->conf->subset, t->conf->split, &t->files, reterr);
    tk_buf_release(&readme);
    return rc;
}

static int choose_local(struct tk__table *t, struct tk_err *reterr)
{
    struct tk__names all = { .v = NULL };
    struct stat st;

    t->is_local = true;
    if (stat(t->conf->path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        int rc = tk__names_add(&t->files, tk_str_of(t->conf->path));
        return rc ? no_memory(t, rc, reterr) : 0;
    }
    int rc = tk__hf_list(t->conf->path, &all, reterr);
    if (rc == 0)
        rc = choose(t, &all, false, reterr);
    tk__names_release(&all);
    return rc;
}

/* The files of a branch, from then on of the commit that it is now. *ret_is_there: it has files to choose from, whether or
 * not the choice was good. */
static int choose_branch(struct tk__table *t, const char *branch, bool *ret_is_there,
                         struct tk_err *reterr)
{
    struct tk__names all = { .v = NULL };

    t->repo.revision = branch;
    int rc = tk_hub_list(t->conf->hub, &t->repo, add_name, &all, t->commit, reterr);
    bool is_listed = rc == 0;
    if (rc != 0 && reterr->msg[0] == '\0') /* add_name()'s */
        (void)no_memory(t, rc, reterr);
    if (is_listed) {
        t->repo.revision = t->commit;
        rc = choose(t, &all, branch != NULL, reterr);
    }
    *ret_is_there = is_listed && rc != -ENOENT;
    tk__names_release(&all);
    return rc;
}

static bool is_about_branch(int rc)
{
    return rc == TK_E_NOT_FOUND || rc == -ENOENT || rc == -ENETDOWN;
}

/* What the first place says is what is told, unless a later one knows better: that there is no conversion
 * is nobody's concern. */
static int choose_hub(struct tk__table *t, struct tk_err *reterr)
{
    struct tk_err first = { 0 }, err = { 0 }, view_err = { 0 };
    bool is_converted = false, is_there = false;
    int rc = choose_branch(t, CONVERSION, &is_converted, &first);

    if (rc == 0 || !is_about_branch(rc))
        return rc == 0 ? 0 : tk_err_set(reterr, rc, "%s", first.msg);
    rc = choose_branch(t, NULL, &is_there, &err);
    if (rc == 0 || !is_about_branch(rc))
        return rc == 0 ? 0 : tk_err_set(reterr, rc, "%s", err.msg);
    int view_rc = t->conf->hub->is_offline || is_converted
                      ? -ENETDOWN
                      : tk__table_viewer_open(t->conf, &t->repo, &t->file, &view_err);
    t->is_viewed = view_rc == 0;
    if (view_rc == 0)
        return 0;
    if (view_rc == -EACCES && rc == -ENOENT) /* there is such a set, which is locked */
        return tk_err_set(reterr, view_rc, "%s", view_err.msg);
    return tk_err_set(reterr, rc, "%s", is_converted ? first.msg : err.msg);
}

/* ---- open ---- */

static int order_files(struct tk__table *t)
{
    struct tk_pcg pcg;

    t->order = reallocarray(NULL, t->files.n + 1, sizeof(*t->order));
    if (!t->order)
        return -ENOMEM;
    tk_pcg_seed(&pcg, t->conf->seed);
    for (size_t i = 0; i < t->files.n; i++)
        t->order[i] = (uint32_t)i;
    if (t->conf->do_shuffle && t->conf->is_streamed)
        tk_pcg_shuffle(&pcg, t->order, t->files.n);
    return 0;
}

int tk__table_open(const struct tk__table_conf *conf, struct tk__table **ret, struct tk_err *reterr)
{
    struct tk__table *t = calloc(1, sizeof(*t));

    if (!t)
        return tk_err_set(reterr, -ENOMEM, "no memory for '%s'", conf->path);
    t->conf = conf;
    t->repo = (struct tk_hub_repo){ .id = conf->path, .type = TK_HUB_DATASET };
    t->spool = -1;
    t->n_drawn = DRAWS;
    tk_buf_init(&t->raw, TK__TABLE_MAX_ROW);
    tk_pcg_seed(&t->pcg, conf->seed);
    t->json = tk_json_new(TK__TABLE_MAX_ROW);
    int rc = t->json ? 0 : no_memory(t, -ENOMEM, reterr);
    if (rc == 0)
        rc = access(conf->path, F_OK) == 0 ? choose_local(t, reterr) : choose_hub(t, reterr);
    if (rc == 0 && (rc = order_files(t)) != 0)
        (void)no_memory(t, rc, reterr);
    if (rc == 0)
        *ret = t;
    else
        tk__table_free(t);
    return rc;
}

struct tk__table *tk__table_free(struct tk__table *t)
{
    if (!t)
        return NULL;
    for (size_t i = 0; i < t->n_waiting; i++)
        free(t->waiting[i].text);
    free(t->waiting);
    free(t->permutation);
    free(t->order);
    tk__names_release(&t->files);
    tk__table_file_free(t->file);
    tk_buf_release(&t->raw);
    tk_json_free(t->json);
    if (t->spool >= 0)
        close(t->spool);
    free(t);
    return NULL;
}

bool tk__table_has_pictures(const struct tk__table *t)
{
    return t->has_pictures;
}

/* ---- rows in the files' order ---- */

static int open_next(struct tk__table *t, struct tk_err *reterr)
{
    const char *name = t->files.v[t->order[t->n_opened++]];
    struct tk__table_place place = { .repo = &t->repo, .name = name };
    struct stat st;
    char *path = NULL;
    int rc;

    t->file = tk__table_file_free(t->file);
    if (t->is_local && stat(t->conf->path, &st) == 0 && S_ISDIR(st.st_mode) &&
        asprintf(&path, "%s/%s", t->conf->path, name) < 0)
        return no_memory(t, -ENOMEM, reterr);
    if (t->is_local)
        place.path = path ? path : name;
    rc = tk__table_file_open(t->conf, &place, &t->file, reterr);
    free(path);
    if (rc == 0 && t->n_opened == 1) {
        int has = tk__table_file_has_pictures(t->file);
        t->has_pictures = has > 0;
        rc = has < 0 ? no_memory(t, has, reterr) : 0;
    }
    return rc;
}

/* Into t->raw: 1, 0, or a code. */
static int next_raw(struct tk__table *t, struct tk_err *reterr)
{
    for (;;) {
        tk_buf_reset(&t->raw);
        int rc = t->file ? tk__table_file_next(t->file, &t->raw, reterr) : 0;
        if (rc != 0) {
            t->n_rows += rc > 0;
            return rc > 0 && t->n_rows == UINT32_MAX ? no_memory(t, TK_E_LIMIT, reterr) : rc;
        }
        if (t->is_viewed || t->n_opened == t->files.n)
            return 0;
        rc = open_next(t, reterr);
        if (rc != 0)
            return rc;
    }
}

/* ---- a stream, shuffled ---- */

static int store(struct tk__table *t, struct stored *to)
{
    char *text = malloc(t->raw.n + 1);

    if (!text)
        return -ENOMEM;
    memcpy(text, t->raw.p, t->raw.n);
    *to = (struct stored){ .text = text, .n = t->raw.n, .index = t->n_rows - 1 };
    return 0;
}

static int grow(struct tk__table *t)
{
    if (t->n_waiting < t->cap_waiting)
        return 0;
    size_t cap = t->cap_waiting ? t->cap_waiting * 2 : BUFFER_ROWS;
    struct stored *v = reallocarray(t->waiting, cap, sizeof(*v));
    if (!v)
        return -ENOMEM;
    t->waiting = v;
    t->cap_waiting = cap;
    return 0;
}

static size_t draw(struct tk__table *t)
{
    if (t->n_drawn == DRAWS) {
        for (size_t i = 0; i < DRAWS; i++)
            t->draws[i] = tk_pcg_integers(&t->pcg, 0, BUFFER_ROWS);
        t->n_drawn = 0;
    }
    return (size_t)t->draws[t->n_drawn++];
}

/* The rest of the buffer in an order of its own. */
static int order_rest(struct tk__table *t)
{
    t->has_ended = true;
    t->permutation = reallocarray(NULL, t->n_waiting + 1, sizeof(*t->permutation));
    if (!t->permutation)
        return -ENOMEM;
    for (size_t i = 0; i < t->n_waiting; i++)
        t->permutation[i] = (uint32_t)i;
    tk_pcg_shuffle(&t->pcg, t->permutation, t->n_waiting);
    return 0;
}

static void give(struct tk__table *t, struct stored *from, uint32_t *ret_index)
{
    tk_buf_reset(&t->raw);
    (void)tk_buf_add(&t->raw, from->text, from->n);
    *ret_index = from->index;
    free(from->text);
    from->text = NULL;
}

/* The next row of those that wait, into t->raw: 1, 0 or a code. */
static int next_streamed(struct tk__table *t, uint32_t *ret_index, struct tk_err *reterr)
{
    struct stored in;
    int rc = 0;

    while (!t->has_ended) {
        rc = next_raw(t, reterr);
        if (rc < 0)
            return rc;
        if (rc == 0 && (rc = order_rest(t)) != 0)
            return no_memory(t, rc, reterr);
        if (t->has_ended)
            break;
        rc = grow(t);
        if (rc == 0)
            rc = store(t, &in);
        if (rc == 0 && t->n_waiting == BUFFER_ROWS) {
            size_t i = draw(t);
            give(t, &t->waiting[i], ret_index);
            t->waiting[i] = in;
            return t->raw.failed ? no_memory(t, t->raw.failed, reterr) : 1;
        }
        if (rc != 0)
            return no_memory(t, rc, reterr);
        if ((rc = grow(t)) != 0) {
            free(in.text);
            return no_memory(t, rc, reterr);
        }
        t->waiting[t->n_waiting++] = in;
    }
    if (t->next == t->n_waiting)
        return 0;
    give(t, &t->waiting[t->permutation[t->next++]], ret_index);
    return t->raw.failed ? no_memory(t, t->raw.failed, reterr) : 1;
}

/* ---- all rows, shuffled ---- */

static int open_spool(struct tk__table *t, struct tk_err *reterr)
{
    const char *folder = getenv("TMPDIR");

    folder = folder && *folder ? folder : "/tmp";
    t->spool = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (t->spool < 0) {
        char *name = NULL;
        if (asprintf(&name, "%s/tokmark-XXXXXX", folder) < 0)
            return no_memory(t, -ENOMEM, reterr);
        t->spool = mkostemp(name, O_CLOEXEC);
        if (t->spool >= 0)
            (void)unlink(name);
        free(name);
    }
    if (t->spool < 0)
        return tk_err_set(reterr, -errno,
                          "no file can be made in '%s' to shuffle '%s': %s; see TMPDIR", folder,
                          t->conf->path, tk_err_text(-errno));
    return 0;
}

/* t->raw to the end of the spool. */
static int spool_row(struct tk__table *t, struct tk_err *reterr)
{
    int rc = grow(t);

    if (rc != 0)
        return no_memory(t, rc, reterr);
    for (size_t done = 0; done < t->raw.n;) {
        ssize_t n = pwrite(t->spool, t->raw.p + done, t->raw.n - done,
                           (off_t)(t->spool_bytes + done));
        if (n < 0 && errno != EINTR)
            return tk_err_set(reterr, -errno,
                              "the rows of '%s' cannot be kept to be shuffled: %s; see "
                              "TMPDIR",
                              t->conf->path, tk_err_text(-errno));
        done += n > 0 ? (size_t)n : 0;
    }
    t->waiting[t->n_waiting++] = (struct stored){
        .at = t->spool_bytes,
        .n = t->raw.n,
        .index = t->n_rows - 1,
    };
    t->spool_bytes += t->raw.n;
    return 0;
}

static int spool_all(struct tk__table *t, struct tk_err *reterr)
{
    int rc = open_spool(t, reterr);

    while (rc == 0 && (rc = next_raw(t, reterr)) > 0)
        rc = spool_row(t, reterr);
    if (rc == 0 && (rc = order_rest(t)) != 0)
        (void)no_memory(t, rc, reterr);
    return rc;
}

static int next_spooled(struct tk__table *t, uint32_t *ret_index, struct tk_err *reterr)
{
    int rc = t->has_ended ? 0 : spool_all(t, reterr);

    if (rc != 0 || t->next == t->n_waiting)
        return rc;
    const struct stored *from = &t->waiting[t->permutation[t->next++]];
    tk_buf_reset(&t->raw);
    if (tk_buf_reserve(&t->raw, from->n) != 0)
        return no_memory(t, -ENOMEM, reterr);
    while (t->raw.n < from->n) {
        ssize_t n = pread(t->spool, t->raw.p + t->raw.n, from->n - t->raw.n,
                          (off_t)(from->at + t->raw.n));
        if (n == 0 || (n < 0 && errno != EINTR))
            return tk_err_set(reterr, n == 0 ? -EIO : -errno,
                              "the rows of '%s' cannot be read again", t->conf->path);
        t->raw.n += n > 0 ? (size_t)n : 0;
    }
    *ret_index = from->index;
    return 1;
}

/* ---- one by one ---- */

static int parse(struct tk__table *t, const struct tk__row *row, struct tk_json_val *ret,
                 struct tk_err *reterr)
{
    t->raw.max = TK__TABLE_MAX_ROW + TK_JSON_PADDING;
    int rc = tk_buf_reserve(&t->raw, TK_JSON_PADDING);
    t->raw.max = TK__TABLE_MAX_ROW;
    if (rc != 0)
        return no_memory(t, rc, reterr);
    memset(t->raw.p + t->raw.n, 0, TK_JSON_PADDING);
    rc = tk_json_parse(t->json, t->raw.p, t->raw.n, ret);
    if (rc == 0 && !tk_json_is_whole(ret))
        rc = TK_E_FORMAT;
    if (rc != 0)
        return tk__row_fail(row, rc, reterr, "this is not JSON: '%.*s'", (int)TK_MIN(t->raw.n, 60),
                            t->raw.p);
    return 1;
}

int tk__table_next(struct tk__table *t, struct tk_json_val *ret_root, struct tk__row *ret_row,
                   struct tk_err *reterr)
{
    uint32_t index = t->n_rows;
    int rc;

    if (!t->conf->do_shuffle)
        rc = next_raw(t, reterr);
    else if (t->conf->is_streamed)
        rc = next_streamed(t, &index, reterr);
    else
        rc = next_spooled(t, &index, reterr);
    *ret_row = (struct tk__row){ .path = t->conf->path, .index = index };
    return rc > 0 ? parse(t, ret_row, ret_root, reterr) : rc;
}
