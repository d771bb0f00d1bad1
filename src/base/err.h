/* err.h - the one list of error codes, and the detail that people read
 *
 * A function that can fail returns 0 (or a count) on success and a negative code on failure:
 * -1 .. -4095 is a negated errno, below -4096 is one of ours.
 */
#ifndef TK_BASE_ERR_H
#define TK_BASE_ERR_H

#include "base/def.h"

/* clang-format off */
#define TK_ERR_MAP(X)                                                   \
    X(MORE,        -4097, "needs more bytes")                           \
    X(AGAIN_READ,  -4098, "needs the socket to become readable")        \
    X(AGAIN_WRITE, -4099, "needs the socket to become writable")        \
    X(EOF_EARLY,   -4100, "peer closed before the reply was whole")     \
    X(PROTO,       -4101, "peer broke the protocol")                    \
    X(LIMIT,       -4102, "a configured limit was reached")             \
    X(TLS,         -4103, "TLS failed")                                 \
    X(CERT,        -4104, "the certificate was not accepted")           \
    X(RESOLVE,     -4105, "the name could not be resolved")             \
    X(FORMAT,      -4106, "the text is not in the expected form")       \
    X(RANGE,       -4107, "the value is outside its range")             \
    X(NOT_FOUND,   -4108, "not found")                                  \
    X(UNSUPPORTED, -4109, "not supported")                              \
    X(CANCELLED,   -4110, "cancelled by tokmark itself")                \
    X(TIMEOUT,     -4111, "a time-out passed")                          \
    X(DB,          -4112, "the run file could not be used")
/* clang-format on */

enum tk_errcode {
#define X(name, num, text) TK_E_##name = (num),
    TK_ERR_MAP(X)
#undef X
};

/* Detail for a person; filled on failure only, never on the hot path. */
struct tk_err {
    int code;        /* the value also returned */
    unsigned line;   /* 1-based line of the input, 0 when there is none */
    unsigned column; /* 1-based byte in that line, 0 when there is none */
    char msg[1280];  /* one line, lower case, no full stop */
};

/* The code's short name: "EAGAIN", "PROTO"; "UNKNOWN" for a number that is neither. Static. */
const char *tk_err_name(int code);

/* What the code means, in a few words, for the end of a message. Static. */
const char *tk_err_text(int code);

/* Fill `e` (may be NULL) and return `code`, so that a failure is one line. What is too long is cut.
 * The arguments may be parts of *e itself: "in '%s': %s", name, e->msg. Line and column become 0. */
int tk_err_set(struct tk_err *e, int code, const char *fmt, ...) TK_PRINTF(3, 4);

#endif
