#include "http/url.h"

#include <errno.h>
#include <stdlib.h>

#include "failmalloc.h"
#include "tap.h"

static const struct {
    const char *text;
    bool is_tls;
    const char *host;
    uint16_t port;
    bool has_port;
    const char *path;
    const char *authority;
} good[] = {
    { "http://h", false, "h", 80, false, "/", "h" },
    { "https://h", true, "h", 443, false, "/", "h" },
    { "HTTP://H.example", false, "H.example", 80, false, "/", "H.example" },
    { "http://h:8000/v1/chat?x=1&y=%20", false, "h", 8000, true, "/v1/chat?x=1&y=%20", "h:8000" },
    { "localhost:8000", false, "localhost", 8000, true, "/", "localhost:8000" },
    { "localhost:8000/v1", false, "localhost", 8000, true, "/v1", "localhost:8000" },
    { "h/a://b", false, "h", 80, false, "/a://b", "h" },
    { "h?u=http://b", false, "h", 80, false, "/?u=http://b", "h" },
    { "127.0.0.1", false, "127.0.0.1", 80, false, "/", "127.0.0.1" },
    { "http://h:/", false, "h", 80, false, "/", "h" },
    { "http://h:80/", false, "h", 80, true, "/", "h" },
    { "https://h:80/", true, "h", 80, true, "/", "h:80" },
    { "https://h:443", true, "h", 443, true, "/", "h" },
    { "http://h?q", false, "h", 80, false, "/?q", "h" },
    { "http://[::1]/", false, "::1", 80, false, "/", "[::1]" },
    { "https://[::1]:8443/x", true, "::1", 8443, true, "/x", "[::1]:8443" },
    { "[::ffff:1.2.3.4]:65535", false, "::ffff:1.2.3.4", 65535, true, "/",
      "[::ffff:1.2.3.4]:65535" },
    { "http://my_service-1.ns/@", false, "my_service-1.ns", 80, false, "/@", "my_service-1.ns" },
};

static const struct {
    const char *text;
    const char *says; /* a part of the message */
} bad[] = {
    { "", "no host" },
    { "http://", "no host" },
    { "http:///x", "no host" },
    { "ftp://h", "scheme" },
    { "://h", "scheme" },
    { "http://:80", "no host" },
    { "http://user:secret@h/", "user or password" },
    { "user@h", "user or password" },
    { "http://h/#top", "fragment" },
    { "http://h#top", "fragment" },
    { "http://h:0", "port" },
    { "http://h:65536", "port" },
    { "http://h:99999999999999999999", "port" },
    { "http://h:+80", "port" },
    { "http://h:8a", "port" },
    { "http://::1/", "brackets" },
    { "http://[::1", "]" },
    { "http://[::1]8000", "only a port" },
    { "http://[fe80::1%eth0]/", "IPv6" },
    { "http://[h]/", "IPv6" },
    { "http://[]/", "no host" },
    { "http://a b/", "byte" },
    { "http://h\xC3\xA4/", "byte" },
    { "http://h/a b", "%20" },
    { "http://h/\xC3\xA4", "%C3" },
    { "http://h/\r\nX: y", "%0D" },
};

static void test_good(void)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(good); i++) {
        struct tk_url u = { 0 };
        char out[300];
        const char *text = good[i].text;
        if (!T_EQ_I(tk_url_parse(text, &u, NULL), 0, "%s", text))
            continue;
        T_EQ_I(u.is_tls, good[i].is_tls, "%s: is_tls", text);
        T_EQ_S(u.host, good[i].host, "%s: host", text);
        T_EQ_I(u.port, good[i].port, "%s: port", text);
        T_EQ_I(u.has_port, good[i].has_port, "%s: has_port", text);
        T_EQ_S(u.path, good[i].path, "%s: path", text);
        T_EQ_S(tk_url_authority(&u, out), good[i].authority, "%s: authority", text);
        tk_url_release(&u);
        tk_url_release(&u);
    }
}

static void test_bad(void)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(bad); i++) {
        struct tk_url u = { .port = 7 };
        struct tk_err err = { 0 };
        T_EQ_I(tk_url_parse(bad[i].text, &u, &err), TK_E_FORMAT, "'%s' is refused", bad[i].text);
        T_OK(strstr(err.msg, bad[i].says), "the message has '%s': %s", bad[i].says, err.msg);
        T_OK(!strstr(err.msg, "secret"), "no secret in it");
        T_EQ_I(u.port, 7, "nothing is written");
        T_EQ_I(tk_url_parse(bad[i].text, &u, NULL), TK_E_FORMAT, "without reterr too");
    }
    struct tk_url u;
    T_EQ_I(tk_url_parse(NULL, &u, NULL), TK_E_FORMAT, "NULL");
}

static void test_limits(void)
{
    char text[TK_URL_MAX_BYTES + 2];
    struct tk_url u;

    memset(text, 'a', sizeof(text));
    memcpy(text, "http://h/", 9);
    text[TK_URL_MAX_BYTES + 1] = '\0';
    T_EQ_I(tk_url_parse(text, &u, NULL), TK_E_FORMAT, "one byte over the maximum");
    text[TK_URL_MAX_BYTES] = '\0';
    T_EQ_I(tk_url_parse(text, &u, NULL), 0, "the maximum");
    T_EQ_I(strlen(u.path), TK_URL_MAX_BYTES - 8, "its path is whole");
    tk_url_release(&u);
    memset(text, 'a', sizeof(text));
    text[256] = '\0';
    T_EQ_I(tk_url_parse(text, &u, NULL), TK_E_FORMAT, "a host of 256 bytes");
    text[255] = '\0';
    char out[300];
    memcpy(text + 255, ":65535", 7);
    T_EQ_I(tk_url_parse(text, &u, NULL), 0, "a host of 255 bytes");
    T_EQ_S(tk_url_authority(&u, out), text, "its authority");
    tk_url_release(&u);
}

int main(void)
{
    struct tk_url u;

    test_good();
    test_bad();
    test_limits();
    tk_failmalloc_at(1);
    int rc = tk_url_parse("http://h/x", &u, NULL);
    T_OK(tk_failmalloc_off(), "one allocation");
    T_EQ_I(rc, -ENOMEM, "fails");
    return T_DONE();
}
