/* The bytes of a request's head, and what --dry-run says of them. */
#include "base/err.h"
#include "lib/tap.h"
#include "load/internal.h"

static const struct tk_plan_header headers[] = {
    { "Authorization", "Bearer sk-planted", true },
    { "accept", "text/event-stream", false },
};

static struct tk_plan plan = {
    .target = "/v1/chat/completions",
    .authority = "localhost:8000",
    .headers = headers,
    .n_headers = TK_ARRAY_LEN(headers),
    .request_id_prefix = "id-",
};

static void test_bytes(void)
{
    struct tk_buf b = TK_BUF_INIT(4096);
    char lines[TK_LOAD_HEAD_BYTES];
    T_EQ_I(tk__head_prefix(&plan, &b), 0, "prefix");
    T_EQ_S(b.p,
           "POST /v1/chat/completions HTTP/1.1\r\n"
           "Host: localhost:8000\r\n"
           "Content-Type: application/json\r\n"
           "User-Agent: tokmark\r\n"
           "Authorization: Bearer sk-planted\r\n"
           "accept: text/event-stream\r\n",
           "prefix: own headers replace the standard ones in any case");
    struct tk_plan anew = plan;
    anew.is_new_connection = true;
    tk_buf_reset(&b);
    T_EQ_I(tk__head_prefix(&anew, &b), 0, "prefix of a new connection");
    T_OK(strstr(b.p, "\r\nConnection: close\r\n"), "asks the server to close it");
    int n = tk__head_lines(&plan, TK_PHASE_MEASURE, 7, 12, lines);
    T_EQ_N(lines, (size_t)n, "Content-Length: 12\r\nx-request-id: id-7\r\n\r\n", 42,
           "lines of the measured run");
    n = tk__head_lines(&plan, TK_PHASE_WARMUP, 7, 12, lines);
    T_EQ_N(lines, (size_t)n, "Content-Length: 12\r\n\r\n", 22, "a warm-up has no id");
    char prefix[TK_LOAD_HEAD_BYTES + 1];
    memset(prefix, 'x', sizeof(prefix) - 1);
    prefix[sizeof(prefix) - 1] = '\0';
    struct tk_plan long_id = plan;
    long_id.request_id_prefix = prefix;
    T_EQ_I(tk__head_lines(&long_id, TK_PHASE_MEASURE, 7, 12, lines), TK_E_LIMIT,
           "an id that is too long is refused");
    tk_buf_release(&b);
}

static void test_describe(void)
{
    static const tk_ns due[] = { 0, 500 * TK_NS_PER_MS };
    static const struct tk_load_body bodies[] = {
        { TK_STR_INIT("{\"a\":1}"), 3, -1 },
        { TK_STR_INIT("{\"b\":2}"), -1, 16 },
    };
    struct tk_plan p = plan;
    p.phase[TK_PHASE_MEASURE] = (struct tk_plan_phase){ .due_offset = due, .n_due = 2 };
    struct tk_load_conf conf = { .plan = &p, .bodies = bodies, .n_bodies = 2 };
    struct tk_buf b = TK_BUF_INIT(4096);
    T_EQ_I(tk_load_describe(&conf, 1, &b), 0, "describe");
    T_EQ_S(b.p,
           "{\"index\":1,\"due_s\":0.5,\"method\":\"POST\",\"path\":\"/v1/chat/completions\","
           "\"headers\":{\"Host\":\"localhost:8000\",\"Content-Type\":\"application/json\","
           "\"User-Agent\":\"tokmark\",\"Authorization\":\"***\",\"accept\":\"text/event-stream\","
           "\"Content-Length\":\"7\",\"x-request-id\":\"id-1\"},\"body\":{\"b\":2},"
           "\"prompt_tokens\":null,\"output_tokens\":16,\"cancel\":null}",
           "one line, the secret masked");
    tk_buf_release(&b);
}

static void test_items(void)
{
    static const uint32_t order[] = { 2, 0, 1 };
    struct tk_plan p = plan;
    struct tk_load_conf conf = { .plan = &p, .n_bodies = 3 };
    T_EQ_U(tk__load_item(&conf, TK_PHASE_MEASURE, 4), 1, "items repeat");
    conf.order = order;
    conf.n_order = 3;
    T_EQ_U(tk__load_item(&conf, TK_PHASE_MEASURE, 3), 2, "in the order that was given");
    p.phase[TK_PHASE_WARMUP].is_first_item_only = true;
    conf.first = 2;
    T_EQ_U(tk__load_item(&conf, TK_PHASE_WARMUP, 1), 2, "only that one");
}

int main(void)
{
    test_bytes();
    test_describe();
    test_items();
    return T_DONE();
}
