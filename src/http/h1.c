/* h1.c - the reply of an HTTP/1 server, parsed by llhttp
 *
 *   bytes --> llhttp --> names, values --> [head collector] --> on_head        (once)
 *                |
 *                +-----> body spans -----> [inflate] ---------> on_data        (slices of the read)
 *                |
 *                +-----> message complete ------------------->  is_done
 *
 * Invariants
 *   - llhttp is paused where a head ends and where the reply ends, so both places are known to the
 *     byte: the head's size is exact, and bytes behind the reply are seen for what they are. Inside a
 *     body it is not paused: a chunk costs one call and no copy.
 *   - The head is handed on outside of llhttp, before the first byte of the body is looked at.
 *   - A body with more bytes than its bound is handed on up to the bound, then fails: what was handed
 *     on does not depend on how the bytes were cut.
 *
 * 1xx heads are skipped, but count towards the bound on the head, or a peer could send them for ever.
 * 101 is a failure: nobody asked for another protocol. 204 and 304 have no body, whatever their
 * fields say (RFC 9112, 6.3); llhttp would wait for one, so the flag is set for it. What a chunked
 * body spends on framing, extensions and trailers is bounded by the bound on the body.
 *
 * Cost: 30 ns for a chunk with an event of 300 bytes in it, of which 19 are the event's (sse.c).
 */
#include "http/h1.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"

#define OUT_BYTES ((size_t)64 << 10) /* decompressed bytes handed on at once, at most */
#define HEAD_MAX ((size_t)1 << 30)   /* the collector has offsets of 32 bits */
#define FRAME_PER_BYTE ((size_t)256) /* bytes of chunk framing to one of the body, at most */

static int fail(struct tk__h1 *h, int code, const char *detail)
{
    if (!h->failed) {
        h->failed = code;
        h->detail = detail;
    }
    return h->failed;
}

static struct tk__h1 *h1_of(llhttp_t *parser)
{
    return TK_CONTAINER_OF(parser, struct tk__h1, parser);
}

/* A failure of ours inside a callback of llhttp. */
static int stop_at(struct tk__h1 *h, int rc)
{
    if (rc)
        (void)fail(h, rc, rc == TK_E_LIMIT ? "the reply's head is too large" : NULL);
    return rc ? HPE_USER : HPE_OK;
}

/* --- the head --- */

static int on_message_begin(llhttp_t *parser)
{
    struct tk__h1 *h = h1_of(parser);

    if (h->head)
        tk__head_reset(h->head); /* a 1xx went before */
    else
        h->head = tk__head_take(&h->env->heads);
    return h->head ? HPE_OK : stop_at(h, -ENOMEM);
}

/* Fields behind the body (trailers) come here too; they are dropped. */
static int on_header_field(llhttp_t *parser, const char *p, size_t n)
{
    struct tk__h1 *h = h1_of(parser);

    return h->is_body ? HPE_OK : stop_at(h, tk__head_add_name(h->head, p, n));
}

static int on_header_value(llhttp_t *parser, const char *p, size_t n)
{
    struct tk__h1 *h = h1_of(parser);

    return h->is_body ? HPE_OK : stop_at(h, tk__head_add_value(h->head, p, n));
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct tk__h1 *h = h1_of(parser);

    if (!h->is_body)
        tk__head_end_field(h->head);
    return HPE_OK;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct tk__h1 *h = h1_of(parser);
    unsigned status = parser->status_code;

    h->is_interim = status / 100 == 1;
    if (h->is_interim || status == 204 || status == 304)
        parser->flags |= F_SKIPBODY;
    if (status == 101) {
        (void)fail(h, TK_E_PROTO, "the server switched to another protocol");
        return HPE_USER;
    }
    h->is_head_due = !h->is_interim;
    return HPE_PAUSED;
}

static int hand_on_head(struct tk__h1 *h)
{
    const struct tk_headers *headers = tk__head_finish(h->head);
    const struct tk_str *coding = tk_headers_get(headers, "content-encoding");

    h->is_head_due = false;
    h->is_body = true;
    h->coding = (uint8_t)(coding ? tk__coding_of(*coding) : TK__CODING_IDENTITY);
    int rc = h->env->calls->on_head(h, h->parser.status_code, headers);
    h->head = tk__head_give(&h->env->heads, h->head);
    return rc ? fail(h, rc, NULL) : 0;
}

/* --- the body --- */

/* Decoded bytes to the owner, up to the bound. */
static int hand_on(void *owner, struct tk_str piece)
{
    struct tk__h1 *h = owner;
    size_t room = h->env->limits.max_decoded_bytes - h->decoded_bytes;
    bool is_over = piece.n > room;

    if (is_over)
        piece.n = room;
    h->decoded_bytes += piece.n;
    int rc = piece.n ? h->env->calls->on_data(h, piece) : 0;
    if (rc == 0 && is_over)
        return fail(h, TK_E_LIMIT, "the reply's body is too large");
    return rc;
}

static int decode(struct tk__h1 *h, struct tk_str piece)
{
    int rc;

    if (TK_LIKELY(h->coding == TK__CODING_IDENTITY))
        return hand_on(h, piece);
    if (h->coding == TK__CODING_UNKNOWN)
        return fail(h, TK_E_UNSUPPORTED, "the body's content coding is neither gzip nor deflate");
    if (!h->inflate) {
        rc = tk__inflate_new(&h->inflate);
        if (rc)
            return rc;
    }
    if (h->body_bytes == piece.n) /* the first piece */
        tk__inflate_begin(h->inflate, h->coding);
    rc = tk__inflate_feed(h->inflate, piece, h->env->out, hand_on, h);
    return rc == TK_E_PROTO ? fail(h, rc, "the compressed body is damaged") : rc;
}

/* Framing, extensions and trailers in proportion to the body: an endless one is not a long reply. It
 * is looked at before each piece too, so that the answer does not depend on how the bytes are cut. */
static int check_frame(struct tk__h1 *h, size_t frame_bytes)
{
    const struct tk_http_limits *limits = &h->env->limits;
    bool is_small = h->body_bytes < limits->max_body_bytes / FRAME_PER_BYTE;
    size_t most = is_small ? h->body_bytes * FRAME_PER_BYTE : limits->max_body_bytes;

    if (frame_bytes - h->body_bytes > limits->max_head_bytes + most)
        return fail(h, TK_E_LIMIT, "the reply's framing is too large");
    return 0;
}

static int on_body(llhttp_t *parser, const char *p, size_t n)
{
    struct tk__h1 *h = h1_of(parser);
    if (check_frame(h, h->frame_bytes + (size_t)(p - h->fed)))
        return HPE_USER;
    size_t room = h->env->limits.max_body_bytes - h->body_bytes;
    bool is_over = n > room;

    if (is_over)
        n = room;
    h->body_bytes += n;
    int rc = n ? decode(h, (struct tk_str){ p, n }) : 0;
    if (rc == 0 && is_over)
        rc = fail(h, TK_E_LIMIT, "the reply's body is too large");
    if (rc)
        (void)fail(h, rc, NULL);
    return rc ? HPE_USER : HPE_OK;
}

/* The compressed stream must be over when the body is. */
static bool is_body_cut(const struct tk__h1 *h)
{
    return h->body_bytes > 0 && h->inflate && h->coding != TK__CODING_IDENTITY &&
           !tk__inflate_is_whole(h->inflate);
}

static int on_message_complete(llhttp_t *parser)
{
    struct tk__h1 *h = h1_of(parser);

    if (h->is_interim)
        return HPE_OK;
    h->is_keep_alive = llhttp_should_keep_alive(parser);
    h->is_done = true;
    return HPE_PAUSED;
}

/* --- the calls --- */

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

int tk__h1_env_init(struct tk__h1_env *env, struct tk_http_limits limits,
                    const struct tk__h1_calls *calls)
{
    char *out = calloc(1, OUT_BYTES + TK_JSON_PADDING);

    if (!out)
        return -ENOMEM;
    *env = (struct tk__h1_env){
        .limits = limits,
        .calls = calls,
        .heads = { .max_bytes = TK_MIN(limits.max_head_bytes, HEAD_MAX) },
        .out = { out, OUT_BYTES },
    };
    return 0; /* cppcheck-suppress memleak; env owns it */
}

void tk__h1_env_release(struct tk__h1_env *env)
{
    tk__heads_release(&env->heads);
    free((void *)(uintptr_t)env->out.p);
    env->out = (struct tk_str){ NULL, 0 };
}

void tk__h1_init(struct tk__h1 *h, struct tk__h1_env *env)
{
    *h = (struct tk__h1){ .env = env };
    llhttp_init(&h->parser, HTTP_RESPONSE, &settings);
}

void tk__h1_release(struct tk__h1 *h)
{
    h->head = tk__head_give(&h->env->heads, h->head);
    h->inflate = tk__inflate_free(h->inflate);
}

void tk__h1_begin(struct tk__h1 *h)
{
    struct tk__inflate *inflate = h->inflate;

    (void)tk__head_give(&h->env->heads, h->head);
    tk__h1_init(h, h->env);
    h->inflate = inflate;
}

/* Count what was taken, once it is known where the head ends. */
static int count(struct tk__h1 *h, size_t n, bool was_head)
{
    const struct tk_http_limits *limits = &h->env->limits;

    if (was_head) {
        h->head_bytes += n;
        if (h->head_bytes > limits->max_head_bytes)
            return fail(h, TK_E_LIMIT, "the reply's head is too large");
        return 0;
    }
    h->frame_bytes += n;
    return check_frame(h, h->frame_bytes);
}

/* One call of llhttp. The bytes taken, or a code. */
static int64_t step(struct tk__h1 *h, const char *p, size_t n)
{
    bool was_head = !h->is_body;
    /* Of a head no more than one byte past its bound: what is wrong behind that is not looked at, however
     * the bytes are cut. */
    size_t room = h->env->limits.max_head_bytes - h->head_bytes;
    if (was_head && n > room)
        n = room + 1;
    h->fed = p;
    llhttp_errno_t rc = llhttp_execute(&h->parser, p, n);

    if (rc != HPE_OK) {
        if (rc != HPE_PAUSED)
            return fail(h, TK_E_PROTO, llhttp_get_error_reason(&h->parser));
        n = (size_t)(llhttp_get_error_pos(&h->parser) - p);
        llhttp_resume(&h->parser);
    }
    int failed = count(h, n, was_head);
    if (failed == 0 && h->is_head_due)
        failed = hand_on_head(h);
    return failed ? failed : (int64_t)n;
}

int64_t tk__h1_feed(struct tk__h1 *h, const char *p, size_t n)
{
    size_t at = 0;
    bool was_body = h->is_body;

    if (h->failed)
        return h->failed;
    /* A reply without a body is found complete by the call after the one that ends its head, which
     * may have no bytes left to take. */
    do {
        was_body = h->is_body;
        int64_t used = step(h, p + at, n - at);
        if (used < 0)
            return used;
        at += (size_t)used;
    } while (!h->is_done && (at < n || h->is_body != was_body));
    if (h->is_done && is_body_cut(h))
        return fail(h, TK_E_PROTO, "the compressed body is cut");
    return (int64_t)at;
}

int tk__h1_eof(struct tk__h1 *h)
{
    if (h->failed)
        return h->failed;
    (void)llhttp_finish(&h->parser);
    if (!h->is_done || is_body_cut(h))
        return fail(h, TK_E_EOF_EARLY, NULL);
    h->is_keep_alive = false;
    return 0;
}
