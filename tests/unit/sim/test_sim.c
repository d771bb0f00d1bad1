/* test_sim.c - the simulator over transports in memory, in virtual time: every instant is exact */
#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/failmalloc.h"
#include "world.h"

/* --- tests --- */

static void test_schedule(void)
{
    struct client *c;
    tk_ns t0;

    open_default_world();
    t0 = tk_clock_now();
    c = new_client();
    ask(c, CHAT, "x-sim: tokens=5\r\nx-request-id: a-1\r\n", CHAT_BODY);
    run();
    parse(c);
    T_EQ_I(status_of(c), 200, "a stream is begun");
    T_EQ_I(c->reads[0].at, t0, "its head comes at once");
    T_OK(strstr(c->p, "text/event-stream") != NULL, "with its type");
    T_EQ_I(c->n_events, 6, "five tokens and the end");
    for (size_t i = 0; i < 5; i++) {
        T_EQ_I(c->events[i].at - t0, (50 + 10 * (tk_ns)i) * MS, "token %zu is on time", i);
        T_EQ_I(stamp_of(&c->events[i]), c->events[i].at, "and says so");
        T_EQ_I(line_number(0, "sent_at", i), c->events[i].at, "and the log says so");
    }
    T_OK(strstr(c->events[4].data, "\"finish_reason\":\"stop\"") != NULL, "the last one ends it");
    T_EQ_I(n_with(c, "\"finish_reason\":null"), 4, "the others do not");
    T_EQ_S(c->events[5].data, "[DONE]", "the end mark");
    T_EQ_I(c->events[5].at - t0, 90 * MS, "at the last token's instant");
    T_OK(c->has_last_chunk, "the last chunk");
    T_EQ_I(c->closed_at, 0, "the connection stays open");
    T_EQ_I(n_with(c, "chatcmpl-a-1"), 5, "the request's id is in the answer's");
    T_EQ_I(line_number(0, "arrived_at", 0), t0, "arrival");
    T_EQ_I(line_number(0, "accepted_at", 0), t0, "acceptance");
    T_EQ_I(line_number(0, "ended_at", 0), t0 + 90 * MS, "end");
    T_OK(line_has(0, "\"arrival\":\"kernel\""), "by the transport's stamp");
    T_OK(line_has(0, "\"id\":\"a-1\""), "the log has the id");
    T_OK(line_has(0, "\"end\":\"finished\""), "and how it ended");
    free_client(c);
    close_world();
}

static void test_same_connection(void)
{
    struct tk_sim_counts n;
    struct client *c;

    open_default_world();
    c = new_client();
    for (int i = 1; i <= 3; i++) {
        forget(c);
        ask(c, CHAT, "x-sim: tokens=2\r\n", CHAT_BODY);
        run();
        parse(c);
        T_EQ_I(c->n_events, 3, "request %d is answered", i);
        T_EQ_I(line_number((size_t)i - 1, "n_on_conn", 0), i, "the log counts it");
        T_EQ_I(line_number((size_t)i - 1, "conn", 0), 1, "on its connection");
    }
    tk_sim_counts(world.sim, &n);
    T_EQ_U(n.n_requests, 3, "requests");
    T_EQ_U(n.n_finished, 3, "finished");
    T_EQ_U(n.peak_open, 1, "at once");
    T_EQ_U(n.n_open, 0, "none is open");
    T_EQ_U(n.n_tokens, 6, "tokens");
    T_EQ_I(n.late_max, 0, "never late");
    free_client(c);
    close_world();
}

static void test_many_at_once(void)
{
    enum { N = 20 };
    struct client *c[N];
    struct tk_sim_counts n;
    tk_ns t0;

    open_default_world();
    t0 = tk_clock_now();
    for (int i = 0; i < N; i++) {
        c[i] = new_client();
        ask(c[i], CHAT, i % 2 ? "x-sim: tokens=3\r\n" : "x-sim: tokens=3,itl=7ms\r\n", CHAT_BODY);
    }
    run();
    for (int i = 0; i < N; i++) {
        parse(c[i]);
        T_EQ_I(c[i]->n_events, 4, "stream %d", i);
        T_EQ_I(c[i]->events[2].at - t0, (i % 2 ? 70 : 64) * MS, "on its own schedule");
        free_client(c[i]);
    }
    tk_sim_counts(world.sim, &n);
    T_EQ_U(n.peak_open, N, "all at once");
    close_world();
}

static void test_knob_sources(void)
{
    struct client *c;
    tk_ns t0;

    open_default_world();
    c = new_client();
    t0 = tk_clock_now();
    ask(c, "POST /v1/completions?x=1&sim=ttft%3D1ms,tokens=9,itl=3ms&sim=chunk=2",
        "x-sim: ttft=2ms , tokens=8\r\n",
        "{\"prompt\":\"p\",\"stream\":true,\"sim\":{\"tokens\":4,\"itl\":\"5ms\",\"nodone\":true}}");
    run();
    parse(c);
    T_EQ_I(c->n_events, 2, "body before header before query");
    T_EQ_I(c->events[0].at - t0, 2 * MS, "the header's ttft");
    T_EQ_I(c->events[1].at - t0, 7 * MS, "the body's itl");
    T_EQ_I(n_with(c, "\"text\":\" token token\""), 2, "the query's chunk");
    T_EQ_I(n_with(c, "[DONE]"), 0, "no end mark");
    T_OK(c->has_last_chunk, "but an end");
    free_client(c);

    c = new_client();
    ask(c, "POST /v1/completions", "", "{\"prompt\":\"p\",\"sim\":\"tokens=2\",\"stream\":true}");
    run();
    parse(c);
    T_EQ_I(c->n_events, 3, "knobs as one string");
    free_client(c);
    close_world();
}

static void test_lengths(void)
{
    static const struct {
        const char *knobs, *members;
        size_t n;
        const char *finish;
    } cases[] = {
        { "", "", 101, "stop" },
        { "", ",\"max_tokens\":3", 4, "length" },
        { "", ",\"max_tokens\":9,\"max_completion_tokens\":3", 4, "length" },
        { "", ",\"max_tokens\":null", 101, "stop" },
        { "x-sim: tokens=5\r\n", ",\"max_tokens\":9", 6, "stop" },
        { "x-sim: tokens=5\r\n", ",\"max_tokens\":4", 5, "length" },
        { "x-sim: tokens=100\r\n", ",\"max_tokens\":200", 101, "stop" },
        { "x-sim: tokens=0\r\n", "", 2, "stop" },
        { "x-sim: tokens=5,chunk=2\r\n", "", 4, "stop" },
    };

    open_default_world();
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct client *c = new_client();
        char body[256], finish[64];

        snprintf(body, sizeof(body), "{\"prompt\":[1,2,3],\"stream\":true%s}", cases[i].members);
        snprintf(finish, sizeof(finish), "\"finish_reason\":\"%s\"", cases[i].finish);
        ask(c, "POST /v1/completions", cases[i].knobs, body);
        run();
        parse(c);
        T_EQ_I(c->n_events, cases[i].n, "%s %s: events", cases[i].knobs, cases[i].members);
        T_EQ_I(n_with(c, finish), 1, "ends with %s", cases[i].finish);
        T_EQ_I(line_number(i, "prompt_tokens", 0), 3, "ids are counted");
        free_client(c);
    }
    close_world();
}

static void test_channels(void)
{
    struct client *c;

    open_world((struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT, .words = "one \"two\"" });
    c = chat("tokens=5,reasoning=3,chunk=2,role=at-once");
    T_EQ_I(c->n_events, 5, "role, two of reasoning, one of text, the end");
    T_OK(strstr(c->events[0].data, "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}") != NULL,
         "role");
    T_EQ_I(c->events[0].at, TK_NS_PER_S, "at once");
    T_OK(strstr(c->events[1].data, "\"reasoning_content\":\" one \\\"two\\\"\"") != NULL, "first");
    T_OK(strstr(c->events[2].data, "\"reasoning_content\":\" one\"") != NULL, "not two channels");
    T_OK(strstr(c->events[3].data, "\"content\":\" \\\"two\\\" one\"") != NULL, "words in turn");
    T_EQ_I(c->events[3].at - TK_NS_PER_S, 70 * MS, "the third step");
    free_client(c);

    c = chat("tokens=3,role=first,tool=1");
    T_EQ_I(c->n_events, 5, "role, three of the call, the end");
    T_EQ_I(c->events[0].at, c->events[1].at, "role at the first token");
    T_OK(strstr(c->events[1].data, "\"id\":\"call-2\",\"type\":\"function\",\"function\":{\"name\":"
                                   "\"lookup\",\"arguments\":\"{\\\"q\\\":\\\" one\"}}]}") != NULL,
         "the call begins: %s", c->events[1].data);
    T_OK(strstr(c->events[3].data, "{\"arguments\":\" one\\\"}\"}}]}") != NULL, "and ends");
    T_OK(strstr(c->events[3].data, "\"finish_reason\":\"tool_calls\"") != NULL, "as a call");
    free_client(c);
    close_world();
}

static void test_usage(void)
{
    static const struct {
        const char *knobs, *options;
        size_t n_usage;
    } cases[] = {
        { "", "{}", 0 },
        { "", "{\"include_usage\":true}", 1 },
        { "", "{\"include_usage\":true,\"continuous_usage_stats\":true}", 4 },
        { "", "{\"continuous_usage_stats\":true}", 0 },
        { ",usage=final", "{}", 1 },
        { ",usage=continuous", "null", 4 },
        { ",usage=none", "{\"include_usage\":true}", 0 },
    };

    open_default_world();
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct client *c = new_client();
        char body[256], header[64];

        snprintf(body, sizeof(body), "{\"prompt\":\"12345\",\"stream\":true,\"stream_options\":%s}",
                 cases[i].options);
        snprintf(header, sizeof(header), "x-sim: tokens=3%s\r\n", cases[i].knobs);
        ask(c, "POST /v1/completions", header, body);
        run();
        parse(c);
        T_EQ_I(n_with(c, "\"usage\":{\"prompt_tokens\":2,"), cases[i].n_usage, "usage%s with %s",
               cases[i].knobs, cases[i].options);
        if (cases[i].n_usage > 0)
            T_OK(strstr(c->events[c->n_events - 2].data,
                        "\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3,"
                        "\"total_tokens\":5}") != NULL,
                 "at the end: %s", c->events[c->n_events - 2].data);
        free_client(c);
    }
    close_world();
}

static void test_choices(void)
{
    struct client *c;

    open_default_world();
    c = new_client();
    ask(c, "POST /v1/completions", "",
        "{\"prompt\":[\"a\",\"b\"],\"n\":2,\"max_tokens\":2,\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true}}");
    run();
    parse(c);
    T_EQ_I(c->n_events, 2 * 4 + 2, "two steps of four choices, usage, the end");
    for (int i = 0; i < 4; i++) {
        char index[32];
        snprintf(index, sizeof(index), "{\"index\":%d,", i);
        T_EQ_I(n_with(c, index), 2, "choice %d", i);
    }
    T_EQ_I(n_with(c, "\"completion_tokens\":8,"), 1, "usage counts all");
    T_EQ_I(line_number(0, "sent_at", 7), TK_NS_PER_S + 60 * MS, "an instant for each event");
    T_EQ_I(line_number(0, "n_choices", 0), 4, "logged");
    free_client(c);
    close_world();
}

static void test_whole(void)
{
    struct client *c;
    tk_ns t0;

    open_default_world();
    c = new_client();
    t0 = tk_clock_now();
    ask(c, CHAT, "",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"12345678\"}]}],"
        "\"max_tokens\":4}");
    run();
    parse(c);
    T_EQ_I(status_of(c), 200, "a whole reply");
    T_EQ_I(c->reads[0].at - t0, 80 * MS, "at the instant of its last token");
    T_OK(strstr(c->body,
                "\"message\":{\"role\":\"assistant\",\"content\":\" token token token token\"}") !=
             NULL,
         "the text: %s", c->body);
    T_OK(strstr(c->body,
                "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":4,\"total_tokens\":6}") !=
             NULL,
         "the usage");
    T_OK(strstr(c->body, "\"object\":\"chat.completion\"") != NULL, "the kind");
    T_EQ_I(line_number(0, "sent_at", 0), t0 + 80 * MS, "logged");
    T_EQ_I(line_number(0, "prompt_bytes", 0), 8, "text of parts counts");

    forget(c);
    ask(c, "POST /v1/completions", "x-sim: gzip=1,ttft=0,itl=0,close=1\r\n",
        "{\"prompt\":\"x\",\"max_tokens\":30000}");
    run();
    parse(c);
    {
        static char plain[400000];
        z_stream z = { .next_in = (Bytef *)c->body,
                       .avail_in = (uInt)c->body_n,
                       .next_out = (Bytef *)plain,
                       .avail_out = sizeof(plain) - 1 };
        int rc = inflateInit2(&z, 16 + MAX_WBITS);

        T_OK(strstr(c->p, "gzip") != NULL, "says that it is gzip");
        T_OK(rc == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END, "a whole member");
        T_OK(z.total_out > 180000 && strstr(plain, "\"text\":\" token token") != NULL, "its text");
        T_EQ_I(z.avail_in, 0, "nothing behind it");
        inflateEnd(&z);
    }
    T_OK(strcasestr(c->p, "connection: close") != NULL, "says that it closes");
    T_EQ_I(c->closed_at, t0 + 80 * MS, "and does, at once");
    T_EQ_I(c->code, 0, "orderly");
    free_client(c);
    close_world();
}

static void test_faults(void)
{
    static const struct {
        const char *knobs;
        size_t n_tokens;
        const char *end;
        tk_ns closed_after; /* -1: stays open */
        bool has_done, has_last_chunk;
    } cases[] = {
        { "tokens=5,error_at=2", 2, "error_on_purpose", -1, true, true },
        { "tokens=5,error_at=5,nodone", 5, "error_on_purpose", -1, false, true },
        { "tokens=5,error_at=0", 0, "error_on_purpose", -1, true, true },
        { "tokens=5,reset_at=2", 2, "reset_on_purpose", 70 * MS, false, false },
        { "tokens=5,close_at=3", 3, "closed_on_purpose", 80 * MS, false, false },
        { "tokens=5,close_at=5", 5, "closed_on_purpose", 90 * MS, false, false },
        { "tokens=5,close_at=2,events_per_write=3", 2, "closed_on_purpose", 70 * MS, false, false },
        { "tokens=5,malformed=chunk,malformed_at=1", 1, "malformed_on_purpose", 60 * MS, false,
          false },
        { "tokens=5,malformed=json,malformed_at=2", 4, "finished", -1, true, true },
        { "tokens=2,close", 2, "finished", 60 * MS, true, true },
    };

    open_default_world();
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        tk_ns t0 = tk_clock_now();
        struct client *c = chat(cases[i].knobs);
        char end[64];

        snprintf(end, sizeof(end), "\"end\":\"%s\"", cases[i].end);
        T_EQ_I(n_with(c, "\"content\":\" token\""), cases[i].n_tokens, "%s: tokens",
               cases[i].knobs);
        T_EQ_I(c->closed_at ? c->closed_at - t0 : -1, cases[i].closed_after, "%s: closed",
               cases[i].knobs);
        T_EQ_I(n_with(c, "[DONE]"), cases[i].has_done, "%s: end mark", cases[i].knobs);
        T_EQ_I(c->has_last_chunk, cases[i].has_last_chunk, "%s: last chunk", cases[i].knobs);
        T_OK(line_has(i, end), "%s: the log says %s", cases[i].knobs, cases[i].end);
        T_EQ_I(n_with(c, "{\"error\":{"), strncmp(cases[i].knobs + 9, "error", 5) == 0,
               "%s: error object", cases[i].knobs);
        free_client(c);
    }
    close_world();
}

static void test_stall(void)
{
    struct tk_sim_counts n;
    struct client *c;

    open_default_world();
    c = chat("tokens=5,stall_at=2");
    T_EQ_I(c->n_events, 2, "two tokens, then silence");
    T_EQ_I(c->closed_at, 0, "on an open connection");
    T_EQ_I(world.n_lines, 0, "it is not over");
    free_client(c);
    run();
    T_OK(line_has(0, "\"end\":\"closed_by_client\""), "until the client leaves");
    tk_sim_counts(world.sim, &n);
    T_EQ_U(n.n_broken, 1, "counted");

    c = chat("tokens=5,stall_at=5");
    tk_sim_finish(world.sim);
    T_OK(line_has(1, "\"end\":\"abandoned\""), "or the simulator ends");
    T_OK(line_has(2, "\"kind\":\"summary\""), "which is summed up");
    T_EQ_I(line_number(2, "n_requests", 0), 2, "requests");
    T_EQ_I(line_number(2, "n_abandoned", 0), 1, "abandoned");
    T_EQ_I(line_number(2, "peak_open", 0), 1, "at once");
    free_client(c);
    close_world();
}

static void test_statuses(void)
{
    static const struct {
        const char *what, *headers, *body;
        int status;
        const char *text; /* somewhere in the reply */
    } cases[] = {
        { "GET /v1/models", "", "", 200,
          "\"root\":\"sim\",\"parent\":null,\"max_model_len\":131072" },
        { "GET /health", "", "", 200, "" },
        { "GET /health?x", "", "", 200, "" },
        { "GET /nowhere", "", "", 404, "NotFoundError" },
        { "GET /v1/completions", "", "", 405, "allow: POST" },
        { "POST /v1/models", "", "{}", 405, "allow: GET" },
        { "POST /v1/completions", "", "", 400, "no JSON object" },
        { "POST /v1/completions", "", "{\"prompt\":\"a\"", 400, "no JSON object" },
        { "POST /v1/completions", "", "[]", 400, "no JSON object" },
        { "POST /v1/completions", "", "{\"prompt\":\"a\"} x", 400, "no JSON object" },
        { "POST /v1/completions", "", "{}", 400, "'prompt'" },
        { CHAT, "", "{\"prompt\":\"a\"}", 400, "'messages'" },
        { CHAT, "", "{\"messages\":\"a\"}", 400, "'messages'" },
        { CHAT, "", "{\"messages\":[],\"stream\":1}", 400, "'stream' cannot be '1'" },
        { CHAT, "", "{\"messages\":[],\"max_tokens\":0}", 400, "at least 1" },
        { CHAT, "", "{\"messages\":[],\"max_tokens\":\"x\"}", 400, "'max_tokens' cannot be" },
        { CHAT, "", "{\"messages\":[],\"n\":0}", 400, "n must be" },
        { CHAT, "", "{\"messages\":[],\"n\":129}", 400, "n must be" },
        { CHAT, "x-sim: nonsense=1\r\n", "{\"messages\":[]}", 400, "no knob is named 'nonsense'" },
        { CHAT, "x-sim: ttft=x\r\n", "{\"messages\":[]}", 400, "'x' is no value for ttft" },
        { CHAT, "x-sim: tokens=-1\r\n", "{\"messages\":[]}", 400, "no value for tokens" },
        { CHAT, "x-sim: role=maybe\r\n", "{\"messages\":[]}", 400, "no value for role" },
        { CHAT, "x-sim: gzip=maybe\r\n", "{\"messages\":[]}", 400, "no value for gzip" },
        { CHAT, "", "{\"messages\":[],\"sim\":{\"itl\":-1}}", 400, "no value for itl" },
        { CHAT, "x-sim: status=503,retry_after=7\r\n", CHAT_BODY, 503, "retry-after: 7\r\n" },
        { CHAT, "x-sim: status=429\r\n", CHAT_BODY, 429, "\"type\":\"RateLimitError\"" },
        { CHAT, "x-sim: error_at=1\r\n", "{\"messages\":[]}", 500, "simulated error" },
    };
    struct client *c;

    open_default_world();
    c = new_client();
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        char status[32];

        forget(c);
        ask(c, cases[i].what, cases[i].headers, cases[i].body);
        run();
        T_EQ_I(status_of(c), cases[i].status, "%s %s%s", cases[i].what, cases[i].headers,
               cases[i].body);
        T_OK(c->n > 0 && strstr(c->p, cases[i].text) != NULL, "says '%s'", cases[i].text);
        T_OK(cases[i].status == 200 || strstr(c->p, "{\"error\":{\"message\":") != NULL,
             "an object");
        snprintf(status, sizeof(status), "\"status\":%d,", cases[i].status);
        T_OK(line_has(i, status), "logged");
    }
    free_client(c);
    close_world();
}

static void test_malformed_head(void)
{
    struct client *c;

    open_default_world();
    c = chat("malformed=head");
    T_OK(c->n > 0 && strncmp(c->p, "HTTP/1.1 two", 12) == 0, "no status line");
    T_OK(c->closed_at > 0, "closed");
    T_OK(line_has(0, "malformed_on_purpose"), "logged");
    free_client(c);
    close_world();
}

static void test_key(void)
{
    struct client *c;

    open_world((struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT, .api_key = "secret" });
    c = new_client();
    ask(c, "GET /v1/models", "", "");
    run();
    T_EQ_I(status_of(c), 401, "without the key");
    forget(c);
    ask(c, "GET /v1/models", "Authorization: Bearer secreT\r\n", "");
    run();
    T_EQ_I(status_of(c), 401, "with another");
    forget(c);
    ask(c, "GET /v1/models", "authorization: bearer secret\r\n", "");
    run();
    T_EQ_I(status_of(c), 200, "with it");
    forget(c);
    ask(c, "GET /health", "", "");
    run();
    T_EQ_I(status_of(c), 200, "health needs none");
    free_client(c);
    close_world();
}

static void test_writes(void)
{
    struct client *c;
    size_t total;

    open_default_world();
    c = chat("tokens=7,events_per_write=3");
    T_EQ_I(c->n_events, 8, "all events come");
    for (size_t i = 0; i < 6; i++) {
        tk_ns at = TK_NS_PER_S + (i < 3 ? 70 : 100) * MS;
        T_EQ_I(c->events[i].at, at, "event %zu in its write", i);
        T_EQ_I(stamp_of(&c->events[i]), at, "says so");
        T_EQ_I(line_number(0, "sent_at", i), at, "logged so");
    }
    T_EQ_I(c->events[6].at, TK_NS_PER_S + 110 * MS, "the rest at the end");
    free_client(c);

    c = chat("tokens=3,cut_every=7");
    T_EQ_I(c->n_events, 4, "cut streams are whole");
    T_OK(c->has_last_chunk, "to their end");
    total = c->n;
    T_OK(c->n_reads > (total - 100) / 8, "in %zu reads of %zu bytes", c->n_reads, total);
    T_EQ_I(line_number(1, "sent_at", 2) - line_number(1, "sent_at", 0), 20 * MS, "and on time");
    free_client(c);

    c = chat("tokens=2,cut_every=100,cut_gap=1ms,role=at-once");
    T_EQ_I(c->n_events, 4, "with gaps too");
    T_OK(c->events[1].at - stamp_of(&c->events[1]) >= 1 * MS,
         "the last byte comes after the first");
    T_EQ_I(line_number(2, "sent_at", 1) - line_number(2, "sent_at", 0), 10 * MS,
           "the next on time");
    free_client(c);
    close_world();
}

static void test_jitter(void)
{
    static const char *const kinds[] = { "exponential", "uniform" };
    int64_t first[2][2];

    for (int round = 0; round < 2; round++) {
        open_world((struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT, .seed = 7 });
        for (size_t k = 0; k < 2; k++) {
            char knobs[64];
            struct client *c;

            snprintf(knobs, sizeof(knobs), "tokens=400,jitter=%s", kinds[k]);
            c = chat(knobs);
            first[round][k] = line_number(k, "sent_at", 1) - line_number(k, "sent_at", 0);
            T_NEAR((double)(line_number(k, "sent_at", 399) - line_number(k, "sent_at", 0)) / 399 /
                       MS,
                   10, 2, "%s: mean gap", kinds[k]);
            T_OK(first[round][k] != 10 * MS, "a gap is drawn");
            free_client(c);
        }
        close_world();
    }
    T_EQ_I(first[0][0], first[1][0], "the same seed gives the same gaps");
    T_EQ_I(first[0][1], first[1][1], "of each kind");

    open_world((struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT, .seed = 8 });
    free_client(chat("tokens=2,jitter=exponential"));
    T_OK(line_number(0, "sent_at", 1) - line_number(0, "sent_at", 0) != first[0][0],
         "another, others");
    close_world();
}

static void test_log_file(void)
{
    char path[] = "/tmp/tokmark-test-sim-XXXXXX";
    char text[8192] = "";
    struct client *c;
    FILE *f;
    int fd = mkstemp(path);

    T_OK(fd >= 0, "a file");
    open_world((struct tk_sim_conf){
        .knobs = TK_SIM_KNOBS_DEFAULT, .log_path = path, .logs_bodies = true });
    c = chat("tokens=1");
    free_client(c);
    f = fdopen(fd, "r");
    T_OK(f && fgets(text, sizeof(text), f) && strstr(text, "\"end\":\"finished\""),
         "the line was written before the loop came to rest");
    T_OK(strstr(text, "\"body_hash\":\"a993b073faf52af1\"") != NULL, "hash");
    T_OK(strstr(text, "\"body\":\"{\\\"messages\\\"") != NULL, "body");
    T_EQ_I(tk_sim_finish(world.sim), 0, "finish");
    T_EQ_I(tk_sim_finish(world.sim), 0, "twice");
    T_OK(f && fgets(text, sizeof(text), f) && strstr(text, "\"kind\":\"summary\""), "the summary");
    T_OK(f && !fgets(text, sizeof(text), f), "nothing behind it");
    if (f)
        fclose(f);
    unlink(path);
    close_world();

    open_world((struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT, .log_path = "/dev/full" });
    free_client(chat("tokens=1"));
    T_EQ_I(tk_sim_finish(world.sim), -ENOSPC, "a full disk is told");
    close_world();
}

static void test_refusals(void)
{
    struct tk_sim_conf conf = { .knobs = TK_SIM_KNOBS_DEFAULT, .log_path = "/nowhere/at/all" };
    struct tk_sim *sim = NULL;
    struct tk_err err = { 0 };

    tk_loop_new(TK_LOOP_VIRTUAL, &conf.loop);
    T_EQ_I(tk_sim_new(&conf, &sim, &err), -ENOENT, "a log that cannot be");
    T_OK(strstr(err.msg, "/nowhere/at/all") != NULL, "is named: %s", err.msg);
    conf.log_path = NULL;
    conf.words = "  ";
    T_EQ_I(tk_sim_new(&conf, &sim, &err), -EINVAL, "words without a word");
    T_OK(tk_sim_free(NULL) == NULL, "nothing to free");
    tk_loop_free(conf.loop);
}

/* One request while the n-th allocation fails: it may be refused or cut, but everything comes to
 * an end. Returns whether there were so many. */
static bool ask_without_memory(int n, const char *knobs, const char *body)
{
    struct client *c;
    bool was_reached;
    int rc;

    open_world((struct tk_sim_conf){ .knobs = TK_SIM_KNOBS_DEFAULT, .logs_bodies = true });
    c = new_client();
    tk_failmalloc_at(n);
    ask(c, CHAT, knobs, body);
    rc = tk_loop_run(world.loop);
    was_reached = tk_failmalloc_off();
    parse(c);
    if (rc != 0 || !(was_reached || c->n_events > 0 || status_of(c) == 200))
        T_OK(false, "allocation %d of %s%s: loop %d", n, knobs, body, rc);
    free_client(c);
    close_world();
    return was_reached;
}

static void test_no_memory(void)
{
    static const char *const knobs[] = {
        "x-sim: tokens=200\r\n",
        "x-sim: tokens=20,events_per_write=3,cut_every=9\r\n",
        "x-sim: tokens=3,role=at-once,reasoning=1,usage=continuous\r\n",
    };
    struct tk_sim_conf conf = { .knobs = TK_SIM_KNOBS_DEFAULT, .api_key = "k" };
    int n = 1;

    tk_loop_new(TK_LOOP_VIRTUAL, &conf.loop);
    for (;; n++) {
        struct tk_sim *sim = NULL;
        int rc;

        tk_failmalloc_at(n);
        rc = tk_sim_new(&conf, &sim, NULL);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "made with all of %d allocations", n - 1);
            tk_sim_free(sim);
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
        T_OK(!sim, "nothing is given");
    }
    tk_loop_free(conf.loop);

    for (size_t i = 0; i < TK_ARRAY_LEN(knobs); i++) {
        for (n = 1; n < 1000 && ask_without_memory(n, knobs[i], CHAT_BODY); n++)
            continue;
        T_OK(n > 3 && n < 1000, "a stream survives each of %d allocations that fail", n - 1);
    }
    for (n = 1; n < 1000 && ask_without_memory(n, "x-sim: gzip=1\r\n", "{\"messages\":[]}"); n++)
        continue;
    T_OK(n > 3 && n < 1000, "a whole reply survives each of %d", n - 1);
}

int main(void)
{
    test_schedule();
    test_same_connection();
    test_many_at_once();
    test_knob_sources();
    test_lengths();
    test_channels();
    test_usage();
    test_choices();
    test_whole();
    test_faults();
    test_stall();
    test_statuses();
    test_malformed_head();
    test_key();
    test_writes();
    test_jitter();
    test_log_file();
    test_refusals();
    test_no_memory();
    return T_DONE();
}
