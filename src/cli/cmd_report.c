/* cmd_report.c - `tokmark report RUN`: any report from a run file
 *
 * What is printed is what the run itself printed, or another form of it. A run that was killed has
 * a file too; its report says that it did not come to its end.
 */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/places.h"
#include "cli/result.h"
#include "cli/run_opts.h"
#include "cli/run_resume.h"
#include "dialect/vllm/vllm.h"

#define PROGRAM "tokmark report"
#define MAX_TEXT ((size_t)64 << 30)

struct values {
    const char *format, *percentiles, *output;
    struct tk_opt_list slo;
    bool detailed, plain, strict;
};

#define AT(member) offsetof(struct values, member)

static const struct tk_opt opts[] = {
    { .name = "format",
      .type = TK_OPT_CHOICE,
      .at = AT(format),
      .value = "WORD",
      .def = "text",
      .choices = "text json vllm vllm-json",
      .help =
          "text and json are tokmark's own; vllm is the block of `vllm bench serve`, vllm-json its "
          "result file; of a run of `tokmark vllm` they are what it printed and wrote" },
    { .name = "percentiles",
      .type = TK_OPT_STR,
      .at = AT(percentiles),
      .value = "LIST",
      .help = "percentiles to report; default: the run's" },
    { .name = "slo",
      .type = TK_OPT_LIST,
      .at = AT(slo),
      .value = "LIST",
      .help = "objectives for goodput, such as ttft=500ms,tpot=50ms; default: the run's; none: "
              "without" },
    { .name = "detailed",
      .type = TK_OPT_FLAG,
      .at = AT(detailed),
      .help = "vllm-json: with the figures of every request, also where the run was not asked "
              "for them" },
    { .name = "output",
      .letter = 'o',
      .type = TK_OPT_STR,
      .at = AT(output),
      .value = "FILE",
      .help = "write to a file instead of standard output" },
    { .name = "plain",
      .type = TK_OPT_FLAG,
      .at = AT(plain),
      .help = "no bold on a terminal; vllm: only what vLLM prints" },
    { .name = "strict",
      .type = TK_OPT_FLAG,
      .at = AT(strict),
      .help = "end with status 4 when the client itself was the limit, so that the figures do not "
              "hold" },
};

static const struct tk_opt_command command = {
    .name = PROGRAM,
    .synopsis = "RUN.tokmark [options]",
    .about = "Report a run from its file, in tokmark's form or another tool's.",
    .arg_files = ".tokmark",
    .examples = "tokmark report run.tokmark\n"
                "tokmark report run.tokmark --format json | jq .metrics.ttft\n"
                "tokmark report run.tokmark --format vllm",
    .opts = opts,
    .n_opts = TK_ARRAY_LEN(opts),
};

/* A report under way. */
struct making {
    const struct values *v;
    struct tk_result result;
    struct tk_result_opts which; /* that the result points to, */
    struct tk_facts facts;       /* and that the result points to */
    struct tk_records *records;
    struct tk_arena arena;
    struct tk_buf out;
    struct tk_verdict verdict;
    struct tk_vllm_form form;         /* of vLLM's, */
    struct tk_vllm_decoding decoding; /* and that it points to */
};

static bool is_vllm(const struct values *v)
{
    return strncmp(v->format, "vllm", 4) == 0;
}

static int make_own(struct making *m, struct tk_err *reterr)
{
    struct tk_summary *summary = NULL;
    struct tk_report report = { 0 };
    int rc = tk_result_summary(&m->result, m->records, &summary, reterr);

    if (rc == 0)
        rc = tk_result_view(&m->result, m->records, summary, &m->arena, &report, reterr);
    m->verdict = report.verdict;
    if (rc == 0)
        rc = strcmp(m->v->format, "json") == 0 ? tk_report_json(&report, &m->out)
                                               : tk_report_text(&report, &m->out);
    tk_summary_free(summary);
    return rc;
}

/* Behind the block; the other forms have no place for it. */
static int add_own(struct making *m, struct tk_err *reterr)
{
    bool is_shown = strcmp(m->v->format, "vllm") == 0 && !m->v->plain;
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    int rc = 0;

    if (is_shown || m->v->strict)
        rc = tk_result_add_own(&m->result, m->records, &out, &m->verdict, reterr);
    if (rc == 0 && is_shown)
        rc = tk_buf_add_str(&m->out, tk_buf_str(&out));
    tk_buf_release(&out);
    return rc;
}

/* As `tokmark vllm` was asked for it; of other commands, and of files from before it was kept, by the plan. */
static int read_form(struct making *m, struct tk_err *reterr)
{
    struct tk_str fact = tk_records_fact(m->records, TK_VLLM_FACT_FORM);
    struct tk_report_plan plan;
    int rc = 0;

    if (fact.n > 0) {
        rc = tk_vllm_form_read(fact, &m->arena, &m->form);
        return rc == 0 ? 0
                       : tk_err_set(reterr, rc, "the form of the run's result cannot be read: %s",
                                    tk_err_text(rc));
    }
    rc = tk_report_plan_read(tk_records_plan(m->records), &m->arena, &plan);
    if (rc == 0)
        tk_vllm_form_of_plan(&plan, m->result.facts->wall_begin, &m->form);
    return rc == 0 ? 0 : tk_err_set(reterr, rc, "the plan of the run cannot be read");
}

/* What the server counted, where the run asked it. */
static int read_counters(struct making *m, struct tk_err *reterr)
{
    int rc = tk_vllm_decoding_read(m->records, m->form.duration_s, &m->decoding);

    if (rc < 0)
        return tk_err_set(reterr, rc, "the server's counters in the run file cannot be read: %s",
                          tk_err_text(rc));
    m->form.decoding = rc > 0 ? &m->decoding : NULL;
    return 0;
}

/* Objectives in the tool's words. */
static int set_goodput(struct making *m, struct tk_err *reterr)
{
    struct tk_vllm_form *form = &m->form;

    form->has_goodput = m->which.n_slos > 0;
    if (form->has_goodput && form->is_pooling)
        return tk_err_set(
            reterr, TK_E_UNSUPPORTED,
            "vLLM's forms have no goodput of replies that are no text: leave --slo out");
    for (size_t i = 0; i < TK_VLLM_METRIC_N_; i++)
        form->goodput_ms[i] = NAN;
    for (size_t i = 0; i < m->which.n_slos; i++) {
        const struct tk_slo *slo = &m->which.slos[i];
        enum tk_vllm_metric metric = slo->metric == TK_METRIC_TTFT   ? TK_VLLM_TTFT
                                     : slo->metric == TK_METRIC_TPOT ? TK_VLLM_TPOT
                                     : slo->metric == TK_METRIC_E2EL ? TK_VLLM_E2EL
                                                                     : TK_VLLM_METRIC_N_;
        if (metric == TK_VLLM_METRIC_N_)
            return tk_err_set(
                reterr, TK_E_UNSUPPORTED,
                "objective '%s': vLLM's forms have goodput by ttft, tpot and e2el alone",
                tk_metric_def(slo->metric)->name);
        form->goodput_ms[metric] = (double)slo->limit / (double)TK_NS_PER_MS;
    }
    return 0;
}

/* The run's, with what was asked for now over it. */
static int choose_form(struct making *m, struct tk_err *reterr)
{
    int rc = read_form(m, reterr);

    if (rc != 0)
        return rc;
    m->form.is_detailed |= m->v->detailed;
    if (m->v->percentiles) {
        m->form.percentiles = m->which.percentiles;
        m->form.n_percentiles = m->which.n_percentiles;
    }
    return m->v->slo.n > 0 ? set_goodput(m, reterr) : 0;
}

static int make_vllm(struct making *m, struct tk_err *reterr)
{
    const struct tk_facts *f = m->result.facts;
    const struct tk_vllm_form *form = &m->form;
    struct tk_vllm_figures figures;

    if (!f->has_totals)
        return tk_err_set(reterr, TK_E_NOT_FOUND,
                          "the run did not come to its end, so the tool's durations are not known");
    tk_vllm_form_span(&m->form, &f->totals[TK_PHASE_MEASURE], f->wall_begin);
    int rc = read_counters(m, reterr);
    if (rc == 0)
        rc = tk_vllm_figures(m->records, form, &figures, reterr);
    if (rc != 0)
        return rc;
    rc = strcmp(m->v->format, "vllm") == 0 ? tk_vllm_block(form, &figures, &m->out)
                                           : tk_vllm_result(form, &figures, &m->out);
    if (figures.n_uncounted > 0)
        tk_say(PROGRAM, "the server did not count the tokens of %" PRIu64 " replies: %s",
               figures.n_uncounted, tk_vllm_instead_of_counts(form));
    tk_vllm_figures_release(&figures);
    return rc == 0 ? add_own(m, reterr) : rc;
}

/* These forms have no word for it, and go into other programs. */
static void warn_of_damage(const struct making *m)
{
    const struct tk_load_totals *t = &m->result.facts->totals[TK_PHASE_MEASURE];

    if (tk_records_is_damaged(m->records))
        tk_say(PROGRAM,
               "the run file is damaged: some of %" PRIu64
               " requests are lost in it, so counts and rates are too low",
               t->planned);
}

/* The figures that were asked for; what was not is as the run had it. A file in which that cannot be read
 * is not of a run. */
static int choose_figures(struct making *m, struct tk_err *reterr)
{
    struct tk_str words = tk_records_fact(m->records, "words");
    const char *percentiles = m->v->percentiles;
    const char *slo = NULL;
    struct tk_opt_list list = { &slo, 1 };
    struct tk_report_plan plan;
    int rc = tk_report_plan_read(tk_records_plan(m->records), &m->arena, &plan);

    if (rc != 0)
        return tk_err_set(reterr, rc, "the plan of the run cannot be read");
    if (!percentiles)
        rc = tk_run_words_find(words, "percentiles", &m->arena, &percentiles);
    if (rc == 0 && m->v->slo.n == 0)
        rc = tk_run_words_find(words, "slo", &m->arena, &slo);
    if (rc != 0)
        return tk_err_set(reterr, rc, "the words of the run cannot be read: %s", tk_err_text(rc));
    if (m->v->slo.n > 0 || !slo)
        list = m->v->slo;
    if (!percentiles) /* nor did the run say */
        percentiles = tk_run_command.opts[tk_run_opt("percentiles")].def;
    rc = tk_result_opts_parse(&list, percentiles, &m->which, reterr);
    m->which.leaves_gaps_out = is_vllm(m->v); /* its own figures have them */
    return rc;
}

static int make(struct making *m, const char *path)
{
    struct tk_err err = { 0 };

    if (tk_runfile_open(path, &m->records, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    tk_facts_get(m->records, &m->facts);
    m->result.facts = &m->facts;
    if (choose_figures(m, &err) != 0 || (is_vllm(m->v) && choose_form(m, &err) != 0))
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    int rc = is_vllm(m->v) ? make_vllm(m, &err) : make_own(m, &err);
    if (rc == 0 && is_vllm(m->v))
        warn_of_damage(m);
    if (rc != 0 && err.code == 0)
        (void)tk_err_set(&err, rc, "the report could not be made: %s", tk_err_text(rc));
    if (rc == 0)
        rc = tk_put_file(PROGRAM, m->v->output ? m->v->output : "-", tk_buf_str(&m->out), &err);
    return rc == 0 ? tk_result_strict(&m->result, &m->verdict, TK_EXIT_OK)
                   : tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
}

/* The words before the file is looked at. */
static int check_words(const struct values *v, const struct tk_opt_result *res)
{
    struct tk_err err = { 0 };

    if (res->args.n == 0) {
        tk_say(PROGRAM, "which run? tokmark report RUN.tokmark");
        return TK_EXIT_USAGE;
    }
    if (res->args.n > 1) {
        tk_say(PROGRAM, "'%s' is one word too many: a report is of one run", res->args.v[1]);
        return TK_EXIT_USAGE;
    }
    if (v->detailed && strcmp(v->format, "vllm-json") != 0) {
        tk_say(PROGRAM, "--detailed goes with --format vllm-json");
        return TK_EXIT_USAGE;
    }
    const struct tk_place places[] = {
        { TK_PLACE_INPUT, "the run file", res->args.v[0] },
        { TK_PLACE_RESULT, "--output", v->output },
    };
    int rc = tk_places_check(places, TK_ARRAY_LEN(places), &err);
    if (rc == 0 && v->output)
        rc = tk_check_place(v->output, &err);
    return rc == 0 ? TK_EXIT_OK : tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
}

static int report(const struct values *v, const struct tk_opt_result *res)
{
    struct making m = { .v = v, .out = TK_BUF_INIT(MAX_TEXT) };

    if (check_words(v, res) != TK_EXIT_OK)
        return TK_EXIT_USAGE;
    m.result = (struct tk_result){
        .program = PROGRAM,
        .opts = &m.which,
        .run_path = res->args.v[0],
        .is_plain = v->plain || v->output,
        .is_strict = v->strict,
    };
    tk_arena_init(&m.arena, 0);
    int status = make(&m, res->args.v[0]);
    m.records = tk_records_free(m.records);
    tk_arena_release(&m.arena);
    tk_buf_release(&m.out);
    return status;
}

static int run(int argc, char **argv)
{
    struct values v = { 0 };
    struct tk_opt_result res = { 0 };
    int status = tk_parse(&command, argc, argv, &v, &res);

    if (status < 0)
        status = report(&v, &res);
    tk_opt_release(&command, &v, &res);
    return status;
}

const struct tk_command tk_cmd_report = {
    .name = "report",
    .about = "report a run from its file",
    .opts = &command,
    .run = run,
};
