/* test_clock.c - base/clock.h */
#include "lib/tap.h"

#include <time.h>

#include "base/clock.h"

int main(void)
{
    struct timespec t;
    tk_ns before = tk_clock_now();
    clock_gettime(CLOCK_MONOTONIC, &t);
    tk_ns after = tk_clock_now();
    tk_ns at = t.tv_sec * TK_NS_PER_S + t.tv_nsec;
    T_OK(before <= at && at <= after, "now is CLOCK_MONOTONIC");
    T_OK(tk_clock_wall() > INT64_C(1600000000) * TK_NS_PER_S, "wall counts from 1970");

    struct tk_wall_offset o = tk_clock_offset(20);
    T_OK(o.error >= 0 && o.error < TK_NS_PER_S, "an offset knows how sure it is");
    T_OK(o.at >= after && o.at <= tk_clock_now(), "and when it was taken");
    tk_ns wall = tk_clock_wall();
    T_NEAR((double)(wall - o.offset), (double)tk_clock_now(), 1e9, "wall - offset is monotonic");
    T_OK(tk_clock_offset(0).error < TK_NS_PER_S, "no samples are one sample");

    tk_ns virtual = 5;
    tk_clock_set_virtual(&virtual, 1000);
    T_EQ_I(tk_clock_now(), 5, "virtual now");
    T_EQ_I(tk_clock_wall(), 1005, "virtual wall");
    virtual = 7;
    T_EQ_I(tk_clock_now(), 7, "follows the variable");
    o = tk_clock_offset(3);
    T_EQ_I(o.offset, 1000, "virtual offset");
    T_EQ_I(o.error, 0, "is exact");
    tk_clock_set_virtual(NULL, 0);
    T_OK(tk_clock_now() >= after, "the real clock is back");
    return T_DONE();
}
