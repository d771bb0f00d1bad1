/* test_unix.c - Unix sockets: names, what is left behind, a full queue; the rest is the contract's */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/failmalloc.h"
#include "lib/tap.h"
#include "pair.h"

static char folder[] = "/tmp/tk-unix-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[200];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void check_name(const char *path, int rc, const char *want)
{
    struct tk_addr a = { 0 };
    struct tk_err err = { 0 };
    char text[64];

    T_EQ_I(tk_addr_unix(path, &a, &err), rc, "'%s': %s", path, err.msg);
    if (rc == 0)
        T_EQ_S(tk_addr_format(&a, text), want, "'%s' written", path);
}

static void test_names(void)
{
    char longest[109], cut[64];

    memset(longest, 'x', sizeof(longest));
    longest[107] = '\0';
    longest[106] = 'y';
    check_name("/run/x.sock", 0, "unix:/run/x.sock");
    check_name("x", 0, "unix:x");
    check_name("@name", 0, "unix:@name");
    snprintf(cut, sizeof(cut), "unix:...%s", longest + 107 - 54);
    check_name(longest, 0, cut);
    check_name("", TK_E_RANGE, NULL);
    check_name("@", TK_E_RANGE, NULL);
    longest[107] = 'x';
    longest[108] = '\0';
    check_name(longest, TK_E_RANGE, NULL);
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void test_listen(void)
{
    const char *path = in_folder("s");
    struct tk_err err = { 0 };
    int fd = tk_listen_unix(path, &err), fd2;

    T_OK(fd >= 0 && is_there(path), "listens: %s", err.msg);
    T_OK(tk_xport_of_socket(fd) == &tk_xport_unix, "its connections are Unix sockets");
    T_EQ_I(tk_listen_unix(path, &err), -EADDRINUSE, "not twice: %s", err.msg);
    close(fd);
    T_OK(is_there(path), "a server that is gone leaves its socket behind");
    fd = tk_listen_unix(path, &err);
    T_OK(fd >= 0, "which is replaced");
    tk_unlisten_unix(path);
    T_OK(!is_there(path), "removed");
    close(fd);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    T_EQ_I(tk_listen_unix(path, &err), -EEXIST, "a file that is no socket stays: %s", err.msg);
    T_OK(is_there(path) && strstr(err.msg, path), "and is named");
    tk_unlisten_unix(path);
    T_EQ_I(tk_listen_unix(in_folder("no/s"), &err), -ENOENT, "no folder: %s", err.msg);
    snprintf(err.msg, sizeof(err.msg), "@tk-unix-%d", (int)getpid());
    fd = tk_listen_unix(err.msg, NULL);
    fd2 = tk_listen_unix(err.msg, NULL);
    T_OK(fd >= 0 && fd2 == -EADDRINUSE, "abstract: once");
    tk_unlisten_unix(err.msg);
    close(fd);
    T_OK(tk_xport_of_socket(-1) == &tk_xport_tcp, "no socket is no Unix socket");
}

static struct tk_xport *start(struct tk_loop *loop, const char *path)
{
    struct tk_addr a;
    struct tk_xport_conf conf = { .peer = &a, .fd = -1 };
    struct tk_xport *x = NULL;
    struct tk_err err = { 0 };

    T_EQ_I(tk_addr_unix(path, &a, NULL), 0, "%s", path);
    T_EQ_I(tk_xport_new(&tk_xport_unix, loop, &conf, &x, &err), 0, "begins to connect: %s",
           err.msg);
    return x;
}

static void test_failures(struct tk_loop *loop)
{
    const char *path = in_folder("gone");
    struct tk_xport *x = start(loop, path);
    int fd;

    T_EQ_I(tk_xport_handshake(x), -ENOENT, "nothing there");
    T_EQ_I(tk_xport_connected_at(x), 0, "not connected");
    tk_xport_free(x);
    fd = tk_listen_unix(path, NULL);
    close(fd);
    x = start(loop, path);
    T_EQ_I(tk_xport_handshake(x), -ECONNREFUSED, "nobody listens");
    tk_xport_free(x);
    tk_unlisten_unix(path);
}

/* A listener whose queue has no room left: how many went in. */
static int fill(int listener, const struct tk_addr *a, int *fds, int cap)
{
    int n = 0;

    if (listen(listener, 1) < 0) /* lowers it */
        return -1;
    for (; n < cap; n++) {
        fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(fds[n], &a->u.any, a->n) < 0) {
            close(fds[n]);
            return errno == EAGAIN ? n : -1;
        }
    }
    return -1;
}

static void test_full_queue(struct tk_loop *loop)
{
    struct pair p = { .loop = loop };
    const char *path = in_folder("full");
    struct tk_addr a;
    int fds[16], n, listener = tk_listen_unix(path, NULL);
    struct tk_stamp stamp = { .arrived_wall = -1 };
    char buf[4];

    tk_addr_unix(path, &a, NULL);
    n = fill(listener, &a, fds, 16);
    T_OK(n > 0, "a queue of %d is full", n);
    p.client = start(loop, path);
    T_EQ_I(tk_xport_handshake(p.client), TK_E_AGAIN_WRITE, "it waits for room");
    T_EQ_I(tk_xport_handshake(p.client), TK_E_AGAIN_WRITE, "and goes on waiting");
    for (int i = 0; i < n; i++) {
        close(tk_accept(listener));
        close(fds[i]);
    }
    pair_wait(&p, TK_IO_OUT, 0);
    T_EQ_I(tk_xport_handshake(p.client), 0, "there was room");
    T_OK(tk_xport_connected_at(p.client) > 0, "connected");
    T_EQ_I(pair_accept(&p, listener), 0, "accepted");
    T_EQ_I(tk_xport_write(p.server, &(struct iovec){ (char[]){ "hi" }, 2 }, 1), 2, "write");
    pair_wait(&p, TK_IO_IN, 0);
    T_EQ_I(tk_xport_read(p.client, buf, sizeof(buf), &stamp), 2, "read");
    T_OK(stamp.arrived_wall == 0 && stamp.seen_at > 0, "no kernel stamp, the clock after the read");
    pair_release(&p);
    n = fill(listener, &a, fds, 16);
    p.client = start(loop, path);
    T_EQ_I(tk_xport_watch(p.client, TK_IO_OUT, pair_stop_loop, &p), 0, "watched while it waits");
    tk_xport_free(p.client); /* with its timer, and a queue that is full */
    p.client = start(loop, path);
    close(listener); /* what was in the queue is reset, what waited for room is refused */
    pair_wait(&p, TK_IO_OUT, 0);
    T_EQ_I(tk_xport_handshake(p.client), -ECONNREFUSED, "refused after it waited");
    pair_release(&p);
    for (int i = 0; i < n; i++)
        close(fds[i]);
    tk_unlisten_unix(path);
}

/* A timer that there is no memory for is a failure to connect. */
static void test_no_memory(void)
{
    const char *path = in_folder("poor");
    struct tk_addr a;
    int fds[16], n_fds, listener = tk_listen_unix(path, NULL);
    struct tk_xport_conf conf = { .peer = &a, .fd = -1 };
    struct tk_loop *loop;

    tk_addr_unix(path, &a, NULL);
    n_fds = fill(listener, &a, fds, 16);
    for (int n = 1, is_over = 0; !is_over; n++) {
        struct tk_xport *x = NULL;
        int rc;

        if (tk_loop_new(TK_LOOP_REAL, &loop))
            abort();
        tk_failmalloc_at(n);
        rc = tk_xport_new(&tk_xport_unix, loop, &conf, &x, NULL);
        rc = rc ? rc : tk_xport_handshake(x);
        is_over = !tk_failmalloc_off();
        T_EQ_I(rc, is_over ? TK_E_AGAIN_WRITE : -ENOMEM, "allocation %d", n);
        tk_xport_free(x);
        tk_loop_free(loop);
    }
    for (int i = 0; i < n_fds; i++)
        close(fds[i]);
    close(listener);
    tk_unlisten_unix(path);
}

int main(void)
{
    struct tk_loop *loop;

    if (!mkdtemp(folder) || tk_loop_new(TK_LOOP_REAL, &loop))
        return 1;
    test_names();
    test_listen();
    test_failures(loop);
    test_full_queue(loop);
    test_no_memory();
    tk_loop_free(loop);
    T_EQ_I(rmdir(folder), 0, "nothing is left");
    return T_DONE();
}
