/* simchild.c - the simulated server as a child process
 *
 * A process of its own, so that its CPU time and its threads are not the client's. It gets its own
 * process group: Ctrl-C goes to the client alone, which needs the server while it drains.
 */
#include "cli/simchild.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/def.h"
#include "base/str.h"
#include "cli/exit.h"

#define MAX_WORDS 64
#define START_TIMEOUT (10 * TK_NS_PER_S)

static const char marker[] = "listening on ";

/* In the child, after fork: nothing but system calls. */
static void become_sim(int out, char *const *words)
{
    (void)setpgid(0, 0);
    (void)dup2(out, STDOUT_FILENO);
    (void)execv("/proc/self/exe", words);
    _exit(127);
}

/* Read the line that says where it listens; 0 or a negative code. */
static int read_url(int fd, struct tk_simchild *s)
{
    char line[512];
    size_t n = 0;
    tk_ns until = tk_clock_now() + START_TIMEOUT;

    while (n < sizeof(line) - 1) {
        tk_ns left = until - tk_clock_now();
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (left <= 0 || poll(&p, 1, (int)(left / TK_NS_PER_MS) + 1) == 0)
            return TK_E_TIMEOUT;
        ssize_t got = read(fd, line + n, 1);
        if (got <= 0)
            return TK_E_EOF_EARLY;
        if (line[n] == '\n')
            break;
        n++;
    }
    line[n] = '\0';
    const char *at = strstr(line, marker);
    if (!at)
        return TK_E_FORMAT;
    struct tk_str url = tk_str_trim(tk_str_of(at + sizeof(marker) - 1));
    if (url.n == 0 || url.n >= sizeof(s->url))
        return TK_E_FORMAT;
    memcpy(s->url, url.p, url.n);
    s->url[url.n] = '\0';
    return 0;
}

/* The fixed words, `more` as they are, `args` cut at spaces; `copy` holds the last. */
static int make_words(const char *args, const char *const *more, char *copy, size_t cap,
                      char **words)
{
    static char name[] = "tokmark", command[] = "sim", port[] = "--port", zero[] = "0";
    static char with_parent[] = "--with-parent", quiet[] = "--quiet";
    char *const fixed[] = { name, command, port, zero, with_parent, quiet };
    size_t n = 0;

    for (; n < TK_ARRAY_LEN(fixed); n++)
        words[n] = fixed[n];
    for (; more && *more; more++) {
        if (n == MAX_WORDS)
            return TK_E_LIMIT;
        words[n++] = (char *)(uintptr_t)*more; /* execv takes no const */
    }
    size_t len = args ? strlen(args) : 0;
    if (len >= cap)
        return TK_E_LIMIT;
    memcpy(copy, args ? args : "", len);
    copy[len] = '\0';
    char *at = copy;
    while (*(at += strspn(at, " "))) {
        if (n == MAX_WORDS)
            return TK_E_LIMIT;
        words[n++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
    }
    words[n] = NULL;
    return 0;
}

/* How it ended, as waitpid() says; 0: there was none. */
static int end(struct tk_simchild *s)
{
    int how = 0;

    if (s->pid <= 0)
        return 0;
    (void)kill(s->pid, SIGTERM);
    while (waitpid(s->pid, &how, 0) < 0 && errno == EINTR)
        continue;
    s->pid = 0;
    return how;
}

int tk_simchild_start(struct tk_simchild *s, const char *args, const char *const *more,
                      struct tk_err *reterr)
{
    char copy[4096];
    char *words[MAX_WORDS + 1];
    int ends[2];

    s->pid = 0;
    s->has_said = false;
    int rc = make_words(args, more, copy, sizeof(copy), words);
    if (rc != 0)
        return tk_err_set(reterr, rc, "too many words for the simulated server");
    if (pipe2(ends, O_CLOEXEC) != 0)
        return tk_err_set(reterr, -errno, "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        become_sim(ends[1], words);
    (void)close(ends[1]);
    if (pid < 0) {
        rc = -errno;
        (void)close(ends[0]);
        return tk_err_set(reterr, rc, "the simulated server could not be started: %s",
                          strerror(-rc));
    }
    s->pid = pid;
    rc = read_url(ends[0], s);
    (void)close(ends[0]);
    if (rc == 0)
        return 0;
    int how = end(s);
    s->has_said = WIFEXITED(how) && WEXITSTATUS(how) == TK_EXIT_USAGE;
    return tk_err_set(reterr, rc, "the simulated server did not start: %s", tk_err_text(rc));
}

void tk_simchild_stop(struct tk_simchild *s)
{
    (void)end(s);
}
