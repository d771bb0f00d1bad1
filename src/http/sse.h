/* sse.h - split a byte stream into server-sent events
 *
 * A pure function over state and bytes: no I/O, no clock. By the WHATWG rules (HTML, "Interpreting
 * an event stream"): lines end in CR, LF or CRLF; comments; fields data, event, id, retry; data lines
 * joined by LF; one BOM at the start. However the bytes are cut, the events are the same.
 */
#ifndef TK_HTTP_SSE_H
#define TK_HTTP_SSE_H

#include "base/buf.h"
#include "base/def.h"

struct tk_sse_event {
    struct tk_str data; /* data lines joined by LF; TK_JSON_PADDING readable bytes follow it */
    struct tk_str type; /* of the `event:` line; empty when there was none */
    struct tk_str id;   /* of an `id:` line of this event; empty when there was none */
    bool is_cut;        /* given by tk_sse_end(): the blank line never came */
};

/* Slices are valid during the call. Not 0: stop, and tk_sse_feed() returns that value. */
typedef int (*tk_sse_cb)(void *owner, const struct tk_sse_event *ev);

struct tk_sse_limits {
    size_t max_line_bytes;  /* one line, whole */
    size_t max_event_bytes; /* all data lines of one event */
};
#define TK_SSE_LIMITS_DEFAULT                                   \
    (struct tk_sse_limits)                                      \
    {                                                           \
        .max_line_bytes = 16 << 20, .max_event_bytes = 16 << 20 \
    }

struct tk_sse {
    struct tk_sse_limits limits;
    uint64_t n_events;   /* handed on */
    uint64_t n_comments; /* lines that begin with a colon: keep-alives */
    uint64_t n_ignored; /* fields that the rules ignore: unknown, an id with NUL, a retry that is no
                            number */
    /* private: read by sse.c only */
    struct tk_buf line;  /* a line that began in an earlier feed */
    struct tk_str slice; /* the one data line of the event under construction, when is_slice */
    struct tk_buf data;  /* its data lines otherwise */
    struct tk_buf type;  /* its event: field */
    struct tk_buf id;    /* its id: field */
    int failed;          /* the code that stopped it; sticks until the reset */
    uint8_t n_bom;       /* bytes of a BOM seen at the start */
    bool is_started;     /* the start, where a BOM may stand, is behind */
    bool was_cr;         /* the last feed ended in CR: an LF now is part of that line end */
    bool has_data;       /* a data: field came for the event under construction */
    bool is_slice;       /* see slice */
};

void tk_sse_init(struct tk_sse *s, struct tk_sse_limits limits);
void tk_sse_reset(struct tk_sse *s);   /* for the next stream, counters too; keeps capacity */
void tk_sse_release(struct tk_sse *s); /* frees what it holds; may be called twice */

/* Take `n` bytes; TK_JSON_PADDING readable bytes must follow them. An event whose data line
 * and its blank line lie whole in [p, p+n) is handed on as a slice of it, nothing is copied. 0,
 * TK_E_LIMIT, -ENOMEM, or what the callback returned; not 0 sticks: later calls return it, do nothing.
 * The callback must not call into the same parser. */
int tk_sse_feed(struct tk_sse *s, const char *p, size_t n, tk_sse_cb cb, void *owner);

/* The stream is over. The standard drops an event whose blank line is missing; servers of models do
 * leave it out, so it is handed on, marked `is_cut`, with a last line that has no end. Returns as
 * tk_sse_feed(). */
int tk_sse_end(struct tk_sse *s, tk_sse_cb cb, void *owner);

#endif
