/* hf_readme.h - the `configs` in the head of a data set's README.md: subset, split, files */
#ifndef TK_DATA_HF_README_H
#define TK_DATA_HF_README_H

#include "base/def.h"

#define TK__README_MAX_ENTRIES 10000
#define TK__README_MAX_NAME 256 /* bytes of a subset's or a split's name */

/* One pattern of files. */
struct tk__readme_entry {
    struct tk_str config, split; /* of the text */
    char *pattern;               /* owned */
    bool is_default;             /* its configuration is said to be the default */
};

struct tk__readme {
    struct tk__readme_entry *v; /* owned */
    size_t n, cap;
};

/* The text must outlive *ret; the time is that of one walk through it. 0 (also when there is no such head),
 * TK_E_LIMIT or -ENOMEM. To be released in any case. */
int tk__readme_read(struct tk_str text, struct tk__readme *ret);
void tk__readme_release(struct tk__readme *r); /* may be called twice */

#endif
