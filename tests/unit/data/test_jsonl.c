/* Rows with prompts and messages: what is read, and what is said about broken ones. */
#include "data/data.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "failmalloc.h"
#include "files.h"
#include "tap.h"

static struct tk_err err;

static int load(const char *text, struct tk_items *ret)
{
    struct tk_data_conf conf = { .path = test_text("rows", text), .output_tokens = -1 };
    err = (struct tk_err){ .msg = "" };
    return tk_data_jsonl.load(&conf, ret, &err);
}

static void check_item(const struct tk_item *item, const char *prompt, const char *messages,
                       int64_t output_tokens, uint32_t row)
{
    T_EQ_N(item->prompt.p, item->prompt.n, prompt, strlen(prompt), "row %u: prompt", row);
    T_EQ_N(item->messages.p, item->messages.n, messages, strlen(messages), "row %u: messages", row);
    T_EQ_I(item->output_tokens, output_tokens, "row %u: output tokens", row);
    T_EQ_I(item->prompt_tokens, -1, "row %u: prompt tokens are not known", row);
    T_EQ_U(item->row, row, "row %u: its number", row);
}

static void forms(void)
{
    struct tk_items items;
    T_EQ_I(
        load(
            "\xef\xbb\xbf{\"prompt\": \"a\\u00e9\\n\", \"output_tokens\": 3}\r\n"
            "\n"
            "   \n"
            "{\"messages\": [ {\"role\": \"user\", \"content\": \"h\\\"i\"} ], \"max_tokens\": 4}\n"
            "{\"x\": 1, \"prompt\": [{\"role\":\"user\",\"content\":[]}], \"output_len\": 5.0}\n"
            "{\"prompt\": null, \"messages\": [{\"role\":\"a\"}], \"output_tokens\": null}\n"
            "{\"prompt\": \"both\", \"messages\": [{\"role\":\"a\"}]}",
            &items),
        0, "all forms of rows: %s", err.msg);
    T_OK(items.n == 5 && !items.is_estimated, "five of them");
    check_item(&items.v[0], "a\xc3\xa9\n", "", 3, 0);
    check_item(&items.v[1], "", "[ {\"role\": \"user\", \"content\": \"h\\\"i\"} ]", 4, 1);
    check_item(&items.v[2], "", "[{\"role\":\"user\",\"content\":[]}]", 5, 2);
    check_item(&items.v[3], "", "[{\"role\":\"a\"}]", -1, 3);
    check_item(&items.v[4], "both", "", -1, 4);
    tk_items_release(&items);
    T_EQ_I(load("[{\"prompt\": \"a\"},\n {\"prompt\": \"b\"}]", &items), 0, "rows in an array");
    T_EQ_U(items.n, 2, "two of them");
    tk_items_release(&items);
}

static void overrides(void)
{
    struct tk_items items;
    struct tk_data_conf conf = {
        .path = test_text("rows",
                          "{\"prompt\":\"a\",\"output_tokens\":3}\n{\"prompt\":\"b\"}\n{]\n"),
        .n_wanted = 2,
        .output_tokens = 9,
    };
    T_EQ_I(tk_data_jsonl.load(&conf, &items, &err), 0, "no more is read than wanted");
    T_EQ_U(items.n, 2, "two rows");
    check_item(&items.v[0], "a", "", 9, 0);
    check_item(&items.v[1], "b", "", 9, 1);
    tk_items_release(&items);
    conf.path = test_text("rows", "{\"prompt\":\"\",\"output_tokens\":3.0}\n");
    conf.takes_empty = true;
    T_EQ_I(tk_data_jsonl.load(&conf, &items, &err), 0, "what is overridden is not looked at");
    check_item(&items.v[0], "", "", 9, 0);
    tk_items_release(&items);
}

static void broken(void)
{
    static const struct {
        const char *text;
        int rc;
        unsigned line;
        const char *words;
    } rows[] = {
        { "", TK_E_NOT_FOUND, 0, "has no rows" },
        { "\n \n", TK_E_NOT_FOUND, 0, "has no rows" },
        { "[]", TK_E_NOT_FOUND, 0, "has no rows" },
        { "{\"prompt\":\"a\"}\n\n{\"question\":\"q\",\"answer\":1}\n", TK_E_FORMAT, 3,
          "line 3: the row has neither 'prompt' nor 'messages'; its keys are: question, answer; rename" },
        { "{}", TK_E_FORMAT, 1, "it is empty" },
        { "{\"prompt\":\"a\"}\nhello\n", TK_E_FORMAT, 2, "line 2: this is not JSON: 'hello'" },
        { "{\"prompt\":\"a\"\n", TK_E_FORMAT, 1, "line 1: " },
        { "{\"prompt\":\"a\"}\n{\"prompt\":\"a\" \"b\"}", TK_E_FORMAT, 2, "damaged" },
        { "\"text\"", TK_E_FORMAT, 1, "not an object" },
        { "{\"prompt\":\"\"}", TK_E_FORMAT, 1, "'prompt' is empty" },
        { "{\"prompt\":\"\\x\"}", TK_E_FORMAT, 1, "'prompt' is damaged" },
        { "{\"prompt\":5}", TK_E_FORMAT, 1, "'prompt' must be a text or a list of messages" },
        { "{\"prompt\":[1,2]}", TK_E_FORMAT, 1, "'prompt' must be a text or a list of messages" },
        { "{\"messages\":[]}", TK_E_FORMAT, 1, "'messages' must be" },
        { "{\"messages\":\"text\"}", TK_E_FORMAT, 1, "'messages' must be" },
        { "{\"messages\":[{\"role\":1}]}", TK_E_FORMAT, 1, "'messages' must be" },
        { "{\"messages\":[{\"role\":\"u\",\"content\":tru}]}", TK_E_FORMAT, 1,
          "'messages' must be" },
        { "{\"prompt\":\"a\",\"max_tokens\":0}", TK_E_FORMAT, 1,
          "'max_tokens' must be a whole number" },
        { "{\"prompt\":\"a\",\"output_tokens\":\"5\"}", TK_E_FORMAT, 1, "'output_tokens' must be" },
        { "{\"prompt\":\"a\",\"output_len\":1.5}", TK_E_FORMAT, 1, "'output_len' must be" },
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(rows); i++) {
        struct tk_items items;
        T_EQ_I(load(rows[i].text, &items), rows[i].rc, "'%s': code", rows[i].text);
        T_EQ_U(err.line, rows[i].line, "line");
        T_OK(strstr(err.msg, rows[i].words), "words: %s", err.msg);
        T_OK(!items.v && items.n == 0, "nothing to release");
    }
}

static void files(void)
{
    struct tk_items items;
    struct tk_data_conf conf = { .path = test_path("missing"), .output_tokens = -1 };
    T_EQ_I(tk_data_jsonl.load(&conf, &items, &err), -ENOENT, "no file: %s", err.msg);
    conf.path = test_dir;
    T_EQ_I(tk_data_jsonl.load(&conf, &items, &err), -EISDIR, "a folder: %s", err.msg);
    conf.path = test_path("pipe");
    T_EQ_I(mkfifo(conf.path, 0600), 0, "a pipe is made");
    int fd = open(conf.path, O_RDWR | O_NONBLOCK); /* so that opening it does not wait */
    conf.do_shuffle = true;
    T_EQ_I(tk_data_jsonl.load(&conf, &items, &err), TK_E_UNSUPPORTED, "a pipe: %s", err.msg);
    close(fd);
}

/* What CPython 3.11 makes of it: random.seed(42); rows = list(range(9)); random.shuffle(rows). */
static void shuffled(void)
{
    static const uint32_t want[] = { 3, 6, 7, 4, 8, 2, 5, 0, 1 };
    struct tk_items items;
    char text[400] = "\n";
    for (int i = 0; i < 9; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "{\"prompt\":\"p%d\"}\n%s", i,
                 i % 2 ? "\n" : "");
    struct tk_data_conf conf = {
        .path = test_text("rows", text),
        .seed = 42,
        .do_shuffle = true,
        .output_tokens = -1,
    };
    T_EQ_I(tk_data_jsonl.load(&conf, &items, &err), 0, "shuffled: %s", err.msg);
    if (T_EQ_U(items.n, 9, "all rows")) {
        for (size_t i = 0; i < 9; i++) {
            char prompt[8];
            snprintf(prompt, sizeof(prompt), "p%u", want[i]);
            T_EQ_U(items.v[i].row, want[i], "row at %zu", i);
            T_EQ_N(items.v[i].prompt.p, items.v[i].prompt.n, prompt, 2, "prompt at %zu", i);
        }
    }
    tk_items_release(&items);
    conf.n_wanted = 2;
    T_EQ_I(tk_data_jsonl.load(&conf, &items, &err), 0, "two of them");
    T_OK(items.n == 2 && items.v[1].row == want[1], "are the first two");
    tk_items_release(&items);
}

static void no_memory(void)
{
    struct tk_items items;
    struct tk_data_conf conf = {
        .path = test_text("rows", "{\"prompt\":\"a\"}\n{\"messages\":[{\"role\":\"u\"}]}\n"),
        .do_shuffle = true,
        .output_tokens = -1,
    };
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = tk_data_jsonl.load(&conf, &items, &err);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "with enough memory");
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails: %s", n, err.msg);
    }
    tk_items_release(&items);
}

int main(void)
{
    make_test_dir();
    forms();
    overrides();
    broken();
    files();
    shuffled();
    no_memory();
    return T_DONE();
}
