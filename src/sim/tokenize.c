/* tokenize.c - text into the simulator's tokens and back, in vLLM's words
 *
 * Two kinds of tokens:
 *   word  0 … n_words-1: " token" and so on, what the answers are made of
 *   bytes bytes_per_token bytes; fewer at the end of a text. Up to two of them spell themselves:
 *         n_words + (1, b0, b1, … in base 256); more are places in a table (groups.c) behind these,
 *         so that ids stay below 2^24, as those of a real vocabulary do
 *
 * A text that is nothing but words, as an answer is, becomes words: as many tokens as usage said.
 * Any other is cut by bytes, as prompts are counted. A token of bytes may end inside a character:
 * its string then has U+FFFD there, but all of them joined give the text back.
 */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "sim/internal.h"

#define MAX_BYTES_PER_TOKEN 6        /* the groups are kept as numbers of 64 bits */
#define MAX_SPELLED INT64_C(0x20000) /* groups of two bytes and less are below it */
#define MAX_IDS_BYTES ((size_t)64 << 20)

/* What a request asks for. */
struct asked {
    struct tk__prompt prompt;
    struct tk_buf text;
    bool has_prompt, wants_strings;
};

static void add_unescaped(struct tk_buf *b, const struct tk_sim *s, int64_t word)
{
    tk_buf_add_str(b, s->words[word].plain);
}

/* The word at the beginning of the text, or -1. */
static int64_t word_at(const struct tk_sim *s, struct tk_str text)
{
    int64_t best = -1;

    for (size_t i = 0; i < s->n_words; i++) {
        if (tk_str_starts(text, s->words[i].plain) &&
            (best < 0 || s->words[i].plain.n > s->words[best].plain.n))
            best = (int64_t)i;
    }
    return best;
}

static bool is_words(const struct tk_sim *s, struct tk_str text)
{
    int64_t i = -1;

    while (text.n > 0 && (i = word_at(s, text)) >= 0) {
        text.p += s->words[i].plain.n;
        text.n -= s->words[i].plain.n;
    }
    return i >= 0;
}

/* Or what tk__groups_place() says. */
static int64_t id_of_bytes(struct tk_sim *s, struct tk_str bytes)
{
    int64_t v = 1;

    for (size_t i = 0; i < bytes.n; i++)
        v = v << 8 | (unsigned char)bytes.p[i];
    if (v >= MAX_SPELLED) {
        v = tk__groups_place(&s->groups, (uint64_t)v);
        if (v < 0)
            return v;
        v += MAX_SPELLED;
    }
    return v + (int64_t)s->n_words;
}

/* Take the next token off the text. */
static int64_t next_token(struct tk_sim *s, bool by_words, struct tk_str *text,
                          struct tk_str *ret_bytes)
{
    int64_t id = by_words ? word_at(s, *text) : -1;
    size_t n = id >= 0 ? s->words[id].plain.n : TK_MIN(text->n, (size_t)s->conf.bytes_per_token);

    *ret_bytes = (struct tk_str){ text->p, n };
    text->p += n;
    text->n -= n;
    return id >= 0 ? id : id_of_bytes(s, *ret_bytes);
}

/* The array of ids, or that of strings: how many, or a negative code. */
static int64_t put_tokens(struct tk_jsonw *w, struct tk_sim *s, struct tk_str text, bool as_strings)
{
    bool by_words = is_words(s, text);
    int64_t n = 0;

    tk_jsonw_arr(w);
    for (; text.n > 0; n++) {
        struct tk_str bytes;
        int64_t id = next_token(s, by_words, &text, &bytes);

        if (id < 0)
            return id;
        if (as_strings)
            tk_jsonw_str(w, bytes);
        else
            tk_jsonw_i64(w, id);
    }
    tk_jsonw_arr_end(w);
    return n;
}

static int read_member(struct asked *a, struct tk_str key, struct tk_json_val *v)
{
    if (tk_str_is(key, "prompt")) {
        struct tk_str text;
        int rc = tk_json_get_str(v, &text);

        a->has_prompt = true;
        if (rc == 0)
            tk__prompt_text(&a->prompt, text);
        return rc;
    }
    if (tk_str_is(key, "messages")) {
        a->has_prompt = tk_json_type(v) == TK_JSON_ARRAY;
        return tk__prompt_walk(&a->prompt, v, 0);
    }
    if (tk_str_is(key, "return_token_strs") && tk_json_type(v) != TK_JSON_NULL)
        return tk_json_get_bool(v, &a->wants_strings);
    return 0;
}

static int read_tokenize(struct tk_sim *s, struct tk_str body, struct asked *a)
{
    struct tk_json_val root, v;
    struct tk_json_iter it;
    struct tk_str key;
    int rc = tk_json_parse(s->json, body.p, body.n, &root);

    if (rc == 0)
        rc = tk_json_obj(&root, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0)
        rc = read_member(a, key, &v);
    return rc == 0 ? a->text.failed : rc;
}

static void reply_tokens(struct tk__stream *st, const struct asked *a)
{
    struct tk_sim *s = st->sim;
    struct tk_str text = tk_buf_str(&a->text);
    struct tk_jsonw w;
    int64_t n;

    tk_buf_reset(&s->scratch);
    tk_jsonw_init(&w, &s->scratch, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_key(&w, "tokens");
    n = put_tokens(&w, s, text, false);
    if (n < 0) {
        tk__reply_error(st, 503, "too many different tokens: the table of them is full", NULL);
        return;
    }
    tk_jsonw_key(&w, "count");
    tk_jsonw_i64(&w, n);
    tk_jsonw_key(&w, "max_model_len");
    tk_jsonw_i64(&w, s->conf.max_model_len);
    tk_jsonw_key(&w, "token_strs");
    if (a->wants_strings)
        put_tokens(&w, s, text, true);
    else
        tk_jsonw_null(&w);
    tk_jsonw_obj_end(&w);
    tk__reply(st, 200, "application/json", NULL);
}

void tk__serve_tokenize(struct tk__stream *st, const struct tk_http_request *r)
{
    struct tk_sim *s = st->sim;
    struct asked a = { .text = TK_BUF_INIT(MAX_IDS_BYTES) };

    tk__prompt_init(&a.prompt, s->conf.bytes_per_token);
    a.prompt.text = &a.text;
    if (s->conf.bytes_per_token > MAX_BYTES_PER_TOKEN)
        tk__reply_error(st, 400, "with so many bytes in a token there are no ids", NULL);
    else if (read_tokenize(s, r->body, &a) < 0 || !a.has_prompt)
        tk__reply_error(st, 400, "a 'prompt' that is a string, or 'messages', is needed", NULL);
    else
        reply_tokens(st, &a);
    tk_buf_release(&a.text);
}

/* The text of a token. TK_E_RANGE: there is none of this id. */
static int put_token(struct tk_buf *b, const struct tk_sim *s, int64_t id)
{
    char bytes[8];
    size_t n = 0;

    if (id >= 0 && id < (int64_t)s->n_words) {
        add_unescaped(b, s, id);
        return 0;
    }
    id -= (int64_t)s->n_words;
    if (id >= MAX_SPELLED) {
        if ((uint64_t)(id - MAX_SPELLED) >= s->groups.n)
            return TK_E_RANGE;
        id = (int64_t)s->groups.v[id - MAX_SPELLED];
    }
    for (; id > 1 && n < sizeof(bytes); id >>= 8)
        bytes[n++] = (char)(unsigned char)(id & 255);
    if (id != 1 || n > MAX_BYTES_PER_TOKEN)
        return TK_E_RANGE;
    while (n > 0)
        tk_buf_add_c(b, bytes[--n]);
    return 0;
}

static int put_ids(struct tk_buf *b, const struct tk_sim *s, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    int64_t id;
    int rc = tk_json_arr(v, &it);

    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        rc = tk_json_get_i64(&item, &id);
        if (rc == 0)
            rc = put_token(b, s, id);
    }
    return rc;
}

static int read_detokenize(struct tk_sim *s, struct tk_str body, struct tk_buf *text)
{
    struct tk_json_val root, v;
    int rc = tk_json_parse(s->json, body.p, body.n, &root);

    if (rc == 0)
        rc = tk_json_find(&root, "tokens", &v);
    if (rc == 0)
        rc = put_ids(text, s, &v);
    return rc == 0 ? text->failed : rc;
}

void tk__serve_detokenize(struct tk__stream *st, const struct tk_http_request *r)
{
    struct tk_sim *s = st->sim;
    struct tk_buf text = TK_BUF_INIT(MAX_IDS_BYTES);
    struct tk_jsonw w;

    if (read_detokenize(s, r->body, &text) < 0) {
        tk__reply_error(st, 400, "'tokens' must be ids of this simulator", NULL);
    } else {
        tk_buf_reset(&s->scratch);
        tk_jsonw_init(&w, &s->scratch, TK_JSONW_COMPACT);
        tk_jsonw_obj(&w);
        tk_jsonw_key(&w, "prompt");
        tk_jsonw_str(&w, tk_buf_str(&text));
        tk_jsonw_obj_end(&w);
        tk__reply(st, 200, "application/json", NULL);
    }
    tk_buf_release(&text);
}
