/* loop.c - the event loop
 *
 * One thread's descriptors, timers, mail and deferred calls. Everything measured hangs below it, so
 * it is built for two things: to send on time, and to cost little per event.
 *
 *          tk_io_want()       tk_timer_set()       tk_loop_post()      tk_loop_defer()
 *               |                   |                    |                    |
 *           [changed]            [heap]            [mail stack]          [deferred]
 *               |                   | first deadline     | eventfd            |
 *           epoll_ctl            timerfd                 |                    |
 *               \_______ epoll_wait ________/------------/                    |
 *                           |                                                 |
 *   a round:   io, io, … [due timers] … io     due timers     mail        deferred
 *
 * Invariants
 *   - An event carries {generation, slot}. tk_io_stop() raises the slot's generation, so an event
 *     that was fetched before is dropped by comparison, and a callback may stop and free any io.
 *   - Every list is taken over or walked by popping its head: a callback may add to and remove from
 *     any of them. What it adds is for the next round (timers: for the next look).
 *   - The timerfd is armed for a deadline not later than the first one. It is not re-armed when the
 *     first deadline moves away (a time-out that is pushed on by every read): it wakes the loop once
 *     for nothing and is then set anew. It is never read: setting it clears it.
 *   - Whoever pushes onto an empty mail stack writes to the eventfd; the loop reads it before it takes
 *     the stack over, so a mail pushed in between is either taken or announced again.
 *
 * Lateness. A round may hold a thousand ready descriptors at some microseconds each, which would make
 * a send late by milliseconds. So the first deadline is compared with the clock after every
 * TIMER_LOOK_EVERY callbacks; a look costs one clock reading (22 ns).
 *
 * Readiness by hand (fd -1, for transports in memory) goes through the list `raised`: an io is in it
 * exactly while something is raised that it wants. A level stays, and the io goes back into the list
 * before its callback, which may therefore free it.
 *
 * A virtual loop has no poll. When nothing is raised, posted or deferred it sets its clock to the
 * first deadline; when there is none either, tk_loop_run() returns.
 *
 * Tried and dropped: edge-triggered epoll (a reader must then read until EAGAIN, a second recvmsg
 * per event); epoll_pwait2 instead of the timerfd (45 us later, docs/internals/loop.md).
 */
#include "ev/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_MAX 1024       /* fetched by one poll; what is left over comes first in the next */
#define TIMER_LOOK_EVERY 8    /* io callbacks between two looks at the first deadline */
#define SLOTS_FIRST 64        /* slots of the first allocation, doubled from there */
#define SLOT_NONE UINT32_MAX  /* end of the free list */
#define DATA_TIMER UINT64_MAX /* event data of the timerfd; no slot has such a number */
#define DATA_MAIL (UINT64_MAX - 1)
#define VIRTUAL_START TK_NS_PER_S
#define VIRTUAL_WALL_OFFSET (1700000000 * TK_NS_PER_S) /* 2023-11-14 22:13:20 UTC at instant 0 */

struct slot {
    struct tk_io *io;    /* NULL when free */
    uint32_t generation; /* of the events that are valid now */
    uint32_t next_free;  /* index of the next free slot, SLOT_NONE at the end */
};

struct tk_loop {
    enum tk_loop_kind kind;
    bool is_stopped;
    bool has_timer_fired; /* the timerfd is readable until it is set again */
    bool has_mail_come;   /* the eventfd was readable in this round */
    int epoll_fd;         /* these three are -1 in a virtual loop */
    int timer_fd;
    int mail_fd;
    tk_ns now;      /* virtual: the clock */
    tk_ns armed_at; /* deadline of the timerfd, TK_NS_NEVER when disarmed */

    struct slot *slots;
    uint32_t n_slots;
    uint32_t free_slot;  /* head of the free list */
    unsigned until_look; /* io callbacks until the next look at the timers */

    struct tk_link changed;    /* tk_io: want may differ from applied */
    struct tk_link raised;     /* tk_io: something raised is wanted */
    struct tk_link delivering; /* tk_io: taken from raised for this round */
    struct tk_link deferred;   /* tk_defer */
    struct tk_link calling;    /* tk_defer: taken from deferred for this round */
    struct tk_link due;        /* tk_timer: out of the heap, about to be called */
    struct tk_heap timers;

    struct tk_loop_stats stats;
    struct epoll_event events[EVENTS_MAX];

    _Alignas(64) _Atomic(struct tk_mail *) mail; /* newest first; other threads write here only */
};

static atomic_flag has_virtual_loop = ATOMIC_FLAG_INIT; /* it owns the process's clock */

/* --- the loop's life --- */

static int watch_own(struct tk_loop *loop, int fd, uint64_t data)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = data };

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

static int open_fds(struct tk_loop *loop)
{
    int rc;

    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return -errno;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer_fd < 0)
        return -errno;
    loop->mail_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->mail_fd < 0)
        return -errno;
    rc = watch_own(loop, loop->timer_fd, DATA_TIMER);
    return rc ? rc : watch_own(loop, loop->mail_fd, DATA_MAIL);
}

static void close_fds(struct tk_loop *loop)
{
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    if (loop->mail_fd >= 0)
        close(loop->mail_fd);
}

static int take_clock(struct tk_loop *loop)
{
    if (atomic_flag_test_and_set(&has_virtual_loop))
        return -EBUSY;
    loop->now = VIRTUAL_START;
    tk_clock_set_virtual(&loop->now, VIRTUAL_WALL_OFFSET);
    return 0;
}

int tk_loop_new(enum tk_loop_kind kind, struct tk_loop **ret_loop)
{
    struct tk_loop *loop = aligned_alloc(_Alignof(struct tk_loop), sizeof(*loop));
    int rc;

    if (!loop)
        return -ENOMEM;
    *loop = (struct tk_loop){
        .kind = kind,
        .epoll_fd = -1,
        .timer_fd = -1,
        .mail_fd = -1,
        .armed_at = TK_NS_NEVER,
        .free_slot = SLOT_NONE,
        .until_look = TIMER_LOOK_EVERY,
    };
    tk_list_init(&loop->changed);
    tk_list_init(&loop->raised);
    tk_list_init(&loop->delivering);
    tk_list_init(&loop->deferred);
    tk_list_init(&loop->calling);
    tk_list_init(&loop->due);
    tk_heap_init(&loop->timers);
    rc = kind == TK_LOOP_VIRTUAL ? take_clock(loop) : open_fds(loop);
    if (rc) {
        close_fds(loop);
        tk_heap_release(&loop->timers);
        free(loop);
        return rc;
    }
    *ret_loop = loop;
    return 0;
}

static struct tk_timer *timer_of(struct tk_heap_node *node)
{
    return TK_CONTAINER_OF(node, struct tk_timer, node);
}

/* Stop everything that its owners left, so that their own stops find nothing to do. */
static void detach_all(struct tk_loop *loop)
{
    struct tk_link *heads[] = { &loop->changed, &loop->raised, &loop->delivering };
    struct tk_heap_node *node;
    struct tk_link *l;

    for (uint32_t i = 0; i < loop->n_slots; i++) {
        if (loop->slots[i].io)
            tk_io_stop(loop->slots[i].io);
    }
    for (size_t i = 0; i < TK_ARRAY_LEN(heads); i++) {
        while ((l = tk_list_pop(heads[i])))
            tk_io_stop(TK_CONTAINER_OF(l, struct tk_io, changed));
    }
    while ((l = tk_list_pop(&loop->due)))
        TK_CONTAINER_OF(l, struct tk_timer, due)->loop = NULL;
    while ((node = tk_heap_pop(&loop->timers)))
        timer_of(node)->loop = NULL;
    while (tk_list_pop(&loop->deferred) || tk_list_pop(&loop->calling))
        ;
}

struct tk_loop *tk_loop_free(struct tk_loop *loop)
{
    if (!loop)
        return NULL;
    detach_all(loop);
    if (loop->kind == TK_LOOP_VIRTUAL) {
        tk_clock_set_virtual(NULL, 0);
        atomic_flag_clear(&has_virtual_loop);
    }
    close_fds(loop);
    tk_heap_release(&loop->timers);
    free(loop->slots);
    free(loop);
    return NULL;
}

void tk_loop_stop(struct tk_loop *loop)
{
    loop->is_stopped = true;
}

void tk_loop_stats(const struct tk_loop *loop, struct tk_loop_stats *ret)
{
    *ret = loop->stats;
}

void tk_loop_forget_stats(struct tk_loop *loop)
{
    loop->stats = (struct tk_loop_stats){ 0 };
}

/* --- slots --- */

static int grow_slots(struct tk_loop *loop)
{
    uint32_t n = loop->n_slots ? loop->n_slots * 2 : SLOTS_FIRST;
    struct slot *slots;

    if (n >= SLOT_NONE / 2)
        return -ENOMEM;
    slots = reallocarray(loop->slots, n, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    for (uint32_t i = n; i-- > loop->n_slots;) {
        slots[i] = (struct slot){ .next_free = loop->free_slot };
        loop->free_slot = i;
    }
    loop->slots = slots;
    loop->n_slots = n;
    return 0;
}

static int take_slot(struct tk_loop *loop, struct tk_io *io)
{
    int rc = loop->free_slot == SLOT_NONE ? grow_slots(loop) : 0;

    if (rc)
        return rc;
    io->slot = loop->free_slot;
    loop->free_slot = loop->slots[io->slot].next_free;
    loop->slots[io->slot].io = io;
    return 0;
}

static void give_slot(struct tk_loop *loop, struct tk_io *io)
{
    struct slot *s = &loop->slots[io->slot];

    s->io = NULL;
    s->generation++;
    s->next_free = loop->free_slot;
    loop->free_slot = io->slot;
}

/* --- descriptors --- */

static uint32_t to_epoll(unsigned want)
{
    return (want & TK_IO_IN ? EPOLLIN : 0U) | (want & TK_IO_OUT ? EPOLLOUT : 0U);
}

/* What of `ready` the callback is to be told. */
static unsigned wanted(const struct tk_io *io, unsigned ready)
{
    return ready & TK_IO_HUP ? TK_IO_IN | TK_IO_OUT | TK_IO_HUP : ready & io->want;
}

/* Tell the poll what is wanted of the io's descriptor. */
static int apply(struct tk_loop *loop, struct tk_io *io, int op)
{
    const struct slot *s = &loop->slots[io->slot];
    struct epoll_event ev = {
        .events = to_epoll(io->want),
        .data.u64 = (uint64_t)s->generation << 32 | io->slot,
    };

    if (epoll_ctl(loop->epoll_fd, op, io->fd, &ev) < 0)
        return -errno;
    io->applied = io->want;
    return 0;
}

/* Put the io into the list of raised ones, or take it out. */
static void sort_raised(struct tk_io *io)
{
    bool is_listed = io->changed.next != NULL;
    bool is_ready = wanted(io, io->raised | io->level) != 0;

    if (is_ready && !is_listed)
        tk_list_push(&io->loop->raised, &io->changed);
    else if (!is_ready && is_listed)
        tk_list_remove(&io->changed);
}

void tk_io_init(struct tk_io *io, int fd, tk_io_cb cb, void *owner)
{
    *io = (struct tk_io){ .cb = cb, .owner = owner, .fd = fd };
}

int tk_io_start(struct tk_loop *loop, struct tk_io *io, unsigned want)
{
    int rc;

    if (io->loop)
        return -EALREADY;
    io->want = want;
    if (io->fd < 0) {
        io->loop = loop;
        sort_raised(io);
        return 0;
    }
    if (loop->kind == TK_LOOP_VIRTUAL)
        return -ENOTSUP;
    rc = take_slot(loop, io);
    if (rc)
        return rc;
    rc = apply(loop, io, EPOLL_CTL_ADD);
    if (rc) {
        give_slot(loop, io);
        return rc;
    }
    io->loop = loop;
    return 0;
}

void tk_io_want(struct tk_io *io, unsigned want)
{
    io->want = want;
    if (!io->loop)
        return;
    if (io->fd < 0)
        sort_raised(io);
    else if (want != io->applied && !io->changed.next)
        tk_list_push(&io->loop->changed, &io->changed);
}

void tk_io_stop(struct tk_io *io)
{
    struct tk_loop *loop = io->loop;

    tk_list_remove(&io->changed);
    if (!loop)
        return;
    io->loop = NULL;
    if (io->fd < 0)
        return; /* what was raised stays so, as it does in a descriptor */
    io->applied = io->raised = 0;
    /* Not left to close(): a duplicate of the descriptor would keep it in the poll. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    give_slot(loop, io);
}

void tk_io_raise(struct tk_io *io, unsigned ready)
{
    io->raised |= ready;
    if (io->loop)
        sort_raised(io);
}

void tk_io_set_level(struct tk_io *io, unsigned ready)
{
    io->level = ready;
    if (io->loop)
        sort_raised(io);
}

static void apply_changed(struct tk_loop *loop)
{
    struct tk_link *l;

    while ((l = tk_list_pop(&loop->changed))) {
        struct tk_io *io = TK_CONTAINER_OF(l, struct tk_io, changed);

        if (io->want != io->applied && apply(loop, io, EPOLL_CTL_MOD) < 0) {
            /* Closed under us, or no memory: the owner finds out by reading. */
            io->raised = TK_IO_HUP;
            tk_list_push(&loop->raised, &io->changed);
        }
    }
}

/* --- timers --- */

void tk_timer_init(struct tk_timer *t, tk_timer_cb cb, void *owner)
{
    *t = (struct tk_timer){ .cb = cb, .owner = owner, .node = TK_HEAP_NODE_INIT };
}

int tk_timer_set(struct tk_loop *loop, struct tk_timer *t, tk_ns at)
{
    int rc;

    if (t->loop == loop && tk_heap_has(&t->node)) {
        tk_heap_update(&loop->timers, &t->node, at);
        return 0;
    }
    tk_timer_stop(t);
    rc = tk_heap_push(&loop->timers, &t->node, at);
    if (rc == 0)
        t->loop = loop;
    return rc;
}

void tk_timer_stop(struct tk_timer *t)
{
    tk_list_remove(&t->due);
    if (!t->loop)
        return;
    tk_heap_remove(&t->loop->timers, &t->node);
    t->loop = NULL;
}

bool tk_timer_is_set(const struct tk_timer *t)
{
    return t->loop != NULL;
}

static tk_ns first_deadline(const struct tk_loop *loop)
{
    const struct tk_heap_node *node = tk_heap_peek(&loop->timers);

    return node ? node->at : TK_NS_NEVER;
}

static void call_timer(struct tk_loop *loop, struct tk_timer *t)
{
    tk_ns lag = tk_clock_now() - t->node.at;

    loop->stats.n_timers++;
    loop->stats.lag_sum += lag;
    if (lag > loop->stats.lag_max)
        loop->stats.lag_max = lag;
    t->loop = NULL;
    t->cb(t);
}

static void run_timers(struct tk_loop *loop)
{
    struct tk_heap_node *node = tk_heap_peek(&loop->timers);
    struct tk_link *l;
    tk_ns now;

    loop->until_look = TIMER_LOOK_EVERY;
    if (!node)
        return;
    now = tk_clock_now();
    for (; node && node->at <= now; node = tk_heap_peek(&loop->timers)) {
        tk_heap_pop(&loop->timers);
        tk_list_push(&loop->due, &timer_of(node)->due);
    }
    while ((l = tk_list_pop(&loop->due)))
        call_timer(loop, TK_CONTAINER_OF(l, struct tk_timer, due));
}

static void set_timerfd(struct tk_loop *loop, tk_ns at)
{
    struct itimerspec when = { 0 }; /* stays zero to disarm */

    if (at != TK_NS_NEVER) {
        when.it_value.tv_sec = at / TK_NS_PER_S;
        when.it_value.tv_nsec = at % TK_NS_PER_S;
    }
    (void)timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL); /* arguments are valid */
    loop->armed_at = at;
    loop->has_timer_fired = false;
}

/* Arm the timerfd if need be, and say how the poll is to wait: 0 not at all, -1 for events. */
static int arm(struct tk_loop *loop)
{
    tk_ns first = first_deadline(loop);

    if (!tk_list_is_empty(&loop->raised) || !tk_list_is_empty(&loop->deferred))
        return 0;
    if (first >= loop->armed_at && !loop->has_timer_fired)
        return -1;
    if (first <= tk_clock_now())
        return 0; /* it would fire at once: spare the call */
    set_timerfd(loop, first);
    return -1;
}

/* --- mail --- */

void tk_loop_post(struct tk_loop *loop, struct tk_mail *m)
{
    struct tk_mail *head = atomic_load_explicit(&loop->mail, memory_order_relaxed);
    uint64_t one = 1;

    do {
        m->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&loop->mail, &head, m, memory_order_release,
                                                    memory_order_relaxed));
    if (head || loop->mail_fd < 0)
        return;
    while (write(loop->mail_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void clear_eventfd(struct tk_loop *loop)
{
    uint64_t count;

    while (read(loop->mail_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

static void run_mail(struct tk_loop *loop)
{
    struct tk_mail *newest, *oldest = NULL;

    if (loop->has_mail_come)
        clear_eventfd(loop);
    else if (loop->kind == TK_LOOP_REAL)
        return;
    loop->has_mail_come = false;
    newest = atomic_exchange_explicit(&loop->mail, NULL, memory_order_acquire);
    while (newest) {
        struct tk_mail *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct tk_mail *m = oldest;

        oldest = m->next; /* the callback may free or post it again */
        m->cb(m);
    }
}

/* --- later in this round --- */

void tk_loop_defer(struct tk_loop *loop, struct tk_defer *d)
{
    if (!d->link.next)
        tk_list_push(&loop->deferred, &d->link);
}

void tk_defer_stop(struct tk_defer *d)
{
    tk_list_remove(&d->link);
}

static void move_list(struct tk_link *to, struct tk_link *from)
{
    struct tk_link *l;

    while ((l = tk_list_pop(from)))
        tk_list_push(to, l);
}

static void run_deferred(struct tk_loop *loop)
{
    struct tk_link *l;

    move_list(&loop->calling, &loop->deferred);
    while ((l = tk_list_pop(&loop->calling))) {
        struct tk_defer *d = TK_CONTAINER_OF(l, struct tk_defer, link);

        d->cb(d);
    }
}

/* --- a round --- */

static void call_io(struct tk_loop *loop, struct tk_io *io, unsigned ready)
{
    loop->stats.io_events++;
    io->cb(io, ready); /* the io may be gone after this */
    if (--loop->until_look == 0)
        run_timers(loop);
}

static void dispatch(struct tk_loop *loop, const struct epoll_event *ev)
{
    uint32_t index = (uint32_t)ev->data.u64, generation = (uint32_t)(ev->data.u64 >> 32);
    unsigned ready = (ev->events & EPOLLIN ? TK_IO_IN : 0U) |
                     (ev->events & EPOLLOUT ? TK_IO_OUT : 0U) |
                     (ev->events & (EPOLLERR | EPOLLHUP) ? TK_IO_HUP : 0U);
    struct tk_io *io;

    if (TK_UNLIKELY(ev->data.u64 >= DATA_MAIL)) {
        if (ev->data.u64 == DATA_TIMER)
            loop->has_timer_fired = true;
        else
            loop->has_mail_come = true;
        return;
    }
    if (loop->slots[index].generation != generation)
        return; /* stopped since it was fetched */
    io = loop->slots[index].io;
    ready = wanted(io, ready);
    if (ready)
        call_io(loop, io, ready);
}

static void deliver_raised(struct tk_loop *loop)
{
    struct tk_link *l;

    move_list(&loop->delivering, &loop->raised);
    while ((l = tk_list_pop(&loop->delivering))) {
        struct tk_io *io = TK_CONTAINER_OF(l, struct tk_io, changed);
        unsigned ready = wanted(io, io->raised | io->level);

        io->raised &= ~ready;
        tk_io_want(io, io->want); /* back into a list when its level stays */
        call_io(loop, io, ready);
    }
}

static const struct tk_io *io_of(const struct tk_loop *loop, const struct epoll_event *ev)
{
    return ev->data.u64 < DATA_MAIL ? loop->slots[(uint32_t)ev->data.u64].io : NULL;
}

/* What the next events lead to, a step of the way for each: with a thousand descriptors all of it is cold, and
 * the callback of the event before takes long enough to fetch it. */
static void prefetch(const struct tk_loop *loop, const struct epoll_event *ev, int n_left)
{
    const struct tk_io *next = n_left > 1 ? io_of(loop, &ev[1]) : NULL;

    if (n_left > 3 && ev[3].data.u64 < DATA_MAIL)
        tk_prefetch(&loop->slots[(uint32_t)ev[3].data.u64], sizeof(struct slot));
    if (n_left > 2)
        tk_prefetch(io_of(loop, &ev[2]), sizeof(*next));
    if (next)
        tk_prefetch(next->owner, 1);
}

static int poll_real(struct tk_loop *loop)
{
    int n;

    apply_changed(loop);
    n = epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX, arm(loop));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        prefetch(loop, &loop->events[i], n - i);
        dispatch(loop, &loop->events[i]);
    }
    return 0;
}

/* Jump to the first deadline when nothing else is to be done; stop when there is none. */
static void poll_virtual(struct tk_loop *loop)
{
    tk_ns first = first_deadline(loop);

    if (!tk_list_is_empty(&loop->raised) || !tk_list_is_empty(&loop->deferred) ||
        atomic_load_explicit(&loop->mail, memory_order_relaxed))
        return;
    if (first == TK_NS_NEVER)
        loop->is_stopped = true;
    else if (first > loop->now)
        loop->now = first;
}

static int run_round(struct tk_loop *loop)
{
    int rc = 0;

    loop->stats.rounds++;
    if (loop->kind == TK_LOOP_VIRTUAL)
        poll_virtual(loop);
    else
        rc = poll_real(loop);
    deliver_raised(loop);
    run_timers(loop);
    run_mail(loop);
    run_deferred(loop);
    return rc;
}

int tk_loop_run(struct tk_loop *loop)
{
    int rc = 0;

    while (!loop->is_stopped && rc == 0)
        rc = run_round(loop);
    loop->is_stopped = false;
    return rc;
}
