/* vllm_files.c - the files that a run of `tokmark vllm` leaves, and where they go */
#include "cli/vllm_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/gnuplot.h"
#include "cli/places.h"
#include "cli/runfile_name.h"

#define MAX_PATH ((size_t)64 << 10)
#define PYTORCH_END ".pytorch.json"
#define TIMELINE_END ".timeline.html"
#define STATS_END ".dataset_stats.png"
#define MAX_TEXT ((size_t)64 << 30)

void tk_vllm_files_init(struct tk_vllm_files *f, const char *program, const struct tk_vllm_opts *o)
{
    const char *pytorch = getenv("SAVE_TO_PYTORCH_BENCHMARK_FORMAT");

    *f = (struct tk_vllm_files){
        .program = program,
        .o = o,
        .has_pytorch = pytorch && *pytorch,
        .run_path = TK_BUF_INIT(MAX_PATH),
        .result_path = TK_BUF_INIT(MAX_PATH),
    };
}

void tk_vllm_files_release(struct tk_vllm_files *f)
{
    tk_buf_release(&f->run_path);
    tk_buf_release(&f->result_path);
}

static bool saves(const struct tk_vllm_files *f)
{
    return f->o->save_result || f->o->append_result;
}

/* Of --result-filename and --result-dir what is empty is nothing, as there. */
static const char *given_or_null(const char *text)
{
    return text && *text ? text : NULL;
}

static const char *given_name(const struct tk_vllm_files *f)
{
    return given_or_null(f->o->result_filename);
}

static const char *given_folder(const struct tk_vllm_files *f)
{
    return given_or_null(f->o->result_dir);
}

/* Whether the result has a name at all, which the pictures share. */
static bool has_name(const struct tk_vllm_files *f)
{
    return saves(f) || f->o->plot_timeline;
}

/* --- before the run --- */

static int make_folder(const char *path, struct tk_err *reterr)
{
    struct tk_buf at = TK_BUF_INIT(MAX_PATH);
    struct tk_str rest = tk_str_of(path);
    struct tk_str part;
    int rc = 0;

    while (rc == 0 && tk_str_split(&rest, '/', &part)) {
        tk_buf_add_str(&at, part);
        if (at.p && at.n > 0 && mkdir(at.p, 0777) != 0 && errno != EEXIST)
            rc = -errno;
        tk_buf_add_c(&at, '/');
    }
    tk_buf_release(&at);
    return rc == 0 ? 0
                   : tk_err_set(reterr, rc, "folder '%s' cannot be made: %s", path, strerror(-rc));
}

static void join_path(const struct tk_vllm_files *f, const char *name, struct tk_buf *out)
{
    tk_buf_reset(out);
    if (given_folder(f) && name[0] != '/')
        tk_buf_addf(out, "%s/", given_folder(f));
    tk_buf_add_z(out, name);
}

/* The result's name with another end: `end` for what is behind the last point of the last part. */
static int beside(struct tk_str result, const char *end, struct tk_buf *out)
{
    size_t base = result.n, n = result.n;

    while (base > 0 && result.p[base - 1] != '/')
        base--;
    size_t at = base;
    while (at < n && result.p[at] == '.')
        at++; /* a name may begin with points */
    for (size_t i = n; i > at; i--) {
        if (result.p[i - 1] == '.') {
            n = i - 1;
            break;
        }
    }
    tk_buf_reset(out);
    tk_buf_add(out, result.p, n);
    tk_buf_add_z(out, end);
    return out->failed;
}

/* The other files that are asked for: the ends of their names. Returns how many. */
#define MAX_OTHERS 3
#define N_PLACES 8 /* files that are read, the run file that goes on, and the result */
static size_t others(const struct tk_vllm_files *f, const char *ends[MAX_OTHERS])
{
    size_t n = 0;

    if (saves(f) && f->has_pytorch)
        ends[n++] = PYTORCH_END;
    if (f->o->plot_timeline)
        ends[n++] = TIMELINE_END;
    if (f->o->plot_dataset_stats)
        ends[n++] = STATS_END;
    return n;
}

int tk_vllm_files_check(const struct tk_vllm_files *f, struct tk_err *reterr)
{
    struct tk_buf result = TK_BUF_INIT(MAX_PATH), other[MAX_OTHERS];
    const char *ends[MAX_OTHERS];
    struct tk_place places[N_PLACES + MAX_OTHERS] = {
        { TK_PLACE_INPUT, "--dataset-path", f->o->dataset_path },
        { TK_PLACE_INPUT, "--tokenizer", f->o->tokenizer },
        { TK_PLACE_INPUT, "--ca-file", f->o->ca_file },
        { TK_PLACE_INPUT, "--cert", f->o->cert_file },
        { TK_PLACE_INPUT, "--cert-key", f->o->cert_key_file },
        { TK_PLACE_INPUT, "--cert-passphrase-file", f->o->cert_passphrase_file },
        { TK_PLACE_INPUT, "--resume", f->o->resume },
    };
    size_t n_others = 0;

    if (has_name(f) && given_name(f)) {
        join_path(f, given_name(f), &result);
        n_others = others(f, ends);
    }
    places[N_PLACES - 1] = (struct tk_place){ TK_PLACE_RESULT, "--result-filename",
                                              saves(f) && result.n > 0 ? result.p : NULL };
    for (size_t i = 0; i < n_others; i++) {
        tk_buf_init(&other[i], MAX_PATH);
        (void)beside(tk_buf_str(&result), ends[i], &other[i]);
        places[N_PLACES + i] = (struct tk_place){ TK_PLACE_RESULT, "a file beside the result",
                                                  other[i].p };
    }
    int rc = tk_places_check(places, N_PLACES + n_others, reterr);
    for (size_t i = 0; i < n_others; i++)
        tk_buf_release(&other[i]);
    tk_buf_release(&result);
    return rc == 0 && f->o->plot_dataset_stats ? tk_gnuplot_find(reterr) : rc;
}

static int check_others(const struct tk_vllm_files *f, struct tk_err *reterr)
{
    struct tk_buf path = TK_BUF_INIT(MAX_PATH);
    const char *ends[MAX_OTHERS];
    size_t n = others(f, ends);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = beside(tk_buf_str(&f->result_path), ends[i], &path);
        rc = rc == 0 ? tk_check_place(path.p, reterr)
                     : tk_err_set(reterr, rc, "a file's name is too long");
    }
    tk_buf_release(&path);
    return rc;
}

static int choose_given(struct tk_vllm_files *f, struct tk_err *reterr)
{
    join_path(f, given_name(f), &f->result_path);
    int rc = saves(f) ? tk_check_place(f->result_path.p, reterr) : 0;
    if (rc == 0)
        rc = check_others(f, reterr);
    return rc == 0 && saves(f) && !f->o->resume
               ? tk_runfile_name_beside(f->result_path.p, f->o->append_result, &f->run_path, reterr)
               : rc;
}

/* A name of its own begins with the label, which may say a folder: one that is there. */
static int check_label(const struct tk_vllm_files *f, struct tk_err *reterr)
{
    struct tk_buf path = TK_BUF_INIT(MAX_PATH);
    int rc = 0;

    if (saves(f) && f->o->label && strchr(f->o->label, '/')) {
        join_path(f, f->o->label, &path);
        tk_buf_add_c(&path, '-');
        rc = path.failed ? tk_err_set(reterr, path.failed, "--label is too long")
                         : tk_check_place(path.p, reterr);
    }
    tk_buf_release(&path);
    return rc;
}

int tk_vllm_files_choose(struct tk_vllm_files *f, struct tk_err *reterr)
{
    struct tk_buf name = TK_BUF_INIT(MAX_PATH);
    int rc = 0;

    if (f->o->resume && tk_buf_add_z(&f->run_path, f->o->resume) != 0)
        return tk_err_set(reterr, f->run_path.failed, "the run file's name is too long");
    if (!has_name(f))
        return 0;
    if (given_folder(f))
        rc = make_folder(given_folder(f), reterr);
    if (rc == 0 && !given_name(f))
        rc = check_label(f, reterr);
    if (rc == 0 && given_name(f)) {
        rc = choose_given(f, reterr);
    } else if (rc == 0 && saves(f) &&
               !f->o->resume) { /* renamed when the run's end gives the result's name */
        rc = tk_runfile_name_now(&name, reterr);
        if (rc == 0)
            join_path(f, name.p, &f->run_path);
    }
    tk_buf_release(&name);
    return rc;
}

/* --- after it --- */

/* One object a line when appended: a line end goes before, none behind. */
static int append(const char *path, struct tk_buf *json, struct tk_err *reterr)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    int rc = fd < 0 ? -errno : 0;

    if (rc == 0 && fstat(fd, &st) == 0 && st.st_size > 0 && write(fd, "\n", 1) != 1)
        rc = -errno;
    struct tk_str left = tk_buf_str(json);
    while (rc == 0 && left.n > 0) {
        ssize_t n = write(fd, left.p, left.n);
        if (n < 0 && errno != EINTR)
            rc = -errno;
        left.p += TK_MAX(n, 0);
        left.n -= (size_t)TK_MAX(n, 0);
    }
    if (fd >= 0 && close(fd) != 0 && rc == 0)
        rc = -errno;
    return rc == 0 ? 0
                   : tk_err_set(reterr, rc, "'%s' could not be written: %s", path, strerror(-rc));
}

/* The run's own file gets the name of the result that it lies beside. */
static void rename_run_file(struct tk_vllm_files *f)
{
    struct tk_buf path = TK_BUF_INIT(MAX_PATH);

    if (tk_runfile_name_beside(f->result_path.p, true, &path, NULL) == 0 &&
        rename(f->run_path.p, path.p) == 0) {
        tk_buf_reset(&f->run_path);
        tk_buf_add_str(&f->run_path, tk_buf_str(&path));
    }
    tk_buf_release(&path);
}

static int name_result(struct tk_vllm_files *f, const struct tk_vllm_form *form,
                       struct tk_err *reterr)
{
    struct tk_buf name = TK_BUF_INIT(MAX_PATH);
    int rc = 0;

    if (f->result_path.n > 0)
        return 0;
    rc = tk_vllm_file_name(form, &name);
    if (rc == 0)
        join_path(f, name.p, &f->result_path);
    tk_buf_release(&name);
    if (rc != 0 || f->result_path.failed)
        return tk_err_set(reterr, TK_E_LIMIT, "the result file's name is too long");
    if (f->run_path.n > 0 && !f->o->resume)
        rename_run_file(f);
    return 0;
}

static int save_result(struct tk_vllm_files *f, const struct tk_vllm_form *form,
                       const struct tk_vllm_figures *figures, struct tk_err *reterr)
{
    struct tk_buf json = TK_BUF_INIT(MAX_TEXT);

    int rc = tk_vllm_result(form, figures, &json);
    if (rc != 0)
        (void)tk_err_set(reterr, rc, "the result could not be made: %s", tk_err_text(rc));
    else if (f->o->append_result && strcmp(f->result_path.p, "-") != 0)
        rc = append(f->result_path.p, &json, reterr);
    else
        rc = tk_put_file(f->program, f->result_path.p, tk_buf_str(&json), reterr);
    tk_buf_release(&json);
    return rc;
}

/* Nothing is written where none of its statistics was asked for. */
static int save_pytorch(const struct tk_vllm_files *f, const struct tk_vllm *v,
                        const struct tk_vllm_form *form, const struct tk_vllm_figures *figures,
                        struct tk_err *reterr)
{
    struct tk_buf json = TK_BUF_INIT(MAX_TEXT), path = TK_BUF_INIT(MAX_PATH);

    int rc = tk_vllm_pytorch(v, form, figures, &json);
    if (rc == 0)
        rc = beside(tk_buf_str(&f->result_path), PYTORCH_END, &path);
    if (rc != 0)
        (void)tk_err_set(reterr, rc, "the file for PyTorch could not be made: %s", tk_err_text(rc));
    else if (json.n > 0)
        rc = tk_put_file(f->program, path.p, tk_buf_str(&json), reterr);
    tk_buf_release(&json);
    tk_buf_release(&path);
    return rc;
}

static int save_timeline(const struct tk_vllm_files *f, const struct tk_vllm *v,
                         const struct tk_vllm_figures *figures, const char *path,
                         struct tk_err *reterr)
{
    struct tk_buf page = TK_BUF_INIT(MAX_TEXT);

    int rc = tk_vllm_timeline(figures, v->itl_bounds_ms, &page);
    rc = rc == 0 ? tk_put_file(f->program, path, tk_buf_str(&page), reterr)
                 : tk_err_set(reterr, rc, "%s", tk_err_text(rc));
    tk_buf_release(&page);
    return rc;
}

static int save_stats(const struct tk_vllm_files *f, const struct tk_vllm_figures *figures,
                      const char *path, struct tk_err *reterr)
{
    struct tk_buf script = TK_BUF_INIT(MAX_TEXT), picture = TK_BUF_INIT(MAX_TEXT);

    int rc = tk_vllm_stats_plot(figures, &script);
    rc = rc == 0 ? tk_gnuplot_run(tk_buf_str(&script), &picture, reterr)
                 : tk_err_set(reterr, rc, "%s", tk_err_text(rc));
    if (rc == 0)
        rc = tk_put_file(f->program, path, tk_buf_str(&picture), reterr);
    tk_buf_release(&script);
    tk_buf_release(&picture);
    return rc;
}

static void save_pictures(const struct tk_vllm_files *f, const struct tk_vllm *v,
                          const struct tk_vllm_figures *figures, struct tk_buf *said)
{
    struct tk_buf path = TK_BUF_INIT(MAX_PATH);
    struct tk_err err = { 0 };

    if (f->o->plot_timeline && beside(tk_buf_str(&f->result_path), TIMELINE_END, &path) == 0) {
        if (save_timeline(f, v, figures, path.p, &err) == 0)
            tk_buf_addf(said, "Timeline plot saved to: %s\n", path.p);
        else
            tk_say(f->program, "UserWarning: Failed to generate timeline plot: %s", err.msg);
    }
    if (f->o->plot_dataset_stats && beside(tk_buf_str(&f->result_path), STATS_END, &path) == 0) {
        if (save_stats(f, figures, path.p, &err) == 0)
            tk_buf_addf(said, "Dataset statistics plot saved to: %s\n", path.p);
        else
            tk_say(f->program, "UserWarning: Failed to generate dataset statistics plot: %s",
                   err.msg);
    }
    tk_buf_release(&path);
}

int tk_vllm_files_save(struct tk_vllm_files *f, const struct tk_vllm *v,
                       const struct tk_vllm_form *form, const struct tk_vllm_figures *figures,
                       struct tk_buf *said, struct tk_err *reterr)
{
    if (!has_name(f))
        return 0;
    int rc = name_result(f, form, reterr);
    if (rc != 0)
        return rc;
    if (saves(f)) /* before the pictures, whose making can take a while and be ended by Ctrl-C */
        rc = save_result(f, form, figures, reterr);
    if (rc == 0 && saves(f) && f->has_pytorch)
        rc = save_pytorch(f, v, form, figures, reterr);
    save_pictures(f, v, figures, said);
    return rc;
}
