/* test_result.c - objectives and percentiles, facts of a run file, names of run files */
#include "cli/result.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/facts.h"
#include "cli/runfile_name.h"
#include "tap.h"

static void test_opts(void)
{
    const char *words[] = { "ttft=500ms, tpot=50ms", "itl=1.5s", "output_tokens=7" };
    struct tk_opt_list list = { words, 3 };
    struct tk_result_opts o;
    struct tk_err err = { 0 };

    T_EQ_I(tk_result_opts_parse(&list, "99,50, 99.9", &o, &err), 0, "parsed: %s", err.msg);
    T_EQ_U(o.n_percentiles, 3, "three percentiles");
    T_NEAR(o.percentiles[0], 50, 0, "in ascending order");
    T_NEAR(o.percentiles[2], 99.9, 0, "to the last");
    T_EQ_U(o.n_slos, 4, "four objectives");
    T_EQ_I(o.slos[0].metric, TK_METRIC_TTFT, "ttft");
    T_EQ_I(o.slos[0].limit, 500 * TK_NS_PER_MS, "its limit");
    T_EQ_I(o.slos[2].metric, TK_METRIC_CHUNK_GAP, "itl is the gap between chunks");
    T_EQ_I(o.slos[3].limit, 7, "tokens have no unit");
}

static void test_bad_opts(void)
{
    static const char *const bad[] = { "ttft", "ttft=5", "ttft=xs", "nope=5ms", "=5ms", "" };
    static const char *const bad_percentiles[] = { "x", "101", "-1", "50,", "nan" };

    for (size_t i = 0; i < TK_ARRAY_LEN(bad); i++) {
        const char *words[] = { bad[i] };
        struct tk_opt_list list = { words, 1 };
        struct tk_result_opts o;
        struct tk_err err = { 0 };
        T_OK(tk_result_opts_parse(&list, NULL, &o, &err) < 0, "'%s': %s", bad[i], err.msg);
    }
    for (size_t i = 0; i < TK_ARRAY_LEN(bad_percentiles); i++) {
        struct tk_opt_list none = { NULL, 0 };
        struct tk_result_opts o;
        struct tk_err err = { 0 };
        T_OK(tk_result_opts_parse(&none, bad_percentiles[i], &o, &err) < 0, "'%s': %s",
             bad_percentiles[i], err.msg);
    }
}

static void test_facts(void)
{
    struct tk_sink_conf conf = { .max_memory_bytes = 1 << 20 };
    struct tk_sink *sink = NULL;
    struct tk_records *records = NULL;
    struct tk_facts in = { .has_totals = true, .has_health = true, .wall_begin = 7 }, out;

    in.is_interrupted = true;
    in.totals[TK_PHASE_MEASURE] = (struct tk_load_totals){
        .planned = 9, .sent = 8, .not_sent = 1, .begin_at = 5, .end_at = 6
    };
    tk_health_init(&in.health);
    in.health.conns_opened = 3;
    tk_health_add_worker(&in.health,
                         &(struct tk_health_worker){ .cpu = 11, .max_cpu = 0.25, .span = 7 });
    T_EQ_I(tk_sink_new(&conf, &sink, NULL), 0, "sink");
    T_EQ_I(tk_facts_put(&in, sink), 0, "put");
    T_EQ_I(tk_sink_finish(sink, NULL), 0, "finish");
    T_EQ_I(tk_sink_records(sink, &records, NULL), 0, "records");
    tk_facts_get(records, &out);
    T_OK(out.has_totals && out.has_health && out.is_interrupted, "what is there");
    T_EQ_I(out.wall_begin, 7, "when it began");
    T_OK(memcmp(in.totals, out.totals, sizeof(in.totals)) == 0, "totals");
    T_EQ_U(out.health.conns_opened, 3, "health: a count");
    T_EQ_U(out.health.n_workers, 1, "health: a small count");
    T_EQ_I(out.health.workers[0].span, 7, "health: of a worker");
    T_EQ_I(out.health.cpu, 11, "health: a time");
    T_NEAR(out.health.max_worker_cpu, 0.25, 0, "health: a share");
    tk_records_free(records);
    tk_sink_free(sink);
}

static void touch(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (f) {
        fputs(text, f);
        fclose(f);
    }
}

static void test_names(void)
{
    char folder[] = "/tmp/tk-name-XXXXXX";
    struct tk_buf out = TK_BUF_INIT(4096);

    if (!T_OK(mkdtemp(folder) && chdir(folder) == 0, "folder"))
        return;
    T_EQ_I(tk_runfile_name_now(&out, NULL), 0, "by the clock");
    T_OK(tk_str_starts(tk_buf_str(&out), TK_STR("tokmark-20")), "%s", out.p);
    T_EQ_I(tk_runfile_name_beside("a/b.json", true, &out, NULL), 0, "beside");
    T_EQ_S(out.p, "a/b.tokmark", "for .json");
    T_EQ_I(tk_runfile_name_beside("out", true, &out, NULL), 0, "beside");
    T_EQ_S(out.p, "out.tokmark", "behind anything else");
    touch("out.tokmark", "SQLite format 3");
    T_EQ_I(tk_runfile_name_beside("out.json", true, &out, NULL), 0, "kept");
    T_EQ_S(out.p, "out-2.tokmark", "with a number");
    T_OK(tk_runfile_make_room("out.tokmark", false, NULL) < 0, "an existing one is an error");
    T_OK(tk_runfile_name_beside("out.json", false, &out, NULL) < 0, "what is none is left alone");
    touch("empty.tokmark", "");
    T_EQ_I(tk_runfile_make_room("empty.tokmark", true, NULL), 0, "an empty one goes");
    T_OK(access("empty.tokmark", F_OK) != 0, "and is gone");
    T_EQ_I(tk_runfile_make_room("none.tokmark", false, NULL), 0, "nothing in the way");
    unlink("out.tokmark");
    T_EQ_I(chdir("/") | rmdir(folder), 0, "cleaned up");
    tk_buf_release(&out);
}

int main(void)
{
    test_opts();
    test_bad_opts();
    test_facts();
    test_names();
    return T_DONE();
}
