/* test_tokenizer.c - token/tokenizer.h: bounds, errors that name things, memory, threads, streams */
#include "lib/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/failmalloc.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "token/tokenizer.h"

/* A byte-level one: a few bytes, two merges, a special token. */
#define BYTES                                                                                    \
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{\"id\":9,"     \
    "\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"               \
    "\"normalized\":false,\"special\":true}],\"normalizer\":null,\"pre_tokenizer\":{\"type\":"   \
    "\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"        \
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":" \
    "\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],"          \
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[9],\"tokens\":[\"<s>\"]}}},"           \
    "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"dropout\":null,"         \
    "\"unk_token\":null,\"vocab\":{\"a\":0,\"b\":1,\"\\u0120\":2,\"ab\":3,\"\\u0120ab\":4,"      \
    "\"\\u00c3\":5,\"\\u00a9\":6,\"\\u00ef\":7,\"\\u00bf\":8,\"\\u00bd\":10},"                   \
    "\"merges\":[\"a b\",\"\\u0120 ab\"]}}"

/* A part of a file, around which the rest is sound. */
#define WITH(part) "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}," part "}"
#define MODEL(rest) "{\"model\":{" rest "}}"

static struct tk_tokenizer *load(const char *json)
{
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    T_EQ_I(tk_tokenizer_load_json(tk_str_of(json), "test", NULL, &t, &err), 0, "loads %s", err.msg);
    return t;
}

static void refused(const char *json, int want, const char *word)
{
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    T_EQ_I(tk_tokenizer_load_json(tk_str_of(json), "test", NULL, &t, &err), want, "%.60s", json);
    T_OK(strstr(err.msg, word) != NULL, "'%s' names %s", err.msg, word);
    tk_tokenizer_free(t);
}

static void check_refusals(void)
{
    refused("", TK_E_FORMAT, "test");
    refused("[]", TK_E_FORMAT, "tokenizer.json");
    refused("{}", TK_E_FORMAT, "model");
    refused("{\"version\":\"2.0\"}", TK_E_UNSUPPORTED, "version");
    refused("{\"shiny\":1}", TK_E_UNSUPPORTED, "shiny");
    refused(MODEL("\"type\":\"Shiny\""), TK_E_UNSUPPORTED, "Shiny");
    refused(MODEL("\"type\":\"BPE\",\"vocab\":{},\"merges\":[],\"shiny\":1"), TK_E_UNSUPPORTED,
            "shiny");
    refused(MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]"), TK_E_FORMAT,
            "'b'");
    refused(MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a c\"]"), TK_E_FORMAT, "'c'");
    refused(MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]"), TK_E_FORMAT,
            "merge 1");
    refused(MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":99999999},\"merges\":[]"), TK_E_FORMAT, "'a'");
    refused(MODEL("\"type\":\"BPE\",\"vocab\":{},\"merges\":[],\"dropout\":0.1"), TK_E_UNSUPPORTED,
            "dropout");
    refused(MODEL("\"type\":\"BPE\",\"vocab\":{},\"merges\":[],\"unk_token\":\"u\""),
            TK_E_UNSUPPORTED, "'u'");
    refused(MODEL("\"type\":\"Unigram\",\"unk_id\":5,\"vocab\":[[\"a\",0]]"), TK_E_FORMAT,
            "unk_id");
    refused(MODEL("\"type\":\"Unigram\",\"vocab\":[[\"a\"]]"), TK_E_FORMAT, "piece 0");
    refused(MODEL("\"type\":\"WordPiece\",\"vocab\":{}"), TK_E_FORMAT, "unk_token");
    refused(WITH("\"normalizer\":{\"type\":\"Shiny\"}"), TK_E_UNSUPPORTED, "Shiny");
    refused(WITH("\"normalizer\":{\"type\":\"NFC\",\"shiny\":1}"), TK_E_UNSUPPORTED, "shiny");
    refused(WITH("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}"),
            TK_E_FORMAT, "precompiled_charsmap");
    refused(WITH("\"pre_tokenizer\":{\"type\":\"Shiny\"}"), TK_E_UNSUPPORTED, "Shiny");
    refused(WITH("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},"
                 "\"behavior\":\"Isolated\",\"invert\":false}"),
            TK_E_FORMAT, "parenthesis");
    refused(WITH("\"pre_tokenizer\":{\"type\":\"Punctuation\",\"behavior\":\"Shiny\"}"),
            TK_E_UNSUPPORTED, "Shiny");
    refused(WITH("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\","
                 "\"add_prefix_space\":false}"),
            TK_E_FORMAT, "add_prefix_space");
    refused(WITH("\"decoder\":{\"type\":\"Shiny\"}"), TK_E_UNSUPPORTED, "Shiny");
    refused(WITH("\"decoder\":{\"type\":\"Fuse\",\"shiny\":1}"), TK_E_UNSUPPORTED, "shiny");
    refused(WITH("\"pre_tokenizer\":{\"type\":\"Whitespace\",\"shiny\":1}"), TK_E_UNSUPPORTED,
            "shiny");
    refused(WITH("\"post_processor\":{\"type\":\"ByteLevel\",\"shiny\":1}"), TK_E_UNSUPPORTED,
            "shiny");
    refused(WITH("\"added_tokens\":[{\"id\":1,\"content\":\"x\",\"shiny\":1}]"), TK_E_UNSUPPORTED,
            "shiny");
    refused(
        WITH(
            "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Shiny\":\"a\"},\"content\":\"b\"}"),
        TK_E_UNSUPPORTED, "Replace");
    refused(
        WITH("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":"
             "\"shiny\"}"),
        TK_E_UNSUPPORTED, "shiny");
    refused(WITH("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?R)\"},"
                 "\"behavior\":\"Isolated\",\"invert\":false}"),
            TK_E_UNSUPPORTED, "(?R");
    refused(WITH("\"post_processor\":{\"type\":\"Shiny\"}"), TK_E_UNSUPPORTED, "Shiny");
    refused(WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[],"
                 "\"pair\":[],\"special_tokens\":{}}"),
            TK_E_UNSUPPORTED, "template");
    refused(WITH("\"added_tokens\":[{\"id\":1}]"), TK_E_FORMAT, "content");
    refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}", TK_E_FORMAT, "test");
}

static void check_asking(const struct tk_tokenizer *t)
{
    struct tk_buf piece = TK_BUF_INIT(100);
    T_EQ_U(tk_tokenizer_vocab_size(t, false), 10, "pieces of the model");
    T_EQ_U(tk_tokenizer_vocab_size(t, true), 11, "and an added one");
    T_EQ_U(tk_tokenizer_id_end(t), 11, "ids");
    T_EQ_U(tk_tokenizer_id(t, TK_STR("\xC4\xA0"
                                     "ab")),
           4, "by its spelling");
    T_EQ_U(tk_tokenizer_id(t, TK_STR(" ab")), TK_TOKENIZER_NO_ID, "not by its meaning");
    T_EQ_U(tk_tokenizer_id(t, TK_STR("<s>")), 10, "an added one gets the next id");
    T_EQ_I(tk_tokenizer_piece(t, 4, &piece), 0, "a piece");
    T_EQ_S(piece.p,
           "\xC4\xA0"
           "ab",
           "as it is spelt");
    T_EQ_I(tk_tokenizer_piece(t, 11, &piece), TK_E_NOT_FOUND, "no such id");
    T_EQ_S(tk_tokenizer_model(t), "BPE", "the model");
    T_EQ_U(tk_tokenizer_bos(t), TK_TOKENIZER_NO_ID, "no BOS without a configuration");
    T_OK(tk_tokenizer_special(t, "bos_token").p == NULL, "nor its text");
    tk_buf_release(&piece);
}

/* Text that is no UTF-8 counts as what Python's "replace" makes of it. */
static void check_invalid(const struct tk_tokenizer *t, struct tk_tok_scratch *s)
{
    static const struct {
        const char *bad, *good;
    } pairs[] = {
        { "a\xFF"
          "b",
          "a\xEF\xBF\xBD"
          "b" },
        { "\xE2\x82", "\xEF\xBF\xBD" },
        { "\xE2\x28\xA1", "\xEF\xBF\xBD(\xEF\xBF\xBD" },
        { "\xF0\x9F\x98"
          "a",
          "\xEF\xBF\xBD"
          "a" },
        { "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD" },
    };
    struct tk_tok_ids a = { 0 };
    struct tk_tok_ids b = { 0 };
    for (size_t i = 0; i < TK_ARRAY_LEN(pairs); i++) {
        a.n = b.n = 0;
        T_EQ_I(tk_tokenizer_encode(t, s, tk_str_of(pairs[i].bad), 0, &a), 0, "no UTF-8, %zu", i);
        T_EQ_I(tk_tokenizer_encode(t, s, tk_str_of(pairs[i].good), 0, &b), 0, "repaired");
        T_EQ_N((char *)a.p, a.n * 4, (char *)b.p, b.n * 4, "the same ids");
    }
    tk_tok_ids_release(&a);
    tk_tok_ids_release(&b);
}

static void check_stream(const struct tk_tokenizer *t, struct tk_tok_scratch *s)
{
    struct tk_tok_stream st;
    struct tk_buf out = TK_BUF_INIT(100);
    tk_buf_add(&out, "", 0);
    tk_tok_stream_init(&st, t, s, TK_TOK_SKIP_SPECIAL);
    T_EQ_I(tk_tok_stream_push(&st, 5, &out), 0, "half a character");
    T_EQ_S(out.p, "", "says nothing");
    T_EQ_I(tk_tok_stream_push(&st, 10, &out), 0, "a special token between");
    T_EQ_I(tk_tok_stream_push(&st, 6, &out), 0, "the other half");
    T_EQ_S(out.p, "\xC3\xA9", "says it");
    T_EQ_I(tk_tok_stream_push(&st, 5, &out), 0, "half again");
    T_EQ_I(tk_tok_stream_push(&st, 0, &out), 0, "and something else");
    T_EQ_S(out.p,
           "\xC3\xA9\xEF\xBF\xBD"
           "a",
           "was none");
    T_EQ_I(tk_tok_stream_push(&st, 7, &out), 0, "the end comes early");
    T_EQ_I(tk_tok_stream_finish(&st, &out), 0, "finish");
    T_EQ_S(out.p,
           "\xC3\xA9\xEF\xBF\xBD"
           "a\xEF\xBF\xBD",
           "tells");
    tk_tok_stream_release(&st);
    tk_tok_stream_release(&st);
    tk_buf_release(&out);
}

static void check_batch(const struct tk_tokenizer *t, struct tk_tok_scratch *s)
{
    enum { N = 500 };
    static struct tk_str texts[N];
    static int64_t counts[N];
    static struct tk_tok_ids ids[N];
    static const char all[] = "ab ab a b  ab\nab<s>ab";
    unsigned bad = 0;
    for (size_t i = 0; i < N; i++)
        texts[i] = (struct tk_str){ all + i % 5, i % (sizeof(all) - 5) };
    T_EQ_I(tk_tokenizer_count_batch(t, texts, N, TK_TOK_DEFAULT, 4, counts), 0, "count on threads");
    T_EQ_I(tk_tokenizer_encode_batch(t, texts, N, TK_TOK_DEFAULT, 0, ids), 0, "encode on threads");
    for (size_t i = 0; i < N; i++) {
        int64_t want = tk_tokenizer_count(t, s, texts[i], TK_TOK_DEFAULT);
        bad += counts[i] != want || (int64_t)ids[i].n != want;
        tk_tok_ids_release(&ids[i]);
    }
    T_EQ_U(bad, 0, "as one by one");
    T_EQ_I(tk_tokenizer_count_batch(t, texts, 0, 0, 3, counts), 0, "none at all");
}

/* A word that has no unknown token to stand for it: Hugging Face raises. */
static void check_no_unknown(struct tk_tok_scratch *s)
{
    struct tk_tokenizer *t = load(MODEL("\"type\":\"WordLevel\",\"vocab\":{\"a\":0},"
                                        "\"unk_token\":\"u\""));
    struct tk_str texts[] = { TK_STR("a"), TK_STR("b") };
    int64_t counts[2];
    struct tk_tok_ids ids = { 0 };
    T_EQ_I(tk_tok_ids_add(&ids, 7), 0, "something before");
    T_EQ_I(tk_tokenizer_encode(t, s, TK_STR("b"), 0, &ids), TK_E_FORMAT, "fails");
    T_EQ_U(ids.n, 1, "and leaves what was there");
    T_EQ_I(tk_tokenizer_count(t, s, TK_STR("b"), 0), TK_E_FORMAT, "so does counting");
    T_EQ_I(tk_tokenizer_count_batch(t, texts, 2, 0, 1, counts), TK_E_FORMAT, "and a batch");
    tk_tok_ids_release(&ids);
    tk_tokenizer_free(t);
}

/* The one normalizer that no released `tokenizers` has: what is at the end of each text. */
static void check_append(struct tk_tok_scratch *s)
{
    struct tk_tokenizer *t = load(
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"c\":2},\"merges\":[]},"
        "\"normalizer\":{\"type\":\"Append\",\"append\":\"cb\"}}");
    static const uint32_t want[] = { 0, 1, 2, 1 };
    struct tk_tok_ids ids = { 0 };
    T_EQ_I(tk_tokenizer_encode(t, s, TK_STR("ab"), 0, &ids), 0, "encodes");
    T_EQ_N((char *)ids.p, ids.n * 4, (const char *)want, sizeof(want), "with what is appended");
    tk_tok_ids_release(&ids);
    tk_tokenizer_free(t);
}

/* Another tokenizer with the same scratch: its words are not the first one's. */
static void check_shared_scratch(const struct tk_tokenizer *t, struct tk_tok_scratch *s)
{
    struct tk_tokenizer *other = load(MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},"
                                            "\"merges\":[]"));
    T_EQ_I(tk_tokenizer_count(t, s, TK_STR("ab"), 0), 1, "merged here");
    T_EQ_I(tk_tokenizer_count(other, s, TK_STR("ab"), 0), 2, "not there");
    T_EQ_I(tk_tokenizer_count(t, s, TK_STR("ab"), 0), 1, "and here again");
    tk_tokenizer_free(other);
}

static void check_files(void)
{
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    struct tk_tokenizer_conf small = { .max_file_bytes = 10 };
    char path[] = "/tmp/tk_tokenizer_XXXXXX";
    int fd = mkstemp(path);
    T_OK(write(fd, BYTES, sizeof(BYTES) - 1) == sizeof(BYTES) - 1, "a file");
    close(fd);
    T_EQ_I(tk_tokenizer_load(path, NULL, &t, &err), 0, "loads %s", err.msg);
    T_EQ_U(tk_tokenizer_vocab_size(t, true), 11, "whole");
    t = tk_tokenizer_free(t);
    T_EQ_I(tk_tokenizer_load(path, &small, &t, &err), TK_E_LIMIT, "too long");
    T_EQ_I(tk_tokenizer_load_json(TK_STR(BYTES), "x", &small, &t, &err), TK_E_LIMIT,
           "in memory too");
    unlink(path);
    T_EQ_I(tk_tokenizer_load(path, NULL, &t, &err), -ENOENT, "no file");
    T_OK(strstr(err.msg, path) != NULL, "named: %s", err.msg);
    T_OK(tk_tokenizer_free(NULL) == NULL && tk_tok_scratch_free(NULL) == NULL, "nothing is freed");
}

/* Every allocation of loading and of encoding may fail. */
static void check_memory(void)
{
    struct tk_tokenizer *t = NULL;
    struct tk_tok_ids ids = { 0 };
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = tk_tokenizer_load_json(TK_STR(BYTES), "test", NULL, &t, NULL);
        if (!tk_failmalloc_off())
            break;
        if (rc == 0) { /* the C++ parser's buffers may be had another way */
            t = tk_tokenizer_free(t);
            continue;
        }
        if (!T_EQ_I(rc, -ENOMEM, "allocation %d of loading fails", n))
            break;
    }
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        struct tk_tok_scratch *s = tk_tok_scratch_new();
        int rc = s ? tk_tokenizer_encode(t, s, TK_STR("ab \xC3\xA9<s>\xFFz ab"), 3, &ids) : -ENOMEM;
        bool reached = tk_failmalloc_off();
        tk_tok_scratch_free(s);
        tk_tok_ids_release(&ids);
        if (!reached)
            break;
        T_EQ_I(rc, -ENOMEM, "allocation %d of encoding fails", n);
    }
    tk_tokenizer_free(t);
}

int main(void)
{
    struct tk_tok_scratch *s = tk_tok_scratch_new();
    struct tk_tokenizer *t = load(BYTES);
    check_refusals();
    check_asking(t);
    check_invalid(t, s);
    check_stream(t, s);
    check_batch(t, s);
    check_no_unknown(s);
    check_append(s);
    check_shared_scratch(t, s);
    check_files();
    check_memory();
    T_EQ_I(tk_tokenizer_count(t, s, (struct tk_str){ "", TK_TOKENIZER_MAX_TEXT + 1 }, 0),
           TK_E_LIMIT, "a text too long is not looked at");
    T_EQ_I(tk_tokenizer_count(t, s, (struct tk_str){ NULL, 0 }, TK_TOK_DEFAULT), 1, "no text: BOS");
    tk_tokenizer_free(t);
    tk_tok_scratch_free(s);
    return T_DONE();
}
