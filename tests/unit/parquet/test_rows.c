/* Rows of files that no writer at hand writes: they are put together here, byte by byte.
 *
 * Shapes of older writers, parts that contradict each other, numbers that are too large. What pyarrow writes is
 * in test_parquet.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"
#include "base/varint.h"
#include "parquet/inside.h"
#include "parquet/thrift.h"
#include "tap.h"

#define MAX_FILE (1 << 20)
#define MAX_PAGES 4
#define NO_MARK (-1)

enum mark {
    MARK_TEXT = 0,
    MARK_MAP = 1,
    MARK_LIST = 3,
};

static struct tk_err err;

/* ---- Thrift, written ---- */

static void put_varint(struct tk_buf *b, uint64_t v)
{
    uint8_t bytes[TK_VARINT_MAX_BYTES];

    (void)tk_buf_add(b, bytes, tk_varint_put(bytes, v));
}

/* A field's head: its number is that of the one before and `step`. */
static void put_field(struct tk_buf *b, int step, unsigned type)
{
    (void)tk_buf_add_c(b, (char)((unsigned)step << 4 | type));
}

static void put_int(struct tk_buf *b, int step, int64_t v)
{
    put_field(b, step, TK__THRIFT_I64);
    put_varint(b, tk_zigzag(v));
}

static void put_text(struct tk_buf *b, int step, const char *z)
{
    put_field(b, step, TK__THRIFT_BYTES);
    put_varint(b, strlen(z));
    (void)tk_buf_add_z(b, z);
}

static void put_list(struct tk_buf *b, int step, size_t n)
{
    put_field(b, step, TK__THRIFT_LIST);
    (void)tk_buf_add_c(b, (char)(0xF0 | TK__THRIFT_STRUCT));
    put_varint(b, n);
}

static void put_end(struct tk_buf *b)
{
    (void)tk_buf_add_c(b, '\0');
}

static void put_u32(struct tk_buf *b, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        (void)tk_buf_add_c(b, (char)(v >> (8 * i)));
}

/* ---- a file, written ---- */

struct column {
    const char *name;
    enum tk__pq_repetition repetition;
    int type; /* -1: a group */
    int n_children;
    int mark; /* enum mark, or NO_MARK */
};

struct page {
    int type; /* 0 data, 2 dictionary, 3 data of the second version */
    int64_t n_values;
    int encoding, level_encoding;
    int64_t rep_bytes, def_bytes; /* 3 */
    struct tk_str bytes;
};

/* One row group; the pages of the one leaf, or of as many leaves as there are with one page each. */
struct file {
    const struct column *columns;
    size_t n_columns, n_leaves;
    struct page pages[MAX_PAGES];
    size_t n_pages;
    int64_t n_values, n_rows;
    const char *elsewhere; /* NULL: the columns are in this file */
};

static void put_page(struct tk_buf *b, const struct page *p)
{
    bool is_v2 = p->type == 3;

    put_int(b, 1, p->type);
    put_int(b, 1, (int64_t)p->bytes.n);
    put_int(b, 1, (int64_t)p->bytes.n);
    put_field(b, p->type == 0 ? 2 : is_v2 ? 5 : 4, TK__THRIFT_STRUCT);
    put_int(b, 1, p->n_values);
    if (is_v2) {
        put_int(b, 3, p->encoding);
        put_int(b, 1, p->def_bytes);
        put_int(b, 1, p->rep_bytes);
    } else {
        put_int(b, 1, p->encoding);
        put_int(b, 1, p->level_encoding);
        put_int(b, 1, p->level_encoding);
    }
    put_end(b);
    put_end(b);
    (void)tk_buf_add_str(b, p->bytes);
}

static void put_schema(struct tk_buf *b, const struct file *f)
{
    put_list(b, 1, f->n_columns);
    for (size_t i = 0; i < f->n_columns; i++) {
        const struct column *c = &f->columns[i];
        if (c->type >= 0)
            put_int(b, 1, c->type);
        put_int(b, c->type >= 0 ? 2 : 3, c->repetition);
        put_text(b, 1, c->name);
        if (c->n_children > 0)
            put_int(b, 1, c->n_children);
        if (c->mark != NO_MARK)
            put_int(b, c->n_children > 0 ? 1 : 2, c->mark);
        put_end(b);
    }
}

static int leaf_type(const struct file *f, size_t leaf)
{
    for (size_t i = 0; i < f->n_columns; i++) {
        if (f->columns[i].type >= 0 && leaf-- == 0)
            return f->columns[i].type;
    }
    return -1;
}

static void put_chunk(struct tk_buf *b, const struct file *f, size_t leaf, const size_t *at)
{
    bool has_all = f->n_leaves == 1; /* pages */
    size_t end = has_all ? at[f->n_pages] : at[leaf + 1];

    if (f->elsewhere)
        put_text(b, 1, f->elsewhere);
    put_field(b, f->elsewhere ? 2 : 3, TK__THRIFT_STRUCT);
    put_int(b, 1, leaf_type(f, leaf));
    put_int(b, 3, TK__PQ_UNCOMPRESSED);
    put_int(b, 1, has_all ? f->n_values : f->pages[leaf].n_values);
    put_int(b, 2, (int64_t)(end - at[leaf]));
    put_int(b, 2, (int64_t)at[leaf]);
    put_end(b);
    put_end(b);
}

static struct tk_buf make_file(const struct file *f)
{
    struct tk_buf b = TK_BUF_INIT(MAX_FILE);
    size_t at[MAX_PAGES + 1];

    (void)tk_buf_add_z(&b, "PAR1");
    for (size_t i = 0; i < f->n_pages; i++) {
        at[i] = b.n;
        put_page(&b, &f->pages[i]);
    }
    at[f->n_pages] = b.n;
    size_t begin = b.n;
    put_int(&b, 1, 1);
    put_schema(&b, f);
    put_int(&b, 1, f->n_rows);
    put_list(&b, 1, 1);
    put_list(&b, 1, f->n_leaves);
    for (size_t i = 0; i < f->n_leaves; i++)
        put_chunk(&b, f, i, at);
    put_int(&b, 2, f->n_rows);
    put_end(&b);
    put_end(&b);
    put_u32(&b, (uint32_t)(b.n - begin));
    (void)tk_buf_add_z(&b, "PAR1");
    T_OK(b.failed == 0, "the file is written");
    return b;
}

/* ---- what becomes of it ---- */

static int read_memory(void *arg, int64_t at, void *out, size_t n, struct tk_err *reterr)
{
    const struct tk_buf *file = arg;

    (void)reterr;
    T_OK(at >= 0 && (size_t)at <= file->n && n <= file->n - (size_t)at, "a read within the file");
    memcpy(out, file->p + at, n);
    return 0;
}

/* Rows into `rows`, a line each; what ended it. Goes on behind errors `n_more` times. */
static int read_rows(const struct file *f, int n_more, struct tk_buf *rows)
{
    struct tk_buf file = make_file(f);
    const struct tk_parquet_source source = {
        .name = "x.parquet", .size = (int64_t)file.n, .read = read_memory, .arg = &file
    };
    struct tk_parquet *p = NULL;
    int rc = tk_parquet_open(&source, &p, &err), first = rc;

    while (p && (rc > 0 || first == 0 || n_more-- > 0)) {
        rc = tk_parquet_next(p, rows, &err);
        first = first == 0 ? TK_MIN(rc, 0) : first;
        if (rc == 0)
            break;
        (void)tk_buf_add_c(rows, '\n');
    }
    tk_parquet_free(p);
    tk_buf_release(&file);
    return first;
}

static void expect_rows(const struct file *f, const char *want, const char *what)
{
    struct tk_buf rows = TK_BUF_INIT(MAX_FILE);

    err.msg[0] = '\0';
    T_EQ_I(read_rows(f, 0, &rows), 0, "%s: %s", what, err.msg);
    T_EQ_S(rows.p ? rows.p : "", want, "%s", what);
    tk_buf_release(&rows);
}

static void expect_error(const struct file *f, int code, const char *words, const char *what)
{
    struct tk_buf rows = TK_BUF_INIT(MAX_FILE);

    err.msg[0] = '\0';
    T_EQ_I(read_rows(f, 0, &rows), code, "%s", what);
    T_OK(strstr(err.msg, "'x.parquet'") && strstr(err.msg, words), "%s: %s", what, err.msg);
    tk_buf_release(&rows);
}

/* ---- shapes ---- */

/* Lists of lists in two levels, as parquet-avro had them: the repeated group is a list itself. */
static void test_lists_in_two_levels(void)
{
    static const struct column columns[] = {
        { "root", TK__PQ_REQUIRED, -1, 1, NO_MARK },
        { "l", TK__PQ_OPTIONAL, -1, 1, MARK_LIST },
        { "array", TK__PQ_REPEATED, -1, 1, MARK_LIST },
        { "array", TK__PQ_REPEATED, TK__PQ_INT32, 0, NO_MARK },
    };
    /* Rows [[1, 2], [3]] and [[]]: repetition 0 2 1 0, definition 3 3 3 2, two bits each. */
    static const char whole[] = "\3\0\0\0\3\x18\0"
                                "\3\0\0\0\3\xBF\0"
                                "\1\0\0\0\2\0\0\0\3\0\0\0";
    struct file f = {
        .columns = columns, .n_columns = 4, .n_leaves = 1, .n_pages = 1, .n_values = 4, .n_rows = 2
    };

    f.pages[0] = (struct page){ .n_values = 4,
                                .level_encoding = TK__PQ_RLE,
                                .bytes = { whole, sizeof(whole) - 1 } };
    expect_rows(&f, "{\"l\":[[1,2],[3]]}\n{\"l\":[[]]}\n", "lists of lists in two levels");
}

/* A map whose values are maps, without a level between. */
static void test_repeated_map(void)
{
    static const struct column columns[] = {
        { "root", TK__PQ_REQUIRED, -1, 1, NO_MARK },
        { "m", TK__PQ_REPEATED, -1, 1, MARK_MAP },
        { "kv", TK__PQ_REPEATED, -1, 2, NO_MARK },
        { "k", TK__PQ_REQUIRED, TK__PQ_INT32, 0, NO_MARK },
        { "v", TK__PQ_REQUIRED, TK__PQ_INT32, 0, NO_MARK },
    };
    /* One row, {1: 5, 2: 6} and {3: 7}: repetition 0 2 1, definition 2 2 2. */
    static const char keys[] = "\3\0\0\0\3\x18\0\2\0\0\0\6\2\1\0\0\0\2\0\0\0\3\0\0\0";
    static const char values[] = "\3\0\0\0\3\x18\0\2\0\0\0\6\2\5\0\0\0\6\0\0\0\7\0\0\0";
    struct file f = {
        .columns = columns, .n_columns = 5, .n_leaves = 2, .n_pages = 2, .n_rows = 1
    };

    f.pages[0] = (struct page){ .n_values = 3,
                                .level_encoding = TK__PQ_RLE,
                                .bytes = { keys, sizeof(keys) - 1 } };
    f.pages[1] = (struct page){ .n_values = 3,
                                .level_encoding = TK__PQ_RLE,
                                .bytes = { values, sizeof(values) - 1 } };
    expect_rows(&f, "{\"m\":[[[1,5],[2,6]],[[3,7]]]}\n", "maps that repeat");
}

/* ---- one column ---- */

static const struct column number[] = {
    { "root", TK__PQ_REQUIRED, -1, 1, NO_MARK },
    { "n", TK__PQ_REQUIRED, TK__PQ_INT32, 0, NO_MARK },
};
static const struct column maybe[] = {
    { "root", TK__PQ_REQUIRED, -1, 1, NO_MARK },
    { "n", TK__PQ_OPTIONAL, TK__PQ_INT32, 0, NO_MARK },
};

static struct file one_column(const struct column *columns, int64_t n_values, int64_t n_rows)
{
    return (struct file){ .columns = columns,
                          .n_columns = 2,
                          .n_leaves = 1,
                          .n_pages = 1,
                          .n_values = n_values,
                          .n_rows = n_rows };
}

static void test_count(void)
{
    static const char two[] = "\1\0\0\0\2\0\0\0";
    struct file f = one_column(number, 2, 2);

    f.pages[0] = (struct page){ .n_values = 2, .level_encoding = TK__PQ_RLE, .bytes = { two, 8 } };
    expect_rows(&f, "{\"n\":1}\n{\"n\":2}\n", "two rows");
    f.n_rows = 1;
    expect_error(&f, TK_E_FORMAT, "row group 0, column 'n'", "a value more than rows is told");
    f.n_rows = 3;
    expect_error(&f, TK_E_FORMAT, "fewer values than rows", "one less, too");
    f.n_rows = 2;
    f.elsewhere = "part-0.parquet";
    expect_error(&f, TK_E_UNSUPPORTED, "in other files", "columns of another file");
    f.elsewhere = "";
    expect_rows(&f, "{\"n\":1}\n{\"n\":2}\n", "no name of another file");
}

/* Numbers of values and bytes whose sums and products do not fit. */
static void test_large_numbers(void)
{
    static const char two[] = "\1\0\0\0\2\0\0\0";
    struct file f = one_column(maybe, INT64_MAX, 2);

    f.pages[0] = (struct page){ .n_values = INT64_MAX / 2 + 1,
                                .level_encoding = TK__PQ_BIT_PACKED,
                                .bytes = { two, 8 } };
    expect_error(&f, TK_E_FORMAT, "more values", "more values than a page can have");
    f.pages[0] = (struct page){
        .type = 3, .n_values = 2, .rep_bytes = INT64_MAX, .def_bytes = 1, .bytes = { two, 8 }
    };
    expect_error(&f, TK_E_FORMAT, "levels", "levels longer than a page can be");
    f.pages[0].rep_bytes = 1;
    f.pages[0].def_bytes = INT64_MAX;
    expect_error(&f, TK_E_FORMAT, "levels", "the other ones");
    f.n_values = 2;
    f.pages[0].rep_bytes = 0;
    f.pages[0].def_bytes = 2;
    f.pages[0].bytes = (struct tk_str){ "\4\1\7\0\0\0\10\0\0\0", 10 };
    expect_rows(&f, "{\"n\":7}\n{\"n\":8}\n", "levels that fit");
    f.pages[0] = (struct page){ .n_values = 2,
                                .level_encoding = TK__PQ_BIT_PACKED,
                                .bytes = { "\x40\7\0\0\0", 5 } };
    expect_rows(&f, "{\"n\":null}\n{\"n\":7}\n", "levels of old writers");
}

/* A second dictionary that is damaged: who goes on all the same finds no values of the first in it. */
static void test_dictionaries(void)
{
    static const struct column text[] = {
        { "root", TK__PQ_REQUIRED, -1, 1, NO_MARK },
        { "t", TK__PQ_REQUIRED, TK__PQ_BYTES, 0, MARK_TEXT },
    };
    static const char first[] = "\1\0\0\0a\1\0\0\0b";
    static const char second[] = "\1\0\0\0c\377\0\0\0d";
    static const char indices[] = "\1\3\2"; /* 0 and 1, one bit each */
    struct file f = one_column(text, 4, 4);
    struct tk_buf rows = TK_BUF_INIT(MAX_FILE);

    f.n_pages = 4;
    f.pages[0] = (struct page){ .type = 2, .n_values = 2, .bytes = { first, sizeof(first) - 1 } };
    f.pages[1] = (struct page){ .n_values = 2,
                                .encoding = TK__PQ_RLE_DICTIONARY,
                                .level_encoding = TK__PQ_RLE,
                                .bytes = { indices, 3 } };
    f.pages[2] = f.pages[0];
    f.pages[2].bytes.p = second;
    f.pages[3] = f.pages[1];
    T_EQ_I(read_rows(&f, 5, &rows), TK_E_FORMAT, "a damaged dictionary");
    T_OK(tk_str_starts(tk_buf_str(&rows), TK_STR("{\"t\":\"a\"}\n{\"t\":\"b\"}\n")) &&
             !strstr(rows.p, "\"c\"") && !strstr(rows.p + 22, "\"a\""),
         "its values are nowhere: %s", rows.p);
    f.pages[2] = f.pages[0];
    tk_buf_reset(&rows);
    T_EQ_I(read_rows(&f, 0, &rows), 0, "a second one");
    T_EQ_S(rows.p, "{\"t\":\"a\"}\n{\"t\":\"b\"}\n{\"t\":\"a\"}\n{\"t\":\"b\"}\n", "its values");
    tk_buf_release(&rows);
}

/* Nothing but nulls: some writers leave out the head that booleans in runs have. */
static void test_no_booleans(void)
{
    static const struct column truth[] = {
        { "root", TK__PQ_REQUIRED, -1, 1, NO_MARK },
        { "b", TK__PQ_OPTIONAL, TK__PQ_BOOLEAN, 0, NO_MARK },
    };
    struct file f = one_column(truth, 2, 2);

    f.pages[0] = (struct page){ .n_values = 2,
                                .encoding = TK__PQ_RLE,
                                .level_encoding = TK__PQ_RLE,
                                .bytes = { "\2\0\0\0\4\0", 6 } };
    expect_rows(&f, "{\"b\":null}\n{\"b\":null}\n", "a page of nulls");
    f.pages[0].bytes = (struct tk_str){ "\2\0\0\0\4\1", 6 };
    expect_error(&f, TK_E_FORMAT, "RLE", "values that are not there");
}

int main(void)
{
    test_lists_in_two_levels();
    test_repeated_map();
    test_count();
    test_large_numbers();
    test_dictionaries();
    test_no_booleans();
    return T_DONE();
}
