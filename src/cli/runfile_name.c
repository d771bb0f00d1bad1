/* runfile_name.c - where a run file goes, and what may stand in its way */
#include "cli/runfile_name.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/places.h"

#define MAX_TRIES 1000

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* One that was made a moment before its run was killed is empty. */
static bool is_run_file(const char *path)
{
    struct stat st;

    return tk_place_is_run_file(path) ||
           (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0);
}

int tk_runfile_make_room(const char *path, bool overwrite, struct tk_err *reterr)
{
    if (!exists(path))
        return 0;
    if (!overwrite)
        return tk_err_set(reterr, -EEXIST, "run file '%s' exists; --overwrite replaces it", path);
    if (!is_run_file(path))
        return tk_err_set(reterr, -EEXIST, "'%s' is no run file and is left alone", path);
    if (unlink(path) != 0)
        return tk_err_set(reterr, -errno, "'%s' cannot be replaced: %s", path, strerror(errno));
    return 0;
}

/* `stem`.tokmark, or stem-2.tokmark …: the first that is not there. */
static int first_free(struct tk_str stem, struct tk_buf *out, struct tk_err *reterr)
{
    for (unsigned i = 1; i < MAX_TRIES; i++) {
        tk_buf_reset(out);
        tk_buf_add_str(out, stem);
        if (i > 1)
            tk_buf_addf(out, "-%u", i);
        tk_buf_add_z(out, TK_RUNFILE_END);
        if (out->failed)
            return tk_err_set(reterr, out->failed, "the run file's name is too long");
        if (!exists(out->p))
            return 0;
    }
    return tk_err_set(reterr, -EEXIST, "too many run files '%.*s'", TK_STR_ARG(stem));
}

int tk_runfile_name_now(struct tk_buf *out, struct tk_err *reterr)
{
    time_t now = (time_t)(tk_clock_wall() / TK_NS_PER_S);
    struct tm tm;
    char stem[64];

    if (!localtime_r(&now, &tm) || strftime(stem, sizeof(stem), "tokmark-%Y%m%d-%H%M%S", &tm) == 0)
        return tk_err_set(reterr, -EINVAL, "the wall clock has no date");
    return first_free(tk_str_of(stem), out, reterr);
}

int tk_runfile_name_beside(const char *result, bool is_kept, struct tk_buf *out,
                           struct tk_err *reterr)
{
    struct tk_str stem = tk_str_of(result);

    if (tk_str_ends(stem, TK_STR(".json")))
        stem.n -= 5;
    if (is_kept)
        return first_free(stem, out, reterr);
    tk_buf_reset(out);
    tk_buf_add_str(out, stem);
    tk_buf_add_z(out, TK_RUNFILE_END);
    if (out->failed)
        return tk_err_set(reterr, out->failed, "the run file's name is too long");
    return tk_runfile_make_room(out->p, true, reterr);
}
