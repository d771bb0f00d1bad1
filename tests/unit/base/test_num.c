/* test_num.c - base/num.h, and the numbers of base/json.h */
#include "lib/tap.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/num.h"
#include "base/rand.h"
#include "base/str.h"

static void i64(const char *in, int want_rc, int64_t want)
{
    int64_t got = 77;
    T_EQ_I(tk_num_parse_i64(tk_str_of(in), INT64_MIN, INT64_MAX, &got), want_rc, "i64 '%s'", in);
    T_EQ_I(got, want_rc ? 77 : want, "i64 '%s': value", in);
}

static void count(const char *in, int want_rc, int64_t want)
{
    int64_t got = 77;
    T_EQ_I(tk_num_parse_count(tk_str_of(in), -1, INT64_MAX, &got), want_rc, "count '%s'", in);
    T_EQ_I(got, want_rc ? 77 : want, "count '%s': value", in);
}

static void dur(const char *in, int want_rc, tk_ns want)
{
    tk_ns got = 77;
    T_EQ_I(tk_num_parse_dur(tk_str_of(in), &got), want_rc, "dur '%s'", in);
    T_EQ_I(got, want_rc ? 77 : want, "dur '%s': value", in);
}

static void rate(const char *in, int want_rc, double want)
{
    double got = 77;
    T_EQ_I(tk_num_parse_rate(tk_str_of(in), &got), want_rc, "rate '%s'", in);
    T_NEAR(got, want_rc ? 77 : want, 0, "rate '%s': value", in);
}

static void share(const char *in, int want_rc, double want)
{
    double got = 77;
    T_EQ_I(tk_num_parse_share(tk_str_of(in), &got), want_rc, "share '%s'", in);
    T_NEAR(got, want_rc ? 77 : want, 0, "share '%s': value", in);
}

static void hex(const char *in, int want_rc, uint64_t want)
{
    uint64_t got = 77;
    T_EQ_I(tk_num_parse_hex(tk_str_of(in), &got), want_rc, "hex '%s'", in);
    T_EQ_U(got, want_rc ? 77 : want, "hex '%s': value", in);
}

static void real(const char *in, int want_rc, double want)
{
    double got = 77;
    T_EQ_I(tk_num_parse_double(tk_str_of(in), &got), want_rc, "double '%s'", in);
    T_NEAR(got, want_rc ? 77 : want, 0, "double '%s': value", in);
}

static void shortest(double d, const char *want)
{
    char out[32];
    size_t n = tk_num_shortest(d, out);
    T_EQ_N(out, n, want, strlen(want), "shortest %s", want);
}

static void format(tk_ns d, const char *want)
{
    char out[32];
    T_EQ_S(tk_num_format_dur(d, out), want, "format %" PRId64, d);
}

static void integers(void)
{
    int64_t got = 77;
    i64("0", 0, 0);
    i64("-5", 0, -5);
    i64("+5", 0, 5);
    i64("007", 0, 7);
    i64("9223372036854775807", 0, INT64_MAX);
    i64("-9223372036854775808", 0, INT64_MIN);
    i64("9223372036854775808", TK_E_RANGE, 0);
    i64("-9223372036854775809", TK_E_RANGE, 0);
    i64("99999999999999999999999", TK_E_RANGE, 0);
    i64("99999999999999999999999x", TK_E_FORMAT, 0);
    i64("", TK_E_FORMAT, 0);
    i64("-", TK_E_FORMAT, 0);
    i64("--1", TK_E_FORMAT, 0);
    i64("1 ", TK_E_FORMAT, 0);
    i64("0x1", TK_E_FORMAT, 0);
    T_EQ_I(tk_num_parse_i64(TK_STR("4"), 5, 9, &got), TK_E_RANGE, "below the minimum");
    T_EQ_I(tk_num_parse_i64(TK_STR("10"), 5, 9, &got), TK_E_RANGE, "above the maximum");
    T_EQ_I(tk_num_parse_i64(TK_STR("9"), 5, 9, &got), 0, "at the maximum");

    count("10", 0, 10);
    count("10k", 0, 10000);
    count("1.5M", 0, 1500000);
    count("2G", 0, 2000000000);
    count("2Ki", 0, 2048);
    count("1.5Mi", 0, 1572864);
    count("1Gi", 0, 1 << 30);
    count("1.000", 0, 1);
    count("-1", 0, -1);
    count("-2", TK_E_RANGE, 0);
    count("1.5", TK_E_FORMAT, 0);
    count("1.0005k", TK_E_FORMAT, 0);
    count("10x", TK_E_FORMAT, 0);
    count("k", TK_E_FORMAT, 0);
    count("1.k", TK_E_FORMAT, 0);
    count("", TK_E_FORMAT, 0);
    count("9223372036854775807G", TK_E_RANGE, 0);
    count("1.99999999999999999999", TK_E_RANGE, 0);
    count("99999999999999999999", TK_E_RANGE, 0);

    hex("0", 0, 0);
    hex("dEaD", 0, 0xDEAD);
    hex("ffffffffffffffff", 0, UINT64_MAX);
    hex("0000000000000000000f", 0, 15);
    hex("10000000000000000", TK_E_RANGE, 0);
    hex("", TK_E_FORMAT, 0);
    hex("0x1", TK_E_FORMAT, 0);
    hex("1g", TK_E_FORMAT, 0);
}

static void durations(void)
{
    dur("250us", 0, 250000);
    dur("7ns", 0, 7);
    dur("20ms", 0, 20000000);
    dur("30s", 0, 30 * TK_NS_PER_S);
    dur("30", 0, 30 * TK_NS_PER_S);
    dur("0.1", 0, 100000000);
    dur("0", 0, 0);
    dur("5m", 0, 300 * TK_NS_PER_S);
    dur("2h", 0, 7200 * TK_NS_PER_S);
    dur("1.5s", 0, 1500000000);
    dur("1m30s", 0, 90 * TK_NS_PER_S);
    dur("1h0.5m", 0, 3630 * TK_NS_PER_S);
    dur("0.1234567899s", 0, 123456789);
    dur("", TK_E_FORMAT, 0);
    dur("s", TK_E_FORMAT, 0);
    dur("-1s", TK_E_FORMAT, 0);
    dur("1x", TK_E_FORMAT, 0);
    dur("1 s", TK_E_FORMAT, 0);
    dur("1m30", TK_E_FORMAT, 0);
    dur("30s1m", TK_E_FORMAT, 0);
    dur("1s1s", TK_E_FORMAT, 0);
    dur("1.s", TK_E_FORMAT, 0);
    dur("9999999999999999", TK_E_RANGE, 0);
    dur("99999999999999999999s", TK_E_RANGE, 0);

    format(0, "0 ns");
    format(999, "999 ns");
    format(1000, "1.00 us");
    format(250000, "250 us");
    format(9994, "9.99 us");
    format(9996, "10.0 us");
    format(999499, "999 us");
    format(999500, "1.00 ms");
    format(12345678, "12.3 ms");
    format(1500000000, "1.50 s");
    format(INT64_C(59949999999), "59.9 s");
    format(INT64_C(59950000000), "1 m 00 s");
    format(125 * TK_NS_PER_S, "2 m 05 s");
    format(3725 * TK_NS_PER_S, "1 h 02 m");
    format(-12345678, "-12.3 ms");
    format(INT64_MIN, "-2562047 h 47 m");
}

static void doubles(void)
{
    rate("10", 0, 10);
    rate("0.5", 0, 0.5);
    rate("10/s", 0, 10);
    rate("600/m", 0, 10);
    rate("600/min", 0, 10);
    rate("7200/h", 0, 2);
    rate("inf", 0, HUGE_VAL);
    rate("0", 0, 0);
    rate("-1", TK_E_RANGE, 0);
    rate("nan", TK_E_RANGE, 0);
    rate("1e999", TK_E_RANGE, 0);
    rate("10/", TK_E_FORMAT, 0);
    rate("10/x", TK_E_FORMAT, 0);
    rate("", TK_E_FORMAT, 0);

    share("5%", 0, 0.05);
    share("12.5 %", 0, 0.125);
    share("0.05", 0, 0.05);
    share("0", 0, 0);
    share("100%", 0, 1);
    share("1", 0, 1);
    share("101%", TK_E_RANGE, 0);
    share("5", TK_E_RANGE, 0);
    share("-1%", TK_E_RANGE, 0);
    share("nan", TK_E_RANGE, 0);
    share("%", TK_E_FORMAT, 0);
    share("5%%", TK_E_FORMAT, 0);
    share("", TK_E_FORMAT, 0);

    real("1", 0, 1);
    real("+1.5", 0, 1.5);
    real("-1.5e3", 0, -1500);
    real(".5", 0, 0.5);
    real("5.", 0, 5);
    real("0.1", 0, 0.1);
    real("Infinity", 0, HUGE_VAL);
    real("-INF", 0, -HUGE_VAL);
    real("NaN", 0, NAN);
    real("1.7976931348623157e308", 0, DBL_MAX);
    real("5e-324", 0, 5e-324);
    real("1e-400", 0, 0);
    real("0.000000000000000000001e-310", 0, 0);
    real("1e400", TK_E_RANGE, 0);
    real("-1e400", TK_E_RANGE, 0);
    real("1000000000000000000000e300", TK_E_RANGE, 0);
    real("1e99999999999999999999", TK_E_RANGE, 0);
    real("1e-99999999999999999999", 0, 0);
    real("", TK_E_FORMAT, 0);
    real("+", TK_E_FORMAT, 0);
    real("+-1", TK_E_FORMAT, 0);
    real("1x", TK_E_FORMAT, 0);
    real("1,5", TK_E_FORMAT, 0);
    real("0x10", TK_E_FORMAT, 0);
    real("nan(1)", TK_E_FORMAT, 0);
    real(" 1", TK_E_FORMAT, 0);
    real("1e", TK_E_FORMAT, 0);
    real(".", TK_E_FORMAT, 0);
}

/* The fewest digits of printf that read back, in the form of Python's repr. */
static void fewest_digits(double d, char *out)
{
    char text[40], digits[20];
    int precision = 0, n = 0;
    int64_t exponent = 0;
    double back = 0;

    do {
        snprintf(text, sizeof(text), "%.*e", precision, d);
        (void)tk_num_parse_double(tk_str_of(text), &back);
    } while (back != d && ++precision < 17);
    for (const char *p = text; *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    }
    digits[n] = '\0';
    const char *e = strchr(text, 'e') + 1;
    (void)tk_num_parse_i64(tk_str_of(e + (*e == '+')), -400, 400, &exponent);
    int power = (int)exponent;
    if (power < -4 || power >= 16)
        snprintf(out, 40, "%s", text);
    else if (power < 0)
        snprintf(out, 40, "%s0.%.*s%s", signbit(d) ? "-" : "", -power - 1, "0000", digits);
    else if (n > power + 1)
        snprintf(out, 40, "%s%.*s.%s", signbit(d) ? "-" : "", power + 1, digits,
                 digits + power + 1);
    else
        snprintf(out, 40, "%s%s%.*s.0", signbit(d) ? "-" : "", digits, power + 1 - n,
                 "0000000000000000");
}

/* Nanoseconds in seconds take a short way; their neighbours and differences mostly do not. */
static void test_shortest_random(void)
{
    uint64_t state = 1;
    int n_wrong = 0;

    for (int i = 0; i < 20000; i++) {
        uint64_t a = tk_splitmix_next(&state) >> (14 + i % 50),
                 b = tk_splitmix_next(&state) >> (14 + i % 41);
        double seconds = (double)a / 1e9;
        const double values[] = { seconds,
                                  -seconds,
                                  nextafter(seconds, 1e300),
                                  nextafter(seconds, 0),
                                  seconds - (double)b / 1e9,
                                  (double)a / (double)(b + 1) };
        for (size_t k = 0; k < TK_ARRAY_LEN(values); k++) {
            char got[33], want[40];
            got[tk_num_shortest(values[k], got)] = '\0';
            fewest_digits(values[k], want);
            if (strcmp(got, want) != 0 && n_wrong++ < 5)
                T_EQ_S(got, want, "%.17g", values[k]);
        }
    }
    T_EQ_I(n_wrong, 0, "shortest decimals of 120,000 values");
}

int main(void)
{
    integers();
    durations();
    doubles();

    /* As Python's repr() has them. */
    shortest(0, "0.0");
    shortest(-0.0, "-0.0");
    shortest(1, "1.0");
    shortest(0.1, "0.1");
    shortest(-12.375, "-12.375");
    shortest(123456789012345680.0, "1.2345678901234568e+17");
    shortest(1234567890123456.0, "1234567890123456.0");
    shortest(9007199254740993.0, "9007199254740992.0");
    shortest(1e15, "1000000000000000.0");
    shortest(1e16, "1e+16");
    shortest(1e22, "1e+22");
    shortest(0.0001, "0.0001");
    shortest(0.00012345, "0.00012345");
    shortest(0.00001, "1e-05");
    shortest(1e-7, "1e-07");
    shortest(1.5e-7, "1.5e-07");
    shortest(5e-324, "5e-324");
    shortest(DBL_MAX, "1.7976931348623157e+308");
    shortest(2.0 / 3, "0.6666666666666666");
    shortest(100, "100.0");
    shortest(HUGE_VAL, "inf");
    shortest(-HUGE_VAL, "-inf");
    shortest(NAN, "nan");
    test_shortest_random();
    return T_DONE();
}
