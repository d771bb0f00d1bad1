/* tokens.h - where the tokens of a model come from: files of this machine, or the hub's */
#ifndef TK_CLI_TOKENS_H
#define TK_CLI_TOKENS_H

#include "base/err.h"
#include "token/chat.h"
#include "token/tokenizer.h"

enum tk_tokens_mode {
    TK_TOKENS_AUTO,         /* as transformers and vLLM do: what the model has */
    TK_TOKENS_MISTRAL,      /* as mistral-common: vLLM's --tokenizer-mode mistral */
    TK_TOKENS_DEEPSEEK_V32, /* tokenizer.json, and DeepSeek V3.2's encoding of chats */
};
#define TK_TOKENS_MODES "auto mistral deepseek_v32" /* in that order, for option tables */

struct tk_tokens_conf {
    const char *program; /* what happens on the way is said under this name; NULL: nothing is */
    const char *name; /* a folder, a file, or a model of the hub: "org/name", "org/name@revision" */
    const char *revision; /* of the hub; NULL: the name's, or "main" */
    enum tk_tokens_mode mode;
    enum tk_tok_cleanup cleanup;
};

struct tk_tokens {
    struct tk_tokenizer *tokenizer; /* owned */
    char *path;                     /* folder or file that it was read from; owned */
    enum tk_tokens_mode mode;
};

/* Find, download and read it. 0, or the codes of hub.h and tokenizer.h with a message. */
int tk_tokens_open(const struct tk_tokens_conf *conf, struct tk_tokens *ret, struct tk_err *reterr);
void tk_tokens_release(struct tk_tokens *t); /* may be called twice */

/* Its way to encode chats. `template_file` holds a template to use instead of the model's; NULL: the
 * model's. *ret is the caller's and must not outlive `t`. */
int tk_tokens_chat(const struct tk_tokens *t, const char *template_file, struct tk_chat **ret,
                   struct tk_err *reterr);

/* A whole file, or standard input for "-", into `out`. 0, TK_E_LIMIT, or a negated errno. */
int tk_read_whole(const char *path, struct tk_buf *out, struct tk_err *reterr);

#endif
