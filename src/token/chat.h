/* chat.h - a conversation into the tokens that the model reads
 *
 *   template   the model's chat template (template.h), then the tokenizer without BOS of its own
 *   mistral    mistral-common's encoding: pieces of text between special tokens, each by itself
 *   deepseek   DeepSeek V3.2's encoding, which no template has
 *
 * What --tokenizer-mode auto, mistral and deepseek_v32 mean in vLLM. Immutable: any number of threads
 * may use one, each with its own scratches.
 */
#ifndef TK_TOKEN_CHAT_H
#define TK_TOKEN_CHAT_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "token/template.h"
#include "token/tokenizer.h"

struct tk_chat;

enum tk_chat_kind {
    TK_CHAT_AUTO, /* Mistral's where the tokenizer is mistral-common's, else the template */
    TK_CHAT_TEMPLATE,
    TK_CHAT_MISTRAL,
    TK_CHAT_DEEPSEEK_V32,
};

struct tk_chat_conf {
    const struct tk_tokenizer *tokenizer; /* not owned; must outlive the chat */
    enum tk_chat_kind kind;
    struct tk_str template_text; /* TEMPLATE: instead of the tokenizer's own; .p NULL: those */
};

struct tk_chat_input {
    struct tk_str messages;      /* JSON array */
    struct tk_str tools;         /* JSON array; empty: none */
    struct tk_str documents;     /* TEMPLATE: JSON array; empty: none */
    struct tk_str kwargs;        /* TEMPLATE: JSON object of variables; DEEPSEEK_V32: "thinking";
                                    empty: none */
    struct tk_str template_name; /* TEMPLATE: of several the one; empty: no wish */
    bool add_generation_prompt;  /* TEMPLATE */
    bool continues_final; /* TEMPLATE, MISTRAL: the last message is the beginning of the answer */
};

/* 0; TK_E_NOT_FOUND (the tokenizer has no template); TK_E_UNSUPPORTED (not such a tokenizer);
 * what tk_template_new() returns. */
int tk_chat_new(const struct tk_chat_conf *conf, struct tk_chat **ret, struct tk_err *reterr);
struct tk_chat *tk_chat_free(struct tk_chat *c);

/* "template", "mistral", "deepseek_v32". Static. */
const char *tk_chat_name(const struct tk_chat *c);

/* Append the ids to `ids` and the text to `text` (each may be NULL). 0; -EINVAL (the conversation is
 * not one that the model takes: why); otherwise as tk_template_render() and tk_tokenizer_encode(). */
int tk_chat_encode(const struct tk_chat *c, const struct tk_chat_input *in,
                   struct tk_template_scratch *ts, struct tk_tok_scratch *s, struct tk_buf *text,
                   struct tk_tok_ids *ids, struct tk_err *reterr);

#endif
