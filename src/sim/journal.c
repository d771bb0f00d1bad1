/* journal.c - the log of what was really done: JSON lines
 *
 *   request ends --> line --> waiting bytes --every 100 ms, 64 KiB a millisecond--> file
 *                      \--> on_line
 *
 * A line is made when a request ends, never while its tokens are due. Writing happens on the
 * loop, since a page of the file's cache costs little, but in small pieces, so that no token
 * waits long behind one. The timer is set only while bytes wait: an idle simulator, and a virtual
 * loop, come to rest.
 *
 * A write that fails is remembered and no other is tried; lines are still made for on_line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "sim/internal.h"

#define FLUSH_DUR (100 * TK_NS_PER_MS)
#define NEXT_DUR TK_NS_PER_MS
#define WRITE_BYTES ((size_t)64 << 10) /* at a time */
#define HURRY_BYTES ((size_t)64 << 20) /* waiting: write them all at once */
#define LINE_MAX_BYTES ((size_t)1 << 30)
#define FAULT_MAX_BYTES ((size_t)4 << 10)
#define WAITING_MAX_BYTES ((size_t)2 << 30)

struct tk__journal {
    struct tk_loop *loop;
    tk_sim_line_cb on_line; /* or NULL */
    void *owner;
    int fd; /* -1: no file */
    bool logs_bodies;
    int failed;            /* the first write's that failed, or 0 */
    struct tk_buf line;    /* under construction */
    struct tk_buf fault;   /* scratch: the name of one */
    struct tk_buf waiting; /* for the file */
    size_t at;             /* bytes of it already written */
    struct tk_timer timer;
};

static const char *const end_names[TK__END_N_] = {
    [TK__END_FINISHED] = "finished",
    [TK__END_ERROR] = "error_on_purpose",
    [TK__END_RESET] = "reset_on_purpose",
    [TK__END_CLOSED] = "closed_on_purpose",
    [TK__END_MALFORMED] = "malformed_on_purpose",
    [TK__END_BROKEN] = "closed_by_client",
    [TK__END_ABANDONED] = "abandoned",
};

/* Write up to `max` bytes of what waits. */
static void write_some(struct tk__journal *j, size_t max)
{
    size_t left = TK_MIN(j->waiting.n - j->at, max);

    while (left > 0 && j->failed == 0) {
        ssize_t n = write(j->fd, j->waiting.p + j->at, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            j->failed = -errno;
            break;
        }
        j->at += (size_t)n;
        left -= (size_t)n;
    }
    if (j->at == j->waiting.n || j->failed) {
        tk_buf_reset(&j->waiting);
        j->at = 0;
    }
}

static void plan_write(struct tk__journal *j, tk_ns in_dur)
{
    if (tk_timer_set(j->loop, &j->timer, tk_clock_now() + in_dur) < 0)
        write_some(j, SIZE_MAX); /* no memory for a timer: now, then */
}

static void on_timer(struct tk_timer *t)
{
    struct tk__journal *j = t->owner;

    write_some(j, j->waiting.n > HURRY_BYTES ? SIZE_MAX : WRITE_BYTES);
    if (j->waiting.n > 0)
        plan_write(j, NEXT_DUR);
}

/* The line is whole: hand it on. */
static void take_line(struct tk__journal *j)
{
    if (j->line.failed) {
        j->failed = j->failed ? j->failed : j->line.failed;
        return;
    }
    if (j->on_line)
        j->on_line(j->owner, tk_buf_str(&j->line));
    if (j->fd < 0 || j->failed)
        return;
    tk_buf_add_c(&j->line, '\n');
    tk_buf_add_str(&j->waiting, tk_buf_str(&j->line));
    if (j->waiting.failed)
        j->failed = j->waiting.failed;
    else if (!tk_timer_is_set(&j->timer))
        plan_write(j, FLUSH_DUR);
}

static void put_request(struct tk_jsonw *w, const struct tk__stream *st)
{
    static const char digits[] = "0123456789abcdef";
    char hash[17] = "";

    tk_jsonw_put_i64(w, "serial", (int64_t)st->serial);
    if (st->id[0])
        tk_jsonw_put_z(w, "id", st->id);
    tk_jsonw_put_i64(w, "conn", (int64_t)st->conn_id);
    tk_jsonw_put_i64(w, "n_on_conn", (int64_t)st->n_on_conn);
    tk_jsonw_put_z(w, "method", st->method);
    tk_jsonw_put_z(w, "path", st->path);
    tk_jsonw_put_i64(w, "accepted_at", st->accepted_at);
    tk_jsonw_put_i64(w, "arrived_at", st->arrived_at);
    tk_jsonw_put_i64(w, "seen_at", st->seen_at);
    tk_jsonw_put_z(w, "arrival", st->is_kernel_stamp ? "kernel" : "user");
    for (unsigned i = 0; i < 16; i++)
        hash[i] = digits[st->body_hash >> (60 - 4 * i) & 15];
    tk_jsonw_put_i64(w, "body_bytes", (int64_t)st->body_bytes);
    tk_jsonw_put_z(w, "body_hash", hash);
}

static void put_call(struct tk_jsonw *w, const struct tk__stream *st)
{
    const struct tk__call *c = &st->call;

    tk_jsonw_put_bool(w, "stream", c->is_streamed);
    tk_jsonw_put_i64(w, "n_choices", c->n_choices);
    tk_jsonw_put_i64(w, "prompt_bytes", c->prompt_bytes);
    tk_jsonw_put_i64(w, "prompt_tokens", c->prompt_tokens);
    tk_jsonw_put_i64(w, "tokens_asked", c->tokens_asked);
    tk_jsonw_put_i64(w, "tokens_planned", c->knobs.is_endless ? -1 : c->n_tokens);
    tk_jsonw_put_i64(w, "ttft_dur", c->knobs.ttft_dur);
    tk_jsonw_put_i64(w, "itl_dur", c->knobs.itl_dur);
    if (st->sim->engine) {
        tk_jsonw_put_i64(w, "scheduled_at", st->seq.scheduled_at);
        tk_jsonw_put_i64(w, "cached_tokens", st->seq.n_cached);
        tk_jsonw_put_i64(w, "n_preempted", st->seq.n_preempted);
    }
}

static void put_fault(struct tk_jsonw *w, struct tk_buf *b, const struct tk__stream *st)
{
    tk_buf_reset(b);
    tk__knobs_put_faults(b, &st->call.knobs);
    tk_jsonw_key(w, "fault");
    if (b->n > 0)
        tk_jsonw_str(w, tk_buf_str(b));
    else
        tk_jsonw_null(w);
}

static void put_answer(struct tk_jsonw *w, struct tk_buf *fault, const struct tk__stream *st)
{
    const struct tk__instants *a = &st->sent;

    tk_jsonw_put_i64(w, "status", st->status);
    tk_jsonw_put_i64(w, "tokens_sent", st->n_sent);
    tk_jsonw_put_i64(w, "head_at", st->head_at);
    tk_jsonw_put_i64(w, "role_at", st->role_at);
    tk_jsonw_key(w, "sent_at");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < a->n; i++)
        tk_jsonw_i64(w, a->v[i]);
    tk_jsonw_arr_end(w);
    tk_jsonw_put_i64(w, "ended_at", st->ended_at);
    tk_jsonw_put_z(w, "end", end_names[st->end]);
    if (st->call.n_choices > 0)
        put_fault(w, fault, st);
    tk_jsonw_put_z(w, "expect", tk__faults_expect(st));
}

void tk__journal_add(struct tk__journal *j, const struct tk__stream *st)
{
    struct tk_jsonw w;

    if (j->fd < 0 && !j->on_line)
        return;
    tk_buf_reset(&j->line);
    tk_jsonw_init(&w, &j->line, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_put_z(&w, "kind", "request");
    put_request(&w, st);
    if (st->call.n_choices > 0)
        put_call(&w, st);
    put_answer(&w, &j->fault, st);
    if (j->logs_bodies) {
        tk_jsonw_key(&w, "body");
        tk_jsonw_str(&w, tk_buf_str(&st->body));
    }
    tk_jsonw_obj_end(&w);
    take_line(j);
}

void tk__journal_sum(struct tk__journal *j, const struct tk_sim_counts *n)
{
    struct tk_jsonw w;

    tk_buf_reset(&j->line);
    tk_jsonw_init(&w, &j->line, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_put_z(&w, "kind", "summary");
    tk_jsonw_put_i64(&w, "n_requests", (int64_t)n->n_requests);
    tk_jsonw_put_i64(&w, "n_finished", (int64_t)n->n_finished);
    tk_jsonw_put_i64(&w, "n_refused", (int64_t)n->n_refused);
    tk_jsonw_put_i64(&w, "n_faults", (int64_t)n->n_faults);
    tk_jsonw_put_i64(&w, "n_broken", (int64_t)n->n_broken);
    tk_jsonw_put_i64(&w, "n_abandoned", (int64_t)n->n_abandoned);
    tk_jsonw_put_i64(&w, "peak_open", (int64_t)n->peak_open);
    tk_jsonw_put_i64(&w, "n_events", (int64_t)n->n_events);
    tk_jsonw_put_i64(&w, "n_tokens", (int64_t)n->n_tokens);
    tk_jsonw_put_i64(&w, "late_max", n->late_max);
    tk_jsonw_obj_end(&w);
    take_line(j);
}

int tk__journal_flush(struct tk__journal *j)
{
    tk_timer_stop(&j->timer);
    if (j->fd >= 0)
        write_some(j, SIZE_MAX);
    return j->failed;
}

int tk__journal_new(const struct tk_sim_conf *conf, struct tk__journal **ret, struct tk_err *reterr)
{
    struct tk__journal *j = calloc(1, sizeof(*j));

    if (!j)
        return tk_err_set(reterr, -ENOMEM, "no memory for the log");
    j->loop = conf->loop;
    j->on_line = conf->on_line;
    j->owner = conf->owner;
    j->logs_bodies = conf->logs_bodies;
    j->fd = -1;
    tk_buf_init(&j->line, LINE_MAX_BYTES);
    tk_buf_init(&j->fault, FAULT_MAX_BYTES);
    tk_buf_init(&j->waiting, WAITING_MAX_BYTES);
    tk_timer_init(&j->timer, on_timer, j);
    if (conf->log_path) {
        j->fd = open(conf->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
        if (j->fd < 0) {
            int rc = -errno;

            free(j);
            return tk_err_set(reterr, rc, "cannot write the log '%s': %s", conf->log_path,
                              tk_err_text(rc));
        }
    }
    *ret = j;
    return 0;
}

struct tk__journal *tk__journal_free(struct tk__journal *j)
{
    if (!j)
        return NULL;
    tk__journal_flush(j);
    if (j->fd >= 0)
        close(j->fd);
    tk_buf_release(&j->line);
    tk_buf_release(&j->fault);
    tk_buf_release(&j->waiting);
    free(j);
    return NULL;
}
