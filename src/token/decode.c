/* decode.c - ids into text: decoders, from JSON into steps, and the steps
 *
 *   ids --> pieces as spelt --step--> pieces --step--> … --> joined --clean-up of spaces--> text
 *
 * A byte-level decoder alone, which most models have, takes a short way: the vocabulary holds bytes
 * already, they are joined and what is no UTF-8 becomes U+FFFD.
 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "token/internal.h"
#include "token/jsonu.h"
#include "token/regex.h"
#include "token/unicode.h"

#define WHERE "decoder"
#define REPLACEMENT "\xEF\xBF\xBD"

/* ---- pieces ---- */

/* The bytes of an id: of added tokens and plain vocabularies as spelt, of raw ones what they mean.
 * .p is NULL when there is no such id. */
static struct tk_str piece_of(const struct tk_tokenizer *t, uint32_t id, enum tk__form *ret_form)
{
    *ret_form = TK__FORM_TEXT;
    if (id < t->id_end && t->id_added[id] != TK__NO_ID)
        return t->added[t->id_added[id]].content;
    return tk__vocab_piece(&t->vocab, id, ret_form);
}

static bool is_skipped(const struct tk_tokenizer *t, uint32_t id, unsigned flags)
{
    return id >= t->id_end || ((flags & TK_TOK_SKIP_SPECIAL) && (t->id_flags[id] & TK__ID_SPECIAL));
}

static void add_spelt(struct tk_buf *out, struct tk_str piece, enum tk__form form)
{
    if (form == TK__FORM_BYTES)
        tk__text_of_bytes(out, piece);
    else
        (void)tk_buf_add_str(out, piece);
}

/* Append what a piece means to a byte-level decoder. */
int tk__decode_bytes(const struct tk_tokenizer *t, uint32_t id, unsigned flags, struct tk_buf *out)
{
    enum tk__form form;
    if (is_skipped(t, id, flags))
        return 0;
    struct tk_str piece = piece_of(t, id, &form);
    if (!piece.p || form == TK__FORM_BYTES)
        return tk_buf_add_str(out, piece);
    int rc = tk_buf_reserve(out, piece.n + 1);
    if (rc < 0)
        return rc;
    size_t n = tk__bytes_of_text(piece, out->p + out->n);
    if (n == SIZE_MAX)
        return tk_buf_add_str(out, piece);
    out->n += n;
    out->p[out->n] = '\0';
    return 0;
}

/* The pieces as spelt, into s->decode[0] and s->tokens[0]. */
static int spell(const struct tk_tokenizer *t, struct tk_tok_scratch *s, const uint32_t *ids,
                 size_t n, unsigned flags)
{
    struct tk_buf *text = &s->decode[0];
    int rc = 0;
    s->tokens[0].n = 0;
    tk_buf_reset(text);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        enum tk__form form;
        size_t from = text->n;
        if (is_skipped(t, ids[i], flags))
            continue;
        struct tk_str piece = piece_of(t, ids[i], &form);
        if (!piece.p)
            continue;
        add_spelt(text, piece, form);
        rc = text->failed
                 ? text->failed
                 : tk__spans_add(&s->tokens[0], (uint32_t)from, (uint32_t)(text->n - from), 0);
    }
    return rc;
}

/* ---- steps: each takes tokens[in] and makes tokens[in ^ 1] ---- */

struct decoding {
    struct tk_tok_scratch *s;
    const struct tk__decode *step;
    const struct tk__spans *from;
    const struct tk_buf *in;
    struct tk__spans *to;
    struct tk_buf *out;
};

static struct tk_str token(const struct decoding *d, size_t i)
{
    return (struct tk_str){ d->in->p + d->from->p[i].at, d->from->p[i].n };
}

/* What was added since `from` is a token. */
static int end_token(struct decoding *d, size_t from)
{
    if (d->out->failed)
        return d->out->failed;
    return tk__spans_add(d->to, (uint32_t)from, (uint32_t)(d->out->n - from), 0);
}

/* Append `s` with each `pattern` replaced; an empty pattern stands before each character and at the
 * end, as in Rust and Python. */
static void replace_all(struct tk_buf *out, struct tk_str s, struct tk_str pattern,
                        struct tk_str content)
{
    const char *end = s.p + s.n;
    const char *found;
    if (pattern.n == 0) {
        for (size_t at = 0, n; at < s.n; at += n) {
            n = tk__utf8_len(s.p[at]);
            (void)tk_buf_add_str(out, content);
            (void)tk_buf_add(out, s.p + at, n);
        }
        (void)tk_buf_add_str(out, content);
        return;
    }
    while (s.n > 0 && (found = memmem(s.p, s.n, pattern.p, pattern.n)) != NULL) {
        (void)tk_buf_add(out, s.p, (size_t)(found - s.p));
        (void)tk_buf_add_str(out, content);
        s.p = found + pattern.n;
        s.n = (size_t)(end - s.p);
    }
    (void)tk_buf_add_str(out, s);
}

static int byte_level(struct decoding *d)
{
    struct tk_buf bytes = TK_BUF_INIT(TK__MAX_WORK);
    size_t from = d->out->n;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->from->n; i++) {
        struct tk_str t = token(d, i);
        rc = tk_buf_reserve(&bytes, t.n + 1);
        if (rc < 0)
            break;
        size_t n = tk__bytes_of_text(t, bytes.p + bytes.n);
        if (n == SIZE_MAX)
            rc = tk_buf_add_str(&bytes, t);
        else
            bytes.n += n;
    }
    rc = rc < 0 ? rc : tk__utf8_repair(d->out, tk_buf_str(&bytes));
    tk_buf_release(&bytes);
    return rc < 0 ? rc : end_token(d, from);
}

static int metaspace(struct decoding *d)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->from->n; i++) {
        size_t from = d->out->n;
        bool drops = i == 0 && d->step->flag;
        replace_all(d->out, token(d, i), d->step->a, drops ? TK_STR("") : TK_STR(" "));
        rc = end_token(d, from);
    }
    return rc;
}

static void clean_up(struct tk_tok_scratch *s, struct tk_buf *text, size_t from, bool is_decoder);

static int wordpiece(struct decoding *d)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->from->n; i++) {
        struct tk_str t = token(d, i);
        size_t from = d->out->n;
        if (i > 0 && tk_str_starts(t, d->step->a)) {
            t.p += d->step->a.n;
            t.n -= d->step->a.n;
        } else if (i > 0) {
            (void)tk_buf_add_c(d->out, ' ');
        }
        (void)tk_buf_add_str(d->out, t);
        if (d->step->flag)
            clean_up(d->s, d->out, from, true);
        rc = end_token(d, from);
    }
    return rc;
}

static int bpe(struct decoding *d)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->from->n; i++) {
        size_t from = d->out->n;
        bool is_last = i + 1 == d->from->n;
        replace_all(d->out, token(d, i), d->step->a, is_last ? TK_STR("") : TK_STR(" "));
        rc = end_token(d, from);
    }
    return rc;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "<0x0A>" stands for, or -1. */
static int stand_in(struct tk_str t)
{
    if (t.n != 6 || memcmp(t.p, "<0x", 3) != 0 || t.p[5] != '>')
        return -1;
    int high = t.p[3] == '+' ? 0 : hex_of(t.p[3]); /* Rust's from_str_radix takes a sign */
    int low = hex_of(t.p[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* The bytes out[from, n): a token if they are UTF-8, else a U+FFFD for each. */
static int end_bytes(struct decoding *d, size_t from)
{
    size_t n = d->out->n - from;
    int rc = 0;
    if (n == 0)
        return 0;
    if (d->out->failed || tk__utf8_valid(d->out->p + from, n) == n)
        return end_token(d, from);
    d->out->n = from;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        from = d->out->n;
        (void)tk_buf_add_z(d->out, REPLACEMENT);
        rc = end_token(d, from);
    }
    return rc;
}

static int byte_fallback(struct decoding *d)
{
    size_t from = d->out->n; /* of the bytes that wait */
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->from->n; i++) {
        struct tk_str t = token(d, i);
        int byte = stand_in(t);
        if (byte >= 0) {
            rc = tk_buf_add_c(d->out, (char)byte);
            continue;
        }
        rc = end_bytes(d, from);
        from = d->out->n;
        (void)tk_buf_add_str(d->out, t);
        rc = rc < 0 ? rc : end_token(d, from);
        from = d->out->n;
    }
    return rc < 0 ? rc : end_bytes(d, from);
}

static int fuse(struct decoding *d)
{
    for (size_t i = 0; i < d->from->n; i++)
        (void)tk_buf_add_str(d->out, token(d, i));
    return end_token(d, 0);
}

static int strip(struct decoding *d)
{
    const struct tk_str c = d->step->a;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->from->n; i++) {
        struct tk_str t = token(d, i);
        size_t from = d->out->n;
        for (size_t k = 0; k < d->step->start && t.n > 0 && tk_str_starts(t, c); k++) {
            t.p += c.n;
            t.n -= c.n;
        }
        for (size_t k = 0; k < d->step->stop && t.n > 0 && tk_str_ends(t, c); k++)
            t.n -= c.n;
        (void)tk_buf_add_str(d->out, t);
        rc = end_token(d, from);
    }
    return rc;
}

static int replace_regex(struct decoding *d, struct tk_str t)
{
    struct tk__regex_iter it = TK__REGEX_ITER_INIT;
    size_t at, end;
    size_t done = 0;
    int rc = 0;
    while (t.n > 0 && (rc = tk__regex_next(d->step->regex, d->s, t, &it, &at, &end)) > 0) {
        (void)tk_buf_add(d->out, t.p + done, at - done);
        (void)tk_buf_add_str(d->out, d->step->b);
        done = end;
    }
    (void)tk_buf_add(d->out, t.p + done, t.n - done);
    return rc;
}

static int replace(struct decoding *d)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->from->n; i++) {
        size_t from = d->out->n;
        if (d->step->regex)
            rc = replace_regex(d, token(d, i));
        else
            replace_all(d->out, token(d, i), d->step->a, d->step->b);
        rc = rc < 0 ? rc : end_token(d, from);
    }
    return rc;
}

/* Cut out[from, n) down to what replacing in it gives. */
static void replace_tail(struct tk_tok_scratch *s, struct tk_buf *text, size_t from,
                         struct tk_str pattern, struct tk_str content)
{
    struct tk_str tail = { text->p + from, text->n - from };
    if (text->failed || tail.n == 0 ||
        (pattern.n > 0 && !memmem(tail.p, tail.n, pattern.p, pattern.n)))
        return;
    char *copy = tk__work(s, tail.n);
    if (!copy) {
        text->failed = -ENOMEM;
        return;
    }
    memcpy(copy, tail.p, tail.n);
    text->n = from;
    replace_all(text, (struct tk_str){ copy, tail.n }, pattern, content);
}

static int ctc(struct decoding *d)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->from->n; i++) {
        struct tk_str t = token(d, i);
        size_t from = d->out->n;
        if (i > 0 && tk_str_eq(t, token(d, i - 1)))
            continue;
        replace_all(d->out, t, d->step->a, TK_STR(""));
        if (d->step->flag) {
            clean_up(d->s, d->out, from, true);
            replace_tail(d->s, d->out, from, d->step->b, TK_STR(" "));
        }
        if (d->out->n > from || d->out->failed)
            rc = end_token(d, from);
    }
    return rc;
}

static int run_step(struct decoding *d)
{
    switch (d->step->kind) {
    case TK__DECODE_BYTE_LEVEL:
        return byte_level(d);
    case TK__DECODE_METASPACE:
        return metaspace(d);
    case TK__DECODE_WORDPIECE:
        return wordpiece(d);
    case TK__DECODE_BPE:
        return bpe(d);
    case TK__DECODE_BYTE_FALLBACK:
        return byte_fallback(d);
    case TK__DECODE_FUSE:
        return fuse(d);
    case TK__DECODE_STRIP:
        return strip(d);
    case TK__DECODE_REPLACE:
        return replace(d);
    case TK__DECODE_CTC:
        return ctc(d);
    }
    return TK_E_UNSUPPORTED;
}

/* ---- the whole ---- */

static bool is_joined(char c)
{
    return c == '.' || c == '?' || c == '!' || c == ',';
}

/* The first four replacements, " ." by "." and so on, in one go: none of them makes or takes what another
 * one finds. */
static void join_punctuation(struct tk_buf *text, size_t from)
{
    char *end = text->p + text->n;
    char *to = text->p + from;
    const char *done = to; /* what is before it is in its place */

    for (char *p = to; (p = memchr(p, ' ', (size_t)(end - p))) != NULL; p++) {
        if (end - p < 2 || !is_joined(p[1]))
            continue;
        memmove(to, done, (size_t)(p - done));
        to += p - done;
        done = p + 1;
    }
    memmove(to, done, (size_t)(end - done));
    text->n = (size_t)(to + (end - done) - text->p);
    text->p[text->n] = '\0';
}

/* Which of the pairs below may be found, by index; a text has few of them, and looking for each costs
 * more than all the rest of decoding. Taking a space away makes none of the others, but for " ' ". */
static unsigned find_pairs(struct tk_str text)
{
    const char *end = text.p + text.n;
    unsigned found = 0;

    for (const char *p = text.p; (p = memchr(p, ' ', (size_t)(end - p))) != NULL; p++) {
        char c = end - p > 2 ? p[1] : '\0';
        if (c == '\'')
            found |= p[2] == ' ' ? ~0U : 1U << 2 | ~0U << 4;
        else if (c == 'n' && p[2] == '\'')
            found |= 1U << 1;
        else if (c == 'd')
            found |= 1U << 3;
    }
    return found;
}

/* What transformers' clean_up_tokenization_spaces replaces; the decoders of WordPiece and CTC have one
 * more. */
static void clean_up(struct tk_tok_scratch *s, struct tk_buf *text, size_t from, bool is_decoder)
{
    static const struct {
        struct tk_str from, to;
        bool is_decoder;
    } pairs[] = {
        { TK_STR_INIT(" ' "), TK_STR_INIT("'"), false },
        { TK_STR_INIT(" n't"), TK_STR_INIT("n't"), false },
        { TK_STR_INIT(" 'm"), TK_STR_INIT("'m"), false },
        { TK_STR_INIT(" do not"), TK_STR_INIT(" don't"), true },
        { TK_STR_INIT(" 's"), TK_STR_INIT("'s"), false },
        { TK_STR_INIT(" 've"), TK_STR_INIT("'ve"), false },
        { TK_STR_INIT(" 're"), TK_STR_INIT("'re"), false },
    };
    if (text->failed || text->n == from)
        return;
    join_punctuation(text, from);
    unsigned found = find_pairs((struct tk_str){ text->p + from, text->n - from });
    for (size_t i = 0; i < TK_ARRAY_LEN(pairs); i++) {
        if ((found >> i & 1) && (is_decoder || !pairs[i].is_decoder))
            replace_tail(s, text, from, pairs[i].from, pairs[i].to);
    }
}

bool tk__decode_is_bytes(const struct tk_tokenizer *t)
{
    return t->decode.is_set && t->decode.n == 1 && t->decode.v[0].kind == TK__DECODE_BYTE_LEVEL;
}

/* All steps; the tokens joined are appended to `out`. */
static int decode_steps(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_buf *out)
{
    unsigned in = 0;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < t->decode.n; i++) {
        struct decoding d = { s,
                              &t->decode.v[i],
                              &s->tokens[in],
                              &s->decode[in],
                              &s->tokens[in ^ 1],
                              &s->decode[in ^ 1] };
        d.to->n = 0;
        tk_buf_reset(d.out);
        rc = run_step(&d);
        in ^= 1;
    }
    for (size_t i = 0; rc == 0 && i < s->tokens[in].n; i++) {
        const struct tk__span *span = &s->tokens[in].p[i];
        if (i > 0 && !t->decode.is_set)
            rc = tk_buf_add_c(out, ' ');
        rc = rc < 0 ? rc : tk_buf_add(out, s->decode[in].p + span->at, span->n);
    }
    return rc;
}

int tk__decode_raw(const struct tk_tokenizer *t, struct tk_tok_scratch *s, const uint32_t *ids,
                   size_t n, unsigned flags, struct tk_buf *out)
{
    int rc = 0;
    if (!tk__decode_is_bytes(t)) {
        rc = spell(t, s, ids, n, flags);
        return rc < 0 ? rc : decode_steps(t, s, out);
    }
    tk_buf_reset(&s->decode[0]);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = tk__decode_bytes(t, ids[i], flags, &s->decode[0]);
    return rc < 0 ? rc : tk__utf8_repair(out, tk_buf_str(&s->decode[0]));
}

int tk_tokenizer_decode(const struct tk_tokenizer *t, struct tk_tok_scratch *s, const uint32_t *ids,
                        size_t n, unsigned flags, struct tk_buf *out)
{
    size_t from = out->n;
    int rc = tk__decode_raw(t, s, ids, n, flags, out);
    if (rc == 0 && t->cleans_up) {
        clean_up(s, out, from, false);
        rc = out->failed;
    }
    return rc;
}

int tk_tokenizer_piece(const struct tk_tokenizer *t, uint32_t id, struct tk_buf *out)
{
    enum tk__form form;
    struct tk_str piece = piece_of(t, id, &form);
    if (!piece.p)
        return TK_E_NOT_FOUND;
    int rc = tk_buf_reserve(out, piece.n * 2);
    if (rc == 0)
        add_spelt(out, piece, form);
    return rc < 0 ? rc : out->failed;
}

/* ---- reading ---- */

static int read_strip(struct tk_tokenizer *t, struct tk__decode *step, struct tk_json_val *v,
                      struct tk_err *reterr)
{
    int rc = tk__ju_need_str(v, "content", WHERE, &t->arena, &step->a, reterr);
    if (rc == 0 && (step->a.n == 0 || tk__utf8_len(step->a.p[0]) != step->a.n))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "the content of the decoder 'Strip' is no character");
    if (rc == 0)
        rc = tk__ju_size(v, "start", WHERE, &step->start, reterr);
    return rc == 0 ? tk__ju_size(v, "stop", WHERE, &step->stop, reterr) : rc;
}

static int read_replace(struct tk_tokenizer *t, struct tk__decode *step, struct tk_json_val *v,
                        struct tk_err *reterr)
{
    struct tk_json_val pattern;
    struct tk_str regex = { 0 };
    int rc = tk__ju_need_str(v, "content", WHERE, &t->arena, &step->b, reterr);
    if (rc < 0)
        return rc;
    if (tk__ju_member(v, "pattern", &pattern) <= 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the decoder 'Replace' has no 'pattern'");
    rc = tk__ju_str(&pattern, "String", WHERE, &t->arena, &step->a, reterr);
    if (rc == 0)
        rc = tk__ju_str(&pattern, "Regex", WHERE, &t->arena, &regex, reterr);
    if (rc < 0)
        return rc;
    if (!regex.p && !step->a.p)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "the pattern of the decoder 'Replace' is not supported");
    return regex.p || step->a.n == 0 ? tk__regex_new(regex, &step->regex, reterr) : 0;
}

static int read_metaspace(struct tk_tokenizer *t, struct tk__decode *step, struct tk_json_val *v,
                          struct tk_err *reterr)
{
    struct tk_str scheme = TK_STR("always");
    int rc = tk__ju_need_str(v, "replacement", WHERE, &t->arena, &step->a, reterr);
    if (rc == 0)
        rc = tk__ju_str(v, "prepend_scheme", WHERE, &t->arena, &scheme, reterr);
    if (rc == 0 && !tk_str_is(scheme, "always") && !tk_str_is(scheme, "first") &&
        !tk_str_is(scheme, "never"))
        return tk_err_set(reterr, TK_E_UNSUPPORTED, "the prepend_scheme '%.*s' is not supported",
                          TK_STR_ARG(scheme));
    bool prefix = true;
    if (rc == 0)
        rc = tk__ju_bool(v, "add_prefix_space", WHERE, &prefix, reterr);
    step->flag = !tk_str_is(scheme, "never");
    if (rc == 0 && !prefix && step->flag)
        return tk_err_set(reterr, TK_E_FORMAT,
                          "'add_prefix_space' of Metaspace does not match its prepend_scheme");
    return rc;
}

static int read_ctc(struct tk_tokenizer *t, struct tk__decode *step, struct tk_json_val *v,
                    struct tk_err *reterr)
{
    step->flag = true;
    int rc = tk__ju_need_str(v, "pad_token", WHERE, &t->arena, &step->a, reterr);
    if (rc == 0)
        rc = tk__ju_need_str(v, "word_delimiter_token", WHERE, &t->arena, &step->b, reterr);
    return rc == 0 ? tk__ju_bool(v, "cleanup", WHERE, &step->flag, reterr) : rc;
}

static int read_step(struct tk_tokenizer *t, enum tk__decode_kind kind, struct tk_json_val *v,
                     struct tk_err *reterr)
{
    int rc = 0;
    if (t->decode.n == TK__MAX_STEPS)
        return tk_err_set(reterr, TK_E_LIMIT, "more than %d decoders", TK__MAX_STEPS);
    struct tk__decode *step = &t->decode.v[t->decode.n++];
    *step = (struct tk__decode){ .kind = kind };
    switch (kind) {
    case TK__DECODE_METASPACE:
        return read_metaspace(t, step, v, reterr);
    case TK__DECODE_WORDPIECE:
        step->flag = true;
        rc = tk__ju_need_str(v, "prefix", WHERE, &t->arena, &step->a, reterr);
        return rc == 0 ? tk__ju_bool(v, "cleanup", WHERE, &step->flag, reterr) : rc;
    case TK__DECODE_BPE:
        return tk__ju_need_str(v, "suffix", WHERE, &t->arena, &step->a, reterr);
    case TK__DECODE_STRIP:
        return read_strip(t, step, v, reterr);
    case TK__DECODE_REPLACE:
        return read_replace(t, step, v, reterr);
    case TK__DECODE_CTC:
        return read_ctc(t, step, v, reterr);
    default:
        return 0;
    }
}

static int parse(struct tk_tokenizer *t, struct tk_json_val *v, unsigned depth,
                 struct tk_err *reterr)
{
    static const char *const known[] = { "type",
                                         "decoders",
                                         "add_prefix_space",
                                         "trim_offsets",
                                         "use_regex",
                                         "replacement",
                                         "str_rep",
                                         "split",
                                         "prepend_scheme",
                                         "prefix",
                                         "cleanup",
                                         "suffix",
                                         "content",
                                         "start",
                                         "stop",
                                         "pattern",
                                         "pad_token",
                                         "word_delimiter_token",
                                         NULL };
    static const struct {
        const char *name;
        enum tk__decode_kind kind;
    } kinds[] = {
        { "ByteLevel", TK__DECODE_BYTE_LEVEL },
        { "Metaspace", TK__DECODE_METASPACE },
        { "WordPiece", TK__DECODE_WORDPIECE },
        { "BPEDecoder", TK__DECODE_BPE },
        { "ByteFallback", TK__DECODE_BYTE_FALLBACK },
        { "Fuse", TK__DECODE_FUSE },
        { "Strip", TK__DECODE_STRIP },
        { "Replace", TK__DECODE_REPLACE },
        { "CTC", TK__DECODE_CTC },
    };
    char type[32];
    int rc = tk__ju_type(v, WHERE, type, sizeof(type), reterr);
    if (rc == 0)
        rc = tk__ju_only(v, WHERE, known, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(type, "Sequence") == 0)
        return tk__parse_sequence(t, v, "decoder", "decoders", depth, parse, reterr);
    for (size_t i = 0; i < TK_ARRAY_LEN(kinds); i++) {
        if (strcmp(type, kinds[i].name) == 0)
            return read_step(t, kinds[i].kind, v, reterr);
    }
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "the decoder '%s' is not supported", type);
}

int tk__decode_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    t->decode.is_set = true;
    return parse(t, v, 0, reterr);
}

void tk__decode_release(struct tk__decodes *ds)
{
    for (unsigned i = 0; i < ds->n; i++)
        ds->v[i].regex = tk__regex_free(ds->v[i].regex);
    ds->n = 0;
}
