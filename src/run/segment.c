/* segment.c - which process writes a run file; segments put on one line of time */
#include "run/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"

/* A small file as text; its length, 0 when there is none. */
static size_t read_text(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, cap - 1);

    if (fd >= 0)
        (void)close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* Field 22 of /proc/PID/stat: the process' start; 0: there is none, or only what is left of one that nobody
 * has waited for. The name before it may hold anything. */
static int64_t start_of(int64_t pid)
{
    enum { FIELDS_BEHIND_NAME = 20 };
    char path[64], text[1024];
    int64_t started = 0;

    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    (void)read_text(path, text, sizeof(text));
    const char *name_end = strrchr(text, ')');
    struct tk_str rest = tk_str_of(name_end ? name_end + 1 : "");
    struct tk_str field = { NULL, 0 };

    rest = tk_str_trim(rest);
    if (rest.n > 0 && rest.p[0] == 'Z')
        return 0;
    for (int i = 0; i < FIELDS_BEHIND_NAME; i++) {
        if (!tk_str_split(&rest, ' ', &field))
            return 0;
    }
    return tk_num_parse_i64(field, 0, INT64_MAX, &started) == 0 ? started : 0;
}

void tk__process_self(struct tk__process *ret)
{
    *ret = (struct tk__process){ .pid = getpid() };
    (void)read_text("/proc/sys/kernel/random/boot_id", ret->boot, sizeof(ret->boot));
    ret->boot[strcspn(ret->boot, "\n")] = '\0';
    ret->started = start_of(ret->pid);
}

bool tk__process_lives(const struct tk__process *p)
{
    struct tk__process self;

    tk__process_self(&self);
    return p->pid != self.pid && p->started > 0 && strcmp(p->boot, self.boot) == 0 &&
           start_of(p->pid) == p->started;
}

size_t tk_segments_begun(const struct tk_segment *s, size_t n)
{
    size_t n_begun = 0;

    for (size_t i = 0; i < n; i++)
        n_begun += s[i].begin_at != 0;
    return n_begun;
}

void tk__segments_line_up(struct tk_segment *s, size_t n)
{
    tk_ns line = 0;

    for (size_t i = 0; i < n; i++) {
        if (s[i].begin_at == 0)
            continue;
        s[i].end_at = TK_MAX(s[i].end_at, s[i].begin_at);
        s[i].shift = line ? line - s[i].begin_at : 0;
        s[i].begin_at += s[i].shift;
        s[i].end_at += s[i].shift;
        line = s[i].end_at;
    }
}
