/* vllm_files.h - the files that a run of `tokmark vllm` leaves, and where they go
 *
 *   check (nothing is made) ──► choose (folders, places) ──► the run ──► save
 *
 * A result that is not given a name gets the tool's, with the time of the run's end; the other files lie
 * beside it under the same name.
 */
#ifndef TK_CLI_VLLM_FILES_H
#define TK_CLI_VLLM_FILES_H

#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "dialect/vllm/vllm.h"

struct tk_vllm_files {
    const char *program; /* for messages */
    const struct tk_vllm_opts *o;
    bool has_pytorch;          /* the result once more for PyTorch's benchmark database */
    struct tk_buf run_path;    /* empty: none */
    struct tk_buf result_path; /* empty: none, or named after the run */
};

/* Fills the caller's memory; release it in any case. */
void tk_vllm_files_init(struct tk_vllm_files *f, const char *program, const struct tk_vllm_opts *o);
void tk_vllm_files_release(struct tk_vllm_files *f);

/* What a result of a given name would be written over; the folders need not be there yet. TK_E_NOT_FOUND:
 * a program that it needs is not there. */
int tk_vllm_files_check(const struct tk_vllm_files *f, struct tk_err *reterr);

/* Make folders, find the places, see that they can be written. */
int tk_vllm_files_choose(struct tk_vllm_files *f, struct tk_err *reterr);

/* Write what was asked for, and say where pictures went in lines of `said`. A picture that could not be
 * made is a warning on standard error, no error. */
int tk_vllm_files_save(struct tk_vllm_files *f, const struct tk_vllm *v,
                       const struct tk_vllm_form *form, const struct tk_vllm_figures *figures,
                       struct tk_buf *said, struct tk_err *reterr);

#endif
