/* loaders.h - tokenizers that come in other files than tokenizer.json
 *
 * All give a struct tk_tokenizer as tokenizer.h has it. tk_tokenizer_open() looks at what there is
 * and takes the right one; it is what programs call.
 */
#ifndef TK_TOKEN_LOADERS_H
#define TK_TOKEN_LOADERS_H

#include "base/def.h"
#include "token/tokenizer.h"

enum tk_tok_mode {
    TK_TOK_MODE_AUTO,    /* as transformers: tokenizer.json, else what else there is */
    TK_TOK_MODE_MISTRAL, /* as mistral-common: tekken.json, else its tokenizer.model.v… */
};

/* From a folder or a file of any kind known here. The codes of tk_tokenizer_load(); -ENOENT also for a
 * folder that has none of the files, which are named. */
int tk_tokenizer_open(const char *path, enum tk_tok_mode mode, const struct tk_tokenizer_conf *conf,
                      struct tk_tokenizer **ret, struct tk_err *reterr);

/* A tiktoken rank file: lines of a token in base64 and its rank. `name` says pattern and special
 * tokens: "gpt2" "r50k_base" "p50k_base" "p50k_edit" "cl100k_base" "o200k_base" "o200k_harmony" "qwen"
 * "kimi" "llama3"; NULL: by the file's name ("qwen.tiktoken", "tiktoken.model", …). In a folder the
 * configuration beside it counts too, unless the conf ignores it. TK_E_UNSUPPORTED for a name that
 * is not known. */
int tk_tokenizer_load_tiktoken(const char *path, const char *name,
                               const struct tk_tokenizer_conf *conf, struct tk_tokenizer **ret,
                               struct tk_err *reterr);

/* sentencepiece's tokenizer.model (BPE or Unigram). Alone it does what sentencepiece does, and adds no BOS
 * nor EOS; with a configuration beside it that names a class (Llama's, Gemma's, T5's, XLM-R's; others are
 * refused) it is what AutoTokenizer converts it to. */
int tk_tokenizer_load_sentencepiece(const char *path, const struct tk_tokenizer_conf *conf,
                                    struct tk_tokenizer **ret, struct tk_err *reterr);

/* Mistral's tekken.json. TK_TOK_ADD_SPECIAL is BOS; special tokens in a text are text, as
 * mistral-common has it, unless TK_TOK_PARSE_SPECIAL is set. */
int tk_tokenizer_load_tekken(const char *path, const struct tk_tokenizer_conf *conf,
                             struct tk_tokenizer **ret, struct tk_err *reterr);

#endif
