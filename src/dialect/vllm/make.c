/* make.c - prompts that are made beside the load
 *
 *   maker's thread:  data set ─ each prompt, in order ─► body ─► supply.n_made
 *   the command:     begin … schedule … await: all, or enough ahead … the load … end
 *
 * What takes two seconds or less is made whole before the load, as everything was once. A set that takes
 * longer, and that is made in the order in which it is sent, lets the load begin when it is well ahead: by
 * the schedule at half the pace of making so far, or by a part of the whole in a closed loop. From then on
 * its threads take what processor time nobody else wants (SCHED_IDLE). Should the load catch up with them
 * all the same, the health says so and the client was the limit.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "dialect/vllm/sets.h"
#include "dialect/vllm/vllm.h"

#define WHOLE_WITHIN (2 * TK_NS_PER_S)
#define LOOK_EACH (20 * TK_NS_PER_MS)
#define MAX_BODY_BYTES ((size_t)64 << 30)
#define MAX_BODY ((size_t)1 << 30)

/* Of a closed loop, before it begins: so many rounds of its permits, and one part of all in so many. */
#define ROUNDS_AHEAD 8
#define PART_AHEAD 20

struct tk__vllm_maker {
    struct tk_vllm *v;
    struct tk_vllm_template *t;
    struct tk_arena arena; /* of the bodies; the thread's until it has ended */
    struct tk_buf text;    /* of one body */
    struct tk_load_supply supply;
    _Atomic bool is_beside;  /* the load goes first */
    _Atomic bool is_stopped; /* nobody wants the rest */
    tk_ns begin_at;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t ends;
    bool has_ended; /* under the lock, as are the next two */
    int rc;
    struct tk_err err;
};

/* On the maker's thread: the next prompt of the set. */
static int make_body(void *owner, const struct tk_item *item)
{
    struct tk__vllm_maker *m = owner;
    struct tk_vllm *v = m->v;
    uint64_t i = atomic_load(&m->supply.n_made);

    if (atomic_load(&m->is_stopped))
        return TK_E_CANCELLED;
    if (i == v->n_bodies)
        return TK_E_RANGE;
    tk_buf_reset(&m->text);
    const struct tk_vllm_send s = { .item = item, .number = -1 };
    int rc = tk_vllm_template_write(m->t, &s, &m->text, &m->err);
    struct tk_str json = rc == 0 ? tk_arena_dup_str(&m->arena, tk_buf_str(&m->text))
                                 : (struct tk_str){ NULL, 0 };
    if (!json.p)
        return rc ? rc : -ENOMEM;
    v->bodies[i] = (struct tk_load_body){
        .json = json,
        .asked_prompt_tokens = item->prompt_tokens < 0 ? 1 : item->prompt_tokens,
        .asked_output_tokens = item->output_tokens,
    };
    atomic_store(&m->supply.n_made, i + 1);
    return 0;
}

static void *run(void *arg)
{
    struct tk__vllm_maker *m = arg;
    struct tk_vllm *v = m->v;
    struct tk_data_conf conf = {
        .seed = (uint64_t)v->o->seed,
        .output_tokens = -1,
        .tokenizer = v->tokenizer,
        .chat = v->chat,
        .ret_n_surplus = &v->n_surplus,
        .each = make_body,
        .each_owner = m,
        .is_beside = &m->is_beside,
    };
    struct tk_items none;

    v->set->fill(v, &conf);
    int rc = v->set->ops->load(&conf, &none, &m->err);
    if (rc == 0)
        tk_items_release(&none);
    if (rc == 0 && atomic_load(&m->supply.n_made) != v->n_bodies)
        rc = TK_E_RANGE; /* the load would wait for the rest for ever */
    if (rc != 0 && m->err.msg[0] == '\0')
        (void)tk_err_set(&m->err, rc, "the requests could not be made: %s", tk_err_text(rc));
    atomic_store(&m->supply.has_failed, rc != 0);
    (void)pthread_mutex_lock(&m->lock);
    m->rc = rc;
    m->has_ended = true;
    (void)pthread_cond_signal(&m->ends);
    (void)pthread_mutex_unlock(&m->lock);
    return NULL;
}

bool tk__vllm_can_make(const struct tk_vllm *v)
{
    return v->set->is_made_in_order && v->o->random_batch_size <= 1 && v->o->num_prompts > 0 &&
           v->o->num_prompts <= UINT32_MAX && !v->o->prepare_all && !v->o->dry_run &&
           !v->o->profile && !v->on_items &&
           !tk__vllm_has_own_bodies(v); /* which want the first item again */
}

/* Signals are the main thread's, which takes them from a descriptor once the load runs: the maker and the
 * threads that it starts take none. */
static int start_thread(struct tk__vllm_maker *m)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = -pthread_create(&m->thread, NULL, run, m);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    m->has_thread = rc == 0;
    return rc;
}

static int begin(struct tk__vllm_maker *m, struct tk_err *reterr)
{
    struct tk_vllm *v = m->v;
    pthread_condattr_t attr;

    int rc = tk_vllm_template_new(v, TK_VLLM_BODY_REQUEST, &m->t, reterr);
    if (rc != 0)
        return rc;
    v->n_bodies = v->n_requests = (uint64_t)v->o->num_prompts;
    v->bodies = tk_arena_alloc(&v->arena, v->n_bodies * sizeof(*v->bodies));
    v->order = tk_arena_alloc(&v->arena, v->n_requests * sizeof(*v->order));
    if (!v->bodies || !v->order)
        return tk_err_set(reterr, -ENOMEM, "no memory for %llu requests",
                          (unsigned long long)v->n_requests);
    for (uint64_t i = 0; i < v->n_requests; i++)
        v->order[i] = (uint32_t)i;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&m->ends, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&m->lock, NULL);
    m->begin_at = tk_clock_now();
    rc = start_thread(m);
    return rc == 0 ? 0 : tk_err_set(reterr, rc, "no thread to make prompts: %s", tk_err_text(rc));
}

int tk__vllm_maker_new(struct tk_vllm *v, struct tk_err *reterr)
{
    struct tk__vllm_maker *m = calloc(1, sizeof(*m));

    if (!m)
        return tk_err_set(reterr, -ENOMEM, "no memory for the requests");
    m->v = v;
    tk_arena_init(&m->arena, MAX_BODY_BYTES);
    tk_buf_init(&m->text, MAX_BODY);
    v->maker = m; /* released with `v` */
    return begin(m, reterr);
}

/* --- how far ahead is far enough --- */

/* No request comes due before its prompt, if prompts go on being made at half the pace. */
static bool is_ahead_of_schedule(const struct tk__vllm_maker *m, uint64_t n_made, tk_ns elapsed)
{
    const struct tk_vllm *v = m->v;
    double each = 2.0 * (double)elapsed / (double)n_made;

    for (uint64_t i = n_made; i < v->n_requests; i++) {
        if ((double)v->due[i] < each * (double)(i + 1 - n_made))
            return false;
    }
    return true;
}

static bool is_enough(const struct tk__vllm_maker *m)
{
    const struct tk_vllm *v = m->v;
    uint64_t n_made = atomic_load(&m->supply.n_made);
    tk_ns elapsed = tk_clock_now() - m->begin_at;

    if (elapsed < WHOLE_WITHIN || n_made == 0)
        return false;
    if (v->due)
        return is_ahead_of_schedule(m, n_made, elapsed);
    return v->o->max_concurrency > 0 &&
           n_made >=
               TK_MAX(ROUNDS_AHEAD * (uint64_t)v->o->max_concurrency, v->n_requests / PART_AHEAD);
}

/* Wait for the thread's end, LOOK_EACH at most; with the lock. */
static void wait_a_while(struct tk__vllm_maker *m)
{
    tk_ns at = tk_clock_now() + LOOK_EACH;
    struct timespec t = { .tv_sec = (time_t)(at / TK_NS_PER_S),
                          .tv_nsec = (long)(at % TK_NS_PER_S) };

    (void)pthread_cond_timedwait(&m->ends, &m->lock, &t);
}

static void join(struct tk__vllm_maker *m)
{
    if (m->has_thread)
        (void)pthread_join(m->thread, NULL);
    m->has_thread = false;
}

int tk_vllm_await(struct tk_vllm *v, struct tk_err *reterr)
{
    struct tk__vllm_maker *m = v->maker;

    if (!m)
        return 0;
    (void)pthread_mutex_lock(&m->lock);
    while (!m->has_ended && !is_enough(m))
        wait_a_while(m);
    bool has_ended = m->has_ended;
    (void)pthread_mutex_unlock(&m->lock);
    atomic_store(&m->is_beside, !has_ended);
    if (!has_ended)
        return 0;
    join(m);
    if (m->rc != 0)
        *reterr = m->err;
    return m->rc;
}

uint64_t tk_vllm_n_made(const struct tk_vllm *v)
{
    return v->maker ? atomic_load(&v->maker->supply.n_made) : v->n_bodies;
}

const struct tk_load_supply *tk_vllm_supply(const struct tk_vllm *v)
{
    return v->maker && v->maker->has_thread ? &v->maker->supply : NULL;
}

int tk_vllm_end_making(struct tk_vllm *v, struct tk_err *reterr)
{
    struct tk__vllm_maker *m = v->maker;

    if (!m)
        return 0;
    atomic_store(&m->is_stopped, true);
    join(m);
    if (m->rc == 0 || m->rc == TK_E_CANCELLED)
        return 0;
    *reterr = m->err;
    return m->rc;
}

void tk__vllm_maker_free(struct tk__vllm_maker *m)
{
    if (!m)
        return;
    atomic_store(&m->is_stopped, true);
    join(m);
    tk_vllm_template_free(m->t);
    tk_buf_release(&m->text);
    tk_arena_release(&m->arena);
    free(m);
}
