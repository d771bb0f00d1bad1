/* hf_readme.h - the `configs` in the head of a data set's README.md: subset, split, files */
#ifndef TK_DATA_HF_README_H
#define TK_DATA_HF_README_H

#include "base/def.h"

/* One pattern of files. */
struct tk__readme_entry {
    char *config, *split, *pattern; /* owned */
    bool is_default;                /* its configuration is said to be the default */
};

struct tk__readme {
    struct tk__readme_entry *v; /* owned */
    size_t n, cap;
};

/* 0 (also when there is no such head), TK_E_LIMIT or -ENOMEM. To be released in any case. */
int tk__readme_read(struct tk_str text, struct tk__readme *ret);
void tk__readme_release(struct tk__readme *r); /* may be called twice */

#endif
