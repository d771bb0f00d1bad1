/* form.c - multipart/form-data, as much of it as a client of transcriptions sends
 *
 *   --BOUNDARY CRLF headers CRLF CRLF value CRLF --BOUNDARY CRLF … CRLF --BOUNDARY-- CRLF
 */
#include "sim/form.h"

#include <string.h>

#include "base/err.h"
#include "base/str.h"

#define END_OF_HEAD "\r\n\r\n"

static const char *find(struct tk_str in, struct tk_str what)
{
    return in.n < what.n ? NULL : memmem(in.p, in.n, what.p, what.n);
}

static struct tk_str from(struct tk_str s, const char *at)
{
    return (struct tk_str){ at, s.n - (size_t)(at - s.p) };
}

/* What stands behind `key` up to the end of a word, or between quotes. */
static struct tk_str parameter(struct tk_str head, struct tk_str key)
{
    const char *at = find(head, key);
    struct tk_str value = { NULL, 0 };

    if (!at)
        return value;
    head = from(head, at + key.n);
    bool is_quoted = head.n > 0 && head.p[0] == '"';
    value = (struct tk_str){ head.p + is_quoted, 0 };
    for (size_t i = is_quoted; i < head.n && head.p[i] != '"'; i++) {
        if (!is_quoted && (head.p[i] == ';' || head.p[i] == '\r' || head.p[i] == ' '))
            break;
        value.n++;
    }
    return value;
}

int tk__form_open(struct tk__form *f, struct tk_str type, struct tk_str body)
{
    struct tk_str boundary = parameter(type, TK_STR("boundary="));

    if (boundary.n == 0 || boundary.n + 3 > sizeof(f->boundary))
        return TK_E_FORMAT;
    memcpy(f->boundary, "--", 2);
    memcpy(f->boundary + 2, boundary.p, boundary.n);
    f->boundary[2 + boundary.n] = '\0';
    f->rest = body;
    f->has_begun = false;
    return 0;
}

int tk__form_next(struct tk__form *f, struct tk_str *ret_name, struct tk_str *ret_value)
{
    struct tk_str boundary = tk_str_of(f->boundary);
    const char *begin = f->has_begun ? f->rest.p : find(f->rest, boundary);

    if (!begin)
        return TK_E_FORMAT;
    struct tk_str part = from(f->rest, begin);
    part = (struct tk_str){ part.p + boundary.n, part.n - boundary.n };
    if (tk_str_starts(part, TK_STR("--")))
        return 0;
    const char *value = find(part, TK_STR(END_OF_HEAD));
    const char *end = value ? find(from(part, value), boundary) : NULL;
    if (!end || end - value < (ptrdiff_t)sizeof(END_OF_HEAD) - 1 + 2)
        return TK_E_FORMAT;
    *ret_name = parameter((struct tk_str){ part.p, (size_t)(value - part.p) }, TK_STR(" name="));
    value += sizeof(END_OF_HEAD) - 1;
    *ret_value = (struct tk_str){ value, (size_t)(end - value) - 2 }; /* the line end is not its */
    f->rest = from(part, end);
    f->has_begun = true;
    return 1;
}
