/* h1_request.c - the requests of an HTTP/1 client, parsed by llhttp
 *
 *   bytes --> llhttp --> target, names, values --> [head collector]
 *                |
 *                +-----> body spans: one that lies in one feed stays a slice of it,
 *                        others are put together in `body`
 *
 * As in h1.c, llhttp is paused at the end of the head and at the end of the request, and the answer is
 * the same however the bytes are cut. An upgrade to another protocol is never done, so the wish for
 * one is dropped and the request is one like any other.
 */
#include "http/h1_request.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#define BODY_KEEP_BYTES ((size_t)64 << 10) /* a larger buffer is given back after its request */

static const char nothing[TK_JSON_PADDING]; /* the body of a request without one */

static struct tk__h1req *request_of(llhttp_t *parser)
{
    return TK_CONTAINER_OF(parser, struct tk__h1req, parser);
}

static int fail(struct tk__h1req *r, int code, int status)
{
    if (!r->failed) {
        r->failed = code;
        r->status = code == -ENOMEM ? 500 : status;
    }
    return r->failed;
}

static int stop_at(struct tk__h1req *r, int rc, int status)
{
    if (rc)
        (void)fail(r, rc, status);
    return rc ? HPE_USER : HPE_OK;
}

/* --- the head --- */

static int on_message_begin(llhttp_t *parser)
{
    struct tk__h1req *r = request_of(parser);

    r->head = tk__head_take(&r->env->heads);
    return r->head ? HPE_OK : stop_at(r, -ENOMEM, 500);
}

static int on_url(llhttp_t *parser, const char *p, size_t n)
{
    struct tk__h1req *r = request_of(parser);

    return stop_at(r, tk__head_add_target(r->head, p, n), 431);
}

/* Trailers are dropped. */
static int on_header_field(llhttp_t *parser, const char *p, size_t n)
{
    struct tk__h1req *r = request_of(parser);

    return r->is_body ? HPE_OK : stop_at(r, tk__head_add_name(r->head, p, n), 431);
}

static int on_header_value(llhttp_t *parser, const char *p, size_t n)
{
    struct tk__h1req *r = request_of(parser);

    return r->is_body ? HPE_OK : stop_at(r, tk__head_add_value(r->head, p, n), 431);
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct tk__h1req *r = request_of(parser);

    if (!r->is_body)
        tk__head_end_field(r->head);
    return HPE_OK;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct tk__h1req *r = request_of(parser);

    const struct tk_str *expect = tk_headers_get(tk__head_finish(r->head), "expect");
    bool has_body = (parser->flags & F_CHUNKED) || parser->content_length > 0;

    parser->upgrade = 0;
    r->is_body = true;
    r->is_http10 = parser->http_major < 1 || (parser->http_major == 1 && parser->http_minor == 0);
    if (!(parser->flags & F_CHUNKED) && parser->content_length > r->env->max_body_bytes)
        return stop_at(r, TK_E_LIMIT, 413);
    r->wants_continue = expect && has_body && !r->is_http10 &&
                        tk_str_eq_nocase(*expect, TK_STR("100-continue"));
    return HPE_PAUSED;
}

/* --- the body --- */

/* Append, with zeroed padding behind. */
static int append(struct tk_buf *b, struct tk_str s)
{
    int rc = tk_buf_reserve(b, s.n + TK_JSON_PADDING);

    if (rc)
        return rc;
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    memset(b->p + b->n, 0, TK_JSON_PADDING);
    return 0;
}

/* Make the body independent of the bytes that are being fed. */
static int own_body(struct tk__h1req *r)
{
    if (!r->is_slice)
        return 0;
    r->is_slice = false;
    return append(&r->body, r->slice);
}

static int on_body(llhttp_t *parser, const char *p, size_t n)
{
    struct tk__h1req *r = request_of(parser);
    bool is_first = r->body_bytes == 0;

    if (n > r->env->max_body_bytes - r->body_bytes)
        return stop_at(r, TK_E_LIMIT, 413);
    r->body_bytes += n;
    if (is_first) {
        r->is_slice = true;
        r->slice = (struct tk_str){ p, n };
        return HPE_OK;
    }
    int rc = own_body(r);
    if (rc == 0)
        rc = append(&r->body, (struct tk_str){ p, n });
    return stop_at(r, rc, 413);
}

static int on_message_complete(llhttp_t *parser)
{
    struct tk__h1req *r = request_of(parser);

    r->is_keep_alive = llhttp_should_keep_alive(parser);
    r->is_whole = true;
    return HPE_PAUSED;
}

/* --- the calls --- */

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void tk__h1req_init(struct tk__h1req *r, struct tk__h1req_env *env)
{
    *r = (struct tk__h1req){ .env = env };
    tk_buf_init(&r->body, env->max_body_bytes + 2 * TK_JSON_PADDING);
    llhttp_init(&r->parser, HTTP_REQUEST, &settings);
}

void tk__h1req_release(struct tk__h1req *r)
{
    r->head = tk__head_give(&r->env->heads, r->head);
    tk_buf_release(&r->body);
}

void tk__h1req_begin(struct tk__h1req *r)
{
    struct tk_buf body = r->body;

    (void)tk__head_give(&r->env->heads, r->head);
    tk__h1req_init(r, r->env);
    if (body.cap > BODY_KEEP_BYTES)
        tk_buf_release(&body);
    tk_buf_reset(&body);
    r->body = body;
}

/* One call of llhttp: the bytes taken, or a code. */
static int64_t step(struct tk__h1req *r, const char *p, size_t n)
{
    bool was_head = !r->is_body;
    llhttp_errno_t rc = llhttp_execute(&r->parser, p, n);

    if (rc != HPE_OK) {
        if (rc != HPE_PAUSED)
            return fail(r, TK_E_PROTO, 400);
        n = (size_t)(llhttp_get_error_pos(&r->parser) - p);
        llhttp_resume(&r->parser);
    }
    if (was_head) {
        r->head_bytes += n;
        if (r->head_bytes > r->env->max_head_bytes)
            return fail(r, TK_E_LIMIT, 431);
    } else {
        r->frame_bytes += n;
        if (r->frame_bytes - r->body_bytes > r->env->max_head_bytes + r->env->max_body_bytes)
            return fail(r, TK_E_LIMIT, 413);
    }
    return (int64_t)n;
}

int64_t tk__h1req_feed(struct tk__h1req *r, const char *p, size_t n)
{
    size_t at = 0;
    bool was_body;

    if (r->failed)
        return r->failed;
    r->is_begun = true;
    r->wants_continue = false;
    /* As in tk__h1_feed(): the call that finds the request complete may have no bytes to take. */
    do {
        was_body = r->is_body;
        int64_t used = step(r, p + at, n - at);
        if (used < 0)
            return used;
        at += (size_t)used;
    } while (!r->is_whole && !r->wants_continue && (at < n || r->is_body != was_body));
    if (!r->is_whole && own_body(r))
        return fail(r, -ENOMEM, 500);
    return (int64_t)at;
}

void tk__h1req_view(struct tk__h1req *r, struct tk_http_request *ret)
{
    const struct tk_headers *headers = tk__head_finish(r->head);

    ret->method = tk_str_of(llhttp_method_name((llhttp_method_t)r->parser.method));
    ret->target = (struct tk_str){ r->head->text.p, r->head->target_n };
    ret->headers.n = headers->n;
    for (unsigned i = 0; i < headers->n; i++)
        ret->headers.v[i] = headers->v[i];
    ret->body = r->is_slice ? r->slice : tk_buf_str(&r->body);
    if (ret->body.n == 0)
        ret->body = (struct tk_str){ nothing, 0 };
}
