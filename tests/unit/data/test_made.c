/* Prompts that are made of tokens: the same on any number of threads, and without memory. What they are
 * is compared with vLLM's in it/test_vllm_load.py. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "data/data.h"
#include "data/fit.h"
#include "failmalloc.h"
#include "tap.h"
#include "token/chat.h"
#include "token/tokenizer.h"

static struct tk_err err;
static struct tk_tokenizer *tokenizer;
static struct tk_chat *chat;
static char folder[512];

static const struct tk_data_ops *const sets[] = {
    &tk_data_random, &tk_data_random_rerank, &tk_data_random_mm, &tk_data_prefix_repetition,
    &tk_data_sonnet, &tk_data_burstgpt,
};

static const struct tk_data_bucket buckets[] = { { 3, 5, 1, 1 }, { 8, 4, 1, 0.5 } };
static const struct tk_data_mm mm = {
    .buckets = buckets,
    .n_buckets = TK_ARRAY_LEN(buckets),
    .n_base = 2,
    .ratio = 1,
    .max_images = 9,
};

static const struct tk_data_trace trace = {
    .chunk = 4,
    .multiplier = 1,
    .timestamp = "timestamp",
    .input_length = "input_length",
    .output_length = "output_length",
    .hash_ids = "hash_ids",
};

static const char *file_of(const struct tk_data_ops *ops)
{
    if (ops == &tk_data_sonnet)
        return "poem.txt";
    return ops == &tk_data_timed_trace ? "trace.jsonl" : "burst.csv";
}

static struct tk_data_conf conf_of(const struct tk_data_ops *ops, char *path, size_t cap)
{
    struct tk_data_conf conf = {
        .path = path,
        .n_wanted = 4,
        .seed = 3,
        .do_shuffle = true,
        .output_tokens = 5,
        .tokenizer = tokenizer,
        .chat = ops == &tk_data_sonnet ? chat : NULL,
        .input_tokens = ops == &tk_data_sonnet ? 140 : 12,
        .prefix_tokens = ops == &tk_data_sonnet ? 70 : 4,
        .suffix_tokens = 3,
        .n_prefixes = 2,
        .batch = ops == &tk_data_random_rerank ? 1 : 0,
        .is_reranker = true,
        .mm = &mm,
        .trace = &trace,
        .range_ratio = 0.5,
        .n_threads = 1,
    };
    snprintf(path, cap, "%s/%s", folder, file_of(ops));
    return conf;
}

static bool same_items(const struct tk_items *a, const struct tk_items *b)
{
    bool is_same = a->n == b->n;

    for (size_t i = 0; is_same && i < a->n; i++)
        is_same = tk_str_eq(a->v[i].prompt, b->v[i].prompt) &&
                  tk_str_eq(a->v[i].prompt_json, b->v[i].prompt_json) &&
                  tk_str_eq(a->v[i].media, b->v[i].media) &&
                  a->v[i].prompt_tokens == b->v[i].prompt_tokens &&
                  a->v[i].output_tokens == b->v[i].output_tokens;
    return is_same;
}

static void on_threads(const struct tk_data_ops *ops)
{
    char path[600];
    struct tk_data_conf conf = conf_of(ops, path, sizeof(path));
    struct tk_items one, many;

    conf.n_wanted = 150;
    T_EQ_I(ops->load(&conf, &one, &err), 0, "%s: one thread (%s)", ops->name, err.msg);
    T_EQ_U(one.n, 150, "%s: as many as asked for", ops->name);
    for (unsigned n = 2; n < 6; n++) {
        conf.n_threads = n;
        T_EQ_I(ops->load(&conf, &many, &err), 0, "%s: %u threads", ops->name, n);
        T_OK(same_items(&one, &many), "%s: the same prompts", ops->name);
        tk_items_release(&many);
    }
    conf.seed = 4;
    T_EQ_I(ops->load(&conf, &many, &err), 0, "%s: another seed", ops->name);
    T_OK(!same_items(&one, &many), "%s: other prompts", ops->name);
    tk_items_release(&many);
    tk_items_release(&one);
}

static void without_memory(const struct tk_data_ops *ops)
{
    char path[600];
    struct tk_data_conf conf = conf_of(ops, path, sizeof(path));
    struct tk_items items;

    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = ops->load(&conf, &items, &err);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "%s: with enough memory", ops->name);
            break;
        }
        if (rc != -ENOMEM || !err.msg[0])
            T_EQ_I(rc, -ENOMEM, "%s: allocation %d fails: %s", ops->name, n, err.msg);
        if (rc == 0)
            tk_items_release(&items);
    }
    tk_items_release(&items);
}

/* Lengths, outputs and offsets of the random set by vLLM, seed 0. */
static void draws(void)
{
    static const int64_t outputs[] = { 103, 69, 73, 66 };
    char path[600];
    struct tk_data_conf conf = conf_of(&tk_data_random, path, sizeof(path));
    struct tk_items items;

    conf.seed = 0;
    conf.input_tokens = 1025; /* the tokenizer adds one */
    conf.output_tokens = 128;
    conf.prefix_tokens = 0;
    T_EQ_I(tk_data_random.load(&conf, &items, &err), 0, "random: load");
    for (size_t i = 0; i < TK_ARRAY_LEN(outputs); i++)
        T_EQ_I(items.v[i].output_tokens, outputs[i], "random: output %zu", i);
    T_EQ_I(items.v[0].prompt_tokens, 1383, "random: the first length");
    T_EQ_I(items.v[3].prompt_tokens, 788, "random: the last length");
    tk_items_release(&items);
}

/* NumPy's generator goes on where prefix_repetition left it. */
static void generator(void)
{
    char path[600];
    struct tk_data_conf conf = conf_of(&tk_data_prefix_repetition, path, sizeof(path));
    struct tk_items items;
    struct tk_mt mt, fresh;

    conf.numpy = &mt;
    T_EQ_I(tk_data_prefix_repetition.load(&conf, &items, &err), 0, "prefix_repetition: load");
    tk_items_release(&items);
    tk_mt_seed_numpy(&fresh, conf.seed);
    T_OK(tk_mt_u32(&mt) != tk_mt_u32(&fresh), "what was drawn is drawn");
}

static void measured(void)
{
    const struct tk_data_conf conf = { .tokenizer = tokenizer, .chat = chat };
    struct tk_item v[] = {
        { .prompt = TK_STR("one \"two\"") },
        { .messages = TK_STR("[{\"role\":\"user\",\"content\":\"one \\\"two\\\"\"}]") },
        { .prompt = TK_STR("left alone"), .prompt_tokens = -1 },
    };
    struct tk_items items = { .v = v, .n = TK_ARRAY_LEN(v) };
    const uint32_t which[] = { 1, 0 };
    static const char want[] = "<s><|user|>one \"two\"<|model|>";

    tk_arena_init(&items.arena, 0);
    T_EQ_I(tk_items_measure(&items, which, 2, &conf, &err), 0, "measure: %s", err.msg);
    T_EQ_N(v[0].prompt.p, v[0].prompt.n, want, sizeof(want) - 1, "in the template");
    T_EQ_I(v[0].prompt_tokens, v[1].prompt_tokens, "messages are counted in it, too");
    T_OK(v[0].prompt_tokens > 5, "and with what the tokenizer adds: %d", (int)v[0].prompt_tokens);
    T_OK(v[1].prompt.n == 0 && v[1].messages.n > 0, "messages stay as they are");
    T_EQ_I(v[2].prompt_tokens, -1, "what is not named is left alone");
    v[1].messages = TK_STR("[{]");
    T_OK(tk_items_measure(&items, which, 2, &conf, &err) < 0, "damaged messages: %s", err.msg);
    tk_items_release(&items);
}

/* Half a character comes back as U+FFFD, which is three tokens, however often it is cut. */
static void no_fit(void)
{
    struct tk_tok_scratch *s = tk_tok_scratch_new();
    struct tk__fit fit;
    uint32_t half = tk_tokenizer_id(tokenizer, TK_STR("\xc4\xa8")); /* byte 0x86 as it is spelt */

    tk__fit_init(&fit);
    tk__fit_reset(&fit, 1);
    T_EQ_I(tk_tok_ids_add(&fit.ids, half), 0, "half a character");
    T_EQ_I(tk__fit_run(&fit, tokenizer, s), 0, "it ends");
    T_EQ_U(fit.n_left, 0, "after all tries");
    T_EQ_N(fit.text.p, fit.text.n, "\xef\xbf\xbd", 3, "its text");
    T_OK(fit.ids.n > 1, "its ids are those of the text, not cut: %zu", fit.ids.n);
    tk__fit_reset(&fit, 3);
    T_EQ_I(tk__fit_run(&fit, tokenizer, s), 3, "none: three are missing");
    for (int i = 0; i < 3; i++)
        (void)tk_tok_ids_add(&fit.ids, tk_tokenizer_id(tokenizer, TK_STR("x")));
    T_EQ_I(tk__fit_run(&fit, tokenizer, s), 0, "three are enough");
    T_EQ_N(fit.text.p, fit.text.n, "xxx", 3, "their text");
    tk__fit_release(&fit);
    tk_tok_scratch_free(s);
}

int main(void)
{
    const char *tests = getenv("TK_TESTS_DIR");
    char path[600];

    snprintf(folder, sizeof(folder), "%s/golden/vllm/load", tests ? tests : "tests");
    snprintf(path, sizeof(path), "%s/tok", folder);
    T_EQ_I(tk_tokenizer_load(path, NULL, &tokenizer, &err), 0, "the tokenizer: %s", err.msg);
    if (!tokenizer)
        return T_DONE();
    const struct tk_chat_conf how = { .tokenizer = tokenizer, .kind = TK_CHAT_AUTO };
    T_EQ_I(tk_chat_new(&how, &chat, &err), 0, "its template: %s", err.msg);
    for (size_t i = 0; i < TK_ARRAY_LEN(sets); i++) {
        on_threads(sets[i]);
        without_memory(sets[i]);
    }
    without_memory(&tk_data_timed_trace);
    draws();
    generator();
    measured();
    no_fit();
    T_OK(tk_tokenizer_has_role(tokenizer, 0) && !tk_tokenizer_has_role(tokenizer, 2),
         "a role's token, and a special one that has none");
    tk_chat_free(chat);
    tk_tokenizer_free(tokenizer);
    return T_DONE();
}
