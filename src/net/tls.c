/* tls.c - the part of TLS that connections share
 *
 * No session is resumed and no ticket sent, on either side: every handshake is a whole one, so that
 * what is measured does not depend on what came before, and a server is quiet after the handshake.
 *
 * The certificate that a server makes for itself is an end entity's, not an authority's (some clients
 * refuse an authority as a server), with all that strict verifiers ask for. As a file of authorities it
 * is accepted by OpenSSL and its kin all the same, because it is self-signed and listed.
 */
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/tls_priv.h"

#define OWN_CERT_AGE_S 3600L                    /* made to look that old, for clocks that differ */
#define OWN_CERT_LIFE_S (10L * 365 * 24 * 3600) /* valid for so long */
#define OWN_CERT_NAMES "DNS:localhost,IP:127.0.0.1,IP:::1"

static const unsigned char alpn[] = "\x08http/1.1"; /* length, name */
#define ALPN_BYTES (sizeof(alpn) - 1)

const char *tk__tls_words(char *out, size_t n)
{
    unsigned long e = ERR_get_error();
    const char *reason = ERR_reason_error_string(e);

    if (e == 0)
        snprintf(out, n, "no reason given");
    else if (ERR_SYSTEM_ERROR(e))
        snprintf(out, n, "%s", strerrordesc_np(ERR_GET_REASON(e)));
    else if (reason)
        snprintf(out, n, "%s", reason);
    else
        ERR_error_string_n(e, out, n);
    ERR_clear_error();
    return out;
}

/* Fail with OpenSSL's words about `what`. */
static int fail(struct tk_err *reterr, int code, const char *what, const char *subject)
{
    char words[256];

    tk__tls_words(words, sizeof(words));
    return tk_err_set(reterr, code, "%s '%s': %s", what, subject, words);
}

/* While a key is read. */
struct asked {
    const char *passphrase; /* NULL: there is none */
    bool was_asked;         /* the key is encrypted */
};

/* A key with a passphrase must not make OpenSSL ask at the terminal. */
static int give_passphrase(char *buf, int size, int rwflag, void *userdata)
{
    struct asked *a = userdata;
    size_t n = a && a->passphrase ? strlen(a->passphrase) : 0;

    (void)rwflag;
    if (a)
        a->was_asked = true;
    if (!a || !a->passphrase || n > (size_t)size)
        return -1;
    memcpy(buf, a->passphrase, n);
    return (int)n;
}

static int new_context(const SSL_METHOD *method, struct tk_tls **ret, struct tk_err *reterr)
{
    struct tk_tls *t = calloc(1, sizeof(*t));

    if (t) {
        t->bio = tk__tls_bio_method();
        t->ctx = SSL_CTX_new(method);
    }
    if (!t || !t->bio || !t->ctx) {
        tk_tls_free(t);
        ERR_clear_error();
        tk_err_set(reterr, -ENOMEM, "no memory for TLS");
        return -ENOMEM;
    }
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    /* An end without close_notify is judged in xport_tls.c. */
    SSL_CTX_set_options(t->ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(t->ctx, 0);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(t->ctx, 1); /* see xport_tls.c */
    SSL_CTX_set_default_passwd_cb(t->ctx, give_passphrase);
    *ret = t;
    return 0;
}

static int check_readable(const char *path, const char *what, struct tk_err *reterr)
{
    if (access(path, R_OK) == 0)
        return 0;
    return tk_err_set(reterr, -errno, "cannot read the %s '%s': %s", what, path,
                      strerrordesc_np(errno));
}

/* --- a certificate from files --- */

/* Why the key was not taken: a key of another pair is refused too; then the file is well-formed. */
static int fail_key(const struct asked *a, const char *key_file, const char *cert_file,
                    struct tk_err *reterr)
{
    unsigned long e = ERR_peek_error();

    if (ERR_GET_LIB(e) == ERR_LIB_X509) {
        ERR_clear_error();
        return tk_err_set(reterr, TK_E_CERT,
                          "the key in '%s' is not that of the certificate in '%s'", key_file,
                          cert_file);
    }
    if (!a->was_asked)
        return fail(reterr, TK_E_FORMAT, "no private key in PEM form in", key_file);
    ERR_clear_error();
    return tk_err_set(reterr, TK_E_FORMAT, "the key in '%s' is encrypted, and %s", key_file,
                      a->passphrase ? "the passphrase does not open it"
                                    : "there is no passphrase for it");
}

static int load_own_certificate(struct tk_tls *t, const struct tk_tls_conf *conf,
                                struct tk_err *reterr)
{
    const char *key_file = conf->key_file ? conf->key_file : conf->cert_file;
    struct asked asked = { .passphrase = conf->passphrase };
    int rc = check_readable(conf->cert_file, "certificate", reterr);

    if (rc == 0)
        rc = check_readable(key_file, "key", reterr);
    if (rc)
        return rc;
    if (SSL_CTX_use_certificate_chain_file(t->ctx, conf->cert_file) != 1)
        return fail(reterr, TK_E_FORMAT, "no certificate in PEM form in", conf->cert_file);
    SSL_CTX_set_default_passwd_cb_userdata(t->ctx, &asked);
    if (SSL_CTX_use_PrivateKey_file(t->ctx, key_file, SSL_FILETYPE_PEM) != 1)
        rc = fail_key(&asked, key_file, conf->cert_file, reterr);
    SSL_CTX_set_default_passwd_cb_userdata(t->ctx, NULL);
    return rc;
}

/* --- client --- */

static int load_authorities(struct tk_tls *t, const char *ca_file, struct tk_err *reterr)
{
    int rc;

    if (!ca_file) {
        if (SSL_CTX_set_default_verify_paths(t->ctx) != 1)
            return fail(reterr, TK_E_TLS, "cannot load the authorities of", "the system");
        return 0;
    }
    rc = check_readable(ca_file, "authorities", reterr);
    if (rc)
        return rc;
    if (SSL_CTX_load_verify_file(t->ctx, ca_file) != 1)
        return fail(reterr, TK_E_FORMAT, "no certificate in PEM form in", ca_file);
    return 0;
}

int tk_tls_new_client(const struct tk_tls_conf *conf, struct tk_tls **ret, struct tk_err *reterr)
{
    struct tk_tls *t;
    int rc = new_context(TLS_client_method(), &t, reterr);

    if (rc)
        return rc;
    t->is_insecure = conf->is_insecure;
    SSL_CTX_set_verify(t->ctx, conf->is_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_alpn_protos(t->ctx, alpn, ALPN_BYTES) != 0) /* 0 is success here */
        rc = tk_err_set(reterr, -ENOMEM, "no memory for TLS");
    else if (!conf->is_insecure)
        rc = load_authorities(t, conf->ca_file, reterr);
    if (rc == 0 && conf->cert_file)
        rc = load_own_certificate(t, conf, reterr);
    if (rc) {
        tk_tls_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

/* --- server: its own certificate --- */

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = ext && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool set_serial(X509 *cert)
{
    uint64_t serial;

    return RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1) == 1;
}

static bool fill_certificate(X509 *cert, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(cert);

    return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -OWN_CERT_AGE_S) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), OWN_CERT_LIFE_S) &&
           X509_set_pubkey(cert, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"tokmark test server", -1, -1, 0) &&
           X509_set_issuer_name(cert, name) == 1 &&
           add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
           add_extension(cert, NID_ext_key_usage, "serverAuth") &&
           add_extension(cert, NID_subject_alt_name, OWN_CERT_NAMES) &&
           add_extension(cert, NID_subject_key_identifier, "hash") &&
           add_extension(cert, NID_authority_key_identifier, "keyid:always") &&
           X509_sign(cert, key, EVP_sha256()) > 0;
}

static int make_own_certificate(struct tk_tls *t, struct tk_err *reterr)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    bool ok = key && cert && fill_certificate(cert, key) &&
              SSL_CTX_use_certificate(t->ctx, cert) == 1 &&
              SSL_CTX_use_PrivateKey(t->ctx, key) == 1;

    X509_free(cert); /* the context holds its own references */
    EVP_PKEY_free(key);
    return ok ? 0 : fail(reterr, TK_E_TLS, "cannot make a certificate for", "localhost");
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned in_n, void *arg)
{
    unsigned char *chosen = NULL;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_n, alpn, ALPN_BYTES, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK; /* go on without: HTTP/1.1 is what is spoken then */
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Have each client show a certificate of these authorities. */
static int ask_clients(struct tk_tls *t, const char *ca_file, struct tk_err *reterr)
{
    STACK_OF(X509_NAME) * names;
    int rc = load_authorities(t, ca_file, reterr);

    if (rc)
        return rc;
    names = SSL_load_client_CA_file(ca_file);
    if (!names)
        return fail(reterr, TK_E_FORMAT, "no certificate in PEM form in", ca_file);
    SSL_CTX_set_client_CA_list(t->ctx, names); /* owns them: told to clients that have several */
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

int tk_tls_new_server(const struct tk_tls_conf *conf, struct tk_tls **ret, struct tk_err *reterr)
{
    struct tk_tls *t;
    int rc = new_context(TLS_server_method(), &t, reterr);

    if (rc)
        return rc;
    t->is_server = true;
    SSL_CTX_set_alpn_select_cb(t->ctx, select_alpn, NULL);
    rc = conf->cert_file ? load_own_certificate(t, conf, reterr) : make_own_certificate(t, reterr);
    if (rc == 0 && conf->client_ca_file)
        rc = ask_clients(t, conf->client_ca_file, reterr);
    if (rc) {
        tk_tls_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

int tk_tls_write_cert(const struct tk_tls *t, const char *path, struct tk_err *reterr)
{
    X509 *cert = SSL_CTX_get0_certificate(t->ctx);
    FILE *f;
    bool ok;

    if (!cert)
        return tk_err_set(reterr, TK_E_NOT_FOUND, "there is no certificate to write to '%s'", path);
    f = fopen(path, "we");
    if (!f)
        return tk_err_set(reterr, -errno, "cannot write '%s': %s", path, strerrordesc_np(errno));
    errno = EIO; /* for a failure that says nothing */
    ok = PEM_write_X509(f, cert) == 1;
    if (fclose(f) != 0)
        ok = false;
    if (ok)
        return 0;
    ERR_clear_error();
    return tk_err_set(reterr, -errno, "cannot write '%s': %s", path, strerrordesc_np(errno));
}

struct tk_tls *tk_tls_free(struct tk_tls *t)
{
    if (!t)
        return NULL;
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->bio);
    free(t);
    return NULL;
}
