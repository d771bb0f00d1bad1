/* fuzz_parquet.c - whatever the bytes are, reading rows of them ends, with rows or with words
 *
 * The first byte says which columns are read; the rest is the file. What is read is bounded in rows and in
 * bytes, since a few bytes may say that a null stands there two billion times.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "parquet/parquet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ROWS 200
#define MAX_ROW ((size_t)1 << 20)

struct memory {
    const uint8_t *p;
    size_t n;
};

static int read_memory(void *arg, int64_t at, void *out, size_t n, struct tk_err *reterr)
{
    const struct memory *m = arg;

    (void)reterr;
    if (at < 0 || (size_t)at > m->n || n > m->n - (size_t)at)
        abort(); /* the reader knows the size */
    memcpy(out, m->p + at, n);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const some[] = { "id", "turns", "text", "i32" };
    struct tk_err err = { .msg = "" };
    struct tk_parquet *p = NULL;

    if (size < 1)
        return 0;
    struct memory m = { data + 1, size - 1 };
    const struct tk_parquet_source source = { "x", (int64_t)m.n, read_memory, &m };
    int rc = tk_parquet_open(&source, &p, &err);
    struct tk_buf row = TK_BUF_INIT(MAX_ROW);
    if (rc == 0 && data[0] % 2 == 1)
        (void)tk_parquet_select(p, some, TK_ARRAY_LEN(some));
    for (int i = 0; rc == 0 && i < MAX_ROWS; i++) {
        tk_buf_reset(&row);
        rc = tk_parquet_next(p, &row, &err);
        if (rc > 0 && (row.n < 2 || row.p[0] != '{' || row.p[row.n - 1] != '}'))
            abort();
        if (rc == 0)
            break;
        rc = TK_MIN(rc, 0);
    }
    if (rc < 0 && err.msg[0] == '\0')
        abort();
    tk_buf_release(&row);
    tk_parquet_free(p);
    return 0;
}
