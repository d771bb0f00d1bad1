/* table.h - the rows of a data set of the Hugging Face hub, or of a folder that looks like one
 *
 *   tables: which files (hf_files.c)  ──►  files: rows of one (table_file.c)  ──►  order (table.c)
 *
 * The order is the files', or another one by the seed, as `datasets` has it: of a stream through a buffer
 * of 1,000 rows, else of all rows at once.
 */
#ifndef TK_DATA_TABLE_H
#define TK_DATA_TABLE_H

#include "base/buf.h"
#include "data/inside.h"

struct tk_hub_conf;
struct tk_hub_repo;

#define TK__TABLE_MAX_ROW ((size_t)512 << 20) /* bytes of a row, as JSON */

struct tk__table_conf {
    const char *path;           /* a folder or file of this machine, else a data set of the hub */
    const char *subset, *split; /* NULL: the only one */
    const char *const *columns; /* those that are read of Parquet, one at least */
    size_t n_columns;
    const struct tk_hub_conf *hub;
    bool is_streamed; /* no file is fetched whole where parts will do */
    bool do_shuffle;
    uint64_t seed;
};

struct tk__table;

/* The conf and what it points to must outlive *ret. 0 or a code, with words. */
int tk__table_open(const struct tk__table_conf *conf, struct tk__table **ret,
                   struct tk_err *reterr);
struct tk__table *tk__table_free(struct tk__table *t);

/* The next row: 1, 0 at the end, or a code. Values live until the next call; *ret_row is for messages:
 * its index is that of the files' order. */
int tk__table_next(struct tk__table *t, struct tk_json_val *ret_root, struct tk__row *ret_row,
                   struct tk_err *reterr);

/* Whether the pictures of the columns are such to `datasets`, by what it wrote into the first file, and so turned as
 * they are to be seen. */
bool tk__table_has_pictures(const struct tk__table *t);

/* ---- table_file.c: one file, or what the viewer gives ---- */

struct tk__table_file;

struct tk__table_place {
    const char *path;               /* of this machine; or NULL: */
    const struct tk_hub_repo *repo; /* of the hub, */
    const char *name;               /* this file, read by ranges where it is Parquet */
};

int tk__table_file_open(const struct tk__table_conf *conf, const struct tk__table_place *place,
                        struct tk__table_file **ret, struct tk_err *reterr);

/* The viewer's rows of a split, a hundred at a time. */
int tk__table_viewer_open(const struct tk__table_conf *conf, const struct tk_hub_repo *repo,
                          struct tk__table_file **ret, struct tk_err *reterr);

/* 1, 0 or -ENOMEM. */
int tk__table_file_has_pictures(const struct tk__table_file *f);

struct tk__table_file *tk__table_file_free(struct tk__table_file *f);

/* Append the next row as a JSON object: 1, 0 at the end, or a code with words. */
int tk__table_file_next(struct tk__table_file *f, struct tk_buf *out, struct tk_err *reterr);

#endif
