/* sink.c - the writer thread: takes finished records from the workers and puts them away
 *
 *   worker   push onto `head` (a stack, compare-and-swap)          never waits, never wakes anybody
 *   writer   each 100 ms: take the stack whole, turn it round,     ten transactions a second at most
 *            rows in transactions of up to 1,000, commit,
 *            give the blocks back to their pools
 *            each 500 ms: move them from the log into the file
 *
 * The writer looks by itself, so a put costs one atomic exchange and no system call, and whatever was
 * put is committed well within a second. It makes itself a little less important than the workers,
 * because it may share a core with one of them.
 *
 * A log that is checkpointed only when it is large would hold minutes of a slow run, and a copy of the
 * file without its log would lack them. Twice a second costs two syncs each, on this thread alone.
 *
 * Memory
 *   kept   copies of what is in the file, where the figures at the end are to come from memory; given up
 *          as a whole when they pass the bound, because the file has them all
 *   rest   what is in no file: all of it when there is none, and what came after the file failed
 *
 * After a failure (disk full, I/O error) the batch is rolled back and goes to `rest`, and so does all
 * that follows. At the end the file is tried once more: where there is room again, nothing is lost.
 * When three quarters of the bound are full, records are kept without their traces; when all of it is,
 * they are counted.
 *
 * The list is pushed to by many and taken whole by one, so there is no ABA and nothing to reclaim.
 */
#include "run/sink.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "run/runfile.h"

enum {
    INTERVAL_MS = 100, /* between two looks of the writer */
    LOOKS_PER_CHECKPOINT = 5,
    BATCH_ROWS = 1000, /* of a transaction: their blocks are free after it */
    CLOCK_ROWS = 1024, /* clock samples that can wait */
    WRITER_NICE = 5,
};
#define DEFAULT_MEMORY ((size_t)1 << 30)
#define MAX_SLICE_BYTES ((size_t)1 << 30)

struct tk_sink {
    _Alignas(64) _Atomic(struct tk_done *) head; /* finished, the latest first; any thread pushes */
    _Atomic(size_t) backlog;                     /* bytes of what was put and is not away yet */

    _Alignas(64) pthread_mutex_t lock; /* of the fields down to is_span_new */
    pthread_cond_t wake;               /* is_stopping was set */
    bool is_stopping;
    struct tk__fact *facts; /* the latest first */
    struct tk__clock_row clock[CLOCK_ROWS];
    unsigned n_clock;
    struct tk_clock_steps steps;
    struct tk_err told; /* the first failure of the file; code 0: none */
    struct tk_segment_span span;
    bool is_span_new; /* and not in the file yet */

    pthread_t thread;
    bool is_started, is_finished, is_cut; /* main thread */
    struct tk_arena arena;                /* path, plan, host, facts; main thread */
    const char *path;                     /* NULL: no file */
    struct tk_str plan, host;
    uint16_t segment;                /* from 1 */
    void (*on_failure)(void *owner); /* may be NULL */
    void *owner;

    /* The writer's until it has ended. */
    struct tk__writer *writer; /* NULL: no file */
    unsigned n_looks;          /* since the last checkpoint, once something was committed; else 0 */
    bool has_failed;           /* the file took no more */
    struct tk_err failure;     /* why */
    int rc;                    /* of the end */
    size_t max_memory_bytes;
    bool is_kept; /* `kept` holds everything that is in the file */
    struct tk__store kept, rest;
    uint64_t n_bare, n_lost; /* kept without trace; not kept at all */
    struct tk_buf slices[3]; /* a chain's bytes in one piece: trace, text, reasoning */
    struct tk__clock_row taken[CLOCK_ROWS]; /* clock samples being written */
};

/* --- handing over --- */

struct tk_done *tk_done_new(struct tk_blocks *pool)
{
    struct tk_block *b = tk_blocks_take(pool);
    if (!b)
        return NULL;
    struct tk_done *d = (struct tk_done *)(void *)b->data;
    memset(d, 0, sizeof(*d));
    d->pool = pool;
    return d;
}

struct tk_done *tk_done_free(struct tk_done *d)
{
    if (!d)
        return NULL;
    struct tk_blocks *pool = d->pool;
    tk_chain_release(&d->trace, pool);
    tk_chain_release(&d->text, pool);
    tk_chain_release(&d->reasoning, pool);
    tk_blocks_give(pool, TK_CONTAINER_OF((char *)d, struct tk_block, data));
    return NULL;
}

static size_t done_bytes(const struct tk_done *d)
{
    return TK_BLOCK_BYTES + d->trace.n_bytes + d->text.n_bytes + d->reasoning.n_bytes;
}

void tk_sink_put(struct tk_sink *s, struct tk_done *d)
{
    atomic_fetch_add_explicit(&s->backlog, done_bytes(d), memory_order_relaxed);
    struct tk_done *top = atomic_load_explicit(&s->head, memory_order_relaxed);
    do {
        d->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&s->head, &top, d, memory_order_release,
                                                    memory_order_relaxed));
}

size_t tk_sink_backlog_bytes(const struct tk_sink *s)
{
    return atomic_load_explicit(&s->backlog, memory_order_relaxed);
}

void tk_sink_put_clock(struct tk_sink *s, unsigned worker, const struct tk_wall_offset *o,
                       bool is_step, tk_ns from_at)
{
    pthread_mutex_lock(&s->lock);
    if (is_step)
        tk__steps_add(&s->steps, from_at, o->at);
    if (s->n_clock < CLOCK_ROWS) /* else the writer hangs in the disk: a sample more is no use */
        s->clock[s->n_clock++] = (struct tk__clock_row){
            .o = *o, .from_at = from_at, .worker = worker, .is_step = is_step
        };
    pthread_mutex_unlock(&s->lock);
}

void tk_sink_put_span(struct tk_sink *s, const struct tk_segment_span *span)
{
    pthread_mutex_lock(&s->lock);
    s->span.begin_at = span->begin_at ? span->begin_at : s->span.begin_at;
    s->span.wall_begin = span->wall_begin ? span->wall_begin : s->span.wall_begin;
    s->span.stop_at = span->stop_at ? span->stop_at : s->span.stop_at;
    s->span.end_at = span->end_at ? span->end_at : s->span.end_at;
    s->is_span_new = true;
    pthread_mutex_unlock(&s->lock);
}

static bool is_reserved(const char *name)
{
    static const char *const names[] = { "plan", "host", "state", "format_version" };
    for (unsigned i = 0; i < TK_ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    struct tk_str s = tk_str_of(name);
    return s.n == 0 || tk_str_starts(s, TK_STR("started_")) ||
           tk_str_starts(s, TK_STR("finished_"));
}

int tk_sink_put_fact(struct tk_sink *s, const char *name, struct tk_str json)
{
    if (is_reserved(name) || s->is_finished)
        return -EINVAL;
    struct tk__fact *f = tk_arena_alloc(&s->arena, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->name = tk_arena_dup(&s->arena, tk_str_of(name));
    f->value = tk_arena_dup_str(&s->arena, json);
    if (!f->name || !f->value.p)
        return -ENOMEM;
    pthread_mutex_lock(&s->lock);
    f->next = s->facts;
    s->facts = f;
    pthread_mutex_unlock(&s->lock);
    return 0;
}

/* --- the writer: memory --- */

static size_t memory_bytes(const struct tk_sink *s)
{
    return s->kept.arena.used_bytes + s->rest.arena.used_bytes;
}

static void give_up_kept(struct tk_sink *s)
{
    s->is_kept = false;
    tk__store_release(&s->kept);
}

static void keep(struct tk_sink *s, const struct tk_record_view *v)
{
    if (!s->is_kept)
        return;
    if (memory_bytes(s) + tk__store_bytes(v, false) > s->max_memory_bytes ||
        !tk__store_add(&s->kept, v, false))
        give_up_kept(s);
}

static void keep_rest(struct tk_sink *s, const struct tk_record_view *v)
{
    size_t whole_bytes = tk__store_bytes(v, false);

    if (s->is_kept && memory_bytes(s) + whole_bytes > s->max_memory_bytes)
        give_up_kept(s);
    if (memory_bytes(s) + whole_bytes <= s->max_memory_bytes / 4 * 3 &&
        tk__store_add(&s->rest, v, false))
        return;
    if (memory_bytes(s) + tk__store_bytes(v, true) <= s->max_memory_bytes &&
        tk__store_add(&s->rest, v, true))
        s->n_bare++;
    else
        s->n_lost++;
}

/* --- the writer: rows --- */

/* The chain's bytes in one piece: as they stand when one block holds them, else copied. */
static struct tk_str slice(struct tk_buf *b, const struct tk_chain *c, uint16_t *flags)
{
    if (c->n_bytes == 0)
        return (struct tk_str){ NULL, 0 };
    if (c->first == c->last)
        return (struct tk_str){ c->first->data, c->n_bytes };
    tk_buf_reset(b);
    if (tk_buf_reserve(b, c->n_bytes) < 0) {
        *flags |= TK_REC_TRACE_TRUNCATED;
        return (struct tk_str){ NULL, 0 };
    }
    tk_chain_copy(c, b->p);
    return (struct tk_str){ b->p, c->n_bytes };
}

static struct tk_record_view view_of(struct tk_sink *s, const struct tk_done *d)
{
    struct tk_record_view v = { .rec = d->rec };
    v.rec.segment = s->segment;
    v.trace = slice(&s->slices[0], &d->trace, &v.rec.flags);
    v.text = slice(&s->slices[1], &d->text, &v.rec.flags);
    v.reasoning = slice(&s->slices[2], &d->reasoning, &v.rec.flags);
    return v;
}

static void fail(struct tk_sink *s)
{
    s->has_failed = true;
    tk__writer_rollback(s->writer);
    pthread_mutex_lock(&s->lock);
    bool is_first = s->told.code == 0;
    if (is_first)
        s->told = s->failure;
    pthread_mutex_unlock(&s->lock);
    if (is_first && s->on_failure)
        s->on_failure(s->owner);
}

bool tk_sink_failure(struct tk_sink *s, struct tk_err *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->told;
    pthread_mutex_unlock(&s->lock);
    return ret->code != 0;
}

/* Up to BATCH_ROWS of the list into the file, as one transaction. */
static int write_rows(struct tk_sink *s, const struct tk_done *list)
{
    int rc = tk__writer_begin(s->writer, &s->failure);
    for (int i = 0; list && i < BATCH_ROWS && rc == 0; i++, list = list->next) {
        struct tk_record_view v = view_of(s, list);
        rc = tk__writer_record(s->writer, &v, &s->failure);
    }
    s->n_looks += s->n_looks == 0;
    return rc == 0 ? tk__writer_commit(s->writer, &s->failure) : rc;
}

/* Put one batch away, in the file or in memory; returns the rest of the list. */
static struct tk_done *put_away(struct tk_sink *s, struct tk_done *list)
{
    size_t bytes = 0;

    if (s->writer && !s->has_failed && write_rows(s, list) < 0)
        fail(s);
    bool is_filed = s->writer && !s->has_failed;
    for (int i = 0; list && i < BATCH_ROWS; i++) {
        struct tk_done *d = list;
        list = d->next;
        if (!is_filed || s->is_kept) {
            struct tk_record_view v = view_of(s, d);
            if (is_filed)
                keep(s, &v);
            else
                keep_rest(s, &v);
        }
        bytes += done_bytes(d);
        tk_done_free(d);
    }
    atomic_fetch_sub_explicit(&s->backlog, bytes, memory_order_relaxed);
    return list;
}

/* What waits, the oldest first. */
static struct tk_done *take_all(struct tk_sink *s)
{
    struct tk_done *list = atomic_exchange_explicit(&s->head, NULL, memory_order_acquire);
    struct tk_done *turned = NULL;

    while (list) {
        struct tk_done *next = list->next;
        list->next = turned;
        turned = list;
        list = next;
    }
    return turned;
}

/* No other fact of that name stands before it. */
static bool is_latest(const struct tk__fact *list, const struct tk__fact *f)
{
    while (list != f && strcmp(list->name, f->name) != 0)
        list = list->next;
    return list == f;
}

/* The file did not take them: at the end it is tried once more. Of the clock its steps are kept, without
 * which figures would be wrong. */
static void put_extras_back(struct tk_sink *s, unsigned n, bool has_span)
{
    pthread_mutex_lock(&s->lock);
    s->is_span_new = s->is_span_new || has_span;
    for (unsigned i = 0; i < n && s->n_clock < CLOCK_ROWS; i++) {
        if (s->taken[i].is_step)
            s->clock[s->n_clock++] = s->taken[i];
    }
    pthread_mutex_unlock(&s->lock);
}

/* Clock samples, facts and the span that are not in the file yet. A list of facts only grows at its
 * head. */
static void write_extras(struct tk_sink *s)
{
    int rc = 0;
    struct tk_segment_span span;

    pthread_mutex_lock(&s->lock);
    unsigned n = s->n_clock;
    memcpy(s->taken, s->clock, n * sizeof(s->clock[0]));
    s->n_clock = 0;
    struct tk__fact *facts = s->facts;
    span = s->span;
    bool has_span = s->is_span_new;
    s->is_span_new = false;
    pthread_mutex_unlock(&s->lock);
    bool has_facts = facts && !facts->is_written;
    if (s->has_failed)
        put_extras_back(s, n, has_span);
    if (!s->writer || s->has_failed || !(n > 0 || has_facts || has_span))
        return;

    rc = tk__writer_begin(s->writer, &s->failure);
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = tk__writer_clock(s->writer, &s->taken[i], &s->failure);
    for (struct tk__fact *f = facts; f && !f->is_written && rc == 0; f = f->next) {
        if (is_latest(facts, f))
            rc = tk__writer_fact(s->writer, f->name, f->value, &s->failure);
    }
    if (rc == 0 && has_span)
        rc = tk__writer_span(s->writer, &span, &s->failure);
    if (rc == 0)
        rc = tk__writer_commit(s->writer, &s->failure);
    if (rc < 0) {
        fail(s);
        put_extras_back(s, n, has_span);
        return;
    }
    s->n_looks += s->n_looks == 0;
    for (struct tk__fact *f = facts; f && !f->is_written; f = f->next)
        f->is_written = true;
}

/* Once in a while what is in the log goes into the file itself. */
static void checkpoint(struct tk_sink *s)
{
    if (!s->writer || s->has_failed || s->n_looks == 0 || s->n_looks++ < LOOKS_PER_CHECKPOINT)
        return;
    tk__writer_checkpoint(s->writer);
    s->n_looks = 0;
}

/* --- the writer: the end --- */

/* The file took no more once: try again with what memory holds, now that nothing else comes. */
static void try_again(struct tk_sink *s)
{
    struct tk_record_view v;
    struct tk_err again;

    int rc = tk__writer_begin(s->writer, &again);
    for (const struct tk__stored *p = s->rest.first; p && rc == 0; p = tk__stored_next(p)) {
        tk__stored_read(p, &v);
        rc = tk__writer_record(s->writer, &v, &again);
    }
    if (rc == 0)
        rc = tk__writer_commit(s->writer, &again);
    if (rc < 0) {
        tk__writer_rollback(s->writer);
        return;
    }
    s->has_failed = false;
    if (!s->is_kept)
        tk__store_release(&s->rest); /* else the two lists together are the whole */
}

static void end_file(struct tk_sink *s)
{
    if (s->has_failed)
        try_again(s);
    write_extras(s);
    if (s->has_failed) {
        s->rc = TK_E_DB;
    } else if (!s->is_cut) {
        s->rc = tk__writer_finish(s->writer, &s->failure);
    }
    s->writer = tk__writer_free(s->writer);
}

static void *writer_main(void *owner)
{
    struct tk_sink *s = owner;
    bool is_stopping = false;
    int nice = getpriority(PRIO_PROCESS, (id_t)gettid());

    setpriority(PRIO_PROCESS, (id_t)gettid(), nice + WRITER_NICE); /* no matter if not */
    while (!is_stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until); /* the true one, also in a test's virtual time */
        until.tv_nsec += INTERVAL_MS * TK_NS_PER_MS;
        until.tv_sec += until.tv_nsec / TK_NS_PER_S;
        until.tv_nsec %= TK_NS_PER_S;
        pthread_mutex_lock(&s->lock);
        while (!s->is_stopping && pthread_cond_timedwait(&s->wake, &s->lock, &until) != ETIMEDOUT)
            ;
        is_stopping = s->is_stopping;
        pthread_mutex_unlock(&s->lock);

        for (struct tk_done *list = take_all(s); list;)
            list = put_away(s, list);
        write_extras(s);
        checkpoint(s);
    }
    if (s->writer)
        end_file(s);
    return NULL;
}

/* --- life --- */

/* Signals are for the main thread; a full file must be an error here, not SIGXFSZ. */
static int start_thread(struct tk_sink *s)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->thread, NULL, writer_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    s->is_started = rc == 0;
    return -rc;
}

static void init_wake(struct tk_sink *s)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
}

static int copy_conf(struct tk_sink *s, const struct tk_sink_conf *conf)
{
    s->plan = tk_arena_dup_str(&s->arena, conf->plan);
    s->host = tk_arena_dup_str(&s->arena, conf->host);
    if (conf->path)
        s->path = tk_arena_dup(&s->arena, tk_str_of(conf->path));
    s->max_memory_bytes = conf->max_memory_bytes ? conf->max_memory_bytes : DEFAULT_MEMORY;
    s->is_kept = conf->keeps_in_memory && conf->path && conf->last_segment == 0;
    s->on_failure = conf->on_failure;
    s->owner = conf->owner;
    return s->plan.p && s->host.p && (s->path || !conf->path) ? 0 : -ENOMEM;
}

static int open_writer(struct tk_sink *s, const struct tk_sink_conf *conf, struct tk_err *reterr)
{
    struct tk__writer_conf w = {
        .path = s->path,
        .plan = s->plan,
        .host = s->host,
        .facts = conf->facts,
        .n_facts = conf->n_facts,
        .last_segment = conf->last_segment,
    };
    int rc = conf->last_segment ? tk__writer_resume(&w, &s->writer, reterr)
                                : tk__writer_new(&w, &s->writer, reterr);

    if (rc == 0)
        s->segment = tk__writer_segment(s->writer);
    return rc;
}

int tk_sink_new(const struct tk_sink_conf *conf, struct tk_sink **ret, struct tk_err *reterr)
{
    struct tk_sink *s = aligned_alloc(_Alignof(struct tk_sink), sizeof(*s));
    if (!s)
        return tk_err_set(reterr, -ENOMEM, "no memory for the records");
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    init_wake(s);
    tk_arena_init(&s->arena, 0);
    tk__store_init(&s->kept);
    tk__store_init(&s->rest);
    s->segment = 1;
    for (unsigned i = 0; i < TK_ARRAY_LEN(s->slices); i++)
        tk_buf_init(&s->slices[i], MAX_SLICE_BYTES);

    int rc = copy_conf(s, conf);
    if (rc < 0)
        tk_err_set(reterr, rc, "no memory for the records");
    if (rc == 0 && s->path)
        rc = open_writer(s, conf, reterr);
    if (rc == 0) {
        rc = start_thread(s);
        if (rc < 0)
            tk_err_set(reterr, rc, "cannot start the writer's thread: %s", strerror(-rc));
    }
    if (rc < 0) {
        s->writer = tk__writer_free(s->writer);
        tk_sink_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

static void stop(struct tk_sink *s)
{
    if (!s->is_started)
        return;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    s->is_started = false;
}

/* What the caller is told; a failed file first. */
static int outcome(const struct tk_sink *s, struct tk_err *reterr)
{
    if (s->rc < 0 && s->rest.n + s->n_lost == 0)
        return tk_err_set(reterr, s->rc, "%s", s->failure.msg);
    if (s->rc < 0)
        return tk_err_set(reterr, s->rc,
                          "%s; %zu records are only in memory, %llu of them without their events, "
                          "%llu are lost",
                          s->failure.msg, s->rest.n, (unsigned long long)s->n_bare,
                          (unsigned long long)s->n_lost);
    if (s->n_bare + s->n_lost > 0)
        return tk_err_set(reterr, TK_E_LIMIT,
                          "no more room for records in memory: %llu are without their events, "
                          "%llu are lost",
                          (unsigned long long)s->n_bare, (unsigned long long)s->n_lost);
    return 0;
}

int tk_sink_finish(struct tk_sink *s, struct tk_err *reterr)
{
    if (!s->is_finished) {
        stop(s);
        s->is_finished = true;
    }
    return outcome(s, reterr);
}

struct tk_sink *tk_sink_free(struct tk_sink *s)
{
    if (!s)
        return NULL;
    s->is_cut = !s->is_finished; /* the writer looks at it after it was told to stop */
    stop(s);
    tk__store_release(&s->kept);
    tk__store_release(&s->rest);
    for (unsigned i = 0; i < TK_ARRAY_LEN(s->slices); i++)
        tk_buf_release(&s->slices[i]);
    tk_arena_release(&s->arena);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

int tk_sink_records(struct tk_sink *s, struct tk_records **ret, struct tk_err *reterr)
{
    if (!s->is_finished)
        return tk_err_set(reterr, -EINVAL, "the records are still being written");
    struct tk__records_from from = {
        .memory = { s->kept.first, s->rest.first },
        .facts = s->facts,
        .plan = s->plan,
        .host = s->host,
        .steps = &s->steps,
        .segment = s->segment,
        .span = &s->span,
        .is_finished = true,
    };
    if (s->path && !s->is_kept) { /* … and the file knows what came before */
        from.plan = from.host = (struct tk_str){ NULL, 0 };
        int rc = tk__reader_new(s->path, &from.reader, reterr);
        if (rc < 0)
            return rc;
    }
    return tk__records_new(&from, ret, reterr);
}
