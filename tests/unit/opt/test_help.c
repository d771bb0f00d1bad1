/* The table as people and programs read it: help, manual, values and where they come from. */
#include "opt/inside.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/jsonw.h"
#include "failmalloc.h"
#include "tap.h"

struct values {
    bool stream;
    const char *key, *arrival;
    int64_t concurrency, hidden;
    double rate;
    tk_ns timeout;
    struct tk_opt_list headers;
};

#define AT(member) .at = offsetof(struct values, member)

static const struct tk_opt table[] = {
    { "concurrency", 'c', TK_OPT_INT, AT(concurrency), .value = "N", .def = "1", .min = 1,
      .max = 1e5, .env = "TK_X", .group = "load",
      .help = "at most so many requests in flight at the same time" },
    { "stream", 0, TK_OPT_FLAG, AT(stream), .def = "true", .group = "Requests",
      .help = "ask for a stream", .is_negatable = true },
    { "rate", 0, TK_OPT_RATE, AT(rate), .value = "R", .unit = "requests/s", .def = "inf",
      .min = 1e-9, .max = INFINITY, .group = "load", .help = "arrivals" },
    { "hidden", 0, TK_OPT_INT, AT(hidden), .group = "Ghosts", .is_hidden = true },
    { "the-name-of-this-one-is-long", 0, TK_OPT_DUR, AT(timeout), .value = "DUR", .min = 0.25,
      .max = 1e7, .group = "load", .help = "patience" },
    { "arrival", 0, TK_OPT_CHOICE, AT(arrival), .value = "HOW", .choices = "closed poisson",
      .group = "load", .help = "when requests are due" },
    { "api-key", 0, TK_OPT_STR, AT(key), .value = "KEY", .def = "sk-default", .is_secret = true,
      .help = "a secret" },
    { "header", 'H', TK_OPT_LIST, AT(headers), .value = "H", .group = "Requests", .help = "more" },
};

static const struct tk_opt_command command = {
    .name = "tokmark test",
    .synopsis = "URL [options]",
    .about = "Measures a server, with words enough here to need a second line of text.",
    .examples =
        "tokmark test http://localhost:8000 --concurrency 100 --rate 20 --arrival poisson\n",
    .opts = table,
    .n_opts = TK_ARRAY_LEN(table),
};

static const char want_help[] =
    "Usage: tokmark test URL [options]\n"
    "\n"
    "Measures a server, with words enough here to need a second\n"
    "line of text.\n"
    "\n"
    "Load:\n"
    "  -c, --concurrency N  at most so many requests in flight at\n"
    "                       the same time (from 1 to 100000;\n"
    "                       default 1; environment TK_X)\n"
    "      --rate R         arrivals (in requests/s; default inf)\n"
    "      --the-name-of-this-one-is-long DUR\n"
    "                       patience (at least 250 ms)\n"
    "      --arrival HOW    when requests are due (one of closed,\n"
    "                       poisson)\n"
    "\n"
    "Requests:\n"
    "      --[no-]stream    ask for a stream (default true)\n"
    "  -H, --header H       more (may be given several times)\n"
    "\n"
    "Options:\n"
    "      --api-key KEY    a secret\n"
    "\n"
    "  -h, --help           show this text\n"
    "\n"
    "Examples:\n"
    "  tokmark test http://localhost:8000 --concurrency 100 --rate 20 --arrival poisson\n";

static const char want_manual[] =
    "# tokmark test\n"
    "\n"
    "Measures a server, with words enough here to need a second line of text.\n"
    "\n"
    "```\n"
    "tokmark test URL [options]\n"
    "```\n"
    "\n"
    "## load\n"
    "\n"
    "### `--concurrency N`, `-c`\n"
    "\n"
    "At most so many requests in flight at the same time.\n"
    "\n"
    "From 1 to 100000; default `1`; environment `TK_X`.\n"
    "\n"
    "### `--rate R`\n"
    "\n"
    "Arrivals.\n"
    "\n"
    "In requests/s; default `inf`.\n"
    "\n"
    "### `--the-name-of-this-one-is-long DUR`\n"
    "\n"
    "Patience.\n"
    "\n"
    "At least 250 ms.\n"
    "\n"
    "### `--arrival HOW`\n"
    "\n"
    "When requests are due.\n"
    "\n"
    "One of closed, poisson.\n"
    "\n"
    "## Requests\n"
    "\n"
    "### `--[no-]stream`\n"
    "\n"
    "Ask for a stream.\n"
    "\n"
    "Default `true`.\n"
    "\n"
    "### `--header H`, `-H`\n"
    "\n"
    "More.\n"
    "\n"
    "May be given several times.\n"
    "\n"
    "## Options\n"
    "\n"
    "### `--api-key KEY`\n"
    "\n"
    "A secret.\n"
    "\n"
    "## Examples\n"
    "\n"
    "```\n"
    "tokmark test http://localhost:8000 --concurrency 100 --rate 20 --arrival poisson\n"
    "```\n";

static void sentence(const struct tk_opt *o, const char *text, const char *want, const char *why)
{
    struct tk_buf out = TK_BUF_INIT(100);

    tk__opt_add_sentence(o, text, &out);
    T_EQ_S(out.p ? out.p : "", want, "%s", why);
    tk_buf_release(&out);
}

/* Words that are typed stay as they are typed. */
static void sentences(void)
{
    const struct tk_opt o = { .name = "format", .choices = "text vllm-json" };

    sentence(&o, "arrivals", "Arrivals.", "a sentence has a capital letter");
    sentence(&o, "text and more", "text and more.", "a choice has none");
    sentence(&o, "texts", "Texts.", "but that is no choice");
    sentence(&o, "sonnet: its lines", "sonnet: its lines.", "nor has what is before a colon");
    sentence(NULL, "which of a, b?", "Which of a, b?", "no option, and an end of its own");
    sentence(&o, "", "", "nothing");
}

static void texts(void)
{
    struct tk_buf out = TK_BUF_INIT(1 << 16);
    T_EQ_I(tk_opt_help(&command, 60, &out), 0, "help");
    T_EQ_S(out.p, want_help, "its text");
    tk_buf_reset(&out);
    T_EQ_I(tk_opt_help(&command, 0, &out), 0, "help of no width");
    T_OK(out.n > sizeof(want_help) - 200, "has some");
    tk_buf_reset(&out);
    T_EQ_I(tk_opt_markdown(&command, &out), 0, "manual");
    T_EQ_S(out.p, want_manual, "its text");
    tk_buf_release(&out);
    out = (struct tk_buf)TK_BUF_INIT(100);
    T_EQ_I(tk_opt_help(&command, 80, &out), TK_E_LIMIT, "help without room");
    tk_buf_release(&out);
    out = (struct tk_buf)TK_BUF_INIT(100);
    T_EQ_I(tk_opt_markdown(&command, &out), TK_E_LIMIT, "manual without room");
    tk_buf_release(&out);
}

/* Where each value comes from. */
static void configs(void)
{
    static const struct {
        const char *const argv[13];
        const char *env;
        const char *want;
    } cases[] = {
        { { "--rate", "2", "--api-key", "k" },
          "7",
          "{\"concurrency\":{\"value\":7,\"from\":\"environment\"},\"stream\":{\"value\":true,"
          "\"from\":\"default\"},\"rate\":{\"value\":2.0,\"from\":\"command line\"},\"hidden\":{"
          "\"value\":null,\"from\":null},\"the-name-of-this-one-is-long\":{\"value\":null,\"from\":null},"
          "\"arrival\":{\"value\":null,\"from\":null},\"api-key\":{\"value\":\"***\",\"from\":"
          "\"command line\"},\"header\":{\"value\":null,\"from\":null}}" },
        { { "--no-stream", "-c", "3", "-H", "x", "-H", "b: \"2\"", "--arrival", "closed",
            "--the-name-of-this-one-is-long", "1500ms" },
          "7",
          "{\"concurrency\":{\"value\":3,\"from\":\"command line\"},\"stream\":{\"value\":false,"
          "\"from\":\"command line\"},\"rate\":{\"value\":\"inf\",\"from\":\"default\"},\"hidden\":{"
          "\"value\":null,\"from\":null},\"the-name-of-this-one-is-long\":{\"value\":1.5,\"from\":"
          "\"command line\"},\"arrival\":{\"value\":\"closed\",\"from\":\"command line\"},\"api-key\":{"
          "\"value\":\"***\",\"from\":\"default\"},\"header\":{\"value\":[\"x\",\"b: \\\"2\\\"\"],\"from\":"
          "\"command line\"}}" },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct tk_buf out = TK_BUF_INIT(1 << 16);
        struct tk_opt_result r;
        struct values v = { 0 };
        int argc = 0;

        while (argc < 13 && cases[i].argv[argc])
            argc++;
        setenv("TK_X", cases[i].env, 1);
        T_EQ_I(tk_opt_parse(&command, argc, (char **)(uintptr_t)cases[i].argv, &v, &r, NULL), 0,
               "words %zu", i);
        struct tk_jsonw w;
        tk_jsonw_init(&w, &out, TK_JSONW_COMPACT);
        T_EQ_I(tk_opt_put_config(&command, &v, &r, &w), 0, "configuration %zu", i);
        T_EQ_S(out.p, cases[i].want, "its text");
        tk_buf_release(&out);
        tk_opt_release(&command, &v, &r);
    }
    unsetenv("TK_X");
}

static void no_memory(void)
{
    for (int n = 1;; n++) {
        struct tk_buf out = TK_BUF_INIT(1 << 16);
        tk_failmalloc_at(n);
        int rc = tk_opt_help(&command, 80, &out);
        bool failed = tk_failmalloc_off();
        if (!failed)
            T_EQ_I(rc, 0, "help with enough memory");
        else if (rc != -ENOMEM && rc != 0)
            T_EQ_I(rc, -ENOMEM, "help without allocation %d", n);
        tk_buf_release(&out);
        if (!failed)
            break;
    }
}

int main(void)
{
    sentences();
    texts();
    configs();
    no_memory();
    return T_DONE();
}
