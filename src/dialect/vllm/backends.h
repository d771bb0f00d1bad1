/* backends.h - what --backend means: where requests go, what they look like, what may be asked of them
 *
 * One line of the table per backend; the wire format that decodes its replies is one of api/.
 */
#ifndef TK_DIALECT_VLLM_BACKENDS_H
#define TK_DIALECT_VLLM_BACKENDS_H

#include "dialect/vllm/vllm.h"

struct tk_vllm_template;

struct tk__vllm_backend {
    const char *name;      /* the word of --backend */
    const char *api;       /* name of the wire format */
    const char *tool;      /* whose definitions of a request's figures: metric/compat.h */
    const char *label;     /* in messages: "OpenAI Embeddings API" */
    const char *suffix[2]; /* what its URLs end with; the second may be NULL */
    const char *endpoint;  /* where it is served, for a hint */
    bool is_pooling;       /* a vector or scores come back, no text */
    bool
        is_compatible; /* the tool's "OpenAI compatible": sampling parameters, ignore_eos by itself */
    bool is_chat;      /* takes rows of messages */
    bool is_clip;      /* media stand for the text beside them */
    bool is_form;      /* the body is multipart/form-data */
    bool has_no_extra;    /* neither --extra-body nor --ignore-eos reach the body */
    bool counts_requests; /* the body depends on the number in the request's id */
    void (*fill)(struct tk_vllm_template *t, const struct tk_vllm *v);
};

/* NULL: there is none of this name. */
const struct tk__vllm_backend *tk__vllm_backend(const char *name);

/* The first whose wire format this is; NULL likewise. */
const struct tk__vllm_backend *tk__vllm_backend_of_api(const char *api);

#endif
