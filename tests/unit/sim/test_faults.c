/* test_faults.c - each fault's bytes, what the log says of it, and the mix at random */
#include <errno.h>

#include "world.h"

static const char completion[] = "{\"prompt\":\"12345\",\"max_tokens\":3,\"stream\":true}";
static const char whole[] = "{\"prompt\":\"12345\",\"max_tokens\":3}";

/* One completion on a connection of its own, with these knobs. */
static struct client *complete(const char *knobs, const char *body)
{
    struct client *c = new_client();
    char header[512];

    snprintf(header, sizeof(header), "X-Sim: %s\r\n", knobs);
    ask(c, "POST /v1/completions", header, body);
    run();
    parse(c);
    return c;
}

/* The reply as it comes without faults but raw, so that bytes can be compared. */
static void test_at_byte(void)
{
    static const int at[] = { 0, 1, 16, 60, 200, 201, 500 };
    struct client *c;
    char knobs[64];

    for (size_t i = 0; i < TK_ARRAY_LEN(at); i++) {
        open_default_world();
        snprintf(knobs, sizeof(knobs), "reset_byte=%d", at[i]);
        c = complete(knobs, completion);
        T_EQ_I(c->n, at[i], "%s: so many bytes", knobs);
        T_OK(c->closed_at > 0, "then it is gone");
        T_OK(line_has(0, "\"end\":\"reset_on_purpose\""), "reset");
        T_OK(line_has(0, "\"expect\":\"reset\""), "to be found as such");
        T_OK(line_has(0, knobs), "and named");
        free_client(c);
        close_world();

        open_default_world();
        snprintf(knobs, sizeof(knobs), "close_byte=%d", at[i]);
        c = complete(knobs, i % 2 ? completion : whole);
        T_EQ_I(c->n, at[i] < 280 || i % 2 ? at[i] : (int)c->n, "%s: so many bytes", knobs);
        T_OK(c->closed_at > 0 && c->code == 0, "then it is closed");
        T_OK(line_has(0, at[i] ? "\"expect\":\"truncated\"" : "\"expect\":\"reset\"") ||
                 line_has(0, "\"end\":\"finished\""),
             "as one finds it");
        free_client(c);
        close_world();
    }

    open_default_world();
    c = complete("stall_byte=300", completion);
    T_EQ_I(c->n, 300, "stall_byte: so many bytes");
    T_EQ_I(c->closed_at, 0, "on an open connection");
    free_client(c);
    run();
    T_OK(line_has(0, "\"end\":\"closed_by_client\""), "until the client leaves");
    T_OK(line_has(0, "\"expect\":\"timeout-first\""), "who got no token");
    c = complete("close_byte=1000000", completion);
    T_EQ_I(c->n_events, 4, "a byte that never comes: all of the reply");
    T_OK(c->has_last_chunk && c->closed_at > 0, "and a close");
    T_OK(line_has(1, "\"expect\":\"ok\""), "nothing to find");
    free_client(c);
    free_client(complete("stall_byte=700", completion));
    run();
    T_OK(line_has(2, "\"expect\":\"timeout-idle\""), "or two, and then none");
    close_world();
}

static void test_slow_head(void)
{
    struct client *c;
    size_t n_head;
    tk_ns t0;

    open_default_world();
    t0 = tk_clock_now();
    c = complete("head_gap=1ms,ttft=500ms", completion);
    n_head = (size_t)(strstr(c->p, "\r\n\r\n") + 4 - c->p);
    for (size_t i = 0; i < n_head; i++) {
        if (c->reads[i].end != i + 1 || c->reads[i].at != t0 + (tk_ns)i * MS)
            T_OK(false, "byte %zu of the head", i);
    }
    T_EQ_I(c->n_events, 4, "the stream follows");
    T_EQ_I(c->events[0].at - t0, 500 * MS, "on its schedule");
    T_OK(c->has_last_chunk && c->closed_at > 0, "to its end and a close");
    T_OK(line_has(0, "\"fault\":\"head_gap=1ms\",\"expect\":\"ok\""), "logged");
    free_client(c);

    t0 = tk_clock_now();
    c = complete("head_gap=2ms,ttft=1ms,role=at-once", completion);
    n_head = (size_t)(strstr(c->p, "\r\n\r\n") + 4 - c->p);
    T_EQ_I(c->events[0].at - t0, 2 * MS * (tk_ns)(n_head - 1), "what is late comes at once");
    free_client(c);

    c = complete("head_gap=1ms", whole);
    T_OK(c->body && strstr(c->body, "token token token\"") != NULL, "a whole reply too");
    T_OK(c->closed_at > 0, "and a close");
    free_client(c);

    c = new_client();
    ask(c, "POST /v1/completions", "x-sim: head_gap=1s\r\n", completion);
    free_client(c);
    run();
    T_OK(line_has(3, "\"end\":\"closed_by_client\""), "who leaves in the middle of a head");
    T_OK(line_has(3, "\"expect\":\"timeout-first\""), "had no patience");
    close_world();
}

static size_t announced(const struct client *c)
{
    const char *p = strstr(c->p, "Content-Length: ");
    size_t n = 0;

    for (p = p ? p + 16 : ""; *p >= '0' && *p <= '9'; p++)
        n = n * 10 + (size_t)(*p - '0');
    return n;
}

static void test_lengths(void)
{
    struct client *c;

    open_default_world();
    c = complete("length=short", whole);
    T_EQ_I(announced(c), c->body_n / 2, "short: half of a body");
    T_OK(line_has(0, "\"fault\":\"length=short\",\"expect\":\"protocol\""), "no JSON then");
    free_client(c);
    c = complete("length=long", whole);
    T_EQ_I(announced(c), c->body_n * 2, "long: twice a body");
    T_OK(line_has(1, "\"expect\":\"truncated\""), "it ends early then");
    T_OK(c->closed_at > 0, "with a close");
    free_client(c);
    c = complete("length=short", completion);
    T_OK(announced(c) > 20 && announced(c) < 200, "short: inside the first event");
    T_OK(strstr(c->p, "\"finish_reason\":\"length\"") != NULL, "more than that comes");
    T_OK(strstr(c->p, "hunked") == NULL, "no chunks");
    T_OK(line_has(2, "\"expect\":\"truncated\""), "an event breaks off");
    free_client(c);
    c = complete("length=long", completion);
    T_OK(announced(c) > (size_t)1 << 39, "long: more than ever comes");
    T_EQ_I(c->n_events, 4, "all of the stream");
    T_OK(line_has(3, "\"expect\":\"truncated\""), "but not of the reply");
    free_client(c);
    close_world();
}

static void test_cut_inside(void)
{
    struct client *c;

    open_default_world();
    c = complete("cut_at=2", completion);
    T_EQ_I(c->n_events, 2, "two events");
    T_OK(!c->has_last_chunk && c->closed_at > 0, "no end");
    T_OK(c->n > 0 && strcmp(c->p + c->n - 2, "\n\n") != 0, "but half of one more: %s",
         c->p + c->n - 30);
    T_OK(line_has(0, "\"end\":\"closed_on_purpose\"") && line_has(0, "\"expect\":\"truncated\""),
         "logged");
    free_client(c);
    c = complete("cut_at=0", whole);
    T_EQ_I(announced(c) / 2, c->body_n, "half of a whole body");
    T_OK(line_has(1, "\"expect\":\"truncated\""), "logged");
    free_client(c);
    close_world();
}

static void test_endless(void)
{
    struct client *c;

    open_default_world();
    c = new_client();
    ask(c, CHAT, "x-sim: endless\r\n", "{\"messages\":[],\"max_tokens\":3,\"stream\":true}");
    run_for(10 * TK_NS_PER_S);
    parse(c);
    T_EQ_I(n_with(c, "\"finish_reason\":null"), MAX_EVENTS, "no end of it");
    free_client(c);
    run();
    T_OK(line_has(0, "\"tokens_planned\":-1") && line_has(0, "\"end\":\"closed_by_client\""),
         "until the client leaves");
    T_OK(line_has(0, "\"fault\":\"endless=1\",\"expect\":\"timeout-total\""), "logged");
    close_world();
}

static void test_gzip_garbage(void)
{
    struct client *c;

    open_default_world();
    c = complete("gzip_garbage", completion);
    T_OK(strstr(c->p, "content-encoding: gzip\r\n") != NULL, "says gzip");
    T_EQ_I(c->n_events, 4, "and is none");
    T_OK(line_has(0, "\"expect\":\"protocol\""), "logged");
    free_client(c);
    c = complete("gzip_garbage", whole);
    T_OK(strstr(c->p, "content-encoding: gzip\r\n") && c->body[0] == '{', "a whole one too");
    free_client(c);
    close_world();
}

static void test_random_cuts(void)
{
    struct client *c, *again;
    size_t n_sizes = 0, n_again;
    bool seen[40] = { 0 };

    open_default_world();
    again = complete("cut_every=10,cut_random", completion);
    n_again = again->n_reads;
    free_client(again);
    close_world();
    open_default_world();
    c = complete("cut_every=10,cut_random", completion);
    T_EQ_I(c->n_events, 4, "whole");
    T_EQ_I(c->n_reads, n_again, "the same cuts again");
    for (size_t i = 1; i < c->n_reads; i++) {
        size_t size = c->reads[i].end - c->reads[i - 1].end;

        if (size >= TK_ARRAY_LEN(seen))
            T_OK(false, "a cut of %zu bytes", size);
        else if (!seen[size])
            n_sizes += seen[size] = true;
    }
    T_OK(n_sizes > 12, "of %zu sizes", n_sizes);
    T_OK(!seen[0] && !seen[20], "from 1 to 19");
    free_client(c);
    close_world();
}

static void test_idle_close(void)
{
    struct tk_sim_conf conf = { .knobs = TK_SIM_KNOBS_DEFAULT };
    struct client *c;
    tk_ns t0;

    conf.knobs.idle_close = 200 * MS;
    open_world(conf);
    t0 = tk_clock_now();
    c = complete("tokens=1", completion);
    T_EQ_I(c->closed_at - t0, 250 * MS, "closed 200 ms after the reply");
    T_EQ_I(c->code, 0, "orderly");
    T_OK(line_has(0, "\"fault\":\"idle_close=200ms\",\"expect\":\"ok\""), "nothing to find");
    free_client(c);

    c = new_client();
    t0 = tk_clock_now();
    ask(c, "GET /health", "", "");
    run();
    T_EQ_I(c->closed_at - t0, 200 * MS, "after any reply");
    free_client(c);

    c = complete("idle_close=0,tokens=1", completion);
    T_EQ_I(c->closed_at, 0, "or as the request says");
    free_client(c);
    close_world();
}

/* --- at random --- */

static size_t n_lines_with(const char *text)
{
    size_t n = 0;

    for (size_t i = 0; i < world.n_lines; i++)
        n += line_has(i, text);
    return n;
}

/* 200 requests, one after the other. The places of the first fault, as one text. */
static void ask_200(uint64_t seed, char *places)
{
    struct tk_sim_conf conf = {
        .knobs = TK_SIM_KNOBS_DEFAULT,
        .seed = seed,
        .faults = "status=503+retry_after=2:5%, reset_at=1:2% ,error_at=1:0.1,cut_at=1:3%",
    };

    open_world(conf);
    for (int i = 0; i < 200; i++) {
        struct client *c = new_client();

        ask(c, "GET /v1/models", "", "");
        run();
        forget(c);
        ask(c, "POST /v1/completions", "", completion);
        run();
        places[i] = status_of(c) == 503 ? 'x' : '.';
        free_client(c);
        run();
    }
    places[200] = '\0';
}

static void test_mix(void)
{
    char places[201], again[201], other[201];

    ask_200(3, places);
    T_EQ_I(n_lines_with("\"fault\":\"status=503,retry_after=2\",\"expect\":\"http-status\""), 10,
           "5 per cent of 200");
    T_EQ_I(n_lines_with("\"fault\":\"reset_at=1\",\"expect\":\"reset\""), 4, "2 per cent");
    T_EQ_I(n_lines_with("\"fault\":\"error_at=1\",\"expect\":\"api-error\""), 20, "a tenth");
    T_EQ_I(n_lines_with("\"fault\":\"cut_at=1\",\"expect\":\"truncated\""), 6, "3 per cent");
    T_EQ_I(n_lines_with("\"fault\":null,\"expect\":\"ok\""), 160, "the rest");
    close_world();
    ask_200(3, again);
    close_world();
    ask_200(4, other);
    close_world();
    T_EQ_S(again, places, "the same seed, the same places");
    T_OK(strcmp(other, places) != 0, "another, others");
}

static void test_bad_mixes(void)
{
    static const struct {
        const char *spec, *says;
        int code;
    } cases[] = {
        { "status=503", "has no share", TK_E_FORMAT },
        { "status=503:x%", "has no share", TK_E_FORMAT },
        { "status=503:101%", "has no share", TK_E_FORMAT },
        { "status=503:60%,reset_at=1:41%", "more than 100", TK_E_RANGE },
        { "nonsense=1:5%", "no knob is named 'nonsense'", TK_E_NOT_FOUND },
        { "status=7:5%", "'7' is no value for status", TK_E_RANGE },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct tk_sim_conf conf = { .knobs = TK_SIM_KNOBS_DEFAULT, .faults = cases[i].spec };
        struct tk_sim *sim = NULL;
        struct tk_err err = { 0 };

        tk_loop_new(TK_LOOP_VIRTUAL, &conf.loop);
        T_EQ_I(tk_sim_new(&conf, &sim, &err), cases[i].code, "%s is refused", cases[i].spec);
        T_OK(strstr(err.msg, cases[i].says) != NULL, "in words: %s", err.msg);
        tk_loop_free(conf.loop);
    }
}

/* --- what the older faults are to be found as --- */

static void test_expected(void)
{
    static const struct {
        const char *knobs, *body, *expect;
    } cases[] = {
        { "status=429", completion, "http-status" },
        { "error_at=1", completion, "api-error" },
        { "error_at=1", whole, "http-status" },
        { "reset_at=1", completion, "reset" },
        { "close_at=1", completion, "truncated" },
        { "close_at=1", whole, "reset" },
        { "malformed=json", completion, "protocol" },
        { "malformed=json", whole, "protocol" },
        { "malformed=chunk", completion, "protocol" },
        { "malformed=head", completion, "protocol" },
        { "nodone", completion, "ok" },
        { "gzip", whole, "ok" },
        { "tokens=0", completion, "ok" },
        { "nonsense", completion, "http-status" },
    };

    open_default_world();
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        char expect[64];

        snprintf(expect, sizeof(expect), "\"expect\":\"%s\"", cases[i].expect);
        free_client(complete(cases[i].knobs, cases[i].body));
        run();
        T_OK(line_has(i, expect), "%s: %s", cases[i].knobs, cases[i].expect);
    }
    close_world();
}

int main(void)
{
    test_at_byte();
    test_slow_head();
    test_lengths();
    test_cut_inside();
    test_endless();
    test_gzip_garbage();
    test_random_cuts();
    test_idle_close();
    test_mix();
    test_bad_mixes();
    test_expected();
    return T_DONE();
}
