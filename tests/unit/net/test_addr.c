/* test_addr.c - looking names up, and writing addresses */
#include "net/addr.h"

#include <arpa/inet.h>

#include "lib/tap.h"

static void check(const char *host, uint16_t port, const char *want)
{
    struct tk_addrs addrs = { 0 };
    struct tk_err err = { 0 };
    char text[64];

    T_EQ_I(tk_addr_resolve(host, port, &addrs, &err), 0, "%s resolves", host);
    T_EQ_I(addrs.n, 1, "%s: one address", host);
    T_EQ_S(tk_addr_format(&addrs.v[0], text), want, "%s: written", host);
}

static void check_fails(const char *host)
{
    struct tk_addrs addrs = { .n = 77 };
    struct tk_err err = { 0 };

    T_EQ_I(tk_addr_resolve(host, 80, &addrs, &err), TK_E_RESOLVE, "'%s' does not", host);
    T_OK(strstr(err.msg, host) && strstr(err.msg, "could not be resolved: "), "%s", err.msg);
    T_EQ_I(addrs.n, 77, "and nothing is written");
    T_EQ_I(tk_addr_resolve(host, 80, &addrs, NULL), TK_E_RESOLVE, "without detail too");
}

static void test_localhost(void)
{
    struct tk_addrs addrs;
    char text[64];

    if (tk_addr_resolve("localhost", 80, &addrs, NULL)) {
        T_SKIP("localhost has no address here");
        return;
    }
    for (unsigned i = 0; i < addrs.n; i++) {
        const char *s = tk_addr_format(&addrs.v[i], text);

        T_OK(strcmp(s, "[::1]:80") == 0 || strncmp(s, "127.", 4) == 0, "localhost is %s", s);
    }
}

static void test_format(void)
{
    struct tk_addr a = { 0 };
    char text[64];

    T_EQ_S(tk_addr_format(&a, text), "unknown address", "no family");
    a.u.v6.sin6_family = AF_INET6;
    a.u.v6.sin6_port = htons(65535);
    a.u.v6.sin6_scope_id = 4294967295U;
    inet_pton(AF_INET6, "fe80:1111:2222:3333:4444:5555:6666:7777", &a.u.v6.sin6_addr);
    T_EQ_S(tk_addr_format(&a, text), "[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535",
           "the longest");
}

int main(void)
{
    static const char long_label[] =
        "a-label-of-more-than-sixty-three-characters-which-no-name-server-knows.invalid";

    check("127.0.0.1", 80, "127.0.0.1:80");
    check("255.255.255.255", 65535, "255.255.255.255:65535");
    check("::1", 8000, "[::1]:8000");
    check("2001:DB8:0:0::1", 0, "[2001:db8::1]:0");
    check("::ffff:1.2.3.4", 1, "[::ffff:1.2.3.4]:1");
    check_fails(long_label);
    check_fails("[::1]");
    test_localhost();
    test_format();
    return T_DONE();
}
