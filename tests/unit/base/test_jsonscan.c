/* test_jsonscan.c - base/jsonscan.h
 *
 * Each text is scanned in reads of 1, 2, 3, 7 bytes and whole: what comes out must be the same.
 */
#include "lib/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/jsonscan.h"
#include "base/str.h"
#include "lib/failmalloc.h"

#define ARRAY TK_JSONSCAN_ARRAY
#define LINES TK_JSONSCAN_LINES
#define AUTO TK_JSONSCAN_AUTO

/* A source of bytes: `left` in pieces of at most `piece`, then `rc`. */
struct source {
    struct tk_str left;
    size_t piece;
    int64_t rc;
};

static int64_t read_source(void *arg, void *buf, size_t cap)
{
    struct source *src = arg;
    size_t n = TK_MIN(TK_MIN(src->left.n, src->piece), cap);
    if (n == 0)
        return src->rc;
    memcpy(buf, src->left.p, n);
    src->left.p += n;
    src->left.n -= n;
    return (int64_t)n;
}

/* Scan everything: the elements joined by '|' in `out`, the final code returned. */
static int scan(struct source src, enum tk_jsonscan_kind kind, size_t max, struct tk_buf *out,
                struct tk_err *e)
{
    struct tk_jsonscan s;
    struct tk_str element;
    char padding[TK_JSON_PADDING];
    tk_buf_reset(out);
    int rc = tk_jsonscan_init(&s, read_source, &src, kind, max);
    while (rc == 0 && (rc = tk_jsonscan_next(&s, &element, e)) > 0) {
        memcpy(padding, element.p + element.n, sizeof(padding)); /* ASan would object */
        tk_buf_add_str(out, element);
        tk_buf_add_c(out, '|');
        rc = 0;
    }
    int again = tk_jsonscan_next(&s, &element, NULL);
    if (again != rc)
        T_EQ_I(again, rc, "a second call after the end says the same");
    tk_jsonscan_release(&s);
    tk_jsonscan_release(&s);
    return rc;
}

static const size_t pieces[] = { 1, 2, 3, 7, 1000000 };

static void good(enum tk_jsonscan_kind kind, const char *in, const char *want)
{
    struct tk_buf out = TK_BUF_INIT(1000000);
    struct tk_err e;
    tk_buf_add_z(&out, "");
    for (size_t i = 0; i < TK_ARRAY_LEN(pieces); i++) {
        struct source src = { tk_str_of(in), pieces[i], 0 };
        T_EQ_I(scan(src, kind, 0, &out, &e), 0, "reads of %zu: %s", pieces[i], in);
        T_EQ_S(out.p, want, "gives %s", want);
    }
    tk_buf_release(&out);
}

static void bad(enum tk_jsonscan_kind kind, const char *in, const char *want, unsigned line,
                unsigned column, const char *msg)
{
    struct tk_buf out = TK_BUF_INIT(1000000);
    struct tk_err e;
    tk_buf_add_z(&out, "");
    for (size_t i = 0; i < TK_ARRAY_LEN(pieces); i++) {
        struct source src = { tk_str_of(in), pieces[i], 0 };
        T_EQ_I(scan(src, kind, 0, &out, &e), TK_E_FORMAT, "reads of %zu: %s", pieces[i], in);
        T_EQ_S(out.p, want, "gives %s", want);
        T_EQ_S(e.msg, msg, "and says why");
        T_EQ_I(e.line, line, "line");
        T_EQ_I(e.column, column, "column");
    }
    tk_buf_release(&out);
}

static void arrays(void)
{
    good(ARRAY, "[]", "");
    good(ARRAY, " [ \n ] \n", "");
    good(ARRAY, "[1]", "1|");
    good(ARRAY, "[1,true , null,-2.5e3]", "1|true|null|-2.5e3|");
    good(ARRAY, "[\"a\",\"\",\"]\",\"\\\"\",\"\\\\\"]", "\"a\"|\"\"|\"]\"|\"\\\"\"|\"\\\\\"|");
    good(ARRAY, "[{\"a\":[1,{}]},[],[[]],{\"}\":\"\\\\\\\"]\"}]",
         "{\"a\":[1,{}]}|[]|[[]]|{\"}\":\"\\\\\\\"]\"}|");
    good(ARRAY, "\n[\n{ \"a\" : 1 }\n,\n{ \"b\" : \"a longer string, to pass sixteen bytes\" }\n]",
         "{ \"a\" : 1 }|{ \"b\" : \"a longer string, to pass sixteen bytes\" }|");
    good(ARRAY, "\xEF\xBB\xBF[1,2]", "1|2|");
    good(AUTO, " [1,2]", "1|2|");

    bad(ARRAY, "", "", 1, 1, "the text ends early: '[' is missing");
    bad(ARRAY, "{}", "", 1, 1, "expected '[' at the start, got '{'");
    bad(ARRAY, "\xEF\xBB", "", 1, 1, "expected '[' at the start, got byte 0xef");
    bad(ARRAY, "[", "", 1, 2, "the text ends early: ']' is missing");
    bad(ARRAY, "[1,\n2", "1|", 2, 2,
        "the text ends inside the element that begins in line 2: ']' is missing");
    bad(ARRAY, "[1,\n2 ", "1|2|", 2, 3, "the text ends early: ']' is missing");
    bad(ARRAY, "[1,", "1|", 1, 4, "the text ends early: ']' is missing");
    bad(ARRAY, "[1,]", "1|", 1, 4, "expected an element, got ']'");
    bad(ARRAY, "[,1]", "", 1, 2, "expected an element, got ','");
    bad(ARRAY, "[1 2]", "1|", 1, 4, "expected ',' or ']' after an element, got '2'");
    bad(ARRAY, "[{}\n {}]", "{}|", 2, 2, "expected ',' or ']' after an element, got '{'");
    bad(ARRAY, "[\"a\"b]", "\"a\"|", 1, 5, "expected ',' or ']' after an element, got 'b'");
    bad(ARRAY, "[1]\n\n  x", "1|", 3, 3, "expected nothing after the array, got 'x'");
    bad(ARRAY, "[1]]", "1|", 1, 4, "expected nothing after the array, got ']'");
    bad(ARRAY, "[{\"a\":[1}]", "", 1, 9, "expected ']', got '}'");
    bad(ARRAY, "[\n[\n{]", "", 3, 2, "expected '}', got ']'");
    bad(ARRAY, "\n[\n\n{\"a\":\n", "", 5, 1,
        "the text ends inside the element that begins in line 4: '}' is missing");
    bad(ARRAY, "[\"abc", "", 1, 6,
        "the text ends inside the element that begins in line 1: '\"' is missing");
    bad(ARRAY, "[{\"abc\\", "", 1, 8,
        "the text ends inside the element that begins in line 1: '\"' is missing");
    bad(ARRAY, "[}", "", 1, 2, "expected an element, got '}'");
    bad(ARRAY, "\xEF\xBB\xBF{", "", 1, 1, "expected '[' at the start, got '{'");
}

static void lines(void)
{
    good(LINES, "", "");
    good(LINES, "\n \r\n", "");
    good(LINES, "{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}|{\"b\":2}|");
    good(LINES, "{\"a\":1}\r\n\r\n  {\"b\":2} \t", "{\"a\":1}|{\"b\":2}|");
    good(LINES, "{\"a\":1}\r\n{\"b\":2}\r\n", "{\"a\":1}|{\"b\":2}|");
    good(LINES, "[1]\n[2]", "[1]|[2]|");
    good(LINES, "anything [ at all\n\"x", "anything [ at all|\"x|");
    good(AUTO, "{\"a\":1}\n[2]", "{\"a\":1}|[2]|");
    good(AUTO, "", "");
    good(AUTO, "\xEF\xBB\xBF{}\n", "{}|");
    good(AUTO, "\xEF\xBB\xBF", "");
}

static void nesting(void)
{
    struct tk_buf in = TK_BUF_INIT(10000);
    struct tk_buf out = TK_BUF_INIT(10000);
    struct tk_err e;
    for (int more = 0; more < 2; more++) {
        tk_buf_reset(&in);
        tk_buf_add_c(&in, '[');
        for (int i = 0; i < TK_JSON_MAX_DEPTH + more; i++)
            tk_buf_add_z(&in, i % 3 ? "[" : "{\"a\":");
        for (int i = TK_JSON_MAX_DEPTH + more; i-- > 0;)
            tk_buf_add_c(&in, i % 3 ? ']' : '}');
        tk_buf_add_c(&in, ']');
        struct source src = { tk_buf_str(&in), 5, 0 };
        T_EQ_I(scan(src, ARRAY, 0, &out, &e), more ? TK_E_LIMIT : 0, "depth %d",
               TK_JSON_MAX_DEPTH + more);
    }
    T_EQ_S(e.msg, "nested deeper than 256 levels", "says so");
    tk_buf_release(&in);
    tk_buf_release(&out);
}

/* Elements of all lengths up to the maximum go through windows of any size. */
static void limits(void)
{
    struct tk_buf in = TK_BUF_INIT(1000000);
    struct tk_buf out = TK_BUF_INIT(1000000);
    struct tk_err e;
    for (int kind = ARRAY; kind <= LINES; kind++) {
        tk_buf_reset(&in);
        tk_buf_add_z(&in, kind == ARRAY ? "[" : "");
        for (int i = 1; i < 100; i++)
            tk_buf_addf(&in, "\"%0*d\"%s", i, i, kind == LINES ? "\r\n" : i < 99 ? ", " : "]");
        for (size_t i = 0; i < TK_ARRAY_LEN(pieces); i++) {
            struct source src = { tk_buf_str(&in), pieces[i], 0 };
            T_EQ_I(scan(src, (enum tk_jsonscan_kind)kind, 101, &out, &e), 0,
                   "kind %d, elements as long as allowed", kind);
            T_EQ_I(out.n, 99 * 100 / 2 + 99 * 3, "all of them");
            src = (struct source){ tk_buf_str(&in), pieces[i], 0 };
            T_EQ_I(scan(src, (enum tk_jsonscan_kind)kind, 100, &out, &e), TK_E_LIMIT,
                   "one too long");
            T_EQ_I(out.n, 98 * 99 / 2 + 98 * 3, "those before it came");
            T_EQ_I(e.line, kind == LINES ? 99 : 1, "its line");
            T_OK(strstr(e.msg, "is longer than 100 bytes") != NULL, "the message");
        }
    }
    tk_buf_release(&in);
    tk_buf_release(&out);
}

static void failures(void)
{
    struct tk_buf out = TK_BUF_INIT(1000);
    struct tk_err e;
    struct tk_jsonscan s;
    struct tk_str element;
    struct source src = { TK_STR("[1,\n2"), 2, -EIO };
    T_EQ_I(scan(src, ARRAY, 0, &out, &e), -EIO, "a failing source");
    T_EQ_I(e.line, 2, "line");
    T_EQ_I(e.column, 2, "column");
    T_OK(strstr(e.msg, "reading failed after 5 bytes: ") == e.msg, "message");
    T_EQ_I(scan(src, ARRAY, 0, &out, NULL), -EIO, "nobody wants the message");
    T_EQ_I(tk_jsonscan_init_fd(&s, -1, AUTO, 0), 0, "a bad descriptor");
    T_EQ_I(tk_jsonscan_next(&s, &element, &e), -EBADF, "is found at the first read");
    tk_jsonscan_release(&s);
    tk_failmalloc_at(1);
    T_EQ_I(tk_jsonscan_init_fd(&s, -1, AUTO, 0), -ENOMEM, "no memory");
    tk_failmalloc_off();

    struct tk_buf in = TK_BUF_INIT(1000000);
    tk_buf_add_z(&in, "[\"");
    for (int i = 0; i < 600000; i++)
        tk_buf_add_c(&in, 'x');
    tk_buf_add_z(&in, "\"]");
    src = (struct source){ tk_buf_str(&in), SIZE_MAX, 0 };
    T_EQ_I(tk_jsonscan_init(&s, read_source, &src, AUTO, 0), 0,
           "an element longer than the window");
    tk_failmalloc_at(1);
    T_EQ_I(tk_jsonscan_next(&s, &element, &e), -ENOMEM, "no memory to widen it");
    tk_failmalloc_off();
    tk_jsonscan_release(&s);
    src = (struct source){ tk_buf_str(&in), SIZE_MAX, 0 };
    T_EQ_I(tk_jsonscan_init(&s, read_source, &src, AUTO, 0), 0, "again");
    T_EQ_I(tk_jsonscan_next(&s, &element, &e), 1, "with memory");
    T_EQ_I(element.n, 600002, "whole");
    T_OK(s.cap <= 2000000, "the window is no larger than it needs");
    tk_jsonscan_release(&s);
    tk_buf_release(&in);
    tk_buf_release(&out);
}

/* Many megabytes through one window, from a pipe of the system. */
static void stream(void)
{
    struct tk_jsonscan s;
    struct tk_str element;
    struct tk_err e;
    char path[] = "/tmp/tk-jsonscan-XXXXXX";
    int fd = mkstemp(path);
    if (!T_OK(fd >= 0, "a file"))
        return;
    unlink(path);
    struct tk_buf b = TK_BUF_INIT((size_t)64 << 20);
    for (int i = 0; i < 100000; i++)
        tk_buf_addf(&b, "%s{\"id\":%d,\"text\":\"some \\\"text\\\" with } and ]\"}\n",
                    i ? "," : "[", i);
    tk_buf_add_z(&b, "]\n");
    T_EQ_I(write(fd, b.p, b.n), (int64_t)b.n, "written");
    lseek(fd, 0, SEEK_SET);
    T_EQ_I(tk_jsonscan_init_fd(&s, fd, AUTO, 0), 0, "init");
    int n = 0;
    bool ok = true;
    int rc;
    while ((rc = tk_jsonscan_next(&s, &element, &e)) > 0) {
        ok = ok && tk_jsonscan_offset(&s) < b.n &&
             memcmp(b.p + tk_jsonscan_offset(&s), element.p, element.n) == 0;
        if (n % 1000 == 0)
            ok = ok && tk_jsonscan_line(&s) == (uint64_t)n + 1;
        n++;
    }
    T_EQ_I(rc, 0, "to the end");
    T_EQ_I(n, 100000, "all elements");
    T_OK(ok, "each at its offset and line");
    T_OK(s.cap <= (size_t)1 << 20, "the window stays small");
    tk_jsonscan_release(&s);
    tk_buf_release(&b);
    close(fd);
}

int main(void)
{
    arrays();
    lines();
    nesting();
    limits();
    failures();
    stream();
    return T_DONE();
}
