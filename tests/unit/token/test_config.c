/* test_config.c - folders with configuration files, against what transformers makes of them */
#include "lib/tap.h"

#include "folder.h"
#include "vectors.h"

static int64_t number(struct tk_json_val *one, const char *key, int64_t none)
{
    struct tk_json_val v;
    int64_t i = none;
    if (tk_json_find(one, key, &v) == 0)
        (void)tk_json_get_i64(&v, &i);
    return i;
}

static void check_templates(const struct tk_tokenizer *t, struct tk_json_val *one,
                            struct tk_str name)
{
    struct tk_json_val list, v;
    struct tk_json_iter it;
    struct tk_str key, want, got_name, got;
    size_t n = 0;
    int rc = tk_json_find(one, "templates", &list);
    rc = rc < 0 ? rc : tk_json_obj(&list, &it);
    while (rc == 0 && tk_json_obj_next(&it, &key, &v) > 0) {
        rc = tk_json_get_str(&v, &want);
        T_OK(tk_tokenizer_chat_template(t, n, &got_name, &got), "%.*s: template %zu",
             TK_STR_ARG(name), n);
        T_EQ_N(got_name.p, got_name.n, key.p, key.n, "its name");
        T_EQ_N(got.p, got.n, want.p, want.n, "its text");
        n++;
    }
    T_OK(!tk_tokenizer_chat_template(t, n, &got_name, &got), "%.*s: %zu templates",
         TK_STR_ARG(name), n);
}

static void replay_case(struct replay *r, struct tk_json_val *one)
{
    struct tk_json_val m;
    struct tk_str name = { 0 };
    struct tk_err err = { 0 };
    struct tk_tokenizer *t = NULL;
    make_folder();
    int rc = tk_json_find(one, "name", &m);
    rc = rc < 0 ? rc : tk_json_get_str(&m, &name);
    rc = rc < 0 ? rc : write_files(one);
    rc = rc < 0 ? rc : tk_tokenizer_load(folder, NULL, &t, &err);
    if (T_OK(rc == 0, "%.*s: loads %s", TK_STR_ARG(name), err.msg)) {
        r->t = t;
        T_EQ_I(tk_tokenizer_bos(t), number(one, "bos", UINT32_MAX), "its BOS");
        T_EQ_I(tk_tokenizer_eos(t), number(one, "eos", UINT32_MAX), "its EOS");
        T_EQ_I(tk_tokenizer_vocab_size(t, true), number(one, "size", 0), "its size");
        T_EQ_I(tk_tokenizer_max_length(t), number(one, "max_length", INT64_MAX), "its length");
        check_templates(t, one, name);
        replay_all(r, one, "encode", replay_encode, name);
        replay_all(r, one, "decode", replay_decode, name);
    }
    tk_tokenizer_free(t);
    remove_folder();
}

/* A small tokenizer for the cases below. */
#define SMALL                                                                                          \
    "{\"version\":\"1.0\",\"added_tokens\":[],\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\" \":1," \
    "\".\":2},\"merges\":[]},\"decoder\":{\"type\":\"Fuse\"}}"

static int load_with(const char *config, const struct tk_tokenizer_conf *conf,
                     struct tk_tokenizer **ret, struct tk_err *err)
{
    make_folder();
    write_file("tokenizer.json", TK_STR(SMALL));
    write_file("tokenizer_config.json", tk_str_of(config));
    int rc = tk_tokenizer_load(folder, conf, ret, err);
    remove_folder();
    return rc;
}

/* Clean-up of spaces by version: "a ." loses its space or not. */
static void check_cleanup(enum tk_tok_cleanup cleanup, const char *more, const char *want)
{
    static const uint32_t ids[] = { 0, 1, 2 };
    struct tk_tokenizer_conf conf = { .cleanup = cleanup };
    struct tk_tokenizer *t = NULL;
    struct tk_tok_scratch *s = tk_tok_scratch_new();
    struct tk_buf out = TK_BUF_INIT(100);
    char config[300];
    snprintf(config, sizeof(config), "{\"clean_up_tokenization_spaces\":true%s}", more);
    T_EQ_I(load_with(config, &conf, &t, NULL), 0, "loads");
    T_EQ_I(tk_tokenizer_decode(t, s, ids, 3, 0, &out), 0, "decodes");
    T_EQ_S(out.p, want, "clean-up %d", (int)cleanup);
    tk_buf_release(&out);
    tk_tok_scratch_free(s);
    tk_tokenizer_free(t);
}

static void check_refused(const char *config, int want, const char *word)
{
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    T_EQ_I(load_with(config, NULL, &t, &err), want, "%s", word);
    T_OK(strstr(err.msg, word) != NULL, "the message names it: %s", err.msg);
    tk_tokenizer_free(t);
}

/* A folder with these files (name, content, …, NULL): the text of its one template. */
static void check_template(const char *const *files, const char *want)
{
    struct tk_tokenizer *t = NULL;
    struct tk_str name = { 0 };
    struct tk_str text = { 0 };
    make_folder();
    write_file("tokenizer.json", TK_STR(SMALL));
    for (size_t i = 0; files[i]; i += 2)
        write_file(files[i], tk_str_of(files[i + 1]));
    T_EQ_I(tk_tokenizer_load(folder, NULL, &t, NULL), 0, "loads");
    T_OK(tk_tokenizer_chat_template(t, 0, &name, &text) && tk_str_is(name, "default"),
         "a template");
    T_EQ_N(text.p, text.n, want, strlen(want), "the right one");
    T_OK(!tk_tokenizer_chat_template(t, 1, &name, &text), "and no other");
    tk_tokenizer_free(t);
    remove_folder();
}

/* Which file counts, where several have a template. */
static void check_templates_of_files(void)
{
    static const char json[] = "{\"chat_template\": \"from json\"}";
    static const char config[] = "{\"chat_template\": \"from the configuration\"}";
    check_template((const char *const[]){ "chat_template.json", json, NULL }, "from json");
    check_template(
        (const char *const[]){ "chat_template.json", json, "tokenizer_config.json", config, NULL },
        "from the configuration");
    check_template((const char *const[]){ "chat_template.json", json, "chat_template.jinja",
                                          "from jinja", "tokenizer_config.json", config, NULL },
                   "from jinja");
}

/* A ByteLevel inside a sequence, and a class that would put a space before it. */
static void check_nested_space(const char *class, const char *adds, int want)
{
    static const char file[] =
        "{\"version\":\"1.0\",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
        "\"Digits\",\"individual_digits\":true},{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]},"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}";
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    char config[300];
    snprintf(config, sizeof(config),
             "{\"tokenizer_class\":\"%s\",\"add_prefix_space\":%s,\"add_bos_token\":false}", class,
             adds);
    make_folder();
    write_file("tokenizer.json", TK_STR(file));
    write_file("tokenizer_config.json", tk_str_of(config));
    T_EQ_I(tk_tokenizer_load(folder, NULL, &t, &err), want, "%s: %s", config, err.msg);
    tk_tokenizer_free(t);
    remove_folder();
}

int main(void)
{
    replay_file("folders", replay_case);
    static const char forced[] =
        ",\"clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output\":true";
    check_cleanup(TK_TOK_CLEANUP_4, "", "a.");
    check_cleanup(TK_TOK_CLEANUP_5, "", "a .");
    check_cleanup(TK_TOK_CLEANUP_5, forced, "a.");
    check_cleanup(TK_TOK_CLEANUP_NEVER, forced, "a .");
    check_refused("{\"tokenizer_class\":\"NllbTokenizerFast\"}", TK_E_UNSUPPORTED, "NllbTokenizer");
    check_refused("{\"tokenizer_class\":\"LlamaTokenizer\",\"bos_token\":null}", TK_E_FORMAT,
                  "bos_token");
    check_templates_of_files();
    check_nested_space("CohereTokenizerFast", "true", TK_E_UNSUPPORTED);
    check_nested_space("BloomTokenizerFast", "true", TK_E_UNSUPPORTED);
    check_nested_space("BloomTokenizerFast", "false", 0);
    check_nested_space("PreTrainedTokenizerFast", "true", 0);
    check_refused("[]", TK_E_FORMAT, "tokenizer_config.json");
    check_refused("{\"bos_token\":3}", TK_E_FORMAT, "bos_token");
    check_refused("{\"added_tokens_decoder\":{\"x\":{\"content\":\"a\"}}}", TK_E_FORMAT, "'x'");
    return T_DONE();
}
