/* conn.c - a worker's connections: opened ahead, kept, replaced
 *
 *   opening --OPENED--> idle --assign--> busy --done--> idle
 *        \--ERROR--> next address, or the stream fails      \--> freed
 *
 * The last used connection is taken first, so that those which are not needed go idle and stay so.
 * At most max_opening handshakes are under way; streams beyond that wait in order.
 */
#include "load/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "net/source.h"

/* Source addresses that a connection tries: each that is out of ports costs a search through all. */
#define SOURCES_TRIED_MAX 32

static void on_http(struct tk_http_conn *http, const struct tk_http_event *ev);

static void unlink_conn(struct tk_lconn *c)
{
    if (c->state == TK_LCONN_OPENING)
        c->w->n_opening--;
    tk_list_remove(&c->link);
}

void tk__conn_free(struct tk_lconn *c)
{
    unlink_conn(c);
    if (c->http) {
        tk_http_conn_free(c->http);
        tk_live_add(&c->w->live->open_conns, -1);
    }
    free(c);
}

void tk__conn_free_all(struct tk_worker *w)
{
    struct tk_link *const lists[] = { &w->idle, &w->busy, &w->opening };
    for (size_t i = 0; i < TK_ARRAY_LEN(lists); i++)
        for (struct tk_link *l = lists[i]->next, *next; l != lists[i]; l = next) {
            next = l->next;
            tk__conn_free(TK_CONTAINER_OF(l, struct tk_lconn, link));
        }
}

static int dial_virtual(struct tk_lconn *c, struct tk_err *reterr)
{
    const struct tk_load_virtual *virt = c->w->load->conf.virt;
    struct tk_http_conn_conf conf = { .cb = on_http, .owner = c };
    int rc = virt->connect(virt->owner, &conf.xport);
    if (rc == 0)
        rc = tk_http_conn_new(c->w->env, &conf, &c->http, reterr);
    if (rc == 0)
        tk_live_add(&c->w->live->open_conns, 1);
    return rc;
}

/* Begin to connect to the next address: the one that answered last comes first. */
static int dial(struct tk_lconn *c, struct tk_err *reterr)
{
    const struct tk_addrs *addrs = c->w->load->conf.addrs;
    if (c->w->load->conf.virt)
        return c->n_tried ? TK_E_NOT_FOUND : dial_virtual(c, reterr);
    int rc = TK_E_NOT_FOUND;
    for (; c->n_tried < addrs->n; c->n_tried++) {
        unsigned at = (c->w->good_addr + c->n_tried) % addrs->n;
        struct tk_http_conn_conf conf = { .peer = &addrs->v[at], .cb = on_http, .owner = c };
        conf.source = tk_sources_pick(c->w->load->conf.sources, conf.peer, &c->source);
        rc = tk_http_conn_new(c->w->env, &conf, &c->http, reterr);
        if (rc == 0) {
            c->addr = at;
            tk_live_add(&c->w->live->open_conns, 1);
            return 0;
        }
    }
    return rc;
}

/* The source address that a new connection begins with: of spare ones the one that had ports last. */
static unsigned take_source(struct tk_worker *w)
{
    const struct tk_sources *s = w->load->conf.sources;
    return s && !s->is_spare ? w->next_source++ : w->next_source;
}

/* It had no port left: go on with the next source address, if there is one. */
static bool next_source(struct tk_lconn *c)
{
    const struct tk_sources *s = c->w->load->conf.sources;
    if (!s || ++c->n_sources_tried >= TK_MIN(s->n, SOURCES_TRIED_MAX))
        return false;
    c->source++;
    if (s->is_spare)
        c->w->next_source = c->source;
    return true;
}

/* Open a connection for `s`, or ahead of need when it is NULL. */
static int open_conn(struct tk_worker *w, struct tk_stream *s, struct tk_err *reterr)
{
    struct tk_lconn *c = calloc(1, sizeof(*c));
    if (!c)
        return tk_err_set(reterr, -ENOMEM, "no memory for a connection");
    c->w = w;
    c->stream = s;
    c->is_ahead = !s;
    c->id = ++w->n_conns;
    c->source = take_source(w);
    c->state = TK_LCONN_OPENING;
    tk_list_push(&w->opening, &c->link);
    w->n_opening++;
    w->health.conns_opened++;
    int rc = dial(c, reterr);
    if (rc) {
        w->health.conns_failed++;
        tk__conn_free(c);
        return rc;
    }
    if (s)
        s->conn = c;
    return 0;
}

/* Streams that waited for their turn to connect. */
static void open_for_waiting(struct tk_worker *w)
{
    while (w->n_opening < w->max_opening && !tk_list_is_empty(&w->waiting)) {
        struct tk_stream *s = TK_CONTAINER_OF(tk_list_pop(&w->waiting), struct tk_stream, link);
        tk_list_push(&w->active, &s->link);
        struct tk_err err = { 0 };
        int rc = open_conn(w, s, &err);
        if (rc)
            tk__stream_no_conn(s, rc, err.msg);
    }
}

/* One connection less to wait for before the phase may start. */
static void count_ahead(struct tk_worker *w)
{
    if (!w->is_preparing)
        return;
    if (w->n_ahead)
        tk__conn_open_ahead(w);
    else if (w->n_opening == 0) {
        w->is_preparing = false;
        if (atomic_fetch_sub(&w->load->n_preparing, 1) == 1)
            tk__load_go(w->load);
    }
}

void tk__conn_open_ahead(struct tk_worker *w)
{
    while (w->n_ahead && w->n_opening < w->max_opening) {
        w->n_ahead--;
        if (open_conn(w, NULL, NULL))
            w->n_ahead = 0; /* the streams will meet the same error, and record it */
    }
    if (w->n_ahead == 0 && w->n_opening == 0)
        count_ahead(w);
}

unsigned tk__conn_n_idle(const struct tk_worker *w)
{
    unsigned n = 0;
    for (const struct tk_link *l = w->idle.next; l != &w->idle; l = l->next)
        n++;
    return n;
}

static void set_state(struct tk_lconn *c, enum tk_lconn_state state, struct tk_link *list)
{
    unlink_conn(c);
    c->state = state;
    tk_list_push(list, &c->link);
}

void tk__conn_assign(struct tk_stream *s, bool wants_fresh)
{
    struct tk_worker *w = s->w;
    struct tk_link *l = wants_fresh ? NULL : tk_list_pop_last(&w->idle);
    if (l) {
        struct tk_lconn *c = TK_CONTAINER_OF(l, struct tk_lconn, link);
        c->state = TK_LCONN_BUSY;
        tk_list_push(&w->busy, &c->link);
        c->stream = s;
        s->conn = c;
        tk__stream_send(s, c);
        return;
    }
    if (w->n_opening >= w->max_opening) {
        tk_list_remove(&s->link);
        tk_list_push(&w->waiting, &s->link);
        return;
    }
    struct tk_err err = { 0 };
    int rc = open_conn(w, s, &err);
    if (rc)
        tk__stream_no_conn(s, rc, err.msg);
}

void tk__conn_retire(struct tk_lconn *c)
{
    unlink_conn(c);
    tk_http_conn_retire(c->http);
    tk_live_add(&c->w->live->open_conns, -1);
    free(c);
}

void tk__conn_done(struct tk_lconn *c, bool is_reusable)
{
    struct tk_worker *w = c->w;
    bool was_opening = c->state == TK_LCONN_OPENING;
    c->stream = NULL;
    if (c->http)
        tk_http_conn_set_warm(c->http, NULL, 0);
    if (!is_reusable) {
        tk__conn_free(c);
        if (was_opening)
            open_for_waiting(w);
        return;
    }
    c->had_reply = true;
    set_state(c, TK_LCONN_IDLE, &w->idle);
}

static void on_opened(struct tk_lconn *c)
{
    struct tk_worker *w = c->w;
    struct tk_stream *s = c->stream;
    w->good_addr = c->addr;
    w->rest_dur = 0; /* there is a server again */
    set_state(c, s ? TK_LCONN_BUSY : TK_LCONN_IDLE, s ? &w->busy : &w->idle);
    if (s)
        tk__stream_send(s, c);
    open_for_waiting(w);
    count_ahead(w);
}

/* Why it could not be opened, for people; connect() has an odd word for ports that are all in use. */
static const char *words_for(const struct tk_http_event *ev)
{
    if (ev->code == -EADDRNOTAVAIL)
        return "no local port is left for this server: fewer at once, more addresses to come from "
               "(--source-address), or a wider net.ipv4.ip_local_port_range";
    return ev->detail ? ev->detail : tk_err_text(ev->code);
}

/* It could not be opened: go on with the next address, else the stream has no connection. */
static void on_not_opened(struct tk_lconn *c, const struct tk_http_event *ev)
{
    struct tk_worker *w = c->w;
    struct tk_stream *s = c->stream;
    int code = ev->code;
    char detail[TK_DETAIL_BYTES]; /* the connection's own goes with it */
    (void)snprintf(detail, sizeof(detail), "%s", words_for(ev));
    c->http = tk_http_conn_free(c->http);
    tk_live_add(&w->live->open_conns, -1);
    if (code != -EADDRNOTAVAIL || !next_source(c)) {
        c->n_tried++;
        c->n_sources_tried = 0;
    }
    if (dial(c, NULL) == 0)
        return;
    w->health.conns_failed++;
    tk__conn_free(c);
    if (s) {
        s->conn = NULL;
        tk__stream_no_conn(s, code, detail);
    }
    open_for_waiting(w);
    count_ahead(w);
}

static void on_http(struct tk_http_conn *http, const struct tk_http_event *ev)
{
    struct tk_lconn *c = tk_http_conn_owner(http);
    if (c->state == TK_LCONN_OPENING) {
        if (ev->kind == TK_HTTP_OPENED)
            on_opened(c);
        else if (ev->kind == TK_HTTP_ERROR)
            on_not_opened(c, ev);
        return;
    }
    if (c->stream)
        tk__stream_on_http(c->stream, ev);
    else if (ev->kind == TK_HTTP_ERROR)
        tk__conn_free(c); /* the peer closed it while it was idle */
}
