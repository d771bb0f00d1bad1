/* cpu.c - what a worker's thread had of its processor, second by second
 *
 * Two times: the CPU time that it used, and the time for which it was ready to run and another had
 * the processor. The second one is the kernel's own count (/proc/thread-self/schedstat); where there
 * is no such file it is not known. A look costs two calls, once a second.
 */
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "load/internal.h"

/* A last stretch that is shorter counts for the sums alone: its share says little. The only one of
 * a short phase has to do. */
#define SHORT_STRETCH (TK_NS_PER_S / 2)
#define SHORTEST_STRETCH (TK_NS_PER_S / 10)

/* A worker is idle but for some microseconds now and then, and what it does then must not wait until
 * another thread's turn is over, which may be three milliseconds: not for a stranger's, and not for that of
 * the run file's writer. Linux from 6.12 on lets a thread that asks for short turns interrupt those with
 * longer ones when it wakes up; it gets no more processor time for that. Older kernels ignore it. */
#define SHORT_TURN (100 * TK_NS_PER_US)

/* The kernel's struct sched_attr, its first version: its header and the C library's exclude each other. */
struct sched_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void tk__cpu_ask_short_turns(void)
{
    struct sched_attributes attr = { .size = sizeof(attr) };

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) != 0 || attr.policy != SCHED_OTHER)
        return;
    attr.runtime = (uint64_t)SHORT_TURN;
    (void)syscall(SYS_sched_setattr, 0, &attr, 0); /* without it, it is as it was */
}

static tk_ns thread_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * TK_NS_PER_S + t.tv_nsec;
}

/* "running waiting slices", the times in ns. -1: not known. */
static tk_ns thread_starved(int fd)
{
    char text[96];
    struct tk_str rest, part;
    tk_ns waited = -1;
    ssize_t n = fd >= 0 ? pread(fd, text, sizeof(text), 0) : 0;
    if (n <= 0)
        return -1;
    rest = (struct tk_str){ text, (size_t)n };
    for (int i = 0; i < 2; i++) {
        if (!tk_str_split(&rest, ' ', &part))
            return -1;
    }
    return tk_num_parse_i64(part, 0, INT64_MAX, &waited) == 0 ? waited : -1;
}

static void look(struct tk_cpu *c)
{
    c->at = tk_clock_now();
    c->used = thread_cpu();
    c->starved = thread_starved(c->fd);
}

void tk__cpu_open(struct tk_cpu *c)
{
    *c = (struct tk_cpu){ .fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC) };
    look(c);
}

void tk__cpu_close(struct tk_cpu *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

void tk__cpu_begin(struct tk_cpu *c, struct tk_health_worker *h)
{
    tk_health_worker_init(h);
    look(c);
}

void tk__cpu_sample(struct tk_cpu *c, struct tk_health_worker *h)
{
    struct tk_cpu before = *c;
    look(c);
    tk_ns span = c->at - before.at, used = c->used - before.used;
    bool is_only = isnan(h->max_cpu) && span >= SHORTEST_STRETCH;
    bool counts = span >= SHORT_STRETCH || is_only;
    double share = (double)used / (double)TK_MAX(span, 1);
    h->span += span;
    h->cpu += used;
    if (counts)
        h->max_cpu = fmax(h->max_cpu, share);
    if (c->starved < 0 || before.starved < 0)
        return;
    h->starved += c->starved - before.starved;
    double waited = (double)(c->starved - before.starved) / (double)TK_MAX(span, 1);
    if (counts && !(waited <= h->max_starved)) {
        h->max_starved = waited;
        h->cpu_when_starved = share;
    }
}
