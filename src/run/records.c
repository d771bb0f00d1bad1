/* records.c - records in the order of (phase, index), from a file, from memory, or from both
 *
 *   rows of the file   \
 *                       >  order[]: phase, index, where it is   --sorted-->  next, next, …
 *   records in memory  /
 *
 * Finding the order costs one walk over the file's rows (two columns) and 32 bytes each; rows are
 * almost in order already, so fetching them afterwards reads the file from front to back.
 *
 * Records, traces and steps of the clock of later segments are moved here, so that nobody above has to
 * know that a run was resumed (segment.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "run/runfile.h"
#include "run/sink.h"

struct place {
    uint64_t index;
    const struct tk__stored *stored; /* NULL: a row of the file */
    int64_t rowid;
    uint8_t phase;
};

struct tk_records {
    struct tk__reader *reader; /* may be NULL; owned */
    struct tk_arena arena;     /* facts read from the file */
    struct place *order;       /* owned */
    size_t n, cap;             /* places in use and allocated */
    size_t at;                 /* the next one */
    const struct tk__fact *facts;
    struct tk_str plan, host;
    struct tk_clock_steps steps; /* on the line of time that all segments share */
    struct tk_segment *segments; /* at least one; owned */
    size_t n_segments;
    bool is_finished;
};

void tk__steps_add(struct tk_clock_steps *s, tk_ns from_at, tk_ns to_at)
{
    unsigned max = TK_ARRAY_LEN(s->v);

    for (unsigned i = 0; i < s->n; i++) {
        bool touches = from_at <= s->v[i].to_at && to_at >= s->v[i].from_at;
        if (touches || i + 1 == max) {
            s->v[i].from_at = TK_MIN(s->v[i].from_at, from_at);
            s->v[i].to_at = TK_MAX(s->v[i].to_at, to_at);
            return;
        }
    }
    s->v[s->n].from_at = from_at;
    s->v[s->n++].to_at = to_at;
}

static struct place *new_place(struct tk_records *r)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 1024;
        struct place *order = reallocarray(r->order, cap, sizeof(*order));
        if (!order)
            return NULL;
        r->order = order;
        r->cap = cap;
    }
    return &r->order[r->n++];
}

static int add_row(void *owner, int64_t rowid, uint8_t phase, uint64_t index)
{
    struct place *p = new_place(owner);
    if (!p)
        return -ENOMEM;
    *p = (struct place){ .index = index, .rowid = rowid, .phase = phase };
    return 0;
}

static int add_memory(struct tk_records *r, const struct tk__stored *list)
{
    struct tk_record_view v;
    for (; list; list = tk__stored_next(list)) {
        struct place *p = new_place(r);
        if (!p)
            return -ENOMEM;
        tk__stored_read(list, &v);
        *p = (struct place){ .index = v.rec.index, .stored = list, .phase = v.rec.phase };
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->phase != y->phase)
        return x->phase < y->phase ? -1 : 1;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return (x->rowid > y->rowid) - (x->rowid < y->rowid);
}

/* --- segments --- */

static tk_ns shift_of(const struct tk_records *r, uint32_t segment)
{
    for (size_t i = 0; i < r->n_segments; i++) {
        if (r->segments[i].number == segment)
            return r->segments[i].shift;
    }
    return 0;
}

/* What the sink knows of the latest segment goes before what is in the file. */
static void use_span(struct tk_segment *s, const struct tk_segment_span *span)
{
    s->begin_at = span->begin_at ? span->begin_at : s->begin_at;
    s->end_at = span->end_at ? span->end_at : s->end_at;
    s->wall_begin = span->wall_begin ? span->wall_begin : s->wall_begin;
}

static int find_segments(struct tk_records *r, const struct tk__records_from *from,
                         struct tk_err *reterr)
{
    int64_t n = 0;

    r->segments = calloc(TK_SEGMENTS_MAX, sizeof(*r->segments));
    if (!r->segments)
        return tk_err_set(reterr, -ENOMEM, "no memory for the segments of the run");
    if (r->reader)
        n = tk__reader_segments(r->reader, r->segments, TK_SEGMENTS_MAX, reterr);
    if (n < 0)
        return (int)n;
    if (n == 0) /* in memory alone, or of an older program */
        r->segments[n++].number = TK_MAX(from->segment, 1);
    r->n_segments = (size_t)n;
    for (int64_t i = 0; i < n; i++) {
        if (from->segment && r->segments[i].number == from->segment)
            use_span(&r->segments[i], from->span);
    }
    tk__segments_line_up(r->segments, r->n_segments);
    return 0;
}

static int add_step(void *owner, uint32_t segment, tk_ns from_at, tk_ns at)
{
    struct tk_records *r = owner;
    tk_ns shift = shift_of(r, segment);

    tk__steps_add(&r->steps, from_at + shift, at + shift);
    return 0;
}

static int find_steps(struct tk_records *r, const struct tk__records_from *from,
                      struct tk_err *reterr)
{
    int rc = r->reader ? tk__reader_steps(r->reader, add_step, r, reterr) : 0;

    for (unsigned i = 0; rc == 0 && from->steps && i < from->steps->n; i++)
        rc = add_step(r, from->segment, from->steps->v[i].from_at, from->steps->v[i].to_at);
    return rc;
}

/* --- life --- */

static int find_order(struct tk_records *r, const struct tk__records_from *from,
                      struct tk_err *reterr)
{
    int rc = r->reader ? tk__reader_walk(r->reader, add_row, r, reterr) : 0;

    for (unsigned i = 0; i < TK_ARRAY_LEN(from->memory) && rc == 0; i++) {
        rc = add_memory(r, from->memory[i]);
        if (rc < 0)
            tk_err_set(reterr, rc, "no memory for the order of the records");
    }
    if (rc == 0 && r->n > 1)
        qsort(r->order, r->n, sizeof(*r->order), compare);
    return rc;
}

/* Of a file: its plan, its host. */
static int read_facts(struct tk_records *r, struct tk_err *reterr)
{
    int rc = tk__reader_fact(r->reader, "plan", &r->arena, &r->plan, reterr);
    return rc == 0 ? tk__reader_fact(r->reader, "host", &r->arena, &r->host, reterr) : rc;
}

int tk__records_new(const struct tk__records_from *from, struct tk_records **ret,
                    struct tk_err *reterr)
{
    int rc = 0;
    struct tk_records *r = calloc(1, sizeof(*r));

    if (!r) {
        tk__reader_free(from->reader);
        tk_err_set(reterr, -ENOMEM, "no memory for the records");
        return -ENOMEM;
    }
    r->reader = from->reader;
    r->facts = from->facts;
    r->plan = from->plan;
    r->host = from->host;
    r->is_finished = from->is_finished;
    tk_arena_init(&r->arena, 0);

    rc = find_segments(r, from, reterr);
    if (rc == 0)
        rc = find_steps(r, from, reterr);
    if (rc == 0)
        rc = find_order(r, from, reterr);
    if (rc == 0 && r->reader && !from->plan.p)
        rc = read_facts(r, reterr);
    if (rc < 0) {
        tk_records_free(r);
        return rc;
    }
    *ret = r;
    return 0;
}

static int read_state(struct tk_records *r, struct tk_err *reterr)
{
    struct tk_str state;
    int rc = tk__reader_fact(r->reader, "state", &r->arena, &state, reterr);

    r->is_finished = rc == 0 && tk_str_is(state, "finished");
    return rc;
}

int tk_runfile_open(const char *path, struct tk_records **ret, struct tk_err *reterr)
{
    struct tk__records_from from = { 0 };
    struct tk_records *r = NULL;
    int rc = tk__reader_new(path, &from.reader, reterr);

    if (rc < 0)
        return rc;
    rc = tk__records_new(&from, &r, reterr);
    if (rc == 0)
        rc = read_state(r, reterr);
    if (rc < 0) {
        tk_records_free(r);
        return rc;
    }
    *ret = r;
    return 0;
}

struct tk_str tk_records_plan(const struct tk_records *r)
{
    return r->plan;
}

struct tk_str tk_records_host(const struct tk_records *r)
{
    return r->host;
}

struct tk_str tk_records_fact(struct tk_records *r, const char *name)
{
    struct tk_str value = { NULL, 0 };
    for (const struct tk__fact *f = r->facts; f; f = f->next) {
        if (strcmp(f->name, name) == 0)
            return f->value;
    }
    if (r->reader)
        tk__reader_fact(r->reader, name, &r->arena, &value, NULL);
    return value;
}

bool tk_records_is_finished(const struct tk_records *r)
{
    return r->is_finished;
}

const struct tk_clock_steps *tk_records_steps(const struct tk_records *r)
{
    return &r->steps;
}

size_t tk_records_count(const struct tk_records *r)
{
    return r->n;
}

const struct tk_segment *tk_records_segments(const struct tk_records *r, size_t *ret_n)
{
    *ret_n = r->n_segments;
    return r->segments;
}

/* The record on the line of time. */
static void shift(const struct tk_records *r, struct tk_record_view *v)
{
    v->shift = shift_of(r, v->rec.segment);
    tk__rows_shift(&v->rec, v->shift);
}

int tk_records_next(struct tk_records *r, struct tk_record_view *ret, struct tk_err *reterr)
{
    while (r->at < r->n) {
        const struct place *p = &r->order[r->at++];
        if (p->stored) {
            tk__stored_read(p->stored, ret);
            shift(r, ret);
            return 1;
        }
        int rc = tk__reader_record(r->reader, p->rowid, ret, reterr);
        if (rc == 0) {
            shift(r, ret);
            return 1;
        }
        if (rc != TK_E_FORMAT)
            return rc;
    }
    return 0;
}

bool tk_records_is_damaged(const struct tk_records *r)
{
    return r->reader && tk__reader_is_torn(r->reader);
}

void tk_records_rewind(struct tk_records *r)
{
    r->at = 0;
}

struct tk_records *tk_records_free(struct tk_records *r)
{
    if (!r)
        return NULL;
    tk__reader_free(r->reader);
    tk_arena_release(&r->arena);
    free(r->order);
    free(r->segments);
    free(r);
    return NULL;
}
