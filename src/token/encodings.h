/* encodings.h - encodings of chats that no template has; used by chat.c alone */
#ifndef TK_TOKEN_ENCODINGS_H
#define TK_TOKEN_ENCODINGS_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "token/chat.h"

#define TK__MAX_CHAT_MEMORY ((size_t)1 << 30) /* of one conversation's tree, bytes */

/* DeepSeek V3.2: append the text. 0, -EINVAL, TK_E_FORMAT, TK_E_LIMIT, -ENOMEM; then `out` is as it
 * was. */
int tk__dsv32_render(const struct tk_chat_input *in, struct tk_buf *out, struct tk_err *reterr);

/* Mistral: append the ids. The tokenizer is mistral-common's. Codes as above. */
int tk__mistral_encode(const struct tk_tokenizer *t, const struct tk_chat_input *in,
                       struct tk_tok_scratch *s, struct tk_tok_ids *ids, struct tk_err *reterr);

/* Is the version of its chat encoding one that is known here? 0 or TK_E_UNSUPPORTED. */
int tk__mistral_check(const struct tk_tokenizer *t, struct tk_err *reterr);

#endif
