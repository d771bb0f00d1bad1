/* server_tokens.h - tokens as the server counts them, where no tokenizer is at hand
 *
 * vLLM's /tokenize and /detokenize, and llama.cpp's with its /apply-template. Which of the two it is
 * shows in the first reply. Every call is a request of its own, and blocks.
 */
#ifndef TK_CLI_SERVER_TOKENS_H
#define TK_CLI_SERVER_TOKENS_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "run/plan.h"
#include "token/chat.h"
#include "token/tokenizer.h"

struct tk_server_tokens;

struct tk_server_tokens_conf {
    const char *url;                      /* the server, or its folder /v1 */
    const char *model;                    /* NULL: the server's own */
    const struct tk_plan_header *headers; /* the key's among them; not owned */
    size_t n_headers;
    tk_ns timeout; /* of each request */
};

/* Look the server up; nothing is sent yet. 0, TK_E_FORMAT, TK_E_RESOLVE, -ENOMEM. `conf` and what it
 * points at must outlive it. */
int tk_server_tokens_new(const struct tk_server_tokens_conf *conf, struct tk_server_tokens **ret,
                         struct tk_err *reterr);
struct tk_server_tokens *tk_server_tokens_free(struct tk_server_tokens *s);

/* Append the ids of a text, with BOS and the like or without. 0; TK_E_NOT_FOUND (the server has no
 * such thing); TK_E_FORMAT (an answer that makes no sense); what the connection failed with. */
int tk_server_tokenize(struct tk_server_tokens *s, struct tk_str text, bool adds_special,
                       struct tk_tok_ids *ids, struct tk_err *reterr);

/* The same for a conversation, by the server's template. */
int tk_server_tokenize_chat(struct tk_server_tokens *s, const struct tk_chat_input *in,
                            struct tk_tok_ids *ids, struct tk_err *reterr);

/* Append the text of ids. */
int tk_server_detokenize(struct tk_server_tokens *s, const uint32_t *ids, size_t n,
                         struct tk_buf *out, struct tk_err *reterr);

#endif
