/* runfile_write.c - make the file of a run and put rows into it
 *
 *   create   rollback journal in memory: tables, words, plan, host    all in the main file from the start,
 *            then WAL                                                 so that a lone copy of it opens
 *   run      transactions of a batch each; no sync but at checkpoints: what is committed is with the
 *            kernel and survives a kill of the program; a power cut, from the next checkpoint on
 *   finish   state, checkpoint, journal_mode=DELETE                   one file again
 *   resume   the file of a run that was cut: a further segment
 *
 * Readers follow through the shared memory beside a WAL. Where a file system has none, or locks do not
 * work, the file is opened for this program alone, in three attempts, each asking for less; a run is
 * never lost to its file system's shortcomings. Network file systems are not even asked: shared memory
 * seems to work on some of them and does not reach the other machine.
 *
 * No index is made at the end: building one reads the whole file again, and a reader finds the order of
 * half a million rows in a fraction of a second (records.c).
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "run/runfile.h"
#include "run/sink.h"

enum {
    PAGE_BYTES = 8192,       /* rows of 100 events are 1.3 kB: six to a page */
    CHECKPOINT_PAGES = 2000, /* 16 MB of WAL, if the sink does not come to it before */
    BUSY_MS = 2000,          /* wait so long for a reader, at the begin and at the end */
    OVERTAKEN = -1,          /* beside the codes of SQLite */
};

struct tk__writer {
    sqlite3 *db;
    const char *path; /* for messages; the caller's */
    sqlite3_stmt *insert, *clock, *fact;
    uint16_t segment; /* that it writes */
    uint16_t last;    /* of a resumed run: the latest one that there should be before it */
};

/* How to open the file, from the best to the last resort. */
static const struct attempt {
    const char *vfs; /* NULL: the default */
    bool is_exclusive;
} attempts[] = { { NULL, false }, { NULL, true }, { "unix-none", true } };

static int fail(struct tk__writer *w, struct tk_err *reterr)
{
    int os = sqlite3_system_errno(w->db);
    return tk_err_set(reterr, TK_E_DB, "the run file '%s' cannot be written: %s%s%s", w->path,
                      sqlite3_errmsg(w->db), os ? ": " : "", os ? strerror(os) : "");
}

static int sql(struct tk__writer *w, const char *text)
{
    return sqlite3_exec(w->db, text, NULL, NULL, NULL);
}

static int step_once(sqlite3_stmt *st)
{
    int rc = sqlite3_step(st);
    int rc_reset = sqlite3_reset(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc_reset != SQLITE_OK ? rc_reset : SQLITE_ERROR;
}

/* --- creation --- */

static int put_text(struct tk__writer *w, const char *name, const char *value)
{
    return tk__writer_fact(w, name, (struct tk_str){ value, strlen(value) }, NULL);
}

static int put_number(struct tk__writer *w, const char *name, int64_t value)
{
    sqlite3_bind_text(w->fact, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(w->fact, 2, value);
    return step_once(w->fact);
}

static int put_word(sqlite3_stmt *st, const char *kind, int number, const char *word,
                    const char *text)
{
    sqlite3_bind_text(st, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_int(st, 2, number);
    sqlite3_bind_text(st, 3, word, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 4, text, -1, SQLITE_STATIC);
    return step_once(st);
}

/* What the numbers in the rows mean, so that the file explains itself. */
static int put_words(struct tk__writer *w)
{
    static const char *const phases[] = { "check", "warmup", "measure", "probe" };
    static const char *const sources[] = { "", "usage", "events" };
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(w->db, "INSERT INTO word VALUES(?, ?, ?, ?)", -1, &st, NULL);

    for (int i = 0; i < TK_END_N_ && rc == SQLITE_OK; i++)
        rc = put_word(st, "end", i, tk_end_word((enum tk_end)i), tk_end_text((enum tk_end)i));
    for (int i = 0; i < TK_PHASE_N_ && rc == SQLITE_OK; i++)
        rc = put_word(st, "phase", i, phases[i], NULL);
    for (int i = 0; i <= TK_FINISH_OTHER && rc == SQLITE_OK; i++)
        rc = put_word(st, "finish", i, tk_finish_word((enum tk_finish)i), NULL);
    for (int i = 0; i <= TK_COUNT_EVENTS && rc == SQLITE_OK; i++)
        rc = put_word(st, "count_source", i, sources[i], NULL);
    sqlite3_finalize(st);
    return rc;
}

static int bind_number(sqlite3_stmt *st, int at, int64_t value)
{
    return value ? sqlite3_bind_int64(st, at, value) : sqlite3_bind_null(st, at);
}

/* The row of the segment that begins. */
static int put_segment(struct tk__writer *w, struct tk_str host)
{
    struct tk__process self;
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(w->db,
                                "INSERT INTO segment(number, started_wall, started_mono, boot, "
                                "process, process_started, host) VALUES(?, ?, ?, ?, ?, ?, ?)",
                                -1, &st, NULL);
    if (rc == SQLITE_OK) {
        tk__process_self(&self);
        sqlite3_bind_int(st, 1, w->segment);
        sqlite3_bind_int64(st, 2, tk_clock_wall());
        sqlite3_bind_int64(st, 3, tk_clock_now());
        sqlite3_bind_text(st, 4, self.boot, -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, 5, self.pid);
        sqlite3_bind_int64(st, 6, self.started);
        sqlite3_bind_text64(st, 7, host.p ? host.p : "", host.n, SQLITE_STATIC, SQLITE_UTF8);
        rc = step_once(st);
    }
    sqlite3_finalize(st);
    return rc;
}

static int put_facts(struct tk__writer *w, const struct tk__writer_conf *conf)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; i < conf->n_facts && rc == SQLITE_OK; i++)
        rc = tk__writer_fact(w, conf->facts[i].name, conf->facts[i].value, NULL);
    return rc;
}

static int put_beginnings(struct tk__writer *w, const struct tk__writer_conf *conf)
{
    int rc = put_words(w);
    if (rc == SQLITE_OK)
        rc = put_segment(w, conf->host);
    if (rc == SQLITE_OK)
        rc = put_facts(w, conf);
    if (rc == SQLITE_OK)
        rc = put_number(w, "format_version", TK__RUNFILE_VERSION_NEW);
    if (rc == SQLITE_OK)
        rc = put_number(w, "started_mono", tk_clock_now());
    if (rc == SQLITE_OK)
        rc = put_number(w, "started_wall", tk_clock_wall());
    if (rc == SQLITE_OK)
        rc = put_text(w, "state", "running");
    if (rc == SQLITE_OK)
        rc = tk__writer_fact(w, "plan", conf->plan, NULL);
    return rc == SQLITE_OK ? tk__writer_fact(w, "host", conf->host, NULL) : rc;
}

static int create_tables(struct tk__writer *w)
{
    char *create = tk__rows_create();
    int rc = create ? sql(w, create) : SQLITE_NOMEM;
    free(create);
    return rc == SQLITE_OK ? sql(w, tk__rows_schema()) : rc;
}

static int prepare(struct tk__writer *w)
{
    char *insert = tk__rows_insert();
    int rc = insert ? sqlite3_prepare_v3(w->db, insert, -1, SQLITE_PREPARE_PERSISTENT, &w->insert,
                                         NULL)
                    : SQLITE_NOMEM;
    free(insert);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v3(w->db, "INSERT INTO clock VALUES(?, ?, ?, ?, ?, ?, ?)", -1,
                                SQLITE_PREPARE_PERSISTENT, &w->clock, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v3(w->db, "INSERT OR REPLACE INTO run VALUES(?, ?)", -1,
                                SQLITE_PREPARE_PERSISTENT, &w->fact, NULL);
    return rc;
}

/* Ask for the journal mode and see whether it came. */
static bool set_journal(struct tk__writer *w, const char *text, const char *want)
{
    sqlite3_stmt *st = NULL;
    bool came = false;
    if (sqlite3_prepare_v2(w->db, text, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW) {
        const char *got = (const char *)sqlite3_column_text(st, 0);
        came = got && strcmp(got, want) == 0;
    }
    return sqlite3_finalize(st) == SQLITE_OK && came;
}

static int open_db(struct tk__writer *w, const struct attempt *a, int more_flags)
{
    char text[64];
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | more_flags;
    int rc = sqlite3_open_v2(w->path, &w->db, flags, a->vfs);

    if (rc == SQLITE_OK) /* a reader that looks in just now must not cost the log */
        rc = sqlite3_busy_timeout(w->db, BUSY_MS);
    if (rc == SQLITE_OK && a->is_exclusive)
        rc = sql(w, "PRAGMA locking_mode = EXCLUSIVE");
    snprintf(text, sizeof(text), "PRAGMA wal_autocheckpoint = %d", CHECKPOINT_PAGES);
    return rc == SQLITE_OK ? sql(w, text) : rc;
}

static int create(struct tk__writer *w, const struct attempt *a, const struct tk__writer_conf *conf)
{
    char text[256];
    int rc = open_db(w, a, SQLITE_OPEN_CREATE);

    w->segment = 1;
    snprintf(text, sizeof(text),
             "PRAGMA page_size = %d; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
             "BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d",
             PAGE_BYTES, TK__RUNFILE_APPLICATION_ID, TK__RUNFILE_VERSION_NEW);
    if (rc == SQLITE_OK)
        rc = sql(w, text);
    if (rc == SQLITE_OK)
        rc = create_tables(w);
    if (rc == SQLITE_OK)
        rc = prepare(w);
    if (rc == SQLITE_OK)
        rc = put_beginnings(w, conf);
    return rc == SQLITE_OK ? sql(w, "COMMIT") : rc;
}

/* The write-ahead log, tried with a real transaction; or, at the last attempt, a rollback journal.
 * Nothing is synced so far: on a slow disk that alone would cost more than all else before a run. */
static int turn_on_log(struct tk__writer *w, bool is_last)
{
    int rc = SQLITE_ERROR;
    if (set_journal(w, "PRAGMA journal_mode = WAL", "wal"))
        rc = sql(w,
                 "BEGIN IMMEDIATE; INSERT OR REPLACE INTO run VALUES('state', 'running'); COMMIT");
    if (rc != SQLITE_OK && is_last && set_journal(w, "PRAGMA journal_mode = TRUNCATE", "truncate"))
        rc = SQLITE_OK;
    return rc == SQLITE_OK ? sql(w, "PRAGMA synchronous = NORMAL") : rc;
}

static void unlink_leftovers(const char *path)
{
    static const char *const suffixes[] = { "-wal", "-shm", "-journal" };
    char *name = malloc(strlen(path) + 10);

    for (unsigned i = 0; name && i < TK_ARRAY_LEN(suffixes); i++) {
        snprintf(name, strlen(path) + 10, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    free(name);
}

/* Whether the folder of `path` is on a file system that other machines may share. */
static bool is_network(const char *path)
{
    static const uint32_t magic[] = {
        0x6969,     /* NFS */
        0x0BD00BD0, /* Lustre */
        0xFF534D42, /* CIFS */
        0xFE534D42, /* SMB2 */
        0x47504653, /* GPFS */
        0x00C36400, /* Ceph */
        0x01021997, /* 9P */
    };
    struct statfs fs;
    char folder[4096];
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) + 1 : 0;

    snprintf(folder, sizeof(folder), "%.*s.", n, path);
    if (statfs(folder, &fs) < 0)
        return false;
    for (unsigned i = 0; i < TK_ARRAY_LEN(magic); i++) {
        if ((uint32_t)fs.f_type == magic[i])
            return true;
    }
    return false;
}

static void close_db(struct tk__writer *w)
{
    sqlite3_finalize(w->insert);
    sqlite3_finalize(w->clock);
    sqlite3_finalize(w->fact);
    sqlite3_close(w->db);
    *w = (struct tk__writer){ .path = w->path, .segment = w->segment, .last = w->last };
}

static int new_writer(const char *path, struct tk__writer **ret, struct tk_err *reterr)
{
    *ret = calloc(1, sizeof(**ret));
    if (!*ret)
        return tk_err_set(reterr, -ENOMEM, "no memory for the run file");
    (*ret)->path = path;
    return 0;
}

static void say_not_opened(struct tk__writer *w, const char *what, struct tk_err *reterr)
{
    int os = sqlite3_system_errno(w->db);

    (void)tk_err_set(reterr, TK_E_DB, "cannot %s the run file '%s': %s%s%s", what, w->path,
                     sqlite3_errmsg(w->db), os ? ": " : "", os ? strerror(os) : "");
}

int tk__writer_new(const struct tk__writer_conf *conf, struct tk__writer **ret,
                   struct tk_err *reterr)
{
    struct stat st;
    struct tk__writer *w = NULL;
    const char *path = conf->path;
    unsigned n = TK_ARRAY_LEN(attempts);

    if (stat(path, &st) == 0 && (st.st_size > 0 || !S_ISREG(st.st_mode)))
        return tk_err_set(reterr, -EEXIST, "'%s' exists already", path);
    int rc = new_writer(path, &w, reterr);
    if (rc < 0)
        return rc;
    rc = TK_E_DB;
    for (unsigned i = is_network(path) ? 1 : 0; i < n && rc != SQLITE_OK; i++) {
        unlink_leftovers(path);
        rc = create(w, &attempts[i], conf);
        if (rc == SQLITE_OK)
            rc = turn_on_log(w, i + 1 == n);
        if (rc != SQLITE_OK) {
            say_not_opened(w, "create", reterr);
            bool was_opened = w->db && sqlite3_db_readonly(w->db, "main") == 0;
            close_db(w);
            if (was_opened && stat(path, &st) == 0)
                unlink(path); /* it was not there before, or empty */
        }
    }
    if (rc != SQLITE_OK) {
        unlink_leftovers(path);
        free(w);
        return TK_E_DB;
    }
    *ret = w;
    return 0;
}

/* --- going on --- */

/* One number, or 0. */
static int64_t number_of(struct tk__writer *w, const char *text)
{
    sqlite3_stmt *st = NULL;
    int64_t value = 0;

    if (sqlite3_prepare_v2(w->db, text, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        value = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return value;
}

/* What the end of the segment before said of the run holds for that segment alone from now on. */
static int set_aside(struct tk__writer *w)
{
    char text[160];

    snprintf(text, sizeof(text),
             "UPDATE run SET key = key || '.%u' WHERE key IN "
             "('totals', 'health', 'run', 'finished_wall')",
             w->segment - 1U);
    return sql(w, text);
}

/* The segment that this one will be. Where there is a later one than was read, another process goes on
 * with the run too: what is left of it is not what it was. */
static int choose_segment(struct tk__writer *w)
{
    int64_t latest = number_of(w, "SELECT max(number) FROM segment");

    if (latest != w->last)
        return OVERTAKEN;
    w->segment = (uint16_t)(latest + 1);
    return w->segment > 1 && w->segment <= TK_SEGMENTS_MAX ? SQLITE_OK : SQLITE_FULL;
}

static int go_on(struct tk__writer *w, const struct attempt *a, struct tk_str host)
{
    char text[64];
    int rc = open_db(w, a, 0);

    snprintf(text, sizeof(text), "BEGIN IMMEDIATE; PRAGMA user_version = %d", TK__RUNFILE_VERSION);
    if (rc == SQLITE_OK)
        rc = sql(w, text);
    char *missing = rc == SQLITE_OK ? tk__rows_add_missing(w->db) : NULL;
    if (rc == SQLITE_OK)
        rc = missing ? sql(w, missing) : SQLITE_NOMEM;
    free(missing);
    if (rc == SQLITE_OK)
        rc = prepare(w);
    if (rc == SQLITE_OK)
        rc = choose_segment(w);
    if (rc == SQLITE_OK)
        rc = put_segment(w, host);
    if (rc == SQLITE_OK)
        rc = set_aside(w);
    if (rc == SQLITE_OK)
        rc = put_text(w, "state", "running");
    if (rc == SQLITE_OK)
        rc = sql(w, "COMMIT");
    if (rc == SQLITE_OK)
        w->last = w->segment; /* for a further attempt */
    return rc;
}

int tk__writer_resume(const struct tk__writer_conf *conf, struct tk__writer **ret,
                      struct tk_err *reterr)
{
    struct tk__writer *w = NULL;
    unsigned n = TK_ARRAY_LEN(attempts);
    int rc = new_writer(conf->path, &w, reterr);

    if (rc < 0)
        return rc;
    w->last = conf->last_segment;
    rc = TK_E_DB;
    for (unsigned i = is_network(conf->path) ? 1 : 0; i < n && rc != SQLITE_OK; i++) {
        rc = go_on(w, &attempts[i], conf->host);
        if (rc == SQLITE_OK)
            rc = turn_on_log(w, i + 1 == n);
        if (rc != SQLITE_OK) {
            say_not_opened(w, "go on with", reterr);
            close_db(w);
        }
        if (rc == OVERTAKEN || rc == SQLITE_BUSY) /* the last resort would not see its locks */
            break;
    }
    if (rc == OVERTAKEN)
        (void)tk_err_set(reterr, -EBUSY, "another process goes on with the run file '%s'", w->path);
    if (rc != SQLITE_OK) {
        free(w);
        return rc == OVERTAKEN ? -EBUSY : TK_E_DB;
    }
    *ret = w;
    return 0;
}

uint16_t tk__writer_segment(const struct tk__writer *w)
{
    return w->segment;
}

struct tk__writer *tk__writer_free(struct tk__writer *w)
{
    if (!w)
        return NULL;
    close_db(w);
    free(w);
    return NULL;
}

/* --- rows --- */

int tk__writer_begin(struct tk__writer *w, struct tk_err *reterr)
{
    return sql(w, "BEGIN IMMEDIATE") == SQLITE_OK ? 0 : fail(w, reterr);
}

int tk__writer_record(struct tk__writer *w, const struct tk_record_view *v, struct tk_err *reterr)
{
    int rc = tk__rows_bind(w->insert, v);
    if (rc == SQLITE_OK)
        rc = step_once(w->insert);
    return rc == SQLITE_OK ? 0 : fail(w, reterr);
}

int tk__writer_clock(struct tk__writer *w, const struct tk__clock_row *c, struct tk_err *reterr)
{
    sqlite3_bind_int64(w->clock, 1, c->worker);
    sqlite3_bind_int64(w->clock, 2, c->o.at);
    sqlite3_bind_int64(w->clock, 3, c->o.offset);
    sqlite3_bind_int64(w->clock, 4, c->o.error);
    sqlite3_bind_int(w->clock, 5, c->is_step);
    sqlite3_bind_int64(w->clock, 6, c->from_at);
    sqlite3_bind_int(w->clock, 7, w->segment);
    return step_once(w->clock) == SQLITE_OK ? 0 : fail(w, reterr);
}

int tk__writer_span(struct tk__writer *w, const struct tk_segment_span *span, struct tk_err *reterr)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(w->db,
                                "UPDATE segment SET begin_at = ?, begin_wall = ?, stop_at = ?, "
                                "end_at = ? WHERE number = ?",
                                -1, &st, NULL);
    if (rc == SQLITE_OK) {
        bind_number(st, 1, span->begin_at);
        bind_number(st, 2, span->wall_begin);
        bind_number(st, 3, span->stop_at);
        bind_number(st, 4, span->end_at);
        sqlite3_bind_int(st, 5, w->segment);
        rc = step_once(st);
    }
    sqlite3_finalize(st);
    if (rc == SQLITE_OK && w->segment > 1 && span->begin_at) {
        char text[128];
        snprintf(text, sizeof(text),
                 "DELETE FROM requests WHERE phase = %d AND ended = %d AND segment < %u",
                 TK_PHASE_MEASURE, TK_END_CANCELLED, w->segment);
        rc = sql(w, text);
    }
    return rc == SQLITE_OK ? 0 : fail(w, reterr);
}

int tk__writer_fact(struct tk__writer *w, const char *name, struct tk_str value,
                    struct tk_err *reterr)
{
    sqlite3_bind_text(w->fact, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text64(w->fact, 2, value.p ? value.p : "", value.n, SQLITE_STATIC, SQLITE_UTF8);
    return step_once(w->fact) == SQLITE_OK ? 0 : fail(w, reterr);
}

int tk__writer_commit(struct tk__writer *w, struct tk_err *reterr)
{
    return sql(w, "COMMIT") == SQLITE_OK ? 0 : fail(w, reterr);
}

void tk__writer_checkpoint(struct tk__writer *w)
{
    (void)sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

void tk__writer_rollback(struct tk__writer *w)
{
    sqlite3_reset(w->insert);
    if (!sqlite3_get_autocommit(w->db))
        sql(w, "ROLLBACK");
}

/* Which file beside this one holds what it lacks: the end of its name, or NULL. An empty log is none. */
static const char *other_part(const struct tk__writer *w)
{
    static const char *const ends[] = { "-wal", "-journal" };
    const char *found = NULL;

    for (size_t i = 0; i < TK_ARRAY_LEN(ends); i++) {
        struct tk_buf name = TK_BUF_INIT(65536);
        struct stat st;
        tk_buf_add_z(&name, w->path);
        tk_buf_add_z(&name, ends[i]);
        if (!name.failed && stat(name.p, &st) == 0 && st.st_size > 0)
            found = ends[i];
        tk_buf_release(&name);
    }
    return found;
}

/* The log into the file, and away with it. SQLITE_BUSY: a reader holds the file; the last one to close it
 * makes it one. */
static int fold_log(struct tk__writer *w, struct tk_err *reterr)
{
    int rc = sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc == SQLITE_OK && !set_journal(w, "PRAGMA journal_mode = DELETE", "delete"))
        rc = sqlite3_errcode(w->db) == SQLITE_OK ? SQLITE_BUSY : SQLITE_IOERR;
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        (void)fail(w, reterr);
    return rc;
}

/* What fails is tried once more on a connection that has seen no failure. */
static int make_one(struct tk__writer *w, struct tk_err *reterr)
{
    struct tk_err why = { 0 };
    int rc = fold_log(w, &why);

    close_db(w);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY)
        return 0;
    if (open_db(w, &attempts[0], 0) == SQLITE_OK)
        rc = fold_log(w, &why);
    close_db(w);
    const char *end = other_part(w);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY)
        return 0;
    if (!end) {
        unlink_leftovers(w->path); /* an empty log, which the file does not need */
        return 0;
    }
    return tk_err_set(reterr, TK_E_DB, "%s; '%s%s' belongs to it", why.msg, w->path, end);
}

int tk__writer_finish(struct tk__writer *w, struct tk_err *reterr)
{
    int rc = sql(w, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK)
        rc = put_number(w, "finished_wall", tk_clock_wall());
    if (rc == SQLITE_OK)
        rc = put_text(w, "state", "finished");
    if (rc == SQLITE_OK)
        rc = sql(w, "COMMIT");
    if (rc != SQLITE_OK) {
        rc = fail(w, reterr);
        tk__writer_rollback(w);
        return rc;
    }
    return make_one(w, reterr);
}
