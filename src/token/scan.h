/* scan.h - the split patterns of well-known models, by hand
 *
 * Each scanner does what one regular expression does, chosen by its exact text, some thirty times as
 * fast. tests/unit/token/test_scan.c holds them against PCRE2 on random text.
 */
#ifndef TK_TOKEN_SCAN_H
#define TK_TOKEN_SCAN_H

#include "base/def.h"
#include "token/internal.h"

/* GPT-2's pattern, which ByteLevel uses. */
extern const struct tk_str tk__gpt2_pattern;

/* The scanner for exactly this pattern, or TK__SCAN_NONE. */
enum tk__scan_kind tk__scan_of(struct tk_str pattern);

/* The pattern of a scanner, for tests; .p is NULL for TK__SCAN_NONE. */
struct tk_str tk__scan_pattern(enum tk__scan_kind kind);

/* The end of what stands at `at` in valid text [p, p+n), at < n: a match when *ret_match is set, else
 * the end of the gap before the next match. */
size_t tk__scan(enum tk__scan_kind kind, const char *p, size_t at, size_t n, bool *ret_match);

#endif
