/* runfile_read.c - read the file of a run: finished, going on, or killed
 *
 * One read transaction is held for as long as the reader lives, so that the order that was found at
 * the start stays true. A killed run leaves its log beside the file: SQLite reads both. A file that was
 * copied without its log is opened as unchangeable, so that nothing is made beside it; one that stands
 * where nothing can be written, too, when the usual way fails.
 *
 * A copy that was made while rows were moved from the log into the file may be torn: SQLite finds a page
 * that is not there yet. What can be reached from both ends is read then, and the rest counted as
 * damaged: an hour's run is not lost to its last tenth of a second.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "run/runfile.h"

#define ROW_BYTES 6 /* of an empty row and of what points to it */

struct tk__reader {
    sqlite3 *db;
    sqlite3_stmt *by_row, *fact;
    int64_t
        max_rows; /* no table can have more, unless it is damaged (see is_next()); -1: not known */
    bool has_segments; /* else it is an older program's */
    bool is_torn;      /* a walk over the rows met damage */
};

static int fail(struct tk__reader *r, const char *what, struct tk_err *reterr)
{
    return tk_err_set(reterr, TK_E_DB, "%s: %s", what, sqlite3_errmsg(r->db));
}

/* "file:" and the path with what a URI takes for its own escaped. */
static int uri_of(const char *path, struct tk_buf *out)
{
    static const char hex[] = "0123456789ABCDEF";

    tk_buf_add_z(out, "file:");
    for (const char *p = path; *p; p++) {
        if (*p == '%' || *p == '?' || *p == '#') {
            tk_buf_add_c(out, '%');
            tk_buf_add_c(out, hex[(unsigned char)*p >> 4]);
            tk_buf_add_c(out, hex[*p & 15]);
        } else {
            tk_buf_add_c(out, *p);
        }
    }
    return tk_buf_add_z(out, "?immutable=1");
}

static int open_and_hold(struct tk__reader *r, const char *name, int flags)
{
    int rc = sqlite3_open_v2(name, &r->db, flags | SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                             NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(r->db, 1000);
    if (rc == SQLITE_OK) /* else a file that is shorter than its header says is not even opened */
        rc = sqlite3_db_config(r->db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(r->db, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    return rc;
}

/* SQLITE_CANTOPEN: the file says that it has a log (bytes 18 and 19 of its header are 2), and there is
 * none. */
static int look_for_log(const char *path)
{
    char head[20] = "";
    struct tk_buf log = TK_BUF_INIT(65536);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, head, sizeof(head));

    if (fd >= 0)
        (void)close(fd);
    tk_buf_add_z(&log, path);
    tk_buf_add_z(&log, "-wal");
    int rc = log.failed ? SQLITE_NOMEM : SQLITE_OK;
    if (rc == SQLITE_OK && n == (ssize_t)sizeof(head) && head[18] == 2 && access(log.p, F_OK) != 0)
        rc = SQLITE_CANTOPEN;
    tk_buf_release(&log);
    return rc;
}

static int open_any(struct tk__reader *r, const char *path)
{
    int rc = look_for_log(path);
    if (rc == SQLITE_OK)
        rc = open_and_hold(r, path, 0);
    if (rc == SQLITE_OK || rc == SQLITE_NOTADB || rc == SQLITE_NOMEM)
        return rc;

    struct tk_buf uri = TK_BUF_INIT(65536);
    sqlite3 *first = r->db;
    r->db = NULL;
    if (uri_of(path, &uri) == 0 && open_and_hold(r, uri.p, SQLITE_OPEN_URI) == SQLITE_OK) {
        sqlite3_close(first);
        rc = SQLITE_OK;
    } else if (first) { /* the first failure is the one to tell */
        sqlite3_close(r->db);
        r->db = first;
    }
    tk_buf_release(&uri);
    return rc;
}

static int64_t pragma(struct tk__reader *r, const char *text)
{
    sqlite3_stmt *st = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(r->db, text, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        value = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return value;
}

static int check(struct tk__reader *r, const char *path, struct tk_err *reterr)
{
    if (pragma(r, "PRAGMA application_id") != TK__RUNFILE_APPLICATION_ID)
        return tk_err_set(reterr, TK_E_FORMAT, "'%s' is not a run file", path);
    int64_t version = pragma(r, "PRAGMA user_version");
    if (version > TK__RUNFILE_VERSION)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "'%s' is from a newer version of tokmark (format %d, this one reads %d)",
                          path, (int)version, TK__RUNFILE_VERSION);
    return 0;
}

/* A view in place of a table could have rows without end; this finds no columns of one. */
static int check_tables(struct tk__reader *r, struct tk_err *reterr)
{
    static const char *const needed[][2] = {
        { "requests", "idx" }, { "run", "key" }, { "clock", "at" }, { "segment", "number" }
    };
    size_t n = TK_ARRAY_LEN(needed) - !r->has_segments;

    for (size_t i = 0; i < n; i++) {
        if (sqlite3_table_column_metadata(r->db, NULL, needed[i][0], needed[i][1], NULL, NULL, NULL,
                                          NULL, NULL) != SQLITE_OK)
            return tk_err_set(reterr, TK_E_FORMAT, "the run file has no table '%s'", needed[i][0]);
    }
    return 0;
}

static int prepare(struct tk__reader *r, struct tk_err *reterr)
{
    r->has_segments = tk__rows_has(r->db, "segment");
    int rc_tables = check_tables(r, reterr);
    if (rc_tables < 0)
        return rc_tables;
    int64_t n_pages = pragma(r, "PRAGMA page_count"), page_bytes = pragma(r, "PRAGMA page_size");
    r->max_rows = n_pages > 0 && page_bytes > 0 ? n_pages * page_bytes / ROW_BYTES : -1;
    char *select = tk__rows_select(r->db);
    int rc = select ? sqlite3_prepare_v2(r->db, select, -1, &r->by_row, NULL) : SQLITE_NOMEM;
    free(select);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(r->db, "SELECT value FROM run WHERE key = ?", -1, &r->fact, NULL);
    return rc == SQLITE_OK ? 0 : fail(r, "the run file lacks a table", reterr);
}

int tk__reader_new(const char *path, struct tk__reader **ret, struct tk_err *reterr)
{
    struct tk__reader *r = calloc(1, sizeof(*r));
    struct stat st;
    if (!r)
        return tk_err_set(reterr, -ENOMEM, "no memory for the run file");

    int rc = access(path, R_OK) == 0 ? 0 : -errno;
    if (rc < 0) {
        tk_err_set(reterr, rc, "cannot read '%s': %s", path, strerror(-rc));
        goto fail;
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        rc = tk_err_set(reterr, -EISDIR, "'%s' is a folder, not a run file", path);
        goto fail;
    }
    rc = open_any(r, path);
    if (rc == SQLITE_NOTADB) {
        rc = tk_err_set(reterr, TK_E_FORMAT, "'%s' is not a run file", path);
        goto fail;
    }
    if (rc != SQLITE_OK) {
        rc = fail(r, "cannot open the run file", reterr);
        goto fail;
    }
    rc = check(r, path, reterr);
    if (rc == 0)
        rc = prepare(r, reterr);
    if (rc < 0)
        goto fail;
    *ret = r;
    return 0;

fail:
    tk__reader_free(r);
    return rc;
}

struct tk__reader *tk__reader_free(struct tk__reader *r)
{
    if (!r)
        return NULL;
    sqlite3_finalize(r->by_row);
    sqlite3_finalize(r->fact);
    sqlite3_close(r->db);
    free(r);
    return NULL;
}

int tk__reader_fact(struct tk__reader *r, const char *name, struct tk_arena *arena,
                    struct tk_str *ret, struct tk_err *reterr)
{
    int rc = 0;

    *ret = (struct tk_str){ NULL, 0 };
    sqlite3_bind_text(r->fact, 1, name, -1, SQLITE_STATIC);
    int step = sqlite3_step(r->fact);
    if (step == SQLITE_ROW) {
        const char *p = (const char *)sqlite3_column_text(r->fact, 0);
        int n = sqlite3_column_bytes(r->fact, 0);
        *ret = tk_arena_dup_str(arena, (struct tk_str){ p, p ? (size_t)n : 0 });
        if (!ret->p)
            rc = tk_err_set(reterr, -ENOMEM, "no memory for '%s' of the run file", name);
    } else if (step != SQLITE_DONE) {
        rc = fail(r, "cannot read the run file", reterr);
    }
    sqlite3_reset(r->fact);
    return rc;
}

int tk__reader_steps(struct tk__reader *r,
                     int (*each)(void *owner, uint32_t segment, tk_ns from_at, tk_ns at),
                     void *owner, struct tk_err *reterr)
{
    sqlite3_stmt *st = NULL;
    int rc_each = 0;
    int rc = sqlite3_prepare_v2(
        r->db,
        r->has_segments ? "SELECT from_at, at, segment FROM (SELECT * FROM clock LIMIT ?1) "
                          "WHERE is_step"
                        : "SELECT from_at, at, 1 FROM (SELECT * FROM clock LIMIT ?1) "
                          "WHERE is_step",
        -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(st, 1, r->max_rows);
    if (rc == SQLITE_OK) {
        while (rc_each == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW)
            rc_each = each(owner, (uint32_t)sqlite3_column_int(st, 2), sqlite3_column_int64(st, 0),
                           sqlite3_column_int64(st, 1));
    }
    sqlite3_finalize(st);
    if (rc == SQLITE_CORRUPT) {
        r->is_torn = true;
        rc = SQLITE_DONE;
    }
    return rc == SQLITE_DONE ? rc_each
                             : fail(r, "cannot read the run file's clock samples", reterr);
}

/* How many requests ended in each, and where a segment did not come to its end, when the last one did. */
static int count_segments(struct tk__reader *r, struct tk_segment *s, int64_t n)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(r->db,
                                "SELECT segment, count(*), min(due_at), max(end_at) FROM "
                                "(SELECT segment, due_at, end_at, phase FROM requests LIMIT ?2) "
                                "WHERE phase = ?1 GROUP BY segment",
                                -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(st, 1, TK_PHASE_MEASURE);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(st, 2, r->max_rows);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(st);
        for (int64_t i = 0; i < n && rc == SQLITE_ROW; i++) {
            if (s[i].number != (uint32_t)sqlite3_column_int(st, 0))
                continue;
            s[i].n_requests = (uint64_t)sqlite3_column_int64(st, 1);
            if (s[i].begin_at == 0)
                s[i].begin_at = tk_instant_of(sqlite3_column_int64(st, 2));
            if (s[i].end_at == 0)
                s[i].end_at = tk_instant_of(sqlite3_column_int64(st, 3));
        }
    }
    sqlite3_finalize(st);
    return rc;
}

int64_t tk__reader_segments(struct tk__reader *r, struct tk_segment *out, size_t cap,
                            struct tk_err *reterr)
{
    sqlite3_stmt *st = NULL;
    int64_t n = 0;

    if (!r->has_segments)
        return 0;
    int rc = sqlite3_prepare_v2(
        r->db, "SELECT number, begin_at, end_at, begin_wall FROM segment ORDER BY number", -1, &st,
        NULL);
    if (rc == SQLITE_OK) {
        while ((rc = sqlite3_step(st)) == SQLITE_ROW && (size_t)n < cap)
            out[n++] = (struct tk_segment){
                .number = (uint32_t)sqlite3_column_int(st, 0),
                .begin_at = tk_instant_of(sqlite3_column_int64(st, 1)),
                .end_at = tk_instant_of(sqlite3_column_int64(st, 2)),
                .wall_begin = sqlite3_column_int64(st, 3),
            };
    }
    sqlite3_finalize(st);
    if (rc == SQLITE_DONE && (n > 1 || (n == 1 && out[0].end_at == 0)))
        rc = count_segments(r, out, n);
    if (rc == SQLITE_CORRUPT) {
        r->is_torn = true;
        rc = SQLITE_DONE;
    }
    if (rc == SQLITE_ROW)
        return tk_err_set(reterr, TK_E_LIMIT, "the run file has more than %zu segments", cap);
    return rc == SQLITE_DONE ? n : fail(r, "cannot read the segments of the run file", reterr);
}

/* A walk over the rows. */
struct walk {
    int (*each)(void *owner, int64_t rowid, uint8_t phase, uint64_t index);
    void *owner;
    int64_t last; /* row that came last; before the first one, where to begin behind */
    bool is_down; /* from the last row on */
    int rc;       /* of each() */
};

/* Rows come in order, each once. In a damaged file pages may be children of several others, and have the same
 * rows again, as often as somebody likes. */
static bool is_next(const struct walk *w, int64_t row, bool is_first)
{
    return is_first || (w->is_down ? row < w->last : row > w->last);
}

static int walk(struct tk__reader *r, const char *text, struct walk *w)
{
    sqlite3_stmt *st = NULL;
    bool is_first = true;
    int rc = sqlite3_prepare_v2(r->db, text, -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(st, 1, w->last);
    if (rc == SQLITE_OK) {
        while (w->rc == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
            int64_t row = sqlite3_column_int64(st, 0);
            if (!is_next(w, row, is_first)) {
                rc = SQLITE_CORRUPT;
                break;
            }
            is_first = false;
            w->last = row;
            w->rc = w->each(w->owner, w->last, (uint8_t)sqlite3_column_int(st, 1),
                            (uint64_t)sqlite3_column_int64(st, 2));
        }
    }
    sqlite3_finalize(st);
    return rc;
}

int tk__reader_walk(struct tk__reader *r,
                    int (*each)(void *owner, int64_t rowid, uint8_t phase, uint64_t index),
                    void *owner, struct tk_err *reterr)
{
    struct walk w = { .each = each, .owner = owner, .last = INT64_MIN };
    int rc = walk(r, "SELECT rowid, phase, idx FROM requests WHERE rowid > ?1 ORDER BY rowid", &w);

    if (rc == SQLITE_CORRUPT) { /* what is behind the damage, from the other end */
        r->is_torn = true;
        w.is_down = true;
        rc = walk(r, "SELECT rowid, phase, idx FROM requests WHERE rowid > ?1 ORDER BY rowid DESC",
                  &w);
        rc = rc == SQLITE_CORRUPT ? SQLITE_DONE : rc;
    }
    if (w.rc < 0)
        return tk_err_set(reterr, w.rc, "no memory for the order of the records");
    return rc == SQLITE_DONE ? 0 : fail(r, "cannot read the run file", reterr);
}

static void read_segment_row(sqlite3_stmt *st, struct tk__segment_row *ret)
{
    const char *boot = (const char *)sqlite3_column_text(st, 0);

    *ret = (struct tk__segment_row){
        .process = { .pid = sqlite3_column_int64(st, 1), .started = sqlite3_column_int64(st, 2) },
        .span = { .begin_at = sqlite3_column_int64(st, 3),
                  .stop_at = sqlite3_column_int64(st, 4),
                  .end_at = sqlite3_column_int64(st, 5) },
        .last_at = TK_MAX(sqlite3_column_int64(st, 6), sqlite3_column_int64(st, 7)),
    };
    (void)snprintf(ret->process.boot, sizeof(ret->process.boot), "%s", boot ? boot : "");
}

int tk__reader_segment_rows(struct tk__reader *r,
                            int (*each)(void *owner, const struct tk__segment_row *row),
                            void *owner, struct tk_err *reterr)
{
    static const char text[] =
        "SELECT boot, process, process_started, begin_at, stop_at, end_at,"
        " (SELECT max(end_at) FROM requests r WHERE r.segment = s.number AND phase = 2),"
        " (SELECT max(at) FROM clock c WHERE c.segment = s.number)"
        " FROM segment s ORDER BY number";
    struct tk__segment_row row = { 0 };
    sqlite3_stmt *st = NULL;
    int rc_each = 0;

    if (!r->has_segments)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "the run file is of an older version of tokmark, which could not resume");
    int rc = sqlite3_prepare_v2(r->db, text, -1, &st, NULL);
    if (rc == SQLITE_OK) {
        while (rc_each == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
            read_segment_row(st, &row);
            rc_each = each(owner, &row);
        }
    }
    sqlite3_finalize(st);
    if (rc_each == -EBUSY)
        return tk_err_set(reterr, -EBUSY, "process %lld still writes to the run file",
                          (long long)row.process.pid);
    if (rc_each < 0)
        return rc_each;
    return rc == SQLITE_DONE ? 0 : fail(r, "cannot read the segments of the run file", reterr);
}

int tk__reader_ends(struct tk__reader *r, int (*each)(void *owner, const struct tk__end_row *row),
                    void *owner, struct tk_err *reterr)
{
    sqlite3_stmt *st = NULL;
    int rc_each = 0;
    int rc = sqlite3_prepare_v2(r->db, "SELECT idx, ended, resends FROM requests WHERE phase = ?1",
                                -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(st, 1, TK_PHASE_MEASURE);
    if (rc == SQLITE_OK) {
        while (rc_each == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
            struct tk__end_row row = {
                .index = (uint64_t)sqlite3_column_int64(st, 0),
                .end = (uint8_t)sqlite3_column_int(st, 1),
                .resends = (uint64_t)sqlite3_column_int64(st, 2),
            };
            rc_each = each(owner, &row);
        }
    }
    sqlite3_finalize(st);
    if (rc_each < 0)
        return tk_err_set(reterr, rc_each, "no memory for the requests of the run file");
    return rc == SQLITE_DONE ? 0 : fail(r, "cannot read the run file", reterr);
}

bool tk__reader_is_torn(const struct tk__reader *r)
{
    return r->is_torn;
}

int tk__reader_record(struct tk__reader *r, int64_t rowid, struct tk_record_view *ret,
                      struct tk_err *reterr)
{
    sqlite3_reset(r->by_row);
    sqlite3_bind_int64(r->by_row, 1, rowid);
    int rc = sqlite3_step(r->by_row);
    if (rc == SQLITE_DONE || rc == SQLITE_CORRUPT) {
        r->is_torn = true;
        return tk_err_set(reterr, TK_E_FORMAT, "row %lld of the run file is damaged",
                          (long long)rowid);
    }
    if (rc != SQLITE_ROW)
        return fail(r, "cannot read the run file", reterr);
    tk__rows_read(r->by_row, ret);
    return 0;
}
