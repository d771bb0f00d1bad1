#include "http/headers.h"

#include <string.h>

#include "base/str.h"

const struct tk_str *tk_headers_get(const struct tk_headers *h, const char *name)
{
    const struct tk_str wanted = tk_str_of(name);

    for (unsigned i = 0; i < h->n; i++) {
        if (tk_str_eq_nocase(h->v[i].name, wanted))
            return &h->v[i].value;
    }
    return NULL;
}

/* RFC 9110, 5.6.2 */
static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

bool tk_header_is_valid(struct tk_str name, struct tk_str value)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_token_char(name.p[i]))
            return false;
    }
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0')
            return false;
    }
    return name.n > 0;
}

bool tk_header_has_token(struct tk_str value, const char *token)
{
    const struct tk_str wanted = tk_str_of(token);

    for (struct tk_str part; tk_str_split(&value, ',', &part);) {
        if (tk_str_eq_nocase(tk_str_trim(part), wanted))
            return true;
    }
    return false;
}
