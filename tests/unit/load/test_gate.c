/* The rule of release: order, permits, the pacing role, and that nothing is lost between threads. */
#include <pthread.h>
#include <stdlib.h>

#include "lib/tap.h"
#include "load/internal.h"

static void open_gate(struct tk_gate *g, uint64_t n, uint32_t permits, const tk_ns *due)
{
    *g = (struct tk_gate){ .n = n, .max_permits = permits, .due = due, .until_at = TK_NS_NEVER };
    atomic_store(&g->pacer, -1);
}

static void test_closed_loop(void)
{
    struct tk_gate g;
    uint64_t index = 99;
    tk_ns due = 0;
    open_gate(&g, 3, 2, NULL);
    T_EQ_I(tk__gate_take(&g, 5, &index, &due), TK_GATE_TAKEN, "closed: first ticket");
    T_EQ_U(index, 0, "closed: tickets count from 0");
    T_EQ_I(due, 5, "closed: due when it is taken");
    T_EQ_I(tk__gate_take(&g, 6, &index, &due), TK_GATE_TAKEN, "closed: second ticket");
    T_EQ_I(tk__gate_take(&g, 7, &index, &due), TK_GATE_FULL, "closed: no permit is left");
    T_OK(!tk__gate_ends(&g, 7), "closed: does not end while something is in flight");
    tk__gate_give_permit(&g);
    T_EQ_I(tk__gate_take(&g, 8, &index, &due), TK_GATE_TAKEN,
           "closed: a freed permit takes the next");
    T_EQ_U(index, 2, "closed: in order");
    T_EQ_I(tk__gate_take(&g, 9, &index, &due), TK_GATE_CLOSED, "closed: no ticket is left");
    tk__gate_give_permit(&g);
    T_OK(!tk__gate_ends(&g, 9), "closed: one is still in flight");
    tk__gate_give_permit(&g);
    T_OK(tk__gate_ends(&g, 9), "closed: ends");
    T_OK(!tk__gate_ends(&g, 9), "closed: ends once");
}

/* A body that is not made yet keeps nobody waiting as long as every permit is in use. */
static void test_supply(void)
{
    struct tk_gate g;
    struct tk_load_supply supply = { .n_made = 1 };
    uint64_t index = 99;
    tk_ns due = 0;
    open_gate(&g, UINT64_MAX, 1, NULL);
    g.supply = &supply;
    T_EQ_I(tk__gate_take(&g, 5, &index, &due), TK_GATE_TAKEN, "supply: what is made goes out");
    T_EQ_I(tk__gate_take(&g, 6, &index, &due), TK_GATE_FULL, "supply: permits come first");
    tk__gate_give_permit(&g);
    T_EQ_I(tk__gate_take(&g, 7, &index, &due), TK_GATE_UNMADE, "supply: the next is not made");
    T_EQ_U(atomic_load(&g.permits), 0, "supply: which takes no permit");
    atomic_store(&supply.n_made, 2);
    T_EQ_I(tk__gate_take(&g, 8, &index, &due), TK_GATE_TAKEN, "supply: now it is");
    T_EQ_U(index, 1, "supply: numbered on");
}

static void test_pause(void)
{
    struct tk_gate g;
    uint64_t index = 99;
    tk_ns due = 0;
    open_gate(&g, UINT64_MAX, 1, NULL);
    g.pause = 50;
    T_EQ_I(tk__gate_take(&g, 5, &index, &due), TK_GATE_TAKEN, "pause: the first at once");
    T_EQ_I(tk__gate_take(&g, 6, &index, &due), TK_GATE_FULL, "pause: one at a time");
    tk__gate_pause(&g);
    tk__gate_give_permit(&g);
    tk_ns until = atomic_load(&g.not_before);
    T_OK(until > 50, "pause: from the clock on");
    T_EQ_I(tk__gate_take(&g, until - 1, &index, &due), TK_GATE_LATER, "pause: not before its end");
    T_EQ_I(due, until, "pause: says when");
    T_EQ_I(tk__gate_take(&g, until + 3, &index, &due), TK_GATE_TAKEN, "pause: then the next");
    T_EQ_I(due, until + 3, "pause: due when it is taken");
    T_EQ_U(index, 1, "pause: numbered on");
    tk__gate_give_permit(&g);
    T_OK(!tk__gate_ends(&g, until + 4), "pause: no end of its own");
}

static void test_open_loop(void)
{
    static const tk_ns offsets[] = { 10, 20, 30 };
    struct tk_gate g;
    uint64_t index = 99;
    tk_ns due = 0;
    open_gate(&g, 3, 1, offsets);
    g.begin_at = 100;
    g.until_at = 130;
    T_EQ_I(tk__gate_take(&g, 105, &index, &due), TK_GATE_LATER, "open: not due yet");
    T_EQ_I(due, 110, "open: says when");
    T_EQ_I(tk__gate_take(&g, 125, &index, &due), TK_GATE_TAKEN, "open: due");
    T_EQ_I(due, 110, "open: keeps the intended instant though it is late");
    T_EQ_I(tk__gate_take(&g, 125, &index, &due), TK_GATE_FULL, "open: due, but no permit");
    tk__gate_give_permit(&g);
    T_EQ_I(tk__gate_take(&g, 126, &index, &due), TK_GATE_TAKEN,
           "open: due in the past goes at once");
    T_EQ_I(tk__gate_take(&g, 127, &index, &due), TK_GATE_CLOSED,
           "open: due at the end is too late");
    tk__gate_give_permit(&g);
    T_OK(tk__gate_ends(&g, 127), "open: ends although a ticket is left");
}

static void test_stop_and_roles(void)
{
    struct tk_gate g;
    uint64_t index = 99;
    tk_ns due = 0;
    open_gate(&g, UINT64_MAX, 0, NULL);
    g.is_due_at_begin = true;
    g.begin_at = 50;
    T_EQ_I(tk__gate_take(&g, 60, &index, &due), TK_GATE_TAKEN, "no bound on permits");
    T_EQ_I(due, 50, "infinite rate: due at the start");
    atomic_store(&g.is_stopped, true);
    T_EQ_I(tk__gate_take(&g, 61, &index, &due), TK_GATE_CLOSED, "stopped");
    T_OK(tk__gate_become_pacer(&g, 1), "the vacant role is taken");
    T_OK(tk__gate_become_pacer(&g, 1), "who has it has it");
    T_OK(!tk__gate_become_pacer(&g, 0), "nobody else gets it");
    tk__gate_drop_pacer(&g, 0);
    T_OK(tk__gate_is_pacer(&g, 1), "only the holder drops it");
    tk__gate_drop_pacer(&g, 1);
    T_OK(!tk__gate_is_pacer(&g, 1), "dropped");
}

/* A worker may be held up between its look at the clock and its look at the gate. */
static void test_end_is_final(void)
{
    struct tk_gate g;
    uint64_t index = 99;
    tk_ns due = 0;
    open_gate(&g, UINT64_MAX, 2, NULL);
    g.until_at = 100;
    T_OK(tk__gate_ends(&g, 100), "final: time is up and nothing is in flight");
    T_EQ_I(tk__gate_take(&g, 99, &index, &due), TK_GATE_CLOSED,
           "final: a clock of before the end releases nothing");
    T_EQ_U(atomic_load(&g.permits), 0, "final: and keeps no permit");
    atomic_store(&g.is_stopped, false);
    g.until_at = TK_NS_NEVER;
    T_EQ_I(tk__gate_take(&g, 101, &index, &due), TK_GATE_CLOSED,
           "final: nothing is released between two phases");
    T_OK(!tk__gate_ends(&g, 101), "final: and nothing ends");
}

/* --- a bound that changes --- */

static const struct tk_permit_step steps[] = { { 0, 1 }, { 100, 3 }, { 200, 0 }, { 300, 2 } };

static void test_bound(void)
{
    static const struct {
        tk_ns now;
        unsigned bound;
    } t[] = {
        { 50, 1 }, /* a clock of before the start: the first one */
        { 1000, 1 }, { 1099, 1 }, { 1100, 3 }, { 1199, 3 }, { 1200, 0 },
        { 1300, 2 }, { 9999, 2 }, { 1150, 3 }, /* another worker's clock, read before */
        { 1000, 1 }, { 1250, 0 },
    };
    struct tk_gate g;
    open_gate(&g, 9, 3, NULL);
    g.begin_at = 1000;
    g.steps = steps;
    g.n_steps = TK_ARRAY_LEN(steps);
    for (size_t i = 0; i < TK_ARRAY_LEN(t); i++)
        T_EQ_U(tk__gate_bound(&g, t[i].now), t[i].bound, "bound at %d", (int)t[i].now);
    g.n_steps = 0;
    T_EQ_U(tk__gate_bound(&g, 1000), 3, "one that does not change");
    g.max_permits = 0;
    T_EQ_U(tk__gate_bound(&g, 1000), UINT32_MAX, "none");
}

static void test_rise_and_fall(void)
{
    struct tk_gate g;
    uint64_t index = 0;
    tk_ns due = 0;
    open_gate(&g, 99, 3, NULL);
    g.steps = steps;
    g.n_steps = TK_ARRAY_LEN(steps);
    T_EQ_I(tk__gate_take(&g, 10, &index, &due), TK_GATE_TAKEN, "bound 1: one");
    T_EQ_I(tk__gate_take(&g, 99, &index, &due), TK_GATE_FULL, "bound 1: and no more");
    T_EQ_I(tk__gate_take(&g, 100, &index, &due), TK_GATE_TAKEN, "bound 3: a second");
    T_EQ_I(tk__gate_take(&g, 100, &index, &due), TK_GATE_TAKEN, "bound 3: a third");
    T_EQ_I(tk__gate_take(&g, 100, &index, &due), TK_GATE_FULL, "bound 3: and no more");
    tk__gate_give_permit(&g);
    T_EQ_I(tk__gate_take(&g, 200, &index, &due), TK_GATE_FULL,
           "bound 0: what ends has no successor");
    tk__gate_give_permit(&g);
    T_EQ_I(tk__gate_take(&g, 299, &index, &due), TK_GATE_FULL, "bound 0: none at all");
    T_EQ_U(atomic_load(&g.permits), 1, "bound 0: what is in flight keeps its permit");
    T_EQ_I(tk__gate_take(&g, 300, &index, &due), TK_GATE_TAKEN, "bound 2: one beside it");
    T_EQ_I(tk__gate_take(&g, 300, &index, &due), TK_GATE_FULL, "bound 2: and no more");
    T_EQ_U(index, 3, "tickets go on");
}

/* --- threads --- */

enum { N_THREADS = 4, N_TICKETS = 20000, N_PERMITS = 3 };

static struct tk_gate shared;
static _Atomic unsigned char taken[N_TICKETS];
static _Atomic unsigned in_flight, peak, ends, disorder;

static _Atomic int64_t clock_now; /* of the threads: it goes on with every look */
static const struct tk_permit_step wave[] = { { 0, 3 }, { 40000, 1 }, { 80000, 3 }, { 120000, 2 } };

static void *take_all(void *owner)
{
    unsigned seed = *(unsigned *)owner;
    uint64_t index, before = 0;
    tk_ns due;
    for (;;) {
        enum tk_gate_verdict v = tk__gate_take(&shared, atomic_fetch_add(&clock_now, 1), &index,
                                               &due);
        if (v == TK_GATE_CLOSED)
            break;
        if (v != TK_GATE_TAKEN)
            continue;
        unsigned now = atomic_fetch_add(&in_flight, 1) + 1;
        unsigned max = atomic_load(&peak);
        while (now > max && !atomic_compare_exchange_weak(&peak, &max, now))
            continue;
        if (before && index < before)
            atomic_fetch_add(&disorder, 1);
        before = index;
        atomic_fetch_add(&taken[index], 1);
        for (volatile unsigned spin = (unsigned)rand_r(&seed) % 200; spin; spin = spin - 1)
            continue;
        atomic_fetch_sub(&in_flight, 1);
        tk__gate_give_permit(&shared);
        if (tk__gate_ends(&shared, 1))
            atomic_fetch_add(&ends, 1);
    }
    if (tk__gate_ends(&shared, 1))
        atomic_fetch_add(&ends, 1);
    return NULL;
}

static void test_threads(bool is_waving)
{
    pthread_t thread[N_THREADS];
    unsigned seeds[N_THREADS], wrong = 0;
    open_gate(&shared, N_TICKETS, N_PERMITS, NULL);
    shared.steps = is_waving ? wave : NULL;
    shared.n_steps = is_waving ? TK_ARRAY_LEN(wave) : 0;
    for (unsigned i = 0; i < N_TICKETS; i++)
        atomic_store(&taken[i], 0);
    atomic_store(&clock_now, 0);
    atomic_store(&peak, 0);
    atomic_store(&ends, 0);
    for (unsigned i = 0; i < N_THREADS; i++) {
        seeds[i] = i + 1;
        pthread_create(&thread[i], NULL, take_all, &seeds[i]);
    }
    for (unsigned i = 0; i < N_THREADS; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < N_TICKETS; i++)
        wrong += atomic_load(&taken[i]) != 1;
    T_EQ_U(wrong, 0, "threads: each ticket is taken once");
    T_EQ_U(atomic_load(&disorder), 0, "threads: a worker's tickets ascend");
    T_OK(atomic_load(&peak) <= N_PERMITS, "threads: never more in flight than permits (%u)",
         atomic_load(&peak));
    T_EQ_U(atomic_load(&ends), 1, "threads: the end is announced once");
    T_EQ_U(atomic_load(&shared.permits), 0, "threads: every permit came back");
}

int main(void)
{
    test_closed_loop();
    test_supply();
    test_pause();
    test_open_loop();
    test_stop_and_roles();
    test_end_is_final();
    test_bound();
    test_rise_and_fall();
    test_threads(false);
    test_threads(true);
    return T_DONE();
}
