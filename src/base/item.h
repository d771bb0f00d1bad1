/* item.h - one prompt of a workload, with what is known of it
 *
 * Made by the data sets, encoded by the wire formats, which know nothing of each other.
 */
#ifndef TK_BASE_ITEM_H
#define TK_BASE_ITEM_H

#include "base/def.h"

/* One prompt with what is known of it; slices belong to the data set. */
struct tk_item {
    struct tk_str prompt;   /* text; empty when `messages` or `prompt_json` is given */
    struct tk_str messages; /* a JSON array of chat messages, or empty */
    struct tk_str tools;    /* JSON of functions that the model may call, in the form in which it is
                                  sent, or empty; vllm's chats alone */
    struct tk_str
        prompt_json; /* JSON in the text's place, or empty: an array of token ids or of texts,
                                  in the form in which it is sent */
    /* These two are malloced each, as they are large and may be given up one by one. */
    struct tk_str media;   /* content parts of a chat beside the text, or empty: JSON objects with
                                  ", " between them, in the form in which they are sent */
    struct tk_str audio;   /* the bytes of an audio file to be transcribed, or empty */
    bool is_whole_content; /* of a chat's message: `media` has its texts too, there is no prompt */
    int64_t prompt_tokens; /* -1: not known */
    int64_t output_tokens; /* how many to ask for; -1: leave it to the server */
    tk_ns due;             /* timed_trace: when it is to be sent, from the begin of the load */
    uint32_t row;          /* row of the data set that it came from, from 0 */
};

#endif
