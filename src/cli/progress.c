/* progress.c - one line about a run that goes on
 *
 * The rates are of requests that ended, as in the result, and of token events. They are smoothed with a
 * time constant of two seconds, so that a line that is drawn four times a second can be read. The time
 * left is what the requests still to end need at the pace so far, or until the bound by time if that is
 * sooner.
 */
#include "cli/progress.h"

#include <math.h>
#include <string.h>

#define SMOOTHING_S 2.0

void tk_progress_begin(struct tk_progress *p, uint64_t n_planned, tk_ns duration, tk_ns now)
{
    memset(p, 0, sizeof(*p));
    p->n_planned = n_planned;
    p->duration = duration;
    p->begin_at = p->prev_at = now;
}

static uint64_t load(const _Atomic uint64_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

void tk_progress_sum(const struct tk_live *live, unsigned n, struct tk_progress_sums *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (unsigned i = 0; i < n; i++) {
        ret->sent += load(&live[i].sent);
        ret->succeeded += load(&live[i].succeeded);
        ret->failed += load(&live[i].failed);
        ret->cancelled += load(&live[i].cancelled);
        ret->in_flight += load(&live[i].in_flight);
        ret->events += load(&live[i].events);
        ret->output_tokens += load(&live[i].output_tokens);
    }
}

static double smooth(double old, double now, double dt_s, bool is_first)
{
    double weight = is_first ? 1 : 1 - exp(-dt_s / SMOOTHING_S);
    return old + (now - old) * weight;
}

static uint64_t done_of(const struct tk_progress_sums *s)
{
    return s->succeeded + s->failed + s->cancelled;
}

static void update_rates(struct tk_progress *p, const struct tk_progress_sums *s, tk_ns now)
{
    double dt_s = (double)(now - p->prev_at) / 1e9;
    bool is_first = p->prev_at == p->begin_at;

    if (dt_s <= 0)
        return;
    double done = (double)(done_of(s) - done_of(&p->prev)) / dt_s;
    double events = (double)(s->events - p->prev.events) / dt_s;
    p->done_per_s = smooth(p->done_per_s, done, dt_s, is_first);
    p->events_per_s = smooth(p->events_per_s, events, dt_s, is_first);
    p->prev = *s;
    p->prev_at = now;
}

/* Nanoseconds until the end, or -1 when nothing can be said. */
static tk_ns time_left(const struct tk_progress *p, uint64_t done, tk_ns now)
{
    tk_ns elapsed = now - p->begin_at;
    tk_ns by_count = -1;

    if (p->n_planned > 0 && done > 0 && done <= p->n_planned)
        by_count = (tk_ns)((double)elapsed / (double)done * (double)(p->n_planned - done));
    if (p->duration == 0)
        return by_count;
    tk_ns by_time = TK_MAX(p->duration - elapsed, 0);
    return by_count >= 0 ? TK_MIN(by_count, by_time) : by_time;
}

/* Whole seconds, then minutes, then hours: "3 s", "2 min 05 s", "1 h 07 min". */
static void add_left(tk_ns left, struct tk_buf *out)
{
    long long s = left / TK_NS_PER_S;

    if (s < 60)
        tk_buf_addf(out, "  %lld s left", s);
    else if (s < 3600)
        tk_buf_addf(out, "  %lld min %02lld s left", s / 60, s % 60);
    else
        tk_buf_addf(out, "  %lld h %02lld min left", s / 3600, s / 60 % 60);
}

void tk_progress_line(struct tk_progress *p, const struct tk_progress_sums *s, tk_ns now,
                      struct tk_buf *out)
{
    uint64_t done = done_of(s);

    update_rates(p, s, now);
    tk_buf_addf(out, "%llu", (unsigned long long)done);
    if (p->n_planned > 0)
        tk_buf_addf(out, "/%llu", (unsigned long long)p->n_planned);
    tk_buf_addf(out, " done  %.1f done/s  %llu in flight  %.0f token events/s", p->done_per_s,
                (unsigned long long)s->in_flight, p->events_per_s);
    if (s->failed > 0)
        tk_buf_addf(out, "  %llu failed", (unsigned long long)s->failed);
    tk_ns left = time_left(p, done, now);
    if (left >= 0)
        add_left(left, out);
}
