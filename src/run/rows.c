/* rows.c - a record as a row: one column per field, by one table
 *
 * The table `columns` says for each field of struct tk_record what the column is called, where the
 * field is and how "did not happen" is written, and serves CREATE, INSERT, SELECT, binding and reading.
 * What did not happen or is not known is NULL in the file, so that sums and differences in SQL come out
 * right; in memory it is 0 for instants and -1 for counts.
 *
 * phase and idx come first, because a reader looks at them alone in every row to find the order.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "run/runfile.h"

enum kind {
    PLAIN,   /* unsigned, as it is */
    SIGNED,  /* signed, as it is */
    INSTANT, /* NULL is 0 */
    COUNT,   /* NULL is -1 */
};

struct column {
    const char *name;
    uint16_t offset; /* of the field */
    uint8_t bytes;   /* its size */
    uint8_t kind;    /* enum kind */
};

#define FIELD(column, field, kind)                                                                 \
    {                                                                                              \
        column, offsetof(struct tk_record, field), sizeof(((struct tk_record *)NULL)->field), kind \
    }
#define SAME(field, kind) FIELD(#field, field, kind)

/* Order and names are the format: append only. */
static const struct column columns[] = {
    SAME(phase, PLAIN),
    FIELD("idx", index, PLAIN),
    SAME(item, PLAIN),
    SAME(worker, PLAIN),
    FIELD("ended", end, PLAIN),
    SAME(finish, PLAIN),
    SAME(count_source, PLAIN),
    SAME(flags, PLAIN),
    SAME(status, SIGNED),
    SAME(code, SIGNED),
    SAME(due_at, INSTANT),
    SAME(released_at, INSTANT),
    SAME(connect_begin_at, INSTANT),
    SAME(connected_at, INSTANT),
    SAME(tls_done_at, INSTANT),
    SAME(sent_first_at, INSTANT),
    SAME(sent_last_at, INSTANT),
    SAME(first_byte_at, INSTANT),
    SAME(head_at, INSTANT),
    SAME(first_event_at, INSTANT),
    SAME(first_token_at, INSTANT),
    SAME(first_answer_at, INSTANT),
    SAME(last_token_at, INSTANT),
    SAME(finish_at, INSTANT),
    SAME(last_byte_at, INSTANT),
    SAME(end_at, INSTANT),
    SAME(conn_id, PLAIN),
    SAME(resends, PLAIN),
    SAME(n_reads, PLAIN),
    SAME(n_events, PLAIN),
    SAME(n_token_events, PLAIN),
    SAME(bytes_out, PLAIN),
    SAME(bytes_in, PLAIN),
    SAME(prompt_tokens, COUNT),
    SAME(output_tokens, COUNT),
    SAME(reasoning_tokens, COUNT),
    SAME(cached_tokens, COUNT),
    SAME(asked_prompt_tokens, COUNT),
    SAME(asked_output_tokens, COUNT),
    SAME(trace_base_at, INSTANT),
    SAME(stage, PLAIN),
    SAME(segment, PLAIN),
};

enum {
    N_COLUMNS = TK_ARRAY_LEN(columns),
    AT_DETAIL = N_COLUMNS, /* the columns that are not numbers, behind the others */
    AT_TRACE,
    AT_TEXT,
    AT_REASONING,
    N_ALL,
};
static const char *const byte_columns[] = { "detail", "trace", "text", "reasoning" };
static const char *const byte_types[] = { " TEXT", " BLOB", " TEXT", " TEXT" };

/* Milliseconds for people, by the definitions of docs/glossary.md; from the row alone, so without the
 * corrections that a step of the wall clock needs. */
static const char schema[] =
    "CREATE TABLE run(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE clock(worker INTEGER, at INTEGER, wall_offset INTEGER, error INTEGER,"
    " is_step INTEGER, from_at INTEGER, segment INTEGER);"
    "CREATE TABLE segment(number INTEGER PRIMARY KEY, started_wall INTEGER, started_mono INTEGER,"
    " boot TEXT, process INTEGER, process_started INTEGER, host TEXT, begin_wall INTEGER,"
    " begin_at INTEGER, stop_at INTEGER, end_at INTEGER);"
    "CREATE TABLE word(kind TEXT, number INTEGER, word TEXT, text TEXT,"
    " PRIMARY KEY(kind, number)) WITHOUT ROWID;"
    "CREATE VIEW requests_ms AS SELECT r.idx,"
    " (SELECT word FROM word WHERE kind = 'phase' AND number = r.phase) AS phase,"
    " (SELECT word FROM word WHERE kind = 'end' AND number = r.ended) AS ended,"
    " r.status,"
    " (r.due_at - (SELECT started_mono FROM segment WHERE number = r.segment)) / 1e6 AS due_ms,"
    " (r.released_at - r.due_at) / 1e6 AS wait_ms,"
    " (r.sent_first_at - r.released_at) / 1e6 AS send_delay_ms,"
    " (r.connected_at - r.connect_begin_at) / 1e6 AS connect_ms,"
    " (r.tls_done_at - r.connected_at) / 1e6 AS tls_ms,"
    " (r.first_byte_at - r.sent_first_at) / 1e6 AS ttfb_ms,"
    " CASE WHEN r.flags & 4 THEN (r.first_token_at - r.sent_first_at) / 1e6 END AS ttft_ms,"
    " CASE WHEN r.flags & 4 THEN (r.first_token_at - r.due_at) / 1e6 END AS ttft_due_ms,"
    " CASE WHEN r.flags & 4 THEN (r.first_answer_at - r.sent_first_at) / 1e6 END AS ttat_ms,"
    " CASE WHEN r.flags & 4 AND r.output_tokens > 1 THEN"
    " (r.last_token_at - r.first_token_at) / 1e6 / (r.output_tokens - 1) END AS tpot_ms,"
    " (CASE WHEN r.flags & 4 THEN max(coalesce(r.last_token_at, r.finish_at),"
    " coalesce(r.finish_at, r.last_token_at)) ELSE r.last_byte_at END - r.sent_first_at) / 1e6"
    " AS e2el_ms,"
    " (r.last_byte_at - r.sent_first_at) / 1e6 AS total_ms,"
    " (r.last_byte_at - r.due_at) / 1e6 AS total_due_ms,"
    " r.prompt_tokens, r.output_tokens, r.n_token_events, r.n_events, r.n_reads, r.bytes_in,"
    " r.resends, r.detail, nullif(r.stage, 0) AS stage FROM requests r;";

const char *tk__rows_schema(void)
{
    return schema;
}

static const char *name_of(unsigned i)
{
    return i < N_COLUMNS ? columns[i].name : byte_columns[i - N_COLUMNS];
}

static const char *type_of(unsigned i)
{
    return i < N_COLUMNS ? " INTEGER" : byte_types[i - N_COLUMNS];
}

char *tk__rows_create(void)
{
    struct tk_buf b = TK_BUF_INIT(16384);

    for (unsigned i = 0; i < N_ALL; i++)
        tk_buf_addf(&b, "%s%s%s", i > 0 ? ", " : "CREATE TABLE requests(", name_of(i), type_of(i));
    tk_buf_add_z(&b, ");");
    if (b.failed)
        tk_buf_release(&b);
    return b.p;
}

/* By name: a file that another version began may have its columns in another order. */
char *tk__rows_insert(void)
{
    struct tk_buf b = TK_BUF_INIT(16384);

    for (unsigned i = 0; i < N_ALL; i++)
        tk_buf_addf(&b, "%s%s", i > 0 ? ", " : "INSERT INTO requests(", name_of(i));
    for (unsigned i = 0; i < N_ALL; i++)
        tk_buf_add_z(&b, i > 0 ? ", ?" : ") VALUES(?");
    tk_buf_add_z(&b, ")");
    if (b.failed)
        tk_buf_release(&b);
    return b.p;
}

bool tk__rows_has(struct sqlite3 *db, const char *column)
{
    return sqlite3_table_column_metadata(db, NULL, "requests", column, NULL, NULL, NULL, NULL,
                                         NULL) == SQLITE_OK;
}

char *tk__rows_add_missing(struct sqlite3 *db)
{
    struct tk_buf b = TK_BUF_INIT(16384);

    tk_buf_add_z(&b, " "); /* none is missing: nothing to do, and no failure */
    for (unsigned i = 0; i < N_ALL; i++) {
        if (!tk__rows_has(db, name_of(i)))
            tk_buf_addf(&b, "ALTER TABLE requests ADD COLUMN %s%s;", name_of(i), type_of(i));
    }
    if (b.failed)
        tk_buf_release(&b);
    return b.p;
}

/* What an older program did not write is NULL. */
char *tk__rows_select(struct sqlite3 *db)
{
    struct tk_buf b = TK_BUF_INIT(16384);

    tk_buf_add_z(&b, "SELECT ");
    for (unsigned i = 0; i < N_ALL; i++) {
        tk_buf_add_z(&b, i > 0 ? ", " : "");
        tk_buf_add_z(&b, tk__rows_has(db, name_of(i)) ? name_of(i) : "NULL");
    }
    tk_buf_add_z(&b, " FROM requests WHERE rowid = ?1");
    if (b.failed)
        tk_buf_release(&b);
    return b.p;
}

static int64_t field(const struct tk_record *r, const struct column *c)
{
    const char *p = (const char *)r + c->offset;
    int64_t v64;
    uint32_t v32;
    uint16_t v16;

    switch (c->bytes) {
    case sizeof(v64):
        memcpy(&v64, p, sizeof(v64));
        return v64;
    case sizeof(v32):
        memcpy(&v32, p, sizeof(v32));
        return c->kind == SIGNED ? (int64_t)(int32_t)v32 : (int64_t)v32;
    case sizeof(v16):
        memcpy(&v16, p, sizeof(v16));
        return v16;
    default:
        return *(const uint8_t *)p;
    }
}

static void set_field(struct tk_record *r, const struct column *c, int64_t value)
{
    char *p = (char *)r + c->offset;
    uint32_t v32 = (uint32_t)value;
    uint16_t v16 = (uint16_t)value;

    switch (c->bytes) {
    case sizeof(value):
        memcpy(p, &value, sizeof(value));
        break;
    case sizeof(v32):
        memcpy(p, &v32, sizeof(v32));
        break;
    case sizeof(v16):
        memcpy(p, &v16, sizeof(v16));
        break;
    default:
        *(uint8_t *)p = (uint8_t)value;
    }
}

static bool is_null(const struct column *c, int64_t value)
{
    return (c->kind == INSTANT && value == 0) || (c->kind == COUNT && value < 0);
}

static int bind_text(sqlite3_stmt *st, int at, struct tk_str s)
{
    if (s.n == 0)
        return sqlite3_bind_null(st, at);
    return sqlite3_bind_text64(st, at, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
}

int tk__rows_bind(struct sqlite3_stmt *insert, const struct tk_record_view *v)
{
    int rc = SQLITE_OK;

    for (int i = 0; i < N_COLUMNS && rc == SQLITE_OK; i++) {
        int64_t value = field(&v->rec, &columns[i]);
        rc = is_null(&columns[i], value) ? sqlite3_bind_null(insert, i + 1)
                                         : sqlite3_bind_int64(insert, i + 1, value);
    }
    struct tk_str detail = { v->rec.detail, strnlen(v->rec.detail, sizeof(v->rec.detail)) };
    if (rc == SQLITE_OK)
        rc = bind_text(insert, AT_DETAIL + 1, detail);
    if (rc == SQLITE_OK)
        rc = v->trace.n == 0
                 ? sqlite3_bind_null(insert, AT_TRACE + 1)
                 : sqlite3_bind_blob64(insert, AT_TRACE + 1, v->trace.p, v->trace.n, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = bind_text(insert, AT_TEXT + 1, v->text);
    return rc == SQLITE_OK ? bind_text(insert, AT_REASONING + 1, v->reasoning) : rc;
}

void tk__rows_shift(struct tk_record *r, tk_ns shift)
{
    for (int i = 0; shift != 0 && i < N_COLUMNS; i++) {
        int64_t value = field(r, &columns[i]);
        if (columns[i].kind == INSTANT && value != 0)
            set_field(r, &columns[i], value + shift);
    }
}

/* A text or blob column; taken as it is stored, so that no conversion moves it. */
static struct tk_str bytes_at(sqlite3_stmt *st, int at)
{
    const char *p = sqlite3_column_blob(st, at);
    int n = sqlite3_column_bytes(st, at);
    return (struct tk_str){ p, p && n > 0 ? (size_t)n : 0 };
}

void tk__rows_read(struct sqlite3_stmt *select, struct tk_record_view *ret)
{
    *ret = (struct tk_record_view){ 0 };
    for (int i = 0; i < N_COLUMNS; i++) {
        int64_t value = sqlite3_column_int64(select, i);
        if (columns[i].kind == COUNT && sqlite3_column_type(select, i) == SQLITE_NULL)
            value = -1;
        if (columns[i].kind == INSTANT)
            value = tk_instant_of(value);
        set_field(&ret->rec, &columns[i], value);
    }
    struct tk_str detail = bytes_at(select, AT_DETAIL);
    size_t n = TK_MIN(detail.n, sizeof(ret->rec.detail) - 1);
    if (n > 0)
        memcpy(ret->rec.detail, detail.p, n);
    ret->trace = bytes_at(select, AT_TRACE);
    ret->text = bytes_at(select, AT_TEXT);
    ret->reasoning = bytes_at(select, AT_REASONING);
}
