/* sink.h - where finished records go, and where metrics get them from
 *
 *   workers --(tk_done, lock-free)--> writer thread --> run file (SQLite), in batches, each second
 *                                                  \-> kept in memory when the file cannot be written
 *
 * A worker hands a finished request over with its chains and is done with it; the writer gives the
 * blocks back to the worker's pool when the row is in the file. Committed within a second of its end
 * means: it survives a kill -9 of the program.
 */
#ifndef TK_RUN_SINK_H
#define TK_RUN_SINK_H

#include "base/blocks.h"
#include "base/clock.h"
#include "base/def.h"
#include "base/err.h"
#include "run/record.h"
#include "run/segment.h"

/* A finished request on its way to the writer. Lives in a block of `pool`. */
struct tk_done {
    struct tk_done *next; /* private to the sink once handed over */
    struct tk_blocks *pool;
    struct tk_record rec;
    struct tk_chain trace;
    struct tk_chain text;
    struct tk_chain reasoning;
};
_Static_assert(sizeof(struct tk_done) <= TK_BLOCK_DATA_BYTES, "a finished request fits a block");

/* An empty one in a block taken from the pool; owner's thread. NULL when the pool is dry. */
struct tk_done *tk_done_new(struct tk_blocks *pool);

/* Give its chains and its block back, for one that is not handed over. NULL is allowed; returns
 * NULL. */
struct tk_done *tk_done_free(struct tk_done *d);

struct tk_sink;

/* A fact that is known before the run: as free-form as those of tk_sink_put_fact(). */
struct tk_sink_fact {
    const char *name;
    struct tk_str value;
};

struct tk_sink_conf {
    const char *path;   /* run file; NULL: no file, records stay in memory */
    struct tk_str plan; /* JSON: the plan as it was resolved, secrets masked; kept in the file */
    struct tk_str host; /* JSON: the machine, the program's version */
    const struct tk_sink_fact *facts; /* in the file from its beginning; copied */
    size_t n_facts;
    uint16_t last_segment; /* 0: a new file. Else `path` is that of a run that was cut, this was its
                              latest segment, and the next one comes: `plan` and `facts` stay as they
                              are in it */
    size_t max_memory_bytes; /* of records kept in memory; 0: 1 GiB */
    bool keeps_in_memory; /* keep every record in memory also when there is a file, up to the bound:
                             the figures at the end then need not read the file again */
    /* The file takes no more; memory does. Once, on the writer's thread: it must only wake the caller
     * up, who asks tk_sink_failure(). May be NULL. */
    void (*on_failure)(void *owner);
    void *owner;
};

/* Create the file and start the writer thread. Unless the run is resumed there must be no file of that
 * name, or an empty one: whether one may be overwritten is settled before. An unwritable place is an error
 * here, before the run. 0, -EEXIST, -EBUSY (another process goes on with the run), TK_E_DB, -ENOMEM,
 * -EAGAIN (no thread). */
int tk_sink_new(const struct tk_sink_conf *conf, struct tk_sink **ret, struct tk_err *reterr);

/* Any thread. Ownership passes to the sink. Never blocks, never fails, makes no system call. */
void tk_sink_put(struct tk_sink *s, struct tk_done *d);

/* Any thread, a few times a second at most: an offset sample of a worker's clock; `is_step`: the
 * wall clock stepped between the previous sample (at from_at) and this one. */
void tk_sink_put_clock(struct tk_sink *s, unsigned worker, const struct tk_wall_offset *o,
                       bool is_step, tk_ns from_at);

/* Free-form facts of the run's end as JSON under a name ("health", "totals"); main thread, before
 * finish. Both are copied; a later one of the same name counts. 0, -ENOMEM, -EINVAL (a name that the
 * file uses itself: plan, host, state, format_version, started_…, finished_…). */
int tk_sink_put_fact(struct tk_sink *s, const char *name, struct tk_str json);

/* Why the file takes no more, in words; false when nothing failed so far. Any thread. */
bool tk_sink_failure(struct tk_sink *s, struct tk_err *ret);

/* When the measured load began and ended; any thread. What is 0 stays as it was. The begin should be told
 * as soon as it is known, so that the file of a run that is killed has it. */
void tk_sink_put_span(struct tk_sink *s, const struct tk_segment_span *span);

/* Bytes that wait for the writer: past a bound the load engine releases no new request. */
size_t tk_sink_backlog_bytes(const struct tk_sink *s);

/* Write all that waits, checkpoint, make it one file, stop the thread. The records stay readable by
 * tk_sink_records() until tk_sink_free(). 0; TK_E_DB: the file is incomplete, memory holds the rest;
 * TK_E_LIMIT: records were left out of memory, or kept there without their traces, for want of room.
 * A second call returns the same. */
int tk_sink_finish(struct tk_sink *s, struct tk_err *reterr);

/* NULL is allowed; returns NULL. One that was not finished writes what waits and leaves the run
 * marked as cut. */
struct tk_sink *tk_sink_free(struct tk_sink *s);

/* --- reading: a finished sink or a run file, the same way --- */

struct tk_records; /* an iterator */

/* After tk_sink_finish(), and before tk_sink_free(). -EINVAL when it is not finished. */
int tk_sink_records(struct tk_sink *s, struct tk_records **ret, struct tk_err *reterr);

/* A run file, also of a run that is not finished or was killed: what was committed when this is
 * called. -ENOENT and other errnos, TK_E_FORMAT (no run file), TK_E_UNSUPPORTED (from a newer
 * version), TK_E_DB. */
int tk_runfile_open(const char *path, struct tk_records **ret, struct tk_err *reterr);

/* Slices that live as long as the iterator. */
struct tk_str tk_records_plan(const struct tk_records *r);
struct tk_str tk_records_host(const struct tk_records *r);
struct tk_str tk_records_fact(struct tk_records *r,
                              const char *name);         /* empty when there is none */
bool tk_records_is_finished(const struct tk_records *r); /* false: the run goes on, or was cut */
const struct tk_clock_steps *tk_records_steps(const struct tk_records *r);
size_t tk_records_count(const struct tk_records *r); /* of all phases */

/* The segments, in order; at least one. Of a run that was never resumed the only one. */
const struct tk_segment *tk_records_segments(const struct tk_records *r, size_t *ret_n);

/* Whether rows could not be read, so far: of a file that was copied while it was written to. They are
 * left out. */
bool tk_records_is_damaged(const struct tk_records *r);

/* 1 with a view, 0 at the end, or an error. In the order of (phase, index). */
int tk_records_next(struct tk_records *r, struct tk_record_view *ret, struct tk_err *reterr);
void tk_records_rewind(struct tk_records *r);
struct tk_records *tk_records_free(struct tk_records *r); /* NULL is allowed; returns NULL */

#endif
