/* resume.c - what of a run has ended, and what is left of it
 *
 *   rows of the measured load --> indices that have ended, sorted --> the gaps in them: to do
 *                                                                 \-> one past the last: next
 */
#include "run/resume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "run/runfile.h"

/* Rows under way. */
struct scan {
    struct tk_resume *r;
    uint64_t *ended; /* owned */
    size_t n, cap;
};

static int add_end(void *owner, const struct tk__end_row *row)
{
    struct scan *s = owner;

    if (row->end == TK_END_CANCELLED)
        return 0;
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 1024;
        uint64_t *more = reallocarray(s->ended, cap, sizeof(*more));
        if (!more)
            return -ENOMEM;
        s->ended = more;
        s->cap = cap;
    }
    s->ended[s->n++] = row->index;
    s->r->n_ended++;
    s->r->n_succeeded += row->end == TK_END_OK;
    s->r->n_cancelled_by_plan += row->end == TK_END_CANCELLED_BY_PLAN;
    s->r->n_resends += row->resends;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* The numbers that are missing among the sorted ones. */
static int find_todo(struct scan *s, struct tk_err *reterr)
{
    struct tk_resume *r = s->r;

    if (s->n > 1)
        qsort(s->ended, s->n, sizeof(*s->ended), compare);
    for (size_t i = 1; i < s->n; i++) {
        if (s->ended[i] == s->ended[i - 1])
            return tk_err_set(reterr, TK_E_FORMAT, "the run file has request %llu twice",
                              (unsigned long long)s->ended[i]);
    }
    r->next = s->n > 0 ? s->ended[s->n - 1] + 1 : 0;
    if (r->next - s->n > TK_RESUME_MAX_TODO)
        return tk_err_set(reterr, TK_E_LIMIT, "the run file lacks more than %llu requests",
                          (unsigned long long)TK_RESUME_MAX_TODO);
    size_t n_todo = (size_t)(r->next - s->n);
    r->todo = tk_arena_alloc(&r->arena, (n_todo + 1) * sizeof(*r->todo));
    if (!r->todo)
        return tk_err_set(reterr, -ENOMEM, "no memory for what is left of the run");
    uint64_t index = 0;
    for (size_t i = 0; i < s->n; i++, index++) {
        for (; index < s->ended[i]; index++)
            r->todo[r->n_todo++] = index;
    }
    return 0;
}

/* How long the load went on in each segment, by its own clock: to its stop, to its end, or, where it was
 * cut, to the last that is known of it. */
static int add_past(void *owner, const struct tk__segment_row *row)
{
    struct tk_resume *r = owner;
    tk_ns until = row->span.end_at ? row->span.end_at : row->last_at;

    if (row->span.stop_at)
        until = row->span.stop_at;
    if (row->span.begin_at && until > row->span.begin_at)
        r->past += until - row->span.begin_at;
    r->was_stopped = row->span.stop_at != 0; /* of the last one */
    return tk__process_lives(&row->process) ? -EBUSY : 0;
}

static int read_facts(struct tk_resume *r, struct tk__reader *reader, struct tk_err *reterr)
{
    struct tk_str state;
    const struct {
        const char *name;
        struct tk_str *ret;
    } facts[] = {
        { "plan", &r->plan },
        { "words", &r->words },
        { "load_hash", &r->load_hash },
        { "state", &state },
    };
    int rc = 0;

    for (size_t i = 0; i < TK_ARRAY_LEN(facts) && rc == 0; i++)
        rc = tk__reader_fact(reader, facts[i].name, &r->arena, facts[i].ret, reterr);
    r->is_finished = rc == 0 && tk_str_is(state, "finished");
    return rc;
}

static int read_segments(struct tk_resume *r, struct tk__reader *reader, struct tk_err *reterr)
{
    r->segments = tk_arena_alloc(&r->arena, TK_SEGMENTS_MAX * sizeof(*r->segments));
    if (!r->segments)
        return tk_err_set(reterr, -ENOMEM, "no memory for the segments of the run");
    int64_t n = tk__reader_segments(reader, r->segments, TK_SEGMENTS_MAX, reterr);
    if (n < 0)
        return (int)n;
    if (n == 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the run file has no segment");
    if (n == TK_SEGMENTS_MAX)
        return tk_err_set(reterr, TK_E_LIMIT, "the run was resumed %d times", TK_SEGMENTS_MAX);
    r->n_segments = (size_t)n;
    tk__segments_line_up(r->segments, r->n_segments);
    return 0;
}

static int read_all(struct tk_resume *r, struct tk__reader *reader, struct tk_err *reterr)
{
    struct scan s = { .r = r };
    int rc = read_facts(r, reader, reterr);

    if (rc == 0)
        rc = tk__reader_segment_rows(reader, add_past, r, reterr);
    if (rc == 0)
        rc = read_segments(r, reader, reterr);
    if (rc == 0)
        rc = tk__reader_ends(reader, add_end, &s, reterr);
    if (rc == 0)
        rc = find_todo(&s, reterr);
    free(s.ended);
    if (rc == 0 && tk__reader_is_torn(reader))
        rc = tk_err_set(reterr, TK_E_FORMAT,
                        "the run file is damaged: it can be reported, but not gone on with");
    return rc;
}

int tk_resume_read(const char *path, struct tk_resume *ret, struct tk_err *reterr)
{
    struct tk__reader *reader = NULL;

    *ret = (struct tk_resume){ 0 };
    tk_arena_init(&ret->arena, 0);
    int rc = tk__reader_new(path, &reader, reterr);
    if (rc == 0)
        rc = read_all(ret, reader, reterr);
    tk__reader_free(reader);
    return rc;
}

void tk_resume_release(struct tk_resume *r)
{
    tk_arena_release(&r->arena);
    *r = (struct tk_resume){ 0 };
    tk_arena_init(&r->arena, 0);
}
