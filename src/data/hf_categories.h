/* hf_categories.h - rows of a data set that has a file for each category, as the Berkeley leaderboard has */
#ifndef TK_DATA_HF_CATEGORIES_H
#define TK_DATA_HF_CATEGORIES_H

#include "data/inside.h"

#define TK__CATEGORIES_MAX 64                      /* of one run */
#define TK__CATEGORIES_MAX_BYTES ((size_t)1 << 30) /* of all their rows in memory */

struct tk__categories;

/* Read the files of the conf's categories, which are checked down to their leaves. The conf must outlive *ret.
 * 0; TK_E_NOT_FOUND (no file for one of them), TK_E_FORMAT (a broken row), TK_E_LIMIT, -ENOMEM, or what
 * tk_hub_get() returns; with words. */
int tk__categories_open(const struct tk_data_conf *conf, struct tk__categories **ret,
                        struct tk_err *reterr);
struct tk__categories *tk__categories_free(struct tk__categories *c);

/* The next row, an object: 1, 0 at the end, or a code with words. Values live until the next call. */
int tk__categories_next(struct tk__categories *c, struct tk_json_val *ret_root,
                        struct tk__row *ret_row, struct tk_err *reterr);

#endif
