/* json_simdjson.cpp - json.h over simdjson: its index of tokens, and a walk of ours over that
 *
 * simdjson's first stage reads the text once with vector instructions. It checks UTF-8, quotes and
 * control characters, and writes down where each token begins: brackets, colons, commas, the
 * opening quote of each string, the first character of each other scalar.
 *
 *   text     {"id":"x","choices":[{"delta":{"content":" Hi"}}],"usage":null}
 *   tokens   {"   :"  ,"        :[{"      :{"        :"     }}],"      :n   }
 *   index    0 1   ...
 *
 * A value is the index of its first token. To skip a scalar is to add one; to skip an array or
 * object is to count brackets over the index, never over the text. The container that was left last
 * is remembered (`done`), so that a parent does not count again what its child has just walked.
 *
 * simdjson has a reader of its own on that index, ondemand. The walk here takes its place because
 * ondemand 3.0.1 fails a string for a lone surrogate (servers do send halves of emoji), copies each
 * string, cannot go back, leaves the depth unchecked where it skips, and relies on what stands in
 * the padding when a document is cut. A chunk of 229 bytes with 13 members, all of them visited
 * through this interface, takes 110 ns of one core, 34 of them in the first stage.
 *
 * Invariants
 *   - index n is the end of the text and holds no token: byte(n) is NUL, which no rule accepts;
 *   - nothing past the text's end is read here; simdjson itself copies the last 64 bytes;
 *   - an unescaped string is never longer than its source, so it is written to `strings` at the
 *     offset that its source has in the text: reading a string twice gives the same bytes at the
 *     same place, and there is nothing to reserve.
 */
#include "base/json.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <simdjson.h>

#include "base/err.h"

using simdjson::internal::dom_parser_implementation;

namespace
{

/* What an iteration expects next. */
enum walk : uint32_t {
    WALK_FIRST,  /* the first item or the closing bracket */
    WALK_NEXT,   /* the end of the item at `at`, then a comma or the closing bracket */
    WALK_DONE,   /* nothing: the end was passed */
    WALK_FAILED, /* nothing: the text is damaged */
};

constexpr size_t MIN_CAPACITY = 4096;
constexpr size_t MAX_CAPACITY = UINT32_MAX - 64; /* the index has 32-bit offsets */
constexpr uint32_t NO_TOKEN = UINT32_MAX;

} // namespace

struct tk_json {
    const char *p;          /* the live document; not owned */
    size_t n_bytes;         /* its length */
    const uint32_t *tokens; /* offset of each token; owned by impl; tokens[n] is n_bytes */
    uint32_t n;             /* tokens in the document; 0 when there is none */
    uint32_t done;          /* container left last: first token, NO_TOKEN when there was none … */
    uint32_t done_end;      /* … and the token after its closing bracket */
    uint32_t root_end;      /* the same of the root, 0 while its end was not reached */
    size_t capacity;        /* longest document that the buffers hold */
    size_t max_bytes;       /* longest that they may grow to */
    char *strings;          /* unescaped strings, `capacity` bytes; owned, from malloc */
    std::unique_ptr<dom_parser_implementation> impl;
};

namespace
{

inline char byte_at(const tk_json *j, uint32_t at)
{
    return TK_LIKELY(at < j->n) ? j->p[j->tokens[at]] : '\0';
}

inline bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

inline bool is_opening(char c)
{
    return c == '{' || c == '[';
}

/* Whether a value may begin with the token's first character `c`. */
inline bool is_value_start(char c)
{
    switch (c) {
    case '\0':
    case '}':
    case ']':
    case ',':
    case ':':
        return false;
    default:
        return true;
    }
}

/* The text of the token at `at`, up to the next one, without the white space between. */
inline struct tk_str token_text(const tk_json *j, uint32_t at)
{
    const char *p = j->p + j->tokens[at];
    const char *end = j->p + j->tokens[at + 1];
    while (end > p + 1 && is_blank(end[-1]))
        end--;
    return { p, static_cast<size_t>(end - p) };
}

/* What is between the quotes of the string at `at`. The first stage made sure that they are a pair:
 * whatever follows a closing quote directly is a token of its own. */
inline bool string_text(const tk_json *j, uint32_t at, struct tk_str *ret)
{
    struct tk_str t = token_text(j, at);
    if (TK_UNLIKELY(t.n < 2 || t.p[t.n - 1] != '"'))
        return false;
    *ret = { t.p + 1, t.n - 2 };
    return true;
}

/* Make room for documents of `n` bytes; doubles, so that a slowly growing peer costs little. */
int grow(tk_json *j, size_t n)
{
    size_t cap = j->capacity ? j->capacity : MIN_CAPACITY;
    while (cap < n)
        cap *= 2;
    if (cap > j->max_bytes)
        cap = j->max_bytes;
    j->capacity = 0; /* until both are there again */
    free(j->strings);
    j->strings = static_cast<char *>(malloc(cap));
    if (!j->strings)
        return -ENOMEM;
    simdjson::error_code err;
    if (!j->impl)
        err = simdjson::get_active_implementation()->create_dom_parser_implementation(
            cap, TK_JSON_MAX_DEPTH, j->impl);
    else
        err = j->impl->set_capacity(cap);
    if (err)
        return -ENOMEM;
    j->capacity = cap;
    return 0;
}

/* A container must be closed by the last token, a scalar must be alone. */
bool is_root_closed(const tk_json *j)
{
    char first = byte_at(j, 0);
    char last = byte_at(j, j->n - 1);
    if (first == '{')
        return last == '}';
    if (first == '[')
        return last == ']';
    return j->n == 1 && is_value_start(first);
}

/* +1 for what opens, -1 for what closes. */
inline int32_t nesting(char c)
{
    if (c == '{' || c == '[')
        return 1;
    return c == '}' || c == ']' ? -1 : 0;
}

/* Note that the container from token `start` ends before token `end`. */
inline void note_end(tk_json *j, uint32_t start, uint32_t end)
{
    j->done = start;
    j->done_end = end;
    if (start == 0)
        j->root_end = end;
}

/* The token after the value at `at`, which has `depth` containers around it; NO_TOKEN when its end
 * is missing or it is nested too deeply. */
inline uint32_t skip(tk_json *j, uint32_t at, uint32_t depth)
{
    if (!is_opening(byte_at(j, at)))
        return at + 1;
    if (j->done == at)
        return j->done_end;
    int32_t limit = static_cast<int32_t>(TK_JSON_MAX_DEPTH - depth);
    int32_t open = 0;
    for (uint32_t i = at; i < j->n; i++) {
        open += nesting(j->p[j->tokens[i]]);
        if (open == 0) {
            note_end(j, at, i + 1);
            return i + 1;
        }
        if (TK_UNLIKELY(open > limit))
            return NO_TOKEN;
    }
    return NO_TOKEN;
}

int start_walk(struct tk_json_val *v, char opening, struct tk_json_iter *ret_it)
{
    if (byte_at(v->j, v->at) != opening || v->depth >= TK_JSON_MAX_DEPTH)
        return TK_E_FORMAT;
    *ret_it = { v->j, v->at, v->at + 1, v->depth + 1, WALK_FIRST };
    return 0;
}

int fail_walk(struct tk_json_iter *it)
{
    it->state = WALK_FAILED;
    return TK_E_FORMAT;
}

int end_walk(struct tk_json_iter *it, uint32_t end)
{
    it->state = WALK_DONE;
    note_end(it->j, it->start, end);
    return 0;
}

/* Go to the first token of the next item: 1 with it->at there, 0 at the end, TK_E_FORMAT. */
inline int step(struct tk_json_iter *it, char closing)
{
    if (it->state == WALK_FIRST) {
        if (byte_at(it->j, it->at) == closing)
            return end_walk(it, it->at + 1);
        it->state = WALK_NEXT;
        return 1;
    }
    if (TK_UNLIKELY(it->state != WALK_NEXT))
        return it->state == WALK_DONE ? 0 : TK_E_FORMAT;
    uint32_t at = skip(it->j, it->at, it->depth);
    char c = byte_at(it->j, at);
    if (TK_LIKELY(c == ',')) {
        it->at = at + 1;
        return 1;
    }
    return c == closing ? end_walk(it, at + 1) : fail_walk(it);
}

int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hexadecimal digits at `p`, or -1; stops before `end`. */
int32_t hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(p[i]);
        if (d < 0)
            return -1;
        value = value * 16 + d;
    }
    return value;
}

char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = static_cast<char>(c);
    } else if (c < 0x800) {
        *out++ = static_cast<char>(0xC0 | c >> 6);
        *out++ = static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = static_cast<char>(0xE0 | c >> 12);
        *out++ = static_cast<char>(0x80 | (c >> 6 & 0x3F));
        *out++ = static_cast<char>(0x80 | (c & 0x3F));
    } else {
        *out++ = static_cast<char>(0xF0 | c >> 18);
        *out++ = static_cast<char>(0x80 | (c >> 12 & 0x3F));
        *out++ = static_cast<char>(0x80 | (c >> 6 & 0x3F));
        *out++ = static_cast<char>(0x80 | (c & 0x3F));
    }
    return out;
}

/* The character of the \u escape whose digits begin at *p, which is moved past it; a pair of
 * surrogates is one character, a lone one is U+FFFD. False when a digit is missing. */
bool unescape_u(const char **p, const char *end, uint32_t *ret)
{
    int32_t c = hex4(*p, end);
    if (c < 0)
        return false;
    *p += 4;
    *ret = static_cast<uint32_t>(c);
    if (c < 0xD800 || c > 0xDFFF)
        return true;
    *ret = 0xFFFD;
    if (c > 0xDBFF || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
        return true;
    int32_t low = hex4(*p + 2, end);
    if (low < 0xDC00 || low > 0xDFFF)
        return true; /* what follows is read for itself */
    *p += 6;
    *ret = 0x10000 + (static_cast<uint32_t>(c - 0xD800) << 10) +
           static_cast<uint32_t>(low - 0xDC00);
    return true;
}

/* The character that a backslash and `c` stand for; NUL when there is no such escape. */
char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

/* Resolve the escapes of `raw`, a slice of the live document whose first backslash is at `slash`. */
bool unescape(tk_json *j, struct tk_str raw, const char *slash, struct tk_str *ret)
{
    char *const start = j->strings + (raw.p - j->p);
    char *out = start;
    const char *p = raw.p;
    const char *const end = raw.p + raw.n;
    while (slash) {
        memcpy(out, p, static_cast<size_t>(slash - p));
        out += slash - p;
        p = slash + 1;
        if (p == end)
            return false;
        char kind = *p++;
        uint32_t c = static_cast<unsigned char>(short_escape(kind));
        if (kind == 'u' ? !unescape_u(&p, end, &c) : c == 0)
            return false;
        out = put_utf8(out, c);
        slash = static_cast<const char *>(memchr(p, '\\', static_cast<size_t>(end - p)));
    }
    memcpy(out, p, static_cast<size_t>(end - p));
    out += end - p;
    *ret = { start, static_cast<size_t>(out - start) };
    return true;
}

/* The string that `raw` stands for: itself when it has no escapes. */
inline bool resolve(tk_json *j, struct tk_str raw, struct tk_str *ret)
{
    const char *slash = static_cast<const char *>(memchr(raw.p, '\\', raw.n));
    if (TK_UNLIKELY(slash != nullptr))
        return unescape(j, raw, slash, ret);
    *ret = raw;
    return true;
}

const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* Whether `t` is a number as RFC 8259, section 6 has it, and whether without fraction and exponent. */
bool is_number(struct tk_str t, bool *ret_is_integer)
{
    const char *p = t.p;
    const char *const end = t.p + t.n;
    if (p < end && *p == '-')
        p++;
    const char *digits = p;
    p = skip_digits(p, end);
    if (p == digits || (*digits == '0' && p - digits > 1))
        return false;
    const char *after_integer = p;
    if (p < end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, end);
        if (p == digits)
            return false;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = skip_digits(p, end);
        if (p == digits)
            return false;
    }
    *ret_is_integer = p == after_integer;
    return p == end;
}

/* Whether the decimal number `t`, which std::from_chars found outside the range of a double, is
 * too small rather than too large: the power of ten of its first digit that is not zero says so. */
bool is_too_small(struct tk_str t)
{
    const char *p = t.p;
    const char *const end = t.p + t.n;
    int64_t power = 0;
    bool is_nonzero = false, is_fraction = false;
    for (; p < end && (*p | 0x20) != 'e'; p++) {
        if (*p == '.')
            is_fraction = true;
        else if (is_digit(*p)) {
            is_nonzero = is_nonzero || *p != '0';
            power += is_fraction ? (is_nonzero ? 0 : -1) : is_nonzero;
        }
    }
    int64_t exponent = 0;
    bool is_negative = false;
    for (; p < end; p++) {
        is_negative = is_negative || *p == '-';
        if (is_digit(*p) && exponent < INT64_MAX / 16)
            exponent = exponent * 10 + (*p - '0');
    }
    return power + (is_negative ? -exponent : exponent) < 0;
}

/* The double that all of `t` spells, whose form was checked except for what from_chars checks. */
int to_double(struct tk_str t, double *ret)
{
    double d = 0;
    std::from_chars_result r = std::from_chars(t.p, t.p + t.n, d);
    if (r.ec == std::errc::invalid_argument || r.ptr != t.p + t.n)
        return TK_E_FORMAT;
    if (r.ec == std::errc::result_out_of_range) {
        if (!is_too_small(t))
            return TK_E_RANGE;
        d = t.p[0] == '-' ? -0.0 : 0.0;
    }
    *ret = d;
    return 0;
}

/* The number `t` has a fraction or an exponent; its value may be a whole number all the same. */
int whole_double(struct tk_str t, int64_t *ret)
{
    double d;
    int rc = to_double(t, &d);
    if (rc)
        return rc;
    if (d != std::floor(d))
        return TK_E_FORMAT;
    if (d < -0x1p63 || d >= 0x1p63)
        return TK_E_RANGE;
    *ret = static_cast<int64_t>(d);
    return 0;
}

bool equals_nocase(struct tk_str s, const char *lower, size_t n)
{
    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if ((s.p[i] | 0x20) != lower[i])
            return false;
    }
    return true;
}

/* "inf", "infinity" or "nan" without a sign. */
bool is_special(struct tk_str s, double *ret)
{
    if (equals_nocase(s, "nan", 3)) {
        *ret = std::nan("");
        return true;
    }
    if (equals_nocase(s, "inf", 3) || equals_nocase(s, "infinity", 8)) {
        *ret = HUGE_VAL;
        return true;
    }
    return false;
}

/* Write `n` digits, the first of which stands for 10**power, without exponent. */
char *put_fixed(char *out, const char *digits, int n, int power)
{
    if (power < 0) {
        *out++ = '0';
        *out++ = '.';
        for (int i = -1; i > power; i--)
            *out++ = '0';
        memcpy(out, digits, static_cast<size_t>(n));
        return out + n;
    }
    for (int i = 0; i <= power; i++)
        *out++ = i < n ? digits[i] : '0';
    *out++ = '.';
    if (n <= power + 1)
        *out++ = '0';
    for (int i = power + 1; i < n; i++)
        *out++ = digits[i];
    return out;
}

} // namespace

extern "C" {

void tk_json_on_no_memory(void (*cb)(void))
{
    std::set_terminate(cb);
}

struct tk_json *tk_json_new(size_t max_bytes)
{
    /* malloc rather than new, so that the tests can make it fail. */
    void *memory = malloc(sizeof(tk_json));
    if (!memory)
        return nullptr;
    tk_json *j = new (memory) tk_json();
    j->max_bytes = TK_MIN(max_bytes, MAX_CAPACITY);
    if (j->max_bytes > 0 && grow(j, 1) != 0)
        j = tk_json_free(j);
    return j;
}

struct tk_json *tk_json_free(struct tk_json *j)
{
    if (j) {
        free(j->strings);
        j->~tk_json();
        free(j);
    }
    return nullptr;
}

int tk_json_parse(struct tk_json *j, const char *p, size_t n, struct tk_json_val *ret_root)
{
    j->n = 0;
    if (n == 0)
        return TK_E_FORMAT;
    if (n > j->max_bytes)
        return TK_E_LIMIT;
    if (TK_UNLIKELY(n > j->capacity)) {
        int rc = grow(j, n);
        if (rc)
            return rc;
    }
    simdjson::error_code err = j->impl->stage1(reinterpret_cast<const uint8_t *>(p), n,
                                               simdjson::stage1_mode::regular);
    if (TK_UNLIKELY(err))
        return err == simdjson::MEMALLOC ? -ENOMEM : static_cast<int>(TK_E_FORMAT);
    j->p = p;
    j->n_bytes = n;
    j->tokens = j->impl->structural_indexes.get();
    j->n = j->impl->n_structural_indexes;
    j->done = NO_TOKEN;
    j->root_end = 0;
    if (TK_UNLIKELY(!is_root_closed(j))) {
        j->n = 0;
        return TK_E_FORMAT;
    }
    *ret_root = { j, 0, 0 };
    return 0;
}

enum tk_json_type tk_json_type(struct tk_json_val *v)
{
    char c = byte_at(v->j, v->at);
    switch (c) {
    case '{':
        return TK_JSON_OBJECT;
    case '[':
        return TK_JSON_ARRAY;
    case '"':
        return TK_JSON_STRING;
    case 't':
    case 'f': {
        bool b;
        return tk_json_get_bool(v, &b) == 0 ? TK_JSON_BOOL : TK_JSON_INVALID;
    }
    case 'n': {
        struct tk_str t = token_text(v->j, v->at);
        return t.n == 4 && memcmp(t.p, "null", 4) == 0 ? TK_JSON_NULL : TK_JSON_INVALID;
    }
    default:
        return c == '-' || is_digit(c) ? TK_JSON_NUMBER : TK_JSON_INVALID;
    }
}

int tk_json_obj(struct tk_json_val *v, struct tk_json_iter *ret_it)
{
    return start_walk(v, '{', ret_it);
}

int tk_json_arr(struct tk_json_val *v, struct tk_json_iter *ret_it)
{
    return start_walk(v, '[', ret_it);
}

int tk_json_obj_next(struct tk_json_iter *it, struct tk_str *ret_key, struct tk_json_val *ret_val)
{
    int rc = step(it, '}');
    if (rc <= 0)
        return rc;
    tk_json *j = it->j;
    uint32_t at = it->at;
    struct tk_str key;
    if (TK_UNLIKELY(j->n < 3 || at > j->n - 3)) /* a key, a colon and a value */
        return fail_walk(it);
    const uint32_t *t = j->tokens + at;
    if (TK_UNLIKELY(j->p[t[0]] != '"' || j->p[t[1]] != ':' || !is_value_start(j->p[t[2]]) ||
                    !string_text(j, at, &key)))
        return fail_walk(it);
    it->at = at + 2;
    *ret_key = key;
    *ret_val = { j, at + 2, it->depth };
    return 1;
}

int tk_json_arr_next(struct tk_json_iter *it, struct tk_json_val *ret_val)
{
    int rc = step(it, ']');
    if (rc <= 0)
        return rc;
    if (!is_value_start(byte_at(it->j, it->at)))
        return fail_walk(it);
    *ret_val = { it->j, it->at, it->depth };
    return 1;
}

int tk_json_get_str(struct tk_json_val *v, struct tk_str *ret)
{
    struct tk_str raw;
    if (byte_at(v->j, v->at) != '"' || !string_text(v->j, v->at, &raw))
        return TK_E_FORMAT;
    return resolve(v->j, raw, ret) ? 0 : TK_E_FORMAT;
}

int tk_json_get_i64(struct tk_json_val *v, int64_t *ret)
{
    if (tk_json_type(v) != TK_JSON_NUMBER)
        return TK_E_FORMAT;
    struct tk_str t = token_text(v->j, v->at);
    bool is_integer = false;
    if (!is_number(t, &is_integer))
        return TK_E_FORMAT;
    if (!is_integer)
        return whole_double(t, ret);
    int64_t i = 0;
    if (std::from_chars(t.p, t.p + t.n, i).ec != std::errc())
        return TK_E_RANGE;
    *ret = i;
    return 0;
}

int tk_json_get_double(struct tk_json_val *v, double *ret)
{
    if (tk_json_type(v) != TK_JSON_NUMBER)
        return TK_E_FORMAT;
    struct tk_str t = token_text(v->j, v->at);
    bool is_integer = false;
    return is_number(t, &is_integer) ? to_double(t, ret) : static_cast<int>(TK_E_FORMAT);
}

int tk_json_get_bool(struct tk_json_val *v, bool *ret)
{
    char c = byte_at(v->j, v->at);
    if (c != 't' && c != 'f')
        return TK_E_FORMAT;
    struct tk_str t = token_text(v->j, v->at);
    bool is_true = t.n == 4 && memcmp(t.p, "true", 4) == 0;
    if (!is_true && (t.n != 5 || memcmp(t.p, "false", 5) != 0))
        return TK_E_FORMAT;
    *ret = is_true;
    return 0;
}

int tk_json_get_raw(struct tk_json_val *v, struct tk_str *ret)
{
    tk_json *j = v->j;
    if (!is_value_start(byte_at(j, v->at)))
        return TK_E_FORMAT;
    uint32_t end = skip(j, v->at, v->depth);
    if (end == NO_TOKEN)
        return TK_E_FORMAT;
    struct tk_str last = token_text(j, end - 1);
    const char *p = j->p + j->tokens[v->at];
    *ret = { p, static_cast<size_t>(last.p + last.n - p) };
    return 0;
}

int tk_json_at_end(struct tk_json *j)
{
    if (j->n == 0)
        return 0;
    return is_opening(byte_at(j, 0)) ? j->root_end == j->n : j->n == 1;
}

int tk_json_find(struct tk_json_val *v, const char *key, struct tk_json_val *ret_val)
{
    size_t key_n = strlen(key);
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str raw, name;
    int rc = tk_json_obj(v, &it);
    if (rc)
        return rc;
    while ((rc = tk_json_obj_next(&it, &raw, &val)) > 0) {
        if (!resolve(v->j, raw, &name))
            return TK_E_FORMAT;
        if (name.n == key_n && memcmp(name.p, key, key_n) == 0) {
            *ret_val = val;
            return 0;
        }
    }
    return rc ? rc : static_cast<int>(TK_E_NOT_FOUND);
}

/* A number of nanoseconds in seconds, which most doubles here are: the decimal that it was divided
 * from is the shortest. It has at most 15 digits, and no two decimals of at most 15 digits are the
 * same double, so no shorter one reads back as `d`. Its length, or 0 when `d` is none, or is written
 * with an exponent. Three times as fast as the general way. */
static size_t put_nanoseconds(double d, char *out)
{
    double size = std::fabs(d);
    if (!(size >= 1e-4 && size < 1e6))
        return 0;
    uint64_t n = static_cast<uint64_t>(size * 1e9 + 0.5);
    if (static_cast<double>(n) / 1e9 != size)
        return 0;
    char *o = out;
    if (d < 0)
        *o++ = '-';
    o = std::to_chars(o, o + 8, static_cast<uint32_t>(n / 1000000000)).ptr;
    *o++ = '.';
    uint32_t rest = static_cast<uint32_t>(n % 1000000000);
    for (int i = 8; i >= 0; i--, rest /= 10)
        o[i] = static_cast<char>('0' + rest % 10);
    o += 9;
    while (o[-1] == '0' && o[-2] != '.')
        o--;
    return static_cast<size_t>(o - out);
}

size_t tk_num_shortest(double d, char *out)
{
    char text[32], digits[20];
    size_t n_short = put_nanoseconds(d, out);
    if (n_short > 0)
        return n_short;
    if (!std::isfinite(d)) {
        const char *name = std::isnan(d) ? "nan" : d < 0 ? "-inf" : "inf";
        memcpy(out, name, strlen(name));
        return strlen(name);
    }
    /* "d[.ddd]e+dd": the digits and the exponent form are repr's already. */
    char *end = std::to_chars(text, text + sizeof(text), d, std::chars_format::scientific).ptr;
    const char *p = text;
    bool is_negative = *p == '-';
    p += is_negative;
    int n = 0;
    for (; *p != 'e'; p++) {
        if (*p != '.')
            digits[n++] = *p;
    }
    int power = 0;
    std::from_chars(p[1] == '+' ? p + 2 : p + 1, end, power);
    if (power < -4 || power >= 16) {
        memcpy(out, text, static_cast<size_t>(end - text));
        return static_cast<size_t>(end - text);
    }
    char *o = out;
    if (is_negative)
        *o++ = '-';
    return static_cast<size_t>(put_fixed(o, digits, n, power) - out);
}

int tk_num_parse_double(struct tk_str s, double *ret)
{
    bool is_negative = s.n > 0 && s.p[0] == '-';
    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
        s = { s.p + 1, s.n - 1 };
    if (s.n == 0)
        return TK_E_FORMAT;
    double d = 0;
    if (!is_special(s, &d)) {
        /* from_chars takes a sign of its own, and words such as nan(1). */
        if (!is_digit(s.p[0]) && s.p[0] != '.')
            return TK_E_FORMAT;
        int rc = to_double(s, &d);
        if (rc)
            return rc;
    }
    *ret = is_negative ? -d : d;
    return 0;
}

} // extern "C"
