/* jinja_filters_number.c - filters over numbers, and reading numbers from text */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "token/jinja.h"
#include "token/jinja_str.h"

static bool is_given(struct tk_jval v)
{
    return v.type != TK_J_MISSING;
}

/* ---- text to numbers ---- */

/* Without white space around it and without the underscores between digits; false: one is wrong. */
static bool plain_number(struct tk_str s, char *out, size_t cap, size_t *ret_n)
{
    size_t n = 0;
    s = tk__jstrip(s, true, true);
    if (s.n == 0 || s.n >= cap)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '_') {
            out[n++] = s.p[i];
            continue;
        }
        bool between = i > 0 && i + 1 < s.n && (unsigned char)s.p[i - 1] < 0x80 &&
                       tk__jis_alnum((unsigned char)s.p[i - 1]) &&
                       (unsigned char)s.p[i + 1] < 0x80 && tk__jis_alnum((unsigned char)s.p[i + 1]);
        if (!between)
            return false;
    }
    *ret_n = n;
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* A prefix 0b, 0o, 0x at p[at]: skipped when it is that of `base`, or decides it when that is 0. */
static size_t skip_prefix(const char *p, size_t n, size_t at, int64_t *base)
{
    static const struct {
        char letter;
        int base;
    } prefixes[] = { { 'b', 2 }, { 'o', 8 }, { 'x', 16 } };
    if (at + 1 < n && p[at] == '0') {
        for (unsigned i = 0; i < TK_ARRAY_LEN(prefixes); i++) {
            if ((p[at + 1] | 0x20) != prefixes[i].letter)
                continue;
            if (*base != 0 && *base != prefixes[i].base)
                continue;
            *base = prefixes[i].base;
            return at + 2;
        }
    }
    return at;
}

static bool big_decimal(struct tk_jrender *r, const char *p, size_t n, bool is_neg,
                        struct tk_jval *ret)
{
    while (n > 1 && *p == '0') {
        p++;
        n--;
    }
    char *z = tk__jalloc(r, n + 2);
    if (!z)
        return false;
    z[0] = '-';
    memcpy(z + is_neg, p, n);
    *ret = (struct tk_jval){ .type = TK_J_BIG, .n = (uint32_t)(n + is_neg), .s = z };
    return true;
}

bool tk__jparse_int(struct tk_jrender *r, struct tk_str s, int64_t base, struct tk_jval *ret)
{
    char text[512];
    size_t n;
    int64_t value = 0;
    bool overflows = false;
    if (!plain_number(s, text, sizeof(text), &n) || base < 0 || base == 1 || base > 36)
        return false;
    bool is_neg = text[0] == '-';
    size_t at = is_neg || text[0] == '+';
    bool is_auto = base == 0;
    at = skip_prefix(text, n, at, &base);
    size_t from = at;
    bool has_zero = is_auto && base == 0 && at < n && text[at] == '0';
    base = base == 0 ? 10 : base;
    if (at == n)
        return false;
    for (; at < n; at++) {
        int digit = digit_of(text[at]);
        if (digit >= base || (unsigned char)text[at] >= 0x80 || (has_zero && digit != 0))
            return false;
        overflows |= __builtin_mul_overflow(value, base, &value) ||
                     __builtin_add_overflow(value, is_neg ? -digit : digit, &value);
    }
    if (!overflows) {
        *ret = tk__jint(value);
        return true;
    }
    if (base != 10) {
        tk__jfail(r, TK_E_UNSUPPORTED, "an integer past 64 bits is not supported here");
        return false;
    }
    return big_decimal(r, text + from, n - from, is_neg, ret);
}

bool tk__jparse_float(struct tk_str s, double *ret)
{
    char text[512];
    size_t n;
    if (!plain_number(s, text, sizeof(text), &n))
        return false;
    int rc = tk_num_parse_double((struct tk_str){ text, n }, ret);
    if (rc == TK_E_RANGE)
        *ret = text[0] == '-' ? -INFINITY : INFINITY;
    return rc == 0 || rc == TK_E_RANGE;
}

void tk__jadd_fixed(struct tk_buf *out, double d, int decimals)
{
    char text[800]; /* the largest double has 309 digits before the point */
    int n = snprintf(text, sizeof(text), "%.*f", TK_MIN(decimals, 400), d);
    if (n > 0)
        tk_buf_add(out, text, (size_t)TK_MIN(n, (int)sizeof(text) - 1));
}

/* ---- the filters ---- */

static struct tk_jval do_abs(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                             const struct tk_jargs *args)
{
    (void)a;
    (void)args;
    if (v.type == TK_J_FLOAT)
        return tk__jfloat(fabs(v.f));
    if (tk__jis_int(v))
        return v.i < 0 ? tk__jbinop(r, TK_JT_SUB, tk__jint(0), v) : tk__jint(v.i);
    return tk__jfail(r, TK_E_FORMAT, "bad operand type for abs(): '%s'", tk__jtype_name(v));
}

static struct tk_jval int_of_double(struct tk_jrender *r, double d)
{
    d = trunc(d);
    if (d >= -TK_J_TWO_63 && d < TK_J_TWO_63)
        return tk__jint((int64_t)d);
    char text[400];
    int n = snprintf(text, sizeof(text), "%.0f", d);
    struct tk_jval v = tk__jstr_dup(r, (struct tk_str){ text, (size_t)TK_MAX(n, 0) });
    v.type = r->rc ? v.type : TK_J_BIG;
    return v;
}

static struct tk_jval do_int(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                             const struct tk_jargs *args)
{
    struct tk_jval dflt = is_given(a[0]) ? a[0] : tk__jint(0);
    struct tk_jval value;
    double d;
    (void)args;
    if (tk__jfail_if_undef(r, v))
        return v;
    if (v.type == TK_J_STR) {
        int64_t base = is_given(a[1]) && tk__jis_int(a[1]) ? a[1].i : 10;
        if (tk__jparse_int(r, tk__jtext(v), base, &value))
            return value;
        if (r->rc || !tk__jparse_float(tk__jtext(v), &d) || !isfinite(d))
            return dflt;
        return int_of_double(r, d);
    }
    if (v.type == TK_J_FLOAT) {
        if (isinf(v.f))
            return tk__jfail(r, TK_E_FORMAT, "cannot convert float infinity to integer");
        return isnan(v.f) ? dflt : int_of_double(r, v.f);
    }
    if (v.type == TK_J_BIG)
        return v;
    return tk__jis_int(v) ? tk__jint(v.i) : dflt;
}

static struct tk_jval do_float(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               const struct tk_jargs *args)
{
    struct tk_jval dflt = is_given(a[0]) ? a[0] : tk__jfloat(0);
    double d;
    (void)args;
    if (tk__jfail_if_undef(r, v))
        return v;
    if (v.type == TK_J_STR)
        return tk__jparse_float(tk__jtext(v), &d) ? tk__jfloat(d) : dflt;
    if (v.type < TK_J_BOOL || v.type > TK_J_FLOAT)
        return dflt;
    d = tk__jnumber(v);
    if (v.type == TK_J_BIG && isinf(d))
        return tk__jfail(r, TK_E_FORMAT, "int too large to convert to float");
    return tk__jfloat(d);
}

/* round() of a whole number: to tens, hundreds … for negative digits, half to even. */
static struct tk_jval round_int(struct tk_jrender *r, int64_t value, int64_t precision)
{
    if (precision >= 0)
        return tk__jint(value);
    int64_t unit = 1;
    for (; precision < 0; precision++) {
        if (__builtin_mul_overflow(unit, 10, &unit))
            return tk__jint(0);
    }
    int64_t rest = value % unit;
    if (rest < 0)
        rest += unit;
    bool is_odd = (value - rest) / unit % 2 != 0;
    bool goes_up = rest > unit - rest || (rest == unit - rest && is_odd);
    struct tk_jval down = tk__jbinop(r, TK_JT_SUB, tk__jint(value), tk__jint(rest));
    return goes_up && r->rc == 0 ? tk__jbinop(r, TK_JT_ADD, down, tk__jint(unit)) : down;
}

static struct tk_jval round_float(struct tk_jrender *r, double d, int64_t precision)
{
    double result;
    if (!isfinite(d) || precision > 323)
        return tk__jfloat(d);
    if (precision < -308)
        return tk__jfloat(copysign(0, d));
    if (precision < 0) {
        double unit = pow(10, (double)-precision);
        return tk__jfloat(nearbyint(d / unit) * unit);
    }
    struct tk_buf b = TK_BUF_INIT(1024);
    tk__jadd_fixed(&b, d, (int)precision);
    int rc = b.failed ? b.failed : tk_num_parse_double(tk_buf_str(&b), &result);
    tk_buf_release(&b);
    if (rc == -ENOMEM)
        return tk__jfail(r, rc, "out of memory");
    return rc ? tk__jfail(r, TK_E_FORMAT, "rounded value too large to represent")
              : tk__jfloat(result);
}

/* The whole number above or below, so many digits behind the point. */
static struct tk_jval round_to(struct tk_jrender *r, struct tk_jval v, struct tk_jval precision,
                               double (*how)(double))
{
    struct tk_jval unit = tk__jbinop(r, TK_JT_POW, tk__jint(10), precision);
    struct tk_jval scaled = r->rc ? v : tk__jbinop(r, TK_JT_MUL, v, unit);
    if (r->rc)
        return v;
    if (scaled.type == TK_J_FLOAT) {
        if (!isfinite(scaled.f))
            return tk__jfail(r, TK_E_FORMAT, "cannot convert float to integer");
        scaled = int_of_double(r, how(scaled.f));
    }
    return r->rc ? v : tk__jbinop(r, TK_JT_DIV, scaled, unit);
}

static struct tk_jval round_common(struct tk_jrender *r, struct tk_jval v, struct tk_jval precision)
{
    if (precision.type == TK_J_NONE) /* round(x): to a whole number */
        return v.type == TK_J_FLOAT ? int_of_double(r, nearbyint(v.f)) : tk__jint(v.i);
    return v.type == TK_J_FLOAT ? round_float(r, v.f, precision.i) : round_int(r, v.i, precision.i);
}

static struct tk_jval do_round(struct tk_jrender *r, struct tk_jval v, const struct tk_jval *a,
                               const struct tk_jargs *args)
{
    struct tk_jval precision = is_given(a[0]) ? a[0] : tk__jint(0);
    struct tk_jval method = is_given(a[1]) ? a[1] : tk__jstr(TK_STR("common"));
    struct tk_str name = method.type == TK_J_STR ? tk__jtext(method) : TK_STR("");
    bool is_common = tk_str_is(name, "common");
    (void)args;
    if (!is_common && !tk_str_is(name, "ceil") && !tk_str_is(name, "floor"))
        return tk__jfail(r, TK_E_FORMAT, "method must be common, ceil or floor");
    if (tk__jfail_if_undef(r, v))
        return v;
    if (v.type != TK_J_FLOAT && !tk__jis_int(v))
        return tk__jfail(r, TK_E_FORMAT, "type %s doesn't define __round__ method",
                         tk__jtype_name(v));
    if (!tk__jis_int(precision) && !(is_common && precision.type == TK_J_NONE))
        return tk__jfail(r, TK_E_FORMAT, "'%s' object cannot be interpreted as an integer",
                         tk__jtype_name(precision));
    if (is_common)
        return round_common(r, v, precision);
    return round_to(r, v, precision, tk_str_is(name, "ceil") ? ceil : floor);
}

static struct tk_jval do_filesizeformat(struct tk_jrender *r, struct tk_jval v,
                                        const struct tk_jval *a, const struct tk_jargs *args)
{
    static const char *const units[2][8] = {
        { "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB" },
        { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB" },
    };
    bool is_binary = is_given(a[0]) && tk__jtruth(r, a[0]);
    double base = is_binary ? 1024 : 1000;
    struct tk_buf b = TK_BUF_INIT(1024);
    double bytes = 0;
    (void)args;
    if (tk__jfail_if_undef(r, v))
        return v;
    if (v.type == TK_J_STR ? !tk__jparse_float(tk__jtext(v), &bytes)
                           : v.type < TK_J_BOOL || v.type > TK_J_FLOAT)
        return tk__jfail(r, TK_E_FORMAT, "could not convert '%s' to float", tk__jtype_name(v));
    if (v.type != TK_J_STR)
        bytes = tk__jnumber(v);
    if (!isfinite(bytes))
        return tk__jfail(r, TK_E_FORMAT, "a size must be finite");
    if (bytes == 1)
        return tk__jstr(TK_STR("1 Byte"));
    if (bytes < base) {
        tk__jadd_fixed(&b, trunc(bytes), 0);
        tk_buf_add_z(&b, " Bytes");
        return tk__jstr_take(r, &b);
    }
    unsigned i = 0;
    double unit = base * base;
    while (i < 7 && bytes >= unit) {
        unit *= base;
        i++;
    }
    tk__jadd_fixed(&b, base * bytes / unit, 1);
    tk_buf_add_c(&b, ' ');
    tk_buf_add_z(&b, units[is_binary][i]);
    return tk__jstr_take(r, &b);
}

const struct tk_jbuiltin tk__jfilters_number[] = {
    { "abs", do_abs, "" },
    { "filesizeformat", do_filesizeformat, "binary?" },
    { "float", do_float, "default?" },
    { "int", do_int, "default? base?" },
    { "round", do_round, "precision? method?" },
    { 0 },
};
