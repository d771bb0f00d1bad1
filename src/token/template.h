/* template.h - chat templates: messages into the text that the model reads
 *
 * What the `chat_template` of a model makes of a conversation, equal to the letter to
 * apply_chat_template of transformers (jinja2's ImmutableSandboxedEnvironment). A template is
 * compiled once and then const: any number of threads may render it, each with its own scratch.
 */
#ifndef TK_TOKEN_TEMPLATE_H
#define TK_TOKEN_TEMPLATE_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"

/* Bounds, where the options have 0. */
#define TK_TEMPLATE_MAX_STEPS UINT64_C(20000000)         /* about a second of work */
#define TK_TEMPLATE_MAX_BYTES ((size_t)64 << 20)         /* of the text, and of any string in it */
#define TK_TEMPLATE_MAX_MEMORY_BYTES ((size_t)256 << 20) /* of all values together */
#define TK_TEMPLATE_MAX_DEPTH 1500U                      /* of calls and nested values */

struct tk_template;         /* compiled; const */
struct tk_template_scratch; /* what a rendering needs; one thread at a time */

struct tk_template_opts {
    struct tk_str tools;          /* JSON array; empty: none */
    struct tk_str documents;      /* JSON array; empty: none */
    struct tk_str special_tokens; /* JSON object, {"bos_token": "<s>", …}; empty: none */
    struct tk_str kwargs;         /* JSON object of further variables; they win; empty: none */
    bool add_generation_prompt;
    bool continues_final; /* the text ends where the last message does: the model is to go on there
                             (continue_final_message of transformers); not with the prompt */
    tk_ns now_wall;       /* for strftime_now, in the local time zone; 0: the clock */
    uint64_t max_steps;   /* 0: as above; so are the others */
    size_t max_bytes;
    size_t max_memory_bytes;
    uint32_t max_depth;
};

/* Append repr() of a string, as Python writes it. What is no UTF-8 becomes U+FFFD. */
void tk_template_repr(struct tk_buf *out, struct tk_str s);

/* Compile. 0; TK_E_FORMAT (what jinja2 refuses to compile), TK_E_LIMIT (longer, or nested deeper,
 * than a template is), TK_E_UNSUPPORTED, -ENOMEM. *reterr has the line. `text` need not stay. */
int tk_template_new(struct tk_str text, struct tk_template **ret_t, struct tk_err *reterr);
struct tk_template *tk_template_free(struct tk_template *t);

/* NULL when memory is out. */
struct tk_template_scratch *tk_template_scratch_new(void);
struct tk_template_scratch *tk_template_scratch_free(struct tk_template_scratch *s);

/* Append the text for `messages` (a JSON array) to `out`. `opts` may be NULL. 0; -EINVAL (the
 * template itself raised: its message), TK_E_FORMAT (what jinja2 or Python raises; damaged JSON),
 * TK_E_LIMIT (a bound was reached; the message names it), TK_E_UNSUPPORTED, -ENOMEM. On failure
 * `out` is as it was, and *reterr has the template's line. With continues_final also TK_E_FORMAT where
 * the last message has no text, or the template does not end with it as it stands. */
int tk_template_render(const struct tk_template *t, struct tk_str messages,
                       const struct tk_template_opts *opts, struct tk_template_scratch *scratch,
                       struct tk_buf *out, struct tk_err *reterr);

/* Which of several named templates transformers would take: `wanted` by name (for example "rag";
 * empty: no wish); otherwise "tool_use" when there are tools and such a template, otherwise
 * "default". Its index, or TK_E_NOT_FOUND. */
int tk_template_choose(const struct tk_str *names, size_t n, struct tk_str wanted, bool has_tools,
                       struct tk_err *reterr);

#endif
