/* late.c - how late requests were sent, by the client's own doing
 *
 *   due ───────────┐
 *                  ├─ the later one: ready ──────► released ──► sent
 *   permit free ───┘                 └──────── lateness ────────┘   (less connecting)
 *
 * With C permits the k-th ticket (from 0) needs k - C + 1 requests to have ended, so its permit was
 * free at the (k - C)-th smallest end, whoever's that was. An end is the arrival of the reply's last
 * byte, by the kernel's stamp: when the client reads it late, that is its own doing and counts.
 *
 * In a closed loop nobody says when to start: of the first C requests only what follows their release
 * counts, of all others what follows the end that made room for them.
 *
 * Whatever is missing (records that a kill took away, a bound that changed), a request had a permit
 * when it was released, so it was ready then at the latest: lateness is never guessed too high.
 */
#include "metric/late.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Mean gaps: of a Poisson process one in e^10 is as long. */
#define SILENCE_GAPS 10

void tk_late_init(struct tk_late *l)
{
    *l = (struct tk_late){ 0 };
}

void tk_late_release(struct tk_late *l)
{
    free(l->v);
    tk_late_init(l);
}

tk_ns tk_late_connecting(const struct tk_record *r)
{
    if (r->connect_begin_at < r->released_at || r->connected_at == 0)
        return 0;
    return TK_MAX(r->connected_at, r->tls_done_at) - r->connect_begin_at;
}

int tk_late_add(struct tk_late *l, const struct tk_record *r)
{
    if (r->released_at == 0)
        return 0;
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct tk_late_item *v = reallocarray(l->v, cap, sizeof(*v));
        if (!v)
            return -ENOMEM;
        l->v = v;
        l->cap = cap;
    }
    bool is_sent = r->sent_first_at != 0;
    l->v[l->n++] = (struct tk_late_item){
        .index = r->index,
        .due_at = r->due_at ? r->due_at : r->released_at,
        .released_at = r->released_at,
        .sent_at = is_sent ? r->sent_first_at - tk_late_connecting(r) : r->released_at,
        .is_sent = is_sent,
    };
    return 0;
}

/* When request `i` could have gone out. */
static tk_ns ready_at(const struct tk_late_conf *c, const struct tk_late_item *i)
{
    tk_ns ready = c->asked.is_scheduled ? i->due_at : i->released_at;

    if (c->asked.is_resumed) /* the order of tickets is not that of the ends any more */
        return i->released_at;
    if (c->asked.permits > 0 && i->index >= c->asked.permits) {
        uint64_t k = i->index - c->asked.permits;
        tk_ns free_at = k < c->n_ends ? c->base_at + c->ends[k] : i->released_at;
        ready = c->asked.is_scheduled ? TK_MAX(ready, free_at) : free_at;
    }
    return TK_MIN(ready, i->released_at);
}

/* Requests without a record that had a permit at `until`: the gate was closed before they went out. */
static uint64_t count_left(const struct tk_late *l, const struct tk_late_conf *c, tk_ns until)
{
    uint64_t in_flight = 0;

    if (c->asked.permits == 0)
        return c->not_sent;
    for (size_t i = 0; i < l->n; i++)
        in_flight += l->v[i].released_at <= until;
    for (size_t i = 0; i < c->n_ends && c->base_at + c->ends[i] <= until; i++)
        in_flight -= in_flight > 0;
    return TK_MIN(c->not_sent, c->asked.permits > in_flight ? c->asked.permits - in_flight : 0);
}

/* n instants over a stretch that begins and ends with one. */
static double rate(uint64_t n, tk_ns stretch)
{
    return n > 1 && stretch > 0 ? (double)(n - 1) / ((double)stretch / 1e9) : (double)NAN;
}

/* Whether the schedule had come to its end before the time was up, because the number of requests bounds it
 * too: after the last one nothing was due for longer than chance would have it. */
static bool is_over_before(const struct tk_late *l, const struct tk_late_conf *c, tk_ns schedule,
                           tk_ns last_due)
{
    tk_ns silence = c->begin_at + c->asked.duration - last_due;

    return c->not_sent == 0 && silence / SILENCE_GAPS > schedule / (tk_ns)(l->n - 1);
}

/* By the end of the schedule: its last instant, or the time at which the phase released no more. */
static void find_pace(const struct tk_late *l, const struct tk_late_conf *c, struct tk_pace *ret)
{
    tk_ns first_due = INT64_MAX, last_due = INT64_MIN, last_ready = INT64_MIN;

    *ret = (struct tk_pace){ 0 };
    for (size_t i = 0; i < l->n; i++) {
        first_due = TK_MIN(first_due, l->v[i].due_at);
        last_due = TK_MAX(last_due, l->v[i].due_at);
        last_ready = TK_MAX(last_ready, ready_at(c, &l->v[i]));
    }
    if (!c->asked.is_scheduled || c->asked.is_resumed || last_due <= first_due)
        return;
    bool has_until = c->asked.duration > 0 && !c->asked.is_stopped &&
                     !is_over_before(l, c, last_due - first_due, last_due);
    tk_ns until = has_until ? c->begin_at + c->asked.duration : last_ready;
    for (size_t i = 0; i < l->n; i++) {
        ret->ready += ready_at(c, &l->v[i]) <= until;
        ret->sent += l->v[i].sent_at <= until + TK_PACE_SLACK;
    }
    if (has_until)
        ret->ready += count_left(l, c, until);
    ret->sent = TK_MIN(ret->sent, ret->ready);
    if (has_until) {
        double seconds = (double)c->asked.duration / 1e9;
        ret->due_per_s = (double)(l->n + c->not_sent) / seconds;
        ret->ready_per_s = (double)ret->ready / seconds;
    } else {
        ret->due_per_s = rate(l->n, last_due - first_due);
        ret->ready_per_s = rate(ret->ready, until - first_due);
    }
    ret->sent_per_s = ret->ready_per_s * (double)ret->sent / (double)ret->ready;
}

int tk_late_find(const struct tk_late *l, const struct tk_late_conf *conf, struct tk_series *ret,
                 struct tk_pace *ret_pace)
{
    int rc = 0;

    for (size_t i = 0; i < l->n && rc == 0; i++) {
        const struct tk_late_item *item = &l->v[i];
        if (item->is_sent)
            rc = tk_series_add(ret, TK_MAX(item->sent_at - ready_at(conf, item), 0));
    }
    find_pace(l, conf, ret_pace);
    return rc;
}
