/* live.h - the counters that a view follows while the run goes on
 *
 * Each worker owns one and is its only writer; a view reads them with relaxed atomics, so a line may
 * be a few events old, never torn.
 */
#ifndef TK_RUN_LIVE_H
#define TK_RUN_LIVE_H

#include <stdatomic.h>

#include "base/def.h"

struct tk_live {
    _Alignas(64) _Atomic uint64_t sent; /* requests sent, of the measured phase */
    _Atomic uint64_t succeeded, failed, cancelled;
    _Atomic uint64_t in_flight; /* sent and not ended */
    _Atomic uint64_t open_conns;
    _Atomic uint64_t events;        /* events with tokens */
    _Atomic uint64_t output_tokens; /* of ended requests, as the server counts */
    _Atomic uint64_t reads, bytes_in;
    _Atomic uint64_t late_sends; /* sent more than 1 ms after they were due and had a permit */
};

/* Add to a counter of which this thread is the only writer: no locked instruction. */
static inline TK_UNUSED void tk_live_add(_Atomic uint64_t *c, int64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + (uint64_t)n,
                          memory_order_relaxed);
}

#endif
