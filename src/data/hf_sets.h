/* hf_sets.h - how a row of each known data set becomes a prompt */
#ifndef TK_DATA_HF_SETS_H
#define TK_DATA_HF_SETS_H

#include "data/hf.h"
#include "data/inside.h"

/* A row on its way to an item. */
struct tk__hf_row {
    const struct tk_data_hf *hf;
    const char *path;  /* of the data set: a folder or file of this machine, or its name */
    struct tk__row at; /* for messages */
    bool is_turned;    /* its pictures are turned as they are to be seen */
    struct tk_err *reterr;
    /* what `make` fills */
    struct tk_buf prompt;   /* text, or … */
    struct tk_buf messages; /* … the messages that the chat template makes one of */
    struct tk_buf tools;    /* functions that go with them */
    struct tk_buf plain;    /* of such messages: their texts, where no template counts them */
    struct tk_str answer;   /* whose length is asked for; the parser's */
    const char *media_kind; /* "image", "video", "audio"; NULL: none */
    struct tk_json_val media;
};

/* Append the row's image or video as a content part of a chat: bytes as the JPEG that PIL would save, a text as
 * URL. 0 or a code with words. */
int tk__hf_add_media(struct tk__hf_row *r, struct tk_buf *out);

/* Append the row's recording as WAV: 1, 0 (it is too short or too long), or a code with words. */
int tk__hf_add_speech(struct tk__hf_row *r, struct tk_buf *out);

/* The `make` of rows with functions. */
int tk__hf_make_functions(struct tk__hf_row *r, struct tk_json_val *root);

/* Which lengths are kept. */
enum tk__hf_lengths {
    TK__HF_ANY,      /* all: those of the answer are asked for whatever they are */
    TK__HF_SENSIBLE, /* as ShareGPT's, where the answer's length is asked for */
    TK__HF_ALWAYS,   /* as ShareGPT's, also with --hf-output-len */
    TK__HF_LONG,     /* up to 2,048 and 32,000, where the answer's length is asked for */
};

struct tk_hf_set {
    const char *ids[8];  /* NULL behind the last */
    const char *split;   /* NULL: the user's */
    const char *subset;  /* where the user names none; NULL: the only one */
    bool is_split_fixed; /* whatever the user says */
    bool has_no_subset;  /* whatever the user says */
    bool is_path_only;   /* not found by --hf-name */
    bool is_read_whole;  /* and shuffled so, not as a stream */
    bool has_template;   /* chat template around the prompt */
    bool is_multimodal;
    bool is_speech;        /* its items are recordings … */
    bool is_newer;         /* … of any length, whose prompt is up to the tokenizer's family */
    bool keeps_channels;   /* they are not mixed to one */
    bool has_files;        /* they lie beside the rows, which name them, and are sent as they are */
    bool makes_message;    /* where that is asked for, the prompt is a chat's message … */
    bool has_media_inside; /* … whose media are in it alone */
    bool has_plain_answer; /* the answer is counted without what the tokenizer adds */
    bool ignores_output;   /* --hf-output-len has no effect */
    int64_t output_tokens; /* to ask for; 0: those of the answer */
    enum tk__hf_lengths lengths;
    const char *columns[6]; /* that are read; NULL behind the last */
    /* Fill the row from its JSON: 1, 0 (it is passed over), or a code with words. */
    int (*make)(struct tk__hf_row *r, struct tk_json_val *root);
};

#endif
