/* test_resume.c - a run that goes on: one line of time, what is left, and whether it is the same run */
#include "run/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "lib/failmalloc.h"
#include "lib/tap.h"
#include "run/runfile.h"
#include "run/sink.h"

#define S TK_NS_PER_S

static char folder[] = "/tmp/tokmark-resume-XXXXXX";
static struct tk_blocks *pool;

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* --- is it the same run? --- */

#define PLAN_A                                                                                 \
    "{\"tool\":\"t\",\"url\":\"http://a\",\"port\":1,\"phases\":{\"check\":null,\"measure\":{" \
    "\"requests\":9,\"rate\":\"inf\"}},\"headers\":[{\"name\":\"A\",\"value\":\"b\"}],\"workers\":0}"

static void test_compare(void)
{
    static const struct {
        const char *now, *says; /* NULL: it is the same */
        bool leaves_server_out;
    } cases[] = {
        { PLAN_A, NULL, false },
        { "{\"tool\":\"t\",\"url\":\"http://a\",\"port\":1,\"phases\":{\"check\":null,\"measure\":{"
          "\"requests\":9,\"rate\":\"inf\"}},\"headers\":[{\"name\":\"A\",\"value\":\"b\"}],"
          "\"workers\":7}",
          NULL, false },
        { "{\"tool\":\"t\",\"url\":\"http://a\",\"port\":1,\"phases\":{\"check\":{\"requests\":1},"
          "\"measure\":{\"requests\":9,\"rate\":\"inf\"}},\"headers\":[{\"name\":\"A\",\"value\":\"b\"}]}",
          NULL, false },
        { "{\"tool\":\"t\",\"url\":\"http://a\",\"port\":2,\"phases\":{\"measure\":{\"requests\":9,"
          "\"rate\":\"inf\"}},\"headers\":[{\"name\":\"A\",\"value\":\"b\"}]}",
          "'port' was 1 and is 2 now", false },
        { "{\"tool\":\"t\",\"url\":\"http://b\",\"port\":2,\"phases\":{\"measure\":{\"requests\":9,"
          "\"rate\":\"inf\"}},\"headers\":[{\"name\":\"A\",\"value\":\"b\"}],\"new\":null,"
          "\"newer\":false}",
          NULL, true },
        { "{\"tool\":\"t\",\"url\":\"http://a\",\"port\":1,\"phases\":{\"measure\":{\"requests\":8,"
          "\"rate\":\"inf\"}},\"headers\":[{\"name\":\"A\",\"value\":\"b\"}]}",
          "'phases.measure.requests' was 9 and is 8 now", false },
        { "{\"tool\":\"t\",\"url\":\"http://a\",\"port\":1,\"phases\":{\"measure\":{\"requests\":9,"
          "\"rate\":\"inf\"}},\"headers\":[]}",
          "'headers' was [{\"name\":\"A\",\"value\":\"b\"}] and is [] now", false },
        { "{\"tool\":\"t\",\"url\":\"http://a\",\"port\":1,\"phases\":{\"measure\":{\"requests\":9,"
          "\"rate\":\"inf\"}},\"headers\":[{\"name\":\"A\",\"value\":\"b\"}],\"share\":0.5}",
          "'share' was not there and is 0.5 now", false },
        { "{\"tool\":\"t\"", "the plan of the run cannot be read", false },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct tk_err err = { 0 };
        int rc = tk_resume_compare(TK_STR(PLAN_A), tk_str_of(cases[i].now),
                                   cases[i].leaves_server_out, &err);
        T_EQ_I(rc, cases[i].says ? TK_E_FORMAT : 0, "plan %d", (int)i);
        T_OK(!cases[i].says || strstr(err.msg, cases[i].says), "plan %d says: %s", (int)i, err.msg);
    }
    T_OK(tk_resume_compare(TK_STR(""), TK_STR(PLAN_A), false, NULL) < 0, "no plan");
    int n = 0, n_bad = 0;
    for (;; n++) {
        tk_failmalloc_at(n + 1);
        int rc = tk_resume_compare(TK_STR(PLAN_A), TK_STR(PLAN_A), false, NULL);
        if (!tk_failmalloc_off())
            break;
        n_bad += rc != -ENOMEM;
    }
    T_OK(n > 5 && n_bad == 0, "no memory: %d allocations fail", n);
}

/* --- segments --- */

static void test_line(void)
{
    struct tk_segment s[] = {
        { .number = 1 }, /* killed before its load began */
        { .number = 2, .begin_at = 100 * S, .end_at = 110 * S },
        { .number = 3,
          .begin_at = 5 * S,
          .end_at = 9 * S }, /* after the machine was started anew */
        { .number = 4 },
        { .number = 5, .begin_at = 900 * S, .end_at = 0 }, /* nothing ended in it */
        { .number = 6, .begin_at = 1000 * S, .end_at = 1001 * S },
    };
    tk__segments_line_up(s, TK_ARRAY_LEN(s));
    T_EQ_I(s[1].begin_at, 100 * S, "the first that began stays where it is");
    T_EQ_I(s[1].shift, 0, "the first is not moved");
    T_EQ_I(s[2].begin_at, 110 * S, "the next begins where it ends");
    T_EQ_I(s[2].end_at, 114 * S, "and takes as long as it took");
    T_EQ_I(s[2].shift, 105 * S, "moved by as much");
    T_EQ_I(s[4].end_at, s[4].begin_at, "one in which nothing ended takes no time");
    T_EQ_I(s[5].begin_at, 114 * S, "the line has no gap");
    T_EQ_I(s[5].end_at, 115 * S, "the line's end: the sum of all");
    T_OK(s[0].begin_at == 0 && s[3].begin_at == 0, "those that never began are nowhere");
    T_EQ_U(tk_segments_begun(s, TK_ARRAY_LEN(s)), 4, "nor are they counted");
    T_EQ_U(tk_segments_begun(NULL, 0), 0, "none at all");
}

/* Another process, which says who it is and does nothing more. */
static pid_t begin_child(struct tk__process *ret)
{
    int fds[2];
    pid_t child = pipe2(fds, O_CLOEXEC) == 0 ? fork() : -1;

    if (child == 0) {
        struct tk__process self;
        tk__process_self(&self);
        if (write(fds[1], &self, sizeof(self)) == (ssize_t)sizeof(self))
            (void)pause();
        _exit(1);
    }
    if (child < 0 || read(fds[0], ret, sizeof(*ret)) != (ssize_t)sizeof(*ret))
        abort();
    (void)close(fds[0]);
    (void)close(fds[1]);
    return child;
}

static void test_process(void)
{
    struct tk__process self, other;
    tk__process_self(&self);
    T_EQ_I(self.pid, getpid(), "this process");
    T_OK(self.started > 0 && self.boot[0], "has a start and a boot");
    T_OK(!tk__process_lives(&self), "is no other one");
    pid_t child = begin_child(&other);
    T_EQ_I(other.pid, child, "another process");
    T_OK(tk__process_lives(&other), "lives");
    other.started++;
    T_OK(!tk__process_lives(&other), "a number that was given away again");
    other.started--;
    other.boot[0] ^= 1;
    T_OK(!tk__process_lives(&other), "a number of another boot");
    other.boot[0] ^= 1;
    (void)kill(child, SIGKILL);
    siginfo_t ended; /* The C library allows NULL here; valgrind 3.19 takes it for an address. */
    (void)waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT);
    T_OK(!tk__process_lives(&other), "killed, and nobody has waited for it");
    (void)waitpid(child, NULL, 0);
    T_OK(!tk__process_lives(&other), "gone");
}

/* A record with a trace of two reads, stamped by the kernel, whose instants begin at `at`. */
static struct tk_done *done_of(uint64_t index, tk_ns at, enum tk_end end)
{
    struct tk_done *d = tk_done_new(pool);
    struct tk_trace t;
    tk_ns offset = 7000 * S;

    d->rec = (struct tk_record){
        .index = index,
        .phase = TK_PHASE_MEASURE,
        .end = (uint8_t)end,
        .due_at = at,
        .released_at = at + 1,
        .sent_first_at = at + 2,
        .end_at = at + S,
        .resends = index == 1,
        .trace_base_at = at,
        .prompt_tokens = -1,
        .output_tokens = -1,
        .reasoning_tokens = -1,
        .cached_tokens = -1,
        .asked_prompt_tokens = -1,
        .asked_output_tokens = -1,
    };
    tk_trace_begin(&t, pool, at, UINT32_MAX);
    for (int i = 1; i <= 2; i++) {
        tk_trace_read(&t, at + i * 1000 + offset, at + i * 1000 + 40, offset, 100);
        tk_trace_event(&t, TK_CH_CONTENT, -1, 5);
    }
    d->trace = t.bytes;
    return d;
}

static struct tk_sink *sink_of(const char *path, uint16_t last_segment)
{
    static const struct tk_sink_fact facts[] = { { "words", TK_STR_INIT("[\"-n\"]") },
                                                 { "load_hash", TK_STR_INIT("abc") } };
    struct tk_sink_conf conf = {
        .path = path,
        .plan = TK_STR_INIT(PLAN_A),
        .host = TK_STR_INIT("{}"),
        .facts = facts,
        .n_facts = TK_ARRAY_LEN(facts),
        .last_segment = last_segment,
        .keeps_in_memory = true,
    };
    struct tk_sink *s = NULL;
    struct tk_err err = { 0 };
    if (!T_EQ_I(tk_sink_new(&conf, &s, &err), 0, "a sink"))
        printf("# %s\n", err.msg);
    return s;
}

static void begin(struct tk_sink *s, tk_ns at)
{
    struct tk_segment_span span = { .begin_at = at, .wall_begin = 1 };
    tk_sink_put_span(s, &span);
}

/* 0, 1, 3 end; 2 is given up; 5 ends; the run is cut. Then, by another clock, 2, 4 and 6. */
static void make_two(const char *path)
{
    struct tk_sink *s = sink_of(path, 0);
    begin(s, 100 * S);
    tk_sink_put_clock(s, 0, &(struct tk_wall_offset){ 105 * S, 7000 * S, 5 }, true, 104 * S);
    tk_sink_put(s, done_of(0, 100 * S, TK_END_OK));
    tk_sink_put(s, done_of(1, 101 * S, TK_END_RESET));
    tk_sink_put(s, done_of(3, 102 * S, TK_END_CANCELLED_BY_PLAN));
    tk_sink_put(s, done_of(2, 103 * S, TK_END_CANCELLED));
    tk_sink_put(s, done_of(5, 106 * S, TK_END_OK));
    tk_sink_free(s); /* as if it was killed */
}

static void check_left(const char *path)
{
    struct tk_resume r;
    struct tk_err err = { 0 };
    T_EQ_I(tk_resume_read(path, &r, &err), 0, "left: read: %s", err.msg);
    T_EQ_N(r.plan.p, r.plan.n, PLAN_A, strlen(PLAN_A), "left: plan");
    T_EQ_N(r.words.p, r.words.n, "[\"-n\"]", 6, "left: words");
    T_EQ_N(r.load_hash.p, r.load_hash.n, "abc", 3, "left: hash");
    T_OK(!r.is_finished && !r.was_stopped, "left: it was cut");
    T_EQ_U(r.n_todo, 2, "left: two before the last");
    T_OK(r.n_todo == 2 && r.todo[0] == 2 && r.todo[1] == 4,
         "left: what was given up, and what is not there");
    T_EQ_U(r.next, 6, "left: from 6 on");
    T_EQ_U(r.n_ended, 4, "left: four have ended");
    T_EQ_U(r.n_succeeded, 2, "left: two well");
    T_EQ_U(r.n_cancelled_by_plan, 1, "left: one by plan");
    T_EQ_U(r.n_resends, 1, "left: one sent again");
    T_EQ_I(r.past, 7 * S, "left: until the last that is known of it");
    T_EQ_U(r.n_segments, 1, "left: one segment");
    tk_resume_release(&r);
    tk_resume_release(&r);
}

static void check_view(const struct tk_record_view *v, tk_ns at, const char *name)
{
    struct tk_trace_reader r;
    struct tk_trace_entry e;
    T_EQ_I(v->rec.due_at, at, "%s: request %d is due", name, (int)v->rec.index);
    T_EQ_I(v->rec.end_at, at + S, "%s: it ends", name);
    T_EQ_I(v->rec.head_at, 0, "%s: what did not happen did not", name);
    tk_trace_open_view(&r, v, NULL);
    T_EQ_I(tk_trace_next(&r, &e), 1, "%s: a read", name);
    T_EQ_I(e.arrived_at, at + 1000, "%s: arrived", name);
    T_EQ_I(e.seen_at, at + 1040, "%s: seen", name);
    T_EQ_I(e.arrived_wall, at + 1000 - v->shift + 7000 * S, "%s: the raw stamp is as it was", name);
}

/* Requests by number and where they are on the line. */
static void check_line(struct tk_records *r, const char *name)
{
    static const struct {
        uint64_t index;
        tk_ns at;
        unsigned segment;
    } want[] = { { 0, 100 * S, 1 }, { 1, 101 * S, 1 }, { 2, 107 * S, 2 }, { 3, 102 * S, 1 },
                 { 4, 108 * S, 2 }, { 5, 106 * S, 1 }, { 6, 109 * S, 2 } };
    struct tk_record_view v;
    size_t n = 0;
    for (size_t i = 0; i < TK_ARRAY_LEN(want); i++) {
        if (!T_EQ_I(tk_records_next(r, &v, NULL), 1, "%s: a record", name))
            return;
        T_EQ_U(v.rec.index, want[i].index, "%s: in order", name);
        T_EQ_U(v.rec.segment, want[i].segment, "%s: its segment", name);
        check_view(&v, want[i].at, name);
    }
    T_EQ_I(tk_records_next(r, &v, NULL), 0, "%s: no other", name);
    const struct tk_segment *s = tk_records_segments(r, &n);
    T_EQ_U(n, 2, "%s: two segments", name);
    T_OK(s[0].begin_at == 100 * S && s[0].end_at == 107 * S,
         "%s: the first, to the last that ended", name);
    T_OK(s[1].begin_at == 107 * S && s[1].end_at == 111 * S, "%s: the second, behind it", name);
    T_OK(s[0].n_requests == 4 && s[1].n_requests == 3, "%s: how many ended in each", name);
    const struct tk_clock_steps *steps = tk_records_steps(r);
    T_OK(steps->n == 2 && steps->v[0].from_at == 104 * S && steps->v[1].from_at == 108 * S,
         "%s: steps of the clock are on the line too", name);
}

static void test_other_boot(void)
{
    char path[256];
    struct tk_records *r = NULL;
    struct tk_err err = { 0 };
    snprintf(path, sizeof(path), "%s", path_of("boot"));
    make_two(path);
    check_left(path);

    struct tk_sink *s = sink_of(path, 1); /* the clock is at 20 s now */
    T_EQ_I(tk_sink_put_fact(s, "totals", TK_STR("[1]")), 0, "a fact");
    begin(s, 20 * S);
    tk_sink_put_clock(s, 0, &(struct tk_wall_offset){ 22 * S, 7000 * S, 5 }, true, 21 * S);
    tk_sink_put(s, done_of(2, 20 * S, TK_END_OK));
    tk_sink_put(s, done_of(4, 21 * S, TK_END_OK));
    tk_sink_put(s, done_of(6, 22 * S, TK_END_OK));
    tk_sink_put_span(s, &(struct tk_segment_span){ .end_at = 24 * S });
    T_EQ_I(tk_sink_finish(s, &err), 0, "resumed: finish: %s", err.msg);
    T_EQ_I(tk_sink_records(s, &r, &err), 0, "resumed: records of the sink");
    check_line(r, "sink");
    T_EQ_N(tk_records_plan(r).p, tk_records_plan(r).n, PLAN_A, strlen(PLAN_A), "sink: the plan");
    tk_records_free(r);
    tk_sink_free(s);
    T_EQ_I(tk_runfile_open(path, &r, &err), 0, "resumed: records of the file");
    check_line(r, "file");
    T_OK(tk_records_is_finished(r), "file: finished");
    tk_records_free(r);

    struct tk_resume left;
    T_EQ_I(tk_resume_read(path, &left, &err), 0, "whole: read");
    T_OK(left.is_finished && !left.was_stopped, "whole: came to its end");
    T_EQ_U(left.n_todo, 0, "whole: nothing is left");
    T_EQ_I(left.past, 11 * S, "whole: both together");
    tk_resume_release(&left);
}

/* Once more, stopped: what the segment before said of the whole is out of the way. */
static void test_third(void)
{
    const char *path = path_of("boot");
    struct tk_records *r = NULL;
    struct tk_resume left;
    struct tk_sink *s = sink_of(path, 2);
    begin(s, 50 * S);
    tk_sink_put_span(s, &(struct tk_segment_span){ .stop_at = 51 * S, .end_at = 55 * S });
    T_EQ_I(tk_sink_finish(s, NULL), 0, "third: finish");
    tk_sink_free(s);
    T_EQ_I(tk_runfile_open(path, &r, NULL), 0, "third: open");
    T_EQ_U(tk_records_fact(r, "totals").n, 0, "third: no totals of the segment before");
    T_EQ_U(tk_records_fact(r, "totals.2").n, 3, "third: they are kept aside");
    tk_records_free(r);
    T_EQ_I(tk_resume_read(path, &left, NULL), 0, "third: read");
    T_OK(left.was_stopped, "third: was stopped");
    T_EQ_I(left.past, 12 * S, "third: up to the stop");
    T_EQ_U(left.n_segments, 3, "third: three segments");
    tk_resume_release(&left);
}

/* Two processes have read the same file: the second one must not go on with what is not left any more. */
static void test_overtaken(void)
{
    struct tk_sink_conf conf = { .path = path_of("boot"),
                                 .plan = TK_STR_INIT(PLAN_A),
                                 .host = TK_STR_INIT("{}"),
                                 .last_segment = 2 };
    struct tk_sink *s = NULL;
    struct tk_resume r;
    struct tk_err err = { 0 };

    T_EQ_I(tk_sink_new(&conf, &s, &err), -EBUSY, "overtaken: %s", err.msg);
    T_OK(strstr(err.msg, "another process goes on with"), "overtaken: and says so");
    T_EQ_I(tk_resume_read(conf.path, &r, &err), 0, "overtaken: read");
    T_EQ_U(r.n_segments, 3, "overtaken: it left no segment behind");
    T_OK(r.was_stopped && r.is_finished, "overtaken: and the file as it was");
    tk_resume_release(&r);
}

static void test_refused(void)
{
    struct tk_resume r;
    struct tk_err err = { 0 };
    const char *path = path_of("twice");
    struct tk_sink *s = sink_of(path, 0);
    tk_sink_put(s, done_of(1, S, TK_END_OK));
    tk_sink_put(s, done_of(1, S, TK_END_OK));
    tk_sink_free(s);
    T_EQ_I(tk_resume_read(path, &r, &err), TK_E_FORMAT, "a request twice: %s", err.msg);
    tk_resume_release(&r);
    path = path_of("far");
    s = sink_of(path, 0);
    tk_sink_put(s, done_of(UINT64_C(1) << 62, S, TK_END_OK));
    tk_sink_free(s);
    T_EQ_I(tk_resume_read(path, &r, &err), TK_E_LIMIT, "a request far away: %s", err.msg);
    tk_resume_release(&r);
    T_EQ_I(tk_resume_read(path_of("none"), &r, &err), -ENOENT, "no file");
    tk_resume_release(&r);

    path = path_of("boot");
    int n = 0, n_bad = 0;
    for (;; n++) {
        tk_failmalloc_at(n + 1);
        int rc = tk_resume_read(path, &r, &err);
        tk_resume_release(&r);
        if (!tk_failmalloc_off())
            break;
        n_bad += rc >= 0;
    }
    T_OK(n > 5 && n_bad == 0, "no memory: %d allocations fail", n);
}

int main(void)
{
    if (!mkdtemp(folder) || tk_blocks_new(1 << 20, &pool) < 0)
        return 1;
    test_compare();
    test_line();
    test_process();
    test_other_boot();
    test_third();
    test_overtaken();
    test_refused();
    T_EQ_I(tk_blocks_used_bytes(pool), 0, "every block came back");
    tk_blocks_free(pool);
    char command[300];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    T_EQ_I(system(command), 0, "clean up");
    return T_DONE();
}
