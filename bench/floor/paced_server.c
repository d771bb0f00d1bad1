/* paced_server.c - a token server whose true timing is known
 *
 * Answers every POST with a stream of server-sent events, one token each, on a fixed
 * schedule, and remembers what it really did. A load generator's figures can then be
 * held against the truth, and its cost against floor_client's.
 *
 *   request whole (kernel arrival stamp) --ttft--> first token --itl--> second --itl--> ...
 *
 * The truth counts from the kernel's arrival stamp of the request's last byte to the
 * instant just before each send(), so the server's own queueing is in it and the
 * client's is not. Every event carries that instant as "sent_at_ns" (CLOCK_REALTIME).
 *
 *   GET  /v1/models   one model, "paced"
 *   GET  /health      200
 *   GET  /metrics     200, no metrics
 *   GET  /truth       what was really sent so far, as JSON; /truth?reset forgets it;
 *                     /truth?last=N takes the spreads over the last N requests only, so
 *                     that a client's warm-up stays out of them
 *   POST anything     the stream; max_tokens or max_completion_tokens set its length
 *
 * One thread, epoll, a binary heap of deadlines on a timerfd. Linux only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* These need the types of the ones above. */
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

typedef int64_t ns;

struct conn {
    int fd;
    int heap_at;     /* index in the heap, -1 when not waiting */
    bool chat;       /* chat.completion.chunk rather than text_completion */
    unsigned serial; /* the request's number, in the ids that it gets */
    int left, sent;  /* tokens still to send, tokens sent */
    ns due;          /* CLOCK_REALTIME instant of the next event */
    ns arrived;      /* kernel stamp of the request's last byte */
    ns last;         /* instant of the previous event */
    size_t n, cap;   /* request bytes held, room for them */
    char *buf;
    struct conn *free_next;
};

struct sample {
    float ms;
    unsigned serial;
}; /* serial: the request that it belongs to */
struct series {
    struct sample *v;
    size_t n, cap;
};

static ns ttft_dur = 50 * 1000000LL, itl_dur = 10 * 1000000LL;
static int default_tokens = 100;
static bool role_chunk; /* send an empty role chunk as soon as the request is whole */
static struct series ttfts, itls;
static uint64_t n_events, n_requests, n_done, n_broken;
static int n_open, peak_open;
static struct conn **heap;
static int heap_n, heap_cap;
static int ep, tfd;

static ns now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void push(struct series *s, ns dur, unsigned serial)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1 << 16;
        s->v = realloc(s->v, s->cap * sizeof *s->v);
        if (!s->v) {
            perror("realloc");
            exit(1);
        }
    }
    s->v[s->n++] = (struct sample){ (float)(dur / 1e6), serial };
}

static void heap_set(int i, struct conn *c)
{
    heap[i] = c;
    c->heap_at = i;
}

static void heap_fix(int i)
{
    struct conn *c = heap[i];
    for (int up; i > 0 && heap[up = (i - 1) / 2]->due > c->due; i = up)
        heap_set(i, heap[up]);
    for (int kid; (kid = 2 * i + 1) < heap_n; i = kid) {
        if (kid + 1 < heap_n && heap[kid + 1]->due < heap[kid]->due)
            kid++;
        if (heap[kid]->due >= c->due)
            break;
        heap_set(i, heap[kid]);
    }
    heap_set(i, c);
}

static void heap_add(struct conn *c)
{
    if (heap_n == heap_cap) {
        heap_cap = heap_cap ? heap_cap * 2 : 1024;
        heap = realloc(heap, (size_t)heap_cap * sizeof *heap);
        if (!heap) {
            perror("realloc");
            exit(1);
        }
    }
    heap[heap_n] = c;
    c->heap_at = heap_n++;
    heap_fix(c->heap_at);
}

static void heap_drop(struct conn *c)
{
    int i = c->heap_at;
    if (i < 0)
        return;
    c->heap_at = -1;
    struct conn *last = heap[--heap_n];
    if (last != c) {
        heap_set(i, last);
        heap_fix(i);
    }
}

static void drop(struct conn *c)
{
    if (c->heap_at >= 0) {
        heap_drop(c);
        n_broken++;
        n_open--;
    }
    close(c->fd);
    free(c->buf);
    free(c);
}

static bool put(struct conn *c, const char *p, size_t n)
{
    while (n) {
        ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EAGAIN) {
            usleep(50);
            continue;
        } /* a client this slow has failed already */
        if (k < 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static bool put_event(struct conn *c, const char *json)
{
    char out[1024];
    int body = (int)strlen(json) + 8; /* "data: " + json + "\n\n" */
    int n = snprintf(out, sizeof out, "%x\r\ndata: %s\n\n\r\n", (unsigned)body, json);
    return put(c, out, (size_t)n);
}

static bool put_simple(struct conn *c, const char *status, const char *body)
{
    char head[256];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                     status, strlen(body));
    return put(c, head, (size_t)n) && put(c, body, strlen(body));
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int describe(char *out, size_t cap, const char *name, const struct series *s, uint64_t after)
{
    float *v = malloc((s->n + 1) * sizeof *v);
    size_t n = 0;
    double sum = 0;
    if (!v) {
        perror("malloc");
        exit(1);
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].serial > after)
            sum += v[n++] = s->v[i].ms;
    qsort(v, n, sizeof *v, by_value);
#define AT(q) (n ? v[(size_t)((double)(n - 1) * (q))] : 0.0f)
    int k = snprintf(
        out, cap,
        "\"%s\":{\"n\":%zu,\"mean\":%.4f,\"p50\":%.4f,\"p90\":%.4f,\"p99\":%.4f,\"max\":%.4f}",
        name, n, n ? sum / (double)n : 0.0, AT(.5), AT(.9), AT(.99), AT(1.));
#undef AT
    free(v);
    return k;
}

static bool put_truth(struct conn *c, bool reset, uint64_t last)
{
    uint64_t after = last && last < n_requests ? n_requests - last : 0;
    char out[1024];
    int n = snprintf(
        out, sizeof out,
        "{\"requests\":%llu,\"completed\":%llu,\"broken\":%llu,\"events\":%llu,\"peak_concurrency\":%d,",
        (unsigned long long)n_requests, (unsigned long long)n_done, (unsigned long long)n_broken,
        (unsigned long long)n_events, peak_open);
    n += describe(out + n, sizeof out - (size_t)n, "ttft_ms", &ttfts, after);
    out[n++] = ',';
    n += describe(out + n, sizeof out - (size_t)n, "itl_ms", &itls, after);
    snprintf(out + n, sizeof out - (size_t)n, "}\n");
    if (reset) {
        ttfts.n = itls.n = 0;
        n_events = n_requests = n_done = n_broken = 0;
        peak_open = n_open;
    }
    return put_simple(c, "200 OK", out);
}

/* Send the stream's next event, and say whether the connection lives. */
static bool step(struct conn *c)
{
    char json[512];
    ns at = now();
    if (c->chat)
        snprintf(
            json, sizeof json,
            "{\"id\":\"chatcmpl-%u\",\"object\":\"chat.completion.chunk\",\"created\":1763712345,\"model\":\"paced\","
            "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,\"finish_reason\":%s}],"
            "\"sent_at_ns\":%lld}",
            c->serial, c->left == 1 ? "\"length\"" : "null", (long long)at);
    else
        snprintf(
            json, sizeof json,
            "{\"id\":\"cmpl-%u\",\"object\":\"text_completion\",\"created\":1763712345,\"model\":\"paced\","
            "\"choices\":[{\"index\":0,\"text\":\" token\",\"logprobs\":null,\"finish_reason\":%s}],"
            "\"sent_at_ns\":%lld}",
            c->serial, c->left == 1 ? "\"length\"" : "null", (long long)at);
    if (!put_event(c, json))
        return false;
    if (c->sent++ == 0)
        push(&ttfts, at - c->arrived, c->serial);
    else
        push(&itls, at - c->last, c->serial);
    c->last = at;
    n_events++;
    if (--c->left > 0) {
        c->due += itl_dur;
        heap_fix(c->heap_at);
        return true;
    }
    heap_drop(c);
    n_open--;
    n_done++;
    snprintf(json, sizeof json,
             "{\"id\":\"%u\",\"object\":\"%s\",\"model\":\"paced\",\"choices\":[],"
             "\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d}}",
             c->serial, c->chat ? "chat.completion.chunk" : "text_completion", 10, c->sent,
             10 + c->sent);
    static const char end[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
    return put_event(c, json) && put(c, end, sizeof end - 1);
}

static int asked_tokens(const char *body)
{
    const char *p = strstr(body, "\"max_completion_tokens\"");
    if (!p)
        p = strstr(body, "\"max_tokens\"");
    if (p)
        p = strchr(p + 1, ':');
    int n = p ? atoi(p + 1) : 0;
    return n > 0 ? n : default_tokens;
}

/* Answer one whole request that stands at buf[0..len). */
static bool answer(struct conn *c, size_t body_at, ns arrived)
{
    if (!strncmp(c->buf, "GET /v1/models", 14))
        return put_simple(
            c, "200 OK",
            "{\"object\":\"list\",\"data\":[{\"id\":\"paced\",\"object\":\"model\",\"root\":\"paced\"}]}");
    if (!strncmp(c->buf, "GET /truth", 10))
        return put_truth(c, !strncmp(c->buf + 10, "?reset", 6),
                         !strncmp(c->buf + 10, "?last=", 6) ? strtoull(c->buf + 16, NULL, 10) : 0);
    if (!strncmp(c->buf, "GET /metrics", 12)) /* clients that read it end at what is none */
        return put_simple(c, "200 OK", "");
    if (!strncmp(c->buf, "GET ", 4))
        return put_simple(c, "200 OK", "{}");
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    if (!put(c, head, sizeof head - 1))
        return false;
    char *line_end = memchr(c->buf, '\r', body_at);
    *line_end = 0;
    c->chat = strstr(c->buf, "/chat/") != NULL;
    *line_end = '\r';
    c->serial = (unsigned)++n_requests;
    c->left = asked_tokens(c->buf + body_at);
    c->sent = 0;
    c->arrived = arrived;
    c->due = arrived + ttft_dur;
    if (++n_open > peak_open)
        peak_open = n_open;
    heap_add(c);
    if (c->chat && role_chunk)
        return put_event(
            c,
            "{\"id\":\"r\",\"object\":\"chat.completion.chunk\",\"model\":\"paced\",\"choices\":[{\"index\":0,"
            "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}");
    return true;
}

static bool readable(struct conn *c)
{
    for (;;) {
        if (c->cap - c->n < 65536) {
            c->cap = c->cap ? c->cap * 2 : 131072;
            c->buf = realloc(c->buf, c->cap);
            if (!c->buf) {
                perror("realloc");
                exit(1);
            }
        }
        char control[256];
        struct iovec io = { c->buf + c->n, c->cap - c->n - 1 };
        struct msghdr m = { .msg_iov = &io,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control };
        ssize_t r = recvmsg(c->fd, &m, MSG_DONTWAIT);
        if (r < 0)
            return errno == EAGAIN;
        if (r == 0)
            return false;
        ns stamp = now();
        for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
            if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPING) {
                struct timespec t;
                memcpy(&t, CMSG_DATA(h), sizeof t);
                if (t.tv_sec)
                    stamp = t.tv_sec * 1000000000LL + t.tv_nsec;
            }
        c->n += (size_t)r;
        c->buf[c->n] = 0;
        char *end = memmem(c->buf, c->n, "\r\n\r\n", 4);
        if (!end)
            continue;
        size_t body_at = (size_t)(end + 4 - c->buf), length = 0;
        *end = 0;
        char *field = strcasestr(c->buf, "\r\ncontent-length:");
        if (field)
            length = strtoul(field + 17, NULL, 10);
        *end = '\r';
        if (c->n < body_at + length)
            continue;
        if (c->heap_at >= 0)
            return false; /* no pipelining */
        if (!answer(c, body_at, stamp))
            return false;
        c->n = 0;
    }
}

static void arm(void)
{
    static ns armed;
    ns at = heap_n ? heap[0]->due : 0;
    if (at == armed)
        return;
    armed = at;
    struct itimerspec t = { .it_value = { at / 1000000000LL, at % 1000000000LL } };
    timerfd_settime(tfd, TFD_TIMER_ABSTIME, &t, NULL);
}

int main(int argc, char **argv)
{
    int port = 9000;
    for (int o; (o = getopt(argc, argv, "p:t:i:n:R")) != -1;)
        switch (o) {
        case 'p':
            port = atoi(optarg);
            break;
        case 't':
            ttft_dur = (ns)(atof(optarg) * 1e6);
            break;
        case 'i':
            itl_dur = (ns)(atof(optarg) * 1e6);
            break;
        case 'n':
            default_tokens = atoi(optarg);
            break;
        case 'R':
            role_chunk = true;
            break;
        default:
            fprintf(
                stderr,
                "usage: paced_server [-p port] [-t ttft_ms] [-i itl_ms] [-n tokens] [-R: a role chunk at once]\n");
            return 2;
        }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 65535)) {
        perror("bind");
        return 1;
    }
    socklen_t at_size = sizeof at;
    getsockname(listener, (struct sockaddr *)&at, &at_size);
    printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    fflush(stdout);
    ep = epoll_create1(EPOLL_CLOEXEC);
    tfd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    epoll_ctl(ep, EPOLL_CTL_ADD, listener,
              &(struct epoll_event){ .events = EPOLLIN, .data.ptr = &listener });
    epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = &tfd });
    for (;;) {
        struct epoll_event ready[256];
        int n = epoll_wait(ep, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            void *who = ready[i].data.ptr;
            if (who == &tfd) {
                uint64_t ticks;
                if (read(tfd, &ticks, sizeof ticks) < 0)
                    continue;
            } else if (who == &listener) {
                for (int fd;
                     (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
                    struct conn *c = calloc(1, sizeof *c);
                    if (!c) {
                        close(fd);
                        continue;
                    }
                    c->fd = fd;
                    c->heap_at = -1;
                    int stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps);
                    epoll_ctl(ep, EPOLL_CTL_ADD, fd,
                              &(struct epoll_event){ .events = EPOLLIN, .data.ptr = c });
                }
            } else if (!readable(who))
                drop(who);
        }
        for (ns t = now(); heap_n && heap[0]->due <= t; t = now()) {
            struct conn *c = heap[0];
            if (!step(c))
                drop(c);
        }
        arm();
    }
}
