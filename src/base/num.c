/* num.c - numbers as people write them
 *
 * Decimal numbers are read into an integer of 128 bits and a power of ten, never into a double, so
 * that "0.1s" is 100,000,000 ns exactly and "1.5G" a whole count. printf is not used for the output
 * either: its decimal point follows the locale, and the live view sets one.
 */
#include "base/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

__extension__ typedef unsigned __int128 wide;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits at the front of *s, which are taken off: 0, TK_E_FORMAT when there are none,
 * TK_E_RANGE when the number does not fit. */
static int take_u64(struct tk_str *s, uint64_t *ret)
{
    uint64_t value = 0;
    bool fits = true;
    size_t i = 0;
    for (; i < s->n && is_digit(s->p[i]); i++) {
        uint64_t digit = (uint64_t)(s->p[i] - '0');
        fits = fits && value <= (UINT64_MAX - digit) / 10;
        value = value * 10 + digit;
    }
    if (i == 0)
        return TK_E_FORMAT;
    s->p += i;
    s->n -= i;
    *ret = value;
    return fits ? 0 : TK_E_RANGE;
}

int tk_num_parse_i64(struct tk_str s, int64_t min, int64_t max, int64_t *ret)
{
    bool is_negative = s.n > 0 && s.p[0] == '-';
    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
        s.p++;
        s.n--;
    }
    uint64_t u = 0;
    int rc = take_u64(&s, &u);
    if (rc == TK_E_FORMAT || s.n > 0)
        return TK_E_FORMAT;
    if (rc || u > (uint64_t)INT64_MAX + is_negative)
        return TK_E_RANGE;
    int64_t i = is_negative ? (int64_t)(0 - u) : (int64_t)u;
    if (i < min || i > max)
        return TK_E_RANGE;
    *ret = i;
    return 0;
}

/* "12.50" at the front of *s, which is taken off, as value / 10**n_decimals. Zeros at the end of
 * the fraction do not count. Codes as above. */
static int take_decimal(struct tk_str *s, uint64_t *ret_value, unsigned *ret_n_decimals)
{
    uint64_t value = 0;
    int rc = take_u64(s, &value);
    *ret_n_decimals = 0;
    if (rc == 0 && s->n > 0 && s->p[0] == '.') {
        s->p++;
        s->n--;
        size_t n = 0;
        while (n < s->n && is_digit(s->p[n]))
            n++;
        if (n == 0)
            return TK_E_FORMAT;
        size_t kept = n;
        while (kept > 0 && s->p[kept - 1] == '0')
            kept--;
        for (size_t i = 0; i < kept; i++) {
            uint64_t digit = (uint64_t)(s->p[i] - '0');
            if (value > (UINT64_MAX - digit) / 10)
                return TK_E_RANGE;
            value = value * 10 + digit;
        }
        *ret_n_decimals = (unsigned)kept;
        s->p += n;
        s->n -= n;
    }
    *ret_value = value;
    return rc;
}

/* value / 10**n_decimals * unit, rounded down; *ret_is_exact says whether nothing was lost. */
static wide scale(uint64_t value, unsigned n_decimals, uint64_t unit, bool *ret_is_exact)
{
    wide product = (wide)value * unit;
    *ret_is_exact = true;
    for (unsigned i = 0; i < n_decimals && product > 0; i++) {
        *ret_is_exact = *ret_is_exact && product % 10 == 0;
        product /= 10;
    }
    return product;
}

struct unit {
    struct tk_str name;
    uint64_t factor;
};

/* The factor of the unit that all of `name` is; 0 when there is no such unit. */
static uint64_t unit_factor(const struct unit *units, size_t n, struct tk_str name)
{
    for (size_t i = 0; i < n; i++) {
        if (tk_str_eq(units[i].name, name))
            return units[i].factor;
    }
    return 0;
}

static const struct unit count_units[] = {
    { TK_STR_INIT(""), 1 },
    { TK_STR_INIT("k"), 1000 },
    { TK_STR_INIT("M"), 1000000 },
    { TK_STR_INIT("G"), 1000000000 },
    { TK_STR_INIT("Ki"), UINT64_C(1) << 10 },
    { TK_STR_INIT("Mi"), UINT64_C(1) << 20 },
    { TK_STR_INIT("Gi"), UINT64_C(1) << 30 },
};

int tk_num_parse_count(struct tk_str s, int64_t min, int64_t max, int64_t *ret)
{
    bool is_negative = s.n > 0 && s.p[0] == '-';
    if (is_negative) {
        s.p++;
        s.n--;
    }
    uint64_t value = 0;
    unsigned n_decimals = 0;
    int rc = take_decimal(&s, &value, &n_decimals);
    if (rc)
        return rc;
    uint64_t factor = unit_factor(count_units, TK_ARRAY_LEN(count_units), s);
    bool is_exact = false;
    wide n = scale(value, n_decimals, factor, &is_exact);
    if (factor == 0 || !is_exact)
        return TK_E_FORMAT;
    if (n > INT64_MAX)
        return TK_E_RANGE;
    int64_t i = is_negative ? -(int64_t)n : (int64_t)n;
    if (i < min || i > max)
        return TK_E_RANGE;
    *ret = i;
    return 0;
}

static const struct unit dur_units[] = {
    { TK_STR_INIT("ns"), 1 },
    { TK_STR_INIT("us"), TK_NS_PER_US },
    { TK_STR_INIT("ms"), TK_NS_PER_MS },
    { TK_STR_INIT("s"), TK_NS_PER_S },
    { TK_STR_INIT("m"), 60 * TK_NS_PER_S },
    { TK_STR_INIT("h"), 3600 * TK_NS_PER_S },
};

/* The letters at the front of *s, taken off. */
static struct tk_str take_letters(struct tk_str *s)
{
    struct tk_str name = { s->p, 0 };
    while (name.n < s->n && !is_digit(s->p[name.n]) && s->p[name.n] != '.')
        name.n++;
    s->p += name.n;
    s->n -= name.n;
    return name;
}

int tk_num_parse_dur(struct tk_str s, tk_ns *ret)
{
    wide sum = 0;
    uint64_t last = UINT64_MAX; /* units must fall: "1m30s", never "30s1m" */
    do {
        uint64_t value = 0;
        unsigned n_decimals = 0;
        bool is_exact = false;
        int rc = take_decimal(&s, &value, &n_decimals);
        if (rc)
            return rc;
        struct tk_str name = take_letters(&s);
        uint64_t unit = name.n == 0 && last == UINT64_MAX
                            ? (uint64_t)TK_NS_PER_S
                            : unit_factor(dur_units, TK_ARRAY_LEN(dur_units), name);
        if (unit == 0 || unit >= last)
            return TK_E_FORMAT;
        last = unit;
        sum += scale(value, n_decimals, unit, &is_exact);
    } while (s.n > 0);
    if (sum > INT64_MAX)
        return TK_E_RANGE;
    *ret = (tk_ns)sum;
    return 0;
}

static const struct unit rate_units[] = {
    { TK_STR_INIT("s"), 1 },
    { TK_STR_INIT("m"), 60 },
    { TK_STR_INIT("min"), 60 },
    { TK_STR_INIT("h"), 3600 },
};

int tk_num_parse_rate(struct tk_str s, double *ret)
{
    uint64_t per = 1;
    ptrdiff_t slash = tk_str_find(s, '/');
    if (slash >= 0) {
        struct tk_str unit = { s.p + slash + 1, s.n - (size_t)slash - 1 };
        per = unit_factor(rate_units, TK_ARRAY_LEN(rate_units), unit);
        s.n = (size_t)slash;
    }
    if (per == 0)
        return TK_E_FORMAT;
    double d = 0;
    int rc = tk_num_parse_double(s, &d);
    if (rc)
        return rc;
    if (isnan(d) || signbit(d))
        return TK_E_RANGE;
    *ret = d / (double)per;
    return 0;
}

int tk_num_parse_share(struct tk_str s, double *ret)
{
    bool is_percent = s.n > 0 && s.p[s.n - 1] == '%';
    double d = 0;

    s.n -= is_percent;
    int rc = tk_num_parse_double(tk_str_trim(s), &d);
    if (rc)
        return rc;
    d /= is_percent ? 100 : 1;
    if (!(d >= 0 && d <= 1))
        return TK_E_RANGE;
    *ret = d;
    return 0;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int tk_num_parse_hex(struct tk_str s, uint64_t *ret)
{
    uint64_t value = 0;
    bool fits = true;
    if (s.n == 0)
        return TK_E_FORMAT;
    for (size_t i = 0; i < s.n; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0)
            return TK_E_FORMAT;
        fits = fits && value >> 60 == 0;
        value = value << 4 | (uint64_t)digit;
    }
    if (!fits)
        return TK_E_RANGE;
    *ret = value;
    return 0;
}

/* ---- durations for people ---- */

#define FORMAT_BYTES 32

/* `dur` / unit with three digits in all, rounded half up: "1.50", "12.3", "250". */
static void put_three_digits(char *out, uint64_t dur, uint64_t unit, const char *name)
{
    unsigned n_decimals = 2;
    uint64_t power = 100;
    uint64_t v = (dur * 100 + unit / 2) / unit; /* below 1000 units, so that this cannot overflow */
    while (n_decimals > 0 && v >= 1000) {
        n_decimals--;
        power /= 10;
        v = (dur * power + unit / 2) / unit;
    }
    if (n_decimals == 0)
        (void)snprintf(out, FORMAT_BYTES - 1, "%u %s", (unsigned)v, name);
    else
        (void)snprintf(out, FORMAT_BYTES - 1, "%u.%0*u %s", (unsigned)(v / power), (int)n_decimals,
                       (unsigned)(v % power), name);
}

/* Whole seconds, of which there are 60 or more. */
static void put_minutes(char *out, uint64_t seconds)
{
    uint64_t minutes = seconds / 60;
    if (minutes < 60)
        (void)snprintf(out, FORMAT_BYTES - 1, "%u m %02u s", (unsigned)minutes,
                       (unsigned)(seconds % 60));
    else
        (void)snprintf(out, FORMAT_BYTES - 1, "%u h %02u m", (unsigned)(minutes / 60),
                       (unsigned)(minutes % 60));
}

const char *tk_num_format_dur(tk_ns dur, char *out)
{
    uint64_t d = dur < 0 ? 0 - (uint64_t)dur : (uint64_t)dur;
    char *at = out;
    if (dur < 0)
        *at++ = '-';
    /* A value that rounds to 1000 of a unit is shown as 1.00 of the next; 60.0 s as 1 m 00 s. */
    if (d < 1000)
        (void)snprintf(at, FORMAT_BYTES - 1, "%u ns", (unsigned)d);
    else if (d < 999500)
        put_three_digits(at, d, TK_NS_PER_US, "us");
    else if (d < 999500000)
        put_three_digits(at, d, TK_NS_PER_MS, "ms");
    else if (d < UINT64_C(59950000000))
        put_three_digits(at, d, TK_NS_PER_S, "s");
    else
        put_minutes(at, (d + TK_NS_PER_S / 2) / TK_NS_PER_S);
    return out;
}
