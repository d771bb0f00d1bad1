/* test_xport_contract.c - what every transport must do, over all of them and their stacks */
#include "net/xport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls.h"

#include "lib/failmalloc.h"
#include "lib/tap.h"
#include "pair.h"

#define MEM_BYTES 5000 /* less than a full TLS record */

static struct tk_tls *tls_client, *tls_server;

static int make_tcp(struct pair *p)
{
    return pair_tcp(p);
}

static int make_unix(struct pair *p)
{
    return pair_unix(p);
}

static int make_mem(struct pair *p)
{
    return tk_mem_pair(p->loop, MEM_BYTES, &p->client, &p->server);
}

static int make_tls_tcp(struct pair *p)
{
    int rc = pair_tcp(p);

    return rc ? rc : pair_add_tls(p, tls_client, tls_server, NULL, NULL);
}

static int make_tls_unix(struct pair *p)
{
    int rc = pair_unix(p);

    return rc ? rc : pair_add_tls(p, tls_client, tls_server, NULL, NULL);
}

static int make_tls_mem(struct pair *p)
{
    int rc = make_mem(p);

    return rc ? rc : pair_add_tls(p, tls_client, tls_server, NULL, NULL);
}

static const struct kind {
    const char *name;
    const struct tk_xport_ops *ops;
    enum tk_loop_kind loop_kind;
    int (*make)(struct pair *p);
} kinds[] = {
    { "tcp", &tk_xport_tcp, TK_LOOP_REAL, make_tcp },
    { "unix", &tk_xport_unix, TK_LOOP_REAL, make_unix },
    { "tls over unix", &tk_xport_tls, TK_LOOP_REAL, make_tls_unix },
    { "tls over tcp", &tk_xport_tls, TK_LOOP_REAL, make_tls_tcp },
    { "tls over mem", &tk_xport_tls, TK_LOOP_VIRTUAL, make_tls_mem },
    { "mem", &tk_xport_mem, TK_LOOP_VIRTUAL, make_mem },
    { "mem, real loop", &tk_xport_mem, TK_LOOP_REAL, make_mem },
};

static const char *name; /* of the kind under test */
static const struct tk_xport_ops *ops;

static void begin(const struct kind *k, struct pair *p)
{
    int rc_client, rc_server;

    name = k->name;
    ops = k->ops;
    *p = (struct pair){ 0 };
    T_EQ_I(tk_loop_new(k->loop_kind, &p->loop), 0, "%s: loop", name);
    T_EQ_I(k->make(p), 0, "%s: made", name);
    pair_handshake(p, &rc_client, &rc_server);
    T_EQ_I(rc_client, 0, "%s: client's handshake", name);
    T_EQ_I(rc_server, 0, "%s: server's handshake", name);
}

static void finish(struct pair *p)
{
    pair_release(p);
    p->loop = tk_loop_free(p->loop);
}

static int64_t write_text(struct tk_xport *x, const char *text)
{
    struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };

    return tk_xport_write(x, &iov, 1);
}

/* Read, waiting as long as the transport asks for it. */
static int64_t read_wait(struct pair *p, struct tk_xport *x, char *buf, size_t cap,
                         struct tk_stamp *stamp)
{
    int64_t rc;

    while ((rc = tk_xport_read(x, buf, cap, stamp)) == TK_E_AGAIN_READ) {
        if (x == p->client)
            pair_wait(p, TK_IO_IN, 0);
        else
            pair_wait(p, 0, TK_IO_IN);
    }
    return rc;
}

static void test_small(const struct kind *k)
{
    struct iovec pieces[3] = { { (void *)(uintptr_t) "ab", 2 },
                               { (void *)(uintptr_t) "", 0 },
                               { (void *)(uintptr_t) "cdef", 4 } };
    struct tk_stamp stamp = { -5, -6 };
    struct pair p;
    char buf[100];

    begin(k, &p);
    T_EQ_I(tk_xport_handshake(p.client), 0, "%s: a handshake that is done stays done", name);
    T_OK(tk_xport_connected_at(p.client) > 0, "%s: connected_at", name);
    T_OK(ops != &tk_xport_tls || p.client->handshake_done_at > 0, "%s: handshake_done_at", name);
    T_EQ_I(tk_xport_read(p.client, buf, sizeof(buf), &stamp), TK_E_AGAIN_READ,
           "%s: an empty read asks again", name);
    T_OK(stamp.arrived_wall == -5 && stamp.seen_at == -6, "%s: and leaves the stamp", name);

    T_EQ_I(write_text(p.client, "hi"), 2, "%s: write", name);
    T_EQ_I(read_wait(&p, p.server, buf, sizeof(buf), &stamp), 2, "%s: read", name);
    T_EQ_N(buf, 2, "hi", 2, "%s: the same bytes", name);
    T_OK(stamp.seen_at > 0 && stamp.arrived_wall >= 0, "%s: stamped", name);
    T_OK(!tk_xport_pending(p.server), "%s: nothing is held", name);

    T_EQ_I(tk_xport_write(p.server, pieces, 3), 6, "%s: write of pieces", name);
    T_EQ_I(read_wait(&p, p.client, buf, sizeof(buf), &stamp), 6, "%s: come together", name);
    T_EQ_N(buf, 6, "abcdef", 6, "%s: in order", name);
    T_EQ_I(tk_xport_write(p.server, pieces, 0), 0, "%s: no pieces, no bytes", name);
    finish(&p);
}

/* A reader with a small buffer gets everything, by the io or by pending(), under one stamp. */
static void test_short_reads(const struct kind *k)
{
    struct tk_stamp stamp = { 0 }, first = { 0 };
    struct pair p;
    char got[11] = "";
    size_t n = 0;

    begin(k, &p);
    write_text(p.client, "0123456789");
    while (n < 10) {
        int64_t rc;

        if (!tk_xport_pending(p.server))
            pair_wait(&p, 0, TK_IO_IN);
        rc = tk_xport_read(p.server, got + n, TK_MIN(4U, 10 - n), &stamp);
        if (rc == TK_E_AGAIN_READ)
            continue;
        if (!T_OK(rc > 0, "%s: short read", name))
            break;
        first = n ? first : stamp;
        T_EQ_I(stamp.arrived_wall, first.arrived_wall, "%s: the same arrival", name);
        n += (size_t)rc;
    }
    T_EQ_S(got, "0123456789", "%s: the parts make the whole", name);
    T_OK(!tk_xport_pending(p.server), "%s: nothing is held any more", name);
    finish(&p);
}

/* --- a lot of bytes --- */

#define CHUNK 100000

static char pattern(uint64_t at)
{
    return (char)(at * 31 + at / 251);
}

static void fill(char *buf, size_t n, uint64_t at)
{
    for (size_t i = 0; i < n; i++)
        buf[i] = pattern(at + i);
}

/* Write until the transport has had enough; the position reached. */
static uint64_t write_full(struct tk_xport *x, bool *ret_partial)
{
    char *buf = malloc(CHUNK);
    uint64_t at = 0;
    int64_t rc;

    if (!buf)
        abort();
    for (;;) {
        struct iovec iov[2] = { { buf, 1000 }, { buf + 1000, CHUNK - 1000 } };

        fill(buf, CHUNK, at);
        rc = tk_xport_write(x, iov, 2);
        if (rc <= 0)
            break;
        *ret_partial |= rc < CHUNK;
        at += (uint64_t)rc;
    }
    free(buf);
    T_EQ_I(rc, TK_E_AGAIN_WRITE, "%s: at last it asks for another time", name);
    return at;
}

/* Read up to position `end`, and count the bytes that are wrong. */
static uint64_t read_all(struct pair *p, struct tk_xport *x, uint64_t at, uint64_t end)
{
    char *buf = malloc(CHUNK);
    struct tk_stamp stamp = { 0 };
    uint64_t wrong = 0;

    if (!buf)
        abort();
    while (at < end) {
        int64_t rc = read_wait(p, x, buf, CHUNK, &stamp);

        if (!T_OK(rc > 0, "%s: read of many at %llu", name, (unsigned long long)at))
            break;
        for (int64_t i = 0; i < rc; i++)
            wrong += buf[i] != pattern(at + (uint64_t)i);
        at += (uint64_t)rc;
    }
    free(buf);
    return wrong;
}

/* Go on after TK_E_AGAIN_WRITE: the bytes from `at` on again, while the peer makes room. */
static uint64_t write_rest(struct pair *p, uint64_t at)
{
    char buf[20000];
    struct iovec iov = { buf, sizeof(buf) };
    struct tk_stamp stamp = { 0 };
    uint64_t read_at = 0, wrong = 0;
    int64_t rc, n;

    fill(buf, sizeof(buf), at);
    while ((rc = tk_xport_write(p->client, &iov, 1)) == TK_E_AGAIN_WRITE) {
        char got[3000];

        pair_wait(p, TK_IO_OUT, TK_IO_IN);
        n = tk_xport_read(p->server, got, sizeof(got), &stamp);
        for (int64_t i = 0; i < n; i++)
            wrong += got[i] != pattern(read_at + (uint64_t)i);
        read_at += n > 0 ? (uint64_t)n : 0;
    }
    T_OK(rc > 0, "%s: then it takes %lld", name, (long long)rc);
    wrong += read_all(p, p->server, read_at, at + (uint64_t)TK_MAX(rc, 0));
    T_EQ_U(wrong, 0, "%s: every byte is right", name);
    return at;
}

static void test_large(const struct kind *k)
{
    bool is_partial = false;
    struct pair p;
    uint64_t at;

    begin(k, &p);
    at = write_full(p.client, &is_partial);
    /* A record larger than the pipe is only taken when the last of it went in. */
    T_OK(ops == &tk_xport_tls || (at > 0 && is_partial), "%s: took %llu bytes, the last in part",
         name, (unsigned long long)at);
    write_rest(&p, at);
    pair_wait(&p, TK_IO_OUT, 0);
    T_EQ_I(write_text(p.client, "x"), 1, "%s: there is room again", name);
    finish(&p);
}

/* --- ends --- */

static void test_orderly_close(const struct kind *k)
{
    struct tk_stamp stamp = { 0 };
    struct pair p;
    char buf[100];

    begin(k, &p);
    write_text(p.server, "bye");
    p.server = tk_xport_free(p.server);
    T_EQ_I(read_wait(&p, p.client, buf, sizeof(buf), &stamp), 3, "%s: what was sent before", name);
    stamp = (struct tk_stamp){ -1, -1 };
    T_EQ_I(read_wait(&p, p.client, buf, sizeof(buf), &stamp), 0, "%s: then the end", name);
    T_EQ_I(tk_xport_read(p.client, buf, sizeof(buf), &stamp), 0, "%s: which stays", name);
    T_OK(stamp.seen_at == -1, "%s: and has no stamp", name);
    finish(&p);
}

static void test_reset(const struct kind *k)
{
    struct tk_stamp stamp = { 0 };
    struct pair p;
    char buf[100];
    int64_t rc;

    begin(k, &p);
    write_text(p.client, "never read");
    pair_wait(&p, 0, TK_IO_IN);
    p.server = tk_xport_free(p.server);
    rc = read_wait(&p, p.client, buf, sizeof(buf), &stamp);
    if (ops == &tk_xport_tls) /* its close_notify may be read before the reset */
        T_OK(rc == -ECONNRESET || rc == 0, "%s: reset or end, %lld", name, (long long)rc);
    else
        T_EQ_I(rc, -ECONNRESET, "%s: reset", name);
    T_OK(strlen(tk_xport_detail(p.client, (int)rc)) > 0, "%s: has words", name);
    while ((rc = write_text(p.client, "x")) > 0)
        ;
    T_OK(rc == -EPIPE || rc == -ECONNRESET, "%s: no more writing, %lld", name, (long long)rc);
    finish(&p);
}

/* An end without hurry: what comes is dropped, until the peer has closed. */
static void test_drain(const struct kind *k)
{
    struct tk_stamp stamp = { 0 };
    struct pair p;
    char buf[100];

    begin(k, &p);
    T_EQ_I(tk_xport_drain(p.client, buf, sizeof(buf)), TK_E_AGAIN_READ, "%s: nothing came", name);
    write_text(p.server, "late words");
    pair_wait(&p, TK_IO_IN, 0);
    T_EQ_I(tk_xport_drain(p.client, buf, sizeof(buf)), TK_E_AGAIN_READ, "%s: dropped", name);
    T_EQ_I(tk_xport_read(p.client, buf, sizeof(buf), &stamp), TK_E_AGAIN_READ, "%s: gone", name);
    tk_xport_goodbye(p.client);
    if (ops == &tk_xport_tls)
        T_EQ_I(read_wait(&p, p.server, buf, sizeof(buf), &stamp), 0, "%s: the peer is told", name);
    T_EQ_I(tk_xport_drain(p.client, buf, sizeof(buf)), TK_E_AGAIN_READ, "%s: still open", name);
    p.server = tk_xport_free(p.server);
    pair_wait(&p, TK_IO_IN, 0);
    T_EQ_I(tk_xport_drain(p.client, buf, sizeof(buf)), 0, "%s: closed by the peer", name);
    finish(&p);
}

/* --- callbacks --- */

static int n_calls;

static void on_free(struct tk_io *io, unsigned ready)
{
    struct pair *p = io->owner;

    n_calls++;
    T_OK(ready & TK_IO_IN, "%s: readable", name);
    p->server = tk_xport_free(p->server);
    tk_loop_stop(p->loop);
}

static void on_wrong(struct tk_io *io, unsigned ready)
{
    (void)io;
    (void)ready;
    n_calls += 100;
}

/* The same wanted: whatever the layers, what was sent before comes, then no orderly end, where the
 * transport can say so. */
static void test_reset_on_purpose(const struct kind *k)
{
    struct tk_stamp stamp = { 0 };
    struct pair p;
    char buf[100];

    begin(k, &p);
    write_text(p.server, "cut");
    T_EQ_I(read_wait(&p, p.client, buf, sizeof(buf), &stamp), 3, "%s: what was sent before", name);
    tk_xport_reset(p.server);
    p.server = tk_xport_free(p.server);
    const struct tk_xport *bottom = p.client;
    while (bottom->below)
        bottom = bottom->below;
    T_EQ_I(read_wait(&p, p.client, buf, sizeof(buf), &stamp),
           bottom->ops->cannot_reset ? 0 : -ECONNRESET, "%s: reset on purpose", name);
    finish(&p);
}

/* A piece without bytes may have no address either. */
static void test_empty_pieces(const struct kind *k)
{
    char text[] = "ab";
    const struct iovec iov[] = { { NULL, 0 }, { text, 1 }, { NULL, 0 }, { text + 1, 1 } };
    struct tk_stamp stamp = { 0 };
    struct pair p;
    char buf[100];

    begin(k, &p);
    T_EQ_I(tk_xport_write(p.client, iov, TK_ARRAY_LEN(iov)), 2, "%s: empty pieces", name);
    T_EQ_I(read_wait(&p, p.server, buf, sizeof(buf), &stamp), 2, "%s: and the others", name);
    finish(&p);
}

static void test_free_in_callback(const struct kind *k)
{
    struct pair p;

    begin(k, &p);
    n_calls = 0;
    T_EQ_I(tk_xport_watch(p.server, 0, on_wrong, &p), 0, "%s: watch", name);
    T_EQ_I(tk_xport_watch(p.server, TK_IO_IN, on_free, &p), 0, "%s: watch anew", name);
    write_text(p.client, "x");
    T_EQ_I(tk_loop_run(p.loop), 0, "%s: run", name);
    T_EQ_I(n_calls, 1, "%s: freed in its callback, called once", name);
    finish(&p);
}

static void test_no_memory(const struct kind *k)
{
    struct pair p = { 0 };
    int n = 1;

    tk_loop_new(k->loop_kind, &p.loop);
    for (;; n++) {
        int rc;

        tk_failmalloc_at(n);
        rc = k->make(&p);
        if (!tk_failmalloc_off())
            break;
        T_EQ_I(rc, -ENOMEM, "%s: allocation %d fails", k->name, n);
        pair_release(&p);
        p.loop = tk_loop_free(p.loop); /* its tables are allocations too */
        tk_loop_new(k->loop_kind, &p.loop);
    }
    T_OK(n > 1, "%s: and then it is made", k->name);
    pair_release(&p);
    tk_loop_free(p.loop);
}

static void test_table(void)
{
    for (size_t i = 0; tk_xports[i]; i++) {
        bool is_tested = false;

        for (size_t k = 0; k < TK_ARRAY_LEN(kinds); k++)
            is_tested |= kinds[k].ops == tk_xports[i];
        T_OK(is_tested, "%s is tested here", tk_xports[i]->name);
    }
}

static void test_misuse(void)
{
    struct tk_xport_conf conf = { .fd = -1 };
    struct tk_xport *x = NULL;
    struct tk_loop *loop;
    struct tk_err err;

    tk_loop_new(TK_LOOP_REAL, &loop);
    T_EQ_I(tk_xport_new(&tk_xport_tcp, loop, &conf, &x, &err), -EINVAL, "%s", err.msg);
    T_EQ_I(tk_xport_new(&tk_xport_unix, loop, &conf, &x, &err), -EINVAL, "%s", err.msg);
    T_EQ_I(tk_xport_new(&tk_xport_tls, loop, &conf, &x, &err), -EINVAL, "%s", err.msg);
    T_EQ_I(tk_xport_new(&tk_xport_mem, loop, &conf, &x, &err), TK_E_UNSUPPORTED, "%s", err.msg);
    T_EQ_I(tk_mem_pair(loop, 0, &x, &x), -EINVAL, "a pipe must hold something");
    T_OK(!x && !tk_xport_free(NULL), "nothing was made");
    tk_loop_free(loop);
}

int main(void)
{
    struct tk_tls_conf insecure = { .is_insecure = true }, own = { 0 };

    T_EQ_I(tk_tls_new_client(&insecure, &tls_client, NULL), 0, "TLS client");
    T_EQ_I(tk_tls_new_server(&own, &tls_server, NULL), 0, "TLS server");
    test_table();
    test_misuse();
    for (size_t i = 0; i < TK_ARRAY_LEN(kinds); i++) {
        test_small(&kinds[i]);
        test_short_reads(&kinds[i]);
        test_large(&kinds[i]);
        test_orderly_close(&kinds[i]);
        test_reset(&kinds[i]);
        test_reset_on_purpose(&kinds[i]);
        test_empty_pieces(&kinds[i]);
        test_drain(&kinds[i]);
        test_free_in_callback(&kinds[i]);
        test_no_memory(&kinds[i]);
    }
    tk_tls_free(tls_client);
    tk_tls_free(tls_server);
    return T_DONE();
}
