/* tiktoken.c - rank files of tiktoken
 *
 *   IQ== 0          a token in base64 and its rank, which is its id
 *   Ig== 1          …
 *
 * The file has tokens alone; pattern and special tokens belong to the encoding's name. A split that is a
 * token is that token; else the neighbours of the lowest rank merge.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "token/internal.h"
#include "token/loaders.h"
#include "token/regex.h"
#include "token/scan.h"
#include "token/tiktoken.h"

#define MAX_TOKEN 1024 /* bytes of one token */

/* A run of special tokens: one, or numbered ones "<|extra_%u|>" from `first` on. */
struct special {
    const char *text;
    uint32_t id;
    uint32_t n; /* 0: one, without a number */
    uint32_t first;
};

struct encoding {
    const char *name;
    enum tk__scan_kind scan; /* NONE: `pattern` */
    const char *pattern;
    bool is_nfc;   /* texts are normalized first */
    bool from_end; /* ids of `specials` count from the number of ranks */
    const struct special *specials;
};

#define KIMI_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
#define KIMI_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]"
#define KIMI_END "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"

static const char kimi_pattern[] =
    "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?" KIMI_UPPER "*" KIMI_LOWER "+" KIMI_END
    "|[^\\r\\n\\p{L}\\p{N}]?" KIMI_UPPER "+" KIMI_LOWER "*" KIMI_END
    "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/* clang-format off */
static const struct special gpt2[] = { { .text = "<|endoftext|>", .id = 50256 }, { 0 } };
static const struct special p50k_edit[] = {
    { .text = "<|endoftext|>", .id = 50256 },
    { .text = "<|fim_prefix|>", .id = 50281 },
    { .text = "<|fim_middle|>", .id = 50282 },
    { .text = "<|fim_suffix|>", .id = 50283 },
    { 0 },
};
static const struct special cl100k[] = {
    { .text = "<|endoftext|>", .id = 100257 },
    { .text = "<|fim_prefix|>", .id = 100258 },
    { .text = "<|fim_middle|>", .id = 100259 },
    { .text = "<|fim_suffix|>", .id = 100260 },
    { .text = "<|endofprompt|>", .id = 100276 },
    { 0 },
};
static const struct special o200k[] = {
    { .text = "<|endoftext|>", .id = 199999 },
    { .text = "<|endofprompt|>", .id = 200018 },
    { 0 },
};
static const struct special harmony[] = {
    { .text = "<|endofprompt|>", .id = 200018 }, /* of o200k_base; the id has two names */
    { .text = "<|startoftext|>", .id = 199998 },
    { .text = "<|endoftext|>", .id = 199999 },
    { .text = "<|reserved_%u|>", .id = 200000, .n = 2, .first = 200000 },
    { .text = "<|return|>", .id = 200002 },
    { .text = "<|constrain|>", .id = 200003 },
    { .text = "<|reserved_%u|>", .id = 200004, .n = 1, .first = 200004 },
    { .text = "<|channel|>", .id = 200005 },
    { .text = "<|start|>", .id = 200006 },
    { .text = "<|end|>", .id = 200007 },
    { .text = "<|message|>", .id = 200008 },
    { .text = "<|reserved_%u|>", .id = 200009, .n = 3, .first = 200009 },
    { .text = "<|call|>", .id = 200012 },
    { .text = "<|reserved_%u|>", .id = 200013, .n = 1075, .first = 200013 },
    { 0 },
};
static const struct special qwen[] = {
    { .text = "<|endoftext|>", .id = 0 },
    { .text = "<|im_start|>", .id = 1 },
    { .text = "<|im_end|>", .id = 2 },
    { .text = "<|extra_%u|>", .id = 3, .n = 205 },
    { 0 },
};
static const struct special kimi[] = {
    { .text = "<|reserved_token_%u|>", .id = 0, .n = 256, .first = UINT32_MAX },
    { 0 },
};
static const struct special llama3[] = {
    { .text = "<|begin_of_text|>", .id = 0 },
    { .text = "<|end_of_text|>", .id = 1 },
    { .text = "<|reserved_special_token_%u|>", .id = 2, .n = 2 },
    { .text = "<|finetune_right_pad_id|>", .id = 4 },
    { .text = "<|step_id|>", .id = 5 },
    { .text = "<|start_header_id|>", .id = 6 },
    { .text = "<|end_header_id|>", .id = 7 },
    { .text = "<|eom_id|>", .id = 8 },
    { .text = "<|eot_id|>", .id = 9 },
    { .text = "<|python_tag|>", .id = 10 },
    { .text = "<|reserved_special_token_%u|>", .id = 11, .n = 245, .first = 2 },
    { 0 },
};

static const struct encoding encodings[] = {
    { .name = "gpt2", .scan = TK__SCAN_GPT2, .specials = gpt2 },
    { .name = "r50k_base", .scan = TK__SCAN_GPT2, .specials = gpt2 },
    { .name = "p50k_base", .scan = TK__SCAN_GPT2, .specials = gpt2 },
    { .name = "p50k_edit", .scan = TK__SCAN_GPT2, .specials = p50k_edit },
    { .name = "cl100k_base", .scan = TK__SCAN_CL100K, .specials = cl100k },
    { .name = "o200k_base", .scan = TK__SCAN_O200K, .specials = o200k },
    { .name = "o200k_harmony", .scan = TK__SCAN_O200K, .specials = harmony },
    { .name = "qwen", .scan = TK__SCAN_QWEN, .specials = qwen, .is_nfc = true, .from_end = true },
    { .name = "kimi", .pattern = kimi_pattern, .specials = kimi, .from_end = true },
    { .name = "llama3", .scan = TK__SCAN_CL100K, .specials = llama3, .from_end = true },
};
/* clang-format on */

/* ---- ranks ---- */

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t tk__base64(struct tk_str in, char *out, size_t cap)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned n_bits = 0;

    while (in.n > 0 && in.p[in.n - 1] == '=')
        in.n--;
    for (size_t i = 0; i < in.n; i++) {
        int d = digit(in.p[i]);
        if (d < 0)
            return SIZE_MAX;
        bits = bits << 6 | (uint32_t)d;
        n_bits += 6;
        if (n_bits >= 8) {
            if (n == cap)
                return SIZE_MAX;
            n_bits -= 8;
            out[n++] = (char)(bits >> n_bits);
        }
    }
    return n;
}

int tk__ranks_add(struct tk_tokenizer *t, struct tk_str bytes, uint32_t id, struct tk_buf *work)
{
    tk_buf_reset(work);
    tk__text_of_bytes(work, bytes);
    return work->failed ? work->failed : tk__vocab_add(&t->vocab, tk_buf_str(work), id);
}

static int read_line(struct tk_tokenizer *t, struct tk_str line, struct tk_buf *work)
{
    char bytes[MAX_TOKEN];
    struct tk_str base64;
    int64_t rank;

    line = tk_str_trim(line);
    if (line.n == 0)
        return 0;
    if (!tk_str_split(&line, ' ', &base64) || !line.p ||
        tk_num_parse_i64(tk_str_trim(line), 0, TK_TOKENIZER_MAX_ID, &rank) != 0)
        return TK_E_FORMAT;
    size_t n = tk__base64(base64, bytes, sizeof(bytes));
    if (n == SIZE_MAX || n == 0)
        return TK_E_FORMAT;
    return tk__ranks_add(t, (struct tk_str){ bytes, n }, (uint32_t)rank, work);
}

static int read_ranks(struct tk_tokenizer *t, struct tk_str text, struct tk_err *reterr)
{
    struct tk_buf work = TK_BUF_INIT(4 * MAX_TOKEN);
    struct tk_str line;
    unsigned at = 0;
    int rc = 0;

    tk__vocab_init(&t->vocab, true);
    while (rc == 0 && tk_str_split(&text, '\n', &line)) {
        at++;
        rc = read_line(t, line, &work);
    }
    tk_buf_release(&work);
    if (rc == 0 && t->vocab.n_pieces == 0)
        rc = TK_E_FORMAT;
    if (rc < 0)
        return tk_err_set(reterr, rc, "line %u: %s", at,
                          rc == TK_E_FORMAT ? "this is no token in base64 and its rank"
                                            : tk_err_text(rc));
    return tk__vocab_index(&t->vocab, false, reterr);
}

int tk__ranks_finish(struct tk_tokenizer *t, enum tk__scan_kind scan, struct tk_str pattern,
                     struct tk_err *reterr)
{
    const struct tk__bpe_pieces conf = { .unk = TK__NO_ID, .ignores_merges = true };
    struct tk__pre *split = &t->pre.v[0];
    int rc = 0;

    *split = (struct tk__pre){ .kind = TK__PRE_SPLIT_SCAN, .behavior = TK__ISOLATED, .scan = scan };
    if (scan == TK__SCAN_NONE) {
        split->kind = TK__PRE_SPLIT_REGEX;
        rc = tk__regex_new(pattern, &split->regex, reterr);
    }
    t->pre.n = 1;
    if (rc < 0)
        return rc;
    t->pre.v[t->pre.n++] = (struct tk__pre){ .kind = TK__PRE_BYTES };
    t->decode.v[0] = (struct tk__decode){ .kind = TK__DECODE_BYTE_LEVEL };
    t->decode.n = 1;
    t->decode.is_set = true;
    return tk__bpe_of_pieces(t, &conf, reterr);
}

/* ---- special tokens ---- */

static int add_special(struct tk_tokenizer *t, struct tk_str text, uint32_t id,
                       struct tk_err *reterr)
{
    struct tk__added a = { .content = text, .special = true };

    t->next_id = id;
    return tk__added_add(t, &a, reterr);
}

static int add_specials(struct tk_tokenizer *t, const struct encoding *e, struct tk_err *reterr)
{
    uint32_t base = e->from_end ? t->vocab.n_ids : 0;
    char text[64];
    int rc = 0;

    tk__added_begin(t);
    for (const struct special *s = e->specials; rc == 0 && s->text; s++) {
        for (uint32_t i = 0; rc == 0 && i < TK_MAX(s->n, 1U); i++) {
            uint32_t id = base + s->id + i;
            uint32_t number = s->first == UINT32_MAX ? id : s->first + i;
            const char *mark = s->n > 0 ? strstr(s->text, "%u") : NULL;
            int n = mark ? snprintf(text, sizeof(text), "%.*s%u%s", (int)(mark - s->text), s->text,
                                    number, mark + 2)
                         : snprintf(text, sizeof(text), "%s", s->text);
            rc = add_special(t, (struct tk_str){ text, (size_t)n }, id, reterr);
        }
    }
    return rc;
}

/* The names that a configuration gives to ids past the ranks come first: the encoding's own names of
 * these ids do not exist then. */
static int add_configured(struct tk_tokenizer *t, struct tk_json_val *root, struct tk_err *reterr)
{
    struct tk_json_val decoder, item;
    struct tk_json_iter it;
    struct tk_str key;
    int rc = 0;

    if (tk_json_find(root, "added_tokens_decoder", &decoder) != 0 ||
        tk_json_obj(&decoder, &it) != 0)
        return 0;
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &item)) > 0) {
        struct tk_json_val content;
        struct tk_str text;
        int64_t id;
        rc = 0;
        if (tk_num_parse_i64(key, 0, TK_TOKENIZER_MAX_ID, &id) != 0 ||
            tk_json_find(&item, "content", &content) != 0 || tk_json_get_str(&content, &text) != 0)
            return tk_err_set(reterr, TK_E_FORMAT, "'added_tokens_decoder' is damaged");
        if (id >= t->vocab.n_ids)
            rc = add_special(t, text, (uint32_t)id, reterr);
    }
    return rc;
}

static int read_configured(struct tk_tokenizer *t, const char *folder, struct tk_err *reterr)
{
    char path[4096];
    struct tk_str text, map;
    struct tk_json_val root;
    int n = snprintf(path, sizeof(path), "%s/tokenizer_config.json", folder);

    if (n < 0 || (size_t)n >= sizeof(path) || access(path, F_OK) != 0)
        return 0;
    int rc = tk__map(path, (size_t)32 << 20, &text, &map, reterr);
    if (rc < 0)
        return rc;
    struct tk_json *j = tk_json_new(text.n);
    rc = j ? tk_json_parse(j, text.p, text.n, &root) : -ENOMEM;
    if (rc < 0)
        rc = tk_err_set(reterr, rc, "'%s': %s", path, tk_err_text(rc));
    else
        rc = add_configured(t, &root, reterr);
    tk_json_free(j);
    tk__unmap(map);
    return rc;
}

/* Ids that have no name yet. */
static bool is_taken(const struct tk_tokenizer *t, uint32_t id)
{
    for (uint32_t i = 0; i < t->n_added; i++) {
        if (t->added[i].id == id)
            return true;
    }
    return false;
}

static int add_kimi(struct tk_tokenizer *t, const struct encoding *e, struct tk_err *reterr)
{
    char text[64];
    int rc = 0;

    for (uint32_t id = t->vocab.n_ids; rc == 0 && id < t->vocab.n_ids + e->specials->n; id++) {
        int n = snprintf(text, sizeof(text), "<|reserved_token_%u|>", id);
        if (!is_taken(t, id))
            rc = add_special(t, (struct tk_str){ text, (size_t)n }, id, reterr);
    }
    return rc;
}

/* ---- loading ---- */

static const struct encoding *find_encoding(struct tk_str name)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(encodings); i++) {
        if (tk_str_is(name, encodings[i].name))
            return &encodings[i];
    }
    return NULL;
}

/* "cl100k_base.tiktoken", "tiktoken.model" (Kimi's), "tokenizer.model" (Llama 3's). */
static const struct encoding *encoding_of(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    struct tk_str base = tk_str_of(name ? name : slash ? slash + 1 : path);

    if (!name && tk_str_is(base, "tiktoken.model"))
        return find_encoding(TK_STR("kimi"));
    if (!name && tk_str_is(base, "tokenizer.model"))
        return find_encoding(TK_STR("llama3"));
    if (!name && tk_str_ends(base, TK_STR(".tiktoken")))
        base.n -= strlen(".tiktoken");
    return find_encoding(base);
}

static int unknown_encoding(const char *path, const char *name, struct tk_err *reterr)
{
    struct tk_buf names = TK_BUF_INIT(400);

    for (size_t i = 0; i < TK_ARRAY_LEN(encodings); i++)
        (void)tk_buf_addf(&names, "%s%s", i ? ", " : "", encodings[i].name);
    int rc = tk_err_set(reterr, TK_E_UNSUPPORTED,
                        "'%s': which encoding this is cannot be told from '%s'; known are %.*s",
                        path, name ? name : "its name", TK_STR_ARG(tk_buf_str(&names)));
    tk_buf_release(&names);
    return rc;
}

static int make(struct tk_tokenizer *t, const struct encoding *e, struct tk_str text,
                const char *folder, struct tk_err *reterr)
{
    int rc = read_ranks(t, text, reterr);

    if (rc == 0)
        rc = tk__ranks_finish(t, e->scan, tk_str_of(e->pattern), reterr);
    if (rc == 0 && e->is_nfc) {
        t->normal.v[0] = (struct tk__normal){ .kind = TK__NORMAL_NFC };
        t->normal.n = 1;
    }
    if (rc == 0 && folder)
        rc = read_configured(t, folder, reterr);
    if (rc == 0)
        rc = e->specials == kimi ? add_kimi(t, e, reterr) : add_specials(t, e, reterr);
    if (rc == 0 && folder)
        rc = tk__config_load(t, folder, reterr);
    return rc == 0 ? tk__tokenizer_finish(t, reterr) : rc;
}

int tk_tokenizer_load_tiktoken(const char *path, const char *name,
                               const struct tk_tokenizer_conf *conf, struct tk_tokenizer **ret,
                               struct tk_err *reterr)
{
    const struct encoding *e = encoding_of(path, name);
    const char *slash = strrchr(path, '/');
    char folder[4096];
    struct tk_err detail = { 0 };
    struct tk_str text, map;

    if (!e)
        return unknown_encoding(path, name, reterr);
    struct tk_tokenizer *t = tk__tokenizer_new(conf, reterr);
    if (!t)
        return -ENOMEM;
    int n = slash ? snprintf(folder, sizeof(folder), "%.*s", (int)TK_MAX(slash - path, 1), path)
                  : snprintf(folder, sizeof(folder), ".");
    bool has_folder = !t->conf.ignores_config && n > 0 && (size_t)n < sizeof(folder);
    int rc = tk__map(path, t->conf.max_file_bytes, &text, &map, reterr);
    if (rc == 0) {
        rc = make(t, e, text, has_folder ? folder : NULL, &detail);
        tk__unmap(map);
        if (rc < 0)
            (void)tk_err_set(reterr, rc, "'%s': %s", path,
                             detail.msg[0] ? detail.msg : tk_err_text(rc));
    }
    if (rc < 0) {
        (void)tk_tokenizer_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}
