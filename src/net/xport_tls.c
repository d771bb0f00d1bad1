/* xport_tls.c - TLS over another transport
 *
 *        read                                                        write
 *   caller <-- SSL_read <-- [OpenSSL's buffer] <-- BIO <-- below      caller --> SSL_write --> BIO --> below
 *                 |                                 |
 *              record                        stamp of this read
 *
 * The stamp. A record can be opened when its last byte is there, so the stamp of its content is that of
 * the ciphertext read that brought this byte. The BIO keeps the stamp of its last read that gave bytes,
 * and a call of tls_read() makes at most one such read:
 *   - the first SSL_read() may read from below, once (`reads_left`); what it returns was completed by
 *     that read, or was held from the one before, whose stamp is still there;
 *   - further SSL_read()s empty OpenSSL's buffer into what is left of the caller's, with no read from
 *     below: all these records share the stamp.
 * When less than a record has come, the call asks for more (TK_E_AGAIN_READ) although bytes may wait
 * below: the io is level-triggered and will tell.
 *
 * One recvmsg() per readiness. With read_ahead OpenSSL reads into its own buffer (16 KB and a little)
 * as much as there is, instead of a header, then a body. A buffer of ours in the BIO was the other
 * choice: one more copy, and memory per connection that OpenSSL could not give back.
 *
 * What is held. After a read that did not fill the caller's buffer OpenSSL holds less than a record, so
 * nothing is pending. Only a buffer that was filled, a handshake whose last read brought more, and an
 * end that was found behind data leave something (`is_held`).
 *
 * Memory. SSL_MODE_RELEASE_BUFFERS gives the buffers back whenever they are empty: an idle connection
 * keeps none. A client's connection costs what docs/internals/tls.md says.
 *
 * Ends. close_notify is an orderly close (0). So is a bare FIN between records: plain TCP could not
 * tell either, and the HTTP above knows whether the answer was whole. A FIN inside a record is
 * TK_E_EOF_EARLY. The end is kept, since OpenSSL allows no call after it.
 */
#include "net/xport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/tls_priv.h"
#include "net/xport_priv.h"

#define DETAIL_BYTES 160
#define GATHER_BYTES SSL3_RT_MAX_PLAIN_LENGTH /* a record; pieces are put together up to it */

struct tls {
    struct tk_xport base;  /* must be first */
    SSL *ssl;              /* owned */
    struct tk_stamp stamp; /* of the last ciphertext read that gave bytes */
    unsigned reads_left;   /* ciphertext reads that the BIO may still make in this call */
    int below_rc;          /* what the transport below failed with in this call, 0 */
    int end_rc;            /* what every further read returns once has_ended */
    bool has_ended;        /* no call of SSL_read() any more */
    bool is_eof;           /* the transport below was closed by the peer */
    bool is_held;          /* see above */
    char *detail;          /* words about the last failure, NULL before one; owned */
};

static struct tls *tls_of(struct tk_xport *x)
{
    return TK_CONTAINER_OF(x, struct tls, base);
}

/* --- the BIO --- */

/* The first failure counts: OpenSSL may answer one with an alert, which fails too. */
static int bio_failure(struct tls *t, int64_t rc)
{
    if (!t->below_rc)
        t->below_rc = (int)rc;
    return -1;
}

static int bio_read(BIO *b, char *buf, int n)
{
    struct tls *t = BIO_get_data(b);
    struct tk_stamp stamp = { 0 };
    int64_t rc = TK_E_AGAIN_READ;

    BIO_clear_retry_flags(b);
    if (t->reads_left > 0)
        rc = tk_xport_read(t->base.below, buf, (size_t)n, &stamp);
    if (rc > 0) {
        t->reads_left--;
        t->stamp = stamp;
        return (int)rc;
    }
    if (rc == 0) {
        t->is_eof = true;
        return 0;
    }
    if (rc != TK_E_AGAIN_READ)
        return bio_failure(t, rc);
    BIO_set_retry_read(b);
    return -1;
}

static int bio_write(BIO *b, const char *buf, int n)
{
    struct tls *t = BIO_get_data(b);
    struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = (size_t)n };
    int64_t rc = tk_xport_write(t->base.below, &iov, 1);

    BIO_clear_retry_flags(b);
    if (rc >= 0)
        return (int)rc;
    if (rc != TK_E_AGAIN_WRITE)
        return bio_failure(t, rc);
    BIO_set_retry_write(b);
    return -1;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    const struct tls *t = BIO_get_data(b);

    (void)num;
    (void)ptr;
    if (cmd == BIO_CTRL_FLUSH)
        return 1; /* nothing is held back */
    return cmd == BIO_CTRL_EOF && t->is_eof;
}

BIO_METHOD *tk__tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tokmark transport");

    if (m) {
        BIO_meth_set_read(m, bio_read);
        BIO_meth_set_write(m, bio_write);
        BIO_meth_set_ctrl(m, bio_ctrl);
    }
    return m;
}

/* --- failures --- */

/* SSL_get_error() looks at the thread's queue, which others may have left full. */
static void begin_call(struct tls *t, unsigned reads)
{
    t->reads_left = reads;
    t->below_rc = 0;
    if (TK_UNLIKELY(ERR_peek_error() != 0))
        ERR_clear_error();
}

static void set_detail(struct tls *t, const char *words)
{
    if (!t->detail)
        t->detail = malloc(DETAIL_BYTES);
    if (t->detail)
        snprintf(t->detail, DETAIL_BYTES, "%s", words);
}

/* Alerts that came are reasons of their own; those that OpenSSL sends are not told apart from why. */
static bool is_alert(unsigned long e)
{
    int reason = ERR_GET_REASON(e);

    return ERR_GET_LIB(e) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
           reason <= SSL_AD_REASON_OFFSET + 255;
}

/* OpenSSL itself failed: which of our codes, with its words as detail. */
static int tls_error(struct tls *t, unsigned long e)
{
    static const char alert[] = "alert of the peer: ";
    char words[DETAIL_BYTES];
    size_t n = is_alert(e) ? sizeof(alert) - 1 : 0;

    if (ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        set_detail(t, X509_verify_cert_error_string(SSL_get_verify_result(t->ssl)));
        ERR_clear_error();
        return TK_E_CERT;
    }
    memcpy(words, alert, n);
    tk__tls_words(words + n, sizeof(words) - n);
    set_detail(t, words);
    return TK_E_TLS;
}

/* Neither retry nor end: OpenSSL objects to what came, or the transport below failed. */
static int fatal_failure(struct tls *t, int ssl_error)
{
    int code = t->below_rc;

    if (ssl_error == SSL_ERROR_SSL || !code) /* first: its alert may have failed below as well */
        return tls_error(t, ERR_peek_error());
    ERR_clear_error();
    set_detail(t, tk_err_text(code));
    return code;
}

/* The code of an SSL_…() that failed with `r`; 0 is an orderly close. */
static int failure(struct tls *t, int r)
{
    int ssl_error = SSL_get_error(t->ssl, r);

    switch (ssl_error) {
    case SSL_ERROR_WANT_READ:
        return TK_E_AGAIN_READ;
    case SSL_ERROR_WANT_WRITE:
        return TK_E_AGAIN_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return fatal_failure(t, ssl_error);
    }
}

/* True when part of a record has come and the rest has not. */
static bool is_inside_record(const struct tls *t)
{
    return SSL_has_pending(t->ssl) || strcmp(SSL_rstate_string(t->ssl), "RB") == 0;
}

/* No SSL_read() and no SSL_do_handshake() after this. */
static int end(struct tls *t, int code)
{
    if (code == TK_E_EOF_EARLY)
        set_detail(t, tk_err_text(code));
    t->has_ended = true;
    t->end_rc = code;
    return code;
}

static bool is_retry(int code)
{
    return code == TK_E_AGAIN_READ || code == TK_E_AGAIN_WRITE;
}

static int read_failure(struct tls *t)
{
    int code = failure(t, 0);

    if (is_retry(code))
        return code;
    return end(t, code == 0 && t->is_eof && is_inside_record(t) ? TK_E_EOF_EARLY : code);
}

static int handshake_failure(struct tls *t, int r)
{
    int code = failure(t, r);

    if (is_retry(code))
        return code;
    return end(t, code ? code : TK_E_EOF_EARLY);
}

/* --- the transport --- */

static bool is_ip(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Whom to expect: for the certificate's check, and for servers with several. */
static int set_host(SSL *ssl, const char *host)
{
    if (is_ip(host)) /* RFC 6066, 3: no literal addresses in server_name */
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)host) == 1; /* the macro for it casts const away */
}

static int make_ssl(struct tls *t, const struct tk_tls *shared)
{
    BIO *bio;

    t->ssl = SSL_new(shared->ctx);
    bio = BIO_new(shared->bio);
    if (!t->ssl || !bio) {
        BIO_free(bio);
        ERR_clear_error();
        return -ENOMEM;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    return 0;
}

static int tls_init(struct tk_xport *x, const struct tk_xport_conf *conf, struct tk_err *reterr)
{
    struct tls *t = tls_of(x);

    if (!conf->tls || !conf->below)
        return tk_err_set(reterr, -EINVAL, "TLS needs a context and a transport below it");
    if (make_ssl(t, conf->tls) < 0)
        return tk_err_set(reterr, -ENOMEM, "no memory for a TLS connection");
    if (conf->tls->is_server) {
        SSL_set_accept_state(t->ssl);
        return 0;
    }
    SSL_set_connect_state(t->ssl);
    if (!conf->host && !conf->tls->is_insecure)
        return tk_err_set(reterr, -EINVAL, "TLS needs the server's name, to check its certificate");
    if (conf->host && !set_host(t->ssl, conf->host)) {
        ERR_clear_error();
        return tk_err_set(reterr, TK_E_TLS, "'%s' is no name for TLS", conf->host);
    }
    return 0;
}

static int tls_handshake(struct tk_xport *x)
{
    struct tls *t = tls_of(x);
    int rc;

    if (x->handshake_done_at)
        return 0;
    if (t->has_ended)
        return t->end_rc;
    rc = tk_xport_handshake(x->below);
    if (rc)
        return rc;
    begin_call(t, UINT_MAX);
    rc = SSL_do_handshake(t->ssl);
    if (rc == 1) {
        x->handshake_done_at = tk_clock_now();
        t->is_held = SSL_has_pending(t->ssl);
        return 0;
    }
    return handshake_failure(t, rc);
}

static int64_t tls_read(struct tk_xport *x, void *buf, size_t cap, struct tk_stamp *ret_stamp)
{
    struct tls *t = tls_of(x);
    size_t done = 0, n;
    int rc = 0;

    t->is_held = false;
    if (t->has_ended)
        return t->end_rc;
    if (!x->handshake_done_at)
        return -ENOTCONN;
    begin_call(t, 1);
    do {
        if (SSL_read_ex(t->ssl, (char *)buf + done, cap - done, &n) != 1) {
            rc = read_failure(t);
            break;
        }
        done += n;
        t->reads_left = 0;
    } while (done < cap && SSL_has_pending(t->ssl));
    if (done == 0)
        return rc;
    t->is_held = t->has_ended || (done == cap && SSL_has_pending(t->ssl));
    *ret_stamp = t->stamp;
    return (int64_t)done;
}

static int write_one(struct tls *t, const void *p, size_t n, size_t *ret_n)
{
    int rc;

    *ret_n = 0;
    if (n == 0)
        return 0; /* SSL_write() must not be called for nothing */
    begin_call(t, 1);
    rc = SSL_write_ex(t->ssl, p, n, ret_n);
    if (rc == 1)
        return 0;
    rc = failure(t, rc);
    return rc ? rc : -EPIPE; /* an orderly end is none for a writer */
}

/* Small pieces go into one record, and so into one segment: a head and its body. */
static int write_gathered(struct tls *t, const struct iovec *iov, int n_iov, size_t *ret_n)
{
    char record[GATHER_BYTES];
    size_t n = 0;

    for (int i = 0; i < n_iov && n < sizeof(record); i++) {
        size_t part = TK_MIN(iov[i].iov_len, sizeof(record) - n);

        if (part > 0) /* an empty piece may have no address */
            memcpy(record + n, iov[i].iov_base, part);
        n += part;
    }
    return write_one(t, record, n, ret_n);
}

static int64_t tls_write(struct tk_xport *x, const struct iovec *iov, int n_iov)
{
    struct tls *t = tls_of(x);
    size_t n;
    int rc;

    if (!x->handshake_done_at)
        return -ENOTCONN;
    if (n_iov == 1 || (n_iov > 1 && iov[0].iov_len >= GATHER_BYTES))
        rc = write_one(t, iov[0].iov_base, iov[0].iov_len, &n);
    else
        rc = write_gathered(t, iov, n_iov, &n);
    return rc ? rc : (int64_t)n;
}

static bool tls_pending(const struct tk_xport *x)
{
    return ((const struct tls *)x)->is_held; /* base is first */
}

static const char *tls_detail(const struct tk_xport *x)
{
    return ((const struct tls *)x)->detail;
}

/* Whether a close_notify can still go out: none did, and the connection has not broken. An answer to the
 * peer's is due too: there are servers that wait for it before they close. */
static bool can_say_goodbye(const struct tls *t)
{
    if (!t->ssl || !t->base.handshake_done_at || t->below_rc || t->base.is_reset)
        return false;
    return !(t->has_ended && (t->end_rc || t->is_eof)) &&
           !(SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN);
}

/* close_notify, if it goes out at once. */
static void tls_goodbye(struct tk_xport *x)
{
    struct tls *t = tls_of(x);

    if (!can_say_goodbye(t))
        return;
    begin_call(t, 0);
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    (void)end(t, 0);
}

static void tls_release(struct tk_xport *x)
{
    struct tls *t = tls_of(x);

    tls_goodbye(x);
    SSL_free(t->ssl); /* and its BIO */
    free(t->detail);
}

const struct tk_xport_ops tk_xport_tls = {
    .name = "tls",
    .size = sizeof(struct tls),
    .init = tls_init,
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .pending = tls_pending,
    .goodbye = tls_goodbye,
    .detail = tls_detail,
    .release = tls_release,
};
