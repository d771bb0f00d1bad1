/* test_retire.c - connections that are let go after their reply: closed by the peer, or reset in time */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "failmalloc.h"
#include "http/client.h"
#include "tap.h"

#define REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define REPLY_CLOSE "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
#define SMALL 64 /* bytes of a pipe */

struct world {
    struct tk_loop *loop;
    struct tk_http_env *env;
    bool retires_at_end; /* in the callback */
    unsigned n_ends, n_late;
};

struct conn {
    struct world *w;
    struct tk_http_conn *c; /* NULL when it was retired */
    struct tk_xport *peer;
};

static void on_event(struct tk_http_conn *c, const struct tk_http_event *ev)
{
    struct conn *k = tk_http_conn_owner(c);

    if (!k->c)
        k->w->n_late++;
    if (ev->kind != TK_HTTP_END)
        return;
    k->w->n_ends++;
    if (!k->w->retires_at_end)
        return;
    k->c = NULL;
    tk_http_conn_retire(c);
}

static void begin(struct world *w, bool retires_at_end)
{
    struct tk_http_env_conf conf = { .xport = &tk_xport_mem, .limits = TK_HTTP_LIMITS_DEFAULT };

    *w = (struct world){ .retires_at_end = retires_at_end };
    if (tk_loop_new(TK_LOOP_VIRTUAL, &w->loop))
        abort();
    conf.loop = w->loop;
    if (tk_http_env_new(&conf, &w->env))
        abort();
}

static void finish(struct world *w)
{
    tk_http_env_free(w->env);
    tk_loop_free(w->loop);
}

static void say(struct conn *k, const char *text)
{
    struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };

    if (tk_xport_write(k->peer, &iov, 1) != (int64_t)iov.iov_len)
        abort();
}

/* What the peer reads: bytes, 0 for an end, or an error. */
static int64_t hear(struct conn *k)
{
    struct tk_stamp stamp;
    char buf[SMALL];

    return tk_xport_read(k->peer, buf, sizeof(buf), &stamp);
}

/* Time passes. */
static void on_nothing(struct tk_timer *t)
{
    tk_loop_stop(t->owner);
}

static void pass(struct world *w, tk_ns dur)
{
    struct tk_timer t;

    tk_timer_init(&t, on_nothing, w->loop);
    if (tk_timer_set(w->loop, &t, tk_clock_now() + dur) || tk_loop_run(w->loop))
        abort();
}

/* A connection with a whole reply on it. */
static void ask_only(struct world *w, struct conn *k, const char *reply)
{
    struct tk_http_conn_conf conf = { .cb = on_event, .owner = k };
    struct iovec iov = { (void *)(uintptr_t) "GET / HTTP/1.1\r\n\r\n", 18 };
    unsigned n_ends = w->n_ends;

    k->w = w;
    if (tk_mem_pair(w->loop, 256, &conf.xport, &k->peer) ||
        tk_http_conn_new(w->env, &conf, &k->c, NULL))
        abort();
    pass(w, 1);
    if (tk_http_send(k->c, &iov, 1) || hear(k) != 18)
        abort();
    say(k, reply);
    pass(w, 1);
    T_EQ_U(w->n_ends, n_ends + 1, "the reply is whole");
}

/* The same, and retired. */
static void ask(struct world *w, struct conn *k, const char *reply)
{
    ask_only(w, k, reply);
    if (k->c)
        tk_http_conn_retire(k->c);
    k->c = NULL;
}

static void test_peer_closes(bool at_end, const char *reply)
{
    struct world w;
    struct conn k;

    begin(&w, at_end);
    ask(&w, &k, reply);
    pass(&w, TK_HTTP_RETIRE_DUR / 2);
    T_EQ_I(hear(&k), TK_E_AGAIN_READ, "it is left to the peer to close");
    say(&k, "more that nobody asked for");
    pass(&w, 1);
    T_EQ_I(hear(&k), TK_E_AGAIN_READ, "whatever it says");
    k.peer = tk_xport_free(k.peer);
    pass(&w, 2 * TK_HTTP_RETIRE_DUR);
    T_EQ_U(w.n_late, 0, "nothing was called back");
    finish(&w);
}

static void test_peer_stays(bool at_end)
{
    struct world w;
    struct conn k[2];

    begin(&w, at_end);
    ask(&w, &k[0], REPLY);
    pass(&w, TK_HTTP_RETIRE_DUR / 4);
    ask(&w, &k[1], REPLY_CLOSE);
    pass(&w, TK_HTTP_RETIRE_DUR / 2);
    T_EQ_I(hear(&k[0]), TK_E_AGAIN_READ, "before its time");
    pass(&w, TK_HTTP_RETIRE_DUR / 4);
    T_EQ_I(hear(&k[0]), -ECONNRESET, "a peer that does not close is reset");
    T_EQ_I(hear(&k[1]), at_end ? TK_E_AGAIN_READ : 0,
           "one that END has closed already stays so; the other has time left");
    pass(&w, TK_HTTP_RETIRE_DUR / 2);
    if (at_end)
        T_EQ_I(hear(&k[1]), -ECONNRESET, "then it is reset too");
    for (size_t i = 0; i < 2; i++)
        tk_xport_free(k[i].peer);
    finish(&w);
}

static void test_many(void)
{
    static struct conn k[TK_HTTP_RETIRED_MAX + 2];
    const size_t n = TK_ARRAY_LEN(k);
    struct world w;

    begin(&w, true);
    for (size_t i = 0; i < n; i++)
        ask(&w, &k[i], REPLY);
    T_EQ_I(hear(&k[0]), -ECONNRESET, "the oldest makes room");
    T_EQ_I(hear(&k[1]), -ECONNRESET, "and the next");
    T_EQ_I(hear(&k[2]), TK_E_AGAIN_READ, "the others wait");
    T_EQ_I(hear(&k[n - 1]), TK_E_AGAIN_READ, "the last too");
    w.env = tk_http_env_free(w.env);
    T_EQ_I(hear(&k[2]), -ECONNRESET, "none outlives the environment");
    for (size_t i = 0; i < n; i++)
        tk_xport_free(k[i].peer);
    finish(&w);
}

/* Without memory for its timer it is reset at once. */
static void test_no_memory(void)
{
    bool is_over = false;

    for (int n = 1; !is_over; n++) {
        struct world w;
        struct conn k;

        begin(&w, false);
        k.w = &w;
        ask_only(&w, &k, REPLY);
        tk_failmalloc_at(n);
        tk_http_conn_retire(k.c);
        is_over = !tk_failmalloc_off();
        T_EQ_I(hear(&k), is_over ? TK_E_AGAIN_READ : -ECONNRESET, "allocation %d", n);
        tk_xport_free(k.peer);
        finish(&w);
    }
}

int main(void)
{
    for (int at_end = 0; at_end < 2; at_end++) {
        test_peer_closes(at_end, REPLY);
        test_peer_stays(at_end);
    }
    test_peer_closes(true, REPLY_CLOSE);
    test_many();
    test_no_memory();
    return T_DONE();
}
