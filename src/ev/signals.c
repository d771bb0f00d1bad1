/* signals.c - signals as events of a loop
 *
 * One signal is taken per callback: the descriptor stays readable while more wait, and the callback
 * may free the object.
 */
#include "ev/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct tk_signals {
    struct tk_io io; /* on the signalfd, owned */
    tk_signal_cb cb;
    void *owner;
    sigset_t old_mask; /* of the thread that made it */
};

static void on_signal(struct tk_io *io, unsigned ready)
{
    struct tk_signals *s = io->owner;
    struct signalfd_siginfo info;

    (void)ready;
    if (read(io->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        s->cb(s->owner, (int)info.ssi_signo); /* s may be gone after this */
}

static int start(struct tk_signals *s, struct tk_loop *loop, const sigset_t *set)
{
    int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
    int rc;

    if (fd < 0)
        return -errno;
    tk_io_init(&s->io, fd, on_signal, s);
    rc = tk_io_start(loop, &s->io, TK_IO_IN);
    if (rc == 0)
        rc = -pthread_sigmask(SIG_BLOCK, set, &s->old_mask);
    if (rc) {
        tk_io_stop(&s->io);
        close(fd);
    }
    return rc;
}

int tk_signals_new(struct tk_loop *loop, const int *signos, tk_signal_cb cb, void *owner,
                   struct tk_signals **ret_signals)
{
    struct tk_signals *s;
    sigset_t set;
    int rc;

    sigemptyset(&set);
    for (; *signos; signos++) {
        if (sigaddset(&set, *signos) < 0)
            return -errno;
    }
    s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->cb = cb;
    s->owner = owner;
    rc = start(s, loop, &set);
    if (rc) {
        free(s);
        return rc;
    }
    *ret_signals = s;
    return 0;
}

void tk_signals_take(struct tk_signals *s)
{
    on_signal(&s->io, TK_IO_IN);
}

struct tk_signals *tk_signals_free(struct tk_signals *s)
{
    if (!s)
        return NULL;
    tk_io_stop(&s->io);
    close(s->io.fd);
    (void)pthread_sigmask(SIG_SETMASK, &s->old_mask, NULL);
    free(s);
    return NULL;
}
