/* signals.h - signals as events of a loop (signalfd) */
#ifndef TK_EV_SIGNALS_H
#define TK_EV_SIGNALS_H

#include "ev/loop.h"

typedef void (*tk_signal_cb)(void *owner, int signo);

struct tk_signals;

/* Block `signos` (0-terminated) in this thread and in those started afterwards, and have them
 * called back on the loop. 0 or a negated errno. Freeing restores the thread's mask. */
int tk_signals_new(struct tk_loop *loop, const int *signos, tk_signal_cb cb, void *owner,
                   struct tk_signals **ret_signals);

/* Call back now for one that has come meanwhile, if any, for an owner that was away from its loop. */
void tk_signals_take(struct tk_signals *s);

struct tk_signals *tk_signals_free(struct tk_signals *s);

#endif
