#include "http/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* Take the scheme off `rest`. No "://" means http. The text is not shown: it may hold a password. */
static int parse_scheme(struct tk_str *rest, struct tk_url *url, struct tk_err *reterr)
{
    struct tk_str scheme = { rest->p, strcspn(rest->p, ":/?#") };

    if (strncmp(rest->p + scheme.n, "://", 3) != 0)
        return 0;
    if (tk_str_eq_nocase(scheme, TK_STR("https")))
        url->is_tls = true;
    else if (!tk_str_eq_nocase(scheme, TK_STR("http")))
        return tk_err_set(reterr, TK_E_FORMAT, "the URL's scheme must be http or https");
    rest->p += scheme.n + 3;
    rest->n -= scheme.n + 3;
    return 0;
}

static int parse_port(struct tk_str s, struct tk_url *url, struct tk_err *reterr)
{
    unsigned port = 0;

    if (s.n == 0) /* "host:" is allowed by RFC 3986 and means the default */
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || (port = port * 10 + (unsigned)(s.p[i] - '0')) > 65535)
            return tk_err_set(reterr, TK_E_FORMAT, "the URL's port '%.*s' is not in 1..65535",
                              TK_STR_ARG(s));
    }
    if (port == 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the URL's port must not be 0");
    url->port = (uint16_t)port;
    url->has_port = true;
    return 0;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static int set_host(struct tk_str host, bool is_literal6, struct tk_url *url, struct tk_err *reterr)
{
    struct in6_addr v6;

    if (host.n == 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the URL has no host");
    if (host.n >= sizeof(url->host))
        return tk_err_set(reterr, TK_E_FORMAT, "the URL's host is longer than %zu bytes",
                          sizeof(url->host) - 1);
    memcpy(url->host, host.p, host.n);
    url->host[host.n] = '\0';
    if (is_literal6) {
        if (inet_pton(AF_INET6, url->host, &v6) != 1)
            return tk_err_set(reterr, TK_E_FORMAT, "'%s' is no IPv6 address", url->host);
        return 0;
    }
    for (size_t i = 0; i < host.n; i++) {
        if (!is_host_char(host.p[i]))
            return tk_err_set(reterr, TK_E_FORMAT,
                              "the URL's host '%s' has a byte that none may have", url->host);
    }
    return 0;
}

static int parse_authority(struct tk_str s, struct tk_url *url, struct tk_err *reterr)
{
    if (tk_str_find(s, '@') >= 0)
        return tk_err_set(reterr, TK_E_FORMAT,
                          "a URL must not hold a user or password; give the key by its own option");
    bool is_literal6 = s.n && s.p[0] == '[';
    struct tk_str host = s;
    ptrdiff_t end = tk_str_find(s, is_literal6 ? ']' : ':');
    if (!is_literal6 && end >= 0 && memchr(s.p + end + 1, ':', s.n - (size_t)end - 1))
        return tk_err_set(reterr, TK_E_FORMAT, "an IPv6 address in a URL must stand in brackets");
    if (is_literal6 && end < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the URL's host lacks its ']'");
    if (end >= 0)
        host.n = (size_t)end;
    struct tk_str rest = { s.p + host.n, s.n - host.n };
    if (is_literal6) {
        host.p++;
        host.n--;
        rest.p++;
        rest.n--;
    }
    int rc = set_host(host, is_literal6, url, reterr);
    if (rc || rest.n == 0)
        return rc;
    if (rest.p[0] != ':')
        return tk_err_set(reterr, TK_E_FORMAT, "only a port may follow the URL's host");
    return parse_port((struct tk_str){ rest.p + 1, rest.n - 1 }, url, reterr);
}

static int set_path(struct tk_str s, struct tk_url *url, struct tk_err *reterr)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '#')
            return tk_err_set(reterr, TK_E_FORMAT, "a URL to send to has no fragment ('#')");
        if (c <= ' ' || c >= 127)
            return tk_err_set(reterr, TK_E_FORMAT,
                              "byte 0x%02x in the URL's path must be written as %%%02X", c, c);
    }
    bool has_slash = s.n && s.p[0] == '/';
    url->path = malloc(s.n + 2);
    if (!url->path)
        return tk_err_set(reterr, -ENOMEM, "no memory for the URL");
    char *to = url->path;
    if (!has_slash)
        *to++ = '/';
    if (s.n)
        memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return 0;
}

int tk_url_parse(const char *text, struct tk_url *ret, struct tk_err *reterr)
{
    struct tk_str rest = tk_str_of(text ? text : "");
    struct tk_url url = { 0 };

    if (rest.n > TK_URL_MAX_BYTES)
        return tk_err_set(reterr, TK_E_FORMAT, "the URL is longer than %d bytes", TK_URL_MAX_BYTES);
    int rc = parse_scheme(&rest, &url, reterr);
    if (rc)
        return rc;
    url.port = url.is_tls ? 443 : 80;
    struct tk_str authority = { rest.p, 0 };
    while (authority.n < rest.n && !strchr("/?#", rest.p[authority.n]))
        authority.n++;
    rc = parse_authority(authority, &url, reterr);
    if (rc)
        return rc;
    rc = set_path((struct tk_str){ rest.p + authority.n, rest.n - authority.n }, &url, reterr);
    if (rc == 0)
        *ret = url;
    return rc;
}

void tk_url_release(struct tk_url *u)
{
    free(u->path);
    u->path = NULL;
}

const char *tk_url_authority(const struct tk_url *u, char *out)
{
    bool is_literal6 = strchr(u->host, ':') != NULL;
    bool is_default = u->port == (u->is_tls ? 443 : 80);
    int n = snprintf(out, 300, "%s%s%s", is_literal6 ? "[" : "", u->host, is_literal6 ? "]" : "");

    if (!is_default)
        (void)snprintf(out + n, 300 - (size_t)n, ":%u", u->port);
    return out;
}
