/* test_sink.c - what is put comes back, whatever happens to the file, the memory or the program */
#include "run/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/failmalloc.h"
#include "lib/tap.h"

#define PLAN "{\"tool\":\"tokmark run\"}"
#define HOST "{\"cpu\":\"\\u00b5\"}"

static char folder[] = "/tmp/tokmark-sink-XXXXXX";
static struct tk_blocks *pool;

static const char *path_of(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
    return p;
}

/* --- records that can be told from their number --- */

static struct tk_record record_of(uint64_t i)
{
    tk_ns at = INT64_C(1000000000000) + (tk_ns)i * 1000003;
    struct tk_record r = { 0 };

    r.index = i / 2;
    r.phase = (uint8_t)(i % 2 ? TK_PHASE_MEASURE : TK_PHASE_WARMUP);
    r.item = (uint32_t)i * 7;
    r.worker = (uint16_t)(i % 5);
    r.end = (uint8_t)(i % TK_END_N_);
    r.finish = (uint8_t)(i % 6);
    r.count_source = (uint8_t)(i % 3);
    r.flags = (uint16_t)(i % 64);
    r.segment = 1; /* as the sink sets it */
    r.status = i % 3 ? 200 : 0;
    r.code = -(int32_t)(i % 200);
    r.due_at = at;
    r.released_at = at + 10;
    r.sent_first_at = at + 20;
    r.sent_last_at = at + 25;
    r.first_byte_at = i % 3 ? at + 5000 : 0;
    r.head_at = i % 3 ? at + 5000 : 0;
    r.last_byte_at = i % 3 ? at + 70000 : 0;
    r.end_at = at + 80000;
    r.conn_id = i + 1;
    r.n_reads = (uint32_t)i;
    r.bytes_in = UINT64_C(1) << (i % 63);
    r.prompt_tokens = (int64_t)(i % 4) - 1;
    r.output_tokens = (int64_t)(i % 5) - 1;
    r.reasoning_tokens = r.cached_tokens = -1;
    r.asked_prompt_tokens = 100;
    r.asked_output_tokens = -1;
    r.trace_base_at = at;
    if (i % 10 == 0)
        snprintf(r.detail, sizeof(r.detail), "detail %d: \xc3\xa4", (int)i);
    return r;
}

static unsigned trace_events(uint64_t i)
{
    return i % 7 == 0 ? 0 : (unsigned)(i % 300);
}

static struct tk_done *done_of(struct tk_blocks *from, uint64_t i)
{
    struct tk_done *d = tk_done_new(from);
    struct tk_trace t;

    if (!d)
        return NULL;
    d->rec = record_of(i);
    tk_trace_begin(&t, from, d->rec.trace_base_at, UINT32_MAX);
    for (unsigned k = 0; k < trace_events(i); k++) {
        tk_trace_read(&t, 0, d->rec.trace_base_at + 5000 + k, 0, k);
        tk_trace_event(&t, TK_CH_CONTENT, -1, k);
    }
    d->trace = t.bytes;
    for (uint64_t k = 0; k < i % 200; k++)
        tk_chain_add(&d->text, from, "word and ", 9);
    if (i % 9 == 0)
        tk_chain_add(&d->reasoning, from, "hmm\0hm", 6);
    return d;
}

/* Whether the view is record i, whole. */
static bool is_whole(const struct tk_record_view *v, uint64_t i, const struct tk_clock_steps *steps)
{
    struct tk_record want = record_of(i);
    struct tk_trace_reader r;
    struct tk_trace_entry e;
    unsigned n = 0;

    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): padding is zero in both */
    if (memcmp(&v->rec, &want, sizeof(want)) != 0 || v->text.n != i % 200 * 9 ||
        v->reasoning.n != (i % 9 == 0 ? 6 : 0))
        return false;
    if (v->text.n > 0 && memcmp(v->text.p + v->text.n - 9, "word and ", 9) != 0)
        return false;
    tk_trace_open(&r, v->trace, v->rec.trace_base_at, steps);
    while (tk_trace_next(&r, &e) == 1) {
        if (e.kind == TK_TRACE_EVENT && e.text_bytes != n++)
            return false;
    }
    return n == trace_events(i);
}

/* How many of the n records 0 … n-1 come out whole and in order; the others are counted as bad. */
static unsigned check_all(struct tk_records *r, uint64_t n)
{
    struct tk_record_view v;
    struct tk_err err = { 0 };
    unsigned n_good = 0;
    int rc;

    for (unsigned phase = TK_PHASE_WARMUP; phase <= TK_PHASE_MEASURE; phase++) {
        for (uint64_t i = phase - TK_PHASE_WARMUP; i < n; i += 2) {
            rc = tk_records_next(r, &v, &err);
            n_good += rc == 1 && is_whole(&v, i, tk_records_steps(r));
        }
    }
    rc = tk_records_next(r, &v, &err);
    if (rc != 0)
        printf("# after the last: %d %s\n", rc, err.msg);
    return rc == 0 ? n_good : 0;
}

static struct tk_sink *sink_of(const char *path, size_t max_memory, bool keeps)
{
    struct tk_sink_conf conf = {
        .path = path,
        .plan = TK_STR(PLAN),
        .host = TK_STR(HOST),
        .max_memory_bytes = max_memory,
        .keeps_in_memory = keeps,
    };
    struct tk_sink *s = NULL;
    struct tk_err err;
    if (!T_EQ_I(tk_sink_new(&conf, &s, &err), 0, "a new sink"))
        printf("# %s\n", err.msg);
    return s;
}

/* In an order that is not theirs. */
static void put_range(struct tk_sink *s, struct tk_blocks *from, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end; i++)
        tk_sink_put(s, done_of(from, i ^ 1));
}

static void wait_for_writer(struct tk_sink *s)
{
    while (tk_sink_backlog_bytes(s) > 0)
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

/* --- tests --- */

static void check_facts(struct tk_records *r)
{
    struct tk_str plan = tk_records_plan(r);
    struct tk_str host = tk_records_host(r);
    struct tk_str totals = tk_records_fact(r, "totals");
    struct tk_str none = tk_records_fact(r, "nothing");
    T_EQ_N(plan.p, plan.n, PLAN, strlen(PLAN), "plan");
    T_EQ_N(host.p, host.n, HOST, strlen(HOST), "host");
    T_EQ_N(totals.p, totals.n, "[2]", 3, "the later of two facts");
    T_EQ_I(none.n, 0, "a fact that is not there");
    const struct tk_clock_steps *steps = tk_records_steps(r);
    T_OK(steps->n == 1 && steps->v[0].from_at == 500 && steps->v[0].to_at == 1500,
         "a step seen by two workers is one");
}

static void round_trip(const char *name, bool has_file, bool keeps)
{
    enum { N = 1500 };
    const char *path = has_file ? path_of(name) : NULL;
    struct tk_sink *s = sink_of(path, 0, keeps);
    struct tk_records *r = NULL;
    struct tk_err err;

    put_range(s, pool, 0, N);
    T_EQ_I(tk_sink_put_fact(s, "totals", TK_STR("[1]")), 0, "%s: a fact", name);
    T_EQ_I(tk_sink_put_fact(s, "totals", TK_STR("[2]")), 0, "%s: the same fact again", name);
    T_EQ_I(tk_sink_put_fact(s, "state", TK_STR("1")), -EINVAL, "%s: a reserved name", name);
    tk_sink_put_clock(s, 0, &(struct tk_wall_offset){ 1000, 77, 5 }, true, 500);
    tk_sink_put_clock(s, 1, &(struct tk_wall_offset){ 1500, 78, 5 }, true, 900);
    tk_sink_put_clock(s, 1, &(struct tk_wall_offset){ 9500, 79, 5 }, false, 0);
    T_EQ_I(tk_sink_records(s, &r, &err), -EINVAL, "%s: not before the end", name);
    T_EQ_I(tk_sink_finish(s, &err), 0, "%s: finish", name);
    T_EQ_I(tk_sink_finish(s, &err), 0, "%s: finish again", name);
    T_EQ_I(tk_sink_backlog_bytes(s), 0, "%s: nothing waits", name);
    T_EQ_I(tk_blocks_used_bytes(pool), 0, "%s: every block came back", name);

    T_EQ_I(tk_sink_records(s, &r, &err), 0, "%s: records", name);
    T_EQ_I(tk_records_count(r), N, "%s: number of records", name);
    T_EQ_I(check_all(r, N), N, "%s: records are whole", name);
    tk_records_rewind(r);
    T_EQ_I(check_all(r, N), N, "%s: and again", name);
    T_OK(tk_records_is_finished(r), "%s: finished", name);
    check_facts(r);
    tk_records_free(r);
    tk_sink_free(s);
    if (!has_file)
        return;

    T_OK(access(path_of("round-wal"), F_OK) < 0 && access(path_of("round-shm"), F_OK) < 0,
         "%s: one file is left", name);
    T_EQ_I(tk_runfile_open(path, &r, &err), 0, "%s: open the file", name);
    T_EQ_I(check_all(r, N), N, "%s: records of the file", name);
    T_OK(tk_records_is_finished(r), "%s: the file is finished", name);
    check_facts(r);
    tk_records_free(r);
    T_EQ_I(unlink(path), 0, "%s: unlink", name);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    ssize_t n;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    while ((n = read(in, bytes, sizeof(bytes))) > 0) {
        if (write(out, bytes, (size_t)n) != n)
            break;
    }
    close(in);
    close(out);
}

/* A child writes, says so when nothing waits any more, and is killed. */
static void test_kill(void)
{
    enum { N = 800 };
    const char *path = path_of("killed");
    const char *copy = path_of("copied");
    struct tk_records *r = NULL;
    struct tk_record_view v;
    struct tk_err err;
    int fds[2];
    char c;

    T_EQ_I(pipe(fds), 0, "pipe");
    pid_t child = fork();
    if (child == 0) {
        struct tk_sink_conf conf = { .path = path, .plan = TK_STR(PLAN), .host = TK_STR(HOST) };
        struct tk_sink *s = NULL;
        if (tk_sink_new(&conf, &s, NULL) == 0) {
            put_range(s, pool, 0, N);
            wait_for_writer(s);
        }
        c = s ? 'y' : 'n';
        if (write(fds[1], &c, 1) == 1)
            pause();
        _exit(1);
    }
    T_OK(read(fds[0], &c, 1) == 1 && c == 'y', "the child wrote");
    T_EQ_I(tk_runfile_open(path, &r, &err), 0, "open while the run goes on");
    T_EQ_I(check_all(r, N), N, "every record that was written");
    T_OK(!tk_records_is_finished(r), "the run goes on");
    tk_records_free(r);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(fds[0]);
    close(fds[1]);

    copy_file(path, copy);
    T_EQ_I(tk_runfile_open(path, &r, &err), 0, "open after the kill");
    T_EQ_I(check_all(r, N), N, "no record is lost");
    T_OK(!tk_records_is_finished(r), "the run was cut");
    tk_records_free(r);

    int rc = tk_runfile_open(copy, &r, &err);
    if (!T_EQ_I(rc, 0, "open a copy without its log"))
        printf("# %s\n", err.msg);
    struct tk_str plan = tk_records_plan(r);
    T_EQ_N(plan.p, plan.n, PLAN, strlen(PLAN), "the copy knows the plan");
    while ((rc = tk_records_next(r, &v, &err)) > 0)
        ;
    T_EQ_I(rc, 0, "the copy can be read to its end");
    tk_records_free(r);
}

/* Rows that come out whole, and whether the file is said to be damaged. */
static unsigned count_whole(const char *path, bool *ret_is_damaged)
{
    struct tk_records *r = NULL;
    struct tk_record_view v;
    struct tk_err err;
    unsigned n = 0;
    int rc = tk_runfile_open(path, &r, &err);

    if (!T_EQ_I(rc, 0, "open a torn file"))
        printf("# %s\n", err.msg);
    while (rc == 0 && (rc = tk_records_next(r, &v, &err)) > 0) {
        uint64_t i = v.rec.index * 2 + (v.rec.phase == TK_PHASE_MEASURE);
        n += is_whole(&v, i, tk_records_steps(r));
        rc = 0;
    }
    T_EQ_I(rc, 0, "a torn file can be read to its end");
    *ret_is_damaged = r && tk_records_is_damaged(r);
    tk_records_free(r);
    return n;
}

/* A copy that was made while the file was written to lacks pages at its end, or in its middle. */
static void test_torn(void)
{
    enum { N = 3000, PAGE = 8192 };
    const char *path = path_of("torn");
    const char zeros[2 * PAGE] = "";
    bool is_damaged = true;
    struct stat st;
    struct tk_sink *s = sink_of(path, 0, false);

    put_range(s, pool, 0, N);
    T_EQ_I(tk_sink_finish(s, NULL), 0, "torn: finish");
    tk_sink_free(s);
    T_EQ_U(count_whole(path, &is_damaged), N, "whole before");
    T_OK(!is_damaged, "whole before, and says so");

    stat(path, &st);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    off_t middle = st.st_size / PAGE / 2 * PAGE;
    T_EQ_I(pwrite(fd, zeros, sizeof(zeros), middle), sizeof(zeros), "two pages are not there");
    unsigned n = count_whole(path, &is_damaged);
    T_OK(is_damaged && n < N && n > N * 8 / 10, "what is before and behind them is read: %u of %d",
         n, N);
    T_EQ_I(ftruncate(fd, st.st_size - 3 * PAGE), 0, "the end is not there");
    unsigned m = count_whole(path, &is_damaged);
    T_OK(is_damaged && m < n && m > N * 3 / 10, "what is before it is read: %u of %d", m, N);
    close(fd);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit l;
    getrlimit(RLIMIT_FSIZE, &l);
    l.rlim_cur = TK_MIN(bytes, l.rlim_max);
    setrlimit(RLIMIT_FSIZE, &l);
}

/* The disk is full from some record on; at the end it still is, or has room again. */
static void test_full(const char *name, bool keeps, bool has_room_again)
{
    enum { N = 3000 };
    struct tk_sink *s = sink_of(path_of(name), 0, keeps);
    struct tk_records *r = NULL;
    struct tk_err err;

    put_range(s, pool, 0, N / 3);
    wait_for_writer(s);
    set_file_limit(1 << 20);
    for (uint64_t at = N / 3; at < N; at += N / 6) {
        put_range(s, pool, at, at + N / 6);
        wait_for_writer(s);
    }
    if (has_room_again)
        set_file_limit(RLIM_INFINITY);
    int rc = tk_sink_finish(s, &err);
    set_file_limit(RLIM_INFINITY);
    T_EQ_I(rc, has_room_again ? 0 : TK_E_DB, "%s: finish", name);
    if (rc < 0)
        printf("# %s\n", err.msg);
    T_EQ_I(tk_sink_records(s, &r, &err), 0, "%s: records", name);
    T_EQ_I(check_all(r, N), N, "%s: file and memory together are whole", name);
    tk_records_free(r);
    tk_sink_free(s);
    T_EQ_I(tk_blocks_used_bytes(pool), 0, "%s: every block came back", name);
}

/* What is said of the run while the file takes nothing is in it at the end. */
static void test_full_extras(void)
{
    enum { N = 3000 };
    const char *path = path_of("full_extras");
    const struct tk_wall_offset o = { .offset = 7, .at = 300, .error = 1 };
    struct tk_sink *s = sink_of(path, 0, false);
    const struct tk_segment *segments;
    struct tk_records *r = NULL;
    struct tk_err err;
    size_t n;

    tk_sink_put_span(s, &(struct tk_segment_span){ .begin_at = 100, .wall_begin = 1 });
    wait_for_writer(s);
    set_file_limit(1 << 16);
    put_range(s, pool, 0, N);
    wait_for_writer(s);
    T_OK(tk_sink_failure(s, &err), "extras: the file took no more");
    tk_sink_put_clock(s, 0, &o, false, 150);
    tk_sink_put_clock(s, 0, &o, true, 200);
    tk_sink_put_span(s, &(struct tk_segment_span){ .stop_at = 400, .end_at = 500 });
    tk_sink_put_fact(s, "run", TK_STR("{}"));
    set_file_limit(RLIM_INFINITY);
    T_EQ_I(tk_sink_finish(s, &err), 0, "extras: finish");
    tk_sink_free(s);

    T_EQ_I(tk_runfile_open(path, &r, &err), 0, "extras: open");
    segments = tk_records_segments(r, &n);
    T_EQ_U(n, 1, "extras: a segment");
    T_EQ_I(segments[0].end_at, 500, "extras: its end is in the file");
    T_EQ_U(tk_records_steps(r)->n, 1, "extras: so is the step of the clock");
    T_OK(tk_records_fact(r, "run").n == 2, "extras: and the fact");
    tk_records_free(r);
}

static void test_memory_bound(void)
{
    enum { N = 1200 };
    struct tk_sink *s = sink_of(NULL, 600000, false);
    struct tk_records *r = NULL;
    struct tk_record_view v;
    struct tk_err err;
    unsigned n_whole = 0;
    unsigned n_bare = 0;

    put_range(s, pool, 0, N);
    T_EQ_I(tk_sink_finish(s, &err), TK_E_LIMIT, "too many for the memory");
    T_EQ_I(tk_sink_records(s, &r, &err), 0, "records");
    while (tk_records_next(r, &v, &err) > 0) {
        uint64_t i = v.rec.index * 2 + (v.rec.phase == TK_PHASE_MEASURE);
        if (is_whole(&v, i, NULL))
            n_whole++;
        else
            n_bare += v.trace.n == 0 && (v.rec.flags & TK_REC_TRACE_TRUNCATED) &&
                      v.rec.end_at == record_of(i).end_at;
    }
    T_OK(n_whole > 100, "%u are whole", n_whole);
    T_OK(n_bare > 100, "%u are without their events", n_bare);
    T_EQ_I(n_whole + n_bare, tk_records_count(r), "none is damaged");
    T_OK(tk_records_count(r) < N, "the others are counted: %s", err.msg);
    tk_records_free(r);
    tk_sink_free(s);

    /* Copies of what is in a file are given up, and the file is read instead. */
    s = sink_of(path_of("kept"), 600000, true);
    put_range(s, pool, 0, N);
    T_EQ_I(tk_sink_finish(s, &err), 0, "a file needs no memory");
    T_EQ_I(tk_sink_records(s, &r, &err), 0, "records");
    T_EQ_I(check_all(r, N), N, "all from the file");
    tk_records_free(r);
    tk_sink_free(s);
}

struct pusher {
    struct tk_sink *sink;
    struct tk_blocks *pool;
    uint64_t begin, end;
};

static void *push(void *owner)
{
    struct pusher *p = owner;
    put_range(p->sink, p->pool, p->begin, p->end);
    tk_sink_put_clock(p->sink, 0, &(struct tk_wall_offset){ 1, 2, 3 }, false, 0);
    return NULL;
}

static void test_threads(void)
{
    enum { N_THREADS = 4, N_EACH = 2000 };
    struct pusher p[N_THREADS];
    pthread_t thread[N_THREADS];
    struct tk_sink *s = sink_of(path_of("threads"), 0, false);
    struct tk_records *r = NULL;
    struct tk_err err;

    for (uint64_t i = 0; i < N_THREADS; i++) {
        p[i] = (struct pusher){ .sink = s, .begin = i * N_EACH, .end = (i + 1) * N_EACH };
        tk_blocks_new(64 << 20, &p[i].pool);
        pthread_create(&thread[i], NULL, push, &p[i]);
    }
    for (unsigned i = 0; i < N_THREADS; i++)
        pthread_join(thread[i], NULL);
    T_EQ_I(tk_sink_finish(s, &err), 0, "finish");
    T_EQ_I(tk_sink_records(s, &r, &err), 0, "records");
    T_EQ_I(check_all(r, N_THREADS * N_EACH), N_THREADS * N_EACH, "put by four threads");
    for (unsigned i = 0; i < N_THREADS; i++) {
        T_EQ_I(tk_blocks_used_bytes(p[i].pool), 0, "pool %u has its blocks again", i);
        tk_blocks_free(p[i].pool);
    }
    tk_records_free(r);
    tk_sink_free(s);
}

/* Looks into the file as soon as it is there, over and over, and stays in it for a while. */
struct reader {
    const char *path;
    _Atomic bool is_over;
};

static void *read_on(void *owner)
{
    struct reader *reader = owner;
    sqlite3 *db = NULL;

    while (!atomic_load(&reader->is_over)) {
        if (sqlite3_open_v2(reader->path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
            sqlite3_exec(db, "BEGIN; SELECT count(*) FROM requests", NULL, NULL, NULL) == SQLITE_OK)
            nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        sqlite3_close(db);
    }
    return NULL;
}

/* Who looks into a file that is just being made must not cost it the log that others read it by. */
static void test_early_reader(void)
{
    char name[32], shm[300];
    pthread_t thread;

    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "early%d", i);
        struct reader reader = { .path = path_of(name) };
        snprintf(shm, sizeof(shm), "%s-shm", reader.path);
        pthread_create(&thread, NULL, read_on, &reader);
        struct tk_sink *s = sink_of(reader.path, 0, false);
        T_OK(access(shm, F_OK) == 0, "early reader %d: the file is not locked", i);
        atomic_store(&reader.is_over, true);
        pthread_join(thread, NULL);
        tk_sink_free(s);
    }
}

static void test_places(void)
{
    struct tk_sink_conf conf = { .path = path_of("no/such/folder") };
    struct tk_sink *s = NULL;
    struct tk_records *r = NULL;
    struct tk_err err = { 0 };

    T_EQ_I(tk_sink_new(&conf, &s, &err), TK_E_DB, "a folder that is not there");
    T_OK(strstr(err.msg, "no/such/folder"), "says which: %s", err.msg);
    conf.path = folder;
    T_EQ_I(tk_sink_new(&conf, &s, &err), -EEXIST, "a folder");

    const char *text = path_of("text");
    FILE *f = fopen(text, "w");
    fputs(
        "this is no run file, and long enough that SQLite reads it as a header of a hundred bytes "
        "or so\n",
        f);
    fclose(f);
    conf.path = text;
    T_EQ_I(tk_sink_new(&conf, &s, &err), -EEXIST, "a file that is there already");
    T_EQ_I(tk_runfile_open(text, &r, &err), TK_E_FORMAT, "no run file: %s", err.msg);
    T_EQ_I(tk_runfile_open(path_of("none"), &r, &err), -ENOENT, "no file: %s", err.msg);
    T_EQ_I(tk_runfile_open(folder, &r, &err), -EISDIR, "a folder: %s", err.msg);

    /* Where the shared memory of the log cannot be had, the file is locked instead. */
    const char *path = path_of("locked %23?#");
    char shm[300];
    snprintf(shm, sizeof(shm), "%s-shm", path);
    mkdir(shm, 0755);
    s = sink_of(path, 0, false);
    put_range(s, pool, 0, 100);
    T_EQ_I(tk_sink_finish(s, &err), 0, "no shared memory: finish");
    tk_sink_free(s);
    T_EQ_I(tk_runfile_open(path, &r, &err), 0, "no shared memory: open");
    T_EQ_I(check_all(r, 100), 100, "no shared memory: records");
    tk_records_free(r);
    rmdir(shm);

    /* A sink that is freed without an end leaves what it had, marked as cut. */
    s = sink_of(path_of("cut"), 0, false);
    put_range(s, pool, 0, 10);
    tk_sink_free(s);
    T_EQ_I(tk_runfile_open(path_of("cut"), &r, &err), 0, "cut: open");
    T_OK(!tk_records_is_finished(r), "cut: not finished");
    T_EQ_I(check_all(r, 10), 10, "cut: records");
    tk_records_free(r);
}

static void test_no_memory(void)
{
    struct tk_sink_conf conf = { .plan = TK_STR(PLAN), .host = TK_STR(HOST) };
    struct tk_records *r = NULL;
    struct tk_sink *s = NULL;
    struct tk_err err;
    int n_failed = 0;
    int n_bad = 0;
    int rc;

    for (int n = 1;; n++, n_failed++) {
        tk_failmalloc_at(n);
        rc = tk_sink_new(&conf, &s, &err);
        if (!tk_failmalloc_off())
            break;
        n_bad += rc != -ENOMEM;
        if (rc == 0)
            tk_sink_free(s);
    }
    T_OK(rc == 0 && n_failed > 1 && n_bad == 0, "a new sink, %d allocations fail", n_failed);
    put_range(s, pool, 0, 2000);
    tk_sink_finish(s, &err);
    n_failed = 0;
    for (int n = 1;; n++, n_failed++) {
        tk_failmalloc_at(n);
        rc = tk_sink_records(s, &r, &err);
        if (!tk_failmalloc_off())
            break;
        n_bad += rc != -ENOMEM;
    }
    T_OK(rc == 0 && n_failed > 1 && n_bad == 0, "records, %d allocations fail", n_failed);
    tk_records_free(r);
    tk_sink_free(s);

    n_failed = 0;
    for (int n = 1;; n++, n_failed++) {
        tk_failmalloc_at(n);
        rc = tk_runfile_open(path_of("threads"), &r, &err);
        if (!tk_failmalloc_off())
            break;
        n_bad += rc >= 0;
    }
    T_OK(rc == 0 && n_failed > 1 && n_bad == 0, "a run file, %d allocations fail", n_failed);
    tk_records_free(r);
}

int main(void)
{
    if (!mkdtemp(folder) || tk_blocks_new(256 << 20, &pool) < 0)
        return 1;
    test_kill();
    test_torn();
    round_trip("memory", false, false);
    round_trip("round", true, false);
    round_trip("round", true, true);
    test_full("full", false, false);
    test_full("full-kept", true, false);
    test_full("full-for-a-while", false, true);
    test_full_extras();
    test_memory_bound();
    test_threads();
    test_early_reader();
    test_places();
    test_no_memory();

    tk_blocks_free(pool);
    char command[300];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    T_EQ_I(system(command), 0, "clean up");
    return T_DONE();
}
