/* The clean-up of spaces when decoding, against its definition: ten replacements, one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "tap.h"
#include "token/tokenizer.h"

#define MAX_IDS 12
#define N_TEXTS 200000

static const char letters[] = " .?!,'nmtsvreod"; /* what the patterns are made of */

/* str.replace() of Python. */
static void replace(char *text, const char *from, const char *to)
{
    char out[2 * MAX_IDS + 1] = "";
    size_t n = 0;

    for (const char *p = text; *p;) {
        if (strncmp(p, from, strlen(from)) == 0) {
            memcpy(out + n, to, strlen(to));
            n += strlen(to);
            p += strlen(from);
        } else {
            out[n++] = *p++;
        }
    }
    out[n] = '\0';
    memcpy(text, out, n + 1);
}

/* clean_up_tokenization() of transformers 4, in its order. */
static void clean(char *text)
{
    static const char *const pairs[][2] = {
        { " .", "." },     { " ?", "?" },   { " !", "!" },   { " ,", "," },     { " ' ", "'" },
        { " n't", "n't" }, { " 'm", "'m" }, { " 's", "'s" }, { " 've", "'ve" }, { " 're", "'re" },
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(pairs); i++)
        replace(text, pairs[i][0], pairs[i][1]);
}

static size_t draw(struct tk_mt *mt, const struct tk_tokenizer *t, uint32_t *ids, char *text)
{
    size_t n = (size_t)tk_mt_below(mt, MAX_IDS + 1);

    for (size_t i = 0; i < n; i++) {
        /* half of them spaces and quotes, which make the hard cases */
        char c = tk_mt_below(mt, 2) ? " '"[tk_mt_below(mt, 2)]
                                    : letters[tk_mt_below(mt, sizeof(letters) - 1)];
        struct tk_str piece = c == ' ' ? TK_STR("\xc4\xa0") : (struct tk_str){ &c, 1 };
        ids[i] = tk_tokenizer_id(t, piece);
        text[i] = c;
    }
    text[n] = '\0';
    return n;
}

int main(void)
{
    const char *tests = getenv("TK_TESTS_DIR");
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    struct tk_mt mt;
    char path[600];
    unsigned n_bad = 0;

    snprintf(path, sizeof(path), "%s/golden/vllm/load/tok", tests ? tests : "tests");
    T_EQ_I(tk_tokenizer_load(path, NULL, &t, &err), 0, "the tokenizer: %s", err.msg);
    struct tk_tok_scratch *s = tk_tok_scratch_new_large();
    struct tk_buf got = TK_BUF_INIT(4096);
    tk_mt_seed_python(&mt, 1);
    for (unsigned i = 0; t && s && i < N_TEXTS; i++) {
        uint32_t ids[MAX_IDS] = { 0 };
        char text[2 * MAX_IDS + 1] = "", before[MAX_IDS + 1];
        size_t n = draw(&mt, t, ids, text);
        memcpy(before, text, n + 1);
        clean(text);
        tk_buf_reset(&got);
        int rc = tk_tokenizer_decode(t, s, ids, n, 0, &got);
        if (rc != 0 || got.n != strlen(text) || (got.n > 0 && memcmp(got.p, text, got.n) != 0)) {
            if (n_bad++ == 0)
                T_EQ_N(got.p ? got.p : "", got.n, text, strlen(text), "of '%s'", before);
        }
    }
    T_EQ_U(n_bad, 0, "%d texts are cleaned up as there", N_TEXTS);
    tk_buf_release(&got);
    tk_tok_scratch_free(s);
    tk_tokenizer_free(t);
    return T_DONE();
}
