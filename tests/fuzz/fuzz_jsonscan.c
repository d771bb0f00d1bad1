/* fuzz_jsonscan.c - however a stream is read, its elements are the same
 *
 * The first byte is the kind and the size of the reads; the rest is the stream. It is scanned whole,
 * in reads of that size and byte by byte; elements, final codes and their places must agree. The
 * longest element is short, so that windows move and grow.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/jsonscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ELEMENT 100

struct source {
    const uint8_t *p;
    size_t n;
    size_t piece;
};

struct digest {
    uint64_t hash; /* FNV-1a over all elements and where they are */
    uint64_t n;    /* elements */
    int rc;        /* of the last call */
    unsigned line, column;
};

static int64_t read_source(void *arg, void *buf, size_t cap)
{
    struct source *src = arg;
    size_t n = TK_MIN(TK_MIN(src->n, src->piece), cap);
    if (n > 0)
        memcpy(buf, src->p, n);
    src->p += n;
    src->n -= n;
    return (int64_t)n;
}

static void add(struct digest *d, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++)
        d->hash = (d->hash ^ p[i]) * /* NOLINT(clang-analyzer-core.*): a window's bytes were read */
                  UINT64_C(0x100000001b3);
}

static struct digest scan(struct source src, enum tk_jsonscan_kind kind)
{
    struct digest d = { .hash = UINT64_C(0xcbf29ce484222325) };
    struct tk_jsonscan s;
    struct tk_str element;
    struct tk_err e = { 0 };
    char padding[TK_JSON_PADDING];
    if (tk_jsonscan_init(&s, read_source, &src, kind, MAX_ELEMENT) != 0)
        abort();
    while ((d.rc = tk_jsonscan_next(&s, &element, &e)) > 0) {
        uint64_t place[3] = { element.n, tk_jsonscan_line(&s), tk_jsonscan_offset(&s) };
        if (element.n == 0 || element.n > MAX_ELEMENT)
            abort();
        memcpy(padding, element.p + element.n, sizeof(padding)); /* must be readable */
        add(&d, element.p, element.n);
        add(&d, place, sizeof(place));
        d.n++;
    }
    if (tk_jsonscan_next(&s, &element, NULL) != d.rc)
        abort();
    d.line = e.line;
    d.column = e.column;
    tk_jsonscan_release(&s);
    return d;
}

static bool agree(const struct digest *a, const struct digest *b)
{
    return a->hash == b->hash && a->n == b->n && a->rc == b->rc && a->line == b->line &&
           a->column == b->column;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    enum tk_jsonscan_kind kind = (enum tk_jsonscan_kind)(data[0] % 3);
    struct source src = { data + 1, size - 1, SIZE_MAX };
    struct digest whole = scan(src, kind);
    src.piece = 1;
    struct digest bytes = scan(src, kind);
    src.piece = 1 + data[0] / 3;
    struct digest pieces = scan(src, kind);
    if (!agree(&whole, &bytes) || !agree(&whole, &pieces))
        abort();
    return 0;
}
