/* hf_files.h - which files of a data set's folder hold a split, by the rules of Hugging Face's `datasets` */
#ifndef TK_DATA_HF_FILES_H
#define TK_DATA_HF_FILES_H

#include "base/def.h"
#include "base/err.h"

#define TK__HF_MAX_FILES 20000
#define TK__HF_MAX_README ((size_t)4 << 20)

/* Names of files, relative to their folder, in order. */
struct tk__names {
    char **v; /* owned, each too */
    size_t n, cap;
};

int tk__names_add(struct tk__names *names, struct tk_str name); /* 0, TK_E_LIMIT, -ENOMEM */
void tk__names_sort(struct tk__names *names);
void tk__names_release(struct tk__names *names); /* may be called twice */

/* Where a data set's files are looked for. */
struct tk__hf_folder {
    const char *what;     /* the data set, for messages */
    struct tk__names all; /* sorted */
    struct tk_str readme; /* README.md, or empty */
    bool is_converted;    /* the hub's Parquet conversion: SUBSET/SPLIT/0000.parquet */
};

/* The files of the split, in order; `subset` and `split` may be NULL, where there is but one. 0; TK_E_NOT_FOUND (no such
 * subset or split, or several and none named: which there are); -ENOENT (no files that could be read); TK_E_LIMIT; -ENOMEM. */
int tk__hf_choose(const struct tk__hf_folder *f, const char *subset, const char *split,
                  struct tk__names *ret, struct tk_err *reterr);

/* All files below a folder of this machine, hidden ones left out. */
int tk__hf_list(const char *path, struct tk__names *ret, struct tk_err *reterr);

/* Does the path match a pattern with *, ?, [sets], and ** for any folders? */
bool tk__hf_matches(const char *pattern, const char *path);

#endif
