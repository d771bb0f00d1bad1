/* sets.h - the data sets of the tool, as the files of the dialect share them */
#ifndef TK_DIALECT_VLLM_SETS_H
#define TK_DIALECT_VLLM_SETS_H

#include "dialect/vllm/vllm.h"

struct tk__vllm_set {
    const char *name;
    const struct tk_data_ops *ops;
    bool needs_path;
    bool is_sampled;   /* rows are drawn and repeated (samples), else there are as many as wanted */
    bool has_no_ids;   /* requests go out without x-request-id */
    bool is_chat_only; /* other backends cannot be sent its media */
    bool ignores_eos;  /* the server is asked to go on past the end mark, always */
    bool
        is_made_in_order; /* prompt after prompt as they are sent, by a generator of its own: the load
                              may begin before the last one is made */
    bool has_instants;    /* of its own; its prompts are ids, which only completions take */
    bool wraps_text; /* --enable-multimodal-chat: the set makes the message, not the backend … */
    bool is_media_inside; /* … which is given no media beside it */
    bool sends_audio;     /* a file, or with --enable-multimodal-chat a part of a chat's message */
    bool sends_images;    /* and nothing without them */
    bool has_fixed_seed;  /* 0 whatever --seed says, as in 0.13 */
    bool is_measured;     /* prompts are put in their template and counted behind the set */
    bool is_shuffled;     /* … and shuffled, by the fixed seed */
    bool takes_template_kwargs; /* --chat-template-kwargs */
    bool may_skip_template;     /* though it needs one, --skip-chat-template does without */
    enum tk_vllm_need need;
    enum tk_vllm_need (*need_of)(const struct tk_vllm *v); /* instead, where options decide */
    void (*fill)(const struct tk_vllm *v, struct tk_data_conf *conf);
};

/* NULL when tokmark has no such set yet. */
const struct tk__vllm_set *tk__vllm_set(const struct tk_vllm *v);

/* Whether bodies differ in more than their samples: adapters, numbers. */
bool tk__vllm_has_own_bodies(const struct tk_vllm *v);

/* Whether the items have functions that the model may call. */
bool tk__vllm_has_functions(const struct tk_vllm *v);

/* --enable-multimodal-chat, and the data set heeds it. */
bool tk__vllm_makes_message(const struct tk_vllm *v);
/* … and its media are in the message alone. */
bool tk__vllm_has_media_inside(const struct tk_vllm *v);

/* hf: which data set it is, into v->hf; the tool's words where it is none that is known. */
int tk__vllm_hf(struct tk_vllm *v, struct tk_err *reterr);

/* --- prompts that are made beside the load: make.c --- */

struct tk__vllm_maker;

bool tk__vllm_can_make(const struct tk_vllm *v);
/* Begin to make the requests, in a thread of its own: v->maker, which is released with `v`. */
int tk__vllm_maker_new(struct tk_vllm *v, struct tk_err *reterr);
void tk__vllm_maker_free(struct tk__vllm_maker *m);

/* --- pictures: mm.c --- */

/* What the options of random-mm's pictures say, into v->mm. 0 or a code with words; exit_status is set. */
int tk__vllm_mm(struct tk_vllm *v, struct tk_err *reterr);

#endif
