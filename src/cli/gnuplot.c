/* gnuplot.c - pictures by the program of that name
 *
 * It reads its words from a file without a name, so that it and this program never wait for each other;
 * the picture and what it complains of go into two others. So no name of a file is among its words, which
 * a name with a line end would be more of: a line that begins with '!' is a command for the shell.
 */
#include "cli/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"

#define PROGRAM "gnuplot"

int tk_gnuplot_find(struct tk_err *reterr)
{
    const char *path = getenv("PATH");
    struct tk_str rest = tk_str_of(path ? path : "/usr/bin:/bin"), folder;
    bool is_there = false;

    while (!is_there && tk_str_split(&rest, ':', &folder)) {
        struct tk_buf file = TK_BUF_INIT(64 << 10);
        tk_buf_addf(&file, "%.*s/" PROGRAM, TK_STR_ARG(folder));
        is_there = file.p && access(file.p, X_OK) == 0;
        tk_buf_release(&file);
    }
    return is_there ? 0
                    : tk_err_set(reterr, TK_E_NOT_FOUND,
                                 "there is no '" PROGRAM "' in PATH, which draws this picture: "
                                 "install it (Debian: gnuplot-nox), or leave the option out");
}

/* A file without a name that holds `text`, at its beginning; or -errno. */
static int file_of(struct tk_str text)
{
    int fd = memfd_create(PROGRAM, MFD_CLOEXEC);

    while (fd >= 0 && text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR) {
            int rc = -errno;
            (void)close(fd);
            return rc;
        }
        text.p += TK_MAX(n, 0);
        text.n -= (size_t)TK_MAX(n, 0);
    }
    if (fd < 0)
        return -errno;
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

/* What the program has in place of its standard streams: files without names. */
struct ends {
    int script, picture, complaints;
};

static int spawn(const struct ends *e, pid_t *ret_pid)
{
    char *argv[] = { (char[]){ PROGRAM }, (char[]){ "-" }, NULL };
    posix_spawn_file_actions_t actions;

    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return -rc;
    rc = posix_spawn_file_actions_adddup2(&actions, e->script, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, e->picture, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, e->complaints, STDERR_FILENO);
    if (rc == 0)
        rc = posix_spawnp(ret_pid, PROGRAM, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

/* The first line that says something. */
static struct tk_str first_words(int fd, char *text, size_t cap)
{
    ssize_t n = pread(fd, text, cap, 0);
    struct tk_str rest = { text, n > 0 ? (size_t)n : 0 }, line;

    while (tk_str_split(&rest, '\n', &line)) {
        line = tk_str_trim(line);
        if (line.n > 0 && line.p[0] != '^')
            return line;
    }
    return TK_STR("it says nothing");
}

static int wait_for(pid_t pid, int said, struct tk_err *reterr)
{
    char text[4096];
    int status = 0;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return tk_err_set(reterr, -errno, PROGRAM " was lost: %s", strerror(errno));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    struct tk_str words = first_words(said, text, sizeof(text));
    return tk_err_set(reterr, TK_E_FORMAT, PROGRAM " failed: %.*s", TK_STR_ARG(words));
}

static int read_picture(int fd, struct tk_buf *out, struct tk_err *reterr)
{
    char part[64 << 10];
    ssize_t n = 0;

    (void)lseek(fd, 0, SEEK_SET);
    while (!out->failed && (n = read(fd, part, sizeof(part))) > 0)
        tk_buf_add(out, part, (size_t)n);
    if (n < 0 || out->failed)
        return tk_err_set(reterr, TK_E_LIMIT, "the picture of " PROGRAM " could not be read");
    return out->n > 0 ? 0 : tk_err_set(reterr, TK_E_FORMAT, PROGRAM " made no picture");
}

static int draw(const struct ends *e, struct tk_buf *out, struct tk_err *reterr)
{
    pid_t pid = 0;
    int rc = spawn(e, &pid);

    if (rc == -ENOENT)
        return tk_gnuplot_find(reterr);
    if (rc != 0)
        return tk_err_set(reterr, rc, PROGRAM " could not be started: %s", strerror(-rc));
    rc = wait_for(pid, e->complaints, reterr);
    return rc == 0 ? read_picture(e->picture, out, reterr) : rc;
}

int tk_gnuplot_run(struct tk_str script, struct tk_buf *out, struct tk_err *reterr)
{
    const struct tk_str nothing = { 0 };
    const struct ends e = { file_of(script), file_of(nothing), file_of(nothing) };
    const int fds[] = { e.script, e.picture, e.complaints };
    int rc = 0;

    for (size_t i = 0; i < TK_ARRAY_LEN(fds); i++)
        rc = TK_MIN(rc, fds[i]);
    rc = rc == 0 ? draw(&e, out, reterr)
                 : tk_err_set(reterr, rc, "no file for " PROGRAM ": %s", strerror(-rc));
    for (size_t i = 0; i < TK_ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
    return rc;
}
