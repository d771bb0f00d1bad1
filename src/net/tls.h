/* tls.h - what connections share of TLS: trusted authorities, own certificate
 *
 * A context is made once, before threads start, and only read afterwards (OpenSSL counts the
 * references). OpenSSL's store of authorities is loaded here and nowhere else: it costs 19 ms.
 */
#ifndef TK_NET_TLS_H
#define TK_NET_TLS_H

#include "base/def.h"
#include "base/err.h"

struct tk_tls;

struct tk_tls_conf {
    const char *ca_file;    /* client: PEM with the authorities to trust; NULL: the system's */
    bool is_insecure;       /* client: accept any certificate */
    const char *cert_file;  /* its own chain, PEM; NULL: a client has none, a server makes one */
    const char *key_file;   /* the key of that, PEM; NULL: in cert_file too */
    const char *passphrase; /* of a key that is encrypted; NULL: none. Used during the call only */
    const char
        *client_ca_file; /* server: PEM with the authorities of clients, of which each must show a
                                   certificate; NULL: none is asked for */
};

/* Both: 0, a negated errno (a file that cannot be read), TK_E_FORMAT (what is in it is no certificate,
 * no key, or cannot be decrypted), TK_E_CERT (key and certificate are no pair), TK_E_TLS, -ENOMEM;
 * the message names the file. */
int tk_tls_new_client(const struct tk_tls_conf *conf, struct tk_tls **ret, struct tk_err *reterr);

/* With cert_file NULL a key and a self-signed certificate for localhost, 127.0.0.1 and ::1 are made,
 * which lives in memory only; tk_tls_write_cert() hands it to the clients of a test. */
int tk_tls_new_server(const struct tk_tls_conf *conf, struct tk_tls **ret, struct tk_err *reterr);
int tk_tls_write_cert(const struct tk_tls *t, const char *path, struct tk_err *reterr);

struct tk_tls *tk_tls_free(struct tk_tls *t);

#endif
