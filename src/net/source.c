/* source.c - source addresses: lists, spare ones of the loopback, the range of local ports */
#include "net/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "net/xport_priv.h"

#define N_SPARE 16 /* addresses of the loopback besides the system's choice */
#define RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range"

void tk_sources_release(struct tk_sources *s)
{
    free(s->v);
    *s = (struct tk_sources){ 0 };
}

static int add(struct tk_sources *s, const struct tk_addr *a, struct tk_err *reterr)
{
    if (s->n == TK_SOURCES_MAX)
        return tk_err_set(reterr, TK_E_LIMIT, "more than %d source addresses", TK_SOURCES_MAX);
    struct tk_addr *v = reallocarray(s->v, s->n + 1, sizeof(*v));
    if (!v)
        return tk_err_set(reterr, -ENOMEM, "no memory for source addresses");
    s->v = v;
    s->v[s->n++] = *a;
    return 0;
}

/* --- lists --- */

static int parse_one(struct tk_str text, struct tk_addr *ret, struct tk_err *reterr)
{
    char host[INET6_ADDRSTRLEN + 1];

    *ret = (struct tk_addr){ 0 };
    if (text.n > 0 && text.n < sizeof(host)) {
        memcpy(host, text.p, text.n);
        host[text.n] = '\0';
        if (inet_pton(AF_INET, host, &ret->u.v4.sin_addr) == 1) {
            ret->u.any.sa_family = AF_INET;
            ret->n = sizeof(ret->u.v4);
            return 0;
        }
        if (inet_pton(AF_INET6, host, &ret->u.v6.sin6_addr) == 1) {
            ret->u.any.sa_family = AF_INET6;
            ret->n = sizeof(ret->u.v6);
            return 0;
        }
    }
    return tk_err_set(reterr, TK_E_FORMAT, "source address '%.*s' is no IPv4 or IPv6 address",
                      TK_STR_ARG(text));
}

/* The last 32 bits of the address: what a range goes over. */
static unsigned char *low_of(struct tk_addr *a)
{
    return a->u.any.sa_family == AF_INET ? (unsigned char *)&a->u.v4.sin_addr
                                         : a->u.v6.sin6_addr.s6_addr + 12;
}

static uint32_t number_of(struct tk_addr *a)
{
    uint32_t be;

    memcpy(&be, low_of(a), sizeof(be));
    return ntohl(be);
}

static void set_number(struct tk_addr *a, uint32_t number)
{
    uint32_t be = htonl(number);

    memcpy(low_of(a), &be, sizeof(be));
}

/* The range's ends differ in these bits alone. */
static bool are_alike(const struct tk_addr *a, const struct tk_addr *b)
{
    if (a->u.any.sa_family != b->u.any.sa_family)
        return false;
    return a->u.any.sa_family == AF_INET || memcmp(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr, 12) == 0;
}

int tk__bind_source(int fd, const struct tk_addr *source)
{
    int one = 1;

    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    return bind(fd, &source->u.any, source->n) < 0 ? -errno : 0;
}

/* Whether connections can come from it: bound for a moment. */
static int check_ours(const struct tk_addr *a, struct tk_err *reterr)
{
    int fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -errno : 0;
    char text[64];

    if (rc == 0)
        rc = tk__bind_source(fd, a);
    if (fd >= 0)
        (void)close(fd);
    if (rc == 0)
        return 0;
    (void)tk_addr_format(a, text);
    text[strlen(text) - strlen(":0")] = '\0';
    return tk_err_set(reterr, rc, "source address '%s': %s", text,
                      rc == -EADDRNOTAVAIL ? "this machine has no such address" : tk_err_text(rc));
}

static int parse_item(struct tk_str item, struct tk_sources *s, struct tk_err *reterr)
{
    ptrdiff_t dash = tk_str_find(item, '-');
    struct tk_str first = { item.p, dash < 0 ? item.n : (size_t)dash };
    struct tk_addr a, end;
    int rc = parse_one(tk_str_trim(first), &a, reterr);

    end = a;
    if (rc == 0 && dash >= 0)
        rc = parse_one(tk_str_trim((struct tk_str){ item.p + dash + 1, item.n - first.n - 1 }),
                       &end, reterr);
    if (rc)
        return rc;
    if (!are_alike(&a, &end) || number_of(&end) < number_of(&a))
        return tk_err_set(reterr, TK_E_FORMAT, "source addresses '%.*s' are no range",
                          TK_STR_ARG(item));
    if (number_of(&end) - number_of(&a) >= TK_SOURCES_MAX)
        return tk_err_set(reterr, TK_E_LIMIT, "more than %d source addresses in '%.*s'",
                          TK_SOURCES_MAX, TK_STR_ARG(item));
    for (uint32_t i = number_of(&a), last = number_of(&end); rc == 0; i++) {
        set_number(&a, i);
        rc = check_ours(&a, reterr);
        if (rc == 0)
            rc = add(s, &a, reterr);
        if (i == last)
            break;
    }
    return rc;
}

int tk_sources_parse(const char *list, struct tk_sources *ret, struct tk_err *reterr)
{
    struct tk_sources s = { 0 };
    struct tk_str rest = tk_str_of(list), item;
    int rc = 0;

    while (rc == 0 && tk_str_split(&rest, ',', &item))
        rc = parse_item(tk_str_trim(item), &s, reterr);
    if (rc == 0 && s.n == 0)
        rc = tk_err_set(reterr, TK_E_FORMAT, "a list of source addresses has none");
    if (rc)
        tk_sources_release(&s);
    else
        *ret = s;
    return rc;
}

/* --- spare ones --- */

static bool is_loopback4(const struct tk_addr *a)
{
    return a->u.any.sa_family == AF_INET && ntohl(a->u.v4.sin_addr.s_addr) >> 24 == 127;
}

int tk_sources_spare(const struct tk_addrs *server, struct tk_sources *ret)
{
    struct tk_addr a = { 0 };
    bool is_here = false;
    int rc;

    *ret = (struct tk_sources){ .is_spare = true };
    for (unsigned i = 0; i < server->n; i++)
        is_here = is_here || is_loopback4(&server->v[i]);
    if (!is_here)
        return 0;
    rc = add(ret, &a, NULL);
    a.u.any.sa_family = AF_INET;
    a.n = sizeof(a.u.v4);
    for (uint32_t i = 0; rc == 0 && i < N_SPARE; i++) {
        set_number(&a, INADDR_LOOPBACK + 1 + i);
        rc = add(ret, &a, NULL);
    }
    if (rc)
        tk_sources_release(ret);
    return rc;
}

/* --- choosing --- */

static bool fits(const struct tk_addr *source, const struct tk_addr *peer)
{
    int family = source->u.any.sa_family;

    return family == AF_UNSPEC || family == peer->u.any.sa_family;
}

const struct tk_addr *tk_sources_pick(const struct tk_sources *s, const struct tk_addr *peer,
                                      unsigned *at)
{
    for (unsigned i = 0; s && i < s->n; i++) {
        unsigned k = (*at + i) % s->n;
        if (!fits(&s->v[k], peer))
            continue;
        *at = k;
        return s->v[k].u.any.sa_family == AF_UNSPEC ? NULL : &s->v[k];
    }
    return NULL;
}

static bool any_fits(const struct tk_sources *s, const struct tk_addr *peer)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (fits(&s->v[i], peer))
            return true;
    }
    return false;
}

int tk_sources_fit(const struct tk_sources *s, struct tk_addrs *server, struct tk_err *reterr)
{
    unsigned n = 0;
    char text[64];

    if (s->n == 0 || server->n == 0)
        return 0;
    (void)tk_addr_format(&server->v[0], text);
    for (unsigned i = 0; i < server->n; i++) {
        if (any_fits(s, &server->v[i]))
            server->v[n++] = server->v[i];
    }
    server->n = n;
    if (n > 0)
        return 0;
    return tk_err_set(reterr, TK_E_NOT_FOUND,
                      "no source address is of the kind of the server's, '%s'", text);
}

struct tk_port_range tk_port_range(void)
{
    struct tk_port_range r = { 32768, 60999 };
    char text[64];
    int fd = open(RANGE_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    int64_t v[2];

    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return r;
    for (ssize_t i = 0; i < n; i++) /* "32768\t60999\n" */
        text[i] = text[i] == '\t' || text[i] == '\n' ? ' ' : text[i];
    struct tk_str rest = tk_str_trim((struct tk_str){ text, (size_t)n }), first;
    (void)tk_str_split(&rest, ' ', &first);
    if (tk_num_parse_i64(first, 0, 65535, &v[0]) ||
        tk_num_parse_i64(tk_str_trim(rest), 0, 65535, &v[1]))
        return r;
    return (struct tk_port_range){ (unsigned)v[0], (unsigned)v[1] };
}
