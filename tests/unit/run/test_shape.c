/* test_shape.c - stages: their words and integrals, the permits, JSON both ways */
#include "run/shape.h"

#include <errno.h>
#include <math.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "lib/failmalloc.h"
#include "tap.h"

#define S TK_NS_PER_S
#define MS TK_NS_PER_MS

static struct tk_arena arena;

static int parse(const char *text, enum tk_curve curve, struct tk_shape *ret, struct tk_err *e)
{
    struct tk_shape_words w = { .option = "--stages", .text = tk_str_of(text), .curve = curve };

    return tk_shape_parse(&w, &arena, ret, e);
}

static void test_words(void)
{
    struct tk_shape s;
    struct tk_err e = { 0 };
    char text[64];

    T_EQ_I(parse("10/s@60s, 1..50/s@1m30s,120/m@250ms", TK_CURVE_LINEAR, &s, &e), 0, "rates: %s",
           e.msg);
    T_EQ_I(s.of, TK_SHAPE_RATE, "of rates");
    T_EQ_U(s.n, 3, "three stages");
    T_NEAR(s.stages[1].from, 1, 0, "the unit of the second level is the first one's too");
    T_NEAR(s.stages[1].to, 50, 0, "to");
    T_EQ_I(s.stages[1].duration, 90 * S, "for");
    T_NEAR(s.stages[2].from, 2, 0, "per minute");
    T_EQ_I(tk_shape_duration(&s), 150 * S + 250 * MS, "all of it");
    T_NEAR(tk_shape_peak(&s), 50, 0, "the highest");
    T_EQ_S(tk_stage_text(&s.stages[1], s.of, text), "1 to 50/s", "as words");
    T_EQ_S(tk_stage_text(&s.stages[2], s.of, text), "2/s", "as words");

    T_EQ_I(parse("60/m..2/s@1s", TK_CURVE_LINEAR, &s, &e), 0, "two units");
    T_NEAR(s.stages[0].from, 1, 0, "each counts");
    T_EQ_I(parse("30..120/m@1s", TK_CURVE_LINEAR, &s, &e), 0, "per minute, both");
    T_NEAR(s.stages[0].from, 0.5, 0, "both");

    T_EQ_I(parse("8@60s,8..64@30s,0@1s", TK_CURVE_EXPONENTIAL, &s, &e), 0, "permits: %s", e.msg);
    T_EQ_I(s.of, TK_SHAPE_CONCURRENCY, "of permits");
    T_EQ_I(s.stages[1].curve, TK_CURVE_EXPONENTIAL, "the curve");
    T_EQ_S(tk_stage_text(&s.stages[1], s.of, text), "8 to 64, exponential", "as words");

    struct tk_shape_words w = { .option = "--ramp", .text = TK_STR_INIT("1..5"), .duration = S };
    T_EQ_I(tk_shape_parse(&w, &arena, &s, &e), 0, "a stage without a time");
    T_EQ_I(s.stages[0].duration, S, "takes the one that is given");
}

static void test_bad_words(void)
{
    static const struct {
        const char *text, *says;
        int code;
    } t[] = {
        { "", "for how long is ''", TK_E_FORMAT },
        { "10/s", "for how long is '10/s'", TK_E_FORMAT },
        { "@5s", "LEVEL@TIME", TK_E_FORMAT },
        { "10/s@", "lasts for a time", TK_E_FORMAT },
        { "10/s@0s", "lasts for a time", TK_E_RANGE },
        { "10/s@-1s", "lasts for a time", TK_E_FORMAT },
        { "10/s@300000h", "lasts for a time", TK_E_RANGE },
        { "10/x@5s", "LEVEL@TIME", TK_E_FORMAT },
        { "-1/s@5s", "at most 1e9/s", TK_E_RANGE },
        { "inf/s@5s", "at most 1e9/s", TK_E_RANGE },
        { "1.5@5s", "LEVEL@TIME", TK_E_FORMAT },
        { "2000000@5s", "at most", TK_E_RANGE },
        { "1..@5s", "LEVEL@TIME", TK_E_FORMAT },
        { "..5@5s", "LEVEL@TIME", TK_E_FORMAT },
        { "1/s..5@5s", "LEVEL@TIME", TK_E_FORMAT },
        { "10/s@5s,8@5s", "is a concurrency, the stages before it are of a rate", TK_E_FORMAT },
        { "10/s@5s,", "for how long is ''", TK_E_FORMAT },
        { "0/s@5s,0/s@1s", "every stage is at 0", TK_E_RANGE },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(t); i++) {
        struct tk_err e = { 0 };
        struct tk_shape s;
        T_EQ_I(parse(t[i].text, TK_CURVE_LINEAR, &s, &e), t[i].code, "'%s': %s", t[i].text, e.msg);
        T_OK(strstr(e.msg, t[i].says) && strstr(e.msg, "--stages"), "'%s' says why: %s", t[i].text,
             e.msg);
    }
    struct tk_err e = { 0 };
    struct tk_shape s;
    T_EQ_I(parse("0..5/s@5s", TK_CURVE_EXPONENTIAL, &s, &e), TK_E_RANGE, "from 0: %s", e.msg);
    T_EQ_I(parse("5..0@5s", TK_CURVE_EXPONENTIAL, &s, &e), TK_E_RANGE, "to 0: %s", e.msg);
    char many[TK_SHAPE_MAX_STAGES * 5 + 5] = "1@1s";
    for (size_t i = 0; i < TK_SHAPE_MAX_STAGES; i++)
        memcpy(many + 4 + 5 * i, ",1@1s", 6);
    T_EQ_I(parse(many, TK_CURVE_LINEAR, &s, &e), TK_E_LIMIT, "too many: %s", e.msg);
    T_EQ_I(parse("1@6000000s,1@6000000s", TK_CURVE_LINEAR, &s, &e), TK_E_RANGE, "too long: %s",
           e.msg);
    many[4 + 5 * (TK_SHAPE_MAX_STAGES - 1)] = '\0';
    T_EQ_I(parse(many, TK_CURVE_LINEAR, &s, &e), 0, "as many as may be: %s", e.msg);
}

/* What the closed forms are the integral of. */
static double level_at(const struct tk_stage *s, double at_s)
{
    double part = at_s / ((double)s->duration / S);

    return s->curve == TK_CURVE_EXPONENTIAL ? s->from * pow(s->to / s->from, part)
                                            : s->from + (s->to - s->from) * part;
}

static void test_integral(void)
{
    const struct tk_stage t[] = {
        { .from = 10, .to = 10, .duration = 4 * S },
        { .from = 2, .to = 12, .duration = 4 * S },
        { .from = 12, .to = 2, .duration = 4 * S },
        { .from = 0, .to = 12, .duration = 4 * S },
        { .from = 2, .to = 32, .duration = 4 * S, .curve = TK_CURVE_EXPONENTIAL },
        { .from = 32, .to = 2, .duration = 4 * S, .curve = TK_CURVE_EXPONENTIAL },
    };

    T_NEAR(tk_stage_whole_area(&t[0]), 40, 0, "level");
    T_NEAR(tk_stage_whole_area(&t[1]), 28, 1e-12, "a ramp is the mean times the length");
    T_NEAR(tk_stage_whole_area(&t[4]), 30 / log(2), 1e-9, "a factor of 2 each second");
    for (size_t i = 0; i < TK_ARRAY_LEN(t); i++) {
        double sum = 0, before = 0; /* by the trapezium rule, which knows no closed form */
        for (int k = 0; k <= 4000; k++) {
            double now = level_at(&t[i], k / 1000.0);
            sum += k ? (before + now) / 2000 : 0;
            before = now;
        }
        T_NEAR(tk_stage_whole_area(&t[i]), sum, 1e-5, "stage %zu: the integral", i);
        for (int k = 1; k < 32; k += 2) {
            double at = k / 8.0;
            T_NEAR(tk_stage_area_at(&t[i], tk_stage_area(&t[i], at)), at, 1e-12,
                   "stage %zu: back from the integral at %g s", i, at);
        }
    }
}

static void test_stage_at(void)
{
    struct tk_shape s;

    T_EQ_I(parse("1@1s,2@2s,3@3s", TK_CURVE_LINEAR, &s, NULL), 0, "three");
    T_EQ_U(tk_shape_stage_at(&s, 0), 1, "the first");
    T_EQ_U(tk_shape_stage_at(&s, S - 1), 1, "to its end");
    T_EQ_U(tk_shape_stage_at(&s, S), 2, "which is not in it");
    T_EQ_U(tk_shape_stage_at(&s, 5 * S), 3, "the third");
    T_EQ_U(tk_shape_stage_at(&s, 50 * S), 3, "what comes late is in the last one");
    T_EQ_I(tk_shape_begin_of(&s, 3), 3 * S, "where it begins");
    s.stages[2].duration = 0;
    T_EQ_I(tk_shape_duration(&s), 0, "no end");
    T_EQ_U(tk_shape_stage_at(&s, 500 * S), 3, "goes on");
    s = (struct tk_shape){ 0 };
    T_EQ_U(tk_shape_stage_at(&s, 5), 0, "there are none");
}

/* 2, 4 at once, 4 to 1 in 3 s, and 1 to 4 by the same factor. */
static void test_steps(void)
{
    static const struct tk_permit_step want[] = {
        { 0, 2 },         { S, 4 },          { 2500 * MS, 3 },  { 3500 * MS, 2 },
        { 4500 * MS, 1 }, { 5584962501, 2 }, { 6321928095, 3 }, { 6807354922, 4 },
    };
    struct tk_permit_step got[16];
    struct tk_shape s, up;

    T_EQ_I(parse("2@1s,4@1s,4..1@3s", TK_CURVE_LINEAR, &s, NULL), 0, "down");
    T_EQ_I(parse("1..4@2s", TK_CURVE_EXPONENTIAL, &up, NULL), 0, "up");
    s.stages[s.n++] = up.stages[0];
    int64_t n = tk_shape_steps(&s, got, 16);
    T_EQ_I(n, TK_ARRAY_LEN(want), "as many changes");
    for (size_t i = 0; i < TK_ARRAY_LEN(want) && i < (size_t)n; i++) {
        T_EQ_I(got[i].at, want[i].at, "change %zu: when", i);
        T_EQ_U(got[i].permits, want[i].permits, "change %zu: to", i);
    }
    T_EQ_I(tk_shape_steps(&s, NULL, 0), n, "counted only");
    T_EQ_I(parse("1..1000000@1s,1000000..1@1s,1..1000000@1s,1000000..1@1s,1..1000000@1s",
                 TK_CURVE_LINEAR, &s, NULL),
           0, "too many");
    T_EQ_I(tk_shape_steps(&s, NULL, 0), TK_E_LIMIT, "there is a bound");
    T_EQ_I(parse("5/s@1s", TK_CURVE_LINEAR, &s, NULL), 0, "a rate");
    T_EQ_I(tk_shape_steps(&s, NULL, 0), 0, "has no permits");
}

static void test_json(void)
{
    static const char want[] =
        "{\"of\":\"rate\",\"kind\":\"stages\",\"stages\":[{\"from\":1.0,\"to\":50.5,"
        "\"duration_s\":0.25,\"curve\":\"exponential\",\"due\":7},{\"from\":50.5,\"to\":50.5,"
        "\"duration_s\":null,\"curve\":\"linear\",\"due\":0}]}";
    static const char *const bad[] = { "[]",
                                       "{}",
                                       "{\"of\":\"rate\"}",
                                       "{\"of\":\"x\",\"stages\":[{}]}",
                                       "{\"of\":\"rate\",\"stages\":[{\"from\":\"x\"}]}",
                                       "{\"of\":\"rate\",\"stages\":[{\"duration_s\":-1}]}",
                                       "{\"of\":\"rate\",\"stages\":[{\"duration_s\":1e99}]}",
                                       "{\"of\":\"rate\",\"stages\":{}}" };
    struct tk_buf out = TK_BUF_INIT(4096);
    struct tk_json *j = tk_json_new(4096);
    struct tk_json_val root;
    struct tk_jsonw w;
    struct tk_shape s, back;
    char copy[1024] = { 0 };

    T_EQ_I(parse("1..50.5/s@250ms", TK_CURVE_EXPONENTIAL, &s, NULL), 0, "a shape");
    s.stages[0].n_due = 7;
    s.stages[s.n++] = (struct tk_stage){ .from = 50.5, .to = 50.5 };
    tk_jsonw_init(&w, &out, TK_JSONW_COMPACT);
    tk_shape_put_json(&s, &w);
    T_EQ_S(out.p, want, "written");
    memcpy(copy, out.p, out.n);
    T_EQ_I(tk_json_parse(j, copy, out.n, &root), 0, "parsed");
    T_EQ_I(tk_shape_get_json(&root, &arena, &back), 0, "read");
    T_OK(back.of == s.of && back.kind == s.kind && back.n == 2, "the same");
    for (size_t i = 0; i < back.n; i++)
        T_OK(back.stages[i].from == s.stages[i].from && back.stages[i].to == s.stages[i].to &&
                 back.stages[i].duration == s.stages[i].duration &&
                 back.stages[i].curve == s.stages[i].curve &&
                 back.stages[i].n_due == s.stages[i].n_due,
             "stage %zu is the same", i);
    for (size_t i = 0; i < TK_ARRAY_LEN(bad); i++) {
        memset(copy, 0, sizeof(copy));
        memcpy(copy, bad[i], strlen(bad[i]));
        T_EQ_I(tk_json_parse(j, copy, strlen(bad[i]), &root), 0, "parsed");
        int rc = tk_shape_get_json(&root, &arena, &back);
        T_OK(rc < 0 && back.of == TK_SHAPE_NONE && back.n == 0, "refused: %s", bad[i]);
    }
    tk_buf_reset(&out);
    s = (struct tk_shape){ 0 };
    tk_jsonw_init(&w, &out, TK_JSONW_COMPACT);
    tk_shape_put_json(&s, &w);
    T_EQ_S(out.p, "null", "none");
    memcpy(copy, "null", 5);
    T_EQ_I(tk_json_parse(j, copy, 4, &root), 0, "parsed");
    T_EQ_I(tk_shape_get_json(&root, &arena, &back), 0, "none again");
    T_EQ_I(back.of, TK_SHAPE_NONE, "none again");
    tk_json_free(j);
    tk_buf_release(&out);
}

static void test_memory(void)
{
    struct tk_arena small;
    struct tk_shape s;
    struct tk_err e = { 0 };
    struct tk_shape_words w = { .option = "--stages", .text = TK_STR_INIT("1/s@1s,2/s@1s") };

    tk_arena_init(&small, 0);
    tk_failmalloc_at(1);
    int rc = tk_shape_parse(&w, &small, &s, &e);
    tk_failmalloc_off();
    T_EQ_I(rc, -ENOMEM, "no memory for the stages: %s", e.msg);

    struct tk_json *j = tk_json_new(4096);
    struct tk_json_val root;
    char text[256] = "{\"of\":\"rate\",\"stages\":[{\"from\":1}]}";
    T_EQ_I(tk_json_parse(j, text, strlen(text), &root), 0, "parsed");
    tk_failmalloc_at(1);
    rc = tk_shape_get_json(&root, &small, &s);
    tk_failmalloc_off();
    T_OK(rc == -ENOMEM && s.n == 0, "no memory for the stages of a file");
    tk_json_free(j);
    tk_arena_release(&small);
}

int main(void)
{
    tk_arena_init(&arena, 0);
    test_words();
    test_bad_words();
    test_integral();
    test_stage_at();
    test_steps();
    test_json();
    test_memory();
    T_EQ_S(tk_shape_of_word((enum tk_shape_of)9), "unknown", "no such word");
    T_EQ_S(tk_shape_kind_word((enum tk_shape_kind)9), "unknown", "no such word");
    T_EQ_S(tk_curve_word((enum tk_curve)9), "unknown", "no such word");
    tk_arena_release(&arena);
    return T_DONE();
}
