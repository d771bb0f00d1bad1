/* Rows of functions to call: how the files of categories go together, what is refused, and without memory. What
 * is sent is compared with vLLM's in it/test_vllm_functions.py. */
#include <errno.h>

#include "base/buf.h"
#include "base/str.h"
#include "data/hf.h"
#include "failmalloc.h"
#include "files.h"
#include "hub/hub.h"
#include "tap.h"
#include "token/chat.h"
#include "token/tokenizer.h"

#define ROW(text)                                                                        \
    "{\"question\": [[{\"role\": \"user\", \"content\": \"" text "\"}]], \"function\": " \
    "[{\"name\": \"f\", \"parameters\": {\"type\": \"dict\", \"properties\": {}}}]}\n"

static struct tk_err err;
static struct tk_tokenizer *tokenizer;
static struct tk_chat *chat;
static struct tk_hub_conf hub;

static int load(const char *categories, const struct tk_chat *c, size_t n, struct tk_items *ret)
{
    const struct tk_data_hf hf = {
        .set = tk_hf_find("gorilla-llm/Berkeley-Function-Calling-Leaderboard", NULL),
        .hub = &hub,
        .categories = categories,
    };
    const struct tk_data_conf conf = {
        .path = test_dir,
        .n_wanted = n,
        .output_tokens = -1,
        .tokenizer = tokenizer,
        .chat = c,
        .hf = &hf,
    };

    err.msg[0] = '\0';
    return tk_data_hf.load(&conf, ret, &err);
}

static void in_turn(void)
{
    static const char tools[] = "[{\"type\": \"function\", \"function\": {\"name\": \"f\", "
                                "\"parameters\": {\"type\": \"object\", \"properties\": {}}}}]";
    struct tk_items items;
    struct tk_buf seen = TK_BUF_INIT(1000);

    (void)test_text("BFCL_v3_a.json", ROW("a a") ROW("b") "\n{\"question\": []}\n" ROW("a b b"));
    (void)test_text("BFCL_v3_b.json", ROW("b b b b"));
    T_EQ_I(load("a, b", NULL, 9, &items), 0, "two files: %s", err.msg);
    for (size_t i = 0; i < items.n; i++)
        (void)tk_buf_addf(&seen, "%lld ", (long long)items.v[i].prompt_tokens);
    T_EQ_S(seen.p, "2 4 1 3 ",
           "one of each, then the other one's rest; a row without a turn is none");
    T_OK(tk_str_is(items.v[0].tools, tools), "tools: %.*s", TK_STR_ARG(items.v[0].tools));
    T_EQ_I(items.v[0].output_tokens, 512, "tokens to ask for");
    tk_items_release(&items);
    T_EQ_I(load("a,b", chat, 2, &items), 0, "in a template: %s", err.msg);
    T_OK(items.n == 2 && items.v[0].prompt_tokens > 2, "which shows the functions");
    tk_items_release(&items);
    tk_buf_release(&seen);
}

static void refused(void)
{
    static const struct {
        const char *text;
        int rc;
        const char *words;
    } files[] = {
        { ROW("a") "{\"question\"\n", TK_E_FORMAT, "line 2: this is not JSON" },
        { "[1]\n", TK_E_FORMAT, "line 1: the row is no object" },
        { "{\"question\": [[1]], \"function\": [1]}\n", TK_E_FORMAT, "is no object" },
        { "", TK_E_NOT_FOUND, "has no rows" },
        { "{}\n{}\n", TK_E_NOT_FOUND, "none of the 2 rows" },
    };
    struct tk_items items;

    for (size_t i = 0; i < TK_ARRAY_LEN(files); i++) {
        (void)test_text("BFCL_v3_bad.json", files[i].text);
        T_EQ_I(load("bad", NULL, 9, &items), files[i].rc, "'%s'", files[i].text);
        T_OK(strstr(err.msg, files[i].words), "words: %s", err.msg);
    }
    T_EQ_I(load("none", NULL, 9, &items), TK_E_NOT_FOUND, "no such category");
    T_OK(strstr(err.msg, "BFCL category 'none' not found"), "words: %s", err.msg);
    char name[2000];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    T_EQ_I(load(name, NULL, 9, &items), TK_E_LIMIT, "a long one");
    T_OK(strstr(err.msg, "nnn…' is too long"), "words: %s", err.msg);
}

static void no_memory(void)
{
    const struct tk_chat *const chats[] = { NULL, chat };

    for (size_t i = 0; i < TK_ARRAY_LEN(chats); i++) {
        for (int n = 1;; n++) {
            struct tk_items items;
            tk_failmalloc_at(n);
            int rc = load("a,b", chats[i], 9, &items);
            bool was_hit = tk_failmalloc_off();
            if (rc == 0)
                tk_items_release(&items);
            if (!was_hit)
                break;
            T_EQ_I(rc, -ENOMEM, "allocation %d fails: %s", n, err.msg);
            T_OK(rc == 0 || err.msg[0], "with words");
        }
    }
}

static void begin(void)
{
    static const char vocabulary[] =
        "{\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"?\", \"vocab\": {\"?\": 0, \"a\": 1, "
        "\"b\": 2}}, \"pre_tokenizer\": {\"type\": \"Whitespace\"}}";
    static const char template[] =
        "{% for t in tools %}{{ t.function.name }} {% endfor %}{{ messages[0].content }}";

    make_test_dir();
    if (tk_hub_conf_init(&hub, &err) != 0 ||
        tk_tokenizer_load_json(tk_str_of(vocabulary), "test", NULL, &tokenizer, &err) != 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(77);
    }
    const struct tk_chat_conf conf = {
        .tokenizer = tokenizer,
        .kind = TK_CHAT_TEMPLATE,
        .template_text = TK_STR(template),
    };
    T_EQ_I(tk_chat_new(&conf, &chat, &err), 0, "a template: %s", err.msg);
}

int main(void)
{
    begin();
    in_turn();
    refused();
    no_memory();
    tk_chat_free(chat);
    tk_tokenizer_free(tokenizer);
    tk_hub_conf_release(&hub);
    return T_DONE();
}
