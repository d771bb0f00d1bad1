/* result.c - from records to the result on standard output and in files
 *
 * A run that has just ended and one that is read from its file go the same way, so they print the
 * same. The JSON is written before the text, which says where it is.
 */
#include "cli/result.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsondoc.h"
#include "base/num.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/exit.h"

#define MAX_TEXT ((size_t)1 << 30)

/* --- which figures --- */

static int parse_percentiles(const char *text, struct tk_result_opts *ret, struct tk_err *reterr)
{
    struct tk_str rest = tk_str_of(text);
    struct tk_str part;

    while (tk_str_split(&rest, ',', &part)) {
        double p;
        part = tk_str_trim(part);
        if (ret->n_percentiles == TK_SUMMARY_MAX_PERCENTILES)
            return tk_err_set(reterr, TK_E_RANGE, "more than %d percentiles in '%s'",
                              TK_SUMMARY_MAX_PERCENTILES, text);
        if (tk_num_parse_double(part, &p) != 0 || !(p >= 0 && p <= 100))
            return tk_err_set(reterr, TK_E_FORMAT, "'%.*s' is no percentile from 0 to 100",
                              TK_STR_ARG(part));
        size_t i = ret->n_percentiles++;
        for (; i > 0 && ret->percentiles[i - 1] > p; i--)
            ret->percentiles[i] = ret->percentiles[i - 1];
        ret->percentiles[i] = p;
    }
    return 0;
}

static enum tk_metric find_metric(struct tk_str name)
{
    return tk_str_is(name, "itl") ? TK_METRIC_CHUNK_GAP : tk_metric_find(name);
}

/* A bare number would be seconds to the parser of durations, and milliseconds to most people. */
static bool has_unit(struct tk_str value)
{
    return value.n > 0 && value.p[value.n - 1] >= 'a' && value.p[value.n - 1] <= 'z';
}

static int parse_slo(struct tk_str item, struct tk_result_opts *ret, struct tk_err *reterr)
{
    ptrdiff_t equals = tk_str_find(item, '=');
    struct tk_str name = { item.p, equals < 0 ? item.n : (size_t)equals };
    struct tk_str value = { item.p + name.n + 1, equals < 0 ? 0 : item.n - name.n - 1 };
    enum tk_metric m = find_metric(tk_str_trim(name));
    int64_t limit;

    if (equals < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "objective '%.*s' has no limit: ttft=500ms",
                          TK_STR_ARG(item));
    if (m == TK_METRIC_N_)
        return tk_err_set(reterr, TK_E_NOT_FOUND,
                          "objective '%.*s': there is no figure of that name; ttft, tpot, itl and "
                          "e2el are the usual ones",
                          TK_STR_ARG(name));
    if (ret->n_slos == TK_RESULT_MAX_SLOS)
        return tk_err_set(reterr, TK_E_RANGE, "more than %d objectives", TK_RESULT_MAX_SLOS);
    value = tk_str_trim(value);
    bool is_time = tk_metric_def(m)->unit == TK_UNIT_NS;
    if (is_time && !has_unit(value))
        return tk_err_set(reterr, TK_E_FORMAT, "objective '%.*s' needs a unit: ms, s",
                          TK_STR_ARG(item));
    int rc = is_time ? tk_num_parse_dur(value, &limit)
                     : tk_num_parse_i64(value, 0, INT64_MAX, &limit);
    if (rc != 0)
        return tk_err_set(reterr, rc, "objective '%.*s': the limit cannot be read",
                          TK_STR_ARG(item));
    ret->slos[ret->n_slos++] = (struct tk_slo){ .metric = m, .limit = limit };
    return 0;
}

int tk_result_opts_parse(const struct tk_opt_list *slo, const char *percentiles,
                         struct tk_result_opts *ret, struct tk_err *reterr)
{
    memset(ret, 0, sizeof(*ret));
    int rc = percentiles ? parse_percentiles(percentiles, ret, reterr) : 0;
    for (size_t i = 0; rc == 0 && i < slo->n; i++) {
        struct tk_str rest = tk_str_of(slo->v[i]);
        struct tk_str part;
        while (rc == 0 && tk_str_split(&rest, ',', &part)) {
            part = tk_str_trim(part);
            if (tk_str_is(part, "none"))
                ret->n_slos = 0;
            else
                rc = parse_slo(part, ret, reterr);
        }
    }
    return rc;
}

int tk_result_check_whole(const struct tk_result_opts *o, struct tk_err *reterr)
{
    for (size_t i = 0; i < o->n_slos; i++) {
        enum tk_metric m = o->slos[i].metric;
        if (tk_metric_is_of_stream(m))
            return tk_err_set(reterr, TK_E_UNSUPPORTED,
                              "objective '%s': replies that come whole (--no-stream) have no such "
                              "figure; e2el is one that they have",
                              tk_metric_def(m)->name);
    }
    return 0;
}

/* --- figures --- */

int tk_result_summary(const struct tk_result *r, struct tk_records *records,
                      struct tk_summary **ret, struct tk_err *reterr)
{
    const struct tk_load_totals *t = &r->facts->totals[TK_PHASE_MEASURE];
    struct tk_report_plan plan;
    struct tk_arena arena; /* of the plan: the summary keeps nothing of it */

    tk_arena_init(&arena, 0);
    int rc = tk_report_plan_read(tk_records_plan(records), &arena, &plan);
    if (rc != 0)
        (void)tk_err_set(reterr, rc, "the plan of the run cannot be read");
    bool is_stopped = r->facts->is_interrupted || !tk_records_is_finished(records);
    struct tk_summary_conf conf = {
        .percentiles = r->opts->n_percentiles > 0 ? r->opts->percentiles : NULL,
        .n_percentiles = r->opts->n_percentiles,
        .slos = r->opts->slos,
        .n_slos = r->opts->n_slos,
        .phase = TK_PHASE_MEASURE,
        .planned = r->facts->has_totals ? (int64_t)t->planned : -1,
        .plan_requests = plan.scheduled > 0 ? plan.scheduled : plan.requests,
        .begin_at = t->begin_at,
        .end_at = t->end_at,
        .leaves_gaps_out = r->opts->leaves_gaps_out,
        .asked = tk_report_asked(&plan, is_stopped),
        .shape = &plan.shape,
    };

    size_t n;
    const struct tk_segment *segments = tk_records_segments(records, &n);
    for (size_t i = 0; i < n && conf.begin_at == 0; i++) /* a run that was killed has no totals */
        conf.begin_at = segments[i].begin_at;
    conf.asked.is_resumed = tk_segments_begun(segments, n) > 1;
    tk_records_rewind(records);
    if (rc == 0)
        rc = tk_summary_new(records, &conf, ret, reterr);
    tk_arena_release(&arena);
    return rc;
}

/* The member "program" of the host's JSON. */
static const char *program_of(struct tk_str host, struct tk_arena *arena)
{
    struct tk_json_val v;
    struct tk_jsondoc d;
    struct tk_str s;
    const char *program = NULL;

    if (tk_jsondoc_init(&d, host) == 0 && tk_json_find(&d.root, "program", &v) == 0 &&
        tk_json_get_str(&v, &s) == 0)
        program = tk_arena_dup(arena, s);
    tk_jsondoc_release(&d);
    return program;
}

static bool wants_bold(const struct tk_result *r)
{
    const char *term = getenv("TERM");

    return !r->is_plain && isatty(STDOUT_FILENO) == 1 && !getenv("NO_COLOR") && term &&
           strcmp(term, "dumb") != 0;
}

int tk_result_view(const struct tk_result *r, struct tk_records *records,
                   const struct tk_summary *summary, struct tk_arena *arena, struct tk_report *ret,
                   struct tk_err *reterr)
{
    *ret = (struct tk_report){
        .summary = summary,
        .plan_json = tk_records_plan(records),
        .host_json = tk_records_host(records),
        .has_health = r->facts->has_health,
        .health = r->facts->health,
        .wall_begin = r->facts->wall_begin,
        .is_interrupted = r->facts->is_interrupted,
        .is_terminated = r->facts->is_terminated,
        .is_cut = !tk_records_is_finished(records),
        .slos = r->opts->slos,
        .n_slos = r->opts->n_slos,
        .run_path = r->run_path,
        .json_path = r->json_path,
        .is_bold = wants_bold(r),
    };
    ret->segments = tk_records_segments(records, &ret->n_segments);
    ret->program = program_of(ret->host_json, arena);
    int rc = tk_report_plan_read(ret->plan_json, arena, &ret->plan);
    if (rc == 0)
        tk_report_judge(ret);
    return rc == 0 ? 0 : tk_err_set(reterr, rc, "the plan of the run cannot be read");
}

/* --- output --- */

static int put_json(const struct tk_result *r, const struct tk_report *report,
                    struct tk_err *reterr)
{
    struct tk_buf out = TK_BUF_INIT(MAX_TEXT);
    int rc = tk_report_json(report, &out);

    if (rc == 0)
        rc = tk_put_file(r->program, r->json_path, tk_buf_str(&out), reterr);
    else
        (void)tk_err_set(reterr, rc, "the JSON could not be made: %s", tk_err_text(rc));
    tk_buf_release(&out);
    return rc;
}

static bool put_text(const struct tk_result *r, const struct tk_report *report)
{
    struct tk_buf out = TK_BUF_INIT(MAX_TEXT);
    int rc = tk_report_text(report, &out);
    bool is_put = rc == 0 && tk_put(r->program, tk_buf_str(&out));

    if (rc != 0)
        tk_say(r->program, "the result could not be made: %s", tk_err_text(rc));

    tk_buf_release(&out);
    return is_put;
}

static int put_both(const struct tk_result *r, struct tk_report *report)
{
    struct tk_err err = { 0 };
    int status = report->summary->failed > 0 ? TK_EXIT_SOME_FAILED : TK_EXIT_OK;
    bool is_json_only = r->json_path && strcmp(r->json_path, "-") == 0;

    if (r->json_path && put_json(r, report, &err) != 0) {
        status = tk_fail(TK_EXIT_FAILED, r->program, &err);
        report->json_path = NULL;
    }
    if (!is_json_only && !put_text(r, report))
        status = TK_EXIT_FAILED;
    return tk_result_strict(r, &report->verdict, status);
}

int tk_result_strict(const struct tk_result *r, const struct tk_verdict *v, int status)
{
    const struct tk_cause_def *def = tk_cause_def(v->first);

    if (!r->is_strict || !v->is_limit || (status != TK_EXIT_OK && status != TK_EXIT_SOME_FAILED))
        return status;
    tk_say(r->program, "the client was the limit (%s): %s", def->name, def->advice);
    return TK_EXIT_CLIENT_LIMIT;
}

int tk_result_add_own(const struct tk_result *r, struct tk_records *records, struct tk_buf *out,
                      struct tk_verdict *ret_verdict, struct tk_err *reterr)
{
    struct tk_summary *summary = NULL;
    struct tk_report report;
    struct tk_arena arena;

    tk_arena_init(&arena, 0);
    int rc = tk_result_summary(r, records, &summary, reterr);
    if (rc == 0)
        rc = tk_result_view(r, records, summary, &arena, &report, reterr);
    if (rc == 0) {
        *ret_verdict = report.verdict;
        tk_buf_add_z(out, "tokmark adds (--plain leaves this out)\n");
        rc = tk_report_client(&report, out);
    }
    tk_summary_free(summary);
    tk_arena_release(&arena);
    return rc;
}

int tk_result_put(const struct tk_result *r, struct tk_records *records)
{
    struct tk_err err = { 0 };
    struct tk_summary *summary = NULL;
    struct tk_report report;
    struct tk_arena arena;
    int status = TK_EXIT_FAILED;

    tk_arena_init(&arena, 0);
    int rc = tk_result_summary(r, records, &summary, &err);
    if (rc == 0)
        rc = tk_result_view(r, records, summary, &arena, &report, &err);
    if (rc == 0)
        status = put_both(r, &report);
    else
        (void)tk_fail(TK_EXIT_FAILED, r->program, &err);
    tk_summary_free(summary);
    tk_arena_release(&arena);
    return status;
}
