/* config_classes.h - what config.c knows of transformers' classes; the tables are made by a script */
#ifndef TK_TOKEN_CONFIG_CLASSES_H
#define TK_TOKEN_CONFIG_CLASSES_H

#include "base/def.h"

#define TK__N_ROLES 7 /* bos, eos, unk, sep, pad, cls, mask */
#define TK__ROLE_MASK 6
#define TK__N_ADDITIONAL 4

/* What a class does to ids beyond its special tokens. */
enum tk__family {
    TK__FAMILY_PLAIN,
    TK__FAMILY_LLAMA,   /* makes the post-processor from add_bos_token, add_eos_token */
    TK__FAMILY_GEMMA,   /* the same */
    TK__FAMILY_COHERE,  /* the same, and puts add_prefix_space into sequences */
    TK__FAMILY_BLOOM,   /* puts add_prefix_space into sequences */
    TK__FAMILY_NEOX,    /* makes the post-processor; without a BOS by default */
    TK__FAMILY_T5,      /* adds sentinels */
    TK__FAMILY_BERT,    /* makes the normalizer from do_lower_case and its kin */
    TK__FAMILY_MPNET,   /* the same, but for Chinese characters */
    TK__FAMILY_REFUSED, /* does more */
};

struct tk__class {
    const char *name; /* without "Fast" at its end */
    enum tk__family family;
    uint8_t wraps;   /* a bit by role: its text becomes an added token, with flags of the class */
    bool normalizes; /* … which is looked for in normalized text */
    const char *defaults[TK__N_ROLES]; /* special tokens that the configuration need not name */
    const char *additional[TK__N_ADDITIONAL]; /* the same, without a role; Llama's always count */
};

extern const struct tk__class tk__classes[]; /* ends with a NULL name */
/* config.json's model_type, class; ends with NULL. */
extern const char *const tk__class_of_type[][2];

/* By name, with "Fast" or without it; NULL: one that does nothing of its own. */
const struct tk__class *tk__class_find(struct tk_str name);
/* The class of models of that type; NULL: none of these. */
const struct tk__class *tk__class_find_type(struct tk_str model_type);

#endif
