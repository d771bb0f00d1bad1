/* regex.c - Oniguruma's regular expressions, matched by PCRE2
 *
 * The pattern is rewritten (rewrite.c), compiled once and made machine code where PCRE2 can. Match
 * data, a JIT stack and a match context live in the thread's scratch, made when first needed.
 */
#include "token/regex.h"

#include <errno.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "token/internal.h"
#include "token/unicode.h"

#define JIT_STACK_MAX ((size_t)8 << 20)
#define REWRITTEN_MAX ((size_t)8 << 20) /* bytes of a rewritten pattern */
#define MATCH_LIMIT 10000000            /* PCRE2's own default; also of its heap, in KiB */
#define HEAP_LIMIT_KIB (256 * 1024)

struct tk__regex {
    pcre2_code *code;
};

static int compile(struct tk_str words, struct tk_str pattern, pcre2_code **ret,
                   struct tk_err *reterr)
{
    int code = 0;
    PCRE2_SIZE where = 0;
    PCRE2_UCHAR message[128];
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return tk_err_set(reterr, -ENOMEM, "out of memory for a pattern");
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    (void)pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
    *ret = pcre2_compile((PCRE2_SPTR)words.p, words.n,
                         PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                         &code, &where, context);
    pcre2_compile_context_free(context);
    if (*ret)
        return 0;
    if (pcre2_get_error_message(code, message, sizeof(message)) < 0)
        message[0] = '\0';
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "the pattern '%.*s': %s",
                      (int)TK_MIN(pattern.n, 200), pattern.p ? pattern.p : "", (char *)message);
}

int tk__regex_new(struct tk_str pattern, struct tk__regex **ret, struct tk_err *reterr)
{
    struct tk_buf words = TK_BUF_INIT(REWRITTEN_MAX);
    struct tk__regex *re = calloc(1, sizeof(*re));
    if (!re)
        return tk_err_set(reterr, -ENOMEM, "out of memory for a pattern");
    int rc = tk__regex_translate(pattern, &words, reterr);
    if (rc == 0)
        rc = compile(tk_buf_str(&words), pattern, &re->code, reterr);
    tk_buf_release(&words);
    if (rc < 0) {
        (void)tk__regex_free(re);
        return rc;
    }
    (void)pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE); /* without it, it is only slower */
    *ret = re;
    return 0;
}

struct tk__regex *tk__regex_free(struct tk__regex *re)
{
    if (re)
        pcre2_code_free(re->code);
    free(re);
    return NULL;
}

void tk__regex_scratch_release(struct tk_tok_scratch *s)
{
    pcre2_match_data_free(s->match_data);
    pcre2_match_context_free(s->match_context);
    pcre2_jit_stack_free(s->jit_stack);
    s->match_data = s->match_context = s->jit_stack = NULL;
}

static int prepare(struct tk_tok_scratch *s)
{
    if (s->jit_stack)
        return 0;
    tk__regex_scratch_release(s);
    s->match_data = pcre2_match_data_create(1, NULL);
    s->match_context = pcre2_match_context_create(NULL);
    if (s->match_data && s->match_context)
        s->jit_stack = pcre2_jit_stack_create(32768, JIT_STACK_MAX, NULL);
    if (!s->jit_stack) {
        tk__regex_scratch_release(s);
        return -ENOMEM;
    }
    pcre2_jit_stack_assign(s->match_context, NULL, s->jit_stack);
    (void)pcre2_set_match_limit(s->match_context, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(s->match_context, HEAP_LIMIT_KIB);
    return 0;
}

int tk__regex_find(const struct tk__regex *re, struct tk_tok_scratch *s, struct tk_str text,
                   size_t from, size_t *ret_at, size_t *ret_end)
{
    int rc = prepare(s);
    if (rc < 0)
        return rc;
    rc = pcre2_match(re->code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, from, PCRE2_NO_UTF_CHECK,
                     s->match_data, s->match_context);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0)
        return rc == PCRE2_ERROR_NOMEMORY ? -ENOMEM : TK_E_LIMIT;
    const PCRE2_SIZE *where = pcre2_get_ovector_pointer(s->match_data);
    if (where[1] < where[0] || where[1] < from) /* \K in a look-around */
        return TK_E_LIMIT;
    *ret_at = where[0];
    *ret_end = where[1];
    return 1;
}

int tk__regex_next(const struct tk__regex *re, struct tk_tok_scratch *s, struct tk_str text,
                   struct tk__regex_iter *it, size_t *ret_at, size_t *ret_end)
{
    while (it->from <= text.n) {
        int rc = tk__regex_find(re, s, text, it->from, ret_at, ret_end);
        if (rc <= 0)
            return rc;
        if (*ret_at != *ret_end || *ret_end != it->last_end) {
            it->from = it->last_end = *ret_end;
            return 1;
        }
        it->from += it->from < text.n ? tk__utf8_len(text.p[it->from]) : 1;
    }
    return 0;
}
