#include "base/str.h"

#include <stdlib.h>
#include <string.h>

struct tk_str tk_str_of(const char *z)
{
    return (struct tk_str){ z, z ? strlen(z) : 0 };
}

bool tk_str_eq(struct tk_str a, struct tk_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Not strncasecmp: it follows the locale and stops at a NUL. */
bool tk_str_eq_nocase(struct tk_str a, struct tk_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

bool tk_str_is(struct tk_str s, const char *z)
{
    return tk_str_eq(s, tk_str_of(z));
}

bool tk_str_starts(struct tk_str s, struct tk_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool tk_str_ends(struct tk_str s, struct tk_str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct tk_str tk_str_trim(struct tk_str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

ptrdiff_t tk_str_find(struct tk_str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

bool tk_str_split(struct tk_str *rest, char sep, struct tk_str *ret_part)
{
    if (!rest->p)
        return false;
    ptrdiff_t at = tk_str_find(*rest, sep);
    if (at < 0) {
        *ret_part = *rest;
        *rest = (struct tk_str){ NULL, 0 };
    } else {
        *ret_part = (struct tk_str){ rest->p, (size_t)at };
        rest->p += at + 1;
        rest->n -= (size_t)at + 1;
    }
    return true;
}

char *tk_str_dup(struct tk_str s)
{
    char *z = s.n < SIZE_MAX ? malloc(s.n + 1) : NULL;
    if (!z)
        return NULL;
    if (s.n)
        memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    return z;
}
