/* out.c - what every command uses to talk to people: results, errors, help */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/places.h"
#include "load/load.h"
#include "run/plan.h"

#define FLUSH_BYTES ((size_t)1 << 20)
#define MAX_CONFIG ((size_t)16 << 20)

/* What files and servers say is in messages too, and must not tell the terminal what to do. */
static void mask_controls(char *text)
{
    for (; *text; text++) {
        if (((unsigned char)*text < ' ' && *text != '\n' && *text != '\t') || *text == 0x7F)
            *text = '?';
    }
}

void tk_say(const char *program, const char *fmt, ...)
{
    char line[1536];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    mask_controls(line);
    (void)fprintf(stderr, "%s: %s\n", program, line); /* one call: lines of threads do not mix */
}

int tk_fail(int status, const char *program, const struct tk_err *e)
{
    if (e->line > 0 && !strstr(e->msg, "line ")) /* unless the message says so itself */
        tk_say(program, "%s (line %u)", e->msg, e->line);
    else
        tk_say(program, "%s", e->msg);
    return status;
}

static int write_all(int fd, struct tk_str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text.p += n;
        text.n -= (size_t)n;
    }
    return 0;
}

bool tk_put(const char *program, struct tk_str text)
{
    int rc = fflush(stdout) == 0 ? write_all(STDOUT_FILENO, text) : -errno;

    if (rc != 0)
        tk_say(program, "the result could not be written to standard output: %s", strerror(-rc));
    return rc == 0;
}

int tk_put_file(const char *program, const char *path, struct tk_str text, struct tk_err *reterr)
{
    if (strcmp(path, "-") == 0)
        return tk_put(program, text) ? 0 : tk_err_set(reterr, -EIO, "standard output is gone");
    if (tk_place_is_run_file(path))
        return tk_err_set(reterr, -EEXIST, "'%s' is a run file and is left alone", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return tk_err_set(reterr, -errno, "'%s' cannot be written: %s", path, strerror(errno));
    struct stat st;
    bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    int rc = write_all(fd, text);
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    if (rc != 0 && is_file)
        (void)unlink(path);
    if (rc != 0)
        return tk_err_set(reterr, rc, "'%s' could not be written: %s", path, strerror(-rc));
    return 0;
}

int tk_check_place(const char *path, struct tk_err *reterr)
{
    if (strcmp(path, "-") == 0)
        return 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool is_new = fd >= 0;
    if (!is_new && errno == EEXIST)
        fd = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENXIO) /* a pipe that nobody reads yet */
        return 0;
    if (fd < 0)
        return tk_err_set(reterr, -errno, "'%s' cannot be written: %s", path, strerror(errno));
    (void)close(fd);
    if (is_new)
        (void)unlink(path);
    return 0;
}

int tk_put_dry_run(const char *program, const struct tk_load_conf *conf, uint64_t n)
{
    struct tk_buf out = TK_BUF_INIT((size_t)1 << 32);
    bool is_put = true;
    int rc = 0;

    for (uint64_t i = 0; rc == 0 && is_put && i < n; i++) {
        rc = tk_load_describe(conf, i, &out);
        if (rc == 0)
            rc = tk_buf_add_c(&out, '\n');
        if (rc == 0 && (out.n > FLUSH_BYTES || i + 1 == n)) {
            is_put = tk_put(program, tk_buf_str(&out));
            tk_buf_reset(&out);
        }
    }
    if (rc != 0)
        tk_say(program, "the requests could not be described: %s", tk_err_text(rc));
    tk_buf_release(&out);
    return rc == 0 && is_put ? TK_EXIT_OK : TK_EXIT_FAILED;
}

/* --- the configuration --- */

static void put_arguments(struct tk_jsonw *w, const struct tk_opt_list *args)
{
    tk_jsonw_key(w, "arguments");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < args->n; i++) {
        struct tk_buf masked = TK_BUF_INIT(MAX_CONFIG);
        tk_jsonw_z(w, tk_plan_mask_url(args->v[i], &masked) == 0 ? masked.p : "***");
        tk_buf_release(&masked);
    }
    tk_jsonw_arr_end(w);
}

static void put_plan(struct tk_jsonw *w, const struct tk_plan *plan)
{
    struct tk_buf json = TK_BUF_INIT(MAX_CONFIG);

    tk_jsonw_key(w, "plan");
    if (plan && tk_plan_to_json(plan, &json) == 0)
        tk_jsonw_raw(w, tk_buf_str(&json));
    else
        tk_jsonw_null(w);
    tk_buf_release(&json);
}

int tk_put_config(const struct tk_opt_command *c, const void *values, const struct tk_opt_result *r,
                  const struct tk_plan *plan)
{
    struct tk_buf out = TK_BUF_INIT(2 * MAX_CONFIG);
    struct tk_jsonw w;

    tk_jsonw_init(&w, &out, TK_JSONW_PRETTY);
    tk_jsonw_obj(&w);
    tk_jsonw_key(&w, "program");
    tk_jsonw_z(&w, "tokmark " TK_VERSION);
    tk_jsonw_key(&w, "command");
    tk_jsonw_z(&w, c->name);
    if (!c->speaks_argparse) /* which takes none */
        put_arguments(&w, &r->args);
    tk_jsonw_key(&w, "options");
    int rc = tk_opt_put_config(c, values, r, &w);
    put_plan(&w, plan);
    tk_jsonw_obj_end(&w);
    tk_buf_add_c(&out, '\n');
    rc = rc ? rc : out.failed;
    if (rc != 0)
        tk_say(c->name, "the configuration could not be written down: %s", tk_err_text(rc));
    bool is_put = rc == 0 && tk_put(c->name, tk_buf_str(&out));
    tk_buf_release(&out);
    return is_put ? TK_EXIT_OK : TK_EXIT_FAILED;
}

unsigned tk_columns(void)
{
    struct winsize w;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < 40)
        return 80;
    return TK_MIN(w.ws_col, 120U);
}

static int print_help(const struct tk_opt_command *c)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    int rc = tk_opt_help(c, tk_columns(), &out);
    bool is_put = rc == 0 && tk_put(c->name, tk_buf_str(&out));

    tk_buf_release(&out);
    return is_put ? TK_EXIT_OK : TK_EXIT_FAILED;
}

int tk_parse(const struct tk_opt_command *c, int argc, char **argv, void *values,
             struct tk_opt_result *res)
{
    struct tk_err err = { 0 };
    int rc = tk_opt_parse(c, argc - 1, argv + 1, values, res, &err);

    if (rc == 0 && res->wants_help)
        return print_help(c);
    if (rc == 0)
        return -1;
    if (c->speaks_argparse)
        tk_say(c->name, "error: %s", err.msg);
    else
        (void)tk_fail(TK_EXIT_USAGE, c->name, &err);
    (void)fprintf(stderr, "%s --help lists the options\n", c->name);
    return TK_EXIT_USAGE;
}
