/* csv.c - rows of a CSV file
 *
 * As RFC 4180 has them and pandas reads them: a field in quotes may hold commas, line ends and quotes
 * (doubled); empty lines are no rows. Bytes are taken as they come; nothing is trimmed.
 */
#include "data/csv.h"

#include <errno.h>
#include <inttypes.h>

int tk__csv_open(struct tk__csv *c, const char *path, struct tk_err *reterr)
{
    *c = (struct tk__csv){ .path = path, .text = TK_BUF_INIT(TK__CSV_MAX_ROW), .next = 1 };
    c->file = fopen(path, "re");
    if (!c->file)
        return tk_err_set(reterr, -errno, "'%s' cannot be opened: %s", path, tk_err_text(-errno));
    const char mark[] = "\xef\xbb\xbf";
    for (size_t i = 0; i < sizeof(mark) - 1; i++) {
        int b = getc_unlocked(c->file);
        if (b != (unsigned char)mark[i]) {
            if (fseek(c->file, 0, SEEK_SET) != 0 && b != EOF)
                (void)ungetc(b, c->file);
            break;
        }
    }
    return 0;
}

void tk__csv_close(struct tk__csv *c)
{
    if (c->file)
        (void)fclose(c->file);
    c->file = NULL;
    tk_buf_release(&c->text);
}

static int fail(struct tk__csv *c, int code, struct tk_err *reterr, const char *words)
{
    (void)tk_err_set(reterr, code, "'%s', line %" PRIu64 ": %s", c->path, c->line, words);
    if (reterr)
        reterr->line = (unsigned)TK_MIN(c->line, UINT32_MAX);
    return code;
}

/* A byte, with "\r\n" and "\r" as "\n"; EOF at the end. */
static int next_byte(struct tk__csv *c)
{
    int b = getc_unlocked(c->file);

    if (b == '\r') {
        int after = getc_unlocked(c->file);
        if (after != '\n' && after != EOF)
            (void)ungetc(after, c->file);
        b = '\n';
    }
    c->next += b == '\n';
    return b;
}

/* One field, which ends with the byte that it returns (',' '\n' EOF); TK_E_FORMAT as it stands. */
static int read_field(struct tk__csv *c)
{
    bool is_quoted = false;
    size_t begin = c->text.n;
    int b;

    while ((b = next_byte(c)) != EOF) {
        if (is_quoted && b == '"') {
            b = next_byte(c);
            is_quoted = b == '"';
        } else if (!is_quoted && b == '"' && c->text.n == begin) {
            is_quoted = true;
            continue;
        }
        if (!is_quoted && (b == ',' || b == '\n' || b == EOF))
            return b;
        tk_buf_add_c(&c->text, (char)b);
    }
    return is_quoted ? TK_E_FORMAT : EOF;
}

/* The fields of a row; offsets become slices when the text has stopped moving. */
static int read_row(struct tk__csv *c, struct tk_err *reterr)
{
    int b = ',';

    tk_buf_reset(&c->text);
    c->n = 0;
    c->line = c->next;
    while (b == ',') {
        if (c->n == TK__CSV_MAX_FIELDS)
            return fail(c, TK_E_LIMIT, reterr, "too many fields");
        size_t begin = c->text.n;
        b = read_field(c);
        if (b == TK_E_FORMAT)
            return fail(c, b, reterr, "a quote does not end");
        if (c->text.failed)
            return fail(c, c->text.failed, reterr, "the row is too long");
        c->v[c->n++] = (struct tk_str){ NULL, c->text.n - begin };
    }
    if (ferror(c->file))
        return fail(c, -EIO, reterr, "the file cannot be read");
    const char *at = c->text.p ? c->text.p : "";
    for (size_t i = 0; i < c->n; at += c->v[i++].n)
        c->v[i].p = at;
    return b == EOF && c->n == 1 && c->v[0].n == 0 ? 0 : 1;
}

int tk__csv_next(struct tk__csv *c, struct tk_err *reterr)
{
    int rc;

    do {
        rc = read_row(c, reterr);
    } while (rc > 0 && c->n == 1 && c->v[0].n == 0);
    return rc;
}
