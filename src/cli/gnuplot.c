/* gnuplot.c - pictures by the program of that name
 *
 * It reads its words from a file without a name, so that it and this program never wait for each other,
 * and what it complains of goes into another one.
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

#include "base/buf.h"
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

static int spawn(int in, int out, pid_t *ret_pid)
{
    char *argv[] = { (char[]){ PROGRAM }, (char[]){ "-" }, NULL };
    posix_spawn_file_actions_t actions;

    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return -rc;
    rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
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

int tk_gnuplot_run(struct tk_str script, struct tk_err *reterr)
{
    pid_t pid = 0;
    int in = file_of(script), said = file_of((struct tk_str){ 0 });
    int rc = in < 0 ? in : said < 0 ? said : spawn(in, said, &pid);

    if (rc == -ENOENT)
        (void)tk_gnuplot_find(reterr);
    else if (rc != 0)
        (void)tk_err_set(reterr, rc, PROGRAM " could not be started: %s", strerror(-rc));
    else
        rc = wait_for(pid, said, reterr);
    if (in >= 0)
        (void)close(in);
    if (said >= 0)
        (void)close(said);
    return rc;
}
