/* test_loaders.c - sentencepiece, tiktoken, tekken and encodings of chats, against their own programs
 *
 * tests/data/token/loaders/make.py made files and vectors. Damaged files must be refused, not obeyed: each
 * small file is cut at many places and changed at random ones (the seed is printed).
 */
#include "lib/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "failmalloc.h"
#include "token/chat.h"
#include "token/loaders.h"
#include "vectors.h"

static struct tk_tok_scratch *scratch;
static struct tk_template_scratch *template_scratch;

static struct tk_str string_of(struct tk_json_val *v, const char *key)
{
    struct tk_json_val m;
    struct tk_str s = { "", 0 };

    if (tk_json_find(v, key, &m) == 0)
        (void)tk_json_get_str(&m, &s);
    return s;
}

static struct tk_str raw_of(struct tk_json_val *v, const char *key)
{
    struct tk_json_val m;
    struct tk_str s = { "", 0 };

    if (tk_json_find(v, key, &m) == 0 && tk_json_type(&m) != TK_JSON_NULL)
        (void)tk_json_get_raw(&m, &s);
    return s;
}

static bool is_true(struct tk_json_val *v, const char *key)
{
    struct tk_json_val m;
    bool b = false;

    return tk_json_find(v, key, &m) == 0 && tk_json_get_bool(&m, &b) == 0 && b;
}

static void path_of(struct tk_str file, char *out, size_t size)
{
    snprintf(out, size, "%s/data/token/loaders/%.*s", getenv("TK_TESTS_DIR"), TK_STR_ARG(file));
}

static int load(const char *path, struct tk_str kind, struct tk_str name, struct tk_tokenizer **ret,
                struct tk_err *err)
{
    char text[64];

    snprintf(text, sizeof(text), "%.*s", TK_STR_ARG(name));
    if (tk_str_is(kind, "sentencepiece"))
        return tk_tokenizer_load_sentencepiece(path, NULL, ret, err);
    if (tk_str_is(kind, "tiktoken"))
        return tk_tokenizer_load_tiktoken(path, text[0] ? text : NULL, NULL, ret, err);
    return tk_tokenizer_load_tekken(path, NULL, ret, err);
}

/* ---- vectors ---- */

static int replay_text(const struct tk_tokenizer *t, struct tk_json_val *pair, unsigned flags)
{
    struct tk_tok_ids got = { 0 }, want = { 0 };
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str text = { 0 };
    int rc = tk_json_arr(pair, &it);

    rc = rc == 0 && tk_json_arr_next(&it, &v) > 0 ? tk_json_get_str(&v, &text) : -1;
    rc = rc == 0 && tk_json_arr_next(&it, &v) > 0 ? read_ids(&v, &want) : -1;
    if (rc == 0)
        rc = tk_tokenizer_encode(t, scratch, text, flags, &got);
    if (rc == 0 && tk_tokenizer_count(t, scratch, text, flags) != (int64_t)want.n)
        rc = -1;
    if (rc != 0 || !same_ids(&got, &want)) {
        t_bytes("text", text.p, text.n);
        show_ids("got ", &got);
        show_ids("want", &want);
        rc = -1;
    }
    tk_tok_ids_release(&got);
    tk_tok_ids_release(&want);
    return rc;
}

/* Ids, text, or a refusal: what the vector has. */
static int replay_chat(const struct tk_chat *c, struct tk_json_val *one)
{
    struct tk_chat_input in = {
        .messages = raw_of(one, "messages"),
        .tools = raw_of(one, "tools"),
        .kwargs = raw_of(one, "kwargs"),
        .continues_final = is_true(one, "continues"),
        .add_generation_prompt = true,
    };
    struct tk_tok_ids got = { 0 }, want = { 0 };
    struct tk_buf text = TK_BUF_INIT(1 << 20);
    struct tk_json_val v;
    struct tk_err err = { 0 };
    int rc = tk_chat_encode(c, &in, template_scratch, scratch, &text, &got, &err);
    bool ok;

    if (is_true(one, "refused"))
        ok = rc != 0 && err.msg[0];
    else if (tk_json_find(one, "ids", &v) == 0)
        ok = rc == 0 && read_ids(&v, &want) == 0 && same_ids(&got, &want);
    else
        ok = rc == 0 && tk_str_eq(tk_buf_str(&text), string_of(one, "text"));
    if (!ok) {
        t_bytes("messages", in.messages.p, in.messages.n);
        fprintf(stderr, "    rc %d %s\n", rc, err.msg);
        show_ids("got ", &got);
        show_ids("want", &want);
        t_bytes("text", text.p, text.n);
    }
    tk_tok_ids_release(&got);
    tk_tok_ids_release(&want);
    tk_buf_release(&text);
    return ok ? 0 : -1;
}

static void replay_texts(const struct tk_tokenizer *t, struct tk_json_val *one, const char *name)
{
    unsigned flags = tk_str_is(string_of(one, "kind"), "tiktoken") ? TK_TOK_PARSE_SPECIAL : 0;
    struct tk_json_val list, v;
    struct tk_json_iter it;
    int n = 0, bad = 0;

    if (tk_json_find(one, "texts", &list) != 0 || tk_json_arr(&list, &it) != 0)
        return;
    for (; tk_json_arr_next(&it, &v) > 0; n++)
        bad += replay_text(t, &v, flags) != 0;
    T_EQ_I(bad, 0, "%s: %d texts", name, n);
}

static void replay_chats(const struct tk_tokenizer *t, struct tk_json_val *one, const char *name)
{
    bool is_deepseek = tk_str_is(string_of(one, "kind"), "deepseek_v32");
    struct tk_chat_conf conf = { .tokenizer = t,
                                 .kind = is_deepseek ? TK_CHAT_DEEPSEEK_V32 : TK_CHAT_AUTO };
    struct tk_chat *c = NULL;
    struct tk_err err = { 0 };
    struct tk_json_val list, v;
    struct tk_json_iter it;
    int n = 0, bad = 0;

    if (tk_json_find(one, "chats", &list) != 0 || tk_json_arr(&list, &it) != 0)
        return;
    if (!T_EQ_I(tk_chat_new(&conf, &c, &err), 0, "%s: a chat %s", name, err.msg))
        return;
    for (; tk_json_arr_next(&it, &v) > 0; n++)
        bad += replay_chat(c, &v) != 0;
    T_EQ_I(bad, 0, "%s: %d conversations as %s", name, n, tk_chat_name(c));
    tk_chat_free(c);
}

static void replay(struct tk_json_val *one)
{
    struct tk_str file = string_of(one, "file");
    struct tk_str kind = string_of(one, "kind");
    struct tk_str name = string_of(one, "name");
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    char path[4096], label[128];

    path_of(file, path, sizeof(path));
    snprintf(label, sizeof(label), "%.*s %.*s", TK_STR_ARG(file), TK_STR_ARG(name.n ? name : kind));
    if (!T_EQ_I(load(path, kind, name, &t, &err), 0, "%s: loads %s", label, err.msg))
        return;
    replay_texts(t, one, label);
    replay_chats(t, one, label);
    tk_tokenizer_free(t);
}

/* ---- round trips: every text comes back ---- */

static void round_trip(const char *file, const char *text)
{
    struct tk_tokenizer *t = NULL;
    struct tk_tok_ids ids = { 0 };
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    char path[4096];

    path_of(tk_str_of(file), path, sizeof(path));
    T_EQ_I(tk_tokenizer_open(path, TK_TOK_MODE_AUTO, NULL, &t, NULL), 0, "%s opens", file);
    if (t && tk_tokenizer_encode(t, scratch, tk_str_of(text), 0, &ids) == 0)
        (void)tk_tokenizer_decode(t, scratch, ids.p, ids.n, 0, &out);
    T_EQ_N(out.p, out.n, text, strlen(text), "%s: a text comes back", file);
    tk_tok_ids_release(&ids);
    tk_buf_release(&out);
    tk_tokenizer_free(t);
}

/* ---- damage ---- */

static const char *const small[] = { "bpe_user.model",     "bpe_rules.model", "unigram.model",
                                     "unigram_user.model", "tekken_v11.json", "small.tiktoken" };

static size_t slurp(const char *file, char **ret)
{
    char path[4096];
    struct stat st;

    path_of(tk_str_of(file), path, sizeof(path));
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0)
        return 0;
    *ret = malloc((size_t)st.st_size);
    ssize_t n = read(fd, *ret, (size_t)st.st_size);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* Write the bytes as `path` and load that; what comes of it is used. */
static int try_bytes(const char *path, const char *file, const char *p, size_t n)
{
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    struct tk_tok_ids ids = { 0 };
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    bool is_model = strstr(file, ".model") != NULL;

    if (fd < 0 || write(fd, p, n) != (ssize_t)n)
        return -1;
    close(fd);
    int rc = load(path,
                  is_model               ? TK_STR("sentencepiece")
                  : strstr(file, "json") ? TK_STR("tekken")
                                         : TK_STR("tiktoken"),
                  TK_STR("cl100k_base"), &t, &err);
    if (rc != 0)
        return err.msg[0] ? rc : 1;
    (void)tk_tokenizer_encode(t, scratch,
                              TK_STR("a in ->  b\xC3\xA9 \xE2\x96\x81 <s1>\t\xF0\x9F\x98\x80"),
                              TK_TOK_DEFAULT, &ids);
    (void)tk_tokenizer_decode(t, scratch, ids.p, ids.n, 0, &out);
    tk_tok_ids_release(&ids);
    tk_buf_release(&out);
    tk_tokenizer_free(t);
    return 0;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 33;
}

static void damage(const char *file, uint64_t seed)
{
    char path[] = "/tmp/tk-loaders-XXXXXX";
    char *bytes = NULL;
    size_t n = slurp(file, &bytes);
    int silent = 0, fd = mkstemp(path);
    uint64_t state = seed;

    close(fd);
    for (int i = 0; i < 60 && n > 0; i++)
        silent += try_bytes(path, file, bytes, n * (size_t)i / 60) == 1;
    for (int i = 0; i < 250 && n > 0; i++) {
        size_t at[4];
        char was[4];
        for (int k = 0; k < 4; k++) {
            at[k] = i % 2 ? next_random(&state) % n : next_random(&state) % TK_MIN(n, 400);
            was[k] = bytes[at[k]];
            bytes[at[k]] = (char)next_random(&state);
        }
        silent += try_bytes(path, file, bytes, n) == 1;
        for (int k = 3; k >= 0; k--)
            bytes[at[k]] = was[k];
    }
    T_EQ_I(silent, 0, "%s, cut and damaged (seed %llu): each refusal says why", file,
           (unsigned long long)seed);
    unlink(path);
    free(bytes);
}

static void out_of_memory(const char *file)
{
    struct tk_tokenizer *t = NULL;
    char path[4096];
    int odd = 0;

    path_of(tk_str_of(file), path, sizeof(path));
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = tk_tokenizer_open(path, TK_TOK_MODE_AUTO, NULL, &t, NULL);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "%s: got through", file);
            tk_tokenizer_free(t);
            break;
        }
        odd += rc != -ENOMEM;
        if (rc == 0)
            tk_tokenizer_free(t);
    }
    T_EQ_I(odd, 0, "%s: each allocation that fails is told", file);
}

/* ---- choosing ---- */

static void check_open(const char *file, enum tk_tok_mode mode, int want, const char *what)
{
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    char path[4096];

    path_of(tk_str_of(file), path, sizeof(path));
    T_EQ_I(tk_tokenizer_open(path, mode, NULL, &t, &err), want, "%s: %s", what, err.msg);
    tk_tokenizer_free(t);
}

static void choosing(void)
{
    check_open("bpe.model", TK_TOK_MODE_AUTO, 0, "a sentencepiece model");
    check_open("bpe.model", TK_TOK_MODE_MISTRAL, 0, "one of Mistral's first");
    check_open("tekken_v7.json", TK_TOK_MODE_MISTRAL, 0, "a tekken.json");
    check_open("small.tiktoken", TK_TOK_MODE_AUTO, TK_E_UNSUPPORTED, "ranks of no known name");
    check_open("make.py", TK_TOK_MODE_AUTO, TK_E_UNSUPPORTED, "what is no tokenizer");
    check_open("", TK_TOK_MODE_MISTRAL, 0, "a folder with tekken files, Mistral's way");
    check_open("none", TK_TOK_MODE_AUTO, -ENOENT, "nothing");
}

int main(void)
{
    struct vectors v;
    struct tk_json_iter it;
    struct tk_json_val one;
    uint64_t seed = (uint64_t)time(NULL);

    scratch = tk_tok_scratch_new();
    template_scratch = tk_template_scratch_new();
    if (!T_OK(vectors_open(&v, "loaders/vectors") == 0, "the vectors are there"))
        return T_DONE();
    int rc = tk_json_arr(&v.root, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &one)) > 0) {
        replay(&one);
        rc = 0;
    }
    T_EQ_I(rc, 0, "the vectors are whole");
    vectors_close(&v);
    round_trip("bpe.model", "Hello  w\xC3\xB6rld \xF0\x9F\x98\x80\n\t1234 <s>");
    round_trip("tekken_v3.json", "Hello  w\xC3\xB6rld \xF0\x9F\x98\x80\n\t1234 <s>");
    choosing();
    for (size_t i = 0; i < TK_ARRAY_LEN(small); i++)
        damage(small[i], seed);
    out_of_memory("bpe_user.model");
    out_of_memory("unigram_user.model");
    out_of_memory("tekken_v11.json");
    tk_tok_scratch_free(scratch);
    tk_template_scratch_free(template_scratch);
    return T_DONE();
}
