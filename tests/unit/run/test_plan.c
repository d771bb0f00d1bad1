/* test_plan.c - secrets and the plan's JSON */
#include "run/plan.h"

#include "base/str.h"

#include "tap.h"

static size_t secret_at(const struct tk_plan *p, const char *text)
{
    return tk_plan_secret_at(p, tk_str_of(text));
}

static void test_secrets(void)
{
    static const struct tk_plan_header headers[] = {
        { "X-Run", "open", false },
        { "Authorization", "Bearer sesame", true },
        { "Api-Key", "abc", true },
    };
    const struct tk_plan p = { .headers = headers,
                               .n_headers = 3,
                               .target = "/v1?api_key=abracadabra&v=visible" };

    T_EQ_U(secret_at(&p, "abracadabra"), 11, "of the query");
    T_EQ_U(secret_at(&p, "visible"), 0, "a parameter that is none");
    T_EQ_U(secret_at(&p, "Bearer sesame is wrong"), 13, "the whole value");
    T_EQ_U(secret_at(&p, "sesame is wrong"), 6, "the key alone");
    T_EQ_U(secret_at(&p, "sesa"), 4, "cut off");
    T_EQ_U(secret_at(&p, "sesa is"), 0, "only alike");
    T_EQ_U(secret_at(&p, "Bearer"), 0, "the scheme is none");
    T_EQ_U(secret_at(&p, "open"), 0, "a header that is none");
    T_EQ_U(secret_at(&p, "abc"), 0, "too short for one");
    T_EQ_U(secret_at(&p, ""), 0, "empty");
}

static void test_mask_url(void)
{
    static const char *const urls[][2] = {
        { "http://h/v1", "http://h/v1" },
        { "http://h/v1?a=b", "http://h/v1?a=b" },
        { "/v1?api_key=open&v=1&token=x&key=&key&sig",
          "/v1?api_key=***&v=1&token=***&key=&key&sig" },
        { "?Key=a=b", "?Key=***" },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(urls); i++) {
        struct tk_buf out = TK_BUF_INIT(1000);
        T_EQ_I(tk_plan_mask_url(urls[i][0], &out), 0, "masked: %s", urls[i][1]);
        T_EQ_S(out.p, urls[i][1], "masked: %s", urls[i][1]);
        tk_buf_release(&out);
    }
}

static void test_json(void)
{
    static const struct tk_plan_header headers[] = {
        { "Authorization", "Bearer sesame", true },
        { "X-Run", "7", false },
    };
    struct tk_plan p = {
        .tool = "tokmark run",
        .url = "http://h:1",
        .host = "h",
        .port = 1,
        .target = "/v1/chat/completions",
        .authority = "h:1",
        .api = "chat",
        .model = "m",
        .is_streamed = true,
        .headers = headers,
        .n_headers = 2,
        .data = "words",
        .n_items = 3,
        .seed = 5,
    };
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    struct tk_stage ramp = { .from = 1, .to = 2, .duration = TK_NS_PER_S };
    p.phase[2] = (struct tk_plan_phase){
        .n_requests = 9,
        .arrival = TK_ARRIVAL_GAMMA,
        .rate = INFINITY,
        .burstiness = 0.5,
        .concurrency = 2,
        .shape = { .of = TK_SHAPE_CONCURRENCY, .kind = TK_SHAPE_RAMP, .stages = &ramp, .n = 1 },
    };
    p.cancel = (struct tk_plan_cancel){ .share = 0.05, .tokens = 20 };
    T_EQ_I(tk_plan_to_json(&p, &out), 0, "json");
    T_EQ_S(
        out.p,
        "{\"tool\":\"tokmark run\",\"url\":\"http://h:1\",\"host\":\"h\",\"port\":1,\"unix\":null,\"source_addresses\":null,\"tls\":false,"
        "\"target\":\"/v1/chat/completions\",\"authority\":\"h:1\",\"ca_file\":null,"
        "\"insecure\":false,\"cert_file\":null,\"cert_key_file\":null,\"api\":\"chat\",\"model\":\"m\",\"streamed\":true,\"headers\":["
        "{\"name\":\"Authorization\",\"value\":\"***\"},{\"name\":\"X-Run\",\"value\":\"7\"}],"
        "\"request_id_prefix\":null,\"data\":\"words\",\"items\":3,\"seed\":5,\"phases\":{"
        "\"check\":null,\"warmup\":null,\"measure\":{\"requests\":9,\"duration_s\":null,"
        "\"grace_s\":null,\"concurrency\":2,\"arrival\":\"gamma\",\"rate\":\"inf\","
        "\"burstiness\":0.5,\"shape\":{\"of\":\"concurrency\",\"kind\":\"ramp\",\"stages\":["
        "{\"from\":1.0,\"to\":2.0,\"duration_s\":1.0,\"curve\":\"linear\",\"due\":0}]},"
        "\"scheduled\":0,\"first_item_only\":false}},\"cancel\":{\"share\":0.05,"
        "\"after_tokens\":20,\"after_s\":null},\"timeouts_s\":{\"connect\":null,"
        "\"first\":null,\"idle\":null,\"total\":null},\"workers\":0,\"record\":\"requests\","
        "\"realtime\":false,\"keeps_text\":false,\"accepts_no_end\":false,\"max_trace_bytes\":0,\"max_record_bytes\":0,"
        "\"new_connection\":false,\"opens_ahead\":false}",
        "every field, secrets masked");
    tk_buf_release(&out);
    tk_buf_init(&out, 40);
    T_EQ_I(tk_plan_to_json(&p, &out), TK_E_LIMIT, "no room");
    tk_buf_release(&out);
}

static void test_secret(void)
{
    static const char *const secret[] = { "Authorization",  "PROXY-AUTHORIZATION", "api-key",
                                          "x-goog-api-key", "X-Auth-Token",        "Cookie",
                                          "client-secret" };
    static const char *const open[] = { "", "X-Run", "Content-Type", "keys" };

    for (size_t i = 0; i < TK_ARRAY_LEN(secret); i++)
        T_OK(tk_plan_is_secret(tk_str_of(secret[i])), "'%s' is a secret", secret[i]);
    for (size_t i = 0; i < TK_ARRAY_LEN(open); i++)
        T_OK(!tk_plan_is_secret(tk_str_of(open[i])), "'%s' is none", open[i]);
}

int main(void)
{
    test_secret();
    test_secrets();
    test_mask_url();
    test_json();
    return T_DONE();
}
