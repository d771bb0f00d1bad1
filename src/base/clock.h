/* clock.h - the one place that reads the time
 *
 * Everything measured is CLOCK_MONOTONIC. The kernel stamps received bytes with CLOCK_REALTIME;
 * `struct tk_wall_offset` says what to take off such a stamp. See docs/internals/time-keeping.md.
 */
#ifndef TK_BASE_CLOCK_H
#define TK_BASE_CLOCK_H

#include "base/def.h"

/* The monotonic instant now, read anew at each call (22 ns), never cached. */
tk_ns tk_clock_now(void);

/* The wall clock now, nanoseconds since 1970 UTC. For labels and offsets only. */
tk_ns tk_clock_wall(void);

/* Make tk_clock_now() return *at and tk_clock_wall() *at + wall_offset, for tests in virtual time;
 * NULL brings the real clocks back. Not thread-safe: set before threads start. */
void tk_clock_set_virtual(const tk_ns *at, tk_ns wall_offset);

/* One measurement of wall - monotonic. */
struct tk_wall_offset {
    tk_ns at;     /* monotonic instant of the sample */
    tk_ns offset; /* wall minus monotonic */
    tk_ns error;  /* half the width of the sample that was kept: the offset's uncertainty */
};

/* Take `samples` readings (at least 1) and return the tightest. */
struct tk_wall_offset tk_clock_offset(unsigned samples);

#endif
