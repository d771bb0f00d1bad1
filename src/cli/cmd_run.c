/* cmd_run.c - `tokmark run`: a load, and how fast the server answered
 *
 *   words ─► plan, data ─► (sim) ─► server: name, TLS, model ─► bodies ─► session ─► result
 *
 * Whatever can be wrong before the first request ends with 2 when the command line or a file that
 * it names is at fault, with 1 otherwise. Once the measured load has begun there is a result in
 * any case.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/places.h"
#include "cli/probe.h"
#include "cli/result.h"
#include "cli/run_opts.h"
#include "cli/run_plan.h"
#include "cli/run_resume.h"
#include "cli/runfile_name.h"
#include "cli/session.h"
#include "cli/simchild.h"

#define PROGRAM "tokmark run"
#define MODELS_TIMEOUT (30 * TK_NS_PER_S)

struct command {
    struct tk_run_opts o;
    struct tk_opt_result res;
    struct tk_result_opts result; /* what to report */
    struct tk_simchild sim;
    struct tk_run run;
    struct tk_session session;
    struct tk_buf run_path; /* empty: no run file */
    struct tk_resuming resuming;
    bool has_run, has_session, has_resuming;
    bool asks_for_load; /* beside --resume there are options about more than the result */
};

/* --- before the server --- */

/* Where the simulator would listen is known when it does; of its words this one is about the URL. */
static const char *url_of_sim(const struct command *c)
{
    bool is_tls = c->o.sim_args &&
                  (strstr(c->o.sim_args, "--tls") || strstr(c->o.sim_args, "--cert"));

    return is_tls ? "https://127.0.0.1" : "http://127.0.0.1";
}

static int find_url(struct command *c, const char **ret)
{
    struct tk_err err = { 0 };
    size_t n = c->res.args.n;

    if (n > 1 || (n == 1 && c->o.sim)) {
        tk_say(PROGRAM, "what is '%s' for? %s", c->res.args.v[n - 1],
               c->o.sim ? "--sim has a server of its own" : "one URL is enough");
        return TK_EXIT_USAGE;
    }
    if (n == 0 && c->o.unix_path && !c->o.sim) {
        *ret = "http://localhost";
        return TK_EXIT_OK;
    }
    if (n == 0 && !c->o.sim) {
        tk_say(PROGRAM, "which server? tokmark run http://host:port, or --sim for a simulated one");
        return TK_EXIT_USAGE;
    }
    if (n == 1) {
        *ret = c->res.args.v[0];
        return TK_EXIT_OK;
    }
    if (c->o.print_config || c->resuming.is_whole) {
        *ret = url_of_sim(c);
        return TK_EXIT_OK;
    }
    if (tk_simchild_start(&c->sim, c->o.sim_args, NULL, &err) != 0)
        return c->sim.has_said ? TK_EXIT_USAGE : tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    *ret = c->sim.url;
    return TK_EXIT_OK;
}

/* Nothing that is written may be what is read, or what else is written. */
static int check_places(const struct command *c)
{
    const struct tk_run_opts *o = &c->o;
    bool is_words = strcmp(o->data, "words") == 0;
    bool has_run_file = o->file && !c->has_resuming;
    const struct tk_place places[] = {
        { TK_PLACE_INPUT, "--data", is_words ? NULL : o->data },
        { TK_PLACE_INPUT, "--key-file", o->key_file },
        { TK_PLACE_INPUT, "--ca-file", o->ca_file },
        { TK_PLACE_INPUT, "--cert", o->cert_file },
        { TK_PLACE_INPUT, "--cert-key", o->cert_key_file },
        { TK_PLACE_INPUT, "--cert-passphrase-file", o->cert_passphrase_file },
        { TK_PLACE_INPUT, "--resume", o->resume },
        { TK_PLACE_RUN_FILE, "--output", has_run_file ? o->output : NULL },
        { TK_PLACE_RESULT, "--json", o->json },
    };
    struct tk_err err = { 0 };
    int rc = 0;
    if (!o->file && o->output && !c->has_resuming)
        rc = tk_err_set(&err, TK_E_FORMAT,
                        "'--output' names a run file, and '--no-file' makes none");
    else if (o->sim_args && !o->sim)
        rc = tk_err_set(&err, TK_E_FORMAT, "'--sim-args' goes with '--sim'");
    else
        rc = tk_places_check(places, TK_ARRAY_LEN(places), &err);

    if (rc == 0 && has_run_file && o->output && access(o->output, F_OK) != 0)
        rc = tk_check_place(o->output, &err);
    return rc == 0 ? TK_EXIT_OK : tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
}

static int prepare(struct command *c)
{
    struct tk_err err = { 0 };
    const char *url = NULL;

    if (tk_result_opts_parse(&c->o.slo, c->o.percentiles, &c->result, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    if (!c->o.stream && tk_result_check_whole(&c->result, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    if (c->o.json && tk_check_place(c->o.json, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    int status = find_url(c, &url);
    if (status != TK_EXIT_OK)
        return status;
    c->has_run = true;
    if (tk_run_prepare(&c->run, &c->o, c->res.is_given, url, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    return TK_EXIT_OK;
}

/* --- the server --- */

static int find_model(struct command *c, const char **ret)
{
    struct tk_probe probe = {
        .plan = &c->run.plan,
        .addrs = &c->session.addrs,
        .sources = &c->session.sources,
        .tls = c->session.tls,
        .timeout = MODELS_TIMEOUT,
    };
    struct tk_err err = { 0 };
    int n = 0;

    *ret = c->o.model;
    if (*ret)
        return TK_EXIT_OK;
    int rc = tk_probe_models(&probe, c->run.target.models, &c->run.model, &n, &err);
    if (rc != 0) {
        bool has_answered = rc == TK_E_NOT_FOUND || rc == TK_E_FORMAT;
        tk_say(PROGRAM, "which model? %s%s", err.msg,
               has_answered   ? "; --model NAME names one"
               : c->o.dry_run ? "; --model NAME avoids asking"
                              : "");
        return TK_EXIT_FAILED;
    }
    if (n > 1)
        tk_say(PROGRAM, "the server has %d models, '%s' is taken; --model NAME takes another", n,
               c->run.model);
    *ret = c->run.model;
    return TK_EXIT_OK;
}

static int reach_server(struct command *c)
{
    struct tk_err err = { 0 };
    const char *model = NULL;

    c->has_session = true;
    int rc = tk_session_init(&c->session, &c->run.plan, &err);
    if (rc != 0) /* a name that is not known, or a file that was given */
        return tk_fail(rc == TK_E_RESOLVE ? TK_EXIT_FAILED : TK_EXIT_USAGE, PROGRAM, &err);
    int status = find_model(c, &model);
    if (status != TK_EXIT_OK)
        return status;
    if (tk_run_encode(&c->run, model, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    return TK_EXIT_OK;
}

/* --- the run --- */

static int choose_run_path(struct command *c)
{
    struct tk_err err = { 0 };
    int rc = 0;

    tk_buf_init(&c->run_path, 64 << 10);
    if (!c->o.file)
        return TK_EXIT_OK;
    if (c->has_resuming || c->o.output)
        rc = tk_buf_add_z(&c->run_path, c->has_resuming ? c->o.resume : c->o.output);
    else
        rc = tk_runfile_name_now(&c->run_path, &err);
    if (rc == 0 && !c->has_resuming && c->o.output)
        rc = tk_runfile_make_room(c->o.output, c->o.overwrite, &err);
    if (rc != 0 && err.code == 0)
        (void)tk_err_set(&err, rc, "the run file's name: %s", tk_err_text(rc));
    return rc == 0 ? TK_EXIT_OK : tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
}

static struct tk_load_conf sent_of(const struct command *c)
{
    return (struct tk_load_conf){
        .plan = &c->run.plan,
        .api = c->run.api,
        .bodies = c->run.bodies,
        .n_bodies = (uint32_t)c->run.items.n,
    };
}

static struct tk_session_conf session_conf(const struct command *c)
{
    bool is_given = c->res.is_given[tk_run_opt("progress")];
    enum tk_progress_mode shown = c->o.progress ? TK_PROGRESS_ON : TK_PROGRESS_OFF;

    return (struct tk_session_conf){
        .program = PROGRAM,
        .load = sent_of(c),
        .run_path = c->run_path.p,
        .progress = is_given ? shown : TK_PROGRESS_AUTO,
        .stop_grace = c->o.grace,
        .resume = c->has_resuming ? &c->resuming.from : NULL,
        .past = c->has_resuming ? &c->resuming.past : NULL,
        .planned = c->resuming.planned,
    };
}

/* One line per request; no bound by count means what one pass over the data sends. */
static int dry_run(struct command *c)
{
    struct tk_load_conf conf = sent_of(c);
    uint64_t n = c->run.plan.phase[TK_PHASE_MEASURE].n_requests;

    return tk_put_dry_run(PROGRAM, &conf, n > 0 ? n : c->run.items.n);
}

static struct tk_result result_of(struct command *c)
{
    return (struct tk_result){
        .program = PROGRAM,
        .opts = &c->result,
        .facts = &c->session.facts,
        .run_path = c->session.is_file_damaged ? NULL : c->run_path.p,
        .json_path = c->o.json,
        .is_plain = c->o.plain,
        .is_strict = c->o.strict,
    };
}

static int report(struct command *c)
{
    struct tk_err err = { 0 };
    struct tk_records *records = NULL;
    struct tk_result result = result_of(c);
    int status = TK_EXIT_FAILED;

    if (tk_sink_records(c->session.sink, &records, &err) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    status = tk_result_put(&result, records);
    tk_records_free(records);
    if (c->session.facts.is_interrupted)
        return TK_EXIT_INTERRUPTED;
    return c->session.has_file_failed ? TK_EXIT_FAILED : status;
}

/* Run it, with what a later `--resume` needs in the file. */
static int run_session(struct command *c, struct tk_err *reterr)
{
    struct tk_session_conf conf = session_conf(c);
    struct tk_buf words = TK_BUF_INIT((size_t)64 << 20);
    char hash[TK_RUN_HASH_BYTES];
    int rc = tk_resumable_words(&tk_run_resumable, &c->o, c->res.is_given, &c->res.args, &words);

    tk_resumable_hash(&conf.load, hash);
    struct tk_sink_fact facts[] = {
        { "words", tk_buf_str(&words) },
        { "load_hash", tk_str_of(hash) },
    };
    conf.facts = facts;
    conf.n_facts = TK_ARRAY_LEN(facts);
    rc = rc < 0 ? tk_err_set(reterr, rc, "no memory for the words of the run")
                : tk_session_run(&c->session, &conf, reterr);
    tk_buf_release(&words);
    return rc;
}

static int load(struct command *c)
{
    struct tk_err err = { 0 };
    int status = choose_run_path(c);

    if (status != TK_EXIT_OK)
        return status;
    int rc = run_session(c, &err);
    if (c->session.facts.wall_begin != 0 && c->session.sink)
        status = report(c);
    else if (c->session.facts.is_interrupted)
        status = TK_EXIT_INTERRUPTED;
    if (rc == 0 || rc == TK_E_CANCELLED)
        return status;
    return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
}

/* --- going on with a run that was cut --- */

static int fail_resume(const char *path, const struct tk_err *err)
{
    tk_say(PROGRAM, "cannot go on with '%s': %s", path, err->msg);
    return TK_EXIT_USAGE;
}

/* Whether any option given now is about what is loaded. */
static bool asks_for_load(const struct tk_opt_result *res)
{
    static const char *const others[] = { "resume",  "slo",          "percentiles", "json",
                                          "plain",   "progress",     "strict",      "print-config",
                                          "workers", "record-memory" };
    size_t n = 0, n_others = 0;

    for (size_t i = 0; i < tk_run_command.n_opts; i++)
        n += res->is_given[i];
    for (size_t i = 0; i < TK_ARRAY_LEN(others); i++)
        n_others += res->is_given[tk_run_opt(others[i])];
    return n > n_others || res->args.n > 0;
}

/* Take the words of the file and those given now for the command line. -1: go on. */
static int recall(struct command *c, int argc, char **argv)
{
    static const char *const others[] = { "output", "overwrite", "file", "dry-run" };
    struct tk_err err = { 0 };
    const char *path = c->o.resume;

    for (size_t i = 0; i < TK_ARRAY_LEN(others); i++) {
        if (!c->res.is_given[tk_run_opt(others[i])])
            continue;
        tk_say(PROGRAM, "'--resume' goes on in its file: leave '--%s%s' out",
               strcmp(others[i], "file") == 0 ? "no-" : "", others[i]);
        return TK_EXIT_USAGE;
    }
    c->has_resuming = true;
    c->asks_for_load = asks_for_load(&c->res);
    if (tk_resuming_open(&c->resuming, &tk_run_resumable, path, &c->res, argc, argv, &err) != 0)
        return fail_resume(path, &err);
    tk_opt_release(&tk_run_command, &c->o, &c->res);
    c->o = (struct tk_run_opts){ 0 };
    return tk_parse(&tk_run_command, c->resuming.argc, c->resuming.argv, &c->o, &c->res);
}

/* Whether what is asked for is what the file has; the server is not asked for its model. */
static int compare_whole(struct command *c)
{
    struct tk_err err = { 0 };
    struct tk_report_plan plan = { 0 };
    int rc = tk_report_plan_read(c->resuming.from.plan, &c->resuming.arena, &plan);

    if (rc != 0)
        (void)tk_err_set(&err, rc, "the plan of the run cannot be read");
    else
        rc = tk_run_encode(&c->run, c->o.model ? c->o.model : plan.model, &err);
    struct tk_load_conf sent = sent_of(c);
    if (rc == 0)
        rc = tk_resuming_compare(&c->resuming, &sent, c->o.sim, &err);
    return rc == 0 ? TK_EXIT_OK : fail_resume(c->o.resume, &err);
}

/* Nothing is left: the result, as the run printed it. */
static int report_whole(struct command *c)
{
    struct tk_err err = { 0 };
    struct tk_records *records = NULL;
    struct tk_result result = result_of(c);

    if (c->asks_for_load) {
        int same = prepare(c);
        same = same == TK_EXIT_OK ? compare_whole(c) : same;
        if (same != TK_EXIT_OK)
            return same;
    }
    result.run_path = c->o.resume;
    if (tk_result_opts_parse(&c->o.slo, c->o.percentiles, &c->result, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    if (tk_runfile_open(c->o.resume, &records, &err) != 0)
        return fail_resume(c->o.resume, &err);
    tk_say(PROGRAM, "the run in '%s' came to its end: nothing was left to send", c->o.resume);
    tk_facts_get(records, &c->session.facts);
    int status = tk_result_put(&result, records);
    tk_records_free(records);
    return status;
}

static int apply_resume(struct command *c)
{
    struct tk_resuming *r = &c->resuming;
    struct tk_load_conf sent = sent_of(c);
    struct tk_err err = { 0 };

    int rc = tk_resuming_compare(r, &sent, c->o.sim, &err);
    if (rc == 0)
        rc = tk_resuming_apply(r, &c->run.plan, &err);
    if (rc != 0)
        return fail_resume(c->o.resume, &err);
    const struct tk_plan_phase *p = &c->run.plan.phase[TK_PHASE_MEASURE];
    unsigned long long ended = r->from.n_ended;
    char left[32];
    if (p->n_requests > 0)
        tk_say(PROGRAM, "going on with '%s': %llu requests have ended, %llu are left", c->o.resume,
               ended, (unsigned long long)p->n_requests);
    else if (r->has_rest)
        tk_say(PROGRAM, "going on with '%s': %llu requests have ended, %s are left", c->o.resume,
               ended, tk_num_format_dur(p->duration, left));
    else
        tk_say(PROGRAM, "nothing was left to send of the run in '%s'", c->o.resume);
    return TK_EXIT_OK;
}

static int run_command(struct command *c)
{
    int status = check_places(c);

    if (status == TK_EXIT_OK && c->has_resuming && c->resuming.is_whole)
        return report_whole(c);
    if (status == TK_EXIT_OK)
        status = prepare(c);
    if (status == TK_EXIT_OK && c->o.print_config) {
        c->run.plan.model = c->o.model; /* else the server would be asked */
        return tk_put_config(&tk_run_command, &c->o, &c->res, &c->run.plan);
    }
    if (status == TK_EXIT_OK)
        status = reach_server(c);
    if (status == TK_EXIT_OK && c->has_resuming)
        status = apply_resume(c);
    if (status == TK_EXIT_OK)
        status = c->o.dry_run ? dry_run(c) : load(c);
    return status;
}

static int run(int argc, char **argv)
{
    struct command c = { 0 };
    int status = tk_parse(&tk_run_command, argc, argv, &c.o, &c.res);

    if (status < 0 && c.o.resume)
        status = recall(&c, argc, argv);
    if (status < 0)
        status = run_command(&c);
    if (c.has_session)
        tk_session_release(&c.session);
    tk_simchild_stop(&c.sim);
    if (c.has_run)
        tk_run_release(&c.run);
    tk_buf_release(&c.run_path);
    tk_opt_release(&tk_run_command, &c.o, &c.res);
    if (c.has_resuming) /* its words were the values' */
        tk_resuming_release(&c.resuming);
    return status;
}

const struct tk_command tk_cmd_run = {
    .name = "run",
    .about = "load a server and report how fast it answers",
    .opts = &tk_run_command,
    .run = run,
};
