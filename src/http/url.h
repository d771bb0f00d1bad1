/* url.h - the parts of an http or https URL */
#ifndef TK_HTTP_URL_H
#define TK_HTTP_URL_H

#include "base/def.h"
#include "base/err.h"

#define TK_URL_MAX_BYTES 8192

struct tk_url {
    bool is_tls;    /* https */
    char host[256]; /* name or literal, without brackets, NUL-terminated */
    uint16_t port;  /* given, or 80 or 443 */
    bool has_port;  /* the port stood in the text */
    char *path;     /* path and query, begins with '/'; "/" when there was none; owned (malloc) */
};

/* "http://host:port/path", "https://[::1]/"; without a scheme http is meant. User and password in
 * the URL are refused (a secret does not belong there), so is a fragment. 0, TK_E_FORMAT, -ENOMEM. */
int tk_url_parse(const char *text, struct tk_url *ret, struct tk_err *reterr);
void tk_url_release(struct tk_url *u);

/* "host:port", "[::1]:port", the port left out when it is the scheme's: the Host header's value.
 * `out` has 300 bytes. */
const char *tk_url_authority(const struct tk_url *u, char *out);

#endif
