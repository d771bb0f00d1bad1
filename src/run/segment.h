/* segment.h - the stretches of a run that was cut and resumed
 *
 *   file    segment 1: its clock      segment 2: its clock
 *   line    begin --------- end|begin ------------- end        what metrics see: no time in between
 *
 * Each segment counts from a clock of its own: CLOCK_MONOTONIC begins anew with the machine. The file
 * keeps instants as they were; readers move those of later segments, so that each begins where the one
 * before ended. Then the last end less the first begin is the sum of what the segments took.
 */
#ifndef TK_RUN_SEGMENT_H
#define TK_RUN_SEGMENT_H

#include "base/def.h"

#define TK_SEGMENTS_MAX 1000

/* What a file calls an instant, if it can be one: within 36 years of the clock's zero. Else 0, it did not
 * happen; sums and differences of instants fit 64 bits then. */
#define TK_INSTANT_MAX (INT64_C(1) << 60)
static inline TK_UNUSED tk_ns tk_instant_of(int64_t value)
{
    return value > -TK_INSTANT_MAX && value < TK_INSTANT_MAX ? value : 0;
}

struct tk_segment {
    uint32_t number;        /* from 1 */
    tk_ns wall_begin;       /* wall clock at the begin of the measured load; 0: it never began */
    tk_ns begin_at, end_at; /* of the measured load, on the line; both 0: it never began */
    tk_ns shift;            /* what was added to the segment's own instants */
    uint64_t
        n_requests; /* of the measured load that ended in it; counted where there are several */
};

/* Of n segments, those whose measured load began: with two of them the run was resumed. */
size_t tk_segments_begun(const struct tk_segment *s, size_t n);

/* What is known of a segment at its begin and at its end; 0: not known. By its own clock. */
struct tk_segment_span {
    tk_ns begin_at, wall_begin; /* the measured load began */
    tk_ns stop_at;              /* it was told to stop before its end (Ctrl-C) */
    tk_ns end_at;               /* its last request ended */
};

/* Which process writes a segment: its number, the boot it lives in, its start in ticks since then. */
struct tk__process {
    char boot[40];
    int64_t pid, started;
};
void tk__process_self(struct tk__process *ret);
bool tk__process_lives(const struct tk__process *p); /* and is not this one */

/* Put segments with begins and ends of their own clocks on the line, in order. */
void tk__segments_line_up(struct tk_segment *s, size_t n);

#endif
