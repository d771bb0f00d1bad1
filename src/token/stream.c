/* stream.c - decoding a stream of ids, a whole character at a time
 *
 * Byte-level: bytes wait in `prefix` until they are characters, or can no longer become any.
 *
 * Others: what an id adds to the text may depend on the ones before it (a space stripped at the
 * beginning, bytes that make a character together). So a short window of ids is decoded twice, without
 * and with the new id, and what the second text has more is given out, unless it ends in U+FFFD: then
 * a character may still be on its way. That is the procedure of `tokenizers`' DecodeStream.
 *
 * A decoder with byte fallback undoes a run of stand-ins ("<0x57>") that is no UTF-8 as a whole; what
 * of it went out as characters stays out. Waiting for the end of the run instead was tried: a hundred
 * emoji in bytes would come all at once.
 */
#include <string.h>

#include "base/str.h"
#include "token/internal.h"
#include "token/unicode.h"

#define REPLACEMENT "\xEF\xBF\xBD"
#define MAX_WAITING 256 /* ids without an end of text that is sure: then it goes out as it is */

void tk_tok_stream_init(struct tk_tok_stream *st, const struct tk_tokenizer *t,
                        struct tk_tok_scratch *s, unsigned flags)
{
    *st = (struct tk_tok_stream){ .t = t, .s = s, .flags = flags };
    tk_buf_init(&st->prefix, TK__MAX_WORK);
    tk_buf_init(&st->text, TK__MAX_WORK);
}

void tk_tok_stream_release(struct tk_tok_stream *st)
{
    tk_tok_ids_release(&st->window);
    tk_buf_release(&st->prefix);
    tk_buf_release(&st->text);
}

void tk_tok_stream_reset(struct tk_tok_stream *st)
{
    st->window.n = 0;
    st->n_prefix = 0;
    tk_buf_reset(&st->prefix);
    tk_buf_reset(&st->text);
}

/* Give out the characters among the waiting bytes; `is_end`: all of them. */
static int give_bytes(struct tk_tok_stream *st, bool is_end, struct tk_buf *out)
{
    struct tk_str s = tk_buf_str(&st->prefix);
    int rc = 0;
    while (rc == 0 && s.n > 0) {
        size_t good = tk__utf8_valid(s.p, s.n);
        bool is_cut = false;
        rc = tk_buf_add(out, s.p, good);
        s.p += good;
        s.n -= good;
        if (rc < 0 || s.n == 0)
            break;
        size_t bad = tk__utf8_bad(s.p, s.n, &is_cut);
        if (is_cut && !is_end)
            break;
        rc = tk_buf_add_z(out, REPLACEMENT);
        s.p += bad;
        s.n -= bad;
    }
    tk_buf_consume(&st->prefix, st->prefix.n - s.n);
    return rc;
}

static int decode_into(struct tk_tok_stream *st, struct tk_buf *to)
{
    tk_buf_reset(to);
    return tk__decode_raw(st->t, st->s, st->window.p, st->window.n, st->flags, to);
}

static bool is_sure(const struct tk_buf *text)
{
    return !tk_str_ends(tk_buf_str(text), TK_STR(REPLACEMENT));
}

/* Give out what `text` has beyond the prefix. */
static int give_text(struct tk_tok_stream *st, struct tk_buf *out)
{
    if (st->text.n <= st->prefix.n)
        return 0;
    return tk_buf_add(out, st->text.p + st->prefix.n, st->text.n - st->prefix.n);
}

/* The ids that gave the prefix leave the window; the others give the next one. */
static int move_on(struct tk_tok_stream *st)
{
    size_t n = st->window.n - st->n_prefix;
    memmove(st->window.p, st->window.p + st->n_prefix, n * sizeof(*st->window.p));
    st->window.n = n;
    st->n_prefix = n;
    return decode_into(st, &st->prefix);
}

int tk_tok_stream_push(struct tk_tok_stream *st, uint32_t id, struct tk_buf *out)
{
    int rc;
    if (tk__decode_is_bytes(st->t)) {
        rc = tk__decode_bytes(st->t, id, st->flags, &st->prefix);
        return rc < 0 ? rc : give_bytes(st, false, out);
    }
    rc = tk_tok_ids_add(&st->window, id);
    rc = rc < 0 ? rc : decode_into(st, &st->text);
    if (rc < 0)
        return rc;
    bool waits = st->text.n <= st->prefix.n || !is_sure(&st->text);
    if (waits && st->window.n - st->n_prefix <= MAX_WAITING)
        return 0;
    rc = give_text(st, out);
    return rc < 0 ? rc : move_on(st);
}

int tk_tok_stream_finish(struct tk_tok_stream *st, struct tk_buf *out)
{
    int rc;
    if (tk__decode_is_bytes(st->t)) {
        rc = give_bytes(st, true, out);
    } else {
        rc = decode_into(st, &st->text);
        rc = rc < 0 ? rc : give_text(st, out);
    }
    tk_tok_stream_reset(st);
    return rc;
}
