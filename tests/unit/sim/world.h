/* world.h - a simulator over transports in memory, in virtual time, and a client of a few lines
 *
 * The client is a transport and what came over it, so that nothing of the real one stands between
 * the simulator and what is asserted. Included by one file per program.
 */
#ifndef TK_TESTS_UNIT_SIM_WORLD_H
#define TK_TESTS_UNIT_SIM_WORLD_H

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "ev/loop.h"
#include "lib/tap.h"
#include "net/xport.h"
#include "sim/sim.h"

#define MS TK_NS_PER_MS
#define MAX_READS 8192
#define MAX_EVENTS 512
#define MAX_LINES 1024
#define CLIENT_BYTES ((size_t)1 << 20)

/* --- a simulator whose lines are kept --- */

static struct {
    struct tk_loop *loop;
    struct tk_sim *sim;
    char *lines[MAX_LINES];
    size_t n_lines;
} world;

static T_UNUSED void keep_line(void *owner, struct tk_str line)
{
    (void)owner;
    if (world.n_lines < MAX_LINES)
        world.lines[world.n_lines++] = tk_str_dup(line);
}

static T_UNUSED void open_world(struct tk_sim_conf conf)
{
    struct tk_err err = { 0 };

    if (tk_loop_new(TK_LOOP_VIRTUAL, &world.loop) < 0)
        exit(1);
    conf.loop = world.loop;
    conf.on_line = keep_line;
    if (tk_sim_new(&conf, &world.sim, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
}

static T_UNUSED void open_default_world(void)
{
    open_world((struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT });
}

static T_UNUSED void close_world(void)
{
    world.sim = tk_sim_free(world.sim);
    world.loop = tk_loop_free(world.loop);
    for (size_t i = 0; i < world.n_lines; i++)
        free(world.lines[i]);
    world.n_lines = 0;
}

/* The number behind "key": in line `i`; the `nth` of an array. INT64_MIN: not there. */
static T_UNUSED int64_t line_number(size_t i, const char *key, size_t nth)
{
    char quoted[64];
    const char *p;
    bool is_negative;
    int64_t v = 0;

    snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    p = i < world.n_lines ? strstr(world.lines[i], quoted) : NULL;
    if (!p)
        return INT64_MIN;
    p += strlen(quoted);
    p += *p == '[';
    for (; nth > 0; nth--) {
        p += strcspn(p, ",]");
        if (*p != ',')
            return INT64_MIN;
        p++;
    }
    is_negative = *p == '-';
    p += is_negative;
    if (*p < '0' || *p > '9')
        return INT64_MIN;
    for (; *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (*p - '0');
    return is_negative ? -v : v;
}

static T_UNUSED bool line_has(size_t i, const char *text)
{
    return i < world.n_lines && strstr(world.lines[i], text) != NULL;
}

/* --- a client --- */

struct event {
    char *data; /* in client.body, NUL-terminated */
    tk_ns at;   /* when its last byte was read */
};

struct client {
    struct tk_xport *x;
    char *p; /* what came, NUL-terminated; CLIENT_BYTES of room */
    size_t n;
    struct {
        size_t end; /* bytes there were after it */
        tk_ns at;
    } reads[MAX_READS];
    size_t n_reads;
    tk_ns closed_at; /* 0: open */
    int64_t code;    /* of the read that ended it */
    char *body;      /* without chunks; after parse() */
    size_t body_n;
    struct event events[MAX_EVENTS];
    size_t n_events;
    bool has_last_chunk;
};

static T_UNUSED void on_readable(struct tk_io *io, unsigned ready)
{
    struct client *c = io->owner;
    struct tk_stamp stamp;
    int64_t n;

    (void)ready;
    for (;;) {
        n = tk_xport_read(c->x, c->p + c->n, CLIENT_BYTES - 1 - c->n, &stamp);
        if (n <= 0)
            break;
        c->n += (size_t)n;
        c->p[c->n] = '\0';
        if (c->n_reads < MAX_READS) {
            c->reads[c->n_reads].end = c->n;
            c->reads[c->n_reads++].at = stamp.seen_at;
        }
    }
    if (n == TK_E_AGAIN_READ)
        return;
    c->closed_at = tk_clock_now();
    c->code = n;
    tk_xport_io(c->x)->want = 0;
    c->x = tk_xport_free(c->x);
}

static T_UNUSED struct client *new_client(void)
{
    struct client *c = calloc(1, sizeof(*c));
    struct tk_xport *server;

    c->p = calloc(1, CLIENT_BYTES);
    if (tk_mem_pair(world.loop, 1 << 20, &c->x, &server) < 0 ||
        tk_sim_adopt(world.sim, server) < 0 || tk_xport_watch(c->x, TK_IO_IN, on_readable, c) < 0)
        exit(1);
    return c;
}

static T_UNUSED void free_client(struct client *c)
{
    tk_xport_free(c->x);
    free(c->p);
    free(c->body);
    free(c);
}

/* Forget what came, for the next request on the connection. */
static T_UNUSED void forget(struct client *c)
{
    free(c->body);
    c->body = NULL;
    c->n = c->n_reads = c->n_events = c->body_n = 0;
    c->has_last_chunk = false;
}

static T_UNUSED void write_text(struct client *c, const char *text, size_t n)
{
    struct iovec io = { .iov_base = (void *)(uintptr_t)text, .iov_len = n };

    if (tk_xport_write(c->x, &io, 1) != (int64_t)n)
        exit(1);
}

/* Send a request; `headers` are whole lines. */
static T_UNUSED void ask(struct client *c, const char *what, const char *headers, const char *body)
{
    char head[2048];
    int n = snprintf(head, sizeof(head),
                     "%s HTTP/1.1\r\nHost: sim\r\n%sContent-Length: %zu\r\n\r\n", what, headers,
                     strlen(body));

    write_text(c, head, (size_t)n);
    if (body[0])
        write_text(c, body, strlen(body));
}

static T_UNUSED tk_ns instant_of(const struct client *c, size_t end)
{
    for (size_t i = 0; i < c->n_reads; i++) {
        if (c->reads[i].end >= end)
            return c->reads[i].at;
    }
    return 0;
}

static T_UNUSED size_t hex_at(const char *p)
{
    size_t v = 0;

    for (; *p && strchr("0123456789abcdefABCDEF", *p); p++)
        v = v * 16 + (size_t)(*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10);
    return v;
}

/* Take the chunks apart; `ends` gets, for each byte of the body, where it stood in what came. */
static T_UNUSED void unchunk(struct client *c, const char *p, size_t *ends)
{
    for (;;) {
        size_t n = hex_at(p);
        const char *data = strstr(p, "\r\n");

        if (!data)
            return;
        data += 2;
        if (n == 0) {
            c->has_last_chunk = *p == '0' && data[0] == '\r' && data[1] == '\n';
            return;
        }
        if ((size_t)(c->p + c->n - data) < n + 2)
            return;
        for (size_t i = 0; i < n; i++) {
            ends[c->body_n] = (size_t)(data - c->p) + i + 1;
            c->body[c->body_n++] = data[i];
        }
        p = data + n + 2;
    }
}

/* Split what came into head, body and events. */
static T_UNUSED void parse(struct client *c)
{
    char *head_end = c->n ? strstr(c->p, "\r\n\r\n") : NULL;
    size_t *ends = calloc(c->n + 1, sizeof(*ends));
    size_t at = 0;

    free(c->body);
    c->body = calloc(1, c->n + 1);
    c->body_n = c->n_events = 0;
    if (head_end && strstr(c->p, "ransfer-")) {
        unchunk(c, head_end + 4, ends);
    } else if (head_end) {
        c->body_n = c->n - (size_t)(head_end + 4 - c->p);
        memcpy(c->body, head_end + 4, c->body_n);
    }
    while (at < c->body_n && c->n_events < MAX_EVENTS) {
        char *end = memmem(c->body + at, c->body_n - at, "\n\n", 2);

        if (!end || strncmp(c->body + at, "data: ", 6) != 0)
            break;
        *end = '\0';
        c->events[c->n_events].data = c->body + at + 6;
        c->events[c->n_events++].at = instant_of(c, ends[end + 1 - c->body]);
        at = (size_t)(end + 2 - c->body);
    }
    free(ends);
}

static T_UNUSED int status_of(const struct client *c)
{
    return c->n > 12 && strncmp(c->p, "HTTP/1.1 ", 9) == 0
               ? (c->p[9] - '0') * 100 + (c->p[10] - '0') * 10 + (c->p[11] - '0')
               : 0;
}

/* What the event says of its instant. */
static T_UNUSED int64_t stamp_of(const struct event *e)
{
    const char *p = strstr(e->data, "\"sent_at_ns\":");
    int64_t v = 0;

    if (!p)
        return -1;
    p += 13 + strspn(p + 13, " ");
    for (; *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (*p - '0');
    return *p == '}' ? v : -1;
}

static T_UNUSED size_t n_with(const struct client *c, const char *text)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_events; i++)
        n += strstr(c->events[i].data, text) != NULL;
    return n;
}

static T_UNUSED void run(void)
{
    T_EQ_I(tk_loop_run(world.loop), 0, "the loop comes to rest");
}

static T_UNUSED void on_until(struct tk_timer *t)
{
    tk_loop_stop(t->owner);
}

/* Let so much time go by. */
static T_UNUSED void run_for(tk_ns dur)
{
    struct tk_timer t;

    tk_timer_init(&t, on_until, world.loop);
    tk_timer_set(world.loop, &t, tk_clock_now() + dur);
    run();
}

#define CHAT "POST /v1/chat/completions"
#define CHAT_BODY "{\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}],\"stream\":true}"

/* One chat on a connection of its own, with these knobs; the loop runs till it rests. */
static T_UNUSED struct client *chat(const char *knobs)
{
    struct client *c = new_client();
    char header[512];

    snprintf(header, sizeof(header), "X-Sim: %s\r\n", knobs);
    ask(c, CHAT, header, CHAT_BODY);
    run();
    parse(c);
    return c;
}

/* What /metrics says of this line, up to its value; NAN: it has no such line. */
static T_UNUSED double metric(const struct client *page, const char *line)
{
    const char *p = page->body ? strstr(page->body, line) : NULL;
    double value;
    size_t n;

    if (!p)
        return NAN;
    p += strlen(line);
    n = strcspn(p, "\n");
    return tk_num_parse_double((struct tk_str){ p, n }, &value) == 0 ? value : NAN;
}

static T_UNUSED struct client *get(const char *what)
{
    struct client *c = new_client();

    ask(c, what, "", "");
    run();
    parse(c);
    return c;
}

#endif
