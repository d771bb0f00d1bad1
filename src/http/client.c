/* client.c - a connection to a server: connect, send, read, one request at a time
 *
 *   OPENING --handshake--> IDLE --tk_http_send()--> BUSY --reply whole--> IDLE, or DEAD
 *      \                     \                        \
 *       `----- failed ------> DEAD <- closed, bytes ---`-- closed early, bad bytes, limit
 *                              `--tk_http_conn_retire()--> the environment's, until the peer closes it
 *
 *   readiness --> one tk_xport_read() into the worker's buffer --> READ --> h1.c --> HEAD DATA* END
 *
 * Invariants
 *   - Interest IN always while open, so that the close of an idle connection is seen when it happens
 *     and not by the next request; OUT only while connecting or with bytes unsent.
 *   - One read per readiness: a second recvmsg() that only says EAGAIN would cost as much as all the
 *     rest of an event. Again at once only when the buffer came back full or TLS holds more.
 *   - Between two reads nothing points into the worker's buffer.
 *   - The connection may be freed in any of its callbacks. `depth` counts the frames that still use
 *     it; the last one out frees the memory. The transport goes at once, and with it every later event.
 *   - In DEAD nothing is called back any more.
 *
 * A write that finds the peer gone does not end a request by itself: the server may have answered and closed
 * before it had read all (413 and the like), or have said why in an alert of TLS (a client whose certificate it
 * refuses may send before it knows). What is unsent is dropped, and the reads say what happened.
 */
#include "http/client.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/list.h"
#include "http/h1.h"

#define IN_BYTES ((size_t)64 << 10) /* of one read */
#define READS_MAX 16                /* reads before others get their turn */

struct tk_http_env {
    struct tk_http_env_conf conf;
    struct tk__h1_env h1;
    char *in;               /* IN_BYTES and TK_JSON_PADDING zeros */
    struct tk_link retired; /* connections, the oldest first */
    unsigned n_retired;
    struct tk_timer retire_timer; /* set when there are any, to the end of the oldest or earlier */
};

enum state {
    OPENING,
    IDLE,
    BUSY,
    DEAD,
};

struct tk_http_conn {
    struct tk_http_env *env;
    struct tk_xport *x; /* NULL once it is closed */
    tk_http_cb cb;
    void *owner;
    const void *warm; /* the owner's, to be prefetched before each read */
    size_t n_warm;
    uint8_t state;  /* enum state */
    bool is_freed;  /* the owner has let go */
    unsigned depth; /* frames that use this structure */
    int write_rc;   /* of a write that failed in this request, 0 otherwise */
    int n_pieces;   /* unsent ones, at the end of `pieces` */
    struct iovec pieces[TK_HTTP_MAX_PIECES];
    uint64_t n_requests;
    uint64_t bytes_in;
    struct tk_stamp stamp; /* of the last read */
    struct tk_http_times times;
    struct tk_defer again; /* read on in the next round */
    struct tk__h1 h1;
    struct tk_link retired; /* in the list of the environment */
    tk_ns retired_at;
    bool is_retired;
};

static int on_head(struct tk__h1 *h, int status, const struct tk_headers *headers);
static int on_data(struct tk__h1 *h, struct tk_str data);
static const struct tk__h1_calls h1_calls = { on_head, on_data };

/* --- use and end --- */

static void enter(struct tk_http_conn *c)
{
    c->depth++;
}

static void leave(struct tk_http_conn *c)
{
    if (--c->depth > 0 || !c->is_freed)
        return;
    tk__h1_release(&c->h1);
    free(c);
}

static void close_xport(struct tk_http_conn *c)
{
    tk_defer_stop(&c->again);
    c->x = tk_xport_free(c->x);
}

struct tk_http_conn *tk_http_conn_free(struct tk_http_conn *c)
{
    if (!c || c->is_freed)
        return NULL;
    enter(c);
    close_xport(c);
    c->state = DEAD;
    c->is_freed = true;
    leave(c);
    return NULL;
}

/* --- retired ones --- */

static void bury(struct tk_http_conn *c, bool is_reset)
{
    tk_list_remove(&c->retired);
    c->env->n_retired--;
    c->is_retired = false;
    if (is_reset)
        tk_xport_reset(c->x);
    (void)tk_http_conn_free(c);
}

/* What still comes is nobody's; the end is what is waited for. */
static void on_retired(struct tk_io *io, unsigned ready)
{
    struct tk_http_conn *c = io->owner;

    (void)ready;
    if (tk_xport_drain(c->x, c->env->in, IN_BYTES) != TK_E_AGAIN_READ)
        bury(c, false);
}

static void on_retire_timer(struct tk_timer *t)
{
    struct tk_http_env *env = t->owner;
    tk_ns now = tk_clock_now();

    for (struct tk_link *l = env->retired.next, *next; l != &env->retired; l = next) {
        struct tk_http_conn *c = TK_CONTAINER_OF(l, struct tk_http_conn, retired);
        next = l->next;
        if (c->retired_at + TK_HTTP_RETIRE_DUR > now) {
            (void)tk_timer_set(env->conf.loop, t, c->retired_at + TK_HTTP_RETIRE_DUR);
            return;
        }
        bury(c, true);
    }
}

void tk_http_conn_retire(struct tk_http_conn *c)
{
    struct tk_http_env *env = c->env;
    int rc;

    if (c->is_freed || !c->x) {
        (void)tk_http_conn_free(c);
        return;
    }
    c->state = DEAD;
    c->is_retired = true;
    c->retired_at = tk_clock_now();
    tk_defer_stop(&c->again);
    tk_xport_goodbye(c->x);
    tk_list_push(&env->retired, &c->retired);
    env->n_retired++;
    rc = tk_xport_watch(c->x, TK_IO_IN, on_retired, c);
    if (rc == 0 && !tk_timer_is_set(&env->retire_timer))
        rc = tk_timer_set(env->conf.loop, &env->retire_timer, c->retired_at + TK_HTTP_RETIRE_DUR);
    if (rc)
        bury(c, true);
    else if (env->n_retired > TK_HTTP_RETIRED_MAX)
        bury(TK_CONTAINER_OF(env->retired.next, struct tk_http_conn, retired), true);
}

/* --- the worker's share --- */

int tk_http_env_new(const struct tk_http_env_conf *conf, struct tk_http_env **ret)
{
    struct tk_http_env *env = calloc(1, sizeof(*env));

    if (!env)
        return -ENOMEM;
    env->conf = *conf;
    tk_list_init(&env->retired);
    tk_timer_init(&env->retire_timer, on_retire_timer, env);
    env->in = calloc(1, IN_BYTES + TK_JSON_PADDING);
    if (!env->in || tk__h1_env_init(&env->h1, conf->limits, &h1_calls)) {
        (void)tk_http_env_free(env);
        return -ENOMEM;
    }
    *ret = env;
    return 0;
}

struct tk_http_env *tk_http_env_free(struct tk_http_env *env)
{
    if (!env)
        return NULL;
    for (struct tk_link *l = env->retired.next, *next; l != &env->retired; l = next) {
        next = l->next;
        bury(TK_CONTAINER_OF(l, struct tk_http_conn, retired), true);
    }
    tk_timer_stop(&env->retire_timer);
    tk__h1_env_release(&env->h1);
    free(env->in);
    free(env);
    return NULL;
}

/* --- events --- */

static void emit(struct tk_http_conn *c, struct tk_http_event *ev)
{
    ev->stamp = c->stamp;
    c->cb(c, ev);
}

/* The peer closed or reset the connection. */
static bool is_gone(int code)
{
    return code == TK_E_EOF_EARLY || code == -ECONNRESET || code == -EPIPE;
}

/* A failure is told once; the transport goes afterwards, for it holds the detail. */
static void fail(struct tk_http_conn *c, int code, const char *detail)
{
    struct tk_http_event ev = {
        .kind = TK_HTTP_ERROR,
        .code = code,
        .detail = detail,
        .is_idle = c->state == IDLE,
        .is_unanswered = is_gone(code) && c->state == BUSY && c->bytes_in == 0 && c->n_requests > 1,
    };

    c->state = DEAD;
    tk_io_stop(tk_xport_io(c->x));
    emit(c, &ev);
    close_xport(c);
}

static void fail_xport(struct tk_http_conn *c, int code)
{
    fail(c, code, tk_xport_detail(c->x, code));
}

/* --- sending --- */

/* Take `n` written bytes off the unsent pieces. */
static void consume(struct tk_http_conn *c, size_t n)
{
    struct iovec *first = &c->pieces[TK_HTTP_MAX_PIECES - c->n_pieces];

    while (c->n_pieces > 0 && n >= first->iov_len) {
        n -= first->iov_len;
        first++;
        c->n_pieces--;
    }
    if (n > 0) {
        first->iov_base = (char *)first->iov_base + n;
        first->iov_len -= n;
    }
}

/* Write until all is taken (0), or the socket takes no more (TK_E_AGAIN_WRITE), or an error. */
static int write_pieces(struct tk_http_conn *c)
{
    while (c->n_pieces > 0) {
        int64_t n = tk_xport_write(c->x, &c->pieces[TK_HTTP_MAX_PIECES - c->n_pieces], c->n_pieces);
        if (n < 0)
            return (int)n;
        consume(c, (size_t)n);
    }
    c->times.sent_last_at = tk_clock_now();
    return 0;
}

static void want(struct tk_http_conn *c)
{
    tk_io_want(tk_xport_io(c->x), TK_IO_IN | (c->n_pieces > 0 ? TK_IO_OUT : 0U));
}

int tk_http_send(struct tk_http_conn *c, const struct iovec *pieces, int n_pieces)
{
    if (c->state != IDLE || n_pieces < 1 || n_pieces > TK_HTTP_MAX_PIECES)
        return -EINVAL;
    c->n_pieces = 0;
    for (int i = n_pieces - 1; i >= 0; i--) {
        if (pieces[i].iov_len > 0) /* transports are spared the empty ones */
            c->pieces[TK_HTTP_MAX_PIECES - ++c->n_pieces] = pieces[i];
    }
    c->state = BUSY;
    c->n_requests++;
    c->bytes_in = 0;
    c->write_rc = 0;
    tk__h1_begin(&c->h1);
    c->times.sent_last_at = 0;
    c->times.sent_first_at = tk_clock_now();
    int rc = write_pieces(c);
    if (is_gone(rc)) {
        c->write_rc = rc;
        c->n_pieces = 0;
        rc = 0;
    }
    if (rc == 0 || rc == TK_E_AGAIN_WRITE) {
        want(c);
        return 0;
    }
    c->state = DEAD;
    tk_io_stop(tk_xport_io(c->x));
    return rc;
}

/* The socket may take more of the request. */
static void send_on(struct tk_http_conn *c)
{
    struct tk_http_event ev = { .kind = TK_HTTP_SENT };
    int rc = write_pieces(c);

    if (rc == TK_E_AGAIN_WRITE)
        return;
    if (rc) {
        c->write_rc = rc;
        c->n_pieces = 0;
    }
    want(c);
    if (rc == 0)
        emit(c, &ev);
}

/* --- receiving --- */

static struct tk_http_conn *conn_of(struct tk__h1 *h)
{
    return TK_CONTAINER_OF(h, struct tk_http_conn, h1);
}

static int on_head(struct tk__h1 *h, int status, const struct tk_headers *headers)
{
    struct tk_http_conn *c = conn_of(h);
    struct tk_http_event ev = { .kind = TK_HTTP_HEAD, .status = status, .headers = headers };

    emit(c, &ev);
    return c->is_freed ? TK_E_CANCELLED : 0;
}

static int on_data(struct tk__h1 *h, struct tk_str data)
{
    struct tk_http_conn *c = conn_of(h);
    struct tk_http_event ev = { .kind = TK_HTTP_DATA, .data = data };

    emit(c, &ev);
    return c->is_freed ? TK_E_CANCELLED : 0;
}

/* The reply is whole; `n_behind` bytes came behind it. */
static void end(struct tk_http_conn *c, size_t n_behind)
{
    struct tk_http_event ev = {
        .kind = TK_HTTP_END,
        .is_reusable = c->h1.is_keep_alive && n_behind == 0 && c->n_pieces == 0 && !c->write_rc,
    };

    c->n_pieces = 0;
    c->state = ev.is_reusable ? IDLE : DEAD;
    if (!ev.is_reusable)
        tk_io_stop(tk_xport_io(c->x));
    emit(c, &ev);
    if (!ev.is_reusable && !c->is_retired)
        close_xport(c);
}

static void on_bytes(struct tk_http_conn *c, size_t n)
{
    struct tk_http_event ev = { .kind = TK_HTTP_READ, .n_bytes = n };

    if (c->state == IDLE) {
        fail(c, TK_E_PROTO, "the server sent bytes that no request had asked for");
        return;
    }
    c->bytes_in += n;
    emit(c, &ev);
    if (c->is_freed)
        return;
    int64_t used = tk__h1_feed(&c->h1, c->env->in, n);
    if (c->is_freed)
        return;
    if (used < 0)
        fail(c, (int)used, c->h1.detail);
    else if (c->h1.is_done)
        end(c, n - (size_t)used);
}

/* The peer closed, or reading failed. */
static void on_closed(struct tk_http_conn *c, int code)
{
    if (code == 0 && c->state == BUSY && c->bytes_in > 0 && tk__h1_eof(&c->h1) == 0) {
        end(c, 0);
        return;
    }
    if (code == 0 && c->state == BUSY && c->write_rc)
        code = c->write_rc; /* the kernel tells a reset once, and it told the write */
    if (code == 0)
        fail(c, TK_E_EOF_EARLY, NULL);
    else
        fail_xport(c, code);
}

static void read_on(struct tk_http_conn *c)
{
    for (int i = 0; i < READS_MAX; i++) {
        int64_t n = tk_xport_read(c->x, c->env->in, IN_BYTES, &c->stamp);
        if (n == TK_E_AGAIN_READ || n == TK_E_AGAIN_WRITE)
            return;
        if (n <= 0) {
            on_closed(c, (int)n);
            return;
        }
        on_bytes(c, (size_t)n);
        if (c->state == DEAD)
            return;
        if ((size_t)n < IN_BYTES && !tk_xport_pending(c->x))
            return;
    }
    tk_loop_defer(c->env->conf.loop, &c->again); /* what TLS holds makes no descriptor ready */
}

static void on_again(struct tk_defer *d)
{
    struct tk_http_conn *c = d->owner;

    enter(c);
    read_on(c);
    leave(c);
}

/* --- opening --- */

static void open_on(struct tk_http_conn *c)
{
    struct tk_http_event ev = { .kind = TK_HTTP_OPENED };
    int rc = tk_xport_handshake(c->x);

    tk_ns connected_at = tk_xport_connected_at(c->x);
    if (connected_at > 0) /* a transport that was given may be older than this connection */
        c->times.connected_at = TK_MAX(connected_at, c->times.connect_begin_at);
    if (rc == TK_E_AGAIN_READ || rc == TK_E_AGAIN_WRITE) {
        tk_io_want(tk_xport_io(c->x), rc == TK_E_AGAIN_READ ? TK_IO_IN : TK_IO_OUT);
        return;
    }
    if (rc) {
        fail_xport(c, rc);
        return;
    }
    c->times.tls_done_at = c->x->handshake_done_at;
    c->state = IDLE;
    want(c);
    emit(c, &ev);
    if (c->state != DEAD && tk_xport_pending(c->x))
        read_on(c);
}

static void on_io(struct tk_io *io, unsigned ready)
{
    struct tk_http_conn *c = io->owner;

    /* on its way while the kernel copies the bytes */
    tk_prefetch(&c->bytes_in,
                offsetof(struct tk_http_conn, retired) - offsetof(struct tk_http_conn, bytes_in));
    tk_prefetch(c->warm, c->n_warm);
    tk_prefetch(c->owner, 1);
    enter(c);
    if (TK_UNLIKELY(c->state == OPENING)) {
        open_on(c);
    } else {
        if (c->n_pieces > 0)
            send_on(c);
        if (c->state != DEAD && (ready & TK_IO_IN))
            read_on(c);
    }
    leave(c);
}

/* The transport that `conf` wants, TLS on top when the environment has it. */
static int make_xport(struct tk_http_env *env, const struct tk_http_conn_conf *conf,
                      struct tk_xport **ret, struct tk_err *reterr)
{
    struct tk_xport *x = conf->xport;

    if (!x) {
        const struct tk_xport_conf bottom = { .peer = conf->peer,
                                              .source = conf->source,
                                              .fd = -1 };
        int rc = tk_xport_new(env->conf.xport, env->conf.loop, &bottom, &x, reterr);
        if (rc)
            return rc;
    }
    if (env->conf.tls) {
        const struct tk_xport_conf top = {
            .fd = -1, .tls = env->conf.tls, .host = env->conf.host, .below = x
        };
        return tk_xport_new(&tk_xport_tls, env->conf.loop, &top, ret, reterr);
    }
    *ret = x;
    return 0;
}

int tk_http_conn_new(struct tk_http_env *env, const struct tk_http_conn_conf *conf,
                     struct tk_http_conn **ret, struct tk_err *reterr)
{
    struct tk_http_conn *c = calloc(1, sizeof(*c));
    int rc;

    if (!c) {
        (void)tk_xport_free(conf->xport);
        return tk_err_set(reterr, -ENOMEM, "no memory for a connection");
    }
    c->env = env;
    c->cb = conf->cb;
    c->owner = conf->owner;
    c->again = (struct tk_defer){ .cb = on_again, .owner = c };
    tk__h1_init(&c->h1, &env->h1);
    c->times.connect_begin_at = tk_clock_now();
    rc = make_xport(env, conf, &c->x, reterr);
    if (rc == 0) {
        rc = tk_xport_watch(c->x, TK_IO_OUT, on_io, c);
        if (rc)
            (void)tk_err_set(reterr, rc, "cannot watch a connection: %s", tk_err_text(rc));
    }
    if (rc) {
        (void)tk_http_conn_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

/* --- questions --- */

void *tk_http_conn_owner(const struct tk_http_conn *c)
{
    return c->owner;
}

void tk_http_conn_set_owner(struct tk_http_conn *c, void *owner)
{
    c->owner = owner;
}

void tk_http_conn_set_warm(struct tk_http_conn *c, const void *p, size_t n)
{
    c->warm = p;
    c->n_warm = p ? n : 0;
}

const struct tk_http_times *tk_http_conn_times(const struct tk_http_conn *c)
{
    return &c->times;
}

uint64_t tk_http_conn_n_requests(const struct tk_http_conn *c)
{
    return c->n_requests;
}

uint64_t tk_http_conn_bytes_in(const struct tk_http_conn *c)
{
    return c->bytes_in;
}
