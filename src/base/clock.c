#include "base/clock.h"

#include <time.h>

static const tk_ns *virtual_at;   /* NULL: real clocks */
static tk_ns virtual_wall_offset; /* wall minus monotonic while virtual */

static tk_ns read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t); /* cannot fail for these two clocks */
    return t.tv_sec * TK_NS_PER_S + t.tv_nsec;
}

tk_ns tk_clock_now(void)
{
    if (TK_UNLIKELY(virtual_at != NULL))
        return *virtual_at;
    return read_clock(CLOCK_MONOTONIC);
}

tk_ns tk_clock_wall(void)
{
    if (TK_UNLIKELY(virtual_at != NULL))
        return *virtual_at + virtual_wall_offset;
    return read_clock(CLOCK_REALTIME);
}

void tk_clock_set_virtual(const tk_ns *at, tk_ns wall_offset)
{
    virtual_at = at;
    virtual_wall_offset = wall_offset;
}

struct tk_wall_offset tk_clock_offset(unsigned samples)
{
    struct tk_wall_offset best = { .error = TK_NS_NEVER };
    for (unsigned i = 0; i < samples || i == 0; i++) {
        tk_ns before = tk_clock_now();
        tk_ns wall = tk_clock_wall();
        tk_ns after = tk_clock_now();
        tk_ns error = (after - before) / 2;
        if (error < best.error)
            best = (struct tk_wall_offset){ after, wall - (before + error), error };
    }
    return best;
}
