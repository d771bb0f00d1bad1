/* test_classes.c - models of sentencepiece with a class of transformers, against AutoTokenizer's conversion
 *
 * tests/data/token/loaders/make_classes.py made the vectors.
 */
#include "lib/tap.h"

#include <errno.h>
#include <unistd.h>

#include "failmalloc.h"
#include "folder.h"
#include "vectors.h"

#include "token/loaders.h"

/* A folder with a model under the name that its class knows. */
static bool make_model_folder(const char *model, const char *as)
{
    char from[4096], to[8192];
    if (!make_folder())
        return false;
    snprintf(from, sizeof(from), "%s/data/token/loaders/%s", getenv("TK_TESTS_DIR"), model);
    snprintf(to, sizeof(to), "%s/%s", folder, as);
    return symlink(from, to) == 0;
}

static char *text_of(struct tk_json_val *one, const char *key)
{
    struct tk_json_val v;
    struct tk_str s = { "", 0 };
    if (tk_json_find(one, key, &v) == 0)
        (void)tk_json_get_str(&v, &s);
    return tk_str_dup(s);
}

static void replay_case(struct replay *r, struct tk_json_val *one)
{
    char *name = text_of(one, "name");
    char *model = text_of(one, "model");
    char *as = text_of(one, "as");
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    struct tk_json_val v;
    int64_t size = 0;
    int rc = make_model_folder(model, as) ? write_files(one) : -EIO;
    if (rc == 0)
        rc = tk_tokenizer_open(folder, TK_TOK_MODE_AUTO, NULL, &t, &err);
    if (T_EQ_I(rc, 0, "%s: loads %s", name, err.msg)) {
        r->t = t;
        if (tk_json_find(one, "size", &v) == 0)
            (void)tk_json_get_i64(&v, &size);
        T_EQ_I(tk_tokenizer_vocab_size(t, true), size, "%s: tokens", name);
        replay_all(r, one, "encode", replay_encode, tk_str_of(name));
        replay_all(r, one, "decode", replay_decode, tk_str_of(name));
    }
    tk_tokenizer_free(t);
    remove_folder();
    free(name);
    free(model);
    free(as);
}

static void refused(const char *model, const char *as, const char *config, int want,
                    const char *part)
{
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    T_OK(make_model_folder(model, as), "a folder");
    write_file("tokenizer_config.json", tk_str_of(config));
    T_EQ_I(tk_tokenizer_open(folder, TK_TOK_MODE_AUTO, NULL, &t, &err), want, "%s", config);
    T_OK(strstr(err.msg, part) != NULL, "says '%s': %s", part, err.msg);
    tk_tokenizer_free(t);
    remove_folder();
}

/* Every allocation of a conversion may fail. */
static void check_memory(void)
{
    struct tk_tokenizer *t = NULL;
    unsigned odd = 0;
    T_OK(make_model_folder("unigram.model", "spiece.model"), "a folder");
    write_file("tokenizer_config.json",
               TK_STR("{\"tokenizer_class\":\"T5Tokenizer\",\"pad_token\":\"<unk>\"}"));
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = tk_tokenizer_open(folder, TK_TOK_MODE_AUTO, NULL, &t, NULL);
        if (!tk_failmalloc_off())
            break;
        if (rc == 0) /* the C++ parser's buffers may be had another way */
            t = tk_tokenizer_free(t);
        else
            odd += rc != -ENOMEM;
    }
    T_EQ_U(odd, 0, "each failing allocation is -ENOMEM");
    tk_tokenizer_free(t);
    remove_folder();
}

int main(void)
{
    replay_file("loaders/classes", replay_case);
    refused("bpe.model", "tokenizer.model", "{\"tokenizer_class\":\"RemBertTokenizer\"}",
            TK_E_UNSUPPORTED, "RemBertTokenizer");
    refused("unigram.model", "spiece.model",
            "{\"tokenizer_class\":\"T5Tokenizer\",\"extra_ids\":1000000}", TK_E_LIMIT, "extra_ids");
    check_memory();
    return T_DONE();
}
