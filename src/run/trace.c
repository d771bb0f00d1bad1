/* trace.c - reads and events of one request, packed
 *
 * Written on the hot path, once per read and once per event, so an entry is put together on the stack
 * and appended in one go; read back by metrics and reports.
 *
 *   version, entry, entry, …            an entry's first byte says what follows
 *
 *   read    nnnnn o s 0   n: low five bits of its bytes   s: has the kernel's stamp
 *                         o: the offset is another one than the previous read's
 *           bytes / 32, seen - previous seen [, offset - previous offset] [, seen - arrived]
 *   event   ttttt k c 1   t: bytes of text, 31: 31 and more   c: other channels than the event before
 *                         k: the server said how many tokens
 *           [channels] [, tokens] [, bytes of text - 31]
 *
 * All numbers are varints, differences are folded. A chunk of one token that came in a read of its own
 * takes 10 bytes: 1 + 1 + 4 + 3 for the read, 1 for the event (docs/internals/record.md has it worked
 * out). What is stored is the raw stamp, as its distance from seen_at, and the offset it was converted
 * with, so that an offset that turns out wrong can be put right.
 *
 * Differences wrap around (unsigned arithmetic), so that no value is out of bounds, damaged input
 * included. Once an entry did not fit, nothing more is added: later ones would count from the wrong
 * instant.
 */
#include <string.h>

#include "base/err.h"
#include "base/varint.h"
#include "run/record.h"

enum {
    ENTRY_EVENT = 1,
    READ_STAMP = 2,
    READ_OFFSET = 4,
    EVENT_CHANNELS = 2,
    EVENT_TOKENS = 4,
    SMALL_SHIFT = 3, /* the small number in an entry's first byte */
    SMALL_BITS = 5,
    SMALL_MAX = (1 << SMALL_BITS) - 1,
    ENTRY_MAX_BYTES = 2 + 4 * TK_VARINT_MAX_BYTES, /* with the version */
    ENTRY_ROOM = ENTRY_MAX_BYTES +
                 TK_CHAIN_SHORT, /* so that a short copy may read past the entry */
};

static int64_t wrap_sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* --- writing --- */

void tk_trace_begin(struct tk_trace *t, struct tk_blocks *pool, tk_ns base_at, uint32_t max_bytes)
{
    *t = (struct tk_trace){ .pool = pool, .prev_seen_at = base_at, .max_bytes = max_bytes };
}

static bool add(struct tk_trace *t, const uint8_t *p, size_t n)
{
    return TK_LIKELY(n <= TK_CHAIN_SHORT) ? tk_chain_add_short(&t->bytes, t->pool, p, n)
                                          : tk_chain_add(&t->bytes, t->pool, p, n);
}

/* Append the entry that stands in out[1 .. n], with the version before it when it is the first. */
static bool append(struct tk_trace *t, uint8_t *out, size_t n)
{
    const uint8_t *from = out + 1;
    if (t->bytes.n_bytes == 0) {
        *out = TK_TRACE_VERSION;
        from = out;
        n++;
    }
    if (TK_UNLIKELY(n > t->max_bytes || t->bytes.n_bytes > t->max_bytes - n || !add(t, from, n))) {
        t->is_truncated = true;
        return false;
    }
    return true;
}

tk_ns tk_trace_read(struct tk_trace *t, tk_ns arrived_wall, tk_ns seen_at, tk_ns offset,
                    uint32_t n_bytes)
{
    uint8_t out[ENTRY_ROOM];
    uint8_t *p = out + 2;
    unsigned flags = 0;
    tk_ns late = 0;

    if (arrived_wall)
        late = wrap_sub(seen_at, wrap_sub(arrived_wall, offset));
    if (TK_LIKELY(!t->is_truncated)) {
        p += tk_varint_put(p, n_bytes >> SMALL_BITS);
        p += tk_varint_put(p, tk_zigzag(wrap_sub(seen_at, t->prev_seen_at)));
        if (arrived_wall) {
            flags = READ_STAMP;
            if (offset != t->prev_offset) {
                flags |= READ_OFFSET;
                p += tk_varint_put(p, tk_zigzag(wrap_sub(offset, t->prev_offset)));
                t->prev_offset = offset;
            }
            p += tk_varint_put(p, tk_zigzag(late));
        }
        out[1] = (uint8_t)((n_bytes & SMALL_MAX) << SMALL_SHIFT | flags);
        if (append(t, out, (size_t)(p - out) - 1))
            t->prev_seen_at = seen_at;
    }
    return wrap_sub(seen_at, TK_MAX(late, 0));
}

void tk_trace_event(struct tk_trace *t, unsigned channels, int64_t tokens, uint32_t text_bytes)
{
    uint8_t out[ENTRY_ROOM];
    uint8_t *p = out + 2;
    unsigned flags = ENTRY_EVENT;

    if (TK_UNLIKELY(t->is_truncated))
        return;
    if (channels != t->prev_channels) {
        flags |= EVENT_CHANNELS;
        p += tk_varint_put(p, channels);
    }
    if (tokens >= 0) {
        flags |= EVENT_TOKENS;
        p += tk_varint_put(p, (uint64_t)tokens);
    }
    if (text_bytes >= SMALL_MAX)
        p += tk_varint_put(p, text_bytes - SMALL_MAX);
    out[1] = (uint8_t)(TK_MIN(text_bytes, SMALL_MAX) << SMALL_SHIFT | flags);
    if (append(t, out, (size_t)(p - out) - 1))
        t->prev_channels = channels;
}

/* --- reading --- */

void tk_trace_open(struct tk_trace_reader *r, struct tk_str bytes, tk_ns base_at,
                   const struct tk_clock_steps *steps)
{
    const uint8_t *p = (const uint8_t *)bytes.p;

    *r = (struct tk_trace_reader){ .p = p, .steps = steps, .prev_seen_at = base_at };
    r->end = p ? p + bytes.n : NULL;
    if (p && bytes.n > 0 && *r->p++ != TK_TRACE_VERSION)
        r->rc = TK_E_UNSUPPORTED;
}

void tk_trace_open_view(struct tk_trace_reader *r, const struct tk_record_view *v,
                        const struct tk_clock_steps *steps)
{
    tk_trace_open(r, v->trace, v->rec.trace_base_at, steps);
    r->prev_offset = wrap_sub(0, v->shift); /* wall - (monotonic + shift) */
}

static bool is_in_step(const struct tk_clock_steps *steps, tk_ns at)
{
    for (unsigned i = 0; steps && i < steps->n; i++) {
        if (at >= steps->v[i].from_at && at <= steps->v[i].to_at)
            return true;
    }
    return false;
}

static int get(struct tk_trace_reader *r, uint64_t max, uint64_t *ret)
{
    int rc = tk_varint_get(&r->p, r->end, ret);
    return rc || *ret > max ? TK_E_FORMAT : 0;
}

static int get_delta(struct tk_trace_reader *r, int64_t *ret)
{
    uint64_t folded = 0;
    int rc = get(r, UINT64_MAX, &folded);
    *ret = tk_unzigzag(folded);
    return rc;
}

static int next_read(struct tk_trace_reader *r, unsigned head)
{
    struct tk_trace_entry *e = &r->read;
    uint64_t high = 0;
    int64_t delta = 0;
    int64_t late = 0;

    if (get(r, UINT32_MAX >> SMALL_BITS, &high) || get_delta(r, &delta))
        return TK_E_FORMAT;
    r->prev_seen_at = wrap_add(r->prev_seen_at, delta);
    if (head & READ_OFFSET) {
        if (!(head & READ_STAMP) || get_delta(r, &delta))
            return TK_E_FORMAT;
        r->prev_offset = wrap_add(r->prev_offset, delta);
    }
    if ((head & READ_STAMP) && get_delta(r, &late))
        return TK_E_FORMAT;

    *e = (struct tk_trace_entry){
        .kind = TK_TRACE_READ,
        .read = r->n_reads++,
        .seen_at = r->prev_seen_at,
        .arrived_at = r->prev_seen_at,
        .offset = r->prev_offset,
        .n_bytes = (uint32_t)high << SMALL_BITS | head >> SMALL_SHIFT,
        .tokens = -1,
    };
    if (head & READ_STAMP) {
        e->arrived_wall = wrap_add(wrap_sub(e->seen_at, late), e->offset);
        e->is_kernel = !is_in_step(r->steps, e->seen_at);
        if (e->is_kernel)
            e->arrived_at = wrap_sub(e->seen_at, TK_MAX(late, 0));
    }
    return 1;
}

static int next_event(struct tk_trace_reader *r, unsigned head, struct tk_trace_entry *ret)
{
    uint64_t channels = r->prev_channels;
    uint64_t tokens = 0;
    uint64_t text = 0;

    if (r->n_reads == 0)
        return TK_E_FORMAT; /* an event of no read */
    if ((head & EVENT_CHANNELS) && get(r, UINT32_MAX, &channels))
        return TK_E_FORMAT;
    if ((head & EVENT_TOKENS) && get(r, INT64_MAX, &tokens))
        return TK_E_FORMAT;
    if (head >> SMALL_SHIFT == SMALL_MAX && get(r, UINT32_MAX - SMALL_MAX, &text))
        return TK_E_FORMAT;
    r->prev_channels = (unsigned)channels;

    *ret = r->read;
    ret->kind = TK_TRACE_EVENT;
    ret->n_bytes = 0;
    ret->channels = (unsigned)channels;
    ret->tokens = head & EVENT_TOKENS ? (int64_t)tokens : -1;
    ret->text_bytes = (uint32_t)text + (head >> SMALL_SHIFT);
    return 1;
}

int tk_trace_next(struct tk_trace_reader *r, struct tk_trace_entry *ret)
{
    int rc = r->rc;

    if (rc < 0)
        return rc;
    if (r->p == r->end)
        return 0;
    unsigned head = *r->p++;
    if (head & ENTRY_EVENT) {
        rc = next_event(r, head, ret);
    } else {
        rc = next_read(r, head);
        *ret = r->read;
    }
    r->rc = TK_MIN(rc, 0);
    return rc;
}
