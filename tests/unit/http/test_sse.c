/* test_sse.c - goldens of the event-stream parser, each fed whole, byte by byte and at random cuts
 *
 * The events are written as text: type/id/data between < and >, one behind the other, "!" before one
 * that is cut.
 */
#include "http/sse.h"

#include <errno.h>

#include "base/err.h"
#include "base/json.h"
#include "cuts.h"
#include "failmalloc.h"
#include "guard.h"
#include "tap.h"

struct golden {
    const char *name;
    struct tk_str input;
    struct tk_str events;
    unsigned n_comments, n_ignored;
};

#define GOLDEN(name, input, events, ...)                           \
    {                                                              \
        name, TK_STR_INIT(input), TK_STR_INIT(events), __VA_ARGS__ \
    }

static const struct golden goldens[] = {
    GOLDEN("nothing", "", "", 0, 0),
    GOLDEN("LF", "data: a\n\ndata: b\n\n", "<//a><//b>", 0, 0),
    GOLDEN("CR", "data: a\r\rdata: b\r\r", "<//a><//b>", 0, 0),
    GOLDEN("CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", "<//a><//b>", 0, 0),
    GOLDEN("CR then LF is one line end", "data: a\r\ndata: b\n\r\n", "<//a\nb>", 0, 0),
    GOLDEN("LF then CR are two", "data: a\n\rdata: b\r\n\n", "<//a><//b>", 0, 0),
    GOLDEN("mixed", "data: a\rdata: b\ndata: c\r\n\rdata: d\n\r\n", "<//a\nb\nc><//d>", 0, 0),
    GOLDEN("several data lines", "data: a\ndata: b\ndata:\ndata: c\n\n", "<//a\nb\n\nc>", 0, 0),
    GOLDEN("no space behind the colon", "data:a\n\n", "<//a>", 0, 0),
    GOLDEN("one space is taken off", "data:  a \n\n", "<// a >", 0, 0),
    GOLDEN("a tab is not", "data:\ta\n\n", "<//\ta>", 0, 0),
    GOLDEN("empty data", "data:\n\ndata: \n\ndata\n\n", "<//><//><//>", 0, 0),
    GOLDEN("two empty data lines", "data\ndata\n\n", "<//\n>", 0, 0),
    GOLDEN("colons in the data", "data: {\"a\":1}\n\n", "<//{\"a\":1}>", 0, 0),
    GOLDEN("NUL in the data", "data: a\0b\n\n", "<//a\0b>", 0, 0),
    GOLDEN("comment", ": ping\n\n:\n:a:b\ndata: a\n: c\n\n", "<//a>", 4, 0),
    GOLDEN("event and id", "event: e\nid: 7\ndata: a\n\ndata: b\n\n", "<e/7/a><//b>", 0, 0),
    GOLDEN("the last event line counts", "event: e\nevent: f\ndata: a\n\n", "<f//a>", 0, 0),
    GOLDEN("an empty event line unsets", "event: e\nevent\ndata: a\n\n", "<//a>", 0, 0),
    GOLDEN("event line behind the data", "data: a\nevent: e\n\n", "<e//a>", 0, 0),
    GOLDEN("without data no event", "event: e\nid: 1\n\ndata: a\n\n", "<//a>", 0, 0),
    GOLDEN("an id with NUL", "id: 1\0\ndata: a\n\n", "<//a>", 0, 1),
    GOLDEN("retry", "retry: 10\nretry: x\nretry:\ndata: a\n\n", "<//a>", 0, 2),
    GOLDEN("unknown fields", "dat: x\ndatas: x\n data: x\nData: x\ndata : x\ndata: a\n\n", "<//a>",
           0, 5),
    GOLDEN("many blank lines", "\n\n\r\r\r\ndata: a\n\n\n\n", "<//a>", 0, 0),
    GOLDEN("BOM",
           "\xEF\xBB\xBF"
           "data: a\n\n",
           "<//a>", 0, 0),
    GOLDEN("two BOMs",
           "\xEF\xBB\xBF\xEF\xBB\xBF"
           "data: a\n\ndata: b\n\n",
           "<//b>", 0, 1),
    GOLDEN("half a BOM",
           "\xEF\xBB"
           "data: a\n\ndata: b\n\n",
           "<//b>", 0, 1),
    GOLDEN("a BOM in the data", "data: \xEF\xBB\xBF\n\n", "<//\xEF\xBB\xBF>", 0, 0),
    GOLDEN("a BOM and a line end", "\xEF\xBB\xBF\n\n", "", 0, 0),
    GOLDEN("a BOM alone", "\xEF\xBB\xBF", "", 0, 0),
    GOLDEN("a cut BOM alone", "\xEF\xBB", "", 0, 1),
    GOLDEN("cut: no blank line", "data: a\n\ndata: b\n", "<//a>!<//b>", 0, 0),
    GOLDEN("cut: no blank line, CR", "data: b\r", "!<//b>", 0, 0),
    GOLDEN("cut: no line end", "data: a\n\ndata: [DONE]", "<//a>!<//[DONE]>", 0, 0),
    GOLDEN("cut in a second line", "event: e\ndata: a\ndata: b", "!<e//a\nb>", 0, 0),
    GOLDEN("cut in a name", "data: a\ndat", "!<//a>", 0, 1),
    GOLDEN("cut before the data", "event: e\n", "", 0, 0),
    GOLDEN("OpenAI",
           "data: {\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n"
           ": keep-alive\n\n"
           "data: [DONE]\n\n",
           "<//{\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}><//[DONE]>", 1, 0),
    GOLDEN("Anthropic",
           "event: ping\ndata: {\"type\": \"ping\"}\n\n"
           "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n",
           "<ping//{\"type\": \"ping\"}><content_block_delta//{\"type\":\"content_block_delta\"}>",
           0, 0),
};

/* --- events as text --- */

struct log {
    char text[4096];
    size_t n;
    unsigned left; /* the callback stops when it comes to 0 */
};

static void log_add(struct log *l, const char *p, size_t n)
{
    if (n > sizeof(l->text) - l->n)
        n = sizeof(l->text) - l->n;
    if (n)
        memcpy(l->text + l->n, p, n);
    l->n += n;
}

static int on_event(void *owner, const struct tk_sse_event *ev)
{
    struct log *l = owner;
    volatile char sum = 0;

    for (size_t i = 0; i < TK_JSON_PADDING; i++) /* the guard page and ASan watch */
        sum = (char)(sum + ev->data.p[ev->data.n + i]);
    log_add(l, ev->is_cut ? "!<" : "<", ev->is_cut ? 2 : 1);
    log_add(l, ev->type.p, ev->type.n);
    log_add(l, "/", 1);
    log_add(l, ev->id.p, ev->id.n);
    log_add(l, "/", 1);
    log_add(l, ev->data.p, ev->data.n);
    log_add(l, ">", 1);
    return --l->left == 0 ? 42 : 0;
}

/* Feed `in` in pieces, each against an unmapped page. */
static int feed_cut(struct tk_sse *s, struct tk_str in, unsigned way, struct log *l)
{
    struct cuts c;
    int rc = 0;

    cuts_init(&c, way);
    for (size_t n; rc == 0 && in.n > 0; in.p += n, in.n -= n) {
        struct tk_guard g;
        n = cuts_next(&c, in.n);
        char *p = tk_guard_init(&g, NULL, n + TK_JSON_PADDING);
        memcpy(p, in.p, n);
        rc = tk_sse_feed(s, p, n, on_event, l);
        memset(p, '#', n); /* what still points here will show it */
        tk_guard_release(&g);
    }
    return rc;
}

static bool golden_holds(struct tk_sse *s, const struct golden *g, unsigned way)
{
    static struct log l;

    l = (struct log){ .left = 1000 };
    tk_sse_reset(s);
    int rc = feed_cut(s, g->input, way, &l);
    rc = rc ? rc : tk_sse_end(s, on_event, &l);
    size_t n = l.n;
    bool is_good = rc == 0 && n == g->events.n && memcmp(l.text, g->events.p, n) == 0 &&
                   s->n_comments == g->n_comments && s->n_ignored == g->n_ignored &&
                   s->n_events == 1000 - l.left;
    if (!is_good) { /* say what */
        T_EQ_I(rc, 0, "%s, way %u: code", g->name, way);
        T_EQ_N(l.text, n, g->events.p, g->events.n, "%s, way %u: events", g->name, way);
        T_EQ_I(s->n_comments, g->n_comments, "%s, way %u: comments", g->name, way);
        T_EQ_I(s->n_ignored, g->n_ignored, "%s, way %u: ignored", g->name, way);
        T_EQ_I(s->n_events, 1000 - l.left, "%s, way %u: count", g->name, way);
    }
    return is_good && tk_sse_end(s, on_event, &l) == 0 && l.n == n; /* a second end gives nothing */
}

static void test_goldens(void)
{
    struct tk_sse s;

    tk_sse_init(&s, TK_SSE_LIMITS_DEFAULT);
    for (size_t i = 0; i < TK_ARRAY_LEN(goldens); i++) {
        unsigned way = 0;
        while (way < CUTS_WAYS && golden_holds(&s, &goldens[i], way))
            way++;
        T_EQ_I(way, CUTS_WAYS, "%s: right in all ways to cut", goldens[i].name);
    }
    tk_sse_release(&s);
    tk_sse_release(&s);
}

static void test_zero_copy(void)
{
    struct tk_sse s;
    static struct log l = { .left = 1000 };
    static const char two[] = "data: a\r\n\r\nid: 1\ndata: b\n\n\0";
    char buf[sizeof(two) + TK_JSON_PADDING] = { 0 };

    memcpy(buf, two, sizeof(two));
    tk_sse_init(&s, TK_SSE_LIMITS_DEFAULT);
    T_EQ_I(tk_sse_feed(&s, buf, strlen(two), on_event, &l), 0, "two events in one feed");
    T_OK(!s.line.p && !s.data.p, "nothing was copied");
    tk_sse_release(&s);
}

static void test_limits(void)
{
    static const struct {
        struct tk_str input, events;
        int rc;
    } cases[] = {
        { TK_STR_INIT("data: 0123456789\n\n"), TK_STR_INIT("<//0123456789>"), 0 },
        { TK_STR_INIT("data: a\n\ndata: 0123456789x\n\n"), TK_STR_INIT("<//a>"), TK_E_LIMIT },
        { TK_STR_INIT("data: a\n\ndata: 0123456789xxxxxxxxxxxxx"), TK_STR_INIT("<//a>"),
          TK_E_LIMIT },
        { TK_STR_INIT(":0123456789abcdef\n"), TK_STR_INIT(""), TK_E_LIMIT },
        { TK_STR_INIT("data: 0123456789\ndata: 012345678\n\n"),
          TK_STR_INIT("<//0123456789\n012345678>"), 0 },
        { TK_STR_INIT("data: 0123456789\ndata: 0123456789\n\n"), TK_STR_INIT(""), TK_E_LIMIT },
        { TK_STR_INIT(
              "data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n"
              "data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n\n"),
          TK_STR_INIT(""), TK_E_LIMIT },
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        for (unsigned way = 0; way < CUTS_WAYS; way++) {
            struct tk_sse s;
            struct log l = { .left = 1000 };
            tk_sse_init(&s, (struct tk_sse_limits){ .max_line_bytes = 16, .max_event_bytes = 20 });
            int rc = feed_cut(&s, cases[i].input, way, &l);
            T_EQ_I(rc, cases[i].rc, "limit %zu, way %u: code", i, way);
            T_EQ_N(l.text, l.n, cases[i].events.p, cases[i].events.n, "limit %zu, way %u: events",
                   i, way);
            T_EQ_I(tk_sse_end(&s, on_event, &l), cases[i].rc, "limit %zu, way %u: it sticks", i,
                   way);
            tk_sse_release(&s);
        }
    }
}

static void test_stop(void)
{
    for (unsigned way = 0; way < CUTS_WAYS; way++) {
        struct tk_sse s;
        struct log l = { .left = 2 };
        tk_sse_init(&s, TK_SSE_LIMITS_DEFAULT);
        int rc = feed_cut(&s, TK_STR("data: a\n\ndata: b\n\ndata: c\n\n"), way, &l);
        T_EQ_I(rc, 42, "way %u: the callback's code comes back", way);
        T_EQ_N(l.text, l.n, "<//a><//b>", 10, "way %u: nothing behind it", way);
        T_EQ_I(tk_sse_feed(&s, "data: d\n\n", 9, on_event, &l), 42, "way %u: it sticks", way);
        tk_sse_reset(&s);
        l = (struct log){ .left = 1000 };
        T_EQ_I(feed_cut(&s, TK_STR("data: d\n\n"), way, &l), 0, "way %u: until the reset", way);
        T_EQ_N(l.text, l.n, "<//d>", 5, "way %u: all is well then", way);
        tk_sse_release(&s);
    }
}

static void test_memory(void)
{
    for (int n = 1;; n++) {
        struct tk_sse s;
        struct log l = { .left = 1000 };
        tk_sse_init(&s, TK_SSE_LIMITS_DEFAULT);
        char buf[64 + TK_JSON_PADDING] = "event: e\nid: 1\ndata: a\ndata: b";
        tk_failmalloc_at(n);
        int rc = tk_sse_feed(&s, buf, strlen(buf), on_event, &l);
        rc = rc ? rc : tk_sse_end(&s, on_event, &l);
        bool failed = tk_failmalloc_off();
        T_EQ_I(rc, failed ? -ENOMEM : 0, "allocation %d", n);
        tk_sse_release(&s);
        if (!failed) {
            T_EQ_N(l.text, l.n, "!<e/1/a\nb>", 10, "it got through");
            break;
        }
    }
}

int main(void)
{
    test_goldens();
    test_zero_copy();
    test_limits();
    test_stop();
    test_memory();
    return T_DONE();
}
