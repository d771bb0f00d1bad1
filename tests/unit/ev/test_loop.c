/* test_loop.c - the loop's contract: real where the kernel is needed, virtual where time is */
#include "ev/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#include "lib/failmalloc.h"
#include "lib/tap.h"

#define S TK_NS_PER_S

static struct tk_loop *loop; /* of the test that runs */
static char trace[256];      /* what was called, in order */

static void note(const char *word)
{
    size_t n = strlen(trace);

    snprintf(trace + n, sizeof(trace) - n, "%s", word);
}

static bool begin(enum tk_loop_kind kind)
{
    trace[0] = 0;
    return T_EQ_I(tk_loop_new(kind, &loop), 0, "a loop of kind %d", kind);
}

static void run_and_end(void)
{
    T_EQ_I(tk_loop_run(loop), 0, "run");
    loop = tk_loop_free(loop);
}

/* --- timers --- */

/* A timer whose owner is the word that it adds to the trace. */
static void name_timer(struct tk_timer *t, tk_timer_cb cb, const char *word)
{
    tk_timer_init(t, cb, (void *)(uintptr_t)word);
}

static void on_named(struct tk_timer *t)
{
    note(t->owner);
}

static void on_stop(struct tk_timer *t)
{
    note(t->owner);
    tk_loop_stop(loop);
}

static void test_timer_order(enum tk_loop_kind kind)
{
    static const char *const names[] = { "c", "a1", "a2", "b", "a3" };
    static const tk_ns at[] = { 3000, 1000, 1000, 2000, 1000 };
    struct tk_timer t[5], last;
    tk_ns base;

    begin(kind);
    base = tk_clock_now();
    for (int i = 0; i < 5; i++) {
        name_timer(&t[i], on_named, names[i]);
        T_OK(!tk_timer_is_set(&t[i]), "timer %d is not set at first", i);
        T_EQ_I(tk_timer_set(loop, &t[i], base + at[i] * 1000), 0, "set %d", i);
    }
    name_timer(&last, on_stop, "!");
    tk_timer_set(loop, &last, base + 4 * TK_NS_PER_MS);
    T_OK(tk_timer_is_set(&t[0]), "timer is set");
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_OK(tk_clock_now() >= base + 4 * TK_NS_PER_MS, "no timer comes early");
    T_OK(!tk_timer_is_set(&t[0]), "timer is not set any more");
    T_EQ_S(trace, "a1a2a3bc!", "by deadline, ties in the order of setting, kind %d", kind);
    loop = tk_loop_free(loop);
}

struct resetting {
    struct tk_timer timer;
    int n;
    tk_ns at[4]; /* instants of the calls */
};

static void on_reset(struct tk_timer *t)
{
    struct resetting *r = TK_CONTAINER_OF(t, struct resetting, timer);

    T_OK(!tk_timer_is_set(t), "not set in its callback");
    r->at[r->n++] = tk_clock_now();
    if (r->n < 3)
        tk_timer_set(loop, t, tk_clock_now() + 3600 * S);
    else if (r->n == 3)
        tk_timer_set(loop, t, tk_clock_now() - 5); /* past: in the next round */
}

static void test_timer_reset(void)
{
    struct resetting r = { 0 };

    begin(TK_LOOP_VIRTUAL);
    tk_timer_init(&r.timer, on_reset, NULL);
    tk_timer_set(loop, &r.timer, 100 * S);
    tk_timer_set(loop, &r.timer, 2 * S);
    T_EQ_I(tk_loop_run(loop), 0, "run ends when nothing is left");
    T_EQ_I(r.n, 4, "called once per setting");
    T_EQ_I(r.at[0], 2 * S, "the later wish counts");
    T_EQ_I(r.at[1], 3602 * S, "re-set in its callback");
    T_EQ_I(r.at[2], 7202 * S, "and again");
    T_EQ_I(r.at[3], 7202 * S, "the past is now");
    loop = tk_loop_free(loop);
}

static struct tk_timer victims[3];

static void on_killer(struct tk_timer *t)
{
    note(t->owner);
    tk_timer_stop(&victims[1]);                             /* due in the same moment */
    tk_timer_set(loop, &victims[2], tk_clock_now() + 1000); /* also due: put off */
}

static void test_timer_stop_due(void)
{
    begin(TK_LOOP_VIRTUAL);
    name_timer(&victims[0], on_killer, "k");
    name_timer(&victims[1], on_named, "x");
    name_timer(&victims[2], on_named, "z");
    for (int i = 0; i < 3; i++)
        tk_timer_set(loop, &victims[i], 5 * S);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "kz", "a due timer can be stopped and put off");
    T_EQ_I(tk_clock_now(), 5 * S + 1000, "put off by 1000 ns");
    tk_timer_stop(&victims[0]); /* not set: nothing happens */
    loop = tk_loop_free(loop);
}

/* The timerfd must be re-armed when the first deadline comes nearer, and survive one that goes. */
static void test_timer_rearm_real(void)
{
    struct tk_timer far, near, gone;
    tk_ns base;

    begin(TK_LOOP_REAL);
    base = tk_clock_now();
    name_timer(&far, on_stop, "far");
    name_timer(&near, on_named, "near ");
    name_timer(&gone, on_named, "gone");
    tk_timer_set(loop, &far, base + 6 * TK_NS_PER_MS);
    tk_timer_set(loop, &near, base + 3 * TK_NS_PER_MS);
    tk_timer_set(loop, &gone, base + 1 * TK_NS_PER_MS);
    tk_timer_stop(&gone);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "near far", "armed for the first deadline that is left");
    loop = tk_loop_free(loop);
}

static void test_timer_never(void)
{
    struct tk_timer t;

    begin(TK_LOOP_VIRTUAL);
    name_timer(&t, on_named, "x");
    tk_timer_set(loop, &t, TK_NS_NEVER);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "", "never does not come");
    T_EQ_I(tk_clock_now(), S, "and the clock stays");
    loop = tk_loop_free(loop);
    T_OK(!tk_timer_is_set(&t), "freeing the loop unsets its timers");
    tk_timer_stop(&t);
}

/* --- descriptors --- */

struct end {
    struct tk_io io;
    int fd[2]; /* a socket pair: io is on the first */
    int calls;
    unsigned ready;   /* of the last call */
    bool is_reader;   /* reads one byte per call */
    int stop_at;      /* calls after which the loop is stopped, 0 never */
    struct end *kill; /* stopped and closed in the callback */
};

static void end_open(struct end *e, tk_io_cb cb)
{
    *e = (struct end){ 0 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, e->fd) < 0)
        abort();
    tk_io_init(&e->io, e->fd[0], cb, e);
}

static void end_close(struct end *e)
{
    tk_io_stop(&e->io);
    tk_io_stop(&e->io); /* twice does nothing */
    if (e->fd[0] >= 0)
        close(e->fd[0]);
    if (e->fd[1] >= 0)
        close(e->fd[1]);
    e->fd[0] = e->fd[1] = -1;
}

static void poke(struct end *e, size_t n)
{
    if (write(e->fd[1], "0123456789", n) != (ssize_t)n)
        abort();
}

static void on_end(struct tk_io *io, unsigned ready)
{
    struct end *e = io->owner;
    char c;

    e->calls++;
    e->ready = ready;
    if (e->is_reader && read(io->fd, &c, 1) < 0)
        abort();
    if (e->kill)
        end_close(e->kill);
    if (e->stop_at && e->calls == e->stop_at)
        tk_loop_stop(loop);
}

static void test_level_trigger(void)
{
    struct end e;

    begin(TK_LOOP_REAL);
    end_open(&e, on_end);
    e.is_reader = true;
    e.stop_at = 3;
    T_EQ_I(tk_io_start(loop, &e.io, TK_IO_IN), 0, "start");
    T_EQ_I(tk_io_start(loop, &e.io, TK_IO_IN), -EALREADY, "start again");
    poke(&e, 3);
    run_and_end();
    T_EQ_I(e.calls, 3, "called as long as bytes are left");
    T_EQ_I(e.ready, TK_IO_IN, "readable");
    T_OK(e.io.loop == NULL, "freeing the loop stops its ios");
    end_close(&e);
}

static void test_stale_event(void)
{
    struct end e[8];

    begin(TK_LOOP_REAL);
    for (int i = 0; i < 8; i++) {
        end_open(&e[i], on_end);
        tk_io_start(loop, &e[i].io, TK_IO_IN);
        e[i].stop_at = 1;
        e[i].kill = &e[i ^ 1];
        poke(&e[i], 1);
    }
    T_EQ_I(tk_loop_run(loop), 0, "run");
    for (int i = 0; i < 8; i += 2)
        T_EQ_I(e[i].calls + e[i + 1].calls, 1, "of pair %d one was called, the other stopped", i);
    for (int i = 0; i < 8; i++)
        end_close(&e[i]);
    loop = tk_loop_free(loop);
}

static struct end reborn;

/* Free the neighbour and let a new io take its slot (and its descriptor) in the same round. */
static void on_rebirth(struct tk_io *io, unsigned ready)
{
    struct end *e = io->owner;

    on_end(io, ready);
    end_open(&reborn, on_end);
    tk_io_start(loop, &reborn.io, TK_IO_IN);
    e->kill = NULL;
    tk_io_want(io, 0);
}

static void test_stale_event_of_reused_slot(void)
{
    struct end e[2];

    begin(TK_LOOP_REAL);
    for (int i = 0; i < 2; i++) {
        end_open(&e[i], on_rebirth);
        tk_io_start(loop, &e[i].io, TK_IO_IN);
        e[i].kill = &e[1 - i];
        e[i].stop_at = 1;
        poke(&e[i], 1);
    }
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_I(reborn.calls, 0, "an event of the slot's former io does not reach the new one");
    T_EQ_I(e[0].calls + e[1].calls, 1, "one was called");
    poke(&reborn, 1);
    reborn.stop_at = 1;
    T_EQ_I(tk_loop_run(loop), 0, "run again, after a stop");
    T_EQ_I(reborn.calls, 1, "its own event does");
    end_close(&e[0]);
    end_close(&e[1]);
    end_close(&reborn);
    loop = tk_loop_free(loop);
}

static void on_free_self(struct tk_io *io, unsigned ready)
{
    struct end *e = io->owner;

    (void)ready;
    note("free");
    end_close(e);
    free(e);
    tk_loop_stop(loop);
}

static void test_free_in_callback(void)
{
    struct end *e = malloc(sizeof(*e));

    if (!e)
        abort();
    begin(TK_LOOP_REAL);
    end_open(e, on_free_self);
    tk_io_start(loop, &e->io, TK_IO_IN);
    poke(e, 1);
    run_and_end();
    T_EQ_S(trace, "free", "an io may free itself in its callback");
}

static void test_want(void)
{
    struct end e;
    struct tk_timer t;

    begin(TK_LOOP_REAL);
    end_open(&e, on_end);
    tk_io_start(loop, &e.io, TK_IO_IN);
    poke(&e, 1);
    tk_io_want(&e.io, 0);
    name_timer(&t, on_stop, "t");
    tk_timer_set(loop, &t, tk_clock_now());
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_I(e.calls, 0, "nothing wanted, nothing called");
    tk_io_want(&e.io, TK_IO_IN);
    tk_io_want(&e.io, TK_IO_IN | TK_IO_OUT);
    e.stop_at = 1;
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_I(e.ready, TK_IO_IN | TK_IO_OUT, "both wanted, both ready");
    tk_io_want(&e.io, TK_IO_OUT);
    e.stop_at = 2;
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_I(e.ready, TK_IO_OUT, "only what is wanted");
    end_close(&e);
    loop = tk_loop_free(loop);
}

static void test_hang_up(void)
{
    struct end e;

    begin(TK_LOOP_REAL);
    end_open(&e, on_end);
    tk_io_start(loop, &e.io, 0);
    close(e.fd[1]);
    e.fd[1] = -1;
    e.stop_at = 1;
    run_and_end();
    T_EQ_I(e.ready, TK_IO_IN | TK_IO_OUT | TK_IO_HUP,
           "a hang-up is told even if nothing is wanted");
    end_close(&e);
}

/* A change that the kernel refuses (here: the descriptor was closed under the loop) is a hang-up. */
static void test_lost_descriptor(void)
{
    struct end e;

    begin(TK_LOOP_REAL);
    end_open(&e, on_end);
    tk_io_start(loop, &e.io, TK_IO_IN);
    close(e.fd[0]);
    tk_io_want(&e.io, TK_IO_OUT);
    e.stop_at = 1;
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_OK(e.ready & TK_IO_HUP, "a lost descriptor is a hang-up");
    e.fd[0] = -1;
    end_close(&e);
    loop = tk_loop_free(loop);
}

static void test_refused(void)
{
    struct tk_io io;

    begin(TK_LOOP_REAL);
    tk_io_init(&io, 1 << 20, on_end, NULL);
    T_EQ_I(tk_io_start(loop, &io, TK_IO_IN), -EBADF, "a descriptor that is none");
    T_OK(io.loop == NULL, "is not started");
    loop = tk_loop_free(loop);
    begin(TK_LOOP_VIRTUAL);
    tk_io_init(&io, 0, on_end, NULL);
    T_EQ_I(tk_io_start(loop, &io, TK_IO_IN), -ENOTSUP, "a virtual loop takes no descriptors");
    loop = tk_loop_free(loop);
}

static void test_many(void)
{
    enum { N = 300 };
    static struct end e[N];
    struct tk_timer t;
    int called = 0, failed = 0;

    begin(TK_LOOP_REAL);
    for (int i = 0; i < N; i++) {
        end_open(&e[i], on_end);
        e[i].is_reader = true;
        failed += tk_io_start(loop, &e[i].io, TK_IO_IN) != 0;
        poke(&e[i], 1);
    }
    name_timer(&t, on_stop, "t");
    tk_timer_set(loop, &t, tk_clock_now());
    T_EQ_I(tk_loop_run(loop), 0, "run");
    for (int i = 0; i < N; i++) {
        called += e[i].calls;
        end_close(&e[i]);
    }
    T_EQ_I(failed, 0, "all were started");
    T_EQ_I(called, N, "all are called in one round, once");
    loop = tk_loop_free(loop);
}

/* A timer that came due while io callbacks run does not wait for the last of them. */
static int n_before_timer;

static void on_slow(struct tk_io *io, unsigned ready)
{
    struct end *e = io->owner;
    tk_ns until = tk_clock_now() + 50 * TK_NS_PER_US;

    (void)ready;
    while (tk_clock_now() < until)
        ;
    n_before_timer += trace[0] == 0;
    e->calls++;
    tk_io_want(io, 0);
}

static void test_timers_between_ios(void)
{
    enum { N = 200 };
    static struct end e[N];
    struct tk_timer t;

    begin(TK_LOOP_REAL);
    n_before_timer = 0;
    for (int i = 0; i < N; i++) {
        end_open(&e[i], on_slow);
        tk_io_start(loop, &e[i].io, TK_IO_IN);
        poke(&e[i], 1);
    }
    name_timer(&t, on_stop, "t");
    tk_timer_set(loop, &t, tk_clock_now() + 50);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_OK(n_before_timer < N, "the timer came after %d of %d callbacks", n_before_timer, N);
    for (int i = 0; i < N; i++)
        end_close(&e[i]);
    loop = tk_loop_free(loop);
}

/* --- readiness by hand --- */

static void on_hand(struct tk_io *io, unsigned ready)
{
    char word[8];

    snprintf(word, sizeof(word), "%u", ready);
    note(word);
    if (io->owner && strlen(trace) >= 3)
        tk_io_set_level(io, 0);
}

static void test_raise(enum tk_loop_kind kind)
{
    struct tk_io io;
    struct tk_timer t;

    begin(kind);
    tk_io_init(&io, -1, on_hand, NULL);
    tk_io_raise(&io, TK_IO_IN);
    T_EQ_I(tk_io_start(loop, &io, TK_IO_OUT), 0, "start");
    name_timer(&t, on_stop, "t");
    tk_timer_set(loop, &t, tk_clock_now());
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "t", "what is not wanted is not told");
    tk_io_want(&io, TK_IO_IN);
    tk_timer_set(loop, &t, tk_clock_now());
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "t1t", "but stays raised until it is, before the timers");
    tk_io_raise(&io, TK_IO_HUP);
    tk_timer_set(loop, &t, tk_clock_now());
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "t1t7t", "a hang-up always is, and once");
    tk_io_stop(&io);
    loop = tk_loop_free(loop);
}

static void test_level_by_hand(void)
{
    struct tk_io io;
    char owner;

    begin(TK_LOOP_VIRTUAL);
    tk_io_init(&io, -1, on_hand, &owner);
    tk_io_start(loop, &io, TK_IO_IN);
    tk_io_set_level(&io, TK_IO_IN | TK_IO_OUT);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "111", "a level comes in every round until it is lowered");
    tk_io_set_level(&io, TK_IO_IN);
    tk_io_stop(&io);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "111", "and not after a stop");
    loop = tk_loop_free(loop);
}

static struct tk_io hands[2];

static void on_hand_killer(struct tk_io *io, unsigned ready)
{
    (void)ready;
    note(io == &hands[0] ? "a" : "b");
    tk_io_stop(&hands[0]);
    tk_io_stop(&hands[1]);
}

static void test_stop_raised(void)
{
    begin(TK_LOOP_VIRTUAL);
    for (int i = 0; i < 2; i++) {
        tk_io_init(&hands[i], -1, on_hand_killer, NULL);
        tk_io_start(loop, &hands[i], TK_IO_IN);
        tk_io_set_level(&hands[i], TK_IO_IN);
    }
    run_and_end();
    T_EQ_S(trace, "a", "a raised io can be stopped by another's callback");
}

/* --- mail --- */

enum { SENDERS = 4, LETTERS = 2000 };

struct letter {
    struct tk_mail mail;
    int sender, number;
};

static struct letter letters[SENDERS][LETTERS];
static int next_of[SENDERS], n_mail, n_disorder;

static void on_letter(struct tk_mail *m)
{
    struct letter *l = TK_CONTAINER_OF(m, struct letter, mail);

    n_disorder += l->number != next_of[l->sender]++;
    if (++n_mail == SENDERS * LETTERS)
        tk_loop_stop(loop);
}

static void *sender_main(void *arg)
{
    struct letter *mine = arg;

    for (int i = 0; i < LETTERS; i++)
        tk_loop_post(loop, &mine[i].mail);
    return NULL;
}

static void test_mail_from_threads(void)
{
    pthread_t threads[SENDERS];

    begin(TK_LOOP_REAL);
    for (int s = 0; s < SENDERS; s++) {
        for (int i = 0; i < LETTERS; i++)
            letters[s][i] = (struct letter){ { .cb = on_letter }, s, i };
        if (pthread_create(&threads[s], NULL, sender_main, letters[s]))
            abort();
    }
    T_EQ_I(tk_loop_run(loop), 0, "run");
    for (int s = 0; s < SENDERS; s++)
        pthread_join(threads[s], NULL);
    T_EQ_I(n_mail, SENDERS * LETTERS, "every mail arrives");
    T_EQ_I(n_disorder, 0, "and in its sender's order");
    loop = tk_loop_free(loop);
}

static void on_mail_again(struct tk_mail *m)
{
    note("m");
    if (strlen(trace) < 3)
        tk_loop_post(loop, m);
    else
        tk_loop_stop(loop);
}

static void test_mail_to_self(enum tk_loop_kind kind)
{
    struct tk_mail m = { .cb = on_mail_again }, lost = { .cb = on_mail_again };

    begin(kind);
    tk_loop_post(loop, &m);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "mmm", "a mail may be posted again from its callback");
    tk_loop_post(loop, &lost);
    loop = tk_loop_free(loop);
    T_EQ_S(trace, "mmm", "mail that did not arrive is forgotten");
}

/* --- later, and the order of a round --- */

static void on_defer(struct tk_defer *d)
{
    note("d");
    if (strlen(trace) < 3)
        tk_loop_defer(loop, d); /* the next round; the loop does not sleep */
}

static void test_defer(void)
{
    struct tk_defer d = { .cb = on_defer }, stopped = { .cb = on_defer };

    begin(TK_LOOP_VIRTUAL);
    tk_loop_defer(loop, &d);
    tk_loop_defer(loop, &d);
    tk_loop_defer(loop, &stopped);
    tk_defer_stop(&stopped);
    tk_defer_stop(&stopped);
    run_and_end();
    T_EQ_S(trace, "ddd", "once per round however often asked, again when asked in its callback");
}

static void on_word_mail(struct tk_mail *m)
{
    (void)m;
    note("mail ");
}

static void on_word_defer(struct tk_defer *d)
{
    (void)d;
    note("defer ");
    tk_loop_stop(loop);
}

static void on_word_io(struct tk_io *io, unsigned ready)
{
    (void)ready;
    note("io ");
    tk_io_stop(io);
}

static void test_round_order(enum tk_loop_kind kind)
{
    struct tk_defer d = { .cb = on_word_defer };
    struct tk_mail m = { .cb = on_word_mail };
    struct tk_timer t;
    struct tk_io io;

    begin(kind);
    tk_loop_defer(loop, &d);
    tk_loop_post(loop, &m);
    name_timer(&t, on_named, "timer ");
    tk_timer_set(loop, &t, tk_clock_now());
    tk_io_init(&io, -1, on_word_io, NULL);
    tk_io_start(loop, &io, TK_IO_IN);
    tk_io_raise(&io, TK_IO_IN);
    run_and_end();
    T_EQ_S(trace, "io timer mail defer ", "order of a round, kind %d", kind);
}

static void test_stop_before_run(void)
{
    struct tk_timer t;

    begin(TK_LOOP_REAL);
    name_timer(&t, on_stop, "t");
    tk_timer_set(loop, &t, tk_clock_now());
    tk_loop_stop(loop);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_S(trace, "", "a loop stopped before it runs does not run");
    run_and_end();
    T_EQ_S(trace, "t", "the next run does");
}

/* --- virtual time, counts, memory --- */

static void test_virtual_clock(void)
{
    struct tk_loop *second = NULL;
    tk_ns wall;

    begin(TK_LOOP_VIRTUAL);
    T_EQ_I(tk_clock_now(), S, "starts at one second");
    wall = tk_clock_wall();
    T_EQ_I(wall, 1700000001 * S, "at a fixed wall time");
    T_EQ_I(tk_loop_new(TK_LOOP_VIRTUAL, &second), -EBUSY, "there is one virtual loop at a time");
    T_OK(second == NULL, "and none was made");
    T_EQ_I(tk_loop_run(loop), 0, "an empty virtual loop ends");
    loop = tk_loop_free(loop);
    T_OK(tk_clock_wall() > wall, "the real clock is back");
    begin(TK_LOOP_VIRTUAL);
    loop = tk_loop_free(loop);
    T_OK(tk_loop_free(NULL) == NULL, "NULL may be freed");
}

static void test_stats(void)
{
    struct tk_loop_stats st;
    struct tk_timer t[2];
    struct end e;

    begin(TK_LOOP_REAL);
    end_open(&e, on_end);
    e.is_reader = true;
    tk_io_start(loop, &e.io, TK_IO_IN);
    poke(&e, 1);
    name_timer(&t[0], on_named, "a");
    name_timer(&t[1], on_stop, "b");
    tk_timer_set(loop, &t[0], tk_clock_now() - 7 * TK_NS_PER_MS);
    tk_timer_set(loop, &t[1], tk_clock_now() - 2 * TK_NS_PER_MS);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    tk_loop_stats(loop, &st);
    T_EQ_U(st.rounds, 1, "rounds");
    T_EQ_U(st.io_events, 1, "descriptors");
    T_EQ_U(st.n_timers, 2, "timers");
    T_OK(st.lag_max >= 7 * TK_NS_PER_MS, "largest lag");
    T_OK(st.lag_sum >= st.lag_max + 2 * TK_NS_PER_MS, "sum of lags");
    tk_loop_forget_stats(loop);
    tk_loop_stats(loop, &st);
    T_OK(st.rounds == 0 && st.n_timers == 0 && st.lag_max == 0, "forgotten");
    end_close(&e);
    loop = tk_loop_free(loop);
}

static void test_no_memory(void)
{
    struct tk_timer t;
    struct end e;

    tk_failmalloc_at(1);
    T_EQ_I(tk_loop_new(TK_LOOP_REAL, &loop), -ENOMEM, "no memory for the loop");
    tk_failmalloc_off();
    begin(TK_LOOP_REAL);
    end_open(&e, on_end);
    tk_failmalloc_at(1);
    T_EQ_I(tk_io_start(loop, &e.io, TK_IO_IN), -ENOMEM, "no memory for a slot");
    tk_failmalloc_off();
    T_EQ_I(tk_io_start(loop, &e.io, TK_IO_IN), 0, "and then there is");
    name_timer(&t, on_named, "t");
    tk_failmalloc_at(1);
    T_EQ_I(tk_timer_set(loop, &t, 5), -ENOMEM, "no memory for a timer");
    tk_failmalloc_off();
    T_OK(!tk_timer_is_set(&t), "which is not set then");
    end_close(&e);
    loop = tk_loop_free(loop);
}

int main(void)
{
    for (int kind = TK_LOOP_REAL; kind <= TK_LOOP_VIRTUAL; kind++) {
        test_timer_order(kind);
        test_raise(kind);
        test_mail_to_self(kind);
        test_round_order(kind);
    }
    test_timer_reset();
    test_timer_stop_due();
    test_timer_rearm_real();
    test_timer_never();
    test_level_trigger();
    test_stale_event();
    test_stale_event_of_reused_slot();
    test_free_in_callback();
    test_want();
    test_hang_up();
    test_lost_descriptor();
    test_refused();
    test_many();
    test_timers_between_ios();
    test_level_by_hand();
    test_stop_raised();
    test_mail_from_threads();
    test_defer();
    test_stop_before_run();
    test_virtual_clock();
    test_stats();
    test_no_memory();
    return T_DONE();
}
