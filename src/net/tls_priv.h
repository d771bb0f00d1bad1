/* tls_priv.h - what tls.c makes and xport_tls.c uses */
#ifndef TK_NET_TLS_PRIV_H
#define TK_NET_TLS_PRIV_H

#include <openssl/ssl.h>

#include "net/tls.h"

struct tk_tls {
    SSL_CTX *ctx;     /* owned */
    BIO_METHOD *bio;  /* owned: reads from and writes to the transport below */
    bool is_server;   /* accepts instead of connecting */
    bool is_insecure; /* client: any certificate will do */
};

/* The BIO of xport_tls.c; NULL when memory is out. BIO_meth_free() frees it. */
BIO_METHOD *tk__tls_bio_method(void);

/* OpenSSL's words for the first error in its queue, which is emptied; `out` has room for `n` bytes. */
const char *tk__tls_words(char *out, size_t n);

#endif
