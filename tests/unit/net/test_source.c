/* test_source.c - lists of source addresses, spare ones, and which is taken; connections come from them */
#include "net/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "lib/failmalloc.h"
#include "lib/tap.h"
#include "pair.h"

/* The addresses with commas between. */
static const char *written(const struct tk_sources *s)
{
    static char out[2000];
    size_t n = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < s->n && n < sizeof(out); i++) {
        char text[64];
        tk_addr_format(&s->v[i], text);
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", i ? "," : "", text);
    }
    return out;
}

static void check(const char *list, const char *want)
{
    struct tk_sources s = { 0 };
    struct tk_err err = { 0 };

    T_EQ_I(tk_sources_parse(list, &s, &err), 0, "'%s' %s", list, err.msg);
    T_EQ_S(written(&s), want, "'%s'", list);
    T_OK(!s.is_spare, "in turn");
    tk_sources_release(&s);
}

static void check_fails(const char *list, int want, const char *part)
{
    struct tk_sources s = { .n = 77 };
    struct tk_err err = { 0 };

    T_EQ_I(tk_sources_parse(list, &s, &err), want, "'%s': %s", list, err.msg);
    T_OK(strstr(err.msg, part) && s.n == 77, "it says '%s', and nothing is written", part);
}

static void test_lists(void)
{
    check("127.0.0.1", "127.0.0.1:0");
    check(" 127.0.0.1 , 127.0.0.9", "127.0.0.1:0,127.0.0.9:0");
    check("127.0.0.254-127.0.1.1", "127.0.0.254:0,127.0.0.255:0,127.0.1.0:0,127.0.1.1:0");
    check("127.1.2.3-127.1.2.3,127.0.0.1", "127.1.2.3:0,127.0.0.1:0");
    check_fails("", TK_E_FORMAT, "");
    check_fails("127.0.0.1,", TK_E_FORMAT, "''");
    check_fails("localhost", TK_E_FORMAT, "'localhost'");
    check_fails("127.0.0.1:80", TK_E_FORMAT, "'127.0.0.1:80'");
    check_fails("127.0.0.2-127.0.0.1", TK_E_FORMAT, "no range");
    check_fails("127.0.0.1-::1", TK_E_FORMAT, "no range");
    check_fails("fe80::1-fe81::1", TK_E_FORMAT, "no range");
    check_fails("127.0.0.1-127.0.4.1", TK_E_LIMIT, "1024");
    check_fails("127.0.0.1-127.0.4.0,127.9.9.9", TK_E_LIMIT, "1024");
    check_fails("192.0.2.1", -EADDRNOTAVAIL, "'192.0.2.1': this machine has no such address");
    check_fails("127.0.0.1,2001:db8::7", -EADDRNOTAVAIL, "[2001:db8::7]");
    check_fails("0.0.0.0-255.255.255.255", TK_E_LIMIT, "1024");
}

static struct tk_addr of(const char *host)
{
    struct tk_addrs a = { 0 };

    if (tk_addr_resolve(host, 80, &a, NULL))
        T_OK(false, "%s", host);
    return a.v[0];
}

static void test_spare(void)
{
    struct tk_addrs here = { .v = { of("::1"), of("127.3.4.5") }, .n = 2 };
    struct tk_addrs there = { .v = { of("::1"), of("192.0.2.1") }, .n = 2 };
    struct tk_sources s;
    unsigned at = 0;

    T_EQ_I(tk_sources_spare(&there, &s), 0, "elsewhere");
    T_OK(s.n == 0 && !tk_sources_pick(&s, &there.v[1], &at), "the system chooses");
    T_EQ_I(tk_sources_spare(&here, &s), 0, "here");
    T_OK(s.n == 17 && s.is_spare, "sixteen more");
    T_OK(!tk_sources_pick(&s, &here.v[1], &at) && at == 0, "first the system chooses");
    at = 1;
    T_EQ_I(ntohl(tk_sources_pick(&s, &here.v[1], &at)->u.v4.sin_addr.s_addr), 0x7f000002,
           "then .2");
    at = 16;
    T_EQ_I(ntohl(tk_sources_pick(&s, &here.v[1], &at)->u.v4.sin_addr.s_addr), 0x7f000011,
           "at last .17");
    at = 17;
    T_OK(!tk_sources_pick(&s, &here.v[1], &at) && at == 0, "and round");
    at = 3;
    T_OK(!tk_sources_pick(&s, &here.v[0], &at) && at == 0, "of IPv6 there is one only");
    T_EQ_I(tk_sources_fit(&s, &here, NULL), 0, "they fit");
    T_EQ_I(here.n, 2, "all addresses of the server");
    tk_sources_release(&s);
}

static void test_kinds(void)
{
    struct tk_addrs server = { .v = { of("::1"), of("127.0.0.1"), of("::1") }, .n = 3 };
    struct tk_addrs six = { .v = { of("::1") }, .n = 1 };
    struct tk_sources s;
    struct tk_err err = { 0 };
    unsigned at = 5;

    T_EQ_I(tk_sources_parse("127.0.0.4,127.0.0.5", &s, NULL), 0, "of IPv4");
    T_EQ_I(tk_sources_fit(&s, &server, &err), 0, "one address of the server will do");
    T_OK(server.n == 1 && server.v[0].u.any.sa_family == AF_INET, "the others are left out");
    T_EQ_I(ntohl(tk_sources_pick(&s, &server.v[0], &at)->u.v4.sin_addr.s_addr), 0x7f000005, "odd");
    T_EQ_I(at, 1, "its index");
    T_EQ_I(tk_sources_fit(&s, &six, &err), TK_E_NOT_FOUND, "%s", err.msg);
    T_OK(strstr(err.msg, "[::1]:80") != NULL, "it names the server's");
    tk_sources_release(&s);
}

/* Connections come from where they should, by what the server sees. */
static void test_connections(void)
{
    struct pair p = { 0 };
    struct tk_addr bound, seen = { .n = sizeof(seen.u) };
    struct tk_addr bad = { .u.v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) },
                           .n = sizeof(bad.u.v4) };
    struct tk_xport_conf conf = { .peer = &bound, .fd = -1 };
    struct tk_sources s;
    int listener = tk_listen("127.0.0.1", 0, &bound, NULL), rc;
    char text[64];

    tk_loop_new(TK_LOOP_REAL, &p.loop);
    T_EQ_I(tk_sources_parse("127.0.0.77", &s, NULL), 0, "an address");
    conf.source = &s.v[0];
    T_EQ_I(tk_xport_new(&tk_xport_tcp, p.loop, &conf, &p.client, NULL), 0, "connects");
    T_EQ_I(pair_accept(&p, listener), 0, "accepted");
    T_EQ_I(getpeername(tk_xport_io(p.server)->fd, &seen.u.any, &seen.n), 0, "the peer");
    tk_addr_format(&seen, text);
    T_OK(strncmp(text, "127.0.0.77:", 11) == 0, "comes from %s", text);
    pair_release(&p);
    conf.source = &bad;
    T_EQ_I(tk_xport_new(&tk_xport_tcp, p.loop, &conf, &p.client, NULL), 0, "not of this machine");
    while ((rc = tk_xport_handshake(p.client)) == TK_E_AGAIN_WRITE)
        pair_wait(&p, TK_IO_OUT, 0);
    T_EQ_I(rc, -EADDRNOTAVAIL, "is told by the handshake");
    pair_release(&p);
    tk_sources_release(&s);
    close(listener);
    tk_loop_free(p.loop);
}

static void test_range(void)
{
    struct tk_port_range r = tk_port_range();
    char text[64] = "", want[64];
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

    snprintf(want, sizeof(want), "%u\t%u\n", r.first, r.last);
    if (!f || !fgets(text, sizeof(text), f))
        T_SKIP("no range of ports to be read here");
    else
        T_EQ_S(want, text, "the range");
    if (f)
        fclose(f);
}

static void test_no_memory(void)
{
    for (int n = 1;; n++) {
        struct tk_sources s = { 0 };
        tk_failmalloc_at(n);
        int rc = tk_sources_parse("127.0.0.1-127.0.0.3", &s, NULL);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "with memory");
            tk_sources_release(&s);
            break;
        }
        T_EQ_I(rc, -ENOMEM, "without allocation %d", n);
    }
}

int main(void)
{
    test_lists();
    test_spare();
    test_kinds();
    test_connections();
    test_range();
    test_no_memory();
    return T_DONE();
}
