/* api.h - wire formats: how an item of the workload becomes a request body, and what events mean
 *
 * One file per format, each a const table. Encoding happens before the load starts. Decoding is on
 * the hot path: one event of a stream at a time, no allocation once warm.
 */
#ifndef TK_API_API_H
#define TK_API_API_H

#include "base/buf.h"
#include "base/channel.h"
#include "base/def.h"
#include "base/err.h"
#include "base/item.h"
#include "base/json.h"

/* What the user wants in every body. */
struct tk_api_opts {
    const char *model;           /* goes into `model` */
    bool is_streamed;            /* `stream`, and stream_options.include_usage with it */
    bool wants_continuous_usage; /* stream_options.continuous_usage_stats */
    bool ignores_eos;            /* `ignore_eos` */
    bool has_temperature;
    double temperature;
    const char *limit_key; /* name of the bound on the answer's tokens; NULL: the format's own,
                                `max_completion_tokens` in chat, `max_tokens` in completions */
    struct tk_str extra;   /* JSON object merged last, key by key: a key that the body has is
                                replaced where it stands, others follow; or empty */
};

/* What an event means. Slices live until the next event is decoded. */
struct tk_api_event {
    unsigned channels;       /* enum tk_channel, of any choice */
    struct tk_str text;      /* answer text of the first choice (index 0); of several text parts the
                                first that is not empty */
    struct tk_str reasoning; /* its reasoning text, likewise */
    uint32_t text_bytes;     /* generated text of any channel and choice in it: answer, reasoning,
                                refusal, names and arguments of tool calls */
    int64_t prompt_tokens, output_tokens, reasoning_tokens,
        cached_tokens;   /* usage; -1: not there */
    unsigned finish;     /* enum tk_finish; of the first choice */
    struct tk_str error; /* message of an error object; may be empty and may have line ends */
    bool is_done;        /* the end mark */
};

/* Longest message made of a body that is no JSON, or of one that holds no message. */
#define TK_API_TEXT_ERROR_BYTES 200

struct tk_api_ops {
    const char *name; /* "chat" */
    const char *help;
    const char *path; /* where it is served: "/v1/chat/completions" */
    /* Append the request body for `item` to `out`. 0; TK_E_UNSUPPORTED (a completions prompt of
     * messages cannot be sent; the row is in the message), TK_E_FORMAT (`extra` is no JSON object),
     * TK_E_LIMIT, -ENOMEM: `out` is as before then. NULL: dialects make the bodies of this format. */
    int (*encode)(const struct tk_api_opts *o, const struct tk_item *item, struct tk_buf *out,
                  struct tk_err *reterr);
    /* Decode the data of one server-sent event; TK_JSON_PADDING readable bytes follow it. `type` is
     * its `event:` line or empty. 0, TK_E_FORMAT (damaged, or no object), TK_E_LIMIT, -ENOMEM; *ret
     * is filled in any case, with what was read before the damage. Values of an unexpected type are
     * passed over. */
    int (*decode_event)(struct tk_json *j, struct tk_str type, struct tk_str data,
                        struct tk_api_event *ret);
    /* Decode the whole body of a reply that was not streamed (or of an error status); padding and
     * codes as above. A body that is no JSON is TK_E_FORMAT, its beginning is `error` then, so that
     * the caller has words for an error status. */
    int (*decode_body)(struct tk_json *j, struct tk_str body, struct tk_api_event *ret);
    /* Header that has the JSON of a reply whose body is bytes of another kind; NULL: there is none. */
    const char *meta_header;
};

extern const struct tk_api_ops tk_api_chat;
extern const struct tk_api_ops tk_api_completions;
extern const struct tk_api_ops tk_api_responses;
extern const struct tk_api_ops tk_api_transcriptions;
extern const struct tk_api_ops tk_api_embeddings;
extern const struct tk_api_ops tk_api_pooling;
extern const struct tk_api_ops tk_api_rerank;
extern const struct tk_api_ops *const tk_apis[]; /* NULL-terminated, in help order */

/* By name; NULL when there is none. */
const struct tk_api_ops *tk_api_find(const char *name);

/* The ids in the reply of GET /v1/models, first `cap` of them, as malloced strings (free them).
 * `ret_roots` likewise where the server gives one (else a copy of the id); may be NULL. Returns how
 * many, TK_E_FORMAT (no list of models), TK_E_LIMIT, -ENOMEM; nothing to free on failure. */
int tk_api_models(struct tk_json *j, struct tk_str body, char **ret_ids, char **ret_roots, int cap);

#endif
