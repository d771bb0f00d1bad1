/* test_late.c - lateness by the client's own doing, worked out by hand
 *
 * Milliseconds from the start of the phase; the wait for a permit and connecting must not count, the
 * wait of a free permit must.
 */
#include "metric/late.h"

#include <errno.h>
#include <math.h>

#include "lib/failmalloc.h"
#include "lib/tap.h"

#define MS TK_NS_PER_MS
#define BASE (INT64_C(5) * TK_NS_PER_S)

struct row {
    double due, released, connect_begin, connected, sent; /* sent below 0: never */
};

struct found {
    double late[16]; /* ms, ascending */
    size_t n;
    struct tk_pace pace;
};

static tk_ns at(double ms)
{
    return BASE + (tk_ns)llround(ms * 1e6);
}

static int add(struct tk_late *l, const struct row *r, uint64_t index)
{
    struct tk_record rec = {
        .index = index,
        .due_at = at(r->due),
        .released_at = at(r->released),
        .sent_first_at = r->sent < 0 ? 0 : at(r->sent),
    };
    if (r->connected > 0) {
        rec.connect_begin_at = at(r->connect_begin);
        rec.connected_at = at(r->connected);
    }
    return tk_late_add(l, &rec);
}

static struct found find(const struct row *rows, size_t n, const double *ends, size_t n_ends,
                         struct tk_asked asked, uint64_t not_sent)
{
    struct found f = { 0 };
    struct tk_late l;
    struct tk_series s;
    int64_t end_ns[16];

    tk_late_init(&l);
    tk_series_init(&s, 0);
    for (size_t i = 0; i < n; i++)
        T_EQ_I(add(&l, &rows[i], i), 0, "add %zu", i);
    for (size_t i = 0; i < n_ends; i++)
        end_ns[i] = at(ends[i]) - BASE;
    struct tk_late_conf conf = {
        .asked = asked,
        .ends = end_ns,
        .n_ends = n_ends,
        .base_at = BASE,
        .begin_at = BASE,
        .not_sent = not_sent,
    };
    T_EQ_I(tk_late_find(&l, &conf, &s, &f.pace), 0, "find");
    tk_series_sort(&s);
    f.n = s.n;
    for (size_t i = 0; i < s.n && i < TK_ARRAY_LEN(f.late); i++)
        f.late[i] = (double)s.v[i] / 1e6;
    tk_series_release(&s);
    tk_late_release(&l);
    tk_late_release(&l);
    return f;
}

static void test_open(void)
{
    static const struct row rows[] = {
        { 0, 0.1, 0, 0, 0.25 },       /* late by 0.25 */
        { 10, 10.5, 10.6, 14.6, 15 }, /* by 5, of which 4 went into connecting */
        { 20, 20, 0, 0, -1 },         /* never sent: not counted */
        { 30, 37, 0, 0, 37.5 },       /* no bound on permits: the release itself was late */
    };
    struct found f = find(rows, 4, NULL, 0, (struct tk_asked){ .is_scheduled = true }, 0);

    T_EQ_U(f.n, 3, "open: three were sent");
    T_NEAR(f.late[0], 0.25, 0, "open: from due");
    T_NEAR(f.late[1], 1, 1e-9, "open: less connecting");
    T_NEAR(f.late[2], 7.5, 1e-9, "open: a late release counts");
    T_EQ_U(f.pace.ready, 4, "open: four were due");
    T_EQ_U(f.pace.sent, 3, "open: three had gone out a millisecond after the last was due");
    T_NEAR(f.pace.due_per_s, 100, 1e-9, "open: asked rate");
    T_NEAR(f.pace.sent_per_s, 75, 1e-9, "open: sent rate");
}

/* Two permits, a request each 10 ms, 25 ms each: the third one waits for the first one's end. */
static void test_permits(void)
{
    static const struct row rows[] = {
        { 0, 0, 0, 0, 0 },        /* ends at 25 */
        { 10, 10, 0, 0, 10 },     /* ends at 35 */
        { 20, 25.5, 0, 0, 25.5 }, /* its permit was free at 25 */
        { 30, 38, 0, 0, 38.25 },  /* at 35; the client read that end late */
        { 80, 80.5, 0, 0, 81 },   /* at 50.5, before it was due */
    };
    static const double ends[] = { 25, 35, 50.5, 63.25, 106 };
    struct tk_asked asked = { .is_scheduled = true, .permits = 2 };
    struct found f = find(rows, 5, ends, 5, asked, 0);

    T_EQ_U(f.n, 5, "permits: all were sent");
    T_NEAR(f.late[0], 0, 0, "permits: the first in time");
    T_NEAR(f.late[1], 0, 0, "permits: the second too");
    T_NEAR(f.late[2], 0.5, 1e-9, "permits: the wait for a permit does not count");
    T_NEAR(f.late[3], 1, 1e-9, "permits: with a permit to be had, from due on");
    T_NEAR(f.late[4], 3.25, 1e-9, "permits: the wait of a free permit counts");
    T_EQ_U(f.pace.ready, 5, "permits: all could be sent");

    asked.is_resumed = true;
    f = find(rows, 5, ends, 5, asked, 0);
    T_NEAR(f.late[4], 0.5, 1e-9, "resumed: from release alone");
    T_EQ_U(f.pace.ready, 0, "resumed: there is no one schedule");
    asked.is_resumed = false;

    /* Ends that are not known (a kill took them): it had a permit when it was released. */
    f = find(rows, 5, ends, 1, asked, 0);
    T_NEAR(f.late[4], 0.5, 1e-9, "permits: without the ends nothing is guessed");
}

static void test_closed(void)
{
    static const struct row rows[] = {
        { 0.5, 0.5, 0, 0, 0.625 }, /* nobody says when to start: from its release */
        { 4, 4, 0, 0, 4.25 },
        { 27, 27, 0, 0, 27.5 }, /* there was room from 25 on */
    };
    static const double ends[] = { 25, 30, 60 };
    struct found f = find(rows, 3, ends, 3, (struct tk_asked){ .permits = 2 }, 0);

    T_NEAR(f.late[0], 0.125, 1e-9, "closed: first");
    T_NEAR(f.late[1], 0.25, 1e-9, "closed: second, though a permit was free from the start");
    T_NEAR(f.late[2], 2.5, 1e-9, "closed: from the end that made room");
    T_EQ_U(f.pace.ready, 0, "closed: there is no rate");
    f = find(rows, 3, ends, 3, (struct tk_asked){ 0 }, 0);
    T_NEAR(f.late[2], 0.5, 1e-9, "without any bound: from its release");
}

/* A bound by time: what was due and had a permit when the gate closed should have gone out. */
static void test_until(void)
{
    static const struct row rows[] = {
        { 0, 0, 0, 0, 0 },
        { 10, 10, 0, 0, 10 },
        { 20, 20, 0, 0, 20 },
    };
    static const double ends[] = { 15, 200, 200 };
    struct tk_asked asked = { .is_scheduled = true, .duration = 50 * MS };
    struct found f = find(rows, 3, ends, 3, asked, 2);

    T_EQ_U(f.pace.ready, 5, "until: two were due and not sent");
    T_EQ_U(f.pace.sent, 3, "until: three were");
    T_NEAR(f.pace.due_per_s, 100, 1e-9, "until: asked rate over the whole time");
    T_NEAR(f.pace.sent_per_s, 60, 1e-9, "until: sent rate");
    asked.permits = 3;
    f = find(rows, 3, ends, 3, asked, 2);
    T_EQ_U(f.pace.ready, 4, "until: one permit was free, so one of the two could go out");
    asked.permits = 2;
    f = find(rows, 3, ends, 3, asked, 2);
    T_EQ_U(f.pace.ready, 3, "until: no permit was free");
    asked.permits = 0;
    asked.is_stopped = true;
    f = find(rows, 3, ends, 3, asked, 2);
    T_EQ_U(f.pace.ready, 3, "stopped: what was not sent was not meant to be");
}

/* -n and -d: the schedule ends with its last request, long before the time is up. */
static void test_count_and_time(void)
{
    static const struct row rows[] = {
        { 0, 0, 0, 0, 0 },
        { 10, 10, 0, 0, 10 },
        { 20, 20, 0, 0, 20 },
    };
    struct tk_asked asked = { .is_scheduled = true, .duration = 121 * MS };
    struct found f = find(rows, 3, NULL, 0, asked, 0);

    T_NEAR(f.pace.due_per_s, 100, 1e-9, "count and time: the rate is that of the schedule");
    T_NEAR(f.pace.sent_per_s, 100, 1e-9, "count and time: and was kept");
    asked.duration = 60 * MS;
    f = find(rows, 3, NULL, 0, asked, 0);
    T_NEAR(f.pace.due_per_s, 50, 1e-9, "a gap that may be chance belongs to the time");
}

/* Overload: the last one is due at 90 ms, the client gets to it at 200. */
static void test_overload(void)
{
    struct row rows[10];

    for (size_t i = 0; i < 10; i++) {
        double sent = 20 * (double)i + 20;
        rows[i] = (struct row){ .due = 10 * (double)i, .released = sent, .sent = sent };
    }
    struct found f = find(rows, 10, NULL, 0, (struct tk_asked){ .is_scheduled = true }, 0);
    T_EQ_U(f.pace.ready, 10, "overload: ten were due");
    T_EQ_U(f.pace.sent, 4, "overload: four were sent by then");
    T_NEAR(f.pace.sent_per_s, 40, 1e-9, "overload: sent rate");

    for (size_t i = 0; i < 10; i++)
        rows[i].due = 0; /* all at once: there is no rate to miss */
    f = find(rows, 10, NULL, 0, (struct tk_asked){ .is_scheduled = true }, 0);
    T_EQ_U(f.pace.ready, 0, "at once: no rate");
    T_NEAR(f.late[9], 200, 1e-9, "at once: but lateness");
}

static void test_memory(void)
{
    static const struct row row = { 0, 0, 0, 0, 1 };
    struct tk_late l;
    struct tk_series s;
    struct tk_pace pace;

    for (int n = 1;; n++) {
        tk_late_init(&l);
        tk_series_init(&s, 0);
        tk_failmalloc_at(n);
        int rc = add(&l, &row, 0);
        if (rc == 0)
            rc = tk_late_find(&l, &(struct tk_late_conf){ .base_at = BASE }, &s, &pace);
        bool has_failed = tk_failmalloc_off();
        T_EQ_I(rc, has_failed ? -ENOMEM : 0, "allocation %d", n);
        tk_series_release(&s);
        tk_late_release(&l);
        if (!has_failed)
            break;
    }
}

int main(void)
{
    test_open();
    test_permits();
    test_closed();
    test_until();
    test_count_and_time();
    test_overload();
    test_memory();
    return T_DONE();
}
