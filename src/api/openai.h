/* openai.h - what the formats of OpenAI share; used inside this layer only
 *
 * A request body is written member by member through struct tk__body, which puts the user's own
 * members in their places. Replies are decoded by one decoder: chat and completions differ in where
 * the text stands, and no server uses one place for two meanings.
 */
#ifndef TK_API_OPENAI_H
#define TK_API_OPENAI_H

#include "api/api.h"
#include "base/jsonw.h"

#define TK__EXTRA_MAX 64 /* members that the user may add to a body */

/* One member of the user's object; slices of its text. */
struct tk__extra {
    struct tk_str key;   /* raw */
    struct tk_str value; /* JSON */
    bool is_written;
};

/* A request body under construction. */
struct tk__body {
    struct tk_jsonw w;
    const struct tk_api_opts *opts; /* not owned */
    size_t begin;                   /* bytes that the buffer had before */
    size_t n_extra;                 /* members in use */
    struct tk__extra extra[TK__EXTRA_MAX];
};

/* Open the object. 0, TK_E_FORMAT, TK_E_LIMIT, -ENOMEM: `extra` cannot be used; nothing written. */
int tk__body_begin(struct tk__body *b, const struct tk_api_opts *opts, struct tk_buf *out,
                   struct tk_err *reterr);

/* Write the key; true when the caller is to write the value, false when the user's own was written. */
bool tk__body_key(struct tk__body *b, const char *key);

void tk__body_model(struct tk__body *b);
void tk__body_temperature(struct tk__body *b);
void tk__body_limit(struct tk__body *b, const char *default_key, int64_t output_tokens);
void tk__body_stream(struct tk__body *b); /* stream, stream_options, ignore_eos */

/* Write what is left of `extra` and close the object. 0 or the buffer's code: it is as before then. */
int tk__body_end(struct tk__body *b, struct tk_err *reterr);

/* The decoders of tk_api_ops. */
int tk__openai_event(struct tk_json *j, struct tk_str type, struct tk_str data,
                     struct tk_api_event *ret);
int tk__openai_body(struct tk_json *j, struct tk_str body, struct tk_api_event *ret);

/* The same for a reply that is a list in the member `list`, "data" or "results": what is in it is no
 * text; that it is there is TK_CH_CHOICES. */
int tk__openai_list(struct tk_json *j, struct tk_str body, const char *list,
                    struct tk_api_event *ret);

/* For formats with events of their own: everything unset; usage from an object of usage, whatever
 * the format calls its counts; an error from the value of `error`. 0, TK_E_FORMAT. */
void tk__openai_init(struct tk_api_event *ev);
int tk__openai_usage(struct tk_api_event *ev, struct tk_json_val *v);
int tk__openai_error(struct tk_api_event *ev, struct tk_json_val *v);

#endif
