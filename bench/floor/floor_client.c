/* floor_client.c - the least that a client can do, to measure others against
 *
 * Keeps C streams open against a token server until R requests are done, reads them with
 * epoll and recvmsg, takes the kernel's arrival stamp of every read, finds the events and
 * their text with memmem, and keeps two numbers per event. No JSON, no record, no TLS: a
 * real client that costs 1.2 of this per event is close to the limit, and so is one whose
 * errors are no greater.
 *
 *   floor_client PORT STREAMS REQUESTS TOKENS   one JSON line: events, CPU, CPU per event,
 *                                               first token and gap (ms) by the kernel's stamps
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* These need the types of the ones above. */
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

static double seconds(clockid_t c)
{
    struct timespec t;
    clock_gettime(c, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_spread(const char *name, double *ms, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ms[i];
    qsort(ms, n, sizeof *ms, by_value);
    printf(",\"%s\":{\"n\":%zu,\"mean\":%.4f,\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f}", name, n,
           n ? sum / (double)n : 0, n ? ms[(n - 1) / 2] : 0, n ? ms[(n - 1) * 99 / 100] : 0,
           n ? ms[n - 1] : 0);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: floor_client port streams requests tokens\n");
        return 2;
    }
    int port = atoi(argv[1]), streams = atoi(argv[2]), requests = atoi(argv[3]),
        tokens = atoi(argv[4]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    char body[512], request[1024];
    int body_n = snprintf(
        body, sizeof body,
        "{\"model\":\"paced\",\"messages\":[{\"role\":\"user\",\"content\":\"%0200d\"}],\"max_completion_tokens\":%d,"
        "\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
        0, tokens);
    int request_n = snprintf(
        request, sizeof request,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Content-Length: %d\r\n\r\n%s",
        body_n, body);
    int ep = epoll_create1(EPOLL_CLOEXEC), started = 0, done = 0;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((unsigned short)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    size_t firsts = 0, gaps = 0;
    double *first_ms = calloc((size_t)requests, sizeof *first_ms),
           *gap_ms = calloc((size_t)requests * (size_t)(tokens + 2), sizeof *gap_ms);
    double *sent = calloc(files.rlim_cur, sizeof *sent),
           *last = calloc(files.rlim_cur,
                          sizeof *last); /* by descriptor; last is 0 before the first token */
    if (!first_ms || !gap_ms || !sent || !last) {
        perror("calloc");
        return 1;
    }
    double begin = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < streams && started < requests; i++, started++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1,
            stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
        if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at)) {
            perror("connect");
            return 1;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps);
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLIN, .data.fd = fd });
        sent[fd] = seconds(CLOCK_REALTIME);
        if (send(fd, request, (size_t)request_n, 0) != request_n) {
            perror("send");
            return 1;
        }
    }
    static struct epoll_event ready[512];
    static char buf[65536];
    unsigned long events = 0, reads = 0, text = 0;
    while (done < requests) {
        int n = epoll_wait(ep, ready, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            char control[256];
            struct iovec io = { buf, sizeof buf };
            struct msghdr m = { .msg_iov = &io,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control };
            ssize_t r = recvmsg(fd, &m, MSG_DONTWAIT);
            if (r < 0 && errno == EAGAIN)
                continue;
            double stamp = 0;
            if (r <= 0) {
                fprintf(stderr, "stream ended early\n");
                return 1;
            }
            for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
                if (h->cmsg_type == SCM_TIMESTAMPING) {
                    struct timespec t;
                    memcpy(&t, CMSG_DATA(h), sizeof t);
                    stamp = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
                }
            reads++;
            char *p = buf, *end = buf + r;
            while ((p = memmem(p, (size_t)(end - p), "data: ", 6))) {
                p += 6;
                if (end - p >= 6 && !memcmp(p, "[DONE]", 6)) {
                    done++;
                    if (started < requests) {
                        started++;
                        sent[fd] = seconds(CLOCK_REALTIME);
                        last[fd] = 0;
                        if (send(fd, request, (size_t)request_n, 0) != request_n) {
                            perror("send");
                            return 1;
                        }
                    }
                } else {
                    events++;
                    char *q = memmem(p, (size_t)(end - p), "\"content\":\"", 11);
                    if (!q)
                        continue; /* the role, or the usage */
                    text += (unsigned long)(q - p);
                    if (last[fd] == 0)
                        first_ms[firsts++] = (stamp - sent[fd]) * 1e3;
                    else
                        gap_ms[gaps++] = (stamp - last[fd]) * 1e3;
                    last[fd] = stamp;
                }
            }
        }
    }
    double wall = seconds(CLOCK_MONOTONIC) - begin, cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    printf(
        "{\"streams\":%d,\"requests\":%d,\"events\":%lu,\"reads\":%lu,\"wall_s\":%.3f,\"cpu_s\":%.3f,\"cpu_us_per_event\":%.3f,"
        "\"events_per_cpu_s\":%.0f,\"check\":%lu",
        streams, requests, events, reads, wall, cpu, cpu / (double)events * 1e6,
        (double)events / cpu, text);
    print_spread("ttft_ms", first_ms, firsts);
    print_spread("itl_ms", gap_ms, gaps);
    puts("}");
}
