/* jsonw.c - writing JSON, streaming
 *
 * What comes before a value is decided in one place, before_value(): a comma when the innermost
 * container has an item already, the line break and indent of the pretty style, nothing after a
 * key. Whether each open container has items is a bit in a word, so that it survives nesting; 64
 * levels are far more than anything that tokmark writes.
 *
 * Strings are copied in spans: bytes that need no escape are found first and added at once, because
 * nearly all bytes of prompts and answers are such. Invalid UTF-8 becomes U+FFFD, one for each
 * maximal part of a sequence, as Unicode recommends (section 3.9) and as Python's "replace" does.
 */
#include "base/jsonw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

void tk_jsonw_init(struct tk_jsonw *w, struct tk_buf *out, enum tk_jsonw_style style)
{
    *w = (struct tk_jsonw){ .out = out, .style = style };
}

static void new_line(struct tk_jsonw *w)
{
    static const char spaces[] = "                                ";
    size_t left = (size_t)w->depth * 2;
    tk_buf_add_c(w->out, '\n');
    while (left > 0) {
        size_t n = TK_MIN(left, sizeof(spaces) - 1);
        tk_buf_add(w->out, spaces, n);
        left -= n;
    }
}

/* The bit of the innermost open container; 0 when none is open or too many are. */
static uint64_t items_bit(const struct tk_jsonw *w)
{
    if (w->depth == 0 || w->depth > TK_JSONW_MAX_DEPTH)
        return 0;
    return UINT64_C(1) << (w->depth - 1);
}

/* What separates an item from the one before it. */
static void before_item(struct tk_jsonw *w)
{
    if (w->depth == 0)
        return;
    if (w->has_items & items_bit(w))
        tk_buf_add(w->out, ", ", w->style == TK_JSONW_PYTHON ? 2 : 1);
    w->has_items |= items_bit(w);
    if (w->style == TK_JSONW_PRETTY)
        new_line(w);
}

static void before_value(struct tk_jsonw *w)
{
    if (w->after_key)
        w->after_key = false;
    else
        before_item(w);
}

static void open_container(struct tk_jsonw *w, char bracket)
{
    before_value(w);
    tk_buf_add_c(w->out, bracket);
    w->depth++;
    if (w->depth > TK_JSONW_MAX_DEPTH && !w->out->failed)
        w->out->failed = TK_E_LIMIT;
    w->has_items &= ~items_bit(w);
}

static void close_container(struct tk_jsonw *w, char bracket)
{
    bool had_items = w->has_items & items_bit(w);
    w->depth--;
    if (had_items && w->style == TK_JSONW_PRETTY)
        new_line(w);
    tk_buf_add_c(w->out, bracket);
}

void tk_jsonw_obj(struct tk_jsonw *w)
{
    open_container(w, '{');
}

void tk_jsonw_obj_end(struct tk_jsonw *w)
{
    close_container(w, '}');
}

void tk_jsonw_arr(struct tk_jsonw *w)
{
    open_container(w, '[');
}

void tk_jsonw_arr_end(struct tk_jsonw *w)
{
    close_container(w, ']');
}

static void put_quoted(struct tk_jsonw *w, struct tk_str s)
{
    tk_buf_add_c(w->out, '"');
    (void)tk_json_escape(w->out, s, w->style); /* the buffer remembers */
    tk_buf_add_c(w->out, '"');
}

void tk_jsonw_key_str(struct tk_jsonw *w, struct tk_str key)
{
    before_item(w);
    put_quoted(w, key);
    tk_buf_add(w->out, ": ", w->style == TK_JSONW_COMPACT ? 1 : 2);
    w->after_key = true;
}

void tk_jsonw_key(struct tk_jsonw *w, const char *key)
{
    tk_jsonw_key_str(w, tk_str_of(key));
}

void tk_jsonw_str(struct tk_jsonw *w, struct tk_str s)
{
    before_value(w);
    put_quoted(w, s);
}

void tk_jsonw_z(struct tk_jsonw *w, const char *z)
{
    if (z)
        tk_jsonw_str(w, tk_str_of(z));
    else
        tk_jsonw_null(w);
}

void tk_jsonw_i64(struct tk_jsonw *w, int64_t i)
{
    char digits[20]; /* 19 and a sign */
    size_t at = sizeof(digits);
    uint64_t left = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (i < 0)
        digits[--at] = '-';
    before_value(w);
    tk_buf_add(w->out, digits + at, sizeof(digits) - at);
}

void tk_jsonw_double(struct tk_jsonw *w, double d)
{
    char text[32];
    before_value(w);
    if (isfinite(d))
        tk_buf_add(w->out, text, tk_num_shortest(d, text));
    else if (w->style != TK_JSONW_PYTHON)
        tk_buf_add_z(w->out, "null");
    else
        tk_buf_add_z(w->out, isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
}

void tk_jsonw_bool(struct tk_jsonw *w, bool b)
{
    before_value(w);
    tk_buf_add_z(w->out, b ? "true" : "false");
}

void tk_jsonw_null(struct tk_jsonw *w)
{
    before_value(w);
    tk_buf_add_z(w->out, "null");
}

void tk_jsonw_raw(struct tk_jsonw *w, struct tk_str json)
{
    before_value(w);
    tk_buf_add_str(w->out, json);
}

void tk_jsonw_put_z(struct tk_jsonw *w, const char *key, const char *z)
{
    tk_jsonw_key(w, key);
    tk_jsonw_z(w, z);
}

void tk_jsonw_put_i64(struct tk_jsonw *w, const char *key, int64_t i)
{
    tk_jsonw_key(w, key);
    tk_jsonw_i64(w, i);
}

void tk_jsonw_put_double(struct tk_jsonw *w, const char *key, double d)
{
    tk_jsonw_key(w, key);
    tk_jsonw_double(w, d);
}

void tk_jsonw_put_bool(struct tk_jsonw *w, const char *key, bool b)
{
    tk_jsonw_key(w, key);
    tk_jsonw_bool(w, b);
}

/* ---- escapes ---- */

#define REPLACEMENT 0xFFFDu

/* How many bytes from `p` are a character, or the maximal part of one when it is damaged: then
 * *ret is REPLACEMENT and *ret_is_valid false. Bounds of the second byte: Unicode, table 3-7. */
static size_t decode_utf8(const unsigned char *p, const unsigned char *end, uint32_t *ret,
                          bool *ret_is_valid)
{
    unsigned lead = p[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = n == 1 ? lead : n == 2 ? lead & 0x1F : n == 3 ? lead & 0x0F : lead & 0x07;
    unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    size_t i = 1;
    *ret = REPLACEMENT;
    *ret_is_valid = false;
    if (n == 0 || lead > 0xF4)
        return 1;
    for (; i < n; i++) {
        if (p + i == end || p[i] < low || p[i] > high)
            return i;
        c = c << 6 | (p[i] & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    *ret = c;
    *ret_is_valid = true;
    return n;
}

/* The escape of two characters that `c` has, by its second one; NUL when it has none. */
static char short_escape(uint32_t c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

static int put_u(struct tk_buf *out, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {
        '\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]
    };
    return tk_buf_add(out, text, sizeof(text));
}

static int put_escape(struct tk_buf *out, uint32_t c)
{
    char second = short_escape(c);
    if (second) {
        char text[2] = { '\\', second };
        return tk_buf_add(out, text, sizeof(text));
    }
    if (c < 0x10000)
        return put_u(out, c);
    c -= 0x10000;
    int rc = put_u(out, 0xD800 + (c >> 10));
    return rc ? rc : put_u(out, 0xDC00 + (c & 0x3FF));
}

/* Whether the byte stands for itself in every style. DEL does not in Python's. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

int tk_json_escape(struct tk_buf *out, struct tk_str s, enum tk_jsonw_style style)
{
    const unsigned char *p = (const unsigned char *)s.p;
    const unsigned char *end = s.n ? p + s.n : p;
    const unsigned char *span = p; /* first byte that was not added yet */
    bool is_ascii = style == TK_JSONW_PYTHON;
    while (p < end) {
        if (is_plain(*p)) {
            p++;
            continue;
        }
        uint32_t c;
        bool is_valid;
        size_t n = decode_utf8(p, end, &c, &is_valid);
        if (is_valid && c >= 0x7F && !is_ascii) {
            p += n;
            continue;
        }
        int rc = tk_buf_add(out, span, (size_t)(p - span));
        if (rc == 0)
            rc = is_valid || is_ascii ? put_escape(out, c) : tk_buf_add(out, "\xEF\xBF\xBD", 3);
        if (rc)
            return rc;
        p += n;
        span = p;
    }
    return tk_buf_add(out, span, (size_t)(end - span));
}
