/* runfile.h - the SQLite file of a run: what sink.c writes with and records.c reads with
 *
 * Private to the layer. One writer, on one thread; any number of readers, also in other programs and
 * while the run goes on. docs/internals/run-file.md describes the tables for those who open the file
 * with tools of their own.
 */
#ifndef TK_RUN_RUNFILE_H
#define TK_RUN_RUNFILE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/def.h"
#include "base/err.h"
#include "run/record.h"
#include "run/segment.h"

struct sqlite3;
struct sqlite3_stmt;
struct tk_records;
struct tk_sink_fact;

#define TK__RUNFILE_APPLICATION_ID 0x746B6D72 /* "tkmr", in the file's header: see file(1) */
/* user_version: raised when an older program would err. 2: there are several segments. */
#define TK__RUNFILE_VERSION 2
#define TK__RUNFILE_VERSION_NEW 1 /* of a file that was not resumed */

/* --- rows.c: a record as a row of the table `requests` --- */

/* The statements, in one string that lives as long as the program or is the caller's to free(). */
const char *tk__rows_schema(void); /* CREATE TABLE …; CREATE VIEW …; */
char *tk__rows_insert(void);       /* INSERT with one parameter per column; NULL: no memory */
/* SELECT … WHERE rowid = ?1; NULL in the place of a column that the file does not have. */
char *tk__rows_select(struct sqlite3 *db);
char *tk__rows_create(void); /* CREATE TABLE requests(…) */
/* ALTER TABLE …; for each column that the file of an older program lacks. */
char *tk__rows_add_missing(struct sqlite3 *db);
bool tk__rows_has(struct sqlite3 *db, const char *column);

/* Move every instant of the record. */
void tk__rows_shift(struct tk_record *r, tk_ns shift);

/* Bind the record to the insert; slices must live until the step. An SQLite code. */
int tk__rows_bind(struct sqlite3_stmt *insert, const struct tk_record_view *v);

/* The row that the select stands on; slices live until its next step or reset. */
void tk__rows_read(struct sqlite3_stmt *select, struct tk_record_view *ret);

/* --- runfile_write.c --- */

struct tk__writer;

struct tk__clock_row {
    struct tk_wall_offset o;
    tk_ns from_at; /* of a step: the sample before */
    uint32_t worker;
    bool is_step;
};

struct tk__writer_conf {
    const char *path; /* must outlive the writer */
    struct tk_str plan, host;
    const struct tk_sink_fact *facts; /* that are in the file from its beginning */
    size_t n_facts;
    uint16_t last_segment; /* of a run that is to go on: its latest one so far */
};

/* Create the file with its tables. -EEXIST when there is one that is not empty; TK_E_DB. */
int tk__writer_new(const struct tk__writer_conf *conf, struct tk__writer **ret,
                   struct tk_err *reterr);

/* Open a file whose run is to go on, with a new segment; of `conf` path, host and last_segment are
 * used. What the segment before said of the whole run is kept under names of its own. TK_E_DB; -EBUSY: there
 * is a later segment, another process goes on with the run. */
int tk__writer_resume(const struct tk__writer_conf *conf, struct tk__writer **ret,
                      struct tk_err *reterr);

uint16_t tk__writer_segment(const struct tk__writer *w); /* its number */

struct tk__writer *tk__writer_free(struct tk__writer *w); /* NULL is allowed; returns NULL */

/* Between begin and commit: rows. All return 0 or TK_E_DB, with words in reterr. After an error only
 * rollback and free are of use, or a new begin, to try again. */
int tk__writer_begin(struct tk__writer *w, struct tk_err *reterr);
int tk__writer_record(struct tk__writer *w, const struct tk_record_view *v, struct tk_err *reterr);
int tk__writer_clock(struct tk__writer *w, const struct tk__clock_row *c, struct tk_err *reterr);
/* What is known of the segment. When the measured load of a later one begins, records of requests that
 * were given up go: they are sent again. */
int tk__writer_span(struct tk__writer *w, const struct tk_segment_span *span,
                    struct tk_err *reterr);
int tk__writer_fact(struct tk__writer *w, const char *name, struct tk_str value,
                    struct tk_err *reterr);
int tk__writer_commit(struct tk__writer *w, struct tk_err *reterr);
void tk__writer_rollback(struct tk__writer *w);

/* Move what was committed from the log into the file itself, as far as no reader needs it as it is. It
 * syncs both. When that fails, the log has it still. */
void tk__writer_checkpoint(struct tk__writer *w);

/* Mark the run as finished, move everything into the one file, and close it: only free may follow. TK_E_DB
 * also when all is there, but in two files. */
int tk__writer_finish(struct tk__writer *w, struct tk_err *reterr);

/* --- runfile_read.c --- */

struct tk__reader;

/* Open and hold one state of the file. -ENOENT, TK_E_FORMAT (no run file), TK_E_UNSUPPORTED (newer),
 * TK_E_DB. */
int tk__reader_new(const char *path, struct tk__reader **ret, struct tk_err *reterr);
struct tk__reader *tk__reader_free(struct tk__reader *r); /* NULL is allowed; returns NULL */

/* A fact, copied into the arena; empty when there is none. */
int tk__reader_fact(struct tk__reader *r, const char *name, struct tk_arena *arena,
                    struct tk_str *ret, struct tk_err *reterr);
/* Steps of the wall clock, each by the clock of its segment until it is shifted. */
int tk__reader_steps(struct tk__reader *r,
                     int (*each)(void *owner, uint32_t segment, tk_ns from_at, tk_ns at),
                     void *owner, struct tk_err *reterr);

/* The segments, by their own clocks, into out[cap]; the number of them. An older file has none. */
int64_t tk__reader_segments(struct tk__reader *r, struct tk_segment *out, size_t cap,
                            struct tk_err *reterr);

/* A row of the table of segments as it is, and the last instant that the file has of it. */
struct tk__segment_row {
    struct tk__process process;
    struct tk_segment_span span;
    tk_ns last_at;
};
int tk__reader_segment_rows(struct tk__reader *r,
                            int (*each)(void *owner, const struct tk__segment_row *row),
                            void *owner, struct tk_err *reterr);

/* How the requests of the measured load ended, in no particular order. */
struct tk__end_row {
    uint64_t index;
    uint64_t resends;
    uint8_t end;
};
int tk__reader_ends(struct tk__reader *r, int (*each)(void *owner, const struct tk__end_row *row),
                    void *owner, struct tk_err *reterr);

/* Call `each` with every row's number, phase and index, in no particular order; it returns 0 or a
 * negative code that ends the walk. Rows that cannot be reached, because the file is torn, are left out. */
int tk__reader_walk(struct tk__reader *r,
                    int (*each)(void *owner, int64_t rowid, uint8_t phase, uint64_t index),
                    void *owner, struct tk_err *reterr);

/* Whether damage was met so far. */
bool tk__reader_is_torn(const struct tk__reader *r);

/* The record of a row; slices live until the next call. TK_E_FORMAT: it is damaged, others may not be. */
int tk__reader_record(struct tk__reader *r, int64_t rowid, struct tk_record_view *ret,
                      struct tk_err *reterr);

/* --- store.c: records in memory --- */

struct tk__stored; /* one record, packed */

struct tk__store {
    struct tk_arena arena;
    struct tk__stored *first, *last;
    size_t n;
};

void tk__store_init(struct tk__store *s);
void tk__store_release(struct tk__store *s); /* may be called twice */

/* Copy a record in; without its slices when `is_bare`. False when memory is out. */
bool tk__store_add(struct tk__store *s, const struct tk_record_view *v, bool is_bare);

/* Bytes that tk__store_add() would take. */
size_t tk__store_bytes(const struct tk_record_view *v, bool is_bare);

const struct tk__stored *tk__stored_next(const struct tk__stored *p);
void tk__stored_read(const struct tk__stored *p, struct tk_record_view *ret);

/* --- records.c --- */

/* A fact of the run's end; in a list, the latest of a name first. */
struct tk__fact {
    struct tk__fact *next;
    const char *name;
    struct tk_str value;
    bool is_written; /* in the file; sink.c */
};

/* What an iterator goes over: rows of a file, records in memory, or both. */
struct tk__records_from {
    struct tk__reader *reader;          /* NULL: no file; owned by the iterator from then on */
    const struct tk__stored *memory[2]; /* heads of lists; not owned */
    const struct tk__fact *facts;       /* asked before the reader; not owned */
    struct tk_str plan, host;           /* not owned */
    const struct tk_clock_steps *steps; /* copied; by the clock of `segment` */
    uint16_t segment;                   /* of the records in memory; 0: there are none */
    const struct tk_segment_span *span; /* of that segment */
    bool is_finished;
};

int tk__records_new(const struct tk__records_from *from, struct tk_records **ret,
                    struct tk_err *reterr);

/* Add a stretch in which the wall clock stepped; those that touch become one. When all places are
 * taken, the last one grows over the new stretch: more stamps than needed do not count then. */
void tk__steps_add(struct tk_clock_steps *s, tk_ns from_at, tk_ns to_at);

#endif
