/* run_resume.c - `--resume FILE`: the words, the plan and the rest of a run that was cut
 *
 * The plan and the bodies are made from words, as ever, and then compared with what the file says: a
 * data file that was edited, or an option that was given differently, must not end up in one result.
 *
 * The rest is a plan of its own. Requests that have not ended keep their numbers (struct tk_load_past)
 * and their order. The load goes on where its time stood: what was due before is due at once, the others
 * are due as long after the new start as they were due after the cut; a duration has so much less left.
 */
#include "cli/run_resume.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/jsondoc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "cli/run_opts.h"
#include "report/report.h"

#define MAX_WORDS 100000 /* a value of a list is a word */
#define MAX_PLAN_BYTES ((size_t)16 << 20)

/* --- words into the file --- */

static const char *const run_own[] = { "output",   "overwrite", "file",   "dry-run",
                                       "progress", "plain",     "resume", NULL };
const struct tk_resumable tk_run_resumable = {
    .command = &tk_run_command,
    .tool = "tokmark run",
    .own = run_own,
    .instead = "sim",
    .mark = ':',
};

static bool is_own(const struct tk_resumable *of, const char *option)
{
    size_t i = 0;

    while (of->own[i] && strcmp(option, of->own[i]) != 0)
        i++;
    return of->own[i] != NULL;
}

/* A header whose value must not be in a file. */
static bool is_secret_header(const struct tk_resumable *of, struct tk_str header)
{
    ptrdiff_t at = tk_str_find(header, of->mark);

    return at < 0 || tk_plan_is_secret(tk_str_trim((struct tk_str){ header.p, (size_t)at }));
}

/* Whether a part of the text would be masked. */
static bool has_secret(const char *text, int (*mask)(const char *text, struct tk_buf *out))
{
    struct tk_buf masked = TK_BUF_INIT((size_t)64 << 10);
    bool differs = mask(text, &masked) != 0 || strcmp(masked.p, text) != 0;

    tk_buf_release(&masked);
    return differs;
}

struct saying {
    const struct tk_resumable *of;
    struct tk_jsonw w;
};

static int put_word(void *owner, const struct tk_opt *o, const char *word)
{
    struct saying *s = owner;
    const char *value = strchr(word, '=');
    bool is_secret = o->is_secret && value && is_secret_header(s->of, tk_str_of(value + 1));

    if (value && o->mask)
        is_secret = has_secret(value + 1, o->mask);
    if (!is_own(s->of, o->name) && !is_secret)
        tk_jsonw_z(&s->w, word);
    return 0;
}

int tk_resumable_words(const struct tk_resumable *of, const void *values, const bool *is_given,
                       const struct tk_opt_list *args, struct tk_buf *out)
{
    struct saying s = { .of = of };

    tk_jsonw_init(&s.w, out, TK_JSONW_COMPACT);
    tk_jsonw_arr(&s.w);
    int rc = tk_opt_words(of->command, values, is_given, put_word, &s);
    for (size_t i = 0; i < args->n; i++) {
        if (!has_secret(args->v[i], tk_plan_mask_url))
            tk_jsonw_z(&s.w, args->v[i]);
    }
    tk_jsonw_arr_end(&s.w);
    return rc < 0 ? rc : out->failed;
}

static struct tk_load_conf first_of(const struct tk_load_conf *sent)
{
    return (struct tk_load_conf){ .bodies = sent->bodies, .n_bodies = 1 };
}

static void put_hash(const struct tk_load_conf *sent, char ret[TK_RUN_HASH_BYTES])
{
    (void)snprintf(ret, TK_RUN_HASH_BYTES, "%016llx", (unsigned long long)tk_load_hash(sent));
}

void tk_resumable_hash(const struct tk_load_conf *sent, char ret[TK_RUN_HASH_BYTES])
{
    struct tk_load_conf first = first_of(sent);

    put_hash(sent->supply ? &first : sent, ret);
}

/* Whether the file's hash is of what is sent; that of a load whose bodies were made beside it is of the first one. */
static bool is_sent(struct tk_str load_hash, const struct tk_load_conf *sent)
{
    struct tk_load_conf first = first_of(sent);
    char all[TK_RUN_HASH_BYTES], one[TK_RUN_HASH_BYTES];

    put_hash(sent, all);
    put_hash(&first, one);
    return tk_str_is(load_hash, all) || tk_str_is(load_hash, one);
}

/* --- words out of the file --- */

/* Whether `word` of the file is replaced by what is given now. */
static bool is_replaced(const struct tk_resumable *of, const char *word,
                        const struct tk_opt_result *given)
{
    const struct tk_opt_command *c = of->command;

    for (size_t i = 0; word[0] != '-' && i < c->n_opts; i++) {
        if (of->instead && given->is_given[i] && strcmp(c->opts[i].name, of->instead) == 0)
            return true;
    }
    if (word[0] != '-')
        return given->args.n > 0;
    for (size_t i = 0; i < c->n_opts; i++) {
        const char *name = c->opts[i].name;
        struct tk_str stem = { word + 2, strcspn(word + 2, "=") };
        if (tk_str_starts(stem, TK_STR("no-")) && !tk_str_eq(stem, tk_str_of(name)))
            stem = (struct tk_str){ stem.p + 3, stem.n - 3 };
        if (tk_str_eq(stem, tk_str_of(name)))
            return given->is_given[i];
    }
    return false;
}

/* Call `each` with every word; 0 or the first code that is not 0. */
static int each_word(struct tk_str words, int (*each)(void *owner, struct tk_str word), void *owner)
{
    struct tk_json_val v;
    struct tk_json_iter it;
    struct tk_jsondoc d;
    struct tk_str word;
    int rc = tk_jsondoc_init(&d, words);

    if (rc == 0)
        rc = tk_json_arr(&d.root, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &v)) > 0) {
        rc = tk_json_get_str(&v, &word);
        if (rc == 0)
            rc = each(owner, word);
    }
    tk_jsondoc_release(&d);
    return rc;
}

/* The option that is looked for, and its values so far. */
struct finding {
    struct tk_str start; /* "--slo=" */
    struct tk_buf values;
};

static int take_value(void *owner, struct tk_str word)
{
    struct finding *f = owner;

    if (!tk_str_starts(word, f->start))
        return 0;
    if (f->values.n > 0)
        tk_buf_add_c(&f->values, ',');
    return tk_buf_add(&f->values, word.p + f->start.n, word.n - f->start.n);
}

int tk_run_words_find(struct tk_str words, const char *option, struct tk_arena *arena,
                      const char **ret)
{
    struct tk_buf start = TK_BUF_INIT(256);
    struct finding f = { .values = TK_BUF_INIT(words.n + 1) };
    int rc = tk_buf_addf(&start, "--%s=", option);

    *ret = NULL;
    f.start = tk_buf_str(&start);
    if (rc == 0 && words.n > 0)
        rc = each_word(words, take_value, &f);
    if (rc == 0 && f.values.n > 0) {
        *ret = tk_arena_dup(arena, tk_buf_str(&f.values));
        rc = *ret ? 0 : -ENOMEM;
    }
    tk_buf_release(&start);
    tk_buf_release(&f.values);
    return rc;
}

struct adding {
    struct tk_resuming *r;
    const struct tk_resumable *of;
    const struct tk_opt_result *given;
    struct tk_err *err;
};

static int add_word(void *owner, struct tk_str word)
{
    const struct adding *a = owner;
    struct tk_resuming *r = a->r;
    struct tk_err *reterr = a->err;
    const char *copy = tk_arena_dup(&r->arena, word);

    if (!copy)
        return tk_err_set(reterr, -ENOMEM, "no memory for the words of the run");
    if (is_replaced(a->of, copy, a->given))
        return 0;
    if (r->argc == MAX_WORDS)
        return tk_err_set(reterr, TK_E_LIMIT, "the run has more than %d words", MAX_WORDS);
    r->argv[r->argc++] = (char *)(uintptr_t)copy; /* argv takes no const */
    return 0;
}

static int read_words(struct tk_resuming *r, const struct tk_resumable *of,
                      const struct tk_opt_result *given, struct tk_err *reterr)
{
    struct adding a = { .r = r, .of = of, .given = given, .err = reterr };
    int rc = each_word(r->from.words, add_word, &a);

    if (rc < 0 && (!reterr || reterr->code == 0))
        (void)tk_err_set(reterr, rc, "the words of the run cannot be read: %s", tk_err_text(rc));
    return rc;
}

/* The words of one command mean nothing to another. */
static int check_tool(struct tk_resuming *r, const struct tk_resumable *of, struct tk_err *reterr)
{
    struct tk_report_plan plan;
    int rc = tk_report_plan_read(r->from.plan, &r->arena, &plan);

    if (rc != 0)
        return tk_err_set(reterr, rc, "the plan of the run cannot be read: %s", tk_err_text(rc));
    if (plan.tool && strcmp(plan.tool, of->tool) != 0)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "it is a run of '%s', which goes on with it by its own --resume",
                          plan.tool);
    return 0;
}

int tk_resuming_open(struct tk_resuming *r, const struct tk_resumable *of, const char *path,
                     const struct tk_opt_result *given, int argc, char **argv,
                     struct tk_err *reterr)
{
    *r = (struct tk_resuming){ 0 };
    tk_arena_init(&r->arena, 0);
    int rc = tk_resume_read(path, &r->from, reterr);
    if (rc < 0)
        return rc;
    if (r->from.words.n == 0 || r->from.load_hash.n == 0)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "'%s' does not say what was sent: it is of another command, or of an "
                          "older version",
                          path);
    rc = check_tool(r, of, reterr);
    if (rc != 0)
        return rc;
    r->argv = tk_arena_alloc(&r->arena, (MAX_WORDS + (size_t)argc + 1) * sizeof(*r->argv));
    if (!r->argv)
        return tk_err_set(reterr, -ENOMEM, "no memory for the words of the run");
    r->argv[r->argc++] = argv[0];
    rc = read_words(r, of, given, reterr);
    for (int i = 1; rc == 0 && i < argc; i++)
        r->argv[r->argc++] = argv[i];
    r->argv[r->argc] = NULL;
    r->is_whole = r->from.is_finished && !r->from.was_stopped;
    return rc;
}

void tk_resuming_release(struct tk_resuming *r)
{
    tk_resume_release(&r->from);
    tk_arena_release(&r->arena);
    *r = (struct tk_resuming){ 0 };
}

/* --- the same run? --- */

int tk_resuming_compare(const struct tk_resuming *r, const struct tk_load_conf *sent,
                        bool leaves_server_out, struct tk_err *reterr)
{
    struct tk_buf plan = TK_BUF_INIT(MAX_PLAN_BYTES);
    int rc = tk_plan_to_json(sent->plan, &plan);

    if (rc == 0)
        rc = tk_resume_compare(r->from.plan, tk_buf_str(&plan), leaves_server_out, reterr);
    else
        (void)tk_err_set(reterr, rc, "no memory for the plan");
    tk_buf_release(&plan);
    if (rc < 0)
        return rc;
    if (!is_sent(r->from.load_hash, sent))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "the requests are others now: the data ('%s') or what goes into every "
                          "body has changed",
                          sent->plan->data);
    return 0;
}

/* --- the rest --- */

static uint64_t whole_index(const struct tk_load_past *past, uint64_t i)
{
    return i < past->n_todo ? past->todo[i] : past->next + (i - past->n_todo);
}

static int shift_schedule(struct tk_resuming *r, struct tk_plan_phase *p, struct tk_err *reterr)
{
    uint64_t n = p->n_requests;
    tk_ns *due = tk_arena_alloc(&r->arena, (n + 1) * sizeof(*due));

    if (!due)
        return tk_err_set(reterr, -ENOMEM, "no memory for the schedule");
    for (uint64_t i = 0; i < n; i++)
        due[i] = TK_MAX(p->due_offset[whole_index(&r->past, i)] - r->past.at, 0);
    p->due_offset = due;
    p->n_due = n;
    return 0;
}

static int shift_permits(struct tk_resuming *r, struct tk_plan_phase *p, struct tk_err *reterr)
{
    size_t n = p->n_permit_steps, first = 0;
    struct tk_permit_step *steps = tk_arena_alloc(&r->arena, n * sizeof(*steps));

    if (!steps)
        return tk_err_set(reterr, -ENOMEM, "no memory for the steps of the load");
    while (first + 1 < n && p->permit_steps[first + 1].at <= r->past.at)
        first++;
    for (size_t i = first; i < n; i++) {
        steps[i - first] = p->permit_steps[i];
        steps[i - first].at = TK_MAX(p->permit_steps[i].at - r->past.at, 0);
    }
    p->permit_steps = steps;
    p->n_permit_steps = n - first;
    return 0;
}

/* How many are left by count; UINT64_MAX: there is no bound. */
static uint64_t count_left(const struct tk_resuming *r, const struct tk_plan_phase *p)
{
    uint64_t n = p->n_requests;

    if (p->duration > 0 && r->past.at >= p->duration)
        return 0;
    return n == 0 ? UINT64_MAX : r->past.n_todo + (n - r->past.next);
}

static void leave_out_load(struct tk_plan *plan)
{
    for (size_t i = 0; i < TK_PHASE_N_; i++) {
        plan->phase[i].n_requests = plan->phase[i].n_due = 0;
        plan->phase[i].duration = 0;
        plan->phase[i].due_offset = NULL;
    }
}

int tk_resuming_apply(struct tk_resuming *r, struct tk_plan *plan, struct tk_err *reterr)
{
    struct tk_plan_phase *p = &plan->phase[TK_PHASE_MEASURE];
    int rc = 0;

    if (p->n_requests > 0 && r->from.next > p->n_requests)
        return tk_err_set(reterr, TK_E_FORMAT,
                          "the run file has request %llu, and the plan only %llu",
                          (unsigned long long)r->from.next - 1, (unsigned long long)p->n_requests);
    r->planned = p->n_requests;
    r->past = (struct tk_load_past){
        .todo = r->from.todo,
        .n_todo = r->from.n_todo,
        .next = r->from.next,
        .at = r->from.past,
        .due = p->due_offset,
    };
    uint64_t left = count_left(r, p);
    r->has_rest = left > 0;
    if (!r->has_rest) {
        leave_out_load(plan);
        return 0;
    }
    p->n_requests = left == UINT64_MAX ? 0 : left;
    p->duration -= p->duration > 0 ? r->past.at : 0;
    if (p->due_offset)
        rc = shift_schedule(r, p, reterr);
    if (rc == 0 && p->n_permit_steps > 0)
        rc = shift_permits(r, p, reterr);
    return rc;
}
