/* Rows of CSV files. */
#include "data/csv.h"

#include <errno.h>

#include "failmalloc.h"
#include "files.h"
#include "tap.h"

static struct tk_err err;

/* The rows as "line:field|field;…". */
static int rows_of(const char *text, size_t n, char *out, size_t cap)
{
    struct tk__csv c;
    size_t at = 0;
    int rc = tk__csv_open(&c, test_file("t.csv", text, n), &err);

    out[0] = '\0';
    while (rc == 0 && (rc = tk__csv_next(&c, &err)) > 0) {
        at += (size_t)snprintf(out + at, cap - at, "%d:", (int)c.line);
        for (size_t i = 0; i < c.n && at < cap; i++)
            at += (size_t)snprintf(out + at, cap - at, "%s%.*s", i ? "|" : "", TK_STR_ARG(c.v[i]));
        at += (size_t)snprintf(out + at, cap - at, ";");
        rc = 0;
    }
    tk__csv_close(&c);
    tk__csv_close(&c);
    return rc;
}

static void forms(void)
{
    static const struct {
        const char *name, *text, *want;
    } cases[] = {
        { "nothing", "", "" },
        { "one row", "a,b", "1:a|b;" },
        { "a line end", "a,b\nc\n", "1:a|b;2:c;" },
        { "other line ends", "a\r\nb\rc", "1:a;2:b;3:c;" },
        { "empty fields", ",\n,,\n", "1:|;2:||;" },
        { "empty lines", "a\n\n\nb\n\n", "1:a;4:b;" },
        { "quotes", "\"a,b\",\"c\"\"d\"\n", "1:a,b|c\"d;" },
        { "a line end in quotes", "\"a\nb\"\nc\n", "1:a\nb;3:c;" },
        { "a quote inside", "a\"b,c\n", "1:a\"b|c;" },
        { "behind a quoted field", "\"a\"b,c\n", "1:ab|c;" },
        { "spaces stay", " a , b\n", "1: a | b;" },
        { "a byte order mark",
          "\xef\xbb\xbf"
          "a,b\n",
          "1:a|b;" },
        { "half of one",
          "\xef\xbb"
          "a\n",
          "1:\xef\xbb"
          "a;" },
        { "a quoted last field", "a,\"b\"", "1:a|b;" },
    };
    char got[256];

    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        T_EQ_I(rows_of(cases[i].text, strlen(cases[i].text), got, sizeof(got)), 0, "%s",
               cases[i].name);
        T_EQ_S(got, cases[i].want, "%s: its rows", cases[i].name);
    }
}

static void refusals(void)
{
    char got[256];
    char many[TK__CSV_MAX_FIELDS + 2];
    struct tk__csv c;

    T_EQ_I(rows_of("a\nb,\"c\n", 7, got, sizeof(got)), TK_E_FORMAT, "a quote that does not end");
    T_EQ_I(err.line, 2, "its line");
    memset(many, ',', sizeof(many));
    T_EQ_I(rows_of(many, sizeof(many), got, sizeof(got)), TK_E_LIMIT, "too many fields");
    char *wide = malloc(TK__CSV_MAX_ROW + 16);
    T_OK(wide != NULL, "memory for a row");
    if (wide) {
        memset(wide, 'x', TK__CSV_MAX_ROW + 16);
        T_EQ_I(rows_of(wide, TK__CSV_MAX_ROW + 16, got, sizeof(got)), TK_E_LIMIT, "too long a row");
    }
    free(wide);
    T_EQ_I(tk__csv_open(&c, test_path("none"), &err), -ENOENT, "no such file");
    tk__csv_close(&c);
    T_EQ_I(tk__csv_open(&c, test_dir, &err), 0, "a folder opens");
    T_OK(tk__csv_next(&c, &err) < 0, "and cannot be read: %s", err.msg);
    tk__csv_close(&c);
}

static void without_memory(void)
{
    char got[256];

    for (int n = 1;; n++) {
        const char *path = test_text("m.csv", "a,b\n");
        struct tk__csv c;
        tk_failmalloc_at(n);
        int rc = tk__csv_open(&c, path, &err);
        rc = rc ? rc : tk__csv_next(&c, &err);
        bool has_failed = tk_failmalloc_off();
        tk__csv_close(&c);
        if (!has_failed) {
            T_EQ_I(rc, 1, "with enough memory");
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
    }
    T_EQ_I(rows_of("a", 1, got, sizeof(got)), 0, "as before");
}

int main(void)
{
    make_test_dir();
    forms();
    refusals();
    without_memory();
    return T_DONE();
}
