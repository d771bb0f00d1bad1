/* wire.c - how the bytes of a reply go out: whole, cut, slow, broken off
 *
 *                     plain:  tk_http_reply_*()            the server's framing, kept connection
 *   events, body -->  cut:    framed here, in slices       one write per round of the loop
 *                     raw:    head and all framed here     slow heads, wrong lengths, faults at a
 *                                                          byte; the connection ends with it
 *
 * Cut writes wait in `out`; the schedule asks for the next slice until there is none. A slow head
 * waits there too, with a timer of its own, and the schedule begins when it is out.
 */
#include <errno.h>

#include "base/str.h"
#include "sim/internal.h"

#define LONG_BYTES (INT64_C(1) << 40) /* a stream with a length that it never reaches */

bool tk__wire_has_rest(const struct tk__stream *st)
{
    return st->out_at < st->out.n;
}

/* Bytes of the reply after which it is broken off; -1: never. */
static int64_t limit_of(const struct tk_sim_knobs *k)
{
    int64_t limits[] = { k->reset_byte, k->close_byte, k->stall_byte }, least = -1;

    for (size_t i = 0; i < TK_ARRAY_LEN(limits); i++) {
        if (limits[i] >= 0 && (least < 0 || limits[i] < least))
            least = limits[i];
    }
    return least;
}

/* Past the server's framing, up to where the reply is to be broken off. */
static int put(struct tk__stream *st, struct tk_str bytes)
{
    int64_t limit = limit_of(&st->call.knobs);
    int rc;

    if (limit >= 0 && st->n_wire + bytes.n >= (uint64_t)limit) {
        bytes.n = (size_t)((uint64_t)limit - st->n_wire);
        st->is_broken_off = true;
        st->out_at = st->out.n;
    }
    st->n_wire += bytes.n;
    rc = tk_http_peer_raw(st->peer, bytes);
    return rc == 0 && st->is_broken_off ? -ECANCELED : rc;
}

/* --- cut writes --- */

static size_t slice_size(struct tk__stream *st)
{
    size_t n = (size_t)TK_MAX(st->call.knobs.cut_every, 1);

    return st->call.knobs.is_cut_random ? 1 + (size_t)(tk_splitmix_next(&st->cut_rng) % (2 * n - 1))
                                        : n;
}

int tk__wire_next(struct tk__stream *st)
{
    size_t size = slice_size(st); /* once: it draws */
    size_t n = TK_MIN(st->out.n - st->out_at, size);
    struct tk_str slice = { st->out.p + st->out_at, n };

    st->out_at += n;
    st->again_at = tk_clock_now() + st->call.knobs.cut_gap;
    return put(st, slice);
}

int tk__wire_flush(struct tk__stream *st)
{
    struct tk_str rest = { st->out.p + st->out_at, st->out.n - st->out_at };

    if (rest.n == 0)
        return 0;
    st->out_at = st->out.n;
    return put(st, rest);
}

/* Forget what was sent. */
static void make_room(struct tk__stream *st)
{
    if (tk__wire_has_rest(st))
        return;
    tk_buf_reset(&st->out);
    st->out_at = 0;
}

static int frame(struct tk__stream *st, struct tk_str piece)
{
    if (st->is_unframed) {
        tk_buf_add_str(&st->out, piece);
    } else {
        tk_buf_addf(&st->out, "%zx\r\n", piece.n);
        tk_buf_add_str(&st->out, piece);
        tk_buf_add(&st->out, "\r\n", 2);
    }
    return st->out.failed;
}

int tk__wire_piece(struct tk__stream *st, struct tk_str piece)
{
    bool is_first = !tk__wire_has_rest(st);
    int rc;

    if (st->call.knobs.cut_every == 0 && !st->is_raw)
        return tk_http_reply_piece(st->peer, piece, NULL);
    make_room(st);
    rc = frame(st, piece);
    if (rc < 0)
        return rc;
    if (st->call.knobs.cut_every == 0)
        return tk__wire_flush(st);
    return is_first ? tk__wire_next(st) : 0; /* others wait: in their turn */
}

/* --- heads --- */

const char *tk__reply_headers(const struct tk__stream *st)
{
    static const char *const lines[] = {
        "cache-control: no-cache\r\n",
        "cache-control: no-cache\r\nconnection: close\r\n",
        "cache-control: no-cache\r\ncontent-encoding: gzip\r\n",
        "cache-control: no-cache\r\nconnection: close\r\ncontent-encoding: gzip\r\n",
    };
    const struct tk_sim_knobs *k = &st->call.knobs;
    bool is_gzip = k->is_gzip_garbage || (k->is_gzip && !st->call.is_streamed);

    return lines[2 * is_gzip + (k->is_close || st->is_raw)];
}

/* One byte of the head, then the next one's time; after the last the reply goes on. */
static void on_head_byte(struct tk_timer *t)
{
    struct tk__stream *st = t->owner;
    struct tk_str byte = { st->out.p + st->out_at, 1 };
    tk_ns next_at = tk_clock_now() + st->call.knobs.head_gap;

    st->out_at++;
    st->n_head--;
    if (put(st, byte) < 0)
        tk__stream_break(st);
    else if (st->n_head == 0)
        tk__stream_go_on(st);
    else if (tk_timer_set(st->sim->loop, &st->aside, next_at) < 0)
        tk__stream_break(st);
}

/* The head is in `out`, with the body of a whole reply behind it. */
static int send_raw(struct tk__stream *st, size_t n_head)
{
    if (st->out.failed)
        return st->out.failed;
    if (st->call.knobs.head_gap == 0)
        return tk__wire_flush(st);
    st->n_head = n_head;
    tk_timer_init(&st->aside, on_head_byte, st);
    return tk_timer_set(st->sim->loop, &st->aside, tk_clock_now());
}

static void put_raw_head(struct tk__stream *st, const char *type, int64_t length)
{
    tk_buf_reset(&st->out);
    st->out_at = 0;
    tk_buf_addf(&st->out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n", type);
    if (length >= 0)
        tk_buf_addf(&st->out, "Content-Length: %lld\r\n", (long long)length);
    else
        tk_buf_add_z(&st->out, "Transfer-Encoding: chunked\r\n");
    tk_buf_add_z(&st->out, tk__reply_headers(st));
    tk_buf_add_z(&st->out, "\r\n");
}

int tk__wire_begin(struct tk__stream *st)
{
    static const char type[] = "text/event-stream; charset=utf-8";
    int64_t length = -1;

    if (!st->is_raw)
        return tk_http_reply_begin(st->peer, 200, type, tk__reply_headers(st));
    if (st->call.knobs.length != TK_SIM_LENGTH_TRUE) {
        length = st->call.knobs.length == TK_SIM_LENGTH_LONG ? LONG_BYTES : (int64_t)st->prefix.n;
        st->is_unframed = true;
    }
    put_raw_head(st, type, length);
    return send_raw(st, st->out.n);
}

int tk__wire_whole(struct tk__stream *st, struct tk_str body)
{
    int64_t length = (int64_t)body.n;
    size_t n_head;

    if (st->call.knobs.length == TK_SIM_LENGTH_SHORT)
        length /= 2;
    else if (st->call.knobs.length == TK_SIM_LENGTH_LONG)
        length *= 2;
    st->is_unframed = true;
    put_raw_head(st, "application/json", length);
    n_head = st->out.n;
    tk_buf_add_str(&st->out, body);
    return send_raw(st, n_head);
}

int tk__wire_end(struct tk__stream *st)
{
    return st->is_unframed ? 0 : put(st, TK_STR("0\r\n\r\n"));
}

/* --- between requests --- */

static void on_idle(struct tk_timer *t)
{
    struct tk__stream *st = t->owner;

    tk_http_peer_close(st->peer, false);
}

void tk__wire_idle(struct tk__stream *st)
{
    if (st->call.knobs.idle_close == 0)
        return;
    tk_timer_init(&st->aside, on_idle, st);
    (void)tk_timer_set(st->sim->loop, &st->aside, tk_clock_now() + st->call.knobs.idle_close);
}
