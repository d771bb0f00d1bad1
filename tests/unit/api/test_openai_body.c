/* Request bodies byte by byte, and the user's own members in them. */
#include "api/api.h"

#include <errno.h>

#include "failmalloc.h"
#include "tap.h"

static const struct tk_item hello = {
    .prompt = TK_STR_INIT("Hi \"you\"\n"),
    .prompt_tokens = -1,
    .output_tokens = 7,
    .row = 3,
};
static const struct tk_item open_ended = {
    .prompt = TK_STR_INIT("x"),
    .prompt_tokens = -1,
    .output_tokens = -1,
};
static const struct tk_item messages = {
    .messages = TK_STR_INIT("[{\"role\": \"system\", \"content\": \"s\"}]"),
    .prompt_tokens = -1,
    .output_tokens = 1,
    .row = 41,
};

static void check(const struct tk_api_ops *api, const struct tk_api_opts *o,
                  const struct tk_item *item, const char *want, const char *name)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    struct tk_err err = { .code = 0 };
    T_EQ_I(api->encode(o, item, &out, &err), 0, "%s: %s: code", api->name, name);
    T_EQ_N(out.p, out.n, want, strlen(want), "%s: %s", api->name, name);
    tk_buf_release(&out);
}

static void plain(void)
{
    check(&tk_api_chat, &(struct tk_api_opts){ .model = "m" }, &open_ended,
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"stream\":false}",
          "as little as possible");
    check(&tk_api_completions, &(struct tk_api_opts){ .model = NULL }, &open_ended,
          "{\"prompt\":\"x\",\"stream\":false}", "no model");
    struct tk_api_opts all = {
        .model = "a/b",
        .is_streamed = true,
        .wants_continuous_usage = true,
        .ignores_eos = true,
        .has_temperature = true,
        .temperature = 0.5,
    };
    check(&tk_api_chat, &all, &hello,
          "{\"model\":\"a/b\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi \\\"you\\\"\\n\"}],"
          "\"temperature\":0.5,\"max_completion_tokens\":7,\"stream\":true,\"stream_options\":{"
          "\"include_usage\":true,\"continuous_usage_stats\":true},\"ignore_eos\":true}",
          "everything");
    check(
        &tk_api_completions, &all, &hello,
        "{\"model\":\"a/b\",\"prompt\":\"Hi \\\"you\\\"\\n\",\"temperature\":0.5,\"max_tokens\":7,"
        "\"stream\":true,\"stream_options\":{\"include_usage\":true,\"continuous_usage_stats\":true},"
        "\"ignore_eos\":true}",
        "everything");
    check(
        &tk_api_chat, &(struct tk_api_opts){ .model = "m", .limit_key = "max_tokens" }, &messages,
        "{\"model\":\"m\",\"messages\":[{\"role\": \"system\", \"content\": \"s\"}],\"max_tokens\":1,"
        "\"stream\":false}",
        "given messages, another name of the bound");
}

static void extra(void)
{
    struct tk_api_opts o = { .model = "m", .is_streamed = true };
    o.extra = TK_STR(" {\"top_k\": [5, {}], \"stream\": false, \"top_k\": 6, \"model\": \"n\"} ");
    check(
        &tk_api_completions, &o, &open_ended,
        "{\"model\":\"n\",\"prompt\":\"x\",\"stream\":false,\"stream_options\":{\"include_usage\":true"
        "},\"top_k\":6}",
        "members are replaced in place, others follow, the last of a name counts");
    o.extra = TK_STR("{\"temperature\": 1e-1, \"max_tokens\": null}");
    check(&tk_api_completions, &o, &hello,
          "{\"model\":\"m\",\"prompt\":\"Hi \\\"you\\\"\\n\",\"max_tokens\":null,\"stream\":true,"
          "\"stream_options\":{\"include_usage\":true},\"temperature\":1e-1}",
          "a member that the body did not have follows");
    o = (struct tk_api_opts){ .extra = TK_STR_INIT("{}") };
    check(&tk_api_chat, &o, &open_ended,
          "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"stream\":false}",
          "empty object");
}

static void failures(void)
{
    static const char *const bad[] = {
        "[]",       "1",           "{",          "{\"a\":}",    "{\"a\":[1,}",
        "{\"a\":1", "{\"a\":tru}", "{\"a\":01}", "{\"a\":1}{}", "{\"a\":[{\"b\":\"\\x\"}]}",
        "x",        "{\"a\" 1}",   "{\"a\":1,}", "{a:1}",
    };
    struct tk_buf out = TK_BUF_INIT(200);
    struct tk_err err;
    tk_buf_add_z(&out, "before");
    for (size_t i = 0; i < TK_ARRAY_LEN(bad); i++) {
        struct tk_api_opts o = { .extra = { bad[i], strlen(bad[i]) } };
        T_EQ_I(tk_api_chat.encode(&o, &hello, &out, &err), TK_E_FORMAT, "extra '%s'", bad[i]);
        T_EQ_S(out.p, "before", "extra '%s': nothing written", bad[i]);
    }
    T_OK(strstr(err.msg, "{a:1}"), "the message quotes it: %s", err.msg);

    struct tk_api_opts o = { .model = "m" };
    T_EQ_I(tk_api_completions.encode(&o, &messages, &out, &err), TK_E_UNSUPPORTED,
           "completions cannot send messages");
    T_OK(strstr(err.msg, "row 41"), "the message has the row: %s", err.msg);
    struct tk_item big = { .prompt = { "", 0 }, .output_tokens = -1 };
    static const char zeros[300];
    big.prompt = (struct tk_str){ zeros, sizeof(zeros) };
    T_EQ_I(tk_api_chat.encode(&o, &big, &out, &err), TK_E_LIMIT, "too long for the buffer");
    T_EQ_S(out.p, "before", "nothing is left of it");
    tk_buf_release(&out);
}

static void many_members(void)
{
    struct tk_buf text = TK_BUF_INIT(1 << 16);
    struct tk_buf out = TK_BUF_INIT(1 << 16);
    struct tk_err err;
    for (int i = 0; i < 65; i++)
        tk_buf_addf(&text, "%s\"k%d\":%d", i == 0 ? "{" : ",", i, i);
    tk_buf_add_c(&text, '}');
    struct tk_api_opts o = { .extra = tk_buf_str(&text) };
    T_EQ_I(tk_api_chat.encode(&o, &hello, &out, &err), TK_E_LIMIT, "65 members are too many");
    T_OK(strstr(err.msg, "64"), "the message has the bound: %s", err.msg);
    tk_buf_release(&text);
    tk_buf_release(&out);
}

static void no_memory(void)
{
    struct tk_api_opts o = { .model = "m", .extra = TK_STR_INIT("{\"top_k\":1}") };
    for (int n = 1;; n++) {
        struct tk_buf out = TK_BUF_INIT(1 << 16);
        tk_failmalloc_at(n);
        int rc = tk_api_chat.encode(&o, &hello, &out, NULL);
        bool failed = tk_failmalloc_off();
        T_EQ_I(rc, failed ? -ENOMEM : 0, "allocation %d", n);
        tk_buf_release(&out);
        if (!failed)
            break;
    }
}

int main(void)
{
    plain();
    extra();
    failures();
    many_members();
    no_memory();
    return T_DONE();
}
