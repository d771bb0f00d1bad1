/* tiktoken.h - what the loaders of ranked byte tokens share: tiktoken.c and tekken.c */
#ifndef TK_TOKEN_TIKTOKEN_H
#define TK_TOKEN_TIKTOKEN_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "token/internal.h"

/* Decode base64: the number of bytes, SIZE_MAX when it is none or longer than `cap`. */
size_t tk__base64(struct tk_str in, char *out, size_t cap);

/* Add a token to the raw vocabulary. 0 or what tk__vocab_add() returns. */
int tk__ranks_add(struct tk_tokenizer *t, struct tk_str bytes, uint32_t id, struct tk_buf *work);

/* The vocabulary is indexed: make pattern, model and decoder. `pattern` counts where `scan` is none. */
int tk__ranks_finish(struct tk_tokenizer *t, enum tk__scan_kind scan, struct tk_str pattern,
                     struct tk_err *reterr);

#endif
