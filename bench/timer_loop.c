/* timer_loop.c - how late a bare timerfd loop wakes up on this machine, right now
 *
 * The yardstick for the lateness of sending: nothing but an absolute timerfd and epoll, at the instants of
 * an open loop. What a load generator adds to this is its own.
 *
 *   timer_loop [RATE [SECONDS]]    one JSON line: wake-ups and their lateness in ms
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"

static int by_value(const void *a, const void *b)
{
    const tk_ns *x = a;
    const tk_ns *y = b;

    return (*x > *y) - (*x < *y);
}

/* A percentile of the sorted instants. */
static double ms_at(const tk_ns *late, size_t n, size_t percent)
{
    size_t i = (n - 1) * percent / 100;

    return (double)late[i] / 1e6;
}

/* Sleep until `at`; the clock afterwards. */
static tk_ns wake_at(int ep, int fd, tk_ns at)
{
    struct itimerspec spec = { .it_value = { at / TK_NS_PER_S, at % TK_NS_PER_S } };
    struct epoll_event ready;
    uint64_t ticks;

    if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL) != 0)
        return at;
    while (epoll_wait(ep, &ready, 1, -1) < 1 || read(fd, &ticks, sizeof(ticks)) < 0)
        continue;
    return tk_clock_now();
}

int main(int argc, char **argv)
{
    double rate = 5000;
    int64_t seconds = 10;
    struct epoll_event event = { .events = EPOLLIN };
    int ep = epoll_create1(EPOLL_CLOEXEC);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    tk_ns begin, *late;
    size_t n;

    if ((argc > 1 && tk_num_parse_rate(tk_str_of(argv[1]), &rate) < 0) ||
        (argc > 2 && tk_num_parse_i64(tk_str_of(argv[2]), 1, 3600, &seconds) < 0) || rate < 1 ||
        rate > 1e6) {
        fprintf(stderr, "usage: timer_loop [RATE [SECONDS]]\n");
        return 2;
    }
    n = (size_t)(rate * (double)seconds);
    late = calloc(n, sizeof(*late));
    if (!late || ep < 0 || fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) != 0) {
        perror("timer_loop");
        free(late);
        return 1;
    }
    begin = tk_clock_now() + TK_NS_PER_MS;
    for (size_t i = 0; i < n; i++) {
        tk_ns at = begin + (tk_ns)((double)i / rate * (double)TK_NS_PER_S);
        late[i] = TK_MAX((tk_clock_now() < at ? wake_at(ep, fd, at) : tk_clock_now()) - at, 0);
    }
    qsort(late, n, sizeof(*late), by_value);
    printf("{\"wakeups\":%zu,\"late_ms\":{\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f}}\n", n,
           ms_at(late, n, 50), ms_at(late, n, 99), ms_at(late, n, 100));
    free(late);
    return 0;
}
