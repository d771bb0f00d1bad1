/* test_regex.c - token/regex.h: how patterns are rewritten, and what is refused */
#include "lib/tap.h"

#include "base/err.h"
#include "base/str.h"
#include "token/regex.h"
#include "token/tokenizer.h"

static struct tk_tok_scratch *scratch;

static void rewritten(const char *pattern, const char *want)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    struct tk_err err = { 0 };
    T_EQ_I(tk__regex_translate(tk_str_of(pattern), &out, &err), 0, "%s %s", pattern, err.msg);
    T_EQ_S(out.p, want, "%s", pattern);
    tk_buf_release(&out);
}

static void refused(const char *pattern, int want)
{
    struct tk__regex *re = NULL;
    struct tk_err err = { 0 };
    T_EQ_I(tk__regex_new(tk_str_of(pattern), &re, &err), want, "%s", pattern);
    T_OK(err.msg[0] != '\0', "with a message: %s", err.msg);
}

/* All matches, as "at-end at-end". */
static void found(const char *pattern, const char *text, const char *want)
{
    struct tk__regex_iter it = TK__REGEX_ITER_INIT;
    struct tk__regex *re = NULL;
    struct tk_err err = { 0 };
    struct tk_buf got = TK_BUF_INIT(1000);
    size_t at, end;
    if (!T_EQ_I(tk__regex_new(tk_str_of(pattern), &re, &err), 0, "%s %s", pattern, err.msg))
        return;
    tk_buf_add(&got, "", 0);
    while (tk__regex_next(re, scratch, tk_str_of(text), &it, &at, &end) > 0)
        tk_buf_addf(&got, "%s%zu-%zu", got.n ? " " : "", at, end);
    T_EQ_S(got.p, want, "%s in '%s'", pattern, text);
    tk_buf_release(&got);
    tk__regex_free(re);
}

int main(void)
{
    scratch = tk_tok_scratch_new();
    rewritten("a(?:b|c)*+d", "a(?:b|c)*+d");
    rewritten("\\h", "[\\x{30}-\\x{39}\\x{41}-\\x{46}\\x{61}-\\x{66}]");
    rewritten("\\v\\n\\x41\\x{1F600}\\u00e9", "\\x{b}\\x{a}A\\x{1f600}\\x{e9}");
    rewritten("a{2,3}+", "(?:a{2,3})+");
    rewritten("(ab){,3}?", "(ab){0,3}?");
    rewritten("a{b}{", "a\\x{7b}b\\x{7d}\\x{7b}");
    rewritten("(?i)a(?m:.)", "(?i:a(?s:.))");
    rewritten("(?#no)a", "a");
    rewritten("[a-c&&[b-z]]", "[\\x{62}-\\x{63}]");
    rewritten("[^a&&b]", "[\\x{0}-\\x{d7ff}\\x{e000}-\\x{10ffff}]");
    rewritten("[]a]", "[\\x{5d}a]");
    rewritten("[^\\]-]", "[^\\x{5d}\\x{2d}]");
    found("\\s+", "a \xC2\x85\xE1\xA0\x8E b", "1-4 7-8");
    found("x*", "axxb", "0-0 1-3 4-4");
    found("\\b", "ab c", "0-0 2-2 3-3 4-4");
    found("^.|.$", "ab\ncd\n", "0-1 1-2 3-4 4-5");
    found("\\p{Han}+", "a\xE4\xB8\xAD\xE6\x96\x87z\xF0\xB1\x8D\x90", "1-7 8-12");
    found("\\p{^L}|\\P{Lu}", "aB1", "0-1 2-3");
    found("(?i:'s)", "'\xC5\xBF'S", "0-3 3-5");
    found("[[:punct:]]", "a+-", "1-2 2-3");
    refused("a\\", TK_E_FORMAT);
    refused("[a", TK_E_FORMAT);
    refused("(a", TK_E_FORMAT);
    refused("a)", TK_E_FORMAT);
    refused("*a", TK_E_FORMAT);
    refused("[z-a]", TK_E_FORMAT);
    refused("\\x{110000}", TK_E_FORMAT);
    refused("\\p{L", TK_E_FORMAT);
    refused("a{2}?", TK_E_UNSUPPORTED);
    refused("\\G", TK_E_UNSUPPORTED);
    refused("\\p{Klingon}", TK_E_UNSUPPORTED);
    refused("[[:alpha:]]", TK_E_UNSUPPORTED);
    refused("(?~a)", TK_E_UNSUPPORTED);
    refused("a(?i)b", TK_E_UNSUPPORTED);
    refused("\\1", TK_E_UNSUPPORTED);
    tk_tok_scratch_free(scratch);
    return T_DONE();
}
