/* parquet.h - the rows of a Parquet file, each as a JSON object
 *
 * Reads by ranges, through a callback, what the wanted columns need and no more: a file may be far away
 * and much larger than what is taken of it. Memory is that of one page for each column that is read.
 *
 *   struct tk_parquet *p;
 *   const char *names[] = { "question" };
 *   int rc = tk_parquet_open(&source, &p, &err);
 *   if (rc == 0) tk_parquet_select(p, names, 1);
 *   while (rc == 0 && (rc = tk_parquet_next(p, false, &row, &err)) > 0) { … row … rc = 0; }
 *   tk_parquet_free(p);
 *
 * What a file says is not believed: counts, lengths and offsets are held against the bytes that are
 * there, and what is damaged is an error with the file, the row group and the column. One thread.
 * See docs/internals/parquet.md.
 */
#ifndef TK_PARQUET_PARQUET_H
#define TK_PARQUET_PARQUET_H

#include "base/buf.h"
#include "base/def.h"

struct tk_err;
struct tk_parquet;

#define TK_PARQUET_MAX_FOOTER ((size_t)64 << 20) /* bytes of a file's description */
#define TK_PARQUET_MAX_PAGE ((size_t)1 << 30)    /* bytes of a page, unpacked */
#define TK_PARQUET_MAX_NODES 20000               /* columns and groups of a schema */
#define TK_PARQUET_MAX_DEPTH 24                  /* groups in groups */

/* Where the bytes are. */
struct tk_parquet_source {
    const char *name; /* for messages; not owned */
    int64_t size;     /* bytes */
    /* Fill out[0 … n-1] with the bytes from `at`, which lie within the size. 0 or a code, with words. */
    int (*read)(void *arg, int64_t at, void *out, size_t n, struct tk_err *reterr);
    void *arg; /* not owned */
};

/* Read the file's description; `source` is copied, what it points to must outlive *ret. 0; TK_E_FORMAT (no Parquet, or
 * damaged); TK_E_UNSUPPORTED (encrypted); TK_E_LIMIT; -ENOMEM; what `read` returned. */
int tk_parquet_open(const struct tk_parquet_source *source, struct tk_parquet **ret,
                    struct tk_err *reterr);

/* The same of a file of this machine, which stays open; its errno too. */
int tk_parquet_open_file(const char *path, struct tk_parquet **ret, struct tk_err *reterr);

struct tk_parquet *tk_parquet_free(struct tk_parquet *p);

/* The names of the columns (those at the top), for messages: "question, answer". */
void tk_parquet_names(const struct tk_parquet *p, struct tk_buf *out);

/* What `datasets` wrote into the file about its columns, which is JSON; empty where it did not write it. Lives as long as `p`. */
struct tk_str tk_parquet_features(const struct tk_parquet *p);

/* Read these columns alone; names that the file does not have are passed over. Returns how many it has. Before the first row. */
size_t tk_parquet_select(struct tk_parquet *p, const char *const *names, size_t n);

/* Append the next row: 1, 0 at the end of the file, or a code with words as of tk_parquet_open(). A list is an array, a map an array of [key, value]; text is text, other
 * bytes are base64. Dates and times are the integers that are stored, decimals the unscaled integers or, where those are
 * stored as bytes, base64, and so is INT96. */
int tk_parquet_next(struct tk_parquet *p, struct tk_buf *out, struct tk_err *reterr);

#endif
