/* Every channel that an event or a reply may have, and what servers do besides the page. */
#include "api/api.h"

#include "tap.h"
#include "words.h"

static struct tk_json *json;

struct sample {
    const char *name, *text;
    int rc;
    const char *want; /* as event_words() */
};

static const struct sample events[] = {
    { "end mark", "[DONE]", 0, "done | '' '' 0 - | | " },
    { "end mark with white space", " [DONE]\r", 0, "done | '' '' 0 - | | " },
    { "no data", "", 0, "| '' '' 0 - | | " },
    { "vLLM: role chunk",
      "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{"
      "\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
      "\"finish_reason\":null}]}",
      0, "choices role | '' '' 0 - | | " },
    { "vLLM: content",
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\" Hi\"},\"logprobs\":null,"
      "\"finish_reason\":null,\"token_ids\":null}]}",
      0, "choices content | ' Hi' '' 3 - | | " },
    { "content with escapes", "{\"choices\":[{\"delta\":{\"content\":\"\\u00e9\\n\\\"\"}}]}", 0,
      "choices content | '\xc3\xa9\n\"' '' 4 - | | " },
    { "MAX: role and content in one",
      "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"x\"}}]}", 0,
      "choices content role | 'x' '' 1 - | | " },
    { "llama.cpp: role with null, keys in another order",
      "{\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"role\":\"assistant\","
      "\"content\":null}}],\"created\":1,\"object\":\"chat.completion.chunk\"}",
      0, "choices role | '' '' 0 - | | " },
    { "finish",
      "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\",\"stop_reason\":null}]}",
      0, "choices finish | '' '' 0 length | | " },
    { "reasoning_content", "{\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}", 0,
      "choices reasoning | '' 'hm' 2 - | | " },
    { "reasoning", "{\"choices\":[{\"delta\":{\"content\":null,\"reasoning\":\"hm\"}}]}", 0,
      "choices reasoning | '' 'hm' 2 - | | " },
    { "the same reasoning under both names counts once",
      "{\"choices\":[{\"delta\":{\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"}}]}", 0,
      "choices reasoning | '' 'hm' 2 - | | " },
    { "reasoning and content at the change-over",
      "{\"choices\":[{\"delta\":{\"reasoning_content\":\"so\",\"content\":\"Yes\"}}]}", 0,
      "choices content reasoning | 'Yes' 'so' 5 - | | " },
    { "Mistral: parts of both kinds",
      "{\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\","
      "\"text\":\"hm\"}]},{\"type\":\"text\",\"text\":\"Yes\"}]}}]}",
      0, "choices content reasoning | 'Yes' 'hm' 5 - | | " },
    { "parts that are strings", "{\"choices\":[{\"delta\":{\"content\":[\"a\",\"bc\",7]}}]}", 0,
      "choices content | 'a' '' 3 - | | " },
    { "parts nested without end stay bounded",
      "{\"choices\":[{\"delta\":{\"content\":[{\"text\":[{\"text\":[{\"text\":[{\"text\":\"x\"}]}]}]}]}"
      "}]}",
      0, "choices | '' '' 0 - | | " },
    { "tool call: name",
      "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":"
      "\"function\",\"function\":{\"name\":\"get\",\"arguments\":\"\"}}]}}]}",
      0, "choices tool | '' '' 3 - | | " },
    { "tool call: arguments",
      "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\"}},"
      "{\"index\":1,\"custom\":{\"input\":\"xy\"}}]}}]}",
      0, "choices tool | '' '' 5 - | | " },
    { "tool call: arguments as an object",
      "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}}"
      "]}}]}",
      0, "choices tool | '' '' 8 - | | " },
    { "no tool calls: null and empty",
      "{\"choices\":[{\"delta\":{\"content\":\"x\",\"tool_calls\":[]}},{\"delta\":{\"tool_calls\":null}"
      "}]}",
      0, "choices content | 'x' '' 1 - | | " },
    { "the function call of old",
      "{\"choices\":[{\"delta\":{\"function_call\":{\"name\":\"f\",\"arguments\":\"()\"}},"
      "\"finish_reason\":\"function_call\"}]}",
      0, "choices tool finish | '' '' 3 tool_calls | | " },
    { "refusal", "{\"choices\":[{\"delta\":{\"refusal\":\"No.\"}}]}", 0,
      "choices refusal | '' '' 3 - | | " },
    { "two choices, the second first",
      "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"bb\"},\"finish_reason\":\"stop\"},"
      "{\"delta\":{\"content\":\"a\"},\"index\":0}]}",
      0, "choices content finish | 'a' '' 3 - | | " },
    { "only another choice",
      "{\"choices\":[{\"delta\":{\"content\":\"bb\"},\"finish_reason\":\"stop\",\"index\":1}]}", 0,
      "choices content finish other | '' '' 2 - | | " },
    { "choices twice: the first choice is in the second list",
      "{\"choices\":[{\"index\":1,\"text\":\"b\"}],\"choices\":[{\"index\":0,\"text\":\"a\"}]}", 0,
      "choices content | 'a' '' 2 - | | " },
    { "usage at the end, no choices",
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"total_tokens\":13,\"completion_tokens\":8,"
      "\"prompt_tokens_details\":null}}",
      0, "usage | '' '' 0 - | 5 8 -1 -1 | " },
    { "continuous usage beside content",
      "{\"choices\":[{\"text\":\"x\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}", 0,
      "choices content usage | 'x' '' 1 - | 5 2 -1 -1 | " },
    { "usage with details",
      "{\"choices\":[],\"usage\":{\"completion_tokens\":9,\"completion_tokens_details\":{"
      "\"audio_tokens\":0,\"reasoning_tokens\":4},\"prompt_tokens\":7,\"prompt_tokens_details\":{"
      "\"cached_tokens\":3}}}",
      0, "usage | '' '' 0 - | 7 9 4 3 | " },
    { "SGLang and DeepSeek: details in usage itself",
      "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9,\"reasoning_tokens\":2,"
      "\"prompt_cache_hit_tokens\":1}}",
      0, "usage | '' '' 0 - | 7 9 2 1 | " },
    { "no usage: null, empty, counts that are none", "{\"choices\":[],\"usage\":null}", 0,
      "| '' '' 0 - | | " },
    { "empty usage", "{\"usage\":{}}", 0, "| '' '' 0 - | | " },
    { "usage of nulls and negatives",
      "{\"usage\":{\"prompt_tokens\":null,\"completion_tokens\":-3}}", 0,
      "usage | '' '' 0 - | -1 -1 -1 -1 | " },
    { "completions: text",
      "{\"id\":\"t\",\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\" a\","
      "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}",
      0, "choices content finish | ' a' '' 2 stop | | " },
    { "TensorRT-LLM: empty finish reason",
      "{\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"\"}]}", 0,
      "choices | '' '' 0 - | | " },
    { "a finish reason of another server",
      "{\"choices\":[{\"text\":\"\",\"finish_reason\":\"abort\"}]}", 0,
      "choices finish | '' '' 0 else | | " },
    { "error object", "{\"error\":{\"message\":\"engine died\",\"type\":\"x\",\"code\":500}}", 0,
      "error | '' '' 0 - | | engine died" },
    { "error as text", "{\"error\":\"out of memory\",\"error_type\":\"generation\"}", 0,
      "error | '' '' 0 - | | out of memory" },
    { "error without message", "{\"error\":{\"code\":7}}", 0,
      "error | '' '' 0 - | | {\"code\":7}" },
    { "error with a message that is no string", "{\"error\":{\"message\":[1, 2]}}", 0,
      "error | '' '' 0 - | | [1, 2]" },
    { "older vLLM: object error",
      "{\"object\":\"error\",\"message\":\"too long\",\"type\":\"BadRequestError\",\"code\":400}",
      0, "error | '' '' 0 - | | too long" },
    { "no error: null, false, empty", "{\"error\":null,\"choices\":[{\"text\":\"x\"}]}", 0,
      "choices content | 'x' '' 1 - | | " },
    { "empty error object", "{\"error\":{},\"choices\":[{\"text\":\"x\"}]}", 0,
      "choices content | 'x' '' 1 - | | " },
    { "a message without the word error is none", "{\"message\":\"queued\"}", 0,
      "| '' '' 0 - | | " },
    { "unknown keys",
      "{\"x\":{\"choices\":[{\"text\":\"no\"}]},\"y\":[1,{\"usage\":{}}],\"choices\":[{\"text\":\"x\"}]}",
      0, "choices content | 'x' '' 1 - | | " },
    { "other types everywhere",
      "{\"choices\":[{\"delta\":{\"content\":5,\"role\":1,\"tool_calls\":{},\"refusal\":false,"
      "\"reasoning\":{}},\"finish_reason\":{},\"index\":\"a\"},3,null],\"usage\":[],\"object\":1}",
      0, "choices | '' '' 0 - | | " },
    { "choices of another type", "{\"choices\":{},\"usage\":3}", 0, "| '' '' 0 - | | " },
    { "null choices", "{\"choices\":null}", 0, "| '' '' 0 - | | " },
    { "cut", "{\"choices\":[{\"delta\":{\"content\":\"x\"}", TK_E_FORMAT,
      "choices content | 'x' '' 1 - | | " },
    { "open string", "{\"choices\":[{\"delta\":{\"content\":\"x", TK_E_FORMAT, "| '' '' 0 - | | " },
    { "bad escape", "{\"choices\":[{\"text\":\"a\\x\"}]}", TK_E_FORMAT,
      "choices | '' '' 0 - | | " },
    { "a word that is no JSON", "{\"choices\":[{\"delta\":{\"content\":None}}]}", TK_E_FORMAT,
      "choices | '' '' 0 - | | " },
    { "two documents", "{\"choices\":[]}{\"choices\":[]}", TK_E_FORMAT, "| '' '' 0 - | | " },
    { "no object", "[1,2]", TK_E_FORMAT, "| '' '' 0 - | | " },
    { "null", "null", TK_E_FORMAT, "| '' '' 0 - | | " },
    { "plain text", "Internal Server Error", TK_E_FORMAT, "| '' '' 0 - | | " },
    { "not UTF-8", "{\"choices\":[{\"text\":\"\xff\"}]}", TK_E_FORMAT, "| '' '' 0 - | | " },
};

static const struct sample error_events[] = {
    { "an error object", "{\"error\":{\"message\":\"m\"}}", 0, "error | '' '' 0 - | | m" },
    { "a bare message", "{\"message\":\"m\",\"code\":1}", 0, "error | '' '' 0 - | | m" },
    { "a detail", "{\"detail\":\"d\"}", 0, "error | '' '' 0 - | | d" },
    { "neither", "{\"code\":1}", 0, "error | '' '' 0 - | | {\"code\":1}" },
    { "plain text", " it broke ", 0, "error | '' '' 0 - | | it broke" },
    { "nothing", "", 0, "error | '' '' 0 - | | " },
};

static const struct sample bodies[] = {
    { "chat",
      "{\"id\":\"c\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
      "\"assistant\",\"reasoning_content\":\"hm\",\"content\":\"Hi there\",\"tool_calls\":[]},"
      "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
      "\"completion_tokens\":4,\"total_tokens\":7}}",
      0,
      "choices content reasoning role usage finish body | 'Hi there' 'hm' 10 stop | 3 4 -1 -1 | " },
    { "chat: parts and a tool call",
      "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\","
      "\"text\":\"b\"}],\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"
      "]},\"finish_reason\":\"tool_calls\"}]}",
      0, "choices content tool finish body | 'b' '' 4 tool_calls | | " },
    { "completions with two choices",
      "{\"choices\":[{\"index\":0,\"text\":\"one\",\"finish_reason\":\"length\"},{\"index\":1,\"text\":"
      "\"three\",\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
      0, "choices content usage finish body | 'one' '' 8 length | 1 2 -1 -1 | " },
    { "OpenAI's error", "{\"error\":{\"message\":\"no such model\",\"code\":null}}", 0,
      "error body | '' '' 0 - | | no such model" },
    { "FastAPI: detail", "{\"detail\":\"Not Found\"}", 0, "error body | '' '' 0 - | | Not Found" },
    { "FastAPI: list of details",
      "{\"detail\":[{\"loc\":[\"body\",\"model\"],\"msg\":\"field required\"}]}", 0,
      "error body | '' '' 0 - | | [{\"loc\":[\"body\",\"model\"],\"msg\":\"field required\"}]" },
    { "a gateway's message", "{\"message\":\"no Route matched\"}", 0,
      "error body | '' '' 0 - | | no Route matched" },
    { "older vLLM", "{\"object\":\"error\",\"message\":\"too long\"}", 0,
      "error body | '' '' 0 - | | too long" },
    { "plain text", "\r\n upstream connect error\n", TK_E_FORMAT,
      "error body | '' '' 0 - | | upstream connect error" },
    { "nothing", "", TK_E_FORMAT, "error body | '' '' 0 - | | " },
    { "cut", "{\"choices\":[{\"text\":\"x\"}", TK_E_FORMAT,
      "choices content body | 'x' '' 1 - | | " },
};

typedef int (*decode_cb)(struct tk_json *j, struct tk_str text, struct tk_api_event *ret);

static int event_untyped(struct tk_json *j, struct tk_str text, struct tk_api_event *ret)
{
    return tk_api_chat.decode_event(j, TK_STR(""), text, ret);
}

static int event_error(struct tk_json *j, struct tk_str text, struct tk_api_event *ret)
{
    return tk_api_chat.decode_event(j, TK_STR("error"), text, ret);
}

static void check(const char *kind, const struct sample *s, size_t n, decode_cb decode)
{
    for (size_t i = 0; i < n; i++) {
        struct tk_guard g;
        struct tk_api_event ev;
        memset(&ev, 0xA5, sizeof(ev)); /* everything must be set */
        T_EQ_I(decode(json, guarded(&g, s[i].text), &ev), s[i].rc, "%s, %s: code", kind, s[i].name);
        T_EQ_S(event_words(&ev), s[i].want, "%s, %s", kind, s[i].name);
        tk_guard_release(&g);
    }
}

/* A text that is cut must not end within a character. */
static void long_text(void)
{
    char text[600];
    struct tk_guard g;
    struct tk_api_event ev;
    memset(text, 'a', sizeof(text));
    for (size_t i = 199; i + 3 < sizeof(text); i += 2) {
        text[i] = (char)0xc3;
        text[i + 1] = (char)0xa9;
    }
    text[sizeof(text) - 1] = '\0';
    (void)tk_api_completions.decode_body(json, guarded(&g, text), &ev);
    T_EQ_U(ev.error.n, 199, "a plain text is cut before the character at the bound");
    tk_guard_release(&g);
}

static void every_cut(void)
{
    static const char whole[] =
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\\u00e9\",\"tool_calls\":[{\"function\":{"
        "\"name\":\"f\"}}]},\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":1,"
        "\"prompt_tokens_details\":{\"cached_tokens\":1}},\"error\":{\"message\":\"m\"}}";
    int n_wrong = 0;
    for (size_t n = 1; n < sizeof(whole) - 1; n++) {
        char text[sizeof(whole)];
        struct tk_guard g;
        struct tk_api_event ev;
        memcpy(text, whole, n);
        text[n] = '\0';
        n_wrong += event_untyped(json, guarded(&g, text), &ev) != TK_E_FORMAT;
        tk_guard_release(&g);
    }
    T_EQ_I(n_wrong, 0, "an event that is cut anywhere is damaged");
}

int main(void)
{
    json = tk_json_new(1 << 20);
    check("event", events, TK_ARRAY_LEN(events), event_untyped);
    check("error event", error_events, TK_ARRAY_LEN(error_events), event_error);
    check("body", bodies, TK_ARRAY_LEN(bodies), tk_api_completions.decode_body);
    long_text();
    every_cut();
    tk_json_free(json);
    return T_DONE();
}
