/* inflate.h - undo the content codings gzip and deflate, piece by piece; shared inside http only */
#ifndef TK_HTTP_INFLATE_H
#define TK_HTTP_INFLATE_H

#include "base/def.h"

enum tk__coding {
    TK__CODING_IDENTITY,
    TK__CODING_GZIP,
    TK__CODING_DEFLATE, /* in zlib's wrapping, as the standard wants, or bare, as some servers do */
    TK__CODING_UNKNOWN, /* none that can be undone */
};

/* What the value of a Content-Encoding field names. */
enum tk__coding tk__coding_of(struct tk_str value);

struct tk__inflate;

/* A piece of decoded bytes, valid during the call. Not 0: stop. */
typedef int (*tk__inflate_cb)(void *owner, struct tk_str piece);

/* 40 KiB or so with its window. 0 or -ENOMEM. */
int tk__inflate_new(struct tk__inflate **ret);
struct tk__inflate *tk__inflate_free(struct tk__inflate *z);

/* Begin a body; allocates nothing. `coding` is GZIP or DEFLATE. */
void tk__inflate_begin(struct tk__inflate *z, enum tk__coding coding);

/* Decode [p, p+n) through the caller's buffer `out` of `cap` bytes. 0, TK_E_PROTO (damaged, or
 * something follows the end), -ENOMEM, or what the callback returned. */
int tk__inflate_feed(struct tk__inflate *z, struct tk_str in, struct tk_str out, tk__inflate_cb cb,
                     void *owner);

/* False when the body so far is cut: more must come. An empty body is whole. */
bool tk__inflate_is_whole(const struct tk__inflate *z);

#endif
