/* hf.h - the data sets of the Hugging Face hub that `vllm bench serve` knows, by their names */
#ifndef TK_DATA_HF_H
#define TK_DATA_HF_H

#include "base/buf.h"
#include "data/data.h"

#define TK_HF_WHISPER "<|startoftranscript|><|en|><|transcribe|><|notimestamps|>"

struct tk_hf_set;
struct tk_hub_conf;

/* What tk_data_hf needs beside the conf; conf->path is a folder or file of this machine or a data set of
 * the hub, conf->chat the template for sets that have one. */
struct tk_data_hf {
    const struct tk_hf_set *set;
    const char *subset, *split;        /* NULL: the set's own, or the only one */
    const struct tk_hub_conf *hub;     /* not owned */
    bool is_streamed;                  /* files are read by parts, shuffled through a buffer */
    double min_distance, max_distance; /* blazedit: rows with a norm_distance between them */
    double min_seconds, max_seconds;   /* speech: clips as long as that */
    const char *speech_prompt;         /* of the newer sets of speech; NULL: none */
    const char *categories; /* functions: "simple,multiple"; NULL or none: the set's own */
};

/* The set whose name the path or, for a local copy, `name` (may be NULL) is. NULL: none that is known. */
const struct tk_hf_set *tk_hf_find(const char *path, const char *name);

/* Python's set of all known names, for the message that lists them. 0 or the buffer's code. */
int tk_hf_names(struct tk_buf *out);

bool tk_hf_has_template(const struct tk_hf_set *set);    /* prompts stand in the chat template */
bool tk_hf_needs_template(const struct tk_hf_set *set);  /* also with --skip-chat-template */
bool tk_hf_is_speech(const struct tk_hf_set *set);       /* its items are recordings */
bool tk_hf_has_long_speech(const struct tk_hf_set *set); /* … with no longest one by default */
bool tk_hf_has_functions(const struct tk_hf_set *set);   /* its items have tools */
bool tk_hf_makes_message(const struct tk_hf_set *set);   /* --enable-multimodal-chat means it … */
bool tk_hf_has_media_inside(const struct tk_hf_set *set); /* … and leaves no media beside it */
bool tk_hf_is_multimodal(
    const struct tk_hf_set *set); /* prompts have an image, a video or a clip */

extern const struct tk_data_ops tk_data_hf;

#endif
