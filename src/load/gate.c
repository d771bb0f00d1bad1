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
 * The bound may change over time, by a table that is const while the phase runs (a shape of
 * concurrency). So it is no shared state: it is a function of the clock, and each worker reads it with
 * its own. Three things could go wrong, and none of them does:
 *   - It falls. Nobody has to be told: who asks next finds more permits in use than there are, and goes
 *     away. What is in flight ends in its own time; permits in use come down to the bound as it does. A
 *     worker that read its clock before the fall and takes a permit after it has released its request
 *     at the instant of that clock, which is the one that the record keeps.
 *   - It rises. No permit is given back, so the rule above wakes nobody. Therefore each rise has owners:
 *     of the new permits p .. q-1 worker k has those whose number is k modulo the number of workers
 *     (as it had at the start), and every worker with one of them sets a timer for the instant. It
 *     fires at that instant or after it, the owner then reads its clock and asks as often as it has
 *     new permits. So all of them are asked for with a clock that sees the rise; an owner that finds
 *     none free has been forestalled by a worker that freed one, and that one is in flight. (Whoever
 *     frees a permit asks until none is free, so even a rise without owners would be found then; but
 *     from 0 permits nobody frees one.)
 *   - It rises while a worker looks with a clock of before the rise, finds every permit in use and
 *     goes away. That is right for its clock, and the owners' turn is still to come.
 *
 * Nor does anything come after the end. Who finds that the time is up or the tickets are gone closes
 * the gate for good before it looks at the permits; who takes a permit looks at the gate again
 * afterwards. A clock that was read before the end and used after it thus releases nothing.
 */
#include "load/internal.h"

/* The step that holds at `offset` from the start. Workers begin where the latest one was found, which
 * is nearly always right; a stale value only costs steps of the search. */
static uint32_t permits_at(struct tk_gate *g, tk_ns offset)
{
    size_t found = atomic_load_explicit(&g->step, memory_order_relaxed);
    size_t i = found;

    while (i > 0 && g->steps[i].at > offset)
        i--;
    while (i + 1 < g->n_steps && g->steps[i + 1].at <= offset)
        i++;
    if (i != found)
        atomic_store_explicit(&g->step, i, memory_order_relaxed);
    return g->steps[i].permits;
}

uint32_t tk__gate_bound(struct tk_gate *g, tk_ns now)
{
    if (g->n_steps)
        return permits_at(g, now - g->begin_at);
    return g->max_permits ? g->max_permits : UINT32_MAX;
}

static bool is_full(struct tk_gate *g, tk_ns now)
{
    return atomic_load(&g->permits) >= tk__gate_bound(g, now);
}

static bool take_permit(struct tk_gate *g, tk_ns now)
{
    uint32_t bound = tk__gate_bound(g, now);
    uint32_t used = atomic_load(&g->permits);
    do {
        if (used >= bound)
            return false;
    } while (!atomic_compare_exchange_weak(&g->permits, &used, used + 1));
    return true;
}

void tk__gate_pause(struct tk_gate *g)
{
    if (g->pause)
        atomic_store(&g->not_before, tk_clock_now() + g->pause);
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
    if (!g->due && g->pause)
        return TK_MAX(now, atomic_load(&g->not_before));
    if (!g->due)
        return g->is_due_at_begin ? g->begin_at : now;
    tk_ns at = g->begin_at + g->due[t];
    return at < g->until_at ? at : TK_NS_NEVER;
}

/* Which request a ticket is. */
static uint64_t index_of(const struct tk_gate *g, uint64_t t)
{
    if (TK_LIKELY(!g->past))
        return t;
    return t < g->past->n_todo ? g->past->todo[t] : g->past->next + (t - g->past->n_todo);
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
        if (g->supply && index_of(g, t) >= atomic_load(&g->supply->n_made))
            return is_full(g, now) ? TK_GATE_FULL : TK_GATE_UNMADE; /* it would not go out anyhow */
        if (!take_permit(g, now))
            return TK_GATE_FULL;
        if (is_shut(g)) { /* meanwhile */
            tk__gate_give_permit(g);
            return TK_GATE_CLOSED;
        }
        if (atomic_compare_exchange_strong(&g->ticket, &t, t + 1)) {
            *ret_index = index_of(g, t);
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
