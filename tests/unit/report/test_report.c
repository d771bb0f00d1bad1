/* test_report.c - text and JSON of made-up runs against tests/golden/report
 *
 * Three runs: a closed one in which all went well, an open one with failures of several kinds, and
 * one in which nothing succeeded. The records are made by unit/metric/made.h.
 */
#include "report/report.h"

#include "base/str.h"
#include "tap.h"

#include "golden.h"
#include "unit/metric/made.h"

#define CONTENT (TK_CH_CHOICES | TK_CH_CONTENT)

static const struct made_event three[] = {
    { 50, TK_CH_CHOICES | TK_CH_ROLE, 0, false },
    { 60, CONTENT, 0, false },
    { 70, CONTENT, 0, false },
    { 81.5, CONTENT, 0, false },
    { 81.5, TK_CH_CHOICES | TK_CH_FINISH, 0, true },
    { 82, TK_CH_USAGE, 0, false },
    { 82, TK_CH_DONE, 0, true },
};

static const char closed_plan[] =
    "{\"tool\":\"tokmark run\",\"url\":\"http://h:1\",\"target\":\"/v1/chat/completions\","
    "\"api\":\"chat\",\"model\":\"m\",\"streamed\":true,\"headers\":[],\"data\":\"words\","
    "\"items\":3,\"seed\":7,\"phases\":{\"check\":null,\"warmup\":{\"requests\":2},\"measure\":{"
    "\"requests\":20,\"duration_s\":null,\"concurrency\":2,\"arrival\":\"closed\",\"rate\":null}}}";
static const char open_plan[] =
    "{\"url\":\"http://h:1\",\"api\":\"chat\",\"model\":\"m\",\"streamed\":true,\"data\":\"x.jsonl\","
    "\"items\":3,\"seed\":0,\"phases\":{\"measure\":{\"requests\":12,\"duration_s\":1.5,"
    "\"concurrency\":0,\"arrival\":\"poisson\",\"rate\":10.5}}}";
static const char host[] = "{\"program\":\"tokmark 0.0.0\",\"processors\":2}";

static const double percentiles[] = { 50, 90, 99.9 };
static const struct tk_slo slos[] = { { TK_METRIC_TTFT, 55 * MS }, { TK_METRIC_E2EL, 100 * MS } };

struct run {
    struct tk_sink *sink;
    struct tk_blocks *pool;
    struct tk_records *records;
    struct tk_summary *summary;
    struct tk_arena arena;
    struct tk_report report;
};

static void begin(struct run *r, const char *plan)
{
    struct tk_sink_conf conf = { .plan = tk_str_of(plan),
                                 .host = TK_STR_INIT(host),
                                 .max_memory_bytes = 1 << 24 };

    memset(r, 0, sizeof(*r));
    tk_arena_init(&r->arena, 0);
    T_EQ_I(tk_blocks_new(1 << 24, &r->pool), 0, "blocks");
    T_EQ_I(tk_sink_new(&conf, &r->sink, NULL), 0, "sink");
}

static void put(struct run *r, uint64_t index, enum tk_end end, tk_ns at, tk_ns due_before)
{
    struct made m = {
        .index = index,
        .end = end,
        .sent_at = MADE_SENT + at,
        .due_before = due_before,
        .has_trace = true,
    };

    if (end == TK_END_OK) {
        m.events = three;
        m.n_events = TK_ARRAY_LEN(three);
        m.output_tokens = 3;
        m.last_ms = 82;
    }
    made_put(r->sink, r->pool, &m);
}

static void finish(struct run *r, int64_t planned)
{
    struct tk_err err = { 0 };
    struct tk_report_plan plan = { 0 };

    T_EQ_I(tk_sink_finish(r->sink, &err), 0, "finish: %s", err.msg);
    T_EQ_I(tk_sink_records(r->sink, &r->records, &err), 0, "records: %s", err.msg);
    T_EQ_I(tk_report_plan_read(tk_records_plan(r->records), &r->arena, &plan), 0, "plan");
    struct tk_summary_conf conf = {
        .percentiles = percentiles,
        .n_percentiles = TK_ARRAY_LEN(percentiles),
        .slos = slos,
        .n_slos = TK_ARRAY_LEN(slos),
        .phase = TK_PHASE_MEASURE,
        .planned = planned,
        .asked = tk_report_asked(&plan, false),
    };
    conf.shape = &plan.shape;
    conf.begin_at = plan.shape.n > 0 ? MADE_SENT : 0;
    T_EQ_I(tk_summary_new(r->records, &conf, &r->summary, &err), 0, "summary: %s", err.msg);
    r->report = (struct tk_report){
        .summary = r->summary,
        .plan_json = tk_records_plan(r->records),
        .host_json = tk_records_host(r->records),
        .program = "tokmark 0.0.0",
        .slos = slos,
        .n_slos = TK_ARRAY_LEN(slos),
        .wall_begin = INT64_C(1764000000500000000),
        .plan = plan,
    };
    tk_report_judge(&r->report);
}

/* The engine's view: so many workers, the busiest with `cpu` of a core. */
static void put_health(struct run *r, unsigned n_workers, double cpu)
{
    struct tk_health *h = &r->report.health;

    r->report.has_health = true;
    tk_health_init(h);
    for (unsigned i = 0; i < n_workers; i++) {
        struct tk_health_worker w = {
            .span = TK_NS_PER_S,
            .cpu = 30 * MS,
            .starved = 2 * MS,
            .max_cpu = cpu / (i + 1),
            .max_starved = 0.002,
            .cpu_when_starved = 0.03,
            .loop_lag_sum = 5000,
            .loop_lag_max = 3000,
            .n_timers = 2,
            .n_requests = 10,
        };
        tk_health_add_worker(h, &w);
    }
    h->conns_opened = 2;
    h->clock_error_max = 18;
    tk_report_judge(&r->report);
}

static void end(struct run *r)
{
    tk_summary_free(r->summary);
    tk_records_free(r->records);
    tk_sink_free(r->sink);
    tk_blocks_free(r->pool);
    tk_arena_release(&r->arena);
}

static void text_is(const struct run *r, const char *name)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    T_EQ_I(tk_report_text(&r->report, &out), 0, "text");
    T_GOLDEN(out.p, name);
    tk_buf_release(&out);
}

static void json_is(const struct run *r, const char *name)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    T_EQ_I(tk_report_json(&r->report, &out), 0, "JSON");
    T_GOLDEN(out.p, name);
    tk_buf_release(&out);
}

static void test_closed(void)
{
    struct run r;

    begin(&r, closed_plan);
    for (uint64_t i = 0; i < 20; i++)
        put(&r, i, TK_END_OK, (tk_ns)(i / 2) * (82 * MS + 20000), 0);
    finish(&r, 20);
    put_health(&r, 1, 0.05);
    r.report.run_path = "run.tokmark";
    r.report.json_path = "out.json";
    text_is(&r, "report/closed.txt");
    json_is(&r, "report/closed.json");
    end(&r);
}

static void test_open(void)
{
    struct run r;
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    begin(&r, open_plan);
    for (uint64_t i = 0; i < 12; i++) {
        enum tk_end how = TK_END_OK;
        if (i == 3 || i == 5)
            how = TK_END_HTTP_STATUS;
        else if (i == 7)
            how = TK_END_TIMEOUT_FIRST;
        else if (i > 9)
            how = TK_END_CANCELLED;
        put(&r, i, how, (tk_ns)i * 100 * MS, (tk_ns)i * 3 * MS);
    }
    finish(&r, 15);
    put_health(&r, 2, 0.97);
    r.report.is_interrupted = true;
    text_is(&r, "report/open.txt");
    json_is(&r, "report/open.json");
    T_EQ_I(tk_report_client(&r.report, &out), 0, "the client alone");
    T_GOLDEN(out.p, "report/client.txt");
    T_OK(!strstr(out.p, "lack events"), "nothing is missing");
    r.summary->n_truncated = 3;
    r.summary->n_damaged = 1;
    tk_buf_reset(&out);
    T_EQ_I(tk_report_client(&r.report, &out), 0, "again");
    T_OK(strstr(out.p, " 3 replies lack events past a bound: "), "traces that were cut are said");
    T_OK(strstr(out.p, " 1 record is damaged: "), "and damaged ones");
    tk_buf_release(&out);
    end(&r);
}

/* A spike: 60 requests before it, one each 100 ms, one each 20 ms in it, and 120 after it, of which the
 * first forty wait for 300 ms, and then some are given up. */
static const char spike_plan[] =
    "{\"tool\":\"tokmark run\",\"url\":\"http://h:1\",\"api\":\"chat\",\"model\":\"m\","
    "\"streamed\":true,\"data\":\"words\",\"items\":3,\"seed\":7,\"phases\":{\"measure\":{"
    "\"requests\":230,\"duration_s\":19,\"concurrency\":64,\"arrival\":\"gamma\",\"rate\":50,"
    "\"burstiness\":0.5,\"shape\":{\"of\":\"rate\",\"kind\":\"spike\",\"stages\":["
    "{\"from\":10,\"to\":10,\"duration_s\":6,\"curve\":\"linear\",\"due\":60},"
    "{\"from\":50,\"to\":50,\"duration_s\":1,\"curve\":\"linear\",\"due\":50},"
    "{\"from\":10,\"to\":10,\"duration_s\":12,\"curve\":\"linear\",\"due\":120}]}}},"
    "\"cancel\":{\"share\":0.05,\"after_tokens\":2,\"after_s\":null}}";

static void put_in_stage(struct run *r, uint64_t i, uint16_t stage, tk_ns due, tk_ns wait)
{
    bool is_given_up = i >= 180 && i % 10 == 0;
    struct made m = {
        .index = i,
        .end = is_given_up ? TK_END_CANCELLED_BY_PLAN : TK_END_OK,
        .sent_at = MADE_SENT + due + wait,
        .due_before = wait,
        .has_trace = true,
        .events = three,
        .n_events = is_given_up ? 3 : TK_ARRAY_LEN(three),
        .output_tokens = is_given_up ? 0 : 3,
        .last_ms = is_given_up ? 70 : 82,
        .stage = stage,
        .more_flags = i >= 180 && i % 10 < 2 ? TK_REC_CANCEL_DUE : 0,
    };
    made_put(r->sink, r->pool, &m);
}

static void test_spike(void)
{
    struct run r;

    begin(&r, spike_plan);
    for (uint64_t i = 0; i < 60; i++)
        put_in_stage(&r, i, 1, (tk_ns)i * 100 * MS, 0);
    for (uint64_t i = 0; i < 50; i++)
        put_in_stage(&r, 60 + i, 2, (6000 + (tk_ns)i * 20) * MS, (tk_ns)i * 10 * MS);
    for (uint64_t i = 0; i < 120; i++)
        put_in_stage(&r, 110 + i, 3, (7000 + (tk_ns)i * 100) * MS, i < 40 ? 300 * MS : 0);
    finish(&r, 230);
    text_is(&r, "report/spike.txt");
    json_is(&r, "report/spike.json");
    r.summary->recovery.verdict = TK_RECOVERY_NOT_RECOVERED;
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    T_EQ_I(tk_report_text(&r.report, &out), 0, "text");
    T_OK(strstr(out.p, "not recovered within the 12.0 s after the spike's end that were watched"),
         "not recovered");
    r.summary->recovery.verdict = TK_RECOVERY_TOO_FEW;
    tk_buf_reset(&out);
    T_EQ_I(tk_report_text(&r.report, &out), 0, "text");
    T_OK(strstr(out.p, "not known: 60 requests were due before the spike, 50 are needed"),
         "too few");
    r.summary->recovery.verdict = TK_RECOVERY_FAILED_BEFORE;
    tk_buf_reset(&out);
    T_EQ_I(tk_report_text(&r.report, &out), 0, "text");
    T_OK(strstr(out.p, "not known: too many requests failed before the spike"), "failed before");
    tk_buf_release(&out);
    end(&r);
}

/* The line about the load, for each kind of it. */
static void test_loads(void)
{
    static const char *const t[][2] = {
        { "\"concurrency\":8,\"rate\":null,\"shape\":{\"of\":\"concurrency\",\"kind\":\"ramp\","
          "\"stages\":[{\"from\":1,\"to\":8,\"duration_s\":60,\"curve\":\"linear\"}]}",
          "closed load, 1 to 8 at a time in 1 m 00 s\n" },
        { "\"concurrency\":0,\"rate\":8,\"arrival\":\"poisson\",\"shape\":{\"of\":\"rate\","
          "\"kind\":\"ramp\",\"stages\":[{\"from\":1,\"to\":8,\"duration_s\":9,\"curve\":"
          "\"exponential\"},{\"from\":8,\"to\":8,\"duration_s\":1}]}",
          "open load, 1 to 8 requests/s in 9.00 s by the same factor each second, then 8, poisson\n" },
        { "\"concurrency\":4,\"rate\":8,\"arrival\":\"constant\",\"shape\":{\"of\":\"rate\","
          "\"kind\":\"stages\",\"stages\":[{\"from\":1,\"to\":8,\"duration_s\":9},"
          "{\"from\":8,\"to\":8,\"duration_s\":1}]}",
          "open load, 2 stages of requests/s, constant, at most 4 at a time\n" },
        { "\"concurrency\":8,\"rate\":null,\"shape\":{\"of\":\"concurrency\",\"kind\":\"spike\","
          "\"stages\":[{\"from\":1,\"to\":1,\"duration_s\":9},{\"from\":8,\"to\":8,\"duration_s\":"
          "1},{\"from\":1,\"to\":1,\"duration_s\":null}]}",
          "closed load, 1 at a time with a spike of 8 for 1.00 s after 9.00 s\n" },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(t); i++) {
        struct tk_buf plan = TK_BUF_INIT(4096), out = TK_BUF_INIT(1 << 20);
        struct run r;
        tk_buf_addf(&plan, "{\"phases\":{\"measure\":{%s}}}", t[i][0]);
        begin(&r, plan.p);
        put(&r, 0, TK_END_OK, 0, 0);
        finish(&r, 1);
        T_EQ_I(tk_report_text(&r.report, &out), 0, "text");
        T_OK(strstr(out.p, t[i][1]), "'%s' in '%.300s'", t[i][1], out.p);
        tk_buf_release(&out);
        tk_buf_release(&plan);
        end(&r);
    }
}

/* What the client's part says of odd runs. */
static void test_client(void)
{
    struct run r;
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    begin(&r, closed_plan);
    put(&r, 0, TK_END_OK, 0, 0);
    finish(&r, 1);
    put_health(&r, 1, 0.05);
    T_EQ_I(tk_report_client(&r.report, &out), 0, "all is well");
    T_OK(strstr(out.p, "Client      not the limit: "), "it was not the limit");
    T_OK(!strstr(out.p, "first token") && !strstr(out.p, "judged"), "there is nothing to say");
    r.summary->own.n_firsts_late = 1;
    r.report.health.records_full = 2;
    r.report.health.records_full_dur = 30 * MS;
    tk_report_judge(&r.report);
    tk_buf_reset(&out);
    T_EQ_I(tk_report_client(&r.report, &out), 0, "a first token that was read late, a slow disk");
    T_OK(strstr(out.p, "1 first token came in late reads with others behind"), "it is counted");
    T_OK(strstr(out.p, "Client      THE LIMIT:\n"), "it was the limit");
    T_OK(strstr(out.p, "slow-writer: releases that waited for the run file 2, limit 0\n"), "why");
    T_OK(strstr(out.p, "joined-firsts: "), "and another reason");
    T_OK(strstr(out.p, "touched: ttfb, "), "what it touches, for a block without marks");
    T_OK(strstr(out.p, "waited 2 times for its writer, 30.00 ms in all"), "for how long");
    r.report.has_health = false;
    r.summary->own.reading = (struct tk_delay){ 0 };
    r.summary->n_reads = 0;
    tk_report_judge(&r.report);
    tk_buf_reset(&out);
    T_EQ_I(tk_report_client(&r.report, &out), 0, "a run that was killed, and had no traces");
    T_OK(strstr(out.p, "not judged: processors"), "says what is not judged");
    T_OK(strstr(out.p, "not judged: late reading (no reads were recorded)"), "of reading too");
    tk_buf_release(&out);
    end(&r);
}

static void test_nothing(void)
{
    struct run r;

    begin(&r, closed_plan);
    put(&r, 0, TK_END_CONNECT, 0, 0);
    finish(&r, -1);
    r.report.is_cut = true;
    tk_report_judge(&r.report);
    text_is(&r, "report/nothing.txt");
    end(&r);
}

/* The first one was stopped before its load began. */
static void test_segments(void)
{
    static const struct tk_segment segments[] = {
        { .number = 1 },
        { .number = 2, .begin_at = 5 * TK_NS_PER_S, .end_at = 6 * TK_NS_PER_S },
        { .number = 3, .begin_at = 6 * TK_NS_PER_S, .end_at = 8 * TK_NS_PER_S },
    };
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    struct run r;

    begin(&r, closed_plan);
    put(&r, 0, TK_END_OK, 0, 0);
    finish(&r, -1);
    r.report.segments = segments;
    r.report.n_segments = TK_ARRAY_LEN(segments);
    T_EQ_I(tk_report_text(&r.report, &out), 0, "segments: text");
    T_OK(strstr(out.p, "resumed: 2 segments, 1.00 s + 2.00 s; the time"),
         "segments: those that began");
    T_OK(!strstr(out.p, "before the run was resumed"),
         "segments: without health nothing is judged");
    put_health(&r, 1, 0.1);
    tk_buf_reset(&out);
    T_EQ_I(tk_report_text(&r.report, &out), 0, "segments: text with health");
    T_OK(strstr(out.p, "not judged: processors, the run file's writer before the run was resumed"),
         "segments: health is of the last one alone");
    tk_buf_release(&out);
    end(&r);
}

static void test_numbers(void)
{
    char out[32];

    T_EQ_S(tk_report_ms(0.0214, out), "0.021", "small");
    T_EQ_S(tk_report_ms(52.314, out), "52.31", "tens");
    T_EQ_S(tk_report_ms(9.9996, out), "10.00", "rounded to ten: as many digits as 10.01 has");
    T_EQ_S(tk_report_ms(999.96, out), "1000", "rounded to a thousand");
    T_EQ_S(tk_report_ms(987.65, out), "987.6", "hundreds");
    T_EQ_S(tk_report_ms(15034.2, out), "15034", "thousands");
    T_EQ_S(tk_report_ms(INFINITY, out), "inf", "infinite");
    T_EQ_S(tk_report_ms(NAN, out), "-", "none");
    T_EQ_S(tk_report_percent(99.9, out), "99.9", "99.9");
    T_EQ_S(tk_report_percent(50, out), "50", "50");
}

static void test_plan(void)
{
    struct tk_arena arena;
    struct tk_report_plan p;

    tk_arena_init(&arena, 0);
    T_EQ_I(tk_report_plan_read(TK_STR("{\"phases\":{\"measure\":{\"rate\":\"inf\"}},\"model\":1}"),
                               &arena, &p),
           0, "odd plan");
    T_OK(isinf(p.rate), "infinite rate");
    T_OK(!p.model, "what is no text is not there");
    T_EQ_I(p.shape.of, TK_SHAPE_NONE, "no shape");
    T_EQ_I(tk_report_plan_read(TK_STR("{\"phases\":{\"measure\":{\"concurrency\":9,\"arrival\":"
                                      "\"closed\",\"shape\":{\"of\":\"concurrency\",\"stages\":"
                                      "[{\"from\":1,\"to\":9}]}}}}"),
                               &arena, &p),
           0, "a plan with a shape");
    T_EQ_U(tk_report_asked(&p, false).permits, 0, "permits that change are no fixed number");
    T_OK(!tk_report_asked(&p, false).is_scheduled, "closed is without a schedule");
    T_EQ_I(tk_report_plan_read(TK_STR("[1]"), &arena, &p), TK_E_FORMAT, "no object");
    T_EQ_I(tk_report_plan_read(TK_STR(""), &arena, &p), TK_E_FORMAT, "empty");
    tk_arena_release(&arena);
}

int main(void)
{
    test_closed();
    test_open();
    test_spike();
    test_loads();
    test_client();
    test_nothing();
    test_segments();
    test_numbers();
    test_plan();
    return T_DONE();
}
