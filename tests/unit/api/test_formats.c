/* test_formats.c - what the events of responses say, and replies that are vectors or scores */
#include "api/api.h"

#include "base/str.h"

#include "tap.h"
#include "words.h"

static struct tk_json *json;

struct sample {
    const char *name, *type, *text;
    int rc;
    const char *want; /* as event_words() writes it */
};

#define DELTA "\"type\":\"response.output_text.delta\""

static const struct sample events[] = {
    { "the beginning", "response.created",
      "{\"type\":\"response.created\",\"response\":{\"error\":null,\"usage\":null,\"output\":[]}}",
      0, "| '' '' 0 - | | " },
    { "a token", "response.output_text.delta", "{" DELTA ",\"delta\":\" t\\u00e9\",\"error\":null}",
      0, "choices content | ' té' '' 4 - | | " },
    { "its type behind its text", "", "{\"delta\":\"x\"," DELTA "}", 0,
      "choices content | 'x' '' 1 - | | " },
    { "a type on the line alone", "response.output_text.delta", "{\"delta\":\"x\"}", 0,
      "choices content | 'x' '' 1 - | | " },
    { "the data's type counts", "response.created", "{" DELTA ",\"delta\":\"x\"}", 0,
      "choices content | 'x' '' 1 - | | " },
    { "no text in it", "", "{" DELTA ",\"delta\":\"\"}", 0, "choices | '' '' 0 - | | " },
    { "text of another kind", "", "{" DELTA ",\"delta\":{\"a\":1}}", 0,
      "choices | '' '' 0 - | | " },
    { "reasoning", "", "{\"type\":\"response.reasoning_text.delta\",\"delta\":\"hm\"}", 0,
      "choices reasoning | '' 'hm' 2 - | | " },
    { "the text again", "", "{\"type\":\"response.output_text.done\",\"text\":\"x\"}", 0,
      "| '' '' 0 - | | " },
    { "the end", "",
      "{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"error\":null,"
      "\"output\":[{\"content\":[{\"text\":\"x\"}]}],\"usage\":{\"input_tokens\":7,"
      "\"input_tokens_details\":{\"cached_tokens\":2},\"output_tokens\":5,"
      "\"output_tokens_details\":{\"reasoning_tokens\":3}}}}",
      0, "usage finish done | '' '' 0 stop | 7 5 3 2 | " },
    { "the end, cut short", "",
      "{\"type\":\"response.incomplete\",\"response\":{\"usage\":{\"output_tokens\":5},"
      "\"status\":\"incomplete\"}}",
      0, "usage finish done | '' '' 0 length | -1 5 -1 -1 | " },
    { "the end of nothing", "", "{\"type\":\"response.completed\",\"response\":null}", 0,
      "finish done | '' '' 0 else | | " },
    { "the other end mark", "", " [DONE]", 0, "done | '' '' 0 - | | " },
    { "an error", "", "{\"type\":\"error\",\"code\":\"c\",\"message\":\"too long\"}", 0,
      "error | '' '' 0 - | | too long" },
    { "a failure", "",
      "{\"type\":\"response.failed\",\"response\":{\"error\":{\"message\":\"broken\"}}}", 0,
      "error | '' '' 0 - | | broken" },
    { "an error object", "", "{\"error\":{\"message\":\"m\"}}", 0, "error | '' '' 0 - | | m" },
    { "cut", "", "{" DELTA ",\"delta\":\"x\"", TK_E_FORMAT, "| '' '' 0 - | | " },
    { "no object", "", "[]", TK_E_FORMAT, "| '' '' 0 - | | " },
};

static const struct sample bodies[] = {
    { "a response", NULL,
      "{\"object\":\"response\",\"status\":\"completed\",\"error\":null,\"output\":[{\"type\":"
      "\"reasoning\"},{\"content\":[{\"type\":\"output_text\",\"text\":\"ab\"}]}],\"usage\":"
      "{\"input_tokens\":1,\"output_tokens\":2}}",
      0, "choices content usage body | 'ab' '' 2 stop | 1 2 -1 -1 | " },
    { "an error", NULL, "{\"error\":{\"message\":\"m\"}}", 0, "error body | '' '' 0 - | | m" },
    { "no JSON", NULL, "<html>", TK_E_FORMAT, "error body | '' '' 0 - | | <html>" },
};

static const struct sample vectors[] = {
    { "vectors", NULL,
      "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1,2]},{}],\"usage\":{\"prompt_tokens\":7,"
      "\"total_tokens\":7,\"completion_tokens\":0}}",
      0, "choices usage body | '' '' 0 - | 7 0 -1 -1 | " },
    { "none", NULL, "{\"data\":[]}", 0, "body | '' '' 0 - | | " },
    { "another list", NULL, "{\"results\":[{}]}", 0, "body | '' '' 0 - | | " },
    { "an error", NULL, "{\"detail\":\"no such model\"}", 0,
      "error body | '' '' 0 - | | no such model" },
    { "cut", NULL, "{\"data\":[{\"embedding\":[0.1", TK_E_FORMAT,
      "error body | '' '' 0 - | | {\"data\":[{\"embedding\":[0.1" },
};

static const struct sample scores[] = {
    { "scores", NULL, "{\"results\":[{\"index\":0}],\"usage\":{\"total_tokens\":9}}", 0,
      "choices usage body | '' '' 0 - | -1 -1 -1 -1 | " },
    { "another list", NULL, "{\"data\":[{}]}", 0, "body | '' '' 0 - | | " },
};

static void check(const struct tk_api_ops *api, const struct sample *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tk_guard g;
        struct tk_api_event ev;
        struct tk_str text = guarded(&g, s[i].text);
        memset(&ev, 0xA5, sizeof(ev)); /* everything must be set */
        int rc = s[i].type ? api->decode_event(json, tk_str_of(s[i].type), text, &ev)
                           : api->decode_body(json, text, &ev);
        T_EQ_I(rc, s[i].rc, "%s, %s: code", api->name, s[i].name);
        T_EQ_S(event_words(&ev), s[i].want, "%s, %s", api->name, s[i].name);
        tk_guard_release(&g);
    }
}

int main(void)
{
    json = tk_json_new(1 << 20);
    check(&tk_api_responses, events, TK_ARRAY_LEN(events));
    check(&tk_api_responses, bodies, TK_ARRAY_LEN(bodies));
    check(&tk_api_embeddings, vectors, TK_ARRAY_LEN(vectors));
    check(&tk_api_pooling, vectors, TK_ARRAY_LEN(vectors));
    check(&tk_api_rerank, scores, TK_ARRAY_LEN(scores));
    tk_json_free(json);
    return T_DONE();
}
