/* jsonscan.c - cut the elements of an outer array, or lines, out of a stream
 *
 *   stream   [ {"a": "x]"} , {"b": 2} , 3 ]
 *   states   START FIRST CONTAINER AFTER VALUE CONTAINER AFTER VALUE SCALAR AFTER END
 *
 *   window   |done with|element under way ......|not read yet ....|padding|
 *            0         element                  n                 cap
 *
 * All state is in the structure, so that a scan goes on where the bytes ran out. When the window is
 * full, what is done with is dropped and the rest moved to the front; when that gains nothing, the
 * window doubles, up to the longest element allowed. Line numbers cost a count of line ends over
 * what is dropped, and nothing else until somebody asks.
 *
 * Speed comes from never looking at bytes one by one: 64 of them become masks of quotes, backslashes
 * and brackets, arithmetic on those tells what is inside a string, and only the brackets outside are
 * visited. On chat texts with an escape every 25 bytes that is 3.0 GB/s of one core, reading
 * included; searching for the next quote or backslash, 16 bytes at a time, gave 1.7, since each hit
 * is a mispredicted branch. The last bytes of a window, and all of them without SSE2, take a plain
 * loop with the same answers: a backslash makes the quote behind it plain, outside of strings too,
 * where it is an error that the parser finds.
 *
 * What an element holds is not checked beyond its brackets and strings; commas, colons and words are
 * the parser's business.
 */
#include "base/jsonscan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/err.h"
#include "base/json.h"

#define FIRST_WINDOW_BYTES ((size_t)256 << 10)
#define BEHIND ((size_t)2) /* bytes behind the longest element that its end is told by: CR LF */

enum state {
    STATE_START,      /* nothing was read */
    STATE_FIRST,      /* after '[': an element or ']' */
    STATE_VALUE,      /* after ',': an element */
    STATE_AFTER,      /* after an element: ',' or ']' */
    STATE_END,        /* after ']': white space */
    STATE_CONTAINER,  /* in an element that is an array or an object */
    STATE_STRING,     /* in an element that is a string */
    STATE_SCALAR,     /* in an element that is anything else */
    STATE_LINE_START, /* before a line's first character that is not blank */
    STATE_LINE,       /* in a line */
};

int tk_jsonscan_init(struct tk_jsonscan *s, tk_jsonscan_read read, void *arg,
                     enum tk_jsonscan_kind kind, size_t max_element)
{
    if (max_element == 0)
        max_element = TK_JSONSCAN_MAX_ELEMENT;
    max_element = TK_MIN(max_element, SIZE_MAX / 4);
    size_t cap = TK_MAX(TK_MIN(FIRST_WINDOW_BYTES, max_element + BEHIND), (size_t)4);
    *s = (struct tk_jsonscan){ .read = read, .arg = arg, .kind = kind, .max_element = max_element };
    s->window = malloc(cap + TK_JSON_PADDING);
    if (!s->window)
        return -ENOMEM;
    s->cap = cap;
    return 0;
}

static int64_t read_fd(void *arg, void *buf, size_t cap)
{
    ssize_t n;
    do {
        n = read((int)(intptr_t)arg, buf, cap);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int tk_jsonscan_init_fd(struct tk_jsonscan *s, int fd, enum tk_jsonscan_kind kind,
                        size_t max_element)
{
    return tk_jsonscan_init(s, read_fd, (void *)(intptr_t)fd, kind, max_element);
}

void tk_jsonscan_release(struct tk_jsonscan *s)
{
    free(s->window);
    s->window = NULL;
    s->cap = s->n = s->at = s->element = 0;
}

/* ---- places in the text ---- */

/* Count the line ends from s->counted to the window's byte `n`: *line grows by them, and *line_base
 * becomes the offset in the stream of the byte after the last. */
static void count_lines(const struct tk_jsonscan *s, size_t n, uint64_t *line, uint64_t *line_base)
{
    const char *p = s->window + s->counted;
    const char *end = s->window + n;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        p++;
        ++*line;
        *line_base = s->base + (uint64_t)(p - s->window);
    }
}

/* Count up to `n` for good: a reader who asks for the line of each element must not start anew. */
static void count_up_to(struct tk_jsonscan *s, size_t n)
{
    if (n <= s->counted)
        return;
    count_lines(s, n, &s->line, &s->line_base);
    s->counted = n;
}

uint64_t tk_jsonscan_line(struct tk_jsonscan *s)
{
    count_up_to(s, s->element);
    return s->line + 1;
}

uint64_t tk_jsonscan_offset(const struct tk_jsonscan *s)
{
    return s->base + s->element;
}

/* Put the place of the window's byte `at` into *e, and make the failure stick. */
static int fail_at(struct tk_jsonscan *s, size_t at, struct tk_err *e)
{
    uint64_t line = s->line;
    uint64_t line_base = s->line_base;
    count_lines(s, at, &line, &line_base);
    uint64_t column = s->base + at - line_base;
    s->failed = e->code;
    e->line = (unsigned)TK_MIN(line + 1, (uint64_t)UINT32_MAX);
    e->column = (unsigned)TK_MIN(column + 1, (uint64_t)UINT32_MAX);
    return e->code;
}

/* The byte at the scan's place as a message shows it. */
static const char *show(unsigned char c, char out[16])
{
    static const char hex[] = "0123456789abcdef";
    if (c > ' ' && c < 0x7F)
        memcpy(out, (char[]){ '\'', (char)c, '\'', '\0' }, 4);
    else
        memcpy(out, (char[]){ 'b', 'y', 't', 'e', ' ', '0', 'x', hex[c >> 4], hex[c & 15], '\0' },
               10);
    return out;
}

/* Something stands where `wanted` was due. */
static int fail_here(struct tk_jsonscan *s, struct tk_err *e, const char *wanted)
{
    char got[16];
    tk_err_set(e, TK_E_FORMAT, "expected %s, got %s", wanted,
               show((unsigned char)s->window[s->at], got));
    return fail_at(s, s->at, e);
}

static int fail_limit(struct tk_jsonscan *s, struct tk_err *e)
{
    tk_err_set(e, TK_E_LIMIT, "the element at byte %" PRIu64 " is longer than %zu bytes",
               tk_jsonscan_offset(s), s->max_element);
    return fail_at(s, s->element, e);
}

/* ---- the window ---- */

/* Drop what is done with. */
static void slide(struct tk_jsonscan *s)
{
    size_t n = s->in_element ? s->element : s->at;
    count_up_to(s, n);
    s->counted = 0;
    memmove(s->window, s->window + n, s->n - n);
    s->base += n;
    s->n -= n;
    s->at -= n;
    s->element = 0;
}

/* Double the window, which the element under way fills. */
static int widen(struct tk_jsonscan *s, struct tk_err *e)
{
    size_t cap = TK_MIN(s->cap * 2, s->max_element + BEHIND);
    if (cap <= s->cap)
        return fail_limit(s, e);
    char *window = realloc(s->window, cap + TK_JSON_PADDING);
    if (!window) {
        tk_err_set(e, -ENOMEM, "no memory for an element of more than %zu bytes", s->cap);
        return fail_at(s, s->element, e);
    }
    s->window = window;
    s->cap = cap;
    return 0;
}

/* Read more behind what is there: 1, 0 at the end of the source, or a code. */
static int fill(struct tk_jsonscan *s, struct tk_err *e)
{
    if (s->n == s->cap)
        slide(s);
    if (s->n == s->cap) {
        int rc = widen(s, e);
        if (rc)
            return rc;
    }
    int64_t got = s->read(s->arg, s->window + s->n, s->cap - s->n);
    if (got < 0) {
        tk_err_set(e, (int)got, "reading failed after %" PRIu64 " bytes: %s", (s->base + s->n),
                   tk_err_text((int)got));
        return fail_at(s, s->n, e);
    }
    s->n += (size_t)got;
    memset(s->window + s->n, 0, TK_JSON_PADDING);
    return got > 0;
}

/* ---- the search ---- */

/* Whether `c` is a bracket or brace: they differ from each other in the bit 0x20 only. */
static bool is_bracket(char c)
{
    return (c | 0x20) == '{' || (c | 0x20) == '}';
}

#if defined(__SSE2__)

#define BLOCK_BYTES 64

/* One bit for each of 64 bytes, the first in the lowest. */
struct block {
    uint64_t quotes;   /* quotes that open or close a string: no backslash makes them plain */
    uint64_t brackets; /* brackets and braces, those inside strings too */
};

/* The characters that stand behind an odd run of backslashes; a run may come from, and go on into,
 * the neighbouring block. Runs that begin at an odd place are told from the others by the carry of
 * an addition (Langdale and Lemire, "Parsing gigabytes of JSON per second", 3.1.1). */
static uint64_t find_escaped(uint64_t slashes, bool *is_escaped)
{
    const uint64_t even = UINT64_C(0x5555555555555555);
    uint64_t first = *is_escaped;
    slashes &= ~first;
    uint64_t behind = slashes << 1 | first;
    uint64_t odd_starts = slashes & ~even & ~behind;
    uint64_t sum;
    *is_escaped = __builtin_add_overflow(odd_starts, slashes, &sum);
    return (even ^ sum << 1) & behind;
}

static struct block read_block(const char *p, bool *is_escaped)
{
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i bit = _mm_set1_epi8(0x20);
    const __m128i opening = _mm_set1_epi8('{');
    const __m128i closing = _mm_set1_epi8('}');
    uint64_t slashes = 0;
    struct block b = { 0 };
    for (unsigned i = 0; i < BLOCK_BYTES; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i folded = _mm_or_si128(v, bit);
        __m128i bracket = _mm_or_si128(_mm_cmpeq_epi8(folded, opening),
                                       _mm_cmpeq_epi8(folded, closing));
        b.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, quote)) << i;
        b.brackets |= (uint64_t)(unsigned)_mm_movemask_epi8(bracket) << i;
        slashes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, slash)) << i;
    }
    if (slashes || *is_escaped)
        b.quotes &= ~find_escaped(slashes, is_escaped);
    return b;
}

/* Each bit becomes the parity of itself and those below: set from an opening quote up to the byte
 * before the closing one. */
static uint64_t parity(uint64_t bits)
{
    for (unsigned shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

#endif

/* ---- elements; each scanner returns 1 when the element ends before s->at, 0 when the window does,
 *      or a code ---- */

/* Take note of the next character of an element: whether it is a quote that opens or closes. */
static bool is_live_quote(struct tk_jsonscan *s, char c)
{
    bool was_escaped = s->is_escaped;
    s->is_escaped = c == '\\' && !was_escaped;
    return c == '"' && !was_escaped;
}

/* Go on to the end of the string that s->at is in. */
static int scan_string(struct tk_jsonscan *s)
{
#if defined(__SSE2__)
    for (; s->n - s->at >= BLOCK_BYTES; s->at += BLOCK_BYTES) {
        struct block b = read_block(s->window + s->at, &s->is_escaped);
        if (b.quotes) {
            s->at += (size_t)__builtin_ctzll(b.quotes) + 1;
            s->in_string = s->is_escaped = false;
            return 1;
        }
    }
#endif
    while (s->at < s->n && s->in_string)
        s->in_string = !is_live_quote(s, s->window[s->at++]);
    return !s->in_string;
}

static bool is_brace_open(const struct tk_jsonscan *s)
{
    return s->is_object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64) & 1;
}

/* The bracket at s->at: 1 when it was the element's last, which s->at is moved past, 0, or a code. */
static int scan_bracket(struct tk_jsonscan *s, struct tk_err *e)
{
    char c = s->window[s->at];
    if (c == '{' || c == '[') {
        if (s->depth == TK_JSON_MAX_DEPTH) {
            tk_err_set(e, TK_E_LIMIT, "nested deeper than %d levels", TK_JSON_MAX_DEPTH);
            return fail_at(s, s->at, e);
        }
        uint64_t bit = UINT64_C(1) << (s->depth % 64);
        uint64_t *word = &s->is_object[s->depth / 64];
        *word = c == '{' ? *word | bit : *word & ~bit;
        s->depth++;
        return 0;
    }
    if (c != (is_brace_open(s) ? '}' : ']'))
        return fail_here(s, e, is_brace_open(s) ? "'}'" : "']'");
    s->depth--;
    if (s->depth > 0)
        return 0;
    s->at++;
    return 1;
}

#if defined(__SSE2__)
/* The same for all brackets of the 64 bytes from s->at that are outside of strings; s->at is moved
 * past the block when the element does not end in it. */
static int scan_block(struct tk_jsonscan *s, struct tk_err *e)
{
    size_t start = s->at;
    struct block b = read_block(s->window + start, &s->is_escaped);
    uint64_t inside = parity(b.quotes) ^ (s->in_string ? UINT64_MAX : 0);
    s->in_string = inside >> 63;
    for (uint64_t left = b.brackets & ~inside; left; left &= left - 1) {
        s->at = start + (size_t)__builtin_ctzll(left);
        int rc = scan_bracket(s, e);
        if (rc)
            return rc;
    }
    s->at = start + BLOCK_BYTES;
    return 0;
}
#endif

static int scan_container(struct tk_jsonscan *s, struct tk_err *e)
{
    int rc = 0;
#if defined(__SSE2__)
    while (rc == 0 && s->n - s->at >= BLOCK_BYTES)
        rc = scan_block(s, e);
#endif
    while (rc == 0 && s->at < s->n) {
        char c = s->window[s->at];
        if (is_live_quote(s, c))
            s->in_string = !s->in_string;
        else if (is_bracket(c) && !s->in_string)
            rc = scan_bracket(s, e);
        s->at += rc == 0;
    }
    return rc;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* A number or a word: up to what can follow one in an array. */
static int scan_scalar(struct tk_jsonscan *s)
{
    while (s->at < s->n) {
        char c = s->window[s->at];
        if (c == ',' || is_bracket(c) || is_blank(c))
            return 1;
        s->at++;
    }
    return 0;
}

/* A line: the line end is left for the next call. */
static int scan_line(struct tk_jsonscan *s)
{
    const char *p = s->window + s->at;
    const char *lf = memchr(p, '\n', s->n - s->at);
    s->at = lf ? (size_t)(lf - s->window) : s->n;
    return lf != NULL;
}

static int scan_element(struct tk_jsonscan *s, struct tk_err *e)
{
    switch (s->state) {
    case STATE_CONTAINER:
        return scan_container(s, e);
    case STATE_STRING:
        return scan_string(s);
    case STATE_LINE:
        return scan_line(s);
    default:
        return scan_scalar(s);
    }
}

/* The element from s->element to s->at is whole. */
static int give(struct tk_jsonscan *s, struct tk_str *ret, struct tk_err *e)
{
    const char *p = s->window + s->element;
    size_t n = s->at - s->element;
    bool is_line = s->state == STATE_LINE;
    while (is_line && n > 0 && is_blank(p[n - 1]))
        n--;
    s->in_element = false;
    s->state = is_line ? STATE_LINE_START : STATE_AFTER;
    if (n > s->max_element)
        return fail_limit(s, e);
    *ret = (struct tk_str){ p, n };
    return 1;
}

/* ---- between elements ---- */

/* An element begins at s->at; in an array it is what its first character says. */
static void begin(struct tk_jsonscan *s)
{
    char c = s->window[s->at];
    s->element = s->at;
    s->in_element = true;
    s->in_string = s->is_escaped = false;
    s->depth = 0;
    if (s->state == STATE_LINE_START) {
        s->state = STATE_LINE;
    } else if (c == '"') {
        s->state = STATE_STRING;
        s->in_string = true;
        s->at++; /* past the quote that opens it */
    } else {
        s->state = c == '{' || c == '[' ? STATE_CONTAINER : STATE_SCALAR;
    }
}

/* The first character of the file that is not blank says what it is. */
static int start(struct tk_jsonscan *s, struct tk_err *e)
{
    bool is_array = s->window[s->at] == '[';
    if (s->kind == TK_JSONSCAN_LINES || (s->kind == TK_JSONSCAN_AUTO && !is_array)) {
        s->state = STATE_LINE_START;
        return 0;
    }
    if (!is_array)
        return fail_here(s, e, "'[' at the start");
    s->at++;
    s->state = STATE_FIRST;
    return 0;
}

/* A character that is not blank, outside of elements: 0 or a code. */
static int take(struct tk_jsonscan *s, struct tk_err *e)
{
    char c = s->window[s->at];
    switch (s->state) {
    case STATE_START:
        return start(s, e);
    case STATE_LINE_START:
        begin(s);
        return 0;
    case STATE_FIRST:
    case STATE_VALUE:
        if (c == ']' && s->state == STATE_FIRST) {
            s->at++;
            s->state = STATE_END;
            return 0;
        }
        if (c == ',' || c == ':' || c == ']' || c == '}')
            return fail_here(s, e, "an element");
        begin(s);
        return 0;
    case STATE_AFTER:
        if (c != ',' && c != ']')
            return fail_here(s, e, "',' or ']' after an element");
        s->at++;
        s->state = c == ',' ? STATE_VALUE : STATE_END;
        return 0;
    default:
        return fail_here(s, e, "nothing after the array");
    }
}

/* The source is at its end: 1 with a last line, 0 when that is in order, or a code. */
static int finish(struct tk_jsonscan *s, struct tk_str *ret, struct tk_err *e)
{
    const char *missing = "']'"; /* of the outer array */
    switch (s->state) {
    case STATE_LINE:
        return give(s, ret, e);
    case STATE_END:
    case STATE_LINE_START:
        return 0;
    case STATE_START:
        if (s->kind != TK_JSONSCAN_ARRAY)
            return 0;
        missing = "'['";
        break;
    case STATE_CONTAINER:
    case STATE_STRING:
        if (s->in_string)
            missing = "'\"'";
        else if (is_brace_open(s))
            missing = "'}'";
        break;
    default:
        break;
    }
    if (s->in_element)
        tk_err_set(e, TK_E_FORMAT,
                   "the text ends inside the element that begins in line %" PRIu64
                   ": %s is missing",
                   tk_jsonscan_line(s), missing);
    else
        tk_err_set(e, TK_E_FORMAT, "the text ends early: %s is missing", missing);
    return fail_at(s, s->n, e);
}

/* Pass over a byte order mark at the very front. */
static int skip_mark(struct tk_jsonscan *s, struct tk_err *e)
{
    static const char mark[] = "\xEF\xBB\xBF";
    int rc = 1;
    while (rc > 0 && s->n < 3 && memcmp(s->window, mark, s->n) == 0)
        rc = fill(s, e);
    if (rc >= 0 && s->n >= 3 && memcmp(s->window, mark, 3) == 0) {
        s->at = 3;
        s->line_base = 3; /* columns do not count it */
    }
    return TK_MIN(rc, 0);
}

static void skip_blanks(struct tk_jsonscan *s)
{
    while (s->at < s->n && is_blank(s->window[s->at]))
        s->at++;
}

int tk_jsonscan_next(struct tk_jsonscan *s, struct tk_str *ret_element, struct tk_err *reterr)
{
    struct tk_err unwanted;
    struct tk_err *e = reterr ? reterr : &unwanted; /* cppcheck-suppress uninitvar; it is filled */
    int rc = 0;
    if (s->failed)
        return tk_err_set(e, s->failed, "the text was found damaged before");
    if (s->base == 0 && s->n == 0)
        rc = skip_mark(s, e);
    while (rc == 0) {
        if (s->in_element) {
            rc = scan_element(s, e);
            if (rc > 0)
                return give(s, ret_element, e);
        } else {
            skip_blanks(s);
            if (s->at < s->n)
                rc = take(s, e);
        }
        if (rc == 0 && s->at == s->n) {
            rc = fill(s, e);
            if (rc == 0)
                return finish(s, ret_element, e);
            rc = TK_MIN(rc, 0);
        }
    }
    return rc;
}
