/* normal.c - normalizers: from JSON into steps, and the steps that need no tables of Unicode
 *
 *   {"type": "Sequence", …} --flatten--> NFD, LOWERCASE, … --> text -> normal[0] -> normal[1] -> …
 *
 * A BertNormalizer becomes up to five steps. A step that finds nothing to do leaves the text where it
 * is, so that ASCII under NFC costs one scan.
 *
 * Along with the text goes one number: how many bytes stem from the first character of the original.
 * `tokenizers` keeps an alignment per byte; of all that, only "does this split begin the original?"
 * can change an id (Metaspace, prepend_scheme "first").
 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "token/internal.h"
#include "token/jsonu.h"
#include "token/regex.h"
#include "token/unicode.h"

#define WHERE "normalizer"

size_t tk__ascii_length(const char *p, size_t n)
{
    size_t i = 0;
    uint64_t eight;
    while (i + 8 <= n && (memcpy(&eight, p + i, 8), (eight & 0x8080808080808080U) == 0))
        i += 8;
    while (i < n && (unsigned char)p[i] < 0x80)
        i++;
    return i;
}

/* ---- reading ---- */

static struct tk__normal *push(struct tk__normals *ns, enum tk__normal_kind kind)
{
    if (ns->n == TK__MAX_STEPS)
        return NULL;
    ns->v[ns->n] = (struct tk__normal){ .kind = kind };
    return &ns->v[ns->n++];
}

static int too_many(struct tk_err *reterr)
{
    return tk_err_set(reterr, TK_E_LIMIT, "more than %d normalizers", TK__MAX_STEPS);
}

int tk__normal_bert(struct tk__normals *ns, const struct tk__bert *bert, struct tk_err *reterr)
{
    bool ok = true;
    bool strips = bert->strips_set ? bert->strips : bert->lowercase;
    if (bert->cleans)
        ok = ok && push(ns, TK__NORMAL_BERT_CLEAN);
    if (bert->chinese)
        ok = ok && push(ns, TK__NORMAL_BERT_CHINESE);
    if (strips)
        ok = ok && push(ns, TK__NORMAL_NFD) && push(ns, TK__NORMAL_BERT_MARKS);
    if (bert->lowercase)
        ok = ok && push(ns, TK__NORMAL_LOWERCASE);
    ns->bert = *bert;
    return ok ? 0 : too_many(reterr);
}

static int parse_bert(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    struct tk__bert bert = { .cleans = true, .chinese = true, .lowercase = true };
    struct tk_json_val m;
    int rc = tk__ju_bool(v, "clean_text", WHERE, &bert.cleans, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "handle_chinese_chars", WHERE, &bert.chinese, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "lowercase", WHERE, &bert.lowercase, reterr);
    if (rc == 0)
        rc = tk__ju_bool(v, "strip_accents", WHERE, &bert.strips, reterr);
    bert.strips_set = rc == 0 && tk__ju_member(v, "strip_accents", &m) > 0;
    return rc == 0 ? tk__normal_bert(&t->normal, &bert, reterr) : rc;
}

static int parse_replace(struct tk_tokenizer *t, struct tk__normal *step, struct tk_json_val *v,
                         struct tk_err *reterr)
{
    struct tk_json_val pattern;
    struct tk_str regex = { 0 };
    int rc = tk__ju_need_str(v, "content", WHERE, &t->arena, &step->content, reterr);
    if (rc < 0)
        return rc;
    if (tk__ju_member(v, "pattern", &pattern) <= 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the normalizer 'Replace' has no 'pattern'");
    rc = tk__ju_str(&pattern, "String", WHERE, &t->arena, &step->pattern, reterr);
    if (rc == 0)
        rc = tk__ju_str(&pattern, "Regex", WHERE, &t->arena, &regex, reterr);
    if (rc < 0)
        return rc;
    if (!regex.p && !step->pattern.p)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "the pattern of the normalizer 'Replace' is not supported");
    if (regex.p || step->pattern.n == 0)
        return tk__regex_new(regex, &step->regex, reterr);
    return 0;
}

static int parse_strip(struct tk__normal *step, struct tk_json_val *v, struct tk_err *reterr)
{
    int rc = tk__ju_bool(v, "strip_left", WHERE, &step->left, reterr);
    return rc == 0 ? tk__ju_bool(v, "strip_right", WHERE, &step->right, reterr) : rc;
}

static int parse_charsmap(struct tk__normal *step, struct tk_json_val *v, struct tk_err *reterr)
{
    struct tk_json_val m;
    struct tk_str base64;
    if (tk__ju_member(v, "precompiled_charsmap", &m) <= 0 || tk_json_get_str(&m, &base64) < 0)
        return tk_err_set(reterr, TK_E_FORMAT,
                          "the normalizer 'Precompiled' has no 'precompiled_charsmap'");
    return tk__charsmap_new(base64, &step->charsmap, reterr);
}

static const struct {
    const char *name;
    enum tk__normal_kind kind;
} kinds[] = {
    { "NFC", TK__NORMAL_NFC },
    { "NFD", TK__NORMAL_NFD },
    { "NFKC", TK__NORMAL_NFKC },
    { "NFKD", TK__NORMAL_NFKD },
    { "Lowercase", TK__NORMAL_LOWERCASE },
    { "Strip", TK__NORMAL_STRIP },
    { "StripAccents", TK__NORMAL_STRIP_ACCENTS },
    { "Replace", TK__NORMAL_REPLACE },
    { "Prepend", TK__NORMAL_PREPEND },
    { "Append", TK__NORMAL_APPEND },
    { "Precompiled", TK__NORMAL_PRECOMPILED },
    { "Nmt", TK__NORMAL_NMT },
    { "ByteLevel", TK__NORMAL_BYTE_LEVEL },
};

/* Files of the first versions have no "type": the members say what it is. */
static void guess_type(struct tk_json_val *v, char *type, size_t cap)
{
    static const char *const guesses[][2] = {
        { "clean_text", "BertNormalizer" }, { "strip_left", "Strip" },
        { "normalizers", "Sequence" },      { "precompiled_charsmap", "Precompiled" },
        { "pattern", "Replace" },           { "prepend", "Prepend" },
    };
    struct tk_json_val m;
    for (size_t i = 0; type[0] == '\0' && i < TK_ARRAY_LEN(guesses); i++) {
        if (tk_json_find(v, guesses[i][0], &m) == 0) {
            size_t n = strlen(guesses[i][1]);
            memcpy(type, guesses[i][1], TK_MIN(n + 1, cap));
        }
    }
}

static int parse_step(struct tk_tokenizer *t, enum tk__normal_kind kind, struct tk_json_val *v,
                      struct tk_err *reterr)
{
    struct tk__normal *step = push(&t->normal, kind);
    if (!step)
        return too_many(reterr);
    switch (kind) {
    case TK__NORMAL_STRIP:
        return parse_strip(step, v, reterr);
    case TK__NORMAL_REPLACE:
        return parse_replace(t, step, v, reterr);
    case TK__NORMAL_PREPEND:
        return tk__ju_need_str(v, "prepend", WHERE, &t->arena, &step->content, reterr);
    case TK__NORMAL_APPEND:
        return tk__ju_need_str(v, "append", WHERE, &t->arena, &step->content, reterr);
    case TK__NORMAL_PRECOMPILED:
        return parse_charsmap(step, v, reterr);
    default:
        return 0;
    }
}

static int parse(struct tk_tokenizer *t, struct tk_json_val *v, unsigned depth,
                 struct tk_err *reterr)
{
    static const char *const known[] = { "type",
                                         "normalizers",
                                         "clean_text",
                                         "lowercase",
                                         "strip_accents",
                                         "handle_chinese_chars",
                                         "strip_left",
                                         "strip_right",
                                         "pattern",
                                         "content",
                                         "prepend",
                                         "append",
                                         "precompiled_charsmap",
                                         NULL };
    char type[32];
    int rc = tk__ju_type(v, WHERE, type, sizeof(type), reterr);
    if (rc == 0)
        rc = tk__ju_only(v, WHERE, known, reterr);
    if (rc < 0)
        return rc;
    guess_type(v, type, sizeof(type));
    if (strcmp(type, "Sequence") == 0)
        return tk__parse_sequence(t, v, "normalizer", "normalizers", depth, parse, reterr);
    if (strcmp(type, "BertNormalizer") == 0 || strcmp(type, "Bert") == 0) {
        rc = parse_bert(t, v, reterr);
        t->normal.bert.is_top = depth == 0;
        return rc;
    }
    for (size_t i = 0; i < TK_ARRAY_LEN(kinds); i++) {
        if (strcmp(type, kinds[i].name) == 0)
            return parse_step(t, kinds[i].kind, v, reterr);
    }
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "the normalizer '%s' is not supported", type);
}

int tk__normal_parse(struct tk_tokenizer *t, struct tk_json_val *v, struct tk_err *reterr)
{
    return parse(t, v, 0, reterr);
}

void tk__normal_release(struct tk__normals *ns)
{
    for (unsigned i = 0; i < ns->n; i++) {
        ns->v[i].regex = tk__regex_free(ns->v[i].regex);
        ns->v[i].charsmap = tk__charsmap_free(ns->v[i].charsmap);
        ns->v[i].spm = tk__spm_normal_free(ns->v[i].spm);
    }
    ns->n = 0;
}

/* ---- steps ---- */

static int same(struct tk__step *x)
{
    x->is_same = true;
    x->origin_out = x->origin_in;
    return 0;
}

static void add_code(struct tk__step *x, uint32_t c, size_t at)
{
    char out[4];
    tk__step_add(x, out, tk__utf8_put(out, c), at);
}

static int lowercase(struct tk__step *x)
{
    size_t at = 0;
    while (at < x->in.n) {
        size_t from = at;
        uint32_t c = tk__utf8_next(x->in.p, &at);
        add_code(x, c == 0x130 ? 'i' : tk__uni_to_lower(c), from);
        if (c == 0x130)
            add_code(x, 0x307, from);
    }
    return x->out->failed;
}

static int strip(struct tk__step *x)
{
    struct tk_str s = x->in;
    size_t at = 0;
    while (x->step->left && at < s.n) {
        size_t next = at;
        if (!(tk__uni_flags(tk__utf8_next(s.p, &next)) & TK__U_SPACE))
            break;
        at = next;
    }
    while (x->step->right && s.n > at) {
        size_t last = tk__utf8_last(s.p, s.n);
        size_t next = last;
        if (!(tk__uni_flags(tk__utf8_next(s.p, &next)) & TK__U_SPACE))
            break;
        s.n = last;
    }
    (void)same(x);
    x->in = (struct tk_str){ s.p + at, s.n - at };
    x->origin_out = x->origin_in > at ? (uint32_t)(x->origin_in - at) : 0;
    return 0;
}

/* Without the characters that have `flag`. */
static int filter(struct tk__step *x, unsigned flag)
{
    size_t at = 0;
    while (at < x->in.n) {
        size_t from = at;
        uint32_t c = tk__utf8_next(x->in.p, &at);
        if (!(tk__uni_flags(c) & flag))
            tk__step_add(x, x->in.p + from, at - from, from);
    }
    return x->out->failed;
}

/* A replacement's text is aligned with the last byte that it replaces. */
static void add_content(struct tk__step *x, size_t end)
{
    tk__step_add(x, x->step->content.p, x->step->content.n, end > 0 ? end - 1 : 0);
}

static void add_between(struct tk__step *x, size_t from, size_t to)
{
    if (to <= from)
        return;
    size_t out_from = x->out->n;
    (void)tk_buf_add(x->out, x->in.p + from, to - from);
    if (from < x->origin_in)
        x->origin_out = (uint32_t)(out_from + TK_MIN(to, x->origin_in) - from);
}

static int replace_string(struct tk__step *x)
{
    const struct tk_str *pattern = &x->step->pattern;
    const char *p = x->in.p;
    const char *end = p + x->in.n;
    const char *found = memmem(p, x->in.n, pattern->p, pattern->n);
    if (!found)
        return same(x);
    while (found) {
        add_between(x, (size_t)(p - x->in.p), (size_t)(found - x->in.p));
        p = found + pattern->n;
        add_content(x, (size_t)(p - x->in.p));
        found = memmem(p, (size_t)(end - p), pattern->p, pattern->n);
    }
    add_between(x, (size_t)(p - x->in.p), x->in.n);
    return x->out->failed;
}

static int replace_regex(struct tk__step *x)
{
    struct tk__regex_iter it = TK__REGEX_ITER_INIT;
    size_t at, end;
    size_t done = 0;
    int rc = 0;
    while (x->in.n > 0 && (rc = tk__regex_next(x->step->regex, x->s, x->in, &it, &at, &end)) > 0) {
        add_between(x, done, at);
        add_content(x, end);
        done = end;
    }
    add_between(x, done, x->in.n);
    return rc < 0 ? rc : x->out->failed;
}

static int prepend(struct tk__step *x)
{
    if (x->in.n == 0)
        return same(x);
    (void)tk_buf_add_str(x->out, x->step->content);
    (void)tk_buf_add_str(x->out, x->in);
    x->origin_out = x->origin_in > 0 ? (uint32_t)(x->origin_in + x->step->content.n) : 0;
    return x->out->failed;
}

static int append(struct tk__step *x)
{
    (void)tk_buf_add_str(x->out, x->in);
    (void)tk_buf_add_str(x->out, x->step->content);
    x->origin_out = x->origin_in;
    return x->out->failed;
}

static int bert_clean(struct tk__step *x)
{
    size_t at = 0;
    while (at < x->in.n) {
        size_t from = at;
        uint32_t c = tk__utf8_next(x->in.p, &at);
        unsigned flags = tk__uni_flags(c);
        if (flags & TK__U_BERT_REMOVED)
            continue; /* \v, \f and U+0085 too, although they are spaces */
        if (flags & TK__U_SPACE)
            tk__step_add(x, " ", 1, from);
        else
            tk__step_add(x, x->in.p + from, at - from, from);
    }
    return x->out->failed;
}

static bool is_chinese(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static int bert_chinese(struct tk__step *x)
{
    size_t at = 0;
    if (tk__ascii_length(x->in.p, x->in.n) == x->in.n)
        return same(x);
    while (at < x->in.n) {
        size_t from = at;
        bool spaced = is_chinese(tk__utf8_next(x->in.p, &at));
        tk__step_add(x, " ", spaced, from);
        tk__step_add(x, x->in.p + from, at - from, from);
        tk__step_add(x, " ", spaced, from);
    }
    return x->out->failed;
}

static bool is_nmt_removed(uint32_t c)
{
    return (c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
           c == 0x9F;
}

static bool is_nmt_space(uint32_t c)
{
    return c == 9 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xFEFF || c == 0xFFFD;
}

/* sentencepiece's nmt: control characters go, other spaces become the one. */
static int nmt(struct tk__step *x)
{
    size_t at = 0;
    while (at < x->in.n) {
        size_t from = at;
        uint32_t c = tk__utf8_next(x->in.p, &at);
        if (is_nmt_removed(c))
            continue;
        if (is_nmt_space(c))
            tk__step_add(x, " ", 1, from);
        else
            tk__step_add(x, x->in.p + from, at - from, from);
    }
    return x->out->failed;
}

static int byte_level(struct tk__step *x)
{
    tk__text_of_bytes(x->out, x->in);
    x->origin_out = 0;
    if (x->origin_in > 0) {
        struct tk_str first = { x->in.p, TK_MIN(x->in.n, x->origin_in) };
        for (size_t i = 0; i < first.n; i++)
            x->origin_out += first.p[i] > ' ' && first.p[i] < 0x7F ? 1U : 2U;
    }
    return x->out->failed;
}

static int run_step(struct tk__step *x)
{
    switch (x->step->kind) {
    case TK__NORMAL_LOWERCASE:
        return lowercase(x);
    case TK__NORMAL_STRIP:
        return strip(x);
    case TK__NORMAL_STRIP_ACCENTS:
        return filter(x, TK__U_COMBINING);
    case TK__NORMAL_REPLACE:
        return x->step->regex ? replace_regex(x) : replace_string(x);
    case TK__NORMAL_PREPEND:
        return prepend(x);
    case TK__NORMAL_APPEND:
        return append(x);
    case TK__NORMAL_BERT_CLEAN:
        return bert_clean(x);
    case TK__NORMAL_BERT_CHINESE:
        return bert_chinese(x);
    case TK__NORMAL_BERT_MARKS:
        return filter(x, TK__U_BERT_MARK);
    case TK__NORMAL_PRECOMPILED:
        return tk__charsmap_step(x);
    case TK__NORMAL_NMT:
        return nmt(x);
    case TK__NORMAL_BYTE_LEVEL:
        return byte_level(x);
    case TK__NORMAL_SPM:
        return tk__spm_normal_step(x);
    default:
        return tk__normal_form(x);
    }
}

int tk__normalize(const struct tk_tokenizer *t, struct tk_tok_scratch *s, struct tk_str text,
                  uint32_t n_origin, struct tk_str *ret, uint32_t *ret_origin)
{
    unsigned into = 0;
    for (unsigned i = 0; i < t->normal.n; i++) {
        struct tk__step x = {
            .step = &t->normal.v[i],
            .s = s,
            .in = text,
            .origin_in = n_origin,
            .out = &s->normal[into],
        };
        tk_buf_reset(x.out);
        int rc = run_step(&x);
        if (rc < 0)
            return rc;
        n_origin = x.origin_out;
        text = x.in;
        if (!x.is_same) {
            text = tk_buf_str(x.out);
            into ^= 1;
        }
    }
    *ret = text;
    *ret_origin = n_origin;
    return 0;
}
