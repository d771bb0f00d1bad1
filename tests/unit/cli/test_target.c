/* test_target.c - URLs: where the requests and the list of models are */
#include "cli/target.h"

#include "run/plan.h"
#include "tap.h"

#define CHAT "/v1/chat/completions"

static void test_base(void)
{
    static const struct {
        const char *url, *target, *models, *authority;
    } cases[] = {
        { "http://h:8000", CHAT, "/v1/models", "h:8000" },
        { "h:8000", CHAT, "/v1/models", "h:8000" },
        { "http://h:8000/", CHAT, "/v1/models", "h:8000" },
        { "http://h/v1", CHAT, "/v1/models", "h" },
        { "http://h/v1/", CHAT, "/v1/models", "h" },
        { "https://h/a/v1?k=1", "/a" CHAT "?k=1", "/a/v1/models?k=1", "h" },
        { "http://h/a/b/", "/a/b" CHAT, "/a/b/v1/models", "h" },
        { "http://[::1]:9" CHAT, CHAT, "/v1/models", "[::1]:9" },
        { "http://h/x" CHAT "?a=b", "/x" CHAT "?a=b", "/x/v1/models?a=b", "h" },
        { "http://h/openai/chat/completions", "/openai/chat/completions", "/openai/v1/models",
          "h" },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct tk_target t;
        struct tk_err err = { 0 };
        if (!T_EQ_I(tk_target_from_base(cases[i].url, CHAT, &t, &err), 0, "%s", cases[i].url))
            continue;
        T_EQ_S(t.target, cases[i].target, "%s: requests", cases[i].url);
        T_EQ_S(t.models, cases[i].models, "%s: models", cases[i].url);
        T_EQ_S(t.authority, cases[i].authority, "%s: Host", cases[i].url);
        tk_target_release(&t);
    }
}

static void test_exact(void)
{
    struct tk_target t;
    struct tk_plan p = { 0 };

    T_EQ_I(tk_target_exact("https://h:1/a/completions", "https://h:1/a/", &t, NULL), 0, "exact");
    T_EQ_S(t.target, "/a/completions", "as it stands");
    T_EQ_S(t.models, "/a/v1/models", "beside the base");
    tk_target_to_plan(&t, &p);
    T_EQ_S(p.host, "h", "host");
    T_EQ_I(p.port, 1, "port");
    T_OK(p.is_tls, "TLS");
    T_EQ_S(p.target, "/a/completions", "target");
    tk_target_release(&t);
    tk_target_release(&t);
}

static void test_bad(void)
{
    static const char *const urls[] = { "", "ftp://h", "http://u:p@h", "http://h:0",
                                        "http://h:99999" };

    for (size_t i = 0; i < TK_ARRAY_LEN(urls); i++) {
        struct tk_target t;
        struct tk_err err = { 0 };
        T_OK(tk_target_from_base(urls[i], CHAT, &t, &err) < 0, "'%s' is refused", urls[i]);
        T_OK(err.msg[0] != '\0', "with words: %s", err.msg);
    }
}

int main(void)
{
    test_base();
    test_exact();
    test_bad();
    return T_DONE();
}
