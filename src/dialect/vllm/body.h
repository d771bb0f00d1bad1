/* body.h - the template of request bodies, as the files of the dialect that fill and write it share it
 *
 *   backends.c  which members a backend's body has, in which order
 *   body.c      the list of members: set, replaced in place, written as JSON
 *   value.c     values that depend on the item
 *   form.c      the same members as multipart/form-data
 */
#ifndef TK_DIALECT_VLLM_BODY_H
#define TK_DIALECT_VLLM_BODY_H

#include "base/arena.h"
#include "base/json.h"
#include "dialect/vllm/vllm.h"

#define TK__MAX_MEMBERS 128

enum tk__value {
    TK__VALUE_TEXT,      /* of the member: JSON, or the words of a form's field */
    TK__VALUE_MODEL,     /* the model, or the adapter in its place */
    TK__VALUE_PROMPT,    /* a string or what stands in its place */
    TK__VALUE_CHAT,      /* the prompt as messages, its media behind it */
    TK__VALUE_VLM2VEC,   /* media before the text, which is an instruction then */
    TK__VALUE_LIMIT,     /* the number of tokens to ask for */
    TK__VALUE_QUERY,     /* the first of several texts … */
    TK__VALUE_DOCUMENTS, /* … and the others */
    TK__VALUE_INFINITY,  /* the prompt, else the URL of the one medium */
    TK__VALUE_TOOLS,     /* the item's functions; no member where it has none … */
    TK__VALUE_CHOICE,    /* … nor this one, which says that the model chooses */
    TK__VALUE_MODALITY,  /* what that medium is; no member where the prompt was sent */
};

struct tk__member {
    struct tk_str key; /* as it stands in JSON, escapes not resolved */
    enum tk__value kind;
    struct tk_str text; /* of TEXT */
};

struct tk_vllm_template {
    struct tk__member v[TK__MAX_MEMBERS];
    size_t n;
    bool is_full;          /* a member found no room */
    const char *boundary;  /* of a form's parts; NULL: the body is JSON */
    bool is_clip;          /* where an item has media they stand for its text */
    bool is_message;       /* the data set makes the message: it stands in the prompt's place */
    bool is_media_inside;  /* … and the media are in it alone, nothing beside it */
    const char *model;     /* unless the request has one of its own */
    struct tk_arena arena; /* what members point to */
    struct tk_buf extra;   /* what members of the extra body point to */
    struct tk_json *j;     /* its parser */
};

/* Set a member: one of that key is replaced in its place, as the update of a Python dict does. */
void tk__template_kind(struct tk_vllm_template *t, const char *key, enum tk__value kind);
void tk__template_json(struct tk_vllm_template *t, const char *key, const char *json);
void tk__template_int(struct tk_vllm_template *t, const char *key, int64_t i);

/* Append the member's value as JSON. 0; TK_E_UNSUPPORTED (the item is none for this backend, in
 * words), TK_E_LIMIT, -ENOMEM. */
int tk__value_write(const struct tk_vllm_template *t, const struct tk__member *m,
                    const struct tk_vllm_send *s, struct tk_buf *out, struct tk_err *reterr);
/* Does the body of this item have the member at all? */
bool tk__value_is_there(const struct tk_vllm_template *t, const struct tk__member *m,
                        const struct tk_item *item);

/* The sampling parameters that go out, the backend's own too, as a JSON object. 0 or a code. */
int tk__vllm_sampling(const struct tk_vllm *v, struct tk_buf *out, struct tk_err *reterr);

/* Turn texts of JSON to the words that a form has for them. 0, TK_E_FORMAT, -ENOMEM. */
int tk__form_words(struct tk_vllm_template *t);
/* Append the form: the audio file, then a part for each member. Codes of tk_vllm_template_write(). */
int tk__form_write(const struct tk_vllm_template *t, const struct tk_vllm_send *s,
                   struct tk_buf *out, struct tk_err *reterr);

#endif
