/* sonnet.c - prompts of a poem's lines, as `vllm bench serve` makes them
 *
 *   "Pick as many lines as you can from these poem lines:\n"  + the first lines, the same in each
 *                                                             + lines drawn with random.choices()
 *
 * How many lines come out of their mean length in tokens; a prompt that is longer than asked for, in the
 * chat template, is dropped and another one drawn. The tool draws for ever where none fits; here it
 * is an error after MAX_MISSES in a row.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/inside.h"
#include "data/poem.h"
#include "token/tokenizer.h"

#define BASE "Pick as many lines as you can from these poem lines:\n"
#define MAX_FILE ((size_t)64 << 20)
#define MAX_MISSES 10000

struct sonnet {
    const struct tk_data_conf *conf;
    struct tk_err *reterr;
    struct tk__adder adder;
    struct tk_mt mt;
    struct tk_tok_scratch *scratch; /* owned */
    struct tk__measured measured;
    struct tk_buf file, prompt;
    struct tk_str *lines; /* owned; of `file`, each with its line end */
    size_t n_lines;
    size_t n_prefix, n_extra; /* lines of a prompt */
};

/* --- the poem --- */

/* As Python reads a text: "\r\n" and "\r" are "\n". */
static int read_file(struct sonnet *d)
{
    const char *path = d->conf->path;
    FILE *f = fopen(path, "re");
    int before = 0, c;

    if (!f)
        return tk_err_set(d->reterr, -errno, "'%s' cannot be opened: %s", path,
                          tk_err_text(-errno));
    while ((c = getc_unlocked(f)) != EOF && d->file.failed == 0) {
        if (c != '\n' || before != '\r')
            tk_buf_add_c(&d->file, c == '\r' ? '\n' : (char)c);
        before = c;
    }
    int rc = ferror(f) ? -EIO : d->file.failed;
    (void)fclose(f);
    return rc ? tk_err_set(d->reterr, rc, "'%s' cannot be read: %s", path, tk_err_text(rc)) : 0;
}

static int read_poem(struct sonnet *d)
{
    if (d->conf->path)
        return read_file(d);
    for (size_t i = 0; i < TK__POEM_LINES; i++)
        tk_buf_addf(&d->file, "%s\n", tk__poem[i]);
    return d->file.failed == 0 ? 0 : tk_err_set(d->reterr, d->file.failed, "no memory for a poem");
}

static int cut_lines(struct sonnet *d)
{
    size_t n = 1;

    for (size_t i = 0; i < d->file.n; i++)
        n += d->file.p[i] == '\n';
    d->lines = reallocarray(NULL, n, sizeof(*d->lines));
    if (!d->lines)
        return tk_err_set(d->reterr, -ENOMEM, "no memory for the lines of '%s'", d->conf->path);
    for (size_t at = 0; at < d->file.n;) {
        const char *end = memchr(d->file.p + at, '\n', d->file.n - at);
        n = end ? (size_t)(end - d->file.p) + 1 - at : d->file.n - at;
        d->lines[d->n_lines++] = (struct tk_str){ d->file.p + at, n };
        at += n;
    }
    return d->n_lines > 0
               ? 0
               : tk_err_set(d->reterr, TK_E_NOT_FOUND, "'%s' has no lines", d->conf->path);
}

/* --- lengths --- */

/* Tokens of d->prompt in the chat template, or a code with words. */
static int64_t measure(struct sonnet *d)
{
    const struct tk_item item = { .prompt = tk_buf_str(&d->prompt) };
    int64_t n = d->prompt.failed;

    if (n == 0)
        n = tk__measure_prompt(&d->measured, d->conf, d->scratch, &item);
    if (n < 0)
        return tk_err_set(d->reterr, (int)n, "%s",
                          d->measured.err.msg[0] ? d->measured.err.msg : tk_err_text((int)n));
    return n;
}

static int count_lines(struct sonnet *d)
{
    int64_t n_tokens = 0;

    for (size_t i = 0; i < d->n_lines; i++) {
        int64_t n = tk_tokenizer_count(d->conf->tokenizer, d->scratch, d->lines[i], TK_TOK_DEFAULT);
        if (n < 0)
            return tk_err_set(d->reterr, (int)n, "line %zu of '%s' could not be counted", i + 1,
                              d->conf->path);
        n_tokens += n;
    }
    tk_buf_add_z(&d->prompt, BASE);
    int64_t base = measure(d);
    if (base < 0)
        return (int)base;
    if (d->conf->input_tokens <= base)
        return tk_err_set(d->reterr, TK_E_RANGE,
                          "'input_len' must be higher than the base prompt length (%" PRId64 ").",
                          base);
    double mean = (double)n_tokens / (double)d->n_lines;
    if (!(mean > 0) || d->conf->input_tokens > TK_DATA_MAX_WORDS)
        return tk_err_set(d->reterr, TK_E_RANGE, "prompts of %" PRId64 " tokens cannot be made",
                          d->conf->input_tokens);
    /* rint() rounds halves to even, as Python's round() does */
    double n_input = rint((double)(d->conf->input_tokens - base) / mean);
    double n_prefix = fmax(rint((double)(d->conf->prefix_tokens - base) / mean), 0);
    d->n_extra = n_input > n_prefix ? (size_t)(n_input - n_prefix) : 0;
    d->n_prefix = (size_t)fmin(n_prefix, (double)d->n_lines);
    return 0;
}

/* --- prompts --- */

static void make_prompt(struct sonnet *d)
{
    tk_buf_reset(&d->prompt);
    tk_buf_add_z(&d->prompt, BASE);
    for (size_t i = 0; i < d->n_prefix; i++)
        tk_buf_add_str(&d->prompt, d->lines[i]);
    for (size_t i = 0; i < d->n_extra; i++) {
        size_t line = (size_t)(tk_mt_double(&d->mt) * (double)d->n_lines);
        tk_buf_add_str(&d->prompt, d->lines[line]);
    }
}

/* One more prompt, unless it is too long: 1, 0 or a code. */
static int try_prompt(struct sonnet *d)
{
    make_prompt(d);
    int64_t n = measure(d);
    if (n < 0 || n > d->conf->input_tokens)
        return n < 0 ? (int)n : 0;
    struct tk_item item = {
        .prompt = tk_buf_str(d->conf->keeps_plain ? &d->prompt : &d->measured.text),
        .prompt_tokens = n,
        .output_tokens = d->conf->output_tokens,
        .row = (uint32_t)d->adder.n,
    };
    int rc = tk__adder_add(&d->adder, &item, d->reterr);
    return rc ? rc : 1;
}

static int make_prompts(struct sonnet *d)
{
    unsigned n_misses = 0;

    while (d->adder.n < d->conf->n_wanted) {
        int rc = try_prompt(d);
        if (rc < 0)
            return rc;
        n_misses = rc > 0 ? 0 : n_misses + 1;
        if (n_misses == MAX_MISSES)
            return tk_err_set(d->reterr, TK_E_RANGE,
                              "none of %d prompts in a row had at most %" PRId64
                              " tokens; ask for longer ones",
                              MAX_MISSES, d->conf->input_tokens);
    }
    return 0;
}

static int load_all(struct sonnet *d)
{
    if (d->conf->n_wanted == 0 || d->conf->n_wanted > UINT32_MAX)
        return tk_err_set(d->reterr, TK_E_RANGE, "No requests provided.");
    if (!d->scratch)
        return tk_err_set(d->reterr, -ENOMEM, "no memory for the tokenizer");
    int rc = read_poem(d);
    if (rc == 0)
        rc = cut_lines(d);
    if (rc == 0)
        rc = count_lines(d);
    return rc ? rc : make_prompts(d);
}

static int sonnet_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    struct sonnet d = {
        .conf = conf,
        .reterr = reterr,
        .file = TK_BUF_INIT(MAX_FILE),
        .prompt = TK_BUF_INIT(TK_TOKENIZER_MAX_TEXT),
        .scratch = tk_tok_scratch_new(),
    };

    tk__adder_init(&d.adder, ret);
    tk_mt_seed_python(&d.mt, conf->seed);
    int rc = load_all(&d);
    if (conf->python)
        *conf->python = d.mt;
    tk__measured_release(&d.measured);
    tk_tok_scratch_free(d.scratch);
    tk_buf_release(&d.file);
    tk_buf_release(&d.prompt);
    free(d.lines);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_sonnet = {
    .name = "sonnet",
    .help = "lines of a poem, some the same in each prompt",
    .needs_path = false,
    .load = sonnet_load,
};
