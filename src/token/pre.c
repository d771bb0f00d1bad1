/* pre.c - pre-tokenizers: from JSON into steps, and the steps
 *
 *   {"type": "Sequence", …} --flatten--> SPLIT_SCAN, BYTES, …
 *   one span of text --step--> spans --step--> spans …
 *
 * A step cuts each span on its own, as `tokenizers` does: what is before or behind it is not there.
 * Most steps find matches and cut by them (split()); three rewrite the text on the way.
 * ByteLevel becomes up to three steps. If its spelling comes last and the model's vocabulary is raw,
 * that step is left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "token/internal.h"
#include "token/jsonu.h"
#include "token/regex.h"
#include "token/scan.h"
#include "token/unicode.h"

#define WHERE "pre-tokenizer"

/* ---- cutting ---- */

static uint32_t origin_at(struct tk__span span, uint32_t at)
{
    uint32_t off = at - span.at;
    return span.n_origin > off ? span.n_origin - off : 0;
}

static int add_part(struct tk__spans *out, struct tk__span span, uint32_t at, uint32_t end)
{
    return end > at ? tk__spans_add(out, at, end - at, origin_at(span, at)) : 0;
}

/* Which matches belong together; `same` says whether matches[i] joins the one before it. */
static bool joins_previous(const struct tk__span *m, size_t i, enum tk__behavior behavior,
                           bool is_inverted)
{
    bool is_match = (m[i].n_origin != 0) != is_inverted;
    bool was_match = i > 0 && (m[i - 1].n_origin != 0) != is_inverted;
    switch (behavior) {
    case TK__CONTIGUOUS:
        return i > 0 && is_match == was_match;
    case TK__MERGED_WITH_PREVIOUS:
        return i > 0 && is_match && !was_match;
    case TK__MERGED_WITH_NEXT: /* the one before is a match whose successor is none */
        return i > 0 && was_match && !is_match;
    default:
        return false;
    }
}

int tk__split(struct tk_tok_scratch *s, struct tk__span span, enum tk__behavior behavior,
              bool is_inverted, struct tk__spans *out)
{
    const struct tk__span *m = s->matches.p;
    size_t n = s->matches.n;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n;) {
        uint32_t at = m[i].at;
        bool is_match = (m[i].n_origin != 0) != is_inverted;
        size_t k = i + 1;
        while (k < n && joins_previous(m, k, behavior, is_inverted))
            k++;
        if (behavior != TK__REMOVED || !is_match)
            rc = add_part(out, span, at, m[k - 1].at + m[k - 1].n);
        i = k;
    }
    return rc;
}

/* ---- finding ---- */

static int add_match(struct tk_tok_scratch *s, size_t at, size_t end, bool is_match)
{
    return tk__spans_add(&s->matches, (uint32_t)at, (uint32_t)(end - at), is_match);
}

/* A gap before a match at `at`. */
static int add_gap(struct tk_tok_scratch *s, size_t done, size_t at)
{
    return at > done ? add_match(s, done, at, false) : 0;
}

static int find_regex(struct tk_tok_scratch *s, const struct tk__regex *re, const char *text,
                      struct tk__span span)
{
    struct tk_str in = { text + span.at, span.n };
    struct tk__regex_iter it = TK__REGEX_ITER_INIT;
    size_t at, end;
    size_t done = 0;
    int rc;
    while ((rc = tk__regex_next(re, s, in, &it, &at, &end)) > 0) {
        rc = add_gap(s, span.at + done, span.at + at);
        rc = rc < 0 ? rc : add_match(s, span.at + at, span.at + end, true);
        if (rc < 0)
            return rc;
        done = end;
    }
    return rc < 0 ? rc : add_gap(s, span.at + done, span.at + span.n);
}

static int find_scan(struct tk_tok_scratch *s, enum tk__scan_kind kind, const char *text,
                     struct tk__span span)
{
    int rc = 0;
    bool is_match;
    for (size_t at = 0, end; rc == 0 && at < span.n; at = end) {
        end = tk__scan(kind, text + span.at, at, span.n, &is_match);
        rc = add_match(s, span.at + at, span.at + end, is_match);
    }
    return rc;
}

static int find_string(struct tk_tok_scratch *s, struct tk_str pattern, const char *text,
                       struct tk__span span)
{
    size_t end = (size_t)span.at + span.n;
    size_t done = span.at;
    const char *found;
    int rc = 0;
    while (rc == 0 && (found = memmem(text + done, end - done, pattern.p, pattern.n)) != NULL) {
        size_t at = (size_t)(found - text);
        rc = add_gap(s, done, at);
        rc = rc < 0 ? rc : add_match(s, at, at + pattern.n, true);
        done = at + pattern.n;
    }
    return rc < 0 ? rc : add_gap(s, done, end);
}

/* Does this character match, for the steps that look at one at a time? */
static bool is_char(const struct tk__pre *step, uint32_t c)
{
    switch (step->kind) {
    case TK__PRE_WHITESPACE_SPLIT:
        return tk__uni_flags(c) & TK__U_SPACE;
    case TK__PRE_DIGITS:
        return tk__uni_flags(c) & TK__U_NUMERIC;
    case TK__PRE_PUNCTUATION:
        return tk__uni_flags(c) & TK__U_PUNCT;
    default:
        return c == step->character;
    }
}

static int find_chars(struct tk_tok_scratch *s, const struct tk__pre *step, const char *text,
                      struct tk__span span)
{
    size_t end = (size_t)span.at + span.n;
    size_t done = span.at;
    int rc = 0;
    for (size_t at = span.at; rc == 0 && at < end;) {
        size_t from = at;
        if (!is_char(step, tk__utf8_next(text, &at)))
            continue;
        rc = add_gap(s, done, from);
        rc = rc < 0 ? rc : add_match(s, from, at, true);
        done = at;
    }
    return rc < 0 ? rc : add_gap(s, done, end);
}

/* \w+|[^\w\s]+ */
static int find_words(struct tk_tok_scratch *s, const char *text, struct tk__span span)
{
    size_t end = (size_t)span.at + span.n;
    int rc = 0;
    for (size_t at = span.at; rc == 0 && at < end;) {
        size_t from = at;
        unsigned kind = tk__uni_flags(tk__utf8_next(text, &at)) & (TK__U_WORD | TK__U_SPACE);
        for (size_t next = at; at < end; at = next) {
            unsigned k = tk__uni_flags(tk__utf8_next(text, &next)) & (TK__U_WORD | TK__U_SPACE);
            if (k != kind)
                break;
        }
        rc = add_match(s, from, at, kind != TK__U_SPACE);
    }
    return rc;
}

static int find(struct tk_tok_scratch *s, const struct tk__pre *step, const char *text,
                struct tk__span span)
{
    s->matches.n = 0;
    switch (step->kind) {
    case TK__PRE_SPLIT_REGEX:
        return find_regex(s, step->regex, text, span);
    case TK__PRE_SPLIT_SCAN:
        return find_scan(s, step->scan, text, span);
    case TK__PRE_SPLIT_STRING:
    case TK__PRE_METASPACE:
        return find_string(s, step->pattern, text, span);
    case TK__PRE_WHITESPACE:
        return find_words(s, text, span);
    default:
        return find_chars(s, step, text, span);
    }
}

/* ---- steps that cut without matches ---- */

static int cut_scripts(const char *text, struct tk__span span, struct tk__spans *out)
{
    size_t end = (size_t)span.at + span.n;
    size_t from = SIZE_MAX; /* text before the first script is dropped: so does `tokenizers` */
    unsigned last = 0;
    int rc = 0;
    for (size_t at = span.at; rc == 0 && at < end;) {
        size_t here = at;
        unsigned script = tk__uni_script_of(tk__utf8_next(text, &at));
        if (script == 0 || script == last)
            continue;
        if (from != SIZE_MAX)
            rc = add_part(out, span, (uint32_t)from, (uint32_t)here);
        from = here;
        last = script;
    }
    return rc == 0 && from != SIZE_MAX ? add_part(out, span, (uint32_t)from, (uint32_t)end) : rc;
}

static int cut_length(const char *text, struct tk__span span, size_t length, struct tk__spans *out)
{
    size_t end = (size_t)span.at + span.n;
    int rc = 0;
    for (size_t at = span.at, from; rc == 0 && at < end;) {
        from = at;
        for (size_t i = 0; i < length && at < end; i++)
            at += tk__utf8_len(text[at]);
        rc = add_part(out, span, (uint32_t)from, (uint32_t)at);
    }
    return rc;
}

/* ---- steps that rewrite ---- */

/* Spaces as the replacement, with one more in front where the scheme wants it. */
static int rewrite_metaspace(const struct tk__pre *step, const char *text, struct tk__span span,
                             struct tk_buf *to, struct tk__span *ret)
{
    struct tk_str in = { text + span.at, span.n };
    size_t from = to->n;
    uint32_t origin = 0;
    bool wants = step->prepend == TK__PREPEND_ALWAYS ||
                 (step->prepend == TK__PREPEND_FIRST && span.n_origin > 0);
    if (wants && in.p[0] != ' ' && !tk_str_starts(in, step->pattern)) {
        (void)tk_buf_add_str(to, step->pattern);
        origin = span.n_origin > 0 ? (uint32_t)step->pattern.n : 0;
    }
    for (size_t i = 0; i < in.n;) {
        size_t n = tk__utf8_len(in.p[i]);
        if (in.p[i] == ' ')
            (void)tk_buf_add_str(to, step->pattern);
        else
            (void)tk_buf_add(to, in.p + i, n);
        if (i < span.n_origin)
            origin = (uint32_t)(to->n - from);
        i += n;
    }
    *ret = (struct tk__span){ (uint32_t)from, (uint32_t)(to->n - from), origin };
    return to->failed;
}

static int rewrite_space(const char *text, struct tk__span span, struct tk_buf *to,
                         struct tk__span *ret)
{
    size_t from = to->n;
    bool wants = text[span.at] != ' ';
    (void)tk_buf_add(to, " ", wants);
    (void)tk_buf_add(to, text + span.at, span.n);
    *ret = (struct tk__span){ (uint32_t)from, span.n + wants,
                              span.n_origin > 0 ? span.n_origin + wants : 0 };
    return to->failed;
}

static int rewrite_bytes(const char *text, struct tk__span span, struct tk_buf *to,
                         struct tk__span *ret)
{
    size_t from = to->n;
    struct tk_str origin = { text + span.at, TK_MIN(span.n, span.n_origin) };
    struct tk_str rest = { origin.p + origin.n, span.n - origin.n };
    tk__text_of_bytes(to, origin);
    ret->n_origin = (uint32_t)(to->n - from);
    tk__text_of_bytes(to, rest);
    ret->at = (uint32_t)from;
    ret->n = (uint32_t)(to->n - from);
    return to->failed;
}

static int rewrite(const struct tk__pre *step, const char *text, struct tk__span span,
                   struct tk_buf *to, struct tk__span *ret)
{
    if (step->kind == TK__PRE_METASPACE)
        return rewrite_metaspace(step, text, span, to, ret);
    if (step->kind == TK__PRE_SPACE)
        return rewrite_space(text, span, to, ret);
    return rewrite_bytes(text, span, to, ret);
}

/* ---- running ---- */

static bool rewrites(const struct tk__pre *step)
{
    return step->kind == TK__PRE_METASPACE || step->kind == TK__PRE_SPACE ||
           step->kind == TK__PRE_BYTES;
}

static int cut(struct tk_tok_scratch *s, const struct tk__pre *step, const char *text,
               struct tk__span span, struct tk__spans *out)
{
    if (step->kind == TK__PRE_SCRIPTS)
        return cut_scripts(text, span, out);
    if (step->kind == TK__PRE_FIXED_LENGTH)
        return cut_length(text, span, step->length, out);
    int rc = find(s, step, text, span);
    return rc < 0 ? rc : tk__split(s, span, step->behavior, step->is_inverted, out);
}

/* One step on one span; `to` is where a rewriting step writes. */
static int run_span(struct tk_tok_scratch *s, const struct tk__pre *step, const char *text,
                    struct tk__span span, struct tk_buf *to, struct tk__spans *out)
{
    struct tk__span now = span;
    if (!rewrites(step))
        return cut(s, step, text, span, out);
    int rc = rewrite(step, text, span, to, &now);
    if (rc < 0)
        return rc;
    if (step->kind == TK__PRE_METASPACE && step->splits)
        return cut(s, step, to->p, now, out);
    return tk__spans_add(out, now.at, now.n, now.n_origin);
}

int tk__pre_tokenize(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str text,
                     uint32_t n_origin, const char **ret_text, const struct tk__spans **ret_spans)
{
    const char *p = text.p;
    unsigned in = 0;
    unsigned into = 0;
    unsigned n_steps = t->pre.n;
    if (t->vocab.is_raw)
        n_steps--; /* the last one is BYTES */
    s->spans[0].n = 0;
    int rc = text.n > 0 ? tk__spans_add(&s->spans[0], 0, (uint32_t)text.n, n_origin) : 0;
    for (unsigned i = 0; rc == 0 && i < n_steps; i++) {
        const struct tk__pre *step = &t->pre.v[i];
        const struct tk__spans *from = &s->spans[in];
        struct tk__spans *to = &s->spans[in ^ 1];
        to->n = 0;
        if (rewrites(step))
            tk_buf_reset(&s->text[into]);
        for (size_t k = 0; rc == 0 && k < from->n; k++)
            rc = run_span(s, step, p, from->p[k], &s->text[into], to);
        if (rewrites(step)) {
            p = s->text[into].p;
            into ^= 1;
        }
        in ^= 1;
    }
    *ret_text = p;
    *ret_spans = &s->spans[in];
    return rc;
}

/* ---- reading ---- */

static struct tk__pre *push(struct tk_tokenizer *t, enum tk__pre_kind kind)
{
    struct tk__pres *pres = &t->pre;
    if (pres->n == TK__MAX_STEPS)
        return NULL;
    pres->v[pres->n] = (struct tk__pre){ .kind = kind, .behavior = TK__ISOLATED };
    return &pres->v[pres->n++];
}

static int too_many(struct tk_err *reterr)
{
    return tk_err_set(reterr, TK_E_LIMIT, "more than %d pre-tokenizers", TK__MAX_STEPS);
}

static int read_behavior(struct tk_json_val *v, enum tk__behavior *ret, struct tk_err *reterr)
{
    static const char *const names[] = { "Removed", "Isolated", "MergedWithPrevious",
                                         "MergedWithNext", "Contiguous" };
    struct tk_json_val m;
    struct tk_str s = { 0 };
    int rc = tk__ju_member(v, "behavior", &m);
    if (rc == 0)
        return 0;
    if (rc < 0 || tk_json_get_str(&m, &s) < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the 'behavior' of a pre-tokenizer is no word");
    for (unsigned i = 0; i < TK_ARRAY_LEN(names); i++) {
        if (tk_str_is(s, names[i])) {
            *ret = (enum tk__behavior)i;
            return 0;
        }
    }
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "the behavior '%.*s' is not supported",
                      TK_STR_ARG(s));
}

static int read_split(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    struct tk_json_val pattern;
    struct tk_str regex = { 0 };
    struct tk__pre *step = push(t, TK__PRE_SPLIT_STRING);
    if (!step)
        return too_many(reterr);
    if (tk__ju_member(v, "pattern", &pattern) <= 0 || tk_json_type(&pattern) != TK_JSON_OBJECT)
        return tk_err_set(reterr, TK_E_FORMAT, "the pre-tokenizer 'Split' has no 'pattern'");
    int rc = read_behavior(v, &step->behavior, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "invert", WHERE, &step->is_inverted, reterr);
    if (rc == 0)
        rc = tk__ju_str(&pattern, "String", WHERE, &t->arena, &step->pattern, reterr);
    if (rc == 0)
        rc = tk__ju_str(&pattern, "Regex", WHERE, &t->arena, &regex, reterr);
    if (rc < 0)
        return rc;
    if (!regex.p && !step->pattern.p)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "the pattern of the pre-tokenizer 'Split' is not supported");
    if (!regex.p && step->pattern.n > 0)
        return 0;
    step->scan = tk__scan_of(regex);
    step->kind = step->scan == TK__SCAN_NONE ? TK__PRE_SPLIT_REGEX : TK__PRE_SPLIT_SCAN;
    return step->scan == TK__SCAN_NONE ? tk__regex_new(regex, &step->regex, reterr) : 0;
}

static int read_byte_level(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    bool prefix = true;
    bool regex = true;
    int rc = tk__ju_bool(v, "add_prefix_space", WHERE, &prefix, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "use_regex", WHERE, &regex, reterr);
    if (rc < 0)
        return rc;
    if (prefix && !push(t, TK__PRE_SPACE))
        return too_many(reterr);
    if (regex) {
        struct tk__pre *step = push(t, TK__PRE_SPLIT_SCAN);
        if (!step)
            return too_many(reterr);
        step->scan = TK__SCAN_GPT2;
    }
    return push(t, TK__PRE_BYTES) ? 0 : too_many(reterr);
}

static int read_scheme(struct tk_json_val *v, struct tk__pre *step, struct tk_err *reterr)
{
    static const char *const names[] = { "always", "first", "never" };
    struct tk_json_val m;
    struct tk_str s = { 0 };
    bool prefix = true;
    int rc = tk__ju_member(v, "prepend_scheme", &m);
    if (rc < 0 || (rc > 0 && tk_json_get_str(&m, &s) < 0))
        return tk_err_set(reterr, TK_E_FORMAT, "the 'prepend_scheme' is no word");
    unsigned i = 0;
    while (rc > 0 && i < TK_ARRAY_LEN(names) && !tk_str_is(s, names[i]))
        i++;
    if (i == TK_ARRAY_LEN(names))
        return tk_err_set(reterr, TK_E_UNSUPPORTED, "the prepend_scheme '%.*s' is not supported",
                          TK_STR_ARG(s));
    step->prepend = (enum tk__prepend)i;
    rc = tk__ju_bool(v, "add_prefix_space", WHERE, &prefix, reterr);
    if (rc == 0 && !prefix && step->prepend != TK__PREPEND_NEVER)
        return tk_err_set(reterr, TK_E_FORMAT,
                          "'add_prefix_space' of Metaspace does not match its prepend_scheme");
    return rc;
}

/* One character of a member. */
static int read_char(struct tk_tokenizer *t, struct tk_json_val *v, const char *key,
                     struct tk_str *ret, struct tk_err *reterr)
{
    int rc = tk__ju_need_str(v, key, WHERE, &t->arena, ret, reterr);
    if (rc == 0 && (ret->n == 0 || tk__utf8_len(ret->p[0]) != ret->n))
        return tk_err_set(reterr, TK_E_FORMAT, "'%s' is not one character", key);
    return rc;
}

static int read_metaspace(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    struct tk__pre *step = push(t, TK__PRE_METASPACE);
    if (!step)
        return too_many(reterr);
    step->behavior = TK__MERGED_WITH_NEXT;
    step->splits = true;
    int rc = read_char(t, v, "replacement", &step->pattern, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "split", WHERE, &step->splits, reterr);
    return rc == 0 ? read_scheme(v, step, reterr) : rc;
}

static int read_bert(struct tk_tokenizer *t, struct tk_err *reterr)
{
    struct tk__pre *step = push(t, TK__PRE_WHITESPACE_SPLIT);
    if (!step)
        return too_many(reterr);
    step->behavior = TK__REMOVED;
    return push(t, TK__PRE_PUNCTUATION) ? 0 : too_many(reterr);
}

/* The kinds of one step each. */
static int read_simple(struct tk_tokenizer *t, enum tk__pre_kind kind, struct tk_json_val *v,
                       struct tk_err *reterr)
{
    struct tk__pre *step = push(t, kind);
    bool individual = false;
    size_t at = 0;
    int rc = 0;
    if (!step)
        return too_many(reterr);
    switch (kind) {
    case TK__PRE_WHITESPACE:
        step->is_inverted = true;
        step->behavior = TK__REMOVED;
        return 0;
    case TK__PRE_WHITESPACE_SPLIT:
        step->behavior = TK__REMOVED;
        return 0;
    case TK__PRE_DIGITS:
        rc = tk__ju_bool(v, "individual_digits", WHERE, &individual, reterr);
        step->behavior = individual ? TK__ISOLATED : TK__CONTIGUOUS;
        return rc;
    case TK__PRE_PUNCTUATION:
        return read_behavior(v, &step->behavior, reterr);
    case TK__PRE_DELIMITER:
        step->behavior = TK__REMOVED;
        rc = read_char(t, v, "delimiter", &step->pattern, reterr);
        if (rc == 0)
            step->character = tk__utf8_next(step->pattern.p, &at);
        return rc;
    case TK__PRE_FIXED_LENGTH:
        step->length = 5;
        rc = tk__ju_size(v, "length", WHERE, &step->length, reterr);
        if (rc == 0 && step->length == 0)
            return tk_err_set(reterr, TK_E_FORMAT, "a FixedLength of 0");
        return rc;
    default:
        return 0;
    }
}

static int parse(struct tk_tokenizer *t, struct tk_json_val *v, unsigned depth,
                 struct tk_err *reterr)
{
    static const char *const known[] = {
        "type",        "pretokenizers", "add_prefix_space",  "trim_offsets",
        "use_regex",   "pattern",       "behavior",          "invert",
        "replacement", "str_rep",       "prepend_scheme",    "split",
        "delimiter",   "length",        "individual_digits", NULL
    };
    static const struct {
        const char *name;
        enum tk__pre_kind kind;
    } simple[] = {
        { "Whitespace", TK__PRE_WHITESPACE },
        { "WhitespaceSplit", TK__PRE_WHITESPACE_SPLIT },
        { "Digits", TK__PRE_DIGITS },
        { "Punctuation", TK__PRE_PUNCTUATION },
        { "CharDelimiterSplit", TK__PRE_DELIMITER },
        { "Delimiter", TK__PRE_DELIMITER },
        { "UnicodeScripts", TK__PRE_SCRIPTS },
        { "FixedLength", TK__PRE_FIXED_LENGTH },
    };
    char type[32];
    int rc = tk__ju_type(v, WHERE, type, sizeof(type), reterr);
    if (rc == 0)
        rc = tk__ju_only(v, WHERE, known, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(type, "Sequence") == 0)
        return tk__parse_sequence(t, v, "pre-tokenizer", "pretokenizers", depth, parse, reterr);
    if (strcmp(type, "Split") == 0)
        return read_split(t, v, reterr);
    if (strcmp(type, "ByteLevel") == 0) {
        t->pre.top_is_byte_level = depth == 0;
        return read_byte_level(t, v, reterr);
    }
    if (strcmp(type, "Metaspace") == 0)
        return read_metaspace(t, v, reterr);
    if (strcmp(type, "BertPreTokenizer") == 0)
        return read_bert(t, reterr);
    for (size_t i = 0; i < TK_ARRAY_LEN(simple); i++) {
        if (strcmp(type, simple[i].name) == 0)
            return read_simple(t, simple[i].kind, v, reterr);
    }
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "the pre-tokenizer '%s' is not supported", type);
}

int tk__pre_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    return parse(t, v, 0, reterr);
}

bool tk__pre_is_raw(const struct tk__pres *pres)
{
    return pres->n > 0 && pres->v[pres->n - 1].kind == TK__PRE_BYTES;
}

void tk__pre_release(struct tk__pres *pres)
{
    for (unsigned i = 0; i < pres->n; i++)
        pres->v[i].regex = tk__regex_free(pres->v[i].regex);
    pres->n = 0;
}
