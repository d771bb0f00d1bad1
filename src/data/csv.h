/* csv.h - rows of a CSV file: fields in quotes, line ends in them, a byte order mark in front */
#ifndef TK_DATA_CSV_H
#define TK_DATA_CSV_H

#include <stdio.h>

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"

#define TK__CSV_MAX_ROW ((size_t)1 << 20) /* bytes */
#define TK__CSV_MAX_FIELDS 256

struct tk__csv {
    const char *path;
    FILE *file;
    struct tk_buf text; /* of the row, fields behind each other */
    struct tk_str v[TK__CSV_MAX_FIELDS];
    size_t n;      /* fields */
    uint64_t line; /* where the row begins, from 1 */
    uint64_t next; /* line that is read next */
};

/* 0 or the file's errno, with words. */
int tk__csv_open(struct tk__csv *c, const char *path, struct tk_err *reterr);
void tk__csv_close(struct tk__csv *c); /* may be called twice */

/* The next row that is not empty, into c->v: 1, 0 at the end, TK_E_FORMAT (a quote that does not
 * end), TK_E_LIMIT, -EIO, with words and line. */
int tk__csv_next(struct tk__csv *c, struct tk_err *reterr);

#endif
