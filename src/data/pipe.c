/* pipe.c - things made by several threads, taken by one in their order
 *
 *   thread:  next thing that nobody took, if its slot is free ─► make ─► slot is ready
 *   caller:  slot of the next thing in order, when it is ready ─► take ─► slot is free
 *
 * One lock; a thing costs some hundred microseconds, the lock less than one. Where no thread can be
 * had the caller makes the things, too.
 */
#include "data/pipe.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/cpus.h"

#define MAX_THREADS 256U
#define SLOTS_PER_THREAD 32U

struct pipe_run {
    const struct tk__pipe *p;
    char *slots; /* n_slots of slot_bytes; owned */
    bool *is_ready;
    size_t n_slots;
    pthread_mutex_t lock; /* what follows is under it, and is_ready */
    pthread_cond_t may_make, may_take;
    size_t next;  /* first thing that nobody took to make */
    size_t taken; /* things that are finished */
    bool is_over; /* nobody is to begin another one */
};

struct pipe_thread {
    struct pipe_run *r;
    struct tk_tok_scratch *s; /* owned by who starts it */
    pthread_t id;
};

static void *slot_of(const struct pipe_run *r, size_t i)
{
    return r->slots + i % r->n_slots * r->p->slot_bytes;
}

static void mark_ready(struct pipe_run *r, size_t i)
{
    (void)pthread_mutex_lock(&r->lock);
    r->is_ready[i % r->n_slots] = true;
    if (i == r->taken)
        (void)pthread_cond_signal(&r->may_take);
    (void)pthread_mutex_unlock(&r->lock);
}

/* Something else goes first from now on. Once a thread; true: done, or not to be had. */
static bool step_back(const struct pipe_run *r)
{
    const struct sched_param none = { 0 };

    if (!r->p->is_beside || !atomic_load_explicit(r->p->is_beside, memory_order_relaxed))
        return false;
    (void)sched_setscheduler(0, SCHED_IDLE, &none);
    return true;
}

/* The next thing to make, or SIZE_MAX when there is none any more. */
static size_t next_thing(struct pipe_run *r)
{
    size_t i = SIZE_MAX;

    (void)pthread_mutex_lock(&r->lock);
    while (!r->is_over && r->next < r->p->n && r->next >= r->taken + r->n_slots)
        (void)pthread_cond_wait(&r->may_make, &r->lock);
    if (!r->is_over && r->next < r->p->n)
        i = r->next++;
    (void)pthread_mutex_unlock(&r->lock);
    return i;
}

static void *work(void *arg)
{
    const struct pipe_thread *t = arg;
    bool is_back = false;
    size_t i;

    while ((i = next_thing(t->r)) != SIZE_MAX) {
        is_back = is_back || step_back(t->r);
        t->r->p->make(t->r->p->owner, t->s, i, slot_of(t->r, i));
        mark_ready(t->r, i);
    }
    return NULL;
}

/* Wait until thing `i` is ready; false: nobody has begun it, and it is the caller's now. */
static bool await_thing(struct pipe_run *r, size_t i, bool has_threads)
{
    bool is_begun = true;

    (void)pthread_mutex_lock(&r->lock);
    if (r->next == i && !has_threads) {
        r->next++;
        is_begun = false;
    }
    while (is_begun && !r->is_ready[i % r->n_slots])
        (void)pthread_cond_wait(&r->may_take, &r->lock);
    (void)pthread_mutex_unlock(&r->lock);
    return is_begun;
}

static void free_slot(struct pipe_run *r, size_t i)
{
    (void)pthread_mutex_lock(&r->lock);
    r->is_ready[i % r->n_slots] = false;
    r->taken = i + 1;
    (void)pthread_cond_signal(&r->may_make);
    (void)pthread_mutex_unlock(&r->lock);
}

static struct tk_tok_scratch *new_scratch(const struct pipe_run *r, bool is_maker)
{
    return r->p->is_long && is_maker ? tk_tok_scratch_new_large() : tk_tok_scratch_new();
}

static int take_all(struct pipe_run *r, bool has_threads)
{
    struct tk_tok_scratch *s = new_scratch(r, !has_threads);
    int rc = s ? 0 : -ENOMEM;
    bool is_back = false;

    for (size_t i = 0; rc == 0 && i < r->p->n; i++) {
        is_back = is_back || step_back(r);
        if (!await_thing(r, i, has_threads))
            r->p->make(r->p->owner, s, i, slot_of(r, i));
        rc = r->p->take(r->p->owner, s, i, slot_of(r, i));
        free_slot(r, i);
    }
    tk_tok_scratch_free(s);
    return rc;
}

/* Start it; false: it cannot be had. */
static bool start(struct pipe_run *r, struct pipe_thread *t)
{
    *t = (struct pipe_thread){ .r = r, .s = new_scratch(r, true) };
    if (t->s && pthread_create(&t->id, NULL, work, t) == 0)
        return true;
    tk_tok_scratch_free(t->s);
    return false;
}

static int run(struct pipe_run *r, unsigned n_threads)
{
    struct pipe_thread threads[MAX_THREADS];
    unsigned n = 0;

    while (n_threads > 1 && n < n_threads && n < r->p->n && start(r, &threads[n]))
        n++;
    int rc = take_all(r, n > 0);
    (void)pthread_mutex_lock(&r->lock);
    r->is_over = true;
    (void)pthread_cond_broadcast(&r->may_make);
    (void)pthread_mutex_unlock(&r->lock);
    for (unsigned i = 0; i < n; i++) {
        (void)pthread_join(threads[i].id, NULL);
        tk_tok_scratch_free(threads[i].s);
    }
    return rc;
}

int tk__pipe_run(const struct tk__pipe *p)
{
    unsigned n_threads = TK_MIN(p->n_threads ? p->n_threads : tk_cpus_usable(), MAX_THREADS);
    struct pipe_run r = { .p = p, .n_slots = (size_t)n_threads * SLOTS_PER_THREAD };
    int rc = -ENOMEM;

    r.slots = calloc(r.n_slots, p->slot_bytes);
    r.is_ready = calloc(r.n_slots, sizeof(*r.is_ready));
    (void)pthread_mutex_init(&r.lock, NULL);
    (void)pthread_cond_init(&r.may_make, NULL);
    (void)pthread_cond_init(&r.may_take, NULL);
    if (r.slots && r.is_ready)
        rc = run(&r, n_threads);
    for (size_t i = 0; r.slots && i < r.n_slots; i++)
        p->release(slot_of(&r, i));
    (void)pthread_cond_destroy(&r.may_take);
    (void)pthread_cond_destroy(&r.may_make);
    (void)pthread_mutex_destroy(&r.lock);
    free(r.is_ready);
    free(r.slots);
    return rc;
}
