/* records.c - records in the order of (phase, index), from a file, from memory, or from both
 *
 *   rows of the file   \
 *                       >  order[]: phase, index, where it is   --sorted-->  next, next, …
 *   records in memory  /
 *
 * Finding the order costs one walk over the file's rows (two columns) and 32 bytes each; rows are
 * almost in order already, so fetching them afterwards reads the file from front to back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
    struct tk_clock_steps steps;
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
    if (from->steps)
        r->steps = *from->steps;

    if (r->reader)
        rc = tk__reader_walk(r->reader, add_row, r, reterr);
    for (unsigned i = 0; i < TK_ARRAY_LEN(from->memory) && rc == 0; i++) {
        rc = add_memory(r, from->memory[i]);
        if (rc < 0)
            tk_err_set(reterr, rc, "no memory for the order of the records");
    }
    if (rc < 0) {
        tk_records_free(r);
        return rc;
    }
    if (r->n > 1)
        qsort(r->order, r->n, sizeof(*r->order), compare);
    *ret = r;
    return 0;
}

static int read_facts(struct tk_records *r, struct tk_err *reterr)
{
    struct tk_str state;
    int rc = tk__reader_fact(r->reader, "plan", &r->arena, &r->plan, reterr);
    if (rc == 0)
        rc = tk__reader_fact(r->reader, "host", &r->arena, &r->host, reterr);
    if (rc == 0)
        rc = tk__reader_fact(r->reader, "state", &r->arena, &state, reterr);
    if (rc == 0)
        r->is_finished = state.n == strlen("finished") && memcmp(state.p, "finished", state.n) == 0;
    return rc;
}

int tk_runfile_open(const char *path, struct tk_records **ret, struct tk_err *reterr)
{
    struct tk__records_from from = { 0 };
    struct tk_clock_steps steps;
    struct tk_records *r = NULL;

    int rc = tk__reader_new(path, &from.reader, reterr);
    if (rc < 0)
        return rc;
    rc = tk__reader_steps(from.reader, &steps, reterr);
    if (rc < 0) {
        tk__reader_free(from.reader);
        return rc;
    }
    from.steps = &steps;
    rc = tk__records_new(&from, &r, reterr);
    if (rc == 0)
        rc = read_facts(r, reterr);
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

int tk_records_next(struct tk_records *r, struct tk_record_view *ret, struct tk_err *reterr)
{
    while (r->at < r->n) {
        const struct place *p = &r->order[r->at++];
        if (p->stored) {
            tk__stored_read(p->stored, ret);
            return 1;
        }
        int rc = tk__reader_record(r->reader, p->rowid, ret, reterr);
        if (rc == 0)
            return 1;
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
    free(r);
    return NULL;
}
