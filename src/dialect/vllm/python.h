/* python.h - values as Python writes them, as the files of the dialect share them */
#ifndef TK_DIALECT_VLLM_PYTHON_H
#define TK_DIALECT_VLLM_PYTHON_H

#include "base/buf.h"
#include "base/def.h"

enum tk__vllm_form_of_dict {
    TK__VLLM_REPR, /* {'a': True, (1, 2): 0.5} */
    TK__VLLM_JSON, /* {"a": true, "(1, 2)": 0.5}: what json.dumps makes of it when keys become strings */
};

/* `text` is a dict without inner ones, in Python's words: keys are strings or tuples of ints (with quotes
 * around them or not), values numbers, floats all of them where `is_float`. Of anything else comes
 * something, never too much of it. */
void tk__vllm_dict(const char *text, bool is_float, enum tk__vllm_form_of_dict form,
                   struct tk_buf *out);

/* A JSON text as repr() of what json.loads makes of it. 0, TK_E_FORMAT, -ENOMEM. */
int tk__vllm_repr_json(struct tk_str json, struct tk_buf *out);

#endif
