/* test_tls.c - certificates that are and are not accepted, and the stamps of records
 *
 * Everything runs over memory in virtual time. For the stamps the two ends are not connected: the test
 * carries the ciphertext from one to the other, in the pieces and at the instants that it wants.
 *
 *   [client TLS] == a pipe == (wire_client)   test   (wire_server) == a pipe == [server TLS]
 */
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/xport.h"

#include "lib/tap.h"
#include "pair.h"

#define PIPE_BYTES 65536
#define MS TK_NS_PER_MS

static char dir[] = "/tmp/tokmark-test-tls-XXXXXX";

/* `name` in the test's own folder; valid until the fourth call after. */
static const char *file(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(file(name), "we");

    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

/* --- certificates --- */

/* A self-signed certificate for localhost, valid from now + `from_s` to now + `to_s`, and its key. */
static void write_pair(const char *cert_name, const char *key_name, long from_s, long to_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                                              "DNS:localhost,DNS:*.example.test");
    X509_NAME *name = X509_get_subject_name(cert);
    FILE *f;

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(cert), to_s);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"x", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_add_ext(cert, san, -1);
    if (X509_sign(cert, key, EVP_sha256()) <= 0)
        abort();
    f = fopen(file(cert_name), "we");
    if (!f || PEM_write_X509(f, cert) != 1 || fclose(f) != 0)
        abort();
    f = fopen(file(key_name), "we");
    if (!f || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(f) != 0)
        abort();
    X509_EXTENSION_free(san);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* One handshake between the two; the client's outcome, its words in `words` (200 bytes). */
static int shake(struct tk_tls *client, struct tk_tls *server, const char *host, char *words)
{
    struct pair p = { 0 };
    int rc_client, rc_server, rc;

    if (tk_loop_new(TK_LOOP_VIRTUAL, &p.loop) ||
        tk_mem_pair(p.loop, PIPE_BYTES, &p.client, &p.server))
        abort();
    rc = pair_add_tls(&p, client, server, host, NULL);
    T_EQ_I(rc, 0, "TLS over a pipe for %s", host ? host : "anybody");
    pair_handshake(&p, &rc_client, &rc_server);
    snprintf(words, 200, "%s", tk_xport_detail(p.client, rc_client));
    if (rc_client == 0)
        T_EQ_I(rc_server, 0, "the server agrees");
    else
        T_EQ_I(tk_xport_handshake(p.client), rc_client, "the failure stays");
    pair_release(&p);
    tk_loop_free(p.loop);
    return rc_client;
}

static struct tk_tls *client_of(const char *ca_name)
{
    struct tk_tls_conf conf = { .ca_file = file(ca_name) };
    struct tk_tls *t = NULL;
    struct tk_err err = { 0 };

    if (!T_EQ_I(tk_tls_new_client(&conf, &t, &err), 0, "a client that trusts %s %s", ca_name,
                err.msg))
        abort();
    return t;
}

static struct tk_tls *server_of(const char *cert_name, const char *key_name)
{
    struct tk_tls_conf conf = { 0 };
    struct tk_tls *t = NULL;
    struct tk_err err = { 0 };

    conf.cert_file = cert_name ? file(cert_name) : NULL;
    conf.key_file = key_name ? file(key_name) : NULL;
    if (!T_EQ_I(tk_tls_new_server(&conf, &t, &err), 0, "a server with %s %s",
                cert_name ? cert_name : "its own certificate", err.msg))
        abort();
    return t;
}

static void test_own_certificate(void)
{
    static const char *const good[] = { "localhost", "127.0.0.1", "::1" };
    static const char *const bad[] = { "example.com", "127.0.0.2", "::2", "localhost.example.com" };
    struct tk_tls *server = server_of(NULL, NULL), *client;
    struct tk_err err = { 0 };
    char words[200];

    T_EQ_I(tk_tls_write_cert(server, file("own.pem"), &err), 0, "its certificate is written");
    client = client_of("own.pem");
    for (size_t i = 0; i < TK_ARRAY_LEN(good); i++)
        T_EQ_I(shake(client, server, good[i], words), 0, "accepted for %s", good[i]);
    for (size_t i = 0; i < TK_ARRAY_LEN(bad); i++) {
        T_EQ_I(shake(client, server, bad[i], words), TK_E_CERT, "not for %s: %s", bad[i], words);
        T_OK(strstr(words, "mismatch") != NULL, "because of the name");
    }
    T_EQ_I(tk_tls_write_cert(server, file("no/such/folder"), &err), -ENOENT, "%s", err.msg);
    T_EQ_I(tk_tls_write_cert(server, "/dev/full", &err), -ENOSPC, "%s", err.msg);
    T_EQ_I(tk_tls_write_cert(client, file("x"), &err), TK_E_NOT_FOUND, "%s", err.msg);
    tk_tls_free(client);
    tk_tls_free(server);
}

static void test_untrusted(void)
{
    struct tk_tls_conf insecure = { .is_insecure = true, .ca_file = "/no/such/file" };
    struct tk_tls *server = server_of(NULL, NULL), *other = client_of("own.pem"), *any = NULL;
    char words[200];

    T_EQ_I(shake(other, server, "localhost", words), TK_E_CERT, "another's certificate: %s", words);
    T_EQ_I(tk_tls_new_client(&insecure, &any, NULL), 0, "a client that takes any");
    T_EQ_I(shake(any, server, "example.com", words), 0, "takes it");
    T_EQ_I(shake(any, server, NULL, words), 0, "without a name too");
    tk_tls_free(other);
    tk_tls_free(any);
    tk_tls_free(server);
}

static void test_given_certificate(void)
{
    struct tk_tls *server, *client;
    char words[200];

    write_pair("good.pem", "good.key", -60, 3600);
    server = server_of("good.pem", "good.key");
    client = client_of("good.pem");
    T_EQ_I(shake(client, server, "localhost", words), 0, "a certificate from a file");
    T_EQ_I(shake(client, server, "a.example.test", words), 0, "a wildcard");
    T_EQ_I(shake(client, server, "a.b.example.test", words), TK_E_CERT, "for one label: %s", words);
    tk_tls_free(client);
    tk_tls_free(server);

    write_pair("old.pem", "old.key", -3600, -60);
    server = server_of("old.pem", "old.key");
    client = client_of("old.pem");
    T_EQ_I(shake(client, server, "localhost", words), TK_E_CERT, "an old one");
    T_EQ_S(words, "certificate has expired", "and why");
    tk_tls_free(client);
    tk_tls_free(server);
}

static void check_client_fails(const char *ca_name, int want)
{
    struct tk_tls_conf conf = { .ca_file = file(ca_name) };
    struct tk_tls *t = NULL;
    struct tk_err err = { 0 };

    T_EQ_I(tk_tls_new_client(&conf, &t, &err), want, "client: %s", err.msg);
    T_OK(!t && strstr(err.msg, ca_name), "it names the file");
    T_EQ_I(ERR_peek_error(), 0, "and leaves no error in OpenSSL's queue");
}

static void check_server_fails(const char *cert_name, const char *key_name, const char *named,
                               int want)
{
    struct tk_tls_conf conf = { .cert_file = file(cert_name) };
    struct tk_tls *t = NULL;
    struct tk_err err = { 0 };

    conf.key_file = key_name ? file(key_name) : NULL;
    T_EQ_I(tk_tls_new_server(&conf, &t, &err), want, "server: %s", err.msg);
    T_OK(!t && strstr(err.msg, named), "it names the file");
    T_EQ_I(ERR_peek_error(), 0, "and leaves no error in OpenSSL's queue");
}

static void test_bad_files(void)
{
    write_file("junk.pem", "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n");
    write_file("empty.pem", "");
    check_client_fails("absent.pem", -ENOENT);
    check_client_fails("junk.pem", TK_E_FORMAT);
    check_client_fails("empty.pem", TK_E_FORMAT);
    check_client_fails(".", TK_E_FORMAT);
    check_server_fails("absent.pem", NULL, "absent.pem", -ENOENT);
    check_server_fails("good.pem", "absent.key", "absent.key", -ENOENT);
    check_server_fails("junk.pem", "good.key", "junk.pem", TK_E_FORMAT);
    check_server_fails("good.pem", "empty.pem", "empty.pem", TK_E_FORMAT);
    check_server_fails("good.pem", NULL, "good.pem", TK_E_FORMAT); /* no key in it */
    check_server_fails("good.pem", "old.key", "old.key", TK_E_CERT);
}

/* --- clients that show a certificate --- */

static void encrypt_key(const char *from, const char *to, const char *passphrase)
{
    FILE *f = fopen(file(from), "re");
    EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

    if (!key || fclose(f) != 0 || !(f = fopen(file(to), "we")) ||
        PEM_write_PKCS8PrivateKey(f, key, EVP_aes_256_cbc(), passphrase, (int)strlen(passphrase),
                                  NULL, NULL) != 1 ||
        fclose(f) != 0)
        abort();
    EVP_PKEY_free(key);
}

static void join_files(const char *a, const char *b, const char *to)
{
    char text[8192];
    const char *const from[] = { a, b };
    FILE *out = fopen(file(to), "we");

    for (size_t i = 0; out && i < 2; i++) {
        FILE *f = fopen(file(from[i]), "re");
        size_t n = f ? fread(text, 1, sizeof(text), f) : 0;
        if (n == 0 || fclose(f) != 0 || fwrite(text, 1, n, out) != n)
            abort();
    }
    if (!out || fclose(out) != 0)
        abort();
}

static int client_with(const char *cert, const char *key, const char *passphrase,
                       struct tk_tls **ret, struct tk_err *err)
{
    struct tk_tls_conf conf = { .is_insecure = true, .passphrase = passphrase };

    conf.cert_file = cert ? file(cert) : NULL;
    conf.key_file = key ? file(key) : NULL;
    *ret = NULL;
    err->msg[0] = '\0';
    return tk_tls_new_client(&conf, ret, err);
}

/* What the server, and then the client's first read, make of it; words of the client. */
static void show(struct tk_tls *client, struct tk_tls *server, int want_server,
                 const char *want_words)
{
    struct pair p = { 0 };
    struct tk_stamp stamp;
    int rc_client, rc_server;
    char buf[10];

    if (tk_loop_new(TK_LOOP_VIRTUAL, &p.loop) ||
        tk_mem_pair(p.loop, PIPE_BYTES, &p.client, &p.server) ||
        pair_add_tls(&p, client, server, "localhost", NULL))
        abort();
    pair_handshake(&p, &rc_client, &rc_server);
    T_EQ_I(rc_server, want_server, "the server: %s", tk_xport_detail(p.server, rc_server));
    if (rc_client == 0) /* TLS 1.3: the client is done before the server has looked */
        rc_client = (int)tk_xport_read(p.client, buf, sizeof(buf), &stamp);
    T_EQ_I(rc_client, want_words ? TK_E_TLS : TK_E_AGAIN_READ, "the client");
    if (want_words)
        T_OK(strstr(tk_xport_detail(p.client, rc_client), want_words), "%s",
             tk_xport_detail(p.client, rc_client));
    pair_release(&p);
    tk_loop_free(p.loop);
}

static void check_shows(struct tk_tls *server, const char *cert, const char *key,
                        const char *passphrase)
{
    struct tk_tls *client;
    struct tk_err err;

    T_EQ_I(client_with(cert, key, passphrase, &client, &err), 0, "%s: %s", key ? key : cert,
           err.msg);
    show(client, server, 0, NULL);
    tk_tls_free(client);
}

static void check_cannot_show(const char *cert, const char *key, const char *passphrase, int want,
                              const char *word)
{
    struct tk_tls *client;
    struct tk_err err;

    T_EQ_I(client_with(cert, key, passphrase, &client, &err), want, "client: %s", err.msg);
    T_OK(!client && strstr(err.msg, word) && strstr(err.msg, key ? key : cert),
         "it says what and where");
    T_EQ_I(ERR_peek_error(), 0, "and leaves no error in OpenSSL's queue");
}

static void test_client_certificate(void)
{
    struct tk_tls_conf conf = { 0 };
    struct tk_tls *server, *client;
    struct tk_err err;

    encrypt_key("good.key", "locked.key", "open sesame");
    join_files("good.key", "good.pem", "both.pem");
    conf.client_ca_file = file("good.pem");
    T_EQ_I(tk_tls_new_server(&conf, &server, &err), 0, "a server that asks for a certificate");
    check_shows(server, "good.pem", "good.key", NULL);
    check_shows(server, "both.pem", NULL, NULL);
    check_shows(server, "good.pem", "locked.key", "open sesame");
    T_EQ_I(client_with(NULL, NULL, NULL, &client, &err), 0, "a client without");
    show(client, server, TK_E_TLS, "alert of the peer: tlsv13 alert certificate required");
    tk_tls_free(client);
    T_EQ_I(client_with("old.pem", "old.key", NULL, &client, &err), 0, "a client with another's");
    show(client, server, TK_E_CERT, "alert of the peer: ");
    tk_tls_free(client);
    tk_tls_free(server);
    check_cannot_show("absent.pem", NULL, NULL, -ENOENT, "No such file");
    check_cannot_show("good.pem", "absent.key", NULL, -ENOENT, "No such file");
    check_cannot_show("good.pem", NULL, NULL, TK_E_FORMAT, "no private key");
    check_cannot_show("good.pem", "old.key", NULL, TK_E_CERT, "is not that of the certificate");
    check_cannot_show("good.pem", "locked.key", NULL, TK_E_FORMAT, "there is no passphrase");
    check_cannot_show("good.pem", "locked.key", "sesame", TK_E_FORMAT, "does not open it");
    conf.client_ca_file = file("empty.pem");
    T_EQ_I(tk_tls_new_server(&conf, &server, &err), TK_E_FORMAT, "%s", err.msg);
    conf.client_ca_file = file("absent.pem");
    T_EQ_I(tk_tls_new_server(&conf, &server, &err), -ENOENT, "%s", err.msg);
}

static void test_no_name(void)
{
    struct tk_tls *client = client_of("own.pem"), *server = server_of(NULL, NULL);
    struct pair p = { 0 };
    struct tk_err err = { 0 };

    tk_loop_new(TK_LOOP_VIRTUAL, &p.loop);
    tk_mem_pair(p.loop, PIPE_BYTES, &p.client, &p.server);
    T_EQ_I(pair_add_tls(&p, client, server, NULL, &err), -EINVAL, "%s", err.msg);
    pair_release(&p);
    tk_loop_free(p.loop);
    tk_tls_free(client);
    tk_tls_free(server);
    T_OK(tk_tls_free(NULL) == NULL, "NULL may be freed");
}

/* --- a wire in the test's hands --- */

struct wire {
    struct pair p;                              /* the two TLS ends */
    struct tk_xport *wire_client, *wire_server; /* the other ends of their pipes */
    struct tk_tls *tls_client, *tls_server;
    char sent[PIPE_BYTES]; /* ciphertext of the server, not carried over yet */
    size_t n_sent;
};

static void carry(struct tk_xport *to, const char *p, size_t n)
{
    struct iovec iov = { (void *)(uintptr_t)p, n };

    if (n > 0 && tk_xport_write(to, &iov, 1) != (int64_t)n)
        abort();
}

/* All that waits at `from`; how much that was. */
static size_t fetch(struct tk_xport *from, char *buf, size_t cap)
{
    struct tk_stamp stamp;
    int64_t rc = tk_xport_read(from, buf, cap, &stamp);

    return rc > 0 ? (size_t)rc : 0;
}

static void wire_shake(struct wire *w)
{
    int rc_client = -1, rc_server = -1;
    char buf[PIPE_BYTES];

    for (int i = 0; i < 10 && (rc_client || rc_server); i++) {
        rc_client = tk_xport_handshake(w->p.client);
        carry(w->wire_server, buf, fetch(w->wire_client, buf, sizeof(buf)));
        rc_server = tk_xport_handshake(w->p.server);
        carry(w->wire_client, buf, fetch(w->wire_server, buf, sizeof(buf)));
    }
    T_OK(rc_client == 0 && rc_server == 0, "the ends shook hands");
}

static void wire_open(struct wire *w)
{
    struct tk_tls_conf insecure = { .is_insecure = true }, own = { 0 };

    *w = (struct wire){ 0 };
    if (tk_loop_new(TK_LOOP_VIRTUAL, &w->p.loop) ||
        tk_mem_pair(w->p.loop, PIPE_BYTES, &w->p.client, &w->wire_client) ||
        tk_mem_pair(w->p.loop, PIPE_BYTES, &w->p.server, &w->wire_server) ||
        tk_tls_new_client(&insecure, &w->tls_client, NULL) ||
        tk_tls_new_server(&own, &w->tls_server, NULL) ||
        pair_add_tls(&w->p, w->tls_client, w->tls_server, "localhost", NULL))
        abort();
    wire_shake(w);
}

static void wire_close(struct wire *w)
{
    pair_release(&w->p);
    tk_xport_free(w->wire_client);
    tk_xport_free(w->wire_server);
    tk_loop_free(w->p.loop);
    tk_tls_free(w->tls_client);
    tk_tls_free(w->tls_server);
}

static void on_nothing(struct tk_timer *t)
{
    (void)t;
}

/* Let the clock go on by `dur`; the wall's time then. */
static tk_ns pass(struct wire *w, tk_ns dur)
{
    struct tk_timer t;

    tk_timer_init(&t, on_nothing, NULL);
    if (tk_timer_set(w->p.loop, &t, tk_clock_now() + dur) || tk_loop_run(w->p.loop))
        abort();
    return tk_clock_wall();
}

/* The server writes a record; its bytes of ciphertext. */
static size_t server_says(struct wire *w, const char *text)
{
    struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
    size_t n;

    if (tk_xport_write(w->p.server, &iov, 1) != (int64_t)iov.iov_len)
        abort();
    n = fetch(w->wire_server, w->sent + w->n_sent, sizeof(w->sent) - w->n_sent);
    w->n_sent += n;
    return n;
}

/* Bring the first `n` bytes of what the server sent to the client. */
static void bring(struct wire *w, size_t n)
{
    carry(w->wire_client, w->sent, n);
    w->n_sent -= n;
    memmove(w->sent, w->sent + n, w->n_sent);
}

static void check_read(struct wire *w, size_t cap, const char *want, tk_ns want_wall, bool is_held)
{
    struct tk_stamp stamp = { -1, -1 };
    char buf[PIPE_BYTES];
    int64_t n = tk_xport_read(w->p.client, buf, cap, &stamp);

    T_EQ_N(buf, n > 0 ? (size_t)n : 0, want, strlen(want), "'%s' is read", want);
    T_EQ_I(stamp.arrived_wall, want_wall, "'%s' has the stamp of what completed it", want);
    T_OK(tk_xport_pending(w->p.client) == is_held, "'%s': something %s held", want,
         is_held ? "is" : "is not");
}

static void check_again(struct wire *w)
{
    struct tk_stamp stamp = { -1, -1 };
    char buf[100];

    T_EQ_I(tk_xport_read(w->p.client, buf, sizeof(buf), &stamp), TK_E_AGAIN_READ, "nothing whole");
    T_OK(stamp.arrived_wall == -1 && stamp.seen_at == -1, "no stamp");
    T_OK(!tk_xport_pending(w->p.client), "nothing held");
}

static void test_stamp_of_cut_record(void)
{
    struct wire w;
    size_t n;
    tk_ns at;

    wire_open(&w);
    check_again(&w);
    n = server_says(&w, "hello");
    for (size_t cut = 1; cut < n; cut += 3) {
        pass(&w, MS);
        bring(&w, cut);
        check_again(&w);
        at = pass(&w, MS);
        bring(&w, n - cut);
        check_read(&w, 100, "hello", at, false);
        check_again(&w);
        n = server_says(&w, "hello");
    }
    wire_close(&w);
}

static void test_stamp_of_joined_records(void)
{
    struct wire w;
    size_t n;
    tk_ns at, later;

    wire_open(&w);
    n = server_says(&w, "one ") + server_says(&w, "two ") + server_says(&w, "three");
    at = pass(&w, MS);
    bring(&w, n);
    check_read(&w, 100, "one two three", at, false);

    /* A small buffer: the rest keeps its stamp, though more came meanwhile. */
    n = server_says(&w, "abcdef") + server_says(&w, "ghi");
    at = pass(&w, MS);
    bring(&w, n);
    check_read(&w, 4, "abcd", at, true);
    n = server_says(&w, "XYZ");
    later = pass(&w, MS);
    bring(&w, n);
    check_read(&w, 2, "ef", at, true);
    check_read(&w, 100, "ghi", at, false);
    check_read(&w, 100, "XYZ", later, false);

    /* One record and a half. */
    n = server_says(&w, "whole ") + 7;
    server_says(&w, "half");
    at = pass(&w, MS);
    bring(&w, n);
    check_read(&w, 100, "whole ", at, false);
    check_again(&w);
    at = pass(&w, MS);
    bring(&w, w.n_sent);
    check_read(&w, 100, "half", at, false);
    wire_close(&w);
}

static void test_end(bool is_cut)
{
    struct tk_stamp stamp;
    struct wire w;
    char buf[100];
    size_t n;

    wire_open(&w);
    n = server_says(&w, "last");
    if (is_cut)
        bring(&w, 5); /* the head of a record, and nothing behind it */
    else
        bring(&w, n);
    w.wire_client = tk_xport_free(w.wire_client); /* a FIN without close_notify */
    if (!is_cut)
        T_EQ_I(tk_xport_read(w.p.client, buf, sizeof(buf), &stamp), 4, "the last bytes");
    else
        check_again(&w);
    T_EQ_I(tk_xport_read(w.p.client, buf, sizeof(buf), &stamp), is_cut ? TK_E_EOF_EARLY : 0,
           is_cut ? "an end inside a record" : "an end between records is orderly");
    T_EQ_I(tk_xport_read(w.p.client, buf, sizeof(buf), &stamp), is_cut ? TK_E_EOF_EARLY : 0,
           "it stays");
    wire_close(&w);
}

/* The end comes in the same read as data: it is held, and told at the next read. */
static void test_end_behind_data(void)
{
    struct wire w;
    tk_ns at;

    wire_open(&w);
    server_says(&w, "data");
    w.p.server = tk_xport_free(w.p.server); /* sends close_notify */
    w.n_sent += fetch(w.wire_server, w.sent + w.n_sent, sizeof(w.sent) - w.n_sent);
    at = pass(&w, MS);
    bring(&w, w.n_sent);
    check_read(&w, 100, "data", at, true);
    check_read(&w, 100, "", -1, false);
    wire_close(&w);
}

static void test_damage(void)
{
    struct tk_stamp stamp;
    struct wire w;
    char buf[100];
    int64_t rc;

    wire_open(&w);
    server_says(&w, "data");
    w.sent[w.n_sent - 1] ^= 1;
    bring(&w, w.n_sent);
    rc = tk_xport_read(w.p.client, buf, sizeof(buf), &stamp);
    T_EQ_I(rc, TK_E_TLS, "a damaged record: %s", tk_xport_detail(w.p.client, (int)rc));
    T_EQ_I(tk_xport_read(w.p.client, buf, sizeof(buf), &stamp), TK_E_TLS, "it stays");
    wire_close(&w);
}

/* --- peers that are none --- */

static void check_peer(const char *says, int want)
{
    struct tk_tls_conf insecure = { .is_insecure = true };
    struct tk_xport_conf conf = { .fd = -1, .host = "localhost" };
    struct tk_xport *peer, *x;
    struct tk_stamp stamp;
    struct tk_loop *loop;
    char buf[8];
    int rc;

    tk_loop_new(TK_LOOP_VIRTUAL, &loop);
    tk_mem_pair(loop, PIPE_BYTES, &conf.below, &peer);
    if (tk_tls_new_client(&insecure, &conf.tls, NULL))
        abort();
    T_EQ_I(tk_xport_new(&tk_xport_tls, loop, &conf, &x, NULL), 0, "TLS");
    T_EQ_I(tk_xport_read(x, buf, sizeof(buf), &stamp), -ENOTCONN, "no read before the handshake");
    T_EQ_I(tk_xport_write(x, &(struct iovec){ buf, 1 }, 1), -ENOTCONN, "no write");
    T_EQ_I(tk_xport_handshake(x), TK_E_AGAIN_READ, "waits for the peer");
    carry(peer, says, strlen(says));
    while (fetch(peer, (char[1000]){ 0 }, 1000) > 0)
        ; /* unread bytes would make a reset of the end */
    tk_xport_free(peer);
    rc = tk_xport_handshake(x);
    T_EQ_I(rc, want, "peer says '%.10s': %s", says, tk_xport_detail(x, rc));
    tk_xport_free(x);
    tk_tls_free(conf.tls);
    tk_loop_free(loop);
}

static void remove_files(void)
{
    static const char *const names[] = { "own.pem",   "good.pem",   "good.key",
                                         "old.pem",   "old.key",    "junk.pem",
                                         "empty.pem", "locked.key", "both.pem" };

    for (size_t i = 0; i < TK_ARRAY_LEN(names); i++)
        (void)unlink(file(names[i]));
    (void)rmdir(dir);
}

int main(void)
{
    if (!mkdtemp(dir))
        return T_SKIP_ALL("no folder for files");
    test_own_certificate();
    test_untrusted();
    test_given_certificate();
    test_bad_files();
    test_client_certificate();
    test_no_name();
    test_stamp_of_cut_record();
    test_stamp_of_joined_records();
    test_end(false);
    test_end(true);
    test_end_behind_data();
    test_damage();
    check_peer("HTTP/1.1 400 Bad Request\r\n\r\n", TK_E_TLS);
    check_peer("", TK_E_EOF_EARLY);
    remove_files();
    return T_DONE();
}
