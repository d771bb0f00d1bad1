/* regex.h - Oniguruma's regular expressions, matched by PCRE2
 *
 * `tokenizers` runs patterns on Oniguruma. tk__regex_new() rewrites one for PCRE2 so that it means the
 * same: classes of characters (\s \w \d \h \p{…}, [a&&b]) come from the tables of unicode.h, ^ $ \v \b
 * and the letters of (?imx) get PCRE2's words. What cannot be rewritten is an error.
 */
#ifndef TK_TOKEN_REGEX_H
#define TK_TOKEN_REGEX_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"

struct tk_tok_scratch;
struct tk__regex;

#define TK__REGEX_MAX ((size_t)64 << 10) /* longest pattern, bytes */

/* 0; TK_E_UNSUPPORTED (names what); TK_E_FORMAT (not a pattern); -ENOMEM. */
int tk__regex_new(struct tk_str pattern, struct tk__regex **ret, struct tk_err *reterr);
struct tk__regex *tk__regex_free(struct tk__regex *re);

/* Find the first match in `text` from `from` on: 1 with where it is, 0 when there is none, TK_E_LIMIT
 * (PCRE2 gave up), -ENOMEM. Immutable: threads bring their scratch. */
int tk__regex_find(const struct tk__regex *re, struct tk_tok_scratch *s, struct tk_str text,
                   size_t from, size_t *ret_at, size_t *ret_end);

/* All matches in turn, as the onig crate has them: an empty one is not taken right after another. */
struct tk__regex_iter {
    size_t from;
    size_t last_end; /* SIZE_MAX: no match yet */
};

#define TK__REGEX_ITER_INIT             \
    {                                   \
        .from = 0, .last_end = SIZE_MAX \
    }

int tk__regex_next(const struct tk__regex *re, struct tk_tok_scratch *s, struct tk_str text,
                   struct tk__regex_iter *it, size_t *ret_at, size_t *ret_end);

/* The rewriting alone, for tests: append PCRE2's pattern. */
int tk__regex_translate(struct tk_str pattern, struct tk_buf *out, struct tk_err *reterr);

/* Free what a scratch holds for PCRE2. */
void tk__regex_scratch_release(struct tk_tok_scratch *s);

#endif
