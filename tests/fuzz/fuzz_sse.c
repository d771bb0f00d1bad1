/* fuzz_sse.c - however an event stream is cut, the events are the same
 *
 * The first two bytes seed the cuts; the rest is the stream. It is fed whole and in pieces, each piece
 * in memory of its own, and the events and counters must agree. Small limits, so that they are met.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "http/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct digest {
    uint64_t hash; /* FNV-1a over all events */
    uint64_t n;    /* events */
    int rc;        /* of the last call */
};

static void add(struct digest *d, struct tk_str s)
{
    for (size_t i = 0; i < s.n; i++)
        d->hash = (d->hash ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
    d->hash = (d->hash ^ s.n) * UINT64_C(0x100000001b3);
}

static int on_event(void *owner, const struct tk_sse_event *ev)
{
    struct digest *d = owner;
    char padding[TK_JSON_PADDING];

    memcpy(padding, ev->data.p + ev->data.n, sizeof(padding)); /* must be readable */
    add(d, (struct tk_str){ padding, 0 });
    add(d, ev->data);
    add(d, ev->type);
    add(d, ev->id);
    d->hash += ev->is_cut;
    d->n++;
    return 0;
}

static int feed(struct tk_sse *s, const uint8_t *data, size_t size, struct digest *d)
{
    char *copy = calloc(1, size + TK_JSON_PADDING);

    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    int rc = tk_sse_feed(s, copy, size, on_event, d);
    free(copy);
    return rc;
}

/* `random` 0: whole. */
static struct digest run(struct tk_sse *s, const uint8_t *data, size_t size, uint32_t random)
{
    struct digest d = { .hash = UINT64_C(0xcbf29ce484222325) };

    tk_sse_reset(s);
    for (size_t at = 0, n; at < size && d.rc == 0; at += n) {
        n = size - at;
        if (random) {
            random = random * 1664525 + 1013904223;
            size_t most = random & 0x10000 ? 4 : 64;
            n = n < most ? n : 1 + (random >> 20) % most;
        }
        d.rc = feed(s, data + at, n, &d);
    }
    if (d.rc == 0)
        d.rc = tk_sse_end(s, on_event, &d);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tk_sse s;

    if (size < 2)
        return 0;
    uint32_t random = ((uint32_t)data[0] << 8 | data[1]) + 1;
    tk_sse_init(&s, (struct tk_sse_limits){ .max_line_bytes = 200, .max_event_bytes = 400 });
    struct digest whole = run(&s, data + 2, size - 2, 0);
    uint64_t counts[2] = { s.n_comments, s.n_ignored };
    struct digest cut = run(&s, data + 2, size - 2, random);
    if (whole.hash != cut.hash || whole.n != cut.n || whole.rc != cut.rc ||
        counts[0] != s.n_comments || counts[1] != s.n_ignored)
        abort();
    tk_sse_release(&s);
    return 0;
}
