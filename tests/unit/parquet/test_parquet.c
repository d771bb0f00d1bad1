/* Parquet: files that pyarrow wrote (tests/data/parquet/make.py), and what becomes of damaged ones.
 *
 * Beside each file lie its rows as pyarrow reads them, one JSON object a line; every byte of them is compared.
 */
#include "parquet/parquet.h"

#include <dirent.h>
#include <errno.h>
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "failmalloc.h"
#include "parquet/inside.h"
#include "parquet/thrift.h"
#include "tap.h"

#define MAX_FILE (1 << 20)

static char folder[512];
static struct tk_err err;

/* A file in memory, whose reads are counted. */
struct memory {
    const char *p;
    size_t n;
    size_t n_bytes; /* read */
    size_t n_reads;
};

static int read_memory(void *arg, int64_t at, void *out, size_t n, struct tk_err *reterr)
{
    struct memory *m = arg;

    if (at < 0 || (size_t)at > m->n || n > m->n - (size_t)at)
        return tk_err_set(reterr, -EIO, "a read past the end");
    memcpy(out, m->p + at, n);
    m->n_bytes += n;
    m->n_reads++;
    return 0;
}

static int open_memory(struct memory *m, struct tk_parquet **ret)
{
    const struct tk_parquet_source source = {
        .name = "x.parquet", .size = (int64_t)m->n, .read = read_memory, .arg = m
    };

    *ret = NULL;
    return tk_parquet_open(&source, ret, &err);
}

static struct tk_buf slurp(const char *name)
{
    struct tk_buf out = TK_BUF_INIT(MAX_FILE);
    char path[800], bytes[4096];
    size_t n;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    while (f && (n = fread(bytes, 1, sizeof(bytes), f)) > 0)
        (void)tk_buf_add(&out, bytes, n);
    T_OK(f && tk_buf_add(&out, "", 0) == 0, "%s is there", name);
    if (f)
        fclose(f);
    return out;
}

/* All rows, a line each. */
static int read_all(struct tk_parquet *p, struct tk_buf *out)
{
    int rc;

    while ((rc = tk_parquet_next(p, out, &err)) > 0)
        (void)tk_buf_add_c(out, '\n');
    return rc;
}

static void compare(const char *name)
{
    char path[800], jsonl[300];
    struct tk_buf got = TK_BUF_INIT(MAX_FILE);
    struct tk_parquet *p = NULL;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    snprintf(jsonl, sizeof(jsonl), "%.*s.jsonl", (int)(strlen(name) - strlen(".parquet")), name);
    struct tk_buf want = slurp(jsonl);
    err.msg[0] = '\0';
    T_EQ_I(tk_parquet_open_file(path, &p, &err), 0, "%s: open", name);
    T_EQ_I(p ? read_all(p, &got) : -1, 0, "%s: read", name);
    T_OK(tk_str_eq(tk_buf_str(&got), tk_buf_str(&want)), "%s: the rows are pyarrow's %s", name,
         err.msg);
    p = tk_parquet_free(p);
    tk_buf_release(&got);
    tk_buf_release(&want);
}

static void test_files(void)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, NULL, alphasort), n_files = 0;

    for (int i = 0; i < n; i++) {
        if (strstr(entries[i]->d_name, ".parquet")) {
            compare(entries[i]->d_name);
            n_files++;
        }
        free(entries[i]);
    }
    free(entries);
    T_OK(n_files > 10, "there are files");
}

/* ---- ranges ---- */

static void test_columns(void)
{
    struct tk_buf file = slurp("nested-none.parquet"), row = TK_BUF_INIT(MAX_FILE),
                  names = TK_BUF_INIT(1000);
    struct memory m = { .p = file.p, .n = file.n };
    struct tk_parquet *p = NULL;
    static const char *const wanted[] = { "numbers", "no such" };

    T_EQ_I(open_memory(&m, &p), 0, "open");
    tk_parquet_names(p, &names);
    T_OK(tk_str_starts(tk_buf_str(&names), TK_STR("id, turns, deep, numbers")), "names: %s",
         names.p);
    size_t before = m.n_bytes;
    T_EQ_U(tk_parquet_select(p, wanted, 2), 1, "one of them is there");
    T_EQ_I(tk_parquet_next(p, &row, &err), 1, "a row");
    T_OK(tk_str_starts(tk_buf_str(&row), TK_STR("{\"numbers\":[")) && !strstr(row.p, "turns"),
         "one column: %s", row.p);
    T_OK(m.n_bytes - before < 400, "%zu bytes were read for it", m.n_bytes - before);
    for (int i = 1; i < 12; i++)
        T_EQ_I(tk_parquet_next(p, &row, &err), 1, "row %d, of two groups", i);
    T_EQ_I(tk_parquet_next(p, &row, &err), 0, "the end");
    tk_parquet_free(p);
    tk_buf_release(&file);
    tk_buf_release(&row);
    tk_buf_release(&names);
}

/* ---- what is wrong ---- */

/* Open and read all of it; the code. */
static int try_bytes(const char *bytes, size_t n)
{
    struct memory m = { .p = bytes, .n = n };
    struct tk_buf out = TK_BUF_INIT(MAX_FILE);
    struct tk_parquet *p = NULL;
    int rc = open_memory(&m, &p);

    err.msg[0] = rc == 0 ? '\0' : err.msg[0];
    if (rc == 0)
        rc = read_all(p, &out);
    tk_parquet_free(p);
    tk_buf_release(&out);
    return rc;
}

static void test_damage(const char *name)
{
    struct tk_buf file = slurp(name);
    size_t n_silent = 0, n_nameless = 0;

    for (size_t n = 0; n < file.n; n += t_stride()) { /* each length that a cut file can have */
        char *copy = malloc(n + 1);
        memcpy(copy, file.p, n);
        if (try_bytes(copy, n) >= 0)
            n_silent++;
        else if (!strstr(err.msg, "'x.parquet'"))
            n_nameless++;
        free(copy);
    }
    T_EQ_I(n_silent, 0, "%s: every truncated file is an error", name);
    T_EQ_I(n_nameless, 0, "%s: which names it", name);
    for (size_t i = 0; i < file.n;
         i += t_stride()) { /* each byte another one: an error or not, never a crash */
        char *copy = malloc(file.n);
        memcpy(copy, file.p, file.n);
        copy[i] = (char)(copy[i] ^ (i % 3 == 0 ? 0xFF : i % 3 == 1 ? 1 : 0x80));
        (void)try_bytes(copy, file.n);
        free(copy);
    }
    T_OK(true, "%s: other bytes do no harm", name);
    tk_buf_release(&file);
}

static void test_words(void)
{
    struct tk_buf file = slurp("flat-delta-2.parquet");
    struct tk_parquet *p = NULL;

    T_EQ_I(try_bytes("short", 5), TK_E_FORMAT, "too short");
    T_OK(strstr(err.msg, "truncated"), "words: %s", err.msg);
    T_EQ_I(try_bytes(file.p, file.n - 3), TK_E_FORMAT, "cut");
    T_OK(strstr(err.msg, "truncated"), "words: %s", err.msg);
    size_t n_found = 0;
    for (size_t i = 4; i < 60;
         i++) { /* the first page: its head, and its bytes, which have a checksum */
        file.p[i]++;
        n_found += try_bytes(file.p, file.n) == TK_E_FORMAT &&
                   strstr(err.msg, "row group 0, column 'bool': ") && strstr(err.msg, "checksum");
        file.p[i]--;
    }
    T_OK(n_found > 10, "a wrong byte is found by the checksum, %zu times", n_found);
    memcpy(file.p + file.n - 4, "PARE", 4);
    T_EQ_I(try_bytes(file.p, file.n), TK_E_UNSUPPORTED, "encrypted: %s", err.msg);
    T_EQ_I(tk_parquet_open_file("/nonexistent", &p, &err), -ENOENT, "no file: %s", err.msg);
    T_EQ_I(tk_parquet_open_file("/tmp", &p, &err), -EISDIR, "a folder: %s", err.msg);
    tk_buf_release(&file);
}

static void test_no_memory(void)
{
    struct tk_buf file = slurp("nested-zstd.parquet");
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = try_bytes(file.p, file.n);
        if (!tk_failmalloc_off())
            break;
        T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
    }
    tk_buf_release(&file);
}

/* What `datasets` leaves beside the schema. */
static void test_features(void)
{
    char path[600];
    struct tk_parquet *p;

    snprintf(path, sizeof(path), "%s/golden/vllm/hf/decoded/star/val.parquet",
             getenv("TK_TESTS_DIR"));
    T_EQ_I(tk_parquet_open_file(path, &p, &err), 0, "features: %s", err.msg);
    T_OK(tk_str_starts(tk_parquet_features(p), TK_STR("{\"info\": {\"features\": {")), "are there");
    tk_parquet_free(p);
    snprintf(path, sizeof(path), "%s/nested-zstd.parquet", folder);
    T_EQ_I(tk_parquet_open_file(path, &p, &err), 0, "no features: %s", err.msg);
    T_EQ_U(tk_parquet_features(p).n, 0, "are not there");
    tk_parquet_free(p);
}

/* ---- what pyarrow does not write ---- */

static void test_bits(void)
{
    static const uint8_t old[] = { 0x05, 0x39,
                                   0x77 }; /* 0 … 7 in three bits: the example of the format */
    static const uint8_t packed[] = { 0x03, 0x88, 0xC6, 0xFA }; /* the same in the hybrid */
    static const uint8_t run[] = { 0x0A, 0x04, 0x03, 0x88 }; /* five times 4, then packed and cut */
    struct tk__pq_runs r;
    uint32_t v;

    tk__pq_runs_init(&r, old, sizeof(old), 3);
    r.is_old = true;
    for (uint32_t i = 0; i < 8; i++)
        T_OK(tk__pq_runs_next(&r, &v) == 0 && v == i, "BIT_PACKED: %u", i);
    T_EQ_I(tk__pq_runs_next(&r, &v), TK_E_FORMAT, "its end");
    tk__pq_runs_init(&r, packed, sizeof(packed), 3);
    for (uint32_t i = 0; i < 8; i++)
        T_OK(tk__pq_runs_next(&r, &v) == 0 && v == i, "packed: %u", i);
    T_EQ_I(tk__pq_runs_next(&r, &v), TK_E_FORMAT, "its end");
    tk__pq_runs_init(&r, run, sizeof(run), 3);
    for (uint32_t i = 0; i < 5; i++)
        T_OK(tk__pq_runs_next(&r, &v) == 0 && v == 4, "run: %u", i);
    T_OK(tk__pq_runs_next(&r, &v) == 0 && v == 0, "a group that is cut gives what it has");
    T_OK(tk__pq_runs_next(&r, &v) == 0 && v == 1, "and so on");
    T_EQ_I(tk__pq_runs_next(&r, &v), TK_E_FORMAT, "to its end");
}

/* Hadoop's framing of LZ4, two blocks; and the same name for a bare block. */
static void test_lz4(void)
{
    static const char text[] = "one two three one two three one two three one two three";
    char packed[200];
    struct tk_buf framed = TK_BUF_INIT(1000), out = TK_BUF_INIT(1000);
    size_t n = sizeof(text);

    int k = LZ4_compress_default(text, packed, (int)n, sizeof(packed));
    const char head[] = { 0, 0, 0, (char)n, 0, 0, 0, (char)k };
    for (int i = 0; i < 2; i++) {
        (void)tk_buf_add(&framed, head, sizeof(head));
        (void)tk_buf_add(&framed, packed, (size_t)k);
    }
    T_EQ_I(tk__pq_unpack(TK__PQ_LZ4, tk_buf_str(&framed), 2 * n, &out), 0, "Hadoop's LZ4");
    T_OK(out.n == 2 * n && memcmp(out.p + n, text, n) == 0, "its text");
    T_EQ_I(tk__pq_unpack(TK__PQ_LZ4, tk_buf_str(&framed), n, &out), TK_E_FORMAT,
           "of another length");
    T_EQ_I(tk__pq_unpack(TK__PQ_LZ4, (struct tk_str){ packed, (size_t)k }, n, &out), 0,
           "a bare block of the same name");
    T_EQ_I(tk__pq_unpack(TK__PQ_LZ4_RAW, (struct tk_str){ packed, (size_t)k }, n, &out), 0,
           "LZ4_RAW");
    T_EQ_I(tk__pq_unpack(TK__PQ_LZO, (struct tk_str){ packed, (size_t)k }, n, &out),
           TK_E_UNSUPPORTED, "LZO");
    tk_buf_release(&framed);
    tk_buf_release(&out);
}

/* A length that lies takes no memory. */
static void test_lies(void)
{
    static const enum tk__pq_codec codecs[] = { TK__PQ_SNAPPY, TK__PQ_GZIP, TK__PQ_BROTLI,
                                                TK__PQ_LZ4,    TK__PQ_ZSTD, TK__PQ_LZ4_RAW };
    /* "a" as each packs it, but for the first byte of gzip's and so on, which are enough to begin with */
    static const char gzip[] =
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00";
    static const char snappy[] = "\x80\x80\x80\x80\x02\x00"
                                 "a"; /* says 512 MiB */

    static const char brotli[] = "\x0b\x00\x80\x61\x03";
    struct tk_buf letter = TK_BUF_INIT(1000);

    T_EQ_I(tk__pq_unpack(TK__PQ_BROTLI, TK_STR(brotli), 1, &letter), 0, "brotli: a letter");
    T_EQ_I(tk__pq_unpack(TK__PQ_BROTLI, TK_STR(brotli), 2, &letter), TK_E_FORMAT,
           "brotli: shorter than was said");
    tk_buf_release(&letter);
    for (size_t i = 0; i < TK_ARRAY_LEN(codecs); i++) {
        struct tk_buf out = TK_BUF_INIT(TK_PARQUET_MAX_PAGE);
        struct tk_str in = codecs[i] == TK__PQ_SNAPPY ? TK_STR(snappy) : TK_STR(gzip);
        T_EQ_I(tk__pq_unpack(codecs[i], in, (size_t)512 << 20, &out), TK_E_FORMAT,
               "%s: a length that lies", tk__pq_codec_name(codecs[i]));
        T_OK(out.cap < 2 << 20, "%s: %zu bytes of memory for it", tk__pq_codec_name(codecs[i]),
             out.cap);
        tk_buf_release(&out);
    }
}

static void test_thrift(void)
{
    uint8_t deep[200];
    static const uint8_t list[] = { 0x19, 0xF5, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0 };
    static const uint8_t long_varint[] = { 0x15, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                           0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0 };
    memset(deep, 0x1C, sizeof(deep));
    struct tk__thrift t = { .p = deep, .end = deep + sizeof(deep) };
    struct tk__thrift_field f = { 0, 0 };

    T_OK(tk__thrift_field(&t, &f), "a struct");
    tk__thrift_skip(&t, &f);
    T_OK(t.failed && !t.is_short, "nested too deep");
    t = (struct tk__thrift){ .p = list, .end = list + sizeof(list) };
    f.id = 0;
    T_OK(tk__thrift_field(&t, &f) && tk__thrift_structs(&t, &f) == 0 && t.failed,
         "a list longer than its bytes");
    t = (struct tk__thrift){ .p = long_varint, .end = long_varint + sizeof(long_varint) };
    f.id = 0;
    T_OK(tk__thrift_field(&t, &f) && tk__thrift_int(&t, &f) == 0 && t.failed && !t.is_short,
         "a number without end");
}

int main(void)
{
    snprintf(folder, sizeof(folder), "%s/data/parquet", getenv("TK_TESTS_DIR"));
    test_files();
    test_columns();
    test_damage("nested-snappy.parquet");
    test_damage("nested-brotli.parquet");
    test_damage("flat-delta-1.parquet");
    test_damage("flat-dictionary.parquet");
    test_words();
    test_no_memory();
    test_features();
    test_bits();
    test_lz4();
    test_lies();
    test_thrift();
    return T_DONE();
}
