#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 64 /* of tk_addr_format()'s `out` */

static int resolve_error(const char *host, int gai, struct tk_err *reterr)
{
    if (gai == EAI_MEMORY)
        return tk_err_set(reterr, -ENOMEM, "no memory to look '%s' up", host);
    return tk_err_set(reterr, TK_E_RESOLVE, "the name '%s' could not be resolved: %s", host,
                      gai == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(gai));
}

int tk_addr_resolve(const char *host, uint16_t port, struct tk_addrs *ret, struct tk_err *reterr)
{
    /* No AI_ADDRCONFIG: on a machine without a network it would hide ::1 and 127.0.0.1. */
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    struct tk_addrs found = { 0 };
    char service[8];
    int gai;

    snprintf(service, sizeof(service), "%u", (unsigned)port);
    gai = getaddrinfo(host, service, &hints, &list);
    if (gai)
        return resolve_error(host, gai, reterr);
    for (struct addrinfo *ai = list; ai && found.n < TK_ADDR_MAX; ai = ai->ai_next) {
        struct tk_addr *a = &found.v[found.n];

        if (ai->ai_addrlen > sizeof(a->u))
            continue; /* a family that we do not know */
        memcpy(&a->u, ai->ai_addr, ai->ai_addrlen);
        a->n = ai->ai_addrlen;
        found.n++;
    }
    freeaddrinfo(list);
    if (found.n == 0)
        return resolve_error(host, EAI_NODATA, reterr);
    *ret = found;
    return 0;
}

int tk_addr_unix(const char *path, struct tk_addr *ret, struct tk_err *reterr)
{
    size_t n = strlen(path), most = sizeof(ret->u.un.sun_path) - 1;
    bool is_abstract = path[0] == '@';

    if (n == (is_abstract ? 1U : 0U))
        return tk_err_set(reterr, TK_E_RANGE, "a Unix socket needs a path, or a name behind '@'");
    if (n > most)
        return tk_err_set(reterr, TK_E_RANGE,
                          "the path of the Unix socket '%s' is longer than %zu bytes", path, most);
    *ret = (struct tk_addr){ .u.un.sun_family = AF_UNIX };
    memcpy(ret->u.un.sun_path, path, n);
    if (is_abstract)
        ret->u.un.sun_path[0] = '\0'; /* and no zero behind: each byte of the length counts */
    ret->n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + !is_abstract);
    return 0;
}

static void format_unix(const struct tk_addr *a, char *out)
{
    const char *path = a->u.un.sun_path;
    size_t n = a->n - offsetof(struct sockaddr_un, sun_path),
           room = TEXT_BYTES - sizeof("unix:@...");
    bool is_abstract = n > 0 && path[0] == '\0';

    if (is_abstract) {
        path++;
        n--;
    } else {
        n = strnlen(path, n);
    }
    bool is_cut = n > room;
    snprintf(out, TEXT_BYTES, "unix:%s%s%.*s", is_abstract ? "@" : "", is_cut ? "..." : "",
             (int)TK_MIN(n, room), is_cut ? path + n - room : path);
}

const char *tk_addr_format(const struct tk_addr *a, char *out)
{
    char host[INET6_ADDRSTRLEN] = "?", scope[12] = "";

    if (a->u.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a->u.v4.sin_addr, host, sizeof(host));
        snprintf(out, TEXT_BYTES, "%s:%u", host, (unsigned)ntohs(a->u.v4.sin_port));
    } else if (a->u.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &a->u.v6.sin6_addr, host, sizeof(host));
        if (a->u.v6.sin6_scope_id)
            snprintf(scope, sizeof(scope), "%%%u", (unsigned)a->u.v6.sin6_scope_id);
        snprintf(out, TEXT_BYTES, "[%.42s%s]:%u", host, scope, (unsigned)ntohs(a->u.v6.sin6_port));
    } else if (a->u.any.sa_family == AF_UNIX) {
        format_unix(a, out);
    } else {
        snprintf(out, TEXT_BYTES, "unknown address");
    }
    return out;
}
