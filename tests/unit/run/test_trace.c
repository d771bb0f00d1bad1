/* test_trace.c - what is written to a trace is what is read back */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lib/tap.h"
#include "run/record.h"

#define BASE INT64_C(86400000000000)        /* an instant: up for a day */
#define OFFSET INT64_C(1764000000123456789) /* wall - monotonic */

static struct tk_blocks *pool;

/* The trace's bytes, contiguous; free() them. */
static struct tk_str bytes_of(const struct tk_trace *t)
{
    char *p = malloc(t->bytes.n_bytes + 1);
    tk_chain_copy(&t->bytes, p);
    return (struct tk_str){ p, t->bytes.n_bytes };
}

static void free_bytes(struct tk_str s)
{
    free((void *)(uintptr_t)s.p);
}

/* The example of docs/internals/record.md, byte by byte. */
static void test_bytes(void)
{
    static const uint8_t want[] = {
        0x01,                   /* version */
        0xD6, 0x07,             /* read, 250 bytes: 26 and 7 * 32; stamp and a new offset */
        0x80, 0xDA, 0xC4, 0x09, /* 10,000,000 ns after the base */
        0xD0, 0x0F,             /* the offset is 1,000 ns */
        0x80, 0x7D,             /* it had arrived 8,000 ns before it was seen */
        0x2B, 0x03,             /* event, 5 bytes of text, channels choices and content */
        0xD2, 0x07,             /* a second read like it */
        0x80, 0xDA, 0xC4, 0x09, 0x80, 0x7D, 0x29, /* a second event like it */
    };
    struct tk_trace t;
    tk_trace_begin(&t, pool, BASE, 1000);
    tk_ns at = tk_trace_read(&t, BASE + 10000000 - 8000 + 1000, BASE + 10000000, 1000, 250);
    T_EQ_I(at, BASE + 10000000 - 8000, "the stamp less the offset");
    tk_trace_event(&t, TK_CH_CHOICES | TK_CH_CONTENT, -1, 5);
    uint32_t n_first = t.bytes.n_bytes;
    tk_trace_read(&t, BASE + 20000000 - 8000 + 1000, BASE + 20000000, 1000, 250);
    tk_trace_event(&t, TK_CH_CHOICES | TK_CH_CONTENT, -1, 5);
    T_EQ_I(t.bytes.n_bytes - n_first, 9, "a chunk in a read of its own takes nine bytes");
    struct tk_str s = bytes_of(&t);
    T_EQ_N(s.p, s.n, (const char *)want, sizeof(want), "layout");
    free_bytes(s);
    tk_chain_release(&t.bytes, pool);
}

struct wanted {
    tk_ns wall, seen, offset;
    uint32_t n_bytes;
    unsigned channels;
    int64_t tokens;
    uint32_t text;
};

/* Two events a read for odd ones; negative delays, jumps, no stamp, every size of number. */
static struct wanted made(unsigned i)
{
    struct wanted w = { .seen = BASE + (tk_ns)i * 7654321,
                        .offset = OFFSET + (tk_ns)(i / 50) * 37 };
    static const uint32_t sizes[] = { 0, 1, 31, 32, 4095, 4096, 65536, UINT32_MAX };
    static const int64_t tokens[] = { -1, 0, 1, 127, 128, INT64_MAX };

    w.wall = i % 7 == 3 ? 0 : w.seen + w.offset - (tk_ns)(i % 5) * 4000 + (i % 11 == 0 ? 900 : 0);
    w.n_bytes = sizes[i % TK_ARRAY_LEN(sizes)];
    w.channels = i % 9 == 0 ? UINT32_MAX : 1u << (i / 4 % 12);
    w.tokens = tokens[i % TK_ARRAY_LEN(tokens)];
    w.text = sizes[(i + 3) % TK_ARRAY_LEN(sizes)];
    return w;
}

static tk_ns arrival(const struct wanted *w)
{
    tk_ns at = w->wall ? w->wall - w->offset : w->seen;
    return TK_MIN(at, w->seen);
}

static bool check_read(const struct tk_trace_entry *e, const struct wanted *w, unsigned i)
{
    return e->kind == TK_TRACE_READ && e->read == i && e->seen_at == w->seen &&
           e->arrived_wall == w->wall && e->n_bytes == w->n_bytes &&
           e->is_kernel == (w->wall != 0) && e->arrived_at == arrival(w) &&
           (w->wall == 0 || e->offset == w->offset);
}

static bool check_event(const struct tk_trace_entry *e, const struct wanted *w, unsigned i)
{
    return e->kind == TK_TRACE_EVENT && e->read == i && e->channels == w->channels &&
           e->tokens == w->tokens && e->text_bytes == w->text && e->arrived_at == arrival(w) &&
           e->seen_at == w->seen;
}

static void test_round_trip(void)
{
    enum { N = 2000 };
    struct tk_trace t;
    struct tk_trace_reader r;
    struct tk_trace_entry e;
    unsigned n_bad = 0;

    tk_trace_begin(&t, pool, BASE, UINT32_MAX);
    for (unsigned i = 0; i < N; i++) {
        struct wanted w = made(i);
        n_bad += tk_trace_read(&t, w.wall, w.seen, w.offset, w.n_bytes) != arrival(&w);
        for (unsigned k = 0; k <= i % 2; k++)
            tk_trace_event(&t, w.channels, w.tokens, w.text);
    }
    T_EQ_I(n_bad, 0, "instants returned while writing");
    T_OK(!t.is_truncated, "not truncated");

    struct tk_str s = bytes_of(&t);
    tk_trace_open(&r, s, BASE, NULL);
    for (unsigned i = 0; i < N; i++) {
        struct wanted w = made(i);
        n_bad += tk_trace_next(&r, &e) != 1 || !check_read(&e, &w, i);
        for (unsigned k = 0; k <= i % 2; k++)
            n_bad += tk_trace_next(&r, &e) != 1 || !check_event(&e, &w, i);
    }
    T_EQ_I(n_bad, 0, "entries read back");
    T_EQ_I(tk_trace_next(&r, &e), 0, "the end");
    T_EQ_I(tk_trace_next(&r, &e), 0, "the end again");

    /* Wherever it is cut: whole entries, then the end or an error that sticks. */
    for (size_t n = 0; n < TK_MIN(s.n, 3000u); n++) {
        int rc;
        tk_trace_open(&r, (struct tk_str){ s.p, n }, BASE, NULL);
        while ((rc = tk_trace_next(&r, &e)) > 0)
            ;
        n_bad += (rc != 0 && rc != TK_E_FORMAT) || tk_trace_next(&r, &e) != rc;
    }
    T_EQ_I(n_bad, 0, "cut at any byte");
    free_bytes(s);
    tk_chain_release(&t.bytes, pool);
}

static void test_size(void)
{
    struct tk_trace t;
    tk_trace_begin(&t, pool, BASE, UINT32_MAX);
    for (tk_ns i = 1; i <= 1000; i++) {
        tk_ns seen = BASE + i * 10037123;
        tk_trace_read(&t, seen + OFFSET - 20000 - i * 13, seen, OFFSET, 240);
        tk_trace_event(&t, TK_CH_CHOICES | TK_CH_CONTENT, -1, 4);
    }
    T_OK(t.bytes.n_bytes <= 10 * 1000 + 20, "10 bytes per event: %u for 1000", t.bytes.n_bytes);
    tk_chain_release(&t.bytes, pool);
}

static void test_steps(void)
{
    struct tk_clock_steps steps = { .n = 1, .v = { { BASE + 150, BASE + 250 } } };
    struct tk_trace t;
    struct tk_trace_reader r;
    struct tk_trace_entry e;

    tk_trace_begin(&t, pool, BASE, 1000);
    for (tk_ns i = 1; i <= 3; i++)
        tk_trace_read(&t, BASE + i * 100 - 30 + OFFSET, BASE + i * 100, OFFSET, 1);
    struct tk_str s = bytes_of(&t);
    tk_trace_open(&r, s, BASE, &steps);
    for (tk_ns i = 1; i <= 3; i++) {
        T_EQ_I(tk_trace_next(&r, &e), 1, "read %d", (int)i);
        T_EQ_I(e.is_kernel, i != 2, "a stamp within a step does not count");
        T_EQ_I(e.arrived_at, BASE + i * 100 - (i == 2 ? 0 : 30), "arrival of read %d", (int)i);
        T_EQ_I(e.arrived_wall, BASE + i * 100 - 30 + OFFSET, "the raw stamp stays");
    }
    free_bytes(s);
    tk_chain_release(&t.bytes, pool);
}

static void test_limits(void)
{
    struct tk_trace t;
    struct tk_trace_reader r;
    struct tk_trace_entry e;

    tk_trace_begin(&t, pool, BASE, 40);
    int n_written = 0;
    for (tk_ns i = 1; i <= 20; i++) {
        tk_ns at = tk_trace_read(&t, 0, BASE + i * 1000, 0, 5);
        n_written += !t.is_truncated;
        if (at != BASE + i * 1000)
            T_OK(false, "arrival of read %d past the cap", (int)i);
        tk_trace_event(&t, TK_CH_CONTENT, -1, 1);
    }
    T_OK(t.is_truncated && t.bytes.n_bytes <= 40, "the cap holds: %u", t.bytes.n_bytes);
    struct tk_str s = bytes_of(&t);
    int n_reads = 0;
    int rc;
    tk_trace_open(&r, s, BASE, NULL);
    while ((rc = tk_trace_next(&r, &e)) > 0)
        n_reads += e.kind == TK_TRACE_READ;
    T_EQ_I(rc, 0, "a truncated trace is sound");
    T_EQ_I(n_reads, n_written, "its whole reads are there");
    free_bytes(s);
    tk_chain_release(&t.bytes, pool);

    struct tk_blocks *dry;
    tk_blocks_new(0, &dry);
    tk_trace_begin(&t, dry, BASE, 1000);
    T_EQ_I(tk_trace_read(&t, 0, BASE + 1, 0, 1), BASE + 1, "a dry pool: the instant all the same");
    T_OK(t.is_truncated && t.bytes.n_bytes == 0, "a dry pool truncates");
    tk_blocks_free(dry);
}

static void test_damage(void)
{
    struct tk_trace_reader r;
    struct tk_trace_entry e;

    tk_trace_open(&r, (struct tk_str){ NULL, 0 }, BASE, NULL);
    T_EQ_I(tk_trace_next(&r, &e), 0, "no bytes are an empty trace");
    tk_trace_open(&r, TK_STR("\x02"), BASE, NULL);
    T_EQ_I(tk_trace_next(&r, &e), TK_E_UNSUPPORTED, "a newer version");
    tk_trace_open(&r, TK_STR("\x01\x29"), BASE, NULL);
    T_EQ_I(tk_trace_next(&r, &e), TK_E_FORMAT, "an event before any read");
    tk_trace_open(&r, TK_STR("\x01\x04\x01\x01\x01"), BASE, NULL);
    T_EQ_I(tk_trace_next(&r, &e), TK_E_FORMAT, "an offset without a stamp");
}

static void test_record_event(void)
{
    struct tk_record r = { 0 };
    tk_record_event(&r, 10, TK_CH_CHOICES | TK_CH_ROLE);
    tk_record_event(&r, 20, TK_CH_CHOICES | TK_CH_REASONING);
    tk_record_event(&r, 30, TK_CH_CHOICES | TK_CH_CONTENT);
    tk_record_event(&r, 40, TK_CH_CHOICES | TK_CH_CONTENT | TK_CH_FINISH);
    tk_record_event(&r, 50, TK_CH_USAGE);
    T_EQ_I(r.first_event_at, 10, "first event");
    T_EQ_I(r.first_token_at, 20, "first token, reasoning");
    T_EQ_I(r.first_answer_at, 30, "first answer token");
    T_EQ_I(r.last_token_at, 40, "last token");
    T_EQ_I(r.finish_at, 40, "finish");
    T_EQ_I(r.n_events, 5, "events");
    T_EQ_I(r.n_token_events, 3, "events with tokens");
    T_EQ_S(tk_end_word(TK_END_TIMEOUT_FIRST), "timeout-first", "word of an end");
    T_EQ_S(tk_end_word((enum tk_end)99), "unknown", "word of an end that is none");
    T_OK(strlen(tk_end_text(TK_END_OK)) > 0, "text of an end");
    T_EQ_S(tk_finish_word(TK_FINISH_LENGTH), "length", "word of a finish");
    T_EQ_S(tk_finish_word(TK_FINISH_NONE), "", "no finish");
}

int main(void)
{
    if (tk_blocks_new(1 << 20, &pool) < 0)
        return 1;
    test_bytes();
    test_round_trip();
    test_size();
    test_steps();
    test_limits();
    test_damage();
    test_record_event();
    T_EQ_I(tk_blocks_used_bytes(pool), 0, "every block came back");
    tk_blocks_free(pool);
    return T_DONE();
}
