/* test_compat.c - the golden stream: one record, every client's figures
 *
 * tests/golden/one-stream.md holds what the programs print about it and what is exact.
 */
#include "metric/compat.h"

#include <math.h>

#include "base/json.h"
#include "base/str.h"
#include "lib/tap.h"
#include "made.h"
#include "metric/def.h"

#define NOISE_MS 15 /* the programs' and the machine's; see one-stream.md */
#define OWN_TOKENS 7

#define ROLE (TK_CH_CHOICES | TK_CH_ROLE)
#define TEXT (TK_CH_CHOICES | TK_CH_CONTENT)

static struct tk_record_view stream_of(struct tk_str variant)
{
    bool has_usage = tk_str_is(variant, "usage") || tk_str_is(variant, "finish");
    bool has_finish = tk_str_is(variant, "finish") || tk_str_is(variant, "bare");
    bool has_error = tk_str_is(variant, "error");
    struct made_event events[7] = {
        { .at_ms = 100, .channels = ROLE },
        { .at_ms = 500, .channels = TEXT },
        { .at_ms = 600, .channels = TEXT },
        { .at_ms = 700, .channels = TEXT },
        { .at_ms = 800, .channels = TEXT | (has_finish ? TK_CH_FINISH : 0) },
    };
    size_t n = 5;
    if (has_usage)
        events[n++] = (struct made_event){ .at_ms = 1400, .channels = TK_CH_USAGE };
    if (has_error)
        events[n++] = (struct made_event){ .at_ms = 1400, .channels = TK_CH_ERROR };
    events[n++] = (struct made_event){ .at_ms = 1400, .channels = TK_CH_DONE };
    struct made m = {
        .end = has_error ? TK_END_API_ERROR : TK_END_OK,
        .output_tokens = has_usage ? 8 : 0,
        .events = events,
        .n_events = n,
        .has_trace = true,
    };
    return made_view(&m);
}

/* The next cell of a table's row, without blanks. */
static struct tk_str next_cell(struct tk_str *row)
{
    struct tk_str cell = { NULL, 0 };
    tk_str_split(row, '|', &cell);
    return tk_str_trim(cell);
}

/* "102.75 / 100": what is printed and what is exact; NAN for "-". */
static void read_pair(struct tk_str cell, double *ret_printed, double *ret_exact)
{
    struct tk_str first = { NULL, 0 };
    *ret_printed = *ret_exact = (double)NAN;
    tk_str_split(&cell, '/', &first);
    if (tk_str_is(tk_str_trim(first), "-"))
        return;
    T_OK(tk_num_parse_double(tk_str_trim(first), ret_printed) == 0 &&
             tk_num_parse_double(tk_str_trim(cell), ret_exact) == 0,
         "a pair of numbers: %.*s", TK_STR_ARG(first));
}

static double mean_itl_ms(const struct tk_compat *c)
{
    double sum = 0;
    for (size_t i = 0; i < c->n_itl; i++)
        sum += c->itl[i] * 1e3;
    return c->n_itl > 0 ? sum / (double)c->n_itl : (double)NAN;
}

static void check_pair(double ours, struct tk_str cell, double noise, const char *what)
{
    double printed;
    double exact;
    read_pair(cell, &printed, &exact);
    T_NEAR(ours, exact, 0.001, "%s, exact", what);
    T_NEAR(ours, printed, noise, "%s, as printed", what);
}

static int check_row(struct tk_str row)
{
    struct tk_compat c;
    struct tk_sample s;
    char what[100];

    next_cell(&row); /* before the first bar */
    const struct tk_compat_tool *tool = tk_compat_find(next_cell(&row));
    if (!tool)
        return 0;
    struct tk_str api = next_cell(&row);
    struct tk_str variant = next_cell(&row);
    struct tk_record_view v = stream_of(variant);
    tk_compat_init(&c);
    tk_sample_init(&s);
    T_EQ_I(tk_sample_load(&s, &v, NULL), 0, "load");
    T_EQ_I(tk_compat_apply(tool, &s, OWN_TOKENS, &c), 0, "apply");

    static const char *const names[] = { "TTFT", "mean ITL", "TPOT", "E2E", "tokens" };
    double ours[] = { c.ttft * 1e3, mean_itl_ms(&c), c.tpot, c.latency * 1e3,
                      (double)c.output_tokens };
    ours[2] *= 1e3;
    for (unsigned i = 0; i < TK_ARRAY_LEN(ours); i++) {
        snprintf(what, sizeof(what), "%s, %.*s, %.*s: %s", tool->name, TK_STR_ARG(api),
                 TK_STR_ARG(variant), names[i]);
        struct tk_str cell = next_cell(&row);
        if (c.is_success)
            check_pair(ours[i], cell, i == 4 ? 0 : NOISE_MS, what);
        else
            T_EQ_N(cell.p, cell.n, "-", 1, "%s: none", what);
    }
    struct tk_str outcome = next_cell(&row);
    T_EQ_I(c.is_success, tk_str_is(outcome, "success"), "%s: outcome", what);
    T_OK(c.is_success || !c.error || tk_str_ends(outcome, tk_str_of(c.error)), "%s: its words: %s",
         what, c.error ? c.error : "");
    tk_sample_release(&s);
    tk_compat_release(&c);
    made_release(&v);
    return 1;
}

/* What was measured of a reply until it was cut is kept, as there; of another status nothing is read. */
static void check_cut(enum tk_end end, int status, double ttft_s, size_t n_itl)
{
    static const struct made_event events[] = { { .at_ms = 100, .channels = TEXT },
                                                { .at_ms = 300, .channels = TEXT } };
    struct made m = { .end = end, .events = events, .n_events = 2, .has_trace = true };
    struct tk_record_view v = made_view(&m);
    struct tk_compat c;
    struct tk_sample s;

    v.rec.status = status;
    tk_compat_init(&c);
    tk_sample_init(&s);
    T_EQ_I(tk_sample_load(&s, &v, NULL), 0, "load");
    T_EQ_I(tk_compat_apply(tk_compat_find(TK_STR("vllm-0.13-completions")), &s, 1, &c), 0, "apply");
    T_OK(!c.is_success && c.latency == 0, "%d: a failure without a latency", status);
    T_NEAR(c.ttft, ttft_s, 1e-9, "%d: the first token", status);
    T_EQ_U(c.n_itl, n_itl, "%d: gaps", status);
    tk_sample_release(&s);
    tk_compat_release(&c);
    made_release(&v);
}

/* tokmark's own figure of every metric and variant. */
static int check_own(struct tk_str row)
{
    static const char *const variants[] = { "usage", "finish", "bare", "error" };

    next_cell(&row);
    enum tk_metric m = tk_metric_find(next_cell(&row));
    if (m == TK_METRIC_N_)
        return 0;
    const struct tk_metric_def *def = tk_metric_def(m);
    for (unsigned i = 0; i < TK_ARRAY_LEN(variants); i++) {
        struct tk_record_view v = stream_of(tk_str_of(variants[i]));
        struct tk_str cell = next_cell(&row);
        struct tk_sample s;
        int64_t value = 0;
        double want = 0;

        tk_sample_init(&s);
        T_EQ_I(tk_sample_load(&s, &v, NULL), 0, "load");
        if (!s.is_success) {
            T_OK(tk_str_is(cell, "failure"), "%s, %s: a failure", def->name, variants[i]);
        } else if (def->is_per_gap) {
            tk_num_parse_double(cell, &want);
            T_EQ_I(s.n_gaps, 3, "%s, %s: three gaps", def->name, variants[i]);
            T_NEAR((double)s.gaps[1].gap / 1e6, want, 0, "%s, %s", def->name, variants[i]);
        } else {
            tk_num_parse_double(cell, &want);
            T_OK(def->value(&s, &value), "%s, %s: there is one", def->name, variants[i]);
            T_NEAR((double)value / 1e6, want, 1e-6, "%s, %s", def->name, variants[i]);
        }
        tk_sample_release(&s);
        made_release(&v);
    }
    return 1;
}

static void test_golden(void)
{
    const char *tests = getenv("TK_TESTS_DIR");
    char path[1000];
    static char text[65536];
    struct tk_str line;
    int n_rows = 0;
    int n_own = 0;

    snprintf(path, sizeof(path), "%s/golden/one-stream.md", tests ? tests : "tests");
    FILE *f = fopen(path, "r");
    if (!T_OK(f, "open %s", path))
        return;
    struct tk_str rest = { text, fread(text, 1, sizeof(text), f) };
    fclose(f);
    while (tk_str_split(&rest, '\n', &line)) {
        if (!tk_str_starts(line, TK_STR("|")))
            continue;
        int is_row = check_row(line);
        n_rows += is_row;
        if (!is_row)
            n_own += check_own(line);
    }
    T_EQ_I(n_rows, 36, "every line of the table was looked at");
    T_EQ_I(n_own, 8, "and of tokmark's own");
}

static void apply(const char *tool, const struct made *m, int64_t own, struct tk_compat *c)
{
    struct tk_sample s;
    struct tk_record_view v = made_view(m);
    tk_sample_init(&s);
    tk_sample_load(&s, &v, NULL);
    T_EQ_I(tk_compat_apply(tk_compat_find(tk_str_of(tool)), &s, own, c), 0, "apply %s", tool);
    tk_sample_release(&s);
    made_release(&v);
}

/* What the golden stream does not show. */
static void test_corners(void)
{
    static const struct made_event reasoning[] = {
        { .at_ms = 100, .channels = ROLE },
        { .at_ms = 200, .channels = TK_CH_CHOICES | TK_CH_REASONING, .tokens = 2 },
        { .at_ms = 300, .channels = TK_CH_CHOICES | TK_CH_TOOL, .tokens = 4 },
        { .at_ms = 400, .channels = TEXT, .tokens = 2 },
        { .at_ms = 500, .channels = TEXT, .tokens = 1 },
        { .at_ms = 500, .channels = TK_CH_DONE, .is_joined = true },
    };
    struct made m = { .events = reasoning, .n_events = 6, .output_tokens = 9, .has_trace = true };
    struct tk_compat c;

    tk_compat_init(&c);
    apply("max-25.6-chat", &m, 9, &c);
    T_NEAR(c.ttft, 0.4, 1e-9, "max 25.6: the answer's text only");
    T_NEAR(c.itl[0], 0.1, 1e-9, "max 25.6 chat: a gap");
    apply("max-26.6", &m, 9, &c);
    T_NEAR(c.ttft, 0.2, 1e-9, "max 26.6: reasoning counts");
    T_EQ_I(c.n_itl, 3, "max 26.6: tool calls too");
    T_NEAR(c.step[0], 0.025, 1e-9, "max 26.6: a step by its tokens");
    apply("genai-bench-0.0.5", &m, 9, &c);
    T_NEAR(c.ttft, 0.2, 1e-9, "genai-bench: reasoning counts");
    apply("vllm-0.13-chat", &m, -1, &c);
    T_OK(c.is_success && c.output_tokens == -1 && isnan(c.tpot),
         "usage that is not alone is not looked at, and there is no other count");

    static const struct made_event responses[] = {
        { .at_ms = 50 },
        { .at_ms = 200, .channels = TK_CH_CHOICES | TK_CH_REASONING },
        { .at_ms = 400, .channels = TEXT },
        { .at_ms = 500, .channels = TK_CH_USAGE | TK_CH_FINISH | TK_CH_DONE },
    };
    struct made r = { .events = responses, .n_events = 4, .output_tokens = 3, .has_trace = true };
    apply("vllm-0.32", &r, 9, &c);
    T_NEAR(c.ttft, 0.2, 1e-9, "vllm 0.32, responses: the first delta");
    T_NEAR(c.latency, 0.4, 1e-9, "vllm 0.32, responses: to the last one");
    T_EQ_I(c.output_tokens, 3, "vllm 0.32, responses: the end mark has the usage");
    apply("vllm-0.13-pooling", &r, 9, &c);
    T_NEAR(c.latency, 0.05, 1e-9, "vllm 0.13, pooling: to the head");
    T_OK(c.output_tokens == 0 && c.n_itl == 0 && isnan(c.tpot), "vllm 0.13, pooling: no tokens");

    m.end = TK_END_RESET;
    for (unsigned i = 0; tk_compat_tools[i]; i++) {
        apply(tk_compat_tools[i]->name, &m, 9, &c);
        T_OK(!c.is_success && c.latency <= 0, "%s: a reply that was cut is a failure",
             tk_compat_tools[i]->name);
    }
    m = (struct made){ .end = TK_END_EMPTY, .last_ms = 50, .has_trace = true };
    apply("vllm-0.13-chat", &m, 9, &c);
    T_OK(c.is_success && c.latency <= 0, "vllm 0.13 chat: no event at all is a success");
    apply("vllm-0.13-completions", &m, 9, &c);
    T_OK(!c.is_success && c.error, "vllm 0.13 completions: it is a failure");

    struct tk_sample s;
    m = (struct made){ .events = reasoning, .n_events = 6, .output_tokens = 9 };
    struct tk_record_view v = made_view(&m);
    tk_sample_init(&s);
    tk_sample_load(&s, &v, NULL);
    T_EQ_I(tk_compat_apply(tk_compat_tools[0], &s, 9, &c), TK_E_NOT_FOUND, "no events were kept");
    T_OK(!tk_compat_find(TK_STR("none")), "no such client");

    /* A clock that starts before the connection is made, when it is made for the request. */
    made_release(&v);
    m.has_trace = true;
    v = made_view(&m);
    v.rec.connect_begin_at = v.rec.released_at + 1000;
    v.rec.connected_at = v.rec.released_at + 5000;
    tk_sample_load(&s, &v, NULL);
    tk_compat_apply(tk_compat_tools[0], &s, 9, &c);
    T_EQ_I(c.start_at, v.rec.connect_begin_at, "connecting is in it");
    v.rec.connect_begin_at = v.rec.released_at - 1000;
    tk_compat_apply(tk_compat_tools[0], &s, 9, &c);
    T_EQ_I(c.start_at, v.rec.sent_first_at, "opened ahead it is not");
    made_release(&v);
    tk_sample_release(&s);
    tk_compat_release(&c);
}

int main(void)
{
    test_golden();
    test_corners();
    check_cut(TK_END_TRUNCATED, 200, 0.1, 1);
    check_cut(TK_END_OK, 201, 0, 0);
    return T_DONE();
}
