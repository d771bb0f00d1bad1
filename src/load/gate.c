/* gate.c - tickets, permits and the pacing role
 *
 * Closed loop, open loop and both together are one rule: the next ticket is released when it is due
 * and a permit is free. Whoever frees a permit asks for the next ticket itself; when the next ticket
 * is not due yet, one worker, the pacer, holds a timer for it.
 *
 * Nothing is lost between the two, without a lock: a pacer that finds every permit in use first drops
 * the role and then looks at the permits again; who frees a permit first gives it back and then asks
 * for a ticket. Either the pacer sees the free permit, or the other sees a due ticket or the vacant
 * role. A permit that was taken for a ticket that another worker got first is given back and the
 * rule starts anew, so it cannot hide a free permit for longer than that.
 *
 * Nor does anything come after the end. Who finds that the time is up or the tickets are gone closes
 * the gate for good before it looks at the permits; who takes a permit looks at the gate again
 * afterwards. A clock that was read before the end and used after it thus releases nothing.
 */
#include "load/internal.h"

static bool take_permit(struct tk_gate *g)
{
    uint32_t used = atomic_load(&g->permits);
    do {
        if (g->max_permits && used >= g->max_permits)
            return false;
    } while (!atomic_compare_exchange_weak(&g->permits, &used, used + 1));
    return true;
}

void tk__gate_give_permit(struct tk_gate *g)
{
    atomic_fetch_sub(&g->permits, 1);
}

/* When ticket `t` is due; TK_NS_NEVER when it must not go out any more. */
static tk_ns due_at(const struct tk_gate *g, uint64_t t, tk_ns now)
{
    if (t >= g->n)
        return TK_NS_NEVER;
    if (!g->due)
        return g->is_due_at_begin ? g->begin_at : now;
    tk_ns at = g->begin_at + g->due[t];
    return at < g->until_at ? at : TK_NS_NEVER;
}

/* Stopped, or between two phases. In this order: is_over is set before is_stopped is taken back. */
static bool is_shut(const struct tk_gate *g)
{
    return atomic_load(&g->is_stopped) || atomic_load(&g->is_over);
}

enum tk_gate_verdict tk__gate_take(struct tk_gate *g, tk_ns now, uint64_t *ret_index,
                                   tk_ns *ret_due_at)
{
    for (;;) {
        if (is_shut(g))
            return TK_GATE_CLOSED;
        uint64_t t = atomic_load(&g->ticket);
        tk_ns at = due_at(g, t, now);
        if (at == TK_NS_NEVER || now >= g->until_at)
            return TK_GATE_CLOSED;
        *ret_due_at = at;
        if (at > now)
            return TK_GATE_LATER;
        if (!take_permit(g))
            return TK_GATE_FULL;
        if (is_shut(g)) { /* meanwhile */
            tk__gate_give_permit(g);
            return TK_GATE_CLOSED;
        }
        if (atomic_compare_exchange_strong(&g->ticket, &t, t + 1)) {
            *ret_index = t;
            return TK_GATE_TAKEN;
        }
        tk__gate_give_permit(g); /* another worker was faster: start anew */
    }
}

bool tk__gate_is_closed(const struct tk_gate *g, tk_ns now)
{
    return is_shut(g) || now >= g->until_at ||
           due_at(g, atomic_load(&g->ticket), now) == TK_NS_NEVER;
}

bool tk__gate_ends(struct tk_gate *g, tk_ns now)
{
    if (!tk__gate_is_closed(g, now))
        return false;
    /* In this order: once shut no permit is taken for good, so one look at them is enough. */
    atomic_store(&g->is_stopped, true);
    return atomic_load(&g->permits) == 0 && !atomic_exchange(&g->is_over, true);
}

bool tk__gate_become_pacer(struct tk_gate *g, unsigned worker)
{
    int32_t nobody = -1;
    return atomic_compare_exchange_strong(&g->pacer, &nobody, (int32_t)worker) ||
           nobody == (int32_t)worker;
}

bool tk__gate_is_pacer(const struct tk_gate *g, unsigned worker)
{
    return atomic_load(&g->pacer) == (int32_t)worker;
}

void tk__gate_drop_pacer(struct tk_gate *g, unsigned worker)
{
    int32_t me = (int32_t)worker;
    atomic_compare_exchange_strong(&g->pacer, &me, -1);
}
