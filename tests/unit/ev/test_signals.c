/* test_signals.c - signals arrive on the loop, and the mask comes back */
#include "ev/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "lib/failmalloc.h"
#include "lib/tap.h"

static struct tk_loop *loop;
static struct tk_signals *signals;
static int seen[8], n_seen;

static bool is_blocked(int signo)
{
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, signo) == 1;
}

static void on_signal(void *owner, int signo)
{
    T_OK(owner == &seen, "the owner comes along");
    seen[n_seen++] = signo;
    if (n_seen == 1)
        kill(getpid(), SIGINT);
    if (n_seen < 3)
        return;
    signals = tk_signals_free(signals); /* in its own callback */
    tk_loop_stop(loop);
}

int main(void)
{
    static const int signos[] = { SIGUSR1, SIGINT, SIGTERM, 0 };
    static const int invalid[] = { 12345, 0 };
    struct tk_loop *virtual_loop;

    T_EQ_I(tk_loop_new(TK_LOOP_REAL, &loop), 0, "a loop");
    tk_failmalloc_at(1);
    T_EQ_I(tk_signals_new(loop, signos, on_signal, &seen, &signals), -ENOMEM, "no memory");
    tk_failmalloc_off();
    T_EQ_I(tk_signals_new(loop, invalid, on_signal, &seen, &signals), -EINVAL, "no such signal");
    T_OK(!is_blocked(SIGINT), "nothing is blocked at first");

    T_EQ_I(tk_signals_new(loop, signos, on_signal, &seen, &signals), 0, "new");
    T_OK(is_blocked(SIGUSR1) && is_blocked(SIGINT) && is_blocked(SIGTERM), "blocked now");
    tk_signals_take(signals);
    T_EQ_I(n_seen, 0, "none waits");
    kill(getpid(), SIGUSR1);
    tk_signals_take(signals);
    T_EQ_I(n_seen, 1, "taken without the loop");
    kill(getpid(), SIGTERM);
    T_EQ_I(tk_loop_run(loop), 0, "run");
    T_EQ_I(n_seen, 3, "one callback per signal");
    T_OK(seen[0] + seen[1] + seen[2] == SIGUSR1 + SIGTERM + SIGINT, "each came");
    T_OK(!is_blocked(SIGUSR1) && !is_blocked(SIGINT), "the mask is back");
    loop = tk_loop_free(loop);

    tk_loop_new(TK_LOOP_VIRTUAL, &virtual_loop);
    T_EQ_I(tk_signals_new(virtual_loop, signos, on_signal, NULL, &signals), -ENOTSUP,
           "a virtual loop has no signals");
    T_OK(!is_blocked(SIGINT), "and nothing is blocked");
    tk_loop_free(virtual_loop);
    T_OK(tk_signals_free(NULL) == NULL, "NULL may be freed");
    return T_DONE();
}
