/* parquet.c - opening a Parquet file: from its last bytes to its description
 *
 *   "PAR1" … pages … | description (Thrift) | its length, 4 bytes | "PAR1"
 *
 * The end is read first, TAIL bytes of it, which mostly holds the whole description.
 */
#include "parquet/parquet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "parquet/inside.h"

#define TAIL ((int64_t)64 << 10)
#define END_BYTES 8 /* length and mark */
#define MAX_ARENA ((size_t)1 << 30)

int tk__pq_fail(const struct tk_parquet *p, int code, struct tk_err *reterr, const char *fmt, ...)
{
    char words[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    return tk_err_set(reterr, code, "'%s': %s", p->source.name, words);
}

/* The last `n` bytes of the file, at least. */
static int read_end(struct tk_parquet *p, int64_t n, struct tk_buf *out, struct tk_err *reterr)
{
    n = TK_MIN(n, p->source.size);
    tk_buf_reset(out);
    if (tk_buf_reserve(out, (size_t)n) != 0)
        return tk__pq_fail(p, -ENOMEM, reterr, "no memory for its description");
    int rc = p->source.read(p->source.arg, p->source.size - n, out->p, (size_t)n, reterr);
    out->n = rc == 0 ? (size_t)n : 0;
    return rc;
}

/* Length of the description, from the last bytes; a negative code when there is none. */
static int64_t footer_length(const struct tk_parquet *p, struct tk_str end, struct tk_err *reterr)
{
    const uint8_t *b = (const uint8_t *)end.p + end.n - END_BYTES;
    int64_t n = b[0] | b[1] << 8 | b[2] << 16 | (int64_t)b[3] << 24;

    if (tk_str_ends(end, TK_STR("PARE")))
        return tk__pq_fail(p, TK_E_UNSUPPORTED, reterr, "it is encrypted");
    if (!tk_str_ends(end, TK_STR("PAR1")))
        return tk__pq_fail(p, TK_E_FORMAT, reterr,
                           "it does not end as Parquet does: it is truncated, or another kind of "
                           "file");
    if (n > p->source.size - END_BYTES - 4)
        return tk__pq_fail(p, TK_E_FORMAT, reterr,
                           "its description is longer than the file: it is truncated or damaged");
    if (n > (int64_t)TK_PARQUET_MAX_FOOTER)
        return tk__pq_fail(p, TK_E_LIMIT, reterr, "its description has more than %zu bytes",
                           TK_PARQUET_MAX_FOOTER);
    return n;
}

static int read_footer(struct tk_parquet *p, struct tk_err *reterr)
{
    struct tk_buf end = TK_BUF_INIT(TK_PARQUET_MAX_FOOTER + END_BYTES + 1);

    if (p->source.size < END_BYTES + 4)
        return tk__pq_fail(p, TK_E_FORMAT, reterr,
                           "it is too short for a Parquet file: it is truncated, or another kind "
                           "of file");
    int rc = read_end(p, TAIL, &end, reterr);
    int64_t n = rc == 0 ? footer_length(p, tk_buf_str(&end), reterr) : rc;
    if (n >= 0 && n + END_BYTES > (int64_t)end.n)
        rc = read_end(p, n + END_BYTES, &end, reterr);
    if (n >= 0 && rc == 0)
        rc = tk__pq_footer(p, (struct tk_str){ end.p + end.n - END_BYTES - n, (size_t)n }, reterr);
    tk_buf_release(&end);
    return n < 0 ? (int)n : rc;
}

static struct tk_parquet *new_file(const struct tk_parquet_source *source)
{
    struct tk_parquet *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->source = *source;
    p->fd = -1;
    tk_arena_init(&p->arena, MAX_ARENA);
    return p;
}

static int open_file(struct tk_parquet *p, struct tk_parquet **ret, struct tk_err *reterr)
{
    int rc = read_footer(p, reterr);

    if (rc == 0) {
        p->columns = tk_arena_alloc(&p->arena, (p->n_leaves + 1) * sizeof(struct tk__pq_column *));
        if (!p->columns)
            rc = tk__pq_fail(p, -ENOMEM, reterr, "no memory for its columns");
    }
    if (rc == 0)
        *ret = p;
    else
        tk_parquet_free(p);
    return rc;
}

int tk_parquet_open(const struct tk_parquet_source *source, struct tk_parquet **ret,
                    struct tk_err *reterr)
{
    struct tk_parquet *p = new_file(source);

    if (!p)
        return tk_err_set(reterr, -ENOMEM, "no memory for '%s'", source->name);
    return open_file(p, ret, reterr);
}

static int read_fd(void *arg, int64_t at, void *out, size_t n, struct tk_err *reterr)
{
    const struct tk_parquet *p = arg;
    char *to = out;

    for (size_t got = 0; got < n;) {
        ssize_t k = pread(p->fd, to + got, n - got, (off_t)(at + (int64_t)got));
        if (k == 0 || (k < 0 && errno != EINTR))
            return tk__pq_fail(p, k == 0 ? -EIO : -errno, reterr, "it cannot be read: %s",
                               k == 0 ? "it was shortened meanwhile" : tk_err_text(-errno));
        got += k > 0 ? (size_t)k : 0;
    }
    return 0;
}

int tk_parquet_open_file(const char *path, struct tk_parquet **ret, struct tk_err *reterr)
{
    struct tk_parquet_source source = { .name = path, .read = read_fd };
    struct tk_parquet *p = new_file(&source);
    struct stat st = { 0 };

    if (!p)
        return tk_err_set(reterr, -ENOMEM, "no memory for '%s'", path);
    p->source.arg = p;
    p->fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = p->fd < 0 || fstat(p->fd, &st) != 0 ? -errno : 0;
    if (rc == 0 && !S_ISREG(st.st_mode))
        rc = -EISDIR;
    if (rc != 0) {
        tk_parquet_free(p);
        return tk_err_set(reterr, rc, "'%s' cannot be opened: %s", path, tk_err_text(rc));
    }
    p->source.size = st.st_size;
    return open_file(p, ret, reterr);
}

struct tk_parquet *tk_parquet_free(struct tk_parquet *p)
{
    if (!p)
        return NULL;
    for (uint32_t i = 0; p->columns && i < p->n_leaves; i++) {
        if (p->columns[i])
            tk__pq_column_release(p->columns[i]);
        free(p->columns[i]);
    }
    if (p->fd >= 0)
        close(p->fd);
    tk_arena_release(&p->arena);
    free(p);
    return NULL;
}

void tk_parquet_names(const struct tk_parquet *p, struct tk_buf *out)
{
    for (uint32_t i = 1; i < p->n_nodes; i = p->nodes[i].end) {
        (void)tk_buf_add_z(out, i > 1 ? ", " : "");
        (void)tk_buf_add_str(out, p->nodes[i].name);
    }
}

struct tk_str tk_parquet_features(const struct tk_parquet *p)
{
    return p->features;
}

size_t tk_parquet_select(struct tk_parquet *p, const char *const *names, size_t n)
{
    size_t n_selected = 0;

    for (uint32_t i = 1; i < p->n_nodes; i = p->nodes[i].end) {
        p->nodes[i].is_wanted = false;
        for (size_t k = 0; k < n && !p->nodes[i].is_wanted; k++)
            p->nodes[i].is_wanted = tk_str_is(p->nodes[i].name, names[k]);
        n_selected += p->nodes[i].is_wanted;
    }
    return n_selected;
}
