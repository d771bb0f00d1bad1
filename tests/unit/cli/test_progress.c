/* test_progress.c - the progress line */
#include "cli/progress.h"

#include "tap.h"

static void line_is(struct tk_progress *p, const struct tk_progress_sums *s, tk_ns at,
                    const char *want)
{
    struct tk_buf out = TK_BUF_INIT(1024);

    tk_progress_line(p, s, at, &out);
    T_EQ_S(out.p, want, "line at %lld ms", (long long)(at / TK_NS_PER_MS));
    tk_buf_release(&out);
}

static void test_lines(void)
{
    struct tk_progress p;
    struct tk_progress_sums s = { .sent = 10, .succeeded = 5, .in_flight = 5, .events = 1000 };
    tk_ns begin = 7 * TK_NS_PER_S;

    tk_progress_begin(&p, 20, 0, begin);
    line_is(&p, &s, begin + TK_NS_PER_S,
            "5/20 done  5.0 done/s  5 in flight  1000 token events/s  3 s left");
    s = (struct tk_progress_sums){
        .sent = 20, .succeeded = 17, .failed = 2, .cancelled = 1, .events = 1000
    };
    line_is(&p, &s, begin + 1000 * TK_NS_PER_S,
            "20/20 done  0.0 done/s  0 in flight  0 token events/s  2 failed  0 s left");
    tk_progress_begin(&p, 0, 10 * TK_NS_PER_S, begin);
    s = (struct tk_progress_sums){ .sent = 3, .in_flight = 3 };
    line_is(&p, &s, begin + 4 * TK_NS_PER_S,
            "0 done  0.0 done/s  3 in flight  0 token events/s  6 s left");
    tk_progress_begin(&p, 0, 8000 * TK_NS_PER_S, begin);
    s = (struct tk_progress_sums){ .sent = 3, .in_flight = 3 };
    line_is(&p, &s, begin + 4000 * TK_NS_PER_S,
            "0 done  0.0 done/s  3 in flight  0 token events/s  1 h 06 min left");
    line_is(&p, &s, begin + 7875 * TK_NS_PER_S,
            "0 done  0.0 done/s  3 in flight  0 token events/s  2 min 05 s left");
}

static void test_sums(void)
{
    static struct tk_live live[2];
    struct tk_progress_sums s;

    atomic_store(&live[0].sent, 3);
    atomic_store(&live[1].sent, 4);
    atomic_store(&live[1].failed, 1);
    tk_progress_sum(live, 2, &s);
    T_EQ_U(s.sent, 7, "added up");
    T_EQ_U(s.failed, 1, "failed");
}

int main(void)
{
    test_lines();
    test_sums();
    return T_DONE();
}
