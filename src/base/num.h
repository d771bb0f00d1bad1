/* num.h - numbers as people write them; whole strings, ranges checked, no locale
 *
 * tk_num_parse_double() and tk_num_shortest() are in json.h: they come from the C++ file.
 * Each returns 0, TK_E_FORMAT (not such a thing, or something follows), TK_E_RANGE.
 */
#ifndef TK_BASE_NUM_H
#define TK_BASE_NUM_H

#include "base/def.h"

int tk_num_parse_i64(struct tk_str s, int64_t min, int64_t max, int64_t *ret);

/* A count with an optional suffix k, M, G (decimal) or Ki, Mi, Gi: "10k". */
int tk_num_parse_count(struct tk_str s, int64_t min, int64_t max, int64_t *ret);

/* "250us", "20ms", "30s", "5m", "2h", "1.5s", also "1m30s"; a bare number is seconds. */
int tk_num_parse_dur(struct tk_str s, tk_ns *ret);

/* A rate per second: "10", "0.5", "10/s", "600/m", "inf". */
int tk_num_parse_rate(struct tk_str s, double *ret);

/* A share from 0 to 1: "5%", "0.05". */
int tk_num_parse_share(struct tk_str s, double *ret);

/* Hexadecimal digits only. */
int tk_num_parse_hex(struct tk_str s, uint64_t *ret);

/* A duration for people: "250 us", "12.3 ms", "1.50 s", "2 m 05 s". `out` has 32 bytes. */
const char *tk_num_format_dur(tk_ns dur, char *out);

#endif
