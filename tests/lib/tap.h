/* tap.h - checks that print TAP, for the C tests
 *
 *   int main(void)
 *   {
 *       T_EQ_I(tk_num_parse(...), 0, "plain number");
 *       T_EQ_S(name, "PROTO", "name of %d", code);
 *       return T_DONE();
 *   }
 *
 * Every check takes a printf-format name, goes on after a failure and is true when it held. A failure
 * says on stderr where, and both values. Included by one file per program; from the main thread only.
 */
#ifndef TK_TESTS_TAP_H
#define TK_TESTS_TAP_H

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T_UNUSED __attribute__((unused))
#define T_FORMAT(at, args_at) __attribute__((unused, format(printf, at, args_at)))

static int t_checks, t_failures;

/* Steps of a loop over all inputs of a kind: all, or with $TK_TESTS_THIN, where each takes twenty times as long, a few. */
static T_UNUSED size_t t_stride(void)
{
    return getenv("TK_TESTS_THIN") ? 7 : 1;
}

/* Print one result line; `#` in a name would start a directive. */
static T_FORMAT(4, 0) bool t_result(bool ok, const char *file, int line, const char *fmt,
                                    va_list ap)
{
    char name[512];

    vsnprintf(name, sizeof(name), fmt, ap);
    for (char *p = name; *p; p++) {
        if (*p == '#' || (unsigned char)*p < ' ') /* meson puts names into XML as they are */
            *p = ' ';
    }
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++t_checks, name);
    if (!ok) {
        t_failures++;
        fprintf(stderr, "%s:%d: failed: %s\n", file, line, name);
    }
    fflush(stdout); /* a crash must not take the lines before it along */
    return ok;
}

#define T_RESULT_(ok, file, line, fmt)     \
    do {                                   \
        va_list ap;                        \
        va_start(ap, fmt);                 \
        t_result(ok, file, line, fmt, ap); \
        va_end(ap);                        \
    } while (0)

static T_FORMAT(4, 5) bool t_ok(bool ok, const char *file, int line, const char *fmt, ...)
{
    T_RESULT_(ok, file, line, fmt);
    return ok;
}

static T_FORMAT(5, 6) bool t_eq_i(int64_t got, int64_t want, const char *file, int line,
                                  const char *fmt, ...)
{
    T_RESULT_(got == want, file, line, fmt);
    if (got != want)
        fprintf(stderr, "    got %" PRId64 ", want %" PRId64 "\n", got, want);
    return got == want;
}

static T_FORMAT(5, 6) bool t_eq_u(uint64_t got, uint64_t want, const char *file, int line,
                                  const char *fmt, ...)
{
    T_RESULT_(got == want, file, line, fmt);
    if (got != want)
        fprintf(stderr, "    got %" PRIu64 ", want %" PRIu64 "\n", got, want);
    return got == want;
}

/* Bytes for a person, one line. */
static T_UNUSED void t_bytes(const char *label, const char *p, size_t n)
{
    fprintf(stderr, "    %s ", label);
    if (!p) {
        fprintf(stderr, "NULL\n");
        return;
    }
    fputc('"', stderr);
    for (size_t i = 0; i < n && i < 2000; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c < ' ' || c > '~' || c == '"' || c == '\\')
            fprintf(stderr, "\\x%02x", c);
        else
            fputc(c, stderr);
    }
    fprintf(stderr, "\" (%zu bytes)\n", n);
}

/* Equal bytes; no bytes at NULL equal no bytes elsewhere. */
static T_FORMAT(7, 8) bool t_eq_n(const char *got, size_t got_n, const char *want, size_t want_n,
                                  const char *file, int line, const char *fmt, ...)
{
    bool ok = got_n == want_n &&
              (got_n == 0 || got == want || (got && want && memcmp(got, want, got_n) == 0));

    T_RESULT_(ok, file, line, fmt);
    if (!ok) {
        t_bytes("got ", got, got_n);
        t_bytes("want", want, want_n);
    }
    return ok;
}

static T_FORMAT(6, 7) bool t_near(double got, double want, double tolerance, const char *file,
                                  int line, const char *fmt, ...)
{
    bool ok = isnan(want) ? isnan(got) : got == want || fabs(got - want) <= tolerance;

    T_RESULT_(ok, file, line, fmt);
    if (!ok)
        fprintf(stderr, "    got %.17g, want %.17g within %g\n", got, want, tolerance);
    return ok;
}

static T_FORMAT(1, 2) void t_skip(const char *fmt, ...)
{
    va_list ap;

    printf("ok %d # SKIP ", ++t_checks);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

/* NULL has a length of its own, so that it equals NULL only. */
static T_UNUSED size_t t_strlen(const char *s)
{
    return s ? strlen(s) : SIZE_MAX;
}

/* The plan; the value for main() to return. */
static T_UNUSED int t_done(void)
{
    if (t_checks == 0) {
        printf("not ok 1 - no check was made\n");
        t_checks = t_failures = 1;
    }
    printf("1..%d\n", t_checks);
    fflush(stdout);
    return t_failures > 0;
}

#define T_OK(cond, ...) t_ok((cond), __FILE__, __LINE__, __VA_ARGS__)
#define T_EQ_I(got, want, ...) \
    t_eq_i((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, __VA_ARGS__)
#define T_EQ_U(got, want, ...) \
    t_eq_u((uint64_t)(got), (uint64_t)(want), __FILE__, __LINE__, __VA_ARGS__)
#define T_EQ_S(got, want, ...) t_eq_s_((got), (want), __VA_ARGS__)
#define t_eq_s_(got, want, ...) \
    t_eq_n((got), t_strlen(got), (want), t_strlen(want), __FILE__, __LINE__, __VA_ARGS__)
#define T_EQ_N(got, got_n, want, want_n, ...) \
    t_eq_n((got), (got_n), (want), (want_n), __FILE__, __LINE__, __VA_ARGS__)
#define T_NEAR(got, want, tolerance, ...) \
    t_near((got), (want), (tolerance), __FILE__, __LINE__, __VA_ARGS__)
/* One check that cannot be made here, with the reason. */
#define T_SKIP(...) t_skip(__VA_ARGS__)
/* Leave main() where the whole file cannot run: return T_SKIP_ALL("no IPv6"); */
#define T_SKIP_ALL(reason) (printf("1..0 # SKIP %s\n", (reason)), fflush(stdout), 0)
#define T_DONE() t_done()

#endif
