/* schedule.c - when the steps of an answer are due: the fixed schedule
 *
 *   arrived --ttft--> first event --gap--> second --gap--> …
 *
 * Deadlines are absolute: each is the one before plus a gap, whatever the clock said when the
 * event was sent, so that lateness never adds up. A late step is done at once. The gap is
 * itl_dur, or drawn from a distribution by the request's own generator, so that the n-th request
 * gets the same gaps however requests interleave.
 *
 * One timer per stream. A whole reply has no events to time: its one timer is set to the instant of
 * its last token.
 */
#include <math.h>

#include "sim/internal.h"

double tk__rng_double(uint64_t *state)
{
    return (double)(tk_splitmix_next(state) >> 11) * 0x1p-53;
}

static tk_ns draw_gap(struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    double mean = (double)k->itl_dur;

    switch ((enum tk_sim_jitter)k->jitter) {
    case TK_SIM_JITTER_EXPONENTIAL:
        return (tk_ns)(-mean * log1p(-tk__rng_double(&st->rng)));
    case TK_SIM_JITTER_UNIFORM:
        return (tk_ns)(2 * mean * tk__rng_double(&st->rng));
    case TK_SIM_JITTER_NONE:
        break;
    }
    return k->itl_dur;
}

/* From the first event to the last. At most an hour times ten million: 2^55 s in ns does not fit,
 * so the sum is capped. */
static tk_ns whole_dur(struct tk__stream *st)
{
    int64_t n_gaps = tk__stream_n_steps(st) - 1;
    tk_ns sum = 0;

    if (n_gaps <= 0)
        return 0;
    if (st->call.knobs.jitter == TK_SIM_JITTER_NONE)
        return __builtin_mul_overflow(n_gaps, st->call.knobs.itl_dur, &sum) ? TK_NS_NEVER / 4 : sum;
    while (n_gaps-- > 0 && sum < TK_NS_NEVER / 4)
        sum += draw_gap(st);
    return sum;
}

static void set_timer(struct tk__stream *st, tk_ns at)
{
    if (tk_timer_set(st->sim->loop, &st->timer, at) < 0)
        tk_http_peer_close(st->peer, true); /* no memory for its timer: on_closed cleans up */
}

static void do_step(struct tk__stream *st)
{
    switch (tk__stream_step(st)) {
    case TK__STEP_NEXT:
        st->due_at += draw_gap(st);
        set_timer(st, st->due_at);
        break;
    case TK__STEP_AGAIN:
        set_timer(st, st->again_at);
        break;
    case TK__STEP_OVER:
        break;
    }
}

static void on_timer(struct tk_timer *t)
{
    do_step(t->owner);
}

static void fixed_begin(struct tk__stream *st)
{
    tk_timer_init(&st->timer, on_timer, st);
    st->due_at = st->arrived_at + st->call.knobs.ttft_dur;
    if (!st->call.is_streamed)
        st->due_at += whole_dur(st);
    if (st->due_at <= tk_clock_now())
        do_step(st);
    else
        set_timer(st, st->due_at);
}

static void fixed_end(struct tk__stream *st)
{
    tk_timer_stop(&st->timer);
}

const struct tk__schedule_ops tk__schedule_fixed = {
    .name = "fixed",
    .begin = fixed_begin,
    .end = fixed_end,
};
