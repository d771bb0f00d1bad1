/* loop.h - the event loop: descriptors, timers, mail from other threads
 *
 * One loop per thread; everything but tk_loop_post() is for the loop's own thread. Level-triggered
 * epoll, one timerfd, an intrusive heap of nanosecond deadlines. A virtual loop has no descriptors:
 * readiness is raised by hand, and when nothing is ready the clock jumps to the next deadline, so
 * that tests of hours run in milliseconds and repeat exactly.
 *
 * Order in one round: wanted interests are applied; the poll; ready descriptors (fetched whole
 * before the first callback); due timers (moved to a list first); mail; deferred calls. A real loop
 * also looks for due timers after every few descriptors, so that a full round delays none.
 */
#ifndef TK_EV_LOOP_H
#define TK_EV_LOOP_H

#include "base/def.h"
#include "base/heap.h"
#include "base/list.h"

struct tk_loop;

enum tk_loop_kind {
    TK_LOOP_REAL,
    TK_LOOP_VIRTUAL, /* sets the process's clock (tk_clock_set_virtual) while it lives */
};

/* 0 or a negated errno (-EBUSY: there is a virtual loop already). A virtual loop's clock starts at
 * 1 s, at a fixed wall time. */
int tk_loop_new(enum tk_loop_kind kind, struct tk_loop **ret_loop);
/* NULL is allowed; returns NULL. What is still started, set or deferred is stopped; mail that did not
 * arrive is forgotten. Nobody may be inside tk_loop_post() for it any more. */
struct tk_loop *tk_loop_free(struct tk_loop *loop);

/* Run until tk_loop_stop() was called, or, in a virtual loop, until nothing is left that could
 * happen. 0 or a negated errno of the poll. */
int tk_loop_run(struct tk_loop *loop);
/* The current round is finished. Before a run: it returns at once. */
void tk_loop_stop(struct tk_loop *loop);

/* --- descriptors --- */

enum tk_io_flags {
    TK_IO_IN = 1 << 0,
    TK_IO_OUT = 1 << 1,
    /* Error or hang-up; reported whether wanted or not, together with IN and OUT so that the next read
     * or write finds out what it was; in every round until the io is stopped. */
    TK_IO_HUP = 1 << 2,
};

struct tk_io;
typedef void (*tk_io_cb)(struct tk_io *io, unsigned ready);

struct tk_io {
    tk_io_cb cb;   /* called with what is ready; may stop or free any io, this one too */
    void *owner;   /* the callback's own */
    int fd;        /* not owned; -1: readiness is raised by hand */
    unsigned want; /* what is waited for, enum tk_io_flags */
    /* private: read by loop.c only */
    struct tk_loop *loop;   /* NULL when not started */
    unsigned applied;       /* what the poll knows */
    unsigned raised;        /* by hand, not delivered yet */
    unsigned level;         /* by hand, delivered in every round */
    uint32_t slot;          /* index in the loop's table; events carry slot and generation */
    struct tk_link changed; /* in the list of interests to apply, or of raised ones */
};

void tk_io_init(struct tk_io *io, int fd, tk_io_cb cb, void *owner);
/* 0 or a negated errno: -EALREADY, -ENOMEM, -ENOTSUP (a descriptor on a virtual loop), epoll_ctl's. */
int tk_io_start(struct tk_loop *loop, struct tk_io *io, unsigned want);
void tk_io_want(struct tk_io *io, unsigned want); /* cheap when nothing changes */
/* No callback comes after this, not even for an event already fetched. The descriptor may be closed
 * then. A second call does nothing. */
void tk_io_stop(struct tk_io *io);
/* fd -1 only: deliver in the next round what of it is wanted; stays raised until delivered. */
void tk_io_raise(struct tk_io *io, unsigned ready);
/* fd -1 only: what is ready until the next call; delivered in every round where wanted, as a real
 * descriptor would be. */
void tk_io_set_level(struct tk_io *io, unsigned ready);

/* --- timers --- */

struct tk_timer;
typedef void (*tk_timer_cb)(struct tk_timer *t);

struct tk_timer {
    tk_timer_cb cb; /* called once at or after the deadline; may set it anew */
    void *owner;
    /* private: read by loop.c only */
    struct tk_heap_node node;
    struct tk_link due;   /* in the list of those that are about to be called */
    struct tk_loop *loop; /* NULL when not set */
};

/* Deadlines that are equal are called in the order in which they were set. */
void tk_timer_init(struct tk_timer *t, tk_timer_cb cb, void *owner);
/* Call back at the monotonic instant `at`; replaces an earlier wish. 0 or -ENOMEM. */
int tk_timer_set(struct tk_loop *loop, struct tk_timer *t, tk_ns at);
void tk_timer_stop(struct tk_timer *t);
bool tk_timer_is_set(const struct tk_timer *t);

/* --- mail from other threads --- */

struct tk_mail;
typedef void (*tk_mail_cb)(struct tk_mail *m);

struct tk_mail {
    tk_mail_cb cb; /* called on the loop's thread; the mail is the callee's from then on */
    void *owner;
    struct tk_mail *next; /* private */
};

/* Any thread. Mail of one sender arrives in order. A mail must not be posted while it is under way.
 * Never blocks, and wakes the loop by a system call only when no mail was waiting. */
void tk_loop_post(struct tk_loop *loop, struct tk_mail *m);

/* --- later in this round --- */

struct tk_defer;
typedef void (*tk_defer_cb)(struct tk_defer *d);

struct tk_defer {
    tk_defer_cb cb;
    void *owner;
    struct tk_link link; /* private; zero before the first use */
};

/* Call back at the end of this round (or the next one, outside a round); once, however often asked.
 * How an object frees itself out of its own callback. */
void tk_loop_defer(struct tk_loop *loop, struct tk_defer *d);
void tk_defer_stop(struct tk_defer *d);

/* --- what the loop did, for the client's health --- */

struct tk_loop_stats {
    uint64_t rounds;        /* polls */
    uint64_t io_events;     /* callbacks for descriptors */
    uint64_t n_timers;      /* timers called */
    tk_ns lag_sum, lag_max; /* how late timers were called, summed and at most */
};
void tk_loop_stats(const struct tk_loop *loop, struct tk_loop_stats *ret);
/* Count from zero again. */
void tk_loop_forget_stats(struct tk_loop *loop);

#endif
